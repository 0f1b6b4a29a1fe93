//! Secrets on a command line, where other users and the history of the shell see them: no refusal repeats one, and each
//! says what to do. A number that a shell split is told from a PIN.

use super::assert_refused;
use crate::support::cli_fixture::{CliFixture, PIN};

/// What to do about a PIN that was typed.
const IN_HISTORY: &str =
    "  If it was a PIN, it may be in your shell's history: delete it there, and choose another PIN.\n";

#[test]
fn a_typed_pin_is_refused_with_what_to_do_about_it() {
    let cli = CliFixture::without_faults();
    let key = cli.path("key.txt").to_str().expect("UTF-8").to_owned();
    let six = "pindesk: six digits look like a PIN, and other users can see a PIN on the command line";
    let pin_file = "  Use --pin-file FILE, or --pin-file - for standard input.\n";
    for (arguments, expected) in [
        (
            &["pin", "set", PIN, "--random", "--confirm", "9726"][..],
            format!("{six}. Nothing was sent.\n{pin_file}{IN_HISTORY}See pindesk pin set --help.\n"),
        ),
        (
            &["pin", "set", "200000000000001", "--pin-file", PIN],
            format!("{six}. Nothing was sent.\n{pin_file}{IN_HISTORY}"),
        ),
        (&["numbers", "show", PIN], format!("{six}\n{IN_HISTORY}See pindesk numbers show --help.\n")),
        (&["audit", "show", "--number", PIN], format!("{six}\n{IN_HISTORY}See pindesk audit show --help.\n")),
        (&["escrow", "list", PIN], format!("{six}\n{IN_HISTORY}See pindesk escrow list --help.\n")),
        (
            &["escrow", "open", "--identity", &key, "--json", "+409 726"],
            format!("{six}\n{IN_HISTORY}See pindesk escrow open --help.\n"),
        ),
        (
            &["pin", "set", "200000000000001", "--random", "--note", "PIN 409726"],
            format!(
                "pindesk: --note: six digits in a row may be a PIN, and notes are not encrypted. Nothing was sent.\n\
                 {IN_HISTORY}  Write a ticket number with its letters, as in INC-104233.\nSee pindesk pin set --help.\n"
            ),
        ),
    ] {
        let output = cli.run(arguments);
        assert_eq!((output.code, output.stderr), (Some(2), expected), "{arguments:?}");
    }
}

#[test]
fn a_pin_and_an_unquoted_number_are_told_apart() {
    let cli = CliFixture::without_faults();
    let typed_pin = "pindesk: six digits look like a PIN, and other users can see a PIN on the command line. Nothing was \
                     sent.\n  Use --pin-file FILE, or --pin-file - for standard input.\n  If it was a PIN, it may be in your \
                     shell's history: delete it there, and choose another PIN.\nSee pindesk pin set --help.\n";
    let unquoted = "pindesk: this looks like a number with blanks between its digits. Nothing was sent.\n  Put it in \
                    quotation marks, as in '+44 7700 900001', or leave the blanks out: +447700900001\nSee pindesk pin \
                    set --help.\n";
    let confirmation = "pindesk: four digits after the number. Nothing was sent.\n  To confirm the number, put --confirm \
                        before them.\nSee pindesk pin set --help.\n";
    for (arguments, message) in [
        (&["pin", "set", "200000000000001", PIN][..], typed_pin),
        (&["pin", "set", "+15550100123", PIN, "--random"], typed_pin),
        (&["pin", "set", PIN, "200000000000001"], typed_pin),
        (&["pin", "set", "+1", "555", "010", "0123", "--random"], unquoted),
        (&["pin", "set", "--random", "+44", "7700", "900001"], unquoted),
        (&["pin", "set", "200000000000001", "0001", "--random"], confirmation),
    ] {
        let refused = cli.run(arguments);
        assert_eq!((refused.code, &*refused.stderr), (Some(2), message), "{arguments:?}");
    }
    let shown = cli.run(&["numbers", "show", "+1", "555", "010", "0123"]);
    let message =
        unquoted.replace(" Nothing was sent.", "").replace("blanks between its digits.", "blanks between its digits");
    assert_eq!((shown.code, shown.stderr), (Some(2), message.replace("pin set", "numbers show")));
    assert_refused(&cli, &[PIN], 2, "pindesk: six digits look like a PIN");
    let listed = cli.run(&["numbers", "list", "--csv"]).stdout;
    let rows = cli.write_file("rows.csv", 0o644, listed.split_once('\n').expect("a heading").1);
    let message = "pindesk: ~/rows.csv: its lines are CSV without the heading. Put the first line of numbers list --csv \
                   above them, or keep only the IDs. Nothing was sent.\n";
    assert_refused(&cli, &["pin", "set", "--from", &rows, "--random"], 2, message);
}

#[test]
fn a_secret_given_as_a_name_is_not_repeated() {
    let cli = CliFixture::without_faults();
    let (id, token) = ("200000000000001", "EAAJZBwSimulatorTokenOfNobodyZD");
    for secret in [PIN, token] {
        let pin_file = cli.run(&["pin", "set", id, "--pin-file", secret]);
        assert!(pin_file.code == Some(2) && !pin_file.stderr.contains(secret), "{}", pin_file.stderr);
        for (arguments, code) in [
            (&["pin", "set", "--from", secret, "--random"][..], 2),
            (&["numbers", "list", "--profile", secret], 6),
            (&["numbers", "list", "--config", secret], 6),
            (&["jobs", "list", "--state-dir", secret], 6),
            (&["simulator", "--faults", secret], 2),
        ] {
            let output = cli.run(arguments);
            assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", output.stderr);
            assert!(output.stderr.contains('…') && !output.stderr.contains(secret), "{arguments:?}: {}", output.stderr);
        }
    }
}
