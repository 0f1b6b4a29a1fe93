//! The exit codes of commands, in one table: the README's table is made from it, and a test compares the two.
//!
//! If several codes apply, the first in the table wins. This module does not decide which codes apply.

use std::fmt::Write as _;
use std::process;

/// The exit code of a command. The variants are in the order of the table, so that `min` picks the one that wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// Everything that was asked for is done.
    Done,
    /// At least one number is in doubt.
    NoAnswer,
    /// Numbers failed or were not sent, and no row below names the whole reason.
    Failed,
    /// The operator did not confirm.
    NotConfirmed,
    /// A check before the work failed, or the journal failed.
    NotReady,
    /// The operating system refused something that the work needs.
    MachineFailed,
    /// Meta cannot be reached, or does not work.
    NoConnection,
    /// Meta refused the access token, or a permission is missing.
    NoAccess,
    /// The command line cannot be used.
    Usage,
    /// A bug.
    Bug,
    /// A signal ended the command, after a clean stop. Its number.
    Signal(i32),
}

/// Every code with its meaning, in the order of the table. [`ExitCode::Signal`] is the row below.
const ROWS: [(ExitCode, &str); 10] = [
    (ExitCode::Done, "all done; for the console, quit"),
    (ExitCode::NoAnswer, "at least one number with no answer: check before repeating"),
    (
        ExitCode::Failed,
        "some or all numbers failed or were not sent, for other reasons than 6, 7 and 8; none is in doubt",
    ),
    (ExitCode::NotConfirmed, "not confirmed, or canceled; nothing was sent"),
    (
        ExitCode::NotReady,
        "config, access token or state directory missing, unreadable or unsafe; or the journal failed or is damaged",
    ),
    (ExitCode::MachineFailed, "this machine failed: disk full, no descriptors, output cannot be written"),
    (ExitCode::NoConnection, "no connection, or Meta is down"),
    (ExitCode::NoAccess, "access token refused, or a permission is missing"),
    (ExitCode::Usage, "wrong usage, or a terminal is needed"),
    (ExitCode::Bug, "anything else: a bug"),
];

const SIGNAL_ROW: &str =
    "| 129, 130, 131, 143 | ended by HUP, Ctrl-C, QUIT, TERM, after a clean stop; another signal: 128 and its number |";

impl ExitCode {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NoAnswer => 4,
            Self::Failed => 3,
            Self::NotConfirmed => 5,
            Self::NotReady => 6,
            Self::MachineFailed => 9,
            Self::NoConnection => 7,
            Self::NoAccess => 8,
            Self::Usage => 2,
            Self::Bug => 1,
            // A signal's number is below 65.
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// The code that wins among those that apply; [`ExitCode::Done`] if none does.
    #[must_use]
    pub fn first_that_applies(codes: impl IntoIterator<Item = Self>) -> Self {
        codes.into_iter().filter(|code| *code != Self::Done).min().unwrap_or(Self::Done)
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

/// The table of the README.
#[must_use]
pub fn readme_table() -> String {
    let mut table = "| exit code | meaning |\n|--|--|\n".to_owned();
    for (code, meaning) in ROWS {
        // Writing to a String cannot fail.
        writeln!(table, "| {} | {meaning} |", code.code()).unwrap_or_default();
    }
    table.push_str(SIGNAL_ROW);
    table.push('\n');
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_in_the_order_of_the_variants() {
        assert!(ROWS.is_sorted_by_key(|(code, _)| *code));
        assert!(ROWS.iter().all(|(code, _)| *code < ExitCode::Signal(0)));
    }

    #[test]
    fn the_first_row_that_applies_wins() {
        let cases = [
            (&[][..], ExitCode::Done),
            (&[ExitCode::Done, ExitCode::NoAccess], ExitCode::NoAccess),
            (&[ExitCode::NoAccess, ExitCode::NoConnection], ExitCode::NoConnection),
            (&[ExitCode::NotReady, ExitCode::Failed, ExitCode::NoAnswer], ExitCode::NoAnswer),
            (&[ExitCode::Signal(15), ExitCode::Failed], ExitCode::Failed),
            (&[ExitCode::Signal(15)], ExitCode::Signal(15)),
        ];
        for (codes, winner) in cases {
            assert_eq!(ExitCode::first_that_applies(codes.iter().copied()), winner, "{codes:?}");
        }
    }

    #[test]
    fn a_signal_adds_its_number_to_128() {
        assert_eq!([1, 2, 3, 15].map(|signal| ExitCode::Signal(signal).code()), [129, 130, 131, 143]);
    }
}
