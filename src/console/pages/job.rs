//! One job: its counts, and its numbers that need attention, or all of them.
//!
//! The numbers are shared, because progress keeps them up to date. The job goes on when the page closes.

use std::time::Instant;

use super::PageBehavior;
use crate::console::effect::{ScreenCommand, WorkCommand};
use crate::console::go::{Destination, PathPurpose, Step};
use crate::console::input::keymap::{FooterKey, JobAction, KeyTable, Motion, table};
use crate::console::job_remainder::{JobRemainder, ResumeRequest};
use crate::console::shared::{Connection, JobNumbers, JobPhase, JobRow, OwnJob, Shared};
use crate::domain::change::JobId;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PinChoice;
use crate::domain::text::{count_numbers, format_count};
use crate::journal::PinSource;
use crate::pace::next_time_left_change;

/// How many numbers one key refreshes at most: each is a call that counts against the quota of its WABA.
const MAX_REFRESHED_AT_ONCE: usize = 1_000;

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
    pub fn selected<'a>(&self, shared: &'a Shared) -> Option<JobRow<'a>> {
        shared.jobs.open.numbers()?.rows(self.shows_all, self.cursor_index(shared)?).next()
    }

    /// Why this process cannot pause or stop the job; `None` if it can.
    fn own_job_hint(&self, shared: &Shared) -> Option<String> {
        if shared.jobs.own.get(self.id).is_some() {
            return None;
        }
        Some(match shared.jobs.open.numbers().filter(|numbers| numbers.is_running()) {
            Some(numbers) => {
                format!("{} works on job {}: only that process can pause or stop it.", numbers.worker_label(), self.id)
            }
            None => format!("Job {} is not running.", self.id),
        })
    }

    fn refuse(self, hint: String, shared: &mut Shared) -> Step<Self> {
        shared.messages.set_hint(hint);
        Step::stay(self)
    }

    fn pause_or_continue(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        if let Some(hint) = self.own_job_hint(shared) {
            return self.refuse(hint, shared);
        }
        let (own, id) = (&mut shared.jobs.own, self.id);
        let was_paused = own.get(id).is_some_and(OwnJob::is_paused);
        let is_held = own.get(id).is_some_and(OwnJob::is_held);
        let mut step = Step::stay(self);
        if is_held {
            own.release(id, now.instant);
            step = step.with(WorkCommand::SendHeld(id));
        }
        own.set_paused(id, !was_paused && !is_held, now.instant);
        match (was_paused, is_held) {
            (true, _) => step.with(WorkCommand::ContinueJob(id)),
            (false, true) => step,
            (false, false) => step.with(WorkCommand::PauseJob(id)),
        }
    }

    /// Asks before what is left is sent, or if nothing is left, what Meta refused.
    fn ask_to_resume(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let Some(numbers) = shared.jobs.open.numbers() else { return Step::stay(self) };
        let (id, summary) = (self.id, numbers.summary());
        let have_failed = numbers.left_count() == 0;
        let (began, pin_source) = (summary.at, summary.pin_source);
        let (newer, left): (Vec<_>, Vec<_>) =
            numbers.left(have_failed).partition(|number| shared.is_set_since(&number.number, began));
        let set_since = newer.len() + numbers.set_since(have_failed);
        let left: Vec<_> = left.into_iter().map(|number| shared.job_target(number)).collect();
        let is_of_profile = shared.session.profile.as_deref() == Some(summary.profile.as_str());
        let hint = if numbers.is_running() {
            format!("Job {id} is running. What it leaves can be sent when it has ended.")
        } else if !is_of_profile {
            format!("Job {id} belongs to profile {}.", summary.profile)
        } else if pin_source == PinSource::Random && !shared.has_escrow() {
            "Different PINs need a file to save them in. Set escrow.recipients in the config.".to_owned()
        } else if !left.is_empty() {
            let keys = shared.resend_keys_in_list();
            let reason = left.iter().find_map(|number| shared.new_pin_block_reason(&number.id, &keys, now));
            let remainder = JobRemainder::new(id, began, left, have_failed, set_since);
            return match (reason, pin_source) {
                (Some(reason), _) => Step::blocked(self, reason, shared),
                (None, PinSource::Given) => Step::open(self, Destination::JobPin(Box::new(remainder))),
                (None, PinSource::Random) => {
                    let request = ResumeRequest { remainder, pins: PinChoice::Random };
                    Step::open(self, Destination::ResumeJob(Box::new(request)))
                }
            };
        } else if set_since > 0 {
            format!("Every number that job {id} left has a newer PIN. Nothing is left to send.")
        } else {
            format!("Nothing of job {id} is left to send.")
        };
        self.refuse(hint, shared)
    }

    /// Reads the numbers with no answer: where two-step verification is still not set, nothing was applied.
    fn refresh_in_doubt(self, shared: &mut Shared) -> Step<Self> {
        if let Connection::TokenRefused(_) = shared.connection {
            return Step::stay(self).with(ScreenCommand::ReadToken);
        }
        let mut ids: Vec<_> = shared.jobs.open.numbers().into_iter().flat_map(JobNumbers::in_doubt).collect();
        let all = ids.len();
        if all > MAX_REFRESHED_AT_ONCE {
            ids.sort_by_cached_key(|id| shared.number(id).and_then(|number| number.read_at));
            ids.truncate(MAX_REFRESHED_AT_ONCE);
        }
        let key = shared.keymap.key_label(&table::JOB, &JobAction::RefreshInDoubt);
        let hint = match ids.len() {
            0 => "No number of this job is in doubt.".to_owned(),
            count if count < all => {
                let [count, all] = [count, all].map(format_count);
                format!("Refreshing {count} of {all} numbers. Press {key} again for those that were read longest ago.")
            }
            count => format!("Refreshing {}.", count_numbers(count)),
        };
        shared.messages.set_hint(hint);
        ids.into_iter().fold(Step::stay(self), |step, id| step.with(shared.refresh_number(id)))
    }

    /// What some keys do now, for the footer.
    fn footer_labels(&self, shared: &Shared) -> Vec<(JobAction, String)> {
        let mut labels = Vec::new();
        if shared.jobs.own.get(self.id).is_some_and(|job| job.is_held() || job.is_paused()) {
            labels.push((JobAction::PauseOrContinue, "go on".to_owned()));
        }
        if let Some(numbers) = shared.jobs.open.numbers() {
            let resume = match numbers.left_count() {
                0 => format!("retry {} failed", format_count(numbers.failed_count())),
                left => format!("resume {}", format_count(left)),
            };
            let in_doubt = format_count(numbers.counts().get(JobPhase::NoAnswer));
            labels.push((JobAction::Resume, resume));
            labels.push((JobAction::RefreshInDoubt, format!("refresh {in_doubt} no answer")));
        }
        labels
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

    fn on_action(mut self, action: JobAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
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
            JobAction::PauseOrContinue => self.pause_or_continue(shared, now),
            JobAction::Stop => match self.own_job_hint(shared) {
                None => {
                    let id = self.id;
                    Step::open(self, Destination::StopJob(id))
                }
                Some(hint) => self.refuse(hint, shared),
            },
            JobAction::RefreshInDoubt => self.refresh_in_doubt(shared),
            JobAction::Resume => self.ask_to_resume(shared, now),
            JobAction::Report if shared.jobs.open.numbers().is_some() => {
                let report = Destination::Path(PathPurpose::ReportJob(self.id));
                Step::open(self, report)
            }
            JobAction::Report => self.refuse("The job was not read yet.".to_owned(), shared),
            JobAction::Move(motion) => {
                self.move_cursor(motion, shared);
                Step::stay(self)
            }
        }
    }

    fn footer(&self, shared: &Shared) -> Vec<FooterKey> {
        let key = |action| shared.keymap.key_label(&table::JOB, &action);
        let labels: Vec<_> =
            self.footer_labels(shared).into_iter().map(|(action, label)| (key(action), label)).collect();
        let keys = shared.keymap.footer(self.keys(shared), |action| self.is_available(action, shared));
        keys.map(|footer| match labels.iter().find(|(key, _)| *key == footer.key) {
            Some((_, label)) => FooterKey { label: label.clone().into(), ..footer },
            None => footer,
        })
        .collect()
    }

    fn next_wake(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        shared.jobs.own.get(self.id)?;
        shared.jobs.own.limits().iter().filter_map(|pause| next_time_left_change(pause.until.instant, now)).min()
    }

    fn is_available(&self, action: &JobAction, shared: &Shared) -> bool {
        match action {
            JobAction::PauseOrContinue | JobAction::Stop => shared.jobs.own.get(self.id).is_some(),
            JobAction::Resume => {
                let numbers = shared.jobs.open.numbers().filter(|numbers| !numbers.is_running());
                numbers.is_some_and(|numbers| numbers.left_count() + numbers.failed_count() > 0)
            }
            JobAction::RefreshInDoubt => {
                let numbers = shared.jobs.open.numbers();
                numbers.is_some_and(|numbers| numbers.counts().get(JobPhase::NoAnswer) > 0)
            }
            JobAction::Move(_)
            | JobAction::Open
            | JobAction::ToggleFilter
            | JobAction::Report
            | JobAction::Messages
            | JobAction::Help
            | JobAction::HideScreen
            | JobAction::Back => true,
        }
    }

    fn lets_rows_move(&self) -> bool {
        // It shows no row of the list, and opens other pages by phone number ID.
        true
    }
}
