//! The lines around the rows of the list: counts, what the list shows, the filter being typed, and the message line.
//!
//! It counts nothing itself: the roster does.

use ratatui::layout::Position;
use tui_input::Input;

use super::canvas::{Canvas, skip_columns};
use super::{list_columns, status};
use crate::console::app::App;
use crate::console::pages::Page;
use crate::console::pages::filter::{FilterMessage, FilterPage};
use crate::console::roster::{FilterCompletion, FilterKey};
use crate::console::theme::Role;
use crate::domain::text::{CleanText, format_count, width};

/// The number of columns between how many numbers are shown and how many are selected.
const SELECTION_GAP: usize = 3;

/// The number of cells of the bar while numbers are read.
const BAR_CELLS: usize = 20;

/// Draws the lines between the title and the headings. Returns the position of the cursor while the operator types a
/// filter.
pub(super) fn paint(app: &App, canvas: &mut Canvas<'_>) -> Option<Position> {
    if app.is_compact() {
        // A compact window has one line for the message, the filter or the counts.
        if let Page::Filter(page) = app.page() {
            return Some(paint_filter_input(app, page, canvas, 1));
        }
        let warning = app.hide_warning();
        if let Some(text) = warning.as_deref().or(app.messages().news()) {
            canvas.put(0, 1, text, if warning.is_some() { Role::Strong } else { Role::Plain });
        } else if !app.filter().is_empty() || !app.roster().selection().is_empty() {
            paint_filter(app, canvas, 1);
        } else if app.roster().stale_summary().is_some_and(|stale| stale.numbers == app.roster().total()) {
            // If all numbers are stale, every status is unknown.
            canvas.put(0, 1, &status::stale_label(app), Role::Plain);
        } else {
            paint_counts(app, canvas, 1);
        }
        return None;
    }
    paint_counts(app, canvas, 1);
    if let Page::Filter(page) = app.page() {
        return Some(paint_filter_input(app, page, canvas, 2));
    }
    if !app.filter().is_empty() {
        paint_filter(app, canvas, 2);
        return None;
    }
    let columns = put_selection(app, canvas, 2);
    if app.refresh_progress().is_running {
        paint_progress(app, canvas, 2, columns);
    } else {
        canvas.put_within(0, 2, columns, &status::list_label(app), Role::Plain);
    }
    None
}

fn paint_counts(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let mut x = 0;
    for count in status::counts(app) {
        let (key, label) = match (app.is_narrow(), count.key.as_str()) {
            (true, _) => (String::new(), count.short_label),
            (false, "") => (String::new(), count.label),
            (false, key) => (format!("{key}:"), count.label),
        };
        let value = count.value.map_or_else(|| "?".to_owned(), format_count);
        let label = format!("{label} ");
        let columns = width(&key) + width(&label) + width(&value);
        if usize::from(x) + columns > usize::from(canvas.width()) {
            return;
        }
        let words = if count.is_active { Role::Strong } else { Role::Plain };
        x = canvas.put(x, y, &key, Role::Strong);
        x = canvas.put(x, y, &label, words);
        x = canvas.put(
            x,
            y,
            &value,
            if count.value.is_some_and(|value| value > 0) && count.role != Role::Plain { count.role } else { words },
        ) + 2;
    }
}

/// Draws the active filter, if there is one, and how many numbers it shows.
fn paint_filter(app: &App, canvas: &mut Canvas<'_>, y: u16) {
    let columns = put_shown(app, canvas, y, true);
    if app.filter().is_empty() {
        return;
    }
    let x = canvas.put(0, y, "/", Role::Strong);
    canvas.put_within(x + 1, y, columns.saturating_sub(2), CleanText::new(app.filter()).as_str(), Role::Plain);
}

/// Draws how many numbers are shown and how many are selected at the right end, if the filter beside it is the one that
/// shows them. Returns the columns that are free before it.
fn put_shown(app: &App, canvas: &mut Canvas<'_>, y: u16, is_active: bool) -> usize {
    let columns = put_selection(app, canvas, y);
    let is_selecting = !app.roster().selection().is_empty();
    if is_selecting && app.is_compact() {
        return columns;
    }
    let roster = app.roster();
    let shown = if is_active { format_count(roster.visible_len()) } else { "…".to_owned() };
    let shown = format!("{shown} of {}", format_count(roster.total()));
    let start = columns.saturating_sub(width(&shown));
    canvas.put(u16::try_from(start).unwrap_or(u16::MAX), y, &shown, Role::Plain);
    start.saturating_sub(1)
}

/// Draws how many numbers are selected at the right end. Returns the columns that are free before it: all, if none is
/// selected.
fn put_selection(app: &App, canvas: &mut Canvas<'_>, y: u16) -> usize {
    let label = status::selection_label(app);
    let columns = usize::from(canvas.width());
    if label.is_empty() {
        return columns;
    }
    canvas.put_right(y, &label, Role::Strong);
    columns.saturating_sub(width(&label) + SELECTION_GAP)
}

/// Draws the filter being typed. Returns the position of the cursor.
fn paint_filter_input(app: &App, page: &FilterPage, canvas: &mut Canvas<'_>, y: u16) -> Position {
    let columns = put_shown(app, canvas, y, page.is_active()).saturating_sub(2);
    put_filter_input(&page.input, canvas, y, columns)
}

/// Draws a filter being typed in as many columns. Returns the position of the cursor.
pub(super) fn put_filter_input(input: &Input, canvas: &mut Canvas<'_>, y: u16, columns: usize) -> Position {
    let x = canvas.put(0, y, "/", Role::Strong) + 1;
    let scroll = input.visual_scroll(columns.saturating_sub(1));
    canvas.put_within(x, y, columns, &skip_columns(input.value(), scroll), Role::Plain);
    let column = input.visual_cursor().saturating_sub(scroll);
    Position { x: x + u16::try_from(column).unwrap_or(0), y }
}

/// Draws how far the numbers were read.
fn paint_progress(app: &App, canvas: &mut Canvas<'_>, y: u16, columns: usize) {
    let mut x = 0;
    if let Some((done, total)) = status::refresh_share(app) {
        let filled = (done * BAR_CELLS / total).min(BAR_CELLS);
        x = canvas.put(x, y, &canvas.theme.bar_cell().repeat(filled), Role::Plain);
        x = canvas.put(x, y, &canvas.theme.horizontal_line().repeat(BAR_CELLS - filled), Role::Quiet) + 2;
    }
    canvas.put_within(x, y, columns.saturating_sub(usize::from(x)), &status::refresh_label(app), Role::Plain);
}

/// Draws the message line: while a filter is typed what the word at the cursor can become or what is wrong with it, while
/// the sort column is picked which one it is now, else the newest message.
pub(super) fn paint_message(app: &App, canvas: &mut Canvas<'_>) {
    let y = canvas.height().saturating_sub(2);
    // A hint answers the last key: an Enter of a paste, for example, was not taken.
    if app.hide_warning().is_some() || app.messages().current_hint().is_some() {
        return canvas.draw_message_line(app);
    }
    if let Page::Filter(page) = app.page() {
        paint_filter_message(&page.message(app.roster()), canvas, y);
    } else if let Page::Sort(_) = app.page() {
        let sort = list_columns::sort_label(app.roster().sort(), canvas.theme);
        canvas.put(0, y, &format!("Sorted by {sort}. The key of the same column again reverses it."), Role::Plain);
    } else {
        canvas.draw_message_line(app);
    }
}

/// Draws why the typed filter is not applied, in a compact window, which has no message line. False if it is.
pub(super) fn paint_filter_error(app: &App, canvas: &mut Canvas<'_>) -> bool {
    let Page::Filter(page) = app.page() else { return false };
    let is_error = !page.is_active();
    if is_error {
        let y = canvas.height().saturating_sub(2);
        paint_filter_message(&page.message(app.roster()), canvas, y);
    }
    is_error
}

fn paint_filter_message(message: &FilterMessage, canvas: &mut Canvas<'_>, y: u16) {
    match message {
        FilterMessage::Error(error) => {
            canvas.put(0, y, error, Role::Plain);
        }
        FilterMessage::Unfinished(completion) => {
            let x = canvas.put(0, y, "Finish the word:", Role::Plain);
            paint_completion(completion, canvas, (x + 1, y));
        }
        FilterMessage::Completion(completion) => paint_completion(completion, canvas, (0, y)),
    }
}

/// Draws what the word at the cursor can become.
fn paint_completion(completion: &FilterCompletion, canvas: &mut Canvas<'_>, (mut x, y): (u16, u16)) {
    const HINT: &str = "Tab completes";
    let FilterCompletion { key, values, completed } = completion;
    if key.is_none() && values.is_empty() {
        let keys = FilterKey::ALL.map(FilterKey::prefix).join(" ");
        canvas.put(x, y, &format!("Also: {keys}    ! or - before a word means not"), Role::Plain);
        return;
    }
    let room = usize::from(canvas.width()).saturating_sub(if completed.is_some() { HINT.len() + 6 } else { 0 });
    if let Some(key) = key {
        x = canvas.put(x, y, key.prefix(), Role::Strong) + 1;
    }
    for value in values {
        // There are more values than fit.
        if usize::from(x) + width(value) > room {
            x = canvas.put(x, y, canvas.theme.cut_mark(), Role::Plain) - 1;
            break;
        }
        x = canvas.put(x, y, value, Role::Plain) + 2;
    }
    if completed.is_some() {
        let (first, rest) = HINT.split_at(3);
        x = canvas.put(x + 4, y, first, Role::Strong);
        canvas.put(x, y, rest, Role::Plain);
    }
}

/// Why the list shows no row of the numbers that there are, in words that hold for the filter it has.
pub(super) fn no_match_label(app: &App) -> String {
    let what = match app.roster().unknown_waba(&app.session().wabas) {
        // Its numbers may be among those that come.
        Some(part) => format!("No WABA starts with \"{}\".", CleanText::new(part)),
        None if app.refresh_progress().is_running => "No number that was read so far matches.".to_owned(),
        None => "No number matches.".to_owned(),
    };
    let Page::Filter(page) = app.page() else { return format!("{what} Esc clears the filter.") };
    if page.is_active() {
        return what;
    }
    // The text that is typed is another one.
    format!("No number matches \"{}\".", CleanText::new(app.filter()))
}
