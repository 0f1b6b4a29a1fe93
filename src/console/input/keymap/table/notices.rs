//! The keys of the pages that tell something: text that scrolls, no config, no access token, the hidden screen.

use super::common::{
    BACK, DOWN, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES, PAGE_DOWN, PAGE_UP, QUIT, RETRY, UP, with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{
    HiddenAction, Motion, ScrollAction, ShuttingDownAction, TokenAction, TooSmallAction, WelcomeAction,
};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{Binding, HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::{Act, Look, Tool};
use Key::Char;
use Risk::ReadsMeta;

/// The keys of [`Mode::Welcome`].
pub static WELCOME: KeyTable<WelcomeAction> = KeyTable {
    mode: Mode::Welcome,
    title: "welcome",
    text_input: TextInput::None,
    bindings: &[
        bind(
            WelcomeAction::StartDemo,
            KeyRow::new("start-demo", &[Char('t')], "try the demo: made-up numbers, nothing is sent", Act)
                .footer("demo"),
        ),
        bind(WelcomeAction::Quit, QUIT),
        bind(WelcomeAction::Help, HELP),
    ],
};

/// The keys of [`Mode::Token`].
pub static TOKEN: KeyTable<TokenAction> = KeyTable {
    mode: Mode::Token,
    title: "no access token",
    text_input: TextInput::None,
    bindings: &[
        bind(TokenAction::Retry, RETRY),
        bind(
            TokenAction::Cancel,
            KeyRow::new("cancel", &[Key::Esc], "back to the list, if there is one", Tool).closes_page(),
        ),
        bind(TokenAction::Help, HELP),
        bind(TokenAction::Messages, MESSAGES),
        bind(TokenAction::HideScreen, HIDE_SCREEN),
        bind(TokenAction::Leave, QUIT),
    ],
};

/// The keys of [`Mode::TokenOverPage`].
pub static TOKEN_OVER_PAGE: KeyTable<TokenAction> = KeyTable {
    mode: Mode::TokenOverPage,
    title: "access token refused or missing",
    text_input: TextInput::None,
    bindings: &[
        bind(TokenAction::Retry, RETRY),
        bind(TokenAction::Help, HELP),
        bind(TokenAction::Messages, MESSAGES),
        bind(TokenAction::HideScreen, HIDE_SCREEN),
        bind(TokenAction::Leave, BACK),
    ],
};

/// The keys of every page of text that scrolls.
const SCROLL: &[Binding<ScrollAction>] = with_motions![
    ScrollAction::Move;
    bind(ScrollAction::HideScreen, HIDE_SCREEN),
    bind(ScrollAction::Back, BACK),
];

/// The keys of [`Mode::Messages`].
pub static MESSAGES_PAGE: KeyTable<ScrollAction> =
    KeyTable { mode: Mode::Messages, title: "messages", text_input: TextInput::None, bindings: SCROLL };

/// The keys of [`Mode::Help`].
pub static HELP_PAGE: KeyTable<ScrollAction> =
    KeyTable { mode: Mode::Help, title: "help", text_input: TextInput::None, bindings: SCROLL };

/// The keys of [`Mode::JournalUnavailable`].
pub static JOURNAL_UNAVAILABLE: KeyTable<ScrollAction> = KeyTable {
    mode: Mode::JournalUnavailable,
    title: "no PIN can be set",
    text_input: TextInput::None,
    bindings: SCROLL,
};

/// The keys of [`Mode::Hidden`].
pub static HIDDEN: KeyTable<HiddenAction> = KeyTable {
    mode: Mode::Hidden,
    title: "hidden screen",
    text_input: TextInput::None,
    bindings: &[
        bind(
            HiddenAction::Show,
            KeyRow::new("show-screen", &[Key::Enter], "show the screen (reloads the access token)", Look)
                .footer("show")
                .risk(ReadsMeta)
                .fixed(),
        ),
        bind(HiddenAction::Quit, QUIT),
    ],
};

/// The keys of [`Mode::ShuttingDown`].
pub static SHUTTING_DOWN: KeyTable<ShuttingDownAction> = KeyTable {
    mode: Mode::ShuttingDown,
    title: "quitting",
    text_input: TextInput::None,
    bindings: &[bind(
        ShuttingDownAction::Cancel,
        KeyRow::new("cancel-quit", &[Char('n'), Key::Esc], "keep running", Tool).footer("stay").closes_page(),
    )],
};

/// The keys of [`Mode::TooSmall`].
pub static TOO_SMALL: KeyTable<TooSmallAction> = KeyTable {
    mode: Mode::TooSmall,
    title: "window too small",
    text_input: TextInput::None,
    bindings: &[bind(TooSmallAction::Quit, QUIT)],
};
