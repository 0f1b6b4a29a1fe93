//! A full disk: the journal refuses new intents, and a reserve keeps room for the outcomes of requests in flight.
//!
//! The tests mount a small file system and skip themselves if that is not allowed.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::journal::JournalReader;

use super::failure_reason;
use crate::support::journal_fixture::{JournalFixture, START_TIME, job_plan, outcome_record};
use crate::support::skip;

/// A small file system for the state directory. It is unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if mounting is not allowed.
    fn mount(fixture: &JournalFixture) -> Option<Self> {
        fs::create_dir(fixture.state_path()).expect("the directory is created");
        // Without the file that fills it, the disk has room for twice the data of a test.
        let options = ["-t", "tmpfs", "-o", "size=7680k,mode=0700", "none"];
        let result = Command::new("mount").args(options).arg(fixture.state_path()).output();
        if result.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(fixture.state_path()));
        }
        skip::not_allowed("mounting a small disk (mount)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a failed test may still have files open there.
        Command::new("umount").arg("-l").arg(&self.0).status().expect("umount starts");
    }
}

/// Writes a file until no byte is free.
fn fill_disk(fixture: &JournalFixture) {
    let mut file = File::create(fixture.state_file("filler")).expect("the file is created");
    while file.write_all(&[0; 4096]).is_ok() {}
}

#[tokio::test]
async fn a_partial_write_is_a_full_disk_and_keeps_outcomes() {
    let fixture = JournalFixture::new();
    let Some(_disk) = SmallDisk::mount(&fixture) else { return };
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let sent: Vec<_> = (0..20).map(|n| fixture.intent(job, n, START_TIME)).collect();
    for intent in &sent {
        journal.record_intent(intent.clone()).await.expect("recorded");
    }
    // Blank lines, so that exactly 100 bytes still fit into the last block.
    let mut escrow = File::options().append(true).open(fixture.state_file("escrow.jsonl")).expect("the file opens");
    let len = escrow.metadata().expect("the size is readable").len();
    let padding = usize::try_from(2 * 4096 - len % 4096 - 100).expect("a small number");
    escrow.write_all(&vec![b'\n'; padding]).expect("written");
    fill_disk(&fixture);
    let reason = failure_reason(&fixture, journal.record_intent(fixture.intent(job, 20, START_TIME)).await);
    assert!(reason.starts_with("the journal in ~/state has stopped recording: only 100 of "), "{reason}");
    for intent in &sent {
        journal.record_outcome(outcome_record(intent, Standing::Set, START_TIME)).await.expect("the reserve has room");
    }
    failure_reason(&fixture, journal.record_intent(fixture.intent(job, 20, START_TIME)).await);
    journal.close();
    fs::remove_file(fixture.state_file("filler")).expect("removed");
    let (_, recovered) = fixture.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
}

#[tokio::test]
async fn a_full_disk_refuses_intents_and_keeps_outcomes() {
    let fixture = JournalFixture::new();
    let Some(_disk) = SmallDisk::mount(&fixture) else { return };
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[])).await.expect("recorded");
    let first = fixture.intent(job, 0, START_TIME);
    journal.record_intent(first.clone()).await.expect("recorded");
    fill_disk(&fixture);
    let mut sent = vec![first];
    let reason = loop {
        let intent = fixture.intent(job, u32::try_from(sent.len()).expect("a small number"), START_TIME);
        match journal.record_intent(intent.clone()).await {
            Ok(()) => sent.push(intent),
            Err(refusal) => break failure_reason(&fixture, Err(refusal)),
        }
        assert!(sent.len() < 5_000, "the disk never filled up");
    };
    assert!(reason.starts_with("the journal in ~/state has stopped recording: "), "{reason}");
    let refusal = journal.record_refusal(outcome_record(
        &fixture.intent(job, 6_000, START_TIME),
        Standing::NotSent(NotSentReason::Stopped),
        START_TIME,
    ));
    let (refusal, first) =
        tokio::join!(refusal, journal.record_outcome(outcome_record(&sent[0], Standing::Set, START_TIME)));
    failure_reason(&fixture, refusal);
    first.expect("the reserve has room");
    for intent in &sent[1..] {
        journal.record_outcome(outcome_record(intent, Standing::Set, START_TIME)).await.expect("the reserve has room");
    }
    failure_reason(&fixture, journal.record_intent(fixture.intent(job, 6_000, START_TIME)).await);
    journal.close();
    let reader = JournalReader::open(&fixture.state_dir()).expect("a journal");
    assert!(reader.verify_audit().expect("readable").is_ok());
    fs::remove_file(fixture.state_file("filler")).expect("removed");
    let (journal, recovered) = fixture.open();
    assert_eq!((recovered.unresolved, recovered.findings), (vec![], vec![]));
    journal.close();
}
