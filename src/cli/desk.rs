//! What a command needs to do changes: the state directory, the journal, the recipients.
//!
//! It opens them in the order in which they are refused, and sends nothing. What has to be looked at first stops here.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::stops::Stops;
use super::{Failure, complain, paint};
use crate::config::{EscrowSettings, guarded};
use crate::escrow::{Fingerprint, Recipients};
use crate::journal::{Actor, Journal, JournalError, Kind, Opening, Reader, Recovered, SealedPin, Standing};
use crate::moment::Clock;
use crate::state::StateDir;
use crate::text::CleanText;

/// Everything that is recorded in, and what was found in it.
pub(super) struct Books {
    pub(super) journal: Journal,
    pub(super) recovered: Recovered,
    pub(super) recipients: Option<Arc<Recipients>>,
    pub(super) stops: Stops,
}

/// The recipients of the config; `None` where it names none.
pub(super) fn recipients(settings: &EscrowSettings) -> Result<Option<Arc<Recipients>>, Failure> {
    Ok(Recipients::load(settings).map_err(|error| Failure::not_ready(&error))?.map(Arc::new))
}

/// Opens the books of real numbers.
pub(super) fn open(place: &Path, settings: &EscrowSettings, syncs: bool) -> Result<Books, Failure> {
    let dir = StateDir::open_or_create(place).map_err(|error| Failure::not_ready(&error))?;
    let recipients = recipients(settings)?;
    let opening = opening(dir, Kind::Real, recipients.clone(), syncs);
    let stops = Stops::listen()
        .map_err(|source| Failure::System { what: "cannot watch for signals, so nothing was sent", source })?;
    let (journal, recovered) = stops.open(|| Journal::open(opening)).map_err(|error| Failure::not_ready(&error))?;
    Ok(Books { journal, recovered, recipients, stops })
}

fn opening(dir: StateDir, kind: Kind, recipients: Option<Arc<Recipients>>, syncs: bool) -> Opening {
    #[cfg(not(debug_assertions))]
    let _ = syncs;
    Opening {
        dir,
        actor: Actor::from_process(),
        kind,
        recipients,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        syncs,
    }
}

/// Looks whether the books could be opened and would let anything be set, and makes and writes nothing. Gives what would be
/// found in them, and whom PINs would be sealed to.
pub(super) fn try_out(place: &Path, settings: &EscrowSettings) -> Result<(Recovered, Option<Arc<Recipients>>), Failure> {
    let dir = match StateDir::open(place) {
        Ok(dir) if dir.is_writable() => Some(dir),
        Ok(_) => {
            let why = format!("nothing can be written in the state directory {}.", shown(place));
            return Err(Failure::NotReady(why));
        }
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(Failure::not_ready(&error)),
    };
    let recipients = recipients(settings)?;
    let looked = dir.map(|dir| Journal::look(&dir, recipients.as_deref())).transpose();
    let recovered = looked.map_err(|error| Failure::not_ready(&error))?.unwrap_or_default();
    Ok((recovered, recipients))
}

/// How a run goes on when what was found has been read.
pub(super) const RUN_AGAIN: &str = "When you have read this, run the command again.";

/// The same of a dry run, which leaves no record of what it told.
pub(super) const RUN_DRY_AGAIN: &str =
    "A dry run says this each time. The run itself says it once: run it again after that.";

/// Refuses to set anything while something has to be looked at, or the recipients are not those that were.
pub(super) fn check(recovered: &Recovered, how_to_go_on: &str) -> Result<(), Failure> {
    if !recovered.findings.is_empty() {
        let mut text = "the state directory has to be looked at first. Nothing was sent.".to_owned();
        for finding in &recovered.findings {
            write!(text, "\n  {finding}").unwrap_or_default();
        }
        write!(text, "\n{how_to_go_on}").unwrap_or_default();
        return Err(Failure::NotReady(text));
    }
    match &recovered.recipients {
        Standing::Known => Ok(()),
        Standing::Changed { remembered, now } => {
            let left = if now.is_empty() { "No key is left: PINs would not be sealed at all.\n" } else { "" };
            let text = format!(
                "the escrow recipients have changed. Nothing was sent.\n{}{left}If this is right, run: pindesk escrow ack",
                differences(remembered, now)
            );
            Err(Failure::NotReady(text))
        }
    }
}

/// One line for each key that came or went.
pub(super) fn differences(remembered: &[Fingerprint], now: &[Fingerprint]) -> String {
    let mut text = String::new();
    let lines = [("added", now, remembered), ("removed", remembered, now)];
    for (word, these, others) in lines {
        for key in these.iter().filter(|key| !others.contains(key)) {
            writeln!(text, "  {word:<7}  {}", key.as_str()).unwrap_or_default();
        }
    }
    text
}

/// Says how many numbers are in doubt from before, which a new PIN does not settle by itself.
pub(super) fn tell_unresolved(recovered: &Recovered, is_quiet: bool) {
    let count = recovered.unresolved.len();
    if count > 0 && !is_quiet {
        let changes = paint::counted(count, "change");
        complain(&format!("pindesk: {changes} of before in doubt. The console shows them first: pindesk"));
    }
}

/// A path for people.
pub(super) fn shown(place: &Path) -> CleanText {
    CleanText::new(&guarded::redacted_path(place))
}

/// What the journal has of sealed PINs.
#[derive(Default)]
pub(super) struct Sealed {
    /// The one that was sent last at the end.
    pub(super) pins: Vec<SealedPin>,
    /// True if it has every PIN that was sealed and sent.
    pub(super) is_whole: bool,
}

/// The sealed PINs that the journal has; none where it cannot be read, which is told on standard error.
pub(super) fn sealed(dir: &StateDir) -> Sealed {
    let read = |reader: Reader| Ok(Sealed { is_whole: reader.is_whole()?, pins: reader.sealed_pins()? });
    match Reader::open(dir).and_then(read) {
        Ok(sealed) => sealed,
        Err(error) if error.is_missing() => Sealed::default(),
        Err(error) => {
            complain(&format!("pindesk: only the escrow file is read. {}", Failure::not_ready(&error)));
            Sealed::default()
        }
    }
}

/// The journal, to record in it who opened what. One that is not there is not made: the escrow file may be a copy.
pub(super) fn auditor(dir: &StateDir) -> Result<Journal, JournalError> {
    Reader::open(dir)?;
    let (journal, recovered) = match Journal::open(opening(dir.clone(), Kind::Real, None, true)) {
        Err(JournalError::OtherKind { .. }) => Journal::open(opening(dir.clone(), Kind::Demo, None, true))?,
        opened => opened?,
    };
    for finding in &recovered.findings {
        complain(&format!("pindesk: {finding}"));
    }
    Ok(journal)
}

/// A journal for reading.
pub(super) fn reader(place: &Path) -> Result<Reader, Failure> {
    let dir = StateDir::open(place).map_err(|error| Failure::not_ready(&error))?;
    Reader::open(&dir).map_err(|error| Failure::not_ready(&error))
}
