//! Opens the form and the question for many numbers.
//!
//! It decides nothing about the numbers.

use super::App;
use crate::console::effect::{Effect, WorkCommand};
use crate::console::many_pins::ManyPinsRequest;
use crate::console::pages::Page;
use crate::console::pages::confirm_many::ConfirmManyPage;
use crate::console::pages::many_pins::ManyPinsPage;
use crate::domain::number::PhoneNumberId;

impl App {
    /// The form for many numbers. What is left of the calls of their WABAs is read meanwhile.
    pub(super) fn many_pins_form(&self, ids: &[PhoneNumberId], effects: &mut Vec<Effect>) -> Page {
        let page = ManyPinsPage::new(ids, &self.shared);
        let wabas = self.shared.session.wabas.iter().map(|waba| waba.id).collect();
        effects.push(WorkCommand::ReadCallsLeft(wabas).into());
        Page::ManyPins(page)
    }

    /// The question about many numbers. Which jobs set some of them lately is read meanwhile.
    pub(super) fn confirm_many(&mut self, request: Box<ManyPinsRequest>, effects: &mut Vec<Effect>) -> Page {
        let question_id = self.shared.started_jobs.next_question_id();
        let numbers = request.frozen.targets().map(|candidate| candidate.number.id).collect();
        effects.push(WorkCommand::ReadRecentSets { question_id, numbers }.into());
        Page::ConfirmMany(ConfirmManyPage::new(request, question_id))
    }
}
