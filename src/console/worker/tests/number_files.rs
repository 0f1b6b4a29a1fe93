//! An export of numbers: what it has from the journal, and what it says without one.

use tempfile::TempDir;

use super::{outcome, ready_worker, recording_status, set_pin, start_worker, wait_for};
use crate::console::app::Msg;
use crate::console::effect::WorkCommand;
use crate::console::worker::WorkerReport;
use crate::domain::number::Number;
use crate::domain::text::CleanText;
use crate::numbers::record::{ExportFormat, ExportedNumbers};

fn export(path: &std::path::Path) -> WorkCommand {
    let numbers = vec![Number::from_config("1002".parse().expect("an ID"), None)];
    WorkCommand::ExportNumbers { path: path.to_owned(), format: ExportFormat::JsonLines, numbers }
}

fn exported(report: WorkerReport) -> Option<Result<ExportedNumbers, CleanText>> {
    if let WorkerReport::Msg(Msg::NumbersExported { result, .. }) = report { Some(result) } else { None }
}

/// The last fields of the only number of a file.
#[track_caller]
fn assert_ends_with(path: &std::path::Path, fields: &str) {
    let text = std::fs::read_to_string(path).expect("a file");
    assert!(text.ends_with(&format!("{fields}}}\n")), "{text}");
}

#[test]
fn an_export_has_requests_that_were_reported_just_before() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = ready_worker(dir.path().join("state"));
    work.send(set_pin());
    outcome(&work, &reports);
    let path = dir.path().join("a.json");
    work.send(export(&path));
    assert_eq!(wait_for(&reports, exported), Ok(ExportedNumbers { count: 1, has_history: true }));
    assert_ends_with(&path, "\"request\":\"not_sent\",\"last_set_at\":null");
}

#[test]
fn an_export_without_a_journal_says_that_it_has_no_requests() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    std::fs::write(&state, "a file is in the way").expect("written");
    let (work, reports) = start_worker(None, state);
    wait_for(&reports, recording_status);
    let path = dir.path().join("a.json");
    work.send(export(&path));
    assert_eq!(wait_for(&reports, exported), Ok(ExportedNumbers { count: 1, has_history: false }));
    assert_ends_with(&path, "\"request\":null,\"last_set_at\":null");
}
