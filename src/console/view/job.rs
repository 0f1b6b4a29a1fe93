//! The page of a job: its progress, and its numbers that need attention, or all of them.
//!
//! It draws only the visible rows. It changes nothing.

use std::time::Instant;

use ratatui::layout::Position;

use super::canvas::Canvas;
use super::job_head::{self, JobActivity};
use super::row_scroll::{RowScroll, position_label};
use super::{PaintResult, job_pane, job_row};
use crate::console::app::App;
use crate::console::input::keymap::{JobAction, NumberAction, table};
use crate::console::pages::job::JobPage;
use crate::console::shared::{JobNumbers, JobPhase, JobRow, PAGE_WIDTH_BESIDE_PANE, RecordingStatus};
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::text::format_count;
use crate::journal::{JobStatus, PinSource};

/// The first column and the width of the columns of a row.
const NUMBER: (u16, usize) = (4, 17);
const REQUEST: (u16, usize) = (23, 14);
const REASON: u16 = 38;

/// The first line below the heading.
const TOP: u16 = 2;

pub(super) fn paint(
    app: &App,
    page: &JobPage,
    now: Instant,
    canvas: &mut Canvas<'_>,
    scroll: &mut RowScroll,
) -> PaintResult {
    let Some(job) = app.open_job().numbers() else {
        canvas.draw_rule(1, &[(&format!("Job {}", page.id), Role::Strong)], "");
        canvas.put_within(2, TOP + 1, usize::from(canvas.width()).saturating_sub(3), &missing_label(app), Role::Plain);
        canvas.draw_page_end(app, (0, 0), None);
        return PaintResult { cursor: Some(Position { x: 0, y: TOP + 1 }), max_scroll: 0 };
    };
    let activity = JobActivity::of(app, job);
    canvas.draw_rule(1, &[(&job_head::heading(app, job), Role::Strong)], activity.label());
    let mut top = job_head::paint(app, job, now, canvas, TOP);
    let pane_top = top;
    if !app.is_compact() {
        paint_filter(job, page, canvas, top);
        for (x, heading) in [(NUMBER.0, "NUMBER"), (REQUEST.0, "REQUEST"), (REASON, "REASON")] {
            canvas.put(x, top + 1, heading, Role::Strong);
        }
        top += 2;
    }
    let has_pane = app.has_pane();
    // Rule, number, message, keys. The pane and a small window have one line less.
    let frame = if app.is_compact() || has_pane { 3 } else { 4 };
    let end = canvas.height().saturating_sub(frame).max(top);
    let cursor = paint_rows(app, job, page, now, canvas, top..end, scroll);
    let selected = page.selected(app);
    if has_pane {
        job_pane::paint(app, job, selected, canvas, pane_top..end);
    }
    canvas.draw_rule(end, &[], &position_label(page.cursor_index(app), job.len(page.shows_all)));
    if !has_pane && !app.is_compact() {
        paint_selected(app, selected, canvas, end + 1);
    }
    paint_message(app, job, selected, activity, canvas);
    PaintResult { cursor: Some(Position { x: 0, y: cursor }), max_scroll: 0 }
}

/// Why there is nothing to show.
fn missing_label(app: &App) -> String {
    match app.recording_status() {
        RecordingStatus::Opening => "The journal is still being opened.".to_owned(),
        RecordingStatus::Unusable(why) => format!("The journal cannot be read: {why}"),
        RecordingStatus::Ready { .. }
        | RecordingStatus::RecipientsChanged { .. }
        | RecordingStatus::Damaged(_)
        | RecordingStatus::JournalFailed(_) => {
            let has_failed = app.open_job().has_read_failed();
            if has_failed { "This job could not be read." } else { "Reading the job." }.to_owned()
        }
    }
}

/// Draws which numbers are shown.
fn paint_filter(job: &JobNumbers, page: &JobPage, canvas: &mut Canvas<'_>, y: u16) {
    let not_sent = job.shown_not_sent();
    let [all, others, unsent] = [job.len(true), job.len(false) - not_sent, not_sent].map(format_count);
    let (label, rest) = match (page.shows_all, job.is_running()) {
        (true, _) => ("All numbers", format!(" ({all})")),
        (false, true) => ("Needs attention", format!(": failed, no answer, retrying ({others})")),
        (false, false) if not_sent > 0 => {
            ("Needs attention", format!(": failed, no answer ({others}), then not sent ({unsent})"))
        }
        (false, false) => ("Needs attention", format!(": failed, no answer ({others})")),
    };
    let x = canvas.put(0, y, label, Role::Strong);
    canvas.put(x, y, &rest, Role::Plain);
}

/// Draws the visible rows, and returns the line of the cursor.
fn paint_rows(
    app: &App,
    job: &JobNumbers,
    page: &JobPage,
    now: Instant,
    canvas: &mut Canvas<'_>,
    lines: std::ops::Range<u16>,
    scroll: &mut RowScroll,
) -> u16 {
    let selected = page.cursor_index(app);
    let height = lines.end.saturating_sub(lines.start);
    let visible = scroll.visible(selected.unwrap_or(0), job.len(page.shows_all), height);
    let width = if app.has_pane() { PAGE_WIDTH_BESIDE_PANE } else { canvas.width() };
    let mut cursor = lines.start;
    if selected.is_none() && height > 0 {
        canvas.put(NUMBER.0, lines.start, "None.", Role::Plain);
    }
    let rows = job.rows(page.shows_all, visible.start).zip(visible);
    for (y, (row, index)) in lines.zip(rows) {
        paint_row(app, row, job.is_running(), now, canvas, (y, width));
        if selected == Some(index) {
            canvas.put(0, y, ">", Role::Plain);
            canvas.highlight_row_before(y, width);
            cursor = y;
        }
    }
    cursor
}

fn paint_row(
    app: &App,
    row: JobRow<'_>,
    is_running: bool,
    now: Instant,
    canvas: &mut Canvas<'_>,
    (y, width): (u16, u16),
) {
    canvas.put_within(NUMBER.0, y, NUMBER.1, &app.label(&row.record.number), Role::Plain);
    let (symbol, text, role) = job_row::request_cell(row, is_running, now, app.utc_now());
    // The words of a PIN that was set stay plain.
    let words = if symbol == StatusSymbol::Yes { Role::Plain } else { role };
    let x = canvas.put(REQUEST.0, y, canvas.theme.symbol(symbol), role);
    canvas.put_within(x + 1, y, REQUEST.1 - 2, &text, words);
    let reason_columns = usize::from(width.saturating_sub(REASON + 1));
    if !app.is_compact() {
        canvas.put_within(REASON, y, reason_columns, &job_row::reason(row), Role::Plain);
    }
}

/// Draws the name of the number under the cursor, and the first thing to do.
fn paint_selected(app: &App, row: Option<JobRow<'_>>, canvas: &mut Canvas<'_>, y: u16) {
    let Some(row) = row else { return };
    let name = job_pane::name(app, row).unwrap_or_else(|| app.label(&row.record.number));
    let advice = job_row::explanation(row).and_then(|explanation| explanation.advice.first().copied());
    let text = advice.map_or_else(|| name.clone(), |advice| format!("{name}: {advice}"));
    canvas.put_within(0, y, canvas.width().into(), &text, Role::Plain);
}

/// Draws what is new, or what happens to the job by itself and what does not.
fn paint_message(app: &App, job: &JobNumbers, row: Option<JobRow<'_>>, activity: JobActivity, canvas: &mut Canvas<'_>) {
    let y = canvas.height().saturating_sub(2);
    let warning = app.hide_warning();
    let role = if warning.is_some() { Role::Strong } else { Role::Plain };
    let news = warning.or_else(|| app.messages().news().map(str::to_owned));
    let text = news.unwrap_or_else(|| match row.filter(|_| app.is_compact()) {
        Some(row) => job_row::reason(row).into_owned(),
        None => activity_label(app, job, activity),
    });
    canvas.put_within(0, y, canvas.width().into(), &text, role);
}

fn activity_label(app: &App, job: &JobNumbers, activity: JobActivity) -> String {
    let key = |action| app.keymap().key_label(&table::JOB, &action);
    let text = match activity {
        JobActivity::Running => {
            let back = key(JobAction::Back);
            return format!("{back}: back, the job goes on. If SSH drops, it stops safely and can be resumed.");
        }
        JobActivity::PausedByOperator => {
            let key = key(JobAction::PauseOrContinue);
            return format!("You paused this job. {key} continues.");
        }
        JobActivity::Held => {
            let others = format_count(job.counts().open());
            let (send, stop) = (key(JobAction::PauseOrContinue), key(JobAction::Stop));
            return format!("Look at the result. {send} goes on with {others}, {stop} ends the job.");
        }
        JobActivity::Limited => "Nothing to do: after each pause pindesk sends 1 PIN first, then the rest.",
        JobActivity::RunningElsewhere => {
            return format!("{} works on this job. Only that process can pause or stop it.", job.worker_label());
        }
        JobActivity::Ended(JobStatus::Interrupted) => {
            let (count, refused) = if job.is_running() {
                (job.counts().get(JobPhase::NotSent), 0)
            } else {
                (job.left_count(), job.refused_left_count())
            };
            return format!("{} {} resumes the job.", left_label(count, refused), key(JobAction::Resume));
        }
        JobActivity::Ended(JobStatus::Running | JobStatus::Finished) => {
            if app.has_escrow() && job.summary().pin_source == PinSource::Random {
                let copy = app.keymap().key_label(&table::DETAILS, &NumberAction::PickCopy);
                return format!(
                    "Each PIN is in the escrow. On the page of a number, {copy} has the command that opens it."
                );
            }
            ""
        }
    };
    text.to_owned()
}

/// How many numbers are left to send, and how many of them were refused before: the counts show those as failed.
fn left_label(count: usize, refused: usize) -> String {
    let numbers = if count == 1 { "number is" } else { "numbers are" };
    let refused = match refused {
        0 => String::new(),
        refused if refused == count => ", refused before".to_owned(),
        refused => format!(", {} of them refused before", format_count(refused)),
    };
    format!("{} {numbers} left to send{refused}.", format_count(count))
}
