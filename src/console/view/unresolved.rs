//! What is unresolved, before the list: what has to be looked at, then each number in doubt.

use super::in_doubt::{candidates_short, pin_location_short};
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::app::in_doubt_list::InDoubtItem;
use crate::console::input::keymap::{Action, Mode};
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::domain::change::{InDoubtDetails, SendHistory};
use crate::domain::number::PhoneNumberId;
use crate::domain::text::{format_count, truncate, width};

use std::time::Instant;

/// Columns of the number, of the time and of the count.
const NUMBER_WIDTH: usize = 18;
const SINCE_WIDTH: usize = 23;
const PINS_WIDTH: usize = 8;

pub(super) fn sheet(app: &App, theme: Theme, now: Instant) -> Sheet {
    let review = app.in_doubt_list();
    let heading = match review.number_count() {
        0 => "To look at".to_owned(),
        1 => "1 number is in doubt".to_owned(),
        numbers => format!("{} numbers are in doubt", format_count(numbers)),
    };
    let mut sheet = Sheet::new(app, heading);
    let spots = review.items();
    let cursor = review.cursor_index(&spots);
    if spots.is_empty() {
        sheet.text("Nothing is in doubt any more.");
    }
    let mut is_headed = false;
    for (index, spot) in spots.iter().enumerate() {
        let is_cursor = cursor == Some(index);
        match spot {
            InDoubtItem::Finding(at) => {
                let words = review.findings().get(*at).map_or("", |finding| finding.as_str());
                sheet.list_item(is_cursor, words);
                sheet.optional_blank_line();
            }
            InDoubtItem::Number(_, id) => {
                if !std::mem::replace(&mut is_headed, true) {
                    add_header(&mut sheet, app);
                }
                if let Some(standing) = review.get(id) {
                    add_number(&mut sheet, app, theme, now, is_cursor, *id, standing);
                }
            }
        }
    }
    sheet
}

fn add_header(sheet: &mut Sheet, app: &App) {
    if sheet.is_compact() {
        return;
    }
    let key = app.keymap().key_label(Mode::List, Action::ShowInDoubt);
    sheet.text(&format!(
        "A PIN was sent to each of these, or may have been, and nobody knows whether it is in force. A number stays here until Meta \
         confirms a PIN or a decision is recorded. {key} in the list brings this page back."
    ));
    sheet.blank_line();
    let heading =
        format!("    {:<NUMBER_WIDTH$}{:<SINCE_WIDTH$}{:<PINS_WIDTH$}PIN KEPT IN", "NUMBER", "LAST TRY", "MAY BE");
    sheet.push_line(vec![(heading, Role::Plain)]);
}

fn add_number(
    sheet: &mut Sheet,
    app: &App,
    theme: Theme,
    now: Instant,
    is_cursor: bool,
    id: PhoneNumberId,
    standing: &InDoubtDetails,
) {
    let role = if is_cursor { Role::Cursor } else { Role::Plain };
    let marker = if is_cursor { ">" } else { " " };
    let label = app.label(&id);
    let label = truncate(&label, NUMBER_WIDTH - 1);
    let gap = " ".repeat(NUMBER_WIDTH.saturating_sub(width(&label)));
    let start = vec![
        (marker.to_owned(), role),
        (" ".to_owned(), Role::Plain),
        (theme.symbol(StatusSymbol::NoAnswer).to_owned(), Role::Uncertain),
        (" ".to_owned(), Role::Plain),
        (label.into_owned(), role),
    ];
    let pins = candidates_short(standing);
    let since = match standing.send_history {
        SendHistory::Recorded(finished) => finished.at.format_date_time(),
        SendHistory::EscrowOnly { encrypted_at: sealed_at } => format!("sealed {}", sealed_at.format_date()),
    };
    // What runs is told: until it has an end, the number stays.
    let kept = match app.roster().change(&id) {
        Some(job) if job.is_running() => status::request_cell(job, now).1,
        Some(_) | None => pin_location_short(standing).to_owned(),
    };
    sheet.cursor_on_next_line_if(is_cursor, 0);
    if sheet.is_compact() {
        sheet.push_line(start.into_iter().chain([(format!("{gap}{kept}"), Role::Plain)]).collect());
        sheet.push_line(vec![(format!("    {pins}, {since}"), Role::Plain)]);
    } else {
        let rest = format!("{gap}{since:<SINCE_WIDTH$}{pins:<PINS_WIDTH$}{kept}");
        sheet.push_line(start.into_iter().chain([(rest, Role::Plain)]).collect());
    }
}
