//! Writing to standard output and standard error: a reader that went away is not a failure.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::message::wrap_message;
use crate::cli::terminal;
use crate::domain::json_text::json_text;

/// Prints a message to standard error, wrapped on a terminal. A closed standard error is not a reason to fail.
pub(crate) fn eprint_line(text: &str) {
    // In one write, so that no other output and no `^C` comes before its line end.
    io::stderr().write_all(format!("{}\n", wrapped_for_stderr(text)).as_bytes()).ok();
}

/// The message as standard error shows it: wrapped on a terminal, unchanged elsewhere.
pub(crate) fn wrapped_for_stderr(text: &str) -> Cow<'_, str> {
    match terminal::stderr_columns() {
        Some(columns) => Cow::Owned(wrap_message(text, columns)),
        None => Cow::Borrowed(text),
    }
}

/// Writes a line for people to standard output, wrapped on a terminal: the rows of a table fit it already.
pub(crate) fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    match terminal::stdout_columns() {
        Some(columns) => writeln!(out, "{}", wrap_message(text, columns)),
        None => writeln!(out, "{text}"),
    }
}

/// Writes a value behind its label, which is padded. On a terminal, its further lines stand below its first.
pub(crate) fn write_field(out: &mut impl Write, label: &str, value: &str) -> io::Result<()> {
    let value = match terminal::stdout_columns() {
        Some(columns) => {
            let line_start = format!("\n{}", " ".repeat(label.len()));
            Cow::Owned(wrap_message(value, columns.saturating_sub(label.len())).replace('\n', &line_start))
        }
        None => Cow::Borrowed(value),
    };
    writeln!(out, "{label}{value}")
}

/// Prints a JSON object on a line of its own.
pub(crate) fn print_json(object: &impl Serialize) -> io::Result<()> {
    let line = json_text(object)?;
    writeln!(io::stdout(), "{line}")
}

/// The exit code after printing. A closed pipe is not an error: its reader has all that it needs.
pub(crate) fn exit_code_after_print(printed: io::Result<()>, code: ExitCode) -> Result<ExitCode, CliError> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::machine("cannot write the output", &error))
        }
        Ok(()) | Err(_) => Ok(code),
    }
}
