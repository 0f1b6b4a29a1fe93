//! A command that sends, after its checks: a job to run, or nothing to send.
//!
//! It checks nothing itself. It makes sure that an error of the checks says that nothing was sent.

use tokio::runtime::Runtime;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::options::OutputOptions;
use crate::cli::run_job::{self, ConfirmedJob};

/// What the checks of a command ended with.
pub(crate) enum CheckedJob {
    /// A dry run, or a job that has nothing left.
    NothingToSend(ExitCode),
    /// A job that was checked and confirmed.
    Confirmed(Box<ConfirmedJob>, Runtime, OutputOptions),
}

impl CheckedJob {
    /// Runs the job, if there is one.
    pub(crate) fn run(checked: Result<Self, CliError>) -> Result<ExitCode, CliError> {
        match checked.map_err(CliError::nothing_sent)? {
            Self::NothingToSend(code) => Ok(code),
            Self::Confirmed(job, runtime, options) => run_job::run(*job, runtime, options),
        }
    }
}
