//! The numbers of a file or a paste that the operator may select, and the lines that cannot be used.
//!
//! It selects nothing: the page that asks does.

use super::Shared;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;
use crate::numbers::list::{LineError, NumberList};

/// Where a list of numbers comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// A file, by its path.
    File(CleanText),
    /// A paste into the number list.
    Paste,
}

/// What a list of numbers has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNumbers {
    /// Where it comes from.
    pub source: ListSource,
    /// The numbers that can be selected, in the order of the list.
    pub ids: Vec<PhoneNumberId>,
    /// The lines that cannot be used.
    pub errors: Vec<LineError>,
    /// How many lines there are.
    pub lines: usize,
}

impl Shared {
    /// Finds the numbers of a list.
    ///
    /// # Errors
    /// If the list has no line, or none that can be read. The text says why.
    pub(in crate::console) fn find_listed(
        &self,
        source: ListSource,
        mut list: NumberList,
    ) -> Result<ListedNumbers, String> {
        if let Some(problem) = list.file_problem() {
            return Err(format!("It cannot be used: {problem}."));
        }
        if list.is_empty() {
            return Err("There is no number in it.".to_owned());
        }
        let profile = CleanText::new(self.session.profile.as_deref().unwrap_or_default());
        let ids = list.flag_known(&profile, &self.session.wabas, self.roster.numbers());
        Ok(ListedNumbers { source, ids, errors: list.errors().to_vec(), lines: list.line_count() })
    }
}
