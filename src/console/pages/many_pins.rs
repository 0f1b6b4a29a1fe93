//! The form for many numbers: how their PINs are chosen, and what happens to those that have one.
//!
//! It sends nothing: it leads to a question.

use std::time::Instant;

use tui_input::Input;

use super::batch_event::changed_candidate;
use super::text_field::{PASTED_LINE_END, edit_text, insert_text};
use super::{PageBehavior, PageEvent, same_pin};
use crate::console::go::{Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, ManyPinsAction, table};
use crate::console::many_pins::{FIRST_ONE_ABOVE, FormRow, ManyPinsDraft, ManyPinsRequest, PinKind};
use crate::console::pin_form::PinField;
use crate::console::shared::{Environment, Shared};
use crate::domain::batch_plan::{FrozenBatch, LeftOutReason};
use crate::domain::clock::TimePoint;
use crate::domain::note::{PIN_IN_NOTE, check_note};
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PinChoice;

/// Why different PINs cannot be chosen.
const NEEDS_ESCROW: &str = "Different PINs need a file to save them in. Set escrow.recipients in the config, or choose \
                            the same PIN for every number.";
const NO_NUMBER_LEFT: &str = "No number is left that a PIN can be sent to.";
const ALL_ON: &str = "All that are left have a PIN, or may. Tick \"Already on\" to replace them.";

/// The form.
#[derive(Debug)]
pub struct ManyPinsPage {
    /// What was chosen and typed.
    pub draft: ManyPinsDraft,
    /// Why the last key did nothing.
    pub answer: Option<&'static str>,
}

impl ManyPinsPage {
    /// A form for these numbers, with the careful choices.
    #[must_use]
    pub fn new(ids: &[PhoneNumberId], shared: &Shared) -> Self {
        let batch = shared.batch(ids);
        let is_live = shared.session.environment == Environment::Live;
        let sends_first = is_live && batch.candidates().len() > FIRST_ONE_ABOVE;
        let pin_kind = if shared.has_escrow() { PinKind::Random } else { PinKind::Same };
        Self::reopen(ManyPinsDraft::new(batch, same_pin::empty_form(shared), pin_kind, sends_first))
    }

    /// The form as it was left.
    #[must_use]
    pub const fn reopen(draft: ManyPinsDraft) -> Self {
        Self { draft, answer: None }
    }

    /// Reads again what the list knows of the numbers.
    fn refresh_batch(&mut self, shared: &Shared) {
        let ids: Vec<_> = self.draft.batch().candidates().iter().map(|candidate| candidate.number.id).collect();
        self.draft.set_batch(shared.batch(&ids));
    }

    fn move_row(&mut self, is_down: bool) {
        let form = &mut self.draft.pin_form;
        let other = if is_down { PinField::Repeat } else { PinField::New };
        if self.draft.row == FormRow::Pin && form.field() != other {
            form.focus(other);
            // A PIN that is refused is not typed again.
            if form.field() == other {
                return;
            }
        }
        self.draft.move_row(is_down);
        if self.draft.row != FormRow::Pin {
            // The key that hides it is a key of its row.
            self.draft.pin_form.hide();
        }
    }

    /// Changes the choice of the row.
    fn change(&mut self, shared: &Shared) {
        match (self.draft.row, self.draft.pin_kind) {
            (FormRow::Pins, PinKind::Random) => self.draft.pin_kind = PinKind::Same,
            (FormRow::Pins, PinKind::Same) if shared.has_escrow() => {
                self.draft.pin_kind = PinKind::Random;
                self.draft.pin_form = same_pin::empty_form(shared);
            }
            (FormRow::Pins, PinKind::Same) => self.answer = Some(NEEDS_ESCROW),
            (FormRow::Replace, _) => self.draft.toggle_replace(),
            (FormRow::First, _) => self.draft.sends_first = !self.draft.sends_first,
            (FormRow::Pin | FormRow::Note, _) => {}
        }
    }

    /// Leads to the question, once the form is complete.
    fn submit(mut self, shared: &mut Shared) -> Step<Self> {
        if let Some(reason) = shared.sending_block_reason() {
            return Step::blocked(self, reason, shared);
        }
        if self.draft.note_text().is_some_and(|note| check_note(note.as_str()).is_err()) {
            self.draft.pin_form.hide();
            self.draft.row = FormRow::Note;
            self.answer = Some(PIN_IN_NOTE);
            return Step::stay(self);
        }
        self.refresh_batch(shared);
        let frozen = self.draft.frozen().clone();
        if frozen.plan().count() == 0 {
            let is_choice = |reason| matches!(reason, LeftOutReason::On | LeftOutReason::Unknown);
            let can_replace = frozen.plan().left_out_counts().any(|(reason, _)| is_choice(reason));
            self.answer = Some(if can_replace { ALL_ON } else { NO_NUMBER_LEFT });
            return Step::stay(self);
        }
        match self.choose_pins(&frozen, shared) {
            Some(pins) => {
                self.draft.pin_form.hide();
                let request = ManyPinsRequest { frozen, pins, draft: self.draft };
                Step::replace(Destination::ConfirmMany(Box::new(request)))
            }
            None => Step::stay(self),
        }
    }

    /// The PINs, if they are complete. Otherwise the form says what is missing.
    fn choose_pins(&mut self, frozen: &FrozenBatch, shared: &Shared) -> Option<PinChoice> {
        match self.draft.pin_kind {
            PinKind::Random if shared.has_escrow() => Some(PinChoice::Random),
            PinKind::Random => {
                self.answer = Some(NEEDS_ESCROW);
                None
            }
            PinKind::Same => {
                let pin = same_pin::submit(&mut self.draft.pin_form, frozen, shared);
                if pin.is_none() {
                    self.draft.row = FormRow::Pin;
                }
                pin.map(PinChoice::Fixed)
            }
        }
    }
}

impl PageBehavior for ManyPinsPage {
    type Action = ManyPinsAction;
    const ON_INTERRUPT: ManyPinsAction = ManyPinsAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ManyPinsAction> {
        match self.draft.row {
            FormRow::Pins | FormRow::Replace | FormRow::First => &table::MANY_PINS,
            FormRow::Pin => &table::MANY_PINS_PIN,
            FormRow::Note => &table::MANY_PINS_NOTE,
        }
    }

    fn on_action(mut self, action: ManyPinsAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.answer = None;
        match action {
            ManyPinsAction::Continue => return self.submit(shared),
            ManyPinsAction::Cancel => {
                shared.messages.push_brief(now.utc, "Canceled. Nothing was sent.");
                return Step::back();
            }
            ManyPinsAction::HideScreen => {
                self.on_hide(shared, now);
                return Step::reset(Destination::Hidden(None));
            }
            ManyPinsAction::ShowList => {
                self.draft.pin_form.hide();
                let frozen = self.draft.frozen().clone();
                return Step::open(self, Destination::ManyPinsList(frozen));
            }
            ManyPinsAction::Help => {
                self.draft.pin_form.hide();
                return Step::open(self, Destination::Help);
            }
            ManyPinsAction::NextField => self.move_row(true),
            ManyPinsAction::PreviousField => self.move_row(false),
            ManyPinsAction::Change => self.change(shared),
            ManyPinsAction::ShowPin => self.draft.pin_form.toggle_shown(now.instant),
            ManyPinsAction::DeleteDigit => self.draft.pin_form.delete(),
            ManyPinsAction::ClearField if self.draft.row == FormRow::Note => {
                self.draft.note = Input::default();
            }
            ManyPinsAction::ClearField => self.draft.pin_form.clear(),
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.answer = None;
        match (self.draft.row, key) {
            (FormRow::Note, _) => {
                edit_text(&mut self.draft.note, key);
            }
            (FormRow::Pin, Key::Char(c)) => self.draft.pin_form.type_char(c),
            (FormRow::Pin | FormRow::Pins | FormRow::Replace | FormRow::First, _) => {
                shared.hint_unbound_key(key, self.keys(shared).mode);
            }
        }
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match self.draft.row {
            FormRow::Note => {
                if insert_text(&mut self.draft.note, text) {
                    shared.messages.set_hint(PASTED_LINE_END);
                }
            }
            FormRow::Pin => self.draft.pin_form.paste(text),
            FormRow::Pins | FormRow::Replace | FormRow::First => shared.messages.set_hint("Paste ignored."),
        }
        Step::stay(self)
    }

    fn on_covered(&mut self) {
        self.draft.pin_form.hide();
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        match event {
            PageEvent::ListsRead => self.refresh_batch(shared),
            PageEvent::CallsLeftRead(left) => self.draft.calls_left = left.to_vec(),
            PageEvent::Listed(_)
            | PageEvent::Refreshed(_)
            | PageEvent::ChangedElsewhere(..)
            | PageEvent::PinGenerated(..)
            | PageEvent::RecentSetsRead(..) => {
                if let Some(candidate) = changed_candidate(event, |id| self.draft.batch().get(id), shared) {
                    self.draft.update(candidate);
                }
            }
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    fn next_wake(&self, _shared: &Shared, now: Instant) -> Option<Instant> {
        self.draft.pin_form.next_change(now)
    }

    fn asks(&self) -> bool {
        true
    }

    fn is_about(&self, id: &PhoneNumberId) -> bool {
        self.draft.batch().get(id).is_some()
    }

    fn has_pane(&self) -> bool {
        true
    }
}
