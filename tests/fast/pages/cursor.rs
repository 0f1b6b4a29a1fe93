//! The cursor is on a number: rows that come, move or stop matching the filter leave it there.

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::Size;
use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{AppFixture, HIDE_AFTER, ONE_ATTEMPT, number, number_id, recording_with_escrow};

fn page(numbers: impl IntoIterator<Item = usize>) -> Msg {
    let display = |index| Some(CleanText::new(&format!("+1 555-010-{index:04}")));
    let numbers = numbers.into_iter().map(|index| Number {
        id: number_id(index),
        display_number: display(index),
        two_step: TwoStep::NotSet,
        ..number(index)
    });
    Msg::PageReceived { refresh_id: 1, numbers: numbers.collect() }
}

/// The console with the numbers 0 to 99, and the cursor on the first one that came.
fn console_with_a_hundred() -> AppFixture {
    let mut console = AppFixture::new((80, 24));
    console.open_recording(recording_with_escrow(), Vec::new(), &[]);
    console.update(page(50..60)).update(page(0..50)).update(page(60..100));
    console
}

/// The row of the cursor on the screen, and its line below the heading.
fn cursor_line(console: &AppFixture) -> (usize, String) {
    let screen = console.screen();
    let line = screen.lines().enumerate().find(|(_, line)| line.starts_with('>'));
    line.map(|(y, line)| (y - 4, line.trim_end().to_owned())).expect("a cursor")
}

#[track_caller]
fn assert_under_cursor(console: &AppFixture, index: usize) {
    assert_eq!(console.app.roster().cursor_row().map(|row| row.number.id), Some(number_id(index)));
    assert!(cursor_line(console).1.contains(&format!("555-010-{index:04}")), "\n{}", console.screen());
}

#[test]
fn the_view_follows_the_cursor_while_rows_come() {
    let mut console = console_with_a_hundred();
    assert_under_cursor(&console, 50);
    let under_cursor = Number { display_number: Some(CleanText::new("+1 555-010-0050")), ..number(50) };
    console.press('p');
    console.assert_effects([WorkCommand::RefreshNumber(under_cursor), WorkCommand::ReadHistory(number_id(50))]);
}

#[test]
fn rows_that_come_to_a_small_window_do_not_hold_the_cursor() {
    let mut console = AppFixture::new((20, 5));
    console.update(page(50..60)).update(page(0..50)).update(Msg::Resized(Size { width: 80, height: 24 }));
    assert_under_cursor(&console, 0);
}

#[test]
fn a_sort_puts_the_cursor_row_in_the_middle_of_the_window() {
    let mut console = console_with_a_hundred();
    for _ in 0..2 {
        console.press('o').press('n');
        assert_under_cursor(&console, 50);
        assert_eq!(cursor_line(&console).0, 8);
    }
}

#[test]
fn a_filter_shows_its_hits_from_the_first_one() {
    let mut console = console_with_a_hundred();
    console.press('/').type_text("Support").key(Key::Enter);
    assert_under_cursor(&console, 1);
    for _ in 0..30 {
        console.key(Key::Down);
    }
    console.press('/').type_text(" 3");
    assert_eq!(cursor_line(&console).0, 0);
    console.key(Key::Esc);
    assert_under_cursor(&console, 61);
    console.key(Key::Esc);
    assert_under_cursor(&console, 61);
    assert_eq!(console.app.filter(), "");
}

#[test]
fn keys_hit_the_same_number_after_its_pin_was_set() {
    let mut console = console_with_a_hundred();
    console.press('/').type_text("two-step:not-set").key(Key::Enter).key(Key::Home).key(Key::Down);
    console.set_pin();
    assert!(matches!(console.effects[..], [Effect::Work(WorkCommand::SetPins(_))]), "{:?}", console.effects);
    console.set_change_state(1, ChangeState::Set(ONE_ATTEMPT));
    let read = Number { display_number: Some(CleanText::new("+1 555-010-0001")), ..number(1) };
    console.update(Msg::NumberRead { id: number_id(1), result: Ok(read) });
    for (key, mode) in [(Key::Enter, Mode::Details), (Key::Char('c'), Mode::Copy), (Key::Char('p'), Mode::PinForm)] {
        assert_under_cursor(&console, 1);
        assert!(cursor_line(&console).1.starts_with("> = +1"), "\n{}", console.screen());
        console.key(key).sees("+1 555-010-0001");
        assert_eq!(console.app.mode(), mode);
        console.key(Key::Esc);
    }
    console.key(Key::Down).sees(" = +1 555-010-0001").key(Key::Esc).does_not_see("=");
}

#[test]
fn a_hidden_screen_shows_the_same_number_again() {
    let mut console = console_with_a_hundred();
    console.update(Msg::RefreshFinished { refresh_id: 1 });
    console.press('/').type_text("0007").wait(HIDE_AFTER).sees("Hidden");
    console.key(Key::Enter).update(Msg::TokenRead(Ok(())));
    assert_under_cursor(&console, 7);
    assert_eq!(console.app.filter(), "0007");
}

#[test]
fn a_changed_number_keeps_its_row_until_the_list_is_sorted() {
    let mut console = console_with_a_hundred();
    console.update(Msg::RefreshFinished { refresh_id: 1 }).press('o').press('r').key(Key::Home);
    console.set_change_state(1, ChangeState::Sending { attempt: 1, in_doubt: false });
    let renamed = Number { read_at: Some(UtcTime::from_unix_seconds(1)), two_step: TwoStep::On, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(renamed) });
    assert_eq!(console.app.roster().row(1).map(|row| row.number.id), Some(number_id(1)));
    console.press('o').press('r').press('o').press('r');
    assert_eq!(console.app.roster().row(0).map(|row| row.number.id), Some(number_id(1)));
    assert_eq!(console.app.roster().cursor_row().map(|row| row.number.id), Some(number_id(0)));
}
