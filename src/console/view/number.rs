//! One number's page: its details, or what became of its request and what to do about it.

use std::time::Instant;

use super::details;
use super::sheet::Sheet;
use crate::catalogue::Explanation;
use crate::console::app::App;
use crate::console::keymap::{Action, Mode};
use crate::console::roster::Row;
use crate::console::theme::Role;
use crate::job::{Finished, JobState};
use crate::number::{Number, PhoneNumberId, TwoStep};
use crate::outcome::Doubt;
use crate::text::Clean;

pub(super) fn sheet(app: &App, id: PhoneNumberId, now: Instant) -> Sheet {
    let Some(Row { number, job }) = app.roster().get(&id) else {
        let mut sheet = Sheet::new(app, "Gone");
        sheet.text("This number is no longer listed.");
        return sheet;
    };
    let name = number.name.as_ref().map_or("", Clean::as_str);
    let headed = |what: &str| Sheet::new(app, format!("{what}: {}  {name}", number.label()));
    let (mut sheet, finished) = match job {
        Some(state @ JobState::Failed(finished, _)) => (came_to(headed("Failed"), state), *finished),
        Some(state @ JobState::NotSent(finished, _)) => (came_to(headed("Not sent"), state), *finished),
        Some(state @ JobState::InDoubt(finished, _)) => {
            let mut sheet = headed("No answer");
            in_doubt(&mut sheet, app, number, state);
            (sheet, *finished)
        }
        Some(JobState::Queued | JobState::Sending { .. } | JobState::Waiting { .. } | JobState::Set(_)) | None => {
            let mut sheet = headed("Details");
            details::lines(&mut sheet, app, number, now);
            keys(&mut sheet, app, Mode::Details);
            return sheet;
        }
    };
    sheet.gap();
    sheet.field("phone number ID", id.as_str());
    if let Some(waba) = &number.waba {
        sheet.field("WABA", &format!("{}  {}", waba.label(), waba.id));
    }
    meta_said(&mut sheet, job, finished);
    keys(&mut sheet, app, app.mode_of(app.screen()));
    sheet
}

/// A request that failed or never left: nothing was changed.
fn came_to(mut sheet: Sheet, state: &JobState) -> Sheet {
    let Some(told) = Explanation::of_job(state) else { return sheet };
    let is_refused = matches!(state, JobState::Failed(..));
    let what = if is_refused { "Meta refused the request." } else { "The request never left this machine." };
    sheet.styled(&format!("{what} {}", told.changed.words()), Role::Strong);
    sheet.extra_gap();
    sheet.field("Reason", &told.reason);
    if !told.advice.is_empty() {
        sheet.extra_gap();
        sheet.steps("To do", told.advice.iter().copied());
    }
    sheet
}

/// A request nobody can say the outcome of.
fn in_doubt(sheet: &mut Sheet, app: &App, number: &Number, state: &JobState) {
    let Some(told) = Explanation::of_job(state) else { return };
    let is_older = matches!(state, JobState::InDoubt(_, Doubt::OlderPin(_)));
    let (which, again) = if is_older { ("older PIN", "older PIN") } else { ("PIN", "same PIN") };
    sheet.styled(&format!("The {which} may have been set, or it may not."), Role::Strong);
    sheet.text(&told.reason);
    sheet.extra_gap();
    sheet.text(&format!("Keep the {which}. This program holds it in memory, and nowhere else, until you quit."));
    sheet.extra_gap();
    let (_, words, role) = super::status::two_step(number.two_step);
    let read = number.read_at.map_or_else(|| "not read yet".to_owned(), |at| format!("read {at}"));
    sheet.styled_field("Two-step now", &format!("{words}, {read}"), role);
    sheet.extra_gap();
    let key = |action| app.keymap().key_of(Mode::NoAnswer, action);
    let send = format!("Send the {again} again. This is safe: the number ends up with the {again}.");
    sheet.key(&key(Action::SendSamePin), &send);
    let status = match number.two_step {
        TwoStep::On => "Read the status again. It says that a PIN is set, not which one.",
        TwoStep::NotSet | TwoStep::Unknown => {
            "Read the status again. If it is still not set 2 minutes after the last try, nothing was changed. \
             If it is on, this request set it, or somebody else."
        }
    };
    sheet.key(&key(Action::ReadStatus), status);
}

fn meta_said(sheet: &mut Sheet, job: Option<&JobState>, finished: Finished) {
    if let Some(fault) = job.and_then(JobState::fault) {
        sheet.field("Meta said", fault.message.as_str());
        if let Some(details) = &fault.details {
            sheet.field("Details", details.as_str());
        }
        let code = match fault.subcode {
            Some(subcode) => format!("{}/{subcode}", fault.code),
            None => fault.code.to_string(),
        };
        sheet.field("Code, HTTP", &format!("{code}, {}", fault.http_status));
        sheet.field("Trace ID", fault.trace_id.as_ref().map_or("none", Clean::as_str));
    }
    sheet.field("Tries", &format!("{}, last at {}", finished.tries, finished.at));
}

fn keys(sheet: &mut Sheet, app: &App, mode: Mode) {
    sheet.extra_gap();
    if sheet.is_compact() {
        return;
    }
    let keymap = app.keymap();
    let told = keymap.rows(mode).filter(|(_, binding)| {
        matches!(binding.action, Action::SetPin | Action::ReadThis | Action::PickCopy) && mode != Mode::NoAnswer
    });
    for (keys, binding) in told {
        sheet.key(&keys, binding.words);
    }
}
