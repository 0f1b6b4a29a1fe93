//! What the work tells where something is missing: a client, the records, the time.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config;
use crate::config::endpoint::AccessToken;
use crate::console::app::status::Records;
use crate::job::{Before, JobState};
use crate::journal::{Actor, Kind};
use crate::number::Waba;
use crate::outcome::{NotSent, ReadFailure};

const PATIENCE: Duration = Duration::from_secs(10);

/// Work for a number at an address where nobody listens, recorded in this directory.
fn work(ca_file: Option<&str>, state_dir: std::path::PathBuf) -> (Work, Receiver<Report>) {
    let endpoint = Endpoint {
        url: "https://127.0.0.1:1".parse().expect("a URL"),
        version: "v24.0".parse().expect("a version"),
        ca_file: ca_file.map(Into::into),
    };
    let waba = Arc::new(Waba { id: "1001".parse().expect("an id"), name: None });
    let recording = Recording {
        state_dir,
        kind: Kind::Real,
        escrow: config::Escrow::default(),
        profile: Clean::new("acme"),
        actor: Actor::from_process(),
        syncs: true,
    };
    let sources = Sources { wabas: vec![waba], numbers: Vec::new() };
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
        before: Before { two_step: crate::number::TwoStep::NotSet, read_at: None },
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
fn end(work: &Work, reports: &Receiver<Report>) -> JobState {
    loop {
        told(reports, |report| matches!(report, Report::ProgressWaiting).then_some(()));
        let moved = work.progress().pop().expect("one number moved");
        if !moved.state.is_running() {
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
    let why = Clean::new("cannot read the CA file /no/such/file: No such file or directory (os error 2)");
    let of_list = |report| match report {
        Report::Happened(Msg::NoClient(why)) => Some((None, why)),
        Report::Happened(Msg::WabaRead {
            reading,
            result: Err(ReadFailure::NotSent(NotSent::RefusedHere(why))),
            ..
        }) => Some((Some(reading), why)),
        Report::Happened(_) | Report::ProgressWaiting => None,
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
    assert!(matches!(&end, JobState::NotSent(_, NotSent::RefusedHere(told)) if *told == why), "{end:?}");
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
    let why = Clean::new("there is no access token yet");
    assert!(matches!(&end, JobState::NotSent(_, NotSent::RefusedHere(told)) if *told == why), "{end:?}");
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
    assert!(matches!(end, JobState::NotSent(_, NotSent::Stopped)), "{end:?}");
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
    assert!(matches!(end, JobState::NotSent(_, NotSent::NoConnection(_))), "{end:?}");
    let (closed, waiter) = blocking::channel();
    work.give(Order::Close(closed));
    waiter.recv_timeout(PATIENCE).expect("it is closed");
}
