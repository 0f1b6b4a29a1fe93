//! The state directory with the journal and the escrow. Only its owner can read it.
//!
//! It checks what it opened, never only names: owner, mode, links. It does not know what the files contain, and it
//! repairs no mode by itself: who left the directory open has to know.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::CleanText;
use crate::secure_file::{FileAttributes, FileError, FileProblem, SAFE_OPEN_FLAGS, STATE_DIR, STATE_FILE};

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

/// The state directory, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It is missing, or its owner, mode or links are unsafe.
    #[error(transparent)]
    Unsafe(#[from] FileError),
    /// The directory is a symbolic link.
    #[error("state directory {path}: it is a symbolic link. Name the directory itself: --state-dir {target}")]
    Symlink {
        /// The path.
        path: CleanText,
        /// Its target, quoted for a shell.
        target: CleanText,
    },
    /// A file in it is a symbolic link.
    #[error("state file {path}: it is a symbolic link. Move the file itself here, or remove the link: rm {path}")]
    FileSymlink {
        /// The path, quoted for a shell.
        path: CleanText,
    },
    /// It is not a directory.
    #[error("state directory {path}: it is not a directory")]
    NotADirectory {
        /// The path.
        path: CleanText,
    },
    /// It is on a network file system, where locks and syncs are not reliable.
    #[error(
        "state directory {path}: it lies on a network file system ({file_system}), where a record may be lost. Name a \
         directory on a local disk: --state-dir DIR"
    )]
    NetworkFileSystem {
        /// The path.
        path: CleanText,
        /// The kind of file system.
        file_system: &'static str,
    },
    /// It could not be created, entered or opened.
    #[error("{path}: {error}")]
    Io {
        /// The path.
        path: CleanText,
        /// The error of the system.
        error: io::Error,
    },
}

impl StateDir {
    /// Opens the directory. Creates it with mode 0700, and the directories above it, if it is missing.
    ///
    /// # Errors
    /// When it cannot be created or entered, is a symbolic link or not a directory, belongs to another user, lets
    /// others in (the error names the `chmod`), or is on a network file system, where locks and syncs are not reliable.
    pub fn open_or_create(path: &Path) -> Result<Self, StateDirError> {
        match Self::open(path) {
            Err(error) if error.is_missing() => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| StateDirError::Io { path: redacted_path(path), error })?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// Opens the directory. Never creates it.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and when it is missing.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let dir = open_directory(path)?;
        let found =
            FileAttributes::from_fd(&dir).map_err(|error| StateDirError::Io { path: redacted_path(path), error })?;
        found.check_owner_and_mode(&STATE_DIR, path, effective_uid()).map_err(|fault| STATE_DIR.error(path, fault))?;
        let of_system = |errno: Errno| StateDirError::Io { path: redacted_path(path), error: errno.into() };
        let kind = rustix::fs::fstatfs(&dir).map_err(of_system)?.f_type;
        if let Some(kind) = network_file_system_name(i128::from(kind)) {
            return Err(StateDirError::NetworkFileSystem { path: redacted_path(path), file_system: kind });
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let is_writable = match rustix::fs::accessat(&dir, ".", access, AtFlags::EACCESS) {
            Ok(()) => true,
            Err(Errno::ACCESS | Errno::ROFS | Errno::PERM) => false,
            Err(errno) => return Err(of_system(errno)),
        };
        Ok(Self { path: path.to_owned(), dir: Arc::new(dir), is_writable })
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// False if nothing can be written: a read-only mount, or no permission.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// How many bytes this user may still write on the file system; `None` if the system does not say.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&self.dir).ok()?;
        found.f_bavail.checked_mul(found.f_frsize)
    }

    /// Opens a file of the directory: not a symbolic link, a regular file with one name, readable only by its owner.
    pub(crate) fn open_file(&self, name: &str, opening: OpenMode) -> Result<File, StateDirError> {
        let flags = match opening {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::ReadWrite => OFlags::RDWR | OFlags::CREATE,
            OpenMode::Append => OFlags::RDWR | OFlags::CREATE | OFlags::APPEND,
        };
        let file = self.open_at(name, flags | SAFE_OPEN_FLAGS)?;
        self.check_file(name, &file)?;
        // Reads and writes of a regular file block whatever this flag says, but a lock might not.
        rustix::fs::fcntl_setfl(&file, flags & OFlags::APPEND).map_err(|errno| self.errno_error(name, errno))?;
        Ok(file.into())
    }

    /// Checks a file without opening it for reading or writing, so that closing it releases no lock. False if it does
    /// not exist.
    pub(crate) fn has_file(&self, name: &str) -> Result<bool, StateDirError> {
        match self.open_at(name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC) {
            Ok(file) => self.check_file(name, &file).map(|()| true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The error that the file does not exist.
    pub(crate) fn missing_file_error(&self, name: &str) -> StateDirError {
        STATE_FILE.error(&self.path.join(name), FileProblem::Missing).into()
    }

    /// The length of a file in bytes; 0 if it is missing.
    pub(crate) fn file_len(&self, name: &str) -> Result<u64, StateDirError> {
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(u64::try_from(found.st_size).unwrap_or_default()),
            Err(Errno::NOENT) => Ok(0),
            Err(errno) => Err(self.errno_error(name, errno)),
        }
    }

    /// The device and inode of the file that has this name now; `None` if there is none. It goes by the path, as the
    /// next process does: the directory may have been moved or replaced.
    pub(crate) fn file_identity(&self, name: &str) -> io::Result<Option<(u64, u64)>> {
        match rustix::fs::lstat(self.path.join(name)) {
            Ok(found) => Ok(Some((found.st_dev, found.st_ino))),
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

    /// The names of its files with this prefix.
    pub(crate) fn file_names_with_prefix(&self, start: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && name.starts_with(start)
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The path of a file without symbolic links, for callers that cannot open by descriptor.
    pub(crate) fn canonical_path(&self, name: &str) -> Result<PathBuf, StateDirError> {
        let of_system = |error| StateDirError::Io { path: redacted_path(&self.path), error };
        let real = self.path.canonicalize().map_err(of_system)?;
        let opened = rustix::fs::fstat(&self.dir).map_err(|errno| of_system(errno.into()))?;
        let named = rustix::fs::stat(&real).map_err(|errno| of_system(errno.into()))?;
        if (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino) {
            Ok(real.join(name))
        } else {
            Err(of_system(io::Error::other("another directory was put in its place")))
        }
    }

    /// Syncs the directory itself, which makes a new file in it durable.
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
        let found = FileAttributes::from_fd(file.as_fd())
            .map_err(|error| StateDirError::Io { path: redacted_path(&path), error })?;
        if found.kind() == FileType::Symlink {
            return Err(StateDirError::FileSymlink { path: shell_quote(&path) });
        }
        found.check_file(&STATE_FILE, &path, effective_uid()).map_err(|fault| STATE_FILE.error(&path, fault).into())
    }

    fn errno_error(&self, name: &str, errno: Errno) -> StateDirError {
        self.io_error(name, errno.into())
    }

    /// The system refused an operation on a file of the directory.
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
            Self::Symlink { .. }
            | Self::FileSymlink { .. }
            | Self::NotADirectory { .. }
            | Self::NetworkFileSystem { .. }
            | Self::Io { .. } => false,
        }
    }
}

fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn open_directory(path: &Path) -> Result<OwnedFd, StateDirError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    // With a slash at its end, the system would follow a link.
    let path: &Path = &path.components().collect::<PathBuf>();
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => STATE_DIR.error(path, FileProblem::Missing).into(),
        // The system reports either error for a link, and the latter for anything else that is not a directory.
        Errno::LOOP | Errno::NOTDIR => match std::fs::read_link(path) {
            Ok(target) => {
                let target = path.parent().unwrap_or(Path::new("")).join(target);
                StateDirError::Symlink { path: redacted_path(path), target: shell_quote(&target) }
            }
            Err(_) => StateDirError::NotADirectory { path: redacted_path(path) },
        },
        other => StateDirError::Io { path: redacted_path(path), error: other.into() },
    })
}

/// The name of a file system whose files are on another machine.
///
/// Source: man7.org/linux/man-pages/man2/statfs.2.html.
fn network_file_system_name(kind: i128) -> Option<&'static str> {
    // The type is signed on some machines, which changes the upper half.
    match kind & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_known_by_its_type() {
        let found = [0x6969, 0x517b, 0xfe53_4d42, i128::from(0xff53_4d42_u32.cast_signed()), 0xef53]
            .map(network_file_system_name);
        assert_eq!(found, [Some("NFS"), Some("SMB"), Some("SMB"), Some("SMB"), None]);
    }
}
