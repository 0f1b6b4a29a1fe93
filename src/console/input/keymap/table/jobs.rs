//! The keys of the list of jobs, and of the page of a job.

use super::common::{
    BACK, CANCEL, CLEAR_DIGITS, CONTINUE_TO_COUNT, DELETE_DIGIT, DOWN, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES,
    NEXT_FIELD, PAGE_DOWN, PAGE_UP, PREVIOUS_FIELD, SHOW_PIN, UP, WHOLE_LIST, with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{
    JobAction, JobPinAction, JobResumeAction, JobStopAction, JobsAction, Motion,
};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::{Act, Look, Tool};
use Key::Char;
use Risk::{Commits, Prompts, ReadsMeta, Submits};

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
            JobAction::PauseOrContinue,
            KeyRow::new("pause-job", &[Char('w')], "pause this job, or go on", Act).footer("pause"),
        ),
        bind(
            JobAction::Stop,
            KeyRow::new("stop-job", &[Char('x')], "stop what is still queued (asks)", Act).footer("stop").risk(Prompts),
        ),
        bind(
            JobAction::Resume,
            KeyRow::new("resume-job", &[Char('t')], "send what is left, or retry what failed (asks)", Act)
                .footer("resume or retry")
                .risk(Prompts),
        ),
        bind(
            JobAction::RefreshInDoubt,
            KeyRow::new("refresh-in-doubt", &[Char('u')], "refresh the numbers with no answer", Act)
                .footer("refresh no answer")
                .risk(ReadsMeta),
        ),
        bind(
            JobAction::Report,
            KeyRow::new("report-job", &[Char('e')], "export a report: what became of each number", Tool)
                .footer("report"),
        ),
        bind(
            JobAction::ToggleFilter,
            KeyRow::new("show-all", &[Char('f')], "show all numbers, or those that need attention", Look)
                .footer("show all"),
        ),
        bind(
            JobAction::Open,
            KeyRow::new("details", &[Key::Enter], "details, or the outcome of the last request", Look)
                .footer("details"),
        ),
        bind(JobAction::Messages, MESSAGES),
        bind(JobAction::HideScreen, HIDE_SCREEN),
        bind(JobAction::Back, BACK),
    ],
};

/// The keys of [`Mode::JobStop`].
pub static JOB_STOP: KeyTable<JobStopAction> = KeyTable {
    mode: Mode::JobStop,
    title: "stop a job",
    text_input: TextInput::None,
    bindings: &[
        bind(
            JobStopAction::Confirm,
            KeyRow::new("confirm-stop", &[Char('y')], "stop the job", Act).footer("stop the job").risk(Commits),
        ),
        bind(
            JobStopAction::Cancel,
            KeyRow::new("keep-job", &[Char('n'), Key::Esc], "let the job go on", Tool)
                .footer("let it go on")
                .closes_page(),
        ),
    ],
};

/// The keys of [`Mode::JobPin`].
pub static JOB_PIN: KeyTable<JobPinAction> = KeyTable {
    mode: Mode::JobPin,
    title: "PIN of a job",
    text_input: TextInput::Digits("type"),
    bindings: &[
        bind(JobPinAction::NextField, NEXT_FIELD),
        bind(JobPinAction::PreviousField, PREVIOUS_FIELD),
        bind(JobPinAction::Continue, CONTINUE_TO_COUNT),
        bind(JobPinAction::ShowPin, SHOW_PIN),
        bind(JobPinAction::DeleteDigit, DELETE_DIGIT),
        bind(JobPinAction::ClearField, CLEAR_DIGITS),
        bind(JobPinAction::Cancel, CANCEL),
        bind(JobPinAction::Help, HELP),
        bind(JobPinAction::ShowList, WHOLE_LIST),
    ],
};

/// The keys of [`Mode::JobResume`].
pub static JOB_RESUME: KeyTable<JobResumeAction> = KeyTable {
    mode: Mode::JobResume,
    title: "resume a job",
    text_input: TextInput::Digits("the count"),
    bindings: &[
        // Enter alone sends nothing: it submits the count, which must match.
        bind(
            JobResumeAction::Submit,
            KeyRow::new("continue", &[Key::Enter], "send them, after the count of the numbers", Act)
                .footer("send")
                .risk(Submits)
                .fixed(),
        ),
        bind(JobResumeAction::ShowList, WHOLE_LIST),
        bind(JobResumeAction::DeleteDigit, DELETE_DIGIT),
        bind(JobResumeAction::ClearField, CLEAR_DIGITS),
        bind(JobResumeAction::Cancel, CANCEL),
    ],
};
