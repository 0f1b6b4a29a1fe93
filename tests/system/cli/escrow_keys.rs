//! `escrow re-encrypt` and `escrow drill`: keys that change hands, and the proof that a key opens the escrow.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use age::secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::escrow::{fixture_with_one_pin, open_escrow, set_pin};
use super::{assert_refused, names_of, set_one_pin};
use crate::support::cli_fixture::{CliFixture, CommandOutput, PIN};
use crate::support::pty::PtySession;

/// Adds a new key to the config, alone or beside the first one, and accepts it.
fn change_keys(cli: &CliFixture, keeps_first: bool) {
    let key = age::x25519::Identity::generate();
    cli.write_file("new.txt", 0o600, key.to_string().expose_secret());
    let (first, new) = (cli.recipient().to_owned(), key.to_public().to_string());
    let keys = if keeps_first { vec![first.as_str(), &new] } else { vec![new.as_str()] };
    cli.write_config("", &keys);
    let accepted = cli.run(&["escrow", "ack", "--confirm", &keys.len().to_string()]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
}

fn with_key(cli: &CliFixture, command: &str, key: &str, more: &[&str]) -> CommandOutput {
    let key = cli.path(key);
    cli.run(&[&["escrow", command, "--identity", key.to_str().expect("UTF-8")][..], more].concat())
}

fn escrow_lines(cli: &CliFixture) -> Vec<String> {
    let text = fs::read_to_string(cli.state_path("escrow.jsonl")).expect("the file is readable");
    text.lines().map(str::to_owned).collect()
}

/// The actions of the audit rows from this position on.
fn actions_from(cli: &CliFixture, position: usize) -> Vec<Value> {
    let audit = cli.run(&["audit", "show", "--json"]).summary();
    audit["rows"].as_array().expect("rows")[position..].iter().map(|row| row["action"].clone()).collect()
}

#[test]
fn pins_in_force_are_encrypted_again_to_the_recipients() {
    let (cli, id) = fixture_with_one_pin();
    let other = set_pin(&cli, 1);
    // The PIN before is replaced, so that it is not encrypted again.
    assert_eq!(set_one_pin(&cli, &id, &["--replace"]).code, Some(0));
    change_keys(&cli, false);
    let (before, rows) = (escrow_lines(&cli), actions_from(&cli, 0).len());
    let list = cli.path("list.txt");
    let list = list.to_str().expect("UTF-8");
    let done = with_key(&cli, "re-encrypt", "key.txt", &["--confirm", "2", "--list", list]);
    let key = cli.recipient().to_owned();
    let expected = format!(
        "Encrypted 2 PINs of 2 numbers again, to 1 recipient.\n\
         Recipients that are no longer in the config can open 3 lines of the escrow:\n  removed  {key}\n\
         So the PINs of 2 numbers that may be in force can be read with their keys. Encrypting again does not change that. \
         Only new PINs do:\n  pindesk pin set --from ~/list.txt --random --replace\n"
    );
    assert_eq!((done.code, done.stdout, done.stderr.as_str()), (Some(0), expected, ""));
    let after = escrow_lines(&cli);
    assert_eq!((after[..3] == before, after.len()), (true, 5));
    assert_eq!(actions_from(&cli, rows), ["re-encrypted", "re-encrypted"]);
    let mut ids = [id.as_str(), other.as_str()];
    ids.sort_by_key(|id| names_of(&cli, id));
    assert_eq!(fs::read_to_string(list).expect("the list"), format!("{}\n{}\n", ids[0], ids[1]));
    assert_eq!(cli.run(&["audit", "verify"]).code, Some(0));

    // Each key opens the PINs, and neither is told that anything was altered.
    for key in ["key.txt", "new.txt"] {
        let opened = open_escrow(&cli, key, &["--json"]);
        let records = opened.summary()["records"].clone();
        let in_force = records.as_array().expect("records").iter().filter(|record| record["in_force"] == "yes");
        assert_eq!(in_force.map(|record| &record["pin"]).collect::<Vec<_>>(), [PIN, PIN], "{opened:?}");
        let code = if key == "key.txt" { 0 } else { 3 };
        assert_eq!((opened.code, opened.stderr.as_str()), (Some(code), ""), "{key}");
    }
    assert_eq!(cli.run(&["escrow", "list"]).stderr, "");
    // A second run has nothing left to do, and names the numbers again.
    let again = with_key(&cli, "re-encrypt", "key.txt", &["--json"]);
    let summary = again.summary();
    assert_eq!(
        (again.code, &summary["re_encrypted"], &summary["lines_open_to_removed_recipients"]),
        (Some(0), &json!(0), &json!(3))
    );
    assert_eq!((escrow_lines(&cli), &summary["numbers_to_set"]), (after, &json!(ids)));
}

#[test]
fn only_new_pins_end_what_a_removed_recipient_can_read() {
    let (cli, _) = fixture_with_one_pin();
    change_keys(&cli, false);
    let list = cli.path("list.txt");
    let list = list.to_str().expect("UTF-8");
    assert_eq!(with_key(&cli, "re-encrypt", "key.txt", &["--confirm", "1", "--list", list]).code, Some(0));
    let set = ["pin", "set", "--from", list, "--random", "--replace", "--again", "--confirm", "1"];
    assert_eq!(cli.run(&set).code, Some(0));
    let checked = with_key(&cli, "re-encrypt", "new.txt", &[]);
    let expected = format!(
        "Every PIN that may be in force is encrypted to today's 1 recipient. Nothing was changed.\n\
         Recipients that are no longer in the config can open 1 line of the escrow:\n  removed  {}\n",
        cli.recipient()
    );
    assert_eq!((checked.code, checked.stdout), (Some(0), expected));
}

#[test]
fn nothing_is_encrypted_again_without_a_confirmation() {
    let (cli, _) = fixture_with_one_pin();
    change_keys(&cli, true);
    let (lines, list) = (escrow_lines(&cli), cli.path("list.txt"));
    let key = cli.path("key.txt");
    let command = ["escrow", "re-encrypt", "--identity", key.to_str().expect("UTF-8")];
    let hint = "pindesk: not confirmed. Nothing was changed.\n  1 PIN of 1 number would be encrypted again, to 2 recipients.\n  \
                To encrypt them, add --confirm with the count of numbers.\n";
    assert_refused(&cli, &command, 5, hint);
    let wrong = "pindesk: --confirm does not match the count of numbers. Nothing was changed.\n";
    assert_refused(&cli, &[&command[..], &["--confirm", "2"]].concat(), 5, wrong);
    let read_only = "pindesk: --read-only refuses every change. Nothing was changed.\n";
    assert_refused(&cli, &[&command[..], &["--confirm", "1", "--read-only"]].concat(), 6, read_only);
    cli.write_file("list.txt", 0o600, "mine\n");
    let with_list = [&command[..], &["--confirm", "1", "--list", list.to_str().expect("UTF-8")]].concat();
    assert_refused(&cli, &with_list, 2, "pindesk: ~/list.txt exists. Nothing was changed.\n  Name a new file.\n");
    assert_eq!(escrow_lines(&cli), lines);
    // Keys that nobody accepted are encrypted to in no case.
    cli.write_config("", &[&age::x25519::Identity::generate().to_public().to_string()]);
    let refused = cli.run(&[&command[..], &["--confirm", "1"]].concat());
    assert_eq!(
        (refused.code, refused.stderr.contains("the escrow recipients have changed. Nothing was changed.")),
        (Some(6), true),
        "{refused:?}"
    );
    assert_eq!(escrow_lines(&cli), lines);
}

#[test]
fn a_key_that_opens_nothing_changes_nothing() {
    let (cli, id) = fixture_with_one_pin();
    change_keys(&cli, false);
    let lines = escrow_lines(&cli);
    let refused = with_key(&cli, "re-encrypt", "new.txt", &["--confirm", "1"]);
    assert_eq!((refused.code, escrow_lines(&cli)), (Some(3), lines), "{refused:?}");
    assert!(refused.stdout.starts_with("No PIN was encrypted again. Nothing was changed.\n"), "{refused:?}");
    let [display, name] = names_of(&cli, &id);
    let message =
        format!("pindesk: this key cannot open 1 PIN of 1 number, encrypted to other keys:\n  {display} {name}\n");
    assert!(refused.stderr.starts_with(&message), "{refused:?}");
    let drill = with_key(&cli, "drill", "new.txt", &["--json"]);
    let summary = drill.summary();
    assert_eq!((drill.code, &summary["tried"], &summary["opened"]), (Some(3), &json!(1), &json!(0)));
    assert_eq!(summary["unopened"][0]["reason"], "this key cannot open it");
}

#[test]
fn lines_encrypted_again_survive_the_loss_of_either_file() {
    let (cli, id) = fixture_with_one_pin();
    change_keys(&cli, false);
    assert_eq!(with_key(&cli, "re-encrypt", "key.txt", &["--confirm", "1"]).code, Some(0));
    let lines = escrow_lines(&cli);
    let opened = |cli: &CliFixture| {
        let opened = open_escrow(cli, "new.txt", &["--json", &id]);
        (opened.code, opened.summary()["records"][0]["pin"].clone())
    };
    // The file without the newest line, and then without any.
    fs::write(cli.state_path("escrow.jsonl"), format!("{}\n", lines[0])).expect("the file is written");
    assert_eq!(opened(&cli), (Some(0), json!(PIN)));
    assert_eq!(escrow_lines(&cli), lines, "the start appended it again");
    fs::remove_file(cli.state_path("escrow.jsonl")).expect("the file is removed");
    assert_eq!(opened(&cli), (Some(0), json!(PIN)));
    assert_eq!(escrow_lines(&cli), lines);
    // Without the journal, the change is found once, with its newest line.
    fs::remove_file(cli.state_path("journal.db")).expect("the file is removed");
    assert_eq!(cli.run(&["escrow", "ack", "--confirm", "1"]).code, Some(0));
    let listed = cli.run(&["escrow", "list", "--json"]);
    assert_eq!((listed.stderr.as_str(), listed.summary()["records"].as_array().map(Vec::len)), ("", Some(1)));
    assert_eq!(opened(&cli), (Some(0), json!(PIN)));
    let unknown = with_key(&cli, "re-encrypt", "new.txt", &["--json", "--confirm", "1"]).summary();
    let counts = ["re_encrypted", "lines_open_to_removed_recipients", "lines_of_unknown_recipients"]
        .map(|name| unknown[name].clone());
    assert_eq!(counts, [json!(1), json!(0), json!(2)], "the new journal does not know the recipients");
}

#[test]
fn a_line_that_only_the_file_has_is_told_once() {
    let (cli, _) = fixture_with_one_pin();
    change_keys(&cli, true);
    let before = fs::read(cli.state_path("journal.db")).expect("the journal");
    assert_eq!(with_key(&cli, "re-encrypt", "key.txt", &["--confirm", "1"]).code, Some(0));
    // As after a kill between the append and the commit.
    for name in ["journal.db-wal", "journal.db-shm", "audit.head"] {
        fs::remove_file(cli.state_path(name)).ok();
    }
    fs::write(cli.state_path("journal.db"), before).expect("the journal is restored");
    let listed = cli.run(&["escrow", "list"]);
    let message = "pindesk: 1 PIN has an entry that only the escrow file has: it was encrypted again by a command that ended \
                   early, or the file was altered. To compare: pindesk escrow open --identity FILE\n";
    assert!(listed.stderr.ends_with(message), "{listed:?}");
    let opened = open_escrow(&cli, "key.txt", &["--json"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    assert!(!opened.stderr.contains("differs") && !opened.stderr.contains("altered"), "{opened:?}");
    assert_eq!(with_key(&cli, "re-encrypt", "key.txt", &["--confirm", "1"]).code, Some(0));
    assert_eq!(escrow_lines(&cli).len(), 3);
}

#[test]
fn a_drill_proves_that_the_key_opens_pins_and_shows_none() {
    let (cli, _) = fixture_with_one_pin();
    set_pin(&cli, 1);
    let rows = actions_from(&cli, 0).len();
    let drill = with_key(&cli, "drill", "key.txt", &[]);
    let expected =
        "This key opens 2 of 2 PINs: the newest of 2 of 2 numbers, and 1 of job 2, the last one. No PIN was shown.\n";
    assert_eq!((drill.code, drill.stdout.as_str(), drill.stderr.as_str()), (Some(0), expected, ""));
    let one = with_key(&cli, "drill", "key.txt", &["--numbers", "1", "--json"]).summary();
    assert_eq!((&one["numbers"], &one["job"], &one["unopened"]), (&json!(1), &json!(2), &json!([])));
    assert_eq!(actions_from(&cli, rows), ["drill", "drill"]);
    let shown = cli.run(&["audit", "show"]);
    assert!(shown.stdout.contains("  escrow drill     2 of 2 PINs could be decrypted\n"), "{shown:?}");
    let audit = cli.run(&["audit", "show", "--json"]);
    assert_eq!(audit.summary()["rows"][rows]["outcome"], "2 of 2");
    assert!(!audit.stdout.contains(PIN) && !drill.stdout.contains(PIN));
    let refused = with_key(&cli, "drill", "key.txt", &["--numbers", "0"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn a_state_directory_without_records_stays_as_it_is() {
    let cli = CliFixture::without_faults();
    fs::create_dir_all(cli.state_path("")).expect("the directory is created");
    fs::set_permissions(cli.state_path(""), fs::Permissions::from_mode(0o700)).expect("the mode is set");
    for command in ["drill", "re-encrypt"] {
        let nothing = with_key(&cli, command, "key.txt", &[]);
        let expected = (Some(0), "No encrypted PINs yet in ~/.local/state/pindesk.\n", "");
        assert_eq!((nothing.code, nothing.stdout.as_str(), nothing.stderr.as_str()), expected, "{command}");
        let missing = with_key(&cli, command, "key.txt", &["--state-dir", "/nowhere/at/all"]);
        assert_eq!((missing.code, missing.stdout.as_str()), (Some(6), ""), "{missing:?}");
    }
    assert_eq!(fs::read_dir(cli.state_path("")).expect("readable").count(), 0);
}

#[test]
fn a_drill_finds_a_damaged_and_an_altered_line() {
    for damage in ["damaged", "altered"] {
        let (cli, id) = fixture_with_one_pin();
        let other = set_pin(&cli, 1);
        let text = fs::read_to_string(cli.state_path("escrow.jsonl")).expect("the file is readable");
        let lines: Vec<&str> = text.lines().collect();
        let (first, sealed) = lines[0].split_once("\"sealed\":\"").expect("an encrypted PIN");
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[300] = if bytes[300] == b'A' { b'B' } else { b'A' };
        let bad = match damage {
            "damaged" => format!("{first}\"sealed\":\"{}", String::from_utf8(bytes).expect("ASCII")),
            _ => lines[0].replace(&id, &other),
        };
        fs::write(cli.state_path("escrow.jsonl"), format!("{bad}\n{}\n", lines[1])).expect("the file is written");
        let drill = with_key(&cli, "drill", "key.txt", &["--json"]);
        assert_eq!((drill.code, &drill.summary()["opened"]), (Some(6), &json!(1)), "{damage}: {drill:?}");
        assert!(!drill.stdout.contains(PIN) && !drill.stderr.contains(PIN));
    }
}

#[test]
fn a_terminal_is_asked_for_the_count_of_numbers() {
    let (cli, _) = fixture_with_one_pin();
    change_keys(&cli, true);
    let home = cli.path("");
    let env = [("HOME", home.to_str().expect("UTF-8")), ("USER", "ana"), ("TERM", "xterm")];
    let key = cli.path("key.txt");
    let command = ["escrow", "re-encrypt", "--identity", key.to_str().expect("UTF-8")];
    let answer = |answer: &str| {
        let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &command, (100, 50), &env);
        session.wait_for("Type the count of numbers to encrypt their PINs, or press Enter to cancel:");
        session.send(format!("{answer}\r"));
        session.wait_exit();
        session.screen()
    };
    let canceled = answer("");
    assert!(canceled.contains("Encrypt 1 PIN of 1 number again, to 2 recipients?\n  age1"), "{canceled}");
    assert!(canceled.contains("pindesk: canceled. Nothing was changed."), "{canceled}");
    assert!(answer("2").contains("pindesk: what you typed does not match the count of numbers."));
    assert_eq!(escrow_lines(&cli).len(), 1);
    let done = answer("1");
    assert!(done.contains("Encrypted 1 PIN of 1 number again, to 2 recipients."), "{done}");
    assert!(!done.contains("removed"), "each key can still open it: {done}");
}
