//! What a command needs to do changes: the state directory, the journal, the recipients.
//!
//! It opens them in the order in which they are refused, and sends nothing. What has to be looked at first stops here.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::cli::output::table;
use crate::cli::suspend::SuspendHandler;
use crate::cli::{CliError, eprint_line};
use crate::config::EscrowSettings;
use crate::domain::clock::Clock;
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::escrow::{Fingerprint, Recipients};
use crate::journal::{
    EncryptedPin, Journal, JournalError, JournalKind, JournalOptions, JournalReader, Operator, RecipientsStatus,
    RecoveryReport,
};
use crate::state_dir::StateDir;

/// Everything that is recorded in, and what was found in it.
pub(crate) struct JournalSession {
    pub(crate) journal: Journal,
    pub(crate) recovered: RecoveryReport,
    pub(crate) recipients: Option<Arc<Recipients>>,
    pub(crate) suspend_handler: SuspendHandler,
}

/// The recipients of the config; `None` where it names none.
pub(crate) fn load_recipients(settings: &EscrowSettings) -> Result<Option<Arc<Recipients>>, CliError> {
    Ok(Recipients::load(settings).map_err(|error| CliError::not_ready(&error))?.map(Arc::new))
}

/// Opens the books of real numbers.
pub(crate) fn open_journal(place: &Path, settings: &EscrowSettings, syncs: bool) -> Result<JournalSession, CliError> {
    let dir = StateDir::open_or_create(place).map_err(|error| CliError::not_ready(&error))?;
    let recipients = load_recipients(settings)?;
    let opening = journal_options(dir, JournalKind::Real, recipients.clone(), syncs);
    let stops = SuspendHandler::listen()
        .map_err(|source| CliError::System { context: "cannot watch for signals, so nothing was sent", source })?;
    let (journal, recovered) =
        stops.open_journal(|| Journal::open(opening)).map_err(|error| CliError::not_ready(&error))?;
    Ok(JournalSession { journal, recovered, recipients, suspend_handler: stops })
}

fn journal_options(
    dir: StateDir,
    kind: JournalKind,
    recipients: Option<Arc<Recipients>>,
    syncs: bool,
) -> JournalOptions {
    #[cfg(not(debug_assertions))]
    let _ = syncs;
    JournalOptions {
        dir,
        operator: Operator::from_process(),
        kind,
        recipients,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        sync_writes: syncs,
    }
}

/// Looks whether the books could be opened and would let anything be set, and makes and writes nothing. Gives what would be
/// found in them, and whom PINs would be sealed to.
pub(crate) fn inspect(
    place: &Path,
    settings: &EscrowSettings,
) -> Result<(RecoveryReport, Option<Arc<Recipients>>), CliError> {
    let dir = match StateDir::open(place) {
        Ok(dir) if dir.is_writable() => Some(dir),
        Ok(_) => {
            let why = format!("nothing can be written in the state directory {}.", display_path(place));
            return Err(CliError::NotReady(why));
        }
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(CliError::not_ready(&error)),
    };
    let recipients = load_recipients(settings)?;
    let looked = dir.map(|dir| Journal::inspect(&dir, recipients.as_deref())).transpose();
    let recovered = looked.map_err(|error| CliError::not_ready(&error))?.unwrap_or_default();
    Ok((recovered, recipients))
}

/// How a run goes on when what was found has been read.
pub(crate) const RERUN_HINT: &str = "When you have read this, run the command again.";

/// The same of a dry run, which leaves no record of what it told.
pub(crate) const DRY_RUN_RERUN_HINT: &str =
    "A dry run says this each time. The run itself says it once: run it again after that.";

/// Refuses to set anything while something has to be looked at, or the recipients are not those that were.
pub(crate) fn check_recovered(recovered: &RecoveryReport, how_to_go_on: &str) -> Result<(), CliError> {
    if !recovered.findings.is_empty() {
        let mut text = "the state directory has to be looked at first. Nothing was sent.".to_owned();
        for finding in &recovered.findings {
            write!(text, "\n  {finding}").unwrap_or_default();
        }
        write!(text, "\n{how_to_go_on}").unwrap_or_default();
        return Err(CliError::NotReady(text));
    }
    match &recovered.recipients {
        RecipientsStatus::Known => Ok(()),
        RecipientsStatus::Changed { previous: remembered, current: now } => {
            let left = if now.is_empty() { "No key is left: PINs would not be sealed at all.\n" } else { "" };
            let text = format!(
                "the escrow recipients have changed. Nothing was sent.\n{}{left}If this is right, run: pindesk escrow ack",
                recipient_diff(remembered, now)
            );
            Err(CliError::NotReady(text))
        }
    }
}

/// One line for each key that came or went.
pub(crate) fn recipient_diff(remembered: &[Fingerprint], now: &[Fingerprint]) -> String {
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
pub(crate) fn warn_unresolved(recovered: &RecoveryReport, is_quiet: bool) {
    let count = recovered.unresolved.len();
    if count > 0 && !is_quiet {
        let changes = table::pluralize(count, "change");
        eprint_line(&format!("pindesk: {changes} of before in doubt. The console shows them first: pindesk"));
    }
}

/// A path for people.
pub(crate) fn display_path(place: &Path) -> CleanText {
    redacted_path(place)
}

/// What the journal has of sealed PINs.
#[derive(Default)]
pub(crate) struct JournalPins {
    /// The one that was sent last at the end.
    pub(crate) pins: Vec<EncryptedPin>,
    /// True if it has every PIN that was sealed and sent.
    pub(crate) is_complete: bool,
}

/// The sealed PINs that the journal has; none where it cannot be read, which is told on standard error.
pub(crate) fn journal_pins(dir: &StateDir) -> JournalPins {
    let read =
        |reader: JournalReader| Ok(JournalPins { is_complete: reader.is_complete()?, pins: reader.encrypted_pins()? });
    match JournalReader::open(dir).and_then(read) {
        Ok(sealed) => sealed,
        Err(error) if error.is_missing() => JournalPins::default(),
        Err(error) => {
            eprint_line(&format!("pindesk: only the escrow file is read. {}", CliError::not_ready(&error)));
            JournalPins::default()
        }
    }
}

/// The journal, to record in it who opened what. One that is not there is not made: the escrow file may be a copy.
pub(crate) fn open_for_audit(dir: &StateDir) -> Result<Journal, JournalError> {
    JournalReader::open(dir)?;
    let (journal, recovered) = match Journal::open(journal_options(dir.clone(), JournalKind::Real, None, true)) {
        Err(JournalError::WrongKind { .. }) => {
            Journal::open(journal_options(dir.clone(), JournalKind::Demo, None, true))?
        }
        opened => opened?,
    };
    for finding in &recovered.findings {
        eprint_line(&format!("pindesk: {finding}"));
    }
    Ok(journal)
}

/// A journal for reading.
pub(crate) fn open_reader(place: &Path) -> Result<JournalReader, CliError> {
    let dir = StateDir::open(place).map_err(|error| CliError::not_ready(&error))?;
    JournalReader::open(&dir).map_err(|error| CliError::not_ready(&error))
}
