//! One job: its counts, and its numbers that need attention, or all of them.
//!
//! The numbers are shared, because progress keeps them up to date. The job goes on when the page closes.

use std::time::{Duration, Instant};

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{JobAction, KeyTable, Motion, table};
use crate::console::shared::{JobRow, Shared};
use crate::domain::change::JobId;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;

/// The page of a job.
#[derive(Debug)]
pub struct JobPage {
    /// The job.
    pub id: JobId,
    /// True if it shows all numbers, and not only those that need attention.
    pub shows_all: bool,
    /// The number under the cursor; the first one until a key moves it.
    pub cursor: Option<PhoneNumberId>,
}

impl JobPage {
    /// The page of a job, with the numbers that need attention.
    #[must_use]
    pub const fn new(id: JobId) -> Self {
        Self { id, shows_all: false, cursor: None }
    }

    /// The position of the cursor among the shown numbers; `None` if none is shown.
    #[must_use]
    pub fn cursor_index(&self, shared: &Shared) -> Option<usize> {
        shared.jobs.open.numbers()?.position(self.cursor.as_ref(), self.shows_all)
    }

    /// The number under the cursor.
    #[must_use]
    pub fn selected<'a>(&self, shared: &'a Shared) -> Option<&'a JobRow> {
        shared.jobs.open.numbers()?.rows(self.shows_all, self.cursor_index(shared)?).next()
    }

    fn move_cursor(&mut self, motion: Motion, shared: &Shared) {
        let Some((numbers, index)) = shared.jobs.open.numbers().zip(self.cursor_index(shared)) else { return };
        let page = usize::from(shared.job_rows()).saturating_sub(1).max(1);
        let target = motion.target(index, page, numbers.len(self.shows_all));
        self.cursor = numbers.rows(self.shows_all, target).next().map(|row| row.record.number);
    }
}

impl PageBehavior for JobPage {
    type Action = JobAction;
    const ON_INTERRUPT: JobAction = JobAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<JobAction> {
        &table::JOB
    }

    fn on_action(mut self, action: JobAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            JobAction::Back => Step::back(),
            JobAction::Messages => Step::open(self, Destination::Messages),
            JobAction::Help => Step::open(self, Destination::Help),
            JobAction::HideScreen => Step::reset(Destination::Hidden(None)),
            JobAction::Open => match self.selected(shared).map(|row| row.record.number) {
                Some(id) => {
                    self.cursor = Some(id);
                    Step::open(self, Destination::Number(id))
                }
                None => Step::stay(self),
            },
            JobAction::ToggleFilter => {
                self.cursor = self.selected(shared).map(|row| row.record.number);
                self.shows_all = !self.shows_all;
                Step::stay(self)
            }
            JobAction::Move(motion) => {
                self.move_cursor(motion, shared);
                Step::stay(self)
            }
        }
    }

    fn next_wake(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        shared.jobs.own.get(self.id)?;
        // The minutes of a pause are whole ones.
        shared.jobs.own.limits().iter().filter_map(|pause| next_minute_change(pause.until.instant, now)).min()
    }

    fn lets_rows_move(&self) -> bool {
        // It shows no row of the list, and opens other pages by phone number ID.
        true
    }
}

/// When the minutes until a time, counted up, change next.
fn next_minute_change(until: Instant, now: Instant) -> Option<Instant> {
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let shown_minutes = left.as_millis().div_ceil(60_000);
    let shown = Duration::from_mins(u64::try_from(shown_minutes).ok()? - 1);
    until.checked_sub(shown)
}
