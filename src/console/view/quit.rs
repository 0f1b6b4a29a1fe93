//! The question before the end, and the wait for what is on its way.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::{Leaving, QuitPage};
use crate::console::theme::Role;

/// Lines of the page besides the numbers it names.
const FRAME: usize = 17;

/// Numbers that are named in the smallest window too.
const LEAST_NAMED: usize = 3;

fn requests(count: usize) -> String {
    if count == 1 { "1 request is".to_owned() } else { format!("{count} requests are") }
}

fn numbers_in_doubt(app: &App) -> Vec<String> {
    let roster = app.roster();
    let mut labels: Vec<_> = roster
        .jobs()
        .filter(|(_, state)| state.is_in_doubt())
        .map(|(id, _)| roster.get(id).map_or_else(|| id.to_string(), |row| row.number.label().to_owned()))
        .collect();
    labels.sort_unstable();
    labels
}

pub(super) fn question(app: &App, page: &QuitPage) -> Sheet {
    let running = app.running();
    let heading =
        if page.told_in_doubt.is_empty() { "Quit while work is on its way?" } else { "Quit while a PIN is in doubt?" };
    let mut sheet = Sheet::new(app, heading);
    if running > 0 {
        sheet.text(&format!("{} on the way.", requests(running)));
        sheet.extra("If you quit now, what was sent is waited for (up to 35 s); nothing new is sent.");
        sheet.extra_gap();
    }
    let doubts = numbers_in_doubt(app);
    if !doubts.is_empty() {
        // What is lost comes first: a small window shows the beginning only.
        sheet.styled("If you quit, the PINs of these numbers are forgotten:", Role::Strong);
        let room = usize::from(app.size().height).saturating_sub(FRAME).max(LEAST_NAMED);
        for label in doubts.iter().take(room) {
            sheet.text(&format!("! {label}"));
        }
        if doubts.len() > room {
            sheet.text(&format!("and {} more: the filter request:no-answer shows them", doubts.len() - room));
        }
        sheet.text("No answer came: each PIN may be set, or not. They are held in memory only.");
        sheet.extra("Make sure that you have written them down, or send them again first.");
        sheet.extra_gap();
    }
    sheet.key("y", "quit");
    sheet.key("n or Esc", "stay");
    sheet
}

pub(super) fn waiting(app: &App, by: &Leaving) -> Sheet {
    let mut sheet = Sheet::new(app, "Quitting");
    sheet.text(&format!("{} on the way. Waiting for the answers, up to 35 s.", requests(app.running())));
    sheet.text("Nothing new is sent.");
    if let Leaving::Operator { .. } = by {
        sheet.extra_gap();
        sheet.key("n", "stay after all");
    }
    sheet
}
