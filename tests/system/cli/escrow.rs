//! `escrow`: what it lists, which keys decrypt a PIN, and what it reports of entries that cannot be decrypted.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::{names_of, set_one_pin};
use crate::support::cli_fixture::{CliFixture, CommandOutput, PIN};
use crate::support::pty::PtySession;
use crate::support::skip;

/// A fixture where one number got [`PIN`], and the ID of that number.
pub(super) fn fixture_with_one_pin() -> (CliFixture, String) {
    let cli = CliFixture::without_faults();
    let id = set_pin(&cli, 0);
    (cli, id)
}

/// Sets the PIN of the `n`th number without one, and returns its ID.
pub(super) fn set_pin(cli: &CliFixture, n: usize) -> String {
    let id = cli.number_ids("not-set", n + 1).remove(n);
    let output = set_one_pin(cli, &id, &["--replace"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    id
}

/// Runs `escrow open` with a key file of the fixture.
pub(super) fn open_escrow(cli: &CliFixture, key: &str, more: &[&str]) -> CommandOutput {
    let key = cli.path(key);
    cli.run(&[&["escrow", "open", "--identity", key.to_str().expect("UTF-8")][..], more].concat())
}

#[test]
fn a_list_names_encrypted_pins_and_shows_none() {
    let (cli, id) = fixture_with_one_pin();
    let other = set_pin(&cli, 1);
    let text = cli.run(&["escrow", "list"]);
    let row = |id: &String| {
        let [display, name] = names_of(&cli, id);
        let at = cli.run(&["escrow", "list", "--json", id]).summary()["records"][0]["at"].as_str().expect("a time")
            [..16]
            .replace('T', " ");
        format!("{display:<17}  {name:<23}  {at}  {id}\n")
    };
    let mut rows = [row(&id), row(&other)];
    rows.sort();
    let heading = "NUMBER             NAME                     ENCRYPTED (UTC)   ID\n";
    assert_eq!(text.stdout, format!("{heading}{}2 encrypted PINs of 2 numbers.\n", rows.concat()));
    let summary = cli.run(&["escrow", "list", "--json", &other]).summary();
    let record = &summary["records"][0];
    assert_eq!(record["phone_number_id"], other);
    assert_eq!(record.as_object().expect("an object").len(), 9);
    assert_eq!(summary, json!({"schema": 1, "records": [record], "unreadable_lines": [], "is_torn": false}));
    let nothing = cli.run(&["escrow", "list", "200000000009999"]);
    assert_eq!(nothing.stderr, "pindesk: no encrypted PIN for number 200000000009999.\n");
    assert!(!text.stdout.contains(PIN));
}

#[test]
fn a_decrypted_pin_is_recorded_in_the_audit() {
    let (cli, id) = fixture_with_one_pin();
    let opened = open_escrow(&cli, "key.txt", &["--json"]);
    let summary = opened.summary();
    assert_eq!((opened.code, opened.stderr.as_str()), (Some(0), ""));
    assert_eq!((&summary["records"][0]["pin"], &summary["records"][0]["phone_number_id"]), (&json!(PIN), &json!(id)));
    assert_eq!(summary["unopened"], json!([]));
    let audit = cli.run(&["audit", "show", "--json"]).summary();
    let last = audit["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!((&last["action"], &last["phone_number_id"]), (&json!("opened"), &json!(id)));
}

#[test]
fn the_escrow_file_alone_decrypts_without_an_audit_row() {
    let (cli, _) = fixture_with_one_pin();
    fs::create_dir(cli.path("copy")).expect("the directory is created");
    fs::set_permissions(cli.path("copy"), Permissions::from_mode(0o700)).expect("the mode is set");
    fs::copy(cli.state_path("escrow.jsonl"), cli.path("copy/escrow.jsonl")).expect("the file is copied");
    fs::remove_file(cli.path(".config/pindesk/config.toml")).expect("the file exists");
    let copy = cli.path("copy");
    let opened = open_escrow(&cli, "key.txt", &["--json", "--state-dir", copy.to_str().expect("UTF-8")]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    assert!(opened.stderr.starts_with("pindesk: the journal does not record this decryption: "), "{opened:?}");
    let entries: Vec<_> = fs::read_dir(cli.path("copy")).expect("the directory is readable").collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
}

#[test]
fn a_pin_is_not_written_to_a_pipe_without_json() {
    let (cli, _) = fixture_with_one_pin();
    let refused = open_escrow(&cli, "key.txt", &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.starts_with("pindesk: refusing to print PINs to a pipe or file; use --json if you mean it"),
        "{refused:?}"
    );
}

#[test]
fn an_ssh_key_decrypts_too() {
    let cli = CliFixture::without_faults();
    let key = cli.path("id_ed25519");
    let keygen = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ana@acme", "-f", key.to_str().expect("UTF-8")])
        .stdin(Stdio::null())
        .status();
    if !keygen.is_ok_and(|status| status.success()) {
        skip::missing_program("ssh-keygen");
        return;
    }
    let public = fs::read_to_string(cli.path("id_ed25519.pub")).expect("the public key");
    cli.write_config("", &[public.trim()]);
    set_pin(&cli, 0);
    let opened = open_escrow(&cli, "id_ed25519", &["--json"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    let foreign = open_escrow(&cli, "key.txt", &["--json"]);
    let unopened = &foreign.summary()["unopened"][0];
    assert_eq!((foreign.code, &unopened["reason"]), (Some(3), &json!("this key cannot open it")), "{foreign:?}");
}

#[test]
fn no_input_never_asks_for_a_passphrase() {
    let (cli, _) = fixture_with_one_pin();
    let key = cli.path("locked");
    let keygen = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "made-up words", "-f", key.to_str().expect("UTF-8")])
        .stdin(Stdio::null())
        .status();
    if !keygen.is_ok_and(|status| status.success()) {
        skip::missing_program("ssh-keygen");
        return;
    }
    let refused = open_escrow(&cli, "locked", &["--json", "--no-input"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""), "{refused:?}");
    assert!(refused.stderr.contains("it is protected by a passphrase, and none was given"), "{refused:?}");
}

#[test]
fn the_pin_of_an_altered_line_is_not_shown() {
    let (cli, id) = fixture_with_one_pin();
    let file = cli.state_path("escrow.jsonl");
    let altered = fs::read_to_string(&file).expect("the file is readable").replace(&id, "200000000009999");
    let copy = cli.write_file("copy/escrow.jsonl", 0o600, &(altered + "nonsense\n{\"v\":1,\"cut"));
    fs::set_permissions(cli.path("copy"), Permissions::from_mode(0o700)).expect("the mode is set");
    let dir = copy.trim_end_matches("/escrow.jsonl");
    let opened = open_escrow(&cli, "key.txt", &["--json", "--state-dir", dir]);
    assert_eq!((opened.code, &opened.summary()["records"]), (Some(6), &json!([])), "{opened:?}");
    let reason = opened.summary()["unopened"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("the line was altered") && !opened.stdout.contains(PIN), "{reason}");
    assert_eq!(
        (&opened.summary()["unreadable_lines"], &opened.summary()["is_torn"]),
        (&json!([2]), &Value::Bool(true))
    );
    assert!(opened.stderr.contains("line 2 of the escrow file cannot be read."), "{opened:?}");
    assert!(opened.stderr.contains("the last line of the escrow file is truncated"), "{opened:?}");
}

#[test]
fn the_recipe_names_the_file_and_works_without_a_config() {
    let cli = CliFixture::without_faults();
    fs::remove_file(cli.path(".config/pindesk/config.toml")).expect("the file exists");
    let recipe = cli.run(&["escrow", "recipe"]);
    assert!(recipe.code == Some(0) && recipe.stdout.contains("~/.local/state/pindesk/escrow.jsonl"), "{recipe:?}");
    assert!(recipe.stdout.contains("age -d -i FILE"));
    let fresh = cli.run(&["escrow", "list"]);
    assert_eq!((fresh.code, fresh.stdout.as_str()), (Some(0), "No encrypted PINs yet in ~/.local/state/pindesk.\n"));
}

/// Rewrites the escrow file, and then runs `escrow open` for this number.
fn open_escrow_after_edit(cli: &CliFixture, id: &str, edit: impl FnOnce(&str) -> String) -> CommandOutput {
    let file = cli.state_path("escrow.jsonl");
    let text = fs::read_to_string(&file).expect("the file is readable");
    fs::write(&file, edit(&text)).expect("the file is written");
    open_escrow(cli, "key.txt", &["--json", id])
}

/// Changes one character of an encrypted PIN, so that it stays base64.
fn flip_encrypted_byte(text: &str) -> String {
    let at = text.find("\"sealed\":\"").expect("an encrypted PIN") + 300;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// Returns an edited text of the escrow file, from the ID of its number and the text.
type EditEscrowFile = fn(&str, &str) -> String;

#[test]
fn a_damaged_line_is_read_from_the_journal_instead() {
    let other = "200000000009999";
    let edits: [(&str, EditEscrowFile); 3] = [
        ("its encrypted content is damaged", |_, text| flip_encrypted_byte(text)),
        ("", |id, text| text.replace(id, "200000000009999")),
        ("", |_, text| text.replace("\"v\":1", "\"v\":7")),
    ];
    for (why, edit) in edits {
        let (cli, id) = fixture_with_one_pin();
        let opened = open_escrow_after_edit(&cli, &id, |text| edit(&id, text));
        let records = &opened.summary()["records"];
        assert_eq!((opened.code, &records[0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
        assert_eq!(
            (&records[0]["phone_number_id"], opened.summary()["unopened"].as_array()),
            (&json!(id), Some(&vec![]))
        );
        if !why.is_empty() {
            let message = format!("{why}. The PIN that is shown is from the journal's copy.");
            assert!(opened.stderr.contains(&message), "{opened:?}");
        }
        // `escrow open` opened the journal, which added its own line to the file. Now either one is enough again.
        let finding = if why.is_empty() { "escrow file" } else { "a line of the escrow file differs from the journal" };
        assert!(opened.stderr.contains(finding), "{opened:?}");
        fs::remove_file(cli.state_path("journal.db")).expect("the file is removed");
        let again = open_escrow(&cli, "key.txt", &["--json", &id]);
        assert_eq!((again.code, &again.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{again:?}");
        let foreign = open_escrow(&cli, "key.txt", &["--json", other]);
        assert_eq!((foreign.code == Some(0), &foreign.summary()["records"]), (false, &json!([])), "{foreign:?}");
    }
}

#[test]
fn a_list_names_changes_whose_lines_differ() {
    let (cli, id) = fixture_with_one_pin();
    let whole = cli.run(&["escrow", "list", "--json"]);
    assert_eq!(whole.stderr, "");
    let change = whole.summary()["records"][0]["change"].as_str().expect("a change ID").to_owned();
    let file = cli.state_path("escrow.jsonl");
    let text = fs::read_to_string(&file).expect("the file is readable");
    fs::write(&file, text.replace(&id, "200000000009999")).expect("the file is written");
    let message = format!(
        "pindesk: number 200000000009999, change {change}: 2 entries differ, and one is listed. To see those that can be decrypted: pindesk escrow open --identity FILE\n"
    );
    for arguments in [&["escrow", "list"][..], &["escrow", "list", "--json"]] {
        assert_eq!(cli.run(arguments).stderr, message);
    }
    // A new journal does not know the job that a line names. That is not a difference.
    fs::write(&file, text).expect("the file is restored");
    fs::remove_file(cli.state_path("journal.db")).expect("the file is removed");
    assert!(
        open_escrow(&cli, "key.txt", &["--json"])
            .stderr
            .contains("pindesk: the journal does not record this decryption")
    );
    assert_eq!(cli.run(&["escrow", "ack", "--confirm", "1"]).code, Some(0));
    let restarted = cli.run(&["escrow", "list", "--json"]);
    assert_eq!((restarted.stderr.as_str(), &restarted.summary()["records"][0]["request"]), ("", &json!("no_answer")));
}

/// Truncates the last line of the escrow file.
fn truncate_last_line(text: &str) -> &str {
    &text[..text.len() - 50]
}

#[test]
fn a_truncated_last_line_may_have_been_sent() {
    let (cli, first) = fixture_with_one_pin();
    let older = fs::read(cli.state_path("journal.db")).expect("the journal");
    let second = set_pin(&cli, 1);
    let whole = fs::read_to_string(cli.state_path("escrow.jsonl")).expect("the file is readable");
    fs::write(cli.state_path("escrow.jsonl"), truncate_last_line(&whole)).expect("the file is truncated");

    let certain = "pindesk: the last line of the escrow file is truncated, or is being written. No PIN that was sent is lost: the journal has all of them.\n";
    let listed = cli.run(&["escrow", "list", "--json"]);
    assert_eq!((listed.code, listed.stderr.as_str(), &listed.summary()["is_torn"]), (Some(0), certain, &json!(true)));
    let numbers: Vec<_> = (0..2).map(|n| listed.summary()["records"][n]["phone_number_id"].clone()).collect();
    assert_eq!(numbers, [json!(first), json!(second)]);

    fs::write(cli.state_path("journal.db"), older).expect("the file is restored");
    let older = "pindesk: the journal ends at audit row 4, but it once reached row 7: it was truncated, or replaced with an older copy.\n";
    let uncertain = "pindesk: the last line of the escrow file is truncated. Its PIN may have been sent, and there is no complete journal here that has it. Look for it in a complete copy of either file.\n";
    let listed = cli.run(&["escrow", "list", "--json"]);
    let expected = older.to_owned() + uncertain;
    assert_eq!((listed.code, &listed.stderr, &listed.summary()["is_torn"]), (Some(6), &expected, &json!(true)));
    fs::remove_file(cli.state_path("journal.db")).expect("the file is removed");
    for command in [&["list"][..], &["open", "--identity", cli.path("key.txt").to_str().expect("UTF-8")]] {
        let output = cli.run(&[&["escrow"], command, &["--json"]].concat());
        assert!(output.code == Some(6) && output.stderr.starts_with(uncertain), "{output:?}");
    }
}

/// The screen of `escrow open` on a terminal of 80 columns.
pub(super) fn open_escrow_in_terminal(cli: &CliFixture, state_dir: &Path, more: &[&str]) -> String {
    let (home, key) = (cli.path(""), cli.path("key.txt"));
    let utf8 = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (key, state_dir) = (utf8(&key), utf8(state_dir));
    let args = [&["escrow", "open", "--identity", &key, "--state-dir", &state_dir][..], more].concat();
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &args, (80, 24), &[("HOME", &utf8(&home))]);
    session.wait_exit();
    session.screen()
}

/// The escrow file with another PIN encrypted into its first line, as anyone can write it who may write the file.
fn with_forged_pin(cli: &CliFixture, text: &str, pin: &str) -> String {
    let (context, sealed) = text.lines().next().and_then(|line| line.split_once(",\"sealed\":")).expect("a line");
    let (start, _) = context.split_once(",\"job\":").unwrap_or((context, ""));
    let key: age::x25519::Recipient = cli.recipient().parse().expect("a key");
    let other = age::encrypt(&key, format!("{start},\"pin\":\"{pin}\"}}").as_bytes()).expect("the PIN is encrypted");
    text.replace(sealed, &format!("\"{}\"}}", BASE64_STANDARD.encode(other)))
}

#[test]
fn two_pins_for_one_change_are_both_shown_as_a_failure() {
    let (cli, id) = fixture_with_one_pin();
    let opened = open_escrow_after_edit(&cli, &id, |text| with_forged_pin(&cli, text, "135790"));
    let shown = |output: &CommandOutput| -> Vec<(Value, Value)> {
        let records = output.summary()["records"].as_array().expect("records").clone();
        assert!(records.iter().all(|record| record["request"] == Value::Null), "{records:?}");
        records.into_iter().map(|record| (record["pin"].clone(), record["source"].clone())).collect()
    };
    assert_eq!(opened.code, Some(6), "{opened:?}");
    assert_eq!(shown(&opened), [(json!("135790"), json!("escrow_file")), (json!(PIN), json!("journal"))]);
    let change = opened.summary()["records"][0]["change"].as_str().expect("a change ID").to_owned();
    let [display, name] = names_of(&cli, &id);
    let message = format!(
        "pindesk: {display} {name}, change {change}: 2 different PINs are encrypted for it, and only one was sent: the escrow \
         file or the journal was altered. All are shown.\n"
    );
    assert!(opened.stderr.starts_with(&message), "{opened:?}");
    // The first `escrow open` added the journal's line to the file.
    let again = open_escrow(&cli, "key.txt", &["--json"]);
    assert_eq!(again.code, Some(6), "{again:?}");
    assert_eq!(shown(&again), [(json!("135790"), json!("escrow_file")), (json!(PIN), json!("both"))]);
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &[]);
    let note_of = |pin: &str| {
        let mut lines = screen.lines().skip_while(|line| !line.contains(&format!("{pin}  maybe")));
        lines.nth(1).map(|line| line.trim().to_owned())
    };
    assert_eq!(note_of("135790").as_deref(), Some("in the escrow file only"), "{screen}");
    assert_eq!(note_of(PIN).as_deref(), Some("in both file and journal"), "{screen}");
}

#[test]
fn a_forged_line_beside_a_foreign_one_is_a_failure() {
    let cli = CliFixture::without_faults();
    cli.write_config("", &[&age::x25519::Identity::generate().to_public().to_string()]);
    let id = set_pin(&cli, 0);
    let opened = open_escrow_after_edit(&cli, &id, |text| with_forged_pin(&cli, text, "135790"));
    let record = &opened.summary()["records"][0];
    assert_eq!((opened.code, &record["pin"], &record["request"]), (Some(6), &json!("135790"), &Value::Null));
    let message = "this key cannot open it. The PIN that is shown is from an entry of the escrow file.";
    assert!(opened.stderr.contains(message), "{opened:?}");
}

#[test]
fn a_private_key_may_come_from_a_pipe() {
    let (cli, _) = fixture_with_one_pin();
    let open = ["escrow", "open", "--identity", "-", "--json"];
    let key = fs::read_to_string(cli.path("key.txt")).expect("the file is readable");
    let opened = cli.run_with_stdin(&open, &key);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    let bad = cli.run_with_stdin(&open, "no key\n");
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(6), ""));
    assert!(bad.stderr.starts_with("pindesk: key file (standard input): line 1: this is not a private key"), "{bad:?}");
}

#[test]
fn each_decrypted_pin_gets_its_own_audit_row() {
    let (cli, _) = fixture_with_one_pin();
    set_pin(&cli, 1);
    let rows = || cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").clone();
    let before = rows().len();
    assert_eq!(open_escrow(&cli, "key.txt", &["--json"]).code, Some(0));
    let actions: Vec<_> = rows()[before..].iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["opened", "opened"]);
}

#[test]
fn a_suspended_writer_is_named_after_a_timeout() {
    let (cli, _) = fixture_with_one_pin();
    let file = fs::File::options().append(true).open(cli.state_path("escrow.jsonl")).expect("the file is readable");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).expect("the lock is free");
    let (output, holder) = (cli.run(&["escrow", "ack"]), std::process::id());
    assert_eq!((output.code, output.stdout.as_str()), (Some(6), ""), "{output:?}");
    let advice = format!("may be suspended. To resume it: kill -CONT {holder}. To end it after that: kill {holder}");
    assert!(output.stderr.contains(&advice), "{output:?}");
    // The PINs can still be decrypted, with a warning that this is not recorded.
    let opened = open_escrow(&cli, "key.txt", &["--json"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    assert!(
        opened.stderr.contains("the journal does not record this decryption: ") && opened.stderr.contains(&advice),
        "{opened:?}"
    );
}
