//! The PIN form: two fields of six digits, wiped on drop, and a note about them.
//!
//! It accepts only digits, and hides them unless the operator shows them. It returns a [`Pin`] only if the operator typed
//! it twice and it is not easy to guess, or if it is random and the escrow keeps it. It draws nothing and sends nothing.

mod digit_buffer;

use std::time::{Duration, Instant};

use self::digit_buffer::DigitBuffer;
use crate::domain::pin::{PIN_DIGITS, Pin, Weakness};

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinField {
    /// The first field: the new PIN.
    New,
    /// The second field: the same PIN again.
    Repeat,
}

/// Where the PIN in the first field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinOrigin {
    /// The operator types it, twice.
    Typed,
    /// pindesk generated it and shows it for a while: the operator saves it, then types it again.
    RandomRetyped,
    /// pindesk generated it, and the escrow keeps it: no one has to see it or type it again.
    RandomInEscrow,
}

/// How one cell of a field looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinCell {
    /// No digit yet.
    Empty,
    /// The next digit goes here.
    Next,
    /// A digit, not shown.
    Hidden,
    /// A digit, shown because the operator asked.
    Shown(char),
}

/// The line under the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinFormNote {
    /// The current field is empty.
    TypeDigits,
    /// How many digits the current field has.
    DigitCount(usize),
    /// The key is not a digit.
    OnlyDigits,
    /// The first field is full, and the second one is empty.
    RepeatPin,
    /// The second field differed from the first one, and was cleared.
    Mismatch,
    /// Both fields are full and equal.
    Ready,
    /// The first field has a random PIN that the escrow keeps.
    RandomReady,
    /// pindesk refuses the PIN, because it is too easy to guess.
    Refused(Weakness),
    /// The PIN is easy to guess: a second Enter accepts it.
    ConfirmWeak(Weakness),
    /// A random PIN was generated, and must be typed again.
    RandomGenerated,
    /// The config never shows a PIN, because sessions are recorded.
    ShowingDisabled,
    /// A random PIN would be neither shown nor kept by an escrow.
    RandomUnreadable,
    /// A paste was accepted.
    Pasted,
    /// A paste was not six digits.
    PasteRejected,
    /// The system has no random numbers.
    NoRandomness,
}

impl PinFormNote {
    /// The sentences that the form shows.
    #[must_use]
    pub fn text(self) -> String {
        let easy = |weakness: Weakness| format!("Easy to guess: {}.", weakness.description());
        match self {
            Self::TypeDigits => "Type 6 digits.".to_owned(),
            Self::DigitCount(count) => format!("{count} of {PIN_DIGITS} digits."),
            Self::OnlyDigits => "Digits only.".to_owned(),
            Self::RepeatPin => "Now type the same PIN again.".to_owned(),
            Self::Mismatch => "They differ. Type the second again, or Up to change the first.".to_owned(),
            Self::Ready => "Ready. Press Enter.".to_owned(),
            Self::RandomReady => "Ready. Press Enter. Nothing is sent before you confirm.".to_owned(),
            Self::Refused(weakness) => format!("! {} Choose another PIN.", easy(weakness)),
            Self::ConfirmWeak(weakness) => format!("! {} Press Enter again to use it anyway.", easy(weakness)),
            Self::RandomGenerated => "Random PIN. Save it in your vault, then retype it.".to_owned(),
            Self::ShowingDisabled => "Showing PINs is off here.".to_owned(),
            Self::RandomUnreadable => "Showing PINs is off here, so you could not save a random PIN.".to_owned(),
            Self::Pasted => "Pasted 6 digits.".to_owned(),
            Self::PasteRejected => "The pasted text is not 6 digits. Nothing was changed.".to_owned(),
            Self::NoRandomness => "The system provides no random numbers. Type your own PIN.".to_owned(),
        }
    }
}

/// The form's fields and their state.
pub struct PinForm {
    display_number: Option<String>,
    /// How long a PIN is shown; `None` for never.
    show_for: Option<Duration>,
    new: DigitBuffer,
    repeat: DigitBuffer,
    field: PinField,
    note: PinFormNote,
    shown_until: Option<Instant>,
    origin: PinOrigin,
    is_weakness_confirmed: bool,
    /// The second field differed, and no digit was typed since.
    is_mismatched: bool,
}

impl std::fmt::Debug for PinForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PinForm").field("field", &self.field).field("note", &self.note).finish_non_exhaustive()
    }
}

impl PinForm {
    /// An empty form for a number. `show_for` is how long a PIN may be shown, `None` for never.
    #[must_use]
    pub fn new(display_number: Option<String>, show_for: Option<Duration>) -> Self {
        Self {
            display_number,
            show_for,
            new: DigitBuffer::default(),
            repeat: DigitBuffer::default(),
            field: PinField::New,
            note: PinFormNote::TypeDigits,
            shown_until: None,
            origin: PinOrigin::Typed,
            is_weakness_confirmed: false,
            is_mismatched: false,
        }
    }

    /// Replaces the display number. A PIN that was typed before is checked against the new one.
    pub fn set_display_number(&mut self, display_number: Option<String>) {
        self.display_number = display_number;
    }

    /// The field that the next digit goes into.
    #[must_use]
    pub const fn field(&self) -> PinField {
        self.field
    }

    /// The line under the fields.
    #[must_use]
    pub const fn note(&self) -> PinFormNote {
        self.note
    }

    /// Where the PIN in the first field comes from.
    #[must_use]
    pub const fn origin(&self) -> PinOrigin {
        self.origin
    }

    /// True if Enter continues, or asks whether to use a PIN that is easy to guess.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.new.is_full() && (!self.needs_repeat() || self.repeat.bytes == self.new.bytes)
    }

    /// True if the second field must be filled.
    #[must_use]
    pub const fn needs_repeat(&self) -> bool {
        match self.origin {
            PinOrigin::Typed | PinOrigin::RandomRetyped => true,
            PinOrigin::RandomInEscrow => false,
        }
    }

    /// The display number. A random PIN must differ from its end.
    #[must_use]
    pub fn display_number(&self) -> Option<&str> {
        self.display_number.as_deref()
    }

    /// The cells of a field at `now`.
    #[must_use]
    pub fn cells(&self, field: PinField, now: Instant) -> [PinCell; PIN_DIGITS] {
        let digits = self.digits(field);
        let is_shown = field == PinField::New && self.shown_until.is_some_and(|until| now < until);
        std::array::from_fn(|index| {
            if index < digits.len {
                if is_shown { PinCell::Shown(char::from(digits.bytes[index])) } else { PinCell::Hidden }
            } else if index == digits.len && field == self.field {
                PinCell::Next
            } else {
                PinCell::Empty
            }
        })
    }

    /// Whole seconds until a shown PIN hides, at least 1; `None` while it is hidden.
    #[must_use]
    pub fn seconds_until_hidden(&self, now: Instant) -> Option<u64> {
        let left = self.shown_until?.checked_duration_since(now)?;
        (left > Duration::ZERO).then(|| left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// When the form next changes without a key: each second while a PIN is shown.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let until = self.shown_until?;
        let whole_seconds = self.seconds_until_hidden(now)?;
        until.checked_sub(Duration::from_secs(whole_seconds.saturating_sub(1)))
    }

    fn digits(&self, field: PinField) -> &DigitBuffer {
        match field {
            PinField::New => &self.new,
            PinField::Repeat => &self.repeat,
        }
    }

    fn active_digits(&mut self) -> &mut DigitBuffer {
        match self.field {
            PinField::New => &mut self.new,
            PinField::Repeat => &mut self.repeat,
        }
    }

    /// Accepts a typed digit. Any other character changes nothing except the note.
    pub fn type_char(&mut self, c: char) {
        let Some(digit) = u8::try_from(c).ok().filter(u8::is_ascii_digit) else {
            self.note = if self.is_mismatched { PinFormNote::Mismatch } else { PinFormNote::OnlyDigits };
            return;
        };
        self.discard_random();
        if self.field == PinField::New && self.refused_weakness().is_some() {
            // Typing over a refused PIN starts over.
            self.new.clear();
        }
        if self.active_digits().push(digit) {
            self.is_weakness_confirmed = false;
        }
        self.is_mismatched = false;
        self.update_after_input();
    }

    /// Accepts a paste of exactly six digits, with an optional line end. A paste never continues into the next field.
    pub fn paste(&mut self, text: &str) {
        let text = text.trim_end_matches(['\r', '\n']);
        let Ok(bytes) = <&[u8; PIN_DIGITS]>::try_from(text.as_bytes()) else {
            self.note = PinFormNote::PasteRejected;
            return;
        };
        if !bytes.iter().all(u8::is_ascii_digit) {
            self.note = PinFormNote::PasteRejected;
            return;
        }
        self.discard_random();
        self.active_digits().set(bytes);
        (self.is_weakness_confirmed, self.is_mismatched) = (false, false);
        self.update_after_input();
        if self.note == PinFormNote::RepeatPin {
            self.note = PinFormNote::Pasted;
        }
    }

    /// Fills a random PIN into the first field. If the escrow keeps it, it is not shown, and the form is complete.
    /// Otherwise it is shown, and the operator must retype it.
    pub fn fill_random(&mut self, pin: &Pin, has_escrow: bool, now: Instant) {
        self.reset();
        self.new.set(pin.expose());
        self.is_weakness_confirmed = false;
        if has_escrow {
            self.origin = PinOrigin::RandomInEscrow;
            self.note = PinFormNote::RandomReady;
        } else {
            self.origin = PinOrigin::RandomRetyped;
            self.shown_until = self.show_for.map(|show| now + show);
            self.field = PinField::Repeat;
            self.note = PinFormNote::RandomGenerated;
        }
    }

    /// True if the form can show a PIN. Without that and without an escrow it offers no random PIN, because the operator
    /// could not save it.
    #[must_use]
    pub const fn can_show(&self) -> bool {
        self.show_for.is_some()
    }

    /// Replaces the line under the fields.
    pub fn set_note(&mut self, note: PinFormNote) {
        self.note = note;
    }

    /// Shows the PIN for the time of [`PinForm::new`], or hides a shown one.
    pub fn toggle_shown(&mut self, now: Instant) {
        let is_shown = self.seconds_until_hidden(now).is_some();
        match self.show_for {
            None => self.note = PinFormNote::ShowingDisabled,
            Some(_) if is_shown => self.hide(),
            Some(show) => self.shown_until = Some(now + show),
        }
    }

    /// Hides the PIN at once.
    pub fn hide(&mut self) {
        self.shown_until = None;
    }

    /// Deletes the last digit. In an empty second field, returns to the first.
    pub fn delete(&mut self) {
        if !self.discard_random() && !self.active_digits().pop() && self.field == PinField::Repeat {
            self.field = PinField::New;
            if self.origin == PinOrigin::Typed {
                self.new.pop();
                self.repeat.clear();
            }
        }
        (self.is_weakness_confirmed, self.is_mismatched) = (false, false);
        self.update_note();
    }

    /// Clears the current field. Clearing the first one clears both.
    pub fn clear(&mut self) {
        if self.field == PinField::New {
            self.reset();
        }
        self.active_digits().clear();
        (self.is_weakness_confirmed, self.is_mismatched) = (false, false);
        self.update_note();
    }

    /// Moves to a field, unless there is only one.
    pub fn focus(&mut self, field: PinField) {
        // A refused PIN is never typed again.
        if self.needs_repeat() && self.refused_weakness().is_none() {
            self.field = field;
        }
        self.update_note();
    }

    /// Returns the PIN if it is complete and may be used. Otherwise the note says what is missing.
    pub fn submit(&mut self) -> Option<Pin> {
        let pin = self.new.pin().filter(|_| self.is_complete());
        let Some(pin) = pin else {
            self.update_note();
            return None;
        };
        match pin.weakness(self.display_number.as_deref()) {
            Some(weakness) if weakness.is_refused() => {
                self.note = PinFormNote::Refused(weakness);
                None
            }
            Some(weakness) if !self.is_weakness_confirmed => {
                self.is_weakness_confirmed = true;
                self.note = PinFormNote::ConfirmWeak(weakness);
                None
            }
            Some(_) | None => Some(pin),
        }
    }

    fn reset(&mut self) {
        self.new.clear();
        self.repeat.clear();
        self.origin = PinOrigin::Typed;
        self.shown_until = None;
        self.field = PinField::New;
        self.is_mismatched = false;
    }

    /// A random PIN cannot be edited: input in its field starts over. True if there was one.
    fn discard_random(&mut self) -> bool {
        let is_random = self.field == PinField::New && self.origin != PinOrigin::Typed;
        if is_random {
            self.reset();
        }
        is_random
    }

    /// Why pindesk refuses the PIN in the first field. It says so only after the sixth digit, so that no one who looks on
    /// learns it early.
    fn refused_weakness(&self) -> Option<Weakness> {
        self.new.pin()?.weakness(self.display_number.as_deref()).filter(|weakness| weakness.is_refused())
    }

    /// After input: moves from a full first field to the second one, and compares the two if both are full.
    fn update_after_input(&mut self) {
        if self.new.is_full() && self.refused_weakness().is_none() {
            self.field = PinField::Repeat;
            if self.repeat.is_full() && self.repeat.bytes != self.new.bytes {
                self.repeat.clear();
                self.is_mismatched = true;
            }
        }
        self.update_note();
    }

    /// Updates the note after a change of the digits or the field.
    fn update_note(&mut self) {
        let (new, repeat) = (self.new.len, self.repeat.len);
        self.note = match (self.field, self.refused_weakness()) {
            (PinField::New, Some(weakness)) => PinFormNote::Refused(weakness),
            (PinField::New | PinField::Repeat, _) if !self.needs_repeat() => PinFormNote::RandomReady,
            (PinField::New | PinField::Repeat, None) if self.is_complete() => PinFormNote::Ready,
            (PinField::New, None) if new == 0 => PinFormNote::TypeDigits,
            (PinField::New, None) => PinFormNote::DigitCount(new),
            (PinField::Repeat, _) if self.is_mismatched => PinFormNote::Mismatch,
            (PinField::Repeat, _) if !self.new.is_full() && repeat == 0 => PinFormNote::TypeDigits,
            (PinField::Repeat, _) if repeat == 0 => PinFormNote::RepeatPin,
            (PinField::Repeat, _) => PinFormNote::DigitCount(repeat),
        };
    }
}

#[cfg(test)]
mod tests;
