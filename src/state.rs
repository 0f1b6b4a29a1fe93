//! The state directory: what pindesk keeps lies here, for its owner's eyes alone.
//!
//! It is judged by what was opened, never by names alone: owner, mode, links. It knows nothing of what the files in it
//! say, and it repairs no mode by itself: who left the directory open has to know.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::config::guarded::{FileError, FileFault, Found, STATE_DIR, STATE_FILE, TO_BE_JUDGED, for_shell, shown};
use crate::text::Clean;

/// An opened state directory that only its owner can enter.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    is_writable: bool,
}

/// What a file of the state directory is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// To read; it has to be there.
    Read,
    /// To read and write; made, 0600, where it is missing.
    ReadWrite,
    /// To read, and to write at its end only; made, 0600, where it is missing.
    Append,
}

/// The state directory, or a file in it, cannot be used. Ends the program with [`EXIT_CODE`](crate::config::EXIT_CODE).
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is missing, or owner, mode or names are not as they must be.
    #[error(transparent)]
    Unsafe(#[from] FileError),
    /// The directory is a symbolic link.
    #[error("state directory {path}: it is a symbolic link. Name the directory itself: --state-dir {target}")]
    Link {
        /// The path.
        path: Clean,
        /// Where it leads, quoted for a shell.
        target: Clean,
    },
    /// A file in it is a symbolic link.
    #[error("state file {path}: it is a symbolic link. Move the file itself here, or remove the link: rm {path}")]
    FileLink {
        /// The path, quoted for a shell.
        path: Clean,
    },
    /// Something else has that name.
    #[error("state directory {path}: it is not a directory")]
    NotADirectory {
        /// The path.
        path: Clean,
    },
    /// Locks and syncs cannot be relied on there.
    #[error(
        "state directory {path}: it lies on a network file system ({kind}), where a record may be lost. Name a \
         directory on a local disk: --state-dir DIR"
    )]
    Network {
        /// The path.
        path: Clean,
        /// Which one.
        kind: &'static str,
    },
    /// It could not be made, entered or opened.
    #[error("{path}: {error}")]
    System {
        /// The path.
        path: Clean,
        /// What the system said.
        error: io::Error,
    },
}

impl StateDir {
    /// Opens the directory, and makes it (0700, with the directories above it) where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or entered, is a symbolic link or no directory, belongs to somebody else, lets others in
    /// (the error names the `chmod`), or lies on a network file system, where locks and syncs cannot be relied on.
    pub fn open_or_make(path: &Path) -> Result<Self, StateError> {
        match Self::open(path) {
            Err(error) if error.is_missing() => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| StateError::System { path: Clean::new(&shown(path)), error })?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// Opens the directory where it is there; never makes it.
    ///
    /// # Errors
    /// As [`Self::open_or_make`], and when it is missing.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let dir = open_directory(path)?;
        let found = Found::of(&dir).map_err(|error| StateError::System { path: Clean::new(&shown(path)), error })?;
        found.judge(&STATE_DIR, path, me()).map_err(|fault| STATE_DIR.error(path, fault))?;
        let of_system = |errno: Errno| StateError::System { path: Clean::new(&shown(path)), error: errno.into() };
        let kind = rustix::fs::fstatfs(&dir).map_err(of_system)?.f_type;
        if let Some(kind) = network_name(i128::from(kind)) {
            return Err(StateError::Network { path: Clean::new(&shown(path)), kind });
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let is_writable = match rustix::fs::accessat(&dir, ".", access, AtFlags::EACCESS) {
            Ok(()) => true,
            Err(Errno::ACCESS | Errno::ROFS | Errno::PERM) => false,
            Err(errno) => return Err(of_system(errno)),
        };
        Ok(Self { path: path.to_owned(), dir: Arc::new(dir), is_writable })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// False where nothing can be written: a read-only mount, or no permission.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// Bytes that this user may still write on its file system; `None` if the system does not say.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&self.dir).ok()?;
        found.f_bavail.checked_mul(found.f_frsize)
    }

    /// Opens a file of the directory: no symbolic link, a regular file with one name, its owner's alone.
    pub(crate) fn file(&self, name: &str, opening: Opening) -> Result<File, StateError> {
        let flags = match opening {
            Opening::Read => OFlags::RDONLY,
            Opening::ReadWrite => OFlags::RDWR | OFlags::CREATE,
            Opening::Append => OFlags::RDWR | OFlags::CREATE | OFlags::APPEND,
        };
        let file = self.open_at(name, flags | TO_BE_JUDGED)?;
        self.judge(name, &file)?;
        // Reads and writes of a regular file wait as they should, whatever the flag says, but a lock might not.
        rustix::fs::fcntl_setfl(&file, flags & OFlags::APPEND).map_err(|errno| self.system(name, errno))?;
        Ok(file.into())
    }

    /// Judges a file without opening it for anything, so that no lock on it is lost when it is closed again. False if
    /// there is none.
    pub(crate) fn has(&self, name: &str) -> Result<bool, StateError> {
        match self.open_at(name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC) {
            Ok(file) => self.judge(name, &file).map(|()| true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// That there is no such file.
    pub(crate) fn missing(&self, name: &str) -> StateError {
        STATE_FILE.error(&self.path.join(name), FileFault::Missing).into()
    }

    /// How many bytes a file has; none where it is missing.
    pub(crate) fn length(&self, name: &str) -> Result<u64, StateError> {
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(u64::try_from(found.st_size).unwrap_or_default()),
            Err(Errno::NOENT) => Ok(0),
            Err(errno) => Err(self.system(name, errno)),
        }
    }

    /// Says which file has this name now: its device and its inode. `None` where there is none. It goes by the path, as
    /// whoever comes next does: the directory may have been moved away, or replaced.
    pub(crate) fn identity(&self, name: &str) -> io::Result<Option<(u64, u64)>> {
        match rustix::fs::lstat(self.path.join(name)) {
            Ok(found) => Ok(Some((found.st_dev, found.st_ino))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a file; that it is gone already is as good.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names of its files that begin so.
    pub(crate) fn names(&self, start: &str) -> io::Result<Vec<String>> {
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

    /// The path of a file without any symbolic link in it, for those who cannot open by descriptor.
    pub(crate) fn real_path(&self, name: &str) -> Result<PathBuf, StateError> {
        let of_system = |error| StateError::System { path: Clean::new(&shown(&self.path)), error };
        let real = self.path.canonicalize().map_err(of_system)?;
        let opened = rustix::fs::fstat(&self.dir).map_err(|errno| of_system(errno.into()))?;
        let named = rustix::fs::stat(&real).map_err(|errno| of_system(errno.into()))?;
        if (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino) {
            Ok(real.join(name))
        } else {
            Err(of_system(io::Error::other("another directory was put in its place")))
        }
    }

    /// Syncs the directory itself: a file made in it is only durable then.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    fn open_at(&self, name: &str, flags: OFlags) -> Result<OwnedFd, StateError> {
        let path = self.path.join(name);
        rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| match errno {
            Errno::NOENT => self.missing(name),
            Errno::LOOP => StateError::FileLink { path: for_shell(&path) },
            other => self.system(name, other),
        })
    }

    fn judge(&self, name: &str, file: &OwnedFd) -> Result<(), StateError> {
        let path = self.path.join(name);
        let found = Found::of(file.as_fd()).map_err(|error| StateError::System { path: shown_clean(&path), error })?;
        if found.kind() == FileType::Symlink {
            return Err(StateError::FileLink { path: for_shell(&path) });
        }
        found.judge_file(&STATE_FILE, &path, me()).map_err(|fault| STATE_FILE.error(&path, fault).into())
    }

    fn system(&self, name: &str, errno: Errno) -> StateError {
        self.failed(name, errno.into())
    }

    /// The system refused something with a file of the directory.
    pub(crate) fn failed(&self, name: &str, error: io::Error) -> StateError {
        StateError::System { path: shown_clean(&self.path.join(name)), error }
    }
}

impl StateError {
    /// True if there is no such directory or file, which is no fault where it was only looked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Unsafe(error) => error.is_missing(),
            Self::Link { .. }
            | Self::FileLink { .. }
            | Self::NotADirectory { .. }
            | Self::Network { .. }
            | Self::System { .. } => false,
        }
    }
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn shown_clean(path: &Path) -> Clean {
    Clean::new(&shown(path))
}

fn open_directory(path: &Path) -> Result<OwnedFd, StateError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    // With a slash at its end, the name of a link would lead us away.
    let path: &Path = &path.components().collect::<PathBuf>();
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => STATE_DIR.error(path, FileFault::Missing).into(),
        // The system says either of a link, and the latter of anything else that is no directory.
        Errno::LOOP | Errno::NOTDIR => match std::fs::read_link(path) {
            Ok(target) => {
                let target = path.parent().unwrap_or(Path::new("")).join(target);
                StateError::Link { path: shown_clean(path), target: for_shell(&target) }
            }
            Err(_) => StateError::NotADirectory { path: shown_clean(path) },
        },
        other => StateError::System { path: shown_clean(path), error: other.into() },
    })
}

/// The name of a file system whose files lie on another machine.
///
/// Source: man7.org/linux/man-pages/man2/statfs.2.html.
fn network_name(kind: i128) -> Option<&'static str> {
    // The system's type is signed on some machines, so that the upper half is cut off.
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
        let found = [0x6969, 0x517b, 0xfe53_4d42, i128::from(0xff53_4d42_u32.cast_signed()), 0xef53].map(network_name);
        assert_eq!(found, [Some("NFS"), Some("SMB"), Some("SMB"), Some("SMB"), None]);
    }
}
