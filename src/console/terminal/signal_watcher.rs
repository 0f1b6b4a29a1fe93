//! Watches for signals and for a hang-up of the terminal, on its own thread, and reports that the program must end or
//! suspend.
//!
//! The thread sleeps in `poll(2)` and wakes only for these. It makes one decision itself: a second termination signal
//! ends the process at once. It does not read keys: it checks the terminal only for a hang-up.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGHUP, SIGTSTP};

use super::restore;
use crate::process;

/// The signal that ends the program. SIGHUP also represents a terminal that hung up without a signal.
///
/// In raw mode Ctrl-C is a key, so SIGINT comes from another process. Every signal that ends a process is watched,
/// because otherwise the process would end without restoring the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminationSignal(i32);

impl TerminationSignal {
    const HANG_UP: Self = Self(SIGHUP);

    /// The exit code: 128 plus the number of the signal.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        128 + self.0
    }
}

/// The signal watcher could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch for signals")]
pub struct WatchError(#[source] io::Error);

/// The watched signals, and the terminal.
#[derive(Debug)]
pub struct SignalWatcher {
    signals: Vec<(TerminationSignal, UnixStream)>,
    /// SIGTSTP, unless the process ignores it.
    suspend_signals: Option<UnixStream>,
    terminal: Option<OwnedFd>,
}

impl SignalWatcher {
    /// Starts the thread, before or after the terminal was entered. It runs until the process ends.
    ///
    /// The thread calls `on_suspend` if another process asks the program to suspend, as Ctrl-Z does. `on_suspend` must
    /// return soon. The caught signal does not suspend the process by itself: it would keep the terminal and its locks.
    ///
    /// The thread calls `on_termination` once, with the first reason to end. It must return soon, or end the process
    /// with `super::restore_and_exit()`: the main thread may be blocked in a write to a terminal that stopped reading,
    /// so a message to it is not enough. After that call, another signal restores the terminal and ends the process at
    /// once. A hang-up does not, because it accompanies other signals.
    ///
    /// # Errors
    /// The signals cannot be caught, or the thread cannot be started.
    pub fn start(
        on_suspend: impl Fn() + Send + 'static,
        on_termination: impl FnOnce(TerminationSignal) + Send + 'static,
    ) -> Result<(), WatchError> {
        let watcher = Self::register_signals().map_err(WatchError)?;
        thread::Builder::new()
            .name("watch".into())
            .spawn(move || watcher.run(on_suspend, on_termination))
            .map_err(WatchError)?;
        Ok(())
    }

    fn register_signals() -> io::Result<Self> {
        let unused_signals = process::UNUSED_FATAL_SIGNALS.into_iter().filter(|signal| !process::is_ignored(*signal));
        let mut signals = Vec::new();
        for signal in process::TERMINATION_SIGNALS.into_iter().chain(unused_signals) {
            signals.push((TerminationSignal(signal), register_signal(signal)?));
        }
        let suspend_signals = process::can_suspend().then(|| register_signal(SIGTSTP)).transpose()?;
        // A hang-up can come without a signal (nohup), and SIGHUP can come without a hang-up.
        let stdin = rustix::stdio::stdin();
        let terminal = rustix::termios::isatty(stdin).then(|| stdin.try_clone_to_owned()).transpose()?;
        Ok(Self { signals, suspend_signals, terminal })
    }

    fn run(mut self, on_suspend: impl Fn(), on_termination: impl FnOnce(TerminationSignal)) {
        let mut on_termination = Some(on_termination);
        loop {
            let signals = self.wait_for_signals();
            if self.suspend_signals.as_mut().is_some_and(|stream| drain_signals(stream) > 0) {
                on_suspend();
            }
            for signal in signals {
                if let Some(on_termination) = on_termination.take() {
                    on_termination(signal);
                } else if signal != TerminationSignal::HANG_UP {
                    restore::restore_and_exit(signal.exit_code());
                }
            }
        }
    }

    /// Sleeps until a watched signal or a hang-up arrives. It reports a hang-up once, because `poll` would return again
    /// and again.
    fn wait_for_signals(&mut self) -> Vec<TerminationSignal> {
        let mut fds: Vec<PollFd<'_>> =
            self.signals.iter().map(|(_, stream)| PollFd::new(stream, PollFlags::IN)).collect();
        fds.extend(self.suspend_signals.iter().map(|stream| PollFd::new(stream, PollFlags::IN)));
        // No requested events: poll always reports POLLHUP and POLLERR, and keys belong to the event reader.
        fds.extend(self.terminal.iter().map(|terminal| PollFd::new(terminal, PollFlags::empty())));
        match rustix::event::poll(&mut fds, None) {
            Ok(_) => {}
            Err(_interrupted) => return Vec::new(),
        }
        let terminal_index = self.signals.len() + usize::from(self.suspend_signals.is_some());
        let is_hung_up = fds.get(terminal_index).is_some_and(|terminal| !terminal.revents().is_empty());
        let mut arrived = Vec::new();
        for (signal, stream) in &mut self.signals {
            // One byte per signal: two SIGTERMs that arrived together are still two.
            arrived.extend(std::iter::repeat_n(*signal, drain_signals(stream)));
        }
        if is_hung_up {
            self.terminal = None;
            arrived.push(TerminationSignal::HANG_UP);
        }
        arrived
    }
}

/// Returns a stream that gets one byte for each signal from now on.
fn register_signal(signal: i32) -> io::Result<UnixStream> {
    let (stream, sender) = UnixStream::pair()?;
    stream.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal, sender)?;
    Ok(stream)
}

/// Removes the pending bytes and returns how many there were.
fn drain_signals(stream: &mut UnixStream) -> usize {
    stream.read(&mut [0; 64]).unwrap_or(0)
}
