//! The words of failures that are not errors of Graph: untrusted connections, and replies from something else.
//!
//! They say what was seen, and never who sent a reply that does not tell it.

use crate::domain::outcome::ReplyForm;

/// What came instead of a reply of Graph, as a sentence.
pub(super) fn reply_sentence(http_status: u16, form: &ReplyForm) -> String {
    match form {
        ReplyForm::Unrecognized => format!("The reply was not Meta's (HTTP {http_status}). A proxy may sit between."),
        ReplyForm::WebPage => {
            format!("A web page came instead of an answer (HTTP {http_status}). Meta or a proxy sent it.")
        }
        ReplyForm::FacebookErrorPage => format!("Meta answered with an error page (HTTP {http_status})."),
        ReplyForm::ForeignError(text) => {
            let text = text.as_ref().map(|text| format!(": {}", text.as_str().trim_end_matches('.')));
            let text = text.unwrap_or_default();
            match http_status {
                401 => format!("The server at graph_url refused the access token (HTTP 401){text}."),
                // Often a rule of the network, which no other access token changes.
                403 => format!("The server at graph_url, or a proxy before it, refused access (HTTP 403){text}."),
                _ => format!("The server at graph_url answered with an error of its own (HTTP {http_status}){text}."),
            }
        }
    }
}

/// What removes the cause of this reply.
pub(super) const fn steps_after_reply(http_status: u16, form: &ReplyForm) -> &'static [&'static str] {
    match (form, http_status) {
        (ReplyForm::ForeignError(_), 401) => FIX_GATEWAY_TOKEN_STEPS,
        (ReplyForm::ForeignError(_), 403) => FIX_GATEWAY_ACCESS_STEPS,
        (ReplyForm::ForeignError(_), _) => &["Ask those who run the server at graph_url what it means."],
        (ReplyForm::FacebookErrorPage, _) => &[METASTATUS],
        (ReplyForm::WebPage, _) => &[METASTATUS, CHECK_NETWORK],
        (ReplyForm::Unrecognized, _) => &[CHECK_NETWORK],
    }
}

const METASTATUS: &str = "Look at metastatus.com/whatsapp-business-api: it shows outages.";

const CHECK_NETWORK: &str = "Check the network and the proxy of this server.";

pub(super) const CHECK_NETWORK_STEPS: &[&str] = &[CHECK_NETWORK, "Then try again."];

pub(super) const REFRESH_LATER_STEPS: &[&str] =
    &["Read again in a minute.", "If it stays, look at metastatus.com/whatsapp-business-api."];

const FIX_GATEWAY_TOKEN_STEPS: &[&str] = &[
    "Check graph_url in the config: its server must be the one you mean.",
    "Put an access token or key of that server into token_file.",
];

const FIX_GATEWAY_ACCESS_STEPS: &[&str] = &[
    "Ask those who run that server or proxy which rule refuses the request.",
    "Check graph_url in the config: its server must be the one you mean.",
];

/// What to do about a proxy that wants a user and a password.
pub(super) const PROXY_CREDENTIALS_STEPS: &[&str] = &[
    "Put them into the variable of the proxy: http://USER:PASSWORD@HOST:PORT.",
    "If they are there already, ask your network team why it refuses them.",
    "Restart a console that is open: it has read the variable already.",
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
            (
                403,
                ReplyForm::ForeignError(None),
                "The server at graph_url, or a proxy before it, refused access (HTTP 403).",
            ),
            (
                403,
                text("Blocked by policy 7."),
                "The server at graph_url, or a proxy before it, refused access (HTTP 403): Blocked by policy 7.",
            ),
            (429, text("slow"), "The server at graph_url answered with an error of its own (HTTP 429): slow."),
        ];
        for (status, form, sentence) in cases {
            assert_eq!(reply_sentence(status, &form), sentence);
        }
    }

    #[test]
    fn every_step_fits_its_place() {
        let foreign = ReplyForm::ForeignError(None);
        let steps = [
            CHECK_NETWORK_STEPS,
            REFRESH_LATER_STEPS,
            PROXY_CREDENTIALS_STEPS,
            CERTIFICATE_NAME_STEPS,
            TLS_HANDSHAKE_STEPS,
            steps_after_reply(401, &foreign),
            steps_after_reply(403, &foreign),
            steps_after_reply(502, &foreign),
            steps_after_reply(502, &ReplyForm::WebPage),
            steps_after_reply(502, &ReplyForm::FacebookErrorPage),
            steps_after_reply(502, &ReplyForm::Unrecognized),
        ];
        for step in steps.into_iter().flatten() {
            assert!(width(step) <= 74, "{step}");
            assert!(!step.contains('!'), "{step}");
        }
    }
}
