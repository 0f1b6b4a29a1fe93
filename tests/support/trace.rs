//! Traces of strace: when a program wrote and synced each record, and when it sent a PIN.

use std::collections::{BTreeMap, BTreeSet};

/// The files of the state directory that must be synced before a PIN is sent.
const RECORD_FILES: [&str; 2] = ["escrow.jsonl", "journal.db-wal"];

/// The system calls that strace records. File names come from the calls that open them, because `/proc` does not show
/// the descriptors of a protected process.
pub(crate) const STRACE_FILTER: &str =
    "trace=open,openat,close,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";

/// The totals of a trace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceSummary {
    /// Requests that contain a PIN.
    pub(crate) sends: usize,
    /// Syncs of a record that succeeded.
    pub(crate) syncs: usize,
    /// Syncs of a record that failed.
    pub(crate) failed_syncs: usize,
}

/// Checks a trace by `strace -f -s 400` of a program that sends one request at a time.
///
/// # Errors
/// The first request that was sent before a written record was synced, or without a new sync of every record since the
/// request before, or after a failed sync.
pub(crate) fn check_sync_before_send(trace: &str) -> Result<TraceSummary, String> {
    let mut summary = TraceSummary::default();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let (mut unsynced, mut synced) = (BTreeSet::new(), BTreeSet::new());
    for line in join_interrupted_calls(trace) {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let fd = rest.split([',', ')']).next().unwrap_or_default().to_owned();
        let result = rest.rsplit("= ").next().unwrap_or_default().trim();
        let record = names.get(&fd).copied();
        match (call, record) {
            ("open" | "openat", _) => {
                let record = RECORD_FILES.iter().find(|name| rest.contains(&format!("{name}\"")));
                if let (Some(record), Ok(_)) = (record, result.parse::<u32>()) {
                    names.insert(result.to_owned(), record);
                }
            }
            ("close", _) => {
                names.remove(&fd);
            }
            ("fsync" | "fdatasync", Some(record)) if result == "0" => {
                summary.syncs += 1;
                unsynced.remove(record);
                synced.insert(record);
            }
            ("fsync" | "fdatasync", Some(_)) => summary.failed_syncs += 1,
            ("write" | "writev" | "pwrite64" | "pwritev" | "pwritev2", Some(record)) => {
                unsynced.insert(record);
                synced.remove(record);
            }
            ("write" | "writev" | "sendto" | "sendmsg", None) if rest.contains("\"POST /") => {
                summary.sends += 1;
                if !unsynced.is_empty() || synced.len() < RECORD_FILES.len() || summary.failed_syncs > 0 {
                    return Err(format!("{unsynced:?} written and not synced, {synced:?} synced, {summary:?}: {line}"));
                }
                synced.clear();
            }
            _ => {}
        }
    }
    Ok(summary)
}

/// Checks a trace by `strace -f -s 9000` of a program that sends several requests at a time: each request that carries
/// a PIN comes after a successful sync of the records of *its own* change, in both files. Returns how many were sent.
///
/// # Errors
/// The first request that was sent before its own records were synced.
pub(crate) fn check_own_sync_before_send(trace: &str) -> Result<usize, String> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    // For each of the two files: the changes that were written, and those that are durable.
    let (mut written, mut durable) = <([BTreeSet<String>; 2], [BTreeSet<String>; 2])>::default();
    let mut change_of: BTreeMap<String, String> = BTreeMap::new();
    let mut sends = 0;
    for line in join_interrupted_calls(trace) {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let fd = rest.split([',', ')']).next().unwrap_or_default().to_owned();
        let result = rest.rsplit("= ").next().unwrap_or_default().trim();
        let file = names.get(&fd).copied();
        match (call, file) {
            ("open" | "openat", _) => {
                let file = RECORD_FILES.iter().position(|name| rest.contains(&format!("{name}\"")));
                if let (Some(file), Ok(_)) = (file, result.parse::<u32>()) {
                    names.insert(result.to_owned(), file);
                }
            }
            ("close", _) => {
                names.remove(&fd);
            }
            ("fsync" | "fdatasync", Some(file)) if result == "0" => {
                let synced = std::mem::take(&mut written[file]);
                durable[file].extend(synced);
            }
            ("write" | "writev" | "pwrite64" | "pwritev" | "pwritev2", Some(file)) => {
                for (change, number) in changes_in(rest) {
                    if let Some(number) = number {
                        change_of.insert(number, change.clone());
                    }
                    written[file].insert(change);
                }
            }
            ("write" | "writev" | "sendto" | "sendmsg", None) if rest.contains("\"POST /") => {
                sends += 1;
                let path = rest.split(' ').find(|word| word.starts_with('/')).unwrap_or_default();
                let number = path.rsplit('/').next().unwrap_or_default();
                let change = change_of.get(number).ok_or_else(|| format!("{number} has no escrow line: {line}"))?;
                for (file, durable) in RECORD_FILES.iter().zip(&durable) {
                    if !durable.contains(change) {
                        return Err(format!("{number}: {file} was not synced with change {change}: {line}"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(sends)
}

/// The changes that the JSON in a written text names, as strace escapes it, and their numbers where those follow, as in
/// a line of the escrow.
fn changes_in(written: &str) -> Vec<(String, Option<String>)> {
    let of_change = |text: &str| {
        let (change, rest) = text.split_once('\\')?;
        let number = rest.strip_prefix(r#"",\"phone_number_id\":\""#).and_then(|rest| rest.split_once('\\'));
        Some((change.to_owned(), number.map(|(number, _)| number.to_owned())))
    };
    written.split(r#"\"change\":\""#).skip(1).filter_map(of_change).collect()
}

/// The calls of a trace, one per line. strace splits a call if a call of another thread interrupts it. The result has
/// such a call where it starts, but a sync or an open where it ends.
fn join_interrupted_calls(trace: &str) -> Vec<String> {
    let mut unfinished: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    let counts_at_end = |call: &str| call.contains("sync(") || call.starts_with("open");
    for line in trace.lines() {
        let (thread, rest) = line.trim_start().split_once(' ').unwrap_or(("", line));
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, head);
            if !counts_at_end(head) {
                calls.push(format!("{head} = ?"));
            }
        } else if let Some((_, tail)) = rest.split_once(" resumed>") {
            let head = unfinished.remove(thread).unwrap_or_default();
            if counts_at_end(head) {
                calls.push(format!("{head}{tail}"));
            }
        } else {
            calls.push(rest.to_owned());
        }
    }
    calls
}
