//! `pindesk config`, and what commands say about a config that they cannot use.

use std::fs;

use super::{CliHome, UNREACHABLE_URL, waba_table};

#[test]
fn config_path_prints_the_file_in_use_even_with_an_error() {
    let home = CliHome::new(UNREACHABLE_URL, "no such line");
    let path = home.run(&["config", "path"]);
    assert_eq!((path.code, path.stdout.as_str()), (Some(0), "~/.config/pindesk/config.toml\n"));
    let none = CliHome::empty().run(&["config", "path"]);
    assert!(none.code == Some(6) && none.stderr.starts_with("pindesk: no config file found ("), "{none:?}");
}

#[test]
fn config_show_prints_what_file_and_flags_amount_to() {
    let home = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    let shown = home.run(&["config", "show", "--read-only"]);
    let expected = "# ~/.config/pindesk/config.toml\n\n\
                    [profile.test]\ntoken_file = \"~/token\"\ngraph_url = \"http://127.0.0.1:1\"\nread_only = true\n\n\
                    [[profile.test.waba]]\nid = \"100000000000001\"\nname = \"waba-1\"\n";
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(0), expected));
    let all = home.run(&["config", "show", "--defaults"]).stdout;
    assert!(all.contains("concurrency = 8\n") && all.contains("[console]\nglyphs = \"auto\"\n"), "{all}");
}

#[test]
fn a_mistake_in_any_part_stops_every_command_with_its_line() {
    let tables = waba_table(1);
    for (line, message) in [
        ("[keys]\nrefresh-al = \"g\"\n", "config.toml:8:1: unknown action\n"),
        ("[keys]\nrefresh-all = \"ctrl-b\"\n", "config.toml:8:15: the key Ctrl-B is reserved"),
        ("[escrow]\nrecipients = [\"age1x\"]\n", "config.toml:8:15: this age key is mistyped"),
        ("[console]\nshow_pin = \"1h\"\n", "such as \"10s\" or \"2m\"\n"),
    ] {
        let home = CliHome::new(UNREACHABLE_URL, &format!("{tables}{line}"));
        for arguments in [&["numbers", "list"][..], &["config", "show"]] {
            let output = home.run(arguments);
            assert!(output.code == Some(6) && output.stderr.contains(message), "{arguments:?}: {output:?}");
        }
    }
    let typo =
        CliHome::new(UNREACHABLE_URL, &format!("{tables}[keys]\nrefresh-al = \"g\"\n")).run(&["numbers", "list"]);
    assert!(typo.stderr.contains("did you mean \"refresh-all\"?") && !typo.stderr.contains("one of: \n"), "{typo:?}");
}

#[test]
fn a_profile_without_numbers_is_refused_with_the_lines_to_add() {
    // A gateway must not get the access token in a URL, so it is not asked for the WABAs of the token.
    let home = CliHome::new("https://gateway.example.invalid", "");
    home.write_file("pin", 0o600, "409726");
    let pin = home.0.path().join("pin");
    let pin = pin.to_str().expect("UTF-8");
    for arguments in [&["numbers", "list"][..], &["pin", "set", "200000000000001", "--pin-file", pin, "--confirm", "1"]]
    {
        let output = home.run(arguments);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (
                Some(6),
                "pindesk: profile test names no WABA and no number. Nothing was asked.\n  \
                 Add the WABAs whose numbers you manage to ~/.config/pindesk/config.toml:\n    \
                 [[profile.test.waba]]\n    \
                 id = \"…\"      # WhatsApp Manager, Account settings: WhatsApp Business account ID\n  \
                 or single numbers:\n    \
                 [[profile.test.number]]\n    \
                 id = \"…\"      # WhatsApp Manager, Phone numbers: phone number ID\n"
            ),
            "{arguments:?}"
        );
    }
    assert!(!fs::exists(home.0.path().join(".local")).expect("a directory"), "nothing was created");
}
