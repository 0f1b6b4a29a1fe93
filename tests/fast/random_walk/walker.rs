//! Applies a walk to the console and checks the invariants after each message, effect and frame.

mod invariants;
mod jobs;
mod journal;
mod pending_question;
mod typing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::console::app::{App, Msg};
use pindesk::console::effect::{Effect, ScreenCommand, WorkCommand};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::{Keymap, Mode};
use pindesk::console::pages::Page;
use pindesk::console::shared::{Environment, EscrowCommand, RecordingStatus, Session, Size};
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::domain::change::{ChangeId, JobId, Progress, ProgressSource};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{PhoneNumberId, TwoStep, Waba};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::journal::{HistoryEntry, JobDetail};
use pindesk::numbers::list::NumberList;
use pindesk::numbers::record::ExportedNumbers;
use pindesk::policy::rotation::Rotation;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::support::app_fixture::operator;

use self::invariants::is_only_in_memory;
use self::pending_question::PendingQuestion;
use super::samples::{
    GENERATED_PIN, LIST_FILE, PINS, RECORDING_STATUS_COUNT, change_state, number, number_id, pause, read_failure,
    recording_status, wabas,
};
use super::step::WalkStep;

/// How long no key must arrive before a `y` counts, and for digits to count. Repeated here, not taken from the code.
pub(super) const QUIET_TIME: Duration = Duration::from_millis(400);

/// After this time digits count even if keys keep coming.
const MAX_PAUSE: Duration = Duration::from_millis(700);

/// Longer than the keys of a paste are apart.
const TYPING_TIME: Duration = Duration::from_millis(50);

/// How long the form shows a PIN.
const PIN_SHOWN_FOR: Duration = Duration::from_secs(10);

pub(super) struct Walker {
    pub(super) app: App,
    view: View,
    pub(super) now: TimePoint,
    pub(super) wabas: Vec<Arc<Waba>>,
    question: Option<PendingQuestion>,
    /// Numbers that the quit confirmation has shown because their PIN would be lost, and when it first did.
    shown_before_quit: HashMap<PhoneNumberId, Instant>,
    /// Until when the form may show its PIN, because a key asked for that.
    pin_shown_until: Option<Instant>,
    /// Numbers in doubt, tracked independently of the console.
    in_doubt: HashSet<PhoneNumberId>,
    /// The journal has a record that the screen is hidden, and none yet that it is shown again.
    is_hidden: bool,
    has_journal_failed: bool,
    /// The job of the journal, once it has one.
    recorded_job: Option<JobDetail>,
    /// The job that `t` asked about last, with the numbers that it left then.
    offered: Option<(JobId, HashSet<PhoneNumberId>)>,
    /// When the last key or paste arrived.
    last_input: Instant,
    pub(super) has_quit: bool,
}

impl Walker {
    /// Starts the console with four numbers; `opens_journal` if the journal is open from the start.
    pub(super) fn start(read_only: bool, opens_journal: bool, glyphs: Glyphs) -> Self {
        let wabas = wabas();
        let session = Session {
            profile: Some("acme".to_owned()),
            environment: Environment::Live,
            read_only,
            user: "ana".to_owned(),
            operator: operator("ana", "web1"),
            host: "graph.example".to_owned(),
            config_paths: Vec::new(),
            token_source: "/etc/pindesk/token".to_owned(),
            wabas: wabas.clone(),
            show_pin_for: Some(PIN_SHOWN_FOR),
            may_suspend: true,
            concurrency: 8,
            is_in_multiplexer: true,
            rotation: Some(Rotation { days: 30 }),
            bell: true,
            names_warning: None,
            hide_after: Some(Duration::from_mins(10)),
            single_numbers: 0,
            escrow_command: EscrowCommand::default(),
            initial_message: None,
            refresh_note: None,
            waba_search: None,
        };
        let (mut app, _) = App::start(session, Ok(()), Keymap::default(), Size { width: 80, height: 24 });
        let now = TimePoint { instant: Instant::now(), utc: UtcTime::from_unix_seconds(1_795_356_189) };
        let numbers = (0..4).map(|index| number(index, [TwoStep::NotSet, TwoStep::On][index % 2], &wabas)).collect();
        app.update(Msg::PageReceived { refresh_id: 1, numbers }, now);
        if opens_journal {
            let status = recording_status(RECORDING_STATUS_COUNT);
            app.update(Msg::RecordsOpened { status, unresolved: Vec::new(), findings: Vec::new() }, now);
        }
        let view = View::new(Theme::new(&TerminalEnv::default(), Some(glyphs)));
        let mut walker = Self {
            app,
            view,
            now,
            wabas,
            question: None,
            shown_before_quit: HashMap::new(),
            pin_shown_until: None,
            in_doubt: HashSet::new(),
            is_hidden: false,
            has_journal_failed: false,
            recorded_job: None,
            offered: None,
            last_input: now.instant,
            has_quit: false,
        };
        walker.paint(true);
        walker
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each step there is")]
    pub(super) fn apply_step(&mut self, step: &WalkStep) {
        let refresh_id = self.app.refresh_progress().id;
        let msg = match step {
            WalkStep::Press(key) => return self.press(*key),
            WalkStep::TypePin(digits) => return self.type_pin(digits),
            WalkStep::RandomPin => return self.use_random_pin(),
            WalkStep::TypeLastFour => return self.type_last_four(TYPING_TIME),
            WalkStep::TypeAhead => {
                self.press(Key::Char('p'));
                self.type_pin(PINS[0]);
                self.press(Key::Char('y'));
                return self.type_last_four(Duration::ZERO);
            }
            WalkStep::OpenJob => return self.open_job(),
            WalkStep::JobStarted(numbers, send_first) => Self::job_started(numbers, *send_first),
            WalkStep::JobRecorded { status, states, is_given } => self.job_recorded(*status, states, *is_given),
            WalkStep::OpenManyPins(numbers) => return self.open_many_pins(numbers),
            WalkStep::SendMany => return self.send_many(),
            WalkStep::Paste(text) => return self.paste(text),
            WalkStep::Resize(width, height) => Msg::Resized(Size { width: *width, height: *height }),
            WalkStep::Resume => Msg::Resumed,
            WalkStep::Wake => return self.wake(),
            WalkStep::PageArrived { is_stale, numbers } => Msg::PageReceived {
                refresh_id: refresh_id - u32::from(*is_stale),
                numbers: numbers.iter().map(|(index, two_step)| number(*index, *two_step, &self.wabas)).collect(),
            },
            WalkStep::WabaRead(waba, is_complete, failure) => Msg::WabaRead {
                refresh_id,
                waba: Arc::clone(&self.wabas[*waba]),
                result: if *is_complete { Ok(()) } else { Err(read_failure(*failure)) },
            },
            WalkStep::CallsPaused(index) => Msg::CallsPaused(pause(*index, self.now)),
            WalkStep::ListRead => Msg::RefreshFinished { refresh_id },
            WalkStep::NumberRead(index, result) => Msg::NumberRead {
                id: number_id(*index),
                result: result.map(|two_step| number(*index, two_step, &self.wabas)).map_err(read_failure),
            },
            WalkStep::ChangeMoved(index, state) => {
                let state = change_state(*state, self.now);
                let progress = Progress {
                    job: Some(JobId::new(1)),
                    change: Some(ChangeId::new()),
                    number: number_id(*index),
                    state,
                    source: ProgressSource::Own,
                };
                Msg::ProgressReceived(vec![progress])
            }
            WalkStep::ChangeRecorded(index, state) => match self.recorded_change(*index, *state) {
                Some(msg) => msg,
                None => return,
            },
            WalkStep::NumberRecordsLoaded(numbers) => self.loaded_records(numbers),
            WalkStep::TokenRead(ok) => Msg::TokenRead(if *ok { Ok(()) } else { Err("The file is gone.".to_owned()) }),
            WalkStep::RecordsOpened(index, unresolved, has_finding) => {
                let progress = |(index, state): &(usize, usize)| Progress {
                    job: Some(JobId::new(1)),
                    change: Some(ChangeId::new()),
                    number: number_id(*index),
                    state: change_state(*state, self.now),
                    source: ProgressSource::Own,
                };
                Msg::RecordsOpened {
                    status: recording_status(*index),
                    unresolved: unresolved.iter().map(progress).collect(),
                    findings: has_finding.then(|| CleanText::new("the journal was restored")).into_iter().collect(),
                }
            }
            WalkStep::JournalFailed => {
                self.has_journal_failed = true;
                Msg::JournalFailed(CleanText::new("the disk of /srv/state is full, 0 bytes are free"))
            }
            WalkStep::RecipientsAccepted(ok) => Msg::RecipientsAccepted(if *ok {
                Ok(recording_status(RECORDING_STATUS_COUNT))
            } else {
                Err(CleanText::new("the disk is full"))
            }),
            WalkStep::NumbersCached(numbers) => Msg::CachedNumbersLoaded(
                numbers.iter().map(|(index, two_step)| number(*index, *two_step, &self.wabas)).collect(),
            ),
            WalkStep::HistoryRead(index) => {
                let entry = HistoryEntry {
                    at: self.now.utc,
                    operator_label: CleanText::new("ana"),
                    is_request: true,
                    description: CleanText::new("set"),
                };
                Msg::HistoryRead { id: number_id(*index), lines: vec![entry; 3] }
            }
            WalkStep::ClientNotice => Msg::ClientNotice(CleanText::new("no TLS roots")),
            WalkStep::Shutdown => Msg::TerminationRequested,
        };
        if let Msg::Resumed = msg {
            self.question = None;
        }
        self.update(msg, None);
    }

    pub(super) fn press(&mut self, key: Key) {
        if self.has_quit {
            return;
        }
        let mode = self.app.mode();
        // The key that dismisses the warning does nothing else.
        let is_handled = self.app.hide_warning().is_none();
        if is_handled && matches!(mode, Mode::PinForm | Mode::ManyPinsPin | Mode::JobPin) && key == Key::Char('v') {
            self.pin_shown_until = Some(self.now.instant + PIN_SHOWN_FOR);
        }
        self.record_input(Some(key));
        self.update(Msg::KeyPressed(key), Some(key));
    }

    fn paste(&mut self, text: &str) {
        // A text field shows what is pasted into it, even a PIN.
        let is_text_field = matches!(
            self.app.mode(),
            Mode::Filter | Mode::ManyPinsListFilter | Mode::ResolutionNote | Mode::ManyPinsNote | Mode::Path
        );
        if is_text_field && text.contains(PINS[0]) {
            return;
        }
        self.record_input(None);
        self.update(Msg::Pasted(PastedText::new(text.to_owned())), None);
    }

    fn wake(&mut self) {
        let Some(wake) = self.app.next_wake(self.now.instant) else { return };
        self.now = self.now.plus(wake.saturating_duration_since(self.now.instant));
        self.update(Msg::TimerFired, None);
        let next = self.app.next_wake(self.now.instant);
        assert!(next.is_none_or(|next| next > self.now.instant), "a timer fires again at once");
    }

    /// Sends a message, checks its effects, and answers those that have a result. `key` is the key that was pressed.
    #[expect(clippy::too_many_lines, reason = "one arm for each effect there is")]
    fn update(&mut self, msg: Msg, key: Option<Key>) {
        let is_input = matches!(msg, Msg::KeyPressed(_) | Msg::Pasted(_));
        let was_quiet = self.now.instant >= self.last_input + QUIET_TIME;
        if is_input {
            self.last_input = self.now.instant;
        }
        let cursor_before = self.number_under_cursor();
        let selection_before = self.app.roster().selection().ids();
        let list_before = self.app.mode() == Mode::List;
        let confirmation = if let Page::Confirm(page) = self.app.page() {
            Some((page.target().last_four().digits, page.target().two_step))
        } else {
            None
        };
        let replaces = matches!(self.app.page(), Page::ConfirmMany(page) if page.request.draft.replaces());
        let changes: Vec<_> = self.app.roster().changes().map(|(id, state)| (id, state.clone())).collect();
        if !matches!(&msg, Msg::RecordsOpened { .. } if *self.app.recording_status() != RecordingStatus::Opening) {
            self.track_in_doubt(&msg);
        }
        let job_before = self.job_before();
        let has_token = matches!(msg, Msg::TokenRead(Ok(())));
        let is_refresh_end = matches!(msg, Msg::RefreshFinished { .. });
        let journal = self.before_journal_msg(&msg);
        let effects = self.app.update(msg, self.now);
        let cursor = if is_input { self.number_under_cursor() } else { cursor_before };
        self.check_nothing_announced(journal, &effects);
        for effect in effects {
            match effect {
                Effect::Work(WorkCommand::SetPins(plan)) => {
                    let [target] = &plan.targets[..] else { panic!("sent to other numbers than asked: {plan:?}") };
                    self.check_send(target.id, key, confirmation.as_ref(), false);
                    self.check_unseen_pin(&plan);
                    self.check_no_concurrent_pin(target.id, &changes);
                }
                Effect::Work(WorkCommand::StartJob { plan, .. }) => self.check_job(&plan, key, replaces, &changes),
                Effect::Work(WorkCommand::ResendPin(number)) => {
                    self.check_send(number, key, confirmation.as_ref(), true);
                }
                Effect::Work(WorkCommand::ResolveManually { number, .. }) => {
                    assert!(key == Some(Key::Char('y')) && !self.has_journal_failed, "resolved without a yes");
                    let question = self.question.take().expect("a confirmation is open");
                    assert!(question.was_quiet && question.numbers == [number]);
                    assert!(question.is_read && question.mode == Mode::ConfirmResolution);
                }
                Effect::Work(WorkCommand::ResumeJob { job, plan }) => {
                    self.check_resumed_job(job, &plan, key, &changes);
                }
                Effect::Work(WorkCommand::StopJob(job)) => self.check_stopped_job(job, key, &job_before),
                Effect::Work(WorkCommand::SendHeld(job)) => {
                    job_before.check_pause_key(job, key);
                    assert!(job_before.is_held, "nothing waits");
                }
                Effect::Work(WorkCommand::PauseJob(job)) => {
                    job_before.check_pause_key(job, key);
                    assert!(!job_before.is_held, "it waits already");
                }
                Effect::Work(WorkCommand::ContinueJob(job)) => job_before.check_pause_key(job, key),
                Effect::Work(WorkCommand::ReadJobs) => {
                    let summary = self.recorded_job.as_ref().map(|detail| detail.summary.clone());
                    self.update(Msg::JobsRead(Some(summary.into_iter().collect())), None);
                }
                Effect::Work(WorkCommand::ReadJob(job)) => {
                    let detail = self.recorded_job.clone().filter(|detail| detail.summary.id == job);
                    self.update(Msg::JobRead(job, detail), None);
                }
                Effect::Work(WorkCommand::AcceptRecipients) => {
                    assert_eq!((key, was_quiet), (Some(Key::Char('y')), true), "not y after a quiet time");
                }
                Effect::Work(WorkCommand::DropSecrets) => self.is_hidden = true,
                Effect::Work(WorkCommand::RecordScreenShown) => {
                    assert!(std::mem::take(&mut self.is_hidden), "recorded as shown, but it was not hidden");
                    assert!(has_token, "shown without an access token");
                }
                Effect::Screen(ScreenCommand::Quit) => {
                    assert!(was_quiet || key != Some(Key::Char('y')), "a held y quits");
                    self.check_quit(key);
                }
                Effect::Screen(ScreenCommand::GeneratePin { .. }) => {
                    let pin = Pin::parse(GENERATED_PIN.as_bytes()).expect("a valid PIN");
                    self.pin_generated();
                    self.update(Msg::PinGenerated(Some(pin)), None);
                }
                Effect::Screen(ScreenCommand::Suspend) => {
                    self.question = None;
                    self.update(Msg::Resumed, None);
                }
                Effect::Work(WorkCommand::ExportNumbers { path, numbers, .. }) => {
                    let exported = ExportedNumbers { path: path.clone(), count: numbers.len(), has_history: true };
                    self.update(Msg::NumbersExported { path, result: Ok(exported) }, None);
                }
                Effect::Work(WorkCommand::ReportJob { path, .. }) => {
                    let exported = ExportedNumbers { path: path.clone(), count: 1, has_history: true };
                    self.update(Msg::NumbersExported { path, result: Ok(exported) }, None);
                }
                Effect::Work(WorkCommand::ReadNumberList(path)) => {
                    let result = Ok(NumberList::parse(LIST_FILE));
                    self.update(Msg::NumberListRead { path, result }, None);
                }
                Effect::Screen(ScreenCommand::ReadToken) => self.update(Msg::TokenRead(Ok(())), None),
                Effect::Work(
                    WorkCommand::RefreshAll { .. }
                    | WorkCommand::RefreshNumber(_)
                    | WorkCommand::RefreshNumberAfter { .. }
                    | WorkCommand::ReadHistory(_)
                    | WorkCommand::ReadLastDrill
                    | WorkCommand::ReadCallsLeft(_)
                    | WorkCommand::ReadRecentSets { .. }
                    | WorkCommand::StopSending,
                )
                | Effect::Screen(
                    ScreenCommand::Copy(_) | ScreenCommand::Bell | ScreenCommand::Redraw | ScreenCommand::OpenDemo,
                ) => {}
            }
        }
        if !matches!(self.app.page(), Page::Quit(_) | Page::ShuttingDown { .. }) {
            self.shown_before_quit.clear();
        }
        if !matches!(self.app.mode(), Mode::PinForm | Mode::ManyPinsPin | Mode::JobPin) {
            self.pin_shown_until = None;
        }
        self.track_question(is_refresh_end);
        self.track_offer(job_before);
        self.check_job_counts();
        self.check_cursor(cursor);
        self.check_selection(&selection_before, is_input);
        if let Some(Key::Char('p')) = key.filter(|_| list_before) {
            self.check_form_of_selection(&selection_before);
        }
        self.check_wake();
        self.check_in_doubt_list();
    }

    /// Draws the screen and checks it; `is_shown` if the frame reaches the terminal.
    pub(super) fn paint(&mut self, is_shown: bool) {
        self.app.apply_list_updates();
        let Size { width, height } = self.app.size();
        let area = Rect { x: 0, y: 0, width, height };
        let mut buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut buffer, area);
        if let Some(cursor) = painted.cursor {
            assert!(cursor.x < width && cursor.y < height, "the cursor is outside the window: {cursor:?}");
        }
        self.check_no_pin_shown(&buffer);
        self.check_hidden_screen(&buffer);
        self.check_new_pin_offer(&buffer);
        self.check_pause(&buffer);
        if !is_shown {
            return;
        }
        if !self.app.is_too_small() {
            if let Some(question) = &mut self.question {
                question.mark_shown(self.now.instant);
            }
            if let Page::Quit(_) = self.app.page() {
                let only_in_memory = self.app.roster().changes().filter(|(_, state)| is_only_in_memory(state));
                for (id, _) in only_in_memory {
                    self.shown_before_quit.entry(id).or_insert(self.now.instant);
                }
            }
        }
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, None);
    }
}
