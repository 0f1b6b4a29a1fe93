//! The PIN form: six boxes twice, never a digit unless it was asked for.

use std::time::Instant;

use super::details::target;
use super::sheet::Sheet;
use super::{records, status};
use crate::console::app::App;
use crate::console::app::confirm::UNLISTED;
use crate::console::app::screen::FormPage;
use crate::console::keymap::{Action, Mode};
use crate::console::pin_form::{Cell, Field, Note};
use crate::console::theme::Role;

pub(super) fn sheet(app: &App, page: &FormPage, now: Instant) -> Sheet {
    let mut sheet = Sheet::new(app, "Set PIN");
    let (_, words, role) = status::two_step(page.target.two_step);
    target(&mut sheet, &page.target);
    if sheet.is_compact() {
        sheet.styled(&format!("Two-step now: {words}"), role);
    } else {
        sheet.styled_field("Two-step now", words, role);
    }
    sheet.extra_gap();
    field(&mut sheet, page, Field::New, now);
    sheet.extra_gap();
    field(&mut sheet, page, Field::Again, now);
    sheet.extra_gap();
    if let Some((words, role)) = records::sealing(app) {
        sheet.styled(&words, role);
    }
    let note = page.form.note();
    let is_warning = matches!(note, Note::Refused(_) | Note::Insist(_));
    let role = if is_warning { Role::Strong } else { Role::Plain };
    sheet.styled(&note.words(), role);
    let news = if app.is_unlisted(&page.target) { Some(UNLISTED) } else { page.news };
    if let Some(news) = news.filter(|_| app.messages().answer().is_none() && app.hiding_words().is_none()) {
        sheet.note(news, Role::Strong);
    }
    sheet.extra_gap();
    if !sheet.is_compact() {
        let key = |action| app.keymap().key_of(Mode::PinForm, action);
        let another = if page.form.is_random() { "make another PIN" } else { "make a random PIN" };
        let is_shown = page.form.seconds_shown(now).is_some();
        let show = match app.session().show_pin_for {
            None => "showing PINs is off here".to_owned(),
            Some(_) if is_shown => "hide the PIN now".to_owned(),
            Some(time) if time.as_secs() == 1 => "show the PIN for 1 second".to_owned(),
            Some(time) => format!("show the PIN for {} seconds", time.as_secs()),
        };
        pair(
            &mut sheet,
            &format!("{}  {another}", key(Action::RandomPin)),
            &format!("{}  {show}", key(Action::ShowPin)),
        );
        pair(&mut sheet, "Tab  next field", "Backspace  delete a digit");
        pair(&mut sheet, "Enter  continue", "Esc  cancel, nothing is sent");
    }
    sheet
}

fn pair(sheet: &mut Sheet, left: &str, right: &str) {
    sheet.line(vec![(format!("{left:<31}{right}"), Role::Plain)]);
}

fn field(sheet: &mut Sheet, page: &FormPage, field: Field, now: Instant) {
    let label = match field {
        Field::New => "New PIN",
        Field::Again => "PIN again",
    };
    let (columns, gap) = if sheet.is_compact() { (11, "") } else { (18, " ") };
    let boxes = page.form.cells(field, now).map(|cell| match cell {
        Cell::Empty => "[ ]".to_owned(),
        Cell::Next => "[_]".to_owned(),
        Cell::Hidden => "[*]".to_owned(),
        Cell::Shown(digit) => format!("[{digit}]"),
    });
    let step = 3 + gap.len();
    if field == page.form.field() {
        let typed = boxes.iter().position(|cell| cell == "[_]").unwrap_or(boxes.len() - 1);
        sheet.cursor_on_next_line(columns + typed * step + 1);
    }
    let shown = match page.form.seconds_shown(now).filter(|_| field == Field::New) {
        Some(seconds) if sheet.is_compact() => format!(" hides {seconds}s"),
        Some(seconds) => format!("   shown, hides in {seconds} s"),
        None => String::new(),
    };
    sheet.line(vec![(format!("{label:<columns$}{}{shown}", boxes.join(gap)), Role::Plain)]);
}
