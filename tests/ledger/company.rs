//! Several processes with one state directory: none sees a lock error, and none takes a number from another.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;

use pindesk::domain::clock::UtcTime;
use pindesk::domain::outcome::{DoubtReason, Outcome};
use pindesk::journal::{JournalReader, RecordError};

use crate::support::records::{
    JournalFixture, START_TIME, child_command, fixture_from_parent, job_plan, number_id, outcome_record,
};

/// Starts a process that has an intent for number 1 recorded, and waits for that.
fn spawn_other_process(desk: &JournalFixture) -> Child {
    let mut child = child_command("ledger::company::a_process_at_work_on_a_number", desk.temp_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let is_at_work = lines.any(|line| line.expect("readable").contains("at work"));
    assert!(is_at_work, "it ended before");
    child
}

/// Works for the tests below: it lives until it is killed.
#[tokio::test]
async fn a_process_at_work_on_a_number() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(desk.intent(job, 1, START_TIME)).await.expect("recorded");
    println!("at work");
    std::io::stdin().lines().for_each(drop);
}

#[tokio::test]
async fn what_a_living_process_works_on_is_busy_and_not_in_doubt() {
    let mut desk = JournalFixture::new();
    desk.recipients = None;
    let mut colleague = spawn_other_process(&desk);
    let pid = colleague.id();
    // Long after: no time frees what somebody works on.
    desk.now = UtcTime::from_unix_seconds(START_TIME.unix_seconds() + 9_000);
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.unresolved, []);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    // The colleague was the first to have recipients.
    journal.accept_recipients().await.expect("recorded");
    let rows = desk.open_database();
    let theirs: String = rows.query_row("SELECT change FROM changes", [], |row| row.get(0)).expect("their change");
    let theirs = vec![theirs.parse().expect("an id")];
    let busy = format!("another pindesk is at work on this number: process {pid} on desk-1, uid 1000 (ana)");
    let refused = journal.record_intent(desk.intent(job, 1, desk.now)).await;
    assert_eq!(refused.map_err(|refused| refused.to_string()), Err(busy));
    journal.resolve(number_id(1), theirs, pindesk::domain::change::Resolution::Manual, None).await.expect("recorded");
    let states = JournalReader::open(&desk.state_dir()).expect("a journal").jobs().expect("readable");
    assert_eq!(states[1].status, pindesk::journal::JobStatus::Running);

    colleague.kill().expect("killed");
    colleague.wait().expect("ended");
    journal.record_intent(desk.intent(job, 1, desk.now)).await.expect("it is long since");
    let (second, recovered) = desk.open();
    let [open] = &recovered.unresolved[..] else { panic!("{recovered:?}") };
    assert_eq!(
        (open.number, &open.reason, open.last_send),
        (number_id(1), &DoubtReason::ProcessEnded, START_TIME.plus(std::time::Duration::from_secs(40)))
    );
    drop(second);
    journal.close();
    let left: Vec<_> = std::fs::read_dir(desk.state_path())
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("running."))
        .collect();
    assert!(left.len() <= 1, "the killed one's file was cleared away: {left:?}");
}

#[tokio::test]
async fn a_pin_of_a_process_that_was_just_killed_could_still_land() {
    let desk = JournalFixture::new();
    let mut colleague = spawn_other_process(&desk);
    colleague.kill().expect("killed");
    colleague.wait().expect("ended");
    let (journal, recovered) = desk.open();
    assert_eq!(recovered.unresolved.len(), 1);
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.accept_recipients().await.expect("recorded");
    let refused = journal.record_intent(desk.intent(job, 1, START_TIME)).await;
    assert!(matches!(refused, Err(RecordError::Busy(_))), "{refused:?}");
}

#[test]
fn several_at_once_see_no_lock_error_and_lose_nothing() {
    const JOURNALS: u32 = 4;
    const EACH: u32 = 60;
    let desk = JournalFixture::new();
    desk.open().0.close();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                JournalReader::open(&desk.state_dir()).expect("readable").jobs().expect("readable");
            }
        });
        for part in 0..JOURNALS {
            let desk = &desk;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let (journal, _) = desk.open();
                runtime.block_on(async {
                    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
                    let work = (0..EACH).map(|n| {
                        let journal = journal.clone();
                        async move {
                            let intent = desk.intent(job, part * EACH + n, START_TIME);
                            journal.record_intent(intent.clone()).await.expect("recorded");
                            journal
                                .record_outcome(outcome_record(&intent, Outcome::Confirmed, START_TIME))
                                .await
                                .expect("recorded");
                        }
                    });
                    futures_util::future::join_all(work).await;
                });
                journal.close();
            });
        }
    });
    let reader = JournalReader::open(&desk.state_dir()).expect("a journal");
    assert_eq!(reader.encrypted_pins().expect("readable").len(), (JOURNALS * EACH) as usize);
    assert!(reader.verify_audit().expect("readable").is_ok());
    let (_, recovered) = desk.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
}
