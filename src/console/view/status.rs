//! The words of the console's state that more than one page shows.

use std::time::Instant;

use crate::console::app::{App, Link, Records};
use crate::console::roster::Remembered;
use crate::console::theme::{Role, Sign};
use crate::job::ChangeState;
use crate::number::TwoStep;
use crate::text::format_count;

/// What stands after the program's name: where requests go, for whom, by whom.
pub(super) fn title_words(app: &App) -> Vec<(String, Role)> {
    let session = app.session();
    let Some(profile) = session.profile.as_ref().filter(|_| !app.conceals()) else { return Vec::new() };
    let mut words = vec![(session.place.word().to_owned(), Role::Strong)];
    words.extend(records_word(app).map(|word| (word.to_owned(), Role::Strong)));
    if session.read_only {
        words.push(("READ-ONLY".to_owned(), Role::Strong));
    }
    if app.is_compact() {
        words.push((profile.clone(), Role::Plain));
    } else {
        words.push((format!("profile {profile}"), Role::Plain));
        words.push((format!("user {}", session.user), Role::Plain));
    }
    words
}

/// Why nothing can be set, in a word or two, as long as it is so.
pub(super) fn records_word(app: &App) -> Option<&'static str> {
    match app.records() {
        Records::Opening | Records::Ready { .. } => None,
        Records::RecipientsChanged { .. } => Some("KEYS CHANGED"),
        Records::Unusable(_) => Some("NO JOURNAL"),
        Records::Dead(_) => Some("JOURNAL FAILED"),
    }
}

/// How the line to Meta is.
pub(super) fn link_words(app: &App) -> String {
    if app.conceals() {
        return "hidden".to_owned();
    }
    if app.session().profile.is_none() {
        return "no config".to_owned();
    }
    match app.link() {
        Link::Unknown if app.reading().number == 0 => "no access token".to_owned(),
        Link::Unknown => "connecting".to_owned(),
        Link::Online => "online".to_owned(),
        Link::Offline { since, .. } => format!("OFFLINE since {}", since.format_hour_minute()),
        Link::TokenRefused { .. } => "access token refused".to_owned(),
    }
}

/// How far the reading of the lists is, while it goes on.
pub(super) fn reading_words(app: &App) -> Option<String> {
    let reading = app.reading();
    let wabas = app.session().wabas.len();
    reading.is_running.then(|| {
        let so_far = format_count(reading.read);
        if let Some(old) = app.roster().remembered() {
            let date = old.oldest.format_date_time();
            return format!("Showing numbers as read {date}; reading them afresh: {so_far} so far.");
        }
        let start = if app.roster().total() > 0 { " You can start now." } else { "" };
        let waba = (reading.wabas_done + 1).min(wabas.max(1));
        if wabas > 1 {
            format!("Reading numbers: {so_far} so far, WABA {waba} of {wabas}.{start}")
        } else {
            format!("Reading numbers: {so_far} so far.{start}")
        }
    })
}

/// The numbers that only an earlier run has read, where nothing is being read: reading them failed, or was not tried.
pub(super) fn unrenewed(app: &App) -> Option<Remembered> {
    app.roster().remembered().filter(|_| !app.reading().is_running)
}

/// The cell of the column TWO-STEP.
pub(super) fn two_step(two_step: TwoStep) -> (Sign, &'static str, Role) {
    match two_step {
        TwoStep::On => (Sign::Yes, two_step.label(), Role::Good),
        TwoStep::NotSet => (Sign::No, two_step.label(), Role::Plain),
        TwoStep::Unknown => (Sign::Unknown, two_step.label(), Role::Doubt),
    }
}

/// The cell of the column TWO-STEP for a number that only an earlier run read: what it said then is not what is so now.
pub(super) fn old_two_step(two_step: TwoStep) -> (Sign, &'static str, Role) {
    (Sign::Unknown, two_step.label(), Role::Doubt)
}

/// The cell of the column REQUEST.
pub(super) fn request(state: &ChangeState, now: Instant) -> (Sign, String, Role) {
    match state {
        ChangeState::Queued => (Sign::Queued, "queued".to_owned(), Role::Plain),
        ChangeState::Sending { attempt: 1 } => (Sign::Moving, "sending".to_owned(), Role::Plain),
        ChangeState::Sending { attempt } => (Sign::Moving, format!("sending {attempt}"), Role::Plain),
        ChangeState::Waiting { attempt, until, .. } => {
            let seconds = until.saturating_duration_since(now).as_millis().div_ceil(1_000);
            (Sign::Moving, format!("retry {attempt} {seconds}s"), Role::Plain)
        }
        ChangeState::Set(finished) => (Sign::Yes, format!("set {}", finished.at.format_hour_minute()), Role::Good),
        ChangeState::Failed(..) => (Sign::Failed, "failed".to_owned(), Role::Bad),
        ChangeState::NotSent(..) => (Sign::No, "not sent".to_owned(), Role::Plain),
        ChangeState::Resolved(..) => (Sign::No, "settled".to_owned(), Role::Plain),
        ChangeState::InDoubt(..) => (Sign::Doubt, "no answer".to_owned(), Role::Doubt),
    }
}
