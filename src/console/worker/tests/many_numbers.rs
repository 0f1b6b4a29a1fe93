//! A job for many numbers: what of it is recorded and sent, and what is read for its form and its question.

use std::collections::HashSet;

use tempfile::TempDir;

use super::{JournalReader, ready_worker, wait_for};
use crate::console::app::Msg;
use crate::console::effect::WorkCommand;
use crate::console::worker::WorkerReport;
use crate::domain::change::JobId;
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::pin::{Pin, PinChoice};
use crate::domain::pin_plan::{PinPlan, Targets};
use crate::domain::text::CleanText;
use crate::journal::RecentSets;
use crate::state_dir::StateDir;

fn ids() -> Vec<PhoneNumberId> {
    ["1002", "1003", "1004"].map(|id| id.parse().expect("an ID")).into()
}

#[test]
fn a_job_keeps_its_note_and_holds_back_all_but_its_first() {
    let dir = TempDir::new().expect("a directory");
    let state = dir.path().join("state");
    let (work, reports) = ready_worker(state.clone());
    let number = |id| Number { two_step: TwoStep::NotSet, ..Number::from_config(id, None) };
    let targets = Targets::new(ids().into_iter().map(number).collect()).expect("numbers");
    let pins = PinChoice::Fixed(Pin::parse(b"409726").expect("a PIN"));
    let note = Some(CleanText::new("TICKET-123"));
    work.send(WorkCommand::StartJob { plan: PinPlan { targets, pins }, note: note.clone(), send_first: Some(1) });
    let first = loop {
        wait_for(&reports, |report| matches!(report, WorkerReport::ProgressReady).then_some(()));
        if let Some(ended) = work.take_progress().into_iter().find(|progress| !progress.state.is_running()) {
            break ended;
        }
    };
    assert_eq!((first.job, first.number), (Some(JobId::new(1)), ids()[0]));
    let dir = StateDir::open(&state).expect("a state directory");
    let journal = JournalReader::open(&dir).expect("a journal");
    let jobs = journal.jobs().expect("readable");
    assert_eq!(jobs.iter().map(|job| job.note.clone()).collect::<Vec<_>>(), [note]);
    let detail = journal.job(JobId::new(1)).expect("readable").expect("a job");
    let sent: Vec<_> =
        detail.numbers.iter().filter(|number| number.change.is_some()).map(|number| number.number).collect();
    assert_eq!(sent, ids()[..1]);
}

#[test]
fn what_is_not_known_of_many_numbers_is_reported_as_such() {
    let dir = TempDir::new().expect("a directory");
    let (work, reports) = ready_worker(dir.path().join("state"));
    let waba = "1001".parse().expect("an ID");
    work.send(WorkCommand::ReadCallsLeft(vec![waba]));
    let left = wait_for(&reports, |report| match report {
        WorkerReport::Msg(Msg::CallsLeftRead(left)) => Some(left),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    });
    assert_eq!(left, [(waba, None)]);
    let numbers: HashSet<_> = ids().into_iter().collect();
    work.send(WorkCommand::ReadRecentSets { question_id: 7, numbers });
    let answer = wait_for(&reports, |report| match report {
        WorkerReport::Msg(Msg::RecentSetsRead { question_id, recent }) => Some((question_id, recent)),
        WorkerReport::Msg(_) | WorkerReport::ThrottledMsg(..) | WorkerReport::ProgressReady => None,
    });
    assert_eq!(answer, (7, RecentSets::default()));
}
