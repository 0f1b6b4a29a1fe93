//! The state directory and its files: they are private, and pindesk refuses them with advice if other users can reach
//! them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use pindesk::journal::{Journal, JournalOptions, JournalReader};
use pindesk::state_dir::StateDir;

use crate::support::child::test_path;
use crate::support::journal_fixture::{
    JournalFixture, START_TIME, assert_passed, child_command, fixture_from_parent, job_plan,
};
use crate::support::skip;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file exists").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

fn open_error(fixture: &JournalFixture, dir: &Path) -> String {
    fixture.without_temp_path(StateDir::open_or_create(dir).expect_err("the directory is refused"))
}

/// A fixture with a closed journal of one change.
async fn closed_journal() -> JournalFixture {
    let fixture = JournalFixture::new();
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(fixture.intent(job, 1, START_TIME)).await.expect("recorded");
    journal.close();
    fixture
}

#[test]
fn a_directory_is_created_private_with_its_parents() {
    let fixture = JournalFixture::new();
    let deep = fixture.temp_path().join("a/b/state");
    StateDir::open_or_create(&deep).expect("the directory is created");
    assert_eq!(["a", "a/b", "a/b/state"].map(|part| mode(&fixture.temp_path().join(part))), [0o700; 3]);
    let missing = StateDir::open(&fixture.state_path()).expect_err("opening never creates it");
    assert!(missing.is_missing(), "{missing}");
    assert!(!fixture.state_path().exists());
}

#[test]
fn a_directory_open_to_others_is_refused_with_a_chmod() {
    let fixture = JournalFixture::new();
    fixture.state_dir();
    for (wrong_mode, access) in [(0o755, "read"), (0o770, "read and write"), (0o701, "run"), (0o720, "write")] {
        set_mode(&fixture.state_path(), wrong_mode);
        let expected =
            format!("state directory ~/state: others can {access} it (mode {wrong_mode:04o}). Run: chmod 700 ~/state");
        assert_eq!(open_error(&fixture, &fixture.state_path()), expected);
        assert_eq!(mode(&fixture.state_path()), wrong_mode, "the mode is not changed without asking");
    }
}

#[test]
fn a_symlink_to_a_directory_is_refused() {
    let fixture = JournalFixture::new();
    fixture.state_dir();
    symlink("state", fixture.temp_path().join("link")).expect("the link is created");
    for name in ["link", "link/", "link/."] {
        assert_eq!(
            open_error(&fixture, &fixture.temp_path().join(name)),
            "state directory ~/link: it is a symbolic link. Use its target: --state-dir ~/state"
        );
    }
    fs::write(fixture.temp_path().join("file"), "").expect("a file");
    assert_eq!(
        open_error(&fixture, &fixture.temp_path().join("file")),
        "state directory ~/file: it is not a directory"
    );
    // A symbolic link above the directory is harmless, and SQLite has to work with it.
    let above = JournalFixture::new();
    symlink(fixture.temp_path(), above.temp_path().join("up")).expect("the link is created");
    StateDir::open_or_create(&above.temp_path().join("up/state")).expect("a good directory");
}

#[tokio::test]
async fn a_journal_opens_below_a_symlinked_parent() {
    let fixture = JournalFixture::new();
    symlink(fixture.temp_path(), fixture.temp_path().join("up")).expect("the link is created");
    let dir = StateDir::open_or_create(&fixture.temp_path().join("up/state")).expect("a good directory");
    let options = JournalOptions { dir, ..fixture.open_options() };
    Journal::open(options).expect("a good journal").0.close();
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        skip::not_allowed("changing the owner of a directory");
        return;
    }
    let fixture = JournalFixture::new();
    fixture.state_dir();
    chown(fixture.state_path(), Some(4321), None).expect("the owner is changed");
    assert_eq!(
        open_error(&fixture, &fixture.state_path()),
        "state directory ~/state: it belongs to user 4321. Run: sudo chown 0 ~/state"
    );
}

#[tokio::test]
async fn every_file_is_private_with_any_umask() {
    for umask in ["000", "022", "077"] {
        let fixture = JournalFixture::new();
        let script = format!("umask {umask} && exec \"$0\" \"$@\"");
        let child = child_command(&test_path(module_path!(), "child_creating_a_journal"), fixture.temp_path());
        let status = Command::new("sh")
            .args(["-c", &script])
            .arg(child.get_program())
            .args(child.get_args())
            .envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdout(Stdio::null())
            .status()
            .expect("a shell");
        assert!(status.success());
        assert_eq!(mode(&fixture.state_path()), 0o700, "umask {umask}");
        let mut names = Vec::new();
        for entry in fs::read_dir(fixture.state_path()).expect("readable") {
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

/// The child process of the test above. It exits with every file open.
#[tokio::test]
async fn child_creating_a_journal() {
    let Some(fixture) = fixture_from_parent() else { return };
    let (journal, _) = fixture.open();
    let job = journal.start_job(job_plan(&[1])).await.expect("recorded");
    journal.record_intent(fixture.intent(job, 1, START_TIME)).await.expect("recorded");
    std::process::exit(0);
}

#[tokio::test]
async fn a_file_that_others_can_reach_is_refused() {
    for name in ["journal.db", "escrow.jsonl", "audit.head", "reserve"] {
        let fixture = closed_journal().await;
        let path = fixture.state_file(name);
        set_mode(&path, 0o640);
        let expected =
            format!("state file ~/state/{name}: others can read it (mode 0640). Run: chmod 600 ~/state/{name}");
        assert_eq!(fixture.without_temp_path(fixture.try_open().expect_err("the file is refused")), expected);
        set_mode(&path, 0o600);

        fs::hard_link(&path, fixture.temp_path().join("second-name")).expect("the link is created");
        let expected = format!(
            "state file ~/state/{name}: it has 2 hard links. Run: cp -p ~/state/{name} ~/state/{name}.new && mv ~/state/{name}.new ~/state/{name}"
        );
        assert_eq!(fixture.without_temp_path(fixture.try_open().expect_err("the file is refused")), expected);
        fs::remove_file(&path).expect("removed");

        symlink(fixture.temp_path().join("second-name"), &path).expect("the link is created");
        let expected = format!(
            "state file ~/state/{name}: it is a symbolic link. Move its target here, or remove the link: rm ~/state/{name}"
        );
        assert_eq!(fixture.without_temp_path(fixture.try_open().expect_err("the file is refused")), expected);
        fs::remove_file(&path).expect("removed");

        fs::create_dir(&path).expect("a directory");
        let error = fixture.without_temp_path(fixture.try_open().expect_err("the file is refused"));
        assert!(
            error.starts_with(&format!("state file ~/state/{name}: ")) || error.contains("Is a directory"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_read_only_directory_can_be_read_and_not_changed() {
    let fixture = closed_journal().await;
    run_with_read_only_dir(&fixture, "child_with_a_read_only_directory");
}

#[tokio::test]
async fn a_leftover_wal_is_refused_in_a_read_only_directory() {
    let fixture = closed_journal().await;
    fs::write(fixture.state_file("journal.db-wal"), "left by a process that was killed").expect("written");
    set_mode(&fixture.state_file("journal.db-wal"), 0o600);
    run_with_read_only_dir(&fixture, "child_finding_a_leftover_wal");
}

/// Runs a test of this file in a process that may only read the state directory.
fn run_with_read_only_dir(fixture: &JournalFixture, test: &str) {
    let user = if rustix::process::geteuid().is_root() { 4321 } else { rustix::process::geteuid().as_raw() };
    let files = fs::read_dir(fixture.state_path()).expect("readable").map(|entry| entry.expect("an entry").path());
    for path in files.chain([fixture.state_path(), fixture.temp_path().to_owned()]) {
        chown(path, Some(user), None).expect("the owner is changed");
    }
    set_mode(&fixture.state_path(), 0o500);
    let child = child_command(&test_path(module_path!(), test), fixture.temp_path());
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=4321", "--clear-groups", "--"]).arg(child.get_program()).args(child.get_args());
        command.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    } else {
        child
    };
    match command.output() {
        Ok(output) => assert_passed(&output),
        Err(_) => skip::missing_program("setpriv, which runs a program as another user,"),
    }
}

/// The child process of the test above.
#[test]
fn child_with_a_read_only_directory() {
    let Some(fixture) = fixture_from_parent() else { return };
    let dir = fixture.state_dir();
    assert!(!dir.is_writable());
    let error = fixture.try_open().expect_err("nothing can be recorded");
    assert_eq!(
        fixture.without_temp_path(error),
        "state directory ~/state: it is not writable, so no PIN can be set. Numbers can still be listed"
    );
    let reader = JournalReader::open(&dir).expect("readable");
    assert_eq!(reader.jobs().expect("readable").len(), 1);
    assert_eq!(reader.verify_audit().expect("readable").map(|verified| verified.rows), Ok(3));
}

/// The child process of the test above.
#[test]
fn child_finding_a_leftover_wal() {
    let Some(fixture) = fixture_from_parent() else { return };
    let error = JournalReader::open(&fixture.state_dir()).expect_err("a part of the journal is in the WAL");
    assert_eq!(
        fixture.without_temp_path(error),
        "journal in ~/state: it was not closed cleanly, and the directory is not writable. Copy the directory, and read the copy: --state-dir COPY"
    );
}
