//! What the work tells where something is missing: a client, the records, the time.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config;
use crate::config::endpoint::AccessToken;
use crate::console::app::status::Records;
use crate::escrow::EscrowFile;
use crate::job::{StatusBefore, ChangeState};
use crate::journal::{Action, Actor, Journal, Kind, Opening, Reader};
use crate::number::Waba;
use crate::outcome::{NotSentReason, ReadFailure};
use crate::state::StateDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// Work for a number at an address where nobody listens, recorded in this directory.
fn work(ca_file: Option<&str>, state_dir: std::path::PathBuf) -> (Work, Receiver<Report>) {
    work_at("https://127.0.0.1:1", ca_file, state_dir, config::EscrowSettings::default())
}

fn work_at(
    url: &str,
    ca_file: Option<&str>,
    state_dir: std::path::PathBuf,
    escrow: config::EscrowSettings,
) -> (Work, Receiver<Report>) {
    let endpoint = Endpoint {
        url: url.parse().expect("a URL"),
        version: "v24.0".parse().expect("a version"),
        ca_file: ca_file.map(Into::into),
    };
    let waba = Arc::new(Waba { id: "1001".parse().expect("an id"), name: None });
    let recording = Recording {
        state_dir,
        kind: Kind::Real,
        escrow,
        profile: CleanText::new("acme"),
        actor: Actor::from_process(),
        #[cfg(debug_assertions)]
        syncs: true,
    };
    let sources = NumberSources { wabas: vec![waba], numbers: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (told, reports) = blocking::channel();
    let report = move |report| {
        told.send(report).ok();
    };
    let assignment = Assignment { endpoint, sources, concurrency: 1, recording };
    (Work::start(runtime, assignment, Clock::System, report).expect("a thread"), reports)
}

fn credentials() -> Order {
    let token = AccessToken::parse("SIMULATOR").expect("a token");
    Order::UseCredentials(Credentials { token, app_secret: None })
}

fn set() -> Order {
    let pin = Pin::parse(b"409726").expect("a PIN");
    Order::Set {
        number: "1002".parse().expect("an id"),
        waba: None,
        before: StatusBefore { two_step: crate::number::TwoStep::NotSet, read_at: None },
        pin,
    }
}

/// Waits for the first thing told that is meant.
fn told<T>(reports: &Receiver<Report>, meant: impl Fn(Report) -> Option<T>) -> T {
    loop {
        let report = reports.recv_timeout(PATIENCE).expect("it is told");
        if let Some(found) = meant(report) {
            return found;
        }
    }
}

fn records(report: Report) -> Option<Records> {
    if let Report::Happened(Msg::RecordsOpened { records, .. }) = report { Some(records) } else { None }
}

/// What became of the only change.
fn end(work: &Work, reports: &Receiver<Report>) -> ChangeState {
    comes_to(work, reports, |state| !state.is_running())
}

/// Waits until the only change has come to such a state.
fn comes_to(work: &Work, reports: &Receiver<Report>, is_meant: impl Fn(&ChangeState) -> bool) -> ChangeState {
    loop {
        told(reports, |report| matches!(report, Report::ProgressWaiting).then_some(()));
        let moved = work.progress().pop().expect("one number moved");
        if is_meant(&moved.state) {
            return moved.state;
        }
    }
}

#[test]
fn a_list_that_could_not_be_asked_for_is_told_as_unread_and_why() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(Some("/no/such/file"), dir.path().join("state"));
    work.give(credentials());
    work.give(Order::ReadAll { reading: 7 });
    let why = CleanText::new("cannot read the CA file /no/such/file: No such file or directory (os error 2)");
    let of_list = |report| match report {
        Report::Happened(Msg::NoClient(why)) => Some((None, why)),
        Report::Happened(Msg::WabaRead {
            reading,
            result: Err(ReadFailure::NotSent(NotSentReason::RefusedLocally(why))),
            ..
        }) => Some((Some(reading), why)),
        Report::Happened(_) | Report::Read(..) | Report::ProgressWaiting => None,
    };
    assert_eq!([told(&reports, of_list), told(&reports, of_list)], [(None, why.clone()), (Some(7), why)]);
    told(&reports, |report| matches!(report, Report::Happened(Msg::ListRead { reading: 7 })).then_some(()));
}

#[test]
fn where_nothing_can_be_recorded_nothing_is_sent_and_both_say_why() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    std::fs::write(&state, "a file is in the way").expect("written");
    let (work, reports) = work(None, state.clone());
    let Records::Unusable(why) = told(&reports, records) else { panic!("it cannot be usable") };
    assert!(why.as_str().contains(&*state.to_string_lossy()), "{why}");
    work.give(credentials());
    work.give(set());
    let end = end(&work, &reports);
    assert!(matches!(&end, ChangeState::NotSent(_, NotSentReason::RefusedLocally(told)) if *told == why), "{end:?}");
    // Nobody waits for what is not open.
    let (closed, waiter) = blocking::channel();
    work.give(Order::Close(closed));
    waiter.recv_timeout(PATIENCE).expect_err("the sender is dropped");
}

#[test]
fn without_an_access_token_nothing_is_sent_and_it_says_so() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    assert_eq!(told(&reports, records), Records::Ready { recipients: Vec::new() });
    work.give(set());
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
        Report::Read(Msg::NumbersRemembered(numbers), room) => Some((numbers.len(), room)),
        Report::Read(..) | Report::Happened(_) | Report::ProgressWaiting => None,
    };
    let mut held: Vec<_> = (0..32).map(|_| told(&reports, page)).collect();
    assert!(held.iter().all(|(count, _)| *count == 256));
    // The journal has read the next page by then, and it would be told first.
    work.give(Order::ReadHistory("1002".parse().expect("an id")));
    told(&reports, |report| match report {
        Report::Read(..) => panic!("told without room"),
        Report::Happened(Msg::HistoryRead { .. }) => Some(()),
        Report::Happened(_) | Report::ProgressWaiting => None,
    });
    held.pop();
    held.push(told(&reports, page));
    drop(held);
    assert_eq!(told(&reports, page).0, 256, "the last one");
}

/// Numbers that an earlier run read.
fn remember(state: &std::path::Path, count: usize) {
    let opening = Opening {
        dir: StateDir::open_or_create(state).expect("a state directory"),
        actor: Actor::from_process(),
        kind: Kind::Real,
        recipients: None,
        clock: Clock::System,
        #[cfg(debug_assertions)]
        syncs: false,
    };
    let (journal, _) = Journal::open(opening).expect("a journal");
    let id = |n: usize| format!("{}", 2_000_000 + n).parse().expect("an id");
    let numbers = (0..count).map(|n| crate::number::Number::from_config(id(n), None)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(journal.remember("acme", numbers));
    journal.close();
}

/// A page of one number.
fn page() -> Order {
    Order::RememberPage(vec![crate::number::Number::from_config("1002".parse().expect("an id"), None)])
}

#[track_caller]
fn hears_page_remembered(reports: &Receiver<Report>) {
    told(reports, |report| matches!(report, Report::Happened(Msg::PageRemembered)).then_some(()));
}

/// Work that was given a page before its journal could be opened.
fn with_a_page_ahead(state: std::path::PathBuf) -> (Work, Receiver<Report>) {
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    let _held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = work(None, state);
    work.give(page());
    // The page is there by the time this is answered.
    work.give(Order::ReadHistory("1002".parse().expect("an id")));
    told(&reports, |report| match report {
        Report::Happened(Msg::HistoryRead { .. }) => Some(()),
        Report::Happened(Msg::RecordsOpened { .. }) => panic!("opened too early"),
        Report::Happened(_) | Report::Read(..) | Report::ProgressWaiting => None,
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
    work.give(Order::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    assert_eq!(remembered(&state), ["1002"]);
}

/// What the next start recalls.
fn remembered(state: &std::path::Path) -> Vec<String> {
    let (_work, reports) = work(None, state.to_owned());
    told(&reports, |report| match report {
        Report::Read(Msg::NumbersRemembered(numbers), _) => Some(numbers),
        Report::Read(..) | Report::Happened(_) | Report::ProgressWaiting => None,
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
    assert!(matches!(records, Records::Unusable(_)), "{records:?}");
    hears_page_remembered(&reports);
    work.give(page());
    hears_page_remembered(&reports);
}

#[test]
fn what_was_asked_for_before_a_stop_is_not_sent_after_it() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    told(&reports, records);
    work.give(credentials());
    // The job is still being recorded when the stop comes.
    work.give(set());
    work.give(Order::Stop);
    let end = end(&work, &reports);
    assert!(matches!(end, ChangeState::NotSent(_, NotSentReason::Stopped)), "{end:?}");
}

#[test]
fn a_pause_is_told_once_nothing_is_written_and_a_close_once_the_journal_is() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    let (paused, guard) = blocking::channel();
    // Before the journal is open: it is told when it is.
    work.give(Order::Pause(paused));
    let guard = guard.recv_timeout(PATIENCE).expect("a guard");
    told(&reports, records);
    work.give(credentials());
    work.give(set());
    drop(guard);
    work.give(Order::GoOn);
    let end = end(&work, &reports);
    assert!(matches!(end, ChangeState::NotSent(_, NotSentReason::NoConnection(_))), "{end:?}");
    let (closed, waiter) = blocking::channel();
    work.give(Order::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    let mut names = std::fs::read_dir(dir.path().join("state")).expect("a directory");
    assert!(!names.any(|entry| is_at_work(&entry.expect("a file").file_name())), "the journal was given back");
}

/// True for the file of a process that has the journal.
fn is_at_work(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("running.")
}

/// Work that is paused, with a change whose job is recorded.
fn paused(state: std::path::PathBuf) -> (Work, Receiver<Report>) {
    let (work, reports) = work(None, state);
    told(&reports, records);
    work.give(credentials());
    let (paused, guard) = blocking::channel();
    work.give(Order::Pause(paused));
    drop(guard.recv_timeout(PATIENCE).expect("a guard"));
    work.give(set());
    told(&reports, |report| matches!(report, Report::ProgressWaiting).then_some(()));
    (work, reports)
}

#[test]
fn a_journal_that_dies_is_told_whatever_it_was_to_write() {
    for order in [Order::GoOn, Order::DropSecrets, Order::RecordShown] {
        let dir = TempDir::new().expect("a directory");
        let (work, reports) = paused(dir.path().join("state"));
        std::fs::remove_file(dir.path().join("state/journal.db")).expect("it was there");
        work.give(order);
        told(&reports, |report| matches!(report, Report::Happened(Msg::RecordsDied(_))).then_some(()));
    }
}

#[test]
fn nothing_is_sent_between_a_pause_and_its_end_though_things_are_recorded() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = paused(dir.path().join("state"));
    // Each answer leaves time for a record, and for all that comes of one.
    for _ in 0..50 {
        work.give(Order::ReadHistory("1002".parse().expect("an id")));
        told(&reports, |report| matches!(report, Report::Happened(Msg::HistoryRead { .. })).then_some(()));
    }
    let states: Vec<_> = work.progress().into_iter().map(|progress| progress.state).collect();
    assert_eq!(states, [ChangeState::Queued]);
    work.give(Order::GoOn);
    comes_to(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn a_pause_that_ended_before_the_journal_was_open_holds_nothing() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let escrow = StateDir::open_or_create(&state).and_then(|dir| EscrowFile::open(&dir)).expect("an escrow");
    // Until this is given back, the journal cannot be opened.
    let held = escrow.lock(Duration::ZERO).expect("it is free");
    let (work, reports) = work(None, state);
    let (paused, guard) = blocking::channel();
    work.give(Order::Pause(paused));
    work.give(Order::GoOn);
    guard.recv_timeout(PATIENCE).expect_err("nobody waits for it any more");
    drop(held);
    told(&reports, records);
    work.give(credentials());
    work.give(set());
    comes_to(&work, &reports, |state| *state != ChangeState::Queued);
}

#[test]
fn that_the_screen_was_hidden_and_shown_is_in_the_audit() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (work, reports) = work(None, state.clone());
    told(&reports, records);
    work.give(Order::DropSecrets);
    work.give(Order::RecordShown);
    let (closed, waiter) = blocking::channel();
    work.give(Order::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
    let reader = StateDir::open(&state).map(|dir| Reader::open(&dir)).expect("a directory").expect("a journal");
    let mut actions = Vec::new();
    let read = reader.audit(None, |row| {
        actions.push(row.action);
        Ok::<(), ()>(())
    });
    assert_eq!((read.expect("readable"), actions), (Ok(()), vec![Action::ScreenHidden, Action::ScreenShown]));
}

#[test]
fn what_was_asked_for_before_the_screen_was_hidden_is_sent_with_the_access_token_of_then() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = work(None, dir.path().join("state"));
    told(&reports, records);
    work.give(credentials());
    // The job is still being recorded when the secrets are dropped.
    work.give(set());
    work.give(Order::DropSecrets);
    let sent = end(&work, &reports);
    assert!(matches!(sent, ChangeState::NotSent(_, NotSentReason::NoConnection(_))), "{sent:?}");
    // Nothing needs it any more.
    work.give(set());
    let unsent = end(&work, &reports);
    let why = CleanText::new("the screen is hidden, and the access token was dropped");
    assert!(matches!(&unsent, ChangeState::NotSent(_, NotSentReason::RefusedLocally(told)) if *told == why), "{unsent:?}");
}

/// A server that hangs up on each request.
fn rude_server() -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    thread::spawn(move || {
        for line in server.incoming().flatten() {
            // What came is read, so that it is known to have come.
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
    work.give(credentials());
    work.give(set());
    comes_to(&work, &reports, |state| matches!(state, ChangeState::Waiting { in_doubt: true, .. }));
    work.give(Order::Stop);
    let is_held = |state: ChangeState| {
        let ChangeState::InDoubt(standing) = state else { panic!("{state:?}") };
        (standing.is_pin_in_memory, standing.is_in_escrow)
    };
    assert_eq!(is_held(end(&work, &reports)), (true, true));
    work.give(Order::DropSecrets);
    assert_eq!(is_held(end(&work, &reports)), (false, true));
}
