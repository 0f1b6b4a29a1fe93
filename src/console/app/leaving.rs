//! Ending the program: at once where nothing is unfinished, otherwise only after a question.

use super::guard::Guard;
use super::screen::{Leaving, QuitPage};
use super::{App, Effect, Records, Screen};
use crate::console::keymap::Action;
use crate::job::ChangeState;
use crate::moment::TimePoint;
use crate::number::PhoneNumberId;

impl App {
    /// Numbers whose PIN may be in force and is nowhere but in this program's memory, in no order.
    #[must_use]
    pub fn only_in_memory(&self) -> Vec<PhoneNumberId> {
        let seals = matches!(&self.records, Records::Ready { recipients } if !recipients.is_empty());
        let is_lost = |state: &ChangeState| match state {
            ChangeState::InDoubt(standing) => standing.is_pin_in_memory && !standing.is_in_escrow,
            ChangeState::Waiting { in_doubt, .. } => *in_doubt && !seals,
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::Resolved(..) => false,
        };
        self.roster.jobs().filter(|(_, state)| is_lost(state)).map(|(id, _)| *id).collect()
    }

    /// `q` on a first page: quits, or asks first where work is on its way or a number is in doubt.
    pub(super) fn ask_to_quit(&mut self) -> Vec<Effect> {
        let told_of = self.only_in_memory();
        if self.running() == 0 && self.review.numbers() == 0 && told_of.is_empty() {
            return vec![Effect::Quit];
        }
        let below = Box::new(self.take_screen());
        self.go(Screen::Quit(QuitPage { below, guard: Guard::default(), told_of }));
        Vec::new()
    }

    /// The second Ctrl-C: no question about work on its way, which is awaited, nor about what the next start shows again;
    /// a PIN that would be gone is still asked about.
    pub(super) fn quit_at_once(&mut self) -> Vec<Effect> {
        if !self.only_in_memory().is_empty() {
            return if matches!(self.screen, Screen::Quit(_)) { Vec::new() } else { self.ask_to_quit() };
        }
        self.leave(Vec::new())
    }

    pub(super) fn act_on_leaving(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::Leave, Screen::Quit(mut page)) => {
                if page.guard.admits(now.instant) {
                    if self.all_told(&page.told_of) {
                        return self.leave(page.told_of);
                    }
                    // The page names other numbers by now: it is asked anew.
                    page = QuitPage { guard: Guard::default(), told_of: self.only_in_memory(), ..page };
                }
                self.go(Screen::Quit(page));
            }
            (_, Screen::Quit(page)) => self.go(*page.below),
            (_, Screen::Leaving(Leaving::Operator { .. })) => {
                self.messages.tell(now.utc, "Not quitting. What was stopped was not sent.");
                self.go(self.page_below_all());
            }
            (_, other) => self.go(other),
        }
        Vec::new()
    }

    fn leave(&mut self, told_of: Vec<PhoneNumberId>) -> Vec<Effect> {
        let is_at_rest = self.running() == 0;
        self.go(Screen::Leaving(Leaving::Operator { told_of }));
        vec![if is_at_rest { Effect::Quit } else { Effect::StopWork }]
    }

    /// True if these are all the numbers whose PIN would be forgotten.
    fn all_told(&self, told_of: &[PhoneNumberId]) -> bool {
        self.only_in_memory().iter().all(|id| told_of.contains(id))
    }

    /// Work moved while the program waits for it: ends when all is at rest, and asks again where something came to be
    /// in doubt since the question.
    pub(super) fn leave_when_at_rest(&mut self) -> Vec<Effect> {
        let Screen::Leaving(Leaving::Operator { told_of }) = &self.screen else { return Vec::new() };
        if self.running() > 0 {
            return Vec::new();
        }
        if self.all_told(told_of) {
            return vec![Effect::Quit];
        }
        self.go(self.page_below_all());
        self.ask_to_quit()
    }
}
