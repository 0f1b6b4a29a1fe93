//! A state directory of a test's own, and the key that opens its escrow.

use std::path::PathBuf;
use std::sync::Arc;

use age::x25519::Identity;
use pindesk::batch::Recorder;
use pindesk::config;
use pindesk::console::work::Recording;
use pindesk::escrow::Recipients;
use pindesk::journal::{Actor, Journal, Kind, Opening, Recovered};
use pindesk::moment::Clock;
use pindesk::state::StateDir;
use pindesk::text::CleanText;
use tempfile::TempDir;

/// Memory, where the system has a file system of it: most tests are about what is written, not about the disk.
const MEMORY: &str = "/dev/shm";

/// A state directory, made when it is first used, and whom its PINs are sealed to.
pub(crate) struct Books {
    dir: TempDir,
    identity: Option<Identity>,
}

impl Default for Books {
    /// With one recipient.
    fn default() -> Self {
        Self { identity: Some(Identity::generate()), ..Self::without_recipients() }
    }
}

impl Books {
    /// Where nothing is sealed.
    pub(crate) fn without_recipients() -> Self {
        let dir = TempDir::new_in(MEMORY).or_else(|_| TempDir::new()).expect("a directory");
        Self { dir, identity: None }
    }

    /// The same directory, but from now on its PINs are sealed to somebody else.
    pub(crate) fn with_another_recipient(self) -> Self {
        Self { identity: Some(Identity::generate()), ..self }
    }

    /// The state directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn escrow(&self) -> config::EscrowSettings {
        let recipients = self.identity.iter().map(|identity| identity.to_public().to_string()).collect();
        config::EscrowSettings { recipients, recipients_file: None }
    }

    /// What a console is told of it.
    pub(crate) fn recording(&self) -> Recording {
        Recording {
            state_dir: self.path(),
            kind: Kind::Real,
            escrow: self.escrow(),
            profile: CleanText::new("demo"),
            actor: Actor::from_process(),
            #[cfg(debug_assertions)]
            syncs: true,
        }
    }

    /// Opens journal and escrow.
    pub(crate) fn open(&self, clock: Clock) -> (Recorder, Recovered) {
        let recipients = Recipients::load(&self.escrow()).expect("good recipients").map(Arc::new);
        let opening = Opening {
            dir: StateDir::open_or_create(&self.path()).expect("a state directory"),
            actor: Actor::from_process(),
            kind: Kind::Real,
            recipients: recipients.clone(),
            clock,
            #[cfg(debug_assertions)]
            syncs: true,
        };
        let (journal, recovered) = Journal::open(opening).expect("a journal");
        (Recorder { journal, recipients }, recovered)
    }
}
