//! Every way to end or suspend the console, from every page: the terminal is restored, and the exit code shows why.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::pty::{ProcessExit, PtySession, assert_terminal_restored};
use crate::support::terminal_fixture::{
    AMBIGUOUS_ERROR_FAULT, ConsolePage, QUESTION, TIMEOUT_FAULT, TerminalFixture, confirm, open_confirmation,
};

/// Far below the time for which the console waits for answers (35 s). With no request in flight, an exit takes far less,
/// but the machine may be busy.
const QUICK_EXIT: Duration = Duration::from_secs(15);

/// Longer than the pause in typing that a confirmation needs.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// The status in the row of a number whose request is in flight. The word alone is also in the message of the
/// confirmation, which appears before the request is recorded.
const SENDING_STATUS: &str = "~ sending";

/// The shell is the session leader, the only process that gets the signal of a hang-up, and it ignores that signal.
const IGNORE_SIGHUP_SCRIPT: &str = "trap '' HUP; \"$@\"; exit $?";

/// Opens each page in a separate console, ends that console, and checks the exit code and the terminal.
fn end_on_every_page(script: Option<&str>, end: impl Fn(&mut PtySession, ConsolePage), exit: ProcessExit) {
    let fixture = TerminalFixture::new(Duration::ZERO, AMBIGUOUS_ERROR_FAULT);
    for page in ConsolePage::ALL {
        let mut session = fixture.start_console_with_script(script, &[]);
        page.open(&mut session);
        end(&mut session, page);
        assert!(session.exits_within(QUICK_EXIT), "{page:?} does not end at once");
        assert_eq!(session.wait_exit(), exit, "{page:?}");
        if session.is_connected() {
            assert_terminal_restored(&session);
            assert!(!session.screen().contains("[TEST]"), "the alternate screen is still shown");
        }
    }
}

#[test]
fn ctrl_z_is_off_if_sigtstp_is_ignored() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console_with_script(Some("trap '' TSTP; exec \"$@\""), &[]);
    session.send("\x1a");
    session.wait_for("Ctrl-Z is off here.");
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn q_or_ctrl_c_twice_exits_from_every_page() {
    let quit = |session: &mut PtySession, page: ConsolePage| match page {
        ConsolePage::List => session.send("q"),
        ConsolePage::Number => {
            session.send("q");
            session.wait_until_gone("Last request");
            session.send("q");
        }
        ConsolePage::Filter | ConsolePage::Form | ConsolePage::Confirm | ConsolePage::Help => session.send("\x03\x03"),
        ConsolePage::Quit => {
            session.wait_until_quiet(QUIET_TIME);
            session.send("y");
        }
    };
    end_on_every_page(None, quit, ProcessExit::with_code(0));
}

#[test]
fn signals_end_the_console_on_every_page() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        end_on_every_page(None, |session, _| session.kill(signal), ProcessExit::with_code(code));
    }
}

#[test]
fn an_unused_signal_restores_the_terminal() {
    let fixture = TerminalFixture::without_faults();
    let signals = [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::IO, Signal::XCPU];
    for signal in signals {
        let session = fixture.start_console(&[]);
        session.kill(signal);
        assert_eq!(session.wait_exit(), ProcessExit::with_code(128 + signal.as_raw().cast_unsigned()));
        assert_terminal_restored(&session);
    }
}

#[test]
fn the_signal_of_a_file_that_is_too_large_ends_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    // The write that causes it fails, and is told.
    session.kill(Signal::XFSZ);
    session.send("?");
    session.wait_for("Help: ");
    session.kill(Signal::TERM);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_hang_up_ends_the_console_on_every_page() {
    end_on_every_page(None, |session, _| session.hang_up(), ProcessExit::with_code(129));
}

#[test]
fn a_hang_up_without_sighup_ends_it_on_every_page() {
    end_on_every_page(Some(IGNORE_SIGHUP_SCRIPT), |session, _| session.hang_up(), ProcessExit::with_code(129));
}

#[test]
fn failing_output_ends_the_console() {
    let fixture = TerminalFixture::without_faults();
    for (keys, shown) in
        [("", "Read 200"), ("/", "Enter apply"), ("p", "PIN again"), ("\r", "Last request"), ("?", "Help: ")]
    {
        // The keys come from one terminal. The screen is another one, which is closed, so that only writing fails.
        let mut screen = PtySession::spawn("/bin/sh", &["-c", "read -r line"], (80, 24), &[]);
        let script = format!("exec \"$@\" >{}", screen.tty_name());
        let before = fixture.journal_open_count();
        let mut keyboard = fixture.spawn(Some(&script), &[], &[]);
        fixture.wait_until_ready(&screen, before);
        keyboard.send(keys);
        screen.wait_for(shown);
        screen.hang_up();
        keyboard.send("\x0c");
        assert!(keyboard.exits_within(QUICK_EXIT), "{shown:?} does not end at once");
        assert_eq!(keyboard.wait_exit(), ProcessExit::with_code(129), "{shown:?}");
        assert_eq!(keyboard.modes(), keyboard.initial_modes(), "{shown:?}: the keyboard's terminal is restored, too");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_restores_the_terminal_before_its_message() {
    let fixture = TerminalFixture::without_faults();
    let session = fixture.spawn(None, &["--panic-after-start"], &[]);
    assert_eq!(session.wait_exit(), ProcessExit::with_code(101));
    assert_terminal_restored(&session);
    assert!(session.screen().contains("asked to panic"), "{}", session.screen());
}

#[test]
fn a_signal_waits_for_requests_in_flight() {
    let fixture = TerminalFixture::new(Duration::from_millis(700), "");
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut session = fixture.start_console(&[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.kill(signal);
        session.wait_for("Waiting for the answers");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_terminal_restored(&session);
    }
    assert_eq!(fixture.pins_in_force(), 3);
}

#[test]
fn a_hang_up_waits_for_requests_without_spinning() {
    for script in [None, Some(IGNORE_SIGHUP_SCRIPT)] {
        let fixture = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
        let mut session = fixture.start_console_with_script(script, &[]);
        let program = session.program();
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.hang_up();
        let before = program.cpu_ticks();
        assert!(!session.exits_within(Duration::from_secs(1)), "the console does not wait for the answer");
        let spent = program.cpu_ticks() - before;
        assert!(spent < 20, "{spent} hundredths of a second of work in one second");
        program.kill(Signal::TERM);
        assert!(session.exits_within(QUICK_EXIT), "the second signal does not end the console at once");
        assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    let fixture = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    assert!(!session.exits_within(QUIET_TIME), "the console does not wait for the answer");
    session.kill(Signal::TERM);
    assert!(session.exits_within(QUICK_EXIT), "the second signal does not end the console at once");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn quitting_waits_for_requests_and_can_be_canceled() {
    let fixture = TerminalFixture::new(Duration::ZERO, TIMEOUT_FAULT);
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    session.send("q");
    session.wait_for("Quit while work is unfinished?");
    session.wait_until_quiet(QUIET_TIME);
    session.send("y");
    session.wait_for("Waiting for the answers");
    session.send("n");
    session.wait_for("set PIN");
    assert!(!session.exits_within(QUIET_TIME), "the console quits");
    session.kill(Signal::TERM);
    session.wait_for("Waiting for the answers");
    session.kill(Signal::TERM);
    assert!(session.exits_within(QUICK_EXIT), "two signals do not end the console at once");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(143));
    assert_terminal_restored(&session);
}

#[test]
fn a_resumed_console_redraws_its_screen() {
    let fixture = TerminalFixture::without_faults();
    let script = "set -m; \"$@\"; echo stopped; read -r answer; kill -CONT %1; fg >/dev/null; exit $?";
    let mut session = fixture.start_console_with_script(Some(script), &[]);
    ConsolePage::Form.open(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    let rows = session.styled_rows();
    session.send("\x1a");
    session.wait_for("stopped");
    assert_terminal_restored(&session);
    session.send("\n");
    session.wait_for_styled_rows(&rows);
    session.with_screen(|screen| assert!(screen.alternate_screen() && screen.bracketed_paste()));
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
    assert_terminal_restored(&session);
}

#[test]
fn sigtstp_restores_the_terminal_and_releases_locks() {
    let fixture = TerminalFixture::new(Duration::from_millis(700), "");
    let resume = "read -r answer; fg >/dev/null";
    let script = format!("set -m; \"$@\"; echo stopped once; {resume}; echo stopped twice; {resume}; exit $?");
    let mut session = fixture.start_console_with_script(Some(&script), &[]);
    open_confirmation(&mut session);
    let program = session.program();
    program.kill(Signal::TSTP);
    session.wait_for("stopped once");
    assert_terminal_restored(&session);
    // A suspended console does not block other writers.
    fixture.assert_journal_writable();
    session.send("\n");
    session.wait_for(QUESTION);
    confirm(&mut session);
    session.wait_for(SENDING_STATUS);
    program.kill(Signal::TSTP);
    session.wait_for("stopped twice");
    fixture.assert_journal_writable();
    session.send("\n");
    session.wait_for("Two-step verification is on");
    assert_eq!(fixture.pin_requests(), 1);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn a_suspended_console_records_outcomes_before_it_ends() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let fixture = TerminalFixture::new(Duration::from_millis(700), "");
        // This is how a shell ends a suspended job: it resumes the job in the background to deliver the signal.
        let script =
            format!("set -m; \"$@\"; echo stopped; read -r go; kill -{signal} %1; bg %1 >/dev/null; wait %1; exit $?");
        let mut session = fixture.start_console_with_script(Some(&script), &[]);
        open_confirmation(&mut session);
        confirm(&mut session);
        session.wait_for(SENDING_STATUS);
        session.send("\x1a");
        session.wait_for("stopped");
        session.send("\n");
        assert!(session.exits_within(QUICK_EXIT), "{signal}: the suspended console does not end: {}", session.screen());
        assert_eq!(session.wait_exit(), ProcessExit::with_code(code));
        assert_eq!((fixture.pin_requests(), fixture.recorded_outcomes()), (1, vec!["set".to_owned()]), "{signal}");
    }
}

#[test]
fn a_console_whose_journal_failed_exits_6() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    fixture.delete_journal();
    confirm(&mut session);
    session.wait_for("JOURNAL FAILED");
    session.wait_for("not sent");
    assert_eq!(fixture.pin_requests(), 0);
    session.send("\x03\x03");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(6));
}

#[test]
fn recipients_that_cannot_be_used_are_told_before_the_screen() {
    let fixture = TerminalFixture::without_faults();
    fixture.append_to_config("[escrow]\nrecipients_file = \"/nonexistent/recipients\"\n");
    let session = fixture.spawn(None, &[], &[]);
    session.wait_for("pindesk: recipients file /nonexistent/recipients: there is no such file");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(6));
}

#[test]
fn an_unsupported_terminal_is_refused_with_advice() {
    for (term, message) in [("dumb", "TERM is dumb"), ("", "TERM is not set")] {
        let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &["--demo"], (80, 24), &[("TERM", term)]);
        session.wait_for("Without the screen: pindesk numbers list");
        assert!(session.screen().contains(message), "{}", session.screen());
        assert_eq!(session.wait_exit(), ProcessExit::with_code(2));
    }
}
