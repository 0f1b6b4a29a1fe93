//! What 1,000 PINs take with 32 requests in flight and answers of 50 ms, journal, escrow to one X25519 key, and the
//! console's state and screen included, as a multiple of the time that nothing could undercut: 32 rounds of 50 ms.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use divan::Bencher;
use pindesk::config::EscrowSettings;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::console::app::{App, Environment, Msg, Session, Size};
use pindesk::console::input::keymap::Keymap;
use pindesk::console::terminal::{Capabilities, FrameRenderer};
use pindesk::console::theme::{TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::console::worker::{WorkCommand, WorkerConfig, WorkerHandle, WorkerReport};
use pindesk::domain::change::StatusBefore;
use pindesk::domain::clock::Clock;
use pindesk::domain::number::{PhoneNumberId, TwoStep, Waba};
use pindesk::domain::pin::Pin;
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
/// ⌈1,000 / 32⌉ rounds.
const IDEAL_TIME: Duration = Duration::from_millis(32 * 50);
/// As the console's own loop does.
const PROGRESS_FRAME_INTERVAL: Duration = Duration::from_millis(250);

fn main() {
    divan::main();
}

/// Where the simulator runs.
#[derive(Debug, Clone, Copy)]
enum SimulatorLocation {
    /// In the batch's own runtime, as the demo has it.
    SameRuntime,
    /// In a process of its own.
    SeparateProcess,
}

#[divan::bench(args = [SimulatorLocation::SameRuntime, SimulatorLocation::SeparateProcess], sample_count = 5, sample_size = 1)]
#[expect(clippy::print_stdout, reason = "the ratio is the result")]
fn thousand_pins(bencher: Bencher<'_, '_>, place: SimulatorLocation) {
    let (times, frames) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(Vec::new()));
    bencher.with_inputs(|| JobBench::new(place)).bench_local_refs(|desk| {
        let (start, cpu) = (Instant::now(), cpu_time());
        desk.set_all();
        *frames.borrow_mut() = std::mem::take(&mut desk.frame_sizes);
        times.borrow_mut().push((start.elapsed(), self::cpu_time().saturating_sub(cpu)));
    });
    let mut times = times.into_inner();
    times.sort();
    let (time, cpu) = times[times.len() / 2];
    let ratio = time.as_secs_f64() / IDEAL_TIME.as_secs_f64();
    println!("\n{place:?}: median {ratio:.3} x ideal, {cpu:?} CPU in this process");
    let frames = frames.into_inner();
    println!("bytes of the frames of one run, {} in all: {frames:?}", frames.iter().sum::<usize>());
}

/// User and system time of this process, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// A directory to record in, on the disk that temporary files are on, and a key to seal to.
fn recording_config(state: &TempDir) -> RecordingConfig {
    let recipients = vec![age::x25519::Identity::generate().to_public().to_string()];
    RecordingConfig {
        state_dir: state.path().join("state"),
        kind: JournalKind::Real,
        escrow: EscrowSettings { recipients, recipients_file: None },
        profile: CleanText::new("bench"),
        operator: Operator::from_process(),
        #[cfg(debug_assertions)]
        sync_writes: true,
    }
}

/// The console with its list read, and its work.
struct JobBench {
    app: App,
    view: View,
    screen: FrameRenderer<Vec<u8>>,
    /// The bytes of each frame since the start.
    frame_sizes: Vec<usize>,
    worker: WorkerHandle,
    /// Where it records; gone with the desk.
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
        host: "127.0.0.1".to_owned(),
        config_paths: Vec::new(),
        token_source: String::new(),
        wabas,
        show_pin_for: None,
        may_suspend: false,
        bell: false,
        hide_after: None,
        initial_message: None,
    }
}

impl JobBench {
    fn new(place: SimulatorLocation) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (simulator, url) = match place {
            SimulatorLocation::SameRuntime => start_in_process(&runtime),
            SimulatorLocation::SeparateProcess => start_child_process(),
        };
        let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
        let (mut app, _) =
            App::start(session(wabas.clone()), Ok(()), Keymap::default(), Size { width: 120, height: 40 });
        let surroundings = TerminalEnv { term: Some("xterm".to_owned()), locale: None, no_color: false };
        let endpoint =
            Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
        let (report, reports) = mpsc::channel();
        let state = TempDir::new().expect("a directory");
        let sources = NumberSources { wabas, numbers: Vec::new() };
        let recording = recording_config(&state);
        let assignment = WorkerConfig { endpoint, sources, concurrency: IN_FLIGHT, recording };
        let work = WorkerHandle::start(runtime, assignment, Clock::System, move |said| {
            report.send(said).ok();
        })
        .expect("a thread");
        let token = AccessToken::parse(simulator::FULL_ACCESS_TOKEN).expect("a token");
        work.send(WorkCommand::UseCredentials(Credentials { token, app_secret: None }));
        let reading = 1;
        work.send(WorkCommand::RefreshAll { refresh_id: reading });
        let (mut is_read, mut is_recorded) = (false, false);
        while !(is_read && is_recorded)
            && let Ok(WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _)) = reports.recv()
        {
            is_read |= matches!(msg, Msg::RefreshFinished { .. });
            is_recorded |= matches!(msg, Msg::RecordsOpened { .. });
            app.update(msg, Clock::System.now());
        }
        app.apply_list_updates();
        // What answered the lists is at rest again.
        thread::sleep(LATENCY);
        let view = View::new(Theme::new(&surroundings, None));
        let screen = FrameRenderer::new(Vec::new(), Capabilities::FULL);
        let mut desk = Self {
            app,
            view,
            screen,
            frame_sizes: Vec::new(),
            worker: work,
            _state_dir: state,
            worker_events: reports,
            simulator,
        };
        desk.draw();
        desk.frame_sizes.clear();
        desk
    }

    fn set_all(&mut self) {
        for n in 1..=NUMBERS {
            let pin = Pin::parse(format!("{:06}", n * 7_919 % 1_000_000).as_bytes()).expect("a PIN");
            self.worker.send(WorkCommand::SetPin {
                number: id(n),
                waba: None,
                before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
                pin,
            });
        }
        let (mut at_rest, mut last_frame, mut is_due) = (0, Instant::now(), false);
        while at_rest < NUMBERS {
            let report = if is_due {
                self.worker_events
                    .recv_timeout((last_frame + PROGRESS_FRAME_INTERVAL).saturating_duration_since(Instant::now()))
                    .ok()
            } else {
                self.worker_events.recv().ok()
            };
            match report {
                Some(WorkerReport::ProgressReady) => {
                    let news = self.worker.take_progress();
                    at_rest += news.iter().map(|progress| u64::from(!progress.state.is_running())).sum::<u64>();
                    // The reads that would follow are not asked for: it is the setting that is measured.
                    self.app.update(Msg::ProgressReceived(news), Clock::System.now());
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
        let drawn = self.screen.draw(size, |buffer, area| view.paint(app, now, buffer, area).cursor);
        drawn.expect("memory takes all bytes");
        self.frame_sizes.push(std::mem::take(self.screen.out()).len());
    }
}
