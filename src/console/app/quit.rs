//! Quits the console: at once if no change is in progress or in doubt, otherwise after a question.
//!
//! It never cancels a request in flight.

use super::guard::Guard;
use super::screen::{QuitPage, QuitReason};
use super::{App, Effect, RecordingStatus, Screen};
use crate::console::input::keymap::Action;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

impl App {
    /// Numbers whose PIN may be in force and is only in the memory of this process, in no order.
    #[must_use]
    pub fn pins_only_in_memory(&self) -> Vec<PhoneNumberId> {
        let has_escrow =
            matches!(&self.recording_status, RecordingStatus::Ready { recipients } if !recipients.is_empty());
        let is_lost = |state: &ChangeState| match state {
            ChangeState::InDoubt(details) => details.is_pin_in_memory && !details.is_in_escrow,
            ChangeState::Waiting { in_doubt, .. } => *in_doubt && !has_escrow,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => false,
        };
        self.roster.changes().filter(|(_, state)| is_lost(state)).map(|(id, _)| *id).collect()
    }

    /// `q` on a first page: quits, or asks first if work is in progress or a number is in doubt.
    pub(super) fn ask_to_quit(&mut self) -> Vec<Effect> {
        let warned_numbers = self.pins_only_in_memory();
        if self.running_count() == 0 && self.in_doubt_list.number_count() == 0 && warned_numbers.is_empty() {
            return vec![Effect::Quit];
        }
        let below = Box::new(self.take_screen());
        self.set_screen(Screen::Quit(QuitPage { below, guard: Guard::default(), warned_numbers }));
        Vec::new()
    }

    /// The second Ctrl-C: it still asks if a PIN would be lost. It does not ask about requests in flight, because
    /// pindesk waits for them, or about numbers in doubt, because the next start shows them.
    pub(super) fn force_quit(&mut self) -> Vec<Effect> {
        if !self.pins_only_in_memory().is_empty() {
            return if matches!(self.screen, Screen::Quit(_)) { Vec::new() } else { self.ask_to_quit() };
        }
        self.begin_quit(Vec::new())
    }

    pub(super) fn act_on_quit(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::ConfirmQuit, Screen::Quit(mut page)) => {
                if page.guard.accepts_key(now.instant) {
                    if self.has_warned_about_all(&page.warned_numbers) {
                        return self.begin_quit(page.warned_numbers);
                    }
                    // Other PINs would be lost now, so the page asks again.
                    page = QuitPage { guard: Guard::default(), warned_numbers: self.pins_only_in_memory(), ..page };
                }
                self.set_screen(Screen::Quit(page));
            }
            (_, Screen::Quit(page)) => self.set_screen(*page.below),
            (_, Screen::ShuttingDown(QuitReason::Operator { .. })) => {
                self.messages.push(now.utc, "Still running. Stopped requests were not sent.");
                self.set_screen(self.base_screen());
            }
            (_, other) => self.set_screen(other),
        }
        Vec::new()
    }

    fn begin_quit(&mut self, warned_numbers: Vec<PhoneNumberId>) -> Vec<Effect> {
        let is_idle = self.running_count() == 0;
        self.set_screen(Screen::ShuttingDown(QuitReason::Operator { warned_numbers }));
        vec![if is_idle { Effect::Quit } else { Effect::StopSending }]
    }

    /// True if the operator was warned about every number whose PIN would be lost.
    fn has_warned_about_all(&self, warned_numbers: &[PhoneNumberId]) -> bool {
        self.pins_only_in_memory().iter().all(|id| warned_numbers.contains(id))
    }

    /// While the program waits to quit: quits when no change is in progress, and asks again if another PIN would be
    /// lost.
    pub(super) fn quit_when_idle(&mut self) -> Vec<Effect> {
        let Screen::ShuttingDown(QuitReason::Operator { warned_numbers }) = &self.screen else {
            return Vec::new();
        };
        if self.running_count() > 0 {
            return Vec::new();
        }
        if self.has_warned_about_all(warned_numbers) {
            return vec![Effect::Quit];
        }
        self.set_screen(self.base_screen());
        self.ask_to_quit()
    }
}
