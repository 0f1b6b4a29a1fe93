//! Opens files that other users must not be able to change, or even read, and checks the open file.
//!
//! It follows symbolic links that root or the user created (`/etc` often has them), and refuses a file in a directory
//! that others can write. It checks the open file and not its name, so no process can replace the file in between. It
//! never reads an unsafe file, and it never repairs one.

mod safe_path;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::CleanText;
use crate::domain::text_problem::{self, TextProblem};

pub(crate) use self::safe_path::SafePath;

/// The requirements for one kind of file.
#[derive(Debug)]
pub(crate) struct FilePolicy {
    /// Its name in errors.
    role: &'static str,
    /// The largest file that pindesk reads.
    max_bytes: usize,
    /// Mode bits that it must not have.
    forbidden_mode_bits: u32,
    /// The argument of `chmod` that fixes the mode.
    chmod: &'static str,
    /// True if root may own the file instead of the user.
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

/// The config file holds no secret, so others may read it. They must not change it, because it decides where pindesk
/// sends the token.
pub(crate) const CONFIG_FILE: FilePolicy = FilePolicy {
    role: "config file",
    max_bytes: 4 << 20,
    forbidden_mode_bits: 0o022,
    chmod: "go-w",
    allow_root_owner: true,
};

/// The recipients file holds public keys. Others must not change it, because anyone who adds a key could decrypt PINs.
pub(crate) const RECIPIENTS_FILE: FilePolicy = FilePolicy {
    role: "recipients file",
    max_bytes: 1 << 20,
    forbidden_mode_bits: 0o022,
    chmod: "go-w",
    allow_root_owner: true,
};

/// Only the owner may read or write the token file. The group counts as others, because the mode does not show its
/// members.
pub(crate) const TOKEN_FILE: FilePolicy = FilePolicy {
    role: "access token file",
    max_bytes: MAX_SECRET_BYTES,
    forbidden_mode_bits: 0o077,
    chmod: "600",
    allow_root_owner: true,
};

/// The app secret file has the requirements of the token file.
pub(crate) const APP_SECRET_FILE: FilePolicy = FilePolicy { role: "app secret file", ..TOKEN_FILE };

/// The PIN file has the requirements of the token file.
pub(crate) const PIN_FILE: FilePolicy = FilePolicy { role: "PIN file", ..TOKEN_FILE };

/// A file with a private key that decrypts PINs. It has the requirements of the token file.
pub(crate) const KEY_FILE: FilePolicy = FilePolicy { role: "key file", ..TOKEN_FILE };

/// A file with the certificates of authorities. Others must not change it, because it decides who can pass for Meta.
pub(crate) const CA_FILE: FilePolicy = FilePolicy { role: "CA file", ..CONFIG_FILE };

/// The certificates of the authorities that the system trusts.
pub(crate) const SYSTEM_ROOTS: FilePolicy = FilePolicy { role: "certificates of the system", ..CONFIG_FILE };

/// Only the user may own a state file, and not root, because pindesk also writes to it.
pub(crate) const STATE_FILE: FilePolicy = FilePolicy { role: "state file", allow_root_owner: false, ..TOKEN_FILE };

/// The directory of the state files.
pub(crate) const STATE_DIR: FilePolicy = FilePolicy { role: "state directory", chmod: "700", ..STATE_FILE };

/// The largest secret that pindesk reads, which is more than any token has.
pub(crate) const MAX_SECRET_BYTES: usize = 64 << 10;

/// Why pindesk cannot use a file.
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
    /// No file has this name.
    #[error("there is no such file")]
    Missing,
    /// No file has this name, because a part of its path is no directory.
    #[error("there is no such file")]
    ParentNotADirectory,
    /// The system refused to open or read it.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a directory, a pipe or a device.
    #[error("it is not a regular file")]
    NotRegularFile,
    /// Another user owns it.
    #[error("it belongs to user {owner}. Run: sudo chown {expected_owner} {path}")]
    WrongOwner {
        /// The user id of the owner.
        owner: u32,
        /// The user id that should own it.
        expected_owner: u32,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// Its mode lets other users read or write it.
    #[error("others can {access} it (mode {mode:04o}). Run: chmod {chmod} {path}")]
    ModeTooOpen {
        /// What other users can do: read, write, run.
        access: &'static str,
        /// The mode of the file.
        mode: u32,
        /// The argument of `chmod` that fixes the mode.
        chmod: &'static str,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// Everybody may create files in it, as in `/tmp`: a change of its mode would break other programs.
    #[error("it is a directory for the files of all users. Give a directory of your own")]
    SharedDirectory,
    /// It has more than one name.
    #[error("it has {links} hard links. Run: cp -p {path} {path}.new && mv {path}.new {path}")]
    HardLinked {
        /// The number of hard links.
        links: u64,
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// Another user created the symbolic link, and could change which file pindesk reads.
    #[error("the symbolic link belongs to user {owner}. Create the link yourself, or give the path of its target")]
    UntrustedSymlink {
        /// The user id of the owner of the link.
        owner: u32,
    },
    /// Other users can write a directory of its path, and so replace it.
    #[error("others can write its directory {dir} (mode {mode:04o}). Run: {command}")]
    WritableDirectory {
        /// The directory.
        dir: CleanText,
        /// The mode of the directory.
        mode: u32,
        /// The command that fixes the mode.
        command: CleanText,
    },
    /// A directory of its path belongs to another user than root.
    #[error("its directory {dir} belongs to user {owner}, who could replace it. Move it to a directory of your own")]
    UntrustedDirectory {
        /// The directory.
        dir: CleanText,
        /// The user id of the owner of the directory.
        owner: u32,
    },
    /// It is larger than such a file can be.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The largest file that pindesk reads.
        max_bytes: usize,
    },
    /// It is text in another encoding than UTF-8.
    #[error("{0}")]
    WrongEncoding(TextProblem),
    /// It is not UTF-8 text.
    #[error("it is not UTF-8 text")]
    NotUtf8,
}

impl FileError {
    /// True if there is no such file, which is not an error if it is optional.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.problem, FileProblem::Missing | FileProblem::ParentNotADirectory)
    }

    /// True if other users could read or replace it.
    #[must_use]
    pub fn is_unsafe(&self) -> bool {
        match self.problem {
            FileProblem::WrongOwner { .. }
            | FileProblem::ModeTooOpen { .. }
            | FileProblem::SharedDirectory
            | FileProblem::HardLinked { .. }
            | FileProblem::UntrustedSymlink { .. }
            | FileProblem::WritableDirectory { .. }
            | FileProblem::UntrustedDirectory { .. } => true,
            FileProblem::Missing
            | FileProblem::ParentNotADirectory
            | FileProblem::Unreadable(_)
            | FileProblem::NotRegularFile
            | FileProblem::TooLarge { .. }
            | FileProblem::WrongEncoding(_)
            | FileProblem::NotUtf8 => false,
        }
    }

    /// True if it is a directory, a pipe or a device.
    #[must_use]
    pub fn is_not_regular_file(&self) -> bool {
        matches!(self.problem, FileProblem::NotRegularFile)
    }
}

/// Reads the text of a file that conforms to the policy, without a byte order mark at its start. The text is wiped when
/// it is dropped.
pub(crate) fn read_text(policy: &FilePolicy, path: &Path) -> Result<Zeroizing<String>, FileError> {
    read_checked(policy, path).and_then(decode).map_err(|problem| policy.error(path, problem))
}

fn decode(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, FileProblem> {
    if text_problem::is_utf16(&bytes) {
        return Err(FileProblem::WrongEncoding(TextProblem::Utf16));
    }
    let mark_len = bytes.len() - text_problem::without_bom(&bytes).len();
    bytes.drain(..mark_len);
    String::from_utf8(std::mem::take(&mut bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        FileProblem::NotUtf8
    })
}

/// Reads the bytes of a file that conforms to the policy. The bytes are wiped when they are dropped.
pub(crate) fn read_bytes(policy: &FilePolicy, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_checked(policy, path).map_err(|problem| policy.error(path, problem))
}

fn read_checked(policy: &FilePolicy, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let uid = rustix::process::geteuid().as_raw();
    let file = match open_trusted(path, uid) {
        // A file that does not exist is no risk, and a config file that is optional may be elsewhere.
        Err(FileProblem::WritableDirectory { .. } | FileProblem::UntrustedDirectory { .. }) if is_missing(path) => {
            return Err(FileProblem::Missing);
        }
        result => result?,
    };
    let attributes = FileAttributes::from_fd(&file).map_err(FileProblem::Unreadable)?;
    attributes.check_file(policy, path, uid)?;
    // One allocation that is large enough, so that growing leaves no copy of a secret.
    let file_len = file.metadata().map_err(FileProblem::Unreadable)?.len();
    let capacity = usize::try_from(file_len).map_or(policy.max_bytes, |len| len.min(policy.max_bytes)) + 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let limit = policy.max_bytes as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(FileProblem::Unreadable)?;
    if bytes.len() > policy.max_bytes {
        return Err(FileProblem::TooLarge { max_bytes: policy.max_bytes });
    }
    Ok(bytes)
}

fn is_missing(path: &Path) -> bool {
    matches!(rustix::fs::lstat(path), Err(Errno::NOENT | Errno::NOTDIR))
}

/// Opens a file and follows the links that root or the user created.
fn open_trusted(path: &Path, uid: u32) -> Result<File, FileProblem> {
    let mut place = SafePath::new(path, uid)?;
    loop {
        match rustix::fs::openat(place.dir(), place.name(), SAFE_OPEN_FLAGS | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(Errno::LOOP) => place.follow_link()?,
            Err(errno) => return Err(open_problem(errno)),
        }
    }
}

/// Open flags that do not wait for the other end of a pipe, take over a terminal or follow a link.
pub(crate) const SAFE_OPEN_FLAGS: OFlags =
    OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

fn open_problem(errno: Errno) -> FileProblem {
    match errno {
        Errno::NOENT => FileProblem::Missing,
        Errno::NOTDIR => FileProblem::ParentNotADirectory,
        other => FileProblem::Unreadable(other.into()),
    }
}

impl FileAttributes {
    /// Reads the attributes of an open file, which may be opened for its attributes only.
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

    fn is_trusted_owner(&self, uid: u32) -> bool {
        self.owner == ROOT_UID || self.owner == uid
    }

    /// Checks that it is a regular file with a safe owner, mode and number of links. `uid` is the user.
    pub(crate) fn check_file(&self, policy: &FilePolicy, path: &Path, uid: u32) -> Result<(), FileProblem> {
        if self.kind != FileType::RegularFile {
            return Err(FileProblem::NotRegularFile);
        }
        self.check_owner_and_mode(policy, path, uid)?;
        // Files of root may have hard links, because package managers create them.
        if self.links > 1 && !(policy.allow_root_owner && self.owner == ROOT_UID) {
            return Err(FileProblem::HardLinked { links: self.links, path: shell_quote(path) });
        }
        Ok(())
    }

    /// Checks the owner and the mode. `uid` is the user.
    pub(crate) fn check_owner_and_mode(&self, policy: &FilePolicy, path: &Path, uid: u32) -> Result<(), FileProblem> {
        if self.owner != uid && !(policy.allow_root_owner && self.owner == ROOT_UID) {
            return Err(FileProblem::WrongOwner { owner: self.owner, expected_owner: uid, path: shell_quote(path) });
        }
        let mode = self.mode;
        let forbidden = mode & policy.forbidden_mode_bits;
        if forbidden == 0 {
            return Ok(());
        }
        if mode & STICKY_BIT != 0 {
            return Err(FileProblem::SharedDirectory);
        }
        let access = match (forbidden & 0o044 != 0, forbidden & 0o022 != 0) {
            (true, true) => "read and write",
            (false, true) => "write",
            (true, false) => "read",
            (false, false) => "run",
        };
        Err(FileProblem::ModeTooOpen { access, mode, chmod: policy.chmod, path: shell_quote(path) })
    }
}

const ROOT_UID: u32 = 0;

/// In the mode of a directory: only the owner of a file may delete it.
const STICKY_BIT: u32 = 0o1000;

impl FilePolicy {
    /// Creates the error about a file of this kind.
    pub(crate) fn error(&self, path: &Path, problem: FileProblem) -> FileError {
        FileError { role: self.role, path: redacted_path(path), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &FilePolicy, owner: u32, mode: u32) -> String {
        let attributes = FileAttributes { kind: FileType::RegularFile, owner, mode, links: 1 };
        attributes
            .check_file(policy, Path::new("/etc/pindesk/x"), 1000)
            .map_or_else(|problem| problem.to_string(), |()| "safe".to_owned())
    }

    #[test]
    fn only_the_owner_reads_a_secret_but_all_read_the_config() {
        let cases = [
            (&TOKEN_FILE, 1000, 0o600, "safe"),
            (&TOKEN_FILE, 0, 0o400, "safe"),
            (&TOKEN_FILE, 1000, 0o640, "others can read it (mode 0640). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o604, "others can read it (mode 0604). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o620, "others can write it (mode 0620). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o666, "others can read and write it (mode 0666). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1000, 0o711, "others can run it (mode 0711). Run: chmod 600 /etc/pindesk/x"),
            (&TOKEN_FILE, 1001, 0o600, "it belongs to user 1001. Run: sudo chown 1000 /etc/pindesk/x"),
            (&STATE_DIR, 1000, 0o1777, "it is a directory for the files of all users. Give a directory of your own"),
            (&CONFIG_FILE, 0, 0o644, "safe"),
            (&CONFIG_FILE, 0, 0o755, "safe"),
            (&CONFIG_FILE, 1000, 0o664, "others can write it (mode 0664). Run: chmod go-w /etc/pindesk/x"),
            (&CONFIG_FILE, 1001, 0o644, "it belongs to user 1001. Run: sudo chown 1000 /etc/pindesk/x"),
        ];
        for (policy, owner, mode, expected) in cases {
            assert_eq!(check(policy, owner, mode), expected, "{} {owner} {mode:o}", policy.role);
        }
    }

    #[test]
    fn a_hard_linked_file_is_refused_unless_root_owns_it() {
        let check_linked = |policy: &FilePolicy, owner| {
            let attributes = FileAttributes { kind: FileType::RegularFile, owner, mode: 0o600, links: 2 };
            let result = attributes.check_file(policy, Path::new("/etc/x"), 1000);
            result.map_or_else(|problem| problem.to_string(), |()| "safe".to_owned())
        };
        let refused = "it has 2 hard links. Run: cp -p /etc/x /etc/x.new && mv /etc/x.new /etc/x";
        for policy in [&CONFIG_FILE, &TOKEN_FILE, &APP_SECRET_FILE, &RECIPIENTS_FILE, &KEY_FILE] {
            assert_eq!([check_linked(policy, 1000), check_linked(policy, 0)], [refused, "safe"], "{}", policy.role);
        }
        assert_eq!(check_linked(&STATE_FILE, 1000), refused);
        assert_eq!(check_linked(&STATE_FILE, 0), "it belongs to user 0. Run: sudo chown 1000 /etc/x");
    }

    #[test]
    fn a_token_in_place_of_a_path_is_redacted() {
        let error = read_text(&TOKEN_FILE, Path::new("EAAJfakeTokenFakeTokenFakeToken")).expect_err("no such file");
        assert_eq!(error.to_string(), "access token file …: there is no such file");
    }
}
