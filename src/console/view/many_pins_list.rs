//! The whole list of many numbers. It draws only the lines in the window, because there may be 100,000.
//!
//! It does not scroll: the page does.

use ratatui::layout::Position;

use super::PaintResult;
use super::batch::{reason_in_list, row_text};
use super::canvas::Canvas;
use super::list_head::put_filter_input;
use crate::console::app::App;
use crate::console::pages::many_pins_list::ManyPinsListPage;
use crate::console::theme::Role;
use crate::domain::text::{CleanText, count_numbers, format_count, width};

/// A line of the page.
enum ListLine {
    Text(String),
    Heading(&'static str),
    Blank,
}

pub(super) fn paint(app: &App, page: &ManyPinsListPage, canvas: &mut Canvas<'_>) -> PaintResult {
    let plan = page.frozen().plan();
    let (count, left_out) = (count_numbers(plan.count()), plan.left_out());
    let right = if left_out == 0 { String::new() } else { format!("{} left out", format_count(left_out)) };
    canvas.draw_rule(1, &[(&format!("{count}, as they will be sent"), Role::Strong)], &right);
    let has_filter = page.is_typing || page.is_filtered();
    let (top, indent) = if app.is_compact() { (if has_filter { 3 } else { 2 }, 0) } else { (3, 2) };
    let text_cursor = has_filter.then(|| paint_filter(page, canvas)).filter(|_| page.is_typing);
    let rows = top..canvas.height().saturating_sub(2);
    let total = page.line_count();
    // The window may have grown since the last key.
    let first = page.scroll.min(total.saturating_sub(rows.len()));
    let below = total.saturating_sub(first + rows.len());
    for (row, line) in rows.zip(lines(page, first, app.is_compact())) {
        match line {
            ListLine::Text(text) => canvas.put(indent, row, &text, Role::Plain),
            ListLine::Heading(text) => canvas.put(indent, row, text, Role::Strong),
            ListLine::Blank => indent,
        };
    }
    let error = page.error();
    canvas.draw_page_end(app, (first, below), error.as_deref().map(|error| (error, Role::Plain)));
    PaintResult { cursor: Some(text_cursor.unwrap_or(Position { x: 0, y: top })), max_scroll: 0 }
}

/// Draws the filter, and how many of the numbers that will be sent it shows: those that are left out are counted apart.
/// Returns where the text cursor is while it is typed.
fn paint_filter(page: &ManyPinsListPage, canvas: &mut Canvas<'_>) -> Position {
    let plan = page.frozen().plan();
    let (targets, left_out) = page.shown();
    let part = |shown: usize, all: usize| format!("{} of {}", format_count(shown), format_count(all));
    let shown = match plan.left_out() {
        0 => part(targets, plan.count()),
        all => format!("{}, left out {}", part(targets, plan.count()), part(left_out, all)),
    };
    canvas.put_right(2, &shown, Role::Plain);
    let columns = usize::from(canvas.width()).saturating_sub(width(&shown) + 2);
    if page.is_typing {
        return put_filter_input(&page.filter, canvas, 2, columns);
    }
    let x = canvas.put(0, 2, "/", Role::Strong) + 1;
    canvas.put_within(x, 2, columns.saturating_sub(2), CleanText::new(page.filter.value()).as_str(), Role::Plain);
    Position { x: 0, y: 2 }
}

/// The lines from one on.
fn lines(page: &ManyPinsListPage, first: usize, is_compact: bool) -> impl Iterator<Item = ListLine> {
    let (targets, left_out) = page.shown();
    let skipped = first.saturating_sub(targets);
    let targets = page.targets().skip(first).map(|candidate| {
        let waba = candidate.number.waba.as_ref().map_or(String::new(), |waba| format!("   {}", waba.label()));
        ListLine::Text(format!("{}{waba}", row_text(candidate)))
    });
    let headings = [ListLine::Blank, ListLine::Heading("Left out")].into_iter().filter(move |_| left_out > 0);
    let left_out = page.left_out().map(move |(candidate, reason)| {
        // A small window has no room for the name, too.
        let what = if is_compact { candidate.number.label().to_owned() } else { row_text(candidate) };
        ListLine::Text(format!("{what}   {}", reason_in_list(reason)))
    });
    targets.chain(headings.chain(left_out).skip(skipped))
}
