//! The terminal: entered once, left on every path: end, error, panic, signal, hang-up.
//!
//! It owns the tty's modes, what is drawn to it and what comes from it. It gives no key a meaning, knows no
//! pages and draws nothing on its own; only `restore` and `exit` may be called from any thread.

mod events;
mod input;
mod pen;
mod restore;
mod screen;
mod shift;
mod watch;

use std::fs::File;
use std::io::{self, Write as _};
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use rustix::termios::QueueSelector;

use self::restore::{Entered, Frames, Tty};
use crate::process;

pub use self::events::Events;
pub use self::restore::{exit, restore};
pub use self::screen::Screen;
pub use self::watch::{CannotWatch, Ending, Watch};

/// A terminal that does not know its size (a serial line) is taken for the classic one.
const CLASSIC_SIZE: Size = Size::new(80, 24);

/// How long the terminal may take to accept the greeting, before drawing starts and may wait for ever.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);

/// How long a job continued in the background waits for its ending before it stops again.
const BACKGROUND_PATIENCE: Duration = Duration::from_millis(300);

/// What a kind of terminal can do, by its name: asking it would cost a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// It has a second screen, so that leaving brings back what was shown before.
    pub alternate_screen: bool,
    /// It moves rows between margins (`CSI S`, `CSI T`).
    pub scroll_regions: bool,
    /// It may be sent synchronized updates: it knows them, or ignores them without a trace.
    pub synchronized_updates: bool,
}

impl Abilities {
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
pub enum CannotEnter {
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
    screen: Screen<Frames>,
    abilities: Abilities,
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste; and arms [`restore()`] and the panic
    /// hook. The thread that calls this is the one that draws.
    ///
    /// # Errors
    /// When standard input or output is not a terminal, or the terminal refuses.
    pub fn enter(abilities: Abilities) -> Result<Self, CannotEnter> {
        for (fd, name) in [(rustix::stdio::stdin(), "standard input"), (rustix::stdio::stdout(), "standard output")] {
            if !rustix::termios::isatty(fd) {
                return Err(CannotEnter::NotATerminal(name));
            }
        }
        let frames = rustix::stdio::stdout().try_clone_to_owned().map_err(CannotEnter::Refused)?;
        take(abilities).map_err(|error| {
            restore();
            CannotEnter::Refused(error)
        })?;
        Ok(Self { screen: Screen::new(Frames(File::from(frames)), abilities), abilities })
    }

    /// Paints and writes the next frame; see [`Screen::draw`]. After [`restore()`] it draws nothing.
    ///
    /// # Errors
    /// When the terminal takes no bytes any more.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer, Rect) -> Option<Position>) -> io::Result<bool> {
        if !restore::is_drawing() {
            return Ok(false);
        }
        self.screen.draw(size()?, paint)
    }

    /// The window's size.
    #[must_use]
    pub fn size(&self) -> Size {
        size().unwrap_or(CLASSIC_SIZE)
    }

    /// Writes bytes that draw nothing: the bell, or a text for the clipboard.
    ///
    /// # Errors
    /// When the terminal takes no bytes any more.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if restore::is_drawing() { self.screen.out().write_all(bytes) } else { Ok(()) }
    }

    /// Gives the terminal back while something else uses it, keyboard included, and takes it again. What was typed and
    /// not read meanwhile is dropped: it was meant for somebody else. The next frame is drawn whole.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn away<T>(&mut self, meanwhile: impl FnOnce() -> T) -> io::Result<T> {
        let _paused = events::pause();
        restore();
        let result = meanwhile();
        take(self.abilities)?;
        rustix::termios::tcflush(rustix::stdio::stdin(), QueueSelector::IFlush)?;
        self.screen.forget();
        Ok(result)
    }

    /// Forgets what was drawn, so that the next frame is drawn whole.
    pub fn redraw(&mut self) {
        self.screen.forget();
    }

    /// Gives the terminal back, stops the process as Ctrl-Z does, and takes the terminal again when the
    /// process goes on in the foreground. The next frame is drawn whole. Call it on the thread that draws.
    ///
    /// False, with the terminal left to others, if the program `is_ending`: a signal told it so while it was stopped.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn suspend(&mut self, is_ending: impl Fn() -> bool) -> io::Result<bool> {
        let reading = events::pause();
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
            let deadline = Instant::now() + BACKGROUND_PATIENCE;
            while !process::is_in_foreground() && !is_ending() && Instant::now() < deadline {
                thread::sleep(BACKGROUND_PATIENCE / 30);
            }
            if process::is_in_foreground() {
                break;
            }
        }
        take(self.abilities)?;
        self.screen.forget();
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
fn take(abilities: Abilities) -> io::Result<()> {
    let tty = Tty::behind(rustix::stdio::stdout())?;
    let before = tty.modes()?;
    let mut raw = before.clone();
    raw.make_raw();
    restore::arm(Entered { tty: tty.clone(), before, abilities, drawer: thread::current().id() });
    tty.set_modes(&raw)?;
    tty.write_for(restore::greeting(abilities).as_bytes(), GREETING_PATIENCE);
    // The same, should the keys come from another terminal than the one that is drawn to.
    crossterm::terminal::enable_raw_mode()
}

fn size() -> io::Result<Size> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
    Ok(if size.ws_col == 0 || size.ws_row == 0 { CLASSIC_SIZE } else { Size::new(size.ws_col, size.ws_row) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unknown_terminals_are_asked_for_little() {
        for term in ["", "linux", "dumb", "unknown", "vt100", "vt220", "ansi", "ansi-m"] {
            assert_eq!(Abilities::for_term(term), Abilities::PLAIN, "{term}");
        }
        for term in ["xterm", "xterm-256color", "screen", "screen-256color", "tmux-256color", "putty"] {
            assert_eq!(Abilities::for_term(term), Abilities::FULL, "{term}");
        }
    }
}
