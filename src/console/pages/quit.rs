//! The question before the program ends while work is unfinished.
//!
//! It never cancels a request in flight.

use super::guard::Guard;
use super::{PageBehavior, PageEvent};
use crate::console::effect::{Effect, ScreenCommand, WorkCommand};
use crate::console::go::{Destination, QuitReason, Step};
use crate::console::input::keymap::{KeyTable, QuitAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

/// The question before quitting.
#[derive(Debug, Default)]
pub struct QuitPage {
    /// A confirmation takes no key that was typed ahead.
    guard: Guard,
    /// The numbers that the page named on the screen, because their PIN would be lost.
    warned_numbers: Vec<PhoneNumberId>,
}

/// Quits at once, or when no request is in flight. The operator was warned about the PINs of these numbers.
pub(in crate::console) fn begin_quit<P>(warned_numbers: Vec<PhoneNumberId>, shared: &Shared) -> Step<P> {
    let effect: Effect =
        if shared.running_count() == 0 { ScreenCommand::Quit.into() } else { WorkCommand::StopSending.into() };
    Step::reset(Destination::ShuttingDown(QuitReason::Operator { warned_numbers })).with(effect)
}

impl PageBehavior for QuitPage {
    type Action = QuitAction;
    const ON_INTERRUPT: QuitAction = QuitAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<QuitAction> {
        &table::CONFIRM_QUIT
    }

    fn on_action(mut self, action: QuitAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            QuitAction::Cancel => Step::back(),
            QuitAction::Confirm if !self.guard.accepts_key(now.instant) => Step::stay(self),
            QuitAction::Confirm if shared.has_warned_about_all(&self.warned_numbers) => {
                begin_quit(self.warned_numbers, shared)
            }
            // Other PINs would be lost now, so the page asks again.
            QuitAction::Confirm => Step::stay(Self::default()),
        }
    }

    fn on_paste(self, _text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        shared.messages.set_hint("A paste confirms nothing.");
        Step::stay(self)
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        match event {
            PageEvent::Shown { at, .. } => {
                self.guard.mark_shown(*at);
                self.warned_numbers.extend(shared.pins_only_in_memory());
                self.warned_numbers.sort_unstable();
                self.warned_numbers.dedup();
            }
            PageEvent::Covered => self.guard = Guard::default(),
            PageEvent::Listed(_) | PageEvent::Refreshed(_) | PageEvent::ListsRead | PageEvent::PinGenerated(..) => {}
        }
    }

    fn hides_numbers(&self, below: bool, _shared: &Shared) -> bool {
        below
    }

    fn asks(&self) -> bool {
        true
    }
}
