//! What the form and the question for many numbers share: their counts, the numbers that are left out, and the list
//! beside them.
//!
//! It decides nothing: the plan does.

use super::canvas::Canvas;
use super::details::paint_beside_page;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::theme::Role;
use crate::domain::batch_plan::{BatchPlan, Candidate, FrozenBatch, LeftOutReason, Obstacle, TwoStepTally, WabaShare};
use crate::domain::number::Waba;
use crate::domain::text::{CleanText, count_numbers, format_count};

/// The most lines of left-out numbers in the pane, and the lines besides the numbers.
const MAX_LEFT_OUT_LINES: usize = 8;
const PANE_FRAME_LINES: usize = 5;

/// `not set 2,435   on 4   unknown 0`.
pub(super) fn two_step_text(tally: TwoStepTally) -> String {
    let TwoStepTally { not_set, on, unknown } = tally;
    let [not_set, on, unknown] = [not_set, on, unknown].map(format_count);
    format!("not set {not_set}   on {on}   unknown {unknown}")
}

/// `4 on, 1 being sent, 1 in doubt`; empty if none is left out.
pub(super) fn left_out_text(plan: &BatchPlan) -> String {
    let part = |(reason, count)| format!("{} {}", format_count(count), reason_label(reason));
    plan.left_out_counts().map(part).collect::<Vec<_>>().join(", ")
}

/// Why a number is left out, after a count or a number.
pub(super) const fn reason_label(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::On => "on",
        LeftOutReason::Unknown => "unknown",
        LeftOutReason::Obstacle(Obstacle::BeingSent { elsewhere: false }) => "being sent",
        LeftOutReason::Obstacle(Obstacle::BeingSent { elsewhere: true }) => "being sent by another pindesk",
        LeftOutReason::Obstacle(Obstacle::InDoubt) => "in doubt",
        LeftOutReason::Obstacle(Obstacle::MayStillArrive) => "its last request may still arrive",
        LeftOutReason::Obstacle(Obstacle::NotListed) => "no longer listed",
    }
}

/// The same in a line of its own, which says that a choice left it out.
pub(super) const fn reason_in_list(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::On => "on, not replaced",
        LeftOutReason::Unknown => "unknown, not replaced",
        LeftOutReason::Obstacle(_) => reason_label(reason),
    }
}

/// The name of a WABA of a plan.
pub(super) fn share_label(share: &WabaShare) -> &str {
    share.waba.as_deref().map_or("no WABA", Waba::label)
}

/// `us-retail 1,200   eu-retail 1,001`.
pub(super) fn wabas_text(plan: &BatchPlan) -> String {
    let part = |share: &WabaShare| format!("{} {}", share_label(share), format_count(share.numbers));
    plan.wabas().iter().map(part).collect::<Vec<_>>().join("   ")
}

/// Adds how many numbers are left out, and why.
pub(super) fn add_left_out(sheet: &mut Sheet, plan: &BatchPlan) {
    let count = format_count(plan.left_out());
    sheet.field("Left out", format!("{count}   {}", left_out_text(plan)).trim_end());
}

/// The number and the name of a row.
pub(super) fn row_text(candidate: &Candidate) -> String {
    let name = candidate.number.name.as_ref().map_or("", CleanText::as_str);
    format!("{:<17}{name}", format!("{} ", candidate.number.label())).trim_end().to_owned()
}

/// Draws the list beside the form or the question: the numbers in the order in which they are sent, and the others.
pub(super) fn paint_pane(app: &App, frozen: &FrozenBatch, canvas: &mut Canvas<'_>) {
    paint_beside_page(canvas, |sheet, rows| {
        let mut heading = vec![("As it will be sent".to_owned(), Role::Strong)];
        if let Some(key) = app.keymap().whole_list_key(app.mode()) {
            let (gap, label) = ("   ".to_owned(), " whole list".to_owned());
            heading.extend([(gap, Role::Plain), (key.to_string(), Role::Strong), (label, Role::Plain)]);
        }
        sheet.push_line(heading);
        sheet.push_blank_line();
        let left_out = left_out_lines(frozen);
        let room = rows.saturating_sub(left_out.len() + PANE_FRAME_LINES).max(1);
        let targets = frozen.targets();
        let more = targets.len().saturating_sub(room);
        targets.take(room).for_each(|candidate| sheet.push_line(vec![(row_text(candidate), Role::Plain)]));
        if more > 0 {
            sheet.text(&format!("and {} more", format_count(more)));
        }
        if !left_out.is_empty() {
            sheet.blank_line();
            sheet.styled_text("Left out", Role::Strong);
            for line in left_out {
                sheet.push_line(vec![(line, Role::Plain)]);
            }
        }
    });
}

/// The numbers that are left out, each with its reason if there are few, and counted if there are many.
fn left_out_lines(frozen: &FrozenBatch) -> Vec<String> {
    if frozen.left_out().len() <= MAX_LEFT_OUT_LINES {
        let line = |(candidate, reason): (&Candidate, _)| line_of(candidate.number.label(), reason);
        return frozen.left_out().map(line).collect();
    }
    frozen.plan().left_out_counts().map(|(reason, count)| line_of(&count_numbers(count), reason)).collect()
}

fn line_of(what: &str, reason: LeftOutReason) -> String {
    format!("{what:<16} {}", reason_in_list(reason))
}
