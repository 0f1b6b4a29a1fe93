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
use crate::cli::known_numbers::ambiguous_error;
use crate::cli::number_arg::{self, NumberArg};
use crate::cli::number_index::NumberIndex;
use crate::cli::read_failure::{self, waba_label};
use crate::config::Profile;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, Waba};
use crate::domain::outcome::ReadFailure;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent};
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
            NumbersEvent::Page(page) => page.into_iter().for_each(|number| result.insert(number)),
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
            () = numbers::read_numbers(graph, NumberSources { wabas, numbers }, &receive) => {}
            () = all_found.notified() => {}
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the number that the operator names. An ID ends the search as soon as it is found; a display number does not,
/// because another number may have the same one.
///
/// # Errors
/// If no number of the profile, or more than one, has this name, or if a list that may have it could not be read.
pub(crate) fn find_number(
    runtime: &Runtime,
    graph: &Graph,
    profile: &Profile,
    arg: &NumberArg,
) -> Result<Number, CliError> {
    let configured: Vec<_> = profile.numbers.iter().filter(|(id, _)| arg.id() == Some(*id)).cloned().collect();
    let sources = if configured.is_empty() {
        NumberSources { wabas: profile.wabas.clone(), numbers: profile.numbers.clone() }
    } else {
        NumberSources { wabas: Vec::new(), numbers: configured }
    };
    let shared = Mutex::new(NumberSearch::default());
    let id_found = Notify::new();
    let receive = |event| {
        let search = &mut *shared.lock().unwrap_or_else(PoisonError::into_inner);
        search.handle(event, arg);
        if search.found.iter().any(|number| arg.id() == Some(number.id) && number.read_at.is_some()) {
            id_found.notify_one();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = numbers::read_numbers(graph, sources, &receive) => {}
            () = id_found.notified() => {}
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner).into_number(arg, profile.name.as_str())
}

/// The search for one number.
#[derive(Debug, Default)]
struct NumberSearch {
    /// Each once.
    found: Vec<Number>,
    /// What could not be read, with its name.
    unread: Vec<(String, ReadFailure)>,
}

impl NumberSearch {
    fn handle(&mut self, event: NumbersEvent, arg: &NumberArg) {
        match event {
            NumbersEvent::Page(page) => {
                for number in page.into_iter().filter(|number| arg.names(number)) {
                    self.found.retain(|found| found.id != number.id);
                    self.found.push(number);
                }
            }
            NumbersEvent::WabaFinished(_, Ok(())) => {}
            NumbersEvent::WabaFinished(waba, Err(failure)) => {
                self.unread.push((format!("WABA {}", waba_label(&waba)), failure));
            }
            NumbersEvent::NumberFailed(id, failure) => self.unread.push((format!("number {id}"), failure)),
        }
    }

    fn into_number(mut self, arg: &NumberArg, profile: &str) -> Result<Number, CliError> {
        // What could not be read may have the same number, unless an ID names it.
        let is_certain = self.found.iter().any(|number| arg.id() == Some(number.id) && number.read_at.is_some());
        if !is_certain {
            require_all_read(&self.unread)?;
        }
        match (self.found.pop(), &self.found[..]) {
            (Some(number), []) => Ok(number),
            (Some(number), others) => {
                let mut found: Vec<&Number> = others.iter().collect();
                found.push(&number);
                Err(ambiguous_error(arg, &found).nothing_sent())
            }
            (None, _) => Err(CliError::usage(format!("no number {} in profile {profile}", arg.label())).nothing_sent()),
        }
    }
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

    fn insert(&mut self, number: Number) {
        let Some(position) = self.position(number.id) else { return };
        self.missing_count -= usize::from(!mem::replace(&mut self.is_found[position], true));
        self.numbers[position] = number;
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
            let id = number_arg::id_label(missing.id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UtcTime;
    use crate::domain::text::CleanText;

    fn number(id: &str, display: &str) -> Number {
        let number = Number::from_config(id.parse().expect("an ID"), Some(CleanText::new("Acme")));
        let read_at = Some(UtcTime::from_unix_seconds(1));
        Number { display_number: Some(CleanText::new(display)), read_at, ..number }
    }

    /// The ID that a search finds, or the message of its error.
    fn search(arg: &str, numbers: &[(&str, &str)], unread: &[&str]) -> Result<String, String> {
        let arg = arg.parse().expect("a number");
        let mut search = NumberSearch::default();
        let page = numbers.iter().map(|(id, display)| number(id, display)).collect();
        search.handle(NumbersEvent::Page(page), &arg);
        for waba in unread {
            let waba = Arc::new(Waba { id: waba.parse().expect("an ID"), name: None });
            search.handle(NumbersEvent::WabaFinished(waba, Err(ReadFailure::NoAnswer)), &arg);
        }
        search.into_number(&arg, "acme").map(|number| number.id.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_display_number_that_two_numbers_have_is_refused() {
        let numbers = [("1001", "+44 7700 900001"), ("1002", "+44 7700 900002"), ("1003", "+44 7700 900002")];
        assert_eq!(search("+44 7700 900001", &numbers, &[]), Ok("1001".to_owned()));
        assert_eq!(search("1002", &numbers, &[]), Ok("1002".to_owned()));
        let refused = search("+44 7700 900002", &numbers, &[]).expect_err("two numbers");
        let expected = "+447700900002 fits 2 numbers. Nothing was sent.\n  1002  +44 7700 900002  Acme\n  \
                        1003  +44 7700 900002  Acme\n  Give the phone number ID of the one that you mean.";
        assert_eq!(refused, expected);
        let unknown = "no number +447700900003 in profile acme. Nothing was sent.";
        assert_eq!(search("+44 7700 900003", &numbers, &[]), Err(unknown.to_owned()));
    }

    #[test]
    fn a_list_that_cannot_be_read_may_have_the_same_number() {
        let numbers = [("1001", "+44 7700 900001")];
        assert_eq!(search("1001", &numbers, &["77"]), Ok("1001".to_owned()));
        for arg in ["+44 7700 900001", "+44 7700 900009", "1009"] {
            let refused = search(arg, &numbers, &["77"]).expect_err("not certain");
            assert!(refused.starts_with("WABA 77 could not be read. "), "{refused}");
        }
    }
}
