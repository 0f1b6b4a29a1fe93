//! Which numbers are cached and when, and which are removed from the cache.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tempfile::TempDir;

use super::*;
use crate::domain::change::ChangeId;
use crate::domain::clock::Clock;
use crate::domain::number::{PhoneNumberId, TwoStep, Waba};
use crate::domain::standing::DoubtCause;
use crate::jobs::Recorder;
use crate::journal::{JournalKind, JournalOptions, Operator, UnresolvedChange};
use crate::pace::Pace;
use crate::state_dir::StateDir;

const YESTERDAY: UtcTime = UtcTime::from_unix_seconds(1_795_269_789);
const NOW: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);
const LATER: UtcTime = UtcTime::from_unix_seconds(1_795_356_190);

fn id(n: usize) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an ID")
}

fn waba(digits: &str) -> Arc<Waba> {
    Arc::new(Waba { id: digits.parse().expect("an ID"), name: None })
}

/// A number that WABA 900 lists.
fn number(n: usize, read_at: UtcTime) -> Number {
    Number { waba: Some(waba("900")), read_at: Some(read_at), ..Number::from_config(id(n), None) }
}

fn numbers(range: std::ops::Range<usize>, read_at: UtcTime) -> Vec<Number> {
    range.map(|n| number(n, read_at)).collect()
}

/// A journal and the cache of its profile.
struct CacheFixture {
    journal: Journal,
    cache: NumberCache,
    reads: WaitingReads,
    unresolved: Vec<UnresolvedChange>,
    _dir: TempDir,
}

impl CacheFixture {
    /// With numbers that an earlier run cached.
    async fn new(cached: Vec<Number>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let options = JournalOptions {
            dir: StateDir::open_or_create(&dir.path().join("state")).expect("a state directory"),
            operator: Operator::from_process(),
            kind: JournalKind::Real,
            recipients: None,
            clock: Clock::System,
            reads_after_open: false,
            #[cfg(debug_assertions)]
            sync_writes: false,
        };
        let (journal, _) = Journal::open(options).expect("a journal");
        journal.cache_numbers("acme", cached).await;
        let (cache, reads) = NumberCache::new();
        Self { journal, cache, reads, unresolved: Vec::new(), _dir: dir }
    }

    /// Ends a refresh that found these numbers and read WABA 900 completely.
    async fn end_refresh(&self, found: &[Number]) {
        let mut result = RefreshResult { complete_wabas: vec![waba("900").id], ..RefreshResult::default() };
        result.add(found);
        self.cache.reserve().await.send_page(found);
        self.cache.end_refresh(result, NOW).await;
    }

    /// Caches everything that was sent, and returns what is cached then.
    async fn cached(self) -> Vec<Number> {
        let Self { journal, cache, reads, unresolved, _dir } = self;
        let recorder = Recorder { journal: journal.clone(), recipients: None, profile: CleanText::new("acme") };
        let pace = Pace::new(1, Clock::System, |_| {});
        let (jobs, _progress) = JobsHandle::start(None, recorder, unresolved, 1, pace, Clock::System);
        drop(cache);
        reads.cache(journal.clone(), jobs, CleanText::new("acme")).await;
        all_cached(&journal).await
    }
}

async fn all_cached(journal: &Journal) -> Vec<Number> {
    let mut all = Vec::<Number>::new();
    loop {
        let last = all.last().map(|number| number.id);
        let page = read_journal(journal, move |reader| reader.cached_numbers("acme", last)).await;
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// How many numbers are cached after this event.
fn page_size_after(uncached: &mut UncachedNumbers, update: CacheUpdate) -> usize {
    uncached.add(update);
    page_size(uncached)
}

fn page_size(uncached: &mut UncachedNumbers) -> usize {
    uncached.take_page().map_or(0, |page| page.len())
}

fn page_of(range: std::ops::Range<usize>) -> CacheUpdate {
    CacheUpdate::ListPageRead(numbers(range, NOW))
}

#[test]
fn numbers_wait_for_a_page_until_the_refresh_ends() {
    let mut uncached = UncachedNumbers::default();
    assert_eq!(page_size_after(&mut uncached, page_of(0..255)), 0, "more are coming");
    assert_eq!(page_size_after(&mut uncached, page_of(255..256)), 256);
    // These arrive during a write.
    uncached.add(page_of(256..1_300));
    assert_eq!(page_size(&mut uncached), 1_024);
    assert_eq!(page_size(&mut uncached), 0, "20 numbers are not worth a sync");
    let end = CacheUpdate::RefreshEnded(RefreshResult::default(), NOW);
    assert_eq!(page_size_after(&mut uncached, end), 20, "the refresh is complete");
    assert_eq!(page_size(&mut uncached), 0);
}

#[test]
fn the_end_of_a_list_flushes_what_was_read_before_it() {
    let mut uncached = UncachedNumbers::default();
    uncached.add(page_of(0..3));
    assert_eq!(page_size_after(&mut uncached, CacheUpdate::ListEnded), 3);
    // Numbers that arrive during a write wait for it. After the end, a write waits for more again.
    for update in [page_of(3..1_100), CacheUpdate::ListEnded, page_of(1_100..1_110)] {
        uncached.add(update);
    }
    assert_eq!(page_size(&mut uncached), 1_024);
    assert_eq!(page_size(&mut uncached), 83);
    assert_eq!(page_size_after(&mut uncached, page_of(1_110..1_120)), 0);
}

#[test]
fn a_number_read_alone_does_not_wait_for_others() {
    let mut uncached = UncachedNumbers::default();
    assert_eq!(page_size_after(&mut uncached, CacheUpdate::NumberRead(Box::new(number(0, NOW)))), 1);
}

#[tokio::test]
async fn a_number_is_cached_as_it_was_read_last() {
    let fixture = CacheFixture::new(numbers(0..2, YESTERDAY)).await;
    let unread = Number::from_config(id(1), None);
    let on = Number { two_step: TwoStep::On, ..number(0, NOW) };
    fixture.cache.reserve().await.send_page(&[number(0, NOW), unread, number(2, NOW)]);
    fixture.cache.send_number(on.clone()).await;
    assert_eq!(fixture.cached().await, [on, number(1, YESTERDAY), number(2, NOW)], "a failed read replaces nothing");
}

#[tokio::test]
async fn reads_wait_only_for_a_disk_that_is_far_behind() {
    let fixture = CacheFixture::new(Vec::new()).await;
    let journal = fixture.journal.clone();
    let paused = journal.pause();
    let cache = fixture.cache.clone();
    let task = tokio::spawn(fixture.cached());
    let mut pages = 0;
    loop {
        // The cache takes what it has room for.
        tokio::task::yield_now().await;
        let Some(permit) = cache.reserve().now_or_never() else { break };
        permit.send_page(&numbers(pages * 100..(pages + 1) * 100, NOW));
        pages += 1;
    }
    // The first three pages are being written, and nothing else is written until that is done.
    assert_eq!(pages, (300 + MAX_WAITING_NUMBERS).div_ceil(100));
    drop((paused, cache));
    // Without the end of the list, numbers that are not worth a sync are not cached.
    let uncached = pages * 100 - task.await.expect("no panic").len();
    assert!((1..MIN_PAGE_SIZE).contains(&uncached), "{uncached} of {pages} pages");
}

#[tokio::test]
async fn without_a_journal_no_read_waits() {
    let (cache, reads) = NumberCache::new();
    let page = numbers(0..MAX_WAITING_NUMBERS, NOW);
    cache.reserve().now_or_never().expect("it does not wait yet").send_page(&page);
    let mut waiting = std::pin::pin!(cache.reserve());
    assert!(waiting.as_mut().now_or_never().is_none(), "the journal may still open");
    drop(reads);
    waiting.await.send_page(&page);
    cache.reserve().now_or_never().expect("nothing waits").send_page(&page);
}

#[tokio::test]
async fn only_numbers_missing_from_a_complete_waba_are_removed() {
    let single = Number { waba: None, ..number(6, YESTERDAY) };
    let elsewhere = Number { waba: Some(waba("7")), ..number(7, YESTERDAY) };
    let (in_doubt, read_later) = (number(8, YESTERDAY), number(9, LATER));
    let kept = [single, elsewhere, in_doubt, read_later];
    let missing = [number(1, YESTERDAY), number(5, YESTERDAY)];
    let mut fixture = CacheFixture::new(kept.iter().chain(&missing).cloned().collect()).await;
    fixture.unresolved.push(UnresolvedChange {
        change: ChangeId::new(),
        job: None,
        number: id(8),
        waba: None,
        two_step_before: TwoStep::On,
        at: YESTERDAY,
        attempts: Some(1),
        doubt: DoubtCause::ProcessEnded.into(),
        last_send: YESTERDAY,
        is_in_escrow: true,
    });
    fixture.end_refresh(&numbers(0..4, NOW)).await;
    let expected: Vec<_> = numbers(0..4, NOW).into_iter().chain(kept).collect();
    assert_eq!(fixture.cached().await, expected);
}

#[tokio::test]
async fn a_number_missing_within_the_same_second_is_removed() {
    let fixture = CacheFixture::new(numbers(0..2, NOW)).await;
    fixture.end_refresh(&numbers(0..1, NOW)).await;
    assert_eq!(fixture.cached().await, numbers(0..1, NOW));
}

#[tokio::test]
async fn a_number_whose_read_failed_is_not_removed() {
    let fixture = CacheFixture::new(numbers(0..2, YESTERDAY)).await;
    fixture.end_refresh(&[number(0, NOW), Number::from_config(id(1), None)]).await;
    assert_eq!(fixture.cached().await, [number(0, NOW), number(1, YESTERDAY)]);
}

#[tokio::test]
async fn an_incomplete_refresh_removes_nothing() {
    let fixture = CacheFixture::new(numbers(0..6, YESTERDAY)).await;
    let mut result = RefreshResult::default();
    result.add(&[number(0, NOW)]);
    fixture.cache.end_refresh(result, NOW).await;
    assert_eq!(fixture.cached().await, numbers(0..6, YESTERDAY));
}

#[tokio::test]
async fn an_empty_waba_removes_all_its_cached_numbers() {
    let fixture = CacheFixture::new(numbers(0..600, YESTERDAY)).await;
    fixture.end_refresh(&[]).await;
    assert_eq!(fixture.cached().await, []);
}

#[tokio::test]
async fn numbers_of_a_later_refresh_are_cached_after_the_removal() {
    let fixture = CacheFixture::new(numbers(0..2, YESTERDAY)).await;
    fixture.end_refresh(&[number(0, NOW)]).await;
    fixture.end_refresh(&[number(1, LATER)]).await;
    assert_eq!(fixture.cached().await, [number(1, LATER)]);
}
