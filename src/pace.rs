//! Paces the calls to Meta: a call waits here until the limits of its app, token, WABA and number allow it.
//!
//! Reads and jobs share one pace, so that a pause holds both. It makes no call, and does not decide what is allowed
//! (`quota` does).

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::clock::{Clock, TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::policy::error_catalog;
use crate::policy::quota::{
    Budgets, CallEnd, CallTarget, CallTicket, CallsLeft, Hold, PauseCause, QuotaScope, ScopePause,
};

/// A shorter pause is told in seconds: a minute would be most of it.
const SECONDS_BELOW: Duration = Duration::from_mins(2);

/// The pace of all calls with one access token. A clone shares the budgets.
#[derive(Clone)]
pub struct Pace(Arc<SharedPace>);

struct SharedPace {
    budgets: Mutex<Budgets>,
    /// Changes whenever a call may be admitted that was not before.
    changes: watch::Sender<()>,
    /// Each changes whenever a pause of its scope starts, gets another end or is forgotten. Only scopes that calls wait for.
    pause_changes: Mutex<HashMap<QuotaScope, watch::Sender<()>>>,
    clock: Clock,
    on_pause: Box<dyn Fn(Pause) + Send + Sync>,
}

/// A pause of one scope, for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// What is paused.
    pub scope: QuotaScope,
    /// Why.
    pub cause: PauseCause,
    /// When the calls go on.
    pub until: TimePoint,
}

/// Why a call may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A scope of it is paused until this time.
    Paused(TimePoint),
    /// Too many calls are in flight.
    Busy,
}

/// What lets a call wait that is one of thousands: it does not wake for what concerns other calls.
#[derive(Debug)]
pub struct WaitChanges {
    calls: watch::Receiver<()>,
    /// Of the app, the access token and the WABA.
    pauses: [watch::Receiver<()>; 3],
}

/// A call that may be made now. If it is dropped before [`PacedCall::finish`], it counts as not sent.
#[must_use = "dropping it gives the call up"]
pub struct PacedCall {
    pace: Pace,
    ticket: Option<CallTicket>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pace").field(&*self.budgets()).finish()
    }
}

/// How long a pause still takes, for an operator: in whole seconds, or if it is longer, in whole minutes. Rounded up, and
/// at least a second.
#[must_use]
pub fn time_left_label(left: Duration) -> String {
    let seconds = left.as_millis().div_ceil(1_000).max(1);
    if seconds < u128::from(SECONDS_BELOW.as_secs()) {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// When [`time_left_label`] says something else of a pause until this time; `None` if the pause has ended.
#[must_use]
pub fn next_time_left_change(until: std::time::Instant, now: std::time::Instant) -> Option<std::time::Instant> {
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let shown_seconds = u64::try_from(left.as_millis().div_ceil(1_000)).ok()?;
    let next = if shown_seconds <= SECONDS_BELOW.as_secs() {
        shown_seconds.saturating_sub(1)
    } else {
        (shown_seconds.div_ceil(60) - 1) * 60
    };
    until.checked_sub(Duration::from_secs(next))
}

impl Pause {
    /// What is paused, until when and why, for an operator. `label` is the name of the WABA or number.
    #[must_use]
    pub fn sentence(&self, label: Option<&str>, now: UtcTime) -> String {
        let (what, is_plural) = self.subject(label);
        let verb = if is_plural { "are" } else { "is" };
        let why = match self.cause {
            PauseCause::Throttled(code) => error_catalog::throttle_reason(code),
            PauseCause::QuotaUsedUp => "the calls for this hour are used up".to_owned(),
        };
        let left = time_left_label(now.until(self.until.utc));
        format!("{what} {verb} paused until {} ({left}): {why}.", self.until.utc)
    }

    /// What goes on after the pause, for an operator. `label` is the name of the WABA or number.
    #[must_use]
    pub fn end_sentence(&self, label: Option<&str>) -> String {
        let (what, is_plural) = self.subject(label);
        let verb = if is_plural { "go" } else { "goes" };
        format!("{what} {verb} on: the pause has ended.")
    }

    /// What is paused, and whether it is more than one thing.
    fn subject(&self, label: Option<&str>) -> (String, bool) {
        match (label, self.scope) {
            (_, QuotaScope::App) => ("Calls of this app".to_owned(), true),
            (_, QuotaScope::Token) => ("Calls with this access token".to_owned(), true),
            (_, QuotaScope::Waba(None)) => ("Numbers without a known WABA".to_owned(), true),
            (Some(label), QuotaScope::Waba(_) | QuotaScope::Number(_)) => (label.to_owned(), false),
            (None, QuotaScope::Waba(Some(waba))) => (format!("WABA {waba}"), false),
            (None, QuotaScope::Number(number)) => (format!("Number {number}"), false),
        }
    }
}

impl From<&Number> for CallTarget {
    fn from(number: &Number) -> Self {
        Self { waba: number.waba_id(), number: Some(number.id) }
    }
}

impl Pace {
    /// A pace without calls, for at most `max_in_flight` changes at once. Calls `on_pause` for each pause that starts or
    /// becomes longer.
    #[must_use]
    pub fn new(max_in_flight: usize, clock: Clock, on_pause: impl Fn(Pause) + Send + Sync + 'static) -> Self {
        let budgets = Mutex::new(Budgets::new(max_in_flight));
        let (changes, pause_changes) = (watch::Sender::new(()), Mutex::default());
        Self(Arc::new(SharedPace { budgets, changes, pause_changes, clock, on_pause: Box::new(on_pause) }))
    }

    /// Waits until the call may be made.
    pub async fn admit(&self, target: CallTarget) -> PacedCall {
        let mut changes = self.subscribe();
        loop {
            match self.try_admit(target) {
                Ok(call) => return call,
                Err(refusal) => wait_for_change(refusal, &mut changes).await,
            }
        }
    }

    /// Admits a call.
    ///
    /// # Errors
    /// Why it may not be made now.
    pub fn try_admit(&self, target: CallTarget) -> Result<PacedCall, Refusal> {
        let ticket =
            self.with_budgets(|budgets, now| budgets.admit(target, now)).map_err(|why| self.refusal_of(why))?;
        Ok(PacedCall { pace: self.clone(), ticket: Some(ticket) })
    }

    /// Why a call may not be made now; `None` if it may.
    #[must_use]
    pub fn refusal(&self, target: CallTarget) -> Option<Refusal> {
        self.with_budgets(|budgets, now| budgets.hold(target, now)).map(|hold| self.refusal_of(hold))
    }

    /// Until when a scope of the call is paused; `None` if none is.
    #[must_use]
    pub fn paused_until(&self, target: CallTarget) -> Option<TimePoint> {
        self.with_budgets(|budgets, now| budgets.pause(target, now)).map(|pause| self.time_point(pause.until))
    }

    /// True if Meta throttles a scope of the call now.
    #[must_use]
    pub fn is_throttled(&self, target: CallTarget) -> bool {
        self.with_budgets(|budgets, now| budgets.is_throttled(target, now))
    }

    /// What is left of the calls of a WABA; `None` if Meta told nothing of them in the last hour.
    #[must_use]
    pub fn calls_left(&self, waba: WabaId) -> Option<CallsLeft> {
        self.with_budgets(|budgets, now| budgets.calls_left(waba, now))
    }

    /// Forgets the pause of the access token, because it was replaced.
    pub fn replace_token(&self) {
        self.with_budgets(|budgets, _| budgets.replace_token());
        self.tell_pause_change(QuotaScope::Token);
        self.0.changes.send_replace(());
    }

    /// Changes whenever a call may be admitted that was not before, except by the mere passing of time.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// For a call of this target that may wait together with many others. Follows no pause of a single number: nearly
    /// always it was the call of that number that started it.
    #[must_use]
    pub fn subscribe_to(&self, target: CallTarget) -> WaitChanges {
        let mut pauses = self.pause_changes();
        let scopes = [QuotaScope::App, QuotaScope::Token, QuotaScope::Waba(target.waba)];
        let pauses = scopes.map(|scope| pauses.entry(scope).or_default().subscribe());
        WaitChanges { calls: self.0.changes.subscribe(), pauses }
    }

    fn finish(&self, ticket: CallTicket, end: CallEnd<'_>) {
        self.with_budgets(|budgets, now| budgets.finish(ticket, end, now));
        self.0.changes.send_replace(());
    }

    /// Uses the budgets, and tells the pauses that start.
    fn with_budgets<T>(&self, act: impl FnOnce(&mut Budgets, std::time::Instant) -> T) -> T {
        let (result, started) = {
            let mut budgets = self.budgets();
            (act(&mut budgets, Instant::now().into_std()), budgets.take_started_pauses())
        };
        for ScopePause { scope, cause, until } in started {
            self.tell_pause_change(scope);
            (self.0.on_pause)(Pause { scope, cause, until: self.time_point(until) });
        }
        result
    }

    fn tell_pause_change(&self, scope: QuotaScope) {
        if let Some(changes) = self.pause_changes().get(&scope) {
            changes.send_replace(());
        }
    }

    fn refusal_of(&self, hold: Hold) -> Refusal {
        match hold {
            Hold::Paused(pause) => Refusal::Paused(self.time_point(pause.until)),
            Hold::Busy => Refusal::Busy,
        }
    }

    fn time_point(&self, at: std::time::Instant) -> TimePoint {
        let now = Instant::now().into_std();
        let left = at.saturating_duration_since(now);
        // Rounded up: the calls do not go on before the time that is shown.
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        TimePoint { instant: at, utc: self.0.clock.at(now).utc.plus(Duration::from_secs(seconds)) }
    }

    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.0.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause_changes(&self) -> MutexGuard<'_, HashMap<QuotaScope, watch::Sender<()>>> {
        self.0.pause_changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a refused call may be tried again.
pub async fn wait_for_change(refusal: Refusal, changes: &mut watch::Receiver<()>) {
    let due = async {
        match refusal {
            Refusal::Paused(until) => tokio::time::sleep_until(until.instant.into()).await,
            Refusal::Busy => std::future::pending().await,
        }
    };
    tokio::select! {
        () = due => {}
        // The sender lives as long as its pace.
        _ = changes.changed() => {}
    }
}

impl WaitChanges {
    /// Waits until a call that was refused may be tried again, or a pause that concerns it starts or changes. Without a
    /// refusal, because the call is not due, it waits for the latter only.
    pub async fn wait(&mut self, refusal: Option<Refusal>) {
        let Self { calls, pauses: [app, token, waba] } = self;
        let retry = async {
            match refusal {
                Some(Refusal::Paused(until)) => tokio::time::sleep_until(until.instant.into()).await,
                // The senders live as long as their pace.
                Some(Refusal::Busy) => drop(calls.changed().await),
                None => pending().await,
            }
        };
        tokio::select! {
            () = retry => {}
            _ = app.changed() => {}
            _ = token.changed() => {}
            _ = waba.changed() => {}
        }
    }
}

impl PacedCall {
    /// The call, for this number. It may be paused all the same: see [`Pace::is_throttled`].
    pub fn for_number(mut self, number: PhoneNumberId) -> Self {
        self.ticket = self.ticket.map(|ticket| ticket.for_number(number));
        self
    }

    /// Reports how the call ended.
    pub fn finish(mut self, end: CallEnd<'_>) {
        if let Some(ticket) = self.ticket.take() {
            self.pace.finish(ticket, end);
        }
    }
}

impl Drop for PacedCall {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.pace.finish(ticket, CallEnd::NotSent);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::policy::error_catalog::ThrottleScope;
    use crate::policy::quota::{Throttle, Usage, UsageEntry};

    #[test]
    fn a_throttle_counts_although_another_pause_is_longer() {
        let pace = Pace::new(2, Clock::System, |_| {});
        let waba: WabaId = "100000000000001".parse().expect("an ID");
        let target = CallTarget { waba: Some(waba), number: None };
        let [first, second] = [(); 2].map(|()| pace.try_admit(target).expect("nothing is paused"));
        let used_up = UsageEntry {
            id: waba.to_string(),
            limit_type: "whatsapp_business_management".to_owned(),
            percent: 100,
            time_to_regain: None,
        };
        first.finish(CallEnd::Replied { usage: &Usage { entries: vec![used_up], ..Usage::default() }, throttle: None });
        assert!(pace.refusal(target).is_some() && !pace.is_throttled(target), "only the quota is used up");
        let longest = pace.paused_until(target);
        let throttle = Some(Throttle { scope: ThrottleScope::App, code: 4 });
        second.finish(CallEnd::Replied { usage: &Usage::default(), throttle });
        assert_eq!(pace.paused_until(target).map(|until| until.instant), longest.map(|until| until.instant));
        assert!(pace.is_throttled(target), "the app is paused too, for a shorter time");
    }

    #[test]
    fn a_call_that_is_not_due_wakes_only_for_its_pauses() {
        let pace = Pace::new(2, Clock::System, |_| {});
        let target = |waba: &str| CallTarget { waba: Some(waba.parse().expect("an ID")), number: None };
        let [own, other] = ["100000000000001", "100000000000002"].map(target);
        let end = |target, scope| {
            let throttle = Some(Throttle { scope, code: 4 });
            let call = pace.try_admit(target).expect("nothing of it is paused");
            call.finish(CallEnd::Replied { usage: &Usage::default(), throttle });
        };
        let mut changes = pace.subscribe_to(own);
        let mut wakes = || changes.wait(None).now_or_never().is_some();
        drop(pace.try_admit(own));
        end(other, ThrottleScope::Waba);
        assert!(!wakes(), "a call ended, and another WABA is paused");
        pace.replace_token();
        assert_eq!([wakes(), wakes()], [true, false], "the pause of the token may have ended");
        for scope in [ThrottleScope::Waba, ThrottleScope::App] {
            let target = if scope == ThrottleScope::Waba { own } else { target("100000000000003") };
            end(target, scope);
            assert_eq!([wakes(), wakes()], [true, false], "{scope:?} is paused");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_call_wakes_at_each_end_and_a_paused_one_in_time() {
        let pace = Pace::new(2, Clock::System, |_| {});
        let mut changes = pace.subscribe_to(CallTarget::default());
        let until = pace.time_point(Instant::now().into_std() + Duration::from_mins(1));
        drop(pace.try_admit(CallTarget::default()));
        assert_eq!(changes.wait(Some(Refusal::Paused(until))).now_or_never(), None);
        assert_eq!(changes.wait(Some(Refusal::Busy)).now_or_never(), Some(()));
        changes.wait(Some(Refusal::Paused(until))).await;
        assert_eq!(Instant::now().into_std(), until.instant);
    }

    #[test]
    fn a_pause_below_two_minutes_is_told_in_seconds() {
        let now = UtcTime::from_unix_seconds(1_795_356_000);
        let time = |seconds| {
            let until = now.plus(Duration::from_secs(seconds));
            let until = TimePoint { instant: std::time::Instant::now(), utc: until };
            let sentence = Pause { scope: QuotaScope::App, cause: PauseCause::QuotaUsedUp, until }.sentence(None, now);
            sentence.split(['(', ')']).nth(1).map(str::to_owned)
        };
        for (seconds, told) in [(0, "1 s"), (8, "8 s"), (119, "119 s"), (120, "2 min"), (121, "3 min")] {
            assert_eq!(time(seconds).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_pause_names_scope_cause_end_and_minutes() {
        let now = UtcTime::from_unix_seconds(1_795_356_000);
        let pause = |scope, cause| {
            let until = TimePoint { instant: std::time::Instant::now(), utc: now.plus(Duration::from_secs(1_201)) };
            Pause { scope, cause, until }
        };
        let waba = QuotaScope::Waba(Some("100000000000001".parse().expect("an ID")));
        let number = QuotaScope::Number("200000000000001".parse().expect("an ID"));
        let (throttled, used_up) = (PauseCause::Throttled(80_008), PauseCause::QuotaUsedUp);
        let slower = "Meta asks to go slower: the calls for this WABA are used up for the last hour (code 80008).";
        let cases = [
            (QuotaScope::App, None, throttled, "Calls of this app", ["are", "go"], slower),
            (QuotaScope::Token, None, throttled, "Calls with this access token", ["are", "go"], slower),
            (waba, Some("uk-retail"), used_up, "uk-retail", ["is", "goes"], "the calls for this hour are used up."),
            (waba, None, throttled, "WABA 100000000000001", ["is", "goes"], slower),
            (QuotaScope::Waba(None), None, throttled, "Numbers without a known WABA", ["are", "go"], slower),
            (number, Some("+1 555-010-0143"), throttled, "+1 555-010-0143", ["is", "goes"], slower),
        ];
        for (scope, label, cause, what, [paused, goes], why) in cases {
            let pause = pause(scope, cause);
            let expected = format!("{what} {paused} paused until 14:20:01 UTC (21 min): {why}");
            assert_eq!(pause.sentence(label, now), expected);
            assert_eq!(pause.end_sentence(label), format!("{what} {goes} on: the pause has ended."));
        }
    }

    #[test]
    fn each_change_of_the_time_left_is_known_before() {
        let mut now = Instant::now().into_std();
        let until = now + Duration::from_millis(180_500);
        let mut labels = vec![time_left_label(until - now)];
        while let Some(next) = next_time_left_change(until, now) {
            let left_before = until - next + Duration::from_millis(1);
            assert_eq!(Some(&time_left_label(left_before)), labels.last());
            now = next;
            labels.push(time_left_label(until - now));
        }
        let minutes = ["4 min", "3 min", "2 min"].map(str::to_owned).into_iter();
        // The label of the end is that of its last second.
        let seconds = (1..120).rev().chain([1]).map(|seconds| format!("{seconds} s"));
        assert_eq!(labels, minutes.chain(seconds).collect::<Vec<_>>());
    }
}
