//! The page while requests in flight end and the program with them.
//!
//! It cancels nothing.

use super::PageBehavior;
use crate::console::go::{QuitReason, Step};
use crate::console::input::keymap::{KeyTable, ShuttingDownAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// Waiting for requests in flight.
#[derive(Debug)]
pub struct ShuttingDownPage {
    /// Why the program ends.
    pub reason: QuitReason,
}

impl PageBehavior for ShuttingDownPage {
    type Action = ShuttingDownAction;
    const ON_INTERRUPT: ShuttingDownAction = ShuttingDownAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ShuttingDownAction> {
        &table::SHUTTING_DOWN
    }

    fn on_action(self, action: ShuttingDownAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match (action, &self.reason) {
            (ShuttingDownAction::Cancel, QuitReason::Operator { had_unsent, .. }) => {
                let unsent = if *had_unsent { "What was still queued was not sent." } else { "Nothing was queued." };
                shared.messages.push(now.utc, format!("You did not quit. {unsent}"));
                Step::back()
            }
            (ShuttingDownAction::Cancel, QuitReason::Signal) => Step::stay(self),
        }
    }

    fn hides_numbers(&self, _below: bool, shared: &Shared) -> bool {
        // It names no number, and after the hidden screen its message line must not name one either.
        shared.idle_timer.is_hiding_recorded
    }

    fn can_auto_hide(&self) -> bool {
        // It takes at most 35 s.
        false
    }
}
