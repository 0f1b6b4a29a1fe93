//! Why the journal cannot be used, and why it recorded nothing.
//!
//! Each error says whether anything was changed and what to do. None holds a PIN.

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
    /// The directory or a file in it is missing or unsafe.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// Nothing can be recorded, so nothing may be sent.
    #[error("state directory {dir}: it cannot be written, so nothing can be set. Numbers can still be listed")]
    ReadOnly {
        /// The directory.
        dir: CleanText,
    },
    /// A read-only directory, while a part of the database is in a file that must be merged first.
    #[error(
        "journal in {dir}: it was left in the middle, and the directory cannot be written. Copy it to a place of your \
         own, and read it there: --state-dir COPY"
    )]
    NeedsRecovery {
        /// The directory.
        dir: CleanText,
    },
    /// The database is damaged.
    #[error(
        "journal {path}: it is damaged ({reason}). Nothing was changed. Move it away, and start again; the escrow file \
         brings back what is in doubt: {command}"
    )]
    Damaged {
        /// The database.
        path: CleanText,
        /// The report of SQLite.
        reason: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// The database of another program.
    #[error(
        "journal {path}: it is not a journal of pindesk. Nothing was changed. Move it away, and start again: {command}"
    )]
    NotAJournal {
        /// The database.
        path: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// A journal of real numbers for made-up ones, or vice versa.
    #[error("journal {path}: it is {kind}. Nothing was changed. Name another directory: --state-dir DIR")]
    WrongKind {
        /// The database.
        path: CleanText,
        /// What it is a journal of.
        kind: &'static str,
    },
    /// A newer version of pindesk created it.
    #[error(
        "journal {path}: a newer pindesk made it (schema {found}, this one knows {known}). Nothing was changed. Use \
         that one"
    )]
    NewerSchema {
        /// The database.
        path: CleanText,
        /// The version of its schema.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// An older version of pindesk created it, and a read-only open cannot migrate it.
    #[error("journal {path}: an older pindesk made it. Start the console once, and it is brought up to date")]
    OlderSchema {
        /// The database.
        path: CleanText,
    },
    /// A setting that makes records durable was not accepted.
    #[error(
        "journal {path}: the system does not keep records safe there ({setting} is {found}). Name a \
         directory on a local disk: --state-dir DIR"
    )]
    NotDurable {
        /// The database.
        path: CleanText,
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: CleanText,
    },
    /// Another process writes and does not finish. The text names it, and says what to do.
    #[error("journal in {dir}: {holder}. Nothing was changed, and nothing was sent")]
    Locked {
        /// The directory.
        dir: CleanText,
        /// The holder of the lock.
        holder: CleanText,
    },
    /// Reading or writing failed.
    #[error("journal in {dir}: {reason}. Nothing may be set until this is mended{free_space}")]
    Failed {
        /// The directory.
        dir: CleanText,
        /// What went wrong.
        reason: CleanText,
        /// The free space, in words.
        free_space: CleanText,
    },
}

impl JournalError {
    /// True if there is no journal, which is not an error if it is optional.
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

/// The files beside the database belong to it: left behind, they would be taken for those of the next one.
fn move_away_command(dir: &Path) -> CleanText {
    let (from, to) = (shell_quote(&dir.join(super::schema::DATABASE_FILE)), shell_quote(&dir.join("damaged")));
    CleanText::new(&format!("mkdir -p {to} && mv --backup=numbered {from}* {to}"))
}

/// Nothing was recorded, so nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// An earlier PIN of this number can still arrive, another process works on the number, or another process keeps
    /// all others from writing. The text is the end of a sentence.
    #[error("{0}")]
    Busy(CleanText),
    /// The recipients have changed.
    #[error("the escrow recipients have changed and nobody has acknowledged them")]
    RecipientsChanged,
    /// The journal failed in this process: a write or a sync failed, or the disk is full. Names the directory and the
    /// free space.
    #[error("{0}")]
    JournalFailed(CleanText),
}

/// A read or write of the journal failed.
#[derive(Debug)]
pub(super) struct StorageError {
    /// The message of the system.
    pub(super) message: String,
    pub(super) kind: StorageErrorKind,
}

/// Why it failed, as far as that makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StorageErrorKind {
    /// The disk is full, and nothing else is wrong.
    DiskFull,
    /// The database is damaged.
    Damaged,
    /// Another process kept the lock. Nothing was written.
    Locked,
    /// A file has lost its name. Nothing was written, and what was written is intact.
    FileReplaced,
    /// Anything else. It may have been a sync.
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

    /// As the failure of this process's journal.
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
        // SQLite reports a full disk as such, except when the file of the shared index cannot grow.
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
        // A short write found no more space. The next would report it.
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
