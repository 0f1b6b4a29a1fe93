//! The PIN form: two fields of six digits, wiped on drop, and a note about them.
//!
//! It accepts digits only, hides them unless asked, and returns a [`Pin`] only if it was typed twice and is not easy to
//! guess. It draws nothing and sends nothing.

use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::domain::pin::{PIN_DIGITS, Pin, Weakness};

/// One of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinField {
    /// The first field.
    New,
    /// The second field.
    Repeat,
}

/// How one cell of a field looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinCell {
    /// Nothing typed yet.
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
    /// Nothing typed yet.
    TypeDigits,
    /// How many digits the current field has.
    DigitCount(usize),
    /// The key is not a digit.
    OnlyDigits,
    /// A capital letter.
    CapsLock,
    /// The first field is full.
    RepeatPin,
    /// The second field is full and differs.
    Mismatch,
    /// Both are full and equal.
    Ready,
    /// A PIN that pindesk refuses.
    Refused(Weakness),
    /// A PIN that needs Enter twice.
    ConfirmWeak(Weakness),
    /// A random PIN was generated and must be typed again.
    RandomGenerated,
    /// A PIN is never shown, because sessions are recorded.
    ShowingDisabled,
    /// A paste was accepted.
    Pasted,
    /// A paste was not six digits.
    PasteRejected,
    /// The system has no random numbers.
    NoRandomness,
}

impl PinFormNote {
    /// The text of the line.
    #[must_use]
    pub fn text(self) -> String {
        let easy = |weakness: Weakness| format!("Easy to guess: {}.", weakness.description());
        match self {
            Self::TypeDigits => "Type 6 digits.".to_owned(),
            Self::DigitCount(count) => format!("{count} of {PIN_DIGITS} digits."),
            Self::OnlyDigits => "Only digits 0 to 9.".to_owned(),
            Self::CapsLock => "Caps Lock is on. Keys here are lower case.".to_owned(),
            Self::RepeatPin => "Now type the same PIN again.".to_owned(),
            Self::Mismatch => "The two PINs differ. Type the second one again.".to_owned(),
            Self::Ready => "Ready. Press Enter.".to_owned(),
            Self::Refused(weakness) => format!("! {} Choose another PIN.", easy(weakness)),
            Self::ConfirmWeak(weakness) => format!("! {} Press Enter again to use it anyway.", easy(weakness)),
            Self::RandomGenerated => {
                "Random PIN made. Save it in your vault now, then type it again here. Meta never shows a PIN."
                    .to_owned()
            }
            Self::ShowingDisabled => "Showing PINs is off here, so a random PIN could not be saved.".to_owned(),
            Self::Pasted => "Pasted 6 digits.".to_owned(),
            Self::PasteRejected => "The pasted text is not 6 digits. Nothing was changed.".to_owned(),
            Self::NoRandomness => "The system gives no random numbers. Type a PIN of your own.".to_owned(),
        }
    }
}

/// The digits typed so far. Wiped on drop and when cleared.
#[derive(Default)]
struct DigitBuffer {
    bytes: [u8; PIN_DIGITS],
    len: usize,
}

impl DigitBuffer {
    fn push(&mut self, digit: u8) -> bool {
        let fits = self.len < PIN_DIGITS;
        if fits {
            self.bytes[self.len] = digit;
            self.len += 1;
        }
        fits
    }

    fn pop(&mut self) -> bool {
        let any = self.len > 0;
        if any {
            self.len -= 1;
            self.bytes[self.len] = 0;
        }
        any
    }

    fn clear(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
    }

    fn set(&mut self, bytes: &[u8; PIN_DIGITS]) {
        self.bytes = *bytes;
        self.len = PIN_DIGITS;
    }

    fn is_full(&self) -> bool {
        self.len == PIN_DIGITS
    }

    fn pin(&self) -> Option<Pin> {
        Pin::parse(&self.bytes[..self.len]).ok()
    }
}

impl Drop for DigitBuffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
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
    is_random: bool,
    is_weakness_confirmed: bool,
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
            is_random: false,
            is_weakness_confirmed: false,
        }
    }

    /// The number has a new display number: a PIN that was typed already must differ from its end, too.
    pub fn set_display_number(&mut self, display_number: Option<String>) {
        self.display_number = display_number;
    }

    /// The field that takes the next digit.
    #[must_use]
    pub const fn field(&self) -> PinField {
        self.field
    }

    /// The line under the fields.
    #[must_use]
    pub const fn note(&self) -> PinFormNote {
        self.note
    }

    /// True if the PIN in the first field is random.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        self.is_random
    }

    /// The display number of the PIN's number, whose end a random PIN must not repeat.
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

    /// When the form changes by itself: each second while a PIN is shown.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let until = self.shown_until?;
        let whole_seconds = self.seconds_until_hidden(now)?;
        until.checked_sub(Duration::from_secs(whole_seconds - 1))
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
            self.note = if c.is_uppercase() { PinFormNote::CapsLock } else { PinFormNote::OnlyDigits };
            return;
        };
        if self.field == PinField::New && self.is_random {
            self.reset();
        }
        if self.active_digits().push(digit) {
            self.is_weakness_confirmed = false;
        }
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
        if self.field == PinField::New && self.is_random {
            self.reset();
        }
        self.active_digits().set(bytes);
        self.is_weakness_confirmed = false;
        self.update_after_input();
        if self.note == PinFormNote::RepeatPin {
            self.note = PinFormNote::Pasted;
        }
    }

    /// Puts a random PIN into the first field, shown. It must be typed again.
    pub fn fill_random(&mut self, pin: &Pin, now: Instant) {
        self.repeat.clear();
        self.new.set(pin.expose());
        self.is_random = true;
        self.is_weakness_confirmed = false;
        self.shown_until = self.show_for.map(|show| now + show);
        self.field = PinField::Repeat;
        self.note = PinFormNote::RandomGenerated;
    }

    /// True if a random PIN can be offered: it must be shown once, to be saved.
    #[must_use]
    pub const fn can_show(&self) -> bool {
        self.show_for.is_some()
    }

    /// Sets the note.
    pub fn set_note(&mut self, note: PinFormNote) {
        self.note = note;
    }

    /// Shows the PIN for a while, or hides it.
    pub fn toggle_shown(&mut self, now: Instant) {
        let is_shown = self.seconds_until_hidden(now).is_some();
        match self.show_for {
            None => self.note = PinFormNote::ShowingDisabled,
            Some(_) if is_shown => self.hide(),
            Some(show) => self.shown_until = Some(now + show),
        }
    }

    /// Hides the PIN.
    pub fn hide(&mut self) {
        self.shown_until = None;
    }

    /// Deletes the last digit. In an empty second field, returns to the first.
    pub fn delete(&mut self) {
        if self.field == PinField::New && self.is_random {
            self.reset();
        } else if !self.active_digits().pop() && self.field == PinField::Repeat {
            self.field = PinField::New;
            if !self.is_random {
                self.new.pop();
                self.repeat.clear();
            }
        }
        self.is_weakness_confirmed = false;
        self.update_note();
    }

    /// Empties the field.
    pub fn clear(&mut self) {
        if self.field == PinField::New {
            self.reset();
        }
        self.active_digits().clear();
        self.is_weakness_confirmed = false;
        self.update_note();
    }

    /// Moves to the other field.
    pub fn focus(&mut self, field: PinField) {
        self.field = field;
        self.update_note();
    }

    /// The PIN, if it was typed twice and may be used. Otherwise the note says what is missing.
    pub fn submit(&mut self) -> Option<Pin> {
        let pin = self.new.pin();
        let (Some(pin), true) = (pin, self.repeat.is_full()) else {
            self.update_note();
            return None;
        };
        if self.repeat.bytes != *pin.expose() {
            self.reject_mismatch();
            return None;
        }
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
        self.is_random = false;
        self.shown_until = None;
        self.field = PinField::New;
    }

    fn reject_mismatch(&mut self) {
        self.repeat.clear();
        self.field = PinField::Repeat;
        self.note = PinFormNote::Mismatch;
    }

    /// After a digit: a full first field is checked, then left; a full second one is compared.
    fn update_after_input(&mut self) {
        match self.field {
            PinField::New if self.new.is_full() => {
                let weakness = self.new.pin().and_then(|pin| pin.weakness(self.display_number.as_deref()));
                if let Some(weakness) = weakness.filter(|weakness| weakness.is_refused()) {
                    self.note = PinFormNote::Refused(weakness);
                } else {
                    self.field = PinField::Repeat;
                    self.update_note();
                }
            }
            PinField::Repeat if self.repeat.is_full() => {
                if self.repeat.bytes == self.new.bytes {
                    self.note = PinFormNote::Ready;
                } else {
                    self.reject_mismatch();
                }
            }
            PinField::New | PinField::Repeat => self.update_note(),
        }
    }

    /// The note for a field that is not full.
    fn update_note(&mut self) {
        let (new, again) = (self.new.len, self.repeat.len);
        self.note = match self.field {
            PinField::New if self.new.is_full() && self.repeat.is_full() => PinFormNote::Ready,
            PinField::New if new == 0 => PinFormNote::TypeDigits,
            PinField::New => PinFormNote::DigitCount(new),
            PinField::Repeat if !self.new.is_full() && again == 0 => PinFormNote::TypeDigits,
            PinField::Repeat if again == 0 => PinFormNote::RepeatPin,
            PinField::Repeat if again == PIN_DIGITS => PinFormNote::Ready,
            PinField::Repeat => PinFormNote::DigitCount(again),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> PinForm {
        PinForm::new(Some("+1 555-010-0143".to_owned()), Some(Duration::from_secs(10)))
    }

    fn typed(form: &mut PinForm, digits: &str) {
        digits.chars().for_each(|c| form.type_char(c));
    }

    #[test]
    fn a_pin_typed_twice_is_handed_over() {
        let mut form = form();
        typed(&mut form, "409726");
        assert_eq!((form.field(), form.note()), (PinField::Repeat, PinFormNote::RepeatPin));
        typed(&mut form, "409726");
        assert_eq!(form.note(), PinFormNote::Ready);
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn two_pins_that_differ_are_told_and_the_second_is_typed_again() {
        let mut form = form();
        typed(&mut form, "409726409727");
        assert_eq!(form.note(), PinFormNote::Mismatch);
        assert_eq!(form.submit(), None);
        typed(&mut form, "409726");
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn a_weak_pin_is_told_after_the_sixth_digit_and_never_handed_over() {
        let mut form = form();
        typed(&mut form, "12345");
        assert_eq!(form.note(), PinFormNote::DigitCount(5));
        typed(&mut form, "6");
        assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::Refused(Weakness::Sequence)));
        form.focus(PinField::Repeat);
        typed(&mut form, "123456");
        assert_eq!(form.submit(), None);
        assert_eq!(form.note(), PinFormNote::Refused(Weakness::Sequence));
    }

    #[test]
    fn a_pin_that_repeats_needs_enter_twice() {
        let mut form = form();
        typed(&mut form, "121212121212");
        assert_eq!(form.submit(), None);
        assert_eq!(form.note(), PinFormNote::ConfirmWeak(Weakness::RepeatedPattern));
        assert_eq!(form.submit(), Pin::parse(b"121212").ok());
    }

    #[test]
    fn letters_change_nothing_and_are_told() {
        let mut form = form();
        typed(&mut form, "40x");
        assert_eq!(form.note(), PinFormNote::OnlyDigits);
        typed(&mut form, "X");
        assert_eq!(form.note(), PinFormNote::CapsLock);
        typed(&mut form, "9");
        assert_eq!(form.note(), PinFormNote::DigitCount(3));
    }

    #[test]
    fn only_a_paste_of_six_digits_is_taken() {
        let mut form = form();
        for text in ["40972", "4097261", "40972a", "", "409726\nrm -rf"] {
            form.paste(text);
            assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::PasteRejected), "{text:?}");
        }
        form.paste("409726\r\n");
        assert_eq!((form.field(), form.note()), (PinField::Repeat, PinFormNote::Pasted));
    }

    #[test]
    fn a_random_pin_is_shown_for_ten_seconds_and_must_be_typed_again() {
        let (mut form, now) = (form(), Instant::now());
        form.fill_random(&Pin::parse(b"409726").expect("a PIN"), now);
        assert_eq!(form.cells(PinField::New, now), ['4', '0', '9', '7', '2', '6'].map(PinCell::Shown));
        assert_eq!(form.seconds_until_hidden(now), Some(10));
        assert_eq!(form.next_change(now), Some(now + Duration::from_secs(1)));
        let later = now + Duration::from_secs(10);
        assert_eq!((form.seconds_until_hidden(later), form.next_change(later)), (None, None));
        assert_eq!(form.cells(PinField::New, later), [PinCell::Hidden; 6]);
        assert_eq!(form.submit(), None);
        typed(&mut form, "409726");
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn where_showing_is_off_nothing_is_ever_shown() {
        let (mut form, now) = (PinForm::new(None, None), Instant::now());
        typed(&mut form, "409726");
        form.toggle_shown(now);
        assert_eq!(form.note(), PinFormNote::ShowingDisabled);
        assert_eq!(form.cells(PinField::New, now), [PinCell::Hidden; 6]);
    }

    #[test]
    fn deleting_in_an_empty_second_field_goes_back_to_the_first() {
        let mut form = form();
        typed(&mut form, "409726");
        form.delete();
        assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::DigitCount(5)));
        form.clear();
        assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::TypeDigits));
    }

    #[test]
    fn typing_over_a_random_pin_starts_over() {
        let (mut form, now) = (form(), Instant::now());
        form.fill_random(&Pin::parse(b"409726").expect("a PIN"), now);
        form.focus(PinField::New);
        typed(&mut form, "7");
        assert_eq!((form.is_random(), form.note()), (false, PinFormNote::DigitCount(1)));
        assert_eq!(form.seconds_until_hidden(now), None);
    }
}
