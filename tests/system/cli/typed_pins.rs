//! A PIN that was typed where it does not belong: no command repeats it, whatever its place on the command line.

use std::process::Stdio;

use super::CliFixture;

/// A PIN that stands in no ID and in no output of the simulator.
const TYPED: &str = "739184";

const ID: &str = "200000000000001";

/// The words of a command, and its options: the name, and whether it takes a value.
type DocumentedCommand = (Vec<String>, Vec<(String, bool)>);

/// The commands of `docs/commands.md`.
fn documented_commands() -> Vec<DocumentedCommand> {
    let text = include_str!("../../../docs/commands.md");
    let mut commands: Vec<DocumentedCommand> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let words = heading.trim_matches('`').split(' ').map(str::to_owned);
            commands.push((words.collect(), Vec::new()));
        } else if let (Some(cell), Some((_, options))) = (line.strip_prefix("| `"), commands.last_mut()) {
            let usage = cell.split('`').next().unwrap_or_default();
            let name = usage.split([' ', ',', '[']).find(|word| word.starts_with("--"));
            options.extend(name.map(|name| (name.to_owned(), usage.contains(' '))));
        }
    }
    commands
}

/// Command lines with [`TYPED`] in every place of one command.
fn command_lines(words: &[&str], options: &[(String, bool)]) -> Vec<Vec<String>> {
    let line = |parts: &[&[&str]]| parts.concat().iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let mut lines: Vec<Vec<String>> = (0..=words.len())
        .map(|place| line(&[&words[..place], &[TYPED], &words[place..]]))
        .chain([line(&[words, &[ID, TYPED]]), line(&[words, &["--pin", TYPED]])])
        .collect();
    for (name, takes_value) in options {
        let with_value = format!("{name}={TYPED}");
        lines.push(if *takes_value { line(&[words, &[name, TYPED]]) } else { line(&[words, &[&with_value]]) });
    }
    lines
}

/// True for a command line that is valid, and serves until it is stopped.
fn serves(line: &[String]) -> bool {
    let harmless = ["--numbers", "--seed", "--latency", "--calls-per-hour", "--write-config", "--app-secret"];
    line[0] == "simulator" && line.iter().any(|word| harmless.iter().any(|option| word.starts_with(option)))
}

#[test]
fn no_command_repeats_six_digits() {
    let cli = CliFixture::without_faults();
    assert_eq!(super::set_first_pin(&cli).code, Some(0));
    let commands = documented_commands();
    assert!(commands.len() > 15, "{commands:?}");
    let global = &commands.last().expect("the global options").1;
    let (mut count, mut leaks) = (0, Vec::new());
    for (words, options) in commands.iter().filter(|(words, _)| words[0] == "pindesk") {
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        // The global options are parsed in one place, so one command that reads and one that sends are enough.
        let takes_global = [&["numbers", "list"][..], &["pin", "set"]].contains(&&words[..]);
        let options: Vec<_> = options.iter().chain(global.iter().filter(|_| takes_global)).cloned().collect();
        for line in command_lines(&words, &options).into_iter().filter(|line| !serves(line)) {
            let arguments: Vec<&str> = line.iter().map(String::as_str).collect();
            let mut command = cli.command(&arguments);
            command.current_dir(cli.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
            let output = cli.wait_for_output(command.spawn().expect("the process starts"));
            let shown = format!("{}{}", output.stdout, output.stderr);
            if shown.contains(TYPED) {
                leaks.push(format!("{arguments:?}: {shown}"));
            }
            count += 1;
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(count > 100, "{count} command lines");
}
