//! Reads what is typed, and catches resizes, on a thread that does nothing else but sleep in `poll(2)`.
//!
//! It reads only if input is available, because a terminal that hung up reports end of file again and again. It does
//! not interpret the bytes: the decoder does.
//!
//! It does not use crossterm's reader (0.29), which failed with both of its event sources. One polls in vain, blocks in
//! `read(2)` after a lone `ESC [` whatever the timeout, spins after a hang-up, turns unknown sequences into keys
//! (`ESC [ > 0 q` into `0` and `q`), lets `ESC [ ? 2026 ; 2 $ y` swallow all later keys, and keeps a typed PIN in
//! statics. The other keeps input beyond 1,024 bytes until the next key: an old key would then arrive as if it were new.
//!
//! A lock pauses reading, not a pipe: the terminal may be released only after the current read, so a pipe would need a
//! second one for the answer, and a thread that always answers.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::SIGWINCH;
use zeroize::Zeroizing;

/// More than a terminal returns in one read.
const MAX_READ_BYTES: usize = 4096;

const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Held by the reader of the terminal: this module holds it for one read, another program while it uses the terminal.
static READ_LOCK: Mutex<()> = Mutex::new(());

/// Stops reading until the guard is dropped, so that another program gets the input: it may be a passphrase.
pub(super) fn pause_reading() -> MutexGuard<'static, ()> {
    READ_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What came from the terminal.
pub enum TerminalInput {
    /// The bytes that were available, and when they were read. They may contain a PIN, so they are wiped on drop.
    Bytes(Zeroizing<Vec<u8>>, Instant),
    /// The window was resized. The next frame reads its size.
    Resized,
}

/// Reads the terminal.
#[derive(Debug)]
pub struct InputReader {
    resize_signals: UnixStream,
}

/// What `poll` found.
struct Readiness {
    is_hung_up: bool,
    has_input: bool,
    is_resized: bool,
}

impl InputReader {
    /// Starts to catch resizes. Call it before the first frame, so that no resize after that frame is missed.
    ///
    /// # Errors
    /// The resize signal cannot be caught.
    pub fn listen() -> io::Result<Self> {
        let (resize_signals, sender) = UnixStream::pair()?;
        resize_signals.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGWINCH, sender)?;
        Ok(Self { resize_signals })
    }

    /// Waits for the next input; `None` after the terminal hung up.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn next_input(&mut self) -> io::Result<Option<TerminalInput>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_READ_BYTES));
        loop {
            let ready = self.poll(None)?;
            if ready.is_resized {
                self.drain_resize_signals();
                return Ok(Some(TerminalInput::Resized));
            }
            if ready.is_hung_up || (ready.has_input && !self.read(&mut bytes)?) {
                return Ok(None);
            }
            if !bytes.is_empty() {
                return Ok(Some(TerminalInput::Bytes(bytes, Instant::now())));
            }
        }
    }

    /// Appends what is available: bytes that arrived together belong together. Returns false at the end of the input.
    fn read(&self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let _reading = pause_reading();
        // After a pause, the other program has read the input.
        while bytes.len() < MAX_READ_BYTES && self.poll(Some(&NO_WAIT))?.has_input {
            // Reading into the capacity never grows the buffer, which would leave a copy in memory.
            match rustix::io::read(rustix::stdio::stdin(), rustix::buffer::spare_capacity(bytes)) {
                Ok(0) => return Ok(!bytes.is_empty()),
                Ok(_) => {}
                // Another process may have read the input, or made the shared descriptor non-blocking.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
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
