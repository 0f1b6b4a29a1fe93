use std::time::Duration;

use super::*;
use crate::domain::outcome::ReplyForm;
use crate::domain::text::width;

fn api_error(http_status: u16, code: i64) -> ApiError {
    ApiError {
        http_status,
        code,
        subcode: None,
        message: CleanText::default(),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    }
}

#[test]
fn every_step_fits_its_place() {
    let steps = [
        RESOLVE_DOUBT,
        RESOLVE_REPLACEMENT,
        KEEP_PIN,
        KEEP_BOTH_PINS,
        KEEP_OLDER_PIN,
        CHECK_NETWORK_STEPS,
        FIX_TLS_STEPS,
        RESUME_JOB_STEPS,
        FIX_ID_STEPS,
        FIX_CAUSE_STEPS,
        FIX_UNKNOWN_STEPS,
        FIX_CONNECTION_STEPS,
        REFRESH_LATER_STEPS,
    ];
    for step in steps.into_iter().flatten() {
        assert!(width(step) <= 74, "{step}");
        assert!(!step.contains('!'), "{step}");
    }
}

#[test]
fn each_doubt_has_its_own_reason_and_keeps_the_pin() {
    let doubts = [
        DoubtReason::TimedOut { waited: Duration::from_secs(30) }.into(),
        DoubtReason::ConnectionLost { after: Duration::from_secs(12) }.into(),
        DoubtReason::ServerError(api_error(503, 2)).into(),
        DoubtReason::UnexpectedReply { http_status: 502, form: ReplyForm::Unrecognized }.into(),
        DoubtReason::SuccessNotTrue.into(),
        DoubtCause::ProcessEnded,
        DoubtCause::EscrowOnly,
    ];
    let explanations = doubts.map(|cause| Explanation::for_doubt(&Doubt::from(cause), TwoStep::NotSet));
    for (index, explanation) in explanations.iter().enumerate() {
        assert_eq!(explanation.applied, Applied::Maybe);
        assert_eq!(explanation.advice[0], "Keep the PIN.");
        for before in [TwoStep::On, TwoStep::Unknown] {
            let advice = [KEEP_BOTH_PINS, explanation.cause_steps, RESOLVE_REPLACEMENT].concat();
            assert_eq!(explanation.clone().after(before), Explanation { advice, ..explanation.clone() });
        }
        assert!(width(&explanation.summary) <= 48, "{}", explanation.summary);
        let is_unique = explanations[..index].iter().all(|other| other.reason != explanation.reason);
        assert!(is_unique, "{}", explanation.reason);
    }
    assert_eq!(explanations[0].summary, "sent, no answer in 30 s");
}

#[test]
fn an_older_pin_in_doubt_differs_from_the_last_pin() {
    let refused_here =
        SendFailure::RefusedLocally(CleanText::new("an earlier PIN could still take effect until 14:02:40 UTC"));
    let explanations = [
        NotApplied::Refused(api_error(400, 133_010)),
        NotApplied::NotSent(NotSentReason::Stopped),
        NotApplied::NotSent(refused_here.into()),
    ]
    .map(|last| Explanation::for_older_pin(&last));
    assert_eq!(
        explanations.each_ref().map(|explanation| explanation.reason.as_ref()),
        [
            "Meta refused the last request: the number is not registered. It changed nothing, but the older PIN of \
             the request before it is in doubt.",
            "The last request was not sent: stopped before it was sent. It changed nothing, but the older PIN of \
             the request before it is in doubt.",
            "The last request was refused here: an earlier PIN could still take effect until 14:02:40 UTC. It \
             changed nothing, but the older PIN of the request before it is in doubt.",
        ]
    );
    for explanation in explanations {
        assert_eq!(explanation.applied, Applied::Maybe);
        let advice = [KEEP_OLDER_PIN, explanation.cause_steps, &RESOLVE_DOUBT[..1]].concat();
        assert_eq!(explanation.advice, advice);
        assert!(width(&explanation.summary) <= 48, "{}", explanation.summary);
    }
}

#[test]
fn a_request_that_was_not_sent_changed_nothing() {
    let explanation = Explanation::for_send_failure(&SendFailure::NoConnection(CleanText::new("connection refused")));
    assert_eq!(explanation.reason, "There is no connection to Meta: connection refused.");
    assert_eq!(explanation.applied, Applied::No);
}
