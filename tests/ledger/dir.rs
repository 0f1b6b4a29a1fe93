//! The state directory and its files: who may have them, and what is said where others might.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use pindesk::state_dir::StateDir;

use crate::support::records::{
    JournalFixture, START_TIME, assert_passed, child_command, fixture_from_parent, job_plan,
};
use crate::support::skip;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
}

fn open_error(desk: &JournalFixture, dir: &Path) -> String {
    desk.without_temp_path(StateDir::open_or_create(dir).expect_err("it is refused"))
}

/// A desk with a journal that was closed.
async fn closed_journal() -> JournalFixture {
    let desk = JournalFixture::new();
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(desk.intent(job, 1, START_TIME)).await.expect("recorded");
    journal.close();
    desk
}

#[test]
fn a_directory_is_made_for_its_owner_alone_with_those_above_it() {
    let desk = JournalFixture::new();
    let deep = desk.temp_path().join("a/b/state");
    StateDir::open_or_create(&deep).expect("made");
    assert_eq!(["a", "a/b", "a/b/state"].map(|part| mode(&desk.temp_path().join(part))), [0o700; 3]);
    let missing = StateDir::open(&desk.state_path()).expect_err("it is never made by reading");
    assert!(missing.is_missing(), "{missing}");
    assert!(!desk.state_path().exists());
}

#[test]
fn a_directory_that_lets_others_in_is_refused_with_the_command_that_shuts_it() {
    let desk = JournalFixture::new();
    desk.state_dir();
    for (wrong, deed) in [(0o755, "read"), (0o770, "read and write"), (0o701, "run"), (0o720, "write")] {
        set_mode(&desk.state_path(), wrong);
        let expected =
            format!("state directory ~/state: others can {deed} it (mode {wrong:04o}). Run: chmod 700 ~/state");
        assert_eq!(open_error(&desk, &desk.state_path()), expected);
        assert_eq!(mode(&desk.state_path()), wrong, "it is not mended in silence");
    }
}

#[test]
fn a_link_to_a_directory_is_refused_and_the_directory_is_named() {
    let desk = JournalFixture::new();
    desk.state_dir();
    symlink("state", desk.temp_path().join("link")).expect("a link");
    for name in ["link", "link/", "link/."] {
        assert_eq!(
            open_error(&desk, &desk.temp_path().join(name)),
            "state directory ~/link: it is a symbolic link. Name the directory itself: --state-dir ~/state"
        );
    }
    fs::write(desk.temp_path().join("file"), "").expect("a file");
    assert_eq!(open_error(&desk, &desk.temp_path().join("file")), "state directory ~/file: it is not a directory");
    // A link above it is nobody's harm, and SQLite has to bear with it.
    let above = JournalFixture::new();
    symlink(desk.temp_path(), above.temp_path().join("up")).expect("a link");
    StateDir::open_or_create(&above.temp_path().join("up/state")).expect("a good directory");
}

#[tokio::test]
async fn a_journal_opens_below_a_linked_directory() {
    let desk = JournalFixture::new();
    symlink(desk.temp_path(), desk.temp_path().join("up")).expect("a link");
    let dir = StateDir::open_or_create(&desk.temp_path().join("up/state")).expect("a good directory");
    let opening = pindesk::journal::JournalOptions { dir, ..desk.open_options() };
    pindesk::journal::Journal::open(opening).expect("a good journal").0.close();
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        skip::not_allowed("to give a directory away");
        return;
    }
    let desk = JournalFixture::new();
    desk.state_dir();
    std::os::unix::fs::chown(desk.state_path(), Some(4321), None).expect("given away");
    assert_eq!(
        open_error(&desk, &desk.state_path()),
        "state directory ~/state: it belongs to user 4321. Run: sudo chown 0 ~/state"
    );
}

#[tokio::test]
async fn every_file_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let desk = JournalFixture::new();
        let test = format!("umask {umask} && exec \"$0\" \"$@\"");
        let run = child_command("ledger::dir::a_process_that_makes_a_journal", desk.temp_path());
        let status = std::process::Command::new("sh")
            .args(["-c", &test])
            .arg(run.get_program())
            .args(run.get_args())
            .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdout(std::process::Stdio::null())
            .status()
            .expect("a shell");
        assert!(status.success());
        assert_eq!(mode(&desk.state_path()), 0o700, "umask {umask}");
        let mut names = Vec::new();
        for entry in fs::read_dir(desk.state_path()).expect("readable") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            assert_eq!(mode(&entry.path()), 0o600, "umask {umask}: {name}");
            names.push(name);
        }
        names.sort();
        let stem = |name: &String| name.split_once("running.").map_or(name.clone(), |_| "running".to_owned());
        let expected =
            ["audit.head", "escrow.jsonl", "journal.db", "journal.db-shm", "journal.db-wal", "reserve", "running"];
        assert_eq!(names.iter().map(stem).collect::<Vec<_>>(), expected);
    }
}

/// Works for the test above: it is killed with everything open.
#[tokio::test]
async fn a_process_that_makes_a_journal() {
    let Some(desk) = fixture_from_parent() else { return };
    let (journal, _) = desk.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(desk.intent(job, 1, START_TIME)).await.expect("recorded");
    std::process::exit(0);
}

#[tokio::test]
async fn a_file_that_others_could_reach_is_refused() {
    for name in ["journal.db", "escrow.jsonl", "audit.head", "reserve"] {
        let desk = closed_journal().await;
        let path = desk.state_file(name);
        set_mode(&path, 0o640);
        let expected =
            format!("state file ~/state/{name}: others can read it (mode 0640). Run: chmod 600 ~/state/{name}");
        assert_eq!(desk.without_temp_path(desk.try_open().expect_err("refused")), expected);
        set_mode(&path, 0o600);

        fs::hard_link(&path, desk.temp_path().join("second-name")).expect("a link");
        let expected = format!(
            "state file ~/state/{name}: it has 2 names, so others may reach it by another. \
             Run: cp -p ~/state/{name} ~/state/{name}.new && mv ~/state/{name}.new ~/state/{name}"
        );
        assert_eq!(desk.without_temp_path(desk.try_open().expect_err("refused")), expected);
        fs::remove_file(&path).expect("removed");

        symlink(desk.temp_path().join("second-name"), &path).expect("a link");
        let expected = format!(
            "state file ~/state/{name}: it is a symbolic link. Move the file itself here, or remove the \
             link: rm ~/state/{name}"
        );
        assert_eq!(desk.without_temp_path(desk.try_open().expect_err("refused")), expected);
        fs::remove_file(&path).expect("removed");

        fs::create_dir(&path).expect("a directory");
        let told = desk.without_temp_path(desk.try_open().expect_err("refused"));
        assert!(told.starts_with(&format!("state file ~/state/{name}: ")) || told.contains("Is a directory"), "{told}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_read_and_nothing_is_set() {
    let desk = closed_journal().await;
    run_with_read_only_dir(&desk, "a_process_that_may_only_read");
}

#[tokio::test]
async fn what_was_left_in_the_middle_cannot_be_read_where_nothing_can_be_written() {
    let desk = closed_journal().await;
    fs::write(desk.state_file("journal.db-wal"), "left by a process that was killed").expect("written");
    set_mode(&desk.state_file("journal.db-wal"), 0o600);
    run_with_read_only_dir(&desk, "a_process_that_finds_work_unfinished");
}

/// Runs a test of this file in a process that may read the desk's directory, and no more.
fn run_with_read_only_dir(desk: &JournalFixture, test: &str) {
    let user = if rustix::process::geteuid().is_root() { 4321 } else { rustix::process::geteuid().as_raw() };
    let files = fs::read_dir(desk.state_path()).expect("readable").map(|entry| entry.expect("an entry").path());
    for path in files.chain([desk.state_path(), desk.temp_path().to_owned()]) {
        std::os::unix::fs::chown(path, Some(user), None).expect("given away");
    }
    set_mode(&desk.state_path(), 0o500);
    let run = child_command(&format!("ledger::dir::{test}"), desk.temp_path());
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=4321", "--clear-groups", "--"]).arg(run.get_program()).args(run.get_args());
        command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    } else {
        run
    };
    match command.output() {
        Ok(output) => assert_passed(&output),
        Err(_) => skip::missing_program("setpriv, which runs a program as somebody else,"),
    }
}

/// Works for the test above.
#[test]
fn a_process_that_may_only_read() {
    let Some(desk) = fixture_from_parent() else { return };
    let dir = desk.state_dir();
    assert!(!dir.is_writable());
    let error = desk.try_open().expect_err("nothing can be recorded");
    assert_eq!(
        desk.without_temp_path(error),
        "state directory ~/state: it cannot be written, so nothing can be set. Numbers can still be listed"
    );
    let reader = pindesk::journal::JournalReader::open(&dir).expect("readable");
    assert_eq!(reader.jobs().expect("readable").len(), 1);
    assert_eq!(reader.verify_audit().expect("readable").map(|verified| verified.rows), Ok(3));
}

/// Works for the test above.
#[test]
fn a_process_that_finds_work_unfinished() {
    let Some(desk) = fixture_from_parent() else { return };
    let error = pindesk::journal::JournalReader::open(&desk.state_dir()).expect_err("part of it is elsewhere");
    assert_eq!(
        desk.without_temp_path(error),
        "journal in ~/state: it was left in the middle, and the directory cannot be written. Copy it to a place of your \
         own, and read it there: --state-dir COPY"
    );
}
