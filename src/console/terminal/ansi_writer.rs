//! Writes the bytes of one frame: it tracks the cursor position and style, and chooses the shortest move to the next
//! cell.
//!
//! It uses the sequences that every terminal since the VT100 supports, and a few more for terminals that have them. It
//! does not decide what a frame contains, and it writes only to memory. The style stays valid from frame to frame, so
//! that an unchanged style costs nothing.

use std::io::Write as _;

use ratatui::buffer::{Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

/// The attributes and their parameters in `CSI m`.
const ATTRIBUTES: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// Colors and attributes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CellStyle {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl CellStyle {
    pub(super) const fn from_cell(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }

    /// The parameters of `CSI m` that set this style after a reset.
    fn sgr_parameters(self) -> Vec<String> {
        let mut parameters: Vec<String> =
            ATTRIBUTES.iter().filter(|(flag, _)| self.modifier.contains(*flag)).map(|(_, n)| n.to_string()).collect();
        parameters.extend(color_parameter(self.fg, 30));
        parameters.extend(color_parameter(self.bg, 40));
        parameters
    }

    /// The parameters of `CSI m` that change another style to this one. Removing an attribute always uses a reset,
    /// which is shorter than separate "off" parameters and supported by more terminals.
    fn sgr_diff(self, old: Self) -> String {
        let only_adds = self.modifier.contains(old.modifier)
            && (old.fg == self.fg || self.fg != Color::Reset)
            && (old.bg == self.bg || self.bg != Color::Reset);
        let parameters = self.sgr_parameters();
        if only_adds {
            let present = old.sgr_parameters();
            return parameters.into_iter().filter(|one| !present.contains(one)).collect::<Vec<_>>().join(";");
        }
        // An empty first parameter means 0: reset.
        parameters.into_iter().fold(String::new(), |text, one| text + ";" + &one)
    }
}

/// The parameter for a color; `base` is 30 for the foreground, 40 for the background. The first sixteen colors have
/// short codes that old terminals also support.
fn color_parameter(color: Color, base: u8) -> Option<String> {
    let plain = |n: u8| Some((base + n).to_string());
    let bright = |n: u8| Some((base + 60 + n).to_string());
    match color {
        Color::Reset => None,
        Color::Black => plain(0),
        Color::Red => plain(1),
        Color::Green => plain(2),
        Color::Yellow => plain(3),
        Color::Blue => plain(4),
        Color::Magenta => plain(5),
        Color::Cyan => plain(6),
        Color::Gray => plain(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(n) => Some(format!("{};5;{n}", base + 8)),
        Color::Rgb(r, g, b) => Some(format!("{};2;{r};{g};{b}", base + 8)),
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
    pub(super) fn set_style(&mut self, style: CellStyle) {
        let parameters = match self.style {
            Some(old) if old == style => return,
            Some(old) => style.sgr_diff(old),
            None => style.sgr_parameters().into_iter().fold(String::new(), |text, one| text + ";" + &one),
        };
        self.push_fmt(format_args!("\x1b[{parameters}m"));
        self.style = Some(style);
    }

    /// True if the cell can be written with one byte in the current style.
    pub(super) fn is_single_byte_write(&self, cell: &Cell) -> bool {
        self.style == Some(CellStyle::from_cell(cell)) && is_plain_byte(cell.symbol())
    }

    /// How many columns the cursor is left of a cell in the same row.
    pub(super) fn columns_to(&self, x: u16, y: u16) -> Option<u16> {
        self.position.filter(|at| at.y == y && at.x < self.width).and_then(|at| x.checked_sub(at.x))
    }

    /// Writes a cell.
    pub(super) fn write_cell(&mut self, x: u16, y: u16, cell: &Cell) {
        self.set_style(CellStyle::from_cell(cell));
        self.move_to(x, y);
        let symbol = cell.symbol();
        if is_plain_byte(symbol) {
            self.bytes.extend_from_slice(symbol.as_bytes());
            self.position = Some(CursorPosition { x: x + 1, y });
            return;
        }
        let width = cell.cell_width_or_zero();
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
        let Some(at) = self.position else {
            self.move_absolute(x, y);
            return;
        };
        let target = CursorPosition { x, y };
        if at == target {
            return;
        }
        let start = self.bytes.len();
        self.move_absolute(x, y);
        let absolute_len = self.bytes.len() - start;
        let relative = self.relative_move(at, target);
        if relative.len() < absolute_len {
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(&relative);
        }
    }

    fn move_absolute(&mut self, x: u16, y: u16) {
        match (x, y) {
            (0, 0) => self.push_fmt(format_args!("\x1b[H")),
            (0, y) => self.push_fmt(format_args!("\x1b[{}H", y + 1)),
            (x, y) => self.push_fmt(format_args!("\x1b[{};{}H", y + 1, x + 1)),
        }
        self.position = Some(CursorPosition { x, y });
    }

    /// The steps from one cell to another. In raw mode a line feed moves straight down.
    fn relative_move(&self, from: CursorPosition, to: CursorPosition) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        let mut x = from.x;
        // Near the left edge, and if a line break is delayed, go through column 0.
        if (to.x == 0 && from.x != 0) || from.x >= self.width || (to.x < 10 && to.x + 4 < from.x) {
            out.push(b'\r');
            x = 0;
        }
        match (to.y.checked_sub(from.y), from.y.saturating_sub(to.y)) {
            (Some(down @ 0..=3), _) => out.extend(std::iter::repeat_n(b'\n', usize::from(down))),
            (Some(down), _) => push_relative_move(&mut out, down, b'B'),
            (None, up) => push_relative_move(&mut out, up, b'A'),
        }
        match (to.x.checked_sub(x), x.saturating_sub(to.x)) {
            (Some(0), _) => {}
            (Some(right), _) => push_relative_move(&mut out, right, b'C'),
            (None, left @ 1..=3) => out.extend(std::iter::repeat_n(b'\x08', usize::from(left))),
            (None, left) => push_relative_move(&mut out, left, b'D'),
        }
        out
    }

    fn push_fmt(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        drop(self.bytes.write_fmt(arguments));
    }
}

fn push_relative_move(out: &mut Vec<u8>, count: u16, direction: u8) {
    out.extend_from_slice(b"\x1b[");
    if count > 1 {
        out.extend_from_slice(count.to_string().as_bytes());
    }
    out.push(direction);
}

fn is_plain_byte(symbol: &str) -> bool {
    matches!(symbol.as_bytes(), [0x20..=0x7e])
}

/// The width of a cell. Unlike ratatui's, it does not panic on control characters.
pub(super) trait SafeCellWidth {
    /// Columns; 0 for an empty cell or a control character.
    fn cell_width_or_zero(&self) -> u16;
}

impl SafeCellWidth for Cell {
    fn cell_width_or_zero(&self) -> u16 {
        match self.symbol().as_bytes() {
            [] => 0,
            [byte] => u16::from(!byte.is_ascii_control()),
            _ => self.cell_width(),
        }
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
            (plain, cell_style(Style::new().bg(Color::Indexed(9))), "48;5;9"),
        ];
        for (old, new, expected) in cases {
            assert_eq!(new.sgr_diff(old), expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn a_move_uses_the_shortest_form() {
        let cases = [
            ((5, 5), (5, 5), b"".as_slice()),
            ((5, 5), (0, 6), b"\r\n"),
            ((5, 5), (5, 6), b"\n"),
            ((5, 5), (5, 4), b"\x1b[A"),
            ((5, 5), (9, 5), b"\x1b[4C"),
            ((5, 5), (3, 5), b"\x08\x08"),
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
