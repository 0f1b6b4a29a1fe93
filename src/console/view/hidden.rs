//! The hidden screen: how much work goes on, and not one number or name.

use super::quit::requests_label;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::HiddenPage;
use crate::domain::text::{format_count, format_duration};

pub(super) fn sheet(app: &App, page: &HiddenPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Screen hidden");
    match page.idle_time {
        Some(after) => sheet.text(&format!("Hidden after {} without a key.", format_duration(after))),
        None => sheet.text("Hidden by a key."),
    }
    sheet.optional_blank_line();
    let (in_doubt, kept) = (app.in_doubt_list().number_count(), app.pins_only_in_memory().len());
    if app.running_count() > 0 {
        sheet.text(&format!("Work goes on: {}", requests_label(app)));
    }
    if in_doubt > 0 {
        sheet.text(&format!("In doubt: {}.", format_count(in_doubt)));
    }
    if kept > 0 {
        sheet.text(&format!("PINs in doubt kept in memory: {}. The escrow does not have them.", format_count(kept)));
    }
    sheet.text(if page.is_reading_token {
        "Reading the access token from its source."
    } else if app.refresh_progress().is_running {
        "The list is read to its end. Then the access token is dropped: to show the screen, it is read again."
    } else if app.running_count() > 0 {
        "The access token is dropped when that is done: to show the screen, it is read again."
    } else {
        "The access token was dropped: to show the screen, it is read again."
    });
    sheet.optional_blank_line();
    sheet.key_hint("Enter", "show the screen");
    sheet.key_hint("Ctrl-C", "quit (asks if work is unfinished)");
    sheet
}
