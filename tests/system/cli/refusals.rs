//! What `pin set` refuses before it sends anything: each reason, its exit code, and that no request arrives.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use pindesk::simulator;

use super::{assert_refused, names_of};
use crate::support::cli_fixture::{CliFixture, PIN};

#[test]
fn invalid_arguments_are_refused_and_not_repeated() {
    let cli = CliFixture::without_faults();
    let (pin, ids) = (cli.write_file("pin", 0o600, PIN), cli.write_id_list(&["200000000000001".to_owned()]));
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
        assert_refused(&cli, arguments, 2, "");
    }
    assert_refused(
        &cli,
        &["pin", "set", id, "--pin", PIN],
        2,
        "Use --pin-file FILE, or --pin-file - for standard input.",
    );
    assert_refused(&cli, &["pin", "set", id, "--pin=409726"], 2, "other users can see a PIN on the command line.");
    assert_refused(
        &cli,
        &["pin", "set", id, "--token", "EAAJ"],
        2,
        "other users can see an access token on the command line",
    );
}

#[test]
fn a_pin_file_must_hold_six_digits_and_be_private() {
    let cli = CliFixture::without_faults();
    for content in ["", "40972", "4097261", " 409726", "409726\n\n", "409726 ", "40972x", "４09726"] {
        let file = cli.write_file("bad", 0o600, content);
        let message = "must hold exactly 6 digits and nothing else. Nothing was sent.";
        assert_refused(&cli, &["pin", "set", "200000000000001", "--pin-file", &file], 2, message);
    }
    let list = cli.write_id_list(&cli.number_ids("not-set", 5));
    assert_refused(
        &cli,
        &["pin", "set", "200000000000001", "--pin-file", &list],
        2,
        "pindesk: ~/ids.txt is no PIN file: it is larger than 6 digits. Nothing was sent.\n  --pin-file names a file of \
         mode 0600 that holds the PIN and nothing else.\n  A file of numbers belongs to --from: pindesk pin set --from \
         FILE\n",
    );
    let readable = cli.write_file("open", 0o644, PIN);
    assert_refused(&cli, &["pin", "set", "200000000000001", "--pin-file", &readable], 6, "chmod 600 ~/open");
    assert_refused(&cli, &["pin", "set", "200000000000001", "--pin-file", "/no/such/pin"], 2, "there is no such file");
    for special in ["/dev/stdin", "/dev"] {
        let piped = cli.run_with_stdin(&["pin", "set", "200000000000001", "--pin-file", special], PIN);
        let message = format!(
            "pindesk: PIN file {special}: it is not a regular file. Nothing was sent.\n  To read the PIN from a pipe: --pin-file -\n"
        );
        assert_eq!((piped.code, piped.stderr), (Some(2), message));
    }
}

#[test]
fn a_weak_pin_is_refused() {
    let cli = CliFixture::without_faults();
    let id = &cli.number_ids("not-set", 1)[0];
    let shown = cli.run(&["numbers", "show", id, "--json"]).json_lines().remove(0);
    let display: String = shown["display_phone_number"]
        .as_str()
        .expect("a display number")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    for weak in ["111111", "123456", "987654", &display[display.len() - 6..]] {
        let file = cli.write_file("weak", 0o600, weak);
        assert_refused(&cli, &["pin", "set", id, "--pin-file", &file], 2, "this PIN is easy to guess");
    }
}

#[test]
fn every_bad_line_of_a_list_is_named() {
    let cli = CliFixture::without_faults();
    let good = cli.number_ids("not-set", 1).remove(0);
    let list = cli.write_file("ids.txt", 0o644, &format!("# ours\n{good}\n\n{good}\nEAAJ\n200000000009999\n"));
    for pins in [&["--random"][..], &["--pin-file", "/no/such/pin"]] {
        let arguments = [&["pin", "set", "--from", &list, "--confirm", "1"][..], pins].concat();
        let message = format!(
            "pindesk: ~/ids.txt has errors. Nothing was sent.\n  line 4: {good}: duplicate of line 2\n  \
             line 5: neither a phone number ID nor a phone number\n  line 6: no number 200000000009999 in profile acme\n"
        );
        assert_refused(&cli, &arguments, 2, &message);
    }
    let unknown = cli.write_id_list(&[good.clone(), "200000000009999".to_owned()]);
    let message = "  line 2: no number 200000000009999 in profile acme\n";
    assert_refused(&cli, &["pin", "set", "--from", &unknown, "--random", "--confirm", "2"], 2, message);
    let [display, _] = names_of(&cli, &good);
    let named = cli.write_id_list(&[good.clone(), display.clone(), "+44 7700 900009".to_owned()]);
    let message =
        format!("  line 2: {display}: duplicate of line 1\n  line 3: no number +44 7700 900009 in profile acme\n");
    assert_refused(&cli, &["pin", "set", "--from", &named, "--random", "--confirm", "3"], 2, &message);
    let empty = cli.write_file("ids.txt", 0o644, "# nothing\n");
    assert_refused(&cli, &["pin", "set", "--from", &empty, "--random"], 2, "no number in ~/ids.txt");
    assert_refused(&cli, &["pin", "set", "--from", "/no/such", "--random"], 2, "cannot read /no/such: ");
    assert_refused(
        &cli,
        &["pin", "set", "200000000009999", "--random"],
        2,
        "no number 200000000009999 in profile acme. Nothing was sent.\n",
    );
}

#[test]
fn an_unconfirmed_run_says_what_would_confirm_it() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let list = cli.write_id_list(&ids);
    let one = ["pin", "set", &ids[0], "--random"];
    let many = ["pin", "set", "--from", &list, "--random"];
    let hint = "To see what would be sent, and the command that sends it, add --dry-run.\n";
    for (arguments, message) in [
        (
            &one[..],
            "not confirmed. Nothing was sent.\n  To send it, add --confirm with the last 4 digits of the number.\n  ",
        ),
        (&[&one[..], &["--no-input"]].concat(), "not confirmed. Nothing was sent.\n  To send it, add --confirm with "),
        (
            &[&one[..], &["--confirm", "1"]].concat(),
            "--confirm does not match the last 4 digits of the number. Nothing",
        ),
        (
            &[&one[..], &["--confirm", "yes"]].concat(),
            "--confirm is not a number. It must be the last 4 digits of the number. Nothing was sent.\n  ",
        ),
        (&many[..], "not confirmed. Nothing was sent.\n  To send them, add --confirm with the count of numbers.\n  "),
        (
            &[&many[..], &["--confirm", "2"]].concat(),
            "--confirm does not match the count of numbers. Nothing was sent.",
        ),
        (&[&many[..], &["--confirm", ""]].concat(), "--confirm is not a number. It must be the count of numbers. Noth"),
        (&[&many[..], &["--first", "2", "--confirm", "2"]].concat(), "--confirm does not match the count of numbers. "),
    ] {
        assert_refused(&cli, arguments, 5, message);
        assert_refused(&cli, arguments, 5, hint);
    }
}

#[test]
fn a_refusal_does_not_print_what_would_confirm() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let (list, digits) = (cli.write_id_list(&ids), cli.last_four_digits(&ids[0]));
    let one = ["pin", "set", &ids[0], "--random"];
    let many = ["pin", "set", "--from", &list, "--random"];
    for (arguments, right) in [
        (&one[..], &*digits),
        (&[&one[..], &["--confirm", "1"]].concat(), &digits),
        (&many[..], "3"),
        (&[&many[..], &["--confirm", "2"]].concat(), "3"),
    ] {
        let refused = cli.run(arguments);
        assert!(refused.code == Some(5) && !refused.stderr.contains(right), "{refused:?}");
    }
}

#[test]
fn an_active_or_unknown_pin_needs_replace() {
    let cli = CliFixture::without_faults();
    for state in ["on", "unknown"] {
        let id = cli.number_ids(state, 1).remove(0);
        let digits = cli.last_four_digits(&id);
        assert_refused(
            &cli,
            &["pin", "set", &id, "--random", "--confirm", &digits],
            5,
            "To replace the PIN there, add: --replace\n",
        );
    }
    let mut ids = cli.number_ids("not-set", 2);
    ids.extend(cli.number_ids("on", 1));
    let list = cli.write_id_list(&ids);
    let message = "two-step verification is on, or may be, on 1 of 3 numbers.";
    assert_refused(&cli, &["pin", "set", "--from", &list, "--random", "--confirm", "3"], 5, message);
}

#[test]
fn an_incomplete_setup_is_refused_with_exit_code_6() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let digits = cli.last_four_digits(&id);
    let set = ["pin", "set", &id, "--random", "--confirm", &digits];
    assert_refused(
        &cli,
        &[&set[..], &["--read-only"]].concat(),
        6,
        "pindesk: --read-only refuses every change. Nothing was sent.\n",
    );
    cli.write_config("read_only = true", &[cli.recipient()]);
    assert_refused(&cli, &set, 6, "profile acme is read-only. Nothing was sent.");
    cli.write_config("", &[]);
    assert_refused(&cli, &set, 6, "without escrow recipients a random PIN would be lost");
    cli.write_config("", &["age1nonsense"]);
    assert_refused(&cli, &set, 6, "config.toml:2:15: this age key is mistyped or truncated");
    assert_refused(&cli, &set, 6, "\n  Nothing was sent.\n");
    cli.write_config("", &[cli.recipient()]);
    assert_refused(&cli, &[&set[..], &["--state-dir", "/proc/nowhere"]].concat(), 6, "");
    fs::create_dir_all(cli.state_path("")).expect("the directory is created");
    fs::set_permissions(cli.state_path(""), Permissions::from_mode(0o1777)).expect("the mode is set");
    let shared = "it is a directory for the files of all users. Give a directory of your own. Nothing was sent.\n";
    assert_refused(&cli, &set, 6, shared);
    fs::set_permissions(cli.state_path(""), Permissions::from_mode(0o755)).expect("the mode is set");
    assert_refused(&cli, &set, 6, "Run: chmod 700 ~/.local/state/pindesk. Nothing was sent.\n");
    fs::set_permissions(cli.state_path(""), Permissions::from_mode(0o700)).expect("the mode is set");
    cli.write_file("token", 0o644, "SIMULATOR");
    assert_refused(&cli, &set, 6, "chmod 600 ~/token. Nothing was sent.\n");
    fs::remove_file(cli.path(".config/pindesk/config.toml")).expect("the file exists");
    assert_refused(&cli, &set, 6, "no config file found");
    assert_refused(&cli, &set, 6, "Nothing was sent.\n");
}

#[test]
fn no_access_and_no_connection_differ() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let set = ["pin", "set", &id, "--random", "--confirm", "0000"];
    cli.write_file("token", 0o600, "SIMULATOR-EXPIRED");
    assert_refused(&cli, &set, 8, "could not be read.");
    let config = fs::read_to_string(cli.path(".config/pindesk/config.toml")).expect("the file is readable");
    let offline = config.replace(&cli.simulator.base_url(), "http://127.0.0.1:1");
    cli.write_file(".config/pindesk/config.toml", 0o600, &offline);
    assert_refused(&cli, &set, 7, "could not be read.");
}

#[test]
fn changed_recipients_stop_all_sends_until_accepted() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let set = |id: &str| cli.run(&["pin", "set", id, "--random", "--confirm", &cli.last_four_digits(id)]);
    assert_eq!(set(&ids[0]).code, Some(0));
    let other = age::x25519::Identity::generate().to_public().to_string();
    cli.write_config("", &[&other]);
    let stopped = set(&ids[1]);
    let message = format!(
        "pindesk: the escrow recipients have changed. Nothing was sent.\n  added    {other}\n  removed  {}\n\
         \x20 If these recipients are right, run: pindesk escrow ack\n",
        cli.recipient()
    );
    assert_eq!((stopped.code, stopped.stderr), (Some(6), message));
    assert_eq!(cli.simulator.pin_request_count(), 1);
    let unchanged = format!(
        "not confirmed. The recipients are unchanged.\n  added    {other}\n  removed  {}\n  To accept them, add --confirm \
         with the count of recipients from now on, 0 if none is left.\n",
        cli.recipient()
    );
    let mismatch = "--confirm does not match the count of recipients from now on. The recipients are unchanged.\n";
    for (more, message) in [(&[][..], &*unchanged), (&["--no-input"], &unchanged), (&["--confirm", "2"], mismatch)] {
        assert_refused(&cli, &[&["escrow", "ack", "--json"], more].concat(), 5, message);
    }
    assert_eq!(set(&ids[1]).code, Some(6), "nothing was recorded");
    let accepted = cli.run(&["escrow", "ack", "--json", "--confirm", "1"]);
    let expected = serde_json::json!({"schema": 1, "changed": true, "added": [other], "removed": [cli.recipient()]});
    assert_eq!((accepted.code, accepted.summary()), (Some(0), expected));
    assert_eq!(cli.run(&["escrow", "ack"]).stdout, "The recipients have not changed. There is nothing to accept.\n");
    assert_eq!(set(&ids[1]).code, Some(0));
}

#[test]
fn removing_every_recipient_must_be_accepted_too() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let pin = cli.path("pin").to_str().expect("UTF-8").to_owned();
    let set = |id: &str| cli.run(&["pin", "set", id, "--pin-file", &pin, "--confirm", &cli.last_four_digits(id)]);
    assert_eq!(set(&ids[0]).code, Some(0));
    cli.write_config("", &[]);
    let stopped = set(&ids[1]);
    let message = format!(
        "pindesk: the escrow recipients have changed. Nothing was sent.\n  removed  {}\n  No recipient is left: pindesk would not encrypt PINs at all.\n  If these recipients are right, run: pindesk escrow ack\n",
        cli.recipient()
    );
    assert_eq!((stopped.code, stopped.stderr), (Some(6), message));
    let refused =
        format!("  removed  {}\n  No recipient is left: pindesk would no longer encrypt PINs, and ", cli.recipient());
    assert_refused(&cli, &["escrow", "ack"], 5, &refused);
    let accepted = cli.run(&["escrow", "ack", "--confirm", "0"]);
    let left = "No recipient is left: pindesk no longer encrypts PINs, and sets no random PINs of many.";
    let message = format!("  removed  {}\n{left}\n", cli.recipient());
    assert_eq!((accepted.code, accepted.stdout), (Some(0), message));
}

#[test]
fn a_typical_mistake_is_answered_with_what_to_do() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let waba = simulator::wabas()[0].id.to_string();
    let no_jobs =
        "no job 1: there are no jobs yet in ~/.local/state/pindesk\n  If the jobs are elsewhere, add: --state-dir DIR";
    assert_refused(&cli, &["jobs", "show", "1"], 2, no_jobs);
    for (arguments, message) in [
        (
            &["pin", "set", "ids.txt", "--random"][..],
            "NUMBER: expected a phone number ID, or a number such as +44 7700 900001. Nothing was sent.\n  \
             For a file of numbers: --from FILE\n  To find a number by its name: pindesk numbers list\n\
             See pindesk pin set --help.\n",
        ),
        (
            &["pin", "set", "--from", "none.txt", "--random"],
            "cannot read none.txt: No such file or directory. Nothing was",
        ),
        (
            &["pin", "set", &id, "--pin-file", "none"],
            "PIN file none: there is no such file. Nothing was sent.\n  Give the path of a file of mode 0600 that holds \
             the PIN, or - for a pipe.\n",
        ),
        (
            &["pin", "set", &waba, "--random"],
            " is a WABA, not a number. Nothing was sent.\n  To see the numbers: pindesk numbers list\n",
        ),
        (&["jobs", "show", "one"], "JOB: expected a whole number, 1 or more\nSee pindesk jobs show --help.\n"),
        (&["numbers", "list", "--two-step", "off"], "See pindesk numbers list --help.\n"),
        (&["--json", "numbers", "list"], "put --json after the command: pindesk numbers list --json\n"),
        (&["set", "pin"], "unknown command 'set' (did you mean 'pin set'?)\n"),
        (&["list", "jobs"], "unknown command 'list' (did you mean 'jobs list'?)\n"),
        (
            &["list"],
            "unknown command 'list' (did you mean 'numbers list', 'wabas list', 'escrow list', 'jobs list'?)\n",
        ),
        (
            &["pin", "set", "--from", "my list.txt", "--random"],
            "cannot read 'my list.txt': No such file or directory. ",
        ),
        (
            &["simulator", "--faults", &cli.write_file("junk.toml", 0o600, "x\n")],
            "\n  For an example of such a file: pindesk simulator --help\n",
        ),
        (
            &["simulator", "--write-config", &cli.path("token").display().to_string()],
            "pindesk: ~/token is a file\n  --write-config names a directory, which it creates if it is missing.\n",
        ),
        (&["simulator", "--faults", "none.toml"], "cannot read the fault file none.toml: No such file or directory\n"),
    ] {
        assert_refused(&cli, arguments, 2, message);
    }
}

#[test]
fn a_word_in_place_of_a_number_is_answered_with_what_to_do() {
    let cli = CliFixture::without_faults();
    for (arguments, message) in [
        (
            &["escrow", "open", "key.txt"][..],
            "NUMBER: expected a phone number ID, or a number such as +44 7700 900001\n  For a file with a private key: \
             --identity FILE\n  To find a number by its name: pindesk numbers list\nSee pindesk escrow open --help.\n",
        ),
        (
            &["numbers", "show", "Pied Piper"],
            "NUMBER: expected a phone number ID, or a number such as +44 7700 900001\n  To find a number by its name: \
             pindesk numbers list\nSee pindesk numbers show --help.\n",
        ),
        (
            &["audit", "show", "200000000000001"],
            "unexpected argument '200000000000001': put --number before a number\nSee pindesk audit show --help.\n",
        ),
        (
            &["pin", "set", "2015550", "--random"],
            " no number 2015550 in profile acme. Nothing was sent.\n  Start a phone number with + and the country code, as in \
             +44 7700 900001.\n",
        ),
        (
            &["numbers", "show", "9999"],
            "no number 9999 in profile acme\n  Give the whole number, or its ID: its last digits do not \
             name it for sure.\n  To see the numbers: pindesk numbers list\n",
        ),
        (
            &["numbers", "show", "+1"],
            "no number +1 in profile acme\n  If the number has blanks, put it in quotation marks, as in \
             '+44 7700 900001'.\n",
        ),
    ] {
        assert_refused(&cli, arguments, 2, message);
    }
}
