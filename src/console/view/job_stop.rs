//! The question before a job is stopped: which numbers it does not send, and which requests cannot be stopped.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::job_stop::JobStopPage;
use crate::console::shared::{JobPhase, OwnJob};
use crate::console::theme::Role;
use crate::domain::text::format_count;

pub(super) fn sheet(app: &App, page: &JobStopPage) -> Sheet {
    let Some(counts) = app.own_jobs().get(page.id).map(OwnJob::counts) else {
        let mut sheet = Sheet::for_question(app, format!("Job {} has ended", page.id));
        sheet.text("Nothing is left to stop.");
        return sheet;
    };
    let mut sheet = Sheet::for_question(app, format!("Stop job {}?", page.id));
    let unsent = counts.get(JobPhase::Queued) + counts.get(JobPhase::Waiting);
    sheet.styled_text(
        &format!("{} of {} numbers are not sent.", format_count(unsent), format_count(counts.total())),
        Role::Strong,
    );
    sheet.text(&format!("Requests in flight end by themselves: {}.", format_count(counts.get(JobPhase::Sending))));
    let in_doubt = counts.get(JobPhase::WaitingInDoubt);
    if in_doubt > 0 {
        sheet.text(&format!(
            "Not sent again, and in doubt, because a request had no answer: {}.",
            format_count(in_doubt)
        ));
    }
    sheet.optional_blank_line();
    sheet.optional_text("The job can be resumed later. What was set stays set.");
    sheet
}
