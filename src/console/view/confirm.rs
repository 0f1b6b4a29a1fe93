//! The page that asks before a PIN is sent: which number, what follows, and the one key or the digits that send it.

use super::details::target;
use super::sheet::Sheet;
use super::{doubt, records, status};
use crate::console::app::App;
use crate::console::app::confirm::{Confirm, Question};
use crate::console::theme::Role;
use crate::job::ChangeState;
use crate::number::{LastFour, TwoStep};
use crate::outcome::DoubtReason;

pub(super) fn sheet(app: &App, page: &Confirm) -> Sheet {
    let heading = match page.question {
        Question::Set(_) => "Set the PIN for 1 number?",
        Question::Replace { .. } => "Replace the PIN of 1 number?",
        Question::SendSame => "Send the same PIN to 1 number again?",
        Question::CheckedByHand(_) => "Record that 1 number was checked by hand?",
    };
    let mut sheet = Sheet::new(app, heading);
    target(&mut sheet, &page.target);
    let (_, words, role) = status::two_step(page.target.two_step);
    let words = match page.target.two_step {
        TwoStep::On => "on (a PIN is already set)",
        TwoStep::Unknown if app.is_unlisted(&page.target) => "unknown (its WABA lists it no more)",
        TwoStep::Unknown => "unknown (a PIN may be set)",
        TwoStep::NotSet => words,
    };
    sheet.styled_field("Two-step now", words, role);
    if let Question::Set(_) | Question::Replace { .. } = page.question {
        records::sealing_by_name(&mut sheet, app);
    }
    sheet.extra_gap();
    match &page.question {
        Question::Set(_) => set(&mut sheet, app),
        Question::Replace { asked, typed, .. } => replace(&mut sheet, app, page, asked, typed),
        Question::SendSame => send_same(&mut sheet, app, page),
        Question::CheckedByHand(note) => {
            sheet.field("Note", note.as_str());
            sheet.extra_gap();
            sheet.text("The number then counts as settled. Nothing is sent, and nothing changes at Meta.");
            sheet.extra("If a PIN of this program is in force after all, the escrow still has it, where there is one.");
        }
    }
    match &page.question {
        Question::Set(_) | Question::SendSame => {
            sheet.extra_gap();
            sheet.key("y", "send it");
            sheet.key("n or Esc", "cancel, nothing is sent");
            sheet.extra("Enter does nothing here.");
        }
        Question::CheckedByHand(_) => {
            sheet.extra_gap();
            sheet.key("y", "record it");
            sheet.key("n or Esc", "cancel, nothing is recorded");
        }
        Question::Replace { .. } => {
            sheet.extra_gap();
            sheet.key("Esc", "cancel, nothing is sent");
        }
    }
    if let Some(note) = page.note.filter(|_| app.hiding_words().is_none()) {
        sheet.note(note, Role::Strong);
    }
    sheet
}

fn send_same(sheet: &mut Sheet, app: &App, page: &Confirm) {
    let job = app.roster().job(&page.target.id);
    if let Some(ChangeState::InDoubt(standing)) = job
        && matches!(standing.reason, DoubtReason::OlderPinInDoubt(_))
    {
        sheet.text("The older PIN, which is in doubt, goes out once more: not the one typed last.");
    } else {
        sheet.text("The PIN of the last request goes out once more, unchanged.");
    }
    sheet.extra("Whether the first request was applied or not: the number ends up with that PIN.");
    if let Some(kept) = job.and_then(doubt::kept_where) {
        sheet.field("PIN kept", kept);
    }
}

fn live(sheet: &mut Sheet, app: &App) {
    let place = app.session().place;
    let words = match place {
        crate::console::app::Place::Live => "LIVE: this reaches a real number.",
        crate::console::app::Place::Test => "TEST: this reaches the Graph API named in the config.",
        crate::console::app::Place::Demo => "DEMO: a made-up number, nothing leaves this machine.",
    };
    sheet.extra(words);
    sheet.extra_gap();
}

fn set(sheet: &mut Sheet, app: &App) {
    sheet.text("This turns two-step verification on for this number.");
    sheet.extra(
        "This tool cannot turn it off again: only WhatsApp Manager can, by a link sent by email. After this, \
         registering the number needs this PIN.",
    );
    sheet.extra_gap();
    live(sheet, app);
}

fn replace(sheet: &mut Sheet, app: &App, page: &Confirm, asked: &LastFour, typed: &str) {
    sheet.text("The old PIN stops working at once.");
    sheet.extra(
        "People who know only the old PIN can no longer register this number. This cannot be undone with this tool.",
    );
    sheet.extra_gap();
    live(sheet, app);
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
    sheet.line(vec![(format!("{label}{typed}{missing}]"), Role::Plain)]);
}
