//! The help page: the keys of the page below, the columns of the list, a lost PIN, and the permissions of a token.
//!
//! It does not describe keys itself: the key table does.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{CopyAction, HelpGroup, ListAction, table};
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::policy::error_catalog::{RESET_LOST_PIN_STEPS, TOKEN_PERMISSIONS};

/// The width of a group's heading and its keys, in columns.
const KEYS_WIDTH: usize = 24;

/// A state as the list shows it.
type StateSample = (StatusSymbol, &'static str, Role);

/// What the columns show, as the list shows it.
const LEGEND: [(&str, &[StateSample]); 2] = [
    (
        "TWO-STEP",
        &[
            (StatusSymbol::Yes, "on", Role::Plain),
            (StatusSymbol::NotSet, "not set", Role::Strong),
            (StatusSymbol::Unknown, "unknown", Role::Plain),
        ],
    ),
    (
        "REQUEST",
        &[
            (StatusSymbol::Queued, "queued", Role::Plain),
            (StatusSymbol::InProgress, "sending", Role::Plain),
            (StatusSymbol::Yes, "set", Role::Plain),
            (StatusSymbol::Failed, "failed", Role::Failure),
            (StatusSymbol::NoAnswer, "no answer", Role::Uncertain),
            (StatusSymbol::NotSent, "not sent", Role::Plain),
        ],
    ),
];

pub(super) fn sheet(app: &App, theme: Theme) -> Sheet {
    let mode = app.mode_below();
    let mut sheet = Sheet::new(app, format!("Help: {}", mode.title()));
    let rows = app.keymap().help_rows(mode);
    for group in [HelpGroup::Move, HelpGroup::Find, HelpGroup::Act, HelpGroup::Look, HelpGroup::Tool] {
        let mut heading = group.heading();
        for row in rows.iter().filter(|row| row.group == group) {
            sheet.table_row(&format!("{heading:<6}{}", row.keys), KEYS_WIDTH, &row.description);
            heading = "";
        }
    }
    sheet.blank_line();
    add_legend(&mut sheet, theme);
    sheet.text("TWO-STEP is what Meta last reported: on, not set, or unknown (not read yet, or not reported).");
    sheet.text(
        "REQUEST is the last change by pindesk: queued, sending, retry; set (Meta confirmed it), failed (Meta refused \
         it), not sent, no answer (the PIN may or may not be set), resolved (it was in doubt, and no longer is).",
    );
    sheet.text(
        "A number stays in doubt until Meta confirms a PIN or the doubt is resolved. The count is above the list. A ? \
         before on or not set means that it was read before the last change, or by an earlier run: press r.",
    );
    sheet.blank_line();
    sheet.styled_text("The escrow", Role::Strong);
    let (copy, command) = (
        app.keymap().key_label(&table::LIST, &ListAction::PickCopy),
        app.keymap().key_label(&table::COPY_MENU, &CopyAction::EscrowCommand),
    );
    sheet.text(&format!(
        "If the config has escrow keys, pindesk encrypts each PIN to them and saves it in escrow.jsonl before it sends \
         it. Only a private key can decrypt it: press {copy}, then {command}, in the list for the command."
    ));
    sheet.blank_line();
    sheet.styled_text("A lost PIN", Role::Strong);
    let set_pin = app.keymap().key_label(&table::LIST, &ListAction::SetPin);
    sheet.text(&format!(
        "Meta never shows a PIN. To set a new one you do not need the old one: press {set_pin} on the number in the list."
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

/// Adds the symbols of the list, in its styles.
fn add_legend(sheet: &mut Sheet, theme: Theme) {
    for (column, states) in LEGEND {
        let mut parts = vec![(format!("{column:<10}"), Role::Strong)];
        for (symbol, word, role) in states {
            parts.push((format!("{} {word}", theme.symbol(*symbol)), *role));
            parts.push(("  ".to_owned(), Role::Plain));
        }
        sheet.push_line(parts);
    }
    let marks = format!("> cursor   {} selected   = no longer matches the filter", theme.selected_mark());
    sheet.push_line(vec![(format!("{:<10}", "MARKS"), Role::Strong), (marks, Role::Plain)]);
}
