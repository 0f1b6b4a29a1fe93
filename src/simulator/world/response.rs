//! Builds the responses of the simulator: the error format of Graph, its headers, and how the bytes are delivered.
//!
//! Every error has the four keys that strict clients require: `message`, `type`, `code` and `fbtrace_id`. This module
//! does not send anything.

use std::borrow::Cow;

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers, except for the length and the date.
    pub headers: Vec<(&'static str, String)>,
    /// The complete body, even if only a part is delivered.
    pub body: Vec<u8>,
    /// How the response reaches the client, if it does.
    pub delivery: Delivery,
}

/// How the bytes of a response are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// All bytes, at once.
    Complete,
    /// All bytes, but only one byte of the body per second.
    Slow,
    /// The headers and half of the body. Then the connection is closed.
    Truncated,
    /// No bytes: the connection stays open and silent.
    Never,
    /// No bytes: the connection is reset.
    Reset,
}

impl SimulatedResponse {
    pub(super) fn json(body: Vec<u8>) -> Self {
        let headers = vec![("content-type", "application/json; charset=UTF-8".to_owned())];
        Self { status: 200, headers, body, delivery: Delivery::Complete }
    }

    pub(super) fn success(success: bool) -> Self {
        Self::json(format!(r#"{{"success":{success}}}"#).into_bytes())
    }

    /// The response of a gateway if Graph does not respond.
    pub(super) fn bad_gateway() -> Self {
        let body = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Sorry, something went wrong.</h1></body></html>".to_vec();
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Self { status: 502, headers, body, delivery: Delivery::Complete }
    }

    /// A redirect that keeps the method, so that a client that follows it would send the PIN again.
    pub(super) fn redirect(to: String) -> Self {
        Self { status: 307, headers: vec![("location", to)], body: Vec::new(), delivery: Delivery::Complete }
    }

    pub(super) fn with_delivery(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }
}

/// An error of Graph, before it has a trace ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GraphError {
    pub status: u16,
    pub code: i64,
    pub subcode: Option<i64>,
    pub kind: &'static str,
    pub message: Cow<'static, str>,
    /// Further texts. Most errors have none, so they are on the heap.
    pub texts: Option<Box<ErrorTexts>>,
    pub is_transient: bool,
    /// The value of the `Retry-After` header, in seconds.
    pub retry_after: Option<u32>,
    /// The value of `estimated_time_to_regain_access`, in minutes.
    pub regain_minutes: Option<u32>,
    /// The value of `X-Business-Use-Case-Usage`; `None` for the counted one.
    pub usage: Option<Box<str>>,
}

/// What Meta adds to the message of some errors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ErrorTexts {
    pub details: Option<String>,
    pub user_title: Option<String>,
    pub user_message: Option<String>,
}

/// The type of nearly every error, whatever its cause.
const OAUTH_EXCEPTION: &str = "OAuthException";
const METHOD_EXCEPTION: &str = "GraphMethodException";

impl GraphError {
    pub(super) fn new(status: u16, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            subcode: None,
            kind: OAUTH_EXCEPTION,
            message: message.into(),
            texts: None,
            // As users of Meta's API have recorded throttles.
            is_transient: matches!(code, 4 | 17 | 32 | 341 | 613 | 80_007 | 80_008 | 130_429),
            retry_after: None,
            regain_minutes: None,
            usage: None,
        }
    }

    pub(super) fn with_subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    /// The object does not exist, or the token has no access to it. Graph does not say which.
    pub(super) fn no_such_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api",
            method.to_ascii_lowercase()
        );
        Self { kind: METHOD_EXCEPTION, ..Self::new(400, 100, message) }.with_subcode(33)
    }

    pub(super) fn no_such_field(name: &str, node_type: &str) -> Self {
        Self::new(400, 100, format!("(#100) Tried accessing nonexisting field ({name}) on node type ({node_type})"))
    }

    pub(super) fn bad_pin() -> Self {
        Self::new(400, 100, "(#100) Param pin must be 6 characters long.")
    }

    /// A call for a verification code, which nobody would receive.
    pub(super) fn no_code_sent(code: i64) -> Self {
        let details = "The simulator sends no SMS and calls no phone, so there is no verification code.";
        let texts = ErrorTexts { details: Some(details.to_owned()), ..ErrorTexts::default() };
        Self { texts: Some(Box::new(texts)), ..Self::titled(400, code) }
    }

    pub(super) fn bad_proof(message: &'static str) -> Self {
        Self { kind: METHOD_EXCEPTION, ..Self::new(400, 100, message) }
    }

    /// An error with the title of its code in Meta's table.
    pub(super) fn titled(status: u16, code: i64) -> Self {
        Self::new(status, code, format!("(#{code}) {}", title(code)))
    }

    pub(super) fn to_response(&self, trace_id: &str) -> SimulatedResponse {
        let mut body = br#"{"error":{"message":"#.to_vec();
        write_json_string(&mut body, &self.message);
        body.extend_from_slice(format!(r#","type":"{}","code":{}"#, self.kind, self.code).as_bytes());
        if let Some(subcode) = self.subcode {
            body.extend_from_slice(format!(r#","error_subcode":{subcode}"#).as_bytes());
        }
        if self.is_transient {
            body.extend_from_slice(br#","is_transient":true"#);
        }
        if let Some(texts) = &self.texts {
            texts.write_to(&mut body);
        }
        body.extend_from_slice(br#","fbtrace_id":"#);
        write_json_string(&mut body, trace_id);
        body.extend_from_slice(b"}}");

        let mut reply = SimulatedResponse { status: self.status, ..SimulatedResponse::json(body) };
        reply.headers.push(("www-authenticate", self.challenge()));
        if let Some(seconds) = self.retry_after {
            reply.headers.push(("retry-after", seconds.to_string()));
        }
        reply
    }

    fn challenge(&self) -> String {
        let reason = if matches!(self.code, 102 | 104 | 190) { "invalid_token" } else { "invalid_request" };
        let is_plain = |c: char| c == ' ' || c.is_ascii_graphic() && c != '"' && c != '\\';
        let message: String = self.message.chars().map(|c| if is_plain(c) { c } else { '?' }).collect();
        format!(r#"OAuth "Facebook Platform" "{reason}" "{message}""#)
    }
}

impl ErrorTexts {
    fn write_to(&self, body: &mut Vec<u8>) {
        for (key, text) in [("error_user_title", &self.user_title), ("error_user_msg", &self.user_message)] {
            if let Some(text) = text {
                body.extend_from_slice(format!(r#","{key}":"#).as_bytes());
                write_json_string(body, text);
            }
        }
        if let Some(details) = &self.details {
            body.extend_from_slice(br#","error_data":{"messaging_product":"whatsapp","details":"#);
            write_json_string(body, details);
            body.push(b'}');
        }
    }
}

/// The title of an error code in Meta's table, for the codes that a fault may use.
const fn title(code: i64) -> &'static str {
    match code {
        0 => "AuthException",
        1 => "An unknown error occurred",
        2 => "Service temporarily unavailable",
        3 => "Application does not have the capability to make this API call",
        4 => "Application request limit reached",
        10 => "Application does not have permission for this action",
        33 => "Parameter value is not valid: the business phone number has been deleted",
        100 => "Invalid parameter",
        102 => "Session key invalid or no longer valid",
        190 => "Access token has expired",
        200..=299 => "Permissions error",
        368 => "Temporarily blocked for policies violations",
        80_007 | 80_008 => "There have been too many calls to this WhatsApp Business account. Wait a bit and try again",
        130_429 => "Rate limit hit",
        131_000 => "Something went wrong",
        131_005 => "Access denied",
        131_008 => "Required parameter is missing",
        131_009 => "Parameter value is not valid",
        131_016 => "Service unavailable",
        131_031 => "Business Account locked",
        131_057 => "Account in maintenance mode",
        133_000 => "Incomplete Deregistration",
        133_004 => "Server Temporarily Unavailable",
        133_005 => "Two step verification PIN Mismatch",
        133_006 => "Phone number Re-Verification Needed",
        133_008 => "Too Many two step verification PIN Guesses",
        133_009 => "Two step verification PIN Guessed Too Fast",
        133_010 => "Phone number Not Registered",
        133_015 => "Please wait a few minutes before attempting to register this phone number",
        133_016 => "Account register deregister rate limit exceeded",
        135_000 => "Generic user error",
        136_024 => "Request code error",
        136_025 => "Verify code error",
        2_494_100 => "Phone number in maintenance mode",
        _ => "Simulated error",
    }
}

/// Writes a JSON string. The fast path is for text without characters that need an escape.
pub(super) fn write_json_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_four_keys_and_those_it_was_given() {
        let plain = GraphError::bad_pin().to_response("Atrace");
        assert_eq!(
            String::from_utf8_lossy(&plain.body),
            r#"{"error":{"message":"(#100) Param pin must be 6 characters long.","type":"OAuthException","code":100,"fbtrace_id":"Atrace"}}"#
        );
        let full = GraphError {
            texts: Some(Box::new(ErrorTexts {
                details: Some("Wait \"a bit\"".to_owned()),
                user_title: Some("Später".to_owned()),
                user_message: Some("Noch \"nicht\".".to_owned()),
            })),
            is_transient: true,
            retry_after: Some(7),
            ..GraphError::titled(500, 131_016).with_subcode(5)
        };
        let reply = full.to_response("B");
        assert_eq!(
            String::from_utf8_lossy(&reply.body),
            r#"{"error":{"message":"(#131016) Service unavailable","type":"OAuthException","code":131016,"error_subcode":5,"is_transient":true,"error_user_title":"Später","error_user_msg":"Noch \"nicht\".","error_data":{"messaging_product":"whatsapp","details":"Wait \"a bit\""},"fbtrace_id":"B"}}"#
        );
        assert!(reply.headers.contains(&("retry-after", "7".to_owned())));
    }

    #[test]
    fn a_message_cannot_break_out_of_the_challenge() {
        let error = GraphError::new(401, 190, "a\"b\r\nc\u{e9}");
        assert_eq!(error.challenge(), r#"OAuth "Facebook Platform" "invalid_token" "a?b??c?""#);
    }
}
