//! The PIN form: two fields of six boxes. It shows digits only if the operator asks for them.
//!
//! It does not check the PIN: `console::pin_form` does.

use std::time::Instant;

use super::details::add_target;
use super::sheet::Sheet;
use super::{recording, status};
use crate::console::app::App;
use crate::console::input::keymap::{PinFormAction, table};
use crate::console::pages::confirm::UNLISTED_NOTE;
use crate::console::pages::pin_form::PinFormPage;
use crate::console::pin_form::{PinCell, PinField, PinFormNote};
use crate::console::theme::Role;

pub(super) fn sheet(app: &App, page: &PinFormPage, now: Instant) -> Sheet {
    let mut sheet = Sheet::new(app, "Set PIN");
    let (_, two_step, role) = status::two_step_cell(page.targets.first().two_step);
    add_target(&mut sheet, page.targets.first());
    if sheet.is_compact() {
        sheet.styled_text(&format!("Two-step now: {two_step}"), role);
    } else {
        sheet.styled_field("Two-step now", two_step, role);
    }
    sheet.optional_blank_line();
    add_pin_field(&mut sheet, page, PinField::New, now);
    sheet.optional_blank_line();
    add_pin_field(&mut sheet, page, PinField::Repeat, now);
    sheet.optional_blank_line();
    if let Some((text, role)) = recording::escrow_notice(app) {
        sheet.styled_text(&text, role);
    }
    let note = page.form.note();
    let is_warning = matches!(note, PinFormNote::Refused(_) | PinFormNote::ConfirmWeak(_));
    let role = if is_warning { Role::Strong } else { Role::Plain };
    sheet.styled_text(&note.text(), role);
    let notice = if app.is_unlisted(page.targets.first()) { Some(UNLISTED_NOTE) } else { page.notice };
    if let Some(notice) = notice.filter(|_| app.messages().current_hint().is_none() && app.hide_warning().is_none()) {
        sheet.set_notice(notice, Role::Strong);
    }
    sheet.optional_blank_line();
    if !sheet.is_compact() {
        let key = |action| app.keymap().key_label(&table::PIN_FORM, &action);
        let generate = if page.form.is_random() { "generate another PIN" } else { "generate a random PIN" };
        let is_shown = page.form.seconds_until_hidden(now).is_some();
        let show = match app.session().show_pin_for {
            None => "PINs are never shown here".to_owned(),
            Some(_) if is_shown => "hide the PIN now".to_owned(),
            Some(time) if time.as_secs() == 1 => "show the PIN for 1 second".to_owned(),
            Some(time) => format!("show the PIN for {} seconds", time.as_secs()),
        };
        add_key_pair(
            &mut sheet,
            &format!("{}  {generate}", key(PinFormAction::RandomPin)),
            &format!("{}  {show}", key(PinFormAction::ShowPin)),
        );
        add_key_pair(&mut sheet, "Tab  next field", "Backspace  delete a digit");
        add_key_pair(&mut sheet, "Enter  continue", "Esc  cancel, nothing is sent");
    }
    sheet
}

fn add_key_pair(sheet: &mut Sheet, left: &str, right: &str) {
    sheet.push_line(vec![(format!("{left:<31}{right}"), Role::Plain)]);
}

fn add_pin_field(sheet: &mut Sheet, page: &PinFormPage, field: PinField, now: Instant) {
    let label = match field {
        PinField::New => "New PIN",
        PinField::Repeat => "Retype PIN",
    };
    let (label_width, gap) = if sheet.is_compact() { (11, "") } else { (18, " ") };
    let boxes = page.form.cells(field, now).map(|cell| match cell {
        PinCell::Empty => "[ ]".to_owned(),
        PinCell::Next => "[_]".to_owned(),
        PinCell::Hidden => "[*]".to_owned(),
        PinCell::Shown(digit) => format!("[{digit}]"),
    });
    let step = 3 + gap.len();
    if field == page.form.field() {
        let typed = boxes.iter().position(|cell| cell == "[_]").unwrap_or(boxes.len() - 1);
        sheet.cursor_on_next_line(label_width + typed * step + 1);
    }
    let countdown = match page.form.seconds_until_hidden(now).filter(|_| field == PinField::New) {
        Some(seconds) if sheet.is_compact() => format!(" hides {seconds}s"),
        Some(seconds) => format!("   shown, hides in {seconds} s"),
        None => String::new(),
    };
    sheet.push_line(vec![(format!("{label:<label_width$}{}{countdown}", boxes.join(gap)), Role::Plain)]);
}
