//! Files with numbers that the operator names: it reads lists, and writes exports.
//!
//! It waits for no pipe, replaces no file, and repeats nothing of a file in an error. It does not read the journal.

use std::fs::File;
use std::io::{self, BufWriter, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::domain::number::Number;
use crate::domain::text::{CleanText, plain_io_error};
use crate::journal::JobDetail;
use crate::numbers::list::{MAX_LIST_BYTES, NumberList};
use crate::numbers::record::{ExportFormat, ExportedNumbers, NumberHistory};

/// The mode of an exported file.
const OWNER_ONLY: u32 = 0o600;

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

/// Writes numbers to a new file that only its owner can read, with what the journal knows about them. The error is a
/// sentence for the operator.
pub(super) fn export(
    path: &Path,
    format: ExportFormat,
    numbers: &[Number],
    history: Option<&NumberHistory>,
) -> Result<ExportedNumbers, CleanText> {
    let nothing = NumberHistory::default();
    let path = write_new_file(path, |out| format.write(out, numbers, history.unwrap_or(&nothing)))?;
    Ok(ExportedNumbers { path, count: numbers.len(), has_history: history.is_some() })
}

/// Writes what became of the numbers of a job to such a file. `known` are the numbers whose names are known, sorted by ID.
/// The error is a sentence for the operator.
pub(super) fn report_job(
    path: &Path,
    format: ExportFormat,
    job: &JobDetail,
    known: &[Number],
) -> Result<ExportedNumbers, CleanText> {
    let find = |id| known.binary_search_by_key(&id, |number| number.id).ok().map(|position| &known[position]);
    let path = write_new_file(path, |out| format.write_job(out, job, find))?;
    Ok(ExportedNumbers { path, count: job.numbers.len(), has_history: true })
}

/// Writes to a new file that only its owner can read, and removes it if that fails. Returns its whole path: an operator
/// of a console that was started elsewhere would look for it in another directory.
fn write_new_file(path: &Path, write: impl FnOnce(BufWriter<&File>) -> io::Result<()>) -> Result<PathBuf, CleanText> {
    let path = expand_home(path);
    let refuse = |error: &io::Error| {
        CleanText::new(&if error.kind() == io::ErrorKind::AlreadyExists {
            "A file with this name exists already: choose another name.".to_owned()
        } else {
            format!("The file cannot be written: {}.", plain_io_error(error))
        })
    };
    let file = File::options().write(true).create_new(true).mode(OWNER_ONLY).open(&path).map_err(|e| refuse(&e))?;
    write(BufWriter::new(&file)).and_then(|()| file.sync_all()).map_err(|error| {
        // Half of the numbers would look like all of them.
        std::fs::remove_file(&path).ok();
        refuse(&error)
    })?;
    Ok(std::path::absolute(&path).unwrap_or(path))
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
    use std::collections::HashMap;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::domain::clock::UtcTime;
    use crate::domain::number_arg::NumberArg;
    use crate::domain::standing::ChangeResult;
    use crate::journal::{LastRequest, RecordedState};

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

    #[test]
    fn an_export_is_a_new_file_of_its_owner() {
        let dir = tempfile::tempdir().expect("a directory");
        let id = "200000000000001".parse().expect("an ID");
        let number = Number::from_config(id, Some(CleanText::new("=Acme")));
        let at = UtcTime::from_unix_seconds(0);
        let request = LastRequest { number: id, state: RecordedState::Ended(ChangeResult::NoAnswer), at };
        let history = NumberHistory { requests: HashMap::from([(id, request)]), last_sets: HashMap::from([(id, at)]) };
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("a file");
        let export = |name: &str| {
            let path = dir.path().join(name);
            let format = ExportFormat::of_path(&path).expect("a format");
            export(&path, format, std::slice::from_ref(&number), Some(&history)).map_err(|error| error.to_string())
        };
        let exported = |name| Ok(ExportedNumbers { path: dir.path().join(name), count: 1, has_history: true });
        assert_eq!((export("a.csv"), export("a.JSON")), (exported("a.csv"), exported("a.JSON")));
        assert_eq!(
            read("a.csv"),
            "schema,phone_number_id,waba_id,waba_name,display_phone_number,verified_name,two_step,status,\
             quality_rating,code_verification_status,name_status,platform_type,account_mode,request,last_set_at\n\
             1,200000000000001,,,,'=Acme,unknown,,,,,,,no_answer,1970-01-01T00:00:00Z\n"
        );
        let json = read("a.JSON");
        assert!(json.starts_with("{\"schema\":1,\"phone_number_id\":\"200000000000001\""), "{json}");
        assert!(json.ends_with("\"request\":\"no_answer\",\"last_set_at\":\"1970-01-01T00:00:00Z\"}\n"), "{json}");
        for name in ["a.csv", "a.JSON"] {
            let bytes = read(name);
            assert_eq!(NumberList::parse(bytes.as_bytes()).requests(), [NumberArg::Id(id)], "it can be loaded");
        }
        let mode = std::fs::metadata(dir.path().join("a.csv")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::os::unix::fs::symlink("target.csv", dir.path().join("link.csv")).expect("a link");
        let exists = Err("A file with this name exists already: choose another name.".to_owned());
        assert_eq!((export("a.csv"), export("link.csv")), (exists.clone(), exists));
        let missing = Err("The file cannot be written: No such file or directory.".to_owned());
        assert_eq!(export("no/such.csv"), missing);
    }
}
