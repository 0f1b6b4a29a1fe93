//! The numbers that the journal knows from earlier reads: for their names in tables, and to find one by its display
//! number where no access token is at hand.
//!
//! What it knows may be old. It never decides what is sent.

use crate::cli::error::CliError;
use crate::cli::output::names::name_cells;
use crate::cli::output::stdio::eprint_line;
use crate::cli::rerun::RerunOptions;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::number_arg::NumberArg;
use crate::domain::text::CleanText;
use crate::journal::JournalReader;

/// Numbers, sorted by ID.
#[derive(Debug, Default)]
pub(crate) struct KnownNumbers(Vec<Number>);

impl KnownNumbers {
    /// Reads the numbers of a journal. Without them the tables have no names, which is no reason to fail.
    pub(crate) fn read(journal: &JournalReader) -> Self {
        Self(journal.all_cached_numbers().unwrap_or_else(|error| {
            eprint_line(&format!("pindesk: the names of the numbers cannot be read: {error}"));
            Vec::new()
        }))
    }

    pub(crate) fn get(&self, id: PhoneNumberId) -> Option<&Number> {
        self.0.binary_search_by_key(&id, |number| number.id).ok().map(|position| &self.0[position])
    }

    /// The display number and the name, for two cells.
    pub(crate) fn cells(&self, id: PhoneNumberId) -> [&str; 2] {
        name_cells(self.get(id))
    }

    /// The number and its name, for a message; of a number that is not known, the ID.
    pub(crate) fn label(&self, id: PhoneNumberId) -> String {
        let Some(number) = self.get(id) else { return format!("number {id}") };
        let name = number.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        format!("{}{name}", number.label())
    }

    /// The order of tables: by display number, then by ID.
    pub(crate) fn sort_key(&self, id: PhoneNumberId) -> (Option<&str>, PhoneNumberId) {
        (self.get(id).and_then(|number| number.display_number.as_ref()).map(CleanText::as_str), id)
    }

    /// The ID of the number that the operator names. An ID need not be known.
    ///
    /// # Errors
    /// If no known number, or more than one, has this display number.
    pub(crate) fn resolve(&self, arg: &NumberArg, rerun: &RerunOptions) -> Result<PhoneNumberId, CliError> {
        let found: Vec<&Number> = self.0.iter().filter(|number| arg.names(number)).collect();
        match (&found[..], arg.id()) {
            ([number], _) => Ok(number.id),
            ([], Some(id)) => Ok(id),
            ([], None) => Err(self.unknown_error(arg, rerun)),
            (several, _) => Err(ambiguous_error(arg, several)),
        }
    }

    /// Refuses a number that the journal does not know.
    pub(crate) fn unknown_error(&self, arg: &NumberArg, rerun: &RerunOptions) -> CliError {
        CliError::usage(format!("this state directory has no number {}", arg.label()))
            .remedies(self.hint(arg))
            .remedy(format!("To see the numbers and their IDs: {}", rerun.command("numbers list")))
    }

    /// What to do about a number that is not known, a line each.
    pub(crate) fn hint(&self, arg: &NumberArg) -> Vec<String> {
        let similar: Vec<Number> = self.0.iter().filter(|number| arg.is_end_of(number)).cloned().collect();
        arg.hint(&similar)
    }
}

/// Refuses a number that several fit, and names them.
pub(crate) fn ambiguous_error(arg: &NumberArg, found: &[&Number]) -> CliError {
    let rows = found.iter().map(|number| {
        let [display, name] = name_cells(Some(number));
        let waba = number.waba.as_ref().map_or(String::new(), |waba| format!("  WABA {}", waba.label()));
        format!("{}  {display}  {name}{waba}", number.id)
    });
    CliError::usage(format!("{} fits {} numbers", arg.label(), found.len()))
        .details(rows)
        .remedy("Give the phone number ID of the one that you mean.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(id: &str, display: &str) -> Number {
        let number = Number::from_config(id.parse().expect("an ID"), Some(CleanText::new("Acme")));
        Number { display_number: Some(CleanText::new(display)), ..number }
    }

    #[test]
    fn a_number_that_several_fit_is_refused_by_name() {
        let known = KnownNumbers(vec![
            number("200000000000001", "+44 7700 900001"),
            number("200000000000002", "+44 7700 900002"),
            number("200000000000003", "+44 7700-900002"),
        ]);
        let resolve = |text: &str| known.resolve(&text.parse().expect("a number"), &RerunOptions::default());
        for (text, id) in [
            ("+44 7700 900001", "200000000000001"),
            ("200000000000002", "200000000000002"),
            ("200000000009999", "200000000009999"),
        ] {
            assert_eq!(resolve(text).expect("one number").as_str(), id);
        }
        assert_eq!(
            resolve("+44 7700 900002").expect_err("two numbers").to_string(),
            "+44 7700 900002 fits 2 numbers\n  \
             200000000000002  +44 7700 900002  Acme\n  \
             200000000000003  +44 7700-900002  Acme\n  \
             Give the phone number ID of the one that you mean."
        );
        assert_eq!(
            resolve("+44 7700 900003").expect_err("no number").to_string(),
            "this state directory has no number +44 7700 900003\n  \
             To see the numbers and their IDs: pindesk numbers list"
        );
    }
}
