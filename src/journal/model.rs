//! Defines the values that the journal accepts and returns.
//!
//! This module does not read or write the database. No value holds a readable PIN.

mod damage;
mod job;
mod record;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::change::{ChangeId, Completion, JobId, LATE_ARRIVAL_WINDOW, SendHistory, StatusBefore};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::operator::OperatorName;
use crate::domain::outcome::ApiError;
use crate::domain::standing::{Doubt, Standing};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint, Recipients};
use crate::state_dir::StateDir;

pub use damage::{AuditProblem, BoundRows, JournalDamage};
pub(in crate::journal) use job::outcome_reason;
pub use job::{
    JobDetail, JobNumber, JobOperator, JobSet, JobStatus, JobSummary, JobWorker, LastRequest, RecordedState,
};
pub use record::{NumberRecord, NumberUpdate, RecordCursor, RecordedChange};

/// The maximum time from the record of a request until the request can be sent: the record may be 10 s old when the
/// request starts, and the request times out after 30 s.
pub(crate) const MAX_SEND_DELAY: Duration = Duration::from_secs(40);

/// The options with which the journal is opened.
#[derive(Debug)]
pub struct JournalOptions {
    /// The state directory.
    pub dir: StateDir,
    /// The operator of this process.
    pub operator: Operator,
    /// Real or simulated numbers; the two never share a journal.
    pub kind: JournalKind,
    /// The recipients for which this process encrypts PINs; `None` without an escrow.
    pub recipients: Option<Arc<Recipients>>,
    /// The clock that gives each record its time.
    pub clock: Clock,
    /// True if this process reads the status of numbers only after it opened the journal. Then each status is newer than
    /// what the journal had, whatever the clocks show.
    pub reads_after_open: bool,
    /// False only in tests that check that missing syncs are detected.
    #[cfg(debug_assertions)]
    pub sync_writes: bool,
}

/// Whether a journal is of real or of simulated numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// Numbers at Meta, or at another Graph API that the config names.
    Real,
    /// Simulated numbers of the demo.
    Demo,
}

/// The operator: what the kernel knows, and what the environment claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The host name.
    pub host: CleanText,
    /// The real user ID.
    pub uid: u32,
    /// The effective user ID.
    pub euid: u32,
    /// The terminal, if there is one.
    pub tty: Option<CleanText>,
    /// The claimed value of `USER`; without one, the name of the real user ID in the system's user database.
    pub user: Option<CleanText>,
    /// The claimed value of `SUDO_USER`.
    pub sudo_user: Option<CleanText>,
    /// The claimed value of `SSH_CONNECTION`.
    pub ssh_connection: Option<CleanText>,
}

/// What recovery found when the journal was opened.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// The changes that Meta may have applied, oldest first, without those that another live process works on.
    pub unresolved: Vec<UnresolvedChange>,
    /// The problems that an operator must review before any PIN is set, in sentences, such as a journal that is missing
    /// or rolled back. A command that sets PINs stops once because of them, with exit code 6.
    pub findings: Vec<CleanText>,
    /// Whether the escrow recipients have changed.
    pub recipients: RecipientsStatus,
    /// The rows that are not as they were written. While there are any, nothing is set.
    pub damage: Option<JournalDamage>,
}

/// A change whose outcome is in doubt, or that has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedChange {
    /// The ID of the change.
    pub change: ChangeId,
    /// The job of the change; `None` if only the escrow file had the change, and the journal has no such job.
    pub job: Option<JobId>,
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// The two-step verification that Meta reported before the change.
    pub two_step_before: TwoStep,
    /// When the change was recorded and its PIN encrypted.
    pub at: UtcTime,
    /// How many attempts may have been made; `None` if only the escrow file had the change.
    pub attempts: Option<u8>,
    /// Why it is in doubt.
    pub doubt: Doubt,
    /// No request of the change can have been sent after this time.
    pub last_send: UtcTime,
    /// True if the escrow has the PIN.
    pub is_in_escrow: bool,
}

/// An open change, and the run that works or worked on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenChange {
    pub(super) unresolved: UnresolvedChange,
    /// The row that recorded it.
    pub(super) sequence: i64,
    /// The run that last sent it; `None` if only the escrow file had the change.
    pub(super) run_id: Option<String>,
    /// True if its last attempt has an outcome.
    pub(super) has_outcome: bool,
    /// No request of it can have been sent after this time, unless that run is alive.
    pub(super) last_send: RecordedTime,
}

/// Whether the recipients of this process are the stored ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecipientsStatus {
    /// They are the stored ones, or none are stored yet; the first change stores them.
    #[default]
    Known,
    /// They have changed. No PIN can be set until an operator accepts them.
    Changed {
        /// The fingerprints of the stored recipients.
        previous: Vec<Fingerprint>,
        /// The fingerprints of the recipients of this process.
        current: Vec<Fingerprint>,
    },
}

/// A confirmed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// The name of its profile.
    pub profile: CleanText,
    /// How its PINs are chosen.
    pub pin_source: PinSource,
    /// What the operator noted about it.
    pub note: Option<CleanText>,
    /// Every confirmed number, in order.
    pub numbers: Vec<(PhoneNumberId, Option<WabaId>)>,
}

/// How the PINs of a job are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinSource {
    /// The same PIN for all numbers, which an operator typed or put in a file.
    Given,
    /// A random one for each number.
    Random,
}

/// A change that is about to be sent for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The ID of the change.
    pub change: ChangeId,
    /// The job of the change.
    pub job: JobId,
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// The status of the number before the change.
    pub status_before: StatusBefore,
    /// The encrypted PIN for the escrow file and the journal; `None` without recipients.
    pub escrow_entry: Option<EscrowEntry>,
    /// When the PIN is about to be sent.
    pub at: UtcTime,
}

/// The end of a change, or of an attempt that is retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// The ID of the change.
    pub change: ChangeId,
    /// The job of the change; `None` if only the escrow file had the change, and the journal has no such job.
    pub job: Option<JobId>,
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// How many attempts were made.
    pub attempts: u8,
    /// What the change, or the attempt, is left with.
    pub standing: Standing,
    /// True if nothing is in doubt and this process waits to retry the change.
    pub will_retry: bool,
    /// When it ended.
    pub at: UtcTime,
}

/// The parts of a reply that are worth searching for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplySummary {
    /// The HTTP status of the reply.
    pub http_status: Option<u16>,
    /// The error code of the Graph API.
    pub code: Option<i64>,
    /// The subcode of the error.
    pub subcode: Option<i64>,
    /// `fbtrace_id`, which Meta's support asks for.
    pub trace_id: Option<CleanText>,
}

impl ReplySummary {
    /// What a change that is left with this says of its last reply.
    pub(in crate::journal) fn of(standing: &Standing) -> Self {
        match standing {
            Standing::Set => Self { http_status: Some(200), ..Self::default() },
            Standing::Failed(error) => Self::of_error(error),
            Standing::NotSent(why) => why.api_error().map_or_else(Self::default, Self::of_error),
            Standing::InDoubt(doubt) => {
                let of_status = || Self { http_status: doubt.http_status(), ..Self::default() };
                doubt.api_error().map_or_else(of_status, Self::of_error)
            }
        }
    }

    fn of_error(error: &ApiError) -> Self {
        Self {
            http_status: Some(error.http_status),
            code: Some(error.code),
            subcode: error.subcode,
            trace_id: error.trace_id.clone(),
        }
    }
}

/// An event for the audit log that is not part of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditEvent {
    /// The operator hid the screen of the console.
    ScreenHidden,
    /// The operator showed the screen again.
    ScreenShown,
    /// A PIN was decrypted from the escrow.
    PinDecrypted {
        /// The ID of the change.
        change: ChangeId,
        /// The ID of the number.
        number: PhoneNumberId,
        /// The WABA that listed the number.
        waba: Option<WabaId>,
    },
    /// An operator tried whether a private key opens encrypted PINs.
    EscrowDrill {
        /// How many it opened.
        opened: usize,
        /// How many were tried.
        tried: usize,
    },
    /// The journal and the escrow were copied to another directory.
    BackedUp {
        /// What was copied, and where to, in a few words.
        note: CleanText,
    },
}

/// The last drill: an operator tried whether a private key opens encrypted PINs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscrowDrill {
    /// When it was.
    pub at: UtcTime,
    /// How many encrypted PINs the key opened.
    pub opened: usize,
    /// How many were tried.
    pub tried: usize,
}

impl EscrowDrill {
    /// `20 of 20`, as the audit log has it.
    pub(super) fn outcome(opened: usize, tried: usize) -> String {
        format!("{opened} of {tried}")
    }

    /// Parses an outcome of the audit log.
    pub(super) fn from_outcome(at: UtcTime, outcome: &str) -> Option<Self> {
        let (opened, tried) = outcome.split_once(" of ")?;
        Some(Self { at, opened: opened.parse().ok()?, tried: tried.parse().ok()? })
    }
}

/// To which keys a PIN of the journal was encrypted. A change that was encrypted again has one for each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinRecipients {
    /// The ID of the change.
    pub change: ChangeId,
    /// The recipients of that time, sorted; `None` if only the escrow file had the change.
    pub recipients: Option<Arc<[Fingerprint]>>,
}

/// An encrypted PIN with the state of its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedPin {
    /// The entry, as the journal stores it.
    pub escrow_entry: EscrowEntry,
    /// The state of its change.
    pub state: RecordedState,
    /// When pindesk was about to send its last request; `None` if only the escrow file had it.
    pub last_attempt_at: Option<UtcTime>,
}

/// A change of the journal, whether its PIN is encrypted there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentChange {
    /// The ID of the change.
    pub change: ChangeId,
    /// The ID of the number.
    pub number: PhoneNumberId,
    /// The state of the change.
    pub state: RecordedState,
    /// When pindesk was about to send its last request; `None` if only the escrow file had it.
    pub last_attempt_at: Option<UtcTime>,
    /// When its last request ended, or if it has not ended, as `last_attempt_at`.
    pub ended_at: Option<UtcTime>,
}

/// One entry in the history of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it happened.
    pub at: UtcTime,
    /// The short name of the operator, as [`OperatorName`](crate::domain::operator::OperatorName) has it.
    pub operator_label: CleanText,
    /// True for the outcome of a request; false if an operator only decrypted a PIN from the escrow.
    pub is_request: bool,
    /// What happened, in a few words: `set`, `failed: …`, `no answer`, `decrypted from escrow`, `checked manually: …`.
    pub description: CleanText,
}

impl UnresolvedChange {
    /// What the journal knows about the requests of the change.
    #[must_use]
    pub fn send_history(&self) -> SendHistory {
        self.attempts.map_or(SendHistory::EscrowOnly { encrypted_at: self.at }, |attempts| {
            SendHistory::Recorded(Completion { at: self.last_send, attempts })
        })
    }

    /// The time from which a different PIN may be sent, computed at `now`.
    #[must_use]
    pub fn new_pin_allowed_from(&self, now: TimePoint) -> TimePoint {
        now.plus(time_until_new_pin(self.last_send, now.utc))
    }
}

/// True for a time that a correct clock cannot have shown yet.
pub(super) fn is_in_future(at: UtcTime, now: UtcTime) -> bool {
    at > now.plus(MAX_SEND_DELAY)
}

/// The latest time at which a request can have been sent, as a row records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RecordedTime {
    /// When the row was written.
    pub(super) at: UtcTime,
    /// The same time, measured from the start of the machine.
    pub(super) uptime: Option<Duration>,
    /// True if the machine certainly has not restarted since then.
    pub(super) is_same_boot: bool,
    /// How much later than `at` the request can have been sent.
    pub(super) slack: Duration,
}

impl RecordedTime {
    /// The latest time by the clock of that time.
    pub(super) fn latest(&self) -> UtcTime {
        self.at.plus(self.slack)
    }

    /// The latest time by the current clock. Either clock may be wrong or may have been set since; only the time since
    /// the machine started cannot be set.
    pub(super) fn adjusted_to(&self, now: UtcTime, uptime: Option<Duration>) -> UtcTime {
        let by_uptime = uptime.zip(self.uptime).map(|(uptime, recorded)| {
            // If the machine has restarted since and pindesk does not detect it, this is only later than the real time.
            now.minus(uptime.checked_sub(recorded).unwrap_or(uptime)).plus(self.slack)
        });
        match (by_uptime, is_in_future(self.latest(), now)) {
            (Some(time), true) => time,
            (Some(time), false) if self.is_same_boot => time.max(self.latest()),
            (Some(_) | None, false) => self.latest(),
            // The time is unknown, but it cannot be later than now.
            (None, true) => now.plus(self.slack),
        }
    }
}

/// How long until an earlier request can no longer arrive. If the clock was set back since, the age of the request is
/// unknown, and this is the whole window.
pub(crate) fn time_until_new_pin(last_send: UtcTime, now: UtcTime) -> Duration {
    // Adds no window to a time, because a clock may be at the end of its range.
    let remaining = LATE_ARRIVAL_WINDOW.saturating_sub(last_send.until(now)) + now.until(last_send);
    remaining.min(LATE_ARRIVAL_WINDOW + MAX_SEND_DELAY)
}

impl Operator {
    /// Reads the operator of this process from the kernel and the environment.
    #[must_use]
    pub fn from_process() -> Self {
        let claimed = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(|value| CleanText::new(&value.to_string_lossy()))
        };
        let uid = rustix::process::getuid().as_raw();
        let login_name = || uzers::get_user_by_uid(uid).map(|user| CleanText::new(&user.name().to_string_lossy()));
        let tty = rustix::termios::ttyname(rustix::stdio::stdin(), Vec::new()).ok();
        Self {
            host: CleanText::new(&rustix::system::uname().nodename().to_string_lossy()),
            uid,
            euid: rustix::process::geteuid().as_raw(),
            tty: tty.map(|name| CleanText::new(&name.to_string_lossy())),
            user: claimed("USER").or_else(login_name),
            sudo_user: claimed("SUDO_USER"),
            ssh_connection: claimed("SSH_CONNECTION"),
        }
    }

    /// The short name, as lists show it.
    #[must_use]
    pub fn name(&self) -> OperatorName {
        OperatorName::new(self.uid, self.user.as_ref(), self.sudo_user.as_ref(), &self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u32) -> UtcTime {
        UtcTime::from_unix_seconds(1_795_356_000 + seconds)
    }

    #[test]
    fn a_new_pin_waits_until_an_earlier_one_cannot_arrive() {
        // Seconds of the last request and of now, and of the wait.
        for (last_send, now, expected) in [
            (100, 100, 120),
            (100, 219, 1),
            (100, 220, 0),
            (100, 9_000, 0),
            // A request can start 40 s after its record. Later than that, the clock was set back.
            (140, 100, 160),
            (9_000, 100, 160),
        ] {
            let wait = time_until_new_pin(at(last_send), at(now));
            assert_eq!(wait, Duration::from_secs(expected), "{last_send} {now}");
        }
    }

    #[test]
    fn a_recorded_time_follows_the_uptime_if_the_clock_is_wrong() {
        // Uptime at the record at 1,000 s; whether the machine has surely not restarted; now; uptime now; the result.
        let cases = [
            (None, false, 1_100, None, 1_040),
            (Some(50), false, 1_100, Some(150), 1_040),
            // The clock was set forward by 40 s in between, or it is right.
            (Some(50), true, 1_140, Some(150), 1_080),
            (Some(50), true, 1_100, Some(150), 1_040),
            (Some(50), true, 1_060, Some(150), 1_040),
            // The clock was set back, so only the uptime tells.
            (Some(50), false, 900, Some(150), 840),
            (None, false, 900, Some(150), 940),
            (Some(50), false, 900, None, 940),
            // The machine has restarted.
            (Some(50), false, 900, Some(30), 910),
        ];
        for (recorded, is_same_boot, now, uptime, expected) in cases {
            let sent = RecordedTime {
                at: at(1_000),
                uptime: recorded.map(Duration::from_secs),
                is_same_boot,
                slack: MAX_SEND_DELAY,
            };
            let time = sent.adjusted_to(at(now), uptime.map(Duration::from_secs));
            assert_eq!(time, at(expected), "{recorded:?} {is_same_boot} {now} {uptime:?}");
        }
    }
}
