//! Which numbers the console writes to the cache in the journal, and which it removes from there.

use std::sync::Arc;

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::domain::number::{Number, TwoStep, Waba};
use pindesk::domain::outcome::ReadFailure;

use crate::support::app_fixture::{
    AppFixture, START_TIME, cached_number, number, number_id, recording_with_escrow, waba,
};

fn remove_from_cache_effect(indices: &[usize]) -> Effect {
    WorkCommand::RemoveCachedNumbers {
        numbers: indices.iter().map(|index| number_id(*index)).collect(),
        read_until: START_TIME,
    }
    .into()
}

#[test]
fn only_numbers_missing_from_a_complete_waba_are_removed() {
    let mut console = AppFixture::new((80, 24));
    let single = Number { waba: None, ..cached_number(6) };
    let elsewhere = Arc::new(Waba { id: "7".parse().expect("a valid ID"), name: None });
    let elsewhere = Number { waba: Some(elsewhere), ..cached_number(7) };
    let unresolved = vec![console.recovered_change(8)];
    console.open_recording(recording_with_escrow(), unresolved, &[]).key(Key::Esc);
    console.update(Msg::CachedNumbersLoaded(vec![
        cached_number(1),
        cached_number(5),
        single,
        elsewhere,
        cached_number(8),
    ]));
    console.read_list().assert_effects([remove_from_cache_effect(&[5])]);
}

#[test]
fn cached_numbers_that_load_late_are_removed_too() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let single = Number { waba: None, ..cached_number(6) };
    console
        .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5), single]))
        .assert_effects([remove_from_cache_effect(&[5])]);
}

#[test]
fn an_incomplete_refresh_removes_nothing() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5)]));
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
    let result = Err(ReadFailure::NoAnswer);
    console.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result });
    console
        .update(Msg::NumbersCached)
        .update(Msg::RefreshFinished { refresh_id: 1 })
        .assert_no_effects()
        .sees("Showing 3 of 3");
    console.update(Msg::CachedNumbersLoaded(vec![cached_number(6)])).assert_no_effects().sees("Showing 4 of 4");
}

#[test]
fn an_empty_waba_removes_all_its_cached_numbers() {
    let mut console = AppFixture::new((80, 24));
    console
        .open_recording(recording_with_escrow(), Vec::new(), &[])
        .update(Msg::CachedNumbersLoaded((0..300).map(cached_number).collect()));
    console
        .update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) })
        .update(Msg::RefreshFinished { refresh_id: 1 });
    let (first, second): (Vec<usize>, Vec<usize>) = ((0..256).collect(), (256..300).collect());
    console
        .assert_effects([remove_from_cache_effect(&first), remove_from_cache_effect(&second)])
        .sees("Press r to try again.");
}

/// How many numbers the last message wrote to the cache.
fn cached_count(console: &AppFixture) -> usize {
    match &console.effects[..] {
        [] => 0,
        [Effect::Work(WorkCommand::CacheNumbers(numbers))] => numbers.len(),
        other => panic!("{other:?}"),
    }
}

/// How many numbers the console writes to the cache after a page with these.
fn receive_numbers(console: &mut AppFixture, from: usize, to: usize) -> usize {
    let numbers = (from..to).map(number).collect();
    cached_count(console.update(Msg::PageReceived { refresh_id: 1, numbers }))
}

#[test]
fn numbers_are_cached_in_full_pages_one_at_a_time() {
    let mut console = AppFixture::new((80, 24));
    assert_eq!(receive_numbers(&mut console, 0, 255), 0, "more are coming");
    assert_eq!(receive_numbers(&mut console, 255, 600), 256);
    assert_eq!(receive_numbers(&mut console, 600, 601), 0, "the first page is not written yet");
    assert_eq!(cached_count(console.update(Msg::NumbersCached)), 256);
    assert_eq!(cached_count(console.update(Msg::NumbersCached)), 0, "89 numbers do not fill a page");
    assert_eq!(cached_count(console.update(Msg::RefreshFinished { refresh_id: 1 })), 89, "the refresh is complete");
    assert_eq!(cached_count(console.update(Msg::NumbersCached)), 0);
}

#[test]
fn the_end_of_a_waba_flushes_a_partial_page() {
    let mut console = AppFixture::new((80, 24));
    let finish = || Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) };
    assert_eq!((receive_numbers(&mut console, 0, 3), cached_count(console.update(finish()))), (0, 3));
    // Numbers that arrive during a write wait for it. After the end, a write waits for a full page.
    assert_eq!(
        (
            receive_numbers(&mut console, 3, 300),
            cached_count(console.update(finish())),
            receive_numbers(&mut console, 300, 310)
        ),
        (0, 0, 0)
    );
    assert_eq!(cached_count(console.update(Msg::NumbersCached)), 256);
    assert_eq!(cached_count(console.update(Msg::NumbersCached)), 51);
    assert_eq!((receive_numbers(&mut console, 310, 320), cached_count(console.update(Msg::NumbersCached))), (0, 0));
}

#[test]
fn refreshing_one_number_caches_it_with_its_waba() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.update(Msg::NumbersCached).assert_no_effects();
    let on = Number { two_step: TwoStep::On, waba: None, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(on.clone()) });
    console.assert_effects([WorkCommand::CacheNumbers(vec![Number { waba: Some(waba()), ..on }])]);
}
