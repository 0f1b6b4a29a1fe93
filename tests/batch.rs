//! The batch against the simulator: whatever goes wrong, what is told of a number is true of it.
//!
//! Batch and simulator share one runtime and one paused clock, so that 30 seconds of silence take no time.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod faultd;
}

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::mpsc as blocking;
use std::time::Duration;

use pindesk::batch::Batch;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::graph::Graph;
use pindesk::job::{Change, ChangeId, JobState, MAX_TRIES, Progress};
use pindesk::moment::Clock;
use pindesk::number::PhoneNumberId;
use pindesk::outcome::{Doubt, NotSent, Unchanged};
use pindesk::pin::Pin;
use pindesk::simulator::{EXPIRED_TOKEN, FaultPlan, Simulator, SimulatorSpec, TOKEN, WorldSpec};
use pindesk::text::Clean;
use tokio::sync::mpsc::UnboundedReceiver;

use support::faultd::{Faultd, Say};

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

fn waba(n: u64) -> pindesk::number::WabaId {
    (100_000_000_000_000 + n).to_string().parse().expect("an id")
}

/// A PIN of this number's own.
fn digits(n: u64) -> [u8; 6] {
    format!("{:06}", n * 7_919 % 1_000_000).into_bytes().try_into().expect("six digits")
}

fn change(n: u64) -> Change {
    Change { id: ChangeId::new(), number: id(n), waba: None, pin: Pin::parse(&digits(n)).expect("a PIN") }
}

fn changes(count: u64) -> Vec<Change> {
    (1..=count).map(change).collect()
}

fn graph(url: &str, token: &str) -> Graph {
    let endpoint =
        Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
    let token = AccessToken::parse(token).expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 64).expect("a client")
}

async fn simulator(numbers: usize, latency: Duration, faults: &str) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a plan");
    let spec = SimulatorSpec { world: WorldSpec::new(numbers, 1), latency, faults };
    Simulator::start("127.0.0.1:0".parse().expect("an address"), spec).await.expect("a simulator")
}

/// A batch, and everything it told.
struct Desk {
    batch: Batch,
    progress: UnboundedReceiver<Progress>,
    told: HashMap<PhoneNumberId, Vec<JobState>>,
}

impl Desk {
    fn new(url: &str, token: &str, concurrency: usize) -> Self {
        let (batch, progress) = Batch::start(graph(url, token), concurrency, Clock::System);
        Self { batch, progress, told: HashMap::new() }
    }

    fn on(simulator: &Simulator, concurrency: usize) -> Self {
        Self::new(&simulator.base_url(), TOKEN, concurrency)
    }

    /// Hears news until it has heard so many for which this holds.
    async fn hear(&mut self, mut count: usize, is_meant: impl Fn(&Progress) -> bool) {
        while count > 0 {
            let progress = self.progress.recv().await.expect("the batch goes on");
            count -= usize::from(is_meant(&progress));
            self.told.entry(progress.number).or_default().push(progress.state);
        }
    }

    async fn rest(&mut self, count: usize) {
        self.hear(count, |progress| !progress.state.is_running()).await;
    }

    /// Waits until nothing is on its way, and hears what is left to hear.
    async fn settle(&mut self) {
        let (at_rest, waiter) = blocking::channel();
        self.batch.stop_then(at_rest);
        while waiter.try_recv() == Err(blocking::TryRecvError::Empty) {
            // Pretended time: the clock only moves on while nobody has anything to do.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while let Ok(progress) = self.progress.try_recv() {
            self.told.entry(progress.number).or_default().push(progress.state);
        }
    }

    /// What a number's states were, in words: `queued sending retry … set 2` with the number of tries.
    fn story(&self, n: u64) -> String {
        self.told[&id(n)].iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn last(&self, n: u64) -> &JobState {
        self.told[&id(n)].last().expect("a state")
    }

    fn count(&self, is_meant: impl Fn(&JobState) -> bool) -> usize {
        self.told.values().filter(|states| states.last().is_some_and(&is_meant)).count()
    }
}

fn word(state: &JobState) -> String {
    match state {
        JobState::Queued | JobState::Waiting { in_doubt: false, .. } => state.key().to_owned(),
        JobState::Waiting { in_doubt: true, .. } => "retry?".to_owned(),
        JobState::Sending { attempt } => format!("sending-{attempt}"),
        JobState::Set(finished)
        | JobState::Failed(finished, _)
        | JobState::NotSent(finished, _)
        | JobState::InDoubt(finished, _) => format!("{} after {}", state.key(), finished.tries),
    }
}

fn is_set(state: &JobState) -> bool {
    matches!(state, JobState::Set(_))
}

fn is_token_refused(state: &JobState) -> bool {
    matches!(state, JobState::NotSent(_, NotSent::TokenRefused))
}

/// True if the second state may follow the first.
fn may_follow(before: &JobState, after: &JobState) -> bool {
    match before {
        JobState::Queued => matches!(after, JobState::Sending { attempt: 1 } | JobState::NotSent(..)),
        JobState::Sending { attempt } => match after {
            JobState::Waiting { attempt: next, .. } => *next == attempt + 1,
            JobState::Queued | JobState::Sending { .. } => false,
            JobState::Set(_) | JobState::Failed(..) | JobState::NotSent(..) | JobState::InDoubt(..) => true,
        },
        JobState::Waiting { attempt, .. } => matches!(after, JobState::Sending { attempt: now } if now == attempt),
        JobState::Set(_) | JobState::Failed(..) | JobState::NotSent(..) | JobState::InDoubt(..) => false,
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
    const NUMBERS: u64 = 600;
    let simulator = simulator(600, Duration::from_millis(20), &random_faults(NUMBERS)).await;
    let before: Vec<_> = (1..=NUMBERS).map(|n| simulator.pin_in_force(&id(n))).collect();
    let mut desk = Desk::on(&simulator, 16);
    desk.batch.set(changes(NUMBERS));
    desk.rest(600).await;
    let mut tries_in_all = 0;
    for (n, before) in (1..).zip(before) {
        let states = &desk.told[&id(n)];
        assert_eq!(states[0], JobState::Queued);
        assert!(states.windows(2).all(|pair| may_follow(&pair[0], &pair[1])), "{}", desk.story(n));
        let sent = simulator.pins_sent(&id(n));
        assert!(sent.len() <= usize::from(MAX_TRIES) && sent.iter().all(|pin| *pin == digits(n)), "{n}: {sent:?}");
        tries_in_all += sent.len();
        let in_force = simulator.pin_in_force(&id(n));
        match desk.last(n) {
            JobState::Set(finished) => {
                assert_eq!((in_force, usize::from(finished.tries)), (Some(digits(n)), sent.len()), "{n}");
            }
            JobState::Failed(..) | JobState::NotSent(..) => assert_eq!(in_force, before, "{n}: nothing was changed"),
            JobState::InDoubt(..) => assert!(in_force == before || in_force == Some(digits(n)), "{n}"),
            JobState::Queued | JobState::Sending { .. } | JobState::Waiting { .. } => unreachable!("at rest"),
        }
    }
    assert!(desk.count(is_set) > 500 && tries_in_all > 750, "{tries_in_all} tries");
    assert!(desk.count(|state| matches!(state, JobState::InDoubt(..))) > 0);
    assert!(desk.count(|state| matches!(state, JobState::Failed(..))) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_tried_four_times_in_all_and_stays_in_doubt() {
    let faults = "[[fault]]\nevery = 1\nanswer = \"reset-before\"";
    let simulator = simulator(10, Duration::ZERO, faults).await;
    let mut desk = Desk::on(&simulator, 2);
    desk.batch.set(changes(1));
    desk.rest(1).await;
    let story = "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4";
    assert_eq!((desk.story(1).as_str(), simulator.pin_requests()), (story, 4));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_number_is_asked_again_later_and_a_refused_one_is_not() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\ntimes = 2\nanswer = {{ code = 80008, status = 400 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 100, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 2);
    let start = tokio::time::Instant::now();
    desk.batch.set(changes(2));
    desk.rest(2).await;
    assert_eq!(desk.story(1), "queued sending-1 retry sending-2 retry sending-3 set after 3");
    assert_eq!(desk.story(2), "queued sending-1 failed after 1");
    assert!(start.elapsed() >= Duration::from_secs(10), "5 s at least before each repeat");
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_than_allowed_are_on_their_way_at_once() {
    let silent = Faultd::start(vec![vec![Say::Hold]]).await;
    let mut desk = Desk::new(&silent.url(), TOKEN, 5);
    desk.batch.set(changes(40));
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!((silent.requests().len(), silent.connections()), (5, 5));
    // The first five wait for their next try; five others have their places.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(silent.requests().len(), 10);
    desk.settle().await;
    let (mut in_doubt, mut not_sent) = (0, 0);
    for n in 1..=40 {
        let state = desk.last(n);
        if matches!(state, JobState::InDoubt(finished, Doubt::NoAnswer { .. }) if finished.tries == 1) {
            in_doubt += 1;
        } else if matches!(state, JobState::NotSent(finished, NotSent::Stopped) if finished.tries == 0) {
            not_sent += 1;
        }
    }
    assert_eq!((in_doubt, not_sent, silent.requests().len()), (10, 30, 10));
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_stops_the_rest() {
    let faults = "[[fault]]\nevery = 1\nafter = 100\nanswer = { code = 190, status = 401 }";
    let simulator = simulator(5_000, Duration::from_millis(50), faults).await;
    let mut desk = Desk::on(&simulator, 16);
    desk.batch.set(changes(5_000));
    desk.rest(5_000).await;
    let requests = simulator.pin_requests();
    assert!(requests <= 100 + 16, "{requests} requests");
    assert_eq!(desk.count(is_set), 100);
    assert_eq!(desk.count(is_token_refused), 5_000 - requests);
    assert_eq!(desk.count(|state| matches!(state, JobState::Failed(..))), requests - 100);
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
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 1);
    desk.batch.set(changes(5));
    desk.rest(5).await;
    assert_eq!(desk.story(2), "queued sending-1 retry failed after 1", "Meta refused it: that much is known");
    assert_eq!(desk.story(3), "queued sending-1 failed after 1");
    assert!(is_token_refused(desk.last(4)) && is_token_refused(desk.last(5)));
    assert!(matches!(desk.last(1), JobState::InDoubt(..)), "{}", desk.story(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_nothing_new_and_awaits_what_is_on_its_way() {
    let simulator = simulator(200, Duration::from_secs(1), "").await;
    let mut desk = Desk::on(&simulator, 4);
    desk.batch.set(changes(100));
    desk.hear(4, |progress| matches!(progress.state, JobState::Sending { .. })).await;
    desk.settle().await;
    assert_eq!(simulator.pin_requests(), 4);
    assert_eq!(desk.count(is_set), 4);
    assert_eq!(desk.count(|state| matches!(state, JobState::NotSent(_, NotSent::Stopped))), 96);
    // A stop is no end: what comes later is sent.
    desk.batch.set(vec![change(50)]);
    desk.rest(1).await;
    assert_eq!(desk.story(50), "queued not-sent after 0 queued sending-1 set after 1");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_turn_sends_nothing_at_all() {
    let simulator = simulator(200, Duration::from_secs(1), "").await;
    let mut desk = Desk::on(&simulator, 4);
    desk.batch.set(changes(100));
    desk.settle().await;
    assert_eq!(simulator.pin_requests(), 0);
    assert_eq!(desk.count(|state| matches!(state, JobState::NotSent(_, NotSent::Stopped))), 100);
}

#[tokio::test(start_paused = true)]
async fn a_stop_brings_waiting_changes_to_rest_with_what_is_known_of_them() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = \"reset-after\"\n[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}",
        id(1),
        id(2)
    );
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 2);
    desk.batch.set(changes(2));
    desk.hear(2, |progress| matches!(progress.state, JobState::Waiting { attempt: 2, .. })).await;
    let requests = simulator.pin_requests();
    desk.settle().await;
    assert_eq!(simulator.pin_requests(), requests);
    assert!(matches!(desk.last(1), JobState::InDoubt(..)), "{}", desk.story(1));
    assert_eq!(desk.story(2), "queued sending-1 retry failed after 1");
}

#[tokio::test(start_paused = true)]
async fn without_a_handle_the_batch_stops_and_ends() {
    let simulator = simulator(200, Duration::from_secs(1), "").await;
    let mut desk = Desk::on(&simulator, 4);
    desk.batch.set(changes(100));
    desk.hear(4, |progress| matches!(progress.state, JobState::Sending { .. })).await;
    let Desk { batch, mut progress, .. } = desk;
    drop(batch);
    let mut ends = HashMap::<_, usize>::new();
    while let Some(Progress { state, .. }) = progress.recv().await {
        *ends.entry(word(&state)).or_default() += 1;
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
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 2);
    desk.batch.set(changes(1));
    desk.rest(1).await;
    assert_eq!(desk.story(1), "queued sending-1 retry? sending-2 no-answer after 2");
    assert_eq!(simulator.pin_in_force(&id(1)), Some(digits(1)), "and it was in force indeed");
}

#[tokio::test(start_paused = true)]
async fn the_pin_in_doubt_is_sent_again_by_hand_until_it_is_confirmed() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 5\nanswer = \"reset-before\"", id(1));
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 2);
    desk.batch.set(changes(1));
    desk.rest(1).await;
    // Asked for twice, and sent once.
    desk.batch.send_again(id(1));
    desk.batch.send_again(id(1));
    desk.rest(1).await;
    desk.batch.send_again(id(1));
    desk.settle().await;
    assert_eq!(
        desk.story(1),
        "queued sending-1 retry? sending-2 retry? sending-3 retry? sending-4 no-answer after 4 \
         queued sending-1 retry? sending-2 set after 6"
    );
    assert_eq!(simulator.pins_sent(&id(1)), [digits(1); 6]);
    assert_eq!(simulator.pin_in_force(&id(1)), Some(digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_newer_pin_that_came_to_nothing_leaves_the_older_one_in_doubt() {
    let faults = format!(
        "[[fault]]\nnumber = \"{0}\"\ntimes = 4\nanswer = \"reset-after\"\n\
         [[fault]]\nnumber = \"{0}\"\ntimes = 1\nanswer = {{ code = 133010, status = 400 }}",
        id(1)
    );
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 1);
    let newer = || Change { pin: Pin::parse(&digits(2)).expect("a PIN"), ..change(1) };
    desk.batch.set(changes(1));
    desk.rest(1).await;
    let JobState::InDoubt(older, _) = desk.last(1) else { panic!("{:?}", desk.last(1)) };
    let older = *older;

    desk.batch.set(vec![newer()]);
    desk.rest(1).await;
    let refused = matches!(desk.last(1), JobState::InDoubt(at, Doubt::OlderPin(Unchanged::Refused(fault)))
        if *at == older && fault.code == 133_010);
    assert!(refused, "{:?}", desk.last(1));

    desk.batch.set(vec![newer()]);
    desk.batch.stop();
    desk.rest(1).await;
    let not_sent = JobState::InDoubt(older, Doubt::OlderPin(Unchanged::NotSent(NotSent::Stopped)));
    assert_eq!(*desk.last(1), not_sent);

    desk.batch.send_again(id(1));
    desk.rest(1).await;
    assert!(desk.story(1).ends_with("queued sending-1 set after 5"), "{}", desk.story(1));
    assert_eq!(simulator.pin_in_force(&id(1)), Some(digits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_pin_in_doubt_was_sent_again_keeps_it() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 4\nanswer = \"reset-before\"", id(1));
    let simulator = simulator(10, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 2);
    desk.batch.set(changes(1));
    desk.rest(1).await;
    desk.batch.send_again(id(1));
    desk.batch.stop();
    desk.rest(1).await;
    assert!(desk.story(1).ends_with("no-answer after 4 queued no-answer after 4"), "{}", desk.story(1));
    desk.batch.send_again(id(1));
    desk.rest(1).await;
    assert!(desk.story(1).ends_with("queued sending-1 set after 5"), "{}", desk.story(1));
}

#[tokio::test(start_paused = true)]
async fn a_second_change_for_a_number_on_its_way_is_refused_here() {
    let simulator = simulator(10, Duration::from_secs(1), "").await;
    let mut desk = Desk::on(&simulator, 2);
    let (first, second) = (change(1), change(1));
    let (first_id, second_id) = (first.id, second.id);
    desk.batch.set(vec![first, second]);
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let progress = desk.progress.recv().await.expect("the batch goes on");
        if !progress.state.is_running() {
            ends.push((progress.change, progress.state));
        }
    }
    let why = NotSent::RefusedHere(Clean::new("another request for this number is on its way"));
    assert!(matches!(&ends[0], (id, JobState::NotSent(_, not_sent)) if *id == second_id && *not_sent == why));
    assert!(matches!(&ends[1], (id, JobState::Set(_)) if *id == first_id));
    assert_eq!(simulator.pin_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_access_token_is_used_from_the_next_request_on_and_the_old_ones_refusal_stops_nothing() {
    let simulator = simulator(100, Duration::from_secs(1), "").await;
    let mut desk = Desk::new(&simulator.base_url(), EXPIRED_TOKEN, 2);
    desk.batch.set(changes(20));
    desk.hear(2, |progress| matches!(progress.state, JobState::Sending { .. })).await;
    desk.batch.use_graph(graph(&simulator.base_url(), TOKEN));
    desk.rest(20).await;
    assert_eq!(desk.count(|state| matches!(state, JobState::Failed(_, fault) if fault.code == 190)), 2);
    assert_eq!(desk.count(is_set), 18);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_uses_the_access_token_of_its_time() {
    let silent = Faultd::start(vec![vec![Say::Reset]]).await;
    let simulator = simulator(10, Duration::ZERO, "").await;
    let mut desk = Desk::new(&silent.url(), EXPIRED_TOKEN, 1);
    desk.batch.set(changes(1));
    desk.hear(1, |progress| matches!(progress.state, JobState::Waiting { .. })).await;
    desk.batch.use_graph(graph(&simulator.base_url(), TOKEN));
    desk.rest(1).await;
    assert_eq!(desk.story(1), "queued sending-1 retry? sending-2 set after 2");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_stops_what_is_left_of_its_waba_and_nothing_else() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\nanswer = {{ code = 200, status = 403 }}\n\
         [[fault]]\nnumber = \"{}\"\nanswer = {{ code = 80008, status = 400 }}",
        id(2),
        id(1)
    );
    let simulator = simulator(100, Duration::ZERO, &faults).await;
    let mut desk = Desk::on(&simulator, 1);
    let of = |n| Change { waba: Some(waba(1 + (n + 1) % 2)), ..change(n) };
    // Even ones are in WABA 2, as is number 1.
    let first = Change { waba: Some(waba(2)), ..change(1) };
    desk.batch.set(std::iter::once(first).chain((2..=20).map(of)).collect());
    desk.rest(20).await;
    assert_eq!(desk.story(1), "queued sending-1 retry failed after 1");
    assert_eq!(desk.story(2), "queued sending-1 failed after 1");
    for n in 3..=20 {
        let story = if n % 2 == 0 { "queued not-sent after 0" } else { "queued sending-1 set after 1" };
        assert_eq!(desk.story(n), story, "{n}");
    }
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
    let mut desk = Desk::new(&url, TOKEN, 1);
    desk.batch.set(changes(50));
    desk.rest(50).await;
    let tried = desk.told.values().flatten().filter(|state| matches!(state, JobState::Sending { .. })).count();
    assert_eq!(tried, 3);
    assert_eq!(desk.count(|state| matches!(state, JobState::NotSent(_, NotSent::Tls(_)))), 50);
}
