//! The page of one number: its details, or the outcome of its last change and what to do.

use std::time::Instant;

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::{ConfirmRequest, Destination, Step};
use crate::console::input::keymap::{KeyTable, NumberAction, table};
use crate::console::shared::{Connection, Shared, next_countdown_change};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

/// One number's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPage {
    /// The number.
    pub id: PhoneNumberId,
    /// The first line shown, if the window is smaller than the page.
    pub scroll: u16,
}

impl PageBehavior for NumberPage {
    type Action = NumberAction;
    const ON_INTERRUPT: NumberAction = NumberAction::Back;

    fn keys(&self, shared: &Shared) -> &'static KeyTable<NumberAction> {
        match shared.roster.change(&self.id) {
            Some(ChangeState::Failed(..) | ChangeState::NotSent(..)) => &table::FAILED,
            Some(ChangeState::InDoubt(_)) => &table::NO_ANSWER,
            Some(
                ChangeState::Queued
                | ChangeState::Sending { .. }
                | ChangeState::Waiting { .. }
                | ChangeState::Paused { .. }
                | ChangeState::Set(_)
                | ChangeState::Resolved(..),
            )
            | None => &table::DETAILS,
        }
    }

    fn on_action(mut self, action: NumberAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            NumberAction::Back => Step::back(),
            NumberAction::SetPin => self.open_form(shared, now),
            NumberAction::Refresh => self.refresh(shared),
            NumberAction::SendSamePin => self.ask_to_resend(shared),
            NumberAction::MarkResolved => match shared.resolution_block_reason(&self.id) {
                Some(reason) => Step::blocked(self, reason, shared),
                None => Step::open(self, Destination::ResolutionNote(self.id)),
            },
            NumberAction::PickCopy => Step::open(self, Destination::Copy(self.id)),
            NumberAction::Messages => Step::open(self, Destination::Messages),
            NumberAction::Help => Step::open(self, Destination::Help),
            NumberAction::HideScreen => Step::reset(Destination::Hidden(None)),
            NumberAction::ShowJobs => Step::open(self, Destination::Jobs),
            NumberAction::Move(motion) => {
                self.scroll = shared.scroll_after(self.scroll, motion);
                Step::stay(self)
            }
        }
    }

    fn on_shown(&mut self, max_scroll: u16, _at: Instant, _shared: &Shared) {
        self.scroll = self.scroll.min(max_scroll);
    }

    fn next_wake(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        let Some(ChangeState::InDoubt(details)) = shared.roster.change(&self.id) else { return None };
        next_countdown_change(details.new_pin_allowed_from.instant, now)
    }

    fn number(&self) -> Option<PhoneNumberId> {
        Some(self.id)
    }

    fn is_available(&self, action: &NumberAction, shared: &Shared) -> bool {
        let has_pin =
            matches!(shared.roster.change(&self.id), Some(ChangeState::InDoubt(details)) if details.is_pin_in_memory);
        *action != NumberAction::SendSamePin || has_pin
    }
}

impl NumberPage {
    /// Opens the PIN form, and refreshes the number, so that the form shows the current status.
    fn open_form(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let resend_key = shared.keymap.key_label(&table::NO_ANSWER, &NumberAction::SendSamePin);
        match shared.new_pin_targets(&self.id, &resend_key, now) {
            Ok(targets) => Step::open(self, Destination::PinForm(targets)),
            Err(reason) => Step::blocked(self, reason, shared),
        }
    }

    fn refresh(self, shared: &mut Shared) -> Step<Self> {
        if let Connection::TokenRefused(_) = shared.connection {
            return Step::stay(self).with(ScreenCommand::ReadToken);
        }
        shared.hint_refresh(&self.id);
        Step::stay(self).with(shared.refresh_number(self.id))
    }

    fn ask_to_resend(self, shared: &mut Shared) -> Step<Self> {
        if let Some(reason) = shared.resend_block_reason(&self.id) {
            return Step::blocked(self, reason, shared);
        }
        match shared.number(&self.id) {
            Some(number) => Step::open(self, Destination::Confirm(ConfirmRequest::ResendPin(number))),
            None => Step::stay(self),
        }
    }
}
