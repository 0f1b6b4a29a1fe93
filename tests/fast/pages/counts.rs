//! Counts in messages and hints: singular for one, plural otherwise.

use pindesk::console::app::Msg;
use pindesk::domain::change::{ChangeState, Completion};
use pindesk::domain::outcome::ReadFailure;

use crate::support::app_fixture::{AppFixture, START_TIME, number, recording_with_escrow, waba};

#[test]
fn one_refreshed_number_is_counted_in_the_singular() {
    for (result, text) in
        [(Ok(()), "Read 1 number."), (Err(ReadFailure::NoAnswer), "Read 1 number; 1 of 1 WABAs could not be read.")]
    {
        let mut console = AppFixture::new((80, 24));
        console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
        console.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result });
        console.update(Msg::RefreshFinished { refresh_id: 1 });
        console.sees(text);
    }
}

#[test]
fn one_try_is_counted_in_the_singular() {
    for (attempts, text) in [(1, "14:03:09 UTC, 1 try "), (2, "14:03:09 UTC, 2 tries ")] {
        let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
        console.set_change_state(0, ChangeState::Set(Completion { at: START_TIME, attempts }));
        console.open_number(0).sees(text);
    }
}
