//! The transcripts of `docs/daily-work.md`: each command runs, and prints what the page says.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::cli_fixture::CliFixture;
use crate::support::pty::PtySession;

/// A number whose connection is lost after each request, and one whose request meets an expired access token.
const FAULTS: &str = r#"
[[fault]]
number = "200000000000004"
answer = "reset-after"

[[fault]]
number = "200000000000028"
times = 1
answer = { code = 190, status = 401 }
"#;

/// The home directory on the page.
const HOME_ON_THE_PAGE: &str = "/home/ana/";

/// Wide enough that no cell of the page is cut.
const COLUMNS: u16 = 120;

/// The commands of the page and the lines after each of them.
fn transcript(page: &str) -> Vec<(&str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("the end of the block");
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command, String::new())),
                None => writeln!(commands.last_mut().expect("a command").1, "{line}").expect("a string"),
            }
        }
    }
    commands
}

/// Runs a command in a shell on a terminal, in the home directory.
fn run_in_shell(cli: &CliFixture, command: &str) -> String {
    let home = cli.path("");
    let program = Path::new(env!("CARGO_BIN_EXE_pindesk")).parent().expect("its directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a path"));
    let env = [
        ("HOME", home.to_str().expect("UTF-8")),
        ("PATH", &path),
        ("USER", "ana"),
        ("TERM", "xterm"),
        ("NO_COLOR", "1"),
    ];
    let session = PtySession::spawn("/bin/sh", &["-c", &format!("cd && {command}")], (COLUMNS, 50), &env);
    session.wait_exit();
    let output = String::from_utf8(session.bytes()).expect("UTF-8").replace("\r\n", "\n");
    output.replace(home.to_str().expect("UTF-8"), HOME_ON_THE_PAGE)
}

/// The words of each line. What differs in each run is masked: PINs, dates, times, trace IDs and the name of the machine.
/// Rows of numbers are sorted, because a job prints them in the order in which they end.
fn masked(output: &str) -> Vec<String> {
    let shape = |word: &str| word.replace(|c: char| c.is_ascii_digit(), "0");
    let masked_line = |line: &str| {
        let line = line.split_once("Trace ID: ").map_or(line, |(before, _)| before);
        let words = line.split_whitespace().map(|word| match shape(word).as_str() {
            masked @ ("000000" | "0000-00-00" | "00:00" | "00:00:00") => masked.to_owned(),
            _ => word.split_once('@').map_or(word, |(operator, _)| operator).to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = output.lines().map(masked_line).collect();
    for rows in lines.chunk_by_mut(|row, next| row.starts_with('+') && next.starts_with('+')) {
        rows.sort();
    }
    lines
}

#[test]
fn the_page_of_daily_work_shows_what_the_commands_print() {
    let cli = CliFixture::new(Duration::ZERO, FAULTS);
    let page = include_str!("../../../docs/daily-work.md");
    let commands = transcript(page);
    assert!(!commands.is_empty());
    for (command, expected) in commands {
        let printed = run_in_shell(&cli, command);
        assert_eq!(masked(&printed), masked(&expected), "$ {command}\n{printed}");
    }
}
