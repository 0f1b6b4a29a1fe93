//! Hides the screen after a time without keys: it shows no number, and drops secrets from memory. Changes in progress
//! continue.

use std::collections::HashMap;
use std::time::Instant;

use super::App;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::go::{Destination, Step};
use crate::console::shared::DetailsPane;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;

impl App {
    /// When the screen hides, if no key is pressed.
    fn hide_at(&self) -> Option<Instant> {
        let can_hide = !self.hides_numbers() && self.page.can_auto_hide();
        self.idle_timer.last_input.zip(self.session.hide_after).filter(|_| can_hide).map(|(since, after)| since + after)
    }

    /// When the warning appears, and then when the screen hides: the only times that wake an idle screen.
    pub(super) fn next_hide_event(&self) -> Option<Instant> {
        let hides_at = self.hide_at()?;
        if self.idle_timer.is_warned { Some(hides_at) } else { hides_at.checked_sub(self.hide_warning_time()?) }
    }

    /// Warns or hides if it is due.
    pub(super) fn hide_when_idle(&mut self, now: TimePoint) -> Vec<Effect> {
        let Some(hides_at) = self.hide_at() else { return Vec::new() };
        if now.instant >= hides_at {
            self.page.on_hide(&mut self.shared, now);
            return self.apply(Step::reset(Destination::Hidden(self.session.hide_after)), now);
        }
        self.shared.idle_timer.is_warned |= self.next_hide_event().is_some_and(|next| now.instant >= next);
        Vec::new()
    }

    /// Drops what a hidden screen must not keep.
    pub(super) fn drop_secrets(&mut self) -> Effect {
        let shared = &mut self.shared;
        shared.idle_timer.is_warned = false;
        shared.idle_timer.is_hiding_recorded = true;
        shared.in_doubt_list.drop_encrypted_pins();
        shared.roster.end_range();
        for (id, details) in shared.in_doubt_list.entries() {
            if let Some(ChangeState::InDoubt(_)) = shared.roster.change(id) {
                shared.roster.set_change(*id, ChangeState::InDoubt(Box::new(details.clone())));
            }
        }
        (shared.histories, shared.pane) = (HashMap::default(), DetailsPane::default());
        WorkCommand::DropSecrets.into()
    }

    /// Records once that numbers are on the screen again.
    pub(super) fn record_screen_shown(&mut self) -> Option<Effect> {
        let is_shown = !self.hides_numbers() && std::mem::take(&mut self.shared.idle_timer.is_hiding_recorded);
        is_shown.then(|| WorkCommand::RecordScreenShown.into())
    }
}
