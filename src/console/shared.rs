//! The state that the pages of the console share: the numbers, the connection, the journal, the messages.
//!
//! It knows no page. A page changes it, and the views read it.

mod block_reason;
mod idle_timer;
mod in_doubt_list;
mod pane;
mod reading;
mod status;

pub use block_reason::BlockReason;
pub use in_doubt_list::{InDoubtItem, InDoubtList};
pub use status::{
    Connection, Environment, Message, Messages, RETRY_INTERVAL, RecordingStatus, RefreshProgress, Session,
    next_countdown_change,
};

pub(super) use idle_timer::IdleTimer;
pub(super) use pane::DetailsPane;

use std::time::Duration;

use crate::console::input::key::Key;
use crate::console::input::keymap::{Keymap, Motion};
use crate::console::roster::Roster;
use crate::domain::change::ChangeState;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::journal::HistoryEntry;

/// The smallest window that shows a page. A smaller one shows a notice instead.
pub const MIN_SIZE: Size = Size { width: 40, height: 10 };

/// The minimum width for showing details beside the list.
pub const MIN_PANE_WIDTH: u16 = 100;

/// The size of the window, in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// How the list is laid out, if the window is wide enough for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListLayout {
    /// Rows only.
    ListOnly,
    /// Rows, with the details of the cursor row beside them.
    ListAndDetails,
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenProblem {
    /// It could not be read from its source; the text says why.
    Missing(String),
    /// Meta refused it.
    Refused {
        /// Graph's error code.
        code: i64,
        /// Its meaning, in a sentence.
        reason: &'static str,
    },
}

/// Everything that more than one page needs.
#[derive(Debug)]
pub struct Shared {
    pub(super) session: Session,
    pub(super) keymap: Keymap,
    pub(super) roster: Roster,
    pub(super) connection: Connection,
    /// Meta refused the access token in a reply that was just handled.
    pub(super) new_token_problem: Option<TokenProblem>,
    pub(super) recording_status: RecordingStatus,
    pub(super) in_doubt_list: InDoubtList,
    /// The history that was loaded last, of one number.
    pub(super) history: Option<(PhoneNumberId, Vec<HistoryEntry>)>,
    pub(super) pane: DetailsPane,
    pub(super) idle_timer: IdleTimer,
    pub(super) refresh: RefreshProgress,
    pub(super) messages: Messages,
    pub(super) layout: ListLayout,
    pub(super) size: Size,
    pub(super) filter: String,
}

impl Shared {
    pub(super) fn new(session: Session, keymap: Keymap, size: Size) -> Self {
        Self {
            messages: Messages::with_first(session.initial_message.clone()),
            session,
            keymap,
            roster: Roster::default(),
            connection: Connection::Unknown,
            new_token_problem: None,
            recording_status: RecordingStatus::Opening,
            in_doubt_list: InDoubtList::default(),
            history: None,
            pane: DetailsPane::default(),
            idle_timer: IdleTimer::default(),
            refresh: RefreshProgress::default(),
            layout: ListLayout::ListOnly,
            size,
            filter: String::new(),
        }
    }

    /// True if every list was read and no number was found.
    #[must_use]
    pub fn has_no_numbers(&self) -> bool {
        self.roster.total() == 0 && self.is_refresh_finished()
    }

    /// True below [`MIN_SIZE`]: no page is shown, and nothing can be confirmed.
    #[must_use]
    pub const fn is_too_small(&self) -> bool {
        self.size.width < MIN_SIZE.width || self.size.height < MIN_SIZE.height
    }

    /// True if the list shows the details of the cursor row beside it.
    #[must_use]
    pub fn has_pane(&self) -> bool {
        self.layout == ListLayout::ListAndDetails && self.size.width >= MIN_PANE_WIDTH
    }

    /// How many rows of numbers the window shows.
    #[must_use]
    pub const fn list_rows(&self) -> u16 {
        // Title, counts, heading; message, keys. A taller window also has the filter, a rule and the ids.
        let frame = if self.is_compact() { 5 } else { 8 };
        self.size.height.saturating_sub(frame)
    }

    /// True for small windows, which leave out what is not essential.
    #[must_use]
    pub const fn is_compact(&self) -> bool {
        self.size.width < 60 || self.size.height < 16
    }

    /// The settings of this run.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The rows of the number list.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The keys of each mode, with the operator's own bindings.
    #[must_use]
    pub const fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// The connection to Meta.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The status of journal and escrow.
    #[must_use]
    pub const fn recording_status(&self) -> &RecordingStatus {
        &self.recording_status
    }

    /// What is in doubt.
    #[must_use]
    pub const fn in_doubt_list(&self) -> &InDoubtList {
        &self.in_doubt_list
    }

    /// The progress of the current refresh.
    #[must_use]
    pub const fn refresh_progress(&self) -> &RefreshProgress {
        &self.refresh
    }

    /// The messages so far.
    #[must_use]
    pub const fn messages(&self) -> &Messages {
        &self.messages
    }

    /// The active filter; empty if there is none.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The size of the window.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// How many changes are in progress.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.roster.changes().filter(|(_, state)| state.is_running()).count()
    }

    /// How many changes wait with nothing of them in force: they are queued, or paused without a doubt.
    #[must_use]
    pub fn queued_count(&self) -> usize {
        let waits =
            |state: &ChangeState| matches!(state, ChangeState::Queued | ChangeState::Paused { in_doubt: false, .. });
        self.roster.changes().filter(|(_, state)| waits(state)).count()
    }

    /// Numbers whose PIN may be in force and is only in the memory of this process, in no order.
    #[must_use]
    pub fn pins_only_in_memory(&self) -> Vec<PhoneNumberId> {
        let has_escrow =
            matches!(&self.recording_status, RecordingStatus::Ready { recipients } if !recipients.is_empty());
        let is_lost = |state: &ChangeState| match state {
            ChangeState::InDoubt(details) => details.is_pin_in_memory && !details.is_in_escrow,
            ChangeState::Waiting { in_doubt, .. } | ChangeState::Paused { in_doubt, .. } => *in_doubt && !has_escrow,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => false,
        };
        self.roster.changes().filter(|(_, state)| is_lost(state)).map(|(id, _)| *id).collect()
    }

    /// True if the operator was warned about every number whose PIN would be lost.
    pub(super) fn has_warned_about_all(&self, warned_numbers: &[PhoneNumberId]) -> bool {
        self.pins_only_in_memory().iter().all(|id| warned_numbers.contains(id))
    }

    /// True if quitting now needs a question.
    pub(super) fn has_unfinished_work(&self) -> bool {
        self.running_count() > 0 || self.in_doubt_list.number_count() > 0 || !self.pins_only_in_memory().is_empty()
    }

    /// A number as this process knows it. Its two-step status is unknown if only an earlier process read it, or if its
    /// WABA no longer lists it. A number in doubt that is in no list has only its id.
    #[must_use]
    pub fn number(&self, id: &PhoneNumberId) -> Option<Number> {
        match self.roster.get(id) {
            Some(row) if row.is_stale || self.is_unlisted(row.number) => {
                Some(Number { two_step: TwoStep::Unknown, ..row.number.clone() })
            }
            Some(row) => Some(row.number.clone()),
            None => self.in_doubt_list.get(id).map(|_| Number::from_config(*id, None)),
        }
    }

    /// The label of a number on the screen: its display number, or its id.
    #[must_use]
    pub fn label(&self, id: &PhoneNumberId) -> String {
        self.roster.get(id).map_or_else(|| id.to_string(), |row| row.number.label().to_owned())
    }

    pub(super) fn cursor_id(&self) -> Option<PhoneNumberId> {
        self.roster.cursor_row().map(|row| row.number.id)
    }

    /// The number under the cursor. The cursor stays on it while rows arrive, because a page opens for it.
    pub(super) fn select_under_cursor(&mut self) -> Option<PhoneNumberId> {
        let id = self.cursor_id()?;
        self.roster.select(&id);
        Some(id)
    }

    pub(super) fn move_cursor(&mut self, motion: Motion) {
        let page = isize::try_from(self.list_rows().saturating_sub(1).max(1)).unwrap_or(1);
        match motion {
            Motion::Up => self.roster.move_by(-1),
            Motion::Down => self.roster.move_by(1),
            Motion::PageUp => self.roster.move_by(-page),
            Motion::PageDown => self.roster.move_by(page),
            Motion::First => self.roster.move_to_first(),
            Motion::Last => self.roster.move_to_last(),
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        if self.roster.set_filter(text).is_ok() {
            text.clone_into(&mut self.filter);
        }
    }

    /// The scroll position of a page of text after a motion.
    pub(super) fn scroll_after(&self, scroll: u16, motion: Motion) -> u16 {
        let rows = self.size.height.saturating_sub(4).max(1);
        match motion {
            Motion::Up => scroll.saturating_sub(1),
            Motion::Down => scroll.saturating_add(1),
            Motion::PageUp => scroll.saturating_sub(rows),
            Motion::PageDown => scroll.saturating_add(rows),
            Motion::First => 0,
            Motion::Last => u16::MAX,
        }
    }

    pub(super) fn hint_unbound_key(&mut self, key: Key) {
        if let Key::Ctrl('s' | 'q') = key {
            self.messages.set_hint(format!("{key} does nothing here."));
        }
        if let Key::Char(c) = key
            && c.is_uppercase()
        {
            self.messages.set_hint("Caps Lock is on. Keys here are lower case.");
        }
    }

    /// How long before hiding the screen the warning appears; `None` if the screen never hides by itself.
    pub(super) fn hide_warning_time(&self) -> Option<Duration> {
        self.session.hide_after.map(|after| idle_timer::WARNING_TIME.min(after / 2))
    }

    /// The warning before the screen hides; `None` while it is not shown.
    #[must_use]
    pub fn hide_warning(&self) -> Option<String> {
        let seconds = self.hide_warning_time().filter(|_| self.idle_timer.is_warned)?.as_millis().div_ceil(1_000);
        Some(format!("Hiding the screen in {seconds} s. Press any key."))
    }
}
