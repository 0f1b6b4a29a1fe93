//! The state of the console, and the one function that changes it: [`App::update`].
//!
//! `update` is synchronous and total. It does no I/O and reads no clock: the time comes with the message. It knows no
//! HTTP and no widgets, and returns what must be done as [`Effect`]s.

use std::time::Instant;

use crate::console::app::confirm::ConfirmPage;
use crate::console::input::key::Key;
use crate::console::input::keymap::{Action, Keymap, Mode, TextInput};
use crate::console::roster::Roster;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};

pub mod confirm;
pub mod guard;
pub mod msg;
pub mod in_doubt_list;
pub mod screen;
pub mod status;

mod auto_hide;
mod history;
mod keys;
mod quit;
mod list;
mod events;
mod number_actions;
mod recording;
mod timers;

pub use msg::{Effect, Msg, Size};
pub use screen::Screen;
pub use status::{Connection, Environment, Messages, RecordingStatus, RefreshProgress, Session};

use auto_hide::IdleTimer;
use history::HistoryCache;
use in_doubt_list::InDoubtList;
use screen::{QuitReason, TokenProblem};

/// The smallest window that shows a page. A smaller one shows a notice instead.
pub const MIN_SIZE: Size = Size { width: 40, height: 10 };

/// The minimum width for showing details beside the list.
pub const MIN_PANE_WIDTH: u16 = 100;

/// How the list is laid out, if the window is wide enough for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListLayout {
    /// Rows only.
    ListOnly,
    /// Rows, with the details of the cursor row beside them.
    ListAndDetails,
}

/// The complete state of the console.
#[derive(Debug)]
pub struct App {
    session: Session,
    keymap: Keymap,
    roster: Roster,
    screen: Screen,
    connection: Connection,
    recording_status: RecordingStatus,
    in_doubt_list: InDoubtList,
    history: HistoryCache,
    idle_timer: IdleTimer,
    refresh: RefreshProgress,
    messages: Messages,
    layout: ListLayout,
    size: Size,
    filter: String,
    last_interrupt: Option<Instant>,
    asked_to_refresh_all: bool,
}

impl App {
    /// The console at its start, with the first effects. An error in `token` says why there is no access token, as a
    /// sentence for the operator.
    #[must_use]
    pub fn start(session: Session, token: Result<(), String>, keymap: Keymap, size: Size) -> (Self, Vec<Effect>) {
        let screen = match (&session.profile, token) {
            (None, _) => Screen::Welcome,
            (Some(_), Err(why)) => Screen::Token(TokenProblem::Missing(why)),
            (Some(_), Ok(())) => Screen::List,
        };
        let is_ready = matches!(screen, Screen::List);
        let mut app = Self {
            messages: Messages::with_first(session.initial_message.clone()),
            session,
            keymap,
            roster: Roster::default(),
            screen,
            connection: Connection::Unknown,
            recording_status: RecordingStatus::Opening,
            in_doubt_list: InDoubtList::default(),
            history: HistoryCache::default(),
            idle_timer: IdleTimer::default(),
            refresh: RefreshProgress::default(),
            layout: ListLayout::ListOnly,
            size,
            filter: String::new(),
            last_interrupt: None,
            asked_to_refresh_all: false,
        };
        let effects = if is_ready { app.refresh_all() } else { Vec::new() };
        (app, effects)
    }

    /// Handles a message, and returns the effects to perform.
    pub fn update(&mut self, msg: Msg, now: TimePoint) -> Vec<Effect> {
        self.idle_timer.start(now.instant);
        let mut effects = self.handle_msg(msg, now);
        if self.in_doubt_list.is_due && matches!(self.screen, Screen::List | Screen::Token(_)) {
            let below = Box::new(self.take_screen());
            self.set_screen(Screen::Unresolved(below));
        }
        effects.extend(self.record_screen_shown());
        effects
    }

    fn handle_msg(&mut self, msg: Msg, now: TimePoint) -> Vec<Effect> {
        match msg {
            Msg::KeyPressed(key) => self.key_pressed(key, now),
            Msg::Pasted(paste) => {
                self.pasted(&paste, now);
                Vec::new()
            }
            Msg::Resized(size) => {
                self.resized(size);
                Vec::new()
            }
            Msg::FrameShown { max_scroll } => {
                self.frame_shown(max_scroll, now.instant);
                Vec::new()
            }
            Msg::Resumed => {
                self.screen.mark_hidden();
                Vec::new()
            }
            Msg::PageReceived { refresh_id, numbers } => {
                self.page_received(refresh_id, &numbers);
                Vec::new()
            }
            Msg::WabaRead { refresh_id, waba, result } => {
                self.waba_read(refresh_id, waba, result, now);
                Vec::new()
            }
            Msg::RefreshFinished { refresh_id } => {
                self.refresh_finished(refresh_id, now);
                Vec::new()
            }
            Msg::NumberRead { id, result } => self.number_read(id, result, now),
            Msg::ProgressReceived(progress) => self.progress_received(progress, now),
            Msg::PinGenerated(pin) => {
                self.pin_generated(pin, now.instant);
                Vec::new()
            }
            Msg::TokenRead(result) => self.token_read(result, now),
            Msg::RecordsOpened { status, unresolved, findings } => {
                self.records_opened(status, unresolved, findings, now)
            }
            Msg::JournalFailed(why) => self.journal_failed(why, now),
            Msg::RecipientsAccepted(result) => self.recipients_accepted(result, now),
            Msg::CachedNumbersLoaded(numbers) => {
                self.cached_numbers_loaded(numbers);
                Vec::new()
            }
            Msg::HistoryRead { id, lines } => self.history_read(id, lines),
            Msg::ClientSetupFailed(why) => {
                self.messages.push(now.utc, why.as_str());
                Vec::new()
            }
            Msg::TerminationRequested => {
                self.screen = Screen::ShuttingDown(QuitReason::Signal);
                Vec::new()
            }
            Msg::TimerFired => self.timer_fired(now),
        }
    }

    /// Adds, removes and moves rows before a frame is drawn. Rows do not move below an open page.
    pub fn apply_list_updates(&mut self) {
        let is_list = matches!(self.screen, Screen::List | Screen::Filter(_) | Screen::Sort);
        // These pages show no row, and open other pages by phone number ID.
        if is_list || matches!(self.screen, Screen::Unresolved(_) | Screen::Hidden(_)) {
            self.roster.apply_updates();
        }
    }

    /// True for keys that may be typed ahead: motions everywhere, digits in a digit field.
    #[must_use]
    pub fn accepts_typed_ahead(&self, key: Key) -> bool {
        let mode = self.mode();
        let moves = self.keymap.action(mode, key).is_some_and(Action::is_motion);
        moves || (mode.text_input() == TextInput::Digits && matches!(key, Key::Char('0'..='9')))
    }

    /// True if a single key does something that cannot be undone.
    #[must_use]
    pub fn is_single_key_prompt(&self) -> bool {
        matches!(self.mode(), Mode::Confirm | Mode::ConfirmResolution | Mode::Recipients | Mode::Quit)
    }

    /// The current mode, which decides what keys mean.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.is_too_small() { Mode::TooSmall } else { self.mode_of(&self.screen) }
    }

    /// The mode that a page would have if it were shown.
    #[must_use]
    pub fn mode_of(&self, screen: &Screen) -> Mode {
        if let Some(mode) = screen.fixed_mode() {
            return mode;
        }
        let Screen::Number(page) = screen else {
            return if self.has_no_numbers() { Mode::NoNumbers } else { Mode::List };
        };
        match self.roster.change(&page.id) {
            Some(ChangeState::Failed(..) | ChangeState::NotSent(..)) => Mode::Failed,
            Some(ChangeState::InDoubt(_)) => Mode::NoAnswer,
            Some(
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Set(_)
                | ChangeState::Resolved(..),
            )
            | None => Mode::Details,
        }
    }

    /// True if every list was read and no number was found.
    #[must_use]
    pub fn has_no_numbers(&self) -> bool {
        self.roster.total() == 0 && self.refresh.id > 0 && !self.refresh.is_running
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

    /// The page on the screen.
    #[must_use]
    pub const fn screen(&self) -> &Screen {
        &self.screen
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

    /// How many changes are queued: pindesk has sent nothing for them.
    #[must_use]
    pub fn queued_count(&self) -> usize {
        self.roster.changes().filter(|(_, state)| **state == ChangeState::Queued).count()
    }

    /// False for an action of the page that has no effect now, because the PIN is not in memory.
    #[must_use]
    pub fn is_action_available(&self, action: Action) -> bool {
        let Screen::Number(page) = &self.screen else { return true };
        let has_pin =
            matches!(self.roster.change(&page.id), Some(ChangeState::InDoubt(details)) if details.is_pin_in_memory);
        action != Action::SendSamePin || has_pin
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

    fn set_screen(&mut self, screen: Screen) {
        self.screen = screen;
    }

    /// Takes the page, so that the next one can be built from it.
    fn take_screen(&mut self) -> Screen {
        std::mem::replace(&mut self.screen, Screen::List)
    }

    fn cursor_id(&self) -> Option<PhoneNumberId> {
        self.roster.cursor_row().map(|row| row.number.id)
    }

    /// The number under the cursor. The cursor stays on it while rows arrive, because a page opens for it.
    fn select_under_cursor(&mut self) -> Option<PhoneNumberId> {
        let id = self.cursor_id()?;
        self.roster.select(&id);
        Some(id)
    }

    /// The label of a number on the screen: its display number, or its id.
    #[must_use]
    pub fn label(&self, id: &PhoneNumberId) -> String {
        self.roster.get(id).map_or_else(|| id.to_string(), |row| row.number.label().to_owned())
    }

    /// Starts to refresh every list. Numbers that were read before stay in the list, marked with their time.
    fn refresh_all(&mut self) -> Vec<Effect> {
        self.refresh = RefreshProgress { id: self.refresh.id + 1, is_running: true, ..RefreshProgress::default() };
        self.roster.begin_refresh();
        vec![Effect::RefreshAll { refresh_id: self.refresh.id }]
    }

    fn resized(&mut self, size: Size) {
        self.size = size;
        if self.is_too_small() {
            self.screen.mark_hidden();
        }
    }

    fn frame_shown(&mut self, max_scroll: u16, at: Instant) {
        if self.is_too_small() {
            return;
        }
        match &mut self.screen {
            Screen::Confirm(page) => page.mark_shown(at),
            Screen::Quit(page) => page.guard.mark_shown(at),
            Screen::Recipients(page) => page.mark_shown(max_scroll, at),
            Screen::Hidden(page) => page.was_drawn = true,
            Screen::Number(page) => page.scroll = page.scroll.min(max_scroll),
            Screen::Help(page) | Screen::Messages(page) | Screen::JournalUnavailable(page) => {
                page.scroll = page.scroll.min(max_scroll);
            }
            Screen::Welcome
            | Screen::Token(_)
            | Screen::List
            | Screen::Filter(_)
            | Screen::Sort
            | Screen::Form(_)
            | Screen::ResolutionNote(_)
            | Screen::Unresolved(_)
            | Screen::Copy(_)
            | Screen::Copied(_)
            | Screen::ShuttingDown(_) => {}
        }
    }

    fn open_confirm(&mut self, page: ConfirmPage) {
        self.set_screen(Screen::Confirm(Box::new(page)));
    }

    fn hint_unbound_key(&mut self, key: Key) {
        if let Key::Ctrl('s' | 'q') = key {
            self.messages.set_hint(format!("{key} does nothing here."));
        }
        if let Key::Char(c) = key
            && c.is_uppercase()
        {
            self.messages.set_hint("Caps Lock is on. Keys here are lower case.");
        }
    }
}
