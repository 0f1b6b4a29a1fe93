//! The page of one number: its details, or the outcome of its last change and what to do.
//!
//! It does not explain errors itself: the error catalog does.

use std::time::Instant;

use super::sheet::Sheet;
use super::{details, in_doubt};
use crate::console::app::App;
use crate::console::input::keymap::{KeyTable, NumberAction, table};
use crate::console::theme::Role;
use crate::domain::change::ChangeState;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

pub(super) fn sheet(app: &App, id: PhoneNumberId, now: Instant) -> Sheet {
    let change = app.roster().change(&id);
    let Some(number) = &app.number(&id) else {
        let mut sheet = Sheet::new(app, "Not listed");
        sheet.text("This number is no longer listed.");
        return sheet;
    };
    let name = number.name.as_ref().map_or("", CleanText::as_str);
    let with_heading = |state: &str| Sheet::new(app, format!("{state}: {}  {name}", number.label()));
    let (mut sheet, completion) = match change {
        Some(state @ ChangeState::Failed(completion, _)) => {
            (with_outcome(with_heading("Failed"), state), Some(*completion))
        }
        Some(state @ ChangeState::NotSent(completion, _)) => {
            (with_outcome(with_heading("Not sent"), state), Some(*completion))
        }
        Some(ChangeState::InDoubt(details)) => {
            let mut sheet = with_heading("No answer");
            in_doubt::add_status(&mut sheet, app, number, details, now);
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
            let mut sheet = with_heading("Details");
            details::add_details(&mut sheet, app, number, now);
            add_keys(&mut sheet, app, &table::DETAILS);
            details::add_history(&mut sheet, app, id);
            return sheet;
        }
    };
    sheet.blank_line();
    sheet.field("phone number ID", id.as_str());
    if let Some(waba) = &number.waba {
        sheet.field("WABA", &format!("{}  {}", waba.label(), waba.id));
    }
    add_meta_error(&mut sheet, change);
    match completion {
        Some(completion) => {
            in_doubt::add_tries(&mut sheet, completion);
            add_keys(&mut sheet, app, &table::FAILED);
        }
        // The keys are above, each with its advice.
        None => sheet.optional_blank_line(),
    }
    details::add_history(&mut sheet, app, id);
    sheet
}

/// Adds the outcome of a request that failed or was not sent: nothing was changed.
fn with_outcome(mut sheet: Sheet, state: &ChangeState) -> Sheet {
    let Some(explanation) = Explanation::for_change(state) else { return sheet };
    let is_refused = matches!(state, ChangeState::Failed(..));
    let outcome = if is_refused { "Meta refused the request." } else { "The request was not sent." };
    sheet.styled_text(&format!("{outcome} {}", explanation.applied.sentence()), Role::Strong);
    sheet.optional_blank_line();
    sheet.field("Reason", &explanation.reason);
    if !explanation.advice.is_empty() {
        sheet.optional_blank_line();
        sheet.numbered_steps("To do", explanation.advice.iter().copied());
    }
    sheet
}

fn add_meta_error(sheet: &mut Sheet, change: Option<&ChangeState>) {
    if let Some(error) = change.and_then(ChangeState::api_error) {
        sheet.field("Meta said", error.message.as_str());
        if let Some(details) = &error.details {
            sheet.field("Details", details.as_str());
        }
        let code = match error.subcode {
            Some(subcode) => format!("{}/{subcode}", error.code),
            None => error.code.to_string(),
        };
        sheet.field("Code, HTTP", &format!("{code}, {}", error.http_status));
        sheet.field("Trace ID", error.trace_id.as_ref().map_or("none", CleanText::as_str));
    }
}

fn add_keys(sheet: &mut Sheet, app: &App, table: &KeyTable<NumberAction>) {
    sheet.optional_blank_line();
    if sheet.is_compact() {
        return;
    }
    let is_shown = |action| matches!(action, NumberAction::SetPin | NumberAction::Refresh | NumberAction::PickCopy);
    for binding in table.bindings.iter().filter(|binding| is_shown(binding.action)) {
        sheet.key_hint(&app.keymap().keys_label(&binding.row), binding.row.description);
    }
}
