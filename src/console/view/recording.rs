//! The pages about what must work before a PIN can be set: journal, escrow keys and connection.
//!
//! They do not read the journal or the escrow.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{ListAction, table};
use crate::console::pages::recipients::RecipientsPage;
use crate::console::shared::{Connection, RecordingStatus};
use crate::console::theme::Role;
use crate::domain::text::CleanText;

pub(super) fn recipients(app: &App, page: &RecipientsPage) -> Sheet {
    let mut sheet = Sheet::new(app, "Escrow keys have changed");
    let RecordingStatus::RecipientsChanged { previous, current } = app.recording_status() else {
        sheet.text("There is nothing to accept.");
        return sheet;
    };
    let select = |keys: &[CleanText], others: &[CleanText], in_both: bool| -> Vec<CleanText> {
        keys.iter().filter(|key| others.contains(key) == in_both).cloned().collect()
    };
    let (added, removed) = (select(current, previous, false), select(previous, current, false));
    let unchanged = select(current, previous, true);
    let counts = format!("{} added, {} removed, {} unchanged.", added.len(), removed.len(), unchanged.len());
    sheet.styled_text(&counts, Role::Strong);
    sheet.text("No PIN can be set until someone accepts them.");
    sheet.optional_text(
        "From then on, each PIN can be decrypted with the added and the unchanged keys. A removed key still decrypts the \
         PINs that were saved before.",
    );
    for (label, keys) in [("Added", added), ("Removed", removed), ("Unchanged", unchanged)] {
        sheet.optional_blank_line();
        let mut label = label;
        for key in keys {
            sheet.field(label, key.as_str());
            label = "";
        }
    }
    if current.is_empty() {
        sheet.text("No key is left: PINs would not be saved to the escrow.");
    }
    sheet.optional_blank_line();
    sheet.key_hint("y", "accept these keys");
    sheet.key_hint("n or Esc", "back, without accepting the keys");
    if let Some(note) = page.note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(note, Role::Strong);
    }
    sheet
}

/// Why no PIN can be set while Meta does not answer.
pub(super) fn offline(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "No PIN can be set now");
    let Connection::Offline { since, retry_at } = app.connection() else {
        sheet.text("Online again. Go back to set a PIN.");
        return sheet;
    };
    sheet.styled_text(&format!("{} has not answered since {since}.", app.session().host), Role::Strong);
    sheet.text(&format!("Nothing was sent. pindesk tries again by itself at {}.", retry_at.utc));
    let key = app.keymap().key_label(&table::LIST, &ListAction::RefreshNumber);
    sheet.text(&format!("To try at once, go back and press {key}."));
    sheet
}

pub(super) fn journal_unavailable(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "No PIN can be set");
    match app.recording_status() {
        RecordingStatus::JournalFailed(reason) => {
            sheet.styled_text("The journal failed, so nothing more is sent.", Role::Strong);
            sheet.text(reason.as_str());
            sheet.optional_blank_line();
            sheet.text("Every PIN was recorded before it was sent. The outcomes of the last ones may be missing.");
            sheet.text("Fix this, then restart pindesk. Numbers can still be listed.");
        }
        RecordingStatus::Unusable(reason) => {
            sheet.styled_text("pindesk records each PIN before it sends it, and cannot do that here.", Role::Strong);
            sheet.text(reason.as_str());
            sheet.optional_blank_line();
            sheet.text("Fix this, then restart pindesk. Numbers can still be listed.");
        }
        RecordingStatus::Damaged(reason) => {
            sheet.styled_text("Rows of the journal were altered or deleted, so nothing is sent.", Role::Strong);
            sheet.text(reason.as_str());
            sheet.optional_blank_line();
            sheet.text("Numbers can still be listed, and PINs can still be decrypted from the escrow.");
        }
        RecordingStatus::Opening | RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => {
            sheet.text("The journal works again.");
        }
    }
    sheet
}
