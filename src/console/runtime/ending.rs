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

use super::Event;
use crate::console::terminal::{self, CannotWatch, Ending, Watch};
use crate::console::work::{LAST_ANSWERS, Order, Work};

/// What writing the last outcomes may take beyond that. A disk that hangs longer must not keep the process for ever: what
/// is not written is in doubt at the next start.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Sends nothing new, waits for the answers to what was sent, and closes the journal: neither a lost screen nor a signal
/// must lose an outcome.
pub(super) fn close(work: Option<&Work>) {
    let (closed, waiter) = mpsc::channel();
    if let Some(work) = work {
        work.give(Order::Close(closed));
        // If it took too long, there is nothing more to wait for.
        waiter.recv_timeout(LAST_ANSWERS + LAST_WRITES).ok();
    }
}

/// A directory that goes when the program does: when this is dropped, or by its handle where the process ends elsewhere.
pub(super) struct Temporary(TemporaryHandle);

/// Removes the directory; once is enough.
pub(super) struct TemporaryHandle(Arc<Mutex<Option<TempDir>>>);

impl Temporary {
    pub(super) fn new(dir: Option<TempDir>) -> Self {
        Self(TemporaryHandle(Arc::new(Mutex::new(dir))))
    }

    pub(super) fn handle(&self) -> TemporaryHandle {
        TemporaryHandle(Arc::clone(&self.0.0))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl TemporaryHandle {
    fn remove(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Starts the thread that learns of signals and hang-ups. The process ends from there, so that it ends even while the
/// screen's thread hangs in a write. What it returns is true from the first of these on.
pub(super) fn watch(
    work: Arc<OnceLock<Work>>,
    temporary: TemporaryHandle,
    events: Sender<Event>,
) -> Result<Arc<AtomicBool>, CannotWatch> {
    let is_told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&is_told);
    let stops = events.clone();
    let on_stop = move || {
        stops.send(Event::Stopping).ok();
    };
    let on_ending = move |ending: Ending| {
        tell.store(true, Ordering::SeqCst);
        events.send(Event::Ending).ok();
        // A thread of its own, so that the watch still hears a second signal.
        let last = thread::Builder::new().spawn(move || {
            close(work.get());
            temporary.remove();
            terminal::exit(ending.exit_code());
        });
        if last.is_err() {
            terminal::exit(ending.exit_code());
        }
    };
    Watch::start(on_stop, on_ending)?;
    Ok(is_told)
}
