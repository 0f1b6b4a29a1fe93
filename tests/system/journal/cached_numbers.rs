//! The numbers that the journal caches for the next start, by profile.

use std::sync::Arc;

use pindesk::domain::number::{Number, TwoStep, Waba};
use pindesk::domain::text::CleanText;

use super::{open_reader, seconds};
use crate::support::journal_fixture::{JournalFixture, START_TIME, number_id};

#[tokio::test]
async fn cached_numbers_are_returned_as_saved() {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let waba =
        Arc::new(Waba { id: "100000000000001".parse().expect("a WABA ID"), name: Some(CleanText::new("uk-retail")) });
    let numbers: Vec<Number> = (0..600)
        .map(|n| Number {
            waba: Some(Arc::clone(&waba)),
            display_number: Some(CleanText::new(&format!("+1 555-555-0{n:03}"))),
            two_step: TwoStep::On,
            read_at: Some(START_TIME),
            ..Number::from_config(number_id(n), None)
        })
        .collect();
    journal.cache_numbers("acme", numbers.clone()).await;
    let page = open_reader(&journal).cached_numbers("acme", None).expect("readable");
    assert_eq!(page, numbers[..256]);
    assert!(Arc::ptr_eq(&page[0].details, &page[255].details), "equal details are shared");
    assert_eq!(open_reader(&journal).cached_numbers("acme", Some(page[255].id)).expect("readable"), numbers[256..512]);
    assert_eq!(open_reader(&journal).cached_numbers("acme", Some(number_id(511))).expect("readable"), numbers[512..]);
    assert_eq!(open_reader(&journal).cached_numbers("acme", Some(number_id(599))).expect("readable"), []);
    assert_eq!(open_reader(&journal).cached_numbers("other", None).expect("readable"), []);
    let newer = Number { two_step: TwoStep::NotSet, ..numbers[0].clone() };
    journal.cache_numbers("acme", vec![newer.clone()]).await;
    journal.close();
    let cached = open_reader(&fixture.open().0).cached_numbers("acme", None).expect("readable");
    assert_eq!((&cached[0], &cached[1..]), (&newer, &numbers[1..256]));
}

#[tokio::test]
async fn a_removed_number_stays_if_refreshed_elsewhere() {
    let fixture = JournalFixture::new();
    let ((journal, _), (other, _)) = (fixture.open(), fixture.open());
    let read = |n, read_at| Number { read_at: Some(read_at), ..Number::from_config(number_id(n), None) };
    let since = START_TIME.plus(seconds(1));
    for profile in ["acme", "other"] {
        journal.cache_numbers(profile, vec![read(1, START_TIME), read(2, START_TIME), read(3, START_TIME)]).await;
    }
    other.cache_numbers("acme", vec![read(2, since)]).await;
    journal.remove_cached_numbers("acme", vec![number_id(1), number_id(2), number_id(9)], START_TIME).await;
    assert_eq!(
        open_reader(&other).cached_numbers("acme", None).expect("readable"),
        [read(2, since), read(3, START_TIME)]
    );
    assert_eq!(
        open_reader(&other).cached_numbers("other", None).expect("readable"),
        [read(1, START_TIME), read(2, START_TIME), read(3, START_TIME)]
    );
}
