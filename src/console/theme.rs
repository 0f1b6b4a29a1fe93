//! Styles named by meaning, and symbols with the same meaning for terminals without color.
//!
//! It uses three of the terminal's sixteen colors, each with one meaning and always beside a symbol or word, and bold
//! and reverse. It never sets a background. This module does not know where things are on the screen.

use ratatui::style::{Color, Modifier, Style};

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Plain,
    /// The title line, or the heading of a page.
    Title,
    /// The row under the cursor, from its marker to the end of its text.
    Cursor,
    /// Text that the operator must not miss.
    Strong,
    /// On, set.
    Success,
    /// Failed.
    Failure,
    /// Unknown, or in doubt.
    Uncertain,
}

/// A symbol before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusSymbol {
    /// On, set.
    Yes,
    /// Not set, not sent.
    No,
    /// Unknown.
    Unknown,
    /// Queued.
    Queued,
    /// Sending, or waiting to retry.
    InProgress,
    /// Failed.
    Failed,
    /// No answer.
    NoAnswer,
}

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Only ASCII.
    Ascii,
    /// A few Unicode symbols of neutral width.
    Unicode,
}

/// The environment variables that the theme depends on.
#[derive(Debug, Clone, Default)]
pub struct TerminalEnv {
    /// `TERM`.
    pub term: Option<String>,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set and not empty.
    pub locale: Option<String>,
    /// `NO_COLOR` is set and not empty, or `--no-color` was given.
    pub no_color: bool,
}

/// Prefixes of terminals that show only ASCII and misinterpret 256-color codes.
const PLAIN_TERMINALS: [&str; 3] = ["vt", "ansi", "dumb"];

impl TerminalEnv {
    fn term(&self) -> &str {
        self.term.as_deref().unwrap_or_default()
    }

    /// True if colors may be written.
    #[must_use]
    pub fn has_color(&self) -> bool {
        !self.no_color && !self.is_plain_terminal()
    }

    fn is_plain_terminal(&self) -> bool {
        let term = self.term();
        term.is_empty() || term == "unknown" || PLAIN_TERMINALS.iter().any(|plain| term.starts_with(plain))
    }

    /// The glyphs that `auto` selects: Unicode in a UTF-8 locale whose fonts draw these symbols one column wide.
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

/// Maps meanings to styles and symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    has_color: bool,
    glyphs: Glyphs,
}

impl Theme {
    /// The theme for an environment. `glyphs` is the setting of the config; `None` selects them by the environment.
    #[must_use]
    pub fn new(env: &TerminalEnv, glyphs: Option<Glyphs>) -> Self {
        Self { has_color: env.has_color(), glyphs: glyphs.unwrap_or_else(|| env.glyphs()) }
    }

    /// True if only ASCII may be written.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.glyphs == Glyphs::Ascii
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let colored = |color| if self.has_color { Style::new().fg(color) } else { Style::new() };
        match role {
            Role::Plain => Style::new(),
            Role::Title | Role::Cursor => Style::new().add_modifier(Modifier::REVERSED),
            Role::Strong => Style::new().add_modifier(Modifier::BOLD),
            Role::Success => colored(Color::Green),
            Role::Failure => colored(Color::Red),
            Role::Uncertain => colored(Color::Magenta),
        }
    }

    /// The text of a symbol, one column wide.
    #[must_use]
    pub fn symbol(&self, symbol: StatusSymbol) -> &'static str {
        match (symbol, self.glyphs) {
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

    /// The character of a horizontal rule.
    #[must_use]
    pub fn horizontal_line(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "─",
            Glyphs::Ascii => "-",
        }
    }

    /// The character between two columns.
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

    fn env(term: &str, locale: &str) -> TerminalEnv {
        TerminalEnv { term: Some(term.to_owned()), locale: Some(locale.to_owned()), no_color: false }
    }

    #[test]
    fn unicode_is_selected_only_where_it_is_safe() {
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
            assert_eq!(env(term, locale).glyphs(), expected, "{term} {locale}");
        }
    }

    #[test]
    fn without_color_only_bold_and_reverse_remain() {
        let roles =
            [Role::Plain, Role::Title, Role::Cursor, Role::Strong, Role::Success, Role::Failure, Role::Uncertain];
        let no_color = TerminalEnv { no_color: true, ..env("xterm", "C.UTF-8") };
        for env in [no_color, env("vt220", "C"), env("", "C")] {
            let theme = Theme::new(&env, None);
            for role in roles {
                assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{role:?}");
            }
            assert!(theme.style(Role::Cursor).add_modifier.contains(Modifier::REVERSED));
        }
    }

    #[test]
    fn each_color_has_one_meaning() {
        let theme = Theme::new(&env("xterm-256color", "C.UTF-8"), None);
        let colors = [Role::Success, Role::Failure, Role::Uncertain].map(|role| theme.style(role).fg);
        assert_eq!(colors, [Some(Color::Green), Some(Color::Red), Some(Color::Magenta)]);
    }

    #[test]
    fn each_symbol_is_one_column_wide_and_unique() {
        let symbols = [
            StatusSymbol::Yes,
            StatusSymbol::No,
            StatusSymbol::Unknown,
            StatusSymbol::Queued,
            StatusSymbol::InProgress,
            StatusSymbol::Failed,
            StatusSymbol::NoAnswer,
        ];
        for locale in ["C", "C.UTF-8"] {
            let theme = Theme::new(&env("xterm", locale), None);
            let texts = symbols.map(|symbol| theme.symbol(symbol));
            assert!(texts.iter().all(|text| crate::domain::text::width(text) == 1));
            assert_eq!(texts.iter().collect::<std::collections::HashSet<_>>().len(), symbols.len());
        }
    }
}
