//! The lines above the numbers of a job: how far it is, its counts, when it started, and what it waits for.
//!
//! It counts nothing: the counts are kept up as numbers change.

use std::time::{Duration, Instant};

use super::canvas::Canvas;
use crate::console::app::App;
use crate::console::shared::{JobCounts, JobNumbers, JobPhase, OwnJob};
use crate::console::theme::Role;
use crate::domain::clock::UtcTime;
use crate::domain::text::{format_count, width};
use crate::journal::{JobStatus, PinSource};
use crate::pace::{Pause, time_left_label};
use crate::policy::quota::{PauseCause, QuotaScope};

/// The cells of the bar in a compact window, in windows of 80 columns, and in those with a pane.
const BAR_CELLS: [usize; 3] = [20, 40, 60];

/// How many pauses the page tells at most. A job rarely has more WABAs.
const MAX_PAUSES: usize = 4;

/// The column of the counts behind the name of a paused WABA.
const PAUSE_LABEL_WIDTH: usize = 10;

/// The state of a job, with the word that its heading shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobActivity {
    /// This process works on it.
    Running,
    /// The operator paused it.
    PausedByOperator,
    /// Its first numbers have ended, and the others wait for the operator.
    Held,
    /// All numbers that are left wait for limits of Meta.
    Limited,
    /// Another process works on it.
    RunningElsewhere,
    /// No process works on it.
    Ended(JobStatus),
}

impl JobActivity {
    pub(super) fn of(app: &App, job: &JobNumbers) -> Self {
        let counts = counts(app, job);
        let all_wait = counts.waiting() > 0 && counts.open() == counts.waiting();
        match app.own_jobs().get(job.summary().id).map(Self::of_own) {
            Some(Self::Running) if all_wait && !app.own_jobs().limits().is_empty() => Self::Limited,
            Some(activity) => activity,
            None => match job.summary().status {
                JobStatus::Running if job.counts().open() > 0 => Self::RunningElsewhere,
                // Its last number has just ended here, and it is being read again.
                JobStatus::Running if job.counts().get(JobPhase::NotSent) > 0 => Self::Ended(JobStatus::Interrupted),
                JobStatus::Running => Self::Ended(JobStatus::Finished),
                status @ (JobStatus::Finished | JobStatus::Interrupted) => Self::Ended(status),
            },
        }
    }

    /// The state of a job of this process, as far as it can be told without its numbers: the limits of Meta are left out.
    pub(super) fn of_own(own: &OwnJob) -> Self {
        if own.is_held() {
            Self::Held
        } else if own.is_paused() {
            Self::PausedByOperator
        } else {
            Self::Running
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Running | Self::RunningElsewhere => "running",
            Self::PausedByOperator | Self::Limited => "paused",
            Self::Held => "waits for you",
            Self::Ended(JobStatus::Running | JobStatus::Finished) => "finished",
            Self::Ended(JobStatus::Interrupted) => "cut short",
        }
    }

    const fn is_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

/// What the job is.
pub(super) fn heading(app: &App, job: &JobNumbers) -> String {
    let (summary, count) = (job.summary(), job.counts().total());
    let numbers = if count == 1 { "1 number".to_owned() } else { format!("{} numbers", format_count(count)) };
    let pins = match (summary.pin_source, count) {
        _ if app.is_narrow() => return format!("Job {}, {numbers}", summary.id),
        (PinSource::Random, 1) => "a random PIN for",
        (PinSource::Random, _) => "a random PIN for each of",
        (PinSource::Given, 1) => "a PIN for",
        (PinSource::Given, _) => "the same PIN for",
    };
    format!("Job {}: {pins} {numbers}", summary.id)
}

/// The counts, with the queued numbers of a paused scope among those that wait.
fn counts(app: &App, job: &JobNumbers) -> JobCounts {
    let mut counts = *job.counts();
    if app.own_jobs().get(job.summary().id).is_none() {
        return counts;
    }
    let limits = app.own_jobs().limits();
    let is_all = |pause: &Pause| matches!(pause.scope, QuotaScope::App | QuotaScope::Token);
    let held = limits.iter().find(|pause| is_all(pause)).map_or_else(
        || {
            // A number that is limited itself is counted with its WABA, or not at all: its row says it.
            let wabas = limits.iter().filter(|pause| matches!(pause.scope, QuotaScope::Waba(_)));
            wabas.map(|pause| job.queued_in(pause.scope)).sum()
        },
        |pause| job.queued_in(pause.scope),
    );
    counts.move_between(JobPhase::Queued, JobPhase::Waiting, held);
    counts
}

/// Draws the lines from `y` on, and returns the line after them.
pub(super) fn paint(app: &App, job: &JobNumbers, now: Instant, canvas: &mut Canvas<'_>, y: u16) -> u16 {
    let own = app.own_jobs().get(job.summary().id);
    let (activity, counts) = (JobActivity::of(app, job), counts(app, job));
    paint_bar(app, own, &counts, activity, now, canvas, y);
    paint_counts(app, &counts, activity, canvas, y + 1);
    let mut y = y + 2;
    if !app.is_compact() {
        let times = times_label(app, job, own, activity, now);
        canvas.put_within(0, y, canvas.width().into(), &times, Role::Plain);
        y += 1;
        if let Some(note) = job.note_line() {
            canvas.put_within(0, y, canvas.width().into(), &note, Role::Plain);
            y += 1;
        }
    }
    if own.is_some() {
        let max = if app.is_compact() { 1 } else { MAX_PAUSES };
        for pause in app.own_jobs().limits().iter().take(max) {
            paint_pause(app, job, pause, now, canvas, y);
            y += 1;
        }
    }
    y
}

fn paint_bar(
    app: &App,
    own: Option<&OwnJob>,
    counts: &JobCounts,
    activity: JobActivity,
    now: Instant,
    canvas: &mut Canvas<'_>,
    y: u16,
) {
    let cells = match (app.is_narrow(), app.has_pane()) {
        (true, _) => BAR_CELLS[0],
        (false, false) => BAR_CELLS[1],
        (false, true) => BAR_CELLS[2],
    };
    let (done, total) = (counts.done(), counts.total().max(1));
    let filled = done * cells / total;
    let x = canvas.put(0, y, &canvas.theme.bar_cell().repeat(filled), Role::Plain);
    let x = canvas.put(x, y, &canvas.theme.horizontal_line().repeat(cells - filled), Role::Quiet);
    let x = canvas.put(x + 2, y, &format!("{} %", counts.percent()), Role::Strong);
    let pace = own.and_then(|own| own.pace(now));
    let text = if app.is_narrow() {
        own.and_then(|own| TimeLeft::of(app, own, activity, now)).map_or(String::new(), TimeLeft::short_text)
    } else {
        let pace = pace.map(|pace| if activity == JobActivity::Running { pace } else { 0.0 });
        let pace = pace.map_or(String::new(), |pace| format!("   {pace:.1}/s"));
        format!("{} of {}{pace}", format_count(done), format_count(counts.total()))
    };
    canvas.put(x + 2, y, &text, Role::Plain);
}

/// How long a job takes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeLeft {
    /// At most ten seconds.
    Seconds,
    /// So many times ten seconds.
    TensOfSeconds(u64),
    Minutes(u64),
}

impl TimeLeft {
    /// `None` if it is not known: the job does not go on by itself, or some of its numbers wait for limits of Meta.
    fn of(app: &App, own: &OwnJob, activity: JobActivity, now: Instant) -> Option<Self> {
        /// A shorter time is told in steps of ten seconds.
        const MINUTES_FROM: Duration = Duration::from_mins(2);
        let holds_numbers = |pause: &Pause| !matches!(pause.scope, QuotaScope::Number(_));
        let is_limited = app.own_jobs().limits().iter().any(holds_numbers);
        let left = own.time_left(now).filter(|_| activity == JobActivity::Running && !is_limited)?;
        Some(match left.as_secs().div_ceil(10) {
            0 | 1 => Self::Seconds,
            tens if left < MINUTES_FROM => Self::TensOfSeconds(tens),
            _ => Self::Minutes(left.as_secs().div_ceil(60)),
        })
    }

    fn short_text(self) -> String {
        match self {
            Self::Seconds => "seconds left".to_owned(),
            Self::TensOfSeconds(tens) => format!("{} s left", tens * 10),
            Self::Minutes(minutes) => format!("{minutes} min left"),
        }
    }

    /// The same as a sentence.
    fn sentence(self) -> String {
        match self {
            Self::Seconds => "A few seconds left. ".to_owned(),
            Self::TensOfSeconds(_) | Self::Minutes(_) => format!("About {}. ", self.short_text()),
        }
    }
}

fn paint_counts(app: &App, counts: &JobCounts, activity: JobActivity, canvas: &mut Canvas<'_>, y: u16) {
    let shown = |phase: JobPhase, label, role| (label, counts.get(phase), role);
    let resolved = Some(shown(JobPhase::Resolved, "resolved", Role::Plain)).filter(|(_, count, _)| *count > 0);
    let mut parts = vec![
        shown(JobPhase::Set, "set", Role::Plain),
        shown(JobPhase::Failed, "failed", Role::Failure),
        shown(JobPhase::NoAnswer, "no answer", Role::Uncertain),
    ];
    parts.extend(resolved);
    if app.is_narrow() {
        parts.push(("left", counts.open() + counts.get(JobPhase::NotSent), Role::Plain));
    } else {
        if activity.is_ended() || counts.get(JobPhase::NotSent) > 0 {
            parts.push(shown(JobPhase::NotSent, "not sent", Role::Plain));
        }
        if !activity.is_ended() {
            parts.push(shown(JobPhase::Sending, "sending", Role::Plain));
            parts.push(("waiting", counts.waiting(), Role::Plain));
            parts.push(shown(JobPhase::Queued, "queued", Role::Plain));
        }
    }
    // A running job with numbers that are not sent has the most counts.
    let columns: usize = parts.iter().map(|(label, count, _)| width(label) + 1 + format_count(*count).len()).sum();
    let has_room = |gap: &u16| columns + usize::from(*gap) * (parts.len() - 1) <= usize::from(canvas.width());
    let gap = [3, 2].into_iter().filter(|_| !app.is_narrow()).find(has_room).unwrap_or(1);
    let mut x = 0;
    for (label, count, role) in parts {
        x = canvas.put(x, y, label, Role::Plain);
        x = canvas.put(x + 1, y, &format_count(count), if count > 0 { role } else { Role::Plain }) + gap;
    }
}

fn times_label(app: &App, job: &JobNumbers, own: Option<&OwnJob>, activity: JobActivity, now: Instant) -> String {
    let summary = job.summary();
    let (total, utc_now) = (job.counts().total(), app.utc_now());
    let at = |time: UtcTime| {
        if time.day() == utc_now.day() { time.format_time() } else { time.format_day_and_second() }
    };
    let by = summary.operator.name.as_str();
    if activity.is_ended() {
        let end = job.last_end().map_or(String::new(), |end| format!(" to {}", at(end)));
        let set = format_count(job.counts().get(JobPhase::Set));
        return format!(
            "{}{end} UTC by {by}. PINs of {set} of {} numbers are set.",
            at(summary.at),
            format_count(total)
        );
    }
    let left = own.and_then(|own| TimeLeft::of(app, own, activity, now)).map_or(String::new(), TimeLeft::sentence);
    let is_elsewhere = activity == JobActivity::RunningElsewhere;
    let elsewhere = if is_elsewhere { format!(" {} works on it.", job.worker_label()) } else { String::new() };
    let goes_on = app.own_jobs().limits().iter().map(|pause| pause.until.utc).min();
    let goes_on = goes_on.filter(|_| activity == JobActivity::Limited);
    let end = goes_on.map_or_else(
        // A resumed job was confirmed again, for what was left.
        || format!(" Confirmed for {}.", format_count(own.map_or(total, |own| own.counts().total()))),
        |until| format!(" Goes on by itself at {until}."),
    );
    format!("{left}Started {} UTC by {by}.{elsewhere}{end}", at(summary.at))
}

fn paint_pause(app: &App, job: &JobNumbers, pause: &Pause, now: Instant, canvas: &mut Canvas<'_>, y: u16) {
    let label = match pause.scope {
        QuotaScope::App => "All calls".to_owned(),
        QuotaScope::Token => "This access token".to_owned(),
        QuotaScope::Waba(None) => "No known WABA".to_owned(),
        QuotaScope::Waba(Some(waba)) => app.scope_label(pause.scope).unwrap_or_else(|| waba.to_string()),
        QuotaScope::Number(number) => app.label(&number),
    };
    if app.is_narrow() {
        let text = format!("{label} paused until {} UTC", pause.until.utc.format_hour_minute());
        canvas.put_within(0, y, canvas.width().into(), &text, Role::Strong);
        return;
    }
    let why = match pause.cause {
        PauseCause::Throttled(code) => format!("Meta asks to go slower (code {code})"),
        PauseCause::QuotaUsedUp => "quota used up".to_owned(),
    };
    let left = pause.until.instant.saturating_duration_since(now);
    let waiting = format_count(job.queued_in(pause.scope));
    let x = canvas.put(0, y, &format!("{label:<PAUSE_LABEL_WIDTH$}"), Role::Strong);
    let x = canvas.put(x + 2, y, "paused until", Role::Plain);
    let x = canvas.put(x + 1, y, &pause.until.utc.to_string(), Role::Strong);
    canvas.put(x + 1, y, &format!("({}): {why}  {waiting} wait", time_left_label(left)), Role::Plain);
}
