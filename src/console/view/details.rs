//! The details of one number, beside the list or on a page.
//!
//! They show only what the app knows: nothing is refreshed for them.

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

/// Draws the pane beside the list, with the details of a number, into the columns from `left` on.
pub(super) fn paint_pane(
    app: &App,
    number: Option<PhoneNumberId>,
    now: Instant,
    canvas: &mut Canvas<'_>,
    left: u16,
    rows: Range<u16>,
) {
    let separator = canvas.theme.vertical_line();
    for y in rows.clone() {
        canvas.put(left, y, separator, Role::Plain);
    }
    canvas.put(left + 2, rows.start, "DETAILS", Role::Plain);
    let Some(number) = number.and_then(|id| app.number(&id)) else { return };
    let mut sheet = Sheet::for_column(canvas.width().saturating_sub(left + 2));
    add_details(&mut sheet, app, &number, now);
    add_history(&mut sheet, app, number.id);
    sheet.paint_lines(canvas, left + 2, rows.start + 2..rows.end, 0);
}

/// Adds the details of a number.
pub(super) fn add_details(sheet: &mut Sheet, app: &App, number: &Number, now: Instant) {
    let or_unknown = |value: &Option<CleanText>| value.as_ref().map_or("unknown", CleanText::as_str).to_owned();
    add_identity(sheet, number);
    sheet.optional_blank_line();
    let (_, two_step, role) = status::two_step_cell(number.two_step);
    let row = app.roster().get(&number.id);
    if let Some(stale) = row.filter(|row| row.is_stale) {
        let (_, previous, _) = status::two_step_cell(stale.number.two_step);
        sheet.styled_field("Two-step now", &format!("{two_step}; it was {previous}"), role);
        let at = number.read_at.map_or_else(|| "never".to_owned(), UtcTime::format_date_time);
        sheet.field("Refreshed", &format!("{at}, not since"));
    } else {
        sheet.styled_field("Two-step now", two_step, role);
        sheet.field("Refreshed", &number.read_at.map_or_else(|| "not yet".to_owned(), |at| at.to_string()));
    }
    sheet.optional_blank_line();
    sheet.field("Status", &or_unknown(&number.details.status));
    sheet.field("Ownership code", &or_unknown(&number.details.code_verification_status));
    sheet.field("Platform", &or_unknown(&number.details.platform_type));
    sheet.field("Quality", &or_unknown(&number.details.quality_rating));
    sheet.field("Name status", &or_unknown(&number.details.name_status));
    sheet.field("Account mode", &or_unknown(&number.details.account_mode));
    sheet.optional_blank_line();
    match app.roster().change(&number.id) {
        None => add_last_recorded(sheet, app, &number.id),
        Some(change) => add_last_request(sheet, change, now),
    }
}

/// Adds the last request of an earlier run or of another process with the same journal, if the history was read.
fn add_last_recorded(sheet: &mut Sheet, app: &App, id: &PhoneNumberId) {
    let recorded = app.history(id).and_then(|entries| entries.iter().find(|entry| entry.is_request));
    let text = recorded.map(|entry| format!("{}: {}", entry.at.format_date_time(), entry.description));
    sheet.field("Last request", text.as_deref().unwrap_or("none in this session"));
}

fn add_last_request(sheet: &mut Sheet, change: &ChangeState, now: Instant) {
    let (_, text, role) = status::request_cell(change, now);
    match change {
        ChangeState::Set(completion) => {
            let tries =
                if completion.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", completion.attempts) };
            sheet.styled_field("Last request", &format!("set at {}, {tries}", completion.at), role);
            sheet.optional_text("Last set here. Meta does not reveal whether it was changed elsewhere since.");
        }
        ChangeState::Resolved(completion, _) => {
            let summary = Explanation::for_change(change).map(|explanation| explanation.summary).unwrap_or_default();
            sheet.styled_field("Last request", &format!("{summary}, {}", completion.at.format_date_time()), role);
        }
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Paused { .. }
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(_) => sheet.styled_field("Last request", &text, role),
    }
}

/// Adds the history of a number, newest first, if it was read.
pub(super) fn add_history(sheet: &mut Sheet, app: &App, id: PhoneNumberId) {
    let Some(history) = app.history(&id) else { return };
    sheet.blank_line();
    sheet.styled_text("History", Role::Strong);
    if history.is_empty() {
        sheet.text("No changes recorded here.");
    }
    for entry in history {
        sheet.text(&format!("{}  {}  {}", entry.at.format_date_time(), entry.operator_label, entry.description));
    }
}

/// Adds the number that a question is about. These lines stay visible when the page scrolls.
pub(super) fn add_target(sheet: &mut Sheet, number: &Number) {
    sheet.add_sticky(|sheet| if sheet.is_compact() { sheet.text(number.label()) } else { add_identity(sheet, number) });
}

/// Adds the number, its name, its ID and its WABA.
fn add_identity(sheet: &mut Sheet, number: &Number) {
    sheet.field("Number", number.label());
    sheet.field("Name", number.name.as_ref().map_or("unknown", CleanText::as_str));
    sheet.field("phone number ID", number.id.as_str());
    let waba = number.waba.as_ref().map_or_else(
        || "not listed by a WABA".to_owned(),
        |waba| waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name}  {}", waba.id)),
    );
    sheet.field("WABA", &waba);
}
