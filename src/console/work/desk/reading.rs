//! What the desk reads: the list, single numbers, and what an earlier run read.
//!
//! Of a list it asks for no more than the screen has room for, and it keeps nothing of it.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Books, Desk};
use crate::batch::StatusRead;
use crate::console::app::Msg;
use crate::console::work::{Report, Room};
use crate::journal::Journal;
use crate::listing::{self, NumbersEvent, NumberSources};
use crate::number::{Number, PhoneNumberId};
use crate::outcome::ReadFailure;

/// Pages on their way to the screen: as many as come while it puts a long list in order. Where each has 256 numbers, as
/// the journal reads them, that is less than a megabyte.
pub(super) const PAGES_AHEAD: usize = 32;

/// Tells the screen one thing, for which there is room.
type Tell = Box<dyn FnOnce(Msg) + Send>;

impl<R: Fn(Report) + Send + Sync + 'static> Desk<R> {
    /// Tells the numbers as an earlier run read them, page by page.
    pub(super) fn recall(&self, journal: Journal) {
        let (profile, room) = (self.assignment.recording.profile.clone(), self.room());
        tokio::spawn(async move {
            let mut last = None;
            loop {
                let numbers = journal.remembered(profile.as_str(), last).await;
                let Some(number) = numbers.last() else { return };
                last = Some(number.id);
                let tell = room().await;
                tell(Msg::NumbersRemembered(numbers));
            }
        });
    }

    pub(super) fn read_all(&self, reading: u32) {
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => return self.tell_all_unread(reading, &ReadFailure::NotSent(why.clone())),
        };
        let (sources, room) = (self.assignment.sources.clone(), self.room());
        tokio::spawn(async move {
            let room_to_tell = || {
                let tell_of = |tell: Tell| -> listing::SendPermit<'_> {
                    Box::new(move |news| {
                        tell(match news {
                            NumbersEvent::Page(numbers) => Msg::PageArrived { reading, numbers },
                            NumbersEvent::WabaFinished(waba, result) => Msg::WabaRead { reading, waba, result },
                            NumbersEvent::NumberFailed(id, failure) => Msg::NumberRead { id, result: Err(failure) },
                        });
                    })
                };
                room().map(tell_of).boxed()
            };
            listing::read_with_backpressure(&graph, sources, &room_to_tell).await;
            let tell = room().await;
            tell(Msg::ListRead { reading });
        });
    }

    /// Waits until the screen has taken enough of what reading brought before to be told more.
    fn room(&self) -> impl Fn() -> BoxFuture<'static, Tell> + Send + Sync + use<R> {
        let (room, report) = (Arc::clone(&self.room), Arc::clone(&self.report));
        move || {
            let (room, report) = (Arc::clone(&room), Arc::clone(&report));
            async move {
                let permit = room.acquire_owned().await;
                Box::new(move |msg| {
                    // Nobody closes it.
                    let Ok(permit) = permit else { return };
                    report(Report::Read(msg, Room { _permit: permit }));
                }) as Tell
            }
            .boxed()
        }
    }

    /// A list that was not read must not look like an empty one.
    fn tell_all_unread(&self, reading: u32, failure: &ReadFailure) {
        let NumberSources { wabas, numbers } = self.assignment.sources.clone();
        for waba in wabas {
            self.tell(Msg::WabaRead { reading, waba, result: Err(failure.clone()) });
        }
        for (id, name) in numbers {
            self.tell(Msg::PageArrived { reading, numbers: vec![Number::from_config(id, name)] });
            self.tell(Msg::NumberRead { id, result: Err(failure.clone()) });
        }
        self.tell(Msg::ListRead { reading });
    }

    pub(super) fn read_number(&self, id: PhoneNumberId) {
        let graph = match &self.graph {
            Ok(graph) => graph.clone(),
            Err(why) => {
                return self.tell(Msg::NumberRead { id, result: Err(ReadFailure::NotSent(why.clone())) });
            }
        };
        let batch = if let Books::Open { batch, .. } = &self.books { Some(batch.clone()) } else { None };
        let single = self.assignment.sources.numbers.iter().find(|(single, _)| *single == id);
        let name = single.and_then(|(_, name)| name.clone());
        // An answer proves nothing about what may have landed after the question left.
        let (asked, report) = (self.clock.now(), Arc::clone(&self.report));
        tokio::spawn(async move {
            let result = graph.read_number(id).await.map(|number| Number { name: name.or(number.name), ..number });
            let read = result.as_ref().ok().map(|number| StatusRead { number: id, two_step: number.two_step, asked_at: asked });
            report(Report::Happened(Msg::NumberRead { id, result }));
            if let (Some(batch), Some(read)) = (batch, read) {
                batch.handle_status_read(read);
            }
        });
    }
}
