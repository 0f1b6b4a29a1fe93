//! The key table: for each mode its keys, with their actions, descriptions and risks.
//!
//! It does not know what an action does: the page performs it.

mod common;
mod lists;
mod notices;
mod number;
mod prompts;

pub use lists::{FILTER, LIST, NO_NUMBERS, SORT, UNRESOLVED};
pub use notices::{HELP_PAGE, HIDDEN, JOURNAL_UNAVAILABLE, MESSAGES_PAGE, SHUTTING_DOWN, TOKEN, TOO_SMALL, WELCOME};
pub use number::{COPIED, COPY_MENU, DETAILS, FAILED, NO_ANSWER};
pub use prompts::{CONFIRM, CONFIRM_QUIT, CONFIRM_REPLACE, CONFIRM_RESOLUTION, PIN_FORM, RECIPIENTS, RESOLUTION_NOTE};

use super::actions::GlobalAction;
use super::mode::Mode;
use super::row::{Binding, HelpGroup::Tool, KeyRow, Risk, bind};
use crate::console::input::key::Key;

use Key::Ctrl;
use Risk::{Commits, Prompts};

/// Keys of every mode.
pub(super) static GLOBAL: &[Binding<GlobalAction>] = &[
    bind(
        GlobalAction::Interrupt,
        KeyRow::new("interrupt", &[Ctrl('c')], "back or quit, also in text fields; press twice to quit", Tool).fixed(),
    ),
    bind(GlobalAction::Redraw, KeyRow::new("redraw", &[Ctrl('l')], "redraw", Tool).fixed()),
    bind(GlobalAction::Suspend, KeyRow::new("suspend", &[Ctrl('z')], "suspend to the shell", Tool).fixed()),
];

/// The rows of a mode, without those of every mode.
pub(super) fn rows(mode: Mode) -> Vec<&'static KeyRow> {
    match mode {
        Mode::List => LIST.rows(),
        Mode::Filter => FILTER.rows(),
        Mode::Sort => SORT.rows(),
        Mode::Details => DETAILS.rows(),
        Mode::Failed => FAILED.rows(),
        Mode::NoAnswer => NO_ANSWER.rows(),
        Mode::PinForm => PIN_FORM.rows(),
        Mode::ResolutionNote => RESOLUTION_NOTE.rows(),
        Mode::ConfirmResolution => CONFIRM_RESOLUTION.rows(),
        Mode::Unresolved => UNRESOLVED.rows(),
        Mode::Recipients => RECIPIENTS.rows(),
        Mode::JournalUnavailable => JOURNAL_UNAVAILABLE.rows(),
        Mode::Hidden => HIDDEN.rows(),
        Mode::Confirm => CONFIRM.rows(),
        Mode::ConfirmReplace => CONFIRM_REPLACE.rows(),
        Mode::Copy => COPY_MENU.rows(),
        Mode::Copied => COPIED.rows(),
        Mode::Messages => MESSAGES_PAGE.rows(),
        Mode::Help => HELP_PAGE.rows(),
        Mode::Quit => CONFIRM_QUIT.rows(),
        Mode::ShuttingDown => SHUTTING_DOWN.rows(),
        Mode::Welcome => WELCOME.rows(),
        Mode::Token => TOKEN.rows(),
        Mode::NoNumbers => NO_NUMBERS.rows(),
        Mode::TooSmall => TOO_SMALL.rows(),
    }
}

/// The rows of a mode, then those of every mode.
pub(super) fn all_rows(mode: Mode) -> impl Iterator<Item = &'static KeyRow> {
    rows(mode).into_iter().chain(GLOBAL.iter().map(|binding| &binding.row))
}

/// True if the mode has an action of this name.
pub(super) fn has_action(mode: Mode, name: &str) -> bool {
    all_rows(mode).any(|row| row.name == name)
}

/// True if the key would open a question and, pressed again, confirm it.
pub(super) fn would_confirm_itself(name: &str, key: Key) -> bool {
    let any = |risk, matches: &dyn Fn(&KeyRow) -> bool| {
        Mode::ALL.into_iter().flat_map(all_rows).any(|row| row.risk == risk && matches(row))
    };
    any(Prompts, &|row| row.name == name) && any(Commits, &|row| row.keys.contains(&key))
}
