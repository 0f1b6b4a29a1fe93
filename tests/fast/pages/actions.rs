//! Each action of each mode has a state in which it does something.

use pindesk::console::app::Msg;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::{Keymap, Mode};
use pindesk::console::shared::{RecordingStatus, Size};
use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::ApiError;
use pindesk::domain::text::CleanText;
use pindesk::journal::JobStatus;

use super::job::{open_sample_job, start_sample_job};
use super::job_resume::open_job_with_one_pin;
use super::jobs::sample_jobs;
use crate::support::app_fixture::{AppFixture, ONE_ATTEMPT, PIN, READING_TIME, number_id, recording_with_escrow};

/// So small that every page of text scrolls.
const SMALL: (u16, u16) = (40, 10);

fn loaded(size: (u16, u16)) -> AppFixture {
    AppFixture::loaded(size, recording_with_escrow())
}

pub(super) fn refused() -> ChangeState {
    let message = CleanText::new("(#100) The PIN is not accepted");
    let (http_status, code, is_transient) = (400, 100, false);
    let error = ApiError {
        http_status,
        code,
        subcode: None,
        message,
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient,
    };
    ChangeState::Failed(ONE_ATTEMPT, error)
}

/// The console in a mode, in a state that suits its actions.
#[expect(clippy::too_many_lines, reason = "one arm for each mode there is")]
fn console_in(mode: Mode) -> AppFixture {
    let mut console = match mode {
        Mode::Welcome => return AppFixture::without_config(SMALL),
        Mode::NoNumbers => AppFixture::new(SMALL),
        Mode::Token => return AppFixture::without_token(SMALL),
        Mode::NothingNamed => {
            let mut console = AppFixture::with_empty_profile(SMALL);
            console.open_recording(recording_with_escrow(), Vec::new(), &["The journal was missing."]);
            console.key(Key::Esc);
            return console;
        }
        Mode::JournalUnavailable => {
            let why = CleanText::new(&"the state directory cannot be written to ".repeat(20));
            AppFixture::loaded(SMALL, RecordingStatus::Unusable(why))
        }
        Mode::Recipients => {
            let keys = |name: &str| (0..12).map(|n| CleanText::new(&format!("age1{name}{n}"))).collect();
            AppFixture::loaded(
                SMALL,
                RecordingStatus::RecipientsChanged { previous: keys("old"), current: keys("new") },
            )
        }
        Mode::List
        | Mode::Filter
        | Mode::Sort
        | Mode::Details
        | Mode::Failed
        | Mode::NoAnswer
        | Mode::PinForm
        | Mode::ResolutionNote
        | Mode::ConfirmResolution
        | Mode::Unresolved
        | Mode::Hidden
        | Mode::Confirm
        | Mode::ConfirmReplace
        | Mode::ConfirmResend
        | Mode::Copy
        | Mode::Copied
        | Mode::Messages
        | Mode::Help
        | Mode::Quit
        | Mode::ShuttingDown
        | Mode::TokenOverPage
        | Mode::TooSmall
        | Mode::Path
        | Mode::ListedNumbers
        | Mode::ManyPins
        | Mode::ManyPinsPin
        | Mode::ManyPinsNote
        | Mode::ConfirmMany
        | Mode::ManyPinsList
        | Mode::ManyPinsListFilter
        | Mode::Jobs
        | Mode::Job
        | Mode::JobStop
        | Mode::JobPin
        | Mode::JobResume => loaded(SMALL),
    };
    // Row 1 has rows above and below it.
    console.key(Key::Down);
    match mode {
        Mode::Welcome | Mode::Token | Mode::NothingNamed | Mode::List => {}
        Mode::NoNumbers => {
            console.update(Msg::RefreshFinished { refresh_id: 1 });
        }
        Mode::Filter => {
            console.press('/');
        }
        Mode::Sort => {
            console.press('o');
        }
        Mode::Details => {
            console.key(Key::Enter);
        }
        Mode::Failed => {
            console.set_change_state(1, refused()).key(Key::Enter);
        }
        Mode::NoAnswer => {
            console.set_in_doubt(1, |_| {}).key(Key::Enter);
        }
        Mode::PinForm | Mode::Recipients | Mode::JournalUnavailable => {
            console.press('p');
        }
        Mode::ResolutionNote => {
            console.set_in_doubt(1, |_| {}).key(Key::Enter).press('h');
        }
        Mode::ConfirmResolution => {
            console.set_in_doubt(1, |_| {}).key(Key::Enter).press('h').type_text("asked the shop").key(Key::Enter);
        }
        Mode::Unresolved => {
            console.set_in_doubt(0, |_| {}).set_in_doubt(1, |_| {}).press('w');
        }
        Mode::Hidden => {
            console.press('z');
        }
        Mode::Confirm => {
            console.key(Key::Up).press('p').enter_pin();
        }
        Mode::ConfirmReplace => {
            console.press('p').enter_pin();
        }
        Mode::ConfirmResend => {
            console.set_in_doubt(1, |_| {}).key(Key::Enter).press('s');
        }
        Mode::Copy => {
            console.press('c');
        }
        Mode::Copied => {
            // More lines than the window shows.
            console.press('c').press('4');
        }
        Mode::Messages => {
            for _ in 0..20 {
                console.set_change_state(0, refused()).set_change_state(0, ChangeState::Queued);
            }
            console.press('m');
        }
        Mode::Help => {
            console.press('?');
        }
        Mode::Quit => {
            console.set_in_doubt(1, |_| {}).press('q');
        }
        Mode::ShuttingDown => {
            console
                .set_change_state(1, ChangeState::Sending { attempt: 1, in_doubt: false })
                .press('q')
                .wait(READING_TIME)
                .press('y');
        }
        Mode::TokenOverPage => {
            console.update(Msg::TokenRead(Err("The file is gone.".to_owned())));
        }
        Mode::TooSmall => {
            console.update(Msg::Resized(Size { width: 20, height: 5 }));
        }
        Mode::Path => {
            console.press('+');
        }
        Mode::ListedNumbers => {
            let lines = format!("{}\n{}", number_id(0), "x\n".repeat(20));
            console.update(Msg::Pasted(PastedText::new(lines)));
        }
        Mode::ManyPins => {
            console.open_many_pins(0..4);
        }
        Mode::ManyPinsPin => {
            console.open_many_pins(0..4).press(' ').key(Key::Down);
        }
        Mode::ManyPinsNote => {
            console.open_many_pins(0..4).key(Key::Up);
        }
        Mode::ConfirmMany => {
            console.open_many_pins(0..4).key(Key::Enter);
        }
        Mode::ManyPinsList => {
            // More lines than the window shows.
            console.open_many_pins(0..30).press('l');
        }
        Mode::ManyPinsListFilter => {
            console.open_many_pins(0..30).press('l').press('/');
        }
        Mode::Jobs => {
            console.press('b').update(Msg::JobsRead(Some(sample_jobs(20))));
        }
        Mode::Job => {
            open_sample_job(&mut console, JobStatus::Finished);
        }
        Mode::JobStop => {
            start_sample_job(&mut console).press('x');
        }
        Mode::JobPin => {
            open_job_with_one_pin(&mut console).press('t');
        }
        Mode::JobResume => {
            open_sample_job(&mut console, JobStatus::Finished).press('t');
        }
    }
    console.wait(READING_TIME);
    console
}

/// What must come first, so that an action has something to do.
fn prepare(console: &mut AppFixture, mode: Mode, action: &str) {
    match (mode, action) {
        (Mode::List, "clear-filter") => {
            console.press('/').type_text("Acme").key(Key::Enter);
        }
        (
            Mode::Filter | Mode::ResolutionNote | Mode::ManyPinsNote | Mode::ManyPinsListFilter | Mode::Path,
            "clear-field",
        ) => {
            console.type_text("Acme");
        }
        (Mode::Filter, "complete-word") => {
            console.type_text("re");
        }
        (Mode::PinForm | Mode::ManyPinsPin | Mode::JobPin, "clear-field" | "delete-digit" | "show-pin") => {
            console.type_text("40");
        }
        (Mode::PinForm | Mode::JobPin, "previous-field") => {
            console.key(Key::Tab);
        }
        (Mode::PinForm | Mode::ManyPinsPin | Mode::JobPin, "continue") => {
            console.type_text(PIN).type_text(PIN);
        }
        (Mode::ConfirmReplace | Mode::ConfirmMany | Mode::JobResume, "clear-field" | "delete-digit") => {
            console.type_text("01");
        }
        (
            Mode::Details
            | Mode::Failed
            | Mode::NoAnswer
            | Mode::Unresolved
            | Mode::Recipients
            | Mode::JournalUnavailable
            | Mode::Messages
            | Mode::Help
            | Mode::Copied
            | Mode::ListedNumbers
            | Mode::ManyPinsList
            | Mode::ManyPinsListFilter
            | Mode::Jobs
            | Mode::Job,
            "up" | "page-up" | "first",
        ) => {
            console.key(Key::Down);
        }
        (_, _) => {}
    }
}

/// What an action may change. Ctrl-C always changes the state, because it stores its time: what counts is the screen.
fn visible_state(console: &AppFixture, action: &str) -> (Option<String>, Mode, String) {
    let state = (action != "interrupt").then(|| format!("{:?}", console.app));
    (state, console.app.mode(), console.screen())
}

#[test]
fn each_action_of_each_mode_does_something() {
    for mode in Mode::ALL {
        for (_, row) in Keymap::default().rows(mode) {
            let mut console = console_in(mode);
            prepare(&mut console, mode, row.name);
            assert_eq!(console.app.mode(), mode, "before {}", row.name);
            // Redraws, and is the last key: the time of a key alone must not count as a change.
            console.key(Key::Ctrl('l')).wait(READING_TIME);
            let before = visible_state(&console, row.name);
            console.key(row.keys[0]);
            let after = visible_state(&console, row.name);
            assert!(before != after || !console.effects.is_empty(), "{} does nothing in {mode:?}", row.name);
        }
    }
}
