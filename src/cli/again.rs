//! The jobs that set numbers of a list lately: the list may have been given twice by mistake.
//!
//! It knows only jobs of this journal, and does not decide what is sent.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use crate::cli::checks::Unconfirmed;
use crate::cli::confirm;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::table;
use crate::cli::records;
use crate::cli::rerun::RerunOptions;
use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::Number;
use crate::journal::JobSet;

/// How long a second job for the same numbers counts as a mistake.
const WINDOW: Duration = Duration::from_hours(24);

/// How many jobs a message names before it counts the rest.
const MAX_LISTED_JOBS: usize = 5;

/// The option that confirms it.
pub(crate) const OPTION: &str = "--again";

/// The numbers of a list that jobs set lately.
#[derive(Debug, Default)]
pub(crate) struct RecentSets {
    /// How many each job set, and when the last of them.
    by_job: BTreeMap<JobId, (usize, UtcTime)>,
    total: usize,
}

impl RecentSets {
    /// Reads what the journal has about these numbers. There is none on a machine where nothing was set yet.
    pub(crate) fn read(state_dir: &Path, numbers: &[Number], now: UtcTime) -> Result<Self, CliError> {
        let Some(journal) = records::open_existing(state_dir, false)? else { return Ok(Self::default()) };
        let listed: HashSet<_> = numbers.iter().map(|number| number.id).collect();
        let mut recent = Self { total: numbers.len(), ..Self::default() };
        // A set in the future is from a wrong clock, and would be asked about for as long as that clock was ahead.
        let is_recent = |set: &JobSet| set.at <= now && listed.contains(&set.number);
        for set in journal.sets_since(now.minus(WINDOW))?.into_iter().filter(is_recent) {
            let (count, last) = recent.by_job.entry(set.job).or_insert((0, set.at));
            *count += 1;
            *last = set.at.max(*last);
        }
        Ok(recent)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_job.is_empty()
    }

    /// Asks whether they are set again, or refuses, if `--again` is missing.
    pub(crate) fn confirm(&self, unconfirmed: Unconfirmed, rerun: &RerunOptions) -> Result<(), CliError> {
        match unconfirmed {
            Unconfirmed::Accept => Ok(()),
            Unconfirmed::Ask => {
                let lines = self.lines().join("\n  ");
                let question =
                    format!("Some {WHAT}:\n  {lines}\nType again to set them once more, or press Enter to cancel: ");
                if confirm::ask(&question)?.eq_ignore_ascii_case("again") { Ok(()) } else { Err(confirm::canceled()) }
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
        let line = |(job, (count, last)): (&JobId, &(usize, UtcTime))| {
            let numbers = table::numbers_label(self.total);
            format!("job {job} set {count} of {numbers}, the last at {}", last.format_date_time())
        };
        let mut lines: Vec<String> = self.by_job.iter().rev().take(MAX_LISTED_JOBS).map(line).collect();
        let rest = self.by_job.len().saturating_sub(MAX_LISTED_JOBS);
        lines.extend((rest > 0).then(|| format!("and {rest} more")));
        lines
    }
}

const WHAT: &str = "numbers of this list were set less than 24 h ago";
