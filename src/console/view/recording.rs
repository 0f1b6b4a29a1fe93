//! The pages about journal and escrow: changed escrow keys, and why no PIN can be set.
//!
//! They do not read the journal or the escrow.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::recipients::RecipientsPage;
use crate::console::shared::{Environment, RecordingStatus};
use crate::console::theme::Role;
use crate::domain::text::{CleanText, format_count};

/// How many keys a page lists before it only counts the rest.
const MAX_LISTED_KEYS: usize = 3;

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
    sheet.optional_text(
        "Anyone who has one of these keys can decrypt every PIN that is set from now on. No PIN can be set until \
         someone accepts them.",
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
        RecordingStatus::Opening | RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => {
            sheet.text("The journal works again.");
        }
    }
    sheet
}

/// One line that says where a new PIN will be saved. Nothing is encrypted yet when the operator reads it.
pub(super) fn escrow_notice(app: &App) -> Option<(String, Role)> {
    let RecordingStatus::Ready { recipients } = app.recording_status() else { return None };
    Some(match recipients.len() {
        0 if app.is_compact() => ("No escrow: only your vault has it.".to_owned(), Role::Strong),
        0 => ("No escrow: this PIN is only in your vault, and in memory until you quit.".to_owned(), Role::Strong),
        keys => {
            let keys = if keys == 1 { "1 key".to_owned() } else { format!("{} keys", format_count(keys)) };
            let who = if app.is_compact() { keys } else { format!("{keys} can open it") };
            (format!("Saved to the escrow first ({who})."), Role::Plain)
        }
    })
}

/// Adds the same line, and the keys that the PIN is encrypted to.
pub(super) fn add_escrow_notice(sheet: &mut Sheet, app: &App) {
    let Some((text, role)) = escrow_notice(app) else { return };
    sheet.styled_text(&text, role);
    // The demo creates a new key at each start, so its fingerprint says nothing.
    if sheet.is_compact() || app.session().environment == Environment::Demo {
        return;
    }
    if let RecordingStatus::Ready { recipients } = app.recording_status() {
        for key in recipients.iter().take(MAX_LISTED_KEYS) {
            sheet.push_line(vec![(format!("  {key}"), Role::Plain)]);
        }
        if recipients.len() > MAX_LISTED_KEYS {
            sheet.text(&format!("  and {} more", recipients.len() - MAX_LISTED_KEYS));
        }
    }
}
