//! Writes `docs/commands.md` from the command line's own definition, so that no flag is missing there.

use std::fmt::Write as _;

use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# Commands

Without a command, pindesk opens the console. `pindesk COMMAND --help` prints the same. Results go to standard output,
messages to standard error; the [README](../README.md) lists the exit codes.

The code generates this page: run `UPDATE_DOCS=1 cargo test --test tidy`.
";

/// Every command with its arguments, then the options of all commands.
pub(super) fn commands_markdown(mut root: Command) -> String {
    root.build();
    let mut out = INTRODUCTION.to_owned();
    push_command(&mut out, &root, "pindesk");
    // Writing to a String cannot fail.
    writeln!(out, "\n## Global options\n\nEvery command takes these.").ok();
    push_arguments(&mut out, root.get_arguments().filter(|arg| arg.is_global_set()));
    out
}

/// Writes a command and those below it. A command that only groups others has no section.
fn push_command(out: &mut String, command: &Command, path: &str) {
    let subcommands: Vec<_> = command.get_subcommands().filter(|command| is_shown(command)).collect();
    if subcommands.is_empty() || path == "pindesk" {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        let usage: Vec<_> = usage.lines().map(|line| format!("    {}", line.trim())).collect();
        write!(out, "\n## `{path}`\n\n{about}.\n\n{}\n", usage.join("\n")).ok();
        push_arguments(out, command.get_arguments().filter(|arg| !arg.is_global_set()));
        if let Some(help) = command.get_after_help() {
            write!(out, "\n```text\n{help}\n```\n").ok();
        }
    }
    for subcommand in subcommands {
        push_command(out, subcommand, &format!("{path} {}", subcommand.get_name()));
    }
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn push_arguments<'a>(out: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let is_shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let rows: String = arguments.filter(is_shown).map(row).collect();
    if !rows.is_empty() {
        write!(out, "\n| argument | what it is |\n|--|--|\n{rows}").ok();
    }
}

fn row(arg: &Arg) -> String {
    let takes_value = arg.is_positional() || arg.get_num_args().is_some_and(|count| count.takes_values());
    let names = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let value = names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
    let value = if value.is_empty() || arg.is_positional() { value } else { format!(" {value}") };
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}{value}"),
        (None, Some(long)) => format!("--{long}{value}"),
        (Some(short), None) => format!("-{short}{value}"),
        (None, None) => value,
    };
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<_> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !choices.is_empty() {
        write!(help, ": {}", choices.join(", ")).ok();
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        write!(help, " (default: `{}`)", defaults.join(" ")).ok();
    }
    format!("| `{name}` | {help} |\n")
}
