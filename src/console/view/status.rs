//! The labels of the console's state that more than one page shows.
//!
//! It draws nothing.

use std::time::Instant;

use crate::console::app::App;
use crate::console::roster::StaleSummary;
use crate::console::shared::{Connection, RecordingStatus};
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::change::ChangeState;
use crate::domain::number::TwoStep;
use crate::domain::standing::ChangeResult;
use crate::domain::text::format_count;

/// The parts of the title after the program's name: the environment, problems, the profile and the operator.
pub(super) fn title_parts(app: &App) -> Vec<(String, Role)> {
    let session = app.session();
    let Some(profile) = session.profile.as_ref().filter(|_| !app.hides_numbers()) else { return Vec::new() };
    let mut parts = vec![(session.environment.label().to_owned(), Role::Strong)];
    parts.extend(recording_label(app).map(|label| (label.to_owned(), Role::Strong)));
    if session.read_only {
        parts.push(("READ-ONLY".to_owned(), Role::Strong));
    }
    if app.is_compact() {
        parts.push((profile.clone(), Role::Plain));
    } else {
        parts.push((format!("profile {profile}"), Role::Plain));
        parts.push((format!("user {}", session.user), Role::Plain));
    }
    parts
}

/// Why no PIN can be set, in a word or two; `None` if PINs can be set.
pub(super) fn recording_label(app: &App) -> Option<&'static str> {
    match app.recording_status() {
        RecordingStatus::Opening | RecordingStatus::Ready { .. } => None,
        RecordingStatus::RecipientsChanged { .. } => Some("KEYS CHANGED"),
        RecordingStatus::Unusable(_) => Some("NO JOURNAL"),
        RecordingStatus::JournalFailed(_) => Some("JOURNAL FAILED"),
    }
}

/// The state of the connection to Meta.
pub(super) fn connection_label(app: &App) -> String {
    if app.hides_numbers() {
        return "hidden".to_owned();
    }
    if app.session().profile.is_none() {
        return "no config".to_owned();
    }
    match app.connection() {
        Connection::Unknown if app.refresh_progress().id == 0 => "no access token".to_owned(),
        Connection::Unknown => "connecting".to_owned(),
        Connection::Online => "online".to_owned(),
        Connection::Offline { since, .. } => format!("OFFLINE since {}", since.format_hour_minute()),
        Connection::TokenRefused { .. } => "access token refused".to_owned(),
    }
}

/// The progress of a refresh; `None` if none is running.
pub(super) fn refresh_label(app: &App) -> Option<String> {
    let progress = app.refresh_progress();
    let wabas = app.session().wabas.len();
    progress.is_running.then(|| {
        let so_far = format_count(progress.numbers_read);
        if let Some(stale) = app.roster().stale_summary() {
            let date = stale.oldest.format_date_time();
            return format!("Showing numbers as of {date}. Refreshing: {so_far} so far.");
        }
        let start = if app.roster().total() > 0 { " You can start now." } else { "" };
        let waba = (progress.wabas_done + 1).min(wabas.max(1));
        if wabas > 1 {
            format!("Reading numbers: {so_far} so far, WABA {waba} of {wabas}.{start}")
        } else {
            format!("Reading numbers: {so_far} so far.{start}")
        }
    })
}

/// How many numbers only an earlier run has read; `None` while a refresh is running.
pub(super) fn stale_numbers(app: &App) -> Option<StaleSummary> {
    app.roster().stale_summary().filter(|_| !app.refresh_progress().is_running)
}

/// The cell of the column TWO-STEP.
pub(super) fn two_step_cell(two_step: TwoStep) -> (StatusSymbol, &'static str, Role) {
    match two_step {
        TwoStep::On => (StatusSymbol::Yes, two_step.label(), Role::Success),
        TwoStep::NotSet => (StatusSymbol::No, two_step.label(), Role::Plain),
        TwoStep::Unknown => (StatusSymbol::Unknown, two_step.label(), Role::Uncertain),
    }
}

/// The cell of the column TWO-STEP for a number that only an earlier run has read: the status may be out of date.
pub(super) fn stale_two_step_cell(two_step: TwoStep) -> (StatusSymbol, &'static str, Role) {
    (StatusSymbol::Unknown, two_step.label(), Role::Uncertain)
}

/// The cell of the column REQUEST.
pub(super) fn request_cell(state: &ChangeState, now: Instant) -> (StatusSymbol, String, Role) {
    match state {
        ChangeState::Queued => (StatusSymbol::Queued, "queued".to_owned(), Role::Plain),
        ChangeState::Sending { attempt: 1 } => (StatusSymbol::InProgress, "sending".to_owned(), Role::Plain),
        ChangeState::Sending { attempt } => (StatusSymbol::InProgress, format!("sending {attempt}"), Role::Plain),
        ChangeState::Waiting { attempt, until, .. } => {
            let seconds = until.saturating_duration_since(now).as_millis().div_ceil(1_000);
            (StatusSymbol::InProgress, format!("retry {attempt} {seconds}s"), Role::Plain)
        }
        ChangeState::Paused { until, .. } => {
            (StatusSymbol::Queued, format!("paused {}", until.utc.format_hour_minute()), Role::Strong)
        }
        ChangeState::Set(completion) => {
            (StatusSymbol::Yes, format!("set {}", completion.at.format_hour_minute()), Role::Success)
        }
        ChangeState::Failed(..) => (StatusSymbol::Failed, ChangeResult::Failed.label().to_owned(), Role::Failure),
        ChangeState::NotSent(..) => (StatusSymbol::No, ChangeResult::NotSent.label().to_owned(), Role::Plain),
        ChangeState::Resolved(..) => (StatusSymbol::No, "resolved".to_owned(), Role::Plain),
        ChangeState::InDoubt(..) => {
            (StatusSymbol::NoAnswer, ChangeResult::NoAnswer.label().to_owned(), Role::Uncertain)
        }
    }
}
