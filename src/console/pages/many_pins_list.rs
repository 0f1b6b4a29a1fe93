//! The whole list of many numbers, as they will be sent, and those that are left out.
//!
//! It changes nothing, and shows the list as it was when it opened.

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{KeyTable, Motion, ScrollAction, table};
use crate::console::shared::Shared;
use crate::domain::batch_plan::FrozenBatch;
use crate::domain::clock::TimePoint;

/// The list.
#[derive(Debug)]
pub struct ManyPinsListPage {
    /// Its numbers.
    pub frozen: FrozenBatch,
    /// The first line shown. There may be more lines than a page of text can have.
    pub scroll: usize,
}

impl ManyPinsListPage {
    /// How many lines the page has: the numbers, and, below a heading, those that are left out.
    #[must_use]
    pub fn line_count(&self) -> usize {
        let left_out = self.frozen.left_out().len();
        self.frozen.targets().len() + if left_out > 0 { left_out + 2 } else { 0 }
    }
}

impl PageBehavior for ManyPinsListPage {
    type Action = ScrollAction;
    const ON_INTERRUPT: ScrollAction = ScrollAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ScrollAction> {
        &table::MANY_PINS_LIST
    }

    fn on_action(mut self, action: ScrollAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        let motion = match action {
            ScrollAction::Back => return Step::back(),
            ScrollAction::HideScreen => return Step::reset(Destination::Hidden(None)),
            ScrollAction::Move(motion) => motion,
        };
        let page = usize::from(shared.page_rows());
        let scroll = match motion {
            Motion::Up => self.scroll.saturating_sub(1),
            Motion::Down => self.scroll + 1,
            Motion::PageUp => self.scroll.saturating_sub(page),
            Motion::PageDown => self.scroll + page,
            Motion::First => 0,
            Motion::Last => usize::MAX,
        };
        self.scroll = scroll.min(self.line_count().saturating_sub(page + 1));
        Step::stay(self)
    }
}
