//! One table: mode, keys, action, wording, risk. It dispatches, and feeds the footer, the help and the README.
//!
//! It decides what a key means, never what follows. Digits and free text are not in it: a mode that takes them
//! says so by [`Mode::text_input`], and the table then binds no printable key there (the PIN form takes digits only,
//! so its letters are free).

use std::collections::HashMap;

use crate::console::input::key::Key;

mod mode;
mod readme;
mod table;

pub use mode::{Mode, TextInput};
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
    /// True for what only moves the cursor: on a slow line it is typed ahead, and rightly.
    #[must_use]
    pub const fn is_motion(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::PageUp | Self::PageDown | Self::First | Self::Last)
    }

    /// True for the way out of a page.
    #[must_use]
    pub const fn closes_page(self) -> bool {
        matches!(self, Self::Back | Self::Cancel | Self::RestoreFilter | Self::CancelQuit)
    }
}

/// What a key may do at worst; the tests hold the table to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Changes only what is shown.
    ViewOnly,
    /// Reads from Meta.
    ReadsMeta,
    /// Opens a page that asks.
    Prompts,
    /// Sends a PIN, or ends the program: only on pages that ask, and never by Enter alone.
    Commits,
}

/// Where the help lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the headings of the help, as they are shown")]
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
    /// What it means.
    pub action: Action,
    /// Any of these keys.
    pub keys: &'static [Key],
    /// What it does, for the help.
    pub description: &'static str,
    /// The short form in the footer, where it has a place there.
    pub footer_label: Option<&'static str>,
    /// Where the help lists it.
    pub group: HelpGroup,
    /// What it may do at worst.
    pub risk: Risk,
}

/// The table in force: the built-in one, with the operator's own keys in it.
#[derive(Debug, Clone)]
pub struct Keymap {
    actions: HashMap<(Mode, Key), Action>,
    overrides: HashMap<Action, Key>,
}

/// A `[keys]` entry that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebindError {
    /// No such action.
    #[error("there is no action with this name{}", .suggestion.map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default())]
    UnknownAction {
        /// The nearest name there is.
        suggestion: Option<&'static str>,
    },
    /// No such key.
    #[error(transparent)]
    UnknownKey(#[from] crate::console::input::key::ParseKeyError),
    /// Terminals, multiplexers or broken arrow keys need it.
    #[error("the key {0} is taken by terminals, tmux, screen or ssh, or is the tail of a cut-off arrow key")]
    ReservedKey(Key),
    /// Two actions on one key.
    #[error("on the page \"{page}\", {key} would be both {first} and {second}")]
    Conflict {
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
    TypedAsText {
        /// The key.
        key: Key,
        /// Where.
        page: &'static str,
    },
    /// The key that opens a question must not be the one that answers it with yes.
    #[error("{0} confirms, so it cannot open what it would confirm")]
    AlsoConfirms(Key),
    /// The keys that confirm, cancel and leave stay as they are.
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
    /// Gives an action another key, on every page that has it, in place of all its built-in ones.
    ///
    /// # Errors
    /// An unknown action or key, a forbidden key, a clash (naming both), or an action whose keys are fixed.
    pub fn rebind(&mut self, action_name: &str, key: &str) -> Result<(), RebindError> {
        let action = table::find_action(action_name)
            .ok_or_else(|| RebindError::UnknownAction { suggestion: table::closest_action_name(action_name) })?;
        if table::is_fixed(action) {
            return Err(RebindError::FixedAction(table::action_name(action)));
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
                let (first, second) = (table::action_name(*other), table::action_name(action));
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

    /// What the key means in this mode.
    #[must_use]
    pub fn action(&self, mode: Mode, key: Key) -> Option<Action> {
        self.actions.get(&(mode, key)).copied()
    }

    /// The rows of a mode, in the order of the help, each with its keys as they are told.
    pub fn rows(&self, mode: Mode) -> impl Iterator<Item = (String, &'static Binding)> + '_ {
        table::bindings(mode).map(|binding| (self.keys_label(binding), binding))
    }

    fn keys_label(&self, binding: &Binding) -> String {
        match self.overrides.get(&binding.action) {
            Some(own) => own.to_string(),
            None => binding.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "),
        }
    }

    /// The key of an action as pages name it: its first one.
    #[must_use]
    pub fn key_label(&self, mode: Mode, action: Action) -> String {
        let built_in = || table::bindings(mode).find(|binding| binding.action == action)?.keys.first().copied();
        self.overrides.get(&action).copied().or_else(built_in).map(|key| key.to_string()).unwrap_or_default()
    }

    /// The footer of a mode, in order of need, without the keys that are of no use now.
    pub fn footer<'a>(
        &'a self,
        mode: Mode,
        has_use: impl Fn(Action) -> bool + 'a,
    ) -> impl Iterator<Item = FooterKey> + 'a {
        let typed = match mode.text_input() {
            TextInput::Digits => Some(FooterKey { text: "Type digits".to_owned(), closes_page: false }),
            TextInput::None | TextInput::Text => None,
        };
        let bound = table::bindings(mode).filter(move |binding| has_use(binding.action)).filter_map(move |binding| {
            let text = format!("{} {}", self.key_label(mode, binding.action), binding.footer_label?);
            Some(FooterKey { text, closes_page: binding.action.closes_page() })
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
    pub closes_page: bool,
}

impl FooterKey {
    /// Columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        crate::domain::text::width(&self.text)
    }
}

/// Keys that tmux, screen, telnet, mosh, ssh and flow control take, and the last bytes of cut-off arrow keys.
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
                    assert!(!is_typed_as_text(mode, *key), "{key} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn every_mode_can_be_left() {
        let ways_out = [
            Action::Back,
            Action::Cancel,
            Action::RestoreFilter,
            Action::CancelQuit,
            Action::ConfirmQuit,
            Action::Interrupt,
        ];
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
                    assert!(!is_reserved(*key), "{key} in {mode:?}");
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
        let (acts, asks) = (keys_with(Risk::Commits), keys_with(Risk::Prompts));
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
        assert_eq!(refused("set-pin", "Ctrl-B"), RebindError::ReservedKey(Key::Ctrl('b')));
        assert_eq!(refused("set-pin", "A"), RebindError::ReservedKey(Key::Char('A')));
        assert_eq!(refused("set-pim", "w"), RebindError::UnknownAction { suggestion: Some("set-pin") });
        assert_eq!(refused("send", "w"), RebindError::FixedAction("send"));
        assert_eq!(refused("acknowledge", "w"), RebindError::FixedAction("acknowledge"));
        for asking in ["set-pin", "send-same-pin", "check-by-hand"] {
            assert_eq!(refused(asking, "y"), RebindError::AlsoConfirms(Key::Char('y')));
        }
        assert_eq!(refused("show-pin", "5"), RebindError::TypedAsText { key: Key::Char('5'), page: "PIN form" });
    }
}
