//! Classifies a complete reply: pure functions from bytes to an outcome.
//!
//! Only this module applies the closed list of evidence (see [`crate::domain::outcome`]). A reply that does not match
//! the list exactly leaves the request in doubt. This module does not guess from the status alone, and does not retry.

use crate::config::endpoint::GraphVersion;
use crate::domain::outcome::{ApiError, DoubtReason, Outcome, ReadFailure, ReplyForm};
use crate::domain::text::CleanText;
use crate::graph::json::Json;
use crate::policy::quota::Usage;

/// A reply whose body was read completely.
#[derive(Debug)]
pub(super) struct HttpReply {
    pub(super) http_status: u16,
    pub(super) usage: Usage,
    /// The trace ID of the header, for an error that does not have one.
    pub(super) trace_id: Option<String>,
    /// The version of the Graph API that sent it, if it says so.
    pub(super) version: Option<GraphVersion>,
    pub(super) body: Vec<u8>,
}

enum ParsedReply<'a> {
    /// A well-formed Graph error.
    GraphError(ApiError),
    /// HTTP 200 and JSON without an `error`.
    Value(Json<'a>),
    /// Anything else.
    Unexpected,
}

/// The outcome of a request that sets a PIN. `redact` removes secrets from the texts of an error.
pub(super) fn set_pin_outcome(reply: &HttpReply, redact: impl Fn(&str) -> CleanText) -> Outcome {
    match parse_reply(reply, &redact) {
        ParsedReply::GraphError(error) if error.is_definite_refusal() => Outcome::Refused(error),
        ParsedReply::GraphError(error) => Outcome::InDoubt(DoubtReason::ServerError(error)),
        ParsedReply::Value(json) if json.get("success").and_then(Json::as_bool) == Some(true) => Outcome::Confirmed,
        ParsedReply::Value(_) => Outcome::InDoubt(DoubtReason::SuccessNotTrue),
        ParsedReply::Unexpected => Outcome::InDoubt(DoubtReason::UnexpectedReply {
            http_status: reply.http_status,
            form: reply_form(reply, redact),
        }),
    }
}

/// The JSON of a read.
pub(super) fn read_result(reply: &HttpReply, redact: impl Fn(&str) -> CleanText) -> Result<Json<'_>, ReadFailure> {
    match parse_reply(reply, &redact) {
        ParsedReply::GraphError(error) => Err(ReadFailure::Api(error)),
        ParsedReply::Value(json) => Ok(json),
        ParsedReply::Unexpected => Err(match lenient_api_error(reply, &redact) {
            Some(error) => ReadFailure::Api(error),
            None => ReadFailure::UnexpectedReply { http_status: reply.http_status, form: reply_form(reply, redact) },
        }),
    }
}

/// An error whose code is digits in a text, as gateways write it. It proves nothing, but a read needs no proof.
fn lenient_api_error(reply: &HttpReply, redact: impl Fn(&str) -> CleanText) -> Option<ApiError> {
    let json = Json::parse(&reply.body).filter(|_| is_error_status(reply.http_status))?;
    let error = json.get("error").filter(|_| json.get("success").is_none())?;
    let code = error.get("code")?.as_str()?.parse().ok()?;
    api_error_with_code(reply, code, error, redact)
}

const fn is_error_status(http_status: u16) -> bool {
    matches!(http_status, 400..=599)
}

/// How much of a body is searched for the marks of a web page.
const MAX_SEARCHED_BYTES: usize = 4096;

/// What the body of a reply is that is not one of Graph's. It proves nothing about the request.
fn reply_form(reply: &HttpReply, redact: impl Fn(&str) -> CleanText) -> ReplyForm {
    let start = &reply.body[..reply.body.len().min(MAX_SEARCHED_BYTES)];
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| text.starts_with(mark)) {
        let is_facebook = text.contains("id=\"facebook\"") || text.contains("<title>facebook | error</title>");
        return if is_facebook { ReplyForm::FacebookErrorPage } else { ReplyForm::WebPage };
    }
    match Json::parse(&reply.body) {
        // A value of `success` makes it a strange reply to this call, and a code in the form of Graph one of Graph.
        Some(json @ Json::Object(_))
            if is_error_status(reply.http_status)
                && json.get("success").is_none()
                && json.get("error").is_none_or(|error| error.get("code").and_then(Json::as_i64).is_none()) =>
        {
            ReplyForm::ForeignError(foreign_error_text(&json).filter(|text| !text.trim().is_empty()).map(redact))
        }
        Some(_) | None => ReplyForm::Unrecognized,
    }
}

/// The text of an error in the JSON of a gateway. There is no standard for it: these are the places that gateways for
/// WhatsApp use.
fn foreign_error_text<'a>(json: &'a Json<'_>) -> Option<&'a str> {
    const TEXT_KEYS: [&str; 8] =
        ["developerMessage", "message", "error_description", "detail", "details", "description", "title", "error"];
    let of_object = |json: &'a Json<'_>| TEXT_KEYS.iter().find_map(|key| json.get(key).and_then(Json::as_str));
    let first_of_list = json.get("errors").and_then(Json::as_array).and_then(<[_]>::first);
    let mut nested = [json.get("error"), json.get("meta"), first_of_list].into_iter().flatten();
    nested.find_map(of_object).or_else(|| of_object(json)).or_else(|| first_of_list.and_then(Json::as_str))
}

fn parse_reply(reply: &HttpReply, redact: impl Fn(&str) -> CleanText) -> ParsedReply<'_> {
    if !matches!(reply.http_status, 200 | 400..=599) {
        return ParsedReply::Unexpected;
    }
    let Some(json) = Json::parse(&reply.body) else { return ParsedReply::Unexpected };
    match (json.get("error"), json.get("success")) {
        (Some(error), None | Some(Json::Bool(false))) => {
            parse_api_error(reply, error, redact).map_or(ParsedReply::Unexpected, ParsedReply::GraphError)
        }
        (None, _) if reply.http_status == 200 => ParsedReply::Value(json),
        // Both a value and an error, or an error status without an error.
        (Some(_), Some(_)) | (None, _) => ParsedReply::Unexpected,
    }
}

/// Parses a Graph error: an object with at least an integer `code` and a string `message`.
///
/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
fn parse_api_error(reply: &HttpReply, error: &Json<'_>, redact: impl Fn(&str) -> CleanText) -> Option<ApiError> {
    api_error_with_code(reply, error.get("code")?.as_i64()?, error, redact)
}

fn api_error_with_code(
    reply: &HttpReply,
    code: i64,
    error: &Json<'_>,
    redact: impl Fn(&str) -> CleanText,
) -> Option<ApiError> {
    let text = |json: Option<&Json<'_>>| json.and_then(Json::as_str).map(&redact);
    Some(ApiError {
        http_status: reply.http_status,
        code,
        subcode: error.get("error_subcode").and_then(Json::as_i64),
        message: redact(error.get("message")?.as_str()?),
        details: error.get("error_data").and_then(details_text).map(|details| redact(&details)),
        user_title: text(error.get("error_user_title")).map(Box::new),
        user_message: text(error.get("error_user_msg")).map(Box::new),
        trace_id: text(error.get("fbtrace_id")).or_else(|| reply.trace_id.as_deref().map(&redact)),
        is_transient: is_transient(error),
    })
}

/// What `error_data` says: its `details`, or all of it if it has none. `messaging_product` says nothing.
fn details_text(data: &Json<'_>) -> Option<String> {
    let text = match (data.get("details"), data) {
        (Some(details), _) => details.to_plain_text(),
        (None, Json::Object(pairs)) => {
            let told = pairs.iter().filter(|(key, _)| key != "messaging_product").cloned().collect();
            Json::Object(told).to_plain_text()
        }
        (None, Json::Null | Json::Bool(_) | Json::Int(_) | Json::OtherNumber | Json::String(_) | Json::Array(_)) => {
            data.to_plain_text()
        }
    };
    (!text.is_empty()).then_some(text)
}

/// Any other value than a boolean or null counts as true: a false doubt costs a look, and a missed doubt costs a PIN.
fn is_transient(error: &Json<'_>) -> bool {
    match error.get("is_transient") {
        None | Some(Json::Null) => false,
        Some(value) => value.as_bool() != Some(false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A body made of fragments of valid and invalid replies.
    fn body() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"success\"",
            "true",
            "false",
            "\"error\"",
            "\"code\"",
            "100",
            "2",
            "\"message\"",
            "\"m\"",
            "\"is_transient\"",
            "null",
            " ",
            "{\"success\":true}",
            "\"success\":true",
            "\"error\":{\"message\":\"m\",\"code\":100}",
            "\"error\":{\"message\":\"m\",\"code\":1}",
            "\"error\":{\"message\":\"m\",\"code\":80008,\"is_transient\":true}",
        ]);
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn only_the_listed_evidence_proves_an_outcome(
            http_status in prop::sample::select(vec![100u16, 200, 200, 200, 201, 204, 302, 400, 400, 404, 429, 500, 503]),
            body in body(),
        ) {
            let bytes = body.clone().into_bytes();
            let reply = HttpReply { http_status, usage: Usage::default(), trace_id: None, version: None, body: bytes };
            let json: Value = serde_json::from_str(&body).unwrap_or_default();
            match set_pin_outcome(&reply, CleanText::new) {
                Outcome::Confirmed => {
                    prop_assert_eq!((http_status, &json["success"], json.get("error")), (200, &Value::Bool(true), None));
                }
                Outcome::Refused(error) => {
                    prop_assert!((400..500).contains(&http_status) && json["success"] != true);
                    prop_assert_eq!(Some(error.code), json["error"]["code"].as_i64());
                    let is_ambiguous = error.code == 1 || error.code == 2 || json["error"]["is_transient"] == true;
                    prop_assert!(!is_ambiguous || error.code == 80_008 || http_status == 429);
                }
                Outcome::NotSent(why) => prop_assert!(false, "a reply arrived, but: {}", why),
                Outcome::InDoubt(_) => {}
            }
        }
    }
}
