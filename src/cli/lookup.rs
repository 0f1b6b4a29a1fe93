//! Reads the numbers of a command at Meta, before anything is sent.
//!
//! A number belongs to the profile if the config names it or a WABA of the config lists it. This module reads only
//! what it must, and guesses nothing: if a list could not be read, a number that was not found is not called unknown.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::id_list;
use crate::cli::number_index::NumberIndex;
use crate::cli::read_failure::{self, waba_label};
use crate::config::Profile;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::pace::Pace;
use crate::policy::error_catalog::Explanation;

/// What was read.
#[derive(Debug)]
pub(crate) struct LookupResult {
    /// In the order of the request; each is unread until it is found.
    numbers: Vec<Number>,
    index: NumberIndex,
    /// Which of `numbers` were found.
    is_found: Vec<bool>,
    missing_count: usize,
    /// Numbers of the config that could not be read.
    unread_numbers: Vec<(PhoneNumberId, ReadFailure)>,
    /// WABAs whose list could not be read to its end.
    unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

/// Reads these numbers, and stops when all are found: each alone if the config names all of them, otherwise the lists of
/// the profile's WABAs.
pub(crate) fn look_up(
    runtime: &Runtime,
    graph: &Graph,
    pace: &Pace,
    profile: &Profile,
    ids: impl ExactSizeIterator<Item = PhoneNumberId>,
) -> LookupResult {
    let result = LookupResult::new(ids);
    let numbers: Vec<_> = profile.numbers.iter().filter(|(id, _)| result.position(*id).is_some()).cloned().collect();
    let wabas = if numbers.len() == result.missing_count { Vec::new() } else { profile.wabas.clone() };
    let shared = Mutex::new(result);
    let all_found = Notify::new();
    let receive = |event| {
        let result = &mut *lock(&shared);
        match event {
            NumbersEvent::Page(listed) => listed.into_iter().for_each(|number| result.insert(number)),
            NumbersEvent::WabaFinished(_, Ok(())) => {}
            NumbersEvent::WabaFinished(waba, Err(failure)) => result.unread_wabas.push((waba, failure)),
            NumbersEvent::NumberFailed(id, failure) => result.unread_numbers.push((id, failure)),
        }
        // A number of the config that failed arrives as unread before its failure does.
        if result.missing_count == 0 && result.numbers.iter().all(|number| number.read_at.is_some()) {
            all_found.notify_one();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = numbers::read_numbers(graph, pace, NumberSources { wabas, numbers }, &receive) => {}
            () = all_found.notified() => {}
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock(shared: &Mutex<LookupResult>) -> MutexGuard<'_, LookupResult> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LookupResult {
    fn new(ids: impl ExactSizeIterator<Item = PhoneNumberId>) -> Self {
        let details = Arc::<NumberDetails>::default();
        let unread = |id| Number { details: Arc::clone(&details), ..Number::from_config(id, None) };
        let numbers: Vec<_> = ids.map(unread).collect();
        let (index, missing_count) = (NumberIndex::new(&numbers), numbers.len());
        let is_found = vec![false; missing_count];
        Self { numbers, index, is_found, missing_count, unread_numbers: Vec::new(), unread_wabas: Vec::new() }
    }

    fn position(&self, id: PhoneNumberId) -> Option<usize> {
        self.index.position(&self.numbers, id)
    }

    /// Keeps of a requested number what is needed to set its PIN. Name and details stay out of memory: there may be
    /// 100,000 numbers until the last one is set.
    fn insert(&mut self, number: Number) {
        let Some(position) = self.position(number.id) else { return };
        self.missing_count -= usize::from(!mem::replace(&mut self.is_found[position], true));
        let slot = &mut self.numbers[position];
        *slot = Number { name: None, details: Arc::clone(&slot.details), ..number };
    }

    /// True if this number is in the profile, or may be because a list could not be read.
    pub(crate) fn may_contain(&self, id: PhoneNumberId) -> bool {
        self.position(id).is_some_and(|position| self.is_found[position]) || !self.unread_wabas.is_empty()
    }

    /// The numbers as Meta reports them, in the order of the request.
    ///
    /// # Errors
    /// When one of them could not be read or is not in the profile.
    pub(crate) fn into_numbers(self, profile: &str) -> Result<Vec<Number>, CliError> {
        let unread = self.unread_numbers.iter().filter(|(id, _)| {
            // A WABA may have listed it all the same.
            self.position(*id).is_none_or(|position| self.numbers[position].read_at.is_none())
        });
        let unread: Vec<_> = unread.map(|(id, failure)| (format!("number {id}"), failure.clone())).collect();
        require_all_read(&unread)?;
        let mut found = self.numbers.iter().zip(&self.is_found);
        if let Some((missing, _)) = found.find(|(_, is_found)| !**is_found) {
            let wabas = self.unread_wabas.iter();
            let unread: Vec<_> =
                wabas.map(|(waba, failure)| (format!("WABA {}", waba_label(waba)), failure.clone())).collect();
            require_all_read(&unread)?;
            let id = id_list::id_label(missing.id);
            return Err(CliError::usage(format!("no number {id} in profile {profile}")).nothing_sent());
        }
        Ok(self.numbers)
    }
}

/// Refuses to send without the current status.
fn require_all_read(unread: &[(String, ReadFailure)]) -> Result<(), CliError> {
    let Some((first, failure)) = unread.first() else { return Ok(()) };
    let explanation = Explanation::for_read_failure(failure);
    let more = unread.len() - 1;
    let names = if more > 0 { format!("{first} and {more} more") } else { first.clone() };
    let code = ExitCode::first_that_applies(unread.iter().map(|(_, failure)| read_failure::exit_code(failure)));
    Err(CliError::new(code, format!("{names} could not be read. {}", explanation.reason))
        .nothing_sent()
        .remedies(explanation.advice))
}
