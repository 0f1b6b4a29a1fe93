//! The pages of the journal and the escrow: changed keys, and why nothing can be set.

use super::sheet::Sheet;
use crate::console::app::screen::RecipientsPage;
use crate::console::app::{App, Environment, RecordingStatus};
use crate::console::theme::Role;
use crate::domain::text::{CleanText, format_count};

/// Keys that a page names before it only counts them.
const MAX_KEYS_NAMED: usize = 3;

pub(super) fn recipients(app: &App, page: &RecipientsPage) -> Sheet {
    let mut sheet = Sheet::new(app, "The keys of the escrow have changed");
    let RecordingStatus::RecipientsChanged { previous: remembered, current: now } = app.recording_status() else {
        sheet.text("Nothing is asked any more.");
        return sheet;
    };
    let of = |keys: &[CleanText], others: &[CleanText], is_in: bool| -> Vec<CleanText> {
        keys.iter().filter(|key| others.contains(key) == is_in).cloned().collect()
    };
    let (added, removed) = (of(now, remembered, false), of(remembered, now, false));
    let kept = of(now, remembered, true);
    let counts = format!("{} added, {} removed, {} kept.", added.len(), removed.len(), kept.len());
    sheet.styled_text(&counts, Role::Strong);
    sheet.optional_text(
        "Whoever holds one of these keys can open every PIN that is set from now on. Until somebody says that they \
         are right, nothing is set.",
    );
    for (label, keys) in [("Added", added), ("Removed", removed), ("Kept", kept)] {
        sheet.optional_blank_line();
        let mut label = label;
        for key in keys {
            sheet.field(label, key.as_str());
            label = "";
        }
    }
    if now.is_empty() {
        sheet.text("No key is left: PINs would not be sealed at all.");
    }
    sheet.optional_blank_line();
    sheet.key_hint("y", "these keys are right");
    sheet.key_hint("n or Esc", "back, nothing is set until then");
    if let Some(note) = page.note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(note, Role::Strong);
    }
    sheet
}

pub(super) fn journal_unavailable(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "Nothing can be set");
    match app.recording_status() {
        RecordingStatus::JournalFailed(why) => {
            sheet.styled_text("The journal failed, so nothing more is sent.", Role::Strong);
            sheet.text(why.as_str());
            sheet.optional_blank_line();
            sheet.text("Every PIN was recorded before it was sent; what came of the last ones may not be.");
            sheet.text("Mend the cause, then start pindesk again. Numbers can still be read.");
        }
        RecordingStatus::Unusable(why) => {
            sheet.styled_text("A PIN is recorded before it is sent, and that is not possible here.", Role::Strong);
            sheet.text(why.as_str());
            sheet.optional_blank_line();
            sheet.text("Mend the cause, then start pindesk again. Numbers can still be read.");
        }
        RecordingStatus::Opening | RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => {
            sheet.text("The journal can be written again.");
        }
    }
    sheet
}

/// Where a new PIN will be, in a line. Nothing is sealed yet where this is read.
pub(super) fn escrow_notice(app: &App) -> Option<(String, Role)> {
    let RecordingStatus::Ready { recipients } = app.recording_status() else { return None };
    Some(match recipients.len() {
        0 if app.is_compact() => ("No escrow: only your vault has it.".to_owned(), Role::Strong),
        0 => ("No escrow: only your vault has this PIN, and this program until you quit.".to_owned(), Role::Strong),
        keys => {
            let keys = if keys == 1 { "1 key".to_owned() } else { format!("{} keys", format_count(keys)) };
            let place = if app.is_compact() { "" } else { " in escrow.jsonl," };
            (format!("Will be sealed first,{place} for {keys}."), Role::Plain)
        }
    })
}

/// The same, and whom it is sealed to.
pub(super) fn add_escrow_notice(sheet: &mut Sheet, app: &App) {
    let Some((words, role)) = escrow_notice(app) else { return };
    sheet.styled_text(&words, role);
    // The demo's key is another one each time, and nobody's.
    if sheet.is_compact() || app.session().environment == Environment::Demo {
        return;
    }
    if let RecordingStatus::Ready { recipients } = app.recording_status() {
        for key in recipients.iter().take(MAX_KEYS_NAMED) {
            sheet.push_line(vec![(format!("  {key}"), Role::Plain)]);
        }
        if recipients.len() > MAX_KEYS_NAMED {
            sheet.text(&format!("  and {} more", recipients.len() - MAX_KEYS_NAMED));
        }
    }
}
