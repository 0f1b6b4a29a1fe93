//! Ctrl-Z while a command has the journal: it stops with nothing locked and nothing new sent, as the console does.
//!
//! It ends nothing. A stop that comes while the journal is being opened is heard when that is done.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;

use crate::jobs::JobsHandle;
use crate::journal::Journal;
use crate::process;

/// A shell that ends a stopped command continues it, so that it hears of it. What it says is heard within this time,
/// before anything new is sent.
const SIGNAL_GRACE: Duration = Duration::from_millis(200);

/// What has to rest before the process may stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct SuspendHandler(Arc<Mutex<ActiveWork>>);

#[derive(Debug, Default)]
struct ActiveWork {
    journal: Option<Journal>,
    jobs: Option<JobsHandle>,
}

impl SuspendHandler {
    /// Listens from now on, for as long as the process lives; not where the signal was to be ignored.
    pub(crate) fn listen() -> io::Result<Self> {
        let stops = Self::default();
        if !process::can_suspend() {
            return Ok(stops);
        }
        let mut signals = Signals::new([SIGTSTP])?;
        let heeded = stops.clone();
        thread::Builder::new().name("stops".to_owned()).spawn(move || {
            for _ in signals.forever() {
                heeded.suspend();
            }
        })?;
        Ok(stops)
    }

    /// Opens the journal; no stop comes in between.
    pub(crate) fn open_journal<T, E>(&self, open: impl FnOnce() -> Result<(Journal, T), E>) -> Result<(Journal, T), E> {
        let mut at_work = self.lock();
        let (journal, more) = open()?;
        at_work.journal = Some(journal.clone());
        Ok((journal, more))
    }

    /// From now on this sends.
    pub(crate) fn watch(&self, batch: JobsHandle) {
        self.lock().jobs = Some(batch);
    }

    /// Until somebody continues the process.
    fn suspend(&self) {
        let at_work = self.lock();
        at_work.jobs.iter().for_each(JobsHandle::pause);
        let paused = at_work.journal.as_ref().map(Journal::pause);
        // Where nobody could continue it, it goes on, as the kernel has it.
        process::suspend().ok();
        drop(paused);
        thread::sleep(SIGNAL_GRACE);
        at_work.jobs.iter().for_each(JobsHandle::resume);
    }

    fn lock(&self) -> MutexGuard<'_, ActiveWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
