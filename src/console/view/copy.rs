//! The pages that copy a value of a number. The copied text has its own lines, in case the terminal has no clipboard.
//!
//! They do not write to the clipboard: the runtime does.

use super::details::add_target;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::{CopiedPage, CopyPage};
use crate::console::input::keymap::{Action, Mode};

pub(super) fn menu(app: &App, page: &CopyPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Copy");
    if let Some(number) = app.roster().get(&page.id).map(|row| row.number) {
        add_target(&mut sheet, number);
        sheet.optional_blank_line();
    }
    let actions = [Action::CopyNumber, Action::CopyId, Action::CopyWaba, Action::CopyAll];
    for (keys, binding) in app.keymap().rows(Mode::Copy).filter(|(_, binding)| actions.contains(&binding.action)) {
        sheet.key_hint(&keys, binding.description);
    }
    sheet
}

pub(super) fn copied(app: &App, page: &CopiedPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Copied");
    sheet.text("Sent to your terminal's clipboard. If nothing arrives, select it here:");
    sheet.blank_line();
    for line in page.text.lines() {
        sheet.text(line);
    }
    sheet
}
