//! The page that asks before pindesk sends or records something. It holds what the operator confirms: the frozen numbers
//! and their PINs.
//!
//! It sends nothing itself: a confirmation becomes a [`WorkCommand`].

use std::time::Instant;

use super::guard::{Guard, TYPED_AHEAD};
use super::typed_digits::{Submission, TypedDigits, typed_digit};
use super::{PageBehavior, PageEvent};
use crate::console::effect::WorkCommand;
use crate::console::go::{ConfirmRequest, Destination, PinDraft, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{ConfirmAction, KeyTable, table};
use crate::console::pin_form::PinForm;
use crate::console::shared::{BlockReason, Shared, TargetNotice};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{LastFour, Number, PhoneNumberId, TwoStep};
use crate::domain::pin::PinChoice;
use crate::domain::pin_plan::{PinPlan, Targets};
use crate::domain::text::CleanText;

/// A question about numbers, as they were known when the page opened.
#[derive(Debug)]
pub struct ConfirmPage {
    /// The numbers, frozen.
    pub targets: Targets,
    /// What is confirmed.
    pub question: Question,
    /// What the operator must know about the numbers.
    pub notice: Option<TargetNotice>,
    /// The answer to the last key.
    answer: Option<&'static str>,
    guard: Guard,
}

/// New PINs, and the form that they come from.
#[derive(Debug)]
pub struct NewPins {
    /// The PINs.
    pub pins: PinChoice,
    /// The form, to return to.
    pub form: PinForm,
}

/// What a confirmation asks.
#[derive(Debug)]
pub enum Question {
    /// Two-step verification is not set: `y` turns it on.
    Set(NewPins),
    /// A PIN is set, or may be: the last four digits of the number confirm that it is replaced.
    Replace {
        /// The new PINs.
        new: NewPins,
        /// The expected digits.
        expected: LastFour,
        /// The digits typed so far.
        typed: TypedDigits,
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
        let (targets, question, notice) = match request {
            ConfirmRequest::SetPins { pins, draft: PinDraft { targets, form, notice } } => {
                let question = Question::about_pins(&targets, NewPins { pins, form });
                (targets, question, notice)
            }
            ConfirmRequest::ResendPin(number) => (Targets::one(number), Question::ResendPin, None),
            ConfirmRequest::ResolveManually { number, note } => {
                (Targets::one(number), Question::ResolveManually(note), None)
            }
        };
        Self { targets, question, notice, answer: None, guard: Guard::default() }
    }

    /// The number that the page names.
    #[must_use]
    pub fn target(&self) -> &Number {
        self.targets.first()
    }

    /// True while the field accepts no digits yet.
    #[must_use]
    pub fn is_pausing(&self, now: Instant) -> bool {
        self.guard.is_pausing(now)
    }

    /// The line under the question: the answer to the last key, or how far the digits are.
    #[must_use]
    pub fn answer(&self, now: Instant) -> Option<String> {
        let hint = match &self.question {
            Question::Replace { .. } if self.is_pausing(now) => Some(TYPED_AHEAD.to_owned()),
            Question::Replace { expected, typed, .. } => {
                let typed = typed.as_str().len();
                (typed > 0).then(|| format!("{typed} of {} digits.", expected.digits.len()))
            }
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) => {
                Some("Enter does nothing here.".to_owned())
            }
        };
        self.answer.map(str::to_owned).or(hint)
    }

    /// Updates a number. If that makes the question stronger, or the number was renamed, the page starts over.
    fn update_target(&mut self, number: &Number) {
        let asks_to_set = matches!(self.question, Question::Set(_));
        let Some(target) = self.targets.get_mut(&number.id) else { return };
        if (asks_to_set && number.two_step != TwoStep::NotSet) || number.is_renamed_from(target) {
            target.clone_from(number);
            self.restart(TargetNotice::Refreshed);
        } else if target.two_step == number.two_step || (!asks_to_set && number.two_step == TwoStep::On) {
            // The question stays as strong as it was. What is sent is judged by the newer status.
            target.clone_from(number);
        }
    }

    /// Another process changed a number, so that its status is no longer known: the page starts over once.
    fn mark_changed_elsewhere(&mut self, id: &PhoneNumberId, notice: &TargetNotice) {
        if self.notice.as_ref() == Some(notice) {
            return;
        }
        match self.question {
            Question::Set(_) | Question::Replace { .. } => {
                let Some(target) = self.targets.get_mut(id) else { return };
                target.two_step = TwoStep::Unknown;
            }
            Question::ResendPin | Question::ResolveManually(_) if self.target().id == *id => {}
            Question::ResendPin | Question::ResolveManually(_) => return,
        }
        self.restart(notice.clone());
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
            self.restart(TargetNotice::Unlisted);
        }
    }

    /// Asks again about the numbers as they are now: no earlier key counts.
    fn restart(&mut self, notice: TargetNotice) {
        self.guard = Guard::default();
        self.notice = Some(notice);
        self.answer = None;
        // A placeholder without a PIN while the question is rebuilt.
        self.question = match std::mem::replace(&mut self.question, Question::ResendPin) {
            Question::Set(new) | Question::Replace { new, .. } => Question::about_pins(&self.targets, new),
            question @ (Question::ResendPin | Question::ResolveManually(_)) => question,
        };
    }

    /// Whether a key counts that confirms nothing by itself.
    fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = self.guard.accepts_key(arrived);
        self.answer = (!is_accepted).then_some(TYPED_AHEAD);
        is_accepted
    }

    fn press_yes(mut self, arrived: Instant) -> KeyResult {
        self.answer = self.guard.check_yes(arrived).err();
        match self.question {
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) if self.answer.is_none() => {
                KeyResult::Confirmed(self)
            }
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) | Question::Replace { .. } => {
                KeyResult::Stay(self)
            }
        }
    }

    fn type_digit(&mut self, digit: char, arrived: Instant) {
        if !self.accepts_key(arrived) {
            return;
        }
        if let Question::Replace { expected, typed, .. } = &mut self.question {
            typed.push(digit, expected.digits.len());
        }
    }

    /// Deletes the last digit, or all of them.
    fn delete(&mut self, all: bool, arrived: Instant) {
        if !self.accepts_key(arrived) {
            return;
        }
        if let Question::Replace { typed, .. } = &mut self.question {
            typed.delete(all);
        }
    }

    /// Submits the digits.
    fn press_enter(mut self, arrived: Instant) -> KeyResult {
        let Question::Replace { expected, typed, .. } = &mut self.question else {
            self.accepts_key(arrived);
            return KeyResult::Stay(self);
        };
        let LastFour { digits, is_from_id } = expected;
        self.answer = Some(match (typed.submit(&mut self.guard, arrived, digits, digits.len()), is_from_id) {
            (Submission::Ignored(why), _) => why,
            (Submission::Incomplete, _) => "Type the last 4 digits first.",
            (Submission::Wrong, true) => "Those are not the last 4 digits of the ID. Try again.",
            (Submission::Wrong, false) => "Those are not the last 4 digits. Try again.",
            (Submission::TooManyWrong, _) => return KeyResult::TooManyWrongTries,
            (Submission::Right, _) => return KeyResult::Confirmed(self),
        });
        KeyResult::Stay(self)
    }

    /// Any other key was pressed: the answer says which keys count.
    fn press_other(&mut self, arrived: Instant) {
        if self.accepts_key(arrived) {
            self.answer = Some(match self.question {
                Question::Set(_) | Question::ResendPin => "Press y to send, n to cancel.",
                Question::ResolveManually(_) => "Press y to record it, n to cancel.",
                Question::Replace { .. } => "Type the 4 digits and Enter, or Esc to go back.",
            });
        }
    }

    fn cancel(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let nothing = match self.question {
            Question::Set(_) | Question::Replace { .. } | Question::ResendPin => "sent",
            Question::ResolveManually(_) => "recorded",
        };
        shared.messages.push_brief(now.utc, format!("Canceled. Nothing was {nothing}."));
        Step::back()
    }

    /// Returns to the page that led here, with what was typed there.
    fn go_back(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let id = self.target().id;
        match self.question {
            Question::Set(new) | Question::Replace { new, .. } => Step::replace(Destination::EditPin(PinDraft {
                targets: self.targets,
                form: new.form,
                notice: self.notice,
            })),
            Question::ResolveManually(note) => Step::replace(Destination::EditResolutionNote(id, note)),
            Question::ResendPin => self.cancel(shared, now),
        }
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
            Question::Set(new) | Question::Replace { new, .. } => {
                let pins = new.pins;
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
    fn about_pins(targets: &Targets, new: NewPins) -> Self {
        match targets.iter().find(|target| target.two_step != TwoStep::NotSet) {
            None => Self::Set(new),
            Some(target) => Self::Replace { new, expected: target.last_four(), typed: TypedDigits::default() },
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
pub(super) fn refuse<P>(reason: BlockReason, shared: &mut Shared, now: TimePoint) -> Step<P> {
    shared.messages.push(now.utc, format!("Nothing was sent. {}", reason.text()));
    match reason {
        BlockReason::Message(_) => Step::back(),
        BlockReason::TokenRefused(_)
        | BlockReason::Recipients
        | BlockReason::JournalUnavailable
        | BlockReason::Offline => Step::closed_by(reason, shared),
    }
}

impl PageBehavior for ConfirmPage {
    type Action = ConfirmAction;
    const ON_INTERRUPT: ConfirmAction = ConfirmAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ConfirmAction> {
        match self.question {
            Question::Set(_) => &table::CONFIRM,
            Question::ResendPin => &table::CONFIRM_RESEND,
            Question::ResolveManually(_) => &table::CONFIRM_RESOLUTION,
            Question::Replace { .. } => &table::CONFIRM_REPLACE,
        }
    }

    fn number(&self) -> Option<PhoneNumberId> {
        Some(self.target().id)
    }

    fn on_action(mut self, action: ConfirmAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let result = match action {
            ConfirmAction::Cancel => return self.cancel(shared, now),
            ConfirmAction::Back => return self.go_back(shared, now),
            ConfirmAction::Help => {
                self.on_covered();
                return Step::open(self, Destination::Help);
            }
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
                shared.messages.push(now.utc, "Canceled: the digits were wrong 5 times. Nothing was sent.");
                Step::back()
            }
            KeyResult::Confirmed(page) => page.submit(shared, now),
        }
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match (typed_digit(key), &self.question) {
            (Some(digit), Question::Replace { .. }) => self.type_digit(digit, now.instant),
            (_, _) => self.press_other(now.instant),
        }
        Step::stay(self)
    }

    fn guard(&mut self) -> Option<&mut Guard> {
        Some(&mut self.guard)
    }

    fn on_paste(mut self, _text: &str, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        self.answer = Some("Too fast: that looked like a paste. Press the key again.");
        Step::stay(self)
    }

    /// When it is shown again, the pause and the digits start over.
    fn on_covered(&mut self) {
        self.guard = Guard::default();
        self.answer = None;
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
            PageEvent::ChangedElsewhere(id, notice) => self.mark_changed_elsewhere(id, notice),
            PageEvent::Listed(_)
            | PageEvent::PinGenerated(..)
            | PageEvent::CallsLeftRead(_)
            | PageEvent::RecentSetsRead(..) => {}
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    /// When the pause ends, the field looks different.
    fn next_wake(&self, _shared: &Shared, now: Instant) -> Option<Instant> {
        match self.question {
            Question::Replace { .. } => self.guard.pause_end().filter(|end| now < *end),
            Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) => None,
        }
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
        let draft = PinDraft { targets: Targets::one(number(two_step)), form: PinForm::new(None, None), notice: None };
        ConfirmPage::new(ConfirmRequest::SetPins { pins: PinChoice::Fixed(pin()), draft })
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
        page.press_enter(at + Duration::from_millis(100))
    }

    #[test]
    fn digits_and_enter_at_once_confirm_nothing() {
        let (mut page, later) = shown(TwoStep::On);
        "0143".chars().for_each(|digit| page.type_digit(digit, later));
        let page = expect_stay(page.press_enter(later + Duration::from_millis(20)));
        assert_eq!(page.answer, Some("Too fast: that looked like a paste. Type it again."));
        let result = type_and_enter(page, "0143", later + Duration::from_secs(1));
        assert!(matches!(result, KeyResult::Confirmed(_)));
    }

    #[test]
    fn y_sets_a_pin_if_none_is_set_and_enter_does_nothing() {
        let (page, later) = shown(TwoStep::NotSet);
        let page = expect_stay(page.press_enter(later));
        let page = expect_stay(page.press_yes(later + Duration::from_millis(399)));
        assert_eq!(page.answer, Some("Release the keys, then press y."));
        let result = page.press_yes(later + Duration::from_millis(799));
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
        for seconds in 0..4 {
            page = expect_stay(type_and_enter(page, "0144", later + Duration::from_secs(seconds)));
            assert_eq!(page.answer, Some("Those are not the last 4 digits. Try again."));
        }
        assert!(matches!(type_and_enter(page, "0144", later + Duration::from_secs(4)), KeyResult::TooManyWrongTries));
    }

    #[test]
    fn keys_within_the_pause_send_nothing() {
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
        assert_eq!(page.answer, Some("Type the last 4 digits first."));
    }

    #[test]
    fn an_unlisted_number_gets_the_stronger_question() {
        let (mut page, later) = shown(TwoStep::NotSet);
        page.targets.for_each_mut(|target| target.two_step = TwoStep::Unknown);
        page.restart(TargetNotice::Unlisted);
        assert_eq!((page.target().two_step, &page.notice), (TwoStep::Unknown, &Some(TargetNotice::Unlisted)));
        let page = expect_stay(type_and_enter(expect_stay(page.press_yes(later)), "0143", later));
        assert!(matches!(&page.question, Question::Replace { typed, .. } if typed.as_str().is_empty()));
    }

    #[test]
    fn the_question_starts_over_for_a_renamed_number() {
        let (page, later) = shown(TwoStep::On);
        let mut page = expect_stay(type_and_enter(page, "014", later));
        let other = Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..number(TwoStep::On) };
        page.update_target(&other);
        assert_eq!((page.target(), page.notice.is_some()), (&other, true));
        let page = expect_stay(type_and_enter(page, "3", later));
        assert!(
            matches!(&page.question, Question::Replace { typed, expected, .. } if typed.as_str().is_empty() && expected.digits == "0199")
        );
    }
}
