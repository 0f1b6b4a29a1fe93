//! Caches the numbers that were read for the list of the next start, beside their way to the screen.
//!
//! A page of the cache costs a sync, so numbers wait until there are enough of them or a list ended, and one page is
//! written at a time. A disk that is far behind delays the reads, so that no list piles up in memory. It decides neither what the
//! screen shows nor whether a PIN may be sent, and the end of the program does not wait for it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::journal_read::read_journal;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, WabaId};
use crate::domain::number_set::NumberSet;
use crate::domain::text::CleanText;
use crate::jobs::JobsHandle;
use crate::journal::{Journal, JournalReader};

/// How many numbers are worth a sync.
const MIN_PAGE_SIZE: usize = 256;

/// How many numbers are cached at once, if the disk is behind the reads: few enough that a change behind them does not
/// wait long.
const MAX_PAGE_SIZE: usize = 1_024;

/// How many numbers wait for the disk, or for the journal to open, before the reads wait as well. Meta sends them more
/// slowly than a disk writes them, so few are enough; they take half a megabyte.
const MAX_WAITING_NUMBERS: usize = 2_048;

/// What a refresh read, to remove from the cache what it no longer found. A number that it found was cached again, so a
/// cached number that was read before the refresh is one that it did not find.
#[derive(Debug, Default)]
pub(super) struct RefreshResult {
    /// The WABAs whose lists were read to their ends.
    pub(super) complete_wabas: Vec<WabaId>,
    /// Numbers that the config names and that could not be read: they may still be listed.
    unread: NumberSet,
    /// The earliest time at which a number was read.
    pub(super) read_since: Option<UtcTime>,
    /// The numbers that were read in that second, in which an earlier refresh may have ended.
    read_first: NumberSet,
}

impl RefreshResult {
    /// Adds a page of numbers.
    pub(super) fn add(&mut self, numbers: &[Number]) {
        for number in numbers {
            let Some(read_at) = number.read_at else {
                self.unread.insert(number.id);
                continue;
            };
            // The first number may not have the earliest time, because the clock may be set back.
            let is_earlier = self.read_since.is_none_or(|since| read_at < since);
            if is_earlier {
                self.read_since = Some(read_at);
                self.read_first.clear();
            }
            if self.read_since == Some(read_at) {
                self.read_first.insert(number.id);
            }
        }
    }
}

/// An event of the reads that concerns the cache.
#[derive(Debug)]
enum CacheUpdate {
    /// A page of a list. More pages follow.
    ListPageRead(Vec<Number>),
    /// One number was read, and nothing follows.
    NumberRead(Box<Number>),
    /// A list ended.
    ListEnded,
    /// Every list ended, at this time.
    RefreshEnded(RefreshResult, UtcTime),
}

impl CacheUpdate {
    fn number_count(&self) -> usize {
        match self {
            Self::ListPageRead(numbers) => numbers.len(),
            Self::NumberRead(_) => 1,
            Self::ListEnded | Self::RefreshEnded(..) => 0,
        }
    }
}

/// Sends reads to the cache.
#[derive(Debug, Clone)]
pub(super) struct NumberCache {
    updates: mpsc::UnboundedSender<CacheUpdate>,
    /// How many numbers are not being written yet.
    waiting: Arc<watch::Sender<usize>>,
}

/// Reads that wait for the cache.
#[derive(Debug)]
pub(super) struct WaitingReads {
    updates: mpsc::UnboundedReceiver<CacheUpdate>,
    waiting: Arc<watch::Sender<usize>>,
}

/// Sends one event of the reads.
#[derive(Debug)]
pub(super) struct CachePermit(NumberCache);

impl CachePermit {
    /// Caches the numbers of a page that were read. More pages follow.
    pub(super) fn send_page(self, numbers: &[Number]) {
        // A number without a read time could not be read.
        let read = numbers.iter().filter(|number| number.read_at.is_some()).cloned().collect();
        self.send(CacheUpdate::ListPageRead(read));
    }

    /// Reports the end of a list.
    pub(super) fn end_list(self) {
        self.send(CacheUpdate::ListEnded);
    }

    fn send(self, update: CacheUpdate) {
        let (NumberCache { updates, waiting }, count) = (self.0, update.number_count());
        waiting.send_modify(|waiting| *waiting += count);
        if updates.send(update).is_err() {
            waiting.send_modify(|waiting| *waiting -= count);
        }
    }
}

impl NumberCache {
    /// The cache, and what waits for it until [`WaitingReads::cache`].
    pub(super) fn new() -> (Self, WaitingReads) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(watch::Sender::new(0));
        (Self { updates: sender, waiting: Arc::clone(&waiting) }, WaitingReads { updates: receiver, waiting })
    }

    /// Waits until one more event may wait for the disk. Without a journal nothing waits, and nothing is cached.
    pub(super) async fn reserve(&self) -> CachePermit {
        let has_room = |waiting: &usize| *waiting < MAX_WAITING_NUMBERS || self.updates.is_closed();
        // This handle keeps the channel open.
        self.waiting.subscribe().wait_for(has_room).await.ok();
        CachePermit(self.clone())
    }

    /// Caches one number.
    pub(super) async fn send_number(&self, number: Number) {
        self.reserve().await.send(CacheUpdate::NumberRead(Box::new(number)));
    }

    /// Reports the end of a refresh: what its complete lists do not name is removed.
    pub(super) async fn end_refresh(&self, result: RefreshResult, at: UtcTime) {
        self.reserve().await.send(CacheUpdate::RefreshEnded(result, at));
    }
}

impl WaitingReads {
    /// Caches what arrives, until no sender is left.
    pub(super) async fn cache(mut self, journal: Journal, jobs: JobsHandle, profile: CleanText) {
        let mut uncached = UncachedNumbers::default();
        let mut refresh = None;
        loop {
            // What arrived during a write shares the next one. Numbers of a later refresh wait for the removal.
            while refresh.is_none()
                && uncached.len() < MAX_PAGE_SIZE
                && let Ok(update) = self.updates.try_recv()
            {
                refresh = uncached.add(update);
            }
            if let Some(page) = uncached.take_page() {
                self.waiting.send_modify(|waiting| *waiting -= page.len());
                journal.cache_numbers(profile.as_str(), page).await;
            } else if let Some((result, ended_at)) = refresh.take() {
                remove_unlisted(&journal, &jobs, profile.as_str(), result, ended_at).await;
            } else if let Some(update) = self.updates.recv().await {
                refresh = uncached.add(update);
            } else {
                return;
            }
        }
    }
}

impl Drop for WaitingReads {
    fn drop(&mut self) {
        self.updates.close();
        // Wakes the reads that wait.
        self.waiting.send_modify(|_| {});
    }
}

/// Numbers that were read and are not cached, in the order of reading.
#[derive(Debug, Default)]
struct UncachedNumbers {
    numbers: VecDeque<Number>,
    /// How many of them are cached without waiting for more.
    due: usize,
}

impl UncachedNumbers {
    /// Adds what was read. Returns the result of a refresh that ended.
    fn add(&mut self, update: CacheUpdate) -> Option<(RefreshResult, UtcTime)> {
        match update {
            CacheUpdate::ListPageRead(numbers) => {
                self.numbers.extend(numbers);
                return None;
            }
            CacheUpdate::NumberRead(number) => self.numbers.push_back(*number),
            // The list of another WABA may hang, so these do not wait for it.
            CacheUpdate::ListEnded => {}
            CacheUpdate::RefreshEnded(result, at) => {
                self.due = self.numbers.len();
                return Some((result, at));
            }
        }
        self.due = self.numbers.len();
        None
    }

    fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The next page, if it is worth a sync or due.
    fn take_page(&mut self) -> Option<Vec<Number>> {
        if self.len() < MIN_PAGE_SIZE && self.due == 0 {
            return None;
        }
        self.due = self.due.saturating_sub(MAX_PAGE_SIZE);
        Some(self.numbers.drain(..MAX_PAGE_SIZE.min(self.len())).collect())
    }
}

/// Removes the cached numbers that a completely read WABA no longer lists, page by page. Numbers with an open change
/// stay, and so do numbers that another process read later.
async fn remove_unlisted(
    journal: &Journal,
    jobs: &JobsHandle,
    profile: &str,
    result: RefreshResult,
    ended_at: UtcTime,
) {
    let RefreshResult { complete_wabas, unread, read_since, read_first } = result;
    let read_since = read_since.unwrap_or(ended_at);
    let profile_name = profile.to_owned();
    let find_unlisted = move |reader: &JournalReader| {
        let mut unlisted = Vec::new();
        reader.for_each_cached_until(&profile_name, read_since, |number, waba| {
            let is_found = unread.contains(&number) || read_first.contains(&number);
            if complete_wabas.contains(&waba) && !is_found {
                unlisted.push(number);
            }
        })?;
        Ok(unlisted)
    };
    for page in read_journal(journal, find_unlisted).await.chunks(MAX_PAGE_SIZE) {
        let page = jobs.without_open_changes(page.to_vec()).await;
        if !page.is_empty() {
            journal.remove_cached_numbers(profile, page, read_since).await;
        }
    }
}

#[cfg(test)]
mod tests;
