//! Files that others must not be able to change, or even read, opened once and judged by what was opened.
//!
//! A link is followed (`/etc` is often made of them), but the judgement is of the open file, not of its name, so
//! nothing can be put in its place in between. A file that is not safe is not read at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::text::Clean;

/// What a kind of file must be like.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What it is called in errors.
    role: &'static str,
    max_bytes: usize,
    /// Mode bits that it must not have.
    forbidden: u32,
    /// The mode to give it, as `chmod` takes it.
    chmod: &'static str,
}

/// Holds no secret, so anybody may read it; but who changes it chooses where the token is sent.
pub(crate) const CONFIG_FILE: Rules =
    Rules { role: "config file", max_bytes: 4 << 20, forbidden: 0o022, chmod: "go-w" };

/// Only the owner may touch it. The group counts as others: who is in it is not seen in the mode.
pub(crate) const TOKEN_FILE: Rules =
    Rules { role: "access token file", max_bytes: MAX_SECRET_BYTES, forbidden: 0o077, chmod: "600" };

/// As the token file.
pub(crate) const APP_SECRET_FILE: Rules =
    Rules { role: "app secret file", max_bytes: MAX_SECRET_BYTES, forbidden: 0o077, chmod: "600" };

/// Far more than any token has.
pub(crate) const MAX_SECRET_BYTES: usize = 64 << 10;

/// A file cannot be used. Ends the program with [`EXIT_CODE`](crate::config::EXIT_CODE).
#[derive(Debug, thiserror::Error)]
#[error("{role} {path}: {fault}")]
pub struct FileError {
    role: &'static str,
    path: Clean,
    fault: FileFault,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Nothing of that name.
    #[error("there is no such file")]
    Missing,
    /// Opening or reading failed.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// A directory, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It belongs to somebody else.
    #[error("it belongs to user {owner}. Run: sudo chown {me} {path}")]
    WrongOwner {
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        me: u32,
        /// The path, quoted for a shell.
        path: Clean,
    },
    /// Its mode lets others read or write it.
    #[error("others can {deed} it (mode {mode:04o}). Run: chmod {chmod} {path}")]
    OpenToOthers {
        /// What they can do.
        deed: &'static str,
        /// The mode it has.
        mode: u32,
        /// The mode to give it.
        chmod: &'static str,
        /// The path, quoted for a shell.
        path: Clean,
    },
    /// More than such a file can need.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The most that is read.
        max_bytes: usize,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
}

impl FileError {
    /// True if there is no such file, which is no fault where it was only looked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.fault, FileFault::Missing)
    }
}

/// The text of a file that keeps the rules. Wiped when dropped.
pub(crate) fn read(rules: &Rules, path: &Path) -> Result<Zeroizing<String>, FileError> {
    let me = rustix::process::geteuid().as_raw();
    read_as(rules, path, me).map_err(|fault| FileError { role: rules.role, path: Clean::new(&shown(path)), fault })
}

fn read_as(rules: &Rules, path: &Path, me: u32) -> Result<Zeroizing<String>, FileFault> {
    let file = open(path).map_err(|error| {
        // A file where a directory should be: nothing of that name either.
        let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if is_missing { FileFault::Missing } else { FileFault::Unreadable(error) }
    })?;
    let found = file.metadata().map_err(FileFault::Unreadable)?;
    if !found.is_file() {
        return Err(FileFault::NotAFile);
    }
    judge(rules, path, found.uid(), found.mode() & 0o7777, me)?;
    // One allocation that is large enough, so that no copy of a secret stays behind when it grows.
    let room = usize::try_from(found.len()).map_or(rules.max_bytes, |len| len.min(rules.max_bytes)) + 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let most = rules.max_bytes as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(FileFault::Unreadable)?;
    if bytes.len() > rules.max_bytes {
        return Err(FileFault::TooLarge { max_bytes: rules.max_bytes });
    }
    String::from_utf8(std::mem::take(&mut bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        FileFault::NotText
    })
}

/// A pipe must not make us wait for its other end, so the open does not block; a terminal must not become ours.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

fn judge(rules: &Rules, path: &Path, owner: u32, mode: u32, me: u32) -> Result<(), FileFault> {
    const ROOT: u32 = 0;
    if owner != ROOT && owner != me {
        return Err(FileFault::WrongOwner { owner, me, path: for_shell(path) });
    }
    if mode & rules.forbidden == 0 {
        return Ok(());
    }
    let deed = match (mode & rules.forbidden & 0o044 != 0, mode & rules.forbidden & 0o022 != 0) {
        (true, true) => "read and write",
        (false, true) => "write",
        (true, false) => "read",
        (false, false) => "run",
    };
    Err(FileFault::OpenToOthers { deed, mode, chmod: rules.chmod, path: for_shell(path) })
}

/// The path for a message. A long word without a slash may be a token that somebody took for a path.
pub(crate) fn shown(path: &Path) -> String {
    const MAX_WORD_BYTES: usize = 24;
    let text = path.to_string_lossy();
    if text.len() > MAX_WORD_BYTES && !text.contains('/') { "…".to_owned() } else { text.into_owned() }
}

/// The path as one word for a shell, so that the command can be copied.
fn for_shell(path: &Path) -> Clean {
    let text = shown(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(is_plain) && !text.starts_with('-') {
        return Clean::new(&text);
    }
    let start = if text.starts_with('-') { "./" } else { "" };
    Clean::new(&format!("'{start}{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(rules: &Rules, owner: u32, mode: u32) -> String {
        judge(rules, Path::new("/etc/pindesk/x"), owner, mode, 1000)
            .map_or_else(|fault| fault.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_secret_is_for_its_owner_alone_and_a_config_file_for_all_to_read() {
        let cases = [
            (&TOKEN_FILE, 1000, 0o600, "fine"),
            (&TOKEN_FILE, 0, 0o400, "fine"),
            (&TOKEN_FILE, 1000, 0o640, "others can read it (mode 0640). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o604, "others can read it (mode 0604). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o620, "others can write it (mode 0620). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o666, "others can read and write it (mode 0666). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o711, "others can run it (mode 0711). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1001, 0o600, "it belongs to user 1001. Run: sudo chown 1000 /etc/pindesk/x"),
            (&CONFIG_FILE, 0, 0o644, "fine"),
            (&CONFIG_FILE, 0, 0o755, "fine"),
            (&CONFIG_FILE, 1000, 0o664, "others can write it (mode 0664). Run: chmod go-w /etc/pindesk/x"),
            (&CONFIG_FILE, 1001, 0o644, "it belongs to user 1001. Run: sudo chown 1000 /etc/pindesk/x"),
        ];
        for (rules, owner, mode, expected) in cases {
            assert_eq!(verdict(rules, owner, mode), expected, "{} {owner} {mode:o}", rules.role);
        }
    }

    #[test]
    fn a_path_in_a_command_is_one_word() {
        let words =
            ["/etc/a b", "it's", "-f", "$HOME/x", "/plain/ä.txt"].map(|path| for_shell(Path::new(path)).to_string());
        assert_eq!(words, ["'/etc/a b'", r"'it'\''s'", "'./-f'", "'$HOME/x'", "/plain/ä.txt"]);
    }

    #[test]
    fn a_token_taken_for_a_path_is_not_repeated() {
        let error = read(&TOKEN_FILE, Path::new("EAAJfakeTokenFakeTokenFakeToken")).expect_err("there is none");
        assert_eq!(error.to_string(), "access token file …: there is no such file");
    }
}
