//! Replies that are incomplete, endless, not HTTP, or redirects.

use std::time::Duration;

use pindesk::domain::outcome::{DoubtReason, Outcome};

use super::{SUCCESS_BODY, json_response, run_script, send_text, unexpected_reply};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

const CONNECTION_LOST: Outcome = Outcome::InDoubt(DoubtReason::ConnectionLost { after: Duration::ZERO });

#[tokio::test(start_paused = true)]
async fn a_body_counts_only_if_it_is_complete() {
    let head = "HTTP/1.1 200 OK\r\n";
    let cases = [
        // Content-Length is larger, and smaller, than what arrives.
        (
            vec![send_text(&format!("{head}Content-Length: 17\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            CONNECTION_LOST,
        ),
        (
            vec![send_text(&format!("{head}Content-Length: 15\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            unexpected_reply(200),
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}\r\n0\r\n\r\n"))],
            Outcome::Confirmed,
        ),
        (
            vec![
                send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}\r\n")),
                ScriptStep::Close,
            ],
            CONNECTION_LOST,
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{SUCCESS_BODY}\r\n0\r\n\r\n"))],
            CONNECTION_LOST,
        ),
        (
            vec![send_text(&format!("{head}Transfer-Encoding: chunked\r\n\r\n10\r\n{SUCCESS_BODY}0\r\n\r\n"))],
            CONNECTION_LOST,
        ),
        (
            vec![send_text(&format!("{head}Connection: close\r\n\r\n{SUCCESS_BODY}")), ScriptStep::Close],
            Outcome::Confirmed,
        ),
        (
            vec![send_text(&format!("{head}Content-Length: 16\r\nContent-Length: 15\r\n\r\n{SUCCESS_BODY}"))],
            CONNECTION_LOST,
        ),
        (
            vec![ScriptStep::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"success\":true,\xff}".to_vec())],
            unexpected_reply(200),
        ),
        (
            vec![ScriptStep::Bytes(
                b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{\"success\":true,\"x\":\"\xff\xfe\"}".to_vec(),
            )],
            unexpected_reply(200),
        ),
        (vec![send_text("HTTP/1.1 200 OK\r\nContent-Le"), ScriptStep::Close], CONNECTION_LOST),
        (vec![send_text("SSH-2.0-OpenSSH_9.2\r\n\r\n"), ScriptStep::Close], CONNECTION_LOST),
        (vec![ScriptStep::Close], CONNECTION_LOST),
        (vec![ScriptStep::Reset], CONNECTION_LOST),
        (
            vec![send_text(&format!("HTTP/1.1 100 Continue\r\n\r\n{head}Content-Length: 16\r\n\r\n{SUCCESS_BODY}"))],
            Outcome::Confirmed,
        ),
    ];
    for (script, expected) in cases {
        let description = format!("{script:?}");
        assert_eq!(run_script(script).await.0, expected, "{description}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_are_never_followed() {
    let elsewhere = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, SUCCESS_BODY)]]).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://{}/v24.0/1", elsewhere.address),
            format!("http://localhost:{}/v24.0/1", elsewhere.address.port()),
            format!("https://{}/v24.0/1", elsewhere.address),
            format!("//{}/v24.0/1", elsewhere.address),
            "/v24.0/1".to_owned(),
        ] {
            let head =
                format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 16\r\n\r\n{SUCCESS_BODY}");
            let (outcome, server) = run_script(vec![send_text(&head)]).await;
            assert_eq!((outcome, server.requests().len()), (unexpected_reply(status), 1), "{status} to {location}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_is_abandoned_after_a_mebibyte() {
    const FLOOD: usize = 200 * 1024 * 1024;
    for head in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n".to_owned(),
    ] {
        let (outcome, server) =
            run_script(vec![send_text(&head), ScriptStep::Flood(b' ', FLOOD), ScriptStep::Close]).await;
        assert_eq!(outcome, unexpected_reply(200));
        // The server also sends what the buffers of the kernel hold: some megabytes.
        assert!(server.flooded_bytes() < FLOOD / 8, "{} bytes were sent", server.flooded_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn endless_headers_close_the_connection() {
    let (outcome, server) =
        run_script(vec![send_text("HTTP/1.1 200 OK\r\nX: "), ScriptStep::Flood(b'x', 200 * 1024 * 1024)]).await;
    assert_eq!(outcome, CONNECTION_LOST);
    assert!(server.flooded_bytes() < 25 * 1024 * 1024, "{} bytes were sent", server.flooded_bytes());
    let reply = format!("HTTP/1.1 200 OK\r\n{}\r\n{SUCCESS_BODY}", "X: y\r\n".repeat(10_000));
    assert_eq!(run_script(vec![send_text(&reply), ScriptStep::Close]).await.0, CONNECTION_LOST);
}
