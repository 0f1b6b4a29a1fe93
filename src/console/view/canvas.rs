//! Writes text into the cells of a frame: clipped, in the styles of the theme, and in ASCII if the terminal needs it.
//!
//! It also draws what surrounds every page. It does not know the content of the pages.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

use super::status;
use crate::console::app::App;
use crate::console::input::keymap::FooterKey;
use crate::console::shared::Connection;
use crate::console::theme::{Role, Theme};
use crate::domain::ascii::nearest_ascii;
use crate::domain::text;

/// The number of columns between two keys of the footer.
const FOOTER_GAP: usize = 2;

/// The number of columns between two parts of the title.
const TITLE_GAP: usize = 2;

/// The number of columns of a rule before its first text, and after its last one.
const RULE_END: usize = 2;

/// A frame that is being drawn.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    pub(super) theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, theme: Theme) -> Self {
        Self { buffer, area, theme }
    }

    pub(super) fn width(&self) -> u16 {
        self.area.width
    }

    pub(super) fn height(&self) -> u16 {
        self.area.height
    }

    /// Writes text from a column on, clipped at the right edge. Returns the column after it.
    pub(super) fn put(&mut self, x: u16, y: u16, text: &str, role: Role) -> u16 {
        self.put_within(x, y, usize::from(self.area.width), text, role)
    }

    /// Writes text from a column on, truncated with a mark to at most `columns`. Returns the column after it.
    pub(super) fn put_within(&mut self, x: u16, y: u16, columns: usize, text: &str, role: Role) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return x;
        }
        let max_columns = columns.min(usize::from(self.area.width - x));
        let text = self.to_glyphs(text);
        let text = text::truncate(&text, max_columns);
        // Text on a rule is not dim.
        let style = Style::reset().patch(self.theme.style(role));
        let (left, row) = (self.area.x + x, self.area.y + y);
        if !text.is_ascii() {
            let (end, _) = self.buffer.set_stringn(left, row, &text, max_columns, style);
            return end - self.area.x;
        }
        // In ASCII each byte is one cell. Searching for graphemes would take most of the time of a frame.
        let mut end = left;
        for byte in text.bytes() {
            self.buffer[(end, row)].set_char(char::from(byte)).set_style(style);
            end += 1;
        }
        end - self.area.x
    }

    /// Writes text so that it ends at the right edge.
    pub(super) fn put_right(&mut self, y: u16, text: &str, role: Role) {
        let width = u16::try_from(text::width(text)).unwrap_or(u16::MAX);
        self.put(self.area.width.saturating_sub(width), y, text, role);
    }

    /// Blanks a row.
    pub(super) fn clear_row(&mut self, y: u16) {
        self.put(0, y, &" ".repeat(usize::from(self.area.width)), Role::Plain);
    }

    /// Highlights the part of a row before a column, from its first cell to the end of its text, as one run: the blanks
    /// between its columns too, and without the colors and weights of its parts, which would show as patches in a
    /// reversed row.
    pub(super) fn highlight_row_before(&mut self, y: u16, end: u16) {
        if y >= self.area.height {
            return;
        }
        let mut cells = (0..end.min(self.area.width)).map(|x| (self.area.x + x, self.area.y + y));
        let Some(end) = cells.rposition(|at| self.buffer[at].symbol() != " ") else { return };
        let style = Style::reset().patch(self.theme.style(Role::Cursor));
        for x in (0..=end).filter_map(|x| u16::try_from(x).ok()) {
            self.buffer[(self.area.x + x, self.area.y + y)].set_style(style);
        }
    }

    /// Draws a horizontal rule across the window, with a text near its left end and one near its right end.
    pub(super) fn draw_rule(&mut self, y: u16, left: &[(&str, Role)], right: &str) {
        let width = usize::from(self.area.width);
        let rule = self.theme.horizontal_line().repeat(width);
        self.put(0, y, &rule, Role::Quiet);
        let room = width.saturating_sub(2 * RULE_END);
        let right_columns = if right.is_empty() { 0 } else { text::width(right) + 2 };
        if right_columns > 0 && right_columns <= room {
            let x = u16::try_from(width - RULE_END - right_columns).unwrap_or(u16::MAX);
            self.put(x, y, &format!(" {right} "), Role::Plain);
        }
        let mut x = u16::try_from(RULE_END).unwrap_or(u16::MAX);
        for (part, role) in left.iter().filter(|(part, _)| !part.is_empty()) {
            let max_columns = width.saturating_sub(usize::from(x) + RULE_END + right_columns);
            if max_columns < 3 {
                break;
            }
            self.put(x, y, " ", Role::Plain);
            x = self.put_within(x + 1, y, max_columns - 2, part, *role);
            self.put(x, y, " ", Role::Plain);
        }
    }

    /// Draws the newest message of the list, or the response to the last key.
    pub(super) fn draw_message_line(&mut self, app: &App) {
        let y = self.area.height.saturating_sub(2);
        if let Some(warning) = app.hide_warning() {
            self.put(0, y, &warning, Role::Strong);
        } else if let Some(text) = app.messages().line().filter(|_| !app.hides_numbers()) {
            self.put(0, y, text, Role::Plain);
        }
    }

    /// Draws the rule below a page: how many lines are out of sight, and the text that must be read now, if there is
    /// one.
    pub(super) fn draw_page_end(&mut self, app: &App, out_of_sight: (usize, usize), notice: Option<(&str, Role)>) {
        let y = self.area.height.saturating_sub(2);
        let (above, below) = out_of_sight;
        let more = [(self.theme.up_mark(), above, "above"), (self.theme.down_mark(), below, "below")]
            .into_iter()
            .filter(|(_, lines, _)| *lines > 0)
            .map(|(mark, lines, place)| format!("{mark} {lines} more {place}"))
            .collect::<Vec<_>>()
            .join("  ");
        let warning = app.hide_warning();
        // On a page that asks something, a message would look like an answer.
        let news = if app.asks() { app.messages().current_hint() } else { app.messages().news() };
        let news = news.filter(|_| !app.hides_numbers()).map(|text| (text, Role::Plain));
        let content = warning.as_deref().map(|warning| (warning, Role::Strong)).or(news).or(notice);
        let Some((content, role)) = content else {
            self.draw_rule(y, &[], &more);
            return;
        };
        // The text takes the place of the rule. An old message is cut before the counts, because a page that scrolls must
        // not look complete. Anything else must be read now.
        let is_old = warning.is_none() && !app.asks() && app.messages().current_hint().is_none() && news.is_some();
        let needed = if more.is_empty() { 0 } else { text::width(&more) + TITLE_GAP };
        let columns = usize::from(self.area.width);
        self.put_within(0, y, if is_old { columns.saturating_sub(needed) } else { columns }, content, role);
        if is_old || text::width(content) + needed <= columns {
            self.put_right(y, &more, Role::Plain);
        }
    }

    /// Draws the title: on the left what the requests reach, on the right the job that runs and the connection.
    pub(super) fn draw_title(&mut self, app: &App) {
        let (mut right, role) = status::connection_label(app, &self.theme);
        let parts = status::title_parts(app);
        let job = status::job_label(app).unwrap_or_default();
        let job_columns = if job.is_empty() { 0 } else { text::width(&job) + TITLE_GAP };
        // Which numbers these are is more important than when the access token expires.
        if let Some(token) = app.token_label().filter(|_| app.connection() == &Connection::Online) {
            let parts_columns: usize = parts.iter().map(|(part, _)| text::width(part) + TITLE_GAP).sum();
            let with_token = format!("{right}  {token}");
            if parts_columns + job_columns + text::width(&with_token) <= usize::from(self.area.width) {
                right = with_token;
            }
        }
        let right_columns = text::width(&right) + job_columns;
        let max_columns = usize::from(self.area.width).saturating_sub(right_columns + TITLE_GAP);
        let mut x = 0;
        for (part, role) in parts {
            let start = if x == 0 { 0 } else { usize::from(x) + TITLE_GAP };
            let left = max_columns.saturating_sub(start);
            if text::width(&part) > left {
                break;
            }
            x = self.put_within(u16::try_from(start).unwrap_or(u16::MAX), 0, left, &part, role);
        }
        let job_x = usize::from(self.area.width).saturating_sub(right_columns);
        self.put(u16::try_from(job_x).unwrap_or(u16::MAX), 0, &job, Role::Strong);
        self.put_right(0, &right, role);
    }

    /// Draws the keys of the page, as many as fit. The key that closes the page always has room. In a compact window
    /// many keys also take the row of the rule, if it has no text.
    pub(super) fn draw_footer(&mut self, app: &App) {
        let keys = app.footer();
        let width = keys.iter().map(|key| key.width() + FOOTER_GAP).sum::<usize>().saturating_sub(FOOTER_GAP);
        let is_long = width > usize::from(self.area.width);
        let has_free_line = is_long && app.is_compact() && self.is_row_free(self.area.height.saturating_sub(2));
        let mut y = self.area.height.saturating_sub(if has_free_line { 2 } else { 1 });
        if has_free_line {
            self.clear_row(y);
        }
        let (mut x, mut is_shown) = (0, vec![false; keys.len()]);
        while y < self.area.height {
            let is_last = y + 1 == self.area.height;
            let closing_key = keys.iter().enumerate().find(|(at, key)| is_last && key.closes_page && !is_shown[*at]);
            let reserved = closing_key.map_or(0, |(_, key)| key.width() + FOOTER_GAP);
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| !key.closes_page) {
                if !is_shown[at] && x + key.width() + reserved <= usize::from(self.area.width) {
                    self.put_footer_key(x, y, key);
                    x += key.width() + FOOTER_GAP;
                    is_shown[at] = true;
                }
            }
            if let Some((at, key)) = closing_key {
                self.put_footer_key(x, y, key);
                is_shown[at] = true;
            }
            (x, y) = (0, y + 1);
        }
    }

    fn put_footer_key(&mut self, x: usize, y: u16, key: &FooterKey) {
        let x = self.put(u16::try_from(x).unwrap_or(u16::MAX), y, &key.key, Role::Strong);
        self.put(x + 1, y, &key.label, Role::Plain);
    }

    fn is_row_free(&self, y: u16) -> bool {
        let symbols = (0..self.area.width).map(|x| self.buffer[(self.area.x + x, self.area.y + y)].symbol());
        symbols.into_iter().all(|symbol| symbol == " " || symbol == self.theme.horizontal_line())
    }

    fn to_glyphs<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.theme.is_ascii() || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let ascii = |c: char| match c {
            // The mark of truncated text has its own ASCII character.
            '…' => '~',
            c => nearest_ascii(c).unwrap_or('?'),
        };
        Cow::Owned(text.chars().flat_map(|c| std::iter::repeat_n(ascii(c), c.width().unwrap_or(0))).collect())
    }
}

/// The text without its first columns.
pub(super) fn skip_columns(content: &str, columns: usize) -> String {
    let mut skipped = 0;
    content
        .chars()
        .skip_while(|c| {
            let is_skipped = skipped < columns;
            skipped += text::width(c.encode_utf8(&mut [0; 4]));
            is_skipped
        })
        .collect()
}
