//! A job and its numbers: as scripts see them, and in words.
//!
//! It reads nothing, and decides nothing about them.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::job::ResultRecord;
use crate::cli::output::result_fields::{recorded_label, recorded_result};
use crate::cli::output::tally::Tally;
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::outcome::ApiError;
use crate::domain::standing::{ChangeResult, Standing};
use crate::domain::text::CleanText;
use crate::journal::{JobNumber, JobStatus, JobSummary, PinSource, RecordedState};
use crate::policy::error_catalog::Explanation;

/// A job as scripts see it. The counts from `set` to `no_answer` add up to `total`.
#[derive(Serialize)]
pub(crate) struct JobRecord<'a> {
    schema: u8,
    event: &'static str,
    job: u32,
    at: String,
    profile: &'a str,
    /// The operator as the lists show it, and what its environment claims.
    who: &'a str,
    user: Option<&'a CleanText>,
    claimed_user: Option<&'a CleanText>,
    note: Option<&'a CleanText>,
    pins: &'static str,
    state: &'static str,
    total: usize,
    set: usize,
    failed: usize,
    not_sent: usize,
    no_answer: usize,
    /// Numbers with no answer that are no longer in doubt.
    settled: usize,
    /// Numbers without an outcome: not started, or in progress.
    open: usize,
}

impl<'a> JobRecord<'a> {
    pub(crate) fn new(job: &'a JobSummary, event: &'static str) -> Self {
        let tally = tally(job);
        Self {
            schema: SCHEMA_VERSION,
            event,
            job: job.id.get(),
            at: job.at.to_rfc3339(),
            profile: job.profile.as_str(),
            who: job.operator.name.as_str(),
            user: job.operator.user.as_ref(),
            claimed_user: job.operator.claimed_user.as_ref(),
            note: job.note.as_ref(),
            pins: pins_label(job.pin_source),
            state: match job.status {
                JobStatus::Running => "running",
                JobStatus::Finished => "finished",
                JobStatus::Interrupted => "cut_short",
            },
            total: tally.total(),
            set: tally.set,
            failed: tally.failed,
            not_sent: tally.not_sent,
            no_answer: tally.no_answer,
            settled: job.count(RecordedState::Resolved),
            open: job.count(RecordedState::NotStarted) + job.count(RecordedState::Running),
        }
    }
}

pub(crate) const fn pins_label(source: PinSource) -> &'static str {
    match source {
        PinSource::Given => "given",
        PinSource::Random => "random",
    }
}

pub(crate) fn tally(job: &JobSummary) -> Tally {
    let mut tally = Tally::default();
    tally.resumable = job.resumable;
    for (state, count) in &job.counts {
        tally.add(recorded_result(*state), *count);
    }
    tally
}

/// The state of a job in words, with what an operator may have to look at: `finished, 4 failed`.
pub(crate) fn state_text(job: &JobSummary) -> String {
    let (state, unsent) = match job.status {
        JobStatus::Running => ("running", "to go"),
        JobStatus::Finished => ("finished", ChangeResult::NotSent.label()),
        JobStatus::Interrupted => ("cut short", ChangeResult::NotSent.label()),
    };
    let ended = |result| job.count(RecordedState::Ended(result));
    let not_sent = ended(ChangeResult::NotSent) + job.count(RecordedState::NotStarted);
    let counts = [
        (ended(ChangeResult::Failed), ChangeResult::Failed.label()),
        (ended(ChangeResult::NoAnswer), ChangeResult::NoAnswer.label()),
        (job.count(RecordedState::NotApplied), recorded_label(RecordedState::NotApplied)),
        (job.count(RecordedState::Resolved), recorded_label(RecordedState::Resolved)),
        (not_sent, unsent),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
    format!("{state}{}", counts.collect::<String>())
}

/// Who confirmed the job, when, and what for.
pub(crate) fn print_fields(out: &mut impl Write, job: &JobSummary) -> io::Result<()> {
    writeln!(out, "Job      {}, {}", job.id, state_text(job))?;
    writeln!(out, "Started  {} by {}", job.at.format_date_time(), job.operator.name)?;
    writeln!(out, "Profile  {}, PINs {}", job.profile, pins_label(job.pin_source))?;
    job.note.iter().try_for_each(|note| writeln!(out, "Note     {note}"))
}

/// What a status read showed of a change that was not applied.
const NOT_APPLIED: &str = "two-step verification was still not set two minutes later";

/// Why a number has its state, in a few words.
pub(crate) fn short_reason(number: &JobNumber) -> &str {
    match number.state {
        RecordedState::NotApplied => NOT_APPLIED,
        RecordedState::NotStarted | RecordedState::Running | RecordedState::Ended(_) | RecordedState::Resolved => {
            number.reason.as_ref().map_or("", CleanText::as_str)
        }
    }
}

/// Why a number was not set; `None` if it was, or if it has no outcome.
pub(crate) fn explanation(number: &JobNumber) -> Option<Explanation> {
    if number.state == RecordedState::NotApplied {
        return None;
    }
    match number.standing.as_ref()? {
        Standing::Set => None,
        Standing::Failed(error) => Some(Explanation::for_refusal(error)),
        Standing::NotSent(why) => Some(Explanation::for_not_sent(why)),
        Standing::InDoubt(doubt) => Some(Explanation::for_doubt(doubt)),
    }
}

/// The error that Meta reported last, if it did.
pub(crate) fn api_error(number: &JobNumber) -> Option<&ApiError> {
    match number.standing.as_ref()? {
        Standing::Failed(error) => Some(error),
        Standing::NotSent(why) => why.api_error(),
        Standing::InDoubt(doubt) => doubt.api_error(),
        Standing::Set => None,
    }
}

/// Calls `print` with the result of a number of a job.
pub(crate) fn with_result<T>(
    number: &JobNumber,
    known: &KnownNumbers,
    print: impl FnOnce(&ResultRecord<'_>) -> T,
) -> T {
    let result = recorded_result(number.state);
    let explanation = explanation(number);
    let is_in_doubt = number.state == RecordedState::Ended(ChangeResult::NoAnswer);
    let needs_advice = is_in_doubt || result == ChangeResult::Failed;
    let reason = match (&explanation, number.state) {
        (Some(explanation), _) => &explanation.reason,
        (None, RecordedState::NotApplied) => NOT_APPLIED,
        (None, state) => recorded_label(state),
    };
    print(&ResultRecord {
        http_status: number.reply.http_status,
        tries: number.attempts,
        change: number.change.map(|change| change.to_string()),
        advice: explanation.as_ref().filter(|_| needs_advice).map_or(&[], |explanation| explanation.advice),
        ..ResultRecord::new(&number.number, result, reason)
            .with_names(known.get(number.number))
            .with_error(api_error(number))
    })
}
