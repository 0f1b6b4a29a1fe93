//! The console's state and its pages, without a network, a journal or a real clock.
//!
//! A test sends messages and keys, then checks the effects that the console asks for and the text on its screen.
//! It never runs an effect: a test sends the result itself, as a message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::console::app::{App, Msg};
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::go::Destination;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Keymap;
use pindesk::console::shared::{Environment, EscrowCommand, NAMES_WARNING, RecordingStatus, Session, Size};
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::domain::change::{
    ChangeId, ChangeState, Completion, InDoubtDetails, JobId, Progress, ProgressSource, SendHistory,
};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::outcome::DoubtReason;
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::standing::DoubtCause;
use pindesk::domain::text::CleanText;
use pindesk::policy::rotation::Rotation;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

pub(crate) const PIN: &str = "409726";

/// Longer than the quiet time before a confirmation accepts keys.
pub(crate) const READING_TIME: Duration = Duration::from_secs(2);

/// How long an operator takes from one key to the next, unlike a paste.
pub(crate) const TYPING_TIME: Duration = Duration::from_millis(50);

/// How long after the last key the screen hides.
pub(crate) const HIDE_AFTER: Duration = Duration::from_mins(10);

/// 2026-11-22 14:03:09 UTC.
pub(crate) const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

/// One day before `START_TIME`.
pub(crate) const YESTERDAY: UtcTime = UtcTime::from_unix_seconds(1_795_269_789);

/// One attempt, which ended at `START_TIME`.
pub(crate) const ONE_ATTEMPT: Completion = Completion { at: START_TIME, attempts: 1 };

pub(crate) fn number_id(index: usize) -> PhoneNumberId {
    format!("20000000000{index:04}").parse().expect("a valid ID")
}

fn clean_texts(texts: &[&str]) -> Vec<CleanText> {
    texts.iter().map(|text| CleanText::new(text)).collect()
}

pub(crate) fn waba() -> Arc<Waba> {
    Arc::new(Waba { id: "102290129340398".parse().expect("a valid ID"), name: Some(CleanText::new("uk-retail")) })
}

/// A number as Meta returned it at `START_TIME`. Two-step verification is on for number 1 and not set for all others.
pub(crate) fn number(index: usize) -> Number {
    let name = CleanText::new(["Acme Retail UK", "Acme Support"][index % 2]);
    let mut number = Number::from_config(number_id(index), Some(name));
    number.waba = Some(waba());
    number.display_number = Some(CleanText::new(&format!("+1 555-010-014{index}")));
    number.two_step = if index == 1 { TwoStep::On } else { TwoStep::NotSet };
    number.read_at = Some(START_TIME);
    number
}

/// The same number as an earlier run cached it.
pub(crate) fn cached_number(index: usize) -> Number {
    Number { read_at: Some(YESTERDAY), ..number(index) }
}

pub(crate) fn recording_with_escrow() -> RecordingStatus {
    RecordingStatus::Ready { recipients: clean_texts(&["ops-vault age1qjkbnnxfj", "ana@acme SHA256:x7Vq2cTg"]) }
}

pub(crate) fn recording_without_escrow() -> RecordingStatus {
    RecordingStatus::Ready { recipients: Vec::new() }
}

pub(crate) fn recording_with_changed_keys() -> RecordingStatus {
    RecordingStatus::RecipientsChanged {
        previous: clean_texts(&["age1ops", "ssh-ed25519 SHA256:gone"]),
        current: clean_texts(&["age1ops", "ssh-ed25519 SHA256:new"]),
    }
}

/// An operator as the journal names them.
pub(crate) fn operator(user: &str, host: &str) -> OperatorName {
    OperatorName::new(1000, Some(&CleanText::new(user)), None, &CleanText::new(host))
}

fn session(show_pin_for: Option<Duration>) -> Session {
    Session {
        profile: Some("acme-prod".to_owned()),
        environment: Environment::Live,
        read_only: false,
        user: "ana".to_owned(),
        operator: operator("ana", "web1"),
        host: "graph.example".to_owned(),
        config_paths: Vec::new(),
        token_source: "/etc/pindesk/token".to_owned(),
        wabas: vec![waba()],
        show_pin_for,
        may_suspend: true,
        concurrency: 8,
        is_in_multiplexer: true,
        rotation: None,
        bell: false,
        names_warning: None,
        hide_after: Some(HIDE_AFTER),
        single_numbers: 0,
        escrow_command: EscrowCommand::default(),
        initial_message: None,
        refresh_note: None,
        waba_search: None,
    }
}

/// The effect that sets `PIN` on a number.
pub(crate) fn set_pin_effect(index: usize) -> Effect {
    let pin = Pin::parse(PIN.as_bytes()).expect("a valid PIN");
    WorkCommand::SetPins(PinPlan::for_one(number(index), pin)).into()
}

/// The effect that sets the same PIN, which the console has drawn and the escrow keeps.
pub(crate) fn set_drawn_pin_effect(index: usize) -> Effect {
    let pin = Pin::parse(PIN.as_bytes()).expect("a valid PIN");
    let targets = Targets::one(number(index));
    WorkCommand::SetPins(PinPlan { targets, pins: PinChoice::Drawn(pin) }).into()
}

/// Puts one space between words, so that line breaks do not matter.
pub(crate) fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The console with four numbers, and its current time.
pub(crate) struct AppFixture {
    pub(crate) app: App,
    pub(crate) view: View,
    pub(crate) buffer: Buffer,
    /// Where the terminal's cursor is.
    pub(crate) cursor: Option<Position>,
    pub(crate) now: TimePoint,
    /// The effects of the last message.
    pub(crate) effects: Vec<Effect>,
}

impl AppFixture {
    /// The console right after its start, without numbers and before the journal opens.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let terminal_env = TerminalEnv { term: Some("xterm-256color".to_owned()), ..TerminalEnv::default() };
        Self::with_terminal_env(size, &terminal_env)
    }

    pub(crate) fn with_terminal_env(size: (u16, u16), terminal_env: &TerminalEnv) -> Self {
        Self::with_options(size, terminal_env, Some(Duration::from_secs(10)))
    }

    /// `show_pin_for` is how long the form shows a PIN; `None` for never.
    pub(crate) fn with_options(size: (u16, u16), terminal_env: &TerminalEnv, show_pin_for: Option<Duration>) -> Self {
        Self::start(session(show_pin_for), Ok(()), size, terminal_env)
    }

    /// The console in a locale that is not UTF-8.
    pub(crate) fn in_c_locale(size: (u16, u16)) -> Self {
        let session = Session { names_warning: Some(NAMES_WARNING), ..session(Some(Duration::from_secs(10))) };
        Self::start(session, Ok(()), size, &TerminalEnv::default())
    }

    /// The console without a config file.
    pub(crate) fn without_config(size: (u16, u16)) -> Self {
        let session = Session { profile: None, ..session(Some(Duration::from_secs(10))) };
        Self::start(session, Ok(()), size, &TerminalEnv::default())
    }

    /// The console of a profile that names no WABA and no number.
    pub(crate) fn with_empty_profile(size: (u16, u16)) -> Self {
        let session = Session {
            wabas: Vec::new(),
            config_paths: vec!["/etc/pindesk/config.toml".into()],
            ..session(Some(Duration::from_secs(10)))
        };
        Self::start(session, Ok(()), size, &TerminalEnv::default())
    }

    /// The console of a config in which PINs are due after this many days.
    pub(crate) fn with_rotation(size: (u16, u16), days: u32) -> Self {
        let session = Session { rotation: Some(Rotation { days }), ..session(Some(Duration::from_secs(10))) };
        Self::start(session, Ok(()), size, &TerminalEnv::default())
    }

    /// The console after it read the list and opened the journal, in a terminal that ends with its line.
    pub(crate) fn outside_of_a_multiplexer(size: (u16, u16)) -> Self {
        let session = Session { is_in_multiplexer: false, ..session(Some(Duration::from_secs(10))) };
        let mut console = Self::start(session, Ok(()), size, &TerminalEnv::default());
        console.read_list().open_recording(recording_with_escrow(), Vec::new(), &[]);
        console
    }

    /// The console of a config with `bell = true`, after it read the list and opened the journal.
    pub(crate) fn with_bell(size: (u16, u16)) -> Self {
        let session = Session { bell: true, ..session(Some(Duration::from_secs(10))) };
        let mut console = Self::start(session, Ok(()), size, &TerminalEnv::default());
        console.read_list().open_recording(recording_with_escrow(), Vec::new(), &[]);
        console
    }

    /// The console without an access token.
    pub(crate) fn without_token(size: (u16, u16)) -> Self {
        let why = Err("The file is gone.".to_owned());
        Self::start(session(Some(Duration::from_secs(10))), why, size, &TerminalEnv::default())
    }

    fn start(
        session: Session,
        token: Result<(), String>,
        (width, height): (u16, u16),
        terminal_env: &TerminalEnv,
    ) -> Self {
        let (app, effects) = App::start(session, token, Keymap::default(), Size { width, height });
        let now = TimePoint { instant: Instant::now(), utc: START_TIME };
        let view = View::new(Theme::new(terminal_env, Some(Glyphs::Ascii)));
        let mut console = Self { app, view, buffer: Buffer::default(), cursor: None, now, effects };
        console.paint();
        console
    }

    /// The console after it read the list and opened the journal.
    pub(crate) fn loaded(size: (u16, u16), recording: RecordingStatus) -> Self {
        let mut console = Self::new(size);
        console.read_list().open_recording(recording, Vec::new(), &[]);
        console
    }

    /// The first refresh returns all four numbers.
    pub(crate) fn read_list(&mut self) -> &mut Self {
        let numbers = (0..4).map(number).collect();
        self.update(Msg::PageReceived { refresh_id: 1, numbers });
        self.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) });
        self.update(Msg::RefreshFinished { refresh_id: 1 })
    }

    /// The journal opens with these open issues.
    pub(crate) fn open_recording(
        &mut self,
        status: RecordingStatus,
        unresolved: Vec<Progress>,
        findings: &[&str],
    ) -> &mut Self {
        self.update(Msg::RecordsOpened { status, unresolved, findings: clean_texts(findings) })
    }

    /// Sends a message and redraws.
    pub(crate) fn update(&mut self, msg: Msg) -> &mut Self {
        self.effects = self.app.update(msg, self.now);
        self.paint();
        self
    }

    pub(crate) fn set_change_state(&mut self, index: usize, state: ChangeState) -> &mut Self {
        let progress = Progress {
            job: Some(JobId::new(1)),
            change: Some(ChangeId::new()),
            number: number_id(index),
            state,
            source: ProgressSource::Own,
        };
        self.update(Msg::ProgressReceived(vec![progress]))
    }

    pub(crate) fn press(&mut self, key: char) -> &mut Self {
        self.key(Key::Char(key))
    }

    pub(crate) fn key(&mut self, key: Key) -> &mut Self {
        self.update(Msg::KeyPressed(key))
    }

    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for key in text.chars() {
            self.press(key);
        }
        self
    }

    /// Opens the form for these numbers, as the list does for its selection.
    pub(crate) fn open_many_pins(&mut self, indexes: impl IntoIterator<Item = usize>) -> &mut Self {
        let ids = indexes.into_iter().map(number_id).collect();
        self.open(Destination::ManyPinsForm(ids))
    }

    /// Opens a page on top of the open one.
    pub(crate) fn open(&mut self, destination: Destination) -> &mut Self {
        self.effects = self.app.open(destination, self.now);
        self.paint();
        self
    }

    /// Types `PIN` into both fields of the form, then presses Enter.
    pub(crate) fn enter_pin(&mut self) -> &mut Self {
        self.type_text(PIN).type_text(PIN).key(Key::Enter)
    }

    /// Moves the clock forward and fires every timer that is due until then.
    pub(crate) fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now.plus(time);
        while let Some(wake) = self.app.next_wake(self.now.instant).filter(|wake| *wake <= end.instant) {
            self.now = self.now.plus(wake.saturating_duration_since(self.now.instant));
            self.update(Msg::TimerFired);
        }
        self.now = end;
        self.paint();
        self
    }

    /// Redraws the screen and reports the frame as shown.
    pub(crate) fn paint(&mut self) {
        self.app.apply_list_updates();
        let Size { width, height } = self.app.size();
        let area = Rect { x: 0, y: 0, width, height };
        self.buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut self.buffer, area);
        self.cursor = painted.cursor;
        assert_eq!(self.app.update(Msg::FrameShown { max_scroll: painted.max_scroll }, self.now), []);
    }

    /// The screen as text, one line per row.
    pub(crate) fn screen(&self) -> String {
        let area = self.buffer.area;
        let row = |y| (0..area.width).map(|x| self.buffer[(x, y)].symbol()).collect::<String>();
        (0..area.height).map(row).flat_map(|row| [row.trim_end().to_owned(), "\n".to_owned()]).collect()
    }

    /// Fails unless the screen shows this text. Line breaks do not matter.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> &mut Self {
        assert!(collapse_whitespace(&self.screen()).contains(text), "no {text:?} on the screen:\n{}", self.screen());
        self
    }

    #[track_caller]
    pub(crate) fn does_not_see(&mut self, text: &str) -> &mut Self {
        assert!(!collapse_whitespace(&self.screen()).contains(text), "{text:?} is on the screen:\n{}", self.screen());
        self
    }

    /// Fails unless the last message had exactly these effects.
    #[track_caller]
    pub(crate) fn assert_effects<const N: usize>(&mut self, effects: [impl Into<Effect>; N]) -> &mut Self {
        assert_eq!(self.effects, effects.map(Into::into), "\n{}", self.screen());
        self
    }

    /// Fails if the last message had an effect.
    #[track_caller]
    pub(crate) fn assert_no_effects(&mut self) -> &mut Self {
        self.assert_effects::<0>([] as [Effect; 0])
    }

    /// Opens the page of the number in this row of the list.
    pub(crate) fn open_number(&mut self, index: usize) -> &mut Self {
        self.key(Key::Home);
        for _ in 0..index {
            self.key(Key::Down);
        }
        self.key(Key::Enter)
    }

    /// Types `PIN` for the number under the cursor, reads the confirmation and answers yes.
    pub(crate) fn set_pin(&mut self) -> &mut Self {
        self.press('p').enter_pin().wait(READING_TIME).press('y')
    }

    /// The details of a change that got no answer in this run: its PIN is in memory and in the escrow.
    pub(crate) fn in_doubt_state(&self) -> InDoubtDetails {
        InDoubtDetails {
            send_history: SendHistory::Recorded(Completion { at: self.now.utc, attempts: 4 }),
            doubt: DoubtReason::TimedOut { waited: Duration::from_secs(30) }.into(),
            newer_pin: None,
            two_step_before: TwoStep::NotSet,
            candidate_count: 1,
            is_pin_in_memory: true,
            is_in_escrow: true,
            new_pin_allowed_from: self.now.plus(Duration::from_secs(95)),
        }
    }

    /// A change in doubt from an earlier run: its PIN is in the escrow, but not in memory.
    pub(crate) fn recovered_change(&self, index: usize) -> Progress {
        let sent = Completion { at: UtcTime::from_unix_seconds(1_795_350_000), attempts: 1 };
        let details = InDoubtDetails {
            doubt: DoubtCause::ProcessEnded.into(),
            is_pin_in_memory: false,
            two_step_before: TwoStep::On,
            candidate_count: 2,
            send_history: SendHistory::Recorded(sent),
            ..self.in_doubt_state()
        };
        let state = ChangeState::InDoubt(Box::new(details));
        Progress {
            job: Some(JobId::new(1)),
            change: Some(ChangeId::new()),
            number: number_id(index),
            state,
            source: ProgressSource::Own,
        }
    }

    /// Reports a change in doubt, with its details adjusted.
    pub(crate) fn set_in_doubt(&mut self, index: usize, adjust: impl FnOnce(&mut InDoubtDetails)) -> &mut Self {
        let mut details = self.in_doubt_state();
        adjust(&mut details);
        self.set_change_state(index, ChangeState::InDoubt(Box::new(details)))
    }
}
