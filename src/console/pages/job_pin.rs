//! The PIN of a job that sets the same PIN everywhere, typed again before what is left of the job is sent.
//!
//! pindesk stores no PIN that it can read, so it cannot tell whether this one is the same. It sends nothing: it leads to a
//! question.

use std::time::Instant;

use super::batch_event::update_remainder;
use super::{PageBehavior, PageEvent, same_pin};
use crate::console::go::{Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{JobPinAction, KeyTable, table};
use crate::console::job_remainder::{JobRemainder, ResumeRequest};
use crate::console::pin_form::{PinField, PinForm};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PinChoice;

/// The form.
#[derive(Debug)]
pub struct JobPinPage {
    /// The job and its numbers.
    pub remainder: Box<JobRemainder>,
    /// The PIN, twice.
    pub form: PinForm,
}

impl JobPinPage {
    /// An empty form for what a job left.
    #[must_use]
    pub fn new(remainder: Box<JobRemainder>, shared: &Shared) -> Self {
        Self { remainder, form: same_pin::empty_form(shared) }
    }

    /// Leads to the question, once the PIN is complete.
    fn submit(mut self, shared: &Shared) -> Step<Self> {
        match same_pin::submit(&mut self.form, self.remainder.frozen(), shared) {
            Some(pin) => {
                let request = ResumeRequest { remainder: *self.remainder, pins: PinChoice::Fixed(pin) };
                Step::replace(Destination::ResumeJob(Box::new(request)))
            }
            None => Step::stay(self),
        }
    }
}

impl PageBehavior for JobPinPage {
    type Action = JobPinAction;
    const ON_INTERRUPT: JobPinAction = JobPinAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<JobPinAction> {
        &table::JOB_PIN
    }

    fn on_action(mut self, action: JobPinAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            JobPinAction::Continue => return self.submit(shared),
            JobPinAction::Cancel => {
                shared.messages.push_brief(now.utc, "Canceled. Nothing was sent.");
                return Step::back();
            }
            JobPinAction::Help => {
                self.form.hide();
                return Step::open(self, Destination::Help);
            }
            JobPinAction::ShowList => {
                self.form.hide();
                let frozen = self.remainder.frozen().clone();
                return Step::open(self, Destination::ManyPinsList(frozen));
            }
            JobPinAction::NextField => self.form.focus(PinField::Repeat),
            JobPinAction::PreviousField => self.form.focus(PinField::New),
            JobPinAction::ShowPin => self.form.toggle_shown(now.instant),
            JobPinAction::DeleteDigit => self.form.delete(),
            JobPinAction::ClearField => self.form.clear(),
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if let Key::Char(c) = key {
            self.form.type_char(c);
        } else {
            shared.hint_unbound_key(key, self.keys(shared).mode);
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
        // Nothing was counted yet.
        update_remainder(&mut self.remainder, event, &mut 0, shared);
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

    fn is_about(&self, id: &PhoneNumberId) -> bool {
        self.remainder.frozen().get(id).is_some()
    }

    fn has_pane(&self) -> bool {
        true
    }
}
