//! Reads of the worker: the lists, single numbers, the cache and the history of a number.
//!
//! It requests no more of a list than the console has room for, and keeps nothing of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{RecordsState, Worker};
use crate::console::app::Msg;
use crate::console::worker::journal_read::{read_journal, try_read_journal};
use crate::console::worker::number_cache::{CachePermit, RefreshResult};
use crate::console::worker::{BackpressurePermit, WorkerReport};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::outcome::ReadFailure;
use crate::graph::Graph;
use crate::jobs::StatusRead;
use crate::journal::{Journal, JournalReader};
use crate::numbers::{self, NumberSources, NumbersEvent, discovery};

/// Times in the journal are whole seconds.
const ONE_SECOND: Duration = Duration::from_secs(1);

/// Pages under way to the console: as many as arrive while it sorts a long list. With 256 numbers each, as the journal
/// reads them, they take less than a megabyte.
pub(super) const MAX_PAGES_IN_FLIGHT: usize = 32;

/// How many history entries fit on a page.
const MAX_HISTORY_LINES: usize = 20;

/// Sends one message, for which a permit was reserved.
type SendMsg = Box<dyn FnOnce(Msg) + Send>;

impl<R: Fn(WorkerReport) + Send + Sync + 'static> Worker<R> {
    /// Sends the cached numbers, page by page.
    pub(super) fn load_cached_numbers(&self, journal: Journal) -> impl Future<Output = ()> + Send + use<R> {
        let (profile, wait_for_permit) = (self.config.recording.profile.clone(), self.throttled_sender());
        async move {
            let Ok(Ok(mut reader)) = tokio::task::spawn_blocking(move || journal.open_reader()).await else { return };
            let mut last = None;
            loop {
                let send = wait_for_permit().await;
                let profile = profile.clone();
                // Opening a reader for each page would take longer than the reads.
                let read = tokio::task::spawn_blocking(move || {
                    let numbers = reader.cached_numbers(profile.as_str(), last).unwrap_or_default();
                    (reader, numbers)
                });
                let Ok((open_reader, numbers)) = read.await else { return };
                reader = open_reader;
                let Some(number) = numbers.last() else { return };
                last = Some(number.id);
                send(Msg::CachedNumbersLoaded(numbers));
            }
        }
    }

    /// Reports what is left of the calls of these WABAs, as far as Meta told.
    pub(super) fn read_calls_left(&self, wabas: Vec<WabaId>) {
        let left = wabas.into_iter().map(|waba| (waba, self.pace.calls_left(waba))).collect();
        self.send_msg(Msg::CallsLeftRead(left));
    }

    /// Asks Meta about the access token of this client. Nothing depends on the answer, so a failure is not told.
    pub(super) fn read_token_info(&self, graph: Graph) {
        let (pace, report) = (self.pace.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            if let Ok(info) = discovery::read_token_info(&graph, &pace).await {
                report(WorkerReport::Msg(Msg::TokenInfoRead(Box::new(info))));
            }
        });
    }

    /// Reads which jobs set some of these numbers lately.
    pub(super) fn read_recent_sets(&self, question_id: u32, numbers: HashSet<PhoneNumberId>) {
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        let (journal, report, now) = (recorder.journal.clone(), Arc::clone(&self.report), self.clock.now().utc);
        tokio::spawn(async move {
            let recent = read_journal(&journal, move |reader| reader.recent_sets(&numbers, now)).await;
            report(WorkerReport::Msg(Msg::RecentSetsRead { question_id, recent }));
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

    /// Reads when the last drill of the escrow was. Without a journal nothing is known of it.
    pub(super) fn read_last_drill(&self) {
        let RecordsState::Open { recorder, .. } = &self.records_state else { return };
        let (journal, report) = (recorder.journal.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            if let Some(drill) = try_read_journal(&journal, JournalReader::last_drill).await {
                report(WorkerReport::Msg(Msg::LastDrillRead(drill)));
            }
        });
    }

    pub(super) fn refresh_all(&self, refresh_id: u32) {
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => return self.report_all_unread(refresh_id, &ReadFailure::NotSent(why.clone())),
        };
        let (sources, wait_for_permit) = (self.config.sources.clone(), self.throttled_sender());
        let (cache, pace, clock) = (self.number_cache.clone(), self.pace.clone(), self.clock);
        tokio::spawn(async move {
            let result = Mutex::<RefreshResult>::default();
            let reserve = || {
                let (cache, permit, result) = (cache.clone(), wait_for_permit(), &result);
                async move {
                    // First the cache: while a read waits for it, others can use the room of the console.
                    let (cache, send) = (cache.reserve().await, permit.await);
                    Box::new(move |event| send(read_msg(refresh_id, event, cache, result))) as numbers::SendPermit<'_>
                }
                .boxed()
            };
            numbers::read_with_backpressure(&graph, &pace, sources, &reserve).await;
            let send = wait_for_permit().await;
            send(Msg::RefreshFinished { refresh_id });
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            cache.end_refresh(result, clock.now().utc).await;
        });
    }

    /// Waits until the console has handled enough of the earlier reads.
    pub(super) fn throttled_sender(&self) -> impl Fn() -> BoxFuture<'static, SendMsg> + Send + Sync + use<R> {
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

    /// Refreshes a number. `known` is what the list knows of it.
    pub(super) fn refresh_number(&self, known: Number, after: Option<UtcTime>) {
        let id = known.id;
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => {
                return self.send_msg(Msg::NumberRead { id, result: Err(ReadFailure::NotSent(why.clone())) });
            }
        };
        let jobs = if let RecordsState::Open { jobs, .. } = &self.records_state { Some(jobs.clone()) } else { None };
        let single = self.config.sources.numbers.iter().find(|(single, _)| *single == id);
        let name = single.and_then(|(_, name)| name.clone());
        let (clock, report, cache) = (self.clock, Arc::clone(&self.report), self.number_cache.clone());
        let pace = self.pace.clone();
        tokio::spawn(async move {
            if let Some(after) = after {
                // A time far ahead is that of a clock that was wrong. Waiting for it helps nobody.
                tokio::time::sleep(clock.now().utc.until(after.plus(ONE_SECOND)).min(ONE_SECOND)).await;
            }
            // A reply proves nothing about what arrived after its request was sent.
            let asked_at = clock.now();
            let result = numbers::read_one(&graph, &pace, id).await;
            let result = result.map(|number| Number { name: name.or(number.name), ..number });
            let read = result.as_ref().ok().cloned();
            report(WorkerReport::Msg(Msg::NumberRead { id, result }));
            let Some(read) = read else { return };
            if let Some(jobs) = jobs {
                jobs.handle_status_read(StatusRead { number: id, two_step: read.two_step, asked_at });
            }
            // A reply for one number does not name the WABA that lists it.
            let (waba, name) = (read.waba.or(known.waba), read.name.or(known.name));
            cache.send_number(Number { waba, name, ..read }).await;
        });
    }
}

/// Hands an event of a refresh to the cache, and returns the message for the console.
fn read_msg(refresh_id: u32, event: NumbersEvent, cache: CachePermit, result: &Mutex<RefreshResult>) -> Msg {
    let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        NumbersEvent::Page(numbers) => {
            result.add(&numbers);
            cache.send_page(&numbers);
            Msg::PageReceived { refresh_id, numbers }
        }
        NumbersEvent::WabaFinished(waba, outcome) => {
            result.complete_wabas.extend(outcome.is_ok().then_some(waba.id));
            cache.end_list();
            Msg::WabaRead { refresh_id, waba, result: outcome }
        }
        NumbersEvent::NumberFailed(id, failure) => Msg::NumberRead { id, result: Err(failure) },
    }
}
