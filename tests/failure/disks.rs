//! What has to be on the disk before a PIN leaves, and what happens where the disk fails: by strace, and on file systems made
//! for the purpose.
//!
//! Each test looks for the programs it needs (`strace`; `unshare` and `mount` of util-linux), and says so where they are
//! missing or not allowed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::company::CrashFixture;
use crate::support::judge::{self, FaultOptions};
use crate::support::skip;
use crate::support::trace;

const NO_FAULTS: FaultOptions =
    FaultOptions { min_latency: Duration::ZERO, max_latency: Duration::ZERO, fault_percent: 0, seed: 1 };

/// Numbers that are set where a few will do.
const FEW_NUMBERS: usize = 6;

/// Runs a command of the program's under strace.
fn run_under_strace(company: &CrashFixture, command: &Command, more: &[&str]) -> Option<(Output, String)> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip::missing_program("strace");
        return None;
    }
    let file = company.path("trace");
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
fn no_pin_leaves_before_both_its_records_are_synced() {
    let company = CrashFixture::new(NO_FAULTS);
    let command = company.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
    let Some((output, trace)) = run_under_strace(&company, &command, &[]) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    let order = trace::check_sync_before_send(&trace).expect("each send comes after its syncs");
    assert_eq!(order.sends, FEW_NUMBERS);
    assert!(order.syncs >= 2 * FEW_NUMBERS, "{order:?}");
}

#[cfg(debug_assertions)]
#[test]
fn a_build_that_does_not_sync_is_caught() {
    let company = CrashFixture::new(NO_FAULTS);
    let command = company.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1", "--without-sync"]);
    let Some((output, trace)) = run_under_strace(&company, &command, &[]) else { return };
    assert!(output.status.success(), "{}", stderr_text(&output));
    trace::check_sync_before_send(&trace).expect_err("a send came before its sync");
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_sent() {
    for nth in [1, 3, 5, 7, 9] {
        let company = CrashFixture::new(NO_FAULTS);
        let command = company.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={nth}+");
        let Some((output, trace)) = run_under_strace(&company, &command, &["-e", &fault]) else { return };
        let order = trace::check_sync_before_send(&trace).expect("no send after a failed sync");
        assert!(order.sends < FEW_NUMBERS, "{nth}: {order:?}");
        assert_eq!(order.sends, company.graph.pin_requests());
        assert_eq!(output.status.code(), Some(6), "{nth}: {}", stderr_text(&output));
        let state = company.path("state");
        assert!(stderr_text(&output).contains(&*state.to_string_lossy()), "{nth}: {}", stderr_text(&output));
    }
}

#[test]
fn a_pin_that_was_sealed_and_not_journalled_when_the_program_died_is_in_doubt_in_its_job() {
    // The escrow file's are the only ones of this kind that the journal's thread makes; the opening makes some, too.
    for nth in 1..20 {
        let mut company = CrashFixture::new(NO_FAULTS);
        let command = company.pin_set_command(0, FEW_NUMBERS, &["--concurrency", "1"]);
        let kill = format!("inject=fdatasync:signal=KILL:when={nth}");
        if run_under_strace(&company, &command, &["-e", &kill]).is_none() {
            return;
        }
        let sealed = company.new_escrow_entries();
        let sent = company.graph.pin_requests();
        // One request is on its way at a time: each before it was answered.
        if sealed.len() <= sent {
            continue;
        }
        let [never_sent] = &sealed[sent..] else { panic!("{nth}: {} sealed, {sent} sent", sealed.len()) };
        let told = |company: &CrashFixture| {
            let lines = company.run_json(0, &["jobs", "show", "1", "--json"]);
            let of_number = |line: &&Value| line["phone_number_id"] == never_sent.number;
            let line = lines.iter().find(of_number).expect("it is of the job");
            (line["request"].clone(), line["change"].clone())
        };
        let left = (FEW_NUMBERS - sealed.len()).to_string();
        company.run_json(0, &["jobs", "resume", "1", "--confirm", &left, "--json"]);
        assert_eq!(told(&company), (json!("no_answer"), json!(never_sent.change)));
        assert_eq!(company.graph.pin_requests(), FEW_NUMBERS - 1);
        assert_eq!(company.graph.pin_in_force(&never_sent.number), None);
        return;
    }
    panic!("no kill came between the two records");
}

/// Runs a script as root of a mount namespace of its own, with the state directory as `$1` and a free one as `$2`.
fn run_in_mount_namespace(company: &CrashFixture, script: &str, command: &Command) -> Option<Output> {
    let flags: &[&str] = if rustix::process::geteuid().is_root() { &["-m"] } else { &["-m", "-r"] };
    let may = Command::new("unshare").args(flags).args(["sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        skip::not_allowed("mounts of one's own (unshare, mount)");
        return None;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(flags).args(["sh", "-c", script, "sh"]).arg(company.path("state")).arg(company.path("copy"));
    unshare.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        unshare.env(name, value.unwrap_or_default());
    }
    Some(unshare.output().expect("unshare runs"))
}

/// The words in which a full disk is told: the directory, and the bytes free.
fn assert_reports_full_disk(output: &Output, state: &Path) {
    let told = stderr_text(output);
    assert!(told.contains(&*state.to_string_lossy()), "{told}");
    assert!(told.contains("free"), "{told}");
}

#[test]
fn on_a_full_disk_nothing_is_sent_and_the_directory_is_named() {
    let company = CrashFixture::new(NO_FAULTS);
    let command = company.pin_set_command(0, FEW_NUMBERS, &[]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=256k,mode=700 none $1 && state=$1 && shift 2 \
        && head -c 250k /dev/zero > $state/ballast; chmod 600 $state/ballast; \"$@\"";
    let Some(output) = run_in_mount_namespace(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_eq!(company.graph.pin_requests(), 0);
    assert_reports_full_disk(&output, &company.path("state"));
}

#[test]
fn when_the_disk_fills_up_nothing_more_is_sent_and_what_is_out_is_still_recorded() {
    let manners = FaultOptions { max_latency: Duration::from_millis(30), ..NO_FAULTS };
    let company = CrashFixture::new(manners);
    let command = company.pin_set_command(0, judge::NUMBERS_PER_WABA, &["--concurrency", "8"]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=5084k,mode=700 none $1 && state=$1 copy=$2 && shift 2 \
        && \"$@\"; code=$?; cp -r $state $copy; exit $code";
    let Some(output) = run_in_mount_namespace(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_reports_full_disk(&output, &company.path("state"));
    let requests = company.graph.pin_requests();
    assert!(requests > 0 && requests < judge::NUMBERS_PER_WABA, "{requests} of {} were sent", judge::NUMBERS_PER_WABA);
    fs::rename(company.path("copy"), company.path("state")).expect("the copy takes its place");
    let results: Vec<Value> = company.last_job_lines(0);
    let with = |word: &str| -> HashSet<String> {
        let found = results.iter().filter(|result| result["request"] == word);
        found.map(|result| result["phone_number_id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = (0..judge::NUMBERS_PER_WABA).map(|n| judge::number_id(0, n));
    let in_force: HashSet<String> = all.filter(|number| company.graph.pin_in_force(number).is_some()).collect();
    assert_eq!(with("set"), in_force, "each outcome of what was out is recorded");
    assert_eq!(with("no_answer"), HashSet::new());
}

#[test]
fn in_a_read_only_state_directory_nothing_can_be_set() {
    let company = CrashFixture::new(NO_FAULTS);
    let first = company.pin_set_command(0, FEW_NUMBERS, &[]).output().expect("it runs");
    assert!(first.status.success(), "{}", stderr_text(&first));
    let command = company.pin_set_command(1, FEW_NUMBERS, &[]);
    let script = "mount --bind $1 $1 && mount -o remount,bind,ro $1 && shift 2 && \"$@\"";
    let Some(output) = run_in_mount_namespace(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", stderr_text(&output));
    assert_eq!(company.graph.pin_requests(), FEW_NUMBERS);
    let list = company.command(1, &["numbers", "list", "--json"]);
    let output = run_in_mount_namespace(&company, script, &list).expect("it went before");
    assert!(output.status.success(), "{}", stderr_text(&output));
}
