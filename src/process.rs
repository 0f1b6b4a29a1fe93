//! Hardens the process before it reads the first secret, and suspends it as Ctrl-Z does.
//!
//! Its files are readable only by their owner, it leaves no core file, and other processes of the same user can read
//! neither its memory nor its environment. It undoes nothing: the settings hold until the process ends.

mod signals;

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

pub use self::signals::{
    TERMINATION_SIGNALS, UNUSED_FATAL_SIGNALS, can_suspend, is_ignored, is_in_foreground, suspend,
};

/// The system refused, so no secret may be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the process safe for secrets: {action}: {source}")]
pub struct HardenError {
    action: &'static str,
    source: io::Error,
}

/// Sets umask 077, disables core files, and closes memory and environment to other processes.
///
/// # Errors
/// When the system refuses.
pub fn harden() -> Result<(), HardenError> {
    let failed = |what| move |error: rustix::io::Errno| HardenError { action: what, source: error.into() };
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(failed("core files cannot be switched off"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("its memory cannot be closed"))
}
