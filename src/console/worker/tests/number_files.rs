//! An export of numbers or of a job: what it has from the journal, and what it says without one.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::{outcome, ready_worker, recording_status, set_pin, start_worker, wait_for};
use crate::console::app::Msg;
use crate::console::effect::WorkCommand;
use crate::console::worker::WorkerReport;
use crate::domain::change::JobId;
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
    assert_eq!(wait_for(&reports, exported), Ok(ExportedNumbers { path: path.clone(), count: 1, has_history: true }));
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
    assert_eq!(wait_for(&reports, exported), Ok(ExportedNumbers { path: path.clone(), count: 1, has_history: false }));
    assert_ends_with(&path, "\"request\":null,\"last_set_at\":null");
}

#[test]
fn a_report_has_the_job_that_was_reported_just_before() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = ready_worker(dir.path().join("state"));
    work.send(set_pin());
    outcome(&work, &reports);
    let report = |name: &str, job| {
        let path = dir.path().join(name);
        let format = ExportFormat::of_path(&path).expect("a format");
        work.send(WorkCommand::ReportJob { path, format, job: JobId::new(job) });
        wait_for(&reports, exported).map_err(|why| why.to_string())
    };
    let written = |name| Ok(ExportedNumbers { path: dir.path().join(name), count: 1, has_history: true });
    assert_eq!([report("a.json", 1), report("a.csv", 1)], [written("a.json"), written("a.csv")]);
    let exists = "A file with this name exists already: choose another name.".to_owned();
    let missing = "The job cannot be read from the journal.".to_owned();
    assert_eq!([report("a.csv", 1), report("b.csv", 2)], [Err(exists), Err(missing)]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("a file");
    let (csv, json) = (read("a.csv"), read("a.json"));
    let (header, row) = csv.split_once('\n').expect("two lines");
    assert_eq!(
        header,
        "job,phone_number_id,display_phone_number,verified_name,waba_id,request,at,tries,code,subcode,http_status,\
         trace_id,reason"
    );
    assert!(
        row.starts_with("1,1002,,,,not_sent,")
            && row.ends_with(",4,,,,,no connection: no server listens at 127.0.0.1:1\n"),
        "{row}"
    );
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("an object");
    let names: BTreeSet<_> = object.keys().map(String::as_str).collect();
    assert_eq!(names, header.split(',').chain(["schema"]).collect(), "the same fields");
    assert_eq!((&object["job"], &object["request"]), (&1.into(), &"not_sent".into()));
}
