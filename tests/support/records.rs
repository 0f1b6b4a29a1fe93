//! A state directory with a journal in it, and what is recorded there: made-up numbers, keys made on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use age::x25519::Identity;
use pindesk::config::EscrowSettings;
use pindesk::domain::change::{Change, ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::{Clock, TimePoint, UtcTime};
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::outcome::Outcome;
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::escrow::Recipients;
use pindesk::journal::{
    Intent, JobPlan, Journal, JournalError, JournalKind, JournalOptions, Operator, OutcomeRecord, PinSource,
    RecoveryReport,
};
use pindesk::state_dir::StateDir;
use rusqlite::Connection;
use tempfile::TempDir;

/// When the clock of a [`Desk`] starts.
pub(crate) const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_000);

/// Somebody who sets PINs, with a state directory that goes when the test ends.
pub(crate) struct JournalFixture {
    temp_path: PathBuf,
    _temp_dir: Option<TempDir>,
    pub(crate) recipients: Option<Arc<Recipients>>,
    /// What the clock says when a journal is opened.
    pub(crate) now: UtcTime,
}

/// The `n`th number.
pub(crate) fn number_id(n: u32) -> PhoneNumberId {
    format!("{}", 200_000_000_000_000_u64 + u64::from(n)).parse().expect("an id")
}

/// A new key, as a recipient.
pub(crate) fn new_recipients() -> Arc<Recipients> {
    let settings =
        EscrowSettings { recipients: vec![Identity::generate().to_public().to_string()], recipients_file: None };
    Arc::new(Recipients::load(&settings).expect("a good key").expect("one key"))
}

pub(crate) fn operator_ana() -> Operator {
    Operator {
        host: CleanText::new("desk-1"),
        uid: 1000,
        euid: 1000,
        tty: Some(CleanText::new("/dev/pts/3")),
        user: Some(CleanText::new("ana")),
        sudo_user: None,
        ssh_connection: None,
    }
}

impl JournalFixture {
    pub(crate) fn new() -> Self {
        let temporary = TempDir::new().expect("a directory");
        let temp_path = temporary.path().to_owned();
        Self { temp_path, _temp_dir: Some(temporary), recipients: Some(new_recipients()), now: START_TIME }
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.temp_path.join("state")
    }

    pub(crate) fn temp_path(&self) -> &Path {
        &self.temp_path
    }

    /// The database, for those who would tamper with it.
    pub(crate) fn open_database(&self) -> Connection {
        Connection::open(self.state_file("journal.db")).expect("a database")
    }

    /// A text without the name of the temporary directory.
    pub(crate) fn without_temp_path(&self, text: impl std::fmt::Display) -> String {
        text.to_string().replace(&*self.temp_path.to_string_lossy(), "~")
    }

    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.state_path().join(name)
    }

    pub(crate) fn state_dir(&self) -> StateDir {
        StateDir::open_or_create(&self.state_path()).expect("a good directory")
    }

    pub(crate) fn open_options(&self) -> JournalOptions {
        JournalOptions {
            dir: self.state_dir(),
            operator: operator_ana(),
            kind: JournalKind::Real,
            recipients: self.recipients.clone(),
            clock: Clock::Anchored(TimePoint { instant: Instant::now(), utc: self.now }),
            sync_writes: true,
        }
    }

    pub(crate) fn try_open(&self) -> Result<(Journal, RecoveryReport), JournalError> {
        Journal::open(self.open_options())
    }

    pub(crate) fn open(&self) -> (Journal, RecoveryReport) {
        self.try_open().expect("a good journal")
    }

    pub(crate) fn intent(&self, job: JobId, n: u32, at: UtcTime) -> Intent {
        let (id, number, before) =
            (ChangeId::new(), number_id(n), StatusBefore { two_step: TwoStep::On, read_at: None });
        let pin = Pin::parse(b"271828").expect("six digits");
        let change = Change { id, job, status_before: before, number, waba: None, pin };
        let sealed = self.recipients.as_ref().map(|to| to.encrypt(&change, at).expect("sealed"));
        Intent { change: id, job, number, waba: None, status_before: before, escrow_entry: sealed, at }
    }
}

/// A piece of work on these numbers.
pub(crate) fn job_plan(numbers: &[u32]) -> JobPlan {
    JobPlan {
        profile: CleanText::new("acme"),
        pin_source: PinSource::Given,
        numbers: numbers.iter().map(|n| (number_id(*n), None)).collect(),
    }
}

/// The end of a change after one request.
pub(crate) fn outcome_record(intent: &Intent, outcome: Outcome, at: UtcTime) -> OutcomeRecord {
    let Intent { change, job, number, waba, .. } = *intent;
    OutcomeRecord { change, job, number, waba, attempts: 1, outcome, will_retry: false, at }
}

/// Runs one test of this binary in a process of its own, where `dir` is in the variable [`CHILD`].
pub(crate) fn child_command(test: &str, dir: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().expect("it has a path"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD_DIR_ENV, dir);
    command
}

/// That such a process ran its test, and that it passed.
pub(crate) fn assert_passed(output: &std::process::Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Set for a process that works for a test of another one.
pub(crate) const CHILD_DIR_ENV: &str = "PINDESK_TEST_CHILD";

/// The desk of the test that started this process; `None` in all others.
pub(crate) fn fixture_from_parent() -> Option<JournalFixture> {
    let home = PathBuf::from(std::env::var_os(CHILD_DIR_ENV)?);
    // The parent's directory is not this process's to remove.
    Some(JournalFixture { temp_path: home, _temp_dir: None, recipients: Some(new_recipients()), now: START_TIME })
}
