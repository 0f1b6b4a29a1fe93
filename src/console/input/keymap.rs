//! The key table: for each mode its keys, with action, description and risk. The dispatcher, the footer, the help and
//! the README use the same table.
//!
//! It maps a key to an action and does not perform it. It does not contain digits and free text: [`Mode::text_input`]
//! says that a mode accepts them, and the table then binds none of those keys there (the PIN form accepts only digits,
//! so its letters are free).

use std::collections::HashMap;

use crate::console::input::key::Key;

mod action_names;
mod mode;
mod readme;
mod table;

pub use mode::{Mode, TextInput};
pub use readme::readme_table;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    EditFilter,
    ClearFilter,
    ApplyFilter,
    RestoreFilter,
    PickSort,
    SortByNumber,
    SortByName,
    SortByWaba,
    SortByTwoStep,
    SortByRequest,
    SetPin,
    RefreshNumber,
    RefreshAll,
    RefreshStatus,
    SendSamePin,
    MarkResolved,
    ConfirmResolved,
    AcceptRecipients,
    ShowInDoubt,
    PickCopy,
    CopyNumber,
    CopyId,
    CopyWaba,
    CopyAll,
    Open,
    TogglePane,
    Messages,
    Help,
    RandomPin,
    ShowPin,
    NextField,
    PreviousField,
    DeleteDigit,
    ClearField,
    Continue,
    Send,
    Cancel,
    ConfirmQuit,
    CancelQuit,
    StartDemo,
    Retry,
    HideScreen,
    ShowScreen,
    Back,
    Interrupt,
    Redraw,
    Suspend,
}

impl Action {
    /// True if it only moves the cursor: on a slow connection operators may type it ahead.
    #[must_use]
    pub const fn is_motion(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::PageUp | Self::PageDown | Self::First | Self::Last)
    }

    /// True if it closes the page.
    #[must_use]
    pub const fn closes_page(self) -> bool {
        matches!(self, Self::Back | Self::Cancel | Self::RestoreFilter | Self::CancelQuit)
    }
}

/// The most that a key can do. The tests check the table against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Changes only the screen.
    ViewOnly,
    /// Reads from Meta.
    ReadsMeta,
    /// Opens a page that asks for a confirmation.
    Prompts,
    /// Sends or records something, or ends the program: only on pages that ask, and never with Enter.
    Commits,
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

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The action.
    pub action: Action,
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
}

/// The key table in use: the built-in one, with the keys of the config.
#[derive(Debug, Clone)]
pub struct Keymap {
    actions: HashMap<(Mode, Key), Action>,
    overrides: HashMap<Action, Key>,
}

/// Why a `[keys]` entry of the config cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebindError {
    /// No action has this name.
    #[error("unknown action{}", .suggestion.map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default())]
    UnknownAction {
        /// The most similar name, if one is similar.
        suggestion: Option<&'static str>,
    },
    /// The text does not name a key.
    #[error(transparent)]
    UnknownKey(#[from] crate::console::input::key::ParseKeyError),
    /// Terminals or multiplexers use it, or it can be the end of a split arrow key.
    #[error("the key {0} is reserved: terminals, tmux, screen or ssh use it, or a broken arrow key can send it")]
    ReservedKey(Key),
    /// Another action of the page has this key.
    #[error("on the page \"{page}\", {key} would be both {first} and {second}")]
    Conflict {
        /// The key.
        key: Key,
        /// The title of the page.
        page: &'static str,
        /// The action that already has the key.
        first: &'static str,
        /// The action that the config gives the key to.
        second: &'static str,
    },
    /// The page accepts this key as text or as a digit.
    #[error("on the page \"{page}\", {key} types text")]
    TypedAsText {
        /// The key.
        key: Key,
        /// The title of the page.
        page: &'static str,
    },
    /// The key that opens a question must not be the one that confirms it.
    #[error("{0} confirms, so it cannot open a page that it would confirm")]
    AlsoConfirms(Key),
    /// The keys that confirm, cancel or leave never change.
    #[error("the keys of {0} cannot be changed")]
    FixedAction(&'static str),
}

impl Default for Keymap {
    fn default() -> Self {
        let mut actions = HashMap::new();
        for mode in Mode::ALL {
            for binding in table::bindings(mode) {
                for key in binding.keys {
                    actions.insert((mode, *key), binding.action);
                }
            }
        }
        Self { actions, overrides: HashMap::new() }
    }
}

impl Keymap {
    /// Binds an action to one other key, on every page that has the action. It replaces all built-in keys of the
    /// action.
    ///
    /// # Errors
    /// An unknown action or key, a reserved key, a conflict (it names both actions), or an action whose keys are fixed.
    pub fn rebind(&mut self, action_name: &str, key: &str) -> Result<(), RebindError> {
        let action = action_names::find_action(action_name)
            .ok_or_else(|| RebindError::UnknownAction { suggestion: action_names::closest_action_name(action_name) })?;
        if table::is_fixed(action) {
            return Err(RebindError::FixedAction(action_names::action_name(action)));
        }
        let key: Key = key.parse()?;
        if is_reserved(key) {
            return Err(RebindError::ReservedKey(key));
        }
        if table::would_confirm_itself(action, key) {
            return Err(RebindError::AlsoConfirms(key));
        }
        for mode in Mode::ALL.into_iter().filter(|mode| table::binds(*mode, action)) {
            if is_typed_as_text(mode, key) {
                return Err(RebindError::TypedAsText { key, page: mode.title() });
            }
            if let Some(other) = self.actions.get(&(mode, key)).filter(|other| **other != action) {
                let (first, second) = (action_names::action_name(*other), action_names::action_name(action));
                return Err(RebindError::Conflict { key, page: mode.title(), first, second });
            }
        }
        self.actions.retain(|_, bound| *bound != action);
        for mode in Mode::ALL.into_iter().filter(|mode| table::binds(*mode, action)) {
            self.actions.insert((mode, key), action);
        }
        self.overrides.insert(action, key);
        Ok(())
    }

    /// The action of a key in a mode, if it has one.
    #[must_use]
    pub fn action(&self, mode: Mode, key: Key) -> Option<Action> {
        self.actions.get(&(mode, key)).copied()
    }

    /// The rows of a mode, in the order of the help, each with the names of its keys.
    pub fn rows(&self, mode: Mode) -> impl Iterator<Item = (String, &'static Binding)> + '_ {
        table::bindings(mode).map(|binding| (self.keys_label(binding), binding))
    }

    fn keys_label(&self, binding: &Binding) -> String {
        match self.overrides.get(&binding.action) {
            Some(key) => key.to_string(),
            None => binding.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "),
        }
    }

    /// The name of the key that pages show for an action: its first one.
    #[must_use]
    pub fn key_label(&self, mode: Mode, action: Action) -> String {
        let built_in = || table::bindings(mode).find(|binding| binding.action == action)?.keys.first().copied();
        self.overrides.get(&action).copied().or_else(built_in).map(|key| key.to_string()).unwrap_or_default()
    }

    /// The footer of a mode, the most important key first, without actions that are not available now.
    pub fn footer<'a>(
        &'a self,
        mode: Mode,
        is_available: impl Fn(Action) -> bool + 'a,
    ) -> impl Iterator<Item = FooterKey> + 'a {
        let digits = match mode.text_input() {
            TextInput::Digits => Some(FooterKey { text: "Type digits".to_owned(), closes_page: false }),
            TextInput::None | TextInput::Text => None,
        };
        let keys =
            table::bindings(mode).filter(move |binding| is_available(binding.action)).filter_map(move |binding| {
                let text = format!("{} {}", self.key_label(mode, binding.action), binding.footer_label?);
                Some(FooterKey { text, closes_page: binding.action.closes_page() })
            });
        digits.into_iter().chain(keys)
    }
}

/// One key of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterKey {
    /// The key and its short description.
    pub text: String,
    /// True if it closes the page. The footer always shows such a key, whatever the width.
    pub closes_page: bool,
}

impl FooterKey {
    /// Its width in columns.
    #[must_use]
    pub fn width(&self) -> usize {
        crate::domain::text::width(&self.text)
    }
}

/// True for keys that tmux, screen, telnet, mosh, ssh or flow control use, and for the last bytes of split arrow keys.
fn is_reserved(key: Key) -> bool {
    match key {
        Key::Ctrl(c) => matches!(c, 'a' | 'b' | 's' | 'q' | 'c' | 'z' | 'l' | 'h' | 'i' | 'j' | 'm'),
        Key::Char(c) => c.is_ascii_uppercase() || matches!(c, '[' | ']' | '{' | '}' | '\\' | '|' | '@' | '~'),
        Key::Esc => true,
        Key::Enter
        | Key::Tab
        | Key::BackTab
        | Key::Backspace
        | Key::Delete
        | Key::Up
        | Key::Down
        | Key::Left
        | Key::Right
        | Key::Home
        | Key::End
        | Key::PageUp
        | Key::PageDown => false,
    }
}

fn is_typed_as_text(mode: Mode, key: Key) -> bool {
    let is_digit = matches!(key, Key::Char('0'..='9'));
    (is_digit && mode.text_input() == TextInput::Digits)
        || (matches!(key, Key::Char(_)) && mode.text_input() == TextInput::Text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_has_two_actions_in_one_mode() {
        for mode in Mode::ALL {
            let mut seen = HashSet::new();
            for binding in table::bindings(mode) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{key} has two actions in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn no_key_is_bound_where_it_types_text() {
        for mode in Mode::ALL {
            for binding in table::bindings(mode) {
                for key in binding.keys {
                    assert!(!is_typed_as_text(mode, *key), "{key} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn every_mode_can_be_left() {
        let closing_actions = [
            Action::Back,
            Action::Cancel,
            Action::RestoreFilter,
            Action::CancelQuit,
            Action::ConfirmQuit,
            Action::Interrupt,
        ];
        for mode in Mode::ALL {
            let count = table::bindings(mode).filter(|binding| closing_actions.contains(&binding.action)).count();
            assert!(count >= 2, "{mode:?} needs a key besides Ctrl-C that closes it");
        }
    }

    #[test]
    fn no_built_in_key_is_reserved() {
        for mode in Mode::ALL {
            for binding in table::bindings(mode).filter(|binding| !table::is_fixed(binding.action)) {
                for key in binding.keys.iter().filter(|key| **key != Key::Esc) {
                    assert!(!is_reserved(*key), "{key} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn enter_never_confirms_nor_does_a_key_that_asks() {
        let keys_with = |risk| {
            Mode::ALL
                .into_iter()
                .flat_map(table::bindings)
                .filter(move |binding| binding.risk == risk)
                .flat_map(|binding| binding.keys.iter().copied())
                .collect::<HashSet<_>>()
        };
        let (confirming, asking) = (keys_with(Risk::Commits), keys_with(Risk::Prompts));
        assert!(!confirming.contains(&Key::Enter));
        assert_eq!(confirming.intersection(&asking).collect::<Vec<_>>(), Vec::<&Key>::new());
    }

    #[test]
    fn a_configured_key_replaces_the_built_in_ones() {
        let mut keymap = Keymap::default();
        keymap.rebind("set-pin", "x").expect("x must be free");
        assert_eq!(keymap.action(Mode::List, Key::Char('x')), Some(Action::SetPin));
        assert_eq!(keymap.action(Mode::List, Key::Char('p')), None);
        assert!(keymap.footer(Mode::List, |_| true).any(|key| key.text == "x set PIN"));
    }

    #[test]
    fn a_bad_rebinding_is_refused_with_its_reason() {
        let refused = |action: &str, key: &str| Keymap::default().rebind(action, key).expect_err("must be refused");
        assert_eq!(
            refused("set-pin", "o").to_string(),
            "on the page \"number list\", o would be both pick-sort and set-pin"
        );
        assert_eq!(refused("set-pin", "Ctrl-B"), RebindError::ReservedKey(Key::Ctrl('b')));
        assert_eq!(refused("set-pin", "A"), RebindError::ReservedKey(Key::Char('A')));
        assert_eq!(refused("set-pim", "w"), RebindError::UnknownAction { suggestion: Some("set-pin") });
        assert_eq!(refused("send", "w"), RebindError::FixedAction("send"));
        assert_eq!(refused("acknowledge", "w"), RebindError::FixedAction("accept-recipients"));
        for action in ["set-pin", "send-same-pin", "mark-resolved"] {
            assert_eq!(refused(action, "y"), RebindError::AlsoConfirms(Key::Char('y')));
        }
        assert_eq!(refused("show-pin", "5"), RebindError::TypedAsText { key: Key::Char('5'), page: "PIN form" });
    }
}
