//! The details of one number, beside the list or on a page.
//!
//! They show only what the app knows: nothing is refreshed for them.

use std::ops::Range;
use std::time::Instant;

use super::canvas::Canvas;
use super::question::add_last_set;
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::shared::PAGE_WIDTH_BESIDE_PANE;
use crate::console::theme::Role;
use crate::domain::change::ChangeState;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

/// The number of columns between the separator of a pane and its text.
pub(super) const PANE_INDENT: u16 = 2;

/// The widest pane beside a page. What it shows is not longer.
const MAX_PAGE_PANE_WIDTH: u16 = 100;

/// Draws the pane beside the list, with the details of a number, into the columns from `left` on.
pub(super) fn paint_list_pane(
    app: &App,
    number: Option<PhoneNumberId>,
    canvas: &mut Canvas<'_>,
    left: u16,
    rows: Range<u16>,
) {
    draw_separator(canvas, left, rows.clone());
    let Some(number) = number.and_then(|id| app.number(&id)) else { return };
    let mut sheet = Sheet::for_column(canvas.width().saturating_sub(left + PANE_INDENT));
    sheet.styled_text(number.label(), Role::Strong);
    sheet.styled_text(number.name.as_ref().map_or("", CleanText::as_str), Role::Strong);
    sheet.push_blank_line();
    add_two_step(&mut sheet, app, &number, UtcTime::format_time);
    add_last_set(&mut sheet, app, &number.id);
    add_due(&mut sheet, app, &number);
    add_pin_location(&mut sheet, app, &number);
    // The line above says that it was never set here.
    if app.history(&number.id).is_some_and(|history| !history.is_empty()) || app.roster().change(&number.id).is_some() {
        add_history(&mut sheet, app, number.id);
    }
    add_whatsapp(&mut sheet, &number);
    sheet.blank_line();
    sheet.field("phone number ID", number.id.as_str());
    sheet.field("WABA", &waba_label(&number));
    sheet.paint_lines(canvas, left + PANE_INDENT, rows, 0);
}

/// Draws the pane beside the page of a number: who set it and when, while the operator decides.
pub(super) fn paint_page_pane(app: &App, id: PhoneNumberId, canvas: &mut Canvas<'_>) {
    paint_beside_page(canvas, |sheet, _| {
        let Some(number) = app.number(&id) else { return };
        add_history(sheet, app, id);
        add_whatsapp(sheet, &number);
    });
}

/// Draws a pane beside a page. `add` gets its sheet, and how many lines it has room for.
pub(super) fn paint_beside_page(canvas: &mut Canvas<'_>, add: impl FnOnce(&mut Sheet, usize)) {
    let (left, rows) = (PAGE_WIDTH_BESIDE_PANE, 2..canvas.height().saturating_sub(2));
    draw_separator(canvas, left, rows.clone());
    let width = canvas.width().saturating_sub(left).min(MAX_PAGE_PANE_WIDTH);
    let mut sheet = Sheet::for_column(width.saturating_sub(PANE_INDENT));
    let rows = rows.start + 1..rows.end;
    add(&mut sheet, rows.len());
    sheet.paint_lines(canvas, left + PANE_INDENT, rows, 0);
}

/// Draws the line between the list and the pane beside it.
pub(super) fn draw_separator(canvas: &mut Canvas<'_>, left: u16, rows: Range<u16>) {
    let separator = canvas.theme.vertical_line();
    for y in rows {
        canvas.put(left, y, separator, Role::Quiet);
    }
}

/// Adds the details of a number.
pub(super) fn add_details(sheet: &mut Sheet, app: &App, number: &Number, now: Instant) {
    // A small window has no room for the time zone, which is always UTC.
    let is_compact = sheet.is_compact();
    add_two_step(sheet, app, number, |at| if is_compact { at.format_time() } else { at.to_string() });
    add_last_set(sheet, app, &number.id);
    match app.roster().change(&number.id) {
        None => add_last_recorded(sheet, app, &number.id),
        Some(change) => add_last_request(sheet, change, now, app.utc_now()),
    }
    add_due(sheet, app, number);
    add_pin_location(sheet, app, number);
    if !app.has_page_pane() {
        add_history(sheet, app, number.id);
        add_whatsapp(sheet, number);
    }
    sheet.blank_line();
    sheet.styled_text("IDs", Role::Strong);
    sheet.field("phone number ID", number.id.as_str());
    sheet.field("WABA", &waba_label(number));
}

/// Adds what Meta last reported, and when.
pub(super) fn add_two_step(sheet: &mut Sheet, app: &App, number: &Number, format: impl Fn(UtcTime) -> String) {
    let (_, two_step, role) = status::two_step_cell(number.two_step);
    sheet.state_field("Two-step", two_step, role, &format!(", {}", status::two_step_age(app, number, format)));
    let last_set = app.roster().get(&number.id).and_then(|row| row.last_set);
    if last_set.is_some_and(|last_set| last_set.was_turned_off(number.two_step, number.read_at)) {
        sheet.styled_field("Turned off", "outside pindesk, after it was last set here", Role::Strong);
    }
}

/// Adds where the PIN is that was last set here: the commonest question.
fn add_pin_location(sheet: &mut Sheet, app: &App, number: &Number) {
    let last_set = app.roster().get(&number.id).and_then(|row| row.last_set);
    match last_set.and_then(|last_set| last_set.escrow_keys) {
        None => {}
        Some(1) => sheet.field("PIN", "in the escrow, 1 key"),
        Some(keys) => sheet.field("PIN", &format!("in the escrow, {keys} keys")),
    }
}

/// Adds whether the PIN is due to be replaced, if the config says when it is.
fn add_due(sheet: &mut Sheet, app: &App, number: &Number) {
    let (Some(rotation), Some(row)) = (app.session().rotation, app.roster().get(&number.id)) else { return };
    let days = rotation.days;
    match (row.is_due, row.last_set) {
        (true, Some(_)) => sheet.styled_field("Due", &format!("yes, older than {days} days"), Role::Strong),
        (true, None) => sheet.styled_field("Due", "yes, never set here", Role::Strong),
        (false, _) => sheet.field("Due", "no"),
    }
}

/// Adds what WhatsApp reports of the number besides two-step verification.
fn add_whatsapp(sheet: &mut Sheet, number: &Number) {
    let or_unknown = |value: &Option<CleanText>| value.as_ref().map_or("unknown", CleanText::as_str).to_owned();
    sheet.blank_line();
    sheet.styled_text("WhatsApp", Role::Strong);
    sheet.field("Status", &or_unknown(&number.details.status));
    sheet.field("Quality", &or_unknown(&number.details.quality_rating));
    sheet.field("Ownership code", &or_unknown(&number.details.code_verification_status));
    sheet.field("Platform", &or_unknown(&number.details.platform_type));
    sheet.field("Name status", &or_unknown(&number.details.name_status));
    sheet.field("Account mode", &or_unknown(&number.details.account_mode));
}

/// Adds the last request of an earlier run or of another process with the same journal, if the history was read.
fn add_last_recorded(sheet: &mut Sheet, app: &App, id: &PhoneNumberId) {
    let recorded = app.history(id).and_then(|entries| entries.iter().find(|entry| entry.is_request));
    let text = recorded.map(|entry| format!("{}: {}", entry.at.format_date_time(), entry.description));
    sheet.field("Last request", text.as_deref().unwrap_or("none in this session"));
}

fn add_last_request(sheet: &mut Sheet, change: &ChangeState, now: Instant, utc_now: UtcTime) {
    let (_, text, role) = status::request_cell(change, now, utc_now);
    match change {
        ChangeState::Set(completion) => {
            let tries =
                if completion.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", completion.attempts) };
            let is_today = completion.at.day() == utc_now.day();
            let at = if is_today { completion.at.to_string() } else { completion.at.format_date_time() };
            sheet.styled_field("Last request", &format!("set at {at}, {tries}"), role);
            sheet.optional_text("Meta does not reveal whether it was changed elsewhere since.");
        }
        ChangeState::Resolved(_, end) => {
            let summary = Explanation::for_change(change).map(|explanation| explanation.summary).unwrap_or_default();
            sheet.styled_field("Last request", &format!("{summary}, {}", end.at.format_date_time()), role);
        }
        ChangeState::Waiting { .. } => {
            sheet.styled_field("Last request", &text, role);
            if let Some(explanation) = Explanation::for_change(change) {
                sheet.field("Reason", &explanation.reason);
            }
        }
        ChangeState::Queued
        | ChangeState::Sending { .. }
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
    let current = app.roster().change(&id).and_then(|change| current_entry(change, history.is_empty()));
    if history.is_empty() {
        sheet.styled_text("History", Role::Strong);
        sheet.text(current.as_deref().unwrap_or("No changes recorded here."));
        return;
    }
    sheet.push_line(vec![("History".to_owned(), Role::Strong), (", newest first, UTC".to_owned(), Role::Plain)]);
    if let Some(current) = current {
        sheet.text(&current);
    }
    for entry in history {
        sheet.text(&format!("{}  {}  {}", entry.at.format_short(), entry.description, entry.operator_label));
    }
}

/// What a history does not have yet: the change in progress; or, in an empty one, the change that has just ended.
fn current_entry(change: &ChangeState, is_empty: bool) -> Option<String> {
    let so_far = |in_doubt| if in_doubt { "an earlier try got no answer" } else { "nothing was applied so far" };
    let text = match change {
        ChangeState::Queued => "Queued: not sent yet".to_owned(),
        ChangeState::Sending { attempt, .. } => format!("Sending: try {attempt}, no answer yet"),
        ChangeState::Waiting { attempt, in_doubt, .. } => {
            format!("Waiting for try {attempt}: {}", so_far(*in_doubt))
        }
        ChangeState::Paused { until, in_doubt } => {
            format!("Paused until {}: {}", until.utc, so_far(*in_doubt))
        }
        ChangeState::Resolved(_, end) => format!("{}  resolved", end.at.format_short()),
        ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::InDoubt(_) => {
            format!("{}  {}", change.ended_at()?.format_short(), change.result()?.label())
        }
    };
    (is_empty || change.is_running()).then_some(text)
}

/// The WABA of a number, in words.
pub(super) fn waba_label(number: &Number) -> String {
    number.waba.as_ref().map_or_else(
        || "not listed by a WABA".to_owned(),
        |waba| waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name}  {}", waba.id)),
    )
}
