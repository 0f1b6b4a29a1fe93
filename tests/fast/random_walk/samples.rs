//! The numbers, PINs, errors and states that a walk draws from, each by an index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pindesk::console::shared::RecordingStatus;
use pindesk::domain::change::{
    ChangeState, Completion, DoubtEnd, InDoubtDetails, JobId, LATE_ARRIVAL_WINDOW, Resolution, SendHistory,
};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::operator::OperatorName;
use pindesk::domain::outcome::{ApiError, DoubtReason, ListDefect, ObjectKind, ReadFailure, ReplyForm, SendFailure};
use pindesk::domain::standing::{ChangeResult, DoubtCause, NotApplied, NotSentReason, Standing};
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobDetail, JobNumber, JobOperator, JobStatus, JobSummary, JobWorker, PinSource, RecordedState};
use pindesk::pace::Pause;
use pindesk::policy::quota::{PauseCause, QuotaScope};

/// No other text on the screen contains these digits.
pub(super) const PINS: [&str; 2] = ["409726", "838271"];
pub(super) const GENERATED_PIN: &str = "571903";

/// A file with numbers: two of them, one that is unknown, and a PIN.
pub(super) const LIST_FILE: &[u8] = b"200000000000001\n+44 7700 900112\n200000000000099\n409726\n";

/// The display number of each number: ordinary, missing, short.
pub(super) const LABELS: [Option<&str>; 6] = [
    Some("+1 555-010-0143"),
    None,
    Some("+44 7700 900112"),
    Some("n/a"),
    Some("+1 555-010-0151"),
    Some("+49 30 23125 001"),
];

/// The name of each number: ordinary, wide, with control characters, right to left, empty.
pub(super) const NAMES: [&str; 6] =
    ["Acme Retail UK", "株式会社アクメ", "Acme\u{1b}[2J\u{202e}kcab", "مخبز السلام", "🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞🍞", ""];

pub(super) fn number_id(index: usize) -> PhoneNumberId {
    format!("20000000000{index:04}").parse().expect("a valid ID")
}

pub(super) fn wabas() -> Vec<Arc<Waba>> {
    let waba = |index: usize| Waba { id: format!("1000000{index}").parse().expect("a valid ID"), name: None };
    (0..2).map(|index| Arc::new(waba(index))).collect()
}

pub(super) fn number(index: usize, two_step: TwoStep, wabas: &[Arc<Waba>]) -> Number {
    let mut number = Number::from_config(number_id(index), Some(CleanText::new(NAMES[index])));
    number.waba = Some(Arc::clone(&wabas[index % wabas.len()]));
    number.display_number = LABELS[index].map(CleanText::new);
    number.two_step = two_step;
    number.read_at = Some(UtcTime::from_unix_seconds(1_795_356_189));
    number
}

fn api_error(code: i64, http_status: u16) -> ApiError {
    let message = CleanText::new("(#100) Something \u{7} that Meta says, in many words that do not fit into one line");
    ApiError {
        http_status,
        code,
        subcode: None,
        message,
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: false,
    }
}

pub(super) const READ_FAILURE_COUNT: usize = 7;

pub(super) fn read_failure(index: usize) -> ReadFailure {
    match index {
        0 => ReadFailure::NoAnswer,
        1 => ReadFailure::NotSent(SendFailure::NoConnection(CleanText::new("refused"))),
        2 => ReadFailure::UnexpectedReply { http_status: 502, form: ReplyForm::Unrecognized },
        3 => ReadFailure::Api(api_error(190, 401)),
        4 => ReadFailure::WrongKind {
            expected: ObjectKind::PhoneNumber,
            node_type: None,
            error: Box::new(api_error(100, 400)),
        },
        5 => ReadFailure::IncompleteList(ListDefect::UnusableRows(2)),
        _ => ReadFailure::Api(api_error(100, 400)),
    }
}

pub(super) const RECORDING_STATUS_COUNT: usize = 5;

/// From index 3 on, the journal is open and the escrow has recipients.
pub(super) fn recording_status(index: usize) -> RecordingStatus {
    let keys = |names: &[&str]| names.iter().map(|name| CleanText::new(name)).collect();
    match index {
        0 => RecordingStatus::RecipientsChanged {
            previous: keys(&["age1old"]),
            current: keys(&["age1new", "age1newer"]),
        },
        1 => RecordingStatus::Unusable(CleanText::new("the state directory cannot be written to")),
        2 => RecordingStatus::Ready { recipients: Vec::new() },
        _ => RecordingStatus::Ready { recipients: keys(&["age1ops", "ana@acme SHA256:x"]) },
    }
}

pub(super) const CHANGE_STATE_COUNT: usize = 17;

// Indices of `change_state`. Each from `ENDED` on is not running. Each from `IN_DOUBT` up to `RESOLVED` (exclusive) is in doubt.
pub(super) const SENDING: usize = 1;
pub(super) const ENDED: usize = 7;
pub(super) const IN_DOUBT: usize = 10;
pub(super) const RESOLVED: usize = 15;
pub(super) const SET: usize = 16;

pub(super) fn change_state(index: usize, now: TimePoint) -> ChangeState {
    let completion = Completion { at: now.utc, attempts: 1 };
    let until = now.instant + Duration::from_millis(3_200);
    match index {
        0 => ChangeState::Queued,
        SENDING => ChangeState::Sending { attempt: 1, in_doubt: false },
        2 => ChangeState::Waiting { attempt: 2, until, in_doubt: false, error: None },
        3 => ChangeState::Waiting { attempt: 2, until, in_doubt: true, error: None },
        4 => ChangeState::Paused { until: now.plus(Duration::from_mins(20)), in_doubt: false },
        5 => ChangeState::Paused { until: now.plus(Duration::from_mins(20)), in_doubt: true },
        6 => ChangeState::Sending { attempt: 2, in_doubt: true },
        ENDED => ChangeState::Failed(completion, api_error(100, 400)),
        8 => ChangeState::Failed(completion, api_error(190, 401)),
        9 => ChangeState::NotSent(
            completion,
            NotSentReason::Failure(SendFailure::NoConnection(CleanText::new("refused"))),
        ),
        IN_DOUBT => in_doubt_state(DoubtReason::SuccessNotTrue, None, now, (true, false)),
        11 => in_doubt_state(DoubtReason::TimedOut { waited: Duration::from_secs(30) }, None, now, (true, true)),
        12 => {
            let newer_pin = NotApplied::Refused(api_error(100, 400));
            in_doubt_state(DoubtReason::SuccessNotTrue, Some(newer_pin), now, (true, false))
        }
        13 => {
            let newer_pin = NotApplied::NotSent(NotSentReason::Stopped);
            in_doubt_state(DoubtReason::SuccessNotTrue, Some(newer_pin), now, (false, false))
        }
        14 => in_doubt_state(DoubtCause::EscrowOnly, None, now, (false, true)),
        RESOLVED => ChangeState::Resolved(completion, DoubtEnd { at: completion.at, how: Resolution::NoPinInForce }),
        _ => ChangeState::Set(completion),
    }
}

pub(super) const PAUSE_COUNT: usize = 4;

pub(super) fn pause(index: usize, now: TimePoint) -> Pause {
    let scope = match index {
        0 => QuotaScope::App,
        1 => QuotaScope::Token,
        2 => QuotaScope::Waba(Some("100000000000001".parse().expect("an ID"))),
        _ => QuotaScope::Number(number_id(0)),
    };
    let cause = if index == 2 { PauseCause::QuotaUsedUp } else { PauseCause::Throttled(80_008) };
    Pause { scope, cause, until: now.plus(Duration::from_mins(20)) }
}

fn in_doubt_state(
    cause: impl Into<DoubtCause>,
    newer_pin: Option<NotApplied>,
    now: TimePoint,
    (is_pin_in_memory, is_in_escrow): (bool, bool),
) -> ChangeState {
    let cause = cause.into();
    let send_history = if cause == DoubtCause::EscrowOnly {
        SendHistory::EscrowOnly { encrypted_at: now.utc }
    } else {
        SendHistory::Recorded(Completion { at: now.utc, attempts: 4 })
    };
    ChangeState::InDoubt(Box::new(InDoubtDetails {
        send_history,
        doubt: cause.into(),
        newer_pin,
        two_step_before: TwoStep::NotSet,
        candidate_count: 1,
        is_pin_in_memory,
        is_in_escrow,
        new_pin_allowed_from: now.plus(LATE_ARRIVAL_WINDOW),
    }))
}

/// The only job of a walk. Its states are reported with this ID.
pub(super) const JOB: JobId = JobId::new(1);

pub(super) const JOB_STATUS_COUNT: usize = 3;
pub(super) const RECORDED_STATE_COUNT: usize = 9;

/// The job as the journal has it at this time: it began a minute before. `indices` are the states of its numbers.
pub(super) fn job_detail(status: usize, indices: &[usize], is_given: bool, now: UtcTime) -> JobDetail {
    let numbers: Vec<_> = indices.iter().enumerate().map(|(index, state)| job_number(index, *state, now)).collect();
    let mut counts = HashMap::new();
    for number in &numbers {
        *counts.entry(number.state).or_default() += 1;
    }
    let name = OperatorName::new(1000, Some(&CleanText::new("bo")), None, &CleanText::new("web2"));
    let summary = JobSummary {
        id: JOB,
        at: UtcTime::from_unix_seconds(now.unix_seconds() - 60),
        profile: CleanText::new("acme"),
        pin_source: if is_given { PinSource::Given } else { PinSource::Random },
        operator: JobOperator { name: name.clone(), user: None, claimed_user: None },
        note: None,
        counts,
        resumable: numbers.iter().filter(|number| number.is_resumable()).count(),
        status: [JobStatus::Interrupted, JobStatus::Finished, JobStatus::Running][status],
        worker: (status == 2).then_some(JobWorker { name, pid: 4_242 }),
    };
    JobDetail { summary, numbers }
}

fn job_number(index: usize, state: usize, now: UtcTime) -> JobNumber {
    let no_answer = || Standing::in_doubt(DoubtReason::SuccessNotTrue);
    let (state, standing) = match state {
        0 => (RecordedState::NotStarted, None),
        1 => (RecordedState::Running, None),
        2 => (RecordedState::Ended(ChangeResult::Set), None),
        3 => (RecordedState::Ended(ChangeResult::Failed), Some(Standing::Failed(api_error(131_009, 400)))),
        4 => (RecordedState::Ended(ChangeResult::Failed), Some(Standing::Failed(api_error(190, 401)))),
        5 => (RecordedState::Ended(ChangeResult::NoAnswer), Some(no_answer())),
        6 => (RecordedState::Ended(ChangeResult::NotSent), Some(Standing::NotSent(NotSentReason::Stopped))),
        7 => (RecordedState::NotApplied, Some(no_answer())),
        _ => (RecordedState::Resolved, Some(no_answer())),
    };
    let is_started = !matches!(state, RecordedState::NotStarted | RecordedState::Running);
    JobNumber {
        number: number_id(index),
        waba: None,
        state,
        change: None,
        at: is_started.then_some(now),
        attempts: u8::from(is_started),
        two_step_before: [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown][index % 3],
        standing: standing.map(Box::new),
        is_set_since: false,
    }
}
