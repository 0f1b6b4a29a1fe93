//! A page of text: labeled values, paragraphs, steps and keys, wrapped to the window, and scrolled if the window is
//! small.
//!
//! A compact window shows only the necessary lines: the `optional_` functions add nothing there. A sheet does not know
//! what its lines mean.

use std::ops::Range;

use ratatui::layout::Position;

use super::PaintResult;
use super::canvas::Canvas;
use crate::console::app::App;
use crate::console::shared::PAGE_WIDTH_BESIDE_PANE;
use crate::console::theme::Role;
use crate::domain::text;

/// The number of columns before the text, except in a compact window.
const INDENT: usize = 2;

/// The columns of a form or a question: where the eye looks for them, a wide window moves nothing.
const MAX_QUESTION_WIDTH: usize = 72;

/// The width of a label with the gap after it.
const LABEL_WIDTH: usize = 18;

/// The same in a compact window and in a pane.
const NARROW_LABEL_WIDTH: usize = 16;

/// A line: parts of text, each with its role.
type StyledLine = Vec<(String, Role)>;

/// A page being composed.
pub(super) struct Sheet {
    heading: Option<String>,
    width: usize,
    is_compact: bool,
    indent: usize,
    label_width: usize,
    lines: Vec<StyledLine>,
    /// The indexes of the lines that stay visible if the page is longer than the window.
    sticky_lines: Vec<usize>,
    cursor: Option<(usize, usize)>,
    /// The lines before this one stay in sight with the cursor.
    focus_end: usize,
    /// The lines of the item under the cursor of a list.
    highlighted_lines: Range<usize>,
    notice: Option<(String, Role)>,
}

impl Sheet {
    /// An empty page under a heading.
    pub(super) fn new(app: &App, heading: impl Into<String>) -> Self {
        Self {
            heading: Some(heading.into()),
            width: usize::from(if app.has_page_pane() { PAGE_WIDTH_BESIDE_PANE - 1 } else { app.size().width }),
            is_compact: app.is_compact(),
            indent: if app.is_compact() { 0 } else { INDENT },
            label_width: if app.is_compact() { NARROW_LABEL_WIDTH } else { LABEL_WIDTH },
            lines: Vec::new(),
            sticky_lines: Vec::new(),
            cursor: None,
            focus_end: 0,
            highlighted_lines: 0..0,
            notice: None,
        }
    }

    /// An empty form or question: its text stays at the left, however wide the window is.
    pub(super) fn for_question(app: &App, heading: impl Into<String>) -> Self {
        let sheet = Self::new(app, heading);
        Self { width: sheet.width.min(MAX_QUESTION_WIDTH), ..sheet }
    }

    /// An empty column of this width, without a heading or an indent. Its text may touch the right edge.
    pub(super) fn for_column(width: u16) -> Self {
        Self {
            heading: None,
            width: usize::from(width) + 1,
            is_compact: false,
            indent: 0,
            label_width: NARROW_LABEL_WIDTH,
            lines: Vec::new(),
            sticky_lines: Vec::new(),
            cursor: None,
            focus_end: 0,
            highlighted_lines: 0..0,
            notice: None,
        }
    }

    pub(super) fn is_compact(&self) -> bool {
        self.is_compact
    }

    /// The columns of a line between its indent and the right margin.
    pub(super) fn text_width(&self) -> usize {
        self.width.saturating_sub(self.indent + 1)
    }

    /// Adds a blank line, unless the last line is blank.
    pub(super) fn blank_line(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(StyledLine::new());
        }
    }

    /// Adds a blank line, also after another one.
    pub(super) fn push_blank_line(&mut self) {
        self.lines.push(StyledLine::new());
    }

    /// Adds a blank line, except in a compact window.
    pub(super) fn optional_blank_line(&mut self) {
        if !self.is_compact {
            self.blank_line();
        }
    }

    /// Adds lines that stay visible, up to half of the window, if the page is longer than the window.
    pub(super) fn add_sticky(&mut self, add: impl FnOnce(&mut Self)) {
        let first = self.lines.len();
        add(self);
        self.sticky_lines.extend(first..self.lines.len());
    }

    /// Adds a paragraph.
    pub(super) fn text(&mut self, text: &str) {
        self.styled_text(text, Role::Plain);
    }

    /// Adds a paragraph with a role.
    pub(super) fn styled_text(&mut self, text: &str, role: Role) {
        self.push_wrapped(self.indent, &[], text, role);
    }

    /// Adds what happened, in a role, and in bold whether anything was changed.
    pub(super) fn headline(&mut self, outcome: &str, role: Role, consequence: &str) {
        if text::width(outcome) + 1 + text::width(consequence) <= self.text_width() {
            self.push_line(vec![(format!("{outcome} "), role), (consequence.to_owned(), Role::Strong)]);
        } else {
            self.styled_text(outcome, role);
            self.styled_text(consequence, Role::Strong);
        }
    }

    /// Adds a paragraph, except in a compact window.
    pub(super) fn optional_text(&mut self, text: &str) {
        if !self.is_compact {
            self.text(text);
        }
    }

    /// Adds a label and its value.
    pub(super) fn field(&mut self, label: &str, value: &str) {
        self.styled_field(label, value, Role::Plain);
    }

    /// Adds a label and its value, except in a compact window.
    pub(super) fn optional_field(&mut self, label: &str, value: &str) {
        if !self.is_compact {
            self.field(label, value);
        }
    }

    /// Adds a label and a value with a role.
    pub(super) fn styled_field(&mut self, label: &str, value: &str, role: Role) {
        let columns = self.label_width.max(text::width(label) + 1);
        let label = format!("{}{label:<columns$}", " ".repeat(self.indent));
        self.push_wrapped(text::width(&label), &[(label, Role::Plain)], value, role);
    }

    /// Adds a label and a state with a role, and what else there is to say of the state.
    pub(super) fn state_field(&mut self, label: &str, state: &str, role: Role, rest: &str) {
        let columns = self.label_width;
        let start = format!("{}{label:<columns$}", " ".repeat(self.indent));
        let columns = text::width(&start);
        let first = self.lines.len();
        self.push_wrapped(columns, &[(start, Role::Plain)], &format!("{state}{rest}"), Role::Plain);
        // The state is the start of the first line of the value.
        if let Some(value) = self.lines[first].last_mut().filter(|(value, _)| value.starts_with(state)) {
            let rest = value.0.split_off(state.len());
            value.1 = role;
            self.lines[first].push((rest, Role::Plain));
        }
    }

    /// Adds numbered steps beside a label.
    pub(super) fn numbered_steps<'s>(&mut self, label: &str, steps: impl IntoIterator<Item = &'s str>) {
        let indent = " ".repeat(self.indent);
        let columns = if self.is_compact { text::width(label) + 1 } else { self.label_width };
        for (number, step) in (1..).zip(steps) {
            let label = if number == 1 { label } else { "" };
            let start = format!("{indent}{label:<columns$}{number}  ");
            self.push_wrapped(text::width(&start), &[(start, Role::Plain)], step, Role::Plain);
        }
    }

    /// Adds a row of a table: a first column of this width in bold, and text beside it.
    pub(super) fn table_row(&mut self, first: &str, columns: usize, text: &str) {
        let start = format!("{}{first:<columns$} ", " ".repeat(self.indent));
        self.push_wrapped(text::width(&start), &[(start, Role::Strong)], text, Role::Plain);
    }

    /// Adds a key and what it does.
    pub(super) fn key_hint(&mut self, key: &str, text: &str) {
        let start =
            [(" ".repeat(self.indent), Role::Plain), (key.to_owned(), Role::Strong), ("  ".to_owned(), Role::Plain)];
        self.push_wrapped(self.indent + text::width(key) + 2, &start, text, Role::Plain);
    }

    /// Adds an item of a list, of one or more lines. The item under the cursor is highlighted as a whole.
    pub(super) fn list_item(&mut self, is_cursor: bool, add: impl FnOnce(&mut Self)) {
        let first = self.lines.len();
        add(self);
        if is_cursor {
            self.highlighted_lines = first..self.lines.len();
            self.cursor = Some((first, 0));
        }
    }

    /// Adds a row of a form, which does not wrap. The row that the operator is on has a marker, and is highlighted.
    pub(super) fn form_row(&mut self, is_current: bool, label: &str, value: &str) {
        let marker = if is_current { "> " } else { "  " };
        let columns = self.label_width;
        if is_current {
            self.highlighted_lines = self.lines.len()..self.lines.len() + 1;
            self.cursor = Some((self.lines.len(), 0));
        }
        self.lines.push(vec![(format!("{marker}{label:<columns$}{value}"), Role::Plain)]);
    }

    /// Adds a paragraph after a bold mark at the left edge.
    pub(super) fn marked_text(&mut self, mark: &str, text: &str) {
        let start = [(mark.to_owned(), Role::Strong)];
        self.push_wrapped(self.indent + text::width(mark), &start, text, Role::Plain);
    }

    /// Adds a line that needs no wrapping.
    pub(super) fn push_line(&mut self, parts: StyledLine) {
        let mut line = vec![(" ".repeat(self.indent), Role::Plain)];
        line.extend(parts);
        self.lines.push(line);
    }

    /// Puts the terminal's cursor on the next line to be added, at a column of its text.
    pub(super) fn cursor_on_next_line(&mut self, column: usize) {
        self.cursor = Some((self.lines.len(), self.indent + column));
    }

    /// Puts the terminal's cursor on the last line, at a column of the page.
    pub(super) fn cursor_in_last_line(&mut self, column: usize) {
        self.cursor = Some((self.lines.len().saturating_sub(1), column));
    }

    /// Keeps the last line in sight if the cursor is: it answers what is typed there.
    pub(super) fn keep_last_line_in_sight(&mut self) {
        self.focus_end = self.lines.len();
    }

    /// Adds a field of so many digits behind a label, or says that it waits, because no digit counts yet.
    pub(super) fn digits_field(&mut self, label: &str, typed: &str, digits: usize, is_pausing: bool) {
        let missing = "_".repeat(digits.saturating_sub(typed.len()));
        let (content, end) = if is_pausing { ("wait", "]".to_owned()) } else { (typed, format!("{missing}]")) };
        let label = format!("{label}   [");
        self.cursor_on_next_line(label.len() + typed.len());
        self.push_line(vec![(label, Role::Plain), (content.to_owned(), Role::Strong), (end, Role::Plain)]);
    }

    /// Sets a text that must be read now. The rule below the page shows it.
    pub(super) fn set_notice(&mut self, text: impl Into<String>, role: Role) {
        self.notice = Some((text.into(), role));
    }

    fn push_wrapped(&mut self, indent: usize, start: &[(String, Role)], content: &str, role: Role) {
        let max_columns = self.width.saturating_sub(indent + 1).max(8);
        let mut line: StyledLine =
            if start.is_empty() { vec![(" ".repeat(indent), Role::Plain)] } else { start.to_vec() };
        let (mut text, mut used) = (String::new(), 0);
        for word in content.split(' ') {
            let mut word = word.to_owned();
            // A word longer than the line is broken into parts.
            while text::width(&word) > max_columns {
                let head: String = word.chars().take(max_columns / 2).collect();
                word = word.chars().skip(max_columns / 2).collect();
                if used > 0 {
                    line.push((std::mem::take(&mut text), role));
                    self.lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), Role::Plain)]));
                }
                used = text::width(&head) + 1;
                text = head;
            }
            let width = text::width(&word);
            if used > 0 && used + 1 + width > max_columns {
                line.push((std::mem::take(&mut text), role));
                self.lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), Role::Plain)]));
                used = 0;
            }
            if used > 0 {
                text.push(' ');
                used += 1;
            }
            text.push_str(&word);
            used += width;
        }
        line.push((text, role));
        self.lines.push(line);
    }

    /// Draws the page below its heading, and the rule below the page.
    pub(super) fn paint(&self, app: &App, canvas: &mut Canvas<'_>, scroll: u16) -> PaintResult {
        canvas.draw_rule(1, &[(self.heading.as_deref().unwrap_or_default(), Role::Strong)], "");
        let top = if self.is_compact { 2 } else { 3 };
        let rows = top..canvas.height().saturating_sub(2);
        let mut result = self.paint_lines(canvas, 0, rows.clone(), scroll);
        let above = self.first_line(rows.len(), scroll);
        let out_of_sight = (above, usize::from(result.max_scroll).saturating_sub(above));
        canvas.draw_page_end(app, out_of_sight, self.notice.as_ref().map(|(text, role)| (text.as_str(), *role)));
        result.cursor = result.cursor.or(Some(Position { x: 0, y: top }));
        result
    }

    /// How many lines are above the window. The field with the focus, or the whole item under the cursor, is always
    /// visible.
    fn first_line(&self, height: usize, scroll: u16) -> usize {
        let max_scroll = self.lines.len().saturating_sub(height);
        let focus_end = self.cursor.map_or(0, |(line, _)| self.highlighted_lines.end.max(self.focus_end).max(line + 1));
        let min_scroll = focus_end.saturating_sub(height);
        usize::from(scroll).max(min_scroll).min(max_scroll)
    }

    /// The lines without the first `count` ones, but with the sticky ones. If there are sticky lines, blank lines are
    /// skipped before all others.
    fn visible_lines(&self, count: usize, sticky: &[usize]) -> impl Iterator<Item = (usize, &StyledLine)> {
        let is_gap = |line: &StyledLine| line.is_empty() && !sticky.is_empty();
        let cursor_line = self.cursor.map_or(0, |(line, _)| line);
        let mut gaps = self.lines[..cursor_line].iter().filter(|line| is_gap(line)).count().min(count);
        let mut others = count - gaps;
        self.lines.iter().enumerate().filter(move |(index, line)| {
            let left = if is_gap(line) { &mut gaps } else { &mut others };
            let is_skipped = *left > 0 && !sticky.contains(index);
            *left -= usize::from(is_skipped);
            !is_skipped
        })
    }

    /// Draws the lines into a column of the window.
    pub(super) fn paint_lines(&self, canvas: &mut Canvas<'_>, left: u16, rows: Range<u16>, scroll: u16) -> PaintResult {
        let height = rows.len();
        let max_scroll = self.lines.len().saturating_sub(height);
        let first = self.first_line(height, scroll);
        let visible = self.visible_lines(first, &self.sticky_lines[..self.sticky_lines.len().min(height / 2)]);
        let mut result = PaintResult { cursor: None, max_scroll: u16::try_from(max_scroll).unwrap_or(u16::MAX) };
        for (row, (index, line)) in rows.zip(visible) {
            let mut x = left;
            for (text, role) in line {
                x = canvas.put(x, row, text, *role);
            }
            if self.highlighted_lines.contains(&index) {
                canvas.highlight_row_before(row, left + u16::try_from(self.width).unwrap_or(u16::MAX - left));
            }
            if let Some((_, column)) = self.cursor.filter(|(line, _)| *line == index) {
                result.cursor = Some(Position { x: left + u16::try_from(column).unwrap_or(0), y: row });
            }
        }
        result
    }
}
