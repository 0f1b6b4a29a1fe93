//! Parses single columns of rows. It never queries.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::number::{TwoStep, WabaId};

/// Parses a stored ID.
pub(super) fn parse_column<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Parses the output of [`TwoStep::json_value`].
pub(super) fn parse_two_step(text: &str) -> TwoStep {
    [TwoStep::On, TwoStep::NotSet].into_iter().find(|two_step| two_step.json_value() == text).unwrap_or_default()
}

/// Parses the ID of a WABA, if there is one.
pub(super) fn waba_column(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<WabaId>> {
    row.get::<_, Option<String>>(column)?.map(|_| parse_column(row, column)).transpose()
}
