//! Commands that a message tells the operator to run: with the options that the same work needs again.
//!
//! It repeats options that name files, directories and profiles. It never repeats a value that may be a secret.

use std::fmt::{Display, Write as _};
use std::path::Path;

use crate::cli::args::GlobalArgs;
use crate::cli::secret_stdin::STDIN_PATH;
use crate::domain::change::JobId;
use crate::domain::redact::shell_quote;
use crate::domain::text::CleanText;

/// The options that the next command needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct RerunOptions {
    /// Those of every command, each after a blank.
    global: String,
    /// Those of a command that sends, each after a blank.
    sending: String,
    is_quiet: bool,
}

impl RerunOptions {
    /// The options on the command line that every command takes.
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let mut text = String::new();
        for (option, path) in [("--config", &global.config), ("--state-dir", &global.state_dir)] {
            push_option(&mut text, option, path.as_deref().map(shell_quote).as_ref());
        }
        push_option(&mut text, "--profile", global.profile.as_deref().map(shell_quoted).as_ref());
        Self { global: text, sending: String::new(), is_quiet: global.quiet }
    }

    /// Adds the file of the PIN, if the job has one PIN.
    pub(crate) fn with_pin_file(mut self, path: Option<&Path>) -> Self {
        let quoted =
            |path: &Path| if path.as_os_str() == STDIN_PATH { CleanText::new(STDIN_PATH) } else { shell_quote(path) };
        push_option(&mut self.sending, "--pin-file", path.map(quoted).as_ref());
        self
    }

    /// Adds `--replace`, if it was given.
    pub(crate) fn with_replace(mut self, may_replace: bool) -> Self {
        if may_replace {
            self.sending.push_str(" --replace");
        }
        self
    }

    /// True if the operator wants no hints.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// A command that sends nothing, such as `jobs list`.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("pindesk {words}{}", self.global)
    }

    /// How numbers in doubt are resolved by hand.
    pub(crate) fn resolve_hint(&self, them: &str) -> String {
        format!("To resolve {them}, open the console ({}) and press w.", self.console())
    }

    /// The command that opens the console.
    pub(crate) fn console(&self) -> String {
        format!("pindesk{}", self.global)
    }

    /// The command that sends the rest of a job.
    pub(crate) fn resume_command(&self, job: JobId, count: usize) -> String {
        format!("{}{} --confirm {count}", self.command(&format!("jobs resume {job}")), self.sending)
    }
}

fn push_option(text: &mut String, option: &str, value: Option<&impl Display>) {
    if let Some(value) = value {
        // Writing to a String cannot fail.
        write!(text, " {option} {value}").unwrap_or_default();
    }
}

/// The word as a shell reads it back.
pub(crate) fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let word = CleanText::new(word);
    if !word.as_str().is_empty() && word.as_str().chars().all(is_plain) {
        word.to_string()
    } else {
        format!("'{}'", word.as_str().replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_repeats_the_options_that_it_needs() {
        let global = GlobalArgs {
            state_dir: Some("/srv/it's here".into()),
            profile: Some("acme".to_owned()),
            ..GlobalArgs::default()
        };
        let options = RerunOptions::new(&global).with_pin_file(Some(Path::new("-"))).with_replace(true);
        assert_eq!(
            options.command("jobs show 3"),
            r"pindesk jobs show 3 --state-dir '/srv/it'\''s here' --profile acme"
        );
        assert_eq!(
            options.resolve_hint("them"),
            r"To resolve them, open the console (pindesk --state-dir '/srv/it'\''s here' --profile acme) and press w."
        );
        assert_eq!(
            options.resume_command(JobId::new(3), 45),
            r"pindesk jobs resume 3 --state-dir '/srv/it'\''s here' --profile acme --pin-file - --replace --confirm 45"
        );
        assert_eq!(RerunOptions::default().resume_command(JobId::new(1), 2), "pindesk jobs resume 1 --confirm 2");
    }
}
