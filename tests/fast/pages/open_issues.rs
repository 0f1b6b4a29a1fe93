//! The page of open issues: numbers in doubt, and findings of the journal.

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::domain::change::{ChangeState, DoubtEnd, Resolution, SendHistory};
use pindesk::domain::outcome::ApiError;
use pindesk::domain::standing::{DoubtCause, NotSentReason};
use pindesk::domain::text::CleanText;
use pindesk::journal::EscrowDrill;

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, READING_TIME, YESTERDAY, collapse_whitespace, number_id, recording_with_escrow,
    recording_without_escrow,
};

fn console_with_two_in_doubt(size: (u16, u16)) -> AppFixture {
    let mut console = AppFixture::new(size);
    // The second number is no longer configured, so the list never contains it.
    let unresolved = vec![console.recovered_change(1), console.recovered_change(7)];
    console.open_recording(
        recording_with_escrow(),
        unresolved,
        &["The journal is older than the escrow file: it may have been put back."],
    );
    console
}

#[test]
fn the_page_comes_before_the_list_and_esc_closes_it() {
    let mut console = console_with_two_in_doubt((80, 24));
    console.sees("2 numbers are in doubt").sees("The journal is older").sees("200000000000001");
    console.read_list().sees("2 numbers are in doubt").sees("+1 555-010-0141").sees("this one or the old");
    console.key(Key::Esc).sees("All 4 numbers").sees("in doubt 2").press('w').sees("2 numbers are in doubt");
    console.press('q').sees("All 4 numbers");
}

#[test]
fn an_escrow_only_doubt_shows_its_encryption_time_and_no_tries() {
    for size in [(80, 24), (60, 16), (40, 10)] {
        let mut console = AppFixture::new(size);
        let mut change = console.recovered_change(1);
        let ChangeState::InDoubt(details) = &mut change.state else { panic!("{change:?}") };
        (details.send_history, details.doubt) =
            (SendHistory::EscrowOnly { encrypted_at: YESTERDAY }, DoubtCause::EscrowOnly.into());
        let unresolved = vec![change, console.recovered_change(7)];
        console.read_list().open_recording(recording_with_escrow(), unresolved, &[]);
        console.sees("encrypted 21 Nov 26").does_not_see("21 Nov 26 14:03").key(Key::Enter);
        console.sees("Only the escrow file has this PIN. It is unknown whether it was sent.").does_not_see("Tries");
        let last_try = "Last try unknown: the PIN was encrypted at 21 Nov 2026 14:03 UTC";
        for _ in 0..20 {
            if !collapse_whitespace(&console.screen()).contains(last_try) {
                console.key(Key::Down).does_not_see("Tries");
            }
        }
        console.sees(last_try);
    }
}

#[test]
fn the_page_waits_until_the_operator_finishes_typing() {
    let mut console = AppFixture::new((80, 24));
    console.read_list().press('/').type_text("555");
    let unresolved = vec![console.recovered_change(1)];
    console
        .open_recording(recording_with_escrow(), unresolved, &[])
        .sees("/ 555")
        .key(Key::Enter)
        .sees("1 number is in doubt");
}

#[test]
fn only_a_set_or_resolved_change_removes_its_row() {
    let mut console = console_with_two_in_doubt((80, 24));
    let error = ApiError {
        http_status: 400,
        code: 100,
        subcode: None,
        message: CleanText::new("no"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    };
    for state in [
        ChangeState::Queued,
        ChangeState::Sending { attempt: 1, in_doubt: false },
        ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped),
        ChangeState::Failed(ONE_ATTEMPT, error),
    ] {
        console.set_change_state(1, state).sees("2 numbers are in doubt").read_list();
    }
    console.set_change_state(1, ChangeState::Set(ONE_ATTEMPT)).sees("1 number is in doubt");
    console
        .set_change_state(
            7,
            ChangeState::Resolved(ONE_ATTEMPT, DoubtEnd { at: ONE_ATTEMPT.at, how: Resolution::NoPinInForce }),
        )
        .sees("Open issues");
    console.key(Key::Esc).sees("in doubt 0").press('w').sees("The journal is older");
}

#[test]
fn the_cursor_follows_its_number_and_enter_opens_it() {
    let mut console = console_with_two_in_doubt((80, 24));
    console.read_list().key(Key::Enter).sees("2 numbers are in doubt").assert_no_effects();
    console.key(Key::Down).key(Key::Down).key(Key::Enter).sees("No answer: 200000000000007");
    console.assert_effects([WorkCommand::ReadHistory(number_id(7))]).key(Key::Esc).sees("> ! 200000000000007");
    console.key(Key::Enter).press('h').type_text("gone from Meta").key(Key::Enter).wait(READING_TIME).press('y');
    let note = CleanText::new("gone from Meta");
    let resolve = WorkCommand::ResolveManually { number: number_id(7), note };
    console.assert_effects([resolve, WorkCommand::ReadLastDrill]);
    console.sees("2 numbers are in doubt");
    console
        .set_change_state(
            7,
            ChangeState::Resolved(ONE_ATTEMPT, DoubtEnd { at: ONE_ATTEMPT.at, how: Resolution::Manual }),
        )
        .sees("> ! +1 555");
}

#[test]
fn w_opens_the_page_also_if_nothing_is_in_doubt() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('w').assert_effects([WorkCommand::ReadLastDrill]).sees("Open issues").sees("Nothing is in doubt.");
    console.key(Key::Esc).sees("All 4 numbers");
    // Without an escrow there is nothing to say there.
    let mut console = AppFixture::loaded((80, 24), recording_without_escrow());
    console.press('w').sees("No number is in doubt.").sees("All 4 numbers").assert_no_effects();
}

#[test]
fn the_page_says_when_the_last_drill_was() {
    for size in [(80, 24), (40, 10)] {
        let mut console = AppFixture::loaded(size, recording_with_escrow());
        console.press('w').does_not_see("Last drill");
        console.update(Msg::LastDrillRead(None)).sees("Last drill: never.");
        let drill = EscrowDrill { at: YESTERDAY, opened: 20, tried: 20 };
        console.update(Msg::LastDrillRead(Some(drill))).sees("Last drill: 21 Nov 26, 20 of 20");
        let drill = EscrowDrill { at: YESTERDAY, opened: 18, tried: 20 };
        console.update(Msg::LastDrillRead(Some(drill))).sees("Last drill: 21 Nov 26, 18 of 20");
    }
    let mut console = console_with_two_in_doubt((80, 24));
    console.assert_effects([WorkCommand::ReadLastDrill]).update(Msg::LastDrillRead(None));
    console.sees("200000000000007").sees("Last drill: never. pindesk escrow drill --identity FILE");
}
