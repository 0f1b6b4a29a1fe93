//! The rows of the key table: for each mode its keys, their actions and descriptions.
//!
//! It does not know what an action does.

use crate::console::input::key::Key;
use crate::console::input::keymap::{Action, Binding, HelpGroup, Mode, Risk};

const fn row(
    action: Action,
    keys: &'static [Key],
    description: &'static str,
    footer_label: Option<&'static str>,
    group: HelpGroup,
    risk: Risk,
) -> Binding {
    Binding { action, keys, description, footer_label, group, risk }
}

use Action as A;
use HelpGroup::{Act, Find, Look, Move, Tool};
use Key::{Char, Ctrl};
use Risk::{Commits, Prompts, ReadsMeta, ViewOnly};

const UP: Binding = row(A::Up, &[Key::Up, Char('k')], "one row up", None, Move, ViewOnly);
const DOWN: Binding = row(A::Down, &[Key::Down, Char('j')], "one row down", None, Move, ViewOnly);
const PAGE_UP: Binding = row(A::PageUp, &[Key::PageUp, Ctrl('u')], "one page up", None, Move, ViewOnly);
const PAGE_DOWN: Binding = row(A::PageDown, &[Key::PageDown, Ctrl('d')], "one page down", None, Move, ViewOnly);
const HELP: Binding = row(A::Help, &[Char('?')], "help for this page", Some("help"), Look, ViewOnly);
const MESSAGES: Binding = row(A::Messages, &[Char('m')], "messages, newest first", None, Look, ViewOnly);
const SET_PIN: Binding = row(A::SetPin, &[Char('p')], "set the PIN of this number", Some("set PIN"), Act, Prompts);
const REFRESH_NUMBER: Binding =
    row(A::RefreshNumber, &[Char('r')], "refresh this number", Some("refresh"), Act, ReadsMeta);
const COPY: Binding = row(A::PickCopy, &[Char('c')], "copy a value", Some("copy"), Act, ViewOnly);
const BACK: Binding = row(A::Back, &[Key::Esc, Char('q')], "back", Some("back"), Tool, ViewOnly);
const QUIT: Binding = row(A::Back, &[Char('q')], "quit (asks if work is unfinished)", Some("quit"), Tool, Prompts);
const RETRY: Binding = row(A::Retry, &[Char('r')], "try again", Some("try again"), Act, ReadsMeta);
const CANCEL: Binding = row(A::Cancel, &[Key::Esc], "cancel, nothing is sent", Some("cancel"), Tool, ViewOnly);
const DELETE_DIGIT: Binding =
    row(A::DeleteDigit, &[Key::Backspace, Key::Delete], "delete a digit", None, Act, ViewOnly);

const HIDE_SCREEN: Binding =
    row(A::HideScreen, &[Char('z')], "hide the screen, drop the access token", None, Tool, ViewOnly);

const SHOW_IN_DOUBT: Binding =
    row(A::ShowInDoubt, &[Char('w')], "numbers in doubt and other open issues", None, Look, ViewOnly);

const LIST: &[Binding] = &[
    HELP,
    row(A::EditFilter, &[Char('/'), Char('f')], "filter", Some("filter"), Find, ViewOnly),
    SET_PIN,
    row(A::Open, &[Key::Enter], "details, or the outcome of the last request", Some("details"), Look, ViewOnly),
    REFRESH_NUMBER,
    QUIT,
    row(A::RefreshAll, &[Char('u')], "refresh all numbers", Some("refresh all"), Act, ReadsMeta),
    row(A::PickSort, &[Char('o')], "sort", Some("sort"), Find, ViewOnly),
    row(A::ClearFilter, &[Key::Esc], "clear the filter", None, Find, ViewOnly),
    COPY,
    row(A::TogglePane, &[Char('d')], "details beside the list (from 100 columns)", None, Look, ViewOnly),
    SHOW_IN_DOUBT,
    MESSAGES,
    HIDE_SCREEN,
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    row(A::First, &[Key::Home, Char('<')], "first row", None, Move, ViewOnly),
    row(A::Last, &[Key::End, Char('>')], "last row", None, Move, ViewOnly),
];

const FILTER: &[Binding] = &[
    row(A::ApplyFilter, &[Key::Enter], "apply the filter", Some("apply"), Find, ViewOnly),
    row(A::RestoreFilter, &[Key::Esc], "restore the previous filter", Some("cancel"), Find, ViewOnly),
    row(A::ClearField, &[Ctrl('u')], "clear the line", Some("clear the line"), Find, ViewOnly),
    row(A::Up, &[Key::Up], "one row up", None, Move, ViewOnly),
    row(A::Down, &[Key::Down], "one row down", None, Move, ViewOnly),
];

const SORT: &[Binding] = &[
    row(A::SortByNumber, &[Char('n')], "by number; again to reverse", Some("number"), Find, ViewOnly),
    row(A::SortByName, &[Char('m')], "by name", Some("name"), Find, ViewOnly),
    row(A::SortByWaba, &[Char('w')], "by WABA", Some("WABA"), Find, ViewOnly),
    row(A::SortByTwoStep, &[Char('t')], "by two-step", Some("two-step"), Find, ViewOnly),
    row(A::SortByRequest, &[Char('r')], "by request", Some("request"), Find, ViewOnly),
    BACK,
];

const DETAILS: &[Binding] = &[HELP, SET_PIN, REFRESH_NUMBER, COPY, UP, DOWN, MESSAGES, HIDE_SCREEN, BACK];

const FAILED: &[Binding] = &[
    row(A::SetPin, &[Char('p')], "set the PIN again", Some("set PIN"), Act, Prompts),
    REFRESH_NUMBER,
    row(A::PickCopy, &[Char('c')], "copy for a ticket", Some("copy for a ticket"), Act, ViewOnly),
    BACK,
    HELP,
    MESSAGES,
    HIDE_SCREEN,
    UP,
    DOWN,
];

const NO_ANSWER: &[Binding] = &[
    row(A::SendSamePin, &[Char('s')], "send the same PIN again (asks)", Some("same PIN"), Act, Prompts),
    row(
        A::RefreshStatus,
        &[Char('u'), Char('r')],
        "refresh the status of this number",
        Some("refresh status"),
        Act,
        ReadsMeta,
    ),
    row(A::SetPin, &[Char('p')], "set a new PIN, from 2 minutes after the last try", Some("new PIN"), Act, Prompts),
    row(A::MarkResolved, &[Char('h')], "mark as resolved, with a note (asks)", Some("resolve"), Act, Prompts),
    row(A::PickCopy, &[Char('c')], "copy for a ticket", Some("copy"), Act, ViewOnly),
    BACK,
    HELP,
    MESSAGES,
    HIDE_SCREEN,
    UP,
    DOWN,
];

const RESOLUTION_NOTE: &[Binding] = &[
    row(A::Continue, &[Key::Enter], "continue to the confirmation", Some("continue"), Act, Prompts),
    row(A::ClearField, &[Ctrl('u')], "clear the line", Some("clear the line"), Act, ViewOnly),
    CANCEL_NOTE,
];

const CANCEL_NOTE: Binding = row(A::Cancel, &[Key::Esc], "back, nothing is recorded", Some("back"), Tool, ViewOnly);

const CONFIRM_RESOLUTION: &[Binding] = &[
    row(A::ConfirmResolved, &[Char('y')], "mark as resolved", Some("resolve"), Act, Commits),
    row(A::Cancel, &[Char('n'), Key::Esc], "cancel, nothing is recorded", Some("cancel"), Tool, ViewOnly),
];

const UNRESOLVED: &[Binding] = &[
    row(A::Open, &[Key::Enter], "details and next steps", Some("open"), Look, ViewOnly),
    HELP,
    row(A::Back, &[Key::Esc, Char('q')], "continue to the list, decide later", Some("later"), Tool, ViewOnly),
    MESSAGES,
    HIDE_SCREEN,
    UP,
    DOWN,
];

const RECIPIENTS: &[Binding] = &[
    row(A::AcceptRecipients, &[Char('y')], "accept these keys", Some("accept"), Act, Commits),
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    row(A::Cancel, &[Char('n'), Key::Esc], "back, without accepting the keys", Some("back"), Tool, ViewOnly),
];

const HIDDEN: &[Binding] = &[
    row(A::ShowScreen, &[Key::Enter], "show the screen (reloads the access token)", Some("show"), Look, ReadsMeta),
    QUIT,
];

const PIN_FORM: &[Binding] = &[
    row(A::RandomPin, &[Char('g')], "generate a random PIN", Some("random"), Act, ViewOnly),
    row(A::ShowPin, &[Char('v')], "show the PIN for a while, or hide it", Some("show"), Look, ViewOnly),
    row(A::NextField, &[Key::Tab, Key::Down], "next field", Some("next"), Move, ViewOnly),
    row(A::PreviousField, &[Key::BackTab, Key::Up], "previous field", None, Move, ViewOnly),
    DELETE_DIGIT,
    row(A::ClearField, &[Ctrl('u')], "clear the field", None, Act, ViewOnly),
    row(A::Continue, &[Key::Enter], "continue to the confirmation", Some("continue"), Act, Prompts),
    CANCEL,
    HELP_IN_FORM,
];

const HELP_IN_FORM: Binding = row(A::Help, &[Char('?')], "help for this page", None, Look, ViewOnly);

const CONFIRM: &[Binding] = &[
    row(A::Send, &[Char('y')], "send it", Some("send"), Act, Commits),
    row(A::Cancel, &[Char('n'), Key::Esc], "cancel, nothing is sent", Some("cancel"), Tool, ViewOnly),
];

const CONFIRM_REPLACE: &[Binding] = &[
    // Enter alone sends nothing: it submits the four digits, which must match.
    row(A::Continue, &[Key::Enter], "send it, after the last 4 digits of the number", Some("send"), Act, Prompts),
    DELETE_DIGIT,
    row(A::ClearField, &[Ctrl('u')], "clear the field", None, Act, ViewOnly),
    CANCEL,
];

const COPY_MENU: &[Binding] = &[
    row(A::CopyNumber, &[Char('1')], "the number", Some("number"), Act, ViewOnly),
    row(A::CopyId, &[Char('2')], "the phone number ID", Some("phone number ID"), Act, ViewOnly),
    row(A::CopyWaba, &[Char('3')], "the WABA ID", Some("WABA"), Act, ViewOnly),
    row(A::CopyAll, &[Char('4')], "everything, for a ticket", Some("all for a ticket"), Act, ViewOnly),
    BACK,
];

const COPIED: &[Binding] = &[BACK, HIDE_SCREEN];

const SCROLLABLE_PAGE: &[Binding] = &[UP, DOWN, PAGE_UP, PAGE_DOWN, HIDE_SCREEN, BACK];

const CONFIRM_QUIT: &[Binding] = &[
    row(A::ConfirmQuit, &[Char('y')], "quit", Some("quit"), Tool, Commits),
    row(A::CancelQuit, &[Char('n'), Key::Esc], "stay", Some("stay"), Tool, ViewOnly),
];

const SHUTTING_DOWN: &[Binding] =
    &[row(A::CancelQuit, &[Char('n'), Key::Esc], "keep running", Some("stay"), Tool, ViewOnly)];

const WELCOME: &[Binding] = &[
    row(A::StartDemo, &[Char('t')], "try the demo: made-up numbers, nothing is sent", Some("demo"), Act, ViewOnly),
    QUIT,
    HELP,
];

const TOKEN: &[Binding] = &[
    RETRY,
    row(A::Cancel, &[Key::Esc], "back to the list, if there is one", None, Tool, ViewOnly),
    HELP,
    MESSAGES,
    HIDE_SCREEN,
    QUIT,
];

const NO_NUMBERS: &[Binding] = &[RETRY, HELP, MESSAGES, SHOW_IN_DOUBT, HIDE_SCREEN, QUIT];

const TOO_SMALL: &[Binding] = &[QUIT];

/// Keys of every mode.
pub(super) const GLOBAL: &[Binding] = &[
    row(A::Interrupt, &[Ctrl('c')], "back or quit, also in text fields; press twice to quit", None, Tool, ViewOnly),
    row(A::Redraw, &[Ctrl('l')], "redraw", None, Tool, ViewOnly),
    row(A::Suspend, &[Ctrl('z')], "suspend to the shell", None, Tool, ViewOnly),
];

/// The rows of a mode: its own, then those of every mode.
pub(super) fn bindings(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    let own_rows = match mode {
        Mode::List => LIST,
        Mode::Filter => FILTER,
        Mode::Sort => SORT,
        Mode::Details => DETAILS,
        Mode::Failed => FAILED,
        Mode::NoAnswer => NO_ANSWER,
        Mode::PinForm => PIN_FORM,
        Mode::ResolutionNote => RESOLUTION_NOTE,
        Mode::ConfirmResolution => CONFIRM_RESOLUTION,
        Mode::Unresolved => UNRESOLVED,
        Mode::Recipients => RECIPIENTS,
        Mode::Hidden => HIDDEN,
        Mode::Confirm => CONFIRM,
        Mode::ConfirmReplace => CONFIRM_REPLACE,
        Mode::Copy => COPY_MENU,
        Mode::Copied => COPIED,
        Mode::Messages | Mode::Help | Mode::JournalUnavailable => SCROLLABLE_PAGE,
        Mode::Quit => CONFIRM_QUIT,
        Mode::ShuttingDown => SHUTTING_DOWN,
        Mode::Welcome => WELCOME,
        Mode::Token => TOKEN,
        Mode::NoNumbers => NO_NUMBERS,
        Mode::TooSmall => TOO_SMALL,
    };
    own_rows.iter().chain(GLOBAL)
}

pub(super) fn binds(mode: Mode, action: Action) -> bool {
    bindings(mode).any(|binding| binding.action == action)
}

pub(super) fn is_global(action: Action) -> bool {
    GLOBAL.iter().any(|binding| binding.action == action)
}

/// Actions whose keys never change, so that operators can rely on them: those that confirm, cancel, leave or restore.
pub(super) fn is_fixed(action: Action) -> bool {
    is_global(action)
        || matches!(
            action,
            A::Send
                | A::ConfirmResolved
                | A::AcceptRecipients
                | A::ShowScreen
                | A::Cancel
                | A::ConfirmQuit
                | A::CancelQuit
                | A::Back
                | A::Continue
                | A::RestoreFilter
        )
}

/// True if the key would open a question and, pressed again, confirm it.
pub(super) fn would_confirm_itself(action: Action, key: Key) -> bool {
    let any = |risk, matches: &dyn Fn(&Binding) -> bool| {
        Mode::ALL.into_iter().flat_map(bindings).any(|binding| binding.risk == risk && matches(binding))
    };
    any(Prompts, &|binding| binding.action == action) && any(Commits, &|binding| binding.keys.contains(&key))
}
