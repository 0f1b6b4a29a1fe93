//! Why a command ended without having done its work: the exit code, what happened, whether anything was sent, and what
//! to do, each as a value until [`CliError`] is printed.
//!
//! It prints nothing itself.

use std::error::Error;
use std::fmt;
use std::io;

use crate::cli::exit_code::ExitCode;
use crate::config::ConfigError;
use crate::domain::text::{error_lines, plain_io_error, without_error_number};
use crate::escrow::RecipientsError;
use crate::journal::JournalError;
use crate::preflight::PreflightError;
use crate::state_dir::StateDirError;

const NOTHING_SENT: &str = "Nothing was sent.";

/// A command failed.
#[derive(Debug)]
pub(crate) struct CliError {
    exit_code: ExitCode,
    what: String,
    /// What the command did not do: `Nothing was sent.`
    not_done: Option<&'static str>,
    details: Vec<String>,
    remedy: Vec<String>,
}

impl CliError {
    /// `what` says what happened, in one or two sentences.
    pub(crate) fn new(exit_code: ExitCode, what: impl Into<String>) -> Self {
        let what = without_error_number(&what.into());
        Self { exit_code, what, not_done: None, details: Vec::new(), remedy: Vec::new() }
    }

    /// The command line, or what it names, cannot be used.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, what)
    }

    /// A check before the work failed.
    pub(crate) fn not_ready(what: impl Into<String>) -> Self {
        Self::new(ExitCode::NotReady, what)
    }

    /// A check before the work failed with this error.
    pub(crate) fn not_ready_because(error: &dyn Error) -> Self {
        Self::not_ready(error_lines(error))
    }

    /// The operating system refused something. `action` is what failed: `cannot start a thread`.
    pub(crate) fn machine(action: &str, error: &io::Error) -> Self {
        Self::new(ExitCode::MachineFailed, format!("{action}: {}", plain_io_error(error)))
    }

    /// Adds that nothing was sent.
    pub(crate) fn nothing_sent(self) -> Self {
        // "Nothing was asked" and "Nothing was changed" say more.
        let is_said = self.what.contains("Nothing was ");
        Self { not_done: Some(NOTHING_SENT).filter(|_| !is_said).or(self.not_done), ..self }
    }

    /// Adds that nothing was changed.
    pub(crate) fn nothing_changed(self) -> Self {
        Self { not_done: Some("Nothing was changed."), ..self }
    }

    /// Adds lines that list what is wrong.
    pub(crate) fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds a line that says what to do.
    pub(crate) fn remedy(mut self, line: impl Into<String>) -> Self {
        self.remedy.push(line.into());
        self
    }

    /// Adds a line that says what to do, if there is one.
    pub(crate) fn optional_remedy(self, line: Option<String>) -> Self {
        line.into_iter().fold(self, Self::remedy)
    }

    /// Adds lines that say what to do, step by step.
    pub(crate) fn remedies(self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        lines.into_iter().fold(self, Self::remedy)
    }

    pub(crate) const fn exit_code(&self) -> ExitCode {
        self.exit_code
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(not_done) = self.not_done {
            // The last line of an excerpt is not a sentence.
            let end = match self.what.ends_with(['.', ':', '?']) {
                _ if self.what.contains('\n') => "\n ",
                true => "",
                false => ".",
            };
            write!(f, "{end} {not_done}")?;
        }
        self.details.iter().chain(&self.remedy).try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// These are the checks before the work.
macro_rules! not_ready_from {
    ($($error:ty),*) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::not_ready_because(&error)
            }
        })*
    };
}

not_ready_from!(PreflightError, ConfigError, StateDirError, RecipientsError, JournalError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_what_changed_and_what_to_do() {
        let system = CliError::usage("cannot read x: Not a directory (os error 20). Nothing was changed.").to_string();
        assert_eq!(system, "cannot read x: Not a directory. Nothing was changed.");
        let error = CliError::usage("ids.txt has 1 error")
            .nothing_sent()
            .details(["line 3: not a phone number ID".to_owned()])
            .remedy("Correct the file.");
        assert_eq!(
            error.to_string(),
            "ids.txt has 1 error. Nothing was sent.\n  line 3: not a phone number ID\n  Correct the file."
        );
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }
}
