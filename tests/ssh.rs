//! Over a real SSH connection that is lost: nothing more is sent, what was on its way is waited for and recorded, and the
//! program is gone. Its audit tells who it was.
//!
//! An `sshd` serves one connection on loopback, with keys made for the test. Where it is missing, that is said.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod office;
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod pty;
    pub(crate) mod served;
    pub(crate) mod signals;
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
}

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

use support::office::{TerminalFixture, confirm, open_confirmation};
use support::pty::PtySession;
use support::signals;
use support::skip;

const SSHD: &str = "/usr/sbin/sshd";

/// How long an answer takes: long enough to lose the line meanwhile.
const LATENCY: Duration = Duration::from_secs(2);

/// The latest that the program may be gone after the line was lost.
const EXIT_TIMEOUT: Duration = Duration::from_secs(40);

/// Keys and settings for one SSH server.
struct SshFixture(TempDir);

impl SshFixture {
    /// `None` where there is no sshd, which is said.
    fn try_new() -> Option<Self> {
        if !Path::new(SSHD).exists() || Command::new("ssh").arg("-V").output().is_err() {
            skip::missing_program("sshd or ssh");
            return None;
        }
        let ssh = Self(TempDir::new().expect("a directory"));
        for key in ["host", "user"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(ssh.path(key)).status();
            assert!(made.is_ok_and(|status| status.success()), "ssh-keygen makes a key");
        }
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            ssh.path("host").display(),
            ssh.path("user.pub").display()
        );
        fs::write(ssh.path("sshd_config"), settings).expect("it is written");
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("the directory that sshd wants of root");
        }
        Some(ssh)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Serves one connection, and says at which port.
    fn serve_one_connection(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (settings, log) = (self.path("sshd_config"), self.path("sshd.log"));
        thread::spawn(move || {
            let (line, _) = listener.accept().expect("the client comes");
            let line = OwnedFd::from(line);
            let copy = line.try_clone().expect("a descriptor");
            signals::reset_ignored_signals();
            let mut sshd = Command::new(SSHD);
            sshd.args(["-i", "-f"]).arg(settings).arg("-E").arg(log).stdin(Stdio::from(line)).stdout(Stdio::from(copy));
            let mut child: Child = sshd.spawn().expect("sshd starts");
            drop(sshd);
            child.wait().expect("it ends");
        });
        port
    }

    /// Runs a shell script at the other end, with a terminal.
    fn run(&self, script: &str) -> PtySession {
        let port = self.serve_one_connection().to_string();
        let key = self.path("user");
        let user = user_name();
        let target = format!("{user}@127.0.0.1");
        let words = [
            "-tt",
            "-F",
            "none",
            "-p",
            &port,
            "-i",
            key.to_str().expect("of UTF-8"),
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
        PtySession::spawn("ssh", &words, (80, 24), &[("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")])
    }
}

/// The name of the user that runs the tests.
fn user_name() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The console's process, known by its config file.
fn find_program(config: &Path) -> Pid {
    let wanted = config.to_str().expect("of UTF-8");
    let found = fs::read_dir("/proc").expect("there is /proc").flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&str> =
            words.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok()).collect();
        (words.first()?.ends_with("pindesk") && words.contains(&wanted)).then(|| Pid::from_raw(pid))?
    });
    found.expect("the console runs")
}

/// Clock ticks of processor time that a process has used.
fn cpu_ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].iter().filter_map(|n| fields.get(*n)?.parse::<u64>().ok()).sum()
}

fn json_lines(output: std::process::Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Loses the connection while a request is on its way; `before` runs in the shell first.
fn lose_connection_while_sending(before: &str) {
    let Some(ssh) = SshFixture::try_new() else { return };
    let office = TerminalFixture::new(LATENCY, "");
    let program = env!("CARGO_BIN_EXE_pindesk");
    let (home, config) = (office.temp_path().display().to_string(), office.temp_path().join("config.toml"));
    let script = format!("{before} HOME={home} LANG=C.UTF-8 exec {program} --config {}", config.display());
    let mut session = ssh.run(&script);
    session.wait_for("Read 200 numbers.");
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for("~ sending");
    let pid = find_program(&config);
    let its_end = pidfd_open(pid, PidfdFlags::empty()).expect("a descriptor of a process");
    let before = cpu_ticks(pid);
    session.kill(Signal::KILL);
    let mut used = before;
    let mut left = EXIT_TIMEOUT;
    let step = Duration::from_millis(100);
    // Looks at the time it uses while it still runs.
    while poll(&mut [PollFd::new(&its_end, PollFlags::IN)], Some(&Timespec::try_from(step).expect("short"))) == Ok(0) {
        used = used.max(cpu_ticks(pid));
        left = left.checked_sub(step).expect("it is gone in time");
    }
    assert!(used - before < 50, "it spun for {} ticks", used - before);
    assert_eq!(office.pin_requests(), 1);

    let command = |words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).env("HOME", office.temp_path()).output().expect("it runs")
    };
    let results = json_lines(command(&["jobs", "show", "1", "--json"]));
    let of_numbers: Vec<&Value> = results.iter().filter(|line| line["event"] == "result").collect();
    assert_eq!(of_numbers.len(), 1, "{results:?}");
    assert_eq!(of_numbers[0]["request"], "set", "{results:?}");
    let shown = json_lines(command(&["audit", "show", "--json"]));
    let last = shown[0]["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert!(last["claimed"]["ssh_connection"].as_str().is_some_and(|claim| claim.contains("127.0.0.1")), "{last}");
    assert!(last["tty"].as_str().is_some_and(|tty| tty.starts_with("/dev/pts/")), "{last}");
}

#[test]
fn a_lost_ssh_connection_ends_the_program_and_loses_no_outcome() {
    lose_connection_while_sending("");
}

#[test]
fn a_lost_ssh_connection_ends_a_program_that_ignores_sighup_too() {
    lose_connection_while_sending("trap '' HUP;");
}
