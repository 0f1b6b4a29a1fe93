//! Carries out what the screen asks for: orders for the work, and what only the terminal can do.
//!
//! It decides nothing, and waits only where the terminal is somebody else's meanwhile.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;

use super::{Console, Ended};
use crate::console::app::{Effect, Msg};
use crate::console::terminal;
use crate::console::work::{Chore, Errand, Order};
use crate::journal::Paused;
use crate::pin::Pin;

/// Terminals drop longer clipboard texts, some with what follows.
const MAX_COPIED_BYTES: usize = 4 * 1024;

/// How long a stop waits for what the journal writes just then. Somebody waits for their shell.
const LAST_WRITE: Duration = Duration::from_secs(5);

impl Console {
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match Errand::from(effect) {
                Errand::Work(order) => self.give(order),
                Errand::Screen(chore) => self.do_here(chore),
            }
        }
    }

    fn do_here(&mut self, chore: Chore) {
        match chore {
            Chore::DrawPin { display_number } => {
                let pin = Pin::random(display_number.as_deref()).ok();
                self.update(Msg::PinDrawn(pin), self.clock.now());
            }
            Chore::ReadToken => self.read_token(),
            Chore::Copy(text) => self.copy(&text),
            Chore::Bell => self.send(b"\x07"),
            Chore::Redraw => self.terminal.redraw(),
            Chore::Suspend => self.suspend(),
            Chore::OpenDemo => self.ended = Some(Ended::OpenDemo),
            // After a signal the watch ends the process, with the signal's exit code.
            Chore::Quit if self.is_ending => {}
            Chore::Quit => self.ended = Some(Ended::Quit),
        }
    }

    fn give(&self, order: Order) {
        if let Some(work) = &self.work {
            work.give(order);
        }
    }

    /// Gives the terminal back and stops, with nothing sent and nothing locked until somebody continues the program.
    pub(super) fn suspend(&mut self) {
        terminal::restore();
        let paused = self.pause_work();
        let resumed = self.terminal.suspend(|| self.is_told_to_end.load(Ordering::SeqCst));
        // Whoever ends the program waits for the last outcomes to be written.
        drop(paused);
        match resumed {
            Ok(true) => {
                self.give(Order::GoOn);
                self.update(Msg::Resumed, self.clock.now());
            }
            // The watch ends the process. Nothing new is sent meanwhile.
            Ok(false) => {}
            Err(_) => self.ended = Some(Ended::TerminalLost),
        }
    }

    /// Nothing new is sent, and nothing is written while this lives: a stopped process must not keep others from writing.
    fn pause_work(&self) -> Option<Paused> {
        let (guard, at_rest) = mpsc::channel();
        self.give(Order::Pause(guard));
        at_rest.recv_timeout(LAST_WRITE).ok()
    }

    fn read_token(&mut self) {
        let read = if self.token.may_ask {
            let Ok(read) = self.terminal.away(&self.token.read) else {
                self.ended = Some(Ended::TerminalLost);
                return;
            };
            read
        } else {
            (self.token.read)()
        };
        let told = read.map(|credentials| self.give(Order::UseCredentials(credentials)));
        self.update(Msg::TokenRead(told), self.clock.now());
    }

    /// Hands text to the terminal's clipboard (OSC 52). Never called with a PIN.
    fn copy(&mut self, text: &str) {
        if text.len() <= MAX_COPIED_BYTES {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            self.send(multiplexed(&format!("\x1b]52;c;{encoded}\x07")).as_bytes());
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.terminal.send(bytes).is_err() {
            self.ended = Some(Ended::TerminalLost);
        }
    }
}

/// Wraps a sequence so that tmux or screen passes it on to the terminal around it.
fn multiplexed(sequence: &str) -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("TMUX") {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
    } else if is_set("STY") {
        format!("\x1bP{sequence}\x1b\\")
    } else {
        sequence.to_owned()
    }
}
