//! Config, journal and recipients for a command: opened by the common preflight, and refused if an operator must look at
//! something first.
//!
//! It sends nothing.

use std::path::Path;
use std::sync::Arc;

use crate::cli::config_keys::keymap_from_config;
use crate::cli::console_setup::recording_config;
use crate::cli::error::CliError;
use crate::cli::late_arrivals::LateArrivals;
use crate::cli::output::stdio::eprint_line;
use crate::cli::output::table;
use crate::cli::rerun::RerunOptions;
use crate::cli::suspend::SuspendHandler;
use crate::config::{self, Config, Env, Overrides};
use crate::domain::clock::Clock;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::escrow::{EscrowEntry, Fingerprint, Recipients};
use crate::journal::{
    AuditProblem, EncryptedPin, Journal, JournalError, JournalKind, JournalOptions, JournalReader, Operator,
    RecipientsStatus, RecoveryReport, SentChange,
};
use crate::preflight::{self, RecordingConfig, Records};
use crate::state_dir::StateDir;

/// The open journal of a command that sends.
pub(crate) struct JournalSession {
    pub(crate) journal: Journal,
    pub(crate) report: RecoveryReport,
    pub(crate) recipients: Option<Arc<Recipients>>,
    pub(crate) suspend_handler: SuspendHandler,
    /// The state directory, if it had no records before.
    pub(crate) new_state_dir: Option<CleanText>,
}

impl JournalSession {
    /// Says that the state directory is new, because its name may be mistyped.
    pub(crate) fn announce_new_state_dir(&self, is_quiet: bool) {
        if let Some(dir) = self.new_state_dir.as_ref().filter(|_| !is_quiet) {
            eprint_line(&format!("pindesk: new state directory: {dir}"));
        }
    }

    /// Caches numbers as they were read now. Nothing depends on it, so nobody waits for it.
    pub(crate) fn cache_numbers(&self, profile: &CleanText, numbers: &[Number]) {
        drop(self.journal.cache_numbers(profile.as_str(), numbers.to_vec()));
    }
}

/// Loads the config of a command that needs one.
pub(crate) fn require_config(overrides: &Overrides, env: &Env) -> Result<Config, CliError> {
    let config = preflight::load_config(overrides, env)?.ok_or_else(|| config_not_found(overrides, env))?;
    keymap_from_config(&config)?;
    Ok(config)
}

/// The refusal of a profile that names no number. `why` says in a sentence whether Meta was asked, and what came.
pub(crate) fn names_nothing(config: &Config, why: &str) -> CliError {
    let Config { path, profile, .. } = config;
    let name = &profile.name;
    let path = CleanText::new(&path.display().to_string());
    CliError::not_ready(format!("profile {name} names no WABA and no number. {why}"))
        .remedy(format!("Add the WABAs whose numbers you manage to {path}:"))
        .remedy(format!("  [[profile.{name}.waba]]"))
        .remedy("  id = \"…\"      # WhatsApp Manager, Account settings: WhatsApp Business account ID")
        .remedy("or single numbers:")
        .remedy(format!("  [[profile.{name}.number]]"))
        .remedy("  id = \"…\"      # WhatsApp Manager, Phone numbers: phone number ID")
}

/// The error if no config file exists.
pub(crate) fn config_not_found(overrides: &Overrides, env: &Env) -> CliError {
    let paths: Vec<_> = config::search_paths(overrides, env).iter().map(|path| path.display().to_string()).collect();
    let paths = CleanText::new(&paths.join(", "));
    let by_variable = (overrides.config.is_none() && env.config.is_some())
        .then(|| "The variable PINDESK_CONFIG names this file: correct it, or unset it.".to_owned());
    CliError::not_ready(format!("no config file found ({paths})"))
        .optional_remedy(by_variable)
        .remedy("To try pindesk safely: pindesk --demo")
        .remedy("To use a file elsewhere: --config FILE")
        .remedy("To make one: the section Configure of the README, or for commands")
        .remedy("on made-up numbers its section Against the simulator")
}

/// Opens the journal of real numbers, before their status is read.
pub(crate) fn open_journal(state_dir: &Path, config: &Config, sync_writes: bool) -> Result<JournalSession, CliError> {
    open_journal_for(state_dir, config, true, sync_writes)
}

fn open_journal_for(
    state_dir: &Path,
    config: &Config,
    reads_after_open: bool,
    sync_writes: bool,
) -> Result<JournalSession, CliError> {
    let profile = config.profile.name.as_str();
    let recording = RecordingConfig {
        reads_after_open,
        syslog: config.audit.syslog,
        #[cfg(debug_assertions)]
        sync_writes,
        ..recording_config(state_dir.to_owned(), JournalKind::Real, config.escrow.clone(), profile)
    };
    #[cfg(not(debug_assertions))]
    let _ = sync_writes;
    let new_state_dir = (!has_records(state_dir)).then(|| redacted_path(state_dir));
    let suspend_handler = SuspendHandler::listen()
        .map_err(|error| CliError::machine("cannot watch for signals", &error).nothing_sent())?;
    let Records { journal, report, recipients, syslog_problem } =
        suspend_handler.open_records(|| preflight::open_records(&recording, Clock::System))?;
    tell_syslog_problem(syslog_problem);
    Ok(JournalSession { journal, report, recipients, suspend_handler, new_state_dir })
}

/// Says that audit rows do not go to syslog. That stops nothing: the journal has them.
fn tell_syslog_problem(problem: Option<CleanText>) {
    if let Some(problem) = problem {
        eprint_line(&format!("pindesk: {problem}"));
    }
}

/// What a command that sends has, or would have.
pub(crate) struct SendRecords {
    /// `None` for a dry run, and while the state directory has no records: a command that is refused leaves nothing.
    pub(crate) session: Option<JournalSession>,
    pub(crate) has_escrow: bool,
    /// What was found without opening the journal.
    inspected: RecoveryReport,
    new_state_dir: Option<CleanText>,
}

impl SendRecords {
    /// The numbers among these to which no new PIN may be sent yet.
    pub(crate) fn late_arrivals(&self, numbers: &[Number]) -> Option<LateArrivals> {
        let report = self.session.as_ref().map_or(&self.inspected, |session| &session.report);
        LateArrivals::among(&report.unresolved, numbers.iter().map(|number| number.id), Clock::System.now())
    }

    /// The state directory, if it has no records yet.
    pub(crate) const fn new_state_dir(&self) -> Option<&CleanText> {
        self.new_state_dir.as_ref()
    }

    /// The open journal of a command that was confirmed. One that is new is created now.
    pub(crate) fn into_session(
        self,
        state_dir: &Path,
        config: &Config,
        sync_writes: bool,
        rerun: &RerunOptions,
    ) -> Result<JournalSession, CliError> {
        if let Some(session) = self.session {
            return Ok(session);
        }
        // Another process may have started to record here since the status of the numbers was read.
        let session = open_journal_for(state_dir, config, false, sync_writes)?;
        check_report(&session.report, RERUN_HINT, rerun).map(|()| session)
    }
}

/// Opens the journal of a command that sends; only inspects it for a dry run, and where there are no records yet. Refuses
/// while an operator must look at something.
pub(crate) fn prepare_to_send(
    state_dir: &Path,
    config: &Config,
    is_dry_run: bool,
    sync_writes: bool,
    rerun: &RerunOptions,
) -> Result<SendRecords, CliError> {
    let new_state_dir = (!has_records(state_dir)).then(|| redacted_path(state_dir));
    if is_dry_run || new_state_dir.is_some() {
        let (report, recipients) = preflight::inspect_records(state_dir, &config.escrow)?;
        if is_dry_run {
            check_report(&report, DRY_RUN_RERUN_HINT, rerun)?;
            warn_unresolved(&report, rerun);
        }
        // A finding is recorded when the journal is opened, so that it stops only one command.
        if is_dry_run || report.findings.is_empty() {
            return Ok(SendRecords {
                session: None,
                has_escrow: recipients.is_some(),
                inspected: report,
                new_state_dir,
            });
        }
    }
    let session = open_checked_journal(state_dir, config, sync_writes, rerun)?;
    let has_escrow = session.recipients.is_some();
    Ok(SendRecords { session: Some(session), has_escrow, inspected: RecoveryReport::default(), new_state_dir })
}

/// Opens the journal of a command that changes something. Refuses while an operator must look at something.
pub(crate) fn open_checked_journal(
    state_dir: &Path,
    config: &Config,
    sync_writes: bool,
    rerun: &RerunOptions,
) -> Result<JournalSession, CliError> {
    let session = open_journal(state_dir, config, sync_writes)?;
    check_report(&session.report, RERUN_HINT, rerun)?;
    Ok(session)
}

/// How to continue after a finding was printed.
const RERUN_HINT: &str = "When you have read this, run the command again.";

/// The same for a dry run, which does not record that it printed the finding.
const DRY_RUN_RERUN_HINT: &str =
    "A dry run prints this each time. The run itself prints it once: run it a second time.";

/// Refuses to set anything while an operator must look at a finding, or must accept changed recipients.
fn check_report(report: &RecoveryReport, how_to_continue: &str, rerun: &RerunOptions) -> Result<(), CliError> {
    refuse_damage(report, rerun)?;
    if !report.findings.is_empty() {
        return Err(CliError::not_ready("look at the state directory first")
            .nothing_sent()
            .details(report.findings.iter().map(ToString::to_string))
            .remedy(how_to_continue));
    }
    match &report.recipients {
        RecipientsStatus::Known => Ok(()),
        RecipientsStatus::Changed { previous, current } => {
            let none_left = "No recipient is left: pindesk would not encrypt PINs at all.";
            Err(CliError::not_ready("the escrow recipients have changed")
                .nothing_sent()
                .details(recipient_diff(previous, current))
                .optional_remedy(current.is_empty().then(|| none_left.to_owned()))
                .remedy(format!("If these recipients are right, run: {}", rerun.command("escrow ack"))))
        }
    }
}

/// How many damaged rows a message names before it counts the rest.
const MAX_LISTED_ROWS: usize = 5;

/// A line for each damaged row.
pub(crate) fn listed_problems(problems: &[AuditProblem]) -> Vec<String> {
    let rest = problems.len().saturating_sub(MAX_LISTED_ROWS);
    let rows = problems.iter().take(MAX_LISTED_ROWS).map(ToString::to_string);
    rows.chain((rest > 0).then(|| format!("and {rest} more"))).collect()
}

/// Refuses to set or decide anything with a damaged journal.
pub(crate) fn refuse_damage(report: &RecoveryReport, rerun: &RerunOptions) -> Result<(), CliError> {
    let Some(damage) = &report.damage else { return Ok(()) };
    let accept = format!("audit accept --until {}", damage.until());
    Err(CliError::not_ready("the journal is damaged")
        .nothing_sent()
        .details(listed_problems(&damage.problems))
        .details(report.findings.iter().map(ToString::to_string))
        .remedy(format!("To see each damaged row: {}", rerun.command("audit verify")))
        .remedy("To start a new journal, in which every PIN of the escrow file comes back in doubt:")
        .remedy(format!("  {}", damage.move_away))
        .remedy(format!("To accept the damage as it is: {}", rerun.command(&accept))))
}

/// A line for each recipient that was added or removed.
pub(crate) fn recipient_diff(previous: &[Fingerprint], current: &[Fingerprint]) -> Vec<String> {
    let diffs = [("added", current, previous), ("removed", previous, current)];
    let lines = diffs.into_iter().flat_map(|(word, these, others)| {
        let changed = these.iter().filter(|key| !others.contains(key));
        changed.map(move |key| format!("{word:<7}  {}", key.as_str()))
    });
    lines.collect()
}

/// Warns of numbers that an earlier run left in doubt: a new PIN does not resolve them by itself.
pub(crate) fn warn_unresolved(report: &RecoveryReport, rerun: &RerunOptions) {
    let count = report.unresolved.len();
    if count > 0 && !rerun.is_quiet() {
        let changes = table::pluralize(count, "earlier change");
        let them = if count == 1 { "it" } else { "them" };
        eprint_line(&format!("pindesk: {changes} in doubt. {}", rerun.resolve_hint(them)));
    }
}

/// The encrypted PINs of the journal.
#[derive(Default)]
pub(crate) struct JournalPins {
    /// In the order in which they were sent.
    pub(crate) pins: Vec<EncryptedPin>,
    /// Further entries of these PINs, each encrypted again.
    pub(crate) re_encrypted: Vec<EscrowEntry>,
    /// All changes in that order, with those whose PIN is not encrypted.
    pub(crate) changes: Vec<SentChange>,
    /// True if the journal has every PIN that was encrypted and sent.
    pub(crate) is_complete: bool,
}

/// Opens the journal for its encrypted PINs; `None` if there is none, or if it cannot be read, which it prints.
pub(crate) fn open_for_pins(dir: &StateDir) -> Option<JournalReader> {
    match JournalReader::open(dir) {
        Ok(reader) => Some(reader),
        Err(error) => {
            if !error.is_missing() {
                eprint_unread_journal(error);
            }
            None
        }
    }
}

/// Reads the encrypted PINs of these numbers, or of all if none is named. Returns none if the journal cannot be read, and
/// prints why.
pub(crate) fn journal_pins(reader: &JournalReader, numbers: &[PhoneNumberId]) -> JournalPins {
    let read = || {
        warn_of_older_copy(reader)?;
        Ok(JournalPins {
            is_complete: reader.is_complete()?,
            pins: reader.encrypted_pins(numbers)?,
            re_encrypted: reader.re_encrypted_pins(numbers)?,
            changes: reader.sent_changes(numbers)?,
        })
    };
    read().unwrap_or_else(|error| {
        eprint_unread_journal(error);
        JournalPins::default()
    })
}

fn eprint_unread_journal(error: JournalError) {
    eprint_line(&format!("pindesk: reading only the escrow file. {}", CliError::from(error)));
}

/// True if the config sends audit rows to syslog. A command that needs no config works without one, or with a wrong one.
pub(crate) fn goes_to_syslog(overrides: &Overrides, env: &Env) -> bool {
    preflight::load_config(overrides, env).is_ok_and(|config| config.is_some_and(|config| config.audit.syslog))
}

/// Opens the journal to record who decrypted what. Does not create one: the escrow file may be a copy.
pub(crate) fn open_for_audit(dir: &StateDir, to_syslog: bool) -> Result<Journal, JournalError> {
    JournalReader::open(dir)?;
    let open = |kind| {
        Journal::open(JournalOptions {
            dir: dir.clone(),
            operator: Operator::from_process(),
            kind,
            recipients: None,
            clock: Clock::System,
            reads_after_open: false,
            #[cfg(debug_assertions)]
            sync_writes: true,
        })
    };
    let (journal, report) = match open(JournalKind::Real) {
        Err(JournalError::WrongKind { .. }) => open(JournalKind::Demo)?,
        opened => opened?,
    };
    for finding in &report.findings {
        eprint_line(&format!("pindesk: {finding}"));
    }
    if to_syslog {
        tell_syslog_problem(preflight::forward_to_syslog(&journal));
    }
    Ok(journal)
}

/// Opens the journal for reading; `None` if pindesk has not recorded anything here yet: the state directory is missing
/// or empty. Where a directory has other files, a missing journal was deleted. A directory that the operator named (`is_explicit`) must exist, because its name may be mistyped.
pub(crate) fn open_existing(state_dir: &Path, is_explicit: bool) -> Result<Option<JournalReader>, CliError> {
    let Some(dir) = open_existing_dir(state_dir, is_explicit)? else { return Ok(None) };
    match JournalReader::open(&dir) {
        Ok(journal) => Ok(Some(journal)),
        Err(error) if error.is_missing() && dir.is_empty().is_ok_and(|is_empty| is_empty) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// As [`open_existing`], for a command that shows what the journal has: warns if rows are missing at its end.
pub(crate) fn open_to_show(state_dir: &Path, is_explicit: bool) -> Result<Option<JournalReader>, CliError> {
    let journal = open_existing(state_dir, is_explicit)?;
    journal.as_ref().map_or(Ok(()), warn_of_older_copy)?;
    Ok(journal)
}

/// Warns if the journal was truncated, or replaced with an older copy.
pub(crate) fn warn_of_older_copy(journal: &JournalReader) -> Result<(), JournalError> {
    if let Some(mismatch) = journal.head_mismatch()? {
        eprint_line(&format!("pindesk: {mismatch}."));
    }
    Ok(())
}

/// True if the directory has a journal or an escrow file, or cannot be read.
pub(crate) fn has_records(state_dir: &Path) -> bool {
    match StateDir::open(state_dir) {
        Ok(dir) => RECORD_FILES.iter().any(|name| dir.has_file(name).unwrap_or(true)),
        Err(error) => !error.is_missing(),
    }
}

/// Either of these files means that the state directory was used before.
const RECORD_FILES: [&str; 2] = ["journal.db", "escrow.jsonl"];

/// Opens the state directory; `None` if it is missing, and the operator did not name it.
pub(crate) fn open_existing_dir(state_dir: &Path, is_explicit: bool) -> Result<Option<StateDir>, CliError> {
    match StateDir::open(state_dir) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if error.is_missing() && !is_explicit => Ok(None),
        Err(error) if error.is_missing() => Err(CliError::from(error)
            .remedy("--state-dir or PINDESK_STATE_DIR names it. The first PIN that is set there creates it.")),
        Err(error) => Err(error.into()),
    }
}
