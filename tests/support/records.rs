//! A state directory with a journal in it, and what is recorded there: made-up numbers, keys made on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use age::x25519::Identity;
use pindesk::config::EscrowSettings;
use pindesk::escrow::Recipients;
use pindesk::job::{StatusBefore, Change, ChangeId, JobId};
use pindesk::journal::{Actor, Intent, Journal, JournalError, Kind, Opening, PinSource, Plan, Recovered, Rest};
use pindesk::moment::{Clock, TimePoint, UtcTime};
use pindesk::number::{PhoneNumberId, TwoStep};
use pindesk::outcome::Outcome;
use pindesk::pin::Pin;
use pindesk::state::StateDir;
use pindesk::text::CleanText;
use rusqlite::Connection;
use tempfile::TempDir;

/// When the clock of a [`Desk`] starts.
pub(crate) const T0: UtcTime = UtcTime::from_unix_seconds(1_795_356_000);

/// Somebody who sets PINs, with a state directory that goes when the test ends.
pub(crate) struct Desk {
    home: PathBuf,
    _temporary: Option<TempDir>,
    pub(crate) recipients: Option<Arc<Recipients>>,
    /// What the clock says when a journal is opened.
    pub(crate) now: UtcTime,
}

/// The `n`th number.
pub(crate) fn number(n: u32) -> PhoneNumberId {
    format!("{}", 200_000_000_000_000_u64 + u64::from(n)).parse().expect("an id")
}

/// A new key, as a recipient.
pub(crate) fn recipients() -> Arc<Recipients> {
    let settings = EscrowSettings { recipients: vec![Identity::generate().to_public().to_string()], recipients_file: None };
    Arc::new(Recipients::load(&settings).expect("a good key").expect("one key"))
}

pub(crate) fn ana() -> Actor {
    Actor {
        host: CleanText::new("desk-1"),
        uid: 1000,
        euid: 1000,
        tty: Some(CleanText::new("/dev/pts/3")),
        user: Some(CleanText::new("ana")),
        sudo_user: None,
        ssh_connection: None,
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let temporary = TempDir::new().expect("a directory");
        let home = temporary.path().to_owned();
        Self { home, _temporary: Some(temporary), recipients: Some(recipients()), now: T0 }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.home.join("state")
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The database, for those who would tamper with it.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.file("journal.db")).expect("a database")
    }

    /// A text without the name of the temporary directory.
    pub(crate) fn told(&self, text: impl std::fmt::Display) -> String {
        text.to_string().replace(&*self.home.to_string_lossy(), "~")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn state(&self) -> StateDir {
        StateDir::open_or_create(&self.path()).expect("a good directory")
    }

    pub(crate) fn opening(&self) -> Opening {
        Opening {
            dir: self.state(),
            actor: ana(),
            kind: Kind::Real,
            recipients: self.recipients.clone(),
            clock: Clock::Anchored(TimePoint { instant: Instant::now(), utc: self.now }),
            syncs: true,
        }
    }

    pub(crate) fn try_open(&self) -> Result<(Journal, Recovered), JournalError> {
        Journal::open(self.opening())
    }

    pub(crate) fn open(&self) -> (Journal, Recovered) {
        self.try_open().expect("a good journal")
    }

    pub(crate) fn intent(&self, job: JobId, n: u32, at: UtcTime) -> Intent {
        let (id, number, before) = (ChangeId::new(), number(n), StatusBefore { two_step: TwoStep::On, read_at: None });
        let pin = Pin::parse(b"271828").expect("six digits");
        let change = Change { id, job, status_before: before, number, waba: None, pin };
        let sealed = self.recipients.as_ref().map(|to| to.encrypt(&change, at).expect("sealed"));
        Intent { change: id, job, number, waba: None, before, sealed, at }
    }
}

/// A piece of work on these numbers.
pub(crate) fn plan(numbers: &[u32]) -> Plan {
    Plan {
        profile: CleanText::new("acme"),
        pins: PinSource::Given,
        numbers: numbers.iter().map(|n| (number(*n), None)).collect(),
    }
}

/// The end of a change after one request.
pub(crate) fn rest(intent: &Intent, outcome: Outcome, at: UtcTime) -> Rest {
    let Intent { change, job, number, waba, .. } = *intent;
    Rest { change, job, number, waba, tries: 1, outcome, will_repeat: false, at }
}

/// Runs one test of this binary in a process of its own, where `dir` is in the variable [`CHILD`].
pub(crate) fn child(test: &str, dir: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().expect("it has a path"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, dir);
    command
}

/// That such a process ran its test, and that it passed.
pub(crate) fn assert_passed(output: &std::process::Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Set for a process that works for a test of another one.
pub(crate) const CHILD: &str = "PINDESK_TEST_CHILD";

/// The desk of the test that started this process; `None` in all others.
pub(crate) fn desk_of_parent() -> Option<Desk> {
    let home = PathBuf::from(std::env::var_os(CHILD)?);
    // The parent's directory is not this process's to remove.
    Some(Desk { home, _temporary: None, recipients: Some(recipients()), now: T0 })
}
