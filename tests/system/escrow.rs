//! The escrow through its public interface, and its file through the age program.

mod decrypting;
mod file;
mod recipe;
mod recipients;
mod writers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use age::x25519;
use pindesk::config::EscrowSettings;
use pindesk::domain::change::{Change, ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::TwoStep;
use pindesk::domain::pin::Pin;
use pindesk::escrow::{EscrowContents, EscrowEntry, EscrowFile, Recipients, RecipientsError};
use pindesk::state_dir::StateDir;
use tempfile::TempDir;

use crate::support::skip;

const ENCRYPTED_AT: UtcTime = UtcTime::from_unix_seconds(1_795_356_302);
const NUMBER: &str = "106540352100143";

/// Longer than any writer in these tests holds the lock.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

fn change(number: &str, pin: &str) -> Change {
    Change {
        id: ChangeId::new(),
        job: JobId::new(1),
        status_before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
        number: number.parse().expect("an id"),
        waba: Some("102290129340398".parse().expect("an id")),
        pin: Pin::parse(pin.as_bytes()).expect("six digits"),
    }
}

/// A temporary directory with keys of every kind, and a state directory whose path needs quoting in a shell.
struct EscrowFixture {
    temp_dir: TempDir,
    state_dir: StateDir,
}

impl EscrowFixture {
    fn new() -> Self {
        let temp_dir = TempDir::new().expect("a temporary directory");
        let state_dir =
            StateDir::open_or_create(&temp_dir.path().join("Ana's state (1)/$HOME")).expect("a state directory");
        Self { temp_dir, state_dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp_dir.path().join(name)
    }

    fn write_file(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn escrow_path(&self) -> PathBuf {
        self.state_dir.path().join("escrow.jsonl")
    }

    /// Creates an age key. Returns its file and its public key.
    fn age_key(&self, name: &str) -> (PathBuf, String) {
        use age::secrecy::ExposeSecret as _;
        let key = x25519::Identity::generate();
        let text = format!("# a key for tests\n\n{}\n", key.to_string().expose_secret());
        (self.write_file(name, text, 0o600), key.to_public().to_string())
    }

    /// Creates an SSH key, or reports that ssh-keygen is missing and returns `None`.
    fn ssh_key(&self, name: &str, options: &[&str], passphrase: &str) -> Option<(PathBuf, String)> {
        let path = self.path(name);
        let mut command = find_tool("ssh-keygen")?;
        command.args(["-q", "-N", passphrase, "-C", "ana@acme", "-f"]).arg(&path).args(options);
        assert!(command.status().expect("it ran").success());
        let public = fs::read_to_string(path.with_extension("pub")).expect("the public key");
        Some((path, public.trim().to_owned()))
    }

    fn append(&self, entries: &[EscrowEntry]) {
        let file = EscrowFile::open(&self.state_dir).expect("opened");
        file.lock(LOCK_TIMEOUT).expect("locked").append(entries).expect("appended");
    }

    fn contents(&self) -> EscrowContents {
        EscrowFile::read(&self.state_dir).expect("read")
    }
}

/// A program of the system, or a report that it is missing.
fn find_tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(name).is_file()) {
        return Some(Command::new(name));
    }
    skip::missing_program(name);
    None
}

fn recipients(keys: &[&str]) -> Recipients {
    load_recipients(keys).expect("usable keys").expect("at least one")
}

fn load_recipients(keys: &[&str]) -> Result<Option<Recipients>, RecipientsError> {
    Recipients::load(&EscrowSettings {
        recipients: keys.iter().map(|key| (*key).to_owned()).collect(),
        recipients_file: None,
    })
}

fn encrypt(recipients: &Recipients, number: &str, pin: &str) -> EscrowEntry {
    recipients.encrypt(&change(number, pin), ENCRYPTED_AT).expect("encrypted")
}

/// A valid public key without a known private key.
const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// Entries that no test can decrypt, because there is no private key.
fn entries(count: usize) -> Vec<EscrowEntry> {
    let team = recipients(&[AGE]);
    (0..count).map(|_| encrypt(&team, NUMBER, "012345")).collect()
}
