//! Says how far a job is, on a terminal where nothing was printed for a while, and counts the requests in flight.
//!
//! It prints plain lines: it moves no cursor. While all that is left is paused or held back it says nothing, because the
//! pause or the question said so.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cli::output::options::OutputOptions;
use crate::domain::change::{ChangeState, Progress};
use crate::domain::number::PhoneNumberId;

/// How long a job is silent before it says how far it is.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// How many requests of a job are in flight. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlightCount(Arc<AtomicUsize>);

impl InFlightCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a job has done so far, and when something was printed last.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    is_shown: bool,
    total: usize,
    done: usize,
    sending: HashSet<PhoneNumberId>,
    retrying: HashSet<PhoneNumberId>,
    count: InFlightCount,
    printed_at: Instant,
    /// True while a question waits for its answer: a line would look like a part of it.
    is_asking: bool,
}

impl ProgressLine {
    /// The line of a job of so many numbers.
    pub(crate) fn new(total: usize, options: OutputOptions, now: Instant) -> Self {
        Self {
            is_shown: !options.is_quiet && !options.is_json && io::stderr().is_terminal(),
            total,
            done: 0,
            sending: HashSet::new(),
            retrying: HashSet::new(),
            count: InFlightCount::default(),
            printed_at: now,
            is_asking: false,
        }
    }

    /// The count of requests in flight, for other threads.
    pub(crate) fn in_flight(&self) -> InFlightCount {
        self.count.clone()
    }

    /// Takes note of progress. `has_ended` is true if a result was printed.
    pub(crate) fn record(&mut self, progress: &Progress, has_ended: bool, now: Instant) {
        let number = progress.number;
        self.sending.remove(&number);
        self.retrying.remove(&number);
        match progress.state {
            ChangeState::Sending { .. } => {
                self.sending.insert(number);
                self.is_asking = false;
            }
            ChangeState::Waiting { .. } => drop(self.retrying.insert(number)),
            ChangeState::Queued
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(_)
            | ChangeState::Resolved(..) => {}
        }
        self.count.0.store(self.sending.len(), Ordering::SeqCst);
        if has_ended {
            self.done += 1;
            self.printed_at = now;
        }
    }

    /// Says nothing until the next request is sent.
    pub(crate) const fn pause_for_question(&mut self) {
        self.is_asking = true;
    }

    /// How long until [`ProgressLine::take_line`] may have a line; `None` if this job shows none.
    pub(crate) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.is_shown.then(|| (self.printed_at + MAX_SILENCE).saturating_duration_since(now))
    }

    /// The line, if nothing was printed for [`MAX_SILENCE`] and something is in flight.
    pub(crate) fn take_line(&mut self, now: Instant) -> Option<String> {
        if self.due_in(now) != Some(Duration::ZERO) {
            return None;
        }
        self.printed_at = now;
        let (sending, retrying) = (self.sending.len(), self.retrying.len());
        let parts = [
            (sending > 0).then(|| format!(", {sending} sent and waiting for an answer")),
            (retrying > 0).then(|| format!(", {retrying} waiting to be sent again")),
        ];
        let parts: String = parts.into_iter().flatten().collect();
        (!parts.is_empty() && !self.is_asking).then(|| format!("{} of {} done{parts}.", self.done, self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::table::TableStyle;
    use crate::domain::change::{Completion, ProgressSource};
    use crate::domain::clock::UtcTime;

    fn line_of(total: usize, start: Instant) -> ProgressLine {
        let options = OutputOptions { is_json: false, is_quiet: false, style: TableStyle::MESSAGE };
        ProgressLine { is_shown: true, ..ProgressLine::new(total, options, start) }
    }

    fn progress(number: &str, state: ChangeState) -> Progress {
        let number = number.parse().expect("an ID");
        Progress { job: None, change: None, number, state, source: ProgressSource::Own }
    }

    fn set() -> ChangeState {
        ChangeState::Set(Completion { at: UtcTime::from_unix_seconds(1), attempts: 1 })
    }

    #[test]
    fn a_silent_job_says_how_far_it_is() {
        let start = Instant::now();
        let seconds = |count| start + Duration::from_secs(count);
        let mut line = line_of(3, start);
        line.record(&progress("1", ChangeState::Sending { attempt: 1, in_doubt: false }), false, start);
        line.record(&progress("2", ChangeState::Sending { attempt: 1, in_doubt: false }), false, start);
        assert_eq!((line.take_line(seconds(9)), line.in_flight().get()), (None, 2));
        let expected = "0 of 3 done, 2 sent and waiting for an answer.";
        assert_eq!(line.take_line(seconds(10)).as_deref(), Some(expected));
        assert_eq!(line.due_in(seconds(10)), Some(MAX_SILENCE));
        line.record(&progress("1", set()), true, seconds(11));
        let retry = ChangeState::Waiting { attempt: 2, until: start, in_doubt: true, error: None };
        line.record(&progress("2", retry), false, seconds(12));
        assert_eq!((line.take_line(seconds(20)), line.in_flight().get()), (None, 0));
        let expected = "1 of 3 done, 1 waiting to be sent again.";
        assert_eq!(line.take_line(seconds(21)).as_deref(), Some(expected));
    }

    #[test]
    fn a_job_that_waits_for_an_answer_of_its_operator_is_silent() {
        let start = Instant::now();
        let later = |lines: u32| start + MAX_SILENCE * lines;
        let mut line = line_of(2, start);
        line.record(&progress("1", ChangeState::Sending { attempt: 1, in_doubt: false }), false, start);
        line.pause_for_question();
        assert_eq!(line.take_line(later(1)), None);
        line.record(&progress("2", ChangeState::Sending { attempt: 1, in_doubt: false }), false, start);
        assert!(line.take_line(later(2)).is_some());
        line.record(&progress("1", set()), true, start);
        line.record(&progress("2", ChangeState::Queued), false, start);
        assert_eq!(line.take_line(later(3)), None, "nothing is in flight");
    }
}
