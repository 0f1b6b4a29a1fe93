//! The pauses of the limits of Meta, as far as they concern queued numbers: a scope that is paused is told once, and the
//! rows of its queued numbers follow from that.
//!
//! It does not know the numbers, and does not decide when calls go on.

use std::time::Instant;

use hashbrown::HashMap;

use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::policy::quota::QuotaScope;

/// The scopes that are paused, with the state that their queued numbers show.
#[derive(Debug, Default)]
pub(super) struct ScopePauses(HashMap<QuotaScope, (Instant, ChangeState)>);

impl ScopePauses {
    pub(super) fn insert(&mut self, scope: QuotaScope, until: TimePoint) {
        self.0.insert(scope, (until.instant, ChangeState::Paused { until, in_doubt: false }));
    }

    /// Removes the pauses of which this holds, with their end. True if there were any.
    pub(super) fn end(&mut self, is_over: impl Fn(QuotaScope, Instant) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|scope, (until, _)| !is_over(*scope, *until));
        self.0.len() < before
    }

    /// When the first queued number is no longer paused; `None` if none is. `queued` has how many are queued in the
    /// scope of each WABA, and `queued_in` returns the one in which a number is.
    pub(super) fn next_end(
        &self,
        queued: &HashMap<QuotaScope, usize>,
        queued_in: impl Fn(&PhoneNumberId) -> Option<QuotaScope>,
    ) -> Option<Instant> {
        if self.0.is_empty() {
            return None;
        }
        // A number that is paused by itself may wait longer than the others of its WABA.
        let mut others = queued.clone();
        let mut ends = Vec::new();
        for (scope, (until, _)) in &self.0 {
            let QuotaScope::Number(id) = scope else { continue };
            let Some(waba) = queued_in(id) else { continue };
            *others.entry(waba).or_default() -= 1;
            ends.push(self.end_in(waba).map_or(*until, |end| end.max(*until)));
        }
        let wabas = others.into_iter().filter(|(_, count)| *count > 0);
        ends.into_iter().chain(wabas.filter_map(|(waba, _)| self.end_in(waba))).min()
    }

    /// When the numbers in the scope of a WABA that are not paused by themselves are no longer paused; `None` if they are
    /// not paused.
    fn end_in(&self, waba: QuotaScope) -> Option<Instant> {
        let scopes = [QuotaScope::App, QuotaScope::Token, waba];
        scopes.iter().filter_map(|scope| self.0.get(scope)).map(|(until, _)| *until).max()
    }

    /// The state that the row of a number shows. `scopes` is called only for a number that is queued: it returns the
    /// scopes of its WABA and of the number itself.
    pub(super) fn shown<'a>(
        &'a self,
        state: &'a ChangeState,
        scopes: impl FnOnce() -> Option<[QuotaScope; 2]>,
    ) -> &'a ChangeState {
        if self.0.is_empty() || *state != ChangeState::Queued {
            return state;
        }
        scopes().and_then(|scopes| self.longest_of(scopes)).map_or(state, |(_, paused)| paused)
    }

    fn longest_of(&self, scopes: [QuotaScope; 2]) -> Option<&(Instant, ChangeState)> {
        let scopes = [QuotaScope::App, QuotaScope::Token].into_iter().chain(scopes);
        scopes.filter_map(|scope| self.0.get(&scope)).max_by_key(|(until, _)| *until)
    }
}
