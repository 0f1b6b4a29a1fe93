//! The loop: wait, update, perform, drain what is queued, draw once.
//!
//! It waits on one channel, or until something on the screen changes by itself, and on nothing else: there is no tick.
//! It owns the terminal. Keys come from a thread of their own, replies from the worker's thread, and the signal watcher
//! may end the process while this thread hangs in a write.

mod frame_times;
mod shutdown;
mod perform;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use self::frame_times::{FrameTimes, RedrawRequest};
use self::shutdown::TempDirGuard;
use super::app::{App, Msg};
use super::input::decoder::{Decoder, InputEvent};
use super::input::keymap::Keymap;
use super::shared::{Session, Size};
use super::terminal::{Capabilities, EnterError, InputReader, Terminal, TerminalInput, WatchError};
use super::theme::Theme;
use super::view::{PaintResult, View};
use super::worker::{WorkerConfig, WorkerHandle, WorkerReport};
use crate::config::endpoint::Credentials;
use crate::domain::clock::{Clock, TimePoint};

/// How many events are handled before a frame is drawn, so that a flood of them does not keep the screen from
/// responding.
const MAX_EVENTS_PER_FRAME: usize = 4_096;

/// Reads the access token from its source. The terminal is released meanwhile if the source may prompt.
pub struct TokenReader {
    /// True if the source is a command, which may prompt.
    pub may_prompt: bool,
    /// Reads the token. The error is for people.
    pub read: Box<dyn Fn() -> Result<Credentials, String> + Send>,
}

/// Everything that the console starts with.
pub struct ConsoleSetup {
    /// The session.
    pub session: Session,
    /// The active keys.
    pub keymap: Keymap,
    /// Colors and glyphs.
    pub theme: Theme,
    /// What the terminal can do.
    pub capabilities: Capabilities,
    /// How long an Esc is held back, because it may begin an escape sequence.
    pub escape_timeout: Duration,
    /// The access token, or why there is none, in words for people.
    pub credentials: Result<Credentials, String>,
    /// Reads the access token again.
    pub token_reader: TokenReader,
    /// What the worker works on; `None` without a config.
    pub worker_config: Option<WorkerConfig>,
    /// A directory that is removed when the console ends, however it ends.
    pub temp_dir: Option<TempDir>,
    /// The runtime for the worker's thread.
    pub runtime: Runtime,
    /// Panics after the first frame: the terminal must be restored even then.
    #[cfg(debug_assertions)]
    pub panics_after_start: bool,
}

/// How the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleExit {
    /// The operator quit.
    Quit {
        /// How many numbers are in doubt, and will be at the next start.
        in_doubt: usize,
        /// How many numbers have a last change that this console did not send.
        not_sent: usize,
    },
    /// The operator quit, and the journal has not recorded everything, because it failed.
    QuitWithLostRecords,
    /// The operator asked for the demo.
    OpenDemo,
    /// The terminal no longer accepts output.
    TerminalLost,
}

/// The console could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleStartError {
    /// The terminal could not be entered.
    #[error(transparent)]
    Terminal(#[from] EnterError),
    /// Signals could not be watched.
    #[error(transparent)]
    Signals(#[from] WatchError),
    /// The system refused a thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

enum RuntimeEvent {
    Terminal(TerminalInput),
    Report(WorkerReport),
    InputClosed,
    TerminationRequested,
    /// A signal suspends the program, as Ctrl-Z would.
    SuspendRequested,
}

/// Runs the console until it ends. On a signal the process exits from within, with the signal's exit code.
///
/// # Errors
/// When the terminal cannot be entered, or the system refuses threads.
///
/// # Panics
/// When [`ConsoleSetup::panics_after_start`] is set.
pub fn run(setup: ConsoleSetup) -> Result<ConsoleExit, ConsoleStartError> {
    let (events, inbox) = mpsc::channel();
    // Before the first frame, so that no later resize is missed.
    let keys = InputReader::listen().map_err(ConsoleStartError::Thread)?;
    // Before the terminal is entered, so that a signal always finds the watcher that restores it.
    let worker_cell = Arc::new(OnceLock::new());
    let temporary = TempDirGuard::new(setup.temp_dir);
    let is_termination_requested =
        shutdown::watch_signals(Arc::clone(&worker_cell), temporary.handle(), events.clone())?;
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
        is_termination_requested,
        is_shutting_down: false,
        has_lost_records: false,
        frame_times: FrameTimes::default(),
    };
    // The first frame needs no network, no TLS roots and no reply of the terminal.
    console.draw();
    #[cfg(debug_assertions)]
    assert!(!setup.panics_after_start, "asked to panic after the start");
    if let Some(worker_config) = setup.worker_config {
        let report = {
            let events = events.clone();
            move |report| {
                events.send(RuntimeEvent::Report(report)).ok();
            }
        };
        let work = WorkerHandle::start(setup.runtime, worker_config, Clock::System, report)
            .map_err(ConsoleStartError::Thread)?;
        if let Ok(credentials) = setup.credentials {
            work.use_credentials(credentials);
        }
        console.worker = Some(worker_cell.get_or_init(|| work).clone());
    }
    spawn_input_thread(keys, events).map_err(ConsoleStartError::Thread)?;
    console.perform(first);
    let ended = console.run(&inbox);
    // Before the terminal is restored: it may be dead, and the journal must be closed before a write to it.
    shutdown::close_worker(worker_cell.get());
    Ok(match ended {
        ConsoleExit::Quit { .. } if console.has_lost_records => ConsoleExit::QuitWithLostRecords,
        ConsoleExit::Quit { .. }
        | ConsoleExit::QuitWithLostRecords
        | ConsoleExit::OpenDemo
        | ConsoleExit::TerminalLost => ended,
    })
}

/// Starts the thread that reads keys. It is never joined: it ends with the process.
fn spawn_input_thread(mut keys: InputReader, events: Sender<RuntimeEvent>) -> std::io::Result<()> {
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(Some(input)) = keys.next_input() {
            if events.send(RuntimeEvent::Terminal(input)).is_err() {
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
    /// Set before the event arrives: a process that must end must not suspend again.
    is_termination_requested: Arc<AtomicBool>,
    /// The process is about to end, so keys no longer count.
    is_shutting_down: bool,
    /// The journal failed while the program ran.
    has_lost_records: bool,
    frame_times: FrameTimes,
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
                // Each of many numbers that wait has seconds of its own: they share the frames of the progress.
                round.has_updates = true;
                self.update(Msg::TimerFired, self.clock.at(now));
            }
            frame_due = self.frame_times.next_frame(&round, frame_due, now);
            if frame_due.is_some_and(|due| due <= now) {
                self.frame_times.frame_drawn(&round, now);
                let painted_at = self.draw();
                if let Some(ended) = self.exit {
                    return ended;
                }
                // A change whose time came while the frame was drawn has no timer left, and needs a frame now.
                let now = Instant::now();
                frame_due = self.app.next_wake(painted_at).is_some_and(|change| change <= now).then_some(now);
            }
        }
    }

    /// Waits for events, or until `wake`, and handles all that wait. `None` if no sender is left.
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
        // Decoded together: separated, a paste would look like single keys.
        let mut typed = Vec::new();
        for event in first.into_iter().chain(inbox.try_iter().take(MAX_EVENTS_PER_FRAME)) {
            match event {
                RuntimeEvent::Terminal(TerminalInput::Bytes(bytes, at)) => typed.push((bytes, at)),
                RuntimeEvent::Terminal(TerminalInput::Resized) => {
                    // Even if the size is the old one again: in between, the terminal has cut off what did not fit.
                    self.terminal.invalidate();
                    round.has_resize = true;
                }
                RuntimeEvent::Report(WorkerReport::Msg(msg) | WorkerReport::ThrottledMsg(msg, _)) => {
                    round.has_updates = true;
                    self.has_lost_records |= matches!(msg, Msg::JournalFailed(_));
                    self.update(msg, self.clock.now());
                }
                RuntimeEvent::Report(WorkerReport::ProgressReady) => {
                    round.has_updates = true;
                    let progress = self.worker.as_ref().map(WorkerHandle::take_progress).unwrap_or_default();
                    self.update(Msg::ProgressReceived(progress), self.clock.now());
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

    fn handle_input(&mut self, typed: Vec<(Zeroizing<Vec<u8>>, Instant)>, round: &mut RedrawRequest) {
        let mut inputs = Vec::new();
        let app = &self.app;
        self.decoder.set_strict_mode(app.is_single_key_prompt());
        self.decoder.feed(typed, |key| app.accepts_typed_ahead(key), &mut inputs);
        self.decoder.expire(Instant::now(), &mut inputs);
        for (input, at) in inputs {
            let msg = match input {
                InputEvent::Key(key) => Msg::KeyPressed(key),
                InputEvent::Paste(paste) => Msg::Pasted(paste),
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

    /// Draws a frame, and returns the time that it shows.
    fn draw(&mut self) -> Instant {
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
            return now;
        }
        // Only now could the operator see what a confirmation asks.
        let shown = self.clock.now();
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll }, shown);
        now
    }
}
