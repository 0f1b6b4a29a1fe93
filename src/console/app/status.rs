//! What the console knows besides the numbers: session, connection, refresh, messages.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::CleanText;

/// How long after a lost connection the next try starts.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(20);

/// How many messages are kept.
const MAX_MESSAGES: usize = 500;

/// What requests reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real numbers.
    Live,
    /// Real numbers that the config calls a test (`live = false`), or a Graph API on this machine.
    Test,
    /// Made-up numbers.
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

/// Who works with the console on what. Fixed while it runs.
#[derive(Debug, Clone)]
pub struct Session {
    /// The profile's name; `None` without a config.
    pub profile: Option<String>,
    /// What requests reach.
    pub environment: Environment,
    /// True if every change is refused.
    pub read_only: bool,
    /// The operating system's user.
    pub user: String,
    /// The Graph host.
    pub host: String,
    /// The config file in use, or the paths where one was searched.
    pub config_paths: Vec<PathBuf>,
    /// The source of the access token, in words.
    pub token_source: String,
    /// The WABAs whose lists are read.
    pub wabas: Vec<Arc<Waba>>,
    /// How long a PIN may be shown; `None` for never.
    pub show_pin_for: Option<Duration>,
    /// True if Ctrl-Z suspends the program.
    pub may_suspend: bool,
    /// True if a failure rings the bell.
    pub bell: bool,
    /// How long without a key until the screen hides; `None` for never.
    pub hide_after: Option<Duration>,
    /// The first message: where the key of the demo is.
    pub initial_message: Option<Message>,
}

/// The connection to Meta, as the last reply showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Nothing was received yet.
    Unknown,
    /// The last request had a reply.
    Online,
    /// The last request had none.
    Offline {
        /// Since when.
        since: UtcTime,
        /// When the next try starts.
        retry_at: TimePoint,
    },
    /// Meta refused the access token. Nothing more is sent with it.
    TokenRefused {
        /// Graph's error code.
        code: i64,
        /// Its meaning, in a sentence.
        reason: &'static str,
    },
}

/// The status of journal and escrow: without them nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingStatus {
    /// They are being opened.
    Opening,
    /// Each request is recorded before it is sent.
    Ready {
        /// The keys that PINs are encrypted to, in words; empty without recipients.
        recipients: Vec<CleanText>,
    },
    /// The recipients have changed, and no operator has accepted them.
    RecipientsChanged {
        /// The previous ones.
        previous: Vec<CleanText>,
        /// Those of the config.
        current: Vec<CleanText>,
    },
    /// Nothing can be recorded, so nothing can be set. The text says why and what to do.
    Unusable(CleanText),
    /// A write or a sync failed while the program ran. The text names the directory and the free space.
    JournalFailed(CleanText),
}

/// How far the refresh is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefreshProgress {
    /// Identifies the refresh. Pages of older ones are dropped.
    pub id: u32,
    /// True until every list has ended.
    pub is_running: bool,
    /// How many numbers were read.
    pub numbers_read: usize,
    /// Those of them that were read alone. A WABA may list them as well.
    pub single_numbers: HashSet<PhoneNumberId>,
    /// WABAs that were read or failed.
    pub wabas_done: usize,
    /// The earliest time at which one of them was read; if there is none, when every list had ended.
    pub read_since: Option<UtcTime>,
    /// WABAs whose list could not be read, and why.
    pub unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

impl RefreshProgress {
    /// Counts a number once, even if it is read alone and in a list.
    pub(super) fn count_number(&mut self, number: &Number) {
        // Not the time of the first one: the clock may be set back meanwhile.
        self.read_since = self.read_since.into_iter().chain(number.read_at).min();
        let is_new = match &number.waba {
            Some(_) => !self.single_numbers.contains(&number.id),
            None => self.single_numbers.insert(number.id),
        };
        self.numbers_read += usize::from(is_new);
    }
}

/// A message to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: UtcTime,
    /// What.
    pub text: String,
}

/// The messages so far, newest last.
#[derive(Debug, Default)]
pub struct Messages {
    entries: VecDeque<Message>,
    hint: Option<String>,
}

impl Messages {
    /// The messages at the start: one or none.
    #[must_use]
    pub fn with_first(first: Option<Message>) -> Self {
        Self { entries: first.into_iter().collect(), hint: None }
    }

    /// Adds a message that stays on the messages page.
    pub fn push(&mut self, at: UtcTime, text: impl Into<String>) {
        if self.entries.len() == MAX_MESSAGES {
            self.entries.pop_front();
        }
        self.entries.push_back(Message { at, text: text.into() });
        self.hint = None;
    }

    /// Sets the response to a key. The next key clears it.
    pub fn set_hint(&mut self, text: impl Into<String>) {
        self.hint = Some(text.into());
    }

    /// Clears the response to the last key.
    pub fn clear_hint(&mut self) {
        self.hint = None;
    }

    /// The text of the message line.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| self.entries.back().map(|message| message.text.as_str()))
    }

    /// The response to the last key, if there is one.
    #[must_use]
    pub fn current_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// All messages, newest first.
    #[must_use]
    pub fn newest_first(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.entries.iter().rev()
    }
}

/// When the countdown to a point in time changes next.
#[must_use]
pub fn next_countdown_change(until: Instant, now: Instant) -> Option<Instant> {
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let shown_seconds = u64::try_from(left.as_millis().div_ceil(1_000)).ok()?;
    until.checked_sub(Duration::from_secs(shown_seconds - 1))
}
