//! The command line itself: which values and arguments are refused, that no refusal repeats a value, and the help text.

use super::CliHome;

#[test]
fn an_invalid_value_is_refused_with_what_is_valid() {
    const LONG: &str = "99999999999999999999999";
    let home = CliHome::empty();
    let whole_number = |least| format!("expected a whole number, {least} or more");
    let (from_0, from_1) = (whole_number(0), whole_number(1));
    let up_to_64 = "expected a number from 1 to 64".to_owned();
    let address = "expected an address and a port, such as 127.0.0.1:8080".to_owned();
    let list = ["pin", "set", "--from", "ids.txt", "--random"];
    for (arguments, name, bad, message) in [
        (&list[..], "--first", &["0", "x", "", "1.5"][..], &from_1),
        (&list, "--concurrency", &["0", "65", "x", "", LONG], &up_to_64),
        (&["jobs", "resume", "1"], "--concurrency", &["0", "65", "x", "", LONG], &up_to_64),
        (&["jobs", "show"], "", &["0", "x", ""], &from_1),
        (&["jobs", "resume"], "", &["0", "x", ""], &from_1),
        (&["simulator"], "--numbers", &["x", ""], &from_0),
        (&["simulator"], "--seed", &["x", ""], &from_0),
        (&["simulator"], "--latency", &["x", ""], &from_0),
        (&["simulator"], "--listen", &["x", "", "localhost:1", "127.0.0.1"], &address),
        (&["--demo"], "--demo-numbers", &["x", ""], &from_0),
        (&["--demo"], "--demo-seed", &["x", ""], &from_0),
        (&["--demo"], "--demo-latency", &["x", ""], &from_0),
    ] {
        let run = |value: &str| {
            let name = Some(name).filter(|name| !name.is_empty());
            home.run(&arguments.iter().copied().chain(name).chain([value]).collect::<Vec<_>>())
        };
        let is_sending = arguments[0] == "pin" || arguments.starts_with(&["jobs", "resume"]);
        let end = if is_sending { ". Nothing was sent.\nSee pindesk " } else { "\nSee pindesk " };
        for value in bad {
            let output = run(value);
            assert!(
                output.code == Some(2) && output.stderr.contains(&format!("{message}{end}")),
                "{arguments:?} {name} {value}: {output:?}"
            );
        }
        let output = run(LONG);
        assert!(output.code == Some(2) && !output.stderr.contains(LONG), "{arguments:?} {name}: {output:?}");
        let is_number = message == &from_1 || message == &from_0;
        assert!(
            !is_number || output.stderr.contains(&format!("the number is too large{end}")),
            "{arguments:?} {name}: {output:?}"
        );
    }
}

#[test]
fn wrong_arguments_are_refused_without_repeating_a_value() {
    let home = CliHome::empty();
    for arguments in [
        &["--pin", "409726"][..],
        &["--pin=409726"],
        &["numbers", "list", "--pin", "409726"],
        &["numbers", "show", "--pin=409726"],
        &["--token", "EAAJ409726"],
        &["--access-token=EAAJ409726"],
        &["numbers", "list", "--token", "EAAJ409726"],
        &["409726"],
        &["EAAJ409726"],
        &["-p409726"],
        &["numbers", "list", "409726"],
        &["numbers", "show", "EAAJ409726"],
        &["numbers", "list", "--waba", "EAAJ409726"],
        &["numbers", "list", "--two-step", "EAAJ409726"],
        &["--read-only=409726"],
        &["--demo", "--demo-numbers", "EAAJ409726"],
        &["simulator", "--listen", "EAAJ409726"],
    ] {
        let output = home.run(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            !output.stderr.contains("409726") && !output.stderr.contains("EAAJ"),
            "{arguments:?}: {}",
            output.stderr
        );
        assert!(output.stderr.starts_with("pindesk: "), "{}", output.stderr);
    }
    let pin = home.run(&["--pin", "409726"]);
    assert!(pin.stderr.starts_with("pindesk: other users can see a PIN on the command line.\n  Use "), "{pin:?}");
    let token = home.run(&["--token", "EAAJ409726"]);
    assert!(
        token.stderr.starts_with("pindesk: other users can see an access token on the command line. "),
        "{token:?}"
    );
    let typo = home.run(&["--profil", "x"]);
    assert!(typo.stderr.contains("unexpected argument '--profil' (did you mean '--profile'?)"), "{typo:?}");
}

#[test]
fn help_starts_with_examples_and_fits_80_columns() {
    let home = CliHome::empty();
    for arguments in [
        &["--help"][..],
        &["numbers", "--help"],
        &["numbers", "list", "--help"],
        &["pin", "set", "--help"],
        &["escrow", "open", "--help"],
        &["jobs", "resume", "--help"],
        &["audit", "show", "--help"],
        &["simulator", "--help"],
    ] {
        let mut command = home.command(arguments);
        let help = home.output_of(command.env("COLUMNS", "200").env("PINDESK_TOKEN_FILE", "/secret/place"));
        assert!(help.code == Some(0) && !help.stdout.contains("/secret/place"));
        let long: Vec<_> = help.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{arguments:?}: {long:?}");
    }
    let help = home.run(&["--help"]).stdout;
    assert!(help.find("pindesk --demo ").expect("an example") < help.find("Usage:").expect("a usage line"));
}
