//! The process of pindesk: its core limit and umask, whether other processes can read its memory and environment, and
//! which environment its child processes get.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::skip;

/// The user ID of `nobody`, because root may read every process.
const NOBODY_UID: &str = "65534";

/// A process that is killed when the test ends.
struct ChildGuard(Child);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // A process that ended by itself cannot be killed, but it is reaped in both cases.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A command that runs a program as an ordinary user. `None` if that is not possible, after a message.
fn as_unprivileged_user(program: &Path) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        return Some(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY_UID, "--regid", NOBODY_UID, "--clear-groups"]).arg(program).current_dir("/");
    let has_setpriv = Command::new("setpriv").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_setpriv {
        skip::missing_program("setpriv, which runs a program as another user,");
    }
    has_setpriv.then_some(command)
}

/// Starts a program with a secret in its environment, and waits until it prints a line.
fn start_with_secret(program: &Path, arguments: &[&str]) -> Option<ChildGuard> {
    let mut command = as_unprivileged_user(program)?;
    command.args(arguments).env("PASSWORD", "a-secret-in-the-environment").stdin(Stdio::piped());
    let mut child = ChildGuard(command.stdout(Stdio::piped()).spawn().expect("the process starts"));
    let mut line = String::new();
    let out = child.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    assert!(!line.is_empty(), "the process ended");
    Some(child)
}

/// True if an ordinary user can read this file of a process.
fn can_read(child: &ChildGuard, name: &str) -> bool {
    let file = format!("/proc/{}/{name}", child.0.id());
    let mut command = as_unprivileged_user(Path::new("head")).expect("setpriv exists");
    // Nothing is mapped at the start of the memory, so the test reads no byte. The system checks the permission at the
    // open.
    let bytes = if name == "mem" { "0" } else { "1" };
    command.args(["-c", bytes, &file]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the process starts").success()
}

fn status_field(child: &ChildGuard, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", child.0.id())).expect("the status is readable");
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.expect("the line exists").trim().to_owned()
}

#[test]
fn other_processes_cannot_read_memory_or_a_core_dump() {
    // The build directory may be closed to other users.
    let dir = TempDir::new().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("the mode is set");
    let program = dir.path().join("pindesk");
    fs::copy(env!("CARGO_BIN_EXE_pindesk"), &program).expect("the program is copied");

    let Some(ordinary) = start_with_secret(Path::new("sh"), &["-c", "echo ready; read -r _"]) else { return };
    assert!(can_read(&ordinary, "environ") && can_read(&ordinary, "mem"), "an ordinary process is not readable either");

    let pindesk = start_with_secret(&program, &["simulator", "--numbers", "1"]).expect("setpriv exists");
    assert!(!can_read(&pindesk, "environ"));
    assert!(!can_read(&pindesk, "mem"));
    assert!(can_read(&pindesk, "cmdline"), "the process does not exist");
    assert_eq!(status_field(&pindesk, "Umask"), "0077");
    let limits = fs::read_to_string(format!("/proc/{}/limits", pindesk.0.id())).expect("the limits are readable");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("the line exists");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
}

#[test]
fn a_token_command_gets_only_arguments_and_environment() {
    let dir = TempDir::new().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    let (environ, arguments) = (path("environ"), path("cmdline"));
    let config = path("config.toml");
    let copy = ["cp", "/proc/self/environ", "/proc/self/cmdline", dir.path().to_str().expect("a plain path")];
    fs::write(&config, format!("[profile.acme]\ntoken_command = {copy:?}\ngraph_url = \"http://127.0.0.1:1\"\n[[profile.acme.waba]]\nid = \"1\"\n"))
        .expect("a config file");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("the mode is set");

    let mut pindesk = Command::new(env!("CARGO_BIN_EXE_pindesk"));
    pindesk.env_clear().env("PATH", "/usr/bin:/bin").env("PINDESK_CONFIG", &config).env("LANG", "C");
    let output = pindesk.args(["numbers", "list"]).output().expect("the process starts");
    // The command prints nothing, which is not a token.
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
