//! `docs/json.md`: it has the fields of every object that the commands print, and no other.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::pin_path;
use crate::support::cli_fixture::CliFixture;

/// The first request is throttled for a second.
const FAULT: &str = "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 4, retry_after = 1 }";

/// A WABA cannot be read.
const LIST_FAULT: &str = "[[fault]]\nwaba = \"100000000000001\"\ncall = \"list\"\nanswer = { code = 200 }";

const PAGE: &str = include_str!("../../../docs/json.md");

/// The fields in the tables below a heading, in one set.
fn documented(heading: &str) -> BTreeSet<String> {
    let start = format!("\n## {heading}\n");
    let (_, rest) = PAGE.split_once(&start).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = rest.split("\n## ").next().unwrap_or_default();
    let field = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(field).collect()
}

#[track_caller]
fn assert_documented(object: &Value, headings: &[&str], absent: &[&str]) {
    let found: BTreeSet<String> = object.as_object().expect("an object").keys().cloned().collect();
    let mut expected: BTreeSet<String> = headings.iter().flat_map(|heading| documented(heading)).collect();
    for field in absent {
        assert!(expected.remove(*field), "{field}");
    }
    assert_eq!(found, expected, "{headings:?}");
}

/// The first object with this event.
#[track_caller]
fn first<'a>(objects: &'a [Value], event: &str) -> &'a Value {
    objects.iter().find(|object| object["event"] == event).unwrap_or_else(|| panic!("no {event}: {objects:?}"))
}

#[test]
fn the_page_has_every_field_of_numbers_jobs_and_results() {
    let cli = CliFixture::new(Duration::ZERO, FAULT);
    let list = cli.write_id_list(&cli.number_ids("not-set", 2));
    let set = ["pin", "set", "--from", &list, "--random", "--json"];
    let only_if_true = "older_pin_in_doubt";
    let planned = cli.run(&[&set[..], &["--dry-run"]].concat()).json_lines();
    assert_documented(first(&planned, "summary"), &["Summary of results"], &[]);
    let results = cli.run(&[&set[..], &["--confirm", "2"]].concat()).json_lines();
    assert_documented(first(&results, "result"), &["Result"], &[only_if_true]);
    assert_documented(first(&results, "paused"), &["Pause"], &[]);
    assert_documented(first(&results, "summary"), &["Summary of results"], &["command"]);
    let numbers = cli.run(&["numbers", "list", "--json"]).json_lines();
    assert_documented(&numbers[0], &["Number"], &[]);
    assert_documented(first(&numbers, "summary"), &["Summary of a list"], &[]);
    let faulty = CliFixture::new(Duration::ZERO, LIST_FAULT).run(&["numbers", "list", "--json"]).json_lines();
    assert_documented(&first(&faulty, "summary")["unread_wabas"][0], &["Unread WABA"], &[]);
    let id = numbers[0]["phone_number_id"].as_str().expect("an ID");
    let number = cli.run(&["numbers", "show", id, "--json"]).json_lines();
    assert_documented(&number[0], &["Number"], &["request", "last_set_at"]);
    let wabas = cli.run(&["wabas", "list", "--json"]).json_lines();
    assert_documented(first(&wabas, "waba"), &["WABA"], &[]);
    assert_documented(first(&wabas, "summary"), &["Summary of WABAs"], &[]);
    assert_documented(first(&cli.run(&["jobs", "list", "--json"]).json_lines(), "job"), &["Job"], &[]);
    let shown = cli.run(&["jobs", "show", "1", "--json"]).json_lines();
    assert_documented(first(&shown, "result"), &["Result"], &[only_if_true]);
    for objects in [shown, cli.run(&["jobs", "check", "1", "--json"]).json_lines()] {
        assert_documented(first(&objects, "summary"), &["Job"], &[]);
    }
}

#[test]
fn the_page_has_every_field_of_the_escrow_and_the_audit_log() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let set = ["pin", "set", &id, "--pin-file", &pin_path(&cli), "--confirm", &cli.last_four_digits(&id)];
    assert_eq!(cli.run(&set).code, Some(0));
    let object = |arguments: &[&str]| cli.run(&[arguments, &["--json"]].concat()).json_lines().remove(0);
    let listed = object(&["escrow", "list"]);
    assert_documented(&listed, &["Escrow"], &[]);
    assert_documented(&listed["records"][0], &["Encrypted PIN"], &[]);
    let key = cli.path("key.txt");
    let opened = object(&["escrow", "open", "--identity", key.to_str().expect("UTF-8")]);
    assert_documented(&opened, &["Escrow", "Opened escrow"], &[]);
    assert_documented(&opened["records"][0], &["Encrypted PIN", "Decrypted PIN"], &[]);
    assert_documented(&object(&["escrow", "ack"]), &["Accepted keys"], &[]);
    for (command, heading) in [("drill", "Drill"), ("re-encrypt", "PINs encrypted again")] {
        let printed = object(&["escrow", command, "--identity", key.to_str().expect("UTF-8")]);
        assert_documented(&printed, &[heading], &[]);
    }
    let audit = object(&["audit", "show"]);
    assert_documented(&audit, &["Audit log"], &[]);
    assert_documented(&audit["rows"][0], &["Audit entry"], &[]);
}

#[test]
fn the_page_has_the_field_of_an_older_pin_in_doubt() {
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\nanswer = { code = 190, status = 500 }");
    let list = cli.write_id_list(&cli.number_ids("not-set", 1));
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "1", "--json"];
    assert_eq!(cli.run(&set).code, Some(4));
    let second = cli.run(&[&set[..], &["--replace", "--again"]].concat()).json_lines();
    assert_documented(first(&second, "result"), &["Result"], &[]);
}
