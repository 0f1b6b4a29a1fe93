//! Jobs that need many hours of Meta's limits end by themselves: in the time that the limits allow, without throttled
//! replies where the headers tell the usage, and with an explanation for every pause.
//!
//! `PINDESK_QUOTA_NUMBERS=10000` runs them with that many numbers.

use std::collections::HashMap;
use std::iter;
use std::time::Duration;

use pindesk::domain::change::{ChangeState, Progress};
use pindesk::domain::number::{PhoneNumberId, WabaId};
use pindesk::domain::pin_plan::{PinPlan, Targets};
use pindesk::domain::standing::ChangeResult;
use pindesk::journal::RecordedState;
use pindesk::policy::quota::QuotaScope;
use pindesk::simulator::{FULL_ACCESS_TOKEN, FaultPlan, Simulator, SimulatorSpec, WabaSizes, WorldSpec};
use tokio::time::{Instant, MissedTickBehavior};

use super::{JobsFixture, graph, id, is_set, plan_in_waba, query_count, target};

const HOUR: Duration = Duration::from_hours(1);
const LATENCY: Duration = Duration::from_millis(120);
const CONCURRENCY: usize = 16;

/// The scopes of a job over all WABAs of the simulator, with the numbers that are in none.
const SCOPES: i64 = 8;

/// How often the counts of the job are read.
const POLL_INTERVAL: Duration = Duration::from_mins(10);

/// A gap this long between two confirmed numbers of a WABA needs an explanation.
const UNEXPLAINED_GAP: Duration = Duration::from_secs(30);

/// The last hundredth of each hour is not used: see `policy/quota`.
const USED_PERCENT: u64 = 99;

/// A job and the limits that it meets.
struct QuotaCase {
    /// The shares of the WABAs, in hundredths of all numbers.
    percent: WabaSizes,
    /// True if every second number of the last WABA is configured without it.
    has_unlisted: bool,
    calls_per_hour: u64,
    /// How often another program makes a call in the first WABA.
    foreign_interval: Option<Duration>,
    /// What happens to the connections, and how many calls of 100 it costs.
    faults: (&'static str, u64),
}

impl QuotaCase {
    fn sizes(&self) -> WabaSizes {
        let total = std::env::var("PINDESK_QUOTA_NUMBERS").map_or(2_000, |count| count.parse().expect("a count"));
        self.percent.map(|percent| total * percent / 100)
    }

    /// How long a job takes that uses its limits: each hour has its share of the numbers, the first one at once.
    fn quota_time(&self) -> Duration {
        let foreign = self.foreign_interval.map_or(0, |every| HOUR.as_secs() / every.as_secs());
        let hours = self.sizes().into_iter().enumerate().map(|(index, size)| {
            let per_hour = self.calls_per_hour * USED_PERCENT / 100 - if index == 0 { foreign } else { 0 };
            (size as u64 * (100 + self.faults.1)).div_ceil(per_hour * 100).saturating_sub(1)
        });
        let total: usize = self.sizes().iter().sum();
        let hours = u32::try_from(hours.max().unwrap_or(0)).expect("few hours");
        HOUR * hours + LATENCY * u32::try_from(total / CONCURRENCY).expect("few numbers")
    }

    fn plans(&self) -> Vec<PinPlan> {
        let (mut first, mut plans) = (1, Vec::new());
        for (n, size) in (1..).zip(self.sizes()) {
            let size = size as u64;
            if size > 0 {
                let mut plan = plan_in_waba(n, first, size);
                if self.has_unlisted && n == 7 {
                    let number = |(index, number): (usize, &_)| {
                        if index % 2 == 0 { target(first + index as u64) } else { Clone::clone(number) }
                    };
                    let targets = plan.targets.iter().enumerate().map(number).collect();
                    plan.targets = Targets::new(targets).expect("some numbers");
                }
                plans.push(plan);
            }
            first += size;
        }
        plans
    }

    /// Runs the jobs to their end without a hand on them, and checks what holds for each of them.
    async fn run(&self) {
        let world = WorldSpec {
            calls_per_hour: Some(usize::try_from(self.calls_per_hour).expect("a small number")),
            waba_sizes: Some(self.sizes()),
            unregistered_may_set_pin: true,
            ..WorldSpec::new(0, 1)
        };
        let faults = FaultPlan::parse(self.faults.0).expect("a plan");
        let spec = SimulatorSpec { world, latency: LATENCY, faults };
        let simulator = Simulator::start("127.0.0.1:0".parse().expect("an address"), spec).await.expect("a simulator");
        let foreign = self.foreign_interval.map(|every| tokio::spawn(call_from_elsewhere(simulator.base_url(), every)));
        let total = self.sizes().iter().sum();
        let mut fixture = JobsFixture::for_simulator(&simulator, CONCURRENCY);
        let start = Instant::now();
        let plans = self.plans();
        let targets = plans.iter().flat_map(|plan| plan.targets.iter());
        let wabas = targets.map(|target| (target.id, target.waba_id())).collect();
        fixture.set_pins(plans).await;
        let confirmed = follow(&mut fixture, total).await;
        let elapsed = start.elapsed();
        assert_eq!(fixture.count_last_states(is_set), total, "all are set, and none is in doubt");
        explain_gaps(&fixture, start, &confirmed, &wabas);
        foreign.inspect(tokio::task::JoinHandle::abort);
        let throttled = "SELECT count(*) FROM audit WHERE json_extract(row, '$.outcome') = 'throttled'";
        let throttled = query_count(&fixture.state.state_path().join("journal.db"), throttled);
        // A reply that is dropped tells no usage. What it hid can cost each scope one throttled request.
        let most = if self.faults.1 > 0 { SCOPES } else { 0 };
        assert!(throttled <= most, "the headers tell the usage, so no request is throttled: {throttled}");
        let repeated = simulator.pin_request_count() - total;
        assert_eq!(repeated > 0, self.faults.1 > 0, "only dropped requests are repeated: {repeated}");
        let most = self.quota_time().mul_f64(1.03);
        assert!(elapsed < most, "{elapsed:?}, and the limits allow {most:?}");
    }
}

/// Another program that makes calls in the first WABA, whatever the limits are.
async fn call_from_elsewhere(url: String, every: Duration) {
    let graph = graph(&url, FULL_ACCESS_TOKEN);
    let mut calls = tokio::time::interval(every);
    loop {
        calls.tick().await;
        graph.read_number(id(1)).await.result.ok();
    }
}

/// Receives progress until all numbers have a result. Meanwhile the counts in the journal always add up.
async fn follow(fixture: &mut JobsFixture, total: usize) -> Vec<(Instant, PhoneNumberId)> {
    let mut polls = tokio::time::interval(POLL_INTERVAL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut confirmed = Vec::new();
    while confirmed.len() < total {
        tokio::select! {
            biased;
            progress = fixture.progress.recv() => {
                let Progress { number, state, .. } = progress.expect("the actor is running");
                if !state.is_running() {
                    assert!(is_set(&state), "{number}: {state:?}");
                    confirmed.push((Instant::now(), number));
                }
                fixture.states.insert(number, vec![state]);
            }
            _ = polls.tick() => check_counts(fixture, total, confirmed.len()),
        }
    }
    confirmed
}

/// The counts add up, and only a dropped request that waits for its retry is in doubt.
fn check_counts(fixture: &JobsFixture, total: usize, confirmed: usize) {
    let jobs = fixture.recorder.journal.open_reader().expect("a reader").jobs().expect("jobs");
    let count = |state| jobs.iter().map(|job| job.count(state)).sum::<usize>();
    let all: usize = jobs.iter().flat_map(|job| job.counts.values()).sum();
    assert_eq!(all, total, "{jobs:?}");
    assert!(count(RecordedState::Ended(ChangeResult::Set)) >= confirmed, "{jobs:?}");
    assert_eq!(count(RecordedState::Ended(ChangeResult::Failed)), 0, "{jobs:?}");
    let running = |state: &ChangeState| state.is_in_doubt();
    assert!(fixture.count_last_states(running) <= CONCURRENCY);
}

/// Every gap between two confirmed numbers of a WABA is covered by pauses that were told: with scope, cause and end.
fn explain_gaps(
    fixture: &JobsFixture,
    start: Instant,
    confirmed: &[(Instant, PhoneNumberId)],
    wabas: &HashMap<PhoneNumberId, Option<WabaId>>,
) {
    let pauses = fixture.pauses.lock().expect("no panic").clone();
    let mut by_waba: HashMap<Option<WabaId>, Vec<Instant>> = HashMap::new();
    for (at, number) in confirmed {
        by_waba.entry(wabas[number]).or_default().push(*at);
    }
    for (waba, times) in by_waba {
        let covering: Vec<_> = pauses
            .iter()
            .filter(|(_, pause)| match pause.scope {
                QuotaScope::App | QuotaScope::Token => true,
                QuotaScope::Waba(scope) => scope == waba,
                QuotaScope::Number(_) => false,
            })
            .map(|(told, pause)| (*told, Instant::from_std(pause.until.instant)))
            .collect();
        for (before, after) in iter::once(start).chain(times.iter().copied()).zip(times.iter().copied()) {
            let mut explained = before;
            for (told, until) in &covering {
                if *told <= explained + UNEXPLAINED_GAP && *until > explained {
                    explained = *until;
                }
            }
            assert!(
                after <= explained + UNEXPLAINED_GAP,
                "{waba:?}: nothing was told about {:?} after {:?}",
                after - explained,
                explained - start
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_used_up_without_a_throttled_reply() {
    QuotaCase {
        percent: [100, 0, 0, 0, 0, 0, 0],
        has_unlisted: false,
        calls_per_hour: 500,
        foreign_interval: None,
        faults: ("", 0),
    }
    .run()
    .await;
}

#[tokio::test(start_paused = true)]
async fn three_wabas_with_foreign_calls_end_by_themselves() {
    QuotaCase {
        percent: [50, 30, 20, 0, 0, 0, 0],
        has_unlisted: false,
        calls_per_hour: 400,
        foreign_interval: Some(Duration::from_secs(36)),
        faults: ("", 0),
    }
    .run()
    .await;
}

#[tokio::test(start_paused = true)]
async fn eight_scopes_and_a_line_that_drops_end_by_themselves() {
    let drops = "[[fault]]\nevery = 41\nanswer = \"reset-before\"\n[[fault]]\nevery = 53\nanswer = \"reset-after\"";
    QuotaCase {
        percent: [20, 16, 14, 13, 12, 11, 14],
        has_unlisted: true,
        calls_per_hour: 150,
        foreign_interval: None,
        faults: (drops, 5),
    }
    .run()
    .await;
}
