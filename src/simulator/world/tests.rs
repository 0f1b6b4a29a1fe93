//! Tests of the simulated Graph API as a function from requests to replies.

use serde_json::{Value, json};

use super::*;
use crate::domain::clock::Clock;
use crate::domain::number::PhoneNumberId;

const HOUR: Duration = Duration::from_hours(1);
const NUMBER: &str = "/v24.0/200000000000001";
const SUCCESS: &str = r#"{"success":true}"#;

fn world(numbers: usize) -> World {
    World::new(WorldSpec::new(numbers, 1), FaultPlan::none())
}

fn faulty_world(toml: &str) -> World {
    World::new(WorldSpec::new(300, 1), FaultPlan::parse(toml).expect("a valid plan"))
}

fn now() -> TimePoint {
    Clock::System.now()
}

fn request(method: &str, path: &str) -> SimulatedRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    SimulatedRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: Some("Bearer SIMULATOR".to_owned()),
        origin: "http://127.0.0.1:1".to_owned(),
        body: RequestBody::Empty,
    }
}

fn get(world: &mut World, path: &str) -> (u16, Value) {
    let reply = world.handle_request(&request("GET", path), now());
    (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
}

fn post(world: &mut World, path: &str, body: &Value) -> SimulatedResponse {
    world.handle_request(
        &SimulatedRequest { body: RequestBody::Json(body.to_string().into_bytes()), ..request("POST", path) },
        now(),
    )
}

fn text(reply: &SimulatedResponse) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn code(reply: &SimulatedResponse) -> (u16, i64) {
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    (reply.status, body["error"]["code"].as_i64().unwrap_or_default())
}

fn header<'a>(reply: &'a SimulatedResponse, name: &str) -> &'a str {
    reply.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
}

fn id(text: &str) -> PhoneNumberId {
    text.parse().expect("an ID")
}

#[test]
fn a_set_pin_is_in_force_and_turns_two_step_on() {
    let mut world = world(300);
    let index =
        (0..300).find(|index| world.generator.initial_two_step(*index) == Some(false)).expect("a number without a PIN");
    let path = format!("/v24.0/{}", generator::number_id(index));
    let read = format!("{path}?fields=is_pin_enabled");
    let id = id(&generator::number_id(index));
    assert_eq!(get(&mut world, &read).1["is_pin_enabled"], json!(false));
    assert_eq!(world.pin_in_force(&id), None);

    let reply = post(&mut world, &path, &json!({"pin": "012345"}));
    assert_eq!((reply.status, text(&reply).as_str()), (200, SUCCESS));
    assert_eq!(get(&mut world, &read).1["is_pin_enabled"], json!(true));
    assert_eq!(world.pin_in_force(&id), Some(*b"012345"));
    assert_eq!((world.pins_sent(&id), world.pin_request_count()), (&[*b"012345"][..], 1));
}

#[test]
fn a_pin_that_is_not_a_string_of_six_digits_is_refused() {
    let mut world = world(1);
    let before = world.pin_in_force(&id("200000000000001"));
    for body in
        [json!({}), json!({"pin": ""}), json!({"pin": "12345"}), json!({"pin": 123_456}), json!({"pin": "12345a"})]
    {
        let reply = post(&mut world, NUMBER, &body);
        assert_eq!(code(&reply), (400, 100), "{body}");
        assert!(text(&reply).contains("(#100) Param pin must be 6 characters long."), "{body}");
    }
    assert_eq!(world.pin_in_force(&id("200000000000001")), before);
    assert_eq!(world.pin_request_count(), 5);
}

#[test]
fn an_unregistered_number_accepts_a_pin_only_if_allowed() {
    let path = "/v24.0/200000000000250";
    assert_eq!(code(&post(&mut world(300), path, &json!({"pin": "409726"}))), (400, 133_010));
    let lenient = WorldSpec { unregistered_may_set_pin: true, ..WorldSpec::new(300, 1) };
    let reply = post(&mut World::new(lenient, FaultPlan::none()), path, &json!({"pin": "409726"}));
    assert_eq!(text(&reply), SUCCESS);
}

#[test]
fn a_read_without_fields_returns_the_default_fields() {
    let (status, body) = get(&mut world(1), "/v24.0/200000000000001/");
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    let expected = [
        "code_verification_status",
        "display_phone_number",
        "id",
        "platform_type",
        "quality_rating",
        "throughput",
        "verified_name",
    ];
    assert_eq!((status, keys), (200, expected.map(str::to_owned).iter().collect()));
}

#[test]
fn a_waba_returns_its_name() {
    let (status, body) = get(&mut world(1), "/v19.0/100000000000002?fields=id,name");
    assert_eq!((status, body), (200, json!({"id": "100000000000002", "name": "Acme Retail UK"})));
}

#[test]
fn following_the_cursors_returns_each_number_once() {
    let mut world = world(500);
    let mut ids = Vec::new();
    for waba in wabas() {
        let mut after = String::new();
        loop {
            let path = format!("/v24.0/{}/phone_numbers?fields=id&limit=30&after={after}", waba.id);
            let (status, page) = get(&mut world, &path);
            assert_eq!(status, 200);
            ids.extend(page["data"].as_array().expect("data").iter().map(|number| number["id"].clone()));
            if page["paging"]["next"].is_null() {
                break;
            }
            page["paging"]["cursors"]["after"].as_str().expect("a cursor").clone_into(&mut after);
        }
    }
    let expected: Vec<Value> = (0..500).map(|index| json!(generator::number_id(index))).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_missing_object_is_100_33_and_names_the_method() {
    let mut world = world(3);
    let cases = [
        ("GET", "/v24.0/999", "Unsupported get request. Object with ID '999'"),
        ("POST", "/v24.0/100000000000001", "Unsupported post request."),
        ("DELETE", NUMBER, "Unsupported delete request."),
        ("GET", "/v24.0/200000000000001/phone_numbers", "Unsupported get request."),
        ("GET", "/v24.0/200000000000001/register/x", "Unsupported get request."),
        ("GET", "/v24.0", "Unsupported get request."),
    ];
    for (method, path, message) in cases {
        let reply = world.handle_request(&request(method, path), now());
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let error = &body["error"];
        assert_eq!((reply.status, &error["code"], &error["error_subcode"]), (400, &json!(100), &json!(33)), "{path}");
        assert!(error["message"].as_str().is_some_and(|text| text.starts_with(message)), "{path}");
        assert_eq!(error["type"], "GraphMethodException");
    }
    assert_eq!(code(&world.handle_request(&request("GET", "/24/200000000000001"), now())), (400, 2_500));
}

#[test]
fn a_read_only_token_can_read_but_not_change() {
    let mut world = world(1);
    let before = world.pin_in_force(&id("200000000000001"));
    let token = Some("Bearer SIMULATOR-READONLY".to_owned());
    let read = SimulatedRequest { authorization: token.clone(), ..request("GET", NUMBER) };
    assert_eq!(world.handle_request(&read, now()).status, 200);
    let body = RequestBody::Form(b"pin=409726".to_vec());
    let set = SimulatedRequest { authorization: token, body, ..request("POST", NUMBER) };
    let reply = world.handle_request(&set, now());
    assert_eq!(code(&reply), (403, 200));
    assert!(text(&reply).contains("(#200) Permissions error"));
    assert_eq!(world.pin_in_force(&id("200000000000001")), before);
}

#[test]
fn every_reply_has_its_version_and_a_unique_trace_id() {
    let mut world = world(1);
    let first = world.handle_request(&request("GET", NUMBER), now());
    let second = world.handle_request(&request("GET", "/v24.0/999"), now());
    assert_eq!(header(&first, "facebook-api-version"), "v24.0");
    assert_ne!(header(&first, "x-fb-trace-id"), header(&second, "x-fb-trace-id"));
    let body: Value = serde_json::from_slice(&second.body).expect("JSON");
    assert_eq!(body["error"]["fbtrace_id"], *header(&second, "x-fb-trace-id"));
    let usage: Value = serde_json::from_str(header(&first, "x-business-use-case-usage")).expect("JSON");
    assert_eq!(usage["100000000000001"][0]["estimated_time_to_regain_access"], 0);
}

#[test]
fn registering_checks_the_pin_at_most_ten_times() {
    let mut world = world(1);
    let set = post(&mut world, NUMBER, &json!({"pin": "409726"}));
    assert_eq!(text(&set), SUCCESS);
    let path = format!("{NUMBER}/register");
    let start = now();
    let mut register = |pin: &str, at: TimePoint| {
        let body = json!({"messaging_product": "whatsapp", "pin": pin}).to_string();
        world.handle_request(
            &SimulatedRequest { body: RequestBody::Json(body.into_bytes()), ..request("POST", &path) },
            at,
        )
    };
    assert_eq!(text(&register("409726", start)), SUCCESS);
    for _ in 0..9 {
        assert_eq!(code(&register("111111", start)), (400, 133_005));
    }
    assert_eq!(code(&register("409726", start)), (400, 133_016));
    assert_eq!(code(&register("409726", start.plus(REGISTER_WINDOW.saturating_sub(HOUR)))), (400, 133_016));
    assert_eq!(text(&register("409726", start.plus(REGISTER_WINDOW))), SUCCESS);
}

#[test]
fn a_deregistered_number_keeps_its_pin() {
    let mut world = world(1);
    post(&mut world, NUMBER, &json!({"pin": "409726"}));
    assert_eq!(text(&post(&mut world, &format!("{NUMBER}/deregister"), &json!({}))), SUCCESS);
    assert_eq!(world.pin_in_force(&id("200000000000001")), Some(*b"409726"));
    assert_eq!(code(&post(&mut world, NUMBER, &json!({"pin": "000000"}))), (400, 133_010));
}

#[test]
fn a_throttled_waba_does_not_throttle_others() {
    let spec = WorldSpec { calls_per_hour: Some(4), ..WorldSpec::new(100, 1) };
    let mut world = World::new(spec, FaultPlan::none());
    let start = now();
    let third = (0..3).map(|_| world.handle_request(&request("GET", NUMBER), start)).last().expect("three replies");
    assert!(header(&third, "x-business-use-case-usage").contains(r#""call_count":75"#));
    world.handle_request(&request("GET", NUMBER), start);
    let refused = world.handle_request(&request("GET", NUMBER), start);
    assert_eq!(code(&refused), (400, 80_008));
    assert!(header(&refused, "x-business-use-case-usage").contains(r#""estimated_time_to_regain_access":60"#));
    assert_eq!(world.handle_request(&request("GET", "/v24.0/100000000000002"), start).status, 200);
    assert_eq!(world.handle_request(&request("GET", NUMBER), start.plus(HOUR)).status, 200);
}

#[test]
fn only_faults_after_the_change_set_the_pin() {
    let cases = [
        ("\"timeout\"", Delivery::Never, 200, true),
        ("\"reset-after\"", Delivery::Reset, 200, true),
        ("\"truncate\"", Delivery::Truncated, 200, true),
        ("\"slow\"", Delivery::Slow, 200, true),
        ("\"reset-before\"", Delivery::Reset, 200, false),
        ("\"html\"", Delivery::Complete, 502, false),
        ("\"success-false\"", Delivery::Complete, 200, false),
        ("\"redirect\"", Delivery::Complete, 307, false),
        ("{ code = 131016, status = 500 }", Delivery::Complete, 500, false),
    ];
    for (answer, delivery, status, is_applied) in cases {
        let mut world = faulty_world(&format!("[[fault]]\nnumber = \"200000000000001\"\ntimes = 1\nanswer = {answer}"));
        let id = id("200000000000001");
        let before = world.pin_in_force(&id);
        let reply = post(&mut world, NUMBER, &json!({"pin": "409726"}));
        assert_eq!((reply.delivery, reply.status), (delivery, status), "{answer}");
        let expected = if is_applied { Some(*b"409726") } else { before };
        assert_eq!(world.pin_in_force(&id), expected, "{answer}");
        assert_eq!(text(&post(&mut world, NUMBER, &json!({"pin": "409726"}))), SUCCESS, "{answer}: the retry");
    }
}

#[test]
fn a_scripted_throttle_says_when_to_retry() {
    let mut world = faulty_world(
        "[[fault]]\nwaba = \"100000000000001\"\nanswer = { code = 80008, status = 400, retry_after = 5, regain_minutes = 1, details = \"later\" }",
    );
    let reply = post(&mut world, NUMBER, &json!({"pin": "409726"}));
    assert_eq!((code(&reply), header(&reply, "retry-after")), ((400, 80_008), "5"));
    assert!(header(&reply, "x-business-use-case-usage").contains(r#""estimated_time_to_regain_access":1"#));
    assert!(text(&reply).contains(r#""details":"later""#));
}

#[test]
fn an_empty_page_still_has_a_next_link() {
    let mut world = faulty_world("[[fault]]\nevery = 1\ncall = \"list\"\ntimes = 1\nanswer = \"empty-page\"");
    let (_, page) = get(&mut world, "/v24.0/100000000000001/phone_numbers?limit=10");
    assert_eq!(page["data"], json!([]));
    let after = page["paging"]["cursors"]["after"].as_str().expect("a cursor").to_owned();
    assert!(page["paging"]["next"].is_string());
    let (_, page) = get(&mut world, &format!("/v24.0/100000000000001/phone_numbers?limit=10&after={after}"));
    assert_eq!(page["data"][0]["id"], "200000000000001");
}

fn with_token(world: &mut World, token: &str, method: &str, path: &str, at: TimePoint) -> (u16, Value) {
    let request = SimulatedRequest { authorization: Some(format!("Bearer {token}")), ..request(method, path) };
    let reply = world.handle_request(&request, at);
    (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
}

#[test]
fn debug_token_lists_the_wabas_that_the_permissions_name() {
    let target_ids = |token: &str| {
        let (status, body) = get(&mut world(1), &format!("/v24.0/debug_token?input_token={token}"));
        assert_eq!((status, &body["data"]["is_valid"]), (200, &json!(true)), "{token}");
        body["data"]["granular_scopes"][0].get("target_ids").map(|ids| ids.as_array().map(Vec::len))
    };
    assert_eq!(
        ["SIMULATOR", "SIMULATOR-ONE-WABA", "SIMULATOR-UNLIMITED"].map(target_ids),
        [Some(Some(7)), Some(Some(1)), None]
    );
    let (_, body) = get(&mut world(1), "/v24.0/debug_token?input_token=SIMULATOR-EXPIRED");
    assert_eq!((&body["data"]["is_valid"], &body["data"]["error"]["subcode"]), (&json!(false), &json!(463)));
}

#[test]
fn a_token_expires_at_the_time_in_its_name() {
    let (mut world, start) = (world(1), now());
    let token = format!("SIMULATOR-EXPIRES-{}", start.utc.unix_seconds() + 60);
    let mut read = |at| with_token(&mut world, &token, "GET", NUMBER, at);
    assert_eq!(read(start).0, 200);
    let (status, body) = read(start.plus(Duration::from_mins(1)));
    assert_eq!((status, &body["error"]["code"], &body["error"]["error_subcode"]), (401, &json!(190), &json!(463)));
    let path = format!("/v24.0/debug_token?input_token={token}");
    let (_, body) = get(&mut self::world(1), &path);
    assert_eq!(body["data"]["expires_at"], json!(start.utc.unix_seconds() + 60));
}

#[test]
fn a_token_sees_only_its_wabas() {
    let mut world = world(300);
    let mut status =
        |path: &str| with_token(&mut world, "SIMULATOR-ONE-WABA", "GET", &format!("/v24.0/{path}"), now()).0;
    assert_eq!(status("100000000000001/phone_numbers"), 200);
    assert_eq!(status("100000000000002/phone_numbers"), 403);
    assert_eq!(status("200000000000001"), 200);
    assert_eq!(status("200000000000300"), 403);
}

#[test]
fn a_business_owns_wabas_and_shares_those_of_clients() {
    let ids = |token: &str, path: &str| -> Vec<u64> {
        let (status, body) = with_token(&mut world(1), token, "GET", &format!("/v24.0/{path}"), now());
        assert_eq!(status, 200, "{path}");
        let of_row = |row: &Value| row["id"].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
        body["data"].as_array().expect("a list").iter().map(|row| of_row(row) - 100_000_000_000_000).collect()
    };
    assert_eq!(ids("SIMULATOR", "500000000000001/owned_whatsapp_business_accounts"), [1, 2, 3, 4, 5]);
    assert_eq!(ids("SIMULATOR", "500000000000001/client_whatsapp_business_accounts?fields=name"), [6, 7]);
    assert_eq!(ids("SIMULATOR", "400000000000001/assigned_whatsapp_business_accounts?limit=3"), [1, 2, 3]);
    assert_eq!(ids("SIMULATOR-ONE-WABA", "me/assigned_whatsapp_business_accounts"), [1]);
}

#[test]
fn the_permissions_of_a_token_are_listed() {
    let permissions = |token: &str| {
        let (_, body) = with_token(&mut world(1), token, "GET", "/v24.0/me/permissions", now());
        body["data"].as_array().map(Vec::len)
    };
    assert_eq!(["SIMULATOR", "SIMULATOR-READONLY"].map(permissions), [Some(2), Some(1)]);
}

#[test]
fn a_verification_code_is_never_sent() {
    for (edge, expected) in [("request_code", 136_024), ("verify_code", 136_025)] {
        let reply = post(&mut world(1), &format!("{NUMBER}/{edge}"), &json!({"code_method": "SMS"}));
        assert_eq!(code(&reply), (400, expected));
        assert!(text(&reply).contains("The simulator sends no SMS"), "{}", text(&reply));
    }
}

#[test]
fn the_deprecated_messaging_limit_is_null() {
    let (_, body) = get(&mut world(1), &format!("{NUMBER}?fields=messaging_limit_tier"));
    assert_eq!(body, json!({"messaging_limit_tier": null, "id": "200000000000001"}));
}

#[test]
fn a_scripted_error_has_the_words_of_the_plan() {
    let mut world = faulty_world(
        "[[fault]]\nevery = 1\nanswer = { code = 100, message = \"Invalid parameter\", user_title = \"Nein\", \
         user_message = \"Später.\", details = \"d\" }",
    );
    let body: Value = serde_json::from_slice(&post(&mut world, NUMBER, &json!({"pin": "409726"})).body).expect("JSON");
    let error = &body["error"];
    assert_eq!(
        [&error["message"], &error["error_user_title"], &error["error_user_msg"], &error["error_data"]["details"]],
        ["Invalid parameter", "Nein", "Später.", "d"]
    );
}

#[test]
fn the_seed_alone_decides_the_world() {
    let page = |seed| {
        let mut world = World::new(WorldSpec::new(500, seed), FaultPlan::none());
        get(&mut world, "/v24.0/100000000000001/phone_numbers?limit=100&fields=verified_name,status,is_pin_enabled").1
            ["data"]
            .clone()
    };
    assert_eq!(page(7), page(7));
    assert_ne!(page(7), page(8));
}
