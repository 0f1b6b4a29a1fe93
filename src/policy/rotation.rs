//! When a PIN is due to be replaced, by the time that the config sets.
//!
//! It knows only PINs that were set from here: Meta does not say when a PIN was set.

use std::time::Duration;

use crate::domain::clock::UtcTime;
use crate::domain::number::TwoStep;

/// How old a PIN may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// In days, at least 1. A PIN is due on the day after.
    pub days: u32,
}

impl Rotation {
    /// Whole days; the rest of a day does not count.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { days: u32::try_from(time.as_secs() / 86_400).unwrap_or(u32::MAX).max(1) }
    }

    /// True if two-step verification is on, and the PIN was last set from here more than these days before `today`, or
    /// never. `today` is a day as in [`UtcTime::day`].
    #[must_use]
    pub fn is_due(self, two_step: TwoStep, last_set: Option<UtcTime>, today: u32) -> bool {
        let is_old = |at: UtcTime| at.day().saturating_add(self.days) < today;
        two_step == TwoStep::On && last_set.is_none_or(is_old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_due_on_the_day_after_its_last_one() {
        let rotation = Rotation { days: 180 };
        let set = UtcTime::from_unix_seconds(1_700_000_000);
        let cases = [
            (TwoStep::On, Some(set), set.day(), false),
            (TwoStep::On, Some(set), set.day() + 180, false),
            (TwoStep::On, Some(set), set.day() + 181, true),
            (TwoStep::On, Some(set), 0, false),
            (TwoStep::On, None, set.day(), true),
            (TwoStep::NotSet, None, set.day(), false),
            (TwoStep::Unknown, None, set.day(), false),
        ];
        for (two_step, last_set, today, expected) in cases {
            assert_eq!(rotation.is_due(two_step, last_set, today), expected, "{two_step:?} {last_set:?} {today}");
        }
    }
}
