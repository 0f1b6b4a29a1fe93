//! The page of a number whose PIN in force nobody knows: what is known, where the PIN is, and what settles it.

use std::time::Instant;

use super::details::add_target;
use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::app::screen::ResolutionNotePage;
use crate::console::input::keymap::{Action, Mode};
use crate::console::theme::Role;
use crate::domain::change::{ChangeState, InDoubtDetails, SendHistory};
use crate::domain::number::{Number, TwoStep};
use crate::domain::outcome::DoubtReason;
use crate::domain::text::{format_count, format_duration};
use crate::policy::error_catalog::Explanation;

/// The lines of the page, before what every page about a number ends with.
pub(super) fn add_status(sheet: &mut Sheet, app: &App, number: &Number, standing: &InDoubtDetails, now: Instant) {
    let told = Explanation::for_doubt(&standing.reason);
    let which = if matches!(standing.reason, DoubtReason::OlderPinInDoubt(_)) { "older PIN" } else { "PIN" };
    sheet.styled_text(&format!("The {which} may have been set, or it may not."), Role::Strong);
    sheet.text(&told.reason);
    sheet.optional_blank_line();
    sheet.styled_field("PIN kept", pin_location(standing), pin_location_role(standing));
    sheet.field("May be in force", &candidates_label(standing));
    let (_, before, _) = status::two_step_cell(standing.two_step_before);
    let (_, words, role) = status::two_step_cell(number.two_step);
    let is_old = app.roster().get(&number.id).is_some_and(|row| row.is_stale);
    let read = match number.read_at {
        // What was read then is not what stands here.
        Some(_) if app.is_unlisted(number) => "its WABA lists it no more".to_owned(),
        None => "not read yet".to_owned(),
        Some(_) if is_old => "not read since this start".to_owned(),
        Some(at) => format!("read {at}"),
    };
    sheet.styled_field("Two-step", &format!("{before} before; now {words}, {read}"), role);
    match standing.send_history {
        SendHistory::Recorded(finished) => super::number::add_tries(sheet, finished),
        SendHistory::EscrowOnly { encrypted_at: sealed_at } => {
            sheet.field("Last try", &format!("not known: the PIN was sealed at {}", sealed_at.format_date_time()));
        }
    }
    sheet.optional_blank_line();
    add_actions(sheet, app, number, standing, now);
    if standing.is_in_escrow {
        sheet.optional_blank_line();
        sheet.text("To open the PIN from the escrow, on any machine with a key:");
        sheet.text(&format!("pindesk escrow open --identity FILE {}", number.id));
    }
}

/// The keys, the default first.
fn add_actions(sheet: &mut Sheet, app: &App, number: &Number, standing: &InDoubtDetails, now: Instant) {
    let key = |action| app.keymap().key_label(Mode::NoAnswer, action);
    let which = if matches!(standing.reason, DoubtReason::OlderPinInDoubt(_)) { "older PIN" } else { "same PIN" };
    let left = standing.new_pin_allowed_from.instant.saturating_duration_since(now);
    let new_pin = match (left.is_zero(), standing.is_pin_in_memory) {
        (true, false) => "Set a new PIN. This is the way: the one that was sent is not in memory.".to_owned(),
        (true, true) => "Set a new PIN.".to_owned(),
        (false, _) => format!("A new PIN can be set in {}: the last try may still land.", format_duration(left)),
    };
    if standing.is_pin_in_memory {
        let words = format!("Send the {which} again. This is safe: the number ends up with the {which}.");
        sheet.key_hint(&key(Action::SendSamePin), &words);
        sheet.key_hint(&key(Action::SetPin), &new_pin);
    } else {
        sheet.key_hint(&key(Action::SetPin), &new_pin);
        sheet.key_hint(&key(Action::SendSamePin), "The same PIN cannot go again: it is not in memory any more.");
    }
    let status = match (standing.two_step_before, number.two_step) {
        (TwoStep::NotSet, TwoStep::On) => {
            "Read the status again. On now, and not set before: this try set it, or somebody else did. Reading cannot \
             settle that."
        }
        (_, TwoStep::On) => "Read the status again. It says that a PIN is set, not which one.",
        (TwoStep::On, TwoStep::NotSet | TwoStep::Unknown) => {
            "Read the status again. If it is not set 2 minutes after the last try, nothing was applied, and it is settled."
        }
        (_, TwoStep::NotSet | TwoStep::Unknown) => {
            "Read the status again. Still not set 2 minutes after the last try: nothing was applied, and it is settled."
        }
    };
    sheet.key_hint(&key(Action::RefreshStatus), status);
    sheet.key_hint(&key(Action::MarkResolved), "Checked by hand: leave a note, and it counts as settled.");
}

/// How many PINs may be in force. The PINs themselves are never shown.
fn candidates_label(standing: &InDoubtDetails) -> String {
    let pins = |n: u32| if n == 1 { "1 PIN".to_owned() } else { format!("{} PINs", format_count(n as usize)) };
    match standing.two_step_before {
        TwoStep::NotSet => format!("{}, or none", pins(standing.candidate_count)),
        TwoStep::On => format!("{}, the one before included", pins(standing.candidate_count)),
        TwoStep::Unknown => format!("up to {}, or none", pins(standing.candidate_count)),
    }
}

/// Where the PINs in doubt are.
const fn pin_location(standing: &InDoubtDetails) -> &'static str {
    match (standing.is_pin_in_memory, standing.is_in_escrow) {
        (true, true) => "in memory, and sealed in escrow.jsonl",
        (true, false) => "in memory only, until you quit: write it down",
        (false, true) => "sealed in escrow.jsonl, not in memory",
        (false, false) => "nowhere here: only where somebody wrote it",
    }
}

const fn pin_location_role(standing: &InDoubtDetails) -> Role {
    if standing.is_in_escrow { Role::Plain } else { Role::Strong }
}

/// The same in few columns, for a table.
pub(super) const fn pin_location_short(standing: &InDoubtDetails) -> &'static str {
    match (standing.is_pin_in_memory, standing.is_in_escrow) {
        (true, true) => "memory, escrow",
        (true, false) => "memory only",
        (false, true) => "escrow",
        (false, false) => "nowhere here",
    }
}

/// How many PINs may be in force, in few columns.
pub(super) fn candidates_short(standing: &InDoubtDetails) -> String {
    if standing.candidate_count == 1 { "1 PIN".to_owned() } else { format!("{} PINs", standing.candidate_count) }
}

/// The note of a check by hand.
pub(super) fn resolution_note(app: &App, page: &ResolutionNotePage) -> Sheet {
    let mut sheet = Sheet::new(app, "Checked by hand");
    if let Some(number) = app.number(&page.id) {
        add_target(&mut sheet, &number);
        sheet.optional_blank_line();
    }
    sheet.text("What was found, and who knows the PIN now? Not the PIN itself.");
    sheet.optional_text("The note is kept in the journal, in the clear, with your name and the time.");
    sheet.optional_blank_line();
    let field = "Note: ";
    let room = usize::from(app.size().width).saturating_sub(field.len() + 4);
    let scroll = page.input.visual_scroll(room.saturating_sub(1));
    let shown = super::list::skip_columns(page.input.value(), scroll);
    sheet.cursor_on_next_line(field.len() + page.input.visual_cursor().saturating_sub(scroll));
    sheet.push_line(vec![(format!("{field}{shown}"), Role::Plain)]);
    if let Some(words) = page.note.filter(|_| app.hide_warning().is_none()) {
        sheet.set_notice(words, Role::Strong);
    }
    sheet
}

/// Where the PIN of a number in doubt is.
pub(super) fn pin_location_of(standing: &ChangeState) -> Option<&'static str> {
    let ChangeState::InDoubt(standing) = standing else { return None };
    Some(pin_location(standing))
}
