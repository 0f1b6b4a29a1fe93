//! What must be on the disk before a PIN is sent, and what happens if the disk fails: seen by strace, and on file
//! systems that the tests mount.
//!
//! A test skips itself, with a message, if a program that it needs (`strace`; `unshare` and `mount` of util-linux) is
//! missing or not allowed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::crash_fixture::CrashFixture;
use crate::support::faulty_graph::{self, FaultOptions};
use crate::support::skip;
use crate::support::trace;

const NO_FAULTS: FaultOptions =
    FaultOptions { min_latency: Duration::ZERO, max_latency: Duration::ZERO, fault_percent: 0, seed: 1 };

/// How many numbers a test sets if a few are enough.
const FEW_NUMBERS: usize = 6;

/// How many numbers a test sets if several requests must be in flight at a time.
const MANY_NUMBERS: usize = 64;

/// The options with which strace prints what is written as a whole.
const WHOLE_WRITES: [&str; 2] = ["-s", "9000"];

/// Runs a command of pindesk under strace. `None` if strace is missing or not allowed.
fn run_under_strace(fixture: &CrashFixture, command: &Command, more: &[&str]) -> Option<(Output, String)> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip::missing_program("strace");
        return None;
    }
    let file = fixture.path("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "400", "-e", trace::STRACE_FILTER]).args(more).arg("-o").arg(&file);
    strace.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    let output = strace.output().expect("strace runs");
    let trace = fs::read_to_string(file).expect("a trace");
    if trace.is_empty() {
        skip::not_allowed("strace");
        return None;
    }
    Some((output, trace))
}

fn stderr_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn no_pin_is_sent_before_both_records_are_synced() {
    let fixture = CrashFixture::new(NO_FAULTS);
    let command = fixture.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
    let Some((output, trace)) = run_under_strace(&fixture, &command, &[]) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    let summary = trace::check_sync_before_send(&trace).expect("each send comes after its syncs");
    assert_eq!(summary.sends, FEW_NUMBERS);
    assert!(summary.syncs >= 2 * FEW_NUMBERS, "{summary:?}");
}

#[test]
fn each_of_many_pins_comes_after_its_own_syncs() {
    let fixture = CrashFixture::new(NO_FAULTS);
    let command = fixture.pin_set_command(0, MANY_NUMBERS, &["--concurrency", "16"]);
    let Some((output, trace)) = run_under_strace(&fixture, &command, &WHOLE_WRITES) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    assert_eq!(trace::check_own_sync_before_send(&trace), Ok(MANY_NUMBERS));
}

#[test]
fn a_sync_of_other_records_does_not_count() {
    let line =
        |change: &str, number: &str| format!(r#"{{\"v\":1,\"change\":\"{change}\",\"phone_number_id\":\"{number}\""#);
    let row = |change: &str| format!(r#"{{\"action\":\"intent\",\"change\":\"{change}\"}}"#);
    let post = |number: &str| format!(r#"1 sendto(9, "POST /v24.0/{number} HTTP/1.1\r\n", 20) = 20"#);
    let opened = [
        r#"1 openat(3, "escrow.jsonl", O_RDWR) = 5"#.to_owned(),
        r#"1 openat(3, "journal.db-wal", O_RDWR) = 6"#.to_owned(),
    ];
    let first = [
        format!(r#"2 write(5, "{}", 90) = 90"#, line("a-1", "201")),
        "2 fdatasync(5) = 0".to_owned(),
        format!(r#"2 pwrite64(6, "{}", 90, 0) = 90"#, row("a-1")),
        "2 fdatasync(6) = 0".to_owned(),
    ];
    let second = [
        format!(r#"2 write(5, "{}", 90) = 90"#, line("a-2", "202")),
        "2 fdatasync(5) = 0".to_owned(),
        format!(r#"2 pwrite64(6, "{}", 90, 0) = 90"#, row("a-2")),
    ];
    let synced = ["2 fdatasync(6) = 0".to_owned()];
    let check = |calls: &[&[String]]| trace::check_own_sync_before_send(&calls.concat().join("\n"));
    let (one, two) = ([post("201")], [post("202")]);
    assert_eq!(check(&[&opened, &first, &second, &one, &synced, &two]), Ok(2));
    let error = check(&[&opened, &first, &second, &one, &two, &synced]).expect_err("a send came before its sync");
    assert!(error.starts_with("202: journal.db-wal was not synced with change a-2"), "{error}");
    assert!(check(&[&opened, &first, &two]).is_err());
}

#[cfg(debug_assertions)]
#[test]
fn a_build_without_syncs_is_detected() {
    let fixture = CrashFixture::new(NO_FAULTS);
    let command = fixture.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1", "--without-sync"]);
    let Some((output, trace)) = run_under_strace(&fixture, &command, &[]) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    trace::check_sync_before_send(&trace).expect_err("a send came before its sync");
    let command = fixture.pin_set_command(1, MANY_NUMBERS, &["--concurrency", "16", "--without-sync"]);
    let Some((output, trace)) = run_under_strace(&fixture, &command, &WHOLE_WRITES) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    trace::check_own_sync_before_send(&trace).expect_err("a send came before its sync");
}

#[test]
fn a_failed_sync_stops_all_sends() {
    for nth in [1, 3, 5, 7, 9] {
        let fixture = CrashFixture::new(NO_FAULTS);
        let command = fixture.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
        let injection = format!("inject=fsync,fdatasync:error=EIO:when={nth}+");
        let Some((output, trace)) = run_under_strace(&fixture, &command, &["-e", &injection]) else { return };
        let summary = trace::check_sync_before_send(&trace).expect("no send after a failed sync");
        assert!(summary.sends < FEW_NUMBERS, "{nth}: {summary:?}");
        assert_eq!(summary.sends, fixture.graph.pin_requests());
        assert_eq!(output.status.code(), Some(6), "{nth}: {}", stderr_text(&output));
        let state = fixture.path("state");
        assert!(stderr_text(&output).contains(&*state.to_string_lossy()), "{nth}: {}", stderr_text(&output));
    }
}

#[test]
fn a_pin_only_in_the_escrow_is_in_doubt_in_its_job() {
    // The journal thread calls fdatasync only for the escrow file. Opening the journal makes some such calls, too.
    for nth in 1..20 {
        let mut fixture = CrashFixture::new(NO_FAULTS);
        let command = fixture.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
        let injection = format!("inject=fdatasync:signal=KILL:when={nth}");
        if run_under_strace(&fixture, &command, &["-e", &injection]).is_none() {
            return;
        }
        let encrypted = fixture.new_escrow_entries();
        let sent = fixture.graph.pin_requests();
        // Only one request is in flight at a time, so all earlier ones have an answer.
        if encrypted.len() <= sent {
            continue;
        }
        let [never_sent] = &encrypted[sent..] else { panic!("{nth}: {} encrypted, {sent} sent", encrypted.len()) };
        let result = |fixture: &CrashFixture| {
            let lines = fixture.run_json(0, &["jobs", "show", "1", "--json"]);
            let of_number = |line: &&Value| line["phone_number_id"] == never_sent.number;
            let line = lines.iter().find(of_number).expect("the number is in the job");
            (line["request"].clone(), line["change"].clone())
        };
        let left = (FEW_NUMBERS - encrypted.len()).to_string();
        fixture.run_json(0, &["jobs", "resume", "1", "--confirm", &left, "--json"]);
        assert_eq!(result(&fixture), (json!("no_answer"), json!(never_sent.change)));
        assert_eq!(fixture.graph.pin_requests(), FEW_NUMBERS - 1);
        assert_eq!(fixture.graph.pin_in_force(&never_sent.number), None);
        return;
    }
    panic!("no kill hit the moment between the two records");
}

/// Runs a script as root in its own mount namespace, with the state directory as `$1` and a free path as `$2`. `None`
/// if that is not allowed.
fn run_in_mount_namespace(fixture: &CrashFixture, script: &str, command: &Command) -> Option<Output> {
    let flags: &[&str] = if rustix::process::geteuid().is_root() { &["-m"] } else { &["-m", "-r"] };
    let probe = Command::new("unshare").args(flags).args(["sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skip::not_allowed("mounting in a private namespace (unshare, mount)");
        return None;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(flags).args(["sh", "-c", script, "sh"]).arg(fixture.path("state")).arg(fixture.path("copy"));
    unshare.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        unshare.env(name, value.unwrap_or_default());
    }
    Some(unshare.output().expect("unshare runs"))
}

/// Asserts that the message names the directory, and the bytes that are needed and free.
fn assert_reports_full_disk(output: &Output, state: &Path) {
    let message = stderr_text(output);
    assert!(message.contains(&*state.to_string_lossy()), "{message}");
    assert!(message.contains("(5242880 bytes needed, ") && message.contains(" bytes free)"), "{message}");
}

#[test]
fn a_full_disk_sends_nothing_and_is_named() {
    let fixture = CrashFixture::new(NO_FAULTS);
    let command = fixture.pin_set_command(0, FEW_NUMBERS, &[]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=256k,mode=700 none $1 && state=$1 && shift 2 \
        && head -c 250k /dev/zero > $state/ballast; chmod 600 $state/ballast; \"$@\"";
    let Some(output) = run_in_mount_namespace(&fixture, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_eq!(fixture.graph.pin_requests(), 0);
    assert_reports_full_disk(&output, &fixture.path("state"));
}

#[test]
fn a_disk_that_fills_up_loses_no_outcome() {
    let options = FaultOptions { max_latency: Duration::from_millis(30), ..NO_FAULTS };
    let fixture = CrashFixture::new(options);
    let command = fixture.pin_set_command(0, faulty_graph::NUMBERS_PER_WABA, &["--concurrency", "8"]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=5084k,mode=700 none $1 && state=$1 copy=$2 && shift 2 \
        && \"$@\"; code=$?; cp -r $state $copy; exit $code";
    let Some(output) = run_in_mount_namespace(&fixture, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_reports_full_disk(&output, &fixture.path("state"));
    let requests = fixture.graph.pin_requests();
    assert!(
        requests > 0 && requests < faulty_graph::NUMBERS_PER_WABA,
        "{requests} of {} were sent",
        faulty_graph::NUMBERS_PER_WABA
    );
    fs::rename(fixture.path("copy"), fixture.path("state")).expect("the copy replaces the directory");
    let results: Vec<Value> = fixture.last_job_lines(0);
    let numbers_with = |outcome: &str| -> HashSet<String> {
        let matching = results.iter().filter(|result| result["request"] == outcome);
        matching.map(|result| result["phone_number_id"].as_str().expect("a phone number ID").to_owned()).collect()
    };
    let all = (0..faulty_graph::NUMBERS_PER_WABA).map(|n| faulty_graph::number_id(0, n));
    let in_force: HashSet<String> = all.filter(|number| fixture.graph.pin_in_force(number).is_some()).collect();
    assert_eq!(numbers_with("set"), in_force, "the outcome of each sent request is recorded");
    assert_eq!(numbers_with("no_answer"), HashSet::new());
}

#[test]
fn a_read_only_state_directory_refuses_pin_set() {
    let fixture = CrashFixture::new(NO_FAULTS);
    let first = fixture.pin_set_command(0, FEW_NUMBERS, &[]).output().expect("the command runs");
    assert!(first.status.success(), "{}", stderr_text(&first));
    let command = fixture.pin_set_command(1, FEW_NUMBERS, &[]);
    let script = "mount --bind $1 $1 && mount -o remount,bind,ro $1 && shift 2 && \"$@\"";
    let Some(output) = run_in_mount_namespace(&fixture, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_eq!(fixture.graph.pin_requests(), FEW_NUMBERS);
    let list = fixture.command(1, &["numbers", "list", "--json"]);
    let output = run_in_mount_namespace(&fixture, script, &list).expect("unshare ran before");
    assert!(output.status.success(), "{}", stderr_text(&output));
}
