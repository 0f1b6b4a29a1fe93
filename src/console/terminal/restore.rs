//! Restores the terminal to its original state, once, from any thread.
//!
//! It must work while the main thread is blocked in a write, after a hang-up, and inside a panic. Therefore it never
//! waits long for a terminal that does not read, takes no lock that a drawing thread holds, and neither panics nor
//! reports errors. It does not decide when to leave.

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

/// How long the terminal may take to accept the leave sequence. After that it has stopped reading, and only its modes
/// are restored.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(200);

/// The maximum number of panic texts that are stored until the terminal is restored.
const MAX_DEFERRED_PANICS: usize = 8;

/// The state that [`restore`] needs; `None` while the console does not use the terminal.
static RESTORE_STATE: Mutex<Option<RestoreState>> = Mutex::new(None);

/// True while frames may be drawn. It is not behind the lock, so that a drawing thread needs no lock.
static IS_DRAWING: AtomicBool = AtomicBool::new(false);

/// The panic texts of threads that do not draw, stored until the terminal is restored.
static DEFERRED_PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The state that [`restore`] needs.
#[derive(Debug)]
pub(super) struct RestoreState {
    pub(super) tty: Tty,
    pub(super) saved_modes: Termios,
    pub(super) capabilities: Capabilities,
    /// The thread that draws. Its panic ends the console.
    pub(super) drawing_thread: ThreadId,
}

/// The terminal, opened a second time so that a write to it does not block.
#[derive(Debug, Clone)]
pub(super) struct Tty {
    fd: Arc<OwnedFd>,
}

impl Tty {
    /// Opens the terminal of a descriptor again, because `O_NONBLOCK` on the descriptor itself would also affect the
    /// shell. If it cannot be opened (a terminal of another user, a container without `/dev/pts`), the descriptor is
    /// shared.
    pub(super) fn reopen(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let by_name =
            rustix::termios::ttyname(fd, Vec::new()).and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
        let opened = by_name.or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty()));
        Ok(Self { fd: Arc::new(opened.map_or_else(|_| fd.try_clone_to_owned(), Ok)?) })
    }

    /// Writes the bytes that the terminal accepts within `timeout`, and drops the rest.
    pub(super) fn write_with_timeout(&self, mut bytes: &[u8], timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !bytes.is_empty() && is_writable(self.fd.as_fd(), deadline) {
            match rustix::io::write(&self.fd, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                    // While another thread writes to the same terminal, poll reports it as writable although it is not.
                    thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return,
            }
        }
    }

    /// The current modes.
    pub(super) fn modes(&self) -> io::Result<Termios> {
        Ok(rustix::termios::tcgetattr(&self.fd)?)
    }

    /// Sets the modes immediately.
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

/// Stores the state that [`restore`] needs, and installs the panic hook.
pub(super) fn arm(state: RestoreState) {
    install_panic_hook();
    *RESTORE_STATE.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    IS_DRAWING.store(true, Ordering::SeqCst);
}

/// False after the terminal was restored: nothing may be drawn then.
pub(super) fn is_drawing() -> bool {
    IS_DRAWING.load(Ordering::SeqCst)
}

/// Restores the terminal: erases the screen, resets margins and styles, leaves the alternate screen, shows the cursor,
/// disables bracketed paste and restores the modes. A second call does nothing. Any thread may call it. It waits at
/// most about 200 ms.
pub fn restore() {
    IS_DRAWING.store(false, Ordering::SeqCst);
    // Held until the end: a second thread that ends the process waits until the terminal is restored.
    let mut state = RESTORE_STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(RestoreState { tty, saved_modes, capabilities, .. }) = state.take() else { return };
    // In the background, changing the modes would suspend this process instead of letting it end.
    if process::is_in_foreground() {
        tty.write_with_timeout(leave_sequence(capabilities).as_bytes(), LEAVE_TIMEOUT);
        // After a hang-up there are no modes to restore. The keyboard may be another terminal than the screen.
        drop(crossterm::terminal::disable_raw_mode());
        drop(tty.set_modes(&saved_modes));
    }
    print_deferred_panics();
}

/// Restores the terminal and ends the process. For the signal watcher, while the main thread may be blocked in a write.
pub fn restore_and_exit(code: i32) -> ! {
    restore();
    std::process::exit(code)
}

fn leave_sequence(capabilities: Capabilities) -> String {
    // A frame may have been interrupted anywhere: an ESC ends a partial sequence, and a synchronized update must end
    // first.
    let mut text = String::from("\x1b[?2026l\x1b[r\x1b[m\x1b[H\x1b[2J");
    if capabilities.alternate_screen {
        text.push_str("\x1b[?1049l");
    }
    text.push_str("\x1b[?25h\x1b[?2004l");
    text
}

/// The bytes that enter the alternate screen and bracketed paste.
pub(super) fn enter_sequence(capabilities: Capabilities) -> &'static str {
    if capabilities.alternate_screen { "\x1b[?1049h\x1b[?2004h" } else { "\x1b[?2004h" }
}

/// Installs a panic hook before the current one, once per process. A panic of the drawing thread ends the console: the
/// hook restores the terminal, then calls the previous hook. A panic of another thread must not disturb the screen of a
/// program that continues: its text is stored until the terminal is restored.
fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let drawing_thread =
                RESTORE_STATE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|state| state.drawing_thread);
            match drawing_thread {
                Some(drawing_thread) if drawing_thread != thread::current().id() => defer_panic(info.to_string()),
                Some(_) | None => {
                    restore();
                    if is_writable(rustix::stdio::stderr(), Instant::now() + LEAVE_TIMEOUT) {
                        previous(info);
                    }
                }
            }
        }));
    });
}

fn defer_panic(text: String) {
    let mut texts = DEFERRED_PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    if texts.len() < MAX_DEFERRED_PANICS {
        texts.push(text);
    }
}

fn print_deferred_panics() {
    let texts = std::mem::take(&mut *DEFERRED_PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    // Not the stream `std::io::stderr()`: the blocked thread may hold its lock.
    let stderr = rustix::stdio::stderr();
    for text in texts {
        if is_writable(stderr, Instant::now() + LEAVE_TIMEOUT) {
            // A failed write cannot be reported.
            rustix::io::write(stderr, format!("a background task failed: {text}\n").as_bytes()).unwrap_or(0);
        }
    }
}

/// Writes frames to the terminal, and waits if it must: another process may have made the shared descriptor
/// non-blocking.
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
