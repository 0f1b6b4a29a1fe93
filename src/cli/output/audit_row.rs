//! The table of the audit log for people: who did what, when, to which number.
//!
//! It shows no stored name of an action: each has words of its own.

use std::collections::HashSet;

use crate::cli::known_numbers::KnownNumbers;
use crate::cli::output::table::{Cell, Column, Layout, TableStyle, Tone, UNKNOWN};
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::ChangeResult;
use crate::domain::text::{CleanText, width};
use crate::journal::{AuditAction, AuditRow, THROTTLED_OUTCOME};

/// The columns that fit 80 columns of a terminal. The number and its name, or the note, follow the last one.
const COLUMNS: [Column; 4] = [
    Column::fixed("WHEN (UTC)", 19),
    Column::flexible("WHO", 12, 6),
    Column::fixed("WHAT", 15),
    Column::flexible("NUMBER AND NAME", 28, 10),
];

/// The same on a terminal, where an operator with a short name leaves the place to the names of numbers.
const TERMINAL_COLUMNS: [Column; 4] = [COLUMNS[0], Column::flexible("WHO", 7, 6), COLUMNS[2], COLUMNS[3]];

/// How wide the operators and the subjects get on a wide terminal.
const MAX_WHO_WIDTH: usize = 20;
const MAX_SUBJECT_WIDTH: usize = 160;

/// What a table has to know of its rows before it prints the first of them.
#[derive(Debug, Default)]
pub(crate) struct AuditTableFacts {
    /// The rows of requests whose program ended before an answer, by their sequence.
    pub(crate) cut_off: HashSet<i64>,
    /// How wide the longest name of an operator is.
    pub(crate) who_width: usize,
}

const WIDE_COLUMNS: [Column; 8] = [
    Column::count("ROW", 6),
    Column::fixed("WHEN (UTC)", 19),
    Column::flexible("WHO", 12, 6),
    Column::fixed("WHAT", 15),
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 20, 6),
    Column::fixed("ID", 17),
    Column::fixed("NOTE", 4),
];

/// The columns of a number before its name.
const NUMBER_COLUMNS: usize = 17;

pub(crate) struct AuditTable<'a> {
    known: &'a KnownNumbers,
    cut_off: HashSet<i64>,
    is_wide: bool,
    layout: Layout,
}

impl<'a> AuditTable<'a> {
    pub(crate) fn new(known: &'a KnownNumbers, facts: AuditTableFacts, is_wide: bool, style: TableStyle) -> Self {
        let AuditTableFacts { cut_off, who_width } = facts;
        let layout = match (is_wide, style.cuts_cells()) {
            (true, _) => Layout::new(style, &WIDE_COLUMNS),
            (false, true) => {
                let widths = [0, who_width.min(MAX_WHO_WIDTH), 0, MAX_SUBJECT_WIDTH];
                Layout::for_content(style, &TERMINAL_COLUMNS, &widths)
            }
            (false, false) => Layout::new(style, &COLUMNS),
        };
        Self { known, cut_off, is_wide, layout }
    }

    pub(crate) fn headings(&self) -> String {
        self.layout.headings()
    }

    pub(crate) fn row(&self, row: &AuditRow) -> String {
        let id = row.phone_number_id.as_ref().map_or("", CleanText::as_str);
        let number = id.parse::<PhoneNumberId>().ok();
        let is_cut_off = self.cut_off.contains(&row.sequence);
        let what = if is_cut_off { cut_off_cell() } else { action_cell(row) };
        let note = if is_cut_off { CUT_OFF_NOTE } else { row.note.as_ref().map_or("", CleanText::as_str) };
        let when = row.time().map_or_else(|| row.at.to_string(), UtcTime::format_second);
        let who = row.operator_name().to_string();
        let names = number.map(|number| self.known.cells(number));
        if self.is_wide {
            let [display, name] = names.unwrap_or([UNKNOWN; 2]);
            let id = if id.is_empty() { UNKNOWN } else { id };
            let first = [row.sequence.to_string().into(), when.into(), who.into(), what];
            return self.layout.row(&[&first[..], &[display, name, id, note].map(Cell::from)].concat(), "");
        }
        let subject = match names {
            // A number that was never listed here has only an ID.
            Some([UNKNOWN, name]) => format!("{id}  {name}"),
            Some([display, name]) => {
                format!("{display}{}  {name}", " ".repeat(NUMBER_COLUMNS.saturating_sub(width(display))))
            }
            // A note is not cut.
            None => return self.layout.row(&[when.into(), who.into(), what], note),
        };
        self.layout.row(&[when.into(), who.into(), what, subject.into()], "")
    }
}

const CUT_OFF_NOTE: &str = "the program that sent it ended before the answer";

/// A request that has no row about its outcome, because no process was left to write it.
fn cut_off_cell() -> Cell<'static> {
    Cell::new("sent, no answer", Tone::Uncertain)
}

/// What happened, in at most 15 characters.
fn action_cell(row: &AuditRow) -> Cell<'static> {
    let job = |what: &str| row.job.map_or_else(|| format!("job {what}"), |job| format!("job {job} {what}"));
    let outcome = row.outcome.as_ref().map_or("", CleanText::as_str);
    match row.action {
        AuditAction::JobStarted => job("started").into(),
        AuditAction::JobResumed => job("resumed").into(),
        AuditAction::JobEnded => job("ended").into(),
        AuditAction::Intent => "sending".into(),
        AuditAction::Retry => "sending again".into(),
        AuditAction::Outcome => outcome_cell(row, outcome),
        AuditAction::Resolved => if outcome == "by_hand" { "resolved" } else { "still not set" }.into(),
        AuditAction::PinDecrypted => "PIN decrypted".into(),
        AuditAction::PinReEncrypted => "re-encrypted".into(),
        AuditAction::EscrowDrill => "escrow drill".into(),
        AuditAction::RecipientsStored => "keys stored".into(),
        AuditAction::RecipientsAccepted => "keys accepted".into(),
        AuditAction::BackedUp => "backup made".into(),
        AuditAction::ScreenHidden => "screen hidden".into(),
        AuditAction::ScreenShown => "screen shown".into(),
        AuditAction::Finding => "problem found".into(),
        AuditAction::RowsBound => "rows bound".into(),
        AuditAction::DamageAccepted => "damage accepted".into(),
        AuditAction::Checked => "records checked".into(),
    }
}

fn outcome_cell(row: &AuditRow, outcome: &str) -> Cell<'static> {
    let code = row.code.map_or_else(String::new, |code| format!(" ({code})"));
    match ChangeResult::parse(outcome) {
        Some(ChangeResult::Failed) => Cell::new(format!("{}{code}", ChangeResult::Failed.label()), Tone::Failure),
        Some(ChangeResult::NoAnswer) => Cell::new(ChangeResult::NoAnswer.label(), Tone::Uncertain),
        Some(result @ (ChangeResult::Set | ChangeResult::NotSent)) => result.label().into(),
        // Meta asked to go slower: the request was no try, and is sent again.
        None if outcome == THROTTLED_OUTCOME => format!("paused{code}").into(),
        None => "outcome".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_operators_leave_the_place_to_the_numbers() {
        let known = KnownNumbers::default();
        let headings = |who_width| {
            let facts = AuditTableFacts { who_width, ..AuditTableFacts::default() };
            AuditTable::new(&known, facts, false, TableStyle::MESSAGE).headings()
        };
        assert_eq!(headings(6), "WHEN (UTC)           WHO      WHAT             NUMBER AND NAME");
        assert_eq!(headings(30), "WHEN (UTC)           WHO       WHAT             NUMBER AND NAME");
    }
}
