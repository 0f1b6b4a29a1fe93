//! `kill -9` during the pauses of a throttle, and at their edges: a throttled request leaves no number in doubt once it
//! is recorded, and otherwise the promises of every kill hold.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};

use super::kills::{CONCURRENCY, KillStats, check_records, kill_after, kill_count, parse_env, start_job};
use crate::support::cli_fixture::{CliFixture, wait_until_held};
use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::{FaultOptions, GraphThrottle, SplitMix64};

/// How far from the edge of a pause a kill comes, in microseconds.
const EDGE_US: u64 = 80_000;

/// Shortly before the shortest pause ends that a reply can ask for: one second.
const BEFORE_END: Duration = Duration::from_millis(920);

/// How long a test waits until a process has recorded what it knows.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The errors with which Meta limits the calls of a WABA, the app, or the access token, and their HTTP statuses.
const THROTTLES: [(u16, i64); 4] = [(400, 80_007), (429, 80_008), (403, 4), (400, 613)];

/// The headers of throttles whose pause outlasts a round: none, then the two that name a time.
const LONG_PAUSES: [&str; 3] = [
    "",
    "Retry-After: 3600",
    r#"X-Business-Use-Case-Usage: {"7":[{"type":"whatsapp_business_management","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":60}]}"#,
];

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Around the first throttled replies.
    Start,
    /// After everything that was in flight is recorded.
    Within,
    /// Around the end of a pause: before, during or after its probe.
    End,
    /// At any time of a job with a short pause.
    Any,
}

const MOMENTS: [Moment; 4] = [Moment::Start, Moment::Within, Moment::End, Moment::Any];

fn choose<T: Copy>(random: &mut SplitMix64, choices: &[T]) -> T {
    choices[usize::try_from(random.next_below(choices.len() as u64)).expect("a small number")]
}

fn random_us(random: &mut SplitMix64, bound: u64) -> Duration {
    Duration::from_micros(random.next_below(bound))
}

/// The throttle of a round. A short one may be over when its pause ends, or not.
fn random_throttle(random: &mut SplitMix64, moment: Moment) -> GraphThrottle {
    let (http_status, code) = choose(random, &THROTTLES);
    let header = match moment {
        Moment::Start | Moment::Within => choose(random, &LONG_PAUSES),
        Moment::End | Moment::Any => "Retry-After: 1",
    };
    let length = match moment {
        Moment::Start | Moment::Within => TIMEOUT,
        Moment::End | Moment::Any => random_us(random, 2 * 1_000_000),
    };
    let accepted_before = usize::try_from(random.next_below(100)).expect("a small number");
    GraphThrottle { accepted_before, length, http_status, code, header }
}

/// Kills the process at such a moment.
fn kill_at(moment: Moment, fixture: &CrashFixture, child: &mut Child, random: &mut SplitMix64) -> bool {
    let is_throttled = || assert!(fixture.graph.wait_for_throttled(1), "no request was throttled");
    let delay = match moment {
        Moment::Start => {
            is_throttled();
            random_us(random, EDGE_US)
        }
        Moment::Within => {
            is_throttled();
            wait_until_recorded(&fixture.path("state/journal.db"));
            Duration::ZERO
        }
        Moment::End => {
            is_throttled();
            BEFORE_END + random_us(random, 3 * EDGE_US)
        }
        Moment::Any => random_us(random, 1_600_000),
    };
    kill_after(child, delay)
}

fn open_database(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
}

/// Waits until every request that was sent has a recorded outcome.
fn wait_until_recorded(database: &Path) {
    let database = open_database(database);
    let unrecorded = "SELECT count(*) FROM tries t JOIN changes c ON c.change = t.change
        WHERE c.job = (SELECT max(job) FROM jobs)
        AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.change = t.change AND o.seq > t.seq)";
    let deadline = Instant::now() + TIMEOUT;
    while database.query_row(unrecorded, [], |row| row.get::<_, i64>(0)).expect("a count") > 0 {
        assert!(Instant::now() < deadline, "a request has no recorded outcome");
        std::thread::yield_now();
    }
}

/// The numbers of the last job whose last recorded event is a throttled request.
fn throttled_numbers(database: &Path) -> HashSet<String> {
    let database = open_database(database);
    let throttled = "SELECT o.number FROM outcomes o JOIN audit a ON a.seq = o.seq
        WHERE o.job = (SELECT max(job) FROM jobs) AND json_extract(a.row, '$.outcome') = 'throttled'
        AND NOT EXISTS (SELECT 1 FROM outcomes x WHERE x.change = o.change AND x.seq > o.seq)
        AND NOT EXISTS (SELECT 1 FROM tries t WHERE t.change = o.change AND t.seq > o.seq)";
    let mut statement = database.prepare(throttled).expect("a statement");
    let numbers = statement.query_map([], |row| row.get(0)).expect("rows");
    numbers.map(|number| number.expect("a number")).collect()
}

fn run_round(fixture: &mut CrashFixture, round: usize, random: &mut SplitMix64, stats: &mut KillStats) {
    let moment = MOMENTS[round % MOMENTS.len()];
    let throttle = random_throttle(random, moment);
    fixture.graph.plan_throttle(throttle);
    let mut child = start_job(fixture, round);
    let was_killed = kill_at(moment, fixture, &mut child, random);
    stats.kills += usize::from(was_killed);
    let throttled = throttled_numbers(&fixture.path("state/journal.db"));
    let in_doubt = check_records(fixture, round, child, stats);
    let wrongly: Vec<_> = in_doubt.intersection(&throttled).collect();
    assert!(wrongly.is_empty(), "round {round}: {wrongly:?} are in doubt because of {throttle:?}");
    if let Moment::Within = moment {
        assert!(
            was_killed && in_doubt.is_empty(),
            "round {round}: {in_doubt:?} are in doubt, and nothing was in flight"
        );
        assert!((1..=CONCURRENCY).contains(&throttled.len()), "round {round}: {throttled:?} were throttled");
    }
}

#[test]
fn kill_9_during_pauses_leaves_no_throttled_number_in_doubt() {
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_130);
    let mut fixture = CrashFixture::new(FaultOptions {
        min_latency: Duration::from_millis(10),
        max_latency: Duration::from_millis(60),
        fault_percent: 0,
        seed,
    });
    let (mut random, mut stats) = (SplitMix64(seed), KillStats::default());
    let rounds = kill_count("PINDESK_KILLS_IN_PAUSES", 20);
    for round in 0..rounds {
        run_round(&mut fixture, round, &mut random, &mut stats);
    }
    eprintln!("in pauses: {stats:?}");
    assert!(stats.kills * 4 > rounds * 3, "too few rounds were killed: {stats:?}");
    resume_last_job(&fixture, rounds - 1);
}

/// The throttle is over, and the rest of the last job is sent: then every number is set or in doubt.
fn resume_last_job(fixture: &CrashFixture, waba: usize) {
    let (http_status, code) = THROTTLES[0];
    let over = GraphThrottle { accepted_before: 0, length: Duration::ZERO, http_status, code, header: "" };
    fixture.graph.plan_throttle(over);
    // A kill between the two records leaves a PIN that only the escrow has. The next process that records something
    // brings it back in doubt, and only then the list counts it so.
    let backup = fixture.path("backup");
    let recorded = fixture.command(waba, &["backup", backup.to_str().expect("UTF-8")]).output().expect("it runs");
    assert!(recorded.status.success(), "{recorded:?}");
    let job = fixture.run_json(waba, &["jobs", "list", "--json"]).remove(0);
    let count = |name: &str| job[name].as_u64().expect("a count");
    let (id, rest) = (count("job").to_string(), count("not_sent").to_string());
    let results = fixture.run_json(waba, &["jobs", "resume", &id, "--confirm", &rest, "--json"]);
    let summary = results.last().expect("a summary");
    assert_eq!(
        (summary["set"].as_u64(), summary["total"].as_u64()),
        (Some(count("not_sent")), Some(count("not_sent")))
    );
}

/// How many numbers wait out the throttle that SIGTERM ends.
const WAITING: usize = 20;

#[test]
fn sigterm_in_a_pause_sends_nothing_and_resume_sends_all() {
    let faults =
        format!("[[fault]]\nevery = 1\ntimes = {WAITING}\nanswer = {{ code = 4, status = 403, regain_minutes = 60 }}");
    let cli = CliFixture::new(Duration::ZERO, &faults);
    let (list, count) = (cli.write_id_list(&cli.number_ids("on", WAITING)), WAITING.to_string());
    let set = [
        "pin",
        "set",
        "--replace",
        "--from",
        &list,
        "--random",
        "--confirm",
        &count,
        "--concurrency",
        &count,
        "--json",
        "-q",
    ];
    let held = cli.simulator.hold_changes(0);
    let child = cli.command(&set).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
    wait_until_held(&held, WAITING);
    drop(held);
    wait_until_recorded(&cli.state_path("journal.db"));
    assert_eq!(throttled_numbers(&cli.state_path("journal.db")).len(), WAITING);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("the process exists");
    let output = cli.wait_for_output(child);
    let summary = (output.code, output.summary()["not_sent"].as_u64(), output.summary()["total"].as_u64());
    assert_eq!(summary, (Some(143), Some(20), Some(20)), "{output:?}");
    let resumed = cli.run(&["jobs", "resume", "1", "--replace", "--confirm", &count, "--json"]);
    assert_eq!((resumed.code, resumed.summary()["set"].as_u64()), (Some(0), Some(20)), "{resumed:?}");
    assert_eq!(cli.simulator.pin_request_count(), 2 * WAITING);
}
