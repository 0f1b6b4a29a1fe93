//! How a command ends if the machine gives it too little: no room for output, few descriptors, a limit of the size of
//! files. And what it passes on from `token_command`.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use super::{CliFixture, CommandOutput, SimulatorProcess};

/// Runs a command after this line of a shell.
fn run_in_shell(cli: &CliFixture, line: &str, arguments: &[&str]) -> CommandOutput {
    let command = cli.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{line}; exec \"$@\""), "sh"]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    cli.wait_for_output(shell.spawn().expect("a shell"))
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let cli = CliFixture::without_faults();
    assert_eq!(super::set_first_pin(&cli).code, Some(0));
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help", "pin"],
        &["pin", "set", "--help"],
        &["numbers", "list"],
        &["numbers", "list", "--csv"],
        &["numbers", "list", "--json"],
        &["numbers", "show", "200000000000001"],
        &["wabas", "list"],
        &["jobs", "list"],
        &["jobs", "show", "1"],
        &["jobs", "report", "1", "--csv"],
        &["escrow", "list"],
        &["escrow", "recipe"],
        &["audit", "show"],
        &["audit", "verify"],
        &["config", "path"],
        &["config", "show"],
        &["simulator", "--numbers", "1"],
    ] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full opens");
        let mut command = cli.command(arguments);
        let output =
            cli.wait_for_output(command.stdout(full).stderr(Stdio::piped()).spawn().expect("the process starts"));
        let expected = "pindesk: cannot write the output: No space left on device\n";
        assert_eq!((output.code, output.stderr.as_str()), (Some(9), expected), "{arguments:?}");
    }
}

#[test]
fn too_few_descriptors_are_told_before_any_work() {
    let cli = CliFixture::without_faults();
    let list = ["numbers", "list"];
    let set = ["pin", "set", "200000000000001", "--random", "--confirm", "0000", "--replace"];
    for limit in [8, 12, 16, 20] {
        for arguments in [&list[..], &set, &["jobs", "list"], &[]] {
            let output = run_in_shell(&cli, &format!("ulimit -n {limit}"), arguments);
            let expected = format!(
                "pindesk: this process may open only {limit} files at once, and pindesk needs 56. Run: ulimit -n 56\n"
            );
            assert_eq!((output.code, output.stderr), (Some(9), expected), "{limit} {arguments:?}");
        }
    }
    cli.write_config("concurrency = 64", &[cli.recipient()]);
    let output = run_in_shell(&cli, "ulimit -n 60", &list);
    let expected = "pindesk: this process may open only 60 files at once, and pindesk needs 112. Run: ulimit -n 112\n";
    assert_eq!((output.code, output.stderr.as_str()), (Some(9), expected));
    assert_eq!(run_in_shell(&cli, "ulimit -Sn 8", &list).code, Some(0), "a soft limit is raised");
    assert_eq!(cli.simulator.pin_request_count(), 0);
}

#[test]
fn a_job_needs_no_more_descriptors_than_are_checked() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 8);
    let list = cli.write_id_list(&ids);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "8"];
    let output = run_in_shell(&cli, "ulimit -n 56", &set);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn a_limit_of_the_size_of_files_is_told_before_any_work() {
    let cli = CliFixture::without_faults();
    let set = ["pin", "set", "200000000000001", "--random", "--confirm", "0000", "--replace"];
    for (blocks, bytes) in [(0, 0), (1, 512), (1_000, 512_000)] {
        for arguments in [&set[..], &["jobs", "list"], &["numbers", "list"]] {
            let output = run_in_shell(&cli, &format!("ulimit -f {blocks}"), arguments);
            let expected = format!(
                "pindesk: this process may write only {bytes} bytes into a file, and pindesk needs 67108864 for its journal. \
                 Run: ulimit -f unlimited\n"
            );
            assert_eq!((output.code, output.stderr), (Some(9), expected), "{blocks} {arguments:?}");
        }
    }
    assert_eq!(cli.simulator.pin_request_count(), 0);
    assert!(!cli.state_path("").exists());
}

#[test]
fn the_messages_of_a_token_command_are_cleaned() {
    let cli = CliFixture::without_faults();
    let script = cli.path("token.sh");
    let token = cli.path("token");
    let text = format!(
        "printf 'Touch the key: ' >&2; printf '\\033]0;x\\007\\342\\200\\256\\r\\n' >&2; cat {}; printf 'bye' >&2",
        token.display()
    );
    fs::write(&script, text).expect("a script");
    let config = fs::read_to_string(cli.path(".config/pindesk/config.toml")).expect("a config");
    let token_file = format!("token_file = \"{}\"", token.display());
    let token_command = format!("token_command = [\"/bin/sh\", \"{}\"]", script.display());
    cli.write_file(".config/pindesk/config.toml", 0o600, &config.replace(&token_file, &token_command));
    let output = cli.run(&["numbers", "list", "--csv"]);
    let expected = "Touch the key: \\u{1b}]0;x\\u{7}\\u{202e}\nbye\n";
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), expected));
    fs::write(&script, "head -c 20000 /dev/zero | tr '\\0' x >&2; exit 3").expect("a script");
    let output = cli.run(&["numbers", "list", "--csv"]);
    let expected = "x".repeat(8 << 10)
        + "…\npindesk: token_command wrote more messages, which are not shown.\n\
           pindesk: token_command /bin/sh: it failed (exit status: 3)\n";
    assert_eq!((output.code, output.stderr), (Some(6), expected));
}

#[test]
fn variables_that_name_certificates_are_told_and_ignored() {
    let cli = CliFixture::without_faults();
    let line = "pindesk: SSL_CERT_FILE is ignored: pindesk trusts the authorities of the system, and those of ca_file in \
                the config.\n";
    let listed = |url: &str| {
        cli.write_config("", &[]);
        let config = fs::read_to_string(cli.path(".config/pindesk/config.toml")).expect("a config");
        let config = config.replace(&cli.simulator.base_url(), url);
        cli.write_file(".config/pindesk/config.toml", 0o600, &config);
        let mut command = cli.command(&["numbers", "list"]);
        command.env("SSL_CERT_FILE", "/no/such/file").stdout(Stdio::piped()).stderr(Stdio::piped());
        cli.wait_for_output(command.spawn().expect("the process starts"))
    };
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let no_tls = listed(&simulator.url.replace("http:", "https:"));
    assert!(no_tls.code == Some(7) && no_tls.stderr.starts_with(line), "{no_tls:?}");
    assert_eq!(listed(&simulator.url).stderr, "", "a connection without TLS trusts nobody");
}
