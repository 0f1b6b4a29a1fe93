//! The page that asks for a PIN.
//!
//! It sends nothing: it leads to a question.

use std::time::Instant;

use super::{PageBehavior, PageEvent};
use crate::console::effect::ScreenCommand;
use crate::console::go::{ConfirmRequest, Destination, PinDraft, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, Mode, PinFormAction, table};
use crate::console::pin_form::{PinField, PinForm, PinFormNote, PinOrigin};
use crate::console::shared::{Shared, TargetNotice};
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::pin::{Pin, PinChoice};
use crate::domain::pin_plan::Targets;

/// The PIN form and its numbers.
#[derive(Debug)]
pub struct PinFormPage {
    /// The numbers, as they were read last.
    pub targets: Targets,
    /// The fields.
    pub form: PinForm,
    /// What happened to a number while the form was open.
    pub notice: Option<TargetNotice>,
}

impl PinFormPage {
    /// An empty form for these numbers.
    #[must_use]
    pub fn new(targets: Targets, shared: &Shared) -> Self {
        let form = PinForm::new(display_number(targets.first()), shared.session.show_pin_for);
        Self { targets, form, notice: None }
    }

    /// The form as it was left, for the numbers as they are known now.
    #[must_use]
    pub fn reopen(PinDraft { targets, mut form, notice }: PinDraft) -> Self {
        form.set_display_number(display_number(targets.first()));
        Self { targets, form, notice }
    }

    fn update_target(&mut self, number: &Number) {
        let Some(target) = self.targets.get_mut(&number.id) else { return };
        if number.is_renamed_from(target) {
            self.notice = Some(TargetNotice::Renamed);
            self.form.set_display_number(display_number(number));
        }
        target.clone_from(number);
    }

    /// Leads to the question, once the form has a PIN.
    fn submit(mut self) -> Step<Self> {
        match self.form.submit() {
            Some(pin) => {
                self.form.hide();
                let draft = PinDraft { targets: self.targets, form: self.form, notice: self.notice };
                let pins = match draft.form.origin() {
                    PinOrigin::Typed | PinOrigin::RandomRetyped => PinChoice::Fixed(pin),
                    PinOrigin::RandomInEscrow => PinChoice::Drawn(pin),
                };
                Step::replace(Destination::Confirm(ConfirmRequest::SetPins { pins, draft }))
            }
            None => Step::stay(self),
        }
    }

    fn generate(mut self, shared: &Shared) -> Step<Self> {
        if self.form.can_show() || shared.has_escrow() {
            let display_number = self.form.display_number().map(str::to_owned);
            return Step::stay(self).with(ScreenCommand::GeneratePin { display_number });
        }
        self.form.set_note(PinFormNote::RandomUnreadable);
        Step::stay(self)
    }

    fn pin_generated(&mut self, pin: Option<&Pin>, has_escrow: bool, now: Instant) {
        match pin {
            Some(pin) => self.form.fill_random(pin, has_escrow, now),
            None => self.form.set_note(PinFormNote::NoRandomness),
        }
    }
}

fn display_number(number: &Number) -> Option<String> {
    number.original_display().map(str::to_owned)
}

impl PageBehavior for PinFormPage {
    type Action = PinFormAction;
    const ON_INTERRUPT: PinFormAction = PinFormAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<PinFormAction> {
        &table::PIN_FORM
    }

    fn number(&self) -> Option<PhoneNumberId> {
        Some(self.targets.first().id)
    }

    fn on_action(mut self, action: PinFormAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            PinFormAction::Continue => return self.submit(),
            PinFormAction::RandomPin => return self.generate(shared),
            PinFormAction::Cancel => {
                shared.messages.push_brief(now.utc, "Canceled. Nothing was sent.");
                return Step::back();
            }
            PinFormAction::HideScreen => {
                self.on_hide(shared, now);
                return Step::reset(Destination::Hidden(None));
            }
            PinFormAction::Help => {
                self.form.hide();
                return Step::open(self, Destination::Help);
            }
            PinFormAction::ShowPin => self.form.toggle_shown(now.instant),
            PinFormAction::NextField => self.form.focus(PinField::Repeat),
            PinFormAction::PreviousField => self.form.focus(PinField::New),
            PinFormAction::DeleteDigit => self.form.delete(),
            PinFormAction::ClearField => self.form.clear(),
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if let Key::Char(c) = key {
            self.form.type_char(c);
        } else {
            shared.hint_unbound_key(key, Mode::PinForm);
        }
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.form.paste(text);
        Step::stay(self)
    }

    fn on_covered(&mut self) {
        self.form.hide();
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        match event {
            PageEvent::PinGenerated(pin, now) => self.pin_generated(*pin, shared.has_escrow(), *now),
            PageEvent::Refreshed(number) => self.update_target(number),
            // A single read may be later than the page of a list.
            PageEvent::Listed(number) if self.targets.is_outdated_by(number) => self.update_target(number),
            PageEvent::Listed(_) | PageEvent::CallsLeftRead(_) | PageEvent::RecentSetsRead(..) => {}
            PageEvent::ChangedElsewhere(id, notice) => {
                if let Some(target) = self.targets.get_mut(id) {
                    target.two_step = TwoStep::Unknown;
                    self.notice = Some((*notice).clone());
                }
            }
            PageEvent::ListsRead => self.targets.for_each_mut(|target| {
                if shared.is_unlisted(target) {
                    target.two_step = TwoStep::Unknown;
                }
            }),
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    fn next_wake(&self, _shared: &Shared, now: Instant) -> Option<Instant> {
        self.form.next_change(now)
    }

    fn asks(&self) -> bool {
        true
    }

    fn is_available(&self, action: &PinFormAction, _shared: &Shared) -> bool {
        match action {
            PinFormAction::Continue => self.form.is_complete(),
            PinFormAction::NextField | PinFormAction::PreviousField | PinFormAction::ClearField => {
                self.form.needs_repeat()
            }
            PinFormAction::RandomPin
            | PinFormAction::ShowPin
            | PinFormAction::DeleteDigit
            | PinFormAction::HideScreen
            | PinFormAction::Cancel
            | PinFormAction::Help => true,
        }
    }
}
