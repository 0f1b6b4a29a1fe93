//! Every way out of the program, from every page: the terminal is as it was, and the exit code says why.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::office::{DOUBT, Office, Page, SILENCE, confirm, open_confirmation};
use crate::support::pty::{Exit, Session, assert_left};

/// Far below the time that answers are waited for; with nothing on its way, the program takes some hundredths of this.
const PROMPT: Duration = Duration::from_secs(3);

/// Longer than a confirmation wants the keyboard to be quiet.
const QUIET: Duration = Duration::from_millis(500);

/// In the row of a number whose request is on its way. The word alone stands in the message of the confirmation as well,
/// which comes before the request is recorded.
const SENDING: &str = "~ sending";

/// The shell is the session's leader, which alone gets the signal of a hang-up, and ignores it.
const NO_SIGHUP: &str = "trap '' HUP; \"$@\"; exit $?";

/// Opens each page in a console of its own, leaves it, and looks at what is left.
fn leave_every_page(script: Option<&str>, leave: impl Fn(&mut Session, Page), exit: Exit) {
    let office = Office::open(Duration::ZERO, DOUBT);
    for page in Page::ALL {
        let mut session = office.console_by(script, &[]);
        page.open(&mut session);
        leave(&mut session, page);
        assert!(session.ends_within(PROMPT), "{page:?} is left at once");
        assert_eq!(session.wait_exit(), exit, "{page:?}");
        if session.is_connected() {
            assert_left(&session);
            assert!(!session.screen().contains("pindesk"), "the alternate screen is gone");
        }
    }
}

#[test]
fn ctrl_z_is_off_where_it_was_to_be_ignored() {
    let office = Office::prompt();
    let mut session = office.console_by(Some("trap '' TSTP; exec \"$@\""), &[]);
    session.send("\x1a");
    session.wait_for("Ctrl-Z is off here.");
    session.send("q");
    assert_eq!(session.wait_exit(), Exit::with(0));
}

#[test]
fn q_or_ctrl_c_twice_leaves_every_page() {
    let quit = |session: &mut Session, page: Page| match page {
        Page::List => session.send("q"),
        Page::Number => {
            session.send("q");
            session.wait_gone("Details: ");
            session.send("q");
        }
        Page::Filter | Page::Form | Page::Confirm | Page::Help => session.send("\x03\x03"),
        Page::Quit => {
            session.wait_quiet(QUIET);
            session.send("y");
        }
    };
    leave_every_page(None, quit, Exit::with(0));
}

#[test]
fn signals_leave_every_page() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        leave_every_page(None, |session, _| session.kill(signal), Exit::with(code));
    }
}

#[test]
fn a_signal_that_means_nothing_leaves_the_terminal_as_it_was() {
    let office = Office::prompt();
    let strays = [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::IO, Signal::XCPU];
    for signal in strays.into_iter().chain([Signal::XFSZ]) {
        let session = office.console(&[]);
        session.kill(signal);
        assert_eq!(session.wait_exit(), Exit::with(128 + signal.as_raw().cast_unsigned()));
        assert_left(&session);
    }
}

#[test]
fn a_hang_up_leaves_every_page() {
    leave_every_page(None, |session, _| session.hang_up(), Exit::with(129));
}

#[test]
fn a_hang_up_without_a_signal_leaves_every_page() {
    leave_every_page(Some(NO_SIGHUP), |session, _| session.hang_up(), Exit::with(129));
}

#[test]
fn output_that_takes_no_bytes_ends_the_program() {
    let office = Office::prompt();
    for (keys, shown) in
        [("", "Read 200"), ("/", "Enter keep"), ("p", "PIN again"), ("\r", "Details: "), ("?", "Help: ")]
    {
        // Keys come from one terminal, the screen is another one, which goes away: only writing fails.
        let mut screen = Session::spawn("/bin/sh", &["-c", "read -r line"], (80, 24), &[]);
        let script = format!("exec \"$@\" >{}", screen.terminal_name());
        let before = office.runs();
        let mut keyboard = office.start(Some(&script), &[], &[]);
        office.wait_until_ready(&screen, before);
        keyboard.send(keys);
        screen.wait_for(shown);
        screen.hang_up();
        keyboard.send("\x0c");
        assert!(keyboard.ends_within(PROMPT), "{shown:?} is left at once");
        assert_eq!(keyboard.wait_exit(), Exit::with(129), "{shown:?}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_gives_the_terminal_back_and_is_told_after_that() {
    let office = Office::prompt();
    let session = office.start(None, &["--panic-after-start"], &[]);
    assert_eq!(session.wait_exit(), Exit::with(101));
    assert_left(&session);
    assert!(session.screen().contains("asked to panic"), "{}", session.screen());
}

#[test]
fn a_signal_waits_for_what_is_on_its_way() {
    let office = Office::open(Duration::from_millis(700), "");
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut session = office.console(&[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING);
        session.kill(signal);
        session.wait_for("Waiting for the answers");
        assert_eq!(session.wait_exit(), Exit::with(code));
        assert_left(&session);
    }
    assert_eq!(office.pins_in_force(), 3);
}

#[test]
fn a_hang_up_waits_for_what_is_on_its_way_without_spinning_and_a_signal_ends_that() {
    for script in [None, Some(NO_SIGHUP)] {
        let office = Office::open(Duration::ZERO, SILENCE);
        let mut session = office.console_by(script, &[]);
        let program = session.program();
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING);
        session.hang_up();
        let before = program.cpu_ticks();
        assert!(!session.ends_within(Duration::from_secs(1)), "the answer is awaited");
        let spent = program.cpu_ticks() - before;
        assert!(spent < 20, "{spent} hundredths of a second of work in one second");
        program.kill(Signal::TERM);
        assert!(session.ends_within(PROMPT), "the second signal ends it at once");
        assert_eq!(session.wait_exit(), Exit::with(143));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let office = Office::open(Duration::ZERO, SILENCE);
    let mut session = office.console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING);
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    assert!(!session.ends_within(QUIET), "the answer is awaited");
    session.kill(Signal::TERM);
    assert!(session.ends_within(PROMPT), "the second signal ends it at once");
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert_left(&session);
}

#[test]
fn quitting_waits_for_what_is_on_its_way_and_can_be_taken_back() {
    let office = Office::open(Duration::ZERO, SILENCE);
    let mut session = office.console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING);
    session.send("q");
    session.wait_for("Quit while work is on its way?");
    session.wait_quiet(QUIET);
    session.send("y");
    session.wait_for("Waiting for the answers");
    session.send("n");
    session.wait_for("Showing");
    assert!(!session.ends_within(QUIET), "it stays");
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    session.kill(Signal::TERM);
    assert!(session.ends_within(PROMPT), "two signals end it at once");
    assert_eq!(session.wait_exit(), Exit::with(143));
    assert_left(&session);
}

#[test]
fn a_stopped_program_comes_back_with_its_screen() {
    let office = Office::prompt();
    let script = "set -m; \"$@\"; echo stopped; read -r answer; kill -CONT %1; fg >/dev/null; exit $?";
    let mut session = office.console_by(Some(script), &[]);
    Page::Form.open(&mut session);
    session.wait_quiet(QUIET);
    let picture = session.picture();
    session.send("\x1a");
    session.wait_for("stopped");
    assert_left(&session);
    session.send("\n");
    session.wait_for_picture(&picture);
    session.terminal(|screen| assert!(screen.alternate_screen() && screen.bracketed_paste()));
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), Exit::with(0));
    assert_left(&session);
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_sends_nothing_until_it_goes_on() {
    let office = Office::open(Duration::from_millis(700), "");
    let again = "read -r answer; fg >/dev/null";
    let script = format!("set -m; \"$@\"; echo stopped once; {again}; echo stopped twice; {again}; exit $?");
    let mut session = office.console_by(Some(&script), &[]);
    open_confirmation(&mut session);
    let program = session.program();
    program.kill(Signal::TSTP);
    session.wait_for("stopped once");
    assert_left(&session);
    // A stopped program keeps nobody from writing.
    office.writes_to_the_journal();
    session.send("\n");
    session.wait_for("Set the PIN for 1 number?");
    confirm(&mut session);
    session.wait_for(SENDING);
    program.kill(Signal::TSTP);
    session.wait_for("stopped twice");
    office.writes_to_the_journal();
    session.send("\n");
    session.wait_for("Two-step verification is on");
    assert_eq!(office.pin_requests(), 1);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), Exit::with(0));
}

#[test]
fn a_stopped_program_that_is_told_to_end_records_what_was_on_its_way_and_ends() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let office = Office::open(Duration::from_millis(700), "");
        // As a shell ends a stopped job: it goes on in the background, to hear of it.
        let script =
            format!("set -m; \"$@\"; echo stopped; read -r go; kill -{signal} %1; bg %1 >/dev/null; wait %1; exit $?");
        let mut session = office.console_by(Some(&script), &[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING);
        session.send("\x1a");
        session.wait_for("stopped");
        session.send("\n");
        assert!(session.ends_within(PROMPT), "{signal}: it ends, though it was stopped: {}", session.screen());
        assert_eq!(session.wait_exit(), Exit::with(code));
        assert_eq!((office.pin_requests(), office.outcomes()), (1, vec!["set".to_owned()]), "{signal}");
    }
}

#[test]
fn a_console_whose_journal_died_says_so_and_ends_with_6() {
    let office = Office::prompt();
    let mut session = office.console(&[]);
    open_confirmation(&mut session);
    office.loses_the_journal();
    confirm(&mut session);
    session.wait_for("JOURNAL FAILED");
    session.wait_for("not sent");
    assert_eq!(office.pin_requests(), 0);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), Exit::with(6));
}

#[test]
fn a_terminal_of_no_known_kind_is_refused_with_advice() {
    for (term, told) in [("dumb", "TERM is dumb"), ("", "TERM is not set")] {
        let session = Session::spawn(env!("CARGO_BIN_EXE_pindesk"), &["--demo"], (80, 24), &[("TERM", term)]);
        session.wait_for("use: pindesk numbers list.");
        assert!(session.screen().contains(told), "{}", session.screen());
        assert_eq!(session.wait_exit(), Exit::with(2));
    }
}
