//! The end: nothing new is sent, what is on its way is awaited, the journal is closed, and only then the terminal is
//! given back.
//!
//! It writes nothing to the terminal before that, as the terminal may be gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::RuntimeEvent;
use crate::console::terminal::{self, SignalWatcher, TerminationSignal, WatchError};
use crate::console::worker::{IN_FLIGHT_TIMEOUT, WorkCommand, WorkerHandle};

/// What writing the last outcomes may take beyond that. A disk that hangs longer must not keep the process for ever: what
/// is not written is in doubt at the next start.
const JOURNAL_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends nothing new, waits for the answers to what was sent, and closes the journal: neither a lost screen nor a signal
/// must lose an outcome.
pub(super) fn close_worker(work: Option<&WorkerHandle>) {
    let (closed, waiter) = mpsc::channel();
    if let Some(work) = work {
        work.send(WorkCommand::Close(closed));
        // If it took too long, there is nothing more to wait for.
        waiter.recv_timeout(IN_FLIGHT_TIMEOUT + JOURNAL_CLOSE_TIMEOUT).ok();
    }
}

/// A directory that goes when the program does: when this is dropped, or by its handle where the process ends elsewhere.
pub(super) struct TempDirGuard(TempDirHandle);

/// Removes the directory; once is enough.
pub(super) struct TempDirHandle(Arc<Mutex<Option<TempDir>>>);

impl TempDirGuard {
    pub(super) fn new(dir: Option<TempDir>) -> Self {
        Self(TempDirHandle(Arc::new(Mutex::new(dir))))
    }

    pub(super) fn handle(&self) -> TempDirHandle {
        TempDirHandle(Arc::clone(&self.0.0))
    }
}

impl Drop for TempDirGuard {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl TempDirHandle {
    fn remove(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Starts the thread that learns of signals and hang-ups. The process ends from there, so that it ends even while the
/// screen's thread hangs in a write. What it returns is true from the first of these on.
pub(super) fn watch_signals(
    work: Arc<OnceLock<WorkerHandle>>,
    temporary: TempDirHandle,
    events: Sender<RuntimeEvent>,
) -> Result<Arc<AtomicBool>, WatchError> {
    let is_told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&is_told);
    let stops = events.clone();
    let on_stop = move || {
        stops.send(RuntimeEvent::SuspendRequested).ok();
    };
    let on_ending = move |ending: TerminationSignal| {
        tell.store(true, Ordering::SeqCst);
        events.send(RuntimeEvent::TerminationRequested).ok();
        // A thread of its own, so that the watch still hears a second signal.
        let last = thread::Builder::new().spawn(move || {
            close_worker(work.get());
            temporary.remove();
            terminal::restore_and_exit(ending.exit_code());
        });
        if last.is_err() {
            terminal::restore_and_exit(ending.exit_code());
        }
    };
    SignalWatcher::start(on_stop, on_ending)?;
    Ok(is_told)
}
