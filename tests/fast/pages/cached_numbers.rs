//! Numbers that an earlier run cached: how the list marks them, and when fresh ones replace them.

use std::sync::Arc;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::{Number, TwoStep, Waba};
use pindesk::domain::outcome::ReadFailure;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{AppFixture, cached_number, number, number_id, recording_with_escrow, waba};

fn waba_read(refresh_id: u32, result: Result<(), ReadFailure>) -> Msg {
    Msg::WabaRead { refresh_id, waba: waba(), result }
}

#[test]
fn cached_numbers_are_marked_as_old_until_refreshed() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5)]));
    console.sees("0 refreshed so far. Others as of 21 Nov 2026 14:03 UTC.");
    console.sees("? on").sees("set today 0");
    console.read_list().sees("Read 4 numbers.").sees("All 4 numbers");
    console.sees("+ on").does_not_see("? on").does_not_see("0145");
}

#[test]
fn cached_numbers_that_load_late_never_replace_fresh_ones() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let on = Number { two_step: TwoStep::On, ..cached_number(0) };
    console
        .update(Msg::CachedNumbersLoaded(vec![on, cached_number(5)]))
        .sees("All 4 numbers")
        .sees("+ on")
        .does_not_see("? on");
}

#[test]
fn a_cached_status_counts_as_unknown_in_the_confirmation() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded(vec![cached_number(0)]));
    let known = Number { two_step: TwoStep::Unknown, ..cached_number(0) };
    console.press('p').assert_effects([WorkCommand::RefreshNumber(known), WorkCommand::ReadHistory(number_id(0))]);
    console.sees("Two-step now ? unknown, was not set at 21 Nov 2026 14:03 UTC");
    console.enter_pin().sees("Replace the PIN of +1 555-010-0140?").key(Key::Esc).key(Key::Esc);
    console
        .press('p')
        .update(Msg::NumberRead { id: number_id(0), result: Ok(number(0)) })
        .sees("Two-step now - not set, read 14:03:09 UTC");
    console.enter_pin().sees("Set the PIN of +1 555-010-0140?");
}

#[test]
fn only_newer_data_makes_the_confirmation_ask_again() {
    let page = |number: Number| Msg::PageReceived { refresh_id: 1, numbers: vec![number] };
    let on = || Number { two_step: TwoStep::On, ..number(0) };
    let mut console = AppFixture::new((80, 24));
    console.open_recording(recording_with_escrow(), Vec::new(), &[]).update(page(number(0))).press('p');
    console.enter_pin().sees("Set the PIN of +1 555-010-0140?");
    console
        .update(page(Number { read_at: Some(UtcTime::from_unix_seconds(1)), ..on() }))
        .sees("Set the PIN of +1 555-010-0140?");
    console.update(page(on())).sees("Replace the PIN of +1 555-010-0140?").sees("This is its status now");
    console
        .update(page(Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..on() }))
        .sees("+1 555-010-0199");
}

#[test]
fn numbers_that_cannot_be_refreshed_keep_their_old_read_time() {
    for size in [(80, 24), (40, 10)] {
        let mut console = AppFixture::new(size);
        console
            .open_recording(recording_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded(vec![cached_number(0), cached_number(1)]));
        console.update(waba_read(1, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 1 });
        console.key(Key::Up).sees("as of 21 Nov 2026 14:03 UTC").key(Key::Down).sees("as of 21 Nov 2026 14:03 UTC");
        console.press('u').update(Msg::PageReceived { refresh_id: 2, numbers: vec![number(0)] });
        console.update(waba_read(2, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 2 });
        console.key(Key::Down).sees("not set 1");
        console.update(Msg::NumberRead { id: number_id(1), result: Ok(number(1)) }).does_not_see("as of");
    }
}

#[test]
fn one_number_from_the_cache_is_counted_in_the_singular() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded(vec![cached_number(0)]));
    console.update(waba_read(1, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 1 });
    console.sees("-- 1 number as of 21 Nov 2026 14:03 UTC --").press('u');
    console.update(waba_read(2, Ok(()))).update(Msg::RefreshFinished { refresh_id: 2 }).does_not_see("as of");
}

#[test]
fn a_hidden_screen_says_that_a_refresh_still_uses_the_token() {
    let mut console = AppFixture::new((80, 24));
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] }).press('z');
    console.sees("The refresh continues. Then pindesk drops the access token").does_not_see("0140");
    console.update(Msg::RefreshFinished { refresh_id: 1 }).sees("pindesk dropped the access token");
}

#[test]
fn cached_numbers_no_longer_configured_are_not_shown() {
    let mut console = AppFixture::new((80, 24));
    let other = Arc::new(Waba { id: "7".parse().expect("a valid ID"), name: None });
    let elsewhere = Number { waba: Some(other), ..cached_number(2) };
    let single = Number { waba: None, ..cached_number(3) };
    console.update(Msg::CachedNumbersLoaded(vec![elsewhere, single])).sees("1 of 1");
    let numbers = vec![number(0)];
    console.update(Msg::PageReceived { refresh_id: 1, numbers }).update(Msg::RefreshFinished { refresh_id: 1 });
    console.sees("The only number").sees("0140").does_not_see("0143");
}

#[test]
fn the_list_drops_only_numbers_missing_from_a_complete_waba() {
    let mut console = AppFixture::new((80, 24));
    let unresolved = vec![console.recovered_change(8)];
    console.open_recording(recording_with_escrow(), unresolved, &[]).key(Key::Esc);
    console.update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5), cached_number(8)]));
    console.read_list().sees("All 5 numbers").sees("0148").does_not_see("0145");
}

#[test]
fn an_incomplete_refresh_keeps_every_cached_number() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5)]));
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
    console.update(waba_read(1, Err(ReadFailure::NoAnswer)));
    console.update(Msg::RefreshFinished { refresh_id: 1 }).sees("3 numbers; the WABA could not be read");
    console.update(Msg::CachedNumbersLoaded(vec![cached_number(6)])).sees("4 numbers; the WABA");
}

#[test]
fn an_empty_waba_empties_the_list() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded((0..300).map(cached_number).collect()));
    console.update(waba_read(1, Ok(()))).update(Msg::RefreshFinished { refresh_id: 1 });
    console.sees("Press r to try again.");
}

#[test]
fn a_refresh_of_one_number_names_the_waba_that_listed_it() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('r').assert_effects([WorkCommand::RefreshNumber(number(0))]);
    let alone = Number { waba: None, name: None, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(alone) });
    console.press('r').assert_effects([WorkCommand::RefreshNumber(number(0))]);
}
