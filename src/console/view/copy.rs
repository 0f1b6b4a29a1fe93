//! The pages that copy a value of a number. The copied text has its own lines, in case the terminal has no clipboard.
//!
//! They do not write to the clipboard: the runtime does.

use super::question::sheet_about;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::effect::MAX_CLIPBOARD_BYTES;
use crate::console::input::keymap::{CopyAction, table};
use crate::console::pages::copied::CopiedPage;
use crate::console::pages::copy::CopyPage;
use crate::domain::text;

pub(super) fn menu(app: &App, page: &CopyPage) -> Sheet {
    let mut sheet = match app.roster().get(&page.id) {
        Some(row) => sheet_about(app, &row.number, format!("Copy a value of {}", row.number.label())),
        None => Sheet::new(app, "Copy a value"),
    };
    let is_shown = |action| match action {
        CopyAction::Number | CopyAction::Id | CopyAction::Waba | CopyAction::All => true,
        CopyAction::EscrowCommand => app.has_escrow(),
        CopyAction::HideScreen | CopyAction::Back => false,
    };
    for binding in table::COPY_MENU.bindings.iter().filter(|binding| is_shown(binding.action)) {
        sheet.key_hint(&app.keymap().keys_label(table::COPY_MENU.mode, &binding.row), binding.row.description);
    }
    sheet
}

pub(super) fn copied(app: &App, page: &CopiedPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Copied");
    sheet.text(if page.copied.text.len() <= MAX_CLIPBOARD_BYTES {
        "Sent to your terminal's clipboard. If nothing arrives, select it here:"
    } else {
        "Too long for your terminal's clipboard. Select it here:"
    });
    sheet.blank_line();
    for line in page.copied.text.lines() {
        if page.copied.is_command && text::width(line) > sheet.text_width() {
            add_command(&mut sheet, line);
        } else {
            sheet.text(line);
        }
    }
    for note in &page.copied.notes {
        sheet.blank_line();
        sheet.text(note);
    }
    sheet
}

/// Adds a command that needs several lines, so that a shell reads the selected lines as one.
fn add_command(sheet: &mut Sheet, command: &str) {
    let mut options = command.split(" --").peekable();
    let mut start = "";
    while let Some(option) = options.next() {
        let end = if options.peek().is_some() { " \\" } else { "" };
        sheet.text(&format!("{start}{option}{end}"));
        start = "--";
    }
}
