//! The page of open issues before the list: findings of the journal, then each number in doubt.
//!
//! Its items and its cursor are in the shared list, because they outlive the page.

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{KeyTable, UnresolvedAction, table};
use crate::console::shared::{InDoubtItem, Shared};
use crate::domain::clock::TimePoint;

/// The page of open issues.
#[derive(Debug)]
pub struct UnresolvedPage;

impl PageBehavior for UnresolvedPage {
    type Action = UnresolvedAction;
    const ON_INTERRUPT: UnresolvedAction = UnresolvedAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<UnresolvedAction> {
        &table::UNRESOLVED
    }

    fn on_action(self, action: UnresolvedAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        let list = &mut shared.in_doubt_list;
        match action {
            UnresolvedAction::Back => {
                list.is_due = false;
                Step::back()
            }
            UnresolvedAction::Open => {
                let items = list.items();
                let item = list.cursor_index(&items).map(|index| items[index]);
                let Some(InDoubtItem::Number(_, id)) = item else { return Step::stay(self) };
                list.cursor = item;
                Step::open(self, Destination::Number(id))
            }
            UnresolvedAction::Move(motion) => {
                let page = shared.page_rows().into();
                shared.in_doubt_list.move_cursor(motion, page);
                Step::stay(self)
            }
            UnresolvedAction::Messages => Step::open(self, Destination::Messages),
            UnresolvedAction::Help => Step::open(self, Destination::Help),
            UnresolvedAction::HideScreen => Step::reset(Destination::Hidden(None)),
        }
    }

    fn lets_rows_move(&self) -> bool {
        // It shows no row, and opens other pages by phone number ID.
        true
    }
}
