//! The keys of the pages that ask: for a PIN, a note, a confirmation.

use super::common::{
    CANCEL, CLEAR_DIGITS, DELETE_DIGIT, DOWN, FIRST, HELP_OF_QUESTION, HIDE_FORM, LAST, PAGE_DOWN, PAGE_UP, UP,
    with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{
    ConfirmAction, Motion, PinFormAction, QuitAction, RecipientsAction, ResolutionNoteAction,
};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::{Act, Look, Move, Tool};
use Key::{Char, Ctrl};
use Risk::{Commits, Prompts, Submits};

const SEND: KeyRow = KeyRow::new("send", &[Char('y')], "send it", Act).footer("send").risk(Commits);
const GIVE_UP: KeyRow =
    KeyRow::new("give-up", &[Char('n')], "cancel, nothing is sent or recorded", Tool).footer("cancel").fixed();
const STEP_BACK: KeyRow = KeyRow::new("step-back", &[Key::Esc], "one step back, nothing is sent", Tool).closes_page();

/// The keys of [`Mode::PinForm`].
pub static PIN_FORM: KeyTable<PinFormAction> = KeyTable {
    mode: Mode::PinForm,
    title: "PIN form",
    text_input: TextInput::Digits("type"),
    bindings: &[
        bind(
            PinFormAction::Continue,
            KeyRow::new("continue", &[Key::Enter], "continue to the confirmation", Act)
                .footer("continue")
                .risk(Prompts)
                .fixed(),
        ),
        bind(
            PinFormAction::RandomPin,
            KeyRow::new("random-pin", &[Char('g')], "generate a random PIN", Act).footer("random PIN"),
        ),
        bind(
            PinFormAction::ShowPin,
            KeyRow::new("show-pin", &[Char('v')], "show the PIN for a while, or hide it", Look).footer("show"),
        ),
        bind(
            PinFormAction::NextField,
            KeyRow::new("next-field", &[Key::Tab, Key::Down], "next field", Move).footer("next field"),
        ),
        bind(
            PinFormAction::PreviousField,
            KeyRow::new("previous-field", &[Key::BackTab, Key::Up], "previous field", Move),
        ),
        bind(PinFormAction::DeleteDigit, DELETE_DIGIT),
        bind(PinFormAction::ClearField, CLEAR_DIGITS.footer("clear")),
        bind(PinFormAction::HideScreen, HIDE_FORM),
        bind(PinFormAction::Cancel, CANCEL),
        bind(PinFormAction::Help, HELP_OF_QUESTION),
    ],
};

/// The keys of [`Mode::Confirm`].
pub static CONFIRM: KeyTable<ConfirmAction> = KeyTable {
    mode: Mode::Confirm,
    title: "confirmation",
    text_input: TextInput::None,
    bindings: &[
        bind(ConfirmAction::Yes, SEND),
        bind(ConfirmAction::Cancel, GIVE_UP),
        bind(ConfirmAction::Help, HELP_OF_QUESTION),
        bind(ConfirmAction::Back, STEP_BACK.footer("back to the form")),
    ],
};

/// The keys of [`Mode::ConfirmReplace`].
pub static CONFIRM_REPLACE: KeyTable<ConfirmAction> = KeyTable {
    mode: Mode::ConfirmReplace,
    title: "confirmation by digits",
    text_input: TextInput::Digits("last 4 digits"),
    bindings: &[
        // Enter alone sends nothing: it submits the four digits, which must match.
        bind(
            ConfirmAction::Submit,
            KeyRow::new("continue", &[Key::Enter], "send it, after the last 4 digits of the number", Act)
                .footer("send")
                .risk(Submits)
                .fixed(),
        ),
        bind(ConfirmAction::DeleteDigit, DELETE_DIGIT),
        bind(ConfirmAction::ClearField, CLEAR_DIGITS),
        bind(ConfirmAction::Help, HELP_OF_QUESTION),
        bind(ConfirmAction::Back, STEP_BACK.footer("back to the form")),
    ],
};

/// The keys of [`Mode::ConfirmResend`].
pub static CONFIRM_RESEND: KeyTable<ConfirmAction> = KeyTable {
    mode: Mode::ConfirmResend,
    title: "confirmation of the same PIN",
    text_input: TextInput::None,
    bindings: &[
        bind(ConfirmAction::Yes, SEND),
        bind(ConfirmAction::Cancel, GIVE_UP),
        bind(ConfirmAction::Help, HELP_OF_QUESTION),
        bind(ConfirmAction::Back, STEP_BACK.footer("back")),
    ],
};

/// The keys of [`Mode::ResolutionNote`].
pub static RESOLUTION_NOTE: KeyTable<ResolutionNoteAction> = KeyTable {
    mode: Mode::ResolutionNote,
    title: "note on a manual check",
    text_input: TextInput::Text,
    bindings: &[
        bind(
            ResolutionNoteAction::Continue,
            KeyRow::new("continue", &[Key::Enter], "continue to the confirmation", Act)
                .footer("continue")
                .risk(Prompts)
                .fixed(),
        ),
        bind(
            ResolutionNoteAction::ClearField,
            KeyRow::new("clear-field", &[Ctrl('u')], "clear the line", Act).footer("clear the line"),
        ),
        bind(
            ResolutionNoteAction::Cancel,
            KeyRow::new("cancel", &[Key::Esc], "back, nothing is recorded", Tool).footer("back").closes_page(),
        ),
    ],
};

/// The keys of [`Mode::ConfirmResolution`].
pub static CONFIRM_RESOLUTION: KeyTable<ConfirmAction> = KeyTable {
    mode: Mode::ConfirmResolution,
    title: "confirmation of a manual check",
    text_input: TextInput::None,
    bindings: &[
        bind(
            ConfirmAction::Yes,
            KeyRow::new("confirm-resolved", &[Char('y')], "mark as resolved", Act).footer("resolve").risk(Commits),
        ),
        bind(ConfirmAction::Cancel, GIVE_UP),
        bind(ConfirmAction::Help, HELP_OF_QUESTION),
        bind(ConfirmAction::Back, STEP_BACK.footer("back to the note")),
    ],
};

/// The keys of [`Mode::Recipients`].
pub static RECIPIENTS: KeyTable<RecipientsAction> = KeyTable {
    mode: Mode::Recipients,
    title: "changed escrow keys",
    text_input: TextInput::None,
    bindings: with_motions![
        RecipientsAction::Move;
        bind(
            RecipientsAction::Accept,
            KeyRow::new("accept-recipients", &[Char('y')], "accept these keys", Act).footer("accept").risk(Commits),
        ),
        bind(
            RecipientsAction::Cancel,
            KeyRow::new("cancel", &[Char('n'), Key::Esc], "back, without accepting the keys", Tool)
                .footer("back")
                .closes_page(),
        ),
    ],
};

/// The keys of [`Mode::Quit`].
pub static CONFIRM_QUIT: KeyTable<QuitAction> = KeyTable {
    mode: Mode::Quit,
    title: "quit",
    text_input: TextInput::None,
    bindings: &[
        bind(QuitAction::Confirm, KeyRow::new("confirm-quit", &[Char('y')], "quit", Tool).footer("quit").risk(Commits)),
        bind(
            QuitAction::Cancel,
            KeyRow::new("cancel-quit", &[Char('n'), Key::Esc], "stay", Tool).footer("stay").closes_page(),
        ),
    ],
};
