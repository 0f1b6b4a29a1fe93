//! What is said of arguments that cannot be used.
//!
//! It never repeats a value: somebody may have put a PIN or an access token on the command line, and what is said
//! ends up in logs.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

const PIN_ARG_ERROR: &str = "A PIN on the command line can be seen by others. Use --pin-file, or - for standard input.";

const TOKEN_ARG_ERROR: &str = "An access token on the command line can be seen by others. Put it into a file of mode 0600, \
                        and name that file in the config: token_file = \"FILE\"";

/// The longest word that is repeated. Longer than any name here, and shorter than any token.
const MAX_ECHOED_LEN: usize = 20;

/// Tells why arguments cannot be used, without repeating what might be a secret.
pub(crate) fn error_message(error: &clap::Error) -> String {
    let arg = context_text(error, ContextKind::InvalidArg);
    let kind = error.kind();
    let why = if kind == ErrorKind::UnknownArgument {
        unknown_argument(arg.unwrap_or_default(), context_text(error, ContextKind::SuggestedArg))
    } else if kind == ErrorKind::InvalidSubcommand {
        let word = context_text(error, ContextKind::InvalidSubcommand).and_then(safe_to_echo);
        word.map_or_else(|| "there is no such command.".to_owned(), |word| format!("there is no command {word}."))
    } else if kind == ErrorKind::ValueValidation {
        let source = error.source().map_or_else(|| "this value cannot be used".to_owned(), ToString::to_string);
        format!("{}: {source}.", arg.unwrap_or_default())
    } else if kind == ErrorKind::InvalidValue {
        let choices = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(choices)) => choices.join(", "),
            Some(_) | None => String::new(),
        };
        let arg = arg.unwrap_or_default();
        if choices.is_empty() {
            format!("{arg}: a value is missing.")
        } else {
            format!("{arg} takes one of: {choices}.")
        }
    } else if kind == ErrorKind::TooManyValues {
        format!("{} takes no value.", arg.unwrap_or_default())
    } else {
        // These name arguments only.
        return error.render().to_string().trim_end().to_owned();
    };
    format!("pindesk: {why}\nSee pindesk --help.")
}

fn unknown_argument(arg: &str, suggested: Option<&str>) -> String {
    let name = arg.split('=').next().unwrap_or_default();
    let is_about = |secret: &str| name.starts_with("--") && name.to_ascii_lowercase().contains(secret);
    if is_about("pin") {
        return PIN_ARG_ERROR.to_owned();
    }
    if is_about("token") || is_about("secret") {
        return TOKEN_ARG_ERROR.to_owned();
    }
    let what =
        safe_to_echo(name).map_or_else(|| "one word too many.".to_owned(), |name| format!("there is no {name} here."));
    match suggested {
        Some(suggested) => format!("{what} Did you mean {suggested}?"),
        None => what,
    }
}

/// The word, if it is one that can be no secret: a few letters and dashes.
fn safe_to_echo(word: &str) -> Option<&str> {
    let is_plain = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (is_plain && word.len() <= MAX_ECHOED_LEN).then_some(word)
}

fn context_text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    if let ContextValue::String(text) = error.get(kind)? { Some(text) } else { None }
}
