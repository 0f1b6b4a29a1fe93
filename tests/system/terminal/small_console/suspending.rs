//! Suspending the small console and resuming it, with and without a shell, also in a container.

use std::process::Command;

use super::{ROLE_ENV, child_args, current_exe, start_console, start_console_in_shell};
use crate::support::pty::{ProcessExit, PtySession, assert_terminal_restored};
use crate::support::skip;

/// The search path for programs that are started by name.
const PATH_ENV: (&str, &str) = ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");

/// A shell script that resumes the small console when Enter is pressed.
const JOB_CONTROL_SCRIPT: &str = "set -m; \"$@\"; echo stopped; read -r answer; fg; echo ended $?";

/// Suspends the small console by its key, and resumes it through the shell that runs [`JOB_CONTROL_SCRIPT`].
fn suspend_and_resume(mut session: PtySession) {
    session.send("z");
    session.wait_for("stopped");
    assert_terminal_restored(&session);
    session.send("\n");
    session.wait_for("back again");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    session.wait_for("ended 7");
    session.wait_exit();
    assert_terminal_restored(&session);
}

#[test]
fn suspending_restores_and_resuming_enters_the_terminal() {
    suspend_and_resume(start_console_in_shell(JOB_CONTROL_SCRIPT));
}

#[test]
fn a_line_typed_during_a_suspend_is_for_the_shell() {
    let mut session = start_console_in_shell(JOB_CONTROL_SCRIPT);
    session.send("l");
    session.wait_for("type a line");
    assert_terminal_restored(&session);
    session.send("\n");
    session.wait_for("back again");
    session.send("q");
    session.wait_for("ended 7");
    session.wait_exit();
}

#[test]
fn a_suspended_program_can_be_ended() {
    // `wait` returns 147 as long as the shell considers the job suspended.
    let script = "set -m; \"$@\"; code=$?; kill -TERM %1; kill -CONT %1; \
                  while [ $code = 147 ]; do wait %1; code=$?; done; echo ended $code";
    let mut session = start_console_in_shell(script);
    session.send("z");
    session.wait_for("ended 143");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
    assert_terminal_restored(&session);
}

#[test]
fn suspending_without_a_shell_resumes_at_once() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("z");
    session.wait_for("back again");
    session.wait_for_bytes(b"\x1b[?1049l");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
}

/// Starts the small console in a container, in a shell script. The session leader of its terminal is outside of the
/// container. `None` if namespaces are not allowed.
fn start_console_in_container(script: &str) -> Option<PtySession> {
    let user_flags: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let options = [user_flags, &["--pid", "--fork", "--kill-child"]].concat();
    let probe = Command::new("unshare").args(&options).arg("true").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skip::not_allowed("a private process namespace (unshare)");
        return None;
    }
    let (program, child_args) = (current_exe(), child_args());
    let mut args = [&options[..], &["/bin/sh", "-c", script, "sh", &program]].concat();
    args.extend(child_args.iter().map(String::as_str));
    let session = PtySession::spawn("unshare", &args, (80, 24), &[(ROLE_ENV, "prompt"), ("TERM", "xterm"), PATH_ENV]);
    session.wait_for("ready");
    Some(session)
}

#[test]
fn suspending_in_a_container_without_a_shell_resumes() {
    let Some(mut session) = start_console_in_container("exec \"$@\"") else { return };
    session.send("z");
    session.wait_for("back again");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
}

#[test]
fn a_shell_in_a_container_suspends_and_resumes() {
    // At the end the shell itself fails: it cannot give the terminal to a process group outside of its namespace.
    if let Some(session) = start_console_in_container(JOB_CONTROL_SCRIPT) {
        suspend_and_resume(session);
    }
}
