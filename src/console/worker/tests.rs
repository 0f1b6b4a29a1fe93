//! What the worker reports if something is missing: a client, the records, the time.

mod many_numbers;
mod number_files;
mod reads;

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config;
use crate::config::endpoint::AccessToken;
use crate::console::shared::RecordingStatus;
use crate::domain::change::{ChangeState, ProgressSource};
use crate::domain::number::{Number, TwoStep, Waba};
use crate::domain::outcome::{ReadFailure, SendFailure};
use crate::domain::pin::Pin;
use crate::domain::pin_plan::PinPlan;
use crate::domain::standing::NotSentReason;
use crate::domain::text::CleanText;
use crate::escrow::EscrowFile;
use crate::journal::{AuditAction, JournalKind, JournalReader, Operator};
use crate::state_dir::StateDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// A worker for a number at an address without a listener, with this state directory.
fn start_worker(ca_file: Option<&str>, state_dir: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    start_worker_at("https://127.0.0.1:1", ca_file, state_dir, config::EscrowSettings::default())
}

fn start_worker_at(
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
        syslog: false,
        reads_after_open: false,
        #[cfg(debug_assertions)]
        sync_writes: true,
    };
    let sources = NumberSources { wabas: vec![waba], numbers: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (sender, reports) = blocking::channel();
    let report = move |report| {
        sender.send(report).ok();
    };
    let config = WorkerConfig { endpoint, sources, concurrency: 1, asks_about_token: true, recording };
    (WorkerHandle::start(runtime, config, Clock::System, report).expect("a thread"), reports)
}

fn credentials() -> Credentials {
    Credentials { token: AccessToken::parse("SIMULATOR").expect("a token"), app_secret: None }
}

/// A worker with an open journal and an access token.
fn ready_worker(state: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    let (work, reports) = start_worker(None, state);
    wait_for(&reports, recording_status);
    work.use_credentials(credentials());
    (work, reports)
}

fn set_pin() -> WorkCommand {
    let pin = Pin::parse(b"409726").expect("a PIN");
    let number = Number::from_config("1002".parse().expect("an id"), None);
    WorkCommand::SetPins(PinPlan::for_one(Number { two_step: TwoStep::NotSet, ..number }, pin))
}

/// Waits for the first report that `select` accepts.
fn wait_for<T>(reports: &Receiver<WorkerReport>, select: impl Fn(WorkerReport) -> Option<T>) -> T {
    loop {
        let report = reports.recv_timeout(PATIENCE).expect("a report");
        if let Some(selected) = select(report) {
            return selected;
        }
    }
}

fn recording_status(report: WorkerReport) -> Option<RecordingStatus> {
    if let WorkerReport::Msg(Msg::RecordsOpened { status, .. }) = report { Some(status) } else { None }
}

/// The outcome of the only change.
fn outcome(work: &WorkerHandle, reports: &Receiver<WorkerReport>) -> ChangeState {
    wait_for_state(work, reports, |state| !state.is_running())
}

#[track_caller]
fn assert_refused_locally(state: &ChangeState, why: CleanText) {
    let ChangeState::NotSent(_, reason) = state else { panic!("{state:?}") };
    assert_eq!(*reason, SendFailure::RefusedLocally(why).into());
}

/// Waits until the only change has such a state.
fn wait_for_state(
    work: &WorkerHandle,
    reports: &Receiver<WorkerReport>,
    accepts: impl Fn(&ChangeState) -> bool,
) -> ChangeState {
    loop {
        wait_for(reports, |report| matches!(report, WorkerReport::ProgressReady).then_some(()));
        // The journal repeats what this process did.
        let own = work.take_progress().into_iter().find(|progress| progress.source == ProgressSource::Own);
        if let Some(progress) = own.filter(|progress| accepts(&progress.state)) {
            return progress.state;
        }
    }
}

#[test]
fn a_list_that_cannot_be_requested_is_reported_with_why() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = start_worker(Some("/no/such/file"), dir.path().join("state"));
    work.use_credentials(credentials());
    work.send(WorkCommand::RefreshAll { refresh_id: 7 });
    let why = CleanText::new("CA file /no/such/file: there is no such file");
    let list_failure = |report| match report {
        WorkerReport::Msg(Msg::ClientNotice(why)) => Some((None, why)),
        WorkerReport::Msg(Msg::WabaRead {
            refresh_id,
            result: Err(ReadFailure::NotSent(SendFailure::RefusedLocally(why))),
            ..
        }) => Some((Some(refresh_id), why)),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    };
    assert_eq!(
        [wait_for(&reports, list_failure), wait_for(&reports, list_failure)],
        [(None, why.clone()), (Some(7), why)]
    );
    wait_for(&reports, |report| {
        matches!(report, WorkerReport::Msg(Msg::RefreshFinished { refresh_id: 7 })).then_some(())
    });
}

#[test]
fn without_a_journal_nothing_is_sent_and_both_say_why() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    std::fs::write(&state, "a file is in the way").expect("written");
    let (work, reports) = start_worker(None, state.clone());
    let RecordingStatus::Unusable(why) = wait_for(&reports, recording_status) else { panic!("it cannot be usable") };
    assert!(why.as_str().contains(&*state.to_string_lossy()), "{why}");
    work.use_credentials(credentials());
    work.send(set_pin());
    let outcome = outcome(&work, &reports);
    assert_refused_locally(&outcome, why);
    // Nothing waits for records that are not open.
    work.close().recv_timeout(PATIENCE).expect_err("the sender is dropped");
}

#[test]
fn without_an_access_token_nothing_is_sent_and_it_says_so() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = start_worker(None, dir.path().join("state"));
    assert_eq!(wait_for(&reports, recording_status), RecordingStatus::Ready { recipients: Vec::new() });
    work.send(set_pin());
    let outcome = outcome(&work, &reports);
    let why = CleanText::new("there is no access token yet");
    assert_refused_locally(&outcome, why);
}

#[test]
fn a_command_from_before_a_stop_is_not_sent_after_it() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = ready_worker(dir.path().join("state"));
    // The job is still being recorded when the stop arrives.
    work.send(set_pin());
    work.send(WorkCommand::StopSending);
    let outcome = outcome(&work, &reports);
    assert!(matches!(outcome, ChangeState::NotSent(_, NotSentReason::Stopped)), "{outcome:?}");
}

#[test]
fn a_pause_and_a_close_are_reported_when_they_are_done() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = start_worker(None, dir.path().join("state"));
    // Before the journal is open: it is reported when it is.
    let guard = work.pause();
    let guard = guard.recv_timeout(PATIENCE).expect("a guard");
    wait_for(&reports, recording_status);
    work.use_credentials(credentials());
    work.send(set_pin());
    drop(guard);
    work.resume();
    let outcome = outcome(&work, &reports);
    assert!(
        matches!(outcome, ChangeState::NotSent(_, NotSentReason::Failure(SendFailure::NothingListens(_)))),
        "{outcome:?}"
    );
    work.close().recv_timeout(PATIENCE).expect("it is closed");
    let mut names = std::fs::read_dir(dir.path().join("state")).expect("a directory");
    assert!(!names.any(|entry| is_run_lock(&entry.expect("a file").file_name())), "the journal was given back");
}

/// True for the file of a process that has the journal open.
fn is_run_lock(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("running.")
}

/// A paused worker, with a change whose job is recorded.
fn paused_worker(state: std::path::PathBuf) -> (WorkerHandle, Receiver<WorkerReport>) {
    let (work, reports) = ready_worker(state);
    let guard = work.pause();
    drop(guard.recv_timeout(PATIENCE).expect("a guard"));
    work.send(set_pin());
    wait_for(&reports, |report| matches!(report, WorkerReport::ProgressReady).then_some(()));
    (work, reports)
}

#[test]
fn a_failed_journal_is_reported_whatever_it_was_to_write() {
    let resume: fn(&WorkerHandle) = WorkerHandle::resume;
    let drop_secrets: fn(&WorkerHandle) = |work| work.send(WorkCommand::DropSecrets);
    let record_shown: fn(&WorkerHandle) = |work| work.send(WorkCommand::RecordScreenShown);
    for write in [resume, drop_secrets, record_shown] {
        let dir = TempDir::new().expect("a directory");
        let (work, reports) = paused_worker(dir.path().join("state"));
        std::fs::remove_file(dir.path().join("state/journal.db")).expect("it was there");
        write(&work);
        wait_for(&reports, |report| matches!(report, WorkerReport::Msg(Msg::JournalFailed(_))).then_some(()));
    }
}

#[test]
fn a_pause_sends_nothing_but_still_records() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = paused_worker(dir.path().join("state"));
    // Each reply leaves time for a record, and for all that follows from one.
    for _ in 0..50 {
        work.send(WorkCommand::ReadHistory("1002".parse().expect("an id")));
        wait_for(&reports, |report| matches!(report, WorkerReport::Msg(Msg::HistoryRead { .. })).then_some(()));
    }
    let states: Vec<_> = work.take_progress().into_iter().map(|progress| progress.state).collect();
    assert_eq!(states, [ChangeState::Queued]);
    work.resume();
    wait_for_state(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn a_pause_that_ends_before_the_journal_opens_holds_nothing() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    // Until this is released, the journal cannot be opened.
    let held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = start_worker(None, state);
    let guard = work.pause();
    work.resume();
    guard.recv_timeout(PATIENCE).expect_err("the sender is dropped");
    drop(held);
    wait_for(&reports, recording_status);
    work.use_credentials(credentials());
    work.send(set_pin());
    wait_for_state(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn the_audit_records_hiding_and_showing_the_screen() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (work, reports) = start_worker(None, state.clone());
    wait_for(&reports, recording_status);
    work.send(WorkCommand::DropSecrets);
    work.send(WorkCommand::RecordScreenShown);
    work.close().recv_timeout(PATIENCE).expect("it is closed");
    let reader = StateDir::open(&state).map(|dir| JournalReader::open(&dir)).expect("a directory").expect("a journal");
    let mut actions = Vec::new();
    let read = reader.for_each_audit_row(None, |row| {
        actions.push(row.action);
        Ok::<(), ()>(())
    });
    assert_eq!((read.expect("readable"), actions), (Ok(()), vec![AuditAction::ScreenHidden, AuditAction::ScreenShown]));
}

#[test]
fn requests_made_before_hiding_keep_their_access_token() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = ready_worker(dir.path().join("state"));
    // The job is still being recorded when the secrets are dropped.
    work.send(set_pin());
    work.send(WorkCommand::DropSecrets);
    let sent = outcome(&work, &reports);
    assert!(
        matches!(sent, ChangeState::NotSent(_, NotSentReason::Failure(SendFailure::NothingListens(_)))),
        "{sent:?}"
    );
    // Nothing needs it.
    work.send(set_pin());
    let unsent = outcome(&work, &reports);
    let why = CleanText::new("the screen is hidden, and the access token was dropped");
    assert_refused_locally(&unsent, why);
}

/// A server that reads each request, so that it certainly arrived, then answers it and hangs up.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut connection in server.incoming().flatten() {
            let mut lines = BufReader::new(&mut connection).lines().map_while(Result::ok);
            lines.find(String::is_empty);
            drop(lines);
            answer(connection);
        }
    });
    url
}

#[test]
fn hiding_drops_pins_from_memory_if_the_escrow_has_them() {
    let dir = TempDir::new().expect("a directory");
    let key = age::x25519::Identity::generate().to_public().to_string();
    let escrow = config::EscrowSettings { recipients: vec![key], recipients_file: None };
    let (work, reports) = start_worker_at(&serve(drop), None, dir.path().join("state"), escrow);
    wait_for(&reports, recording_status);
    work.use_credentials(credentials());
    work.send(set_pin());
    wait_for_state(&work, &reports, |state| matches!(state, ChangeState::Waiting { in_doubt: true, .. }));
    work.send(WorkCommand::StopSending);
    let stored_in = |state: ChangeState| {
        let ChangeState::InDoubt(details) = state else { panic!("{state:?}") };
        (details.is_pin_in_memory, details.is_in_escrow)
    };
    assert_eq!(stored_in(outcome(&work, &reports)), (true, true));
    work.send(WorkCommand::DropSecrets);
    assert_eq!(stored_in(outcome(&work, &reports)), (false, true));
}
