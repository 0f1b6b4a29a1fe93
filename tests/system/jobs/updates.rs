//! What other processes with the same journal do: the actor reports it, unless it works on the number itself.

use pindesk::domain::change::{
    Change, ChangeId, ChangeState, DoubtEnd, JobId, Progress, ProgressSource, Resolution, StatusBefore,
};
use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::TwoStep;
use pindesk::domain::outcome::DoubtReason;
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::jobs::Recorder;
use pindesk::journal::{Intent, JobPlan, OutcomeRecord, PinSource, RecordCursor};

use super::{JobsFixture, id, pin, plans};

/// An actor that sends nothing, because no server listens, and another process beside it.
struct OtherProcess {
    fixture: JobsFixture,
    other: Recorder,
    job: JobId,
    cursor: RecordCursor,
}

impl OtherProcess {
    async fn start() -> Self {
        let fixture = JobsFixture::new("http://127.0.0.1:1", "SIMULATOR", 1);
        let (other, _) = fixture.state.open_journal(Clock::System);
        let numbers = vec![(id(1), None)];
        let plan = JobPlan { profile: CleanText::new("acme"), pin_source: PinSource::Given, note: None, numbers };
        let job = other.journal.start_job(plan).await.expect("recorded");
        let cursor = fixture.recorder.journal.open_reader().and_then(|reader| reader.record_cursor());
        Self { fixture, other, job, cursor: cursor.expect("readable") }
    }

    /// The other process sends a PIN to number 1.
    async fn send_pin(&self) -> Change {
        let status_before = StatusBefore { two_step: TwoStep::NotSet, read_at: None };
        let change =
            Change { id: ChangeId::new(), job: self.job, status_before, number: id(1), waba: None, pin: pin(1) };
        let intent = Intent {
            change: change.id,
            job: self.job,
            number: id(1),
            waba: None,
            status_before,
            escrow_entry: None,
            at: UtcTime::now(),
        };
        self.other.journal.record_intent(intent).await.expect("recorded");
        change
    }

    async fn record_outcome(&self, change: &Change, standing: Standing) {
        let record = OutcomeRecord {
            change: change.id,
            job: Some(self.job),
            number: id(1),
            waba: None,
            attempts: 1,
            standing,
            will_retry: false,
            at: UtcTime::now(),
        };
        self.other.journal.record_outcome(record).await.expect("recorded");
    }

    /// Hands the actor what is new in the journal.
    fn update(&mut self) {
        let reader = self.fixture.recorder.journal.open_reader().expect("readable");
        let updates = reader.number_updates(&mut self.cursor, Clock::System).expect("readable");
        self.fixture.jobs.handle_updates(updates);
    }

    async fn progress(&mut self) -> Progress {
        self.fixture.progress.recv().await.expect("the actor is running")
    }

    /// The next state of number 1, which comes from the journal.
    async fn state_from_journal(&mut self) -> ChangeState {
        let progress = self.progress().await;
        assert!(matches!(progress.source, ProgressSource::Journal(_)), "{progress:?}");
        progress.state
    }
}

fn no_answer() -> Standing {
    Standing::in_doubt(DoubtReason::SuccessNotTrue)
}

#[tokio::test]
async fn a_pin_that_another_process_set_is_reported_with_who_did() {
    let mut test = OtherProcess::start().await;
    let change = test.send_pin().await;
    test.update();
    test.record_outcome(&change, Standing::Set).await;
    test.update();
    let progress = test.progress().await;
    let (ChangeState::Set(completion), ProgressSource::Journal(Some(last_set))) = (&progress.state, &progress.source)
    else {
        panic!("{progress:?}")
    };
    assert_eq!((progress.number, progress.job, last_set.at), (id(1), Some(test.job), completion.at));
    assert!(last_set.by.as_str().contains('@') && last_set.escrow_keys.is_none(), "{last_set:?}");
}

#[tokio::test]
async fn a_doubt_of_another_process_can_be_resolved_after_its_end() {
    let mut test = OtherProcess::start().await;
    let change = test.send_pin().await;
    test.record_outcome(&change, no_answer()).await;
    test.update();
    assert!(matches!(test.state_from_journal().await, ChangeState::InDoubt(_)));
    test.fixture.jobs.resolve_manually(id(1), CleanText::new("too early: the other process may send it again"));
    test.other.journal.clone().close();
    test.update();
    assert!(matches!(test.state_from_journal().await, ChangeState::InDoubt(_)));
    test.fixture.jobs.resolve_manually(id(1), CleanText::new("phoned the shop"));
    let progress = test.progress().await;
    let is_resolved = matches!(progress.state, ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. }));
    assert!(is_resolved && progress.source == ProgressSource::Own, "{progress:?}");
    test.update();
    assert!(matches!(
        test.state_from_journal().await,
        ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. })
    ));
}

#[tokio::test]
async fn a_doubt_that_ended_elsewhere_is_no_doubt_here() {
    let mut test = OtherProcess::start().await;
    let change = test.send_pin().await;
    test.record_outcome(&change, no_answer()).await;
    test.other.journal.clone().close();
    test.update();
    assert!(matches!(test.state_from_journal().await, ChangeState::InDoubt(_)));
    (test.other, _) = test.fixture.state.open_journal(Clock::System);
    let note = Some(CleanText::new("asked the shop"));
    test.other.journal.resolve(id(1), vec![change.id], Resolution::Manual, note).await.expect("recorded");
    test.update();
    assert!(matches!(
        test.state_from_journal().await,
        ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. })
    ));
    // The doubt is gone from the actor, too: nothing is left to resolve.
    assert_eq!(test.fixture.jobs.without_open_changes(vec![id(1)]).await, [id(1)]);
}

#[tokio::test]
async fn a_number_in_flight_here_keeps_its_state() {
    let mut test = OtherProcess::start().await;
    let change = test.send_pin().await;
    test.record_outcome(&change, Standing::Set).await;
    test.fixture.jobs.pause();
    for plan in plans(1) {
        test.fixture.jobs.start_job(plan).await.expect("recorded");
    }
    test.update();
    // Answered after the update.
    assert_eq!(test.fixture.jobs.without_open_changes(vec![id(1)]).await, []);
    let mut states = Vec::new();
    while let Ok(progress) = test.fixture.progress.try_recv() {
        states.push(progress.state);
    }
    assert_eq!(states, [ChangeState::Queued]);
}
