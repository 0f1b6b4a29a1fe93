//! Waits until another process, or this one, has committed rows, or until another process has ended.
//!
//! It watches the file of the saved head and not the database: each writer writes that file after its commit, and SQLite
//! makes a commit visible only after the last write to its own files. Nothing runs while no file changes. It reads no
//! row, and does not know who wrote.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::inotify::{self, CreateFlags, Event, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use super::audit::HEAD_FILE;
use super::run_lock::LOCK_FILE_PREFIX;
use crate::state_dir::StateDir;

/// Space for many events, each with the longest file name of the directory.
const BUFFER_BYTES: usize = 4_096;

/// A watch on the journal of a state directory, until it is dropped.
#[derive(Debug)]
pub struct JournalWatch {
    inotify: AsyncFd<OwnedFd>,
    head_path: PathBuf,
}

impl JournalWatch {
    /// Starts to watch, on the current tokio runtime.
    ///
    /// # Errors
    /// If the system refuses: the user has too many watches, or the file system has none.
    pub(super) fn start(dir: &StateDir) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A process that ends removes its file. An operator may remove the head, and the next start creates it again.
        let directory_events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE;
        inotify::add_watch(&inotify, dir.path(), directory_events | WatchFlags::ONLYDIR)?;
        #[expect(deprecated, reason = "it is sound for a descriptor that never changes, and the new one is unsafe")]
        let inotify = AsyncFd::new(inotify)?;
        let watch = Self { inotify, head_path: dir.path().join(HEAD_FILE) };
        watch.watch_head()?;
        Ok(watch)
    }

    /// Waits until something has changed since the last call, or since the start.
    ///
    /// # Errors
    /// If the system no longer reports changes.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let has_changed = self.take_events()?;
            // Keeps an event that arrived after the last one was taken.
            ready.clear_ready();
            if has_changed {
                return Ok(());
            }
        }
    }

    /// Takes all events. True if one of them may mean new rows.
    fn take_events(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut events = Reader::new(self.inotify.get_ref(), &mut buffer);
        let (mut has_changed, mut is_head_new) = (false, false);
        loop {
            match events.next() {
                Ok(event) => {
                    is_head_new |= event.file_name().is_some_and(|name| name.to_bytes() == HEAD_FILE.as_bytes());
                    has_changed |= may_mean_rows(&event);
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        if is_head_new {
            self.watch_head()?;
        }
        Ok(has_changed || is_head_new)
    }

    /// Watches the file that has the name of the head now. Succeeds without one.
    fn watch_head(&self) -> io::Result<()> {
        match inotify::add_watch(self.inotify.get_ref(), &self.head_path, WatchFlags::MODIFY | WatchFlags::DONT_FOLLOW)
        {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// True for a write to the head, the end of a process, and events that were lost.
fn may_mean_rows(event: &Event<'_>) -> bool {
    let is_lock_file = event.file_name().is_some_and(|name| name.to_bytes().starts_with(LOCK_FILE_PREFIX.as_bytes()));
    let has_ended = is_lock_file && event.events().contains(ReadFlags::DELETE);
    has_ended || event.events().intersects(ReadFlags::MODIFY | ReadFlags::QUEUE_OVERFLOW)
}
