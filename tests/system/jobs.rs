//! The actor that sets PINs, against the simulator: every state that it reports of a number is true.
//!
//! Actor and simulator share one runtime and one paused clock, so 30 seconds of silence take no time. The journal has
//! its own thread, and real time: the actor waits for it on threads whose clock is not paused. Where journal and actor
//! must agree on the time, the test sets a manual clock for both.

mod attempts;
mod breaker;
mod credentials;
mod in_doubt;
mod journal_failure;
mod lists;
mod new_pin;
mod quotas;
mod random_faults;
mod recording;
mod refusals;
mod resolving;
mod starting;
mod stopping;
mod throttles;
mod updates;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::domain::change::{ChangeState, InDoubtDetails, JobId, Progress};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba, WabaId};
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::standing::NotSentReason;
use pindesk::graph::Graph;
use pindesk::jobs::{JobsHandle, Recorder};
use pindesk::journal::{JobStatus, RecoveryReport};
use pindesk::pace::{Pace, Pause};
use pindesk::simulator::{FULL_ACCESS_TOKEN, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::support::state_fixture::StateFixture;

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

fn waba(n: u64) -> WabaId {
    (100_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// The PIN of the `n`th number, different for each.
fn pin_digits(n: u64) -> [u8; 6] {
    format!("{:06}", n * 7_919 % 1_000_000).into_bytes().try_into().expect("six digits")
}

fn target(n: u64) -> Number {
    Number { two_step: TwoStep::NotSet, ..Number::from_config(id(n), None) }
}

fn pin(n: u64) -> Pin {
    Pin::parse(&pin_digits(n)).expect("a PIN")
}

/// The plan that gives the `n`th number its own PIN.
fn plan(n: u64) -> PinPlan {
    PinPlan::for_one(target(n), pin(n))
}

/// A plan for each number, because each has its own PIN.
fn plans(count: u64) -> Vec<PinPlan> {
    (1..=count).map(plan).collect()
}

/// A list of numbers: odd ones in WABA 1, even ones in WABA 2.
fn number_list(count: u64) -> Targets {
    let wabas = [2, 1].map(|n| Arc::new(Waba { id: waba(n), name: None }));
    let number = |n: u64| Number {
        waba: Some(Arc::clone(&wabas[usize::from(n % 2 == 1)])),
        two_step: if n.is_multiple_of(5) { TwoStep::On } else { TwoStep::NotSet },
        read_at: Some(UtcTime::from_unix_seconds(1_795_356_189)),
        ..Number::from_config(id(n), None)
    };
    Targets::new((1..=count).map(number).collect()).expect("some numbers")
}

fn graph(url: &str, token: &str) -> Graph {
    let endpoint =
        Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
    let token = AccessToken::parse(token).expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 64).expect("a client")
}

async fn start_simulator(numbers: usize, latency: Duration, faults: &str) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a plan");
    let spec = SimulatorSpec { world: WorldSpec::new(numbers, 1), latency, faults };
    Simulator::start("127.0.0.1:0".parse().expect("an address"), spec).await.expect("a simulator")
}

/// Lets the paused clock advance by this much.
async fn pass_time(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The actor under test, its records, and every state that it reported.
struct JobsFixture {
    jobs: JobsHandle,
    progress: UnboundedReceiver<Progress>,
    states: HashMap<PhoneNumberId, Vec<ChangeState>>,
    /// Every pause that was told, and when.
    pauses: Arc<Mutex<Vec<(Instant, Pause)>>>,
    recorder: Recorder,
    state: StateFixture,
}

impl JobsFixture {
    fn new(url: &str, token: &str, concurrency: usize) -> Self {
        Self::with_parts(StateFixture::without_recipients(), Clock::System, Some(graph(url, token)), concurrency)
    }

    fn for_simulator(simulator: &Simulator, concurrency: usize) -> Self {
        Self::new(&simulator.base_url(), FULL_ACCESS_TOKEN, concurrency)
    }

    fn with_parts(state: StateFixture, clock: Clock, graph: Option<Graph>, concurrency: usize) -> Self {
        let (recorder, RecoveryReport { unresolved, .. }) = state.open_journal(clock);
        let pauses = Arc::<Mutex<Vec<(Instant, Pause)>>>::default();
        let told = Arc::clone(&pauses);
        let on_pause = move |pause| told.lock().expect("no panic").push((Instant::now(), pause));
        let pace = Pace::new(concurrency, clock, on_pause);
        let (jobs, progress) = JobsHandle::start(graph, recorder.clone(), unresolved, concurrency, pace, clock);
        Self { jobs, progress, states: HashMap::new(), pauses, recorder, state }
    }

    /// The doubts of an earlier run, which the actor reports before anything else.
    fn take_recovered(&mut self) -> Vec<InDoubtDetails> {
        let mut recovered = Vec::new();
        while let Ok(progress) = self.progress.try_recv() {
            recovered.push(expect_in_doubt(&progress.state).clone());
        }
        recovered
    }

    /// Shuts down as the program does, and returns the state directory.
    async fn close(mut self) -> StateFixture {
        self.stop_and_drain().await;
        self.recorder.journal.close();
        self.state
    }

    /// Receives progress until this holds for `count` of the reported states.
    async fn receive_until(&mut self, mut count: usize, matches: impl Fn(&Progress) -> bool) {
        while count > 0 {
            let progress = self.progress.recv().await.expect("the actor is running");
            count -= usize::from(matches(&progress));
            self.states.entry(progress.number).or_default().push(progress.state);
        }
    }

    async fn wait_until_finished(&mut self, count: usize) {
        self.receive_until(count, |progress| !progress.state.is_running()).await;
    }

    /// Stops, waits until no request is in flight, and receives the remaining progress.
    async fn stop_and_drain(&mut self) {
        let in_flight = self.jobs.stop();
        while !in_flight.have_ended() {
            // The paused clock advances only while every task is idle.
            pass_time(Duration::from_millis(1)).await;
        }
        while let Ok(progress) = self.progress.try_recv() {
            self.states.entry(progress.number).or_default().push(progress.state);
        }
    }

    /// The states of a number in words, such as `queued sending-1 retry sending-2 set after 2`.
    fn state_history(&self, n: u64) -> String {
        self.states[&id(n)].iter().map(state_label).collect::<Vec<_>>().join(" ")
    }

    fn last_state(&self, n: u64) -> &ChangeState {
        self.states[&id(n)].last().expect("a state")
    }

    fn told_pauses(&self) -> Vec<Pause> {
        self.pauses.lock().expect("no panic").iter().map(|(_, pause)| *pause).collect()
    }

    fn count_last_states(&self, matches: impl Fn(&ChangeState) -> bool) -> usize {
        self.states.values().filter(|states| states.last().is_some_and(&matches)).count()
    }

    /// Starts a job for each plan, and returns when all of them are queued. Until then nothing is sent.
    async fn set_pins(&self, plans: Vec<PinPlan>) {
        self.jobs.pause();
        let starts: Vec<_> = plans.into_iter().map(|plan| self.jobs.start_job(plan)).collect();
        for start in starts {
            // If a job could not be started, its numbers are reported as not sent.
            start.await.ok();
        }
        self.jobs.resume();
    }

    /// What the journal says of a job, once it has every record so far.
    async fn job_status(&self, job: JobId) -> JobStatus {
        let journal = &self.recorder.journal;
        journal.flush().await;
        let detail = journal.open_reader().and_then(|reader| reader.job(job)).expect("readable");
        detail.expect("a job").summary.status
    }

    /// Sets the same PIN on each number of a list, as one job.
    async fn set_each_listed(&self, count: u64) {
        let plan = PinPlan { targets: number_list(count), pins: PinChoice::Fixed(pin(1)) };
        self.set_pins(vec![plan]).await;
    }
}

fn state_label(state: &ChangeState) -> String {
    match state {
        ChangeState::Queued
        | ChangeState::Waiting { in_doubt: false, .. }
        | ChangeState::Paused { in_doubt: false, .. } => state.keyword().to_owned(),
        ChangeState::Waiting { in_doubt: true, .. } => "retry?".to_owned(),
        ChangeState::Paused { in_doubt: true, .. } => "paused?".to_owned(),
        ChangeState::Sending { attempt, .. } => format!("sending-{attempt}"),
        ChangeState::Set(finished)
        | ChangeState::Failed(finished, _)
        | ChangeState::NotSent(finished, _)
        | ChangeState::Resolved(finished, _) => format!("{} after {}", state.keyword(), finished.attempts),
        ChangeState::InDoubt(details) => format!("{} after {}", state.keyword(), details.send_history.attempts()),
    }
}

fn is_set(state: &ChangeState) -> bool {
    matches!(state, ChangeState::Set(_))
}

fn is_token_refused(state: &ChangeState) -> bool {
    matches!(state, ChangeState::NotSent(_, NotSentReason::TokenRefused))
}

/// An actor that sends one request at a time, on a clock that the test sets.
fn with_manual_clock(simulator: &Simulator, state: StateFixture) -> (JobsFixture, &'static ManualClock) {
    let utc = UtcTime::from_unix_seconds(1_795_356_189);
    let time = ManualClock::new_leaked(TimePoint { instant: Instant::now().into_std(), utc });
    let graph = graph(&simulator.base_url(), FULL_ACCESS_TOKEN);
    (JobsFixture::with_parts(state, Clock::Manual(time), Some(graph), 1), time)
}

fn advance_clock(time: &ManualClock, by: Duration) {
    time.set(time.now().plus(by));
}

/// A plan for `count` numbers, the first one being `first`, all in one WABA.
fn plan_in_waba(n: u64, first: u64, count: u64) -> PinPlan {
    let waba = Arc::new(Waba { id: waba(n), name: None });
    let number = |n: u64| Number { waba: Some(Arc::clone(&waba)), ..target(n) };
    let targets = Targets::new((first..first + count).map(number).collect()).expect("some numbers");
    PinPlan { targets, pins: PinChoice::Fixed(pin(1)) }
}

/// A plan that gives a number a different PIN than [`plan`] does.
fn plan_with_other_pin(n: u64) -> PinPlan {
    PinPlan::for_one(target(n), pin(n + 1))
}

/// Faults that leave the first change of a number in doubt: one for each of its attempts.
fn four_faults(n: u64, answer: &str) -> String {
    format!("[[fault]]\nnumber = \"{}\"\ntimes = 4\nanswer = \"{answer}\"\n", id(n))
}

#[track_caller]
fn expect_in_doubt(state: &ChangeState) -> &InDoubtDetails {
    let ChangeState::InDoubt(details) = state else { panic!("{state:?}") };
    details
}

/// Counts rows of the database without code of pindesk.
fn query_count(database: &Path, query: &str) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(database, flags).expect("a database");
    database.query_row(query, [], |row| row.get(0)).expect("a count")
}
