//! Why the journal cannot be used, and why it took nothing.
//!
//! Each error says whether anything was changed and what to do; none holds a PIN.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::config::guarded::shell_quote;
use crate::escrow::LockError;
use crate::state::{StateDir, StateDirError};
use crate::text::CleanText;

/// The journal cannot be used. Ends the program with [`EXIT_CODE`](crate::config::EXIT_CODE).
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
    Unfinished {
        /// The directory.
        dir: CleanText,
    },
    /// The database is not whole.
    #[error(
        "journal {path}: it is damaged ({what}). Nothing was changed. Move it away, and start again; the escrow file \
         brings back what is in doubt: {command}"
    )]
    Damaged {
        /// The database.
        path: CleanText,
        /// What SQLite says of it.
        what: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// Some other program's database.
    #[error(
        "journal {path}: it is not a journal of pindesk. Nothing was changed. Move it away, and start again: {command}"
    )]
    Foreign {
        /// The database.
        path: CleanText,
        /// The command that moves it away.
        command: CleanText,
    },
    /// Made-up numbers in a journal of real ones, or the other way round.
    #[error("journal {path}: it is {kind}. Nothing was changed. Name another directory: --state-dir DIR")]
    OtherKind {
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
    Newer {
        /// The database.
        path: CleanText,
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// An earlier version of this program made it, and reading alone cannot change that.
    #[error("journal {path}: an older pindesk made it. Start the console once, and it is brought up to date")]
    Older {
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
    #[error("journal in {dir}: {what}. Nothing was changed, and nothing was sent")]
    Locked {
        /// The directory.
        dir: CleanText,
        /// Who has the lock.
        what: CleanText,
    },
    /// Reading or writing failed.
    #[error("journal in {dir}: {what}. Nothing may be set until this is mended{free}")]
    Failed {
        /// The directory.
        dir: CleanText,
        /// What went wrong.
        what: CleanText,
        /// The bytes free, in words.
        free: CleanText,
    },
}

impl JournalError {
    /// True if there is no journal, which is no fault where it was only looked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::State(error) => error.is_missing(),
            Self::ReadOnly { .. }
            | Self::Unfinished { .. }
            | Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::OtherKind { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NotDurable { .. }
            | Self::Locked { .. }
            | Self::Failed { .. } => false,
        }
    }

    pub(super) fn damaged(dir: &Path, what: &str) -> Self {
        Self::Damaged { path: database(dir), what: CleanText::new(what), command: move_away(dir) }
    }

    pub(super) fn foreign(dir: &Path) -> Self {
        Self::Foreign { path: database(dir), command: move_away(dir) }
    }
}

pub(super) fn database(dir: &Path) -> CleanText {
    CleanText::new(&dir.join(super::schema::DATABASE).to_string_lossy())
}

/// The files beside the database belong to it: left behind, they would be taken for the next one's.
fn move_away(dir: &Path) -> CleanText {
    let (from, to) = (shell_quote(&dir.join(super::schema::DATABASE)), shell_quote(&dir.join("damaged")));
    CleanText::new(&format!("mkdir -p {to} && mv --backup=numbered {from}* {to}"))
}

/// Nothing was recorded, so nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
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
    Dead(CleanText),
}

/// Something that the journal wanted to read or write failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// In the system's words.
    pub(super) what: String,
    pub(super) cause: Cause,
}

/// Why something failed, as far as it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// For want of space, and nothing else.
    Full,
    /// The database is not whole.
    Damage,
    /// Another process kept the lock. Nothing was written.
    Locked,
    /// A file has lost its name. Nothing was written, and what was is whole.
    Renamed,
    /// It may have been a sync.
    Other,
}

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: Cause::Other }
    }

    /// As an error of opening.
    pub(super) fn into_error(self, dir: &StateDir) -> JournalError {
        let (path, what) = (CleanText::new(&dir.path().to_string_lossy()), CleanText::new(&self.what));
        match self.cause {
            Cause::Damage => JournalError::damaged(dir.path(), &self.what),
            Cause::Locked => JournalError::Locked { dir: path, what },
            Cause::Full | Cause::Renamed | Cause::Other => {
                JournalError::Failed { dir: path, what, free: CleanText::new(&format!(" ({})", free_words(dir))) }
            }
        }
    }

    /// As the end of this process's journal.
    pub(super) fn into_death(self, dir: &StateDir) -> Refused {
        let (path, what, free) = (dir.path().display(), self.what, free_words(dir));
        Refused::Dead(CleanText::new(&format!("the journal in {path} takes nothing more: {what} ({free})")))
    }
}

fn free_words(dir: &StateDir) -> String {
    dir.free_bytes().map_or_else(|| "free space not known".to_owned(), |bytes| format!("{bytes} bytes free"))
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        // A full disk is told as such, but where the file of the shared index cannot grow.
        let is_full =
            code.is_some_and(|(code, extended)| code == ErrorCode::DiskFull || extended == ffi::SQLITE_IOERR_SHMSIZE);
        let is_damage =
            code.is_some_and(|(code, _)| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        let cause = match (is_full, is_damage) {
            (true, _) => Cause::Full,
            (false, true) => Cause::Damage,
            (false, false) => Cause::Other,
        };
        Self { what: error.to_string(), cause }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // A write that stopped half-way found no more room; the next would have been told so.
        let is_full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
        );
        Self { what: error.to_string(), cause: if is_full { Cause::Full } else { Cause::Other } }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => Self { what: holder.to_string(), cause: Cause::Locked },
            LockError::Io(error) => error.into(),
        }
    }
}
