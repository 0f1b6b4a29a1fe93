//! The list of what is in doubt: findings of the journal, and every number whose PIN in force is not known.
//!
//! A number leaves this list only by Meta's confirmation or a recorded resolution: neither a later refusal nor a
//! request in flight removes it. The page replaces the list until the operator leaves it.

use std::collections::BTreeMap;

use crate::console::input::keymap::Motion;
use crate::domain::change::{ChangeState, InDoubtDetails};
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::PhoneNumberId;
use crate::domain::standing::NotApplied;
use crate::domain::text::CleanText;

/// An item that the cursor can be on, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InDoubtItem {
    /// A finding, by its position.
    Finding(usize),
    /// A number. Those that have been in doubt for longer come first.
    Number(UtcTime, PhoneNumberId),
}

/// Findings and numbers in doubt, with the cursor of their page.
#[derive(Debug, Default)]
pub struct InDoubtList {
    findings: Vec<CleanText>,
    numbers: BTreeMap<PhoneNumberId, InDoubtDetails>,
    /// From when a new PIN may be sent to a number whose doubt an operator resolved: its request can still arrive.
    late_arrivals: BTreeMap<PhoneNumberId, TimePoint>,
    pub(in crate::console) cursor: Option<InDoubtItem>,
    /// The page must be shown before the list.
    pub(in crate::console) is_due: bool,
}

impl InDoubtList {
    /// What the operator must look at, in sentences.
    #[must_use]
    pub fn findings(&self) -> &[CleanText] {
        &self.findings
    }

    /// How many numbers are in doubt.
    #[must_use]
    pub fn number_count(&self) -> usize {
        self.numbers.len()
    }

    /// The state of a number in doubt when its last request ended.
    #[must_use]
    pub fn get(&self, id: &PhoneNumberId) -> Option<&InDoubtDetails> {
        self.numbers.get(id)
    }

    /// Every number in doubt, in the order of the ids.
    pub fn entries(&self) -> impl Iterator<Item = (&PhoneNumberId, &InDoubtDetails)> {
        self.numbers.iter()
    }

    /// All items, from the top.
    #[must_use]
    pub fn items(&self) -> Vec<InDoubtItem> {
        let numbers =
            self.numbers.iter().map(|(id, details)| InDoubtItem::Number(details.send_history.last_known_at(), *id));
        let mut items: Vec<_> = (0..self.findings.len()).map(InDoubtItem::Finding).chain(numbers).collect();
        items.sort_unstable();
        items
    }

    /// The position of the cursor in [`InDoubtList::items`]. The cursor follows its number; if that is no longer in the
    /// list, it moves to the next one.
    #[must_use]
    pub fn cursor_index(&self, items: &[InDoubtItem]) -> Option<usize> {
        let last = items.len().checked_sub(1)?;
        let Some(cursor) = self.cursor else { return Some(0) };
        let is_same = |item: &InDoubtItem| match (item, cursor) {
            (InDoubtItem::Number(_, id), InDoubtItem::Number(_, cursor_id)) => *id == cursor_id,
            (item, cursor) => *item == cursor,
        };
        let index = items.iter().position(is_same).unwrap_or_else(|| items.partition_point(|item| *item < cursor));
        Some(index.min(last))
    }

    pub(in crate::console) fn has_items(&self) -> bool {
        !self.findings.is_empty() || !self.numbers.is_empty()
    }

    /// Moves the cursor, and stops at the ends. A page has this many rows, of which an item takes one or two.
    pub(in crate::console) fn move_cursor(&mut self, motion: Motion, page_rows: usize) {
        let items = self.items();
        let page = (page_rows / 2).max(1);
        self.cursor = self.cursor_index(&items).and_then(|index| {
            let target = match motion {
                Motion::Up => index.saturating_sub(1),
                Motion::Down => index.saturating_add(1),
                Motion::PageUp => index.saturating_sub(page),
                Motion::PageDown => index.saturating_add(page),
                Motion::First => 0,
                Motion::Last => usize::MAX,
            };
            items.get(target.min(items.len().saturating_sub(1))).copied()
        });
    }

    pub(in crate::console) fn set_findings(&mut self, findings: Vec<CleanText>) {
        self.findings = findings;
        self.is_due = self.has_items();
    }

    /// Applies a new state of a number, and returns the state to show: after a change that was not applied, an older
    /// PIN may still be in doubt.
    pub(in crate::console) fn apply_state(&mut self, id: PhoneNumberId, state: ChangeState) -> ChangeState {
        if let ChangeState::InDoubt(details) = state {
            self.numbers.insert(id, (*details).clone());
            return ChangeState::InDoubt(details);
        }
        let Some(details) = self.numbers.get_mut(&id) else { return state };
        let newer_pin = match state {
            ChangeState::Set(_) => {
                self.numbers.remove(&id);
                return state;
            }
            ChangeState::Resolved(..) => {
                self.resolve(id);
                return state;
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::InDoubt(_) => {
                return state;
            }
            ChangeState::Failed(_, error) => NotApplied::Refused(error),
            ChangeState::NotSent(_, why) => NotApplied::NotSent(why),
        };
        details.newer_pin = Some(newer_pin);
        ChangeState::InDoubt(Box::new(details.clone()))
    }

    /// Applies the state of a number as the journal has it: that knows whether an older PIN is in doubt.
    pub(in crate::console) fn apply_recorded(&mut self, id: PhoneNumberId, state: &ChangeState) {
        match state {
            ChangeState::InDoubt(details) => {
                self.numbers.insert(id, (**details).clone());
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..) => {
                self.numbers.remove(&id);
            }
            ChangeState::Resolved(..) => self.resolve(id),
        }
    }

    fn resolve(&mut self, id: PhoneNumberId) {
        if let Some(details) = self.numbers.remove(&id) {
            self.late_arrivals.insert(id, details.new_pin_allowed_from);
        }
    }

    /// From when a new PIN may be sent to this number, whose doubt was resolved while its request could still arrive.
    pub(in crate::console) fn late_arrival(&self, id: &PhoneNumberId) -> Option<TimePoint> {
        self.late_arrivals.get(id).copied()
    }

    /// True if a PIN in doubt is in the escrow and no longer in memory.
    #[must_use]
    pub fn has_pins_only_in_escrow(&self) -> bool {
        self.numbers.values().any(|details| details.is_in_escrow && !details.is_pin_in_memory)
    }

    /// True if hiding the screen drops a PIN in doubt from memory.
    #[must_use]
    pub fn has_droppable_pins(&self) -> bool {
        self.numbers.values().any(|details| details.is_in_escrow && details.is_pin_in_memory)
    }

    /// Marks the PINs that the escrow has as no longer in memory.
    pub(in crate::console) fn drop_encrypted_pins(&mut self) {
        self.numbers
            .values_mut()
            .filter(|details| details.is_in_escrow)
            .for_each(|details| details.is_pin_in_memory = false);
    }
}
