//! The PIN form: two fields of six boxes. It shows digits only if the operator asks for them.
//!
//! It does not check the PIN: `console::pin_form` does.

use std::time::Instant;

use super::question::{add_doubt, add_last_set, add_target_notice, add_two_step, escrow_keys, sheet_about};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::pin_form::PinFormPage;
use crate::console::pin_form::{PinCell, PinField, PinForm, PinFormNote, PinOrigin};
use crate::console::shared::TargetNotice;
use crate::console::theme::{Role, Theme};
use crate::domain::number::TwoStep;

pub(super) fn sheet(app: &App, page: &PinFormPage, theme: Theme, now: Instant) -> Sheet {
    let target = page.targets.first();
    let verb = if target.two_step == TwoStep::On { "Replace" } else { "Set" };
    let mut sheet = sheet_about(app, target, format!("{verb} the PIN of {}", target.label()));
    add_two_step(&mut sheet, app, target, theme);
    add_doubt(&mut sheet, app, &target.id);
    add_last_set(&mut sheet, app, &target.id);
    sheet.optional_blank_line();
    add_pin_fields(&mut sheet, &page.form, true, now);
    sheet.optional_blank_line();
    add_note(&mut sheet, page.form.note());
    add_escrow_notice(&mut sheet, app);
    if app.messages().current_hint().is_none() {
        let notice = if app.is_unlisted(target) { Some(&TargetNotice::Unlisted) } else { page.notice.as_ref() };
        add_target_notice(&mut sheet, app, notice);
    }
    sheet
}

/// Adds the line that changes with each key. It is always in the same place.
pub(super) fn add_note(sheet: &mut Sheet, note: PinFormNote) {
    let is_warning = matches!(note, PinFormNote::Refused(_) | PinFormNote::ConfirmWeak(_));
    sheet.styled_text(&note.text(), if is_warning { Role::Strong } else { Role::Plain });
}

/// Adds where the PIN will be saved. Nothing is encrypted yet when the operator reads it.
fn add_escrow_notice(sheet: &mut Sheet, app: &App) {
    match escrow_keys(app) {
        Some(keys) => sheet.optional_text(&format!("Saved to the escrow first ({keys} can open it).")),
        None if sheet.is_compact() => sheet.styled_text("No escrow: save it before you quit.", Role::Strong),
        None => sheet.styled_text("No escrow: this PIN is only in memory until you quit. Save it first.", Role::Strong),
    }
}

/// Adds both fields. `has_focus` if the terminal's cursor is in one of them.
pub(super) fn add_pin_fields(sheet: &mut Sheet, form: &PinForm, has_focus: bool, now: Instant) {
    add_pin_field(sheet, form, PinField::New, has_focus, now);
    add_pin_field(sheet, form, PinField::Repeat, has_focus, now);
}

fn add_pin_field(sheet: &mut Sheet, form: &PinForm, field: PinField, has_focus: bool, now: Instant) {
    let label = match field {
        PinField::New => "New PIN",
        PinField::Repeat => "PIN again",
    };
    let is_compact = sheet.is_compact();
    let label_width = if is_compact { 11 } else { 18 };
    if field == PinField::Repeat && !form.needs_repeat() {
        let text = if is_compact { "not needed" } else { "not needed: the escrow keeps it" };
        return sheet.push_line(vec![(format!("{label:<label_width$}{text}"), Role::Plain)]);
    }
    let remark = remark(form, field, is_compact, now);
    // A small window has no room for both the blanks and the remark.
    let gap = if is_compact && !remark.is_empty() { "" } else { " " };
    let cells = form.cells(field, now);
    if has_focus && field == form.field() {
        let active = cells.iter().position(|cell| *cell == PinCell::Next).unwrap_or(cells.len() - 1);
        sheet.cursor_on_next_line(label_width + active * (3 + gap.len()) + 1);
    }
    let mut parts = vec![(format!("{label:<label_width$}"), Role::Plain)];
    for (index, cell) in cells.into_iter().enumerate() {
        let (content, role) = match cell {
            PinCell::Empty => (' ', Role::Plain),
            PinCell::Next => ('_', Role::Plain),
            PinCell::Hidden => ('*', Role::Strong),
            PinCell::Shown(digit) => (digit, Role::Strong),
        };
        let start = if index == 0 { "[".to_owned() } else { format!("{gap}[") };
        parts.extend([(start, Role::Plain), (content.to_string(), role), ("]".to_owned(), Role::Plain)]);
    }
    parts.push((remark, Role::Plain));
    sheet.push_line(parts);
}

/// What stands beside the first field: how long its PIN is shown, or that it is random.
fn remark(form: &PinForm, field: PinField, is_compact: bool, now: Instant) -> String {
    match (field, form.seconds_until_hidden(now), form.origin()) {
        (PinField::Repeat, _, _) | (PinField::New, None, PinOrigin::Typed) => String::new(),
        (PinField::New, Some(seconds), _) if is_compact => format!(" hides {seconds}s"),
        (PinField::New, Some(seconds), _) => format!("   hides in {seconds} s"),
        (PinField::New, None, _) if is_compact => " random".to_owned(),
        (PinField::New, None, _) => "   random".to_owned(),
    }
}
