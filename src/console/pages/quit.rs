//! The question before the program ends while work is unfinished.
//!
//! It never cancels a request in flight.

use std::time::Instant;

use super::PageBehavior;
use super::guard::Guard;
use crate::console::effect::{Effect, ScreenCommand, WorkCommand};
use crate::console::go::{Destination, QuitReason, Step};
use crate::console::input::key::Key;
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
    // A retry that waits is not sent either.
    let had_unsent = shared.queued_count() > 0 || shared.roster.retry_times().next().is_some();
    Step::replace(Destination::ShuttingDown(QuitReason::Operator { warned_numbers, had_unsent })).with(effect)
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
            QuitAction::Confirm => match self.guard.check_yes(now.instant) {
                Err(answer) => {
                    shared.messages.set_hint(answer);
                    Step::stay(self)
                }
                Ok(()) if shared.has_warned_about_all(&self.warned_numbers) => begin_quit(self.warned_numbers, shared),
                // Other PINs would be lost now, so the page asks again.
                Ok(()) => Step::stay(Self::default()),
            },
        }
    }

    fn on_unbound_key(mut self, _key: Key, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.accepts_key(now.instant);
        shared.messages.set_hint("Press y to quit, n to stay.");
        Step::stay(self)
    }

    fn guard(&mut self) -> Option<&mut Guard> {
        Some(&mut self.guard)
    }

    fn on_paste(mut self, _text: &str, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        shared.messages.set_hint("Too fast: that looked like a paste. Press the key again.");
        Step::stay(self)
    }

    fn on_shown(&mut self, _max_scroll: u16, at: Instant, shared: &Shared) {
        let lost = shared.pins_only_in_memory();
        if lost.iter().any(|id| !self.warned_numbers.contains(id)) {
            // The operator has to read again.
            self.guard = Guard::default();
            self.warned_numbers.extend(lost);
        }
        self.guard.mark_shown(at);
    }

    fn hides_numbers(&self, below: bool, _shared: &Shared) -> bool {
        below
    }

    fn asks(&self) -> bool {
        true
    }
}
