//! The values that go into the journal and come out of it.
//!
//! Nothing here reads or writes, and no value holds a readable PIN.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::change::{ChangeId, Completion, JobId, LATE_ARRIVAL_WINDOW, SendHistory, StatusBefore};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::outcome::{DoubtReason, Outcome};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint, Recipients};
use crate::state_dir::StateDir;

/// How long after its record a request can be sent at the latest: a record may be 10 s old when its request begins, and
/// the request times out after 30 s.
pub(crate) const MAX_SEND_DELAY: Duration = Duration::from_secs(40);

/// How the journal is opened.
#[derive(Debug)]
pub struct JournalOptions {
    /// The state directory.
    pub dir: StateDir,
    /// Who does the work.
    pub operator: Operator,
    /// Made-up numbers never share a journal with real ones.
    pub kind: JournalKind,
    /// The recipients that this process would encrypt to.
    pub recipients: Option<Arc<Recipients>>,
    /// The clock.
    pub clock: Clock,
    /// False in tests only, which check that they notice.
    #[cfg(debug_assertions)]
    pub sync_writes: bool,
}

/// Real numbers, or made-up ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// Numbers at Meta, or at another Graph API that the config names.
    Real,
    /// The demo's.
    Demo,
}

/// The operator, as the kernel knows them, and as the environment claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The host's name.
    pub host: CleanText,
    /// The real user id.
    pub uid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The terminal, if there is one.
    pub tty: Option<CleanText>,
    /// `USER`, as claimed.
    pub user: Option<CleanText>,
    /// `SUDO_USER`, as claimed.
    pub sudo_user: Option<CleanText>,
    /// `SSH_CONNECTION`, as claimed.
    pub ssh_connection: Option<CleanText>,
}

/// What opening the journal found.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Changes that may have been applied, oldest first, without those that another living process works on.
    pub unresolved: Vec<UnresolvedChange>,
    /// What an operator must look at before anything is set, in sentences: a journal that was missing or rolled back,
    /// and so on. A command that sets PINs stops here once, with exit code 6.
    pub findings: Vec<CleanText>,
    /// Whether the recipients have changed.
    pub recipients: RecipientsStatus,
}

/// A change without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedChange {
    /// Which.
    pub change: ChangeId,
    /// Its job; `None` if only the escrow file had it, and the journal has no such job.
    pub job: Option<JobId>,
    /// Whose PIN.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// What Meta reported before the change.
    pub two_step_before: TwoStep,
    /// When it was recorded, and its PIN encrypted.
    pub at: UtcTime,
    /// Attempts that may have been made; `None` if only the escrow file had it.
    pub attempts: Option<u8>,
    /// Why it is in doubt.
    pub reason: DoubtReason,
    /// No request of it can have been sent after this.
    pub last_send: UtcTime,
    /// True if the escrow has its PIN.
    pub is_in_escrow: bool,
}

/// Whether the recipients of the config are those that were stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecipientsStatus {
    /// The same, or the first ones, which the first change stores.
    #[default]
    Known,
    /// Changed: nothing is set until an operator accepts them.
    Changed {
        /// Those that were stored.
        previous: Vec<Fingerprint>,
        /// Those of the config.
        current: Vec<Fingerprint>,
    },
}

/// A confirmed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// Its profile.
    pub profile: CleanText,
    /// How the PINs are chosen.
    pub pin_source: PinSource,
    /// Every confirmed number, in order.
    pub numbers: Vec<(PhoneNumberId, Option<WabaId>)>,
}

/// How the PINs of a job are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinSource {
    /// One that an operator typed or that was in a file, the same for all.
    Given,
    /// A random one for each number.
    Random,
}

/// A change about to be sent for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Which change.
    pub change: ChangeId,
    /// Its job.
    pub job: JobId,
    /// Whose PIN.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// The status of the number.
    pub status_before: StatusBefore,
    /// The encrypted PIN, for the escrow file and the journal; `None` without recipients.
    pub escrow_entry: Option<EscrowEntry>,
    /// When.
    pub at: UtcTime,
}

/// A change that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// Which change.
    pub change: ChangeId,
    /// Its job.
    pub job: JobId,
    /// Whose PIN.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// Attempts made.
    pub attempts: u8,
    /// The outcome.
    pub outcome: Outcome,
    /// True if it only waits to retry: nothing is in doubt, and this process sends it again.
    pub will_retry: bool,
    /// When.
    pub at: UtcTime,
}

/// An event besides changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditEvent {
    /// The console's screen was hidden.
    ScreenHidden,
    /// The screen was shown again.
    ScreenShown,
    /// A PIN was decrypted from the escrow.
    PinDecrypted {
        /// Which change's.
        change: ChangeId,
        /// Whose.
        number: PhoneNumberId,
        /// The WABA it was listed under.
        waba: Option<WabaId>,
    },
}

/// One entry of a number's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: UtcTime,
    /// The operator: the claimed user if there is one, otherwise the user id.
    pub operator_label: CleanText,
    /// True if it is about a request; false if a PIN was only decrypted from the escrow.
    pub is_request: bool,
    /// In a few words: `set`, `failed: …`, `no answer`, `decrypted from escrow`, `checked manually: …`.
    pub description: CleanText,
}

impl UnresolvedChange {
    /// What is known about its requests.
    #[must_use]
    pub fn send_history(&self) -> SendHistory {
        self.attempts.map_or(SendHistory::EscrowOnly { encrypted_at: self.at }, |tries| {
            SendHistory::Recorded(Completion { at: self.last_send, attempts: tries })
        })
    }

    /// From when a different PIN may be sent, as seen now.
    #[must_use]
    pub fn new_pin_allowed_from(&self, now: TimePoint) -> TimePoint {
        now.plus(time_until_new_pin(self.last_send, now.utc))
    }
}

/// True for a time that no correct clock can have shown yet.
pub(super) fn is_in_future(at: UtcTime, now: UtcTime) -> bool {
    at > now.plus(MAX_SEND_DELAY)
}

/// When something happened at the latest, as a row records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RecordedTime {
    /// When the row was written.
    pub(super) at: UtcTime,
    /// The same, as time since the machine started.
    pub(super) uptime: Option<Duration>,
    /// True if the machine certainly has not restarted since.
    pub(super) is_same_boot: bool,
    /// How much later it can have been.
    pub(super) slack: Duration,
}

impl RecordedTime {
    /// By the clock of that time.
    pub(super) fn latest(&self) -> UtcTime {
        self.at.plus(self.slack)
    }

    /// By the current clock. Both clocks may have been wrong, or set since; the time since the machine started cannot
    /// be set.
    pub(super) fn adjusted_to(&self, now: UtcTime, uptime: Option<Duration>) -> UtcTime {
        let by_uptime = uptime.zip(self.uptime).map(|(uptime, up)| {
            // It was before the machine restarted. If the restart is not detected, it only seems later than it was.
            now.minus(uptime.checked_sub(up).unwrap_or(uptime)).plus(self.slack)
        });
        match (by_uptime, is_in_future(self.latest(), now)) {
            (Some(seen), true) => seen,
            (Some(seen), false) if self.is_same_boot => seen.max(self.latest()),
            (Some(_) | None, false) => self.latest(),
            // Not known: not later than now.
            (None, true) => now.plus(self.slack),
        }
    }
}

/// How long until no request can arrive. If the clock was set back meanwhile, the age is not known, and the whole
/// window is waited for.
pub(crate) fn time_until_new_pin(last_send: UtcTime, now: UtcTime) -> Duration {
    // Not computed from the time of arrival: a clock may be at the end of its range.
    let left = LATE_ARRIVAL_WINDOW.saturating_sub(last_send.until(now)) + now.until(last_send);
    left.min(LATE_ARRIVAL_WINDOW + MAX_SEND_DELAY)
}

impl Operator {
    /// The operator of this process.
    #[must_use]
    pub fn from_process() -> Self {
        let claimed = |name| std::env::var_os(name).map(|value| CleanText::new(&value.to_string_lossy()));
        let tty = rustix::termios::ttyname(rustix::stdio::stdin(), Vec::new()).ok();
        Self {
            host: CleanText::new(&rustix::system::uname().nodename().to_string_lossy()),
            uid: rustix::process::getuid().as_raw(),
            euid: rustix::process::geteuid().as_raw(),
            tty: tty.map(|name| CleanText::new(&name.to_string_lossy())),
            user: claimed("USER"),
            sudo_user: claimed("SUDO_USER"),
            ssh_connection: claimed("SSH_CONNECTION"),
        }
    }
}
