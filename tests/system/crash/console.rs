//! `kill -9` of a console that works on a job, and the same job resumed in the next console: no number is sent twice, and
//! the counts on the screen always add up.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pindesk::domain::text::format_count;
use rustix::process::Signal;

use super::kills::{kill_count, parse_env};
use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::{FaultOptions, NUMBERS_PER_WABA, SplitMix64, number_id};
use crate::support::pty::PtySession;

/// The default number of concurrent requests of the console.
const CONCURRENCY: usize = 8;

/// Longer than the pause before a question accepts keys, and than that between the last digit and Enter.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// How long a test waits for requests.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More than the last console needs for what is left.
const MAX_JOB_TIME: Duration = Duration::from_mins(5);

/// The longest time between two looks at the counts.
const MAX_LOOK_INTERVAL_MS: u64 = 60;

/// Types the count of a question, and sends it.
fn confirm_count(session: &mut PtySession, question: &str, count: usize) {
    session.wait_for(question);
    session.wait_until_quiet(QUIET_TIME);
    session.send(count.to_string());
    session.wait_until_quiet(QUIET_TIME);
    session.send("\r");
    session.wait_until_gone(question);
}

/// Starts a job of all numbers.
fn start_job(session: &mut PtySession, numbers: usize) {
    session.wait_for(&format!("Read {} numbers.", format_count(numbers)));
    session.wait_until_quiet(QUIET_TIME);
    session.send("ap");
    session.wait_for(&format!("Set PINs for {} numbers", format_count(numbers)));
    session.send("\r");
    confirm_count(session, "Type how many numbers, then Enter", numbers);
}

/// Leaves the page of the numbers that a kill put in doubt, if there are any.
fn leave_doubts(session: &mut PtySession) {
    session.wait_until_quiet(QUIET_TIME);
    if session.screen().contains("Esc later") {
        session.send("\x1b");
        session.wait_until_gone("Esc later");
    }
}

/// Opens the page of the only job.
fn open_job(session: &mut PtySession) {
    session.send("b");
    // The cursor is on its row.
    session.wait_for(">   1 ");
    session.send("\r");
    session.wait_for("Job 1: a random PIN");
}

/// Resumes the job, if something of it is left. Returns how many numbers the question named.
fn resume_job(session: &mut PtySession) -> Option<usize> {
    session.wait_until_quiet(QUIET_TIME);
    session.send("t");
    session.wait_until_quiet(QUIET_TIME);
    let screen = session.screen();
    if !screen.contains("Resume job 1?") {
        assert!(screen.contains("Nothing of job 1 is left to send."), "{screen}");
        return None;
    }
    let line = screen.lines().find(|line| line.contains("a new random PIN")).expect("the count");
    let count = line.split_whitespace().next().expect("a word").replace(',', "").parse().expect("a count");
    confirm_count(session, "Resume job 1?", count);
    Some(count)
}

/// Checks that the counts on the page of the job add up.
fn check_counts(session: &PtySession, numbers: usize) {
    let screen = session.screen();
    let line = screen.lines().find(|line| line.starts_with("set ") && line.contains(" failed "));
    let line = line.unwrap_or_else(|| panic!("no counts:\n{screen}"));
    let counts = line.split_whitespace().filter_map(|word| word.replace(',', "").parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), numbers, "{screen}");
}

/// Waits until this many more requests have arrived, and checks the counts at random moments. Returns how many.
fn watch_counts(
    fixture: &CrashFixture,
    session: &PtySession,
    (numbers, requests): (usize, usize),
    random: &mut SplitMix64,
) -> usize {
    let goal = fixture.graph.pin_requests() + requests;
    let deadline = Instant::now() + TIMEOUT;
    let mut moments = 0;
    while fixture.graph.pin_requests() < goal {
        assert!(Instant::now() < deadline, "nothing was sent:\n{}", session.text());
        session.bytes_within(Duration::from_millis(1 + random.next_below(MAX_LOOK_INTERVAL_MS)));
        check_counts(session, numbers);
        moments += 1;
    }
    moments
}

/// Stops the job with its key, and returns when what is in flight has ended.
fn stop_job(session: &mut PtySession) {
    session.send("x");
    session.wait_for("Stop job 1?");
    // The counts of a running job change, so the screen is never quiet.
    assert!(!session.exits_within(QUIET_TIME), "{}", session.text());
    session.send("y");
    session.wait_until_gone("Stop job 1?");
    session.wait_until_gone(" running");
}

/// What the records say of each number.
fn recorded_results(fixture: &CrashFixture) -> HashMap<String, String> {
    let lines = fixture.last_job_lines(0);
    let field = |line: &serde_json::Value, name: &str| line[name].as_str().map(str::to_owned);
    lines.iter().filter_map(|line| Some((field(line, "phone_number_id")?, field(line, "request")?))).collect()
}

#[test]
fn a_job_killed_in_consoles_sends_each_number_once() {
    let rounds = kill_count("PINDESK_KILLS_OF_CONSOLES", 3);
    let wabas = kill_count("PINDESK_WABAS_OF_CONSOLES", 2);
    let seed = parse_env("PINDESK_SEED").unwrap_or(20_261_130);
    let latency = Duration::from_millis(150);
    let options = FaultOptions { min_latency: latency, max_latency: latency * 3, fault_percent: 0, seed };
    let mut fixture = CrashFixture::new(options);
    let (mut random, numbers) = (SplitMix64(seed), wabas * NUMBERS_PER_WABA);
    let mut session = fixture.start_console(wabas);
    start_job(&mut session, numbers);
    open_job(&mut session);
    let (mut kills, mut moments, mut is_running) = (0, 0, true);
    for round in 0..rounds {
        // Some are left for the last round.
        let most = u64::try_from(numbers / (rounds + 1)).expect("a small number");
        let requests = 1 + usize::try_from(random.next_below(most)).expect("a small number");
        moments += watch_counts(&fixture, &session, (numbers, requests), &mut random);
        if round % 3 == 1 {
            stop_job(&mut session);
        } else {
            session.kill(Signal::KILL);
            session.wait_exit();
            kills += 1;
            session = fixture.start_console(wabas);
            leave_doubts(&mut session);
            open_job(&mut session);
        }
        is_running = resume_job(&mut session).is_some();
        if !is_running {
            break;
        }
    }
    let deadline = Instant::now() + MAX_JOB_TIME;
    while is_running && !session.screen().contains("Job 1 ended") {
        assert!(Instant::now() < deadline, "{}", session.text());
        session.bytes_within(Duration::from_millis(1 + random.next_below(MAX_LOOK_INTERVAL_MS)));
        check_counts(&session, numbers);
        moments += 1;
    }
    session.kill(Signal::TERM);
    session.wait_exit();
    let in_doubt = check_results(&mut fixture, wabas);
    eprintln!("{kills} kills in {rounds} rounds, {numbers} numbers, {in_doubt} in doubt, counts read {moments} times");
    assert!(in_doubt <= kills * CONCURRENCY, "{in_doubt} in doubt after {kills} kills");
}

/// Checks each number. Returns how many are in doubt.
fn check_results(fixture: &mut CrashFixture, wabas: usize) -> usize {
    let requests = fixture.graph.requests_by_number();
    let entries = fixture.new_escrow_entries();
    let mut saved: HashMap<&str, HashSet<&str>> = HashMap::new();
    for entry in &entries {
        saved.entry(&entry.number).or_default().insert(&entry.pin);
    }
    let results = recorded_results(fixture);
    let mut in_doubt = 0;
    for number in (0..wabas).flat_map(|waba| (0..NUMBERS_PER_WABA).map(move |n| number_id(waba, n))) {
        let count = requests.get(&number).copied().unwrap_or_default();
        let in_force = fixture.graph.pin_in_force(&number);
        let result = results.get(&number).unwrap_or_else(|| panic!("{number} is not listed"));
        match result.as_str() {
            "set" => assert_eq!((count, in_force.is_some()), (1, true), "{number} is reported as set"),
            "no_answer" => {
                assert!(count <= 1, "{number} is in doubt and was sent {count} times");
                in_doubt += 1;
            }
            other => panic!("{number}: {other} after {count} requests"),
        }
        if let Some(pin) = in_force {
            assert!(saved[number.as_str()].contains(pin.as_str()), "the PIN in force on {number} is lost");
        }
    }
    in_doubt
}
