//! Numbers on their ways: from the cache and from Meta to the console, and from Meta to the cache.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::{WorkCommand, WorkerHandle, WorkerReport};
use super::{PATIENCE, credentials, recording_status, serve, start_worker, start_worker_at, wait_for};
use crate::config;
use crate::console::app::Msg;
use crate::console::shared::RecordingStatus;
use crate::domain::clock::Clock;
use crate::domain::number::{Number, TwoStep, Waba};
use crate::escrow::EscrowFile;
use crate::journal::{Journal, JournalKind, JournalOptions, Operator, RecoveryReport};
use crate::state_dir::StateDir;

#[test]
fn cached_numbers_arrive_only_as_fast_as_they_are_taken() {
    const PAGES: usize = 34;
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    cache_numbers(&state, PAGES * 256);
    let (work, reports) = start_worker(None, state);
    let page = |report| match report {
        WorkerReport::ThrottledMsg(Msg::CachedNumbersLoaded(numbers), permit) => Some((numbers.len(), permit)),
        WorkerReport::ThrottledMsg(..) | WorkerReport::Msg(_) | WorkerReport::ProgressReady => None,
    };
    let mut held: Vec<_> = (0..32).map(|_| wait_for(&reports, page)).collect();
    assert!(held.iter().all(|(count, _)| *count == 256));
    // The journal has read the next page by then, and it would be reported first.
    work.send(WorkCommand::ReadHistory("1002".parse().expect("an id")));
    wait_for(&reports, |report| match report {
        WorkerReport::ThrottledMsg(..) => panic!("reported without a permit"),
        WorkerReport::Msg(Msg::HistoryRead { .. }) => Some(()),
        WorkerReport::Msg(_) | WorkerReport::ProgressReady => None,
    });
    held.pop();
    held.push(wait_for(&reports, page));
    drop(held);
    assert_eq!(wait_for(&reports, page).0, 256, "the last one");
}

/// Numbers that an earlier run read.
fn cache_numbers(state: &Path, count: usize) {
    let (journal, _) = open_journal(state);
    let id = |n: usize| format!("{}", 2_000_000 + n).parse().expect("an id");
    let numbers = (0..count).map(|n| Number::from_config(id(n), None)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(journal.cache_numbers("acme", numbers));
    journal.close();
}

fn open_journal(state: &Path) -> (Journal, RecoveryReport) {
    let options = JournalOptions {
        dir: StateDir::open_or_create(state).expect("a state directory"),
        operator: Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: false,
    };
    Journal::open(options).expect("a journal")
}

/// A number of a WABA, as the list knows it. Reading it alone does not name the WABA.
fn known_number() -> Number {
    let waba = Arc::new(Waba { id: "1001".parse().expect("an id"), name: None });
    Number { waba: Some(waba), ..Number::from_config("1002".parse().expect("an id"), None) }
}

/// A server that answers each request with the number.
fn number_server() -> String {
    serve(|mut connection| {
        let body = r#"{"id":"1002","display_phone_number":"+1 555-010-0143","is_pin_enabled":true}"#;
        write!(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok();
    })
}

/// A worker that read a number before its journal was open.
fn worker_with_early_read(state: PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    let _held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = start_worker_at(&number_server(), None, state, config::EscrowSettings::default());
    work.use_credentials(credentials());
    work.send(WorkCommand::RefreshNumber(known_number()));
    wait_for(&reports, |report| match report {
        WorkerReport::Msg(Msg::NumberRead { result, .. }) => Some(result.expect("the server answers")),
        WorkerReport::Msg(Msg::RecordsOpened { .. }) => panic!("opened too early"),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    });
    (work, reports)
}

#[test]
fn a_number_read_before_the_journal_opens_is_cached_later() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (_work, reports) = worker_with_early_read(state.clone());
    wait_for(&reports, recording_status);
    let number = wait_for_cached_number(&state);
    assert_eq!((number.id, number.waba, number.two_step), (known_number().id, known_number().waba, TwoStep::On));
}

/// The number that the next start loads, once it is cached.
fn wait_for_cached_number(state: &Path) -> Number {
    let deadline = Instant::now() + PATIENCE;
    let (journal, _) = open_journal(state);
    loop {
        assert!(Instant::now() < deadline, "no number is cached");
        if let Some(number) =
            journal.open_reader().and_then(|reader| reader.cached_numbers("acme", None)).expect("readable").pop()
        {
            return number;
        }
    }
}

#[test]
fn without_a_journal_each_read_is_still_reported() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    StateDir::open_or_create(&state).expect("a state directory");
    std::fs::write(state.join("journal.db"), "no journal").expect("written");
    let (work, reports) = worker_with_early_read(state);
    let status = wait_for(&reports, recording_status);
    assert!(matches!(status, RecordingStatus::Unusable(_)), "{status:?}");
    work.send(WorkCommand::RefreshNumber(known_number()));
    wait_for(&reports, |report| matches!(report, WorkerReport::Msg(Msg::NumberRead { .. })).then_some(()));
}

#[test]
fn a_refresh_after_a_pin_was_set_is_newer_than_the_pin() {
    let dir = TempDir::new().expect("a directory");
    let escrow = config::EscrowSettings::default();
    let (work, reports) = start_worker_at(&number_server(), None, dir.path().join("state"), escrow);
    work.use_credentials(credentials());
    let set_at = Clock::System.now().utc;
    work.send(WorkCommand::RefreshNumberAfter { number: known_number(), set_at });
    let read = wait_for(&reports, |report| match report {
        WorkerReport::Msg(Msg::NumberRead { result, .. }) => Some(result.expect("the server answers")),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    });
    assert!(read.read_at > Some(set_at), "{:?}, and the PIN was set at {set_at}", read.read_at);
}
