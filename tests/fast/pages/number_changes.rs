//! Forms and confirmations of a number that changes, or is no longer listed, while they are open.

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::{ReadFailure, ReplyForm};
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, PIN, READING_TIME, TYPING_TIME, number, number_id, recording_with_escrow, set_pin_effect, waba,
};

const UNLISTED: &str = "No longer listed by its WABA.";

/// The second refresh returns these numbers, and this result for their WABA.
fn finish_refresh(console: &mut AppFixture, numbers: Vec<Number>, result: Result<(), ReadFailure>) -> &mut AppFixture {
    console.update(Msg::PageReceived { refresh_id: 2, numbers });
    console.update(Msg::WabaRead { refresh_id: 2, waba: waba(), result });
    console.update(Msg::RefreshFinished { refresh_id: 2 })
}

/// Loads the list and starts a second refresh.
fn start_refresh(size: (u16, u16)) -> AppFixture {
    let mut console = AppFixture::loaded(size, recording_with_escrow());
    console.press('u').key(Key::Home);
    console
}

#[test]
fn an_unlisted_number_needs_a_stronger_confirmation() {
    for size in [(80, 24), (40, 10)] {
        let mut console = start_refresh(size);
        console.press('p').enter_pin().wait(READING_TIME).sees("Set the PIN of +1 555-010-0140?");
        finish_refresh(&mut console, vec![number(1)], Ok(())).sees(UNLISTED).press('y').assert_no_effects();
        let (heading, status) = if size.0 == 80 {
            ("Replace the PIN of +1 555-010-0140?", "! A PIN may be set unknown, no longer listed by its WABA")
        } else {
            ("Replace PIN of +1 555-010-0140?", "! A PIN may be set")
        };
        console.sees(heading).sees(status).wait(READING_TIME);
        console.type_text("0140").wait(TYPING_TIME).key(Key::Enter);
        let Effect::Work(WorkCommand::SetPins(plan)) = &console.effects[0] else { panic!("{:?}", console.effects) };
        assert_eq!(plan.targets.first().two_step, TwoStep::Unknown);
    }
}

#[test]
fn resending_to_an_unlisted_number_asks_again() {
    let mut console = start_refresh((80, 24));
    console
        .set_in_doubt(0, |_| {})
        .open_number(0)
        .press('s')
        .wait(READING_TIME)
        .sees("Send the same PIN to +1 555-010-0140 again?");
    finish_refresh(&mut console, vec![number(1)], Ok(())).sees(UNLISTED).press('y').assert_no_effects();
    console.wait(READING_TIME).press('y').assert_effects([WorkCommand::ResendPin(number_id(0))]);
}

#[test]
fn an_unlisted_number_in_doubt_is_unknown_not_still_unset() {
    let mut console = start_refresh((80, 24));
    console.set_in_doubt(0, |details| details.two_step_before = TwoStep::On);
    finish_refresh(&mut console, vec![number(1)], Ok(())).open_number(0);
    console.sees("unknown, no longer listed by its WABA; on before").does_not_see("Still not set");
    console.sees("If it is not set 2 minutes after the last try, nothing was");
}

#[test]
fn a_confirmation_stays_if_the_number_may_still_be_listed() {
    for (numbers, result) in [
        (vec![number(0)], Ok(())),
        (vec![number(1)], Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized })),
    ] {
        let mut console = start_refresh((80, 24));
        console.press('p').enter_pin().wait(READING_TIME);
        finish_refresh(&mut console, numbers, result).does_not_see(UNLISTED).sees("Set the PIN of +1 555-010-0140?");
        console.press('y').assert_effects([set_pin_effect(0)]);
    }
}

#[test]
fn a_form_says_its_number_is_unlisted_until_it_is_refreshed() {
    let mut console = start_refresh((80, 24));
    console.press('p').type_text(PIN).press('?').sees("Help");
    finish_refresh(&mut console, vec![number(1)], Ok(()))
        .key(Key::Esc)
        .sees(UNLISTED)
        .sees("Two-step now ? unknown, no longer listed by its WABA");
    console
        .type_text(PIN)
        .sees(UNLISTED)
        .update(Msg::NumberRead { id: number_id(0), result: Ok(number(0)) })
        .does_not_see(UNLISTED);
    console
        .sees("Two-step now - not set, read")
        .key(Key::Enter)
        .sees("Set the PIN of +1 555-010-0140?")
        .does_not_see(UNLISTED);
}

#[test]
fn a_form_opened_for_an_unlisted_number_says_so() {
    let mut console = start_refresh((80, 24));
    console.key(Key::Enter);
    finish_refresh(&mut console, vec![number(1)], Ok(())).press('p').sees(UNLISTED);
    console.enter_pin().sees("Replace the PIN of +1 555-010-0140?").sees("unknown, no longer listed by its WABA");
}

#[test]
fn a_form_says_that_the_name_of_its_number_has_changed() {
    const RENAMED: &str = "This number's name has changed. Is it still the right one?";
    let display_number = Some(CleanText::new("+1 555-040-9726"));
    for other in [Number { display_number, ..number(0) }, Number { name: Some(CleanText::new("Globex")), ..number(0) }]
    {
        for msg in [
            Msg::NumberRead { id: number_id(0), result: Ok(other.clone()) },
            Msg::PageReceived { refresh_id: 2, numbers: vec![other.clone()] },
        ] {
            let mut console = start_refresh((80, 24));
            console
                .press('p')
                .update(Msg::NumberRead { id: number_id(0), result: Ok(number(0)) })
                .does_not_see(RENAMED);
            console.type_text("60").update(msg).sees(RENAMED).type_text("5814").sees(RENAMED);
            console
                .type_text("605814")
                .key(Key::Enter)
                .sees(&format!("Set the PIN of {}?", other.label()))
                .sees(RENAMED);
        }
    }
}

#[test]
fn a_pin_that_ends_a_changed_display_number_is_refused() {
    let other = Number { display_number: Some(CleanText::new("+1 555-040-9726")), ..number(0) };
    let mut console = start_refresh((80, 24));
    console.press('p').type_text(PIN).type_text(PIN).update(Msg::NumberRead { id: number_id(0), result: Ok(other) });
    console.key(Key::Enter).does_not_see("Set the PIN of +1 555-010-0140?");
    assert_eq!(console.app.mode(), Mode::PinForm);
}
