//! What is refused before anything is sent: each reason with its exit code, and nothing arrives.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::support::shop::{CliFixture, PIN};

/// The command ends so, says this, and nothing was sent.
#[track_caller]
fn assert_refused(shop: &CliFixture, arguments: &[&str], code: i32, told: &str) {
    let ended = shop.run(arguments);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", ended.stderr);
    assert!(ended.stderr.contains(told), "{arguments:?}: {}", ended.stderr);
    assert!(!ended.stderr.contains(PIN), "{}", ended.stderr);
    assert_eq!(shop.simulator.pin_request_count(), 0);
}

#[test]
fn words_that_cannot_be_used_are_refused_and_not_repeated() {
    let shop = CliFixture::without_faults();
    let (pin, ids) = (shop.write_file("pin", 0o600, PIN), shop.write_id_list(&["200000000000001".to_owned()]));
    let id = "200000000000001";
    for arguments in [
        &["pin", "set"][..],
        &["pin", "set", id],
        &["pin", "set", "--random"],
        &["pin", "set", id, "--pin-file", &pin, "--random"],
        &["pin", "set", id, "--from", &ids, "--random"],
        &["pin", "set", id, "--random", "--first", "1"],
        &["pin", "set", "--from", &ids, "--random", "--first", "0"],
        &["pin", "set", "--from", &ids, "--random", "--concurrency", "0"],
        &["pin", "set", "--from", &ids, "--random", "--concurrency", "65"],
        &["pin", "set", "--from", "-", "--pin-file", "-"],
        &["pin", "set", id, "--pin", PIN],
        &["pin", "set", id, PIN, "--random"],
    ] {
        assert_refused(&shop, arguments, 2, "");
    }
    assert_refused(
        &shop,
        &["pin", "set", id, "--pin", PIN],
        2,
        "Use --pin-file FILE, or --pin-file - for standard input.",
    );
    assert_refused(&shop, &["pin", "set", id, "--pin=409726"], 2, "other users can see a PIN on the command line.");
    assert_refused(
        &shop,
        &["pin", "set", id, "--token", "EAAJ"],
        2,
        "other users can see an access token on the command line",
    );
    assert_refused(
        &shop,
        &["pin", "set", PIN, "--random", "--confirm", "9726"],
        2,
        "no number (six digits) in profile",
    );
}

#[test]
fn a_secret_in_the_place_of_a_name_is_not_repeated() {
    let shop = CliFixture::without_faults();
    let (id, token) = ("200000000000001", "EAAJZBwSimulatorTokenOfNobodyZD");
    for secret in [PIN, token] {
        for (arguments, code) in [
            (&["pin", "set", id, "--pin-file", secret][..], 2),
            (&["pin", "set", "--from", secret, "--random"], 2),
            (&["numbers", "list", "--profile", secret], 6),
            (&["numbers", "list", "--config", secret], 6),
            (&["jobs", "list", "--state-dir", secret], 6),
            (&["simulator", "--faults", secret], 2),
        ] {
            let ended = shop.run(arguments);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", ended.stderr);
            assert!(ended.stderr.contains('…') && !ended.stderr.contains(secret), "{arguments:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_pin_file_holds_six_digits_for_its_owner_alone() {
    let shop = CliFixture::without_faults();
    for content in ["", "40972", "4097261", " 409726", "409726\n\n", "409726 ", "40972x", "４09726"] {
        let file = shop.write_file("bad", 0o600, content);
        let told = "must hold exactly 6 digits and nothing else. Nothing was sent.";
        assert_refused(&shop, &["pin", "set", "200000000000001", "--pin-file", &file], 2, told);
    }
    let open = shop.write_file("open", 0o644, PIN);
    assert_refused(&shop, &["pin", "set", "200000000000001", "--pin-file", &open], 2, "chmod 600 ~/open");
    assert_refused(&shop, &["pin", "set", "200000000000001", "--pin-file", "/no/such/pin"], 2, "there is no such file");
    for special in ["/dev/stdin", "/dev"] {
        let piped = shop.run_with_stdin(&["pin", "set", "200000000000001", "--pin-file", special], PIN);
        let told = format!(
            "pindesk: PIN file {special}: it is not a regular file. Nothing was sent.\n  To read the PIN from a pipe: --pin-file -\n"
        );
        assert_eq!((piped.code, piped.stderr), (Some(2), told));
    }
}

#[test]
fn a_weak_pin_is_refused() {
    let shop = CliFixture::without_faults();
    let id = &shop.number_ids("not-set", 1)[0];
    let shown = shop.run(&["numbers", "show", id, "--json"]).json_lines().remove(0);
    let display: String =
        shown["display_phone_number"].as_str().expect("one").chars().filter(char::is_ascii_digit).collect();
    for weak in ["111111", "123456", "987654", &display[display.len() - 6..]] {
        let file = shop.write_file("weak", 0o600, weak);
        assert_refused(&shop, &["pin", "set", id, "--pin-file", &file], 2, "this PIN is easy to guess");
    }
}

#[test]
fn a_list_is_checked_as_a_whole_and_every_bad_line_named() {
    let shop = CliFixture::without_faults();
    let good = shop.number_ids("not-set", 1).remove(0);
    let list = shop.write_file("ids.txt", 0o644, &format!("# ours\n{good}\n\n{good}\nEAAJ\n200000000009999\n"));
    for pins in [&["--random"][..], &["--pin-file", "/no/such/pin"]] {
        let arguments = [&["pin", "set", "--from", &list, "--confirm", "1"][..], pins].concat();
        let told = format!(
            "pindesk: ~/ids.txt has errors. Nothing was sent.\n  line 4: {good}: duplicate of line 2\n  \
             line 5: not a phone number ID\n  line 6: no number 200000000009999 in profile acme\n"
        );
        assert_refused(&shop, &arguments, 2, &told);
    }
    let unknown = shop.write_id_list(&[good.clone(), "200000000009999".to_owned()]);
    let told = "  line 2: no number 200000000009999 in profile acme\n";
    assert_refused(&shop, &["pin", "set", "--from", &unknown, "--random", "--confirm", "2"], 2, told);
    let empty = shop.write_file("ids.txt", 0o644, "# nothing\n");
    assert_refused(&shop, &["pin", "set", "--from", &empty, "--random"], 2, "no phone number ID in ~/ids.txt");
    assert_refused(&shop, &["pin", "set", "--from", "/no/such", "--random"], 2, "cannot read /no/such: ");
    assert_refused(
        &shop,
        &["pin", "set", "200000000009999", "--random"],
        2,
        "no number 200000000009999 in profile acme. Nothing was sent.\n",
    );
}

#[test]
fn what_nobody_confirmed_is_not_sent_and_it_is_said_what_confirms_it() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 3);
    let (file, last) = (shop.write_id_list(&ids), shop.last_four_digits(&ids[0]));
    let one = ["pin", "set", &ids[0], "--random"];
    let many = ["pin", "set", "--from", &file, "--random"];
    assert_refused(&shop, &one, 5, "add the last digits of +");
    assert_refused(&shop, &one, 5, &format!(": --confirm {last}\n"));
    assert_refused(&shop, &[&one[..], &["--confirm", "1"]].concat(), 5, "--confirm does not match. Nothing was sent.");
    assert_refused(&shop, &many, 5, "A PIN would be sent to 3 numbers. To send it, add: --confirm 3\n");
    assert_refused(&shop, &[&many[..], &["--confirm", "2"]].concat(), 5, "--confirm 3\n");
    assert_refused(&shop, &[&many[..], &["--first", "2", "--confirm", "3"]].concat(), 5, "--confirm 2\n");
}

#[test]
fn a_pin_is_replaced_only_where_that_is_asked_for_and_unknown_counts_as_on() {
    let shop = CliFixture::without_faults();
    for state in ["on", "unknown"] {
        let id = shop.number_ids(state, 1).remove(0);
        let last = shop.last_four_digits(&id);
        assert_refused(
            &shop,
            &["pin", "set", &id, "--random", "--confirm", &last],
            5,
            "To replace the PIN there, add: --replace\n",
        );
    }
    let mut ids = shop.number_ids("not-set", 2);
    ids.extend(shop.number_ids("on", 1));
    let list = shop.write_id_list(&ids);
    let told = "two-step verification is on, or may be, on 1 of 3 numbers.";
    assert_refused(&shop, &["pin", "set", "--from", &list, "--random", "--confirm", "3"], 5, told);
}

#[test]
fn what_is_not_ready_is_refused_with_6() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    let last = shop.last_four_digits(&id);
    let set = ["pin", "set", &id, "--random", "--confirm", &last];
    assert_refused(
        &shop,
        &[&set[..], &["--read-only"]].concat(),
        6,
        "pindesk: --read-only refuses every change. Nothing was sent.\n",
    );
    shop.write_config("read_only = true", &[shop.recipient()]);
    assert_refused(&shop, &set, 6, "profile acme is read-only. Nothing was sent.");
    shop.write_config("", &[]);
    assert_refused(&shop, &set, 6, "without escrow recipients a random PIN would be lost");
    shop.write_config("", &["age1nonsense"]);
    assert_refused(&shop, &set, 6, "entry 1");
    shop.write_config("", &[shop.recipient()]);
    assert_refused(&shop, &[&set[..], &["--state-dir", "/proc/nowhere"]].concat(), 6, "");
    fs::create_dir_all(shop.state_path("")).expect("a directory");
    fs::set_permissions(shop.state_path(""), Permissions::from_mode(0o755)).expect("its mode");
    assert_refused(&shop, &set, 6, "chmod 700 ");
    fs::set_permissions(shop.state_path(""), Permissions::from_mode(0o700)).expect("its mode");
    shop.write_file("token", 0o644, "SIMULATOR");
    assert_refused(&shop, &set, 6, "chmod 600 ~/token");
    fs::remove_file(shop.path(".config/pindesk/config.toml")).expect("it was there");
    assert_refused(&shop, &set, 6, "no config file found");
}

#[test]
fn no_access_and_no_connection_are_told_apart() {
    let shop = CliFixture::without_faults();
    let id = shop.number_ids("not-set", 1).remove(0);
    let set = ["pin", "set", &id, "--random", "--confirm", "0000"];
    shop.write_file("token", 0o600, "SIMULATOR-EXPIRED");
    assert_refused(&shop, &set, 8, "could not be read.");
    let config = fs::read_to_string(shop.path(".config/pindesk/config.toml")).expect("it is there");
    let offline = config.replace(&shop.simulator.base_url(), "http://127.0.0.1:1");
    shop.write_file(".config/pindesk/config.toml", 0o600, &offline);
    assert_refused(&shop, &set, 7, "could not be read.");
}

#[test]
fn recipients_that_changed_stop_everything_until_they_are_acknowledged() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let set = |id: &str| shop.run(&["pin", "set", id, "--random", "--confirm", &shop.last_four_digits(id)]);
    assert_eq!(set(&ids[0]).code, Some(0));
    let other = age::x25519::Identity::generate().to_public().to_string();
    shop.write_config("", &[&other]);
    let stopped = set(&ids[1]);
    let told = format!(
        "pindesk: the escrow keys have changed. Nothing was sent.\n  added    {other}\n  removed  {}\n\
         \x20 If these keys are right, run: pindesk escrow ack\n",
        shop.recipient()
    );
    assert_eq!((stopped.code, stopped.stderr), (Some(6), told));
    assert_eq!(shop.simulator.pin_request_count(), 1);
    let acknowledged = shop.run(&["escrow", "ack", "--json"]);
    let expected = serde_json::json!({"schema": 1, "changed": true, "added": [other], "removed": [shop.recipient()]});
    assert_eq!((acknowledged.code, acknowledged.summary()), (Some(0), expected));
    assert_eq!(shop.run(&["escrow", "ack"]).stdout, "The recipients have not changed. There is nothing to accept.\n");
    assert_eq!(set(&ids[1]).code, Some(0));
}

#[test]
fn where_no_recipient_is_left_it_is_said_that_nothing_is_sealed_before_and_after_that_is_acknowledged() {
    let shop = CliFixture::without_faults();
    let ids = shop.number_ids("not-set", 2);
    let pin = shop.path("pin").to_str().expect("UTF-8").to_owned();
    let set = |id: &str| shop.run(&["pin", "set", id, "--pin-file", &pin, "--confirm", &shop.last_four_digits(id)]);
    assert_eq!(set(&ids[0]).code, Some(0));
    shop.write_config("", &[]);
    let stopped = set(&ids[1]);
    let told = format!(
        "pindesk: the escrow keys have changed. Nothing was sent.\n  removed  {}\n  No key is left: pindesk would not encrypt PINs at all.\n  If these keys are right, run: pindesk escrow ack\n",
        shop.recipient()
    );
    assert_eq!((stopped.code, stopped.stderr), (Some(6), told));
    let acknowledged = shop.run(&["escrow", "ack"]);
    let told = format!("  removed  {}\nNo recipient is left: pindesk no longer encrypts PINs.\n", shop.recipient());
    assert_eq!((acknowledged.code, acknowledged.stdout), (Some(0), told));
}
