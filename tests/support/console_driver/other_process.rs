//! Another process with the same journal: what it records, the console must show.

use pindesk::domain::change::{ChangeId, StatusBefore};
use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::journal::{Intent, JobPlan, OutcomeRecord, PinSource};

use super::ConsoleDriver;
use crate::support::state_fixture::StateFixture;

impl StateFixture {
    /// Another process sends a PIN to a number and ends with this outcome.
    pub(crate) fn record_change(&self, id: &str, standing: Standing, at: UtcTime) {
        let number: PhoneNumberId = id.parse().expect("a valid ID");
        let (recorder, _) = self.open_journal(Clock::System);
        let journal = recorder.journal;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let numbers = vec![(number, None)];
            let plan = JobPlan { profile: CleanText::new("demo"), pin_source: PinSource::Given, note: None, numbers };
            let job = journal.start_job(plan).await.expect("recorded");
            let status_before = StatusBefore { two_step: TwoStep::NotSet, read_at: None };
            let change = ChangeId::new();
            let intent = Intent { change, job, number, waba: None, status_before, escrow_entry: None, at };
            journal.record_intent(intent).await.expect("recorded");
            let (job, will_retry) = (Some(job), false);
            let outcome = OutcomeRecord { change, job, number, waba: None, attempts: 1, standing, will_retry, at };
            journal.record_outcome(outcome).await.expect("recorded");
        });
        journal.close();
    }
}

impl StateFixture {
    /// Another process records a job with a random PIN for each of these numbers, and ends before it sends one.
    pub(crate) fn record_unsent_job(&self, ids: &[&str]) {
        let numbers = ids.iter().map(|id| (id.parse().expect("a valid ID"), None)).collect();
        let (recorder, _) = self.open_journal(Clock::System);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let plan = JobPlan { profile: CleanText::new("demo"), pin_source: PinSource::Random, note: None, numbers };
        runtime.block_on(recorder.journal.start_job(plan)).expect("recorded");
        recorder.journal.close();
    }
}

impl ConsoleDriver {
    /// Another process sends a PIN to a number and ends with this outcome, now.
    pub(crate) fn change_elsewhere(&mut self, id: &str, standing: Standing) -> &mut Self {
        self.state.record_change(id, standing, self.now.utc);
        self
    }
}
