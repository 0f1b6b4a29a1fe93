//! What cannot be caused from outside: a task that panics, a stop between the start of a number and its first step, and
//! a process that was suspended between a record and its request.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::actor::TaskOutput;
use super::send_task::{PendingChange, RunningTask, SendTask, TaskResult};
use super::*;
use crate::config::endpoint::{AccessToken, Credentials, Endpoint};
use crate::domain::change::{ChangeId, ChangeState, InDoubtDetails, JobId, StatusBefore};
use crate::domain::outcome::{DoubtReason, NotSentReason, Outcome};
use crate::domain::pin::Pin;
use crate::journal::{JobPlan, JournalKind, JournalOptions, PinSource};
use crate::state_dir::StateDir;

/// A client for an address that nobody listens on.
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
    let opening = JournalOptions {
        dir: StateDir::open_or_create(&dir.path().join("state")).expect("a directory"),
        operator: crate::journal::Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    Journal::open(opening).expect("a journal").0
}

/// An actor with a job of its own, and its progress.
struct Bench {
    actor: JobsActor,
    progress: mpsc::UnboundedReceiver<Progress>,
    paused: Arc<watch::Sender<bool>>,
    job: JobId,
    _dir: TempDir,
}

async fn bench(uptime: fn() -> Duration) -> Bench {
    let dir = TempDir::new().expect("a directory");
    let journal = journal(&dir);
    let pins = PinSource::Given;
    let job = journal
        .start_job(JobPlan { profile: CleanText::new("acme"), pin_source: pins, numbers: Vec::new() })
        .await
        .expect("a job");
    let (news, progress) = mpsc::unbounded_channel();
    let (teller, paused) = (ProgressSender::new(news, Clock::System), Arc::new(watch::Sender::new(false)));
    let (records, dies) = (Recorder { journal, recipients: None }, watch::Sender::new(None));
    let actor =
        JobsActor::new(Some(graph()), records, InDoubtChanges::default(), 2, teller, Arc::clone(&paused), dies, uptime);
    Bench { actor, progress, paused, job, _dir: dir }
}

impl Bench {
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

    fn run(&self) -> (watch::Sender<Option<NotSentReason>>, SendTask) {
        let (stop, stopped) = watch::channel(None);
        (stop, self.actor.new_send_task(stopped))
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_leaves_its_number_in_doubt_while_others_are_still_running() {
    let mut bench = bench(clock::uptime).await;
    let (lost, slow) = (bench.change("200000000000001"), bench.change("200000000000002"));
    for (change, is_lost) in [(&lost, true), (&slow, false)] {
        bench.actor.busy.insert(change.number);
        let running =
            RunningTask { change: Arc::clone(change), attempts_before: 2, doubt: None, cancel: watch::channel(None).0 };
        let work = PendingChange { attempts_before: 2, ..PendingChange::new(Arc::clone(change)) };
        bench.actor.spawn_watched(running, async move {
            assert!(!is_lost, "as planned");
            tokio::time::sleep(Duration::from_secs(1)).await;
            TaskOutput::Completed(Box::new(TaskResult {
                pending: work,
                total_attempts: 3,
                outcome: Outcome::Confirmed,
            }))
        });
    }
    let (commands, inbox) = mpsc::unbounded_channel();
    drop(commands);
    tokio::spawn(bench.actor.run(inbox)).await.expect("the actor comes to its end");
    let told: Vec<_> = std::iter::from_fn(|| bench.progress.try_recv().ok()).collect();
    let [first, second] = &told[..] else { panic!("{told:?}") };
    let ChangeState::InDoubt(standing) = &first.state else { panic!("{first:?}") };
    let InDoubtDetails { send_history, reason, candidate_count, is_pin_in_memory, .. } = &**standing;
    assert!(matches!((send_history.attempts(), reason), (3, DoubtReason::ConnectionLost { .. })), "{standing:?}");
    assert_eq!((first.change, *candidate_count, *is_pin_in_memory), (Some(lost.id), 1, true));
    assert!(second.change == Some(slow.id) && matches!(second.state, ChangeState::Set(_)), "{second:?}");
}

#[tokio::test]
async fn a_stop_between_a_turn_and_its_request_keeps_the_request_here() {
    let mut bench = bench(clock::uptime).await;
    let (stop, run) = bench.run();
    let work = PendingChange::new(bench.change("200000000000001"));
    let permit = Arc::clone(&bench.actor.permits).acquire_owned().await.expect("a permit");
    stop.send_replace(Some(NotSentReason::TokenRefused));
    let rested = run.run(work, permit).await;
    assert_eq!((rested.total_attempts, rested.outcome), (0, Outcome::NotSent(NotSentReason::TokenRefused)));
    assert!(!rested.pending.is_recorded && bench.progress.try_recv().is_err(), "nothing was told to be on its way");
    assert_eq!(bench.actor.permits.available_permits(), 2);
}

/// Runs once, at the first read of the time: just before the record is written, and after all that comes before it.
type Meanwhile = Mutex<Option<Box<dyn FnOnce() + Send>>>;

fn happens(meanwhile: &Meanwhile) -> Duration {
    if let Some(happens) = meanwhile.lock().expect("no panic inside").take() {
        happens();
    }
    Duration::ZERO
}

static STOPPED_MEANWHILE: Meanwhile = Mutex::new(None);

#[tokio::test]
async fn a_stop_while_its_record_is_written_keeps_the_request_here() {
    let mut bench = bench(|| happens(&STOPPED_MEANWHILE)).await;
    let (stop, run) = bench.run();
    *STOPPED_MEANWHILE.lock().expect("no panic inside") = Some(Box::new(move || {
        stop.send_replace(Some(NotSentReason::Stopped));
    }));
    let work = PendingChange::new(bench.change("200000000000001"));
    let permit = Arc::clone(&bench.actor.permits).acquire_owned().await.expect("a permit");
    let rested = run.run(work, permit).await;
    assert_eq!((rested.total_attempts, rested.outcome), (0, Outcome::NotSent(NotSentReason::Stopped)));
    assert!(rested.pending.is_recorded && bench.progress.try_recv().is_err(), "it was recorded, and not sent");
}

static PAUSED_MEANWHILE: Meanwhile = Mutex::new(None);

#[tokio::test(start_paused = true)]
async fn a_pause_while_its_record_is_written_holds_the_request_until_the_work_goes_on() {
    let mut bench = bench(|| happens(&PAUSED_MEANWHILE)).await;
    let (_stop, run) = bench.run();
    let paused = Arc::clone(&bench.paused);
    *PAUSED_MEANWHILE.lock().expect("no panic inside") = Some(Box::new(move || {
        paused.send_replace(true);
    }));
    let work = PendingChange::new(bench.change("200000000000001"));
    let permit = Arc::clone(&bench.actor.permits).acquire_owned().await.expect("a permit");
    let mut run = tokio::spawn(run.run(work, permit));
    assert!(tokio::time::timeout(Duration::from_mins(5), &mut run).await.is_err(), "it waits");
    assert!(bench.progress.try_recv().is_err(), "nothing was told to be on its way");
    bench.paused.send_replace(false);
    // Nobody listens there, but every attempt was made.
    assert_eq!(run.await.expect("it comes to its end").total_attempts, 4);
}

static LOOKS: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn nothing_is_sent_on_a_record_from_before_the_process_was_stopped() {
    // Each read is 11 s after the one before, as if the process were suspended again and again.
    let mut bench = bench(|| Duration::from_secs(11 * LOOKS.fetch_add(1, Ordering::Relaxed))).await;
    let (_stop, run) = bench.run();
    let work = PendingChange::new(bench.change("200000000000001"));
    let permit = Arc::clone(&bench.actor.permits).acquire_owned().await.expect("a permit");
    let rested = run.run(work, permit).await;
    let why = CleanText::new("writing its record took longer than 10 s, 3 times");
    assert_eq!((rested.total_attempts, rested.outcome), (0, Outcome::NotSent(NotSentReason::RefusedLocally(why))));
    assert!(rested.pending.is_recorded && bench.progress.try_recv().is_err(), "it was recorded, and not sent");
    assert_eq!(LOOKS.load(Ordering::Relaxed), 6, "recorded three times");
}

/// The second read is 11 s after the first, and time stands still from then on.
static STOPPED_ONCE: AtomicU64 = AtomicU64::new(0);

#[tokio::test(start_paused = true)]
async fn what_was_recorded_before_the_process_was_stopped_is_recorded_again_and_sent() {
    let mut bench = bench(|| Duration::from_secs(11 * STOPPED_ONCE.fetch_add(1, Ordering::Relaxed).min(1))).await;
    let (_stop, run) = bench.run();
    let work = PendingChange::new(bench.change("200000000000001"));
    let permit = Arc::clone(&bench.actor.permits).acquire_owned().await.expect("a permit");
    let rested = run.run(work, permit).await;
    // Nobody listens there, but every attempt was made.
    assert!(rested.total_attempts == 4 && matches!(rested.outcome, Outcome::NotSent(NotSentReason::NoConnection(_))));
    let sending = std::iter::from_fn(|| bench.progress.try_recv().ok())
        .filter(|progress| matches!(progress.state, ChangeState::Sending { .. }));
    assert_eq!(sending.count(), 4);
}
