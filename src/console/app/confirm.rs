//! The page that asks before pindesk sends a PIN. It holds what the operator confirms: the frozen number and the PIN.
//!
//! It sends nothing itself: a confirmation becomes an [`Effect`].

use std::mem;
use std::time::Instant;

use super::guard::Guard;
use super::msg::Effect;
use crate::console::input::keymap::Mode;
use crate::domain::number::{LastFour, Number, TwoStep};
use crate::domain::pin::Pin;
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::CleanText;

/// After this many wrong tries the page closes: the operator is at the wrong number.
const MAX_WRONG_TRIES: u8 = 5;

/// The note about a number that its WABA no longer lists.
pub const UNLISTED_NOTE: &str = "No longer listed by its WABA.";

/// A question about one number, as it was known when the page opened.
#[derive(Debug)]
pub struct ConfirmPage {
    /// The number, frozen.
    pub target: Number,
    /// What is confirmed.
    pub question: Question,
    /// The response to the last key, for the line under the question.
    pub note: Option<&'static str>,
    guard: Guard,
}

/// What a confirmation asks.
#[derive(Debug)]
pub enum Question {
    /// Two-step verification is not set: `y` turns it on.
    Set(Pin),
    /// A PIN is set, or may be: the last four digits of the number confirm that it is replaced.
    Replace {
        /// The new PIN.
        pin: Pin,
        /// The expected digits.
        expected: LastFour,
        /// The digits typed so far.
        typed: String,
        /// How many tries were wrong.
        wrong_tries: u8,
    },
    /// The outcome is in doubt: `y` sends the same PIN again.
    ResendPin,
    /// The outcome was in doubt: `y` records that an operator checked it, with this note.
    ResolveManually(CleanText),
}

/// The result of a key. It consumes the page, so nothing can be confirmed twice.
#[derive(Debug)]
pub enum ConfirmResult {
    /// The page stays.
    Stay(Box<ConfirmPage>),
    /// Canceled, because the digits were wrong too often.
    TooManyWrongTries,
    /// Confirmed: the effect performs it.
    Confirmed(Effect),
}

impl ConfirmPage {
    /// Asks about setting a PIN. A number that is on, or unknown, gets the stronger question.
    #[must_use]
    pub fn set_pin(target: Number, pin: Pin) -> Self {
        let question = match target.two_step {
            TwoStep::NotSet => Question::Set(pin),
            TwoStep::On | TwoStep::Unknown => {
                Question::Replace { pin, expected: target.last_four(), typed: String::new(), wrong_tries: 0 }
            }
        };
        Self { target, question, note: None, guard: Guard::default() }
    }

    /// Asks about sending the PIN in doubt again.
    #[must_use]
    pub fn resend_pin(target: Number) -> Self {
        Self { target, question: Question::ResendPin, note: None, guard: Guard::default() }
    }

    /// Asks about recording a manual check.
    #[must_use]
    pub fn resolve_manually(target: Number, note: CleanText) -> Self {
        Self { target, question: Question::ResolveManually(note), note: None, guard: Guard::default() }
    }

    /// Updates the number. If that makes the question stronger, or the number was renamed, the page starts over.
    pub fn update_target(&mut self, number: &Number) {
        let is_stronger = matches!(self.question, Question::Set(_)) && number.two_step != TwoStep::NotSet;
        if is_stronger || number.is_renamed_from(&self.target) {
            self.restart(number.clone(), "The number was refreshed. This is its status now.");
        }
    }

    /// The WABA no longer lists the number: the page starts over with the stronger question.
    pub fn mark_unlisted(&mut self) {
        self.restart(Number { two_step: TwoStep::Unknown, ..self.target.clone() }, UNLISTED_NOTE);
    }

    fn restart(&mut self, target: Number, note: &'static str) {
        // A placeholder without a PIN while the question is rebuilt.
        let restarted = match mem::replace(&mut self.question, Question::ResendPin) {
            Question::Set(pin) | Question::Replace { pin, .. } => Self::set_pin(target, pin),
            Question::ResendPin => Self::resend_pin(target),
            Question::ResolveManually(text) => Self::resolve_manually(target, text),
        };
        *self = Self { note: Some(note), ..restarted };
    }

    /// How the operator confirms: with `y`, or with digits.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self.question {
            Question::Set(_) | Question::ResendPin => Mode::Confirm,
            Question::ResolveManually(_) => Mode::ConfirmResolution,
            Question::Replace { .. } => Mode::ConfirmReplace,
        }
    }

    /// The page was drawn at this time.
    pub fn mark_shown(&mut self, at: Instant) {
        self.guard.mark_shown(at);
    }

    /// The page was covered: when it is shown again, the quiet time and the digits start over.
    pub fn mark_hidden(&mut self) {
        self.guard = Guard::default();
        if let Question::Replace { typed, .. } = &mut self.question {
            typed.clear();
        }
    }

    fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = self.guard.accepts_key(arrived);
        if !is_accepted {
            self.note = Some("Read this first: keys typed ahead were dropped.");
        }
        is_accepted
    }

    /// The confirming key was pressed (`y`).
    #[must_use]
    pub fn press_yes(mut self: Box<Self>, arrived: Instant) -> ConfirmResult {
        if !self.accepts_key(arrived) {
            return ConfirmResult::Stay(self);
        }
        match self.question {
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) => {
                ConfirmResult::Confirmed(self.into_effect())
            }
            Question::Replace { .. } => ConfirmResult::Stay(self),
        }
    }

    /// A digit was typed.
    pub fn type_digit(&mut self, digit: char, arrived: Instant) {
        if !self.accepts_key(arrived) {
            return;
        }
        if let Question::Replace { expected, typed, .. } = &mut self.question {
            self.note = None;
            if typed.len() < expected.digits.len() {
                typed.push(digit);
            }
        }
    }

    /// Deletes the last digit, or all of them.
    pub fn delete(&mut self, all: bool, arrived: Instant) {
        if !self.accepts_key(arrived) {
            return;
        }
        if let Question::Replace { typed, .. } = &mut self.question {
            typed.pop();
            if all {
                typed.clear();
            }
        }
    }

    /// Enter was pressed: submits the digits, and does nothing for other questions.
    #[must_use]
    pub fn press_enter(mut self: Box<Self>, arrived: Instant) -> ConfirmResult {
        if !self.accepts_key(arrived) {
            return ConfirmResult::Stay(self);
        }
        let Question::Replace { expected, typed, wrong_tries, .. } = &mut self.question else {
            return ConfirmResult::Stay(self);
        };
        if typed.len() < expected.digits.len() {
            self.note = Some("Type the last 4 digits first.");
            return ConfirmResult::Stay(self);
        }
        if *typed == expected.digits {
            return ConfirmResult::Confirmed(self.into_effect());
        }
        typed.clear();
        *wrong_tries += 1;
        if *wrong_tries >= MAX_WRONG_TRIES {
            return ConfirmResult::TooManyWrongTries;
        }
        self.note = Some(if expected.is_from_id {
            "Those are not the last 4 digits of the ID. Try again."
        } else {
            "Those are not the last 4 digits. Try again."
        });
        ConfirmResult::Stay(self)
    }

    /// A paste confirms nothing, and interrupts the quiet time.
    pub fn paste(&mut self, arrived: Instant) {
        self.accepts_key(arrived);
    }

    /// Any other key was pressed: the note says which keys count.
    pub fn press_other(&mut self, arrived: Instant) {
        if self.accepts_key(arrived) {
            self.note = Some(match self.question {
                Question::Set(_) | Question::ResendPin => "Press y to send, n to cancel.",
                Question::ResolveManually(_) => "Press y to record it, n to cancel.",
                Question::Replace { .. } => "Type the 4 digits and Enter, or Esc to cancel.",
            });
        }
    }

    fn into_effect(self) -> Effect {
        let number = self.target.id;
        match self.question {
            Question::Set(pin) | Question::Replace { pin, .. } => Effect::SetPin(PinPlan::for_one(self.target, pin)),
            Question::ResendPin => Effect::ResendPin(number),
            Question::ResolveManually(note) => Effect::ResolveManually { number, note },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn number(two_step: TwoStep) -> Number {
        let mut number = Number::from_config("200000000000001".parse().expect("an id"), None);
        number.display_number = Some(CleanText::new("+1 555-010-0143"));
        number.two_step = two_step;
        number
    }

    fn pin() -> Pin {
        Pin::parse(b"409726").expect("a PIN")
    }

    fn shown(two_step: TwoStep) -> (Box<ConfirmPage>, Instant) {
        let (mut page, at) = (ConfirmPage::set_pin(number(two_step), pin()), Instant::now());
        page.mark_shown(at);
        (Box::new(page), at + Duration::from_secs(1))
    }

    fn set_pin_effect(before: TwoStep) -> Effect {
        Effect::SetPin(PinPlan::for_one(number(before), pin()))
    }

    fn expect_stay(result: ConfirmResult) -> Box<ConfirmPage> {
        let ConfirmResult::Stay(page) = result else { panic!("the page must stay: {result:?}") };
        page
    }

    fn type_and_enter(mut page: Box<ConfirmPage>, digits: &str, at: Instant) -> ConfirmResult {
        digits.chars().for_each(|digit| page.type_digit(digit, at));
        page.press_enter(at)
    }

    #[test]
    fn y_sets_a_pin_if_none_is_set_and_enter_does_nothing() {
        let (page, later) = shown(TwoStep::NotSet);
        let page = expect_stay(page.press_enter(later));
        let result = page.press_yes(later);
        assert!(matches!(result, ConfirmResult::Confirmed(effect) if effect == set_pin_effect(TwoStep::NotSet)));
    }

    #[test]
    fn a_number_that_is_on_or_unknown_needs_its_last_four_digits() {
        for two_step in [TwoStep::On, TwoStep::Unknown] {
            let (page, later) = shown(two_step);
            let page = expect_stay(page.press_yes(later));
            let result = type_and_enter(page, "0143", later);
            assert!(matches!(result, ConfirmResult::Confirmed(effect) if effect == set_pin_effect(two_step)));
        }
    }

    #[test]
    fn the_page_closes_after_five_wrong_tries() {
        let (mut page, later) = shown(TwoStep::On);
        for _ in 0..4 {
            page = expect_stay(type_and_enter(page, "0144", later));
            assert_eq!(page.note, Some("Those are not the last 4 digits. Try again."));
        }
        assert!(matches!(type_and_enter(page, "0144", later), ConfirmResult::TooManyWrongTries));
    }

    #[test]
    fn keys_before_the_quiet_time_has_passed_send_nothing() {
        let (page, at) = (Box::new(ConfirmPage::set_pin(number(TwoStep::NotSet), pin())), Instant::now());
        let mut page = expect_stay(page.press_yes(at));
        page.mark_shown(at);
        expect_stay(page.press_yes(at + Duration::from_millis(100)));
    }

    #[test]
    fn a_number_that_turns_on_gets_the_stronger_question() {
        let (mut page, later) = shown(TwoStep::NotSet);
        page.update_target(&number(TwoStep::On));
        assert!(matches!(page.question, Question::Replace { .. }));
        expect_stay(type_and_enter(expect_stay(page.press_yes(later)), "0143", later));
    }

    #[test]
    fn digits_typed_before_the_page_was_covered_are_dropped() {
        let (mut page, later) = shown(TwoStep::On);
        "01".chars().for_each(|digit| page.type_digit(digit, later));
        page.mark_hidden();
        page.mark_shown(later);
        let page = expect_stay(type_and_enter(page, "43", later + Duration::from_secs(1)));
        assert_eq!(page.note, Some("Type the last 4 digits first."));
    }

    #[test]
    fn an_unlisted_number_gets_the_stronger_question() {
        let (mut page, later) = shown(TwoStep::NotSet);
        page.mark_unlisted();
        assert_eq!((page.target.two_step, page.note), (TwoStep::Unknown, Some(UNLISTED_NOTE)));
        let page = expect_stay(type_and_enter(expect_stay(page.press_yes(later)), "0143", later));
        assert!(matches!(&page.question, Question::Replace { typed, .. } if typed.is_empty()));
    }

    #[test]
    fn the_question_starts_over_for_a_renamed_number() {
        let (page, later) = shown(TwoStep::On);
        let mut page = expect_stay(type_and_enter(page, "014", later));
        let other = Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..number(TwoStep::On) };
        page.update_target(&other);
        assert_eq!((&page.target, page.note.is_some()), (&other, true));
        let page = expect_stay(type_and_enter(page, "3", later));
        assert!(
            matches!(&page.question, Question::Replace { typed, expected, .. } if typed.is_empty() && expected.digits == "0199")
        );
    }
}
