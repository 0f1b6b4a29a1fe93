//! The hidden screen: how much work goes on, and not one number or name.

use super::quit::requests;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::HiddenPage;
use crate::text::{format_count, format_duration};

pub(super) fn sheet(app: &App, page: &HiddenPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Screen hidden");
    match page.after {
        Some(after) => sheet.text(&format!("Hidden after {} without a key.", format_duration(after))),
        None => sheet.text("Hidden by a key."),
    }
    sheet.extra_gap();
    let (in_doubt, kept) = (app.review().numbers(), app.only_in_memory().len());
    if app.running() > 0 {
        sheet.text(&format!("Work goes on: {}", requests(app)));
    }
    if in_doubt > 0 {
        sheet.text(&format!("In doubt: {}.", format_count(in_doubt)));
    }
    if kept > 0 {
        sheet.text(&format!("PINs in doubt kept in memory: {}. The escrow does not have them.", format_count(kept)));
    }
    sheet.text(if page.is_reading {
        "Reading the access token from its source."
    } else if app.reading().is_running {
        "The list is read to its end. Then the access token is dropped: to show the screen, it is read again."
    } else if app.running() > 0 {
        "The access token is dropped when that is done: to show the screen, it is read again."
    } else {
        "The access token was dropped: to show the screen, it is read again."
    });
    sheet.extra_gap();
    sheet.key("Enter", "show the screen");
    sheet.key("Ctrl-C", "quit (asks if work is unfinished)");
    sheet
}
