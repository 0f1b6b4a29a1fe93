//! Reads of the journal for tasks that must not block.
//!
//! They see what was committed, and do not wait for the writer.

use crate::journal::{Journal, JournalError, JournalReader};

/// Reads the journal on a thread that may block. The reader is open only meanwhile, so that it does not outlive the
/// journal. What cannot be read counts as empty.
pub(super) async fn read_journal<T: Default + Send + 'static>(
    journal: &Journal,
    read: impl FnOnce(&JournalReader) -> Result<T, JournalError> + Send + 'static,
) -> T {
    try_read_journal(journal, read).await.unwrap_or_default()
}

/// As [`read_journal`]; `None` if it cannot be read.
pub(super) async fn try_read_journal<T: Send + 'static>(
    journal: &Journal,
    read: impl FnOnce(&JournalReader) -> Result<T, JournalError> + Send + 'static,
) -> Option<T> {
    let journal = journal.clone();
    let read = move || journal.open_reader().and_then(|reader| read(&reader));
    tokio::task::spawn_blocking(read).await.ok().and_then(Result::ok)
}
