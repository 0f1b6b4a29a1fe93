//! What goes into the journal and what comes out of it, as values.
//!
//! Nothing here reads or writes; no value holds a PIN in the clear.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::change::{ChangeId, Completion, JobId, LATE_ARRIVAL_WINDOW, SendHistory, StatusBefore};
use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{PhoneNumberId, TwoStep, WabaId};
use crate::domain::outcome::{DoubtReason, Outcome};
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint, Recipients};
use crate::state_dir::StateDir;

/// How long after its record a request can leave at the latest: a record may be 10 s old when its request begins, and that is
/// given up after 30 s.
pub(crate) const MAX_SEND_DELAY: Duration = Duration::from_secs(40);

/// What a journal is opened with.
#[derive(Debug)]
pub struct JournalOptions {
    /// Where it lies.
    pub dir: StateDir,
    /// Whose work is recorded.
    pub operator: Operator,
    /// Made-up numbers never share a journal with real ones.
    pub kind: JournalKind,
    /// The recipients that this process would seal to.
    pub recipients: Option<Arc<Recipients>>,
    /// The clock.
    pub clock: Clock,
    /// False in tests only, to show that they notice.
    #[cfg(debug_assertions)]
    pub sync_writes: bool,
}

/// Real numbers, or made-up ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// Numbers at Meta, or at a stand-in that the config names.
    Real,
    /// The demo's.
    Demo,
}

/// Who is at work, as the kernel knows it, and as the environment claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The host's name.
    pub host: CleanText,
    /// The real user id.
    pub uid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The terminal, where there is one.
    pub tty: Option<CleanText>,
    /// `USER`, claimed.
    pub user: Option<CleanText>,
    /// `SUDO_USER`, claimed.
    pub sudo_user: Option<CleanText>,
    /// `SSH_CONNECTION`, claimed.
    pub ssh_connection: Option<CleanText>,
}

/// What was found when the journal was opened.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Changes of which nobody knows whether they were applied, oldest first; not those that another living
    /// process works on.
    pub unresolved: Vec<UnresolvedChange>,
    /// What has to be looked at before anything is set, in sentences: a journal that was missing or rolled back,
    /// and so on.
    /// A command that sets PINs stops here once, with exit 6.
    pub findings: Vec<CleanText>,
    /// How this process's recipients stand to the remembered ones.
    pub recipients: RecipientsStatus,
}

/// A change without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedChange {
    /// Which.
    pub change: ChangeId,
    /// The job it belonged to; `None` where only the escrow file knew of it, and the journal has no such job.
    pub job: Option<JobId>,
    /// Whose PIN.
    pub number: PhoneNumberId,
    /// The WABA it was listed under.
    pub waba: Option<WabaId>,
    /// What Meta said of the number before.
    pub two_step_before: TwoStep,
    /// When it was recorded, and so when its PIN was sealed.
    pub at: UtcTime,
    /// Requests that may have been made; `None` where only the escrow file knew of it.
    pub attempts: Option<u8>,
    /// Why it is in doubt.
    pub reason: DoubtReason,
    /// No request of it can have left after this.
    pub last_send: UtcTime,
    /// True if the escrow has its PIN.
    pub is_in_escrow: bool,
}

/// How the recipients of the config stand to those that were remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecipientsStatus {
    /// The same, or the first ever (which are remembered from the first change on).
    #[default]
    Known,
    /// Others: nothing is set until somebody acknowledges them.
    Changed {
        /// Those that were remembered.
        previous: Vec<Fingerprint>,
        /// Those of the config now.
        current: Vec<Fingerprint>,
    },
}

/// One confirmed piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// The profile it is done for.
    pub profile: CleanText,
    /// Where the PINs come from.
    pub pin_source: PinSource,
    /// Every number that was confirmed, in order.
    pub numbers: Vec<(PhoneNumberId, Option<WabaId>)>,
}

/// Where a job's PINs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinSource {
    /// One that somebody typed or that stood in a file, the same for all.
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
    /// What was known of the number.
    pub status_before: StatusBefore,
    /// The sealed PIN, for the escrow file and the journal; `None` without recipients.
    pub escrow_entry: Option<EscrowEntry>,
    /// When.
    pub at: UtcTime,
}

/// A change that came to rest.
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
    /// Requests made.
    pub attempts: u8,
    /// What it came to.
    pub outcome: Outcome,
    /// True if it only rests until its time comes again: nothing is in doubt, and this process sends it once more.
    pub will_retry: bool,
    /// When.
    pub at: UtcTime,
}

/// Something to be remembered beside the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditEvent {
    /// The console's screen was hidden.
    ScreenHidden,
    /// It was shown again.
    ScreenShown,
    /// A PIN was opened from the escrow.
    PinDecrypted {
        /// Which change's.
        change: ChangeId,
        /// Whose.
        number: PhoneNumberId,
        /// The WABA it was listed under.
        waba: Option<WabaId>,
    },
}

/// One line of a number's history, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: UtcTime,
    /// Who: the claimed user where there is one, else the user id.
    pub operator_label: CleanText,
    /// True if it tells of a request; false where a PIN was only opened from the escrow.
    pub is_request: bool,
    /// What, in a few words: `set`, `failed: …`, `no answer`, `opened from escrow`, `checked by hand: …`.
    pub description: CleanText,
}

impl UnresolvedChange {
    /// What is known of its requests.
    #[must_use]
    pub fn send_history(&self) -> SendHistory {
        self.attempts.map_or(SendHistory::EscrowOnly { encrypted_at: self.at }, |tries| {
            SendHistory::Recorded(Completion { at: self.last_send, attempts: tries })
        })
    }

    /// From when on another PIN may be sent, seen from now.
    #[must_use]
    pub fn new_pin_allowed_from(&self, now: TimePoint) -> TimePoint {
        now.plus(time_until_new_pin(self.last_send, now.utc))
    }
}

/// True for a time that no clock can have told so far, unless it was wrong then, or is wrong now.
pub(super) fn is_in_future(at: UtcTime, now: UtcTime) -> bool {
    at > now.plus(MAX_SEND_DELAY)
}

/// When something happened at the latest, as a row tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RecordedTime {
    /// When the row was written.
    pub(super) at: UtcTime,
    /// The same, as time since the machine was started.
    pub(super) uptime: Option<Duration>,
    /// True if the machine is known not to have been started anew since.
    pub(super) is_same_boot: bool,
    /// So much later it can have been.
    pub(super) slack: Duration,
}

impl RecordedTime {
    /// By the clock of that time.
    pub(super) fn latest(&self) -> UtcTime {
        self.at.plus(self.slack)
    }

    /// By the clock of now. Both may have been wrong, or set since; the time since the machine was started cannot be set.
    pub(super) fn adjusted_to(&self, now: UtcTime, uptime: Option<Duration>) -> UtcTime {
        let by_uptime = uptime.zip(self.uptime).map(|(uptime, up)| {
            // It was before the machine was started anew. Where that is not seen, it only seems later than it was.
            now.minus(uptime.checked_sub(up).unwrap_or(uptime)).plus(self.slack)
        });
        match (by_uptime, is_in_future(self.latest(), now)) {
            (Some(seen), true) => seen,
            (Some(seen), false) if self.is_same_boot => seen.max(self.latest()),
            (Some(_) | None, false) => self.latest(),
            // Nobody knows: no later than now.
            (None, true) => now.plus(self.slack),
        }
    }
}

/// How long it takes until nothing that was sent can land any more. Where the clock was set back meanwhile, nobody knows
/// how long ago it was: the whole time is waited for.
pub(crate) fn time_until_new_pin(last_send: UtcTime, now: UtcTime) -> Duration {
    // Not by the time of the landing: a clock may stand at the end of what can be told.
    let left = LATE_ARRIVAL_WINDOW.saturating_sub(last_send.until(now)) + now.until(last_send);
    left.min(LATE_ARRIVAL_WINDOW + MAX_SEND_DELAY)
}

impl Operator {
    /// Of this process.
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
