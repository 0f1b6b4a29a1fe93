//! What a whole reply says, as pure functions from bytes to a verdict.
//!
//! The closed list of evidence (see [`crate::outcome`]) is applied here and nowhere else. What does not fit it
//! exactly is in doubt; nothing is guessed from the status alone, and nothing is repeated.

use std::time::Duration;

use crate::graph::json::Json;
use crate::outcome::{Doubt, Fault, Outcome, ReadFailure};
use crate::text::Clean;

/// A reply whose body was read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) http_status: u16,
    pub(super) asked_wait: Option<Duration>,
    pub(super) body: Vec<u8>,
}

enum Said<'a> {
    /// A well-formed Graph error.
    No(Fault),
    /// HTTP 200 and JSON without an `error`.
    Value(Json<'a>),
    /// Anything else.
    Strange,
}

/// What became of a request that sets a PIN. `clean` makes texts fit to be shown.
pub(super) fn outcome(reply: &Reply, clean: impl Fn(&str) -> Clean) -> Outcome {
    match read(reply, clean) {
        Said::No(fault) if fault.proves_nothing_changed() => Outcome::Refused(fault),
        Said::No(fault) => Outcome::InDoubt(Doubt::MetaFault(fault)),
        Said::Value(json) if json.get("success").and_then(Json::bool) == Some(true) => Outcome::Confirmed,
        Said::Value(_) => Outcome::InDoubt(Doubt::SuccessNotTrue),
        Said::Strange => Outcome::InDoubt(Doubt::StrangeReply { http_status: reply.http_status }),
    }
}

/// The JSON that a read brought.
pub(super) fn value(reply: &Reply, clean: impl Fn(&str) -> Clean) -> Result<Json<'_>, ReadFailure> {
    match read(reply, clean) {
        Said::No(fault) => Err(ReadFailure::Fault(fault)),
        Said::Value(json) => Ok(json),
        Said::Strange => Err(ReadFailure::StrangeReply { http_status: reply.http_status }),
    }
}

fn read(reply: &Reply, clean: impl Fn(&str) -> Clean) -> Said<'_> {
    if !matches!(reply.http_status, 200 | 400..=599) {
        return Said::Strange;
    }
    let Some(json) = Json::parse(&reply.body) else { return Said::Strange };
    match (json.get("error"), json.get("success")) {
        (Some(error), None | Some(Json::Bool(false))) => {
            fault(reply.http_status, error, clean).map_or(Said::Strange, Said::No)
        }
        (None, _) if reply.http_status == 200 => Said::Value(json),
        // Yes and no at once, or an error status without an error.
        (Some(_), Some(_)) | (None, _) => Said::Strange,
    }
}

/// A Graph error: an object with at least an integer `code` and a text `message`.
///
/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
fn fault(http_status: u16, error: &Json<'_>, clean: impl Fn(&str) -> Clean) -> Option<Fault> {
    let text = |json: Option<&Json<'_>>| json.and_then(Json::text).map(&clean);
    let data = error.get("error_data");
    Some(Fault {
        http_status,
        code: error.get("code")?.int()?,
        subcode: error.get("error_subcode").and_then(Json::int),
        message: clean(error.get("message")?.text()?),
        details: text(data.and_then(|data| data.get("details"))).or_else(|| text(data)),
        trace_id: text(error.get("fbtrace_id")),
        is_transient: is_transient(error),
    })
}

/// What is neither a boolean nor absent counts as true: a doubt too many costs one look, one too few a PIN.
fn is_transient(error: &Json<'_>) -> bool {
    match error.get("is_transient") {
        None | Some(Json::Null) => false,
        Some(value) => value.bool() != Some(false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Pieces that make up replies, right and wrong, when thrown together.
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
        ]);
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn only_the_listed_evidence_proves_anything(
            http_status in prop::sample::select(vec![100u16, 200, 200, 200, 201, 204, 302, 400, 400, 404, 429, 500, 503]),
            body in body(),
        ) {
            let reply = Reply { http_status, asked_wait: None, body: body.clone().into_bytes() };
            let json: Value = serde_json::from_str(&body).unwrap_or_default();
            match outcome(&reply, Clean::new) {
                Outcome::Confirmed => {
                    prop_assert_eq!((http_status, &json["success"], json.get("error")), (200, &Value::Bool(true), None));
                }
                Outcome::Refused(fault) => {
                    prop_assert!((400..500).contains(&http_status) && json["success"] != true);
                    prop_assert_eq!(Some(fault.code), json["error"]["code"].as_i64());
                    prop_assert!(fault.code != 1 && fault.code != 2 && json["error"]["is_transient"] != true);
                }
                Outcome::NotSent(why) => prop_assert!(false, "a reply came, and yet {}", why),
                Outcome::InDoubt(_) => {}
            }
        }
    }
}
