//! The page that asks before a PIN is sent: which number, what follows, and the one key or the digits that send it.

use super::details::add_target;
use super::sheet::Sheet;
use super::{in_doubt, recording, status};
use crate::console::app::App;
use crate::console::app::confirm::{ConfirmPage, Question};
use crate::console::theme::Role;
use crate::domain::change::ChangeState;
use crate::domain::number::{LastFour, TwoStep};
use crate::domain::outcome::DoubtReason;

pub(super) fn sheet(app: &App, page: &ConfirmPage) -> Sheet {
    let heading = match page.question {
        Question::Set(_) => "Set the PIN for 1 number?",
        Question::Replace { .. } => "Replace the PIN of 1 number?",
        Question::ResendPin => "Send the same PIN to 1 number again?",
        Question::ResolveManually(_) => "Record that 1 number was checked by hand?",
    };
    let mut sheet = Sheet::new(app, heading);
    add_target(&mut sheet, &page.target);
    let (_, words, role) = status::two_step_cell(page.target.two_step);
    let words = match page.target.two_step {
        TwoStep::On => "on (a PIN is already set)",
        TwoStep::Unknown if app.is_unlisted(&page.target) => "unknown (its WABA lists it no more)",
        TwoStep::Unknown => "unknown (a PIN may be set)",
        TwoStep::NotSet => words,
    };
    sheet.styled_field("Two-step now", words, role);
    if let Question::Set(_) | Question::Replace { .. } = page.question {
        recording::add_escrow_notice(&mut sheet, app);
    }
    sheet.optional_blank_line();
    match &page.question {
        Question::Set(_) => add_set_pin_notice(&mut sheet, app),
        Question::Replace { expected: asked, typed, .. } => add_replace_pin_notice(&mut sheet, app, page, asked, typed),
        Question::ResendPin => add_resend_notice(&mut sheet, app, page),
        Question::ResolveManually(note) => {
            sheet.field("Note", note.as_str());
            sheet.optional_blank_line();
            sheet.text("The number then counts as settled. Nothing is sent, and nothing changes at Meta.");
            sheet.optional_text(
                "If a PIN of this program is in force after all, the escrow still has it, where there is one.",
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
            sheet.key_hint("y", "record it");
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
    let job = app.roster().change(&page.target.id);
    if let Some(ChangeState::InDoubt(standing)) = job
        && matches!(standing.reason, DoubtReason::OlderPinInDoubt(_))
    {
        sheet.text("The older PIN, which is in doubt, goes out once more: not the one typed last.");
    } else {
        sheet.text("The PIN of the last request goes out once more, unchanged.");
    }
    sheet.optional_text("Whether the first request was applied or not: the number ends up with that PIN.");
    if let Some(kept) = job.and_then(in_doubt::pin_location_of) {
        sheet.field("PIN kept", kept);
    }
}

fn add_environment_notice(sheet: &mut Sheet, app: &App) {
    let place = app.session().environment;
    let words = match place {
        crate::console::app::Environment::Live => "LIVE: this reaches a real number.",
        crate::console::app::Environment::Test => "TEST: this reaches the Graph API named in the config.",
        crate::console::app::Environment::Demo => "DEMO: a made-up number, nothing leaves this machine.",
    };
    sheet.optional_text(words);
    sheet.optional_blank_line();
}

fn add_set_pin_notice(sheet: &mut Sheet, app: &App) {
    sheet.text("This turns two-step verification on for this number.");
    sheet.optional_text(
        "This tool cannot turn it off again: only WhatsApp Manager can, by a link sent by email. After this, \
         registering the number needs this PIN.",
    );
    sheet.optional_blank_line();
    add_environment_notice(sheet, app);
}

fn add_replace_pin_notice(sheet: &mut Sheet, app: &App, page: &ConfirmPage, asked: &LastFour, typed: &str) {
    sheet.text("The old PIN stops working at once.");
    sheet.optional_text(
        "People who know only the old PIN can no longer register this number. This cannot be undone with this tool.",
    );
    sheet.optional_blank_line();
    add_environment_notice(sheet, app);
    if asked.is_from_id {
        let id = page.target.id;
        sheet.text(&format!("There is no display number, so the digits are those of the phone number ID {id}."));
    }
    let whose = if asked.is_from_id { "of the phone number ID" } else { "of the number" };
    let missing = "_".repeat(asked.digits.len().saturating_sub(typed.len()));
    let mut label = format!("Type the last 4 digits {whose}, then press Enter:  [");
    if !sheet.fits(label.len() + asked.digits.len() + 1) {
        sheet.text(&format!("Type the last 4 digits {whose},"));
        "then press Enter:  [".clone_into(&mut label);
    }
    sheet.cursor_on_next_line(label.len() + typed.len());
    sheet.push_line(vec![(format!("{label}{typed}{missing}]"), Role::Plain)]);
}
