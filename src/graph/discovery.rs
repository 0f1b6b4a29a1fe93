//! Reads what the access token is, and which WABAs it sees.
//!
//! Asking about a token puts it into the URL, so only a caller that may send it there calls [`Graph::read_token_info`].

use std::time::Duration;

use super::fields::continuation;
use super::json::Json;
use super::{Graph, PageCursor, ReadAnswer};
use crate::domain::clock::UtcTime;
use crate::domain::number::{BusinessId, BusinessUserId, Waba, WabaId};
use crate::domain::text::CleanText;
use crate::domain::token_info::{GrantedWabas, TokenExpiry, TokenInfo};
use crate::policy::error_catalog::TOKEN_PERMISSIONS;

/// The fields of a WABA that a list needs.
const WABA_FIELDS: (&str, &str) = ("fields", "id,name");

/// A list of WABAs at Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WabaSource {
    /// Those that a business owns.
    OwnedBy(BusinessId),
    /// Those that clients share with a business.
    ClientsOf(BusinessId),
    /// Those that are assigned to a user of a business.
    AssignedTo(BusinessUserId),
}

/// One page of a list of WABAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WabaPage {
    /// The WABAs, with their names at Meta. Rows without a usable ID are left out.
    pub wabas: Vec<Waba>,
    /// Where the list continues; `None` on the last page.
    pub next: Option<PageCursor>,
}

impl Graph {
    /// Asks Meta about the access token of this client. The token stands in the URL of this call.
    ///
    /// Source: developers.facebook.com/docs/graph-api/reference/debug_token.
    pub async fn read_token_info(&self) -> ReadAnswer<TokenInfo> {
        let query = [("input_token", self.inner.secrets.token())];
        let redact = |text: &str| self.inner.secrets.redact(text, None);
        self.read_json(&["debug_token"], &query, |json, _| parse_token_info(json, redact)).await
    }

    /// Reads one page of a list of WABAs: the first, or the one at `after`.
    ///
    /// Source: github.com/facebook/openapi, `business-messaging-api_v23.0.yaml`.
    pub async fn read_wabas_page(&self, source: WabaSource, after: Option<&PageCursor>) -> ReadAnswer<WabaPage> {
        let (node, edge) = match &source {
            WabaSource::OwnedBy(business) => (business.as_str(), "owned_whatsapp_business_accounts"),
            WabaSource::ClientsOf(business) => (business.as_str(), "client_whatsapp_business_accounts"),
            WabaSource::AssignedTo(user) => (user.as_str(), "assigned_whatsapp_business_accounts"),
        };
        let mut query = vec![WABA_FIELDS, ("limit", "100")];
        query.extend(after.map(|cursor| (cursor.parameter, &*cursor.value)));
        let redact = |text: &str| self.inner.secrets.redact(text, None);
        self.read_json(&[node, edge], &query, |json, _| {
            let wabas = json.get("data")?.as_array()?.iter().filter_map(|row| parse_waba(row, redact)).collect();
            let (next, _) = continuation(json);
            (next.is_none() || next.as_ref() != after).then_some(WabaPage { wabas, next })
        })
        .await
    }

    /// Reads the name of a WABA at Meta.
    pub async fn read_waba(&self, id: WabaId) -> ReadAnswer<Waba> {
        let redact = |text: &str| self.inner.secrets.redact(text, None);
        let parse = |json: &Json<'_>, _| parse_waba(json, redact).filter(|waba| waba.id == id);
        self.read_json(&[id.as_str()], &[WABA_FIELDS], parse).await
    }
}

/// An ID of up to 23 digits, as text or as an integer.
fn parse_id<Id: std::str::FromStr>(value: &Json<'_>) -> Option<Id> {
    match (value.as_str(), value.as_i64()) {
        (Some(text), _) => text.parse().ok(),
        (None, Some(integer)) => integer.to_string().parse().ok(),
        (None, None) => None,
    }
}

fn parse_waba(row: &Json<'_>, redact: impl Fn(&str) -> CleanText) -> Option<Waba> {
    let name = row.get("name").and_then(Json::as_str).filter(|text| !text.is_empty()).map(redact);
    Some(Waba { id: parse_id(row.get("id")?)?, name })
}

/// `None` if it is not an answer about a token.
fn parse_token_info(json: &Json<'_>, redact: impl Fn(&str) -> CleanText) -> Option<TokenInfo> {
    let data = json.get("data")?;
    let is_valid = data.get("is_valid").and_then(Json::as_bool)?;
    let expiry = match data.get("expires_at").and_then(Json::as_i64) {
        Some(0) => TokenExpiry::Never,
        Some(seconds) => u32::try_from(seconds).map_or(TokenExpiry::Unknown, |seconds| {
            TokenExpiry::At(UtcTime::from_unix_seconds(0).plus(Duration::from_secs(seconds.into())))
        }),
        None => TokenExpiry::Unknown,
    };
    let scopes = data.get("scopes").and_then(Json::as_array).unwrap_or_default();
    Some(TokenInfo {
        is_valid,
        token_type: data.get("type").and_then(Json::as_str).map(&redact),
        expiry,
        scopes: scopes.iter().filter_map(|scope| scope.as_str().map(&redact)).collect(),
        user: data.get("user_id").and_then(parse_id),
        wabas: granted_wabas(data),
    })
}

/// The WABAs that the permissions for WhatsApp name, each once. A permission without `target_ids` holds for all.
fn granted_wabas(data: &Json<'_>) -> GrantedWabas {
    let Some(entries) = data.get("granular_scopes").and_then(Json::as_array) else { return GrantedWabas::All };
    let mut wabas: Vec<WabaId> = Vec::new();
    for entry in entries {
        let scope = entry.get("scope").and_then(Json::as_str);
        if !TOKEN_PERMISSIONS.iter().any(|permission| Some(permission.name) == scope) {
            continue;
        }
        let Some(ids) = entry.get("target_ids").and_then(Json::as_array) else { return GrantedWabas::All };
        for id in ids.iter().filter_map(parse_id) {
            if !wabas.contains(&id) {
                wabas.push(id);
            }
        }
    }
    GrantedWabas::Listed(wabas)
}
