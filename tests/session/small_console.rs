//! The library's terminal by itself: entering, leaving, stopping, hanging.
//!
//! The program on the terminal is this test binary itself, playing a small console.

use std::sync::mpsc;
use std::thread;

use crossterm::event::{Event, KeyCode};
use pindesk::console::terminal::{
    self, Capabilities, EnterError, EventReader, SignalWatcher, Terminal, TerminationSignal,
};
use ratatui::layout::Position;
use ratatui::style::Style;
use rustix::process::Signal;

use crate::support::pty::{ProcessExit, PtySession, assert_terminal_restored};
use crate::support::skip;

const ROLE_ENV: &str = "PINDESK_TEST_PART";

/// What the small console's loop waits for.
enum LoopEvent {
    Input(Event),
    Shutdown(TerminationSignal),
}

/// Not a test: the small console, when a test has started this binary again.
#[test]
fn plays_the_console() {
    let Ok(part) = std::env::var(ROLE_ENV) else { return };
    let term = std::env::var("TERM").expect("tests set it");
    let mut terminal = match Terminal::enter(Capabilities::for_term(&term)) {
        Ok(terminal) => terminal,
        Err(EnterError::NotATerminal(which)) => {
            assert_eq!(which, "standard input");
            std::process::exit(42);
        }
        Err(error @ EnterError::Refused(_)) => panic!("{error}"),
    };
    let mut events = EventReader::listen().expect("resizes can be listened for");
    let (sender, news) = mpsc::channel();
    let endings = sender.clone();
    SignalWatcher::start(
        || {},
        move |ending| {
            if part == "patient" {
                // The loop may be gone already.
                endings.send(LoopEvent::Shutdown(ending)).unwrap_or_default();
            } else {
                terminal::restore_and_exit(ending.exit_code());
            }
        },
    )
    .expect("signals can be watched");
    thread::spawn(move || {
        while let Ok(Some(event)) = events.next_event() {
            sender.send(LoopEvent::Input(event)).expect("the loop lives");
        }
        // The loop waits for endings still.
        thread::park();
    });

    let mut word = String::from("ready");
    loop {
        let shown = terminal.draw(|buffer, area| {
            buffer.set_stringn(0, 0, format!("{word} {area}"), usize::from(area.width), Style::new());
            Some(Position::new(0, 0))
        });
        if shown.is_err() {
            // The terminal is gone: the watch ends the process.
            thread::park();
        }
        match news.recv().expect("the reader lives") {
            LoopEvent::Shutdown(ending) => word = format!("ending {}", ending.exit_code()),
            #[expect(clippy::wildcard_enum_match_arm, reason = "any other key is shown")]
            LoopEvent::Input(Event::Key(key)) => match key.code {
                KeyCode::Char('q') => break,
                KeyCode::Char('p') => panic!("the console failed"),
                KeyCode::Char('b') => {
                    let failed = thread::spawn(|| panic!("a task failed")).join();
                    word = format!("lost a task: {}", failed.is_err());
                }
                KeyCode::Char('z') => word = suspend(&mut terminal),
                KeyCode::Char('f') => draw_until_blocked(&mut terminal),
                code => word = format!("{code:?} {:?}", key.modifiers),
            },
            LoopEvent::Input(_) => {}
        }
    }
    terminal.leave();
    std::process::exit(7);
}

/// Stops, until somebody continues it.
fn suspend(terminal: &mut Terminal) -> String {
    assert!(terminal.suspend(|| false).expect("it comes back"), "nobody told it to end");
    "back again".to_owned()
}

/// Draws until the terminal takes no more, and hangs there.
fn draw_until_blocked(terminal: &mut Terminal) {
    for n in 0_u64.. {
        terminal
            .draw(|buffer, area| {
                for y in 0..area.height {
                    buffer.set_string(0, y, format!("{:0>78}", n * 7_919 + u64::from(y)), Style::new());
                }
                None
            })
            .expect("it hangs rather than fails");
    }
}

/// Where programs are found that are not started by their path.
const PATH_ENV: (&str, &str) = ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");

const CHILD_TEST_ARGS: [&str; 4] =
    ["--exact", "session::small_console::plays_the_console", "--nocapture", "--test-threads=1"];

fn current_exe() -> String {
    std::env::current_exe().expect("it has a path").into_os_string().into_string().expect("of UTF-8")
}

fn start_console(part: &str, term: &str) -> PtySession {
    let session = PtySession::spawn(&current_exe(), &CHILD_TEST_ARGS, (80, 24), &[(ROLE_ENV, part), ("TERM", term)]);
    session.wait_for("ready");
    session
}

#[test]
fn the_console_has_the_terminal_and_gives_it_back() {
    let mut session = start_console("prompt", "xterm-256color");
    assert_ne!(session.modes(), session.initial_modes());
    session.with_screen(|screen| {
        assert!(screen.alternate_screen());
        assert!(screen.bracketed_paste());
    });
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
    assert!(!session.screen().contains("ready"), "the alternate screen is gone");
}

#[test]
fn a_line_feed_is_no_enter() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("\n");
    session.wait_for("Char('j') KeyModifiers(CONTROL)");
    session.send("\r");
    session.wait_for("Enter KeyModifiers(0x0)");
}

#[test]
fn nothing_is_left_on_a_terminal_without_alternate_screen() {
    for term in ["linux", "vt100"] {
        let mut session = start_console("prompt", term);
        session.with_screen(|screen| assert!(!screen.alternate_screen()));
        session.send("q");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
        assert_terminal_restored(&session);
        assert!(!session.screen().contains("ready"), "{}", session.screen());
    }
}

#[test]
fn each_signal_gives_the_terminal_back_and_has_its_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let session = start_console("prompt", "xterm-256color");
        session.kill(signal);
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_terminal_restored(&session);
    }
}

#[test]
fn a_second_request_to_end_is_not_kept_waiting() {
    let session = start_console("patient", "xterm-256color");
    session.kill(Signal::TERM);
    session.wait_for("ending 143");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_hang_up_after_another_ending_does_not_hurry_it() {
    let mut session = start_console("patient", "xterm-256color");
    session.kill(Signal::INT);
    session.wait_for("ending 130");
    session.kill(Signal::HUP);
    session.send("x");
    session.wait_for("Char('x')");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_speaks() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("p");
    session.wait_exit();
    assert_terminal_restored(&session);
    assert!(session.screen().contains("the console failed"), "{}", session.screen());
}

#[test]
fn a_panic_elsewhere_leaves_the_screen_alone_and_is_told_in_the_end() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("b");
    session.wait_for("lost a task: true");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    assert!(!session.screen().contains("a task failed"));
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
    assert!(session.screen().contains("a task failed"), "{}", session.screen());
}

#[test]
fn a_terminal_that_stopped_reading_does_not_keep_the_program() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut session = start_console("prompt", "xterm-256color");
        session.stop_reading();
        session.send("f");
        session.wait_until_pty_full();
        session.kill(signal);
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_eq!(session.modes(), session.initial_modes());
    }
}

#[test]
fn a_terminal_that_reads_again_gets_the_rest() {
    let mut session = start_console("prompt", "xterm-256color");
    session.stop_reading();
    session.send("f");
    session.wait_until_pty_full();
    let so_far = session.bytes().len();
    session.resume_reading();
    session.wait_for_bytes(b"\x1b[?25l");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert!(session.bytes().len() > so_far);
    assert_terminal_restored(&session);
}

#[test]
fn a_hang_up_while_the_line_is_full_ends_the_program() {
    let mut session = start_console("prompt", "xterm-256color");
    session.stop_reading();
    session.send("f");
    session.wait_until_pty_full();
    session.hang_up();
    assert_eq!(session.wait_exit(), ProcessExit::with_code(129));
}

#[test]
fn a_hang_up_ends_the_program() {
    let mut session = start_console("prompt", "xterm-256color");
    session.hang_up();
    assert_eq!(session.wait_exit(), ProcessExit::with_code(129));
}

/// The small console, run by a shell script as `"$@"`.
fn start_console_in_shell(script: &str) -> PtySession {
    let program = current_exe();
    let mut args = vec!["-c", script, "sh", &program];
    args.extend(CHILD_TEST_ARGS);
    let session = PtySession::spawn("/bin/sh", &args, (80, 24), &[(ROLE_ENV, "prompt"), ("TERM", "xterm")]);
    session.wait_for("ready");
    session
}

#[test]
fn a_hang_up_without_a_signal_ends_the_program_too() {
    // The shell is the session's leader, which alone gets the signal, and ignores it.
    let mut session = start_console_in_shell("trap '' HUP; \"$@\"; exit $?");
    session.hang_up();
    assert_eq!(session.wait_exit(), ProcessExit::with_code(129));
}

/// A shell that continues the small console once somebody presses Enter.
const JOB_CONTROL_SCRIPT: &str = "set -m; \"$@\"; echo stopped; read -r answer; fg; echo ended $?";

/// Stops the small console by its key, and has the shell that runs it by [`CONTINUES`] go on with it.
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
fn a_stop_gives_the_terminal_back_and_going_on_takes_it_again() {
    suspend_and_resume(start_console_in_shell(JOB_CONTROL_SCRIPT));
}

#[test]
fn a_stopped_program_can_be_ended() {
    // Waiting for a job gives 147 as long as the shell takes it for stopped.
    let script = "set -m; \"$@\"; code=$?; kill -TERM %1; kill -CONT %1; \
                  while [ $code = 147 ]; do wait %1; code=$?; done; echo ended $code";
    let mut session = start_console_in_shell(script);
    session.send("z");
    session.wait_for("ended 143");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
    assert_terminal_restored(&session);
}

#[test]
fn a_stop_without_a_shell_goes_on_at_once() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("z");
    session.wait_for("back again");
    session.wait_for_bytes(b"\x1b[?1049l");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
}

/// The small console in a container, whose terminal's session is led from outside of it, run by a shell script there.
fn start_console_in_container(script: &str) -> Option<PtySession> {
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let options = [user, &["--pid", "--fork", "--kill-child"]].concat();
    let may = std::process::Command::new("unshare").args(&options).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        skip::not_allowed("processes in a namespace of their own (unshare)");
        return None;
    }
    let program = current_exe();
    let args = [&options, &["/bin/sh", "-c", script, "sh", &program][..], &CHILD_TEST_ARGS].concat();
    let session = PtySession::spawn("unshare", &args, (80, 24), &[(ROLE_ENV, "prompt"), ("TERM", "xterm"), PATH_ENV]);
    session.wait_for("ready");
    Some(session)
}

#[test]
fn a_stop_in_a_container_without_a_shell_goes_on_at_once() {
    let Some(mut session) = start_console_in_container("exec \"$@\"") else { return };
    session.send("z");
    session.wait_for("back again");
    session.with_screen(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
}

#[test]
fn a_shell_in_a_container_stops_the_program_and_continues_it() {
    // The shell itself fails in the end: it cannot give the terminal back to a group that it does not see.
    if let Some(session) = start_console_in_container(JOB_CONTROL_SCRIPT) {
        suspend_and_resume(session);
    }
}

#[test]
fn a_program_that_waits_after_a_hang_up_does_not_spin() {
    let mut session = start_console("patient", "xterm-256color");
    session.send("x");
    session.wait_for("Char('x')");
    let program = session.program();
    session.hang_up();
    let before = program.cpu_ticks();
    // Half a second of spinning would be fifty ticks.
    assert!(!session.exits_within(std::time::Duration::from_millis(500)), "it waits");
    let after = program.cpu_ticks();
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert!(after - before < 10, "{} ticks", after - before);
}

#[test]
fn a_resize_is_drawn_whole() {
    let session = start_console("prompt", "xterm-256color");
    session.resize((40, 10));
    session.wait_for("40x10");
    session.resize((1, 1));
    session.wait_for("r");
    session.resize((100, 30));
    session.wait_for("ready 100x30");
}

#[test]
fn a_pipe_is_refused() {
    let output = std::process::Command::new(current_exe())
        .args(CHILD_TEST_ARGS)
        .env(ROLE_ENV, "prompt")
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(42));
}
