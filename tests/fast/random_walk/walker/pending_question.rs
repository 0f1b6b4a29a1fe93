//! What an operator in front of the screen knows about the open confirmation: since when it is readable, what was typed.

use std::time::Instant;

use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;
use pindesk::console::pages::confirm::Question;
use pindesk::domain::number::{Number, PhoneNumberId};
use pindesk::domain::text::CleanText;

use super::{QUIET_TIME, Walker};

/// An open confirmation.
#[derive(Debug)]
pub(super) struct PendingQuestion {
    pub(super) number: PhoneNumberId,
    /// The display number and the name on the page: if either changes, it is another question.
    names: [Option<CleanText>; 2],
    pub(super) mode: Mode,
    /// Since when the page was shown without a key; `None` before its first frame.
    pub(super) quiet_since: Option<Instant>,
    /// The quiet time has passed: keys count from now on.
    pub(super) is_read: bool,
    /// The digits typed since then.
    pub(super) typed: String,
    /// Enter was pressed after four digits: if they were wrong, the field is empty again.
    is_submitted: bool,
}

impl Walker {
    /// Records a key, or a paste if `key` is `None`, on the confirmation. Ctrl-L only redraws it.
    pub(super) fn record_input(&mut self, key: Option<Key>) {
        // The key that dismisses the warning does nothing else.
        let is_handled = self.app.hide_warning().is_none();
        let reaches_question = is_handled && !self.app.is_too_small() && key != Some(Key::Ctrl('l'));
        let Some(question) = self.question.as_mut().filter(|_| reaches_question) else { return };
        let Some(since) = question.quiet_since else { return };
        // A paste always starts the quiet time over: its end may follow as keys.
        if key.is_none() || (!question.is_read && self.now.instant < since + QUIET_TIME) {
            question.quiet_since = Some(self.now.instant);
            question.is_read = false;
            return;
        }
        question.is_read = true;
        if std::mem::take(&mut question.is_submitted) {
            question.typed.clear();
        }
        match key {
            Some(Key::Enter) => question.is_submitted = question.typed.len() == 4,
            Some(Key::Char(digit @ '0'..='9')) if question.typed.len() < 4 => question.typed.push(digit),
            Some(Key::Backspace | Key::Delete) => {
                question.typed.pop();
            }
            Some(Key::Ctrl('u')) => question.typed.clear(),
            _ => {}
        }
    }

    /// Compares the open confirmation with the last one; `is_refresh_end` if a list has just been read completely.
    pub(super) fn track_question(&mut self, is_refresh_end: bool) {
        let mut asks_again = false;
        let page = if let Page::Confirm(page) = self.app.page() {
            let is_unlisted = self.app.is_unlisted(page.target());
            assert!(!is_unlisted || !matches!(page.question, Question::Set(_)), "an unlisted number may have a PIN");
            asks_again = is_refresh_end && is_unlisted;
            let Number { id, display_number, name, .. } = page.target();
            Some((*id, [display_number, name].map(Clone::clone), self.app.mode()))
        } else {
            None
        };
        let known = self.question.as_ref().map(|question| (question.number, question.names.clone(), question.mode));
        if asks_again || page != known || self.app.is_too_small() {
            self.question = page.map(|(number, names, mode)| PendingQuestion {
                number,
                names,
                mode,
                quiet_since: None,
                is_read: false,
                typed: String::new(),
                is_submitted: false,
            });
        }
    }
}
