//! Detects that a band of rows moved up or down between two frames, so that the terminal can scroll it.
//!
//! It compares the displayed frame with the next one, and does not know lists or cursors. It chooses scrolling only if
//! that takes fewer bytes than redrawing.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;
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
        let (old, new) = (rows(old), rows(new));
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

/// The rows of a buffer, from top to bottom.
fn rows(buffer: &Buffer) -> Vec<&[Cell]> {
    buffer.content.chunks_exact(usize::from(buffer.area.width).max(1)).collect()
}

/// The distance by which most changed half rows moved. The halves count separately, so that a pane beside a list does
/// not hide that the list moved.
fn dominant_distance(old: &[&[Cell]], new: &[&[Cell]]) -> Option<i32> {
    // The hasher of the standard library took a quarter of the time of a frame.
    let hasher = DefaultHashBuilder::default();
    let left = |row: &&[Cell]| hasher.hash_one(&row[..row.len() / 2]);
    let right = |row: &&[Cell]| hasher.hash_one(&row[row.len() / 2..]);
    let mut distances = moved_distances(&hashes(old, left), &hashes(new, left));
    distances.extend(moved_distances(&hashes(old, right), &hashes(new, right)));
    // The shorter distance wins a tie.
    let votes = |by: i32| distances.iter().filter(|distance| **distance == by).count();
    distances.iter().copied().max_by_key(|by| (votes(*by), -by.abs(), *by))
}

fn hashes(rows: &[&[Cell]], hash: impl Fn(&&[Cell]) -> u64) -> Vec<u64> {
    rows.iter().map(hash).collect()
}

/// How far each text moved that is in another row than before.
fn moved_distances(old: &[u64], new: &[u64]) -> Vec<i32> {
    let source = |text: u64| {
        let mut sources = (0..).zip(old).filter(|(_, old)| **old == text).map(|(source, _)| source);
        // A text in two rows has no direction.
        sources.next().filter(|_| sources.next().is_none())
    };
    let changed = (0..).zip(old.iter().zip(new)).filter(|(_, (old, new))| old != new);
    changed.filter_map(|(target, (_, text))| source(*text).map(|source: i32| source - target)).collect()
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
fn best_band(old: &[&[Cell]], new: &[&[Cell]], by: i32) -> Option<RowShift> {
    let blank = vec![Cell::EMPTY; new.first()?.len()];
    let full_cost = |y: usize| redraw_cost(old[y], new[y]);
    let gain = |y: usize| {
        let source = old.get(y.checked_add_signed(isize::try_from(by).ok()?)?)?;
        Some(full_cost(y) - redraw_cost(source, new[y]))
    };
    // The band (from, to, saved) with the highest sum of savings, found in one pass.
    let mut best: Option<(usize, usize, i64)> = None;
    let mut run: Option<(usize, i64)> = None;
    for (y, gain) in (0..new.len()).map(|y| (y, gain(y))) {
        let Some(gain) = gain else {
            run = None;
            continue;
        };
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
    let uncovered_gain: i64 = uncovered.map(|y| full_cost(y) - redraw_cost(&blank, new[y])).sum();
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
