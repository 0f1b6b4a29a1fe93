//! What an operator in front of the screen knows about the open confirmation: since when it is readable, what was typed.

use std::time::{Duration, Instant};

use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;
use pindesk::console::pages::confirm::Question;
use pindesk::domain::number::{Number, PhoneNumberId};

use super::{MAX_PAUSE, QUIET_TIME, Walker};

/// Keys that come within this time were not typed one by one.
const BURST_TIME: Duration = Duration::from_millis(20);

/// An open confirmation.
#[derive(Debug)]
pub(super) struct PendingQuestion {
    pub(super) numbers: Vec<PhoneNumberId>,
    /// What else the page says of them: their names, and what happened meanwhile. If it changes, it is another question.
    details: String,
    pub(super) mode: Mode,
    /// When the page was shown, or the last paste arrived; `None` before its first frame.
    shown_at: Option<Instant>,
    /// The last key within the pause, or `shown_at`.
    quiet_since: Instant,
    /// The last key or paste, or `shown_at`.
    last_input: Instant,
    /// The pause is over: digits count from now on.
    pub(super) is_read: bool,
    /// No key and no paste arrived within the quiet time before the last key: it counts if it is a `y`.
    pub(super) was_quiet: bool,
    /// The digits typed since then.
    pub(super) typed: String,
    /// Enter was pressed after four digits: if they were wrong, the field is empty again.
    is_submitted: bool,
}

impl PendingQuestion {
    /// True if digits confirm it.
    pub(super) fn has_digits(&self) -> bool {
        self.mode == Mode::ConfirmReplace || self.has_count()
    }

    /// True if the count of the numbers confirms it.
    fn has_count(&self) -> bool {
        matches!(self.mode, Mode::ConfirmMany | Mode::JobResume)
    }

    /// The most digits that the field takes: for a count, one more than it has.
    fn max_digits(&self) -> usize {
        if self.has_count() { self.numbers.len().to_string().len() + 1 } else { 4 }
    }

    /// A frame with the page reached the terminal.
    pub(super) fn mark_shown(&mut self, at: Instant) {
        if self.shown_at.is_none() {
            (self.shown_at, self.quiet_since, self.last_input) = (Some(at), at, at);
        }
    }

    /// True until the pause after the first frame is over.
    pub(super) fn is_pausing(&self, now: Instant) -> bool {
        self.shown_at.is_none_or(|shown| now < (self.quiet_since + QUIET_TIME).min(shown + MAX_PAUSE))
    }
}

impl Walker {
    /// Records a key, or a paste if `key` is `None`, on the confirmation.
    pub(super) fn record_input(&mut self, key: Option<Key>) {
        let dismisses_warning = self.app.hide_warning().is_some();
        let is_shown = !self.app.is_too_small();
        let Some(question) = self.question.as_mut().filter(|_| is_shown) else { return };
        let now = self.now.instant;
        if question.shown_at.is_none() {
            return;
        }
        question.was_quiet = now >= question.last_input + QUIET_TIME;
        let came_at_once = now <= question.last_input + BURST_TIME;
        question.last_input = now;
        if key.is_none() && !dismisses_warning {
            // A paste always starts the pause over: its end may follow as keys.
            (question.shown_at, question.quiet_since, question.is_read) = (Some(now), now, false);
            if question.mode == Mode::JobResume {
                question.typed.clear();
            }
            return;
        }
        if !question.is_read && question.is_pausing(now) {
            question.quiet_since = now;
            return;
        }
        question.is_read = true;
        // These keys count against a quiet time, and do nothing else on the page.
        if dismisses_warning || key == Some(Key::Ctrl('l')) {
            return;
        }
        if std::mem::take(&mut question.is_submitted) {
            question.typed.clear();
        }
        match key {
            // It may be the end of a paste without marks, so what was typed before it does not count.
            Some(Key::Enter) if came_at_once => question.typed.clear(),
            Some(Key::Enter) => {
                let min_digits = if question.has_count() { 1 } else { 4 };
                question.is_submitted = question.typed.len() >= min_digits;
            }
            Some(Key::Char(digit @ '0'..='9')) if question.typed.len() < question.max_digits() => {
                question.typed.push(digit);
            }
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
            Some((vec![*id], format!("{display_number:?} {name:?} {:?}", page.notice), self.app.mode()))
        } else if let Page::ConfirmMany(page) = self.app.page() {
            let numbers: Vec<_> = page.request.frozen.targets().map(|candidate| &candidate.number).collect();
            let names: Vec<_> = numbers.iter().map(|number| (&number.display_number, &number.name)).collect();
            let details = format!("{names:?} {:?} {:?}", page.notice, page.recent);
            Some((numbers.iter().map(|number| number.id).collect(), details, self.app.mode()))
        } else if let Page::JobResume(page) = self.app.page() {
            let numbers: Vec<_> =
                page.request.remainder.frozen().targets().map(|candidate| &candidate.number).collect();
            let names: Vec<_> = numbers.iter().map(|number| (&number.display_number, &number.name)).collect();
            let details = format!("{names:?} {:?}", page.notice);
            Some((numbers.iter().map(|number| number.id).collect(), details, self.app.mode()))
        } else if let Page::JobStop(page) = self.app.page() {
            Some((Vec::new(), page.id.to_string(), self.app.mode()))
        } else {
            None
        };
        let known =
            self.question.as_ref().map(|question| (question.numbers.clone(), question.details.clone(), question.mode));
        if asks_again || page != known || self.app.is_too_small() {
            let now = self.now.instant;
            self.question = page.map(|(numbers, details, mode)| PendingQuestion {
                numbers,
                details,
                mode,
                shown_at: None,
                quiet_since: now,
                last_input: now,
                is_read: false,
                was_quiet: false,
                typed: String::new(),
                is_submitted: false,
            });
        }
    }
}
