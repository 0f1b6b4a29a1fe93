//! Drives a whole console without a terminal: bytes in, text on a screen out, against the simulator over real HTTP.
//!
//! It does what the runtime does: it decodes bytes, updates the state, runs effects, draws, and reports each frame as
//! shown. It owns the clock, which moves only when a test types or waits. It never sleeps: it waits for worker events.

#[path = "console_driver/operator.rs"]
mod operator;
#[path = "console_driver/other_process.rs"]
mod other_process;
#[path = "console_driver/screen.rs"]
mod screen;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use pindesk::config::endpoint::{AccessToken, Credentials, DEFAULT_GRAPH_VERSION, Endpoint};
use pindesk::console::app::{App, Msg};
use pindesk::console::effect::{Effect, ScreenCommand, WorkCommand};
use pindesk::console::input::decoder::{Decoder, ESC_TIMEOUT, InputEvent};
use pindesk::console::input::keymap::Keymap;
use pindesk::console::shared::{Environment, EscrowCommand, Session, Size};
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::console::worker::{WorkerConfig, WorkerHandle, WorkerReport};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::number::{PhoneNumberId, Waba};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::numbers::NumberSources;
use pindesk::simulator::{self, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::journal_fixture::operator_ana;
use super::state_fixture::StateFixture;

/// How long any text may take to appear. Four attempts of one change take at most 7 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// 2026-11-22 14:03:09 UTC.
const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

/// How to start a console.
pub(crate) struct DriverOptions {
    pub(crate) numbers: usize,
    /// The fault file of the simulator.
    pub(crate) faults: &'static str,
    pub(crate) latency: Duration,
    /// The access token, or why there is none.
    pub(crate) token: Result<&'static str, &'static str>,
    pub(crate) size: (u16, u16),
    pub(crate) glyphs: Glyphs,
    pub(crate) has_config: bool,
    pub(crate) read_only: bool,
    /// An address where no server listens at first.
    pub(crate) offline_at: Option<SocketAddr>,
    /// A number that the config lists by itself, and its name there.
    pub(crate) configured_number: Option<(&'static str, Option<&'static str>)>,
    /// The state directory; `None` creates a new one.
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
        let configured =
            self.configured_number.map(|(id, name)| (id.parse().expect("a valid ID"), name.map(CleanText::new)));
        let sources = NumberSources { wabas: wabas.clone(), numbers: configured.into_iter().collect() };
        let state = self.state.take().unwrap_or_default();
        let config = WorkerConfig {
            endpoint: endpoint(address),
            sources,
            concurrency: 4,
            // The answer would come at a time that no test waits for.
            asks_about_token: false,
            recording: state.recording_config(),
        };
        let now = TimePoint { instant: Instant::now(), utc: START_TIME };
        let manual_clock = ManualClock::new_leaked(now);
        let (events, worker_events) = mpsc::channel();
        let worker = WorkerHandle::start(runtime, config, Clock::Manual(manual_clock), move |report| {
            events.send(report).ok();
        });
        let worker = worker.expect("the worker thread starts");
        if let Ok(token) = self.token {
            worker.use_credentials(credentials(token));
        }
        let size = Size { width: self.size.0, height: self.size.1 };
        let token = self.token.map(drop).map_err(str::to_owned);
        let (app, effects) = App::start(session(&self, wabas), token, Keymap::default(), size);
        let terminal_env = TerminalEnv { term: Some("xterm-256color".to_owned()), ..TerminalEnv::default() };
        let mut console = ConsoleDriver {
            app,
            view: View::new(Theme::new(&terminal_env, Some(self.glyphs))),
            buffer: Buffer::default(),
            decoder: Decoder::new(ESC_TIMEOUT),
            clock: Clock::Anchored(now),
            manual_clock,
            now,
            state,
            worker_events,
            worker: Some(worker),
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
        console.run_effects(effects);
        console
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        url: format!("http://{address}").parse().expect("a loopback URL"),
        version: DEFAULT_GRAPH_VERSION.parse().expect("a valid version"),
        ca_file: None,
    }
}

fn session(options: &DriverOptions, wabas: Vec<Arc<Waba>>) -> Session {
    Session {
        profile: options.has_config.then(|| "demo".to_owned()),
        environment: Environment::Demo,
        read_only: options.read_only,
        user: "ana".to_owned(),
        operator: operator_ana().name(),
        host: "graph.example".to_owned(),
        config_paths: vec!["/etc/pindesk/config.toml".into()],
        token_source: "/etc/pindesk/token".to_owned(),
        wabas,
        show_pin_for: Some(Duration::from_secs(10)),
        may_suspend: true,
        concurrency: 8,
        is_in_multiplexer: true,
        rotation: None,
        bell: false,
        names_warning: None,
        hide_after: None,
        single_numbers: usize::from(options.configured_number.is_some()),
        escrow_command: EscrowCommand::default(),
        initial_message: None,
        refresh_note: None,
        waba_search: None,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn start_simulator(listen: SocketAddr, numbers: usize, faults: &str, latency: Duration) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a valid fault file");
    let spec = SimulatorSpec { world: WorldSpec::new(numbers, 1), latency, faults };
    Simulator::start(listen, spec).await.expect("the simulator starts")
}

fn credentials(token: &str) -> Credentials {
    Credentials { token: AccessToken::parse(token).expect("a valid access token"), app_secret: None }
}

/// A console, the simulator behind it, and a record of what the console asked for.
pub(crate) struct ConsoleDriver {
    app: App,
    view: View,
    buffer: Buffer,
    decoder: Decoder,
    clock: Clock,
    /// The clock of the worker thread.
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

impl ConsoleDriver {
    /// The console with 60 made-up numbers, after it read all of them and opened the journal.
    pub(crate) fn demo() -> Self {
        Self::with_faults("")
    }

    /// The same, with this fault file.
    pub(crate) fn with_faults(faults: &'static str) -> Self {
        let mut console = DriverOptions { faults, ..DriverOptions::default() }.start();
        console.sees("Read 60 numbers.").wait_until_journal_opens();
        console
    }

    /// The access token source contains another token from now on.
    pub(crate) fn set_token(&mut self, token: &'static str) -> &mut Self {
        self.token = Ok(token);
        self
    }

    /// Starts a server at this address.
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
        self.simulator = Some(simulator.recv().expect("the simulator starts"));
        self
    }

    /// Stops the server and closes its connections.
    pub(crate) fn stop_server(&mut self) -> &mut Self {
        self.simulator = None;
        self
    }

    /// Shuts down as the program does, and returns the state directory for the next console.
    pub(crate) fn shut_down(self) -> StateFixture {
        if let Some(worker) = self.worker {
            worker.close().recv_timeout(TIMEOUT).ok();
        }
        self.state
    }

    /// The state of the console.
    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    /// How many commands to set or resend a PIN the console has given, whatever their outcome.
    pub(crate) const fn pin_commands(&self) -> usize {
        self.pin_commands
    }

    /// The texts that the console copied, oldest first.
    pub(crate) fn copied(&self) -> &[String] {
        &self.copied
    }

    pub(crate) const fn has_quit(&self) -> bool {
        self.has_quit
    }

    pub(crate) const fn wants_demo(&self) -> bool {
        self.wants_demo
    }

    /// The PINs that the simulator received for a number, oldest first.
    pub(crate) fn pins_sent(&self, id: &str) -> Vec<String> {
        let id: PhoneNumberId = id.parse().expect("a valid ID");
        let pins = self.simulator.as_ref().expect("a running simulator").pins_sent(&id);
        pins.iter().map(|pin| String::from_utf8_lossy(pin).into_owned()).collect()
    }

    /// The PIN in force on a number, as the simulator knows it.
    pub(crate) fn pin_in_force(&self, id: &str) -> Option<String> {
        let id: PhoneNumberId = id.parse().expect("a valid ID");
        let pin = self.simulator.as_ref().expect("a running simulator").pin_in_force(&id);
        pin.map(|pin| String::from_utf8_lossy(&pin).into_owned())
    }

    fn feed_bytes(&mut self, bytes: &str) {
        let mut inputs = Vec::new();
        let (app, at) = (&self.app, self.now.instant);
        self.decoder.set_strict_mode(app.is_single_key_prompt());
        self.decoder.feed([(bytes, at)], |key| app.accepts_typed_ahead(key), &mut inputs);
        self.decoder.expire(at, &mut inputs);
        for (input, at) in inputs {
            let msg = match input {
                InputEvent::Key(key) => Msg::KeyPressed(key),
                InputEvent::Paste(paste) => Msg::Pasted(paste),
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
            match effect {
                Effect::Work(command) => {
                    let sends_pin = matches!(command, WorkCommand::SetPins(_) | WorkCommand::ResendPin(_));
                    self.pin_commands += usize::from(sends_pin);
                    self.send(command);
                }
                Effect::Screen(command) => self.run_screen_command(command),
            }
        }
    }

    fn run_screen_command(&mut self, command: ScreenCommand) {
        match command {
            ScreenCommand::GeneratePin { display_number } => {
                self.update(Msg::PinGenerated(Pin::random(display_number.as_deref()).ok()), self.now);
            }
            ScreenCommand::ReadToken => {
                let token = self.token.map_err(str::to_owned);
                let result = token.map(|token| {
                    if let Some(worker) = &self.worker {
                        worker.use_credentials(credentials(token));
                    }
                });
                self.update(Msg::TokenRead(result), self.now);
            }
            ScreenCommand::Copy(text) => self.copied.push(text),
            ScreenCommand::Bell | ScreenCommand::Redraw => {}
            ScreenCommand::Suspend => self.update(Msg::Resumed, self.now),
            ScreenCommand::OpenDemo => self.wants_demo = true,
            ScreenCommand::Quit => self.has_quit = true,
        }
    }

    fn send(&self, command: WorkCommand) {
        if let Some(worker) = &self.worker {
            worker.send(command);
        }
    }

    fn paint(&mut self) {
        self.app.apply_list_updates();
        let Size { width, height } = self.app.size();
        let area = Rect { x: 0, y: 0, width, height };
        self.buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut self.buffer, area);
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, self.now);
    }
}
