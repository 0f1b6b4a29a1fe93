//! What Meta says of the numbers that a command is about, before anything is sent.
//!
//! A number belongs to the profile if the config names it, or a WABA of the config lists it. Reads no further than it
//! must, and guesses nothing: a number that could not be looked for is not called unknown.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::cli::commands::numbers::{read_failure_exit_code, waba_label, worse_exit_code};
use crate::cli::index::NumberIndex;
use crate::cli::{CliError, id_list};
use crate::config::Profile;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::policy::error_catalog::Explanation;

/// What was found.
#[derive(Debug)]
pub(crate) struct LookupResult {
    /// Each as it was asked for, unread until it is found.
    numbers: Vec<Number>,
    index: NumberIndex,
    /// Which of them were told of, by their places.
    is_found: Vec<bool>,
    missing_count: usize,
    /// Numbers of the config that could not be read.
    unread_numbers: Vec<(PhoneNumberId, ReadFailure)>,
    /// WABAs that could not be read to their end.
    unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

/// Reads these numbers: by themselves where the config names each of them, else the lists of the profile's WABAs, until
/// all of them are found.
pub(crate) fn look_up(
    runtime: &Runtime,
    graph: &Graph,
    profile: &Profile,
    ids: impl ExactSizeIterator<Item = PhoneNumberId>,
) -> LookupResult {
    let found = LookupResult::new(ids);
    let numbers: Vec<_> = profile.numbers.iter().filter(|(id, _)| found.position(*id).is_some()).cloned().collect();
    let wabas = if numbers.len() == found.missing_count { Vec::new() } else { profile.wabas.clone() };
    let desk = Mutex::new(found);
    let all_found = Notify::new();
    let tell = |news| {
        let found = &mut *lock(&desk);
        match news {
            NumbersEvent::Page(page) => page.into_iter().for_each(|number| found.insert(number)),
            NumbersEvent::WabaFinished(_, Ok(())) => {}
            NumbersEvent::WabaFinished(waba, Err(failure)) => found.unread_wabas.push((waba, failure)),
            NumbersEvent::NumberFailed(id, failure) => found.unread_numbers.push((id, failure)),
        }
        // A number of the config is told as unread before it is told why.
        if found.missing_count == 0 && found.numbers.iter().all(|number| number.read_at.is_some()) {
            all_found.notify_one();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = numbers::read_numbers(graph, NumberSources { wabas, numbers }, &tell) => {}
            () = all_found.notified() => {}
        }
    });
    desk.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock(desk: &Mutex<LookupResult>) -> MutexGuard<'_, LookupResult> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LookupResult {
    fn new(ids: impl ExactSizeIterator<Item = PhoneNumberId>) -> Self {
        let facts = Arc::<NumberDetails>::default();
        let unread = |id| Number { details: Arc::clone(&facts), ..Number::from_config(id, None) };
        let numbers: Vec<_> = ids.map(unread).collect();
        let (index, missing_count) = (NumberIndex::new(&numbers), numbers.len());
        let is_found = vec![false; missing_count];
        Self { numbers, index, is_found, missing_count, unread_numbers: Vec::new(), unread_wabas: Vec::new() }
    }

    fn position(&self, id: PhoneNumberId) -> Option<usize> {
        self.index.position(&self.numbers, id)
    }

    /// Keeps of a number that was asked for what is needed to set its PIN, until the last of many is set.
    fn insert(&mut self, number: Number) {
        let Some(place) = self.position(number.id) else { return };
        self.missing_count -= usize::from(!mem::replace(&mut self.is_found[place], true));
        let slot = &mut self.numbers[place];
        *slot = Number { name: None, details: Arc::clone(&slot.details), ..number };
    }

    /// True if this number is one of the profile's, or might be: a list of the profile could not be read.
    pub(crate) fn may_contain(&self, id: PhoneNumberId) -> bool {
        self.position(id).is_some_and(|place| self.is_found[place]) || !self.unread_wabas.is_empty()
    }

    /// The numbers as Meta tells them, in the order in which they were asked for.
    ///
    /// # Errors
    /// When one of them could not be read or is none of the profile's.
    pub(crate) fn into_numbers(self, profile: &str) -> Result<Vec<Number>, CliError> {
        let unread = self.unread_numbers.iter().filter(|(id, _)| {
            // A WABA may have listed it all the same.
            self.position(*id).is_none_or(|place| self.numbers[place].read_at.is_none())
        });
        let unread: Vec<_> = unread.map(|(id, failure)| (format!("number {id}"), failure.clone())).collect();
        require_all_read(&unread)?;
        let mut found = self.numbers.iter().zip(&self.is_found);
        if let Some((missing, _)) = found.find(|(_, is_told)| !**is_told) {
            let wabas = self.unread_wabas.iter();
            let unread: Vec<_> = wabas.map(|(waba, why)| (format!("WABA {}", waba_label(waba)), why.clone())).collect();
            require_all_read(&unread)?;
            let id = id_list::id_label(missing.id);
            return Err(CliError::Usage(format!("{id} is no number of the profile {profile}. Nothing was sent.")));
        }
        Ok(self.numbers)
    }
}

/// Without the present status nothing is sent.
fn require_all_read(unread: &[(String, ReadFailure)]) -> Result<(), CliError> {
    let Some((first, failure)) = unread.first() else { return Ok(()) };
    let told = Explanation::for_read_failure(failure);
    let mut text = format!("{first} could not be read. {} Nothing was sent.", told.reason);
    if unread.len() > 1 {
        let more = unread.len() - 1;
        text = format!("{first} and {more} more could not be read. {} Nothing was sent.", told.reason);
    }
    for step in told.advice {
        text.push_str("\n  ");
        text.push_str(step);
    }
    let code = unread.iter().map(|(_, failure)| read_failure_exit_code(failure)).fold(0, worse_exit_code);
    Err(CliError::Remote { message: text, exit_code: code })
}
