//! The keys of the form and the question for many numbers, and of their whole list.

use super::common::{
    BACK, CANCEL, CLEAR_DIGITS, CONTINUE_TO_COUNT, DELETE_DIGIT, DOWN, FILTER_ROWS, FIRST, HELP, HELP_OF_QUESTION,
    HIDE_FORM, HIDE_SCREEN, LAST, NEXT_FIELD, PAGE_DOWN, PAGE_UP, PREVIOUS_FIELD, SHOW_PIN, UP, WHOLE_LIST,
    with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{ConfirmManyAction, ManyPinsAction, ManyPinsListAction, Motion};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::{Act, Find, Move, Tool};
use Key::{Char, Ctrl};
use Risk::Submits;

/// The keys of [`Mode::ManyPins`].
pub static MANY_PINS: KeyTable<ManyPinsAction> = KeyTable {
    mode: Mode::ManyPins,
    title: "form for many numbers",
    text_input: TextInput::None,
    bindings: &[
        bind(ManyPinsAction::NextField, NEXT_FIELD),
        bind(ManyPinsAction::PreviousField, PREVIOUS_FIELD),
        bind(
            ManyPinsAction::Change,
            KeyRow::new("change-choice", &[Char(' ')], "change the choice", Act).footer("change"),
        ),
        bind(ManyPinsAction::Continue, CONTINUE_TO_COUNT),
        bind(ManyPinsAction::ShowList, WHOLE_LIST),
        bind(ManyPinsAction::HideScreen, HIDE_FORM),
        bind(ManyPinsAction::Cancel, CANCEL),
        bind(ManyPinsAction::Help, HELP),
    ],
};

/// The keys of [`Mode::ManyPinsPin`].
pub static MANY_PINS_PIN: KeyTable<ManyPinsAction> = KeyTable {
    mode: Mode::ManyPinsPin,
    title: "form for many numbers: PIN",
    text_input: TextInput::Digits("type"),
    bindings: &[
        bind(ManyPinsAction::NextField, NEXT_FIELD),
        bind(ManyPinsAction::PreviousField, PREVIOUS_FIELD),
        bind(ManyPinsAction::Continue, CONTINUE_TO_COUNT),
        bind(ManyPinsAction::ShowPin, SHOW_PIN),
        bind(ManyPinsAction::DeleteDigit, DELETE_DIGIT),
        bind(ManyPinsAction::ClearField, CLEAR_DIGITS),
        bind(ManyPinsAction::HideScreen, HIDE_FORM),
        bind(ManyPinsAction::Cancel, CANCEL),
        bind(ManyPinsAction::Help, HELP),
        bind(ManyPinsAction::ShowList, WHOLE_LIST),
    ],
};

/// The keys of [`Mode::ManyPinsNote`].
pub static MANY_PINS_NOTE: KeyTable<ManyPinsAction> = KeyTable {
    mode: Mode::ManyPinsNote,
    title: "form for many numbers: note",
    text_input: TextInput::Text,
    bindings: &[
        bind(ManyPinsAction::NextField, NEXT_FIELD),
        bind(ManyPinsAction::PreviousField, PREVIOUS_FIELD),
        bind(ManyPinsAction::Continue, CONTINUE_TO_COUNT),
        bind(
            ManyPinsAction::ClearField,
            KeyRow::new("clear-field", &[Ctrl('u')], "clear the line", Act).footer("clear the line"),
        ),
        bind(ManyPinsAction::Cancel, CANCEL),
    ],
};

/// The keys of [`Mode::ConfirmMany`].
pub static CONFIRM_MANY: KeyTable<ConfirmManyAction> = KeyTable {
    mode: Mode::ConfirmMany,
    title: "confirmation by count",
    text_input: TextInput::Digits("how many"),
    bindings: &[
        // Enter alone sends nothing: it submits the count, which must match.
        bind(
            ConfirmManyAction::Submit,
            KeyRow::new("continue", &[Key::Enter], "send them, after the count of the numbers", Act)
                .footer("send")
                .risk(Submits)
                .fixed(),
        ),
        bind(ConfirmManyAction::ShowList, WHOLE_LIST),
        bind(ConfirmManyAction::DeleteDigit, DELETE_DIGIT),
        bind(ConfirmManyAction::ClearField, CLEAR_DIGITS),
        bind(ConfirmManyAction::Help, HELP_OF_QUESTION),
        bind(
            ConfirmManyAction::Back,
            KeyRow::new("step-back", &[Key::Esc], "one step back, nothing is sent", Tool)
                .footer("back to the form")
                .closes_page(),
        ),
    ],
};

/// The keys of [`Mode::ManyPinsList`].
pub static MANY_PINS_LIST: KeyTable<ManyPinsListAction> = KeyTable {
    mode: Mode::ManyPinsList,
    title: "list of many numbers",
    text_input: TextInput::None,
    bindings: with_motions![
        ManyPinsListAction::Move;
        bind(ManyPinsListAction::EditFilter, FILTER_ROWS),
        bind(ManyPinsListAction::HideScreen, HIDE_SCREEN),
        bind(ManyPinsListAction::Back, BACK),
    ],
};

/// The keys of [`Mode::ManyPinsListFilter`].
pub static MANY_PINS_LIST_FILTER: KeyTable<ManyPinsListAction> = KeyTable {
    mode: Mode::ManyPinsListFilter,
    title: "list of many numbers: filter",
    text_input: TextInput::Text,
    bindings: &[
        bind(
            ManyPinsListAction::KeepFilter,
            KeyRow::new("apply-filter", &[Key::Enter], "apply the filter", Find).footer("apply"),
        ),
        bind(
            ManyPinsListAction::ShowAll,
            KeyRow::new("restore-filter", &[Key::Esc], "show all numbers again", Find).footer("show all").closes_page(),
        ),
        bind(
            ManyPinsListAction::ClearField,
            KeyRow::new("clear-field", &[Ctrl('u')], "clear the line", Find).footer("clear the line"),
        ),
        bind(ManyPinsListAction::Move(Motion::Up), KeyRow::new("up", &[Key::Up], "one row up", Move).moves()),
        bind(ManyPinsListAction::Move(Motion::Down), KeyRow::new("down", &[Key::Down], "one row down", Move).moves()),
    ],
};
