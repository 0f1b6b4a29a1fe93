//! The jobs of a walk: what is reported of them, which keys may reach them, and their counts.

use std::collections::{BTreeSet, HashSet};

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;
use pindesk::console::shared::{JobCounts, JobPhase, OwnJob};
use pindesk::domain::change::{ChangeState, JobId};
use pindesk::domain::number::PhoneNumberId;
use pindesk::domain::pin::PinChoice;
use pindesk::domain::pin_plan::PinPlan;
use pindesk::journal::{JobDetail, PinSource};

use super::Walker;
use crate::random_walk::samples::{JOB, LABELS, job_detail, number_id};

const PHASES: [JobPhase; 9] = [
    JobPhase::Set,
    JobPhase::Failed,
    JobPhase::NoAnswer,
    JobPhase::Resolved,
    JobPhase::Sending,
    JobPhase::Waiting,
    JobPhase::WaitingInDoubt,
    JobPhase::Queued,
    JobPhase::NotSent,
];

/// What the screen says of a job before a message.
pub(super) struct JobBefore {
    mode: Mode,
    /// The job of the page.
    job: Option<JobId>,
    /// This process works on it.
    is_own: bool,
    /// Its first numbers ended, and the others wait.
    pub(super) is_held: bool,
    /// The numbers that it left, as far as the page knows.
    left: HashSet<PhoneNumberId>,
}

impl JobBefore {
    /// A job is paused, and what waits is sent, only by its key on its page.
    pub(super) fn check_pause_key(&self, job: JobId, key: Option<Key>) {
        assert!(self.mode == Mode::Job && key == Some(Key::Char('w')) && self.is_own, "{key:?}");
        assert_eq!(self.job, Some(job));
    }
}

impl Walker {
    /// This process starts or resumes the job.
    pub(super) fn job_started(numbers: &[usize], send_first: Option<usize>) -> Msg {
        let numbers: BTreeSet<_> = numbers.iter().map(|index| number_id(*index)).collect();
        Msg::JobStarted { job: JOB, numbers: numbers.into_iter().collect(), send_first }
    }

    /// The journal has the job, or has it otherwise than before. Its start and the kind of its PINs never change.
    pub(super) fn job_recorded(&mut self, status: usize, numbers: &[usize], is_given: bool) -> Msg {
        let mut detail = job_detail(status, numbers, is_given, self.now.utc);
        if let Some(JobDetail { summary, .. }) = &self.recorded_job {
            (detail.summary.at, detail.summary.pin_source) = (summary.at, summary.pin_source);
        }
        self.recorded_job = Some(detail);
        Msg::JobsChanged(BTreeSet::from([JOB]))
    }

    pub(super) fn job_before(&self) -> JobBefore {
        let job = if let Page::Job(page) = self.app.page() {
            Some(page.id)
        } else if let Page::JobStop(page) = self.app.page() {
            Some(page.id)
        } else {
            None
        };
        let own = job.and_then(|job| self.app.own_jobs().get(job));
        let numbers = self.app.open_job().numbers().filter(|_| self.app.mode() == Mode::Job);
        let left = numbers.map(|numbers| {
            let is_left = |id: &PhoneNumberId| !self.is_set_since_start(id);
            let records = numbers.left(false).chain(numbers.left(true));
            records.map(|record| record.number).filter(is_left).collect()
        });
        JobBefore {
            mode: self.app.mode(),
            job,
            is_own: own.is_some(),
            is_held: own.is_some_and(OwnJob::is_held),
            left: left.unwrap_or_default(),
        }
    }

    /// True if the list knows of a PIN that was set after the job began.
    fn is_set_since_start(&self, id: &PhoneNumberId) -> bool {
        let last_set = self.app.roster().get(id).and_then(|row| row.last_set.as_ref().map(|last_set| last_set.at));
        last_set.zip(self.recorded_job.as_ref()).is_some_and(|(at, detail)| at > detail.summary.at)
    }

    /// Remembers what `t` asks about.
    pub(super) fn track_offer(&mut self, before: JobBefore) {
        let asks = matches!(self.app.mode(), Mode::JobPin | Mode::JobResume);
        if let (Mode::Job, Some(job), true) = (before.mode, before.job, asks) {
            self.offered = Some((job, before.left));
        }
    }

    /// A job goes on only after the count of what it left was typed, and only with numbers that it left.
    pub(super) fn check_resumed_job(
        &mut self,
        job: JobId,
        plan: &PinPlan,
        key: Option<Key>,
        before: &[(PhoneNumberId, ChangeState)],
    ) {
        let numbers = self.check_counted(Mode::JobResume, plan, key);
        let (offered_job, offered) = self.offered.take().expect("a job was offered");
        assert_eq!(job, offered_job, "another job goes on");
        assert!(numbers.iter().all(|number| offered.contains(number)), "numbers that the job did not leave: {plan:?}");
        for number in &numbers {
            assert!(!self.is_set_since_start(number), "a PIN that was set since is replaced");
            self.check_no_concurrent_pin(*number, before);
        }
        let is_given = self.recorded_job.as_ref().is_some_and(|job| job.summary.pin_source == PinSource::Given);
        match plan.pins {
            PinChoice::Fixed(_) => assert!(is_given, "a typed PIN for a job with random ones"),
            PinChoice::Drawn(_) | PinChoice::Random => {
                assert!(!is_given && self.has_escrow(), "random PINs were sent that are saved nowhere");
            }
        }
    }

    /// A job stops only after its question, by the key that confirms it.
    pub(super) fn check_stopped_job(&mut self, job: JobId, key: Option<Key>, before: &JobBefore) {
        assert_eq!((before.mode, before.job, before.is_own), (Mode::JobStop, Some(job), true));
        let question = self.question.take().expect("a confirmation is open");
        assert_eq!((question.mode, key), (Mode::JobStop, Some(Key::Char('y'))));
        assert!(question.is_read && question.was_quiet, "not y after a quiet time");
    }

    /// Each number of a job is in exactly one phase, and counted there.
    pub(super) fn check_job_counts(&self) {
        let check = |counts: &JobCounts, phases: &[JobPhase]| {
            assert_eq!(counts.total(), phases.len(), "{counts:?}");
            for phase in PHASES {
                assert_eq!(counts.get(phase), phases.iter().filter(|other| **other == phase).count(), "{phase:?}");
            }
        };
        if let Some(own) = self.app.own_jobs().get(JOB) {
            let states = (0..LABELS.len()).filter_map(|index| own.state(&number_id(index)));
            check(own.counts(), &states.map(|state| JobPhase::of_change(state)).collect::<Vec<_>>());
        }
        let Some(numbers) = self.app.open_job().numbers() else { return };
        let phases: Vec<_> = numbers.rows(true, 0).map(|row| row.phase(numbers.is_running())).collect();
        check(numbers.counts(), &phases);
        let (shown, all) = (numbers.rows(false, 0).count(), numbers.rows(true, 0).count());
        assert_eq!((numbers.len(false), numbers.len(true)), (shown, all));
    }
}
