//! Reads what a reply tells about Meta's limits from its headers. It neither waits nor chooses what applies.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::domain::clock::UtcTime;
use crate::graph::json::Json;
use crate::policy::quota::{Usage, UsageEntry};

/// No rate limit of Meta that concerns pindesk lasts longer. If a header asks for more, pindesk waits this long.
const MAX_WAIT: Duration = Duration::from_hours(72);

/// The most entries that one header may have. Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
const MAX_ENTRIES: usize = 32;

/// What the headers `X-App-Usage`, `X-Business-Use-Case-Usage` and `Retry-After` tell. Ignores values that differ from
/// what Meta documents.
///
/// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
pub(super) fn usage(headers: &HeaderMap, now: UtcTime) -> Usage {
    let app = header_text(headers, "x-app-usage").and_then(|text| Json::parse(text.as_bytes()));
    let business = header_text(headers, "x-business-use-case-usage").and_then(|text| Json::parse(text.as_bytes()));
    let limits = business.as_ref().and_then(Json::as_object).unwrap_or_default();
    let entries = limits
        .iter()
        .flat_map(|(id, limits)| limits.as_array().unwrap_or_default().iter().filter_map(|limit| entry(id, limit)));
    Usage {
        app_percent: app.as_ref().and_then(percent),
        entries: entries.take(MAX_ENTRIES).collect(),
        retry_after: retry_after(headers, now),
    }
}

fn entry(id: &str, limit: &Json<'_>) -> Option<UsageEntry> {
    let minutes = limit.get("estimated_time_to_regain_access").and_then(Json::as_i64).unwrap_or_default();
    Some(UsageEntry {
        id: id.to_owned(),
        limit_type: limit.get("type").and_then(Json::as_str).unwrap_or_default().to_owned(),
        percent: percent(limit)?,
        time_to_regain: capped_wait(u64::try_from(minutes).unwrap_or_default().saturating_mul(60)),
    })
}

/// The highest of the percentages: each of them alone can reach the limit.
fn percent(usage: &Json<'_>) -> Option<u32> {
    let percentages = ["call_count", "total_cputime", "total_time"].map(|name| usage.get(name).and_then(Json::as_i64));
    percentages.into_iter().flatten().filter_map(|percent| u32::try_from(percent).ok()).max()
}

/// `Retry-After` as seconds, or as a date by the clock of the reply.
///
/// Source: RFC 9110, section 10.2.3.
fn retry_after(headers: &HeaderMap, now: UtcTime) -> Option<Duration> {
    let text = header_text(headers, RETRY_AFTER.as_str())?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for an integer are a long wait, and not none.
        return capped_wait(text.parse().unwrap_or(u64::MAX));
    }
    let reply_time = header_text(headers, DATE.as_str()).and_then(unix_seconds);
    let wait = unix_seconds(text)?.saturating_sub(reply_time.unwrap_or_else(|| now.unix_seconds().into()));
    capped_wait(u64::try_from(wait).unwrap_or_default())
}

/// The seconds since 1970 of an HTTP date, such as `Fri, 31 Dec 2027 23:59:59 GMT`.
fn unix_seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp().as_second())
}

fn capped_wait(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds).min(MAX_WAIT))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: UtcTime = UtcTime::from_unix_seconds(1_830_297_599);

    fn read(headers: &[(&'static str, &'static str)]) -> Usage {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        usage(&headers.iter().map(pair).collect(), NOW)
    }

    #[test]
    fn every_entry_is_read_with_its_highest_percentage() {
        let app = ("x-app-usage", r#"{"call_count":28,"total_time":75,"total_cputime":25}"#);
        let business = (
            "x-business-use-case-usage",
            r#"{"102290129340398":[{"type":"whatsapp_business_management","call_count":101,"total_cputime":3,"estimated_time_to_regain_access":19},{"call_count":1}],"7":[{"type":"messages","total_time":9}],"8":[{}]}"#,
        );
        let entry = |id: &str, limit_type: &str, percent, time_to_regain| UsageEntry {
            id: id.to_owned(),
            limit_type: limit_type.to_owned(),
            percent,
            time_to_regain,
        };
        let expected = Usage {
            app_percent: Some(75),
            entries: vec![
                entry("102290129340398", "whatsapp_business_management", 101, Some(Duration::from_mins(19))),
                entry("102290129340398", "", 1, None),
                entry("7", "messages", 9, None),
            ],
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(read(&[app, business, ("retry-after", "7")]), expected);
        assert_eq!(read(&[]), Usage::default());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let cases = [
            ("60", Some(60)),
            (" 60 ", Some(60)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("9999999999999999999999999", Some(72 * 3_600)),
            ("Fri, 31 Dec 2027 23:59:59 GMT", Some(1_200)),
            ("Fri, 31 Dec 2027 23:00:00 GMT", None),
            ("Fri, 31 Dec 2100 23:59:59 GMT", Some(72 * 3_600)),
        ];
        for (text, seconds) in cases {
            let wait = read(&[("date", "Fri, 31 Dec 2027 23:39:59 GMT"), ("retry-after", text)]).retry_after;
            assert_eq!(wait, seconds.map(Duration::from_secs), "{text}");
        }
        let own_clock = read(&[("retry-after", "Sat, 01 Jan 2028 00:00:59 GMT")]).retry_after;
        assert_eq!(own_clock, Some(Duration::from_mins(1)));
    }

    #[test]
    fn invalid_headers_are_ignored() {
        assert_eq!(read(&[("x-app-usage", "much"), ("x-business-use-case-usage", "[7]")]), Usage::default());
        let negative = ("x-business-use-case-usage", r#"{"1":[{"call_count":-1}],"2":7,"3":[7]}"#);
        assert_eq!(read(&[("x-app-usage", r#"{"call_count":-1}"#), negative]), Usage::default());
        let long =
            r#"{"1":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":9223372036854775807}]}"#;
        assert_eq!(read(&[("x-business-use-case-usage", long)]).entries[0].time_to_regain, Some(MAX_WAIT));
    }
}
