//! The jobs of the journal: of this process and of others, from console and commands.
//!
//! The jobs and the cursor are shared, because they outlive the page. It changes no job.

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{JobsAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The list of jobs.
#[derive(Debug)]
pub struct JobsPage;

impl PageBehavior for JobsPage {
    type Action = JobsAction;
    const ON_INTERRUPT: JobsAction = JobsAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<JobsAction> {
        &table::JOBS
    }

    fn on_action(self, action: JobsAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            JobsAction::Back => Step::back(),
            JobsAction::Messages => Step::open(self, Destination::Messages),
            JobsAction::Help => Step::open(self, Destination::Help),
            JobsAction::HideScreen => Step::reset(Destination::Hidden(None)),
            JobsAction::Open => match shared.jobs.list.selected().map(|job| job.id) {
                Some(id) => {
                    shared.jobs.list.select(id);
                    Step::open(self, Destination::Job(id))
                }
                None => Step::stay(self),
            },
            JobsAction::Move(motion) => {
                let page = usize::from(shared.jobs_rows()).saturating_sub(1).max(1);
                shared.jobs.list.move_cursor(motion, page);
                Step::stay(self)
            }
        }
    }

    fn lets_rows_move(&self) -> bool {
        // It shows no number.
        true
    }
}
