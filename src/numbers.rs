//! Reads the configured numbers: several WABAs side by side, pages as they arrive.
//!
//! It repeats a page that a bad line lost, and nothing else; what a failure means is for others to say. It never
//! sends a PIN.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{self, BoxFuture};
use futures_util::{FutureExt, StreamExt, stream};

use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::domain::text::CleanText;
use crate::graph::Graph;
use crate::policy::retry;

/// WABAs, and single numbers, that are read side by side. More would only use up Meta's quota in bursts.
const MAX_CONCURRENT_READS: usize = 8;

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct NumberSources {
    /// Each one's whole list.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with the name the config gives them.
    pub numbers: Vec<(PhoneNumberId, Option<CleanText>)>,
}

/// What came of the reading so far.
#[derive(Debug)]
pub enum NumbersEvent {
    /// Some numbers.
    Page(Vec<Number>),
    /// A WABA's list is at its end, or could not be read on.
    WabaFinished(Arc<Waba>, Result<(), ReadFailure>),
    /// A single number could not be read; it is listed all the same, as unknown.
    NumberFailed(PhoneNumberId, ReadFailure),
}

/// Reads everything, and tells each piece as it comes.
///
/// A single number that a WABA lists as well may be told twice; the last time, it is told as the WABA has it, which
/// knows more. In both it has the name that the config gives it.
pub async fn read_numbers(graph: &Graph, sources: NumberSources, tell: &(dyn Fn(NumbersEvent) + Send + Sync)) {
    let room = || future::ready(Box::new(tell) as SendPermit<'_>).boxed();
    read_with_backpressure(graph, sources, &room).await;
}

/// As [`read`], but nothing more is asked for of a list before there was room for what came of it.
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

/// Carries out several reads, some at a time.
async fn run_concurrently<R: Future<Output = ()>>(reads: impl Iterator<Item = R>) {
    stream::iter(reads).buffer_unordered(MAX_CONCURRENT_READS).collect::<()>().await;
}

/// Takes one piece, at once.
pub type SendPermit<'a> = Box<dyn FnOnce(NumbersEvent) + Send + 'a>;

/// Waits until one piece can be told. What to tell is seen only then: another read may tell its own meanwhile.
pub type ReservePermit<'a> = dyn Fn() -> BoxFuture<'a, SendPermit<'a>> + Send + Sync + 'a;

/// What the reads share.
struct NumbersReader<'a> {
    graph: &'a Graph,
    single_numbers: HashMap<PhoneNumberId, Option<CleanText>>,
    /// Single numbers that were told as a WABA lists them.
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
                // It leads in a circle: it would never end, and nobody knows what is missing.
                return Err(ReadFailure::UnexpectedReply { http_status: 200 });
            }
            after = Some(next);
        }
    }

    /// A number of a list, with the name that the config may have for it.
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

/// Repeats a read that may succeed the next time.
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
