//! The escrow file: appends lines, syncs them, and reads them back.
//!
//! All processes that write to the state directory share the lock of this file. This module never changes existing
//! lines: it only removes what a failed write of this process left at the end.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use sha2::{Digest as _, Sha256};

use crate::state_dir::{OpenMode, StateDir, StateDirError};

use super::entry::EscrowEntry;
use super::lock::{self, LockError};
use super::scan::{self, EscrowLine, EscrowPosition, EscrowScan, LinePlace};

/// The name of the file in the state directory.
pub(super) const FILE_NAME: &str = "escrow.jsonl";

/// The content of an escrow file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EscrowContents {
    /// Every line that could be parsed, in the order of the file.
    pub entries: Vec<EscrowEntry>,
    /// The line numbers, from 1, of lines that could not be parsed. A torn last line is not among them.
    pub unreadable_lines: Vec<usize>,
    /// True if the last line is incomplete. Either its writer died before it sent the PIN, or the file was truncated
    /// later: a complete journal has the PIN if it was sent. A reader without the lock may also see a line that another
    /// process is just writing.
    pub is_torn: bool,
}

/// The escrow file, open for appending. Several processes may have it open.
#[derive(Debug)]
pub struct EscrowFile {
    file: File,
    dir: StateDir,
    /// False only in tests that check that a missing sync is detected.
    #[cfg(debug_assertions)]
    syncs: bool,
}

/// The locked escrow file. No other process writes to the state directory while this exists.
#[derive(Debug)]
pub struct EscrowLock<'a> {
    file: &'a EscrowFile,
}

/// Lines that were appended and synced.
#[derive(Debug)]
pub struct AppendReceipt {
    /// The length of the file before the append, in bytes.
    len_before: u64,
    /// Where each entry begins, and how long its line is, in bytes.
    pub lines: Vec<(u64, u64)>,
}

impl EscrowFile {
    /// Opens the file, and creates it if it is missing.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub fn open(dir: &StateDir) -> Result<Self, StateDirError> {
        let file = dir.open_file(FILE_NAME, OpenMode::Append)?;
        // The name must be as durable as the lines: the process that created the file may have died before it synced.
        dir.sync().map_err(|error| dir.io_error(FILE_NAME, error))?;
        Ok(Self {
            file,
            dir: dir.clone(),
            #[cfg(debug_assertions)]
            syncs: true,
        })
    }

    /// Disables syncs, for tests that check that a missing sync is detected.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn without_sync(self) -> Self {
        Self { syncs: false, ..self }
    }

    /// Reads the escrow file of a directory; empty if there is none. Takes no lock.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub fn read(dir: &StateDir) -> Result<EscrowContents, StateDirError> {
        let mut entries = Vec::new();
        let on_line = |line: EscrowLine| {
            entries.push(line.entry);
            Ok::<_, io::Error>(())
        };
        let scanned =
            Self::scan(dir, EscrowPosition::default(), on_line)?.map_err(|error| dir.io_error(FILE_NAME, error));
        let EscrowScan { unreadable_lines, is_torn, .. } = scanned?;
        Ok(EscrowContents { entries, unreadable_lines, is_torn })
    }

    /// As [`Self::read`], but from a position, and passes each line to `on_line` instead of collecting all: the file
    /// grows for years, and memory use must not. The position must be one of this file: [`Self::has`].
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses to open it. The inner error is that of a read, or of `on_line`.
    pub(crate) fn scan<E: From<io::Error>>(
        dir: &StateDir,
        from: EscrowPosition,
        on_line: impl FnMut(EscrowLine) -> Result<(), E>,
    ) -> Result<Result<EscrowScan, E>, StateDirError> {
        match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(mut file) => match file.seek(SeekFrom::Start(from.bytes)) {
                Ok(_) => Ok(EscrowScan::read(BufReader::new(file), from, on_line)),
                Err(error) => Ok(Err(error.into())),
            },
            Err(error) if error.is_missing() => Ok(Ok(EscrowScan { end: from, ..EscrowScan::default() })),
            Err(error) => Err(error),
        }
    }

    /// True if the file has this position: it is as long, and a line ends there. Another file may have it as well.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub(crate) fn has(dir: &StateDir, position: EscrowPosition) -> Result<bool, StateDirError> {
        let Some(last) = position.bytes.checked_sub(1) else { return Ok(true) };
        let file = match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut byte = [0];
        match file.read_at(&mut byte, last) {
            Ok(count) => Ok(count == 1 && byte == *b"\n"),
            Err(error) => Err(dir.io_error(FILE_NAME, error)),
        }
    }

    /// The entries of these lines; `None` if one of these places is not that of a line, or cannot be parsed.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub(crate) fn read_lines(dir: &StateDir, places: &[LinePlace]) -> Result<Option<Vec<EscrowEntry>>, StateDirError> {
        let file = match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(places.is_empty().then(Vec::new)),
            Err(error) => return Err(error),
        };
        places
            .iter()
            .map(|place| read_line(&file, *place))
            .collect::<Result<_, _>>()
            .map_err(|error| dir.io_error(FILE_NAME, error))
    }

    /// The digest of the position at this many bytes, computed from an earlier position; `None` if the file is shorter.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub(crate) fn digest(dir: &StateDir, from: EscrowPosition, bytes: u64) -> Result<Option<[u8; 32]>, StateDirError> {
        let len = bytes.saturating_sub(from.bytes);
        if len == 0 {
            return Ok(Some(from.digest));
        }
        let mut file = match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut digest = Sha256::new().chain_update(from.digest);
        let copied = file.seek(SeekFrom::Start(from.bytes)).and_then(|_| io::copy(&mut file.take(len), &mut digest));
        let copied = copied.map_err(|error| dir.io_error(FILE_NAME, error))?;
        Ok((copied == len).then(|| digest.finalize().into()))
    }

    /// The device and the inode of the file; `None` if there is none.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn identity(dir: &StateDir) -> io::Result<Option<(u64, u64)>> {
        dir.file_identity(FILE_NAME)
    }

    /// Acquires the lock that all writers of the state directory share. Waits at most `timeout`. Dropping the guard
    /// releases the lock, and so does the kernel when the process dies. One [`EscrowFile`] is one holder: threads that
    /// must exclude each other each open the file.
    ///
    /// # Errors
    /// [`LockError::Held`] if another process holds the lock until the timeout. [`LockError::Io`] if the system has no
    /// more locks, or if the file was moved or replaced: other writers would see neither this lock nor the lines.
    pub fn lock(&self, timeout: Duration) -> Result<EscrowLock<'_>, LockError> {
        lock::acquire(&self.file, &self.dir, FILE_NAME, timeout)?;
        let lock = EscrowLock { file: self };
        let metadata = self.file.metadata()?;
        if self.dir.file_identity(FILE_NAME)? == Some((metadata.dev(), metadata.ino())) {
            return Ok(lock);
        }
        Err(io::Error::other(format!("{FILE_NAME} was moved or replaced")).into())
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(debug_assertions)]
        if !self.syncs {
            return Ok(());
        }
        self.file.sync_data()
    }
}

impl Drop for EscrowLock<'_> {
    fn drop(&mut self) {
        // A failure cannot be handled, and unlocking a held lock does not fail.
        flock(&self.file.file, FlockOperation::Unlock).ok();
    }
}

impl EscrowLock<'_> {
    /// Appends these entries in one write and syncs the file. First terminates a torn line of another writer, so that
    /// it damages no other line.
    ///
    /// # Errors
    /// If they could not be written completely or synced. Then none of them counts as written, and what was written is
    /// removed if possible.
    pub fn append(&self, entries: &[EscrowEntry]) -> io::Result<AppendReceipt> {
        let file = &self.file.file;
        let len = file.metadata()?.len();
        let (mut text, mut lines) = (Vec::new(), Vec::with_capacity(entries.len()));
        if entries.is_empty() {
            return Ok(AppendReceipt { len_before: len, lines });
        }
        if is_torn(file, len)? {
            text.push(b'\n');
        }
        for entry in entries {
            let start = text.len() as u64;
            entry.write_json_line(&mut text);
            lines.push((len + start, text.len() as u64 - start));
        }
        let result = write_in_one_call(file, &text).and_then(|()| self.file.sync());
        let receipt = AppendReceipt { len_before: len, lines };
        if result.is_err() {
            self.roll_back(&receipt);
        }
        result.map(|()| receipt)
    }

    /// Removes what was appended under this lock, because its PINs will not be sent.
    pub fn roll_back(&self, receipt: &AppendReceipt) {
        // If this fails, lines of PINs that were never sent remain. The next start reports them as in doubt, which is
        // safe.
        self.file.file.set_len(receipt.len_before).ok();
    }
}

impl EscrowLock<'_> {
    /// Terminates a torn last line, so that it counts as unreadable and no process appends to that line. True if there
    /// was one.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn terminate_torn_line(&self) -> io::Result<bool> {
        let file = &self.file.file;
        if !is_torn(file, file.metadata()?.len())? {
            return Ok(false);
        }
        write_in_one_call(file, b"\n")?;
        self.file.sync().map(|()| true)
    }
}

/// True if the last line has no line end.
fn is_torn(file: &File, len: u64) -> io::Result<bool> {
    let Some(last) = len.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

fn write_in_one_call(file: &File, text: &[u8]) -> io::Result<()> {
    let written = retry_on_intr(|| rustix::io::write(file, text))?;
    if written == text.len() {
        return Ok(());
    }
    let message = format!("only {written} of {} bytes could be written", text.len());
    Err(io::Error::new(io::ErrorKind::WriteZero, message))
}

/// The entry of a line; `None` if it is not one line, or cannot be parsed.
fn read_line(file: &File, place: LinePlace) -> io::Result<Option<EscrowEntry>> {
    const LINE_END: u8 = b'\n';
    let len = usize::try_from(place.bytes.clamp(1, scan::MAX_LINE_BYTES)).map_err(io::Error::other)?;
    let mut text = vec![0; len];
    match file.read_exact_at(&mut text, place.offset) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut before = [LINE_END];
    if let Some(last) = place.offset.checked_sub(1) {
        file.read_exact_at(&mut before, last)?;
    }
    let is_line = before == [LINE_END] && text.iter().position(|byte| *byte == LINE_END) == Some(len - 1);
    Ok(EscrowEntry::parse(&text).filter(|_| is_line))
}
