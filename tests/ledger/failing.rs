//! When writing fails: nothing more is recorded, and so nothing more is sent.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pindesk::domain::change::ChangeId;
use pindesk::domain::number::{Number, TwoStep};
use pindesk::domain::outcome::{NotSentReason, Outcome};
use pindesk::escrow::EscrowFile;
use pindesk::journal::{AuditEvent, RecordError};

use crate::support::records::{
    JournalFixture, START_TIME, assert_passed, child_command, fixture_from_parent, job_plan, number_id, outcome_record,
};
use crate::support::skip;

fn failure_reason(desk: &JournalFixture, answer: Result<(), RecordError>) -> String {
    match answer {
        Err(RecordError::JournalFailed(why)) => desk.without_temp_path(why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_database_that_was_moved_away_takes_nothing_more() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = desk.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    std::fs::rename(desk.state_file("journal.db"), desk.temp_path().join("away")).expect("moved");
    let why = failure_reason(&desk, journal.record_intent(desk.intent(job, 2, START_TIME)).await);
    let start = "the journal in ~/state takes nothing more: journal.db was moved away or replaced meanwhile (";
    assert!(why.starts_with(start) && why.ends_with(" bytes free)"), "{why}");
    // Once dead, it stays dead, though the file is back.
    std::fs::rename(desk.temp_path().join("away"), desk.state_file("journal.db")).expect("moved back");
    failure_reason(&desk, journal.record_intent(desk.intent(job, 2, START_TIME)).await);
    failure_reason(&desk, journal.record_outcome(outcome_record(&first, Outcome::Confirmed, START_TIME)).await);
    failure_reason(&desk, journal.start_job(job_plan(&[2])).await.map(drop));
    let read = Number { two_step: TwoStep::On, ..Number::from_config(number_id(1), None) };
    journal.cache_numbers("acme", vec![read]).await;
    assert_eq!(journal.cached_numbers("acme", None).await, []);
}

#[tokio::test]
async fn a_directory_that_was_moved_away_takes_nothing_more_and_harms_none_in_its_place() {
    for is_at_work in [false, true] {
        let desk = JournalFixture::new();
        let (journal, _) = desk.open();
        let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
        journal.record_intent(desk.intent(job, 1, START_TIME)).await.expect("recorded");
        let away = desk.temp_path().join("away");
        std::fs::rename(desk.state_path(), &away).expect("moved");
        let (second, recovered) = desk.open();
        assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
        second.start_job(job_plan(&[3])).await.expect("recorded");
        if is_at_work {
            let why = failure_reason(&desk, journal.record_intent(desk.intent(job, 2, START_TIME)).await);
            let start =
                "the journal in ~/state takes nothing more: escrow.jsonl was moved away or replaced meanwhile (";
            assert!(why.starts_with(start), "{why}");
        }
        journal.close();
        second.start_job(job_plan(&[4])).await.expect("its files are its own");
        second.close();
        // Whoever puts it back finds all that was recorded before.
        std::fs::remove_dir_all(desk.state_path()).expect("removed");
        std::fs::rename(&away, desk.state_path()).expect("moved back");
        let (_, recovered) = desk.open();
        let open: Vec<_> = recovered.unresolved.iter().map(|open| (open.job, open.number)).collect();
        assert_eq!((open, recovered.findings), (vec![(Some(job), number_id(1))], vec![]));
    }
}

#[tokio::test]
async fn what_is_written_ahead_and_was_deleted_or_replaced_takes_nothing_more_and_is_kept_if_it_can_be() {
    for (name, is_replaced) in
        [("journal.db-wal", false), ("journal.db-shm", false), ("journal.db-wal", true), ("journal.db-shm", true)]
    {
        let desk = JournalFixture::new();
        let (journal, _) = desk.open();
        let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
        std::fs::remove_file(desk.state_file(name)).expect("it was there");
        if is_replaced {
            std::fs::write(desk.state_file(name), "").expect("another");
            std::fs::set_permissions(desk.state_file(name), std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("a mode");
        }
        let why = failure_reason(&desk, journal.record_intent(desk.intent(job, 1, START_TIME)).await);
        let start = format!("the journal in ~/state takes nothing more: {name} was moved away or replaced meanwhile (");
        assert!(why.starts_with(&start), "{why}");
        journal.close();
        let (journal, recovered) = desk.open();
        let is_kept = name == "journal.db-shm" || !is_replaced;
        assert_eq!(recovered.findings.is_empty(), is_kept, "{name} {is_replaced}: {:?}", recovered.findings);
        journal.close();
    }
}

#[tokio::test]
async fn of_two_histories_none_is_written_over_the_other() {
    let desk = JournalFixture::new();
    let mut first = child_command("ledger::failing::a_process_whose_files_are_deleted", desk.temp_path());
    let mut first = first.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(first.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line == "begun")));
    for name in ["journal.db-wal", "journal.db-shm"] {
        std::fs::remove_file(desk.state_file(name)).expect("it was there");
    }
    let (second, recovered) = desk.open();
    assert_eq!(recovered.findings.len(), 1, "{:?}", recovered.findings);
    let job = second.start_job(job_plan(&[2])).await.expect("recorded");
    second.close();
    // From here on the first goes on.
    drop(first.stdin.take());
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("1 passed"))));
    assert!(first.wait().expect("it ended").success());
    let reader = pindesk::journal::JournalReader::open(&desk.state_dir()).expect("a journal");
    let detail = reader.job(job).expect("readable").expect("it is there");
    assert_eq!(detail.numbers.iter().map(|of| of.number).collect::<Vec<_>>(), [number_id(2)]);
    let broken = reader.verify_audit().expect("readable").expect_err("the rows of the first are lost");
    let told: Vec<_> = broken.iter().map(|broken| broken.description.as_str()).collect();
    assert_eq!(told, [format!("at 2026-11-22T14:00:00Z it was found that {}", recovered.findings[0])]);
}

/// Works for the test above.
#[tokio::test]
async fn a_process_whose_files_are_deleted() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    journal.start_job(job_plan(&[1])).await.expect("recorded");
    println!("\nbegun");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("read");
    failure_reason(&desk, journal.start_job(job_plan(&[3])).await.map(drop));
    journal.close();
}

/// The lock of all writers, taken by somebody who does not give it back.
fn open_escrow_file(desk: &JournalFixture) -> EscrowFile {
    EscrowFile::open(&desk.state_dir()).expect("opened")
}

/// How to get on, as it is told of a lock that this process holds.
fn lock_holder_message() -> String {
    let pid = std::process::id();
    format!(
        "process {pid} holds the lock on ~/state/escrow.jsonl and may be suspended. To resume it: kill -CONT {pid}. To end it after that: kill {pid}"
    )
}

#[tokio::test]
async fn an_opening_waits_a_while_for_a_writer_that_is_stopped_and_then_names_it() {
    let desk = JournalFixture::new();
    let other = open_escrow_file(&desk);
    let _held = other.lock(Duration::ZERO).expect("it is free");
    let begun = Instant::now();
    let error = desk.try_open().expect_err("it is held");
    assert!(begun.elapsed() >= Duration::from_secs(5), "it may only be slow: {:?}", begun.elapsed());
    let expected = format!("journal in ~/state: {}. Nothing was changed, and nothing was sent", lock_holder_message());
    assert_eq!(desk.without_temp_path(error), expected);
}

#[tokio::test]
async fn while_another_writer_is_stopped_nothing_is_begun_and_what_is_out_waits() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1, 2])).await.expect("recorded");
    let first = desk.intent(job, 1, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    let other = open_escrow_file(&desk);
    let held = other.lock(Duration::ZERO).expect("it is free");
    let begun = Instant::now();
    let refusal =
        outcome_record(&desk.intent(job, 2, START_TIME), Outcome::NotSent(NotSentReason::Stopped), START_TIME);
    let (intended, refused, rested) = tokio::join!(
        async {
            let intended = journal.record_intent(desk.intent(job, 2, START_TIME)).await;
            assert!(begun.elapsed() >= Duration::from_secs(10), "it may only be slow: {:?}", begun.elapsed());
            intended
        },
        async {
            let refused = journal.record_refusal(refusal).await;
            drop(held);
            refused
        },
        journal.record_outcome(outcome_record(&first, Outcome::Confirmed, START_TIME))
    );
    for answer in [intended, refused] {
        match answer {
            Err(RecordError::Busy(why)) => {
                assert_eq!(desk.without_temp_path(why), format!("nothing can be recorded: {}", lock_holder_message()));
            }
            other => panic!("{other:?}"),
        }
    }
    rested.expect("it waited");
    journal.record_intent(desk.intent(job, 2, START_TIME)).await.expect("nothing is broken");
    journal.close();
    let (_, recovered) = desk.open();
    assert_eq!(recovered.unresolved.iter().map(|open| open.number).collect::<Vec<_>>(), [number_id(2)]);
}

#[tokio::test]
async fn while_it_is_paused_it_writes_nothing_and_others_write_before_it() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let paused = journal.pause();
    let (job, others) = tokio::join!(journal.start_job(job_plan(&[1])), async {
        let (other, _) = desk.open();
        let job = other.start_job(job_plan(&[2])).await;
        other.close();
        drop(paused);
        job
    });
    assert_eq!([others, job].map(|job| job.expect("recorded").get()), [1, 2]);
}

#[tokio::test]
async fn a_closed_journal_refuses() {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let other = journal.clone();
    journal.close();
    assert_eq!(failure_reason(&desk, other.start_job(job_plan(&[1])).await.map(drop)), "the journal was closed");
}

/// Runs `test` of this file in a process whose system calls fail as strace is told to. `None` without strace.
fn run_under_strace(desk: &JournalFixture, test: &str, inject: &[&str]) -> Option<Output> {
    let run = child_command(&format!("ledger::failing::{test}"), desk.temp_path());
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o"]).arg(desk.temp_path().join("trace")).args(["-e", "signal=none"]);
    for what in inject {
        match what.strip_prefix("path=") {
            Some(path) => command.arg("-P").arg(path),
            None => command.args(["-e", what]),
        };
    }
    command.arg(run.get_program()).args(run.get_args());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().ok();
    if output.is_none() {
        skip::missing_program("strace");
    }
    output
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_recorded_and_nothing_tried_again() {
    // The escrow file is synced by fdatasync, SQLite's files by fsync or fdatasync. The system may say of the next one
    // that it was done.
    for when in ["40+", "40"] {
        let desk = JournalFixture::new();
        desk.open().0.close();
        let inject = [&format!("inject=fsync,fdatasync:error=EIO:when={when}"), "trace=fsync,fdatasync,pwrite64"];
        let Some(output) = run_under_strace(&desk, "a_process_whose_syncs_fail", &inject) else { return };
        assert_passed(&output);
        let calls = std::fs::read_to_string(desk.temp_path().join("trace")).expect("what strace wrote");
        let (_, after) = calls.split_once("EIO").expect("one failed");
        assert!(!after.contains("/journal.db>"), "{when}: what was written ahead stays there: {after}");
    }
}

/// Works for the test above.
#[tokio::test]
async fn a_process_whose_syncs_fail() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let mut last = None;
    for n in 0..100 {
        let intent = desk.intent(job, n, START_TIME);
        if let Err(refused) = journal.record_intent(intent.clone()).await {
            let why = failure_reason(&desk, Err(refused));
            assert!(why.starts_with("the journal in ~/state takes nothing more: "), "{why}");
            break;
        }
        last = Some(intent);
    }
    let last = last.expect("some were recorded before");
    failure_reason(&desk, journal.record_outcome(outcome_record(&last, Outcome::Confirmed, START_TIME)).await);
    failure_reason(&desk, journal.record_intent(desk.intent(job, 200, START_TIME)).await);
    // Whoever hands over page after page is not kept waiting.
    journal.cache_numbers("acme", Vec::new()).await;
    journal.close();
}

#[tokio::test]
async fn a_sync_of_the_remembered_numbers_that_failed_is_the_end_as_well() {
    let desk = JournalFixture::new();
    let test = "a_process_that_remembers_numbers";
    let Some(whole) = run_under_strace(&desk, test, &["trace=fsync,fdatasync,write"]) else { return };
    assert!(String::from_utf8_lossy(&whole.stdout).contains("recorded after it: true"));
    let trace = std::fs::read_to_string(desk.temp_path().join("trace")).expect("what strace wrote");
    let before = trace.split("begin\\n").next().expect("a start");
    // strace counts the calls of each thread, and the journal's has most.
    let mut syncs = HashMap::new();
    for line in before.lines().filter(|line| line.contains("sync(")) {
        *syncs.entry(line.split(' ').next()).or_insert(0) += 1;
    }
    let nth = syncs.values().max().expect("some") + 1;
    let fault = format!("inject=fsync,fdatasync:error=EIO:when={nth}");
    let other = JournalFixture::new();
    let failed = run_under_strace(&other, test, &["trace=fsync,fdatasync", &fault]).expect("it is there");
    let said = String::from_utf8_lossy(&failed.stdout);
    assert!(said.contains("recorded after it: false"), "{nth}: {said}");
}

#[tokio::test]
async fn a_sync_of_what_is_taken_into_the_database_that_failed_is_the_end_as_well() {
    let desk = JournalFixture::new();
    desk.open().0.close();
    let path = format!("path={}", desk.state_file("journal.db").display());
    let inject = ["inject=fsync,fdatasync:error=EIO:when=1", "trace=fsync,fdatasync", &path];
    let Some(output) = run_under_strace(&desk, "a_process_that_records_much", &inject) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the journal in ") && said.contains(" takes nothing more: "), "{said}");
    // Nothing was taken for done that was not.
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.findings, []);
    journal.close();
    let reader = pindesk::journal::JournalReader::open(&desk.state_dir()).expect("a journal");
    assert!(reader.verify_audit().expect("readable").is_ok());
}

/// Works for the test above.
#[tokio::test]
async fn a_process_that_records_much() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    for _ in 0..600 {
        if let Err(refused) = journal.record_event(AuditEvent::ScreenHidden).await {
            println!("{refused}");
        }
    }
    journal.close();
}

/// Works for the test above.
#[tokio::test]
async fn a_process_that_remembers_numbers() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    for _ in 0..40 {
        journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    }
    println!("\nbegin");
    let (id, details) = (number_id(1), std::sync::Arc::default());
    let shown = Number {
        id,
        waba: None,
        display_number: None,
        name: None,
        two_step: TwoStep::On,
        details,
        read_at: Some(START_TIME),
    };
    journal.cache_numbers("acme", vec![shown]).await;
    println!("\nrecorded after it: {}", journal.record_event(AuditEvent::ScreenShown).await.is_ok());
}

#[tokio::test]
async fn a_write_that_stopped_half_way_is_a_full_disk_and_outcomes_are_kept() {
    let desk = JournalFixture::new();
    let Some(_disk) = SmallDisk::mount(&desk) else { return };
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let out: Vec<_> = (0..20).map(|n| desk.intent(job, n, START_TIME)).collect();
    for intent in &out {
        journal.record_intent(intent.clone()).await.expect("recorded");
    }
    // Blank lines, so that 100 bytes still fit in the last block.
    let mut escrow = std::fs::File::options().append(true).open(desk.state_file("escrow.jsonl")).expect("the file");
    let len = escrow.metadata().expect("its length").len();
    let padding = usize::try_from(2 * 4096 - len % 4096 - 100).expect("little");
    std::io::Write::write_all(&mut escrow, &vec![b'\n'; padding]).expect("written");
    fill_disk(&desk);
    let why = failure_reason(&desk, journal.record_intent(desk.intent(job, 20, START_TIME)).await);
    assert!(why.starts_with("the journal in ~/state takes nothing more: only 100 of "), "{why}");
    for intent in &out {
        journal
            .record_outcome(outcome_record(intent, Outcome::Confirmed, START_TIME))
            .await
            .expect("kept in the reserve");
    }
    failure_reason(&desk, journal.record_intent(desk.intent(job, 20, START_TIME)).await);
    journal.close();
    std::fs::remove_file(desk.state_file("filler")).expect("removed");
    let (_, recovered) = desk.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_begun_but_outcomes_are_kept() {
    let desk = JournalFixture::new();
    let Some(_disk) = SmallDisk::mount(&desk) else { return };
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let first = desk.intent(job, 0, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    fill_disk(&desk);
    let mut out = vec![first];
    let why = loop {
        let intent = desk.intent(job, u32::try_from(out.len()).expect("few"), START_TIME);
        match journal.record_intent(intent.clone()).await {
            Ok(()) => out.push(intent),
            Err(refused) => break failure_reason(&desk, Err(refused)),
        }
        assert!(out.len() < 5_000, "it never was full");
    };
    assert!(why.starts_with("the journal in ~/state takes nothing more: "), "{why}");
    let refused = journal.record_refusal(outcome_record(
        &desk.intent(job, 6_000, START_TIME),
        Outcome::NotSent(NotSentReason::Stopped),
        START_TIME,
    ));
    let (refused, first) =
        tokio::join!(refused, journal.record_outcome(outcome_record(&out[0], Outcome::Confirmed, START_TIME)));
    failure_reason(&desk, refused);
    first.expect("kept in the reserve");
    for intent in &out[1..] {
        journal
            .record_outcome(outcome_record(intent, Outcome::Confirmed, START_TIME))
            .await
            .expect("kept in the reserve");
    }
    failure_reason(&desk, journal.record_intent(desk.intent(job, 6_000, START_TIME)).await);
    journal.close();
    let reader = pindesk::journal::JournalReader::open(&desk.state_dir()).expect("a journal");
    assert!(reader.verify_audit().expect("readable").is_ok());
    std::fs::remove_file(desk.state_file("filler")).expect("removed");
    let (journal, recovered) = desk.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
    journal.close();
}

/// A small disk of the desk's own, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where that is not allowed.
    fn mount(desk: &JournalFixture) -> Option<Self> {
        std::fs::create_dir(desk.state_path()).expect("a directory");
        // Without what fills it up there is room for everything twice.
        let options = ["-t", "tmpfs", "-o", "size=7680k,mode=0700", "none"];
        let tried = Command::new("mount").args(options).arg(desk.state_path()).output();
        if tried.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(desk.state_path()));
        }
        skip::not_allowed("a small disk (mount)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a test that failed may still have files open there.
        Command::new("umount").arg("-l").arg(&self.0).status().expect("started");
    }
}

/// Leaves no byte free.
fn fill_disk(desk: &JournalFixture) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(desk.state_file("filler")).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
}

/// The system calls of a process while it records. `None` without strace.
fn trace_system_calls(desk: &JournalFixture, test: &str, calls: &str) -> Option<String> {
    let output = run_under_strace(desk, test, &[&format!("trace={calls},write")])?;
    assert_passed(&output);
    let trace = std::fs::read_to_string(desk.temp_path().join("trace")).expect("what strace wrote");
    let at_work = trace.split("\"begin\\n\"").nth(1).and_then(|rest| rest.split("\"end\\n\"").next());
    Some(at_work.expect("its work").to_owned())
}

/// How often it syncs.
fn count_syncs(desk: &JournalFixture, test: &str) -> Option<usize> {
    trace_system_calls(desk, test, "fsync,fdatasync").map(|calls| calls.matches("sync(").count())
}

#[test]
fn every_record_is_synced_in_both_files_and_a_build_that_does_not_is_noticed() {
    let (desk, other) = (JournalFixture::new(), JournalFixture::new());
    let Some(syncs) = count_syncs(&desk, "a_process_that_records_and_syncs") else { return };
    // Two an intent, one an outcome.
    assert!(syncs >= 9, "{syncs}");
    assert_eq!(count_syncs(&other, "a_process_that_records_and_does_not_sync"), Some(0));
}

#[test]
fn openings_are_recorded_by_one_sync_for_all_of_them() {
    let Some(syncs) = count_syncs(&JournalFixture::new(), "a_process_that_opens_many") else { return };
    assert!((1..=2).contains(&syncs), "{syncs}");
}

/// Works for the test above.
#[tokio::test]
async fn a_process_that_opens_many() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    println!("begin");
    let opened = |n| AuditEvent::PinDecrypted { change: ChangeId::new(), number: number_id(n), waba: None };
    journal.record_events((0..50).map(opened).collect()).await.expect("recorded");
    println!("end");
}

#[test]
fn what_an_opening_makes_is_on_the_disk_with_its_name_when_it_is_done() {
    let Some(calls) =
        trace_system_calls(&JournalFixture::new(), "a_process_that_opens", "openat,fsync,fdatasync,pwrite64")
    else {
        return;
    };
    let last = |meant: &dyn Fn(&str) -> bool| calls.lines().rev().position(meant).unwrap_or_else(|| panic!("{calls}"));
    let of = |name: &'static str, call: &'static str| move |line: &str| line.contains(call) && line.contains(name);
    let made = last(&|line| line.contains("O_CREAT") && line.contains("/state"));
    assert!(last(&of("/state>", "fsync(")) < made, "the names: {calls}");
    assert!(last(&of("/audit.head>", "fdatasync(")) < last(&of("/audit.head>", "pwrite64(")), "the head: {calls}");
}

/// Works for the test above.
#[test]
fn a_process_that_opens() {
    let Some(desk) = fixture_from_parent() else { return };
    println!("begin");
    let (journal, _) = desk.open();
    println!("end");
    journal.close();
}

#[test]
fn what_waits_is_recorded_together_and_256_at_a_time() {
    let Some(calls) = trace_system_calls(&JournalFixture::new(), "a_process_of_which_much_waits", "pwrite64") else {
        return;
    };
    // The number of its last row, in twenty digits, once for each group.
    let heads = calls.lines().filter_map(|line| line.split_once("\"00000000")?.1.split(' ').next()?.parse().ok());
    assert_eq!(heads.collect::<Vec<u32>>(), [256, 300], "{calls}");
}

/// Works for the test above.
#[tokio::test]
async fn a_process_of_which_much_waits() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    let paused = journal.pause();
    let all_waits = async {
        println!("begin");
        drop(paused);
    };
    let (noted, ()) =
        tokio::join!(join_all((0..300).map(|_| journal.record_event(AuditEvent::ScreenHidden))), all_waits);
    assert!(noted.iter().all(Result::is_ok));
    println!("end");
}

async fn record_changes(syncs: bool) {
    let Some(desk) = fixture_from_parent() else { return };
    let opening = pindesk::journal::JournalOptions { sync_writes: syncs, ..desk.open_options() };
    let (journal, _) = pindesk::journal::Journal::open(opening).expect("a good journal");
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    println!("begin");
    for n in 0..3 {
        let intent = desk.intent(job, n, START_TIME);
        journal.record_intent(intent.clone()).await.expect("recorded");
        journal.record_outcome(outcome_record(&intent, Outcome::Confirmed, START_TIME)).await.expect("recorded");
    }
    println!("end");
}

/// Works for the test above.
#[tokio::test]
async fn a_process_that_records_and_syncs() {
    record_changes(true).await;
}

/// Works for the test above.
#[tokio::test]
async fn a_process_that_records_and_does_not_sync() {
    record_changes(false).await;
}
