//! The table of numbers for people: sorted by number, with what the journal knows about the last request of each.
//!
//! It reads nothing.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::cli::output::names::name_cells;
use crate::cli::output::result_fields::recorded_cell;
use crate::cli::output::table::{self, Cell, Column, Table, TableStyle, UNKNOWN};
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, TwoStep};
use crate::domain::standing::ChangeResult;
use crate::domain::text::{CleanText, format_count};
use crate::journal::{LastRequest, RecordedState};
use crate::numbers::record::LastRequests;

/// The columns that fit 80 columns of a terminal.
const COLUMNS: [Column; 5] = [
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 20, 6),
    Column::fixed("TWO-STEP", 8),
    Column::fixed("REQUEST", 10),
    Column::fixed("ID", 17),
];

/// The columns that `--wide` adds.
const WIDE_COLUMNS: [Column; 3] = [Column::fixed("WABA", 17), Column::fixed("STATUS", 12), Column::fixed("QUALITY", 7)];

/// A day without a year names the last one, not one of a year ago.
const DAYS_WITHOUT_YEAR: Duration = Duration::from_hours(300 * 24);

/// How the table is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableOptions {
    pub(crate) is_wide: bool,
    /// False if a WABA or a number could not be read.
    pub(crate) is_complete: bool,
    pub(crate) style: TableStyle,
    pub(crate) now: UtcTime,
}

/// Prints the table and its total.
pub(crate) fn print(mut numbers: Vec<Number>, requests: &LastRequests, options: TableOptions) -> io::Result<()> {
    let TableOptions { is_wide, is_complete, style, now } = options;
    numbers.sort_by(|a, b| (&a.display_number, a.id).cmp(&(&b.display_number, b.id)));
    let mut columns = COLUMNS.to_vec();
    if is_wide {
        columns.extend(WIDE_COLUMNS);
    }
    let mut table = Table::new(&columns);
    for number in &numbers {
        let request = requests.get(&number.id).map_or_else(|| "".into(), |request| request_cell(request, now));
        let [display, name] = name_cells(Some(number));
        let two_step = number.two_step.label().into();
        let mut cells: Vec<Cell<'_>> = vec![display.into(), name.into(), two_step, request, number.id.as_str().into()];
        if is_wide {
            let waba = number.waba.as_ref().map_or(UNKNOWN, |waba| waba.label());
            let details = [&number.details.status, &number.details.quality_rating];
            cells.push(waba.into());
            cells.extend(details.map(|detail| detail.as_ref().map_or(UNKNOWN, CleanText::as_str).into()));
        }
        table.push(cells);
    }
    let mut out = io::stdout().lock();
    if !numbers.is_empty() {
        table.print(style, &mut out)?;
    }
    writeln!(out, "{}{}", total_line(&numbers), if is_complete { "" } else { " The list is incomplete." })
}

fn total_line(numbers: &[Number]) -> String {
    let count = |two_step| format_count(numbers.iter().filter(|number| number.two_step == two_step).count());
    let total = table::numbers_label(numbers.len());
    if numbers.is_empty() {
        return format!("{total}.");
    }
    let [on, not_set, unknown] = [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown].map(count);
    format!("{total}: two-step on {on}, not set {not_set}, unknown {unknown}.")
}

/// The last request of a number, with its day if a PIN was set.
fn request_cell(request: &LastRequest, now: UtcTime) -> Cell<'static> {
    if request.state != RecordedState::Ended(ChangeResult::Set) {
        // The console calls both the same, and the column has ten characters.
        let is_resolved = request.state == RecordedState::NotApplied;
        return recorded_cell(if is_resolved { RecordedState::Resolved } else { request.state });
    }
    let date = request.at.format_date();
    // `22 Nov 2026`, and the column has ten characters.
    let (day, year) = date.rsplit_once(' ').unwrap_or((&date, ""));
    let when = if request.at.until(now) < DAYS_WITHOUT_YEAR { day } else { year };
    format!("set {when}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_fits_its_column_and_names_its_day() {
        let number = "200000000000001".parse().expect("an ID");
        let now = UtcTime::from_unix_seconds(1_795_356_189);
        let cell = |state, days: u64| {
            let at = now.minus(Duration::from_hours(24 * days));
            request_cell(&LastRequest { number, state, at }, now)
        };
        let set = RecordedState::Ended(ChangeResult::Set);
        assert_eq!(
            [cell(set, 0), cell(set, 299), cell(set, 400), cell(RecordedState::Running, 0)],
            ["set 22 Nov", "set 27 Jan", "set 2025", "sending"].map(Cell::from)
        );
    }
}
