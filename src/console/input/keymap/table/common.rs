//! The rows that several pages share.

use crate::console::input::key::Key;
use crate::console::input::keymap::row::{HelpGroup, KeyRow, Risk};

use HelpGroup::{Act, Find, Look, Move, Tool};
use Key::{Char, Ctrl};
use Risk::{Prompts, ReadsMeta};

/// The name of the action that opens the help of a page.
pub(in crate::console::input::keymap) const HELP_ACTION: &str = "help";

/// The name of the action that shows the whole list of a form or question.
pub(in crate::console::input::keymap) const WHOLE_LIST_ACTION: &str = "whole-list";

pub(super) const UP: KeyRow = KeyRow::new("up", &[Key::Up, Char('k')], "one row up", Move).moves();
pub(super) const DOWN: KeyRow = KeyRow::new("down", &[Key::Down, Char('j')], "one row down", Move).moves();
pub(super) const PAGE_UP: KeyRow = KeyRow::new("page-up", &[Key::PageUp, Ctrl('u')], "one page up", Move).moves();
pub(super) const PAGE_DOWN: KeyRow =
    KeyRow::new("page-down", &[Key::PageDown, Ctrl('d'), Ctrl('f')], "one page down", Move).moves();
pub(super) const FIRST: KeyRow =
    KeyRow::new("first", &[Char('g'), Key::Home, Char('<')], "to the first row", Move).moves();
pub(super) const LAST: KeyRow = KeyRow::new("last", &[Char('G'), Key::End, Char('>')], "to the last row", Move).moves();
/// Help of a page that asks: its footer has the keys that answer.
pub(super) const HELP_OF_QUESTION: KeyRow = KeyRow::new(HELP_ACTION, &[Char('?')], "help for this page", Look);
pub(super) const HELP: KeyRow = HELP_OF_QUESTION.footer("help");
pub(super) const MESSAGES: KeyRow =
    KeyRow::new("messages", &[Char('m')], "messages, newest first", Look).footer("messages");
pub(super) const SET_PIN: KeyRow =
    KeyRow::new("set-pin", &[Char('p')], "set the PIN of this number", Act).footer("set PIN").risk(Prompts);
pub(super) const REFRESH_NUMBER: KeyRow =
    KeyRow::new("refresh", &[Char('r')], "refresh this number", Act).footer("refresh").risk(ReadsMeta);
pub(super) const FILTER_ROWS: KeyRow = KeyRow::new("filter", &[Char('/'), Char('f')], "filter", Find).footer("filter");
pub(super) const COPY: KeyRow = KeyRow::new("copy", &[Char('c')], "copy a value", Act).footer("copy");
pub(super) const BACK: KeyRow = KeyRow::new("back", &[Key::Esc, Char('q')], "back", Tool).footer("back").closes_page();
pub(super) const QUIT: KeyRow = KeyRow::new("back", &[Char('q')], "quit (asks if work is unfinished)", Tool)
    .footer("quit")
    .risk(Prompts)
    .closes_page();
pub(super) const RETRY: KeyRow =
    KeyRow::new("retry", &[Char('r')], "try again", Act).footer("try again").risk(ReadsMeta);
pub(super) const CANCEL: KeyRow =
    KeyRow::new("cancel", &[Key::Esc], "cancel, nothing is sent", Tool).footer("cancel").closes_page();
pub(super) const NEXT_FIELD: KeyRow =
    KeyRow::new("next-field", &[Key::Down, Key::Tab], "next field", Move).footer("next field");
pub(super) const PREVIOUS_FIELD: KeyRow =
    KeyRow::new("previous-field", &[Key::Up, Key::BackTab], "previous field", Move);
pub(super) const CONTINUE_TO_COUNT: KeyRow =
    KeyRow::new("continue", &[Key::Enter], "continue to the confirmation", Act)
        .footer("continue")
        .risk(Prompts)
        .fixed();
pub(super) const SHOW_PIN: KeyRow =
    KeyRow::new("show-pin", &[Char('v')], "show the PIN for a while, or hide it", Look).footer("show");
pub(super) const WHOLE_LIST: KeyRow =
    KeyRow::new(WHOLE_LIST_ACTION, &[Char('l')], "the whole list, as it will be sent", Look).footer("whole list");
pub(super) const DELETE_DIGIT: KeyRow =
    KeyRow::new("delete-digit", &[Key::Backspace, Key::Delete], "delete a digit", Act);
pub(super) const CLEAR_DIGITS: KeyRow = KeyRow::new("clear-field", &[Ctrl('u')], "clear the field", Act);
pub(super) const HIDE_SCREEN: KeyRow =
    KeyRow::new("hide-screen", &[Char('z')], "hide the screen, drop token and saved PINs", Tool).footer("hide");
pub(super) const HIDE_FORM: KeyRow =
    KeyRow::new("hide-screen", &[Char('z')], "hide the screen, drop token, saved PINs and input", Tool);
pub(super) const SHOW_IN_DOUBT: KeyRow =
    KeyRow::new("in-doubt", &[Char('w')], "numbers in doubt and other open issues", Look).footer("in doubt");
pub(super) const SHOW_JOBS: KeyRow = KeyRow::new("jobs", &[Char('b')], "jobs, newest first", Look).footer("jobs");

/// The bindings of a page, then every motion of a list or a long page, each as the page's action.
macro_rules! with_motions {
    ($move:path; $($binding:expr),* $(,)?) => {
        &[
            $($binding,)*
            bind($move(Motion::Up), UP),
            bind($move(Motion::Down), DOWN),
            bind($move(Motion::PageUp), PAGE_UP),
            bind($move(Motion::PageDown), PAGE_DOWN),
            bind($move(Motion::First), FIRST),
            bind($move(Motion::Last), LAST),
        ]
    };
}

pub(super) use with_motions;
