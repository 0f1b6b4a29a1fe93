//! Copies the escrow file to another directory, while other processes append to it.
//!
//! It never reads what the lines contain, and never writes over a file that has content.

use std::io::{self, Read as _, Write as _};

use memchr::memrchr;

use crate::state_dir::{OpenMode, StateDir, StateDirError};

use super::file::{EscrowFile, FILE_NAME};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

impl EscrowFile {
    /// Copies every complete line to a directory that has no escrow file yet, and syncs the copy. Leaves out a last line
    /// without a line end: its writer has not sent its PIN yet. Takes no lock.
    ///
    /// # Errors
    /// If the file is not safe, or the system refuses.
    pub(crate) fn copy_lines(from: &StateDir, to: &StateDir) -> Result<(), StateDirError> {
        let source = match from.open_file(FILE_NAME, OpenMode::Read) {
            Ok(source) => source,
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        };
        let copy = to.open_file(FILE_NAME, OpenMode::Append)?;
        copy_complete_lines(source, copy).map_err(|error| to.io_error(FILE_NAME, error))
    }
}

fn copy_complete_lines(mut source: std::fs::File, mut copy: std::fs::File) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut len, mut len_of_lines) = (0_u64, 0_u64);
    loop {
        let count = source.read(&mut chunk)?;
        let read = &chunk[..count];
        if read.is_empty() {
            break;
        }
        copy.write_all(read)?;
        if let Some(end) = memrchr(b'\n', read) {
            len_of_lines = len + end as u64 + 1;
        }
        len += count as u64;
    }
    copy.set_len(len_of_lines)?;
    copy.sync_all()
}
