//! How long a job of 1,000 PINs takes, as a multiple of the ideal time: 32 rounds of 50 ms.
//!
//! At most 32 requests are in flight, and each reply takes 50 ms. The time includes the journal, the escrow with one
//! X25519 key, and the state and the screen of the console.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use divan::Bencher;
use pindesk::config::EscrowSettings;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::console::app::{App, Msg};
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::keymap::Keymap;
use pindesk::console::shared::{Environment, EscrowCommand, Session, Size};
use pindesk::console::terminal::{Capabilities, FrameRenderer};
use pindesk::console::theme::{TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::console::worker::{WorkerConfig, WorkerHandle, WorkerReport};
use pindesk::domain::change::{Progress, ProgressSource};
use pindesk::domain::clock::Clock;
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::pin::Pin;
use pindesk::domain::pin_plan::PinPlan;
use pindesk::domain::text::CleanText;
use pindesk::journal::{JournalKind, Operator};
use pindesk::numbers::NumberSources;
use pindesk::preflight::RecordingConfig;
use pindesk::simulator::{self, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const NUMBERS: u64 = 1_000;
const IN_FLIGHT: usize = 32;
const LATENCY: Duration = Duration::from_millis(50);
/// The shortest possible time: ⌈1,000 / 32⌉ rounds.
const IDEAL_TIME: Duration = Duration::from_millis(32 * 50);
/// The same interval as in the event loop of the console.
const PROGRESS_FRAME_INTERVAL: Duration = Duration::from_millis(250);

fn main() {
    divan::main();
}

/// The process that runs the simulator.
#[derive(Debug, Clone, Copy)]
enum SimulatorLocation {
    /// The process and the runtime of the job, as in the demo.
    SameRuntime,
    /// A separate process.
    SeparateProcess,
}

#[divan::bench(args = [SimulatorLocation::SameRuntime, SimulatorLocation::SeparateProcess], sample_count = 5, sample_size = 1)]
#[expect(clippy::print_stdout, reason = "the ratio is the result")]
fn thousand_pins(bencher: Bencher<'_, '_>, location: SimulatorLocation) {
    let (times, frames) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(Vec::new()));
    bencher.with_inputs(|| JobBench::new(location)).bench_local_refs(|bench| {
        let (start, cpu) = (Instant::now(), cpu_time());
        bench.set_all();
        *frames.borrow_mut() = std::mem::take(&mut bench.frame_sizes);
        times.borrow_mut().push((start.elapsed(), self::cpu_time().saturating_sub(cpu)));
    });
    let mut times = times.into_inner();
    times.sort();
    let (time, cpu) = times[times.len() / 2];
    let ratio = time.as_secs_f64() / IDEAL_TIME.as_secs_f64();
    println!("\n{location:?}: median {ratio:.3} x ideal, {cpu:?} CPU in this process");
    let frames = frames.into_inner();
    println!("bytes of each frame of one run, {} in total: {frames:?}", frames.iter().sum::<usize>());
}

/// User and system time of this process, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// Records to the disk that holds temporary files, and encrypts to one new key.
fn recording_config(state_dir: &TempDir) -> RecordingConfig {
    let recipients = vec![age::x25519::Identity::generate().to_public().to_string()];
    RecordingConfig {
        state_dir: state_dir.path().join("state"),
        kind: JournalKind::Real,
        escrow: EscrowSettings { recipients, recipients_file: None },
        profile: CleanText::new("bench"),
        operator: Operator::from_process(),
        syslog: false,
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: true,
    }
}

/// A console that has read its list, and its worker.
struct JobBench {
    app: App,
    view: View,
    screen: FrameRenderer<Vec<u8>>,
    /// The size of each frame since the start, in bytes.
    frame_sizes: Vec<usize>,
    worker: WorkerHandle,
    /// Holds the journal and the escrow. Deleted when it is dropped.
    _state_dir: TempDir,
    worker_events: mpsc::Receiver<WorkerReport>,
    simulator: BenchSimulator,
}

enum BenchSimulator {
    InProcess { _simulator: Simulator },
    ChildProcess(Child),
}

impl Drop for BenchSimulator {
    fn drop(&mut self) {
        match self {
            Self::InProcess { .. } => {}
            Self::ChildProcess(child) => {
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}

fn start_in_process(runtime: &Runtime) -> (BenchSimulator, String) {
    let spec = SimulatorSpec { world: WorldSpec::new(1_000, 1), latency: LATENCY, faults: FaultPlan::none() };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let simulator = runtime.block_on(Simulator::start(listen, spec)).expect("a simulator");
    let url = simulator.base_url();
    (BenchSimulator::InProcess { _simulator: simulator }, url)
}

fn start_child_process() -> (BenchSimulator, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pindesk"))
        .args(["simulator", "--numbers", "1000", "--latency", "50"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let url = line.trim_end().trim_start_matches("listening on ").to_owned();
    (BenchSimulator::ChildProcess(child), url)
}

fn session(wabas: Vec<Arc<Waba>>) -> Session {
    Session {
        profile: Some("bench".to_owned()),
        environment: Environment::Test,
        read_only: false,
        user: "bench".to_owned(),
        operator: Operator::from_process().name(),
        host: "127.0.0.1".to_owned(),
        config_paths: Vec::new(),
        token_source: String::new(),
        wabas,
        show_pin_for: None,
        may_suspend: false,
        concurrency: 8,
        is_in_multiplexer: true,
        rotation: None,
        bell: false,
        names_warning: None,
        hide_after: None,
        single_numbers: 0,
        escrow_command: EscrowCommand::default(),
        initial_message: None,
        refresh_note: None,
        waba_search: None,
    }
}

/// True if this is the last state that the job itself reports; the journal reports it once more.
fn ends_change(progress: &Progress) -> bool {
    progress.source == ProgressSource::Own && !progress.state.is_running()
}

impl JobBench {
    fn new(location: SimulatorLocation) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (simulator, url) = match location {
            SimulatorLocation::SameRuntime => start_in_process(&runtime),
            SimulatorLocation::SeparateProcess => start_child_process(),
        };
        let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
        let (mut app, _) =
            App::start(session(wabas.clone()), Ok(()), Keymap::default(), Size { width: 120, height: 40 });
        let terminal_env = TerminalEnv { term: Some("xterm".to_owned()), locale: None, no_color: false };
        let endpoint =
            Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
        let (sender, worker_events) = mpsc::channel();
        let state_dir = TempDir::new().expect("a directory");
        let sources = NumberSources { wabas, numbers: Vec::new() };
        let recording = recording_config(&state_dir);
        let config = WorkerConfig { endpoint, sources, concurrency: IN_FLIGHT, asks_about_token: false, recording };
        let worker = WorkerHandle::start(runtime, config, Clock::System, move |report| {
            sender.send(report).ok();
        })
        .expect("a thread");
        let token = AccessToken::parse(simulator::FULL_ACCESS_TOKEN).expect("a token");
        worker.use_credentials(Credentials { token, app_secret: None });
        worker.send(WorkCommand::RefreshAll { refresh_id: 1 });
        let (mut is_read, mut is_recorded) = (false, false);
        while !(is_read && is_recorded)
            && let Ok(WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _)) = worker_events.recv()
        {
            is_read |= matches!(msg, Msg::RefreshFinished { .. });
            is_recorded |= matches!(msg, Msg::RecordsOpened { .. });
            app.update(msg, Clock::System.now());
        }
        app.apply_list_updates();
        // The simulator needs this long to finish its last replies.
        thread::sleep(LATENCY);
        let view = View::new(Theme::new(&terminal_env, None));
        let screen = FrameRenderer::new(Vec::new(), Capabilities::FULL);
        let mut bench = Self {
            app,
            view,
            screen,
            frame_sizes: Vec::new(),
            worker,
            _state_dir: state_dir,
            worker_events,
            simulator,
        };
        bench.draw();
        bench.frame_sizes.clear();
        bench
    }

    fn set_all(&mut self) {
        for n in 1..=NUMBERS {
            let pin = Pin::parse(format!("{:06}", n * 7_919 % 1_000_000).as_bytes()).expect("a PIN");
            let target = Number { two_step: TwoStep::NotSet, ..Number::from_config(id(n), None) };
            self.worker.send(WorkCommand::SetPins(PinPlan::for_one(target, pin)));
        }
        let (mut finished, mut last_frame, mut is_due) = (0, Instant::now(), false);
        while finished < NUMBERS {
            let report = if is_due {
                self.worker_events
                    .recv_timeout((last_frame + PROGRESS_FRAME_INTERVAL).saturating_duration_since(Instant::now()))
                    .ok()
            } else {
                self.worker_events.recv().ok()
            };
            match report {
                Some(WorkerReport::ProgressReady) => {
                    let progress = self.worker.take_progress();
                    finished += progress.iter().map(|progress| u64::from(ends_change(progress))).sum::<u64>();
                    // The refreshes that would follow are dropped, because only the setting of PINs is measured.
                    self.app.update(Msg::ProgressReceived(progress), Clock::System.now());
                    is_due = true;
                }
                Some(WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _)) => {
                    drop(self.app.update(msg, Clock::System.now()));
                }
                None => {}
            }
            if is_due && last_frame.elapsed() >= PROGRESS_FRAME_INTERVAL {
                (last_frame, is_due) = (Instant::now(), false);
                self.draw();
            }
        }
        self.draw();
        divan::black_box(&self.simulator);
    }

    fn draw(&mut self) {
        self.app.apply_list_updates();
        let (app, view, now) = (&self.app, &mut self.view, Instant::now());
        let size = ratatui::layout::Size::new(120, 40);
        let result = self.screen.draw(size, |buffer, area| view.paint(app, now, buffer, area).cursor);
        result.expect("a Vec accepts all bytes");
        self.frame_sizes.push(std::mem::take(self.screen.out()).len());
    }
}
