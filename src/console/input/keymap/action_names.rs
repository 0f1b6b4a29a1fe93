//! The names of the actions in the config's `[keys]`: those of the key table, and those of earlier versions.
//!
//! It does not decide which keys an action may have.

use super::mode::Mode;
use super::table;

/// Names of earlier versions, each with its current name. pindesk still reads them, because configs contain them, but
/// no message shows them.
const OLD_NAMES: &[(&str, &str)] = &[
    ("keep-filter", "apply-filter"),
    ("undo-filter", "restore-filter"),
    ("read", "refresh"),
    ("read-all", "refresh-all"),
    ("read-status", "refresh-status"),
    ("check-by-hand", "mark-resolved"),
    ("record", "confirm-resolved"),
    ("acknowledge", "accept-recipients"),
    ("hide", "hide-screen"),
    ("leave", "confirm-quit"),
    ("stay", "cancel-quit"),
    ("demo", "start-demo"),
    ("try-again", "retry"),
];

fn names() -> impl Iterator<Item = &'static str> {
    Mode::ALL.into_iter().flat_map(table::all_rows).map(|row| row.name)
}

/// The actions whose keys the config can change, in the order of the pages, each once.
#[must_use]
pub fn rebindable_names() -> Vec<&'static str> {
    let mut found = Vec::new();
    for row in Mode::ALL.into_iter().flat_map(table::all_rows).filter(|row| !row.is_fixed) {
        if !found.contains(&row.name) {
            found.push(row.name);
        }
    }
    found
}

/// The current name of the action with this name, or with this old name.
pub(super) fn find_name(text: &str) -> Option<&'static str> {
    let text = OLD_NAMES.iter().find(|(old, _)| *old == text).map_or(text, |(_, current)| current);
    names().find(|name| *name == text)
}

pub(super) fn closest_name(text: &str) -> Option<&'static str> {
    /// A less similar name does not help.
    const MIN_SIMILARITY: f64 = 0.7;
    let similarity = |name: &str| strsim::jaro_winkler(text, name);
    let closest = names().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(closest) >= MIN_SIMILARITY).then_some(closest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_old_action_name_still_works() {
        for (old, current) in OLD_NAMES {
            assert_eq!(find_name(old), Some(*current));
            assert_eq!(names().find(|name| name == old), None, "an old name is not a current one");
        }
    }
}
