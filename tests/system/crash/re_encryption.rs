//! `escrow re-encrypt` that is killed: it loses nothing, and the next run goes on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use pindesk::config::EscrowSettings;
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::escrow::decrypt::Identities;
use pindesk::escrow::{EscrowFile, Recipients};
use pindesk::journal::JournalReader;
use serde_json::Value;

use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, number_id, outcome_record};
use crate::support::signals::reset_ignored_signals;

/// Some groups that are each recorded with one sync.
const NUMBERS: u32 = 1_400;

/// A journal in which each number has a PIN that is set, and the private key of a team that joins later.
async fn journal_with_many_pins() -> (JournalFixture, age::x25519::Identity, age::x25519::Identity) {
    let (first, joined) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let mut fixture = JournalFixture::new();
    fixture.recipients = Some(recipients(&[&first]));
    let (journal, _) = fixture.open();
    let numbers: Vec<u32> = (1..=NUMBERS).collect();
    let job = journal.start_job(job_plan(&numbers)).await.expect("recorded");
    let intents: Vec<_> = numbers.iter().map(|n| fixture.intent(job, *n, START_TIME)).collect();
    let sent = intents.iter().map(|intent| journal.record_intent(intent.clone()));
    let sent = futures_util::future::join_all(sent).await;
    let ended = intents.iter().map(|intent| outcome_record(intent, Standing::Set, START_TIME));
    let ended = futures_util::future::join_all(ended.map(|record| journal.record_outcome(record))).await;
    assert!(sent.iter().chain(&ended).all(Result::is_ok));
    journal.close();
    fixture.recipients = Some(recipients(&[&first, &joined]));
    let (journal, _) = fixture.open();
    journal.accept_recipients().await.expect("recorded");
    journal.close();
    (fixture, first, joined)
}

fn recipients(keys: &[&age::x25519::Identity]) -> Arc<Recipients> {
    let recipients = keys.iter().map(|key| key.to_public().to_string()).collect();
    let settings = EscrowSettings { recipients, recipients_file: None };
    Arc::new(Recipients::load(&settings).expect("valid keys").expect("keys"))
}

/// The command, with a config that names both keys.
fn re_encrypt(fixture: &JournalFixture, confirm: &str) -> Command {
    reset_ignored_signals();
    let path = |name: &str| fixture.temp_path().join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
    command.env_clear().arg("--config").arg(path("config.toml")).arg("--state-dir").arg(fixture.state_path());
    command.args(["escrow", "re-encrypt", "--json", "--confirm", confirm, "--identity"]).arg(path("key.txt"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

/// How many PINs the journal has encrypted again.
fn recorded(fixture: &JournalFixture) -> usize {
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    reader.re_encrypted_pins(&[]).expect("readable").len()
}

#[tokio::test]
async fn a_killed_re_encryption_loses_nothing_and_goes_on() {
    let (fixture, first, joined) = journal_with_many_pins().await;
    let [key, config] = ["key.txt", "config.toml"].map(|name| fixture.temp_path().join(name));
    write_private(&key, first.to_string().expose_secret());
    let keys = [&first, &joined].map(|key| key.to_public().to_string());
    let profile = "[profile.acme]\ntoken_file = \"/none\"\n[[profile.acme.waba]]\nid = \"1\"\n";
    write_private(&config, &format!("{profile}[escrow]\nrecipients = {keys:?}\n"));
    let before = EscrowFile::read(&fixture.state_dir()).expect("readable").entries;
    let mut kills = 0;
    // Killed as soon as another group is recorded, or while one is.
    while recorded(&fixture) < NUMBERS as usize && kills < 20 {
        let left = NUMBERS as usize - recorded(&fixture);
        let start = recorded(&fixture);
        let mut child = re_encrypt(&fixture, &left.to_string()).spawn().expect("it starts");
        while recorded(&fixture) == start && child.try_wait().expect("a process").is_none() {
            std::thread::yield_now();
        }
        child.kill().ok();
        child.wait().expect("it ends");
        kills += 1;
    }
    assert!((3..20).contains(&kills), "{kills} kills");
    let done = re_encrypt(&fixture, "0").output().expect("it runs");
    let summary: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((done.status.code(), &summary["re_encrypted"]), (Some(0), &Value::from(0)), "{done:?}");

    let contents = EscrowFile::read(&fixture.state_dir()).expect("readable");
    assert_eq!(contents.entries[..before.len()], before[..]);
    let name = CleanText::new("key");
    let new_key = joined.to_string();
    let identities = Identities::parse(new_key.expose_secret().as_bytes(), &name, &|_| None).expect("a key");
    let opened: BTreeSet<_> = contents.entries[before.len()..]
        .iter()
        .map(|entry| {
            let decrypted = identities.decrypt(entry).expect("the new key opens it");
            assert_eq!(decrypted.pin.expose(), b"271828");
            entry.number
        })
        .collect();
    assert_eq!(opened, (1..=NUMBERS).map(number_id).collect());
    let (journal, report) = fixture.open();
    journal.close();
    assert_eq!((report.findings, report.unresolved), (Vec::new(), Vec::new()));
}
