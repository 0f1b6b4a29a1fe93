//! The parts of the key table: what a row says of a key, and how a page's actions are bound.
//!
//! They contain no keys: the table does.

use super::mode::{Mode, TextInput};
use crate::console::input::key::Key;

/// The most that a key can do. The tests check the table against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Only moves the cursor or scrolls: on a slow connection operators may type it ahead.
    Moves,
    /// Changes only the screen.
    ViewOnly,
    /// Reads from Meta.
    ReadsMeta,
    /// Opens a page that asks for a confirmation.
    Prompts,
    /// Submits typed digits, which confirm if they match.
    Submits,
    /// Sends or records something, or ends the program: only on pages that ask, and never with Enter.
    Commits,
}

impl Risk {
    /// True if a line feed acts like Enter. Some terminals and scripts send it for Enter, but it also comes from pasted
    /// or copied lines, so it never confirms.
    pub(super) const fn allows_line_feed(self) -> bool {
        match self {
            Self::Moves | Self::ViewOnly | Self::ReadsMeta | Self::Prompts => true,
            Self::Submits | Self::Commits => false,
        }
    }
}

/// The group of a key in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "`heading` returns their text")]
pub enum HelpGroup {
    Move,
    Find,
    Act,
    Look,
    Tool,
}

impl HelpGroup {
    /// The heading in the help.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Move => "MOVE",
            Self::Find => "FIND",
            Self::Act => "ACT",
            Self::Look => "LOOK",
            Self::Tool => "TOOL",
        }
    }
}

/// What the table says of an action's keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyRow {
    /// The name of the action in the config. Rows of several modes may share it.
    pub name: &'static str,
    /// The keys, the preferred one first.
    pub keys: &'static [Key],
    /// What the action does, in the help and the README.
    pub description: &'static str,
    /// The short form in the footer; `None` if the footer does not show it.
    pub footer_label: Option<&'static str>,
    /// The group in the help.
    pub group: HelpGroup,
    /// The most that the action can do.
    pub risk: Risk,
    /// True if it closes the page: the footer always shows it.
    pub closes_page: bool,
    /// True if the config cannot change its keys, so that operators can rely on them.
    pub is_fixed: bool,
}

impl KeyRow {
    pub(super) const fn new(
        name: &'static str,
        keys: &'static [Key],
        description: &'static str,
        group: HelpGroup,
    ) -> Self {
        let (footer_label, risk, closes_page, is_fixed) = (None, Risk::ViewOnly, false, false);
        Self { name, keys, description, footer_label, group, risk, closes_page, is_fixed }
    }

    pub(super) const fn footer(self, label: &'static str) -> Self {
        Self { footer_label: Some(label), ..self }
    }

    pub(super) const fn risk(self, risk: Risk) -> Self {
        // The keys that confirm never change.
        Self { risk, is_fixed: self.is_fixed || matches!(risk, Risk::Commits), ..self }
    }

    pub(super) const fn moves(self) -> Self {
        Self { risk: Risk::Moves, ..self }
    }

    /// Nor do the keys that close a page.
    pub(super) const fn closes_page(self) -> Self {
        Self { closes_page: true, is_fixed: true, ..self }
    }

    pub(super) const fn fixed(self) -> Self {
        Self { is_fixed: true, ..self }
    }
}

/// An action of a page, with its row.
#[derive(Debug, Clone, Copy)]
pub struct Binding<A> {
    /// The action.
    pub action: A,
    /// What the table says of it.
    pub row: KeyRow,
}

pub(super) const fn bind<A: Copy>(action: A, row: KeyRow) -> Binding<A> {
    Binding { action, row }
}

/// The keys of a mode, typed by the actions of its page.
#[derive(Debug)]
pub struct KeyTable<A: 'static> {
    /// The mode.
    pub mode: Mode,
    /// The page's title in the help and in errors.
    pub title: &'static str,
    /// The printable keys that the mode accepts although the table does not bind them.
    pub text_input: TextInput,
    /// The bindings, in the order of the help and the footer.
    pub bindings: &'static [Binding<A>],
}

/// What can be asked of the table of any mode.
pub(super) trait AnyTable {
    fn title(&self) -> &'static str;
    fn text_input(&self) -> TextInput;
    /// Its rows, without those of every mode.
    fn rows(&self) -> Vec<&'static KeyRow>;
}

impl<A> AnyTable for KeyTable<A> {
    fn title(&self) -> &'static str {
        self.title
    }

    fn text_input(&self) -> TextInput {
        self.text_input
    }

    fn rows(&self) -> Vec<&'static KeyRow> {
        self.bindings.iter().map(|binding| &binding.row).collect()
    }
}
