//! What is in doubt: findings of the journal, and every number whose PIN in force is not known.
//!
//! A number leaves this list only by Meta's confirmation or a recorded resolution: neither a later refusal nor a
//! request in flight removes it. The page replaces the list until the operator leaves it.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use std::collections::BTreeMap;

use super::screen::{NumberPage, Overlay};
use super::{App, Effect, Screen};
use crate::console::input::keymap::Action;
use crate::domain::change::{ChangeState, InDoubtDetails};
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;
use crate::domain::outcome::{DoubtReason, NotApplied};
use crate::domain::text::CleanText;

/// An item that the cursor can be on, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InDoubtItem {
    /// A finding, by its position.
    Finding(usize),
    /// A number. Those that have been in doubt for longer come first.
    Number(UtcTime, PhoneNumberId),
}

/// The items in doubt.
#[derive(Debug, Default)]
pub struct InDoubtList {
    findings: Vec<CleanText>,
    numbers: BTreeMap<PhoneNumberId, InDoubtDetails>,
    cursor: Option<InDoubtItem>,
    /// The page must be shown before the list.
    pub(super) is_due: bool,
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
            self.numbers.iter().map(|(id, standing)| InDoubtItem::Number(standing.send_history.last_known_at(), *id));
        let mut spots: Vec<_> = (0..self.findings.len()).map(InDoubtItem::Finding).chain(numbers).collect();
        spots.sort_unstable();
        spots
    }

    /// The position of the cursor in [`InDoubtList::items`]. It follows its number; if that is gone, it is on the next
    /// one.
    #[must_use]
    pub fn cursor_index(&self, spots: &[InDoubtItem]) -> Option<usize> {
        let last = spots.len().checked_sub(1)?;
        let Some(cursor) = self.cursor else { return Some(0) };
        let is_same = |spot: &InDoubtItem| match (spot, cursor) {
            (InDoubtItem::Number(_, id), InDoubtItem::Number(_, at)) => *id == at,
            (spot, cursor) => *spot == cursor,
        };
        let at = spots.iter().position(is_same).unwrap_or_else(|| spots.partition_point(|spot| *spot < cursor));
        Some(at.min(last))
    }

    fn has_items(&self) -> bool {
        !self.findings.is_empty() || !self.numbers.is_empty()
    }

    fn move_by(&mut self, rows: isize) {
        let spots = self.items();
        self.cursor = self.cursor_index(&spots).and_then(|at| {
            let to = at.saturating_add_signed(rows).min(spots.len().saturating_sub(1));
            spots.get(to).copied()
        });
    }

    pub(super) fn set_findings(&mut self, findings: Vec<CleanText>) {
        self.findings = findings;
        self.is_due = self.has_items();
    }

    /// Applies a new state of a number. Returns the state that is true of it: a change that changed nothing leaves an
    /// older doubt.
    pub(super) fn apply_state(&mut self, id: PhoneNumberId, state: ChangeState) -> ChangeState {
        if let ChangeState::InDoubt(standing) = state {
            self.numbers.insert(id, (*standing).clone());
            return ChangeState::InDoubt(standing);
        }
        let Some(standing) = self.numbers.get_mut(&id) else { return state };
        let last = match state {
            ChangeState::Set(_) | ChangeState::Resolved(..) => {
                self.numbers.remove(&id);
                return state;
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::InDoubt(_) => {
                return state;
            }
            ChangeState::Failed(_, fault) => NotApplied::Refused(fault),
            ChangeState::NotSent(_, why) => NotApplied::NotSent(why),
        };
        standing.reason = DoubtReason::OlderPinInDoubt(last);
        ChangeState::InDoubt(Box::new(standing.clone()))
    }

    /// The PINs that the escrow has are no longer in memory.
    pub(super) fn drop_encrypted_pins(&mut self) {
        self.numbers
            .values_mut()
            .filter(|standing| standing.is_in_escrow)
            .for_each(|standing| standing.is_pin_in_memory = false);
    }
}

impl App {
    /// The items in doubt.
    #[must_use]
    pub const fn in_doubt_list(&self) -> &InDoubtList {
        &self.in_doubt_list
    }

    /// Shows the page in place of the list, if there is anything in doubt.
    pub(super) fn open_in_doubt_list(&mut self) {
        self.in_doubt_list.is_due = self.in_doubt_list.has_items();
        if !self.in_doubt_list.is_due {
            self.messages.set_hint("No number is in doubt.");
        }
    }

    pub(super) fn act_on_unresolved(&mut self, action: Action) -> Vec<Effect> {
        let Screen::Unresolved(below) = self.take_screen() else { return Vec::new() };
        match action {
            Action::Back => {
                self.in_doubt_list.is_due = false;
                self.set_screen(*below);
                return Vec::new();
            }
            Action::Open => {
                let spots = self.in_doubt_list.items();
                let spot = self.in_doubt_list.cursor_index(&spots).map(|at| spots[at]);
                if let Some(InDoubtItem::Number(_, id)) = spot {
                    self.in_doubt_list.cursor = spot;
                    self.set_screen(Screen::Number(NumberPage { id, scroll: 0 }));
                    return vec![Effect::ReadHistory(id)];
                }
            }
            Action::Up => self.in_doubt_list.move_by(-1),
            Action::Down => self.in_doubt_list.move_by(1),
            _ => {}
        }
        let here = Screen::Unresolved(below);
        self.set_screen(match action {
            Action::Messages => Screen::Messages(Overlay::new(here)),
            Action::Help => Screen::Help(Overlay::new(here)),
            _ => here,
        });
        Vec::new()
    }
}
