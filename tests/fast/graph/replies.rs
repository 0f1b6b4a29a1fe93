//! What a reply proves about a PIN: success, a refusal, or neither.
//!
//! These replies are complete. Incomplete ones are in `bodies`.

use pindesk::domain::outcome::{ApiError, DoubtReason, Outcome, ReplyForm};
use pindesk::domain::text::CleanText;
use pindesk::graph::MAX_REPLY_BYTES;

use super::{
    SUCCESS_BODY, api_error, error_body, foreign_error, json_response, reply_of_form, run_script, send_text,
    unexpected_reply,
};

const SUCCESS_NOT_TRUE: Outcome = Outcome::InDoubt(DoubtReason::SuccessNotTrue);

fn server_error(error: ApiError) -> Outcome {
    Outcome::InDoubt(DoubtReason::ServerError(error))
}

#[tokio::test(start_paused = true)]
async fn http_200_proves_success_only_with_the_boolean_true() {
    let deep = format!(r#"{{"success":true,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"success":true,"x":"{}"}}"#, "x".repeat(MAX_REPLY_BYTES));
    let cases = [
        (SUCCESS_BODY, Outcome::Confirmed),
        (" {\"success\" : true, \"x\": [1.5, null]}\r\n", Outcome::Confirmed),
        (r#"{"success":false}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":"true"}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":1}"#, SUCCESS_NOT_TRUE),
        (r#"{"success":null}"#, SUCCESS_NOT_TRUE),
        (r#"{"data":{"success":true}}"#, SUCCESS_NOT_TRUE),
        (r#"{"Success":true}"#, SUCCESS_NOT_TRUE),
        (r#"[{"success":true}]"#, SUCCESS_NOT_TRUE),
        ("{}", SUCCESS_NOT_TRUE),
        ("true", SUCCESS_NOT_TRUE),
        ("", unexpected_reply(200)),
        ("<html>success: true</html>", reply_of_form(200, ReplyForm::WebPage)),
        (r#"{"success":true"#, unexpected_reply(200)),
        (r#"{"success":true}x"#, unexpected_reply(200)),
        (r#"{"success":true}{"success":true}"#, unexpected_reply(200)),
        ("\u{feff}{\"success\":true}", unexpected_reply(200)),
        (r#"{"success":true,"success":false}"#, unexpected_reply(200)),
        (r#"{"success":false,"success":true}"#, unexpected_reply(200)),
        (r#"{"success":true,"success":true,"error":{"message":"m","code":190}}"#, unexpected_reply(200)),
        (r#"{"success":true,"error":{"message":"m","code":190}}"#, unexpected_reply(200)),
        (r#"{"success":true,"error":null}"#, unexpected_reply(200)),
        (r#"{"error":{"message":"m","code":190}}"#, server_error(api_error(200, 190))),
        (r#"{"success":false,"error":{"message":"m","code":100}}"#, server_error(api_error(200, 100))),
        (&deep, unexpected_reply(200)),
        (&long, unexpected_reply(200)),
    ];
    for (body, expected) in cases {
        assert_eq!(run_script(vec![json_response(200, body)]).await.0, expected, "{body:.100}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_proves_a_refusal_only_if_it_is_well_formed() {
    let cases = [
        (400, error_body(100), Outcome::Refused(api_error(400, 100))),
        (401, error_body(190), Outcome::Refused(api_error(401, 190))),
        (403, error_body(200), Outcome::Refused(api_error(403, 200))),
        (404, error_body(803), Outcome::Refused(api_error(404, 803))),
        (429, error_body(4), Outcome::Refused(api_error(429, 4))),
        (401, error_body(0), Outcome::Refused(api_error(401, 0))),
        (400, r#"{"success":false,"error":{"message":"m","code":100}}"#.into(), Outcome::Refused(api_error(400, 100))),
        (400, error_body(1), server_error(api_error(400, 1))),
        (400, error_body(2), server_error(api_error(400, 2))),
        (500, error_body(131_000), server_error(api_error(500, 131_000))),
        (503, error_body(2), server_error(api_error(503, 2))),
        (500, error_body(100), server_error(api_error(500, 100))),
        (400, r#"{"success":true,"error":{"message":"m","code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"success":"false","error":{"message":"m","code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":"100"}}"#.into(), reply_of_form(400, foreign_error("m"))),
        (400, r#"{"error":{"message":"m","code":100.0}}"#.into(), reply_of_form(400, foreign_error("m"))),
        (
            400,
            r#"{"error":{"message":"m","code":99999999999999999999}}"#.into(),
            reply_of_form(400, foreign_error("m")),
        ),
        (400, r#"{"error":{"message":"m"}}"#.into(), reply_of_form(400, foreign_error("m"))),
        (400, r#"{"error":{"code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":7,"code":100}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":{"message":"m","code":100,"code":190}}"#.into(), unexpected_reply(400)),
        (400, r#"{"error":"no"}"#.into(), reply_of_form(400, foreign_error("no"))),
        (400, r#"{"errors":[{"message":"m","code":100}]}"#.into(), reply_of_form(400, foreign_error("m"))),
        (400, SUCCESS_BODY.into(), unexpected_reply(400)),
        (400, String::new(), unexpected_reply(400)),
        (502, "<html>Bad Gateway</html>".into(), reply_of_form(502, ReplyForm::WebPage)),
        (500, SUCCESS_BODY.into(), unexpected_reply(500)),
        (600, error_body(100), unexpected_reply(600)),
    ];
    for (status, body, expected) in cases {
        assert_eq!(run_script(vec![json_response(status, &body)]).await.0, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_proves_a_refusal_even_if_it_is_transient() {
    let transient = |http_status, code| ApiError { is_transient: true, ..api_error(http_status, code) };
    // The status, the code, and whether the error proves that nothing was changed.
    let codes = [4, 17, 32, 341, 613, 80_007, 80_008, 130_429];
    let throttles = [400, 403, 429].into_iter().flat_map(|status| codes.map(|code| (status, code, true)));
    let others = [
        (429, 987_654, true),
        (429, 2, true),
        (400, 987_654, false),
        (400, 2, false),
        (500, 4, false),
        (503, 80_008, false),
        (200, 80_008, false),
    ];
    for (status, code, is_proof) in throttles.chain(others) {
        let body = format!(r#"{{"error":{{"message":"m","code":{code},"is_transient":true}}}}"#);
        let error = transient(status, code);
        let expected = if is_proof { Outcome::Refused(error) } else { server_error(error) };
        assert_eq!(run_script(vec![json_response(status, &body)]).await.0, expected, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_other_status_proves_anything() {
    for status in [201, 202, 203, 206, 226, 300] {
        assert_eq!(run_script(vec![json_response(status, SUCCESS_BODY)]).await.0, unexpected_reply(status), "{status}");
        assert_eq!(
            run_script(vec![json_response(status, &error_body(100))]).await.0,
            unexpected_reply(status),
            "{status}"
        );
    }
    for status in [204, 304] {
        assert_eq!(
            run_script(vec![send_text(&format!("HTTP/1.1 {status} Word\r\n\r\n"))]).await.0,
            unexpected_reply(status)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_id_comes_from_the_header_if_the_body_has_none() {
    let with_body = |body: &str| {
        send_text(&format!(
            "HTTP/1.1 400 Bad\r\nX-FB-Trace-ID: HdrEAAJBfaketoken\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let own = r#"{"error":{"message":"m","code":100,"fbtrace_id":"AbC"}}"#;
    for (body, trace) in [(&*error_body(100), "Hdr[token]"), (own, "AbC")] {
        let expected = ApiError { trace_id: Some(CleanText::new(trace)), ..api_error(400, 100) };
        assert_eq!(run_script(vec![with_body(body)]).await.0, Outcome::Refused(expected), "{trace}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_keeps_every_text_cleaned_and_no_secret() {
    let full = r#"{"error":{"message":"(#100) PIN 409726\u001b[2J of EAAJBfaketoken","type":"OAuthException","code":100,
        "error_subcode":2388092,"is_transient":false,"error_user_title":"No\u202e","error_user_msg":"PIN 409726","error_data":{"messaging_product":"whatsapp",
        "details":"evil\u202etxt"},"fbtrace_id":"AbC"}}"#;
    let expected = ApiError {
        subcode: Some(2_388_092),
        message: CleanText::new("(#100) PIN [PIN]\u{1b}[2J of [token]"),
        details: Some(CleanText::new("evil\u{202e}txt")),
        user_title: Some(Box::new(CleanText::new("No\u{202e}"))),
        user_message: Some(Box::new(CleanText::new("PIN [PIN]"))),
        trace_id: Some(CleanText::new("AbC")),
        ..api_error(400, 100)
    };
    assert_eq!(run_script(vec![json_response(400, full)]).await.0, Outcome::Refused(expected));
    let cases = [
        (r#""error_data":"plain""#, ApiError { details: Some(CleanText::new("plain")), ..api_error(400, 100) }),
        (
            r#""error_data":[7],"error_subcode":"x","fbtrace_id":7"#,
            ApiError { details: Some(CleanText::new("7")), ..api_error(400, 100) },
        ),
        (r#""error_data":{"details":{}}"#, api_error(400, 100)),
        (r#""error_data":{"messaging_product":"whatsapp"}"#, api_error(400, 100)),
        (
            r#""error_data":{"messaging_product":"whatsapp","blame_field_specs":[["pin","409726"]],"is_new":true}"#,
            ApiError {
                details: Some(CleanText::new("blame_field_specs: pin, [PIN], is_new: true")),
                ..api_error(400, 100)
            },
        ),
        (
            r#""error_data":{"details":{"wait":3600,"pin":409726}}"#,
            ApiError { details: Some(CleanText::new("wait: 3600, pin: [PIN]")), ..api_error(400, 100) },
        ),
        (r#""is_transient":null"#, api_error(400, 100)),
    ];
    for (more, expected) in cases {
        let body = format!(r#"{{"error":{{"message":"m","code":100,{more}}}}}"#);
        assert_eq!(run_script(vec![json_response(400, &body)]).await.0, Outcome::Refused(expected), "{more}");
    }
    for more in ["true", r#""true""#, r#""false""#, "1"] {
        let body = format!(r#"{{"error":{{"message":"m","code":100,"is_transient":{more}}}}}"#);
        let expected = ApiError { is_transient: true, ..api_error(400, 100) };
        assert_eq!(run_script(vec![json_response(400, &body)]).await.0, server_error(expected), "{more}");
    }
}
