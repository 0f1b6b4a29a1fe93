//! Reads the configured numbers: several WABAs side by side, pages as they arrive.
//!
//! It repeats a page that a bad line lost, and nothing else; what a failure means is for others to say. It never
//! sends a PIN.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{self, BoxFuture};
use futures_util::{FutureExt, StreamExt, stream};

use crate::graph::Graph;
use crate::number::{Number, PhoneNumberId, Waba};
use crate::outcome::ReadFailure;
use crate::pacing;
use crate::text::Clean;

/// WABAs, and single numbers, that are read side by side. More would only use up Meta's quota in bursts.
const SIDE_BY_SIDE: usize = 8;

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Each one's whole list.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with the name the config gives them.
    pub numbers: Vec<(PhoneNumberId, Option<Clean>)>,
}

/// What came of the reading so far.
#[derive(Debug)]
pub enum News {
    /// Some numbers.
    Page(Vec<Number>),
    /// A WABA's list is at its end, or could not be read on.
    WabaRead(Arc<Waba>, Result<(), ReadFailure>),
    /// A single number could not be read; it is listed all the same, as unknown.
    NumberUnread(PhoneNumberId, ReadFailure),
}

/// Reads everything, and tells each piece as it comes.
///
/// A single number that a WABA lists as well may be told twice; the last time, it is told as the WABA has it, which
/// knows more. In both it has the name that the config gives it.
pub async fn read(graph: &Graph, sources: Sources, tell: &(dyn Fn(News) + Send + Sync)) {
    let room = || future::ready(Box::new(tell) as Tell<'_>).boxed();
    read_as_taken(graph, sources, &room).await;
}

/// As [`read`], but nothing more is asked for of a list before there was room for what came of it.
pub async fn read_as_taken<'a>(graph: &'a Graph, sources: Sources, room: &'a RoomToTell<'a>) {
    let singles: HashMap<_, _> = sources.numbers.iter().cloned().collect();
    let desk = Desk { graph, singles, listed: Mutex::default(), room };
    let wabas = sources.wabas.into_iter().map(|waba| async {
        let result = desk.read_waba(&waba).await;
        let tell = room().await;
        tell(News::WabaRead(waba, result));
    });
    let numbers = sources.numbers.into_iter().map(|(id, name)| desk.read_single(id, name));
    tokio::join!(side_by_side(wabas), side_by_side(numbers));
}

/// Carries out several reads, some at a time.
async fn side_by_side<R: Future<Output = ()>>(reads: impl Iterator<Item = R>) {
    stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
}

/// Takes one piece, at once.
pub type Tell<'a> = Box<dyn FnOnce(News) + Send + 'a>;

/// Waits until one piece can be told. What to tell is seen only then: another read may tell its own meanwhile.
pub type RoomToTell<'a> = dyn Fn() -> BoxFuture<'a, Tell<'a>> + Send + Sync + 'a;

/// What the reads share.
struct Desk<'a> {
    graph: &'a Graph,
    singles: HashMap<PhoneNumberId, Option<Clean>>,
    /// Single numbers that were told as a WABA lists them.
    listed: Mutex<HashSet<PhoneNumberId>>,
    room: &'a RoomToTell<'a>,
}

impl Desk<'_> {
    async fn read_waba(&self, waba: &Arc<Waba>) -> Result<(), ReadFailure> {
        let mut after = None;
        let mut been = HashSet::new();
        loop {
            let page = patiently(|| self.graph.numbers_page(waba, after.as_ref())).await?;
            let tell = (self.room)().await;
            tell(News::Page(page.numbers.into_iter().map(|number| self.named(number)).collect()));
            let Some(next) = page.next else { return Ok(()) };
            if !been.insert(next.clone()) {
                // It leads in a circle: it would never end, and nobody knows what is missing.
                return Err(ReadFailure::StrangeReply { http_status: 200 });
            }
            after = Some(next);
        }
    }

    /// A number of a list, with the name that the config may have for it.
    fn named(&self, mut number: Number) -> Number {
        if let Some(name) = self.singles.get(&number.id) {
            self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(number.id);
            number.name = name.clone().or(number.name);
        }
        number
    }

    async fn read_single(&self, id: PhoneNumberId, name: Option<Clean>) {
        let result = patiently(|| self.graph.number(id)).await;
        let tell = (self.room)().await;
        if self.listed.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return;
        }
        match result {
            Ok(mut number) => {
                number.name = name.or(number.name);
                tell(News::Page(vec![number]));
            }
            Err(failure) => {
                tell(News::Page(vec![Number::unread(id, name)]));
                let tell = (self.room)().await;
                tell(News::NumberUnread(id, failure));
            }
        }
    }
}

/// Repeats a read that may succeed the next time.
async fn patiently<T, R: Future<Output = Result<T, ReadFailure>>>(read: impl Fn() -> R) -> Result<T, ReadFailure> {
    let mut attempt = 1;
    loop {
        let failure = match read().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let Some(after) = pacing::next_read(&failure, attempt, chance) else { return Err(failure) };
        tokio::time::sleep(after).await;
        attempt += 1;
    }
}
