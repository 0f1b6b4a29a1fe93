//! The messages for arguments that cannot be used.
//!
//! It never repeats a value: an operator may have put a PIN or an access token on the command line, and messages end up
//! in logs.

mod extra_words;

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::arg_parsers::{ParseNoteError, ParseNumberArgError};
use crate::cli::error::CliError;
use crate::cli::typed_pin::{self, TypedPinError};
use crate::domain::note::TICKET_FORM;

use extra_words::ExtraWords;

const PIN_ARG_ERROR: &str = "other users can see a PIN on the command line.";

const TYPED_CONFIRMATION_ERROR: &str = "four digits after the number";

const NUMBER_PARTS_ERROR: &str = "this looks like a number with blanks between its digits";

const TOKEN_ARG_ERROR: &str = "other users can see an access token on the command line. Put it into a file of mode \
                               0600, and name that file in the config: token_file = \"FILE\"";

/// The longest word that is repeated: longer than any name here, shorter than any token.
const MAX_ECHOED_LEN: usize = 20;

/// More digits than a PIN or a confirmation has.
const MIN_ECHOED_DIGITS: usize = 10;

/// The commands that send or record something. A message says that they did not.
const SENDING: [&str; 2] = ["pin ", "jobs resume "];
const RECORDING: [&str; 2] = ["jobs check ", "escrow ack "];

/// Says why arguments cannot be used, without repeating what may be a secret. `command` is the whole command line, and
/// `arguments` are those of the process.
pub(crate) fn error_message(
    error: &clap::Error,
    command: &clap::Command,
    arguments: impl Iterator<Item = String>,
) -> String {
    let arguments: Vec<String> = arguments.collect();
    // These name arguments only.
    let Some(refusal) = refusal(error, command, &arguments) else {
        return error.render().to_string().trim_end().to_owned();
    };
    let path = command_path(error).unwrap_or_else(|| typed_path(command, &arguments).0);
    let is_among = |commands: &[&str]| commands.iter().any(|start| path.starts_with(start));
    let refusal = if is_among(&SENDING) {
        refusal.nothing_sent()
    } else if is_among(&RECORDING) {
        refusal.nothing_changed()
    } else {
        refusal
    };
    format!("pindesk: {refusal}\nSee pindesk {path}--help.")
}

/// What is wrong; `None` if the parser's own words say it.
fn refusal(error: &clap::Error, command: &clap::Command, arguments: &[String]) -> Option<CliError> {
    let arg = context_text(error, ContextKind::InvalidArg).map(plain_name).unwrap_or_default();
    let kind = error.kind();
    let unexpected = context_text(error, ContextKind::InvalidSubcommand)
        .or_else(|| context_text(error, ContextKind::InvalidArg).filter(|_| kind == ErrorKind::UnknownArgument));
    if let Some(refusal) = unexpected.and_then(|word| extra_words(word, command, arguments)) {
        return Some(refusal);
    }
    if kind == ErrorKind::ValueValidation
        && let Some(refusal) = possible_pin(error, command, arguments)
    {
        return Some(refusal);
    }
    let what = if kind == ErrorKind::UnknownArgument {
        let name = unexpected.unwrap_or_default();
        if is_about(name, "pin") {
            return Some(typed_pin::refuse(PIN_ARG_ERROR, true));
        }
        misplaced(name, command, arguments).unwrap_or_else(|| unknown_argument(name, error, command, arguments))
    } else if kind == ErrorKind::InvalidSubcommand {
        unknown_command(error, command, arguments)
    } else if kind == ErrorKind::ValueValidation && arg == NUMBER {
        return Some(invalid_number(error, command, arguments));
    } else if kind == ErrorKind::ValueValidation {
        let reason = error.source().map_or_else(|| "this value cannot be used".to_owned(), ToString::to_string);
        format!("{arg}: {reason}")
    } else if kind == ErrorKind::InvalidValue {
        invalid_value(&arg, error)
    } else if kind == ErrorKind::TooManyValues {
        format!("{arg} takes no value")
    } else if kind == ErrorKind::MissingRequiredArgument {
        format!("missing {}", names(error, ContextKind::InvalidArg).join(", and "))
    } else if kind == ErrorKind::ArgumentConflict {
        conflict(&arg, &names(error, ContextKind::PriorArg))
    } else {
        return None;
    };
    Some(CliError::usage(what))
}

/// The refusal of a value that may be a PIN.
fn possible_pin(error: &clap::Error, command: &clap::Command, arguments: &[String]) -> Option<CliError> {
    let source = error.source()?;
    let takes_pin_file = takes_pin_file(command, arguments);
    if let Some(ParseNoteError::HasPin(reason)) = source.downcast_ref() {
        return Some(typed_pin::refuse(format!("--note: {reason}"), false).remedy(TICKET_FORM));
    }
    let Some(ParseNumberArgError::Pin(reason)) = source.downcast_ref() else { return None };
    // Six digits may also be a part of a number.
    let value = context_text(error, ContextKind::InvalidValue).unwrap_or_default();
    extra_words(value, command, arguments).or_else(|| Some(typed_pin::refuse(reason.to_string(), takes_pin_file)))
}

/// True if the command reads its PIN from a file.
fn takes_pin_file(command: &clap::Command, arguments: &[String]) -> bool {
    typed_path(command, arguments).1.get_arguments().any(|arg| arg.get_long() == Some("pin-file"))
}

/// True for an option whose name has this word.
fn is_about(option: &str, secret: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    name.starts_with("--") && name.to_ascii_lowercase().contains(secret)
}

/// How a command names the number that it takes.
const NUMBER: &str = "NUMBER";

/// The message for a word that is no number, where a number is expected.
fn invalid_number(error: &clap::Error, command: &clap::Command, arguments: &[String]) -> CliError {
    let reason = error.source().map_or_else(|| "this is not a number".to_owned(), ToString::to_string);
    let refusal = CliError::usage(format!("{NUMBER}: {reason}"));
    let (_, last) = typed_path(command, arguments);
    let has = |option: &str| last.get_arguments().any(|arg| arg.get_long() == Some(option));
    refusal
        .optional_remedy(has("from").then(|| "For a file of numbers: --from FILE".to_owned()))
        .optional_remedy(has("identity").then(|| "For a file with a private key: --identity FILE".to_owned()))
        .remedy("To find a number by its name: pindesk numbers list")
}

/// The message for words that were typed after a number.
fn extra_words(name: &str, command: &clap::Command, arguments: &[String]) -> Option<CliError> {
    let (_, last) = typed_path(command, arguments);
    let takes_value = |option: &str| {
        let option = option.strip_prefix("--")?;
        let arg = last.get_arguments().find(|arg| arg.get_long() == Some(option))?;
        let is_number = arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "NUMBER"));
        Some(arg.get_action().takes_values() && !is_number)
    };
    Some(match ExtraWords::find(name, arguments, |option| takes_value(option) == Some(true))? {
        ExtraWords::Pin => typed_pin::refuse(TypedPinError.to_string(), takes_pin_file(command, arguments)),
        ExtraWords::Confirmation => {
            CliError::usage(TYPED_CONFIRMATION_ERROR).remedy("To confirm the number, put --confirm before them.")
        }
        ExtraWords::NumberParts => CliError::usage(NUMBER_PARTS_ERROR)
            .remedy("Put it in quotation marks, as in '+44 7700 900001', or leave the blanks out: +447700900001"),
    })
}

/// The arguments in this context.
fn names(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::Strings(names)) => names.iter().map(|name| plain_name(name)).collect(),
        Some(ContextValue::String(name)) => vec![plain_name(name)],
        Some(_) | None => Vec::new(),
    }
}

/// `<NUMBER|--from <FILE>>` as people write it: `NUMBER or --from FILE`.
fn plain_name(name: &str) -> String {
    name.replace('|', " or ").replace(['<', '>', '[', ']'], "").replace("...", "")
}

fn conflict(arg: &str, others: &[String]) -> String {
    match others {
        [other] if other == arg => format!("{arg} is given twice"),
        [] => format!("{arg} cannot be combined with another argument here"),
        others => format!("{arg} cannot be combined with {}", others.join(" or ")),
    }
}

/// The command in the usage line, if the error has one, with a blank after it: its words are lowercase.
fn command_path(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word != "pindesk").skip(1);
    let path = words
        .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-'))
        .fold(String::new(), |path, word| format!("{path}{word} "));
    Some(path)
}

/// The commands among the arguments, each with a blank after it, and the last of them. It repeats names of commands only.
fn typed_path<'a>(mut command: &'a clap::Command, arguments: &[String]) -> (String, &'a clap::Command) {
    let mut path = String::new();
    for argument in arguments {
        if let Some(found) = command.find_subcommand(argument) {
            path.push_str(found.get_name());
            path.push(' ');
            command = found;
        }
    }
    (path, command)
}

/// The message for an option of a command that is given before the command.
fn misplaced(name: &str, command: &clap::Command, arguments: &[String]) -> Option<String> {
    let (path, last) = typed_path(command, arguments);
    let is_option =
        last.get_arguments().filter_map(clap::Arg::get_long).any(|long| name.strip_prefix("--") == Some(long));
    (is_option && !path.is_empty()).then(|| format!("put {name} after the command: pindesk {path}{name}"))
}

/// The commands whose last word this is: `pin set` for `set`. One whose first word is among the arguments comes alone.
fn commands_ending_with(word: &str, command: &clap::Command, arguments: &[String]) -> Vec<String> {
    let parents = || command.get_subcommands().filter(|parent| parent.find_subcommand(word).is_some());
    let typed = |parent: &&clap::Command| arguments.iter().any(|argument| argument == parent.get_name());
    let typed: Vec<_> = parents().filter(typed).collect();
    let found = if typed.is_empty() { parents().collect() } else { typed };
    found.iter().map(|parent| format!("{} {word}", parent.get_name())).collect()
}

fn unknown_command(error: &clap::Error, command: &clap::Command, arguments: &[String]) -> String {
    let word = context_text(error, ContextKind::InvalidSubcommand).and_then(safe_to_echo);
    let what = word.map_or_else(|| "unknown command".to_owned(), |word| format!("unknown command '{word}'"));
    let longer = word.map_or_else(Vec::new, |word| commands_ending_with(word, command, arguments));
    if !longer.is_empty() {
        return did_you_mean(&what, &longer.join("', '"));
    }
    match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(commands)) if !commands.is_empty() => did_you_mean(&what, &commands[0]),
        Some(ContextValue::String(command)) => did_you_mean(&what, command),
        Some(_) | None => what,
    }
}

fn invalid_value(arg: &str, error: &clap::Error) -> String {
    let choices = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(choices)) => choices.join(", "),
        Some(_) | None => String::new(),
    };
    if choices.is_empty() { format!("{arg}: a value is missing") } else { format!("{arg}: expected one of {choices}") }
}

fn unknown_argument(arg: &str, error: &clap::Error, command: &clap::Command, arguments: &[String]) -> String {
    let (_, last) = typed_path(command, arguments);
    let has_option = |option: &str| last.get_arguments().any(|arg| arg.get_long() == Some(option));
    let name = arg.split('=').next().unwrap_or_default();
    if is_about(name, "token") || is_about(name, "secret") {
        return TOKEN_ARG_ERROR.to_owned();
    }
    let what = safe_to_echo(name)
        .map_or_else(|| "unexpected argument".to_owned(), |name| format!("unexpected argument '{name}'"));
    match context_text(error, ContextKind::SuggestedArg) {
        Some(suggested) => did_you_mean(&what, suggested),
        None if name.starts_with('-') => what,
        None if has_option("from") => format!("{what}: give one ID, or --from FILE for many"),
        None if has_option("number") => format!("{what}: put --number before a number"),
        None => what,
    }
}

fn did_you_mean(what: &str, suggested: &str) -> String {
    format!("{what} (did you mean '{suggested}'?)")
}

/// The word, if it cannot be a secret: a few letters and dashes, or an ID, which is longer than a PIN.
fn safe_to_echo(word: &str) -> Option<&str> {
    let is_plain = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let is_id = word.len() >= MIN_ECHOED_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    ((is_plain || is_id) && word.len() <= MAX_ECHOED_LEN).then_some(word)
}

fn context_text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    if let ContextValue::String(text) = error.get(kind)? { Some(text) } else { None }
}
