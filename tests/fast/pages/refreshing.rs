//! Refreshing a long list costs many calls, so the console asks first.

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::shared::Size;
use pindesk::domain::number::Number;
use pindesk::domain::outcome::ReadFailure;

use super::job::refused;
use crate::support::app_fixture::{AppFixture, number, number_id, recording_with_escrow, waba};

const QUESTION: &str = "Refreshing all takes 11 calls of Meta's quota. Press u again.";

/// The console with 1,001 numbers.
fn console_with_a_long_list() -> AppFixture {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    let numbers = (0..1_001).map(|index| Number { id: number_id(index), ..number(0) }).collect();
    console.update(Msg::PageReceived { refresh_id: 1, numbers });
    console
}

fn refreshes(console: &AppFixture) -> bool {
    matches!(console.effects[..], [Effect::Work(WorkCommand::RefreshAll { .. })])
}

#[test]
fn a_long_list_is_refreshed_only_on_the_second_key() {
    let mut console = console_with_a_long_list();
    console.press('u').assert_no_effects().sees(QUESTION).press('u');
    assert!(refreshes(&console), "{:?}", console.effects);
}

#[test]
fn a_redraw_keeps_the_question_and_its_answer() {
    let mut console = console_with_a_long_list();
    console.press('u').key(Key::Ctrl('l')).sees(QUESTION).press('u');
    assert!(refreshes(&console), "{:?}", console.effects);
}

#[test]
fn whatever_removes_the_question_also_cancels_it() {
    let interruptions: [fn(&mut AppFixture); 3] = [
        |console| {
            console.key(Key::Down);
        },
        |console| {
            console.update(Msg::Pasted(PastedText::new("x".to_owned())));
        },
        |console| {
            console.update(Msg::Resized(Size { width: 20, height: 5 }));
            console.press('x').update(Msg::Resized(Size { width: 80, height: 24 }));
        },
    ];
    for interrupt in interruptions {
        let mut console = console_with_a_long_list();
        interrupt(console.press('u').sees(QUESTION));
        console.does_not_see(QUESTION).press('u').assert_no_effects().sees(QUESTION);
    }
}

#[test]
fn a_refused_list_says_that_another_config_needs_a_restart() {
    let restart = "After a change of the config, restart pindesk instead.";
    for (failure, is_told) in [(ReadFailure::Api(refused()), true), (ReadFailure::NoAnswer, false)] {
        let mut console = AppFixture::new((80, 24));
        console.open_recording(recording_with_escrow(), Vec::new(), &[]);
        console.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Err(failure) });
        console.update(Msg::RefreshFinished { refresh_id: 1 }).sees("Numbers could not be read").sees("r try again");
        if is_told {
            console.sees(restart)
        } else {
            console.does_not_see(restart)
        };
    }
}
