//! The hidden screen: it says how much work is in progress, and never shows a number or a name.

use super::quit::{WorkCounts, requests_label};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::hidden::HiddenPage;
use crate::console::shared::{JobPhase, OwnJob};
use crate::console::theme::Role;
use crate::domain::text::{format_count, format_duration};

pub(super) fn sheet(app: &App, page: &HiddenPage) -> Sheet {
    let mut sheet = Sheet::new(app, "");
    let how = match page.idle_time {
        Some(idle_time) => format!("Hidden after {} without a key.", format_duration(idle_time)),
        None => "You hid the screen.".to_owned(),
    };
    sheet.styled_text(&format!("{how} This is not a lock."), Role::Strong);
    sheet.optional_blank_line();
    let (in_doubt, only_in_memory) = (app.in_doubt_list().number_count(), app.pins_only_in_memory().len());
    let waits_for_operator = add_work(&mut sheet, app);
    if in_doubt > 0 {
        sheet.text(&format!("In doubt: {}.", format_count(in_doubt)));
    }
    if app.in_doubt_list().has_pins_only_in_escrow() {
        sheet.text("PINs in the escrow are no longer in memory, and cannot be sent again.");
    }
    if only_in_memory > 0 {
        let count = format_count(only_in_memory);
        sheet.text(&format!("PINs in doubt, only in memory: {count}. The escrow does not have them."));
    }
    sheet.text(if page.is_reading_token {
        "Reading the access token from its source."
    } else if waits_for_operator {
        "The access token stays in memory until all of this is done."
    } else if app.refresh_progress().is_running {
        "The refresh continues. Then pindesk drops the access token, and reloads it to show the screen."
    } else if app.running_count() > 0 {
        "When that is done pindesk drops the access token, and reloads it to show the screen."
    } else {
        "pindesk dropped the access token, and reloads it to show the screen."
    });
    sheet.optional_blank_line();
    sheet.key_hint("Enter", "show the screen");
    sheet.key_hint("q", "quit (asks if work is unfinished)");
    sheet
}

/// Adds what goes on behind the hidden screen. True if some of it waits for the operator, so that it does not end by
/// itself.
fn add_work(sheet: &mut Sheet, app: &App) -> bool {
    let all = WorkCounts::of(app);
    if all.running == 0 {
        return false;
    }
    let held: Vec<_> = app.own_jobs().worked_on().filter(|job| job.is_held() || job.is_paused()).collect();
    let held_count = held.iter().map(|job| job.counts().get(JobPhase::Queued)).sum::<usize>().min(all.queued);
    let others = WorkCounts { running: all.running - held_count, queued: all.queued - held_count };
    if others.running > 0 {
        sheet.text(&format!("Work continues: {}", requests_label(others)));
    }
    if held_count > 0 {
        let requests = requests_label(WorkCounts { running: held_count, queued: held_count });
        sheet.text(&format!("{}: {requests} Nothing of this is sent until you continue.", who_waits(&held)));
    }
    held_count > 0
}

fn who_waits(held: &[&OwnJob]) -> String {
    match held {
        [job] if job.is_held() => format!("Job {} waits for you", job.id),
        [job] => format!("Job {} is paused", job.id),
        jobs => format!("{} jobs wait for you", format_count(jobs.len())),
    }
}
