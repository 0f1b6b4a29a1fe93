//! What a reply tells about the limits, as values. The client parses them; these functions choose what applies.

use std::time::Duration;

use crate::domain::number::WabaId;

/// The type of the entry that counts the calls of this API.
/// Source: developers.facebook.com/docs/graph-api/overview/rate-limiting.
const MANAGEMENT_TYPE: &str = "whatsapp_business_management";

/// What a reply told about the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// How much of the app's limit is used, from `X-App-Usage`.
    pub app_percent: Option<u32>,
    /// The entries of `X-Business-Use-Case-Usage`.
    pub entries: Vec<UsageEntry>,
    /// How long `Retry-After` asks to wait.
    pub retry_after: Option<Duration>,
}

/// One entry of `X-Business-Use-Case-Usage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEntry {
    /// The ID of the business or WABA.
    pub id: String,
    /// The `type`: which limit it describes.
    pub limit_type: String,
    /// How much of the limit is used.
    pub percent: u32,
    /// How long until calls are accepted again, if they are not.
    pub time_to_regain: Option<Duration>,
}

impl Usage {
    /// The entry about the calls that pindesk makes for this WABA: the one of the WABA and the type of this API, or the
    /// only entry, because its key may be the ID of the business. Meta also sends entries about other WABAs and types.
    #[must_use]
    pub fn of_waba(&self, waba: Option<&WabaId>) -> Option<&UsageEntry> {
        let own = self
            .entries
            .iter()
            .find(|entry| entry.limit_type == MANAGEMENT_TYPE && waba.is_some_and(|waba| waba.as_str() == entry.id));
        own.or(match &self.entries[..] {
            [only] => Some(only),
            _ => None,
        })
    }

    /// How long Meta asks to wait, if it names a time.
    #[must_use]
    pub fn named_wait(&self, waba: Option<&WabaId>) -> Option<Duration> {
        self.of_waba(waba).and_then(|entry| entry.time_to_regain).or(self.retry_after)
    }
}
