//! The question before what is left of a job is sent: how many numbers, what they get, and what that replaces.

use std::time::Instant;

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::job_resume::JobResumePage;
use crate::console::theme::Role;
use crate::domain::number::TwoStep;
use crate::domain::text::format_count;

pub(super) fn sheet(app: &App, page: &JobResumePage, now: Instant) -> Sheet {
    let request = &page.request;
    let (id, count) = (request.job, request.targets.len());
    let heading =
        if request.have_failed { format!("Retry what failed in job {id}?") } else { format!("Resume job {id}?") };
    let mut sheet = Sheet::for_question(app, heading);
    let what = if count == 1 {
        "1 number gets a new random PIN.".to_owned()
    } else {
        format!("{} numbers get a new random PIN each.", format_count(count))
    };
    sheet.add_sticky(|sheet| sheet.styled_text(&what, Role::Strong));
    let keys = app.recording_status().escrow_keys().unwrap_or_default();
    let openers = if keys == 1 { "1 key can open it".to_owned() } else { format!("{keys} keys can open it") };
    sheet.optional_text(&format!(
        "Each is saved to the escrow first ({openers}). Numbers that are set are not sent again."
    ));
    if request.set_since > 0 {
        let others = format_count(request.set_since);
        sheet.text(&format!("Left out: {others}, because a PIN was set there after the job began."));
    }
    sheet.optional_blank_line();
    let in_state = |state| request.targets.iter().filter(|target| target.two_step == state).count();
    let (on, not_set, unknown) = (in_state(TwoStep::On), in_state(TwoStep::NotSet), in_state(TwoStep::Unknown));
    let [on_label, not_set, unknown_label] = [on, not_set, unknown].map(format_count);
    sheet.field("Two-step now", &format!("not set {not_set}, on {on_label}, unknown {unknown_label}"));
    if on + unknown > 0 {
        sheet.optional_text("Where a PIN is set, it stops working at once. pindesk cannot undo this.");
    }
    sheet.blank_line();
    sheet.digits_field(
        "Type the count, then Enter",
        page.typed.as_str(),
        count.to_string().len(),
        page.is_pausing(now),
    );
    if let Some(answer) = page.answer(now).filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(answer, Role::Strong);
    }
    sheet
}
