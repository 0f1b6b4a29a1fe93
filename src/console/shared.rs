//! The state that the pages of the console share: the numbers, the connection, the journal, the messages.
//!
//! It knows no page. A page changes it, and the views read it.

mod acted_on;
mod block_reason;
mod change_message;
mod escrow_command;
mod idle_timer;
mod in_doubt_list;
mod jobs;
mod listed_numbers;
mod messages;
mod pane;
mod quick_filter;
mod reading;
mod selection;
mod status;
mod target_notice;
mod batch;
mod scroll;
mod started_jobs;

pub use block_reason::BlockReason;
pub use escrow_command::EscrowCommand;
pub use in_doubt_list::{InDoubtItem, InDoubtList};
pub use jobs::{JobCounts, JobList, JobNumbers, JobPhase, JobRow, OpenJob, OwnJob, OwnJobs};
pub use listed_numbers::{ListSource, ListedNumbers};
pub use messages::{Message, Messages};
pub use status::{
    Connection, Environment, LastDrill, NAMES_WARNING, RETRY_INTERVAL, RecordingStatus, RefreshProgress, Session,
    next_countdown_change,
};
pub use target_notice::TargetNotice;

pub(super) use change_message::SendTimes;
pub(super) use idle_timer::IdleTimer;
pub(super) use jobs::JobMilestone;
pub(super) use pane::DetailsPane;
pub(super) use started_jobs::StartedJobs;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::console::input::key::Key;
use crate::console::input::keymap::{Keymap, Mode, Motion, TextInput};
use crate::console::roster::{FilterError, Roster};
use crate::domain::change::ChangeState;
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::outcome::ApiError;
use crate::domain::text::CleanText;
use crate::domain::token_info::TokenInfo;
use crate::journal::HistoryEntry;

/// The smallest window that shows a page. A smaller one shows a notice instead.
pub const MIN_SIZE: Size = Size { width: 40, height: 10 };

/// The minimum width for showing details beside the list or a page.
pub const MIN_PANE_WIDTH: u16 = 120;

/// The width of the list beside the pane, with the blank between them, in windows below 179 columns.
const LIST_WIDTH_BESIDE_PANE: u16 = 80;

/// The widest pane beside the list. What it shows is not longer.
const MAX_PANE_WIDTH: u16 = 59;

/// The columns of a page beside the pane. The pane begins behind them, in every window.
pub const PAGE_WIDTH_BESIDE_PANE: u16 = 80;

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
    Refused(Box<ApiError>),
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
    pub(super) last_drill: LastDrill,
    /// The numbers whose last change here was not sent, though nothing of it was refused.
    pub(super) unsent: HashSet<PhoneNumberId>,
    pub(super) jobs: jobs::JobsState,
    /// What Meta says of the access token; `None` before it was asked.
    pub(super) token_info: Option<TokenInfo>,
    /// The histories that open pages show.
    pub(super) histories: HashMap<PhoneNumberId, Vec<HistoryEntry>>,
    pub(super) pane: DetailsPane,
    pub(super) idle_timer: IdleTimer,
    pub(super) refresh: RefreshProgress,
    pub(super) messages: Messages,
    pub(super) send_times: SendTimes,
    pub(super) layout: ListLayout,
    pub(super) size: Size,
    pub(super) filter: String,
    /// What the key of the active quick filter restores.
    filter_before_quick: String,
    /// The numbers that other processes are sending a PIN to, as far as the journal tells.
    pub(super) sent_elsewhere: HashSet<PhoneNumberId>,
    /// The jobs for many numbers that this console started.
    pub(super) started_jobs: StartedJobs,
    /// When the last message was handled; `None` before the first.
    pub(super) last_update: Option<TimePoint>,
}

impl Shared {
    pub(super) fn new(session: Session, keymap: Keymap, size: Size) -> Self {
        let mut roster = Roster::default();
        roster.set_rotation(session.rotation);
        Self {
            messages: Messages::with_first(session.initial_message.clone()),
            session,
            keymap,
            roster,
            connection: Connection::Unknown,
            new_token_problem: None,
            recording_status: RecordingStatus::Opening,
            in_doubt_list: InDoubtList::default(),
            last_drill: LastDrill::default(),
            unsent: HashSet::new(),
            jobs: jobs::JobsState::default(),
            token_info: None,
            histories: HashMap::default(),
            pane: DetailsPane::default(),
            idle_timer: IdleTimer::default(),
            refresh: RefreshProgress::default(),
            send_times: SendTimes::default(),
            layout: ListLayout::ListAndDetails,
            size,
            filter: String::new(),
            filter_before_quick: String::new(),
            sent_elsewhere: HashSet::new(),
            started_jobs: StartedJobs::default(),
            last_update: None,
        }
    }

    /// True if every list was read and no number was found.
    #[must_use]
    pub fn has_no_numbers(&self) -> bool {
        self.roster.total() == 0 && self.is_refresh_finished()
    }

    /// True if the profile names no WABA and no number: then Meta is asked nothing.
    #[must_use]
    pub const fn names_no_numbers(&self) -> bool {
        self.session.profile.is_some() && self.session.wabas.is_empty() && self.session.single_numbers == 0
    }

    /// True below [`MIN_SIZE`]: no page is shown, and nothing can be confirmed.
    #[must_use]
    pub const fn is_too_small(&self) -> bool {
        self.size.width < MIN_SIZE.width || self.size.height < MIN_SIZE.height
    }

    /// True if the list shows the details of the cursor row beside it.
    #[must_use]
    pub fn has_pane(&self) -> bool {
        self.layout == ListLayout::ListAndDetails && self.size.width >= MIN_PANE_WIDTH && !self.is_compact()
    }

    /// The width of the pane beside the list, without the blank before it; 0 without a pane.
    #[must_use]
    pub fn pane_width(&self) -> u16 {
        if self.has_pane() { (self.size.width - LIST_WIDTH_BESIDE_PANE).min(MAX_PANE_WIDTH) } else { 0 }
    }

    /// How many rows of numbers the window shows.
    #[must_use]
    pub fn list_rows(&self) -> u16 {
        // Title, counts, heading; name, keys. A taller window also has the filter, a rule, the IDs and a message; the
        // pane shows the IDs, too.
        let frame = match (self.is_compact(), self.has_pane()) {
            (true, _) => 5,
            (false, true) => 7,
            (false, false) => 8,
        };
        self.size.height.saturating_sub(frame)
    }

    /// True for windows so narrow that the title names only the environment and the profile.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        self.size.width < 60
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

    /// When an operator last tried whether a key opens the escrow.
    #[must_use]
    pub const fn last_drill(&self) -> LastDrill {
        self.last_drill
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

    /// The time in UTC when the last message was handled, for times on the screen.
    #[must_use]
    pub fn utc_now(&self) -> UtcTime {
        self.last_update.map_or(UtcTime::from_unix_seconds(0), |now| now.utc)
    }

    pub(super) fn note_unsent(&mut self, id: PhoneNumberId, state: &ChangeState) {
        if matches!(state, ChangeState::NotSent(_, why) if !why.is_local_refusal()) {
            self.unsent.insert(id);
        } else {
            self.unsent.remove(&id);
        }
    }

    /// How many numbers have a last change that this console was to send, and did not.
    #[must_use]
    pub fn not_sent_here(&self) -> usize {
        self.unsent.len()
    }

    /// How many changes are in progress.
    #[must_use]
    pub const fn running_count(&self) -> usize {
        self.roster.running_count()
    }

    /// How many changes wait with nothing of them in force: they are queued, or paused without a doubt.
    #[must_use]
    pub const fn queued_count(&self) -> usize {
        self.roster.queued_count()
    }

    /// True if pindesk saves each PIN to the escrow before it sends the PIN.
    #[must_use]
    pub const fn has_escrow(&self) -> bool {
        self.recording_status.escrow_keys().is_some()
    }

    /// Numbers whose PIN may be in force and is only in the memory of this process, in no order.
    #[must_use]
    pub fn pins_only_in_memory(&self) -> Vec<PhoneNumberId> {
        let has_escrow = self.has_escrow();
        let is_lost = |state: &ChangeState| match state {
            ChangeState::InDoubt(details) => details.is_pin_in_memory && !details.is_in_escrow,
            ChangeState::Sending { in_doubt, .. }
            | ChangeState::Waiting { in_doubt, .. }
            | ChangeState::Paused { in_doubt, .. } => *in_doubt && !has_escrow,
            ChangeState::Queued
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => false,
        };
        self.roster.open_changes().filter(|(_, state)| is_lost(state)).map(|(id, _)| *id).collect()
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
            Some(row) if row.is_stale || self.is_unlisted(&row.number) => {
                Some(Number { two_step: TwoStep::Unknown, ..row.number })
            }
            Some(row) => Some(row.number),
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

    /// The number under the cursor, for which a page opens. The cursor stays on it when the filter is cleared.
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

    /// Filters the list. The cursor goes to the first row that matches, unless its own row is in sight.
    pub(super) fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        self.roster.set_filter(text, self.list_rows().into())?;
        text.clone_into(&mut self.filter);
        Ok(())
    }

    /// Filters the list by a text that is being typed: what is unfinished changes nothing yet.
    pub(super) fn type_filter(&mut self, text: &str) -> Result<(), FilterError> {
        self.roster.type_filter(text, self.list_rows().into())?;
        text.trim().clone_into(&mut self.filter);
        Ok(())
    }

    /// Goes back to an earlier filter, and to the number that the cursor was on before the filter moved it.
    pub(super) fn restore_filter(&mut self, text: &str) {
        if self.roster.set_filter(text, usize::MAX).is_ok() {
            text.clone_into(&mut self.filter);
        }
    }

    /// The response to a key without an action in a mode. A field ignores it: there, keys are text.
    pub(super) fn hint_unbound_key(&mut self, key: Key, mode: Mode) {
        if let Key::Ctrl('s' | 'q') = key {
            self.messages.set_hint(format!("{key} does nothing here."));
        } else if mode.text_input() == TextInput::None {
            let help = self.keymap.help_key(mode).map(|help| format!(" {help} shows the keys.")).unwrap_or_default();
            // A key can be any character, such as one that turns the direction of the text.
            self.messages.set_hint(format!("No action on \"{}\".{help}", CleanText::new(&key.to_string())));
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
        let dropped = if self.in_doubt_list.has_droppable_pins() { ", and dropping the PIN in doubt" } else { "" };
        Some(format!("Hiding the screen in {seconds} s{dropped}. Press any key."))
    }
}
