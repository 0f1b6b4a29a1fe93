//! The state of the console, and the one function that changes it: [`App::update`].
//!
//! `update` is synchronous and total. It does no I/O and reads no clock: the time comes with the message. It knows no
//! HTTP and no widgets, and returns what must be done as [`Effect`]s. It opens the pages that their steps name, and keeps
//! those below to return to.

mod hiding;
mod jobs;
mod journal_updates;
mod keys;
mod msg;
mod number_files;
mod progress;
mod reads;
mod recording;
mod timers;
mod many_pins;

pub use msg::Msg;

use std::ops::Deref;
use std::time::Instant;

use crate::console::effect::{Effect, WorkCommand};
use crate::console::go::{Destination, Go, QuitReason, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{FooterKey, Keymap, Mode, Risk, TextInput, table};
use crate::console::pages::confirm::ConfirmPage;
use crate::console::pages::copied::CopiedPage;
use crate::console::pages::copy::CopyPage;
use crate::console::pages::filter::FilterPage;
use crate::console::pages::hidden::HiddenPage;
use crate::console::pages::job::JobPage;
use crate::console::pages::job_pin::JobPinPage;
use crate::console::pages::job_resume::JobResumePage;
use crate::console::pages::job_stop::JobStopPage;
use crate::console::pages::jobs::JobsPage;
use crate::console::pages::list::ListPage;
use crate::console::pages::listed_numbers::ListedNumbersPage;
use crate::console::pages::many_pins::ManyPinsPage;
use crate::console::pages::many_pins_list::ManyPinsListPage;
use crate::console::pages::number::NumberPage;
use crate::console::pages::path::PathPage;
use crate::console::pages::pin_form::PinFormPage;
use crate::console::pages::quit::QuitPage;
use crate::console::pages::recipients::RecipientsPage;
use crate::console::pages::resolution_note::ResolutionNotePage;
use crate::console::pages::shutting_down::ShuttingDownPage;
use crate::console::pages::sort::SortPage;
use crate::console::pages::text::{PageText, TextPage};
use crate::console::pages::token::TokenPage;
use crate::console::pages::unresolved::UnresolvedPage;
use crate::console::pages::welcome::WelcomePage;
use crate::console::pages::{Page, PageEvent};
use crate::console::shared::{LastDrill, Session, Shared, Size, TokenProblem};
use crate::domain::clock::TimePoint;
use crate::domain::digits::ascii_digit;
use crate::domain::number::PhoneNumberId;
use crate::journal::HistoryEntry;

/// The complete state of the console.
#[derive(Debug)]
pub struct App {
    shared: Shared,
    page: Page,
    /// The pages below, the lowest first.
    below: Vec<Page>,
    last_interrupt: Option<Instant>,
}

/// Views and tests read the shared state through the app. Nothing can change it this way.
impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl App {
    /// The console at its start, with the first effects. An error in `token` says why there is no access token, as a
    /// sentence for the operator.
    #[must_use]
    pub fn start(session: Session, token: Result<(), String>, keymap: Keymap, size: Size) -> (Self, Vec<Effect>) {
        let mut shared = Shared::new(session, keymap, size);
        let (page, effects) = match (&shared.session.profile, token) {
            (None, _) => (Page::Welcome(WelcomePage), Vec::new()),
            (Some(_), Err(why)) => {
                (Page::Token(TokenPage { problem: TokenProblem::Missing(why), is_first: true }), Vec::new())
            }
            (Some(_), Ok(())) => {
                (Page::List(ListPage::default()), shared.refresh_all().into_iter().map(Into::into).collect())
            }
        };
        (Self { shared, page, below: Vec::new(), last_interrupt: None }, effects)
    }

    /// Handles a message, and returns the effects to perform.
    pub fn update(&mut self, msg: Msg, now: TimePoint) -> Vec<Effect> {
        self.shared.idle_timer.start(now.instant);
        self.shared.roster.set_today(now.utc);
        self.shared.roster.end_pauses(|_, until| until <= now.instant);
        self.shared.jobs.own.end_limits(|pause| pause.until.instant <= now.instant);
        self.shared.last_update = Some(now);
        let mut effects = self.handle_msg(msg, now);
        effects.extend(self.open_due_pages(now));
        effects.extend(self.record_screen_shown());
        effects.extend(self.read_shown_jobs());
        for effect in &effects {
            if let Effect::Work(command) = effect {
                self.shared.mark_acted_on(command);
            }
        }
        self.shared.track_cursor(now.instant);
        self.shared.update_counter(now.instant);
        effects
    }

    fn handle_msg(&mut self, msg: Msg, now: TimePoint) -> Vec<Effect> {
        match msg {
            Msg::KeyPressed(key) => return self.key_pressed(key, now),
            Msg::Pasted(paste) => return self.pasted(&paste, now),
            Msg::JobStarted { job, numbers, send_first } => return self.job_started(job, &numbers, send_first, now),
            Msg::NumberRead { id, result } => return self.number_read(id, result, now),
            Msg::ProgressReceived(progress) => return self.progress_received(progress, now),
            Msg::TokenRead(result) => return self.token_read(result, now),
            Msg::NumbersExported { path, result } => return self.numbers_exported(&path, result, now),
            Msg::NumberListRead { path, result } => return self.number_list_read(&path, result, now),
            Msg::JournalFailed(why) => return self.journal_failed(why, now),
            Msg::TerminationRequested => {
                return self.apply(Step::reset(Destination::ShuttingDown(QuitReason::Signal)), now);
            }
            Msg::TimerFired => return self.timer_fired(now),
            Msg::CallsPaused(pause) => return self.calls_paused(&pause, now),
            Msg::PageReceived { refresh_id, numbers } => self.page_received(refresh_id, &numbers),
            Msg::WabaRead { refresh_id, waba, result } => self.waba_read(refresh_id, waba, result, now),
            Msg::RefreshFinished { refresh_id } => self.refresh_finished(refresh_id, now),
            Msg::CachedNumbersLoaded(numbers) => self.cached_numbers_loaded(numbers),
            Msg::NumberRecordsLoaded(records) => self.records_loaded(records),
            Msg::JournalWatchFailed(why) => self.journal_watch_failed(&why, now),
            Msg::Resized(size) => self.resized(size),
            Msg::FrameShown { max_scroll } => self.frame_shown(max_scroll, now.instant),
            Msg::Resumed => self.cover(),
            Msg::PinGenerated(pin) => {
                self.page.on_event(&PageEvent::PinGenerated(pin.as_ref(), now.instant), &self.shared);
            }
            Msg::RecordsOpened { status, unresolved, findings } => {
                self.records_opened(status, unresolved, findings, now);
            }
            Msg::RecipientsAccepted(result) => self.recipients_accepted(result, now),
            Msg::HistoryRead { id, lines } => self.history_read(id, lines),
            Msg::CallsLeftRead(left) => self.notify(&PageEvent::CallsLeftRead(&left)),
            Msg::RecentSetsRead { question_id, recent } => {
                self.notify(&PageEvent::RecentSetsRead(question_id, &recent));
            }
            Msg::JobsChanged(jobs) => self.jobs_changed(&jobs),
            Msg::JobRead(id, job) => self.job_read(id, job),
            Msg::JobsRead(jobs) => self.jobs_read(jobs),
            Msg::LastDrillRead(drill) => self.shared.last_drill = drill.map_or(LastDrill::Never, LastDrill::Done),
            Msg::TokenInfoRead(info) => self.shared.note_token_info(*info, now),
            Msg::ClientNotice(why) => self.shared.messages.push(now.utc, why.as_str()),
        }
        Vec::new()
    }

    /// Lets the open page take a step, and goes where it leads.
    fn step(&mut self, now: TimePoint, run: impl FnOnce(Page, &mut Shared) -> Step<Page>) -> Vec<Effect> {
        // Never seen: `apply` puts the page that follows in its place.
        let page = std::mem::replace(&mut self.page, Page::List(ListPage::default()));
        let step = run(page, &mut self.shared);
        self.apply(step, now)
    }

    /// Goes where a step leads. Each step says which page is open after it.
    fn apply(&mut self, step: Step<Page>, now: TimePoint) -> Vec<Effect> {
        let Step { go, mut effects } = step;
        match go {
            Go::Stay(page) => self.page = page,
            Go::Open(page, destination) => {
                self.below.push(page);
                effects.extend(self.show(destination));
            }
            Go::Replace(destination) => effects.extend(self.show(destination)),
            Go::Back => match self.below.pop() {
                Some(page) => self.page = page,
                None => effects.extend(self.show(Destination::Home)),
            },
            Go::Reset(destination) => {
                let mut closed = std::mem::take(&mut self.below);
                if let Destination::Hidden(_) = destination {
                    for page in &mut closed {
                        page.on_hide(&mut self.shared, now);
                    }
                }
                effects.extend(self.show(destination));
            }
        }
        effects
    }

    /// Builds the page of a destination. Returns what must be done when it opens.
    fn show(&mut self, destination: Destination) -> Vec<Effect> {
        let shared = &self.shared;
        let mut effects = Vec::new();
        self.page = match destination {
            Destination::Home if shared.idle_timer.is_hiding_recorded => Page::Hidden(HiddenPage::new(None)),
            Destination::List | Destination::Home => Page::List(ListPage::default()),
            Destination::Token(problem) => Page::Token(TokenPage { problem, is_first: self.below.is_empty() }),
            Destination::Filter => Page::Filter(FilterPage::new(&shared.filter, shared.quick_filter().is_some())),
            Destination::Sort => Page::Sort(SortPage),
            Destination::Number(id) => {
                effects.push(WorkCommand::ReadHistory(id).into());
                Page::Number(NumberPage { id, scroll: 0 })
            }
            Destination::PinForm(targets) => {
                for target in targets.iter() {
                    effects.push(shared.refresh_number(target.id).into());
                    effects.push(WorkCommand::ReadHistory(target.id).into());
                }
                Page::PinForm(PinFormPage::new(targets, shared))
            }
            Destination::EditPin(draft) => Page::PinForm(PinFormPage::reopen(draft)),
            Destination::Confirm(request) => Page::Confirm(ConfirmPage::new(request)),
            Destination::ResolutionNote(id) => Page::ResolutionNote(ResolutionNotePage::new(id)),
            Destination::EditResolutionNote(id, note) => Page::ResolutionNote(ResolutionNotePage::reopen(id, &note)),
            Destination::Unresolved => {
                effects.push(WorkCommand::ReadLastDrill.into());
                Page::Unresolved(UnresolvedPage)
            }
            Destination::Recipients => Page::Recipients(RecipientsPage::default()),
            Destination::Hidden(idle_time) => {
                effects.push(self.drop_secrets());
                Page::Hidden(HiddenPage::new(idle_time))
            }
            Destination::Copy(id) => Page::Copy(CopyPage { id }),
            Destination::Copied(copied) => Page::Copied(CopiedPage { copied, scroll: 0 }),
            Destination::JournalUnavailable => text_page(PageText::JournalUnavailable),
            Destination::Offline => text_page(PageText::Offline),
            Destination::Messages => text_page(PageText::Messages),
            Destination::Help => text_page(PageText::Help),
            Destination::Quit => Page::Quit(QuitPage::default()),
            Destination::ShuttingDown(reason) => Page::ShuttingDown(ShuttingDownPage { reason }),
            Destination::Path(purpose) => Page::Path(PathPage::new(purpose)),
            Destination::ListedNumbers(list) => Page::ListedNumbers(ListedNumbersPage { list, scroll: 0 }),
            Destination::ManyPinsForm(ids) => self.many_pins_form(&ids, &mut effects),
            Destination::EditManyPins(draft) => Page::ManyPins(ManyPinsPage::reopen(*draft)),
            Destination::ConfirmMany(request) => self.confirm_many(request, &mut effects),
            Destination::ManyPinsList(frozen) => Page::ManyPinsList(ManyPinsListPage::new(frozen)),
            Destination::Job(id) => Page::Job(JobPage::new(id)),
            Destination::JobPin(remainder) => Page::JobPin(JobPinPage::new(remainder, &self.shared)),
            Destination::ResumeJob(request) => Page::JobResume(JobResumePage::new(request)),
            Destination::StopJob(id) => Page::JobStop(JobStopPage::new(id)),
            Destination::Jobs => {
                self.shared.jobs.list.mark_stale();
                Page::Jobs(JobsPage)
            }
        };
        effects
    }

    /// Opens a page that the operator did not ask for, unless they are in the middle of something.
    fn open_due_pages(&mut self, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        let token_problem = self.shared.new_token_problem.take();
        let may_show = self.page.may_be_interrupted() || matches!(self.page, Page::Token(_));
        if let Some(problem) = token_problem.filter(|_| may_show) {
            effects.extend(self.show_token_problem(problem, now));
        }
        // It names numbers.
        let may_open = self.page.may_be_interrupted() && !self.hides_numbers();
        if self.shared.in_doubt_list.is_due && may_open {
            effects.extend(self.open(Destination::Unresolved, now));
        }
        effects
    }

    /// Opens a page on top of the open one.
    pub fn open(&mut self, destination: Destination, now: TimePoint) -> Vec<Effect> {
        self.step(now, |page, _| Step::open(page, destination))
    }

    /// Says on top of the open page that there is no working access token. A page that says so already, that waits for
    /// the token, or that waits to quit makes way.
    fn show_token_problem(&mut self, problem: TokenProblem, now: TimePoint) -> Vec<Effect> {
        self.cover();
        // The page of an older problem may be below. What is on top of it goes, too: it would lead back to a page that needs
        // a token.
        if let Some(index) = self.below.iter().position(|page| matches!(page, Page::Token(_))) {
            self.page = self.below.swap_remove(index);
            self.below.truncate(index);
        }
        let destination = Destination::Token(problem);
        self.step(now, |page, _| {
            if let Page::Token(_) | Page::Hidden(_) | Page::ShuttingDown(_) = page {
                Step::replace(destination)
            } else {
                Step::open(page, destination)
            }
        })
    }

    /// Tells every open page.
    fn notify(&mut self, event: &PageEvent<'_>) {
        for page in self.below.iter_mut().chain([&mut self.page]) {
            page.on_event(event, &self.shared);
        }
    }

    /// Tells every open page that the screen is covered.
    fn cover(&mut self) {
        self.pages_mut().for_each(Page::on_covered);
    }

    fn pages(&self) -> impl Iterator<Item = &Page> {
        self.below.iter().chain([&self.page])
    }

    fn pages_mut(&mut self) -> impl Iterator<Item = &mut Page> {
        self.below.iter_mut().chain([&mut self.page])
    }

    /// Keeps the history if an open page or the pane shows it. One that arrives late replaces no other.
    fn history_read(&mut self, id: PhoneNumberId, lines: Vec<HistoryEntry>) {
        if self.hides_numbers() {
            return;
        }
        self.shared.show_awaited_history(id);
        let mut histories = std::mem::take(&mut self.shared.histories);
        histories.insert(id, lines);
        histories.retain(|id, _| self.pages().any(|page| page.shows_history_of(id, &self.shared)));
        self.shared.histories = histories;
    }

    fn resized(&mut self, size: Size) {
        self.shared.size = size;
        if self.is_too_small() {
            self.cover();
        }
    }

    fn frame_shown(&mut self, max_scroll: u16, at: Instant) {
        if !self.is_too_small() {
            self.page.on_shown(max_scroll, at, &self.shared);
        }
    }

    /// Adds, removes and moves rows before a frame is drawn. Rows do not move below an open page, and none is added
    /// before a frame can show it: the cursor would stay on a row that it was put on out of sight.
    pub fn apply_list_updates(&mut self) {
        if self.page.lets_rows_move() && !self.is_too_small() {
            self.shared.roster.apply_updates();
            self.shared.report_vanished_selection();
        }
    }

    /// True for keys that may be typed ahead: motions everywhere, digits in a digit field.
    #[must_use]
    pub fn accepts_typed_ahead(&self, key: Key) -> bool {
        let mode = self.mode();
        let moves = self.keymap.row(mode, key).is_some_and(|row| row.risk == Risk::Moves);
        moves
            || (matches!(mode.text_input(), TextInput::Digits(_))
                && matches!(key, Key::Char(c) if ascii_digit(c).is_some()))
    }

    /// True if a single key does something that cannot be undone.
    #[must_use]
    pub fn is_single_key_prompt(&self) -> bool {
        self.mode().has_risk(Risk::Commits)
    }

    /// True if the screen asks something: an old message would look like an answer to it.
    #[must_use]
    pub fn asks(&self) -> bool {
        !self.is_too_small() && self.page.asks()
    }

    /// True if an open form or question is about this number, on the screen or below another page.
    #[must_use]
    pub fn is_asked_about(&self, id: &PhoneNumberId) -> bool {
        self.pages().any(|page| page.asks() && page.is_about(id))
    }

    /// The page on the screen.
    #[must_use]
    pub const fn page(&self) -> &Page {
        &self.page
    }

    /// The number that the page is about, if it is about one.
    #[must_use]
    pub fn page_number(&self) -> Option<PhoneNumberId> {
        self.page.number()
    }

    /// True if the history of the page's number is shown beside it.
    #[must_use]
    pub fn has_page_pane(&self) -> bool {
        self.has_pane() && self.page.has_pane() && !self.hides_numbers()
    }

    /// The current mode, which decides what keys mean.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.is_too_small() { Mode::TooSmall } else { self.page.mode(&self.shared) }
    }

    /// The mode of the page below, which the help describes.
    #[must_use]
    pub fn mode_below(&self) -> Mode {
        self.below.last().map_or(Mode::List, |page| page.mode(&self.shared))
    }

    /// The keys for the footer, the most important one first.
    #[must_use]
    pub fn footer(&self) -> Vec<FooterKey> {
        if self.is_too_small() {
            self.keymap.footer(&table::TOO_SMALL, |_| true).collect()
        } else {
            self.page.footer(&self.shared)
        }
    }

    /// True while no number may be drawn.
    #[must_use]
    pub fn hides_numbers(&self) -> bool {
        let pages = self.pages();
        pages.fold(false, |below, page| page.hides_numbers(below, &self.shared))
    }
}

const fn text_page(text: PageText) -> Page {
    Page::Text(TextPage { text, scroll: 0 })
}
