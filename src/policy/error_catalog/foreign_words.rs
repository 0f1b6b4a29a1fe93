//! The words of failures that are not errors of Graph: untrusted connections, and replies from something else.
//!
//! They say what was seen, and never who sent a reply that does not tell it.

use crate::domain::outcome::{ReadFailure, ReplyForm};

/// What came instead of a reply of Graph, as a sentence.
pub(super) fn reply_sentence(http_status: u16, form: &ReplyForm) -> String {
    match form {
        ReplyForm::Unrecognized => format!("The reply was not Meta's (HTTP {http_status}). A proxy may sit between."),
        ReplyForm::WebPage => {
            format!("A web page came instead of an answer (HTTP {http_status}). Meta or a proxy sent it.")
        }
        ReplyForm::FacebookErrorPage => format!("Meta answered with an error page (HTTP {http_status})."),
        ReplyForm::ForeignError(text) => {
            let what = match http_status {
                401 => "refused the access token",
                403 => "refused access",
                _ => "answered with an error of its own",
            };
            let text = text.as_ref().map(|text| format!(": {}", text.as_str().trim_end_matches('.')));
            format!("The server at graph_url {what} (HTTP {http_status}){}.", text.unwrap_or_default())
        }
    }
}

/// What to do after a read with this reply.
pub(super) fn steps_after_reply(failure: &ReadFailure, form: &ReplyForm) -> &'static [&'static str] {
    match form {
        ReplyForm::ForeignError(_) if failure.is_refusal_by_gateway() => FIX_GATEWAY_ACCESS_STEPS,
        ReplyForm::ForeignError(_) => ASK_GATEWAY_STEPS,
        ReplyForm::FacebookErrorPage => REFRESH_LATER_STEPS,
        ReplyForm::WebPage => WEB_PAGE_STEPS,
        ReplyForm::Unrecognized => CHECK_NETWORK_STEPS,
    }
}

pub(super) const CHECK_NETWORK_STEPS: &[&str] = &["Check the network and the proxy of this server.", "Then try again."];

pub(super) const REFRESH_LATER_STEPS: &[&str] =
    &["Read again in a minute.", "If it stays, look at metastatus.com/whatsapp-business-api."];

const FIX_GATEWAY_ACCESS_STEPS: &[&str] = &[
    "Check graph_url in the config: its server must be the one you mean.",
    "Put an access token or key of that server into token_file.",
];

const ASK_GATEWAY_STEPS: &[&str] = &["Ask those who run the server at graph_url what it means.", "Then try again."];

const WEB_PAGE_STEPS: &[&str] = &[
    "Look at metastatus.com/whatsapp-business-api.",
    "Check the network and the proxy of this server.",
    "Then try again.",
];

/// What to do about a certificate for another host.
pub(super) const CERTIFICATE_NAME_STEPS: &[&str] = &[
    "Check the host in graph_url, and the address of that host on this server.",
    "Ask your network team whether a proxy opens TLS with a wrong certificate.",
];

/// What to do about a server that speaks no TLS that pindesk accepts.
pub(super) const TLS_HANDSHAKE_STEPS: &[&str] =
    &["Check the host and the port in graph_url.", "Ask your network team for a way to Meta with TLS 1.2 or 1.3."];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::{CleanText, width};

    #[test]
    fn a_reply_is_attributed_only_to_who_certainly_sent_it() {
        let text = |text: &str| ReplyForm::ForeignError(Some(CleanText::new(text)));
        let cases = [
            (502, ReplyForm::Unrecognized, "The reply was not Meta's (HTTP 502). A proxy may sit between."),
            (502, ReplyForm::WebPage, "A web page came instead of an answer (HTTP 502). Meta or a proxy sent it."),
            (500, ReplyForm::FacebookErrorPage, "Meta answered with an error page (HTTP 500)."),
            (401, text("Invalid key."), "The server at graph_url refused the access token (HTTP 401): Invalid key."),
            (403, ReplyForm::ForeignError(None), "The server at graph_url refused access (HTTP 403)."),
            (429, text("slow"), "The server at graph_url answered with an error of its own (HTTP 429): slow."),
        ];
        for (status, form, sentence) in cases {
            assert_eq!(reply_sentence(status, &form), sentence);
        }
    }

    #[test]
    fn every_step_fits_its_place() {
        let steps = [
            CHECK_NETWORK_STEPS,
            REFRESH_LATER_STEPS,
            FIX_GATEWAY_ACCESS_STEPS,
            ASK_GATEWAY_STEPS,
            WEB_PAGE_STEPS,
            CERTIFICATE_NAME_STEPS,
            TLS_HANDSHAKE_STEPS,
        ];
        for step in steps.into_iter().flatten() {
            assert!(width(step) <= 74, "{step}");
            assert!(!step.contains('!'), "{step}");
        }
    }
}
