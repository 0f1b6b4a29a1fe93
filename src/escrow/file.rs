//! The escrow file: lines at its end, synced, and read back whole.
//!
//! All writers of the state directory, of every process, wait for each other at its lock. What is in the file stays as
//! it is: only what a failed write of this process left behind is cut off again.

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

/// More than a line can have; a longer one is damage, and is not loaded.
const MAX_LINE_BYTES: u64 = 256 << 10;

/// What is in the escrow file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EscrowContents {
    /// Every line that could be read, in the order of the file.
    pub entries: Vec<EscrowEntry>,
    /// The numbers of lines that could not be read, the first being 1; a torn last line is not among them.
    pub unreadable_lines: Vec<usize>,
    /// True if the last line ends in the middle. The program that wrote it died before its PIN was sent, or the file was cut
    /// since: a whole journal has the PIN if it was sent. Without the lock it may also be a line that is just being written.
    pub is_torn: bool,
}

/// The escrow file, open for appending. Several processes may have it open.
#[derive(Debug)]
pub struct EscrowFile {
    file: File,
    dir: StateDir,
    /// False in tests only, to show that they notice.
    #[cfg(debug_assertions)]
    syncs: bool,
}

/// The escrow file, locked: nobody else writes to the state directory meanwhile.
#[derive(Debug)]
pub struct EscrowLock<'a> {
    file: &'a EscrowFile,
}

/// Lines that were appended and synced.
#[derive(Debug)]
pub struct AppendReceipt {
    /// The file's length before.
    len_before: u64,
}

impl EscrowFile {
    /// Opens the file, and makes it where it is missing.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub fn open(dir: &StateDir) -> Result<Self, StateDirError> {
        let file = dir.open_file(FILE_NAME, OpenMode::Append)?;
        // The name has to last as well as the lines. Who made the file may have died before this.
        dir.sync().map_err(|error| dir.io_error(FILE_NAME, error))?;
        Ok(Self {
            file,
            dir: dir.clone(),
            #[cfg(debug_assertions)]
            syncs: true,
        })
    }

    /// The same file, never synced: for tests that show that they notice.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn without_sync(self) -> Self {
        Self { syncs: false, ..self }
    }

    /// Reads a directory's escrow file; empty where there is none. Takes no lock.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub fn read(dir: &StateDir) -> Result<EscrowContents, StateDirError> {
        let mut lines = Vec::new();
        let contents = Self::scan_entries(dir, |line| lines.push(line))?;
        Ok(EscrowContents { entries: lines, ..contents })
    }

    /// As [`Self::read`], but hands each line over instead of keeping it: a file grows for years, and memory does not.
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

    /// Takes the lock that all writers of the state directory share, and waits for it so long at most. It is given back
    /// when the guard is dropped, and by the kernel when the process dies. One [`EscrowFile`] is one holder: threads that
    /// are to wait for each other open the file each for themselves.
    ///
    /// # Errors
    /// [`LockError::Held`] when somebody else has it all the time. Else when the system has no locks to give, or another
    /// file, or none, has the name by now: what is locked and written here would be neither seen by the other writers nor
    /// found again.
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
        // Nothing can be done about a failure, and it cannot happen to a lock that is held.
        flock(&self.file.file, FlockOperation::Unlock).ok();
    }
}

impl EscrowLock<'_> {
    /// Appends these lines in one write and syncs the file. A torn end of another writer is ended first, so that it
    /// harms no line but its own.
    ///
    /// # Errors
    /// When they could not be written whole or not be synced. Then none of them counts as written: what was written of
    /// them is cut off again where that is possible.
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

    /// Cuts off again what was appended under this lock, as its PINs will not be sent.
    pub fn roll_back(&self, appended: &AppendReceipt) {
        // Where this fails, lines stay whose PINs were never sent: in doubt at the next start, and no more.
        self.file.file.set_len(appended.len_before).ok();
    }
}

impl EscrowLock<'_> {
    /// Ends a torn last line, so that it is a line that cannot be read, and nothing more is written to it.
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

/// True if the last line has no end.
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
    /// Reads line by line, and no line that is too long to be one.
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
                // There is more of it than a line can have.
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

/// Reads to the end of a line, or as far as a line can go.
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
