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
use crate::console::theme::{Role, Theme};
use crate::domain::ascii::nearest_ascii;
use crate::domain::text;

/// The number of columns between two keys of the footer.
const FOOTER_GAP: usize = 2;

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
        let style = self.theme.style(role);
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

    /// Sets the style of a whole row, including its blanks.
    pub(super) fn style_row(&mut self, y: u16, role: Role) {
        if y < self.area.height {
            let row = Rect { x: self.area.x, y: self.area.y + y, width: self.area.width, height: 1 };
            self.buffer.set_style(row, self.theme.style(role));
        }
    }

    /// Highlights a row from its first cell to the end of its text, as one run: the blanks between its columns too, and
    /// without the colors and weights of its parts, which would show as patches in a reversed row.
    pub(super) fn highlight_row(&mut self, y: u16) {
        let mut cells = (0..self.area.width).map(|x| (self.area.x + x, self.area.y + y));
        let Some(end) = cells.rposition(|at| self.buffer[at].symbol() != " ") else { return };
        let style = Style::reset().patch(self.theme.style(Role::Cursor));
        for x in (0..=end).filter_map(|x| u16::try_from(x).ok()) {
            self.buffer[(self.area.x + x, self.area.y + y)].set_style(style);
        }
    }

    /// Draws a horizontal rule across the window.
    pub(super) fn draw_rule(&mut self, y: u16) {
        let rule = self.theme.horizontal_line().repeat(usize::from(self.area.width));
        self.put(0, y, &rule, Role::Plain);
    }

    /// Draws what surrounds every page: the title, the heading if there is one, the message line and the keys.
    pub(super) fn draw_frame(&mut self, app: &App, heading: Option<&str>) {
        let compact = app.is_compact();
        let mut row = 0;
        if !compact || heading.is_none() {
            self.draw_title(app);
            row = 1;
        }
        if let Some(heading) = heading {
            // Without the title, the heading must say which numbers the requests reach.
            let environment = if compact { compact_environment(app) } else { String::new() };
            let mut line = format!("{0}{0} {environment}{heading} ", self.theme.horizontal_line());
            let missing = usize::from(self.area.width).saturating_sub(text::width(&line));
            line.push_str(&self.theme.horizontal_line().repeat(missing));
            self.put(0, row, &line, Role::Title);
        }
        self.draw_message_line(app);
        self.draw_footer(app);
    }

    /// Draws the message line. On a page that asks something, an old message would look like an answer, so only a new
    /// one is shown.
    fn draw_message_line(&mut self, app: &App) {
        if let Some(warning) = app.hide_warning() {
            self.put(0, self.area.height.saturating_sub(2), &warning, Role::Strong);
            return;
        }
        // Messages contain numbers.
        if app.hides_numbers() {
            return;
        }
        let is_question = app.asks();
        let message = if is_question { app.messages().current_hint() } else { app.messages().line() };
        let progress = status::refresh_label(app).filter(|_| app.messages().current_hint().is_none() && !is_question);
        if let Some(text) = progress.as_deref().or(message) {
            self.put(0, self.area.height.saturating_sub(2), text, Role::Plain);
        }
    }

    fn draw_title(&mut self, app: &App) {
        let right = status::connection_label(app);
        let max_columns = usize::from(self.area.width).saturating_sub(text::width(&right) + 2);
        self.style_row(0, Role::Title);
        let mut x = self.put_within(0, 0, max_columns, "pindesk", Role::Title);
        for (part, role) in status::title_parts(app) {
            let left = max_columns.saturating_sub(usize::from(x) + 2);
            if text::width(&part) > left {
                break;
            }
            x = self.put_within(x + 2, 0, left, &part, role);
        }
        self.style_row(0, Role::Title);
        self.put_right(0, &right, Role::Title);
    }

    /// Draws the keys of the page, as many as fit. The key that closes the page always has room.
    fn draw_footer(&mut self, app: &App) {
        let keys = app.footer();
        let width = keys.iter().map(|key| key.width() + FOOTER_GAP).sum::<usize>().saturating_sub(FOOTER_GAP);
        let is_long = width > usize::from(self.area.width);
        let has_free_line = is_long && app.is_compact() && self.is_row_blank(self.area.height.saturating_sub(2));
        let mut y = self.area.height.saturating_sub(if has_free_line { 2 } else { 1 });
        let (mut x, mut is_shown) = (0, vec![false; keys.len()]);
        while y < self.area.height {
            let is_last = y + 1 == self.area.height;
            let closing_key = keys.iter().enumerate().find(|(at, key)| is_last && key.closes_page && !is_shown[*at]);
            let reserved = closing_key.map_or(0, |(_, key)| key.width() + FOOTER_GAP);
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| !key.closes_page) {
                if !is_shown[at] && x + key.width() + reserved <= usize::from(self.area.width) {
                    self.put(u16::try_from(x).unwrap_or(u16::MAX), y, &key.text, Role::Plain);
                    x += key.width() + FOOTER_GAP;
                    is_shown[at] = true;
                }
            }
            if let Some((at, key)) = closing_key {
                self.put(u16::try_from(x).unwrap_or(u16::MAX), y, &key.text, Role::Plain);
                is_shown[at] = true;
            }
            (x, y) = (0, y + 1);
        }
    }

    fn is_row_blank(&self, y: u16) -> bool {
        (0..self.area.width).all(|x| self.buffer[(self.area.x + x, self.area.y + y)].symbol() == " ")
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

/// The environment for the heading of a small window, which has no title.
fn compact_environment(app: &App) -> String {
    if app.hides_numbers() {
        return String::new();
    }
    let recording = status::recording_label(app).map(|label| format!("{label} ")).unwrap_or_default();
    format!("{} {recording}", app.session().environment.label())
}
