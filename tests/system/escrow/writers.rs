//! Writing to `escrow.jsonl`: locks, syncs, and writes that fail.
//!
//! Some tests start this test program again as a child process, with their own name as the filter.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pindesk::escrow::{EscrowContents, EscrowFile};
use pindesk::state_dir::StateDir;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{EscrowFixture, LOCK_TIMEOUT, entries, find_tool};
use crate::support::child::test_path;
use crate::support::skip;

/// The state directory that a child process writes to: such a process runs the same test as its parent.
const WRITER_STATE_DIR_ENV: &str = "ESCROW_TEST_STATE_DIR";

/// Runs one test of this module again, in a child process that writes to this state directory.
fn spawn_test_process(name: &str, dir: &Path) -> Child {
    let program = std::env::current_exe().expect("this test program");
    let mut command = Command::new(program);
    command.args(["--exact", &test_path(module_path!(), name)]).env(WRITER_STATE_DIR_ENV, dir).stdout(Stdio::null());
    command.spawn().expect("a child process")
}

#[test]
fn groups_of_concurrent_writers_stay_together() {
    const GROUP: usize = 5;
    const ROUNDS: usize = 10;
    // All entries of a group are equal, so foreign entries between them show.
    let write = |dir: &StateDir| {
        let file = EscrowFile::open(dir).expect("opened");
        for _ in 0..ROUNDS {
            let group = vec![entries(1).remove(0); GROUP];
            let locked = file.lock(LOCK_TIMEOUT).expect("locked");
            // Two writes, so that only the lock keeps the group together.
            locked.append(&group[..2]).expect("appended");
            locked.append(&group[2..]).expect("appended");
        }
    };
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        return write(&StateDir::open(Path::new(&dir)).expect("a state directory"));
    }
    let fixture = EscrowFixture::new();
    let name = "groups_of_concurrent_writers_stay_together";
    let children: Vec<_> = (0..3).map(|_| spawn_test_process(name, fixture.state_dir.path())).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| write(&fixture.state_dir));
        }
    });
    for mut child in children {
        assert!(child.wait().expect("it ended").success());
    }
    let EscrowContents { entries, unreadable_lines, is_torn } = fixture.contents();
    assert_eq!((entries.len(), unreadable_lines, is_torn), (6 * ROUNDS * GROUP, Vec::new(), false));
    for group in entries.chunks(GROUP) {
        assert!(group.iter().all(|entry| *entry == group[0]), "another writer interrupted the group");
    }
}

#[test]
fn the_file_is_synced_after_each_group() {
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        let dir = StateDir::open(Path::new(&dir)).expect("a state directory");
        let file = EscrowFile::open(&dir).expect("opened");
        for _ in 0..2 {
            file.lock(LOCK_TIMEOUT).expect("locked").append(&entries(2)).expect("appended");
        }
        return;
    }
    let Some(mut strace) = find_tool("strace") else { return };
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().expect("it ran").success() {
        skip::not_allowed("strace");
        return;
    }
    let fixture = EscrowFixture::new();
    let trace = fixture.path("trace");
    let program = std::env::current_exe().expect("this test program");
    strace.args(["-f", "-qq", "-y", "-e", "trace=write,fsync,fdatasync", "-o"]).arg(&trace).arg(program);
    strace.args(["--exact", &test_path(module_path!(), "the_file_is_synced_after_each_group")]);
    let status =
        strace.env(WRITER_STATE_DIR_ENV, fixture.state_dir.path()).stdout(Stdio::null()).status().expect("it ran");
    assert!(status.success(), "{status}");
    // Each line of the trace is a call: the thread, the call with its file, and its result.
    let trace = fs::read_to_string(trace).expect("the trace");
    let parse_call = |call: &str| {
        let (name, rest) = call.split_once(' ')?.1.trim_start().split_once('(')?;
        let (file, result) = (rest.split_once('<')?.1.split_once('>')?.0, call.rsplit_once("= ")?.1);
        let file = Path::new(file).strip_prefix(fixture.temp_dir.path()).ok()?.file_name()?.to_str()?.to_owned();
        Some((name.to_owned(), file, !result.starts_with('-')))
    };
    let synced: Vec<_> = trace.lines().filter_map(parse_call).collect();
    let group = [("write", "escrow.jsonl"), ("fdatasync", "escrow.jsonl")];
    // The directory is synced before the first group, so that the name of the file survives a crash.
    let expected = [("fsync", "$HOME")].into_iter().chain(group).chain(group);
    assert_eq!(synced, expected.map(|(call, file)| (call.to_owned(), file.to_owned(), true)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_written_to_a_replaced_file() {
    let fixture = EscrowFixture::new();
    let file = EscrowFile::open(&fixture.state_dir).expect("opened");
    let refusal = || file.lock(LOCK_TIMEOUT).map(|_| ()).expect_err("a replaced file").to_string();
    let message = "escrow.jsonl was moved or replaced";
    let elsewhere = fixture.path("elsewhere");
    fs::rename(fixture.escrow_path(), &elsewhere).expect("moved away");
    assert_eq!(refusal(), message);
    fixture.append(&entries(1));
    assert_eq!(refusal(), message);
    assert_eq!(fs::read(&elsewhere).expect("the old file"), b"");
    fs::rename(&elsewhere, fixture.escrow_path()).expect("moved back");
    file.lock(LOCK_TIMEOUT).expect("locked").append(&entries(1)).expect("the escrow file is back");
    assert_eq!(fixture.contents().entries.len(), 1);
}

#[test]
fn a_group_that_does_not_fit_is_rolled_back() {
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        let dir = StateDir::open(Path::new(&dir)).expect("a state directory");
        let len = fs::metadata(dir.path().join("escrow.jsonl")).expect("the file").len();
        // A write stops at this size, as on a full disk. This process writes no other file.
        setrlimit(Resource::Fsize, Rlimit { current: Some(len + 1_000), maximum: None }).expect("a limit");
        let error = EscrowFile::open(&dir).expect("opened").lock(LOCK_TIMEOUT).expect("locked").append(&entries(5));
        let message = error.expect_err("it does not fit").to_string();
        assert!(message.starts_with("only 1000 of "), "{message}");
        return;
    }
    let fixture = EscrowFixture::new();
    fixture.append(&entries(2));
    let before = fs::read(fixture.escrow_path()).expect("the file");
    let mut child = spawn_test_process("a_group_that_does_not_fit_is_rolled_back", fixture.state_dir.path());
    assert!(child.wait().expect("it ended").success());
    assert_eq!(fs::read(fixture.escrow_path()).expect("the file"), before);
}

#[test]
fn waiting_for_the_lock_times_out_and_names_its_holder() {
    let fixture = EscrowFixture::new();
    let [holder, other] = [(); 2].map(|()| EscrowFile::open(&fixture.state_dir).expect("opened"));
    let held = holder.lock(Duration::ZERO).expect("the lock is free");
    let error = other.lock(Duration::from_millis(50)).map(|_| ()).expect_err("the lock is held");
    let (pid, path) = (std::process::id(), shell_quoted(&fixture.escrow_path()));
    assert_eq!(
        error.to_string(),
        format!(
            "process {pid} holds the lock on {path} and may be suspended. To resume it: kill -CONT {pid}. To end it after that: kill {pid}"
        )
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.lock(LOCK_TIMEOUT).map(drop));
        drop(held);
        waiting.join().expect("no panic").expect("the lock is free again");
    });
}

/// The path, quoted for a shell.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
