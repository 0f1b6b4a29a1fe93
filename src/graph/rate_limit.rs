//! Reads how long to wait from the headers of a reply. It does not wait itself.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::graph::json::Json;

/// No rate limit of Meta that concerns pindesk lasts longer. A header that asks for more is not trusted.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(72);

/// How long a reply asks to wait before the next call, from `X-App-Usage`, `X-Business-Use-Case-Usage` and
/// `Retry-After`: the longest of them, at most 72 hours. Ignores values that differ from what Meta documents.
///
/// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = header_text(headers, RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
    let app = header_text(headers, "x-app-usage").and_then(|text| Json::parse(text.as_bytes()));
    let business = header_text(headers, "x-business-use-case-usage").and_then(|text| Json::parse(text.as_bytes()));
    let limits = business.as_ref().and_then(Json::as_object).unwrap_or_default();
    let limits = limits.iter().flat_map(|(_, limits)| limits.as_array().unwrap_or_default());
    limits.chain(&app).filter_map(time_to_regain_access).chain(capped_duration(seconds, 1)).max()
}

fn time_to_regain_access(limit: &Json<'_>) -> Option<Duration> {
    let minutes = limit.get("estimated_time_to_regain_access").and_then(Json::as_i64)?;
    capped_duration(u64::try_from(minutes).ok(), 60)
}

fn capped_duration(count: Option<u64>, unit_seconds: u64) -> Option<Duration> {
    let count = count.filter(|count| *count > 0)?;
    Some(Duration::from_secs(count.saturating_mul(unit_seconds)).min(MAX_RETRY_AFTER))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        retry_after(&headers.iter().map(pair).collect())
    }

    #[test]
    fn the_longest_requested_wait_counts() {
        let app = ("x-app-usage", r#"{"call_count":28,"total_time":75,"total_cputime":25}"#);
        let business = (
            "x-business-use-case-usage",
            r#"{"102290129340398":[{"call_count":101,"estimated_time_to_regain_access":19},{"call_count":1}]}"#,
        );
        let minutes_19 = Some(Duration::from_mins(19));
        assert_eq!(read(&[app]), None);
        assert_eq!(read(&[business]), minutes_19);
        assert_eq!(read(&[app, business, ("retry-after", "7")]), minutes_19);
        assert_eq!(read(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
    }

    #[test]
    fn invalid_headers_are_ignored_and_waits_are_capped() {
        assert_eq!(read(&[("x-app-usage", "much"), ("retry-after", "Fri, 31 Dec 2027 23:59:59 GMT")]), None);
        assert_eq!(read(&[("x-app-usage", r#"{"call_count":-1}"#), ("x-business-use-case-usage", "[7]")]), None);
        let long = ("x-app-usage", r#"{"estimated_time_to_regain_access":9223372036854775807}"#);
        assert_eq!(read(&[long]), Some(MAX_RETRY_AFTER));
    }
}
