//! What a command needs before it starts: a config, a private token file, and for the console a terminal.

use super::{CliHome, UNREACHABLE_URL, waba_table};

#[test]
fn a_missing_config_names_the_searched_paths() {
    let home = CliHome::empty();
    let message = "pindesk: no config file found (~/.config/pindesk/config.toml, /etc/pindesk/config.toml)
  To try pindesk safely: pindesk --demo
  To use a file elsewhere: --config FILE
  To make one: the section Configure of the README, or for commands
  on made-up numbers its section Against the simulator
";
    let list = home.run(&["numbers", "list"]);
    assert_eq!((list.code, list.stdout.as_str(), list.stderr.as_str()), (Some(6), "", message));
    let console = home.run(&[]);
    assert_eq!((console.code, console.stderr.as_str()), (Some(6), message));
}

#[test]
fn a_readable_token_file_is_refused_with_a_chmod() {
    let output = CliHome::with_token(UNREACHABLE_URL, "SIMULATOR", 0o644, &waba_table(1)).run(&["numbers", "list"]);
    assert_eq!(output.code, Some(6));
    assert!(output.stderr.contains("(mode 0644)") && output.stderr.contains("chmod 600 ~/token"), "{output:?}");
}

#[test]
fn a_config_error_is_printed_line_by_line() {
    let broken = CliHome::new(UNREACHABLE_URL, "conccurency = 3\n").run(&["numbers", "list"]);
    let expected = "pindesk: ~/.config/pindesk/config.toml:4:1: unknown key \"conccurency\"\n  \
                    |\n\
                    4 | conccurency = …\n  \
                    | ^^^^^^^^^^^\n  \
                    = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, \
                    ca_file, read_only, business, discover_through_gateway, concurrency, waba, number\n  \
                    = did you mean \"concurrency\"?\n";
    assert_eq!((broken.code, broken.stderr.as_str()), (Some(6), expected));
}

#[test]
fn the_console_needs_a_terminal() {
    let home = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    for arguments in [&[][..], &["--demo"]] {
        let output = home.run(arguments);
        assert!(output.code == Some(2) && output.stdout.is_empty(), "{output:?}");
        let message = "pindesk: the console needs a terminal\n  For scripts: pindesk numbers list, pindesk pin set, pindesk jobs.";
        assert!(output.stderr.starts_with(message), "{output:?}");
    }
    let demo = home.run(&["--demo", "numbers", "list"]);
    assert!(demo.code == Some(2) && demo.stderr.contains("--demo"), "{demo:?}");
}
