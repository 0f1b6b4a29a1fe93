//! The jobs that this process works on: their counts and their pace, kept up with each new state of a number.
//!
//! A job is forgotten when its last number has ended: the journal has the rest. It reads nothing and sends nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::counts::{JobCounts, JobPhase};
use crate::domain::change::{ChangeState, JobId};
use crate::domain::number::PhoneNumberId;
use crate::pace::Pause;

/// The pace is that of the last minute.
const PACE_WINDOW: Duration = Duration::from_mins(1);

/// No pace is claimed before: the first answers say little about the others.
const MIN_PACE_TIME: Duration = Duration::from_secs(10);

/// The jobs of this process, oldest first.
#[derive(Debug, Default)]
pub struct OwnJobs {
    jobs: Vec<OwnJob>,
    /// The limits of Meta that hold calls back, one for each scope.
    limits: Vec<Pause>,
}

/// A job of this process whose numbers have not all ended.
#[derive(Debug)]
pub struct OwnJob {
    /// The ID of the job.
    pub id: JobId,
    /// False before the start is reported, and for a PIN in doubt that is sent again after the job has ended.
    is_started: bool,
    /// The operator paused it.
    is_paused: bool,
    /// After how many numbers it waits for the operator; `None` if it does not wait, or no longer.
    send_first: Option<usize>,
    /// The numbers that this process sends.
    states: HashMap<PhoneNumberId, Arc<ChangeState>>,
    /// The newest state of each phase. The next one is probably equal, and then stored once.
    newest: HashMap<JobPhase, Arc<ChangeState>>,
    /// The numbers in `states`.
    counts: JobCounts,
    /// The other numbers of a resumed job, when it was resumed.
    others: JobCounts,
    /// Since when its pace is measured.
    measured_from: Instant,
    /// How many numbers ended in each second of the last minute that had any, oldest first.
    ends: VecDeque<(Instant, usize)>,
}

/// What happened to a job of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum JobMilestone {
    /// Its last number ended.
    Ended(JobId, JobCounts),
    /// Its first numbers ended, and the others wait for the operator.
    Held(JobId, JobCounts),
}

impl OwnJobs {
    /// The newest job with more than one number.
    #[must_use]
    pub fn newest_of_many(&self) -> Option<&OwnJob> {
        self.jobs.iter().rev().find(|job| job.is_of_many())
    }

    /// The job with this ID, while this process works on it.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<&OwnJob> {
        self.worked_on().find(|job| job.id == id)
    }

    /// The jobs that this process works on, oldest first.
    pub fn worked_on(&self) -> impl Iterator<Item = &OwnJob> {
        self.jobs.iter().filter(|job| job.is_worked_on())
    }

    /// True while this process works on a job.
    #[must_use]
    pub fn is_any_worked_on(&self) -> bool {
        self.worked_on().next().is_some()
    }

    /// The operator paused a job, or continues it. The time of the pause says nothing about the pace.
    pub(in crate::console) fn set_paused(&mut self, id: JobId, is_paused: bool, now: Instant) {
        for job in self.jobs.iter_mut().filter(|job| job.id == id) {
            job.is_paused = is_paused;
            job.restart_measure(now);
        }
    }

    /// The limits of Meta that hold calls back now.
    #[must_use]
    pub fn limits(&self) -> &[Pause] {
        &self.limits
    }

    /// When the first of them ends; `None` if there are none.
    #[must_use]
    pub fn next_limit_end(&self) -> Option<Instant> {
        self.limits.iter().map(|pause| pause.until.instant).min()
    }

    pub(in crate::console) fn add_limit(&mut self, pause: Pause) {
        self.limits.retain(|known| known.scope != pause.scope);
        self.limits.push(pause);
    }

    /// Ends the limits for which this holds.
    pub(in crate::console) fn end_limits(&mut self, is_over: impl Fn(&Pause) -> bool) {
        self.limits.retain(|pause| !is_over(pause));
    }

    /// A job is about to be resumed: what is reported of it from now on belongs to the new start. `others` are the numbers
    /// of the job that are not sent again.
    pub(in crate::console) fn prepare_resumption(&mut self, id: JobId, others: JobCounts, now: Instant) {
        self.jobs.retain(|job| job.id != id || job.is_worked_on());
        self.entry(id, now).others = others;
    }

    /// A job was recorded, and this process sends these numbers of it. Some may have a state already.
    pub(in crate::console) fn start(
        &mut self,
        id: JobId,
        numbers: &[PhoneNumberId],
        send_first: Option<usize>,
        now: Instant,
    ) -> Option<JobMilestone> {
        let job = self.entry(id, now);
        job.is_started = true;
        job.send_first = send_first.filter(|first| *first < numbers.len());
        job.queue(numbers);
        self.milestone(id, false)
    }

    /// The numbers that a job holds back are sent.
    pub(in crate::console) fn release(&mut self, id: JobId, now: Instant) {
        for job in self.jobs.iter_mut().filter(|job| job.id == id) {
            job.send_first = None;
            job.restart_measure(now);
        }
    }

    /// A number of a job has a new state.
    pub(in crate::console) fn update(
        &mut self,
        id: JobId,
        number: PhoneNumberId,
        state: &ChangeState,
        now: Instant,
    ) -> Option<JobMilestone> {
        let is_start = state.is_running() || matches!(state, ChangeState::NotSent(..));
        if self.get(id).is_none() && !is_start {
            // A late answer about a job that has ended.
            return None;
        }
        let had_ended = self.entry(id, now).set_state(number, state, now);
        self.milestone(id, !had_ended && !state.is_running())
    }

    fn entry(&mut self, id: JobId, now: Instant) -> &mut OwnJob {
        let index = self.jobs.iter().position(|job| job.id == id).unwrap_or_else(|| {
            self.jobs.push(OwnJob::new(id, now));
            self.jobs.len() - 1
        });
        &mut self.jobs[index]
    }

    /// What follows from the last change. Removes a job that has ended. One that is not started stays, with its states,
    /// until its start is reported.
    fn milestone(&mut self, id: JobId, has_number_ended: bool) -> Option<JobMilestone> {
        let index = self.jobs.iter().position(|job| job.id == id && job.is_started)?;
        let job = &self.jobs[index];
        let counts = job.counts;
        if counts.open() == 0 {
            self.jobs.remove(index);
            return Some(JobMilestone::Ended(id, counts));
        }
        (has_number_ended && job.is_held()).then_some(JobMilestone::Held(id, counts))
    }
}

impl OwnJob {
    fn new(id: JobId, now: Instant) -> Self {
        Self {
            id,
            is_started: false,
            is_paused: false,
            send_first: None,
            states: HashMap::new(),
            newest: HashMap::new(),
            counts: JobCounts::default(),
            others: JobCounts::default(),
            measured_from: now,
            ends: VecDeque::new(),
        }
    }

    /// Adds the numbers that have no state yet, as queued.
    fn queue(&mut self, numbers: &[PhoneNumberId]) {
        let queued = Arc::new(ChangeState::Queued);
        self.states.reserve(numbers.len());
        for number in numbers {
            self.states.entry(*number).or_insert_with(|| {
                self.counts.change(None, JobPhase::Queued);
                Arc::clone(&queued)
            });
        }
    }

    /// True while it has numbers that have not ended, or its end was not told yet.
    const fn is_worked_on(&self) -> bool {
        self.is_started || self.counts.open() > 0
    }

    /// Sets the state of a number. True if its former state had ended already.
    fn set_state(&mut self, number: PhoneNumberId, state: &ChangeState, now: Instant) -> bool {
        let phase = JobPhase::of_change(state);
        let shared = match self.newest.get(&phase) {
            Some(known) if **known == *state => Arc::clone(known),
            Some(_) | None => {
                let shared = Arc::new(state.clone());
                self.newest.insert(phase, Arc::clone(&shared));
                shared
            }
        };
        let former = self.states.insert(number, shared).map(|former| JobPhase::of_change(&former));
        self.counts.change(former, phase);
        let had_ended = former.is_some_and(|former| !former.is_open());
        if !had_ended && !phase.is_open() {
            self.count_end(now);
        }
        had_ended
    }

    fn restart_measure(&mut self, now: Instant) {
        self.measured_from = now;
        self.ends.clear();
    }

    fn count_end(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > PACE_WINDOW) {
            self.ends.pop_front();
        }
        match self.ends.back_mut() {
            Some((at, count)) if now.saturating_duration_since(*at) < Duration::from_secs(1) => *count += 1,
            Some(_) | None => self.ends.push_back((now, 1)),
        }
    }

    /// The state of a number that was reported.
    #[must_use]
    pub fn state(&self, number: &PhoneNumberId) -> Option<&Arc<ChangeState>> {
        self.states.get(number)
    }

    /// True if it has more than one number.
    #[must_use]
    pub fn is_of_many(&self) -> bool {
        self.is_started && self.states.len() > 1
    }

    /// The numbers that this process sends, by phase.
    #[must_use]
    pub const fn counts(&self) -> &JobCounts {
        &self.counts
    }

    /// All numbers of the job, by phase: also those that a resumed job does not send again.
    #[must_use]
    pub fn all_counts(&self) -> JobCounts {
        self.counts.plus(&self.others)
    }

    /// True while it waits for the operator to look at its first numbers.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let queued = self.counts.get(JobPhase::Queued);
        let is_looked_at = |first| self.counts.open() == queued && self.states.len() - queued >= first;
        self.send_first.is_some_and(is_looked_at)
    }

    /// True while the operator has paused it.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// How many numbers ended in a second; `None` before anything can be said about it.
    #[must_use]
    pub fn pace(&self, now: Instant) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.measured_from);
        if elapsed < MIN_PACE_TIME {
            return None;
        }
        let is_recent = |at: Instant| now.saturating_duration_since(at) <= PACE_WINDOW;
        let ended: usize = self.ends.iter().filter(|(at, _)| is_recent(*at)).map(|(_, count)| count).sum();
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        Some(f64::from(ended) / elapsed.min(PACE_WINDOW).as_secs_f64())
    }

    /// How long the queued numbers take at the present pace; `None` if nothing can be said about it. The last requests and
    /// retries may end at once or wait for a minute.
    #[must_use]
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let pace = self.pace(now).filter(|pace| *pace > 0.0)?;
        let left = u32::try_from(self.counts.get(JobPhase::Queued)).ok().filter(|left| *left > 0)?;
        Duration::try_from_secs_f64(f64::from(left) / pace).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Completion;
    use crate::domain::clock::UtcTime;
    use crate::domain::standing::NotSentReason;

    const JOB: JobId = JobId::new(7);

    fn number(n: usize) -> PhoneNumberId {
        format!("2000{n:04}").parse().expect("an ID")
    }

    const fn set() -> ChangeState {
        ChangeState::Set(Completion { at: UtcTime::from_unix_seconds(1), attempts: 1 })
    }

    fn numbers(count: usize) -> Vec<PhoneNumberId> {
        (0..count).map(number).collect()
    }

    const SENDING: ChangeState = ChangeState::Sending { attempt: 1, in_doubt: false };

    fn counts(phases: &[(JobPhase, usize)]) -> JobCounts {
        let mut counts = JobCounts::default();
        for (phase, count) in phases {
            for _ in 0..*count {
                counts.change(None, *phase);
            }
        }
        counts
    }

    #[test]
    fn numbers_without_a_state_are_queued_and_counts_add_up() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        // A state may arrive before the start.
        jobs.update(JOB, number(0), &SENDING, now);
        assert_eq!(jobs.start(JOB, &numbers(5), None, now), None);
        jobs.update(JOB, number(1), &ChangeState::Queued, now);
        jobs.update(JOB, number(0), &set(), now);
        let expected = counts(&[(JobPhase::Set, 1), (JobPhase::Queued, 4)]);
        assert_eq!(jobs.get(JOB).map(OwnJob::counts), Some(&expected));
        assert_eq!((expected.total(), expected.open(), expected.done()), (5, 4, 1));
    }

    #[test]
    fn a_job_ends_with_its_last_number_and_is_forgotten() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        jobs.start(JOB, &numbers(2), None, now);
        assert_eq!(jobs.update(JOB, number(0), &set(), now), None);
        let ended = jobs.update(JOB, number(1), &set(), now);
        assert_eq!(ended, Some(JobMilestone::Ended(JOB, counts(&[(JobPhase::Set, 2)]))));
        assert!(jobs.get(JOB).is_none());
        assert_eq!(jobs.update(JOB, number(1), &set(), now), None, "a late answer starts nothing");
        assert!(jobs.get(JOB).is_none());
        // A PIN in doubt is sent again.
        jobs.update(JOB, number(1), &SENDING, now);
        assert_eq!(jobs.update(JOB, number(1), &set(), now), None);
        assert!(jobs.get(JOB).is_none());
    }

    #[test]
    fn what_is_reported_before_the_start_counts() {
        let refused = || {
            ChangeState::NotSent(Completion { at: UtcTime::from_unix_seconds(1), attempts: 0 }, NotSentReason::Stopped)
        };
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        assert_eq!(jobs.update(JOB, number(0), &refused(), now), None);
        assert!(jobs.get(JOB).is_none(), "nothing is open before the start");
        jobs.update(JOB, number(1), &SENDING, now);
        assert_eq!(jobs.update(JOB, number(1), &set(), now), None);
        let held = counts(&[(JobPhase::NotSent, 1), (JobPhase::Set, 1), (JobPhase::Queued, 1)]);
        assert_eq!(jobs.start(JOB, &numbers(3), None, now), None);
        assert_eq!(jobs.get(JOB).map(OwnJob::counts), Some(&held));
        let ended = counts(&[(JobPhase::NotSent, 1), (JobPhase::Set, 2)]);
        assert_eq!(jobs.update(JOB, number(2), &set(), now), Some(JobMilestone::Ended(JOB, ended)));
        // Also if nothing of it is left.
        let other = JobId::new(8);
        jobs.update(other, number(0), &refused(), now);
        let ended = counts(&[(JobPhase::NotSent, 1)]);
        assert_eq!(jobs.start(other, &numbers(1), None, now), Some(JobMilestone::Ended(other, ended)));
    }

    #[test]
    fn a_resumed_job_counts_nothing_of_before() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        jobs.start(JOB, &numbers(1), None, now);
        jobs.update(JOB, number(0), &set(), now);
        // A PIN in doubt is sent again.
        jobs.update(JOB, number(0), &SENDING, now);
        jobs.update(JOB, number(0), &set(), now);
        jobs.prepare_resumption(JOB, counts(&[(JobPhase::Set, 2)]), now);
        assert!(jobs.get(JOB).is_none(), "nothing is worked on before the start");
        jobs.start(JOB, &[number(0), number(1)], None, now);
        let job = jobs.get(JOB).expect("a job");
        assert_eq!(job.counts(), &counts(&[(JobPhase::Queued, 2)]));
        assert_eq!((job.all_counts().percent(), job.all_counts().total()), (50, 4));
    }

    #[test]
    fn a_pin_sent_again_ends_no_job_early() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        jobs.start(JOB, &[number(0)], None, now);
        jobs.update(JOB, number(1), &SENDING, now);
        assert_eq!(jobs.update(JOB, number(1), &set(), now), None);
        let ended = counts(&[(JobPhase::Set, 2)]);
        assert_eq!(jobs.update(JOB, number(0), &set(), now), Some(JobMilestone::Ended(JOB, ended)));
    }

    #[test]
    fn a_job_that_waits_is_released_alone() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        let other = JobId::new(8);
        jobs.start(JOB, &numbers(2), Some(1), now);
        jobs.start(other, &[number(2), number(3)], Some(1), now);
        jobs.update(JOB, number(0), &set(), now);
        jobs.update(other, number(2), &set(), now);
        jobs.release(JOB, now);
        assert!(jobs.get(JOB).is_some_and(|job| !job.is_held()));
        assert!(jobs.get(other).is_some_and(OwnJob::is_held));
    }

    #[test]
    fn a_job_with_a_first_number_waits_for_the_operator_once() {
        let (mut jobs, now) = (OwnJobs::default(), Instant::now());
        jobs.start(JOB, &numbers(3), Some(1), now);
        assert_eq!(jobs.update(JOB, number(0), &SENDING, now), None);
        let held = counts(&[(JobPhase::Set, 1), (JobPhase::Queued, 2)]);
        assert_eq!(jobs.update(JOB, number(0), &set(), now), Some(JobMilestone::Held(JOB, held)));
        assert!(jobs.get(JOB).is_some_and(OwnJob::is_held));
        jobs.release(JOB, now);
        assert!(jobs.get(JOB).is_some_and(|job| !job.is_held()));
        assert_eq!(jobs.update(JOB, number(1), &set(), now), None);
    }

    #[test]
    fn the_pace_is_that_of_the_last_minute() {
        let (mut jobs, start) = (OwnJobs::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        jobs.start(JOB, &numbers(1_000), None, start);
        for second in 0..100 {
            for n in 0..5 {
                jobs.update(JOB, number(usize::try_from(second * 5 + n).expect("small")), &set(), at(second));
            }
        }
        let job = jobs.get(JOB).expect("not ended");
        assert_eq!(job.pace(at(9)), None);
        let rounded = |pace: f64| (pace * 10.0).round() / 10.0;
        assert_eq!(job.pace(at(99)).map(rounded), Some(5.1), "both ends of the minute count");
        assert_eq!(job.time_left(at(99)).map(|left| left.as_secs()), Some(98));
        assert_eq!((job.pace(at(300)), job.time_left(at(300))), (Some(0.0), None));
    }

    #[test]
    fn a_pause_says_nothing_about_the_pace() {
        let (mut jobs, start) = (OwnJobs::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        jobs.start(JOB, &numbers(1_000), None, start);
        for n in 0..100 {
            jobs.update(JOB, number(n), &set(), at(10));
        }
        assert_eq!(jobs.get(JOB).and_then(|job| job.pace(at(20))), Some(5.0));
        jobs.set_paused(JOB, true, at(20));
        jobs.set_paused(JOB, false, at(50));
        assert_eq!(jobs.get(JOB).and_then(|job| job.pace(at(59))), None);
        jobs.update(JOB, number(100), &set(), at(60));
        assert_eq!(jobs.get(JOB).and_then(|job| job.pace(at(60))), Some(0.1));
    }

    #[test]
    fn no_time_is_claimed_for_the_last_requests() {
        let (mut jobs, start) = (OwnJobs::default(), Instant::now());
        let at = start + Duration::from_secs(30);
        jobs.start(JOB, &numbers(61), None, start);
        for n in 0..60 {
            jobs.update(JOB, number(n), &set(), at);
        }
        assert_eq!(jobs.get(JOB).and_then(|job| job.time_left(at)), Some(Duration::from_millis(500)));
        jobs.update(JOB, number(60), &SENDING, at);
        assert_eq!(jobs.get(JOB).and_then(|job| job.time_left(at)), None);
    }
}
