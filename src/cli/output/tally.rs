//! The summary of a job: how many numbers had which outcome, and the exit code that follows.
//!
//! It prints nothing.

use serde::Serialize;

use crate::cli::exit_code::ExitCode;
use crate::cli::output::table;
use crate::cli::read_failure::api_error_exit_code;
use crate::cli::rerun::RerunOptions;
use crate::domain::change::{ChangeState, JobId};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::outcome::SendFailure;
use crate::domain::standing::{ChangeResult, NotApplied, NotSentReason};
use crate::journal::RecordedState;

#[derive(Serialize)]
struct JobSummaryRecord {
    schema: u8,
    event: &'static str,
    job: Option<u32>,
    total: usize,
    set: usize,
    failed: usize,
    not_sent: usize,
    no_answer: usize,
}

/// Counts results, and collects what they mean for the exit code.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) set: usize,
    pub(crate) failed: usize,
    pub(crate) not_sent: usize,
    pub(crate) no_answer: usize,
    /// Numbers that a resumed job sends: those that were not sent, and those that Meta refused for a reason outside them.
    pub(crate) resumable: usize,
    /// Numbers among them that would be refused again if the job was resumed at once.
    too_early: usize,
    /// Numbers among those that failed or were not sent whose older PIN is in doubt.
    pub(crate) older_pin_in_doubt: usize,
    /// The exit code of the failures so far.
    failure_code: ExitCode,
    /// Numbers that were not sent because the work was stopped.
    stopped: usize,
    /// Numbers that were not sent because Meta refused another number for a reason that applies to them, too. The exit
    /// code follows from that number.
    refused_with_another: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            set: 0,
            failed: 0,
            not_sent: 0,
            no_answer: 0,
            resumable: 0,
            too_early: 0,
            older_pin_in_doubt: 0,
            failure_code: ExitCode::Done,
            stopped: 0,
            refused_with_another: 0,
        }
    }
}

impl Tally {
    /// Counts numbers with this result.
    pub(crate) fn add(&mut self, result: ChangeResult, count: usize) {
        *match result {
            ChangeResult::Set => &mut self.set,
            ChangeResult::Failed => &mut self.failed,
            ChangeResult::NotSent => &mut self.not_sent,
            ChangeResult::NoAnswer => &mut self.no_answer,
        } += count;
    }

    pub(crate) fn add_change(&mut self, result: ChangeResult, state: &ChangeState) {
        self.add(result, 1);
        self.resumable += usize::from(RecordedState::Ended(result).is_resumable(state.api_error()));
        match state {
            ChangeState::InDoubt(details) => {
                self.older_pin_in_doubt += usize::from(details.newer_pin.is_some());
                self.too_early += usize::from(matches!(
                    &details.newer_pin,
                    Some(NotApplied::NotSent(NotSentReason::Failure(SendFailure::RefusedLocally(_))))
                ));
            }
            ChangeState::Failed(_, error) => {
                self.add_failure(api_error_exit_code(error));
            }
            ChangeState::NotSent(_, reason) => match reason {
                NotSentReason::Stopped | NotSentReason::LeftAfterFirst => self.stopped += 1,
                NotSentReason::AppRefused(_) | NotSentReason::WabaRefused(_) => self.refused_with_another += 1,
                NotSentReason::TokenRefused
                | NotSentReason::TooManyInDoubt
                | NotSentReason::UnknownRefusals(_)
                | NotSentReason::Throttled(_)
                | NotSentReason::Paused
                | NotSentReason::Failure(_) => self.add_failure(not_sent_exit_code(reason)),
            },
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Resolved(..) => {}
        }
    }

    fn add_failure(&mut self, code: ExitCode) {
        self.failure_code = ExitCode::first_that_applies([self.failure_code, code]);
    }

    /// The summary as scripts see it.
    pub(crate) fn summary_record(&self, job: Option<JobId>) -> impl Serialize + use<> {
        JobSummaryRecord {
            schema: SCHEMA_VERSION,
            event: "summary",
            job: job.map(JobId::get),
            total: self.total(),
            set: self.set,
            failed: self.failed,
            not_sent: self.not_sent,
            no_answer: self.no_answer,
        }
    }

    /// The summary for people.
    pub(crate) fn summary_text(&self, job: JobId) -> String {
        format!("Job {job}, {}: {}.", table::numbers_label(self.total()), self.outcomes_text())
    }

    /// How to send the rest, if anything is left that can be sent now.
    pub(crate) fn resume_hint(&self, job: JobId, rerun: &RerunOptions) -> Option<String> {
        let left = self.resumable;
        (left > self.too_early).then(|| format!("To send the rest: {}", rerun.resume_command(job, left)))
    }

    /// The outcomes for people.
    pub(crate) fn outcomes_text(&self) -> String {
        let Self { set, failed, not_sent, no_answer, .. } = self;
        format!("{set} set, {failed} failed, {not_sent} not sent, {no_answer} no answer")
    }

    /// True if a PIN of this job may be in force.
    pub(crate) const fn may_have_set(&self) -> bool {
        self.set + self.no_answer > 0
    }

    pub(crate) fn total(&self) -> usize {
        self.set + self.failed + self.not_sent + self.no_answer
    }

    /// The exit code of the job. `signal` is the code of a signal that stopped it.
    pub(crate) fn exit_code(&self, signal: Option<ExitCode>, has_journal_failed: bool) -> ExitCode {
        let is_in_doubt = self.no_answer + self.older_pin_in_doubt > 0;
        let is_cause_elsewhere = self.refused_with_another > 0 && self.failure_code == ExitCode::Done;
        let stopped = if self.stopped > 0 || is_cause_elsewhere { ExitCode::Failed } else { ExitCode::Done };
        if has_journal_failed && !is_in_doubt {
            // The cause, and not the numbers that were not sent because of it.
            return ExitCode::NotReady;
        }
        ExitCode::first_that_applies([
            if is_in_doubt { ExitCode::NoAnswer } else { ExitCode::Done },
            self.failure_code,
            signal.unwrap_or(stopped),
        ])
    }
}

/// The exit code of a number that was not sent.
const fn not_sent_exit_code(reason: &NotSentReason) -> ExitCode {
    match reason {
        NotSentReason::Failure(failure) if failure.is_without_connection() => ExitCode::NoConnection,
        NotSentReason::TooManyInDoubt => ExitCode::NoConnection,
        NotSentReason::TokenRefused => ExitCode::NoAccess,
        NotSentReason::Stopped
        | NotSentReason::LeftAfterFirst
        | NotSentReason::AppRefused(_)
        | NotSentReason::UnknownRefusals(_)
        | NotSentReason::Throttled(_)
        | NotSentReason::Paused
        | NotSentReason::WabaRefused(_)
        | NotSentReason::Failure(_) => ExitCode::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Completion;
    use crate::domain::clock::UtcTime;
    use crate::domain::outcome::ApiError;
    use crate::domain::text::CleanText;

    const ENDED: Completion = Completion { attempts: 1, at: UtcTime::from_unix_seconds(1) };

    fn failed(code: i64) -> ChangeState {
        let error = ApiError {
            http_status: 400,
            code,
            subcode: None,
            message: CleanText::new(""),
            details: None,
            user_title: None,
            user_message: None,
            trace_id: None,
            is_transient: false,
        };
        ChangeState::Failed(ENDED, error)
    }

    fn exit_code(states: &[ChangeState]) -> ExitCode {
        let mut tally = Tally::default();
        for state in states {
            tally.add_change(state.result().expect("an end"), state);
        }
        tally.exit_code(None, false)
    }

    #[test]
    fn the_exit_code_is_that_of_the_refusal_and_not_of_its_victims() {
        let reason = CleanText::new("why");
        let app = || ChangeState::NotSent(ENDED, NotSentReason::AppRefused(reason.clone()));
        let waba = || ChangeState::NotSent(ENDED, NotSentReason::WabaRefused(reason.clone()));
        let token = || ChangeState::NotSent(ENDED, NotSentReason::TokenRefused);
        let cases = [
            (vec![failed(190), token()], ExitCode::NoAccess),
            (vec![failed(3), app()], ExitCode::NoAccess),
            (vec![failed(12), app()], ExitCode::Failed),
            (vec![waba(), failed(200)], ExitCode::NoAccess),
            (vec![failed(131_005), waba()], ExitCode::NoAccess),
            (vec![failed(368), waba()], ExitCode::Failed),
            (vec![failed(131_031), failed(131_031), waba()], ExitCode::Failed),
            (vec![failed(200), waba(), failed(133_010)], ExitCode::Failed),
            (vec![waba()], ExitCode::Failed),
        ];
        for (states, expected) in cases {
            assert_eq!(exit_code(&states), expected, "{states:?}");
        }
    }
}
