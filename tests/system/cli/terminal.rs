//! Commands on a terminal: tables that fit it, colors, and the question of a command that sends.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::{assert_refused, run_in_terminal, set_one_pin};
use crate::support::cli_fixture::{CliFixture, wait_until_held};
use crate::support::pty::PtySession;

/// A fixture with a job in which one number was set, one failed, and one has no answer.
fn fixture_with_a_job() -> CliFixture {
    fixture_with_note("TICKET-123 株式会社テスト")
}

/// The same with this note.
fn fixture_with_note(note: &str) -> CliFixture {
    let ids = CliFixture::without_faults().number_ids("not-set", 3);
    let fault = |id: &str, answer: &str| format!("[[fault]]\nnumber = \"{id}\"\nanswer = {answer}\n");
    let faults = fault(&ids[1], "{ code = 133010, status = 400 }") + &fault(&ids[2], "\"success-false\"");
    let cli = CliFixture::new(Duration::ZERO, &faults);
    let list = cli.write_id_list(&ids);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "3", "--note", note];
    assert_eq!(cli.run(&set).code, Some(4));
    cli
}

/// The words of a text, however it was wrapped.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn no_table_is_wider_than_the_terminal() {
    let cli = fixture_with_a_job();
    let key = cli.path("key.txt");
    let key = key.to_str().expect("UTF-8");
    for arguments in [
        &["numbers", "list"][..],
        &["jobs", "list"],
        &["jobs", "show", "1"],
        &["audit", "show"],
        &["escrow", "list"],
        &["escrow", "open", "--identity", key],
    ] {
        for columns in [60, 80, 120] {
            let output = run_in_terminal(&cli, arguments, columns, &[("NO_COLOR", "1")]);
            let too_wide = |line: &&str| line.width() > usize::from(columns);
            // Messages are not tables: the terminal wraps them.
            let long: Vec<_> = output.lines().filter(|line| !line.starts_with("pindesk: ")).filter(too_wide).collect();
            assert!(long.is_empty(), "{arguments:?} {columns}: {long:#?}");
        }
    }
    let wide = run_in_terminal(&cli, &["numbers", "list", "--wide"], 80, &[]);
    assert!(wide.lines().next().is_some_and(|line| line.ends_with("QUALITY")), "{wide}");
    assert!(!wide.contains('~'), "nothing is cut: {wide}");
}

#[test]
fn notes_and_the_words_of_meta_break_between_words() {
    let note =
        "a new owner asked for all PINs of the shops, see the mail of Monday and the list that came with it, twice";
    let cli = fixture_with_note(note);
    for arguments in [&["jobs", "list"][..], &["jobs", "show", "1"], &["jobs", "report", "1"], &["audit", "show"]] {
        let output = run_in_terminal(&cli, arguments, 80, &[("NO_COLOR", "1")]);
        let long: Vec<_> = output.lines().filter(|line| line.width() > 80).collect();
        assert!(long.is_empty(), "{arguments:?}: {long:#?}");
        assert!(words(&output).contains(note), "{arguments:?}: {output}");
    }
}

#[test]
fn a_list_of_jobs_cuts_no_count() {
    let cli = fixture_with_a_job();
    for columns in [60, 80] {
        let output = run_in_terminal(&cli, &["jobs", "list"], columns, &[("NO_COLOR", "1")]);
        let words = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(" 3 finished 1 failed, 1 no answer; TICKET-123 株式会社テスト"), "{columns}: {output}");
    }
}

#[test]
fn the_audit_cuts_no_name_where_there_is_room() {
    let cli = fixture_with_a_job();
    let shown = |columns| run_in_terminal(&cli, &["audit", "show"], columns, &[("NO_COLOR", "1")]);
    let wide = shown(120);
    assert!(wide.lines().filter(|line| line.contains("  +")).all(|row| !row.contains('~')), "{wide}");
    let narrow = shown(80);
    let rows: Vec<_> = narrow.lines().filter(|line| line.contains('~')).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.ends_with('~')), "the name gives way: {narrow}");
}

#[test]
fn only_a_terminal_gets_colors_unless_they_are_refused() {
    let cli = fixture_with_a_job();
    let show = ["jobs", "show", "1"];
    let colored = run_in_terminal(&cli, &show, 120, &[]);
    assert!(colored.contains("\x1b[31mfailed\x1b[0m") && colored.contains("\x1b[35mno answer\x1b[0m"), "{colored}");
    for plain in [
        run_in_terminal(&cli, &show, 120, &[("NO_COLOR", "1")]),
        run_in_terminal(&cli, &show, 120, &[("TERM", "dumb")]),
        run_in_terminal(&cli, &[&show[..], &["--no-color"]].concat(), 120, &[]),
        cli.run(&show).stdout,
    ] {
        assert!(plain.contains("failed") && !plain.contains('\x1b'), "{plain}");
    }
}

/// Starts `pin set` without `--confirm` on a terminal, and waits for its question.
fn ask(cli: &CliFixture, arguments: &[&str]) -> PtySession {
    let home = cli.path("");
    let env = [("HOME", home.to_str().expect("UTF-8")), ("USER", "ana"), ("TERM", "xterm")];
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), arguments, (80, 24), &env);
    session.wait_for("cancel:");
    session
}

#[test]
fn the_operator_is_asked_on_a_terminal() {
    let cli = CliFixture::without_faults();
    let mut ids = cli.number_ids("not-set", 2);
    ids.extend(cli.number_ids("on", 1));
    let list = cli.write_id_list(&ids[1..]);
    let [one, many] = [&["pin", "set", &ids[0], "--random"][..], &["pin", "set", "--from", &list, "--random"]];
    let many = [many, &["--replace"]].concat();
    let canceled = "canceled. Nothing was sent.";
    let [digits, count] = ["the last 4 digits of the number. ", "the count of numbers. Nothing was sent."];
    let wrong = |what: &str| format!("what you typed does not match {what}");
    for (arguments, answer, message) in [
        (one, "", canceled),
        (one, "1234", &wrong(digits)),
        (one, "2", &wrong(digits)),
        (one, "y", &format!("what you typed is not a number. It must be {digits}")),
        (&many, "", canceled),
        (&many, "1", &wrong(count)),
    ] {
        let mut session = ask(&cli, arguments);
        session.send(format!("{answer}\r"));
        assert_eq!(session.wait_exit().code, 5, "{}", session.screen());
        assert!(words(&session.screen()).contains(message.trim_end()), "{}", session.screen());
    }
    assert_eq!(cli.simulator.pin_request_count(), 0);
    let mut session = ask(&cli, one);
    let screen = session.screen();
    let question = "Set a random PIN on 1 number of profile acme (TEST)? It is saved to the escrow";
    let new_dir = "This state directory is new: /";
    assert!(words(&screen).contains(question) && words(&screen).contains(new_dir), "{screen}");
    session.send(cli.last_four_digits(&ids[0]) + "\r");
    assert_eq!(session.wait_exit().code, 0, "{}", session.screen());
    let mut session = ask(&cli, &many);
    let screen = session.screen();
    for line in [
        "Set a different random PIN on 2 numbers of profile acme (TEST)? Each is saved to",
        "Two-step verification is on, or may be, on 1 of them. The old PIN stops working.",
    ] {
        assert!(screen.contains(line) && !screen.contains("state directory"), "{screen}");
    }
    session.send("2\r");
    assert_eq!(session.wait_exit().code, 0, "{}", session.screen());
    assert_eq!(cli.simulator.pin_request_count(), 3);
}

/// What a job prints whose 30 numbers are all refused with a code that nobody knows, one after the other.
fn refused_job(more: &[&str], answer: Option<&str>) -> (CliFixture, u32, String) {
    let cli = CliFixture::new(Duration::ZERO, "[[fault]]\nevery = 1\nanswer = { code = 987654, status = 400 }");
    let list = cli.write_id_list(&[cli.number_ids("not-set", 10), cli.number_ids("on", 20)].concat());
    let set = ["pin", "set", "--from", &list, "--random", "--replace", "--confirm", "30", "--concurrency", "1"];
    let home = cli.path("");
    let env = [("HOME", home.to_str().expect("UTF-8")), ("USER", "ana"), ("TERM", "xterm")];
    let arguments = [&set[..], more].concat();
    let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &arguments, (120, 60), &env);
    if let Some(answer) = answer {
        session.wait_for("or press Enter to ");
        session.send(answer);
    }
    let code = session.wait_exit().code;
    let output = String::from_utf8(session.bytes()).expect("UTF-8").replace("\r\n", "\n");
    (cli, code, output)
}

#[test]
fn refusals_that_nobody_knows_are_asked_about() {
    let question =
        "5 numbers in a row were refused with code 987654, which pindesk does not know. Send the other 25?\n";
    let (cli, code, output) = refused_job(&[], Some("25\r"));
    assert!(code == 3 && output.matches(question).count() == 1, "{output}");
    assert!(output.contains("30 numbers: 0 set, 30 failed, 0 not sent, 0 no answer."), "{output}");
    assert_eq!(cli.simulator.pin_request_count(), 30);
    for (more, answer) in [(&[][..], Some("\r")), (&[], Some("y\r")), (&["--no-input"], None)] {
        let (cli, code, output) = refused_job(more, answer);
        assert_eq!((code, output.contains(question)), (3, answer.is_some()), "{output}");
        assert!(output.contains("30 numbers: 0 set, 5 failed, 25 not sent, 0 no answer."), "{output}");
        let rest = output.lines().find(|line| line.starts_with("To send the rest: pindesk jobs resume 1 "));
        assert!(rest.is_some_and(|line| line.ends_with(" --confirm 25")), "{output}");
        assert_eq!(cli.simulator.pin_request_count(), 5);
    }
}

#[test]
fn what_is_stopped_among_the_first_numbers_is_not_asked_about() {
    let (cli, code, output) = refused_job(&["--first", "10"], Some("\r"));
    assert!(code == 3 && output.contains("Send the other 5?") && !output.contains("So far:"), "{output}");
    assert!(output.contains("30 numbers: 0 set, 5 failed, 25 not sent, 0 no answer."), "{output}");
    assert_eq!(cli.simulator.pin_request_count(), 5);
}

#[test]
fn refused_first_numbers_are_asked_about_once() {
    let (cli, code, output) = refused_job(&["--first", "5"], Some("\r"));
    let question = "So far: 0 set, 5 failed, 0 not sent, 0 no answer.\nSend the other 25?";
    assert!(code == 3 && output.contains(question) && !output.contains("5 numbers in a row"), "{output}");
    assert!(output.contains("30 numbers: 0 set, 5 failed, 25 not sent, 0 no answer."), "{output}");
    assert_eq!(cli.simulator.pin_request_count(), 5);
}

#[test]
fn a_signal_ends_a_job_that_asks() {
    let (_cli, code, output) = refused_job(&[], Some("\u{3}"));
    assert_eq!(code, 3, "5 numbers failed before the signal: {output}");
    assert!(
        output.contains("stopped before it was sent")
            && output.contains("30 numbers: 0 set, 5 failed, 25 not sent, 0 no answer."),
        "{output}"
    );
}

#[test]
fn the_operator_is_asked_after_the_first_numbers() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 4);
    let set = |answer: &str, ids: &[String]| {
        let list = cli.write_id_list(ids);
        let mut session = ask(&cli, &["pin", "set", "--from", &list, "--random", "--first", "1", "--no-color"]);
        assert!(session.screen().contains("After the first 1, pindesk asks again."), "{}", session.screen());
        session.send("2\r");
        session.wait_for("So far: 1 set, 0 failed, 0 not sent, 0 no answer.\nSend the other 1?");
        session.wait_for("or press Enter to leave them:");
        session.send(answer);
        (session.wait_exit().code, session.screen())
    };
    let (code, screen) = set("\r", &ids[..2]);
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("Job 1, 2 numbers: 1 set, 0 failed, 1 not sent, 0 no answer."), "{screen}");
    assert!(screen.contains("  not sent     "), "{screen}");
    assert!(screen.contains("left after the first numbers of the job"), "{screen}");
    assert!(screen.contains("To send the rest: pindesk jobs resume 1 --confirm 1"), "{screen}");
    let (code, screen) = set("yes\r", &ids[2..]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Job 2, 2 numbers: 2 set, 0 failed, 0 not sent, 0 no answer."), "{screen}");
    assert_eq!(cli.simulator.pin_request_count(), 3);
}

#[test]
fn the_operator_is_asked_before_a_list_is_set_again() {
    let cli = CliFixture::without_faults();
    let list = cli.write_id_list(&cli.number_ids("not-set", 2));
    let set = ["pin", "set", "--from", &list, "--random", "--replace", "--confirm", "2"];
    assert_eq!(cli.run(&set).code, Some(0));
    for (answer, code, message) in [
        ("\r", 5, "pindesk: canceled. Nothing was sent."),
        ("2\r", 5, "pindesk: what you typed is not the word \"again\". Nothing was sent."),
        ("again\r", 0, "Job 2, 2 numbers: 2 set, "),
    ] {
        let mut session = ask(&cli, &set);
        assert!(session.screen().contains("job 1 set 2 of 2 numbers, the last at "), "{}", session.screen());
        session.send(answer);
        assert_eq!(session.wait_exit().code, code, "{}", session.screen());
        assert!(session.screen().contains(message), "{}", session.screen());
    }
    assert_eq!(cli.simulator.pin_request_count(), 4);
}

#[test]
fn a_question_names_a_new_state_directory() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let typo = cli.path("typo");
    let mut session = ask(&cli, &["pin", "set", &id, "--random", "--state-dir", typo.to_str().expect("UTF-8")]);
    let screen = session.screen();
    assert!(screen.contains("\nThis state directory is new: /") && !screen.contains("pindesk: "), "{screen}");
    session.send("\r");
    assert_eq!(session.wait_exit().code, 5, "{}", session.screen());
    assert!(!typo.exists(), "a canceled command leaves nothing");
}

#[test]
fn the_question_says_who_gets_the_same_pin() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    let (list, pin) = (cli.write_id_list(&ids), cli.path("pin"));
    let pin = pin.to_str().expect("UTF-8");
    let one = ["pin", "set", &ids[0], "--pin-file", pin];
    let many = ["pin", "set", "--from", &list, "--pin-file", pin];
    for recipients in [&[cli.recipient()][..], &[]] {
        cli.write_config("", recipients);
        for (arguments, what) in [
            (&one[..], format!("Set the PIN of {pin} on 1 number of profile acme (TEST)?")),
            (&many, format!("Set the same PIN, that of {pin}, on 2 numbers of profile acme (TEST)?")),
        ] {
            let mut session = ask(&cli, arguments);
            // The line is longer than the screen.
            let screen = session.screen().replace('\n', "");
            let screen = screen.replace(' ', "");
            assert!(screen.contains(&what.replace(' ', "")), "{screen}");
            assert_eq!(screen.contains("?WithoutanescrowonlyyouhavethisPIN."), recipients.is_empty(), "{screen}");
            session.send("\r");
            assert_eq!(session.wait_exit().code, 5, "{}", session.screen());
        }
    }
}

#[test]
fn a_number_in_doubt_is_refused_before_the_question() {
    let ids = CliFixture::without_faults().number_ids("not-set", 2);
    let fault = format!("[[fault]]\nnumber = \"{}\"\nanswer = \"success-false\"", ids[0]);
    let cli = CliFixture::new(Duration::ZERO, &fault);
    assert_eq!(set_one_pin(&cli, &ids[0], &["-q"]).code, Some(4));
    let requests = cli.simulator.pin_request_count();
    let output = run_in_terminal(&cli, &["pin", "set", &ids[0], "--random"], 200, &[]);
    let (before, after) = output.split_once(" UTC: ").expect("a time");
    assert!(before.starts_with("pindesk: 1 number: in doubt until ") && !output.contains("resume"), "{output}");
    assert!(after.starts_with("an earlier PIN could still take effect. Nothing was sent.\n  +"), "{output}");
    assert!(after.ends_with("\n  Run this command again then.\n"), "{output}");
    assert_refused(&cli, &["pin", "set", &ids[0], "--random"], 4, "in doubt until ");
    let list = cli.write_id_list(&ids);
    let mut session = ask(&cli, &["pin", "set", "--from", &list, "--random", "--replace"]);
    let screen = session.screen();
    assert!(
        screen.contains("\n1 of them is in doubt until ") && screen.contains("No PIN is sent there now."),
        "{screen}"
    );
    session.send("\r");
    assert_eq!(session.wait_exit().code, 5, "{}", session.screen());
    assert_eq!(cli.simulator.pin_request_count(), requests);
}

#[test]
fn changed_escrow_recipients_are_asked_about() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &[]).code, Some(0));
    let other = age::x25519::Identity::generate().to_public().to_string();
    cli.write_config("", &[cli.recipient(), &other]);
    let canceled = "canceled. The recipients are unchanged.";
    let wrong = "what you typed does not match the count of recipients from now on. The recipients are unchanged.";
    for (answer, code, message) in [("", 5, canceled), ("1", 5, wrong), ("2", 0, "From now on, PINs are encrypted to")]
    {
        let mut session = ask(&cli, &["escrow", "ack"]);
        let screen = session.screen();
        let question = format!(
            "The escrow recipients have changed: added {other} stays {} Accept these 2 recipients? Type the count of",
            cli.recipient()
        );
        assert!(words(&screen).contains(&question), "{screen}");
        session.send(format!("{answer}\r"));
        assert_eq!(session.wait_exit().code, code, "{}", session.screen());
        assert!(words(&session.screen()).contains(message), "{}", session.screen());
    }
    let again = cli.run(&["escrow", "ack"]);
    assert_eq!(again.stdout, "The recipients have not changed. There is nothing to accept.\n");
}

#[test]
fn a_pin_is_not_typed_where_it_would_be_visible() {
    let cli = CliFixture::without_faults();
    let output = run_in_terminal(&cli, &["pin", "set", "200000000000001", "--pin-file", "-"], 80, &[]);
    assert_eq!(
        output,
        "pindesk: a PIN typed here would be visible. Nothing was sent.\n  Put the PIN into a file of mode 0600, or into a \
         pipe.\n  Or set it in the console, which shows no digit: pindesk\n"
    );
}

#[test]
fn nobody_is_asked_with_no_input() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let output = run_in_terminal(&cli, &["pin", "set", &id, "--random", "--no-input"], 80, &[]);
    assert!(words(&output).starts_with("pindesk: not confirmed. Nothing was sent. "), "{output}");
    assert!(!cli.state_path("").exists(), "a refused command leaves nothing");
    assert_eq!(cli.simulator.pin_request_count(), 0);
}

#[test]
fn the_table_of_numbers_names_the_last_request() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    assert_eq!(set_one_pin(&cli, &id, &[]).code, Some(0));
    let table = cli.run(&["numbers", "list"]).stdout;
    let rows: Vec<_> = table.lines().filter(|line| line.contains("  set ")).collect();
    assert!(rows.len() == 1 && rows[0].ends_with(&id) && rows[0].contains("  on        set "), "{rows:?}");
    let listed = cli.run(&["numbers", "list", "--json"]).json_lines();
    let requested: Vec<_> = listed.iter().filter(|object| object["request"] == "set").collect();
    assert!(requested.len() == 1 && requested[0]["phone_number_id"] == id.as_str(), "{requested:?}");
    let last_set_at = requested[0]["last_set_at"].as_str().expect("a time");
    let csv = cli.run(&["numbers", "list", "--csv"]).stdout;
    let rows: Vec<_> = csv.lines().filter(|line| line.contains(&id)).collect();
    assert!(rows.len() == 1 && rows[0].ends_with(&format!(",set,{last_set_at}")), "{rows:?}");
    assert!(csv.lines().filter(|line| !line.contains(&id)).skip(1).all(|line| line.ends_with(",,")), "{csv}");
}

#[test]
fn a_silent_job_says_how_far_it_is_and_what_it_awaits() {
    let cli = CliFixture::without_faults();
    let list = cli.write_id_list(&cli.number_ids("not-set", 3));
    let held = cli.simulator.hold_changes(0);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "3", "--concurrency", "2", "--no-color"];
    let home = cli.path("");
    let env = [("HOME", home.to_str().expect("UTF-8")), ("USER", "ana"), ("TERM", "xterm")];
    let mut session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), &set, (120, 24), &env);
    wait_until_held(&held, 2);
    session.wait_for_bytes(b"pindesk: 0 of 3 done, 2 sent and waiting for an answer.\r\n");
    session.send("\u{3}");
    session.wait_for("\n^C\n");
    session.wait_for("\npindesk: stopping. 2 requests in flight are awaited, at most 35 s. Nothing new is sent.");
    drop(held);
    assert_eq!(session.wait_exit().code, 130, "{}", session.screen());
    session.wait_for("Job 1, 3 numbers: 2 set, 0 failed, 1 not sent, 0 no answer.");
}

#[test]
fn messages_break_between_words_on_a_terminal_only() {
    let cli = CliFixture::without_faults();
    let id = cli.number_ids("not-set", 1).remove(0);
    let set = ["pin", "set", &id, "--random", "--no-input"];
    let wrapped = run_in_terminal(&cli, &set, 40, &[]);
    assert!(wrapped.lines().all(|line| line.width() <= 40), "{wrapped}");
    let piped = cli.run(&set).stderr;
    assert!(piped.lines().any(|line| line.width() > 40), "{piped}");
    assert_eq!(words(&wrapped), words(&piped));
}
