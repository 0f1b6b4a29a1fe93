//! A temporary state directory, and the key that opens its escrow.

use std::path::PathBuf;
use std::sync::Arc;

use age::x25519::Identity;
use pindesk::config;
use pindesk::domain::clock::Clock;
use pindesk::domain::text::CleanText;
use pindesk::escrow::Recipients;
use pindesk::jobs::Recorder;
use pindesk::journal::{Journal, JournalKind, JournalOptions, Operator, RecoveryReport};
use pindesk::preflight::RecordingConfig;
use pindesk::state_dir::StateDir;
use tempfile::TempDir;

use super::journal_fixture::operator_ana;

/// A file system in memory, if the machine has one: these tests check what is written, not the disk.
const TMPFS_DIR: &str = "/dev/shm";

/// A state directory, created at its first use, and the key that its PINs are encrypted to.
pub(crate) struct StateFixture {
    temp_dir: TempDir,
    identity: Option<Identity>,
}

impl Default for StateFixture {
    /// With one recipient.
    fn default() -> Self {
        Self { identity: Some(Identity::generate()), ..Self::without_recipients() }
    }
}

impl StateFixture {
    /// Without an escrow.
    pub(crate) fn without_recipients() -> Self {
        let temp_dir = TempDir::new_in(TMPFS_DIR).or_else(|_| TempDir::new()).expect("a temporary directory");
        Self { temp_dir, identity: None }
    }

    /// The same directory with another recipient from now on.
    pub(crate) fn with_new_recipient(self) -> Self {
        Self { identity: Some(Identity::generate()), ..self }
    }

    /// The path of the state directory.
    pub(crate) fn state_path(&self) -> PathBuf {
        self.temp_dir.path().join("state")
    }

    fn escrow_config(&self) -> config::EscrowSettings {
        let recipients = self.identity.iter().map(|identity| identity.to_public().to_string()).collect();
        config::EscrowSettings { recipients, recipients_file: None }
    }

    /// The settings with which a console records its changes here.
    pub(crate) fn recording_config(&self) -> RecordingConfig {
        RecordingConfig {
            state_dir: self.state_path(),
            kind: JournalKind::Real,
            escrow: self.escrow_config(),
            profile: CleanText::new("demo"),
            operator: operator_ana(),
            syslog: false,
            reads_after_open: false,
            #[cfg(debug_assertions)]
            sync_writes: true,
        }
    }

    /// Opens the journal and the escrow.
    pub(crate) fn open_journal(&self, clock: Clock) -> (Recorder, RecoveryReport) {
        let recipients = Recipients::load(&self.escrow_config()).expect("valid recipients").map(Arc::new);
        let options = JournalOptions {
            dir: StateDir::open_or_create(&self.state_path()).expect("a state directory"),
            operator: Operator::from_process(),
            kind: JournalKind::Real,
            recipients: recipients.clone(),
            clock,
            reads_after_open: false,
            #[cfg(debug_assertions)]
            sync_writes: true,
        };
        let (journal, recovered) = Journal::open(options).expect("the journal opens");
        (Recorder { journal, recipients, profile: CleanText::new("acme") }, recovered)
    }
}
