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

use super::input::Parser;

/// A terminal hands out no more than this at once.
const MAX_READ: usize = 4096;

/// Held by whoever reads the terminal: by this module for one read, by another program for as long as it has the terminal.
static READING: Mutex<()> = Mutex::new(());

/// Leaves what is typed to somebody else, until the guard is dropped: a passphrase is no key of ours.
pub(super) fn pause() -> MutexGuard<'static, ()> {
    READING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the terminal's events.
#[derive(Debug)]
pub struct Events {
    resizes: UnixStream,
    parser: Parser,
    waiting: VecDeque<Event>,
}

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What `poll` found.
struct Ready {
    is_gone: bool,
    has_keys: bool,
    is_resized: bool,
}

impl Events {
    /// Listens from now on. Made before the first frame, no change of size after that frame is missed.
    ///
    /// # Errors
    /// When the signal of a resize cannot be caught.
    pub fn listen() -> io::Result<Self> {
        let (resizes, write) = UnixStream::pair()?;
        resizes.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGWINCH, write)?;
        Ok(Self { resizes, parser: Parser::new(), waiting: VecDeque::new() })
    }

    /// Waits for the next event; `None` once the terminal is gone. After a resize, the size is a question
    /// for the next frame: the event does not tell it.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn wait(&mut self) -> io::Result<Option<Event>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            if self.look(None)?.is_gone {
                return Ok(None);
            }
        }
    }

    /// The next event, if it has come already: what was read in one go belongs together.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn next_waiting(&mut self) -> io::Result<Option<Event>> {
        if self.waiting.is_empty() {
            self.look(Some(&NOW))?;
        }
        Ok(self.waiting.pop_front())
    }

    /// Takes in what there is, or what comes first.
    fn look(&mut self, patience: Option<&Timespec>) -> io::Result<Ready> {
        let mut ready = self.poll(patience)?;
        if ready.is_resized {
            self.forget_resizes();
            self.waiting.push_back(Event::Resize(0, 0));
        }
        if ready.has_keys && !ready.is_gone {
            ready.is_gone = !self.read()?;
        }
        Ok(ready)
    }

    /// Reads once; false at the end.
    fn read(&mut self) -> io::Result<bool> {
        let _reading = pause();
        if !self.poll(Some(&NOW))?.has_keys {
            // Somebody else had the terminal meanwhile, and has read it.
            return Ok(true);
        }
        let mut bytes = [0; MAX_READ];
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
        self.waiting.extend(events);
        Ok(count > 0)
    }

    fn poll(&self, timeout: Option<&Timespec>) -> io::Result<Ready> {
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.resizes, PollFlags::IN)];
        match rustix::event::poll(&mut fds, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let terminal = fds[0].revents();
        Ok(Ready {
            is_gone: terminal.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
            has_keys: terminal.contains(PollFlags::IN),
            is_resized: !fds[1].revents().is_empty(),
        })
    }

    /// Many signals are one resize.
    fn forget_resizes(&mut self) {
        let mut bytes = [0; 64];
        while self.resizes.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
