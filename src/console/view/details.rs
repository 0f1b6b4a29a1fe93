//! What is known of one number: beside the list, or as a page of its own.

use std::ops::Range;
use std::time::Instant;

use super::canvas::Canvas;
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::theme::Role;
use crate::domain::change::ChangeState;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

/// Draws the details of the row under the cursor into the columns from `left` on.
pub(super) fn paint_pane(app: &App, now: Instant, canvas: &mut Canvas<'_>, left: u16, rows: Range<u16>) {
    let wall = canvas.theme.vertical_line();
    for y in rows.clone() {
        canvas.put(left, y, wall, Role::Plain);
    }
    canvas.put(left + 2, rows.start, "DETAILS", Role::Plain);
    let Some(id) = app.roster().cursor_row().map(|row| row.number.id) else { return };
    let Some(number) = app.number(&id) else { return };
    let mut sheet = Sheet::for_column(canvas.width().saturating_sub(left + 2));
    add_details(&mut sheet, app, &number, now);
    add_history(&mut sheet, app, id);
    sheet.paint_lines(canvas, left + 2, rows.start + 2..rows.end, 0);
}

/// The lines of a number's details.
pub(super) fn add_details(sheet: &mut Sheet, app: &App, number: &Number, now: Instant) {
    let known = |value: &Option<CleanText>| value.as_ref().map_or("unknown", CleanText::as_str).to_owned();
    add_identity(sheet, number);
    sheet.optional_blank_line();
    let (_, words, role) = status::two_step_cell(number.two_step);
    let row = app.roster().get(&number.id);
    if let Some(old) = row.filter(|row| row.is_stale) {
        let (_, was, _) = status::two_step_cell(old.number.two_step);
        sheet.styled_field("Two-step now", &format!("{words}; it was {was}"), role);
        let at = number.read_at.map_or_else(|| "never".to_owned(), UtcTime::format_date_time);
        sheet.field("Read", &format!("{at}, not since"));
    } else {
        sheet.styled_field("Two-step now", words, role);
        sheet.field("Read", &number.read_at.map_or_else(|| "not yet".to_owned(), |at| at.to_string()));
    }
    sheet.optional_blank_line();
    sheet.field("Status", &known(&number.details.status));
    sheet.field("Ownership code", &known(&number.details.code_verification_status));
    sheet.field("Platform", &known(&number.details.platform_type));
    sheet.field("Quality", &known(&number.details.quality_rating));
    sheet.field("Name status", &known(&number.details.name_status));
    sheet.field("Account mode", &known(&number.details.account_mode));
    sheet.optional_blank_line();
    match app.roster().change(&number.id) {
        None => add_last_recorded(sheet, app, &number.id),
        Some(job) => add_last_request(sheet, job, now),
    }
}

/// The last request of an earlier run, or of another program that has this journal, where it was read.
fn add_last_recorded(sheet: &mut Sheet, app: &App, id: &PhoneNumberId) {
    let recorded = app.history(id).and_then(|lines| lines.iter().find(|line| line.is_request));
    let words = recorded.map(|line| format!("{}: {}", line.at.format_date_time(), line.description));
    sheet.field("Last request", words.as_deref().unwrap_or("none since this start"));
}

fn add_last_request(sheet: &mut Sheet, job: &ChangeState, now: Instant) {
    let (_, words, role) = status::request_cell(job, now);
    match job {
        ChangeState::Set(finished) => {
            let tries =
                if finished.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", finished.attempts) };
            sheet.styled_field("Last request", &format!("set at {}, {tries}", finished.at), role);
            sheet.optional_text("Last set here. Whether somebody has set another PIN since, nobody can read.");
        }
        ChangeState::Resolved(finished, _) => {
            let short = Explanation::for_change(job).map(|told| told.summary).unwrap_or_default();
            sheet.styled_field("Last request", &format!("{short}, {}", finished.at.format_date_time()), role);
        }
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(_) => sheet.styled_field("Last request", &words, role),
    }
}

/// What was done with a number, newest first, where it was read.
pub(super) fn add_history(sheet: &mut Sheet, app: &App, id: PhoneNumberId) {
    let Some(history) = app.history(&id) else { return };
    sheet.blank_line();
    sheet.styled_text("History", Role::Strong);
    if history.is_empty() {
        sheet.text("nothing that this journal knows of");
    }
    for line in history {
        sheet.text(&format!("{}  {}  {}", line.at.format_date_time(), line.operator_label, line.description));
    }
}

/// Which number a page is about, where it asks for something. It stays in sight.
pub(super) fn add_target(sheet: &mut Sheet, number: &Number) {
    sheet.add_sticky(|sheet| if sheet.is_compact() { sheet.text(number.label()) } else { add_identity(sheet, number) });
}

/// The lines that say which number a page is about.
fn add_identity(sheet: &mut Sheet, number: &Number) {
    sheet.field("Number", number.label());
    sheet.field("Name", number.name.as_ref().map_or("unknown", CleanText::as_str));
    sheet.field("phone number ID", number.id.as_str());
    let waba = number.waba.as_ref().map_or_else(
        || "not listed under one".to_owned(),
        |waba| waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name}  {}", waba.id)),
    );
    sheet.field("WABA", &waba);
}
