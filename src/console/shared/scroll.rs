//! How far a page of text scrolls with a key.
//!
//! It does not know how long the page is: the page limits it when it is drawn.

use super::Shared;
use crate::console::input::keymap::Motion;

impl Shared {
    /// By how many rows a page of text scrolls: as many as it shows, less one, so that no line is skipped.
    pub(in crate::console) const fn page_rows(&self) -> u16 {
        // Title, heading, rule, keys. A taller window has a blank line above the text.
        let frame = if self.is_compact() { 4 } else { 5 };
        let rows = self.size.height.saturating_sub(frame + 1);
        if rows == 0 { 1 } else { rows }
    }

    /// The scroll position of a page of text after a motion. The page limits it to what it has when it is drawn.
    pub(in crate::console) const fn scroll_after(&self, scroll: u16, motion: Motion) -> u16 {
        let rows = self.page_rows();
        match motion {
            Motion::Up => scroll.saturating_sub(1),
            Motion::Down => scroll.saturating_add(1),
            Motion::PageUp => scroll.saturating_sub(rows),
            Motion::PageDown => scroll.saturating_add(rows),
            Motion::First => 0,
            Motion::Last => u16::MAX,
        }
    }
}
