//! The way out: gives the terminal back as it was found, once, from any thread.
//!
//! It must work while the main thread hangs in a write, after the terminal is gone, and inside a panic: so
//! it never waits for a terminal that does not read, takes no lock that a drawing thread holds, panics on
//! nothing and reports nothing. It does not decide when to leave.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios};

use super::Capabilities;
use crate::process;

/// How long a terminal may take to accept the farewell. Beyond that it has stopped reading, and only its
/// modes are put back.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(200);

/// The most panic texts kept until they can be shown.
const MAX_DEFERRED_PANICS: usize = 8;

/// What is needed to leave. Empty outside of the console.
static RESTORE_STATE: Mutex<Option<RestoreState>> = Mutex::new(None);

/// True while frames may be drawn. Apart from the lock, so that a thread about to draw needs none.
static IS_DRAWING: AtomicBool = AtomicBool::new(false);

/// Panics of threads that do not draw, kept until the screen is gone.
static DEFERRED_PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What is needed to leave.
#[derive(Debug)]
pub(super) struct RestoreState {
    pub(super) tty: Tty,
    pub(super) saved_modes: Termios,
    pub(super) capabilities: Capabilities,
    /// The thread that draws: its panic ends the console.
    pub(super) drawing_thread: ThreadId,
}

/// The terminal, opened a second time so that a write to it need not block.
#[derive(Debug, Clone)]
pub(super) struct Tty {
    fd: Arc<OwnedFd>,
}

impl Tty {
    /// Opens the terminal behind a descriptor anew: `O_NONBLOCK` on the descriptor itself would change it
    /// for the shell as well. Where that cannot be (a terminal of another user, a container without
    /// `/dev/pts`), the descriptor is shared.
    pub(super) fn reopen(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let named =
            rustix::termios::ttyname(fd, Vec::new()).and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
        let own = named.or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty()));
        Ok(Self { fd: Arc::new(own.map_or_else(|_| fd.try_clone_to_owned(), Ok)?) })
    }

    /// Writes what the terminal takes within the time given.
    pub(super) fn write_with_timeout(&self, mut bytes: &[u8], patience: Duration) {
        let deadline = Instant::now() + patience;
        while !bytes.is_empty() && is_writable(self.fd.as_fd(), deadline) {
            match rustix::io::write(&self.fd, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                    // Another thread may be inside a write to the same terminal: it says "writable", but is not.
                    thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return,
            }
        }
    }

    /// The present modes.
    pub(super) fn modes(&self) -> io::Result<Termios> {
        Ok(rustix::termios::tcgetattr(&self.fd)?)
    }

    /// Sets the modes at once.
    pub(super) fn set_modes(&self, modes: &Termios) -> io::Result<()> {
        loop {
            match rustix::termios::tcsetattr(&self.fd, OptionalActions::Now, modes) {
                Err(rustix::io::Errno::INTR) => {}
                other => return other.map_err(io::Error::from),
            }
        }
    }
}

fn is_writable(fd: BorrowedFd<'_>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let is_ready = matches!(rustix::event::poll(&mut fds, Some(&timeout)), Ok(1..));
    is_ready && !fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

/// Remembers how to leave; from here on [`restore`] does.
pub(super) fn arm(entered: RestoreState) {
    install_panic_hook();
    *RESTORE_STATE.lock().unwrap_or_else(PoisonError::into_inner) = Some(entered);
    IS_DRAWING.store(true, Ordering::SeqCst);
}

/// False once the terminal was given back: nothing may be drawn then.
pub(super) fn is_drawing() -> bool {
    IS_DRAWING.load(Ordering::SeqCst)
}

/// Gives the terminal back: erased, margins and looks reset, alternate screen left, cursor shown, paste off,
/// modes as before. Does nothing the second time. Any thread may call it; it waits at most some 200 ms.
pub fn restore() {
    IS_DRAWING.store(false, Ordering::SeqCst);
    // Held to the end: a second thread on its way to end the process waits until the terminal is right.
    let mut entered = RESTORE_STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(RestoreState { tty, saved_modes: before, capabilities: abilities, .. }) = entered.take() else { return };
    // Changing the modes of another job's terminal would stop this process instead of ending it.
    if process::is_in_foreground() {
        tty.write_with_timeout(leave_sequence(abilities).as_bytes(), LEAVE_TIMEOUT);
        // A terminal that is gone has no modes left to mind.
        drop(tty.set_modes(&before));
    }
    print_deferred_panics();
}

/// Gives the terminal back and ends the process. For the thread that watches for signals, while the main
/// thread may hang in a write.
pub fn restore_and_exit(code: i32) -> ! {
    restore();
    std::process::exit(code)
}

fn leave_sequence(abilities: Capabilities) -> String {
    // A frame may have been cut anywhere: an ESC ends any half sequence, and a held update must not hold this.
    let mut text = String::from("\x1b[?2026l\x1b[r\x1b[m\x1b[H\x1b[2J");
    if abilities.alternate_screen {
        text.push_str("\x1b[?1049l");
    }
    text.push_str("\x1b[?25h\x1b[?2004l");
    text
}

/// The bytes that enter the console, the farewell's counterpart.
pub(super) fn enter_sequence(abilities: Capabilities) -> &'static str {
    if abilities.alternate_screen { "\x1b[?1049h\x1b[?2004h" } else { "\x1b[?2004h" }
}

/// Puts a hook before the present one, once for the process. A panic of the drawing thread ends the
/// console: the terminal is given back, then the former hook speaks. Any other thread's panic must not
/// tear the screen from a program that goes on: its text is kept until the terminal is given back.
fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let drawer = RESTORE_STATE
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .map(|entered| entered.drawing_thread);
            match drawer {
                Some(drawer) if drawer != thread::current().id() => defer_panic(info.to_string()),
                Some(_) | None => {
                    restore();
                    if is_writable(rustix::stdio::stderr(), Instant::now() + LEAVE_TIMEOUT) {
                        former(info);
                    }
                }
            }
        }));
    });
}

fn defer_panic(text: String) {
    let mut kept = DEFERRED_PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < MAX_DEFERRED_PANICS {
        kept.push(text);
    }
}

fn print_deferred_panics() {
    let kept = std::mem::take(&mut *DEFERRED_PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    // Not `stderr()` as a stream: its lock may be held by the thread that hangs.
    let stderr = rustix::stdio::stderr();
    for text in kept {
        if is_writable(stderr, Instant::now() + LEAVE_TIMEOUT) {
            // Nobody is left to tell that telling failed.
            rustix::io::write(stderr, format!("a background task failed: {text}\n").as_bytes()).unwrap_or(0);
        }
    }
}

/// Writes frames to the terminal, and waits where it has to: someone else may have made the shared
/// descriptor non-blocking.
#[derive(Debug)]
pub(super) struct BlockingWriter(pub(super) File);

impl io::Write for BlockingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match io::Write::write(&mut self.0, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    rustix::event::poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
