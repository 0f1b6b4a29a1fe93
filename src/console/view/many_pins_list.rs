//! The whole list of many numbers. It draws only the lines in the window, because there may be 100,000.
//!
//! It does not scroll: the page does.

use super::PaintResult;
use super::batch::{reason_in_list, row_text};
use super::canvas::Canvas;
use crate::console::app::App;
use crate::console::pages::many_pins_list::ManyPinsListPage;
use crate::console::theme::Role;
use crate::domain::text::{count_numbers, format_count};

/// A line of the page.
enum ListLine {
    Text(String),
    Heading(&'static str),
    Blank,
}

pub(super) fn paint(app: &App, page: &ManyPinsListPage, canvas: &mut Canvas<'_>) -> PaintResult {
    let count = count_numbers(page.frozen.plan().count());
    let left_out = page.frozen.plan().left_out();
    let right = if left_out == 0 { String::new() } else { format!("{} left out", format_count(left_out)) };
    canvas.draw_rule(1, &[(&format!("{count}, as they will be sent"), Role::Strong)], &right);
    let (top, indent) = if app.is_compact() { (2, 0) } else { (3, 2) };
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
    canvas.draw_page_end(app, (first, below), None);
    PaintResult { cursor: Some(ratatui::layout::Position { x: 0, y: top }), max_scroll: 0 }
}

/// The lines from one on.
fn lines(page: &ManyPinsListPage, first: usize, is_compact: bool) -> impl Iterator<Item = ListLine> {
    let targets = page.frozen.targets();
    let skipped = first.saturating_sub(targets.len());
    let targets = targets.skip(first).map(|candidate| {
        let waba = candidate.number.waba.as_ref().map_or(String::new(), |waba| format!("   {}", waba.label()));
        ListLine::Text(format!("{}{waba}", row_text(candidate)))
    });
    let left_out = page.frozen.left_out();
    let has_left_out = left_out.len() > 0;
    let headings = [ListLine::Blank, ListLine::Heading("Left out")].into_iter().filter(move |_| has_left_out);
    let left_out = left_out.map(move |(candidate, reason)| {
        // A small window has no room for the name, too.
        let what = if is_compact { candidate.number.label().to_owned() } else { row_text(candidate) };
        ListLine::Text(format!("{what}   {}", reason_in_list(reason)))
    });
    targets.chain(headings.chain(left_out).skip(skipped))
}
