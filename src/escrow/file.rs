//! The escrow file: appends lines, syncs them, and reads them back.
//!
//! All processes that write to the state directory share the lock of this file. This module never changes existing
//! lines: it only removes what a failed write of this process left at the end.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

use super::entry::EscrowEntry;
use super::lock::{self, LockError};

/// The name of the file in the state directory.
pub(super) const FILE_NAME: &str = "escrow.jsonl";

/// No valid line is as long as this. A longer line is damaged, and is not loaded.
const MAX_LINE_BYTES: u64 = 256 << 10;

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
        let contents = Self::scan_entries(dir, |entry| entries.push(entry))?;
        Ok(EscrowContents { entries, ..contents })
    }

    /// As [`Self::read`], but passes each entry to `on_entry` instead of collecting all: the file grows for years, and
    /// memory use must not.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub(crate) fn scan_entries(
        dir: &StateDir,
        on_entry: impl FnMut(EscrowEntry),
    ) -> Result<EscrowContents, StateDirError> {
        match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(file) => {
                let contents = EscrowContents::scan_entries(BufReader::new(file), on_entry);
                contents.map_err(|error| dir.io_error(FILE_NAME, error))
            }
            Err(error) if error.is_missing() => Ok(EscrowContents::default()),
            Err(error) => Err(error),
        }
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
        if entries.is_empty() {
            return Ok(AppendReceipt { len_before: len });
        }
        let mut text = Vec::new();
        if is_torn(file, len)? {
            text.push(b'\n');
        }
        for entry in entries {
            entry.write_json_line(&mut text);
        }
        let result = write_in_one_call(file, &text).and_then(|()| self.file.sync());
        let receipt = AppendReceipt { len_before: len };
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
    /// Terminates a torn last line, so that it counts as unreadable and no process appends to that line.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn terminate_torn_line(&self) -> io::Result<()> {
        let file = &self.file.file;
        if !is_torn(file, file.metadata()?.len())? {
            return Ok(());
        }
        write_in_one_call(file, b"\n")?;
        self.file.sync()
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

impl EscrowContents {
    /// Reads line by line, and never keeps more than one line in memory. A line that is too long is unreadable.
    fn scan_entries(mut reader: impl BufRead, mut on_entry: impl FnMut(EscrowEntry)) -> io::Result<Self> {
        let mut contents = Self::default();
        let mut text = Vec::new();
        for number in 1.. {
            if read_line_part(&mut reader, &mut text)? == 0 {
                break;
            }
            let (is_blank, mut is_terminated) = (text.trim_ascii().is_empty(), text.ends_with(b"\n"));
            let mut entry = EscrowEntry::parse(&text);
            while !is_terminated && read_line_part(&mut reader, &mut text)? > 0 {
                // The line is longer than an entry can be.
                entry = None;
                is_terminated = text.ends_with(b"\n");
            }
            match entry {
                Some(entry) => on_entry(entry),
                None if is_blank => {}
                None if is_terminated => contents.unreadable_lines.push(number),
                None => contents.is_torn = true,
            }
        }
        Ok(contents)
    }
}

/// Reads up to the end of the line, but at most [`MAX_LINE_BYTES`].
fn read_line_part(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    text.clear();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::Ciphertext;
    use super::*;
    use crate::domain::clock::UtcTime;

    fn entry(bytes: Vec<u8>) -> EscrowEntry {
        EscrowEntry {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: None,
            at: UtcTime::from_unix_seconds(0),
            job: None,
            ciphertext: Ciphertext(bytes),
        }
    }

    proptest! {
        #[test]
        fn every_valid_line_is_read_and_bad_lines_are_numbered(
            lines in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..20), torn in any::<Vec<u8>>(),
        ) {
            let (mut text, mut expected) = (Vec::new(), EscrowContents::default());
            let one_line = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\n').collect::<Vec<u8>>();
            let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
            for (number, (is_entry, bytes)) in (1..).zip(lines) {
                if is_entry {
                    entry(bytes.clone()).write_json_line(&mut text);
                    expected.entries.push(entry(bytes));
                    continue;
                }
                let bytes = one_line(&bytes);
                text.extend_from_slice(&bytes);
                text.push(b'\n');
                if !is_blank(&bytes) {
                    expected.unreadable_lines.push(number);
                }
            }
            let torn = one_line(&torn);
            text.extend_from_slice(&torn);
            expected.is_torn = !is_blank(&torn);
            let mut entries = Vec::new();
            let contents = EscrowContents::scan_entries(&text[..], |entry| entries.push(entry)).expect("readable");
            prop_assert_eq!(EscrowContents { entries, ..contents }, expected);
        }
    }
}
