//! A state directory with a journal, and sample records for it: invented numbers, and newly generated keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use age::x25519::Identity;
use pindesk::config::EscrowSettings;
use pindesk::domain::change::{Change, ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::{Clock, TimePoint, UtcTime};
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::pin::Pin;
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::escrow::Recipients;
use pindesk::journal::{
    Intent, JobPlan, Journal, JournalError, JournalKind, JournalOptions, Operator, OutcomeRecord, PinSource,
    RecoveryReport,
};
use pindesk::state_dir::StateDir;
use rusqlite::Connection;
use tempfile::TempDir;

/// The time at which the clock of a [`JournalFixture`] starts.
pub(crate) const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_000);

/// An operator who sets PINs, with a state directory that is deleted when the test ends.
pub(crate) struct JournalFixture {
    temp_path: PathBuf,
    _temp_dir: Option<TempDir>,
    pub(crate) recipients: Option<Arc<Recipients>>,
    /// The time when a journal is opened.
    pub(crate) now: UtcTime,
}

/// The ID of the `n`th number.
pub(crate) fn number_id(n: u32) -> PhoneNumberId {
    format!("{}", 200_000_000_000_000_u64 + u64::from(n)).parse().expect("an id")
}

/// A new key as the only recipient.
pub(crate) fn new_recipients() -> Arc<Recipients> {
    let settings =
        EscrowSettings { recipients: vec![Identity::generate().to_public().to_string()], recipients_file: None };
    Arc::new(Recipients::load(&settings).expect("a valid key").expect("one key"))
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
        let temp_dir = TempDir::new().expect("a directory");
        let temp_path = temp_dir.path().to_owned();
        Self { temp_path, _temp_dir: Some(temp_dir), recipients: Some(new_recipients()), now: START_TIME }
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.temp_path.join("state")
    }

    pub(crate) fn temp_path(&self) -> &Path {
        &self.temp_path
    }

    /// The database, for tests that tamper with it.
    pub(crate) fn open_database(&self) -> Connection {
        Connection::open(self.state_file("journal.db")).expect("a database")
    }

    /// The text with `~` for the temporary directory.
    pub(crate) fn without_temp_path(&self, text: impl std::fmt::Display) -> String {
        text.to_string().replace(&*self.temp_path.to_string_lossy(), "~")
    }

    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.state_path().join(name)
    }

    pub(crate) fn state_dir(&self) -> StateDir {
        StateDir::open_or_create(&self.state_path()).expect("a valid directory")
    }

    pub(crate) fn open_options(&self) -> JournalOptions {
        JournalOptions {
            dir: self.state_dir(),
            operator: operator_ana(),
            kind: JournalKind::Real,
            recipients: self.recipients.clone(),
            clock: Clock::Anchored(TimePoint { instant: Instant::now(), utc: self.now }),
            reads_after_open: false,
            sync_writes: true,
        }
    }

    pub(crate) fn try_open(&self) -> Result<(Journal, RecoveryReport), JournalError> {
        Journal::open(self.open_options())
    }

    pub(crate) fn open(&self) -> (Journal, RecoveryReport) {
        self.try_open().expect("a valid journal")
    }

    pub(crate) fn intent(&self, job: JobId, n: u32, at: UtcTime) -> Intent {
        let (id, number) = (ChangeId::new(), number_id(n));
        let status_before = StatusBefore { two_step: TwoStep::On, read_at: None };
        let pin = Pin::parse(b"271828").expect("six digits");
        let change = Change { id, job, status_before, number, waba: None, pin };
        let escrow_entry =
            self.recipients.as_ref().map(|recipients| recipients.encrypt(&change, at).expect("encrypted"));
        Intent { change: id, job, number, waba: None, status_before, escrow_entry, at }
    }
}

/// A job on these numbers.
pub(crate) fn job_plan(numbers: &[u32]) -> JobPlan {
    JobPlan {
        profile: CleanText::new("acme"),
        pin_source: PinSource::Given,
        note: None,
        numbers: numbers.iter().map(|n| (number_id(*n), None)).collect(),
    }
}

/// The outcome of a change after one attempt.
pub(crate) fn outcome_record(intent: &Intent, standing: Standing, at: UtcTime) -> OutcomeRecord {
    let Intent { change, job, number, waba, .. } = *intent;
    OutcomeRecord { change, job: Some(job), number, waba, attempts: 1, standing, will_retry: false, at }
}

/// A command that runs one test of this program in a child process, with `dir` in the variable [`CHILD_DIR_ENV`]. The
/// test is named by its path, see [`super::child::test_path`].
pub(crate) fn child_command(test: &str, dir: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().expect("this test program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD_DIR_ENV, dir);
    command
}

/// Asserts that a child process ran its test, and that the test passed.
pub(crate) fn assert_passed(output: &std::process::Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Set in a child process to the temporary directory of its parent.
pub(crate) const CHILD_DIR_ENV: &str = "PINDESK_TEST_CHILD";

/// The fixture of the parent process. `None` if this is not a child process.
pub(crate) fn fixture_from_parent() -> Option<JournalFixture> {
    let temp_path = PathBuf::from(std::env::var_os(CHILD_DIR_ENV)?);
    // The parent process deletes its directory itself.
    Some(JournalFixture { temp_path, _temp_dir: None, recipients: Some(new_recipients()), now: START_TIME })
}
