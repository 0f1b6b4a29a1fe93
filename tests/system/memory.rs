//! What stays in the memory of the program of a PIN that was set, and of an access token that was dropped.
//!
//! Only root may read that memory, because the program is not dumpable.

use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use memchr::memmem;
use pindesk::simulator::FULL_ACCESS_TOKEN;

use crate::support::pty::PtySession;
use crate::support::skip;
use crate::support::terminal_fixture::{PIN, TerminalFixture, confirm, open_confirmation};

/// Longer than the program takes to handle a reply.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// How often a text is in the memory that a program can write. The texts of the program file itself are not in it.
fn count_in_memory(session: &PtySession, text: &str) -> usize {
    let memory = session.memory();
    let maps = String::from_utf8(session.proc_file("maps")).expect("text");
    let mut count = 0;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(mode)) = (fields.next(), fields.next()) else { continue };
        let Some((start, end)) = range.split_once('-').filter(|_| mode.starts_with("rw")) else { continue };
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        let mut bytes = vec![0; usize::try_from(end - start).expect("a length")];
        // A thread may end and take its stack along.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            count += memmem::find_iter(&bytes, text).count();
        }
    }
    count
}

#[test]
fn a_pin_that_was_set_and_a_dropped_token_leave_no_copy() {
    if !rustix::process::geteuid().is_root() {
        return skip::not_allowed("reading the memory of the program, which only root may");
    }
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    open_confirmation(&mut session);
    assert!(count_in_memory(&session, PIN) > 0, "this test would find a PIN");
    confirm(&mut session);
    session.wait_for("Two-step verification is on");
    session.wait_until_quiet(QUIET_TIME);
    let pins = count_in_memory(&session, PIN);
    let header = format!("Bearer {FULL_ACCESS_TOKEN}");
    assert!(count_in_memory(&session, &header) > 0, "this test would find a token");
    session.send("z");
    session.wait_for("You hid the screen.");
    session.wait_until_quiet(QUIET_TIME);
    assert_eq!((pins, count_in_memory(&session, PIN), count_in_memory(&session, &header)), (0, 0, 0));
}
