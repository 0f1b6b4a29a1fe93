//! `jobs` and `audit`: what is told of what was done, and sending what is left after the program died.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use pindesk::domain::change::Resolution;
use pindesk::domain::clock::Clock;
use pindesk::journal::{Journal, JournalKind, JournalOptions, Operator};
use pindesk::simulator;
use pindesk::state_dir::StateDir;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::shop::{CliFixture, CommandOutput, PIN, wait_until_held};
use crate::support::skip;
use crate::support::watch::Watchdog;

/// Starts a job on numbers without a PIN, one after another.
fn start_job(shop: &CliFixture, ids: &[String], pins: &[&str]) -> Child {
    let list = shop.write_id_list(ids);
    let count = ids.len().to_string();
    let set = ["pin", "set", "--from", &list, "--confirm", &count, "--concurrency", "1"];
    let mut command = shop.command(&[&set[..], pins].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process")
}

/// Starts such a job and kills it while its second request is on its way.
fn start_and_kill_job(shop: &CliFixture, ids: &[String], pins: &[&str]) {
    let held = shop.simulator.hold_changes(1);
    let mut child = start_job(shop, ids, pins);
    wait_until_held(&held, 1);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
}

fn pin_path(shop: &CliFixture) -> String {
    shop.path("pin").to_str().expect("UTF-8").to_owned()
}

#[track_caller]
fn assert_refused(shop: &CliFixture, arguments: &[&str], code: i32, told: &str) {
    let before = shop.simulator.pin_request_count();
    let ended = shop.run(arguments);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
    assert!(ended.stderr.contains(told), "{ended:?}");
    assert_eq!(shop.simulator.pin_request_count(), before);
}

/// What `jobs list` and `jobs show` say of the first job, which is the same.
#[track_caller]
fn first_job(shop: &CliFixture) -> Value {
    let (listed, shown) = (shop.run(&["jobs", "list", "--json"]), shop.run(&["jobs", "show", "1", "--json"]).summary());
    let listed = listed.json_lines().pop().expect("a job");
    let count = |key: &str| shown[key].as_u64().expect("a count");
    assert_eq!(["set", "failed", "not_sent", "no_answer"].map(count).iter().sum::<u64>(), count("total"), "{shown}");
    let shown = shown.as_object().expect("an object");
    assert!(shown.iter().all(|(key, value)| key == "event" || listed[key] == *value), "{listed} {shown:?}");
    listed
}

#[test]
fn list_and_show_count_a_job_alike_while_it_is_at_work_and_when_it_is_over() {
    let shop = CliFixture::without_faults();
    let held = shop.simulator.hold_changes(1);
    let mut child = start_job(&shop, &shop.number_ids("not-set", 4), &["--random"]);
    wait_until_held(&held, 1);
    let job = first_job(&shop);
    let counts = |job: &Value| ["set", "not_sent", "no_answer", "open"].map(|key| job[key].as_u64());
    assert_eq!((&job["state"], counts(&job)), (&json!("running"), [1, 2, 1, 3].map(Some)), "{job}");
    let shown = shop.run(&["jobs", "show", "1"]);
    assert!(
        shown.stdout.ends_with(
            "Job 1, 4 numbers: 1 set, 0 failed, 2 not sent, 1 no answer.\n\
             Another process is working on this job, so these counts can change.\n"
        ),
        "{shown:?}"
    );
    drop(held);
    let _watch = Watchdog::start(&child);
    assert!(child.wait().expect("it ends").success());
    let job = first_job(&shop);
    assert_eq!((&job["state"], counts(&job)), (&json!("finished"), [4, 0, 0, 0].map(Some)), "{job}");
}

/// Records that a number was checked by hand, as the console does.
fn resolve_manually(shop: &CliFixture, result: &Value) {
    let text = |key: &str| result[key].as_str().expect("a text");
    let opening = JournalOptions {
        dir: StateDir::open_or_create(&shop.state_path("")).expect("a state directory"),
        operator: Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    let (journal, _) = Journal::open(opening).expect("a journal");
    let (number, change) = (text("phone_number_id").parse().expect("an ID"), text("change").parse().expect("an id"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(journal.resolve(number, vec![change], Resolution::Manual, None)).expect("it is recorded");
    journal.close();
}

#[test]
fn a_number_that_was_settled_counts_among_those_without_an_answer_and_is_told_apart() {
    let shop = CliFixture::without_faults();
    start_and_kill_job(&shop, &shop.number_ids("not-set", 4), &["--random"]);
    let list = || shop.run(&["jobs", "list"]).stdout.lines().last().expect("a job").to_owned();
    assert!(list().ends_with("cut short  4       1       0       2         1"), "{}", list());
    resolve_manually(&shop, &shop.run(&["jobs", "show", "1", "--json"]).json_lines()[1]);
    let job = first_job(&shop);
    assert_eq!((&job["no_answer"], &job["settled"], &job["open"]), (&json!(1), &json!(1), &json!(2)), "{job}");
    assert!(list().ends_with("cut short  4       1       0       2         1 (1 resolved)"), "{}", list());
    assert!(shop.run(&["jobs", "show", "1"]).stdout.contains("\nresolved       "));
}

#[test]
fn what_was_never_sent_of_a_job_that_was_cut_short_is_sent_under_the_same_number() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 4);
    start_and_kill_job(&shop, &ids, &["--pin-file", &pin_path(&shop)]);
    let jobs = shop.run(&["jobs", "list", "--json"]).json_lines();
    let at = &jobs[0]["at"];
    assert_eq!(
        jobs,
        [json!({"schema": 1, "event": "job", "job": 1, "at": at, "profile": "acme", "pins": "given",
                "state": "cut_short", "total": 4, "set": 1, "failed": 0, "not_sent": 2, "no_answer": 1, "settled": 0,
                "open": 2})]
    );
    let shown = shop.run(&["jobs", "show", "1"]);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("set            {}", ids[0])), "{shown:?}");
    assert!(lines[1].starts_with(&format!("no answer      {}", ids[1])), "{shown:?}");
    assert_eq!(lines[3], format!("not started    {}", ids[3]));
    assert_eq!(
        lines[4..],
        [
            "Job 1, 4 numbers: 1 set, 0 failed, 2 not sent, 1 no answer.",
            "To send the rest: pindesk jobs resume 1 --confirm 2"
        ]
    );
    let resume = ["jobs", "resume", "1", "--json"];
    let pin = pin_path(&shop);
    let with_pin = [&resume[..], &["--pin-file", &pin]].concat();
    assert_refused(
        &shop,
        &resume,
        2,
        "pindesk does not store the PIN of job 1 in readable form\n  Give the PIN again: --pin-file FILE",
    );
    assert_refused(&shop, &with_pin, 5, "--confirm 2\n");
    assert_refused(&shop, &[&with_pin[..], &["--confirm", "4"]].concat(), 5, "--confirm 2\n");
    assert_refused(&shop, &[&with_pin[..], &["--confirm", "2", "--read-only"]].concat(), 6, "read-only");
    let resumed = shop.run(&[&with_pin[..], &["--confirm", "2"]].concat());
    let sum = json!({"schema": 1, "event": "summary", "job": 1, "total": 2, "set": 2, "failed": 0, "not_sent": 0,
                     "no_answer": 0});
    assert_eq!((resumed.code, resumed.summary()), (Some(0), sum), "{resumed:?}");
    assert_eq!(shop.pin_in_force(&ids[3]).as_deref(), Some(PIN));
    assert_eq!(
        first_job(&shop),
        json!({"schema": 1, "event": "job", "job": 1, "at": at, "profile": "acme", "pins": "given", "state": "finished",
               "total": 4, "set": 3, "failed": 0, "not_sent": 0, "no_answer": 1, "settled": 0, "open": 0})
    );
    let shown = shop.run(&["jobs", "show", "1", "--json"]);
    let in_doubt = &shown.json_lines()[1];
    assert_eq!((&in_doubt["request"], &in_doubt["changed"]), (&json!("no_answer"), &json!(null)), "{in_doubt}");
    // Where nothing is left, nothing is asked for, and the sum is told all the same.
    let sum = json!({"schema": 1, "event": "summary", "job": 1, "total": 0, "set": 0, "failed": 0, "not_sent": 0,
                     "no_answer": 0});
    for again in [&resume[..], &[&with_pin[..], &["--confirm", "0"]].concat()] {
        let again = shop.run(again);
        assert_eq!((again.code, again.json_lines()), (Some(0), vec![sum.clone()]), "{again:?}");
        assert!(
            again.stderr.contains("every number of job 1 was sent already. See pindesk jobs show 1.\n"),
            "{again:?}"
        );
    }
    assert_eq!(shop.run(&resume[..3]).stdout, "", "people are told on standard error");
    assert_eq!(shop.run(&["jobs", "list", "--json"]).json_lines().len(), 1);
}

#[test]
fn a_random_job_draws_new_pins_when_it_is_taken_up_again() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 4);
    start_and_kill_job(&shop, &ids, &["--random"]);
    let resume = ["jobs", "resume", "1", "--confirm", "2"];
    assert_refused(
        &shop,
        &[&resume[..], &["--pin-file", &pin_path(&shop)]].concat(),
        2,
        "sets a random PIN for each number",
    );
    assert_eq!(shop.run(&resume).code, Some(0));
    let key = shop.path("key.txt");
    let opened = shop.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    let records = opened["records"].as_array().expect("records");
    // In the order in which they were sent, which is nobody's plan: several go out at once.
    let mut opened: Vec<_> = records
        .iter()
        .map(|record| {
            (record["phone_number_id"].as_str().map(str::to_owned), record["pin"].as_str().map(str::to_owned))
        })
        .collect();
    opened.sort();
    assert_eq!(opened, ids.iter().map(|id| (Some(id.clone()), shop.pin_in_force(id))).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_was_a_year_ahead_blocks_no_number_for_a_year() {
    if skip::if_uptime_below(200) {
        return;
    }
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 4);
    start_and_kill_job(&shop, &ids, &["--random"]);
    // One was set, one is in doubt, and all of it seems to be yet to come; it was almost three minutes ago.
    let later = ["tries", "outcomes"]
        .map(|table| format!("DROP TRIGGER {table}_stay; UPDATE {table} SET at = at + 365 * 86400, up = up - 165;"));
    Connection::open(shop.state_path("journal.db"))
        .expect("the journal")
        .execute_batch(&later.concat())
        .expect("altered");
    assert_eq!(shop.run(&["jobs", "resume", "1", "--confirm", "2"]).code, Some(0));
    let list = shop.write_id_list(&ids[..2]);
    let set = shop.run(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "--replace", "--json"]);
    assert_eq!((set.code, &set.summary()["set"]), (Some(0), &json!(2)), "{set:?}");
}

#[test]
fn what_a_broken_line_left_unsent_is_told_and_sent_when_the_job_is_taken_up_again() {
    // Each of two rounds of three fails with all its tries.
    let shop = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 24\nanswer = \"html\"");
    let list = shop.write_id_list(&shop.number_ids("not-set", 12));
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "12", "--concurrency", "3"];
    let stopped = shop.run(&set);
    assert_eq!(stopped.code, Some(4), "{stopped:?}");
    let sum = stopped.stdout.lines().last().expect("a sum");
    let words: Vec<&str> = sum.split(' ').collect();
    let ["Job", "1,", "12", "numbers:", set, "set,", "0", "failed,", left, "not", "sent,", doubts, "no", "answer."] =
        words[..]
    else {
        panic!("{sum}")
    };
    let [set, left, doubts] = [set, left, doubts].map(|count| count.parse::<usize>().expect("a count"));
    assert!((6..=8).contains(&doubts) && set <= 2 && set + left + doubts == 12, "{sum}");
    assert!(
        stopped.stderr.contains(&format!(
            "pindesk: {left} numbers: not sent: stopped: no sure answers came. What to do:\n  \
             Open a number without an answer: its page says why.\n  \
             Check the network and the proxy of this server.\n  \
             Then resume the job, or set the PIN of this number again.\n"
        )),
        "{stopped:?}"
    );
    let resume = format!("pindesk jobs resume 1 --confirm {left}");
    assert!(stopped.stderr.contains(&format!("\nTo send the rest: {resume}\n")), "{stopped:?}");
    let resumed = shop.run(&resume.split(' ').skip(1).collect::<Vec<_>>());
    let sum = format!("Job 1, {left} numbers: {left} set, 0 failed, 0 not sent, 0 no answer.");
    assert_eq!((resumed.code, resumed.stdout.lines().last()), (Some(0), Some(&*sum)), "{resumed:?}");
    assert!(!resumed.stderr.contains("resume"), "{resumed:?}");
}

#[test]
fn a_job_that_is_taken_up_again_stops_at_a_broken_line_as_well() {
    let shop = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\nafter = 2\nanswer = \"html\"");
    start_and_kill_job(&shop, &shop.number_ids("not-set", 14), &["--random"]);
    let resumed = shop.run(&["jobs", "resume", "1", "--confirm", "12", "--concurrency", "3", "--json"]);
    let count = |key: &str| resumed.summary()[key].as_u64().expect("a count");
    assert_eq!(
        (resumed.code, count("total"), count("no_answer") + count("not_sent")),
        (Some(4), 12, 12),
        "{resumed:?}"
    );
    assert!((6..=8).contains(&count("no_answer")), "{resumed:?}");
}

#[test]
fn a_job_that_another_process_works_on_is_not_taken_up() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 4);
    let held = shop.simulator.hold_changes(0);
    let mut child = start_job(&shop, &ids, &["--random"]);
    wait_until_held(&held, 1);
    let ended = shop.run(&["jobs", "resume", "1", "--confirm", "3"]);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.stderr.contains("another process is working on job 1. Nothing was sent."), "{ended:?}");
    drop(held);
    let _watch = Watchdog::start(&child);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(shop.simulator.pin_request_count(), 4);
}

/// Waits until one of them has ended; true if that is the first.
fn first_exits_first(first: &mut Child, second: &mut Child) -> bool {
    let _watches = [Watchdog::start(first), Watchdog::start(second)];
    let has_ended = |child: &mut Child| child.try_wait().expect("it can be asked").is_some();
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
fn a_job_that_is_taken_up_twice_at_once_is_sent_once() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 6);
    start_and_kill_job(&shop, &ids, &["--random"]);
    let resume = ["jobs", "resume", "1", "--confirm", "4", "--concurrency", "1", "-q"];
    // Each has read what is left before the other can have sent anything.
    let (reads, changes) = (shop.simulator.hold_reads(0), shop.simulator.hold_changes(0));
    let both = [(); 2].map(|()| {
        let mut command = shop.command(&resume);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process")
    });
    // Each reads all lists at once.
    wait_until_held(&reads, 2 * simulator::wabas().len());
    drop(reads);
    let [mut first, mut second] = both;
    let (sends, refused) = if first_exits_first(&mut first, &mut second) { (second, first) } else { (first, second) };
    let refused = shop.wait_for_output(refused);
    drop(changes);
    let sent = shop.wait_for_output(sends);
    assert_eq!((sent.code, refused.code, refused.stdout.as_str()), (Some(0), Some(6), ""), "{sent:?} {refused:?}");
    assert!(refused.stderr.contains("another process is working on job 1. Nothing was sent."), "{refused:?}");
    assert_eq!(shop.simulator.pin_request_count(), 6, "each number got one request");
    let audit = shop.run(&["audit", "show", "--json"]).summary();
    let resumed = audit["rows"].as_array().expect("rows").iter().filter(|row| row["action"] == "resumed").count();
    assert_eq!(resumed, 1, "{audit}");
}

#[test]
fn a_job_that_is_not_there_and_a_state_directory_that_is_not_there_are_told_apart() {
    let shop = CliFixture::without_faults();
    assert_refused(&shop, &["jobs", "list"], 6, "there is no such");
    assert_refused(&shop, &["audit", "verify"], 6, "there is no such");
    set_one_pin(&shop);
    assert_refused(&shop, &["jobs", "show", "7"], 2, "no job 7 in this state directory\n  See pindesk jobs list.");
    assert_refused(&shop, &["jobs", "resume", "7", "--confirm", "1"], 2, "no job 7 in this state directory\n ");
}

fn set_one_pin(shop: &CliFixture) -> CommandOutput {
    let id = shop.number_ids("not-set", 1).remove(0);
    shop.run(&["pin", "set", &id, "--pin-file", &pin_path(shop), "--confirm", &shop.last_four_digits(&id), "--replace"])
}

#[test]
fn the_audit_says_who_did_what_in_order() {
    let shop = CliFixture::without_faults();
    assert_eq!(set_one_pin(&shop).code, Some(0));
    let rows = shop.run(&["audit", "show", "--json"]).summary();
    let rows = rows["rows"].as_array().expect("rows").clone();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().expect("a word")).collect();
    assert_eq!(actions.last(), Some(&"outcome"), "{actions:?}");
    assert!(actions.contains(&"job") && actions.contains(&"intent"), "{actions:?}");
    let last = rows.last().expect("a row");
    assert_eq!((&last["outcome"], &last["claimed"]["user"], &last["tries"]), (&json!("set"), &json!("ana"), &json!(1)));
    let people = shop.run(&["audit", "show", "--since", "1h"]);
    assert_eq!((people.code, people.stdout.lines().count()), (Some(0), rows.len()));
    assert!(people.stdout.lines().all(|line| line.contains(" (ana) ")), "{people:?}");
    let of_number = people.stdout.lines().last().expect("a row");
    assert!(of_number.len() <= 80 && of_number.contains("  outcome: set  "), "{people:?}");
    assert_refused(&shop, &["audit", "show", "--since", "soon"], 2, "expected a number and s, m, h or d");
}

#[test]
fn an_audit_that_was_edited_or_cut_is_told_with_its_row() {
    let shop = CliFixture::without_faults();
    assert_eq!(set_one_pin(&shop).code, Some(0));
    let whole = shop.run(&["audit", "verify"]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert!(whole.stdout.starts_with("Audit log intact (") && whole.stdout.ends_with(" rows).\n"), "{whole:?}");
    let tamper = |sql: &str| {
        let db = Connection::open(shop.state_path("journal.db")).expect("the journal");
        db.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; DROP TRIGGER audit_stays; DROP TRIGGER audit_lasts; {sql}"
        ))
        .expect("it is changed");
    };
    let last = shop.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").len();
    fs::copy(shop.state_path("journal.db"), shop.path("kept.db")).expect("a copy");
    tamper(&format!("UPDATE audit SET row = replace(row, '\"set\"', '\"failed\"') WHERE seq = {last}"));
    let edited = shop.run(&["audit", "verify"]);
    assert_eq!(edited.code, Some(6), "{edited:?}");
    assert!(edited.stderr.contains(&format!("pindesk: audit row {last}: it was altered.")), "{edited:?}");
    fs::copy(shop.path("kept.db"), shop.state_path("journal.db")).expect("it is put back");
    tamper(&format!("DELETE FROM audit WHERE seq = {last}"));
    let cut = shop.run(&["audit", "verify"]);
    assert!(cut.code == Some(6) && cut.stderr.contains("rows were cut off"), "{cut:?}");
}

#[test]
fn a_journal_that_was_rolled_back_stops_setting_once() {
    let shop = CliFixture::without_faults();
    assert_eq!(set_one_pin(&shop).code, Some(0));
    fs::remove_file(shop.state_path("journal.db")).expect("it was there");
    let stopped = set_one_pin(&shop);
    assert_eq!(stopped.code, Some(6), "{stopped:?}");
    assert!(stopped.stderr.contains("look at the state directory first. Nothing was sent."), "{stopped:?}");
    assert_eq!(shop.simulator.pin_request_count(), 1);
    let verified = shop.run(&["audit", "verify"]);
    assert!(
        verified.code == Some(6) && verified.stderr.contains("it was found that journal.db is missing"),
        "{verified:?}"
    );
}
