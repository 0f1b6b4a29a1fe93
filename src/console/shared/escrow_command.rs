//! The command that decrypts the PINs of a number, as an operator can paste it into a shell.
//!
//! It decrypts nothing, and never contains a PIN.

use std::path::Path;

use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;

/// What stands for the private key, whose place pindesk does not know.
const KEY_PLACEHOLDER: &str = "FILE";

/// The command `pindesk escrow open`, with the options that this console was started with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EscrowCommand {
    options: String,
    identity: Option<String>,
}

impl EscrowCommand {
    /// The same command with one more option, such as `--state-dir`.
    #[must_use]
    pub fn with_option(mut self, name: &str, value: &str) -> Self {
        self.options = format!("{} {name} {}", self.options, shell_word(value));
        self
    }

    /// The same command with this private key.
    #[must_use]
    pub fn with_identity(self, file: &Path) -> Self {
        Self { identity: Some(shell_word(&file.to_string_lossy())), ..self }
    }

    /// The command for a number.
    #[must_use]
    pub fn line(&self, number: &PhoneNumberId) -> String {
        let identity = self.identity.as_deref().unwrap_or(KEY_PLACEHOLDER);
        format!("pindesk escrow open{} --identity {identity} {number}", self.options)
    }

    /// What the operator must put in place of a word of the command; `None` if it is complete.
    #[must_use]
    pub fn placeholder_note(&self) -> Option<&'static str> {
        self.identity.is_none().then_some("Replace FILE with the path of your private key.")
    }
}

/// A text as one word of a shell. Control characters become visible: a command must not move the cursor when it is
/// pasted.
fn shell_word(text: &str) -> String {
    let text = CleanText::new(text);
    let text = text.as_str();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_the_options_of_the_console_each_as_one_word() {
        let id = "200000000000001".parse().expect("an ID");
        assert_eq!(EscrowCommand::default().line(&id), "pindesk escrow open --identity FILE 200000000000001");
        let command = EscrowCommand::default()
            .with_option("--config", "/etc/pin desk/config.toml")
            .with_option("--profile", "a-profile-with-quite-a-long-name");
        let expected = "pindesk escrow open --config '/etc/pin desk/config.toml' --profile \
                        a-profile-with-quite-a-long-name --identity FILE 200000000000001";
        assert_eq!(command.line(&id), expected);
        assert_eq!(command.placeholder_note(), Some("Replace FILE with the path of your private key."));
        let complete = EscrowCommand::default().with_identity(Path::new("/tmp/it's/key.txt"));
        assert_eq!(complete.line(&id), r"pindesk escrow open --identity '/tmp/it'\''s/key.txt' 200000000000001");
        assert_eq!(complete.placeholder_note(), None);
    }
}
