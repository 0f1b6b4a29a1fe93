//! The results of a job: a table for people, JSON for scripts, and the summary.
//!
//! It prints no PIN. A reader that goes away stops only the printing: the work and its counts go on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Stdout, Write as _};
use std::mem;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::exit_code::ExitCode;
use crate::cli::number_index::NumberIndex;
use crate::cli::output::meta_fields::MetaFields;
use crate::cli::output::names::{exact_names, name_cells};
use crate::cli::output::options::OutputOptions;
use crate::cli::output::result_fields::{
    attempts, changed, has_older_pin_in_doubt, http_status, local_refusal, recorded_cell,
};
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table::{self, Cell, Column, Layout, TableStyle};
use crate::cli::output::tally::Tally;
use crate::cli::pauses;
use crate::cli::rerun::RerunOptions;
use crate::domain::change::{JobId, Progress};
use crate::domain::json_text::{SCHEMA_VERSION, json_text};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::outcome::ApiError;
use crate::domain::standing::ChangeResult;
use crate::domain::text::{CleanText, plain_io_error, width};
use crate::journal::RecordedState;
use crate::policy::error_catalog::{Applied, Explanation, meta_lines, plural, server_words};

/// A result as scripts see it, with Meta's texts exactly: for JSON only.
#[derive(Debug, Serialize)]
pub(crate) struct ResultRecord<'a> {
    pub(crate) schema: u8,
    pub(crate) event: &'static str,
    pub(crate) phone_number_id: &'a str,
    pub(crate) display_phone_number: Option<&'a str>,
    pub(crate) verified_name: Option<&'a str>,
    pub(crate) request: ChangeResult,
    pub(crate) changed: Option<bool>,
    #[serde(flatten)]
    pub(crate) meta: MetaFields<'a>,
    pub(crate) tries: u8,
    pub(crate) change: Option<String>,
    pub(crate) reason: &'a str,
    /// Only in the results of a command that sends: a job does not know the requests before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) older_pin_in_doubt: bool,
    pub(crate) advice: &'a [&'static str],
}

impl<'a> ResultRecord<'a> {
    /// A result without a reply; the caller fills in what a reply said.
    pub(crate) fn new(number: &'a PhoneNumberId, result: ChangeResult, reason: &'a str) -> Self {
        Self {
            schema: SCHEMA_VERSION,
            event: "result",
            phone_number_id: number.as_str(),
            display_phone_number: None,
            verified_name: None,
            request: result,
            changed: changed(result, Applied::Maybe),
            meta: MetaFields::default(),
            tries: 0,
            change: None,
            reason,
            older_pin_in_doubt: false,
            advice: &[],
        }
    }
}

impl<'a> ResultRecord<'a> {
    /// The record with the names of its number, as far as they are known.
    pub(crate) fn with_names(self, number: Option<&'a Number>) -> Self {
        let [display_phone_number, verified_name] = exact_names(number);
        Self { display_phone_number, verified_name, ..self }
    }

    /// The record with what Meta reported last: the error, if it was one, and the HTTP status of the reply.
    pub(crate) fn with_reply(self, error: Option<&'a ApiError>, http_status: Option<u16>) -> Self {
        Self { meta: MetaFields { http_status, ..MetaFields::of(error) }, ..self }
    }
}

/// The columns of results. The reason follows the last one.
const COLUMNS: [Column; 4] = [
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 20, 6),
    Column::fixed("REQUEST", 11),
    Column::fixed("ID", 17),
];

/// The table of results of these numbers. Its rows are printed as they arrive.
pub(crate) fn result_layout<'a>(style: TableStyle, numbers: impl Iterator<Item = &'a Number>) -> Layout {
    let widest = numbers.fold([0, 0], |widest: [usize; 2], number| {
        let cells = name_cells(Some(number)).map(width);
        [widest[0].max(cells[0]), widest[1].max(cells[1])]
    });
    Layout::for_content(style, &COLUMNS, &widest)
}

/// The row of a result. `number` is the number as it was read, if it was.
pub(crate) fn result_row(
    layout: &Layout,
    id: PhoneNumberId,
    number: Option<&Number>,
    request: Cell<'_>,
    reason: &str,
) -> String {
    let [display, name] = name_cells(number);
    layout.row(&[display.into(), name.into(), request, id.as_str().into()], reason)
}

/// How many reasons of local refusals are printed: those of many numbers can differ by a second each.
const MAX_REFUSAL_REASONS: usize = 5;

/// The word and the summary of a result, and what to do about it.
type AdviceKind = (&'static str, String, Vec<&'static str>);

/// Numbers with the same kind of result.
struct AdviceGroup {
    count: usize,
    /// Meta's words about the first of them, to which the steps can refer, or why pindesk refused it.
    said: Vec<String>,
}

/// Prints results as they arrive.
pub(crate) struct ResultPrinter {
    out: Option<Stdout>,
    /// Why results could not be printed.
    write_error: Option<io::Error>,
    is_json: bool,
    layout: Layout,
    has_headings: bool,
    numbers: Arc<Vec<Number>>,
    index: NumberIndex,
    pub(crate) tally: Tally,
    /// What to do for each kind of result, and for how many numbers.
    advice: BTreeMap<AdviceKind, AdviceGroup>,
    /// Why numbers were refused locally, and how many for each reason.
    refusals: BTreeMap<CleanText, usize>,
    /// For the commands that messages name.
    pub(crate) rerun: RerunOptions,
}

impl ResultPrinter {
    pub(crate) fn new(options: OutputOptions, numbers: Arc<Vec<Number>>, rerun: RerunOptions) -> Self {
        let OutputOptions { is_json, style, .. } = options;
        let (out, tally, index) = (Some(io::stdout()), Tally::default(), NumberIndex::new(&numbers));
        let (advice, refusals, layout) = (BTreeMap::new(), BTreeMap::new(), result_layout(style, numbers.iter()));
        let has_headings = false;
        Self { out, write_error: None, is_json, layout, has_headings, numbers, index, tally, advice, refusals, rerun }
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
        let refusal = local_refusal(&progress.state);
        if !explanation.advice.is_empty() {
            let kind = (result.label(), explanation.summary.into_owned(), explanation.advice);
            let refused = refusal.map(|reason| vec![format!("Why it was not sent: {reason}.")]);
            let said = refused.or_else(|| progress.state.api_error().map(meta_lines));
            let said =
                said.or_else(|| Some(vec![server_words(progress.state.foreign_text()?).line()])).unwrap_or_default();
            let group = AdviceGroup { count: 0, said };
            self.advice.entry(kind).or_insert(group).count += 1;
        } else if let Some(reason) = refusal {
            *self.refusals.entry(reason.clone()).or_default() += 1;
        }
        true
    }

    fn print_result_json(&mut self, progress: &Progress, result: ChangeResult, explanation: &Explanation) {
        let numbers = Arc::clone(&self.numbers);
        let number = self.index.position(&numbers, progress.number).map(|position| &numbers[position]);
        self.print_json(&ResultRecord {
            changed: changed(result, explanation.applied),
            tries: attempts(&progress.state),
            change: progress.change.map(|change| change.to_string()),
            older_pin_in_doubt: has_older_pin_in_doubt(&progress.state),
            advice: &explanation.advice,
            ..ResultRecord::new(&progress.number, result, &explanation.reason)
                .with_names(number)
                .with_reply(progress.state.api_error(), http_status(&progress.state))
        });
    }

    fn print_result_row(&mut self, number: PhoneNumberId, result: ChangeResult, summary: &str) {
        if !mem::replace(&mut self.has_headings, true) {
            self.print_line(&self.layout.headings());
        }
        let position = self.index.position(&self.numbers, number);
        let known = position.map(|position| &self.numbers[position]);
        // The table says it already.
        let reason = if result == ChangeResult::Set { "" } else { summary };
        let row = result_row(&self.layout, number, known, recorded_cell(RecordedState::Ended(result)), reason);
        self.print_line(&row);
    }

    /// Prints the summary.
    pub(crate) fn print_summary(&mut self, job: JobId) {
        pauses::wait_until_told();
        if self.is_json {
            self.print_json(&self.tally.summary_record(Some(job)));
        } else {
            self.print_line(&self.tally.summary_text(job));
        }
    }

    /// Prints to standard error what to do about numbers that were not set.
    pub(crate) fn print_advice(&self, job: JobId) {
        for ((label, summary, steps), AdviceGroup { count, said }) in &self.advice {
            // A summary may begin with the word of the result.
            let what = if summary.starts_with(label) { summary.clone() } else { format!("{label}: {summary}") };
            let what = plural::of_count(&what, *count);
            eprint_line(&format!("\npindesk: {}: {what}. What to do:", table::numbers_label(*count)));
            let steps = steps.iter().map(|step| plural::of_count(step, *count));
            for step in steps.chain(said.iter().map(|words| Cow::Borrowed(words.as_str()))) {
                eprint_line(&format!("  {step}"));
            }
        }
        for (reason, count) in self.refusals.iter().take(MAX_REFUSAL_REASONS) {
            eprint_line(&format!("\npindesk: {}: not sent: refused here: {reason}.", table::numbers_label(*count)));
        }
        let show = self.rerun.command(&format!("jobs show {job}"));
        let others = self.refusals.values().skip(MAX_REFUSAL_REASONS).sum();
        if others > 0 {
            let others = table::numbers_label(others);
            eprint_line(&format!("\npindesk: {others}: not sent: refused here. Why: {show}"));
        }
        if let Some(hint) = self.tally.resume_hint(job, &self.rerun) {
            eprint_line(&format!("\n{hint}"));
        }
        if self.tally.no_answer > 0 {
            let (which, them) = match self.tally.no_answer {
                1 => ("which number is", "it"),
                _ => ("which numbers are", "them"),
            };
            eprint_line(&format!("\npindesk: {which} in doubt: {show}. {}", self.rerun.resolve_hint(them)));
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
                let error = plain_io_error(&error);
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
