//! Defines damage of the journal: which rows are not as they were written, and what an operator can do.
//!
//! This module does not find damage.

use std::fmt;

use crate::domain::text::CleanText;

/// A problem of the audit log or of what belongs to it, or a loss that the log itself reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProblem {
    /// The number of the row, or of the first of several rows.
    pub sequence: i64,
    /// The number of the last row.
    pub until: i64,
    /// What is wrong, as the end of a sentence about the row.
    pub description: CleanText,
    /// True if nothing is set because of it. False for a problem that a start tells once, or corrects.
    pub is_damage: bool,
}

impl AuditProblem {
    pub(in crate::journal) fn new(sequence: i64, description: &str) -> Self {
        Self { sequence, until: sequence, description: CleanText::new(description), is_damage: true }
    }

    /// A problem that stops nothing.
    pub(in crate::journal) fn note(sequence: i64, description: &str) -> Self {
        Self { is_damage: false, ..Self::new(sequence, description) }
    }
}

impl fmt::Display for AuditProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audit row {}: {}", self.sequence, self.description)
    }
}

/// Rows of the journal were altered or deleted. Nothing is sent until an operator moves the journal away or accepts the
/// damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDamage {
    /// What is damaged, at least one problem.
    pub problems: Vec<AuditProblem>,
    /// The shell command that moves the database away.
    pub move_away: CleanText,
}

impl JournalDamage {
    /// `None` without problems.
    pub(in crate::journal) fn new(problems: Vec<AuditProblem>, move_away: CleanText) -> Option<Self> {
        (!problems.is_empty()).then_some(Self { problems, move_away })
    }

    /// The last damaged row, as far as it is known.
    #[must_use]
    pub fn until(&self) -> i64 {
        self.problems.iter().map(|problem| problem.until).max().unwrap_or_default()
    }
}

impl fmt::Display for JournalDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (until, move_away) = (self.until(), &self.move_away);
        write!(f, "the journal is damaged")?;
        self.problems.first().map_or(Ok(()), |problem| write!(f, ": {problem}"))?;
        write!(
            f,
            ". To see each damaged row: pindesk audit verify. To start a new journal, in which every PIN of the escrow file \
             comes back in doubt: {move_away}. To accept the damage as it is: pindesk audit accept --until {until}"
        )
    }
}

/// The rows that are bound together by a later row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundRows {
    /// The last of them.
    pub until: i64,
    /// The row that binds them.
    pub by: i64,
    /// True if an operator accepted the damage in them; false if an older version wrote them.
    pub are_accepted: bool,
}
