//! `pin set`: which numbers get which PIN, what arrives at the Graph API, and that no other user sees a secret.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    NEW_STATE_DIR, assert_refused, expected_result, expected_summary, names_of, set_one_pin, without_volatile_fields,
};
use crate::support::cli_fixture::{CliFixture, PIN};
use crate::support::skip;

#[test]
fn one_number_gets_the_pin_of_the_file() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let output = set_one_pin(&cli, &id, &[]);
    let mut lines = output.stdout.lines();
    let [display, name] = names_of(&cli, &id);
    let columns = name.len().max(20);
    assert_eq!(lines.next(), Some(&*format!("NUMBER             {:<columns$}  REQUEST      ID", "NAME")));
    assert_eq!(lines.next(), Some(&*format!("{display:<17}  {name:<columns$}  set          {id}")));
    assert_eq!(lines.next(), Some("Job 1, 1 number: 1 set, 0 failed, 0 not sent, 0 no answer."));
    assert_eq!((output.code, lines.next(), output.stderr.as_str()), (Some(0), None, NEW_STATE_DIR));
    assert_eq!((cli.pin_in_force(&id).as_deref(), cli.simulator.pin_request_count()), (Some(PIN), 1));
}

#[test]
fn json_output_has_results_and_a_summary() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let output = set_one_pin(&cli, &id, &["--json"]);
    let objects = output.json_lines();
    assert_eq!(
        without_volatile_fields(&objects[0]),
        expected_result(
            &cli,
            &id,
            &json!({"request": "set", "changed": true, "code": null, "http_status": 200, "tries": 1})
        )
    );
    assert_eq!((objects.len(), &objects[1], output.code), (2, &expected_summary(1, 1, 0, 0, 0), Some(0)));
}

#[test]
fn a_pin_can_be_read_from_standard_input() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let digits = cli.last_four_digits(&id);
    let set = ["pin", "set", &id, "--pin-file", "-", "--confirm", &digits];
    for wrong in ["", "40972\n", "409726\n409726\n"] {
        assert_eq!(cli.run_with_stdin(&set, wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(cli.simulator.pin_request_count(), 0);
    assert_eq!(cli.run_with_stdin(&set, "409726\r\n").code, Some(0));
    assert_eq!(cli.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn random_pins_differ_and_are_saved_to_the_escrow() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 5);
    let pins_before: Vec<_> = ids.iter().map(|id| cli.pin_in_force(id)).collect();
    assert_eq!(pins_before, [None, None, None, None, None]);
    let set = ["pin", "set", "--from", "-", "--random", "--confirm", "5", "--concurrency", "2", "--json"];
    let output = cli.run_with_stdin(&set, &ids.join("\n"));
    assert_eq!((output.code, output.summary()), (Some(0), expected_summary(1, 5, 0, 0, 0)), "{output:?}");
    let key = cli.path("key.txt");
    let opened = cli.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    let records = opened["records"].as_array().expect("records");
    assert_eq!(records.len(), 5);
    for id in &ids {
        let saved: Vec<_> = records.iter().filter(|record| record["phone_number_id"] == **id).collect();
        assert_eq!(saved.len(), 1);
        assert_eq!(saved[0]["pin"].as_str(), cli.pin_in_force(id).as_deref());
    }
    let distinct: HashSet<_> = ids.iter().filter_map(|id| cli.pin_in_force(id)).collect();
    assert_eq!(distinct.len(), 5);
    assert!(!output.stdout.contains(records[0]["pin"].as_str().expect("a PIN")));
}

#[test]
fn a_list_is_sent_in_its_own_order() {
    let cli = CliFixture::without_faults();
    let mut ids = cli.number_ids("not-set", 5);
    ids.rotate_left(2);
    ids.swap(0, 4);
    let list = cli.write_id_list(&ids);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "5", "--concurrency", "1", "-q"];
    let output = cli.run(&set);
    let rows = output.stdout.lines().skip(1).take(5);
    let order: Vec<_> = rows.map(|row| row.split_whitespace().last().expect("an ID").to_owned()).collect();
    assert_eq!((output.code, order), (Some(0), ids));
}

#[test]
fn a_list_may_name_numbers_as_people_write_them() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let [display, _] = names_of(&cli, &ids[0]);
    let digits: String = names_of(&cli, &ids[2])[0].chars().filter(char::is_ascii_digit).collect();
    let list = cli.write_id_list(&[display, ids[1].clone(), digits]);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "3", "--concurrency", "1", "-q"];
    let output = cli.run(&set);
    let rows = output.stdout.lines().skip(1).take(3);
    let order: Vec<_> = rows.map(|row| row.split_whitespace().last().expect("an ID").to_owned()).collect();
    assert_eq!((output.code, order), (Some(0), ids));
}

#[test]
fn the_numbers_after_the_first_are_left_to_resume() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let (list, pin) = (cli.write_id_list(&ids), cli.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let set = ["pin", "set", "--from", &list, "--pin-file", pin, "--first", "2", "--json", "--confirm"];
    assert_refused(&cli, &[&set[..], &["2"]].concat(), 5, "--confirm does not match the count of numbers.");
    let output = cli.run(&[&set[..], &["3"]].concat());
    assert_eq!((output.code, output.summary()), (Some(3), expected_summary(1, 2, 0, 1, 0)), "{output:?}");
    let hint = "\nTo send the rest: pindesk jobs resume 1 --pin-file ~/pin --confirm 1\n";
    assert!(output.stderr.ends_with(hint), "{output:?}");
    let in_force = || ids.iter().map(|id| cli.pin_in_force(id)).collect::<Vec<_>>();
    assert_eq!(in_force(), [Some(PIN.to_owned()), Some(PIN.to_owned()), None]);
    let resumed = cli.run(&["jobs", "resume", "1", "--pin-file", pin, "--confirm", "1", "--json"]);
    assert_eq!((resumed.code, resumed.summary()), (Some(0), expected_summary(1, 1, 0, 0, 0)), "{resumed:?}");
    assert_eq!(in_force(), [const { Some(PIN) }; 3].map(|pin| pin.map(str::to_owned)));
}

#[test]
fn a_hint_repeats_the_options_that_it_needs() {
    let cli = CliFixture::without_faults();
    let (list, state) = (cli.write_id_list(&cli.number_ids("not-set", 2)), cli.path("other state"));
    let place = ["--state-dir", state.to_str().expect("UTF-8"), "--profile", "acme"];
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "2", "--first", "1"];
    let set = cli.run(&[&set[..], &place].concat());
    let options = "--state-dir '~/other state' --profile acme";
    let resume = format!("To send the rest: pindesk jobs resume 1 {options} --confirm 1\n");
    assert!(set.stderr.contains(&resume), "{set:?}");
    assert!(set.stderr.contains(&format!("pindesk escrow open --identity FILE {options}\n")), "{set:?}");
    let shown = cli.run(&[&["jobs", "show", "1"][..], &place].concat());
    assert!(shown.stdout.ends_with(&resume), "{shown:?}");
    let listed = cli.run(&[&["jobs", "show", "7"][..], &place].concat());
    assert!(listed.stderr.ends_with(&format!("See pindesk jobs list {options}.\n")), "{listed:?}");
    let unknown = cli.run(&[&["pin", "set", "200000000009999", "--random"][..], &place].concat());
    assert!(unknown.stderr.ends_with(&format!("pindesk numbers list {options}\n")), "{unknown:?}");
    cli.write_config("", &[]);
    let changed = cli.run(&[&["jobs", "resume", "1", "--confirm", "1"][..], &place].concat());
    assert!(changed.stderr.ends_with(&format!("run: pindesk escrow ack {options}\n")), "{changed:?}");
}

#[test]
fn a_list_that_was_set_lately_needs_again() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let list = cli.write_id_list(&ids[..2]);
    let set = |list: &str, more: &[&str]| {
        cli.run(&[&["pin", "set", "--from", list, "--random", "--replace", "--concurrency", "1"][..], more].concat())
    };
    assert_eq!(set(&list, &["--confirm", "2"]).code, Some(0));
    let longer = cli.write_id_list(&ids);
    let refused = set(&longer, &["--confirm", "3"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(5), ""), "{refused:?}");
    let lines: Vec<_> = refused.stderr.lines().collect();
    assert_eq!(lines[0], "pindesk: some numbers of this list were set less than 24 h ago. Nothing was sent.");
    assert!(
        lines[1].starts_with("  job 1 set 2 of 3 numbers, the last at ") && lines[1].ends_with(" UTC"),
        "{lines:?}"
    );
    assert_eq!(
        lines[2..],
        ["  To set them once more, add: --again", "  To send only what a job did not send: pindesk jobs resume JOB"]
    );
    let dry = set(&longer, &["--dry-run"]);
    assert!(dry.stdout.ends_with(" --concurrency 1 --again --confirm 3\n"), "{dry:?}");
    assert!(dry.stderr.contains("numbers of this list were set less than 24 h ago:\n  job 1 set "), "{dry:?}");
    // The requests of the two jobs are in the same second, and the second job read the status after the first.
    assert_eq!(set(&longer, &["--again", "--confirm", "3"]).code, Some(0));
    let twice = set(&longer, &["--confirm", "3"]);
    assert!(twice.stderr.contains("\n  job 2 set 3 of 3 numbers,"), "{twice:?}");
    assert!(twice.stderr.contains("\n  job 1 set 2 of 3 numbers,"), "{twice:?}");
    assert_eq!(cli.simulator.pin_request_count(), 5);
}

#[test]
fn replace_sets_a_new_pin_where_one_is_on() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("on", 1).remove(0);
    assert_ne!(cli.pin_in_force(&id).as_deref(), Some(PIN));
    assert_eq!(set_one_pin(&cli, &id, &["--replace"]).code, Some(0));
    assert_eq!(cli.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn a_given_pin_is_set_without_recipients() {
    let cli = CliFixture::without_faults();
    cli.write_config("", &[]);
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &[]).code, Some(0));
    assert_eq!(cli.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn a_clock_before_1970_does_not_lose_a_pin() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let list = cli.write_id_list(&ids);
    let unwrapped = cli.command(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "-q"]);
    let mut command = Command::new("faketime");
    command.args(["-f", "@1969-12-31 22:00:00"]).arg(unwrapped.get_program()).args(unwrapped.get_args());
    command.env_clear().env("HOME", cli.path("")).env("TZ", "UTC").env("DONT_FAKE_MONOTONIC", "1");
    let child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip::missing_program("faketime"),
        child => child.expect("the process starts"),
    };
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    let key = cli.path("key.txt");
    let opened = cli.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    for id in &ids {
        let has_pin = |record: &&Value| record["phone_number_id"] == **id;
        let record = opened["records"].as_array().expect("records").iter().find(has_pin).expect("its PIN");
        assert_eq!(record["pin"].as_str(), cli.pin_in_force(id).as_deref());
    }
}

/// Appends what other users can read about a process.
fn read_proc_files(child: &Child, seen: &mut String) {
    for name in ["cmdline", "environ", "status", "comm"] {
        let bytes = fs::read(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn other_users_see_neither_pin_nor_token() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let (list, pin) = (cli.write_id_list(&ids), cli.path("pin"));
    let held = cli.simulator.hold_changes(0);
    let set = ["pin", "set", "--from", &list, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", "2", "-v"];
    let mut command = cli.command(&set);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
    let mut seen = String::new();
    while !held.wait_for_held(2, Duration::ZERO) {
        read_proc_files(&child, &mut seen);
    }
    read_proc_files(&child, &mut seen);
    drop(held);
    let output = cli.wait_for_output(child);
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut everything = format!("{seen}{}{}", output.stdout, output.stderr);
    for file in fs::read_dir(cli.state_path("")).expect("the state directory") {
        let file = file.expect("an entry");
        everything.push_str(&file.file_name().to_string_lossy());
        everything.push_str(&String::from_utf8_lossy(&fs::read(file.path()).expect("its content")));
    }
    assert!(seen.contains("--pin-file") && everything.contains("phone_number_id"), "{seen}");
    assert!(!everything.contains(PIN) && !everything.contains("SIMULATOR"));
}
