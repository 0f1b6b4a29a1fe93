//! Reads of the worker: the lists, single numbers, the cache and the history of a number.
//!
//! It requests no more of a list than the console has room for, and keeps nothing of it.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{RecordsState, Worker};
use crate::console::app::Msg;
use crate::console::worker::{BackpressurePermit, WorkerReport};
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::outcome::ReadFailure;
use crate::jobs::StatusRead;
use crate::journal::{Journal, JournalError, JournalReader};
use crate::numbers::{self, NumberSources, NumbersEvent};

/// Pages under way to the console: as many as arrive while it sorts a long list. With 256 numbers each, as the journal
/// reads them, they take less than a megabyte.
pub(super) const MAX_PAGES_IN_FLIGHT: usize = 32;

/// How many history entries fit on a page.
const MAX_HISTORY_LINES: usize = 20;

/// Sends one message, for which a permit was reserved.
type SendMsg = Box<dyn FnOnce(Msg) + Send>;

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Sends the cached numbers, page by page.
    pub(super) fn load_cached_numbers(&self, journal: Journal) {
        let (profile, wait_for_permit) = (self.config.recording.profile.clone(), self.throttled_sender());
        tokio::spawn(async move {
            let mut last = None;
            loop {
                let send = wait_for_permit().await;
                let profile = profile.clone();
                let numbers = read_journal(&journal, move |reader| reader.cached_numbers(profile.as_str(), last)).await;
                let Some(number) = numbers.last() else { return };
                last = Some(number.id);
                send(Msg::CachedNumbersLoaded(numbers));
            }
        });
    }

    /// Reads the history of a number, with everything that was recorded before.
    pub(super) fn read_history(&self, id: PhoneNumberId) {
        let RecordsState::Open { recorder, .. } = &self.records_state else {
            return self.send_msg(Msg::HistoryRead { id, lines: Vec::new() });
        };
        let (journal, report) = (recorder.journal.clone(), Arc::clone(&self.report));
        // A refusal is reported while its record still waits.
        let flushed = journal.flush();
        tokio::spawn(async move {
            flushed.await;
            let lines = read_journal(&journal, move |reader| reader.history(id, MAX_HISTORY_LINES)).await;
            report(WorkerReport::Msg(Msg::HistoryRead { id, lines }));
        });
    }

    pub(super) fn refresh_all(&self, refresh_id: u32) {
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => return self.report_all_unread(refresh_id, &ReadFailure::NotSent(why.clone())),
        };
        let (sources, wait_for_permit) = (self.config.sources.clone(), self.throttled_sender());
        tokio::spawn(async move {
            let room_to_tell = || {
                let into_permit = |send: SendMsg| -> numbers::SendPermit<'_> {
                    Box::new(move |event| {
                        send(match event {
                            NumbersEvent::Page(numbers) => Msg::PageReceived { refresh_id, numbers },
                            NumbersEvent::WabaFinished(waba, result) => Msg::WabaRead { refresh_id, waba, result },
                            NumbersEvent::NumberFailed(id, failure) => Msg::NumberRead { id, result: Err(failure) },
                        });
                    })
                };
                wait_for_permit().map(into_permit).boxed()
            };
            numbers::read_with_backpressure(&graph, sources, &room_to_tell).await;
            let send = wait_for_permit().await;
            send(Msg::RefreshFinished { refresh_id });
        });
    }

    /// Waits until the console has handled enough of the earlier reads.
    fn throttled_sender(&self) -> impl Fn() -> BoxFuture<'static, SendMsg> + Send + Sync + use<R> {
        let (permits, report) = (Arc::clone(&self.read_permits), Arc::clone(&self.report));
        move || {
            let (permits, report) = (Arc::clone(&permits), Arc::clone(&report));
            async move {
                let permit = permits.acquire_owned().await;
                Box::new(move |msg| {
                    // The semaphore is never closed.
                    let Ok(permit) = permit else { return };
                    report(WorkerReport::ThrottledMsg(msg, BackpressurePermit { _permit: permit }));
                }) as SendMsg
            }
            .boxed()
        }
    }

    /// A list that was not read must not look empty.
    fn report_all_unread(&self, refresh_id: u32, failure: &ReadFailure) {
        let NumberSources { wabas, numbers } = self.config.sources.clone();
        for waba in wabas {
            self.send_msg(Msg::WabaRead { refresh_id, waba, result: Err(failure.clone()) });
        }
        for (id, name) in numbers {
            self.send_msg(Msg::PageReceived { refresh_id, numbers: vec![Number::from_config(id, name)] });
            self.send_msg(Msg::NumberRead { id, result: Err(failure.clone()) });
        }
        self.send_msg(Msg::RefreshFinished { refresh_id });
    }

    pub(super) fn refresh_number(&self, id: PhoneNumberId) {
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => {
                return self.send_msg(Msg::NumberRead { id, result: Err(ReadFailure::NotSent(why.clone())) });
            }
        };
        let jobs = if let RecordsState::Open { jobs, .. } = &self.records_state { Some(jobs.clone()) } else { None };
        let single = self.config.sources.numbers.iter().find(|(single, _)| *single == id);
        let name = single.and_then(|(_, name)| name.clone());
        // A reply proves nothing about what arrived after its request was sent.
        let (asked_at, report) = (self.clock.now(), Arc::clone(&self.report));
        tokio::spawn(async move {
            let result = graph.read_number(id).await.map(|number| Number { name: name.or(number.name), ..number });
            let read =
                result.as_ref().ok().map(|number| StatusRead { number: id, two_step: number.two_step, asked_at });
            report(WorkerReport::Msg(Msg::NumberRead { id, result }));
            if let (Some(jobs), Some(read)) = (jobs, read) {
                jobs.handle_status_read(read);
            }
        });
    }
}

/// Reads the journal on a thread that may block. The reader is open only meanwhile, so that it does not outlive the
/// journal. What cannot be read counts as empty.
async fn read_journal<T: Default + Send + 'static>(
    journal: &Journal,
    read: impl FnOnce(&JournalReader) -> Result<T, JournalError> + Send + 'static,
) -> T {
    let journal = journal.clone();
    let read = move || journal.open_reader().and_then(|reader| read(&reader));
    tokio::task::spawn_blocking(read).await.ok().and_then(Result::ok).unwrap_or_default()
}
