//! Checks access tokens and proofs of the app secret, and builds the errors of scripted faults.
//!
//! It never stores a token or a proof.

use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::WorldSpec;
use super::generator;
use super::params::Params;
use super::response::{ErrorTexts, GraphError, SimulatedResponse};
use super::route::USER_ID;
use super::tokens::{TokenInfo, TokenRights};
use crate::domain::clock::{TimePoint, UtcTime};
use crate::simulator::faults::ErrorResponse;

/// How long a proof with a time is valid. Source: Meta's page on securing requests.
const PROOF_LIFETIME: Duration = Duration::from_mins(5);

/// The rights of a request with a valid token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access(TokenInfo);

impl Access {
    pub(super) fn check(
        spec: &WorldSpec,
        authorization: Option<&str>,
        params: &Params,
        now: TimePoint,
    ) -> Result<Self, GraphError> {
        let token = authorization.and_then(bearer_token).or_else(|| params.text("access_token")).unwrap_or_default();
        if token.is_empty() {
            return Err(GraphError::new(401, 104, "An access token is required to request this resource."));
        }
        let info = TokenInfo::of(token)
            .ok_or_else(|| GraphError::new(401, 190, "Invalid OAuth access token - Cannot parse access token"))?;
        if info.is_expired(now.utc) {
            return Err(expired_token_error());
        }
        check_proof(spec, token, params, now)?;
        Ok(Self(info))
    }

    pub(super) fn require(self, rights: TokenRights) -> Result<(), GraphError> {
        let is_granted = self.0.rights == rights || self.0.rights == TokenRights::Change;
        if is_granted { Ok(()) } else { Err(GraphError::titled(403, 200)) }
    }

    /// Refuses a WABA that is not assigned to the token's system user.
    pub(super) fn require_waba(self, waba: usize) -> Result<(), GraphError> {
        if self.sees_waba(waba) { Ok(()) } else { Err(GraphError::titled(403, 200)) }
    }

    pub(super) const fn sees_waba(self, waba: usize) -> bool {
        waba < self.0.waba_count
    }

    /// The response to `GET /me/permissions`.
    pub(super) fn permissions(self) -> SimulatedResponse {
        let rows = self.0.rights.permissions().iter();
        let rows: Vec<_> = rows.map(|permission| json!({ "permission": permission, "status": "granted" })).collect();
        SimulatedResponse::json(json!({ "data": rows }).to_string().into_bytes())
    }
}

/// Extracts the token from the value of an `Authorization` header.
pub(super) fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
}

fn expired_token_error() -> GraphError {
    let message = "Error validating access token: Session has expired on Thursday, 01-Jan-26 00:00:00 PST.";
    GraphError::new(401, 190, message).with_subcode(463)
}

fn check_proof(spec: &WorldSpec, token: &str, params: &Params, now: TimePoint) -> Result<(), GraphError> {
    let Some(proof) = params.text("appsecret_proof") else {
        let message = "API calls from the server require an appsecret_proof argument";
        return if spec.requires_proof { Err(GraphError::bad_proof(message)) } else { Ok(()) };
    };
    let Some(secret) = &spec.app_secret else { return Ok(()) };
    let (message, is_fresh) = match params.text("appsecret_time") {
        None => (token.to_owned(), true),
        Some(time) => (format!("{token}|{time}"), time.parse().is_ok_and(|time| is_fresh(time, now))),
    };
    if is_fresh && proof == hmac_hex(secret.expose(), &message) {
        Ok(())
    } else {
        Err(GraphError::bad_proof("Invalid appsecret_proof provided in the API argument"))
    }
}

fn is_fresh(seconds: u32, now: TimePoint) -> bool {
    let time = UtcTime::from_unix_seconds(seconds);
    time <= now.utc.plus(PROOF_LIFETIME) && now.utc <= time.plus(PROOF_LIFETIME)
}

fn hmac_hex(key: &str, message: &str) -> String {
    // HMAC accepts a key of any length, so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(message.as_bytes());
    format!("{:x}", mac.finalize().into_bytes())
}

/// The response to `GET /debug_token`: what a token is. Its `target_ids` are left out if its permissions hold for every
/// WABA.
pub(super) fn debug_token(params: &Params, now: UtcTime) -> SimulatedResponse {
    let error = |message: &str, subcode: Option<i64>| match subcode {
        Some(subcode) => json!({ "code": 190, "message": message, "subcode": subcode }),
        None => json!({ "code": 190, "message": message }),
    };
    let data = match params.text("input_token").and_then(TokenInfo::of) {
        None => json!({
            "is_valid": false,
            "scopes": [],
            "error": error("The access token could not be decrypted", None),
        }),
        Some(info) if info.is_expired(now) => json!({
            "app_id": APP_ID,
            "is_valid": false,
            "expires_at": info.expires_at.map(UtcTime::unix_seconds),
            "scopes": [],
            "error": error(&expired_token_error().message, Some(463)),
        }),
        Some(info) => valid_token_data(&info),
    };
    SimulatedResponse::json(json!({ "data": data }).to_string().into_bytes())
}

/// The app of every simulated access token.
const APP_ID: &str = "300000000000001";

fn valid_token_data(info: &TokenInfo) -> Value {
    let ids: Vec<_> = (0..info.waba_count).map(generator::waba_id).collect();
    let scopes = info.rights.permissions();
    let granular_scope = |scope: &&str| {
        if info.names_wabas { json!({ "scope": scope, "target_ids": ids }) } else { json!({ "scope": scope }) }
    };
    json!({
        "app_id": APP_ID,
        "application": "pindesk simulator",
        "type": "SYSTEM_USER",
        "is_valid": true,
        "issued_at": 1_767_225_600,
        "expires_at": info.expires_at.map_or(0, UtcTime::unix_seconds),
        "data_access_expires_at": 0,
        "scopes": scopes,
        "granular_scopes": scopes.iter().map(granular_scope).collect::<Vec<_>>(),
        "user_id": USER_ID,
    })
}

/// Builds the error of a scripted fault.
pub(super) fn scripted_error(fault: ErrorResponse, method: &str) -> GraphError {
    let base = match (fault.code, fault.subcode) {
        (100, Some(33)) => GraphError::no_such_object(method, "…"),
        (190, Some(463)) => expired_token_error(),
        (code, _) => GraphError::titled(fault.http_status(), code),
    };
    let status = fault.http_status();
    let texts = ErrorTexts { details: fault.details, user_title: fault.user_title, user_message: fault.user_message };
    GraphError {
        message: fault.message.map_or(base.message, Into::into),
        texts: Some(Box::new(texts)),
        status,
        subcode: fault.subcode,
        is_transient: fault.transient.unwrap_or(base.is_transient),
        retry_after: fault.retry_after,
        regain_minutes: fault.regain_minutes,
        usage: fault.usage.map(Into::into),
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::RequestBody;
    use super::*;
    use crate::config::endpoint::AppSecret;
    use crate::domain::clock::Clock;

    fn check(spec: &WorldSpec, authorization: Option<&str>, query: &str) -> Result<(), GraphError> {
        let params = Params::parse(&RequestBody::Empty, query)?;
        let now = TimePoint { utc: UtcTime::from_unix_seconds(1_700_000_200), ..Clock::System.now() };
        Access::check(spec, authorization, &params, now).map(drop)
    }

    #[test]
    fn the_token_comes_from_the_header_or_a_parameter() {
        let spec = WorldSpec::new(1, 1);
        assert_eq!(check(&spec, Some("Bearer SIMULATOR"), ""), Ok(()));
        assert_eq!(check(&spec, None, "access_token=SIMULATOR"), Ok(()));
        let refused = |authorization, query| {
            let error = check(&spec, authorization, query).expect_err("refused");
            (error.status, error.code, error.subcode)
        };
        assert_eq!(refused(None, ""), (401, 104, None));
        assert_eq!(refused(Some("Bearer EAAreal"), ""), (401, 190, None));
        assert_eq!(refused(Some("Bearer SIMULATOR-EXPIRED"), ""), (401, 190, Some(463)));
        assert_eq!(refused(Some("Basic SIMULATOR"), ""), (401, 104, None));
    }

    #[test]
    fn proofs_match_the_recorded_values() {
        let hex = |message| hmac_hex("secret", message);
        assert_eq!(hex("EAAJBfaketoken"), "69c1a75a246cc43d5a292b286dc00b61af871ba1f05b2b8413f5fe9c55e36a3e");
        assert_eq!(
            hex("EAAJBfaketoken|1700000000"),
            "ed9456d907a2858ce3223c32396475b488e1aed5d0852cd7c739f090e7cb664f"
        );
    }

    #[test]
    fn a_required_proof_is_checked_in_both_forms() {
        let secret = AppSecret::parse("secret").expect("a secret");
        let spec = WorldSpec { app_secret: Some(secret), requires_proof: true, ..WorldSpec::new(1, 1) };
        let result = |query: String| check(&spec, Some("Bearer SIMULATOR"), &query).map_err(|error| error.message);
        let timed = |time: &str| {
            let proof = hmac_hex("secret", &format!("SIMULATOR|{time}"));
            format!("appsecret_proof={proof}&appsecret_time={time}")
        };
        assert_eq!(result(format!("appsecret_proof={}", hmac_hex("secret", "SIMULATOR"))), Ok(()));
        assert_eq!(result(timed("1700000000")), Ok(()));
        let invalid = "Invalid appsecret_proof provided in the API argument";
        assert_eq!(result(timed("1699999000")), Err(invalid.into()));
        assert_eq!(result("appsecret_proof=00".to_owned()), Err(invalid.into()));
        assert_eq!(result(String::new()), Err("API calls from the server require an appsecret_proof argument".into()));
    }
}
