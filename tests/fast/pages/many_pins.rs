//! The form and the question for many numbers: what they name and count, what leaves them, and what they ask for.

use std::collections::HashSet;
use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::go::Destination;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::change::{ChangeId, ChangeState, DoubtEnd, JobId, LastSet, Progress, ProgressSource, Resolution};
use pindesk::domain::clock::TimePoint;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::text::CleanText;
use pindesk::journal::RecentSets;
use pindesk::policy::quota::CallsLeft;

use super::actions::refused;
use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, PIN, READING_TIME, START_TIME, TYPING_TIME, number, number_id, operator,
    recording_with_escrow, recording_without_escrow, waba,
};

/// The form for all four numbers, of which number 1 is on.
fn form(size: (u16, u16)) -> AppFixture {
    let mut console = AppFixture::loaded(size, recording_with_escrow());
    console.open_many_pins(0..4);
    console
}

/// The question about the three numbers that are not set.
fn question(size: (u16, u16)) -> AppFixture {
    let mut console = form(size);
    console.key(Key::Enter);
    console
}

fn type_count<'a>(console: &'a mut AppFixture, count: &str) -> &'a mut AppFixture {
    console.wait(READING_TIME).type_text(count).wait(TYPING_TIME).key(Key::Enter)
}

fn start_job(indexes: &[usize], pins: PinChoice, note: Option<&str>, send_first: Option<usize>) -> WorkCommand {
    let targets = Targets::new(indexes.iter().map(|index| number(*index)).collect()).expect("numbers");
    WorkCommand::StartJob { plan: PinPlan { targets, pins }, note: note.map(CleanText::new), send_first }
}

fn moved_elsewhere(index: usize, state: ChangeState) -> Msg {
    let last_set = LastSet { at: START_TIME, by: operator("bo", "web2"), escrow_keys: None };
    let source = ProgressSource::Journal(Some(last_set).filter(|_| matches!(state, ChangeState::Set(_))));
    let (job, change) = (Some(JobId::new(3)), Some(ChangeId::new()));
    Msg::ProgressReceived(vec![Progress { job, change, number: number_id(index), state, source }])
}

const SENDING: ChangeState = ChangeState::Sending { attempt: 1, in_doubt: false };

#[test]
fn the_form_counts_what_it_sends_and_what_it_leaves_out() {
    let mut console = form((80, 24));
    console.assert_effects([WorkCommand::ReadCallsLeft(vec![waba().id])]);
    console.sees("Set PINs for 3 numbers").sees("Selected 4 not set 3 on 1 unknown 0 hidden 0").sees("Left out 1 1 on");
    console.sees("> PINs (x) a different random PIN for each number").sees("First [ ] send 1, then stop and ask");
    console.sees("In flight 8 at once").sees("Quota uk-retail 3 calls, how many are left is not known yet");
    console.sees("Each PIN is saved to the escrow first (2 keys can open it).");
    let left = CallsLeft { left: 2, per_hour: 5_000 };
    console
        .update(Msg::CallsLeftRead(vec![(waba().id, Some(left))]))
        .sees("uk-retail 3 calls, about 2/5,000 left: waits");
    console.key(Key::Down).press(' ').sees("Set PINs for 4 numbers").sees("Left out 0");
    console.sees("Already on [x] also replace the PIN of the 1 that is on");
}

#[test]
fn the_form_leaves_out_what_must_not_be_sent() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_change_state(0, SENDING).set_in_doubt(2, |_| {}).open_many_pins([0, 1, 2, 3, 9]);
    console.sees("Set PINs for 1 number").sees("Left out 4 1 on, 1 being sent, 1 in doubt, 1 no longer listed");
    console.update(moved_elsewhere(3, SENDING)).sees("Set PINs for 0 numbers").sees("1 being sent by another pindesk");
    let replace = "All that are left have a PIN, or may. Tick \"Already on\" to replace them.";
    console.key(Key::Enter).sees(replace).assert_no_effects().key(Key::Down).press(' ');
    console.set_change_state(1, SENDING).update(Msg::RefreshFinished { refresh_id: 1 });
    console.key(Key::Enter).sees("No number is left that a PIN can be sent to.").assert_no_effects();
}

#[test]
fn a_resolved_doubt_is_left_out_while_its_request_may_arrive() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let allowed_from = TimePoint { instant: console.now.instant + Duration::from_mins(5), ..console.now };
    let end = DoubtEnd { at: START_TIME, how: Resolution::Manual };
    console.set_in_doubt(2, |details| details.new_pin_allowed_from = allowed_from);
    console.set_change_state(2, ChangeState::Resolved(ONE_ATTEMPT, end));
    console.open_many_pins(0..4).sees("Left out 2 1 on, 1 its last request may still arrive");
    // Then its status is not known: it was read before the doubt ended.
    console.wait(Duration::from_mins(5)).update(Msg::RefreshFinished { refresh_id: 1 });
    console.sees("Left out 2 1 on, 1 unknown");
    let read = Number { read_at: Some(console.now.utc.plus(Duration::from_secs(1))), ..number(2) };
    console.update(Msg::NumberRead { id: number_id(2), result: Ok(read) }).sees("Left out 1 1 on");
}

#[test]
fn a_number_that_another_process_sends_to_is_named_so() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let left_out = "Left out 2 1 on, 1 being sent by another pindesk";
    console.update(moved_elsewhere(2, SENDING)).open_many_pins(0..4).sees(left_out);
    // The lists are read again, and the facts with them.
    console.update(Msg::RefreshFinished { refresh_id: 1 }).sees(left_out).key(Key::Enter).sees(left_out);
    console.key(Key::Esc).update(moved_elsewhere(2, ChangeState::Set(ONE_ATTEMPT))).sees("Left out 2 2 on");
}

#[test]
fn a_real_job_of_over_20_numbers_sends_one_first() {
    for (count, choice) in [(20, "First [ ] send 1"), (21, "First [x] send 1")] {
        let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
        console.open_many_pins(0..count).sees(choice);
    }
}

#[test]
fn different_pins_need_an_escrow() {
    let mut console = AppFixture::loaded((160, 24), recording_without_escrow());
    console.open_many_pins(0..4).sees("( ) a different random PIN").sees("(x) the same PIN for every number");
    console
        .press(' ')
        .sees("Different PINs need a file to save them in. Set escrow.recipients in the config, or choose");
    console.sees("(x) the same PIN for every number").sees("No escrow: this PIN is only in memory until you quit.");
}

#[test]
fn the_same_pin_is_typed_twice_and_checked_against_all() {
    let mut console = form((80, 24));
    console.press(' ').key(Key::Enter).sees("Type 6 digits.");
    assert_eq!(console.app.mode(), Mode::ManyPinsPin);
    // The end of the display number of number 3.
    console.type_text("100143").type_text("100143").key(Key::Enter).sees("this looks like a date");
    console.key(Key::Enter).sees("these are the last digits of the number").assert_no_effects();
    console.enter_pin().sees("Set PINs for 3 numbers?").sees("the same PIN for all");
    let pins = PinChoice::Fixed(Pin::parse(PIN.as_bytes()).expect("a PIN"));
    type_count(&mut console, "3").assert_effects([start_job(&[0, 2, 3], pins, None, None)]);
}

#[test]
fn the_count_starts_the_job_with_its_note() {
    let mut console = form((80, 24));
    console.key(Key::Up).type_text("TICKET-123 l").key(Key::Up).press(' ').key(Key::Enter);
    console.sees("Note TICKET-123 l").sees("pindesk sends 1 PIN first, then stops and asks.");
    type_count(&mut console, "3").sees("Starting a job for 3 numbers.");
    console.assert_effects([start_job(&[0, 2, 3], PinChoice::Random, Some("TICKET-123 l"), Some(1))]);
    assert_eq!((console.app.mode(), console.app.queued_count()), (Mode::List, 3));
}

#[test]
fn a_note_with_a_possible_pin_leads_to_no_question() {
    let mut console = form((80, 24));
    console.key(Key::Up).type_text("PIN 409726").key(Key::Enter).sees("Leave out the PIN (6 digits in a row)");
    console.assert_no_effects();
    console.key(Key::Ctrl('u')).type_text("INC-104233").key(Key::Enter).sees("Note INC-104233");
}

#[test]
fn the_first_outcome_says_that_the_others_wait() {
    let waits = |result: &str| format!("Job 1 waits: {result}. b, Enter, then w sends the other 2.");
    let job = |outcome: ChangeState| {
        let mut console = form((160, 24));
        console.key(Key::Down).key(Key::Down).press(' ').key(Key::Enter);
        type_count(&mut console, "3").sees("Starting a job for 3 numbers.");
        console.update(Msg::JobStarted {
            job: JobId::new(1),
            numbers: [0, 2, 3].map(number_id).to_vec(),
            send_first: Some(1),
        });
        console.set_change_state(0, SENDING).set_change_state(0, outcome);
        console
    };
    let console = &mut form((80, 24));
    console.key(Key::Enter);
    type_count(console, "3").set_change_state(2, SENDING);
    assert_eq!(console.app.sending_since(&number_id(2)), Some(console.now.instant));
    job(refused()).sees(&waits("1 failed"));
    let mut console = job(ChangeState::Set(ONE_ATTEMPT));
    console.sees(&waits("1 set"));
    // One refresh of the lists follows the last number, instead of one for each.
    console.assert_no_effects().set_change_state(2, ChangeState::Set(ONE_ATTEMPT)).assert_no_effects();
    console.set_change_state(3, ChangeState::Set(ONE_ATTEMPT));
    console.assert_effects([WorkCommand::RefreshAll { refresh_id: 2 }]);
    // Nobody asked for it, so it does not take the place of the end of the job.
    console.update(Msg::RefreshFinished { refresh_id: 2 }).sees("Job 1 ended: 3 set.");
}

#[test]
fn any_separator_counts_and_a_wrong_number_does_not() {
    let mut console = question((80, 24));
    console.sees("[wait]").press('3').sees("Keys typed before this question are ignored.");
    for wrong in ["4", "33", "30", "2"] {
        type_count(&mut console, wrong).sees("That is not the count. Nothing was sent.").assert_no_effects();
    }
    type_count(&mut console, "4").sees("Canceled: the count was wrong 5 times. Nothing was sent.").assert_no_effects();
    assert_eq!(console.app.mode(), Mode::List);
    for right in [", 3", "3 ", "3,"] {
        let mut console = question((80, 24));
        type_count(&mut console, right).assert_effects([start_job(&[0, 2, 3], PinChoice::Random, None, None)]);
    }
}

#[test]
fn a_pasted_or_hasty_count_confirms_nothing() {
    let mut console = question((80, 24));
    console.wait(READING_TIME).update(Msg::Pasted(PastedText::new("3\r".to_owned())));
    console.sees("[wait]").wait(Duration::from_millis(399)).press('3').assert_no_effects();
    console.wait(READING_TIME).press('3').key(Key::Enter).assert_no_effects().sees("that looked like a paste");
    type_count(&mut console, "3").assert_effects([start_job(&[0, 2, 3], PinChoice::Random, None, None)]);
}

#[test]
fn a_number_that_changes_leaves_the_question_which_asks_again() {
    let on = Number { two_step: TwoStep::On, ..number(2) };
    let set = ChangeState::Set(ONE_ATTEMPT);
    let cases = [
        (Msg::NumberRead { id: number_id(2), result: Ok(on) }, "a PIN is set now"),
        (moved_elsewhere(2, SENDING), "another pindesk is sending a PIN"),
        (moved_elsewhere(2, set), "a PIN is set now"),
    ];
    for (msg, reason) in cases {
        let mut console = question((80, 24));
        console.wait(READING_TIME).press('3').update(msg).sees("Set PINs for 2 numbers?").sees("[wait]");
        console.sees(&format!("+1 555-010-0142 is left out: {reason}. Count again."));
        type_count(&mut console, "3").sees("That is not the count.").assert_no_effects();
        type_count(&mut console, "2").assert_effects([start_job(&[0, 3], PinChoice::Random, None, None)]);
    }
}

#[test]
fn numbers_that_could_be_sent_now_are_not_added() {
    let mut console = question((80, 24));
    let free = Number { two_step: TwoStep::NotSet, ..number(1) };
    console.update(Msg::NumberRead { id: number_id(1), result: Ok(free) }).sees("Set PINs for 3 numbers?");
    type_count(&mut console, "3").assert_effects([start_job(&[0, 2, 3], PinChoice::Random, None, None)]);
}

#[test]
fn a_change_of_this_process_is_found_before_sending() {
    let mut console = question((80, 24));
    console.set_change_state(3, SENDING);
    type_count(&mut console, "3").assert_no_effects().sees("Set PINs for 2 numbers?");
    console.sees("+1 555-010-0143 is left out: a PIN is being sent. Count again.");
}

#[test]
fn replaced_pins_are_warned_of() {
    let mut console = form((80, 24));
    console.key(Key::Down).press(' ').key(Key::Enter).sees("! The old PIN of 1 number stops working at once");
    console.sees("Numbers 4 not set 3 on 1 unknown 0");
    type_count(&mut console, "4").assert_effects([start_job(&[0, 1, 2, 3], PinChoice::Random, None, None)]);
}

#[test]
fn a_list_that_was_set_lately_is_told_and_counted_again() {
    let mut console = question((80, 24));
    let numbers = HashSet::from([0, 2, 3].map(number_id));
    console.assert_effects([WorkCommand::ReadRecentSets { question_id: 1, numbers: numbers.clone() }]);
    let set = |index| pindesk::journal::JobSet { job: JobId::new(5), number: number_id(index), at: START_TIME };
    let recent = RecentSets::count(&numbers, [set(0), set(3)], START_TIME);
    console.wait(READING_TIME).press('3');
    console.update(Msg::RecentSetsRead { question_id: 9, recent: recent.clone() }).does_not_see("job 5");
    console.update(Msg::RecentSetsRead { question_id: 1, recent });
    console.sees("2 of them were set by job 5 at 14:03 UTC.").sees("[wait]");
}

#[test]
fn many_jobs_that_set_the_list_lately_are_told_in_one_line() {
    let mut console = question((80, 24));
    let numbers = HashSet::from([0, 2, 3].map(number_id));
    let set = |job, index| pindesk::journal::JobSet { job: JobId::new(job), number: number_id(index), at: START_TIME };
    let sets = [set(4, 0), set(4, 2), set(4, 3), set(5, 0), set(6, 2)];
    let recent = RecentSets::count(&numbers, sets, START_TIME);
    console.update(Msg::RecentSetsRead { question_id: 1, recent });
    console.sees("3 of them were set by 3 jobs in the last 24 hours, the last at 14:03 UTC.");
}

#[test]
fn the_pin_is_hidden_when_the_form_leaves_its_row() {
    let mut console = form((80, 24));
    console.press(' ').key(Key::Down).type_text("409726").wait(TYPING_TIME).press('v').sees("[4] [0] [9] [7] [2] [6]");
    console.key(Key::Up).key(Key::Up).does_not_see("[4]");
}

#[test]
fn a_form_without_numbers_says_how_to_replace_pins() {
    let mut console = AppFixture::loaded((120, 24), recording_with_escrow());
    console.open_many_pins([1]).key(Key::Enter).sees("Tick \"Already on\" to replace them.").assert_no_effects();
}

#[test]
fn esc_returns_to_the_form_as_it_was_left() {
    let mut console = form((80, 24));
    console.key(Key::Up).type_text("TICKET-7").key(Key::Up).press(' ').key(Key::Enter).key(Key::Esc);
    console.sees("Note [TICKET-7]").sees("First [x] send 1").assert_no_effects();
    console.key(Key::Esc).sees("Canceled. Nothing was sent.");
    assert_eq!(console.app.mode(), Mode::List);
}

#[test]
fn the_whole_list_names_every_number_and_reason() {
    let mut console = question((80, 24));
    console.wait(READING_TIME).press('3').press('l').sees("3 numbers, as they will be sent").sees("1 left out");
    console
        .sees("+1 555-010-0140 Acme Retail UK uk-retail")
        .sees("Left out +1 555-010-0141 Acme Support on, not replaced");
    console.key(Key::Esc).sees("[wait]").wait(READING_TIME).sees("[_]");
}

#[test]
fn the_question_warns_outside_of_a_multiplexer() {
    let warning = "You are not inside tmux or screen. If the line drops, the job stops safely";
    question((80, 24)).does_not_see(warning);
    let mut console = AppFixture::outside_of_a_multiplexer((80, 24));
    console.open_many_pins(0..4).key(Key::Enter).sees(warning);
}

#[test]
fn the_longest_question_shows_its_counts_field_and_answer() {
    let mut console = AppFixture::outside_of_a_multiplexer((80, 24));
    console.open_many_pins(0..4).key(Key::Up).type_text("TICKET-7").key(Key::Up).press(' ').key(Key::Up).press(' ');
    console.key(Key::Enter);
    let set = |job| pindesk::journal::JobSet { job: JobId::new(job), number: number_id(0), at: START_TIME };
    let recent = RecentSets::count(&HashSet::from([number_id(0)]), [set(5), set(6), set(7)], START_TIME);
    console.update(Msg::RecentSetsRead { question_id: 1, recent });
    type_count(&mut console, "5").sees("That is not the count. Nothing was sent.").sees("Numbers 4 not set 3");
    console.sees("Type how many numbers, then Enter [_]").sees("1 of them was set by 3 jobs in the last 24 hours");
    console.sees("The old PIN of 1 number stops working at once").does_not_see("job 5");
}

#[test]
fn a_job_for_12_408_numbers_names_and_sends_them_all() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    let many = |index: usize| Number { id: format!("3000{index:08}").parse().expect("an ID"), ..number(0) };
    let numbers: Vec<_> = (0..12_408).map(many).collect();
    let ids = numbers.iter().map(|number| number.id).collect();
    console.update(Msg::PageReceived { refresh_id: 1, numbers });
    console.open(Destination::ManyPinsForm(ids)).sees("Set PINs for 12,408 numbers").sees("First [x] send 1");
    console.sees("uk-retail 12,408 calls").key(Key::Enter).sees("WABAs uk-retail 12,408").sees("more");
    type_count(&mut console, "12,408").sees("Starting a job for 12,408 numbers.");
    assert_eq!(console.app.queued_count(), 12_408);
}

#[test]
fn the_whole_list_has_the_filter_of_the_number_list() {
    let mut console = form((80, 24));
    let number_3 = number(3).label().to_owned();
    console.press('l').sees("3 numbers, as they will be sent").sees("Left out").press('/').type_text("two-step:on");
    console.sees("/ two-step:on 0 of 3, left out 1 of 1").does_not_see(&number_3).key(Key::Enter).sees("Left out");
    assert_eq!(console.app.mode(), Mode::ManyPinsList);
    // Esc is one step back: all numbers, the form.
    console.key(Key::Esc).sees(&number_3).does_not_see("of 3,").key(Key::Esc).sees("Set PINs for 3 numbers");
    console.key(Key::Esc).sees(&number_3);
}

#[test]
fn an_unknown_word_in_the_whole_list_is_not_applied() {
    let mut console = form((80, 24));
    console.press('l').press('/').type_text("colour:x").sees("Unknown word").sees("3 numbers, as they will be sent");
    console.key(Key::Enter).sees("Unknown word");
    assert_eq!(console.app.mode(), Mode::ManyPinsListFilter);
    console.key(Key::Esc).does_not_see("Unknown word");
    assert_eq!(console.app.mode(), Mode::ManyPinsList);
}

#[test]
fn the_cursor_of_a_long_note_stays_in_the_window() {
    for size in [(40, 10), (80, 24)] {
        let mut console = form(size);
        console.key(Key::BackTab).type_text("TICKET-123: ").type_text(&"the shop asked for it, ".repeat(4));
        console.type_text("now").sees("now_]");
    }
}
