//! The real program, seen by other processes: its core limit, its umask, what of its memory and environment can be read,
//! and what the processes get that it starts.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
}

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Nobody's user id: root may read what the user may not.
const NOBODY_UID: &str = "65534";

/// A process that is ended when the test is.
struct ChildGuard(Child);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end; it is reaped either way.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A program to be run by an ordinary user; `None`, and said so, where that cannot be done.
fn as_unprivileged_user(program: &Path) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        return Some(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY_UID, "--regid", NOBODY_UID, "--clear-groups"]).arg(program).current_dir("/");
    let can_be_run = Command::new("setpriv").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !can_be_run {
        support::skip::missing_program("setpriv, which runs a program as somebody else,");
    }
    can_be_run.then_some(command)
}

/// Starts the program with a secret in its environment, and waits until it says something.
fn start_with_secret(program: &Path, arguments: &[&str]) -> Option<ChildGuard> {
    let mut command = as_unprivileged_user(program)?;
    command.args(arguments).env("PASSWORD", "a-secret-in-the-environment").stdin(Stdio::piped());
    let mut child = ChildGuard(command.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut line = String::new();
    let out = child.0.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("a line");
    assert!(!line.is_empty(), "it ended");
    Some(child)
}

/// True if an ordinary user can read this file of a process.
fn can_read(child: &ChildGuard, name: &str) -> bool {
    let file = format!("/proc/{}/{name}", child.0.id());
    let mut command = as_unprivileged_user(Path::new("head")).expect("looked for before");
    // Nothing is mapped at the start of a memory, so opening it has to do: that is where the right to read it is judged.
    let bytes = if name == "mem" { "0" } else { "1" };
    command.args(["-c", bytes, &file]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it ran").success()
}

fn status_field(child: &ChildGuard, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", child.0.id())).expect("its status");
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.expect("such a line").trim().to_owned()
}

#[test]
fn no_other_process_of_the_user_can_read_its_memory_and_it_leaves_no_core() {
    // Where the program was built may be closed to others.
    let dir = TempDir::new().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    let program = dir.path().join("pindesk");
    fs::copy(env!("CARGO_BIN_EXE_pindesk"), &program).expect("a copy");

    let Some(ordinary) = start_with_secret(Path::new("sh"), &["-c", "echo ready; read -r _"]) else { return };
    assert!(can_read(&ordinary, "environ") && can_read(&ordinary, "mem"), "this test sees no difference");

    let pindesk = start_with_secret(&program, &["simulator", "--numbers", "1"]).expect("as before");
    assert!(!can_read(&pindesk, "environ"));
    assert!(!can_read(&pindesk, "mem"));
    assert!(can_read(&pindesk, "cmdline"), "it is not there");
    assert_eq!(status_field(&pindesk, "Umask"), "0077");
    let limits = fs::read_to_string(format!("/proc/{}/limits", pindesk.0.id())).expect("its limits");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("such a line");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
}

#[test]
fn a_token_command_gets_its_arguments_and_the_environment_and_nothing_more() {
    let dir = TempDir::new().expect("a temporary directory");
    let of_child = |name: &str| dir.path().join(name);
    let (environ, arguments) = (of_child("environ"), of_child("cmdline"));
    let config = of_child("config.toml");
    let copy = ["cp", "/proc/self/environ", "/proc/self/cmdline", dir.path().to_str().expect("a plain path")];
    fs::write(&config, format!("[profile.acme]\ntoken_command = {copy:?}\ngraph_url = \"http://127.0.0.1:1\"\n"))
        .expect("a config file");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("its mode");

    let mut pindesk = Command::new(env!("CARGO_BIN_EXE_pindesk"));
    pindesk.env_clear().env("PATH", "/usr/bin:/bin").env("PINDESK_CONFIG", &config).env("LANG", "C");
    let output = pindesk.args(["numbers", "list"]).output().expect("it ran");
    // The command said nothing, which is no token.
    assert_eq!(output.status.code(), Some(6), "{output:?}");

    let entries = |path: &Path| {
        let bytes = fs::read(path).expect("written by the command");
        let text = String::from_utf8(bytes).expect("text");
        let mut entries: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
        entries.sort();
        entries
    };
    let config = format!("PINDESK_CONFIG={}", config.display());
    assert_eq!(entries(&environ), ["LANG=C", "PATH=/usr/bin:/bin", &config]);
    let mut expected = copy.map(str::to_owned);
    expected.sort();
    assert_eq!(entries(&arguments), expected);
}
