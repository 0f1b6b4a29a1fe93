//! The watch: one thread that learns from signals and from the terminal itself that the program must end, or stop.
//!
//! It sleeps in `poll(2)` and wakes only for these. It decides nothing but one thing: whoever asks twice
//! is not kept waiting. It reads no keys: it looks at the terminal for a hang-up only.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGHUP, SIGTSTP};

use super::restore;
use crate::process;

/// Why the program must end: a signal. That of a hang-up stands for a terminal that is gone without one as well.
///
/// Ctrl-C is a key in raw mode: SIGINT comes from outside. Whatever would end the process is watched for: else it would
/// end with the terminal still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminationSignal(i32);

impl TerminationSignal {
    const HANG_UP: Self = Self(SIGHUP);

    /// 128 and the number of the signal.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        128 + self.0
    }
}

/// The watch could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch for signals")]
pub struct WatchError(#[source] io::Error);

/// The signals watched for, and the terminal.
#[derive(Debug)]
pub struct SignalWatcher {
    signals: Vec<(TerminationSignal, UnixStream)>,
    /// SIGTSTP, unless it was to be ignored.
    suspend_signals: Option<UnixStream>,
    terminal: Option<OwnedFd>,
}

impl SignalWatcher {
    /// Starts the thread, before or after the terminal was entered. It goes on until the process ends.
    ///
    /// `on_stop` is called, on the watch's thread, when somebody asks the program to stop as Ctrl-Z does; it must return
    /// soon. Caught, the signal stops nothing by itself: the terminal would stay taken, and locks held.
    ///
    /// `on_ending` is called once, on the watch's thread, with the first reason to end. It must return soon,
    /// or end the process itself by `super::restore_and_exit()`: the main thread may hang in a write to a terminal that
    /// stopped reading, so a message to it alone is not enough. After that call, another signal
    /// gives the terminal back and ends the process at once; a hang-up does not, as it comes with and after
    /// other endings.
    ///
    /// # Errors
    /// When the signals cannot be caught or the thread cannot be started.
    pub fn start(
        on_stop: impl Fn() + Send + 'static,
        on_ending: impl FnOnce(TerminationSignal) + Send + 'static,
    ) -> Result<(), WatchError> {
        let watch = Self::register_signals().map_err(WatchError)?;
        thread::Builder::new().name("watch".into()).spawn(move || watch.run(on_stop, on_ending)).map_err(WatchError)?;
        Ok(())
    }

    fn register_signals() -> io::Result<Self> {
        let strays = process::UNUSED_FATAL_SIGNALS.into_iter().filter(|signal| !process::is_ignored(*signal));
        let mut signals = Vec::new();
        for signal in process::TERMINATION_SIGNALS.into_iter().chain(strays) {
            signals.push((TerminationSignal(signal), register_signal(signal)?));
        }
        let stops = process::can_suspend().then(|| register_signal(SIGTSTP)).transpose()?;
        // A hang-up need not bring a signal (nohup), and a signal need not mean a hang-up.
        let stdin = rustix::stdio::stdin();
        let terminal = rustix::termios::isatty(stdin).then(|| stdin.try_clone_to_owned()).transpose()?;
        Ok(Self { signals, suspend_signals: stops, terminal })
    }

    fn run(mut self, on_stop: impl Fn(), on_ending: impl FnOnce(TerminationSignal)) {
        let mut on_ending = Some(on_ending);
        loop {
            let endings = self.wait_for_signals();
            if self.suspend_signals.as_mut().is_some_and(|stops| drain_signals(stops) > 0) {
                on_stop();
            }
            for ending in endings {
                if let Some(on_ending) = on_ending.take() {
                    on_ending(ending);
                } else if ending != TerminationSignal::HANG_UP {
                    restore::restore_and_exit(ending.exit_code());
                }
            }
        }
    }

    /// Sleeps until there are endings. A hang-up of the terminal is told once: it would wake `poll` for ever.
    fn wait_for_signals(&mut self) -> Vec<TerminationSignal> {
        let mut fds: Vec<PollFd<'_>> = self.signals.iter().map(|(_, read)| PollFd::new(read, PollFlags::IN)).collect();
        fds.extend(self.suspend_signals.iter().map(|stops| PollFd::new(stops, PollFlags::IN)));
        // No events asked for: POLLHUP and POLLERR come unasked, and keys are not ours.
        fds.extend(self.terminal.iter().map(|terminal| PollFd::new(terminal, PollFlags::empty())));
        match rustix::event::poll(&mut fds, None) {
            Ok(_) => {}
            Err(_interrupted) => return Vec::new(),
        }
        let before_terminal = self.signals.len() + usize::from(self.suspend_signals.is_some());
        let is_hung_up = fds.get(before_terminal).is_some_and(|terminal| !terminal.revents().is_empty());
        let mut endings = Vec::new();
        for (ending, read) in &mut self.signals {
            // One byte a signal: two SIGTERMs that came together are still two.
            endings.extend(std::iter::repeat_n(*ending, drain_signals(read)));
        }
        if is_hung_up {
            self.terminal = None;
            endings.push(TerminationSignal::HANG_UP);
        }
        endings
    }
}

/// From now on, each such signal puts a byte into what is returned.
fn register_signal(signal: i32) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal, write)?;
    Ok(read)
}

/// How many bytes wait.
fn drain_signals(read: &mut UnixStream) -> usize {
    read.read(&mut [0; 64]).unwrap_or(0)
}
