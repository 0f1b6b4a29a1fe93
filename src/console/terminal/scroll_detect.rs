//! Whether a band of rows moved up or down between two frames, so that the terminal can move it itself.
//!
//! It compares what is on the screen with what is to be there, and knows neither lists nor cursors. It
//! chooses scrolling only when that leaves fewer bytes to send than drawing in place.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use hashbrown::{DefaultHashBuilder, HashMap};
use ratatui::buffer::{Buffer, Cell};

/// With fewer changed rows than this nothing has moved: the cursor changes two, and a line that tells of its row a third.
pub(super) const MIN_CHANGED_ROWS: usize = 4;

/// Bytes that scrolling must save to be worth it: the margins, the scroll and the synchronized update
/// take about thirty, and the cursor has to be put back.
const MIN_SAVED_BYTES: i64 = 40;

/// A jump over unchanged cells.
const JUMP_BYTES: i64 = 4;

/// Rows `first..end` moved up by `by`, or down if it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowShift {
    pub(super) first: u16,
    pub(super) end: u16,
    pub(super) by: i32,
}

impl RowShift {
    /// The shift that saves most, if any does. Both buffers have the same size.
    pub(super) fn detect(old: &Buffer, new: &Buffer) -> Option<Self> {
        let (old, new) = (BufferRows::new(old)?, BufferRows::new(new)?);
        let by = dominant_distance(&old, &new)?;
        best_band(&old, &new, by)
    }

    /// Does to a buffer what the terminal does to its rows.
    pub(super) fn apply(self, buffer: &mut Buffer) {
        let width = usize::from(buffer.area.width);
        let band = &mut buffer.content[usize::from(self.first) * width..usize::from(self.end) * width];
        let cells = self.by.unsigned_abs() as usize * width;
        if self.by > 0 {
            band.rotate_left(cells);
            let kept = band.len() - cells;
            band[kept..].fill(Cell::EMPTY);
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

    /// The left and the right half of a row: a pane beside a list must not hide that the list moved.
    fn halves(&self, y: usize) -> [&'a [Cell]; 2] {
        let (left, right) = self.row(y).split_at(self.width / 2);
        [left, right]
    }
}

/// The distance that most changed half rows moved by.
fn dominant_distance(old: &BufferRows<'_>, new: &BufferRows<'_>) -> Option<i32> {
    // Not the standard library's hasher, which took a quarter of the time of a frame.
    let hasher = DefaultHashBuilder::default();
    let hash = |cells| hash_cells(&hasher, cells);
    let mut seen: [HashMap<u64, Option<usize>>; 2] = Default::default();
    for y in 0..old.count {
        for (half, seen) in old.halves(y).into_iter().zip(&mut seen) {
            if let Some(hash) = hash(half) {
                // What stands in two rows tells no direction.
                seen.entry(hash).and_modify(|known| *known = None).or_insert(Some(y));
            }
        }
    }
    let mut votes: HashMap<i32, u32> = HashMap::new();
    for y in 0..new.count {
        for ((half, before), seen) in new.halves(y).into_iter().zip(old.halves(y)).zip(&seen) {
            if half == before {
                continue;
            }
            if let Some(Some(source)) = hash(half).and_then(|hash| seen.get(&hash)) {
                *votes.entry(distance(*source, y)).or_default() += 1;
            }
        }
    }
    // The shorter way wins a tie, so that the choice does not hang on the order of a map.
    votes.into_iter().max_by_key(|(by, count)| (*count, -by.abs(), *by)).map(|(by, _)| by).filter(|by| *by != 0)
}

fn distance(source: usize, target: usize) -> i32 {
    // Screens have at most 65,535 rows.
    i32::try_from(source).unwrap_or(0) - i32::try_from(target).unwrap_or(0)
}

/// `None` for cells that are all blank.
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

/// About the bytes it takes to turn one row into the other: a cell takes one, and each run a jump.
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

/// The band of rows for which a shift by a given distance saves most.
fn best_band(old: &BufferRows<'_>, new: &BufferRows<'_>, by: i32) -> Option<RowShift> {
    let blank = vec![Cell::EMPTY; new.width];
    let in_place = |y: usize| redraw_cost(old.row(y), new.row(y));
    // The row band (from, to, saved) with the greatest sum of savings, found in one pass.
    let mut best: Option<(usize, usize, i64)> = None;
    let mut run: Option<(usize, i64)> = None;
    for y in 0..new.count {
        let source = y.checked_add_signed(isize::try_from(by).unwrap_or(0)).filter(|source| *source < old.count);
        let Some(source) = source else {
            run = None;
            continue;
        };
        let gain = in_place(y) - redraw_cost(old.row(source), new.row(y));
        let (from, saved) = run.filter(|(_, saved)| *saved > 0).map_or((y, gain), |(from, saved)| (from, saved + gain));
        run = Some((from, saved));
        if best.is_none_or(|(_, _, most)| saved > most) {
            best = Some((from, y, saved));
        }
    }
    let (from, to, saved) = best?;
    // The rows the band leaves behind are laid open and drawn anew.
    let count = by.unsigned_abs() as usize;
    let (first, end, open) = if by > 0 {
        (from, to + 1 + count, to + 1..to + 1 + count)
    } else {
        (from - count, to + 1, from - count..from)
    };
    let open: i64 = open.map(|y| in_place(y) - redraw_cost(&blank, new.row(y))).sum();
    let (first, end) = (u16::try_from(first).ok()?, u16::try_from(end).ok()?);
    (saved + open >= MIN_SAVED_BYTES).then_some(RowShift { first, end, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Buffer {
        Buffer::with_lines(lines.iter().map(|line| (*line).to_owned()))
    }

    fn list(first: usize) -> Buffer {
        let lines: Vec<String> = (0..8).map(|n| format!("{:>40}", (first + n) * 7_919 * 7_919 * 7_919)).collect();
        let mut all = vec!["the title of the page"];
        all.extend(lines.iter().map(String::as_str));
        all.push("the keys of the page");
        rows(&all)
    }

    #[test]
    fn a_list_that_moved_is_found_between_what_stands_still() {
        assert_eq!(RowShift::detect(&list(5), &list(6)), Some(RowShift { first: 1, end: 9, by: 1 }));
        assert_eq!(RowShift::detect(&list(5), &list(3)), Some(RowShift { first: 1, end: 9, by: -2 }));
    }

    #[test]
    fn what_did_not_move_is_not_scrolled() {
        assert_eq!(RowShift::detect(&list(5), &list(5)), None);
        assert_eq!(RowShift::detect(&list(5), &list(50)), None);
        assert_eq!(RowShift::detect(&rows(&["a", "b", "c"]), &rows(&["b", "c", "d"])), None, "too little to save");
    }

    #[test]
    fn a_buffer_follows_the_terminal() {
        let mut buffer = rows(&["0", "1", "2", "3"]);
        RowShift { first: 1, end: 4, by: 1 }.apply(&mut buffer);
        assert_eq!(buffer, rows(&["0", "2", "3", " "]));
        RowShift { first: 0, end: 3, by: -2 }.apply(&mut buffer);
        assert_eq!(buffer, rows(&[" ", " ", "0", " "]));
    }
}
