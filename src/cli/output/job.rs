//! What came of each number of a job, as it comes to rest: a table for people, JSON for scripts, and the sum.
//!
//! It prints no PIN, and a reader that goes away stops only the printing: the work and its count go on.

use std::collections::BTreeMap;
use std::io::{self, Stdout, Write as _};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::eprint_line;
use crate::cli::index::NumberIndex;
use crate::cli::output::table;
use crate::domain::change::{ChangeState, JobId, Progress};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::outcome::{DoubtReason, NotApplied, NotSentReason};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::{Applied, Explanation};

/// The version of the JSON below.
pub(crate) const SCHEMA_VERSION: u8 = 1;

/// What one request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeOutcome {
    Set,
    Failed,
    NotSent,
    NoAnswer,
}

impl ChangeOutcome {
    /// `None` while something is still to come.
    fn from_state(state: &ChangeState) -> Option<Self> {
        match state {
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } => None,
            ChangeState::Set(_) => Some(Self::Set),
            ChangeState::Failed(..) => Some(Self::Failed),
            ChangeState::NotSent(..) => Some(Self::NotSent),
            ChangeState::InDoubt(standing) => Some(match unchanged_outcome(&standing.reason) {
                Some(NotApplied::Refused(_)) => Self::Failed,
                Some(NotApplied::NotSent(_)) => Self::NotSent,
                None => Self::NoAnswer,
            }),
            ChangeState::Resolved(..) => Some(Self::NoAnswer),
        }
    }

    /// For people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Failed => "failed",
            Self::NotSent => "not sent",
            Self::NoAnswer => "no answer",
        }
    }
}

/// One result as scripts see it.
#[derive(Debug, Serialize)]
pub(crate) struct ResultRecord<'a> {
    pub(crate) schema: u8,
    pub(crate) event: &'static str,
    pub(crate) phone_number_id: &'a str,
    pub(crate) request: ChangeOutcome,
    pub(crate) changed: Option<bool>,
    pub(crate) code: Option<i64>,
    pub(crate) subcode: Option<i64>,
    pub(crate) http_status: Option<u16>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) tries: u8,
    pub(crate) change: Option<String>,
    pub(crate) reason: &'a str,
    pub(crate) advice: &'static [&'static str],
}

impl<'a> ResultRecord<'a> {
    /// Of a request that reached nobody; what is known of one that did is put in.
    pub(crate) fn new(number: &'a PhoneNumberId, request: ChangeOutcome, reason: &'a str) -> Self {
        Self {
            schema: SCHEMA_VERSION,
            event: "result",
            phone_number_id: number.as_str(),
            request,
            changed: changed(request, Applied::Maybe),
            code: None,
            subcode: None,
            http_status: None,
            trace_id: None,
            tries: 0,
            change: None,
            reason,
            advice: &[],
        }
    }
}

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

/// How many came to what, and what that means for the exit code.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) set: usize,
    pub(crate) failed: usize,
    pub(crate) not_sent: usize,
    pub(crate) no_answer: usize,
    /// Of those that failed or were not sent: in doubt because of an older PIN.
    older_pin_in_doubt: usize,
    /// The exit code of the reasons for which numbers were not sent: the upper one of the table.
    not_sent_exit_code: u8,
}

impl Tally {
    /// Counts so many.
    pub(crate) fn add(&mut self, request: ChangeOutcome, count: usize) {
        *match request {
            ChangeOutcome::Set => &mut self.set,
            ChangeOutcome::Failed => &mut self.failed,
            ChangeOutcome::NotSent => &mut self.not_sent,
            ChangeOutcome::NoAnswer => &mut self.no_answer,
        } += count;
    }

    fn add_change(&mut self, request: ChangeOutcome, state: &ChangeState) {
        self.add(request, 1);
        if let ChangeState::InDoubt(standing) = state {
            self.older_pin_in_doubt += usize::from(unchanged_outcome(&standing.reason).is_some());
        }
        if let ChangeState::NotSent(_, why) = state {
            let code = not_sent_exit_code(why);
            self.not_sent_exit_code =
                if self.not_sent_exit_code == 0 { code } else { self.not_sent_exit_code.min(code) };
        }
    }

    /// The sum as scripts see it.
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

    /// The sum for people.
    pub(crate) fn summary_text(&self, job: JobId) -> String {
        let Self { set, failed, not_sent, no_answer, .. } = self;
        let numbers = table::numbers_label(self.total());
        format!("Job {job}, {numbers}: {set} set, {failed} failed, {not_sent} not sent, {no_answer} no answer.")
    }

    /// How to send what was not sent, if there is any.
    pub(crate) fn resume_hint(&self, job: JobId) -> Option<String> {
        let left = self.not_sent;
        (left > 0).then(|| format!("To send what was never sent: pindesk jobs resume {job} --confirm {left}"))
    }

    /// True if a PIN may have left this host.
    pub(crate) const fn was_sent(&self) -> bool {
        self.set + self.failed + self.no_answer > 0
    }

    pub(crate) fn total(&self) -> usize {
        self.set + self.failed + self.not_sent + self.no_answer
    }

    /// The upper one of those that fit. `ended_by` is the code of a signal, `is_dead` says that nothing more could be
    /// recorded.
    pub(crate) fn exit_code(&self, ended_by: Option<u8>, is_dead: bool) -> u8 {
        if self.no_answer + self.older_pin_in_doubt > 0 {
            4
        } else if self.failed > 0 {
            3
        } else if is_dead {
            crate::cli::NOT_READY
        } else if let Some(code) = ended_by {
            code
        } else {
            self.not_sent_exit_code
        }
    }
}

/// Where no number failed and none is in doubt, why some were not sent decides.
const fn not_sent_exit_code(why: &NotSentReason) -> u8 {
    match why {
        NotSentReason::NoConnection(_) | NotSentReason::Tls(_) | NotSentReason::TooManyInDoubt => 7,
        NotSentReason::TokenRefused => 8,
        NotSentReason::Stopped | NotSentReason::WabaRefused(_) | NotSentReason::RefusedLocally(_) => 3,
    }
}

/// Reasons of refusals here that are told: those of many numbers can differ by a second each.
const MAX_REFUSAL_REASONS: usize = 5;

/// Prints results as they come.
pub(crate) struct ResultPrinter {
    out: Option<Stdout>,
    /// Why results were lost that somebody wanted to read.
    write_error: Option<io::Error>,
    is_json: bool,
    numbers: Arc<Vec<Number>>,
    /// For people only: scripts are told no labels.
    index: NumberIndex,
    pub(crate) tally: Tally,
    /// What to do, and for how many numbers, for each kind of result.
    advice: BTreeMap<(&'static str, String), (usize, &'static [&'static str])>,
    /// Why numbers were refused here, and how many for each reason.
    refusals: BTreeMap<CleanText, usize>,
}

impl ResultPrinter {
    pub(crate) fn new(is_json: bool, numbers: Arc<Vec<Number>>) -> Self {
        let index = if is_json { NumberIndex::default() } else { NumberIndex::new(&numbers) };
        let (out, tally) = (Some(io::stdout()), Tally::default());
        let (advice, refusals) = (BTreeMap::new(), BTreeMap::new());
        Self { out, write_error: None, is_json, numbers, index, tally, advice, refusals }
    }

    /// Takes in news; true if the change has come to rest.
    pub(crate) fn handle_progress(&mut self, progress: &Progress) -> bool {
        let Some(request) = ChangeOutcome::from_state(&progress.state) else { return false };
        let Some(told) = Explanation::for_change(&progress.state) else { return false };
        self.tally.add_change(request, &progress.state);
        if self.is_json {
            self.print_result_json(progress, request, &told);
        } else {
            self.print_result_row(progress.number, request, &told.summary);
        }
        if !told.advice.is_empty() {
            let kind = (request.label(), told.summary.into_owned());
            self.advice.entry(kind).or_insert((0, told.advice)).0 += 1;
        }
        if let Some(why) = local_refusal(&progress.state) {
            *self.refusals.entry(why.clone()).or_default() += 1;
        }
        true
    }

    fn print_result_json(&mut self, progress: &Progress, request: ChangeOutcome, told: &Explanation) {
        let fault = progress.state.api_error();
        self.print_json(&ResultRecord {
            changed: changed(request, told.applied),
            code: fault.map(|fault| fault.code),
            subcode: fault.and_then(|fault| fault.subcode),
            http_status: http_status(&progress.state),
            trace_id: fault.and_then(|fault| fault.trace_id.as_ref()).map(CleanText::as_str),
            tries: attempts(&progress.state),
            change: progress.change.map(|change| change.to_string()),
            advice: told.advice,
            ..ResultRecord::new(&progress.number, request, &told.reason)
        });
    }

    fn print_result_row(&mut self, number: PhoneNumberId, request: ChangeOutcome, short: &str) {
        let label = self.index.position(&self.numbers, number).map_or("", |place| self.numbers[place].label());
        let row = table::row(&[(request.label(), 9), (label, 18), (number.as_str(), 18)], short);
        self.print_line(&row);
    }

    /// Tells what would be sent, and that nothing was.
    pub(crate) fn print_dry_run(&mut self, number: &Number) {
        let reason = "This is a dry run: it would be sent, and was not.";
        self.tally.add(ChangeOutcome::NotSent, 1);
        if self.is_json {
            self.print_json(&ResultRecord::new(&number.id, ChangeOutcome::NotSent, reason));
        } else {
            let two_step = format!("two-step {}", number.two_step.label());
            let cells = [("would send", 10), (number.label(), 18), (number.id.as_str(), 18)];
            self.print_line(&table::row(&cells, &two_step));
        }
    }

    /// Prints the sum.
    pub(crate) fn print_summary(&mut self, job: Option<JobId>) {
        if self.is_json {
            self.print_json(&self.tally.summary_record(job));
        } else if let Some(job) = job {
            self.print_line(&self.tally.summary_text(job));
        } else {
            let numbers = table::numbers_label(self.tally.total());
            self.print_line(&format!("Dry run: a PIN would be sent to {numbers}. Nothing was sent."));
        }
    }

    /// Says on standard error what to do about what did not go well.
    pub(crate) fn print_advice(&self, job: JobId) {
        for ((words, short), (count, steps)) in &self.advice {
            eprint_line(&format!("\npindesk: {}: {words}: {short}. What to do:", table::numbers_label(*count)));
            for step in *steps {
                eprint_line(&format!("  {step}"));
            }
        }
        for (why, count) in self.refusals.iter().take(MAX_REFUSAL_REASONS) {
            eprint_line(&format!("\npindesk: {}: not sent: refused here: {why}.", table::numbers_label(*count)));
        }
        let others = self.refusals.values().skip(MAX_REFUSAL_REASONS).sum();
        if others > 0 {
            let others = table::numbers_label(others);
            eprint_line(&format!("\npindesk: {others}: not sent: refused here. Why: pindesk jobs show {job}"));
        }
        if let Some(how) = self.tally.resume_hint(job) {
            eprint_line(&format!("\n{how}"));
        }
        if self.tally.no_answer > 0 {
            eprint_line(&format!(
                "\npindesk: which numbers are in doubt: pindesk jobs show {job}. To settle them: pindesk"
            ));
        }
        let (be, them) = if self.tally.older_pin_in_doubt == 1 { ("is", "it") } else { ("are", "them") };
        if self.tally.older_pin_in_doubt > 0 {
            let numbers = table::numbers_label(self.tally.older_pin_in_doubt);
            eprint_line(&format!(
                "\npindesk: {numbers} {be} in doubt because of an older PIN. To settle {them}: pindesk"
            ));
        }
    }

    fn print_json(&mut self, record: &impl Serialize) {
        match serde_json::to_string(record) {
            Ok(line) => self.print_line(&line),
            Err(error) => eprint_line(&format!("pindesk: a result cannot be printed: {error}")),
        }
    }

    /// The exit code once everything was printed, or says on standard error that it could not be: `where_else` it is told.
    pub(crate) fn finish(self, code: u8, where_else: &str) -> u8 {
        match self.write_error {
            Some(error) => {
                eprint_line(&format!("pindesk: cannot write: {error}. Results were lost. {where_else}"));
                code.max(1)
            }
            None => code,
        }
    }

    /// After the first failure nothing is printed any more. That nobody reads is no loss, but the reader's good right.
    fn print_line(&mut self, line: &str) {
        if let Some(out) = &mut self.out
            && let Err(error) = writeln!(out, "{line}")
        {
            self.out = None;
            self.write_error = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        }
    }
}

/// Whether this request changed anything; one that was refused or never left did not, whatever an older one may do.
const fn changed(request: ChangeOutcome, told: Applied) -> Option<bool> {
    match (request, told) {
        (ChangeOutcome::Set, _) => Some(true),
        (ChangeOutcome::Failed | ChangeOutcome::NotSent, _) | (ChangeOutcome::NoAnswer, Applied::No) => Some(false),
        (ChangeOutcome::NoAnswer, Applied::Maybe | Applied::Yes) => None,
    }
}

fn http_status(state: &ChangeState) -> Option<u16> {
    match state {
        ChangeState::Set(_) => Some(200),
        ChangeState::Failed(_, fault) => Some(fault.http_status),
        ChangeState::InDoubt(standing) => standing.reason.http_status(),
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::NotSent(..)
        | ChangeState::Resolved(..) => None,
    }
}

/// Requests made of this change. Those of an older PIN are not counted.
fn attempts(state: &ChangeState) -> u8 {
    match state {
        ChangeState::Queued => 0,
        ChangeState::Sending { attempt } | ChangeState::Waiting { attempt, .. } => *attempt,
        ChangeState::Set(finished)
        | ChangeState::Failed(finished, _)
        | ChangeState::NotSent(finished, _)
        | ChangeState::Resolved(finished, _) => finished.attempts,
        ChangeState::InDoubt(standing) => match unchanged_outcome(&standing.reason) {
            Some(NotApplied::NotSent(_)) => 0,
            Some(NotApplied::Refused(_)) => 1,
            None => standing.send_history.attempts(),
        },
    }
}

/// Why the request was refused here, if it was.
fn local_refusal(state: &ChangeState) -> Option<&CleanText> {
    let why = match state {
        ChangeState::NotSent(_, why) => Some(why),
        ChangeState::InDoubt(standing) => match unchanged_outcome(&standing.reason) {
            Some(NotApplied::NotSent(why)) => Some(why),
            Some(NotApplied::Refused(_)) | None => None,
        },
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::Resolved(..) => None,
    };
    match why? {
        NotSentReason::RefusedLocally(why) => Some(why),
        NotSentReason::NoConnection(_)
        | NotSentReason::Tls(_)
        | NotSentReason::Stopped
        | NotSentReason::TokenRefused
        | NotSentReason::WabaRefused(_)
        | NotSentReason::TooManyInDoubt => None,
    }
}

/// What the last request came to, where the number is in doubt only because of an older PIN.
const fn unchanged_outcome(doubt: &DoubtReason) -> Option<&NotApplied> {
    if let DoubtReason::OlderPinInDoubt(last) = doubt { Some(last) } else { None }
}
