//! Opens the state directory, which holds the journal and the escrow, and its files. Only their owner can read them.
//!
//! It checks the owner, mode and links of open files, never only of their names. It does not know what the files
//! contain. It never repairs a mode, because the operator has to know that others could read the directory.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::CleanText;
use crate::secure_file::{FileAttributes, FileError, FileProblem, SAFE_OPEN_FLAGS, STATE_DIR, STATE_FILE, SafePath};

/// An open state directory that only its owner can enter.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    is_writable: bool,
}

/// How a file of the state directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; created with mode 0600 if it is missing.
    ReadWrite,
    /// For reading and appending; created with mode 0600 if it is missing.
    Append,
}

/// Why pindesk cannot use the state directory, or a file in it.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// A file is missing, or the owner, mode or links of the directory or of a file are unsafe.
    #[error(transparent)]
    Unsafe(#[from] FileError),
    /// There is none.
    #[error("state directory {path}: there is no such directory")]
    Missing {
        /// The path of the directory.
        path: CleanText,
    },
    /// The directory is a symbolic link.
    #[error("state directory {path}: it is a symbolic link. Use its target: --state-dir {target}")]
    Symlink {
        /// The path of the link.
        path: CleanText,
        /// Its target, quoted for a shell.
        target: CleanText,
    },
    /// A file in it is a symbolic link.
    #[error("state file {path}: it is a symbolic link. Move its target here, or remove the link: rm {path}")]
    FileSymlink {
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// It is not a directory.
    #[error("state directory {path}: it is not a directory")]
    NotADirectory {
        /// The path of the directory.
        path: CleanText,
    },
    /// It is on a network file system, where locks and syncs are not reliable.
    #[error(
        "state directory {path}: it is on a network file system ({file_system}), which can lose records. Use a \
         directory on a local disk: --state-dir DIR"
    )]
    NetworkFileSystem {
        /// The path of the directory.
        path: CleanText,
        /// The name of the file system, such as NFS.
        file_system: &'static str,
    },
    /// It is missing, and cannot be created.
    #[error(
        "state directory {path}: it cannot be created: {error}. It is for the journal and the escrow. To use another \
         directory: --state-dir DIR or PINDESK_STATE_DIR"
    )]
    NotCreated {
        /// The path of the directory.
        path: CleanText,
        /// The error of the system.
        error: io::Error,
    },
    /// It could not be entered or opened.
    #[error("{path}: {error}")]
    Io {
        /// The path of the directory or file.
        path: CleanText,
        /// The error of the system.
        error: io::Error,
    },
}

impl StateDir {
    /// Opens the directory. Creates it with mode 0700, and the directories above it, if it is missing.
    ///
    /// # Errors
    /// If it cannot be created or entered, is a symbolic link or not a directory, belongs to another user, gives other
    /// users access (the error contains the `chmod` command), is below a directory that they can write, or is on a network
    /// file system, where locks and syncs are not reliable.
    pub fn open_or_create(path: &Path) -> Result<Self, StateDirError> {
        match Self::open(path) {
            Err(error) if error.is_missing() => {
                let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
                created.map_err(|error| StateDirError::NotCreated { path: redacted_path(path), error })?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// Checks that the missing directory can be created: that this user can write in the nearest directory above it.
    /// Creates nothing.
    pub(crate) fn check_creatable(path: &Path) -> Result<(), StateDirError> {
        for parent in path.ancestors().skip(1) {
            let dir = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let access = Access::WRITE_OK | Access::EXEC_OK;
            match rustix::fs::accessat(rustix::fs::CWD, dir, access, AtFlags::EACCESS) {
                Ok(()) => return Ok(()),
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    return Err(StateDirError::NotCreated { path: redacted_path(path), error: errno.into() });
                }
            }
        }
        Ok(())
    }

    /// Opens the directory. Never creates it.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and if it is missing.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let dir = open_directory(path)?;
        let attributes =
            FileAttributes::from_fd(&dir).map_err(|error| StateDirError::Io { path: redacted_path(path), error })?;
        attributes
            .check_owner_and_mode(&STATE_DIR, path, effective_uid())
            .map_err(|problem| STATE_DIR.error(path, problem))?;
        let to_io_error = |errno: Errno| StateDirError::Io { path: redacted_path(path), error: errno.into() };
        let magic = rustix::fs::fstatfs(&dir).map_err(to_io_error)?.f_type;
        if let Some(file_system) = network_file_system_name(i128::from(magic)) {
            return Err(StateDirError::NetworkFileSystem { path: redacted_path(path), file_system });
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let is_writable = match rustix::fs::accessat(&dir, ".", access, AtFlags::EACCESS) {
            Ok(()) => true,
            Err(Errno::ACCESS | Errno::ROFS | Errno::PERM) => false,
            Err(errno) => return Err(to_io_error(errno)),
        };
        Ok(Self { path: path.to_owned(), dir: Arc::new(dir), is_writable })
    }

    /// The path that the caller opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// False if pindesk cannot write to it, because of a read-only mount or missing permission.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// How many bytes this user can still write on the file system; `None` if the system does not report it.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let stats = rustix::fs::fstatvfs(&self.dir).ok()?;
        stats.f_bavail.checked_mul(stats.f_frsize)
    }

    /// Opens a file of the directory. It must be a regular file with one name, readable only by its owner, and not a
    /// symbolic link.
    pub(crate) fn open_file(&self, name: &str, mode: OpenMode) -> Result<File, StateDirError> {
        let flags = match mode {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::ReadWrite => OFlags::RDWR | OFlags::CREATE,
            OpenMode::Append => OFlags::RDWR | OFlags::CREATE | OFlags::APPEND,
        };
        let file = self.open_at(name, flags | SAFE_OPEN_FLAGS)?;
        self.check_file(name, &file)?;
        // Reads and writes of a regular file block with and without NONBLOCK, but a lock might not.
        rustix::fs::fcntl_setfl(&file, flags & OFlags::APPEND).map_err(|errno| self.errno_error(name, errno))?;
        Ok(file.into())
    }

    /// Checks a file. False if it does not exist. It does not open the file for reading or writing, so that closing it
    /// releases no lock.
    pub(crate) fn has_file(&self, name: &str) -> Result<bool, StateDirError> {
        match self.open_at(name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC) {
            Ok(file) => self.check_file(name, &file).map(|()| true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates the error that the file does not exist.
    pub(crate) fn missing_file_error(&self, name: &str) -> StateDirError {
        STATE_FILE.error(&self.path.join(name), FileProblem::Missing).into()
    }

    /// The length of a file in bytes; 0 if it is missing.
    pub(crate) fn file_len(&self, name: &str) -> Result<u64, StateDirError> {
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(u64::try_from(stat.st_size).unwrap_or_default()),
            Err(Errno::NOENT) => Ok(0),
            Err(errno) => Err(self.errno_error(name, errno)),
        }
    }

    /// The device and inode of the file that has this name now; `None` if there is none. It uses the path, as the next
    /// process will, because another process may have moved or replaced the directory.
    pub(crate) fn file_identity(&self, name: &str) -> io::Result<Option<(u64, u64)>> {
        match rustix::fs::lstat(self.path.join(name)) {
            Ok(stat) => Ok(Some((stat.st_dev, stat.st_ino))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a file. Succeeds if there is none.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names of its files that start with `prefix`.
    pub(crate) fn file_names_with_prefix(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && name.starts_with(prefix)
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// True if it has no file at all.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.file_names_with_prefix("")?.iter().all(|name| name == "." || name == ".."))
    }

    /// The path of a file without symbolic links, for callers that cannot open by descriptor.
    pub(crate) fn canonical_path(&self, name: &str) -> Result<PathBuf, StateDirError> {
        let to_io_error = |error| StateDirError::Io { path: redacted_path(&self.path), error };
        let canonical = self.path.canonicalize().map_err(to_io_error)?;
        let open_stat = rustix::fs::fstat(&self.dir).map_err(|errno| to_io_error(errno.into()))?;
        let path_stat = rustix::fs::stat(&canonical).map_err(|errno| to_io_error(errno.into()))?;
        if (open_stat.st_dev, open_stat.st_ino) == (path_stat.st_dev, path_stat.st_ino) {
            Ok(canonical.join(name))
        } else {
            Err(to_io_error(io::Error::other("another directory has replaced it")))
        }
    }

    /// Syncs the directory itself, which makes new files in it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    fn open_at(&self, name: &str, flags: OFlags) -> Result<OwnedFd, StateDirError> {
        let path = self.path.join(name);
        rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| match errno {
            Errno::NOENT => self.missing_file_error(name),
            Errno::LOOP => StateDirError::FileSymlink { path: shell_quote(&path) },
            other => self.errno_error(name, other),
        })
    }

    fn check_file(&self, name: &str, file: &OwnedFd) -> Result<(), StateDirError> {
        let path = self.path.join(name);
        let attributes = FileAttributes::from_fd(file.as_fd())
            .map_err(|error| StateDirError::Io { path: redacted_path(&path), error })?;
        if attributes.kind() == FileType::Symlink {
            return Err(StateDirError::FileSymlink { path: shell_quote(&path) });
        }
        attributes
            .check_file(&STATE_FILE, &path, effective_uid())
            .map_err(|problem| STATE_FILE.error(&path, problem).into())
    }

    fn errno_error(&self, name: &str, errno: Errno) -> StateDirError {
        self.io_error(name, errno.into())
    }

    /// Creates the error that the system refused an operation on a file of the directory.
    pub(crate) fn io_error(&self, name: &str, error: io::Error) -> StateDirError {
        StateDirError::Io { path: redacted_path(&self.path.join(name)), error }
    }
}

impl StateDirError {
    /// True if the directory or file does not exist, which is not an error if it is optional.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Unsafe(error) => error.is_missing(),
            Self::Missing { .. } => true,
            Self::Symlink { .. }
            | Self::FileSymlink { .. }
            | Self::NotADirectory { .. }
            | Self::NetworkFileSystem { .. }
            | Self::NotCreated { .. }
            | Self::Io { .. } => false,
        }
    }
}

fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn open_directory(path: &Path) -> Result<OwnedFd, StateDirError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let missing = || StateDirError::Missing { path: redacted_path(path) };
    let place = SafePath::new(path, effective_uid()).map_err(|problem| match problem {
        FileProblem::Missing => missing(),
        FileProblem::ParentNotADirectory => StateDirError::NotADirectory { path: redacted_path(path) },
        problem => STATE_DIR.error(path, problem).into(),
    })?;
    rustix::fs::openat(place.dir(), place.name(), flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => missing(),
        // The system reports either error for a link, and NOTDIR for any other file that is not a directory.
        Errno::LOOP | Errno::NOTDIR => match rustix::fs::readlinkat(place.dir(), place.name(), Vec::new()) {
            Ok(target) => {
                let target = OsString::from_vec(target.into_bytes());
                // A path that ends with a slash names the same link.
                let path: PathBuf = path.components().collect();
                let target = path.parent().unwrap_or(Path::new("")).join(target);
                StateDirError::Symlink { path: redacted_path(&path), target: shell_quote(&target) }
            }
            Err(_) => StateDirError::NotADirectory { path: redacted_path(path) },
        },
        other => StateDirError::Io { path: redacted_path(path), error: other.into() },
    })
}

/// Returns the name of a network file system, by its magic number.
///
/// Source: man7.org/linux/man-pages/man2/statfs.2.html.
fn network_file_system_name(magic: i128) -> Option<&'static str> {
    // The magic number is signed on some machines, which changes the upper half.
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_found_by_their_magic_number() {
        let names = [0x6969, 0x517b, 0xfe53_4d42, i128::from(0xff53_4d42_u32.cast_signed()), 0xef53]
            .map(network_file_system_name);
        assert_eq!(names, [Some("NFS"), Some("SMB"), Some("SMB"), Some("SMB"), None]);
    }
}
