//! Which rows a filter shows.

use super::*;

#[test]
fn a_filter_finds_words_of_every_kind() {
    let mut roster = three();
    roster.set_change(id("1001"), in_doubt());
    roster.set_change(id("1002"), ChangeState::NotSent(FINISHED, NotSentReason::Stopped));
    let cases: [(&str, &[&str]); 22] = [
        ("ACME", &["1002", "1001"]),
        ("acme support", &["1001"]),
        ("ωM", &["1003"]),
        ("5550100143", &["1002"]),
        ("+1 555-010 01", &["1002", "1001"]),
        ("+44-7700", &["1003"]),
        ("uk-ret", &["1002", "1001", "1003"]),
        ("waba:UK !acme", &["1003"]),
        ("waba:900", &["1002", "1001", "1003"]),
        ("waba:eu", &[]),
        ("two-step:not-set", &["1002"]),
        ("!two-step:on", &["1002", "1003"]),
        ("request:no-answer", &["1001"]),
        ("request:no_answer", &["1001"]),
        ("request:not-sent", &["1002"]),
        ("request:none", &["1003"]),
        ("request:queued", &[]),
        ("id:003", &["1003"]),
        ("1003", &["1003"]),
        ("003", &[]),
        ("support retail", &["1001"]),
        ("!", &["1002", "1001", "1003"]),
    ];
    for (text, expected) in cases {
        assert_eq!(filtered(&mut roster, text), expected, "{text}");
    }
}

#[test]
fn a_resolved_change_is_found_by_its_new_and_its_old_word() {
    let mut roster = three();
    roster.set_change(id("1003"), ChangeState::Resolved(FINISHED, Resolution::Manual));
    for text in ["request:resolved", "request:settled"] {
        assert_eq!(filtered(&mut roster, text), ["1003"], "{text}");
    }
}

#[test]
fn an_invalid_filter_keeps_the_previous_one() {
    let mut roster = three();
    assert_eq!(filtered(&mut roster, "acme"), ["1002", "1001"]);
    assert_eq!(
        roster.set_filter("acme two-step:", ROWS_IN_SIGHT),
        Err(FilterError::BadValue { key: FilterKey::TwoStep })
    );
    assert_eq!(ids(&roster), ["1002", "1001"]);
}

#[test]
fn a_new_state_moves_its_row_in_and_out_of_a_filter() {
    let mut roster = three();
    roster.set_filter("request:queued", ROWS_IN_SIGHT).expect("a valid filter");
    roster.set_change(id("1001"), ChangeState::Queued);
    roster.set_change(id("1003"), ChangeState::Queued);
    assert_eq!(roster.visible_len(), 0);
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001", "1003"]);
    roster.move_to_last();
    roster.set_change(id("1001"), ChangeState::Sending { attempt: 1 });
    roster.apply_updates();
    assert_eq!((ids(&roster), under_cursor(&roster)), (vec!["1003".to_owned()], Some("1003")));
}

#[test]
fn a_changed_name_is_found_only_by_its_new_letters() {
    let mut roster = three();
    roster.upsert(&number("1001", "+1 555-010-0151", "Beta", TwoStep::On));
    assert_eq!(filtered(&mut roster, "beta"), ["1001"]);
    assert_eq!(filtered(&mut roster, "support"), Vec::<String>::new());
}
