//! The page with every message of this session, newest first.
//!
//! It does not show hints: they disappear with the next key.

use super::sheet::Sheet;
use crate::console::app::App;

pub(super) fn sheet(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "Messages");
    if app.messages().newest_first().len() == 0 {
        sheet.text("No messages yet.");
    }
    for message in app.messages().newest_first() {
        sheet.text(&format!("{}  {}", message.at, message.text));
    }
    sheet
}
