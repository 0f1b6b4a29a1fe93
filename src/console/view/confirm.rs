//! The page that asks before pindesk sends a PIN: which number, what happens, and the key or the digits that confirm.
//!
//! It does not decide whether a key confirms: the app does.

use super::details::add_target;
use super::sheet::Sheet;
use super::{in_doubt, recording, status};
use crate::console::app::App;
use crate::console::pages::confirm::{ConfirmPage, Question};
use crate::console::shared::Environment;
use crate::console::theme::Role;
use crate::domain::change::ChangeState;
use crate::domain::number::{LastFour, TwoStep};

pub(super) fn sheet(app: &App, page: &ConfirmPage) -> Sheet {
    let heading = match page.question {
        Question::Set(_) => "Set the PIN for 1 number?",
        Question::Replace { .. } => "Replace the PIN of 1 number?",
        Question::ResendPin => "Send the same PIN to 1 number again?",
        Question::ResolveManually(_) => "Mark 1 number as resolved?",
    };
    let mut sheet = Sheet::new(app, heading);
    add_target(&mut sheet, page.target());
    let (_, label, role) = status::two_step_cell(page.target().two_step);
    let two_step = match page.target().two_step {
        TwoStep::On => "on (a PIN is already set)",
        TwoStep::Unknown if app.is_unlisted(page.target()) => "unknown (no longer listed by its WABA)",
        TwoStep::Unknown => "unknown (a PIN may be set)",
        TwoStep::NotSet => label,
    };
    sheet.styled_field("Two-step now", two_step, role);
    if let Question::Set(_) | Question::Replace { .. } = page.question {
        recording::add_escrow_notice(&mut sheet, app);
    }
    sheet.optional_blank_line();
    match &page.question {
        Question::Set(_) => add_set_pin_notice(&mut sheet, app),
        Question::Replace { expected, typed, .. } => add_replace_pin_notice(&mut sheet, app, page, expected, typed),
        Question::ResendPin => add_resend_notice(&mut sheet, app, page),
        Question::ResolveManually(note) => {
            sheet.field("Note", note.as_str());
            sheet.optional_blank_line();
            sheet.text("The number is then resolved. Nothing is sent, and nothing changes at Meta.");
            sheet.optional_text(
                "If a PIN from pindesk is in force after all, the escrow (if you use one) still has it.",
            );
        }
    }
    match &page.question {
        Question::Set(_) | Question::ResendPin => {
            sheet.optional_blank_line();
            sheet.key_hint("y", "send it");
            sheet.key_hint("n or Esc", "cancel, nothing is sent");
            sheet.optional_text("Enter does nothing here.");
        }
        Question::ResolveManually(_) => {
            sheet.optional_blank_line();
            sheet.key_hint("y", "mark as resolved");
            sheet.key_hint("n or Esc", "cancel, nothing is recorded");
        }
        Question::Replace { .. } => {
            sheet.optional_blank_line();
            sheet.key_hint("Esc", "cancel, nothing is sent");
        }
    }
    if let Some(note) = page.note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(note, Role::Strong);
    }
    sheet
}

fn add_resend_notice(sheet: &mut Sheet, app: &App, page: &ConfirmPage) {
    let change = app.roster().change(&page.target().id);
    if let Some(ChangeState::InDoubt(details)) = change
        && details.newer_pin.is_some()
    {
        sheet.text("This sends the older PIN, which is in doubt, once more. It does not send the last typed PIN.");
    } else {
        sheet.text("This sends the PIN of the last request once more, unchanged.");
    }
    sheet.optional_text("Either way, the number ends up with this PIN.");
    if let Some(location) = change.and_then(in_doubt::pin_location_of) {
        sheet.field("PIN stored", location);
    }
}

fn add_environment_notice(sheet: &mut Sheet, app: &App) {
    let text = match app.session().environment {
        Environment::Live => "LIVE: this reaches a real number.",
        Environment::Test => "TEST: this reaches the Graph API named in the config.",
        Environment::Demo => "DEMO: a made-up number, nothing leaves this machine.",
    };
    sheet.optional_text(text);
    sheet.optional_blank_line();
}

fn add_set_pin_notice(sheet: &mut Sheet, app: &App) {
    sheet.text("This turns two-step verification on for this number.");
    sheet.optional_text(
        "pindesk cannot turn it off again. Only WhatsApp Manager can, with a link sent by email. After this, \
         registering the number needs this PIN.",
    );
    sheet.optional_blank_line();
    add_environment_notice(sheet, app);
}

fn add_replace_pin_notice(sheet: &mut Sheet, app: &App, page: &ConfirmPage, expected: &LastFour, typed: &str) {
    sheet.text("The old PIN stops working at once.");
    sheet.optional_text(
        "People who know only the old PIN can no longer register this number. pindesk cannot undo this.",
    );
    sheet.optional_blank_line();
    add_environment_notice(sheet, app);
    if expected.is_from_id {
        let id = page.target().id;
        sheet.text(&format!("There is no display number, so use the digits of the phone number ID {id}."));
    }
    let source = if expected.is_from_id { "of the phone number ID" } else { "of the number" };
    let missing = "_".repeat(expected.digits.len().saturating_sub(typed.len()));
    let mut label = format!("Type the last 4 digits {source}, then press Enter:  [");
    if !sheet.fits(label.len() + expected.digits.len() + 1) {
        sheet.text(&format!("Type the last 4 digits {source},"));
        "then press Enter:  [".clone_into(&mut label);
    }
    sheet.cursor_on_next_line(label.len() + typed.len());
    sheet.push_line(vec![(format!("{label}{typed}{missing}]"), Role::Plain)]);
}
