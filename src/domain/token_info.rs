//! What Meta tells about an access token: its type, when it expires, and what it may do.
//!
//! It never holds the token itself.

use std::time::Duration;

use crate::domain::clock::UtcTime;
use crate::domain::number::{BusinessUserId, WabaId};
use crate::domain::text::CleanText;

/// An operator needs time to have a new token made, so the first warning comes this long before the old one expires.
pub const FIRST_EXPIRY_WARNING: Duration = Duration::from_hours(14 * 24);

/// The second warning: from now on every start tells it as urgent.
pub const LAST_EXPIRY_WARNING: Duration = Duration::from_hours(3 * 24);

/// An access token, as Meta describes it.
///
/// Source: developers.facebook.com/docs/graph-api/reference/debug_token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// False if Meta no longer accepts it.
    pub is_valid: bool,
    /// Meta's word for its type, such as `SYSTEM_USER`.
    pub token_type: Option<CleanText>,
    /// When it expires.
    pub expiry: TokenExpiry,
    /// The names of its permissions.
    pub scopes: Vec<CleanText>,
    /// Whose token it is.
    pub user: Option<BusinessUserId>,
    /// The WABAs that its permissions name.
    pub wabas: GrantedWabas,
}

/// When an access token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenExpiry {
    /// Meta does not say it.
    Unknown,
    /// It does not expire.
    Never,
    /// At this time.
    At(UtcTime),
}

/// The WABAs for which an access token has permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantedWabas {
    /// These.
    Listed(Vec<WabaId>),
    /// All that its user can see. Meta then names none.
    All,
}

impl TokenInfo {
    /// `12 d`, `5 h` or `never expires`; `None` if Meta does not say when it expires.
    #[must_use]
    pub fn expiry_label(&self, now: UtcTime) -> Option<String> {
        match self.expiry {
            TokenExpiry::Unknown => None,
            TokenExpiry::Never => Some("never expires".to_owned()),
            TokenExpiry::At(at) => Some(time_left_label(now.until(at))),
        }
    }

    /// The sentence that warns of the end; `None` while it is far away.
    #[must_use]
    pub fn expiry_warning(&self, now: UtcTime) -> Option<String> {
        let TokenExpiry::At(at) = self.expiry else { return None };
        let left = now.until(at);
        if left > FIRST_EXPIRY_WARNING {
            return None;
        }
        let what = format!("The access token expires in {}, on {}.", time_left_label(left), at.format_date_time());
        let advice = if left > LAST_EXPIRY_WARNING {
            "Have a new one made in Meta Business settings."
        } else {
            "Make a new one now in Meta Business settings: without it no PIN can be set."
        };
        Some(format!("{what} {advice}"))
    }

    /// True if it has this permission.
    #[must_use]
    pub fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.as_str() == name)
    }
}

/// Whole days, and hours for less than two days.
fn time_left_label(left: Duration) -> String {
    let hours = left.as_secs() / 3_600;
    if hours < 48 { format!("{hours} h") } else { format!("{} d", hours / 24) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcTime = UtcTime::from_unix_seconds(1_800_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn expiring(expiry: TokenExpiry) -> TokenInfo {
        TokenInfo { is_valid: true, token_type: None, expiry, scopes: Vec::new(), user: None, wabas: GrantedWabas::All }
    }

    #[test]
    fn the_end_is_named_in_days_and_at_last_in_hours() {
        let label = |hours: u32| expiring(TokenExpiry::At(NOW.plus(HOUR * hours))).expiry_label(NOW);
        assert_eq!([24 * 58 + 23, 48, 47, 0].map(label), ["58 d", "2 d", "47 h", "0 h"].map(|text| Some(text.into())));
        assert_eq!(expiring(TokenExpiry::Never).expiry_label(NOW), Some("never expires".to_owned()));
        assert_eq!(expiring(TokenExpiry::Unknown).expiry_label(NOW), None);
    }

    #[test]
    fn the_end_is_warned_of_at_14_and_at_3_days() {
        let warning = |hours: u32| expiring(TokenExpiry::At(NOW.plus(HOUR * hours))).expiry_warning(NOW);
        assert_eq!(warning(14 * 24 + 1), None);
        assert_eq!(
            warning(14 * 24).as_deref(),
            Some(
                "The access token expires in 14 d, on 29 Jan 2027 08:00 UTC. Have a new one made in Meta Business \
                 settings."
            )
        );
        assert_eq!(
            warning(3 * 24).as_deref(),
            Some(
                "The access token expires in 3 d, on 18 Jan 2027 08:00 UTC. Make a new one now in Meta Business \
                 settings: without it no PIN can be set."
            )
        );
        assert_eq!(expiring(TokenExpiry::Never).expiry_warning(NOW), None);
    }
}
