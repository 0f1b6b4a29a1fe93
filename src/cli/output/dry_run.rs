//! What a dry run prints: the numbers that would get a PIN, and the command that sends it.
//!
//! It sends nothing.

use std::env;
use std::io;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::job::ResultRecord;
use crate::cli::output::names::name_cells;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::{print_json, write_line};
use crate::cli::output::table::{self, Cell, Column, Table};
use crate::cli::output::tally::Tally;
use crate::cli::pauses;
use crate::cli::rerun::shell_quoted;
use crate::domain::number::Number;
use crate::domain::standing::ChangeResult;

const COLUMNS: [Column; 4] = [
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 30, 6),
    Column::fixed("TWO-STEP", 8),
    Column::fixed("ID", 17),
];

/// The option that makes a run of a dry run, and the one that confirms it.
const DRY_RUN_OPTION: &str = "--dry-run";
const CONFIRM_OPTION: &str = "--confirm";

/// Prints the numbers in the order in which they would be sent. `confirmation` is what confirms them, and `added` are
/// options that the run needs besides.
pub(crate) fn print(
    numbers: &[Number],
    confirmation: &str,
    added: &[&str],
    options: OutputOptions,
) -> Result<ExitCode, CliError> {
    pauses::wait_until_told();
    let command = sending_command(env::args().skip(1), confirmation, added);
    let printed =
        if options.is_json { print_records(numbers, &command) } else { print_table(numbers, &command, options) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::machine("cannot write the output", &error).nothing_sent())
        }
        Ok(()) | Err(_) => Ok(ExitCode::Done),
    }
}

fn print_table(numbers: &[Number], command: &str, options: OutputOptions) -> io::Result<()> {
    let mut table = Table::new(&COLUMNS);
    for number in numbers {
        let [display, name] = name_cells(Some(number));
        table.push([display, name, number.two_step.label(), number.id.as_str()].map(Cell::from));
    }
    let mut out = io::stdout().lock();
    table.print(options.style, &mut out)?;
    let count = table::numbers_label(numbers.len());
    write_line(&mut out, &format!("Dry run: a PIN would be sent to {count}. Nothing was sent.\nTo send it: {command}"))
}

fn print_records(numbers: &[Number], command: &str) -> io::Result<()> {
    #[derive(Serialize)]
    struct DryRunSummary<'a, S: Serialize> {
        #[serde(flatten)]
        summary: S,
        /// The command that sends it.
        command: &'a str,
    }
    let mut tally = Tally::default();
    for number in numbers {
        tally.add(ChangeResult::NotSent, 1);
        let reason = "Dry run: the PIN would be sent, and was not.";
        print_json(&ResultRecord::new(&number.id, ChangeResult::NotSent, reason).with_names(Some(number)))?;
    }
    print_json(&DryRunSummary { summary: tally.summary_record(None), command })
}

/// The command of this process without the dry run, confirmed.
fn sending_command(arguments: impl Iterator<Item = String>, confirmation: &str, added: &[&str]) -> String {
    let mut words = vec!["pindesk".to_owned()];
    let mut is_confirm_value = false;
    for word in arguments {
        let is_confirm = word == CONFIRM_OPTION;
        let is_left_out = is_confirm_value
            || is_confirm
            || word == DRY_RUN_OPTION
            || word.strip_prefix(CONFIRM_OPTION).is_some_and(|rest| rest.starts_with('='));
        is_confirm_value = is_confirm && !is_confirm_value;
        if !is_left_out {
            words.push(shell_quoted(&word));
        }
    }
    words.extend(added.iter().map(|word| (*word).to_owned()));
    words.extend([CONFIRM_OPTION.to_owned(), shell_quoted(confirmation)]);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> String {
        sending_command(arguments.iter().map(|word| (*word).to_owned()), "0143", &["--again"])
    }

    #[test]
    fn the_sending_command_has_every_other_argument() {
        for arguments in [
            &["pin", "set", "+44 7700 900143", "--random", "--dry-run", "--note", "it's due"][..],
            &[
                "--confirm=9",
                "pin",
                "set",
                "--confirm",
                "--confirm",
                "+44 7700 900143",
                "--random",
                "--note",
                "it's due",
            ],
        ] {
            let expected = r"pindesk pin set '+44 7700 900143' --random --note 'it'\''s due' --again --confirm 0143";
            assert_eq!(command(arguments), expected);
        }
    }
}
