//! `audit show` and `audit verify`: what they report of an intact, an edited and a truncated audit log.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use super::{assert_refused, set_first_pin};
use crate::support::cli_fixture::CliFixture;

#[test]
fn the_audit_shows_who_did_what_in_order() {
    let cli = CliFixture::without_faults();
    assert_eq!(set_first_pin(&cli).code, Some(0));
    let rows = cli.run(&["audit", "show", "--json"]).summary();
    let rows = rows["rows"].as_array().expect("rows").clone();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().expect("a string")).collect();
    assert_eq!(actions.last(), Some(&"outcome"), "{actions:?}");
    assert!(actions.contains(&"job") && actions.contains(&"intent"), "{actions:?}");
    let last = rows.last().expect("a row");
    assert_eq!((&last["outcome"], &last["claimed"]["user"], &last["tries"]), (&json!("set"), &json!("ana"), &json!(1)));
    let text = cli.run(&["audit", "show", "--since", "1h"]);
    assert_eq!((text.code, text.stdout.lines().count()), (Some(0), rows.len()));
    assert!(text.stdout.lines().all(|line| line.contains(" (ana) ")), "{text:?}");
    let outcome_row = text.stdout.lines().last().expect("a row");
    assert!(outcome_row.len() <= 80 && outcome_row.contains("  outcome: set  "), "{text:?}");
    assert_refused(&cli, &["audit", "show", "--since", "soon"], 2, "expected a number and s, m, h or d");
}

#[test]
fn an_edited_or_truncated_audit_is_reported_by_row() {
    let cli = CliFixture::without_faults();
    assert_eq!(set_first_pin(&cli).code, Some(0));
    let intact = cli.run(&["audit", "verify"]);
    assert_eq!(intact.code, Some(0), "{intact:?}");
    assert!(intact.stdout.starts_with("Audit log intact (") && intact.stdout.ends_with(" rows).\n"), "{intact:?}");
    let tamper = |sql: &str| {
        let db = Connection::open(cli.state_path("journal.db")).expect("the journal");
        db.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; DROP TRIGGER audit_stays; DROP TRIGGER audit_lasts; {sql}"
        ))
        .expect("the journal is altered");
    };
    let last = cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").len();
    fs::copy(cli.state_path("journal.db"), cli.path("copy.db")).expect("the file is copied");
    tamper(&format!("UPDATE audit SET row = replace(row, '\"set\"', '\"failed\"') WHERE seq = {last}"));
    let edited = cli.run(&["audit", "verify"]);
    assert_eq!(edited.code, Some(6), "{edited:?}");
    assert!(edited.stderr.contains(&format!("pindesk: audit row {last}: it was altered.")), "{edited:?}");
    fs::copy(cli.path("copy.db"), cli.state_path("journal.db")).expect("the file is restored");
    tamper(&format!("DELETE FROM audit WHERE seq = {last}"));
    let truncated = cli.run(&["audit", "verify"]);
    assert!(truncated.code == Some(6) && truncated.stderr.contains("it was truncated"), "{truncated:?}");
}

#[test]
fn a_missing_journal_stops_setting_once() {
    let cli = CliFixture::without_faults();
    assert_eq!(set_first_pin(&cli).code, Some(0));
    fs::remove_file(cli.state_path("journal.db")).expect("the file exists");
    let stopped = set_first_pin(&cli);
    assert_eq!(stopped.code, Some(6), "{stopped:?}");
    assert!(stopped.stderr.contains("look at the state directory first. Nothing was sent."), "{stopped:?}");
    assert_eq!(cli.simulator.pin_request_count(), 1);
    let verify = cli.run(&["audit", "verify"]);
    assert!(verify.code == Some(6) && verify.stderr.contains("pindesk found: journal.db is missing"), "{verify:?}");
}
