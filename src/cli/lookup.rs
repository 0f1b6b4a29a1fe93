//! What Meta says of the numbers that a command is about, before anything is sent.
//!
//! A number belongs to the profile if the config names it, or a WABA of the config lists it. Reads no further than it
//! must, and guesses nothing: a number that could not be looked for is not called unknown.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::numbers::{exit_code, told_waba, worse};
use super::{Failure, id_list};
use crate::catalogue::Explanation;
use crate::config::Profile;
use crate::graph::Graph;
use crate::listing::{self, News, Sources};
use crate::number::{Number, PhoneNumberId, Waba};
use crate::outcome::ReadFailure;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    numbers: HashMap<PhoneNumberId, Number>,
    /// Numbers of the config that could not be read.
    unread: Vec<(PhoneNumberId, ReadFailure)>,
    /// WABAs that could not be read to their end.
    unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

/// Reads these numbers: by themselves where the config names each of them, else the lists of the profile's WABAs, until
/// all of them are found.
pub(super) fn look_up(
    runtime: &Runtime,
    graph: &Graph,
    profile: &Profile,
    ids: impl Iterator<Item = PhoneNumberId>,
) -> Found {
    let mut missing: HashSet<_> = ids.collect();
    let numbers: Vec<_> = profile.numbers.iter().filter(|(id, _)| missing.contains(id)).cloned().collect();
    let wabas = if numbers.len() == missing.len() { Vec::new() } else { profile.wabas.clone() };
    if numbers.is_empty() && wabas.is_empty() {
        return Found::default();
    }
    let wanted = missing.clone();
    let desk = Mutex::new((Found::default(), &mut missing));
    let all_found = Notify::new();
    let tell = |news| {
        let (found, missing) = &mut *lock(&desk);
        match news {
            News::Page(page) => {
                for number in page.into_iter().filter(|number| wanted.contains(&number.id)) {
                    missing.remove(&number.id);
                    found.numbers.insert(number.id, number);
                }
            }
            News::WabaRead(_, Ok(())) => {}
            News::WabaRead(waba, Err(failure)) => found.unread_wabas.push((waba, failure)),
            News::NumberUnread(id, failure) => found.unread.push((id, failure)),
        }
        // A number of the config is told as unread before it is told why.
        if missing.is_empty() && found.numbers.values().all(|number| number.read_at.is_some()) {
            all_found.notify_one();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = listing::read(graph, Sources { wabas, numbers }, &tell) => {}
            () = all_found.notified() => {}
        }
    });
    desk.into_inner().unwrap_or_else(PoisonError::into_inner).0
}

fn lock<T>(desk: &Mutex<T>) -> MutexGuard<'_, T> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Found {
    /// True if this number is one of the profile's, or might be: a list of the profile could not be read.
    pub(super) fn may_know(&self, id: PhoneNumberId) -> bool {
        self.numbers.contains_key(&id) || !self.unread_wabas.is_empty()
    }

    /// These numbers as Meta tells them, in this order.
    ///
    /// # Errors
    /// When one of them could not be read or is none of the profile's.
    pub(super) fn take(
        mut self,
        ids: impl Iterator<Item = PhoneNumberId>,
        profile: &str,
    ) -> Result<Vec<Number>, Failure> {
        let unread = self.unread.iter().filter(|(id, _)| {
            // A WABA may have listed it all the same.
            self.numbers.get(id).is_none_or(|number| number.read_at.is_none())
        });
        let unread: Vec<_> = unread.map(|(id, failure)| (format!("number {id}"), failure.clone())).collect();
        refuse_unread(&unread)?;
        let mut numbers = Vec::new();
        for id in ids {
            let Some(number) = self.numbers.remove(&id) else {
                let wabas = self.unread_wabas.iter();
                let unread: Vec<_> =
                    wabas.map(|(waba, why)| (format!("WABA {}", told_waba(waba)), why.clone())).collect();
                refuse_unread(&unread)?;
                let id = id_list::told(id);
                let why = format!("{id} is no number of the profile {profile}. Nothing was sent.");
                return Err(Failure::Usage(why));
            };
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// Without the present status nothing is sent.
fn refuse_unread(unread: &[(String, ReadFailure)]) -> Result<(), Failure> {
    let Some((first, failure)) = unread.first() else { return Ok(()) };
    let told = Explanation::of_read_failure(failure);
    let mut text = format!("{first} could not be read. {} Nothing was sent.", told.reason);
    if unread.len() > 1 {
        let more = unread.len() - 1;
        text = format!("{first} and {more} more could not be read. {} Nothing was sent.", told.reason);
    }
    for step in told.advice {
        text.push_str("\n  ");
        text.push_str(step);
    }
    let code = unread.iter().map(|(_, failure)| exit_code(failure)).fold(0, worse);
    Err(Failure::Remote { text, code })
}
