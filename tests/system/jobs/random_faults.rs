//! Thousands of changes under random faults: every attempt carries the same PIN, and every reported state is true.

use std::fmt::Write as _;
use std::time::Duration;

use pindesk::domain::change::{ChangeState, MAX_ATTEMPTS};

use super::{JobsFixture, id, is_set, pin_digits, plans, start_simulator};

/// True if the state `after` may directly follow `before`.
fn is_valid_transition(before: &ChangeState, after: &ChangeState) -> bool {
    match before {
        ChangeState::Queued => matches!(after, ChangeState::Sending { attempt: 1, .. } | ChangeState::NotSent(..)),
        ChangeState::Sending { attempt, in_doubt } => match after {
            ChangeState::Waiting { attempt: next, in_doubt: now, .. } => {
                (*next == attempt + 1 || next == attempt) && now >= in_doubt
            }
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Resolved(..) => false,
            ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(..) => true,
        },
        ChangeState::Waiting { attempt, in_doubt, .. } => {
            *after == ChangeState::Sending { attempt: *attempt, in_doubt: *in_doubt }
                || matches!(after, ChangeState::Paused { .. })
        }
        ChangeState::Paused { .. } => {
            matches!(after, ChangeState::Sending { .. } | ChangeState::Waiting { .. } | ChangeState::Paused { .. })
        }
        ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::InDoubt(..)
        | ChangeState::Resolved(..) => false,
    }
}

fn sent_attempt(state: &ChangeState) -> Option<u8> {
    if let ChangeState::Sending { attempt, .. } = state { Some(*attempt) } else { None }
}

/// Random faults of every kind for about 35 in 100 attempts of each number.
fn random_faults(numbers: u64) -> String {
    const ANSWERS: [&str; 14] = [
        "\"timeout\"",
        "\"reset-before\"",
        "\"reset-after\"",
        "\"truncate\"",
        "\"html\"",
        "\"success-false\"",
        "\"redirect\"",
        "\"slow\"",
        "{ code = 131016, status = 500 }",
        "{ code = 2, status = 503, transient = true }",
        "{ code = 80008, status = 400 }",
        "{ code = 4, status = 429 }",
        "{ code = 131057, status = 500 }",
        "{ code = 100, status = 400 }",
    ];
    let mut plan = String::new();
    let mut seed = 12_345_u64;
    for n in 1..=numbers {
        loop {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = usize::try_from(seed >> 33).expect("31 bits");
            if random % 100 >= 35 {
                break;
            }
            let answer = ANSWERS[random / 100 % ANSWERS.len()];
            writeln!(plan, "[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {answer}", id(n))
                .expect("a String accepts all text");
        }
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn with_random_faults_every_reported_state_is_true() {
    const NUMBERS: u64 = 3_000;
    let simulator = start_simulator(3_000, Duration::from_millis(20), &random_faults(NUMBERS)).await;
    let before: Vec<_> = (1..=NUMBERS).map(|n| simulator.pin_in_force(&id(n))).collect();
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    fixture.set_pins(plans(NUMBERS)).await;
    fixture.wait_until_finished(3_000).await;
    let mut attempts_in_all = 0;
    for (n, before) in (1..).zip(before) {
        let states = &fixture.states[&id(n)];
        assert_eq!(states[0], ChangeState::Queued);
        assert!(states.windows(2).all(|pair| is_valid_transition(&pair[0], &pair[1])), "{}", fixture.state_history(n));
        let sent = simulator.pins_sent(&id(n));
        // A throttled request repeats the number of its attempt.
        let attempts: Vec<u8> = states.iter().filter_map(sent_attempt).collect();
        let last_attempt = attempts.last().copied().unwrap_or_default();
        assert!(last_attempt <= MAX_ATTEMPTS && sent.iter().all(|pin| *pin == pin_digits(n)), "{n}: {sent:?}");
        assert_eq!(attempts.len(), sent.len(), "{n}");
        attempts_in_all += sent.len();
        let in_force = simulator.pin_in_force(&id(n));
        match fixture.last_state(n) {
            ChangeState::Set(finished) => {
                assert_eq!((in_force, finished.attempts), (Some(pin_digits(n)), last_attempt), "{n}");
            }
            ChangeState::Failed(..) | ChangeState::NotSent(..) => {
                assert_eq!(in_force, before, "{n}: nothing was changed");
            }
            ChangeState::InDoubt(..) => assert!(in_force == before || in_force == Some(pin_digits(n)), "{n}"),
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Resolved(..) => {
                unreachable!("finished, and nothing was resolved")
            }
        }
    }
    assert!(fixture.count_last_states(is_set) > 2_500 && attempts_in_all > 3_750, "{attempts_in_all} attempts");
    assert!(fixture.count_last_states(|state| matches!(state, ChangeState::InDoubt(..))) > 0);
    assert!(fixture.count_last_states(|state| matches!(state, ChangeState::Failed(..))) > 0);
}
