//! What is counted of the open changes as they come, compared with a look at all of them after random events.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::policy::quota::QuotaScope;

#[derive(Debug, Clone)]
enum Event {
    Upsert { id: u8, waba: u8 },
    Cached { id: u8 },
    Change { id: u8, kind: u8, seconds: u8 },
    Refresh,
    Pause { scope: u8, seconds: u8 },
    EndPauses { seconds: u8 },
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..6, 0u8..3).prop_map(|(id, waba)| Event::Upsert { id, waba }),
        1 => (0u8..6).prop_map(|id| Event::Cached { id }),
        6 => (0u8..6, 0u8..9, 0u8..20).prop_map(|(id, kind, seconds)| Event::Change { id, kind, seconds }),
        1 => Just(Event::Refresh),
        3 => (0u8..8, 0u8..20).prop_map(|(scope, seconds)| Event::Pause { scope, seconds }),
        1 => (0u8..20).prop_map(|seconds| Event::EndPauses { seconds }),
    ]
}

fn after(seconds: u8) -> TimePoint {
    NOW.plus(Duration::from_secs(seconds.into()))
}

fn number_in(id: u8, waba: u8) -> Number {
    let waba = [None, Some(self::waba("900", "EU")), Some(self::waba("910", "uk-b"))][usize::from(waba)].clone();
    Number { waba, ..number(&(10 + id).to_string(), "+1 2", "Acme", TwoStep::On) }
}

fn state(kind: u8, seconds: u8) -> ChangeState {
    match kind {
        0..3 => ChangeState::Queued,
        3 => ChangeState::Sending { attempt: 1, in_doubt: false },
        4 => ChangeState::Waiting { attempt: 2, until: after(seconds).instant, in_doubt: false, error: None },
        5 => ChangeState::Paused { until: after(seconds), in_doubt: false },
        6 => ChangeState::Paused { until: after(seconds), in_doubt: true },
        7 => in_doubt(),
        _ => ChangeState::Set(FINISHED),
    }
}

fn scope(kind: u8) -> QuotaScope {
    match kind {
        0 => QuotaScope::App,
        1 => QuotaScope::Token,
        2 => QuotaScope::Waba(None),
        3 => QuotaScope::Waba(Some("900".parse().expect("an id"))),
        4 => QuotaScope::Waba(Some("910".parse().expect("an id"))),
        number => QuotaScope::Number(id(&(5 + number).to_string())),
    }
}

fn apply(event: &Event, roster: &mut Roster) {
    match event {
        Event::Upsert { id, waba } => roster.upsert(&number_in(*id, *waba)),
        Event::Cached { id } => roster.insert_cached(&number_in(*id, 1)),
        Event::Change { id, kind, seconds } => {
            roster.set_change(self::id(&(10 + id).to_string()), state(*kind, *seconds));
        }
        Event::Refresh => {
            roster.begin_refresh();
            roster.finish_refresh(&["900".parse().expect("an id")]);
            roster.apply_updates();
        }
        Event::Pause { scope, seconds } => roster.pause_scope(self::scope(*scope), after(*seconds)),
        Event::EndPauses { seconds } => roster.end_pauses(|_, until| until <= after(*seconds).instant),
    }
}

/// What the counts are of: running, queued, the times of the retries, the first end of a pause.
fn counted(roster: &Roster) -> (usize, usize, Vec<Instant>, Option<Instant>) {
    let states = || roster.changes().map(|(_, state)| state);
    let is_queued =
        |state: &&ChangeState| matches!(state, ChangeState::Queued | ChangeState::Paused { in_doubt: false, .. });
    let retry_time = |state: &ChangeState| {
        if let ChangeState::Waiting { until, .. } = state { Some(*until) } else { None }
    };
    let mut retry_times: Vec<_> = states().filter_map(retry_time).collect();
    retry_times.sort_unstable();
    let queued = roster.changes().filter(|(_, state)| **state == ChangeState::Queued);
    let pause_end = |id: &PhoneNumberId| {
        if let Some(ChangeState::Paused { until, .. }) = roster.get(id)?.change { Some(until.instant) } else { None }
    };
    let pause_end = queued.filter_map(|(id, _)| pause_end(&id)).min();
    (states().filter(|state| state.is_running()).count(), states().filter(is_queued).count(), retry_times, pause_end)
}

proptest! {
    #[test]
    fn the_open_changes_are_counted_as_they_come(events in prop::collection::vec(events(), 1..60)) {
        let mut roster = Roster::default();
        for event in &events {
            apply(event, &mut roster);
            let retry_times: Vec<_> = roster.retry_times().collect();
            let counts = (roster.running_count(), roster.queued_count(), retry_times, roster.next_pause_end());
            prop_assert_eq!(counts, counted(&roster), "{:?}", event);
        }
    }
}
