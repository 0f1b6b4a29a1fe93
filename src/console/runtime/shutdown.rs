//! The end of the console: sends nothing new, awaits the requests in flight, closes the journal, and only then restores
//! the terminal.
//!
//! It writes nothing to the terminal before that, because the terminal may be gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::RuntimeEvent;
use crate::console::terminal::{self, SignalWatcher, TerminationSignal, WatchError};
use crate::console::worker::WorkerHandle;
use crate::jobs::IN_FLIGHT_TIMEOUT;

/// How much longer recording the last outcomes may take. A disk that hangs must not keep the process forever: what is
/// not recorded is in doubt at the next start.
const JOURNAL_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends nothing new, waits for the requests in flight, and closes the journal: neither a lost terminal nor a signal
/// may lose an outcome.
pub(super) fn close_worker(work: Option<&WorkerHandle>) {
    if let Some(work) = work {
        // After the timeout there is nothing more to wait for.
        work.close().recv_timeout(IN_FLIGHT_TIMEOUT + JOURNAL_CLOSE_TIMEOUT).ok();
    }
}

/// A temporary directory: removed when this is dropped, or through its handle if the process ends elsewhere.
pub(super) struct TempDirGuard(TempDirHandle);

/// Removes the directory once.
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

/// Starts the thread that watches signals and hang-ups. It ends the process, so that this works even while the loop
/// hangs in a write. The returned flag is set from the first of them on.
pub(super) fn watch_signals(
    work: Arc<OnceLock<WorkerHandle>>,
    temporary: TempDirHandle,
    events: Sender<RuntimeEvent>,
) -> Result<Arc<AtomicBool>, WatchError> {
    let is_requested = Arc::new(AtomicBool::new(false));
    let request = Arc::clone(&is_requested);
    let suspend_events = events.clone();
    let on_stop = move || {
        suspend_events.send(RuntimeEvent::SuspendRequested).ok();
    };
    let on_signal = move |signal: TerminationSignal| {
        request.store(true, Ordering::SeqCst);
        events.send(RuntimeEvent::TerminationRequested).ok();
        // On a thread of its own, so that a second signal is still received.
        let thread = thread::Builder::new().spawn(move || {
            close_worker(work.get());
            temporary.remove();
            terminal::restore_and_exit(signal.exit_code());
        });
        if thread.is_err() {
            terminal::restore_and_exit(signal.exit_code());
        }
    };
    SignalWatcher::start(on_stop, on_signal)?;
    Ok(is_requested)
}
