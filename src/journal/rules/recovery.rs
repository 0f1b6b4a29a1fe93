//! Decides what recovery makes of records that only the journal or only the escrow file has, and of open changes.
//!
//! A PIN that either record has may be in force, so recovery adds what one of them lacks and removes nothing.

use std::time::Duration;

use crate::domain::clock::UtcTime;
use crate::domain::standing::{DoubtCause, Standing};
use crate::escrow::EscrowEntry;
use crate::journal::audit::SavedHead;
use crate::journal::model::{OpenChange, OutcomeRecord, UnresolvedChange};

/// What the escrow file has for an encrypted PIN of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum EscrowCopy {
    Same,
    /// It has the change, but no line of it is the same.
    Different,
    Missing,
}

/// Why recovery appends an encrypted PIN of the journal to the escrow file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum AppendReason {
    Lost,
    /// The line of the file or the row was altered or damaged. Which one is not known, so the file gets both.
    Altered,
}

impl EscrowCopy {
    /// Compares with the lines of the file: whether one is of the same change, and whether one is the same.
    pub(in crate::journal) const fn new(has_change: bool, has_same_line: bool) -> Self {
        match (has_change, has_same_line) {
            (_, true) => Self::Same,
            (true, false) => Self::Different,
            (false, false) => Self::Missing,
        }
    }

    /// Why recovery appends the encrypted PIN of the journal; `None` if the file needs nothing.
    pub(in crate::journal) const fn append_reason(self) -> Option<AppendReason> {
        match self {
            Self::Same => None,
            Self::Different => Some(AppendReason::Altered),
            Self::Missing => Some(AppendReason::Lost),
        }
    }
}

/// True if the journal had records, but its database is new.
pub(in crate::journal) fn is_journal_lost(was_empty: bool, saved_head: SavedHead, has_escrow_entries: bool) -> bool {
    let had_rows = match saved_head {
        SavedHead::Missing => false,
        SavedHead::Unreadable => true,
        SavedHead::Present(head) => head.sequence > 0,
    };
    was_empty && (had_rows || has_escrow_entries)
}

/// True if an unparsable line of the escrow file may have lost a PIN. A write that a crash cut off has lost none, if the
/// journal is complete: its PIN was never sent, or the journal has it.
pub(in crate::journal) const fn may_have_lost_a_pin(is_journal_complete: bool, is_torn_last_line: bool) -> bool {
    !(is_journal_complete && is_torn_last_line)
}

/// A change that only the escrow file has, as recovery imports it: in doubt, because its PIN may have been sent. The
/// time of its last request is unknown, but it is not later than `now`. Its job is kept if the journal has the number
/// in that job (`has_number_in_job`): in an older copy of the journal, the job may be missing or a different one.
pub(in crate::journal) fn import(entry: &EscrowEntry, has_number_in_job: bool, now: UtcTime) -> OutcomeRecord {
    OutcomeRecord {
        change: entry.change,
        job: entry.job.filter(|_| has_number_in_job),
        number: entry.number,
        waba: entry.waba,
        attempts: 1,
        standing: Standing::in_doubt(DoubtCause::EscrowOnly),
        will_retry: false,
        at: now,
    }
}

/// What recovery reports of an open change: nothing while another live process works on it, and otherwise the change
/// with the time of its last request by the current clock.
pub(in crate::journal) fn unresolved(
    open: OpenChange,
    is_of_other_live_process: bool,
    now: UtcTime,
    uptime: Option<Duration>,
) -> Option<UnresolvedChange> {
    let last_send = open.last_send.adjusted_to(now, uptime);
    (!is_of_other_live_process).then_some(UnresolvedChange { last_send, ..open.unresolved })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{ChangeId, JobId};
    use crate::domain::number::{PhoneNumberId, TwoStep};
    use crate::escrow::Ciphertext;
    use crate::journal::audit::ChainHead;
    use crate::journal::model::RecordedTime;

    const NOW: UtcTime = UtcTime::from_unix_seconds(1_795_356_000);

    fn number() -> PhoneNumberId {
        "200000000000001".parse().expect("an id")
    }

    #[test]
    fn an_encrypted_pin_is_appended_unless_the_file_has_it() {
        let cases =
            [(true, true, None), (true, false, Some(AppendReason::Altered)), (false, false, Some(AppendReason::Lost))];
        for (has_change, has_same_line, expected) in cases {
            assert_eq!(EscrowCopy::new(has_change, has_same_line).append_reason(), expected);
        }
    }

    #[test]
    fn a_journal_is_lost_if_anything_shows_that_it_had_records() {
        let head = |sequence| SavedHead::Present(ChainHead { sequence, hash: [0; 32] });
        let cases = [
            (true, SavedHead::Missing, false, false),
            (true, head(0), false, false),
            (true, SavedHead::Missing, true, true),
            (true, head(1), false, true),
            (true, SavedHead::Unreadable, false, true),
            (false, head(1), true, false),
            (false, SavedHead::Unreadable, true, false),
        ];
        for (was_empty, saved_head, has_entries, expected) in cases {
            assert_eq!(is_journal_lost(was_empty, saved_head, has_entries), expected, "{was_empty} {saved_head:?}");
        }
    }

    #[test]
    fn only_a_torn_line_beside_a_complete_journal_lost_nothing() {
        for (is_complete, is_torn, expected) in
            [(true, true, false), (true, false, true), (false, true, true), (false, false, true)]
        {
            assert_eq!(may_have_lost_a_pin(is_complete, is_torn), expected, "{is_complete} {is_torn}");
        }
    }

    #[test]
    fn a_change_only_in_the_escrow_is_imported_in_doubt() {
        let job = Some(JobId::new(3));
        let cases = [(job, true, job), (job, false, None), (None, false, None)];
        for (entry_job, has_number_in_job, expected) in cases {
            let (change, ciphertext) = (ChangeId::new(), Ciphertext(vec![1]));
            let entry = EscrowEntry { change, number: number(), waba: None, at: NOW, job: entry_job, ciphertext };
            let imported = import(&entry, has_number_in_job, NOW.plus(Duration::from_secs(9)));
            assert_eq!(imported.job, expected, "{entry_job:?} {has_number_in_job}");
            assert_eq!(imported.standing, Standing::in_doubt(DoubtCause::EscrowOnly));
            assert_eq!((imported.change, imported.at), (change, NOW.plus(Duration::from_secs(9))));
            assert!(!imported.will_retry);
        }
    }

    #[test]
    fn an_open_change_of_a_live_process_is_not_reported() {
        let sent = RecordedTime { at: NOW, uptime: None, is_same_boot: false, slack: Duration::from_secs(40) };
        let unresolved_change = UnresolvedChange {
            change: ChangeId::new(),
            job: None,
            number: number(),
            waba: None,
            two_step_before: TwoStep::On,
            at: NOW,
            attempts: Some(1),
            doubt: DoubtCause::ProcessEnded.into(),
            last_send: NOW,
            is_in_escrow: true,
        };
        let open = OpenChange {
            unresolved: unresolved_change.clone(),
            sequence: 1,
            run_id: None,
            has_outcome: false,
            last_send: sent,
        };
        assert_eq!(unresolved(open.clone(), true, NOW, None), None);
        let last_send = NOW.plus(Duration::from_secs(40));
        let expected = UnresolvedChange { last_send, ..unresolved_change };
        assert_eq!(unresolved(open, false, NOW, None), Some(expected));
    }
}
