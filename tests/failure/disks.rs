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

use crate::support::company::Company;
use crate::support::judge::{self, Manners};
use crate::support::skip;
use crate::support::trace;

const PROMPT: Manners = Manners { fastest: Duration::ZERO, slowest: Duration::ZERO, faults_in_100: 0, seed: 1 };

/// Numbers that are set where a few will do.
const A_FEW: usize = 6;

/// Runs a command of the program's under strace.
fn traced(company: &Company, command: &Command, more: &[&str]) -> Option<(Output, String)> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip::missing("strace");
        return None;
    }
    let file = company.path("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "400", "-e", trace::CALLS]).args(more).arg("-o").arg(&file);
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

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn no_pin_leaves_before_both_its_records_are_synced() {
    let company = Company::found(PROMPT);
    let command = company.setting(0, A_FEW, &["--concurrency", "1"]);
    let Some((output, trace)) = traced(&company, &command, &[]) else { return };
    assert!(output.status.success(), "{}", told(&output));
    let order = trace::no_send_before_its_sync(&trace).expect("each send comes after its syncs");
    assert_eq!(order.sends, A_FEW);
    assert!(order.syncs >= 2 * A_FEW, "{order:?}");
}

#[cfg(debug_assertions)]
#[test]
fn a_build_that_does_not_sync_is_caught() {
    let company = Company::found(PROMPT);
    let command = company.setting(0, A_FEW, &["--concurrency", "1", "--without-sync"]);
    let Some((output, trace)) = traced(&company, &command, &[]) else { return };
    assert!(output.status.success(), "{}", told(&output));
    trace::no_send_before_its_sync(&trace).expect_err("a send came before its sync");
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_sent() {
    for nth in [1, 3, 5, 7, 9] {
        let company = Company::found(PROMPT);
        let command = company.setting(0, A_FEW, &["--concurrency", "1"]);
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={nth}+");
        let Some((output, trace)) = traced(&company, &command, &["-e", &fault]) else { return };
        let order = trace::no_send_before_its_sync(&trace).expect("no send after a failed sync");
        assert!(order.sends < A_FEW, "{nth}: {order:?}");
        assert_eq!(order.sends, company.judge.pin_requests());
        assert_eq!(output.status.code(), Some(6), "{nth}: {}", told(&output));
        let state = company.path("state");
        assert!(told(&output).contains(&*state.to_string_lossy()), "{nth}: {}", told(&output));
    }
}

#[test]
fn a_pin_that_was_sealed_and_not_journalled_when_the_program_died_is_in_doubt_in_its_job() {
    // The escrow file's are the only ones of this kind that the journal's thread makes; the opening makes some, too.
    for nth in 1..20 {
        let mut company = Company::found(PROMPT);
        let command = company.setting(0, A_FEW, &["--concurrency", "1"]);
        let kill = format!("inject=fdatasync:signal=KILL:when={nth}");
        if traced(&company, &command, &["-e", &kill]).is_none() {
            return;
        }
        let sealed = company.newly_sealed();
        let sent = company.judge.pin_requests();
        // One request is on its way at a time: each before it was answered.
        if sealed.len() <= sent {
            continue;
        }
        let [never_sent] = &sealed[sent..] else { panic!("{nth}: {} sealed, {sent} sent", sealed.len()) };
        let told = |company: &Company| {
            let lines = company.json_lines(0, &["jobs", "show", "1", "--json"]);
            let of_number = |line: &&Value| line["phone_number_id"] == never_sent.number;
            let line = lines.iter().find(of_number).expect("it is of the job");
            (line["request"].clone(), line["change"].clone())
        };
        let left = (A_FEW - sealed.len()).to_string();
        company.json_lines(0, &["jobs", "resume", "1", "--confirm", &left, "--json"]);
        assert_eq!(told(&company), (json!("no_answer"), json!(never_sent.change)));
        assert_eq!(company.judge.pin_requests(), A_FEW - 1);
        assert_eq!(company.judge.in_force(&never_sent.number), None);
        return;
    }
    panic!("no kill came between the two records");
}

/// Runs a script as root of a mount namespace of its own, with the state directory as `$1` and a free one as `$2`.
fn in_own_mounts(company: &Company, script: &str, command: &Command) -> Option<Output> {
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
fn assert_names_the_disk(output: &Output, state: &Path) {
    let told = told(output);
    assert!(told.contains(&*state.to_string_lossy()), "{told}");
    assert!(told.contains("free"), "{told}");
}

#[test]
fn on_a_full_disk_nothing_is_sent_and_the_directory_is_named() {
    let company = Company::found(PROMPT);
    let command = company.setting(0, A_FEW, &[]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=256k,mode=700 none $1 && state=$1 && shift 2 \
        && head -c 250k /dev/zero > $state/ballast; chmod 600 $state/ballast; \"$@\"";
    let Some(output) = in_own_mounts(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", told(&output));
    assert_eq!(company.judge.pin_requests(), 0);
    assert_names_the_disk(&output, &company.path("state"));
}

#[test]
fn when_the_disk_fills_up_nothing_more_is_sent_and_what_is_out_is_still_recorded() {
    let manners = Manners { slowest: Duration::from_millis(30), ..PROMPT };
    let company = Company::found(manners);
    let command = company.setting(0, judge::NUMBERS_A_WABA, &["--concurrency", "8"]);
    let script = "mkdir -m 700 $1 && mount -t tmpfs -o size=5084k,mode=700 none $1 && state=$1 copy=$2 && shift 2 \
        && \"$@\"; code=$?; cp -r $state $copy; exit $code";
    let Some(output) = in_own_mounts(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", told(&output));
    assert_names_the_disk(&output, &company.path("state"));
    let requests = company.judge.pin_requests();
    assert!(requests > 0 && requests < judge::NUMBERS_A_WABA, "{requests} of {} were sent", judge::NUMBERS_A_WABA);
    fs::rename(company.path("copy"), company.path("state")).expect("the copy takes its place");
    let results: Vec<Value> = company.job(0);
    let with = |word: &str| -> HashSet<String> {
        let found = results.iter().filter(|result| result["request"] == word);
        found.map(|result| result["phone_number_id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = (0..judge::NUMBERS_A_WABA).map(|n| judge::number(0, n));
    let in_force: HashSet<String> = all.filter(|number| company.judge.in_force(number).is_some()).collect();
    assert_eq!(with("set"), in_force, "each outcome of what was out is recorded");
    assert_eq!(with("no_answer"), HashSet::new());
}

#[test]
fn in_a_read_only_state_directory_nothing_can_be_set() {
    let company = Company::found(PROMPT);
    let first = company.setting(0, A_FEW, &[]).output().expect("it runs");
    assert!(first.status.success(), "{}", told(&first));
    let command = company.setting(1, A_FEW, &[]);
    let script = "mount --bind $1 $1 && mount -o remount,bind,ro $1 && shift 2 && \"$@\"";
    let Some(output) = in_own_mounts(&company, script, &command) else { return };
    assert_eq!(output.status.code(), Some(6), "{}", told(&output));
    assert_eq!(company.judge.pin_requests(), A_FEW);
    let list = company.pindesk(1, &["numbers", "list", "--json"]);
    let output = in_own_mounts(&company, script, &list).expect("it went before");
    assert!(output.status.success(), "{}", told(&output));
}
