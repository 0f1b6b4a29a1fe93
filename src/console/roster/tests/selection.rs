//! The selection is of numbers: only its own functions change it, and a removed number leaves it.

use super::*;

fn selected(roster: &Roster) -> Vec<String> {
    roster.selection().ids().iter().map(PhoneNumberId::to_string).collect()
}

/// Lists only these numbers, so that the others vanish.
fn refresh_with(roster: &mut Roster, listed: &[&str]) {
    roster.begin_refresh();
    for digits in listed {
        let number = roster.get(&id(digits)).expect("listed").number.clone();
        roster.upsert(&number);
    }
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
}

#[test]
fn a_selection_is_kept_through_filters_and_sorts() {
    let mut roster = three();
    roster.toggle_selected();
    roster.move_to_last();
    roster.toggle_selected();
    assert_eq!(selected(&roster), ["1002", "1003"]);
    assert_eq!(filtered(&mut roster, "support"), ["1001"]);
    assert_eq!((selected(&roster).len(), roster.selection().hidden_count()), (2, 2));
    roster.set_sort(SortOrder { column: SortColumn::Number, direction: SortDirection::Descending });
    assert_eq!(selected(&roster), ["1003", "1002"], "in the order of the list");
    filtered(&mut roster, "7700");
    assert_eq!(
        (roster.selection().hidden_count(), roster.row(0).and_then(|row| row.mark)),
        (1, Some(RowMark::Selected))
    );
    filtered(&mut roster, "");
    roster.upsert(&number("1000", "+1 100", "First", TwoStep::On));
    roster.apply_updates();
    assert_eq!((selected(&roster), roster.selection().hidden_count()), (vec!["1003".to_owned(), "1002".to_owned()], 0));
}

#[test]
fn all_and_invert_take_only_what_the_filter_finds() {
    let mut roster = three();
    filtered(&mut roster, "acme");
    roster.select_shown();
    roster.select_shown();
    assert_eq!(selected(&roster), ["1002", "1001"]);
    filtered(&mut roster, "");
    roster.invert_shown();
    assert_eq!(selected(&roster), ["1003"]);
    filtered(&mut roster, "acme");
    roster.invert_shown();
    assert_eq!((selected(&roster).len(), roster.selection().hidden_count()), (3, 1));
    roster.clear_selection();
    assert_eq!((selected(&roster), roster.selection().is_empty()), (Vec::new(), true));
}

#[test]
fn a_row_that_no_longer_matches_is_not_selected_with_all() {
    let mut roster = three();
    filtered(&mut roster, "two-step:not-set");
    roster.upsert_single(&number("1002", "+1 555-010-0143", "acme retail", TwoStep::On));
    roster.upsert_single(&number("1004", "+1 200", "Not set", TwoStep::NotSet));
    roster.apply_updates();
    roster.select_shown();
    assert_eq!((ids(&roster).len(), selected(&roster)), (2, vec!["1004".to_owned()]));
    roster.invert_shown();
    assert_eq!(selected(&roster), Vec::<String>::new());
    roster.move_to_last();
    roster.toggle_selected();
    assert_eq!(selected(&roster), ["1002"], "by itself, it can be selected");
}

#[test]
fn a_range_reaches_from_its_first_row_to_the_cursor() {
    let mut roster = three();
    roster.toggle_selected();
    roster.move_by(1);
    roster.begin_range();
    assert_eq!((selected(&roster), roster.selection().has_range()), (vec!["1002".to_owned(), "1001".to_owned()], true));
    roster.move_to_last();
    roster.extend_range();
    assert_eq!(selected(&roster), ["1002", "1001", "1003"]);
    roster.move_to_first();
    roster.extend_range();
    assert_eq!(selected(&roster), ["1002", "1001"]);
    roster.cancel_range();
    assert_eq!((selected(&roster), roster.selection().has_range()), (vec!["1002".to_owned()], false));
    roster.begin_range();
    roster.move_to_last();
    roster.extend_range();
    roster.end_range();
    roster.move_to_first();
    roster.extend_range();
    assert_eq!(selected(&roster), ["1002", "1001", "1003"], "an ended range stays selected");
}

#[test]
fn a_number_that_vanished_leaves_the_selection() {
    let mut roster = three();
    roster.select_shown();
    refresh_with(&mut roster, &["1002", "1003"]);
    assert_eq!((selected(&roster), roster.take_vanished()), (vec!["1002".to_owned(), "1003".to_owned()], 1));
    roster.upsert(&number("1001", "+1 555-010-0151", "Acme Support", TwoStep::On));
    roster.apply_updates();
    assert_eq!((selected(&roster).len(), roster.take_vanished()), (2, 0), "it comes back unselected");
}

#[test]
fn a_range_ends_with_the_number_that_began_it() {
    let mut roster = three();
    roster.move_by(1);
    roster.begin_range();
    roster.move_by(1);
    roster.extend_range();
    refresh_with(&mut roster, &["1002", "1003"]);
    assert_eq!((selected(&roster), roster.selection().has_range()), (vec!["1003".to_owned()], false));
}

#[test]
fn the_summary_counts_what_is_selected() {
    let mut roster = three();
    let other = Number { waba: Some(waba("901", "us")), ..number("1004", "+2", "Bolt", TwoStep::On) };
    let unlisted = Number { waba: None, ..number("1005", "+3", "Alone", TwoStep::On) };
    roster.upsert(&other);
    roster.upsert(&unlisted);
    roster.apply_updates();
    roster.select_shown();
    filtered(&mut roster, "acme");
    let count = |waba: Option<Arc<Waba>>, numbers| WabaCount { waba, numbers };
    let expected = SelectionSummary {
        two_step: TwoStepCounts { on: 3, not_set: 1, unknown: 1 },
        wabas: vec![count(Some(waba("900", "uk-retail")), 3), count(None, 1), count(Some(waba("901", "us")), 1)],
        open: 0,
        hidden: 3,
        named_hidden: vec![id("1004"), id("1005"), id("1003")],
    };
    assert_eq!(roster.selection().summary(), &expected);
    roster.set_change(id("1004"), ChangeState::Queued);
    roster.upsert_single(&number("1002", "+1 555-010-0143", "acme retail", TwoStep::On));
    let two_step = TwoStepCounts { on: 4, not_set: 0, unknown: 1 };
    assert_eq!(roster.selection().summary(), &SelectionSummary { two_step, open: 1, ..expected });
}

#[test]
fn numbers_of_a_list_are_selected_by_their_ids() {
    let mut roster = three();
    roster.upsert(&number("1004", "+2", "Bolt", TwoStep::On));
    roster.select_ids(&[id("1004"), id("1009"), id("1003")]);
    assert_eq!(selected(&roster), ["1004", "1003"]);
    assert!(roster.selection().is_selected(&id("1004")) && !roster.selection().is_selected(&id("1009")));
}
