//! The PIN form: which keys and pastes fill its fields, and when it returns a PIN.

use super::*;

fn form() -> PinForm {
    PinForm::new(Some("+1 555-010-0143".to_owned()), Some(Duration::from_secs(10)))
}

fn type_digits(form: &mut PinForm, digits: &str) {
    digits.chars().for_each(|c| form.type_char(c));
}

#[test]
fn a_pin_typed_twice_is_submitted() {
    let mut form = form();
    type_digits(&mut form, "409726");
    assert_eq!((form.field(), form.note()), (PinField::Repeat, PinFormNote::RepeatPin));
    type_digits(&mut form, "409726");
    assert_eq!(form.note(), PinFormNote::Ready);
    assert_eq!(form.submit(), Pin::parse(b"409726").ok());
}

#[test]
fn a_second_pin_that_differs_must_be_retyped() {
    let mut form = form();
    type_digits(&mut form, "409726409727");
    assert_eq!(form.note(), PinFormNote::Mismatch);
    assert_eq!(form.submit(), None);
    type_digits(&mut form, "409726");
    assert_eq!(form.submit(), Pin::parse(b"409726").ok());
}

#[test]
fn a_weak_pin_is_refused_after_the_sixth_digit() {
    let mut form = form();
    type_digits(&mut form, "12345");
    assert_eq!(form.note(), PinFormNote::DigitCount(5));
    type_digits(&mut form, "6");
    assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::Refused(Weakness::Sequence)));
    form.focus(PinField::Repeat);
    type_digits(&mut form, "123456");
    assert_eq!(form.submit(), None);
    assert_eq!(form.note(), PinFormNote::Refused(Weakness::Sequence));
}

#[test]
fn a_pin_that_repeats_needs_enter_twice() {
    let mut form = form();
    type_digits(&mut form, "121212121212");
    assert_eq!(form.submit(), None);
    assert_eq!(form.note(), PinFormNote::ConfirmWeak(Weakness::RepeatedPattern));
    assert_eq!(form.submit(), Pin::parse(b"121212").ok());
}

#[test]
fn letters_change_only_the_note() {
    let mut form = form();
    type_digits(&mut form, "40x");
    assert_eq!(form.note(), PinFormNote::OnlyDigits);
    type_digits(&mut form, "X");
    assert_eq!(form.note(), PinFormNote::OnlyDigits);
    type_digits(&mut form, "9");
    assert_eq!(form.note(), PinFormNote::DigitCount(3));
}

#[test]
fn only_a_paste_of_six_digits_is_accepted() {
    let mut form = form();
    for text in ["40972", "4097261", "40972a", "", "409726\nrm -rf"] {
        form.paste(text);
        assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::PasteRejected), "{text:?}");
    }
    form.paste("409726\r\n");
    assert_eq!((form.field(), form.note()), (PinField::Repeat, PinFormNote::Pasted));
}

#[test]
fn a_random_pin_is_shown_for_a_while_and_must_be_retyped() {
    let (mut form, now) = (form(), Instant::now());
    form.fill_random(&Pin::parse(b"409726").expect("a PIN"), now);
    assert_eq!(form.cells(PinField::New, now), ['4', '0', '9', '7', '2', '6'].map(PinCell::Shown));
    assert_eq!(form.seconds_until_hidden(now), Some(10));
    assert_eq!(form.next_change(now), Some(now + Duration::from_secs(1)));
    let later = now + Duration::from_secs(10);
    assert_eq!((form.seconds_until_hidden(later), form.next_change(later)), (None, None));
    assert_eq!(form.cells(PinField::New, later), [PinCell::Hidden; 6]);
    assert_eq!(form.submit(), None);
    type_digits(&mut form, "409726");
    assert_eq!(form.submit(), Pin::parse(b"409726").ok());
}

#[test]
fn no_pin_is_shown_if_showing_is_off() {
    let (mut form, now) = (PinForm::new(None, None), Instant::now());
    type_digits(&mut form, "409726");
    form.toggle_shown(now);
    assert_eq!(form.note(), PinFormNote::ShowingDisabled);
    assert_eq!(form.cells(PinField::New, now), [PinCell::Hidden; 6]);
}

#[test]
fn deleting_in_an_empty_second_field_goes_back_to_the_first() {
    let mut form = form();
    type_digits(&mut form, "409726");
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
    type_digits(&mut form, "7");
    assert_eq!((form.is_random(), form.note()), (false, PinFormNote::DigitCount(1)));
    assert_eq!(form.seconds_until_hidden(now), None);
}
