//! Reads the events of the terminal, one after the other, on a thread that does nothing else.
//!
//! It reads only if input is available, because a terminal that hung up reports end of file again and again. It does
//! not use crossterm's reader, which keeps input beyond 1,024 bytes until the next key: an old key would then arrive as
//! if it were new. It does not interpret events: the decoder does.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::SIGWINCH;
use zeroize::Zeroize as _;

use crate::console::input::parser::Parser;

/// A terminal returns at most this much in one read.
const MAX_READ_BYTES: usize = 4096;

/// Held by the reader of the terminal: this module holds it for one read, another program while it uses the terminal.
static READ_LOCK: Mutex<()> = Mutex::new(());

/// Stops reading until the guard is dropped, so that another program gets the input: it may be a passphrase.
pub(super) fn pause_reading() -> MutexGuard<'static, ()> {
    READ_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the terminal's events.
#[derive(Debug)]
pub struct EventReader {
    resize_signals: UnixStream,
    parser: Parser,
    pending: VecDeque<Event>,
}

const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What `poll` found.
struct Readiness {
    is_hung_up: bool,
    has_input: bool,
    is_resized: bool,
}

impl EventReader {
    /// Starts to catch resizes. Call it before the first frame, so that no resize after that frame is missed.
    ///
    /// # Errors
    /// The resize signal cannot be caught.
    pub fn listen() -> io::Result<Self> {
        let (resize_signals, sender) = UnixStream::pair()?;
        resize_signals.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGWINCH, sender)?;
        Ok(Self { resize_signals, parser: Parser::new(), pending: VecDeque::new() })
    }

    /// Waits for the next event; `None` after the terminal hung up. A resize event does not contain the size: the next
    /// frame reads it.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn next_event(&mut self) -> io::Result<Option<Event>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            if self.poll_and_read(None)?.is_hung_up {
                return Ok(None);
            }
        }
    }

    /// The next event, if one is available: the events of one read belong together.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn try_next_event(&mut self) -> io::Result<Option<Event>> {
        if self.pending.is_empty() {
            self.poll_and_read(Some(&NO_WAIT))?;
        }
        Ok(self.pending.pop_front())
    }

    /// Waits at most `timeout` (`None` for no limit), and queues the events of one read.
    fn poll_and_read(&mut self, timeout: Option<&Timespec>) -> io::Result<Readiness> {
        let mut ready = self.poll(timeout)?;
        if ready.is_resized {
            self.drain_resize_signals();
            self.pending.push_back(Event::Resize(0, 0));
        }
        if ready.has_input && !ready.is_hung_up {
            ready.is_hung_up = !self.read()?;
        }
        Ok(ready)
    }

    /// Reads once. Returns false at the end of the input.
    fn read(&mut self) -> io::Result<bool> {
        let _reading = pause_reading();
        if !self.poll(Some(&NO_WAIT))?.has_input {
            // Another program used the terminal, and has read the input.
            return Ok(true);
        }
        let mut bytes = [0; MAX_READ_BYTES];
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            Ok(count) => count,
            // Another process may have read the input, or made the shared descriptor non-blocking.
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let mut events = Vec::new();
        self.parser.feed(&bytes[..count], &mut events);
        // The bytes may contain a PIN.
        bytes.zeroize();
        self.pending.extend(events);
        Ok(count > 0)
    }

    fn poll(&self, timeout: Option<&Timespec>) -> io::Result<Readiness> {
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.resize_signals, PollFlags::IN)];
        match rustix::event::poll(&mut fds, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let terminal = fds[0].revents();
        Ok(Readiness {
            is_hung_up: terminal.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
            has_input: terminal.contains(PollFlags::IN),
            is_resized: !fds[1].revents().is_empty(),
        })
    }

    /// Removes all resize signals: many signals are one resize.
    fn drain_resize_signals(&mut self) {
        let mut bytes = [0; 64];
        while self.resize_signals.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
