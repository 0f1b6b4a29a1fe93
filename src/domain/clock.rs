//! Time as a value: a monotonic instant plus UTC. Callers pass it in everywhere, so that tests control time.
//!
//! Code that depends on the time takes a [`TimePoint`] and never reads a clock. Only the event loop of the console, the
//! jobs actor and the commands read one, through [`Clock`].

use std::fmt;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Timestamp, Uuid};

/// A time as people read it: whole seconds of UTC, in four bytes, valid until 2106. It is stored plus one, so that
/// `None` takes no extra byte. The last second of the range is lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime(NonZeroU32);

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UtcTime").field(&self.unix_seconds()).finish()
    }
}

impl UtcTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(seconds))
    }

    /// The time of the system clock; 1970 if the clock is set before that.
    #[must_use]
    pub fn now() -> Self {
        Self::from_unix_seconds(u32::try_from(unix_time().as_secs()).unwrap_or(u32::MAX))
    }

    /// The time that is later `by` a duration, at most the end of the range.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u32::try_from(by.as_secs()).unwrap_or(u32::MAX)))
    }

    /// The time that is earlier `by` a duration, at least the start of the range.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self::from_unix_seconds(self.unix_seconds().saturating_sub(u32::try_from(by.as_secs()).unwrap_or(u32::MAX)))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_seconds(self) -> u32 {
        self.0.get() - 1
    }

    /// The day in UTC, counted from 1970-01-01.
    #[must_use]
    pub const fn day(self) -> u32 {
        self.unix_seconds() / 86_400
    }

    /// The time from `self` to `later`; zero if `later` is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(later.unix_seconds().saturating_sub(self.unix_seconds()).into())
    }

    /// `2026-11-22T14:05:02Z`, for machines.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%SZ")
    }

    /// Parses `2026-11-22T14:05:02Z`, or another RFC 3339 time. Drops fractions of a second.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        u32::try_from(time.as_second()).ok().map(Self::from_unix_seconds)
    }

    fn format(self, pattern: &str) -> String {
        jiff::Timestamp::from_second(i64::from(self.unix_seconds())).unwrap_or_default().strftime(pattern).to_string()
    }

    /// `22 Nov 2026 14:03 UTC`, for a time that may be days ago.
    #[must_use]
    pub fn format_date_time(self) -> String {
        self.format("%-d %b %Y %H:%M UTC")
    }

    /// `22 Nov 2026`, where the time of day matters less.
    #[must_use]
    pub fn format_date(self) -> String {
        self.format("%-d %b %Y")
    }

    /// `2026-11-22 14:03`, for a column whose heading says UTC.
    #[must_use]
    pub fn format_minute(self) -> String {
        self.format("%Y-%m-%d %H:%M")
    }

    /// `2026-11-22 14:03:09`, for a column whose heading says UTC.
    #[must_use]
    pub fn format_second(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S")
    }

    /// `02 Mar 2026`, for a column.
    #[must_use]
    pub fn format_padded_date(self) -> String {
        self.format("%d %b %Y")
    }

    /// `02 Mar 26 10:41`, for a narrow column.
    #[must_use]
    pub fn format_short(self) -> String {
        self.format("%d %b %y %H:%M")
    }

    /// `02 Mar 26`, for a narrow column.
    #[must_use]
    pub fn format_short_date(self) -> String {
        self.format("%d %b %y")
    }

    /// `02 Mar 14:03:09`, for a column whose heading says UTC.
    #[must_use]
    pub fn format_day_and_second(self) -> String {
        self.format("%d %b %H:%M:%S")
    }

    /// `14:03:09`, for a narrow column.
    #[must_use]
    pub fn format_time(self) -> String {
        self.format("%H:%M:%S")
    }

    /// `14:03` on the day of `now`, `02 Mar` in the same year, and otherwise `2025`, for a narrow column.
    #[must_use]
    pub fn format_since(self, now: Self) -> String {
        let year = |time: Self| time.format("%Y");
        if self.day() == now.day() {
            self.format_hour_minute()
        } else if year(self) == year(now) {
            self.format("%d %b")
        } else {
            year(self)
        }
    }

    /// How long until the next day begins in UTC.
    #[must_use]
    pub const fn until_next_day(self) -> Duration {
        Duration::from_secs((86_400 - self.unix_seconds() % 86_400) as u64)
    }

    /// `14:03`, for a narrow column.
    #[must_use]
    pub fn format_hour_minute(self) -> String {
        self.format("%H:%M")
    }
}

impl fmt::Display for UtcTime {
    /// `14:03:09 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} UTC", self.format_time()))
    }
}

/// One point in time on two clocks: monotonic for waiting, UTC for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePoint {
    /// For differences and deadlines.
    pub instant: Instant,
    /// For people.
    pub utc: UtcTime,
}

impl TimePoint {
    /// The time point that is later `by` a duration, on both clocks.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self { instant: self.instant + by, utc: self.utc.plus(by) }
    }
}

/// A source of time points.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that starts at a given time point and follows the instants that it receives. For tests.
    Anchored(TimePoint),
    /// A clock that moves only when a test sets it, for tests in which several threads share the time.
    Manual(&'static ManualClock),
}

/// The time of a [`Clock::Manual`].
#[derive(Debug)]
pub struct ManualClock(Mutex<TimePoint>);

impl ManualClock {
    /// Creates a clock that lives until the process ends.
    #[must_use]
    pub fn new_leaked(start: TimePoint) -> &'static Self {
        Box::leak(Box::new(Self(Mutex::new(start))))
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> TimePoint {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time.
    pub fn set(&self, now: TimePoint) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// How long the machine has been running, including its sleep. It advances while this process is suspended or the lid
/// is closed. Use it for differences only.
#[must_use]
pub fn uptime() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (u64::try_from(uptime.tv_sec), u32::try_from(uptime.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
    }
    #[cfg(not(target_os = "linux"))]
    {
        unix_time()
    }
}

/// The time of the system clock since 1970; zero if the clock is set before that.
fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Creates a UUID version 7 that sorts after all that this process created before.
#[must_use]
pub(crate) fn new_uuid_v7() -> Uuid {
    static CONTEXT: Mutex<AssertUnwindSafe<ContextV7>> = Mutex::new(AssertUnwindSafe(ContextV7::new()));
    let now = unix_time();
    Uuid::new_v7(Timestamp::from_unix(&CONTEXT, now.as_secs(), now.subsec_nanos()))
}

impl Clock {
    /// The [`uptime`] of the machine, which does not jump when the wall clock is set. `None` for the clocks of tests,
    /// and on systems without such a clock.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        match self {
            Self::System => cfg!(target_os = "linux").then(uptime),
            Self::Anchored(_) | Self::Manual(_) => None,
        }
    }

    /// Returns the time point of an instant that the caller just took, from std or from tokio's clock, which tests
    /// pause.
    #[must_use]
    pub fn at(&self, instant: Instant) -> TimePoint {
        match self {
            Self::System => TimePoint { instant, utc: UtcTime::now() },
            Self::Anchored(start) => {
                let elapsed = instant.saturating_duration_since(start.instant);
                TimePoint { instant, utc: start.utc.plus(elapsed) }
            }
            Self::Manual(clock) => clock.now(),
        }
    }

    /// The current time point.
    #[must_use]
    pub fn now(&self) -> TimePoint {
        self.at(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_in_utc() {
        let time = UtcTime::from_unix_seconds(1_795_356_189);
        assert_eq!(time.to_string(), "14:03:09 UTC");
        assert_eq!(time.format_hour_minute(), "14:03");
        assert_eq!(time.format_date_time(), "22 Nov 2026 14:03 UTC");
    }

    #[test]
    fn a_time_is_shown_as_precisely_as_it_is_recent() {
        let times = [
            ("2026-11-30T00:00:00Z", "00:00"),
            ("2026-11-30T23:59:59Z", "23:59"),
            ("2026-11-29T23:59:59Z", "29 Nov"),
            ("2026-01-01T00:00:00Z", "01 Jan"),
            ("2025-12-31T23:59:59Z", "2025"),
            ("2027-01-01T00:00:00Z", "2027"),
        ];
        let parse = |text| UtcTime::from_rfc3339(text).expect("a time");
        let now = parse("2026-11-30T14:03:09Z");
        for (time, expected) in times {
            assert_eq!(parse(time).format_since(now), expected);
        }
        let midnight = now.plus(now.until_next_day());
        assert_eq!(midnight, parse("2026-12-01T00:00:00Z"));
        assert_eq!(midnight.until_next_day(), Duration::from_hours(24));
    }

    #[test]
    fn an_anchored_clock_follows_the_instants_it_receives() {
        let start = TimePoint { instant: Instant::now(), utc: UtcTime::from_unix_seconds(1_000) };
        let later = start.plus(Duration::from_secs(90));
        assert_eq!(Clock::Anchored(start).at(later.instant), later);
    }
}
