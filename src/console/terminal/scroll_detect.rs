//! Detects that a band of rows moved up or down between two frames, so that the terminal can scroll it.
//!
//! It compares the displayed frame with the next one, and does not know lists or cursors. It chooses scrolling only if
//! that takes fewer bytes than redrawing.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use hashbrown::{DefaultHashBuilder, HashMap};
use ratatui::buffer::{Buffer, Cell};

/// With fewer changed rows than this nothing has moved: a cursor move changes two, and the line about its row a third.
pub(super) const MIN_CHANGED_ROWS: usize = 4;

/// The minimum number of bytes that scrolling must save: the margins, the scroll and the synchronized update take about
/// thirty, and the cursor must be moved back.
const MIN_SAVED_BYTES: i64 = 40;

/// The bytes of a jump over unchanged cells.
const JUMP_BYTES: i64 = 4;

/// The rows `first..end` moved up by `by`, or down if it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowShift {
    pub(super) first: u16,
    pub(super) end: u16,
    pub(super) by: i32,
}

impl RowShift {
    /// The shift that saves most bytes, if one saves enough. Both buffers have the same size.
    pub(super) fn detect(old: &Buffer, new: &Buffer) -> Option<Self> {
        let (old, new) = (BufferRows::new(old)?, BufferRows::new(new)?);
        let by = dominant_distance(&old, &new)?;
        best_band(&old, &new, by)
    }

    /// Shifts the rows of a buffer as the terminal does.
    pub(super) fn apply(self, buffer: &mut Buffer) {
        let width = usize::from(buffer.area.width);
        let band = &mut buffer.content[usize::from(self.first) * width..usize::from(self.end) * width];
        let cells = self.by.unsigned_abs() as usize * width;
        if self.by > 0 {
            band.rotate_left(cells);
            let blank_start = band.len() - cells;
            band[blank_start..].fill(Cell::EMPTY);
        } else {
            band.rotate_right(cells);
            band[..cells].fill(Cell::EMPTY);
        }
    }
}

/// A buffer as rows of cells.
struct BufferRows<'a> {
    cells: &'a [Cell],
    width: usize,
    count: usize,
}

impl<'a> BufferRows<'a> {
    fn new(buffer: &'a Buffer) -> Option<Self> {
        let width = usize::from(buffer.area.width);
        let count = usize::from(buffer.area.height);
        (width > 0 && count > 1).then_some(Self { cells: &buffer.content, width, count })
    }

    fn row(&self, y: usize) -> &'a [Cell] {
        &self.cells[y * self.width..(y + 1) * self.width]
    }

    /// The left and the right half of a row, so that a pane beside a list does not hide that the list moved.
    fn halves(&self, y: usize) -> [&'a [Cell]; 2] {
        let (left, right) = self.row(y).split_at(self.width / 2);
        [left, right]
    }
}

/// The distance by which most changed half rows moved.
fn dominant_distance(old: &BufferRows<'_>, new: &BufferRows<'_>) -> Option<i32> {
    // The hasher of the standard library took a quarter of the time of a frame.
    let hasher = DefaultHashBuilder::default();
    let hash = |cells| hash_cells(&hasher, cells);
    let mut seen: [HashMap<u64, Option<usize>>; 2] = Default::default();
    for y in 0..old.count {
        for (half, seen) in old.halves(y).into_iter().zip(&mut seen) {
            if let Some(hash) = hash(half) {
                // A text in two rows has no direction.
                seen.entry(hash).and_modify(|row| *row = None).or_insert(Some(y));
            }
        }
    }
    let mut votes: HashMap<i32, u32> = HashMap::new();
    for y in 0..new.count {
        for ((half, old_half), seen) in new.halves(y).into_iter().zip(old.halves(y)).zip(&seen) {
            if half == old_half {
                continue;
            }
            if let Some(Some(source)) = hash(half).and_then(|hash| seen.get(&hash)) {
                *votes.entry(distance(*source, y)).or_default() += 1;
            }
        }
    }
    // The shorter distance wins a tie, so that the result does not depend on the order of a map.
    votes.into_iter().max_by_key(|(by, count)| (*count, -by.abs(), *by)).map(|(by, _)| by).filter(|by| *by != 0)
}

fn distance(source: usize, target: usize) -> i32 {
    // Screens have at most 65,535 rows.
    i32::try_from(source).unwrap_or(0) - i32::try_from(target).unwrap_or(0)
}

/// The hash of the cells; `None` if all are blank.
fn hash_cells(hasher: &DefaultHashBuilder, cells: &[Cell]) -> Option<u64> {
    if cells.iter().all(|cell| *cell == Cell::EMPTY) {
        return None;
    }
    let mut hasher = hasher.build_hasher();
    for cell in cells {
        (cell.symbol(), cell.fg, cell.bg, cell.modifier).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Approximately how many bytes it takes to redraw a row: one for each changed cell, and a jump for each run of them.
fn redraw_cost(old: &[Cell], new: &[Cell]) -> i64 {
    let mut bytes = 0;
    let mut is_in_run = false;
    for (old, new) in old.iter().zip(new) {
        let is_changed = old != new;
        bytes += i64::from(is_changed) + if is_changed && !is_in_run { JUMP_BYTES } else { 0 };
        is_in_run = is_changed;
    }
    bytes
}

/// The band of rows for which a shift by this distance saves most bytes.
fn best_band(old: &BufferRows<'_>, new: &BufferRows<'_>, by: i32) -> Option<RowShift> {
    let blank = vec![Cell::EMPTY; new.width];
    let full_cost = |y: usize| redraw_cost(old.row(y), new.row(y));
    // The band (from, to, saved) with the highest sum of savings, found in one pass.
    let mut best: Option<(usize, usize, i64)> = None;
    let mut run: Option<(usize, i64)> = None;
    for y in 0..new.count {
        let source = y.checked_add_signed(isize::try_from(by).unwrap_or(0)).filter(|source| *source < old.count);
        let Some(source) = source else {
            run = None;
            continue;
        };
        let gain = full_cost(y) - redraw_cost(old.row(source), new.row(y));
        let (from, saved) = run.filter(|(_, saved)| *saved > 0).map_or((y, gain), |(from, saved)| (from, saved + gain));
        run = Some((from, saved));
        if best.is_none_or(|(_, _, best_saved)| saved > best_saved) {
            best = Some((from, y, saved));
        }
    }
    let (from, to, saved) = best?;
    // The rows that the band uncovers must be redrawn.
    let count = by.unsigned_abs() as usize;
    let (first, end, uncovered) = if by > 0 {
        (from, to + 1 + count, to + 1..to + 1 + count)
    } else {
        (from - count, to + 1, from - count..from)
    };
    let uncovered_gain: i64 = uncovered.map(|y| full_cost(y) - redraw_cost(&blank, new.row(y))).sum();
    let (first, end) = (u16::try_from(first).ok()?, u16::try_from(end).ok()?);
    (saved + uncovered_gain >= MIN_SAVED_BYTES).then_some(RowShift { first, end, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Buffer {
        Buffer::with_lines(lines.iter().map(|line| (*line).to_owned()))
    }

    fn list(first: usize) -> Buffer {
        let lines: Vec<String> = (0..8).map(|n| format!("{:>40}", (first + n) * 7_919 * 7_919 * 7_919)).collect();
        let mut page = vec!["the title of the page"];
        page.extend(lines.iter().map(String::as_str));
        page.push("the keys of the page");
        rows(&page)
    }

    #[test]
    fn a_moved_list_is_found_between_fixed_rows() {
        assert_eq!(RowShift::detect(&list(5), &list(6)), Some(RowShift { first: 1, end: 9, by: 1 }));
        assert_eq!(RowShift::detect(&list(5), &list(3)), Some(RowShift { first: 1, end: 9, by: -2 }));
    }

    #[test]
    fn rows_that_did_not_move_are_not_scrolled() {
        assert_eq!(RowShift::detect(&list(5), &list(5)), None);
        assert_eq!(RowShift::detect(&list(5), &list(50)), None);
        assert_eq!(RowShift::detect(&rows(&["a", "b", "c"]), &rows(&["b", "c", "d"])), None, "it saves too few bytes");
    }

    #[test]
    fn a_shift_changes_a_buffer_like_the_terminal() {
        let mut buffer = rows(&["0", "1", "2", "3"]);
        RowShift { first: 1, end: 4, by: 1 }.apply(&mut buffer);
        assert_eq!(buffer, rows(&["0", "2", "3", " "]));
        RowShift { first: 0, end: 3, by: -2 }.apply(&mut buffer);
        assert_eq!(buffer, rows(&[" ", " ", "0", " "]));
    }
}
