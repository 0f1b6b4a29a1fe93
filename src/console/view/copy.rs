//! The pages that copy a value of a number. The copied text has its own lines, in case the terminal has no clipboard.
//!
//! They do not write to the clipboard: the runtime does.

use super::details::add_target;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{CopyAction, table};
use crate::console::pages::copied::CopiedPage;
use crate::console::pages::copy::CopyPage;

pub(super) fn menu(app: &App, page: &CopyPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Copy");
    if let Some(number) = app.roster().get(&page.id).map(|row| row.number) {
        add_target(&mut sheet, number);
        sheet.optional_blank_line();
    }
    for binding in table::COPY_MENU.bindings.iter().filter(|binding| binding.action != CopyAction::Back) {
        sheet.key_hint(&app.keymap().keys_label(table::COPY_MENU.mode, &binding.row), binding.row.description);
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
