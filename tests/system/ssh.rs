//! A real SSH connection that is lost: the console sends nothing more, awaits and records the request in flight, and
//! ends. Its audit log names the SSH connection.
//!
//! An `sshd` serves one connection on loopback, with keys that the test creates. Without `sshd` the tests skip
//! themselves.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::pty::PtySession;
use crate::support::signals;
use crate::support::skip;
use crate::support::terminal_fixture::{TerminalFixture, confirm, open_confirmation};

const SSHD: &str = "/usr/sbin/sshd";

/// How long an answer takes: long enough to lose the connection before it.
const LATENCY: Duration = Duration::from_secs(2);

/// How long the console may take to end after the connection is lost.
const EXIT_TIMEOUT: Duration = Duration::from_secs(40);

/// The keys and the configuration of one SSH server.
struct SshFixture(TempDir);

impl SshFixture {
    /// `None` without sshd, after a message.
    fn try_new() -> Option<Self> {
        if !Path::new(SSHD).exists() || Command::new("ssh").arg("-V").output().is_err() {
            skip::missing_program("sshd or ssh");
            return None;
        }
        let ssh = Self(TempDir::new().expect("a temporary directory"));
        for key in ["host", "user"] {
            let keygen =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(ssh.path(key)).status();
            assert!(keygen.is_ok_and(|status| status.success()), "ssh-keygen fails");
        }
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            ssh.path("host").display(),
            ssh.path("user.pub").display()
        );
        fs::write(ssh.path("sshd_config"), config).expect("the file is written");
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("the directory that sshd needs as root");
        }
        Some(ssh)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Serves one connection and returns its port.
    fn serve_one_connection(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (config, log) = (self.path("sshd_config"), self.path("sshd.log"));
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the client connects");
            let stream = OwnedFd::from(stream);
            let copy = stream.try_clone().expect("a descriptor");
            signals::reset_ignored_signals();
            let mut sshd = Command::new(SSHD);
            sshd.args(["-i", "-f"]).arg(config).arg("-E").arg(log).stdin(Stdio::from(stream)).stdout(Stdio::from(copy));
            let mut child: Child = sshd.spawn().expect("sshd starts");
            drop(sshd);
            child.wait().expect("the process ends");
        });
        port
    }

    /// Runs a shell script over SSH, with a terminal.
    fn run(&self, script: &str) -> PtySession {
        let port = self.serve_one_connection().to_string();
        let key = self.path("user");
        let user = user_name();
        let target = format!("{user}@127.0.0.1");
        let arguments = [
            "-tt",
            "-F",
            "none",
            "-p",
            &port,
            "-i",
            key.to_str().expect("UTF-8"),
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentitiesOnly=yes",
            &target,
            script,
        ];
        PtySession::spawn("ssh", &arguments, (80, 24), &[("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")])
    }
}

/// The name of the user that runs the tests.
fn user_name() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The process of the console, found by its config file.
fn find_program(config: &Path) -> Pid {
    let config_path = config.to_str().expect("UTF-8");
    let pid_found = fs::read_dir("/proc").expect("/proc is readable").flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        let arguments: Vec<&str> =
            arguments.split(|byte| *byte == 0).filter_map(|argument| std::str::from_utf8(argument).ok()).collect();
        (arguments.first()?.ends_with("pindesk") && arguments.contains(&config_path)).then(|| Pid::from_raw(pid))?
    });
    pid_found.expect("the console runs")
}

/// The CPU time that a process has used, in clock ticks.
fn cpu_ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].iter().filter_map(|n| fields.get(*n)?.parse::<u64>().ok()).sum()
}

fn json_lines(output: std::process::Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Loses the connection while a request is in flight. `before` runs first, in the same shell.
fn lose_connection_while_sending(before: &str) {
    let Some(ssh) = SshFixture::try_new() else { return };
    let fixture = TerminalFixture::new(LATENCY, "");
    let program = env!("CARGO_BIN_EXE_pindesk");
    let (home, config) = (fixture.temp_path().display().to_string(), fixture.temp_path().join("config.toml"));
    let script = format!("{before} HOME={home} LANG=C.UTF-8 exec {program} --config {}", config.display());
    let mut session = ssh.run(&script);
    session.wait_for("Read 200 numbers.");
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for("~ sending");
    let pid = find_program(&config);
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("a process descriptor");
    let before = cpu_ticks(pid);
    session.kill(Signal::KILL);
    let mut used = before;
    let mut time_left = EXIT_TIMEOUT;
    let step = Duration::from_millis(100);
    // The CPU time is only readable while the process exists.
    while poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&Timespec::try_from(step).expect("a short time")))
        == Ok(0)
    {
        used = used.max(cpu_ticks(pid));
        time_left = time_left.checked_sub(step).expect("the console ends in time");
    }
    assert!(used - before < 50, "it spun for {} ticks", used - before);
    assert_eq!(fixture.pin_requests(), 1);

    let command = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("HOME", fixture.temp_path()).output().expect("the process starts")
    };
    let results = json_lines(command(&["jobs", "show", "1", "--json"]));
    let number_results: Vec<&Value> = results.iter().filter(|line| line["event"] == "result").collect();
    assert_eq!(number_results.len(), 1, "{results:?}");
    assert_eq!(number_results[0]["request"], "set", "{results:?}");
    let shown = json_lines(command(&["audit", "show", "--json"]));
    let last = shown[0]["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert!(
        last["claimed"]["ssh_connection"].as_str().is_some_and(|connection| connection.contains("127.0.0.1")),
        "{last}"
    );
    assert!(last["tty"].as_str().is_some_and(|tty| tty.starts_with("/dev/pts/")), "{last}");
}

#[test]
fn a_lost_ssh_connection_loses_no_outcome() {
    lose_connection_while_sending("");
}

#[test]
fn a_lost_ssh_connection_ends_it_with_sighup_ignored() {
    lose_connection_while_sending("trap '' HUP;");
}
