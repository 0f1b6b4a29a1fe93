//! What the PIN form and the questions share: which number they are about, what Meta said of it, and who set it last.
//!
//! It asks nothing: the forms and questions do.

use super::sheet::Sheet;
use super::status;
use crate::console::app::App;
use crate::console::shared::{Environment, TargetNotice};
use crate::console::theme::{Role, Theme};
use crate::domain::change::{ChangeState, LastSet};
use crate::domain::number::{Number, PhoneNumberId, TwoStep};
use crate::domain::text::{self, CleanText, format_count};

/// The columns of a heading besides its text: the rule and the blanks around it.
const HEADING_FRAME: usize = 6;

/// The width of a label with the gap after it.
const LABEL_WIDTH: usize = 18;

/// A form or question about a number, under a heading that names it. The number stays visible if the page scrolls.
pub(super) fn sheet_about(app: &App, number: &Number, heading: String) -> Sheet {
    let heading_fits = text::width(&heading) + HEADING_FRAME <= usize::from(app.size().width);
    let mut sheet = Sheet::for_question(app, heading);
    let name = number.name.as_ref().map(CleanText::as_str).filter(|name| !name.is_empty());
    let identity = match name {
        Some(name) if sheet.is_compact() && heading_fits => name.to_owned(),
        Some(name) => format!("{}  {name}", number.label()),
        None => number.label().to_owned(),
    };
    sheet.add_sticky(|sheet| {
        sheet.styled_text(&identity, Role::Strong);
        sheet.optional_text(&status::ids_label(number));
    });
    sheet.optional_blank_line();
    sheet
}

/// Adds what Meta last said of two-step verification.
pub(super) fn add_two_step(sheet: &mut Sheet, app: &App, number: &Number, theme: Theme) {
    let (symbol, label, _) = status::two_step_cell(number.two_step);
    let when = format!(", {}", status::two_step_age(app, number, |at| at.to_string()));
    let state = (format!("{} {label}", theme.symbol(symbol)), Role::Strong);
    let is_unlisted = app.is_unlisted(number);
    let start = if sheet.is_compact() { String::new() } else { format!("{:<LABEL_WIDTH$}", "Two-step now") };
    let end = if sheet.is_compact() && !is_unlisted { String::new() } else { when };
    sheet.push_line(vec![(start, Role::Plain), state, (end, Role::Plain)]);
}

/// Adds that the last request is in doubt: what Meta said before it may no longer hold.
pub(super) fn add_doubt(sheet: &mut Sheet, app: &App, id: &PhoneNumberId) {
    if let Some(ChangeState::InDoubt(details)) = app.roster().change(id) {
        let which = if details.newer_pin.is_some() { "older" } else { "last" };
        if sheet.is_compact() {
            sheet.styled_text(&format!("The {which} PIN sent may be in force."), Role::Uncertain);
        } else {
            sheet.styled_field("In doubt", &format!("the {which} PIN sent may be in force"), Role::Uncertain);
        }
    }
}

/// Adds the warning that a PIN is replaced.
pub(super) fn add_replace_warning(sheet: &mut Sheet, app: &App, number: &Number) {
    let badge = match number.two_step {
        TwoStep::On => " ! A PIN is already set ",
        TwoStep::Unknown | TwoStep::NotSet => " ! A PIN may be set ",
    };
    let status = if sheet.is_compact() {
        String::new()
    } else {
        format!("  {}, {}", number.two_step.label(), status::two_step_age(app, number, |at| at.to_string()))
    };
    sheet.push_line(vec![(badge.to_owned(), Role::WarningBadge), (status, Role::Plain)]);
}

/// Adds when a PIN was last set here and by whom. That it never was is said once the history of the number was read.
pub(super) fn add_last_set(sheet: &mut Sheet, app: &App, id: &PhoneNumberId) {
    if let Some(text) = last_set(app, id).filter(|_| !sheet.is_compact()) {
        sheet.styled_field("Last set here", &text, Role::Plain);
    }
}

fn last_set(app: &App, id: &PhoneNumberId) -> Option<String> {
    match app.roster().get(id).and_then(|row| row.last_set) {
        Some(LastSet { at, by, .. }) => Some(format!("{} by {by}", at.format_padded_date())),
        // What the journal has about a number may come later than its row.
        None => app.history(id)?.is_empty().then(|| "never".to_owned()),
    }
}

/// Adds what happened to the number while the page was open, or why nothing could be sent now.
pub(super) fn add_target_notice(sheet: &mut Sheet, app: &App, notice: Option<&TargetNotice>) {
    if app.hide_warning().is_some() {
        return;
    }
    if let Some(text) = notice.map(TargetNotice::text).or_else(|| Some(app.sending_block_reason()?.text().to_owned())) {
        sheet.set_notice(text, Role::Strong);
    }
}

/// How many keys can decrypt what the escrow has; `None` without an escrow.
pub(super) fn escrow_keys(app: &App) -> Option<String> {
    app.recording_status()
        .escrow_keys()
        .map(|keys| if keys == 1 { "1 key".to_owned() } else { format!("{} keys", format_count(keys)) })
}

/// Adds which numbers the request reaches. This is the last page before it is sent, so it does not rely on the title.
pub(super) fn add_environment(sheet: &mut Sheet, app: &App) {
    sheet.optional_text(&match app.session().environment {
        Environment::Live => "LIVE: this reaches a real number.".to_owned(),
        Environment::Test => format!("TEST: this reaches {}.", app.session().host),
        Environment::Demo => "DEMO: a made-up number, nothing leaves this machine.".to_owned(),
    });
}
