//! How long it takes to encrypt a PIN to a key of each kind, and to append a group of encrypted PINs with a sync.

use std::time::Duration;

use divan::Bencher;
use pindesk::config::EscrowSettings;
use pindesk::domain::change::{Change, ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::TwoStep;
use pindesk::domain::pin::Pin;
use pindesk::escrow::{EscrowEntry, EscrowFile, Recipients};
use pindesk::state_dir::StateDir;
use tempfile::TempDir;

const ENCRYPTED_AT: UtcTime = UtcTime::from_unix_seconds(1_795_356_302);

/// Short, because no other process holds the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// A typical number of concurrent requests.
const GROUP_SIZE: usize = 16;

/// Valid public keys whose private keys nobody has.
const X25519: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHvp7aptwxjOph/aTAlMGntAfYMxZHmBu1Hf95T52m3";
const RSA_3072: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDVXJzYZF7RAG+QmV8bQvoyJYE74e+4ipi8HVluv9HPAre4IIkDind26KbAA9Z0\
    byVLKJn8p47gHtyB9+6twj4HLXOpv2kkwgZrJBGYEQ1zIaLNpxFJCxywN/3U60tp3cregD+ELqzocQuj7hgqlIqC4IPdEPpZhsdI\
    sQnXTMrWwdGDKXVB8KWi3ia+wivKtP0FTvZjXA8IG+1LVs9HqSw83nfPB87Za9HuqidjI3RbeEK4ey2RakxxWm62AO/zVdmXDTNe\
    McFWOqUDeAHNyEiYYgMj/TusPQBecUKVFh7XX0BAjj/F/aa0mg92FSVDdXiE46Tt26sndkVugvnYlew/EJGuiRqf2al0HRhW8WOV\
    sAKicSQ7OmDXVwGvOkAQ6sMABkpHZi0ZUXIg2k7i4vMS9QlccpQPaey5U94l6bxkLwGxj9JHUHF27Ppcrk4Bzj12fWf1p3SGn+8P\
    mXfbaYzz1AKni3WLC3tSk1LKAC0Vx8Enddkb/DgXc24k5T1yoRU=";

fn main() {
    divan::main();
}

fn recipients(key: &str) -> Recipients {
    let settings = EscrowSettings { recipients: vec![key.to_owned()], recipients_file: None };
    Recipients::load(&settings).expect("a usable key").expect("one key")
}

fn change() -> Change {
    Change {
        id: ChangeId::new(),
        job: JobId::new(1),
        status_before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
        number: "106540352100143".parse().expect("an id"),
        waba: Some("102290129340398".parse().expect("an id")),
        pin: Pin::parse(b"409726").expect("six digits"),
    }
}

fn bench_encrypt(bencher: Bencher<'_, '_>, key: &str) {
    let recipients = recipients(key);
    bencher.with_inputs(change).bench_refs(|change| recipients.encrypt(change, ENCRYPTED_AT));
}

#[divan::bench]
fn encrypt_to_x25519(bencher: Bencher<'_, '_>) {
    bench_encrypt(bencher, X25519);
}

#[divan::bench]
fn encrypt_to_ed25519(bencher: Bencher<'_, '_>) {
    bench_encrypt(bencher, ED25519);
}

#[divan::bench]
fn encrypt_to_rsa_3072(bencher: Bencher<'_, '_>) {
    bench_encrypt(bencher, RSA_3072);
}

/// Writes to the build directory, because a temporary directory may be in memory, where a sync takes no time.
#[divan::bench]
fn append_a_group_with_sync(bencher: Bencher<'_, '_>) {
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let state = StateDir::open_or_create(&dir.path().join("state")).expect("a state directory");
    let file = EscrowFile::open(&state).expect("the file");
    let recipients = recipients(X25519);
    let group: Vec<EscrowEntry> =
        (0..GROUP_SIZE).map(|_| recipients.encrypt(&change(), ENCRYPTED_AT).expect("encrypted")).collect();
    bencher.bench_local(|| file.lock(LOCK_TIMEOUT).expect("locked").append(&group).expect("appended"));
}
