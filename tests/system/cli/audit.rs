//! `audit show` and `audit verify`: what they report of an intact, an edited and a truncated audit log.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::{assert_refused, names_of, set_first_pin, set_one_pin};
use crate::support::cli_fixture::{CliFixture, wait_until_held};

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
    assert_refused(&cli, &["audit", "show", "--since", "soon"], 2, "--since WHEN: expected 24h, 7d, today, ");
}

#[test]
fn the_audit_table_has_words_for_people() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &["--note", "TICKET-123"]).code, Some(0));
    let key = cli.path("key.txt");
    let open = ["escrow", "open", "--json", "--identity", key.to_str().expect("UTF-8")];
    assert_eq!(cli.run(&open).code, Some(0));
    let [display, name] = names_of(&cli, &id);
    let rows = cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").clone();
    let line = |n: usize, what: &str, subject: &str| {
        let row = |key: &str| rows[n][key].as_str().expect("a string");
        let when = row("at")[..19].replace('T', " ");
        format!(
            "{when}  {:<12}  {what:<15}  {subject}",
            format!("ana@{}", row("host").split('.').next().expect("a host"))
        )
    };
    let number = format!("{display:<17}  {name}");
    let expected = [
        "WHEN (UTC)           WHO           WHAT             NUMBER AND NAME".to_owned(),
        line(0, "job 1 started", "1 number, profile acme, PINs given, note: TICKET-123"),
        line(1, "keys stored", cli.recipient()),
        line(2, "sending", &number),
        line(3, "set", &number),
        line(4, "PIN decrypted", &number),
        "5 entries.".to_owned(),
    ];
    let shown = |more: &[&str]| -> Vec<String> {
        let output = cli.run(&[&["audit", "show"], more].concat());
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{more:?}");
        output.stdout.lines().map(str::to_owned).collect()
    };
    assert_eq!(shown(&[]), expected);
    assert_eq!(shown(&["--who", "ANA", "--since", "yesterday", "--until", "today"]), expected);
    assert_eq!(shown(&["--number", &display])[1..4], expected[3..6]);
    assert_eq!(shown(&["--number", &id])[1..4], expected[3..6]);
    for none in [&["--who", "ana", "--until", "yesterday"][..], &["--until", "yesterday"]] {
        assert_eq!(shown(none), ["No entry matches."], "{none:?}");
    }
    let reversed = ["audit", "show", "--since", "today", "--until", "yesterday"];
    assert_refused(&cli, &reversed, 2, "pindesk: --until is before --since, so that no entry can match\n");
    let wide = shown(&["--wide"]);
    assert!(wide[4].ends_with(&id) && wide[4].starts_with("     4  "), "{wide:?}");
}

#[test]
fn a_pause_and_a_killed_request_have_words_for_people() {
    let fault = "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 4, status = 400, retry_after = 1 }";
    let cli = CliFixture::new(Duration::ZERO, fault);
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    let held = cli.simulator.hold_changes(0);
    let digits = cli.last_four_digits(&ids[1]);
    let mut command = cli.command(&["pin", "set", &ids[1], "--random", "--confirm", &digits]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the process starts");
    wait_until_held(&held, 1);
    let rows = || -> Vec<String> {
        let shown = cli.run(&["audit", "show"]);
        assert_eq!((shown.code, &*shown.stderr), (Some(0), ""), "{shown:?}");
        shown.stdout.lines().map(|line| line.get(35..).unwrap_or(line).to_owned()).collect()
    };
    let numbers = [&ids[0], &ids[1]].map(|id| {
        let [display, name] = names_of(&cli, id);
        format!("{display:<17}  {name}")
    });
    let row = |what: &str, subject: &str| format!("{what:<15}  {subject}");
    let mut expected = vec![
        row("WHAT", "NUMBER AND NAME"),
        row("job 1 started", "1 number, profile acme, PINs given"),
        row("keys stored", cli.recipient()),
        row("sending", &numbers[0]),
        row("paused (4)", &numbers[0]),
        row("sending again", &numbers[0]),
        row("set", &numbers[0]),
        row("job 2 started", "1 number, profile acme, PINs random"),
        row("sending", &numbers[1]),
        "8 entries.".to_owned(),
    ];
    assert_eq!(rows(), expected);
    child.kill().expect("the process exists");
    child.wait().expect("the process ends");
    expected[8] = row("sent, no answer", &numbers[1]);
    assert_eq!(rows(), expected);
    let wide = cli.run(&["audit", "show", "--wide"]).stdout;
    assert!(wide.contains(&format!("{}    the program that sent it ended before the answer\n", ids[1])), "{wide}");
}

#[test]
fn an_unknown_number_or_operator_is_refused_by_the_audit() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &["--profile", "acme"]).code, Some(0));
    let [display, _] = names_of(&cli, &id);
    let end: String = display[3..].chars().filter(char::is_ascii_digit).collect();
    let suggested = format!(
        "this state directory has no number {end}\n  Did you mean {display}?\n  To see the numbers and their IDs: pindesk numbers list --profile acme\n"
    );
    let no_id = "this state directory has no number 200000000009999\n  To see the numbers";
    for json in [&[][..], &["--json"]] {
        for (option, value, message) in [
            ("--number", "+44 20 7946 0000", "this state directory has no number +44 20 7946 0000\n"),
            ("--number", "200000000009999", no_id),
            ("--number", &end, &suggested),
            ("--who", "root", "no entry is of an operator root\n  Operators: ana@"),
        ] {
            assert_refused(&cli, &[&["audit", "show", option, value, "--profile", "acme"], json].concat(), 2, message);
        }
    }
    let message = format!("pindesk: no encrypted PIN for number {end}.\n  Did you mean {display}?\n");
    assert_refused(&cli, &["escrow", "list", &end], 2, &message);
    for (command, not_done) in
        [(&["numbers", "show", &end][..], ""), (&["pin", "set", &end, "--random"], ". Nothing was sent.")]
    {
        let message = format!("no number {end} in profile acme{not_done}\n  Did you mean {display}?\n");
        assert_refused(&cli, command, 2, &message);
    }
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

/// Alters the closed journal as another program could.
fn alter(cli: &CliFixture, sql: &str) {
    let db = Connection::open(cli.state_path("journal.db")).expect("the journal");
    let triggers: Vec<String> = db
        .prepare("SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect())
        .expect("the triggers");
    db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {}; {sql}", triggers.join(";"))).expect("altered");
}

#[test]
fn damage_stops_setting_until_it_is_accepted() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    alter(&cli, "UPDATE outcomes SET at = at - 1");
    let digits = cli.last_four_digits(&ids[1]);
    let pin = cli.path("pin").display().to_string();
    let set = ["pin", "set", &ids[1], "--pin-file", &pin, "--confirm", &digits];
    let damaged = "pindesk: the journal is damaged. Nothing was sent.\n  \
                   audit row 4: the record that it describes was deleted or altered\n  \
                   To see each damaged row: pindesk audit verify\n";
    assert_refused(&cli, &set, 6, damaged);
    assert_refused(&cli, &[&set[..], &["--dry-run"]].concat(), 6, damaged);
    let verify = cli.run(&["audit", "verify"]);
    let expected = "pindesk: audit row 4: the record that it describes was deleted or altered.\n\
                    No PIN can be set until the journal is moved away, or the damage is accepted:\n  \
                    pindesk audit accept --until 4\n";
    assert_eq!((verify.code, verify.stderr.as_str()), (Some(6), expected));
    // The lists and the escrow still work.
    let key = cli.path("key.txt").display().to_string();
    for works in [
        &["jobs", "list"][..],
        &["audit", "show"],
        &["escrow", "list"],
        &["escrow", "open", "--identity", &key, "--json"],
    ] {
        assert_eq!(cli.run(works).code, Some(0), "{works:?}");
    }
    let accept = ["audit", "accept", "--until", "4"];
    for (arguments, code, message) in [
        (
            &["audit", "accept", "--until", "3", "--confirm", "3"][..],
            2,
            "row 4 is damaged as well. Nothing was changed.",
        ),
        (&accept, 5, "pindesk: not confirmed. Nothing was changed.\n  audit row 4: "),
        (&[&accept[..], &["--confirm", "5"]].concat(), 5, "--confirm does not match --until. Nothing was changed."),
        (&[&accept[..], &["--confirm", "4", "--read-only"]].concat(), 6, "--read-only refuses every change"),
    ] {
        assert_refused(&cli, arguments, code, message);
    }
    let accepted = cli.run(&[&accept[..], &["--confirm", "4"]].concat());
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    let verify = cli.run(&["audit", "verify"]);
    assert_eq!(verify.code, Some(0), "{verify:?}");
    assert!(
        verify.stdout.ends_with("Rows 1 to 4 are bound together by row 6. The damage in them was accepted.\n"),
        "{verify:?}"
    );
    assert!(cli.run(&["audit", "show"]).stdout.contains("  damage accepted  damage in rows 1 to 4\n"));
    let set = cli.run(&set);
    assert_eq!(set.code, Some(0), "{set:?}");
    let nothing = cli.run(&[&accept[..], &["--confirm", "4"]].concat());
    assert_eq!(
        (nothing.code, nothing.stdout.as_str()),
        (Some(0), "The audit log is intact. There is nothing to accept.\n")
    );
}

#[test]
fn a_job_with_an_altered_list_is_not_resumed() {
    let fault = "[[fault]]\nevery = 1\nanswer = { code = 190, status = 401 }";
    let cli = CliFixture::new(Duration::ZERO, fault);
    let list = cli.write_id_list(&cli.number_ids("not-set", 3));
    let pin = cli.path("pin").display().to_string();
    let stopped = cli.run(&["pin", "set", "--from", &list, "--pin-file", &pin, "--confirm", "3"]);
    assert_eq!(stopped.code, Some(8), "{stopped:?}");
    let other = cli.number_ids("not-set", 4).remove(3);
    alter(&cli, &format!("UPDATE job_numbers SET number = '{other}' WHERE place = 3"));
    for more in [&["--confirm", "3"][..], &["--dry-run"]] {
        let resume = [&["jobs", "resume", "1", "--pin-file", &pin], more].concat();
        assert_refused(&cli, &resume, 6, "Nothing was sent.\n  audit row 1: ");
    }
    // Even if an operator accepts the damage, nobody confirmed the list.
    assert_eq!(cli.run(&["audit", "accept", "--until", "1", "--confirm", "1"]).code, Some(0));
    let resume = ["jobs", "resume", "1", "--pin-file", &pin, "--confirm", "3"];
    assert_refused(&cli, &resume, 6, "the numbers of job 1 may not be the ones that were confirmed. Nothing was sent.");
}

#[test]
fn an_older_copy_of_the_journal_is_named_by_each_list() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    fs::copy(cli.state_path("journal.db"), cli.path("copy.db")).expect("the file is copied");
    assert_eq!(set_one_pin(&cli, &ids[1], &[]).code, Some(0));
    fs::copy(cli.path("copy.db"), cli.state_path("journal.db")).expect("the file is restored");
    let message = "pindesk: the journal ends at audit row 4, but it once reached row 7: it was truncated, or replaced with an \
                   older copy.\n";
    for list in [
        &["jobs", "list"][..],
        &["jobs", "show", "1"],
        &["jobs", "report", "1"],
        &["audit", "show"],
        &["escrow", "list"],
        &["numbers", "list"],
    ] {
        let output = cli.run(list);
        assert_eq!((output.code, output.stderr.matches(message).count()), (Some(0), 1), "{list:?}: {output:?}");
    }
}
