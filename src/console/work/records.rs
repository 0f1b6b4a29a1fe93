//! Opens the journal and the escrow for the console, and says how they are.
//!
//! It blocks, so it runs on a thread of its own; it sends nothing.

use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::Recorder;
use crate::config;
use crate::console::app::status;
use crate::escrow::{Fingerprint, Recipients};
use crate::journal::{Actor, Journal, Kind, Opening, Recovered, Standing, Unresolved};
use crate::moment::Clock;
use crate::state::StateDir;
use crate::text::CleanText;

/// Where what is sent is recorded, and for whom.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Real numbers, or made-up ones.
    pub kind: Kind,
    /// Whom PINs are sealed to.
    pub escrow: config::EscrowSettings,
    /// The profile's name.
    pub profile: CleanText,
    /// Who is at work.
    pub actor: Actor,
    /// False in tests only, to show that they notice.
    #[cfg(debug_assertions)]
    pub syncs: bool,
}

/// The records, open.
pub(super) struct Opened {
    pub(super) records: Recorder,
    pub(super) unresolved: Vec<Unresolved>,
    pub(super) findings: Vec<CleanText>,
    /// How they are, for the screen.
    pub(super) told: status::Records,
}

/// Opens everything, or says why it cannot be used and what to do. Blocks.
pub(super) fn open(recording: Recording, clock: Clock) -> Result<Opened, CleanText> {
    let recipients = Recipients::load(&recording.escrow).map_err(|error| words(&error))?.map(Arc::new);
    let dir = StateDir::open_or_create(&recording.state_dir).map_err(|error| words(&error))?;
    let opening = Opening {
        dir,
        actor: recording.actor,
        kind: recording.kind,
        recipients: recipients.clone(),
        clock,
        #[cfg(debug_assertions)]
        syncs: recording.syncs,
    };
    let (journal, recovered) = Journal::open(opening).map_err(|error| words(&error))?;
    let Recovered { unresolved, findings, recipients: standing } = recovered;
    let told = match standing {
        Standing::Known => ready(recipients.as_deref()),
        Standing::Changed { remembered, now } => {
            let clean = |fingerprints: Vec<Fingerprint>| {
                fingerprints.iter().map(|fingerprint| CleanText::new(fingerprint.as_str())).collect()
            };
            status::Records::RecipientsChanged { remembered: clean(remembered), now: clean(now) }
        }
    };
    Ok(Opened { records: Recorder { journal, recipients }, unresolved, findings, told })
}

/// Usable, for these recipients.
pub(super) fn ready(recipients: Option<&Recipients>) -> status::Records {
    status::Records::Ready { recipients: recipients.map(Recipients::labels).unwrap_or_default() }
}

/// An error with what lies behind it.
pub(super) fn words(error: &dyn std::error::Error) -> CleanText {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        told = format!("{told}: {source}");
        behind = source.source();
    }
    CleanText::new(&told)
}
