//! Keys as real connections deliver them: typed ahead, pasted, split in two, or typed while the terminal hangs. The
//! console never sends a PIN that was not confirmed.

use std::time::Duration;

use crate::support::pty::{ProcessExit, PtySession};
use crate::support::terminal_fixture::{
    PIN, QUESTION, TerminalFixture, confirm, open_confirmation, open_form, select_unset_number, type_filter,
};

/// Opens the question whether to replace the PIN of a number.
fn open_replace_question(session: &mut PtySession) {
    type_filter(session, "two-step:on");
    session.send("\rp");
    session.wait_for("PIN again");
    session.send(format!("{PIN}{PIN}"));
    session.wait_for("Ready. Press Enter.");
    session.send("\r");
    session.wait_for("Replace the PIN of");
}

/// Longer than the pause in typing that a confirmation needs.
const QUIET_TIME: Duration = Duration::from_millis(500);

#[test]
fn a_confirmed_pin_is_sent_once() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    assert_eq!(fixture.pin_requests(), 0);
    confirm(&mut session);
    session.wait_for("Two-step verification is on");
    assert_eq!(fixture.pin_requests(), 1);
    assert_eq!(fixture.pins_in_force(), 1);
}

#[test]
fn keys_typed_ahead_at_once_send_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    select_unset_number(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    session.send(format!("p{PIN}{PIN}\ry"));
    session.wait_for("Paste ignored");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn keys_typed_before_the_question_send_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_form(&mut session);
    session.send(format!("{PIN}{PIN}\ry"));
    session.wait_for(QUESTION);
    session.wait_for("Keys typed before this question are ignored.");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn the_field_for_the_digits_opens_by_itself_and_once() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_replace_question(&mut session);
    session.wait_for("[wait]");
    session.wait_for("[____]");
    assert_eq!(session.bytes_within(2 * QUIET_TIME), 0, "an open question draws nothing");
    session.send("00");
    session.wait_for("2 of 4 digits.");
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn digits_count_although_keys_keep_coming() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_replace_question(&mut session);
    while !session.screen().contains("4 of 4 digits.") {
        session.send("0");
        session.bytes_within(Duration::from_millis(100));
    }
    session.wait_until_quiet(QUIET_TIME);
    session.send("\r");
    session.wait_for("Those are not the last 4 digits. Try again.");
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn a_held_yes_confirms_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    while !session.screen().contains("Release the keys, then press y.") {
        session.send("y");
        session.bytes_within(Duration::from_millis(30));
    }
    assert_eq!(fixture.pin_requests(), 0);
    confirm(&mut session);
    session.wait_for("Two-step verification is on");
    assert_eq!(fixture.pin_requests(), 1);
}

#[test]
fn four_keys_set_a_random_pin_that_the_escrow_keeps() {
    let flags = ["--demo", "--demo-latency", "0", "--demo-numbers", "100"];
    let env = [("TERM", "xterm"), ("USER", "ana")];
    let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &flags, (80, 24), &env);
    session.wait_for("All 100 numbers");
    select_unset_number(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    session.send("p");
    session.wait_for("Type 6 digits.");
    session.send("g");
    session.wait_for("Ready. Press Enter.");
    session.send("\r");
    session.wait_for(QUESTION);
    confirm(&mut session);
    session.wait_for("Two-step verification is on");
}

#[test]
fn a_paste_confirms_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    session.wait_until_quiet(QUIET_TIME);
    session.send("\x1b[200~y\ry\r\x1b[201~");
    session.wait_for("Too fast: that looked like a paste. Press the key again.");
    session.wait_until_quiet(QUIET_TIME);
    session.send("x");
    session.wait_until_gone("Too fast: that looked like a paste. Press the key again.");
    session.wait_until_quiet(QUIET_TIME);
    // A terminal without bracketed paste.
    session.send("y\r");
    session.wait_for("Too fast: that looked like a paste. Press the key again.");
    session.wait_until_quiet(QUIET_TIME);
    assert!(session.screen().contains(QUESTION));
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn only_fields_accept_a_paste() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    session.send("\x1b[200~hello\x1b[201~");
    session.wait_for("Paste ignored. Open a field first.");
    open_form(&mut session);
    session.send("\x1b[200~409 726\n\x1b[201~");
    session.wait_for("The pasted text is not 6 digits");
    session.send(format!("\x1b[200~{PIN}\x1b[201~"));
    session.wait_for("[*] [*] [*] [*] [*] [*]");
    assert_eq!(fixture.pin_requests(), 0);
}

#[test]
fn keys_typed_while_the_terminal_hangs_send_nothing() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    select_unset_number(&mut session);
    session.fill_pty("\x0c");
    // At the pace of a person who types without seeing the screen.
    for keys in ["p", PIN, PIN, "\r", "y", "y"] {
        session.send(keys);
        session.bytes_within(QUIET_TIME);
    }
    session.resume_reading();
    session.wait_for(QUESTION);
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(fixture.pin_requests(), 0);
    session.send("y");
    session.wait_for("Two-step verification is on");
    assert_eq!(fixture.pin_requests(), 1);
}

#[test]
fn input_larger_than_one_read_is_handled_at_once() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    type_filter(&mut session, "5");
    let program = session.program();
    // The terminal buffers 4,095 bytes of input.
    session.send([b"\x1b[200~".as_slice(), &[b'7'; 3_000], b"\x1b[201~\x08\x08"].concat());
    session.wait_until_gone("200 of 200");
    session.wait_until_quiet(QUIET_TIME);
    let before = program.cpu_ticks();
    session.send("\x15");
    session.wait_for("200 of 200");
    session.bytes_within(QUIET_TIME);
    assert!(program.cpu_ticks() - before < 20, "the console is busy without input");
    session.send("12");
    session.wait_for("/ 12");
}

#[test]
fn split_escape_sequences_are_reassembled() {
    let fixture = TerminalFixture::without_faults();
    // Over SSH, the console waits longer for the rest of a sequence than elsewhere (60 ms).
    let mut session = fixture.start_console(&[("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")]);
    let row = |session: &PtySession| session.with_screen(|screen| screen.cursor_position().0);
    // The cursor is on the number that came first, which may be in the last row of the window.
    session.send("<");
    session.wait_until_quiet(QUIET_TIME);
    let first = row(&session);
    session.send("\x1b");
    session.bytes_within(Duration::from_millis(90));
    session.send("[B");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(row(&session), first + 1);
    session.send("\x1b[");
    session.bytes_within(Duration::from_millis(90));
    session.send("A");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!(row(&session), first);
}

#[test]
fn both_backspace_codes_delete() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    type_filter(&mut session, "555");
    session.send("\x08");
    session.wait_until_gone("/ 555");
    session.wait_for("/ 55");
    session.send("\x7f");
    session.wait_until_gone("/ 55");
    session.wait_for("/ 5");
    session.send("\x1b");
    session.wait_for("All ");
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
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    session.send("\x13");
    session.wait_for("Ctrl-S does nothing here.");
    session.send("\x11");
    session.wait_for("Ctrl-Q does nothing here.");
}

#[test]
fn input_for_the_token_command_is_not_a_console_key() {
    let fixture = TerminalFixture::without_faults();
    // The command fails the first time. Then it asks for input, and leaves some input unread.
    fixture.use_token_command(
        "cd $1; if ! [ -e asked ]; then touch asked; exit 1; fi; \
         for n in 1 2 3 4 5; do echo passphrase $n? >/dev/tty; read -r word </dev/tty; echo $word >>typed; done; \
         echo one more? >/dev/tty; until [ -e typed-ahead ]; do :; done; cat token",
    );
    let mut session = fixture.spawn(None, &[], &[]);
    session.wait_for("try again");
    session.send("r");
    for n in 1..=5 {
        session.wait_for(&format!("passphrase {n}?"));
        session.send("qqqq\n");
    }
    session.wait_for("one more?");
    session.send("qqqq\nqq");
    session.wait_for("qqqq\nqq");
    std::fs::write(fixture.temp_path().join("typed-ahead"), "").expect("the file is written");
    session.wait_for("Read 200 numbers.");
    assert!(!session.exits_within(QUIET_TIME), "input for the command reached the console");
    let typed = std::fs::read_to_string(fixture.temp_path().join("typed")).expect("the file is readable");
    assert_eq!(typed, "qqqq\n".repeat(5));
}

#[test]
fn a_read_only_demo_changes_nothing() {
    let flags = ["--demo", "--demo-latency", "0", "--demo-numbers", "100", "--read-only"];
    let env = [("TERM", "xterm"), ("LANG", "C.UTF-8"), ("USER", "ana")];
    let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &flags, (80, 24), &env);
    session.wait_for("Read 100 numbers.");
    session.send("p");
    session.wait_for("pindesk is read-only here: nothing can be changed.");
    assert!(session.screen().starts_with("pindesk  (DEMO)  READ-ONLY  made-up numbers"), "{}", session.screen());
    // A key that follows a refused one at once was meant for the page that did not open.
    session.wait_until_quiet(QUIET_TIME);
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}
