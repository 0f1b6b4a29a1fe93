//! The keys of the list of jobs.

use super::common::{BACK, DOWN, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES, PAGE_DOWN, PAGE_UP, UP, with_motions};
use crate::console::input::keymap::actions::{JobsAction, Motion};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{KeyTable, bind};

/// The keys of [`Mode::Jobs`].
pub static JOBS: KeyTable<JobsAction> = KeyTable {
    mode: Mode::Jobs,
    title: "jobs",
    text_input: TextInput::None,
    bindings: with_motions![
        JobsAction::Move;
        bind(JobsAction::Help, HELP),
        bind(JobsAction::Messages, MESSAGES),
        bind(JobsAction::HideScreen, HIDE_SCREEN),
        bind(JobsAction::Back, BACK),
    ],
};
