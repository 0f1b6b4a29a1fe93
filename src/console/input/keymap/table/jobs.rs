//! The keys of the list of jobs, and of the page of a job.

use super::common::{BACK, DOWN, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES, PAGE_DOWN, PAGE_UP, UP, with_motions};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{JobAction, JobsAction, Motion};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, bind};

use HelpGroup::Look;
use Key::Char;

/// The keys of [`Mode::Jobs`].
pub static JOBS: KeyTable<JobsAction> = KeyTable {
    mode: Mode::Jobs,
    title: "jobs",
    text_input: TextInput::None,
    bindings: with_motions![
        JobsAction::Move;
        bind(JobsAction::Help, HELP),
        bind(
            JobsAction::Open,
            KeyRow::new("open-job", &[Key::Enter], "the job, number by number", Look).footer("open"),
        ),
        bind(JobsAction::Messages, MESSAGES),
        bind(JobsAction::HideScreen, HIDE_SCREEN),
        bind(JobsAction::Back, BACK),
    ],
};

/// The keys of [`Mode::Job`].
pub static JOB: KeyTable<JobAction> = KeyTable {
    mode: Mode::Job,
    title: "job",
    text_input: TextInput::None,
    bindings: with_motions![
        JobAction::Move;
        bind(JobAction::Help, HELP),
        bind(
            JobAction::Open,
            KeyRow::new("details", &[Key::Enter], "details, or the outcome of the last request", Look)
                .footer("details"),
        ),
        bind(
            JobAction::ToggleFilter,
            KeyRow::new("show-all", &[Char('f')], "show all numbers, or those that need attention", Look)
                .footer("show all"),
        ),
        bind(JobAction::Messages, MESSAGES),
        bind(JobAction::HideScreen, HIDE_SCREEN),
        bind(JobAction::Back, BACK),
    ],
};
