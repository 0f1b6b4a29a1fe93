//! `numbers list` and `numbers show`: their output formats, their filters and their exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{CliHome, SimulatorProcess, UNREACHABLE_URL, assert_refused, set_one_pin, waba_table};
use crate::support::cli_fixture::CliFixture;

fn number_table(id: &str) -> String {
    format!("[[profile.test.number]]\nid = \"{id}\"\nname = \"Front desk\"\n")
}

/// A simulator with this fault file. The directory of the file has to live as long as the simulator.
fn simulator_with_faults(faults: &str) -> (TempDir, SimulatorProcess) {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("faults.toml");
    fs::write(&file, faults).expect("the file is written");
    let simulator = SimulatorProcess::start(&["--numbers", "100", "--faults", file.to_str().expect("UTF-8")]);
    (dir, simulator)
}

#[test]
fn a_waba_of_the_config_may_be_named() {
    let simulator = SimulatorProcess::start(&["--numbers", "40"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &waba_table(2)));
    let listed = |waba: &str| home.run(&["numbers", "list", "--json", "--waba", waba, "--two-step", "not_set"]);
    let by_name = listed("waba-2");
    assert_eq!((by_name.code, &by_name.stdout), (Some(0), &listed("100000000000002").stdout), "{by_name:?}");
    assert!(by_name.summary()["total"].as_u64().is_some_and(|total| total > 0), "{by_name:?}");
    let unknown = listed("waba-3");
    let message = "pindesk: no WABA waba-3 in profile test\n  \
                   WABAs there: waba-1 (100000000000001), waba-2 (100000000000002)\n";
    assert_eq!((unknown.code, unknown.stderr.as_str()), (Some(2), message));
}

#[test]
fn a_waba_id_in_the_place_of_a_number_is_named_as_such() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let sentence = "This ID is a WABA (WhatsAppBusinessAccount), not a phone number.";
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &number_table("100000000000002")));
    let shown = home.run(&["numbers", "show", "100000000000002"]);
    assert!(shown.code == Some(3) && shown.stdout.is_empty() && shown.stderr.contains(sentence), "{shown:?}");
    let listed = home.run(&["numbers", "list", "--json"]);
    let numbers = listed.json_lines();
    assert!(listed.code == Some(3) && listed.stderr.contains(sentence), "{listed:?}");
    assert_eq!((numbers.len(), &numbers[3]["total"]), (4, &json!(3)), "it has no row");
    for number in &numbers[..3] {
        assert!(number["display_phone_number"].is_string() && number["status"].is_string(), "{number}");
    }
    let set = home.run(&["pin", "set", "100000000000002", "--pin-file", "pin", "--confirm", "0002", "--dry-run"]);
    assert!(set.code != Some(0) && set.stdout.is_empty(), "{set:?}");
}

#[test]
fn a_list_is_printed_as_a_table() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, &waba_table(1));
    let output = home.run(&["numbers", "list"]);
    let numbers = home.run(&["numbers", "list", "--json"]).json_lines();
    let text = |number: &Value, key: &str| number[key].as_str().expect("a string").to_owned();
    let widest = numbers[..3].iter().map(|number| text(number, "verified_name").len()).max().expect("some numbers");
    let row = |[display, name, two_step, id]: [&str; 4]| {
        format!("{display:<17}  {name:<widest$}  {two_step:<8}              {id}\n")
    };
    let mut rows: Vec<_> = numbers[..3]
        .iter()
        .map(|number| {
            let [display, name, two_step, id] =
                ["display_phone_number", "verified_name", "two_step", "phone_number_id"].map(|key| text(number, key));
            row([&display, &name, &two_step.replace('_', " "), &id])
        })
        .collect();
    rows.sort();
    let heading = format!("NUMBER             {:<widest$}  TWO-STEP  REQUEST     ID\n", "NAME");
    let total = "3 numbers: two-step on 1, not set 1, unknown 1.\n";
    assert_eq!((output.code, output.stdout), (Some(0), format!("{heading}{}{total}", rows.concat())));
    assert_eq!(output.stderr, "");
}

#[test]
fn lists_have_a_fixed_order() {
    let simulator = SimulatorProcess::start(&["--numbers", "3000", "--latency", "1"]);
    let tables = waba_table(2) + &waba_table(1) + &number_table("200000000002900") + &number_table("200000000000001");
    let home = CliHome::new(&simulator.url, &tables);
    let objects = home.run(&["numbers", "list", "--json"]).json_lines();
    let wabas: Vec<_> = objects[..objects.len() - 1].iter().map(|object| object["waba_name"].as_str()).collect();
    let mut groups = wabas.clone();
    groups.dedup();
    assert_eq!(groups, [Some("waba-2"), Some("waba-1"), None], "WABAs as in the config, then single numbers");
    for (name, listed) in [("waba-2", &wabas), ("waba-1", &wabas)] {
        let of_waba = |object: &&Value| object["waba_name"] == name;
        let ids: Vec<_> = objects.iter().filter(of_waba).map(|object| object["phone_number_id"].as_str()).collect();
        assert!(ids.len() > 100 && ids.is_sorted(), "pages as they come: {} of {}", ids.len(), listed.len());
    }
    let table = home.run(&["numbers", "list"]).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1..lines.len() - 1].is_sorted(), "by number");
    assert_eq!(home.run(&["numbers", "list"]).stdout, table);
}

#[test]
fn a_number_can_be_named_as_people_write_it() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, &waba_table(1));
    let listed = home.run(&["numbers", "list", "--json"]).json_lines().remove(0);
    let display = listed["display_phone_number"].as_str().expect("a string");
    let digits: String = display.chars().filter(char::is_ascii_digit).collect();
    for name in [display, &digits, &format!("00{digits}"), &format!("(+{digits})").replace("(+", "+(")] {
        let shown = home.run(&["numbers", "show", name, "--json"]);
        assert_eq!((shown.code, &shown.json_lines()[0]["phone_number_id"]), (Some(0), &listed["phone_number_id"]));
    }
    let unknown = home.run(&["numbers", "show", "+44 20 7946 0000"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (Some(2), "pindesk: no number +44 20 7946 0000 in profile test\n  To see the numbers: pindesk numbers list\n")
    );
}

#[test]
fn json_lists_have_one_object_per_line_and_a_summary() {
    let simulator = SimulatorProcess::start(&["--numbers", "1000"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &waba_table(2) + &number_table("200000000000900")));
    let output = home.run(&["numbers", "list", "--json"]);
    let objects = output.json_lines();
    assert_eq!((output.code, output.stderr.as_str(), objects.len()), (Some(0), "", 280 + 170 + 1 + 1));
    assert_eq!(
        objects.last().expect("a summary"),
        &json!({"schema": 1, "event": "summary", "total": 451, "unread_wabas": []})
    );
    let keys = [
        "schema",
        "phone_number_id",
        "waba_id",
        "waba_name",
        "display_phone_number",
        "verified_name",
        "two_step",
        "status",
        "quality_rating",
        "code_verification_status",
        "name_status",
        "platform_type",
        "account_mode",
        "request",
        "last_set_at",
    ];
    for object in &objects[..451] {
        let object = object.as_object().expect("an object");
        assert!(object.len() == keys.len() && keys.iter().all(|key| object.contains_key(*key)), "{object:?}");
        assert_eq!(object["schema"], 1);
        assert!(matches!(object["two_step"].as_str(), Some("on" | "not_set" | "unknown")));
    }
    let single =
        objects.iter().find(|object| object["phone_number_id"] == "200000000000900").expect("the number is listed");
    assert_eq!(single["waba_id"], Value::Null);
    // The config calls it "Front desk"; Meta verified another name.
    assert_eq!(
        single["verified_name"],
        home.run(&["numbers", "show", "200000000000900", "--json"]).json_lines()[0]["verified_name"]
    );
    assert!(single["verified_name"].is_string() && single["verified_name"] != "Front desk");
}

#[test]
fn csv_has_the_same_columns_and_a_header_even_without_numbers() {
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let output = CliHome::new(&simulator.url, &waba_table(1)).run(&["numbers", "list", "--csv"]);
    let none = CliHome::new(&simulator.url, &waba_table(7)).run(&["numbers", "list", "--csv"]);
    let header = "schema,phone_number_id,waba_id,waba_name,display_phone_number,verified_name,two_step,status,\
                  quality_rating,code_verification_status,name_status,platform_type,account_mode,request,last_set_at\n";
    assert!(output.stdout.starts_with(&format!("{header}1,200000000000001,100000000000001,waba-1,")), "{output:?}");
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), header));
}

#[test]
fn a_list_can_be_filtered_by_waba_and_two_step() {
    let simulator = SimulatorProcess::start(&["--numbers", "1000"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &waba_table(2)));
    let all = home.run(&["numbers", "list", "--json", "--waba", "100000000000002"]).json_lines();
    assert!(all.len() == 171 && all[..170].iter().all(|object| object["waba_name"] == "waba-2"));
    let mut sum = 0;
    for (state, word) in [("on", "on"), ("not-set", "not_set"), ("unknown", "unknown")] {
        let lines =
            home.run(&["numbers", "list", "--json", "--waba", "100000000000002", "--two-step", state]).json_lines();
        let (summary, rows) = lines.split_last().expect("a summary");
        assert!(!rows.is_empty() && rows.iter().all(|object| object["two_step"] == word), "{state}");
        assert_eq!(summary["total"], rows.len());
        sum += rows.len();
    }
    assert_eq!(sum, 170);
}

#[test]
fn a_number_configured_and_listed_is_printed_once() {
    let simulator = SimulatorProcess::start(&["--numbers", "100"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &number_table("200000000000003")));
    let objects = home.run(&["numbers", "list", "--json"]).json_lines();
    let rows: Vec<_> = objects.iter().filter(|object| object["phone_number_id"] == "200000000000003").collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["waba_name"], json!("waba-1"));
    assert_eq!(objects.last().expect("a summary")["total"], 28);
}

#[test]
fn the_id_of_an_unnamed_waba_is_not_truncated() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, "[[profile.test.waba]]\nid = \"100000000000001\"\n");
    let output = home.run(&["numbers", "list", "--wide"]);
    assert!(output.stdout.contains("  100000000000001  "), "{output:?}");
}

#[test]
fn hostile_names_are_escaped_in_every_output_format() {
    let simulator = SimulatorProcess::start(&["--numbers", "12000"]);
    let home = CliHome::new(&simulator.url, &(1..=7).map(waba_table).collect::<String>());
    // JSON has the escapes of its own, which give a parser the original.
    let formats = [
        (&["numbers", "list"][..], "\\u{1b}"),
        (&["numbers", "list", "--json"], "\\u001b"),
        (&["numbers", "list", "--csv"], "\\u{1b}"),
    ];
    for (arguments, escape) in formats {
        let output = home.run(arguments);
        let is_bad = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{e0000}'..='\u{e007f}')
        };
        let bad: Vec<_> = output.stdout.lines().filter(|line| line.contains(is_bad)).collect();
        assert!(output.code == Some(0) && bad.is_empty(), "{arguments:?}: {bad:?}");
        assert!(output.stdout.contains(escape), "{arguments:?}");
    }
}

#[test]
fn one_number_is_shown_as_text_and_as_json() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, &waba_table(1));
    let shown = home.run(&["numbers", "show", "200000000000001"]);
    assert!(shown.code == Some(0) && shown.stdout.contains("Phone number ID  200000000000001\n"), "{shown:?}");
    let object = &home.run(&["numbers", "show", "200000000000001", "--json"]).json_lines()[0];
    assert_eq!((&object["schema"], &object["phone_number_id"]), (&json!(1), &json!("200000000000001")));
    assert_eq!(object["waba_id"], Value::Null);
    let missing = home.run(&["numbers", "show", "200000000000999"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(3), ""));
    assert!(missing.stderr.starts_with("pindesk: number 200000000000999 could not be read. "), "{missing:?}");
}

#[test]
fn a_waba_that_cannot_be_read_comes_with_what_to_do() {
    let simulator = SimulatorProcess::start(&["--numbers", "40"]);
    let home = CliHome::new(&simulator.url, "[[profile.test.waba]]\nid = \"123456789012345\"\n");
    let listed = home.run(&["numbers", "list"]);
    let expected = "pindesk: WABA 123456789012345 could not be read. Meta does not know this WABA, or the access token may \
                    not see it.\n  Check the WABA ID in the config against the one in WhatsApp Manager.\n  Check \
                    that the system user has this WABA as an asset.\n  Then try again.\n  Meta said: Unsupported get \
                    request. Object with ID '123456789012345' does not exist, cannot be loaded due to missing \
                    permissions, or does not support this operation. Please read the Graph API documentation at \
                    https://developers.facebook.com/docs/graph-api";
    let told = listed.stderr.split_once("\n  Code, HTTP: 100/33, 400\n  Trace ID: A").map(|(told, _)| told);
    assert_eq!((listed.code, told), (Some(3), Some(expected)), "{listed:?}");
    let home = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    let listed = home.run(&["numbers", "list"]);
    let expected = "pindesk: WABA waba-1 (100000000000001) could not be read. No server listens at \
                    127.0.0.1:1, which graph_url in the config names.\n  Is the simulator running? It prints its address, \
                    and graph_url must be the same.\n  Then try again.\n";
    assert_eq!((listed.code, &*listed.stderr), (Some(7), expected), "{listed:?}");
}

#[test]
fn the_exit_code_shows_what_failed() {
    let fault = |waba: u32, code: u32, status: u32| {
        format!(
            "[[fault]]\nwaba = \"10000000000000{waba}\"\ncall = \"list\"\nanswer = {{ code = {code}, status = {status} }}\n"
        )
    };
    let (_dir, simulator) =
        simulator_with_faults(&(fault(1, 100, 400) + &fault(2, 131_016, 500) + &fault(3, 200, 403)));
    for (wabas, code) in [
        (&[4][..], 0),
        (&[1], 3),
        (&[2], 7),
        (&[3], 8),
        (&[3, 4], 8),
        (&[2, 3], 7),
        (&[1, 2, 3], 3),
        (&[3, 2, 1, 4], 3),
    ] {
        let home = CliHome::new(&simulator.url, &wabas.iter().copied().map(waba_table).collect::<String>());
        let output = home.run(&["numbers", "list", "--json"]);
        assert_eq!(output.code, Some(code), "{wabas:?}: {output:?}");
        let summary = output.json_lines().pop().expect("a summary");
        let unread = summary["unread_wabas"].as_array().expect("an array").len();
        assert_eq!(unread, wabas.iter().filter(|n| **n < 4).count(), "{summary}");
        let messages = output.stderr.lines().filter(|line| !line.starts_with("  "));
        assert_eq!(messages.count(), unread, "{output:?}");
        assert_eq!(output.stderr.matches("\n  Meta said: (#").count(), unread, "{output:?}");
        assert_eq!(home.run(&["numbers", "list", "-q"]).stderr, "");
    }
    let expired = CliHome::with_token(&simulator.url, "SIMULATOR-EXPIRED", 0o600, &waba_table(1));
    assert_eq!(expired.run(&["numbers", "list"]).code, Some(8));
    assert_eq!(expired.run(&["numbers", "show", "200000000000001"]).code, Some(8));
    let offline = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    assert_eq!(offline.run(&["numbers", "list"]).code, Some(7));
    assert_eq!(offline.run(&["numbers", "show", "200000000000001"]).code, Some(7));
}

#[test]
fn a_waba_that_is_not_configured_is_wrong_usage() {
    let output = CliHome::new(UNREACHABLE_URL, &waba_table(1)).run(&["numbers", "list", "--waba", "100000000000009"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(2), "pindesk: no WABA 100000000000009 in profile test\n  WABAs there: waba-1 (100000000000001)\n")
    );
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let simulator = SimulatorProcess::start(&["--numbers", "12000"]);
    let home = CliHome::new(&simulator.url, &(1..=7).map(waba_table).collect::<String>());
    for format in ["", "--json", "--csv"] {
        let arguments: Vec<_> = ["numbers", "list", format].into_iter().filter(|word| !word.is_empty()).collect();
        let mut child =
            home.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let output = child.wait_with_output().expect("the process ends");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{format}");
    }
}

#[test]
fn due_lists_old_pins_and_those_that_were_never_set_here() {
    let cli = CliFixture::without_faults();
    let on = cli.number_ids("on", 2);
    let due = |age: &str| -> Vec<String> {
        let listed = cli.run(&["numbers", "list", "--due", age, "--json"]);
        assert_eq!(listed.code, Some(0), "{listed:?}");
        listed.json_lines().iter().filter_map(|object| Some(object["phone_number_id"].as_str()?.to_owned())).collect()
    };
    let all_on = due("180d");
    assert!(on.iter().all(|id| all_on.contains(id)), "{all_on:?}");
    assert_eq!(set_one_pin(&cli, &on[0], &["--replace"]).code, Some(0));
    let expected: Vec<_> = all_on.iter().filter(|id| **id != on[0]).cloned().collect();
    assert_eq!(due("180d"), expected);
    let db = rusqlite::Connection::open(cli.state_path("journal.db")).expect("a database");
    db.execute_batch("DROP TRIGGER outcomes_stay; UPDATE outcomes SET at = at - 182 * 86400").expect("altered");
    assert_eq!((due("181d"), due("26w")), (all_on, expected));
    assert_refused(
        &cli,
        &["numbers", "list", "--due", "6m"],
        2,
        "--due AGE: expected an age of days or weeks, such as",
    );
}

#[test]
fn a_pause_of_reading_is_an_event_between_whole_lines() {
    // The second page of the list is throttled.
    let simulator = SimulatorProcess::start(&["--waba-sizes", "150", "--calls-per-hour", "1"]);
    let home = CliHome::new(&simulator.url, &waba_table(1));
    let mut command = home.command(&["numbers", "list", "--json", "-q"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the process starts");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<Value> = stdout
        .lines()
        .take(101)
        .map(|line| serde_json::from_str(&line.expect("text")).expect("one JSON object per line"))
        .collect();
    child.kill().expect("the process waits");
    child.wait().expect("the process ended");
    let (events, numbers): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line["event"].is_string());
    assert!(numbers.len() == 100 && numbers.iter().all(|number| number["phone_number_id"].is_string()));
    let until = &events[0]["until"];
    let expected = json!({"schema": 1, "event": "paused", "scope": "waba", "id": "100000000000001", "code": null,
                          "until": until});
    assert_eq!(events, [expected], "the only call of this hour is used up");
}
