//! The queue of numbers that wait for a free slot, by WABA: a WABA that is paused holds up no other.
//!
//! It does not decide which WABA is paused or what is canceled. A queued number takes two machine words: its change is
//! created, and its random PIN generated, only when it is started.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::{iter, mem};

use super::send_task::PendingChange;
use crate::domain::change::{Change, ChangeId, Completion, JobId};
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin::RandomSourceError;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::{NotSentReason, Standing};
use crate::journal::OutcomeRecord;
use crate::pace::Refusal;

/// A job that is recorded, shared by its queued numbers.
pub(super) struct RecordedJob {
    pub(super) id: JobId,
    pub(super) plan: PinPlan,
    /// The place of its first number in the order of all queued numbers.
    pub(super) first_place: u64,
}

/// The queued numbers.
#[derive(Default)]
pub(super) struct SendQueue {
    /// In order; never an empty queue.
    by_waba: HashMap<Option<WabaId>, VecDeque<QueueItem>>,
    /// The numbers that wait until an operator has seen the result of others.
    held: Vec<PlannedNumber>,
    places_taken: u64,
}

/// Which number is next.
pub(super) enum NextItem {
    /// None is queued, or the jobs of all are paused.
    None,
    /// The first of this WABA.
    OfWaba(Option<WabaId>),
    /// Every WABA must wait, some of them until a time.
    Held(Option<TimePoint>),
}

impl SendQueue {
    /// Reserves this many places in the order, and returns the first one.
    pub(super) fn reserve_places(&mut self, count: usize) -> u64 {
        let first = self.places_taken;
        self.places_taken += count as u64;
        first
    }

    pub(super) fn len(&self) -> usize {
        self.by_waba.values().map(VecDeque::len).sum()
    }

    pub(super) fn push(&mut self, item: QueueItem) {
        self.by_waba.entry(item.waba()).or_default().push_back(item);
    }

    /// Holds back a number until [`SendQueue::release`].
    pub(super) fn hold(&mut self, planned: PlannedNumber) {
        self.held.push(planned);
    }

    /// Queues the numbers that a job holds back.
    pub(super) fn release(&mut self, job: JobId) {
        for item in self.take_held(job) {
            self.push(item);
        }
    }

    /// Takes the numbers that a job holds back, in order.
    pub(super) fn take_held(&mut self, job: JobId) -> Vec<QueueItem> {
        self.held.extract_if(.., |planned| planned.job() == job).map(QueueItem::Planned).collect()
    }

    /// The first number in the order whose job is not paused and whose WABA is not refused now.
    pub(super) fn next(
        &self,
        is_paused: impl Fn(JobId) -> bool,
        refusal: impl Fn(Option<WabaId>) -> Option<Refusal>,
    ) -> NextItem {
        let (mut first, mut until, mut has_candidate) = (None, None::<TimePoint>, false);
        for (waba, items) in &self.by_waba {
            let Some(item) = items.iter().find(|item| !is_paused(item.job())) else { continue };
            has_candidate = true;
            match refusal(*waba) {
                None => {
                    let candidate = Some((item.place(), *waba));
                    first = [first, candidate].into_iter().flatten().min_by_key(|(place, _)| *place);
                }
                Some(Refusal::Paused(pause)) => {
                    until = until.into_iter().chain([pause]).min_by_key(|until| until.instant);
                }
                Some(Refusal::Busy) => {}
            }
        }
        match first {
            Some((_, waba)) => NextItem::OfWaba(waba),
            None if has_candidate => NextItem::Held(until),
            None => NextItem::None,
        }
    }

    /// True if numbers of the job are queued or held back.
    pub(super) fn contain(&self, job: JobId) -> bool {
        let mut items = self.by_waba.values().flatten().map(QueueItem::job);
        items.any(|other| other == job) || self.held.iter().any(|planned| planned.job() == job)
    }

    /// Takes the first number of a WABA whose job is not paused.
    pub(super) fn pop(&mut self, waba: Option<WabaId>, is_paused: impl Fn(JobId) -> bool) -> Option<QueueItem> {
        let items = self.by_waba.get_mut(&waba)?;
        let first = items.iter().position(|item| !is_paused(item.job()))?;
        let item = items.remove(first);
        if items.is_empty() {
            self.by_waba.remove(&waba);
        }
        item
    }

    /// Takes all numbers of the WABAs that `matches` selects: those that are held back, then the others, both in order.
    pub(super) fn take(&mut self, matches: impl Fn(Option<WabaId>) -> bool) -> Vec<QueueItem> {
        let held = self.held.extract_if(.., |planned| matches(planned.target().waba_id())).collect();
        let queued = self.by_waba.extract_if(|waba, _| matches(*waba)).flat_map(|(_, items)| items).collect();
        held_first(held, queued)
    }

    /// Takes all numbers of a job: those that are held back, then the others, both in order.
    pub(super) fn take_job(&mut self, job: JobId) -> Vec<QueueItem> {
        let held = self.held.extract_if(.., |planned| planned.job() == job).collect();
        let mut queued = Vec::new();
        for items in self.by_waba.values_mut() {
            let (of_job, others): (VecDeque<_>, _) = mem::take(items).into_iter().partition(|item| item.job() == job);
            *items = others;
            queued.extend(of_job);
        }
        self.by_waba.retain(|_, items| !items.is_empty());
        held_first(held, queued)
    }
}

/// What is held back ends first, so that the last result of the others tells whether anything is still held back.
fn held_first(held: Vec<PlannedNumber>, mut queued: Vec<QueueItem>) -> Vec<QueueItem> {
    queued.sort_by_key(QueueItem::place);
    held.into_iter().map(QueueItem::Planned).chain(queued).collect()
}

impl RecordedJob {
    /// Its numbers, in order. The last one is the last owner of the PIN.
    pub(super) fn into_numbers(self) -> impl ExactSizeIterator<Item = PlannedNumber> {
        let count = self.plan.targets.len();
        iter::repeat_n(Arc::new(self), count).enumerate().map(|(index, job)| PlannedNumber { job, index })
    }
}

/// A queued number.
pub(super) enum QueueItem {
    /// A change whose PIN is in doubt, to be sent again, and its place in the order.
    Resend(Box<(u64, PendingChange)>),
    /// A number whose change is created when it is started.
    Planned(PlannedNumber),
}

/// One number of a job.
pub(super) struct PlannedNumber {
    job: Arc<RecordedJob>,
    index: usize,
}

impl PlannedNumber {
    pub(super) fn target(&self) -> &Number {
        &self.job.plan.targets[self.index]
    }

    pub(super) fn job(&self) -> JobId {
        self.job.id
    }

    /// True if the job has no other number.
    pub(super) fn is_alone(&self) -> bool {
        self.job.plan.targets.len() == 1
    }

    /// The record of a refusal before the number is started. The number gets a change ID for it.
    pub(super) fn refusal_record(&self, finished: Completion, why: NotSentReason) -> OutcomeRecord {
        let (target, Completion { at, attempts }) = (self.target(), finished);
        OutcomeRecord {
            change: ChangeId::new(),
            job: Some(self.job()),
            number: target.id,
            waba: target.waba_id(),
            attempts,
            standing: Standing::NotSent(why),
            will_retry: false,
            at,
        }
    }

    /// Creates the change of the number, which is started.
    fn into_pending(self) -> Result<PendingChange, RandomSourceError> {
        let target = self.target();
        Ok(PendingChange::new(Arc::new(Change {
            id: ChangeId::new(),
            job: self.job(),
            status_before: target.into(),
            number: target.id,
            waba: target.waba_id(),
            pin: self.job.plan.pins.pin_for(target.original_display())?,
        })))
    }
}

impl QueueItem {
    fn place(&self) -> u64 {
        match self {
            Self::Resend(resend) => resend.0,
            Self::Planned(planned) => planned.job.first_place + planned.index as u64,
        }
    }

    pub(super) fn number(&self) -> PhoneNumberId {
        match self {
            Self::Resend(resend) => resend.1.change.number,
            Self::Planned(planned) => planned.target().id,
        }
    }

    pub(super) fn waba(&self) -> Option<WabaId> {
        match self {
            Self::Resend(resend) => resend.1.change.waba,
            Self::Planned(planned) => planned.target().waba_id(),
        }
    }

    pub(super) fn job(&self) -> JobId {
        match self {
            Self::Resend(resend) => resend.1.change.job,
            Self::Planned(planned) => planned.job(),
        }
    }

    /// The change of a number that is started.
    pub(super) fn into_pending(self) -> Result<PendingChange, RandomSourceError> {
        match self {
            Self::Resend(resend) => Ok(resend.1),
            Self::Planned(planned) => planned.into_pending(),
        }
    }
}
