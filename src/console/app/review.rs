//! What is unresolved: findings of the journal, and every number whose PIN in force nobody knows.
//!
//! A number leaves by Meta's confirmation or by a recorded decision, and by nothing else: neither a later refusal nor a
//! request on its way takes it from here. The page stands in the list's place until somebody says "later".

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use std::collections::BTreeMap;

use super::screen::{Covering, NumberPage};
use super::{App, Effect, Screen};
use crate::console::keymap::Action;
use crate::job::{InDoubtDetails, ChangeState};
use crate::moment::UtcTime;
use crate::number::PhoneNumberId;
use crate::outcome::{DoubtReason, NotApplied};
use crate::text::CleanText;

/// A place on the page where the cursor can stand, in the page's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A finding, by its place.
    Finding(usize),
    /// A number, after those that have been in doubt for longer.
    Number(UtcTime, PhoneNumberId),
}

/// What is unresolved.
#[derive(Debug, Default)]
pub struct Review {
    findings: Vec<CleanText>,
    numbers: BTreeMap<PhoneNumberId, InDoubtDetails>,
    cursor: Option<Spot>,
    /// The page is to be shown before the list.
    pub(super) is_due: bool,
}

impl Review {
    /// What has to be looked at, in sentences.
    #[must_use]
    pub fn findings(&self) -> &[CleanText] {
        &self.findings
    }

    /// Numbers in doubt.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.numbers.len()
    }

    /// How a number in doubt stood when its last request came to rest.
    #[must_use]
    pub fn standing(&self, id: &PhoneNumberId) -> Option<&InDoubtDetails> {
        self.numbers.get(id)
    }

    /// Every number in doubt, in the order of the ids.
    pub fn standings(&self) -> impl Iterator<Item = (&PhoneNumberId, &InDoubtDetails)> {
        self.numbers.iter()
    }

    /// Everything on the page, from the top.
    #[must_use]
    pub fn spots(&self) -> Vec<Spot> {
        let numbers = self.numbers.iter().map(|(id, standing)| Spot::Number(standing.send_history.last_known_at(), *id));
        let mut spots: Vec<_> = (0..self.findings.len()).map(Spot::Finding).chain(numbers).collect();
        spots.sort_unstable();
        spots
    }

    /// Where the cursor stands among [`Review::spots`]. It follows its number; where that is gone, the next one.
    #[must_use]
    pub fn cursor_index(&self, spots: &[Spot]) -> Option<usize> {
        let last = spots.len().checked_sub(1)?;
        let Some(cursor) = self.cursor else { return Some(0) };
        let is_same = |spot: &Spot| match (spot, cursor) {
            (Spot::Number(_, id), Spot::Number(_, at)) => *id == at,
            (spot, cursor) => *spot == cursor,
        };
        let at = spots.iter().position(is_same).unwrap_or_else(|| spots.partition_point(|spot| *spot < cursor));
        Some(at.min(last))
    }

    fn has_something(&self) -> bool {
        !self.findings.is_empty() || !self.numbers.is_empty()
    }

    fn move_by(&mut self, rows: isize) {
        let spots = self.spots();
        self.cursor = self.cursor_index(&spots).and_then(|at| {
            let to = at.saturating_add_signed(rows).min(spots.len().saturating_sub(1));
            spots.get(to).copied()
        });
    }

    pub(super) fn open(&mut self, findings: Vec<CleanText>) {
        self.findings = findings;
        self.is_due = self.has_something();
    }

    /// Takes in a number's state. Gives back what is true of the number: a change that came to nothing leaves an older
    /// doubt as it was.
    pub(super) fn take_in(&mut self, id: PhoneNumberId, state: ChangeState) -> ChangeState {
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
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } | ChangeState::InDoubt(_) => {
                return state;
            }
            ChangeState::Failed(_, fault) => NotApplied::Refused(fault),
            ChangeState::NotSent(_, why) => NotApplied::NotSent(why),
        };
        standing.reason = DoubtReason::OlderPinInDoubt(last);
        ChangeState::InDoubt(Box::new(standing.clone()))
    }

    /// The PINs that the escrow has are no longer in memory.
    pub(super) fn drop_sealed_pins(&mut self) {
        self.numbers.values_mut().filter(|standing| standing.is_in_escrow).for_each(|standing| standing.is_pin_in_memory = false);
    }
}

impl App {
    /// What is unresolved.
    #[must_use]
    pub const fn review(&self) -> &Review {
        &self.review
    }

    /// Shows what is unresolved in the list's place, if there is anything.
    pub(super) fn open_review(&mut self) {
        self.review.is_due = self.review.has_something();
        if !self.review.is_due {
            self.messages.hint("No number is in doubt.");
        }
    }

    pub(super) fn act_on_unresolved(&mut self, action: Action) -> Vec<Effect> {
        let Screen::Unresolved(below) = self.take_screen() else { return Vec::new() };
        match action {
            Action::Back => {
                self.review.is_due = false;
                self.go(*below);
                return Vec::new();
            }
            Action::Open => {
                let spots = self.review.spots();
                let spot = self.review.cursor_index(&spots).map(|at| spots[at]);
                if let Some(Spot::Number(_, id)) = spot {
                    self.review.cursor = spot;
                    self.go(Screen::Number(NumberPage { id, scroll: 0 }));
                    return vec![Effect::ReadHistory(id)];
                }
            }
            Action::Up => self.review.move_by(-1),
            Action::Down => self.review.move_by(1),
            _ => {}
        }
        let here = Screen::Unresolved(below);
        self.go(match action {
            Action::Messages => Screen::Messages(Covering::new(here)),
            Action::Help => Screen::Help(Covering::new(here)),
            _ => here,
        });
        Vec::new()
    }
}
