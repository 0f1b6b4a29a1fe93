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

use crate::state::{Opening, StateDir, StateError};

use super::line::Line;
use super::lock::{self, LockError};

/// Its name in the state directory.
pub(super) const NAME: &str = "escrow.jsonl";

/// More than a line can have; a longer one is damage, and is not loaded.
const MAX_LINE_BYTES: u64 = 256 << 10;

/// What is in the escrow file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Every line that could be read, in the order of the file.
    pub lines: Vec<Line>,
    /// The numbers of lines that could not be read, the first being 1; a torn last line is not among them.
    pub unreadable: Vec<usize>,
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
pub struct Locked<'a> {
    escrow: &'a EscrowFile,
}

/// Lines that were appended and synced.
#[derive(Debug)]
pub struct Appended {
    /// The file's length before.
    before: u64,
}

impl EscrowFile {
    /// Opens the file, and makes it where it is missing.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub fn open(dir: &StateDir) -> Result<Self, StateError> {
        let file = dir.file(NAME, Opening::Append)?;
        // The name has to last as well as the lines. Who made the file may have died before this.
        dir.sync().map_err(|error| dir.failed(NAME, error))?;
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
    pub fn read(dir: &StateDir) -> Result<Contents, StateError> {
        let mut lines = Vec::new();
        let contents = Self::scan(dir, |line| lines.push(line))?;
        Ok(Contents { lines, ..contents })
    }

    /// As [`Self::read`], but hands each line over instead of keeping it: a file grows for years, and memory does not.
    ///
    /// # Errors
    /// When it is not safe, or the system refuses.
    pub(crate) fn scan(dir: &StateDir, take: impl FnMut(Line)) -> Result<Contents, StateError> {
        match dir.file(NAME, Opening::Read) {
            Ok(file) => Contents::scan(BufReader::new(file), take).map_err(|error| dir.failed(NAME, error)),
            Err(error) if error.is_missing() => Ok(Contents::default()),
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
    pub fn lock(&self, patience: Duration) -> Result<Locked<'_>, LockError> {
        lock::acquire(&self.file, &self.dir, NAME, patience)?;
        let locked = Locked { escrow: self };
        let own = self.file.metadata()?;
        if self.dir.identity(NAME)? == Some((own.dev(), own.ino())) {
            return Ok(locked);
        }
        Err(io::Error::other(format!("{NAME} was moved away or replaced meanwhile")).into())
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(debug_assertions)]
        if !self.syncs {
            return Ok(());
        }
        self.file.sync_data()
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and it cannot happen to a lock that is held.
        flock(&self.escrow.file, FlockOperation::Unlock).ok();
    }
}

impl Locked<'_> {
    /// Appends these lines in one write and syncs the file. A torn end of another writer is ended first, so that it
    /// harms no line but its own.
    ///
    /// # Errors
    /// When they could not be written whole or not be synced. Then none of them counts as written: what was written of
    /// them is cut off again where that is possible.
    pub fn append(&self, lines: &[Line]) -> io::Result<Appended> {
        let file = &self.escrow.file;
        let len = file.metadata()?.len();
        if lines.is_empty() {
            return Ok(Appended { before: len });
        }
        let mut text = Vec::new();
        if is_torn(file, len)? {
            text.push(b'\n');
        }
        for line in lines {
            line.write(&mut text);
        }
        let written = write_at_once(file, &text).and_then(|()| self.escrow.sync());
        let appended = Appended { before: len };
        if written.is_err() {
            self.take_back(&appended);
        }
        written.map(|()| appended)
    }

    /// Cuts off again what was appended under this lock, as its PINs will not be sent.
    pub fn take_back(&self, appended: &Appended) {
        // Where this fails, lines stay whose PINs were never sent: in doubt at the next start, and no more.
        self.escrow.file.set_len(appended.before).ok();
    }
}

impl Locked<'_> {
    /// Ends a torn last line, so that it is a line that cannot be read, and nothing more is written to it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn end_torn_line(&self) -> io::Result<()> {
        let file = &self.escrow.file;
        if !is_torn(file, file.metadata()?.len())? {
            return Ok(());
        }
        write_at_once(file, b"\n")?;
        self.escrow.sync()
    }
}

/// True if the last line has no end.
fn is_torn(file: &File, len: u64) -> io::Result<bool> {
    let Some(last) = len.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

fn write_at_once(file: &File, text: &[u8]) -> io::Result<()> {
    let written = retry_on_intr(|| rustix::io::write(file, text))?;
    if written == text.len() {
        return Ok(());
    }
    let why = format!("only {written} of {} bytes could be written", text.len());
    Err(io::Error::new(io::ErrorKind::WriteZero, why))
}

impl Contents {
    /// Reads line by line, and no line that is too long to be one.
    fn scan(mut reader: impl BufRead, mut take: impl FnMut(Line)) -> io::Result<Self> {
        let mut contents = Self::default();
        let mut text = Vec::new();
        for number in 1.. {
            if read_part(&mut reader, &mut text)? == 0 {
                break;
            }
            let (is_blank, mut has_end) = (text.trim_ascii().is_empty(), text.ends_with(b"\n"));
            let mut line = Line::parse(&text);
            while !has_end && read_part(&mut reader, &mut text)? > 0 {
                // There is more of it than a line can have.
                line = None;
                has_end = text.ends_with(b"\n");
            }
            match line {
                Some(line) => take(line),
                None if is_blank => {}
                None if has_end => contents.unreadable.push(number),
                None => contents.is_torn = true,
            }
        }
        Ok(contents)
    }
}

/// Reads to the end of a line, or as far as a line can go.
fn read_part(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    text.clear();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::line::Sealed;
    use super::*;
    use crate::moment::UtcTime;

    fn line(sealed: Vec<u8>) -> Line {
        Line {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: None,
            at: UtcTime::from_unix_seconds(0),
            job: None,
            sealed: Sealed(sealed),
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_between_lines_each_of_them_is_read_and_the_rest_is_numbered(
            entries in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..20), torn in any::<Vec<u8>>(),
        ) {
            let (mut text, mut expected) = (Vec::new(), Contents::default());
            let junk = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\n').collect::<Vec<u8>>();
            let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
            for (number, (is_line, bytes)) in (1..).zip(entries) {
                if is_line {
                    line(bytes.clone()).write(&mut text);
                    expected.lines.push(line(bytes));
                    continue;
                }
                let bytes = junk(&bytes);
                text.extend_from_slice(&bytes);
                text.push(b'\n');
                if !is_blank(&bytes) {
                    expected.unreadable.push(number);
                }
            }
            let torn = junk(&torn);
            text.extend_from_slice(&torn);
            expected.is_torn = !is_blank(&torn);
            let mut lines = Vec::new();
            let contents = Contents::scan(&text[..], |line| lines.push(line)).expect("read");
            prop_assert_eq!(Contents { lines, ..contents }, expected);
        }
    }
}
