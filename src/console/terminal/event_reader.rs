//! The events of the terminal, one after the other, for a thread that does nothing else.
//!
//! It reads what there is, and only then: asked after a hang-up, a terminal answers for ever. Not crossterm's reader: that
//! one leaves what goes beyond 1,024 bytes lying until the next key, so that a key typed long ago would arrive as if it were
//! new. What an event means is the decoder's.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::SIGWINCH;
use zeroize::Zeroize as _;

use crate::console::input::parser::Parser;

/// A terminal hands out no more than this at once.
const MAX_READ_BYTES: usize = 4096;

/// Held by whoever reads the terminal: by this module for one read, by another program for as long as it has the terminal.
static READ_LOCK: Mutex<()> = Mutex::new(());

/// Leaves what is typed to somebody else, until the guard is dropped: a passphrase is no key of ours.
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
    /// Listens from now on. Made before the first frame, no change of size after that frame is missed.
    ///
    /// # Errors
    /// When the signal of a resize cannot be caught.
    pub fn listen() -> io::Result<Self> {
        let (resizes, write) = UnixStream::pair()?;
        resizes.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGWINCH, write)?;
        Ok(Self { resize_signals: resizes, parser: Parser::new(), pending: VecDeque::new() })
    }

    /// Waits for the next event; `None` once the terminal is gone. After a resize, the size is a question
    /// for the next frame: the event does not tell it.
    ///
    /// # Errors
    /// When the terminal cannot be read.
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

    /// The next event, if it has come already: what was read in one go belongs together.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn try_next_event(&mut self) -> io::Result<Option<Event>> {
        if self.pending.is_empty() {
            self.poll_and_read(Some(&NO_WAIT))?;
        }
        Ok(self.pending.pop_front())
    }

    /// Takes in what there is, or what comes first.
    fn poll_and_read(&mut self, patience: Option<&Timespec>) -> io::Result<Readiness> {
        let mut ready = self.poll(patience)?;
        if ready.is_resized {
            self.drain_resize_signals();
            self.pending.push_back(Event::Resize(0, 0));
        }
        if ready.has_input && !ready.is_hung_up {
            ready.is_hung_up = !self.read()?;
        }
        Ok(ready)
    }

    /// Reads once; false at the end.
    fn read(&mut self) -> io::Result<bool> {
        let _reading = pause_reading();
        if !self.poll(Some(&NO_WAIT))?.has_input {
            // Somebody else had the terminal meanwhile, and has read it.
            return Ok(true);
        }
        let mut bytes = [0; MAX_READ_BYTES];
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            Ok(count) => count,
            // Someone else may have read it, or made the shared descriptor non-blocking.
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let mut events = Vec::new();
        self.parser.feed(&bytes[..count], &mut events);
        // It may have been a PIN.
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

    /// Many signals are one resize.
    fn drain_resize_signals(&mut self) {
        let mut bytes = [0; 64];
        while self.resize_signals.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
