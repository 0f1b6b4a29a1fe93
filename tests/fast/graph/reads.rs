//! Reads of one number, and of the list of a WABA.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::domain::clock::{Clock, ManualClock, TimePoint};
use pindesk::domain::number::{Number, NumberDetails, TwoStep, Waba};
use pindesk::domain::outcome::{ReadFailure, ReplyForm};
use pindesk::domain::text::CleanText;
use pindesk::graph::{GraphPage, MAX_REPLY_BYTES, PageCursor};

use super::{READ_AT, api_error, error_body, foreign_error, graph, id, json_response, number_with_id_only};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

fn waba() -> Arc<Waba> {
    Arc::new(Waba { id: "102290129340398".parse().expect("an id"), name: Some(CleanText::new("Stores")) })
}

async fn read_number(number: &str, body: &str) -> Result<Number, ReadFailure> {
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, body)]]).await;
    graph(&server.url()).read_number(id(number)).await.result
}

#[tokio::test(start_paused = true)]
async fn a_number_keeps_the_words_of_meta() {
    let body = r#"{"id":"106540352100143","display_phone_number":"+1 555-010-0143","verified_name":"Acme\u001b[2J",
        "status":"CONNECTED","is_pin_enabled":true,"code_verification_status":"VERIFIED","quality_rating":"PURPLE",
        "name_status":"APPROVED","platform_type":"CLOUD_API","account_mode":"LIVE","throughput":{"level":"STANDARD"}}"#;
    let details = NumberDetails {
        status: Some(CleanText::new("CONNECTED")),
        quality_rating: Some(CleanText::new("PURPLE")),
        code_verification_status: Some(CleanText::new("VERIFIED")),
        name_status: Some(CleanText::new("APPROVED")),
        platform_type: Some(CleanText::new("CLOUD_API")),
        account_mode: Some(CleanText::new("LIVE")),
    };
    let expected = Number {
        id: id("106540352100143"),
        waba: None,
        display_number: Some(CleanText::new("+1 555-010-0143")),
        name: Some(CleanText::new("Acme\u{1b}[2J")),
        two_step: TwoStep::On,
        details: Arc::new(details),
        read_at: Some(READ_AT),
    };
    assert_eq!(read_number("106540352100143", body).await, Ok(expected));
}

#[tokio::test(start_paused = true)]
async fn a_status_is_as_old_as_its_request() {
    let start = TimePoint { instant: Instant::now(), utc: READ_AT };
    let clock = ManualClock::new_leaked(start);
    let reply = json_response(200, r#"{"id":"1"}"#);
    let while_on_its_way = move |_: &str| clock.set(start.plus(Duration::from_secs(9)));
    let server = ScriptedServer::start_with_hook(vec![vec![reply]], while_on_its_way).await;
    let graph = graph(&server.url()).with_clock(Clock::Manual(clock));
    assert_eq!(graph.read_number(id("1")).await.result, Ok(number_with_id_only("1", None)));
}

#[tokio::test(start_paused = true)]
async fn an_absent_or_wrongly_typed_field_is_unknown() {
    for fields in [
        "",
        r#","is_pin_enabled":"true","display_phone_number":15555555555,"verified_name":null,"status":["CONNECTED"]"#,
        r#","is_pin_enabled":0,"display_phone_number":"","verified_name":{},"quality_rating":false"#,
    ] {
        assert_eq!(
            read_number("1", &format!(r#"{{"id":"1"{fields}}}"#)).await,
            Ok(number_with_id_only("1", None)),
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_about_another_number_is_refused() {
    let failure = Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized });
    for body in [
        r#"{"id":"2"}"#,
        r#"{"id":2}"#,
        r#"{"id":1.0}"#,
        r#"{"id":-1}"#,
        r#"{"id":"01"}"#,
        "{}",
        "[]",
        r#"{"id":"1","id":"1"}"#,
    ] {
        assert_eq!(read_number("1", body).await, failure, "{body}");
    }
}

fn read_of_form(http_status: u16, form: ReplyForm) -> ReadFailure {
    ReadFailure::UnexpectedReply { http_status, form }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_reports_the_reason() {
    let cases = [
        (vec![json_response(401, &error_body(190))], ReadFailure::Api(api_error(401, 190))),
        (vec![json_response(200, &error_body(190))], ReadFailure::Api(api_error(200, 190))),
        (vec![json_response(500, &error_body(2))], ReadFailure::Api(api_error(500, 2))),
        (vec![json_response(502, "<html>")], read_of_form(502, ReplyForm::WebPage)),
        (
            vec![json_response(
                500,
                "\n<!DOCTYPE html><html lang=\"en\" id=\"facebook\"><head><title>Facebook | Error",
            )],
            read_of_form(500, ReplyForm::FacebookErrorPage),
        ),
        (
            vec![json_response(
                401,
                r#"{"meta":{"httpCode":401,"developerMessage":"EAAJBfaketoken?","success":false}}"#,
            )],
            read_of_form(401, foreign_error("[token]?")),
        ),
        (vec![json_response(403, r#"{"message":"Unauthorized"}"#)], read_of_form(403, foreign_error("Unauthorized"))),
        (vec![json_response(403, r#"{"x":1}"#)], read_of_form(403, ReplyForm::ForeignError(None))),
        (vec![json_response(200, r#"{"message":"m","id":7.5}"#)], read_of_form(200, ReplyForm::Unrecognized)),
        (
            vec![json_response(400, r#"{"error":{"message":"m","code":"133010"}}"#)],
            ReadFailure::Api(api_error(400, 133_010)),
        ),
        (
            vec![json_response(302, "{}")],
            ReadFailure::UnexpectedReply { http_status: 302, form: ReplyForm::Unrecognized },
        ),
        (
            vec![json_response(200, &" ".repeat(MAX_REPLY_BYTES + 1))],
            ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized },
        ),
        (vec![ScriptStep::Stall], ReadFailure::NoAnswer),
        (vec![ScriptStep::Close], ReadFailure::NoAnswer),
    ];
    for (script, expected) in cases {
        let server = ScriptedServer::start_with_stopped_clock(vec![script]).await;
        assert_eq!(graph(&server.url()).read_number(id("1")).await.result, Err(expected));
        assert_eq!(server.requests().len(), 1, "the client does not retry a read");
    }
}

async fn read_page(body: &str) -> Result<GraphPage, ReadFailure> {
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, body)]]).await;
    graph(&server.url()).read_numbers_page(&waba(), None, 100).await.result
}

#[tokio::test(start_paused = true)]
async fn a_row_without_an_id_is_counted_and_skipped() {
    let body = r#"{"data":[{"id":"1"},{"id":2},{"id":"../3"},{"id":""},{},7,null,{"id":"4","is_pin_enabled":false}]}"#;
    let page = GraphPage {
        numbers: vec![
            number_with_id_only("1", Some(waba())),
            number_with_id_only("2", Some(waba())),
            Number { two_step: TwoStep::NotSet, ..number_with_id_only("4", Some(waba())) },
        ],
        skipped: 5,
        next: None,
        is_cut_off: false,
    };
    assert_eq!(read_page(body).await, Ok(page));
    for body in ["{}", r#"{"data":null}"#, r#"{"data":{}}"#, "[]", "{\"data\":["] {
        assert_eq!(
            read_page(body).await,
            Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized }),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_character_in_a_name_is_replaced() {
    let body_with_name = |name: &str| {
        let body = r#"{"data":[{"id":"1","verified_name":"NAME"},{"id":"2","verified_name":"caf\u00e9"}]}"#;
        body.replace("NAME", name)
    };
    let named_number = |number: &str, name: &str| Number {
        name: Some(CleanText::new(name)),
        ..number_with_id_only(number, Some(waba()))
    };
    for (name, shown) in [
        (r"\ud800", "\u{fffd}"),
        (r"Acme \uDBFF!", "Acme \u{fffd}!"),
        (r"\udc00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ud83d\\ude00", "\u{fffd}\\ude00"),
        (r"\\ud800 \ud83d\u0041", "\\ud800 \u{fffd}A"),
    ] {
        let page = GraphPage {
            numbers: vec![named_number("1", shown), named_number("2", "café")],
            skipped: 0,
            next: None,
            is_cut_off: false,
        };
        assert_eq!(read_page(&body_with_name(name)).await, Ok(page), "{name}");
    }
    for name in [r"\ud8", r"\ud800\", r"\ud800\x", "\\ud800\n"] {
        assert_eq!(
            read_page(&body_with_name(name)).await,
            Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized }),
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_of_one_page_share_equal_details() {
    let body =
        r#"{"data":[{"id":"1","status":"CONNECTED"},{"id":"2","status":"BANNED"},{"id":"3","status":"CONNECTED"}]}"#;
    let numbers = read_page(body).await.expect("a page").numbers;
    assert!(Arc::ptr_eq(&numbers[0].details, &numbers[2].details));
    assert_ne!(numbers[0].details, numbers[1].details);
}

#[tokio::test(start_paused = true)]
async fn a_list_continues_by_cursor_and_never_by_link() {
    let elsewhere = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, "{}")]]).await;
    let link = format!("http://{}/steal?access_token=x", elsewhere.address);
    let first_page =
        format!(r#"{{"data":[],"paging":{{"cursors":{{"before":"a","after":"b&limit=1 ü"}},"next":"{link}"}}}}"#);
    let last_page = r#"{"data":[{"id":"1"}],"paging":{"cursors":{"before":"b","after":"c"}}}"#;
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![json_response(200, &first_page)],
        vec![json_response(200, last_page)],
    ])
    .await;
    let graph = graph(&server.url());
    let first = graph.read_numbers_page(&waba(), None, 100).await.result.expect("a page");
    assert_eq!((first.numbers, first.skipped), (vec![], 0));
    let cursor = first.next.expect("a next page");
    let second = graph.read_numbers_page(&waba(), Some(&cursor), 100).await.result;
    assert_eq!(
        second,
        Ok(GraphPage {
            numbers: vec![number_with_id_only("1", Some(waba()))],
            skipped: 0,
            next: None,
            is_cut_off: false
        })
    );
    assert!(server.requests()[1].contains("&limit=100&after=b%26limit%3D1+%C3%BC HTTP/1.1\r\n"));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_next_page_that_cannot_be_requested_is_no_end() {
    for (paging, is_cut_off) in [
        ("null", false),
        (r#"{"cursors":{"after":"b"},"next":null}"#, false),
        (r#"{"cursors":{"after":"b"},"next":""}"#, false),
        (r#"{"next":"x"}"#, true),
        (r#"{"cursors":{},"next":"x"}"#, true),
        (r#"{"cursors":{"after":""},"next":"https://x/?limit=1&after="}"#, true),
        (r#"{"cursors":{"after":7},"next":"x"}"#, true),
    ] {
        let page = read_page(&format!(r#"{{"data":[],"paging":{paging}}}"#)).await;
        assert_eq!(page, Ok(GraphPage { numbers: vec![], skipped: 0, next: None, is_cut_off }), "{paging}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_without_cursors_continues_with_the_link() {
    for (query, parameter) in [
        ("limit=1&after=QVFI", "after=QVFI"),
        ("offset=25&limit=25&access_token=x", "offset=25"),
        ("__after_id=7", "__after_id=7"),
    ] {
        let body =
            format!(r#"{{"data":[],"paging":{{"next":"https://graph.facebook.com/v24.0/1/phone_numbers?{query}"}}}}"#);
        let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, &body)]]).await;
        let graph = graph(&server.url());
        let cursor = graph.read_numbers_page(&waba(), None, 100).await.result.expect("a page").next;
        graph.read_numbers_page(&waba(), cursor.as_ref(), 50).await.result.expect_err("the same cursor again");
        assert!(server.requests()[1].contains(&format!("&limit=50&{parameter} HTTP/1.1\r\n")), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_repeats_its_cursor_fails() {
    let body = r#"{"data":[],"paging":{"cursors":{"after":"b"},"next":"x"}}"#;
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, body)]]).await;
    let graph = graph(&server.url());
    let cursor: Option<PageCursor> = graph.read_numbers_page(&waba(), None, 100).await.result.expect("a page").next;
    let again = graph.read_numbers_page(&waba(), cursor.as_ref(), 100).await.result;
    assert_eq!(again, Err(ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized }));
}
