//! Reads and writes the files with numbers that the operator names, while nothing waits for them.
//!
//! It decides nothing about their text.

use std::path::PathBuf;
use std::sync::Arc;

use super::{RecordsState, Worker};
use crate::console::app::Msg;
use crate::console::worker::journal_read::try_read_journal;
use crate::console::worker::{WorkerReport, number_files};
use crate::domain::number::Number;
use crate::numbers::record::{ExportFormat, NumberHistory};

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Reads a list of numbers.
    pub(super) fn read_number_list(&self, path: PathBuf) {
        self.use_file(move || {
            let result = number_files::read_list(&path);
            Msg::NumberListRead { path, result }
        });
    }

    /// Writes numbers to a new file, with everything that was recorded about them before.
    pub(super) fn export_numbers(&self, path: PathBuf, format: ExportFormat, numbers: Vec<Number>) {
        let write = move |history: Option<NumberHistory>| {
            let result = number_files::export(&path, format, &numbers, history.as_ref());
            Msg::NumbersExported { path, result }
        };
        let RecordsState::Open { recorder, .. } = &self.records_state else {
            return self.use_file(move || write(None));
        };
        let (journal, report) = (recorder.journal.clone(), Arc::clone(&self.report));
        // The console may know of results whose records still wait.
        let flushed = journal.flush();
        tokio::spawn(async move {
            flushed.await;
            let history = try_read_journal(&journal, NumberHistory::read).await;
            tokio::task::spawn_blocking(move || report(WorkerReport::Msg(write(history))));
        });
    }

    fn use_file(&self, work: impl FnOnce() -> Msg + Send + 'static) {
        let report = Arc::clone(&self.report);
        tokio::task::spawn_blocking(move || report(WorkerReport::Msg(work())));
    }
}
