//! The keys of the page of one number, and of copying its values.

use super::common::{
    BACK, COPY, DOWN, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES, PAGE_DOWN, PAGE_UP, REFRESH_NUMBER, SET_PIN, SHOW_JOBS,
    UP, with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{CopiedAction, CopyAction, Motion, NumberAction};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::Act;
use Key::Char;
use Risk::{Prompts, ReadsMeta};

/// The keys of [`Mode::Details`].
pub static DETAILS: KeyTable<NumberAction> = KeyTable {
    mode: Mode::Details,
    title: "details",
    text_input: TextInput::None,
    bindings: with_motions![
        NumberAction::Move;
        bind(NumberAction::Help, HELP),
        bind(NumberAction::SetPin, SET_PIN),
        bind(NumberAction::Refresh, REFRESH_NUMBER),
        bind(NumberAction::PickCopy, COPY),
        bind(NumberAction::Messages, MESSAGES),
        bind(NumberAction::HideScreen, HIDE_SCREEN),
        bind(NumberAction::ShowJobs, SHOW_JOBS),
        bind(NumberAction::Back, BACK),
    ],
};

/// The keys of [`Mode::Failed`].
pub static FAILED: KeyTable<NumberAction> = KeyTable {
    mode: Mode::Failed,
    title: "failed or not sent",
    text_input: TextInput::None,
    bindings: with_motions![
        NumberAction::Move;
        bind(
            NumberAction::SetPin,
            KeyRow::new("set-pin", &[Char('p')], "set the PIN again", Act).footer("set PIN").risk(Prompts),
        ),
        bind(NumberAction::Refresh, REFRESH_NUMBER),
        bind(
            NumberAction::PickCopy,
            KeyRow::new("copy", &[Char('c')], "copy for a ticket", Act).footer("copy for a ticket"),
        ),
        bind(NumberAction::Back, BACK),
        bind(NumberAction::Help, HELP),
        bind(NumberAction::Messages, MESSAGES),
        bind(NumberAction::HideScreen, HIDE_SCREEN),
        bind(NumberAction::ShowJobs, SHOW_JOBS),
    ],
};

/// The keys of [`Mode::NoAnswer`].
pub static NO_ANSWER: KeyTable<NumberAction> = KeyTable {
    mode: Mode::NoAnswer,
    title: "no answer",
    text_input: TextInput::None,
    bindings: with_motions![
        NumberAction::Move;
        bind(
            NumberAction::SendSamePin,
            KeyRow::new("send-same-pin", &[Char('s')], "send the same PIN again (asks)", Act)
                .footer("same PIN")
                .risk(Prompts),
        ),
        bind(
            NumberAction::Refresh,
            KeyRow::new("refresh-status", &[Char('r'), Char('u')], "refresh the status of this number", Act)
                .footer("refresh status")
                .risk(ReadsMeta),
        ),
        bind(
            NumberAction::SetPin,
            KeyRow::new("set-pin", &[Char('p')], "set a new PIN, from 2 minutes after the last try", Act)
                .footer("new PIN")
                .risk(Prompts),
        ),
        bind(
            NumberAction::MarkResolved,
            KeyRow::new("mark-resolved", &[Char('h')], "mark as resolved, with a note (asks)", Act)
                .footer("resolve")
                .risk(Prompts),
        ),
        bind(NumberAction::PickCopy, KeyRow::new("copy", &[Char('c')], "copy for a ticket", Act).footer("copy")),
        bind(NumberAction::Back, BACK),
        bind(NumberAction::Help, HELP),
        bind(NumberAction::Messages, MESSAGES),
        bind(NumberAction::HideScreen, HIDE_SCREEN),
        bind(NumberAction::ShowJobs, SHOW_JOBS),
    ],
};

/// The keys of [`Mode::Copy`].
pub static COPY_MENU: KeyTable<CopyAction> = KeyTable {
    mode: Mode::Copy,
    title: "copy",
    text_input: TextInput::None,
    bindings: &[
        bind(CopyAction::Number, KeyRow::new("copy-number", &[Char('1')], "the number", Act).footer("number")),
        bind(
            CopyAction::Id,
            KeyRow::new("copy-id", &[Char('2')], "the phone number ID", Act).footer("phone number ID"),
        ),
        bind(CopyAction::Waba, KeyRow::new("copy-waba", &[Char('3')], "the WABA ID", Act).footer("WABA")),
        bind(
            CopyAction::All,
            KeyRow::new("copy-all", &[Char('4')], "everything, for a ticket", Act).footer("all for a ticket"),
        ),
        bind(
            CopyAction::EscrowCommand,
            KeyRow::new("copy-escrow-command", &[Char('5')], "the command that decrypts its PIN", Act)
                .footer("escrow command"),
        ),
        bind(CopyAction::HideScreen, HIDE_SCREEN),
        bind(CopyAction::Back, BACK),
    ],
};

/// The keys of [`Mode::Copied`].
pub static COPIED: KeyTable<CopiedAction> = KeyTable {
    mode: Mode::Copied,
    title: "copied",
    text_input: TextInput::None,
    bindings: with_motions![
        CopiedAction::Move;
        bind(CopiedAction::Back, BACK),
        bind(CopiedAction::HideScreen, HIDE_SCREEN),
    ],
};
