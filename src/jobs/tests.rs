//! Tests what cannot be caused from outside: a task that panics, a stop between the start of a number and its first
//! step, and a process that is suspended between a record and its request.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OwnedSemaphorePermit;

use super::actor::{Recording, TaskOutput};
use super::send_task::{PendingChange, RunningTask, SendTask, TaskResult};
use super::*;
use crate::config::endpoint::{AccessToken, Credentials, Endpoint};
use crate::domain::change::{Change, ChangeId, ChangeState, InDoubtDetails, JobId, Resolution, StatusBefore};
use crate::domain::outcome::{DoubtReason, SendFailure};
use crate::domain::pin::Pin;
use crate::domain::standing::{NotSentReason, Standing};
use crate::journal::{JobPlan, JournalKind, JournalOptions, PinSource};
use crate::pace::PacedCall;
use crate::policy::quota::CallTarget;
use crate::state_dir::StateDir;

/// A client for an address where no server listens.
fn graph() -> Graph {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:1".parse().expect("a URL"),
        version: "v24.0".parse().expect("a version"),
        ca_file: None,
    };
    let token = AccessToken::parse("SIMULATOR").expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 1).expect("a client")
}

fn journal(dir: &TempDir) -> Journal {
    let options = JournalOptions {
        dir: StateDir::open_or_create(&dir.path().join("state")).expect("a directory"),
        operator: crate::journal::Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    Journal::open(options).expect("a journal").0
}

/// An actor with its own job, and its progress.
struct ActorFixture {
    actor: JobsActor,
    progress: mpsc::UnboundedReceiver<Progress>,
    paused: Arc<watch::Sender<Pauses>>,
    job: JobId,
    _dir: TempDir,
}

async fn actor_fixture(uptime: fn() -> Duration) -> ActorFixture {
    let dir = TempDir::new().expect("a directory");
    let journal = journal(&dir);
    let plan =
        JobPlan { profile: CleanText::new("acme"), pin_source: PinSource::Given, note: None, numbers: Vec::new() };
    let job = journal.start_job(plan).await.expect("a job");
    let (sender, progress) = mpsc::unbounded_channel();
    let paused = Arc::new(watch::Sender::new(Pauses::default()));
    let actor = JobsActor::new(
        Some(graph()),
        Recorder { journal, recipients: None, profile: CleanText::new("acme") },
        InDoubtChanges::default(),
        2,
        Pace::new(2, Clock::System, |_| {}),
        ProgressSender::new(sender, Clock::System),
        Arc::clone(&paused),
        watch::Sender::new(None),
        uptime,
    );
    ActorFixture { actor, progress, paused, job, _dir: dir }
}

impl ActorFixture {
    fn change(&self, number: &str) -> Arc<Change> {
        Arc::new(Change {
            id: ChangeId::new(),
            job: self.job,
            status_before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
            number: number.parse().expect("an id"),
            waba: None,
            pin: Pin::parse(b"409726").expect("a PIN"),
        })
    }

    /// What a task needs to send.
    async fn slot(&self) -> (OwnedSemaphorePermit, PacedCall) {
        let permit = Arc::clone(&self.actor.permits).acquire_owned().await.expect("a permit");
        (permit, self.actor.new_send_task(watch::channel(None).1).pace.admit(CallTarget::default()).await)
    }

    /// A task that is not started, and what cancels it.
    fn send_task(&self) -> (watch::Sender<Option<NotSentReason>>, SendTask) {
        let (cancel, cancelled) = watch::channel(None);
        (cancel, self.actor.new_send_task(cancelled))
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_leaves_only_its_number_in_doubt() {
    let mut fixture = actor_fixture(clock::uptime).await;
    let (panicking, slow) = (fixture.change("200000000000001"), fixture.change("200000000000002"));
    for (change, panics) in [(&panicking, true), (&slow, false)] {
        fixture.actor.busy.insert(change.number);
        let running =
            RunningTask { change: Arc::clone(change), attempts_before: 2, doubt: None, cancel: watch::channel(None).0 };
        let pending = PendingChange { attempts_before: 2, ..PendingChange::new(Arc::clone(change)) };
        fixture.actor.spawn_watched(running, async move {
            assert!(!panics, "as planned");
            tokio::time::sleep(Duration::from_secs(1)).await;
            TaskOutput::Completed(Box::new(TaskResult { pending, total_attempts: 3, standing: Standing::Set }))
        });
    }
    let (commands, inbox) = mpsc::unbounded_channel();
    drop(commands);
    tokio::spawn(fixture.actor.run(inbox)).await.expect("the actor ends");
    let states: Vec<_> = std::iter::from_fn(|| fixture.progress.try_recv().ok()).collect();
    let [first, second] = &states[..] else { panic!("{states:?}") };
    let ChangeState::InDoubt(details) = &first.state else { panic!("{first:?}") };
    let InDoubtDetails { send_history, doubt, candidate_count, is_pin_in_memory, .. } = &**details;
    assert_eq!((send_history.attempts(), doubt), (3, &DoubtReason::ConnectionLost { after: Duration::ZERO }.into()));
    assert_eq!((first.change, *candidate_count, *is_pin_in_memory), (Some(panicking.id), 1, true));
    assert!(second.change == Some(slow.id) && matches!(second.state, ChangeState::Set(_)), "{second:?}");
}

#[tokio::test]
async fn a_recording_that_panics_does_not_wedge_the_actor() {
    let mut fixture = actor_fixture(clock::uptime).await;
    let number = "200000000000001".parse().expect("an id");
    fixture.actor.busy.insert(number);
    let recording = Recording::Resolution(number, Resolution::Manual);
    fixture.actor.spawn_recording(recording, async { panic!("as planned") });
    let (commands, inbox) = mpsc::unbounded_channel();
    drop(commands);
    let actor = tokio::spawn(fixture.actor.run(inbox));
    tokio::time::timeout(Duration::from_secs(30), actor).await.expect("it ends").expect("without a panic of its own");
}

#[tokio::test]
async fn a_stop_before_the_first_step_sends_nothing() {
    let mut fixture = actor_fixture(clock::uptime).await;
    let (cancel, task) = fixture.send_task();
    let pending = PendingChange::new(fixture.change("200000000000001"));
    let (permit, call) = fixture.slot().await;
    cancel.send_replace(Some(NotSentReason::TokenRefused));
    let result = task.run(pending, permit, call).await;
    assert_eq!((result.total_attempts, result.standing), (0, Standing::NotSent(NotSentReason::TokenRefused)));
    assert!(!result.pending.is_recorded && fixture.progress.try_recv().is_err(), "it is not reported as sending");
    assert_eq!(fixture.actor.permits.available_permits(), 2);
}

/// Runs once, at the first read of the uptime: just before the record is written, and after everything before it.
type DuringWrite = Mutex<Option<Box<dyn FnOnce() + Send>>>;

fn run_once(action: &DuringWrite) -> Duration {
    if let Some(action) = action.lock().expect("no panic inside").take() {
        action();
    }
    Duration::ZERO
}

static STOP_DURING_WRITE: DuringWrite = Mutex::new(None);

#[tokio::test]
async fn a_stop_while_the_record_is_written_sends_nothing() {
    let mut fixture = actor_fixture(|| run_once(&STOP_DURING_WRITE)).await;
    let (cancel, task) = fixture.send_task();
    *STOP_DURING_WRITE.lock().expect("no panic inside") = Some(Box::new(move || {
        cancel.send_replace(Some(NotSentReason::Stopped));
    }));
    let pending = PendingChange::new(fixture.change("200000000000001"));
    let (permit, call) = fixture.slot().await;
    let result = task.run(pending, permit, call).await;
    assert_eq!((result.total_attempts, result.standing), (0, Standing::NotSent(NotSentReason::Stopped)));
    assert!(result.pending.is_recorded && fixture.progress.try_recv().is_err(), "it was recorded, and not sent");
}

static PAUSE_DURING_WRITE: DuringWrite = Mutex::new(None);

#[tokio::test(start_paused = true)]
async fn a_pause_while_the_record_is_written_delays_sending() {
    let mut fixture = actor_fixture(|| run_once(&PAUSE_DURING_WRITE)).await;
    let (_cancel, task) = fixture.send_task();
    let paused = Arc::clone(&fixture.paused);
    *PAUSE_DURING_WRITE.lock().expect("no panic inside") = Some(Box::new(move || {
        paused.send_modify(|paused| paused.are_all = true);
    }));
    let pending = PendingChange::new(fixture.change("200000000000001"));
    let (permit, call) = fixture.slot().await;
    let mut task = tokio::spawn(task.run(pending, permit, call));
    assert!(tokio::time::timeout(Duration::from_mins(5), &mut task).await.is_err(), "it waits");
    assert!(fixture.progress.try_recv().is_err(), "it is not reported as sending");
    fixture.paused.send_modify(|paused| paused.are_all = false);
    // No server listens, but every attempt was made.
    assert_eq!(task.await.expect("it ends").total_attempts, 4);
}

static UPTIME_READS: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn nothing_is_sent_after_records_that_are_too_old() {
    // Each read returns 11 s more than the last, as if the process were suspended each time.
    let mut fixture = actor_fixture(|| Duration::from_secs(11 * UPTIME_READS.fetch_add(1, Ordering::Relaxed))).await;
    let (_cancel, task) = fixture.send_task();
    let pending = PendingChange::new(fixture.change("200000000000001"));
    let (permit, call) = fixture.slot().await;
    let result = task.run(pending, permit, call).await;
    let why = CleanText::new("writing its record took longer than 10 s, 3 times");
    assert_eq!(
        (result.total_attempts, result.standing),
        (0, Standing::NotSent(NotSentReason::Failure(SendFailure::RefusedLocally(why))))
    );
    assert!(result.pending.is_recorded && fixture.progress.try_recv().is_err(), "it was recorded, and not sent");
    assert_eq!(UPTIME_READS.load(Ordering::Relaxed), 6, "recorded three times");
}

/// The second read returns 11 s more than the first. Later reads return the same as the second.
static SUSPENDED_ONCE: AtomicU64 = AtomicU64::new(0);

#[tokio::test(start_paused = true)]
async fn an_old_record_is_repeated_before_the_request_is_sent() {
    let mut fixture =
        actor_fixture(|| Duration::from_secs(11 * SUSPENDED_ONCE.fetch_add(1, Ordering::Relaxed).min(1))).await;
    let (_cancel, task) = fixture.send_task();
    let pending = PendingChange::new(fixture.change("200000000000001"));
    let (permit, call) = fixture.slot().await;
    let result = task.run(pending, permit, call).await;
    // No server listens, but every attempt was made.
    assert!(
        result.total_attempts == 4
            && matches!(result.standing, Standing::NotSent(NotSentReason::Failure(SendFailure::NothingListens(_))))
    );
    let sending = std::iter::from_fn(|| fixture.progress.try_recv().ok())
        .filter(|progress| matches!(progress.state, ChangeState::Sending { .. }));
    assert_eq!(sending.count(), 4);
}
