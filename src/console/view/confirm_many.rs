//! The question before many PINs are sent: how many, which, what happens, and the field for the count.
//!
//! It does not decide whether the count is right: the page does.

use std::time::Instant;

use super::batch::{add_left_out, two_step_text, wabas_text};
use super::question::{add_target_notice, escrow_keys};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{ConfirmManyAction, table};
use crate::console::many_pins::PinKind;
use crate::console::pages::confirm_many::ConfirmManyPage;
use crate::console::shared::Environment;
use crate::console::theme::Role;
use crate::domain::clock::UtcTime;
use crate::domain::text::{count_numbers, format_count};
use crate::journal::RecentJob;

/// The most jobs that the question names, each with its count.
const MAX_RECENT_JOBS: usize = 2;

pub(super) fn sheet(app: &App, page: &ConfirmManyPage, now: Instant) -> Sheet {
    let mut sheet = Sheet::for_question(app, format!("Set PINs for {}?", count_numbers(page.count())));
    sheet.add_sticky(|sheet| add_list(sheet, page));
    add_pins(&mut sheet, app, page);
    sheet.optional_blank_line();
    add_consequences(&mut sheet, page);
    add_recent_jobs(&mut sheet, app, page);
    add_environment(&mut sheet, app);
    sheet.optional_blank_line();
    add_count_field(&mut sheet, page, now);
    sheet.text(page.answer(now).unwrap_or_default());
    sheet.keep_last_line_in_sight();
    if !sheet.is_compact() {
        let key = app.keymap().key_label(&table::CONFIRM_MANY, &ConfirmManyAction::ShowList);
        sheet.key_hint(&key, "show the whole list");
        sheet.blank_line();
        sheet.text("Esc goes back to the form. Nothing is sent.");
    }
    add_target_notice(&mut sheet, app, None);
    if let Some(notice) = page.notice.as_deref().filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(notice, Role::Strong);
    }
    sheet
}

/// Adds which numbers get a PIN, and which do not.
fn add_list(sheet: &mut Sheet, page: &ConfirmManyPage) {
    let plan = page.request.frozen.plan();
    let hidden = format_count(plan.hidden());
    if sheet.is_compact() {
        let left_out = format_count(plan.left_out());
        let wabas = plan.wabas().len();
        let noun = if wabas == 1 { "WABA" } else { "WABAs" };
        return sheet.text(&format!("In {wabas} {noun}, {hidden} hidden, {left_out} left out"));
    }
    let rest = format!("   {}", two_step_text(plan.two_step()));
    sheet.state_field("Numbers", &format_count(plan.count()), Role::Strong, &rest);
    sheet.field("WABAs", &wabas_text(plan));
    sheet.field("Hidden", &format!("{hidden} hidden by the filter"));
    add_left_out(sheet, plan);
}

fn add_pins(sheet: &mut Sheet, app: &App, page: &ConfirmManyPage) {
    let kind = match page.request.draft.pin_kind {
        PinKind::Random => "a random PIN for each",
        PinKind::Same => "the same PIN for all",
    };
    match escrow_keys(app) {
        Some(_) => sheet.optional_field("PINs", &format!("{kind}, saved to the escrow first")),
        None if sheet.is_compact() => sheet.styled_text("No escrow: save the PIN first.", Role::Strong),
        None => sheet.styled_field("PINs", &format!("{kind}. No escrow: save it before you quit."), Role::Strong),
    }
    if let Some(note) = page.request.draft.note_text() {
        sheet.optional_field("Note", note.as_str());
    }
}

/// Adds what the job does, and what it cannot undo.
fn add_consequences(sheet: &mut Sheet, page: &ConfirmManyPage) {
    let tally = page.request.frozen.plan().two_step();
    let count = format_count(page.count());
    if tally.on + tally.unknown > 0 {
        let [on, unknown] = [tally.on, tally.unknown].map(format_count);
        let text = match (sheet.is_compact(), tally.on, tally.unknown) {
            (true, _, 0) => format!(" ! Old PINs of {on} stop working "),
            (true, _, _) => format!(" ! Old PINs of {on} + {unknown}? stop working "),
            (false, 1, 0) => " ! The old PIN of 1 number stops working at once ".to_owned(),
            (false, _, 0) => format!(" ! The old PINs of {on} numbers stop working at once "),
            (false, _, _) => format!(" ! Old PINs stop working at once: {on} on, {unknown} unknown "),
        };
        sheet.push_line(vec![(text, Role::WarningBadge)]);
    }
    if sheet.is_compact() {
        sheet.text("pindesk cannot turn it off.");
    } else {
        sheet.text(&format!(
            "After this two-step verification is on for all {count}. pindesk cannot turn it off: only WhatsApp Manager \
             can, number by number."
        ));
        sheet.text("The list is fixed: numbers found later are not added.");
    }
    if page.request.send_first().is_some() {
        sheet.optional_text("pindesk sends 1 PIN first, then stops and asks.");
    }
}

/// Adds which jobs set some of the numbers lately: the list may be chosen twice by mistake. Many jobs are told in one
/// line, so that none of their numbers is left out.
fn add_recent_jobs(sheet: &mut Sheet, app: &App, page: &ConfirmManyPage) {
    let time = |at: UtcTime| {
        if at.day() == app.utc_now().day() { at.format_hour_minute() } else { at.format_date_time() }
    };
    let were = |count: usize| format!("{} of them {}", format_count(count), if count == 1 { "was" } else { "were" });
    let mut jobs = page.recent.newest_first();
    if jobs.len() > MAX_RECENT_JOBS {
        let (numbers, count) = (were(page.recent.numbers()), jobs.len());
        let last = jobs.map(|job| job.last).max().map(time).unwrap_or_default();
        let text = format!("{numbers} set by {count} jobs in the last 24 hours, the last at {last} UTC.");
        return sheet.styled_text(&text, Role::Strong);
    }
    for RecentJob { job, count, last } in jobs.by_ref() {
        let text = format!("{} set by job {job} at {} UTC.", were(count), time(last));
        sheet.styled_text(&text, Role::Strong);
    }
}

/// Adds what the job reaches, and what happens to it if the line drops.
fn add_environment(sheet: &mut Sheet, app: &App) {
    sheet.optional_text(match app.session().environment {
        Environment::Live => "LIVE: this reaches real numbers.",
        Environment::Test => "TEST: these numbers are called a test in the config.",
        Environment::Demo => "DEMO: made-up numbers, nothing leaves this machine.",
    });
    if !app.session().is_in_multiplexer {
        sheet.optional_text(
            "You are not inside tmux or screen. If the line drops, the job stops safely and you can resume it.",
        );
    }
}

/// Adds the field for the count.
fn add_count_field(sheet: &mut Sheet, page: &ConfirmManyPage, now: Instant) {
    let label = if sheet.is_compact() { "How many, then Enter" } else { "Type how many numbers, then Enter" };
    sheet.digits_field(label, page.typed.as_str(), page.count().to_string().len(), page.is_pausing(now));
}
