//! What the journal has about numbers, whichever process made the changes: in the list, on pages, and without a word.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::domain::change::{
    ChangeState, Completion, DoubtEnd, InDoubtDetails, JobId, LATE_ARRIVAL_WINDOW, LastSet, Progress, ProgressSource,
    Resolution,
};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::outcome::ApiError;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;
use pindesk::journal::{NumberRecord, RecordedChange};

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, START_TIME, YESTERDAY, number, number_id, operator, recording_with_escrow,
    recording_without_escrow,
};

fn bo() -> OperatorName {
    operator("bo", "web2")
}

const fn once(at: UtcTime) -> Completion {
    Completion { at, attempts: 1 }
}

fn refusal() -> ApiError {
    ApiError {
        http_status: 400,
        code: 133_010,
        subcode: None,
        message: CleanText::new("not registered"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    }
}

fn failed() -> ChangeState {
    ChangeState::Failed(ONE_ATTEMPT, refusal())
}

fn record(index: usize, state: ChangeState) -> NumberRecord {
    let latest = Some(RecordedChange { job: Some(JobId::new(7)), operator: bo(), state });
    NumberRecord { number: number_id(index), latest, last_set: None }
}

/// The journal has a new state of a number.
fn recorded(index: usize, state: ChangeState, last_set: Option<LastSet>) -> Msg {
    let source = ProgressSource::Journal(last_set);
    Msg::ProgressReceived(vec![Progress {
        job: Some(JobId::new(7)),
        change: None,
        number: number_id(index),
        state,
        source,
    }])
}

fn in_doubt(console: &AppFixture) -> ChangeState {
    ChangeState::InDoubt(Box::new(InDoubtDetails { is_pin_in_memory: false, ..console.in_doubt_state() }))
}

#[test]
fn the_list_shows_and_finds_what_earlier_runs_did() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let last_year = UtcTime::from_rfc3339("2025-12-31T23:59:59Z").expect("a time");
    let march = UtcTime::from_rfc3339("2026-03-02T10:41:00Z").expect("a time");
    let set = |at| ChangeState::Set(once(at));
    console.update(Msg::NumberRecordsLoaded(vec![
        record(0, set(START_TIME)),
        record(1, set(march)),
        record(2, set(last_year)),
        record(3, failed()),
    ]));
    console.sees("0140 Acme Retail UK").sees("+ set 14:03").sees("+ set 02 Mar").sees("+ set 2025").sees("x failed");
    console.press('/').type_text("request:set").sees("3 of 4").key(Key::Esc);
    console.press('/').type_text("request:failed").sees("1 of 4").key(Key::Esc);
    let unchanged = console.app.messages().newest_first().count();
    assert_eq!(unchanged, 1, "only the list that was read is announced");
    console.open_number(1).sees("Last request set at 2 Mar 2026 10:41 UTC, 1 try");
}

#[test]
fn what_this_console_did_wins_over_older_rows() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let details = console.in_doubt_state();
    console.set_change_state(0, ChangeState::Sending { attempt: 1, in_doubt: false });
    console.set_change_state(1, ChangeState::InDoubt(Box::new(details)));
    console.update(Msg::NumberRecordsLoaded(vec![record(0, failed()), record(1, failed()), record(2, failed())]));
    console.sees("~ sending").sees("! no answer").sees("in doubt 1");
    console.press('/').type_text("request:failed").sees("1 of 4");
}

#[test]
fn a_row_knows_when_its_pin_was_last_set_and_by_whom() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let last_set = |at| LastSet { at, by: bo(), escrow_keys: Some(2) };
    let old = NumberRecord { last_set: Some(last_set(YESTERDAY)), ..record(0, failed()) };
    let known = |console: &AppFixture| console.app.roster().get(&number_id(0)).and_then(|row| row.last_set.cloned());
    console.update(Msg::NumberRecordsLoaded(vec![old.clone()]));
    assert_eq!(known(&console), Some(last_set(YESTERDAY)));
    console.update(recorded(0, ChangeState::Set(ONE_ATTEMPT), Some(last_set(START_TIME))));
    console.update(Msg::NumberRecordsLoaded(vec![old]));
    assert_eq!(known(&console), Some(last_set(START_TIME)));
}

#[test]
fn what_this_console_sets_is_the_last_set_at_once() {
    for (recording, escrow_keys) in [(recording_with_escrow(), Some(2)), (recording_without_escrow(), None)] {
        let mut console = AppFixture::loaded((160, 36), recording);
        let older = LastSet { at: YESTERDAY, by: bo(), escrow_keys: Some(1) };
        console.update(Msg::NumberRecordsLoaded(vec![NumberRecord { last_set: Some(older), ..record(0, failed()) }]));
        console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT));
        let last_set = LastSet { at: START_TIME, by: operator("ana", "web1"), escrow_keys };
        let row = console.app.roster().get(&number_id(0)).expect("a row");
        assert_eq!(row.last_set, Some(&last_set));
        console.open_number(0).sees("Last set here 22 Nov 2026 by ana@web1");
        match escrow_keys {
            Some(_) => console.sees("PIN in the escrow, 2 keys"),
            None => console.does_not_see("in the escrow"),
        };
    }
}

#[test]
fn what_another_process_does_is_shown_but_not_announced() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let message = console.app.messages().newest_first().next().cloned();
    console.update(recorded(0, ChangeState::Set(ONE_ATTEMPT), None)).sees("+ set 14:03").assert_no_effects();
    let state = in_doubt(&console);
    console.update(recorded(2, state, None)).sees("! no answer").sees("in doubt 1").assert_no_effects();
    console.press('/').type_text("request:no-answer").sees("1 of 4").key(Key::Esc);
    console.update(recorded(2, ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped), None));
    console.sees("- not sent").sees("in doubt 0");
    assert_eq!(console.app.messages().newest_first().next(), message.as_ref());
}

#[test]
fn an_open_page_follows_what_another_process_does() {
    let mut console = AppFixture::loaded((80, 36), recording_with_escrow());
    console.open_number(0).sees("-- +1 555-010-0140");
    console.update(recorded(1, failed(), None)).assert_no_effects();
    let state = in_doubt(&console);
    console.update(recorded(0, state, None)).assert_effects([WorkCommand::ReadHistory(number_id(0))]);
    console.sees("No answer:").sees("encrypted in escrow.jsonl, not in memory");
    let resolved = ChangeState::Resolved(ONE_ATTEMPT, DoubtEnd { at: START_TIME, how: Resolution::Manual });
    console.update(recorded(0, resolved, None)).assert_effects([WorkCommand::ReadHistory(number_id(0))]);
    console.does_not_see("No answer:").sees("Last request resolved: checked manually");
    console.key(Key::Esc).press('p').sees("Until then the last request may still arrive.").assert_no_effects();
    console.wait(LATE_ARRIVAL_WINDOW).press('p');
    console.assert_effects([WorkCommand::RefreshNumber(number(0)), WorkCommand::ReadHistory(number_id(0))]);
}

#[test]
fn a_time_of_today_becomes_a_date_at_midnight() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let midnight = START_TIME.plus(START_TIME.until_next_day());
    let late = midnight.minus(Duration::from_secs(30));
    console.now = TimePoint { utc: late, ..console.now };
    let last_set = Some(LastSet { at: START_TIME, by: bo(), escrow_keys: None });
    let set = NumberRecord { last_set, ..record(0, ChangeState::Set(once(START_TIME))) };
    console.update(Msg::NumberRecordsLoaded(vec![set])).sees("+ set 14:03");
    let wake = console.app.next_wake(console.now.instant);
    assert_eq!(wake, Some(console.now.instant + Duration::from_secs(30)));
    console.wait(Duration::from_secs(29)).sees("+ set 14:03").wait(Duration::from_secs(1)).sees("+ set 22 Nov");
    let next = console.app.next_wake(console.now.instant).expect("the screen hides");
    assert!(next - console.now.instant < Duration::from_mins(10), "it woke once");
}

#[test]
fn without_a_watch_the_operator_is_told_once() {
    let mut console = AppFixture::loaded((120, 24), recording_with_escrow());
    console.update(Msg::JournalWatchFailed(CleanText::new("too many open files")));
    console.sees("What other processes set appears only after a refresh of all numbers: too many open files.");
}

#[test]
fn a_status_is_marked_while_a_try_without_answer_may_arrive() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let until = console.now.plus(Duration::from_secs(3));
    let states = |in_doubt| {
        [
            ChangeState::Waiting { attempt: 2, until: until.instant, in_doubt, error: None },
            ChangeState::Sending { attempt: 2, in_doubt },
            ChangeState::Paused { until, in_doubt },
        ]
    };
    for (in_doubt, text) in [(false, "0140 Acme Retail UK - not set"), (true, "0140 Acme Retail UK ? not set")] {
        for state in states(in_doubt) {
            console.set_change_state(0, state).sees(text);
        }
    }
    console.open_number(0).sees("Two-step not set, read 14:03:09 UTC, before the last try");
    console.set_change_state(0, failed()).key(Key::Esc);
    console.sees("0140 Acme Retail UK - not set");
}

#[test]
fn a_status_that_was_read_before_the_pin_was_sent_is_marked() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.sees("0140 Acme Retail UK - not set");
    let later = Completion { at: START_TIME.plus(Duration::from_mins(1)), attempts: 1 };
    console.update(recorded(0, ChangeState::Set(later), None)).sees("0140 Acme Retail UK ? not set + set 14:04");
    let read_at = Some(START_TIME.plus(Duration::from_secs(61)));
    let on = Number { two_step: TwoStep::On, read_at, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(on) }).sees("0140 Acme Retail UK + on + set 14:04");
}

#[test]
fn an_open_question_says_that_another_process_set_a_pin() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').enter_pin().sees("Set the PIN of +1 555-010-0140?");
    let last_set = LastSet { at: START_TIME, by: bo(), escrow_keys: Some(2) };
    console.update(recorded(0, ChangeState::Set(ONE_ATTEMPT), Some(last_set)));
    let refresh = WorkCommand::RefreshNumberAfter { number: number(0), set_at: START_TIME };
    console.assert_effects([refresh, WorkCommand::ReadHistory(number_id(0))]);
    console.sees("Replace the PIN of +1 555-010-0140?").sees("! A PIN may be set");
    console.sees("Another pindesk set a PIN at 14:03 UTC (bo@web2).");
    let on = Number { two_step: TwoStep::On, read_at: Some(START_TIME.plus(Duration::from_secs(1))), ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(on) });
    console.sees("! A PIN is already set").sees("Another pindesk set a PIN at 14:03 UTC (bo@web2).");
    console.press('y').assert_no_effects().sees("Replace the PIN of");
}

#[test]
fn an_open_form_says_what_another_process_does() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p');
    console
        .update(recorded(0, ChangeState::Sending { attempt: 1, in_doubt: false }, None))
        .sees("Another pindesk is sending a PIN now.");
    let state = in_doubt(&console);
    console.update(recorded(0, state, None)).sees("Another pindesk left a PIN in doubt.");
    console.update(recorded(1, failed(), None)).sees("Another pindesk left a PIN in doubt.");
}
