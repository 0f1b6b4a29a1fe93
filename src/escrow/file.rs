//! The escrow file: appends lines, syncs them, and reads them back.
//!
//! All writers of the state directory, in every process, share its lock. It never changes what is in the file, except
//! that it cuts off what a failed write of this process left.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

use super::entry::EscrowEntry;
use super::lock::{self, LockError};

/// Its name in the state directory.
pub(super) const FILE_NAME: &str = "escrow.jsonl";

/// More than a line can have. A longer one is damaged, and is not loaded.
const MAX_LINE_BYTES: u64 = 256 << 10;

/// The content of the escrow file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EscrowContents {
    /// Every line that could be parsed, in the order of the file.
    pub entries: Vec<EscrowEntry>,
    /// The numbers of lines that could not be parsed, from 1, without a torn last line.
    pub unreadable_lines: Vec<usize>,
    /// True if the last line is incomplete. The process that wrote it died before its PIN was sent, or the file was
    /// truncated since: a complete journal has the PIN if it was sent. Without the lock, another process may just be
    /// writing the line.
    pub is_torn: bool,
}

/// The escrow file, open for appending. Several processes may have it open.
#[derive(Debug)]
pub struct EscrowFile {
    file: File,
    dir: StateDir,
    /// False in tests only, which check that they notice.
    #[cfg(debug_assertions)]
    syncs: bool,
}

/// The locked escrow file: no other process writes to the state directory meanwhile.
#[derive(Debug)]
pub struct EscrowLock<'a> {
    file: &'a EscrowFile,
}

/// Lines that were appended and synced.
#[derive(Debug)]
pub struct AppendReceipt {
    /// The length of the file before.
    len_before: u64,
}

impl EscrowFile {
    /// Opens the file, and creates it if it is missing.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub fn open(dir: &StateDir) -> Result<Self, StateDirError> {
        let file = dir.open_file(FILE_NAME, OpenMode::Append)?;
        // The name must be as durable as the lines. The process that created the file may have died before this.
        dir.sync().map_err(|error| dir.io_error(FILE_NAME, error))?;
        Ok(Self {
            file,
            dir: dir.clone(),
            #[cfg(debug_assertions)]
            syncs: true,
        })
    }

    /// The same file without syncs, for tests that check that they notice.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn without_sync(self) -> Self {
        Self { syncs: false, ..self }
    }

    /// Reads the escrow file of a directory; empty if there is none. Takes no lock.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub fn read(dir: &StateDir) -> Result<EscrowContents, StateDirError> {
        let mut lines = Vec::new();
        let contents = Self::scan_entries(dir, |line| lines.push(line))?;
        Ok(EscrowContents { entries: lines, ..contents })
    }

    /// As [`Self::read`], but passes each entry on instead of collecting them: a file grows for years, and memory does
    /// not.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub(crate) fn scan_entries(dir: &StateDir, take: impl FnMut(EscrowEntry)) -> Result<EscrowContents, StateDirError> {
        match dir.open_file(FILE_NAME, OpenMode::Read) {
            Ok(file) => {
                EscrowContents::scan_entries(BufReader::new(file), take).map_err(|error| dir.io_error(FILE_NAME, error))
            }
            Err(error) if error.is_missing() => Ok(EscrowContents::default()),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock that all writers of the state directory share, and waits for it at most this long. Dropping the
    /// guard releases it, and so does the kernel when the process dies. One [`EscrowFile`] is one holder: threads that
    /// must wait for each other each open the file.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process holds it all the time. Otherwise when the system has no more locks, or
    /// when another file, or none, has the name now: other writers would not see what is locked and written here.
    pub fn lock(&self, patience: Duration) -> Result<EscrowLock<'_>, LockError> {
        lock::acquire(&self.file, &self.dir, FILE_NAME, patience)?;
        let locked = EscrowLock { file: self };
        let own = self.file.metadata()?;
        if self.dir.file_identity(FILE_NAME)? == Some((own.dev(), own.ino())) {
            return Ok(locked);
        }
        Err(io::Error::other(format!("{FILE_NAME} was moved away or replaced meanwhile")).into())
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
        // A failure cannot be handled, and cannot happen to a lock that is held.
        flock(&self.file.file, FlockOperation::Unlock).ok();
    }
}

impl EscrowLock<'_> {
    /// Appends these lines in one write and syncs the file. A torn line of another writer is terminated first, so that
    /// it damages no line but its own.
    ///
    /// # Errors
    /// When they could not be written completely or synced. Then none of them counts as written, and what was written
    /// is cut off if possible.
    pub fn append(&self, lines: &[EscrowEntry]) -> io::Result<AppendReceipt> {
        let file = &self.file.file;
        let len = file.metadata()?.len();
        if lines.is_empty() {
            return Ok(AppendReceipt { len_before: len });
        }
        let mut text = Vec::new();
        if is_torn(file, len)? {
            text.push(b'\n');
        }
        for line in lines {
            line.write_json_line(&mut text);
        }
        let written = write_in_one_call(file, &text).and_then(|()| self.file.sync());
        let appended = AppendReceipt { len_before: len };
        if written.is_err() {
            self.roll_back(&appended);
        }
        written.map(|()| appended)
    }

    /// Cuts off what was appended under this lock, because its PINs will not be sent.
    pub fn roll_back(&self, appended: &AppendReceipt) {
        // If this fails, lines remain whose PINs were never sent: they are in doubt at the next start, and nothing
        // worse.
        self.file.file.set_len(appended.len_before).ok();
    }
}

impl EscrowLock<'_> {
    /// Terminates a torn last line, so that it counts as unreadable and no process appends to it.
    ///
    /// # Errors
    /// When the system refuses.
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
    let why = format!("only {written} of {} bytes could be written", text.len());
    Err(io::Error::new(io::ErrorKind::WriteZero, why))
}

impl EscrowContents {
    /// Reads line by line. Skips lines that are too long to be entries.
    fn scan_entries(mut reader: impl BufRead, mut take: impl FnMut(EscrowEntry)) -> io::Result<Self> {
        let mut contents = Self::default();
        let mut text = Vec::new();
        for number in 1.. {
            if read_line_part(&mut reader, &mut text)? == 0 {
                break;
            }
            let (is_blank, mut has_end) = (text.trim_ascii().is_empty(), text.ends_with(b"\n"));
            let mut line = EscrowEntry::parse(&text);
            while !has_end && read_line_part(&mut reader, &mut text)? > 0 {
                // It is longer than an entry can be.
                line = None;
                has_end = text.ends_with(b"\n");
            }
            match line {
                Some(line) => take(line),
                None if is_blank => {}
                None if has_end => contents.unreadable_lines.push(number),
                None => contents.is_torn = true,
            }
        }
        Ok(contents)
    }
}

/// Reads to the end of a line, or to the maximum length of an entry.
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

    fn line(sealed: Vec<u8>) -> EscrowEntry {
        EscrowEntry {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: None,
            at: UtcTime::from_unix_seconds(0),
            job: None,
            ciphertext: Ciphertext(sealed),
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_between_lines_each_of_them_is_read_and_the_rest_is_numbered(
            entries in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..20), torn in any::<Vec<u8>>(),
        ) {
            let (mut text, mut expected) = (Vec::new(), EscrowContents::default());
            let junk = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\n').collect::<Vec<u8>>();
            let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
            for (number, (is_line, bytes)) in (1..).zip(entries) {
                if is_line {
                    line(bytes.clone()).write_json_line(&mut text);
                    expected.entries.push(line(bytes));
                    continue;
                }
                let bytes = junk(&bytes);
                text.extend_from_slice(&bytes);
                text.push(b'\n');
                if !is_blank(&bytes) {
                    expected.unreadable_lines.push(number);
                }
            }
            let torn = junk(&torn);
            text.extend_from_slice(&torn);
            expected.is_torn = !is_blank(&torn);
            let mut lines = Vec::new();
            let contents = EscrowContents::scan_entries(&text[..], |line| lines.push(line)).expect("read");
            prop_assert_eq!(EscrowContents { entries: lines, ..contents }, expected);
        }
    }
}
