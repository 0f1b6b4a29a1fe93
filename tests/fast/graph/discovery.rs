//! What Meta tells about the access token and its WABAs.

use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::Waba;
use pindesk::domain::outcome::{ReadFailure, ReplyForm};
use pindesk::domain::text::CleanText;
use pindesk::domain::token_info::{GrantedWabas, TokenExpiry, TokenInfo};
use pindesk::graph::{WabaPage, WabaSource};

use super::{graph, json_response};
use crate::support::scripted_server::ScriptedServer;

async fn token_info(data: &str) -> Result<TokenInfo, ReadFailure> {
    let body = format!(r#"{{"data":{data}}}"#);
    let server = ScriptedServer::start_with_stopped_clock(vec![vec![json_response(200, &body)]]).await;
    let result = graph(&server.url()).read_token_info().await.result;
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /v24.0/debug_token?input_token=EAAJBfaketoken HTTP/1.1\r\n"), "{request}");
    result
}

fn ids(texts: &[&str]) -> GrantedWabas {
    GrantedWabas::Listed(texts.iter().map(|text| text.parse().expect("an ID")).collect())
}

#[tokio::test(start_paused = true)]
async fn the_description_of_a_token_is_read() {
    let data = r#"{"app_id":"1","type":"SYSTEM_USER","is_valid":true,"expires_at":1800000000,"user_id":400,
        "scopes":["whatsapp_business_management","whatsapp_business_messaging"],"granular_scopes":[
        {"scope":"pages_show_list","target_ids":["9"]},
        {"scope":"whatsapp_business_management","target_ids":["102",103]},
        {"scope":"whatsapp_business_messaging","target_ids":["103","104"]}]}"#;
    let scopes = ["whatsapp_business_management", "whatsapp_business_messaging"];
    let expected = TokenInfo {
        is_valid: true,
        token_type: Some(CleanText::new("SYSTEM_USER")),
        expiry: TokenExpiry::At(UtcTime::from_unix_seconds(1_800_000_000)),
        scopes: scopes.map(CleanText::new).to_vec(),
        user: Some("400".parse().expect("an ID")),
        wabas: ids(&["102", "103", "104"]),
    };
    assert_eq!(token_info(data).await, Ok(expected));
}

#[tokio::test(start_paused = true)]
async fn a_permission_without_targets_holds_for_all_wabas() {
    let wabas = async |granular: &str| {
        token_info(&format!(r#"{{"is_valid":true,{granular}"scopes":[]}}"#)).await.map(|info| info.wabas)
    };
    assert_eq!(wabas("").await, Ok(GrantedWabas::All));
    let all = r#""granular_scopes":[{"scope":"whatsapp_business_management"}],"#;
    assert_eq!(wabas(all).await, Ok(GrantedWabas::All));
    assert_eq!(wabas(r#""granular_scopes":[{"scope":"email"}],"#).await, Ok(ids(&[])));
    let expiry = async |value: &str| {
        token_info(&format!(r#"{{"is_valid":true,"expires_at":{value}}}"#)).await.map(|info| info.expiry)
    };
    assert_eq!(expiry("0").await, Ok(TokenExpiry::Never));
    assert_eq!(expiry("-1").await, Ok(TokenExpiry::Unknown));
    let unexpected = ReadFailure::UnexpectedReply { http_status: 200, form: ReplyForm::Unrecognized };
    assert_eq!(token_info("[]").await, Err(unexpected));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_wabas_is_read_page_by_page() {
    let pages = [
        r#"{"data":[{"id":"102","name":"Acme"},{"name":"no ID"}],"paging":{"cursors":{"after":"x"},"next":"https://evil.example/"}}"#,
        r#"{"data":[{"id":103}]}"#,
    ];
    let server =
        ScriptedServer::start_with_stopped_clock(pages.map(|page| vec![json_response(200, page)]).to_vec()).await;
    let graph = graph(&server.url());
    let source = WabaSource::OwnedBy("500".parse().expect("an ID"));
    let first = graph.read_wabas_page(source, None).await.result.expect("a page");
    let second = graph.read_wabas_page(source, first.next.as_ref()).await.result.expect("a page");
    let waba = |id: &str, name: Option<&str>| Waba { id: id.parse().expect("an ID"), name: name.map(CleanText::new) };
    assert_eq!(first.wabas, [waba("102", Some("Acme"))]);
    assert_eq!(second, WabaPage { wabas: vec![waba("103", None)], next: None });
    let target = |request: &String| request.split(' ').nth(1).map(str::to_owned);
    let start = "/v24.0/500/owned_whatsapp_business_accounts?fields=id%2Cname&limit=100";
    assert_eq!(
        server.requests().iter().map(target).collect::<Vec<_>>(),
        [Some(start.to_owned()), Some(format!("{start}&after=x"))]
    );
}
