//! The console in the hands of somebody: keys in, text on a screen out, against the simulator over real HTTP.
//!
//! It does what the runtime does, without a terminal: decodes, updates, performs, settles, paints, and tells that the
//! frame was shown. It owns the clock, which moves only when somebody types or waits. It never sleeps: it waits for text.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use pindesk::config::endpoint::{AccessToken, Credentials, DEFAULT_GRAPH_VERSION, Endpoint};
use pindesk::console::app::{App, Effect, Environment, Msg, RecordingStatus, Screen, Session, Size};
use pindesk::console::input::decoder::{Decoder, ESC_TIMEOUT, InputEvent};
use pindesk::console::input::keymap::Keymap;
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::console::worker::{RoutedEffect, ScreenCommand, WorkCommand, WorkerConfig, WorkerHandle, WorkerReport};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::number::{PhoneNumberId, Waba};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::numbers::NumberSources;
use pindesk::simulator::{self, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::books::StateFixture;

/// How long any text may take to appear. Four tries of one change take at most 7 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// From one key to the next, where somebody types at leisure.
const KEY_INTERVAL: Duration = Duration::from_millis(120);

/// Somebody reads a page before answering it.
const READING_TIME: Duration = Duration::from_secs(2);

/// 2026-11-22 14:03:09 UTC.
const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

/// What a console is started with.
pub(crate) struct DriverOptions {
    pub(crate) numbers: usize,
    pub(crate) faults: &'static str,
    pub(crate) latency: Duration,
    /// The access token, or why there is none.
    pub(crate) token: Result<&'static str, &'static str>,
    pub(crate) size: (u16, u16),
    pub(crate) glyphs: Glyphs,
    pub(crate) has_config: bool,
    pub(crate) read_only: bool,
    /// Nothing listens at first, at this address.
    pub(crate) offline_at: Option<SocketAddr>,
    /// A number that the config lists by itself, and the name that it has there.
    pub(crate) configured_number: Option<(&'static str, Option<&'static str>)>,
    /// The state directory; one of its own where none is given.
    pub(crate) state: Option<StateFixture>,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            numbers: 60,
            faults: "",
            latency: Duration::ZERO,
            token: Ok(simulator::FULL_ACCESS_TOKEN),
            size: (80, 24),
            glyphs: Glyphs::Ascii,
            has_config: true,
            read_only: false,
            offline_at: None,
            configured_number: None,
            state: None,
        }
    }
}

/// A console, the simulator behind it, and what came of both.
pub(crate) struct ConsoleDriver {
    app: App,
    view: View,
    buffer: Buffer,
    decoder: Decoder,
    clock: Clock,
    /// What the work's thread takes for the time.
    manual_clock: &'static ManualClock,
    now: TimePoint,
    state: StateFixture,
    worker_events: Receiver<WorkerReport>,
    worker: Option<WorkerHandle>,
    simulator: Option<Simulator>,
    faults: &'static str,
    numbers: usize,
    token: Result<&'static str, &'static str>,
    copied: Vec<String>,
    pin_commands: usize,
    has_quit: bool,
    wants_demo: bool,
}

impl DriverOptions {
    pub(crate) fn start(mut self) -> ConsoleDriver {
        let runtime = runtime();
        let simulator = match self.offline_at {
            Some(_) => None,
            None => Some(runtime.block_on(start_simulator(
                (Ipv4Addr::LOCALHOST, 0).into(),
                self.numbers,
                self.faults,
                self.latency,
            ))),
        };
        let address = self.offline_at.or_else(|| simulator.as_ref().map(Simulator::address)).expect("an address");
        let wabas: Vec<Arc<Waba>> = simulator::wabas().into_iter().map(Arc::new).collect();
        let endpoint = Endpoint {
            url: format!("http://{address}").parse().expect("a loopback URL"),
            version: DEFAULT_GRAPH_VERSION.parse().expect("a version"),
            ca_file: None,
        };
        let (report, inbox) = mpsc::channel();
        let single = self.configured_number.map(|(id, name)| (id.parse().expect("an id"), name.map(CleanText::new)));
        let numbers = single.into_iter().collect();
        let sources = NumberSources { wabas: wabas.clone(), numbers };
        let books = self.state.take().unwrap_or_default();
        let assignment = WorkerConfig { endpoint, sources, concurrency: 4, recording: books.recording_config() };
        let now = TimePoint { instant: Instant::now(), utc: START_TIME };
        let time = ManualClock::new_leaked(now);
        let work = WorkerHandle::start(runtime, assignment, Clock::Manual(time), move |news| {
            report.send(news).ok();
        });
        let work = work.expect("a thread");
        if let Ok(token) = self.token {
            work.send(WorkCommand::UseCredentials(credentials(token)));
        }
        let size = Size { width: self.size.0, height: self.size.1 };
        let token = self.token.map(drop).map_err(str::to_owned);
        let (app, first) = App::start(session(&self, wabas), token, Keymap::default(), size);
        let surroundings = TerminalEnv { term: Some("xterm-256color".to_owned()), ..TerminalEnv::default() };
        let mut console = ConsoleDriver {
            app,
            view: View::new(Theme::new(&surroundings, Some(self.glyphs))),
            buffer: Buffer::default(),
            decoder: Decoder::new(ESC_TIMEOUT),
            clock: Clock::Anchored(now),
            manual_clock: time,
            now,
            state: books,
            worker_events: inbox,
            worker: Some(work),
            simulator,
            faults: self.faults,
            numbers: self.numbers,
            token: self.token,
            copied: Vec::new(),
            pin_commands: 0,
            has_quit: false,
            wants_demo: false,
        };
        console.paint();
        console.run_effects(first);
        console
    }
}

fn session(start: &DriverOptions, wabas: Vec<Arc<Waba>>) -> Session {
    Session {
        profile: start.has_config.then(|| "demo".to_owned()),
        environment: Environment::Demo,
        read_only: start.read_only,
        user: "ana".to_owned(),
        host: "graph.example".to_owned(),
        config_paths: vec!["/etc/pindesk/config.toml".into()],
        token_source: "/etc/pindesk/token".to_owned(),
        wabas,
        show_pin_for: Some(Duration::from_secs(10)),
        may_suspend: true,
        bell: false,
        hide_after: None,
        initial_message: None,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn start_simulator(listen: SocketAddr, numbers: usize, faults: &str, latency: Duration) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a fault plan");
    let spec = SimulatorSpec { world: WorldSpec::new(numbers, 1), latency, faults };
    Simulator::start(listen, spec).await.expect("a simulator")
}

fn credentials(token: &str) -> Credentials {
    Credentials { token: AccessToken::parse(token).expect("an access token"), app_secret: None }
}

/// One blank between words, so that it does not matter where a line was broken.
fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl ConsoleDriver {
    /// The console on 60 made-up numbers, all read.
    pub(crate) fn demo() -> Self {
        Self::with_faults("")
    }

    /// The same, where something goes wrong.
    pub(crate) fn with_faults(faults: &'static str) -> Self {
        let mut console = DriverOptions { faults, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens();
        console
    }

    /// Waits until the journal is open, or said to be unusable.
    #[track_caller]
    pub(crate) fn wait_until_journal_opens(&mut self) -> &mut Self {
        while *self.app.recording_status() == RecordingStatus::Opening {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("news of the journal");
            self.handle_worker_event(report);
        }
        self
    }

    // What somebody does.

    pub(crate) fn press(&mut self, key: char) -> &mut Self {
        self.key(KeyCode::Char(key))
    }

    pub(crate) fn enter(&mut self) -> &mut Self {
        self.key(KeyCode::Enter)
    }

    pub(crate) fn esc(&mut self) -> &mut Self {
        self.key(KeyCode::Esc)
    }

    pub(crate) fn key(&mut self, code: KeyCode) -> &mut Self {
        self.send_event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    pub(crate) fn ctrl(&mut self, key: char) -> &mut Self {
        self.send_event(Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL)))
    }

    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for key in text.chars() {
            self.press(key);
        }
        self
    }

    /// Types a PIN into both fields.
    pub(crate) fn type_pin(&mut self, digits: &str) -> &mut Self {
        self.type_text(digits).type_text(digits)
    }

    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        self.send_event(Event::Paste(text.to_owned()))
    }

    /// All of it arrives in one read, as from a script or a slow line. `\r` is Enter.
    pub(crate) fn type_in_one_read(&mut self, text: &str) -> &mut Self {
        self.now = self.now.plus(KEY_INTERVAL);
        let code = |key| if key == '\r' { KeyCode::Enter } else { KeyCode::Char(key) };
        let events = text.chars().map(|key| Event::Key(KeyEvent::new(code(key), KeyModifiers::NONE))).collect();
        self.feed_events(events);
        self.wait(Duration::from_millis(60))
    }

    /// Keys that follow each other this fast, each drawn.
    pub(crate) fn type_at_interval(&mut self, pause: Duration, text: &str) -> &mut Self {
        for key in text.chars() {
            self.now = self.now.plus(pause);
            let code = if key == '\r' { KeyCode::Enter } else { KeyCode::Char(key) };
            self.feed_events(vec![Event::Key(KeyEvent::new(code, KeyModifiers::NONE))]);
        }
        self
    }

    /// Puts the cursor on a number, by the filter line.
    pub(crate) fn select(&mut self, number: &str) -> &mut Self {
        self.filter(number).sees("Showing 1 of 60")
    }

    /// Types a filter in place of the one there was.
    pub(crate) fn filter(&mut self, text: &str) -> &mut Self {
        self.press('/').ctrl('u').type_text(text).enter()
    }

    /// Reads the page, and answers yes.
    pub(crate) fn confirm(&mut self) -> &mut Self {
        self.wait(READING_TIME).press('y')
    }

    /// Reads the page, and types the digits it asks for.
    pub(crate) fn confirm_with_digits(&mut self, digits: &str) -> &mut Self {
        self.wait(READING_TIME).type_text(digits).enter()
    }

    /// Sets a PIN on a number where none is set.
    pub(crate) fn set_pin(&mut self, number: &str, pin: &str) -> &mut Self {
        self.select(number).press('p').sees("Two-step now not set").type_pin(pin).enter().confirm()
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) -> &mut Self {
        self.update(Msg::Resized(Size { width, height }), self.now);
        self.paint();
        self
    }

    /// Lets time pass, with all that happens by itself meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now.plus(time);
        while let Some(wake) = self.app.next_wake(self.now.instant).filter(|wake| *wake <= end.instant) {
            self.now = self.clock.at(wake.max(self.now.instant));
            self.update(Msg::TimerFired, self.now);
            self.paint();
        }
        self.now = end;
        self.feed_events(Vec::new());
        self
    }

    /// The token's source holds another token from now on.
    pub(crate) fn set_token(&mut self, token: &'static str) -> &mut Self {
        self.token = Ok(token);
        self
    }

    /// The server comes up.
    pub(crate) fn start_server(&mut self, address: SocketAddr) -> &mut Self {
        let (numbers, faults) = (self.numbers, self.faults);
        let (started, simulator) = mpsc::channel();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let simulator = start_simulator(address, numbers, faults, Duration::ZERO).await;
                let stopped = simulator.stop_token();
                started.send(simulator).ok();
                stopped.cancelled().await;
            });
        });
        self.simulator = Some(simulator.recv().expect("a simulator"));
        self
    }

    /// The server is gone, and its connections with it.
    pub(crate) fn stop_server(&mut self) -> &mut Self {
        self.simulator = None;
        self
    }

    // What somebody sees.

    /// Waits until the screen shows this text. Where the lines are broken does not matter.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> &mut Self {
        let (wanted, deadline) = (collapse_whitespace(text), Instant::now() + TIMEOUT);
        while !collapse_whitespace(&self.screen()).contains(&wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(report) = self.worker_events.recv_timeout(left) else {
                panic!("the screen never showed {text:?}:\n{}", self.screen());
            };
            self.handle_worker_event(report);
        }
        self
    }

    /// Waits until everything that was read is on its way into the journal, which its end waits for.
    #[track_caller]
    pub(crate) fn wait_until_saved(&mut self) -> &mut Self {
        while self.app.roster().uncached_len() > 0 {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("the journal takes more");
            self.handle_worker_event(report);
        }
        self
    }

    #[track_caller]
    pub(crate) fn sees_all(&mut self, texts: &[&str]) -> &mut Self {
        for text in texts {
            self.sees(text);
        }
        self
    }

    /// The screen does not show this text now.
    #[track_caller]
    pub(crate) fn does_not_see(&mut self, text: &str) -> &mut Self {
        assert!(
            !collapse_whitespace(&self.screen()).contains(&collapse_whitespace(text)),
            "the screen shows {text:?}:\n{}",
            self.screen()
        );
        self
    }

    /// The screen as text, a line a row.
    pub(crate) fn screen(&self) -> String {
        let rows = self.rows();
        rows.iter().flat_map(|row| [row.trim_end(), "\n"]).collect()
    }

    /// Every row in full width.
    pub(crate) fn rows(&self) -> Vec<String> {
        let area = self.buffer.area;
        let row = |y| (0..area.width).map(|x| self.buffer[(x, y)].symbol()).collect();
        (0..area.height).map(row).collect()
    }

    /// The screen, cell by cell.
    pub(crate) const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The row with this text.
    #[track_caller]
    pub(crate) fn row(&self, text: &str) -> String {
        let row = self.rows().into_iter().find(|row| row.contains(text));
        row.unwrap_or_else(|| panic!("no row shows {text:?}:\n{}", self.screen()))
    }

    /// The number under the cursor.
    #[track_caller]
    pub(crate) fn cursor(&self) -> String {
        self.app.roster().cursor_row().expect("a row").number.label().to_owned()
    }

    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    // What came of it.

    /// Orders to set a PIN that were given, whatever became of them.
    pub(crate) const fn pin_commands(&self) -> usize {
        self.pin_commands
    }

    pub(crate) fn copied(&self) -> &[String] {
        &self.copied
    }

    pub(crate) const fn has_quit(&self) -> bool {
        self.has_quit
    }

    pub(crate) const fn wants_demo(&self) -> bool {
        self.wants_demo
    }

    /// The PINs that requests for a number carried.
    pub(crate) fn pins_sent(&self, id: &str) -> Vec<String> {
        let id: PhoneNumberId = id.parse().expect("an id");
        let sent = self.simulator.as_ref().expect("a simulator").pins_sent(&id);
        sent.iter().map(|pin| String::from_utf8_lossy(pin).into_owned()).collect()
    }

    /// The PIN in force on a number.
    pub(crate) fn pin_in_force(&self, id: &str) -> Option<String> {
        let id: PhoneNumberId = id.parse().expect("an id");
        let pin = self.simulator.as_ref().expect("a simulator").pin_in_force(&id);
        pin.map(|pin| String::from_utf8_lossy(&pin).into_owned())
    }

    /// Ends as the program does, and gives back what it recorded, for the next console.
    pub(crate) fn shut_down(self) -> StateFixture {
        if let Some(work) = self.worker {
            let (closed, waiter) = mpsc::channel();
            work.send(WorkCommand::Close(closed));
            waiter.recv_timeout(TIMEOUT).ok();
        }
        self.state
    }

    /// The digits that the form shows in its first field.
    #[track_caller]
    pub(crate) fn shown_pin(&self) -> String {
        assert!(matches!(self.app.screen(), Screen::Form(_)), "no form:\n{}", self.screen());
        let row = self.row("New PIN");
        let boxes = row.split("shown").next().unwrap_or_default();
        boxes.chars().filter(char::is_ascii_digit).collect()
    }

    // As the runtime does.

    fn send_event(&mut self, event: Event) -> &mut Self {
        let is_esc = matches!(&event, Event::Key(key) if key.code == KeyCode::Esc);
        self.now = self.now.plus(KEY_INTERVAL);
        self.feed_events(vec![event]);
        if is_esc { self.wait(ESC_TIMEOUT) } else { self }
    }

    fn feed_events(&mut self, events: Vec<Event>) {
        let mut inputs = Vec::new();
        let (app, at) = (&self.app, self.now.instant);
        self.decoder.feed(events.into_iter().map(|event| (event, at)), |key| app.accepts_typed_ahead(key), &mut inputs);
        self.decoder.expire(at, &mut inputs);
        for (input, at) in inputs {
            let msg = match input {
                InputEvent::Key(key) => Msg::KeyPressed(key),
                InputEvent::Paste(paste) => Msg::Pasted(paste),
                InputEvent::Resized => continue,
            };
            self.update(msg, self.clock.at(at));
        }
        self.paint();
    }

    fn handle_worker_event(&mut self, report: WorkerReport) {
        let msg = match report {
            WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _) => msg,
            WorkerReport::ProgressReady => {
                Msg::ProgressReceived(self.worker.as_ref().map(WorkerHandle::take_progress).unwrap_or_default())
            }
        };
        self.update(msg, self.now);
        self.paint();
    }

    fn update(&mut self, msg: Msg, now: TimePoint) {
        self.manual_clock.set(now);
        let effects = self.app.update(msg, now);
        self.run_effects(effects);
    }

    fn run_effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.pin_commands += usize::from(matches!(effect, Effect::SetPin { .. } | Effect::ResendPin(_)));
            match RoutedEffect::from(effect) {
                RoutedEffect::Work(order) => self.send(order),
                RoutedEffect::Screen(chore) => self.run_screen_command(chore),
            }
        }
    }

    fn run_screen_command(&mut self, chore: ScreenCommand) {
        match chore {
            ScreenCommand::GeneratePin { display_number } => {
                self.update(Msg::PinGenerated(Pin::random(display_number.as_deref()).ok()), self.now);
            }
            ScreenCommand::ReadToken => {
                let read = self.token.map_err(str::to_owned);
                let told = read.map(|token| self.send(WorkCommand::UseCredentials(credentials(token))));
                self.update(Msg::TokenRead(told), self.now);
            }
            ScreenCommand::Copy(text) => self.copied.push(text),
            ScreenCommand::Bell | ScreenCommand::Redraw => {}
            ScreenCommand::Suspend => self.update(Msg::Resumed, self.now),
            ScreenCommand::OpenDemo => self.wants_demo = true,
            ScreenCommand::Quit => self.has_quit = true,
        }
    }

    fn send(&self, order: WorkCommand) {
        if let Some(work) = &self.worker {
            work.send(order);
        }
    }

    fn paint(&mut self) {
        self.app.apply_list_updates();
        let size = self.app.size();
        let area = Rect { x: 0, y: 0, width: size.width, height: size.height };
        self.buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut self.buffer, area);
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, self.now);
    }
}
