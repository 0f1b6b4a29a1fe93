//! The terminal: entered once, left on every path: end, error, panic, signal, hang-up.
//!
//! It owns the tty's modes, what is drawn to it and what comes from it. It gives no key a meaning, knows no
//! pages and draws nothing on its own; only `restore` and `exit` may be called from any thread.

mod event_reader;
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

pub use self::event_reader::EventReader;
pub use self::renderer::FrameRenderer;
pub use self::restore::{restore, restore_and_exit};
pub use self::signal_watcher::{SignalWatcher, TerminationSignal, WatchError};

/// A terminal that does not know its size (a serial line) is taken for the classic one.
const FALLBACK_SIZE: Size = Size::new(80, 24);

/// How long the terminal may take to accept the greeting, before drawing starts and may wait for ever.
const ENTER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a job continued in the background waits for its ending before it stops again.
const BACKGROUND_STOP_DELAY: Duration = Duration::from_millis(300);

/// What a kind of terminal can do, by its name: asking it would cost a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It has a second screen, so that leaving brings back what was shown before.
    pub alternate_screen: bool,
    /// It moves rows between margins (`CSI S`, `CSI T`).
    pub scroll_regions: bool,
    /// It may be sent synchronized updates: it knows them, or ignores them without a trace.
    pub synchronized_updates: bool,
}

impl Capabilities {
    /// Everything, as xterm and its kin have it.
    pub const FULL: Self = Self { alternate_screen: true, scroll_regions: true, synchronized_updates: true };

    /// Nothing beyond a VT100.
    pub const PLAIN: Self = Self { alternate_screen: false, scroll_regions: false, synchronized_updates: false };

    /// By the value of `TERM`.
    #[must_use]
    pub fn for_term(term: &str) -> Self {
        let is_plain =
            matches!(term, "" | "linux" | "dumb" | "unknown") || term.starts_with("vt") || term.starts_with("ansi");
        if is_plain { Self::PLAIN } else { Self::FULL }
    }
}

/// The console cannot take the terminal.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Input or output is a file or a pipe.
    #[error("{0} is not a terminal")]
    NotATerminal(&'static str),
    /// The terminal refused.
    #[error("cannot set up the terminal")]
    Refused(#[source] io::Error),
}

/// The terminal while the console has it. Dropping it gives it back.
#[derive(Debug)]
pub struct Terminal {
    renderer: FrameRenderer<BlockingWriter>,
    capabilities: Capabilities,
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste; and arms [`restore()`] and the panic
    /// hook. The thread that calls this is the one that draws.
    ///
    /// # Errors
    /// When standard input or output is not a terminal, or the terminal refuses.
    pub fn enter(abilities: Capabilities) -> Result<Self, EnterError> {
        for (fd, name) in [(rustix::stdio::stdin(), "standard input"), (rustix::stdio::stdout(), "standard output")] {
            if !rustix::termios::isatty(fd) {
                return Err(EnterError::NotATerminal(name));
            }
        }
        let frames = rustix::stdio::stdout().try_clone_to_owned().map_err(EnterError::Refused)?;
        acquire(abilities).map_err(|error| {
            restore();
            EnterError::Refused(error)
        })?;
        Ok(Self {
            renderer: FrameRenderer::new(BlockingWriter(File::from(frames)), abilities),
            capabilities: abilities,
        })
    }

    /// Paints and writes the next frame; see [`FrameRenderer::draw`]. After [`restore()`] it draws nothing.
    ///
    /// # Errors
    /// When the terminal takes no bytes any more.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer, Rect) -> Option<Position>) -> io::Result<bool> {
        if !restore::is_drawing() {
            return Ok(false);
        }
        self.renderer.draw(size()?, paint)
    }

    /// The window's size.
    #[must_use]
    pub fn size(&self) -> Size {
        size().unwrap_or(FALLBACK_SIZE)
    }

    /// Writes bytes that draw nothing: the bell, or a text for the clipboard.
    ///
    /// # Errors
    /// When the terminal takes no bytes any more.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if restore::is_drawing() { self.renderer.out().write_all(bytes) } else { Ok(()) }
    }

    /// Gives the terminal back while something else uses it, keyboard included, and takes it again. What was typed and
    /// not read meanwhile is dropped: it was meant for somebody else. The next frame is drawn whole.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn release_while<T>(&mut self, meanwhile: impl FnOnce() -> T) -> io::Result<T> {
        let _paused = event_reader::pause_reading();
        restore();
        let result = meanwhile();
        acquire(self.capabilities)?;
        rustix::termios::tcflush(rustix::stdio::stdin(), QueueSelector::IFlush)?;
        self.renderer.invalidate();
        Ok(result)
    }

    /// Forgets what was drawn, so that the next frame is drawn whole.
    pub fn invalidate(&mut self) {
        self.renderer.invalidate();
    }

    /// Gives the terminal back, stops the process as Ctrl-Z does, and takes the terminal again when the
    /// process goes on in the foreground. The next frame is drawn whole. Call it on the thread that draws.
    ///
    /// False, with the terminal left to others, if the program `is_ending`: a signal told it so while it was stopped.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn suspend(&mut self, is_ending: impl Fn() -> bool) -> io::Result<bool> {
        let reading = event_reader::pause_reading();
        restore();
        loop {
            if is_ending() {
                // Whoever types now types for the shell; reading it here would stop the process on its way out.
                mem::forget(reading);
                return Ok(false);
            }
            process::suspend()?;
            // A shell that ends a stopped job continues it in the background. Without this patience the process would
            // stop itself again before the watch has seen the signal.
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

    /// Gives the terminal back.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Arms the way out, then takes the terminal.
fn acquire(abilities: Capabilities) -> io::Result<()> {
    let tty = Tty::reopen(rustix::stdio::stdout())?;
    let before = tty.modes()?;
    let mut raw = before.clone();
    raw.make_raw();
    restore::arm(RestoreState {
        tty: tty.clone(),
        saved_modes: before,
        capabilities: abilities,
        drawing_thread: thread::current().id(),
    });
    tty.set_modes(&raw)?;
    tty.write_with_timeout(restore::enter_sequence(abilities).as_bytes(), ENTER_TIMEOUT);
    // The same, should the keys come from another terminal than the one that is drawn to.
    crossterm::terminal::enable_raw_mode()
}

fn size() -> io::Result<Size> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
    Ok(if size.ws_col == 0 || size.ws_row == 0 { FALLBACK_SIZE } else { Size::new(size.ws_col, size.ws_row) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unknown_terminals_are_asked_for_little() {
        for term in ["", "linux", "dumb", "unknown", "vt100", "vt220", "ansi", "ansi-m"] {
            assert_eq!(Capabilities::for_term(term), Capabilities::PLAIN, "{term}");
        }
        for term in ["xterm", "xterm-256color", "screen", "screen-256color", "tmux-256color", "putty"] {
            assert_eq!(Capabilities::for_term(term), Capabilities::FULL, "{term}");
        }
    }
}
