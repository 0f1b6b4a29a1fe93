//! The outcomes of `pin set`: how a refusal, a missing answer, a number in doubt and lost output are reported, and with
//! which exit code.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::{expected_result, expected_summary, names_of, set_one_pin, without_volatile_fields};
use crate::support::cli_fixture::{CliFixture, PIN, wait_until_held};

#[test]
fn a_refusal_exits_3_and_a_missing_answer_exits_4() {
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = {answer}\n");
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let refused = fault(&ids[0], "{ code = 133010, status = 400 }");
    let doubtful = fault(&ids[1], "{ code = 190, status = 500 }");
    let cli = CliFixture::new(Duration::ZERO, &format!("{refused}{doubtful}"));
    let set = |count: usize, ids_to_set: &[String]| {
        let list = cli.write_id_list(ids_to_set);
        let pin = cli.path("pin");
        let (count, pin) = (count.to_string(), pin.to_str().expect("UTF-8"));
        cli.run(&["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--json", "--replace"])
    };
    let failed = set(2, &[ids[0].clone(), ids[2].clone()]);
    assert_eq!((failed.code, failed.summary()), (Some(3), expected_summary(1, 1, 1, 0, 0)), "{failed:?}");
    let objects = failed.json_lines();
    let result = objects.iter().find(|object| object["request"] == "failed").expect("a failed one");
    assert_eq!(
        without_volatile_fields(result),
        expected_result(
            &cli,
            &ids[0],
            &json!({"request": "failed", "changed": false, "code": 133_010, "http_status": 400,
                                               "tries": 1, "message": "(#133010) Phone number Not Registered"})
        )
    );
    assert!(
        result["trace_id"].is_string() && result["advice"].as_array().is_some_and(|steps| !steps.is_empty()),
        "{result}"
    );
    assert!(
        failed.stderr.contains("pindesk: 1 number: failed: ") && failed.stderr.contains("What to do:"),
        "{failed:?}"
    );
    let trace = result["trace_id"].as_str().expect("a trace ID");
    let said = format!(
        "\n  Meta said: (#133010) Phone number Not Registered\n  Code, HTTP: 133010, 400\n  Trace ID: {trace}\n"
    );
    assert!(failed.stderr.contains(&said), "{failed:?}");
    let doubt = set(1, &ids[1..2]);
    assert_eq!((doubt.code, doubt.summary()), (Some(4), expected_summary(2, 0, 0, 0, 1)), "{doubt:?}");
    let result = doubt.json_lines().remove(0);
    assert_eq!(
        without_volatile_fields(&result),
        expected_result(
            &cli,
            &ids[1],
            &json!({"request": "no_answer", "changed": null, "code": 190, "http_status": 500,
                                               "tries": result["tries"], "message": result["message"]})
        )
    );
    assert!(
        doubt.stderr.contains("What to do:\n  Keep the PIN.\n  Make a new access token")
            && doubt.stderr.contains("Set a PIN again "),
        "{doubt:?}"
    );
}

#[test]
fn a_doubt_keeps_its_trace_id_when_its_retry_stops() {
    let ids = CliFixture::without_faults().number_ids("not-set", 2);
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = {{ {answer} }}\n");
    let (doubtful, refused) = (fault(&ids[0], "code = 2, status = 503"), fault(&ids[1], "code = 190, status = 401"));
    let cli = CliFixture::new(Duration::ZERO, &(doubtful + &refused));
    let list = cli.write_id_list(&ids);
    let held = cli.simulator.hold_changes(0);
    let mut command = cli.command(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "--json", "-q"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
    wait_until_held(&held, 2);
    drop(held);
    let set = cli.wait_for_output(child).json_lines();
    let result = set.iter().find(|object| object["phone_number_id"] == *ids[0]).expect("its result");
    assert_eq!(
        without_volatile_fields(result),
        expected_result(
            &cli,
            &ids[0],
            &json!({"request": "no_answer", "changed": null, "code": 2, "http_status": 503,
                                               "tries": result["tries"],
                                               "message": "(#2) Service temporarily unavailable"})
        )
    );
    assert!(result["trace_id"].is_string(), "{result}");
    let shown = cli.run(&["jobs", "show", "1", "--json"]).json_lines().remove(0);
    let rows = cli.run(&["audit", "show", "--json"]).summary();
    let rows = rows["rows"].as_array().expect("rows");
    let row = rows.iter().rfind(|row| row["action"] == "outcome" && row["phone_number_id"] == *ids[0]);
    for other in [&shown, row.expect("a row")] {
        for key in ["code", "subcode", "http_status", "trace_id", "tries"] {
            assert_eq!(other[key], result[key], "{key} of {other}");
        }
    }
}

#[test]
fn a_number_in_doubt_gets_no_new_pin_too_early() {
    let id = CliFixture::without_faults().number_ids("not-set", 1).remove(0);
    let cli = CliFixture::new(
        Duration::ZERO,
        &format!("[[fault]]\nnumber = \"{id}\"\nanswer = {{ code = 190, status = 500 }}"),
    );
    let first = set_one_pin(&cli, &id, &["--json"]);
    assert_eq!((first.code, first.summary()), (Some(4), expected_summary(1, 0, 0, 0, 1)));
    let requests = cli.simulator.pin_request_count();
    let second = set_one_pin(&cli, &id, &["--json", "--replace"]);
    assert_eq!((second.code, second.summary()), (Some(4), expected_summary(2, 0, 0, 1, 0)), "{second:?}");
    let result = second.json_lines().remove(0);
    assert_eq!(
        (&result["request"], &result["changed"], &result["tries"], &result["older_pin_in_doubt"]),
        (&json!("not_sent"), &json!(false), &json!(0), &json!(true))
    );
    assert!(first.json_lines()[0].get("older_pin_in_doubt").is_none(), "{first:?}");
    let dry = set_one_pin(&cli, &id, &["--replace", "--dry-run"]);
    for stderr in [second.stderr, dry.stderr] {
        assert!(stderr.contains("1 earlier change in doubt"), "{stderr}");
    }
    assert_eq!(cli.simulator.pin_request_count(), requests);
}

#[test]
fn a_replacement_without_an_answer_says_to_keep_both_pins() {
    let ids = [CliFixture::without_faults().number_ids("not-set", 1), CliFixture::without_faults().number_ids("on", 1)];
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\nanswer = \"success-false\"");
    let list = cli.write_id_list(&ids.concat());
    let set = cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "--replace"]);
    let (_, advice) = set.stderr.split_once("\n\n").expect("some parts");
    assert!(
        advice.starts_with(
            "pindesk: 1 number: no answer: Meta did not say that it worked. What to do:\n  \
             Keep the PIN.\n  \
             Set a PIN again 2 minutes after the last try, or later: then it is known.\n  \
             Or read the status then. Still not set: nothing was changed.\n  \
             On now, and not set before: this request set it, or someone else did.\n\n\
             pindesk: 1 number: no answer: Meta did not say that it worked. What to do:\n  \
             Keep this PIN and the former one: either may be in force.\n  \
             Set a PIN again 2 minutes after the last try, or later: then it is known.\n  \
             Reading the status does not tell which one: it is on either way.\n\n"
        ),
        "{set:?}"
    );
    // The journal knows which of them had a PIN before.
    let shown = cli.run(&["jobs", "show", "1", "--json"]);
    let keeps = shown.json_lines().into_iter().take(2).map(|line| line["advice"][0].clone()).collect::<Vec<_>>();
    assert_eq!(keeps, ["Keep the PIN.", "Keep this PIN and the former one: either may be in force."], "{shown:?}");
}

#[test]
fn a_local_refusal_is_reported_with_its_reason() {
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let cli =
        CliFixture::new(Duration::ZERO, &format!("[[fault]]\nnumber = \"{}\"\nanswer = \"success-false\"", ids[0]));
    let set = |ids: &[String]| {
        let (list, count) = (cli.write_id_list(ids), ids.len().to_string());
        cli.run(&["pin", "set", "--from", &list, "--random", "--confirm", &count, "--replace"])
    };
    let first = set(&ids[..1]);
    let advice =
        "What to do:\n  Keep the PIN.\n  Set a PIN again 2 minutes after the last try, or later: then it is known.\n";
    assert!(first.code == Some(4) && first.stderr.contains(advice), "{first:?}");
    let second = set(&ids[..1]);
    let (_, after) = second.stderr.split_once("could still take effect until ").expect("a reason");
    let until = &after[..after.find(" UTC").expect("a time")];
    let reason = format!("refused here: an earlier PIN could still take effect until {until} UTC");
    assert_eq!(
        (second.code, second.stderr.split_once("\n\n").expect("some parts").1),
        (
            Some(4),
            &*format!(
                "pindesk: 1 number: not sent, and an older PIN is in doubt. What to do:\n  \
                 Keep the older PIN: the newer one is not in force.\n  \
                 Set a PIN again 2 minutes after the last try, or later: then it is known.\n  \
                 Why it was not sent: an earlier PIN could still take effect until {until} UTC.\n"
            )
        )
    );
    let third = set(&ids);
    assert!(third.code == Some(4) && third.stderr.contains("the PINs are in the escrow"), "{third:?}");
    let shown = cli.run(&["jobs", "show", "2"]);
    let [display, name] = names_of(&cli, &ids[0]);
    let row = format!("{display:<17}  {name:<20}  not sent     {:<17}  {reason}", ids[0]);
    assert!(shown.stdout.lines().any(|line| line == row), "{shown:?}");
    let states = cli.run(&["jobs", "list", "--json"]).json_lines();
    let states: Vec<_> = states.iter().map(|job| (&job["job"], &job["state"], &job["not_sent"])).collect();
    let job = |job: u32, state: &str, not_sent: usize| (json!(job), json!(state), json!(not_sent));
    let expected = [job(3, "cut_short", 1), job(2, "cut_short", 1), job(1, "finished", 0)];
    assert!(states.into_iter().eq(expected.iter().map(|(job, state, count)| (job, state, count))), "{shown:?}");
    assert_eq!(cli.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_number_with_a_possible_late_pin_is_not_sent() {
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 1\nanswer = \"reset-before\"");
    let id = cli.number_ids("not-set", 1).remove(0);
    let (pin, digits) = (cli.path("pin"), cli.last_four_digits(&id));
    let set =
        ["pin", "set", &id, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", &digits, "--replace", "--json"];
    let first = cli.run(&set);
    assert_eq!((first.code, &first.json_lines()[0]["tries"]), (Some(0), &json!(2)), "{first:?}");
    let second = cli.run(&set);
    assert_eq!((second.code, &second.summary()["not_sent"]), (Some(3), &json!(1)), "{second:?}");
    assert_eq!(
        cli.run(&["jobs", "show", "2", "--json"]).json_lines()[0],
        second.json_lines()[0],
        "the job reports the same"
    );
    assert_eq!(cli.simulator.pin_request_count(), 2);
}

#[test]
fn lost_output_is_reported_and_the_job_continues() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let (list, full) =
        (cli.write_id_list(&ids), || File::options().write(true).open("/dev/full").expect("/dev/full opens"));
    let dry = ["pin", "set", "--from", &list, "--random", "--confirm", "2", "--json", "-q", "--dry-run"];
    let set = &dry[..dry.len() - 1];
    for (arguments, advice) in [
        (&dry[..], "Nothing was sent."),
        (set, "Results are missing there. The journal has all of them: pindesk jobs show 1"),
    ] {
        let output = cli.wait_for_output(
            cli.command(arguments).stdout(full()).stderr(Stdio::piped()).spawn().expect("the process starts"),
        );
        assert_eq!(output.code, Some(9), "{output:?}");
        assert_eq!(output.stderr, format!("pindesk: cannot write the output: No space left on device. {advice}\n"));
    }
    assert!(ids.iter().all(|id| cli.pin_in_force(id).is_some()), "the job is complete");
    let again = cli.run(&["jobs", "show", "1", "--json"]).summary();
    let mut expected = expected_summary(1, 2, 0, 0, 0);
    let job_fields = json!({"at": again["at"], "profile": "acme", "who": again["who"], "user": "ana",
                            "claimed_user": null, "note": null, "pins": "random", "state": "finished", "settled": 0, "sending": 0,
                            "open": 0, "resumable": 0});
    expected.as_object_mut().expect("an object").extend(job_fields.as_object().expect("an object").clone());
    assert_eq!(again, expected);
}

#[test]
fn a_closed_pipe_stops_the_output_not_the_job() {
    let cli = CliFixture::new(Duration::from_millis(20), "");
    let ids = cli.number_ids("not-set", 8);
    let (list, pin) = (cli.write_id_list(&ids), cli.path("pin"));
    let set = ["pin", "set", "--from", &list, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", "8", "-q"];
    let mut command = cli.command(&set);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
    drop(child.stdout.take());
    let output = cli.wait_for_output(child);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(ids.iter().all(|id| cli.pin_in_force(id).as_deref() == Some(PIN)));
}
