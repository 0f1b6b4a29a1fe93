//! The demo: it uses its own state directory, shows how to decrypt its escrow, and removes its files when it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::pty::{ProcessExit, PtySession};

/// A menu takes no key in the moment in which it opens.
const QUIET_TIME: Duration = Duration::from_millis(300);

/// Wide enough for a command with paths in it.
const WIDE_SIZE: (u16, u16) = (400, 24);

/// Starts the demo with its temporary directories below `home`.
fn start_demo(home: &Path, flags: &[&str]) -> PtySession {
    let home = home.to_str().expect("UTF-8");
    let env =
        [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("HOME", home), ("TMPDIR", home)];
    let arguments = [&["--demo", "--demo-numbers", "50", "--demo-latency", "0"][..], flags].concat();
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &arguments, WIDE_SIZE, &env);
    session.wait_for("All 50 numbers");
    session.wait_for("Read 50 numbers. Rows 3 to 8 go wrong on purpose: their names say how.");
    session.wait_for("Silent Ltd (no answer)");
    session
}

/// The paths in a directory.
fn dir_entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).expect("the directory is readable").map(|entry| entry.expect("an entry").path()).collect()
}

/// Runs the command that the messages page shows, with JSON output.
fn open_escrow(dir: &Path) -> Output {
    let (dir, key) = (dir.to_str().expect("UTF-8"), dir.join("key.txt"));
    let arguments = ["escrow", "open", "--json", "--state-dir", dir, "--identity", key.to_str().expect("UTF-8")];
    Command::new(env!("CARGO_BIN_EXE_pindesk")).args(arguments).env_clear().output().expect("the process starts")
}

#[test]
fn the_demo_shows_how_to_decrypt_and_removes_its_files() {
    for exit_signal in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let home = TempDir::new().expect("a temporary directory");
        let mut session = start_demo(home.path(), &[]);
        let [dir] = &dir_entries(home.path())[..] else { panic!("one directory: {:?}", dir_entries(home.path())) };
        session.send("c");
        session.wait_for("Copy a value of");
        session.wait_until_quiet(QUIET_TIME);
        session.send("5");
        let (state_dir, key) = (dir.display(), dir.join("key.txt"));
        session.wait_for(&format!("pindesk escrow open --state-dir {state_dir} --identity {}", key.display()));
        let opened = open_escrow(dir);
        assert!(opened.status.success(), "{opened:?}");
        match exit_signal {
            None => session.send("qqq"),
            Some(signal) => session.kill(signal),
        }
        let code = exit_signal.map_or(0, |signal| 128 + u32::try_from(signal.as_raw()).expect("small"));
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_eq!(dir_entries(home.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_named_demo_directory_is_kept() {
    let home = TempDir::new().expect("a temporary directory");
    let named = home.path().join("named");
    let flags = ["--state-dir", named.to_str().expect("UTF-8")];
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut session = start_demo(home.path(), &flags);
        session.send("q");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
        keys.push(fs::read_to_string(named.join("key.txt")).expect("the key"));
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(dir_entries(home.path()), std::slice::from_ref(&named));
    fs::remove_file(named.join("key.txt")).expect("the file exists");
    let arguments = ["--demo", "--state-dir", named.to_str().expect("UTF-8")];
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &arguments, WIDE_SIZE, &[("TERM", "xterm")]);
    session.wait_for("is the state directory of real numbers, not of a demo");
    session.wait_for("Name another directory.");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(6));
    assert!(!named.join("key.txt").exists());
}
