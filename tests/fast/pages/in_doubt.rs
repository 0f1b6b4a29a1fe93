//! The page of a number in doubt: where its PIN is, and what the operator can do.
//!
//! It sends the same PIN again, sets a new one once the last attempt can no longer arrive, or records a manual check.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::{ChangeState, Completion, DoubtEnd, InDoubtDetails, Resolution, SendHistory};
use pindesk::domain::number::TwoStep;
use pindesk::domain::standing::NotSentReason;
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{
    AppFixture, HIDE_AFTER, READING_TIME, START_TIME, number, number_id, recording_with_escrow,
};

#[test]
fn the_page_says_where_the_pin_is_and_how_many_may_be_in_force() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).assert_effects([WorkCommand::ReadHistory(number_id(0))]);
    console.sees("not set, read 14:03:09 UTC; not set before").sees("May be in force this PIN, or none");
    console.sees("in memory, and encrypted in escrow.jsonl").sees("No answer: +1 555-010-0140");
    console.set_in_doubt(0, |details| (details.is_in_escrow, details.candidate_count) = (false, 3));
    console.sees("in memory only, until you quit: write it down").sees("one of 3 PINs, or none").sees("s same PIN");
    console.set_in_doubt(0, |details| {
        (details.is_pin_in_memory, details.two_step_before, details.candidate_count) = (false, TwoStep::On, 2);
    });
    console.sees("encrypted in escrow.jsonl, not in memory").sees("this PIN, or the one before").sees("on before");
    console
        .does_not_see("s same PIN")
        .sees("s The same PIN cannot be sent again")
        .press('s')
        .sees("The PIN is no longer in memory.");
    assert_eq!(console.app.mode(), Mode::NoAnswer);
}

#[test]
fn a_status_read_before_the_last_try_is_not_called_current() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let later = Completion { at: START_TIME.plus(Duration::from_secs(5)), attempts: 1 };
    console.set_in_doubt(0, |details| details.send_history = SendHistory::Recorded(later));
    console.sees("? not set ! no answer").open_number(0);
    console.sees("Two-step not set, read 14:03:09 UTC, before the last try; not set before");
    console
        .set_change_state(0, ChangeState::Resolved(later, DoubtEnd { at: later.at, how: Resolution::Manual }))
        .key(Key::Esc);
    console.sees("? not set - resolved").open_number(0).sees("not set, read 14:03:09 UTC, before the last change");
}

#[test]
fn after_two_tries_no_one_try_is_said_to_have_set_the_pin() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(1, |details| details.candidate_count = 2).open_number(1);
    console.sees("It was not set before these tries and is on now: one of them set it, or someone else did.");
}

#[test]
fn the_same_pin_is_sent_again_after_a_confirmation() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).press('s').sees("Send the same PIN to +1 555-010-0140 again?");
    console.press('y').assert_no_effects().wait(READING_TIME).press('y');
    console.assert_effects([WorkCommand::ResendPin(number_id(0))]);
}

#[test]
fn a_different_pin_waits_until_the_last_try_cannot_arrive() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).sees("A new PIN can be set in 1 min 35 s");
    console.press('p').sees("New PIN from 14:04:45 UTC. To send the same PIN: s.");
    console.wait(Duration::from_millis(34_500)).sees("A new PIN can be set in 1 min 1 s");
    console.wait(Duration::from_millis(60_499)).press('p').sees("New PIN from 14:04:45 UTC.").assert_no_effects();
    console.wait(Duration::from_millis(400)).sees("p Set a new PIN.").press('p').sees("Set the PIN of +1 555-010-0140");
    console.assert_effects([WorkCommand::RefreshNumber(number(0)), WorkCommand::ReadHistory(number_id(0))]);
}

#[test]
fn the_countdown_redraws_once_a_second_on_its_page_only() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {});
    let warning = console.now.instant + HIDE_AFTER.saturating_sub(Duration::from_secs(30));
    assert_eq!(console.app.next_wake(console.now.instant), Some(warning), "the list has no countdown");
    console.open_number(0);
    assert_eq!(console.app.next_wake(console.now.instant), Some(console.now.instant + Duration::from_secs(1)));
    console.wait(Duration::from_secs(95));
    assert_eq!(console.app.next_wake(console.now.instant), Some(warning));
}

#[test]
fn a_recovered_change_offers_a_new_pin_first() {
    let mut console = AppFixture::new((80, 24));
    let unresolved = vec![console.recovered_change(1)];
    console
        .read_list()
        .open_recording(recording_with_escrow(), unresolved, &[])
        .sees("1 number is in doubt")
        .key(Key::Enter);
    console.wait(Duration::from_secs(95));
    let screen = console.screen();
    assert!(screen.find("p  Set a new PIN. This is the way") < screen.find("s  The same PIN"), "{screen}");
    console.sees("To see the PIN, press c, then 5");
}

#[test]
fn a_manual_check_needs_a_note_without_a_pin_and_a_yes() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).press('h').sees("Checked manually");
    console.type_text("ok").key(Key::Enter).sees("Write what you found");
    console.key(Key::Ctrl('u')).type_text("PIN is 409726 now").key(Key::Enter).sees("Leave out the PIN");
    console.key(Key::Ctrl('u')).type_text("it was 4 0 9-72 6").key(Key::Enter).sees("Leave out the PIN");
    for note in ["set 23.11. 14:05 409726", "ticket 4711 409726", "23.11.2026 409726", "409726 4711"] {
        console.key(Key::Ctrl('u')).type_text(note).key(Key::Enter).sees("Leave out the PIN");
    }
    console
        .key(Key::Ctrl('u'))
        .type_text("asked +1 555 555 0100 on 23.11.2026 at 14:05, ticket 47114711")
        .key(Key::Enter);
    console.sees("Mark +1 555-010-0140 as resolved?").key(Key::Esc).sees("ticket 47114711");
    console.key(Key::Ctrl('u')).type_text("registered with the old PIN").key(Key::Enter);
    console.sees("Mark +1 555-010-0140 as resolved?").sees("registered with the old PIN");
    console.press('y').assert_no_effects().key(Key::Enter).assert_no_effects().wait(READING_TIME).press('y');
    let note = CleanText::new("registered with the old PIN");
    console.assert_effects([WorkCommand::ResolveManually { number: number_id(0), note }]);
    let finished = Completion { at: console.now.utc, attempts: 4 };
    console
        .set_change_state(0, ChangeState::Resolved(finished, DoubtEnd { at: finished.at, how: Resolution::Manual }))
        .sees("resolved: checked manually.");
    console.press('/').type_text("request:settled").key(Key::Enter).sees("1 of 4").sees("- resolved");
    console.key(Key::Enter).sees("Last request resolved: checked manually");
}

#[test]
fn leaving_the_note_or_its_confirmation_records_nothing() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text("abc").key(Key::Esc).sees("No answer:");
    console.press('h').sees("Note:").does_not_see("abc").type_text("abc").key(Key::Enter).wait(READING_TIME).press('n');
    console.sees("Canceled. Nothing was recorded.").sees("No answer:").assert_no_effects();
    console.press('h').type_text("abc").key(Key::Enter).key(Key::Esc).sees("Note:").sees("abc").assert_no_effects();
    console.key(Key::Esc).sees("No answer:").assert_no_effects();
}

#[test]
fn a_manual_check_is_not_recorded_after_the_journal_fails() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text("abc").key(Key::Enter).wait(READING_TIME);
    console.update(Msg::JournalFailed(CleanText::new("the disk is full."))).press('y').assert_no_effects();
    console.sees("No PIN can be set");
}

#[test]
fn a_later_change_that_is_not_sent_clears_no_doubt() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let finished = Completion { at: console.now.utc, attempts: 1 };
    console
        .set_in_doubt(0, |_| {})
        .set_change_state(0, ChangeState::NotSent(finished, NotSentReason::Stopped))
        .sees("in doubt 1");
    console.open_number(0).sees("No answer:").sees("The older PIN may or may not be set");
}

#[test]
fn a_change_stopped_for_too_many_doubts_says_why() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let finished = Completion { at: console.now.utc, attempts: 0 };
    console
        .set_change_state(0, ChangeState::NotSent(finished, NotSentReason::TooManyInDoubt))
        .sees("- not sent")
        .does_not_see("No connection");
    console.open_number(0).sees("Not sent:").sees("Too many requests in a row got no sure answer before this");
    console.sees("Nothing was changed.").sees("Check the network and the proxy of this server.");
}

#[test]
fn a_doubt_that_only_loses_its_pin_is_not_reported_again() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let first = console.in_doubt_state();
    console.set_in_doubt(0, |_| {}).wait(READING_TIME);
    console.set_in_doubt(0, |details| {
        *details = InDoubtDetails { is_pin_in_memory: false, ..first };
    });
    assert_eq!(console.app.messages().newest_first().filter(|message| message.text.contains("no answer")).count(), 1);
}

#[test]
fn the_form_and_the_question_of_a_new_pin_tell_of_the_doubt() {
    for (index, question) in [(0, "Set the PIN of"), (1, "Replace the PIN of")] {
        for (size, doubt) in
            [((80, 24), "In doubt the last PIN sent may be in force"), ((40, 10), "The last PIN sent may")]
        {
            let mut console = AppFixture::loaded(size, recording_with_escrow());
            console.set_in_doubt(index, |_| {}).open_number(index).wait(Duration::from_secs(95)).press('p').sees(doubt);
            if size == (80, 24) {
                console.enter_pin().sees(question).sees(doubt);
            }
        }
    }
}
