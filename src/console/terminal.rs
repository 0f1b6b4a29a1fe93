//! Owns the terminal: enters raw mode, and restores the terminal on every exit path (end, error, panic, signal,
//! hang-up).
//!
//! It manages the modes of the tty, its output and its input. It does not know keys or pages, and it draws only what
//! the caller paints. Only `restore` and `restore_and_exit` may be called from any thread.

mod input_reader;
mod ansi_writer;
mod restore;
mod renderer;
mod scroll_detect;
mod signal_watcher;

use std::fs::File;
use std::io::{self, Write as _};
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use rustix::termios::QueueSelector;

use self::restore::{BlockingWriter, RestoreState, Tty};
use crate::process;

pub use self::input_reader::{InputReader, TerminalInput};
pub use self::renderer::FrameRenderer;
pub use self::restore::{restore, restore_and_exit};
pub use self::signal_watcher::{SignalWatcher, TerminationSignal, WatchError};

/// The size of a terminal that does not report one, such as a serial line.
const FALLBACK_SIZE: Size = Size::new(80, 24);

/// How long the terminal may take to accept the enter sequence. After that, drawing starts, and may block.
const ENTER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a process that was resumed in the background waits for a termination signal before it suspends again.
const BACKGROUND_STOP_DELAY: Duration = Duration::from_millis(300);

/// What a terminal can do, by its type. pindesk does not ask the terminal, because that costs a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It has an alternate screen, so that leaving shows the previous content again.
    pub alternate_screen: bool,
    /// It can scroll rows between margins (`CSI S`, `CSI T`), and erase cells in the middle of a row (`CSI X`).
    pub screen_editing: bool,
    /// It supports synchronized updates, or ignores them without visible effects.
    pub synchronized_updates: bool,
}

impl Capabilities {
    /// All capabilities, as in xterm and compatible terminals.
    pub const FULL: Self = Self { alternate_screen: true, screen_editing: true, synchronized_updates: true };

    /// Only what a VT100 has.
    pub const PLAIN: Self = Self { alternate_screen: false, screen_editing: false, synchronized_updates: false };

    /// The capabilities for a value of `TERM`.
    #[must_use]
    pub fn for_term(term: &str) -> Self {
        let is_plain =
            matches!(term, "" | "linux" | "dumb" | "unknown") || term.starts_with("vt") || term.starts_with("ansi");
        if is_plain { Self::PLAIN } else { Self::FULL }
    }
}

/// Why the console cannot use the terminal.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Input or output is a file or a pipe.
    #[error("{0} is not a terminal")]
    NotATerminal(&'static str),
    /// The terminal refused a mode, or could not be opened.
    #[error("cannot set up the terminal")]
    Refused(#[source] io::Error),
}

/// The terminal while the console uses it. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    renderer: FrameRenderer<BlockingWriter>,
    capabilities: Capabilities,
}

impl Terminal {
    /// Enters raw mode, the alternate screen and bracketed paste, and prepares [`restore()`] and the panic hook. The
    /// calling thread becomes the drawing thread.
    ///
    /// # Errors
    /// Standard input or output is not a terminal, or the terminal refuses.
    pub fn enter(capabilities: Capabilities) -> Result<Self, EnterError> {
        for (fd, name) in [(rustix::stdio::stdin(), "standard input"), (rustix::stdio::stdout(), "standard output")] {
            if !rustix::termios::isatty(fd) {
                return Err(EnterError::NotATerminal(name));
            }
        }
        let output = rustix::stdio::stdout().try_clone_to_owned().map_err(EnterError::Refused)?;
        acquire(capabilities).map_err(|error| {
            restore();
            EnterError::Refused(error)
        })?;
        Ok(Self { renderer: FrameRenderer::new(BlockingWriter(File::from(output)), capabilities), capabilities })
    }

    /// Paints and writes the next frame; see [`FrameRenderer::draw`]. After [`restore()`] it draws nothing.
    ///
    /// # Errors
    /// The terminal no longer accepts output.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer, Rect) -> Option<Position>) -> io::Result<bool> {
        if !restore::is_drawing() {
            return Ok(false);
        }
        self.renderer.draw(size()?, paint)
    }

    /// The size of the window, in cells.
    #[must_use]
    pub fn size(&self) -> Size {
        size().unwrap_or(FALLBACK_SIZE)
    }

    /// Writes bytes that draw nothing: the bell, or a text for the clipboard.
    ///
    /// # Errors
    /// The terminal no longer accepts output.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if restore::is_drawing() { self.renderer.out().write_all(bytes) } else { Ok(()) }
    }

    /// Restores the terminal while `run` (another program) uses its screen and keyboard, then enters it again. Input
    /// that the other program did not read is dropped, because it was not meant for pindesk. The next frame is drawn
    /// completely.
    ///
    /// # Errors
    /// The terminal cannot be entered again.
    pub fn release_while<T>(&mut self, run: impl FnOnce() -> T) -> io::Result<T> {
        let _paused = input_reader::pause_reading();
        restore();
        let result = run();
        acquire(self.capabilities)?;
        rustix::termios::tcflush(rustix::stdio::stdin(), QueueSelector::IFlush)?;
        self.renderer.invalidate();
        Ok(result)
    }

    /// Discards the last frame, so that the next one is drawn completely.
    pub fn invalidate(&mut self) {
        self.renderer.invalidate();
    }

    /// Restores the terminal, suspends the process as Ctrl-Z does, and enters the terminal again when the process is
    /// resumed in the foreground. The next frame is drawn completely. Call it on the drawing thread.
    ///
    /// `prepare` runs in between, and its result is dropped at the end. What is typed meanwhile is for the shell.
    ///
    /// Returns false, without entering the terminal, if `is_ending` is true: a signal that arrived during the
    /// suspension ends the program.
    ///
    /// # Errors
    /// The terminal cannot be entered again.
    pub fn suspend<T>(&mut self, prepare: impl FnOnce() -> T, is_ending: impl Fn() -> bool) -> io::Result<bool> {
        let reading = input_reader::pause_reading();
        restore();
        let _prepared = prepare();
        loop {
            if is_ending() {
                // Input now belongs to the shell. Reading it here would stop this process before it ends.
                mem::forget(reading);
                return Ok(false);
            }
            process::suspend()?;
            // A shell that ends a suspended process resumes it in the background. Without this wait the process would
            // suspend itself again before the signal watcher has seen the signal.
            let deadline = Instant::now() + BACKGROUND_STOP_DELAY;
            while !process::is_in_foreground() && !is_ending() && Instant::now() < deadline {
                thread::sleep(BACKGROUND_STOP_DELAY / 30);
            }
            if process::is_in_foreground() {
                break;
            }
        }
        acquire(self.capabilities)?;
        self.renderer.invalidate();
        Ok(true)
    }

    /// Restores the terminal.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Saves the state that [`restore()`] needs, then enters raw mode.
fn acquire(capabilities: Capabilities) -> io::Result<()> {
    let tty = Tty::reopen(rustix::stdio::stdout())?;
    let saved_modes = tty.modes()?;
    let mut raw_modes = saved_modes.clone();
    raw_modes.make_raw();
    restore::arm(RestoreState { tty: tty.clone(), saved_modes, capabilities, drawing_thread: thread::current().id() });
    // The keyboard may be another terminal than the screen. Before the screen's modes change, because crossterm saves
    // those that it finds.
    crossterm::terminal::enable_raw_mode()?;
    tty.set_modes(&raw_modes)?;
    tty.write_with_timeout(restore::enter_sequence(capabilities).as_bytes(), ENTER_TIMEOUT);
    Ok(())
}

fn size() -> io::Result<Size> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
    Ok(if size.ws_col == 0 || size.ws_row == 0 { FALLBACK_SIZE } else { Size::new(size.ws_col, size.ws_row) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unknown_terminals_have_few_capabilities() {
        for term in ["", "linux", "dumb", "unknown", "vt100", "vt220", "ansi", "ansi-m"] {
            assert_eq!(Capabilities::for_term(term), Capabilities::PLAIN, "{term}");
        }
        for term in ["xterm", "xterm-256color", "screen", "screen-256color", "tmux-256color", "putty"] {
            assert_eq!(Capabilities::for_term(term), Capabilities::FULL, "{term}");
        }
    }
}
