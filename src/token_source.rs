//! Reads the access token from its source.
//!
//! The source is a file that only its owner can read, or the output of a command; never a flag, a variable or the
//! config file. No error repeats anything that was read, nor an argument of the command.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::config::endpoint::{AccessToken, AppSecret, Credentials, ParseSecretError};
use crate::config::{Profile, TokenSource};
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::secure_file::{self, FileError, MAX_SECRET_BYTES};

/// Time enough for a command that asks for a passphrase, and a limit for one that hangs.
pub const TOKEN_COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to check whether a command has exited after its output ended.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// There is no usable token. No message repeats any of what was read.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source holds no token.
    #[error("{origin} holds no access token: {reason}")]
    InvalidToken {
        /// The file or the command.
        origin: CleanText,
        /// What is wrong with it.
        reason: ParseSecretError,
    },
    /// The file holds no app secret.
    #[error("{origin} holds no app secret: {reason}")]
    InvalidAppSecret {
        /// The file.
        origin: CleanText,
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
    /// No such program, or it is not executable.
    #[error("it cannot be run: {0}")]
    NotStarted(io::Error),
    /// Its output could not be read.
    #[error("its output cannot be read: {0}")]
    OutputUnreadable(io::Error),
    /// It ran too long and was killed.
    #[error("it did not end within {} s and was stopped", .0.as_secs())]
    TimedOut(Duration),
    /// It wrote more than a token can have and was killed.
    #[error("it wrote more than {MAX_SECRET_BYTES} bytes and was stopped")]
    OutputTooLarge,
    /// It exited with a failure.
    #[error("it failed ({0})")]
    Failed(ExitStatus),
}

/// Reads the secrets of a profile; `None` if the profile names no access token. May run `token_command`, which may write
/// to the terminal and ask there: call this before the screen opens.
///
/// # Errors
/// A source that is missing, unsafe or too slow, or that holds no token.
pub fn load_credentials(profile: &Profile) -> Result<Option<Credentials>, TokenError> {
    let Some(source) = &profile.token else { return Ok(None) };
    // The file first: an error in it is found before a command asks the operator for a passphrase.
    let app_secret = profile.app_secret_file.as_deref().map(read_app_secret).transpose()?;
    Ok(Some(Credentials { token: read_token(source)?, app_secret }))
}

/// Reads the access token.
///
/// # Errors
/// A file that is missing or unsafe, a command that fails, or no token in what they hold.
pub fn read_token(source: &TokenSource) -> Result<AccessToken, TokenError> {
    match source {
        TokenSource::File(path) => {
            let text = secure_file::read_text(&secure_file::TOKEN_FILE, path)?;
            let invalid = |reason| TokenError::InvalidToken { origin: redacted_path(path), reason };
            AccessToken::parse(&text).map_err(invalid)
        }
        TokenSource::Command(argv) => {
            let program = CleanText::new(argv.first().map_or("", String::as_str));
            let output = run_command(argv, TOKEN_COMMAND_TIMEOUT)
                .map_err(|error| TokenError::Command { program: program.clone(), error })?;
            // A token is ASCII. Bytes that are not text are refused as any other character outside ASCII is.
            let text = std::str::from_utf8(&output).map_err(|_| ParseSecretError::InvalidFormat);
            let origin = CleanText::new(&format!("the output of {program}"));
            text.and_then(AccessToken::parse).map_err(|reason| TokenError::InvalidToken { origin, reason })
        }
    }
}

/// Reads an app secret from a file of mode 0600.
///
/// # Errors
/// A file that is missing or unsafe, or no secret in it.
fn read_app_secret(path: &Path) -> Result<AppSecret, TokenError> {
    let text = secure_file::read_text(&secure_file::APP_SECRET_FILE, path)?;
    AppSecret::parse(&text).map_err(|why| TokenError::InvalidAppSecret { origin: redacted_path(path), reason: why })
}

/// Runs a program and returns its output. It inherits our standard error and our process group, because it may ask for
/// a passphrase, so a timeout kills the program and not what it started.
fn run_command(argv: &[String], limit: Duration) -> Result<Zeroizing<Vec<u8>>, TokenCommandError> {
    let deadline = Instant::now() + limit;
    let (program, arguments) =
        argv.split_first().ok_or_else(|| TokenCommandError::NotStarted(io::ErrorKind::InvalidInput.into()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(TokenCommandError::NotStarted)?;
    let outcome = read_output(&mut child, deadline, limit);
    if outcome.is_err() {
        // It may have exited by itself just now. It is reaped either way.
        drop(child.kill());
        drop(child.wait());
    }
    outcome
}

fn read_output(child: &mut Child, deadline: Instant, limit: Duration) -> Result<Zeroizing<Vec<u8>>, TokenCommandError> {
    // One allocation that is large enough, so that growing leaves no copy of the token.
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    if let Some(mut pipe) = child.stdout.take() {
        loop {
            wait_readable(&pipe, deadline, limit)?;
            let mut chunk = Zeroizing::new([0; 4_096]);
            match pipe.read(&mut *chunk) {
                Ok(0) => break,
                Ok(len) if output.len() + len > MAX_SECRET_BYTES => return Err(TokenCommandError::OutputTooLarge),
                Ok(len) => output.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TokenCommandError::OutputUnreadable(error)),
            }
        }
    }
    loop {
        match child.try_wait().map_err(TokenCommandError::OutputUnreadable)? {
            Some(status) if status.success() => return Ok(output),
            Some(status) => return Err(TokenCommandError::Failed(status)),
            None if Instant::now() >= deadline => return Err(TokenCommandError::TimedOut(limit)),
            None => std::thread::sleep(EXIT_CHECK_INTERVAL),
        }
    }
}

/// Returns when there is something to read, or the end; an error at the deadline.
fn wait_readable(pipe: &ChildStdout, deadline: Instant, limit: Duration) -> Result<(), TokenCommandError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| TokenCommandError::TimedOut(limit))?;
        match poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(TokenCommandError::TimedOut(limit)),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(TokenCommandError::OutputUnreadable(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(argv: &[&str], limit: Duration) -> String {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        run_command(&argv, limit).map_or_else(|fault| fault.to_string(), |_| "no fault".to_owned())
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped() {
        assert_eq!(fault(&["sleep", "600"], Duration::ZERO), "it did not end within 0 s and was stopped");
        let silent = ["sh", "-c", "exec >&-; exec sleep 600"];
        assert_eq!(fault(&silent, Duration::from_millis(50)), "it did not end within 0 s and was stopped");
    }

    #[test]
    fn a_command_that_writes_without_end_is_stopped() {
        assert_eq!(fault(&["yes"], TOKEN_COMMAND_TIMEOUT), "it wrote more than 65536 bytes and was stopped");
    }

    #[test]
    fn a_command_has_no_standard_input_and_no_shell() {
        let run = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            run_command(&argv, TOKEN_COMMAND_TIMEOUT).map(|output| output.to_vec()).expect("it ends well")
        };
        assert_eq!(run(&["cat"]), b"");
        assert_eq!(run(&["echo", "$HOME; echo two"]), b"$HOME; echo two\n");
    }
}
