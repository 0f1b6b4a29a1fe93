//! The page that asks before pindesk sends a PIN: which number, what happens, and the key or the digits that confirm.
//!
//! It does not decide whether a key confirms: the app does.

use std::time::Instant;

use super::in_doubt::{pin_location, pin_location_short};
use super::question::{
    add_doubt, add_environment, add_last_set, add_replace_warning, add_target_notice, add_two_step, escrow_keys,
    sheet_about,
};
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::pages::confirm::{ConfirmPage, NewPins, Question};
use crate::console::pin_form::PinOrigin;
use crate::console::theme::{Role, Theme};
use crate::domain::change::ChangeState;
use crate::domain::digits::{grouped_id, with_ascii_digits};
use crate::domain::number::{LastFour, TwoStep};

pub(super) fn sheet(app: &App, page: &ConfirmPage, theme: Theme, now: Instant) -> Sheet {
    let target = page.target();
    let mut sheet = sheet_about(app, target, heading(app, page));
    match &page.question {
        Question::Replace { .. } => add_replace_warning(&mut sheet, app, target),
        Question::Set(_) | Question::ResendPin | Question::ResolveManually(_) => {
            add_two_step(&mut sheet, app, target, theme);
        }
    }
    match &page.question {
        Question::Set(_) | Question::Replace { .. } => add_doubt(&mut sheet, app, &target.id),
        // They are about the doubt.
        Question::ResendPin | Question::ResolveManually(_) => {}
    }
    add_last_set(&mut sheet, app, &target.id);
    sheet.optional_blank_line();
    match &page.question {
        Question::Set(new) => add_set_question(&mut sheet, app, new),
        Question::Replace { new, expected, typed, .. } => {
            add_replace_question(&mut sheet, app, page, new);
            add_digits_field(&mut sheet, page, expected, typed.as_str(), now);
        }
        Question::ResendPin => add_resend_question(&mut sheet, app, page),
        Question::ResolveManually(note) => {
            sheet.field("Note", note.as_str());
            sheet.optional_blank_line();
            sheet.text(if sheet.is_compact() {
                "It is then resolved. Nothing is sent."
            } else {
                "The number is then resolved. Nothing is sent, and nothing changes at Meta."
            });
            sheet.optional_text(
                "If a PIN from pindesk is in force after all, the escrow (if you use one) still has it.",
            );
            sheet.optional_blank_line();
            add_answers(&mut sheet, "mark as resolved", "cancel, nothing is recorded");
        }
    }
    sheet.optional_blank_line();
    sheet.text(&page.answer(now).unwrap_or_default());
    if let Question::Replace { .. } = page.question
        && !sheet.is_compact()
    {
        sheet.blank_line();
        sheet.text("Esc goes back to the form. Nothing is sent.");
    }
    add_target_notice(&mut sheet, app, page.notice.as_ref());
    sheet
}

fn heading(app: &App, page: &ConfirmPage) -> String {
    let number = page.target().label();
    match (&page.question, app.is_compact()) {
        (Question::Set(_), _) => format!("Set the PIN of {number}?"),
        (Question::Replace { .. }, false) => format!("Replace the PIN of {number}?"),
        (Question::Replace { .. }, true) => format!("Replace PIN of {number}?"),
        (Question::ResendPin, false) => format!("Send the same PIN to {number} again?"),
        (Question::ResendPin, true) => format!("Resend PIN to {number}?"),
        (Question::ResolveManually(_), false) => format!("Mark {number} as resolved?"),
        (Question::ResolveManually(_), true) => format!("Resolve {number}?"),
    }
}

/// Adds the keys that answer. In a small window the footer has them.
fn add_answers(sheet: &mut Sheet, yes: &str, no: &str) {
    if !sheet.is_compact() {
        sheet.key_hint("y", yes);
        sheet.key_hint("n", no);
    }
}

/// Adds where the PIN comes from and where it is saved.
fn add_pin(sheet: &mut Sheet, app: &App, new: &NewPins) {
    let origin = match new.form.origin() {
        PinOrigin::Typed => "typed",
        PinOrigin::RandomRetyped | PinOrigin::RandomInEscrow => "random",
    };
    match escrow_keys(app) {
        Some(keys) if sheet.is_compact() => sheet.text(&format!("Saved to the escrow first ({keys}).")),
        Some(keys) => sheet.field("PIN", &format!("{origin}, saved to the escrow first ({keys})")),
        None if sheet.is_compact() => sheet.styled_text("No escrow: save it before you quit.", Role::Strong),
        None => {
            let text = format!("{origin}. No escrow: this PIN is only in memory until you quit. Save it first.");
            sheet.styled_field("PIN", &text, Role::Strong);
        }
    }
}

fn add_set_question(sheet: &mut Sheet, app: &App, new: &NewPins) {
    if sheet.is_compact() {
        sheet.text("This turns two-step verification on.");
        sheet.text("pindesk cannot turn it off.");
    } else {
        sheet.text(
            "This turns two-step verification on. From then on, registering this number needs this PIN. pindesk cannot turn \
             it off: only WhatsApp Manager can, by a link sent by email.",
        );
    }
    sheet.optional_blank_line();
    add_pin(sheet, app, new);
    add_environment(sheet, app);
    sheet.optional_blank_line();
    add_answers(sheet, "send it", "cancel, nothing is sent");
}

fn add_replace_question(sheet: &mut Sheet, app: &App, page: &ConfirmPage, new: &NewPins) {
    let (old, which) = match page.target().two_step {
        TwoStep::On => ("The old PIN stops working at once.", "the old"),
        TwoStep::Unknown | TwoStep::NotSet => ("If a PIN is set, it stops working at once.", "that"),
    };
    if sheet.is_compact() {
        sheet.text(old);
        sheet.text("pindesk cannot undo this.");
    } else {
        sheet.text(&format!(
            "{old} People who know only {which} PIN can no longer register this number. pindesk cannot undo this."
        ));
        sheet.blank_line();
        add_pin(sheet, app, new);
        add_environment(sheet, app);
        sheet.blank_line();
    }
}

/// Adds the field for the last four digits.
fn add_digits_field(sheet: &mut Sheet, page: &ConfirmPage, expected: &LastFour, typed: &str, now: Instant) {
    let number = page.target();
    let id = grouped_id(number.id.as_str());
    // The digits of another script are not those that the field shows.
    if let Some(ascii) = with_ascii_digits(number.label()).filter(|_| !expected.is_from_id) {
        sheet.text(&format!("In ASCII digits: {ascii}"));
    }
    let label = match (expected.is_from_id, sheet.is_compact()) {
        (false, false) => "Last 4 digits of the number, then Enter",
        (true, false) => {
            sheet.text("There is no display number, so use the digits of the phone number ID:");
            sheet.text(&id);
            "Last 4 digits of the ID, then Enter"
        }
        (false, true) => "Last 4 digits, then Enter",
        (true, true) => {
            sheet.text(&format!("Last 4 digits of ID {id}."));
            "Then Enter"
        }
    };
    sheet.digits_field(label, typed, expected.digits.len(), page.is_pausing(now));
}

fn add_resend_question(sheet: &mut Sheet, app: &App, page: &ConfirmPage) {
    let change = app.roster().change(&page.target().id);
    let details = if let Some(ChangeState::InDoubt(details)) = change { Some(details) } else { None };
    let is_older = details.is_some_and(|details| details.newer_pin.is_some());
    sheet.text(match (is_older, sheet.is_compact()) {
        (true, false) => "This sends the older PIN, which is in doubt, once more. It does not send the last typed PIN.",
        (true, true) => "Sends the older PIN, in doubt, again.",
        (false, false) => "This sends the PIN of the last request once more, unchanged.",
        (false, true) => "Sends the last PIN again, unchanged.",
    });
    sheet.optional_text("If Meta accepts it, the number has this PIN, whatever became of the last try.");
    if let Some(details) = details {
        let is_compact = sheet.is_compact();
        sheet.optional_blank_line();
        sheet.field("PIN stored", if is_compact { pin_location_short(details) } else { pin_location(details) });
    }
    add_environment(sheet, app);
    sheet.optional_blank_line();
    add_answers(sheet, "send it", "cancel, nothing is sent");
}
