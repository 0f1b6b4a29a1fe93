//! The keys that the console knows, independent of the bytes that a terminal sends for them.
//!
//! It does not know what a key does.

use std::fmt;
use std::str::FromStr;

/// One key press. Alt, function keys and the mouse are missing, because some terminals do not send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A character as typed, including Space.
    Char(char),
    /// Ctrl with a lower-case letter.
    Ctrl(char),
    /// Enter or Return; not [`Key::LINE_FEED`].
    Enter,
    /// Escape, pressed alone.
    Esc,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace, whether the terminal sends ^H or ^?.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
}

/// The keys that have a name.
const KEY_NAMES: [(Key, &str); 15] = [
    (Key::Char(' '), "Space"),
    (Key::Enter, "Enter"),
    (Key::Esc, "Esc"),
    (Key::Tab, "Tab"),
    (Key::BackTab, "Shift-Tab"),
    (Key::Backspace, "Backspace"),
    (Key::Delete, "Delete"),
    (Key::Up, "Up"),
    (Key::Down, "Down"),
    (Key::Left, "Left"),
    (Key::Right, "Right"),
    (Key::Home, "Home"),
    (Key::End, "End"),
    (Key::PageUp, "PgUp"),
    (Key::PageDown, "PgDn"),
];

impl Key {
    /// Ctrl-J, which some terminals send for Enter. The keymap lets it act like Enter where that confirms nothing.
    pub const LINE_FEED: Self = Self::Ctrl('j');

    /// The character that the key adds to a pasted text; `None` for keys that are not part of a text.
    #[must_use]
    pub const fn to_char(self) -> Option<char> {
        match self {
            Self::Char(c) => Some(c),
            Self::Enter | Self::LINE_FEED => Some('\n'),
            Self::Tab => Some('\t'),
            Self::Ctrl(_)
            | Self::Esc
            | Self::BackTab
            | Self::Backspace
            | Self::Delete
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::Home
            | Self::End
            | Self::PageUp
            | Self::PageDown => None,
        }
    }

    /// True for keys that can start an action, so that many of them at once were not typed.
    #[must_use]
    pub const fn is_command(self) -> bool {
        self.to_char().is_some() && !matches!(self, Self::Tab)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, name)) = KEY_NAMES.iter().find(|(key, _)| key == self) {
            return f.pad(name);
        }
        match self {
            Self::Ctrl(c) => f.pad(&format!("Ctrl-{}", c.to_ascii_uppercase())),
            Self::Char(c) => f.pad(c.encode_utf8(&mut [0; 4])),
            Self::Enter
            | Self::Esc
            | Self::Tab
            | Self::BackTab
            | Self::Backspace
            | Self::Delete
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::Home
            | Self::End
            | Self::PageUp
            | Self::PageDown => Ok(()),
        }
    }
}

/// The text does not name a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is one character, Ctrl- with a letter, or a name such as Enter, Space, PgDn")]
pub struct ParseKeyError;

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        if let Some((key, _)) = KEY_NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*key);
        }
        let single_char = |text: &str| {
            let mut chars = text.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("ctrl-"));
        match prefix {
            Some(_) => {
                let letter =
                    single_char(&text[5..]).as_ref().map(char::to_ascii_lowercase).filter(char::is_ascii_lowercase);
                letter.map(Self::Ctrl).ok_or(ParseKeyError)
            }
            None => single_char(text).filter(char::is_ascii_graphic).map(Self::Char).ok_or(ParseKeyError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_parses_from_its_displayed_name() {
        let named_keys = KEY_NAMES.map(|(key, _)| key);
        for key in named_keys.into_iter().chain([Key::Char('p'), Key::Char('<'), Key::Ctrl('u')]) {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        assert_eq!("ctrl-U".parse(), Ok(Key::Ctrl('u')));
        for text in ["", "pp", "Ctrl-", "Ctrl-1", "Alt-x", "F1", "é"] {
            assert_eq!(text.parse::<Key>(), Err(ParseKeyError), "{text:?}");
        }
    }
}
