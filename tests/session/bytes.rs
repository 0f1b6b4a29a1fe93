//! What the program writes, byte for byte: nothing when idle, nothing that the terminal does not know, no secret.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::office::{
    AMBIGUOUS_ERROR_FAULT, ConsolePage, PIN, TerminalFixture, confirm, open_confirmation, open_form,
    select_unset_number, type_filter,
};
use crate::support::pty::{ProcessExit, PtySession};

/// All that comes of one key has come when nothing more comes for so long.
const QUIET_TIME: Duration = Duration::from_millis(300);

fn contains_bytes(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|bytes| bytes == part)
}

/// The parameters of every `CSI … m`.
fn sgr_parameters(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences.flat_map(|all| all.split(';').map(|one| one.parse().unwrap_or(0)).collect::<Vec<_>>()).collect()
}

/// Goes through the pages, sets a PIN, and quits. Gives the screens seen on the way.
fn visit_pages(session: &mut PtySession) -> Vec<String> {
    let mut seen = vec![session.text()];
    let mut look = |session: &PtySession| {
        session.wait_until_quiet(QUIET_TIME);
        seen.push(session.text());
    };
    session.send("jjj");
    look(session);
    ConsolePage::Help.open(session);
    look(session);
    session.send("q");
    session.wait_until_gone("Help: ");
    ConsolePage::Number.open(session);
    look(session);
    session.send("q");
    session.wait_until_gone("Details: ");
    open_confirmation(session);
    look(session);
    confirm(session);
    session.wait_for("Two-step verification is on");
    session.send("m");
    session.wait_for("Messages");
    session.send("q");
    session.wait_until_gone("Messages");
    seen
}

fn quit(session: &mut PtySession) {
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn an_idle_page_writes_nothing() {
    let office = TerminalFixture::new(Duration::ZERO, AMBIGUOUS_ERROR_FAULT);
    let sessions: Vec<_> = ConsolePage::ALL
        .into_iter()
        .map(|page| {
            let mut session = office.start_console(&[]);
            page.open(&mut session);
            (page, session)
        })
        .collect();
    for (_, session) in &sessions {
        session.wait_until_quiet(QUIET_TIME);
    }
    let before: Vec<_> = sessions.iter().map(|(page, session)| (*page, session.bytes().len())).collect();
    sessions[0].1.bytes_within(Duration::from_secs(2));
    let after: Vec<_> = sessions.iter().map(|(page, session)| (*page, session.bytes().len())).collect();
    assert_eq!(after, before);
}

#[test]
fn every_terminal_shows_the_same_text() {
    let terms =
        ["xterm-256color", "linux", "vt100", "screen", "screen-256color", "tmux-256color", "putty", "xterm", "ansi"];
    let office = TerminalFixture::without_faults();
    let seen = terms.map(|term| {
        let mut session = office.start_console(&[("TERM", term), ("LANG", "C")]);
        let mut seen = vec![session.text()];
        session.send("jj");
        session.wait_until_quiet(QUIET_TIME);
        seen.push(session.text());
        open_form(&mut session);
        session.wait_until_quiet(QUIET_TIME);
        seen.push(without_timestamps(&session.text()));
        session.send("\x03");
        session.wait_until_gone("PIN again");
        assert!(session.bytes().is_ascii(), "{term}: only ASCII in the locale C");
        quit(&mut session);
        seen
    });
    for (term, pages) in terms.iter().zip(&seen) {
        assert_eq!(pages, &seen[0], "{term}");
    }
}

/// The form says when the number was read.
fn without_timestamps(screen: &str) -> String {
    screen.lines().filter(|line| !line.contains("UTC")).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_colours_the_cursor_still_shows() {
    let office = TerminalFixture::without_faults();
    let colours = |looks: &[u16]| looks.iter().any(|look| matches!(look, 30..=49 | 90..=107));
    for (env, has_colours) in [(("NO_COLOR", ""), true), (("NO_COLOR", "1"), false), (("TERM", "vt100"), false)] {
        let mut session = office.start_console(&[env]);
        visit_pages(&mut session);
        let looks = sgr_parameters(&session.bytes());
        assert_eq!(colours(&looks), has_colours, "{env:?}");
        assert!(looks.contains(&7), "{env:?}: reversed");
        quit(&mut session);
    }
}

#[test]
fn a_whole_session_asks_the_terminal_for_nothing_and_keeps_its_secrets() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    visit_pages(&mut session);
    for file in ["cmdline", "environ", "status"] {
        assert_no_secret(&session.proc_file(file), file);
    }
    quit(&mut session);
    let bytes = session.bytes();
    assert_no_secret(&bytes, "the screen");
    assert_no_pin_in_fields(&bytes);
    let text = String::from_utf8_lossy(&bytes);
    for mode in ["?1000h", "?1002h", "?1003h", "?1006h", "?1004h", "?1l", "?1h", "?7l", ">1u"] {
        assert!(!text.contains(&format!("\x1b[{mode}")), "{mode}");
    }
    for question in ["\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[5n", "\x1b[?6n", "\x1bZ", "\x1bP"] {
        assert!(!text.contains(question), "{question:?}");
    }
    assert!(!contains_bytes(&bytes, b"\x1b]"), "no title, no link, no clipboard");
    assert_eq!(office.pin_requests(), 1);
    assert_no_secret_in_dir(office.temp_path());
}

fn assert_no_secret(bytes: &[u8], place: &str) {
    assert!(!contains_bytes(bytes, PIN.as_bytes()), "the PIN is in {place}");
    assert!(!contains_bytes(bytes, pindesk::simulator::FULL_ACCESS_TOKEN.as_bytes()), "the access token is in {place}");
}

/// The fields of a PIN have a box for each digit, so that its digits do not follow each other in the bytes.
fn assert_no_pin_in_fields(bytes: &[u8]) {
    let mut terminal = vt100::Parser::default();
    let mut boxes = 0;
    for part in bytes.chunks(16) {
        terminal.process(part);
        for row in terminal.screen().rows(0, 80) {
            boxes += row.matches("[*]").count();
            assert!(!row.replace(['[', ']', ' '], "").contains(PIN), "the PIN is on the screen: {row}");
        }
    }
    assert!(boxes > 0, "the fields were seen");
}

/// Nothing that was written holds the PIN; the access token stands in its own file only.
fn assert_no_secret_in_dir(directory: &Path) {
    for entry in fs::read_dir(directory).expect("it can be read").map(|entry| entry.expect("it can be read")) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            assert_no_secret_in_dir(&path);
        } else if name != "token" {
            assert_no_secret(&fs::read(&path).expect("it can be read"), &path.display().to_string());
        }
    }
}

#[test]
fn only_the_copy_key_speaks_to_the_clipboard() {
    let office = TerminalFixture::without_faults();
    // The head of an ID in base64, behind what each multiplexer wants before it. An empty variable counts as none.
    let wrapped = [
        (("TMUX", ""), "\x1b]52;c;", "\x07"),
        (("TMUX", "/tmp/tmux-0/default,1,0"), "\x1bPtmux;\x1b\x1b]52;c;", "\x07\x1b\\"),
        (("STY", "1.pts-0.host"), "\x1bP\x1b]52;c;", "\x07\x1b\\"),
    ];
    for (env, head, tail) in wrapped {
        let mut session = office.start_console(&[env]);
        assert!(!contains_bytes(&session.bytes(), b"\x1b]"));
        session.send("c");
        session.wait_for("number");
        session.send("2");
        session.wait_for_bytes(format!("{head}MjAwMDAwMDAwMDAw").as_bytes());
        session.wait_for_bytes(tail.as_bytes());
        session.send("q");
        session.wait_for("Showing");
        quit(&mut session);
    }
}

#[test]
fn a_storm_of_sizes_leaves_the_picture_of_a_fresh_start() {
    let office = TerminalFixture::without_faults();
    let mut fresh = office.start_console(&[]);
    let mut session = office.start_console(&[]);
    let mut chance = 88_172_645_463_325_252_u64;
    let mut draw = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let keys = ["j", "k", ">", "<", "\x1b[B", "\x1b[6~", "?", "m", "\x1b", "\r", "/", "5", "p"];
    for n in 0..500 {
        let size = if n % 50 == 0 { (1, 1) } else { (draw(160), draw(60)) };
        let size = (u16::try_from(size.0).unwrap_or(1).max(1), u16::try_from(size.1).unwrap_or(1).max(1));
        session.resize(size);
        session.send(keys[usize::try_from(draw(keys.len() as u64)).unwrap_or(0)]);
    }
    session.resize((80, 24));
    // Out of whatever is open, and off the filter.
    for _ in 0..6 {
        session.wait_until_quiet(QUIET_TIME);
        session.send("\x1b");
    }
    session.wait_for("Sort: ");
    session.wait_until_quiet(QUIET_TIME);
    for session in [&mut session, &mut fresh] {
        // The newest message is in the way of comparing: a hint takes its place in both.
        session.send("<");
        session.wait_until_quiet(QUIET_TIME);
        session.send("\x13");
        session.wait_for("Ctrl-S does nothing here.");
        session.wait_until_quiet(QUIET_TIME);
    }
    assert_eq!(session.styled_rows(), fresh.styled_rows());
    quit(&mut session);
}

#[test]
fn the_filter_and_the_start_stay_within_their_bytes() {
    let office = TerminalFixture::without_faults();
    let mut session = office.start_console(&[]);
    let at_start = session.bytes().len();
    assert!(at_start < 4_000, "{at_start} bytes for the start");
    session.wait_until_quiet(QUIET_TIME);
    let before = session.bytes().len();
    session.send("j");
    session.wait_until_quiet(QUIET_TIME);
    let moved = session.bytes().len() - before;
    assert!(moved <= 126, "{moved} bytes for one row");
    let before = session.bytes().len();
    session.send("j".repeat(100));
    session.wait_until_quiet(QUIET_TIME);
    let burst = session.bytes().len() - before;
    assert!(burst <= 8_000, "{burst} bytes for 100 keys at once");
    select_unset_number(&mut session);
    session.send("\x1b");
    session.wait_for("Filter: none");
    type_filter(&mut session, "555");
}
