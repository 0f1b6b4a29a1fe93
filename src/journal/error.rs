//! The errors of the journal: it cannot be opened or read, or it did not record something.
//!
//! Each message says what happened, whether anything was changed, and what to do. No message contains a PIN.

use std::io;
use std::path::Path;

use super::RESERVE_BYTES;
use super::database_files::{DATABASE_FILE, database_path};
use crate::domain::redact::shell_quote;
use crate::domain::text::CleanText;
use crate::escrow::LockError;
use crate::state_dir::{StateDir, StateDirError};

/// With this much free space, a journal opens and records some hundred changes: the reserve for outcomes, and a megabyte
/// for records.
const NEEDED_BYTES: u64 = RESERVE_BYTES + (1 << 20);

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory or a file in it is missing or unsafe.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// The state directory is read-only, so pindesk can record nothing and must send nothing.
    #[error("state directory {dir}: it is not writable, so no PIN can be set. Numbers can still be listed")]
    ReadOnly {
        /// The state directory.
        dir: CleanText,
    },
    /// The directory is read-only, and SQLite must first merge the write-ahead log into the database.
    #[error(
        "journal in {dir}: it was not closed cleanly, and the directory is not writable. Copy the directory, and read \
         the copy: --state-dir COPY"
    )]
    NeedsRecovery {
        /// The state directory.
        dir: CleanText,
    },
    /// The database is damaged.
    #[error(
        "journal {path}: it is damaged ({reason}). Nothing was changed. Move it away, then restart pindesk, which \
         restores the changes in doubt from the escrow file. To move it: {command}"
    )]
    Damaged {
        /// The path of the database.
        path: CleanText,
        /// What SQLite reported.
        reason: CleanText,
        /// The shell command that moves the database away.
        command: CleanText,
    },
    /// The database belongs to another program.
    #[error(
        "journal {path}: it is not a pindesk journal. Nothing was changed. Move it away, then restart pindesk. To move \
         it: {command}"
    )]
    NotAJournal {
        /// The path of the database.
        path: CleanText,
        /// The shell command that moves the database away.
        command: CleanText,
    },
    /// The journal is of real numbers and this process uses simulated ones, or vice versa.
    #[error("journal {path}: it is {kind}. Nothing was changed. Use another directory: --state-dir DIR")]
    WrongKind {
        /// The path of the database.
        path: CleanText,
        /// What kind of journal it is.
        kind: &'static str,
    },
    /// A newer version of pindesk created it.
    #[error(
        "journal {path}: a newer pindesk created it (schema {found}, this version supports {known}). Nothing was \
         changed. Use the newer version"
    )]
    NewerSchema {
        /// The path of the database.
        path: CleanText,
        /// The schema version of the database.
        found: i64,
        /// The latest schema version that this program supports.
        known: i64,
    },
    /// An older version of pindesk created it, and a read-only open cannot migrate it.
    #[error("journal {path}: an older pindesk created it. Nothing was changed. Start the console once to migrate it")]
    OlderSchema {
        /// The path of the database.
        path: CleanText,
    },
    /// SQLite did not accept a setting that makes records durable.
    #[error(
        "journal {path}: records would not be durable there ({setting} is {found}). Use a directory on a local disk: \
         --state-dir DIR"
    )]
    NotDurable {
        /// The path of the database.
        path: CleanText,
        /// The name of the setting.
        setting: &'static str,
        /// The value that is in effect.
        found: CleanText,
    },
    /// An older version of pindesk created it, and a process still uses it, which may be of that version.
    #[error(
        "journal {path}: an older pindesk created it, and {holder} still uses it. Nothing was changed. End that process, \
         then try again"
    )]
    OlderInUse {
        /// The path of the database.
        path: CleanText,
        /// The process and its host.
        holder: CleanText,
    },
    /// Another process held the lock until the timeout. The text names the process and says what to do.
    #[error("journal in {dir}: {holder}. Nothing was changed, and nothing was sent")]
    Locked {
        /// The state directory.
        dir: CleanText,
        /// A description of the process that holds the lock.
        holder: CleanText,
    },
    /// A read or a write failed.
    #[error("journal in {dir}: {reason}. No PIN can be set until this is fixed{free_space}")]
    Failed {
        /// The state directory.
        dir: CleanText,
        /// What went wrong.
        reason: CleanText,
        /// The free space in words, in parentheses, with a space before it.
        free_space: CleanText,
    },
}

impl JournalError {
    /// True if the journal does not exist, which is not an error for commands that work without one.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::State(error) => error.is_missing(),
            Self::ReadOnly { .. }
            | Self::NeedsRecovery { .. }
            | Self::Damaged { .. }
            | Self::NotAJournal { .. }
            | Self::WrongKind { .. }
            | Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::OlderInUse { .. }
            | Self::NotDurable { .. }
            | Self::Locked { .. }
            | Self::Failed { .. } => false,
        }
    }

    pub(super) fn damaged(dir: &Path, reason: &str) -> Self {
        Self::Damaged { path: database_path(dir), reason: CleanText::new(reason), command: move_away_command(dir) }
    }

    pub(super) fn not_a_journal(dir: &Path) -> Self {
        Self::NotAJournal { path: database_path(dir), command: move_away_command(dir) }
    }
}

/// Also moves the sidecar files: SQLite would read them as part of the next database.
pub(super) fn move_away_command(dir: &Path) -> CleanText {
    let (from, to) = (shell_quote(&dir.join(DATABASE_FILE)), shell_quote(&dir.join("damaged")));
    CleanText::new(&format!("mkdir -p {to} && mv --backup=numbered {from}* {to}"))
}

/// The journal recorded nothing, so the caller must send nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// An earlier PIN can still reach this number, another process works on the number, or another process holds the
    /// lock of all writers. The text is the end of a sentence.
    #[error("{0}")]
    Busy(CleanText),
    /// The recipients have changed, and no operator has accepted them.
    #[error("the escrow recipients have changed and no operator has accepted them")]
    RecipientsChanged,
    /// Rows of the journal are damaged. The text says which, and what to do.
    #[error("{0}")]
    Damaged(CleanText),
    /// The journal failed in this process: a write or a sync failed, or the disk is full. The text names the directory
    /// and the free space.
    #[error("{0}")]
    JournalFailed(CleanText),
}

/// A read or a write of the journal failed.
#[derive(Debug)]
pub(super) struct StorageError {
    /// The message of the operating system or of SQLite.
    pub(super) message: String,
    pub(super) kind: StorageErrorKind,
}

/// Why a read or a write failed, if the difference matters to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StorageErrorKind {
    /// The disk is full. Nothing else is wrong.
    DiskFull,
    /// The database is damaged.
    Damaged,
    /// Another process held the lock until the timeout. Nothing was written.
    Locked,
    /// Another file now has the name of an open file. Nothing was written; earlier records are intact.
    FileReplaced,
    /// Any other cause, which may be a failed sync.
    Other,
}

impl StorageError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: StorageErrorKind::Other }
    }

    /// Converts it to an error of opening or reading the journal.
    pub(super) fn into_journal_error(self, dir: &StateDir) -> JournalError {
        let (path, message) = (CleanText::new(&dir.path().to_string_lossy()), CleanText::new(&self.message));
        match self.kind {
            StorageErrorKind::Damaged => JournalError::damaged(dir.path(), &self.message),
            StorageErrorKind::Locked => JournalError::Locked { dir: path, holder: message },
            StorageErrorKind::DiskFull | StorageErrorKind::FileReplaced | StorageErrorKind::Other => {
                JournalError::Failed {
                    dir: path,
                    reason: message,
                    free_space: CleanText::new(&format!(" ({})", free_space_label(dir, self.kind))),
                }
            }
        }
    }

    /// Converts it to the error with which the journal of this process fails from now on.
    pub(super) fn into_record_error(self, dir: &StateDir) -> RecordError {
        let (path, message, free) = (dir.path().display(), self.message, free_space_label(dir, self.kind));
        RecordError::JournalFailed(CleanText::new(&format!(
            "the journal in {path} has stopped recording: {message} ({free})"
        )))
    }
}

/// What the disk has, and for a full disk what pindesk needs there.
fn free_space_label(dir: &StateDir, kind: StorageErrorKind) -> String {
    let free = dir.free_bytes().map_or_else(|| "free space unknown".to_owned(), |bytes| format!("{bytes} bytes free"));
    match kind {
        StorageErrorKind::DiskFull => format!("{NEEDED_BYTES} bytes needed, {free}"),
        StorageErrorKind::Damaged
        | StorageErrorKind::Locked
        | StorageErrorKind::FileReplaced
        | StorageErrorKind::Other => free,
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        // A short write means that the disk is full. The next write would report it.
        let is_full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
        );
        Self {
            message: error.to_string(),
            kind: if is_full { StorageErrorKind::DiskFull } else { StorageErrorKind::Other },
        }
    }
}

impl From<LockError> for StorageError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => Self { message: holder.to_string(), kind: StorageErrorKind::Locked },
            LockError::Io(error) => error.into(),
        }
    }
}
