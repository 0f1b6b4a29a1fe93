//! `jobs`: what `list` and `show` report, and how `resume` sends what a job left unsent.

use std::process::{Child, Stdio};
use std::time::Duration;

use pindesk::domain::change::Resolution;
use pindesk::domain::clock::Clock;
use pindesk::journal::{Journal, JournalKind, JournalOptions, Operator};
use pindesk::simulator;
use pindesk::state_dir::StateDir;
use serde_json::{Value, json};

use super::{assert_refused, pin_path, set_one_pin};
use crate::support::cli_fixture::{CliFixture, PIN, wait_until_held};
use crate::support::skip;
use crate::support::tampering::rewrite_as_unbound;
use crate::support::watchdog::Watchdog;

/// Starts a job for these numbers, with one request at a time.
fn start_job(cli: &CliFixture, ids: &[String], pins: &[&str]) -> Child {
    let list = cli.write_id_list(ids);
    let count = ids.len().to_string();
    let set = ["pin", "set", "--from", &list, "--confirm", &count, "--concurrency", "1"];
    let mut command = cli.command(&[&set[..], pins].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the process starts")
}

/// Starts such a job and kills it while its second request is in flight.
pub(super) fn start_and_kill_job(cli: &CliFixture, ids: &[String], pins: &[&str]) {
    let held = cli.simulator.hold_changes(1);
    let mut child = start_job(cli, ids, pins);
    wait_until_held(&held, 1);
    child.kill().expect("the process exists");
    child.wait().expect("the process ends");
}

/// The first job as `jobs list` prints it. Asserts that `jobs show` prints the same.
#[track_caller]
fn first_job(cli: &CliFixture) -> Value {
    let (listed, shown) = (cli.run(&["jobs", "list", "--json"]), cli.run(&["jobs", "show", "1", "--json"]).summary());
    let listed = listed.json_lines().pop().expect("a job");
    let count = |key: &str| shown[key].as_u64().expect("a count");
    assert_eq!(["set", "failed", "not_sent", "no_answer"].map(count).iter().sum::<u64>(), count("total"), "{shown}");
    let shown = shown.as_object().expect("an object");
    assert!(shown.iter().all(|(key, value)| key == "event" || listed[key] == *value), "{listed} {shown:?}");
    listed
}

#[test]
fn list_and_show_count_a_job_the_same_way() {
    let cli = CliFixture::without_faults();
    let held = cli.simulator.hold_changes(1);
    let mut child = start_job(&cli, &cli.number_ids("not-set", 4), &["--random"]);
    wait_until_held(&held, 1);
    let job = first_job(&cli);
    let counts = |job: &Value| ["set", "not_sent", "no_answer", "sending", "open"].map(|key| job[key].as_u64());
    assert_eq!((&job["state"], counts(&job)), (&json!("running"), [1, 2, 1, 1, 3].map(Some)), "{job}");
    let shown = cli.run(&["jobs", "show", "1"]);
    assert!(
        shown.stdout.ends_with(
            "Job 1, 4 numbers: 1 set, 0 failed, 1 sending, 2 to go, 0 no answer.\n\
             Another process is working on this job, so these counts can change.\n"
        ),
        "{shown:?}"
    );
    assert!(shown.stdout.starts_with("Job      1, running, 1 sending, 2 to go\n"), "{shown:?}");
    drop(held);
    let _watchdog = Watchdog::start(&child);
    assert!(child.wait().expect("the process ends").success());
    let job = first_job(&cli);
    assert_eq!((&job["state"], counts(&job)), (&json!("finished"), [4, 0, 0, 0, 0].map(Some)), "{job}");
}

/// Marks a number as resolved, as an operator does in the console.
fn resolve_manually(cli: &CliFixture, result: &Value) {
    let text = |key: &str| result[key].as_str().expect("a string");
    let options = JournalOptions {
        dir: StateDir::open_or_create(&cli.state_path("")).expect("a state directory"),
        operator: Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    let (journal, _) = Journal::open(options).expect("a journal");
    let (number, change) =
        (text("phone_number_id").parse().expect("a phone number ID"), text("change").parse().expect("a change ID"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime
        .block_on(journal.resolve(number, vec![change], Resolution::Manual, None))
        .expect("the resolution is recorded");
    journal.close();
}

#[test]
fn a_resolved_number_is_counted_separately() {
    let cli = CliFixture::without_faults();
    start_and_kill_job(&cli, &cli.number_ids("not-set", 4), &["--random"]);
    let list = || cli.run(&["jobs", "list"]).stdout.lines().nth(1).expect("a job").to_owned();
    assert!(list().ends_with("        4  cut short  1 no answer, 2 not sent"), "{}", list());
    resolve_manually(&cli, &cli.run(&["jobs", "show", "1", "--json"]).json_lines()[1]);
    let job = first_job(&cli);
    assert_eq!((&job["no_answer"], &job["settled"], &job["open"]), (&json!(1), &json!(1), &json!(2)), "{job}");
    assert!(list().ends_with("        4  cut short  1 resolved, 2 not sent"), "{}", list());
    let shown = cli.run(&["jobs", "show", "1"]).stdout;
    assert!(shown.contains("  resolved     2") && !shown.contains("jobs check"), "{shown}");
}

#[test]
fn show_names_who_when_and_what_is_left() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    start_and_kill_job(&cli, &ids, &["--pin-file", &pin_path(&cli)]);
    let shown = cli.run(&["jobs", "show", "1"]);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!((lines[0], lines[2]), ("Job      1, cut short, 1 no answer, 2 not sent", "Profile  acme, PINs given"));
    assert!(lines[1].starts_with("Started  ") && lines[1].contains(" UTC by ana@"), "{shown:?}");
    assert!(lines[5..9].is_sorted(), "by number: {shown:?}");
    for (id, state) in ids.iter().zip(["set", "no answer", "not sent", "not sent"]) {
        assert!(lines.iter().any(|row| row.contains(&format!("  {state:<11}  {id}"))), "{shown:?}");
    }
    assert_eq!(
        lines[10..],
        [
            "Job 1, 4 numbers: 1 set, 0 failed, 2 not sent, 1 no answer.",
            "To check the number in doubt: pindesk jobs check 1",
            "To send the rest: pindesk jobs resume 1 --pin-file FILE --confirm 2"
        ]
    );
    for (state, expected) in [("set", &ids[..1]), ("no-answer", &ids[1..2]), ("not_sent", &ids[2..]), ("failed", &[])] {
        let listed = cli.run(&["jobs", "show", "1", "--state", state, "--ids"]);
        assert_eq!(
            (listed.code, listed.stdout.lines().map(str::to_owned).collect()),
            (Some(0), expected.to_vec()),
            "{state}"
        );
    }
    let filtered = cli.run(&["jobs", "show", "1", "--state", "set", "--json"]).json_lines();
    assert_eq!((filtered.len(), &filtered[1]["total"]), (2, &json!(4)), "the summary is that of the job");
}

#[test]
fn resume_sends_what_a_killed_job_never_sent() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    start_and_kill_job(&cli, &ids, &["--pin-file", &pin_path(&cli)]);
    let jobs = cli.run(&["jobs", "list", "--json"]).json_lines();
    let at = &jobs[0]["at"];
    assert_eq!(
        jobs,
        [json!({"schema": 1, "event": "job", "job": 1, "at": at, "profile": "acme", "pins": "given",
                "who": jobs[0]["who"], "user": "ana", "claimed_user": null, "note": null, "state": "cut_short", "total": 4, "set": 1, "failed": 0, "not_sent": 2, "no_answer": 1, "settled": 0, "sending": 0,
                "open": 2, "resumable": 2})]
    );
    let resume = ["jobs", "resume", "1", "--json"];
    let pin = pin_path(&cli);
    let with_pin = [&resume[..], &["--pin-file", &pin]].concat();
    assert_refused(
        &cli,
        &resume,
        2,
        "pindesk does not store the PIN of job 1 in readable form. Nothing was sent.\n  Give the PIN again: --pin-file FILE",
    );
    assert_refused(&cli, &with_pin, 5, "To send them, add --confirm with the count of numbers.\n");
    assert_refused(
        &cli,
        &[&with_pin[..], &["--confirm", "4"]].concat(),
        5,
        "--confirm does not match the count of numbers. ",
    );
    assert_refused(&cli, &with_pin, 5, "To see what would be sent, and the command that sends it, add --dry-run.\n");
    let dry = cli.run(&[&with_pin[..], &["--dry-run"]].concat());
    let command = "pindesk jobs resume 1 --json --pin-file ~/pin --confirm 2";
    assert_eq!((dry.code, &dry.summary()["command"], dry.json_lines().len()), (Some(0), &json!(command), 3), "{dry:?}");
    assert_eq!(dry.json_lines()[0]["phone_number_id"], json!(ids[2]));
    assert_refused(&cli, &[&with_pin[..], &["--confirm", "2", "--read-only"]].concat(), 6, "read-only");
    let resumed = cli.run(&[&with_pin[..], &["--confirm", "2"]].concat());
    let summary = json!({"schema": 1, "event": "summary", "job": 1, "total": 2, "set": 2, "failed": 0, "not_sent": 0,
                     "no_answer": 0});
    assert_eq!((resumed.code, resumed.summary()), (Some(0), summary), "{resumed:?}");
    assert_eq!(cli.pin_in_force(&ids[3]).as_deref(), Some(PIN));
    assert_eq!(
        first_job(&cli),
        json!({"schema": 1, "event": "job", "job": 1, "at": at, "profile": "acme", "who": jobs[0]["who"], "user": "ana",
               "claimed_user": null, "note": null, "pins": "given", "state": "finished",
               "total": 4, "set": 3, "failed": 0, "not_sent": 0, "no_answer": 1, "settled": 0, "sending": 0, "open": 0,
               "resumable": 0})
    );
    let shown = cli.run(&["jobs", "show", "1", "--json"]);
    let in_doubt = &shown.json_lines()[1];
    assert_eq!((&in_doubt["request"], &in_doubt["changed"]), (&json!("no_answer"), &json!(null)), "{in_doubt}");
    // If nothing is left to send, resume asks for nothing, but still prints the summary.
    let summary = json!({"schema": 1, "event": "summary", "job": 1, "total": 0, "set": 0, "failed": 0, "not_sent": 0,
                     "no_answer": 0});
    for again in [&resume[..], &[&with_pin[..], &["--confirm", "0"]].concat()] {
        let again = cli.run(again);
        assert_eq!((again.code, again.json_lines()), (Some(0), vec![summary.clone()]), "{again:?}");
        let message = "pindesk: job 1 has no number left to send. See pindesk jobs show 1.\nTo check those in doubt: \
                       pindesk jobs check 1\n";
        assert_eq!(again.stderr, message);
    }
    assert_eq!(cli.run(&resume[..3]).stdout, "", "the message goes to standard error");
    assert_eq!(cli.run(&["jobs", "list", "--json"]).json_lines().len(), 1);
}

#[test]
fn a_resumed_random_job_draws_new_pins() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    start_and_kill_job(&cli, &ids, &["--random"]);
    let resume = ["jobs", "resume", "1", "--confirm", "2"];
    assert_refused(
        &cli,
        &[&resume[..], &["--pin-file", &pin_path(&cli)]].concat(),
        2,
        "sets a random PIN for each number",
    );
    assert_eq!(cli.run(&resume).code, Some(0));
    let key = cli.path("key.txt");
    let opened = cli.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    let records = opened["records"].as_array().expect("records");
    // The records are in the order of sending, which is not the order of the list: several requests run at once.
    let mut opened: Vec<_> = records
        .iter()
        .map(|record| {
            (record["phone_number_id"].as_str().map(str::to_owned), record["pin"].as_str().map(str::to_owned))
        })
        .collect();
    opened.sort();
    assert_eq!(opened, ids.iter().map(|id| (Some(id.clone()), cli.pin_in_force(id))).collect::<Vec<_>>());
}

#[test]
fn a_clock_a_year_ahead_does_not_block_a_number() {
    if skip::if_uptime_below(200) {
        return;
    }
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    start_and_kill_job(&cli, &ids, &["--random"]);
    // One number is set and one is in doubt. By the wall clock both are in the future; in fact they are almost three
    // minutes old.
    let later = ["tries", "outcomes"].map(|table| format!("UPDATE {table} SET at = at + 365 * 86400, up = up - 165;"));
    rewrite_as_unbound(&cli.state_path(""), &later.concat());
    // Migrates the journal.
    assert_eq!(cli.run(&["escrow", "ack"]).code, Some(0));
    assert_eq!(cli.run(&["jobs", "resume", "1", "--confirm", "2"]).code, Some(0));
    let list = cli.write_id_list(&ids[..2]);
    let set = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "--replace", "--json"]);
    assert_eq!((set.code, &set.summary()["set"]), (Some(0), &json!(2)), "{set:?}");
}

#[test]
fn resume_sends_what_a_lost_connection_left_unsent() {
    // All attempts of the first two rounds of three numbers fail.
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 24\nanswer = \"html\"");
    let list = cli.write_id_list(&cli.number_ids("not-set", 12));
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "12", "--concurrency", "3"];
    let stopped = cli.run(&set);
    assert_eq!(stopped.code, Some(4), "{stopped:?}");
    let summary = stopped.stdout.lines().last().expect("a summary");
    let words: Vec<&str> = summary.split(' ').collect();
    let ["Job", "1,", "12", "numbers:", set, "set,", "0", "failed,", left, "not", "sent,", doubts, "no", "answer."] =
        words[..]
    else {
        panic!("{summary}")
    };
    let [set, left, doubts] = [set, left, doubts].map(|count| count.parse::<usize>().expect("a count"));
    assert!((6..=8).contains(&doubts) && set <= 2 && set + left + doubts == 12, "{summary}");
    assert!(
        stopped.stderr.contains(&format!(
            "pindesk: {left} numbers: not sent: stopped: no sure answers came. What to do:\n  \
             See a number without an answer: it says why.\n  \
             Check the network and the proxy of this server.\n  \
             Then resume the job, or set the PINs of these numbers again.\n"
        )),
        "{stopped:?}"
    );
    let resume = format!("pindesk jobs resume 1 --confirm {left}");
    assert!(stopped.stderr.contains(&format!("\nTo send the rest: {resume}\n")), "{stopped:?}");
    let resumed = cli.run(&resume.split(' ').skip(1).collect::<Vec<_>>());
    let summary = format!("Job 1, {left} numbers: {left} set, 0 failed, 0 not sent, 0 no answer.");
    assert_eq!((resumed.code, resumed.stdout.lines().last()), (Some(0), Some(&*summary)), "{resumed:?}");
    assert!(!resumed.stderr.contains("resume"), "{resumed:?}");
}

#[test]
fn a_resumed_job_stops_at_a_lost_connection_too() {
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\nafter = 2\nanswer = \"html\"");
    start_and_kill_job(&cli, &cli.number_ids("not-set", 14), &["--random"]);
    let resumed = cli.run(&["jobs", "resume", "1", "--confirm", "12", "--concurrency", "3", "--json"]);
    let count = |key: &str| resumed.summary()[key].as_u64().expect("a count");
    assert_eq!(
        (resumed.code, count("total"), count("no_answer") + count("not_sent")),
        (Some(4), 12, 12),
        "{resumed:?}"
    );
    assert!((6..=8).contains(&count("no_answer")), "{resumed:?}");
}

#[test]
fn resume_takes_in_the_numbers_that_met_a_refused_token() {
    let token_fault =
        "[[fault]]\nevery = 1\nafter = 2\ntimes = 1\nanswer = { code = 190, subcode = 463, status = 401 }";
    let cli = CliFixture::new(Duration::ZERO, token_fault);
    let list = cli.write_id_list(&cli.number_ids("not-set", 6));
    let stopped = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "6", "--concurrency", "1"]);
    assert_eq!(stopped.code, Some(8), "{stopped:?}");
    assert!(stopped.stdout.ends_with("Job 1, 6 numbers: 2 set, 1 failed, 3 not sent, 0 no answer.\n"), "{stopped:?}");
    let resume = "pindesk jobs resume 1 --confirm 4";
    assert!(stopped.stderr.contains(&format!("\nTo send the rest: {resume}\n")), "{stopped:?}");
    let job = first_job(&cli);
    assert_eq!((&job["state"], &job["open"], &job["resumable"]), (&json!("cut_short"), &json!(3), &json!(4)), "{job}");
    let shown = cli.run(&["jobs", "show", "1"]);
    assert!(shown.stdout.ends_with(&format!("To send the rest: {resume}\n")), "{shown:?}");
    let resumed = cli.run(&resume.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(
        (resumed.code, resumed.stdout.lines().last()),
        (Some(0), Some("Job 1, 4 numbers: 4 set, 0 failed, 0 not sent, 0 no answer.")),
        "{resumed:?}"
    );
    let job = first_job(&cli);
    assert_eq!((&job["state"], &job["set"]), (&json!("finished"), &json!(6)), "{job}");
}

#[test]
fn failed_numbers_are_sent_again_only_on_request() {
    let cli =
        CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 131009, status = 400 }");
    let list = cli.write_id_list(&cli.number_ids("not-set", 3));
    let set = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "3", "--concurrency", "1"]);
    assert_eq!(set.code, Some(3), "{set:?}");
    assert!(!set.stderr.contains("jobs resume"), "{set:?}");
    assert_eq!(first_job(&cli)["state"], "finished");
    let nothing_left = cli.run(&["jobs", "resume", "1", "--confirm", "1"]);
    let message = "pindesk: job 1 has no number left to send. See pindesk jobs show 1.\nTo send those that failed \
                   again: pindesk jobs resume 1 --failed\n";
    assert_eq!((nothing_left.code, &*nothing_left.stderr), (Some(0), message));
    let resumed = cli.run(&["jobs", "resume", "1", "--failed", "--confirm", "1", "--json"]);
    assert_eq!((resumed.code, &resumed.summary()["set"]), (Some(0), &json!(1)), "{resumed:?}");
    assert_eq!(first_job(&cli)["set"], 3);
}

#[test]
fn a_job_running_elsewhere_is_not_resumed() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    let held = cli.simulator.hold_changes(0);
    let mut child = start_job(&cli, &ids, &["--random"]);
    wait_until_held(&held, 1);
    for (command, what) in [(&["check"][..], ""), (&["resume", "--confirm", "3"], ". Nothing was sent.")] {
        let output = cli.run(&[&["jobs"], command, &["1"]].concat());
        let advice = "Run this command again when that process has ended. How far it is: pindesk jobs show 1";
        let refusal = format!("another process is working on job 1{what}\n  {advice}");
        assert!(output.code == Some(6) && output.stderr.contains(&refusal), "{output:?}");
    }
    drop(held);
    let _watchdog = Watchdog::start(&child);
    assert!(child.wait().expect("the process ends").success());
    assert_eq!(cli.simulator.pin_request_count(), 4);
}

/// Waits until one of two processes ends. True if the first one ends first.
fn first_exits_first(first: &mut Child, second: &mut Child) -> bool {
    let _watchdogs = [Watchdog::start(first), Watchdog::start(second)];
    let has_ended = |child: &mut Child| child.try_wait().expect("the status is readable").is_some();
    loop {
        if has_ended(first) {
            return true;
        }
        if has_ended(second) {
            return false;
        }
        std::thread::yield_now();
    }
}

#[test]
fn two_resumes_at_once_send_each_number_once() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 6);
    start_and_kill_job(&cli, &ids, &["--random"]);
    let resume = ["jobs", "resume", "1", "--confirm", "4", "--concurrency", "1", "-q"];
    // Both read what is left to send before either of them can send.
    let (reads, changes) = (cli.simulator.hold_reads(0), cli.simulator.hold_changes(0));
    let processes = [(); 2].map(|()| {
        let mut command = cli.command(&resume);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts")
    });
    // Each of them reads all lists at once.
    wait_until_held(&reads, 2 * simulator::wabas().len());
    drop(reads);
    let [mut first, mut second] = processes;
    let (sending, refused) = if first_exits_first(&mut first, &mut second) { (second, first) } else { (first, second) };
    let refused = cli.wait_for_output(refused);
    drop(changes);
    let sent = cli.wait_for_output(sending);
    assert_eq!((sent.code, refused.code, refused.stdout.as_str()), (Some(0), Some(6), ""), "{sent:?} {refused:?}");
    assert!(refused.stderr.contains("another process is working on job 1. Nothing was sent."), "{refused:?}");
    assert_eq!(cli.simulator.pin_request_count(), 6, "each number gets one request");
    let audit = cli.run(&["audit", "show", "--json"]).summary();
    let resumed = audit["rows"].as_array().expect("rows").iter().filter(|row| row["action"] == "resumed").count();
    assert_eq!(resumed, 1, "{audit}");
}

#[test]
fn a_pin_that_another_job_set_since_is_not_replaced() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    let list = cli.write_id_list(&ids);
    let job = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "4", "--first", "1"]);
    assert_eq!(job.code, Some(3), "{job:?}");
    let left = cli.run(&["jobs", "show", "1", "--state", "not-sent", "--ids"]).stdout;
    let colleagues = left.lines().next().expect("a number");
    assert_eq!(set_one_pin(&cli, colleagues, &[]).code, Some(0));
    let requests = cli.simulator.pin_request_count();
    let resumed = cli.run(&["jobs", "resume", "1", "--confirm", "2", "--replace"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let left_out = "pindesk: 1 number left out: another job set a PIN there after job 1 began.\n";
    assert!(resumed.stderr.starts_with(left_out), "{resumed:?}");
    assert_eq!(cli.simulator.pin_request_count(), requests + 2);
    let again = cli.run(&["jobs", "resume", "1", "--confirm", "1", "--replace"]);
    assert!(again.stderr.starts_with(left_out), "{again:?}");
    assert_eq!(cli.simulator.pin_request_count(), requests + 2);
}

#[test]
fn a_failed_number_that_another_job_set_is_told() {
    let cli =
        CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 131009, status = 400 }");
    let ids = cli.number_ids("not-set", 1);
    let list = cli.write_id_list(&ids);
    let job = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "1"]);
    assert_eq!(job.code, Some(3), "{job:?}");
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    let resume = ["jobs", "resume", "1", "--confirm", "1", "--replace", "--failed"];
    let resumed = cli.run(&resume);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let left_out = "pindesk: 1 number left out: another job set a PIN there after job 1 began.\n";
    assert!(resumed.stderr.starts_with(left_out), "{resumed:?}");
    // Without the option nobody asked for it.
    let others = cli.run(&resume[..6]);
    assert!(!others.stderr.contains("left out"), "{others:?}");
}
