//! Opens the journal and the escrow for the console, and says how they are.
//!
//! It blocks, so it runs on a thread of its own; it sends nothing.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config;
use crate::console::app::status;
use crate::escrow::{Fingerprint, Recipients};
use crate::jobs::Recorder;
use crate::journal::{
    Journal, JournalKind, JournalOptions, Operator, RecipientsStatus, RecoveryReport, UnresolvedChange,
};
use crate::state_dir::StateDir;
use crate::text::CleanText;

/// Where what is sent is recorded, and for whom.
#[derive(Debug, Clone)]
pub struct RecordingConfig {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Real numbers, or made-up ones.
    pub kind: JournalKind,
    /// Whom PINs are sealed to.
    pub escrow: config::EscrowSettings,
    /// The profile's name.
    pub profile: CleanText,
    /// Who is at work.
    pub operator: Operator,
    /// False in tests only, to show that they notice.
    #[cfg(debug_assertions)]
    pub syncs: bool,
}

/// The records, open.
pub(super) struct OpenedRecords {
    pub(super) recorder: Recorder,
    pub(super) unresolved: Vec<UnresolvedChange>,
    pub(super) findings: Vec<CleanText>,
    /// How they are, for the screen.
    pub(super) status: status::RecordingStatus,
}

/// Opens everything, or says why it cannot be used and what to do. Blocks.
pub(super) fn open(recording: RecordingConfig, clock: Clock) -> Result<OpenedRecords, CleanText> {
    let recipients = Recipients::load(&recording.escrow).map_err(|error| error_chain(&error))?.map(Arc::new);
    let dir = StateDir::open_or_create(&recording.state_dir).map_err(|error| error_chain(&error))?;
    let opening = JournalOptions {
        dir,
        operator: recording.operator,
        kind: recording.kind,
        recipients: recipients.clone(),
        clock,
        #[cfg(debug_assertions)]
        sync_writes: recording.syncs,
    };
    let (journal, recovered) = Journal::open(opening).map_err(|error| error_chain(&error))?;
    let RecoveryReport { unresolved, findings, recipients: standing } = recovered;
    let told = match standing {
        RecipientsStatus::Known => ready_status(recipients.as_deref()),
        RecipientsStatus::Changed { previous: remembered, current: now } => {
            let clean = |fingerprints: Vec<Fingerprint>| {
                fingerprints.iter().map(|fingerprint| CleanText::new(fingerprint.as_str())).collect()
            };
            status::RecordingStatus::RecipientsChanged { previous: clean(remembered), current: clean(now) }
        }
    };
    Ok(OpenedRecords { recorder: Recorder { journal, recipients }, unresolved, findings, status: told })
}

/// Usable, for these recipients.
pub(super) fn ready_status(recipients: Option<&Recipients>) -> status::RecordingStatus {
    status::RecordingStatus::Ready { recipients: recipients.map(Recipients::labels).unwrap_or_default() }
}

/// An error with what lies behind it.
pub(super) fn error_chain(error: &dyn std::error::Error) -> CleanText {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        told = format!("{told}: {source}");
        behind = source.source();
    }
    CleanText::new(&told)
}
