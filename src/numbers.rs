//! Reads the configured numbers: several WABAs at the same time, pages as they arrive.
//!
//! It retries a page that a bad connection lost, and nothing else. It does not interpret failures, and never sends a
//! PIN.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{self, BoxFuture};
use futures_util::{FutureExt, StreamExt, stream};

use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::policy::retry;

/// How many WABAs and single numbers are read at the same time. More would only use up Meta's quota in bursts.
const MAX_CONCURRENT_READS: usize = 8;

/// The numbers to read.
#[derive(Debug, Clone, Default)]
pub struct NumberSources {
    /// WABAs whose whole lists are read.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with their names in the config.
    pub numbers: Vec<(PhoneNumberId, Option<CleanText>)>,
}

/// What was read.
#[derive(Debug)]
pub enum NumbersEvent {
    /// Some numbers.
    Page(Vec<Number>),
    /// A WABA's list was read to its end, or could not be.
    WabaFinished(Arc<Waba>, Result<(), ReadFailure>),
    /// A single number could not be read. It is listed all the same, as unknown.
    NumberFailed(PhoneNumberId, ReadFailure),
}

/// Reads everything, and sends each piece as it arrives.
///
/// A single number that a WABA lists as well may be sent twice. The last time it is as the WABA lists it, with more
/// details. Both times it has its name in the config.
pub async fn read_numbers(graph: &Graph, sources: NumberSources, tell: &(dyn Fn(NumbersEvent) + Send + Sync)) {
    let room = || future::ready(Box::new(tell) as SendPermit<'_>).boxed();
    read_with_backpressure(graph, sources, &room).await;
}

/// As [`read_numbers`], but requests no more of a list before there was room for the last piece.
pub async fn read_with_backpressure<'a>(graph: &'a Graph, sources: NumberSources, room: &'a ReservePermit<'a>) {
    let singles: HashMap<_, _> = sources.numbers.iter().cloned().collect();
    let desk = NumbersReader { graph, single_numbers: singles, listed_by_waba: Mutex::default(), reserve_permit: room };
    let wabas = sources.wabas.into_iter().map(|waba| async {
        let result = desk.read_waba(&waba).await;
        let tell = room().await;
        tell(NumbersEvent::WabaFinished(waba, result));
    });
    let numbers = sources.numbers.into_iter().map(|(id, name)| desk.read_single(id, name));
    tokio::join!(run_concurrently(wabas), run_concurrently(numbers));
}

/// Runs several reads, some at the same time.
async fn run_concurrently<R: Future<Output = ()>>(reads: impl Iterator<Item = R>) {
    stream::iter(reads).buffer_unordered(MAX_CONCURRENT_READS).collect::<()>().await;
}

/// Sends one event.
pub type SendPermit<'a> = Box<dyn FnOnce(NumbersEvent) + Send + 'a>;

/// Waits until one event can be sent. The event is decided only then, because another read may send its own meanwhile.
pub type ReservePermit<'a> = dyn Fn() -> BoxFuture<'a, SendPermit<'a>> + Send + Sync + 'a;

/// What the reads share.
struct NumbersReader<'a> {
    graph: &'a Graph,
    single_numbers: HashMap<PhoneNumberId, Option<CleanText>>,
    /// Single numbers that a WABA listed.
    listed_by_waba: Mutex<HashSet<PhoneNumberId>>,
    reserve_permit: &'a ReservePermit<'a>,
}

impl NumbersReader<'_> {
    async fn read_waba(&self, waba: &Arc<Waba>) -> Result<(), ReadFailure> {
        let mut after = None;
        let mut been = HashSet::new();
        loop {
            let page = with_retries(|| self.graph.read_numbers_page(waba, after.as_ref())).await?;
            let tell = (self.reserve_permit)().await;
            tell(NumbersEvent::Page(page.numbers.into_iter().map(|number| self.with_config_name(number)).collect()));
            let Some(next) = page.next else { return Ok(()) };
            if !been.insert(next.clone()) {
                // The pages form a circle: the list would never end, and it is not known what is missing.
                return Err(ReadFailure::UnexpectedReply { http_status: 200 });
            }
            after = Some(next);
        }
    }

    /// A number of a list, with its name in the config, if any.
    fn with_config_name(&self, mut number: Number) -> Number {
        if let Some(name) = self.single_numbers.get(&number.id) {
            self.listed_by_waba.lock().unwrap_or_else(PoisonError::into_inner).insert(number.id);
            number.name = name.clone().or(number.name);
        }
        number
    }

    async fn read_single(&self, id: PhoneNumberId, name: Option<CleanText>) {
        let result = with_retries(|| self.graph.read_number(id)).await;
        let tell = (self.reserve_permit)().await;
        if self.listed_by_waba.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return;
        }
        match result {
            Ok(mut number) => {
                number.name = name.or(number.name);
                tell(NumbersEvent::Page(vec![number]));
            }
            Err(failure) => {
                tell(NumbersEvent::Page(vec![Number::from_config(id, name)]));
                let tell = (self.reserve_permit)().await;
                tell(NumbersEvent::NumberFailed(id, failure));
            }
        }
    }
}

/// Retries a read that may succeed the next time.
async fn with_retries<T, R: Future<Output = Result<T, ReadFailure>>>(read: impl Fn() -> R) -> Result<T, ReadFailure> {
    let mut attempt = 1;
    loop {
        let failure = match read().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let Some(after) = retry::read_retry_delay(&failure, attempt, chance) else { return Err(failure) };
        tokio::time::sleep(after).await;
        attempt += 1;
    }
}
