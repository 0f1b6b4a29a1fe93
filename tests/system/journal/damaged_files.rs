//! Flipped bits and truncated files of a state directory: no panic, no request to a number that was not confirmed, and
//! each PIN is still in the journal or in the escrow file.

use std::fs;
use std::path::Path;

use pindesk::domain::change::{ChangeId, JobId};
use pindesk::domain::number::PhoneNumberId;
use pindesk::domain::standing::{NotSentReason, Standing};
use pindesk::escrow::EscrowFile;
use pindesk::journal::{Intent, Journal, JournalError, JournalOptions, JournalReader};
use pindesk::state_dir::StateDir;

use super::{no_answer, seconds};
use crate::support::child::test_path;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, assert_passed, child_command, fixture_from_parent, job_plan, number_id, outcome_record,
};

/// How many damaged directories are tried, if the variable does not say.
const SEEDS: u64 = 20;

const SEEDS_ENV: &str = "PINDESK_DAMAGED_FILES";

const FILES: [&str; 4] = ["journal.db", "journal.db-wal", "audit.head", "escrow.jsonl"];
const JOB: JobId = JobId::new(1);

/// Writes a stopped job of numbers 1 to 4, and copies its files while the write-ahead log has some of the rows. Numbers 3
/// and 4 are left. Returns the changes whose PIN may be in force.
async fn write_records(fixture: &JournalFixture, copy: &Path) -> Vec<Intent> {
    let journal = open(fixture).expect("a valid journal");
    let job = journal.start_job(job_plan(&[1, 2, 3, 4])).await.expect("recorded");
    let mut sent = Vec::new();
    for (n, standing) in [(1, Standing::Set), (2, no_answer()), (3, Standing::NotSent(NotSentReason::Stopped))] {
        let intent = fixture.intent(job, n, START_TIME);
        journal.record_intent(intent.clone()).await.expect("recorded");
        if n == 2 {
            // What comes before is in the database.
            fixture.open_database().execute_batch("PRAGMA wal_checkpoint").expect("written");
        }
        journal.record_outcome(outcome_record(&intent, standing, START_TIME)).await.expect("recorded");
        sent.push(intent);
    }
    journal.end_job(job).await.expect("recorded");
    fs::create_dir(copy).expect("created");
    for name in FILES {
        fs::copy(fixture.state_file(name), copy.join(name)).expect("copied");
    }
    journal.close();
    sent.truncate(2);
    sent
}

fn open(fixture: &JournalFixture) -> Result<Journal, JournalError> {
    Journal::open(JournalOptions { sync_writes: false, ..fixture.open_options() }).map(|(journal, _)| journal)
}

/// Random numbers that depend on the seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// Flips some bits of a file, or cuts off its end.
fn damage(path: &Path, random: &mut Random) {
    let mut bytes = fs::read(path).expect("readable");
    if random.below(3) == 0 {
        bytes.truncate(random.below(bytes.len()));
    } else {
        for _ in 0..=random.below(4) {
            let bit = random.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    fs::write(path, bytes).expect("written");
}

/// Resumes the job as the commands do. Returns the numbers whose PIN would be sent.
async fn resume(fixture: &JournalFixture) -> Vec<PhoneNumberId> {
    let Ok(journal) = open(fixture) else { return Vec::new() };
    let detail = journal.open_reader().and_then(|reader| reader.job(JOB)).ok().flatten();
    let numbers = detail.map(|job| job.numbers).unwrap_or_default();
    let left: Vec<_> = numbers.iter().filter(|number| number.is_resumable()).map(|number| number.number).collect();
    let mut sent = Vec::new();
    if journal.resume_job(JOB, left.clone()).await.is_ok() {
        for number in left {
            let intent = Intent { number, ..fixture.intent(JOB, 9, fixture.now) };
            sent.extend(journal.record_intent(intent).await.is_ok().then_some(number));
        }
    }
    journal.close();
    sent
}

/// The changes whose encrypted PIN is in the journal or in the escrow file, as it was written.
fn kept(dir: &StateDir, intents: &[Intent]) -> Vec<ChangeId> {
    let pins = JournalReader::open(dir).and_then(|reader| reader.encrypted_pins(&[])).unwrap_or_default();
    let lines = EscrowFile::read(dir).map(|contents| contents.entries).unwrap_or_default();
    let entries: Vec<_> = pins.into_iter().map(|pin| pin.escrow_entry).chain(lines).collect();
    let is_kept = |intent: &&Intent| {
        let sealed = &intent.escrow_entry.as_ref().expect("an encrypted PIN").ciphertext;
        entries.iter().any(|entry| entry.change == intent.change && entry.ciphertext == *sealed)
    };
    intents.iter().filter(is_kept).map(|intent| intent.change).collect()
}

#[tokio::test]
async fn damaged_files_lose_no_pin_and_send_nothing_wrong() {
    let Some(mut fixture) = fixture_from_parent() else {
        let fixture = JournalFixture::new();
        let test = test_path(module_path!(), "damaged_files_lose_no_pin_and_send_nothing_wrong");
        let output = child_command(&test, fixture.temp_path()).output().expect("the process ends");
        assert_passed(&output);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("panicked"), "{errors}");
        return;
    };
    let original = fixture.temp_path().join("original");
    let in_force = write_records(&fixture, &original).await;
    let changes: Vec<_> = in_force.iter().map(|intent| intent.change).collect();
    fixture.now = START_TIME.plus(seconds(3_600));
    let seeds = std::env::var(SEEDS_ENV).map_or(SEEDS, |count| count.parse().expect("a number"));
    for seed in 0..seeds {
        fs::remove_dir_all(fixture.state_path()).expect("removed");
        fixture.state_dir();
        for name in FILES {
            fs::copy(original.join(name), fixture.state_file(name)).expect("copied");
        }
        let mut random = Random(seed);
        let file = FILES[random.below(FILES.len())];
        damage(&fixture.state_file(file), &mut random);
        if random.below(2) == 0 {
            drop(JournalReader::open(&fixture.state_dir()).and_then(|reader| reader.verify_audit()));
        }
        // What is found at the first start is told once.
        for _ in 0..2 {
            let sent = resume(&fixture).await;
            let is_left = |number: &PhoneNumberId| [number_id(3), number_id(4)].contains(number);
            assert!(sent.iter().all(is_left), "seed {seed}, {file}: {sent:?}");
            assert_eq!(kept(&fixture.state_dir(), &in_force), changes, "seed {seed}, {file}");
        }
    }
}
