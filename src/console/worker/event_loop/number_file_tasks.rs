//! Reads and writes the files with numbers that the operator names, while nothing waits for them.
//!
//! It decides nothing about their text.

use std::path::PathBuf;
use std::sync::Arc;

use super::{RecordsState, Worker};
use crate::console::app::Msg;
use crate::console::worker::journal_read::try_read_journal;
use crate::console::worker::{WorkerReport, number_files};
use crate::domain::change::JobId;
use crate::domain::number::Number;
use crate::domain::text::CleanText;
use crate::journal::JournalReader;
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

    /// Writes what became of the numbers of a job to a new file, with everything that was recorded before.
    pub(super) fn report_job(&self, path: PathBuf, format: ExportFormat, job: JobId) {
        // The page of a job shows what the journal has.
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        let (journal, report) = (recorder.journal.clone(), Arc::clone(&self.report));
        let flushed = journal.flush();
        tokio::spawn(async move {
            flushed.await;
            let read = move |reader: &JournalReader| Ok((reader.job(job)?, reader.all_cached_numbers()?));
            let read = try_read_journal(&journal, read).await;
            tokio::task::spawn_blocking(move || {
                let result = match &read {
                    Some((Some(detail), known)) => number_files::report_job(&path, format, detail, known),
                    Some((None, _)) | None => Err(CleanText::new("The job cannot be read from the journal.")),
                };
                report(WorkerReport::Msg(Msg::NumbersExported { path, result }));
            });
        });
    }

    fn use_file(&self, work: impl FnOnce() -> Msg + Send + 'static) {
        let report = Arc::clone(&self.report);
        tokio::task::spawn_blocking(move || report(WorkerReport::Msg(work())));
    }
}
