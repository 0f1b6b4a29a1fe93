//! The budget of one scope: its own calls of the last hour, what Meta last told, and whether it is paused.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{CallsLeft, PauseCause};

/// The window in which Meta counts calls.
const WINDOW: Duration = Duration::from_hours(1);
/// Calls that end within this time are counted together, so that the log of an hour has at most 3,600 entries.
const LOG_STEP: Duration = Duration::from_secs(1);

/// Meta's limit for a WABA with at least one registered number, until a reply tells otherwise.
/// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
const ASSUMED_CALLS_PER_HOUR: u64 = 5_000;

/// Up to this share of the limit, in thousandths, any number of calls may be in flight.
const FULL_SPEED_UP_TO: u64 = 750;
/// From this share on, one call may be in flight.
const ONE_CALL_FROM: u64 = 950;
/// From this share on, no call is made until the oldest ones are an hour old.
const PAUSE_FROM: u64 = 990;

/// A percentage below this, or a smaller difference of two, is too coarse to compute the limit from it.
const MIN_PERCENT_TO_COMPUTE_LIMIT: u64 = 10;

/// The pauses of a throttle for which Meta names no time, one after the other. The last one repeats.
const UNNAMED_PAUSES: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(4),
    Duration::from_mins(8),
    Duration::from_mins(15),
];

/// The shortest pause of a used-up limit, so that calls which other programs take do not cause a probe each second.
const MIN_QUOTA_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause of a limit that mostly other programs use: when their calls are an hour old is not known here.
const MAX_FOREIGN_PAUSE: Duration = Duration::from_mins(15);

/// The budget of one scope.
#[derive(Debug)]
pub(super) struct Budget {
    log: CallLog,
    in_flight: u64,
    /// True if Meta documents the limit. The own calls are then counted even if no reply tells a percentage.
    is_documented: bool,
    report: Option<Report>,
    /// The report of the last hour with the lowest percentage.
    lowest: Option<Report>,
    phase: Phase,
    /// How many throttles in a row, without a success between them, named no time.
    unnamed_pauses: usize,
}

/// The last percentage that Meta told.
#[derive(Debug, Clone, Copy)]
struct Report {
    percent: u64,
    /// When the call was admitted whose reply told it.
    admitted_at: Instant,
    /// How many own calls the last hour had then, with that call.
    calls: u64,
}

impl Report {
    fn replaces_lowest(self, lowest: Self) -> bool {
        let is_old = self.admitted_at.saturating_duration_since(lowest.admitted_at) >= WINDOW;
        is_old || self.percent <= lowest.percent
    }
}

/// Whether calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Paused {
        since: Instant,
        until: Instant,
        cause: PauseCause,
    },
    /// The pause is over. One call at a time, until one succeeds.
    Probing {
        since: Instant,
    },
}

impl Budget {
    /// The budget of a scope whose limit Meta does not document.
    pub(super) const fn unknown() -> Self {
        Self {
            log: CallLog { steps: VecDeque::new(), total: 0 },
            in_flight: 0,
            is_documented: false,
            report: None,
            lowest: None,
            phase: Phase::Open,
            unnamed_pauses: 0,
        }
    }

    /// The budget of a WABA.
    pub(super) fn of_waba() -> Self {
        Self { is_documented: true, ..Self::unknown() }
    }

    /// Counts a call that starts. Returns how many own calls the last hour has now.
    pub(super) fn start(&mut self, now: Instant) -> u64 {
        self.in_flight += 1;
        self.own_calls(now)
    }

    /// Counts the end of a call.
    pub(super) fn end(&mut self, was_sent: bool, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if was_sent {
            self.log.add(now);
        }
    }

    /// Records what a reply told. Replies may overtake each other: the newest call tells most.
    pub(super) fn report(&mut self, percent: Option<u32>, admitted_at: Instant, calls: u64) {
        if self.report.is_none_or(|report| report.admitted_at <= admitted_at) {
            self.report = percent.map(|percent| Report { percent: percent.into(), admitted_at, calls });
        }
        if let Some(report) = self.report
            && self.lowest.is_none_or(|lowest| report.replaces_lowest(lowest))
        {
            self.lowest = Some(report);
        }
    }

    /// True if as many calls are in flight as may be now.
    pub(super) fn is_busy(&mut self, max_in_flight: usize, now: Instant) -> bool {
        match self.phase {
            Phase::Probing { .. } => self.in_flight > 0,
            Phase::Open | Phase::Paused { .. } => {
                let used = self.used(now);
                used >= FULL_SPEED_UP_TO && self.in_flight >= allowance(used, max_in_flight)
            }
        }
    }

    /// Pauses if the limit is nearly reached. Returns when the pause ends that this starts.
    pub(super) fn start_quota_pause(&mut self, now: Instant) -> Option<Instant> {
        if self.phase != Phase::Open || self.used(now) < PAUSE_FROM {
            return None;
        }
        let until = now + self.quota_pause(now);
        self.phase = Phase::Paused { since: now, until, cause: PauseCause::QuotaUsedUp };
        Some(until)
    }

    /// The pause of this scope, if it is paused. Ends one that is over.
    pub(super) fn pause(&mut self, now: Instant) -> Option<(PauseCause, Instant)> {
        if let Phase::Paused { since, until, .. } = self.phase
            && until <= now
        {
            self.phase = Phase::Probing { since };
        }
        match self.phase {
            Phase::Paused { until, cause, .. } => Some((cause, until)),
            Phase::Open | Phase::Probing { .. } => None,
        }
    }

    /// Pauses after a throttled call. Returns when the pause ends, if this call started or extended it.
    ///
    /// Calls that were in flight when the pause began belong to the same throttle.
    pub(super) fn throttle(
        &mut self,
        cause: PauseCause,
        named_wait: Option<Duration>,
        admitted_at: Instant,
        now: Instant,
    ) -> Option<Instant> {
        if let Phase::Paused { since, until, .. } = self.phase
            && admitted_at <= since
        {
            let named = named_wait.map(|wait| now + wait).filter(|named| *named > until + LOG_STEP)?;
            self.phase = Phase::Paused { since, until: named, cause };
            return Some(named);
        }
        let wait = named_wait.unwrap_or_else(|| {
            let wait = UNNAMED_PAUSES[self.unnamed_pauses.min(UNNAMED_PAUSES.len() - 1)];
            self.unnamed_pauses += 1;
            wait
        });
        self.phase = Phase::Paused { since: now, until: now + wait, cause };
        Some(now + wait)
    }

    /// A call succeeded that was admitted at this time: if it was a probe, all others follow. Returns true if the scope
    /// is open now.
    pub(super) fn reopen(&mut self, admitted_at: Instant) -> bool {
        match self.phase {
            Phase::Probing { since } if admitted_at > since => {
                self.reopen_now();
                true
            }
            Phase::Paused { .. } | Phase::Probing { .. } => false,
            Phase::Open => true,
        }
    }

    pub(super) const fn reopen_now(&mut self) {
        self.phase = Phase::Open;
        self.unnamed_pauses = 0;
    }

    /// Own calls of the last hour, with those in flight.
    fn own_calls(&mut self, now: Instant) -> u64 {
        self.log.count(now) + self.in_flight
    }

    /// How much of the limit is used, in thousandths: what Meta last told, and the own calls since then.
    fn used(&mut self, now: Instant) -> u64 {
        let calls = self.own_calls(now);
        if self.report.is_some_and(|report| now.saturating_duration_since(report.admitted_at) >= WINDOW) {
            self.report = None;
        }
        let limit = self.limit();
        let in_thousandths = |calls: u64| calls.saturating_mul(1_000) / limit;
        match self.report {
            Some(report) => (report.percent * 10 + in_thousandths(calls.saturating_sub(report.calls)))
                .saturating_sub(in_thousandths(report.calls.saturating_sub(calls))),
            None if self.is_documented => in_thousandths(calls),
            None => 0,
        }
    }

    /// What is left of the limit; `None` if Meta told nothing in the last hour.
    pub(super) fn calls_left(&mut self, now: Instant) -> Option<CallsLeft> {
        let used = self.used(now).min(1_000);
        self.report?;
        let per_hour = self.limit();
        Some(CallsLeft { left: per_hour.saturating_mul(1_000 - used) / 1_000, per_hour })
    }

    /// How many calls an hour are allowed: at least what is assumed, and what the own calls and the percentage show. The
    /// calls of other programs only make the real limit higher than that.
    fn limit(&self) -> u64 {
        let report = self.report.filter(|report| report.percent >= MIN_PERCENT_TO_COMPUTE_LIMIT);
        let computed = report.map_or(0, |report| report.calls.saturating_mul(100) / report.percent);
        computed.max(ASSUMED_CALLS_PER_HOUR)
    }

    /// The limit as the own calls since the lowest percentage have raised it; `None` if they have not raised it enough.
    /// Calls that other programs made before do not count. Those that they made meanwhile make the real limit higher.
    fn measured_limit(&self) -> Option<u64> {
        let (first, last) = (self.lowest?, self.report?);
        let percent = last.percent.checked_sub(first.percent)?;
        let calls = last.calls.saturating_sub(first.calls);
        (percent >= MIN_PERCENT_TO_COMPUTE_LIMIT && calls > 0).then(|| calls.saturating_mul(100).div_ceil(percent))
    }

    /// How long until a used-up limit allows calls again: until the oldest own call is an hour old.
    fn quota_pause(&mut self, now: Instant) -> Duration {
        let own = self.own_calls(now);
        let own_share = own.saturating_mul(1_000) / self.measured_limit().unwrap_or_else(|| self.limit());
        let is_mostly_foreign = own_share * 2 < PAUSE_FROM;
        let wait = self.log.oldest_expires_at().map_or(MAX_FOREIGN_PAUSE, |at| at.saturating_duration_since(now));
        let wait = if is_mostly_foreign { wait.min(MAX_FOREIGN_PAUSE) } else { wait };
        wait.max(MIN_QUOTA_PAUSE)
    }
}

/// How many calls may be in flight when this share of the limit is used.
fn allowance(used: u64, max_in_flight: usize) -> u64 {
    let max = u64::try_from(max_in_flight).unwrap_or(u64::MAX).max(1);
    let left = ONE_CALL_FROM.saturating_sub(used);
    1 + (max - 1).saturating_mul(left) / (ONE_CALL_FROM - FULL_SPEED_UP_TO)
}

/// When the calls of the last hour ended.
#[derive(Debug)]
struct CallLog {
    /// The start of each step, and its calls.
    steps: VecDeque<(Instant, u64)>,
    total: u64,
}

impl CallLog {
    fn add(&mut self, now: Instant) {
        self.total += 1;
        match self.steps.back_mut() {
            Some((start, calls)) if now.saturating_duration_since(*start) < LOG_STEP => *calls += 1,
            Some(_) | None => self.steps.push_back((now, 1)),
        }
    }

    fn count(&mut self, now: Instant) -> u64 {
        while let Some((_, calls)) = self.steps.pop_front_if(|(start, _)| *start + WINDOW + LOG_STEP <= now) {
            self.total -= calls;
        }
        self.total
    }

    fn oldest_expires_at(&self) -> Option<Instant> {
        self.steps.front().map(|(start, _)| *start + WINDOW + LOG_STEP)
    }
}
