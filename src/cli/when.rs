//! A time on the command line: `24h`, `today`, `yesterday`, `2026-11-29`, or a full time. All of it is UTC.
//!
//! It reads no clock.

use std::time::Duration;

use crate::domain::clock::UtcTime;

const DAY: Duration = Duration::from_hours(24);

/// A time as the operator wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This long ago.
    Ago(Duration),
    /// The whole day, so many days ago.
    DaysAgo(u8),
    /// The whole day that begins then.
    Day(UtcTime),
    /// This second.
    Second(UtcTime),
}

impl When {
    /// The first second that it means.
    pub(crate) fn start(self, now: UtcTime) -> UtcTime {
        match self {
            Self::Ago(duration) => now.minus(duration),
            Self::DaysAgo(days) => {
                let today = now.minus(Duration::from_secs(u64::from(now.unix_seconds()) % DAY.as_secs()));
                today.minus(DAY * u32::from(days))
            }
            Self::Day(time) | Self::Second(time) => time,
        }
    }

    /// The second after the last one that it means.
    pub(crate) fn end(self, now: UtcTime) -> UtcTime {
        let length = match self {
            Self::Ago(_) | Self::Second(_) => Duration::from_secs(1),
            Self::DaysAgo(_) | Self::Day(_) => DAY,
        };
        self.start(now).plus(length)
    }
}

/// Parses a time.
pub(crate) fn parse(text: &str) -> Result<When, &'static str> {
    let parsed = match text {
        "today" => Some(When::DaysAgo(0)),
        "yesterday" => Some(When::DaysAgo(1)),
        _ => parse_duration(text).map(When::Ago).or_else(|| parse_time(text)),
    };
    parsed.ok_or("expected 24h, 7d, today, yesterday, 2026-11-29, or 2026-11-29T14:05:00Z (UTC)")
}

/// Parses an age of at least a day.
pub(crate) fn parse_age(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).filter(|age| *age >= DAY).ok_or("expected an age of days or weeks, such as 180d or 26w")
}

/// Parses a number and a unit.
fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 7 * 86_400)];
    let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
    count.checked_mul(*seconds).map(Duration::from_secs)
}

fn parse_time(text: &str) -> Option<When> {
    let text = text.replacen(' ', "T", 1);
    let is_date = text.len() == "2026-11-29".len();
    if is_date {
        return UtcTime::from_rfc3339(&format!("{text}T00:00:00Z")).map(When::Day);
    }
    let time = UtcTime::from_rfc3339(&text).or_else(|| UtcTime::from_rfc3339(&format!("{text}Z")));
    time.map(When::Second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_means_a_second_or_a_whole_day() {
        let time = |text: &str| UtcTime::from_rfc3339(text).expect("a time");
        let now = time("2026-11-22T14:03:09Z");
        for (text, start, end) in [
            ("90s", "2026-11-22T14:01:39Z", "2026-11-22T14:01:40Z"),
            ("24h", "2026-11-21T14:03:09Z", "2026-11-21T14:03:10Z"),
            ("2w", "2026-11-08T14:03:09Z", "2026-11-08T14:03:10Z"),
            ("today", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("yesterday", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("2026-02-28", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-02-28T14:05:06Z", "2026-02-28T14:05:06Z", "2026-02-28T14:05:07Z"),
            ("2026-02-28 14:05", "2026-02-28T14:05:00Z", "2026-02-28T14:05:01Z"),
            ("2026-02-28T14:05:06+01:00", "2026-02-28T13:05:06Z", "2026-02-28T13:05:07Z"),
        ] {
            let when = parse(text).expect(text);
            assert_eq!((when.start(now), when.end(now)), (time(start), time(end)), "{text}");
        }
    }

    #[test]
    fn an_age_has_at_least_a_day() {
        let days = |text: &str| parse_age(text).map(|age| age.as_secs() / 86_400).ok();
        assert_eq!(
            ["180d", "26w", "24h", "23h", "0d", "180", "d", "today"].map(days),
            [Some(180), Some(182), Some(1), None, None, None, None, None]
        );
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in ["", "h", "24", "-1h", "1 h", "1y", "99999999999999999999d", "1é", "soon", "2026-02-30", "Today"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
