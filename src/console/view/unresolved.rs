//! The page of open issues before the list: findings of the journal, then each number in doubt.
//!
//! It never shows a PIN.

use super::in_doubt::{candidates_short, pin_location_short};
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::input::keymap::{ListAction, table};
use crate::console::shared::{InDoubtItem, LastDrill};
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::domain::change::{InDoubtDetails, SendHistory};
use crate::domain::number::{PhoneNumberId, TwoStep};
use crate::domain::text::{format_count, truncate, width};
use crate::journal::EscrowDrill;

use std::time::Instant;

/// The widths of the columns.
const NUMBER_WIDTH: usize = 19;
const SINCE_WIDTH: usize = 21;
const PINS_WIDTH: usize = 22;

pub(super) fn sheet(app: &App, theme: Theme, now: Instant) -> Sheet {
    let list = app.in_doubt_list();
    let heading = match list.number_count() {
        0 => "Open issues".to_owned(),
        1 => "1 number is in doubt".to_owned(),
        count => format!("{} numbers are in doubt", format_count(count)),
    };
    let mut sheet = Sheet::new(app, heading);
    let items = list.items();
    let cursor = list.cursor_index(&items);
    if items.is_empty() {
        sheet.text("Nothing is in doubt.");
    }
    let mut has_header = false;
    for (index, item) in items.iter().enumerate() {
        let is_cursor = cursor == Some(index);
        let marker = if is_cursor { ">" } else { " " };
        match item {
            InDoubtItem::Finding(position) => {
                let finding = list.findings().get(*position).map_or("", |finding| finding.as_str());
                sheet.list_item(is_cursor, |sheet| sheet.marked_text(&format!("{marker} ! "), finding));
                sheet.optional_blank_line();
            }
            InDoubtItem::Number(_, id) => {
                if !std::mem::replace(&mut has_header, true) {
                    add_header(&mut sheet, app);
                }
                if let Some(details) = list.get(id) {
                    sheet.list_item(is_cursor, |sheet| add_number(sheet, app, theme, now, marker, *id, details));
                }
            }
        }
    }
    add_last_drill(&mut sheet, app);
    sheet
}

/// Says when an operator last tried whether a key opens the escrow.
fn add_last_drill(sheet: &mut Sheet, app: &App) {
    if app.recording_status().escrow_keys().is_none() {
        return;
    }
    let (text, role) = match app.last_drill() {
        LastDrill::NotRead => return,
        LastDrill::Never if sheet.is_compact() => ("Last drill: never.".to_owned(), Role::Plain),
        LastDrill::Never => {
            let advice = "pindesk escrow drill --identity FILE tries whether a key opens the escrow.";
            (format!("Last drill: never. {advice}"), Role::Plain)
        }
        LastDrill::Done(EscrowDrill { at, opened, tried }) => {
            let role = if opened == tried { Role::Plain } else { Role::Uncertain };
            (format!("Last drill: {}, {opened} of {tried} PINs could be decrypted.", at.format_short_date()), role)
        }
    };
    sheet.blank_line();
    sheet.styled_text(&text, role);
}

fn add_header(sheet: &mut Sheet, app: &App) {
    if sheet.is_compact() {
        return;
    }
    let key = app.keymap().key_label(&table::LIST, &ListAction::ShowInDoubt);
    sheet.text(&format!(
        "A PIN was sent to each of these numbers, or may have been. It is not known whether it is in force. A number \
         stays here until Meta confirms a PIN or the doubt is resolved. To see it later, press {key} in the list."
    ));
    sheet.blank_line();
    let heading = format!(
        "    {:<NUMBER_WIDTH$}{:<SINCE_WIDTH$}{:<PINS_WIDTH$}STORED IN",
        "NUMBER", "LAST TRY, UTC", "POSSIBLE PINS"
    );
    sheet.push_line(vec![(heading, Role::Strong)]);
}

fn add_number(
    sheet: &mut Sheet,
    app: &App,
    theme: Theme,
    now: Instant,
    marker: &str,
    id: PhoneNumberId,
    details: &InDoubtDetails,
) {
    let label = app.label(&id);
    let label = truncate(&label, NUMBER_WIDTH - 1);
    let gap = " ".repeat(NUMBER_WIDTH.saturating_sub(width(&label)));
    let start = vec![
        (format!("{marker} "), Role::Plain),
        (theme.symbol(StatusSymbol::NoAnswer).to_owned(), Role::Uncertain),
        (format!(" {label}"), Role::Plain),
    ];
    let pins = candidates_short(details, app.number(&id).map_or(TwoStep::Unknown, |number| number.two_step));
    let since = match details.send_history {
        SendHistory::Recorded(completion) => completion.at.format_short(),
        SendHistory::EscrowOnly { encrypted_at } => format!("encrypted {}", encrypted_at.format_short_date()),
    };
    // A running change is shown here: the number stays in the list until it ends.
    let location = match app.roster().change(&id) {
        Some(change) if change.is_running() => status::request_cell(change, now, app.utc_now()).1,
        Some(_) | None => pin_location_short(details).to_owned(),
    };
    if sheet.is_compact() {
        sheet.push_line(start.into_iter().chain([(format!("{gap}{location}"), Role::Plain)]).collect());
        sheet.push_line(vec![(format!("    {since}, {pins}"), Role::Plain)]);
    } else {
        let rest = format!("{gap}{since:<SINCE_WIDTH$}{pins:<PINS_WIDTH$}{location}");
        sheet.push_line(start.into_iter().chain([(rest, Role::Plain)]).collect());
    }
}
