//! A state directory of a test's own, and the key that opens its escrow.

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

/// Memory, where the system has a file system of it: most tests are about what is written, not about the disk.
const TMPFS_DIR: &str = "/dev/shm";

/// A state directory, made when it is first used, and whom its PINs are sealed to.
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
    /// Where nothing is sealed.
    pub(crate) fn without_recipients() -> Self {
        let temp_dir = TempDir::new_in(TMPFS_DIR).or_else(|_| TempDir::new()).expect("a directory");
        Self { temp_dir, identity: None }
    }

    /// The same directory, but from now on its PINs are sealed to somebody else.
    pub(crate) fn with_new_recipient(self) -> Self {
        Self { identity: Some(Identity::generate()), ..self }
    }

    /// The state directory.
    pub(crate) fn state_path(&self) -> PathBuf {
        self.temp_dir.path().join("state")
    }

    fn escrow_config(&self) -> config::EscrowSettings {
        let recipients = self.identity.iter().map(|identity| identity.to_public().to_string()).collect();
        config::EscrowSettings { recipients, recipients_file: None }
    }

    /// What a console is told of it.
    pub(crate) fn recording_config(&self) -> RecordingConfig {
        RecordingConfig {
            state_dir: self.state_path(),
            kind: JournalKind::Real,
            escrow: self.escrow_config(),
            profile: CleanText::new("demo"),
            operator: Operator::from_process(),
            #[cfg(debug_assertions)]
            sync_writes: true,
        }
    }

    /// Opens journal and escrow.
    pub(crate) fn open_journal(&self, clock: Clock) -> (Recorder, RecoveryReport) {
        let recipients = Recipients::load(&self.escrow_config()).expect("good recipients").map(Arc::new);
        let opening = JournalOptions {
            dir: StateDir::open_or_create(&self.state_path()).expect("a state directory"),
            operator: Operator::from_process(),
            kind: JournalKind::Real,
            recipients: recipients.clone(),
            clock,
            #[cfg(debug_assertions)]
            sync_writes: true,
        };
        let (journal, recovered) = Journal::open(opening).expect("a journal");
        (Recorder { journal, recipients }, recovered)
    }
}
