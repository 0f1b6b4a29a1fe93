//! The terminal of the library without the console: entering, leaving, suspending, hang-ups and full buffers.
//!
//! The program on the terminal is this test binary, which runs a small console when a variable names its role.

mod suspending;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pindesk::console::input::decoder::{Decoder, ESC_TIMEOUT, InputEvent};
use pindesk::console::input::key::Key;
use pindesk::console::terminal::{
    self, Capabilities, EnterError, InputReader, SignalWatcher, Terminal, TerminalInput, TerminationSignal,
};
use ratatui::layout::Position;
use ratatui::style::Style;
use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use crate::support::child::test_path;
use crate::support::pty::{ProcessExit, PtySession, assert_terminal_restored};

/// The variable with the role of the child process: `prompt` exits on a signal, `patient` waits for its loop.
const ROLE_ENV: &str = "PINDESK_TEST_PART";

/// What the loop of the small console waits for.
enum LoopEvent {
    Input(TerminalInput),
    Shutdown(TerminationSignal),
}

fn enter_terminal() -> Terminal {
    let term = std::env::var("TERM").expect("the test sets it");
    match Terminal::enter(Capabilities::for_term(&term)) {
        Ok(terminal) => terminal,
        Err(EnterError::NotATerminal(which)) => {
            assert_eq!(which, "standard input");
            std::process::exit(42);
        }
        Err(error @ EnterError::Refused(_)) => panic!("{error}"),
    }
}

/// The small console, if a test started this binary again. Otherwise it does nothing.
#[test]
fn child_small_console() {
    let Ok(role) = std::env::var(ROLE_ENV) else { return };
    let mut terminal = enter_terminal();
    let mut reader = InputReader::listen().expect("resizes can be watched");
    let (sender, receiver) = mpsc::channel();
    let signal_sender = sender.clone();
    SignalWatcher::start(
        || {},
        move |signal| {
            if role == "patient" {
                // The loop may have ended already.
                signal_sender.send(LoopEvent::Shutdown(signal)).unwrap_or_default();
            } else {
                terminal::restore_and_exit(signal.exit_code());
            }
        },
    )
    .expect("signals can be watched");
    thread::spawn(move || {
        while let Ok(Some(input)) = reader.next_input() {
            sender.send(LoopEvent::Input(input)).expect("the loop runs");
        }
        // The loop still waits for signals.
        thread::park();
    });

    let mut decoder = Decoder::new(ESC_TIMEOUT);
    let (mut message, mut key_count, mut inputs) = (String::from("ready"), 0, Vec::new());
    loop {
        let result = terminal.draw(|buffer, area| {
            buffer.set_stringn(0, 0, format!("{message} {area}"), usize::from(area.width), Style::new());
            Some(Position::new(0, 0))
        });
        if result.is_err() {
            // The terminal is closed: the signal watcher ends the process.
            thread::park();
        }
        let event = receiver.recv().expect("the reader runs");
        inputs.clear();
        match event {
            LoopEvent::Shutdown(signal) => message = format!("ending {}", signal.exit_code()),
            LoopEvent::Input(TerminalInput::Bytes(bytes, at)) => decoder.feed([(bytes, at)], |_| true, &mut inputs),
            LoopEvent::Input(TerminalInput::Resized) => {}
        }
        for (input, _) in &inputs {
            key_count += 1;
            match input {
                InputEvent::Key(Key::Char('q')) => {
                    terminal.leave();
                    std::process::exit(7);
                }
                InputEvent::Key(Key::Char('p')) => panic!("the console failed"),
                InputEvent::Key(Key::Char('b')) => {
                    let failed = thread::spawn(|| panic!("a task failed")).join();
                    message = format!("lost a task: {}", failed.is_err());
                }
                InputEvent::Key(Key::Char('z')) => message = suspend(&mut terminal, || {}),
                InputEvent::Key(Key::Char('l')) => message = suspend(&mut terminal, wait_for_line),
                InputEvent::Key(Key::Char('f')) => draw_until_blocked(&mut terminal),
                InputEvent::Key(key) => message = format!("{key:?} is key {key_count}"),
                InputEvent::Paste(paste) => message = format!("{paste:?}"),
            }
        }
    }
}

/// Suspends until another process resumes it.
fn suspend(terminal: &mut Terminal, prepare: fn()) -> String {
    assert!(terminal.suspend(prepare, || false).expect("it resumes"), "it was told to end");
    "back again".to_owned()
}

/// Asks for a line, and waits for it, but does not read it.
fn wait_for_line() {
    rustix::io::write(rustix::stdio::stdout(), b"type a line").expect("the terminal accepts output");
    let stdin = rustix::stdio::stdin();
    rustix::event::poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None).expect("the terminal can be polled");
}

/// Draws until the terminal accepts no more bytes, and blocks there.
fn draw_until_blocked(terminal: &mut Terminal) {
    for n in 0_u64.. {
        let result = terminal.draw(|buffer, area| {
            for y in 0..area.height {
                buffer.set_string(0, y, format!("{:0>78}", n * 7_919 + u64::from(y)), Style::new());
            }
            None
        });
        if result.is_err() {
            // A full terminal blocks. Only a closed one fails, and then the signal watcher ends the process.
            thread::park();
        }
    }
}

/// The arguments that make this binary run only the small console.
fn child_args() -> [String; 4] {
    let test = test_path(module_path!(), "child_small_console");
    ["--exact", &test, "--nocapture", "--test-threads=1"].map(str::to_owned)
}

fn current_exe() -> String {
    std::env::current_exe().expect("the path of this binary").into_os_string().into_string().expect("UTF-8")
}

fn start_console(role: &str, term: &str) -> PtySession {
    let args = child_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let session = PtySession::spawn(&current_exe(), &args, (80, 24), &[(ROLE_ENV, role), ("TERM", term)]);
    session.wait_for("ready");
    session
}

#[test]
fn leaving_restores_the_terminal() {
    let mut session = start_console("prompt", "xterm-256color");
    assert_ne!(session.modes(), session.initial_modes());
    session.with_screen(|screen| {
        assert!(screen.alternate_screen());
        assert!(screen.bracketed_paste());
    });
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(7));
    assert_terminal_restored(&session);
    assert!(!session.screen().contains("ready"), "the alternate screen is still shown");
}

#[test]
fn a_line_feed_is_not_enter() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("\n");
    session.wait_for("Ctrl('j') is key 1");
    session.send("\r");
    session.wait_for("Enter is key 2");
}

#[test]
fn nothing_is_lost_of_64_kib_at_once() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("\x1b[B".repeat(64 * 1024 / 3));
    session.send("x");
    session.wait_for(&format!("Char('x') is key {}", 64 * 1024 / 3 + 1));
}

/// How often a text is in the writable memory of the program.
fn count_in_memory(session: &PtySession, text: &str) -> usize {
    let [maps, status_line] = ["maps", "stat"].map(|name| String::from_utf8(session.proc_file(name)).expect("UTF-8"));
    let pid = status_line.split(' ').next().expect("an ID");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory of a child is readable");
    let regions = maps.lines().filter(|line| line.contains(" rw-p ")).map(|line| {
        let (start, end) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        [start, end].map(|address| u64::from_str_radix(address, 16).expect("an address"))
    });
    let count_in = |[start, end]: [u64; 2]| {
        let mut bytes = vec![0; usize::try_from(end - start).expect("an address fits")];
        let count = memory.read_at(&mut bytes, start).unwrap_or(0);
        memchr::memmem::find_iter(&bytes[..count], text).count()
    };
    regions.map(count_in).sum()
}

#[test]
fn what_was_read_is_wiped() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("\x1b[200~70-41-92-83\x1b[201~");
    session.wait_for("PastedText(11 bytes)");
    assert_eq!(count_in_memory(&session, "70-41-92-83"), 1, "only the paste itself");
    session.send("65-54-76-87");
    session.wait_for("Char('7') is key");
    assert_eq!(["70-41-92-83", "65-54-76-87"].map(|text| count_in_memory(&session, text)), [0; 2]);
}

#[test]
fn leaving_clears_a_terminal_without_alternate_screen() {
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
fn each_signal_restores_the_terminal_and_sets_the_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let session = start_console("prompt", "xterm-256color");
        session.kill(signal);
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_terminal_restored(&session);
    }
}

#[test]
fn a_second_signal_is_not_delayed() {
    let session = start_console("patient", "xterm-256color");
    session.kill(Signal::TERM);
    session.wait_for("ending 143");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_hang_up_after_a_signal_does_not_hurry_the_exit() {
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
fn a_panic_restores_the_terminal_before_its_message() {
    let mut session = start_console("prompt", "xterm-256color");
    session.send("p");
    session.wait_exit();
    assert_terminal_restored(&session);
    assert!(session.screen().contains("the console failed"), "{}", session.screen());
}

#[test]
fn a_panic_in_another_thread_is_shown_after_leaving() {
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
fn a_terminal_that_stops_reading_does_not_block_exit() {
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
fn a_hang_up_with_a_full_buffer_ends_the_program() {
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

/// Starts the small console in a shell script, which runs it as `"$@"`.
fn start_console_in_shell(script: &str) -> PtySession {
    let (program, child_args) = (current_exe(), child_args());
    let mut args = vec!["-c", script, "sh", &program];
    args.extend(child_args.iter().map(String::as_str));
    let session = PtySession::spawn("/bin/sh", &args, (80, 24), &[(ROLE_ENV, "prompt"), ("TERM", "xterm")]);
    session.wait_for("ready");
    session
}

#[test]
fn a_hang_up_without_sighup_ends_the_program() {
    // The shell is the session leader, the only process that gets the signal, and it ignores that signal.
    let mut session = start_console_in_shell("trap '' HUP; \"$@\"; exit $?");
    session.hang_up();
    assert_eq!(session.wait_exit(), ProcessExit::with_code(129));
}

#[test]
fn a_program_waiting_after_a_hang_up_does_not_spin() {
    let mut session = start_console("patient", "xterm-256color");
    session.send("x");
    session.wait_for("Char('x')");
    let program = session.program();
    session.hang_up();
    let before = program.cpu_ticks();
    // Spinning for half a second would take fifty ticks.
    assert!(!session.exits_within(Duration::from_millis(500)), "the console does not wait");
    let after = program.cpu_ticks();
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert!(after - before < 10, "{} ticks", after - before);
}

#[test]
fn a_resize_redraws_the_whole_screen() {
    let session = start_console("prompt", "xterm-256color");
    for (size, text) in [((40, 10), "ready 40x10"), ((1, 1), "r"), ((100, 30), "ready 100x30")] {
        let before = session.bytes().len();
        session.resize(size);
        session.wait_for_bytes_after(before, b"\x1b[2J");
        session.wait_for(text);
    }
}

#[test]
fn a_pipe_is_refused() {
    let output = Command::new(current_exe())
        .args(child_args())
        .env(ROLE_ENV, "prompt")
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .expect("the process starts");
    assert_eq!(output.status.code(), Some(42));
}
