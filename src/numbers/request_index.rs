//! Finds which requests of a list name a number, by its ID or by its display number. It takes eight bytes a request.

use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::number_arg::{NumberArg, display_digits};

/// The positions of requests in their list.
#[derive(Debug)]
pub(crate) struct RequestIndex {
    /// In the order of the IDs.
    by_id: Vec<u32>,
    /// In the order of the digits.
    by_digits: Vec<u32>,
}

impl RequestIndex {
    /// Indexes a list that has each ID once, and fewer requests than `u32` can count.
    pub(crate) fn new(requests: &[NumberArg]) -> Self {
        let positions = |is_wanted: fn(&NumberArg) -> bool| -> Vec<u32> {
            (0..).zip(requests).filter(|(_, request)| is_wanted(request)).map(|(position, _)| position).collect()
        };
        let mut by_id = positions(|request| request.id().is_some());
        by_id.sort_unstable_by_key(|position| id_at(requests, *position));
        let mut by_digits = positions(|request| request.display_digits().is_some());
        by_digits.sort_unstable_by_key(|position| digits_at(requests, *position));
        Self { by_id, by_digits }
    }

    /// The positions of the requests that name this number, in the same list: the one with its ID first.
    pub(crate) fn of_number(&self, requests: &[NumberArg], number: &Number) -> Vec<usize> {
        let by_id = self.with_id(requests, number.id);
        let digits = display_digits(number);
        let by_digits = self.with_digits(requests, &digits).filter(|position| Some(*position) != by_id);
        by_id.into_iter().chain(by_digits).collect()
    }

    /// The position of the request with this ID, in the same list.
    pub(crate) fn with_id(&self, requests: &[NumberArg], id: PhoneNumberId) -> Option<usize> {
        let entry = self.by_id.binary_search_by_key(&Some(id), |position| id_at(requests, *position)).ok()?;
        usize::try_from(self.by_id[entry]).ok()
    }

    /// The positions of the requests with these digits of a display number, in the same list.
    fn with_digits(&self, requests: &[NumberArg], digits: &str) -> impl Iterator<Item = usize> {
        let start = self.by_digits.partition_point(|position| digits_at(requests, *position) < Some(digits));
        let equal =
            self.by_digits[start..].iter().take_while(move |position| digits_at(requests, **position) == Some(digits));
        equal.filter_map(|position| usize::try_from(*position).ok())
    }
}

fn at(requests: &[NumberArg], position: u32) -> Option<&NumberArg> {
    requests.get(usize::try_from(position).ok()?)
}

fn id_at(requests: &[NumberArg], position: u32) -> Option<PhoneNumberId> {
    at(requests, position)?.id()
}

fn digits_at(requests: &[NumberArg], position: u32) -> Option<&str> {
    at(requests, position)?.display_digits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_by_its_id_and_by_its_digits() {
        let id = |text: &str| text.parse().expect("an ID");
        let parse = |text: &str| text.parse().expect("a number");
        let requests = [parse("3"), parse("+44 7"), parse("447"), NumberArg::Id(id("5")), parse("+1")];
        let index = RequestIndex::new(&requests);
        for (text, expected) in [("3", Some(0)), ("447", Some(2)), ("5", Some(3)), ("1", None), ("4", None)] {
            assert_eq!(index.with_id(&requests, id(text)), expected, "{text}");
        }
        for (digits, expected) in [("447", &[1, 2][..]), ("3", &[0]), ("1", &[4]), ("5", &[]), ("", &[])] {
            let mut positions: Vec<_> = index.with_digits(&requests, digits).collect();
            positions.sort_unstable();
            assert_eq!(positions, expected, "{digits}");
        }
    }
}
