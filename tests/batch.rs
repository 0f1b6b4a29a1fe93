//! The batch against the simulator: whatever goes wrong, what is told of a number is true of it.
//!
//! Batch and simulator share one runtime and one paused clock, so that 30 seconds of silence take no time. The journal has
//! a thread of its own, and real time: the batch waits for it on threads for which a paused clock stands still. Where
//! journal and batch have to agree on what time it is, the test moves a clock of both by hand.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod faultd;
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod books;
}

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;

use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::domain::change::{
    Change, ChangeId, ChangeState, InDoubtDetails, JobId, LATE_ARRIVAL_WINDOW, MAX_ATTEMPTS, Progress, Resolution,
    StatusBefore,
};
use pindesk::domain::clock::{Clock, ManualClock, TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::{DoubtReason, NotApplied, NotSentReason};
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::text::CleanText;
use pindesk::graph::Graph;
use pindesk::jobs::{JobsHandle, Recorder, StatusRead};
use pindesk::journal::{JobPlan, PinSource, RecoveryReport};
use pindesk::simulator::{EXPIRED_TOKEN, FULL_ACCESS_TOKEN, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use tokio::sync::mpsc::UnboundedReceiver;

use support::books::StateFixture;
use support::faultd::{ScriptStep, ScriptedServer};

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

fn waba(n: u64) -> pindesk::domain::number::WabaId {
    (100_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// A PIN of this number's own.
fn pin_digits(n: u64) -> [u8; 6] {
    format!("{:06}", n * 7_919 % 1_000_000).into_bytes().try_into().expect("six digits")
}

fn change(n: u64) -> Change {
    Change {
        id: ChangeId::new(),
        // The first of the test's own journal.
        job: JobId::new(1),
        status_before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
        number: id(n),
        waba: None,
        pin: Pin::parse(&pin_digits(n)).expect("a PIN"),
    }
}

fn changes(count: u64) -> Vec<Change> {
    (1..=count).map(change).collect()
}

/// A list of numbers, odd ones of WABA 1 and even ones of WABA 2.
fn number_list(count: u64) -> Arc<Vec<Number>> {
    let wabas = [2, 1].map(|n| Arc::new(Waba { id: waba(n), name: None }));
    let number = |n: u64| Number {
        waba: Some(Arc::clone(&wabas[usize::from(n % 2 == 1)])),
        two_step: if n.is_multiple_of(5) { TwoStep::On } else { TwoStep::NotSet },
        read_at: Some(UtcTime::from_unix_seconds(1_795_356_189)),
        ..Number::from_config(id(n), None)
    };
    Arc::new((1..=count).map(number).collect())
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

/// A batch, what it records, and everything it told.
struct JobsFixture {
    jobs: JobsHandle,
    progress: UnboundedReceiver<Progress>,
    states: HashMap<PhoneNumberId, Vec<ChangeState>>,
    records: Recorder,
    state: StateFixture,
}

impl JobsFixture {
    async fn new(url: &str, token: &str, concurrency: usize) -> Self {
        Self::with_parts(StateFixture::without_recipients(), Clock::System, Some(graph(url, token)), concurrency).await
    }

    async fn for_simulator(simulator: &Simulator, concurrency: usize) -> Self {
        Self::new(&simulator.base_url(), FULL_ACCESS_TOKEN, concurrency).await
    }

    async fn with_parts(books: StateFixture, clock: Clock, graph: Option<Graph>, concurrency: usize) -> Self {
        let (records, recovered) = books.open_journal(clock);
        let plan = JobPlan { profile: CleanText::new("acme"), pin_source: PinSource::Given, numbers: Vec::new() };
        records.journal.start_job(plan).await.expect("a job");
        let RecoveryReport { unresolved, .. } = recovered;
        let (batch, progress) = JobsHandle::start(graph, records.clone(), unresolved, concurrency, clock);
        Self { jobs: batch, progress, states: HashMap::new(), records, state: books }
    }

    /// What an earlier run left behind, told before anything else.
    fn take_recovered(&mut self) -> Vec<InDoubtDetails> {
        let mut left = Vec::new();
        while let Ok(progress) = self.progress.try_recv() {
            left.push(expect_in_doubt(&progress.state).clone());
        }
        left
    }

    /// Ends as a program does, and gives back what it recorded.
    async fn close(mut self) -> StateFixture {
        self.stop_and_drain().await;
        self.records.journal.close();
        self.state
    }

    /// Hears news until it has heard so many for which this holds.
    async fn receive_until(&mut self, mut count: usize, is_meant: impl Fn(&Progress) -> bool) {
        while count > 0 {
            let progress = self.progress.recv().await.expect("the batch goes on");
            count -= usize::from(is_meant(&progress));
            self.states.entry(progress.number).or_default().push(progress.state);
        }
    }

    async fn wait_until_finished(&mut self, count: usize) {
        self.receive_until(count, |progress| !progress.state.is_running()).await;
    }

    /// Waits until nothing is on its way, and hears what is left to hear.
    async fn stop_and_drain(&mut self) {
        let (at_rest, waiter) = blocking::channel();
        self.jobs.stop_and_notify(at_rest);
        while waiter.try_recv() == Err(blocking::TryRecvError::Empty) {
            // Pretended time: the clock only moves on while nobody has anything to do.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while let Ok(progress) = self.progress.try_recv() {
            self.states.entry(progress.number).or_default().push(progress.state);
        }
    }

    /// What a number's states were, in words: `queued sending retry … set 2` with the number of tries.
    fn state_history(&self, n: u64) -> String {
        self.states[&id(n)].iter().map(state_label).collect::<Vec<_>>().join(" ")
    }

    fn last_state(&self, n: u64) -> &ChangeState {
        self.states[&id(n)].last().expect("a state")
    }

    fn count_last_states(&self, is_meant: impl Fn(&ChangeState) -> bool) -> usize {
        self.states.values().filter(|states| states.last().is_some_and(&is_meant)).count()
    }
}

fn state_label(state: &ChangeState) -> String {
    match state {
        ChangeState::Queued | ChangeState::Waiting { in_doubt: false, .. } => state.as_str().to_owned(),
        ChangeState::Waiting { in_doubt: true, .. } => "retry?".to_owned(),
        ChangeState::Sending { attempt } => format!("sending-{attempt}"),
        ChangeState::Set(finished)
        | ChangeState::Failed(finished, _)
        | ChangeState::NotSent(finished, _)
        | ChangeState::Resolved(finished, _) => format!("{} after {}", state.as_str(), finished.attempts),
        ChangeState::InDoubt(standing) => format!("{} after {}", state.as_str(), standing.send_history.attempts()),
    }
}

fn is_set(state: &ChangeState) -> bool {
    matches!(state, ChangeState::Set(_))
}

fn is_token_refused(state: &ChangeState) -> bool {
    matches!(state, ChangeState::NotSent(_, NotSentReason::TokenRefused))
}

/// A batch of one request at a time, on a clock that is moved by hand.
async fn with_manual_clock(simulator: &Simulator, books: StateFixture) -> (JobsFixture, &'static ManualClock) {
    let utc = UtcTime::from_unix_seconds(1_795_356_189);
    let time = ManualClock::new_leaked(TimePoint { instant: tokio::time::Instant::now().into_std(), utc });
    let graph = graph(&simulator.base_url(), FULL_ACCESS_TOKEN);
    (JobsFixture::with_parts(books, Clock::Manual(time), Some(graph), 1).await, time)
}

fn advance_clock(time: &ManualClock, by: Duration) {
    time.set(time.now().plus(by));
}

/// Another PIN for a number.
fn change_with_other_pin(n: u64) -> Change {
    Change { pin: Pin::parse(&pin_digits(n + 1)).expect("a PIN"), ..change(n) }
}

/// Faults that leave the first change of a number in doubt, applied or not.
fn four_faults(n: u64, answer: &str) -> String {
    format!("[[fault]]\nnumber = \"{}\"\ntimes = 4\nanswer = \"{answer}\"\n", id(n))
}

/// How a number stands that is in doubt.
#[track_caller]
fn expect_in_doubt(state: &ChangeState) -> &InDoubtDetails {
    let ChangeState::InDoubt(standing) = state else { panic!("{state:?}") };
    standing
}

/// True if the second state may follow the first.
fn is_valid_transition(before: &ChangeState, after: &ChangeState) -> bool {
    match before {
        ChangeState::Queued => matches!(after, ChangeState::Sending { attempt: 1 } | ChangeState::NotSent(..)),
        ChangeState::Sending { attempt } => match after {
            ChangeState::Waiting { attempt: next, .. } => *next == attempt + 1,
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Resolved(..) => false,
            ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::InDoubt(..) => true,
        },
        ChangeState::Waiting { attempt, .. } => {
            matches!(after, ChangeState::Sending { attempt: now } if now == attempt)
        }
        ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(..)
        | ChangeState::Resolved(..) => false,
    }
}

/// Faults for 35 in 100 tries of each number, of every kind in turn.
fn random_faults(numbers: u64) -> String {
    const ANSWERS: [&str; 14] = [
        "\"timeout\"",
        "\"reset-before\"",
        "\"reset-after\"",
        "\"truncate\"",
        "\"html\"",
        "\"success-false\"",
        "\"redirect\"",
        "\"slow\"",
        "{ code = 131016, status = 500 }",
        "{ code = 2, status = 503, transient = true }",
        "{ code = 80008, status = 400 }",
        "{ code = 4, status = 429 }",
        "{ code = 131057, status = 500 }",
        "{ code = 100, status = 400 }",
    ];
    let mut plan = String::new();
    let mut draw = 12_345_u64;
    for n in 1..=numbers {
        loop {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = usize::try_from(draw >> 33).expect("31 bits");
            if drawn % 100 >= 35 {
                break;
            }
            let answer = ANSWERS[drawn / 100 % ANSWERS.len()];
            writeln!(plan, "[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {answer}", id(n)).expect("a text");
        }
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_every_try_carries_the_same_pin_and_what_is_told_is_true() {
    const NUMBERS: u64 = 3_000;
    let simulator = start_simulator(3_000, Duration::from_millis(20), &random_faults(NUMBERS)).await;
    let before: Vec<_> = (1..=NUMBERS).map(|n| simulator.pin_in_force(&id(n))).collect();
    let mut desk = JobsFixture::for_simulator(&simulator, 16).await;
    desk.jobs.set_pins(changes(NUMBERS));
    desk.wait_until_finished(3_000).await;
    let mut tries_in_all = 0;
    for (n, before) in (1..).zip(before) {
        let states = &desk.states[&id(n)];
        assert_eq!(states[0], ChangeState::Queued);
        assert!(states.windows(2).all(|pair| is_valid_transition(&pair[0], &pair[1])), "{}", desk.state_history(n));
        let sent = simulator.pins_sent(&id(n));
        assert!(
            sent.len() <= usize::from(MAX_ATTEMPTS) && sent.iter().all(|pin| *pin == pin_digits(n)),
            "{n}: {sent:?}"
        );
        tries_in_all += sent.len();
        let in_force = simulator.pin_in_force(&id(n));
        match desk.last_state(n) {
            ChangeState::Set(finished) => {
                assert_eq!((in_force, usize::from(finished.attempts)), (Some(pin_digits(n)), sent.len()), "{n}");
            }
            ChangeState::Failed(..) | ChangeState::NotSent(..) => {
                assert_eq!(in_force, before, "{n}: nothing was changed");
            }
            ChangeState::InDoubt(..) => assert!(in_force == before || in_force == Some(pin_digits(n)), "{n}"),
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Resolved(..) => {
                unreachable!("at rest, and nobody settled anything")
            }
        }
    }
    assert!(desk.count_last_states(is_set) > 2_500 && tries_in_all > 3_750, "{tries_in_all} tries");
    assert!(desk.count_last_states(|state| matches!(state, ChangeState::InDoubt(..))) > 0);
    assert!(desk.count_last_states(|state| matches!(state, ChangeState::Failed(..))) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_tried_four_times_in_all_and_stays_in_doubt() {
    let faults = "[[fault]]\nevery = 1\nanswer = \"reset-before\"";
    let simulator = start_simulator(10, Duration::ZERO, faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let story = "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4";
    assert_eq!((desk.state_history(1).as_str(), simulator.pin_request_count()), (story, 4));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_number_is_asked_again_later_and_a_refused_one_is_not() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\ntimes = 2\nanswer = {{ code = 80008, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 100, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    let start = tokio::time::Instant::now();
    desk.jobs.set_pins(changes(2));
    desk.wait_until_finished(2).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry sending-2 retry sending-3 set after 3");
    assert_eq!(desk.state_history(2), "queued sending-1 failed after 1");
    assert!(start.elapsed() >= Duration::from_secs(10), "5 s at least before each repeat");
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_than_allowed_are_on_their_way_at_once() {
    let silent = ScriptedServer::start(vec![vec![ScriptStep::Stall]]).await;
    let mut desk = JobsFixture::new(&silent.url(), FULL_ACCESS_TOKEN, 5).await;
    desk.jobs.set_pins(changes(40));
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!((silent.requests().len(), silent.connections()), (5, 5));
    // The five in doubt keep their places: a crash now must not leave more than five in doubt.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(silent.requests().len(), 10);
    desk.stop_and_drain().await;
    let (mut in_doubt, mut not_sent) = (0, 0);
    for n in 1..=40 {
        let state = desk.last_state(n);
        if matches!(state, ChangeState::InDoubt(standing)
            if standing.send_history.attempts() == 2 && matches!(standing.reason, DoubtReason::TimedOut { .. }))
        {
            in_doubt += 1;
        } else if matches!(state, ChangeState::NotSent(finished, NotSentReason::Stopped) if finished.attempts == 0) {
            not_sent += 1;
        }
    }
    assert_eq!((in_doubt, not_sent, silent.requests().len()), (5, 35, 10));
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = start_simulator(5_000, Duration::from_millis(50), faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 16).await;
    desk.jobs.set_pins(changes(5_000));
    desk.wait_until_finished(5_000).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 100 + 16, "{requests} requests");
    assert_eq!(desk.count_last_states(is_set), 100);
    assert_eq!(desk.count_last_states(is_token_refused), 5_000 - requests);
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::Failed(..))), requests - 100);
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_ends_the_wait_for_a_repeat_too() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = \"html\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 190, status = 401 }}",
        id(1),
        id(2),
        id(3)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    // What is in doubt keeps its permit while it waits, what Meta refused does not.
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(5));
    desk.wait_until_finished(5).await;
    assert_eq!(desk.state_history(2), "queued sending-1 retry failed after 1", "Meta refused it: that much is known");
    assert_eq!(desk.state_history(3), "queued sending-1 failed after 1");
    assert!(is_token_refused(desk.last_state(4)) && is_token_refused(desk.last_state(5)));
    let doubt = &expect_in_doubt(desk.last_state(1)).reason;
    assert!(
        matches!(
            doubt,
            DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(NotSentReason::TokenRefused), .. }
        ),
        "{doubt:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_nothing_new_and_awaits_what_is_on_its_way() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    desk.jobs.set_pins(changes(100));
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), 4);
    assert_eq!(desk.count_last_states(is_set), 4);
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))), 96);
    // A stop is no end: what comes later is sent.
    desk.jobs.set_pins(vec![change(50)]);
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(50), "queued not-sent after 0 queued sending-1 set after 1");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_turn_sends_nothing_at_all() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    desk.jobs.set_pins(changes(100));
    desk.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), 0);
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))), 100);
}

#[tokio::test(start_paused = true)]
async fn a_stop_brings_waiting_changes_to_rest_with_what_is_known_of_them() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = \"reset-after\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(2));
    desk.receive_until(2, |progress| matches!(progress.state, ChangeState::Waiting { attempt: 2, .. })).await;
    let requests = simulator.pin_request_count();
    desk.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), requests);
    assert!(matches!(desk.last_state(1), ChangeState::InDoubt(..)), "{}", desk.state_history(1));
    assert_eq!(desk.state_history(2), "queued sending-1 retry failed after 1");
}

#[tokio::test(start_paused = true)]
async fn without_a_handle_the_batch_stops_and_ends() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    desk.jobs.set_pins(changes(100));
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    let JobsFixture { jobs, mut progress, .. } = desk;
    drop(jobs);
    let mut ends = HashMap::<_, usize>::new();
    while let Some(Progress { state, .. }) = progress.recv().await {
        *ends.entry(state_label(&state)).or_default() += 1;
    }
    assert_eq!(ends, [("set after 1".to_owned(), 4), ("not-sent after 0".to_owned(), 96)].into());
}

#[tokio::test(start_paused = true)]
async fn a_later_refusal_does_not_clear_an_earlier_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = \"reset-after\"\n\
         [[fault]]\nnumber = \"{0}\"\nanswer = {{ code = 100, status = 400 }}",
        id(1)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry? sending-2 no-answer after 2");
    let doubt = &expect_in_doubt(desk.last_state(1)).reason;
    let words = matches!(doubt, DoubtReason::EarlierAttemptInDoubt { earlier, last: NotApplied::Refused(fault) }
        if matches!(**earlier, DoubtReason::ConnectionLost { .. }) && fault.code == 100);
    assert!(words, "both are told: {doubt:?}");
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)), "and it was in force indeed");
}

#[tokio::test(start_paused = true)]
async fn the_pin_in_doubt_is_sent_again_by_hand_until_it_is_confirmed() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 5\nanswer = \"reset-before\"", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    // Asked for twice, and sent once.
    desk.jobs.resend(id(1));
    desk.jobs.resend(id(1));
    desk.wait_until_finished(1).await;
    // Nothing is in doubt any more.
    desk.jobs.resend(id(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    desk.stop_and_drain().await;
    assert_eq!(
        desk.state_history(1),
        "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4 \
         queued sending-1 retry? sending-2 set after 6"
    );
    assert_eq!(simulator.pins_sent(&id(1)), [pin_digits(1); 6]);
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_newer_pin_that_came_to_nothing_leaves_the_older_one_in_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 4\nanswer = \"reset-after\"\n\
         [[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = {{ code = 133010, status = 400 }}",
        id(1)
    );
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let (mut desk, time) = with_manual_clock(&simulator, StateFixture::without_recipients()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let older = expect_in_doubt(desk.last_state(1)).clone();

    advance_clock(time, LATE_ARRIVAL_WINDOW);
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    let refused = expect_in_doubt(desk.last_state(1));
    assert!(
        matches!(&refused.reason, DoubtReason::OlderPinInDoubt(NotApplied::Refused(fault)) if fault.code == 133_010)
    );
    assert_eq!(
        InDoubtDetails { reason: older.reason.clone(), ..refused.clone() },
        older,
        "but for the words, nothing changed"
    );

    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.jobs.stop();
    desk.wait_until_finished(1).await;
    let not_sent = DoubtReason::OlderPinInDoubt(NotApplied::NotSent(NotSentReason::Stopped));
    assert_eq!(*expect_in_doubt(desk.last_state(1)), InDoubtDetails { reason: not_sent, ..older });

    desk.jobs.resend(id(1));
    desk.wait_until_finished(1).await;
    assert!(desk.state_history(1).ends_with("queued sending-1 set after 5"), "{}", desk.state_history(1));
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_pin_in_doubt_was_sent_again_keeps_it() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 4\nanswer = \"reset-before\"", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    desk.jobs.resend(id(1));
    desk.jobs.stop();
    desk.wait_until_finished(1).await;
    assert!(desk.state_history(1).ends_with("no-answer after 4 queued no-answer after 4"), "{}", desk.state_history(1));
    desk.jobs.resend(id(1));
    desk.wait_until_finished(1).await;
    assert!(desk.state_history(1).ends_with("queued sending-1 set after 5"), "{}", desk.state_history(1));
}

#[tokio::test(start_paused = true)]
async fn a_second_change_for_a_number_on_its_way_is_refused_here() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    let (first, second) = (change(1), change(1));
    let (first_id, second_id) = (first.id, second.id);
    desk.jobs.set_pins(vec![first, second]);
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let progress = desk.progress.recv().await.expect("the batch goes on");
        if !progress.state.is_running() {
            ends.push((progress.change, progress.state));
        }
    }
    let why = NotSentReason::RefusedLocally(CleanText::new("another request for this number is in flight"));
    assert!(matches!(&ends[0], (id, ChangeState::NotSent(_, not_sent)) if *id == Some(second_id) && *not_sent == why));
    assert!(matches!(&ends[1], (id, ChangeState::Set(_)) if *id == Some(first_id)));
    assert_eq!(simulator.pin_request_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_access_token_is_used_from_the_next_request_on_and_the_old_ones_refusal_stops_nothing() {
    let simulator = start_simulator(100, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::new(&simulator.base_url(), EXPIRED_TOKEN, 2).await;
    desk.jobs.set_pins(changes(20));
    desk.receive_until(2, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    desk.wait_until_finished(20).await;
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::Failed(_, fault) if fault.code == 190)), 2);
    assert_eq!(desk.count_last_states(is_set), 18);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_uses_the_access_token_of_its_time() {
    let silent = ScriptedServer::start(vec![vec![ScriptStep::Reset]]).await;
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut desk = JobsFixture::new(&silent.url(), EXPIRED_TOKEN, 1).await;
    desk.jobs.set_pins(changes(1));
    desk.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    desk.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry? sending-2 set after 2");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_what_is_left_of_its_waba_and_nothing_else() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}",
        id(2),
        id(1)
    );
    let simulator = start_simulator(100, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 1).await;
    let of = |n| Change { waba: Some(waba(1 + (n + 1) % 2)), ..change(n) };
    // Even ones are in WABA 2, as is number 1.
    let first = Change { waba: Some(waba(2)), ..change(1) };
    desk.jobs.set_pins(std::iter::once(first).chain((2..=20).map(of)).collect());
    desk.wait_until_finished(20).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry failed after 1");
    assert_eq!(desk.state_history(2), "queued sending-1 failed after 1");
    for n in 3..=20 {
        let story = if n % 2 == 0 { "queued not-sent after 0" } else { "queued sending-1 set after 1" };
        assert_eq!(desk.state_history(n), story, "{n}");
    }
    let ChangeState::NotSent(_, why) = desk.last_state(4) else { panic!("{:?}", desk.last_state(4)) };
    assert!(matches!(why, NotSentReason::WabaRefused(_)), "{why:?}");
}

#[tokio::test]
async fn three_failed_handshakes_in_a_row_stop_the_work() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", server.local_addr().expect("an address"));
    // Its answer to the greeting is plain text, as of somebody who is not Meta.
    tokio::spawn(async move {
        while let Ok((line, _)) = server.accept().await {
            line.readable().await.expect("a greeting");
            line.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        }
    });
    let mut desk = JobsFixture::new(&url, FULL_ACCESS_TOKEN, 1).await;
    desk.jobs.set_pins(changes(50));
    desk.wait_until_finished(50).await;
    let tried = desk.states.values().flatten().filter(|state| matches!(state, ChangeState::Sending { .. })).count();
    assert_eq!(tried, 3);
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Tls(_)))), 50);
}

fn is_stopped_by_breaker(state: &ChangeState) -> bool {
    matches!(state, ChangeState::NotSent(finished, NotSentReason::TooManyInDoubt) if finished.attempts == 0)
}

#[tokio::test(start_paused = true)]
async fn a_line_that_never_brings_a_sure_answer_stops_the_rest() {
    const ANSWERS: [&str; 6] =
        ["\"reset-after\"", "\"timeout\"", "\"html\"", "\"truncate\"", "\"redirect\"", "{ code = 2, status = 503 }"];
    for answer in ANSWERS {
        let simulator =
            start_simulator(2_000, Duration::ZERO, &format!("[[fault]]\nevery = 1\nanswer = {answer}")).await;
        for is_listed in [false, true] {
            let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
            let sent_before = simulator.pin_request_count();
            if is_listed {
                desk.set_each_listed(2_000);
            } else {
                desk.jobs.set_pins(changes(2_000));
            }
            desk.wait_until_finished(2_000).await;
            let sent = simulator.pin_request_count() - sent_before;
            let doubts = desk.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
            // Two for each that may be on its way, with all their tries, and what was on its way by then.
            assert!(
                (32..=35).contains(&sent) && (8..=11).contains(&doubts),
                "{answer}: {sent} sent, {doubts} in doubt"
            );
            assert_eq!(desk.count_last_states(is_stopped_by_breaker), 2_000 - doubts, "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_hiccup_of_the_line_stops_nothing() {
    for (concurrency, most) in [(1, 19), (2, 19), (4, 31), (16, 127)] {
        let faults = format!("[[fault]]\nevery = 1\ntimes = {most}\nanswer = \"reset-before\"");
        let simulator = start_simulator(200, Duration::ZERO, &faults).await;
        let mut desk = JobsFixture::for_simulator(&simulator, concurrency).await;
        desk.jobs.set_pins(changes(200));
        desk.wait_until_finished(200).await;
        let doubts = desk.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
        assert!(doubts <= most / usize::from(MAX_ATTEMPTS), "{doubts} in doubt");
        assert_eq!(desk.count_last_states(is_set), 200 - doubts, "one more request would have stopped the rest");
    }
}

#[tokio::test(start_paused = true)]
async fn any_sure_answer_shows_that_the_line_is_whole_again() {
    // The tries of each fifth number; the others get no sure answer at all.
    const YES: &[&str] = &["\"html\""];
    const NO: &[&str] = &["\"html\"", "{ code = 100, status = 400 }"];
    const LATER: &[&str] = &["\"html\"", "{ code = 80008, status = 400 }", "\"html\"", "\"html\""];
    for (answers, in_doubt) in [(YES, 80), (NO, 100), (LATER, 100)] {
        let of_five = |n: u64| {
            let fault = |answer| format!("[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {answer}\n", id(5 * n));
            let others = (1..=4).map(|k| four_faults(5 * n - k, "html"));
            others.chain(answers.iter().map(fault)).collect::<String>()
        };
        let simulator = start_simulator(200, Duration::ZERO, &(1..=20).map(of_five).collect::<String>()).await;
        let mut desk = JobsFixture::for_simulator(&simulator, 1).await;
        desk.jobs.set_pins(changes(100));
        desk.wait_until_finished(100).await;
        let doubts = desk.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)));
        assert_eq!((doubts, desk.count_last_states(is_stopped_by_breaker)), (in_doubt, 0), "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_started_after_a_rest_is_not_stopped_by_doubts_from_before_it() {
    let simulator = start_simulator(200, Duration::ZERO, "[[fault]]\nevery = 1\nanswer = \"html\"").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 1).await;
    desk.jobs.set_pins(changes(4));
    desk.wait_until_finished(4).await;
    desk.stop_and_drain().await;
    for from in [5, 105] {
        desk.jobs.set_pins((from..from + 50).map(change).collect());
        desk.wait_until_finished(50).await;
        let sent = (from..from + 50).filter(|n| matches!(desk.last_state(*n), ChangeState::InDoubt(_))).count();
        assert_eq!(sent, 5, "the same as at the first time, from {from} on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_sent_again_over_a_broken_line_stays_in_doubt_and_says_so() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 4, status = 500, regain_minutes = 60 }}\n\
         [[fault]]\nevery = 1\nanswer = \"html\"",
        id(1)
    );
    let simulator = start_simulator(200, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(50));
    desk.wait_until_finished(50).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry? no-answer after 1");
    let doubt = &expect_in_doubt(desk.last_state(1)).reason;
    assert!(
        matches!(
            doubt,
            DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(NotSentReason::TooManyInDoubt), .. }
        ),
        "{doubt:?}"
    );
    let said = simulator.pins_sent(&id(1)).len();
    assert_eq!(
        (said, desk.count_last_states(is_stopped_by_breaker)),
        (1, 44),
        "1, and five others with their four tries"
    );
}

/// What the database says, asked without the program.
fn query_count(database: &std::path::Path, question: &str) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(database, flags).expect("a database");
    database.query_row(question, [], |row| row.get(0)).expect("an answer")
}

fn http_response(status: &str, body: &str) -> Vec<ScriptStep> {
    vec![ScriptStep::Bytes(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())]
}

/// The phone number ID that a request names.
fn requested_number(request: &str) -> String {
    request.split(['/', ' ', '?']).find(|part| part.starts_with("2000")).expect("a number").to_owned()
}

#[tokio::test(start_paused = true)]
async fn no_request_arrives_before_its_try_is_recorded_and_its_pin_sealed() {
    let books = StateFixture::default();
    let (database, escrow) = (books.state_path().join("journal.db"), books.state_path().join("escrow.jsonl"));
    let arrived = std::sync::Mutex::new(HashMap::<String, i64>::new());
    let watch = move |request: &str| {
        let number = requested_number(request);
        let mut arrived = arrived.lock().expect("no panic inside");
        let times = arrived.entry(number.clone()).or_default();
        *times += 1;
        let tries = format!("SELECT count(*) FROM tries JOIN changes USING (change) WHERE number = '{number}'");
        assert!(query_count(&database, &tries) >= *times, "try {times} of {number} came before its record");
        let sealed = std::fs::read_to_string(&escrow).expect("the escrow");
        assert_eq!(sealed.lines().filter(|line| line.contains(&number)).count(), 1, "{number} is sealed, once");
    };
    let mut scripts = vec![vec![ScriptStep::Reset]; 15];
    scripts.push(http_response("200 OK", r#"{"success":true}"#));
    let server = ScriptedServer::start_with_hook(scripts, watch).await;
    let graph = graph(&server.url(), FULL_ACCESS_TOKEN);
    let mut desk = JobsFixture::with_parts(books, Clock::System, Some(graph), 4).await;
    desk.jobs.set_pins(changes(20));
    desk.wait_until_finished(20).await;
    // A failed assertion in the server would have broken the line, and so have cost more requests.
    assert_eq!(server.requests().len(), 15 + desk.count_last_states(is_set), "{:?}", desk.states);
    assert!(desk.count_last_states(is_set) >= 15, "{:?}", desk.states);
}

#[tokio::test(start_paused = true)]
async fn no_more_changes_are_open_than_requests_may_be_on_their_way() {
    const OPEN: &str = "SELECT count(*) FROM changes c WHERE NOT EXISTS (SELECT 1 FROM outcomes o
        WHERE o.change = c.change AND o.seq > (SELECT max(t.seq) FROM tries t WHERE t.change = c.change))";
    let books = StateFixture::without_recipients();
    let database = books.state_path().join("journal.db");
    let most = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&most);
    let watch = move |_: &str| {
        let mut most = seen.lock().expect("no panic inside");
        *most = query_count(&database, OPEN).max(*most);
    };
    let throttled =
        http_response("400 Bad Request", r#"{"error":{"code":80008,"message":"slower","type":"OAuthException"}}"#);
    let mut scripts = vec![throttled; 60];
    scripts.push(http_response("200 OK", r#"{"success":true}"#));
    let server = ScriptedServer::start_with_hook(scripts, watch).await;
    let mut desk =
        JobsFixture::with_parts(books, Clock::System, Some(graph(&server.url(), FULL_ACCESS_TOKEN)), 5).await;
    desk.jobs.set_pins(changes(40));
    desk.wait_until_finished(40).await;
    assert_eq!((desk.count_last_states(is_set), server.requests().len()), (40, 100), "60 were throttled first");
    assert_eq!(*most.lock().expect("no panic inside"), 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_paused_and_what_was_on_its_way_comes_to_its_end() {
    let simulator = start_simulator(10, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(6));
    desk.receive_until(2, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.jobs.pause();
    desk.wait_until_finished(2).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!((simulator.pin_request_count(), desk.count_last_states(is_set)), (2, 2));
    desk.jobs.resume();
    desk.wait_until_finished(4).await;
    assert_eq!(desk.count_last_states(is_set), 6);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_repeats_and_a_stop_ends_it() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(2));
    desk.receive_until(2, |progress| matches!(progress.state, ChangeState::Waiting { .. } | ChangeState::Set(_))).await;
    desk.jobs.pause();
    let requests = simulator.pin_request_count();
    tokio::time::sleep(Duration::from_mins(5)).await;
    desk.stop_and_drain().await;
    assert_eq!(simulator.pin_request_count(), requests);
    assert!(matches!(desk.last_state(1), ChangeState::InDoubt(_)), "{}", desk.state_history(1));
}

#[tokio::test(start_paused = true)]
async fn another_pin_waits_until_nothing_that_was_sent_can_land() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after")).await;
    let (mut desk, time) = with_manual_clock(&simulator, StateFixture::default()).await;
    let before = TwoStep::On;
    desk.jobs.set_pins(vec![Change { status_before: StatusBefore { two_step: before, read_at: None }, ..change(1) }]);
    desk.wait_until_finished(1).await;
    let standing = expect_in_doubt(desk.last_state(1)).clone();
    let new_pin_allowed_from = time.now().plus(LATE_ARRIVAL_WINDOW);
    let told = InDoubtDetails {
        candidate_count: 2,
        is_pin_in_memory: true,
        is_in_escrow: true,
        two_step_before: before,
        new_pin_allowed_from,
        ..standing.clone()
    };
    assert_eq!(standing, told);

    advance_clock(time, LATE_ARRIVAL_WINDOW.saturating_sub(Duration::from_secs(1)));
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    let why =
        NotSentReason::RefusedLocally(CleanText::new("an earlier PIN could still take effect until 14:05:09 UTC"));
    assert_eq!(expect_in_doubt(desk.last_state(1)).reason, DoubtReason::OlderPinInDoubt(NotApplied::NotSent(why)));
    assert_eq!(simulator.pins_sent(&id(1)), [pin_digits(1); 4]);

    advance_clock(time, Duration::from_secs(1));
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    assert!(is_set(desk.last_state(1)), "{}", desk.state_history(1));
    assert_eq!(simulator.pin_in_force(&id(1)), Some(pin_digits(2)));
    // Nothing is left to be sent again, here or at the next start.
    desk.jobs.resend(id(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    let books = desk.close().await;
    assert_eq!(simulator.pin_request_count(), 5);
    assert_eq!(with_manual_clock(&simulator, books).await.0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn of_two_pins_in_doubt_it_is_told_what_was_on_before_both_and_whether_both_are_sealed() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after").repeat(2)).await;
    let (mut desk, _) = with_manual_clock(&simulator, StateFixture::without_recipients()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    // From now on there is an escrow.
    let books = desk.close().await.with_new_recipient();
    let (mut desk, time) = with_manual_clock(&simulator, books).await;
    assert_eq!(desk.take_recovered().len(), 1);
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    desk.jobs.set_pins(vec![Change {
        status_before: StatusBefore { two_step: TwoStep::On, read_at: None },
        ..change_with_other_pin(1)
    }]);
    desk.wait_until_finished(1).await;
    let standing = expect_in_doubt(desk.last_state(1));
    let new_pin_allowed_from = time.now().plus(LATE_ARRIVAL_WINDOW);
    let told = InDoubtDetails {
        two_step_before: TwoStep::NotSet,
        candidate_count: 2,
        is_pin_in_memory: true,
        is_in_escrow: false,
        new_pin_allowed_from,
        ..standing.clone()
    };
    assert_eq!(*standing, told);
}

#[tokio::test(start_paused = true)]
async fn another_pin_waits_for_a_doubtful_try_of_a_confirmed_one_too() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = \"reset-before\"\n", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let (mut desk, time) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(1), "queued sending-1 retry? sending-2 set after 2");
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    // Known before the journal is asked.
    let why =
        NotSentReason::RefusedLocally(CleanText::new("an earlier PIN could still take effect until 14:05:09 UTC"));
    assert!(
        matches!(desk.last_state(1), ChangeState::NotSent(_, not_sent) if *not_sent == why),
        "the first try can still land"
    );
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    assert!(is_set(desk.last_state(1)), "{}", desk.state_history(1));
}

#[tokio::test(start_paused = true)]
async fn two_step_still_not_set_settles_a_doubt_and_nothing_else_does() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let (mut desk, time) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let early = time.now().plus(LATE_ARRIVAL_WINDOW.saturating_sub(Duration::from_secs(1)));
    let late = time.now().plus(LATE_ARRIVAL_WINDOW);
    time.set(late);
    let read = |two_step, asked| StatusRead { number: id(1), two_step, asked_at: asked };
    for read in [
        read(TwoStep::NotSet, early),
        read(TwoStep::On, late),
        read(TwoStep::Unknown, late),
        StatusRead { number: id(2), ..read(TwoStep::NotSet, late) },
    ] {
        desk.jobs.handle_status_read(read);
    }
    desk.stop_and_drain().await;
    assert!(matches!(desk.last_state(1), ChangeState::InDoubt(_)), "{}", desk.state_history(1));
    desk.jobs.handle_status_read(read(TwoStep::NotSet, late));
    desk.wait_until_finished(1).await;
    assert!(
        matches!(desk.last_state(1), ChangeState::Resolved(finished, Resolution::NoPinInForce) if finished.attempts == 4)
    );
    let books = desk.close().await;
    assert_eq!(with_manual_clock(&simulator, books).await.0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn while_another_pin_is_on_its_way_nothing_is_settled_and_the_older_one_not_sent() {
    let simulator = start_simulator(10, Duration::from_secs(1), &four_faults(1, "reset-before")).await;
    let (mut desk, time) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    advance_clock(time, LATE_ARRIVAL_WINDOW);
    let read = StatusRead { number: id(1), two_step: TwoStep::NotSet, asked_at: time.now() };
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.receive_until(1, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.jobs.resolve_manually(id(1), CleanText::new("asked the shop"));
    desk.jobs.handle_status_read(read);
    desk.jobs.resend(id(1));
    desk.stop_and_drain().await;
    assert!(
        desk.state_history(1).ends_with("no-answer after 4 queued sending-1 set after 1"),
        "{}",
        desk.state_history(1)
    );
    assert_eq!(query_count(&desk.state.state_path().join("journal.db"), "SELECT count(*) FROM settlements"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_checked_by_hand_is_settled_but_another_pin_still_waits() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let (mut desk, _time) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    desk.jobs.resolve_manually(id(1), CleanText::new("rang them up"));
    desk.jobs.resolve_manually(id(2), CleanText::new("nothing was in doubt"));
    desk.wait_until_finished(1).await;
    assert!(
        matches!(desk.last_state(1), ChangeState::Resolved(finished, Resolution::Manual) if finished.attempts == 4)
    );
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    assert!(
        matches!(desk.last_state(1), ChangeState::NotSent(_, NotSentReason::RefusedLocally(_))),
        "{:?}",
        desk.last_state(1)
    );
    let books = desk.close().await;
    assert_eq!(with_manual_clock(&simulator, books).await.0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_in_doubt_is_told_at_once_and_ends_with_a_confirmed_pin() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-after")).await;
    let (mut desk, _) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let known = expect_in_doubt(desk.last_state(1)).clone();
    let books = desk.close().await;

    let (mut desk, time) = with_manual_clock(&simulator, books).await;
    let [left] = &desk.take_recovered()[..] else { panic!("one is left") };
    let new_pin_allowed_from = left.new_pin_allowed_from;
    assert_eq!(*left, InDoubtDetails { is_pin_in_memory: false, new_pin_allowed_from, ..known.clone() });
    assert_eq!(new_pin_allowed_from.utc, known.new_pin_allowed_from.utc);
    desk.jobs.resend(id(1));
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    assert!(matches!(expect_in_doubt(desk.last_state(1)).reason, DoubtReason::OlderPinInDoubt(_)), "too early");
    assert_eq!(simulator.pin_request_count(), 4);
    time.set(new_pin_allowed_from);
    desk.jobs.set_pins(vec![change_with_other_pin(1)]);
    desk.wait_until_finished(1).await;
    assert!(is_set(desk.last_state(1)), "{}", desk.state_history(1));
    let books = desk.close().await;
    assert_eq!(with_manual_clock(&simulator, books).await.0.take_recovered(), []);
}

#[tokio::test(start_paused = true)]
async fn hidden_it_forgets_the_client_and_the_pins_that_the_escrow_has() {
    for (books, is_kept) in [(StateFixture::default(), false), (StateFixture::without_recipients(), true)] {
        let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
        let (mut desk, _) = with_manual_clock(&simulator, books).await;
        desk.jobs.set_pins(vec![change(1), change(2)]);
        // What waits for its turn goes on.
        desk.jobs.drop_secrets();
        desk.wait_until_finished(2).await;
        assert!(is_set(desk.last_state(2)), "{}", desk.state_history(2));
        assert_eq!(expect_in_doubt(desk.last_state(1)).is_pin_in_memory, is_kept);
        desk.jobs.set_pins(vec![change(3)]);
        desk.wait_until_finished(1).await;
        let why = NotSentReason::RefusedLocally(CleanText::new("there is no access token"));
        assert!(
            matches!(desk.last_state(3), ChangeState::NotSent(_, not_sent) if *not_sent == why),
            "{:?}",
            desk.last_state(3)
        );
        desk.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
        desk.jobs.resend(id(1));
        desk.jobs.set_pins(vec![change(3)]);
        desk.wait_until_finished(1 + usize::from(is_kept)).await;
        assert_eq!((is_set(desk.last_state(1)), is_set(desk.last_state(3))), (is_kept, true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pin_in_doubt_is_forgotten_when_the_screen_is_hidden_if_the_escrow_has_it() {
    for (books, is_kept) in [(StateFixture::default(), false), (StateFixture::without_recipients(), true)] {
        let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
        let (mut desk, _) = with_manual_clock(&simulator, books).await;
        desk.jobs.set_pins(changes(1));
        desk.wait_until_finished(1).await;
        desk.jobs.drop_secrets();
        desk.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
        desk.jobs.resend(id(1));
        desk.wait_until_finished(1).await;
        assert_eq!((is_set(desk.last_state(1)), simulator.pin_request_count()), (is_kept, if is_kept { 5 } else { 4 }));
        if !is_kept {
            assert!(!expect_in_doubt(desk.last_state(1)).is_pin_in_memory, "and told so");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_client_nothing_is_sent_until_there_is_one() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let mut desk = JobsFixture::with_parts(StateFixture::default(), Clock::System, None, 1).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    desk.jobs.use_graph(graph(&simulator.base_url(), FULL_ACCESS_TOKEN));
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(1), "not-sent after 0 queued sending-1 set after 1");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_dies_stops_everything_and_says_so_once() {
    let simulator = start_simulator(200, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    let mut death = desk.jobs.journal_failure();
    desk.jobs.set_pins(changes(100));
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    // Somebody tidies up: what is written from now on would be found by nobody.
    std::fs::remove_file(desk.state.state_path().join("journal.db")).expect("it was there");
    desk.wait_until_finished(100).await;
    let words = death.borrow_and_update().clone().expect("it died");
    assert!(words.as_str().contains(&*desk.state.state_path().to_string_lossy()), "{words}");
    assert_eq!(
        (simulator.pin_request_count(), desk.count_last_states(is_set)),
        (4, 4),
        "what Meta said is told all the same"
    );
    let why = NotSentReason::RefusedLocally(words);
    assert_eq!(
        desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why)),
        96
    );
    desk.jobs.set_pins(vec![change(101)]);
    desk.wait_until_finished(1).await;
    assert!(
        matches!(desk.last_state(101), ChangeState::NotSent(_, not_sent) if *not_sent == why),
        "no new work is taken"
    );
    assert_eq!(desk.state_history(101), "not-sent after 0");
    assert!(!death.has_changed().expect("the batch goes on"), "told once");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_dies_ends_the_wait_for_a_repeat_too() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}", id(1));
    let simulator = start_simulator(10, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.receive_until(1, |progress| matches!(progress.state, ChangeState::Waiting { .. })).await;
    let begun = tokio::time::Instant::now();
    std::fs::remove_file(desk.state.state_path().join("journal.db")).expect("it was there");
    desk.jobs.set_pins(vec![change(2)]);
    desk.wait_until_finished(2).await;
    assert_eq!(
        (desk.state_history(1).as_str(), desk.state_history(2).as_str()),
        ("queued sending-1 retry failed after 1", "queued not-sent after 0")
    );
    assert!(begun.elapsed() < Duration::from_secs(1), "nothing is waited for that will not be sent");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_recorded_a_doubt_stays_and_its_pin_is_not_sent_again() {
    let simulator = start_simulator(10, Duration::ZERO, &four_faults(1, "reset-before")).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let standing = expect_in_doubt(desk.last_state(1)).clone();
    std::fs::remove_file(desk.state.state_path().join("journal.db")).expect("it was there");
    desk.jobs.resolve_manually(id(1), CleanText::new("asked the shop"));
    desk.wait_until_finished(1).await;
    assert_eq!(*expect_in_doubt(desk.last_state(1)), standing);
    assert!(desk.jobs.journal_failure().borrow().is_some(), "and it is told why");
    desk.jobs.resend(id(1));
    desk.wait_until_finished(1).await;
    assert!(
        desk.state_history(1).ends_with("no-answer after 4 no-answer after 4 no-answer after 4"),
        "{}",
        desk.state_history(1)
    );
    assert_eq!(simulator.pin_request_count(), 4);
}

#[tokio::test(start_paused = true)]
async fn recipients_that_nobody_acknowledged_stop_each_change_before_it_is_sent() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let (mut desk, _) = with_manual_clock(&simulator, StateFixture::default()).await;
    desk.jobs.set_pins(changes(1));
    desk.wait_until_finished(1).await;
    let books = desk.close().await.with_new_recipient();
    let (mut desk, _) = with_manual_clock(&simulator, books).await;
    desk.jobs.set_pins(vec![change(2)]);
    desk.wait_until_finished(1).await;
    assert_eq!(simulator.pin_request_count(), 1);
    assert!(
        matches!(desk.last_state(2), ChangeState::NotSent(_, NotSentReason::RefusedLocally(_))),
        "{:?}",
        desk.last_state(2)
    );
    desk.records.journal.accept_recipients().await.expect("acknowledged");
    desk.jobs.set_pins(vec![change(2)]);
    desk.wait_until_finished(1).await;
    assert!(is_set(desk.last_state(2)), "{}", desk.state_history(2));
}

impl JobsFixture {
    /// Sets the same PIN on each number of a list, as one job.
    fn set_each_listed(&self, count: u64) {
        self.jobs.set_pin_of_each(
            JobId::new(1),
            number_list(count),
            PinChoice::Fixed(Pin::parse(&pin_digits(1)).expect("a PIN")),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_number_of_a_list_gets_its_pin_and_is_recorded_as_it_was_read() {
    let simulator = start_simulator(1_000, Duration::from_millis(50), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 16).await;
    let start = tokio::time::Instant::now();
    desk.set_each_listed(200);
    desk.wait_until_finished(200).await;
    // 13 rounds: no place is ever empty.
    assert_eq!((start.elapsed().as_millis() / 50, simulator.pin_request_count()), (13, 200));
    for n in 1..=200 {
        assert_eq!(
            (desk.state_history(n).as_str(), simulator.pin_in_force(&id(n))),
            ("sending-1 set after 1", Some(pin_digits(1)))
        );
    }
    let books = desk.close().await;
    for (two_step, count) in [("on", 20), ("not_set", 80)] {
        let rows =
            format!("SELECT count(*) FROM changes WHERE job = 1 AND waba = '{}' AND before = '{two_step}'", waba(2));
        assert_eq!(query_count(&books.state_path().join("journal.db"), &rows), count, "{two_step}");
    }
}

#[tokio::test(start_paused = true)]
async fn random_pins_of_a_list_are_drawn_number_by_number() {
    let simulator = start_simulator(1_000, Duration::ZERO, "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 16).await;
    desk.jobs.set_pin_of_each(JobId::new(1), number_list(40), PinChoice::Random);
    desk.wait_until_finished(40).await;
    let drawn: std::collections::HashSet<_> = (1..=40).map(|n| simulator.pin_in_force(&id(n))).collect();
    assert!(desk.count_last_states(is_set) == 40 && drawn.len() >= 39, "{drawn:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest_of_a_list() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = start_simulator(5_000, Duration::from_millis(50), faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 16).await;
    desk.set_each_listed(5_000);
    desk.wait_until_finished(5_000).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 100 + 16, "{requests} requests");
    assert_eq!((desk.count_last_states(is_set), desk.count_last_states(is_token_refused)), (100, 5_000 - requests));
    assert_eq!(desk.state_history(5_000), "not-sent after 0");
    // What was let go is not on its way any more: another request for it may be tried.
    desk.jobs.set_pins(vec![change(5_000)]);
    desk.wait_until_finished(1).await;
    assert_eq!(desk.state_history(5_000), "not-sent after 0 queued sending-1 failed after 1");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_its_waba_in_a_list_and_nothing_else() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}", id(2));
    let simulator = start_simulator(2_000, Duration::ZERO, &faults).await;
    let mut desk = JobsFixture::for_simulator(&simulator, 1).await;
    desk.set_each_listed(1_000);
    desk.wait_until_finished(1_000).await;
    assert_eq!((desk.state_history(2), simulator.pin_request_count()), ("sending-1 failed after 1".to_owned(), 501));
    assert_eq!(desk.count_last_states(is_set), 500);
    assert_eq!(
        desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::WabaRefused(_)))),
        499
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_dies_stops_a_list_and_takes_no_other() {
    let simulator = start_simulator(2_000, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    desk.set_each_listed(1_000);
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    std::fs::remove_file(desk.state.state_path().join("journal.db")).expect("it was there");
    desk.wait_until_finished(1_000).await;
    desk.set_each_listed(1_000);
    desk.wait_until_finished(1_000).await;
    let why = NotSentReason::RefusedLocally(desk.jobs.journal_failure().borrow().clone().expect("it died"));
    assert_eq!(
        desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why)),
        1_000
    );
    assert_eq!(
        (simulator.pin_request_count(), desk.state_history(1_000).as_str()),
        (4, "not-sent after 0 not-sent after 0")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_go_of_a_list_and_a_pause_holds_it() {
    let simulator = start_simulator(2_000, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 4).await;
    desk.set_each_listed(1_000);
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.jobs.pause();
    desk.wait_until_finished(4).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(simulator.pin_request_count(), 4);
    desk.jobs.resume();
    desk.receive_until(4, |progress| matches!(progress.state, ChangeState::Sending { .. })).await;
    desk.stop_and_drain().await;
    assert_eq!((simulator.pin_request_count(), desk.count_last_states(is_set)), (8, 8));
    assert_eq!(desk.count_last_states(|state| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped))), 992);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_waits_in_a_list_takes_no_other_pin_and_one_on_its_way_waits_in_no_list() {
    let simulator = start_simulator(100, Duration::from_secs(1), "").await;
    let mut desk = JobsFixture::for_simulator(&simulator, 2).await;
    desk.jobs.set_pins(vec![change(3)]);
    desk.set_each_listed(20);
    desk.jobs.set_pins(vec![change(20)]);
    desk.wait_until_finished(22).await;
    let why = NotSentReason::RefusedLocally(CleanText::new("another request for this number is in flight"));
    let is_refused = |state: &ChangeState| matches!(state, ChangeState::NotSent(_, not_sent) if *not_sent == why);
    for (n, states) in [(3, 4), (20, 3)] {
        let told = &desk.states[&id(n)];
        assert_eq!((told.len(), told.iter().filter(|state| is_refused(state)).count()), (states, 1), "{told:?}");
    }
    assert_eq!((simulator.pin_request_count(), simulator.pin_in_force(&id(3))), (20, Some(pin_digits(3))));
    assert_eq!(simulator.pin_in_force(&id(20)), Some(pin_digits(1)));
}
