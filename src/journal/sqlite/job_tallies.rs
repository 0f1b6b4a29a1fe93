//! Reads the tallies: how many numbers of a job are in each state, counted when no process works on the job any longer.
//!
//! A tally is derived from other records, and can be made again from them. It never decides what is sent.

use std::collections::HashMap;

use rusqlite::Row;

use crate::domain::standing::ChangeResult;
use crate::journal::model::RecordedState;

/// The states that a tally counts, with their columns. A number on which a process works has none.
const STATES: [(RecordedState, &str); 7] = [
    (RecordedState::NotStarted, "not_started"),
    (RecordedState::Ended(ChangeResult::Set), "was_set"),
    (RecordedState::Ended(ChangeResult::Failed), "failed"),
    (RecordedState::Ended(ChangeResult::NotSent), "not_sent"),
    (RecordedState::Ended(ChangeResult::NoAnswer), "no_answer"),
    (RecordedState::NotApplied, "not_applied"),
    (RecordedState::Resolved, "resolved"),
];

/// The columns of a tally `t`, for [`read`].
pub(super) const COLUMNS: &str =
    "t.not_started, t.was_set, t.failed, t.not_sent, t.no_answer, t.not_applied, t.resolved, t.resumable";

/// How many numbers are in each state, without zero counts, and how many a resumed job sends.
pub(super) type Tally = (HashMap<RecordedState, usize>, usize);

/// Reads [`COLUMNS`], which start at a column; `None` without a tally.
pub(super) fn read(row: &Row<'_>, start: usize) -> rusqlite::Result<Option<Tally>> {
    let mut counts = HashMap::new();
    for (column, (state, _)) in (start..).zip(STATES) {
        let Some(count) = row.get::<_, Option<u32>>(column)? else { return Ok(None) };
        if count > 0 {
            counts.insert(state, usize::try_from(count).unwrap_or(usize::MAX));
        }
    }
    let resumable: u32 = row.get(start + STATES.len())?;
    Ok(Some((counts, usize::try_from(resumable).unwrap_or(usize::MAX))))
}

/// The column that counts numbers in this state; `None` while a process works on them.
pub(super) fn column(state: RecordedState) -> Option<&'static str> {
    STATES.iter().find(|(known, _)| *known == state).map(|(_, column)| *column)
}

/// The state that a column counts.
pub(super) fn parse_column(column: &str) -> Option<RecordedState> {
    STATES.iter().find(|(_, known)| *known == column).map(|(state, _)| *state)
}
