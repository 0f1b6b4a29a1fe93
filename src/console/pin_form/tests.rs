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
    form.type_char('x');
    form.focus(PinField::Repeat);
    assert_eq!(form.note(), PinFormNote::Mismatch, "it stays until a digit is typed");
    type_digits(&mut form, "4");
    assert_eq!(form.note(), PinFormNote::DigitCount(1));
    type_digits(&mut form, "09726");
    assert_eq!(form.submit(), Pin::parse(b"409726").ok());
}

#[test]
fn a_refused_pin_is_typed_over_and_never_typed_again() {
    let mut form = form();
    type_digits(&mut form, "111111");
    let refused = form.note();
    form.focus(PinField::Repeat);
    assert_eq!((form.field(), form.note()), (PinField::New, refused));
    type_digits(&mut form, "4");
    assert_eq!(form.note(), PinFormNote::DigitCount(1));
    type_digits(&mut form, "09726409726");
    assert_eq!(form.submit(), Pin::parse(b"409726").ok());
}

#[test]
fn a_first_pin_that_changes_is_compared_with_the_second_again() {
    let mut form = form();
    type_digits(&mut form, "409726409726");
    form.focus(PinField::New);
    form.delete();
    type_digits(&mut form, "7");
    assert_eq!((form.field(), form.note(), form.is_complete()), (PinField::Repeat, PinFormNote::Mismatch, false));
    type_digits(&mut form, "409727");
    assert_eq!(form.submit(), Pin::parse(b"409727").ok());
}

#[test]
fn a_weak_pin_is_refused_after_the_sixth_digit() {
    let mut form = form();
    type_digits(&mut form, "12345");
    assert_eq!(form.note(), PinFormNote::DigitCount(5));
    type_digits(&mut form, "6");
    assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::Refused(Weakness::Sequence)));
    assert_eq!((form.submit(), form.note()), (None, PinFormNote::Refused(Weakness::Sequence)), "the reason stays");
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
    type_digits(&mut form, "40");
    for sign in ['x', 'X', '-', 'é', '٣'] {
        form.type_char(sign);
        assert_eq!(form.note(), PinFormNote::OnlyDigits, "{sign}");
    }
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
    form.fill_random(&Pin::parse(b"409726").expect("a PIN"), false, now);
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
fn a_random_pin_in_the_escrow_is_neither_shown_nor_retyped() {
    for show_for in [Some(Duration::from_secs(10)), None] {
        let (mut form, now) = (PinForm::new(None, show_for), Instant::now());
        type_digits(&mut form, "838271838271");
        form.fill_random(&Pin::parse(b"409726").expect("a PIN"), true, now);
        assert_eq!((form.note(), form.is_complete()), (PinFormNote::RandomReady, true));
        assert_eq!(form.cells(PinField::New, now), [PinCell::Hidden; 6]);
        form.focus(PinField::Repeat);
        assert_eq!((form.field(), form.note()), (PinField::New, PinFormNote::RandomReady), "there is one field");
        assert_eq!(form.submit(), Pin::parse(b"409726").ok());
        form.toggle_shown(now);
        let is_shown = form.cells(PinField::New, now) == ['4', '0', '9', '7', '2', '6'].map(PinCell::Shown);
        assert_eq!(is_shown, show_for.is_some());
    }
}

#[test]
fn input_discards_a_random_pin_in_the_escrow() {
    let inputs: [fn(&mut PinForm); 3] = [|form| form.type_char('7'), PinForm::delete, PinForm::clear];
    for (index, input) in inputs.into_iter().enumerate() {
        let mut form = form();
        form.fill_random(&Pin::parse(b"409726").expect("a PIN"), true, Instant::now());
        input(&mut form);
        let note = if index == 0 { PinFormNote::DigitCount(1) } else { PinFormNote::TypeDigits };
        assert_eq!((form.origin(), form.note(), form.submit()), (PinOrigin::Typed, note, None));
    }
}

#[test]
fn each_note_says_what_is_missing() {
    let cases = [
        (PinFormNote::TypeDigits, "Type 6 digits."),
        (PinFormNote::DigitCount(3), "3 of 6 digits."),
        (PinFormNote::OnlyDigits, "Digits only."),
        (PinFormNote::RepeatPin, "Now type the same PIN again."),
        (PinFormNote::Mismatch, "They differ. Type the second again, or Up to change the first."),
        (PinFormNote::Ready, "Ready. Press Enter."),
        (PinFormNote::Refused(Weakness::AllSame), "! Easy to guess: all digits are the same. Choose another PIN."),
        (PinFormNote::Refused(Weakness::Sequence), "! Easy to guess: the digits count up or down. Choose another PIN."),
        (
            PinFormNote::Refused(Weakness::NumberSuffix),
            "! Easy to guess: these are the last digits of the number. Choose another PIN.",
        ),
        (
            PinFormNote::ConfirmWeak(Weakness::RepeatedPattern),
            "! Easy to guess: the digits repeat. Press Enter again to use it anyway.",
        ),
        (
            PinFormNote::ConfirmWeak(Weakness::LooksLikeDate),
            "! Easy to guess: this looks like a date. Press Enter again to use it anyway.",
        ),
        (PinFormNote::RandomGenerated, "Random PIN. Save it in your vault, then retype it."),
        (PinFormNote::ShowingDisabled, "Showing PINs is off here."),
        (PinFormNote::Pasted, "Pasted 6 digits."),
        (PinFormNote::PasteRejected, "The pasted text is not 6 digits. Nothing was changed."),
    ];
    for (note, text) in cases {
        assert_eq!(note.text(), text);
    }
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
    form.fill_random(&Pin::parse(b"409726").expect("a PIN"), false, now);
    form.focus(PinField::New);
    type_digits(&mut form, "7");
    assert_eq!((form.origin(), form.note()), (PinOrigin::Typed, PinFormNote::DigitCount(1)));
    assert_eq!(form.seconds_until_hidden(now), None);
}
