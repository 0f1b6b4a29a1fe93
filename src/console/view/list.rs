//! The number list: only the rows in sight are drawn, and column widths never depend on them.

use std::time::Instant;

use ratatui::layout::Position;

use super::canvas::Canvas;
use super::{PaintResult, details, status};
use crate::console::app::{App, Screen};
use crate::console::roster::{RosterRow, SortColumn, SortDirection};
use crate::console::theme::Role;
use crate::domain::text::{CleanText, format_count, width};

/// Columns of the marker before the number.
const MARKER_WIDTH: u16 = 4;

/// Columns from one column's start to the next's.
const NUMBER_WIDTH: u16 = 18;
const TWO_STEP_WIDTH: u16 = 11;
const REQUEST_WIDTH: u16 = 13;
const WABA_WIDTH: u16 = 13;

/// The least columns a name is worth showing in.
const MIN_NAME_WIDTH: u16 = 12;

/// A wider WABA column than this helps nobody.
const MAX_WABA_WIDTH: u16 = 24;

/// Columns of the details beside the list.
const PANE_WIDTH: u16 = 44;

/// Narrower windows leave the WABA to the details beside the list.
const MIN_WIDTH_FOR_WABA_AND_PANE: u16 = 140;

/// Where each column starts; `None` where the window is too narrow for it.
struct Columns {
    name: Option<(u16, u16)>,
    waba: Option<(u16, u16)>,
    two_step: u16,
    /// `None` where one STATUS column serves for both.
    request: Option<u16>,
}

impl Columns {
    /// What goes first when it is narrow: WABA, then the name, then TWO-STEP and REQUEST share one column.
    fn for_width(total: u16, compact: bool, has_waba: bool) -> Self {
        let after_number = MARKER_WIDTH + NUMBER_WIDTH;
        if compact && total < 60 {
            let room = total.saturating_sub(after_number + REQUEST_WIDTH + 1);
            let name = (room >= MIN_NAME_WIDTH).then_some((after_number, room.saturating_sub(1)));
            let two_step = name.map_or(after_number, |(x, wide)| x + wide + 1);
            return Self { name, waba: None, two_step, request: None };
        }
        let room = total.saturating_sub(after_number + TWO_STEP_WIDTH + REQUEST_WIDTH);
        let waba = if has_waba && room >= MIN_NAME_WIDTH + WABA_WIDTH {
            (room / 3).clamp(WABA_WIDTH, MAX_WABA_WIDTH)
        } else {
            0
        };
        let name = room - waba;
        let two_step = after_number + room;
        Self {
            name: (name >= MIN_NAME_WIDTH).then(|| (after_number, name - 1)),
            waba: (waba > 0).then(|| (after_number + name, waba - 2)),
            two_step,
            request: Some(two_step + TWO_STEP_WIDTH),
        }
    }
}

pub(super) fn paint(app: &App, now: Instant, canvas: &mut Canvas<'_>, offset: &mut usize) -> PaintResult {
    canvas.draw_frame(app, None);
    let compact = app.is_compact();
    let pane = if app.has_pane() { PANE_WIDTH } else { 0 };
    let has_waba = pane == 0 || canvas.width() >= MIN_WIDTH_FOR_WABA_AND_PANE;
    let columns = Columns::for_width(canvas.width() - pane, compact, has_waba);
    let mut row = 1;
    paint_counts(app, canvas, row);
    row += 1;
    let mut cursor = None;
    if !compact {
        cursor = paint_filter(app, canvas, row);
        row += 1;
    } else if matches!(app.screen(), Screen::Filter(_)) {
        // A small window has no line to spare: while the filter is typed, it takes the counts' place.
        cursor = paint_filter(app, canvas, 1);
    }
    paint_heading(canvas, row, &columns);
    row += 1;
    let rows = app.list_rows();
    scroll_to_cursor(app, usize::from(rows), offset);
    let selected = paint_rows(app, now, canvas, row, rows, *offset, &columns);
    if pane > 0 {
        details::paint_pane(app, now, canvas, canvas.width() - pane, row - 1..row + rows);
    }
    if !compact {
        canvas.draw_rule(row + rows);
        if let Some(old) = status::stale_numbers(app) {
            let noun = if old.numbers == 1 { "number" } else { "numbers" };
            let words = format!(" {} {noun} as read {} ", format_count(old.numbers), old.oldest.format_date_time());
            canvas.put(2, row + rows, &words, Role::Plain);
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
        // In front, so that no window is too narrow for it.
        x = canvas.put(x, y, &format!("in doubt {}", format_count(in_doubt)), Role::Uncertain);
        x = canvas.put(x, y, " | ", Role::Plain);
    }
    let words = match status::stale_numbers(app) {
        // A small window has no line to spare, and of such a list there is nothing to count.
        Some(old) if app.is_compact() && old.numbers == total => format!("as read {}", old.oldest.format_date_time()),
        Some(_) | None => {
            format!(
                "on {} | not set {} | unknown {}",
                format_count(counts.on),
                format_count(counts.not_set),
                format_count(counts.unknown)
            )
        }
    };
    let x = canvas.put(x, y, &words, Role::Plain);
    let showing = format!("Showing {} of {}", format_count(app.roster().visible_len()), format_count(total));
    if usize::from(x) + 2 + width(&showing) <= usize::from(canvas.width()) {
        canvas.put_right(y, &showing, Role::Plain);
    }
}

/// The filter line. Returns where the cursor stands while it is typed.
fn paint_filter(app: &App, canvas: &mut Canvas<'_>, y: u16) -> Option<Position> {
    canvas.clear_row(y);
    let x = canvas.put(0, y, "Filter: ", Role::Plain);
    let right = if let Screen::Filter(_) = app.screen() {
        "Enter keep  Esc undo".to_owned()
    } else {
        let sort = app.roster().sort();
        let way = if sort.direction == SortDirection::Ascending { "up" } else { "down" };
        format!("Sort: {}, {way}", column_name(sort.column))
    };
    let room = usize::from(canvas.width()).saturating_sub(usize::from(x) + width(&right) + 2);
    let cursor = if let Screen::Filter(line) = app.screen() {
        let scroll = line.input.visual_scroll(room.saturating_sub(1));
        let shown: String = skip_columns(line.input.value(), scroll);
        canvas.put_within(x, y, room, &shown, Role::Plain);
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
        canvas.put_within(x, y, room, CleanText::new(filter).as_str(), Role::Plain);
        None
    };
    canvas.put_right(y, &right, Role::Plain);
    cursor
}

pub(super) fn skip_columns(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    text.chars()
        .skip_while(|c| {
            let skips = skipped < columns;
            skipped += width(c.encode_utf8(&mut [0; 4]));
            skips
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

/// Scrolls as little as needed to keep the cursor's row in sight.
fn scroll_to_cursor(app: &App, rows: usize, offset: &mut usize) {
    let cursor = app.roster().cursor_index().unwrap_or(0);
    let last_start = app.roster().visible_len().saturating_sub(rows);
    let least = (cursor + 1).saturating_sub(rows);
    *offset = (*offset).clamp(least, cursor.max(least)).min(last_start.max(least));
}

/// Draws the rows in sight. Returns where the cursor's row is.
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
        paint_row(canvas, y, &row, is_selected, columns, now);
        if is_selected {
            cursor = Some(Position { x: 0, y });
        }
    }
    cursor
}

fn paint_row(canvas: &mut Canvas<'_>, y: u16, row: &RosterRow<'_>, is_selected: bool, columns: &Columns, now: Instant) {
    let number = row.number;
    let role = if is_selected { Role::Cursor } else { Role::Plain };
    if is_selected {
        canvas.put(0, y, ">", role);
    }
    canvas.put_within(MARKER_WIDTH, y, usize::from(NUMBER_WIDTH - 1), number.label(), role);
    if let (Some((x, columns)), Some(name)) = (columns.name, &number.name) {
        canvas.put_within(x, y, usize::from(columns), name.as_str(), Role::Plain);
    }
    if let (Some((x, columns)), Some(waba)) = (columns.waba, &number.waba) {
        canvas.put_within(x, y, usize::from(columns), waba.label(), Role::Plain);
    }
    let cell = |canvas: &mut Canvas<'_>, x: u16, sign, words: &str, role| {
        let sign = canvas.theme.symbol(sign);
        let x = canvas.put(x, y, sign, role);
        canvas.put(x + 1, y, words, role);
    };
    let shown = if row.is_stale { status::stale_two_step_cell } else { status::two_step_cell };
    let (sign, words, role) = shown(number.two_step);
    match (columns.request, row.change) {
        (None, Some(job)) => {
            let (sign, words, role) = status::request_cell(job, now);
            cell(canvas, columns.two_step, sign, &words, role);
        }
        (None, None) => cell(canvas, columns.two_step, sign, words, role),
        (Some(x), job) => {
            cell(canvas, columns.two_step, sign, words, role);
            if let Some(job) = job {
                let (sign, words, role) = status::request_cell(job, now);
                cell(canvas, x, sign, &words, role);
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
