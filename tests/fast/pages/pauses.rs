//! Limits of Meta: the queued numbers of a paused scope are shown as paused at once, with one message for all of them.

use std::sync::Arc;
use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, Waba};
use pindesk::pace::Pause;
use pindesk::policy::quota::{PauseCause, QuotaScope};

use crate::support::app_fixture::{AppFixture, number, number_id, recording_with_escrow, waba};

const PAUSE: Duration = Duration::from_mins(5);

/// Four numbers, the last one in another WABA. The first is being sent, and all others are queued.
fn console_with_queue() -> AppFixture {
    let mut console = AppFixture::loaded((100, 24), recording_with_escrow());
    let other = Arc::new(Waba { id: "100000000000002".parse().expect("an ID"), name: None });
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![Number { waba: Some(other), ..number(3) }] });
    for index in 1..4 {
        console.set_change_state(index, ChangeState::Queued);
    }
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false });
    console
}

fn pause(console: &mut AppFixture, scope: QuotaScope) {
    let until = console.now.plus(PAUSE);
    console.update(Msg::CallsPaused(Pause { scope, cause: PauseCause::Throttled(80_008), until }));
}

/// What the column REQUEST shows of each number.
fn requests(console: &AppFixture) -> [&'static str; 4] {
    let roster = console.app.roster();
    [0, 1, 2, 3].map(|index| roster.change(&number_id(index)).expect("a change").keyword())
}

#[test]
fn the_queued_numbers_of_a_paused_scope_are_paused() {
    let cases = [
        (QuotaScope::App, ["sending", "paused", "paused", "paused"]),
        (QuotaScope::Token, ["sending", "paused", "paused", "paused"]),
        (QuotaScope::Waba(Some(waba().id)), ["sending", "paused", "paused", "queued"]),
        (QuotaScope::Waba(None), ["sending", "queued", "queued", "queued"]),
        (QuotaScope::Number(number_id(2)), ["sending", "queued", "paused", "queued"]),
    ];
    for (scope, expected) in cases {
        let mut console = console_with_queue();
        pause(&mut console, scope);
        assert_eq!(requests(&console), expected, "{scope:?}");
    }
}

#[test]
fn a_paused_row_tells_until_when_and_can_be_filtered() {
    let mut console = console_with_queue();
    console.does_not_see("paused 14:08");
    pause(&mut console, QuotaScope::Waba(Some(waba().id)));
    console.sees(". paused 14:08").sees(". queued").press('/').type_text("request:paused");
    assert_eq!(console.app.roster().visible_len(), 2);
    console.does_not_see(". queued");
}

#[test]
fn at_the_end_of_a_pause_its_numbers_are_queued_again() {
    let mut console = console_with_queue();
    pause(&mut console, QuotaScope::Waba(Some(waba().id)));
    let end = console.now.plus(PAUSE).instant;
    console.wait(Duration::from_secs(299));
    assert_eq!(requests(&console), ["sending", "paused", "paused", "queued"]);
    assert_eq!(console.app.next_wake(console.now.instant), Some(end));
    console.wait(Duration::from_secs(1)).does_not_see("paused 14:08");
    assert_eq!(requests(&console), ["sending", "queued", "queued", "queued"]);
}

#[test]
fn a_new_access_token_ends_the_pause_of_the_old_one() {
    let mut console = console_with_queue();
    pause(&mut console, QuotaScope::Token);
    console.update(Msg::TokenRead(Ok(())));
    assert_eq!(requests(&console), ["sending", "queued", "queued", "queued"]);
}
