//! Renders frames: writes the fewest bytes that make the terminal show the next frame, in one write.
//!
//! It stores what the terminal shows and draws only the difference: an unchanged frame writes nothing. It does not
//! query the terminal and does not change its modes: `terminal` does.
//!
//! It does not use ratatui's crossterm backend, which takes more bytes, and writes colors in a form (`38;5;n`) that old
//! terminals do not know. Bytes of a frame of the number list, its cursor row reversed as a whole: this renderer /
//! `CrosstermBackend` with `scrolling-regions`, the best scroll of all possible ones, and one write a frame. Each is the
//! median of 10 to 15 keys in a list of 1,000 numbers.
//!
//! | Key | 80x24 | 120x36 | 120x36 with pane |
//! |--|--|--|--|
//! | one row down | 161 / 225 | 212 / 305 | 154 / 217 |
//! | one row down, the list scrolls | 162 / 253 | 175 / 333 | 256 / 831 |
//! | one page down | 824 / 1,306 | 1,460 / 2,481 | 1,657 / 2,448 |

use std::io;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};

use super::Capabilities;
use super::ansi_writer::{AnsiWriter, cell_width};
use super::scroll_detect::{MIN_CHANGED_ROWS, RowShift};

/// The maximum number of unchanged cells that are written again instead of skipped: a jump takes four bytes.
const MAX_REWRITTEN_GAP: u16 = 3;

/// The minimum number of changed blanks at the end of a row that are erased instead of written: erasing takes three
/// bytes and a move.
const MIN_ERASED_CELLS: usize = 8;

/// The minimum number of changed blanks in the middle of a row that are erased instead of written: erasing takes five
/// bytes, and the move behind them as many.
const MIN_ERASED_GAP: usize = 11;

/// Draws frames to an output, which must be a terminal in raw mode (or a model of one in tests).
#[derive(Debug)]
pub struct FrameRenderer<W> {
    out: W,
    capabilities: Capabilities,
    writer: AnsiWriter,
    /// What the terminal shows; `None` if it is unknown.
    displayed: Option<Buffer>,
    next: Buffer,
    cursor_position: Option<Position>,
}

impl<W: io::Write> FrameRenderer<W> {
    /// A renderer that assumes nothing about the terminal: its first frame erases the screen.
    pub fn new(out: W, capabilities: Capabilities) -> Self {
        Self {
            out,
            capabilities,
            writer: AnsiWriter::new(),
            displayed: None,
            next: Buffer::default(),
            cursor_position: None,
        }
    }

    /// The output.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Discards what the terminal shows, so that the next frame is drawn completely.
    pub fn invalidate(&mut self) {
        self.displayed = None;
        self.writer.reset_state();
    }

    /// Calls `paint`, which paints the next frame into a cleared buffer and returns the position of the cursor (`None`
    /// hides it), then writes the difference. Returns false if nothing had to be written.
    ///
    /// # Errors
    /// The terminal does not accept output. The next frame is then drawn completely.
    pub fn draw(&mut self, size: Size, paint: impl FnOnce(&mut Buffer, Rect) -> Option<Position>) -> io::Result<bool> {
        let area = Rect::new(0, 0, size.width, size.height);
        if self.next.area == area {
            self.next.reset();
        } else {
            self.next = Buffer::empty(area);
        }
        let cursor = paint(&mut self.next, area).filter(|at| area.contains(*at));
        let mut displayed = self.displayed.take().filter(|displayed| displayed.area == area);

        self.writer.begin_frame(size.width);
        let mut changed = displayed.as_ref().map(|displayed| changed_rows(displayed, &self.next));
        let may_scroll = self.capabilities.screen_editing
            && changed.as_ref().is_some_and(|rows| rows.iter().filter(|row| **row).count() >= MIN_CHANGED_ROWS);
        let shift =
            displayed.as_ref().filter(|_| may_scroll).and_then(|displayed| RowShift::detect(displayed, &self.next));
        let is_synchronized = self.capabilities.synchronized_updates && (displayed.is_none() || shift.is_some());
        if is_synchronized {
            self.writer.begin_synchronized_update();
        }
        if let (Some(shift), Some(displayed)) = (shift, &mut displayed) {
            self.writer.scroll(shift.first, shift.end, shift.by);
            shift.apply(displayed);
            changed = None;
        }
        let displayed = displayed.unwrap_or_else(|| {
            self.writer.clear_screen();
            Buffer::empty(area)
        });
        let changed = changed.unwrap_or_else(|| changed_rows(&displayed, &self.next));
        draw_difference(&mut self.writer, self.capabilities, (&displayed, &self.next), &changed);
        if !self.writer.bytes().is_empty() || cursor != self.cursor_position {
            self.writer.place_cursor(cursor.map(|at| (at.x, at.y)));
        }
        if is_synchronized {
            self.writer.end_synchronized_update();
        }
        let is_written = !self.writer.bytes().is_empty();
        if is_written && let Err(error) = self.out.write_all(self.writer.bytes()) {
            self.invalidate();
            return Err(error);
        }
        self.cursor_position = cursor;
        self.displayed = Some(std::mem::replace(&mut self.next, displayed));
        Ok(is_written)
    }
}

/// For each row, true if it differs. Comparing all cells takes half of the time of a small frame, so it is done once.
fn changed_rows(old: &Buffer, new: &Buffer) -> Vec<bool> {
    let width = usize::from(new.area.width).max(1);
    old.content.chunks_exact(width).zip(new.content.chunks_exact(width)).map(|(old, new)| old != new).collect()
}

fn draw_difference(
    writer: &mut AnsiWriter,
    capabilities: Capabilities,
    (old, new): (&Buffer, &Buffer),
    changed: &[bool],
) {
    let width = usize::from(new.area.width).max(1);
    let rows = old.content.chunks_exact(width).zip(new.content.chunks_exact(width));
    for ((y, (old, new)), _) in (0..).zip(rows).zip(changed).filter(|(_, is_changed)| **is_changed) {
        draw_row(writer, capabilities, y, (old, new));
    }
}

fn draw_row(writer: &mut AnsiWriter, capabilities: Capabilities, y: u16, (old, new): (&[Cell], &[Cell])) {
    let blank_from = new.iter().rposition(|cell| *cell != Cell::EMPTY).map_or(0, |last| last + 1);
    // Up to this column the terminal may show the rest of an overwritten wide character.
    let mut stale_until = 0;
    let mut x = 0;
    while x < new.len() {
        let width = usize::from(cell_width(&new[x]).max(1)).min(new.len() - x);
        let is_changed = x < stale_until || old[x..x + width] != new[x..x + width];
        if !is_changed {
            x += width;
            continue;
        }
        let column = column(x);
        if x >= blank_from && (x..new.len()).filter(|&i| old[i] != new[i]).count() >= MIN_ERASED_CELLS {
            writer.clear_row_from(column, y);
            return;
        }
        let blanks = new[x..].iter().take_while(|cell| **cell == Cell::EMPTY).count();
        let changed_blanks = (x..x + blanks).filter(|&i| old[i] != new[i]).count();
        let is_erased = capabilities.screen_editing && changed_blanks >= MIN_ERASED_GAP;
        let width = if is_erased { blanks } else { width };
        for (i, cell) in (x..).zip(&old[x..x + width]) {
            stale_until = stale_until.max(i + usize::from(cell_width(cell)));
        }
        if is_erased {
            writer.erase_cells(column, y, blanks);
        } else {
            fill_gap(writer, column, y, new);
            writer.write_cell(column, y, &new[x]);
        }
        x += width;
    }
}

/// Writes the unchanged cells before a changed one again if that is shorter than a jump.
fn fill_gap(writer: &mut AnsiWriter, x: u16, y: u16, new: &[Cell]) {
    let Some(gap @ 1..=MAX_REWRITTEN_GAP) = writer.columns_to(x, y) else { return };
    let gap_columns = usize::from(x - gap)..usize::from(x);
    // The cursor may be on the right half of a wide character, which must not be overwritten.
    let starts_in_wide_char = gap_columns.start > 0 && cell_width(&new[gap_columns.start - 1]) > 1;
    if !starts_in_wide_char && new[gap_columns.clone()].iter().all(|cell| writer.is_single_byte_write(cell)) {
        for i in gap_columns {
            writer.write_cell(column(i), y, &new[i]);
        }
    }
}

/// A column as `u16`: a row has at most 65,535 columns.
fn column(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
