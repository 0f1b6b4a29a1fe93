//! Random walks over the whole console: whatever is pressed, pasted, read, lost or resized, the laws hold.
//!
//! Nothing here reads a clock or the network: each step says how much time has passed and what happened. The laws are
//! stated once more, apart from the code that keeps them: what was painted and when, and which keys came after it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::console::app::confirm::Question;
use pindesk::console::app::screen::QuitReason;
use pindesk::console::app::{App, Connection, Effect, Environment, Msg, RecordingStatus, Screen, Session, Size};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::{Action, Keymap, Mode};
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::domain::change::{
    ChangeId, ChangeState, Completion, InDoubtDetails, LATE_ARRIVAL_WINDOW, Progress, Resolution, SendHistory,
};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::{ApiError, DoubtReason, NotApplied, NotSentReason, ReadFailure};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::journal::HistoryEntry;
use proptest::prelude::*;
use proptest::sample::select;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The page must have been still for this long before a key counts. Said here once more, not taken from the code.
const QUIET_TIME: Duration = Duration::from_millis(400);

/// Nothing else on the screen holds these digits.
const PINS: [&str; 2] = ["409726", "838271"];
const GENERATED_PIN: &str = "571903";

/// What happens next.
#[derive(Debug, Clone)]
enum WalkStep {
    Press(Key),
    /// Twice the same digits and Enter, where the form is open.
    TypePin(&'static str),
    /// The digits that the page asks for, and Enter.
    TypeLastFour,
    /// From the list to the answer in one go, before anything is drawn.
    TypeAhead,
    Paste(&'static str),
    Resize(u16, u16),
    Resume,
    Wake,
    PageArrived {
        is_stale: bool,
        numbers: Vec<(usize, TwoStep)>,
    },
    WabaRead(usize, bool, usize),
    ListRead,
    NumberRead(usize, Result<TwoStep, usize>),
    ChangeMoved(usize, usize),
    TokenRead(bool),
    RecordsOpened(usize, Vec<(usize, usize)>, bool),
    JournalFailed,
    RecipientsAccepted(bool),
    NumbersCached(Vec<(usize, TwoStep)>),
    HistoryRead(usize),
    NoClient,
    Shutdown,
}

fn key() -> impl Strategy<Value = Key> {
    let named = vec![
        Key::Enter,
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Up,
        Key::Down,
        Key::Down,
        Key::Left,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
        Key::Ctrl('c'),
        Key::Ctrl('l'),
        Key::Ctrl('u'),
        Key::Ctrl('w'),
        Key::Ctrl('z'),
        Key::Ctrl('s'),
    ];
    prop_oneof![
        4 => select("pppyyynqsrumcdovg/?1234twwhhz".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        3 => select(named),
        1 => any::<char>().prop_filter("keys hold no control characters", |c| !c.is_control()).prop_map(Key::Char),
        1 => select(('0'..='9').collect::<Vec<_>>()).prop_map(Key::Char),
    ]
}

fn two_step() -> impl Strategy<Value = TwoStep> {
    select(vec![TwoStep::On, TwoStep::NotSet, TwoStep::NotSet, TwoStep::Unknown])
}

fn step() -> impl Strategy<Value = WalkStep> {
    let number = 0..LABELS.len();
    let numbers = proptest::collection::vec((number.clone(), two_step()), 0..5);
    let unresolved = proptest::collection::vec((0..LABELS.len(), IN_DOUBT..RESOLVED), 0..3);
    prop_oneof![
        24 => key().prop_map(WalkStep::Press),
        8 => select(PINS.to_vec()).prop_map(WalkStep::TypePin),
        6 => Just(WalkStep::TypeLastFour),
        2 => Just(WalkStep::TypeAhead),
        4 => select(vec![PINS[0], "409726\n", "y\r", "+1 555-010-0143", "two-step:on", "\u{202e}x\u{7}", ""])
            .prop_map(WalkStep::Paste),
        3 => (1u16..200, 1u16..60).prop_map(|(width, height)| WalkStep::Resize(width, height)),
        2 => Just(WalkStep::Resize(80, 24)),
        1 => Just(WalkStep::Resume),
        4 => Just(WalkStep::Wake),
        3 => (any::<bool>(), numbers).prop_map(|(is_stale, numbers)| WalkStep::PageArrived { is_stale, numbers }),
        1 => (0..2usize, any::<bool>(), 0..FAILURE_COUNT).prop_map(|(waba, ok, why)| WalkStep::WabaRead(waba, ok, why)),
        1 => Just(WalkStep::ListRead),
        4 => (number.clone(), prop_oneof![3 => two_step().prop_map(Ok), 1 => (0..FAILURE_COUNT).prop_map(Err)])
            .prop_map(|(number, result)| WalkStep::NumberRead(number, result)),
        6 => (number.clone(), 0..CHANGE_STATE_COUNT).prop_map(|(number, job)| WalkStep::ChangeMoved(number, job)),
        2 => (0..RECORDS_STATE_COUNT, unresolved, any::<bool>())
            .prop_map(|(records, unresolved, finding)| WalkStep::RecordsOpened(records, unresolved, finding)),
        1 => Just(WalkStep::JournalFailed),
        1 => any::<bool>().prop_map(WalkStep::RecipientsAccepted),
        1 => proptest::collection::vec((number.clone(), two_step()), 0..3).prop_map(WalkStep::NumbersCached),
        1 => number.prop_map(WalkStep::HistoryRead),
        1 => any::<bool>().prop_map(WalkStep::TokenRead),
        1 => Just(WalkStep::NoClient),
    ]
}

/// A step, what time passes before it, and whether its frame reaches the terminal at once.
fn walk() -> impl Strategy<Value = Vec<(WalkStep, Duration, bool)>> {
    let pause = select(vec![0, 1, 30, 200, 399, 400, 401, 700, 2_500, 21_000, 130_000, 580_000])
        .prop_map(Duration::from_millis);
    let walk = proptest::collection::vec((step(), pause, proptest::bool::weighted(0.8)), 1..160);
    (walk, proptest::bool::weighted(0.1)).prop_map(|(mut walk, ends)| {
        if ends {
            walk.push((WalkStep::Shutdown, Duration::ZERO, true));
        }
        walk
    })
}

/// What Meta shows of each number: none, short, ordinary, wide.
const LABELS: [Option<&str>; 6] = [
    Some("+1 555-010-0143"),
    None,
    Some("+44 7700 900112"),
    Some("n/a"),
    Some("+1 555-010-0151"),
    Some("+49 30 23125 001"),
];
const NAMES: [&str; 6] =
    ["Acme Retail UK", "株式会社アクメ", "Acme\u{1b}[2J\u{202e}kcab", "مخبز السلام", "🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞", ""];

fn id(index: usize) -> PhoneNumberId {
    format!("20000000000{index:04}").parse().expect("an id")
}

fn wabas() -> Vec<Arc<Waba>> {
    let waba = |index: usize| Waba { id: format!("1000000{index}").parse().expect("an id"), name: None };
    (0..2).map(|index| Arc::new(waba(index))).collect()
}

fn number(index: usize, two_step: TwoStep, wabas: &[Arc<Waba>]) -> Number {
    let mut number = Number::from_config(id(index), Some(CleanText::new(NAMES[index])));
    number.waba = Some(Arc::clone(&wabas[index % wabas.len()]));
    number.display_number = LABELS[index].map(CleanText::new);
    number.two_step = two_step;
    number.read_at = Some(UtcTime::from_unix_seconds(1_795_356_189));
    number
}

fn fault(code: i64, http_status: u16) -> ApiError {
    let message = CleanText::new("(#100) Something \u{7} that Meta says, in many words that do not fit into one line");
    ApiError { http_status, code, subcode: None, message, details: None, trace_id: None, is_transient: false }
}

const FAILURE_COUNT: usize = 5;

fn failure(index: usize) -> ReadFailure {
    match index {
        0 => ReadFailure::NoAnswer,
        1 => ReadFailure::NotSent(NotSentReason::NoConnection(CleanText::new("refused"))),
        2 => ReadFailure::UnexpectedReply { http_status: 502 },
        3 => ReadFailure::Api(fault(190, 401)),
        _ => ReadFailure::Api(fault(100, 400)),
    }
}

const RECORDS_STATE_COUNT: usize = 5;

fn records_state(index: usize) -> RecordingStatus {
    let keys = |names: &[&str]| names.iter().map(|name| CleanText::new(name)).collect();
    match index {
        0 => RecordingStatus::RecipientsChanged {
            previous: keys(&["age1old"]),
            current: keys(&["age1new", "age1newer"]),
        },
        1 => RecordingStatus::Unusable(CleanText::new("the state directory cannot be written to")),
        2 => RecordingStatus::Ready { recipients: Vec::new() },
        _ => RecordingStatus::Ready { recipients: keys(&["age1ops", "ana@acme SHA256:x"]) },
    }
}

const CHANGE_STATE_COUNT: usize = 14;

fn change_state(index: usize, now: TimePoint) -> ChangeState {
    let finished = Completion { at: now.utc, attempts: 1 };
    let until = now.instant + Duration::from_millis(3_200);
    match index {
        0 => ChangeState::Queued,
        1 => ChangeState::Sending { attempt: 1 },
        2 => ChangeState::Waiting { attempt: 2, until, in_doubt: false },
        3 => ChangeState::Waiting { attempt: 2, until, in_doubt: true },
        4 => ChangeState::Failed(finished, fault(100, 400)),
        5 => ChangeState::Failed(finished, fault(190, 401)),
        6 => ChangeState::NotSent(finished, NotSentReason::NoConnection(CleanText::new("refused"))),
        7 => in_doubt_state(DoubtReason::SuccessNotTrue, now, (true, false)),
        8 => in_doubt_state(DoubtReason::TimedOut { waited: Duration::from_secs(30) }, now, (true, true)),
        9 => in_doubt_state(DoubtReason::OlderPinInDoubt(NotApplied::Refused(fault(100, 400))), now, (true, false)),
        10 => in_doubt_state(
            DoubtReason::OlderPinInDoubt(NotApplied::NotSent(NotSentReason::Stopped)),
            now,
            (false, false),
        ),
        11 => in_doubt_state(DoubtReason::EscrowOnly, now, (false, true)),
        12 => ChangeState::Resolved(finished, Resolution::NoPinInForce),
        _ => ChangeState::Set(finished),
    }
}

fn in_doubt_state(doubt: DoubtReason, now: TimePoint, (is_held, is_sealed): (bool, bool)) -> ChangeState {
    let sent = if doubt == DoubtReason::EscrowOnly {
        SendHistory::EscrowOnly { encrypted_at: now.utc }
    } else {
        SendHistory::Recorded(Completion { at: now.utc, attempts: 4 })
    };
    ChangeState::InDoubt(Box::new(InDoubtDetails {
        send_history: sent,
        reason: doubt,
        two_step_before: TwoStep::NotSet,
        candidate_count: 1,
        is_pin_in_memory: is_held,
        is_in_escrow: is_sealed,
        new_pin_allowed_from: now.plus(LATE_ARRIVAL_WINDOW),
    }))
}

/// A PIN that is nowhere but in this program's memory.
fn is_only_in_memory(job: &ChangeState, seals: bool) -> bool {
    match job {
        ChangeState::InDoubt(standing) => standing.is_pin_in_memory && !standing.is_in_escrow,
        ChangeState::Waiting { in_doubt, .. } => *in_doubt && !seals,
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::Resolved(..) => false,
    }
}

/// A confirmation as somebody in front of the screen knows it.
#[derive(Debug)]
struct PendingQuestion {
    number: PhoneNumberId,
    /// What the page calls it: under another name it is another question.
    names: [Option<CleanText>; 2],
    mode: Mode,
    /// Since when the page was in sight and no key came; `None` before it was painted.
    quiet_since: Option<Instant>,
    /// It was quiet for long enough: keys count from here on.
    is_read: bool,
    /// What was typed since then.
    typed: String,
    /// Enter was pressed after four digits: if they were wrong, the field is empty again.
    is_submitted: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and most can be true together")]
struct Walker {
    app: App,
    view: View,
    now: TimePoint,
    wabas: Vec<Arc<Waba>>,
    question: Option<PendingQuestion>,
    /// Numbers whose PIN would be lost that the question before quitting has shown.
    shown_before_quit: HashSet<PhoneNumberId>,
    /// Numbers in doubt, kept once more, apart from the code that keeps them.
    in_doubt: HashSet<PhoneNumberId>,
    /// The journal was told that the screen is hidden, and not yet that it is shown.
    is_hidden: bool,
    has_journal_failed: bool,
    /// When the last key or paste came.
    last_input: Instant,
    cursor_was_moved: bool,
    /// What the list showed when it was settled last.
    listed: Vec<PhoneNumberId>,
    has_quit: bool,
}

impl Walker {
    fn start(read_only: bool, opens: bool, glyphs: Glyphs) -> Self {
        let wabas = wabas();
        let session = Session {
            profile: Some("acme".to_owned()),
            environment: Environment::Live,
            read_only,
            user: "ana".to_owned(),
            host: "graph.example".to_owned(),
            config_paths: Vec::new(),
            token_source: "/etc/pindesk/token".to_owned(),
            wabas: wabas.clone(),
            show_pin_for: Some(Duration::from_secs(10)),
            may_suspend: true,
            bell: true,
            hide_after: Some(Duration::from_mins(10)),
            initial_message: None,
        };
        let (mut app, _) = App::start(session, Ok(()), Keymap::default(), Size { width: 80, height: 24 });
        let now = TimePoint { instant: Instant::now(), utc: UtcTime::from_unix_seconds(1_795_356_189) };
        let numbers = (0..4).map(|index| number(index, [TwoStep::NotSet, TwoStep::On][index % 2], &wabas)).collect();
        app.update(Msg::PageReceived { refresh_id: 1, numbers }, now);
        if opens {
            let (records, unresolved, findings) = (records_state(RECORDS_STATE_COUNT), Vec::new(), Vec::new());
            app.update(Msg::RecordsOpened { status: records, unresolved, findings }, now);
        }
        let view = View::new(Theme::new(&TerminalEnv::default(), Some(glyphs)));
        let (told, in_doubt) = (HashSet::new(), HashSet::new());
        let mut walker = Self {
            app,
            view,
            now,
            wabas,
            question: None,
            shown_before_quit: told,
            in_doubt,
            is_hidden: false,
            has_journal_failed: false,
            last_input: now.instant,
            cursor_was_moved: false,
            listed: Vec::new(),
            has_quit: false,
        };
        walker.paint(true);
        walker
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each step there is")]
    fn apply_step(&mut self, step: &WalkStep) {
        let index_of_reading = self.app.refresh_progress().id;
        let msg = match step {
            WalkStep::Press(key) => return self.press(*key),
            WalkStep::TypePin(digits) => return self.type_pin(digits),
            WalkStep::TypeLastFour => return self.type_last_four(),
            WalkStep::TypeAhead => {
                self.press(Key::Char('p'));
                self.type_pin(PINS[0]);
                self.press(Key::Char('y'));
                return self.type_last_four();
            }
            WalkStep::Paste(text) => return self.paste(text),
            WalkStep::Resize(width, height) => Msg::Resized(Size { width: *width, height: *height }),
            WalkStep::Resume => Msg::Resumed,
            WalkStep::Wake => return self.wake(),
            WalkStep::PageArrived { is_stale: reading_is_old, numbers } => Msg::PageReceived {
                refresh_id: index_of_reading - u32::from(*reading_is_old),
                numbers: numbers.iter().map(|(index, two_step)| number(*index, *two_step, &self.wabas)).collect(),
            },
            WalkStep::WabaRead(waba, ok, why) => Msg::WabaRead {
                refresh_id: index_of_reading,
                waba: Arc::clone(&self.wabas[*waba]),
                result: if *ok { Ok(()) } else { Err(failure(*why)) },
            },
            WalkStep::ListRead => Msg::RefreshFinished { refresh_id: index_of_reading },
            WalkStep::NumberRead(index, result) => Msg::NumberRead {
                id: id(*index),
                result: result.map(|two_step| number(*index, two_step, &self.wabas)).map_err(failure),
            },
            WalkStep::ChangeMoved(index, state) => {
                let state = change_state(*state, self.now);
                Msg::ProgressReceived(vec![Progress { change: Some(ChangeId::new()), number: id(*index), state }])
            }
            WalkStep::TokenRead(ok) => Msg::TokenRead(if *ok { Ok(()) } else { Err("The file is gone.".to_owned()) }),
            WalkStep::RecordsOpened(index, unresolved, has_finding) => {
                let progress = |(index, state): &(usize, usize)| Progress {
                    change: Some(ChangeId::new()),
                    number: id(*index),
                    state: change_state(*state, self.now),
                };
                Msg::RecordsOpened {
                    status: records_state(*index),
                    unresolved: unresolved.iter().map(progress).collect(),
                    findings: has_finding.then(|| CleanText::new("the journal was put back")).into_iter().collect(),
                }
            }
            WalkStep::JournalFailed => {
                self.has_journal_failed = true;
                Msg::JournalFailed(CleanText::new("the disk of /srv/state is full, 0 bytes are free"))
            }
            WalkStep::RecipientsAccepted(ok) => Msg::RecipientsAccepted(if *ok {
                Ok(records_state(RECORDS_STATE_COUNT))
            } else {
                Err(CleanText::new("the disk is full"))
            }),
            WalkStep::NumbersCached(numbers) => Msg::CachedNumbersLoaded(
                numbers.iter().map(|(index, two_step)| number(*index, *two_step, &self.wabas)).collect(),
            ),
            WalkStep::HistoryRead(index) => {
                let (who, what) = (CleanText::new("ana"), CleanText::new("set"));
                let line = HistoryEntry { at: self.now.utc, operator_label: who, is_request: true, description: what };
                Msg::HistoryRead { id: id(*index), lines: vec![line; 3] }
            }
            WalkStep::NoClient => Msg::ClientSetupFailed(CleanText::new("no TLS roots")),
            WalkStep::Shutdown => Msg::TerminationRequested,
        };
        if let Msg::Resumed = msg {
            self.forget_question();
        }
        self.update(msg, None);
    }

    fn type_pin(&mut self, digits: &str) {
        let keys = digits.chars().chain(digits.chars()).map(Key::Char).chain([Key::Enter]);
        if self.app.mode() == Mode::PinForm {
            keys.for_each(|key| self.press(key));
        }
    }

    fn type_last_four(&mut self) {
        if let Screen::Confirm(page) = self.app.screen() {
            let digits = page.target.last_four().digits;
            digits.chars().map(Key::Char).chain([Key::Enter]).for_each(|key| self.press(key));
        }
    }

    fn press(&mut self, key: Key) {
        if self.has_quit {
            return;
        }
        let mode = self.app.mode();
        // The key that answers the warning answers nothing else.
        let is_meant = self.app.hide_warning().is_none();
        if is_meant && mode == Mode::List && self.app.keymap().action(mode, key).is_some_and(Action::is_motion) {
            self.cursor_was_moved |= self.app.roster().visible_len() > 0;
        }
        self.record_input(Some(key));
        self.update(Msg::KeyPressed(key), Some(key));
    }

    fn paste(&mut self, text: &str) {
        // A field for text shows what is pasted into it, a PIN too.
        if matches!(self.app.mode(), Mode::Filter | Mode::ResolutionNote) && text.contains(PINS[0]) {
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
        assert!(next.is_none_or(|next| next > self.now.instant), "woken for nothing, again and again");
    }

    /// Notes a key or a paste on the page that asks. Ctrl-L only draws it again.
    fn record_input(&mut self, key: Option<Key>) {
        // The key that answers the warning answers nothing else.
        let is_meant = self.app.hide_warning().is_none();
        let is_in_sight = is_meant && !self.app.is_too_small() && key != Some(Key::Ctrl('l'));
        let Some(asked) = self.question.as_mut().filter(|_| is_in_sight) else { return };
        let Some(since) = asked.quiet_since else { return };
        if !asked.is_read && self.now.instant < since + QUIET_TIME {
            asked.quiet_since = Some(self.now.instant);
            return;
        }
        asked.is_read = true;
        if std::mem::take(&mut asked.is_submitted) {
            asked.typed.clear();
        }
        match key {
            Some(Key::Enter) => asked.is_submitted = asked.typed.len() == 4,
            Some(Key::Char(digit @ '0'..='9')) if asked.typed.len() < 4 => asked.typed.push(digit),
            Some(Key::Backspace | Key::Delete) => {
                asked.typed.pop();
            }
            Some(Key::Ctrl('u')) => asked.typed.clear(),
            _ => {}
        }
    }

    fn forget_question(&mut self) {
        self.question = None;
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each effect there is")]
    fn update(&mut self, msg: Msg, key: Option<Key>) {
        let is_typed = matches!(msg, Msg::KeyPressed(_) | Msg::Pasted(_));
        if is_typed {
            self.last_input = self.now.instant;
        }
        // Whoever leaves a filter comes back to where they were before it.
        let is_all = self.app.filter().is_empty();
        let row = self.app.roster().cursor_row().map(|row| row.number.id).filter(|_| is_all);
        let last_four = if let Screen::Confirm(page) = self.app.screen() {
            Some((page.target.last_four().digits, page.target.two_step))
        } else {
            None
        };
        let jobs: Vec<_> = self.app.roster().changes().map(|(id, job)| (*id, job.clone())).collect();
        if !matches!(&msg, Msg::RecordsOpened { .. } if *self.app.recording_status() != RecordingStatus::Opening) {
            self.track_in_doubt(&msg);
        }
        let is_end = matches!(msg, Msg::RefreshFinished { .. });
        let effects = self.app.update(msg, self.now);
        for effect in effects {
            match effect {
                Effect::SetPin { number, .. } => {
                    self.check_send(number, key, last_four.as_ref());
                    self.check_no_concurrent_pin(number, &jobs);
                }
                Effect::ResendPin(number) => self.check_send(number, key, last_four.as_ref()),
                Effect::ResolveManually { number, .. } => {
                    assert!(key == Some(Key::Char('y')) && !self.has_journal_failed, "nobody said yes");
                    let asked = self.question.take().expect("nothing asked about it");
                    assert!(asked.is_read && asked.number == number && asked.mode == Mode::ConfirmResolution);
                }
                Effect::AcceptRecipients => assert_eq!(key, Some(Key::Char('y'))),
                Effect::DropSecrets => self.is_hidden = true,
                Effect::RecordScreenShown => {
                    assert!(std::mem::take(&mut self.is_hidden), "told as shown, and was never hidden");
                }
                Effect::Quit => self.check_quit(),
                Effect::GeneratePin { .. } => {
                    let pin = Pin::parse(GENERATED_PIN.as_bytes()).expect("a PIN");
                    self.update(Msg::PinGenerated(Some(pin)), None);
                }
                Effect::Suspend => {
                    self.forget_question();
                    self.update(Msg::Resumed, None);
                }
                Effect::ReadToken => self.update(Msg::TokenRead(Ok(())), None),
                Effect::CacheNumbers(numbers) => {
                    assert!(!numbers.is_empty() && numbers.iter().all(|number| number.read_at.is_some()));
                    self.update(Msg::NumbersCached, None);
                }
                Effect::RemoveCachedNumbers { numbers, .. } => {
                    assert!(
                        !numbers.is_empty() && !numbers.iter().any(|number| self.app.roster().has_open_change(number))
                    );
                }
                Effect::RefreshAll { .. }
                | Effect::RefreshNumber(_)
                | Effect::ReadHistory(_)
                | Effect::StopSending
                | Effect::Copy(_)
                | Effect::Bell
                | Effect::Redraw
                | Effect::OpenDemo => {}
            }
        }
        if !matches!(self.app.screen(), Screen::Quit(_) | Screen::ShuttingDown { .. }) {
            self.shown_before_quit.clear();
        }
        self.track_question(is_end);
        if !is_typed {
            self.check_cursor(row);
        }
        self.check_wake();
        self.check_in_doubt_list();
    }

    /// Keeps book of what is in doubt: only a confirmation or a decision takes a number from it.
    fn track_in_doubt(&mut self, msg: &Msg) {
        let (Msg::ProgressReceived(news) | Msg::RecordsOpened { unresolved: news, .. }) = msg else { return };
        for Progress { number, state, .. } in news {
            match state {
                ChangeState::InDoubt(_) => {
                    self.in_doubt.insert(*number);
                }
                ChangeState::Set(_) | ChangeState::Resolved(..) => {
                    self.in_doubt.remove(number);
                }
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Failed(..)
                | ChangeState::NotSent(..) => {}
            }
        }
    }

    /// Looks what is asked now; `is_end` where a list has just been read to its end.
    fn track_question(&mut self, is_end: bool) {
        let mut is_anew = false;
        let page = if let Screen::Confirm(page) = self.app.screen() {
            let is_unlisted = self.app.is_unlisted(&page.target);
            assert!(!is_unlisted || !matches!(page.question, Question::Set(_)), "nobody knows what is on there now");
            is_anew = is_end && is_unlisted;
            let Number { id, display_number: display, name, .. } = &page.target;
            Some((*id, [display, name].map(Clone::clone), page.mode()))
        } else {
            None
        };
        let known = self.question.as_ref().map(|asked| (asked.number, asked.names.clone(), asked.mode));
        if is_anew || page != known || self.app.is_too_small() {
            self.question = page.map(|(number, names, mode)| PendingQuestion {
                number,
                names,
                mode,
                quiet_since: None,
                is_read: false,
                typed: String::new(),
                is_submitted: false,
            });
        }
    }

    /// Paints the state as it is; `reaches` if the frame reached the terminal.
    fn paint(&mut self, reaches: bool) {
        self.settle_list();
        let Size { width, height } = self.app.size();
        let area = Rect { x: 0, y: 0, width, height };
        let mut buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut buffer, area);
        if let Some(cursor) = painted.cursor {
            assert!(cursor.x < width && cursor.y < height, "the cursor is outside: {cursor:?}");
        }
        self.check_no_pin_shown(&buffer);
        self.check_hidden_screen(&buffer);
        self.check_new_pin_offer(&buffer);
        if !reaches {
            return;
        }
        if !self.app.is_too_small() {
            if let Some(asked) = &mut self.question {
                asked.quiet_since.get_or_insert(self.now.instant);
            }
            if let Screen::Quit(_) = self.app.screen() {
                self.shown_before_quit.extend(
                    self.app.roster().changes().filter(|(_, job)| is_only_in_memory(job, false)).map(|(id, _)| *id),
                );
            }
        }
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, None);
    }

    // The laws.

    /// No PIN leaves without a confirmation for that number, painted, read, and answered by the right keys.
    fn check_send(&mut self, number: PhoneNumberId, key: Option<Key>, page: Option<&(String, TwoStep)>) {
        assert!(!self.app.session().read_only, "a read-only profile sent something");
        assert!(matches!(self.app.recording_status(), RecordingStatus::Ready { .. }), "sent without a record");
        assert!(!self.has_journal_failed, "a dead journal sent something");
        let asked = self.question.take().expect("nothing asked about it");
        assert!(!self.app.is_too_small() && asked.number == number, "asked about {}, sent to {number}", asked.number);
        assert!(asked.is_read, "nobody had the time to read the question");
        let (last_four, two_step) = page.expect("no page asked about it");
        if asked.mode == Mode::ConfirmReplace {
            assert_eq!((key, &asked.typed), (Some(Key::Enter), last_four), "not the last four digits and Enter");
        } else {
            assert_eq!(key, Some(Key::Char('y')), "not y");
        }
        assert!(asked.mode == Mode::ConfirmReplace || *two_step == TwoStep::NotSet || self.is_same_pin(number));
    }

    fn is_same_pin(&self, number: PhoneNumberId) -> bool {
        // After the order the job is queued; an order for the same PIN follows only a doubt.
        self.app.roster().change(&number).is_some()
    }

    /// Never a second PIN while the first may still land.
    fn check_no_concurrent_pin(&self, number: PhoneNumberId, jobs: &[(PhoneNumberId, ChangeState)]) {
        let job = jobs.iter().find(|(id, _)| *id == number).map(|(_, job)| job);
        assert!(!job.is_some_and(ChangeState::is_running), "two PINs on their way to {number}");
        if let Some(ChangeState::InDoubt(standing)) = job {
            assert!(self.now.instant >= standing.new_pin_allowed_from.instant, "the one before may still land");
        }
    }

    /// A number in doubt is on the page of what is unresolved until it is confirmed or decided.
    fn check_in_doubt_list(&self) {
        let kept: HashSet<_> = self.app.in_doubt_list().entries().map(|(id, _)| *id).collect();
        assert_eq!(kept, self.in_doubt, "a number in doubt came or went by itself");
    }

    /// From when the journal knows that the screen is hidden until it knows otherwise, no number is on it.
    fn check_hidden_screen(&self, buffer: &Buffer) {
        if !self.is_hidden {
            return;
        }
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        let names = NAMES.iter().filter(|name| name.is_ascii() && name.len() > 3);
        for hidden in LABELS.iter().flatten().chain(names).chain(&["20000000000"]) {
            assert!(!text.contains(hidden), "{hidden} on a hidden screen:\n{text}");
        }
    }

    /// The page of a doubt offers no other PIN while the last one may still land.
    fn check_new_pin_offer(&self, buffer: &Buffer) {
        let Screen::Number(page) = self.app.screen() else { return };
        let Some(ChangeState::InDoubt(standing)) = self.app.roster().change(&page.id) else { return };
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        let may_land = self.now.instant < standing.new_pin_allowed_from.instant;
        assert!(!(may_land && text.contains("Set a new PIN")), "another PIN is offered:\n{text}");
    }

    /// The program ends at rest, and forgets no PIN in doubt that it has not told of.
    fn check_quit(&mut self) {
        self.has_quit = true;
        assert_eq!(self.app.running_count(), 0, "quit while work is on its way");
        for (id, job) in self.app.roster().changes() {
            let is_told = !is_only_in_memory(job, false) || self.shown_before_quit.contains(id);
            assert!(is_told, "quit without a word of {id}: {job:?}");
        }
    }

    /// A PIN is never on the screen unless it was asked for.
    fn check_no_pin_shown(&self, buffer: &Buffer) {
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        let digits: String = text.chars().filter(|c| !matches!(c, '[' | ']' | ' ')).collect();
        let is_shown = self.shows_a_pin();
        for pin in PINS.iter().chain(&[GENERATED_PIN]) {
            assert!(is_shown || !digits.contains(pin), "a PIN is on the screen in {:?}", self.app.mode());
        }
    }

    fn shows_a_pin(&self) -> bool {
        let Screen::Form(page) = self.app.screen() else { return false };
        page.form.seconds_until_hidden(self.now.instant).is_some()
    }

    /// Settles the list. Where nothing is left of it, the cursor stands nowhere: nobody has moved it in what came instead.
    fn settle_list(&mut self) {
        self.app.apply_list_updates();
        let roster = self.app.roster();
        let is_another = !self.listed.is_empty() && self.listed.iter().all(|id| roster.get(id).is_none());
        self.cursor_was_moved &= roster.visible_len() > 0 && !is_another;
        self.listed =
            (0..roster.visible_len()).filter_map(|index| roster.row(index)).map(|row| row.number.id).collect();
    }

    /// Only keys move the cursor to another number.
    fn check_cursor(&mut self, before: Option<PhoneNumberId>) {
        self.settle_list();
        let roster = self.app.roster();
        let still_there = before.filter(|id| roster.get(id).is_some() && self.app.filter().is_empty());
        if let Some(before) = still_there.filter(|_| self.cursor_was_moved) {
            assert_eq!(
                roster.cursor_row().map(|row| row.number.id),
                Some(before),
                "the cursor went elsewhere by itself"
            );
        }
    }

    /// Nobody is woken while nothing counts.
    fn check_wake(&self) {
        let counts = self.shows_a_pin();
        let waits = self.app.roster().changes().any(|(_, job)| matches!(job, ChangeState::Waiting { .. }));
        let is_offline = matches!(self.app.connection(), Connection::Offline { .. });
        let is_doubt = matches!(self.app.screen(), Screen::Number(_));
        let wake = self.app.next_wake(self.now.instant);
        // Beside the list, the history of the number under the cursor is read once the cursor has rested there, however it
        // came there.
        let is_soon = wake.is_some_and(|wake| wake <= self.now.instant + Duration::from_secs(1));
        let may_rest = self.app.has_pane() && is_soon;
        let reason = counts || waits || is_offline || is_doubt || may_rest;
        let hides = wake.is_some_and(|wake| {
            let idle = wake.saturating_duration_since(self.last_input);
            idle == Duration::from_secs(570) || idle == Duration::from_mins(10)
        });
        assert!(reason || wake.is_none() || hides, "woken for nothing");
        assert!(!self.is_hidden || wake.is_none(), "a hidden screen is woken");
    }

    /// Each page can be left, by Ctrl-C if by nothing else, until the program ends or asks whether it may.
    fn check_every_page_can_be_left(&mut self) {
        self.update(Msg::Resized(Size { width: 80, height: 24 }), None);
        for _ in 0..8 {
            self.paint(true);
            let before = self.app.mode();
            // After a signal no key counts any more: the process ends by itself.
            let is_ending = matches!(self.app.screen(), Screen::ShuttingDown(QuitReason::Signal));
            if self.has_quit || is_ending || before == Mode::Quit {
                return;
            }
            self.now = self.now.plus(Duration::from_secs(3));
            if self.app.hide_warning().is_some() {
                self.press(Key::Ctrl('c'));
            }
            self.press(Key::Ctrl('c'));
            assert!(self.has_quit || self.app.mode() != before, "{before:?} cannot be left");
        }
        panic!("no way out of {:?}", self.app.mode());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_laws_hold(
        walk in walk(),
        read_only in proptest::bool::weighted(0.05),
        opens in proptest::bool::weighted(0.7),
        glyphs in select(vec![Glyphs::Ascii, Glyphs::Unicode]),
    ) {
        let mut walker = Walker::start(read_only, opens, glyphs);
        for (step, pause, reaches) in &walk {
            walker.now = walker.now.plus(*pause);
            walker.apply_step(step);
            if walker.has_quit {
                break;
            }
            walker.paint(*reaches);
        }
        walker.check_every_page_can_be_left();
    }
}

/// A walk that somebody thought of: after each pause a step, each drawn.
fn run_steps(steps: impl IntoIterator<Item = (u64, WalkStep)>) -> Walker {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    for (pause, step) in steps {
        walker.now = walker.now.plus(Duration::from_millis(pause));
        walker.apply_step(&step);
        walker.paint(true);
    }
    walker
}

const SENDING: usize = 1;
const IN_DOUBT: usize = 7;
const RESOLVED: usize = 12;
const SET: usize = 13;

#[test]
fn a_pin_in_doubt_since_the_question_is_not_forgotten_when_the_last_request_ends_well() {
    let press = |key| WalkStep::Press(Key::Char(key));
    let mut walker = run_steps([
        (0, WalkStep::ChangeMoved(0, SENDING)),
        (0, WalkStep::ChangeMoved(1, SENDING)),
        (0, press('q')),
        (500, press('y')),
        (0, WalkStep::ChangeMoved(0, IN_DOUBT)),
        (0, WalkStep::ChangeMoved(1, SET)),
    ]);
    assert!(!walker.has_quit && walker.app.mode() == Mode::Quit, "{:?}", walker.app.mode());
    walker.now = walker.now.plus(QUIET_TIME);
    walker.press(Key::Char('y'));
    assert!(walker.has_quit);
}

#[test]
fn a_pin_in_doubt_that_the_question_did_not_name_is_not_forgotten() {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    walker.apply_step(&WalkStep::ChangeMoved(0, IN_DOUBT));
    walker.press(Key::Char('q'));
    walker.paint(true);
    walker.now = walker.now.plus(QUIET_TIME);
    // One is settled and another one in doubt: as many as were told of, but others.
    walker.apply_step(&WalkStep::ChangeMoved(0, SET));
    walker.apply_step(&WalkStep::ChangeMoved(1, IN_DOUBT));
    walker.press(Key::Char('y'));
    assert!(!walker.has_quit);
    walker.paint(true);
    walker.now = walker.now.plus(QUIET_TIME);
    walker.press(Key::Char('y'));
    assert!(walker.has_quit, "asked again, it quits");
}

#[test]
fn a_single_number_that_cannot_be_read_again_keeps_what_was_read_before() {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    let known = Number { read_at: Some(walker.now.utc), ..number(0, TwoStep::On, &walker.wabas) };
    let page = |number: &Number| Msg::PageReceived { refresh_id: 1, numbers: vec![number.clone()] };
    walker.app.update(page(&known), walker.now);
    walker.app.update(page(&Number::from_config(known.id, None)), walker.now);
    assert_eq!(walker.app.roster().get(&known.id).map(|row| row.number), Some(&known));
}

#[test]
fn any_key_and_any_paste_breaks_the_quiet_before_a_confirmation() {
    let press = |key| WalkStep::Press(key);
    let early =
        [WalkStep::Paste("y"), press(Key::Backspace), press(Key::Ctrl('u')), press(Key::Char('x')), press(Key::Enter)];
    for early in early {
        let walker = run_steps([
            (0, WalkStep::NumberRead(0, Ok(TwoStep::On))),
            (0, press(Key::Char('p'))),
            (0, WalkStep::TypePin(PINS[0])),
            (399, early.clone()),
            (1, WalkStep::TypeLastFour),
        ]);
        assert_eq!(walker.app.mode(), Mode::ConfirmReplace, "{early:?}");
    }
}
