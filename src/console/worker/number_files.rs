//! Files with numbers that the operator names: it reads lists.
//!
//! It waits for no pipe, and repeats nothing of a file in an error.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::domain::text::{CleanText, plain_io_error};
use crate::numbers::list::{MAX_LIST_BYTES, NumberList};

/// Reads a list of numbers. The error is a sentence for the operator.
pub(super) fn read_list(path: &Path) -> Result<NumberList, CleanText> {
    let read = || -> io::Result<Vec<u8>> {
        // A pipe without a writer would never be read.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(expand_home(path))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_LIST_BYTES {
            return Err(io::Error::other(format!("it is larger than {MAX_LIST_BYTES} bytes")));
        }
        Ok(bytes)
    };
    let bytes =
        read().map_err(|error| CleanText::new(&format!("The file cannot be read: {}.", plain_io_error(&error))))?;
    Ok(NumberList::parse(&bytes))
}

/// The path with the home directory in place of `~`, as operators type it for a shell.
fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_), None) | (Err(_), _) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_from_a_file_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ids.txt");
        let problem = |path: &Path| read_list(path).map_err(|error| error.to_string());
        assert_eq!(problem(&path), Err("The file cannot be read: No such file or directory.".to_owned()));
        assert_eq!(problem(dir.path()), Err("The file cannot be read: it is not a file.".to_owned()));
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).expect("a pipe");
        assert_eq!(problem(&path), Err("The file cannot be read: it is not a file.".to_owned()));
        std::fs::remove_file(&path).expect("the pipe");
        std::fs::write(&path, "200000000000001\n").expect("a file");
        assert_eq!(problem(&path), Ok(NumberList::parse(b"200000000000001\n")));
    }
}
