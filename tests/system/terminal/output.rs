//! The bytes that the console writes: none while it is idle, no sequence that the terminal may not support, and no
//! secret.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pindesk::console::shared::NAMES_WARNING;

use crate::support::pty::{ProcessExit, PtySession};
use crate::support::terminal_fixture::{
    AMBIGUOUS_ERROR_FAULT, ConsolePage, PIN, TerminalFixture, confirm, open_confirmation, open_form,
};

/// If the console writes nothing for this long, it has finished its reaction to a key.
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

/// Visits the pages, sets a PIN and returns the screens in flight.
fn visit_pages(session: &mut PtySession) -> Vec<String> {
    let mut screens = vec![session.text()];
    let mut record = |session: &PtySession| {
        session.wait_until_quiet(QUIET_TIME);
        screens.push(session.text());
    };
    session.send("jjj");
    record(session);
    ConsolePage::Help.open(session);
    record(session);
    session.send("q");
    session.wait_until_gone("Help: ");
    ConsolePage::Number.open(session);
    record(session);
    session.send("q");
    session.wait_until_gone("Last request");
    open_confirmation(session);
    record(session);
    confirm(session);
    session.wait_for("Two-step verification is on");
    session.send("m");
    session.wait_for("Messages");
    session.send("q");
    session.wait_until_gone("Messages");
    screens
}

fn quit(session: &mut PtySession) {
    session.send("q");
    assert_eq!(session.wait_exit(), ProcessExit::with_code(0));
}

#[test]
fn an_idle_page_writes_nothing() {
    let fixture = TerminalFixture::new(Duration::ZERO, AMBIGUOUS_ERROR_FAULT);
    let sessions: Vec<_> = ConsolePage::ALL
        .into_iter()
        .map(|page| {
            let mut session = fixture.start_console(&[]);
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
    // Only where another locale would help is the locale named as the cause.
    let message = |term: &str| {
        let is_ascii_terminal = ["linux", "vt100", "ansi"].contains(&term);
        if is_ascii_terminal { "Read 200 numbers." } else { NAMES_WARNING }
    };
    let fixture = TerminalFixture::without_faults();
    let screens = terms.map(|term| {
        let before = fixture.journal_open_count();
        let mut session = fixture.spawn(None, &[], &[("TERM", term), ("LANG", "C")]);
        fixture.wait_until_ready_with(&session, before, message(term));
        let text = session.text();
        assert!(text.lines().any(|line| line.trim_end() == message(term)), "{term}: {text}");
        let mut screens = vec![without_timestamps(&without_message(&text))];
        session.send("jj");
        session.wait_until_quiet(QUIET_TIME);
        screens.push(without_timestamps(&without_message(&session.text())));
        open_form(&mut session);
        session.wait_until_quiet(QUIET_TIME);
        screens.push(without_timestamps(&session.text()));
        session.send("\x03");
        session.wait_until_gone("PIN again");
        assert!(session.bytes().is_ascii(), "{term}: not only ASCII in the locale C");
        quit(&mut session);
        screens
    });
    for (term, pages) in terms.iter().zip(&screens) {
        assert_eq!(pages, &screens[0], "{term}");
    }
}

/// The screen without its message line.
fn without_message(screen: &str) -> String {
    let lines: Vec<_> = screen.lines().collect();
    lines
        .iter()
        .enumerate()
        .filter(|(at, _)| at + 2 != lines.len())
        .map(|(_, line)| *line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The screen without the line that says when the number was refreshed.
fn without_timestamps(screen: &str) -> String {
    screen.lines().filter(|line| !line.contains("UTC")).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_color_the_cursor_is_still_visible() {
    let fixture = TerminalFixture::without_faults();
    let uses_color = |parameters: &[u16]| parameters.iter().any(|parameter| matches!(parameter, 30..=49 | 90..=107));
    for (env, has_color) in [(("NO_COLOR", ""), true), (("NO_COLOR", "1"), false), (("TERM", "vt100"), false)] {
        let mut session = fixture.start_console(&[env]);
        visit_pages(&mut session);
        // The row under the cursor has no colors.
        session.send("j");
        session.wait_until_quiet(QUIET_TIME);
        let parameters = sgr_parameters(&session.bytes());
        assert_eq!(uses_color(&parameters), has_color, "{env:?}");
        let is_basic = |color: &u16| matches!(color, 31 | 32 | 35);
        let mut colors = parameters.iter().filter(|parameter| matches!(parameter, 30..=49 | 90..=107));
        assert!(colors.all(is_basic), "{env:?}: more than red, green and magenta text: {parameters:?}");
        assert!(parameters.contains(&7), "{env:?}: no reversed cells");
        quit(&mut session);
    }
}

#[test]
fn a_session_queries_nothing_and_keeps_its_secrets() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
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
    for query in ["\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[5n", "\x1b[?6n", "\x1bZ", "\x1bP"] {
        assert!(!text.contains(query), "{query:?}");
    }
    assert!(!contains_bytes(&bytes, b"\x1b]"), "a title, a link or a clipboard sequence");
    assert_eq!(fixture.pin_requests(), 1);
    assert_no_secret_in_dir(fixture.temp_path());
}

fn assert_no_secret(bytes: &[u8], source: &str) {
    assert!(!contains_bytes(bytes, PIN.as_bytes()), "the PIN is in {source}");
    assert!(
        !contains_bytes(bytes, pindesk::simulator::FULL_ACCESS_TOKEN.as_bytes()),
        "the access token is in {source}"
    );
}

/// Asserts that no screen shows the digits of a PIN field. The field has one box for each digit, so that a search for
/// consecutive digits in the bytes is not enough.
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
    assert!(boxes > 0, "the PIN fields were on the screen");
}

/// Asserts that no file holds the PIN, and that only the token file holds the access token.
fn assert_no_secret_in_dir(directory: &Path) {
    for entry in fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable")) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            assert_no_secret_in_dir(&path);
        } else if name != "token" {
            assert_no_secret(&fs::read(&path).expect("readable"), &path.display().to_string());
        }
    }
}

#[test]
fn only_the_copy_key_writes_to_the_clipboard() {
    let fixture = TerminalFixture::without_faults();
    // The start of an ID in base64, after the prefix that each multiplexer needs. An empty variable counts as unset.
    let wrapped = [
        (("TMUX", ""), "\x1b]52;c;", "\x07"),
        (("TMUX", "/tmp/tmux-0/default,1,0"), "\x1bPtmux;\x1b\x1b]52;c;", "\x07\x1b\\"),
        (("STY", "1.pts-0.host"), "\x1bP\x1b]52;c;", "\x07\x1b\\"),
    ];
    for (env, head, tail) in wrapped {
        let mut session = fixture.start_console(&[env]);
        assert!(!contains_bytes(&session.bytes(), b"\x1b]"));
        session.send("c");
        session.wait_for("number");
        session.send("2");
        session.wait_for_bytes(format!("{head}MjAwMDAwMDAwMDAw").as_bytes());
        session.wait_for_bytes(tail.as_bytes());
        session.send("q");
        session.wait_until_gone("Copied");
        session.send("q");
        session.wait_for("All ");
        quit(&mut session);
    }
}

#[test]
fn many_resizes_leave_the_screen_of_a_fresh_start() {
    let fixture = TerminalFixture::without_faults();
    let mut fresh = fixture.start_console(&[]);
    let mut session = fixture.start_console(&[]);
    let mut random = 88_172_645_463_325_252_u64;
    let mut next_below = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let keys = ["j", "k", ">", "<", "\x1b[B", "\x1b[6~", "?", "m", "\x1b", "\r", "/", "5", "p"];
    for n in 0..500 {
        let size = if n % 50 == 0 { (1, 1) } else { (next_below(160), next_below(60)) };
        let size = (u16::try_from(size.0).unwrap_or(1).max(1), u16::try_from(size.1).unwrap_or(1).max(1));
        session.resize(size);
        session.send(keys[usize::try_from(next_below(keys.len() as u64)).unwrap_or(0)]);
    }
    session.resize((80, 24));
    // Closes every page and clears the filter.
    for _ in 0..6 {
        session.wait_until_quiet(QUIET_TIME);
        session.send("\x1b");
    }
    session.wait_for("p set PIN");
    session.wait_until_quiet(QUIET_TIME);
    for session in [&mut session, &mut fresh] {
        // The newest message differs, so the test replaces it by the same hint in both.
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
fn drawing_stays_within_its_byte_limits() {
    let fixture = TerminalFixture::without_faults();
    let mut session = fixture.start_console(&[]);
    let at_start = session.bytes().len();
    assert!(at_start < 4_000, "{at_start} bytes for the start");
    session.send("<");
    session.wait_until_quiet(QUIET_TIME);
    let before = session.bytes().len();
    session.send("j");
    session.wait_until_quiet(QUIET_TIME);
    let one_key = session.bytes().len() - before;
    assert!(one_key <= 220, "{one_key} bytes for one row");
    let before = session.bytes().len();
    session.send("j".repeat(100));
    session.wait_until_quiet(QUIET_TIME);
    let burst = session.bytes().len() - before;
    assert!(burst <= 8_000, "{burst} bytes for 100 keys at once");
}
