//! Ending the program: at once where nothing is unfinished, otherwise only after a question.

use super::guard::Guard;
use super::screen::{Leaving, QuitPage};
use super::{App, Effect, Screen};
use crate::console::keymap::Action;
use crate::moment::Moment;
use crate::number::PhoneNumberId;

impl App {
    /// `q` on a first page: quits, or asks first where work is on its way or a PIN is in doubt.
    pub(super) fn ask_to_quit(&mut self) -> Vec<Effect> {
        let told_in_doubt = self.ids_in_doubt();
        if self.running() == 0 && told_in_doubt.is_empty() {
            return vec![Effect::Quit];
        }
        let below = Box::new(self.take_screen());
        self.go(Screen::Quit(QuitPage { below, guard: Guard::default(), told_in_doubt }));
        Vec::new()
    }

    /// The second Ctrl-C: no question about work on its way, which is awaited; a PIN in doubt is still asked about,
    /// because it would be gone.
    pub(super) fn quit_at_once(&mut self) -> Vec<Effect> {
        if self.in_doubt() > 0 {
            return if matches!(self.screen, Screen::Quit(_)) { Vec::new() } else { self.ask_to_quit() };
        }
        self.leave(Vec::new())
    }

    pub(super) fn act_on_leaving(&mut self, action: Action, now: Moment) -> Vec<Effect> {
        match (action, self.take_screen()) {
            (Action::Leave, Screen::Quit(mut page)) => {
                if page.guard.admits(now.instant) {
                    if self.all_told(&page.told_in_doubt) {
                        return self.leave(page.told_in_doubt);
                    }
                    // The page names other numbers by now: it is asked anew.
                    page = QuitPage { guard: Guard::default(), told_in_doubt: self.ids_in_doubt(), ..page };
                }
                self.go(Screen::Quit(page));
            }
            (_, Screen::Quit(page)) => self.go(*page.below),
            (_, Screen::Leaving(Leaving::Operator { .. })) => {
                self.messages.tell(now.utc, "Not quitting. What was stopped was not sent.");
            }
            (_, other) => self.go(other),
        }
        Vec::new()
    }

    fn leave(&mut self, told_in_doubt: Vec<PhoneNumberId>) -> Vec<Effect> {
        if self.running() == 0 {
            return vec![Effect::Quit];
        }
        self.go(Screen::Leaving(Leaving::Operator { told_in_doubt }));
        vec![Effect::StopWork]
    }

    /// True if these are all the numbers whose PIN would be forgotten.
    fn all_told(&self, told_in_doubt: &[PhoneNumberId]) -> bool {
        self.ids_in_doubt().iter().all(|id| told_in_doubt.contains(id))
    }

    /// Work moved while the program waits for it: ends when all is at rest, and asks again where something came to be
    /// in doubt since the question.
    pub(super) fn leave_when_at_rest(&mut self) -> Vec<Effect> {
        let Screen::Leaving(Leaving::Operator { told_in_doubt }) = &self.screen else { return Vec::new() };
        if self.running() > 0 {
            return Vec::new();
        }
        if self.all_told(told_in_doubt) {
            return vec![Effect::Quit];
        }
        self.go(Screen::List);
        self.ask_to_quit()
    }
}
