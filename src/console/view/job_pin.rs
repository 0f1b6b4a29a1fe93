//! The form for the PIN of a job, before what is left of it is sent.

use std::time::Instant;

use super::pin_form::{add_note, add_pin_fields};
use super::question::{add_target_notice, escrow_keys};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::job_pin::JobPinPage;
use crate::console::theme::Role;
use crate::domain::text::count_numbers;

pub(super) fn sheet(app: &App, page: &JobPinPage, now: Instant) -> Sheet {
    let (job, numbers) = (page.remainder.job, count_numbers(page.remainder.count()));
    let mut sheet = Sheet::for_question(app, format!("The PIN of job {job}, for {numbers}"));
    sheet.text("Type the PIN that the job sets.");
    sheet.optional_text("pindesk stores no PIN that it can read, so it cannot check that this is the same one.");
    sheet.optional_blank_line();
    add_pin_fields(&mut sheet, &page.form, true, now);
    add_note(&mut sheet, page.form.note());
    sheet.optional_blank_line();
    match escrow_keys(app) {
        Some(keys) => sheet.optional_text(&format!("The PIN is saved to the escrow first ({keys} can open it).")),
        None => sheet.styled_text("No escrow: save this PIN before you quit.", Role::Strong),
    }
    if app.messages().current_hint().is_none() {
        add_target_notice(&mut sheet, app, None);
    }
    sheet
}
