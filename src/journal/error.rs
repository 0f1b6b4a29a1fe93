//! Why the journal cannot be used, and why it took nothing.
//!
//! Each error says whether anything was changed and what to do; none holds a PIN.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::domain::redact::shell_quote;
use crate::domain::text::CleanText;
use crate::escrow::LockError;
use crate::state_dir::{StateDir, StateDirError};

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory or a file in it is missing or not safe.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// Nothing can be recorded, so nothing may be sent.
    #[error("state directory {dir}: it cannot be written, so nothing can be set. Numbers can still be listed")]
    ReadOnly {
        /// The directory.
        dir: CleanText,
    },
    /// What is read only cannot be read while parts of it are in a file that has to be written first.
    #[error(
        "journal in {dir}: it was left in the middle, and the directory cannot be written. Copy it to a place of your \
         own, and read it there: --state-dir COPY"
    )]
    NeedsRecovery {
        /// The directory.
        dir: CleanText,
    },
    /// The database is not whole.
    #[error(
        "journal {path}: it is damaged ({reason}). Nothing was changed. Move it away, and start again; the escrow file \
         brings back what is in doubt: {command}"
    )]
    Damaged {
        /// The database.
        path: CleanText,
        /// What SQLite says of it.
        reason: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// Some other program's database.
    #[error(
        "journal {path}: it is not a journal of pindesk. Nothing was changed. Move it away, and start again: {command}"
    )]
    NotAJournal {
        /// The database.
        path: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// Made-up numbers in a journal of real ones, or the other way round.
    #[error("journal {path}: it is {kind}. Nothing was changed. Name another directory: --state-dir DIR")]
    WrongKind {
        /// The database.
        path: CleanText,
        /// What it is.
        kind: &'static str,
    },
    /// A later version of this program made it.
    #[error(
        "journal {path}: a newer pindesk made it (schema {found}, this one knows {known}). Nothing was changed. Use \
         that one"
    )]
    NewerSchema {
        /// The database.
        path: CleanText,
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// An earlier version of this program made it, and reading alone cannot change that.
    #[error("journal {path}: an older pindesk made it. Start the console once, and it is brought up to date")]
    OlderSchema {
        /// The database.
        path: CleanText,
    },
    /// A setting that makes records durable was not taken.
    #[error(
        "journal {path}: the system does not keep records safe there ({setting} is {found}). Name a \
         directory on a local disk: --state-dir DIR"
    )]
    NotDurable {
        /// The database.
        path: CleanText,
        /// Which setting.
        setting: &'static str,
        /// What it is instead.
        found: CleanText,
    },
    /// Another process writes there and does not come to an end. The text says which, and how to get on.
    #[error("journal in {dir}: {holder}. Nothing was changed, and nothing was sent")]
    Locked {
        /// The directory.
        dir: CleanText,
        /// Who has the lock.
        holder: CleanText,
    },
    /// Reading or writing failed.
    #[error("journal in {dir}: {reason}. Nothing may be set until this is mended{free_space}")]
    Failed {
        /// The directory.
        dir: CleanText,
        /// What went wrong.
        reason: CleanText,
        /// The bytes free, in words.
        free_space: CleanText,
    },
}

impl JournalError {
    /// True if there is no journal, which is no fault where it was only looked for.
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
            | Self::NotDurable { .. }
            | Self::Locked { .. }
            | Self::Failed { .. } => false,
        }
    }

    pub(super) fn damaged(dir: &Path, what: &str) -> Self {
        Self::Damaged { path: database_path(dir), reason: CleanText::new(what), command: move_away_command(dir) }
    }

    pub(super) fn not_a_journal(dir: &Path) -> Self {
        Self::NotAJournal { path: database_path(dir), command: move_away_command(dir) }
    }
}

pub(super) fn database_path(dir: &Path) -> CleanText {
    CleanText::new(&dir.join(super::schema::DATABASE_FILE).to_string_lossy())
}

/// The files beside the database belong to it: left behind, they would be taken for the next one's.
fn move_away_command(dir: &Path) -> CleanText {
    let (from, to) = (shell_quote(&dir.join(super::schema::DATABASE_FILE)), shell_quote(&dir.join("damaged")));
    CleanText::new(&format!("mkdir -p {to} && mv --backup=numbered {from}* {to}"))
}

/// Nothing was recorded, so nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// An earlier PIN of this number could still land, another process is at work on it, or one keeps all others from
    /// writing. The text is a sentence's end.
    #[error("{0}")]
    Busy(CleanText),
    /// The recipients are not those that were remembered.
    #[error("the escrow recipients have changed and nobody has acknowledged them")]
    RecipientsChanged,
    /// The journal takes nothing more in this process: a write or a sync failed, the disk is full. Names the directory
    /// and the bytes free.
    #[error("{0}")]
    JournalFailed(CleanText),
}

/// Something that the journal wanted to read or write failed.
#[derive(Debug)]
pub(super) struct StorageError {
    /// In the system's words.
    pub(super) message: String,
    pub(super) kind: StorageErrorKind,
}

/// Why something failed, as far as it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StorageErrorKind {
    /// For want of space, and nothing else.
    DiskFull,
    /// The database is not whole.
    Damaged,
    /// Another process kept the lock. Nothing was written.
    Locked,
    /// A file has lost its name. Nothing was written, and what was is whole.
    FileReplaced,
    /// It may have been a sync.
    Other,
}

impl StorageError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { message: what.into(), kind: StorageErrorKind::Other }
    }

    /// As an error of opening.
    pub(super) fn into_journal_error(self, dir: &StateDir) -> JournalError {
        let (path, what) = (CleanText::new(&dir.path().to_string_lossy()), CleanText::new(&self.message));
        match self.kind {
            StorageErrorKind::Damaged => JournalError::damaged(dir.path(), &self.message),
            StorageErrorKind::Locked => JournalError::Locked { dir: path, holder: what },
            StorageErrorKind::DiskFull | StorageErrorKind::FileReplaced | StorageErrorKind::Other => {
                JournalError::Failed {
                    dir: path,
                    reason: what,
                    free_space: CleanText::new(&format!(" ({})", free_space_label(dir))),
                }
            }
        }
    }

    /// As the end of this process's journal.
    pub(super) fn into_record_error(self, dir: &StateDir) -> RecordError {
        let (path, what, free) = (dir.path().display(), self.message, free_space_label(dir));
        RecordError::JournalFailed(CleanText::new(&format!(
            "the journal in {path} takes nothing more: {what} ({free})"
        )))
    }
}

fn free_space_label(dir: &StateDir) -> String {
    dir.free_bytes().map_or_else(|| "free space not known".to_owned(), |bytes| format!("{bytes} bytes free"))
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        // A full disk is told as such, but where the file of the shared index cannot grow.
        let is_full =
            code.is_some_and(|(code, extended)| code == ErrorCode::DiskFull || extended == ffi::SQLITE_IOERR_SHMSIZE);
        let is_damage =
            code.is_some_and(|(code, _)| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        let cause = match (is_full, is_damage) {
            (true, _) => StorageErrorKind::DiskFull,
            (false, true) => StorageErrorKind::Damaged,
            (false, false) => StorageErrorKind::Other,
        };
        Self { message: error.to_string(), kind: cause }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        // A write that stopped half-way found no more room; the next would have been told so.
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
