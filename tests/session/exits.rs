//! Every way out of the program, from every page: the terminal is as it was, and the exit code says why.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::office::{
    AMBIGUOUS_ERROR_FAULT, ConsolePage, TIMEOUT_FAULT, TerminalFixture, confirm, open_confirmation,
};
use crate::support::pty::{ProcessExit, PtySession, assert_terminal_restored};

/// Far below the time that answers are waited for; with nothing on its way, the program takes some hundredths of this.
const QUICK_EXIT: Duration = Duration::from_secs(3);

/// Longer than a confirmation wants the keyboard to be quiet.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// In the row of a number whose request is on its way. The word alone stands in the message of the confirmation as well,
/// which comes before the request is recorded.
const SENDING_STATUS: &str = "~ sending";

/// The shell is the session's leader, which alone gets the signal of a hang-up, and ignores it.
const IGNORE_SIGHUP_SCRIPT: &str = "trap '' HUP; \"$@\"; exit $?";

/// Opens each page in a console of its own, leaves it, and looks at what is left.
fn leave_every_page(script: Option<&str>, leave: impl Fn(&mut PtySession, ConsolePage), exit: ProcessExit) {
    let office = TerminalFixture::new(Duration::ZERO, AMBIGUOUS_ERROR_FAULT);
    for page in ConsolePage::ALL {
        let mut session = office.start_console_with_script(script, &[]);
        page.open(&mut session);
        leave(&mut session, page);
        assert!(session.exits_within(QUICK_EXIT), "{page:?} is left at once");
        assert_eq!(session.wait_exit(), exit, "{page:?}");
        if session.is_connected() {
            assert_terminal_restored(&session);
            assert!(!session.screen().contains("pindesk"), "the alternate screen is gone");
        }
    }
}

#[test]
fn ctrl_z_is_off_where_it_was_to_be_ignored() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console_with_script(Some("trap '' TSTP; exec \"$@\""), &[]);
    session.send("\x1a");
    session.wait_for("Ctrl-Z is off here.");
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn q_or_ctrl_c_twice_leaves_every_page() {
    let quit = |session: &mut PtySession, page: ConsolePage| match page {
        ConsolePage::List => session.send("q"),
        ConsolePage::Number => {
            session.send("q");
            session.wait_until_gone("Details: ");
            session.send("q");
        }
        ConsolePage::Filter | ConsolePage::Form | ConsolePage::Confirm | ConsolePage::Help => session.send("\x03\x03"),
        ConsolePage::Quit => {
            session.wait_until_quiet(QUIET_TIME);
            session.send("y");
        }
    };
    leave_every_page(None, quit, ProcessExit::with_code(0));
}

#[test]
fn signals_leave_every_page() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        leave_every_page(None, |session, _| session.kill(signal), ProcessExit::with_code(code));
    }
}

#[test]
fn a_signal_that_means_nothing_leaves_the_terminal_as_it_was() {
    let office = TerminalFixture::without_faults();
    let strays = [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::IO, Signal::XCPU];
    for signal in strays.into_iter().chain([Signal::XFSZ]) {
        let session = office.start_console(&[]);
        session.kill(signal);
        assert_eq!(session.wait_exit(), ProcessExit::with_code(128 + signal.as_raw().cast_unsigned()));
        assert_terminal_restored(&session);
    }
}

#[test]
fn a_hang_up_leaves_every_page() {
    leave_every_page(None, |session, _| session.hang_up(), ProcessExit::with_code(129));
}

#[test]
fn a_hang_up_without_a_signal_leaves_every_page() {
    leave_every_page(Some(IGNORE_SIGHUP_SCRIPT), |session, _| session.hang_up(), ProcessExit::with_code(129));
}

#[test]
fn output_that_takes_no_bytes_ends_the_program() {
    let office = TerminalFixture::without_faults();
    for (keys, shown) in
        [("", "Read 200"), ("/", "Enter keep"), ("p", "PIN again"), ("\r", "Details: "), ("?", "Help: ")]
    {
        // Keys come from one terminal, the screen is another one, which goes away: only writing fails.
        let mut screen = PtySession::spawn("/bin/sh", &["-c", "read -r line"], (80, 24), &[]);
        let script = format!("exec \"$@\" >{}", screen.tty_name());
        let before = office.journal_open_count();
        let mut keyboard = office.spawn(Some(&script), &[], &[]);
        office.wait_until_ready(&screen, before);
        keyboard.send(keys);
        screen.wait_for(shown);
        screen.hang_up();
        keyboard.send("\x0c");
        assert!(keyboard.exits_within(QUICK_EXIT), "{shown:?} is left at once");
        assert_eq!(keyboard.wait_exit(), ProcessExit::with_code(129), "{shown:?}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_gives_the_terminal_back_and_is_told_after_that() {
    let office = TerminalFixture::without_faults();
    let session = office.spawn(None, &["--panic-after-start"], &[]);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(101));
    assert_terminal_restored(&session);
    assert!(session.screen().contains("asked to panic"), "{}", session.screen());
}

#[test]
fn a_signal_waits_for_what_is_on_its_way() {
    let office = TerminalFixture::new(Duration::from_millis(700), "");
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut session = office.start_console(&[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.kill(signal);
        session.wait_for("Waiting for the answers");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_terminal_restored(&session);
    }
    assert_eq!(office.pins_in_force(), 3);
}

#[test]
fn a_hang_up_waits_for_what_is_on_its_way_without_spinning_and_a_signal_ends_that() {
    for script in [None, Some(IGNORE_SIGHUP_SCRIPT)] {
        let office = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
        let mut session = office.start_console_with_script(script, &[]);
        let program = session.program();
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.hang_up();
        let before = program.cpu_ticks();
        assert!(!session.exits_within(Duration::from_secs(1)), "the answer is awaited");
        let spent = program.cpu_ticks() - before;
        assert!(spent < 20, "{spent} hundredths of a second of work in one second");
        program.kill(Signal::TERM);
        assert!(session.exits_within(QUICK_EXIT), "the second signal ends it at once");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let office = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
    let mut session = office.start_console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    assert!(!session.exits_within(QUIET_TIME), "the answer is awaited");
    session.kill(Signal::TERM);
    assert!(session.exits_within(QUICK_EXIT), "the second signal ends it at once");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn quitting_waits_for_what_is_on_its_way_and_can_be_taken_back() {
    let office = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
    let mut session = office.start_console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    session.send("q");
    session.wait_for("Quit while work is on its way?");
    session.wait_until_quiet(QUIET_TIME);
    session.send("y");
    session.wait_for("Waiting for the answers");
    session.send("n");
    session.wait_for("Showing");
    assert!(!session.exits_within(QUIET_TIME), "it stays");
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    session.kill(Signal::TERM);
    assert!(session.exits_within(QUICK_EXIT), "two signals end it at once");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_stopped_program_comes_back_with_its_screen() {
    let office = TerminalFixture::without_faults();
    let script = "set -m; \"$@\"; echo stopped; read -r answer; kill -CONT %1; fg >/dev/null; exit $?";
    let mut session = office.start_console_with_script(Some(script), &[]);
    ConsolePage::Form.open(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    let picture = session.styled_rows();
    session.send("\x1a");
    session.wait_for("stopped");
    assert_terminal_restored(&session);
    session.send("\n");
    session.wait_for_styled_rows(&picture);
    session.with_screen(|screen| assert!(screen.alternate_screen() && screen.bracketed_paste()));
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
    assert_terminal_restored(&session);
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_sends_nothing_until_it_goes_on() {
    let office = TerminalFixture::new(Duration::from_millis(700), "");
    let again = "read -r answer; fg >/dev/null";
    let script = format!("set -m; \"$@\"; echo stopped once; {again}; echo stopped twice; {again}; exit $?");
    let mut session = office.start_console_with_script(Some(&script), &[]);
    open_confirmation(&mut session);
    let program = session.program();
    program.kill(Signal::TSTP);
    session.wait_for("stopped once");
    assert_terminal_restored(&session);
    // A stopped program keeps nobody from writing.
    office.assert_journal_writable();
    session.send("\n");
    session.wait_for("Set the PIN for 1 number?");
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    program.kill(Signal::TSTP);
    session.wait_for("stopped twice");
    office.assert_journal_writable();
    session.send("\n");
    session.wait_for("Two-step verification is on");
    assert_eq!(office.pin_requests(), 1);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn a_stopped_program_that_is_told_to_end_records_what_was_on_its_way_and_ends() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let office = TerminalFixture::new(Duration::from_millis(700), "");
        // As a shell ends a stopped job: it goes on in the background, to hear of it.
        let script =
            format!("set -m; \"$@\"; echo stopped; read -r go; kill -{signal} %1; bg %1 >/dev/null; wait %1; exit $?");
        let mut session = office.start_console_with_script(Some(&script), &[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.send("\x1a");
        session.wait_for("stopped");
        session.send("\n");
        assert!(session.exits_within(QUICK_EXIT), "{signal}: it ends, though it was stopped: {}", session.screen());
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_eq!((office.pin_requests(), office.recorded_outcomes()), (1, vec!["set".to_owned()]), "{signal}");
    }
}

#[test]
fn a_console_whose_journal_died_says_so_and_ends_with_6() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    open_confirmation(&mut session);
    office.delete_journal();
    confirm(&mut session);
    session.wait_for("JOURNAL FAILED");
    session.wait_for("not sent");
    assert_eq!(office.pin_requests(), 0);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(6));
}

#[test]
fn a_terminal_of_no_known_kind_is_refused_with_advice() {
    for (term, told) in [("dumb", "TERM is dumb"), ("", "TERM is not set")] {
        let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &["--demo"], (80, 24), &[("TERM", term)]);
        session.wait_for("Without the screen: pindesk numbers list");
        assert!(session.screen().contains(told), "{}", session.screen());
        assert_eq!(session.wait_exit(), ProcessExit::with_code(2));
    }
}
