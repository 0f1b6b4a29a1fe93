//! The database: all of SQL is here, and who reads and writes it.
//!
//! It reads values, asks the rules of the journal, and writes rows. It decides nothing about PINs itself.

mod schema;
mod encoding;
mod columns;
mod audit_log;
mod record_digest;
mod row_groups;
mod row_check;
pub(super) mod audit_check;
mod change_facts;
mod open_changes;
pub(super) mod transaction;
mod checkpoint;
mod escrow_lines;
mod job_tallies;
mod job_queries;
mod job_counts;
mod encrypted_pins;
mod re_encryptions;
mod history;
mod last_requests;
mod number_records;
pub(super) mod cache;
pub(super) mod reader;
pub(super) mod backup;
pub(super) mod inspection;
mod runs;
mod damage;
mod recipients;
mod send_facts;
mod job_start;
pub(super) mod recovery;
pub(super) mod writer;

use rusqlite::{ErrorCode, ffi};

use super::error::{StorageError, StorageErrorKind};

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        // SQLite has a code for a full disk, but uses another one if the shared-memory file cannot grow.
        let is_full =
            code.is_some_and(|(code, extended)| code == ErrorCode::DiskFull || extended == ffi::SQLITE_IOERR_SHMSIZE);
        let is_damaged =
            code.is_some_and(|(code, _)| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        let kind = match (is_full, is_damaged) {
            (true, _) => StorageErrorKind::DiskFull,
            (false, true) => StorageErrorKind::Damaged,
            (false, false) => StorageErrorKind::Other,
        };
        Self { message: error.to_string(), kind }
    }
}
