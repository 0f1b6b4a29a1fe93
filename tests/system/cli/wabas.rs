//! `wabas list`, and commands on a profile that names no WABA: Meta is asked for those of the access token.

use serde_json::json;

use super::{CliHome, SimulatorProcess, waba_table};

fn home(simulator: &SimulatorProcess, token: &str, tables: &str) -> CliHome {
    CliHome::with_token(&simulator.url, token, 0o600, tables)
}

#[test]
fn a_profile_without_wabas_has_those_of_its_token() {
    let simulator = SimulatorProcess::start(&["--numbers", "100"]);
    let total = |token: &str, tables: &str| {
        let output = home(&simulator, token, tables).run(&["numbers", "list", "--json"]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{token}: {output:?}");
        output.summary()["total"].clone()
    };
    assert_eq!(total("SIMULATOR", ""), json!(100));
    assert_eq!(total("SIMULATOR-ONE-WABA", ""), json!(28));
    assert_eq!(total("SIMULATOR-UNLIMITED", ""), json!(100));
    assert_eq!(total("SIMULATOR-UNLIMITED", "business = \"500000000000001\"\n"), json!(100));
    assert_eq!(total("SIMULATOR", &waba_table(1)), json!(28), "what the config names is all that is listed");
}

#[test]
fn a_pin_can_be_set_in_a_discovered_waba() {
    let simulator = SimulatorProcess::start(&["--numbers", "3"]);
    let home = home(&simulator, "SIMULATOR", "");
    home.write_file("pin", 0o600, "409726");
    let pin = home.0.path().join("pin");
    let set = ["pin", "set", "200000000000001", "--replace", "--pin-file", pin.to_str().expect("UTF-8")];
    let planned = home.run(&[&set[..], &["--dry-run", "--json"]].concat());
    assert_eq!(planned.code, Some(0), "{planned:?}");
}

#[test]
fn a_refused_search_is_told_with_the_lines_to_add() {
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let cases = [
        ("SIMULATOR-EXPIRED", "Which WABAs the access token sees could not be read. The access token has expired."),
        ("EAAunknown", "Which WABAs the access token sees could not be read."),
    ];
    for (token, why) in cases {
        let output = home(&simulator, token, "").run(&["numbers", "list"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(6), ""), "{output:?}");
        let first = format!("pindesk: profile test names no WABA and no number. {why}");
        assert!(output.stderr.starts_with(&first) && output.stderr.contains("[[profile.test.waba]]"), "{output:?}");
    }
}

#[test]
fn a_gateway_is_not_asked_about_the_token() {
    let home = CliHome::new("https://gateway.example.invalid", "");
    let listed = home.run(&["wabas", "list"]);
    assert_eq!(
        (listed.code, listed.stderr.as_str()),
        (
            Some(6),
            "pindesk: gateway.example.invalid is not Meta's, and the access token would stand in a URL there. Nothing \
             was asked.\n  \
             To ask it all the same, set discover_through_gateway = true under [profile.test].\n"
        )
    );
    let allowed = CliHome::new("https://gateway.example.invalid", "discover_through_gateway = true\n");
    assert_eq!(allowed.run(&["wabas", "list"]).code, Some(7), "then it is asked");
}

#[test]
fn the_wabas_of_a_token_are_listed_with_what_it_may_do() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let table = home(&simulator, "SIMULATOR-ONE-WABA", &waba_table(1)).run(&["wabas", "list"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        table.stdout,
        "NAME            IN CONFIG  ID\n\
         Acme Retail US  yes        100000000000001\n\
         1 WABA. Access token: SYSTEM_USER, never expires.\n\
         Permissions: whatsapp_business_management, whatsapp_business_messaging\n"
    );
    let objects = home(&simulator, "SIMULATOR-READONLY", &waba_table(2)).run(&["wabas", "list", "--json"]);
    let lines = objects.json_lines();
    let first = json!({"schema": 1, "event": "waba", "waba_id": "100000000000001", "waba_name": "Acme Retail US",
                       "configured": false});
    let summary = json!({"schema": 1, "event": "summary", "total": 7, "token_type": "SYSTEM_USER", "expires_at": null,
                         "never_expires": true, "scopes": ["whatsapp_business_management"],
                         "missing_scopes": ["whatsapp_business_messaging"], "unseen_wabas": []});
    assert_eq!((lines.len(), &lines[0], &lines[7]), (8, &first, &summary));
    let missing = "pindesk: the access token lacks the permission whatsapp_business_messaging (for solution partners, \
                   besides the first)\n";
    assert_eq!(objects.stderr, missing);
}

#[test]
fn an_end_of_the_token_that_is_near_is_warned_of() {
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    let output = |hours: u64| {
        let token = format!("SIMULATOR-EXPIRES-{}", now + hours * 3_600 + 1_800);
        home(&simulator, &token, &waba_table(1)).run(&["wabas", "list"])
    };
    let [far, near, last] = [24 * 58, 24 * 13, 24].map(output);
    assert!(far.stdout.contains("SYSTEM_USER, 58 d.") && far.stderr.is_empty(), "{far:?}");
    assert!(near.stderr.contains("expires in 13 d, on ") && near.stderr.contains("Have a new one made"), "{near:?}");
    assert!(last.stderr.contains("expires in 24 h, on ") && last.stderr.contains("Make a new one now"), "{last:?}");
}

#[test]
fn wabas_of_the_config_that_the_token_misses_are_named() {
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let tables = waba_table(1) + &waba_table(2);
    let output = home(&simulator, "SIMULATOR-ONE-WABA", &tables).run(&["wabas", "list"]);
    assert_eq!(output.stderr, "pindesk: the access token does not see WABA 100000000000002 of the config\n");
}
