//! The copied text, in case the terminal has no clipboard.

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{CopiedAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The copied text.
#[derive(Debug)]
pub struct CopiedPage {
    /// The text; it may have several lines.
    pub text: String,
}

impl PageBehavior for CopiedPage {
    type Action = CopiedAction;
    const ON_INTERRUPT: CopiedAction = CopiedAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<CopiedAction> {
        &table::COPIED
    }

    fn on_action(self, action: CopiedAction, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            CopiedAction::Back => Step::back(),
            CopiedAction::HideScreen => Step::reset(Destination::Hidden(None)),
        }
    }
}
