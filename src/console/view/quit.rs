//! The question before the end, and the wait for what is on its way.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::{QuitPage, QuitReason};
use crate::console::theme::Role;
use crate::domain::text::format_count;

/// Lines of the page besides the numbers it names.
const FIXED_LINES: usize = 17;

/// Numbers that are named in the smallest window too.
const MIN_NAMED: usize = 3;

/// How many requests are on the way, and how many have not left: those wait for their turn, or for their record.
pub(super) fn requests_label(app: &App) -> String {
    let queued = app.queued_count();
    let requests =
        |number| if number == 1 { "1 request is".to_owned() } else { format!("{} requests are", format_count(number)) };
    match (app.running_count().saturating_sub(queued), queued) {
        (sent, 0) => format!("{} on the way.", requests(sent)),
        (0, 1) => "1 request is queued: it was not sent yet.".to_owned(),
        (0, queued) => format!("{} queued: they were not sent yet.", requests(queued)),
        (sent, 1) => format!("{} on the way, 1 more is queued.", requests(sent)),
        (sent, queued) => format!("{} on the way, {} more are queued.", requests(sent), format_count(queued)),
    }
}

fn numbers_with_pin_in_memory(app: &App) -> Vec<String> {
    let mut labels: Vec<_> = app.pins_only_in_memory().iter().map(|id| app.label(id)).collect();
    labels.sort_unstable();
    labels
}

pub(super) fn confirmation(app: &App, page: &QuitPage) -> Sheet {
    let running = app.running_count();
    let heading = if page.warned_numbers.is_empty() && running > 0 {
        "Quit while work is on its way?"
    } else {
        "Quit while a PIN is in doubt?"
    };
    let mut sheet = Sheet::new(app, heading);
    if running > 0 {
        sheet.text(&requests_label(app));
        sheet.optional_text("If you quit now, what was sent is waited for (up to 35 s); nothing new is sent.");
        sheet.optional_blank_line();
    }
    let doubts = numbers_with_pin_in_memory(app);
    if !doubts.is_empty() {
        // What is lost comes first: a small window shows the beginning only.
        sheet.styled_text("If you quit, the PINs of these numbers are forgotten:", Role::Strong);
        let room = usize::from(app.size().height).saturating_sub(FIXED_LINES).max(MIN_NAMED);
        if app.hides_numbers() {
            sheet.text(&format!("! {} of them; show the screen to see which", format_count(doubts.len())));
        } else {
            for label in doubts.iter().take(room) {
                sheet.text(&format!("! {label}"));
            }
            if doubts.len() > room {
                sheet.text(&format!("and {} more: the filter request:no-answer shows them", doubts.len() - room));
            }
        }
        sheet.text("No answer came: each PIN may be set, or not. They are held in memory only.");
        sheet.optional_text("Make sure that you have written them down, or send them again first.");
        sheet.optional_blank_line();
    }
    let shown_again = app.in_doubt_list().number_count().saturating_sub(doubts.len());
    if shown_again > 0 {
        let what = if shown_again == 1 { "number in doubt is" } else { "numbers in doubt are" };
        sheet.text(&format!("{} {what} shown again at the next start.", format_count(shown_again)));
        sheet.optional_blank_line();
    }
    sheet.key_hint("y", "quit");
    sheet.key_hint("n or Esc", "stay");
    sheet
}

pub(super) fn waiting(app: &App, by: &QuitReason) -> Sheet {
    let mut sheet = Sheet::new(app, "Quitting");
    let awaited = if app.queued_count() < app.running_count() { "the answers" } else { "the journal" };
    sheet.text(&format!("{} Waiting for {awaited}, up to 35 s.", requests_label(app)));
    sheet.text("Nothing new is sent.");
    if let QuitReason::Operator { .. } = by {
        sheet.optional_blank_line();
        sheet.key_hint("n", "stay after all");
    }
    sheet
}
