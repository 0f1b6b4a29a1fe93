//! A number's history from the journal, on its page and beside the list.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::text::CleanText;
use pindesk::journal::HistoryEntry;

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, START_TIME, YESTERDAY, number, number_id, recording_with_escrow,
};

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
    console.sees("History 22 Nov 2026 14:03 UTC ana set 21 Nov 2026 14:03 UTC ana checked manually: phoned the shop");
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
        console.set_change_state(0, ChangeState::Sending { attempt: 1 }).sees("Last request sending");
    }
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
    console.key(Key::Down).press('d').assert_effects([WorkCommand::ReadHistory(number_id(1))]);
    console.update(Msg::HistoryRead { id: number_id(1), lines: history_entries() }).sees("phoned the");
    console.key(Key::Down).assert_no_effects().key(Key::Down).assert_no_effects().does_not_see("phoned the");
    console.wait(Duration::from_millis(499)).assert_no_effects();
    console.wait(Duration::from_millis(1)).assert_effects([WorkCommand::ReadHistory(number_id(3))]);
    console.wait(Duration::from_mins(1)).press('d').key(Key::Up).wait(READING_TIME);
    assert_eq!(console.effects, [], "a closed pane reads nothing");
}
