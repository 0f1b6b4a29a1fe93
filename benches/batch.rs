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
use pindesk::console::app::{App, Msg, Place, Session, Size};
use pindesk::console::keymap::Keymap;
use pindesk::console::terminal::{Abilities, Screen};
use pindesk::console::theme::{Surroundings, Theme};
use pindesk::console::view::View;
use pindesk::console::work::{Assignment, Order, Recording, Report, Work};
use pindesk::job::StatusBefore;
use pindesk::journal::{Actor, Kind};
use pindesk::listing::NumberSources;
use pindesk::moment::Clock;
use pindesk::number::{PhoneNumberId, TwoStep};
use pindesk::pin::Pin;
use pindesk::simulator::{self, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use pindesk::text::CleanText;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const NUMBERS: u64 = 1_000;
const IN_FLIGHT: usize = 32;
const LATENCY: Duration = Duration::from_millis(50);
/// ⌈1,000 / 32⌉ rounds.
const IDEAL: Duration = Duration::from_millis(32 * 50);
/// As the console's own loop does.
const PROGRESS_FRAME: Duration = Duration::from_millis(250);

fn main() {
    divan::main();
}

/// Where the simulator runs.
#[derive(Debug, Clone, Copy)]
enum Where {
    /// In the batch's own runtime, as the demo has it.
    SameRuntime,
    /// In a process of its own.
    OwnProcess,
}

#[divan::bench(args = [Where::SameRuntime, Where::OwnProcess], sample_count = 5, sample_size = 1)]
#[expect(clippy::print_stdout, reason = "the ratio is the result")]
fn thousand_pins(bencher: Bencher<'_, '_>, place: Where) {
    let (times, frames) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(Vec::new()));
    bencher.with_inputs(|| Desk::new(place)).bench_local_refs(|desk| {
        let (start, cpu) = (Instant::now(), cpu());
        desk.set_all();
        *frames.borrow_mut() = std::mem::take(&mut desk.frames);
        times.borrow_mut().push((start.elapsed(), self::cpu().saturating_sub(cpu)));
    });
    let mut times = times.into_inner();
    times.sort();
    let (time, cpu) = times[times.len() / 2];
    let ratio = time.as_secs_f64() / IDEAL.as_secs_f64();
    println!("\n{place:?}: median {ratio:.3} x ideal, {cpu:?} CPU in this process");
    let frames = frames.into_inner();
    println!("bytes of the frames of one run, {} in all: {frames:?}", frames.iter().sum::<usize>());
}

/// User and system time of this process, in steps of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// A directory to record in, on the disk that temporary files are on, and a key to seal to.
fn recording(state: &TempDir) -> Recording {
    let recipients = vec![age::x25519::Identity::generate().to_public().to_string()];
    Recording {
        state_dir: state.path().join("state"),
        kind: Kind::Real,
        escrow: EscrowSettings { recipients, recipients_file: None },
        profile: CleanText::new("bench"),
        actor: Actor::from_process(),
        #[cfg(debug_assertions)]
        syncs: true,
    }
}

/// The console with its list read, and its work.
struct Desk {
    app: App,
    view: View,
    screen: Screen<Vec<u8>>,
    /// The bytes of each frame since the start.
    frames: Vec<usize>,
    work: Work,
    /// Where it records; gone with the desk.
    _state: TempDir,
    reports: mpsc::Receiver<Report>,
    simulator: Server,
}

enum Server {
    Here { _simulator: Simulator },
    There(Child),
}

impl Drop for Server {
    fn drop(&mut self) {
        match self {
            Self::Here { .. } => {}
            Self::There(child) => {
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}

fn serve_here(runtime: &Runtime) -> (Server, String) {
    let spec = SimulatorSpec { world: WorldSpec::new(1_000, 1), latency: LATENCY, faults: FaultPlan::none() };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let simulator = runtime.block_on(Simulator::start(listen, spec)).expect("a simulator");
    let url = simulator.base_url();
    (Server::Here { _simulator: simulator }, url)
}

fn serve_there() -> (Server, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pindesk"))
        .args(["simulator", "--numbers", "1000", "--latency", "50"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let url = line.trim_end().trim_start_matches("listening on ").to_owned();
    (Server::There(child), url)
}

impl Desk {
    fn new(place: Where) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (simulator, url) = match place {
            Where::SameRuntime => serve_here(&runtime),
            Where::OwnProcess => serve_there(),
        };
        let wabas: Vec<_> = simulator::wabas().into_iter().map(Arc::new).collect();
        let session = Session {
            profile: Some("bench".to_owned()),
            place: Place::Test,
            read_only: false,
            user: "bench".to_owned(),
            host: "127.0.0.1".to_owned(),
            config_places: Vec::new(),
            token_place: String::new(),
            wabas: wabas.clone(),
            show_pin_for: None,
            may_suspend: false,
            bell: false,
            hide_after: None,
            start_note: None,
        };
        let (mut app, _) = App::start(session, Ok(()), Keymap::default(), Size { width: 120, height: 40 });
        let surroundings = Surroundings { term: Some("xterm".to_owned()), locale: None, no_color: false };
        let endpoint =
            Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
        let (report, reports) = mpsc::channel();
        let state = TempDir::new().expect("a directory");
        let sources = NumberSources { wabas, numbers: Vec::new() };
        let recording = recording(&state);
        let assignment = Assignment { endpoint, sources, concurrency: IN_FLIGHT, recording };
        let work = Work::start(runtime, assignment, Clock::System, move |said| {
            report.send(said).ok();
        })
        .expect("a thread");
        let token = AccessToken::parse(simulator::TOKEN).expect("a token");
        work.give(Order::UseCredentials(Credentials { token, app_secret: None }));
        let reading = 1;
        work.give(Order::ReadAll { reading });
        let (mut is_read, mut is_recorded) = (false, false);
        while !(is_read && is_recorded)
            && let Ok(Report::Happened(msg) | Report::Read(msg, _)) = reports.recv()
        {
            is_read |= matches!(msg, Msg::ListRead { .. });
            is_recorded |= matches!(msg, Msg::RecordsOpened { .. });
            app.update(msg, Clock::System.now());
        }
        app.settle();
        // What answered the lists is at rest again.
        thread::sleep(LATENCY);
        let view = View::new(Theme::new(&surroundings, None));
        let screen = Screen::new(Vec::new(), Abilities::FULL);
        let mut desk = Self { app, view, screen, frames: Vec::new(), work, _state: state, reports, simulator };
        desk.draw();
        desk.frames.clear();
        desk
    }

    fn set_all(&mut self) {
        for n in 1..=NUMBERS {
            let pin = Pin::parse(format!("{:06}", n * 7_919 % 1_000_000).as_bytes()).expect("a PIN");
            self.work.give(Order::Set {
                number: id(n),
                waba: None,
                before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
                pin,
            });
        }
        let (mut at_rest, mut last_frame, mut is_due) = (0, Instant::now(), false);
        while at_rest < NUMBERS {
            let report = if is_due {
                self.reports.recv_timeout((last_frame + PROGRESS_FRAME).saturating_duration_since(Instant::now())).ok()
            } else {
                self.reports.recv().ok()
            };
            match report {
                Some(Report::ProgressWaiting) => {
                    let news = self.work.progress();
                    at_rest += news.iter().map(|progress| u64::from(!progress.state.is_running())).sum::<u64>();
                    // The reads that would follow are not asked for: it is the setting that is measured.
                    self.app.update(Msg::JobsMoved(news), Clock::System.now());
                    is_due = true;
                }
                Some(Report::Happened(msg) | Report::Read(msg, _)) => drop(self.app.update(msg, Clock::System.now())),
                None => {}
            }
            if is_due && last_frame.elapsed() >= PROGRESS_FRAME {
                (last_frame, is_due) = (Instant::now(), false);
                self.draw();
            }
        }
        self.draw();
        divan::black_box(&self.simulator);
    }

    fn draw(&mut self) {
        self.app.settle();
        let (app, view, now) = (&self.app, &mut self.view, Instant::now());
        let size = ratatui::layout::Size::new(120, 40);
        let drawn = self.screen.draw(size, |buffer, area| view.paint(app, now, buffer, area).cursor);
        drawn.expect("memory takes all bytes");
        self.frames.push(std::mem::take(self.screen.out()).len());
    }
}
