//! PINs that are due to be replaced, by the `rotate_after` of the config.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::domain::change::LastSet;
use pindesk::domain::clock::TimePoint;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::text::CleanText;
use pindesk::journal::NumberRecord;

use crate::support::app_fixture::{AppFixture, START_TIME, number, number_id, recording_with_escrow};

fn set_days_ago(index: usize, days: u64) -> Msg {
    let by = OperatorName::new(1000, Some(&CleanText::new("bo")), None, &CleanText::new("web2"));
    let at = START_TIME.minus(Duration::from_hours(24 * days));
    let last_set = Some(LastSet { at, by, escrow_keys: None });
    Msg::NumberRecordsLoaded(vec![NumberRecord { number: number_id(index), latest: None, last_set }])
}

/// Three numbers with a PIN, last set 181 and 180 days ago and never, and one without.
fn console() -> AppFixture {
    let mut console = AppFixture::with_rotation((80, 36), 180);
    console.read_list().open_recording(recording_with_escrow(), Vec::new(), &[]);
    for index in 0..3 {
        let on = Number { two_step: TwoStep::On, ..number(index) };
        console.update(Msg::NumberRead { id: number_id(index), result: Ok(on) });
    }
    console.update(set_days_ago(0, 181)).update(set_days_ago(1, 180));
    console
}

#[test]
fn old_and_unknown_pins_are_due() {
    let mut console = console();
    console.sees("5:due 2").sees("Acme Retail UK + on due").sees("Acme Support + on ");
    console.press('5').sees("/ due:yes").sees("2 of 4").sees("0140").sees("0142").does_not_see("0141");
    console.key(Key::Enter).sees("Due yes, older than 180 days").key(Key::Esc);
    console.key(Key::Down).key(Key::Enter).sees("Due yes, never set here").key(Key::Esc);
    console.press('5').sees("All 4 numbers");
}

#[test]
fn a_pin_becomes_due_at_midnight() {
    let mut console = console();
    console.now = TimePoint { utc: START_TIME.plus(Duration::from_hours(24)), ..console.now };
    console.press('j').sees("5:due 3");
}

#[test]
fn without_a_time_in_the_config_no_pin_is_due() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.update(set_days_ago(1, 5_000)).does_not_see("due");
    console.press('5').sees("No PIN is ever due here: the config sets no rotate_after.").sees("All 4 numbers");
}
