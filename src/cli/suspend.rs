//! Ctrl-Z while a command has the journal open: the command suspends with nothing locked and sends nothing new, as the
//! console does.
//!
//! It ends nothing. A suspend that arrives while the journal is being opened takes effect after that.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;

use crate::jobs::JobsHandle;
use crate::journal::Journal;
use crate::preflight::Records;
use crate::process;

/// A shell that ends a suspended command resumes it first, so that the command receives the signal. The command waits
/// this long for such a signal before it sends anything new.
const SIGNAL_GRACE: Duration = Duration::from_millis(200);

/// Pauses the work while the process is suspended.
#[derive(Debug, Clone, Default)]
pub(crate) struct SuspendHandler(Arc<Mutex<ActiveWork>>);

#[derive(Debug, Default)]
struct ActiveWork {
    journal: Option<Journal>,
    jobs: Option<JobsHandle>,
}

impl SuspendHandler {
    /// Starts to listen for SIGTSTP, until the process ends; does not if the process started with the signal ignored.
    pub(crate) fn listen() -> io::Result<Self> {
        let handler = Self::default();
        if !process::can_suspend() {
            return Ok(handler);
        }
        let mut signals = Signals::new([SIGTSTP])?;
        let listener = handler.clone();
        thread::Builder::new().name("suspend".to_owned()).spawn(move || {
            for _ in signals.forever() {
                listener.suspend();
            }
        })?;
        Ok(handler)
    }

    /// Opens the journal. No suspend takes effect in between.
    pub(crate) fn open_records<E>(&self, open: impl FnOnce() -> Result<Records, E>) -> Result<Records, E> {
        let mut active = self.lock();
        let records = open()?;
        active.journal = Some(records.journal.clone());
        Ok(records)
    }

    /// From now on, a suspend pauses these jobs.
    pub(crate) fn watch(&self, jobs: JobsHandle) {
        self.lock().jobs = Some(jobs);
    }

    /// Suspends the process until a shell resumes it.
    fn suspend(&self) {
        let active = self.lock();
        active.jobs.iter().for_each(JobsHandle::pause);
        let paused = active.journal.as_ref().map(Journal::pause);
        // If no process could resume this one, it continues, as the kernel does it.
        process::suspend().ok();
        drop(paused);
        thread::sleep(SIGNAL_GRACE);
        active.jobs.iter().for_each(JobsHandle::resume);
    }

    fn lock(&self) -> MutexGuard<'_, ActiveWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
