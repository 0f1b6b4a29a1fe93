//! Styles named by meaning, and symbols with the same meaning for terminals without color.
//!
//! It uses three of the terminal's sixteen colors, each with one meaning and always beside a symbol or word, and bold,
//! dim and reverse. One set serves dark and light backgrounds, so it never sets a background, and dim is only for lines:
//! dim words are unreadable on some palettes. This module does not know where things are on the screen.

use ratatui::style::{Color, Modifier, Style};

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Plain,
    /// Headings, keys, and the values that decide.
    Strong,
    /// Rules and separators, never words.
    Quiet,
    /// The row under the cursor, from its marker to the end of its text.
    Cursor,
    /// The symbol of a PIN that was set. Green words are unreadable on white.
    Success,
    /// Failed, offline.
    Failure,
    /// In doubt.
    Uncertain,
    /// The filled badge of the live environment.
    LiveBadge,
    /// The filled badge of a warning.
    WarningBadge,
}

/// A symbol before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusSymbol {
    /// On, set.
    Yes,
    /// Two-step is not set.
    NotSet,
    /// Not sent, or resolved: nothing is known to have changed.
    NotSent,
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
    /// A few Unicode symbols.
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

/// Prefixes of terminals that show only ASCII and no colors.
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

    /// True if another locale would show more than ASCII on this terminal.
    #[must_use]
    pub fn is_ascii_by_locale(&self) -> bool {
        !self.is_utf8() && Self { locale: Some("C.UTF-8".to_owned()), ..self.clone() }.glyphs() == Glyphs::Unicode
    }

    fn is_utf8(&self) -> bool {
        let locale = self.locale.as_deref().unwrap_or_default().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }

    /// The glyphs that `auto` selects: Unicode in a UTF-8 locale whose fonts draw these symbols one column wide.
    #[must_use]
    pub fn glyphs(&self) -> Glyphs {
        let locale = self.locale.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_wide = ["zh", "ja", "ko"].iter().any(|language| locale.starts_with(language));
        if self.is_utf8() && !is_wide && self.term() != "linux" && !self.is_plain_terminal() {
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
        let colored = |style: Style, color| if self.has_color { style.fg(color) } else { style };
        let (plain, bold) = (Style::new(), Style::new().add_modifier(Modifier::BOLD));
        match role {
            Role::Strong => bold,
            Role::Quiet if self.has_color => plain.add_modifier(Modifier::DIM),
            // Terminals without colors often show dim text as bright or as nothing.
            Role::Plain | Role::Quiet => plain,
            Role::Cursor => plain.add_modifier(Modifier::REVERSED),
            // Bold green is grey in some palettes.
            Role::Success => colored(plain, Color::Green),
            Role::Failure => colored(bold, Color::Red),
            Role::Uncertain => colored(bold, Color::Magenta),
            Role::LiveBadge => colored(bold.add_modifier(Modifier::REVERSED), Color::Red),
            Role::WarningBadge => bold.add_modifier(Modifier::REVERSED),
        }
    }

    /// The text of a symbol, one column wide.
    #[must_use]
    pub fn symbol(&self, symbol: StatusSymbol) -> &'static str {
        match symbol {
            StatusSymbol::Yes => self.glyph("✓", "+"),
            StatusSymbol::NotSet => self.glyph("○", "-"),
            StatusSymbol::Failed => self.glyph("✗", "x"),
            StatusSymbol::NotSent => "-",
            StatusSymbol::Unknown => "?",
            StatusSymbol::Queued => ".",
            StatusSymbol::InProgress => "~",
            StatusSymbol::NoAnswer => "!",
        }
    }

    /// A symbol that the terminal can show.
    fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }

    /// The mark of a selected row.
    #[must_use]
    pub fn selected_mark(&self) -> &'static str {
        self.glyph("●", "*")
    }

    /// The mark of ascending rows, and of more lines above.
    #[must_use]
    pub fn up_mark(&self) -> &'static str {
        self.glyph("▲", "^")
    }

    /// The mark of descending rows, and of more lines below.
    #[must_use]
    pub fn down_mark(&self) -> &'static str {
        self.glyph("▼", "v")
    }

    /// What stands for values that do not fit.
    #[must_use]
    pub fn cut_mark(&self) -> &'static str {
        self.glyph("…", "~")
    }

    /// The cell of a progress bar that is done.
    #[must_use]
    pub fn bar_cell(&self) -> &'static str {
        self.glyph("━", "#")
    }

    /// The character of a horizontal rule, and of the rest of a progress bar.
    #[must_use]
    pub fn horizontal_line(&self) -> &'static str {
        self.glyph("─", "-")
    }

    /// The character between two columns.
    #[must_use]
    pub fn vertical_line(&self) -> &'static str {
        self.glyph("│", "|")
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
        let by_locale = cases.map(|(term, locale, _)| env(term, locale).is_ascii_by_locale());
        assert_eq!(by_locale, [false, false, true, true, false, false, false, false]);
    }

    #[test]
    fn without_color_only_bold_and_reverse_remain() {
        let roles = [
            Role::Plain,
            Role::Strong,
            Role::Quiet,
            Role::Cursor,
            Role::Success,
            Role::Failure,
            Role::Uncertain,
            Role::LiveBadge,
            Role::WarningBadge,
        ];
        let no_color = TerminalEnv { no_color: true, ..env("xterm", "C.UTF-8") };
        for env in [no_color, env("vt220", "C"), env("", "C")] {
            let theme = Theme::new(&env, None);
            for role in roles {
                assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{role:?}");
                assert!((Modifier::BOLD | Modifier::REVERSED).contains(theme.style(role).add_modifier), "{role:?}");
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
    fn each_symbol_of_a_column_is_unique() {
        let two_step = [StatusSymbol::Yes, StatusSymbol::NotSet, StatusSymbol::Unknown];
        let request = [
            StatusSymbol::Yes,
            StatusSymbol::NotSent,
            StatusSymbol::Queued,
            StatusSymbol::InProgress,
            StatusSymbol::Failed,
            StatusSymbol::NoAnswer,
        ];
        for (locale, symbols) in ["C", "C.UTF-8"].into_iter().flat_map(|l| [(l, &two_step[..]), (l, &request[..])]) {
            let theme = Theme::new(&env("xterm", locale), None);
            let texts: Vec<_> = symbols.iter().map(|symbol| theme.symbol(*symbol)).collect();
            assert!(texts.iter().all(|text| crate::domain::text::width(text) == 1));
            assert_eq!(texts.iter().collect::<std::collections::HashSet<_>>().len(), symbols.len());
        }
    }
}
