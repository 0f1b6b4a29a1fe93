//! `escrow`: what is listed, what opens it, and what is told of records that do not open.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::support::pty::PtySession;
use crate::support::shop::{CliFixture, PIN};
use crate::support::skip;

/// A shop where one number got the PIN, and that number.
fn fixture_with_one_pin() -> (CliFixture, String) {
    let shop = CliFixture::without_faults();
    let id = set_pin(&shop, 0);
    (shop, id)
}

/// Sets the PIN of the n-th number.
fn set_pin(shop: &CliFixture, n: usize) -> String {
    let id = shop.number_ids("not-set", n + 1).remove(n);
    let (pin, last) = (shop.path("pin"), shop.last_four_digits(&id));
    let ended =
        shop.run(&["pin", "set", &id, "--pin-file", pin.to_str().expect("UTF-8"), "--confirm", &last, "--replace"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    id
}

fn open_escrow(shop: &CliFixture, key: &str, more: &[&str]) -> crate::support::shop::CommandOutput {
    let key = shop.path(key);
    shop.run(&[&["escrow", "open", "--identity", key.to_str().expect("UTF-8")][..], more].concat())
}

#[test]
fn a_list_says_what_is_sealed_and_never_a_pin() {
    let (shop, id) = fixture_with_one_pin();
    let other = set_pin(&shop, 1);
    let people = shop.run(&["escrow", "list"]);
    let lines: Vec<&str> = people.stdout.lines().collect();
    assert_eq!(lines[0], "ENCRYPTED AT          PHONE NUMBER ID     CHANGE");
    assert!(lines.len() == 3 && lines[1].contains(&id) && lines.iter().all(|line| line.len() <= 80), "{people:?}");
    let scripts = shop.run(&["escrow", "list", "--json", &other]).summary();
    let record = &scripts["records"][0];
    assert_eq!(record["phone_number_id"], other);
    assert_eq!(record.as_object().expect("an object").len(), 7);
    assert_eq!(scripts, json!({"schema": 1, "records": [record], "unreadable_lines": [], "is_torn": false}));
    let nothing = shop.run(&["escrow", "list", "200000000009999"]);
    assert_eq!(nothing.stderr, "pindesk: no encrypted PIN for number 200000000009999.\n");
    assert!(!people.stdout.contains(PIN));
}

#[test]
fn a_key_opens_what_was_sealed_to_it_and_who_opened_it_is_recorded() {
    let (shop, id) = fixture_with_one_pin();
    let opened = open_escrow(&shop, "key.txt", &["--json"]);
    let answer = opened.summary();
    assert_eq!((opened.code, opened.stderr.as_str()), (Some(0), ""));
    assert_eq!((&answer["records"][0]["pin"], &answer["records"][0]["phone_number_id"]), (&json!(PIN), &json!(id)));
    assert_eq!(answer["unopened"], json!([]));
    let audit = shop.run(&["audit", "show", "--json"]).summary();
    let last = audit["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!((&last["action"], &last["phone_number_id"]), (&json!("opened"), &json!(id)));
}

#[test]
fn the_escrow_file_alone_is_enough_and_it_is_said_that_the_opening_is_not_recorded() {
    let (shop, _) = fixture_with_one_pin();
    fs::create_dir(shop.path("copy")).expect("a directory");
    fs::set_permissions(shop.path("copy"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    fs::copy(shop.state_path("escrow.jsonl"), shop.path("copy/escrow.jsonl")).expect("a copy");
    fs::remove_file(shop.path(".config/pindesk/config.toml")).expect("it was there");
    let copy = shop.path("copy");
    let opened = open_escrow(&shop, "key.txt", &["--json", "--state-dir", copy.to_str().expect("UTF-8")]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    assert!(opened.stderr.starts_with("pindesk: the journal does not record this decryption: "), "{opened:?}");
    let left: Vec<_> = fs::read_dir(shop.path("copy")).expect("it is there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_pin_is_written_to_no_pipe_unless_asked_for() {
    let (shop, _) = fixture_with_one_pin();
    let refused = open_escrow(&shop, "key.txt", &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.starts_with("pindesk: refusing to print PINs to a pipe or file; use --json if you mean it"),
        "{refused:?}"
    );
}

#[test]
fn an_ssh_key_opens_it_too() {
    let shop = CliFixture::without_faults();
    let key = shop.path("id_ed25519");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ana@acme", "-f", key.to_str().expect("UTF-8")])
        .stdin(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip::missing_program("ssh-keygen");
        return;
    }
    let public = fs::read_to_string(shop.path("id_ed25519.pub")).expect("the public key");
    shop.write_config("", &[public.trim()]);
    set_pin(&shop, 0);
    let opened = open_escrow(&shop, "id_ed25519", &["--json"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    let foreign = open_escrow(&shop, "key.txt", &["--json"]);
    let unopened = &foreign.summary()["unopened"][0];
    assert_eq!((foreign.code, &unopened["reason"]), (Some(3), &json!("this key cannot open it")), "{foreign:?}");
}

#[test]
fn a_passphrase_is_not_asked_for_where_nothing_may_be_asked() {
    let (shop, _) = fixture_with_one_pin();
    let key = shop.path("locked");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "made-up words", "-f", key.to_str().expect("UTF-8")])
        .stdin(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip::missing_program("ssh-keygen");
        return;
    }
    let refused = open_escrow(&shop, "locked", &["--json", "--no-input"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""), "{refused:?}");
    assert!(refused.stderr.contains("it is protected by a passphrase, and none was given"), "{refused:?}");
}

#[test]
fn a_record_whose_line_was_altered_is_reported_and_its_pin_not_shown() {
    let (shop, id) = fixture_with_one_pin();
    let file = shop.state_path("escrow.jsonl");
    let altered = fs::read_to_string(&file).expect("the file").replace(&id, "200000000009999");
    let copy = shop.write_file("copy/escrow.jsonl", 0o600, &(altered + "nonsense\n{\"v\":1,\"cut"));
    fs::set_permissions(shop.path("copy"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    let dir = copy.trim_end_matches("/escrow.jsonl");
    let opened = open_escrow(&shop, "key.txt", &["--json", "--state-dir", dir]);
    assert_eq!((opened.code, &opened.summary()["records"]), (Some(6), &json!([])), "{opened:?}");
    let reason = opened.summary()["unopened"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("the line was altered") && !opened.stdout.contains(PIN), "{reason}");
    assert_eq!(
        (&opened.summary()["unreadable_lines"], &opened.summary()["is_torn"]),
        (&json!([2]), &Value::Bool(true))
    );
    assert!(opened.stderr.contains("line 2 of the escrow file cannot be read."), "{opened:?}");
    assert!(opened.stderr.contains("the last line of the escrow file is truncated"), "{opened:?}");
}

#[test]
fn the_recipe_names_the_file_and_works_without_a_config() {
    let shop = CliFixture::without_faults();
    fs::remove_file(shop.path(".config/pindesk/config.toml")).expect("it was there");
    let recipe = shop.run(&["escrow", "recipe"]);
    assert!(recipe.code == Some(0) && recipe.stdout.contains("~/.local/state/pindesk/escrow.jsonl"), "{recipe:?}");
    assert!(recipe.stdout.contains("age -d -i KEY"));
    let missing = shop.run(&["escrow", "list"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(6), ""));
}

/// Makes another line of the one that there is, and opens this number with the state directory as it is then.
fn open_escrow_after_edit(
    shop: &CliFixture,
    id: &str,
    alter: impl FnOnce(&str) -> String,
) -> crate::support::shop::CommandOutput {
    let file = shop.state_path("escrow.jsonl");
    let text = fs::read_to_string(&file).expect("the file");
    fs::write(&file, alter(&text)).expect("altered");
    open_escrow(shop, "key.txt", &["--json", id])
}

/// Flips a byte of what is sealed, which stays base64.
fn flip_encrypted_byte(text: &str) -> String {
    let place = text.find("\"sealed\":\"").expect("it is there") + 300;
    let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &text[..place], &text[place + 1..])
}

/// Makes another text of the escrow file, of this number.
type EditEscrowFile = fn(&str, &str) -> String;

#[test]
fn where_a_line_was_altered_or_damaged_the_journals_copy_is_opened_and_it_is_said() {
    let other = "200000000009999";
    let alterations: [(&str, EditEscrowFile); 3] = [
        ("its encrypted content is damaged", |_, text| flip_encrypted_byte(text)),
        ("", |id, text| text.replace(id, "200000000009999")),
        ("", |_, text| text.replace("\"v\":1", "\"v\":7")),
    ];
    for (why, alter) in alterations {
        let (shop, id) = fixture_with_one_pin();
        let opened = open_escrow_after_edit(&shop, &id, |text| alter(&id, text));
        let records = &opened.summary()["records"];
        assert_eq!((opened.code, &records[0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
        assert_eq!(
            (&records[0]["phone_number_id"], opened.summary()["unopened"].as_array()),
            (&json!(id), Some(&vec![]))
        );
        if !why.is_empty() {
            let told = format!("{why}. The PIN that is shown is from the journal's copy.");
            assert!(opened.stderr.contains(&told), "{opened:?}");
        }
        // Who opened the journal told of it, and added its line to the file: from now on each is enough again.
        let found =
            if why.is_empty() { "escrow file" } else { "a line of the escrow file is not the one in the journal" };
        assert!(opened.stderr.contains(found), "{opened:?}");
        fs::remove_file(shop.state_path("journal.db")).expect("removed");
        let again = open_escrow(&shop, "key.txt", &["--json", &id]);
        assert_eq!((again.code, &again.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{again:?}");
        let foreign = open_escrow(&shop, "key.txt", &["--json", other]);
        assert_eq!((foreign.code == Some(0), &foreign.summary()["records"]), (false, &json!([])), "{foreign:?}");
    }
}

#[test]
fn a_list_says_of_which_change_there_are_lines_that_differ() {
    let (shop, id) = fixture_with_one_pin();
    let whole = shop.run(&["escrow", "list", "--json"]);
    assert_eq!(whole.stderr, "");
    let change = whole.summary()["records"][0]["change"].as_str().expect("one").to_owned();
    let file = shop.state_path("escrow.jsonl");
    let text = fs::read_to_string(&file).expect("the file");
    fs::write(&file, text.replace(&id, "200000000009999")).expect("altered");
    let told = format!(
        "pindesk: change {change}: 2 entries differ, and one is listed. To see those that can be decrypted: pindesk escrow open\n"
    );
    for arguments in [&["escrow", "list"][..], &["escrow", "list", "--json"]] {
        assert_eq!(shop.run(arguments).stderr, told);
    }
    // A journal that was begun anew knows of no job that a line names: that is no difference.
    fs::write(&file, text).expect("as it was");
    fs::remove_file(shop.state_path("journal.db")).expect("removed");
    assert!(
        open_escrow(&shop, "key.txt", &["--json"])
            .stderr
            .contains("pindesk: the journal does not record this decryption")
    );
    assert_eq!(shop.run(&["escrow", "ack"]).code, Some(0));
    let anew = shop.run(&["escrow", "list", "--json"]);
    assert_eq!((anew.stderr.as_str(), &anew.summary()["records"][0]["request"]), ("", &json!("no_answer")));
}

/// Cuts the last line of the escrow file in the middle.
fn truncate_last_line(text: &str) -> &str {
    &text[..text.len() - 50]
}

#[test]
fn a_last_line_that_is_cut_off_may_have_been_sent_unless_a_whole_journal_says_otherwise() {
    let (shop, first) = fixture_with_one_pin();
    let older = fs::read(shop.state_path("journal.db")).expect("the journal");
    let second = set_pin(&shop, 1);
    let whole = fs::read_to_string(shop.state_path("escrow.jsonl")).expect("the file");
    fs::write(shop.state_path("escrow.jsonl"), truncate_last_line(&whole)).expect("cut");

    let certain = "pindesk: the last line of the escrow file is truncated, or is being written. No PIN that was sent is lost: the journal has all of them.\n";
    let listed = shop.run(&["escrow", "list", "--json"]);
    assert_eq!((listed.code, listed.stderr.as_str(), &listed.summary()["is_torn"]), (Some(0), certain, &json!(true)));
    let numbers: Vec<_> = (0..2).map(|n| listed.summary()["records"][n]["phone_number_id"].clone()).collect();
    assert_eq!(numbers, [json!(first), json!(second)]);

    fs::write(shop.state_path("journal.db"), older).expect("put back");
    let uncertain = "pindesk: the last line of the escrow file is truncated. Its PIN may have been sent, and there is no complete journal here that has it. Look for it in a complete copy of either file.\n";
    let listed = shop.run(&["escrow", "list", "--json"]);
    assert_eq!((listed.code, listed.stderr.as_str(), &listed.summary()["is_torn"]), (Some(6), uncertain, &json!(true)));
    fs::remove_file(shop.state_path("journal.db")).expect("removed");
    for command in [&["list"][..], &["open", "--identity", shop.path("key.txt").to_str().expect("UTF-8")]] {
        let ended = shop.run(&[&["escrow"], command, &["--json"]].concat());
        assert!(ended.code == Some(6) && ended.stderr.starts_with(uncertain), "{ended:?}");
    }
}

/// What `escrow open` shows on a terminal of 80 columns.
fn open_escrow_in_terminal(shop: &CliFixture, state_dir: &Path) -> String {
    let (home, key) = (shop.path(""), shop.path("key.txt"));
    let utf8 = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let args = ["escrow", "open", "--identity", &utf8(&key), "--state-dir", &utf8(state_dir)];
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &args, (80, 24), &[("HOME", &utf8(&home))]);
    session.wait_exit();
    session.screen()
}

#[test]
fn what_is_opened_says_what_became_of_each_pin_and_claims_no_order_that_nobody_knows() {
    let shop = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 2\nanswer = { code = 100, status = 400 }");
    set_pin(&shop, 0);
    let id = shop.number_ids("not-set", 1).remove(0);
    let (pin, last) = (shop.write_file("other", 0o600, "135790"), shop.last_four_digits(&id));
    let failed = shop.run(&["pin", "set", &id, "--pin-file", &pin, "--confirm", &last]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    let records = open_escrow(&shop, "key.txt", &["--json"]).summary()["records"].clone();
    let of = |n: usize| ["pin", "request", "settled"].map(|name| records[n][name].clone());
    assert_eq!(of(0), [json!(PIN), json!("set"), json!(false)]);
    assert_eq!(of(1), [json!("135790"), json!("failed"), json!(false)]);
    assert!(records[1]["last_try_at"].is_string(), "{records}");
    let screen = open_escrow_in_terminal(&shop, &shop.state_path(""));
    let ends = |part: &str| screen.lines().any(|line| line.trim_end().ends_with(part));
    assert!(ends(&format!("{PIN}  set")) && ends("135790  failed"), "{screen}");
    assert!(screen.contains("In the order in which they were sent. If a later PIN failed, an earlier one"), "{screen}");

    fs::create_dir(shop.path("copy")).expect("a directory");
    fs::set_permissions(shop.path("copy"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    fs::copy(shop.state_path("escrow.jsonl"), shop.path("copy/escrow.jsonl")).expect("a copy");
    let screen = open_escrow_in_terminal(&shop, &shop.path("copy"));
    let ends = |part: &str| screen.lines().any(|line| line.trim_end().ends_with(part));
    assert!(ends(&format!("{PIN}  not known")) && ends("135790  not known"), "{screen}");
    assert!(screen.contains("Not all send times are known"), "{screen}");
    let copy = shop.path("copy");
    let alone = open_escrow(&shop, "key.txt", &["--json", "--state-dir", copy.to_str().expect("UTF-8")]);
    let record = alone.summary()["records"][1].clone();
    assert_eq!((&record["request"], &record["last_try_at"]), (&Value::Null, &Value::Null));
}

/// The first line of the escrow file with another PIN sealed in it, as anybody can make it who may write there.
fn with_forged_pin(shop: &CliFixture, text: &str, pin: &str) -> String {
    let (context, sealed) = text.lines().next().and_then(|line| line.split_once(",\"sealed\":")).expect("a line");
    let (start, _) = context.split_once(",\"job\":").unwrap_or((context, ""));
    let key: age::x25519::Recipient = shop.recipient().parse().expect("a key");
    let other = age::encrypt(&key, format!("{start},\"pin\":\"{pin}\"}}").as_bytes()).expect("sealed");
    text.replace(sealed, &format!("\"{}\"}}", BASE64_STANDARD.encode(other)))
}

#[test]
fn where_the_lines_of_one_change_hold_different_pins_each_of_them_is_shown_with_its_place_and_that_is_no_success() {
    let (shop, id) = fixture_with_one_pin();
    let opened = open_escrow_after_edit(&shop, &id, |text| with_forged_pin(&shop, text, "135790"));
    let shown = |ended: &crate::support::shop::CommandOutput| -> Vec<(Value, Value)> {
        let records = ended.summary()["records"].as_array().expect("records").clone();
        assert!(records.iter().all(|record| record["request"] == Value::Null), "{records:?}");
        records.into_iter().map(|record| (record["pin"].clone(), record["source"].clone())).collect()
    };
    assert_eq!(opened.code, Some(6), "{opened:?}");
    assert_eq!(shown(&opened), [(json!("135790"), json!("escrow_file")), (json!(PIN), json!("journal"))]);
    let change = opened.summary()["records"][0]["change"].as_str().expect("an id").to_owned();
    let told = format!(
        "pindesk: change {change}: 2 different PINs are encrypted for it, and only one was sent: the escrow \
         file or the journal was altered. All are shown.\n"
    );
    assert!(opened.stderr.starts_with(&told), "{opened:?}");
    // By now the journal's line was added to the file.
    let again = open_escrow(&shop, "key.txt", &["--json"]);
    assert_eq!(again.code, Some(6), "{again:?}");
    assert_eq!(shown(&again), [(json!("135790"), json!("escrow_file")), (json!(PIN), json!("both"))]);
    let screen = open_escrow_in_terminal(&shop, &shop.state_path(""));
    assert!(screen.contains("135790  in the escrow file only"), "{screen}");
    assert!(screen.contains(&format!("{PIN}  in both file and journal")), "{screen}");
}

#[test]
fn a_line_that_opens_beside_one_that_was_sealed_to_others_is_shown_and_is_no_success() {
    let shop = CliFixture::without_faults();
    shop.write_config("", &[&age::x25519::Identity::generate().to_public().to_string()]);
    let id = set_pin(&shop, 0);
    let opened = open_escrow_after_edit(&shop, &id, |text| with_forged_pin(&shop, text, "135790"));
    let record = &opened.summary()["records"][0];
    assert_eq!((opened.code, &record["pin"], &record["request"]), (Some(6), &json!("135790"), &Value::Null));
    let told = "this key cannot open it. The PIN that is shown is from an entry of the escrow file.";
    assert!(opened.stderr.contains(told), "{opened:?}");
}

#[test]
fn a_number_of_which_nothing_is_there_is_told_and_is_no_success() {
    let (shop, id) = fixture_with_one_pin();
    let opened = open_escrow(&shop, "key.txt", &["--json", &id, "200000000009999"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(6), &json!(PIN)), "{opened:?}");
    assert_eq!(opened.stderr, "pindesk: no encrypted PIN for number 200000000009999.\n");
}

#[test]
fn each_of_many_openings_is_recorded() {
    let (shop, _) = fixture_with_one_pin();
    set_pin(&shop, 1);
    let rows = || shop.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").clone();
    let before = rows().len();
    assert_eq!(open_escrow(&shop, "key.txt", &["--json"]).code, Some(0));
    let actions: Vec<_> = rows()[before..].iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["opened", "opened"]);
}

#[test]
fn a_writer_that_is_stopped_is_named_after_a_while_and_nothing_is_done() {
    let (shop, _) = fixture_with_one_pin();
    let file = fs::File::options().append(true).open(shop.state_path("escrow.jsonl")).expect("the file");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).expect("nobody holds it");
    let (refused, holder) = (shop.run(&["escrow", "ack"]), std::process::id());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""), "{refused:?}");
    let way_on = format!("may be suspended. To resume it: kill -CONT {holder}. To end it after that: kill {holder}");
    assert!(refused.stderr.contains(&way_on), "{refused:?}");
    // The PINs can be had all the same, and it is said that this is not recorded.
    let opened = open_escrow(&shop, "key.txt", &["--json"]);
    assert_eq!((opened.code, &opened.summary()["records"][0]["pin"]), (Some(0), &json!(PIN)), "{opened:?}");
    assert!(
        opened.stderr.contains("the journal does not record this decryption: ") && opened.stderr.contains(&way_on),
        "{opened:?}"
    );
}
