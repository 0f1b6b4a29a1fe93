//! A job and its numbers: as scripts see them, and in words.
//!
//! It reads nothing, and decides nothing about them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::job::ResultRecord;
use crate::cli::output::result_fields::recorded_label;
use crate::cli::output::stdio::{write_field, write_line};
use crate::cli::output::table;
use crate::cli::output::tally::Tally;
use crate::cli::rerun::RerunOptions;
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::number::TwoStep;
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::journal::{JobDetail, JobNumber, JobStatus, JobSummary, PinSource, RecordedState};
use crate::policy::error_catalog::{LabeledWords, meta_texts, server_words};

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
    /// Numbers with no answer that are in flight.
    sending: usize,
    /// Numbers without an outcome: not started, or in progress.
    open: usize,
    /// Numbers that `jobs resume` sends.
    resumable: usize,
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
            sending: job.count(RecordedState::Running),
            open: job.count(RecordedState::NotStarted) + job.count(RecordedState::Running),
            resumable: job.resumable,
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
        tally.add(state.counted_as(), *count);
    }
    tally
}

/// The options that a command needs to resume a job. The file of its PIN is not recorded; `--replace` is needed where a
/// PIN is set, as far as the journal knows.
pub(crate) fn resume_options(job: &JobDetail, known: &KnownNumbers, rerun: RerunOptions) -> RerunOptions {
    let pin_file = match job.summary.pin_source {
        PinSource::Given => Some(Path::new("FILE")),
        PinSource::Random => None,
    };
    let may_be_set = |id| known.get(id).is_some_and(|number| number.two_step != TwoStep::NotSet);
    let replaces = job.numbers.iter().any(|number| number.is_resumable() && may_be_set(number.number));
    rerun.with_pin_file(pin_file).with_replace(replaces)
}

/// The counts of a job that another process works on. What is in flight has no result yet.
pub(crate) fn running_text(job: &JobSummary) -> String {
    let in_flight = job.count(RecordedState::Running);
    let to_go = job.count(RecordedState::NotStarted) + job.count(RecordedState::Ended(ChangeResult::NotSent));
    let Tally { set, failed, no_answer, .. } = tally(job);
    let (total, no_answer) = (table::numbers_label(tally(job).total()), no_answer - in_flight);
    format!(
        "Job {}, {total}: {set} set, {failed} failed, {in_flight} sending, {to_go} to go, {no_answer} no answer.",
        job.id
    )
}

/// The state of a job in words, with what an operator may have to look at: `finished, 4 failed`.
fn state_text(job: &JobSummary) -> String {
    let (state, counts) = (state_label(job.status), open_counts(job));
    if counts.is_empty() { state.to_owned() } else { format!("{state}, {counts}") }
}

/// The state of a job, in at most 9 characters.
pub(crate) const fn state_label(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Running => "running",
        JobStatus::Finished => "finished",
        JobStatus::Interrupted => "cut short",
    }
}

/// What an operator may have to look at: `4 failed, 1 not sent`.
pub(crate) fn open_counts(job: &JobSummary) -> String {
    let unsent = match job.status {
        JobStatus::Running => "to go",
        JobStatus::Finished | JobStatus::Interrupted => ChangeResult::NotSent.label(),
    };
    let ended = |result| job.count(RecordedState::Ended(result));
    let not_sent = ended(ChangeResult::NotSent) + job.count(RecordedState::NotStarted);
    let counts = [
        (ended(ChangeResult::Failed), ChangeResult::Failed.label()),
        (ended(ChangeResult::NoAnswer), ChangeResult::NoAnswer.label()),
        (job.count(RecordedState::NotApplied), recorded_label(RecordedState::NotApplied)),
        (job.count(RecordedState::Resolved), recorded_label(RecordedState::Resolved)),
        (job.count(RecordedState::Running), recorded_label(RecordedState::Running)),
        (not_sent, unsent),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// Who confirmed the job, when, and what for.
pub(crate) fn print_fields(out: &mut impl Write, job: &JobSummary) -> io::Result<()> {
    writeln!(out, "Job      {}, {}", job.id, state_text(job))?;
    writeln!(out, "Started  {} by {}", job.at.format_date_time(), job.operator.name)?;
    writeln!(out, "Profile  {}, PINs {}", job.profile, pins_label(job.pin_source))?;
    job.note.iter().try_for_each(|note| write_field(out, "Note     ", note.as_str()))
}

/// Calls `print` with the result of a number of a job.
pub(crate) fn with_result<T>(
    number: &JobNumber,
    known: &KnownNumbers,
    print: impl FnOnce(&ResultRecord<'_>) -> T,
) -> T {
    let result = number.state.counted_as();
    let explanation = number.explanation();
    let is_in_doubt = number.state == RecordedState::Ended(ChangeResult::NoAnswer);
    let needs_advice = is_in_doubt || result == ChangeResult::Failed;
    let short_reason = number.short_reason();
    let reason = match (&explanation, number.state) {
        (Some(explanation), _) => &explanation.reason,
        (None, RecordedState::NotApplied) => short_reason.as_str(),
        (None, state) => recorded_label(state),
    };
    print(&ResultRecord {
        tries: number.attempts,
        change: number.change.map(|change| change.to_string()),
        advice: explanation.as_ref().filter(|_| needs_advice).map_or(&[], |explanation| &explanation.advice),
        ..ResultRecord::new(&number.number, result, reason)
            .with_names(known.get(number.number))
            .with_reply(number.api_error(), number.reply().http_status)
    })
}

/// Numbers that ended in the same way for the same reason.
pub(crate) struct NumberGroup<'a> {
    what: String,
    pub(crate) numbers: Vec<&'a JobNumber>,
}

/// The numbers by what became of them and why.
pub(crate) fn groups<'a>(numbers: impl IntoIterator<Item = &'a JobNumber>) -> Vec<NumberGroup<'a>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for number in numbers {
        let code = number.reply().code.map_or_else(String::new, |code| format!(" (code {code})"));
        let reason = match number.explanation() {
            Some(why) => format!(": {}{code}", why.summary),
            None if number.state == RecordedState::NotApplied => format!(": {}", number.short_reason()),
            None => String::new(),
        };
        groups.entry((recorded_label(number.state), reason)).or_default().push(number);
    }
    let group = |((label, reason), numbers)| NumberGroup { what: format!("{label}{reason}"), numbers };
    groups.into_iter().map(group).collect()
}

impl NumberGroup<'_> {
    /// True if there are words besides a message of Meta, which the reason in a few words stands for.
    pub(crate) fn has_more_words(&self) -> bool {
        self.meta_texts().len() > 1 || self.numbers.iter().any(|number| number.foreign_text().is_some())
    }

    /// Meta's words about the first of the numbers, or those of the server that answered in its place.
    pub(crate) fn meta_texts(&self) -> Vec<LabeledWords> {
        let texts = |number: &&JobNumber| match (number.api_error(), number.foreign_text()) {
            (Some(error), _) => Some(meta_texts(error)),
            (None, Some(text)) => Some(vec![server_words(text)]),
            (None, None) => None,
        };
        self.numbers.iter().find_map(texts).unwrap_or_default()
    }
}

/// Prints how many numbers a group has, what became of them, and Meta's words about the first.
pub(crate) fn print_group(out: &mut impl Write, group: &NumberGroup<'_>) -> io::Result<()> {
    write_line(out, &format!("\n{}: {}", table::numbers_label(group.numbers.len()), group.what))?;
    group
        .meta_texts()
        .iter()
        .try_for_each(|LabeledWords { label, text }| write_line(out, &format!("  {label}: {text}")))
}
