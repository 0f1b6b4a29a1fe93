//! The pane beside the list while numbers are selected: what the key that sets PINs would ask about, hidden numbers by
//! name, then the number under the cursor.
//!
//! It counts nothing itself: the roster does.

use std::ops::Range;

use super::canvas::Canvas;
use super::details::{PANE_INDENT, add_two_step, draw_separator, waba_label};
use super::question::add_last_set;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{ListAction, table};
use crate::console::roster::{SelectionSummary, TwoStepCounts, WabaCount};
use crate::console::theme::Role;
use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::{CleanText, format_count, truncate};

/// How many WABAs are named.
const MAX_WABAS: usize = 5;

/// Draws the pane, with the details of a number under the selection, into the columns from `left` on. Without a number
/// it stays empty, as the details beside the list do while that scrolls.
pub(super) fn paint(app: &App, number: Option<PhoneNumberId>, canvas: &mut Canvas<'_>, left: u16, rows: Range<u16>) {
    draw_separator(canvas, left, rows.clone());
    let Some(number) = number.and_then(|id| app.number(&id)) else { return };
    let mut sheet = Sheet::for_column(canvas.width().saturating_sub(left + PANE_INDENT));
    let summary = app.roster().selection().summary();
    add_counts(&mut sheet, app, summary);
    add_hidden(&mut sheet, app, summary);
    sheet.push_blank_line();
    sheet.styled_text("Under the cursor", Role::Strong);
    sheet.push_line(vec![(number_line(&number, &sheet), Role::Plain)]);
    add_two_step(&mut sheet, app, &number, UtcTime::format_time);
    add_last_set(&mut sheet, app, &number.id);
    sheet.field("phone number ID", number.id.as_str());
    sheet.field("WABA", &waba_label(&number));
    sheet.push_blank_line();
    add_keys(&mut sheet, app);
    sheet.paint_lines(canvas, left + PANE_INDENT, rows, 0);
}

fn add_counts(sheet: &mut Sheet, app: &App, summary: &SelectionSummary) {
    let selected = format!("{} selected", format_count(app.roster().selection().len()));
    let hidden = match summary.hidden {
        0 => String::new(),
        hidden => format!(", {} hidden by the filter", format_count(hidden)),
    };
    sheet.push_line(vec![(selected, Role::Strong), (hidden, Role::Plain)]);
    sheet.push_blank_line();
    let TwoStepCounts { on, not_set, unknown } = summary.two_step;
    sheet.field("Two-step", &format!("not set {}", format_count(not_set)));
    let others = [("on", on), ("unknown", unknown)].into_iter().filter(|(_, count)| *count > 0);
    let others: Vec<_> = others.map(|(label, count)| format!("{label} {}", format_count(count))).collect();
    if !others.is_empty() {
        sheet.field("", &others.join(", "));
    }
    let (named, rest) = summary.wabas.split_at(summary.wabas.len().min(MAX_WABAS));
    for (index, WabaCount { waba, numbers }) in named.iter().enumerate() {
        let label = waba.as_ref().map_or("not listed", |waba| waba.label());
        sheet.field(if index == 0 { "WABA" } else { "" }, &format!("{label} {}", format_count(*numbers)));
    }
    if !rest.is_empty() {
        sheet.field("", &format!("and {} more", format_count(rest.len())));
    }
    sheet.field("Left out", &format_count(summary.open));
}

/// Adds the names of hidden numbers: an operator must not forget them.
fn add_hidden(sheet: &mut Sheet, app: &App, summary: &SelectionSummary) {
    if summary.hidden == 0 {
        return;
    }
    sheet.push_blank_line();
    sheet.styled_text("Hidden by the filter", Role::Strong);
    for number in summary.named_hidden.iter().filter_map(|id| app.number(id)) {
        sheet.push_line(vec![(number_line(&number, sheet), Role::Plain)]);
    }
    let rest = summary.hidden - summary.named_hidden.len();
    if rest > 0 {
        sheet.text(&format!("and {} more", format_count(rest)));
    }
}

/// A number and its name, in one line.
fn number_line(number: &Number, sheet: &Sheet) -> String {
    let name = number.name.as_ref().map_or("", CleanText::as_str);
    truncate(&format!("{}  {name}", number.label()), sheet.text_width()).into_owned()
}

fn add_keys(sheet: &mut Sheet, app: &App) {
    let count = format_count(app.roster().selection().len());
    let keys = [
        (ListAction::SetPin, format!("set PIN for {count}")),
        (ListAction::SelectNone, "none".to_owned()),
        (ListAction::Export, "export".to_owned()),
    ];
    let mut line = Vec::new();
    for (action, label) in keys {
        let gap = if line.is_empty() { "" } else { "  " };
        let key = app.keymap().key_label(&table::LIST, &action);
        line.extend([(gap.to_owned(), Role::Plain), (key, Role::Strong), (format!(" {label}"), Role::Plain)]);
    }
    sheet.push_line(line);
}
