//! The number under the cursor of a job, beside its rows: what became of it, why, and what to do.
//!
//! It shows only what the job has of it: nothing is read for it.

use std::ops::Range;

use super::canvas::Canvas;
use super::meta_words::add_meta_words;
use super::sheet::Sheet;
use super::{details, job_row};
use crate::console::app::App;
use crate::console::shared::{JobNumbers, JobPhase, JobRow, PAGE_WIDTH_BESIDE_PANE};
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::number::WabaId;

/// The number of columns between the separator of the pane and its text.
const INDENT: u16 = 2;

/// Draws the pane into these rows.
pub(super) fn paint(app: &App, job: &JobNumbers, row: Option<JobRow<'_>>, canvas: &mut Canvas<'_>, rows: Range<u16>) {
    let left = PAGE_WIDTH_BESIDE_PANE;
    details::draw_separator(canvas, left, rows.clone());
    let Some(row) = row else { return };
    let mut sheet = Sheet::for_column(canvas.width().saturating_sub(left + INDENT));
    let id = row.record.number;
    let number = app.number(&id);
    sheet.styled_text(&app.label(&id), Role::Strong);
    sheet.styled_text(name(app, row).as_deref().unwrap_or_default(), Role::Strong);
    sheet.push_blank_line();
    add_outcome(&mut sheet, row, job.is_running(), canvas);
    if let Some(error) = job_row::api_error(row) {
        add_meta_words(&mut sheet, error);
    }
    if let (None, Some(at)) = (row.live, row.record.at) {
        sheet.field("Tries", &format!("{}, last {at}", row.record.attempts));
    }
    sheet.field("phone number ID", id.as_str());
    let listed = number.filter(|number| number.waba.is_some()).map(|number| details::waba_label(&number));
    let waba = listed.or_else(|| row.record.waba.as_ref().map(|waba: &WabaId| waba.to_string()));
    sheet.field("WABA", waba.as_deref().unwrap_or("unknown"));
    // The line above the rows may be too short for it.
    if let Some(note) = &job.summary().note {
        sheet.field("Note of the job", note.as_str());
    }
    sheet.paint_lines(canvas, left + INDENT, rows, 0);
}

/// The name of a number, if it is known.
pub(super) fn name(app: &App, row: JobRow<'_>) -> Option<String> {
    app.roster().get(&row.record.number)?.number.name.map(|name| name.to_string())
}

fn add_outcome(sheet: &mut Sheet, row: JobRow<'_>, is_running: bool, canvas: &Canvas<'_>) {
    let Some(explanation) = job_row::explanation(row) else {
        let reason = job_row::reason(row);
        if !reason.is_empty() {
            sheet.text(&reason);
            sheet.blank_line();
        }
        return;
    };
    let headline = match row.phase(is_running) {
        JobPhase::Failed => Some((StatusSymbol::Failed, "failed", Role::Failure)),
        JobPhase::NoAnswer => Some((StatusSymbol::NoAnswer, "no answer", Role::Uncertain)),
        JobPhase::NotSent => Some((StatusSymbol::NotSent, "not sent", Role::Strong)),
        JobPhase::Set
        | JobPhase::Resolved
        | JobPhase::Sending
        | JobPhase::Waiting
        | JobPhase::WaitingInDoubt
        | JobPhase::Queued => None,
    };
    if let Some((symbol, label, role)) = headline {
        let symbol = canvas.theme.symbol(symbol);
        sheet.headline(&format!("{symbol} {label}."), role, explanation.applied.sentence());
        sheet.blank_line();
    }
    sheet.text(&explanation.reason);
    sheet.blank_line();
    if !explanation.advice.is_empty() {
        sheet.styled_text("To do", Role::Strong);
        for (number, step) in (1..).zip(explanation.advice) {
            sheet.table_row(&number.to_string(), 2, step);
        }
        sheet.blank_line();
    }
}
