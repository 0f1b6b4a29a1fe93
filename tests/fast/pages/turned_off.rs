//! Numbers that were set here and now have no PIN: someone turned two-step verification off elsewhere.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::domain::change::{LATE_ARRIVAL_WINDOW, LastSet};
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::text::CleanText;
use pindesk::journal::NumberRecord;

use crate::support::app_fixture::{AppFixture, START_TIME, number, number_id, recording_with_escrow};

/// Says that a PIN was set here so long before the start.
fn set_ago(index: usize, ago: Duration) -> Msg {
    let by = OperatorName::new(1000, Some(&CleanText::new("bo")), None, &CleanText::new("web2"));
    let last_set = Some(LastSet { at: START_TIME.minus(ago), by, escrow_keys: None });
    Msg::NumberRecordsLoaded(vec![NumberRecord { number: number_id(index), latest: None, last_set }])
}

fn read(index: usize, two_step: TwoStep) -> Msg {
    let number = Number { two_step, read_at: Some(START_TIME), ..number(index) };
    Msg::NumberRead { id: number_id(index), result: Ok(number) }
}

#[test]
fn a_number_that_was_turned_off_elsewhere_says_so() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    let longer = LATE_ARRIVAL_WINDOW + Duration::from_secs(1);
    for (index, two_step, ago) in [
        (0, TwoStep::NotSet, longer),
        (1, TwoStep::On, longer),
        // Read so soon after it that the status may be older than the PIN.
        (2, TwoStep::NotSet, LATE_ARRIVAL_WINDOW),
        (3, TwoStep::Unknown, longer),
    ] {
        console.update(read(index, two_step)).update(set_ago(index, ago));
    }
    console
        .press('/')
        .type_text("two-step:turned-off")
        .key(Key::Enter)
        .sees("1 of 4")
        .sees("0140")
        .does_not_see("0142");
    console.key(Key::Enter).sees("Turned off outside pindesk, after it was last set here").key(Key::Esc);
    // The cursor keeps its row, which is marked as one that no longer matches.
    console.update(set_ago(0, Duration::ZERO)).sees("> = +1 555-010-0140");
}
