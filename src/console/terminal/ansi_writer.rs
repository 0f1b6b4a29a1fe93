//! Writes the bytes of one frame: it tracks the cursor position and style, and chooses the shortest move to the next
//! cell.
//!
//! It uses the sequences that every terminal since the VT100 supports, and a few more for terminals that have them. It
//! does not decide what a frame contains, writes only to memory, and sets no background and no color beyond the basic
//! eight: the theme has none. The style stays valid from frame to frame, so that an unchanged style costs nothing.

use std::io::Write as _;

use ratatui::buffer::{Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

/// The attributes of the theme, and their parameters in `CSI m`.
const ATTRIBUTES: [(Modifier, u8); 3] = [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::REVERSED, 7)];

/// The basic colors, in the order of their parameters from 30 on. Old terminals do not know the longer forms.
const COLORS: [Color; 8] =
    [Color::Black, Color::Red, Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan, Color::Gray];

/// The style of a cell, as far as the terminal can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct CellStyle {
    /// The parameter of the color in `CSI m`; `None` for the terminal's default.
    color: Option<u8>,
    attributes: Modifier,
}

impl CellStyle {
    fn from_cell(cell: &Cell) -> Self {
        Self {
            color: (30..).zip(COLORS).find(|(_, color)| *color == cell.fg).map(|(parameter, _)| parameter),
            attributes: ATTRIBUTES.iter().fold(Modifier::empty(), |all, (flag, _)| all | (cell.modifier & *flag)),
        }
    }

    /// The parameters of `CSI m` that set this style after a reset.
    fn sgr_parameters(self) -> impl Iterator<Item = u8> {
        let attributes = ATTRIBUTES.iter().filter(move |(flag, _)| self.attributes.contains(*flag));
        attributes.map(|(_, parameter)| *parameter).chain(self.color)
    }

    /// The parameters of `CSI m` that change another style, or an unknown one, to this one. Removing an attribute always
    /// uses a reset, which is shorter than separate "off" parameters and supported by more terminals.
    fn sgr_diff(self, old: Option<Self>) -> String {
        let can_add =
            |old: &Self| self.attributes.contains(old.attributes) && (old.color.is_none() || self.color.is_some());
        let Some(old) = old.filter(can_add) else {
            // An empty first parameter means 0: reset.
            return self.sgr_parameters().fold(String::new(), |text, one| format!("{text};{one}"));
        };
        let added = self.sgr_parameters().filter(|one| old.sgr_parameters().all(|old| old != *one));
        added.map(|one| one.to_string()).collect::<Vec<_>>().join(";")
    }
}

/// The position of the cursor. After the last column was written `x` equals the width: the terminal then delays the
/// line break, and only absolute moves and a carriage return are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CursorPosition {
    x: u16,
    y: u16,
}

/// Collects the bytes of a frame.
#[derive(Debug)]
pub(super) struct AnsiWriter {
    bytes: Vec<u8>,
    width: u16,
    /// `None` if it is unknown.
    position: Option<CursorPosition>,
    /// `None` if it is unknown.
    style: Option<CellStyle>,
    /// `None` if it is unknown.
    is_cursor_visible: Option<bool>,
}

impl AnsiWriter {
    /// A writer that assumes nothing about the terminal.
    pub(super) fn new() -> Self {
        // A full frame of 120x40 is far below 64 KiB, so the buffer does not grow while it is drawn.
        Self { bytes: Vec::with_capacity(64 * 1024), width: 0, position: None, style: None, is_cursor_visible: None }
    }

    /// Discards the known state of the terminal and the collected bytes.
    pub(super) fn reset_state(&mut self) {
        self.bytes.clear();
        (self.position, self.style, self.is_cursor_visible) = (None, None, None);
    }

    /// The bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts the next frame with an empty buffer.
    pub(super) fn begin_frame(&mut self, width: u16) {
        self.bytes.clear();
        self.width = width;
    }

    /// Makes the terminal show nothing until [`AnsiWriter::end_synchronized_update`]. Terminals without support ignore
    /// it.
    pub(super) fn begin_synchronized_update(&mut self) {
        self.bytes.extend_from_slice(b"\x1b[?2026h");
    }

    /// Makes the terminal show the update.
    pub(super) fn end_synchronized_update(&mut self) {
        self.bytes.extend_from_slice(b"\x1b[?2026l");
    }

    /// Erases the screen. The position and style count as unknown, because a resize moves the cursor.
    pub(super) fn clear_screen(&mut self) {
        (self.position, self.style) = (None, None);
        // Some terminals erase with the current background color.
        self.set_style(CellStyle::default());
        self.bytes.extend_from_slice(b"\x1b[2J");
    }

    /// Erases from a cell to the end of its row.
    pub(super) fn clear_row_from(&mut self, x: u16, y: u16) {
        self.set_style(CellStyle::default());
        self.move_to(x, y);
        self.bytes.extend_from_slice(b"\x1b[K");
    }

    /// Erases cells of a row. The cursor stays before them.
    pub(super) fn erase_cells(&mut self, x: u16, y: u16, count: usize) {
        self.set_style(CellStyle::default());
        self.move_to(x, y);
        self.push_fmt(format_args!("\x1b[{count}X"));
    }

    /// Moves the rows `first..end` up by `by`, or down if it is negative. The uncovered rows are blank.
    pub(super) fn scroll(&mut self, first: u16, end: u16, by: i32) {
        self.set_style(CellStyle::default());
        let (direction, count) = if by > 0 { ('S', by) } else { ('T', -by) };
        self.push_fmt(format_args!("\x1b[{};{end}r\x1b[", first + 1));
        if count > 1 {
            self.push_fmt(format_args!("{count}"));
        }
        self.push_fmt(format_args!("{direction}\x1b[r"));
        // Setting the margins moves the cursor. In origin mode terminals disagree on the position.
        self.position = None;
    }

    /// Changes colors and attributes.
    fn set_style(&mut self, style: CellStyle) {
        if self.style != Some(style) {
            let parameters = style.sgr_diff(self.style.replace(style));
            self.push_fmt(format_args!("\x1b[{parameters}m"));
        }
    }

    /// True if the cell can be written with one byte in the current style.
    pub(super) fn is_single_byte_write(&self, cell: &Cell) -> bool {
        self.shows_style(cell) && is_plain_byte(cell.symbol())
    }

    /// True if the cell looks right in the current style: the color and the weight of a blank cannot be seen.
    fn shows_style(&self, cell: &Cell) -> bool {
        let is_reversed = |style: CellStyle| style.attributes.contains(Modifier::REVERSED);
        self.style.is_some_and(|style| {
            let wanted = CellStyle::from_cell(cell);
            style == wanted || (cell.symbol() == " " && !is_reversed(style) && !is_reversed(wanted))
        })
    }

    /// How many columns the cursor is left of a cell in the same row.
    pub(super) fn columns_to(&self, x: u16, y: u16) -> Option<u16> {
        self.position.filter(|at| at.y == y && at.x < self.width).and_then(|at| x.checked_sub(at.x))
    }

    /// Writes a cell.
    pub(super) fn write_cell(&mut self, x: u16, y: u16, cell: &Cell) {
        if !self.shows_style(cell) {
            self.set_style(CellStyle::from_cell(cell));
        }
        self.move_to(x, y);
        let symbol = cell.symbol();
        if is_plain_byte(symbol) {
            self.bytes.extend_from_slice(symbol.as_bytes());
            self.position = Some(CursorPosition { x: x + 1, y });
            return;
        }
        let width = cell_width(cell);
        // A cell can contain any text: control characters, and text that does not fit, are not written.
        let is_fit = width > 0 && x + width <= self.width && !symbol.chars().any(char::is_control);
        if !is_fit {
            self.bytes.push(if symbol.is_empty() { b' ' } else { b'?' });
            self.position = Some(CursorPosition { x: x + 1, y });
            return;
        }
        let is_single = symbol.chars().nth(1).is_none();
        if !is_single && width > 1 {
            // Terminals disagree on the width of joined characters, so the cells are blanked first: no old half may
            // remain.
            self.bytes.extend(std::iter::repeat_n(b' ', usize::from(width)));
            self.position = Some(CursorPosition { x: x + width, y });
            self.move_to(x, y);
        }
        self.bytes.extend_from_slice(symbol.as_bytes());
        self.position = is_single.then_some(CursorPosition { x: x + width, y });
    }

    /// Shows the cursor at a cell, or hides it.
    pub(super) fn place_cursor(&mut self, cursor: Option<(u16, u16)>) {
        if let Some((x, y)) = cursor {
            self.move_to(x, y);
        }
        let is_visible = cursor.is_some();
        if self.is_cursor_visible != Some(is_visible) {
            self.bytes.extend_from_slice(if is_visible { b"\x1b[?25h" } else { b"\x1b[?25l" });
            self.is_cursor_visible = Some(is_visible);
        }
    }

    /// Moves the cursor with the fewest bytes.
    fn move_to(&mut self, x: u16, y: u16) {
        let target = CursorPosition { x, y };
        let Some(from) = self.position.replace(target).filter(|from| from.y <= y) else {
            return self.push_fmt(format_args!("{}", absolute_move(target)));
        };
        if from == target {
            return;
        }
        // In raw mode a line feed moves straight down.
        let feeds = "\n".repeat(usize::from(y - from.y));
        let from_left_edge = format!("\r{feeds}{}", horizontal_move(0, x));
        let straight = (from.x < self.width).then(|| feeds + &horizontal_move(from.x, x));
        let moves = [Some(absolute_move(target)), Some(from_left_edge), straight];
        let shortest = moves.into_iter().flatten().min_by_key(String::len).unwrap_or_default();
        self.bytes.extend_from_slice(shortest.as_bytes());
    }

    fn push_fmt(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        drop(self.bytes.write_fmt(arguments));
    }
}

fn absolute_move(to: CursorPosition) -> String {
    match (to.x, to.y) {
        (0, 0) => "\x1b[H".to_owned(),
        (0, y) => format!("\x1b[{}H", y + 1),
        (x, y) => format!("\x1b[{};{}H", y + 1, x + 1),
    }
}

fn horizontal_move(from: u16, to: u16) -> String {
    match (to.abs_diff(from), to > from) {
        (0, _) => String::new(),
        (1, true) => "\x1b[C".to_owned(),
        (right, true) => format!("\x1b[{right}C"),
        (left, false) => format!("\x1b[{left}D"),
    }
}

fn is_plain_byte(symbol: &str) -> bool {
    matches!(symbol.as_bytes(), [0x20..=0x7e])
}

/// The width of a cell: 0 if it is empty or a control character, for which ratatui's own panics.
pub(super) fn cell_width(cell: &Cell) -> u16 {
    match cell.symbol().as_bytes() {
        [] => 0,
        [byte] => u16::from(!byte.is_ascii_control()),
        _ => cell.cell_width(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn cell_style(style: Style) -> CellStyle {
        CellStyle::from_cell(Cell::new("x").set_style(style))
    }

    #[test]
    fn a_style_changes_with_the_fewest_parameters() {
        let plain = cell_style(Style::new());
        let reversed = cell_style(Style::new().add_modifier(Modifier::REVERSED));
        let red = cell_style(Style::new().fg(Color::Red));
        let red_reversed = cell_style(Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED));
        let cases = [
            (plain, reversed, "7"),
            (reversed, plain, ""),
            (reversed, red_reversed, "31"),
            (red_reversed, red, ";31"),
            (red, cell_style(Style::new().fg(Color::Green)), "32"),
            (red, reversed, ";7"),
            (plain, cell_style(Style::new().fg(Color::Magenta).add_modifier(Modifier::BOLD)), "1;35"),
        ];
        for (old, new, expected) in cases {
            assert_eq!(new.sgr_diff(Some(old)), expected, "{old:?} to {new:?}");
        }
        assert_eq!(red_reversed.sgr_diff(None), ";7;31", "an unknown style is reset");
        let unsupported = Style::new().fg(Color::Indexed(9)).bg(Color::Red).add_modifier(Modifier::ITALIC);
        assert_eq!(cell_style(unsupported), plain);
    }

    #[test]
    fn a_move_uses_the_shortest_form() {
        let cases = [
            ((5, 5), (5, 5), b"".as_slice()),
            ((5, 5), (0, 6), b"\r\n"),
            ((5, 5), (5, 6), b"\n"),
            ((5, 5), (5, 4), b"\x1b[5;6H"),
            ((5, 5), (9, 5), b"\x1b[4C"),
            ((5, 5), (3, 5), b"\x1b[2D"),
            ((70, 5), (70, 7), b"\n\n"),
            ((70, 25), (2, 26), b"\r\n\x1b[2C"),
            ((80, 5), (0, 6), b"\r\n"),
            ((80, 5), (70, 30), b"\x1b[31;71H"),
            ((70, 30), (0, 0), b"\x1b[H"),
        ];
        for ((x, y), (to_x, to_y), expected) in cases {
            let mut writer = AnsiWriter::new();
            writer.begin_frame(80);
            writer.position = Some(CursorPosition { x, y });
            writer.move_to(to_x, to_y);
            assert_eq!(writer.bytes().escape_ascii().to_string(), expected.escape_ascii().to_string());
            assert_eq!(writer.position, Some(CursorPosition { x: to_x, y: to_y }));
        }
    }

    #[test]
    fn no_cell_can_control_the_terminal() {
        for symbol in ["\x1b", "\n", "a\x1b[2J", "\u{9b}2J", "\u{85}"] {
            let mut writer = AnsiWriter::new();
            writer.begin_frame(80);
            writer.write_cell(0, 0, Cell::default().set_symbol(symbol));
            assert_eq!(writer.bytes(), b"\x1b[m\x1b[H?", "{symbol:?}");
        }
    }
}
