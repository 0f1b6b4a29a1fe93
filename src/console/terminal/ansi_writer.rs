//! The bytes of one frame: where the pen stands, what it looks like, and the shortest way to the next cell.
//!
//! It knows the sequences that every terminal since the VT100 knows, and a few more for those that have
//! them; it decides nothing about what a frame holds, and it writes to memory only. Looks are carried from
//! frame to frame, so nothing is reset that is still right.

use std::io::Write as _;

use ratatui::buffer::{Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

/// The attributes and their numbers in `CSI m`.
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

/// Colours and attributes of a cell.
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

    /// The parameters of `CSI m` that lead here from a plain look.
    fn sgr_parameters(self) -> Vec<String> {
        let mut all: Vec<String> =
            ATTRIBUTES.iter().filter(|(flag, _)| self.modifier.contains(*flag)).map(|(_, n)| n.to_string()).collect();
        all.extend(color_parameter(self.fg, 30));
        all.extend(color_parameter(self.bg, 40));
        all
    }

    /// The parameters of `CSI m` that lead here from another look. Taking an attribute away always goes
    /// through a reset, which is shorter than the single off-switches and known to more terminals.
    fn sgr_diff(self, old: Self) -> String {
        let only_adds = self.modifier.contains(old.modifier)
            && (old.fg == self.fg || self.fg != Color::Reset)
            && (old.bg == self.bg || self.bg != Color::Reset);
        let whole = self.sgr_parameters();
        if only_adds {
            let before = old.sgr_parameters();
            return whole.into_iter().filter(|one| !before.contains(one)).collect::<Vec<_>>().join(";");
        }
        // An empty first parameter is a zero: reset.
        whole.into_iter().fold(String::new(), |text, one| text + ";" + &one)
    }
}

/// The parameter for a colour; `base` is 30 for the foreground, 40 for the background. The first sixteen
/// have short codes that old terminals know, too.
fn color_parameter(colour: Color, base: u8) -> Option<String> {
    let plain = |n: u8| Some((base + n).to_string());
    let bright = |n: u8| Some((base + 60 + n).to_string());
    match colour {
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

/// Where the pen stands. `x` equals the width after the last column was written: the terminal then waits
/// with the line break, and only absolute moves and a carriage return are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PenPosition {
    x: u16,
    y: u16,
}

/// Collects the bytes of a frame.
#[derive(Debug)]
pub(super) struct AnsiWriter {
    bytes: Vec<u8>,
    width: u16,
    /// `None` when it is not known.
    position: Option<PenPosition>,
    /// `None` when it is not known.
    style: Option<CellStyle>,
    /// `None` when it is not known.
    is_cursor_visible: Option<bool>,
}

impl AnsiWriter {
    /// A pen that knows nothing of the terminal.
    pub(super) fn new() -> Self {
        // A full frame of 120x40 stays far below 64 KiB, so that the buffer never grows while drawing.
        Self { bytes: Vec::with_capacity(64 * 1024), width: 0, position: None, style: None, is_cursor_visible: None }
    }

    /// Forgets what it knows of the terminal, and what was not yet taken.
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

    /// Tells a terminal that can to show nothing until [`Pen::release`]; others ignore it.
    pub(super) fn begin_synchronized_update(&mut self) {
        self.bytes.extend_from_slice(b"\x1b[?2026h");
    }

    /// Shows what was held.
    pub(super) fn end_synchronized_update(&mut self) {
        self.bytes.extend_from_slice(b"\x1b[?2026l");
    }

    /// Erases the screen, and relies on nothing that was known of it: a resize moves the cursor.
    pub(super) fn clear_screen(&mut self) {
        (self.position, self.style) = (None, None);
        // Some terminals erase with the current background.
        self.set_style(CellStyle::default());
        self.bytes.extend_from_slice(b"\x1b[2J");
    }

    /// Erases from here to the end of the row.
    pub(super) fn clear_row_from(&mut self, x: u16, y: u16) {
        self.set_style(CellStyle::default());
        self.move_to(x, y);
        self.bytes.extend_from_slice(b"\x1b[K");
    }

    /// Moves the rows `first..end` up by `by`, or down if it is negative; the rows laid open are blank.
    pub(super) fn scroll(&mut self, first: u16, end: u16, by: i32) {
        self.set_style(CellStyle::default());
        let (way, count) = if by > 0 { ('S', by) } else { ('T', -by) };
        self.push_fmt(format_args!("\x1b[{};{end}r\x1b[", first + 1));
        if count > 1 {
            self.push_fmt(format_args!("{count}"));
        }
        self.push_fmt(format_args!("{way}\x1b[r"));
        // Setting the margins moves the cursor; where to, terminals disagree in origin mode.
        self.position = None;
    }

    /// Changes colours and attributes.
    pub(super) fn set_style(&mut self, look: CellStyle) {
        let parameters = match self.style {
            Some(old) if old == look => return,
            Some(old) => look.sgr_diff(old),
            None => look.sgr_parameters().into_iter().fold(String::new(), |text, one| text + ";" + &one),
        };
        self.push_fmt(format_args!("\x1b[{parameters}m"));
        self.style = Some(look);
    }

    /// True if writing the cell here needs neither a move nor another look, only its own byte.
    pub(super) fn is_single_byte_write(&self, cell: &Cell) -> bool {
        self.style == Some(CellStyle::from_cell(cell)) && is_plain_byte(cell.symbol())
    }

    /// How far the pen stands left of a place in the same row.
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
            self.position = Some(PenPosition { x: x + 1, y });
            return;
        }
        let width = cell.cell_width_or_zero();
        // A buffer takes any text into a cell; what steers the terminal, or does not fit, stays out.
        let is_fit = width > 0 && x + width <= self.width && !symbol.chars().any(char::is_control);
        if !is_fit {
            self.bytes.push(if symbol.is_empty() { b' ' } else { b'?' });
            self.position = Some(PenPosition { x: x + 1, y });
            return;
        }
        let is_single = symbol.chars().nth(1).is_none();
        if !is_single && width > 1 {
            // Terminals disagree on how wide a joined sign is: none may leave an old half behind.
            self.bytes.extend(std::iter::repeat_n(b' ', usize::from(width)));
            self.position = Some(PenPosition { x: x + width, y });
            self.move_to(x, y);
        }
        self.bytes.extend_from_slice(symbol.as_bytes());
        self.position = is_single.then_some(PenPosition { x: x + width, y });
    }

    /// Parks the visible cursor, or hides it.
    pub(super) fn place_cursor(&mut self, cursor: Option<(u16, u16)>) {
        if let Some((x, y)) = cursor {
            self.move_to(x, y);
        }
        let shown = cursor.is_some();
        if self.is_cursor_visible != Some(shown) {
            self.bytes.extend_from_slice(if shown { b"\x1b[?25h" } else { b"\x1b[?25l" });
            self.is_cursor_visible = Some(shown);
        }
    }

    /// Moves the pen by the fewest bytes.
    fn move_to(&mut self, x: u16, y: u16) {
        let Some(at) = self.position else {
            self.move_absolute(x, y);
            return;
        };
        let target = PenPosition { x, y };
        if at == target {
            return;
        }
        let start = self.bytes.len();
        self.move_absolute(x, y);
        let absolute = self.bytes.len() - start;
        let relative = self.relative_move(at, target);
        if relative.len() < absolute {
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
        self.position = Some(PenPosition { x, y });
    }

    /// Steps from one place to another. Raw mode leaves a line feed alone: it goes straight down.
    fn relative_move(&self, from: PenPosition, to: PenPosition) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        let mut x = from.x;
        // Near the left edge, and where a line break waits, the way leads over column 0.
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

fn push_relative_move(out: &mut Vec<u8>, count: u16, way: u8) {
    out.extend_from_slice(b"\x1b[");
    if count > 1 {
        out.extend_from_slice(count.to_string().as_bytes());
    }
    out.push(way);
}

fn is_plain_byte(symbol: &str) -> bool {
    matches!(symbol.as_bytes(), [0x20..=0x7e])
}

/// The width of a cell without the panic that ratatui keeps for control characters.
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

    fn look(style: Style) -> CellStyle {
        CellStyle::from_cell(Cell::new("x").set_style(style))
    }

    #[test]
    fn a_look_changes_by_the_fewest_parameters() {
        let plain = look(Style::new());
        let reversed = look(Style::new().add_modifier(Modifier::REVERSED));
        let red = look(Style::new().fg(Color::Red));
        let red_reversed = look(Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED));
        let cases = [
            (plain, reversed, "7"),
            (reversed, plain, ""),
            (reversed, red_reversed, "31"),
            (red_reversed, red, ";31"),
            (red, look(Style::new().fg(Color::Green)), "32"),
            (red, reversed, ";7"),
            (plain, look(Style::new().bg(Color::Indexed(9))), "48;5;9"),
        ];
        for (old, new, expected) in cases {
            assert_eq!(new.sgr_diff(old), expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn a_move_takes_the_shortest_form() {
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
            let mut pen = AnsiWriter::new();
            pen.begin_frame(80);
            pen.position = Some(PenPosition { x, y });
            pen.move_to(to_x, to_y);
            assert_eq!(pen.bytes().escape_ascii().to_string(), expected.escape_ascii().to_string());
            assert_eq!(pen.position, Some(PenPosition { x: to_x, y: to_y }));
        }
    }

    #[test]
    fn no_cell_can_steer_the_terminal() {
        for symbol in ["\x1b", "\n", "a\x1b[2J", "\u{9b}2J", "\u{85}"] {
            let mut pen = AnsiWriter::new();
            pen.begin_frame(80);
            pen.write_cell(0, 0, Cell::default().set_symbol(symbol));
            assert_eq!(pen.bytes(), b"\x1b[m\x1b[H?", "{symbol:?}");
        }
    }
}
