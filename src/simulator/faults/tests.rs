use super::*;

fn set_pin(number: (&str, usize)) -> CallInfo<'_> {
    CallInfo { call: CallKind::SetPin, number: Some(number), waba: "100000000000001" }
}

fn now() -> Instant {
    Instant::now()
}

fn injector(text: &str) -> FaultInjector {
    FaultInjector::new(FaultPlan::parse(text).expect("a valid plan"))
}

#[test]
fn a_fault_applies_after_and_times_to_its_number() {
    let mut injector = injector(
        "[[fault]]\nnumber = \"200000000000003\"\ntimes = 2\nafter = 1\nanswer = { code = 131016, status = 500 }",
    );
    let error = FaultResponse::Error(ErrorResponse { code: 131_016, status: Some(500), ..ErrorResponse::default() });
    assert_eq!(injector.next_fault(set_pin(("200000000000004", 3)), now()), None);
    let responses: Vec<_> = (0..4).map(|_| injector.next_fault(set_pin(("200000000000003", 2)), now())).collect();
    assert_eq!(responses, [None, Some(error.clone()), Some(error), None]);
}

#[test]
fn an_error_without_a_status_has_that_of_meta() {
    let statuses = [80_007, 4, 190, 200, 131_016, 133_004, 987_654].map(|code| {
        let plan = format!("[[fault]]\nevery = 1\nanswer = {{ code = {code} }}");
        match injector(&plan).next_fault(set_pin(("200000000000001", 0)), now()) {
            Some(FaultResponse::Error(error)) => error.http_status(),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(statuses, [400, 400, 401, 403, 500, 503, 400]);
}

#[test]
fn a_fault_with_a_duration_ends_after_its_first_use() {
    let mut injector = injector("[[fault]]\nevery = 1\nafter = 1\nfor = \"3m\"\nanswer = \"html\"");
    let start = now();
    let responses = [0, 0, 179, 180].map(|seconds| {
        injector.next_fault(set_pin(("200000000000001", 0)), start + Duration::from_secs(seconds)).is_some()
    });
    assert_eq!(responses, [false, true, true, false]);
}

#[test]
fn every_counts_only_calls_of_its_kind() {
    let mut injector = injector("[[fault]]\nevery = 3\nanswer = \"html\"");
    let list = CallInfo { call: CallKind::List, number: None, waba: "100000000000001" };
    assert_eq!(injector.next_fault(list, now()), None);
    let are_faulty: Vec<_> =
        (0..6).map(|_| injector.next_fault(set_pin(("200000000000001", 0)), now()).is_some()).collect();
    assert_eq!(are_faulty, [false, false, true, false, false, true]);
}

#[test]
fn a_list_fault_does_not_affect_pin_requests() {
    let mut injector = injector("[[fault]]\nwaba = \"100000000000001\"\ncall = \"list\"\nanswer = \"empty-page\"");
    assert_eq!(injector.next_fault(set_pin(("200000000000001", 0)), now()), None);
    let list = CallInfo { call: CallKind::List, number: None, waba: "100000000000001" };
    assert_eq!(injector.next_fault(list, now()), Some(FaultResponse::EmptyPage));
}

#[test]
fn an_invalid_plan_is_refused_with_line_and_reason() {
    let cases = [
        ("[[fault]]\nanswer = \"html\"", "exactly one of number, waba and every"),
        ("[[fault]]\nevery = 1\nwaba = \"1\"\nanswer = \"html\"", "exactly one of number, waba and every"),
        ("[[fault]]\nevery = 0\nanswer = \"html\"", "every = 0"),
        ("[[fault]]\nnumber = \"abc\"\nanswer = \"html\"", "number = \"abc\""),
        ("[[fault]]\nevery = 1\nanswer = \"explode\"", "reset-before"),
        ("[[fault]]\nevery = 1\nanswer = \"empty-page\"", "needs call = \"list\""),
        ("[[fault]]\nevery = 1\nanswer = { code = 1, status = 99 }", "status = 99"),
        ("[[fault]]\nevery = 1\nanswer = { code = 1, status = 500, stauts = 1 }", "stauts"),
        ("[[fault]]\nevery = 1\nfor = \"3\"\nanswer = \"html\"", "a duration such as 90s"),
        ("[[fault]]\nevery = 1\ntime = 2\nanswer = \"html\"", "time"),
        ("[[faults]]\nevery = 1\nanswer = \"html\"", "faults"),
        ("[[fault]]\nevery = 1", "answer"),
    ];
    for (text, reason) in cases {
        let error = FaultPlan::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason) && error.contains("line "), "{text}: {error}");
    }
}

#[test]
fn the_demo_has_the_planned_rates_of_faults() {
    let responses: Vec<FaultResponse> =
        (0..100_000).filter_map(|index| demo_fault(index).map(|(response, _)| response)).collect();
    let errors = responses.iter().filter(|response| matches!(response, FaultResponse::Error(_))).count();
    let silent = responses.len() - errors;
    assert!((900..1_100).contains(&errors) && (430..570).contains(&silent), "{errors} errors, {silent} silent");
    let codes: std::collections::HashSet<i64> = (8..12_408)
        .filter_map(|index| match demo_fault(index) {
            Some((FaultResponse::Error(error), _)) => Some(error.code),
            _ => None,
        })
        .collect();
    assert_eq!(codes.len(), 11, "each code occurs among the numbers of the demo");
}

#[test]
fn the_first_numbers_of_the_demo_behave_as_named() {
    let faults: Vec<_> = (0..8).map(|index| demo_fault(index).map(|(response, _)| response)).collect();
    let error = |code, status, retry_after| {
        Some(FaultResponse::Error(ErrorResponse {
            code,
            status: Some(status),
            retry_after,
            ..ErrorResponse::default()
        }))
    };
    let expected = [
        None,
        None,
        error(133_010, 400, None),
        error(200, 403, None),
        Some(FaultResponse::ResetAfter),
        error(80_008, 400, Some(5)),
        Some(FaultResponse::Html),
        error(131_031, 403, None),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn a_temporary_demo_error_disappears_after_a_retry() {
    let index =
        (0..12_408).find(|index| matches!(demo_fault(*index), Some((FaultResponse::Error(_), 1)))).expect("one");
    let mut injector = FaultInjector::new(FaultPlan::demo());
    assert!(injector.next_fault(set_pin(("x", index)), now()).is_some());
    assert_eq!(injector.next_fault(set_pin(("x", index)), now()), None);
}
