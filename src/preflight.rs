//! The checks that come before any work, in one order: config, access token, state directory, recipients, journal.
//!
//! The console and the commands call the same functions, so both refuse the same things in the same words. This module
//! opens and reads; it asks nothing, sends nothing and prints nothing, and it does not decide which check a caller needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::endpoint::Credentials;
use crate::config::{self, Config, ConfigError, Env, EscrowSettings, Overrides, Profile};
use crate::domain::clock::Clock;
use crate::domain::redact::redacted_path;
use crate::domain::text::{CleanText, plain_io_error};
use crate::escrow::{Recipients, RecipientsError};
use crate::journal::{Journal, JournalError, JournalKind, JournalOptions, Operator, RecoveryReport, SYSLOG_SOCKET};
use crate::secure_file::{self, FileError};
use crate::state_dir::{StateDir, StateDirError};
use crate::token_source::{self, TokenError};

/// A check failed. No message repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The config file is missing, unreadable or unsafe.
    #[error(transparent)]
    ConfigFile(#[from] FileError),
    /// The same of a file that a variable names, which an operator may not see.
    #[error("{0}. The variable PINDESK_CONFIG names this file")]
    ConfigOfVariable(FileError),
    /// The config file has an error, or no profile can be selected.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The profile names no access token.
    #[error("the config names no access token: add token_file or token_command under [profile.{profile}]")]
    NoToken {
        /// The name of the profile.
        profile: CleanText,
    },
    /// The access token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The state directory is missing, unreadable or unsafe.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The state directory is on a read-only file system, or belongs to another user.
    #[error("state directory {path}: it is not writable")]
    StateDirNotWritable {
        /// The directory.
        path: CleanText,
    },
    /// The recipients of the escrow cannot be used.
    #[error(transparent)]
    Recipients(#[from] RecipientsError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Which state directory to open, and for whom.
#[derive(Debug, Clone)]
pub struct RecordingConfig {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Real numbers, or made-up ones.
    pub kind: JournalKind,
    /// The keys that PINs are encrypted to.
    pub escrow: EscrowSettings,
    /// The name of the profile.
    pub profile: CleanText,
    /// True if audit rows also go to syslog.
    pub syslog: bool,
    /// Who sends the requests.
    pub operator: Operator,
    /// True if the status of numbers is read only after the journal was opened.
    pub reads_after_open: bool,
    /// False in tests only, which check that they notice.
    #[cfg(debug_assertions)]
    pub sync_writes: bool,
}

/// The open journal, with what its recovery found, and the keys that PINs are encrypted to.
pub struct Records {
    /// The journal.
    pub journal: Journal,
    /// What an earlier run left.
    pub report: RecoveryReport,
    /// The recipients; without any there is no escrow.
    pub recipients: Option<Arc<Recipients>>,
    /// Why audit rows do not go to syslog, although the config says so: a sentence without a full stop.
    pub syslog_problem: Option<CleanText>,
}

/// Reads the first config file that exists; `None` if there is none. A file that a flag or a variable names must exist.
///
/// # Errors
/// A file that is unreadable or that other users may change, an error in it, or no way to select a profile.
pub fn load_config(overrides: &Overrides, env: &Env) -> Result<Option<Config>, PreflightError> {
    let is_explicit = config::explicit_config_path(overrides, env).is_some();
    for path in config::search_paths(overrides, env) {
        match secure_file::read_text(&secure_file::CONFIG_FILE, &path) {
            Ok(text) => {
                let config = Config::parse(path, &text, overrides, env)?;
                config.check_recipients(Recipients::check_entry)?;
                return Ok(Some(config));
            }
            Err(error) if error.is_missing() && !is_explicit => {}
            Err(error) if is_explicit && overrides.config.is_none() => {
                return Err(PreflightError::ConfigOfVariable(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The config file that would be read; `None` if there is none. Does not open it.
#[must_use]
pub fn find_config(overrides: &Overrides, env: &Env) -> Option<PathBuf> {
    config::search_paths(overrides, env).into_iter().find(|path| path.exists())
}

/// Reads the access token of a profile, and its app secret. May run `token_command`, which may ask on the terminal.
///
/// # Errors
/// When the profile names no token, or the token cannot be read.
pub fn load_credentials(profile: &Profile) -> Result<Credentials, PreflightError> {
    token_source::load_credentials(profile)?.ok_or_else(|| PreflightError::NoToken { profile: profile.name.clone() })
}

/// Opens the state directory, the recipients and the journal, in this order. Creates the directory and the journal if
/// there are none, and recovers what an earlier run left. Blocks.
///
/// # Errors
/// At the first of the three that cannot be used.
pub fn open_records(config: &RecordingConfig, clock: Clock) -> Result<Records, PreflightError> {
    let dir = StateDir::open_or_create(&config.state_dir)?;
    let recipients = load_recipients(&config.escrow)?;
    let (journal, report) = Journal::open(JournalOptions {
        dir,
        operator: config.operator.clone(),
        kind: config.kind,
        recipients: recipients.clone(),
        clock,
        reads_after_open: config.reads_after_open,
        #[cfg(debug_assertions)]
        sync_writes: config.sync_writes,
    })?;
    let syslog_problem = config.syslog.then(|| forward_to_syslog(&journal)).flatten();
    Ok(Records { journal, report, recipients, syslog_problem })
}

/// Sends the audit rows of this journal to syslog. Returns why that is not possible.
#[must_use]
pub fn forward_to_syslog(journal: &Journal) -> Option<CleanText> {
    let error = journal.forward_to_syslog(Path::new(SYSLOG_SOCKET)).err()?;
    let reason = plain_io_error(&error);
    Some(CleanText::new(&format!("audit rows do not go to syslog: {SYSLOG_SOCKET}: {reason}")))
}

/// Checks what [`open_records`] would check, and writes nothing. Returns what a recovery would find, and the recipients.
///
/// # Errors
/// As [`open_records`], and when nothing can be written in the state directory.
pub fn inspect_records(
    state_dir: &Path,
    settings: &EscrowSettings,
) -> Result<(RecoveryReport, Option<Arc<Recipients>>), PreflightError> {
    let dir = match StateDir::open(state_dir) {
        Ok(dir) if dir.is_writable() => Some(dir),
        Ok(_) => return Err(PreflightError::StateDirNotWritable { path: redacted_path(state_dir) }),
        Err(error) if error.is_missing() => {
            StateDir::check_creatable(state_dir)?;
            None
        }
        Err(error) => return Err(error.into()),
    };
    let recipients = load_recipients(settings)?;
    let report = dir.map(|dir| Journal::inspect(&dir, recipients.as_deref())).transpose()?.unwrap_or_default();
    Ok((report, recipients))
}

/// Reads the recipients of the config; `None` if it names none.
///
/// # Errors
/// When one of them cannot be used: then none is.
pub fn load_recipients(settings: &EscrowSettings) -> Result<Option<Arc<Recipients>>, RecipientsError> {
    Ok(Recipients::load(settings)?.map(Arc::new))
}
