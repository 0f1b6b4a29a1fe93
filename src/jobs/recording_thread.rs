//! The thread that encrypts PINs, one after another, as long as a record is being written.
//!
//! It writes nothing itself. There is one, because each thread has a heap of its own, and a PIN takes less than a
//! millisecond.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::oneshot;

use crate::domain::text::CleanText;
use crate::journal::RecordError;

/// Work for the thread.
type Task = Box<dyn FnOnce() + Send>;

/// Starts the thread when it is needed. A clone shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordingThread(Arc<Mutex<Weak<mpsc::Sender<Task>>>>);

/// Keeps the thread running until it is dropped.
///
/// A caller holds it until the journal has replied, also without anything to encrypt. Tokio does not advance a paused clock
/// while such a thread runs (see `tokio::time::advance`). Otherwise the clock of a test would pass every deadline during
/// one real sync.
#[derive(Debug)]
pub(super) struct HeldThread(Arc<mpsc::Sender<Task>>);

impl RecordingThread {
    /// The thread, which starts if it does not run.
    pub(super) fn hold(&self) -> HeldThread {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = known.upgrade() {
            return HeldThread(tasks);
        }
        let (sender, tasks) = mpsc::channel::<Task>();
        let sender = Arc::new(sender);
        *known = Arc::downgrade(&sender);
        // It ends when the last sender is dropped.
        tokio::task::spawn_blocking(move || tasks.into_iter().for_each(|task| task()));
        HeldThread(sender)
    }
}

impl HeldThread {
    /// Runs a task on the thread.
    ///
    /// # Errors
    /// An earlier task or this one panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RecordError> {
        let (reply, result) = oneshot::channel();
        // If the thread has ended, nothing replies.
        self.0.send(Box::new(move || drop(reply.send(task())))).ok();
        result.await.map_err(|_| RecordError::JournalFailed(CleanText::new("the thread that encrypts PINs failed")))
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    async fn thread_id(thread: &HeldThread) -> ThreadId {
        thread.run(|| thread::current().id()).await.expect("no panic")
    }

    #[tokio::test]
    async fn records_that_are_written_together_share_one_thread() {
        let recording = RecordingThread::default();
        let (first, second) = (recording.hold(), recording.clone().hold());
        let ids = [thread_id(&first).await, thread_id(&second).await];
        assert_eq!(ids[0], ids[1]);
        drop((first, second));
        assert_eq!(recording.hold().run(|| 7).await.ok(), Some(7), "it starts again");
    }

    #[tokio::test]
    async fn a_task_that_panics_fails_the_tasks_after_it() {
        let recording = RecordingThread::default();
        let thread = recording.hold();
        let failed = Some(RecordError::JournalFailed(CleanText::new("the thread that encrypts PINs failed")));
        assert_eq!(thread.run(|| panic!("as planned")).await.map(|()| 0).err(), failed);
        assert_eq!(thread.run(|| 7).await.err(), failed);
    }
}
