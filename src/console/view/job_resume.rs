//! The question before what is left of a job is sent: how many numbers, what they get, and what that replaces.

use std::time::Instant;

use super::question::escrow_keys;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::job_resume::JobResumePage;
use crate::console::theme::Role;
use crate::domain::pin::PinChoice;
use crate::domain::text::{count_numbers, format_count};

pub(super) fn sheet(app: &App, page: &JobResumePage, now: Instant) -> Sheet {
    let remainder = &page.request.remainder;
    let (id, count) = (remainder.job, page.count());
    let heading =
        if remainder.have_failed { format!("Retry what failed in job {id}?") } else { format!("Resume job {id}?") };
    let mut sheet = Sheet::for_question(app, heading);
    let numbers = count_numbers(count);
    let what = match (&page.request.pins, count) {
        (PinChoice::Random | PinChoice::Drawn(_), 1) => format!("{numbers} gets a new random PIN."),
        (PinChoice::Random | PinChoice::Drawn(_), _) => format!("{numbers} get a new random PIN each."),
        (PinChoice::Fixed(_), 1) => format!("{numbers} gets the PIN that you typed."),
        (PinChoice::Fixed(_), _) => format!("{numbers} get the PIN that you typed."),
    };
    sheet.add_sticky(|sheet| sheet.styled_text(&what, Role::Strong));
    match escrow_keys(app) {
        Some(keys) => sheet.optional_text(&format!(
            "Each is saved to the escrow first ({keys} can open it). Numbers that are set are not sent again."
        )),
        None => sheet.styled_text("No escrow: save this PIN before you quit.", Role::Strong),
    }
    if remainder.set_since > 0 {
        let others = format_count(remainder.set_since);
        sheet.text(&format!("Left out: {others}, because a PIN was set there after the job began."));
    }
    sheet.optional_blank_line();
    let tally = remainder.frozen().plan().two_step();
    let [on, not_set, unknown] = [tally.on, tally.not_set, tally.unknown].map(format_count);
    sheet.field("Two-step now", &format!("not set {not_set}, on {on}, unknown {unknown}"));
    if tally.on + tally.unknown > 0 {
        sheet.optional_text("Where a PIN is set, it stops working at once. pindesk cannot undo this.");
    }
    sheet.blank_line();
    sheet.digits_field(
        "Type the count, then Enter",
        page.typed.as_str(),
        count.to_string().len(),
        page.is_pausing(now),
    );
    sheet.text(page.answer(now).unwrap_or_default());
    sheet.keep_last_line_in_sight();
    if let Some(notice) = page.notice.as_deref().filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(notice, Role::Strong);
    }
    sheet
}
