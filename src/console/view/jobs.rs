//! The list of jobs: one row each, and below it what the job under the cursor needs.
//!
//! It shows no number, and decides nothing about jobs.

use ratatui::layout::Position;

use super::PaintResult;
use super::canvas::Canvas;
use super::job_head::JobActivity;
use super::row_scroll::{RowScroll, position_label};
use crate::console::app::App;
use crate::console::input::keymap::{JobAction, JobsAction, table};
use crate::console::shared::{JobPhase, OwnJob, RecordingStatus};
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::standing::ChangeResult;
use crate::domain::text::{CleanText, format_count, width};
use crate::journal::{JobStatus, JobSummary, PinSource, RecordedState};

/// A narrower window has only the first columns, and none for who started a job and when.
const MIN_WIDTH_FOR_OPERATOR: u16 = 80;

/// A narrower window has no counts of set and unsent numbers, and no hosts.
const MIN_WIDTH_FOR_ALL_COUNTS: u16 = 120;

/// A narrower window has no counts of what went wrong.
const MIN_WIDTH_FOR_FAILURES: u16 = 60;

/// The lines above the rows: title, heading, columns.
const TOP: u16 = 3;

/// The columns of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Job,
    State,
    Done,
    Set,
    Failed,
    Doubt,
    NotSent,
    Who,
    WhoAndHost,
    Started,
    What,
}

impl Column {
    const fn heading(self) -> &'static str {
        match self {
            Self::Job => "JOB",
            Self::State => "STATE",
            Self::Done => "DONE",
            Self::Set => "SET",
            Self::Failed => "FAILED",
            Self::Doubt => "DOUBT",
            Self::NotSent => "NOT SENT",
            Self::Who | Self::WhoAndHost => "WHO",
            Self::Started => "STARTED, UTC",
            Self::What => "WHAT",
        }
    }

    /// True for a count, which ends at the right end of its column.
    const fn is_count(self) -> bool {
        match self {
            Self::Set | Self::Failed | Self::Doubt | Self::NotSent => true,
            Self::Job | Self::State | Self::Done | Self::Who | Self::WhoAndHost | Self::Started | Self::What => false,
        }
    }
}

/// The columns for a width, each with its first column on the screen and its width.
const fn columns(width: u16) -> &'static [(Column, u16, usize)] {
    const WIDE: &[(Column, u16, usize)] = &[
        (Column::Job, 4, 4),
        (Column::State, 9, 13),
        (Column::Done, 23, 16),
        (Column::Set, 40, 6),
        (Column::Failed, 47, 6),
        (Column::Doubt, 54, 5),
        (Column::NotSent, 60, 8),
        (Column::WhoAndHost, 70, 9),
        (Column::Started, 81, 15),
        (Column::What, 98, 22),
    ];
    const NORMAL: &[(Column, u16, usize)] = &[
        (Column::Job, 4, 4),
        (Column::State, 9, 13),
        (Column::Done, 23, 16),
        (Column::Failed, 39, 6),
        (Column::Doubt, 47, 5),
        (Column::Who, 54, 7),
        (Column::Started, 63, 15),
    ];
    let count = if width >= MIN_WIDTH_FOR_ALL_COUNTS {
        return WIDE;
    } else if width >= MIN_WIDTH_FOR_OPERATOR {
        NORMAL.len()
    } else if width >= MIN_WIDTH_FOR_FAILURES {
        5
    } else {
        3
    };
    NORMAL.split_at(count).0
}

pub(super) fn paint(app: &App, canvas: &mut Canvas<'_>, scroll: &mut RowScroll) -> PaintResult {
    canvas.draw_rule(1, &[("Jobs", Role::Strong), ("newest first", Role::Plain)], "");
    let jobs = app.job_list().summaries().unwrap_or_default();
    let rows = app.jobs_rows();
    let mut cursor = Position { x: 0, y: TOP };
    if let Some(text) = empty_label(app) {
        canvas.put_within(2, TOP, usize::from(canvas.width()).saturating_sub(3), &text, Role::Plain);
    } else {
        let columns = columns(canvas.width());
        for (column, x, columns) in columns {
            let end = if column.is_count() { columns.saturating_sub(width(column.heading())) } else { 0 };
            canvas.put(x + u16::try_from(end).unwrap_or(0), TOP - 1, column.heading(), Role::Strong);
        }
        let selected = app.job_list().cursor_index();
        let visible = scroll.visible(selected.unwrap_or(0), jobs.len(), rows);
        for (y, index) in (TOP..TOP + rows).zip(visible) {
            paint_row(app, canvas, y, &jobs[index], columns);
            if selected == Some(index) {
                canvas.put(0, y, ">", Role::Plain);
                canvas.highlight_row_before(y, canvas.width());
                cursor = Position { x: 0, y };
            }
        }
    }
    let end = TOP + rows;
    canvas.draw_rule(end, &[], &position_label(app.job_list().cursor_index(), jobs.len()));
    paint_explanation(app, canvas, end + 1);
    PaintResult { cursor: Some(cursor), max_scroll: 0 }
}

/// Why there are no rows; `None` if there are.
fn empty_label(app: &App) -> Option<String> {
    let list = app.job_list();
    let text = match (list.summaries(), app.recording_status()) {
        (Some([_, ..]), _) => return None,
        (_, RecordingStatus::Unusable(why)) => format!("The journal cannot be read: {why}"),
        (_, RecordingStatus::Opening) => "The journal is still being opened.".to_owned(),
        _ if list.has_read_failed() => "The jobs could not be read.".to_owned(),
        (None, _) => "Reading the jobs.".to_owned(),
        (Some([]), _) => "No jobs yet.".to_owned(),
    };
    Some(text)
}

fn paint_row(app: &App, canvas: &mut Canvas<'_>, y: u16, job: &JobSummary, columns: &[(Column, u16, usize)]) {
    for (column, x, columns) in columns {
        let (text, role) = cell(app, canvas, job, *column);
        let start = if column.is_count() { columns.saturating_sub(width(&text)) } else { 0 };
        canvas.put_within(x + u16::try_from(start).unwrap_or(0), y, *columns, &text, role);
    }
}

fn cell(app: &App, canvas: &Canvas<'_>, job: &JobSummary, column: Column) -> (String, Role) {
    let own = app.own_jobs().get(job.id);
    let count = |count: usize, role| (format_count(count), if count > 0 { role } else { Role::Plain });
    let plain = |text: String| (text, Role::Plain);
    match column {
        Column::Job => plain(job.id.to_string()),
        Column::State => match (own, job.status) {
            (Some(own), _) => plain(JobActivity::of_own(own).label().to_owned()),
            (None, JobStatus::Running) => plain("running".to_owned()),
            (None, JobStatus::Finished) => plain("finished".to_owned()),
            (None, JobStatus::Interrupted) => {
                (format!("{} cut short", canvas.theme.symbol(StatusSymbol::Failed)), Role::Failure)
            }
        },
        Column::Done => plain(done_label(job)),
        Column::Set => count(job.count(RecordedState::Ended(ChangeResult::Set)), Role::Plain),
        Column::Failed => count(job.count(RecordedState::Ended(ChangeResult::Failed)), Role::Failure),
        Column::Doubt => count(job.count(RecordedState::Ended(ChangeResult::NoAnswer)), Role::Uncertain),
        Column::NotSent => match (own, job.status) {
            (Some(own), _) => count(own.counts().get(JobPhase::NotSent), Role::Plain),
            // Only its own process knows which of them may still be sent.
            (None, JobStatus::Running) => plain(String::new()),
            (None, JobStatus::Finished | JobStatus::Interrupted) => count(not_sent(job), Role::Plain),
        },
        Column::Who => {
            let name = job.operator.name.as_str();
            plain(name.split_once('@').map_or(name, |(user, _)| user).to_owned())
        }
        Column::WhoAndHost => plain(job.operator.name.to_string()),
        Column::Started => plain(job.at.format_day_and_second()),
        Column::What => plain(pins_label(job).to_owned()),
    }
}

fn total(job: &JobSummary) -> usize {
    job.counts.values().sum()
}

/// How many numbers were not sent, or not yet.
fn not_sent(job: &JobSummary) -> usize {
    job.count(RecordedState::Ended(ChangeResult::NotSent)) + job.count(RecordedState::NotStarted)
}

fn done_label(job: &JobSummary) -> String {
    let done = total(job) - not_sent(job) - job.count(RecordedState::Running);
    format!("{} of {}", format_count(done), format_count(total(job)))
}

fn pins_label(job: &JobSummary) -> &'static str {
    match (job.pin_source, total(job)) {
        (PinSource::Random, _) => "random",
        (PinSource::Given, 1) => "typed",
        (PinSource::Given, _) => "same PIN",
    }
}

/// Draws what the job under the cursor needs, and who started it, or instead of that a message that is new.
fn paint_explanation(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let job = app.job_list().selected();
    let news = app.messages().news().map(str::to_owned);
    let warning = app.hide_warning();
    let role = if warning.is_some() { Role::Strong } else { Role::Plain };
    let notice = warning.or(news);
    let lines = if app.is_compact() {
        [notice.or_else(|| job.map(|job| summary_text(app, job))), None]
    } else {
        [job.map(|job| summary_text(app, job)), notice.or_else(|| job.map(origin_text))]
    };
    for (y, (line, role)) in (y..).zip(lines.into_iter().zip([Role::Plain, role])) {
        canvas.put_within(0, y, canvas.width().into(), line.as_deref().unwrap_or_default(), role);
    }
}

/// What became of a job, and what is left.
fn summary_text(app: &App, job: &JobSummary) -> String {
    let ended = |result| job.count(RecordedState::Ended(result));
    let in_flight = job.count(RecordedState::Running);
    let own = app.own_jobs().get(job.id);
    let (to_go, not_sent) = match (own.map(OwnJob::counts), job.status) {
        // The journal has what was given up only once the job has ended.
        (Some(own), _) => (own.open(), own.get(JobPhase::NotSent)),
        (None, JobStatus::Running) => (not_sent(job) + in_flight, 0),
        (None, JobStatus::Finished | JobStatus::Interrupted) => (0, not_sent(job)),
    };
    let counts = [
        (ended(ChangeResult::Failed), "failed"),
        (ended(ChangeResult::NoAnswer), "with no answer"),
        (job.count(RecordedState::NotApplied), "not applied"),
        (job.count(RecordedState::Resolved), "resolved"),
        (not_sent, "not sent"),
        (to_go, "to go"),
    ];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", format_count(*count)))
        .collect();
    let state = match (own, job.status) {
        (Some(own), _) => own_state_label(app, own),
        (None, JobStatus::Running) => {
            job.worker.as_ref().map_or_else(|| "is running".to_owned(), |worker| format!("is running ({worker})"))
        }
        (None, JobStatus::Finished) => "is finished".to_owned(),
        (None, JobStatus::Interrupted) => "was cut short".to_owned(),
    };
    let counts = if counts.is_empty() { "every number was set".to_owned() } else { counts.join(", ") };
    format!("Job {} {state}: {counts}.", job.id)
}

/// What a job of this process does, and if it waits for the operator, the keys that end that.
fn own_state_label(app: &App, own: &OwnJob) -> String {
    let open = app.keymap().key_label(&table::JOBS, &JobsAction::Open);
    let [go_on, stop] =
        [JobAction::PauseOrContinue, JobAction::Stop].map(|action| app.keymap().key_label(&table::JOB, &action));
    if own.is_held() {
        format!("waits for you ({open}, then {go_on} goes on, {stop} stops)")
    } else if own.is_paused() {
        format!("is paused ({open}, then {go_on} continues)")
    } else {
        "is running here".to_owned()
    }
}

/// Who started a job, when, and for what.
fn origin_text(job: &JobSummary) -> String {
    let note = job.note.as_ref().map_or(String::new(), |note| format!(" Note: {note}"));
    let profile: &CleanText = &job.profile;
    format!("Started {} by {}, profile {profile}.{note}", job.at.format_date_time(), job.operator.name)
}
