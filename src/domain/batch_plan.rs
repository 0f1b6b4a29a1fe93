//! Which of many selected numbers get a PIN, which are left out, and why.
//!
//! These are pure rules: they read no list, ask nobody and send nothing. A plan names its numbers by their places in
//! the batch, so that it can be made again after each change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::number::{Number, PhoneNumberId, TwoStep, Waba, WabaId};
use crate::domain::pin_plan::Targets;

/// Why no PIN may be sent to a number now, whatever the operator chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// A PIN is being sent to it.
    BeingSent {
        /// True if another process sends it.
        elsewhere: bool,
    },
    /// An earlier PIN may be in force or not.
    InDoubt,
    /// The doubt about an earlier PIN was resolved, and its request may still arrive.
    MayStillArrive,
    /// No list has it any longer.
    NotListed,
}

/// Why a selected number is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOutReason {
    /// A PIN is set, and the operator does not replace it.
    On,
    /// A PIN may be set, and the operator does not replace it.
    Unknown,
    /// No PIN may be sent to it now.
    Obstacle(Obstacle),
}

/// A selected number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The number, with the two-step status that counts.
    pub number: Number,
    /// True if the filter hides its row.
    pub is_hidden: bool,
    /// Why no PIN may be sent to it now; `None` if one may.
    pub obstacle: Option<Obstacle>,
}

impl Candidate {
    /// Why the number is left out; `None` if it gets a PIN.
    #[must_use]
    pub fn left_out_reason(&self, replaces: bool) -> Option<LeftOutReason> {
        match (self.obstacle, self.number.two_step) {
            (Some(obstacle), _) => Some(LeftOutReason::Obstacle(obstacle)),
            (None, TwoStep::On) if !replaces => Some(LeftOutReason::On),
            (None, TwoStep::Unknown) if !replaces => Some(LeftOutReason::Unknown),
            (None, TwoStep::On | TwoStep::Unknown | TwoStep::NotSet) => None,
        }
    }
}

/// How many numbers have which two-step status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TwoStepTally {
    /// No PIN is set.
    pub not_set: usize,
    /// A PIN is set.
    pub on: usize,
    /// Not known.
    pub unknown: usize,
}

impl TwoStepTally {
    const fn move_between(&mut self, from: TwoStep, to: TwoStep) {
        *self.count_mut(from) -= 1;
        *self.count_mut(to) += 1;
    }

    const fn count_mut(&mut self, two_step: TwoStep) -> &mut usize {
        match two_step {
            TwoStep::NotSet => &mut self.not_set,
            TwoStep::On => &mut self.on,
            TwoStep::Unknown => &mut self.unknown,
        }
    }
}

/// How many numbers of a plan belong to a WABA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WabaShare {
    /// The WABA; `None` for the numbers that no WABA lists.
    pub waba: Option<Arc<Waba>>,
    /// How many.
    pub numbers: usize,
}

/// The selected numbers in the order of the list, each once. A clone shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    candidates: Arc<Vec<Candidate>>,
    places: Arc<HashMap<PhoneNumberId, usize>>,
    two_step: TwoStepTally,
    hidden: usize,
}

impl Batch {
    /// A batch of these numbers. Of equal ones only the first counts.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>) -> Self {
        let mut places = HashMap::with_capacity(candidates.len());
        let mut unique = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            places.entry(candidate.number.id).or_insert_with(|| {
                unique.push(candidate);
                unique.len() - 1
            });
        }
        let mut two_step = TwoStepTally::default();
        for candidate in &unique {
            *two_step.count_mut(candidate.number.two_step) += 1;
        }
        let hidden = unique.iter().filter(|candidate| candidate.is_hidden).count();
        Self { candidates: Arc::new(unique), places: Arc::new(places), two_step, hidden }
    }

    /// The numbers.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// A number of the batch.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<&Candidate> {
        self.places.get(id).and_then(|place| self.candidates.get(*place))
    }

    /// Replaces what is known of a number of the batch.
    pub fn update(&mut self, candidate: Candidate) {
        if let Some(place) = self.places.get(&candidate.number.id) {
            let known = &mut Arc::make_mut(&mut self.candidates)[*place];
            self.two_step.move_between(known.number.two_step, candidate.number.two_step);
            self.hidden = self.hidden - usize::from(known.is_hidden) + usize::from(candidate.is_hidden);
            *known = candidate;
        }
    }

    /// How many of all numbers have which status.
    #[must_use]
    pub const fn two_step(&self) -> TwoStepTally {
        self.two_step
    }

    /// How many of all numbers the filter hides.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// Decides which numbers get a PIN. `replaces` if those get one too that have one, or may have one.
    #[must_use]
    pub fn plan(&self, replaces: bool) -> BatchPlan {
        let mut plan = BatchPlan::default();
        let mut wabas: HashMap<Option<WabaId>, WabaShare> = HashMap::new();
        for (place, candidate) in self.candidates.iter().enumerate() {
            if let Some(reason) = candidate.left_out_reason(replaces) {
                plan.leave_out(place, reason);
            } else {
                plan.targets.insert(place);
                *plan.two_step.count_mut(candidate.number.two_step) += 1;
                plan.hidden += usize::from(candidate.is_hidden);
                let waba = candidate.number.waba.as_ref();
                let share = wabas.entry(waba_id(waba));
                share.or_insert_with(|| WabaShare { waba: waba.cloned(), numbers: 0 }).numbers += 1;
            }
        }
        plan.wabas = wabas.into_values().collect();
        plan.sort_wabas();
        plan
    }
}

/// A WABA is the same one after it was renamed.
fn waba_id(waba: Option<&Arc<Waba>>) -> Option<WabaId> {
    waba.map(|waba| waba.id)
}

/// Which numbers of a batch get a PIN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchPlan {
    /// The places of the numbers that get one.
    targets: BTreeSet<usize>,
    /// The places of the others, and why.
    left_out: BTreeMap<usize, LeftOutReason>,
    left_out_counts: BTreeMap<LeftOutReason, usize>,
    two_step: TwoStepTally,
    hidden: usize,
    wabas: Vec<WabaShare>,
}

impl BatchPlan {
    /// How many numbers get a PIN: what the operator counts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.targets.len()
    }

    /// How many numbers are left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// How many numbers are left out for which reason.
    pub fn left_out_counts(&self) -> impl Iterator<Item = (LeftOutReason, usize)> {
        self.left_out_counts.iter().map(|(reason, count)| (*reason, *count))
    }

    /// How many of the numbers that get a PIN have which status.
    #[must_use]
    pub const fn two_step(&self) -> TwoStepTally {
        self.two_step
    }

    /// How many of the numbers that get a PIN the filter hides.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// How many of the numbers that get a PIN belong to which WABA, the most first.
    #[must_use]
    pub fn wabas(&self) -> &[WabaShare] {
        &self.wabas
    }

    /// Leaves a number out, or gives one that is left out another reason.
    fn leave_out(&mut self, place: usize, reason: LeftOutReason) {
        if let Some(before) = self.left_out.insert(place, reason) {
            if let Some(count) = self.left_out_counts.get_mut(&before) {
                *count -= 1;
            }
            self.left_out_counts.retain(|_, count| *count > 0);
        }
        *self.left_out_counts.entry(reason).or_default() += 1;
    }

    /// Counts a number that gets a PIN for its WABA.
    fn join_waba(&mut self, waba: Option<&Arc<Waba>>) {
        match self.share_mut(waba) {
            Some(share) => share.numbers += 1,
            None => self.wabas.push(WabaShare { waba: waba.cloned(), numbers: 1 }),
        }
        self.sort_wabas();
    }

    /// Counts it no longer.
    fn leave_waba(&mut self, waba: Option<&Arc<Waba>>) {
        if let Some(share) = self.share_mut(waba) {
            share.numbers -= 1;
        }
        self.wabas.retain(|share| share.numbers > 0);
        self.sort_wabas();
    }

    fn share_mut(&mut self, waba: Option<&Arc<Waba>>) -> Option<&mut WabaShare> {
        self.wabas.iter_mut().find(|share| waba_id(share.waba.as_ref()) == waba_id(waba))
    }

    fn sort_wabas(&mut self) {
        self.wabas.sort_by_key(|share| (Reverse(share.numbers), waba_id(share.waba.as_ref())));
    }
}

/// What a change of a number makes of a frozen batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchChange {
    /// Nothing that the operator must read again.
    None,
    /// The number would now lose a PIN, or may.
    Stronger,
    /// The number has another name.
    Renamed,
    /// The number is left out.
    LeftOut(LeftOutReason),
}

/// A batch with its plan, as the operator is asked about it: numbers may leave the plan, and none is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenBatch {
    batch: Batch,
    plan: BatchPlan,
    replaces: bool,
}

impl FrozenBatch {
    /// Freezes a batch.
    #[must_use]
    pub fn new(batch: Batch, replaces: bool) -> Self {
        let plan = batch.plan(replaces);
        Self { batch, plan, replaces }
    }

    /// The batch, for another plan.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        self.batch
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &BatchPlan {
        &self.plan
    }

    /// A number of the batch.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<&Candidate> {
        self.batch.get(id)
    }

    /// The numbers that get a PIN, in order.
    #[must_use]
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &Candidate> {
        self.plan.targets.iter().map(|place| &self.batch.candidates[*place])
    }

    /// The numbers that are left out, in order, and why.
    #[must_use]
    pub fn left_out(&self) -> impl ExactSizeIterator<Item = (&Candidate, LeftOutReason)> {
        self.plan.left_out.iter().map(|(place, reason)| (&self.batch.candidates[*place], *reason))
    }

    /// The numbers to send to; `None` if none is left.
    #[must_use]
    pub fn to_targets(&self) -> Option<Targets> {
        Targets::new(self.targets().map(|candidate| candidate.number.clone()).collect())
    }

    /// Updates a number of the batch, and leaves it out if it can no longer get a PIN.
    pub fn update(&mut self, candidate: Candidate) -> BatchChange {
        let Some(place) = self.batch.places.get(&candidate.number.id).copied() else { return BatchChange::None };
        let before = self.batch.candidates[place].clone();
        let reason = candidate.left_out_reason(self.replaces);
        let (new, is_renamed) = (candidate.number.two_step, candidate.number.is_renamed_from(&before.number));
        let (waba, is_hidden) = (candidate.number.waba.clone(), candidate.is_hidden);
        self.batch.update(candidate);
        if !self.plan.targets.contains(&place) {
            // It stays left out. If nothing keeps it from a PIN now, the reason is the one that counted before.
            if let Some(reason) = reason {
                self.plan.leave_out(place, reason);
            }
            return BatchChange::None;
        }
        let old = before.number.two_step;
        if let Some(reason) = reason {
            self.remove_target(place, &before);
            self.plan.leave_out(place, reason);
            return BatchChange::LeftOut(reason);
        }
        self.plan.two_step.move_between(old, new);
        if waba_id(before.number.waba.as_ref()) != waba_id(waba.as_ref()) {
            self.plan.leave_waba(before.number.waba.as_ref());
            self.plan.join_waba(waba.as_ref());
        }
        self.plan.hidden = self.plan.hidden - usize::from(before.is_hidden) + usize::from(is_hidden);
        match (old, new) {
            (TwoStep::NotSet, TwoStep::On | TwoStep::Unknown) => BatchChange::Stronger,
            (_, _) if is_renamed => BatchChange::Renamed,
            (_, _) => BatchChange::None,
        }
    }

    fn remove_target(&mut self, place: usize, before: &Candidate) {
        self.plan.targets.remove(&place);
        self.plan.hidden -= usize::from(before.is_hidden);
        *self.plan.two_step.count_mut(before.number.two_step) -= 1;
        self.plan.leave_waba(before.number.waba.as_ref());
    }
}

#[cfg(test)]
mod tests;
