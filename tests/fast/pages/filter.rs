//! The filter line while it is typed, and the filters of one key.

use pindesk::console::app::Msg;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::{Mode, QuickFilter};
use pindesk::console::roster::QuickCounts;
use pindesk::domain::change::{ChangeState, Completion};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::standing::NotSentReason;

use crate::support::app_fixture::{AppFixture, ONE_ATTEMPT, START_TIME, YESTERDAY, number, recording_with_escrow};

fn console() -> AppFixture {
    AppFixture::loaded((80, 24), recording_with_escrow())
}

/// The line above the keys.
fn message_line(console: &AppFixture) -> String {
    console.screen().lines().nth(22).unwrap_or_default().to_owned()
}

fn visible(console: &AppFixture) -> usize {
    console.app.roster().visible_len()
}

#[test]
fn the_message_line_completes_the_word_at_the_cursor() {
    let mut console = console();
    console.press('/');
    assert_eq!(
        message_line(&console),
        "Also: two-step: waba: request: set: due: id:    ! or - before a word means not"
    );
    console.type_text("acme req");
    let values = "Finish the word: request: failed  no-answer  not-sent  queued  ~   Tab completes";
    assert_eq!(message_line(&console), values);
    console.key(Key::Tab).type_text("f");
    assert_eq!(message_line(&console), "request: failed      Tab completes");
    console.key(Key::Tab).sees("/ acme request:failed").key(Key::Enter);
    assert_eq!((console.app.filter(), console.app.mode()), ("acme request:failed", Mode::List));
}

#[test]
fn half_a_word_keeps_the_rows_and_cannot_be_applied() {
    let mut console = console();
    console.press('/').type_text("support re").sees("2 of 4").press('q').does_not_see("2 of 4").sees("~ of 4");
    assert_eq!(visible(&console), 2);
    console.key(Key::Enter).sees("Not applied. Finish the word: request:").sees("~ of 4");
    assert_eq!((console.app.mode(), console.app.filter()), (Mode::Filter, "support re"));
    console.key(Key::Ctrl('u')).type_text("support two-step:").key(Key::Backspace).key(Key::Backspace);
    assert_eq!(
        message_line(&console),
        "Finish the word: two-step: on  not-set  unknown  turned-off      Tab completes"
    );
}

#[test]
fn a_key_without_a_value_is_unfinished_wherever_it_is() {
    let mut console = console();
    console.press('/').type_text("two-step:");
    assert_eq!(message_line(&console), "Finish the word: two-step: on  not-set  unknown  turned-off");
    console.type_text(" acme").sees("~ of 4");
    assert_eq!(message_line(&console), "Finish the word: two-step: on, not-set, unknown, turned-off.");
    console.key(Key::Enter).sees("Not applied. Finish the word: two-step: on, not-set, unknown, turned-off.");
    assert_eq!((console.app.mode(), console.app.filter()), (Mode::Filter, "t"));
    console.key(Key::Ctrl('u')).sees("4 of 4");
}

#[test]
fn a_compact_window_says_what_a_filter_lacks() {
    let mut console = AppFixture::loaded((40, 10), recording_with_escrow());
    console.press('/').type_text("due:").sees("~ of 4").sees("Finish the word: due: yes no");
    console.type_text("x").sees("\"due:x\" is not a value: yes, no.");
    console.key(Key::Backspace).type_text("no").sees("4 of 4").sees("Acme Retail UK 1 of 4");
}

#[test]
fn a_list_without_rows_says_why() {
    let mut console = console();
    console.press('/').type_text("waba:req").sees("0 of 4").sees("No WABA starts with \"req\". ");
    console.key(Key::Enter).sees("No WABA starts with \"req\". Esc clears the filter.");
    console.key(Key::Esc).press('/').type_text("zz").sees("No number matches. ").does_not_see("Esc clears");
    console.type_text(" two:x").sees("No number matches \"zz\".");
    console.key(Key::Esc).press('2').sees("No number matches. Esc clears the filter.");
    console.press('u').sees("No number that was read so far matches. Esc clears the filter.");
}

#[test]
fn a_wrong_word_is_told_at_once_and_keeps_the_rows() {
    let mut console = console();
    console.press('/').type_text("acme two:of").sees("~ of 4");
    assert_eq!(message_line(&console), "\"two:of\" is not a value: on, not-set, unknown, turned-off.");
    assert_eq!((visible(&console), console.app.filter()), (1, "acme two:o"));
    console
        .key(Key::Enter)
        .sees("Not applied. \"two:of\" is not a value: on, not-set, unknown, turned-off.")
        .sees("~ of 4");
    assert_eq!(console.app.mode(), Mode::Filter);
    console.key(Key::Backspace).key(Key::Enter);
    assert_eq!((visible(&console), console.app.filter()), (1, "acme two:o"));
}

#[test]
fn an_unfinished_word_may_match_a_row_that_came_since() {
    let mut console = console();
    console.press('/').type_text("wab");
    assert_eq!(visible(&console), 4);
    let wabash = pindesk::domain::text::CleanText::new("Wabash Ltd");
    console.update(Msg::NumberRead { id: number(7).id, result: Ok(Number { name: Some(wabash), ..number(7) }) });
    console.key(Key::Enter);
    assert_eq!((visible(&console), console.app.filter()), (1, "wab"));
}

#[test]
fn a_quick_filter_replaces_the_filter_and_restores_it() {
    let mut console = console();
    console.press('/').type_text("support").key(Key::Enter).key(Key::Down);
    let under_cursor = |console: &AppFixture| console.app.roster().cursor_row().map(|row| row.number.id);
    assert_eq!(under_cursor(&console), Some(number(3).id));
    for (key, text, quick) in [
        ('1', "two-step:not-set", QuickFilter::NotSet),
        ('2', "request:failed", QuickFilter::Failed),
        ('3', "request:no-answer", QuickFilter::InDoubt),
        ('4', "set:today", QuickFilter::SetToday),
    ] {
        console.press(key).sees(&format!("/ {text}"));
        assert_eq!((console.app.quick_filter(), console.app.filter()), (Some(quick), text));
    }
    console.press('4').sees("/ support");
    assert_eq!((console.app.quick_filter(), under_cursor(&console)), (None, Some(number(3).id)));
    console.key(Key::Esc).press('1').press('1').sees("All 4 numbers");
    assert_eq!(under_cursor(&console), Some(number(3).id));
}

#[test]
fn set_today_counts_what_it_shows_whatever_came_after() {
    let mut console = console();
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT)).set_change_state(2, ChangeState::Set(ONE_ATTEMPT));
    console.set_change_state(0, ChangeState::NotSent(ONE_ATTEMPT, NotSentReason::Stopped));
    console.set_change_state(2, ChangeState::Sending { attempt: 1, in_doubt: false });
    console.sees("4:set today 2").press('4').sees("2 of 4").sees("- not sent").sees("~ sending");
}

#[test]
fn a_quick_filter_that_was_typed_is_one_too() {
    let mut console = console();
    console.press('/').type_text("set:today").key(Key::Enter);
    assert_eq!(console.app.quick_filter(), Some(QuickFilter::SetToday));
    console.press('4').sees("All 4 numbers");
}

#[test]
fn quick_counts_follow_what_happens() {
    let mut console = console();
    let counts = QuickCounts { not_set: 3, failed: 0, in_doubt: 0, set_today: 0, due: None };
    assert_eq!(console.app.roster().quick_counts(), counts);
    let yesterday = Completion { at: YESTERDAY, attempts: 1 };
    console.set_change_state(0, ChangeState::Set(ONE_ATTEMPT)).set_change_state(1, ChangeState::Set(yesterday));
    console.set_in_doubt(2, |_| {});
    console.update(Msg::NumberRead { id: number(0).id, result: Ok(Number { two_step: TwoStep::On, ..number(0) }) });
    let counts = QuickCounts { not_set: 2, in_doubt: 1, set_today: 1, ..counts };
    assert_eq!(console.app.roster().quick_counts(), counts);
    console.now.utc = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + 86_400);
    console.update(Msg::Resumed);
    assert_eq!(console.app.roster().quick_counts(), QuickCounts { set_today: 0, ..counts });
}

#[test]
fn a_search_after_a_quick_filter_starts_anew() {
    let mut console = console();
    console.press('1').sees("/ two-step:not-set").press('/').type_text("support").key(Key::Enter);
    assert_eq!((console.app.filter(), visible(&console)), ("support", 2));
    // What was typed is edited, and Esc brings a quick filter back.
    console.press('/').type_text("uk").key(Key::Enter);
    assert_eq!(console.app.filter(), "support uk");
    console.press('1').press('/').type_text("x").key(Key::Esc);
    assert_eq!(console.app.filter(), "two-step:not-set");
}

#[test]
fn an_enter_that_was_pasted_with_a_filter_is_told() {
    let mut console = console();
    console.press('/').update(Msg::Pasted(PastedText::new("acme retail\r".to_owned()))).sees("/ acme retail");
    assert!(message_line(&console).contains("so Enter was not taken. Press Enter."), "{}", message_line(&console));
    console.press('s').does_not_see("so Enter was not taken");
}
