//! Hardens the process before it reads the first secret, checks its limits, and suspends it as Ctrl-Z does.
//!
//! After that only the owner can read the files that the process creates, a crash leaves no core file, and other
//! processes of the same user cannot read its memory or environment. This module never undoes the settings: they last
//! until the process ends. It exceeds no limit that an administrator set.

mod limits;
mod signals;

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

pub use self::limits::{LimitError, MIN_OPEN_FILES, require_file_size, require_open_files};
pub use self::signals::{
    TERMINATION_SIGNALS, UNUSED_FATAL_SIGNALS, can_suspend, catch_file_size_signal, is_ignored, is_in_foreground,
    suspend,
};

/// The system refused to harden the process, so pindesk must not read a secret.
#[derive(Debug, thiserror::Error)]
#[error("cannot protect secrets in this process: {action}: {source}")]
pub struct HardenError {
    action: &'static str,
    source: io::Error,
}

/// Sets umask 077, disables core files, and denies other processes access to memory and environment.
///
/// # Errors
/// If the system refuses one of them.
pub fn harden() -> Result<(), HardenError> {
    let to_error = |action| move |error: rustix::io::Errno| HardenError { action, source: error.into() };
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(to_error("core files cannot be disabled"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(to_error("its memory cannot be protected"))
}
