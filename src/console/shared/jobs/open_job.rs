//! The job whose page is open: its numbers, as the journal has them, and as this process reports them since.
//!
//! Its counts are kept up with each new state, and nothing is counted for a frame. It reads nothing: the app does.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::counts::{JobCounts, JobPhase};
use super::own_jobs::OwnJob;
use crate::domain::change::{ChangeState, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::standing::ChangeResult;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, RecordedState};
use crate::policy::quota::QuotaScope;

/// Which job the open page is about, and what was read of it.
#[derive(Debug, Default)]
pub struct OpenJob {
    id: Option<JobId>,
    numbers: Option<JobNumbers>,
    /// The journal may have more than was read.
    is_stale: bool,
    has_read_failed: bool,
}

impl OpenJob {
    /// The numbers; `None` before they were read.
    #[must_use]
    pub const fn numbers(&self) -> Option<&JobNumbers> {
        self.numbers.as_ref()
    }

    /// True if the last read failed, or if there is no such job.
    #[must_use]
    pub const fn has_read_failed(&self) -> bool {
        self.has_read_failed
    }

    /// The job that is open.
    #[must_use]
    pub const fn id(&self) -> Option<JobId> {
        self.id
    }

    /// The page of this job is open now, or of none.
    pub(in crate::console) fn show(&mut self, id: Option<JobId>) {
        if self.id != id {
            *self = Self { id, is_stale: id.is_some(), ..Self::default() };
        }
    }

    /// The job must be read again.
    pub(in crate::console) const fn mark_stale(&mut self) {
        self.is_stale = self.id.is_some();
    }

    /// The job, once, if it must be read.
    pub(in crate::console) fn take_stale(&mut self) -> Option<JobId> {
        self.id.filter(|_| std::mem::replace(&mut self.is_stale, false))
    }

    /// A job was read; `None` if it could not be read. `own` is the same job while this process works on it: what that
    /// reported is newer than what was read.
    pub(in crate::console) fn set(&mut self, id: JobId, read: Option<JobDetail>, own: Option<&OwnJob>) {
        if self.id != Some(id) {
            return;
        }
        self.has_read_failed = read.is_none();
        if let Some(detail) = read {
            self.numbers = Some(JobNumbers::new(detail, own));
        }
    }

    /// This process reported a new state of a number.
    pub(in crate::console) fn update(&mut self, id: JobId, number: &PhoneNumberId, state: &Arc<ChangeState>) {
        if let Some(numbers) = self.numbers.as_mut().filter(|_| self.id == Some(id)) {
            numbers.update(number, state);
        }
    }
}

/// A number of the job.
#[derive(Debug, Clone, Copy)]
pub struct JobRow<'a> {
    /// The number as the journal had it.
    pub record: &'a JobNumber,
    /// What this process reported since.
    pub live: Option<&'a ChangeState>,
}

impl JobRow<'_> {
    /// The phase of the number. `is_running` tells whether a process works on the job.
    #[must_use]
    pub fn phase(&self, is_running: bool) -> JobPhase {
        match self.live {
            Some(state) => JobPhase::of_change(state),
            None => JobPhase::of_record(self.record.state, is_running),
        }
    }

    /// True if someone has to look at it, or will have to if its retries fail.
    fn needs_attention(&self, is_running: bool) -> bool {
        match self.phase(is_running) {
            // Its PIN may be in force, also while a pause holds back the next try.
            JobPhase::Failed | JobPhase::NoAnswer | JobPhase::WaitingInDoubt => true,
            JobPhase::Waiting => matches!(self.live, Some(ChangeState::Waiting { .. })),
            JobPhase::Set | JobPhase::Resolved | JobPhase::Sending | JobPhase::Queued | JobPhase::NotSent => false,
        }
    }
}

/// The numbers of a job, with their counts.
#[derive(Debug)]
pub struct JobNumbers {
    summary: JobSummary,
    records: Vec<JobNumber>,
    /// What this process reported of each since.
    live: Vec<Option<Arc<ChangeState>>>,
    /// The rows in the order of their IDs.
    by_id: Vec<usize>,
    counts: JobCounts,
    /// The rows that need attention.
    attention: BTreeSet<usize>,
    /// The rows that were not sent. Once no process works on the job, they need attention, too.
    not_sent: BTreeSet<usize>,
    /// How many numbers Meta refused, as [`JobNumber::has_failed`] says.
    failed: usize,
    /// How many of those a resumed job sends.
    refused_left: usize,
    queued: HashMap<Option<WabaId>, usize>,
    last_end: Option<UtcTime>,
}

impl JobNumbers {
    fn new(detail: JobDetail, own: Option<&OwnJob>) -> Self {
        let JobDetail { summary, numbers } = detail;
        let mut job = Self {
            summary,
            live: numbers.iter().map(|record| own.and_then(|own| own.state(&record.number)).cloned()).collect(),
            by_id: (0..numbers.len()).collect(),
            records: numbers,
            counts: JobCounts::default(),
            attention: BTreeSet::new(),
            not_sent: BTreeSet::new(),
            failed: 0,
            refused_left: 0,
            queued: HashMap::new(),
            last_end: None,
        };
        job.by_id.sort_unstable_by_key(|at| job.records[*at].number);
        for at in 0..job.records.len() {
            let record = &job.records[at];
            job.last_end = job.last_end.max(record.at);
            job.failed += usize::from(record.has_failed());
            job.refused_left += usize::from(record.has_failed() && record.is_resumable());
            job.count(at, None);
        }
        job
    }

    fn row(&self, at: usize) -> JobRow<'_> {
        JobRow { record: &self.records[at], live: self.live[at].as_deref() }
    }

    fn all_rows(&self) -> impl Iterator<Item = JobRow<'_>> {
        (0..self.records.len()).map(|at| self.row(at))
    }

    fn find(&self, number: &PhoneNumberId) -> Option<usize> {
        let place = self.by_id.binary_search_by_key(number, |at| self.records[*at].number).ok()?;
        self.by_id.get(place).copied()
    }

    /// True if a process worked on the job when it was read.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.summary.status == JobStatus::Running
    }

    /// Counts a row that was in this phase before.
    fn count(&mut self, at: usize, former: Option<JobPhase>) {
        let is_running = self.is_running();
        let row = self.row(at);
        let (phase, needs_attention, waba) = (row.phase(is_running), row.needs_attention(is_running), row.record.waba);
        self.counts.change(former, phase);
        set_member(&mut self.attention, at, needs_attention);
        set_member(&mut self.not_sent, at, phase == JobPhase::NotSent);
        let queued = self.queued.entry(waba).or_default();
        *queued += usize::from(phase == JobPhase::Queued);
        *queued -= usize::from(former == Some(JobPhase::Queued));
    }

    fn update(&mut self, number: &PhoneNumberId, state: &Arc<ChangeState>) {
        let Some(at) = self.find(number) else { return };
        let former = self.row(at).phase(self.is_running());
        self.live[at] = Some(Arc::clone(state));
        self.last_end = self.last_end.max(state.ended_at());
        self.count(at, Some(former));
    }

    /// The job, as it was read last.
    #[must_use]
    pub const fn summary(&self) -> &JobSummary {
        &self.summary
    }

    /// What the operator noted about the job.
    #[must_use]
    pub fn note_line(&self) -> Option<String> {
        self.summary.note.as_ref().map(|note| format!("Note: {note}"))
    }

    /// The process that works on the job, as the subject of a sentence.
    #[must_use]
    pub fn worker_label(&self) -> String {
        self.summary.worker.as_ref().map_or_else(|| "Another process".to_owned(), |worker| format!("{worker},"))
    }

    /// How many numbers are in each phase.
    #[must_use]
    pub const fn counts(&self) -> &JobCounts {
        &self.counts
    }

    /// How many of the other numbers are in each phase.
    #[must_use]
    pub fn counts_without(&self, left_out: &HashSet<PhoneNumberId>) -> JobCounts {
        let mut counts = JobCounts::default();
        for row in self.all_rows().filter(|row| !left_out.contains(&row.record.number)) {
            counts.change(None, row.phase(self.is_running()));
        }
        counts
    }

    /// When the last number ended, as far as it is known.
    #[must_use]
    pub const fn last_end(&self) -> Option<UtcTime> {
        self.last_end
    }

    /// How many numbers wait for their turn in a scope.
    #[must_use]
    pub fn queued_in(&self, scope: QuotaScope) -> usize {
        match scope {
            QuotaScope::App | QuotaScope::Token => self.counts.get(JobPhase::Queued),
            QuotaScope::Waba(waba) => self.queued.get(&waba).copied().unwrap_or_default(),
            QuotaScope::Number(number) => {
                let row = self.find(&number).map(|at| self.row(at));
                usize::from(row.is_some_and(|row| row.phase(self.is_running()) == JobPhase::Queued))
            }
        }
    }

    /// How many rows are shown: all, or those that need attention.
    #[must_use]
    pub fn len(&self, shows_all: bool) -> usize {
        if shows_all { self.records.len() } else { self.attention.len() + self.shown_not_sent() }
    }

    /// How many rows of numbers that were not sent follow the others that need attention. As long as a process works on the
    /// job, there is nothing to do about them.
    #[must_use]
    pub fn shown_not_sent(&self) -> usize {
        if self.is_running() { 0 } else { self.not_sent.len() }
    }

    /// The shown rows from this position on. Thousands that were not sent do not hide the few that failed: they come last.
    pub fn rows(&self, shows_all: bool, first: usize) -> impl Iterator<Item = JobRow<'_>> {
        let all = self.all_rows().skip(first).take(if shows_all { usize::MAX } else { 0 });
        let last = self.not_sent.iter().take(self.shown_not_sent());
        let some = self.attention.iter().chain(last).skip(first).take(if shows_all { 0 } else { usize::MAX });
        all.chain(some.map(|at| self.row(*at)))
    }

    /// The position of a number among the shown rows; that of the next shown one if it is not among them, and the first
    /// without a number. `None` without rows.
    #[must_use]
    pub fn position(&self, number: Option<&PhoneNumberId>, shows_all: bool) -> Option<usize> {
        let last = self.len(shows_all).checked_sub(1)?;
        let Some(at) = number.and_then(|number| self.find(number)) else { return Some(0) };
        let position = if shows_all {
            at
        } else if self.not_sent.contains(&at) {
            self.attention.len() + self.not_sent.range(..at).count()
        } else {
            self.attention.range(..at).count()
        };
        Some(position.min(last))
    }

    /// How many numbers a resumed job sends.
    #[must_use]
    pub const fn left_count(&self) -> usize {
        self.summary.resumable
    }

    /// How many numbers that a resumed job sends were refused before.
    #[must_use]
    pub const fn refused_left_count(&self) -> usize {
        self.refused_left
    }

    /// How many numbers Meta refused: what `t` sends if nothing else is left.
    #[must_use]
    pub const fn failed_count(&self) -> usize {
        self.failed
    }

    /// The numbers that a resumed job sends; all that Meta refused if `failed`.
    pub fn left(&self, failed: bool) -> impl Iterator<Item = &JobNumber> {
        self.records.iter().filter(move |record| if failed { record.has_failed() } else { record.is_resumable() })
    }

    /// How many numbers are not among [`JobNumbers::left`] only because another job set a PIN there.
    #[must_use]
    pub fn set_since(&self, failed: bool) -> usize {
        let has_failed = |record: &JobNumber| record.state == RecordedState::Ended(ChangeResult::Failed);
        let is_wanted = |record: &JobNumber| if failed { has_failed(record) } else { record.is_left() };
        self.records.iter().filter(|record| record.is_set_since && is_wanted(record)).count()
    }

    /// The numbers with no answer.
    pub fn in_doubt(&self) -> impl Iterator<Item = PhoneNumberId> {
        let is_running = self.is_running();
        let rows = self.attention.iter().map(|at| self.row(*at));
        rows.filter(move |row| row.phase(is_running) == JobPhase::NoAnswer).map(|row| row.record.number)
    }
}

fn set_member(rows: &mut BTreeSet<usize>, at: usize, is_member: bool) {
    if is_member {
        rows.insert(at);
    } else {
        rows.remove(&at);
    }
}
