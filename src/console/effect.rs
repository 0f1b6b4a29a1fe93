//! What the app asks for: work without the terminal ([`WorkCommand`]), and what only the terminal's owner can do
//! ([`ScreenCommand`]).
//!
//! Both are plain data that the pages build, and the runtime carries them on unchanged.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::pin_plan::PinPlan;
use crate::domain::text::CleanText;
use crate::numbers::record::ExportFormat;

/// The maximum length of a copied text. Terminals drop longer ones, some with what follows.
pub const MAX_CLIPBOARD_BYTES: usize = 4 * 1024;

/// Something that must be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// For the worker.
    Work(WorkCommand),
    /// For the runtime.
    Screen(ScreenCommand),
}

impl From<WorkCommand> for Effect {
    fn from(command: WorkCommand) -> Self {
        Self::Work(command)
    }
}

impl From<ScreenCommand> for Effect {
    fn from(command: ScreenCommand) -> Self {
        Self::Screen(command)
    }
}

/// A command for the worker, which reads, sends and records.
#[derive(Debug, PartialEq, Eq)]
pub enum WorkCommand {
    /// Read every configured WABA and number.
    RefreshAll {
        /// Identifies this refresh, so that late pages of an older one are recognized.
        refresh_id: u32,
    },
    /// Refresh this number, of which the list knows this.
    RefreshNumber(Number),
    /// The same, but not before the second in which a PIN was set has passed: the journal compares whole seconds, and the
    /// status must certainly be newer than the PIN.
    RefreshNumberAfter {
        /// The number.
        number: Number,
        /// When the PIN was set.
        set_at: UtcTime,
    },
    /// Set these PINs. Only a confirmation creates this command.
    SetPins(PinPlan),
    /// Start a job for many numbers. Only a typed count creates this command.
    StartJob {
        /// The numbers that were counted, and their PINs.
        plan: PinPlan,
        /// What the job is for.
        note: Option<CleanText>,
        /// How many numbers are sent before the job waits; `None` if it does not wait.
        send_first: Option<usize>,
    },
    /// Read what is left of the calls of these WABAs.
    ReadCallsLeft(Vec<WabaId>),
    /// Read which jobs set some of these numbers lately.
    ReadRecentSets {
        /// Identifies the question, so that a late answer to an older one is recognized.
        question_id: u32,
        /// The numbers.
        numbers: HashSet<PhoneNumberId>,
    },
    /// Send the PIN in doubt of this number again. Only a confirmation creates this command.
    ResendPin(PhoneNumberId),
    /// Record that the operator checked this number manually. Only a confirmed note creates this command.
    ResolveManually {
        /// The number.
        number: PhoneNumberId,
        /// The note.
        note: CleanText,
    },
    /// Store the recipients of the config in place of the previous ones. Only a confirmation creates this command.
    AcceptRecipients,
    /// Read the history of a number.
    ReadHistory(PhoneNumberId),
    /// The screen is hidden: drop the access token and each PIN that the escrow has from memory, and record it.
    DropSecrets,
    /// The screen is shown again: record it.
    RecordScreenShown,
    /// Send nothing new, and wait for requests in flight.
    StopSending,
    /// Read the jobs of the journal.
    ReadJobs,
    /// Read when the last drill of the escrow was.
    ReadLastDrill,
    /// Send nothing new of this job until [`WorkCommand::ContinueJob`]. Requests in flight end.
    PauseJob(JobId),
    /// Send the rest of this job.
    ContinueJob(JobId),
    /// Send the numbers that this job holds back.
    SendHeld(JobId),
    /// Send nothing more of this job. Only a confirmation creates this command.
    StopJob(JobId),
    /// Send what a job left, with new PINs. Only a confirmation by the count creates this command.
    ResumeJob {
        /// The job.
        job: JobId,
        /// The numbers that are left, and their PINs.
        plan: PinPlan,
    },
    /// Read a job number by number.
    ReadJob(JobId),
    /// Read a list of numbers from this file.
    ReadNumberList(PathBuf),
    /// Write these numbers to a new file.
    ExportNumbers {
        /// The file, as the operator typed it.
        path: PathBuf,
        /// Its format.
        format: ExportFormat,
        /// The numbers, in order.
        numbers: Vec<Number>,
    },
    /// Write what became of the numbers of a job to a new file.
    ReportJob {
        /// The file, as the operator typed it.
        path: PathBuf,
        /// Its format.
        format: ExportFormat,
        /// The job.
        job: JobId,
    },
}

/// A command for the runtime, which owns the terminal.
#[derive(Debug, PartialEq, Eq)]
pub enum ScreenCommand {
    /// Read the access token from its source again.
    ReadToken,
    /// Generate a random PIN that differs from the end of this display number.
    GeneratePin {
        /// The display number.
        display_number: Option<String>,
    },
    /// Copy text to the terminal's clipboard, unless it is longer than [`MAX_CLIPBOARD_BYTES`].
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Clear the terminal and draw everything again.
    Redraw,
    /// Restore the terminal and suspend, until a shell resumes the program.
    Suspend,
    /// Quit, and start the demo.
    OpenDemo,
    /// Quit.
    Quit,
}
