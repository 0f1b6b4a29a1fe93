//! What `escrow open` shows on a terminal: which PIN is in force, since when, and why none is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::escrow::{fixture_with_one_pin, open_escrow, open_escrow_in_terminal, set_pin};
use super::{assert_refused, names_of, run_in_terminal, set_one_pin};
use crate::support::cli_fixture::{CliFixture, PIN};

#[test]
fn decrypted_pins_show_whether_they_are_in_force() {
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 2\nanswer = { code = 100, status = 400 }");
    set_pin(&cli, 0);
    let id = cli.number_ids("not-set", 1).remove(0);
    let (pin, digits) = (cli.write_file("other", 0o600, "135790"), cli.last_four_digits(&id));
    let failed = cli.run(&["pin", "set", &id, "--pin-file", &pin, "--confirm", &digits]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    assert!(!failed.stderr.contains("escrow"), "nothing was set: {failed:?}");
    let records = open_escrow(&cli, "key.txt", &["--json", "--all"]).summary()["records"].clone();
    let fields = |n: usize| ["pin", "request", "settled", "in_force"].map(|name| records[n][name].clone());
    assert_eq!(fields(0), [json!(PIN), json!("set"), json!(false), json!("yes")]);
    assert_eq!(fields(1), [json!("135790"), json!("failed"), json!(false), json!("no")]);
    assert!(records[1]["last_try_at"].is_string(), "{records}");
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &["--all"]);
    let set_at = |n: usize| records[n]["last_try_at"].as_str().expect("a time")[..16].replace('T', " ");
    assert!(screen.contains(&format!("{PIN}  yes            {}\n", set_at(0))), "{screen}");
    assert!(screen.contains(&format!("135790  no, refused    {}\n", set_at(1))), "{screen}");
    let notes = "2 PINs of 2 numbers.\nyes: Meta confirmed this PIN last.\nno: a newer PIN was set after it, or it was never \
                 in force.\nMeta does not reveal changes made elsewhere";
    assert!(screen.contains(notes) && !screen.contains("maybe:"), "{screen}");
    // A refused PIN is left out, and not decrypted, unless it is asked for.
    let audit_rows = || cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").len();
    let before = audit_rows();
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &[]);
    assert!(screen.contains(PIN) && !screen.contains("135790"), "{screen}");
    assert!(screen.contains("pindesk: 1 PIN refused or not sent, and left out here. To see all: --all"), "{screen}");
    assert_eq!(audit_rows(), before + 1);

    fs::create_dir(cli.path("copy")).expect("the directory is created");
    fs::set_permissions(cli.path("copy"), Permissions::from_mode(0o700)).expect("the mode is set");
    fs::copy(cli.state_path("escrow.jsonl"), cli.path("copy/escrow.jsonl")).expect("the file is copied");
    let screen = open_escrow_in_terminal(&cli, &cli.path("copy"), &[]);
    assert!(screen.contains(&format!("{PIN}  maybe")) && screen.contains("135790  maybe"), "{screen}");
    let note = "maybe: the journal is not complete: one of these, or none.\nMeta does not reveal";
    assert!(screen.contains(note) && !screen.contains("yes:"), "{screen}");
    assert!(screen.contains("2000000000000"), "a number that is not known has its ID: {screen}");
    let copy = cli.path("copy");
    let alone = open_escrow(&cli, "key.txt", &["--json", "--state-dir", copy.to_str().expect("UTF-8")]);
    let record = alone.summary()["records"][1].clone();
    assert_eq!(
        (&record["request"], &record["last_try_at"], &record["in_force"]),
        (&Value::Null, &Value::Null, &json!("maybe"))
    );
}

#[test]
fn pins_of_a_number_are_newest_first_with_their_times() {
    let (cli, id) = fixture_with_one_pin();
    let (pin, digits) = (cli.write_file("other", 0o600, "135790"), cli.last_four_digits(&id));
    let set = cli.run(&["pin", "set", &id, "--pin-file", &pin, "--confirm", &digits, "--replace"]);
    assert_eq!(set.code, Some(0), "{set:?}");
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &[]);
    let heading = screen.lines().next().expect("a line");
    assert!(heading.ends_with("PIN     LAST SET HERE  SET AT (UTC)"), "{screen}");
    let rows: Vec<_> = screen.lines().skip(1).take(2).collect();
    assert!(rows[0].contains("  135790  yes            20") && rows[1].contains(&format!("  {PIN}  no  ")), "{screen}");
}

#[test]
fn where_no_pin_is_in_force_the_last_one_is_named() {
    let (cli, id) = fixture_with_one_pin();
    cli.write_config("", &[]);
    assert_eq!(cli.run(&["escrow", "ack", "--confirm", "0"]).code, Some(0));
    assert_eq!(set_one_pin(&cli, &id, &["--replace"]).code, Some(0));
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &[]).replace('\n', " ");
    let [display, _] = names_of(&cli, &id);
    let note = format!("{display}: the PIN that was set last at ");
    assert!(screen.contains(&format!("{PIN}  no  ")) && screen.contains(&note), "{screen}");
    assert!(screen.contains("is not here: it is not in the escrow,"), "{screen}");
    // Meta says later that two-step verification is off.
    let cli = fixture_with_one_pin().0;
    let db = Connection::open(cli.state_path("journal.db")).expect("the journal");
    db.execute_batch("UPDATE numbers SET two_step = 'not_set', read_at = read_at + 60").expect("the rows are altered");
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &[]);
    assert!(screen.contains(&format!("{PIN}  no, off since  20")), "{screen}");
    assert!(screen.contains("\nno, off since: it was set last, and then Meta said"), "{screen}");
    assert_eq!(open_escrow(&cli, "key.txt", &["--json"]).summary()["records"][0]["in_force"], "no");
}

#[test]
fn a_number_without_a_pin_is_reported_as_a_failure() {
    let (cli, id) = fixture_with_one_pin();
    let opened = open_escrow(&cli, "key.txt", &["--json", &id, "200000000009999"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(2), &json!(PIN)), "{opened:?}");
    let message = "pindesk: no encrypted PIN for number 200000000009999.\n";
    assert_eq!(opened.stderr, message);
    let screen = open_escrow_in_terminal(&cli, &cli.state_path(""), &["200000000009999"]);
    assert_eq!(screen.trim_end(), message.trim_end(), "nothing says that there are no PINs at all");
    assert_refused(&cli, &["escrow", "list", "200000000009999"], 2, message);
}

#[test]
fn a_wrong_key_names_the_numbers_that_it_cannot_open() {
    let (cli, id) = fixture_with_one_pin();
    let other = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &other, &[]).code, Some(0));
    let key = age::x25519::Identity::generate().to_string();
    let key = cli.write_file("wrong.txt", 0o600, key.expose_secret());
    let open = ["escrow", "open", "--identity", &key];
    let screen = run_in_terminal(&cli, &open, 120, &[]);
    let mut names = [&id, &other].map(|id| format!("  {}\n", names_of(&cli, id).join(" ")));
    names.sort();
    let message = format!(
        "pindesk: this key cannot open 2 PINs of 2 numbers, encrypted to other keys:\n{}  Use the private key of a \
         recipient that the config had when the PIN was set.\nNo PIN to show.\n",
        names.concat()
    );
    assert_eq!(screen, message);
}
