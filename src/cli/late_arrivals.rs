//! Numbers whose earlier PIN can still arrive at Meta, so that no other PIN may be sent to them yet.
//!
//! It decides nothing: the actor refuses them whatever a command says before.

use std::collections::HashSet;

use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::PhoneNumberId;
use crate::journal::UnresolvedChange;

/// How many numbers are in doubt and not to be sent to, and until when the last of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateArrivals {
    pub(crate) count: usize,
    pub(crate) until: UtcTime,
}

impl LateArrivals {
    /// Those among these numbers; `None` if there are none.
    pub(crate) fn among(
        unresolved: &[UnresolvedChange],
        numbers: impl IntoIterator<Item = PhoneNumberId>,
        now: TimePoint,
    ) -> Option<Self> {
        let numbers: HashSet<PhoneNumberId> = numbers.into_iter().collect();
        let changes = unresolved.iter().filter(|change| numbers.contains(&change.number));
        let arrivals = changes.map(|change| (change.number, change.new_pin_allowed_from(now).utc));
        let late: Vec<_> = arrivals.filter(|(_, until)| *until > now.utc).collect();
        let count = late.iter().map(|(number, _)| number).collect::<HashSet<_>>().len();
        late.iter().map(|(_, until)| *until).max().map(|until| Self { count, until })
    }

    /// What the question about so many numbers says.
    pub(crate) fn line(self, numbers: usize) -> String {
        let who = match (numbers, self.count) {
            (1, _) => "It is".to_owned(),
            (_, 1) => "1 of them is".to_owned(),
            (_, count) => format!("{count} of them are"),
        };
        format!("{who} {}. No PIN is sent there now.", self.reason())
    }

    /// Why they are not sent.
    pub(crate) fn reason(self) -> String {
        format!("in doubt until {}: an earlier PIN could still take effect", self.until)
    }
}
