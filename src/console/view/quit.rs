//! The question before the program ends, and the page while requests in flight end.
//!
//! It cancels nothing: the app does.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::go::QuitReason;
use crate::console::shared::Environment;
use crate::console::theme::Role;
use crate::domain::text::format_count;

/// The number of lines besides the listed numbers.
const FIXED_LINES: usize = 17;

/// How many numbers even the smallest window lists.
const MIN_LISTED: usize = 3;

/// How many requests are in flight and how many are queued. A queued request waits for a free slot, or for its record
/// in the journal.
pub(super) fn requests_label(app: &App) -> String {
    let queued = app.queued_count();
    let requests =
        |count| if count == 1 { "1 request is".to_owned() } else { format!("{} requests are", format_count(count)) };
    match (app.running_count().saturating_sub(queued), queued) {
        (sent, 0) => format!("{} in flight.", requests(sent)),
        (0, 1) => "1 request waits to be sent.".to_owned(),
        (0, queued) => format!("{} requests wait to be sent.", format_count(queued)),
        (sent, 1) => format!("{} in flight, 1 more is queued.", requests(sent)),
        (sent, queued) => format!("{} in flight, {} more are queued.", requests(sent), format_count(queued)),
    }
}

fn numbers_with_pin_in_memory(app: &App) -> Vec<String> {
    let mut labels: Vec<_> = app.pins_only_in_memory().iter().map(|id| app.label(id)).collect();
    labels.sort_unstable();
    labels
}

pub(super) fn confirmation(app: &App) -> Sheet {
    let running = app.running_count();
    let labels = numbers_with_pin_in_memory(app);
    let heading = if labels.is_empty() && running > 0 {
        "Quit while work is unfinished?"
    } else {
        "Quit while a PIN is in doubt?"
    };
    let mut sheet = Sheet::new(app, heading);
    if !labels.is_empty() {
        // The loss comes first, because a small window shows only the first lines.
        sheet.styled_text("If you quit, the PINs of these numbers are lost:", Role::Strong);
        let max_listed = usize::from(app.size().height).saturating_sub(FIXED_LINES).max(MIN_LISTED);
        if app.hides_numbers() {
            sheet.text(&format!("! {} of them; show the screen to see which", format_count(labels.len())));
        } else {
            for label in labels.iter().take(max_listed) {
                sheet.text(&format!("! {label}"));
            }
            if labels.len() > max_listed {
                sheet.text(&format!("and {} more: the filter request:no-answer shows them", labels.len() - max_listed));
            }
        }
        sheet.text("Meta did not answer: each PIN may or may not be set. They are only in memory.");
        sheet.optional_text("Write them down first, or send them again.");
        sheet.optional_blank_line();
    }
    if running > 0 {
        sheet.text(&requests_label(app));
        sheet.optional_text("If you quit now, pindesk waits for sent requests (up to 35 s) and sends nothing new.");
        sheet.optional_blank_line();
    }
    let shown_again = app.in_doubt_list().number_count().saturating_sub(labels.len());
    if shown_again > 0 {
        let noun = if shown_again == 1 { "number in doubt is" } else { "numbers in doubt are" };
        sheet.text(&match app.session().environment {
            Environment::Demo => format!("{} {noun} forgotten: the demo keeps nothing.", format_count(shown_again)),
            Environment::Live | Environment::Test => {
                format!("{} {noun} shown again at the next start.", format_count(shown_again))
            }
        });
        let keeps_escrow = app.session().environment != Environment::Demo;
        if keeps_escrow
            && app.in_doubt_list().entries().any(|(_, details)| details.is_pin_in_memory && details.is_in_escrow)
        {
            sheet.optional_text("After that the same PIN cannot be sent again: only the escrow has it.");
        }
        sheet.optional_blank_line();
    }
    sheet.key_hint("y", "quit");
    sheet.key_hint("n or Esc", "stay");
    sheet
}

pub(super) fn waiting(app: &App, reason: &QuitReason) -> Sheet {
    let mut sheet = Sheet::new(app, "Quitting");
    let waits_for = if app.queued_count() < app.running_count() { "the answers" } else { "the journal" };
    sheet.text(&format!("{} Waiting for {waits_for}, up to 35 s.", requests_label(app)));
    sheet.text("Nothing new is sent.");
    if let QuitReason::Operator { .. } = reason {
        sheet.optional_blank_line();
        sheet.key_hint("n", "keep running");
    }
    sheet
}
