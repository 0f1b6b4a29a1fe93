//! The rows of the key table, and the names by which the config speaks of actions.

use super::{Action, Binding, Group, Mode, Risk};
use crate::console::key::Key;

const fn row(
    action: Action,
    keys: &'static [Key],
    words: &'static str,
    footer: Option<&'static str>,
    group: Group,
    risk: Risk,
) -> Binding {
    Binding { action, keys, words, footer, group, risk }
}

use Action as A;
use Group::{Act, Find, Look, Move, Tool};
use Key::{Char, Ctrl};
use Risk::{Acts, Asks, Reads, Shows};

const UP: Binding = row(A::Up, &[Key::Up, Char('k')], "one row up", None, Move, Shows);
const DOWN: Binding = row(A::Down, &[Key::Down, Char('j')], "one row down", None, Move, Shows);
const PAGE_UP: Binding = row(A::PageUp, &[Key::PageUp, Ctrl('u')], "one page up", None, Move, Shows);
const PAGE_DOWN: Binding = row(A::PageDown, &[Key::PageDown, Ctrl('d')], "one page down", None, Move, Shows);
const HELP: Binding = row(A::Help, &[Char('?')], "help for this page", Some("help"), Look, Shows);
const MESSAGES: Binding = row(A::Messages, &[Char('m')], "messages, newest first", None, Look, Shows);
const SET_PIN: Binding = row(A::SetPin, &[Char('p')], "set the PIN of this number", Some("set PIN"), Act, Asks);
const READ_THIS: Binding = row(A::ReadThis, &[Char('r')], "read this number again", Some("read"), Act, Reads);
const COPY: Binding = row(A::PickCopy, &[Char('c')], "copy a value", Some("copy"), Act, Shows);
const CLOSE: Binding = row(A::Back, &[Key::Esc, Char('q')], "back", Some("back"), Tool, Shows);
const QUIT: Binding = row(A::Back, &[Char('q')], "quit (asks if work is unfinished)", Some("quit"), Tool, Asks);
const TRY_AGAIN: Binding = row(A::TryAgain, &[Char('r')], "try again", Some("try again"), Act, Reads);
const CANCEL: Binding = row(A::Cancel, &[Key::Esc], "cancel, nothing is sent", Some("cancel"), Tool, Shows);
const DELETE_DIGIT: Binding = row(A::DeleteDigit, &[Key::Backspace, Key::Delete], "delete a digit", None, Act, Shows);

const HIDE: Binding = row(A::Hide, &[Char('z')], "hide the screen, drop the access token", None, Tool, Shows);

const REVIEW: Binding = row(A::Review, &[Char('w')], "numbers in doubt, and what else to look at", None, Look, Shows);

const LIST: &[Binding] = &[
    HELP,
    row(A::EditFilter, &[Char('/'), Char('f')], "filter", Some("filter"), Find, Shows),
    SET_PIN,
    row(A::Open, &[Key::Enter], "details, or what became of the request", Some("details"), Look, Shows),
    READ_THIS,
    QUIT,
    row(A::ReadAll, &[Char('u')], "read all numbers again", Some("read all"), Act, Reads),
    row(A::PickSort, &[Char('o')], "sort", Some("sort"), Find, Shows),
    row(A::ClearFilter, &[Key::Esc], "clear the filter", None, Find, Shows),
    COPY,
    row(A::TogglePane, &[Char('d')], "details beside the list (100 columns and more)", None, Look, Shows),
    REVIEW,
    MESSAGES,
    HIDE,
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    row(A::First, &[Key::Home, Char('<')], "first row", None, Move, Shows),
    row(A::Last, &[Key::End, Char('>')], "last row", None, Move, Shows),
];

const FILTER: &[Binding] = &[
    row(A::KeepFilter, &[Key::Enter], "keep the filter", Some("keep filter"), Find, Shows),
    row(A::UndoFilter, &[Key::Esc], "back to the filter before", Some("undo"), Find, Shows),
    row(A::ClearField, &[Ctrl('u')], "clear the line", Some("clear the line"), Find, Shows),
    row(A::Up, &[Key::Up], "one row up", None, Move, Shows),
    row(A::Down, &[Key::Down], "one row down", None, Move, Shows),
];

const SORT: &[Binding] = &[
    row(A::SortByNumber, &[Char('n')], "by number; again to reverse", Some("number"), Find, Shows),
    row(A::SortByName, &[Char('m')], "by name", Some("name"), Find, Shows),
    row(A::SortByWaba, &[Char('w')], "by WABA", Some("WABA"), Find, Shows),
    row(A::SortByTwoStep, &[Char('t')], "by two-step", Some("two-step"), Find, Shows),
    row(A::SortByRequest, &[Char('r')], "by request", Some("request"), Find, Shows),
    CLOSE,
];

const DETAILS: &[Binding] = &[HELP, SET_PIN, READ_THIS, COPY, UP, DOWN, MESSAGES, HIDE, CLOSE];

const FAILED: &[Binding] = &[
    row(A::SetPin, &[Char('p')], "set the PIN again", Some("set PIN"), Act, Asks),
    row(A::ReadThis, &[Char('r')], "read the status of this number", Some("read status"), Act, Reads),
    row(A::PickCopy, &[Char('c')], "copy for a ticket", Some("copy for a ticket"), Act, Shows),
    CLOSE,
    HELP,
    MESSAGES,
    HIDE,
    UP,
    DOWN,
];

const NO_ANSWER: &[Binding] = &[
    row(A::SendSamePin, &[Char('s')], "send the same PIN again (asks)", Some("same PIN"), Act, Asks),
    row(A::ReadStatus, &[Char('u'), Char('r')], "read the status of this number", Some("read status"), Act, Reads),
    row(A::SetPin, &[Char('p')], "set a new PIN, 2 minutes after the last try", Some("new PIN"), Act, Asks),
    row(A::CheckByHand, &[Char('h')], "settle it by a note of a check by hand (asks)", Some("by hand"), Act, Asks),
    row(A::PickCopy, &[Char('c')], "copy for a ticket", Some("copy"), Act, Shows),
    CLOSE,
    HELP,
    MESSAGES,
    HIDE,
    UP,
    DOWN,
];

const CHECK_NOTE: &[Binding] = &[
    row(A::Continue, &[Key::Enter], "continue to the question", Some("continue"), Act, Asks),
    row(A::ClearField, &[Ctrl('u')], "clear the line", Some("clear the line"), Act, Shows),
    NOT_RECORDED,
];

const NOT_RECORDED: Binding = row(A::Cancel, &[Key::Esc], "back, nothing is recorded", Some("back"), Tool, Shows);

const CONFIRM_CHECK: &[Binding] = &[
    row(A::Record, &[Char('y')], "record it as settled", Some("record"), Act, Acts),
    row(A::Cancel, &[Char('n'), Key::Esc], "cancel, nothing is recorded", Some("cancel"), Tool, Shows),
];

const UNRESOLVED: &[Binding] = &[
    row(A::Open, &[Key::Enter], "what is known of it, and what to do", Some("open"), Look, Shows),
    HELP,
    row(A::Back, &[Key::Esc, Char('q')], "on to the list, for later", Some("later"), Tool, Shows),
    MESSAGES,
    HIDE,
    UP,
    DOWN,
];

const RECIPIENTS: &[Binding] = &[
    row(A::Acknowledge, &[Char('y')], "these keys are right", Some("these are right"), Act, Acts),
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    row(A::Cancel, &[Char('n'), Key::Esc], "back, the keys stay unconfirmed", Some("back"), Tool, Shows),
];

const HIDDEN: &[Binding] =
    &[row(A::Show, &[Key::Enter], "show the screen; reads the access token again", Some("show"), Look, Reads), QUIT];

const PIN_FORM: &[Binding] = &[
    row(A::RandomPin, &[Char('g')], "make a random PIN", Some("random"), Act, Shows),
    row(A::ShowPin, &[Char('v')], "show the PIN for a while, or hide it", Some("show"), Look, Shows),
    row(A::NextField, &[Key::Tab, Key::Down], "next field", Some("next"), Move, Shows),
    row(A::PreviousField, &[Key::BackTab, Key::Up], "field before", None, Move, Shows),
    DELETE_DIGIT,
    row(A::ClearField, &[Ctrl('u')], "clear the field", None, Act, Shows),
    row(A::Continue, &[Key::Enter], "continue to the confirmation", Some("continue"), Act, Asks),
    CANCEL,
    HELP_IN_FORM,
];

const HELP_IN_FORM: Binding = row(A::Help, &[Char('?')], "help for this page", None, Look, Shows);

const CONFIRM: &[Binding] = &[
    row(A::Send, &[Char('y')], "send it", Some("send"), Act, Acts),
    row(A::Cancel, &[Char('n'), Key::Esc], "cancel, nothing is sent", Some("cancel"), Tool, Shows),
];

const CONFIRM_REPLACE: &[Binding] = &[
    // Enter alone does nothing here: it only hands over four digits, which must be the right ones.
    row(A::Continue, &[Key::Enter], "send it, after the last 4 digits of the number", Some("send"), Act, Asks),
    DELETE_DIGIT,
    row(A::ClearField, &[Ctrl('u')], "clear the field", None, Act, Shows),
    CANCEL,
];

const COPY_WHAT: &[Binding] = &[
    row(A::CopyNumber, &[Char('1')], "the number", Some("number"), Act, Shows),
    row(A::CopyId, &[Char('2')], "the phone number ID", Some("phone number ID"), Act, Shows),
    row(A::CopyWaba, &[Char('3')], "the WABA ID", Some("WABA"), Act, Shows),
    row(A::CopyAll, &[Char('4')], "all of it, for a ticket", Some("all for a ticket"), Act, Shows),
    CLOSE,
];

const COPIED: &[Binding] = &[CLOSE, HIDE];

const READING: &[Binding] = &[UP, DOWN, PAGE_UP, PAGE_DOWN, HIDE, CLOSE];

const QUITTING: &[Binding] = &[
    row(A::Leave, &[Char('y')], "quit", Some("quit"), Tool, Acts),
    row(A::Stay, &[Char('n'), Key::Esc], "stay", Some("stay"), Tool, Shows),
];

const LEAVING: &[Binding] = &[row(A::Stay, &[Char('n'), Key::Esc], "stay after all", Some("stay"), Tool, Shows)];

const WELCOME: &[Binding] = &[
    row(A::Demo, &[Char('t')], "try the demo: made-up numbers, nothing is sent", Some("demo"), Act, Shows),
    QUIT,
    HELP,
];

const TOKEN: &[Binding] = &[
    TRY_AGAIN,
    row(A::Cancel, &[Key::Esc], "back to the list, if there is one", None, Tool, Shows),
    HELP,
    MESSAGES,
    HIDE,
    QUIT,
];

const NO_NUMBERS: &[Binding] = &[TRY_AGAIN, HELP, MESSAGES, REVIEW, HIDE, QUIT];

const TOO_SMALL: &[Binding] = &[QUIT];

/// Keys of every mode.
pub(super) const EVERYWHERE: &[Binding] = &[
    row(A::Interrupt, &[Ctrl('c')], "back or quit, also in fields; twice quits", None, Tool, Shows),
    row(A::Redraw, &[Ctrl('l')], "draw again", None, Tool, Shows),
    row(A::Suspend, &[Ctrl('z')], "stop for a while, back to the shell", None, Tool, Shows),
];

/// The rows of a mode, its own before those of every mode.
pub(super) fn bindings(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    let own = match mode {
        Mode::List => LIST,
        Mode::Filter => FILTER,
        Mode::Sort => SORT,
        Mode::Details => DETAILS,
        Mode::Failed => FAILED,
        Mode::NoAnswer => NO_ANSWER,
        Mode::PinForm => PIN_FORM,
        Mode::CheckNote => CHECK_NOTE,
        Mode::ConfirmCheck => CONFIRM_CHECK,
        Mode::Unresolved => UNRESOLVED,
        Mode::Recipients => RECIPIENTS,
        Mode::Hidden => HIDDEN,
        Mode::Confirm => CONFIRM,
        Mode::ConfirmReplace => CONFIRM_REPLACE,
        Mode::Copy => COPY_WHAT,
        Mode::Copied => COPIED,
        Mode::Messages | Mode::Help | Mode::Unrecorded => READING,
        Mode::Quit => QUITTING,
        Mode::Leaving => LEAVING,
        Mode::Welcome => WELCOME,
        Mode::Token => TOKEN,
        Mode::NoNumbers => NO_NUMBERS,
        Mode::TooSmall => TOO_SMALL,
    };
    own.iter().chain(EVERYWHERE)
}

pub(super) fn binds(mode: Mode, action: Action) -> bool {
    bindings(mode).any(|binding| binding.action == action)
}

pub(super) fn is_everywhere(action: Action) -> bool {
    EVERYWHERE.iter().any(|binding| binding.action == action)
}

/// Keys that people must be able to rely on: what confirms, cancels, leaves and restores.
pub(super) fn is_fixed(action: Action) -> bool {
    is_everywhere(action)
        || matches!(
            action,
            A::Send
                | A::Record
                | A::Acknowledge
                | A::Show
                | A::Cancel
                | A::Leave
                | A::Stay
                | A::Back
                | A::Continue
                | A::UndoFilter
        )
}

/// The names of the actions in the config's `[keys]`.
const NAMES: &[(Action, &str)] = &[
    (A::Up, "up"),
    (A::Down, "down"),
    (A::PageUp, "page-up"),
    (A::PageDown, "page-down"),
    (A::First, "first"),
    (A::Last, "last"),
    (A::EditFilter, "filter"),
    (A::ClearFilter, "clear-filter"),
    (A::KeepFilter, "keep-filter"),
    (A::UndoFilter, "undo-filter"),
    (A::PickSort, "pick-sort"),
    (A::SortByNumber, "sort-by-number"),
    (A::SortByName, "sort-by-name"),
    (A::SortByWaba, "sort-by-waba"),
    (A::SortByTwoStep, "sort-by-two-step"),
    (A::SortByRequest, "sort-by-request"),
    (A::SetPin, "set-pin"),
    (A::ReadThis, "read"),
    (A::ReadAll, "read-all"),
    (A::ReadStatus, "read-status"),
    (A::SendSamePin, "send-same-pin"),
    (A::CheckByHand, "check-by-hand"),
    (A::Record, "record"),
    (A::Acknowledge, "acknowledge"),
    (A::Review, "in-doubt"),
    (A::Hide, "hide"),
    (A::Show, "show-screen"),
    (A::PickCopy, "copy"),
    (A::CopyNumber, "copy-number"),
    (A::CopyId, "copy-id"),
    (A::CopyWaba, "copy-waba"),
    (A::CopyAll, "copy-all"),
    (A::Open, "details"),
    (A::TogglePane, "details-pane"),
    (A::Messages, "messages"),
    (A::Help, "help"),
    (A::RandomPin, "random-pin"),
    (A::ShowPin, "show-pin"),
    (A::NextField, "next-field"),
    (A::PreviousField, "previous-field"),
    (A::DeleteDigit, "delete-digit"),
    (A::ClearField, "clear-field"),
    (A::Continue, "continue"),
    (A::Send, "send"),
    (A::Cancel, "cancel"),
    (A::Leave, "leave"),
    (A::Stay, "stay"),
    (A::Demo, "demo"),
    (A::TryAgain, "try-again"),
    (A::Back, "back"),
    (A::Interrupt, "interrupt"),
    (A::Redraw, "redraw"),
    (A::Suspend, "suspend"),
];

/// True if the key would open a question and, pressed once more, say yes to one.
pub(super) fn would_answer_itself(action: Action, key: Key) -> bool {
    let any = |risk, is_meant: &dyn Fn(&Binding) -> bool| {
        Mode::ALL.into_iter().flat_map(bindings).any(|binding| binding.risk == risk && is_meant(binding))
    };
    any(Asks, &|binding| binding.action == action) && any(Acts, &|binding| binding.keys.contains(&key))
}

pub(super) fn name(action: Action) -> &'static str {
    NAMES.iter().find(|(named, _)| *named == action).map_or("", |(_, name)| name)
}

pub(super) fn action_named(text: &str) -> Option<Action> {
    NAMES.iter().find(|(_, name)| *name == text).map(|(action, _)| *action)
}

pub(super) fn nearest_name(text: &str) -> Option<&'static str> {
    /// A guess further off than this is no help.
    const MIN_LIKENESS: f64 = 0.7;
    let likeness = |name: &str| strsim::jaro_winkler(text, name);
    let nearest = NAMES.iter().map(|(_, name)| *name).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) >= MIN_LIKENESS).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_table_has_a_name_of_its_own() {
        for mode in Mode::ALL {
            for binding in bindings(mode) {
                assert_eq!(action_named(name(binding.action)), Some(binding.action));
            }
        }
    }
}
