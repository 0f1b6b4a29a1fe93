//! The form for many numbers: its choices, what they leave out, and how many calls they take.
//!
//! It decides nothing, and claims nothing of the quota that Meta has not told.

use std::time::Instant;

use super::batch::{add_left_out, share_label, two_step_text};
use super::canvas::skip_columns;
use super::pin_form::{add_note, add_pin_fields};
use super::question::{add_target_notice, escrow_keys};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::many_pins::{FormRow, ManyPinsDraft, PinKind};
use crate::console::pages::many_pins::ManyPinsPage;
use crate::console::theme::Role;
use crate::domain::batch_plan::WabaShare;
use crate::domain::text::{count_numbers, format_count, width};
use crate::policy::quota::CallsLeft;

/// More WABAs are counted in one line.
const MAX_QUOTA_LINES: usize = 4;

pub(super) fn sheet(app: &App, page: &ManyPinsPage, now: Instant) -> Sheet {
    let draft = &page.draft;
    let plan = draft.frozen().plan();
    let mut sheet = Sheet::for_question(app, format!("Set PINs for {}", count_numbers(plan.count())));
    add_counts(&mut sheet, draft);
    sheet.optional_blank_line();
    add_pins(&mut sheet, draft, now);
    add_choices(&mut sheet, app, draft);
    add_note_field(&mut sheet, draft);
    if !sheet.is_compact() {
        sheet.blank_line();
        add_quota(&mut sheet, draft);
        sheet.blank_line();
    }
    add_escrow(&mut sheet, app, draft);
    if app.messages().current_hint().is_none() {
        add_target_notice(&mut sheet, app, None);
    }
    if let Some(answer) = page.answer.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(answer, Role::Strong);
    }
    sheet
}

fn add_counts(sheet: &mut Sheet, draft: &ManyPinsDraft) {
    let (batch, plan) = (draft.batch(), draft.frozen().plan());
    let selected = format_count(batch.candidates().len());
    let hidden = format_count(batch.hidden());
    if sheet.is_compact() {
        let left_out = format_count(plan.left_out());
        return sheet.text(&format!("{selected} selected, {left_out} left out, {hidden} hidden"));
    }
    let rest = format!("   {}   hidden {hidden}", two_step_text(batch.two_step()));
    sheet.state_field("Selected", &selected, Role::Strong, &rest);
    add_left_out(sheet, plan);
}

fn add_pins(sheet: &mut Sheet, draft: &ManyPinsDraft, now: Instant) {
    let is_current = draft.row == FormRow::Pins;
    let mark = |kind| if draft.pin_kind == kind { "(x)" } else { "( )" };
    if sheet.is_compact() {
        let kind = match draft.pin_kind {
            PinKind::Random => "different, random",
            PinKind::Same => "the same for all",
        };
        sheet.form_row(is_current, "PINs", kind);
    } else {
        let random = format!("{} a different random PIN for each number", mark(PinKind::Random));
        sheet.form_row(is_current, "PINs", &random);
        sheet.form_row(false, "", &format!("{} the same PIN for every number", mark(PinKind::Same)));
    }
    if draft.pin_kind == PinKind::Same {
        add_pin_fields(sheet, &draft.pin_form, draft.row == FormRow::Pin, now);
        add_note(sheet, draft.pin_form.note());
    }
}

fn add_choices(sheet: &mut Sheet, app: &App, draft: &ManyPinsDraft) {
    let check = |is_chosen| if is_chosen { "[x]" } else { "[ ]" };
    let tally = draft.batch().two_step();
    let [on, unknown] = [tally.on, tally.unknown].map(format_count);
    let is_compact = sheet.is_compact();
    let which = match (tally.unknown, is_compact) {
        (_, true) => format!("the {}", format_count(tally.on + tally.unknown)),
        (0, false) if tally.on == 1 => "also replace the PIN of the 1 that is on".to_owned(),
        (0, false) => format!("also replace the PINs of the {on} that are on"),
        (_, false) => format!("also replace the PINs of the {on} on, {unknown} unknown"),
    };
    let replace = format!("{} {which}", check(draft.replaces()));
    sheet.form_row(draft.row == FormRow::Replace, if is_compact { "Replace" } else { "Already on" }, &replace);
    let first = if is_compact { "send 1, then ask" } else { "send 1, then stop and ask" };
    sheet.form_row(draft.row == FormRow::First, "First", &format!("{} {first}", check(draft.sends_first)));
    if !is_compact {
        sheet.form_row(false, "In flight", &format!("{} at once", app.session().concurrency));
    }
}

fn add_note_field(sheet: &mut Sheet, draft: &ManyPinsDraft) {
    let is_current = draft.row == FormRow::Note;
    // The marker and the label.
    let start = if sheet.is_compact() { 18 } else { 20 };
    // The brackets, and the place behind the text.
    let columns = sheet.text_width().saturating_sub(start + 3).max(8);
    let scroll = draft.note.visual_scroll(columns);
    let shown = skip_columns(draft.note.value(), scroll);
    let shown = crate::domain::text::truncate(&shown, columns);
    sheet.form_row(is_current, "Note", &format!("[{shown}{}]", if is_current { "_" } else { "" }));
    if is_current {
        sheet.cursor_in_last_line(start + 1 + draft.note.visual_cursor().saturating_sub(scroll));
    }
}

/// Adds how many calls each WABA takes, and how many are left, as far as Meta told.
fn add_quota(sheet: &mut Sheet, draft: &ManyPinsDraft) {
    let wabas = draft.frozen().plan().wabas();
    let shown = &wabas[..wabas.len().min(MAX_QUOTA_LINES)];
    let name_columns = shown.iter().map(|share| width(share_label(share))).max().unwrap_or(0);
    let number_columns = shown.iter().map(|share| format_count(share.numbers).len()).max().unwrap_or(0);
    for (index, share) in shown.iter().enumerate() {
        let label = if index == 0 { "Quota" } else { "" };
        let name = share_label(share);
        let gap = " ".repeat(name_columns - width(name));
        let calls = format_count(share.numbers);
        let noun = if share.numbers == 1 { "call" } else { "calls" };
        let left = left_text(share, calls_left(draft, share));
        sheet.field(label, &format!("{name}{gap}  {calls:>number_columns$} {noun}, {left}"));
    }
    if wabas.len() > shown.len() {
        sheet.field("", &format!("and {} more WABAs", format_count(wabas.len() - shown.len())));
    }
}

fn calls_left(draft: &ManyPinsDraft, share: &WabaShare) -> Option<CallsLeft> {
    let id = share.waba.as_ref()?.id;
    draft.calls_left.iter().find(|(waba, _)| *waba == id)?.1
}

fn left_text(share: &WabaShare, left: Option<CallsLeft>) -> String {
    let Some(CallsLeft { left, per_hour }) = left else { return "how many are left is not known yet".to_owned() };
    let count = |calls: u64| format_count(usize::try_from(calls).unwrap_or(usize::MAX));
    let waits = if usize::try_from(left).is_ok_and(|left| left < share.numbers) { ": waits" } else { "" };
    // Meta tells a percentage. How many calls it is of is an estimate.
    format!("about {}/{} left{waits}", count(left), count(per_hour))
}

/// Adds where the PINs will be saved.
fn add_escrow(sheet: &mut Sheet, app: &App, draft: &ManyPinsDraft) {
    let what = match draft.pin_kind {
        PinKind::Random => "Each PIN is saved",
        PinKind::Same => "The PIN is saved",
    };
    match escrow_keys(app) {
        Some(keys) => sheet.optional_text(&format!("{what} to the escrow first ({keys} can open it).")),
        None if sheet.is_compact() => sheet.styled_text("No escrow: save it before you quit.", Role::Strong),
        None => sheet.styled_text("No escrow: this PIN is only in memory until you quit. Save it first.", Role::Strong),
    }
}
