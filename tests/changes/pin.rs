//! `pin set`: what is sent, what is told of it, and where the PIN is found again.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::shop::{CliFixture, CommandOutput, PIN, wait_until_held};
use crate::support::skip;

/// One result, without what is different each time.
fn without_volatile_fields(object: &Value) -> Value {
    let mut object = object.clone();
    assert!(
        object["change"].is_null() || object["change"].as_str().is_some_and(|change| change.len() == 36),
        "{object}"
    );
    for key in ["change", "trace_id", "reason", "advice"] {
        object.as_object_mut().expect("an object").remove(key).unwrap_or_else(|| panic!("no {key}"));
    }
    object
}

fn expected_summary(job: u32, set: usize, failed: usize, not_sent: usize, no_answer: usize) -> Value {
    let total = set + failed + not_sent + no_answer;
    json!({"schema": 1, "event": "summary", "job": job, "total": total, "set": set, "failed": failed,
           "not_sent": not_sent, "no_answer": no_answer})
}

fn set_one_pin(shop: &CliFixture, id: &str, more: &[&str]) -> CommandOutput {
    let (pin, last) = (shop.path("pin"), shop.last_four_digits(id));
    let start = ["pin", "set", id, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", &last];
    shop.run(&[&start[..], more].concat())
}

#[test]
fn one_number_gets_the_pin_of_the_file_and_people_read_one_line() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    let ended = set_one_pin(&shop, &id, &[]);
    let mut lines = ended.stdout.lines();
    let row = lines.next().expect("a row");
    assert!(row.starts_with("set        +") && row.ends_with(&format!("{id}     set")), "{ended:?}");
    assert_eq!(lines.next(), Some("Job 1, 1 number: 1 set, 0 failed, 0 not sent, 0 no answer."));
    assert_eq!((ended.code, lines.next(), ended.stderr.as_str()), (Some(0), None, ""));
    assert_eq!((shop.pin_in_force(&id).as_deref(), shop.simulator.pin_request_count()), (Some(PIN), 1));
}

#[test]
fn scripts_read_one_object_a_line_and_a_sum() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    let ended = set_one_pin(&shop, &id, &["--json"]);
    let objects = ended.json_lines();
    assert_eq!(
        without_volatile_fields(&objects[0]),
        json!({"schema": 1, "event": "result", "phone_number_id": id, "request": "set", "changed": true, "code": null,
               "subcode": null, "http_status": 200, "tries": 1})
    );
    assert_eq!((objects.len(), &objects[1], ended.code), (2, &expected_summary(1, 1, 0, 0, 0), Some(0)));
}

#[test]
fn a_pin_comes_from_standard_input_as_well() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    let last = shop.last_four_digits(&id);
    let set = ["pin", "set", &id, "--pin-file", "-", "--confirm", &last];
    for wrong in ["", "40972\n", "409726\n409726\n"] {
        assert_eq!(shop.run_with_stdin(&set, wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(shop.simulator.pin_request_count(), 0);
    assert_eq!(shop.run_with_stdin(&set, "409726\r\n").code, Some(0));
    assert_eq!(shop.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn many_numbers_get_different_random_pins_that_the_escrow_knows() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 5);
    let before: Vec<_> = ids.iter().map(|id| shop.pin_in_force(id)).collect();
    assert_eq!(before, [None, None, None, None, None]);
    let set = ["pin", "set", "--from", "-", "--random", "--confirm", "5", "--concurrency", "2", "--json"];
    let ended = shop.run_with_stdin(&set, &ids.join("\n"));
    assert_eq!((ended.code, ended.summary()), (Some(0), expected_summary(1, 5, 0, 0, 0)), "{ended:?}");
    let key = shop.path("key.txt");
    let opened = shop.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    let records = opened["records"].as_array().expect("records");
    assert_eq!(records.len(), 5);
    for id in &ids {
        let sealed: Vec<_> = records.iter().filter(|record| record["phone_number_id"] == **id).collect();
        assert_eq!(sealed.len(), 1);
        assert_eq!(sealed[0]["pin"].as_str(), shop.pin_in_force(id).as_deref());
    }
    let different: std::collections::HashSet<_> = ids.iter().filter_map(|id| shop.pin_in_force(id)).collect();
    assert_eq!(different.len(), 5);
    assert!(!ended.stdout.contains(records[0]["pin"].as_str().expect("a PIN")));
}

#[test]
fn a_list_is_sent_in_its_own_order_and_each_row_names_its_own_number() {
    let shop = CliFixture::without_faults();
    let mut ids = shop.number_ids("not-set", 5);
    ids.rotate_left(2);
    ids.swap(0, 4);
    let list = shop.write_id_list(&ids);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "5", "--concurrency", "1", "-q"];
    let ended = shop.run(&set);
    let row = |id: &String| {
        let shown = shop.run(&["numbers", "show", id, "--json"]).json_lines().remove(0);
        format!("set        {:<18}  {id:<18}  set", shown["display_phone_number"].as_str().expect("a display number"))
    };
    let rows: Vec<String> = ids.iter().map(row).collect();
    assert_eq!(
        (ended.code, ended.stdout.lines().take(5).collect::<Vec<_>>()),
        (Some(0), rows.iter().map(String::as_str).collect())
    );
}

#[test]
fn only_the_first_numbers_of_a_list_are_sent_where_that_is_asked_for() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 3);
    let (list, pin) = (shop.write_id_list(&ids), shop.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let ended =
        shop.run(&["pin", "set", "--from", &list, "--pin-file", pin, "--first", "2", "--confirm", "2", "--json"]);
    assert_eq!((ended.code, ended.summary()), (Some(0), expected_summary(1, 2, 0, 0, 0)));
    assert_eq!(ended.stderr, "pindesk: 1 number of ~/ids.txt left for later.\n");
    let in_force: Vec<_> = ids.iter().map(|id| shop.pin_in_force(id)).collect();
    assert_eq!(in_force, [Some(PIN.to_owned()), Some(PIN.to_owned()), None]);
}

#[test]
fn a_dry_run_checks_everything_and_leaves_nothing_behind() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let list = shop.write_id_list(&ids);
    let dry = ["pin", "set", "--from", &list, "--random", "--dry-run", "--confirm", "2"];
    let people = shop.run(&dry);
    assert!(
        people.stdout.starts_with("would send  +")
            && people.stdout.contains(&format!("{}     two-step not set\n", ids[0]))
    );
    assert!(people.stdout.ends_with("Dry run: a PIN would be sent to 2 numbers. Nothing was sent.\n"), "{people:?}");
    let one = shop.run(&["pin", "set", "--from", &list, "--random", "--dry-run", "--confirm", "1", "--first", "1"]);
    assert!(one.stdout.ends_with("Dry run: a PIN would be sent to 1 number. Nothing was sent.\n"), "{one:?}");
    let scripts = shop.run(&[&dry[..], &["--json"]].concat());
    let objects = scripts.json_lines();
    assert_eq!(
        without_volatile_fields(&objects[0]),
        json!({"schema": 1, "event": "result", "phone_number_id": ids[0], "request": "not_sent", "changed": false,
               "code": null, "subcode": null, "http_status": null, "tries": 0})
    );
    let sum = json!({"schema": 1, "event": "summary", "job": null, "total": 2, "set": 0, "failed": 0, "not_sent": 2,
                     "no_answer": 0});
    assert_eq!((people.code, scripts.code, &objects[2]), (Some(0), Some(0), &sum));
    let unconfirmed = shop.run(&dry[..dry.len() - 2]);
    assert_eq!(unconfirmed.code, Some(5));
    assert!(!shop.state_path("").exists() && shop.simulator.pin_request_count() == 0);
}

/// Everything in the state directory.
fn state_files(shop: &CliFixture) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(shop.state_path("")).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.clone(), fs::read(path).expect("its content"))).collect()
}

#[test]
fn a_dry_run_is_refused_where_the_run_itself_would_be_and_leaves_the_records_as_they_are() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&shop, &id, &[]).code, Some(0));
    let dry = |told: &str| {
        let before = state_files(&shop);
        let ended = set_one_pin(&shop, &id, &["--replace", "--dry-run"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(6), ""), "{ended:?}");
        assert!(ended.stderr.contains(told), "{ended:?}");
        assert_eq!(state_files(&shop).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        assert!(state_files(&shop) == before, "something was written");
    };
    let ready = || set_one_pin(&shop, &id, &["--replace", "--dry-run"]).code;
    assert_eq!(ready(), Some(0));
    let other = age::x25519::Identity::generate().to_public().to_string();
    shop.write_config("", &[&other]);
    dry("the escrow keys have changed. Nothing was sent.");
    shop.write_config("", &[shop.recipient()]);
    assert_eq!(ready(), Some(0));
    for (name, told) in [
        ("escrow.jsonl", "\n  1 sealed PIN of the journal is not in the escrow file, or stands there otherwise\n"),
        ("audit.head", "\n  audit.head is missing, so nobody can tell whether rows were cut off the audit\n"),
        ("journal.db", "\n  journal.db is missing or empty, though there was one: "),
    ] {
        fs::rename(shop.state_path(name), shop.path("aside")).expect("moved away");
        dry(&format!("look at the state directory first. Nothing was sent.{told}"));
        fs::rename(shop.path("aside"), shop.state_path(name)).expect("put back");
    }
    assert_eq!(ready(), Some(0));
    fs::write(shop.state_path("journal.db"), "no database").expect("written");
    dry("journal ~/.local/state/pindesk/journal.db");
    assert_eq!(shop.simulator.pin_request_count(), 1);
}

#[test]
fn a_dry_run_is_refused_as_the_run_is_where_only_a_bad_escrow_file_is_left() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&shop, &id, &[]).code, Some(0));
    let whole = fs::read_to_string(shop.state_path("escrow.jsonl")).expect("the file");
    let empty = || state_files(&shop).into_keys().for_each(|entry| fs::remove_file(entry).expect("removed"));
    empty();
    let gone = "journal.db is missing or empty, though there was one: ";
    let (damaged, torn) = (
        "a line of escrow.jsonl cannot be read (line 1): its PIN may be lost",
        "the last line of escrow.jsonl is cut off: its PIN may be lost",
    );
    for (text, told) in [
        ("x\n".to_owned(), vec![damaged]),
        (whole[..whole.len() - 50].to_owned(), vec![torn]),
        (format!("x\n{whole}"), vec![gone, damaged]),
        (format!("{whole}{{"), vec![gone, torn]),
    ] {
        fs::write(shop.state_path("escrow.jsonl"), text).expect("written");
        fs::set_permissions(shop.state_path("escrow.jsonl"), Permissions::from_mode(0o600)).expect("its owner's alone");
        let before = state_files(&shop);
        let dry = set_one_pin(&shop, &id, &["--replace", "--dry-run"]);
        assert_eq!((dry.code, dry.stdout.as_str()), (Some(6), ""), "{dry:?}");
        assert!(state_files(&shop) == before, "something was written");
        let run = set_one_pin(&shop, &id, &["--replace"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(6), ""), "{run:?}");
        let indented = |ended: &CommandOutput| -> Vec<String> {
            ended.stderr.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
        };
        let (mut of_dry, mut of_run) = (indented(&dry), indented(&run));
        let then = "A dry run prints this each time. The run itself prints it once: run it a second time.";
        assert_eq!(of_dry.pop().as_deref(), Some(then));
        assert_eq!(of_run.pop().as_deref(), Some("When you have read this, run the command again."));
        let all_start = of_dry.iter().zip(&told).all(|(line, told)| line.starts_with(told));
        assert!(of_dry.len() == told.len() && all_start, "{dry:?}");
        // The run completes a line that is cut off before it reports it.
        assert_eq!(of_run.len(), told.len(), "{run:?}");
        empty();
    }
    assert_eq!(shop.simulator.pin_request_count(), 1);
}

#[test]
fn a_pin_that_is_on_is_replaced_where_that_is_asked_for() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("on", 1).remove(0);
    assert_ne!(shop.pin_in_force(&id).as_deref(), Some(PIN));
    assert_eq!(set_one_pin(&shop, &id, &["--replace"]).code, Some(0));
    assert_eq!(shop.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn a_pin_without_recipients_is_set_if_it_was_given() {
    let shop = CliFixture::without_faults();
    shop.write_config("", &[]);
    let id = shop.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&shop, &id, &[]).code, Some(0));
    assert_eq!(shop.pin_in_force(&id).as_deref(), Some(PIN));
}

#[test]
fn what_meta_refuses_ends_with_3_and_what_it_does_not_answer_with_4() {
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = {answer}\n");
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let refused = fault(&ids[0], "{ code = 133010, status = 400 }");
    let doubtful = fault(&ids[1], "{ code = 190, status = 500 }");
    let shop = CliFixture::new(Duration::ZERO, &format!("{refused}{doubtful}"));
    let set = |count: usize, last: &[String]| {
        let list = shop.write_id_list(last);
        let pin = shop.path("pin");
        let (count, pin) = (count.to_string(), pin.to_str().expect("UTF-8"));
        shop.run(&["pin", "set", "--from", &list, "--pin-file", pin, "--confirm", &count, "--json", "--replace"])
    };
    let failed = set(2, &[ids[0].clone(), ids[2].clone()]);
    assert_eq!((failed.code, failed.summary()), (Some(3), expected_summary(1, 1, 1, 0, 0)), "{failed:?}");
    let objects = failed.json_lines();
    let told = objects.iter().find(|object| object["request"] == "failed").expect("a failed one");
    assert_eq!(
        without_volatile_fields(told),
        json!({"schema": 1, "event": "result", "phone_number_id": ids[0], "request": "failed", "changed": false,
               "code": 133_010, "subcode": null, "http_status": 400, "tries": 1})
    );
    assert!(told["trace_id"].is_string() && told["advice"].as_array().is_some_and(|steps| !steps.is_empty()), "{told}");
    assert!(
        failed.stderr.contains("pindesk: 1 number: failed: ") && failed.stderr.contains("What to do:"),
        "{failed:?}"
    );
    let doubt = set(1, &ids[1..2]);
    assert_eq!((doubt.code, doubt.summary()), (Some(4), expected_summary(2, 0, 0, 0, 1)), "{doubt:?}");
    let told = doubt.json_lines().remove(0);
    assert_eq!(
        without_volatile_fields(&told),
        json!({"schema": 1, "event": "result", "phone_number_id": ids[1], "request": "no_answer", "changed": null,
               "code": 190, "subcode": null, "http_status": 500, "tries": told["tries"]})
    );
    assert!(doubt.stderr.contains("Set a PIN again ") || doubt.stderr.contains("access token"), "{doubt:?}");
}

#[test]
fn what_metas_support_asks_for_stays_with_a_doubt_whose_repeat_was_stopped() {
    let ids = CliFixture::without_faults().number_ids("not-set", 2);
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = {{ {answer} }}\n");
    let (doubtful, refused) = (fault(&ids[0], "code = 2, status = 503"), fault(&ids[1], "code = 190, status = 401"));
    let shop = CliFixture::new(Duration::ZERO, &(doubtful + &refused));
    let list = shop.write_id_list(&ids);
    let held = shop.simulator.hold_changes(0);
    let mut command = shop.command(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "--json", "-q"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    wait_until_held(&held, 2);
    drop(held);
    let set = shop.wait_for_output(child).json_lines();
    let told = set.iter().find(|object| object["phone_number_id"] == *ids[0]).expect("its result");
    assert_eq!(
        without_volatile_fields(told),
        json!({"schema": 1, "event": "result", "phone_number_id": ids[0], "request": "no_answer", "changed": null,
               "code": 2, "subcode": null, "http_status": 503, "tries": told["tries"]})
    );
    assert!(told["trace_id"].is_string(), "{told}");
    let kept = shop.run(&["jobs", "show", "1", "--json"]).json_lines().remove(0);
    let rows = shop.run(&["audit", "show", "--json"]).summary();
    let rows = rows["rows"].as_array().expect("rows");
    let row = rows.iter().rfind(|row| row["action"] == "outcome" && row["phone_number_id"] == *ids[0]);
    for other in [&kept, row.expect("a row")] {
        for key in ["code", "subcode", "http_status", "trace_id", "tries"] {
            assert_eq!(other[key], told[key], "{key} of {other}");
        }
    }
}

#[test]
fn a_number_in_doubt_from_before_gets_no_other_pin_while_the_first_could_still_land() {
    let id = CliFixture::without_faults().number_ids("not-set", 1).remove(0);
    let shop = CliFixture::new(
        Duration::ZERO,
        &format!("[[fault]]\nnumber = \"{id}\"\nanswer = {{ code = 190, status = 500 }}"),
    );
    let first = set_one_pin(&shop, &id, &["--json"]);
    assert_eq!((first.code, first.summary()), (Some(4), expected_summary(1, 0, 0, 0, 1)));
    let requests = shop.simulator.pin_request_count();
    let second = set_one_pin(&shop, &id, &["--json", "--replace"]);
    assert_eq!((second.code, second.summary()), (Some(4), expected_summary(2, 0, 0, 1, 0)), "{second:?}");
    let told = second.json_lines().remove(0);
    assert_eq!((&told["request"], &told["changed"], &told["tries"]), (&json!("not_sent"), &json!(false), &json!(0)));
    let dry = set_one_pin(&shop, &id, &["--replace", "--dry-run"]);
    for told in [second.stderr, dry.stderr] {
        assert!(told.contains("1 earlier change in doubt"), "{told}");
    }
    assert_eq!(shop.simulator.pin_request_count(), requests);
}

#[test]
fn what_was_refused_here_is_told_by_its_reason_and_by_the_job_that_has_come_to_its_end() {
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let shop =
        CliFixture::new(Duration::ZERO, &format!("[[fault]]\nnumber = \"{}\"\nanswer = \"success-false\"", ids[0]));
    let set = |ids: &[String]| {
        let (list, count) = (shop.write_id_list(ids), ids.len().to_string());
        shop.run(&["pin", "set", "--from", &list, "--random", "--confirm", &count, "--replace"])
    };
    let first = set(&ids[..1]);
    let advice = "What to do:\n  Keep the PIN.\n  Set a PIN again 2 minutes after the last try: then it is known.\n";
    assert!(first.code == Some(4) && first.stderr.contains(advice), "{first:?}");
    let second = set(&ids[..1]);
    let (_, after) = second.stderr.split_once("could still take effect until ").expect("a reason");
    let until = &after[..after.find(" UTC").expect("a time")];
    let why = format!("an earlier PIN could still take effect until {until} UTC");
    assert_eq!(
        (second.code, second.stderr.split_once("\n\n").expect("some parts").1),
        (
            Some(4),
            &*format!(
                "pindesk: 1 number: not sent: not sent, and an older PIN is in doubt. What to do:\n  \
                 Keep the older PIN: the newer one is not in force.\n  \
                 Set a PIN again 2 minutes after the last try: then it is known.\n\n\
                 pindesk: 1 number: not sent: refused here: {why}.\n\n\
                 To send the rest: pindesk jobs resume 2 --confirm 1\n\n\
                 pindesk: 1 number is in doubt because of an older PIN. To resolve them, open the console (pindesk) and press w.\n"
            )
        )
    );
    let third = set(&ids);
    assert!(third.code == Some(4) && third.stderr.contains("the PINs are in the escrow"), "{third:?}");
    let shown = shop.run(&["jobs", "show", "2"]);
    assert_eq!(shown.stdout.lines().next(), Some(&*format!("not sent       {}     refused here: {why}", ids[0])));
    let states = shop.run(&["jobs", "list", "--json"]).json_lines();
    let states: Vec<_> = states.iter().map(|job| (&job["job"], &job["state"], &job["not_sent"])).collect();
    let job = |job: u32, not_sent: usize| (json!(job), json!("finished"), json!(not_sent));
    let expected = [job(3, 1), job(2, 1), job(1, 0)];
    assert!(states.into_iter().eq(expected.iter().map(|(job, state, count)| (job, state, count))), "{shown:?}");
    assert_eq!(shop.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_number_on_which_an_earlier_try_could_still_land_is_not_sent_and_that_is_no_success() {
    let shop = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\ntimes = 1\nanswer = \"reset-before\"");
    let id = shop.number_ids("not-set", 1).remove(0);
    let (pin, digits) = (shop.path("pin"), shop.last_four_digits(&id));
    let set =
        ["pin", "set", &id, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", &digits, "--replace", "--json"];
    let first = shop.run(&set);
    assert_eq!((first.code, &first.json_lines()[0]["tries"]), (Some(0), &json!(2)), "{first:?}");
    let second = shop.run(&set);
    assert_eq!((second.code, &second.summary()["not_sent"]), (Some(3), &json!(1)), "{second:?}");
    assert_eq!(
        shop.run(&["jobs", "show", "2", "--json"]).json_lines()[0],
        second.json_lines()[0],
        "its job tells the same"
    );
    assert_eq!(shop.simulator.pin_request_count(), 2);
}

#[test]
fn under_a_clock_before_1970_numbers_are_set_and_found_again_all_the_same() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let list = shop.write_id_list(&ids);
    let usual = shop.command(&["pin", "set", "--from", &list, "--random", "--confirm", "2", "-q"]);
    let mut command = Command::new("faketime");
    command.args(["-f", "@1969-12-31 22:00:00"]).arg(usual.get_program()).args(usual.get_args());
    command.env_clear().env("HOME", shop.path("")).env("TZ", "UTC").env("DONT_FAKE_MONOTONIC", "1");
    let child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip::missing_program("faketime"),
        child => child.expect("a process"),
    };
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let key = shop.path("key.txt");
    let opened = shop.run(&["escrow", "open", "--identity", key.to_str().expect("UTF-8"), "--json"]).summary();
    for id in &ids {
        let has_pin = |record: &&Value| record["phone_number_id"] == **id;
        let record = opened["records"].as_array().expect("records").iter().find(has_pin).expect("its PIN");
        assert_eq!(record["pin"].as_str(), shop.pin_in_force(id).as_deref());
    }
}

#[test]
fn results_that_cannot_be_written_are_told_and_the_work_goes_on() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let (list, full) =
        (shop.write_id_list(&ids), || fs::File::options().write(true).open("/dev/full").expect("a full device"));
    let dry = ["pin", "set", "--from", &list, "--random", "--confirm", "2", "--json", "-q", "--dry-run"];
    let set = &dry[..dry.len() - 1];
    for (arguments, told) in
        [(&dry[..], "Nothing was sent."), (set, "The journal has all of them: pindesk jobs show 1")]
    {
        let ended = shop
            .wait_for_output(shop.command(arguments).stdout(full()).stderr(Stdio::piped()).spawn().expect("a process"));
        assert_eq!(ended.code, Some(9), "{ended:?}");
        let words =
            "pindesk: cannot write the output: No space left on device (os error 28). Results are missing there. ";
        assert_eq!(ended.stderr, format!("{words}{told}\n"));
    }
    assert!(ids.iter().all(|id| shop.pin_in_force(id).is_some()), "the work was done");
    let again = shop.run(&["jobs", "show", "1", "--json"]).summary();
    let mut told = expected_summary(1, 2, 0, 0, 0);
    let of_job = json!({"at": again["at"], "profile": "acme", "pins": "random", "state": "finished", "settled": 0,
                        "open": 0});
    told.as_object_mut().expect("an object").extend(of_job.as_object().expect("an object").clone());
    assert_eq!(again, told);
}

#[test]
fn a_reader_that_goes_away_stops_the_printing_and_not_the_work() {
    let shop = CliFixture::new(Duration::from_millis(20), "");
    let ids = shop.number_ids("not-set", 8);
    let (list, pin) = (shop.write_id_list(&ids), shop.path("pin"));
    let set = ["pin", "set", "--from", &list, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", "8", "-q"];
    let mut command = shop.command(&set);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    drop(child.stdout.take());
    let ended = shop.wait_for_output(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ids.iter().all(|id| shop.pin_in_force(id).as_deref() == Some(PIN)));
}

/// What another user can read of a process.
fn read_proc_files(child: &Child, seen: &mut String) {
    for name in ["cmdline", "environ", "status", "comm"] {
        let bytes = fs::read(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn neither_pin_nor_token_is_seen_from_outside_while_it_runs() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let (list, pin) = (shop.write_id_list(&ids), shop.path("pin"));
    let held = shop.simulator.hold_changes(0);
    let set = ["pin", "set", "--from", &list, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", "2", "-v"];
    let mut command = shop.command(&set);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut seen = String::new();
    while !held.wait_for_held(2, Duration::ZERO) {
        read_proc_files(&child, &mut seen);
    }
    read_proc_files(&child, &mut seen);
    drop(held);
    let ended = shop.wait_for_output(child);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut everything = format!("{seen}{}{}", ended.stdout, ended.stderr);
    for file in fs::read_dir(shop.state_path("")).expect("the state directory") {
        let file = file.expect("an entry");
        everything.push_str(&file.file_name().to_string_lossy());
        everything.push_str(&String::from_utf8_lossy(&fs::read(file.path()).expect("its content")));
    }
    assert!(seen.contains("--pin-file") && everything.contains("phone_number_id"), "{seen}");
    assert!(!everything.contains(PIN) && !everything.contains("SIMULATOR"));
}
