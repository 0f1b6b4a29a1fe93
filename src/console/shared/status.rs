//! The state of the console besides the numbers: session, connection, refresh.
//!
//! It decides nothing: the rest of the app reads and updates it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::ascii::is_readable_in_ascii;
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::operator::OperatorName;
use crate::domain::outcome::{ApiError, ReadFailure};
use crate::domain::text::CleanText;
use crate::journal::EscrowDrill;
use crate::policy::rotation::Rotation;

use super::escrow_command::EscrowCommand;
use super::messages::Message;

/// How long pindesk waits after a lost connection before the next try.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(20);

/// Which numbers the requests reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real numbers.
    Live,
    /// Real numbers that the config calls a test (`live = false`), or a Graph API on this machine.
    Test,
    /// Made-up numbers of the simulator.
    Demo,
}

impl Environment {
    /// The word in the title.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Test => "TEST",
            Self::Demo => "DEMO",
        }
    }
}

/// Why names look alike in a locale that is not UTF-8, and what to do.
pub const NAMES_WARNING: &str = "Names are shown as ? because LANG is not UTF-8 (set LC_ALL=C.UTF-8).";

/// The settings of this run of the console: operator, profile, environment. They never change while it runs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Session {
    /// The profile's name; `None` without a config.
    pub profile: Option<String>,
    /// Which numbers the requests reach.
    pub environment: Environment,
    /// True if every change is refused.
    pub read_only: bool,
    /// The user name of the operating system.
    pub user: String,
    /// The operator as the journal names the one who set a PIN.
    pub operator: OperatorName,
    /// The Graph host, with the port if it is not the usual one.
    pub host: String,
    /// The config file in use; without one, the paths that were searched.
    pub config_paths: Vec<PathBuf>,
    /// The source of the access token, in words.
    pub token_source: String,
    /// The WABAs whose lists are read.
    pub wabas: Vec<Arc<Waba>>,
    /// How many numbers the profile names one by one.
    pub single_numbers: usize,
    /// The command that decrypts the PINs of a number.
    pub escrow_command: EscrowCommand,
    /// How long a PIN may be shown; `None` for never.
    pub show_pin_for: Option<Duration>,
    /// True if Ctrl-Z suspends the program.
    pub may_suspend: bool,
    /// How old a PIN may get; `None` if no PIN is ever due.
    pub rotation: Option<Rotation>,
    /// Maximum concurrent requests.
    pub concurrency: usize,
    /// True inside tmux or screen: the program goes on if the line drops.
    pub is_in_multiplexer: bool,
    /// True if a failure rings the bell.
    pub bell: bool,
    /// How long without a key before the screen hides; `None` for never.
    pub hide_after: Option<Duration>,
    /// What to say if a name was read that cannot be shown; `None` if names are shown, or nothing can be done about it.
    pub names_warning: Option<&'static str>,
    /// The first message; in the demo it says where the escrow key is.
    pub initial_message: Option<Message>,
    /// What the message of the first refresh adds.
    pub refresh_note: Option<String>,
    /// Why a profile that names no WABA has none, in a sentence; `None` if Meta was not asked for those of the token.
    pub waba_search: Option<String>,
}

/// The connection to Meta, as the last reply showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// No reply has arrived yet.
    Unknown,
    /// The last request got a reply.
    Online,
    /// The last request got no connection or no reply.
    Offline {
        /// When the connection was lost.
        since: UtcTime,
        /// When the next try starts.
        retry_at: TimePoint,
    },
    /// Meta refused the access token. Nothing more is sent with it.
    TokenRefused(Box<ApiError>),
}

/// The status of journal and escrow: without them nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingStatus {
    /// pindesk is opening them.
    Opening,
    /// They are open: pindesk records each request before it sends it.
    Ready {
        /// The keys that PINs are encrypted to, in words; empty without recipients.
        recipients: Vec<CleanText>,
    },
    /// The recipients have changed, and no operator has accepted them yet.
    RecipientsChanged {
        /// The previous recipients, as fingerprints.
        previous: Vec<CleanText>,
        /// The recipients of the config, as fingerprints.
        current: Vec<CleanText>,
    },
    /// Nothing can be recorded, so nothing can be set. The text says why and what to do.
    Unusable(CleanText),
    /// Rows of the journal were altered or deleted, so nothing is sent. The text says which, and what to do.
    Damaged(CleanText),
    /// A write or a sync failed while the program ran, so nothing more is sent. The text names the directory
    /// and the free space.
    JournalFailed(CleanText),
}

impl RecordingStatus {
    /// How many keys can open what pindesk saves to the escrow before it sends a PIN; `None` without an escrow.
    #[must_use]
    pub const fn escrow_keys(&self) -> Option<usize> {
        match self {
            Self::Ready { recipients } if !recipients.is_empty() => Some(recipients.len()),
            Self::Ready { .. }
            | Self::Opening
            | Self::RecipientsChanged { .. }
            | Self::Unusable(_)
            | Self::Damaged(_)
            | Self::JournalFailed(_) => None,
        }
    }
}

/// The last drill: when an operator tried whether a key opens the escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastDrill {
    /// It was not read yet.
    #[default]
    NotRead,
    /// There was none.
    Never,
    /// When it was, and what the key opened.
    Done(EscrowDrill),
}

/// The progress of a refresh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefreshProgress {
    /// Identifies the refresh. Pages of older ones are dropped.
    pub id: u32,
    /// True until every list has ended.
    pub is_running: bool,
    /// When the last list ended; `None` while the refresh is running.
    pub finished_at: Option<UtcTime>,
    /// True if nobody asked for it: its end is told only if something could not be read.
    pub is_quiet: bool,
    /// When the last refresh ended that could read every WABA, in this session.
    pub last_complete_at: Option<UtcTime>,
    /// How many numbers were read.
    pub numbers_read: usize,
    /// The numbers that were read one by one. A WABA may list them as well.
    pub single_numbers: HashSet<PhoneNumberId>,
    /// True if a name that was read cannot be shown in ASCII.
    pub has_name_outside_ascii: bool,
    /// How many WABAs were read or failed.
    pub wabas_done: usize,
    /// WABAs whose list could not be read, and why.
    pub unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

impl RefreshProgress {
    /// Counts a number once, even if it is read both alone and in a list.
    pub(in crate::console) fn count_number(&mut self, number: &Number) {
        let is_new = match &number.waba {
            Some(_) => !self.single_numbers.contains(&number.id),
            None => self.single_numbers.insert(number.id),
        };
        self.numbers_read += usize::from(is_new);
        self.has_name_outside_ascii |= number.name.as_ref().is_some_and(|name| !is_readable_in_ascii(name.as_str()));
    }
}

/// When a countdown to `until`, shown in whole seconds, changes next; `None` if it has ended.
#[must_use]
pub fn next_countdown_change(until: Instant, now: Instant) -> Option<Instant> {
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let shown_seconds = u64::try_from(left.as_millis().div_ceil(1_000)).ok()?;
    // In its last millisecond no second is shown.
    until.checked_sub(Duration::from_secs(shown_seconds.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_changes_each_second_until_its_end() {
        let now = Instant::now();
        let change = |left| next_countdown_change(now + left, now).map(|change| change - now);
        assert_eq!(change(Duration::from_millis(2_500)), Some(Duration::from_millis(500)));
        assert_eq!(change(Duration::from_millis(500)), Some(Duration::from_millis(500)));
        assert_eq!(change(Duration::from_micros(500)), Some(Duration::from_micros(500)));
        assert_eq!(change(Duration::ZERO), None);
    }
}
