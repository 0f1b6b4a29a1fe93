//! What commands tell of a pause, and that a reader who does not read it holds up no call.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::suspend::full_pipe;
use crate::support::cli_fixture::{CliFixture, CommandOutput, wait_until_held};

/// The `paused` events among the lines of a command.
fn pauses(output: &CommandOutput) -> Vec<Value> {
    output.json_lines().into_iter().filter(|object| object["event"] == "paused").collect()
}

#[test]
fn a_pause_is_told_once_with_its_end_and_fails_nothing() {
    let fault = "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 4, status = 400, retry_after = 1 }";
    for is_json in [false, true] {
        let cli = CliFixture::new(Duration::ZERO, fault);
        let list = cli.write_id_list(&cli.number_ids("not-set", 6));
        let set = ["pin", "set", "--from", &list, "--random", "--confirm", "6", "--concurrency", "1"];
        let set = cli.run(&[&set[..], if is_json { &["--json"] } else { &[] }].concat());
        assert_eq!(set.code, Some(0), "{set:?}");
        let lines = set.stderr.lines().filter(|line| line.contains("pause"));
        let lines: Vec<_> = lines.collect();
        let [line, "pindesk: Calls of this app go on: the pause has ended."] = lines[..] else { panic!("{set:?}") };
        assert!(line.starts_with("pindesk: Calls of this app are paused until "), "{line}");
        let (_, time) = line.split_once(" until ").expect("the end of the pause");
        let why = "Meta asks to go slower: the app has used up its calls of the last hour (code 4).";
        let stop = "To stop instead of waiting, press Ctrl-C.";
        assert_eq!(&time[8..], format!(" UTC (1 s): {why} {stop}"), "{line}");
        if is_json {
            let pauses = pauses(&set);
            let until = &pauses[0]["until"];
            let expected =
                json!({"schema": 1, "event": "paused", "scope": "app", "id": null, "code": 4, "until": until});
            assert_eq!(pauses, [expected]);
        }
    }
}

#[test]
fn a_reader_who_does_not_read_a_pause_holds_up_no_call() {
    let fault = "[[fault]]\nevery = 1\nafter = 1\ntimes = 1\nanswer = { code = 4, retry_after = 1 }";
    for is_json in [true, false] {
        let cli = CliFixture::new(Duration::ZERO, fault);
        let ids = cli.number_ids("not-set", 3);
        let set = |ids: &[String]| {
            let (list, count) = (cli.write_id_list(ids), ids.len().to_string());
            let mut command = cli.command(&["pin", "set", "--from", &list, "--random", "--confirm", &count]);
            command.args(["--concurrency", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped());
            command
        };
        // The first job creates the state directory, which the second would tell before it sends.
        let first = cli.wait_for_output(set(&ids[..1]).spawn().expect("the process starts"));
        assert_eq!(first.code, Some(0), "{first:?}");
        let (mut read, write) = full_pipe();
        let mut command = set(&ids[1..]);
        if is_json {
            command.args(["--json", "-q"]).stdout(write);
        } else {
            command.stderr(write);
        }
        let held = cli.simulator.hold_changes(2);
        let child = command.spawn().expect("the process starts");
        drop(command);
        // The throttled request, then the two that follow it.
        wait_until_held(&held, 1);
        drop(held);
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            read.read_to_string(&mut text).expect("text");
            text.trim_start().to_owned()
        });
        let output = cli.wait_for_output(child);
        let text = reader.join().expect("it is read");
        assert_eq!(output.code, Some(0), "{output:?} {text}");
        if is_json {
            let output = CommandOutput { stdout: text, ..output };
            assert_eq!((pauses(&output).len(), &output.summary()["set"]), (1, &json!(2)), "{output:?}");
        } else {
            let told: Vec<_> = text.lines().filter(|line| line.contains("pause")).collect();
            let [start, "pindesk: Calls of this app go on: the pause has ended."] = told[..] else { panic!("{text}") };
            assert!(start.starts_with("pindesk: Calls of this app are paused until "), "{text}");
        }
    }
}

#[test]
fn a_pause_of_a_check_is_told_before_its_summary() {
    let id = CliFixture::without_faults().number_ids("not-set", 1).remove(0);
    let no_answer = format!("[[fault]]\nnumber = \"{id}\"\nanswer = {{ code = 190, status = 500 }}\n");
    let throttle = "[[fault]]\nevery = 1\ntimes = 1\ncall = \"read\"\nanswer = { code = 4, retry_after = 1 }";
    let cli = CliFixture::new(Duration::ZERO, &(no_answer + throttle));
    let list = cli.write_id_list(&[id]);
    assert_eq!(cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "1"]).code, Some(4));
    let checked = cli.run(&["jobs", "check", "1", "--json"]);
    assert_eq!((checked.code, pauses(&checked).len()), (Some(4), 1), "{checked:?}");
    assert_eq!(checked.summary()["event"], "summary", "{checked:?}");
    let told: Vec<_> = checked.stderr.lines().filter(|line| line.contains("pause")).collect();
    assert_eq!(told.len(), 2, "{checked:?}");
}

#[test]
fn a_list_that_waits_says_how_long_and_how_to_stop() {
    let throttle = "[[fault]]\nevery = 1\ntimes = 1\ncall = \"list\"\nanswer = { code = 4, retry_after = 1 }";
    let cli = CliFixture::new(Duration::ZERO, throttle);
    let listed = cli.run(&["numbers", "list", "--csv"]);
    let told: Vec<_> = listed.stderr.lines().filter(|line| line.contains("pause")).collect();
    let [start, "pindesk: Calls of this app go on: the pause has ended."] = told[..] else { panic!("{listed:?}") };
    assert!(start.contains(" UTC (1 s): ") && start.ends_with("To stop instead of waiting, press Ctrl-C."), "{start}");
    assert!(listed.code == Some(0) && !listed.stdout.contains("pause"), "{listed:?}");
}
