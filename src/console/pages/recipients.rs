//! Asks whether changed escrow keys are right.
//!
//! It stores nothing: an accepted page becomes a command.

use std::time::Instant;

use super::PageBehavior;
use super::guard::Guard;
use crate::console::effect::WorkCommand;
use crate::console::go::Step;
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, RecipientsAction, table};
use crate::console::shared::{RecordingStatus, Shared};
use crate::domain::clock::TimePoint;

/// The escrow keys, previous and current.
#[derive(Debug, Default)]
pub struct RecipientsPage {
    /// The first line shown.
    pub scroll: u16,
    /// A confirmation takes no key that was typed ahead.
    guard: Guard,
    /// True if the last line was visible: only then may the keys be accepted.
    was_scrolled_to_end: bool,
    /// The response to the last key.
    pub note: Option<&'static str>,
}

impl RecipientsPage {
    fn accept(mut self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let RecordingStatus::RecipientsChanged { .. } = shared.recording_status else { return Step::back() };
        self.note = Some(match self.guard.check_yes(now.instant) {
            Err(answer) => answer,
            Ok(()) if !self.was_scrolled_to_end => "There is more below. Press Down.",
            Ok(()) => {
                shared.messages.push(now.utc, "Accepting the escrow keys.");
                return Step::back().with(WorkCommand::AcceptRecipients);
            }
        });
        Step::stay(self)
    }
}

impl PageBehavior for RecipientsPage {
    type Action = RecipientsAction;
    const ON_INTERRUPT: RecipientsAction = RecipientsAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<RecipientsAction> {
        &table::RECIPIENTS
    }

    fn on_action(mut self, action: RecipientsAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            RecipientsAction::Accept => self.accept(shared, now),
            RecipientsAction::Cancel => Step::back(),
            RecipientsAction::Move(motion) => {
                self.guard.accepts_key(now.instant);
                self.note = None;
                self.scroll = shared.scroll_after(self.scroll, motion);
                Step::stay(self)
            }
        }
    }

    fn on_unbound_key(mut self, _key: Key, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.accepts_key(now.instant);
        self.note = Some("Press y if these keys are right, n to go back.");
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

    fn on_shown(&mut self, max_scroll: u16, at: Instant, _shared: &Shared) {
        self.guard.mark_shown(at);
        self.was_scrolled_to_end |= self.scroll >= max_scroll;
        self.scroll = self.scroll.min(max_scroll);
    }

    fn asks(&self) -> bool {
        true
    }
}
