//! The PIN that is typed for many numbers at once.
//!
//! It sends nothing, and compares the PIN with nothing that was set before.

use crate::console::pin_form::{PinForm, PinFormNote};
use crate::console::shared::Shared;
use crate::domain::batch_plan::FrozenBatch;
use crate::domain::pin::{Pin, Weakness};

/// A form in which nothing was typed yet.
pub(super) fn empty_form(shared: &Shared) -> PinForm {
    PinForm::new(None, shared.session.show_pin_for)
}

/// The PIN for these numbers, if it is complete. Otherwise the form says what is missing. It refuses a PIN that is the end
/// of one of the numbers, as the form of that number would: another one is typed.
pub(super) fn submit(form: &mut PinForm, frozen: &FrozenBatch, shared: &Shared) -> Option<Pin> {
    let pin = form.submit()?;
    let is_end = |display: Option<&str>| pin.weakness(display) == Some(Weakness::NumberSuffix);
    if frozen.targets().any(|candidate| is_end(candidate.number.original_display())) {
        *form = empty_form(shared);
        form.set_note(PinFormNote::Refused(Weakness::NumberSuffix));
        return None;
    }
    Some(pin)
}
