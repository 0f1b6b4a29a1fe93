//! The jobs that set numbers of a list lately: the list may have been given twice by mistake.
//!
//! It knows only jobs of this journal, and does not decide what is sent.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::journal::model::JobSet;

/// How long a second job for the same numbers counts as a mistake.
const WINDOW: Duration = Duration::from_hours(24);

/// The numbers of a list that jobs set in the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentSets {
    /// How many each job set, and when the last of them.
    by_job: BTreeMap<JobId, (usize, UtcTime)>,
    numbers: usize,
}

/// What a job set of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentJob {
    /// The job.
    pub job: JobId,
    /// How many numbers of the list it set.
    pub count: usize,
    /// When Meta confirmed the last of them.
    pub last: UtcTime,
}

impl RecentSets {
    /// The time from which on a set counts.
    pub(in crate::journal) fn window_start(now: UtcTime) -> UtcTime {
        now.minus(WINDOW)
    }

    /// Counts the sets of these numbers. Those before the window must be left out already.
    #[must_use]
    pub fn count(numbers: &HashSet<PhoneNumberId>, sets: impl IntoIterator<Item = JobSet>, now: UtcTime) -> Self {
        let mut recent = Self::default();
        // A set in the future is from a wrong clock, and would be asked about for as long as that clock was ahead.
        let is_recent = |set: &JobSet| set.at <= now && numbers.contains(&set.number);
        let mut distinct = HashSet::new();
        for set in sets.into_iter().filter(is_recent) {
            distinct.insert(set.number);
            let (count, last) = recent.by_job.entry(set.job).or_insert((0, set.at));
            *count += 1;
            *last = set.at.max(*last);
        }
        recent.numbers = distinct.len();
        recent
    }

    /// How many numbers of the list were set, each counted once.
    #[must_use]
    pub const fn numbers(&self) -> usize {
        self.numbers
    }

    /// True if no number of the list was set lately.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_job.is_empty()
    }

    /// The jobs, newest first.
    #[must_use]
    pub fn newest_first(&self) -> impl ExactSizeIterator<Item = RecentJob> {
        self.by_job.iter().rev().map(|(job, (count, last))| RecentJob { job: *job, count: *count, last: *last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_listed_numbers_count_for_their_jobs() {
        let id = |index: u32| -> PhoneNumberId { format!("20000000000000{index}").parse().expect("an ID") };
        let at = |second: u32| UtcTime::from_unix_seconds(1_795_356_000 + second);
        let set = |job, number, second| JobSet { job: JobId::new(job), number: id(number), at: at(second) };
        let listed = HashSet::from([id(1), id(2)]);
        let sets = [set(5, 1, 10), set(5, 2, 5), set(5, 3, 20), set(6, 1, 30), set(7, 1, 61)];
        let recent = RecentSets::count(&listed, sets, at(60));
        let job = |job, count, second| RecentJob { job: JobId::new(job), count, last: at(second) };
        assert_eq!(recent.newest_first().collect::<Vec<_>>(), [job(6, 1, 30), job(5, 2, 10)]);
        assert_eq!(recent.numbers(), 2);
        assert!(!recent.is_empty() && RecentSets::count(&listed, [set(5, 3, 1)], at(60)).is_empty());
    }
}
