//! The page that asks before pindesk sends or records something. It holds what the operator confirms: the frozen numbers
//! and their PINs.
//!
//! It sends nothing itself: a confirmation becomes a [`WorkCommand`].

use std::time::Instant;

use super::guard::{Guard, TYPED_AHEAD};
use super::{PageBehavior, PageEvent};
use crate::console::effect::WorkCommand;
use crate::console::go::{ConfirmRequest, Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{ConfirmAction, KeyTable, table};
use crate::console::shared::{BlockReason, Shared};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{LastFour, Number, TwoStep};
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::{PinPlan, Targets};
use crate::domain::text::CleanText;

/// After this many wrong tries the page closes: the operator is at the wrong number.
const MAX_WRONG_TRIES: u8 = 5;

/// The note about a number that its WABA no longer lists.
pub const UNLISTED_NOTE: &str = "No longer listed by its WABA.";

/// A question about numbers, as they were known when the page opened.
#[derive(Debug)]
pub struct ConfirmPage {
    /// The numbers, frozen.
    pub targets: Targets,
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
    Set(PinChoice),
    /// A PIN is set, or may be: the last four digits of the number confirm that it is replaced.
    Replace {
        /// The new PINs.
        pins: PinChoice,
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

/// The result of a key that may confirm. It consumes the page, so nothing can be confirmed twice.
#[derive(Debug)]
enum KeyResult {
    Stay(ConfirmPage),
    TooManyWrongTries,
    Confirmed(ConfirmPage),
}

impl ConfirmPage {
    /// Asks for a confirmation.
    #[must_use]
    pub fn new(request: ConfirmRequest) -> Self {
        let (targets, question, note) = match request {
            ConfirmRequest::SetPins { plan: PinPlan { targets, pins }, notice } => {
                let question = Question::about_pins(&targets, pins);
                (targets, question, notice)
            }
            ConfirmRequest::ResendPin(number) => (Targets::one(number), Question::ResendPin, None),
            ConfirmRequest::ResolveManually { number, note } => {
                (Targets::one(number), Question::ResolveManually(note), None)
            }
        };
        Self { targets, question, note, guard: Guard::default() }
    }

    /// The number that the page names.
    #[must_use]
    pub fn target(&self) -> &Number {
        self.targets.first()
    }

    /// Updates a number. If that makes the question stronger, or the number was renamed, the page starts over.
    fn update_target(&mut self, number: &Number) {
        let asks_to_set = matches!(self.question, Question::Set(_));
        let Some(target) = self.targets.get_mut(&number.id) else { return };
        if (asks_to_set && number.two_step != TwoStep::NotSet) || number.is_renamed_from(target) {
            target.clone_from(number);
            self.restart("The number was refreshed. This is its status now.");
        }
    }

    /// If a WABA no longer lists one of the numbers, the page starts over with the stronger question.
    fn mark_unlisted(&mut self, shared: &Shared) {
        let mut is_changed = false;
        self.targets.for_each_mut(|target| {
            if shared.is_unlisted(target) {
                target.two_step = TwoStep::Unknown;
                is_changed = true;
            }
        });
        if is_changed {
            self.restart(UNLISTED_NOTE);
        }
    }

    /// Asks again about the numbers as they are now: no earlier key counts.
    fn restart(&mut self, note: &'static str) {
        self.guard = Guard::default();
        self.note = Some(note);
        // A placeholder without a PIN while the question is rebuilt.
        self.question = match std::mem::replace(&mut self.question, Question::ResendPin) {
            Question::Set(pins) | Question::Replace { pins, .. } => Question::about_pins(&self.targets, pins),
            question @ (Question::ResendPin | Question::ResolveManually(_)) => question,
        };
    }

    fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = self.guard.accepts_key(arrived);
        if !is_accepted {
            self.note = Some(TYPED_AHEAD);
        }
        is_accepted
    }

    fn press_yes(mut self, arrived: Instant) -> KeyResult {
        if !self.accepts_key(arrived) {
            return KeyResult::Stay(self);
        }
        match self.question {
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) => KeyResult::Confirmed(self),
            Question::Replace { .. } => KeyResult::Stay(self),
        }
    }

    fn type_digit(&mut self, digit: char, arrived: Instant) {
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
    fn delete(&mut self, all: bool, arrived: Instant) {
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

    /// Submits the digits, and does nothing for other questions.
    fn press_enter(mut self, arrived: Instant) -> KeyResult {
        if !self.accepts_key(arrived) {
            return KeyResult::Stay(self);
        }
        let Question::Replace { expected, typed, wrong_tries, .. } = &mut self.question else {
            return KeyResult::Stay(self);
        };
        if typed.len() < expected.digits.len() {
            self.note = Some("Type the last 4 digits first.");
            return KeyResult::Stay(self);
        }
        if *typed == expected.digits {
            return KeyResult::Confirmed(self);
        }
        typed.clear();
        *wrong_tries += 1;
        if *wrong_tries >= MAX_WRONG_TRIES {
            return KeyResult::TooManyWrongTries;
        }
        self.note = Some(if expected.is_from_id {
            "Those are not the last 4 digits of the ID. Try again."
        } else {
            "Those are not the last 4 digits. Try again."
        });
        KeyResult::Stay(self)
    }

    /// Any other key was pressed: the note says which keys count.
    fn press_other(&mut self, arrived: Instant) {
        if self.accepts_key(arrived) {
            self.note = Some(match self.question {
                Question::Set(_) | Question::ResendPin => "Press y to send, n to cancel.",
                Question::ResolveManually(_) => "Press y to record it, n to cancel.",
                Question::Replace { .. } => "Type the 4 digits and Enter, or Esc to cancel.",
            });
        }
    }

    fn cancel(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let nothing = match self.question {
            Question::Set(_) | Question::Replace { .. } | Question::ResendPin => "sent",
            Question::ResolveManually(_) => "recorded",
        };
        shared.messages.push(now.utc, format!("Cancelled. Nothing was {nothing}."));
        Step::back()
    }

    /// Asks for what was confirmed, unless it is no longer possible because something changed since the question.
    fn submit(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let id = self.target().id;
        match self.question {
            Question::ResolveManually(note) => match shared.resolution_block_reason(&id) {
                None => {
                    shared.messages.push(now.utc, "Recording the manual check.");
                    Step::reset(Destination::List).with(WorkCommand::ResolveManually { number: id, note })
                }
                Some(reason) => {
                    shared.messages.push(now.utc, "Nothing was recorded.");
                    Step::closed_by(reason, shared)
                }
            },
            Question::ResendPin => match shared.resend_block_reason(&id) {
                None => {
                    mark_queued(&self.targets, shared, now);
                    Step::back().with(WorkCommand::ResendPin(id))
                }
                Some(reason) => refuse(reason, shared, now),
            },
            Question::Set(pins) | Question::Replace { pins, .. } => {
                let (targets, keys) = (self.targets, shared.resend_keys_in_list());
                match targets.iter().find_map(|target| shared.new_pin_block_reason(&target.id, &keys, now)) {
                    None => {
                        mark_queued(&targets, shared, now);
                        Step::back().with(WorkCommand::SetPins(PinPlan { targets, pins }))
                    }
                    Some(reason) => refuse(reason, shared, now),
                }
            }
        }
    }
}

impl Question {
    /// The question about setting PINs. A number that is on, or unknown, gets the stronger one.
    fn about_pins(targets: &Targets, pins: PinChoice) -> Self {
        match targets.iter().find(|target| target.two_step != TwoStep::NotSet) {
            None => Self::Set(pins),
            Some(target) => Self::Replace { pins, expected: target.last_four(), typed: String::new(), wrong_tries: 0 },
        }
    }
}

/// Shows the numbers as queued.
fn mark_queued(targets: &Targets, shared: &mut Shared, now: TimePoint) {
    for target in targets.iter() {
        shared.report_change(target.id, &ChangeState::Queued, now);
        shared.roster.set_change(target.id, ChangeState::Queued);
    }
}

/// Sends nothing. The reason stays on the messages page.
fn refuse<P>(reason: BlockReason, shared: &mut Shared, now: TimePoint) -> Step<P> {
    shared.messages.push(now.utc, format!("Nothing was sent. {}", reason.text()));
    match reason {
        BlockReason::Message(_) => Step::back(),
        BlockReason::TokenRefused(_) | BlockReason::Recipients | BlockReason::JournalUnavailable => {
            Step::closed_by(reason, shared)
        }
    }
}

impl PageBehavior for ConfirmPage {
    type Action = ConfirmAction;
    const ON_INTERRUPT: ConfirmAction = ConfirmAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ConfirmAction> {
        match self.question {
            Question::Set(_) | Question::ResendPin => &table::CONFIRM,
            Question::ResolveManually(_) => &table::CONFIRM_RESOLUTION,
            Question::Replace { .. } => &table::CONFIRM_REPLACE,
        }
    }

    fn on_action(mut self, action: ConfirmAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let result = match action {
            ConfirmAction::Cancel => return self.cancel(shared, now),
            ConfirmAction::Yes => self.press_yes(now.instant),
            ConfirmAction::Submit => self.press_enter(now.instant),
            ConfirmAction::DeleteDigit | ConfirmAction::ClearField => {
                self.delete(action == ConfirmAction::ClearField, now.instant);
                KeyResult::Stay(self)
            }
        };
        match result {
            KeyResult::Stay(page) => Step::stay(page),
            KeyResult::TooManyWrongTries => {
                shared.messages.push(now.utc, "Cancelled: the digits were wrong 5 times. Nothing was sent.");
                Step::back()
            }
            KeyResult::Confirmed(page) => page.submit(shared, now),
        }
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match (key, &self.question) {
            (Key::Char(digit @ '0'..='9'), Question::Replace { .. }) => self.type_digit(digit, now.instant),
            (_, _) => self.press_other(now.instant),
        }
        Step::stay(self)
    }

    fn on_paste(mut self, _text: &str, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        self.note = None;
        shared.messages.set_hint("A paste confirms nothing.");
        Step::stay(self)
    }

    fn on_shown(&mut self, _max_scroll: u16, at: Instant, _shared: &Shared) {
        self.guard.mark_shown(at);
    }

    /// When it is shown again, the quiet time and the digits start over.
    fn on_covered(&mut self) {
        self.guard = Guard::default();
        if let Question::Replace { typed, .. } = &mut self.question {
            typed.clear();
        }
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        match event {
            PageEvent::Refreshed(number) => self.update_target(number),
            // A single read may be later than the page of a list.
            PageEvent::Listed(number) if self.targets.is_outdated_by(number) => self.update_target(number),
            PageEvent::ListsRead => self.mark_unlisted(shared),
            PageEvent::Listed(_) | PageEvent::PinGenerated(..) => {}
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    fn asks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::pin::Pin;

    fn number(two_step: TwoStep) -> Number {
        let mut number = Number::from_config("200000000000001".parse().expect("an id"), None);
        number.display_number = Some(CleanText::new("+1 555-010-0143"));
        number.two_step = two_step;
        number
    }

    fn pin() -> Pin {
        Pin::parse(b"409726").expect("a PIN")
    }

    fn ask(two_step: TwoStep) -> ConfirmPage {
        let plan = PinPlan { targets: Targets::one(number(two_step)), pins: PinChoice::Fixed(pin()) };
        ConfirmPage::new(ConfirmRequest::SetPins { plan, notice: None })
    }

    fn shown(two_step: TwoStep) -> (ConfirmPage, Instant) {
        let (mut page, at) = (ask(two_step), Instant::now());
        page.guard.mark_shown(at);
        (page, at + Duration::from_secs(1))
    }

    fn expect_stay(result: KeyResult) -> ConfirmPage {
        let KeyResult::Stay(page) = result else { panic!("the page must stay: {result:?}") };
        page
    }

    fn type_and_enter(mut page: ConfirmPage, digits: &str, at: Instant) -> KeyResult {
        digits.chars().for_each(|digit| page.type_digit(digit, at));
        page.press_enter(at)
    }

    #[test]
    fn y_sets_a_pin_if_none_is_set_and_enter_does_nothing() {
        let (page, later) = shown(TwoStep::NotSet);
        let page = expect_stay(page.press_enter(later));
        let result = page.press_yes(later);
        assert!(matches!(result, KeyResult::Confirmed(_)));
    }

    #[test]
    fn a_number_that_is_on_or_unknown_needs_its_last_four_digits() {
        for two_step in [TwoStep::On, TwoStep::Unknown] {
            let (page, later) = shown(two_step);
            let page = expect_stay(page.press_yes(later));
            let result = type_and_enter(page, "0143", later);
            assert!(matches!(result, KeyResult::Confirmed(_)));
        }
    }

    #[test]
    fn the_page_closes_after_five_wrong_tries() {
        let (mut page, later) = shown(TwoStep::On);
        for _ in 0..4 {
            page = expect_stay(type_and_enter(page, "0144", later));
            assert_eq!(page.note, Some("Those are not the last 4 digits. Try again."));
        }
        assert!(matches!(type_and_enter(page, "0144", later), KeyResult::TooManyWrongTries));
    }

    #[test]
    fn keys_before_the_quiet_time_has_passed_send_nothing() {
        let (page, at) = (ask(TwoStep::NotSet), Instant::now());
        let mut page = expect_stay(page.press_yes(at));
        page.guard.mark_shown(at);
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
        page.on_covered();
        page.guard.mark_shown(later);
        let page = expect_stay(type_and_enter(page, "43", later + Duration::from_secs(1)));
        assert_eq!(page.note, Some("Type the last 4 digits first."));
    }

    #[test]
    fn an_unlisted_number_gets_the_stronger_question() {
        let (mut page, later) = shown(TwoStep::NotSet);
        page.targets.for_each_mut(|target| target.two_step = TwoStep::Unknown);
        page.restart(UNLISTED_NOTE);
        assert_eq!((page.target().two_step, page.note), (TwoStep::Unknown, Some(UNLISTED_NOTE)));
        let page = expect_stay(type_and_enter(expect_stay(page.press_yes(later)), "0143", later));
        assert!(matches!(&page.question, Question::Replace { typed, .. } if typed.is_empty()));
    }

    #[test]
    fn the_question_starts_over_for_a_renamed_number() {
        let (page, later) = shown(TwoStep::On);
        let mut page = expect_stay(type_and_enter(page, "014", later));
        let other = Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..number(TwoStep::On) };
        page.update_target(&other);
        assert_eq!((page.target(), page.note.is_some()), (&other, true));
        let page = expect_stay(type_and_enter(page, "3", later));
        assert!(
            matches!(&page.question, Question::Replace { typed, expected, .. } if typed.is_empty() && expected.digits == "0199")
        );
    }
}
