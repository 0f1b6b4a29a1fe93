use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// More than may be in flight near a limit, and few enough not to reach one.
const MANY_SLOTS: usize = 40;
const HOUR: Duration = Duration::from_hours(1);

fn waba(n: u64) -> WabaId {
    (100_000_000_000_000 + n).to_string().parse().expect("an ID")
}

fn target(n: u64) -> CallTarget {
    CallTarget { waba: Some(waba(n)), number: None }
}

fn throttle(code: i64) -> Option<Throttle> {
    let error = ApiError {
        http_status: 400,
        code,
        subcode: None,
        message: crate::domain::text::CleanText::new("?"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: None,
        is_transient: true,
    };
    Throttle::from_error(&error)
}

fn entry(id: &WabaId, limit_type: &str, percent: u32, minutes: u64) -> UsageEntry {
    let time_to_regain = (minutes > 0).then(|| Duration::from_mins(minutes));
    UsageEntry { id: id.to_string(), limit_type: limit_type.to_owned(), percent, time_to_regain }
}

fn management(n: u64, percent: u32, minutes: u64) -> UsageEntry {
    entry(&waba(n), "whatsapp_business_management", percent, minutes)
}

fn usage(entries: Vec<UsageEntry>) -> Usage {
    Usage { entries, ..Usage::default() }
}

/// Budgets on a clock that the test sets.
struct Fixture {
    budgets: Budgets,
    start: Instant,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let start = Instant::now();
        Self { budgets: Budgets::new(16), start, now: start }
    }

    fn admit(&mut self, target: CallTarget) -> CallTicket {
        self.budgets.admit(target, self.now).expect("it is admitted")
    }

    fn reply(&mut self, ticket: CallTicket, usage: &Usage, code: Option<i64>) {
        let throttle = code.and_then(throttle);
        self.budgets.finish(ticket, CallEnd::Replied { usage, throttle }, self.now);
    }

    /// Makes a call that succeeds or is throttled.
    fn call(&mut self, target: CallTarget, usage: &Usage, code: Option<i64>) {
        let ticket = self.admit(target);
        self.now += Duration::from_millis(100);
        self.reply(ticket, usage, code);
    }

    /// How long a call is paused from now on; `None` if it may be made.
    fn pause(&mut self, target: CallTarget) -> Option<Duration> {
        match self.budgets.hold(target, self.now) {
            Some(Hold::Paused(pause)) => Some(pause.until - self.now),
            Some(Hold::Busy) | None => None,
        }
    }

    /// How many calls may be in flight at once.
    fn free_slots(&mut self, target: CallTarget) -> usize {
        let mut tickets = Vec::new();
        while tickets.len() < MANY_SLOTS {
            match self.budgets.admit(target, self.now) {
                Ok(ticket) => tickets.push(ticket),
                Err(_) => break,
            }
        }
        for ticket in &tickets {
            self.budgets.finish(*ticket, CallEnd::NotSent, self.now);
        }
        tickets.len()
    }
}

#[test]
fn a_throttle_pauses_its_scope_and_no_other() {
    let number = |n: u64| Some((200_000_000_000_000 + n).to_string().parse().expect("an ID"));
    let (own, sibling) = (CallTarget { number: number(1), ..target(1) }, CallTarget { number: number(2), ..target(1) });
    // The code, and whether a sibling number, another WABA and numbers without a known WABA are paused.
    for (code, expected) in [
        (4, [true; 3]),
        (341, [true; 3]),
        (17, [true; 3]),
        (32, [true; 3]),
        (613, [true; 3]),
        (80_007, [true, false, false]),
        (80_008, [true, false, false]),
        (130_429, [false; 3]),
    ] {
        let mut fixture = Fixture::new();
        fixture.call(own, &Usage::default(), Some(code));
        assert_eq!(fixture.pause(own), Some(Duration::from_mins(1)), "{code}");
        let others = [sibling, target(2), CallTarget::default()].map(|other| fixture.pause(other).is_some());
        assert_eq!(others, expected, "{code}");
    }
}

#[test]
fn numbers_without_a_known_waba_wait_together() {
    let mut fixture = Fixture::new();
    fixture.call(CallTarget::default(), &Usage::default(), Some(80_008));
    assert_eq!(fixture.pause(CallTarget::default()), Some(Duration::from_mins(1)));
    assert_eq!(fixture.pause(target(1)), None);
}

#[test]
fn a_pause_lasts_as_long_as_meta_says_for_this_waba_and_type() {
    let minutes = |minutes| Some(Duration::from_mins(minutes));
    let foreign = || [management(2, 100, 59), entry(&waba(1), "messages", 100, 59)];
    let business = "55".parse().expect("an ID");
    // The usage, and the pause.
    let cases = [
        (usage(Vec::from(foreign()).into_iter().chain([management(1, 100, 1)]).collect()), minutes(1)),
        (usage(foreign().into()), minutes(1)),
        (usage(vec![management(1, 100, 19)]), minutes(19)),
        (usage(vec![entry(&waba(1), "whatsapp", 100, 0)]), minutes(1)),
        (usage(vec![entry(&business, "whatsapp", 100, 7)]), minutes(7)),
        (Usage { retry_after: minutes(3), ..usage(foreign().into()) }, minutes(3)),
        (Usage { retry_after: minutes(3), ..usage(vec![management(1, 100, 9)]) }, minutes(9)),
    ];
    for (usage, expected) in cases {
        let mut fixture = Fixture::new();
        fixture.call(target(1), &usage, Some(80_008));
        assert_eq!(fixture.pause(target(1)), expected, "{usage:?}");
    }
}

#[test]
fn throttles_without_a_time_pause_longer_each_time() {
    let mut fixture = Fixture::new();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        fixture.call(target(1), &Usage::default(), Some(80_008));
        let pause = fixture.pause(target(1)).expect("a pause");
        pauses.push(pause.as_secs() / 60);
        fixture.now += pause;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
    fixture.call(target(1), &Usage::default(), None);
    fixture.call(target(1), &Usage::default(), Some(80_008));
    assert_eq!(fixture.pause(target(1)), Some(Duration::from_mins(1)), "after a success it starts again");
}

#[test]
fn calls_in_flight_when_a_pause_begins_are_the_same_throttle() {
    let mut fixture = Fixture::new();
    let tickets: Vec<_> = (0..8).map(|_| fixture.admit(target(1))).collect();
    for ticket in tickets {
        fixture.now += SECOND;
        fixture.reply(ticket, &Usage::default(), Some(80_008));
    }
    assert_eq!(fixture.pause(target(1)), Some(Duration::from_secs(53)));
    assert_eq!(fixture.budgets.take_started_pauses().len(), 1);
}

#[test]
fn after_a_pause_one_call_probes_and_then_the_rest_follows() {
    let mut fixture = Fixture::new();
    let late = fixture.admit(target(1));
    fixture.call(target(1), &Usage::default(), Some(80_008));
    fixture.reply(late, &Usage::default(), None);
    assert_eq!(fixture.free_slots(target(1)), 0, "a success from before the pause does not end it");
    fixture.now += Duration::from_mins(1);
    assert_eq!(fixture.free_slots(target(1)), 1);
    let probe = fixture.admit(target(1));
    fixture.budgets.finish(probe, CallEnd::NoReply, fixture.now);
    assert_eq!(fixture.free_slots(target(1)), 1, "a probe without a reply shows nothing");
    fixture.call(target(1), &Usage::default(), None);
    assert_eq!(fixture.free_slots(target(1)), MANY_SLOTS);
}

#[test]
fn fewer_calls_are_in_flight_near_the_limit() {
    for (percent, expected) in
        [(0, MANY_SLOTS), (74, MANY_SLOTS), (75, 16), (80, 12), (85, 8), (94, 1), (95, 1), (98, 1), (99, 0)]
    {
        let mut fixture = Fixture::new();
        fixture.call(target(1), &usage(vec![management(1, percent, 0)]), None);
        assert!(fixture.free_slots(target(1)).abs_diff(expected) <= 1, "{percent} %");
        let app = Usage { app_percent: Some(percent), ..Usage::default() };
        fixture.call(target(2), &app, None);
        assert!(fixture.free_slots(target(3)).abs_diff(expected) <= 1, "{percent} % of the app");
    }
}

#[test]
fn the_own_calls_are_counted_if_meta_tells_nothing() {
    let mut fixture = Fixture::new();
    let mut made = 0;
    while fixture.pause(target(1)).is_none() {
        fixture.call(target(1), &Usage::default(), None);
        made += 1;
    }
    assert_eq!(made, 4_950, "99 % of 5,000");
    let pause = fixture.pause(target(1)).expect("a pause");
    assert_eq!(fixture.now + pause, fixture.start + Duration::from_millis(100) + HOUR + SECOND);
    assert!(fixture.pause(target(2)).is_none(), "another WABA has its own limit");
}

#[test]
fn what_meta_tells_counts_more_than_the_own_calls() {
    let mut fixture = Fixture::new();
    for made in 1..=12_000 {
        fixture.call(target(1), &usage(vec![management(1, made / 200, 0)]), None);
    }
    assert_eq!(fixture.free_slots(target(1)), MANY_SLOTS, "60 % of 20,000 calls");
    fixture.call(target(1), &usage(vec![management(1, 99, 0)]), None);
    assert!(fixture.pause(target(1)).is_some());
}

#[test]
fn calls_of_other_programs_pause_for_minutes_only() {
    let mut fixture = Fixture::new();
    fixture.call(target(1), &usage(vec![management(1, 100, 0)]), None);
    assert_eq!(fixture.pause(target(1)), Some(Duration::from_mins(15)));
    fixture.now += Duration::from_mins(15);
    fixture.call(target(1), &usage(vec![management(1, 40, 0)]), None);
    assert_eq!(fixture.free_slots(target(1)), MANY_SLOTS);
}

#[test]
fn a_small_limit_that_own_calls_use_up_needs_no_probe() {
    // How many calls of 200 other programs have made, and how long the pause is from the first own call on.
    let cases = [(0, HOUR), (20, HOUR), (150, Duration::from_mins(15)), (190, Duration::from_mins(15))];
    for (foreign, expected) in cases {
        let mut fixture = Fixture::new();
        let mut made = 0;
        while fixture.pause(target(1)).is_none() {
            made += 1;
            let used = foreign + made;
            fixture.call(target(1), &usage(vec![management(1, used * 100 / 200, 0)]), None);
        }
        assert_eq!(foreign + made, 198, "99 % of 200");
        let pause = fixture.pause(target(1)).expect("a pause");
        let since_start = (fixture.now + pause).duration_since(fixture.start);
        assert!(since_start.abs_diff(expected) < SECOND * 25, "{foreign}: {since_start:?}");
    }
}

#[test]
fn replies_that_overtake_each_other_tell_the_newest_percentage() {
    let mut fixture = Fixture::new();
    let old = fixture.admit(target(1));
    fixture.now += SECOND;
    fixture.call(target(1), &usage(vec![management(1, 96, 0)]), None);
    fixture.reply(old, &usage(vec![management(1, 60, 0)]), None);
    assert_eq!(fixture.free_slots(target(1)), 1);
}

#[test]
fn a_new_access_token_ends_the_pause_of_the_old_one() {
    let mut fixture = Fixture::new();
    fixture.call(target(1), &Usage::default(), Some(17));
    fixture.call_is_paused();
    fixture.budgets.replace_token();
    assert_eq!(fixture.pause(target(1)), None);
    fixture.call(target(1), &Usage::default(), Some(4));
    fixture.budgets.replace_token();
    fixture.call_is_paused();
}

impl Fixture {
    fn call_is_paused(&mut self) {
        assert_eq!(self.pause(target(1)), Some(Duration::from_mins(1)));
    }
}

#[test]
fn what_is_left_of_the_calls_is_told_only_after_a_report() {
    let mut fixture = Fixture::new();
    let left = |fixture: &mut Fixture| fixture.budgets.calls_left(waba(1), fixture.now);
    assert_eq!(left(&mut fixture), None, "no call was made");
    fixture.call(target(1), &usage(vec![]), None);
    assert_eq!(left(&mut fixture), None, "the reply told nothing");
    fixture.call(target(1), &usage(vec![management(1, 40, 0)]), None);
    assert_eq!(left(&mut fixture), Some(CallsLeft { left: 3_000, per_hour: 5_000 }));
    for _ in 0..50 {
        fixture.call(target(1), &usage(vec![management(1, 41, 0)]), None);
    }
    assert_eq!(left(&mut fixture), Some(CallsLeft { left: 2_950, per_hour: 5_000 }));
    fixture.now += HOUR;
    assert_eq!(left(&mut fixture), None, "the report is too old");
}
