//! The question before the program ends, and the page while requests in flight end.
//!
//! It cancels nothing: the app does.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::go::QuitReason;
use crate::console::shared::{Environment, JobPhase, OwnJob};
use crate::console::theme::Role;
use crate::domain::text::format_count;

/// The number of lines besides the listed numbers.
const FIXED_LINES: usize = 17;

/// How many numbers even the smallest window lists.
const MIN_LISTED: usize = 3;

/// The changes in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkCounts {
    /// All of them.
    pub(super) running: usize,
    /// Those of which nothing was sent.
    pub(super) queued: usize,
}

impl WorkCounts {
    pub(super) fn of(app: &App) -> Self {
        Self { running: app.running_count(), queued: app.queued_count() }
    }

    const fn sent(self) -> usize {
        self.running.saturating_sub(self.queued)
    }
}

/// How many requests are in flight and how many are queued. A queued request waits for a free slot, or for its record
/// in the journal.
pub(super) fn requests_label(counts: WorkCounts) -> String {
    let requests =
        |count| if count == 1 { "1 request is".to_owned() } else { format!("{} requests are", format_count(count)) };
    match (counts.sent(), counts.queued) {
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
    } else if app.has_unfinished_work() {
        "Quit while a PIN is in doubt?"
    } else {
        "Everything has ended. Quit?"
    };
    let mut sheet = Sheet::new(app, heading);
    if !app.has_unfinished_work() {
        sheet.text("No request is in flight, and no PIN is in doubt.");
        sheet.optional_blank_line();
    }
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
    add_work(&mut sheet, app);
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

/// Adds what is in progress, and what becomes of it.
fn add_work(sheet: &mut Sheet, app: &App) {
    let counts = WorkCounts::of(app);
    if counts.running == 0 {
        return;
    }
    sheet.text(&requests_label(counts));
    sheet.optional_text(match (counts.sent(), counts.queued) {
        (0, 1) => "If you quit now, pindesk does not send it.",
        (0, _) => "If you quit now, pindesk sends none of them.",
        (_, _) => "If you quit now, pindesk waits for sent requests (up to 35 s) and sends nothing new.",
    });
    let unsent = |job: &&OwnJob| job.counts().get(JobPhase::Queued) + job.counts().get(JobPhase::Waiting) > 0;
    let resumable = app.own_jobs().worked_on().filter(unsent).count();
    // The demo keeps nothing.
    if resumable > 0 && app.session().environment != Environment::Demo {
        let jobs = if resumable == 1 { "The job" } else { "These jobs" };
        sheet.optional_text(&format!("{jobs} can be resumed later. What was set stays set."));
    }
    sheet.optional_blank_line();
}

pub(super) fn waiting(app: &App, reason: &QuitReason) -> Sheet {
    let mut sheet = Sheet::new(app, "Quitting");
    let counts = WorkCounts::of(app);
    let waits_for = if counts.sent() > 0 { "the answers" } else { "the journal" };
    sheet.text(&format!("{} Waiting for {waits_for}, up to 35 s.", requests_label(counts)));
    sheet.text("Nothing new is sent.");
    if let QuitReason::Operator { .. } = reason {
        sheet.optional_blank_line();
        sheet.key_hint("n", "keep running");
    }
    sheet
}
