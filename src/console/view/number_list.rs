//! The pages about a file or a paste with numbers: its path, and what it has.
//!
//! They repeat nothing of the file but what the errors of its lines show.

use super::canvas::skip_columns;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::go::PathPurpose;
use crate::console::pages::listed_numbers::ListedNumbersPage;
use crate::console::pages::path::PathPage;
use crate::console::shared::{ListSource, ListedNumbers};
use crate::console::theme::Role;
use crate::domain::text::format_count;

/// How many lines that cannot be used are named. A list with more is the wrong list.
const MAX_NAMED_LINES: usize = 100;

/// The columns of a line number.
const LINE_WIDTH: usize = 10;

pub(super) fn path(app: &App, page: &PathPage) -> Sheet {
    let heading = match &page.purpose {
        PathPurpose::LoadNumbers => "Select the numbers of a file".to_owned(),
        PathPurpose::Export { ids, is_selection } => {
            let what = if *is_selection { "selected" } else { "shown" };
            let noun = if ids.len() == 1 { "number" } else { "numbers" };
            format!("Export {} {what} {noun}", format_count(ids.len()))
        }
        PathPurpose::ReportJob(job) => format!("Export a report of job {job}"),
    };
    let mut sheet = Sheet::for_question(app, heading);
    match &page.purpose {
        PathPurpose::LoadNumbers => {
            sheet.text("One phone number ID or phone number a line, or the CSV or JSON of `pindesk numbers list`.");
        }
        PathPurpose::Export { .. } => {
            sheet.text("A new file that ends with .csv or .json: what Meta reports of each number, and its last request, without PINs.");
        }
        PathPurpose::ReportJob(_) => {
            sheet.text("A new file that ends with .csv or .json: what became of each number of the job, and why, without PINs.");
        }
    }
    if page.purpose != PathPurpose::LoadNumbers {
        sheet.optional_text("Only you can read it. A file that exists is not replaced.");
    }
    sheet.optional_blank_line();
    let label = "File: ";
    let max_columns = sheet.text_width().saturating_sub(label.len() + 1);
    let scroll = page.input.visual_scroll(max_columns.saturating_sub(1));
    let visible = skip_columns(page.input.value(), scroll);
    sheet.cursor_on_next_line(label.len() + page.input.visual_cursor().saturating_sub(scroll));
    sheet.push_line(vec![(format!("{label}{visible}"), Role::Plain)]);
    let note = page.note.as_deref().or(page.awaited.is_some().then_some("Waiting for the file."));
    if let Some(note) = note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(note, Role::Strong);
    }
    sheet
}

pub(super) fn listed_numbers(app: &App, page: &ListedNumbersPage) -> Sheet {
    let ListedNumbers { source, ids, errors, lines } = &page.list;
    let mut sheet = Sheet::new(app, "Select the numbers of a list");
    let name = match source {
        ListSource::File(path) => path.to_string(),
        ListSource::Paste => "The paste".to_owned(),
    };
    sheet.add_sticky(|sheet| {
        let question = match ids.len() {
            0 => format!("{name} has no number that can be selected."),
            1 => format!("{name} has 1 number: select it?"),
            count => format!("{name} has {} numbers: select them?", format_count(count)),
        };
        sheet.styled_text(&question, Role::Strong);
    });
    let selected = app.roster().selection().len();
    if selected > 0 && !ids.is_empty() {
        sheet.text(&format!("They are added to what is selected already: {}.", format_count(selected)));
    }
    if errors.is_empty() {
        return sheet;
    }
    sheet.optional_blank_line();
    let noun = if *lines == 1 { "line" } else { "lines" };
    sheet.styled_text(
        &format!("{} of {} {noun} cannot be used:", format_count(errors.len()), format_count(*lines)),
        Role::Strong,
    );
    for (line, error) in errors.iter().take(MAX_NAMED_LINES) {
        sheet.table_row(&format!("line {line}"), LINE_WIDTH, error);
    }
    let rest = errors.len().saturating_sub(MAX_NAMED_LINES);
    if rest > 0 {
        sheet.text(&format!("and {} more", format_count(rest)));
    }
    let progress = app.refresh_progress();
    if progress.is_running || !progress.unread_wabas.is_empty() {
        sheet.optional_blank_line();
        sheet.text("Not all numbers were read yet. A number that is not read is not found.");
    }
    sheet
}
