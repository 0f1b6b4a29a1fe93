//! Styles named by meaning, and the signs that say the same without colour.
//!
//! Three colours of the terminal's own sixteen, each with one meaning and never alone; bold and reverse; always on
//! the terminal's own background. This module knows what things mean, not where they stand.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Plain,
    /// The title line and the heading of a page.
    Title,
    /// The marker and the number under the cursor.
    Cursor,
    /// What must not be overlooked.
    Strong,
    /// On, set.
    Success,
    /// Failed.
    Failure,
    /// Nobody knows.
    Uncertain,
}

/// A sign before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusSymbol {
    /// On, set.
    Yes,
    /// Not set, not sent.
    No,
    /// Unknown.
    Unknown,
    /// Waits.
    Queued,
    /// Moves.
    InProgress,
    /// Failed.
    Failed,
    /// No answer.
    NoAnswer,
}

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// No byte above 127.
    Ascii,
    /// A few signs of neutral width.
    Unicode,
}

/// What of the process's environment the looks depend on.
#[derive(Debug, Clone, Default)]
pub struct TerminalEnv {
    /// `TERM`.
    pub term: Option<String>,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set and not empty.
    pub locale: Option<String>,
    /// `NO_COLOR` is set and not empty, or `--no-color` was given.
    pub no_color: bool,
}

/// Terminals that show no more than ASCII, and take a 256-colour code for something else.
const PLAIN_TERMINALS: [&str; 3] = ["vt", "ansi", "dumb"];

impl TerminalEnv {
    fn term(&self) -> &str {
        self.term.as_deref().unwrap_or_default()
    }

    fn is_plain_terminal(&self) -> bool {
        let term = self.term();
        term.is_empty() || term == "unknown" || PLAIN_TERMINALS.iter().any(|plain| term.starts_with(plain))
    }

    /// The glyphs that `auto` chooses: Unicode in a UTF-8 locale whose fonts draw these signs one column wide.
    #[must_use]
    pub fn glyphs(&self) -> Glyphs {
        let locale = self.locale.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let is_wide = ["zh", "ja", "ko"].iter().any(|language| locale.starts_with(language));
        if is_utf8 && !is_wide && self.term() != "linux" && !self.is_plain_terminal() {
            Glyphs::Unicode
        } else {
            Glyphs::Ascii
        }
    }
}

/// How things look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    has_colour: bool,
    glyphs: Glyphs,
}

impl Theme {
    /// The looks for these surroundings; `glyphs` where the config decides, otherwise chosen.
    #[must_use]
    pub fn new(surroundings: &TerminalEnv, glyphs: Option<Glyphs>) -> Self {
        Self {
            has_colour: !surroundings.no_color && !surroundings.is_plain_terminal(),
            glyphs: glyphs.unwrap_or_else(|| surroundings.glyphs()),
        }
    }

    /// True if no byte above 127 may be written.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.glyphs == Glyphs::Ascii
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let coloured = |colour| if self.has_colour { Style::new().fg(colour) } else { Style::new() };
        match role {
            Role::Plain => Style::new(),
            Role::Title | Role::Cursor => Style::new().add_modifier(Modifier::REVERSED),
            Role::Strong => Style::new().add_modifier(Modifier::BOLD),
            Role::Success => coloured(Color::Green),
            Role::Failure => coloured(Color::Red),
            Role::Uncertain => coloured(Color::Magenta),
        }
    }

    /// A sign, one column wide.
    #[must_use]
    pub fn symbol(&self, sign: StatusSymbol) -> &'static str {
        match (sign, self.glyphs) {
            (StatusSymbol::Yes, Glyphs::Unicode) => "✓",
            (StatusSymbol::Yes, Glyphs::Ascii) => "+",
            (StatusSymbol::Failed, Glyphs::Unicode) => "✗",
            (StatusSymbol::Failed, Glyphs::Ascii) => "x",
            (StatusSymbol::No, _) => "-",
            (StatusSymbol::Unknown, _) => "?",
            (StatusSymbol::Queued, _) => ".",
            (StatusSymbol::InProgress, _) => "~",
            (StatusSymbol::NoAnswer, _) => "!",
        }
    }

    /// What rules are made of.
    #[must_use]
    pub fn horizontal_line(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "─",
            Glyphs::Ascii => "-",
        }
    }

    /// What parts two columns.
    #[must_use]
    pub fn vertical_line(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "│",
            Glyphs::Ascii => "|",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(term: &str, locale: &str) -> TerminalEnv {
        TerminalEnv { term: Some(term.to_owned()), locale: Some(locale.to_owned()), no_color: false }
    }

    #[test]
    fn unicode_is_chosen_only_where_it_is_safe() {
        let cases = [
            ("xterm-256color", "en_US.UTF-8", Glyphs::Unicode),
            ("tmux-256color", "C.utf8", Glyphs::Unicode),
            ("xterm-256color", "C", Glyphs::Ascii),
            ("xterm-256color", "POSIX", Glyphs::Ascii),
            ("xterm-256color", "ja_JP.UTF-8", Glyphs::Ascii),
            ("linux", "en_US.UTF-8", Glyphs::Ascii),
            ("vt100", "en_US.UTF-8", Glyphs::Ascii),
            ("dumb", "en_US.UTF-8", Glyphs::Ascii),
        ];
        for (term, locale, expected) in cases {
            assert_eq!(surroundings(term, locale).glyphs(), expected, "{term} {locale}");
        }
    }

    #[test]
    fn without_colour_only_bold_and_reverse_remain() {
        let roles =
            [Role::Plain, Role::Title, Role::Cursor, Role::Strong, Role::Success, Role::Failure, Role::Uncertain];
        let no_color = TerminalEnv { no_color: true, ..surroundings("xterm", "C.UTF-8") };
        for surroundings in [no_color, surroundings("vt220", "C"), surroundings("", "C")] {
            let theme = Theme::new(&surroundings, None);
            for role in roles {
                assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{role:?}");
            }
            assert!(theme.style(Role::Cursor).add_modifier.contains(Modifier::REVERSED));
        }
    }

    #[test]
    fn the_three_colours_have_one_meaning_each_and_no_background_is_set() {
        let theme = Theme::new(&surroundings("xterm-256color", "C.UTF-8"), None);
        let colours = [Role::Success, Role::Failure, Role::Uncertain].map(|role| theme.style(role).fg);
        assert_eq!(colours, [Some(Color::Green), Some(Color::Red), Some(Color::Magenta)]);
    }

    #[test]
    fn each_sign_is_one_column_and_no_two_states_share_one() {
        let signs = [
            StatusSymbol::Yes,
            StatusSymbol::No,
            StatusSymbol::Unknown,
            StatusSymbol::Queued,
            StatusSymbol::InProgress,
            StatusSymbol::Failed,
            StatusSymbol::NoAnswer,
        ];
        for locale in ["C", "C.UTF-8"] {
            let theme = Theme::new(&surroundings("xterm", locale), None);
            let drawn = signs.map(|sign| theme.symbol(sign));
            assert!(drawn.iter().all(|sign| crate::domain::text::width(sign) == 1));
            assert_eq!(drawn.iter().collect::<std::collections::HashSet<_>>().len(), signs.len());
        }
    }
}
