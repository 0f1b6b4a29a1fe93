//! The cursor stays on its number, and rows keep their place, until a key changes that.

use super::*;

#[test]
fn the_cursor_stays_on_its_number_while_rows_come() {
    let mut roster = three();
    for (digits, display) in [("1004", "+1 200"), ("1005", "+1 100"), ("1006", "+1 555-010-0144")] {
        roster.upsert(&number(digits, display, "New", TwoStep::On));
        roster.apply_updates();
        assert_eq!(under_cursor(&roster).as_deref(), Some("1002"));
    }
    assert_eq!((ids(&roster).len(), roster.cursor_index()), (6, Some(2)));
}

#[test]
fn a_filter_puts_the_cursor_on_the_first_hit() {
    let mut roster = three();
    roster.move_to_last();
    roster.set_filter("7700", 1).expect("a valid filter");
    assert_eq!(under_cursor(&roster).as_deref(), Some("1003"), "the only hit");
    roster.set_filter("uk-retail", 2).expect("a valid filter");
    assert_eq!(under_cursor(&roster).as_deref(), Some("1002"), "its number is a hit, but out of sight");
    roster.set_filter("uk-retail !1002", 3).expect("a valid filter");
    assert_eq!(under_cursor(&roster).as_deref(), Some("1003"), "its number is in sight");
    roster.upsert(&number("1000", "+1 100", "First", TwoStep::On));
    roster.apply_updates();
    assert_eq!((under_cursor(&roster).as_deref(), roster.cursor_index()), (Some("1003"), Some(2)));
}

#[test]
fn a_filter_typed_while_rows_come_keeps_its_number() {
    let mut roster = Roster::default();
    roster.set_filter("acme", 20).expect("a valid filter");
    roster.upsert(&number("1002", "+1 555-010-0143", "Acme Retail", TwoStep::On));
    roster.apply_updates();
    roster.upsert(&number("1001", "+1 200", "Acme Support", TwoStep::On));
    roster.apply_updates();
    assert_eq!(
        (ids(&roster), under_cursor(&roster).as_deref()),
        (vec!["1001".to_owned(), "1002".to_owned()], Some("1002"))
    );
}

#[test]
fn the_number_under_the_cursor_stays_without_a_match() {
    let mut roster = three();
    roster.upsert(&number("1004", "+1 200", "Not set either", TwoStep::NotSet));
    roster.set_filter("two-step:not-set", 20).expect("a valid filter");
    roster.move_by(1);
    for digits in ["1002", "1004"] {
        let on = Number { two_step: TwoStep::On, ..roster.get(&id(digits)).expect("listed").number.clone() };
        roster.upsert_single(&on);
    }
    roster.apply_updates();
    assert_eq!((ids(&roster), under_cursor(&roster).as_deref()), (vec!["1002".to_owned()], Some("1002")));
    let is_kept = |roster: &Roster| roster.get(&id("1002")).map(|row| row.mark == Some(RowMark::Kept));
    assert_eq!(is_kept(&roster), Some(true));
    roster.set_filter("two-step:on", 20).expect("a valid filter");
    assert_eq!((ids(&roster).len(), is_kept(&roster)), (3, Some(false)));
    assert_eq!(filtered(&mut roster, "two-step:not-set"), Vec::<String>::new());
}

#[test]
fn a_number_acted_on_stays_until_the_filter_changes() {
    let mut roster = three();
    roster.set_change(id("1001"), ChangeState::Queued);
    roster.set_change(id("1003"), ChangeState::Queued);
    roster.mark_acted_on(&id("1003"));
    assert_eq!(filtered(&mut roster, "request:queued"), ["1001", "1003"]);
    for digits in ["1001", "1003"] {
        roster.set_change(id(digits), ChangeState::Set(FINISHED));
    }
    roster.apply_updates();
    roster.move_to_last();
    assert_eq!(
        (ids(&roster), under_cursor(&roster).as_deref()),
        (vec!["1001".to_owned(), "1003".to_owned()], Some("1003"))
    );
    assert_eq!(filtered(&mut roster, "request:sending"), Vec::<String>::new());
}

#[test]
fn a_changed_row_keeps_its_place_until_it_is_sorted() {
    let by = |column| SortOrder { column, direction: SortDirection::Ascending };
    let resort: [fn(&mut Roster); 3] = [
        |roster| roster.set_sort(roster.sort()),
        |roster| {
            roster.begin_refresh();
            roster.apply_updates();
        },
        |roster| roster.set_filter("retail", 20).expect("a valid filter"),
    ];
    for resort in resort {
        let mut roster = three();
        roster.set_sort(by(SortColumn::Request));
        roster.set_change(id("1003"), in_doubt());
        roster.apply_updates();
        roster.upsert(&number("1004", "+2", "New", TwoStep::On));
        roster.apply_updates();
        assert_eq!(ids(&roster), ["1002", "1001", "1003", "1004"]);
        resort(&mut roster);
        assert_eq!(ids(&roster), ["1003", "1002", "1001", "1004"]);
    }
}

#[test]
fn a_number_read_by_itself_keeps_its_place() {
    let mut roster = three();
    roster.upsert_single(&number("1002", "+99", "Renumbered", TwoStep::On));
    roster.upsert_single(&number("1004", "+1 6", "New", TwoStep::On));
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1002", "1001", "1004", "1003"]);
    roster.upsert(&number("1002", "+99", "Renumbered again", TwoStep::On));
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001", "1004", "1003", "1002"]);
}

#[test]
fn only_a_new_filter_or_order_moves_the_window() {
    let mut roster = three();
    let seen = |roster: &Roster| (roster.rearrangement().count, roster.rearrangement().start);
    assert_eq!(seen(&roster), (0, WindowStart::FirstRow));
    roster.set_sort(SortOrder { column: SortColumn::Name, direction: SortDirection::Ascending });
    assert_eq!(seen(&roster), (1, WindowStart::CursorInMiddle));
    for text in ["acme", "acme "] {
        roster.set_filter(text, 20).expect("a valid filter");
        assert_eq!(seen(&roster), (2, WindowStart::FirstRow));
    }
    roster.move_by(1);
    roster.upsert(&number("1004", "+1 200", "Acme", TwoStep::On));
    roster.apply_updates();
    assert_eq!(seen(&roster), (2, WindowStart::FirstRow));
}

#[test]
fn a_removed_row_passes_the_cursor_to_the_nearest_one() {
    for (listed, expected) in [(["1002", "1003"], "1003"), (["1002", "1001"], "1001")] {
        let mut roster = three();
        let rows = if expected == "1003" { 1 } else { 2 };
        roster.move_by(rows);
        roster.begin_refresh();
        for digits in listed {
            let number = roster.get(&id(digits)).expect("listed").number.clone();
            roster.upsert(&number);
        }
        roster.finish_refresh(&["900".parse().expect("an id")]);
        roster.apply_updates();
        assert_eq!(under_cursor(&roster).as_deref(), Some(expected));
    }
}

#[test]
fn clearing_a_filter_restores_the_cursor() {
    let mut roster = three();
    roster.move_by(1);
    assert_eq!(filtered(&mut roster, "stores"), ["1003"]);
    assert_eq!(under_cursor(&roster).as_deref(), Some("1003"));
    roster.set_filter("", ROWS_IN_SIGHT).expect("an empty filter");
    assert_eq!(under_cursor(&roster).as_deref(), Some("1001"));
}

#[test]
fn a_move_under_a_filter_keeps_the_cursor_there() {
    let mut roster = three();
    roster.set_filter("acme", ROWS_IN_SIGHT).expect("a valid filter");
    roster.move_to_last();
    roster.set_filter("", ROWS_IN_SIGHT).expect("an empty filter");
    assert_eq!(under_cursor(&roster).as_deref(), Some("1001"));
    assert!(roster.select(&id("1003")));
    assert!(!roster.select(&id("1009")));
    assert_eq!(roster.cursor_index(), Some(2));
}
