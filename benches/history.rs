//! How long a command takes in a state directory with many changes, as a multiple of the same command in an empty one.
//!
//! `PINDESK_HISTORY` is the number of changes, 100,000 without it: jobs of 1,000 random PINs, of which one in 500 was
//! refused, and of the last ones one in 1,000 has no answer. Each command runs several times, and the median counts. The memory is the
//! largest of the runs, as `time` of the Debian package of that name reports it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pindesk::domain::change::{ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::outcome::{ApiError, DoubtReason};
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::escrow::{Ciphertext, EscrowEntry};
use pindesk::journal::{Intent, JobPlan, Journal, JournalKind, JournalOptions, Operator, OutcomeRecord, PinSource};
use pindesk::state_dir::StateDir;
use tempfile::TempDir;

const NUMBERS: u32 = 10_000;

/// The first of them.
const FIRST: u32 = 11;

/// A number with a long history, which is set and listed.
const SET: u32 = 20;

/// A number of which every PIN can be decrypted.
const OPENED: u32 = 2;

const NUMBERS_PER_JOB: u32 = 1_000;

/// As long as a PIN that is encrypted to two keys.
const CIPHERTEXT_BYTES: usize = 420;

/// How often each command runs.
const RUNS: usize = 7;

#[expect(clippy::print_stdout, reason = "the ratios are the result")]
fn main() {
    let changes = std::env::var("PINDESK_HISTORY").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let dirs = BenchDirs::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Instant::now();
    runtime.block_on(dirs.fill(changes));
    println!("{changes} changes written in {:.1} s", start.elapsed().as_secs_f64());
    // The first start reads everything, and notes how far it came.
    println!("first start: {:.3} s", dirs.run(&dirs.full(), &dirs.pin_set(OPENED)).0.as_secs_f64());
    let pin_set = dirs.pin_set(SET);
    let (listed, opened) = (id(SET).to_string(), id(OPENED).to_string());
    let key = dirs.config.join("key.txt");
    let key = key.to_str().expect("UTF-8");
    let commands: [(&str, Vec<&str>); 5] = [
        ("pin set", pin_set.iter().map(String::as_str).collect()),
        ("jobs list", vec!["jobs", "list"]),
        ("jobs show", vec!["jobs", "show", "1"]),
        ("escrow list", vec!["escrow", "list", &listed]),
        ("escrow open", vec!["escrow", "open", "--json", "--identity", key, &opened]),
    ];
    for (name, command) in &commands {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let [(empty, empty_kb), (full, full_kb)] = [dirs.empty(), dirs.full()].map(|dir| dirs.median(&dir, &command));
        println!(
            "{name:<12} {:6.1} ms, {empty_kb} kB in an empty directory; {:6.1} ms, {full_kb} kB: {:.2} x the time, {:.2} x the memory",
            empty.as_secs_f64() * 1e3,
            full.as_secs_f64() * 1e3,
            full.as_secs_f64() / empty.as_secs_f64(),
            f64::from(full_kb) / f64::from(empty_kb),
        );
    }
}

fn id(n: u32) -> PhoneNumberId {
    (200_000_000_000_000 + u64::from(n)).to_string().parse().expect("an ID")
}

/// A simulator with its config, and two state directories: one with a single small job, and one with many changes.
struct BenchDirs {
    root: PathBuf,
    config: PathBuf,
    simulator: Child,
    _temp_dir: TempDir,
}

impl Drop for BenchDirs {
    fn drop(&mut self) {
        self.simulator.kill().ok();
        self.simulator.wait().ok();
    }
}

impl BenchDirs {
    fn new() -> Self {
        // The time of a command must not be that of a disk that syncs.
        let temp_dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a directory");
        let root = temp_dir.path().to_owned();
        let config = root.join("config");
        let mut simulator = Command::new(env!("CARGO_BIN_EXE_pindesk"))
            .args(["simulator", "--listen", "127.0.0.1:0", "--numbers", "1000", "--write-config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        BufReader::new(simulator.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let dirs = Self { root, config, simulator, _temp_dir: temp_dir };
        // Two jobs in the empty directory, so that every command has something to show.
        dirs.run(&dirs.empty(), &dirs.pin_set(OPENED));
        dirs.run(&dirs.empty(), &dirs.pin_set(SET));
        dirs
    }

    fn empty(&self) -> PathBuf {
        self.root.join("empty")
    }

    fn full(&self) -> PathBuf {
        self.root.join("full")
    }

    /// Sets a random PIN on the `n`th number.
    fn pin_set(&self, n: u32) -> Vec<String> {
        let list = self.root.join(format!("list-{n}"));
        fs::write(&list, format!("{}\n", id(n))).expect("written");
        let list = list.to_str().expect("UTF-8");
        ["pin", "set", "--from", list, "--random", "--replace", "--again", "--confirm", "1"].map(str::to_owned).to_vec()
    }

    /// Fills the directory with changes through the journal itself.
    async fn fill(&self, changes: u32) {
        let (journal, _) = Journal::open(JournalOptions {
            dir: StateDir::open_or_create(&self.full()).expect("a directory"),
            operator: Operator::from_process(),
            kind: JournalKind::Real,
            recipients: None,
            clock: Clock::System,
            reads_after_open: true,
            #[cfg(debug_assertions)]
            sync_writes: false,
        })
        .expect("a journal");
        // A small job first: `jobs show` shows it.
        let mut made = 0;
        for job_index in 0.. {
            let size = if job_index == 0 { 1 } else { NUMBERS_PER_JOB.min(changes - made) };
            if size == 0 {
                break;
            }
            let numbers: Vec<u32> = (made..made + size).map(|n| FIRST + n % NUMBERS).collect();
            let plan = JobPlan {
                profile: CleanText::new("simulator"),
                pin_source: PinSource::Random,
                note: None,
                numbers: numbers.iter().map(|n| (id(*n), None)).collect(),
            };
            let job = journal.start_job(plan).await.expect("recorded");
            for group in numbers.chunks(250) {
                let intents: Vec<_> = group.iter().map(|n| intent(job, *n)).collect();
                let recorded = intents.iter().map(|intent| journal.record_intent(intent.clone()));
                for result in futures_util::future::join_all(recorded).await {
                    result.expect("recorded");
                }
                let ended =
                    intents.iter().zip(made..).map(|(intent, n)| journal.record_outcome(outcome(intent, n, changes)));
                for result in futures_util::future::join_all(ended).await {
                    result.expect("recorded");
                }
                made += u32::try_from(group.len()).expect("small");
            }
            journal.end_job(job).await.expect("recorded");
        }
        journal.close();
    }

    /// The time and the memory of one run, in kB.
    fn run(&self, state_dir: &Path, command: &[String]) -> (Duration, u32) {
        let time_file = self.root.join("time");
        let start = Instant::now();
        let mut run = Command::new("/usr/bin/time");
        run.args(["-f", "%M", "-o"]).arg(&time_file).arg(env!("CARGO_BIN_EXE_pindesk"));
        run.arg("--config").arg(self.config.join("config.toml")).arg("--state-dir").arg(state_dir).args(command);
        let output = run.output().expect("the Debian package time");
        let elapsed = start.elapsed();
        let memory = fs::read_to_string(&time_file).expect("readable");
        let memory = memory.lines().last().and_then(|line| line.parse().ok());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        (elapsed, memory.expect("a count"))
    }

    fn median(&self, state_dir: &Path, command: &[String]) -> (Duration, u32) {
        let mut runs: Vec<_> = (0..RUNS).map(|_| self.run(state_dir, command)).collect();
        runs.sort();
        (runs[RUNS / 2].0, runs.iter().map(|(_, memory)| *memory).max().unwrap_or_default())
    }
}

fn intent(job: JobId, n: u32) -> Intent {
    let (change, number, at) = (ChangeId::new(), id(n), Clock::System.now().utc);
    // No key decrypts it, which no command of this benchmark tries but `escrow open`.
    let ciphertext = Ciphertext(vec![u8::try_from(n % 251).expect("a byte"); CIPHERTEXT_BYTES]);
    let escrow_entry = Some(EscrowEntry { change, number, waba: None, at, job: Some(job), ciphertext });
    let status_before = StatusBefore { two_step: TwoStep::On, read_at: None };
    Intent { change, job, number, waba: None, status_before, escrow_entry, at }
}

/// The outcome of the `n`th change. Those of the last round may be in doubt: no later PIN would have to wait for them.
fn outcome(intent: &Intent, n: u32, changes: u32) -> OutcomeRecord {
    let standing = match n {
        n if n % 1_000 == 999 && n + NUMBERS >= changes => Standing::in_doubt(DoubtReason::SuccessNotTrue),
        n if n % 500 == 499 => Standing::Failed(refusal()),
        _ => Standing::Set,
    };
    let (change, number, at): (_, _, UtcTime) = (intent.change, intent.number, intent.at);
    OutcomeRecord { change, job: Some(intent.job), number, waba: None, attempts: 1, standing, will_retry: false, at }
}

fn refusal() -> ApiError {
    ApiError {
        http_status: 400,
        code: 136_025,
        subcode: None,
        message: CleanText::new("the number is not registered"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: Some(CleanText::new("Atrace01")),
        is_transient: false,
    }
}
