//! The number list. It draws only the visible rows, and column widths never depend on them.
//!
//! It does not sort or filter: the roster does.

use std::borrow::Cow;
use std::time::Instant;

use ratatui::layout::Position;

use super::canvas::Canvas;
use super::list_columns::{Column, Columns, GUTTER_WIDTH};
use super::{PaintResult, details, list_columns, list_head, selection_pane, status};
use crate::console::app::App;
use crate::console::roster::{Rearrangement, RosterRow, RowMark, WindowStart};
use crate::console::theme::{Role, StatusSymbol};
use crate::domain::change::ChangeState;
use crate::domain::clock::UtcTime;
use crate::domain::text::{CleanText, format_count, width};

/// What the list remembers between frames.
#[derive(Debug)]
pub(super) struct ListScroll {
    /// The index of the first row in the window.
    offset: usize,
    /// The same when the pane last showed the cursor row.
    pane_offset: usize,
    /// The last new filter or sort order that the window followed.
    rearrangement: Rearrangement,
}

impl ListScroll {
    /// The start of the list.
    pub(super) const fn new() -> Self {
        let rearrangement = Rearrangement { count: 0, start: WindowStart::FirstRow };
        Self { offset: 0, pane_offset: 0, rearrangement }
    }

    /// True if the pane shows its number. When the list scrolls, the pane is empty until it follows the cursor: the
    /// terminal scrolls whole lines, and putting the details back costs more bytes than the rows.
    fn shows_pane(&mut self, app: &App) -> bool {
        if app.pane_number() == app.roster().cursor_row().map(|row| row.number.id) {
            self.pane_offset = self.offset;
        }
        self.pane_offset == self.offset
    }
}

pub(super) fn paint(app: &App, now: Instant, canvas: &mut Canvas<'_>, scroll: &mut ListScroll) -> PaintResult {
    let is_compact = app.is_compact();
    let pane = app.pane_width();
    // The window may have become smaller since the app was told its size.
    let beside = if pane > 0 { pane + 1 } else { 0 };
    let columns = Columns::for_width(canvas.width().saturating_sub(beside));
    let cursor = list_head::paint(app, canvas);
    let top = if is_compact { 3 } else { 4 };
    paint_heading(app, canvas, top - 1, &columns);
    let rows = app.list_rows();
    scroll_to_cursor(app, usize::from(rows), scroll);
    let selected = paint_rows(app, now, canvas, top..top + rows, scroll.offset, &columns);
    if pane > 0 {
        let number = app.pane_number().filter(|_| scroll.shows_pane(app));
        let (left, lines) = (canvas.width().saturating_sub(pane), top - 1..top + rows);
        if app.roster().selection().is_empty() {
            details::paint_list_pane(app, number, canvas, left, lines);
        } else {
            selection_pane::paint(app, number, canvas, left, lines);
        }
    }
    if is_compact {
        if !list_head::paint_filter_error(app, canvas) {
            paint_name_and_position(app, canvas);
        }
    } else {
        let sort = hidden_sort_label(app, canvas, &columns);
        // A filter takes the line of the progress.
        let is_reading = app.refresh_progress().is_running && !app.filter().is_empty();
        let stale = if is_reading { status::refresh_label(app) } else { status::stale_label(app) };
        let left = [(stale.as_str(), Role::Plain), (sort.as_str(), Role::Plain)];
        canvas.draw_rule(top + rows, &left, &position_label(app));
        if pane == 0 {
            paint_ids(app, canvas, top + rows + 1);
        }
        list_head::paint_message(app, canvas);
    }
    PaintResult { cursor: cursor.or(selected), max_scroll: 0 }
}

/// The sort column, if the window has no room for its heading, whose mark would name it.
fn hidden_sort_label(app: &App, canvas: &Canvas<'_>, columns: &Columns) -> String {
    let sort = app.roster().sort();
    if columns.iter().any(|(column, ..)| column.sort_column() == Some(sort.column)) {
        return String::new();
    }
    format!("sorted by {}", list_columns::sort_label(sort, canvas.theme))
}

/// Which of the shown rows has the cursor.
fn position_label(app: &App) -> String {
    let shown = app.roster().visible_len();
    match app.roster().cursor_index() {
        Some(index) => format!("{} of {}", format_count(index + 1), format_count(shown)),
        None => String::new(),
    }
}

fn paint_name_and_position(app: &App, canvas: &mut Canvas<'_>) {
    let y = canvas.height().saturating_sub(2);
    let position = position_label(app);
    let columns = usize::from(canvas.width()).saturating_sub(width(&position) + 1);
    if let Some(name) = app.roster().cursor_row().and_then(|row| row.number.name) {
        canvas.put_within(0, y, columns, name.as_str(), Role::Plain);
    }
    canvas.put_right(y, &position, Role::Plain);
}

fn paint_heading(app: &App, canvas: &mut Canvas<'_>, y: u16, columns: &Columns) {
    let sort = app.roster().sort();
    for (column, x, columns) in columns.iter() {
        let is_sorted = column.sort_column() == Some(sort.column);
        let text = if is_sorted { list_columns::sort_label(sort, canvas.theme) } else { column.heading().to_owned() };
        // The mark of a narrow column takes a blank after it.
        canvas.put_within(x, y, columns.max(width(&text)), &text, Role::Strong);
    }
}

/// Scrolls as little as needed to keep the row of the cursor visible, unless the operator rearranged the list.
fn scroll_to_cursor(app: &App, rows: usize, scroll: &mut ListScroll) {
    let cursor = app.roster().cursor_index().unwrap_or(0);
    let rearrangement = app.roster().rearrangement();
    if scroll.rearrangement != rearrangement {
        scroll.rearrangement = rearrangement;
        scroll.offset = match rearrangement.start {
            WindowStart::FirstRow if cursor < rows => 0,
            WindowStart::FirstRow | WindowStart::CursorInMiddle => cursor.saturating_sub(rows / 2),
        };
    }
    let last_start = app.roster().visible_len().saturating_sub(rows);
    let min_offset = (cursor + 1).saturating_sub(rows);
    scroll.offset = scroll.offset.clamp(min_offset, cursor.max(min_offset)).min(last_start.max(min_offset));
}

/// Draws the visible rows. Returns the position of the row with the cursor.
fn paint_rows(
    app: &App,
    now: Instant,
    canvas: &mut Canvas<'_>,
    lines: std::ops::Range<u16>,
    offset: usize,
    columns: &Columns,
) -> Option<Position> {
    let roster = app.roster();
    if roster.visible_len() == 0 && roster.total() > 0 {
        canvas.put(GUTTER_WIDTH, lines.start, &list_head::no_match_label(app), Role::Plain);
        return None;
    }
    let selected = roster.cursor_index();
    let mut cursor = None;
    for (y, (index, row)) in lines.zip((offset..).map_while(|index| Some((index, roster.row(index)?)))) {
        paint_row(canvas, y, &row, columns, (now, app.utc_now()));
        match row.mark {
            Some(RowMark::Selected) => {
                canvas.put(2, y, canvas.theme.selected_mark(), Role::Strong);
            }
            Some(RowMark::Kept) => {
                canvas.put(2, y, "=", Role::Plain);
            }
            None => {}
        }
        if selected == Some(index) {
            canvas.put(0, y, ">", Role::Plain);
            canvas.highlight_row_before(y, columns.total());
            cursor = Some(Position { x: 0, y });
        }
    }
    cursor
}

fn paint_row(canvas: &mut Canvas<'_>, y: u16, row: &RosterRow<'_>, columns: &Columns, times: (Instant, UtcTime)) {
    let number = &row.number;
    let text = |value: Option<&CleanText>| value.map_or(String::new(), |value| value.as_str().to_owned());
    for (column, x, columns) in columns.iter() {
        match column {
            Column::Number => {
                let role = if row.mark == Some(RowMark::Selected) { Role::Strong } else { Role::Plain };
                canvas.put_within(x, y, columns, &number_label(number.label(), columns), role);
            }
            Column::Name => {
                canvas.put_within(x, y, columns, &text(number.name.as_ref()), Role::Plain);
            }
            Column::TwoStep => paint_two_step(canvas, (x, y), row),
            Column::Request => {
                if let Some(change) = row.change {
                    paint_request(canvas, (x, y), columns, change, times);
                }
            }
            // What needs an operator comes before what Meta reports.
            Column::Status => match row.change.filter(|change| status::is_news(change)) {
                Some(change) => paint_request(canvas, (x, y), columns, change, times),
                None => paint_two_step(canvas, (x, y), row),
            },
            Column::Waba => {
                let label = number.waba.as_ref().map_or("", |waba| waba.label());
                canvas.put_within(x, y, columns, label, Role::Plain);
            }
            Column::LastSet => {
                let date = row.last_set.map_or(String::new(), |last| last.at.format_padded_date());
                canvas.put_within(x, y, columns, &date, Role::Plain);
            }
            Column::By => {
                let by = row.last_set.map_or(String::new(), |last| last.by.to_string());
                canvas.put_within(x, y, columns, &by, Role::Plain);
            }
            Column::Quality => {
                canvas.put_within(x, y, columns, &text(number.details.quality_rating.as_ref()), Role::Plain);
            }
            Column::Id => {
                canvas.put_within(x, y, columns, number.id.as_str(), Role::Plain);
            }
        }
    }
}

/// A number is never cut: one that is longer than its column loses its blanks and dashes.
fn number_label(label: &str, columns: usize) -> Cow<'_, str> {
    if width(label) <= columns { label.into() } else { label.replace([' ', '-'], "").into() }
}

fn paint_two_step(canvas: &mut Canvas<'_>, (x, y): (u16, u16), row: &RosterRow<'_>) {
    let is_outdated = row.is_stale || status::is_two_step_outdated(row);
    let cell = if is_outdated { status::stale_two_step_cell } else { status::two_step_cell };
    let (symbol, text, role) = cell(row.number.two_step);
    let symbol = canvas.theme.symbol(symbol);
    let x = canvas.put(x, y, symbol, role);
    let x = canvas.put(x + 1, y, text, role);
    if row.is_due {
        canvas.put(x + 1, y, "due", Role::Strong);
    }
}

fn paint_request(
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    columns: usize,
    change: &ChangeState,
    (now, utc_now): (Instant, UtcTime),
) {
    let (symbol, text, role) = status::request_cell(change, now, utc_now);
    // The words of a PIN that was set stay plain.
    let words = if symbol == StatusSymbol::Yes { Role::Plain } else { role };
    let symbol = canvas.theme.symbol(symbol);
    let x = canvas.put(x, y, symbol, role);
    canvas.put_within(x + 1, y, columns.saturating_sub(2), &text, words);
}

fn paint_ids(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let Some(number) = app.roster().cursor_row().map(|row| row.number) else { return };
    canvas.put(0, y, &status::ids_label(&number), Role::Plain);
}
