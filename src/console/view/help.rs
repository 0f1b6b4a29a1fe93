//! The help page: the keys of the page below, the columns of the list, a lost PIN, and the permissions of a token.
//!
//! It does not describe keys itself: the key table does.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{HelpGroup, ListAction, table};
use crate::console::theme::Role;
use crate::policy::error_catalog::{RESET_LOST_PIN_STEPS, TOKEN_PERMISSIONS};

/// The width of a group's heading and its keys, in columns.
const KEYS_WIDTH: usize = 24;

pub(super) fn sheet(app: &App) -> Sheet {
    let mode = app.mode_below();
    let mut sheet = Sheet::new(app, format!("Help: {}", mode.title()));
    for group in [HelpGroup::Move, HelpGroup::Find, HelpGroup::Act, HelpGroup::Look, HelpGroup::Tool] {
        let mut heading = group.heading();
        for (keys, row) in app.keymap().rows(mode).filter(|(_, row)| row.group == group) {
            sheet.table_row(&format!("{heading:<6}{keys}"), KEYS_WIDTH, row.description);
            heading = "";
        }
    }
    sheet.blank_line();
    sheet.styled_text("The columns", Role::Strong);
    sheet.text("TWO-STEP is what Meta last reported: on, not set, or unknown (not read yet, or not reported).");
    sheet.text(
        "REQUEST is the last change by pindesk: queued, sending, retry; set (Meta confirmed it), failed (Meta refused \
         it), not sent, no answer (the PIN may or may not be set), resolved (it was in doubt, and no longer is).",
    );
    sheet.text(
        "A number stays in doubt until Meta confirms a PIN or the doubt is resolved. The count is above the list. A ? \
         before on or not set means that an earlier run read it, and this one has not yet.",
    );
    sheet.blank_line();
    sheet.styled_text("A lost PIN", Role::Strong);
    let set_pin = app.keymap().key_label(&table::LIST, &ListAction::SetPin);
    sheet.text(&format!(
        "Meta never shows a PIN. To set a new one you do not need the old one: press {set_pin} on the number."
    ));
    sheet.text("Without a working access token, reset it in WhatsApp Manager:");
    sheet.numbered_steps("", RESET_LOST_PIN_STEPS);
    sheet.blank_line();
    sheet.styled_text("What an access token needs", Role::Strong);
    for permission in TOKEN_PERMISSIONS {
        sheet.text(&format!("{}: {}", permission.name, permission.purpose));
    }
    sheet.blank_line();
    sheet.text("No key needs Alt, a function key, Ctrl-A, Ctrl-B, Ctrl-S or Ctrl-Q.");
    sheet.text("The mouse is not captured. Select text with your terminal as usual.");
    sheet.blank_line();
    sheet.text(concat!("pindesk ", env!("CARGO_PKG_VERSION")));
    for path in &app.session().config_paths {
        sheet.text(&format!("config {}", path.display()));
    }
    sheet
}
