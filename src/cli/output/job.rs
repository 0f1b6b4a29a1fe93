//! The results of a job: a table for people, JSON for scripts, and the summary.
//!
//! It prints no PIN. A reader that goes away stops only the printing: the work and its counts go on.

use std::collections::BTreeMap;
use std::io::{self, Stdout, Write as _};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::exit_code::ExitCode;
use crate::cli::number_index::NumberIndex;
use crate::cli::output::result_fields::{attempts, changed, http_status, local_refusal};
use crate::cli::output::stdio::{SCHEMA_VERSION, eprint_line};
use crate::cli::output::table;
use crate::cli::output::tally::Tally;
use crate::domain::change::{JobId, Progress};
use crate::domain::json_text::json_text;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::standing::ChangeResult;
use crate::domain::text::CleanText;
use crate::policy::error_catalog::{Applied, Explanation};

/// A result as scripts see it.
#[derive(Debug, Serialize)]
pub(crate) struct ResultRecord<'a> {
    pub(crate) schema: u8,
    pub(crate) event: &'static str,
    pub(crate) phone_number_id: &'a str,
    pub(crate) request: ChangeResult,
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
    /// A result without a reply; the caller fills in what a reply said.
    pub(crate) fn new(number: &'a PhoneNumberId, result: ChangeResult, reason: &'a str) -> Self {
        Self {
            schema: SCHEMA_VERSION,
            event: "result",
            phone_number_id: number.as_str(),
            request: result,
            changed: changed(result, Applied::Maybe),
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

/// How many reasons of local refusals are printed: those of many numbers can differ by a second each.
const MAX_REFUSAL_REASONS: usize = 5;

/// Prints results as they arrive.
pub(crate) struct ResultPrinter {
    out: Option<Stdout>,
    /// Why results could not be printed.
    write_error: Option<io::Error>,
    is_json: bool,
    numbers: Arc<Vec<Number>>,
    /// Empty for JSON, which has no labels.
    index: NumberIndex,
    pub(crate) tally: Tally,
    /// What to do for each kind of result, and for how many numbers.
    advice: BTreeMap<(&'static str, String), (usize, &'static [&'static str])>,
    /// Why numbers were refused locally, and how many for each reason.
    refusals: BTreeMap<CleanText, usize>,
}

impl ResultPrinter {
    pub(crate) fn new(is_json: bool, numbers: Arc<Vec<Number>>) -> Self {
        let index = if is_json { NumberIndex::default() } else { NumberIndex::new(&numbers) };
        let (out, tally) = (Some(io::stdout()), Tally::default());
        let (advice, refusals) = (BTreeMap::new(), BTreeMap::new());
        Self { out, write_error: None, is_json, numbers, index, tally, advice, refusals }
    }

    /// Handles progress. Returns true if the change has a result.
    pub(crate) fn handle_progress(&mut self, progress: &Progress) -> bool {
        let Some(result) = progress.state.result() else { return false };
        let Some(explanation) = Explanation::for_change(&progress.state) else { return false };
        self.tally.add_change(result, &progress.state);
        if self.is_json {
            self.print_result_json(progress, result, &explanation);
        } else {
            self.print_result_row(progress.number, result, &explanation.summary);
        }
        if !explanation.advice.is_empty() {
            let kind = (result.label(), explanation.summary.into_owned());
            self.advice.entry(kind).or_insert((0, explanation.advice)).0 += 1;
        }
        if let Some(reason) = local_refusal(&progress.state) {
            *self.refusals.entry(reason.clone()).or_default() += 1;
        }
        true
    }

    fn print_result_json(&mut self, progress: &Progress, result: ChangeResult, explanation: &Explanation) {
        let error = progress.state.api_error();
        self.print_json(&ResultRecord {
            changed: changed(result, explanation.applied),
            code: error.map(|error| error.code),
            subcode: error.and_then(|error| error.subcode),
            http_status: http_status(&progress.state),
            trace_id: error.and_then(|error| error.trace_id.as_ref()).map(CleanText::as_str),
            tries: attempts(&progress.state),
            change: progress.change.map(|change| change.to_string()),
            advice: explanation.advice,
            ..ResultRecord::new(&progress.number, result, &explanation.reason)
        });
    }

    fn print_result_row(&mut self, number: PhoneNumberId, result: ChangeResult, summary: &str) {
        let position = self.index.position(&self.numbers, number);
        let label = position.map_or("", |position| self.numbers[position].label());
        let row = table::row(&[(result.label(), 9), (label, 18), (number.as_str(), 18)], summary);
        self.print_line(&row);
    }

    /// Prints what would be sent.
    pub(crate) fn print_dry_run(&mut self, number: &Number) {
        let reason = "Dry run: the PIN would be sent, and was not.";
        self.tally.add(ChangeResult::NotSent, 1);
        if self.is_json {
            self.print_json(&ResultRecord::new(&number.id, ChangeResult::NotSent, reason));
        } else {
            let two_step = format!("two-step {}", number.two_step.label());
            let cells = [("would send", 10), (number.label(), 18), (number.id.as_str(), 18)];
            self.print_line(&table::row(&cells, &two_step));
        }
    }

    /// Prints the summary; of a dry run if there is no job.
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

    /// Prints to standard error what to do about numbers that were not set.
    pub(crate) fn print_advice(&self, job: JobId) {
        for ((label, summary), (count, steps)) in &self.advice {
            eprint_line(&format!("\npindesk: {}: {label}: {summary}. What to do:", table::numbers_label(*count)));
            for step in *steps {
                eprint_line(&format!("  {step}"));
            }
        }
        for (reason, count) in self.refusals.iter().take(MAX_REFUSAL_REASONS) {
            eprint_line(&format!("\npindesk: {}: not sent: refused here: {reason}.", table::numbers_label(*count)));
        }
        let others = self.refusals.values().skip(MAX_REFUSAL_REASONS).sum();
        if others > 0 {
            let others = table::numbers_label(others);
            eprint_line(&format!("\npindesk: {others}: not sent: refused here. Why: pindesk jobs show {job}"));
        }
        if let Some(hint) = self.tally.resume_hint(job) {
            eprint_line(&format!("\n{hint}"));
        }
        if self.tally.no_answer > 0 {
            eprint_line(&format!("\npindesk: which numbers are in doubt: pindesk jobs show {job}. {RESOLVE_HINT}"));
        }
        let older = self.tally.older_pin_in_doubt;
        if older > 0 {
            let verb = if older == 1 { "is" } else { "are" };
            let numbers = table::numbers_label(older);
            eprint_line(&format!("\npindesk: {numbers} {verb} in doubt because of an older PIN. {RESOLVE_HINT}"));
        }
    }

    fn print_json(&mut self, record: &impl Serialize) {
        match json_text(record) {
            Ok(line) => self.print_line(&line),
            Err(error) => eprint_line(&format!("pindesk: cannot print a result: {error}")),
        }
    }

    /// Ends the printing. If results could not be printed, says so on standard error and where they are instead, and
    /// returns the exit code that wins.
    pub(crate) fn finish(self, code: ExitCode, where_else: &str) -> ExitCode {
        match self.write_error {
            Some(error) => {
                eprint_line(&format!(
                    "pindesk: cannot write the output: {error}. Results are missing there. {where_else}"
                ));
                ExitCode::first_that_applies([code, ExitCode::MachineFailed])
            }
            None => code,
        }
    }

    /// Prints nothing after the first failure. A closed pipe is not an error: its reader has all that it needs.
    fn print_line(&mut self, line: &str) {
        if let Some(out) = &mut self.out
            && let Err(error) = writeln!(out, "{line}")
        {
            self.out = None;
            self.write_error = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        }
    }
}

const RESOLVE_HINT: &str = "To resolve them, open the console (pindesk) and press w.";
