//! Fields that this version of Graph does not have: the client stops requesting them.

use std::sync::Arc;

use pindesk::domain::number::Waba;
use pindesk::domain::outcome::{ApiError, ObjectKind, ReadFailure};
use pindesk::domain::text::CleanText;

use super::{api_error, graph, id, json_response, number_with_id_only};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

/// The parameter `fields` of each request that the server received.
fn requested_fields(server: &ScriptedServer) -> Vec<String> {
    let fields = |request: &String| {
        let (_, rest) = request.split_once("fields=").expect("a list of fields");
        let end = rest.find(['&', ' ']).expect("an end");
        rest[..end].replace("%2C", ",")
    };
    server.requests().iter().map(fields).collect()
}

fn unknown_field_error(suffix: &str) -> ScriptStep {
    json_response(
        400,
        &format!(r#"{{"error":{{"message":"(#100) Tried accessing nonexisting field{suffix}","code":100}}}}"#),
    )
}

const ALL_FIELDS: &str = "id,display_phone_number,verified_name,is_pin_enabled,status,code_verification_status,\
                          quality_rating,name_status,platform_type,account_mode";
const REQUIRED_FIELDS: &str = "id,display_phone_number,verified_name,is_pin_enabled";

#[tokio::test(start_paused = true)]
async fn a_field_that_graph_lacks_is_requested_once() {
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![unknown_field_error(" (account_mode) on node type (WhatsAppBusinessPhoneNumber)")],
        vec![unknown_field_error(" (name_status)")],
        vec![json_response(200, r#"{"id":"1"}"#)],
    ])
    .await;
    let graph = graph(&server.url());
    for _ in 0..2 {
        assert_eq!(graph.clone().read_number(id("1")).await.result, Ok(number_with_id_only("1", None)));
    }
    let without_mode = ALL_FIELDS.replace(",account_mode", "");
    let without_both = without_mode.replace(",name_status", "");
    assert_eq!(requested_fields(&server), [ALL_FIELDS, &without_mode, &without_both, &without_both]);
}

#[tokio::test(start_paused = true)]
async fn an_unclear_field_error_leaves_only_the_required_fields() {
    for suffix in [" (throughput)", " (id)", "", " ("] {
        let server = ScriptedServer::start_with_stopped_clock(vec![
            vec![unknown_field_error(suffix)],
            vec![json_response(200, r#"{"id":"1"}"#)],
        ])
        .await;
        assert_eq!(graph(&server.url()).read_number(id("1")).await.result, Ok(number_with_id_only("1", None)));
        assert_eq!(requested_fields(&server), [ALL_FIELDS, REQUIRED_FIELDS], "{suffix}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_object_lacks_says_nothing_about_others() {
    let server = ScriptedServer::start_with_stopped_clock(vec![
        vec![unknown_field_error(" (account_mode)")],
        vec![json_response(200, r#"{"id":"1"}"#)],
        vec![json_response(200, r#"{"id":"2"}"#)],
    ])
    .await;
    let graph = graph(&server.url());
    for number in ["1", "2"] {
        assert_eq!(graph.read_number(id(number)).await.result, Ok(number_with_id_only(number, None)));
    }
    assert_eq!(requested_fields(&server), [ALL_FIELDS, &ALL_FIELDS.replace(",account_mode", ""), ALL_FIELDS]);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_never_read_without_its_two_step_status() {
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![unknown_field_error(" (is_pin_enabled)")]]).await;
    let message = CleanText::new("(#100) Tried accessing nonexisting field (is_pin_enabled)");
    let failure = ReadFailure::Api(ApiError { message, ..api_error(400, 100) });
    assert_eq!(graph(&server.url()).read_number(id("1")).await.result, Err(failure));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_kind_is_named_as_such() {
    let wrong = |expected, node_type: Option<&str>, suffix: &str| ReadFailure::WrongKind {
        expected,
        node_type: node_type.map(CleanText::new),
        error: Box::new(ApiError {
            message: CleanText::new(&format!("(#100) Tried accessing nonexisting field{suffix}")),
            ..api_error(400, 100)
        }),
    };
    let cases = [
        (" (display_phone_number) on node type (WhatsAppBusinessAccount)", Some("WhatsAppBusinessAccount")),
        (" (verified_name) on node type (Business)", Some("Business")),
        (" (display_phone_number)", None),
    ];
    for (suffix, node_type) in cases {
        let server = ScriptedServer::start_with_stopped_clock(vec![vec![unknown_field_error(suffix)]]).await;
        let failure = Err(wrong(ObjectKind::PhoneNumber, node_type, suffix));
        assert_eq!(graph(&server.url()).read_number(id("1")).await.result, failure, "{suffix}");
        assert_eq!(server.requests().len(), 1, "{suffix}");
    }
    let page_of = async |suffix| {
        let server = ScriptedServer::start_with_stopped_clock(vec![vec![unknown_field_error(suffix)]]).await;
        let waba = Arc::new(Waba { id: "1".parse().expect("an ID"), name: None });
        graph(&server.url()).read_numbers_page(&waba, None, 100).await.result
    };
    let suffix = " (phone_numbers) on node type (WhatsAppBusinessPhoneNumber)";
    let failure = wrong(ObjectKind::Waba, Some("WhatsAppBusinessPhoneNumber"), suffix);
    assert_eq!(page_of(suffix).await, Err(failure));
    // It is a WABA, but this version of the API does not know the list.
    let page = page_of(" (phone_numbers) on node type (WhatsAppBusinessAccount)").await;
    assert!(matches!(page, Err(ReadFailure::Api(_))), "{page:?}");
}

#[tokio::test(start_paused = true)]
async fn field_errors_that_never_end_are_reported() {
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![unknown_field_error(" (x)")]]).await;
    let message = CleanText::new("(#100) Tried accessing nonexisting field (x)");
    let failure = ReadFailure::Api(ApiError { message, ..api_error(400, 100) });
    assert_eq!(graph(&server.url()).read_number(id("1")).await.result, Err(failure));
    assert_eq!(requested_fields(&server), [ALL_FIELDS, REQUIRED_FIELDS]);
}
