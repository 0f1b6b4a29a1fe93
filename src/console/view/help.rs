//! Help: the keys of the page below from the key table, the signs, a lost PIN, and what a token needs.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{HelpGroup, Mode};
use crate::console::theme::Role;
use crate::policy::error_catalog::{RESET_LOST_PIN_STEPS, TOKEN_PERMISSIONS};

/// Columns of a group's name and of the keys.
const KEYS_WIDTH: usize = 20;

pub(super) fn sheet(app: &App, mode: Mode) -> Sheet {
    let mut sheet = Sheet::new(app, format!("Help: {}", mode.title()));
    for group in [HelpGroup::Move, HelpGroup::Find, HelpGroup::Act, HelpGroup::Look, HelpGroup::Tool] {
        let mut heading = group.heading();
        for (keys, binding) in app.keymap().rows(mode).filter(|(_, binding)| binding.group == group) {
            sheet.table_row(&format!("{heading:<6}{keys}"), KEYS_WIDTH, binding.description);
            heading = "";
        }
    }
    sheet.blank_line();
    sheet.styled_text("What the columns say", Role::Strong);
    sheet.text("TWO-STEP is what Meta last said: on, not set, or unknown (not read, or Meta did not say).");
    sheet.text(
        "REQUEST is what this program did: queued, sending, retry; set (Meta said yes), failed (Meta said no), \
         not sent (it never left), no answer (it may be set, or not), settled (it was in doubt, and is no longer).",
    );
    sheet.text(
        "Numbers in doubt are counted above the list, and stay in doubt until Meta confirms a PIN or a decision is \
         recorded. A ? before on or not set: an earlier run read it, this one has not yet.",
    );
    sheet.blank_line();
    sheet.styled_text("A lost PIN", Role::Strong);
    sheet.text("Meta never shows a PIN. Setting a new one needs no old one: press p on the number.");
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
    for place in &app.session().config_paths {
        sheet.text(&format!("config {}", place.display()));
    }
    sheet
}
