//! Questions: the pause before they count, what they answer to each key, and how they look.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::Size;
use pindesk::domain::change::LastSet;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::text::CleanText;
use pindesk::journal::{HistoryEntry, NumberRecord};
use ratatui::layout::Position;
use ratatui::style::Modifier;

use crate::support::app_fixture::{
    AppFixture, HIDE_AFTER, READING_TIME, TYPING_TIME, YESTERDAY, number, number_id, operator, recording_with_escrow,
    set_pin_effect,
};

const TOO_SOON: &str = "Too soon after the question appeared. Press y now.";
const IGNORED: &str = "Keys typed before this question are ignored.";
const RELEASE: &str = "Release the keys, then press y.";

/// The question whether to replace the PIN of number 1.
fn replace_question(size: (u16, u16)) -> AppFixture {
    let mut console = AppFixture::loaded(size, recording_with_escrow());
    console.key(Key::Down).press('p').enter_pin();
    console
}

/// The question whether to set the PIN of number 0.
fn set_question() -> AppFixture {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').enter_pin();
    console
}

/// Presses a key after a time.
fn press_after(console: &mut AppFixture, millis: u64, key: char) -> &mut AppFixture {
    console.wait(Duration::from_millis(millis)).press(key)
}

#[test]
fn the_field_waits_until_the_pause_ends() {
    let mut console = replace_question((80, 24));
    console.sees("Last 4 digits of the number, then Enter [wait]").sees(IGNORED);
    let (shown, pause) = (console.now.instant, Duration::from_millis(400));
    assert_eq!(console.app.next_wake(shown), Some(shown + pause));
    console.wait(Duration::from_millis(399)).sees("[wait]").wait(Duration::from_millis(1)).sees("[____]");
    console.does_not_see(IGNORED);
    let hide_warning = HIDE_AFTER.saturating_sub(Duration::from_secs(30));
    assert_eq!(console.app.next_wake(console.now.instant), Some(shown + hide_warning), "nothing else wakes it");
    let console = set_question();
    assert_eq!(console.app.next_wake(console.now.instant), Some(console.now.instant + hide_warning), "no field waits");
}

#[test]
fn help_shows_the_keys_of_a_question_which_starts_over() {
    let mut console = replace_question((80, 24));
    console.wait(READING_TIME).type_text("014").sees("[014_]").press('?');
    console.sees("Help: confirmation by digits").sees("send it, after the last 4 digits of the number").key(Key::Esc);
    console.sees("[wait]").wait(READING_TIME).sees("[____]").assert_no_effects();
    let mut console = set_question();
    console.wait(READING_TIME).press('?').sees("Help: confirmation").key(Key::Esc).press('y').assert_no_effects();
    console.wait(READING_TIME).press('y').assert_effects([set_pin_effect(0)]);
}

#[test]
fn digits_typed_at_250_ms_count_after_700_ms() {
    let mut console = replace_question((80, 24));
    let shown = console.now.instant;
    for digit in ['9', '9'] {
        press_after(&mut console, 250, digit).sees("[wait]").sees(IGNORED);
    }
    assert_eq!(console.app.next_wake(console.now.instant), Some(shown + Duration::from_millis(700)));
    for (digit, field) in [('0', "[0___]"), ('1', "[01__]"), ('4', "[014_]"), ('1', "[0141]")] {
        press_after(&mut console, 250, digit).sees(field);
    }
    console.sees("4 of 4 digits.").wait(TYPING_TIME).key(Key::Enter);
    assert!(matches!(&console.effects[..], [_]), "{:?}", console.effects);
}

#[test]
fn a_held_or_repeated_yes_confirms_nothing() {
    for millis in [30, 250, 399] {
        let mut console = set_question();
        for pressed in 1..40 {
            let answer = if pressed * millis < 700 { TOO_SOON } else { RELEASE };
            press_after(&mut console, millis, 'y').assert_no_effects().sees(answer);
        }
        press_after(&mut console, 400, 'y').assert_effects([set_pin_effect(0)]);
    }
}

#[test]
fn a_yes_needs_a_quiet_time_after_any_other_key_or_paste() {
    let mut console = set_question();
    console.wait(READING_TIME).press('x').sees("Press y to send, n to cancel.").press('y').assert_no_effects();
    console.sees(RELEASE).wait(READING_TIME).key(Key::Enter).sees("Press y to send, n to cancel.");
    press_after(&mut console, 399, 'y').assert_no_effects();
    console
        .wait(READING_TIME)
        .update(Msg::Pasted(PastedText::new("y".to_owned())))
        .sees("Too fast: that looked like a paste. Press the key again.");
    press_after(&mut console, 399, 'y').assert_no_effects().sees(TOO_SOON);
    press_after(&mut console, 400, 'y').assert_effects([set_pin_effect(0)]);
}

#[test]
fn quitting_needs_a_yes_that_is_not_held() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.set_in_doubt(1, |_| {}).press('q').press('y').assert_no_effects().sees(TOO_SOON);
    console
        .wait(READING_TIME)
        .press('x')
        .sees("Press y to quit, n to stay.")
        .press('y')
        .assert_no_effects()
        .sees(RELEASE);
    assert_eq!(console.app.mode(), Mode::Quit);
}

#[test]
fn the_answers_about_the_digits_say_what_is_missing() {
    let mut console = replace_question((80, 24));
    console.wait(READING_TIME).key(Key::Enter).sees("Type the last 4 digits first.");
    console.type_text("01").sees("2 of 4 digits.").press('y').sees("Type the 4 digits and Enter, or Esc to go back.");
    console
        .type_text("44")
        .wait(TYPING_TIME)
        .key(Key::Enter)
        .sees("Those are not the last 4 digits. Try again.")
        .sees("[____]");
    console.type_text("014").key(Key::Backspace).sees("[01__]").sees("2 of 4 digits.").assert_no_effects();
    assert_eq!(console.cursor, Some(Position { x: 47, y: 14 }), "{}", console.screen());
    for _ in 0..4 {
        console.key(Key::Ctrl('u')).type_text("0000").wait(TYPING_TIME).key(Key::Enter);
    }
    console.sees("Canceled: the digits were wrong 5 times. Nothing was sent.").assert_no_effects();
}

#[test]
fn esc_is_one_step_back_and_n_gives_up() {
    let mut console = set_question();
    console.key(Key::Esc).sees("PIN again");
    assert_eq!(console.app.mode(), Mode::PinForm);
    console.key(Key::Enter).press('n').sees("Canceled. Nothing was sent.");
    assert_eq!(console.app.mode(), Mode::List);
    console.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text("asked the shop").key(Key::Enter);
    console.sees("Mark +1 555-010-0140 as resolved?").key(Key::Esc).sees("Note: asked the shop").key(Key::Enter);
    console.sees("Note asked the shop").wait(READING_TIME).press('y');
    let note = CleanText::new("asked the shop");
    console.assert_effects([WorkCommand::ResolveManually { number: number_id(0), note }]);
}

#[test]
fn the_badge_says_whether_a_pin_is_set_or_may_be() {
    let mut console = replace_question((80, 24));
    console
        .sees("! A PIN is already set on, read 14:03:09 UTC")
        .sees("The old PIN stops working at once. People who know");
    let row = console.screen().lines().position(|line| line.contains("already set")).expect("a badge");
    let y = u16::try_from(row).expect("a row");
    let badge = |x| console.buffer[(x, y)].modifier.contains(Modifier::BOLD | Modifier::REVERSED);
    assert_eq!((0..80).filter(|x| badge(*x)).collect::<Vec<_>>(), (2..26).collect::<Vec<_>>());
    let unknown = Number { two_step: TwoStep::Unknown, ..number(0) };
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('p').update(Msg::NumberRead { id: number_id(0), result: Ok(unknown) }).enter_pin();
    console.sees("! A PIN may be set unknown, read 14:03:09 UTC");
    console.sees("If a PIN is set, it stops working at once. People who know only that PIN can");
}

#[test]
fn the_last_set_line_is_what_the_list_shows_or_never() {
    let entry = |description: &str| HistoryEntry {
        at: YESTERDAY,
        operator_label: CleanText::new("bo"),
        is_request: true,
        description: CleanText::new(description),
    };
    let bo = LastSet { at: YESTERDAY, by: operator("bo", "web2"), escrow_keys: None };
    let cases = [
        (vec![], None, Some("Last set here never")),
        (vec![entry("failed"), entry("set")], Some(bo), Some("Last set here 21 Nov 2026 by bo@web2")),
        (vec![entry("failed")], None, None),
    ];
    for (lines, last_set, text) in cases {
        let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
        let record = NumberRecord { number: number_id(0), latest: None, last_set };
        console.update(Msg::NumberRecordsLoaded(vec![record]));
        console.open_number(0).update(Msg::HistoryRead { id: number_id(0), lines }).press('p');
        match text {
            Some(text) => console.sees(text).enter_pin().sees(text),
            None => console.does_not_see("Last set here").enter_pin().does_not_see("Last set here"),
        };
    }
    set_question().does_not_see("Last set here");
}

#[test]
fn forms_and_questions_stay_in_their_columns_in_a_wide_window() {
    type OpenPage = fn(&mut AppFixture) -> &mut AppFixture;
    let pages: [OpenPage; 5] = [
        |console| console.press('p').type_text("100140"),
        |console| console.press('p').enter_pin(),
        |console| console.key(Key::Down).press('p').enter_pin(),
        |console| console.set_in_doubt(0, |_| {}).open_number(0).press('s'),
        |console| console.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text(&"long ".repeat(30)),
    ];
    for page in pages {
        let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
        page(&mut console);
        // A wide window has the history of the number at the right.
        let column = |line: &str| line.chars().take(80).collect::<String>().trim_end().to_owned();
        let body =
            |console: &AppFixture| console.screen().lines().skip(3).take(18).map(column).collect::<Vec<_>>().join("\n");
        let narrow = body(&console);
        console.update(Msg::Resized(Size { width: 200, height: 24 }));
        assert_eq!(body(&console), narrow, "nothing moves in a wider window");
        assert!(narrow.lines().all(|line| line.len() <= 72), "{narrow}");
    }
}
