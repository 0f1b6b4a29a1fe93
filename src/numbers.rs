//! Reads the configured numbers: several WABAs concurrently, and reports each page when it arrives.
//!
//! It retries a read that may succeed the next time. It does not interpret other failures, and never sends a PIN.

pub mod list;
pub mod discovery;
pub mod record;
mod job_report;
pub(crate) mod request_index;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{self, BoxFuture};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::number_set::NumberSet;
use crate::domain::outcome::{ListDefect, ReadFailure};
use crate::domain::text::CleanText;
use crate::graph::{Graph, GraphPage, MAX_PAGE_SIZE, PageCursor, ReadAnswer};
use crate::pace::Pace;
use crate::policy::quota::{CallEnd, CallTarget, Throttle};
use crate::policy::retry;

/// How many WABAs, and how many single numbers, are read concurrently. More would only use up Meta's quota in bursts.
const MAX_CONCURRENT_READS: usize = 8;

/// After this many pages in a row without a new number, a list counts as endless.
const MAX_PAGES_WITHOUT_NEWS: usize = 100;
/// A list with more numbers than this counts as endless: no business has as many.
const MAX_NUMBERS_OF_WABA: usize = 200_000;

/// How long all other reads wait for the first page of the first WABA. A slow WABA delays the others by at most this.
const FIRST_PAGE_LEAD: Duration = Duration::from_millis(300);

/// The numbers to read.
#[derive(Debug, Clone, Default)]
pub struct NumberSources {
    /// WABAs whose lists are read completely.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with their names in the config.
    pub numbers: Vec<(PhoneNumberId, Option<CleanText>)>,
}

/// A result of the reads.
#[derive(Debug)]
pub enum NumbersEvent {
    /// Numbers that were read, at most one page.
    Page(Vec<Number>),
    /// The list of a WABA was read to its end, or the read failed.
    WabaFinished(Arc<Waba>, Result<(), ReadFailure>),
    /// A single number could not be read. It is still listed, as unknown, unless its ID names something else.
    NumberFailed(PhoneNumberId, ReadFailure),
}

/// Reads everything, and passes each event to `on_event` when it arrives.
///
/// A single number that a WABA also lists may be sent twice. The last event has the number as the WABA lists it, with
/// more details. Both events have the name from the config.
pub async fn read_numbers(
    graph: &Graph,
    pace: &Pace,
    sources: NumberSources,
    on_event: &(dyn Fn(NumbersEvent) + Send + Sync),
) {
    let reserve = || future::ready(Box::new(on_event) as SendPermit<'_>).boxed();
    read_with_backpressure(graph, pace, sources, &reserve).await;
}

/// As [`read_numbers`], but requests the next page of a list only after the last event could be sent.
pub async fn read_with_backpressure<'a>(
    graph: &'a Graph,
    pace: &'a Pace,
    sources: NumberSources,
    reserve_permit: &'a ReservePermit<'a>,
) {
    let single_numbers: HashMap<_, _> = sources.numbers.iter().cloned().collect();
    let has_started = watch::Sender::new(sources.wabas.is_empty());
    let reader =
        NumbersReader { graph, pace, single_numbers, listed_by_waba: Mutex::default(), has_started, reserve_permit };
    let wabas = sources.wabas.into_iter().enumerate().map(|(index, waba)| {
        let reader = &reader;
        async move {
            let result = reader.read_waba(&waba, index == 0).await;
            let send = reader.reserve_permit(index == 0).await;
            send(NumbersEvent::WabaFinished(waba, result));
            reader.has_started.send_replace(true);
        }
    });
    let numbers = sources.numbers.into_iter().map(|(id, name)| reader.read_single(id, name));
    tokio::join!(run_concurrently(wabas), run_concurrently(numbers));
}

/// Runs the reads, at most [`MAX_CONCURRENT_READS`] at the same time.
async fn run_concurrently<R: Future<Output = ()>>(reads: impl Iterator<Item = R>) {
    stream::iter(reads).buffer_unordered(MAX_CONCURRENT_READS).collect::<()>().await;
}

/// Sends one event.
pub type SendPermit<'a> = Box<dyn FnOnce(NumbersEvent) + Send + 'a>;

/// Waits until one event can be sent. A read chooses its event only after that, because another read may send an event
/// while it waits.
pub type ReservePermit<'a> = dyn Fn() -> BoxFuture<'a, SendPermit<'a>> + Send + Sync + 'a;

/// The state that the reads share.
struct NumbersReader<'a> {
    graph: &'a Graph,
    pace: &'a Pace,
    single_numbers: HashMap<PhoneNumberId, Option<CleanText>>,
    /// The single numbers that a WABA has listed so far.
    listed_by_waba: Mutex<HashSet<PhoneNumberId>>,
    /// The first page of the first WABA was sent, or its read failed. Everything else that arrives at the same time is
    /// sent after that: what an operator sees first, and has under the cursor, must not depend on chance.
    has_started: watch::Sender<bool>,
    reserve_permit: &'a ReservePermit<'a>,
}

impl<'a> NumbersReader<'a> {
    /// Waits until an event can be sent, and until the first one was.
    async fn reserve_permit(&self, is_first_waba: bool) -> SendPermit<'a> {
        if !is_first_waba {
            let mut has_started = self.has_started.subscribe();
            // The sender lives as long as the reader, so only the time can run out.
            timeout(FIRST_PAGE_LEAD, has_started.wait_for(|has_started| *has_started)).await.ok();
        }
        (self.reserve_permit)().await
    }

    async fn read_waba(&self, waba: &Arc<Waba>, is_first_waba: bool) -> Result<(), ReadFailure> {
        let mut after = None;
        let (mut seen_cursors, mut seen_numbers) = (HashSet::new(), NumberSet::default());
        let (mut unusable_rows, mut pages_without_news) = (0, 0);
        loop {
            let mut page = self.read_page(waba, after.as_ref()).await?;
            // Pages can overlap, because the list may change between two reads.
            page.numbers.retain(|number| seen_numbers.insert(number.id));
            unusable_rows += page.skipped;
            pages_without_news = if page.numbers.is_empty() { pages_without_news + 1 } else { 0 };
            let send = self.reserve_permit(is_first_waba).await;
            send(NumbersEvent::Page(page.numbers.into_iter().map(|number| self.with_config_name(number)).collect()));
            if is_first_waba {
                self.has_started.send_replace(true);
            }
            let Some(next) = page.next else {
                return match (page.is_cut_off, unusable_rows) {
                    (true, _) => Err(ReadFailure::IncompleteList(ListDefect::NoContinuation)),
                    (false, 0) => Ok(()),
                    (false, rows) => Err(ReadFailure::IncompleteList(ListDefect::UnusableRows(rows))),
                };
            };
            if !seen_cursors.insert(next.clone()) {
                return Err(ReadFailure::IncompleteList(ListDefect::Loop));
            }
            if pages_without_news > MAX_PAGES_WITHOUT_NEWS || seen_numbers.len() > MAX_NUMBERS_OF_WABA {
                return Err(ReadFailure::IncompleteList(ListDefect::Endless));
            }
            after = Some(next);
        }
    }

    /// Reads one page, and a smaller one if Meta asks for that.
    async fn read_page(&self, waba: &Arc<Waba>, after: Option<&PageCursor>) -> Result<GraphPage, ReadFailure> {
        let target = CallTarget { waba: Some(waba.id), number: None };
        let mut limit = MAX_PAGE_SIZE;
        loop {
            match read_paced(self.pace, target, || self.graph.read_numbers_page(waba, after, limit)).await {
                Err(failure) if limit > 1 && retry::wants_smaller_page(&failure) => limit /= 2,
                result => return result,
            }
        }
    }

    /// Gives a number of a list the name from the config, if any, and remembers that a WABA lists it.
    fn with_config_name(&self, mut number: Number) -> Number {
        if let Some(name) = self.single_numbers.get(&number.id) {
            self.listed_by_waba.lock().unwrap_or_else(PoisonError::into_inner).insert(number.id);
            number.name = name.clone().or(number.name);
        }
        number
    }

    async fn read_single(&self, id: PhoneNumberId, name: Option<CleanText>) {
        let result = read_one(self.graph, self.pace, id).await;
        let send = self.reserve_permit(false).await;
        if self.listed_by_waba.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return;
        }
        match result {
            Ok(mut number) => {
                number.name = name.or(number.name);
                send(NumbersEvent::Page(vec![number]));
            }
            // It is no number, so it has no row.
            Err(failure @ ReadFailure::WrongKind { .. }) => send(NumbersEvent::NumberFailed(id, failure)),
            Err(failure) => {
                send(NumbersEvent::Page(vec![Number::from_config(id, name)]));
                let send = self.reserve_permit(false).await;
                send(NumbersEvent::NumberFailed(id, failure));
            }
        }
    }
}

/// Reads one number. Waits as long as Meta limits the calls, and retries a read that may succeed the next time.
///
/// # Errors
/// Why it could not be read.
pub async fn read_one(graph: &Graph, pace: &Pace, id: PhoneNumberId) -> Result<Number, ReadFailure> {
    read_paced(pace, CallTarget { waba: None, number: Some(id) }, || graph.read_number(id)).await
}

/// Reads when the limits allow it, and again if that may help. A throttled read is no attempt.
async fn read_paced<T, R: Future<Output = ReadAnswer<T>>>(
    pace: &Pace,
    target: CallTarget,
    read: impl Fn() -> R,
) -> Result<T, ReadFailure> {
    let mut attempt = 1;
    loop {
        let call = pace.admit(target).await;
        let ReadAnswer { result, usage } = read().await;
        let throttle = match &result {
            Err(ReadFailure::Api(error)) => Throttle::from_error(error),
            Err(
                ReadFailure::NotSent(_)
                | ReadFailure::NoAnswer
                | ReadFailure::UnexpectedReply { .. }
                | ReadFailure::WrongKind { .. }
                | ReadFailure::IncompleteList(_),
            )
            | Ok(_) => None,
        };
        call.finish(match &result {
            Err(ReadFailure::NotSent(_)) => CallEnd::NotSent,
            Err(ReadFailure::NoAnswer | ReadFailure::UnexpectedReply { .. }) => CallEnd::NoReply,
            Err(ReadFailure::Api(_) | ReadFailure::WrongKind { .. } | ReadFailure::IncompleteList(_)) | Ok(_) => {
                CallEnd::Replied { usage: &usage, throttle }
            }
        });
        let failure = match result {
            Ok(value) => return Ok(value),
            Err(_) if throttle.is_some() => continue,
            Err(failure) => failure,
        };
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let Some(delay) = retry::read_retry_delay(&failure, attempt, chance) else { return Err(failure) };
        tokio::time::sleep(delay).await;
        attempt += 1;
    }
}
