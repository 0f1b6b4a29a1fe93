//! The page of a number in doubt: what is known, where the PIN is stored, and what resolves the doubt.
//!
//! It never shows a PIN, and does not decide what resolves a doubt.

use std::time::Instant;

use super::question::sheet_about;
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::input::keymap::{CopyAction, NumberAction, table};
use crate::console::pages::resolution_note::ResolutionNotePage;
use crate::console::theme::{Role, StatusSymbol, Theme};
use crate::domain::change::{Completion, InDoubtDetails, SendHistory};
use crate::domain::number::{Number, TwoStep};
use crate::domain::text::{format_count, format_duration};
use crate::policy::error_catalog::Explanation;

/// Adds the status of the number and what to do. The lines that end every page about a number follow.
pub(super) fn add_status(
    sheet: &mut Sheet,
    app: &App,
    theme: Theme,
    number: &Number,
    details: &InDoubtDetails,
    now: Instant,
) {
    let explanation = Explanation::for_number_in_doubt(details);
    let which_pin = if details.newer_pin.is_some() { "older PIN" } else { "PIN" };
    let symbol = theme.symbol(StatusSymbol::NoAnswer);
    sheet.styled_text(&format!("{symbol} The {which_pin} may or may not be set."), Role::Uncertain);
    sheet.text(&explanation.reason);
    if !explanation.cause_steps.is_empty() {
        sheet.optional_blank_line();
        sheet.numbered_steps("To do", explanation.cause_steps.iter().copied());
    }
    sheet.optional_blank_line();
    sheet.styled_field("PIN stored", pin_location(details), pin_location_role(details));
    sheet.optional_blank_line();
    add_actions(sheet, app, number, details, now);
    sheet.optional_blank_line();
    sheet.field("May be in force", &candidates_label(details, number.two_step));
    add_two_step(sheet, app, number, details);
    match details.send_history {
        SendHistory::Recorded(completion) => add_tries(sheet, app, completion),
        SendHistory::EscrowOnly { encrypted_at } => {
            sheet.field("Last try", &format!("unknown: the PIN was encrypted at {}", encrypted_at.format_date_time()));
        }
    }
    if details.is_in_escrow {
        let copy = app.keymap().key_label(&table::NO_ANSWER, &NumberAction::PickCopy);
        let command = app.keymap().key_label(&table::COPY_MENU, &CopyAction::EscrowCommand);
        sheet.optional_blank_line();
        sheet.text(&format!(
            "To see the PIN, press {copy}, then {command}: the command that decrypts it with your key."
        ));
        sheet.optional_blank_line();
    }
}

fn add_two_step(sheet: &mut Sheet, app: &App, number: &Number, details: &InDoubtDetails) {
    let (_, before, _) = status::two_step_cell(details.two_step_before);
    let (_, current, role) = status::two_step_cell(number.two_step);
    let row = app.roster().get(&number.id);
    let is_outdated = row.is_some_and(|row| status::is_two_step_outdated(&row));
    let read = status::two_step_age(app, number, |at| at.to_string());
    sheet.state_field(
        if is_outdated { "Two-step" } else { "Two-step now" },
        current,
        role,
        &format!(", {read}; {before} before"),
    );
}

/// Adds the keys, the recommended one first.
fn add_actions(sheet: &mut Sheet, app: &App, number: &Number, details: &InDoubtDetails, now: Instant) {
    let key = |action| app.keymap().key_label(&table::NO_ANSWER, &action);
    let which_pin = if details.newer_pin.is_some() { "older PIN" } else { "same PIN" };
    let left = details.new_pin_allowed_from.instant.saturating_duration_since(now);
    let new_pin = match (left.is_zero(), details.is_pin_in_memory) {
        (true, false) => "Set a new PIN, because the one that was sent is no longer in memory.".to_owned(),
        (true, true) => "Set a new PIN.".to_owned(),
        (false, _) => {
            format!("A new PIN can be set in {}. Until then the last try may still arrive.", format_duration(left))
        }
    };
    if details.is_pin_in_memory {
        let until = if details.is_in_escrow { " Possible until the screen hides or you quit." } else { "" };
        let text = format!("Recommended: send the {which_pin} again. If Meta accepts it, it is set.{until}");
        sheet.key_hint(&key(NumberAction::SendSamePin), &text);
        sheet.key_hint(&key(NumberAction::SetPin), &new_pin);
    } else {
        sheet.key_hint(&key(NumberAction::SetPin), &new_pin);
        sheet
            .key_hint(&key(NumberAction::SendSamePin), "The same PIN cannot be sent again: it is no longer in memory.");
    }
    let status = match (details.two_step_before, number.two_step) {
        (TwoStep::NotSet, TwoStep::On) if details.candidate_count > 1 => {
            "Refresh the status. It was not set before these tries and is on now: one of them set it, or someone else did. \
             A refresh cannot tell which PIN it is."
        }
        (TwoStep::NotSet, TwoStep::On) => {
            "Refresh the status. It was not set before and is on now: this try set it, or someone else did. A refresh \
             cannot resolve that."
        }
        (_, TwoStep::On) => "Refresh the status. It shows that a PIN is set, not which one.",
        (TwoStep::On, TwoStep::NotSet | TwoStep::Unknown) => {
            "Refresh the status. If it is not set 2 minutes after the last try, nothing was applied, and the number is \
             resolved."
        }
        (_, TwoStep::NotSet | TwoStep::Unknown) => {
            "Refresh the status. If it is still not set 2 minutes after the last try, nothing was applied, and the number \
             is resolved."
        }
    };
    sheet.key_hint(&key(NumberAction::Refresh), status);
    sheet.key_hint(
        &key(NumberAction::MarkResolved),
        "Mark it resolved, with a note: when you know the answer from elsewhere.",
    );
}

/// Which PINs may be in force. It does not show the PINs.
fn candidates_label(details: &InDoubtDetails, now: TwoStep) -> String {
    let count = format_count(details.candidate_count as usize);
    match (details.two_step_before, details.candidate_count) {
        // A status that was read before the tries is the one before them, so this one was read after.
        (TwoStep::NotSet, 1) if now == TwoStep::On => "this PIN, or one that someone else set".to_owned(),
        (TwoStep::NotSet, 1) => "this PIN, or none".to_owned(),
        (TwoStep::NotSet, _) => format!("one of {count} PINs, or none"),
        (TwoStep::On, 2) => "this PIN, or the one before".to_owned(),
        (TwoStep::On, _) => format!("one of {count} PINs, including the one before"),
        // The same holds here: a PIN that was on before the tries would have been read as on.
        (TwoStep::Unknown, 2) if now == TwoStep::On => "this PIN, or another".to_owned(),
        (TwoStep::Unknown, 2) => "this PIN, the one before, or none".to_owned(),
        (TwoStep::Unknown, _) => format!("one of up to {count} PINs, or none"),
    }
}

/// Where the PINs in doubt are stored.
pub(super) const fn pin_location(details: &InDoubtDetails) -> &'static str {
    match (details.is_pin_in_memory, details.is_in_escrow) {
        (true, true) => "in memory, and encrypted in escrow.jsonl",
        (true, false) => "in memory only, until you quit: write it down",
        (false, true) => "encrypted in escrow.jsonl, not in memory",
        (false, false) => "not here, unless someone wrote it down",
    }
}

const fn pin_location_role(details: &InDoubtDetails) -> Role {
    if details.is_in_escrow { Role::Plain } else { Role::Strong }
}

/// Where the PINs in doubt are stored, in few columns for a table.
pub(super) const fn pin_location_short(details: &InDoubtDetails) -> &'static str {
    match (details.is_pin_in_memory, details.is_in_escrow) {
        (true, true) => "memory, escrow",
        (true, false) => "memory only",
        (false, true) => "escrow",
        (false, false) => "not here",
    }
}

/// Which PINs may be in force, in few columns for a table, as [`candidates_label`] says in full. The count includes a PIN that was set before.
pub(super) fn candidates_short(details: &InDoubtDetails, now: TwoStep) -> String {
    match (details.two_step_before, details.candidate_count) {
        (TwoStep::NotSet, 1) | (TwoStep::Unknown, 2) if now == TwoStep::On => "this one or another".to_owned(),
        (TwoStep::NotSet, 1) => "this one or none".to_owned(),
        (TwoStep::On, 2) => "this one or the old".to_owned(),
        (TwoStep::Unknown, 2) => "this one, old or none".to_owned(),
        (TwoStep::On, count) => format!("{count} PINs"),
        (TwoStep::NotSet | TwoStep::Unknown, count) => format!("{count} PINs or none"),
    }
}

/// The page where the operator writes the note of a manual check.
pub(super) fn resolution_note(app: &App, page: &ResolutionNotePage) -> Sheet {
    let mut sheet = match app.number(&page.id) {
        Some(number) => sheet_about(app, &number, format!("Checked manually: {}", number.label())),
        None => Sheet::for_question(app, "Checked manually"),
    };
    sheet.text("What did you find, and who knows the PIN now? Leave out the PIN.");
    sheet.optional_text("The journal stores the note unencrypted, with your name and the time.");
    sheet.optional_blank_line();
    let label = "Note: ";
    let max_columns = sheet.text_width().saturating_sub(label.len() + 1);
    let scroll = page.input.visual_scroll(max_columns.saturating_sub(1));
    let visible = super::canvas::skip_columns(page.input.value(), scroll);
    sheet.cursor_on_next_line(label.len() + page.input.visual_cursor().saturating_sub(scroll));
    sheet.push_line(vec![(format!("{label}{visible}"), Role::Plain)]);
    if let Some(note) = page.note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(note, Role::Strong);
    }
    sheet
}

/// Adds the number of tries, and when the last one ended. After a crash only the latest possible time is known.
pub(super) fn add_tries(sheet: &mut Sheet, app: &App, completion: Completion) {
    let last = if completion.at > app.utc_now() { "last not later than" } else { "last at" };
    sheet.field("Tries", &format!("{}, {last} {}", completion.attempts, completion.at.format_date_time()));
}
