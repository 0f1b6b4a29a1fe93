//! A number's history from the journal, on its page and beside the list.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::ApiError;
use pindesk::domain::text::CleanText;
use pindesk::journal::HistoryEntry;
use pindesk::policy::error_catalog::Explanation;

use super::actions::refused;
use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, START_TIME, YESTERDAY, collapse_whitespace, number, number_id,
    recording_with_escrow,
};

/// The cursor must rest for this long before the pane follows.
const REST_TIME: Duration = Duration::from_millis(100);

fn history_entries() -> Vec<HistoryEntry> {
    let entry = |at, description| HistoryEntry {
        at,
        operator_label: CleanText::new("ana"),
        is_request: true,
        description: CleanText::new(description),
    };
    vec![entry(START_TIME, "set"), entry(YESTERDAY, "checked manually: phoned the shop")]
}

#[test]
fn the_details_show_the_history_newest_first() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    console.open_number(0).assert_effects([WorkCommand::ReadHistory(number_id(0))]).does_not_see("History");
    console.update(Msg::HistoryRead { id: number_id(0), lines: history_entries() });
    console.sees(
        "History, newest first, UTC 22 Nov 26 14:03 set ana 21 Nov 26 14:03 checked manually: phoned the shop ana",
    );
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT));
    console.assert_effects([WorkCommand::RefreshNumber(number(0)), WorkCommand::ReadHistory(number_id(0))]);
}

#[test]
fn the_last_request_of_an_earlier_run_comes_from_the_journal() {
    let decrypted = HistoryEntry {
        is_request: false,
        description: CleanText::new("decrypted from escrow"),
        at: UtcTime::from_unix_seconds(1_795_370_000),
        operator_label: CleanText::new("ana"),
    };
    for size in [(80, 36), (120, 36)] {
        let mut console = AppFixture::loaded(size, recording_with_escrow());
        console.open_number(0).sees("Last request none in this session");
        console.update(Msg::HistoryRead { id: number_id(0), lines: Vec::new() });
        console.sees("Last request none in this session");
        console.update(Msg::HistoryRead { id: number_id(0), lines: vec![decrypted.clone()] });
        console.sees("Last request none in this session");
        let lines = [decrypted.clone()].into_iter().chain(history_entries()).collect();
        console.update(Msg::HistoryRead { id: number_id(0), lines }).sees("Last request 22 Nov 2026 14:03 UTC: set ");
        console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false }).sees("Last request sending");
    }
}

#[test]
fn the_history_of_a_change_in_progress_says_what_is_known() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    let until = console.now.plus(Duration::from_secs(3));
    let empty = Msg::HistoryRead { id: number_id(0), lines: Vec::new() };
    console.open_number(0).update(empty).sees("History No changes recorded here.");
    let paused = format!("Paused until {}: an earlier try got no answer", until.utc);
    let cases = [
        (ChangeState::Queued, "Queued: not sent yet"),
        (ChangeState::Sending { attempt: 2, in_doubt: true }, "Sending: try 2, no answer yet"),
        (
            ChangeState::Waiting { attempt: 2, until: until.instant, in_doubt: true, error: None },
            "Waiting for try 2: an earlier try got no answer",
        ),
        (
            ChangeState::Waiting { attempt: 2, until: until.instant, in_doubt: false, error: None },
            "Waiting for try 2: nothing was applied so far",
        ),
        (ChangeState::Paused { until, in_doubt: true }, &paused),
        (ChangeState::Set(ONE_ATTEMPT), "22 Nov 26 14:03 set"),
    ];
    for (state, text) in cases {
        console.set_change_state(0, state).sees(&format!("History {text}")).does_not_see("No changes recorded here.");
    }
    console.update(Msg::HistoryRead { id: number_id(0), lines: history_entries() });
    console.sees("UTC 22 Nov 26 14:03 set ana 21 Nov 26").does_not_see("set 22 Nov");
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false });
    console.sees("History, newest first, UTC Sending: try 1, no answer yet 22 Nov 26 14:03 set ana");
}

#[test]
fn a_change_that_waits_says_what_meta_said_and_what_follows() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    let ChangeState::Failed(_, error) = refused() else { panic!("a failed change") };
    let waiting = |http_status| ChangeState::Waiting {
        attempt: 2,
        until: console.now.instant + Duration::from_mins(1),
        in_doubt: http_status == 500,
        error: Some(Box::new(ApiError { http_status, code: 131_057, ..error.clone() })),
    };
    let (refused, in_doubt) = (waiting(400), waiting(500));
    for (state, applied) in [(&refused, "Nothing was changed."), (&in_doubt, "The PIN may have been changed.")] {
        let explanation = Explanation::for_change(state).expect("a reason");
        assert_eq!(explanation.advice, ["pindesk sends the same PIN again by itself."]);
        assert_eq!(explanation.applied.sentence(), applied);
    }
    console.set_change_state(0, refused).open_number(0);
    console.sees("Reason The number is in maintenance at Meta. That normally takes a minute.");
}

#[test]
fn a_try_that_ended_is_read_into_the_open_history() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    let until = console.now.plus(Duration::from_secs(3));
    console
        .open_number(0)
        .set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false })
        .assert_no_effects();
    let waiting = ChangeState::Waiting { attempt: 2, until: until.instant, in_doubt: false, error: None };
    for state in [waiting.clone(), ChangeState::Paused { until, in_doubt: false }] {
        console.set_change_state(0, state).assert_effects([WorkCommand::ReadHistory(number_id(0))]);
    }
    console.set_change_state(1, waiting).assert_no_effects();
}

#[test]
fn hiding_drops_the_history_and_showing_reads_it_again() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    console.open_number(0).update(Msg::HistoryRead { id: number_id(0), lines: history_entries() });
    console.sees("phoned the shop");
    console.press('z').key(Key::Enter).update(Msg::TokenRead(Ok(()))).open_number(0);
    console.assert_effects([WorkCommand::ReadHistory(number_id(0))]).does_not_see("phoned the shop");
}

#[test]
fn the_pane_reads_the_history_once_the_cursor_stops() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    console.key(Key::Down).wait(REST_TIME).assert_effects([WorkCommand::ReadHistory(number_id(1))]);
    console.update(Msg::HistoryRead { id: number_id(1), lines: history_entries() }).sees("phoned the");
    console.key(Key::Down).assert_no_effects().wait(Duration::from_millis(99)).key(Key::Down).assert_no_effects();
    console.wait(Duration::from_millis(99)).assert_no_effects();
    console.wait(Duration::from_millis(1)).assert_effects([WorkCommand::ReadHistory(number_id(3))]);
    console.sees("phoned the").update(Msg::HistoryRead { id: number_id(3), lines: Vec::new() });
    console.does_not_see("phoned the");
    console.wait(Duration::from_mins(1)).press('d').key(Key::Up).wait(READING_TIME);
    assert_eq!(console.effects, [], "a closed pane reads nothing");
}

#[test]
fn the_pane_follows_the_cursor_only_when_it_rests() {
    let shown = |index| format!("phone number ID {}", number_id(index));
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    let in_pane = |console: &mut AppFixture, index: usize| {
        let text = collapse_whitespace(&console.screen());
        text.matches(&shown(index)).count()
    };
    let read_history = |console: &mut AppFixture, index| {
        console.update(Msg::HistoryRead { id: number_id(index), lines: Vec::new() });
    };
    console.wait(REST_TIME).assert_effects([WorkCommand::ReadHistory(number_id(0))]);
    read_history(&mut console, 0);
    assert_eq!(in_pane(&mut console, 0), 1);
    console.key(Key::Down).wait(Duration::from_millis(99)).assert_no_effects();
    console.wait(Duration::from_millis(1)).assert_effects([WorkCommand::ReadHistory(number_id(1))]);
    read_history(&mut console, 3);
    assert_eq!((in_pane(&mut console, 0), in_pane(&mut console, 1)), (1, 0), "{}", console.screen());
    read_history(&mut console, 1);
    assert_eq!((in_pane(&mut console, 0), in_pane(&mut console, 1)), (0, 1), "{}", console.screen());
    let next_wake = console.app.next_wake(console.now.instant);
    assert!(next_wake.is_none_or(|at| at > console.now.instant + READING_TIME), "the pane wakes the console again");
    console.press('/').type_text("0142").wait(REST_TIME);
    read_history(&mut console, 2);
    assert_eq!(in_pane(&mut console, 2), 1, "{}", console.screen());
}

#[test]
fn keys_act_on_the_cursor_row_before_the_pane_follows() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    console.wait(REST_TIME).key(Key::Down).key(Key::Enter).assert_effects([WorkCommand::ReadHistory(number_id(1))]);
    console.key(Key::Esc).key(Key::Down).press('p');
    console.assert_effects([WorkCommand::RefreshNumber(number(2)), WorkCommand::ReadHistory(number_id(2))]);
}

#[test]
fn the_pane_says_once_that_a_number_was_never_set_here() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    console.wait(REST_TIME).update(Msg::HistoryRead { id: number_id(0), lines: Vec::new() });
    console.sees("Last set here never").does_not_see("History").does_not_see("No changes recorded here.");
    console.set_change_state(0, ChangeState::Queued).sees("Queued: not sent yet");
}
