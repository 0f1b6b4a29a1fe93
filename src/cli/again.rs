//! Asks about a list of which jobs set numbers lately: it may have been given twice by mistake.
//!
//! It does not decide which sets count (the journal does), and not what is sent.

use std::path::Path;

use crate::cli::checks::Unconfirmed;
use crate::cli::confirm;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::domain::clock::UtcTime;
use crate::domain::number::Number;
use crate::journal::{RecentJob, RecentSets};

/// How many jobs a message names before it counts the rest.
const MAX_LISTED_JOBS: usize = 5;

/// The option that confirms it.
pub(crate) const OPTION: &str = "--again";

/// A list of numbers, and the jobs that set some of them lately.
#[derive(Debug, Default)]
pub(crate) struct RepeatedList {
    recent: RecentSets,
    total: usize,
}

impl RepeatedList {
    /// Reads what the journal has about these numbers. There is none on a machine where nothing was set yet.
    pub(crate) fn read(state_dir: &Path, numbers: &[Number], now: UtcTime) -> Result<Self, CliError> {
        let Some(journal) = records::open_existing(state_dir, false)? else { return Ok(Self::default()) };
        let listed = numbers.iter().map(|number| number.id).collect();
        Ok(Self { recent: journal.recent_sets(&listed, now)?, total: numbers.len() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Asks whether they are set again, or refuses, if `--again` is missing.
    pub(crate) fn confirm(&self, unconfirmed: Unconfirmed, rerun: &RerunOptions) -> Result<(), CliError> {
        match unconfirmed {
            // A dry run asks nothing, but the command that it prints no longer asks.
            Unconfirmed::Accept => {
                eprint_line(&format!("pindesk: some {WHAT}:\n  {}", self.lines().join("\n  ")));
                Ok(())
            }
            Unconfirmed::Ask => {
                let lines = self.lines().join("\n  ");
                let question = format!(
                    "Some {WHAT}:\n  {lines}\nType the word \"again\" to set them once more, or press Enter to cancel: "
                );
                match confirm::ask(&question)?.to_ascii_lowercase().as_str() {
                    "again" => Ok(()),
                    "" => Err(confirm::canceled()),
                    _ => Err(CliError::new(ExitCode::NotConfirmed, "what you typed is not the word \"again\"")
                        .nothing_sent()),
                }
            }
            Unconfirmed::Refuse => Err(CliError::new(ExitCode::NotConfirmed, format!("some {WHAT}"))
                .nothing_sent()
                .details(self.lines())
                .remedy(format!("To set them once more, add: {OPTION}"))
                .remedy(format!("To send only what a job did not send: {}", rerun.command("jobs resume JOB")))),
        }
    }

    /// A line for each job, newest first.
    fn lines(&self) -> Vec<String> {
        let line = |RecentJob { job, count, last }| {
            let numbers = table::numbers_label(self.total);
            format!("job {job} set {count} of {numbers}, the last at {}", last.format_date_time())
        };
        let jobs = self.recent.newest_first();
        let rest = jobs.len().saturating_sub(MAX_LISTED_JOBS);
        let mut lines: Vec<String> = jobs.take(MAX_LISTED_JOBS).map(line).collect();
        lines.extend((rest > 0).then(|| format!("and {rest} more")));
        lines
    }
}

const WHAT: &str = "numbers of this list were set less than 24 h ago";
