//! The library's terminal by itself: entering, leaving, stopping, hanging.
//!
//! The program on the terminal is this test binary itself, playing a small console.

use std::sync::mpsc;
use std::thread;

use crossterm::event::{Event, KeyCode};
use pindesk::console::terminal::{self, Abilities, CannotEnter, Ending, Events, Terminal, Watch};
use ratatui::layout::Position;
use ratatui::style::Style;
use rustix::process::Signal;

use crate::support::pty::{Exit, Session, assert_left};
use crate::support::skip;

const PART: &str = "PINDESK_TEST_PART";

/// What the small console's loop waits for.
enum News {
    Key(Event),
    Ending(Ending),
}

/// Not a test: the small console, when a test has started this binary again.
#[test]
fn plays_the_console() {
    let Ok(part) = std::env::var(PART) else { return };
    let term = std::env::var("TERM").expect("tests set it");
    let mut terminal = match Terminal::enter(Abilities::for_term(&term)) {
        Ok(terminal) => terminal,
        Err(CannotEnter::NotATerminal(which)) => {
            assert_eq!(which, "standard input");
            std::process::exit(42);
        }
        Err(error @ CannotEnter::Refused(_)) => panic!("{error}"),
    };
    let mut events = Events::listen().expect("resizes can be listened for");
    let (sender, news) = mpsc::channel();
    let endings = sender.clone();
    Watch::start(
        || {},
        move |ending| {
            if part == "patient" {
                // The loop may be gone already.
                endings.send(News::Ending(ending)).unwrap_or_default();
            } else {
                terminal::exit(ending.exit_code());
            }
        },
    )
    .expect("signals can be watched");
    thread::spawn(move || {
        while let Ok(Some(event)) = events.wait() {
            sender.send(News::Key(event)).expect("the loop lives");
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
            News::Ending(ending) => word = format!("ending {}", ending.exit_code()),
            #[expect(clippy::wildcard_enum_match_arm, reason = "any other key is shown")]
            News::Key(Event::Key(key)) => match key.code {
                KeyCode::Char('q') => break,
                KeyCode::Char('p') => panic!("the console failed"),
                KeyCode::Char('b') => {
                    let failed = thread::spawn(|| panic!("a task failed")).join();
                    word = format!("lost a task: {}", failed.is_err());
                }
                KeyCode::Char('z') => word = suspended(&mut terminal),
                KeyCode::Char('f') => flood(&mut terminal),
                code => word = format!("{code:?} {:?}", key.modifiers),
            },
            News::Key(_) => {}
        }
    }
    terminal.leave();
    std::process::exit(7);
}

/// Stops, until somebody continues it.
fn suspended(terminal: &mut Terminal) -> String {
    assert!(terminal.suspend(|| false).expect("it comes back"), "nobody told it to end");
    "back again".to_owned()
}

/// Draws until the terminal takes no more, and hangs there.
fn flood(terminal: &mut Terminal) {
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
const PATH: (&str, &str) = ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");

const HARNESS: [&str; 4] = ["--exact", "session::small_console::plays_the_console", "--nocapture", "--test-threads=1"];

fn this_program() -> String {
    std::env::current_exe().expect("it has a path").into_os_string().into_string().expect("of UTF-8")
}

fn console(part: &str, term: &str) -> Session {
    let session = Session::spawn(&this_program(), &HARNESS, (80, 24), &[(PART, part), ("TERM", term)]);
    session.wait_for("ready");
    session
}

#[test]
fn the_console_has_the_terminal_and_gives_it_back() {
    let mut session = console("prompt", "xterm-256color");
    assert_ne!(session.modes(), session.modes_before());
    session.terminal(|screen| {
        assert!(screen.alternate_screen());
        assert!(screen.bracketed_paste());
    });
    session.send("q");
    assert_eq!(session.wait_exit(), Exit::with(7));
    assert_left(&session);
    assert!(!session.screen().contains("ready"), "the alternate screen is gone");
}

#[test]
fn a_line_feed_is_no_enter() {
    let mut session = console("prompt", "xterm-256color");
    session.send("\n");
    session.wait_for("Char('j') KeyModifiers(CONTROL)");
    session.send("\r");
    session.wait_for("Enter KeyModifiers(0x0)");
}

#[test]
fn nothing_is_left_on_a_terminal_without_alternate_screen() {
    for term in ["linux", "vt100"] {
        let mut session = console("prompt", term);
        session.terminal(|screen| assert!(!screen.alternate_screen()));
        session.send("q");
        assert_eq!(session.wait_exit(), Exit::with(7));
        assert_left(&session);
        assert!(!session.screen().contains("ready"), "{}", session.screen());
    }
}

#[test]
fn each_signal_gives_the_terminal_back_and_has_its_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let session = console("prompt", "xterm-256color");
        session.kill(signal);
        assert_eq!(session.wait_exit(), Exit::with(code));
        assert_left(&session);
    }
}

#[test]
fn a_second_request_to_end_is_not_kept_waiting() {
    let session = console("patient", "xterm-256color");
    session.kill(Signal::TERM);
    session.wait_for("ending 143");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert_left(&session);
}

#[test]
fn a_hang_up_after_another_ending_does_not_hurry_it() {
    let mut session = console("patient", "xterm-256color");
    session.kill(Signal::INT);
    session.wait_for("ending 130");
    session.kill(Signal::HUP);
    session.send("x");
    session.wait_for("Char('x')");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert_left(&session);
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_speaks() {
    let mut session = console("prompt", "xterm-256color");
    session.send("p");
    session.wait_exit();
    assert_left(&session);
    assert!(session.screen().contains("the console failed"), "{}", session.screen());
}

#[test]
fn a_panic_elsewhere_leaves_the_screen_alone_and_is_told_in_the_end() {
    let mut session = console("prompt", "xterm-256color");
    session.send("b");
    session.wait_for("lost a task: true");
    session.terminal(|screen| assert!(screen.alternate_screen()));
    assert!(!session.screen().contains("a task failed"));
    session.send("q");
    assert_eq!(session.wait_exit(), Exit::with(7));
    assert_left(&session);
    assert!(session.screen().contains("a task failed"), "{}", session.screen());
}

#[test]
fn a_terminal_that_stopped_reading_does_not_keep_the_program() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut session = console("prompt", "xterm-256color");
        session.stop_reading();
        session.send("f");
        session.wait_until_full();
        session.kill(signal);
        assert_eq!(session.wait_exit(), Exit::with(code));
        assert_eq!(session.modes(), session.modes_before());
    }
}

#[test]
fn a_terminal_that_reads_again_gets_the_rest() {
    let mut session = console("prompt", "xterm-256color");
    session.stop_reading();
    session.send("f");
    session.wait_until_full();
    let so_far = session.bytes().len();
    session.go_on_reading();
    session.wait_for_bytes(b"\x1b[?25l");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert!(session.bytes().len() > so_far);
    assert_left(&session);
}

#[test]
fn a_hang_up_while_the_line_is_full_ends_the_program() {
    let mut session = console("prompt", "xterm-256color");
    session.stop_reading();
    session.send("f");
    session.wait_until_full();
    session.hang_up();
    assert_eq!(session.wait_exit(), Exit::with(129));
}

#[test]
fn a_hang_up_ends_the_program() {
    let mut session = console("prompt", "xterm-256color");
    session.hang_up();
    assert_eq!(session.wait_exit(), Exit::with(129));
}

/// The small console, run by a shell script as `"$@"`.
fn console_in_shell(script: &str) -> Session {
    let program = this_program();
    let mut args = vec!["-c", script, "sh", &program];
    args.extend(HARNESS);
    let session = Session::spawn("/bin/sh", &args, (80, 24), &[(PART, "prompt"), ("TERM", "xterm")]);
    session.wait_for("ready");
    session
}

#[test]
fn a_hang_up_without_a_signal_ends_the_program_too() {
    // The shell is the session's leader, which alone gets the signal, and ignores it.
    let mut session = console_in_shell("trap '' HUP; \"$@\"; exit $?");
    session.hang_up();
    assert_eq!(session.wait_exit(), Exit::with(129));
}

/// A shell that continues the small console once somebody presses Enter.
const CONTINUES: &str = "set -m; \"$@\"; echo stopped; read -r answer; fg; echo ended $?";

/// Stops the small console by its key, and has the shell that runs it by [`CONTINUES`] go on with it.
fn stop_and_go_on(mut session: Session) {
    session.send("z");
    session.wait_for("stopped");
    assert_left(&session);
    session.send("\n");
    session.wait_for("back again");
    session.terminal(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    session.wait_for("ended 7");
    session.wait_exit();
    assert_left(&session);
}

#[test]
fn a_stop_gives_the_terminal_back_and_going_on_takes_it_again() {
    stop_and_go_on(console_in_shell(CONTINUES));
}

#[test]
fn a_stopped_program_can_be_ended() {
    // Waiting for a job gives 147 as long as the shell takes it for stopped.
    let script = "set -m; \"$@\"; code=$?; kill -TERM %1; kill -CONT %1; \
                  while [ $code = 147 ]; do wait %1; code=$?; done; echo ended $code";
    let mut session = console_in_shell(script);
    session.send("z");
    session.wait_for("ended 143");
    assert_eq!(session.wait_exit(), Exit::with(0));
    assert_left(&session);
}

#[test]
fn a_stop_without_a_shell_goes_on_at_once() {
    let mut session = console("prompt", "xterm-256color");
    session.send("z");
    session.wait_for("back again");
    session.wait_for_bytes(b"\x1b[?1049l");
    session.terminal(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), Exit::with(7));
    assert_left(&session);
}

/// The small console in a container, whose terminal's session is led from outside of it, run by a shell script there.
fn console_in_container(script: &str) -> Option<Session> {
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let options = [user, &["--pid", "--fork", "--kill-child"]].concat();
    let may = std::process::Command::new("unshare").args(&options).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        skip::not_allowed("processes in a namespace of their own (unshare)");
        return None;
    }
    let program = this_program();
    let args = [&options, &["/bin/sh", "-c", script, "sh", &program][..], &HARNESS].concat();
    let session = Session::spawn("unshare", &args, (80, 24), &[(PART, "prompt"), ("TERM", "xterm"), PATH]);
    session.wait_for("ready");
    Some(session)
}

#[test]
fn a_stop_in_a_container_without_a_shell_goes_on_at_once() {
    let Some(mut session) = console_in_container("exec \"$@\"") else { return };
    session.send("z");
    session.wait_for("back again");
    session.terminal(|screen| assert!(screen.alternate_screen()));
    session.send("q");
    assert_eq!(session.wait_exit(), Exit::with(7));
    assert_left(&session);
}

#[test]
fn a_shell_in_a_container_stops_the_program_and_continues_it() {
    // The shell itself fails in the end: it cannot give the terminal back to a group that it does not see.
    if let Some(session) = console_in_container(CONTINUES) {
        stop_and_go_on(session);
    }
}

#[test]
fn a_program_that_waits_after_a_hang_up_does_not_spin() {
    let mut session = console("patient", "xterm-256color");
    session.send("x");
    session.wait_for("Char('x')");
    let program = session.program();
    session.hang_up();
    let before = program.cpu_ticks();
    // Half a second of spinning would be fifty ticks.
    assert!(!session.ends_within(std::time::Duration::from_millis(500)), "it waits");
    let after = program.cpu_ticks();
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert!(after - before < 10, "{} ticks", after - before);
}

#[test]
fn a_resize_is_drawn_whole() {
    let session = console("prompt", "xterm-256color");
    session.resize((40, 10));
    session.wait_for("40x10");
    session.resize((1, 1));
    session.wait_for("r");
    session.resize((100, 30));
    session.wait_for("ready 100x30");
}

#[test]
fn a_pipe_is_refused() {
    let output = std::process::Command::new(this_program())
        .args(HARNESS)
        .env(PART, "prompt")
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(42));
}
