//! The first visible row of a list: it moves as little as needed to keep the row of the cursor visible.
//!
//! It draws nothing.

use std::ops::Range;

use crate::domain::text::format_count;

/// What a list remembers between frames.
#[derive(Debug)]
pub(super) struct RowScroll {
    first: usize,
}

impl RowScroll {
    pub(super) const fn new() -> Self {
        Self { first: 0 }
    }

    /// The visible rows of a list of this length, in a window of this height.
    pub(super) fn visible(&mut self, cursor: usize, len: usize, height: u16) -> Range<usize> {
        let height = usize::from(height);
        let min_first = (cursor + 1).saturating_sub(height);
        let last_first = len.saturating_sub(height).max(min_first);
        self.first = self.first.clamp(min_first, cursor.max(min_first)).min(last_first);
        self.first..(self.first + height).min(len)
    }
}

/// Which of the rows has the cursor; empty without rows.
pub(super) fn position_label(cursor: Option<usize>, len: usize) -> String {
    cursor.map_or(String::new(), |index| format!("{} of {}", format_count(index + 1), format_count(len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_only_to_keep_the_cursor_visible() {
        let mut scroll = RowScroll::new();
        let steps = [(0, 0..3), (2, 0..3), (3, 1..4), (1, 1..4), (0, 0..3), (9, 7..10)];
        for (cursor, visible) in steps {
            assert_eq!(scroll.visible(cursor, 10, 3), visible, "{cursor}");
        }
        assert_eq!(scroll.visible(0, 2, 3), 0..2);
        assert_eq!(scroll.visible(0, 0, 3), 0..0);
    }
}
