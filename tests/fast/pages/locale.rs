//! Names and numbers on a terminal whose locale is not UTF-8.

use pindesk::console::app::Msg;
use pindesk::domain::number::Number;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{AppFixture, number, waba};

const WHY: &str = "Names are shown as ? because LANG is not UTF-8 (set LC_ALL=C.UTF-8).";

/// The console in the C locale, after it read two numbers: one with this name, and one with this display number.
fn console_with(name: &str, display: &str) -> AppFixture {
    let mut console = AppFixture::in_c_locale((80, 24));
    let named = Number { name: Some(CleanText::new(name)), ..number(0) };
    let displayed = Number { display_number: Some(CleanText::new(display)), ..number(1) };
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![named, displayed] });
    console.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) });
    console.update(Msg::RefreshFinished { refresh_id: 1 });
    console
}

#[test]
fn blanks_dashes_and_accents_are_shown_in_ascii() {
    console_with("Crème Łódź", "+55\u{a0}11\u{a0}95550\u{2011}0145")
        .sees("+55 11 95550-0145")
        .sees("Creme Lodz")
        .does_not_see(WHY);
}

#[test]
fn a_name_in_another_script_says_why_it_is_not_shown() {
    console_with("חנות ספרים", "+55 11 95550-0145").sees("???? ?????").sees(WHY);
}
