//! The limits of the process that make a start pointless: how many files it may open, and how large a file may become.
//!
//! A soft limit is raised as far as the hard limit allows. Neither is exceeded.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files pindesk may have open besides its connections: journal, escrow, terminal, signals, and a reader.
const FILES_WITHOUT_CONNECTIONS: usize = 48;

/// How many files every command needs, with a few connections.
pub const MIN_OPEN_FILES: usize = FILES_WITHOUT_CONNECTIONS + 8;

/// A journal of some years. A smaller limit would end the recording in the middle of the work.
const MIN_FILE_BYTES: u64 = 64 << 20;

/// A limit of this process is too low for pindesk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Too few open files.
    #[error("this process may open only {limit} files at once, and pindesk needs {needed}. Run: ulimit -n {needed}")]
    OpenFiles {
        /// The hard limit.
        limit: u64,
        /// How many it needs.
        needed: u64,
    },
    /// Too small files.
    #[error(
        "this process may write only {limit} bytes into a file, and pindesk needs {MIN_FILE_BYTES} for its journal. \
         Run: ulimit -f unlimited"
    )]
    FileSize {
        /// The hard limit.
        limit: u64,
    },
}

/// Makes sure that the process can open the files it needs with this many connections besides them.
///
/// # Errors
/// If the hard limit is lower.
pub fn require_open_files(connections: usize) -> Result<(), LimitError> {
    let needed = u64::try_from(FILES_WITHOUT_CONNECTIONS + connections).unwrap_or(u64::MAX).max(MIN_OPEN_FILES as u64);
    require(Resource::Nofile, needed).map_err(|limit| LimitError::OpenFiles { limit, needed })
}

/// Makes sure that the journal can grow.
///
/// # Errors
/// If the hard limit is lower than a journal needs.
pub fn require_file_size() -> Result<(), LimitError> {
    require(Resource::Fsize, MIN_FILE_BYTES).map_err(|limit| LimitError::FileSize { limit })
}

/// Raises the soft limit if it is below `needed`. Returns the hard limit as the error if that is too low.
fn require(resource: Resource, needed: u64) -> Result<(), u64> {
    // `None` means that there is no limit.
    let Rlimit { current, maximum } = getrlimit(resource);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    match maximum {
        _ if is_enough(current) => Ok(()),
        Some(hard) if hard < needed => Err(hard),
        Some(_) | None => {
            let raised = setrlimit(resource, Rlimit { current: Some(needed), maximum });
            raised.map_err(|_| current.unwrap_or_default())
        }
    }
}
