//! One number's page: its details, or what became of its request and what to do about it.

use std::time::Instant;

use super::sheet::Sheet;
use super::{details, in_doubt};
use crate::console::app::App;
use crate::console::input::keymap::{Action, Mode};
use crate::console::theme::Role;
use crate::domain::change::{ChangeState, Completion};
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

pub(super) fn sheet(app: &App, id: PhoneNumberId, now: Instant) -> Sheet {
    let job = app.roster().change(&id);
    let Some(number) = &app.number(&id) else {
        let mut sheet = Sheet::new(app, "Gone");
        sheet.text("This number is no longer listed.");
        return sheet;
    };
    let name = number.name.as_ref().map_or("", CleanText::as_str);
    let headed = |what: &str| Sheet::new(app, format!("{what}: {}  {name}", number.label()));
    let (mut sheet, finished) = match job {
        Some(state @ ChangeState::Failed(finished, _)) => (with_outcome(headed("Failed"), state), Some(*finished)),
        Some(state @ ChangeState::NotSent(finished, _)) => (with_outcome(headed("Not sent"), state), Some(*finished)),
        Some(ChangeState::InDoubt(standing)) => {
            let mut sheet = headed("No answer");
            in_doubt::add_status(&mut sheet, app, number, standing, now);
            (sheet, None)
        }
        Some(
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Set(_)
            | ChangeState::Resolved(..),
        )
        | None => {
            let mut sheet = headed("Details");
            details::add_details(&mut sheet, app, number, now);
            add_keys(&mut sheet, app, Mode::Details);
            details::add_history(&mut sheet, app, id);
            return sheet;
        }
    };
    sheet.blank_line();
    sheet.field("phone number ID", id.as_str());
    if let Some(waba) = &number.waba {
        sheet.field("WABA", &format!("{}  {}", waba.label(), waba.id));
    }
    add_meta_error(&mut sheet, job);
    if let Some(finished) = finished {
        add_tries(&mut sheet, finished);
    }
    add_keys(&mut sheet, app, app.mode_of(app.screen()));
    details::add_history(&mut sheet, app, id);
    sheet
}

/// A request that failed or never left: nothing was changed.
fn with_outcome(mut sheet: Sheet, state: &ChangeState) -> Sheet {
    let Some(told) = Explanation::for_change(state) else { return sheet };
    let is_refused = matches!(state, ChangeState::Failed(..));
    let what = if is_refused { "Meta refused the request." } else { "The request never left this machine." };
    sheet.styled_text(&format!("{what} {}", told.applied.sentence()), Role::Strong);
    sheet.optional_blank_line();
    sheet.field("Reason", &told.reason);
    if !told.advice.is_empty() {
        sheet.optional_blank_line();
        sheet.numbered_steps("To do", told.advice.iter().copied());
    }
    sheet
}

fn add_meta_error(sheet: &mut Sheet, job: Option<&ChangeState>) {
    if let Some(fault) = job.and_then(ChangeState::api_error) {
        sheet.field("Meta said", fault.message.as_str());
        if let Some(details) = &fault.details {
            sheet.field("Details", details.as_str());
        }
        let code = match fault.subcode {
            Some(subcode) => format!("{}/{subcode}", fault.code),
            None => fault.code.to_string(),
        };
        sheet.field("Code, HTTP", &format!("{code}, {}", fault.http_status));
        sheet.field("Trace ID", fault.trace_id.as_ref().map_or("none", CleanText::as_str));
    }
}

/// How often it was tried, and when last.
pub(super) fn add_tries(sheet: &mut Sheet, finished: Completion) {
    sheet.field("Tries", &format!("{}, last at {}", finished.attempts, finished.at.format_date_time()));
}

fn add_keys(sheet: &mut Sheet, app: &App, mode: Mode) {
    sheet.optional_blank_line();
    if sheet.is_compact() {
        return;
    }
    let keymap = app.keymap();
    let told = keymap.rows(mode).filter(|(_, binding)| {
        matches!(binding.action, Action::SetPin | Action::RefreshNumber | Action::PickCopy) && mode != Mode::NoAnswer
    });
    for (keys, binding) in told {
        sheet.key_hint(&keys, binding.description);
    }
}
