//! What the keys of the page of a job reach, and what the page lists for them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pindesk::console::app::Msg;
use pindesk::console::effect::{Effect, WorkCommand};
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::domain::text::CleanText;
use pindesk::journal::{JobStatus, RecordedState};
use pindesk::numbers::record::{ExportFormat, ExportedNumbers};

use super::job::{JOB, console, open_job, sample_job, with_own_reasons};
use super::jobs::{FAILED, NO_ANSWER, SET, job};
use crate::support::app_fixture::{AppFixture, number_id};

#[test]
fn e_exports_a_report_of_the_job_to_a_new_file() {
    let mut console = console((80, 24));
    console.press('b').update(Msg::JobsRead(Some(vec![job(JOB.get(), 60, JobStatus::Finished, &[(SET, 2)])])));
    console.key(Key::Enter).press('e').sees("The job was not read yet.");
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Finished, &[SET, FAILED])))).press('e');
    console.sees("Export a report of job 7").sees("A file that exists is not replaced.");
    console.type_text("/x/a").key(Key::Enter).assert_no_effects().sees("End the path with .csv or .json.");
    console.type_text(".json").key(Key::Enter);
    let path = PathBuf::from("/x/a.json");
    console.assert_effects([WorkCommand::ReportJob { path: path.clone(), format: ExportFormat::JsonLines, job: JOB }]);
    let exists = Err(CleanText::new("A file with this name exists already: choose another name."));
    console.update(Msg::NumbersExported { path: path.clone(), result: exists }).sees("choose another name.");
    console.key(Key::Enter);
    let result = Ok(ExportedNumbers { path: path.clone(), count: 2, has_history: true });
    console.update(Msg::NumbersExported { path, result }).sees("Exported 2 numbers to /x/a.json.");
    assert_eq!(console.app.mode(), Mode::Job);
}

#[test]
fn what_was_not_sent_follows_what_needs_attention() {
    let mut console = console((80, 24));
    let states = [RecordedState::NotStarted, SET, FAILED, RecordedState::NotStarted, NO_ANSWER];
    open_job(&mut console, sample_job(JobStatus::Interrupted, &states));
    console.sees("Needs attention: failed, no answer (2), then not sent (2)").sees("1 of 4");
    let shown = |console: &AppFixture| {
        let numbers = console.app.open_job().numbers().expect("read");
        numbers.rows(false, 0).map(|row| row.record.number).collect::<Vec<_>>()
    };
    assert_eq!(shown(&console), [2, 4, 0, 3].map(number_id));
    // The cursor stays on its number.
    console.key(Key::End).sees("4 of 4").press('f').sees("4 of 5").press('f').sees("4 of 4");
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Running, &states))));
    console.sees("Needs attention: failed, no answer, retrying (2)");
    assert_eq!(shown(&console), [2, 4].map(number_id));
}

#[test]
fn the_footer_says_how_many_numbers_a_key_is_about() {
    let mut console = console((120, 24));
    let states = [RecordedState::NotStarted, SET, FAILED, FAILED, NO_ANSWER];
    open_job(&mut console, with_own_reasons(sample_job(JobStatus::Interrupted, &states)));
    console.sees("t resume 1").sees("u refresh 1 no answer").sees("e report");
    let states = [SET, FAILED, FAILED, NO_ANSWER];
    console.update(Msg::JobRead(JOB, Some(with_own_reasons(sample_job(JobStatus::Finished, &states)))));
    console.sees("t retry 2 failed").sees("u refresh 1 no answer");
    console.update(Msg::JobRead(JOB, Some(sample_job(JobStatus::Finished, &[SET, SET]))));
    console.does_not_see("retry").does_not_see("resume").does_not_see("refresh");
}

#[test]
fn thousands_in_doubt_are_refreshed_in_steps() {
    let mut console = console((100, 24));
    open_job(&mut console, sample_job(JobStatus::Finished, &[NO_ANSWER; 1_002])).press('u');
    console.sees("Refreshing 1,000 of 1,002 numbers. Press u again for those that were read longest ago.");
    let refreshed = |effect: &Effect| {
        if let Effect::Work(WorkCommand::RefreshNumber(number)) = effect { Some(number.id) } else { None }
    };
    let refreshed: BTreeSet<_> = console.effects.iter().filter_map(refreshed).collect();
    // The list has four of them, as they were read a moment ago.
    assert_eq!(refreshed.len(), 1_000);
    assert!((4..1_002).all(|index| refreshed.contains(&number_id(index))), "those that were never read come first");
}
