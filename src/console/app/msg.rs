//! The input of [`super::App::update`]: what happened, in the past tense.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::console::input::decoder::PastedText;
use crate::console::input::key::Key;
use crate::console::shared::{RecordingStatus, Size};
use crate::domain::change::{JobId, Progress};
use crate::domain::number::{Number, PhoneNumberId, Waba, WabaId};
use crate::domain::outcome::ReadFailure;
use crate::domain::pin::Pin;
use crate::domain::text::CleanText;
use crate::domain::token_info::TokenInfo;
use crate::journal::{EscrowDrill, HistoryEntry, JobDetail, JobSummary, NumberRecord, RecentSets};
use crate::numbers::list::NumberList;
use crate::numbers::record::ExportedNumbers;
use crate::pace::Pause;
use crate::policy::quota::CallsLeft;

/// Something that happened: a key, a report of the worker, a signal or a timer.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    KeyPressed(Key),
    /// Text was pasted, or typed faster than anyone types.
    Pasted(PastedText),
    /// The window has a new size.
    Resized(Size),
    /// A frame with the current state was written to the terminal.
    FrameShown {
        /// How far the page can be scrolled.
        max_scroll: u16,
    },
    /// The program resumed after a suspend.
    Resumed,
    /// A page of numbers was read.
    PageReceived {
        /// The refresh, as in [`WorkCommand::RefreshAll`](crate::console::effect::WorkCommand::RefreshAll).
        refresh_id: u32,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// The list of a WABA was read to its end, or the read failed.
    WabaRead {
        /// The refresh, as in [`WorkCommand::RefreshAll`](crate::console::effect::WorkCommand::RefreshAll).
        refresh_id: u32,
        /// The WABA.
        waba: Arc<Waba>,
        /// An error says why the list is incomplete.
        result: Result<(), ReadFailure>,
    },
    /// The refresh ended: each WABA and each single number was read, or its read failed.
    RefreshFinished {
        /// The refresh, as in [`WorkCommand::RefreshAll`](crate::console::effect::WorkCommand::RefreshAll).
        refresh_id: u32,
    },
    /// One number was refreshed, or the read failed.
    NumberRead {
        /// The number.
        id: PhoneNumberId,
        /// The number as Meta reports it, or why it was not read.
        result: Result<Number, ReadFailure>,
    },
    /// Calls to Meta are paused, because it limits them.
    CallsPaused(Pause),
    /// Changes have new states: the latest of each number.
    ProgressReceived(Vec<Progress>),
    /// A random PIN was generated; `None` if the system has no random numbers.
    PinGenerated(Option<Pin>),
    /// The access token was read again from its source. The error is a sentence for the operator.
    TokenRead(Result<(), String>),
    /// The journal and the escrow were opened, or cannot be used.
    RecordsOpened {
        /// The status of both.
        status: RecordingStatus,
        /// The unresolved changes of earlier processes: every state is in doubt.
        unresolved: Vec<Progress>,
        /// What the operator must check, in sentences.
        findings: Vec<CleanText>,
    },
    /// The journal failed in this process. The text tells the operator why.
    JournalFailed(CleanText),
    /// The recipients were accepted, or the journal could not record it.
    RecipientsAccepted(Result<RecordingStatus, CleanText>),
    /// Numbers that an earlier process read. Their `read_at` says when.
    CachedNumbersLoaded(Vec<Number>),
    /// What the journal has about numbers, as it was when the journal opened.
    NumberRecordsLoaded(Vec<NumberRecord>),
    /// New rows of other processes are not reported. The text says why.
    JournalWatchFailed(CleanText),
    /// The history of a number was read.
    HistoryRead {
        /// The number.
        id: PhoneNumberId,
        /// The entries, newest first.
        lines: Vec<HistoryEntry>,
    },
    /// What is left of the calls of some WABAs; `None` if it is not known.
    CallsLeftRead(Vec<(WabaId, Option<CallsLeft>)>),
    /// Which jobs set numbers of a list lately.
    RecentSetsRead {
        /// As in [`WorkCommand::ReadRecentSets`](crate::console::effect::WorkCommand::ReadRecentSets).
        question_id: u32,
        /// The jobs.
        recent: RecentSets,
    },
    /// A job was recorded, and this process sends its numbers.
    JobStarted {
        /// The job.
        job: JobId,
        /// The numbers that are sent; not all of the job if it was resumed.
        numbers: Vec<PhoneNumberId>,
        /// After how many of them it waits for the operator; `None` if it does not wait.
        send_first: Option<usize>,
    },
    /// The journal has new rows of these jobs. If there are none, a process ended, and any job may have changed.
    JobsChanged(BTreeSet<JobId>),
    /// The last drill of the escrow was read; `None` if there was none.
    LastDrillRead(Option<EscrowDrill>),
    /// The jobs of the journal were read, newest first; `None` if they could not be read.
    JobsRead(Option<Vec<JobSummary>>),
    /// A job was read number by number; `None` if it could not be read.
    JobRead(JobId, Option<JobDetail>),
    /// The HTTP client could not be set up, so nothing can be read or sent, or Meta serves another version than the config
    /// has. The text is for the operator.
    ClientNotice(CleanText),
    /// Meta said what the access token is.
    TokenInfoRead(Box<TokenInfo>),
    /// A list of numbers was read from a file, or the file cannot be used. The error is a sentence for the operator.
    NumberListRead {
        /// The file, as the operator typed it.
        path: PathBuf,
        /// What it has.
        result: Result<NumberList, CleanText>,
    },
    /// Numbers were written to a file, or could not be. The error is a sentence for the operator.
    NumbersExported {
        /// The file, as the operator typed it.
        path: PathBuf,
        /// What it has.
        result: Result<ExportedNumbers, CleanText>,
    },
    /// A signal ends the process, which waits for requests in flight first.
    TerminationRequested,
    /// The time of [`super::App::next_wake`] has come.
    TimerFired,
}
