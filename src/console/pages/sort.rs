//! The list while its sort column is picked.

use super::PageBehavior;
use crate::console::go::Step;
use crate::console::input::keymap::{KeyTable, SortAction, table};
use crate::console::roster::{SortColumn, SortDirection, SortOrder};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The line that picks the sort column.
#[derive(Debug)]
pub struct SortPage;

impl PageBehavior for SortPage {
    type Action = SortAction;
    const ON_INTERRUPT: SortAction = SortAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<SortAction> {
        &table::SORT
    }

    fn on_action(self, action: SortAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        let column = match action {
            SortAction::ByNumber => SortColumn::Number,
            SortAction::ByName => SortColumn::Name,
            SortAction::ByWaba => SortColumn::Waba,
            SortAction::ByTwoStep => SortColumn::TwoStep,
            SortAction::ByRequest => SortColumn::Request,
            SortAction::Back => return Step::back(),
        };
        let current = shared.roster.sort();
        let is_ascending = current.column == column && current.direction == SortDirection::Ascending;
        let direction = if is_ascending { SortDirection::Descending } else { SortDirection::Ascending };
        shared.roster.set_sort(SortOrder { column, direction });
        Step::back()
    }

    fn lets_rows_move(&self) -> bool {
        true
    }
}
