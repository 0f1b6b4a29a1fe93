//! The table of error codes and their meanings.
//!
//! It contains only one search. The first row that matches wins, so a row with a subcode or a phrase comes before the row
//! that has only its code. It does not decide whether to retry.

use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::entry::CatalogEntry;
use crate::policy::error_catalog::row::CatalogRow;
use crate::policy::error_catalog::{access_rows, limit_rows, number_rows, request_rows};

/// Code 100 is in three of them. Only the last has a row for the code alone.
const ROWS: [&[CatalogRow]; 4] = [access_rows::ROWS, limit_rows::ROWS, number_rows::ROWS, request_rows::ROWS];

pub(super) fn find(error: &ApiError) -> &'static CatalogEntry {
    match ROWS.into_iter().flatten().find(|row| row.matches(error)) {
        Some(row) => &row.entry,
        None => match error.http_status {
            401 => &access_rows::TOKEN_REFUSED,
            429 => &limit_rows::THROTTLED,
            500.. => &limit_rows::SERVER_ERROR,
            _ => &request_rows::UNKNOWN_CODE,
        },
    }
}

/// The entry of errors with this code, if no subcode and no text decides.
pub(super) fn find_code(code: i64) -> Option<&'static CatalogEntry> {
    ROWS.into_iter().flatten().find(|row| row.is_of_code(code)).map(|row| &row.entry)
}

#[cfg(test)]
pub(super) fn all_entries() -> impl Iterator<Item = &'static CatalogEntry> {
    ROWS.into_iter().flatten().map(|row| &row.entry).chain([&request_rows::UNKNOWN_CODE])
}
