//! The loop: wait, update, perform, drain what is queued, draw once.
//!
//! It waits on one channel, or until something on the screen changes by itself, and on nothing else: there is no tick.
//! It owns the terminal; keys come from a thread of their own, the network's answers from the work's thread, and the
//! end may come from the watch's thread while this one hangs in a write.

mod shutdown;
mod perform;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::Event as TerminalEvent;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::shutdown::TempDirGuard;
use super::app::{App, Msg, Session, Size};
use super::input::decoder::{Decoder, InputEvent};
use super::input::keymap::Keymap;
use super::terminal::{Capabilities, EnterError, EventReader, Terminal, WatchError};
use super::theme::Theme;
use super::view::{PaintResult, View};
use super::worker::{WorkCommand, WorkerConfig, WorkerHandle, WorkerReport};
use crate::config::endpoint::Credentials;
use crate::domain::clock::{Clock, TimePoint};

/// Events taken in before a frame is drawn: a flood of them must not keep the screen from answering.
const MAX_EVENTS_PER_FRAME: usize = 4_096;

/// News from the work draw at most this often, so that a storm of progress costs a slow line little. Keys draw at once.
const PROGRESS_FRAME_INTERVAL: Duration = Duration::from_millis(250);

/// Sizes come in bursts while a window is dragged; the frame waits for the last one.
const RESIZE_DEBOUNCE: Duration = Duration::from_millis(30);

/// Reads the access token from its source. The screen is away meanwhile if the source may ask for something.
pub struct TokenReader {
    /// True if a command is run, which may want the terminal.
    pub may_prompt: bool,
    /// Reads it; the error is for people.
    pub read: Box<dyn Fn() -> Result<Credentials, String> + Send>,
}

/// Everything the console is started with.
pub struct ConsoleSetup {
    /// Whom it works for.
    pub session: Session,
    /// The keys in force.
    pub keymap: Keymap,
    /// The looks.
    pub theme: Theme,
    /// What the terminal can do.
    pub capabilities: Capabilities,
    /// How long an Esc is held back, as it may be the head of a cut-off key.
    pub escape_timeout: Duration,
    /// The access token, or why there is none, in words for people.
    pub credentials: Result<Credentials, String>,
    /// Where it is read again from.
    pub token_reader: TokenReader,
    /// Whom to talk to; `None` without a config.
    pub worker_config: Option<WorkerConfig>,
    /// A directory that goes when the console ends, on every way out.
    pub temp_dir: Option<TempDir>,
    /// The runtime for the work's thread.
    pub runtime: Runtime,
    /// Fails after the first frame: the terminal has to be given back even then.
    #[cfg(debug_assertions)]
    pub panics_after_start: bool,
}

/// How the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleExit {
    /// The operator quit.
    Quit,
    /// The operator quit, and some of what was done is recorded nowhere: the journal took nothing more.
    QuitWithLostRecords,
    /// The operator wants the demo.
    OpenDemo,
    /// The terminal took no bytes any more.
    TerminalLost,
}

/// The console could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleStartError {
    /// The terminal could not be taken.
    #[error(transparent)]
    Terminal(#[from] EnterError),
    /// Signals could not be watched for.
    #[error(transparent)]
    Signals(#[from] WatchError),
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

enum RuntimeEvent {
    /// What came in one go, with the instants of arrival. Taken apart, a paste would look like single keys.
    Terminal(Vec<(TerminalEvent, Instant)>),
    Report(WorkerReport),
    InputClosed,
    TerminationRequested,
    /// Somebody else stops the program, as Ctrl-Z would.
    SuspendRequested,
}

/// Runs the console until it ends. On a signal the process ends from within, with the signal's exit code.
///
/// # Errors
/// When the terminal cannot be taken, or the system gives no threads.
///
/// # Panics
/// When [`Setup::panics_after_start`] asks for it.
pub fn run(setup: ConsoleSetup) -> Result<ConsoleExit, ConsoleStartError> {
    let (events, inbox) = mpsc::channel();
    // Before the first frame, so that no change of size after it is missed.
    let keys = EventReader::listen().map_err(ConsoleStartError::Thread)?;
    // Before the terminal is taken, so that no signal finds it taken and nobody to give it back.
    let at_work = Arc::new(OnceLock::new());
    let temporary = TempDirGuard::new(setup.temp_dir);
    let is_told_to_end = shutdown::watch_signals(Arc::clone(&at_work), temporary.handle(), events.clone())?;
    let terminal = Terminal::enter(setup.capabilities)?;
    let size = terminal_size(&terminal);
    let token = setup.credentials.as_ref().map(drop).map_err(Clone::clone);
    let (app, first) = App::start(setup.session, token, setup.keymap, size);
    let mut console = ConsoleRuntime {
        app,
        view: View::new(setup.theme),
        terminal,
        decoder: Decoder::new(setup.escape_timeout),
        worker: None,
        token_reader: setup.token_reader,
        clock: Clock::System,
        exit: None,
        is_termination_requested: is_told_to_end,
        is_shutting_down: false,
        has_lost_records: false,
        last_progress_frame: None,
    };
    // The first frame needs no network, no TLS roots and no answer from the terminal.
    console.draw();
    #[cfg(debug_assertions)]
    assert!(!setup.panics_after_start, "asked to panic after the start");
    if let Some(assignment) = setup.worker_config {
        let report = {
            let events = events.clone();
            move |report| {
                events.send(RuntimeEvent::Report(report)).ok();
            }
        };
        let work =
            WorkerHandle::start(setup.runtime, assignment, Clock::System, report).map_err(ConsoleStartError::Thread)?;
        if let Ok(credentials) = setup.credentials {
            work.send(WorkCommand::UseCredentials(credentials));
        }
        console.worker = Some(at_work.get_or_init(|| work).clone());
    }
    spawn_input_thread(keys, events).map_err(ConsoleStartError::Thread)?;
    console.perform(first);
    let ended = console.run(&inbox);
    // Before the terminal is given back: it may be dead, and a write to it must not come before the journal is safe.
    shutdown::close_worker(at_work.get());
    Ok(match ended {
        ConsoleExit::Quit if console.has_lost_records => ConsoleExit::QuitWithLostRecords,
        ConsoleExit::Quit | ConsoleExit::QuitWithLostRecords | ConsoleExit::OpenDemo | ConsoleExit::TerminalLost => {
            ended
        }
    })
}

/// Starts the thread that reads keys. It is never joined: it ends with the process.
fn spawn_input_thread(mut keys: EventReader, events: Sender<RuntimeEvent>) -> std::io::Result<()> {
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(Some(event)) = keys.next_event() {
            let mut typed = vec![(event, Instant::now())];
            while typed.len() < MAX_EVENTS_PER_FRAME
                && let Ok(Some(event)) = keys.try_next_event()
            {
                typed.push((event, Instant::now()));
            }
            if events.send(RuntimeEvent::Terminal(typed)).is_err() {
                return;
            }
        }
        events.send(RuntimeEvent::InputClosed).ok();
    })?;
    Ok(())
}

fn terminal_size(terminal: &Terminal) -> Size {
    let size = terminal.size();
    Size { width: size.width, height: size.height }
}

struct ConsoleRuntime {
    app: App,
    view: View,
    terminal: Terminal,
    decoder: Decoder,
    worker: Option<WorkerHandle>,
    token_reader: TokenReader,
    clock: Clock,
    exit: Option<ConsoleExit>,
    /// Known before the event that says so arrives: a stopped program must not stop again.
    is_termination_requested: Arc<AtomicBool>,
    /// The process is about to end: keys no longer count.
    is_shutting_down: bool,
    /// The journal took nothing more while the program ran.
    has_lost_records: bool,
    last_progress_frame: Option<Instant>,
}

/// What a round of events asks of the screen.
#[derive(Default)]
struct RedrawRequest {
    is_immediate: bool,
    has_updates: bool,
    has_resize: bool,
}

impl ConsoleRuntime {
    fn run(&mut self, inbox: &Receiver<RuntimeEvent>) -> ConsoleExit {
        let mut frame_due: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let change = self.app.next_wake(now);
            let wake = [change, self.decoder.deadline(), frame_due].into_iter().flatten().min();
            let Some(mut round) = self.receive_events(inbox, wake) else { return ConsoleExit::TerminalLost };
            if let Some(ended) = self.exit {
                return ended;
            }
            let now = Instant::now();
            if change.is_some_and(|change| change <= now) {
                round.is_immediate = true;
                self.update(Msg::TimerFired, self.clock.at(now));
            }
            frame_due = self.next_frame(&round, frame_due, now);
            if frame_due.is_some_and(|due| due <= now) {
                frame_due = None;
                if round.has_updates && !round.is_immediate {
                    self.last_progress_frame = Some(now);
                }
                self.draw();
                if let Some(ended) = self.exit {
                    return ended;
                }
            }
        }
    }

    /// When the next frame is to be drawn: at once for a key, later for news and while a window is being dragged.
    fn next_frame(&self, round: &RedrawRequest, due: Option<Instant>, now: Instant) -> Option<Instant> {
        let for_news = || self.last_progress_frame.map_or(now, |last| (last + PROGRESS_FRAME_INTERVAL).max(now));
        let asked = if round.has_resize {
            return Some(now + RESIZE_DEBOUNCE);
        } else if round.is_immediate {
            Some(now)
        } else if round.has_updates {
            Some(for_news())
        } else {
            None
        };
        due.into_iter().chain(asked).min()
    }

    /// Waits for events, or until `wake`, and takes in all that wait. `None` if nobody can send any more.
    fn receive_events(&mut self, inbox: &Receiver<RuntimeEvent>, wake: Option<Instant>) -> Option<RedrawRequest> {
        let mut round = RedrawRequest::default();
        let first = match wake {
            None => Some(inbox.recv().ok()?),
            Some(wake) => match inbox.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        let mut typed = Vec::new();
        for event in first.into_iter().chain(inbox.try_iter().take(MAX_EVENTS_PER_FRAME)) {
            match event {
                RuntimeEvent::Terminal(events) => typed.extend(events),
                RuntimeEvent::Report(WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _)) => {
                    round.has_updates = true;
                    self.has_lost_records |= matches!(msg, Msg::JournalFailed(_));
                    self.update(msg, self.clock.now());
                }
                RuntimeEvent::Report(WorkerReport::ProgressReady) => {
                    round.has_updates = true;
                    let news = self.worker.as_ref().map(WorkerHandle::take_progress).unwrap_or_default();
                    self.update(Msg::ProgressReceived(news), self.clock.now());
                }
                RuntimeEvent::InputClosed => self.exit = Some(ConsoleExit::TerminalLost),
                RuntimeEvent::TerminationRequested => {
                    self.is_shutting_down = true;
                    round.is_immediate = true;
                    self.update(Msg::TerminationRequested, self.clock.now());
                }
                RuntimeEvent::SuspendRequested if self.is_shutting_down => {}
                RuntimeEvent::SuspendRequested => self.suspend(),
            }
        }
        self.handle_input(typed, &mut round);
        Some(round)
    }

    fn handle_input(&mut self, typed: Vec<(TerminalEvent, Instant)>, round: &mut RedrawRequest) {
        let mut inputs = Vec::new();
        let app = &self.app;
        self.decoder.set_strict_mode(app.is_single_key_prompt());
        self.decoder.feed(typed, |key| app.accepts_typed_ahead(key), &mut inputs);
        self.decoder.expire(Instant::now(), &mut inputs);
        for (input, at) in inputs {
            let msg = match input {
                InputEvent::Key(key) => Msg::KeyPressed(key),
                InputEvent::Paste(paste) => Msg::Pasted(paste),
                InputEvent::Resized => {
                    // Even if the size is the old one again: on the way there the terminal has cut off what did not fit.
                    self.terminal.invalidate();
                    round.has_resize = true;
                    continue;
                }
            };
            if !self.is_shutting_down {
                round.is_immediate = true;
                self.update(msg, self.clock.at(at));
            }
        }
    }

    fn update(&mut self, msg: Msg, now: TimePoint) {
        let effects = self.app.update(msg, now);
        self.perform(effects);
    }

    fn draw(&mut self) {
        let size = terminal_size(&self.terminal);
        if size != self.app.size() {
            self.update(Msg::Resized(size), self.clock.now());
        }
        self.app.apply_list_updates();
        let (app, view, now) = (&self.app, &mut self.view, Instant::now());
        let mut painted = PaintResult::default();
        let drawn = self.terminal.draw(|buffer, area| {
            painted = view.paint(app, now, buffer, area);
            painted.cursor
        });
        if drawn.is_err() {
            self.exit = Some(ConsoleExit::TerminalLost);
            return;
        }
        // Only now has the operator had a chance to see what a confirmation asks.
        let shown = self.clock.now();
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, shown);
    }
}
