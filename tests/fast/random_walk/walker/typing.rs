//! What an operator types on a page, key by key.

use std::time::Duration;

use pindesk::console::go::Destination;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;

use super::{TYPING_TIME, Walker};
use crate::random_walk::samples::number_id;

impl Walker {
    pub(super) fn type_pin(&mut self, digits: &str) {
        let keys = digits.chars().chain(digits.chars()).map(Key::Char).chain([Key::Enter]);
        if matches!(self.app.mode(), Mode::PinForm | Mode::ManyPinsPin | Mode::JobPin) {
            keys.for_each(|key| self.press(key));
        }
    }

    pub(super) fn use_random_pin(&mut self) {
        if self.app.mode() == Mode::PinForm {
            self.press(Key::Char('g'));
            self.press(Key::Enter);
        }
    }

    /// Opens the form for these numbers from the list, as a selection does.
    pub(super) fn open_many_pins(&mut self, numbers: &[usize]) {
        if self.app.mode() == Mode::List && !self.has_quit {
            let ids = numbers.iter().map(|index| number_id(*index)).collect();
            self.app.open(Destination::ManyPinsForm(ids), self.now);
        }
    }

    /// Continues from the form, or types the count that the question asks for.
    pub(super) fn send_many(&mut self) {
        if let Page::ManyPins(_) = self.app.page() {
            self.press(Key::Enter);
        } else if let Page::ConfirmMany(page) = self.app.page() {
            self.type_count(page.count());
        } else if let Page::JobResume(page) = self.app.page() {
            self.type_count(page.count());
        }
    }

    /// Types the digits at once, and Enter after this time.
    pub(super) fn type_last_four(&mut self, pause: Duration) {
        if let Page::Confirm(page) = self.app.page() {
            let digits = page.target().last_four().digits;
            digits.chars().for_each(|digit| self.press(Key::Char(digit)));
            self.now = self.now.plus(pause);
            self.press(Key::Enter);
        }
    }

    fn type_count(&mut self, count: usize) {
        count.to_string().chars().for_each(|digit| self.press(Key::Char(digit)));
        self.now = self.now.plus(TYPING_TIME);
        self.press(Key::Enter);
    }

    /// Opens the job of the journal from the list, or asks on its page to send what is left.
    pub(super) fn open_job(&mut self) {
        if self.app.mode() == Mode::List {
            self.press(Key::Char('b'));
            self.press(Key::Enter);
        } else if self.app.mode() == Mode::Job {
            self.press(Key::Char('t'));
        }
    }
}
