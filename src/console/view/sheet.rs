//! A page of prose: labelled values, paragraphs, steps and keys, wrapped to the window and scrolled where it is small.
//!
//! In a compact window a page keeps only what it cannot do without: lines added by `extra` are left out there.

use ratatui::layout::Position;

use super::PaintResult;
use super::canvas::Canvas;
use crate::console::app::App;
use crate::console::theme::Role;
use crate::domain::text;

/// Columns before the text, where there is room.
const INDENT: usize = 2;

/// Columns of a label and the gap after it.
const LABEL_WIDTH: usize = 18;

/// The same in a compact window.
const COMPACT_LABEL_WIDTH: usize = 16;

/// A line: pieces of text, each with its role.
type StyledLine = Vec<(String, Role)>;

/// A page being composed.
pub(super) struct Sheet {
    heading: Option<String>,
    width: usize,
    is_compact: bool,
    indent: usize,
    lines: Vec<StyledLine>,
    /// Those that are not cut off where the page is longer than the window.
    sticky_lines: Vec<usize>,
    cursor: Option<(usize, usize)>,
    notice: Option<(String, Role)>,
}

impl Sheet {
    /// An empty page under a heading.
    pub(super) fn new(app: &App, heading: impl Into<String>) -> Self {
        Self {
            heading: Some(heading.into()),
            width: usize::from(app.size().width),
            is_compact: app.is_compact(),
            indent: if app.is_compact() { 0 } else { INDENT },
            lines: Vec::new(),
            sticky_lines: Vec::new(),
            cursor: None,
            notice: None,
        }
    }

    /// Lines for a column of this width, without a heading or an indent.
    pub(super) fn for_column(width: u16) -> Self {
        let width = usize::from(width);
        let (lines, sticky_lines) = (Vec::new(), Vec::new());
        Self { heading: None, width, is_compact: false, indent: 0, lines, sticky_lines, cursor: None, notice: None }
    }

    pub(super) fn heading(&self) -> Option<&str> {
        self.heading.as_deref()
    }

    pub(super) fn is_compact(&self) -> bool {
        self.is_compact
    }

    /// True if a line of so many columns is not cut.
    pub(super) fn fits(&self, columns: usize) -> bool {
        self.indent + columns <= self.width
    }

    /// A blank line.
    pub(super) fn blank_line(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(StyledLine::new());
        }
    }

    /// A blank line that a compact window does without.
    pub(super) fn optional_blank_line(&mut self) {
        if !self.is_compact {
            self.blank_line();
        }
    }

    /// What is added here stays in sight, up to half of the window, where what follows takes more than its room.
    pub(super) fn add_sticky(&mut self, add: impl FnOnce(&mut Self)) {
        let first = self.lines.len();
        add(self);
        self.sticky_lines.extend(first..self.lines.len());
    }

    /// A paragraph.
    pub(super) fn text(&mut self, words: &str) {
        self.styled_text(words, Role::Plain);
    }

    /// A paragraph with a meaning.
    pub(super) fn styled_text(&mut self, words: &str, role: Role) {
        self.push_wrapped(self.indent, &[], words, role);
    }

    /// A paragraph that a compact window does without.
    pub(super) fn optional_text(&mut self, words: &str) {
        if !self.is_compact {
            self.text(words);
        }
    }

    /// A label and its value.
    pub(super) fn field(&mut self, label: &str, value: &str) {
        self.styled_field(label, value, Role::Plain);
    }

    /// A label and a value with a meaning.
    pub(super) fn styled_field(&mut self, label: &str, value: &str, role: Role) {
        let columns = if self.is_compact { COMPACT_LABEL_WIDTH } else { LABEL_WIDTH }.max(text::width(label) + 1);
        let label = format!("{}{label:<columns$}", " ".repeat(self.indent));
        self.push_wrapped(text::width(&label), &[(label, Role::Plain)], value, role);
    }

    /// Numbered steps under a label.
    pub(super) fn numbered_steps<'s>(&mut self, label: &str, steps: impl IntoIterator<Item = &'s str>) {
        let indent = " ".repeat(self.indent);
        for (number, step) in (1..).zip(steps) {
            let label = if number == 1 { label } else { "" };
            let start = format!("{indent}{label:<7}{number}  ");
            self.push_wrapped(text::width(&start), &[(start, Role::Plain)], step, Role::Plain);
        }
    }

    /// A row of a table: a first column of this width, and words beside it.
    pub(super) fn table_row(&mut self, first: &str, columns: usize, words: &str) {
        let start = format!("{}{first:<columns$} ", " ".repeat(self.indent));
        self.push_wrapped(text::width(&start), &[(start, Role::Plain)], words, Role::Plain);
    }

    /// A key and what it does.
    pub(super) fn key_hint(&mut self, key: &str, words: &str) {
        let start = format!("{}{key}  ", " ".repeat(self.indent));
        self.push_wrapped(text::width(&start), &[(start, Role::Plain)], words, Role::Plain);
    }

    /// An item of a list that the cursor goes through.
    pub(super) fn list_item(&mut self, is_cursor: bool, words: &str) {
        let role = if is_cursor { Role::Cursor } else { Role::Plain };
        let start = [(if is_cursor { ">" } else { " " }.to_owned(), role), (" ! ".to_owned(), Role::Strong)];
        self.push_wrapped(self.indent + 4, &start, words, Role::Plain);
        if is_cursor {
            // Its last line, so that all of it is in sight.
            self.cursor = Some((self.lines.len() - 1, 0));
        }
    }

    /// A line that is laid out already.
    pub(super) fn push_line(&mut self, pieces: StyledLine) {
        let mut line = vec![(" ".repeat(self.indent), Role::Plain)];
        line.extend(pieces);
        self.lines.push(line);
    }

    /// Puts the terminal's cursor on the line that comes next, after so many columns of its text.
    pub(super) fn cursor_on_next_line(&mut self, column: usize) {
        self.cursor = Some((self.lines.len(), self.indent + column));
    }

    /// The same, where the line is the one under the cursor.
    pub(super) fn cursor_on_next_line_if(&mut self, is_cursor: bool, column: usize) {
        if is_cursor {
            self.cursor_on_next_line(column);
        }
    }

    /// What the message line says instead of the newest message.
    pub(super) fn set_notice(&mut self, words: impl Into<String>, role: Role) {
        self.notice = Some((words.into(), role));
    }

    fn push_wrapped(&mut self, indent: usize, start: &[(String, Role)], words: &str, role: Role) {
        let room = self.width.saturating_sub(indent + 1).max(8);
        let mut line: StyledLine =
            if start.is_empty() { vec![(" ".repeat(indent), Role::Plain)] } else { start.to_vec() };
        let (mut text, mut used) = (String::new(), 0);
        for word in words.split(' ') {
            let mut word = word.to_owned();
            // A word longer than the line is broken, not lost.
            while text::width(&word) > room {
                let head: String = word.chars().take(room / 2).collect();
                word = word.chars().skip(room / 2).collect();
                if used > 0 {
                    line.push((std::mem::take(&mut text), role));
                    self.lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), Role::Plain)]));
                }
                used = text::width(&head) + 1;
                text = head;
            }
            let wide = text::width(&word);
            if used > 0 && used + 1 + wide > room {
                line.push((std::mem::take(&mut text), role));
                self.lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), Role::Plain)]));
                used = 0;
            }
            if used > 0 {
                text.push(' ');
                used += 1;
            }
            text.push_str(&word);
            used += wide;
        }
        line.push((text, role));
        self.lines.push(line);
    }

    /// Draws the page under its heading, from a line on, and the message line; the keys are the frame's.
    pub(super) fn paint(&self, canvas: &mut Canvas<'_>, scroll: u16) -> PaintResult {
        let top = if self.is_compact { 1 } else { 3 };
        let bottom = canvas.height().saturating_sub(if self.is_compact { 2 } else { 3 });
        let mut painted = self.paint_lines(canvas, 0, top..bottom, scroll);
        if let Some((words, role)) = &self.notice {
            let row = canvas.height().saturating_sub(2);
            canvas.clear_row(row);
            canvas.put(0, row, words, *role);
        }
        painted.cursor = painted.cursor.or(Some(Position { x: 0, y: top }));
        painted
    }

    /// The lines without so many of the first. Where some are kept, blank ones are left out before any other.
    fn visible_lines(&self, count: usize, kept: &[usize]) -> impl Iterator<Item = (usize, &StyledLine)> {
        let is_gap = |line: &StyledLine| line.is_empty() && !kept.is_empty();
        let above = self.cursor.map_or(0, |(line, _)| line);
        let mut gaps = self.lines[..above].iter().filter(|line| is_gap(line)).count().min(count);
        let mut others = count - gaps;
        self.lines.iter().enumerate().filter(move |(index, line)| {
            let left = if is_gap(line) { &mut gaps } else { &mut others };
            let is_left_out = *left > 0 && !kept.contains(index);
            *left -= usize::from(is_left_out);
            !is_left_out
        })
    }

    /// Draws the lines into a column of the window.
    pub(super) fn paint_lines(
        &self,
        canvas: &mut Canvas<'_>,
        left: u16,
        rows: std::ops::Range<u16>,
        scroll: u16,
    ) -> PaintResult {
        let room = rows.len();
        let max_scroll = self.lines.len().saturating_sub(room);
        // A field that takes keys is always in sight.
        let least = self.cursor.map_or(0, |(line, _)| (line + 1).saturating_sub(room));
        let first = usize::from(scroll).max(least).min(max_scroll);
        let shown = self.visible_lines(first, &self.sticky_lines[..self.sticky_lines.len().min(room / 2)]);
        let mut painted = PaintResult { cursor: None, max_scroll: u16::try_from(max_scroll).unwrap_or(u16::MAX) };
        for (row, (index, line)) in rows.zip(shown) {
            let mut x = left;
            for (words, role) in line {
                x = canvas.put(x, row, words, *role);
            }
            if let Some((_, column)) = self.cursor.filter(|(line, _)| *line == index) {
                painted.cursor = Some(Position { x: left + u16::try_from(column).unwrap_or(0), y: row });
            }
        }
        painted
    }
}
