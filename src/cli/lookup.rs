//! Reads the numbers of a command at Meta, before anything is sent.
//!
//! A number belongs to the profile if the config names it or a WABA of the config lists it. This module reads only
//! what it must, and guesses nothing: if a list could not be read, a number that was not found is not called unknown, and
//! one that was found by its display number is not called the only one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::known_numbers::ambiguous_error;
use crate::cli::read_failure::{self, waba_label};
use crate::cli::rerun::RerunOptions;
use crate::config::Profile;
use crate::domain::number::{Number, PhoneNumberId, Waba};
use crate::domain::number_arg::NumberArg;
use crate::domain::outcome::ReadFailure;
use crate::graph::Graph;
use crate::numbers::request_index::RequestIndex;
use crate::numbers::{self, NumberSources, NumbersEvent};
use crate::pace::Pace;
use crate::policy::error_catalog::Explanation;

/// What was read.
#[derive(Debug)]
pub(crate) struct LookupResult {
    requests: Vec<NumberArg>,
    index: RequestIndex,
    /// The number of each request, in the same order.
    found: Vec<Option<Number>>,
    /// Further numbers that fit a request, with its position.
    also_found: Vec<(usize, Number)>,
    /// Numbers that end with the digits of the request, if there is only one.
    similar: Vec<Number>,
    /// How many requests were not found by an ID.
    missing_count: usize,
    /// Numbers of the config that could not be read.
    unread_numbers: Vec<(PhoneNumberId, ReadFailure)>,
    /// WABAs whose list could not be read to its end.
    unread_wabas: Vec<(Arc<Waba>, ReadFailure)>,
}

/// Reads these numbers, each request once, and stops when an ID has found each of them: each alone if the config names all
/// of them, otherwise the lists of the profile's WABAs. A display number does not end the reading, because another number
/// may have the same one.
pub(crate) fn look_up(
    runtime: &Runtime,
    graph: &Graph,
    pace: &Pace,
    profile: &Profile,
    requests: Vec<NumberArg>,
) -> LookupResult {
    let result = LookupResult::new(requests);
    let shared = Mutex::new(result);
    let sources = lock(&shared).sources(profile);
    let all_found = Notify::new();
    let receive = |event| {
        let result = &mut *lock(&shared);
        result.handle(event);
        if result.is_complete() {
            all_found.notify_one();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = numbers::read_numbers(graph, pace, sources, &receive) => {}
            () = all_found.notified() => {}
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the number that the operator names.
///
/// # Errors
/// As [`LookupResult::into_numbers`].
pub(crate) fn find_number(
    runtime: &Runtime,
    graph: &Graph,
    pace: &Pace,
    profile: &Profile,
    arg: &NumberArg,
    rerun: &RerunOptions,
) -> Result<Number, CliError> {
    let result = look_up(runtime, graph, pace, profile, vec![arg.clone()]);
    let mut numbers = result.into_numbers(profile, rerun)?;
    numbers.pop().ok_or_else(|| CliError::usage(arg.unknown_text(&profile.name, &profile.wabas)))
}

fn lock(shared: &Mutex<LookupResult>) -> MutexGuard<'_, LookupResult> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LookupResult {
    fn new(requests: Vec<NumberArg>) -> Self {
        let (index, missing_count) = (RequestIndex::new(&requests), requests.len());
        Self {
            requests,
            index,
            found: vec![None; missing_count],
            also_found: Vec::new(),
            similar: Vec::new(),
            missing_count,
            unread_numbers: Vec::new(),
            unread_wabas: Vec::new(),
        }
    }

    /// Where the numbers can be.
    fn sources(&self, profile: &Profile) -> NumberSources {
        let is_requested = |id| self.index.with_id(&self.requests, id).is_some();
        let requested: Vec<_> = profile.numbers.iter().filter(|(id, _)| is_requested(*id)).cloned().collect();
        if requested.len() == self.requests.len() {
            return NumberSources { wabas: Vec::new(), numbers: requested };
        }
        let is_any_display = self.requests.iter().any(|request| request.display_digits().is_some());
        let numbers = if is_any_display { profile.numbers.clone() } else { requested };
        NumberSources { wabas: profile.wabas.clone(), numbers }
    }

    fn handle(&mut self, event: NumbersEvent) {
        match event {
            NumbersEvent::Page(page) => page.iter().for_each(|number| self.insert(number)),
            NumbersEvent::WabaFinished(_, Ok(())) => {}
            NumbersEvent::WabaFinished(waba, Err(failure)) => self.unread_wabas.push((waba, failure)),
            NumbersEvent::NumberFailed(id, failure) => self.unread_numbers.push((id, failure)),
        }
    }

    fn insert(&mut self, number: &Number) {
        for position in self.index.of_number(&self.requests, number) {
            self.insert_at(position, number.clone());
        }
        // A list may have as many requests as there are numbers, and nobody reads a suggestion for each.
        if let [request] = &self.requests[..]
            && request.is_end_of(number)
            && self.similar.iter().all(|similar| similar.id != number.id)
        {
            self.similar.push(number.clone());
        }
    }

    fn insert_at(&mut self, position: usize, number: Number) {
        match &mut self.found[position] {
            Some(found) if found.id == number.id => *found = number,
            Some(_) => {
                self.also_found.retain(|(other, found)| (*other, found.id) != (position, number.id));
                self.also_found.push((position, number));
            }
            none @ None => {
                self.missing_count -= usize::from(self.requests[position].id() == Some(number.id));
                *none = Some(number);
            }
        }
    }

    /// True if nothing that was not read yet can change the result.
    fn is_complete(&self) -> bool {
        // A number of the config that failed arrives as unread before its failure does.
        self.missing_count == 0 && self.found.iter().flatten().all(|number| number.read_at.is_some())
    }

    /// True if something that may have a number could not be read.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread_wabas.is_empty() || !self.unread_numbers.is_empty()
    }

    /// The numbers that fit the request at a position: one if all is well.
    pub(crate) fn candidates(&self, position: usize) -> Vec<&Number> {
        let also_found = self.also_found.iter().filter(|(other, _)| *other == position).map(|(_, number)| number);
        self.found[position].iter().chain(also_found).collect()
    }

    /// The numbers as Meta reports them, in the order of the requests.
    ///
    /// # Errors
    /// If a request fits no number of the profile, or more than one, or if what may have it could not be read.
    pub(crate) fn into_numbers(self, profile: &Profile, rerun: &RerunOptions) -> Result<Vec<Number>, CliError> {
        self.require_read()?;
        for (position, request) in self.requests.iter().enumerate() {
            match &self.candidates(position)[..] {
                [_] => {}
                [] => {
                    return Err(CliError::usage(request.unknown_text(&profile.name, &profile.wabas))
                        .remedies(request.hint(&self.similar))
                        .remedy(format!("To see the numbers: {}", rerun.command("numbers list"))));
                }
                several => return Err(ambiguous_error(request, several)),
            }
        }
        Ok(self.found.into_iter().flatten().collect())
    }

    /// Refuses a request without its current status, and one that something unread may have as well.
    fn require_read(&self) -> Result<(), CliError> {
        let is_read = |number: &Number| number.read_at.is_some();
        // A WABA may have listed it all the same.
        let is_wanted =
            |id| self.index.with_id(&self.requests, id).is_some_and(|at| !self.found[at].as_ref().is_some_and(is_read));
        let label = |(id, failure): &(PhoneNumberId, ReadFailure)| {
            (format!("number {id}"), Explanation::for_unread_number(failure), failure.clone())
        };
        let wanted: Vec<_> = self.unread_numbers.iter().filter(|(id, _)| is_wanted(*id)).map(label).collect();
        require_all_read(&wanted)?;
        let is_certain = |(request, found): (&NumberArg, &Option<Number>)| {
            found.as_ref().is_some_and(|number| request.id() == Some(number.id))
        };
        if self.requests.iter().zip(&self.found).all(is_certain) {
            return Ok(());
        }
        let wabas = self.unread_wabas.iter();
        let wabas = wabas.map(|(waba, failure)| {
            (format!("WABA {}", waba_label(waba)), Explanation::for_unread_waba(failure), failure.clone())
        });
        let unread: Vec<_> = wabas.chain(self.unread_numbers.iter().map(label)).collect();
        require_all_read(&unread)
    }
}

/// Refuses to send without the current status.
fn require_all_read(unread: &[(String, Explanation, ReadFailure)]) -> Result<(), CliError> {
    let Some((first, explanation, failure)) = unread.first() else { return Ok(()) };
    let more = unread.len() - 1;
    let names = if more > 0 { format!("{first} and {more} more") } else { first.clone() };
    let code = ExitCode::first_that_applies(unread.iter().map(|(_, _, failure)| read_failure::exit_code(failure)));
    Err(CliError::new(code, format!("{names} could not be read. {}", explanation.reason))
        .remedies(read_failure::steps_and_words(explanation, failure, unread.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Env, Overrides};
    use crate::domain::clock::UtcTime;
    use crate::domain::text::CleanText;

    fn number(id: &str, display: &str) -> Number {
        let number = Number::from_config(id.parse().expect("an ID"), Some(CleanText::new("Acme")));
        let read_at = Some(UtcTime::from_unix_seconds(1));
        Number { display_number: Some(CleanText::new(display)), read_at, ..number }
    }

    /// The ID that a search finds, or the message of its error.
    fn search(arg: &str, numbers: &[(&str, &str)], unread: &[&str]) -> Result<String, String> {
        search_all(vec![arg.parse().expect("a number")], numbers, unread).map(|mut ids| ids.remove(0))
    }

    /// The same for several requests.
    fn search_all(requests: Vec<NumberArg>, numbers: &[(&str, &str)], unread: &[&str]) -> Result<Vec<String>, String> {
        let mut result = LookupResult::new(requests);
        result.handle(NumbersEvent::Page(numbers.iter().map(|(id, display)| number(id, display)).collect()));
        for waba in unread {
            let waba = Arc::new(Waba { id: waba.parse().expect("an ID"), name: None });
            result.handle(NumbersEvent::WabaFinished(waba, Err(ReadFailure::NoAnswer)));
        }
        let config = Config::parse("c.toml".into(), "[profile.acme]", &Overrides::default(), &Env::default());
        let profile = config.expect("a valid config").profile;
        let numbers = result.into_numbers(&profile, &RerunOptions::default()).map_err(|error| error.to_string())?;
        Ok(numbers.iter().map(|number| number.id.to_string()).collect())
    }

    #[test]
    fn requests_keep_their_order_however_they_name_a_number() {
        let numbers = [("1001", "+44 7700 900001"), ("1002", "+44 7700 900002"), ("1003", "+44 7700 900003")];
        let requests = ["+44 7700 900003", "1001", "447700900002"].map(|text| text.parse().expect("a number"));
        let expected = ["1003", "1001", "1002"].map(str::to_owned);
        assert_eq!(search_all(requests.to_vec(), &numbers, &[]), Ok(expected.to_vec()));
    }

    #[test]
    fn an_id_of_a_job_never_finds_a_display_number() {
        let request = NumberArg::Id("447700900001".parse().expect("an ID"));
        let unknown = "no number 447700900001 in profile acme\n  To see the numbers: pindesk numbers list";
        assert_eq!(search_all(vec![request], &[("1001", "+44 7700 900001")], &[]), Err(unknown.to_owned()));
    }

    #[test]
    fn a_display_number_that_two_numbers_have_is_refused() {
        let numbers = [("1001", "+44 7700 900001"), ("1002", "+44 7700 900002"), ("1003", "+44 7700 900002")];
        assert_eq!(search("+44 7700 900001", &numbers, &[]), Ok("1001".to_owned()));
        assert_eq!(search("1002", &numbers, &[]), Ok("1002".to_owned()));
        let refused = search("+44 7700 900002", &numbers, &[]).expect_err("two numbers");
        let expected = "+44 7700 900002 fits 2 numbers\n  1002  +44 7700 900002  Acme\n  \
                        1003  +44 7700 900002  Acme\n  Give the phone number ID of the one that you mean.";
        assert_eq!(refused, expected);
        let unknown = "no number +44 7700 900003 in profile acme\n  To see the numbers: pindesk numbers list";
        assert_eq!(search("+44 7700 900003", &numbers, &[]), Err(unknown.to_owned()));
    }

    #[test]
    fn a_number_without_its_country_code_is_suggested() {
        let numbers = [("1001", "+1 217-555-0135"), ("1002", "+1 217-555-0136"), ("1003", "+44 217 555 0136")];
        let refused = |arg: &str| search(arg, &numbers, &[]).expect_err("no such number");
        let end = "\n  To see the numbers: pindesk numbers list";
        let hint = "Start a phone number with + and the country code, as in +44 7700 900001.";
        for (arg, expected) in [
            ("2175550135", "Did you mean +1 217-555-0135?"),
            ("0217 555-0135", "Did you mean +1 217-555-0135?"),
            ("(217) 555 0136", hint),
            ("5550199", hint),
        ] {
            let expected = format!("no number {arg} in profile acme\n  {expected}{end}");
            assert_eq!(refused(arg), expected);
        }
        for (arg, label) in
            [("+49 30 5550135", "+49 30 5550135"), ("200000000009999", "200000000009999"), ("550135", "(six digits)")]
        {
            assert_eq!(refused(arg), format!("no number {label} in profile acme{end}"));
        }
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
