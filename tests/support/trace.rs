//! What strace saw of a program: which record was written and synced when, and when a PIN left.

use std::collections::{BTreeMap, BTreeSet};

/// The files of the state directory that hold what is about to be sent.
const RECORD_FILES: [&str; 2] = ["escrow.jsonl", "journal.db-wal"];

/// What strace is asked for. File names are taken from the opening calls: those of a protected process are not to be had
/// from `/proc`.
pub(crate) const STRACE_FILTER: &str =
    "trace=open,openat,close,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceSummary {
    /// Requests that carried a PIN.
    pub(crate) sends: usize,
    /// Syncs of a record that succeeded.
    pub(crate) syncs: usize,
    /// Syncs of a record that failed.
    pub(crate) failed_syncs: usize,
}

/// Goes through a trace of a program that sends one request at a time, made by `strace -f -s 400`.
///
/// # Errors
/// The first request that left while a record was written and not synced, or with a record not synced since the request
/// before, or after a sync that failed.
pub(crate) fn check_sync_before_send(trace: &str) -> Result<TraceSummary, String> {
    let mut order = TraceSummary::default();
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
                order.syncs += 1;
                unsynced.remove(record);
                synced.insert(record);
            }
            ("fsync" | "fdatasync", Some(_)) => order.failed_syncs += 1,
            ("write" | "writev" | "pwrite64" | "pwritev" | "pwritev2", Some(record)) => {
                unsynced.insert(record);
                synced.remove(record);
            }
            ("write" | "writev" | "sendto" | "sendmsg", None) if rest.contains("\"POST /") => {
                order.sends += 1;
                if !unsynced.is_empty() || synced.len() < RECORD_FILES.len() || order.failed_syncs > 0 {
                    return Err(format!("{unsynced:?} written and not synced, {synced:?} synced, {order:?}: {line}"));
                }
                synced.clear();
            }
            _ => {}
        }
    }
    Ok(order)
}

/// The calls, a write counted from its first moment and a sync from its last: strace splits a call that another thread's
/// call interrupts.
fn join_interrupted_calls(trace: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    let ends_late = |call: &str| call.contains("sync(") || call.starts_with("open");
    for line in trace.lines() {
        let (thread, rest) = line.trim_start().split_once(' ').unwrap_or(("", line));
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, head);
            if !ends_late(head) {
                calls.push(format!("{head} = ?"));
            }
        } else if let Some((_, tail)) = rest.split_once(" resumed>") {
            let head = begun.remove(thread).unwrap_or_default();
            if ends_late(head) {
                calls.push(format!("{head}{tail}"));
            }
        } else {
            calls.push(rest.to_owned());
        }
    }
    calls
}
