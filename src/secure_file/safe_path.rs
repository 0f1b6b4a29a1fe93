//! Walks to a file through each of its directories, and refuses a path that another user could redirect.
//!
//! A user who can write a directory can replace what is in it, so a safe file needs safe directories, up to `/` (as
//! `StrictModes` of OpenSSH checks). The walk holds each directory open, so none can be replaced behind it. It follows
//! symbolic links that root or the user created. It opens no file for reading, and repairs no mode.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{FileAttributes, FileProblem, STICKY_BIT, open_problem};
use crate::domain::redact::{redacted_path, shell_quote};
use crate::domain::text::CleanText;

/// As many symbolic links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// Directories for the files of all users. One of them without its sticky bit is repaired by the bit, because programs
/// of other users need the right to write.
const SHARED_DIRS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The mode bits that let the group and all others write.
const WRITABLE_BITS: u32 = 0o022;

/// Where a file is: its directory, open and safe up to `/`, and its name in it. The file need not exist.
#[derive(Debug)]
pub(crate) struct SafePath {
    dir: OwnedFd,
    /// The path of the directory, without links.
    dir_path: PathBuf,
    name: OsString,
    links_left: usize,
    uid: u32,
}

impl SafePath {
    /// Walks to the directory of a file. `uid` is the user.
    ///
    /// # Errors
    /// If a directory is missing, or another user could replace what is in it, or created a symbolic link of the path.
    pub(crate) fn new(path: &Path, uid: u32) -> Result<Self, FileProblem> {
        let path = std::path::absolute(path).map_err(FileProblem::Unreadable)?;
        let dir = open_directory(CWD, Path::new("/")).map_err(open_problem)?;
        let mut safe = Self { dir, dir_path: "/".into(), name: OsString::new(), links_left: MAX_LINKS, uid };
        safe.walk(&path)?;
        Ok(safe)
    }

    /// The directory of the file.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// The name of the file in its directory; `.` if the path ends at the directory itself.
    pub(crate) fn name(&self) -> &Path {
        Path::new(&self.name)
    }

    /// If the file is a symbolic link, walks on to the directory of its target.
    ///
    /// # Errors
    /// As [`Self::new`], and if the link leads to no file, or there are more than [`MAX_LINKS`].
    pub(crate) fn follow_link(&mut self) -> Result<(), FileProblem> {
        let name = self.name.clone();
        match self.link_target(&name)? {
            // The kernel shows open files without a path this way, for example /dev/stdin if it is a pipe.
            Some(target) if ["pipe:[", "socket:["].iter().any(|kind| target.to_string_lossy().starts_with(kind)) => {
                Err(FileProblem::NotRegularFile)
            }
            Some(target) => self.walk(&target),
            // Another file has replaced the link: the caller opens it again.
            None => Ok(()),
        }
    }

    fn walk(&mut self, path: &Path) -> Result<(), FileProblem> {
        let mut pending: VecDeque<OsString> = steps(path).collect();
        self.name = ".".into();
        while let Some(step) = pending.pop_front() {
            if pending.is_empty() && step != "/" && step != ".." {
                self.name = step;
            } else if let Some(target) = self.enter(step)? {
                pending = steps(&target).chain(pending).collect();
            }
        }
        Ok(())
    }

    /// Enters a directory. Returns the target instead if it is a symbolic link.
    fn enter(&mut self, step: OsString) -> Result<Option<PathBuf>, FileProblem> {
        match open_directory(self.dir(), Path::new(&step)) {
            Ok(dir) => {
                if step == ".." {
                    self.dir_path.pop();
                } else {
                    self.dir_path.push(step);
                }
                let attributes = FileAttributes::from_fd(&dir).map_err(FileProblem::Unreadable)?;
                check_directory(attributes, &self.dir_path, self.uid)?;
                self.dir = dir;
                Ok(None)
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.link_target(&step)?.map(Some).ok_or_else(|| open_problem(Errno::NOTDIR))
            }
            Err(errno) => Err(open_problem(errno)),
        }
    }

    /// The target of a symbolic link that root or the user created; `None` if the file is no link.
    fn link_target(&mut self, name: &OsString) -> Result<Option<PathBuf>, FileProblem> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let link = rustix::fs::openat(self.dir(), name, flags, Mode::empty()).map_err(open_problem)?;
        let attributes = FileAttributes::from_fd(&link).map_err(FileProblem::Unreadable)?;
        self.links_left = self.links_left.checked_sub(1).ok_or_else(|| open_problem(Errno::LOOP))?;
        if attributes.kind() != FileType::Symlink {
            return Ok(None);
        }
        if !attributes.is_trusted_owner(self.uid) {
            return Err(FileProblem::UntrustedSymlink { owner: attributes.owner });
        }
        let target = rustix::fs::readlinkat(&link, "", Vec::new()).map_err(open_problem)?;
        Ok(Some(OsString::from_vec(target.into_bytes()).into()))
    }
}

/// Opens a directory for its attributes. `O_DIRECTORY` mounts what an automounter has not mounted yet.
fn open_directory(parent: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// The parts of a path: `/`, `..` and names.
fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    let is_step = |component: &Component<'_>| !matches!(component, Component::CurDir);
    path.components().filter(is_step).map(|component| component.as_os_str().to_owned())
}

/// Checks that only root and the user can replace what is in a directory.
fn check_directory(attributes: FileAttributes, path: &Path, uid: u32) -> Result<(), FileProblem> {
    let FileAttributes { owner, mode, .. } = attributes;
    if !attributes.is_trusted_owner(uid) {
        return Err(FileProblem::UntrustedDirectory { dir: redacted_path(path), owner });
    }
    let writable = mode & WRITABLE_BITS;
    if writable == 0 || mode & STICKY_BIT != 0 {
        return Ok(());
    }
    let chmod = match writable {
        _ if SHARED_DIRS.iter().any(|shared| path == Path::new(shared)) => "+t",
        0o020 => "g-w",
        0o002 => "o-w",
        _ => "go-w",
    };
    let sudo = if owner == uid { "" } else { "sudo " };
    let command = CleanText::new(&format!("{sudo}chmod {chmod} {}", shell_quote(path)));
    Err(FileProblem::WritableDirectory { dir: redacted_path(path), mode, command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_user_may_write_a_directory() {
        let cases = [
            ("/home/ana", 1000, 0o755, "safe"),
            ("/home/ana", 1000, 0o700, "safe"),
            ("/etc", 0, 0o755, "safe"),
            ("/tmp", 0, 0o1777, "safe"),
            ("/var/mail", 0, 0o3775, "safe"),
            ("/srv/x", 1000, 0o777, "others can write its directory /srv/x (mode 0777). Run: chmod go-w /srv/x"),
            ("/srv/x", 1000, 0o775, "others can write its directory /srv/x (mode 0775). Run: chmod g-w /srv/x"),
            ("/srv/x", 1000, 0o757, "others can write its directory /srv/x (mode 0757). Run: chmod o-w /srv/x"),
            ("/srv/x", 0, 0o2775, "others can write its directory /srv/x (mode 2775). Run: sudo chmod g-w /srv/x"),
            ("/tmp", 0, 0o777, "others can write its directory /tmp (mode 0777). Run: sudo chmod +t /tmp"),
            (
                "/home/bob",
                1001,
                0o755,
                "its directory /home/bob belongs to user 1001, who could replace it. Move it to a directory of your own",
            ),
            (
                "/srv/tmp",
                1001,
                0o1777,
                "its directory /srv/tmp belongs to user 1001, who could replace it. Move it to a directory of your own",
            ),
        ];
        for (path, owner, mode, expected) in cases {
            let attributes = FileAttributes { kind: FileType::Directory, owner, mode, links: 2 };
            let result = check_directory(attributes, Path::new(path), 1000);
            let found = result.map_or_else(|problem| problem.to_string(), |()| "safe".to_owned());
            assert_eq!(found, expected, "{path} {owner} {mode:o}");
        }
    }
}
