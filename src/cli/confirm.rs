//! The question of a command that sends, on a terminal: what would be sent, and the answer of the operator.
//!
//! It does not judge the answer, and shows no PIN.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

use rustix::termios::{QueueSelector, tcflush};

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::late_arrivals::LateArrivals;
use crate::cli::output::names::name_cells;
use crate::cli::output::stdio::wrapped_for_stderr;
use crate::cli::output::table::{self, Cell, Column, Layout, TableStyle};
use crate::cli::pauses;
use crate::cli::secret_stdin::STDIN_PATH;
use crate::config::Profile;
use crate::domain::number::{Number, TwoStep};
use crate::domain::pin::PinChoice;
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;

/// How many numbers a message names before it counts the rest.
const MAX_LISTED_NUMBERS: usize = 5;

/// The columns of the numbers in a message: NUMBER, NAME, TWO-STEP, ID.
const COLUMNS: [Column; 4] =
    [Column::fixed("", 17), Column::flexible("", 26, 6), Column::fixed("", 8), Column::fixed("", 17)];

/// How the operator selected the numbers, which decides what confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// By its ID: the last four digits confirm.
    One,
    /// By a list: the count confirms.
    Many,
}

/// What the question says besides the numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuestionNotes<'a> {
    /// The job pauses after so many numbers.
    pub(crate) send_first: Option<usize>,
    /// The state directory, if it had no records before: its name may be mistyped.
    pub(crate) new_state_dir: Option<&'a CleanText>,
    /// Numbers that are not sent now.
    pub(crate) late: Option<LateArrivals>,
    /// False if PINs are not encrypted.
    pub(crate) has_escrow: bool,
    /// The file of the PIN.
    pub(crate) pin_file: Option<&'a Path>,
}

impl QuestionNotes<'_> {
    fn pin_source(&self) -> String {
        match self.pin_file {
            Some(file) if file.as_os_str() != STDIN_PATH => redacted_path(file).to_string(),
            Some(_) | None => "standard input".to_owned(),
        }
    }
}

/// The text before the answer.
pub(crate) fn question(
    profile: &Profile,
    pins: &PinChoice,
    selection: Selection,
    numbers: &[Number],
    notes: QuestionNotes<'_>,
) -> String {
    let pin = match (pins, selection) {
        (PinChoice::Fixed(_), _) if numbers.len() > 1 => format!("the same PIN, that of {},", notes.pin_source()),
        (PinChoice::Fixed(_), _) => format!("the PIN of {}", notes.pin_source()),
        (PinChoice::Drawn(_), _) | (PinChoice::Random, Selection::One) => "a random PIN".to_owned(),
        (PinChoice::Random, Selection::Many) => "a different random PIN".to_owned(),
    };
    let saved = match (pins, selection) {
        (PinChoice::Fixed(_), _) if notes.has_escrow => "",
        (PinChoice::Fixed(_), _) => " Without an escrow only you have this PIN.",
        (PinChoice::Drawn(_), _) | (PinChoice::Random, Selection::One) => " It is saved to the escrow only.",
        (PinChoice::Random, Selection::Many) => " Each is saved to the escrow only.",
    };
    let environment = if profile.live && !profile.is_test() { "LIVE" } else { "TEST" };
    let count = table::numbers_label(numbers.len());
    let mut lines = vec![format!("Set {pin} on {count} of profile {} ({environment})?{saved}", profile.name)];
    lines.extend(list_numbers(&numbers.iter().collect::<Vec<_>>()).into_iter().map(|line| format!("  {line}")));
    let replaced = numbers.iter().filter(|number| may_have_pin(number)).count();
    if replaced > 0 {
        let old = if replaced == 1 { "The old PIN stops" } else { "The old PINs stop" };
        let on = if numbers.len() == 1 { String::new() } else { format!(", on {replaced} of them") };
        lines.push(format!("Two-step verification is on, or may be{on}. {old} working."));
    }
    if let Some(first) = notes.send_first.filter(|first| *first < numbers.len()) {
        lines.push(format!("After the first {first}, pindesk asks again."));
    }
    lines.extend(notes.late.map(|late| late.line(numbers.len())));
    lines.extend(notes.new_state_dir.map(|dir| format!("This state directory is new: {dir}")));
    let them = match selection {
        Selection::One => "it",
        Selection::Many => "them",
    };
    lines.push(format!("Type {} to send {them}, or press Enter to cancel: ", what_confirms(selection, numbers)));
    lines.join("\n")
}

/// What an answer is compared with.
pub(crate) fn what_confirms(selection: Selection, numbers: &[Number]) -> &'static str {
    match (selection, numbers) {
        (Selection::One, [number]) if number.last_four().is_from_id => "the last 4 digits of the phone number ID",
        (Selection::One, _) => "the last 4 digits of the number",
        (Selection::Many, _) => "the count of numbers",
    }
}

/// The operator pressed Enter.
pub(crate) fn canceled() -> CliError {
    CliError::new(ExitCode::NotConfirmed, "canceled").nothing_sent()
}

/// The first numbers, and how many there are besides.
pub(crate) fn list_numbers(numbers: &[&Number]) -> Vec<String> {
    let layout = Layout::new(TableStyle::MESSAGE, &COLUMNS);
    let row = |number: &&Number| {
        let [display, name] = name_cells(Some(number));
        layout.row(&[display, name, number.two_step.label(), number.id.as_str()].map(Cell::from), "")
    };
    let mut lines: Vec<String> = numbers.iter().take(MAX_LISTED_NUMBERS).map(row).collect();
    let rest = numbers.len().saturating_sub(MAX_LISTED_NUMBERS);
    lines.extend((rest > 0).then(|| format!("and {rest} more")));
    lines
}

/// True if a number may have a PIN. One whose status is unknown may.
pub(crate) const fn may_have_pin(number: &Number) -> bool {
    match number.two_step {
        TwoStep::NotSet => false,
        TwoStep::On | TwoStep::Unknown => true,
    }
}

/// Asks on the terminal. Keys that were typed before the question are ignored.
pub(crate) fn ask(question: &str) -> Result<String, CliError> {
    pauses::wait_until_told();
    let failed = |error: io::Error| CliError::machine("cannot ask on the terminal", &error).nothing_sent();
    tcflush(rustix::stdio::stdin(), QueueSelector::IFlush).map_err(|error| failed(error.into()))?;
    let mut stderr = io::stderr();
    stderr.write_all(wrapped_for_stderr(question).as_bytes()).and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim().to_owned())
}
