//! Which state directory a command works on: one that is new, that has no records, or that is missing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::{assert_refused, set_first_pin, set_one_pin};
use crate::support::cli_fixture::CliFixture;

#[test]
fn a_fresh_machine_and_a_missing_state_dir_differ() {
    let cli = CliFixture::without_faults();
    for (arguments, text) in [
        (&["jobs", "list"][..], "No jobs yet in ~/.local/state/pindesk.\n"),
        (&["jobs", "list", "--json"], ""),
        (&["audit", "show"], "No audit entries yet in ~/.local/state/pindesk.\n"),
        (&["audit", "show", "--json"], "{\"schema\":1,\"rows\":[]}\n"),
        (&["audit", "verify"], "No audit entries yet in ~/.local/state/pindesk.\n"),
        (&["escrow", "list"], "No encrypted PINs yet in ~/.local/state/pindesk.\n"),
    ] {
        let output = cli.run(arguments);
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), text, ""), "{arguments:?}");
    }
    assert_refused(&cli, &["jobs", "show", "1"], 2, "no job 1: there are no jobs yet in ~/.local/state/pindesk\n");
    let missing = "state directory /no/such/place: there is no such directory\n  --state-dir or PINDESK_STATE_DIR names \
                   it. The first PIN that is set there creates it.\n";
    for command in [&["jobs", "list"][..], &["audit", "verify"], &["escrow", "list"]] {
        assert_refused(&cli, &[command, &["--state-dir", "/no/such/place"]].concat(), 6, missing);
    }
    fs::create_dir(cli.path("typo")).expect("the directory is created");
    fs::set_permissions(cli.path("typo"), Permissions::from_mode(0o700)).expect("the mode is set");
    let typo = cli.path("typo");
    let typo = ["jobs", "list", "--state-dir", typo.to_str().expect("UTF-8")];
    assert_eq!(cli.run(&typo).stdout, "No jobs yet in ~/typo.\n", "a mistyped directory is named");
    set_first_pin(&cli);
    assert_refused(&cli, &["jobs", "show", "7"], 2, "no job 7 in ~/.local/state/pindesk\n  See pindesk jobs list.");
    assert_refused(
        &cli,
        &["jobs", "resume", "7", "--confirm", "1"],
        2,
        "no job 7 in ~/.local/state/pindesk. Nothing was sent.\n ",
    );
}

#[test]
fn a_new_state_directory_is_named_once() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let typo = cli.path("typo");
    let place = ["--replace", "--state-dir", typo.to_str().expect("UTF-8")];
    let message = "pindesk: new state directory: ~/typo\n";
    for expected in [message, ""] {
        let output = set_one_pin(&cli, &id, &place);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), expected));
    }
    fs::remove_dir_all(&typo).expect("the directory exists");
    fs::create_dir(&typo).expect("the directory is created");
    fs::set_permissions(&typo, Permissions::from_mode(0o700)).expect("the mode is set");
    let nothing = "Nothing was recorded in ~/typo yet. There is nothing to accept.\n";
    assert_eq!(cli.run(&[&["escrow", "ack"], &place[1..]].concat()).stdout, nothing);
    assert_eq!(fs::read_dir(&typo).expect("a directory").count(), 0, "nothing is created");
}

#[test]
fn a_refused_command_leaves_no_state_directory() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let on = cli.number_ids("on", 1).remove(0);
    let dir = cli.path("new/state");
    let place = ["--state-dir", dir.to_str().expect("UTF-8")];
    for (arguments, code) in [
        (&["pin", "set", &id, "--random"][..], 5),
        (&["pin", "set", &id, "--random", "--confirm", "0"], 5),
        (&["pin", "set", "200000000009999", "--random", "--confirm", "9999"], 2),
        (&["pin", "set", &on, "--random", "--confirm", "1"], 5),
        (&["pin", "set", &id, "--random", "--dry-run"], 0),
        (&["escrow", "ack"], 6),
    ] {
        let output = cli.run(&[arguments, &place].concat());
        assert_eq!(output.code, Some(code), "{arguments:?}: {}", output.stderr);
        assert!(!cli.path("new").exists(), "{arguments:?}");
    }
    fs::write(cli.path("new"), "").expect("a file is written");
    let output = cli.run(&[&["pin", "set", &id, "--random", "--confirm", "0"], &place[..]].concat());
    assert_eq!((output.code, output.stderr.contains("it is not a directory")), (Some(6), true), "{}", output.stderr);
}

#[test]
fn a_directory_with_other_files_gets_its_first_records() {
    let cli = CliFixture::without_faults();
    let list = cli.write_id_list(&cli.number_ids("not-set", 2));
    cli.write_file(".local/state/pindesk/other", 0o600, "");
    fs::set_permissions(cli.state_path(""), Permissions::from_mode(0o700)).expect("the mode is set");
    let set = ["pin", "set", "--from", &list, "--random"];
    assert_eq!(cli.run(&[&set[..], &["--dry-run"]].concat()).code, Some(0));
    assert_eq!(cli.run(&[&set[..], &["--confirm", "1"]].concat()).code, Some(5));
    assert_eq!(fs::read_dir(cli.state_path("")).expect("a directory").count(), 1, "nothing is created");
    let output = cli.run(&[&set[..], &["--confirm", "2"]].concat());
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn a_finding_in_a_directory_without_records_stops_one_command() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    for name in ["journal.db", "journal.db-wal", "journal.db-shm", "escrow.jsonl"] {
        fs::remove_file(cli.state_path(name)).ok();
    }
    let set = || set_one_pin(&cli, &ids[1], &["--replace"]);
    let stopped = set();
    assert!(stopped.code == Some(6) && stopped.stderr.contains("look at the state directory first"), "{stopped:?}");
    // The lost journal knew the recipients.
    let stopped = set();
    assert!(stopped.code == Some(6) && stopped.stderr.contains("recipients have changed"), "{stopped:?}");
    assert_eq!(cli.run(&["escrow", "ack", "--confirm", "1"]).code, Some(0));
    let output = set();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn a_state_directory_that_cannot_be_made_is_explained() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    // Not even root can create a directory there.
    let output = set_one_pin(&cli, &id, &["--state-dir", "/proc/1/pindesk"]);
    let start = "pindesk: state directory /proc/1/pindesk: it cannot be created: ";
    let end = ". It is for the journal and the escrow. To use another directory: --state-dir DIR or PINDESK_STATE_DIR. Nothing was \
               sent.\n";
    assert_eq!((output.code, cli.simulator.pin_request_count()), (Some(6), 0), "{}", output.stderr);
    assert!(output.stderr.starts_with(start) && output.stderr.ends_with(end), "{}", output.stderr);
}
