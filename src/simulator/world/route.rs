//! What the path of a request names. It does not handle the request.

use super::generator::{self, WorldGenerator};

/// The target of a request path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Route {
    Number(usize),
    Waba(usize),
    Numbers(usize),
    Register(usize),
    Deregister(usize),
    RequestCode(usize),
    VerifyCode(usize),
    Wabas(WabaEdge),
    Permissions,
    DebugToken,
}

/// A list of WABAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WabaEdge {
    /// Those that the business owns.
    Owned,
    /// Those that clients shared with the business.
    Client,
    /// Those that are assigned to the system user.
    Assigned,
}

/// The business of every simulated world.
pub const BUSINESS_ID: &str = "500000000000001";
/// The system user of every simulated access token. `me` is the same.
pub(super) const USER_ID: &str = "400000000000001";

impl Route {
    pub(super) fn resolve(generator: WorldGenerator, node: &str, edge: Option<&str>) -> Option<Self> {
        match (node, edge) {
            (BUSINESS_ID, Some("owned_whatsapp_business_accounts")) => return Some(Self::Wabas(WabaEdge::Owned)),
            (BUSINESS_ID, Some("client_whatsapp_business_accounts")) => return Some(Self::Wabas(WabaEdge::Client)),
            ("me" | USER_ID, Some("assigned_whatsapp_business_accounts")) => {
                return Some(Self::Wabas(WabaEdge::Assigned));
            }
            ("me" | USER_ID, Some("permissions")) => return Some(Self::Permissions),
            ("debug_token", None) => return Some(Self::DebugToken),
            _ => {}
        }
        match (generator.find_number(node), generator::find_waba(node), edge) {
            (Some(index), _, None) => Some(Self::Number(index)),
            (Some(index), _, Some("register")) => Some(Self::Register(index)),
            (Some(index), _, Some("deregister")) => Some(Self::Deregister(index)),
            (Some(index), _, Some("request_code")) => Some(Self::RequestCode(index)),
            (Some(index), _, Some("verify_code")) => Some(Self::VerifyCode(index)),
            (_, Some(waba), None) => Some(Self::Waba(waba)),
            (_, Some(waba), Some("phone_numbers")) => Some(Self::Numbers(waba)),
            _ => None,
        }
    }

    /// The WABA that the call concerns.
    pub(super) fn waba(self, generator: WorldGenerator) -> Option<usize> {
        match self {
            Self::Number(index)
            | Self::Register(index)
            | Self::Deregister(index)
            | Self::RequestCode(index)
            | Self::VerifyCode(index) => Some(generator.waba_of(index)),
            Self::Waba(waba) | Self::Numbers(waba) => Some(waba),
            Self::Wabas(_) | Self::Permissions | Self::DebugToken => None,
        }
    }
}

impl WabaEdge {
    /// True if this list has the WABA. The last two belong to clients of the business.
    pub(super) const fn has(self, waba: usize) -> bool {
        let is_of_client = waba + 2 >= generator::waba_count();
        match self {
            Self::Owned => !is_of_client,
            Self::Client => is_of_client,
            Self::Assigned => true,
        }
    }
}
