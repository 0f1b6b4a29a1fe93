//! `jobs report` and `jobs check`: one job for a ticket, and what a status read resolves.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::jobs::start_and_kill_job;
use super::{names_of, pin_path, set_one_pin};
use crate::support::cli_fixture::CliFixture;
use crate::support::skip;
use crate::support::tampering::rewrite_as_unbound;

#[test]
fn a_report_groups_the_numbers_and_has_a_csv() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &["--note", "TICKET-123"]).code, Some(0));
    let [display, name] = names_of(&cli, &id);
    let report = cli.run(&["jobs", "report", "1"]).stdout;
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(
        (lines[0], &lines[2..]),
        (
            "Job      1, finished",
            &[
                "Profile  acme, PINs given",
                "Note     TICKET-123",
                "Job 1, 1 number: 1 set, 0 failed, 0 not sent, 0 no answer.",
                "",
                "1 number: set",
                &*format!("  {id}  {display}  {name}"),
            ][..]
        )
    );
    let result = cli.run(&["jobs", "show", "1", "--json"]).json_lines().remove(0);
    let waba = cli.run(&["numbers", "list", "--json"]).json_lines().into_iter();
    let waba = waba.filter(|number| number["phone_number_id"] == *id).map(|number| number["waba_id"].clone()).next();
    let csv = cli.run(&["jobs", "report", "1", "--csv"]).stdout;
    let (header, row) = csv.split_once('\n').expect("two lines");
    assert_eq!(
        header,
        "job,phone_number_id,display_phone_number,verified_name,waba_id,request,at,tries,code,subcode,http_status,trace_id,\
         reason"
    );
    let start = format!("1,{id},{display},{name},{},set,", waba.as_ref().and_then(Value::as_str).expect("a WABA"));
    assert!(row.starts_with(&start) && row.ends_with(",1,,,200,,\n"), "{row} {result}");
}

#[test]
fn a_check_resolves_what_its_status_proves() {
    if skip::if_uptime_below(200) {
        return;
    }
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = \"{answer}\"\n");
    // No try of the job gives the first number its PIN; the second gets it.
    let faults = fault(&ids[0], "reset-before") + "times = 4\n" + &fault(&ids[1], "reset-after");
    let cli = CliFixture::new(Duration::ZERO, &faults);
    let list = cli.write_id_list(&ids);
    assert_eq!(cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "3"]).code, Some(4));
    let in_doubt = |expected: &[String]| {
        let listed = cli.run(&["jobs", "show", "1", "--state", "no-answer", "--ids"]);
        assert_eq!(listed.stdout.lines().collect::<Vec<_>>(), expected);
    };
    in_doubt(&ids[..2]);
    let requests = cli.simulator.pin_request_count();
    let early = cli.run(&["jobs", "check", "1"]);
    let last_line = |text: &str| text.lines().last().map(str::to_owned);
    assert_eq!(early.code, Some(4), "{early:?}");
    assert_eq!(last_line(&early.stdout).as_deref(), Some("Job 1, 2 numbers checked: 0 resolved, 2 in doubt."));
    let too_early = "pindesk: too early for 2 numbers: the request can still arrive until ";
    assert!(early.stderr.starts_with(too_early) && early.stderr.lines().count() == 1, "{early:?}");
    in_doubt(&ids[..2]);
    // Three minutes pass.
    let later = ["tries", "outcomes"].map(|table| format!("UPDATE {table} SET at = at - 180, up = up - 180;"));
    rewrite_as_unbound(&cli.state_path(""), &later.concat());
    // Migrates the journal.
    assert_eq!(cli.run(&["escrow", "ack"]).code, Some(0));
    let checked = cli.run(&["jobs", "check", "1"]);
    assert_eq!(checked.code, Some(4), "{checked:?}");
    assert_eq!(last_line(&checked.stdout).as_deref(), Some("Job 1, 2 numbers checked: 1 resolved, 1 in doubt."));
    assert!(checked.stdout.contains(&format!("  not applied  {}\n", ids[0])), "{checked:?}");
    assert!(checked.stderr.contains("Meta does not say which PIN is in force."), "{checked:?}");
    in_doubt(&ids[1..2]);
    let json = cli.run(&["jobs", "check", "1", "--json"]).json_lines();
    assert_eq!((json.len(), &json[0]["phone_number_id"], &json[1]["settled"]), (2, &json!(ids[1]), &json!(0)));
    assert_eq!(cli.simulator.pin_request_count(), requests, "no PIN is sent");
    assert!(checked.stderr.ends_with("To send the rest: pindesk jobs resume 1 --confirm 1\n"), "{checked:?}");
    let shown = cli.run(&["jobs", "show", "1", "--state", "not-applied", "--json"]).json_lines();
    let expected =
        (&json!("failed"), &json!(false), &json!("two-step verification was still not set two minutes later"));
    assert_eq!((&shown[0]["request"], &shown[0]["changed"], &shown[0]["reason"]), expected);
    let resumed = cli.run(&["jobs", "resume", "1", "--confirm", "1"]);
    assert_eq!(
        last_line(&resumed.stdout).as_deref(),
        Some("Job 1, 1 number: 1 set, 0 failed, 0 not sent, 0 no answer.")
    );
    let fine = cli.run(&["pin", "set", &ids[2], "--random", "--replace", "--confirm", &cli.last_four_digits(&ids[2])]);
    assert_eq!(fine.code, Some(0), "{fine:?}");
    let nothing = cli.run(&["jobs", "check", "2"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), "No number of job 2 is in doubt.\n"), "{nothing:?}");
}

#[test]
fn without_user_a_job_has_the_name_of_its_user_id() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let (pin, digits) = (pin_path(&cli), cli.last_four_digits(&id));
    let name = Command::new("id").arg("-un").output().expect("id runs").stdout;
    let name = String::from_utf8(name).expect("UTF-8");
    let mut set = cli.command(&["pin", "set", &id, "--pin-file", &pin, "--confirm", &digits]);
    let set = cli.wait_for_output(
        set.env_remove("USER").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts"),
    );
    assert_eq!(set.code, Some(0), "{set:?}");
    let listed = cli.run(&["jobs", "list"]).stdout;
    assert!(listed.contains(&format!("  {}@", name.trim())), "{listed}");
}

#[test]
fn show_repeats_the_option_that_its_numbers_need() {
    let cli = CliFixture::without_faults();
    start_and_kill_job(&cli, &cli.number_ids("on", 4), &["--random", "--replace"]);
    let hint = "To send the rest: pindesk jobs resume 1 --replace --confirm 2\n";
    for command in ["show", "check"] {
        let output = cli.run(&["jobs", command, "1"]);
        assert!(format!("{}{}", output.stdout, output.stderr).contains(hint), "{output:?}");
    }
    assert_eq!(cli.run(&["jobs", "resume", "1", "--replace", "--confirm", "2"]).code, Some(0));
}
