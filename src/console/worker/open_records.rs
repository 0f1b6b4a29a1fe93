//! Opens the journal and the escrow for the console, and reports their status to the screen.
//!
//! It blocks, so it runs on a thread of its own. It sends nothing.

use crate::console::shared::RecordingStatus;
use crate::domain::clock::Clock;
use crate::domain::text::{CleanText, error_chain};
use crate::escrow::{Fingerprint, Recipients};
use crate::jobs::Recorder;
use crate::journal::{RecipientsStatus, RecoveryReport, UnresolvedChange};
use crate::preflight::{self, RecordingConfig, Records};

/// The open records.
pub(super) struct OpenedRecords {
    pub(super) recorder: Recorder,
    pub(super) unresolved: Vec<UnresolvedChange>,
    pub(super) findings: Vec<CleanText>,
    /// The status for the screen.
    pub(super) status: RecordingStatus,
}

/// Opens everything, or says why it cannot be used and what to do. Blocks.
pub(super) fn open(config: &RecordingConfig, clock: Clock) -> Result<OpenedRecords, CleanText> {
    let Records { journal, report, recipients, syslog_problem } =
        preflight::open_records(config, clock).map_err(|error| error_chain(&error))?;
    let RecoveryReport { unresolved, mut findings, recipients: recipients_status, damage } = report;
    findings.extend(syslog_problem);
    let status = match (damage, recipients_status) {
        (Some(damage), _) => RecordingStatus::Damaged(CleanText::new(&damage.to_string())),
        (None, RecipientsStatus::Known) => ready_status(recipients.as_deref()),
        (None, RecipientsStatus::Changed { previous, current }) => {
            RecordingStatus::RecipientsChanged { previous: labels(&previous), current: labels(&current) }
        }
    };
    let recorder = Recorder { journal, recipients, profile: config.profile.clone() };
    Ok(OpenedRecords { recorder, unresolved, findings, status })
}

fn labels(fingerprints: &[Fingerprint]) -> Vec<CleanText> {
    fingerprints.iter().map(|fingerprint| CleanText::new(fingerprint.as_str())).collect()
}

/// The status of usable records with these recipients.
pub(super) fn ready_status(recipients: Option<&Recipients>) -> RecordingStatus {
    RecordingStatus::Ready { recipients: recipients.map(Recipients::labels).unwrap_or_default() }
}
