//! Tables for people: columns with headings, two blanks apart.
//!
//! On a terminal no line is wider than the screen, and a cut cell ends with `~`. Elsewhere nothing is cut, because a file
//! has no right edge. A table never decides what it shows.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::cli::terminal;
use crate::domain::text::{truncate, width};

/// The text of a cell whose value is not known.
pub(crate) const UNKNOWN: &str = "-";

/// The blanks between two columns.
const GAP: usize = 2;

/// How tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableStyle {
    /// The columns of the terminal; `None` cuts nothing.
    max_columns: Option<usize>,
    has_color: bool,
}

impl TableStyle {
    /// For the lines of a message, which are indented on a terminal of 80 columns.
    pub(crate) const MESSAGE: Self = Self { max_columns: Some(76), has_color: false };

    /// True if cells are cut, because the terminal has an end.
    pub(crate) const fn cuts_cells(self) -> bool {
        self.max_columns.is_some()
    }

    /// The style for standard output. With `is_wide`, nothing is cut on a terminal either.
    pub(crate) fn for_stdout(no_color: bool, is_wide: bool) -> Self {
        let columns = terminal::stdout_columns();
        Self {
            max_columns: columns.filter(|_| !is_wide),
            has_color: columns.is_some() && terminal::terminal_env(no_color).has_color(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    /// On a terminal of 80 columns.
    width: usize,
    /// Narrower than `width` if the column can give way on a narrow terminal, and take what a wide one has left.
    min_width: usize,
    is_right_aligned: bool,
}

impl Column {
    /// A column that has this width on every terminal.
    pub(crate) const fn fixed(heading: &'static str, width: usize) -> Self {
        Self { heading, width, min_width: width, is_right_aligned: false }
    }

    /// A column that gives way down to `min_width`, and grows with its cells where there is space.
    pub(crate) const fn flexible(heading: &'static str, width: usize, min_width: usize) -> Self {
        Self { heading, width, min_width, is_right_aligned: false }
    }

    /// A column of counts.
    pub(crate) const fn count(heading: &'static str, width: usize) -> Self {
        Self { heading, width, min_width: width, is_right_aligned: true }
    }

    const fn is_flexible(&self) -> bool {
        self.min_width < self.width
    }
}

/// The color of a cell. Its text says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// Red.
    Failure,
    /// Magenta.
    Uncertain,
}

/// A cell of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    text: Cow<'a, str>,
    tone: Tone,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(text: impl Into<Cow<'a, str>>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// How many columns its text takes.
    pub(crate) fn width(&self) -> usize {
        width(&self.text)
    }
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for Cell<'a> {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// The width of each column of a table.
#[derive(Debug)]
pub(crate) struct Layout {
    style: TableStyle,
    columns: Vec<Column>,
}

impl Layout {
    /// A table whose rows are printed as they arrive, so that no column grows with its cells.
    pub(crate) fn new(style: TableStyle, columns: &[Column]) -> Self {
        Self::for_content(style, columns, &[])
    }

    /// A table whose widest cell is known for the first columns, or for all.
    pub(crate) fn for_content(style: TableStyle, columns: &[Column], content: &[usize]) -> Self {
        let mut columns = columns.to_vec();
        let known = content.len();
        let content = |index: usize| content.get(index).copied().unwrap_or_default();
        if let Some(max_columns) = style.max_columns {
            let mut used = columns.iter().map(|column| column.width + GAP).sum::<usize>().saturating_sub(GAP);
            for (index, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.is_flexible()) {
                let surplus = max_columns.saturating_sub(used);
                let missing = used.saturating_sub(max_columns);
                let width = column.width.max(content(index).min(column.width + surplus));
                let width = width.saturating_sub(missing).max(column.min_width);
                used = used + width - column.width;
                column.width = width;
            }
        } else {
            // A file has no screen to fill: a flexible column is as wide as its cells, if they are known.
            for (index, column) in columns.iter_mut().enumerate() {
                let min = if column.is_flexible() && index < known { width(column.heading) } else { column.width };
                column.width = min.max(content(index));
            }
        }
        Self { style, columns }
    }

    /// The line with the headings.
    pub(crate) fn headings(&self) -> String {
        let cells: Vec<Cell<'_>> = self.columns.iter().map(|column| column.heading.into()).collect();
        self.row(&cells, "")
    }

    /// A row, and behind its last column a note of any length. A note that does not fit there moves to the left, and
    /// after that to lines of its own.
    pub(crate) fn row(&self, cells: &[Cell<'_>], note: &str) -> String {
        let max_columns = self.style.max_columns.unwrap_or(usize::MAX);
        let (mut line, mut used) = (String::new(), 0);
        // Blanks are written only before text, so that no line ends with one.
        let mut blanks = 0;
        for (cell, column) in cells.iter().zip(&self.columns) {
            let space = max_columns.saturating_sub(used + blanks);
            let text = match self.style.max_columns {
                Some(_) => truncate(&cell.text, column.width.min(space)),
                None => Cow::Borrowed(&*cell.text),
            };
            let padding = column.width.min(space).saturating_sub(width(&text));
            let (before, after) = if column.is_right_aligned { (padding, 0) } else { (0, padding) };
            if text.is_empty() {
                blanks += padding + GAP;
                continue;
            }
            line.push_str(&" ".repeat(blanks + before));
            used += blanks + before + width(&text);
            self.push_colored(&mut line, &text, cell.tone);
            blanks = after + GAP;
        }
        if note.is_empty() {
            return line;
        }
        let room = max_columns.saturating_sub(used + width(note));
        if room >= GAP {
            line.push_str(&" ".repeat(if room >= blanks { blanks } else { GAP }));
            line.push_str(note);
        } else {
            for part in wrap(note, max_columns.saturating_sub(GAP)) {
                line.push_str("\n  ");
                line.push_str(&part);
            }
        }
        line
    }

    fn push_colored(&self, line: &mut String, text: &str, tone: Tone) {
        let code = match tone {
            Tone::Failure if self.style.has_color => "31",
            Tone::Uncertain if self.style.has_color => "35",
            Tone::Plain | Tone::Failure | Tone::Uncertain => return line.push_str(text),
        };
        for part in ["\x1b[", code, "m", text, "\x1b[0m"] {
            line.push_str(part);
        }
    }
}

/// A table whose rows are all known before it is printed.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: Vec<Column>,
    rows: Vec<(Vec<Cell<'a>>, Cow<'a, str>)>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        self.push_with_note(cells, "");
    }

    /// Adds a row with a note behind its last column.
    pub(crate) fn push_with_note(&mut self, cells: impl IntoIterator<Item = Cell<'a>>, note: impl Into<Cow<'a, str>>) {
        self.rows.push((cells.into_iter().collect(), note.into()));
    }

    /// Prints the headings and the rows.
    pub(crate) fn print(&self, style: TableStyle, out: &mut impl Write) -> io::Result<()> {
        let widest = |index: usize| self.rows.iter().filter_map(|(cells, _)| Some(cells.get(index)?.width())).max();
        let content: Vec<_> = (0..self.columns.len()).map(|index| widest(index).unwrap_or_default()).collect();
        let layout = Layout::for_content(style, &self.columns, &content);
        writeln!(out, "{}", layout.headings())?;
        self.rows.iter().try_for_each(|(cells, note)| writeln!(out, "{}", layout.row(cells, note)))
    }
}

/// Breaks a text into lines of at most `columns` columns, between words where that is possible.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(truncate(word, columns).into_owned()),
        }
    }
    lines
}

/// `1 number`, `3 numbers`.
pub(crate) fn numbers_label(count: usize) -> String {
    pluralize(count, "number")
}

/// `1 line`, `3 lines`.
pub(crate) fn pluralize(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::text::CleanText;

    const COLUMNS: [Column; 4] = [
        Column::fixed("NUMBER", 17),
        Column::flexible("NAME", 20, 6),
        Column::count("TRIES", 5),
        Column::fixed("ID", 17),
    ];

    const fn terminal(columns: usize) -> TableStyle {
        TableStyle { max_columns: Some(columns), has_color: false }
    }

    const FILE: TableStyle = TableStyle { max_columns: None, has_color: false };

    fn printed(style: TableStyle, name: &str, note: &str) -> String {
        let mut table = Table::new(&COLUMNS);
        table.push_with_note(["+44 7700 900001", name, "2", "200000000000001"].map(Cell::from), note);
        let mut out = Vec::new();
        table.print(style, &mut out).expect("a Vec accepts everything");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_flexible_column_takes_and_gives_space() {
        let name = "Acme Retail Mill Road West";
        assert_eq!(
            [terminal(65), terminal(68), terminal(100), FILE].map(|style| printed(style, name, "")),
            [
                "NUMBER             NAME                  TRIES  ID\n\
                 +44 7700 900001    Acme Retail Mill Ro~      2  200000000000001\n",
                "NUMBER             NAME                     TRIES  ID\n\
                 +44 7700 900001    Acme Retail Mill Road ~      2  200000000000001\n",
                "NUMBER             NAME                        TRIES  ID\n\
                 +44 7700 900001    Acme Retail Mill Road West      2  200000000000001\n",
                "NUMBER             NAME                        TRIES  ID\n\
                 +44 7700 900001    Acme Retail Mill Road West      2  200000000000001\n",
            ]
        );
    }

    #[test]
    fn a_file_gets_no_blanks_that_only_a_screen_needs() {
        let heading = "NUMBER             NAME  TRIES  ID\n";
        assert_eq!(printed(FILE, "Ac", ""), format!("{heading}+44 7700 900001    Ac        2  200000000000001\n"));
    }

    #[test]
    fn a_note_stays_in_its_line_only_if_it_fits() {
        let row = "+44 7700 900001    Acme                      2  200000000000001";
        let heading = "NUMBER             NAME                  TRIES  ID\n";
        assert_eq!(printed(terminal(85), "Acme", "no such number"), format!("{heading}{row}    no such number\n"));
        assert_eq!(
            printed(terminal(70), "Acme", "the number is not registered, so that no PIN can be set for it at all"),
            format!("{heading}{row}\n  the number is not registered, so that no PIN can be set for it at\n  all\n")
        );
    }

    #[test]
    fn only_what_needs_attention_is_colored() {
        let style = TableStyle { has_color: true, ..terminal(80) };
        let cells = [("set", Tone::Plain), ("failed", Tone::Failure), ("no answer", Tone::Uncertain)];
        let layout = Layout::new(style, &[Column::fixed("A", 4), Column::fixed("B", 8), Column::fixed("C", 9)]);
        let cells = cells.map(|(text, tone)| Cell::new(text, tone));
        assert_eq!(layout.row(&cells, ""), "set   \x1b[31mfailed\x1b[0m    \x1b[35mno answer\x1b[0m");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(name in any::<String>(), note in any::<String>(), columns in 1_usize..130) {
            let (name, note) = (CleanText::new(&name), CleanText::new(&note));
            for line in printed(terminal(columns), name.as_str(), note.as_str()).lines() {
                prop_assert!(width(line) <= columns.max(GAP), "{line:?}");
            }
        }
    }
}
