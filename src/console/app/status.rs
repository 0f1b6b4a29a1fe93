//! What the console knows besides the numbers: whom it works for, how the line is, what it read, what it said.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::CleanText;

/// After a lost connection, the next try comes this much later.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(20);

/// Messages kept for the messages page.
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

/// Whom the console works for, and within which bounds. Fixed while it runs.
#[derive(Debug, Clone)]
pub struct Session {
    /// The profile's name; `None` without a config.
    pub profile: Option<String>,
    /// What requests reach.
    pub environment: Environment,
    /// Nothing may be changed.
    pub read_only: bool,
    /// The operating system's user.
    pub user: String,
    /// The Graph host.
    pub host: String,
    /// The config file in use, or the places where one was looked for.
    pub config_paths: Vec<PathBuf>,
    /// Where the access token comes from, in words.
    pub token_source: String,
    /// The WABAs whose lists are read.
    pub wabas: Vec<Arc<Waba>>,
    /// How long a PIN may be shown; `None` for never.
    pub show_pin_for: Option<Duration>,
    /// Whether Ctrl-Z may stop the program.
    pub may_suspend: bool,
    /// Whether a failure rings the bell.
    pub bell: bool,
    /// After so long without a key the screen is hidden; `None` for never.
    pub hide_after: Option<Duration>,
    /// The first message: where the demo's key is.
    pub initial_message: Option<Message>,
}

/// How the line to Meta is, as the last answer showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Nothing came back yet.
    Unknown,
    /// The last request was answered.
    Online,
    /// The last request was not.
    Offline {
        /// Since when.
        since: UtcTime,
        /// When the next try starts.
        retry_at: TimePoint,
    },
    /// Meta refused the access token; nothing more is sent with it.
    TokenRefused {
        /// Graph's error code.
        code: i64,
        /// What it means, in a sentence.
        reason: &'static str,
    },
}

/// How the journal and the escrow are: without them nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingStatus {
    /// They are being opened.
    Opening,
    /// What is to be sent is recorded first.
    Ready {
        /// Whom PINs are sealed to, in words; nobody, without recipients.
        recipients: Vec<CleanText>,
    },
    /// The recipients are others than before, and nobody has acknowledged them.
    RecipientsChanged {
        /// Those before.
        previous: Vec<CleanText>,
        /// Those of the config now.
        current: Vec<CleanText>,
    },
    /// Nothing can be recorded, so nothing can be set; the text says why and what to do.
    Unusable(CleanText),
    /// A write or a sync failed while the program ran; the text names the directory and the bytes free.
    JournalFailed(CleanText),
}

/// How far the reading of the lists is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefreshProgress {
    /// Names the present reading; pages of older ones are dropped.
    pub id: u32,
    /// True until every list is at its end.
    pub is_running: bool,
    /// Numbers that came so far.
    pub numbers_read: usize,
    /// Those of them that came by themselves: a WABA may list them as well.
    pub single_numbers: HashSet<PhoneNumberId>,
    /// WABAs that are done, in whichever way.
    pub wabas_done: usize,
    /// The earliest time at which one of them was read, or when every list was at its end, if nothing came.
    pub read_since: Option<UtcTime>,
    /// WABAs whose list could not be read, and why.
    pub unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

impl RefreshProgress {
    /// Counts a number, once even if it comes by itself and in a list.
    pub(super) fn count_number(&mut self, number: &Number) {
        // Not simply that of the first one: somebody may set the clock back meanwhile.
        self.read_since = self.read_since.into_iter().chain(number.read_at).min();
        let is_new = match &number.waba {
            Some(_) => !self.single_numbers.contains(&number.id),
            None => self.single_numbers.insert(number.id),
        };
        self.numbers_read += usize::from(is_new);
    }
}

/// One line that told the operator something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: UtcTime,
    /// What.
    pub text: String,
}

/// Every message so far, the newest last.
#[derive(Debug, Default)]
pub struct Messages {
    entries: VecDeque<Message>,
    hint: Option<String>,
}

impl Messages {
    /// Those that there are at the start: one or none.
    #[must_use]
    pub fn with_first(first: Option<Message>) -> Self {
        Self { entries: first.into_iter().collect(), hint: None }
    }

    /// Tells something that stays readable on the messages page.
    pub fn push(&mut self, at: UtcTime, text: impl Into<String>) {
        if self.entries.len() == MAX_MESSAGES {
            self.entries.pop_front();
        }
        self.entries.push_back(Message { at, text: text.into() });
        self.hint = None;
    }

    /// Answers a key; gone with the next one.
    pub fn set_hint(&mut self, text: impl Into<String>) {
        self.hint = Some(text.into());
    }

    /// The key was answered.
    pub fn clear_hint(&mut self) {
        self.hint = None;
    }

    /// What the message line shows.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| self.entries.back().map(|message| message.text.as_str()))
    }

    /// The answer to the last key, if there is one.
    #[must_use]
    pub fn current_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// All of them, the newest first.
    #[must_use]
    pub fn newest_first(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.entries.iter().rev()
    }
}

/// The next whole second before a point in time, seen from `now`: when a countdown to it changes.
#[must_use]
pub fn next_countdown_change(until: Instant, now: Instant) -> Option<Instant> {
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let shown_seconds = u64::try_from(left.as_millis().div_ceil(1_000)).ok()?;
    until.checked_sub(Duration::from_secs(shown_seconds - 1))
}
