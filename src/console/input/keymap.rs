//! The key table: for each mode its keys, with action, description and risk. The dispatcher, the footer, the help and
//! the README use the same table, whose rows are typed by the actions of their page.
//!
//! It maps a key to an action and does not perform it. It does not contain digits and free text: [`Mode::text_input`]
//! says that a mode accepts them, and the table then binds none of those keys there (the PIN form accepts only digits,
//! so its letters are free).

use std::collections::HashMap;

use crate::console::input::key::Key;

mod action_names;
mod actions;
mod mode;
mod readme;
mod row;
pub mod table;

pub use action_names::rebindable_names;
pub use actions::*;
pub use mode::{Mode, TextInput};
pub use readme::{keys_markdown, readme_table};
pub use row::{Binding, HelpGroup, KeyRow, KeyTable, Risk};

/// The key table in use: the built-in one, with the keys of the config.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    /// The keys of the config, by the name of the action.
    overrides: HashMap<&'static str, Key>,
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

impl Keymap {
    /// Binds an action to one other key, on every page that has the action. It replaces all built-in keys of the
    /// action.
    ///
    /// # Errors
    /// An unknown action or key, a reserved key, a conflict (it names both actions), or an action whose keys are fixed.
    pub fn rebind(&mut self, action_name: &str, key: &str) -> Result<(), RebindError> {
        let name = action_names::find_name(action_name)
            .ok_or_else(|| RebindError::UnknownAction { suggestion: action_names::closest_name(action_name) })?;
        let modes = || Mode::ALL.into_iter().filter(|mode| table::has_action(*mode, name));
        if modes().flat_map(table::all_rows).any(|row| row.name == name && row.is_fixed) {
            return Err(RebindError::FixedAction(name));
        }
        let key: Key = key.parse()?;
        if is_reserved(key) {
            return Err(RebindError::ReservedKey(key));
        }
        if table::would_confirm_itself(name, key) {
            return Err(RebindError::AlsoConfirms(key));
        }
        for mode in modes() {
            if is_typed_as_text(mode, key) {
                return Err(RebindError::TypedAsText { key, page: mode.title() });
            }
            if let Some(other) = self.row(mode, key).filter(|other| other.name != name) {
                return Err(RebindError::Conflict { key, page: mode.title(), first: other.name, second: name });
            }
        }
        self.overrides.insert(name, key);
        Ok(())
    }

    /// The action of a key on a page, if it has one.
    #[must_use]
    pub fn action<A: Copy>(&self, table: &KeyTable<A>, key: Key) -> Option<A> {
        self.find(table.bindings, key)
    }

    /// The action of a key that works on every page.
    #[must_use]
    pub fn global_action(&self, key: Key) -> Option<GlobalAction> {
        self.find(table::GLOBAL, key)
    }

    fn find<A: Copy>(&self, bindings: &[Binding<A>], key: Key) -> Option<A> {
        bindings.iter().find(|binding| self.has_key(&binding.row, key)).map(|binding| binding.action)
    }

    /// What the table says of a key in a mode, if it has an action.
    #[must_use]
    pub fn row(&self, mode: Mode, key: Key) -> Option<&'static KeyRow> {
        table::all_rows(mode).find(|row| self.has_key(row, key))
    }

    fn has_key(&self, row: &KeyRow, key: Key) -> bool {
        let key = if key == Key::LINE_FEED && row.risk.allows_line_feed() { Key::Enter } else { key };
        self.keys(row).contains(&key)
    }

    /// The rows of a mode, in the order of the help, each with the names of its keys.
    pub fn rows(&self, mode: Mode) -> impl Iterator<Item = (String, &'static KeyRow)> + '_ {
        table::all_rows(mode).map(|row| (self.keys_label(row), row))
    }

    fn keys<'a>(&'a self, row: &KeyRow) -> &'a [Key] {
        self.overrides.get(row.name).map_or(row.keys, std::slice::from_ref)
    }

    /// The names of the keys of a row.
    #[must_use]
    pub fn keys_label(&self, row: &KeyRow) -> String {
        self.keys(row).iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The name of the key that pages show for an action: its first one.
    #[must_use]
    pub fn key_label<A: PartialEq>(&self, table: &KeyTable<A>, action: &A) -> String {
        let binding = table.bindings.iter().find(|binding| binding.action == *action);
        binding.and_then(|binding| self.keys(&binding.row).first()).map(Key::to_string).unwrap_or_default()
    }

    /// The footer of a page, the most important key first, without actions that are not available now.
    pub fn footer<'a, A>(
        &'a self,
        table: &'a KeyTable<A>,
        is_available: impl Fn(&A) -> bool + 'a,
    ) -> impl Iterator<Item = FooterKey> + 'a {
        let digits = match table.text_input {
            TextInput::Digits => Some(FooterKey { text: "Type digits".to_owned(), closes_page: false }),
            TextInput::None | TextInput::Text => None,
        };
        let available = table.bindings.iter().filter(move |binding| is_available(&binding.action));
        let keys = available.filter_map(|Binding { row, .. }| {
            let text = format!("{} {}", self.keys(row).first()?, row.footer_label?);
            Some(FooterKey { text, closes_page: row.closes_page })
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

    fn every_row() -> impl Iterator<Item = (Mode, &'static KeyRow)> {
        Mode::ALL.into_iter().flat_map(|mode| table::all_rows(mode).map(move |row| (mode, row)))
    }

    #[test]
    fn no_key_has_two_actions_in_one_mode() {
        let mut seen = HashSet::new();
        for (mode, row) in every_row() {
            for key in row.keys {
                assert!(seen.insert((mode, *key)), "{key} has two actions in {mode:?}");
            }
        }
    }

    #[test]
    fn no_key_is_bound_where_it_types_text() {
        for (mode, row) in every_row() {
            assert!(!row.keys.iter().any(|key| is_typed_as_text(mode, *key)), "{row:?} in {mode:?}");
        }
    }

    #[test]
    fn every_mode_can_be_left() {
        for mode in Mode::ALL {
            let closes = |row: &&KeyRow| row.closes_page || row.name == "confirm-quit";
            assert!(table::of(mode).rows().iter().any(closes), "{mode:?} needs a key besides Ctrl-C that closes it");
        }
    }

    #[test]
    fn no_built_in_key_is_reserved() {
        for (mode, row) in every_row().filter(|(_, row)| !row.is_fixed) {
            for key in row.keys.iter().filter(|key| **key != Key::Esc) {
                assert!(!is_reserved(*key), "{key} in {mode:?}");
            }
        }
    }

    #[test]
    fn the_keys_of_an_action_are_fixed_on_all_its_pages_or_none() {
        for (_, row) in every_row() {
            assert!(every_row().all(|(_, other)| other.name != row.name || other.is_fixed == row.is_fixed), "{row:?}");
        }
    }

    #[test]
    fn enter_never_confirms_nor_does_a_key_that_asks() {
        let keys_with = |risk| {
            let rows = every_row().filter(move |(_, row)| row.risk == risk);
            rows.flat_map(|(_, row)| row.keys.iter().copied()).collect::<HashSet<_>>()
        };
        let (confirming, asking) = (keys_with(Risk::Commits), keys_with(Risk::Prompts));
        assert!(!confirming.contains(&Key::Enter));
        assert_eq!(confirming.intersection(&asking).collect::<Vec<_>>(), Vec::<&Key>::new());
    }

    #[test]
    fn a_line_feed_is_enter_except_where_enter_confirms() {
        let keymap = Keymap::default();
        for (mode, row) in every_row().filter(|(_, row)| row.keys.contains(&Key::Enter)) {
            let is_harmless = mode != Mode::ConfirmReplace;
            assert_eq!(keymap.row(mode, Key::LINE_FEED).is_some(), is_harmless, "{row:?} in {mode:?}");
        }
        for mode in Mode::ALL {
            let row = keymap.row(mode, Key::LINE_FEED);
            assert!(row.is_none_or(|row| !matches!(row.risk, Risk::Submits | Risk::Commits)), "{row:?} in {mode:?}");
        }
        assert_eq!(keymap.action(&table::LIST, Key::LINE_FEED), Some(ListAction::Open));
        assert_eq!(keymap.action(&table::CONFIRM_REPLACE, Key::LINE_FEED), None);
    }

    #[test]
    fn a_configured_key_replaces_the_built_in_ones() {
        let mut keymap = Keymap::default();
        keymap.rebind("set-pin", "x").expect("x must be free");
        assert_eq!(keymap.action(&table::LIST, Key::Char('x')), Some(ListAction::SetPin));
        assert_eq!(keymap.action(&table::LIST, Key::Char('p')), None);
        assert!(keymap.footer(&table::LIST, |_| true).any(|key| key.text == "x set PIN"));
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
