//! The key table: for each mode its keys, with action, description and risk. The dispatcher, the footer, the help and
//! `docs/keys.md` use the same table, whose rows are typed by the actions of their page.
//!
//! It maps a key to an action and does not perform it. It does not contain digits and free text: [`Mode::text_input`]
//! says that a mode accepts them, and the table then binds none of those keys there (the PIN form accepts only digits,
//! so its letters are free).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::console::input::key::Key;

mod action_names;
mod actions;
mod mode;
mod markdown;
mod row;
pub mod table;

pub use action_names::rebindable_names;
pub use actions::*;
pub use markdown::keys_markdown;
pub use mode::{Mode, TextInput};
pub use row::{Binding, HelpGroup, KeyRow, KeyTable, Risk};

/// The key table in use: the built-in one, with the keys of the config.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    /// The keys of each row that the config changes: the rows it binds, and those that lost a key to them.
    changed_keys: HashMap<(Mode, &'static str), Vec<Key>>,
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
    /// An earlier entry of the config gives the key to another action of the page.
    #[error("on the page \"{page}\", {key} would be both {first} and {second}")]
    Conflict {
        /// The key.
        key: Key,
        /// The title of the page.
        page: &'static str,
        /// The action of the earlier entry.
        first: &'static str,
        /// The action of this entry.
        second: &'static str,
    },
    /// It takes the last key of another action of the page.
    #[error("on the page \"{page}\", {key} is the only key of {action}: give {action} another one")]
    LastKey {
        /// The key.
        key: Key,
        /// The title of the page.
        page: &'static str,
        /// The action that would have no key.
        action: &'static str,
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
    /// They cannot be taken either.
    #[error("on the page \"{page}\", {key} is always {action}")]
    FixedKey {
        /// The key.
        key: Key,
        /// The title of the page.
        page: &'static str,
        /// The action that keeps it.
        action: &'static str,
    },
}

/// An entry of the config that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBinding {
    /// Its position among the entries, from 0.
    pub position: usize,
    /// Why.
    pub reason: RebindError,
}

/// An entry of the config that is valid by itself.
#[derive(Debug, Clone, Copy)]
struct OwnBinding {
    name: &'static str,
    key: Key,
}

impl Keymap {
    /// The built-in table with these entries of the config, each an action and a key. The key replaces all built-in keys
    /// of the action, on every page that has the action, and other actions of these pages lose it. The order of the
    /// entries does not matter.
    ///
    /// # Errors
    /// The first entry with an unknown action or key, a reserved key, an action or a key that is fixed, a key of another
    /// entry on the same page, or the last key of another action.
    pub fn with_own_keys<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RefusedBinding> {
        let mut own: Vec<OwnBinding> = Vec::new();
        for (position, (action, key)) in entries.into_iter().enumerate() {
            let binding = OwnBinding::parse(action, key).and_then(|binding| binding.check(&own));
            own.push(binding.map_err(|reason| RefusedBinding { position, reason })?);
        }
        let mut keymap = Self::default();
        for mode in Mode::ALL {
            let here: Vec<_> =
                own.iter().enumerate().filter(|(_, binding)| table::has_action(mode, binding.name)).collect();
            for row in table::all_rows(mode) {
                let own_key = here.iter().find(|(_, binding)| binding.name == row.name);
                let keys: Vec<Key> = if let Some((_, binding)) = own_key {
                    vec![binding.key]
                } else {
                    let is_free = |key: &Key| here.iter().all(|(_, binding)| binding.key != *key);
                    row.keys.iter().copied().filter(is_free).collect()
                };
                if let (true, Some(last)) = (keys.is_empty(), row.keys.first()) {
                    let taken_by = here.iter().find(|(_, binding)| row.keys.contains(&binding.key));
                    let (position, key) = taken_by.map_or((0, *last), |(position, binding)| (*position, binding.key));
                    let reason = RebindError::LastKey { key, page: mode.title(), action: row.name };
                    return Err(RefusedBinding { position, reason });
                }
                if keys != row.keys {
                    keymap.changed_keys.insert((mode, row.name), keys);
                }
            }
        }
        Ok(keymap)
    }

    /// The action of a key on a page, if it has one.
    #[must_use]
    pub fn action<A: Copy>(&self, table: &KeyTable<A>, key: Key) -> Option<A> {
        self.find(table.mode, table.bindings, key)
    }

    /// The action of a key that works on every page.
    #[must_use]
    pub fn global_action(&self, key: Key) -> Option<GlobalAction> {
        let binding = table::GLOBAL.iter().find(|binding| binding.row.keys.contains(&key));
        binding.map(|binding| binding.action)
    }

    fn find<A: Copy>(&self, mode: Mode, bindings: &[Binding<A>], key: Key) -> Option<A> {
        bindings.iter().find(|binding| self.has_key(mode, &binding.row, key)).map(|binding| binding.action)
    }

    /// What the table says of a key in a mode, if it has an action.
    #[must_use]
    pub fn row(&self, mode: Mode, key: Key) -> Option<&'static KeyRow> {
        table::all_rows(mode).find(|row| self.has_key(mode, row, key))
    }

    fn has_key(&self, mode: Mode, row: &KeyRow, key: Key) -> bool {
        let key = if key == Key::LINE_FEED && row.risk.allows_line_feed() { Key::Enter } else { key };
        self.keys(mode, row).contains(&key)
    }

    /// The rows of a mode, in the order of the help, each with the names of its keys.
    pub fn rows(&self, mode: Mode) -> impl Iterator<Item = (String, &'static KeyRow)> + '_ {
        table::all_rows(mode).map(move |row| (self.keys_label(mode, row), row))
    }

    /// The rows of a mode for the help. Rows that start with the same words before a colon are one row.
    #[must_use]
    pub fn help_rows(&self, mode: Mode) -> Vec<HelpRow> {
        let mut merged: Vec<HelpRow> = Vec::new();
        for row in table::all_rows(mode) {
            let keys = self.keys_label(mode, row);
            if let Some(last) = merged.last_mut()
                && let Some((start, rest)) = row.description.split_once(": ")
                && last.description.split_once(": ").is_some_and(|(other, _)| other == start)
            {
                last.keys.extend([" ", &keys]);
                last.description.extend([", ", rest]);
            } else {
                merged.push(HelpRow { keys, description: row.description.to_owned(), group: row.group });
            }
        }
        merged
    }

    fn keys<'a>(&'a self, mode: Mode, row: &KeyRow) -> &'a [Key] {
        self.changed_keys.get(&(mode, row.name)).map_or(row.keys, Vec::as_slice)
    }

    /// The names of the keys of a row in a mode.
    #[must_use]
    pub fn keys_label(&self, mode: Mode, row: &KeyRow) -> String {
        self.keys(mode, row).iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The key that opens the help of a mode; `None` if the mode has no help.
    #[must_use]
    pub fn help_key(&self, mode: Mode) -> Option<Key> {
        self.key_of(mode, table::HELP_ACTION)
    }

    /// The key that shows the whole list of a form or question; `None` in a mode without it.
    #[must_use]
    pub fn whole_list_key(&self, mode: Mode) -> Option<Key> {
        self.key_of(mode, table::WHOLE_LIST_ACTION)
    }

    fn key_of(&self, mode: Mode, action: &str) -> Option<Key> {
        let row = table::all_rows(mode).find(|row| row.name == action)?;
        self.keys(mode, row).first().copied()
    }

    /// The name of the key that pages show for an action: its first one.
    #[must_use]
    pub fn key_label<A: PartialEq>(&self, table: &KeyTable<A>, action: &A) -> String {
        let binding = table.bindings.iter().find(|binding| binding.action == *action);
        binding.and_then(|binding| self.keys(table.mode, &binding.row).first()).map(Key::to_string).unwrap_or_default()
    }

    /// The footer of a page, the most important key first, without actions that are not available now.
    pub fn footer<'a, A>(
        &'a self,
        table: &'a KeyTable<A>,
        is_available: impl Fn(&A) -> bool + 'a,
    ) -> impl Iterator<Item = FooterKey> + 'a {
        let digits = match table.text_input {
            TextInput::Digits(label) => {
                Some(FooterKey { key: "0-9".to_owned(), label: label.into(), closes_page: false })
            }
            TextInput::None | TextInput::Text => None,
        };
        let available = table.bindings.iter().filter(move |binding| is_available(&binding.action));
        let keys = available.filter_map(|Binding { row, .. }| {
            let key = self.keys(table.mode, row).first()?.to_string();
            Some(FooterKey { key, label: row.footer_label?.into(), closes_page: row.closes_page })
        });
        digits.into_iter().chain(keys)
    }
}

impl OwnBinding {
    /// The action and the key, if both exist and the config may bind them.
    fn parse(action: &str, key: &str) -> Result<Self, RebindError> {
        let name = action_names::find_name(action)
            .ok_or_else(|| RebindError::UnknownAction { suggestion: action_names::closest_name(action) })?;
        let is_fixed = |row: &KeyRow| row.name == name && row.is_fixed;
        if Mode::ALL.into_iter().flat_map(table::all_rows).any(is_fixed) {
            return Err(RebindError::FixedAction(name));
        }
        let key: Key = key.parse()?;
        if is_reserved(key) {
            return Err(RebindError::ReservedKey(key));
        }
        if table::would_confirm_itself(name, key) {
            return Err(RebindError::AlsoConfirms(key));
        }
        Ok(Self { name, key })
    }

    /// Checks the key on every page of the action: it types no text, and neither a fixed action nor an earlier entry has
    /// it.
    fn check(self, earlier: &[Self]) -> Result<Self, RebindError> {
        let Self { name, key } = self;
        for mode in Mode::ALL.into_iter().filter(|mode| table::has_action(*mode, name)) {
            let page = mode.title();
            if is_typed_as_text(mode, key) {
                return Err(RebindError::TypedAsText { key, page });
            }
            if let Some(fixed) = table::all_rows(mode).find(|row| row.is_fixed && row.keys.contains(&key)) {
                return Err(RebindError::FixedKey { key, page, action: fixed.name });
            }
            let has_key = |other: &&Self| other.key == key && table::has_action(mode, other.name);
            if let Some(other) = earlier.iter().find(has_key).filter(|other| other.name != name) {
                return Err(RebindError::Conflict { key, page, first: other.name, second: name });
            }
        }
        Ok(self)
    }
}

/// A row of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpRow {
    /// The names of the keys.
    pub keys: String,
    /// What they do.
    pub description: String,
    /// The group that the help lists them in.
    pub group: HelpGroup,
}

/// One key of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterKey {
    /// The key.
    pub key: String,
    /// What it does, in a word or two.
    pub label: Cow<'static, str>,
    /// True if it closes the page. The footer always shows such a key, whatever the width.
    pub closes_page: bool,
}

impl FooterKey {
    /// Its width in columns.
    #[must_use]
    pub fn width(&self) -> usize {
        crate::domain::text::width(&self.key) + 1 + crate::domain::text::width(&self.label)
    }
}

/// True for keys that tmux, screen, telnet, mosh, ssh or flow control use, and for the last bytes of split arrow keys.
fn is_reserved(key: Key) -> bool {
    match key {
        Key::Ctrl(c) => matches!(c, 'a' | 'b' | 's' | 'q' | 'c' | 'z' | 'l' | 'h' | 'i' | 'j' | 'm'),
        Key::Char('A'..='D' | 'F' | 'H' | 'O'..='S' | 'Z' | '[' | ']' | '{' | '}' | '\\' | '|' | '@' | '~')
        | Key::Esc => true,
        Key::Char(_)
        | Key::Enter
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
    (is_digit && matches!(mode.text_input(), TextInput::Digits(_)))
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
            let is_harmless = !matches!(mode, Mode::ConfirmReplace | Mode::ConfirmMany | Mode::JobResume);
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
    fn an_action_occurs_once_in_a_mode() {
        let mut seen = HashSet::new();
        for (mode, row) in every_row() {
            assert!(seen.insert((mode, row.name)), "{} twice in {mode:?}", row.name);
        }
    }

    #[test]
    fn a_configured_key_replaces_the_built_in_ones() {
        let keymap = Keymap::with_own_keys([("set-pin", "x")]).expect("x must be free");
        assert_eq!(keymap.action(&table::LIST, Key::Char('x')), Some(ListAction::SetPin));
        assert_eq!(keymap.action(&table::LIST, Key::Char('p')), None);
        assert!(keymap.footer(&table::LIST, |_| true).any(|key| key.key == "x" && key.label == "set PIN"));
    }

    #[test]
    fn a_configured_key_takes_the_key_of_another_action() {
        let keymap = Keymap::with_own_keys([("set-pin", "j"), ("details", "G")]).expect("both have other keys");
        assert_eq!(keymap.action(&table::LIST, Key::Char('j')), Some(ListAction::SetPin));
        assert_eq!(keymap.action(&table::LIST, Key::Down), Some(ListAction::Move(Motion::Down)));
        assert_eq!(keymap.action(&table::LIST, Key::Char('G')), Some(ListAction::Open));
        assert_eq!(keymap.action(&table::HELP_PAGE, Key::Char('j')), Some(ScrollAction::Move(Motion::Down)));
        let down = keymap.rows(Mode::List).find(|(_, row)| row.name == "down").map(|(keys, _)| keys);
        assert_eq!(down.as_deref(), Some("Down"));
    }

    #[test]
    fn configured_keys_work_in_any_order() {
        let swapped = [("set-pin", "o"), ("pick-sort", "p")];
        for entries in [swapped, [swapped[1], swapped[0]]] {
            let keymap = Keymap::with_own_keys(entries).expect("each action has a key");
            assert_eq!(keymap.action(&table::LIST, Key::Char('o')), Some(ListAction::SetPin));
            assert_eq!(keymap.action(&table::LIST, Key::Char('p')), Some(ListAction::PickSort));
        }
    }

    #[test]
    fn a_bad_rebinding_is_refused_with_its_reason() {
        let refused = |action: &str, key: &str| {
            let refused = Keymap::with_own_keys([("random-pin", "x"), (action, key)]).expect_err("must be refused");
            assert_eq!(refused.position, 1, "{refused:?}");
            refused.reason
        };
        assert_eq!(
            refused("set-pin", "o").to_string(),
            "on the page \"number list\", o is the only key of pick-sort: give pick-sort another one"
        );
        assert_eq!(
            refused("show-pin", "x").to_string(),
            "on the page \"PIN form\", x would be both random-pin and show-pin"
        );
        assert_eq!(refused("set-pin", "q").to_string(), "on the page \"number list\", q is always back");
        assert_eq!(refused("set-pin", "Ctrl-B"), RebindError::ReservedKey(Key::Ctrl('b')));
        for key in ['A', 'B', 'C', 'D', 'F', 'H', 'O', 'P', 'Q', 'R', 'S', '['] {
            assert_eq!(refused("set-pin", &key.to_string()), RebindError::ReservedKey(Key::Char(key)));
        }
        assert_eq!(refused("set-pim", "w"), RebindError::UnknownAction { suggestion: Some("set-pin") });
        assert_eq!(refused("send", "w"), RebindError::FixedAction("send"));
        assert_eq!(refused("acknowledge", "w"), RebindError::FixedAction("accept-recipients"));
        for action in ["set-pin", "send-same-pin", "mark-resolved"] {
            assert_eq!(refused(action, "y"), RebindError::AlsoConfirms(Key::Char('y')));
        }
        assert_eq!(refused("show-pin", "5"), RebindError::TypedAsText { key: Key::Char('5'), page: "PIN form" });
    }
}
