//! Reads the access token from its source.
//!
//! The source is a file that only its owner can read, or the output of a command. It is never a flag, a variable or the
//! config file. Errors never repeat what pindesk read, or an argument of the command.

mod message_relay;

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::config::endpoint::{AccessToken, AppSecret, Credentials, ParseSecretError};
use crate::config::{Profile, TokenSource};
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::domain::text_problem::{self, TextProblem};
use crate::secure_file::{self, FileError, MAX_SECRET_BYTES};

use self::message_relay::MessageRelay;

/// How long a token command may run. This is enough to type a passphrase, and stops a command that hangs.
pub const TOKEN_COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait between checks whether a command has exited after its output ended.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Why there is no usable token. No message repeats what pindesk read.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source contains no secret, or something besides it.
    #[error("{origin} contains {}{secret}: {reason}", if matches!(reason, ParseSecretError::Wrapped(_)) { "more than the " } else { "no " })]
    Invalid {
        /// The file or the command.
        origin: CleanText,
        /// Which secret: access token, app secret.
        secret: &'static str,
        /// What is wrong with it.
        reason: ParseSecretError,
    },
    /// The command failed.
    #[error("token_command {program}: {error}")]
    Command {
        /// The program without its arguments.
        program: CleanText,
        /// How it failed.
        error: TokenCommandError,
    },
}

/// How `token_command` failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenCommandError {
    /// There is no such program, or it is not executable.
    #[error("it cannot be run: {0}")]
    NotStarted(io::Error),
    /// Its output could not be read.
    #[error("its output cannot be read: {0}")]
    OutputUnreadable(io::Error),
    /// It ran too long, so pindesk killed it.
    #[error("it did not finish within {} s and was killed", .0.as_secs())]
    TimedOut(Duration),
    /// It wrote more than a token can have, so pindesk killed it.
    #[error("it wrote more than {MAX_SECRET_BYTES} bytes and was killed")]
    OutputTooLarge,
    /// Its exit status was not 0, or a signal ended it.
    #[error("it failed ({0})")]
    Failed(ExitStatus),
}

/// Reads the secrets of a profile; `None` if the profile configures no access token. It may run `token_command`, which
/// can prompt on the terminal, so call it before the screen opens.
///
/// # Errors
/// If the source is missing, unsafe or too slow, or contains no token.
pub fn load_credentials(profile: &Profile) -> Result<Option<Credentials>, TokenError> {
    let Some(source) = &profile.token else { return Ok(None) };
    // The file comes first, to report an error in it before a command prompts the operator for a passphrase.
    let app_secret = profile.app_secret_file.as_deref().map(read_app_secret).transpose()?;
    Ok(Some(Credentials { token: read_token(source)?, app_secret }))
}

/// Reads the access token.
///
/// # Errors
/// If the file is missing or unsafe, the command fails, or the source contains no token.
pub fn read_token(source: &TokenSource) -> Result<AccessToken, TokenError> {
    match source {
        TokenSource::File(path) => {
            let text = secure_file::read_text(&secure_file::TOKEN_FILE, path)?;
            AccessToken::parse(&text).map_err(|reason| invalid(redacted_path(path), ACCESS_TOKEN, reason))
        }
        TokenSource::Command(argv) => {
            let program = CleanText::new(argv.first().map_or("", String::as_str));
            let output = run_command(argv, TOKEN_COMMAND_TIMEOUT)
                .map_err(|error| TokenError::Command { program: program.clone(), error })?;
            let bytes = text_problem::without_bom(&output);
            // A token is ASCII, so bytes that are not UTF-8 have the same error as other characters outside ASCII.
            let text = match std::str::from_utf8(bytes) {
                _ if text_problem::is_utf16(bytes) => Err(ParseSecretError::Wrapped(TextProblem::Utf16)),
                text => text.map_err(|_| ParseSecretError::InvalidFormat),
            };
            let origin = CleanText::new(&format!("the output of {program}"));
            text.and_then(AccessToken::parse).map_err(|reason| invalid(origin, ACCESS_TOKEN, reason))
        }
    }
}

/// Reads an app secret from a file of mode 0600.
///
/// # Errors
/// If the file is missing or unsafe, or contains no secret.
fn read_app_secret(path: &Path) -> Result<AppSecret, TokenError> {
    let text = secure_file::read_text(&secure_file::APP_SECRET_FILE, path)?;
    AppSecret::parse(&text).map_err(|reason| invalid(redacted_path(path), "app secret", reason))
}

const ACCESS_TOKEN: &str = "access token";

fn invalid(origin: CleanText, secret: &'static str, reason: ParseSecretError) -> TokenError {
    TokenError::Invalid { origin, secret, reason }
}

/// Runs a program and returns its output. The program inherits the process group of pindesk, because it may prompt for a
/// passphrase on the terminal. So a timeout kills the program, but not the processes that it started. What it writes to
/// its standard error is passed on.
fn run_command(argv: &[String], timeout: Duration) -> Result<Zeroizing<Vec<u8>>, TokenCommandError> {
    let deadline = Instant::now() + timeout;
    let (program, arguments) =
        argv.split_first().ok_or_else(|| TokenCommandError::NotStarted(io::ErrorKind::InvalidInput.into()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(TokenCommandError::NotStarted)?;
    let mut messages = MessageRelay::new(child.stderr.take());
    let result = match read_output(&mut child, &mut messages, deadline) {
        Ok(Some(output)) => Ok(output),
        Ok(None) => Err(TokenCommandError::TimedOut(timeout)),
        Err(error) => Err(error),
    };
    if result.is_err() {
        // If it has just exited by itself, `kill` fails. `wait` reaps it in both cases.
        drop(child.kill());
        drop(child.wait());
    }
    messages.end_line(&mut io::stderr());
    result
}

/// Reads the output until the program has ended it and exited; `None` at the deadline.
fn read_output(
    child: &mut Child,
    messages: &mut MessageRelay,
    deadline: Instant,
) -> Result<Option<Zeroizing<Vec<u8>>>, TokenCommandError> {
    // One allocation that is large enough, so that growing leaves no copy of the token.
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    let mut stdout = child.stdout.take();
    loop {
        let now = Instant::now();
        let wait_until = if stdout.is_some() { deadline } else { deadline.min(now + EXIT_CHECK_INTERVAL) };
        let (has_output, has_messages) = wait_readable(stdout.as_ref(), messages.pipe(), wait_until - now)?;
        if has_messages {
            messages.forward(&mut io::stderr());
        }
        if let Some(pipe) = stdout.as_mut().filter(|_| has_output) {
            let mut chunk = Zeroizing::new([0; 4_096]);
            match pipe.read(&mut *chunk) {
                Ok(0) => stdout = None,
                Ok(len) if output.len() + len > MAX_SECRET_BYTES => return Err(TokenCommandError::OutputTooLarge),
                Ok(len) => output.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TokenCommandError::OutputUnreadable(error)),
            }
        }
        // Its last messages come before its exit. A process that it left behind may keep the pipe open for longer.
        if stdout.is_none() && !has_messages {
            match child.try_wait().map_err(TokenCommandError::OutputUnreadable)? {
                Some(status) if status.success() => return Ok(Some(output)),
                Some(status) => return Err(TokenCommandError::Failed(status)),
                None => {}
            }
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

/// Waits until a pipe has data or has ended, but not for longer than `limit`. Returns which of them.
fn wait_readable(
    output: Option<&ChildStdout>,
    messages: Option<&ChildStderr>,
    limit: Duration,
) -> Result<(bool, bool), TokenCommandError> {
    let mut pipes: Vec<PollFd<'_>> = output.iter().map(|pipe| PollFd::new(*pipe, PollFlags::IN)).collect();
    pipes.extend(messages.iter().map(|pipe| PollFd::new(*pipe, PollFlags::IN)));
    // The limit is at most that of a token command, which is no large number.
    let limit = Timespec::try_from(limit).unwrap_or_default();
    match poll(&mut pipes, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(TokenCommandError::OutputUnreadable(error.into())),
    }
    let mut ready = pipes.iter().map(|pipe| !pipe.revents().is_empty());
    let has_output = output.is_some() && ready.next() == Some(true);
    Ok((has_output, messages.is_some() && ready.next() == Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_error(argv: &[&str], timeout: Duration) -> String {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        run_command(&argv, timeout).map_or_else(|error| error.to_string(), |_| "no error".to_owned())
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        assert_eq!(run_error(&["sleep", "600"], Duration::ZERO), "it did not finish within 0 s and was killed");
        let silent = ["sh", "-c", "exec >&-; exec sleep 600"];
        assert_eq!(run_error(&silent, Duration::from_millis(50)), "it did not finish within 0 s and was killed");
    }

    #[test]
    fn a_command_that_writes_too_much_is_killed() {
        assert_eq!(run_error(&["yes"], TOKEN_COMMAND_TIMEOUT), "it wrote more than 65536 bytes and was killed");
    }

    #[test]
    fn a_command_has_no_standard_input_and_no_shell() {
        let run = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            run_command(&argv, TOKEN_COMMAND_TIMEOUT).map(|output| output.to_vec()).expect("the command succeeds")
        };
        assert_eq!(run(&["cat"]), b"");
        assert_eq!(run(&["echo", "$HOME; echo two"]), b"$HOME; echo two\n");
    }
}
