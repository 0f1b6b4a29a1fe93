//! The key table: for each mode its keys, with their actions, descriptions and risks.
//!
//! It does not know what an action does: the page performs it.

mod common;
mod jobs;
mod lists;
mod many_pins;
mod notices;
mod number;
mod prompts;

pub use jobs::*;
pub use lists::*;
pub use many_pins::*;
pub use notices::*;
pub use number::*;
pub use prompts::*;

pub(super) use common::{HELP_ACTION, WHOLE_LIST_ACTION};

use super::actions::GlobalAction;
use super::mode::{Mode, TextInput};
use super::row::{AnyTable, Binding, HelpGroup::Tool, KeyRow, Risk, bind};
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

/// The table of a mode.
pub(super) fn of(mode: Mode) -> &'static dyn AnyTable {
    match mode {
        Mode::List => &LIST,
        Mode::Filter => &FILTER,
        Mode::Sort => &SORT,
        Mode::Details => &DETAILS,
        Mode::Failed => &FAILED,
        Mode::NoAnswer => &NO_ANSWER,
        Mode::PinForm => &PIN_FORM,
        Mode::ResolutionNote => &RESOLUTION_NOTE,
        Mode::ConfirmResolution => &CONFIRM_RESOLUTION,
        Mode::Unresolved => &UNRESOLVED,
        Mode::Recipients => &RECIPIENTS,
        Mode::JournalUnavailable => &JOURNAL_UNAVAILABLE,
        Mode::Hidden => &HIDDEN,
        Mode::Confirm => &CONFIRM,
        Mode::ConfirmReplace => &CONFIRM_REPLACE,
        Mode::ConfirmResend => &CONFIRM_RESEND,
        Mode::Copy => &COPY_MENU,
        Mode::Copied => &COPIED,
        Mode::Messages => &MESSAGES_PAGE,
        Mode::Help => &HELP_PAGE,
        Mode::Quit => &CONFIRM_QUIT,
        Mode::ShuttingDown => &SHUTTING_DOWN,
        Mode::Welcome => &WELCOME,
        Mode::Token => &TOKEN,
        Mode::TokenOverPage => &TOKEN_OVER_PAGE,
        Mode::NoNumbers => &NO_NUMBERS,
        Mode::NothingNamed => &NOTHING_NAMED,
        Mode::TooSmall => &TOO_SMALL,
        Mode::Path => &PATH,
        Mode::ListedNumbers => &LISTED_NUMBERS,
        Mode::ManyPins => &MANY_PINS,
        Mode::ManyPinsPin => &MANY_PINS_PIN,
        Mode::ManyPinsNote => &MANY_PINS_NOTE,
        Mode::ConfirmMany => &CONFIRM_MANY,
        Mode::ManyPinsList => &MANY_PINS_LIST,
        Mode::ManyPinsListFilter => &MANY_PINS_LIST_FILTER,
        Mode::Jobs => &JOBS,
        Mode::Job => &JOB,
        Mode::JobStop => &JOB_STOP,
        Mode::JobPin => &JOB_PIN,
        Mode::JobResume => &JOB_RESUME,
    }
}

impl Mode {
    /// The page's title in the help and in errors.
    #[must_use]
    pub fn title(self) -> &'static str {
        of(self).title()
    }

    /// True if one of its keys has this risk.
    #[must_use]
    pub fn has_risk(self, risk: Risk) -> bool {
        all_rows(self).any(|row| row.risk == risk)
    }

    /// The printable keys that the mode accepts although the table does not bind them.
    #[must_use]
    pub fn text_input(self) -> TextInput {
        of(self).text_input()
    }
}

/// The rows of a mode, then those of every mode.
pub(super) fn all_rows(mode: Mode) -> impl Iterator<Item = &'static KeyRow> {
    of(mode).rows().into_iter().chain(GLOBAL.iter().map(|binding| &binding.row))
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
