//! Opens files that other users must not be able to change, or even read, and checks the open file.
//!
//! It follows a symbolic link that root or the user created (`/etc` often has them). It checks the open file and not
//! its name, so nobody can replace the file in between. It reads nothing of a file that is not safe, and it repairs
//! nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::CleanText;

/// What a kind of file must be like.
#[derive(Debug)]
pub(crate) struct FilePolicy {
    /// Its name in errors.
    role: &'static str,
    max_bytes: usize,
    /// Mode bits that it must not have.
    forbidden_mode_bits: u32,
    /// The mode to give it, as `chmod` takes it.
    chmod: &'static str,
    /// True if root may own it instead of the user.
    allow_root_owner: bool,
}

/// The attributes of an open file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileAttributes {
    kind: FileType,
    owner: u32,
    mode: u32,
    links: u64,
}

/// It holds no secret, so others may read it; but who changes it chooses where the token is sent.
pub(crate) const CONFIG_FILE: FilePolicy = FilePolicy {
    role: "config file",
    max_bytes: 4 << 20,
    forbidden_mode_bits: 0o022,
    chmod: "go-w",
    allow_root_owner: true,
};

/// It holds public keys; but who adds a key can read the PINs.
pub(crate) const RECIPIENTS_FILE: FilePolicy = FilePolicy {
    role: "recipients file",
    max_bytes: 1 << 20,
    forbidden_mode_bits: 0o022,
    chmod: "go-w",
    allow_root_owner: true,
};

/// Only the owner may read or write it. The group counts as others, because the mode does not show who is in it.
pub(crate) const TOKEN_FILE: FilePolicy = FilePolicy {
    role: "access token file",
    max_bytes: MAX_SECRET_BYTES,
    forbidden_mode_bits: 0o077,
    chmod: "600",
    allow_root_owner: true,
};

/// As the token file.
pub(crate) const APP_SECRET_FILE: FilePolicy = FilePolicy { role: "app secret file", ..TOKEN_FILE };

/// As the token file.
pub(crate) const PIN_FILE: FilePolicy = FilePolicy { role: "PIN file", ..TOKEN_FILE };

/// A private key that decrypts PINs. As the token file.
pub(crate) const KEY_FILE: FilePolicy = FilePolicy { role: "key file", ..TOKEN_FILE };

/// Only the user may own it, not even root, because pindesk writes it as well.
pub(crate) const STATE_FILE: FilePolicy = FilePolicy { role: "state file", allow_root_owner: false, ..TOKEN_FILE };

/// The directory of these files.
pub(crate) const STATE_DIR: FilePolicy = FilePolicy { role: "state directory", chmod: "700", ..STATE_FILE };

/// More than any token has.
pub(crate) const MAX_SECRET_BYTES: usize = 64 << 10;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{role} {path}: {problem}")]
pub struct FileError {
    role: &'static str,
    path: CleanText,
    problem: FileProblem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// Nothing of that name.
    #[error("there is no such file")]
    Missing,
    /// Opening or reading failed.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// A directory, a pipe, a device.
    #[error("it is not a regular file")]
    NotRegularFile,
    /// Another user owns it.
    #[error("it belongs to user {owner}. Run: sudo chown {expected_owner} {path}")]
    WrongOwner {
        /// The owner.
        owner: u32,
        /// The user who should own it.
        expected_owner: u32,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// Its mode lets other users read or write it.
    #[error("others can {access} it (mode {mode:04o}). Run: chmod {chmod} {path}")]
    ModeTooOpen {
        /// What they can do.
        access: &'static str,
        /// The mode it has.
        mode: u32,
        /// The mode to give it.
        chmod: &'static str,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// It has other names, too.
    #[error(
        "it has {links} names, so others may reach it by another. Run: cp -p {path} {path}.new && mv {path}.new {path}"
    )]
    HardLinked {
        /// How many.
        links: u64,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// Whoever created the link chooses what is read.
    #[error("the symbolic link belongs to user {owner}. Make it yourself, or name the file that it leads to")]
    UntrustedSymlink {
        /// The owner of the link.
        owner: u32,
    },
    /// Larger than such a file can be.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The maximum that is read.
        max_bytes: usize,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotUtf8,
}

impl FileError {
    /// True if there is no such file, which is not an error if it is optional.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.problem, FileProblem::Missing)
    }

    /// True for a directory, a pipe, a device.
    #[must_use]
    pub fn is_not_regular_file(&self) -> bool {
        matches!(self.problem, FileProblem::NotRegularFile)
    }
}

/// Reads the text of a file that conforms to the policy. Wiped when dropped.
pub(crate) fn read_text(rules: &FilePolicy, path: &Path) -> Result<Zeroizing<String>, FileError> {
    let text = read_checked(rules, path).and_then(|mut bytes| {
        String::from_utf8(std::mem::take(&mut bytes)).map(Zeroizing::new).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            FileProblem::NotUtf8
        })
    });
    text.map_err(|fault| rules.error(path, fault))
}

/// Reads the bytes of a file that conforms to the policy. Wiped when dropped.
pub(crate) fn read_bytes(rules: &FilePolicy, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_checked(rules, path).map_err(|fault| rules.error(path, fault))
}

fn read_checked(rules: &FilePolicy, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let me = rustix::process::geteuid().as_raw();
    let file = open_trusted(path, me)?;
    let found = FileAttributes::from_fd(&file).map_err(FileProblem::Unreadable)?;
    found.check_file(rules, path, me)?;
    // One allocation that is large enough, so that growing leaves no copy of a secret.
    let room = file.metadata().map_err(FileProblem::Unreadable)?.len();
    let room = usize::try_from(room).map_or(rules.max_bytes, |len| len.min(rules.max_bytes)) + 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let most = rules.max_bytes as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(FileProblem::Unreadable)?;
    if bytes.len() > rules.max_bytes {
        return Err(FileProblem::TooLarge { max_bytes: rules.max_bytes });
    }
    Ok(bytes)
}

/// Opens a file, following the links that root or the user created.
fn open_trusted(path: &Path, me: u32) -> Result<File, FileProblem> {
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match rustix::fs::open(&path, SAFE_OPEN_FLAGS | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(Errno::LOOP) => {}
            Err(errno) => return Err(open_problem(errno)),
        }
        let link = rustix::fs::open(&path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            .map_err(open_problem)?;
        let found = FileAttributes::from_fd(&link).map_err(FileProblem::Unreadable)?;
        // If the link was replaced in between, look again.
        if found.kind == FileType::Symlink {
            if !found.is_trusted_owner(me) {
                return Err(FileProblem::UntrustedSymlink { owner: found.owner });
            }
            let target = rustix::fs::readlinkat(&link, "", Vec::new()).map_err(open_problem)?;
            // The kernel names open files without a name like this, for example /dev/stdin if it is a pipe.
            if ["pipe:[", "socket:["].iter().any(|kind| target.as_bytes().starts_with(kind.as_bytes())) {
                return Err(FileProblem::NotRegularFile);
            }
            path = path.parent().unwrap_or(Path::new("")).join(OsString::from_vec(target.into_bytes()));
        }
    }
    Err(open_problem(Errno::LOOP))
}

/// Does not wait for the other end of a pipe, does not take over a terminal, does not follow a link.
pub(crate) const SAFE_OPEN_FLAGS: OFlags =
    OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

fn open_problem(errno: Errno) -> FileProblem {
    match errno {
        // A file in place of a directory: nothing has this name.
        Errno::NOENT | Errno::NOTDIR => FileProblem::Missing,
        other => FileProblem::Unreadable(other.into()),
    }
}

impl FileAttributes {
    /// Of an open file, which may be opened for its attributes only.
    pub(crate) fn from_fd(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::fstat(file)?))
    }

    fn from_stat(stat: &rustix::fs::Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            owner: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
        }
    }

    /// The type of the file.
    pub(crate) const fn kind(&self) -> FileType {
        self.kind
    }

    fn is_trusted_owner(&self, me: u32) -> bool {
        self.owner == ROOT_UID || self.owner == me
    }

    /// Checks a regular file.
    pub(crate) fn check_file(&self, rules: &FilePolicy, path: &Path, me: u32) -> Result<(), FileProblem> {
        if self.kind != FileType::RegularFile {
            return Err(FileProblem::NotRegularFile);
        }
        self.check_owner_and_mode(rules, path, me)?;
        // Files of root may have hard links: package managers create them.
        if self.links > 1 && !(rules.allow_root_owner && self.owner == ROOT_UID) {
            return Err(FileProblem::HardLinked { links: self.links, path: shell_quote(path) });
        }
        Ok(())
    }

    /// Checks owner and mode.
    pub(crate) fn check_owner_and_mode(&self, rules: &FilePolicy, path: &Path, me: u32) -> Result<(), FileProblem> {
        if self.owner != me && !(rules.allow_root_owner && self.owner == ROOT_UID) {
            return Err(FileProblem::WrongOwner { owner: self.owner, expected_owner: me, path: shell_quote(path) });
        }
        let mode = self.mode;
        if mode & rules.forbidden_mode_bits == 0 {
            return Ok(());
        }
        let deed = match (mode & rules.forbidden_mode_bits & 0o044 != 0, mode & rules.forbidden_mode_bits & 0o022 != 0)
        {
            (true, true) => "read and write",
            (false, true) => "write",
            (true, false) => "read",
            (false, false) => "run",
        };
        Err(FileProblem::ModeTooOpen { access: deed, mode, chmod: rules.chmod, path: shell_quote(path) })
    }
}

const ROOT_UID: u32 = 0;

impl FilePolicy {
    /// The error about a file of this kind.
    pub(crate) fn error(&self, path: &Path, fault: FileProblem) -> FileError {
        FileError { role: self.role, path: redacted_path(path), problem: fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(rules: &FilePolicy, owner: u32, mode: u32) -> String {
        let found = FileAttributes { kind: FileType::RegularFile, owner, mode, links: 1 };
        found
            .check_file(rules, Path::new("/etc/pindesk/x"), 1000)
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
    fn a_file_with_a_second_name_is_refused_unless_it_is_roots() {
        let told = |rules: &FilePolicy, owner| {
            let found = FileAttributes { kind: FileType::RegularFile, owner, mode: 0o600, links: 2 };
            let verdict = found.check_file(rules, Path::new("/etc/x"), 1000);
            verdict.map_or_else(|fault| fault.to_string(), |()| "fine".to_owned())
        };
        let refused =
            "it has 2 names, so others may reach it by another. Run: cp -p /etc/x /etc/x.new && mv /etc/x.new /etc/x";
        for rules in [&CONFIG_FILE, &TOKEN_FILE, &APP_SECRET_FILE, &RECIPIENTS_FILE, &KEY_FILE] {
            assert_eq!([told(rules, 1000), told(rules, 0)], [refused, "fine"], "{}", rules.role);
        }
        assert_eq!(told(&STATE_FILE, 1000), refused);
        assert_eq!(told(&STATE_FILE, 0), "it belongs to user 0. Run: sudo chown 1000 /etc/x");
    }

    #[test]
    fn a_token_taken_for_a_path_is_not_repeated() {
        let error = read_text(&TOKEN_FILE, Path::new("EAAJfakeTokenFakeTokenFakeToken")).expect_err("there is none");
        assert_eq!(error.to_string(), "access token file …: there is no such file");
    }
}
