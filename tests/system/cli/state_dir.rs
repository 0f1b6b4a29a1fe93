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
    for command in [&["jobs", "list"][..], &["audit", "verify"], &["escrow", "list"]] {
        assert_refused(&cli, &[command, &["--state-dir", "/no/such/place"]].concat(), 6, "there is no such");
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
    assert_eq!(cli.run(&[&["escrow", "ack"], &place[1..]].concat()).stderr, message);
}
