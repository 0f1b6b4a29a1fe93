//! One table: mode, keys, action, wording, risk. It dispatches, and feeds the footer, the help and the README.
//!
//! It decides what a key means, never what follows. Digits and free text are not in it: a mode that takes them
//! says so by [`Mode::typing`], and the table then binds no printable key there (the PIN form takes digits only,
//! so its letters are free).

use std::collections::HashMap;

use crate::console::key::Key;

mod mode;
mod readme;
mod table;

pub use mode::{Mode, Typing};
pub use readme::readme_table;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table says what each one does, in the words of the help")]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    EditFilter,
    ClearFilter,
    KeepFilter,
    UndoFilter,
    PickSort,
    SortByNumber,
    SortByName,
    SortByWaba,
    SortByTwoStep,
    SortByRequest,
    SetPin,
    ReadThis,
    ReadAll,
    ReadStatus,
    SendSamePin,
    CheckByHand,
    Record,
    Acknowledge,
    Review,
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
    Leave,
    Stay,
    Demo,
    TryAgain,
    Hide,
    Show,
    Back,
    Interrupt,
    Redraw,
    Suspend,
}

impl Action {
    /// True for what only moves the cursor: on a slow line it is typed ahead, and rightly.
    #[must_use]
    pub const fn only_moves(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::PageUp | Self::PageDown | Self::First | Self::Last)
    }

    /// True for the way out of a page.
    #[must_use]
    pub const fn leaves(self) -> bool {
        matches!(self, Self::Back | Self::Cancel | Self::UndoFilter | Self::Stay)
    }
}

/// What a key may do at worst; the tests hold the table to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Changes only what is shown.
    Shows,
    /// Reads from Meta.
    Reads,
    /// Opens a page that asks.
    Asks,
    /// Sends a PIN, or ends the program: only on pages that ask, and never by Enter alone.
    Acts,
}

/// Where the help lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the headings of the help, as they are shown")]
pub enum Group {
    Move,
    Find,
    Act,
    Look,
    Tool,
}

impl Group {
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
    /// What it means.
    pub action: Action,
    /// Any of these keys.
    pub keys: &'static [Key],
    /// What it does, for the help.
    pub words: &'static str,
    /// The short form in the footer, where it has a place there.
    pub footer: Option<&'static str>,
    /// Where the help lists it.
    pub group: Group,
    /// What it may do at worst.
    pub risk: Risk,
}

/// The table in force: the built-in one, with the operator's own keys in it.
#[derive(Debug, Clone)]
pub struct Keymap {
    actions: HashMap<(Mode, Key), Action>,
    own: HashMap<Action, Key>,
}

/// A `[keys]` entry that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No such action.
    #[error("there is no action with this name{}", .suggestion.map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default())]
    UnknownAction {
        /// The nearest name there is.
        suggestion: Option<&'static str>,
    },
    /// No such key.
    #[error(transparent)]
    UnknownKey(#[from] crate::console::key::NotAKey),
    /// Terminals, multiplexers or broken arrow keys need it.
    #[error("the key {0} is taken by terminals, tmux, screen or ssh, or is the tail of a cut-off arrow key")]
    Forbidden(Key),
    /// Two actions on one key.
    #[error("on the page \"{page}\", {key} would be both {first} and {second}")]
    Clash {
        /// The key.
        key: Key,
        /// Where.
        page: &'static str,
        /// One action's name.
        first: &'static str,
        /// The other's.
        second: &'static str,
    },
    /// A printable key where text or digits are typed.
    #[error("on the page \"{page}\", {key} is typed as text")]
    Typed {
        /// The key.
        key: Key,
        /// Where.
        page: &'static str,
    },
    /// The key that opens a question must not be the one that answers it with yes.
    #[error("{0} confirms, so it cannot open what it would confirm")]
    Confirms(Key),
    /// The keys that confirm, cancel and leave stay as they are.
    #[error("the keys of {0} cannot be changed")]
    Fixed(&'static str),
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
        Self { actions, own: HashMap::new() }
    }
}

impl Keymap {
    /// Gives an action another key, on every page that has it, in place of all its built-in ones.
    ///
    /// # Errors
    /// An unknown action or key, a forbidden key, a clash (naming both), or an action whose keys are fixed.
    pub fn rebind(&mut self, action_name: &str, key: &str) -> Result<(), BadKey> {
        let action = table::action_named(action_name)
            .ok_or_else(|| BadKey::UnknownAction { suggestion: table::nearest_name(action_name) })?;
        if table::is_fixed(action) {
            return Err(BadKey::Fixed(table::name(action)));
        }
        let key: Key = key.parse()?;
        if is_forbidden(key) {
            return Err(BadKey::Forbidden(key));
        }
        if table::would_answer_itself(action, key) {
            return Err(BadKey::Confirms(key));
        }
        for mode in Mode::ALL.into_iter().filter(|mode| table::binds(*mode, action)) {
            if is_typed(mode, key) {
                return Err(BadKey::Typed { key, page: mode.title() });
            }
            if let Some(other) = self.actions.get(&(mode, key)).filter(|other| **other != action) {
                let (first, second) = (table::name(*other), table::name(action));
                return Err(BadKey::Clash { key, page: mode.title(), first, second });
            }
        }
        self.actions.retain(|_, bound| *bound != action);
        for mode in Mode::ALL.into_iter().filter(|mode| table::binds(*mode, action)) {
            self.actions.insert((mode, key), action);
        }
        self.own.insert(action, key);
        Ok(())
    }

    /// What the key means in this mode.
    #[must_use]
    pub fn action(&self, mode: Mode, key: Key) -> Option<Action> {
        self.actions.get(&(mode, key)).copied()
    }

    /// The rows of a mode, in the order of the help, each with its keys as they are told.
    pub fn rows(&self, mode: Mode) -> impl Iterator<Item = (String, &'static Binding)> + '_ {
        table::bindings(mode).map(|binding| (self.keys_of(binding), binding))
    }

    fn keys_of(&self, binding: &Binding) -> String {
        match self.own.get(&binding.action) {
            Some(own) => own.to_string(),
            None => binding.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "),
        }
    }

    /// The key of an action as pages name it: its first one.
    #[must_use]
    pub fn key_of(&self, mode: Mode, action: Action) -> String {
        let built_in = || table::bindings(mode).find(|binding| binding.action == action)?.keys.first().copied();
        self.own.get(&action).copied().or_else(built_in).map(|key| key.to_string()).unwrap_or_default()
    }

    /// The footer of a mode, in order of need, without the keys that are of no use now.
    pub fn footer<'a>(
        &'a self,
        mode: Mode,
        has_use: impl Fn(Action) -> bool + 'a,
    ) -> impl Iterator<Item = FooterKey> + 'a {
        let typed = match mode.typing() {
            Typing::Digits => Some(FooterKey { text: "Type digits".to_owned(), leaves: false }),
            Typing::None | Typing::Text => None,
        };
        let bound = table::bindings(mode).filter(move |binding| has_use(binding.action)).filter_map(move |binding| {
            let text = format!("{} {}", self.key_of(mode, binding.action), binding.footer?);
            Some(FooterKey { text, leaves: binding.action.leaves() })
        });
        typed.into_iter().chain(bound)
    }
}

/// One key of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterKey {
    /// The key and what it does.
    pub text: String,
    /// True for the way out of the page, which every window has room for.
    pub leaves: bool,
}

impl FooterKey {
    /// Columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        crate::text::width(&self.text)
    }
}

/// Keys that tmux, screen, telnet, mosh, ssh and flow control take, and the last bytes of cut-off arrow keys.
fn is_forbidden(key: Key) -> bool {
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

fn is_typed(mode: Mode, key: Key) -> bool {
    let is_digit = matches!(key, Key::Char('0'..='9'));
    (is_digit && mode.typing() == Typing::Digits) || (matches!(key, Key::Char(_)) && mode.typing() == Typing::Text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_mode() {
        for mode in Mode::ALL {
            let mut seen = HashSet::new();
            for binding in table::bindings(mode) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{key} twice in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn no_printable_key_is_bound_where_it_would_be_typed() {
        for mode in Mode::ALL {
            for binding in table::bindings(mode) {
                for key in binding.keys {
                    assert!(!is_typed(mode, *key), "{key} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn every_mode_can_be_left() {
        let ways_out =
            [Action::Back, Action::Cancel, Action::UndoFilter, Action::Stay, Action::Leave, Action::Interrupt];
        for mode in Mode::ALL {
            let ways = table::bindings(mode).filter(|binding| ways_out.contains(&binding.action)).count();
            assert!(ways >= 2, "{mode:?} needs a way out besides Ctrl-C");
        }
    }

    #[test]
    fn no_built_in_key_is_a_forbidden_one() {
        for mode in Mode::ALL {
            for binding in table::bindings(mode).filter(|binding| !table::is_fixed(binding.action)) {
                for key in binding.keys.iter().filter(|key| **key != Key::Esc) {
                    assert!(!is_forbidden(*key), "{key} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn enter_never_acts_and_no_key_that_asks_is_the_key_that_acts() {
        let keys_with = |risk| {
            Mode::ALL
                .into_iter()
                .flat_map(table::bindings)
                .filter(move |binding| binding.risk == risk)
                .flat_map(|binding| binding.keys.iter().copied())
                .collect::<HashSet<_>>()
        };
        let (acts, asks) = (keys_with(Risk::Acts), keys_with(Risk::Asks));
        assert!(!acts.contains(&Key::Enter));
        assert_eq!(acts.intersection(&asks).collect::<Vec<_>>(), Vec::<&Key>::new());
    }

    #[test]
    fn an_own_key_takes_the_place_of_the_built_in_ones() {
        let mut keymap = Keymap::default();
        keymap.rebind("set-pin", "x").expect("x is free");
        assert_eq!(keymap.action(Mode::List, Key::Char('x')), Some(Action::SetPin));
        assert_eq!(keymap.action(Mode::List, Key::Char('p')), None);
        assert!(keymap.footer(Mode::List, |_| true).any(|key| key.text == "x set PIN"));
    }

    #[test]
    fn a_clash_a_forbidden_key_and_an_unknown_action_are_refused_by_name() {
        let refused = |action: &str, key: &str| Keymap::default().rebind(action, key).expect_err("must be refused");
        assert_eq!(
            refused("set-pin", "o").to_string(),
            "on the page \"number list\", o would be both pick-sort and set-pin"
        );
        assert_eq!(refused("set-pin", "Ctrl-B"), BadKey::Forbidden(Key::Ctrl('b')));
        assert_eq!(refused("set-pin", "A"), BadKey::Forbidden(Key::Char('A')));
        assert_eq!(refused("set-pim", "w"), BadKey::UnknownAction { suggestion: Some("set-pin") });
        assert_eq!(refused("send", "w"), BadKey::Fixed("send"));
        assert_eq!(refused("acknowledge", "w"), BadKey::Fixed("acknowledge"));
        for asking in ["set-pin", "send-same-pin", "check-by-hand"] {
            assert_eq!(refused(asking, "y"), BadKey::Confirms(Key::Char('y')));
        }
        assert_eq!(refused("show-pin", "5"), BadKey::Typed { key: Key::Char('5'), page: "PIN form" });
    }
}
