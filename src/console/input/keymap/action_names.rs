//! The names of the actions in the config's `[keys]`.
//!
//! It does not decide which keys an action may have.

use crate::console::input::keymap::Action;
use Action as A;

const NAMES: &[(Action, &str)] = &[
    (A::Up, "up"),
    (A::Down, "down"),
    (A::PageUp, "page-up"),
    (A::PageDown, "page-down"),
    (A::First, "first"),
    (A::Last, "last"),
    (A::EditFilter, "filter"),
    (A::ClearFilter, "clear-filter"),
    (A::ApplyFilter, "apply-filter"),
    (A::RestoreFilter, "restore-filter"),
    (A::PickSort, "pick-sort"),
    (A::SortByNumber, "sort-by-number"),
    (A::SortByName, "sort-by-name"),
    (A::SortByWaba, "sort-by-waba"),
    (A::SortByTwoStep, "sort-by-two-step"),
    (A::SortByRequest, "sort-by-request"),
    (A::SetPin, "set-pin"),
    (A::RefreshNumber, "refresh"),
    (A::RefreshAll, "refresh-all"),
    (A::RefreshStatus, "refresh-status"),
    (A::SendSamePin, "send-same-pin"),
    (A::MarkResolved, "mark-resolved"),
    (A::ConfirmResolved, "confirm-resolved"),
    (A::AcceptRecipients, "accept-recipients"),
    (A::ShowInDoubt, "in-doubt"),
    (A::HideScreen, "hide-screen"),
    (A::ShowScreen, "show-screen"),
    (A::PickCopy, "copy"),
    (A::CopyNumber, "copy-number"),
    (A::CopyId, "copy-id"),
    (A::CopyWaba, "copy-waba"),
    (A::CopyAll, "copy-all"),
    (A::Open, "details"),
    (A::TogglePane, "details-pane"),
    (A::Messages, "messages"),
    (A::Help, "help"),
    (A::RandomPin, "random-pin"),
    (A::ShowPin, "show-pin"),
    (A::NextField, "next-field"),
    (A::PreviousField, "previous-field"),
    (A::DeleteDigit, "delete-digit"),
    (A::ClearField, "clear-field"),
    (A::Continue, "continue"),
    (A::Send, "send"),
    (A::Cancel, "cancel"),
    (A::ConfirmQuit, "confirm-quit"),
    (A::CancelQuit, "cancel-quit"),
    (A::StartDemo, "start-demo"),
    (A::Retry, "retry"),
    (A::Back, "back"),
    (A::Interrupt, "interrupt"),
    (A::Redraw, "redraw"),
    (A::Suspend, "suspend"),
];

/// Names of earlier versions. pindesk still reads them, because configs contain them, but no message shows them.
const OLD_NAMES: &[(&str, Action)] = &[
    ("keep-filter", A::ApplyFilter),
    ("undo-filter", A::RestoreFilter),
    ("read", A::RefreshNumber),
    ("read-all", A::RefreshAll),
    ("read-status", A::RefreshStatus),
    ("check-by-hand", A::MarkResolved),
    ("record", A::ConfirmResolved),
    ("acknowledge", A::AcceptRecipients),
    ("hide", A::HideScreen),
    ("leave", A::ConfirmQuit),
    ("stay", A::CancelQuit),
    ("demo", A::StartDemo),
    ("try-again", A::Retry),
];

pub(super) fn action_name(action: Action) -> &'static str {
    NAMES.iter().find(|(named, _)| *named == action).map_or("", |(_, name)| name)
}

/// The action with this name, or with this old name.
pub(super) fn find_action(text: &str) -> Option<Action> {
    let current = NAMES.iter().find(|(_, name)| *name == text).map(|(action, _)| *action);
    current.or_else(|| OLD_NAMES.iter().find(|(name, _)| *name == text).map(|(_, action)| *action))
}

pub(super) fn closest_action_name(text: &str) -> Option<&'static str> {
    /// A less similar name does not help.
    const MIN_SIMILARITY: f64 = 0.7;
    let similarity = |name: &str| strsim::jaro_winkler(text, name);
    let closest = NAMES.iter().map(|(_, name)| *name).max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(closest) >= MIN_SIMILARITY).then_some(closest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::input::keymap::{Mode, table};

    #[test]
    fn every_action_of_the_table_has_its_own_name() {
        for mode in Mode::ALL {
            for binding in table::bindings(mode) {
                assert_eq!(find_action(action_name(binding.action)), Some(binding.action));
            }
        }
    }

    #[test]
    fn every_old_action_name_still_works() {
        for (name, action) in OLD_NAMES {
            assert_eq!(find_action(name), Some(*action), "{name}");
            assert_ne!(action_name(*action), *name, "an old name is not a current one");
        }
    }
}
