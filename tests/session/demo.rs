//! The demo: it keeps its records in a directory of its own, says how to open its escrow, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::pty::{ProcessExit, PtySession};

/// Wide enough for a command with paths in it.
const WIDE_SIZE: (u16, u16) = (300, 24);

/// Starts the demo where its temporary directories are ours to look at.
fn start_demo(home: &Path, flags: &[&str]) -> PtySession {
    let home = home.to_str().expect("UTF-8");
    let env =
        [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("HOME", home), ("TMPDIR", home)];
    let arguments = [&["--demo", "--demo-numbers", "50", "--demo-latency", "0"][..], flags].concat();
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &arguments, WIDE_SIZE, &env);
    session.wait_for("Showing 50 of 50");
    session.wait_for("Read 50 numbers.");
    session
}

/// What lies in a directory.
fn dir_entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
}

/// Runs the command that the messages page shows, for scripts.
fn open_escrow(dir: &Path) -> Output {
    let (dir, key) = (dir.to_str().expect("UTF-8"), dir.join("key.txt"));
    let arguments = ["escrow", "open", "--json", "--state-dir", dir, "--identity", key.to_str().expect("UTF-8")];
    Command::new(env!("CARGO_BIN_EXE_pindesk")).args(arguments).env_clear().output().expect("a process")
}

#[test]
fn the_demo_says_how_to_open_its_escrow_and_its_directory_goes_with_it() {
    for leave in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let home = TempDir::new().expect("a directory");
        let mut session = start_demo(home.path(), &[]);
        let [dir] = &dir_entries(home.path())[..] else { panic!("one directory: {:?}", dir_entries(home.path())) };
        session.send("m");
        let (shown, key) = (dir.display(), dir.join("key.txt"));
        session.wait_for(&format!("pindesk escrow open --state-dir {shown} --identity {}", key.display()));
        let opened = open_escrow(dir);
        assert!(opened.status.success(), "{opened:?}");
        match leave {
            None => session.send("qq"),
            Some(signal) => session.kill(signal),
        }
        let code = leave.map_or(0, |signal| 128 + u32::try_from(signal.as_raw()).expect("small"));
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_eq!(dir_entries(home.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_directory_that_was_named_stays_with_its_key_and_one_that_is_no_demos_is_left_alone() {
    let home = TempDir::new().expect("a directory");
    let kept = home.path().join("kept");
    let flags = ["--state-dir", kept.to_str().expect("UTF-8")];
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut session = start_demo(home.path(), &flags);
        session.send("q");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
        keys.push(fs::read_to_string(kept.join("key.txt")).expect("the key"));
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(dir_entries(home.path()), std::slice::from_ref(&kept));
    fs::remove_file(kept.join("key.txt")).expect("it was there");
    let arguments = ["--demo", "--state-dir", kept.to_str().expect("UTF-8")];
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &arguments, WIDE_SIZE, &[("TERM", "xterm")]);
    session.wait_for("is the state directory of real numbers, not of a demo");
    session.wait_for("Name another directory.");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(6));
    assert!(!kept.join("key.txt").exists());
}
