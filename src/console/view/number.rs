//! The page of one number: its details, or the outcome of its last change and what to do.
//!
//! It does not explain errors itself: the error catalog does. What decides comes first: what happened, whether anything
//! was changed, what to do. In a wide window the history is beside the page.

use std::time::Instant;

use super::meta_words::add_meta_words;
use super::question::add_last_set;
use super::sheet::Sheet;
use super::{details, in_doubt};
use crate::console::app::App;
use crate::console::input::keymap::{KeyTable, NumberAction, table};
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::domain::change::ChangeState;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

pub(super) fn sheet(app: &App, theme: Theme, id: PhoneNumberId, now: Instant) -> Sheet {
    let change = app.roster().change(&id);
    let Some(number) = &app.number(&id) else {
        let mut sheet = Sheet::new(app, "Not listed");
        sheet.text("This number is no longer listed.");
        return sheet;
    };
    let name = number.name.as_ref().map_or("", CleanText::as_str);
    let with_heading = |state: &str| Sheet::new(app, format!("{state}{}  {name}", number.label()));
    let (mut sheet, completion) = match change {
        Some(state @ ChangeState::Failed(completion, _)) => {
            (with_outcome(with_heading("Failed: "), theme, state), Some(*completion))
        }
        Some(state @ ChangeState::NotSent(completion, _)) => {
            (with_outcome(with_heading("Not sent: "), theme, state), Some(*completion))
        }
        Some(ChangeState::InDoubt(details)) => {
            let mut sheet = with_heading("No answer: ");
            in_doubt::add_status(&mut sheet, app, theme, number, details, now);
            (sheet, None)
        }
        Some(
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Resolved(..),
        )
        | None => {
            let mut sheet = with_heading("");
            details::add_details(&mut sheet, app, number, now);
            add_keys(&mut sheet, app, &table::DETAILS);
            return sheet;
        }
    };
    if let Some(error) = change.and_then(ChangeState::api_error) {
        add_meta_words(&mut sheet, error);
    }
    if let Some(completion) = completion {
        if completion.attempts > 0 {
            in_doubt::add_tries(&mut sheet, app, completion);
        }
        sheet.blank_line();
        details::add_two_step(&mut sheet, app, number, |at| at.to_string());
        add_last_set(&mut sheet, app, &id);
    }
    sheet.field("phone number ID", id.as_str());
    sheet.field("WABA", &details::waba_label(number));
    if completion.is_some() {
        add_keys(&mut sheet, app, &table::FAILED);
    }
    if !app.has_page_pane() {
        details::add_history(&mut sheet, app, id);
    }
    sheet
}

/// Adds the outcome of a request that failed or was not sent: nothing was changed.
fn with_outcome(mut sheet: Sheet, theme: Theme, state: &ChangeState) -> Sheet {
    let Some(explanation) = Explanation::for_change(state) else { return sheet };
    let (symbol, outcome, role) = if matches!(state, ChangeState::Failed(..)) {
        (StatusSymbol::Failed, "Meta refused the request.", Role::Failure)
    } else {
        (StatusSymbol::NotSent, "The PIN was not sent.", Role::Strong)
    };
    sheet.headline(&format!("{} {outcome}", theme.symbol(symbol)), role, explanation.applied.sentence());
    sheet.optional_blank_line();
    sheet.field("Reason", &explanation.reason);
    if !explanation.advice.is_empty() {
        sheet.optional_blank_line();
        sheet.numbered_steps("To do", explanation.advice.iter().copied());
    }
    sheet.blank_line();
    sheet
}

fn add_keys(sheet: &mut Sheet, app: &App, table: &KeyTable<NumberAction>) {
    sheet.optional_blank_line();
    if sheet.is_compact() {
        return;
    }
    let is_shown = |action| matches!(action, NumberAction::SetPin | NumberAction::Refresh | NumberAction::PickCopy);
    for binding in table.bindings.iter().filter(|binding| is_shown(binding.action)) {
        sheet.key_hint(&app.keymap().keys_label(table.mode, &binding.row), binding.row.description);
    }
}
