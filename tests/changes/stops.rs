//! A command that is stopped or told to end where somebody else is slow: whoever continued it, or whoever reads its lines.

use std::io::{PipeReader, PipeWriter};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::support::shop::Shop;

const LATENCY: Duration = Duration::from_millis(200);

const PLAIN: &str = "exec \"$@\"";

/// Far less than a command listens for when it goes on, and enough for one that does not listen to send something.
const A_SHELLS_PAUSE: Duration = Duration::from_millis(40);

/// The last lines are waited for 2 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a job of six numbers, two at a time, by a shell script as `"$@"`, and waits until both requests have come.
fn start(shop: &Shop, script: &str, out: Stdio) -> Child {
    let (list, pin) = (shop.list(&shop.ids("not-set", 6)), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", "6", "--concurrency", "2", "-q"];
    let program = shop.command(&set);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    command.env_clear().env("HOME", shop.path("")).stdin(Stdio::null());
    // A group of its own, as a shell gives each job: there is somebody to continue it.
    let mut child = command.process_group(0).stdout(out).stderr(Stdio::null()).spawn().expect("a process");
    wait_until(|| {
        assert_eq!(child.try_wait().expect("it can be asked"), None);
        shop.simulator.pin_requests() == 2
    });
    child
}

/// Lets others work until this holds, for some seconds at most.
fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if holds() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// True if a command that was stopped, goes on, and is then told to end, sends nothing in between.
fn hears_before_it_sends() -> bool {
    let shop = Shop::open(LATENCY, "");
    let mut child = start(&shop, PLAIN, Stdio::null());
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TSTP).expect("it is there");
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is asked").expect("it has stopped");
    assert!(status.stopped(), "{status:?}");
    // Both answers wait when it goes on: nothing but its own patience keeps the next two here.
    let answered = Instant::now() + LATENCY;
    wait_until(|| Instant::now() > answered);
    kill_process(pid, Signal::CONT).expect("it is there");
    let told = Instant::now() + A_SHELLS_PAUSE;
    wait_until(|| Instant::now() > told || shop.simulator.pin_requests() > 2);
    kill_process(pid, Signal::TERM).expect("it is there");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    shop.simulator.pin_requests() == 2
}

#[test]
fn a_command_that_goes_on_listens_before_it_sends_anything_new() {
    // This test shares its machine with others, which may keep it from being as prompt as a shell: once will do.
    assert!((0..3).any(|_| hears_before_it_sends()), "each time something was sent first");
}

#[test]
fn a_command_that_is_to_ignore_ctrl_z_goes_on() {
    let shop = Shop::open(LATENCY, "");
    let mut child = start(&shop, "trap '' TSTP; exec \"$@\"", Stdio::null());
    kill_process(Pid::from_child(&child), Signal::TSTP).expect("it is there");
    // A stopped one never ends.
    let has_ended = wait_until(|| child.try_wait().expect("it can be asked").is_some());
    child.kill().ok();
    let code = child.wait().expect("it is reaped").code();
    assert_eq!((has_ended, code), (true, Some(0)));
}

/// A pipe that takes nothing more, and its other end.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (read, write) = std::io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK).expect("its flags");
    while rustix::io::write(&write, &[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&write, OFlags::empty()).expect("its flags");
    (read, write)
}

#[test]
fn a_command_that_is_told_to_end_ends_though_nobody_takes_its_lines() {
    let shop = Shop::open(LATENCY, "");
    let (_read, write) = full_pipe();
    let mut child = start(&shop, PLAIN, Stdio::from(write));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it is there");
    let mut code = None;
    wait_until(|| {
        code = child.try_wait().expect("it can be asked").map(|status| status.code());
        code.is_some()
    });
    child.kill().ok();
    child.wait().expect("it is reaped");
    assert_eq!(code, Some(Some(143)));
}
