//! The copied text, in case the terminal has no clipboard.

use std::time::Instant;

use super::PageBehavior;
use crate::console::go::{CopiedText, Destination, Step};
use crate::console::input::keymap::{CopiedAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The copied text.
#[derive(Debug)]
pub struct CopiedPage {
    /// The text.
    pub copied: CopiedText,
    /// The first line shown, if the window is smaller than the page.
    pub scroll: u16,
}

impl PageBehavior for CopiedPage {
    type Action = CopiedAction;
    const ON_INTERRUPT: CopiedAction = CopiedAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<CopiedAction> {
        &table::COPIED
    }

    fn on_action(mut self, action: CopiedAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            CopiedAction::Move(motion) => {
                self.scroll = shared.scroll_after(self.scroll, motion);
                Step::stay(self)
            }
            CopiedAction::Back => Step::back(),
            CopiedAction::HideScreen => Step::reset(Destination::Hidden(None)),
        }
    }

    fn on_shown(&mut self, max_scroll: u16, _at: Instant, _shared: &Shared) {
        self.scroll = self.scroll.min(max_scroll);
    }
}
