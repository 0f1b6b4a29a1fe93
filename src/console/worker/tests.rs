//! What the worker reports if something is missing: a client, the records, the time.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config;
use crate::config::endpoint::AccessToken;
use crate::console::app::status::RecordingStatus;
use crate::domain::change::{ChangeState, StatusBefore};
use crate::domain::number::Waba;
use crate::domain::outcome::{NotSentReason, ReadFailure};
use crate::escrow::EscrowFile;
use crate::journal::{AuditAction, Journal, JournalKind, JournalOptions, JournalReader, Operator};
use crate::state_dir::StateDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// A worker for a number at an address that nobody listens on, with this state directory.
fn work(ca_file: Option<&str>, state_dir: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    work_at("https://127.0.0.1:1", ca_file, state_dir, config::EscrowSettings::default())
}

fn work_at(
    url: &str,
    ca_file: Option<&str>,
    state_dir: std::path::PathBuf,
    escrow: config::EscrowSettings,
) -> (WorkerHandle, Receiver<WorkerReport>) {
    let endpoint = Endpoint {
        url: url.parse().expect("a URL"),
        version: "v24.0".parse().expect("a version"),
        ca_file: ca_file.map(Into::into),
    };
    let waba = Arc::new(Waba { id: "1001".parse().expect("an id"), name: None });
    let recording = RecordingConfig {
        state_dir,
        kind: JournalKind::Real,
        escrow,
        profile: CleanText::new("acme"),
        operator: Operator::from_process(),
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    let sources = NumberSources { wabas: vec![waba], numbers: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (told, reports) = blocking::channel();
    let report = move |report| {
        told.send(report).ok();
    };
    let assignment = WorkerConfig { endpoint, sources, concurrency: 1, recording };
    (WorkerHandle::start(runtime, assignment, Clock::System, report).expect("a thread"), reports)
}

fn credentials() -> WorkCommand {
    let token = AccessToken::parse("SIMULATOR").expect("a token");
    WorkCommand::UseCredentials(Credentials { token, app_secret: None })
}

fn set() -> WorkCommand {
    let pin = Pin::parse(b"409726").expect("a PIN");
    WorkCommand::SetPin {
        number: "1002".parse().expect("an id"),
        waba: None,
        before: StatusBefore { two_step: crate::domain::number::TwoStep::NotSet, read_at: None },
        pin,
    }
}

/// Waits for the first report that `select` accepts.
fn told<T>(reports: &Receiver<WorkerReport>, meant: impl Fn(WorkerReport) -> Option<T>) -> T {
    loop {
        let report = reports.recv_timeout(PATIENCE).expect("it is told");
        if let Some(found) = meant(report) {
            return found;
        }
    }
}

fn records(report: WorkerReport) -> Option<RecordingStatus> {
    if let WorkerReport::Msg(Msg::RecordsOpened { status: records, .. }) = report { Some(records) } else { None }
}

/// The outcome of the only change.
fn end(work: &WorkerHandle, reports: &Receiver<WorkerReport>) -> ChangeState {
    comes_to(work, reports, |state| !state.is_running())
}

/// Waits until the only change has such a state.
fn comes_to(
    work: &WorkerHandle,
    reports: &Receiver<WorkerReport>,
    is_meant: impl Fn(&ChangeState) -> bool,
) -> ChangeState {
    loop {
        told(reports, |report| matches!(report, WorkerReport::ProgressReady).then_some(()));
        let moved = work.take_progress().pop().expect("one number moved");
        if is_meant(&moved.state) {
            return moved.state;
        }
    }
}

#[test]
fn a_list_that_could_not_be_asked_for_is_told_as_unread_and_why() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(Some("/no/such/file"), dir.path().join("state"));
    work.send(credentials());
    work.send(WorkCommand::RefreshAll { refresh_id: 7 });
    let why = CleanText::new("cannot read the CA file /no/such/file: No such file or directory (os error 2)");
    let of_list = |report| match report {
        WorkerReport::Msg(Msg::ClientSetupFailed(why)) => Some((None, why)),
        WorkerReport::Msg(Msg::WabaRead {
            refresh_id: reading,
            result: Err(ReadFailure::NotSent(NotSentReason::RefusedLocally(why))),
            ..
        }) => Some((Some(reading), why)),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    };
    assert_eq!([told(&reports, of_list), told(&reports, of_list)], [(None, why.clone()), (Some(7), why)]);
    told(&reports, |report| matches!(report, WorkerReport::Msg(Msg::RefreshFinished { refresh_id: 7 })).then_some(()));
}

#[test]
fn where_nothing_can_be_recorded_nothing_is_sent_and_both_say_why() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    std::fs::write(&state, "a file is in the way").expect("written");
    let (work, reports) = work(None, state.clone());
    let RecordingStatus::Unusable(why) = told(&reports, records) else { panic!("it cannot be usable") };
    assert!(why.as_str().contains(&*state.to_string_lossy()), "{why}");
    work.send(credentials());
    work.send(set());
    let end = end(&work, &reports);
    assert!(matches!(&end, ChangeState::NotSent(_, NotSentReason::RefusedLocally(told)) if *told == why), "{end:?}");
    // Nothing waits for records that are not open.
    let (closed, waiter) = blocking::channel();
    work.send(WorkCommand::Close(closed));
    waiter.recv_timeout(PATIENCE).expect_err("the sender is dropped");
}

#[test]
fn without_an_access_token_nothing_is_sent_and_it_says_so() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    assert_eq!(told(&reports, records), RecordingStatus::Ready { recipients: Vec::new() });
    work.send(set());
    let end = end(&work, &reports);
    let why = CleanText::new("there is no access token yet");
    assert!(matches!(&end, ChangeState::NotSent(_, NotSentReason::RefusedLocally(told)) if *told == why), "{end:?}");
}

#[test]
fn what_an_earlier_run_read_is_told_only_as_fast_as_it_is_taken() {
    const PAGES: usize = 34;
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    remember(&state, PAGES * 256);
    let (work, reports) = work(None, state);
    let page = |report| match report {
        WorkerReport::ThrottledMsg(Msg::CachedNumbersLoaded(numbers), room) => Some((numbers.len(), room)),
        WorkerReport::ThrottledMsg(..) | WorkerReport::Msg(_) | WorkerReport::ProgressReady => None,
    };
    let mut held: Vec<_> = (0..32).map(|_| told(&reports, page)).collect();
    assert!(held.iter().all(|(count, _)| *count == 256));
    // The journal has read the next page by then, and it would be reported first.
    work.send(WorkCommand::ReadHistory("1002".parse().expect("an id")));
    told(&reports, |report| match report {
        WorkerReport::ThrottledMsg(..) => panic!("told without room"),
        WorkerReport::Msg(Msg::HistoryRead { .. }) => Some(()),
        WorkerReport::Msg(_) | WorkerReport::ProgressReady => None,
    });
    held.pop();
    held.push(told(&reports, page));
    drop(held);
    assert_eq!(told(&reports, page).0, 256, "the last one");
}

/// Numbers that an earlier run read.
fn remember(state: &std::path::Path, count: usize) {
    let opening = JournalOptions {
        dir: StateDir::open_or_create(state).expect("a state directory"),
        operator: Operator::from_process(),
        kind: JournalKind::Real,
        recipients: None,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        sync_writes: false,
    };
    let (journal, _) = Journal::open(opening).expect("a journal");
    let id = |n: usize| format!("{}", 2_000_000 + n).parse().expect("an id");
    let numbers = (0..count).map(|n| crate::domain::number::Number::from_config(id(n), None)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(journal.cache_numbers("acme", numbers));
    journal.close();
}

/// A page of one number.
fn page() -> WorkCommand {
    WorkCommand::CacheNumbers(vec![crate::domain::number::Number::from_config("1002".parse().expect("an id"), None)])
}

#[track_caller]
fn hears_page_remembered(reports: &Receiver<WorkerReport>) {
    told(reports, |report| matches!(report, WorkerReport::Msg(Msg::NumbersCached)).then_some(()));
}

/// A worker that received a page before its journal was open.
fn with_a_page_ahead(state: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    let _held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = work(None, state);
    work.send(page());
    // The page was handled by the time this is answered.
    work.send(WorkCommand::ReadHistory("1002".parse().expect("an id")));
    told(&reports, |report| match report {
        WorkerReport::Msg(Msg::HistoryRead { .. }) => Some(()),
        WorkerReport::Msg(Msg::RecordsOpened { .. }) => panic!("opened too early"),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    });
    (work, reports)
}

#[test]
fn a_page_that_came_before_the_journal_was_open_is_remembered_once_it_is() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (work, reports) = with_a_page_ahead(state.clone());
    hears_page_remembered(&reports);
    let (closed, waiter) = blocking::channel();
    work.send(WorkCommand::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    assert_eq!(remembered(&state), ["1002"]);
}

/// The numbers that the next start loads.
fn remembered(state: &std::path::Path) -> Vec<String> {
    let (_work, reports) = work(None, state.to_owned());
    told(&reports, |report| match report {
        WorkerReport::ThrottledMsg(Msg::CachedNumbersLoaded(numbers), _) => Some(numbers),
        WorkerReport::ThrottledMsg(..) | WorkerReport::Msg(_) | WorkerReport::ProgressReady => None,
    })
    .iter()
    .map(|number| number.id.to_string())
    .collect()
}

#[test]
fn each_page_is_answered_though_the_journal_cannot_be_used() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    StateDir::open_or_create(&state).expect("a state directory");
    std::fs::write(state.join("journal.db"), "no journal").expect("written");
    let (work, reports) = with_a_page_ahead(state);
    let records = told(&reports, records);
    assert!(matches!(records, RecordingStatus::Unusable(_)), "{records:?}");
    hears_page_remembered(&reports);
    work.send(page());
    hears_page_remembered(&reports);
}

#[test]
fn what_was_asked_for_before_a_stop_is_not_sent_after_it() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    told(&reports, records);
    work.send(credentials());
    // The job is still being recorded when the stop arrives.
    work.send(set());
    work.send(WorkCommand::StopSending);
    let end = end(&work, &reports);
    assert!(matches!(end, ChangeState::NotSent(_, NotSentReason::Stopped)), "{end:?}");
}

#[test]
fn a_pause_is_told_once_nothing_is_written_and_a_close_once_the_journal_is() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    let (paused, guard) = blocking::channel();
    // Before the journal is open: it is reported when it is.
    work.send(WorkCommand::Pause(paused));
    let guard = guard.recv_timeout(PATIENCE).expect("a guard");
    told(&reports, records);
    work.send(credentials());
    work.send(set());
    drop(guard);
    work.send(WorkCommand::Resume);
    let end = end(&work, &reports);
    assert!(matches!(end, ChangeState::NotSent(_, NotSentReason::NoConnection(_))), "{end:?}");
    let (closed, waiter) = blocking::channel();
    work.send(WorkCommand::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    let mut names = std::fs::read_dir(dir.path().join("state")).expect("a directory");
    assert!(!names.any(|entry| is_at_work(&entry.expect("a file").file_name())), "the journal was given back");
}

/// True for the file of a process that has the journal open.
fn is_at_work(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("running.")
}

/// A paused worker, with a change whose job is recorded.
fn paused(state: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    let (work, reports) = work(None, state);
    told(&reports, records);
    work.send(credentials());
    let (paused, guard) = blocking::channel();
    work.send(WorkCommand::Pause(paused));
    drop(guard.recv_timeout(PATIENCE).expect("a guard"));
    work.send(set());
    told(&reports, |report| matches!(report, WorkerReport::ProgressReady).then_some(()));
    (work, reports)
}

#[test]
fn a_journal_that_dies_is_told_whatever_it_was_to_write() {
    for order in [WorkCommand::Resume, WorkCommand::DropSecrets, WorkCommand::RecordScreenShown] {
        let dir = TempDir::new().expect("a directory");
        let (work, reports) = paused(dir.path().join("state"));
        std::fs::remove_file(dir.path().join("state/journal.db")).expect("it was there");
        work.send(order);
        told(&reports, |report| matches!(report, WorkerReport::Msg(Msg::JournalFailed(_))).then_some(()));
    }
}

#[test]
fn nothing_is_sent_between_a_pause_and_its_end_though_things_are_recorded() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = paused(dir.path().join("state"));
    // Each reply leaves time for a record, and for all that follows from one.
    for _ in 0..50 {
        work.send(WorkCommand::ReadHistory("1002".parse().expect("an id")));
        told(&reports, |report| matches!(report, WorkerReport::Msg(Msg::HistoryRead { .. })).then_some(()));
    }
    let states: Vec<_> = work.take_progress().into_iter().map(|progress| progress.state).collect();
    assert_eq!(states, [ChangeState::Queued]);
    work.send(WorkCommand::Resume);
    comes_to(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn a_pause_that_ended_before_the_journal_was_open_holds_nothing() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    // Until this is released, the journal cannot be opened.
    let held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = work(None, state);
    let (paused, guard) = blocking::channel();
    work.send(WorkCommand::Pause(paused));
    work.send(WorkCommand::Resume);
    guard.recv_timeout(PATIENCE).expect_err("nobody waits for it any more");
    drop(held);
    told(&reports, records);
    work.send(credentials());
    work.send(set());
    comes_to(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn that_the_screen_was_hidden_and_shown_is_in_the_audit() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (work, reports) = work(None, state.clone());
    told(&reports, records);
    work.send(WorkCommand::DropSecrets);
    work.send(WorkCommand::RecordScreenShown);
    let (closed, waiter) = blocking::channel();
    work.send(WorkCommand::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    let reader = StateDir::open(&state).map(|dir| JournalReader::open(&dir)).expect("a directory").expect("a journal");
    let mut actions = Vec::new();
    let read = reader.for_each_audit_row(None, |row| {
        actions.push(row.action);
        Ok::<(), ()>(())
    });
    assert_eq!((read.expect("readable"), actions), (Ok(()), vec![AuditAction::ScreenHidden, AuditAction::ScreenShown]));
}

#[test]
fn what_was_asked_for_before_the_screen_was_hidden_is_sent_with_the_access_token_of_then() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    told(&reports, records);
    work.send(credentials());
    // The job is still being recorded when the secrets are dropped.
    work.send(set());
    work.send(WorkCommand::DropSecrets);
    let sent = end(&work, &reports);
    assert!(matches!(sent, ChangeState::NotSent(_, NotSentReason::NoConnection(_))), "{sent:?}");
    // Nothing needs it.
    work.send(set());
    let unsent = end(&work, &reports);
    let why = CleanText::new("the screen is hidden, and the access token was dropped");
    assert!(
        matches!(&unsent, ChangeState::NotSent(_, NotSentReason::RefusedLocally(told)) if *told == why),
        "{unsent:?}"
    );
}

/// A server that hangs up on each request.
fn rude_server() -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    thread::spawn(move || {
        for line in server.incoming().flatten() {
            // The request is read, so that it certainly arrived.
            BufReader::new(line).read_line(&mut String::new()).ok();
        }
    });
    url
}

#[test]
fn a_pin_in_doubt_that_the_escrow_has_leaves_memory_when_the_screen_is_hidden() {
    let dir = TempDir::new().expect("a directory");
    let key = age::x25519::Identity::generate().to_public().to_string();
    let escrow = config::EscrowSettings { recipients: vec![key], recipients_file: None };
    let (work, reports) = work_at(&rude_server(), None, dir.path().join("state"), escrow);
    told(&reports, records);
    work.send(credentials());
    work.send(set());
    comes_to(&work, &reports, |state| matches!(state, ChangeState::Waiting { in_doubt: true, .. }));
    work.send(WorkCommand::StopSending);
    let is_held = |state: ChangeState| {
        let ChangeState::InDoubt(standing) = state else { panic!("{state:?}") };
        (standing.is_pin_in_memory, standing.is_in_escrow)
    };
    assert_eq!(is_held(end(&work, &reports)), (true, true));
    work.send(WorkCommand::DropSecrets);
    assert_eq!(is_held(end(&work, &reports)), (false, true));
}
