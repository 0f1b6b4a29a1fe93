//! Which rows a filter shows.

use super::*;
use crate::domain::change::DoubtEnd;

#[test]
fn a_filter_finds_words_of_every_kind() {
    let mut roster = three();
    roster.set_change(id("1001"), in_doubt());
    roster.set_change(id("1002"), ChangeState::NotSent(FINISHED, NotSentReason::Stopped));
    let cases: [(&str, &[&str]); 43] = [
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
        ("two:not", &["1002"]),
        ("-two:on", &["1002", "1003"]),
        ("req:no-a", &["1001"]),
        ("req:no", &["1002", "1001", "1003"]),
        ("waba:", &["1002", "1001", "1003"]),
        ("acme waba:", &["1002", "1001"]),
        ("-acme", &["1003"]),
        ("not set", &["1002"]),
        ("acme -not set", &["1001"]),
        ("In Doubt", &["1001"]),
        ("no answer", &["1001"]),
        ("not sent uk", &["1002"]),
        ("unknown", &["1003"]),
        ("+", &["1002", "1001", "1003"]),
        ("+44", &["1003"]),
        ("0044 7700", &["1003"]),
        ("07700", &["1003"]),
        ("+555", &[]),
        ("+1 555 010 uk", &["1002", "1001"]),
        ("two-step:not set", &["1002"]),
        ("request:not sent", &["1002"]),
    ];
    for (text, expected) in cases {
        assert_eq!(filtered(&mut roster, text), expected, "{text}");
    }
}

#[test]
fn a_resolved_change_is_found_by_its_new_and_its_old_word() {
    let mut roster = three();
    roster
        .set_change(id("1003"), ChangeState::Resolved(FINISHED, DoubtEnd { at: FINISHED.at, how: Resolution::Manual }));
    for text in ["request:resolved", "request:settled"] {
        assert_eq!(filtered(&mut roster, text), ["1003"], "{text}");
    }
}

#[test]
fn in_doubt_and_no_answer_find_the_same_numbers() {
    let mut roster = three();
    roster.set_change(id("1001"), in_doubt());
    roster.set_change(id("1002"), ChangeState::NotSent(FINISHED, NotSentReason::Stopped));
    for text in ["in doubt", "no answer", "request:in-doubt", "request:in_doubt", "request:in doubt", "req:in"] {
        assert_eq!(filtered(&mut roster, text), ["1001"], "{text}");
        assert_eq!(filtered(&mut roster, &format!("-{text}")), ["1002", "1003"], "-{text}");
    }
}

#[test]
fn a_waba_that_is_not_there_is_known_as_such() {
    let mut roster = three();
    let unknown = |roster: &mut Roster, text| {
        roster.set_filter(text, ROWS_IN_SIGHT).expect("a valid filter");
        roster.unknown_waba(&[waba("777", "empty")]).map(str::to_owned)
    };
    assert_eq!(unknown(&mut roster, "acme waba:REQ"), Some("req".to_owned()));
    for text in ["waba:ret", "waba:90", "waba:emp", "waba:", "-waba:req", "req", ""] {
        assert_eq!(unknown(&mut roster, text), None, "{text}");
    }
}

#[test]
fn a_paused_change_is_found_by_its_state() {
    let mut roster = three();
    roster.set_change(id("1001"), ChangeState::Paused { until: Clock::System.now(), in_doubt: false });
    for text in ["request:paused", "request:pau", "paused", "acme paus"] {
        assert_eq!(filtered(&mut roster, text), ["1001"], "{text}");
    }
}

#[test]
fn an_invalid_filter_keeps_the_previous_one() {
    let mut roster = three();
    assert_eq!(filtered(&mut roster, "acme"), ["1002", "1001"]);
    assert_eq!(
        roster.set_filter("acme two-step:", ROWS_IN_SIGHT),
        Err(FilterError::NoValue { key: FilterKey::TwoStep })
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
    roster.set_change(id("1001"), ChangeState::Sending { attempt: 1, in_doubt: false });
    roster.apply_updates();
    assert_eq!((ids(&roster), under_cursor(&roster).as_deref()), (vec!["1003".to_owned()], Some("1003")));
}

#[test]
fn a_changed_name_is_found_only_by_its_new_letters() {
    let mut roster = three();
    roster.upsert(&number("1001", "+1 555-010-0151", "Beta", TwoStep::On));
    assert_eq!(filtered(&mut roster, "beta"), ["1001"]);
    assert_eq!(filtered(&mut roster, "support"), Vec::<String>::new());
}

#[test]
fn a_state_finds_names_and_numbers_in_that_state() {
    let mut roster = three();
    roster.upsert(&number("1004", "+1 6", "Sunset Bar", TwoStep::NotSet));
    roster.set_change(id("1001"), ChangeState::Set(FINISHED));
    assert_eq!(filtered(&mut roster, "set"), ["1001", "1004"]);
    assert_eq!(filtered(&mut roster, "not set"), ["1002", "1004"]);
    roster.set_change(id("1003"), ChangeState::Set(FINISHED));
    assert_eq!(filtered(&mut roster, "set"), ["1001", "1004", "1003"]);
}

#[test]
fn numbers_that_end_with_the_digits_come_first() {
    let mut roster = three();
    roster.upsert(&number("1004", "+1 555-010-1435", "Contains them", TwoStep::On));
    roster.upsert(&number("1005", "+44 7700 900143", "Ends with them", TwoStep::On));
    roster.apply_updates();
    assert_eq!(filtered(&mut roster, "143"), ["1002", "1005", "1004"]);
    assert_eq!(filtered(&mut roster, "0 143"), ["1002", "1005", "1004"]);
    roster.set_sort(SortOrder { column: SortColumn::Number, direction: SortDirection::Descending });
    assert_eq!(ids(&roster), ["1005", "1002", "1004"]);
    assert_eq!(filtered(&mut roster, "143 uk"), ["1005", "1004", "1002"]);
}

#[test]
fn an_unfinished_word_keeps_the_last_good_result() {
    let mut roster = three();
    let mut type_text = |text: &str| {
        let result = roster.type_filter(text, 20).map_err(|error| error.to_string());
        (result, ids(&roster).len())
    };
    let unfinished = |completed: &str| Err(format!("Finish the word: {completed}"));
    assert_eq!(type_text("acme"), (Ok(()), 2));
    assert_eq!(type_text("acme two-s"), (unfinished("two-step:"), 2));
    assert_eq!(type_text("acme two-step:").1, 2);
    assert_eq!(type_text("acme two-step:n"), (Ok(()), 1));
    assert_eq!(type_text("acme not se"), (unfinished("not set or not sent"), 1));
    assert_eq!(type_text("acme r"), (Ok(()), 2), "it is part of a name");
    assert_eq!(type_text("acme zz"), (Ok(()), 0));
    assert_eq!(type_text("acme failed"), (Ok(()), 0), "a state is finished");
}

#[test]
fn a_word_that_may_match_a_number_to_come_is_finished() {
    let mut roster = Roster::default();
    assert_eq!(roster.type_filter("re", 20), Ok(()));
    roster.upsert(&number("1002", "+1 555-010-0143", "acme retail", TwoStep::NotSet));
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1002"]);
}

#[test]
fn set_today_ends_with_the_day_in_utc() {
    let mut roster = three();
    for (digits, seconds) in [("1001", 86_399), ("1002", 86_400), ("1003", 172_799)] {
        roster.set_last_set(id(digits), set_at(seconds));
    }
    roster.set_today(UtcTime::from_unix_seconds(90_000));
    assert_eq!(filtered(&mut roster, "set:today"), ["1002", "1003"]);
    assert_eq!(roster.quick_counts().set_today, 2);
    roster.set_today(UtcTime::from_unix_seconds(172_800));
    roster.apply_updates();
    assert_eq!((ids(&roster), roster.quick_counts().set_today), (vec!["1002".to_owned()], 0), "under the cursor");
    roster.set_last_set(id("1003"), set_at(172_801));
    roster.apply_updates();
    assert_eq!((ids(&roster).len(), roster.quick_counts().set_today), (2, 1));
}

#[test]
fn a_later_request_does_not_end_that_a_pin_was_set_today() {
    let mut roster = three();
    for digits in ["1001", "1002", "1003"] {
        roster.set_change(id(digits), ChangeState::Set(FINISHED));
        roster.set_last_set(id(digits), set_at(0));
    }
    roster.set_change(id("1001"), ChangeState::NotSent(FINISHED, NotSentReason::Stopped));
    roster.set_change(id("1002"), ChangeState::Sending { attempt: 1, in_doubt: false });
    roster.set_change(id("1003"), in_doubt());
    assert_eq!(filtered(&mut roster, "set:today"), ["1002", "1001", "1003"]);
    assert_eq!(roster.quick_counts().set_today, 3);
    assert!(roster.is_set_on(0) && !roster.is_set_on(1));
}

#[test]
fn a_row_counts_once_for_its_newest_day() {
    let mut roster = three();
    roster.set_last_set(id("1009"), set_at(1));
    let mut counts = |last_set: Option<LastSet>| {
        if let Some(last_set) = last_set {
            roster.set_last_set(id("1001"), last_set);
        }
        [0, 1].map(|day| roster.store.set_count(day))
    };
    assert_eq!(counts(None), [0, 0], "a number without a row");
    assert_eq!(counts(Some(set_at(1))), [1, 0]);
    assert_eq!(counts(Some(set_at(2))), [1, 0]);
    assert_eq!(counts(Some(set_at(86_400))), [0, 1]);
    assert_eq!(counts(Some(set_at(3))), [0, 1], "an older one");
    roster.upsert(&number("1009", "+9", "Late", TwoStep::On));
    assert_eq!([0, 1].map(|day| roster.store.set_count(day)), [1, 1]);
    roster.begin_refresh();
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!([0, 1].map(|day| roster.store.set_count(day)), [0, 0]);
}

#[test]
fn a_state_moves_its_row_also_if_it_sorts_like_the_one_before() {
    let mut roster = three();
    roster
        .set_change(id("1001"), ChangeState::Waiting { attempt: 2, until: NOW.instant, in_doubt: false, error: None });
    roster.set_change(id("1002"), ChangeState::Set(FINISHED));
    assert_eq!(filtered(&mut roster, "request:paused"), Vec::<String>::new());
    roster.set_change(id("1001"), ChangeState::Paused { until: *NOW, in_doubt: false });
    roster.apply_updates();
    assert_eq!(ids(&roster), ["1001"]);
}

#[test]
fn quick_counts_count_only_listed_numbers() {
    let mut roster = three();
    roster.set_change(id("1001"), in_doubt());
    roster.set_change(id("1009"), in_doubt());
    roster.set_last_set(id("1002"), set_at(0));
    let counts = QuickCounts { not_set: 1, failed: 0, in_doubt: 1, set_today: 1, due: None };
    assert_eq!(roster.quick_counts(), counts);
    roster.upsert(&number("1009", "+9", "Late", TwoStep::On));
    assert_eq!(roster.quick_counts(), QuickCounts { in_doubt: 2, ..counts });
    roster.begin_refresh();
    roster.finish_refresh(&["900".parse().expect("an id")]);
    roster.apply_updates();
    assert_eq!(roster.quick_counts(), QuickCounts { in_doubt: 2, ..QuickCounts::default() });
}

fn completed(text: &str) -> String {
    let completion = three().complete_filter(text, text.chars().count());
    completion.completed.map_or_else(|| text.to_owned(), |(text, _)| text)
}

#[test]
fn tab_completes_as_far_as_it_is_certain() {
    let cases = [
        ("re", "request:"),
        ("acme TWO:n", "acme two-step:not-set "),
        ("request:f", "request:failed "),
        ("request:n", "request:no"),
        ("-req:re", "-request:re"),
        ("waba:u", "waba:uk-retail "),
        ("set:", "set:today "),
        ("fai", "failed "),
        ("acme not s", "acme not se"),
        ("-in d", "-in doubt "),
        ("no a", "no answer "),
        ("", ""),
        ("zz", "zz"),
        ("id:1", "id:1"),
        ("colour:r", "colour:r"),
    ];
    for (text, expected) in cases {
        assert_eq!(completed(text), expected, "{text}");
    }
}

#[test]
fn tab_completes_the_word_at_the_cursor() {
    let completion = three().complete_filter("é req:fai acme", 9);
    let values = vec!["failed".to_owned()];
    let completed = Some(("é request:failed acme".to_owned(), 16));
    assert_eq!(completion, FilterCompletion { key: Some(FilterKey::Request), values, completed });
}

#[test]
fn the_start_of_a_key_shows_its_values() {
    let completion = three().complete_filter("two", 3);
    let values = ["on", "not-set", "unknown", "turned-off"].map(str::to_owned).to_vec();
    let completed = Some(("two-step:".to_owned(), 9));
    assert_eq!(completion, FilterCompletion { key: Some(FilterKey::TwoStep), values, completed });
}
