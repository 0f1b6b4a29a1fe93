//! The PIN being typed: two fields of six digits, wiped on drop, and the one line that says how it stands.
//!
//! It takes digits only, never shows them unless asked, and hands over a [`Pin`] only when it was typed twice the
//! same and is not one that anybody would guess first. It draws nothing and sends nothing.

use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::pin::{PIN_DIGITS, Pin, Weakness};

/// One of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `New PIN`.
    New,
    /// `PIN again`.
    Again,
}

/// How one box of a field looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Nothing typed yet.
    Empty,
    /// The next digit goes here.
    Next,
    /// A digit, not shown.
    Hidden,
    /// A digit, shown because the operator asked.
    Shown(char),
}

/// The one line under the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Nothing typed yet.
    TypeDigits,
    /// So many digits in the field being typed.
    Typed(usize),
    /// A key that is no digit.
    OnlyDigits,
    /// A capital letter.
    CapsLock,
    /// The first field is full.
    NowAgain,
    /// The second field is full and differs.
    Differ,
    /// Both are full and equal.
    Ready,
    /// A PIN that pindesk refuses.
    Refused(Weakness),
    /// A PIN that needs Enter twice.
    Insist(Weakness),
    /// A random PIN was made and must be typed again.
    RandomMade,
    /// Where sessions are recorded, a PIN is never shown.
    ShowingIsOff,
    /// A paste was taken.
    Pasted,
    /// A paste was not six digits.
    PasteRefused,
    /// The system gave no random numbers.
    NoRandomness,
}

impl Note {
    /// The line, as the screen says it.
    #[must_use]
    pub fn words(self) -> String {
        let easy = |weakness: Weakness| format!("Easy to guess: {}.", weakness.description());
        match self {
            Self::TypeDigits => "Type 6 digits.".to_owned(),
            Self::Typed(count) => format!("{count} of {PIN_DIGITS} digits."),
            Self::OnlyDigits => "Only digits 0 to 9.".to_owned(),
            Self::CapsLock => "Caps Lock is on. Keys here are lower case.".to_owned(),
            Self::NowAgain => "Now type the same PIN again.".to_owned(),
            Self::Differ => "The two PINs differ. Type the second one again.".to_owned(),
            Self::Ready => "Ready. Press Enter.".to_owned(),
            Self::Refused(weakness) => format!("! {} Choose another PIN.", easy(weakness)),
            Self::Insist(weakness) => format!("! {} Press Enter again to use it anyway.", easy(weakness)),
            Self::RandomMade => {
                "Random PIN made. Save it in your vault now, then type it again here. Meta never shows a PIN."
                    .to_owned()
            }
            Self::ShowingIsOff => "Showing PINs is off here, so a random PIN could not be saved.".to_owned(),
            Self::Pasted => "Pasted 6 digits.".to_owned(),
            Self::PasteRefused => "The pasted text is not 6 digits. Nothing was changed.".to_owned(),
            Self::NoRandomness => "The system gives no random numbers. Type a PIN of your own.".to_owned(),
        }
    }
}

/// The digits typed so far; wiped on drop and when cleared.
#[derive(Default)]
struct Digits {
    bytes: [u8; PIN_DIGITS],
    len: usize,
}

impl Digits {
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

impl Drop for Digits {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The form's fields and their state.
pub struct PinForm {
    display_number: Option<String>,
    /// How long a PIN is shown; `None` where showing is off.
    show_for: Option<Duration>,
    new: Digits,
    again: Digits,
    field: Field,
    note: Note,
    shown_until: Option<Instant>,
    is_random: bool,
    insisted: bool,
}

impl std::fmt::Debug for PinForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PinForm").field("field", &self.field).field("note", &self.note).finish_non_exhaustive()
    }
}

impl PinForm {
    /// An empty form for a number; `show_for` is how long a PIN may be shown, `None` for never.
    #[must_use]
    pub fn new(display_number: Option<String>, show_for: Option<Duration>) -> Self {
        Self {
            display_number,
            show_for,
            new: Digits::default(),
            again: Digits::default(),
            field: Field::New,
            note: Note::TypeDigits,
            shown_until: None,
            is_random: false,
            insisted: false,
        }
    }

    /// From now on the number is displayed like this: a PIN that was typed already must not repeat its end either.
    pub fn is_for(&mut self, display_number: Option<String>) {
        self.display_number = display_number;
    }

    /// The field that takes the next digit.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// What the line under the fields says.
    #[must_use]
    pub const fn note(&self) -> Note {
        self.note
    }

    /// True if the PIN in the first field was drawn, not typed.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        self.is_random
    }

    /// The display number the PIN is for, which a random PIN must not repeat.
    #[must_use]
    pub fn display_number(&self) -> Option<&str> {
        self.display_number.as_deref()
    }

    /// The boxes of a field as they look at `now`.
    #[must_use]
    pub fn cells(&self, field: Field, now: Instant) -> [Cell; PIN_DIGITS] {
        let digits = self.digits(field);
        let is_shown = field == Field::New && self.shown_until.is_some_and(|until| now < until);
        std::array::from_fn(|index| {
            if index < digits.len {
                if is_shown { Cell::Shown(char::from(digits.bytes[index])) } else { Cell::Hidden }
            } else if index == digits.len && field == self.field {
                Cell::Next
            } else {
                Cell::Empty
            }
        })
    }

    /// Whole seconds until a shown PIN hides, at least 1; `None` while it is hidden.
    #[must_use]
    pub fn seconds_shown(&self, now: Instant) -> Option<u64> {
        let left = self.shown_until?.checked_duration_since(now)?;
        (left > Duration::ZERO).then(|| left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// When the form changes by itself: each second while a PIN is shown.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let until = self.shown_until?;
        let whole_seconds = self.seconds_shown(now)?;
        until.checked_sub(Duration::from_secs(whole_seconds - 1))
    }

    fn digits(&self, field: Field) -> &Digits {
        match field {
            Field::New => &self.new,
            Field::Again => &self.again,
        }
    }

    fn active(&mut self) -> &mut Digits {
        match self.field {
            Field::New => &mut self.new,
            Field::Again => &mut self.again,
        }
    }

    /// Takes a typed character; anything but a digit changes nothing and is told.
    pub fn type_char(&mut self, c: char) {
        let Some(digit) = u8::try_from(c).ok().filter(u8::is_ascii_digit) else {
            self.note = if c.is_uppercase() { Note::CapsLock } else { Note::OnlyDigits };
            return;
        };
        if self.field == Field::New && self.is_random {
            self.start_over();
        }
        if self.active().push(digit) {
            self.insisted = false;
        }
        self.settle();
    }

    /// Takes a paste of exactly six digits, line end allowed; a paste never goes further than its field.
    pub fn paste(&mut self, text: &str) {
        let text = text.trim_end_matches(['\r', '\n']);
        let Ok(bytes) = <&[u8; PIN_DIGITS]>::try_from(text.as_bytes()) else {
            self.note = Note::PasteRefused;
            return;
        };
        if !bytes.iter().all(u8::is_ascii_digit) {
            self.note = Note::PasteRefused;
            return;
        }
        if self.field == Field::New && self.is_random {
            self.start_over();
        }
        self.active().set(bytes);
        self.insisted = false;
        self.settle();
        if self.note == Note::NowAgain {
            self.note = Note::Pasted;
        }
    }

    /// Puts a random PIN into the first field, shown; it must be typed again.
    pub fn take_random(&mut self, pin: &Pin, now: Instant) {
        self.again.clear();
        self.new.set(pin.expose());
        self.is_random = true;
        self.insisted = false;
        self.shown_until = self.show_for.map(|show| now + show);
        self.field = Field::Again;
        self.note = Note::RandomMade;
    }

    /// Whether a random PIN can be offered: it has to be shown once, to be saved.
    #[must_use]
    pub const fn can_show(&self) -> bool {
        self.show_for.is_some()
    }

    /// Says why nothing came of a wish.
    pub fn say(&mut self, note: Note) {
        self.note = note;
    }

    /// Shows the PIN for a while, or hides it.
    pub fn toggle_shown(&mut self, now: Instant) {
        let is_shown = self.seconds_shown(now).is_some();
        match self.show_for {
            None => self.note = Note::ShowingIsOff,
            Some(_) if is_shown => self.hide(),
            Some(show) => self.shown_until = Some(now + show),
        }
    }

    /// Hides the PIN.
    pub fn hide(&mut self) {
        self.shown_until = None;
    }

    /// Deletes the last digit; in an empty second field, goes back to the first.
    pub fn delete(&mut self) {
        if self.field == Field::New && self.is_random {
            self.start_over();
        } else if !self.active().pop() && self.field == Field::Again {
            self.field = Field::New;
            if !self.is_random {
                self.new.pop();
                self.again.clear();
            }
        }
        self.insisted = false;
        self.settle_typing();
    }

    /// Empties the field.
    pub fn clear(&mut self) {
        if self.field == Field::New {
            self.start_over();
        }
        self.active().clear();
        self.insisted = false;
        self.settle_typing();
    }

    /// Goes to the other field.
    pub fn go_to(&mut self, field: Field) {
        self.field = field;
        self.settle_typing();
    }

    /// The PIN, if it was typed twice, is equal, and may be used; otherwise the note says what is missing.
    pub fn submit(&mut self) -> Option<Pin> {
        let pin = self.new.pin();
        let (Some(pin), true) = (pin, self.again.is_full()) else {
            self.settle_typing();
            return None;
        };
        if self.again.bytes != *pin.expose() {
            self.differ();
            return None;
        }
        match pin.weakness(self.display_number.as_deref()) {
            Some(weakness) if weakness.is_refused() => {
                self.note = Note::Refused(weakness);
                None
            }
            Some(weakness) if !self.insisted => {
                self.insisted = true;
                self.note = Note::Insist(weakness);
                None
            }
            Some(_) | None => Some(pin),
        }
    }

    fn start_over(&mut self) {
        self.new.clear();
        self.again.clear();
        self.is_random = false;
        self.shown_until = None;
        self.field = Field::New;
    }

    fn differ(&mut self) {
        self.again.clear();
        self.field = Field::Again;
        self.note = Note::Differ;
    }

    /// After a digit: a full first field is judged, then left; a full second one is compared.
    fn settle(&mut self) {
        match self.field {
            Field::New if self.new.is_full() => {
                let weakness = self.new.pin().and_then(|pin| pin.weakness(self.display_number.as_deref()));
                if let Some(weakness) = weakness.filter(|weakness| weakness.is_refused()) {
                    self.note = Note::Refused(weakness);
                } else {
                    self.field = Field::Again;
                    self.settle_typing();
                }
            }
            Field::Again if self.again.is_full() => {
                if self.again.bytes == self.new.bytes {
                    self.note = Note::Ready;
                } else {
                    self.differ();
                }
            }
            Field::New | Field::Again => self.settle_typing(),
        }
    }

    /// What the line says of a field that is not full.
    fn settle_typing(&mut self) {
        let (new, again) = (self.new.len, self.again.len);
        self.note = match self.field {
            Field::New if self.new.is_full() && self.again.is_full() => Note::Ready,
            Field::New if new == 0 => Note::TypeDigits,
            Field::New => Note::Typed(new),
            Field::Again if !self.new.is_full() && again == 0 => Note::TypeDigits,
            Field::Again if again == 0 => Note::NowAgain,
            Field::Again if again == PIN_DIGITS => Note::Ready,
            Field::Again => Note::Typed(again),
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
        assert_eq!((form.field(), form.note()), (Field::Again, Note::NowAgain));
        typed(&mut form, "409726");
        assert_eq!(form.note(), Note::Ready);
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn two_pins_that_differ_are_told_and_the_second_is_typed_again() {
        let mut form = form();
        typed(&mut form, "409726409727");
        assert_eq!(form.note(), Note::Differ);
        assert_eq!(form.submit(), None);
        typed(&mut form, "409726");
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn a_weak_pin_is_told_after_the_sixth_digit_and_never_handed_over() {
        let mut form = form();
        typed(&mut form, "12345");
        assert_eq!(form.note(), Note::Typed(5));
        typed(&mut form, "6");
        assert_eq!((form.field(), form.note()), (Field::New, Note::Refused(Weakness::Sequence)));
        form.go_to(Field::Again);
        typed(&mut form, "123456");
        assert_eq!(form.submit(), None);
        assert_eq!(form.note(), Note::Refused(Weakness::Sequence));
    }

    #[test]
    fn a_pin_that_repeats_needs_enter_twice() {
        let mut form = form();
        typed(&mut form, "121212121212");
        assert_eq!(form.submit(), None);
        assert_eq!(form.note(), Note::Insist(Weakness::RepeatedPattern));
        assert_eq!(form.submit(), Pin::parse(b"121212").ok());
    }

    #[test]
    fn letters_change_nothing_and_are_told() {
        let mut form = form();
        typed(&mut form, "40x");
        assert_eq!(form.note(), Note::OnlyDigits);
        typed(&mut form, "X");
        assert_eq!(form.note(), Note::CapsLock);
        typed(&mut form, "9");
        assert_eq!(form.note(), Note::Typed(3));
    }

    #[test]
    fn only_a_paste_of_six_digits_is_taken() {
        let mut form = form();
        for text in ["40972", "4097261", "40972a", "", "409726\nrm -rf"] {
            form.paste(text);
            assert_eq!((form.field(), form.note()), (Field::New, Note::PasteRefused), "{text:?}");
        }
        form.paste("409726\r\n");
        assert_eq!((form.field(), form.note()), (Field::Again, Note::Pasted));
    }

    #[test]
    fn a_random_pin_is_shown_for_ten_seconds_and_must_be_typed_again() {
        let (mut form, now) = (form(), Instant::now());
        form.take_random(&Pin::parse(b"409726").expect("a PIN"), now);
        assert_eq!(form.cells(Field::New, now), ['4', '0', '9', '7', '2', '6'].map(Cell::Shown));
        assert_eq!(form.seconds_shown(now), Some(10));
        assert_eq!(form.next_change(now), Some(now + Duration::from_secs(1)));
        let later = now + Duration::from_secs(10);
        assert_eq!((form.seconds_shown(later), form.next_change(later)), (None, None));
        assert_eq!(form.cells(Field::New, later), [Cell::Hidden; 6]);
        assert_eq!(form.submit(), None);
        typed(&mut form, "409726");
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
    }

    #[test]
    fn where_showing_is_off_nothing_is_ever_shown() {
        let (mut form, now) = (PinForm::new(None, None), Instant::now());
        typed(&mut form, "409726");
        form.toggle_shown(now);
        assert_eq!(form.note(), Note::ShowingIsOff);
        assert_eq!(form.cells(Field::New, now), [Cell::Hidden; 6]);
    }

    #[test]
    fn deleting_in_an_empty_second_field_goes_back_to_the_first() {
        let mut form = form();
        typed(&mut form, "409726");
        form.delete();
        assert_eq!((form.field(), form.note()), (Field::New, Note::Typed(5)));
        form.clear();
        assert_eq!((form.field(), form.note()), (Field::New, Note::TypeDigits));
    }

    #[test]
    fn typing_over_a_random_pin_starts_over() {
        let (mut form, now) = (form(), Instant::now());
        form.take_random(&Pin::parse(b"409726").expect("a PIN"), now);
        form.go_to(Field::New);
        typed(&mut form, "7");
        assert_eq!((form.is_random(), form.note()), (false, Note::Typed(1)));
        assert_eq!(form.seconds_shown(now), None);
    }
}
