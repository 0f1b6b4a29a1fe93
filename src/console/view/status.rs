//! The labels of the console's state that more than one page shows.
//!
//! It draws nothing.

use std::time::Instant;

use crate::console::app::App;
use crate::console::input::keymap::{ListAction, Mode, QuickFilter, table};
use crate::console::roster::RosterRow;
use crate::console::shared::{Connection, Environment, RecordingStatus};
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::domain::change::ChangeState;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, TwoStep};
use crate::domain::standing::ChangeResult;
use crate::domain::text::format_count;

/// A narrower window has no room for counts without a key.
const MIN_WIDTH_FOR_ALL_COUNTS: u16 = 100;

/// The parts of the title: the program's name, the environment, problems, the profile and the operator. Filled, square
/// and round: the environments differ without colors, too.
pub(super) fn title_parts(app: &App) -> Vec<(String, Role)> {
    let session = app.session();
    let is_narrow = app.is_narrow();
    let Some(profile) = session.profile.as_ref().filter(|_| !app.hides_numbers()) else {
        return vec![("pindesk".to_owned(), Role::Strong)];
    };
    let mut parts = Vec::new();
    if !is_narrow {
        parts.push(("pindesk".to_owned(), Role::Strong));
    }
    let label = session.environment.label();
    parts.push(match session.environment {
        Environment::Live => (format!(" {label} "), Role::LiveBadge),
        Environment::Test => (format!("[{label}]"), Role::Strong),
        Environment::Demo => (format!("({label})"), Role::Strong),
    });
    parts.extend(recording_label(app).map(|label| (label.to_owned(), Role::Strong)));
    if session.read_only {
        parts.push(("READ-ONLY".to_owned(), Role::Strong));
    }
    match session.environment {
        Environment::Demo => parts.push(("made-up numbers, nothing is sent to Meta".to_owned(), Role::Plain)),
        Environment::Live | Environment::Test => {
            parts.push((profile.clone(), Role::Strong));
            if session.environment == Environment::Test && !is_narrow {
                parts.push((session.host.clone(), Role::Plain));
            }
            if !is_narrow {
                parts.push((session.user.clone(), Role::Plain));
            }
        }
    }
    parts
}

/// Why no PIN can be set, in a word or two; `None` if PINs can be set.
pub(super) fn recording_label(app: &App) -> Option<&'static str> {
    match app.recording_status() {
        RecordingStatus::Opening | RecordingStatus::Ready { .. } => None,
        RecordingStatus::RecipientsChanged { .. } => Some("KEYS CHANGED"),
        RecordingStatus::Unusable(_) => Some("NO JOURNAL"),
        RecordingStatus::Damaged(_) => Some("JOURNAL DAMAGED"),
        RecordingStatus::JournalFailed(_) => Some("JOURNAL FAILED"),
    }
}

/// How far the newest job of this process is, and how many scopes are paused; `None` without a job of many numbers, and in
/// a narrow window.
pub(super) fn job_label(app: &App) -> Option<String> {
    let job = app.own_jobs().newest_of_many().filter(|_| !app.is_narrow())?;
    let percent = job.all_counts().percent();
    let paused = app.own_jobs().limits().len();
    let pause = if job.is_held() {
        ", waits for you".to_owned()
    } else if job.is_paused() {
        ", paused".to_owned()
    } else if paused > 0 {
        format!(", {paused} paused")
    } else {
        String::new()
    };
    Some(format!("job {}: {percent} %{pause}", job.id))
}

/// The state of the connection to Meta. What is wrong replaces what is right.
pub(super) fn connection_label(app: &App, theme: &Theme) -> (String, Role) {
    let plain = |text: &str| (text.to_owned(), Role::Plain);
    let wrong = |text: &str| (format!("{} {text}", theme.symbol(StatusSymbol::Failed)), Role::Failure);
    if app.hides_numbers() {
        return plain("hidden");
    }
    if app.session().profile.is_none() {
        return plain("no config");
    }
    match app.connection() {
        Connection::Unknown if app.mode() == Mode::NothingNamed => plain("nothing asked"),
        Connection::Unknown if app.refresh_progress().id == 0 => wrong("no access token"),
        // Something answered, but not Meta.
        Connection::Unknown if app.refresh_progress().finished_at.is_some() => wrong("unexpected reply"),
        Connection::Unknown => plain("connecting"),
        Connection::Online => plain("online"),
        Connection::Offline { since, .. } => wrong(&format!("OFFLINE since {}", since.format_hour_minute())),
        Connection::TokenRefused(_) => wrong("access token refused"),
    }
}

/// One count above the list.
pub(super) struct Count {
    /// The key that filters by it; empty if there is none.
    pub(super) key: String,
    pub(super) label: &'static str,
    /// The label in a narrow window.
    pub(super) short_label: &'static str,
    /// `None` if no status was read since the start.
    pub(super) value: Option<usize>,
    /// How a value above 0 looks.
    pub(super) role: Role,
    /// True if the list shows only these numbers.
    pub(super) is_active: bool,
}

/// The counts above the list, those with a key first: the others have room in a wide window only.
pub(super) fn counts(app: &App) -> Vec<Count> {
    let (quick, two_step) = (app.roster().quick_counts(), app.roster().counts());
    // A number in doubt may be in no list.
    let in_doubt = app.in_doubt_list().number_count().max(quick.in_doubt);
    let active = app.quick_filter();
    let is_read = app.roster().stale_summary().is_none_or(|stale| stale.numbers < app.roster().total());
    let read = |count| is_read.then_some(count);
    let with_key = |filter, label, short_label, value, role| Count {
        key: app.keymap().key_label(&table::LIST, &ListAction::QuickFilter(filter)),
        label,
        short_label,
        value,
        role,
        is_active: active == Some(filter),
    };
    let mut counts = vec![
        with_key(QuickFilter::NotSet, "not set", "not set", read(quick.not_set), Role::Plain),
        with_key(QuickFilter::Failed, "failed", "failed", Some(quick.failed), Role::Failure),
        with_key(QuickFilter::InDoubt, "in doubt", "doubt", Some(in_doubt), Role::Uncertain),
        with_key(QuickFilter::SetToday, "set today", "today", Some(quick.set_today), Role::Plain),
    ];
    if let Some(due) = quick.due {
        counts.push(with_key(QuickFilter::Due, "due", "due", Some(due), Role::Plain));
    }
    if app.size().width >= MIN_WIDTH_FOR_ALL_COUNTS {
        counts.extend([("on", read(two_step.on)), ("unknown", Some(two_step.unknown))].map(|(label, value)| Count {
            key: String::new(),
            label,
            short_label: label,
            value,
            role: Role::Plain,
            is_active: false,
        }));
    }
    counts
}

/// A count of numbers.
fn numbers(count: usize) -> String {
    format!("{} {}", format_count(count), if count == 1 { "number" } else { "numbers" })
}

/// Which numbers only an earlier run has read; empty if there are none, or while a refresh is running.
pub(super) fn stale_label(app: &App) -> String {
    let stale = app.roster().stale_summary().filter(|_| !app.refresh_progress().is_running);
    stale.map_or(String::new(), |stale| format!("{} as of {}", numbers(stale.numbers), stale.oldest.format_date_time()))
}

/// How many numbers are selected, and how many of them the filter hides; empty if none is selected.
pub(super) fn selection_label(app: &App) -> String {
    let selection = app.roster().selection();
    match (selection.len(), selection.hidden_count()) {
        (0, _) => String::new(),
        (count, 0) => format!("{} selected", format_count(count)),
        (count, hidden) => format!("{} selected, {} hidden", format_count(count), format_count(hidden)),
    }
}

/// What the list shows without a filter, and how old it is.
pub(super) fn list_label(app: &App) -> String {
    let (progress, total) = (app.refresh_progress(), app.roster().total());
    let (unread, wabas) = (progress.unread_wabas.len(), app.session().wabas.len());
    if unread > 0 {
        let which = if wabas > 1 { format!("{unread} of {wabas} WABAs") } else { "the WABA".to_owned() };
        let last = progress
            .last_complete_at
            .map_or(String::new(), |at| format!(", last read {} UTC", at.format_hour_minute()));
        return format!("{}; {which} could not be read{last}", numbers(total));
    }
    let what = if total == 1 { "The only number".to_owned() } else { format!("All {}", numbers(total)) };
    let place = match wabas {
        0 => String::new(),
        1 => " in 1 WABA".to_owned(),
        _ => format!(" in {wabas} WABAs"),
    };
    let when = progress.finished_at.map_or(String::new(), |at| {
        let verb = if matches!(app.connection(), Connection::Offline { .. }) { "as of" } else { "refreshed" };
        format!(", {verb} {} UTC", at.format_hour_minute())
    });
    format!("{what}{place}{when}")
}

/// How much of the lists was read, as two numbers; `None` if their length is not known.
pub(super) fn refresh_share(app: &App) -> Option<(usize, usize)> {
    let (progress, total) = (app.refresh_progress(), app.roster().total());
    let wabas = app.session().wabas.len();
    if progress.numbers_read < total {
        Some((progress.numbers_read, total))
    } else {
        (wabas > 1).then_some((progress.wabas_done, wabas))
    }
}

/// The progress of a refresh.
pub(super) fn refresh_label(app: &App) -> String {
    let progress = app.refresh_progress();
    let (so_far, wabas) = (format_count(progress.numbers_read), app.session().wabas.len());
    if let Some(stale) = app.roster().stale_summary() {
        return format!("{so_far} refreshed so far. Others as of {}.", stale.oldest.format_date_time());
    }
    let start = if app.roster().total() > 0 { " You can start now." } else { "" };
    let waba = (progress.wabas_done + 1).min(wabas.max(1));
    if wabas > 1 {
        format!("{so_far} numbers so far, WABA {waba} of {wabas}.{start}")
    } else {
        format!("{so_far} numbers so far.{start}")
    }
}

/// The IDs of a number in one line.
pub(super) fn ids_label(number: &Number) -> String {
    let waba = match number.waba.as_deref() {
        None => "not listed by a WABA".to_owned(),
        Some(waba) => match &waba.name {
            Some(name) => format!("WABA {name} {}", waba.id),
            None => format!("WABA {}", waba.id),
        },
    };
    format!("phone number ID {}   {waba}", number.id)
}

/// True if the two-step status was read before a request that may have changed it.
pub(super) fn is_two_step_outdated(row: &RosterRow<'_>) -> bool {
    let sent = match row.change {
        Some(ChangeState::Set(completion) | ChangeState::Resolved(completion, _)) => Some(completion.at),
        Some(ChangeState::InDoubt(details)) => Some(details.send_history.last_known_at()),
        // An earlier try of the change can still arrive.
        Some(
            ChangeState::Sending { in_doubt: true, .. }
            | ChangeState::Waiting { in_doubt: true, .. }
            | ChangeState::Paused { in_doubt: true, .. },
        ) => return row.number.read_at.is_some(),
        Some(
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..),
        )
        | None => None,
    };
    // Another process may have set a PIN before this one was refused.
    let changed = sent.max(row.last_set.map(|last_set| last_set.at));
    changed.is_some_and(|changed| row.number.read_at.is_some_and(|read| read < changed))
}

/// When the two-step status of a number was read, and why it may no longer be right.
pub(super) fn two_step_age(app: &App, number: &Number, format: impl Fn(UtcTime) -> String) -> String {
    let row = app.roster().get(&number.id);
    let Some(at) = number.read_at else { return "not read yet".to_owned() };
    if app.is_unlisted(number) {
        // The status shown here is not the one that was read then.
        return "no longer listed by its WABA".to_owned();
    }
    match row {
        Some(row) if row.is_stale && number.two_step == TwoStep::Unknown => {
            format!("was {} at {}", row.number.two_step.label(), at.format_date_time())
        }
        Some(row) if is_two_step_outdated(&row) => {
            let is_in_doubt = row.change.is_some_and(ChangeState::is_in_doubt);
            format!("read {}, before the last {}", format(at), if is_in_doubt { "try" } else { "change" })
        }
        Some(_) | None => format!("read {}", format(at)),
    }
}

/// True if the state of a change must be seen before what Meta reports of the number.
pub(super) const fn is_news(state: &ChangeState) -> bool {
    match state {
        ChangeState::Queued
        | ChangeState::Sending { .. }
        | ChangeState::Waiting { .. }
        | ChangeState::Paused { .. }
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(..) => true,
        ChangeState::Resolved(..) => false,
    }
}

/// The cell of the column TWO-STEP.
pub(super) fn two_step_cell(two_step: TwoStep) -> (StatusSymbol, &'static str, Role) {
    match two_step {
        TwoStep::On => (StatusSymbol::Yes, two_step.label(), Role::Plain),
        TwoStep::NotSet => (StatusSymbol::NotSet, two_step.label(), Role::Strong),
        TwoStep::Unknown => (StatusSymbol::Unknown, two_step.label(), Role::Plain),
    }
}

/// The cell of the column TWO-STEP for a number that only an earlier run has read: the status may be out of date.
pub(super) fn stale_two_step_cell(two_step: TwoStep) -> (StatusSymbol, &'static str, Role) {
    (StatusSymbol::Unknown, two_step.label(), Role::Plain)
}

/// The cell of the column REQUEST. `utc_now` decides whether a confirmed change is of today.
pub(super) fn request_cell(state: &ChangeState, now: Instant, utc_now: UtcTime) -> (StatusSymbol, String, Role) {
    match state {
        ChangeState::Queued => (StatusSymbol::Queued, "queued".to_owned(), Role::Plain),
        ChangeState::Sending { attempt: 1, .. } => (StatusSymbol::InProgress, "sending".to_owned(), Role::Plain),
        ChangeState::Sending { attempt, .. } => (StatusSymbol::InProgress, format!("sending {attempt}"), Role::Plain),
        ChangeState::Waiting { attempt, until, .. } => {
            let seconds = until.saturating_duration_since(now).as_millis().div_ceil(1_000);
            (StatusSymbol::InProgress, format!("retry {attempt} {seconds}s"), Role::Plain)
        }
        ChangeState::Paused { until, .. } => {
            // The minute in which the pause ends.
            (StatusSymbol::Queued, format!("paused {}", until.utc.format_hour_minute()), Role::Plain)
        }
        ChangeState::Set(completion) => {
            let role = if completion.at.day() == utc_now.day() { Role::Success } else { Role::Plain };
            (StatusSymbol::Yes, format!("set {}", completion.at.format_since(utc_now)), role)
        }
        ChangeState::Failed(..) => (StatusSymbol::Failed, ChangeResult::Failed.label().to_owned(), Role::Failure),
        ChangeState::NotSent(..) => (StatusSymbol::NotSent, ChangeResult::NotSent.label().to_owned(), Role::Plain),
        ChangeState::Resolved(..) => (StatusSymbol::NotSent, "resolved".to_owned(), Role::Plain),
        ChangeState::InDoubt(..) => {
            (StatusSymbol::NoAnswer, ChangeResult::NoAnswer.label().to_owned(), Role::Uncertain)
        }
    }
}
