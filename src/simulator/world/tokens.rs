//! The access tokens of the simulator: what each may do, which WABAs it sees, and when it expires.
//!
//! It refuses a real token as unknown, and never stores it.

use super::generator;
use crate::domain::clock::UtcTime;

/// The access token that allows everything.
pub const FULL_ACCESS_TOKEN: &str = "SIMULATOR";
/// The access token that has expired.
pub const EXPIRED_TOKEN: &str = "SIMULATOR-EXPIRED";
/// The access token that allows reads but no change.
pub const READ_ONLY_TOKEN: &str = "SIMULATOR-READONLY";
/// The access token of a system user to which one WABA is assigned.
pub const ONE_WABA_TOKEN: &str = "SIMULATOR-ONE-WABA";
/// The access token whose permissions name no WABA, because they hold for all of them.
pub const UNLIMITED_TOKEN: &str = "SIMULATOR-UNLIMITED";
/// Before the time, in seconds since 1970, at which an access token expires.
pub const EXPIRING_TOKEN_PREFIX: &str = "SIMULATOR-EXPIRES-";

/// When [`EXPIRED_TOKEN`] expired: 2026-01-01 08:00:00 UTC.
const EXPIRED_AT: UtcTime = UtcTime::from_unix_seconds(1_767_254_400);

/// The rights of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRights {
    Read,
    Change,
}

impl TokenRights {
    /// The permissions that Meta calls them.
    pub(super) const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["whatsapp_business_management"],
            Self::Change => &["whatsapp_business_management", "whatsapp_business_messaging"],
        }
    }
}

/// What an access token of the simulator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenInfo {
    pub rights: TokenRights,
    /// How many WABAs it sees, from the first.
    pub waba_count: usize,
    /// True if its permissions name the WABAs that it sees.
    pub names_wabas: bool,
    /// When it expires; `None` for never.
    pub expires_at: Option<UtcTime>,
    /// It has expired, whatever the clock says.
    has_expired: bool,
}

impl TokenInfo {
    /// What this token is; `None` if the simulator does not know it.
    pub(super) fn of(token: &str) -> Option<Self> {
        let full = Self {
            rights: TokenRights::Change,
            waba_count: generator::waba_count(),
            names_wabas: true,
            expires_at: None,
            has_expired: false,
        };
        Some(match token {
            FULL_ACCESS_TOKEN => full,
            READ_ONLY_TOKEN => Self { rights: TokenRights::Read, ..full },
            EXPIRED_TOKEN => Self { expires_at: Some(EXPIRED_AT), has_expired: true, ..full },
            ONE_WABA_TOKEN => Self { waba_count: 1, ..full },
            UNLIMITED_TOKEN => Self { names_wabas: false, ..full },
            _ => {
                let time = token.strip_prefix(EXPIRING_TOKEN_PREFIX)?.parse().ok()?;
                Self { expires_at: Some(UtcTime::from_unix_seconds(time)), ..full }
            }
        })
    }

    pub(super) fn is_expired(&self, now: UtcTime) -> bool {
        self.has_expired || self.expires_at.is_some_and(|at| at <= now)
    }
}
