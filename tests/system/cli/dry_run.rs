//! `pin set --dry-run`: it checks everything that a run checks, refuses what a run refuses, and never writes or sends.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;

use super::{expected_result, names_of, set_one_pin, without_volatile_fields};
use crate::support::cli_fixture::{CliFixture, CommandOutput};

fn home(cli: &CliFixture) -> String {
    cli.path("").to_str().expect("UTF-8").trim_end_matches('/').to_owned()
}

#[test]
fn a_dry_run_checks_everything_and_writes_nothing() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let list = cli.write_id_list(&ids);
    let arguments = ["pin", "set", "--from", &list, "--random", "--dry-run", "--confirm", "2"];
    let text = cli.run(&arguments);
    let row = |id: &String| {
        let [display, name] = names_of(&cli, id);
        format!("{display:<17}  {name:<23}  not set   {id}\n")
    };
    let heading = "NUMBER             NAME                     TWO-STEP  ID\n";
    let rows: String = ids.iter().map(row).collect();
    let command = format!("pindesk pin set --from {} --random --confirm 2", list.replace(&home(&cli), "~"));
    assert_eq!(
        text.stdout,
        format!("{heading}{rows}Dry run: a PIN would be sent to 2 numbers. Nothing was sent.\nTo send it: {command}\n")
    );
    let first = cli.run(&["pin", "set", "--from", &list, "--random", "--dry-run", "--first", "1"]);
    let with_first = command.replace(" --confirm", " --first 1 --confirm");
    assert!(first.stdout.ends_with(&format!("To send it: {with_first}\n")), "{first:?}");
    assert!(first.stdout.contains("Dry run: a PIN would be sent to 2 numbers. Nothing was sent.\n"), "{first:?}");
    let json = cli.run(&[&arguments[..], &["--json"]].concat());
    let objects = json.json_lines();
    assert_eq!(
        without_volatile_fields(&objects[0]),
        expected_result(
            &cli,
            &ids[0],
            &json!({"request": "not_sent", "changed": false, "code": null,
                                               "http_status": null, "tries": 0})
        )
    );
    let summary = json!({"schema": 1, "event": "summary", "job": null, "total": 2, "set": 0, "failed": 0, "not_sent": 2,
                     "no_answer": 0, "command": command.replace(" --confirm", " --json --confirm")});
    assert_eq!((text.code, json.code, &objects[2]), (Some(0), Some(0), &summary));
    let unconfirmed = cli.run(&arguments[..arguments.len() - 2]);
    assert_eq!((unconfirmed.code, unconfirmed.stdout), (Some(0), text.stdout), "it confirms itself");
    let wrong = cli.run(&[&arguments[..arguments.len() - 1], &["3"]].concat());
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(5), ""));
    assert!(!cli.state_path("").exists() && cli.simulator.pin_request_count() == 0);
}

/// The path and the content of every file in the state directory.
fn state_files(cli: &CliFixture) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(cli.state_path(""))
        .expect("the directory is readable")
        .map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.clone(), fs::read(path).expect("the file is readable"))).collect()
}

#[test]
fn a_dry_run_is_refused_when_the_run_would_be() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &[]).code, Some(0));
    let assert_dry_run_refused = |message: &str| {
        let before = state_files(&cli);
        let output = set_one_pin(&cli, &id, &["--replace", "--dry-run"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(6), ""), "{output:?}");
        assert!(output.stderr.contains(message), "{output:?}");
        assert_eq!(state_files(&cli).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        assert!(state_files(&cli) == before, "something was written");
    };
    let dry_run_code = || set_one_pin(&cli, &id, &["--replace", "--dry-run"]).code;
    assert_eq!(dry_run_code(), Some(0));
    let other = age::x25519::Identity::generate().to_public().to_string();
    cli.write_config("", &[&other]);
    assert_dry_run_refused("the escrow recipients have changed. Nothing was sent.");
    cli.write_config("", &[cli.recipient()]);
    assert_eq!(dry_run_code(), Some(0));
    for (name, message) in [
        ("escrow.jsonl", "\n  1 encrypted PIN of the journal is missing from the escrow file, or differs there\n"),
        ("audit.head", "\n  audit.head is missing, so a truncated audit log cannot be detected\n"),
        ("journal.db", "\n  journal.db is missing or empty, although it had records: "),
    ] {
        fs::rename(cli.state_path(name), cli.path("aside")).expect("the file is moved");
        assert_dry_run_refused(&format!("look at the state directory first. Nothing was sent.{message}"));
        fs::rename(cli.path("aside"), cli.state_path(name)).expect("the file is restored");
    }
    assert_eq!(dry_run_code(), Some(0));
    fs::write(cli.state_path("journal.db"), "no database").expect("the file is written");
    assert_dry_run_refused("journal ~/.local/state/pindesk/journal.db");
    assert_eq!(cli.simulator.pin_request_count(), 1);
}

#[test]
fn a_dry_run_reports_a_bad_escrow_file_as_a_run_does() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &[]).code, Some(0));
    let intact = fs::read_to_string(cli.state_path("escrow.jsonl")).expect("the file is readable");
    let clear_state =
        || state_files(&cli).into_keys().for_each(|entry| fs::remove_file(entry).expect("the file is removed"));
    clear_state();
    let missing_journal = "journal.db is missing or empty, although it had records: ";
    let (damaged, torn) = (
        "line 1 of escrow.jsonl cannot be parsed: its PIN may be lost",
        "the last line of escrow.jsonl is truncated: its PIN may be lost",
    );
    for (text, messages) in [
        ("x\n".to_owned(), vec![damaged]),
        (intact[..intact.len() - 50].to_owned(), vec![torn]),
        (format!("x\n{intact}"), vec![missing_journal, damaged]),
        (format!("{intact}{{"), vec![missing_journal, torn]),
    ] {
        fs::write(cli.state_path("escrow.jsonl"), text).expect("the file is written");
        fs::set_permissions(cli.state_path("escrow.jsonl"), Permissions::from_mode(0o600)).expect("the mode is set");
        let before = state_files(&cli);
        let dry = set_one_pin(&cli, &id, &["--replace", "--dry-run"]);
        assert_eq!((dry.code, dry.stdout.as_str()), (Some(6), ""), "{dry:?}");
        assert!(state_files(&cli) == before, "something was written");
        let run = set_one_pin(&cli, &id, &["--replace"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(6), ""), "{run:?}");
        let indented = |output: &CommandOutput| -> Vec<String> {
            output.stderr.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
        };
        let (mut dry_lines, mut run_lines) = (indented(&dry), indented(&run));
        let advice = "A dry run prints this each time. The run itself prints it once: run it a second time.";
        assert_eq!(dry_lines.pop().as_deref(), Some(advice));
        assert_eq!(run_lines.pop().as_deref(), Some("When you have read this, run the command again."));
        let all_match = dry_lines.iter().zip(&messages).all(|(line, message)| line.starts_with(message));
        assert!(dry_lines.len() == messages.len() && all_match, "{dry:?}");
        // The run completes a truncated line before it reports it.
        assert_eq!(run_lines.len(), messages.len(), "{run:?}");
        clear_state();
    }
    assert_eq!(cli.simulator.pin_request_count(), 1);
}
