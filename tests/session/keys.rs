//! Keys as real lines deliver them: typed ahead, pasted, cut in two, or into a terminal that hangs. Nothing is sent
//! that was not confirmed.

use std::time::Duration;

use crate::support::office::{
    PIN, TerminalFixture, confirm, open_confirmation, open_form, select_unset_number, type_filter,
};
use crate::support::pty::{ProcessExit, PtySession};

/// Longer than a confirmation wants the keyboard to be quiet.
const QUIET_TIME: Duration = Duration::from_millis(500);

#[test]
fn a_confirmed_pin_is_sent_once() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    open_confirmation(&mut session);
    assert_eq!(office.pin_requests(), 0);
    confirm(&mut session);
    session.wait_for("Two-step verification is on");
    assert_eq!(office.pin_requests(), 1);
    assert_eq!(office.pins_in_force(), 1);
}

#[test]
fn what_is_typed_ahead_in_one_go_sends_nothing() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    select_unset_number(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    session.send(format!("p{PIN}{PIN}\ry"));
    session.wait_for("Paste ignored");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(office.pin_requests(), 0);
}

#[test]
fn what_is_typed_ahead_of_the_question_sends_nothing() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    open_form(&mut session);
    session.send(format!("{PIN}{PIN}\ry"));
    session.wait_for("Set the PIN for 1 number?");
    session.wait_for("keys typed ahead were dropped");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(office.pin_requests(), 0);
}

#[test]
fn a_paste_confirms_nothing() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    open_confirmation(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    session.send("\x1b[200~y\ry\r\x1b[201~");
    session.wait_for("A paste confirms nothing.");
    session.send("\x0c");
    session.wait_until_gone("A paste confirms nothing.");
    // A terminal that does not mark pastes.
    session.send("y\ry\ry\ry\ry\ry\r");
    session.wait_for("A paste confirms nothing.");
    session.wait_until_quiet(QUIET_TIME);
    assert!(session.screen().contains("Set the PIN for 1 number?"));
    assert_eq!(office.pin_requests(), 0);
}

#[test]
fn a_paste_is_taken_by_fields_only() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    session.send("\x1b[200~hello\x1b[201~");
    session.wait_for("Paste ignored. Open a field first.");
    open_form(&mut session);
    session.send("\x1b[200~409 726\n\x1b[201~");
    session.wait_for("The pasted text is not 6 digits");
    session.send(format!("\x1b[200~{PIN}\x1b[201~"));
    session.wait_for("[*] [*] [*] [*] [*] [*]");
    assert_eq!(office.pin_requests(), 0);
}

#[test]
fn what_is_typed_blindly_while_the_terminal_hangs_sends_nothing() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    select_unset_number(&mut session);
    session.fill_pty("\x0c");
    // At the pace of a person who believes in the keys.
    for keys in ["p", PIN, PIN, "\r", "y", "y"] {
        session.send(keys);
        session.bytes_within(QUIET_TIME);
    }
    session.resume_reading();
    session.wait_for("Set the PIN for 1 number?");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(office.pin_requests(), 0);
    session.send("y");
    session.wait_for("Two-step verification is on");
    assert_eq!(office.pin_requests(), 1);
}

#[test]
fn more_than_is_read_at_once_is_all_taken_in_at_once() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    type_filter(&mut session, "5");
    let program = session.program();
    // The line itself takes 4,095 bytes ahead.
    session.send([b"\x1b[200~".as_slice(), &[b'7'; 3_000], b"\x1b[201~\x08\x08"].concat());
    session.wait_until_gone("Showing 200 of");
    session.wait_until_quiet(QUIET_TIME);
    let before = program.cpu_ticks();
    session.send("\x15");
    session.wait_for("Showing 200 of 200");
    session.bytes_within(QUIET_TIME);
    assert!(program.cpu_ticks() - before < 20, "it rests when there is nothing more");
    session.send("12");
    session.wait_for("Filter: 12");
}

#[test]
fn keys_cut_in_two_are_put_together() {
    let office = TerminalFixture::without_faults();
    // Over SSH more time is given.
    let mut session = office.start_console(&[("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")]);
    let row = |session: &crate::support::pty::PtySession| session.with_screen(|screen| screen.cursor_position().0);
    let first = row(&session);
    session.send("\x1b");
    session.bytes_within(Duration::from_millis(20));
    session.send("[B");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(row(&session), first + 1);
    session.send("\x1b[");
    session.bytes_within(Duration::from_millis(20));
    session.send("A");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(row(&session), first);
}

#[test]
fn either_backspace_deletes() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    type_filter(&mut session, "555");
    session.send("\x08");
    session.wait_until_gone("Filter: 555");
    session.wait_for("Filter: 55");
    session.send("\x7f");
    session.wait_until_gone("Filter: 55");
    session.wait_for("Filter: 5");
    session.send("\x1b");
    session.wait_for("Filter: none");
    open_form(&mut session);
    session.send("40");
    session.wait_for("[*] [*] [_]");
    session.send("\x08");
    session.wait_until_gone("[*] [*]");
    session.send("\x7f");
    session.wait_until_gone("[*]");
}

#[test]
fn ctrl_s_does_not_freeze_the_screen() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    session.send("\x13");
    session.wait_for("Ctrl-S does nothing here.");
    session.send("\x11");
    session.wait_for("Ctrl-Q does nothing here.");
}

#[test]
fn what_is_typed_for_the_token_command_is_no_key_of_the_console() {
    let office = TerminalFixture::without_faults();
    // The first time it fails; then it asks, and leaves a word unread.
    office.use_token_command(
        "cd $1; if ! [ -e asked ]; then touch asked; exit 1; fi; \
         for n in 1 2 3 4 5; do echo passphrase $n? >/dev/tty; read -r word </dev/tty; echo $word >>typed; done; \
         echo one more? >/dev/tty; until [ -e typed-ahead ]; do :; done; cat token",
    );
    let mut session = office.spawn(None, &[], &[]);
    session.wait_for("try again");
    session.send("r");
    for n in 1..=5 {
        session.wait_for(&format!("passphrase {n}?"));
        session.send("qqqq\n");
    }
    session.wait_for("one more?");
    session.send("qqqq\nqq");
    session.wait_for("qqqq\nqq");
    std::fs::write(office.temp_path().join("typed-ahead"), "").expect("it is written");
    session.wait_for("Read 200 numbers.");
    assert!(!session.exits_within(QUIET_TIME), "no q of it came to the console");
    let typed = std::fs::read_to_string(office.temp_path().join("typed")).expect("it was asked for");
    assert_eq!(typed, "qqqq\n".repeat(5));
}

#[test]
fn a_demo_that_is_read_only_changes_nothing() {
    let flags = ["--demo", "--demo-latency", "0", "--demo-numbers", "100", "--read-only"];
    let mut session =
        PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &flags, (80, 24), &[("TERM", "xterm"), ("USER", "ana")]);
    session.wait_for("Read 100 numbers.");
    session.send("p");
    session.wait_for("This profile is read-only: nothing can be changed.");
    assert!(session.screen().starts_with("pindesk  DEMO  READ-ONLY  profile demo  user ana"), "{}", session.screen());
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}
