//! The steps of a walk, and the strategies that generate them.

use std::time::Duration;

use pindesk::console::input::key::Key;
use pindesk::domain::number::TwoStep;
use proptest::prelude::*;
use proptest::sample::select;

use super::samples::{
    CHANGE_STATE_COUNT, ENDED, IN_DOUBT, JOB_STATUS_COUNT, LABELS, PAUSE_COUNT, PINS, READ_FAILURE_COUNT,
    RECORDED_STATE_COUNT, RECORDING_STATUS_COUNT, RESOLVED, SET,
};

/// What happens next. Numbers, failures and states are indices into the samples.
#[derive(Debug, Clone)]
pub(super) enum WalkStep {
    Press(Key),
    /// Types the same digits twice and presses Enter, if the form is open.
    TypePin(&'static str),
    /// Generates a PIN and presses Enter, if the form is open.
    RandomPin,
    /// Types the digits that the confirmation asks for and presses Enter.
    TypeLastFour,
    /// Types from the list to the answer at once, before anything is drawn.
    TypeAhead,
    /// Opens the form for these numbers, from the list.
    OpenManyPins(Vec<usize>),
    /// Continues from that form, or types the count that its question asks for.
    SendMany,
    /// Opens the job of the journal, or asks on its page to send what is left.
    OpenJob,
    /// This process starts or resumes the job with these numbers, and waits after so many of them.
    JobStarted(Vec<usize>, Option<usize>),
    /// The journal has the job with this status, and with the numbers in these states.
    JobRecorded {
        status: usize,
        states: Vec<usize>,
        is_given: bool,
    },
    Paste(&'static str),
    Resize(u16, u16),
    Resume,
    /// The console's next timer fires.
    Wake,
    PageArrived {
        is_stale: bool,
        numbers: Vec<(usize, TwoStep)>,
    },
    WabaRead(usize, bool, usize),
    ListRead,
    NumberRead(usize, Result<TwoStep, usize>),
    ChangeMoved(usize, usize),
    CallsPaused(usize),
    /// The journal has a change of another process.
    ChangeRecorded(usize, usize),
    NumberRecordsLoaded(Vec<(usize, usize)>),
    TokenRead(bool),
    RecordsOpened(usize, Vec<(usize, usize)>, bool),
    JournalFailed,
    RecipientsAccepted(bool),
    NumbersCached(Vec<(usize, TwoStep)>),
    HistoryRead(usize),
    ClientNotice,
    Shutdown,
}

fn key() -> impl Strategy<Value = Key> {
    let named = vec![
        Key::Enter,
        Key::Enter,
        Key::LINE_FEED,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Up,
        Key::Down,
        Key::Down,
        Key::Left,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
        Key::Ctrl('c'),
        Key::Ctrl('l'),
        Key::Ctrl('u'),
        Key::Ctrl('w'),
        Key::Ctrl('z'),
        Key::Ctrl('s'),
    ];
    prop_oneof![
        4 => select("pppyyynqsrumcdovg/?1234twwhhzlaiv  +yebxxf".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        3 => select(named),
        1 => any::<char>().prop_filter("a key is no control character", |c| !c.is_control()).prop_map(Key::Char),
        1 => select(('0'..='9').collect::<Vec<_>>()).prop_map(Key::Char),
    ]
}

fn two_step() -> impl Strategy<Value = TwoStep> {
    select(vec![TwoStep::On, TwoStep::NotSet, TwoStep::NotSet, TwoStep::Unknown])
}

fn step() -> impl Strategy<Value = WalkStep> {
    let number = 0..LABELS.len();
    let numbers = proptest::collection::vec((number.clone(), two_step()), 0..5);
    let unresolved = proptest::collection::vec((0..LABELS.len(), IN_DOUBT..RESOLVED), 0..3);
    prop_oneof![
        24 => key().prop_map(WalkStep::Press),
        8 => select(PINS.to_vec()).prop_map(WalkStep::TypePin),
        4 => Just(WalkStep::RandomPin),
        6 => Just(WalkStep::TypeLastFour),
        2 => Just(WalkStep::TypeAhead),
        4 => proptest::collection::vec(0..LABELS.len(), 1..5).prop_map(WalkStep::OpenManyPins),
        10 => Just(WalkStep::SendMany),
        8 => Just(WalkStep::OpenJob),
        2 => (proptest::collection::vec(0..LABELS.len(), 1..5), proptest::option::of(1..3usize))
            .prop_map(|(numbers, send_first)| WalkStep::JobStarted(numbers, send_first)),
        4 => (0..JOB_STATUS_COUNT, proptest::collection::vec(0..RECORDED_STATE_COUNT, 1..LABELS.len()), any::<bool>())
            .prop_map(|(status, states, is_given)| WalkStep::JobRecorded { status, states, is_given }),
        4 => select(vec![PINS[0], "409726\n", "y\r", "+1 555-010-0143", "two-step:on", "-not set", "\u{202e}x\u{7}", "", "200000000000001\r200000000000002\rx"])
            .prop_map(WalkStep::Paste),
        3 => (1u16..200, 1u16..60).prop_map(|(width, height)| WalkStep::Resize(width, height)),
        2 => Just(WalkStep::Resize(80, 24)),
        1 => Just(WalkStep::Resume),
        4 => Just(WalkStep::Wake),
        3 => (any::<bool>(), numbers).prop_map(|(is_stale, numbers)| WalkStep::PageArrived { is_stale, numbers }),
        1 => (0..2usize, any::<bool>(), 0..READ_FAILURE_COUNT)
            .prop_map(|(waba, is_complete, failure)| WalkStep::WabaRead(waba, is_complete, failure)),
        1 => Just(WalkStep::ListRead),
        4 => (number.clone(), prop_oneof![3 => two_step().prop_map(Ok), 1 => (0..READ_FAILURE_COUNT).prop_map(Err)])
            .prop_map(|(number, result)| WalkStep::NumberRead(number, result)),
        6 => (number.clone(), 0..CHANGE_STATE_COUNT).prop_map(|(number, state)| WalkStep::ChangeMoved(number, state)),
        3 => (number.clone(), ENDED..CHANGE_STATE_COUNT).prop_map(|(number, state)| WalkStep::ChangeRecorded(number, state)),
        1 => proptest::collection::vec((number.clone(), select(vec![ENDED, RESOLVED, SET])), 0..3)
            .prop_map(WalkStep::NumberRecordsLoaded),
        2 => (0..RECORDING_STATUS_COUNT, unresolved, any::<bool>())
            .prop_map(|(status, unresolved, has_finding)| WalkStep::RecordsOpened(status, unresolved, has_finding)),
        1 => (0..PAUSE_COUNT).prop_map(WalkStep::CallsPaused),
        1 => Just(WalkStep::JournalFailed),
        1 => any::<bool>().prop_map(WalkStep::RecipientsAccepted),
        1 => proptest::collection::vec((number.clone(), two_step()), 0..3).prop_map(WalkStep::NumbersCached),
        1 => number.prop_map(WalkStep::HistoryRead),
        1 => any::<bool>().prop_map(WalkStep::TokenRead),
        1 => Just(WalkStep::ClientNotice),
    ]
}

/// Steps, each with the pause before it and whether its frame reaches the terminal.
pub(super) fn walk() -> impl Strategy<Value = Vec<(WalkStep, Duration, bool)>> {
    let pause = select(vec![0, 1, 30, 200, 399, 400, 401, 700, 2_500, 21_000, 130_000, 580_000])
        .prop_map(Duration::from_millis);
    let steps = proptest::collection::vec((step(), pause, proptest::bool::weighted(0.8)), 1..160);
    (steps, proptest::bool::weighted(0.1)).prop_map(|(mut steps, shuts_down)| {
        if shuts_down {
            steps.push((WalkStep::Shutdown, Duration::ZERO, true));
        }
        steps
    })
}
