//! What the operator does: presses keys, types, pastes, waits, and combinations of these.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::decoder::ESC_TIMEOUT;
use pindesk::console::shared::Size;

use super::ConsoleDriver;

/// How long an operator takes from one key to the next.
const KEY_INTERVAL: Duration = Duration::from_millis(120);

/// How long an operator reads a page before answering it.
const READING_TIME: Duration = Duration::from_secs(2);

/// How long an operator takes from one key to the next.
const TYPING_TIME: Duration = Duration::from_millis(50);

impl ConsoleDriver {
    pub(crate) fn press(&mut self, key: char) -> &mut Self {
        self.send_bytes(&key.to_string())
    }

    pub(crate) fn enter(&mut self) -> &mut Self {
        self.press('\r')
    }

    pub(crate) fn esc(&mut self) -> &mut Self {
        self.press('\x1b').wait(ESC_TIMEOUT)
    }

    pub(crate) fn ctrl(&mut self, letter: char) -> &mut Self {
        self.press(char::from_u32(u32::from(letter) & 0x1f).expect("a control character"))
    }

    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for key in text.chars() {
            self.press(key);
        }
        self
    }

    /// Types a PIN into both fields.
    pub(crate) fn type_pin(&mut self, digits: &str) -> &mut Self {
        self.type_text(digits).type_text(digits)
    }

    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        self.send_bytes(&format!("\x1b[200~{text}\x1b[201~"))
    }

    /// Sends all keys in one read, as from a script or a slow connection. `\r` is Enter.
    pub(crate) fn type_in_one_read(&mut self, text: &str) -> &mut Self {
        self.send_bytes(text).wait(Duration::from_millis(60))
    }

    /// Sends one key per interval and draws after each. `\r` is Enter.
    pub(crate) fn type_at_interval(&mut self, interval: Duration, text: &str) -> &mut Self {
        for key in text.chars() {
            self.now = self.now.plus(interval);
            self.feed_bytes(&key.to_string());
        }
        self
    }

    /// Puts the cursor on a number with the filter.
    pub(crate) fn select(&mut self, number: &str) -> &mut Self {
        self.filter(number).sees("1 of 60")
    }

    /// Replaces the filter.
    pub(crate) fn filter(&mut self, text: &str) -> &mut Self {
        self.press('/').ctrl('u').type_text(text).enter()
    }

    /// Reads the confirmation and answers yes.
    pub(crate) fn confirm(&mut self) -> &mut Self {
        self.wait(READING_TIME).press('y')
    }

    /// Reads the confirmation and types the digits it asks for.
    pub(crate) fn confirm_with_digits(&mut self, digits: &str) -> &mut Self {
        self.wait(READING_TIME).type_text(digits).wait(TYPING_TIME).enter()
    }

    /// Sets a PIN on a number whose two-step verification is not set.
    pub(crate) fn set_pin(&mut self, number: &str, pin: &str) -> &mut Self {
        self.select(number).press('p').sees("not set, read").type_pin(pin).enter().confirm()
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) -> &mut Self {
        self.update(Msg::Resized(Size { width, height }), self.now);
        self.paint();
        self
    }

    /// Moves the clock forward and fires every timer that is due until then.
    pub(crate) fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now.plus(time);
        while let Some(wake) = self.app.next_wake(self.now.instant).filter(|wake| *wake <= end.instant) {
            self.now = self.clock.at(wake.max(self.now.instant));
            self.update(Msg::TimerFired, self.now);
            self.paint();
        }
        self.now = end;
        self.feed_bytes("");
        self
    }

    /// Sends the bytes that the terminal sends for a key.
    pub(crate) fn send_bytes(&mut self, bytes: &str) -> &mut Self {
        self.now = self.now.plus(KEY_INTERVAL);
        self.feed_bytes(bytes);
        self
    }
}
