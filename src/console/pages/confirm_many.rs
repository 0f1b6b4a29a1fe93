//! The page that asks for the count of many numbers before it sets their PINs. It holds the frozen list that is counted.
//!
//! Numbers may leave the list while the page is open, and then it asks again. None is added. It sends nothing itself: the
//! right count becomes a [`WorkCommand`].

use std::time::Instant;

use super::batch_event::{change_notice, changed_candidate};
use super::confirm::refuse;
use super::guard::{Guard, TYPED_AHEAD};
use super::typed_digits::{Submission, TypedDigits};
use super::{PageBehavior, PageEvent};
use crate::console::effect::WorkCommand;
use crate::console::go::{Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{ConfirmManyAction, KeyTable, table};
use crate::console::many_pins::ManyPinsRequest;
use crate::console::shared::Shared;
use crate::domain::batch_plan::Candidate;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::count_numbers;
use crate::journal::RecentSets;

/// The question.
#[derive(Debug)]
pub struct ConfirmManyPage {
    /// What is confirmed.
    pub request: Box<ManyPinsRequest>,
    /// The count so far.
    pub typed: TypedDigits,
    /// What happened to the list while the question was open.
    pub notice: Option<String>,
    /// The jobs that set some of the numbers lately.
    pub recent: RecentSets,
    /// How many numbers were left out while the question was open.
    lost: usize,
    /// The answer to the last key.
    answer: Option<&'static str>,
    guard: Guard,
    question_id: u32,
}

impl ConfirmManyPage {
    /// Asks for a count. `question_id` identifies what is read for it.
    #[must_use]
    pub fn new(request: Box<ManyPinsRequest>, question_id: u32) -> Self {
        Self {
            request,
            typed: TypedDigits::default(),
            notice: None,
            recent: RecentSets::default(),
            lost: 0,
            answer: None,
            guard: Guard::default(),
            question_id,
        }
    }

    /// How many numbers get a PIN: what must be typed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.request.frozen.plan().count()
    }

    /// True while the field accepts no digits yet.
    #[must_use]
    pub fn is_pausing(&self, now: Instant) -> bool {
        self.guard.is_pausing(now)
    }

    /// The answer to the last key, or that keys are ignored.
    #[must_use]
    pub fn answer(&self, now: Instant) -> Option<&'static str> {
        if self.is_pausing(now) { Some(TYPED_AHEAD) } else { self.answer }
    }

    /// Asks again about the list as it is now: no earlier key counts.
    fn restart(&mut self, notice: Option<String>) {
        self.guard = Guard::default();
        self.typed.clear();
        self.answer = None;
        self.notice = notice.or(self.notice.take());
    }

    /// Updates a number, and asks again if that changes what was asked.
    fn update(&mut self, candidate: Candidate) {
        let label = candidate.number.label().to_owned();
        let change = self.request.frozen.update(candidate);
        if let Some(notice) = change_notice(change, &label, &mut self.lost) {
            self.restart(Some(notice));
        }
    }

    /// Updates every number that no PIN may be sent to any longer.
    fn update_obstacles(&mut self, shared: &Shared) {
        let changed: Vec<_> = self
            .request
            .frozen
            .targets()
            .filter_map(|known| {
                let obstacle = shared.obstacle(&known.number)?;
                Some(Candidate { obstacle: Some(obstacle), ..known.clone() })
            })
            .collect();
        for candidate in changed {
            self.update(candidate);
        }
    }

    fn accepts_key(&mut self, arrived: Instant) -> bool {
        let is_accepted = self.guard.accepts_key(arrived);
        self.answer = (!is_accepted).then_some(TYPED_AHEAD);
        is_accepted
    }

    fn submit(mut self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let expected = self.count().to_string();
        self.answer = Some(match self.typed.submit(&mut self.guard, now.instant, &expected, 1) {
            Submission::Ignored(why) => why,
            Submission::Incomplete => "Type how many numbers first.",
            Submission::Wrong => "That is not the count. Nothing was sent.",
            Submission::TooManyWrong => {
                shared.messages.push(now.utc, "Canceled: the count was wrong 5 times. Nothing was sent.");
                return Step::back();
            }
            Submission::Right => return self.start(shared, now),
        });
        Step::stay(self)
    }

    /// Asks for the job that was counted, unless something changed since the question.
    fn start(mut self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        if let Some(reason) = shared.sending_block_reason() {
            return refuse(reason, shared, now);
        }
        let counted = self.count();
        self.update_obstacles(shared);
        if self.count() != counted {
            return Step::stay(self);
        }
        let Some(targets) = self.request.frozen.to_targets() else {
            shared.messages.push(now.utc, "Nothing was sent. No number is left.");
            return Step::back();
        };
        let send_first = self.request.send_first();
        for target in targets.iter() {
            shared.roster.set_change(target.id, ChangeState::Queued);
        }
        // Also the selected numbers that were left out: the question named them.
        shared.roster.clear_selection();
        shared.started_jobs.start(targets.iter().map(|target| target.id));
        shared.messages.push(now.utc, format!("Starting a job for {}.", count_numbers(targets.len())));
        let ManyPinsRequest { pins, draft, .. } = *self.request;
        let note = draft.note_text();
        Step::back().with(WorkCommand::StartJob { plan: PinPlan { targets, pins }, note, send_first })
    }
}

impl PageBehavior for ConfirmManyPage {
    type Action = ConfirmManyAction;
    const ON_INTERRUPT: ConfirmManyAction = ConfirmManyAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ConfirmManyAction> {
        &table::CONFIRM_MANY
    }

    fn on_action(mut self, action: ConfirmManyAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        match action {
            ConfirmManyAction::Submit => return self.submit(shared, now),
            ConfirmManyAction::Back => {
                let ManyPinsRequest { frozen, mut draft, .. } = *self.request;
                draft.set_batch(frozen.into_batch());
                return Step::replace(Destination::EditManyPins(Box::new(draft)));
            }
            ConfirmManyAction::ShowList => {
                self.restart(None);
                let frozen = self.request.frozen.clone();
                return Step::open(self, Destination::ManyPinsList(frozen));
            }
            ConfirmManyAction::Help => {
                self.on_covered();
                return Step::open(self, Destination::Help);
            }
            ConfirmManyAction::DeleteDigit | ConfirmManyAction::ClearField => {
                if self.accepts_key(now.instant) {
                    self.typed.delete(action == ConfirmManyAction::ClearField);
                }
            }
        }
        Step::stay(self)
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let count = self.count();
        if self.accepts_key(now.instant) && !self.typed.push_of_count(key, count) {
            self.answer = Some("Type the count and Enter, or Esc to go back.");
        }
        Step::stay(self)
    }

    fn guard(&mut self) -> Option<&mut Guard> {
        Some(&mut self.guard)
    }

    fn on_paste(mut self, _text: &str, _shared: &mut Shared, now: TimePoint) -> Step<Self> {
        self.guard.restart(now.instant);
        self.answer = Some("Too fast: that looked like a paste. Type the count by hand.");
        Step::stay(self)
    }

    fn on_covered(&mut self) {
        self.restart(None);
    }

    fn on_event(&mut self, event: &PageEvent<'_>, shared: &Shared) {
        match event {
            PageEvent::ListsRead => self.update_obstacles(shared),
            PageEvent::RecentSetsRead(question_id, recent) => {
                if *question_id == self.question_id && !recent.is_empty() {
                    self.recent = (*recent).clone();
                    self.restart(None);
                }
            }
            PageEvent::Listed(_)
            | PageEvent::Refreshed(_)
            | PageEvent::ChangedElsewhere(..)
            | PageEvent::CallsLeftRead(_)
            | PageEvent::PinGenerated(..) => {
                if let Some(candidate) = changed_candidate(event, |id| self.request.frozen.get(id), shared) {
                    self.update(candidate);
                }
            }
        }
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
    }

    /// When the pause ends, the field looks different.
    fn next_wake(&self, _shared: &Shared, now: Instant) -> Option<Instant> {
        self.guard.pause_end().filter(|end| now < *end)
    }

    fn asks(&self) -> bool {
        true
    }

    fn is_about(&self, id: &PhoneNumberId) -> bool {
        self.request.frozen.get(id).is_some()
    }

    fn has_pane(&self) -> bool {
        true
    }
}
