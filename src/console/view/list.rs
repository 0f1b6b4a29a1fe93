//! The number list. It draws only the visible rows, and column widths never depend on them.
//!
//! It does not sort or filter: the roster does.

use std::time::Instant;

use ratatui::layout::Position;

use super::canvas::Canvas;
use super::{PaintResult, details, status};
use crate::console::app::App;
use crate::console::pages::Page;
use crate::console::roster::{RosterRow, SortColumn, SortDirection};
use crate::console::theme::Role;
use crate::domain::clock::UtcTime;
use crate::domain::text::{CleanText, format_count, width};

/// The width of the marker before the number.
const MARKER_WIDTH: u16 = 4;

/// The distance from the start of one column to the start of the next.
const NUMBER_WIDTH: u16 = 18;
const TWO_STEP_WIDTH: u16 = 11;
const REQUEST_WIDTH: u16 = 13;
const WABA_WIDTH: u16 = 13;

/// A narrower name column is not useful.
const MIN_NAME_WIDTH: u16 = 12;

/// A wider WABA column is not useful.
const MAX_WABA_WIDTH: u16 = 24;

/// The width of the details beside the list.
const PANE_WIDTH: u16 = 44;

/// In narrower windows only the details beside the list show the WABA.
const MIN_WIDTH_FOR_WABA_AND_PANE: u16 = 140;

/// What the list remembers between frames.
#[derive(Debug)]
pub(super) struct ListScroll {
    /// The index of the first row in the window.
    offset: usize,
    /// The same when the pane last showed the cursor row.
    pane_offset: usize,
}

impl ListScroll {
    /// The start of the list.
    pub(super) const fn new() -> Self {
        Self { offset: 0, pane_offset: 0 }
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

/// The start (and width) of each column; `None` if the window is too narrow for it.
struct Columns {
    name: Option<(u16, u16)>,
    waba: Option<(u16, u16)>,
    two_step: u16,
    /// `None` if one STATUS column shows two-step and request.
    request: Option<u16>,
}

impl Columns {
    /// The columns for a width. In narrow windows the WABA is dropped first, then the name, then TWO-STEP and REQUEST
    /// share one column.
    fn for_width(total: u16, is_compact: bool, has_waba: bool) -> Self {
        let after_number = MARKER_WIDTH + NUMBER_WIDTH;
        if is_compact && total < 60 {
            let available = total.saturating_sub(after_number + REQUEST_WIDTH + 1);
            let name = (available >= MIN_NAME_WIDTH).then_some((after_number, available.saturating_sub(1)));
            let two_step = name.map_or(after_number, |(x, width)| x + width + 1);
            return Self { name, waba: None, two_step, request: None };
        }
        let available = total.saturating_sub(after_number + TWO_STEP_WIDTH + REQUEST_WIDTH);
        let waba = if has_waba && available >= MIN_NAME_WIDTH + WABA_WIDTH {
            (available / 3).clamp(WABA_WIDTH, MAX_WABA_WIDTH)
        } else {
            0
        };
        let name = available - waba;
        let two_step = after_number + available;
        Self {
            name: (name >= MIN_NAME_WIDTH).then(|| (after_number, name - 1)),
            waba: (waba > 0).then(|| (after_number + name, waba - 2)),
            two_step,
            request: Some(two_step + TWO_STEP_WIDTH),
        }
    }
}

pub(super) fn paint(app: &App, now: Instant, canvas: &mut Canvas<'_>, scroll: &mut ListScroll) -> PaintResult {
    canvas.draw_frame(app, None);
    let is_compact = app.is_compact();
    let pane = if app.has_pane() { PANE_WIDTH } else { 0 };
    let has_waba = pane == 0 || canvas.width() >= MIN_WIDTH_FOR_WABA_AND_PANE;
    let columns = Columns::for_width(canvas.width() - pane, is_compact, has_waba);
    let mut row = 1;
    paint_counts(app, canvas, row);
    row += 1;
    let mut cursor = None;
    if !is_compact {
        cursor = paint_filter(app, canvas, row);
        row += 1;
    } else if matches!(app.page(), Page::Filter(_)) {
        // A compact window has no spare line: while the operator types a filter, it replaces the counts.
        cursor = paint_filter(app, canvas, 1);
    }
    paint_heading(canvas, row, &columns);
    row += 1;
    let rows = app.list_rows();
    scroll_to_cursor(app, usize::from(rows), &mut scroll.offset);
    let selected = paint_rows(app, now, canvas, row, rows, scroll.offset, &columns);
    if pane > 0 {
        let number = app.pane_number().filter(|_| scroll.shows_pane(app));
        details::paint_pane(app, number, now, canvas, canvas.width() - pane, row - 1..row + rows);
    }
    if !is_compact {
        canvas.draw_rule(row + rows);
        if let Some(stale) = status::stale_numbers(app) {
            let noun = if stale.numbers == 1 { "number" } else { "numbers" };
            let text = format!(" {} {noun} as of {} ", format_count(stale.numbers), stale.oldest.format_date_time());
            canvas.put(2, row + rows, &text, Role::Plain);
        }
        paint_ids(app, canvas, row + rows + 1);
    }
    PaintResult { cursor: cursor.or(selected), max_scroll: 0 }
}

fn paint_counts(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let (counts, total) = (app.roster().counts(), app.roster().total());
    let in_doubt = app.in_doubt_list().number_count();
    let mut x = 0;
    if in_doubt > 0 {
        // First, so that every window has room for it.
        x = canvas.put(x, y, &format!("in doubt {}", format_count(in_doubt)), Role::Uncertain);
        x = canvas.put(x, y, " | ", Role::Plain);
    }
    let text = match status::stale_numbers(app) {
        // A compact window has no spare line, and if all numbers are stale every status is unknown.
        Some(stale) if app.is_compact() && stale.numbers == total => {
            format!("as of {}", stale.oldest.format_date_time())
        }
        Some(_) | None => {
            format!(
                "on {} | not set {} | unknown {}",
                format_count(counts.on),
                format_count(counts.not_set),
                format_count(counts.unknown)
            )
        }
    };
    let x = canvas.put(x, y, &text, Role::Plain);
    let showing = format!("Showing {} of {}", format_count(app.roster().visible_len()), format_count(total));
    if usize::from(x) + 2 + width(&showing) <= usize::from(canvas.width()) {
        canvas.put_right(y, &showing, Role::Plain);
    }
}

/// Draws the filter line. Returns the position of the cursor while the operator types a filter.
fn paint_filter(app: &App, canvas: &mut Canvas<'_>, y: u16) -> Option<Position> {
    canvas.clear_row(y);
    let x = canvas.put(0, y, "Filter: ", Role::Plain);
    let right = if let Page::Filter(_) = app.page() {
        "Enter apply  Esc cancel".to_owned()
    } else {
        let sort = app.roster().sort();
        let direction = if sort.direction == SortDirection::Ascending { "up" } else { "down" };
        format!("Sort: {}, {direction}", column_name(sort.column))
    };
    let max_columns = usize::from(canvas.width()).saturating_sub(usize::from(x) + width(&right) + 2);
    let cursor = if let Page::Filter(line) = app.page() {
        let scroll = line.input.visual_scroll(max_columns.saturating_sub(1));
        let visible: String = skip_columns(line.input.value(), scroll);
        canvas.put_within(x, y, max_columns, &visible, Role::Plain);
        let column = line.input.visual_cursor().saturating_sub(scroll);
        if let Some(error) = &line.error {
            let message_row = canvas.height().saturating_sub(2);
            canvas.clear_row(message_row);
            canvas.put(0, message_row, error, Role::Plain);
        } else if !app.is_compact() && app.hide_warning().is_none() {
            let message_row = canvas.height().saturating_sub(2);
            canvas.clear_row(message_row);
            canvas.put(0, message_row, "Also: two-step: waba: request: id:    ! before a word means not", Role::Plain);
        }
        Some(Position { x: x + u16::try_from(column).unwrap_or(0), y })
    } else {
        let filter = if app.filter().is_empty() { "none" } else { app.filter() };
        canvas.put_within(x, y, max_columns, CleanText::new(filter).as_str(), Role::Plain);
        None
    };
    canvas.put_right(y, &right, Role::Plain);
    cursor
}

/// The text without its first columns.
pub(super) fn skip_columns(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    text.chars()
        .skip_while(|c| {
            let is_skipped = skipped < columns;
            skipped += width(c.encode_utf8(&mut [0; 4]));
            is_skipped
        })
        .collect()
}

fn column_name(column: SortColumn) -> &'static str {
    match column {
        SortColumn::Number => "number",
        SortColumn::Name => "name",
        SortColumn::Waba => "WABA",
        SortColumn::TwoStep => "two-step",
        SortColumn::Request => "request",
    }
}

fn paint_heading(canvas: &mut Canvas<'_>, y: u16, columns: &Columns) {
    canvas.put(MARKER_WIDTH, y, "NUMBER", Role::Plain);
    if let Some((x, _)) = columns.name {
        canvas.put(x, y, "NAME", Role::Plain);
    }
    if let Some((x, _)) = columns.waba {
        canvas.put(x, y, "WABA", Role::Plain);
    }
    let two_step = if columns.request.is_some() { "TWO-STEP" } else { "STATUS" };
    canvas.put(columns.two_step, y, two_step, Role::Plain);
    if let Some(x) = columns.request {
        canvas.put(x, y, "REQUEST", Role::Plain);
    }
}

/// Scrolls as little as needed to keep the row of the cursor visible.
fn scroll_to_cursor(app: &App, rows: usize, offset: &mut usize) {
    let cursor = app.roster().cursor_index().unwrap_or(0);
    let last_start = app.roster().visible_len().saturating_sub(rows);
    let min_offset = (cursor + 1).saturating_sub(rows);
    *offset = (*offset).clamp(min_offset, cursor.max(min_offset)).min(last_start.max(min_offset));
}

/// Draws the visible rows. Returns the position of the row with the cursor.
fn paint_rows(
    app: &App,
    now: Instant,
    canvas: &mut Canvas<'_>,
    top: u16,
    rows: u16,
    offset: usize,
    columns: &Columns,
) -> Option<Position> {
    let roster = app.roster();
    if roster.visible_len() == 0 && roster.total() > 0 {
        canvas.put(MARKER_WIDTH, top, "No number matches. Esc clears the filter.", Role::Plain);
        return None;
    }
    let selected = roster.cursor_index();
    let mut cursor = None;
    for (y, (index, row)) in (top..top + rows).zip((offset..).map_while(|index| Some((index, roster.row(index)?)))) {
        let is_selected = selected == Some(index);
        paint_row(canvas, y, &row, columns, (now, app.utc_now()));
        if is_selected {
            canvas.put(0, y, ">", Role::Plain);
            canvas.highlight_row(y);
            cursor = Some(Position { x: 0, y });
        }
    }
    cursor
}

fn paint_row(
    canvas: &mut Canvas<'_>,
    y: u16,
    row: &RosterRow<'_>,
    columns: &Columns,
    (now, utc_now): (Instant, UtcTime),
) {
    let number = row.number;
    canvas.put_within(MARKER_WIDTH, y, usize::from(NUMBER_WIDTH - 1), number.label(), Role::Plain);
    if let (Some((x, columns)), Some(name)) = (columns.name, &number.name) {
        canvas.put_within(x, y, usize::from(columns), name.as_str(), Role::Plain);
    }
    if let (Some((x, columns)), Some(waba)) = (columns.waba, &number.waba) {
        canvas.put_within(x, y, usize::from(columns), waba.label(), Role::Plain);
    }
    let put_cell = |canvas: &mut Canvas<'_>, x: u16, symbol, text: &str, role| {
        let symbol = canvas.theme.symbol(symbol);
        let x = canvas.put(x, y, symbol, role);
        canvas.put(x + 1, y, text, role);
    };
    let two_step_cell = if row.is_stale { status::stale_two_step_cell } else { status::two_step_cell };
    let (symbol, text, role) = two_step_cell(number.two_step);
    match (columns.request, row.change) {
        (None, Some(change)) => {
            let (symbol, text, role) = status::request_cell(change, now, utc_now);
            put_cell(canvas, columns.two_step, symbol, &text, role);
        }
        (None, None) => put_cell(canvas, columns.two_step, symbol, text, role),
        (Some(x), change) => {
            put_cell(canvas, columns.two_step, symbol, text, role);
            if let Some(change) = change {
                let (symbol, text, role) = status::request_cell(change, now, utc_now);
                put_cell(canvas, x, symbol, &text, role);
            }
        }
    }
}

fn paint_ids(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let Some(number) = app.roster().cursor_row().map(|row| row.number) else { return };
    let x = canvas.put(0, y, &format!("phone number ID {}", number.id), Role::Plain);
    if let Some(waba) = &number.waba {
        let name = waba.name.as_ref().map_or(String::new(), |name| format!("{name} "));
        canvas.put(x + 3, y, &format!("WABA {name}{}", waba.id), Role::Plain);
    }
}
