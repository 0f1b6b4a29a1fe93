//! Decides whether a call may be made now, from what Meta told about its limits and from the own calls of the last hour.
//!
//! Meta limits calls for each app, token, WABA and number, and does not tell the limits: it tells what percentage is
//! used. A throttled reply pauses its scope; after the pause one call probes, and then the rest goes on. Before a limit is
//! reached, fewer calls are in flight at once. These are pure rules: they never wait, send or read a clock.

mod budget;
mod usage;

use std::collections::HashMap;
use std::time::Instant;

use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::ThrottleScope;
use crate::policy::quota::budget::Budget;

pub use self::usage::{Usage, UsageEntry};

/// What a pause or a budget applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaScope {
    /// All calls of the app.
    App,
    /// All calls with the access token.
    Token,
    /// All calls that concern a WABA and its numbers; `None` for the numbers whose WABA is not known, which wait together.
    Waba(Option<WabaId>),
    /// All calls that concern a number.
    Number(PhoneNumberId),
}

/// What a call concerns, besides the app and the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTarget {
    /// The WABA, if it is known.
    pub waba: Option<WabaId>,
    /// The number, if the call concerns only one.
    pub number: Option<PhoneNumberId>,
}

/// Why a scope is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// Meta refused a call with this code.
    Throttled(i64),
    /// Nearly all calls of this hour are used up.
    QuotaUsedUp,
}

/// A pause of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopePause {
    /// What is paused.
    pub scope: QuotaScope,
    /// Why.
    pub cause: PauseCause,
    /// When one call may probe.
    pub until: Instant,
}

/// Why a call may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A scope of it is paused.
    Paused(ScopePause),
    /// A scope of it has as many calls in flight as it may have now.
    Busy,
}

/// What is left of the calls of a WABA, as far as Meta told lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsLeft {
    /// How many calls may still be made now.
    pub left: u64,
    /// How many an hour are allowed.
    pub per_hour: u64,
}

/// A call that was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTicket {
    target: CallTarget,
    admitted_at: Instant,
    /// How many own calls of the last hour the app and the WABA had, with this one.
    app_calls: u64,
    waba_calls: u64,
}

impl CallTicket {
    /// The ticket for a call that concerns this number.
    #[must_use]
    pub const fn for_number(self, number: PhoneNumberId) -> Self {
        Self { target: CallTarget { number: Some(number), ..self.target }, ..self }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub enum CallEnd<'a> {
    /// It was never sent.
    NotSent,
    /// It was sent, and no complete reply of Meta arrived.
    NoReply,
    /// Meta replied.
    Replied {
        /// What it told about the limits.
        usage: &'a Usage,
        /// The throttle, if it was one.
        throttle: Option<Throttle>,
    },
}

/// A reply that asks to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How far it reaches.
    pub scope: ThrottleScope,
    /// The error code.
    pub code: i64,
}

impl Throttle {
    /// The throttle in an error, if it is one.
    #[must_use]
    pub fn from_error(error: &ApiError) -> Option<Self> {
        ThrottleScope::of(error).map(|scope| Self { scope, code: error.code })
    }
}

/// The budgets of all scopes.
#[derive(Debug)]
pub struct Budgets {
    /// How many calls may be in flight in a scope that is far from its limit.
    max_in_flight: usize,
    app: Budget,
    token: Budget,
    wabas: HashMap<Option<WabaId>, Budget>,
    /// Only numbers that Meta throttled.
    numbers: HashMap<PhoneNumberId, Budget>,
    /// Pauses that started or became longer.
    started_pauses: Vec<ScopePause>,
}

impl Budgets {
    /// Budgets without calls.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        Self {
            max_in_flight,
            app: Budget::unknown(),
            token: Budget::unknown(),
            wabas: HashMap::new(),
            numbers: HashMap::new(),
            started_pauses: Vec::new(),
        }
    }

    /// Admits a call. The caller must report its end with the ticket.
    ///
    /// # Errors
    /// Why a scope of the call does not allow it now.
    pub fn admit(&mut self, target: CallTarget, now: Instant) -> Result<CallTicket, Hold> {
        if let Some(hold) = self.hold(target, now) {
            return Err(hold);
        }
        let app_calls = self.app.start(now);
        self.token.start(now);
        let waba_calls = self.waba(target.waba).start(now);
        if let Some(number) = target.number.and_then(|number| self.numbers.get_mut(&number)) {
            number.start(now);
        }
        Ok(CallTicket { target, admitted_at: now, app_calls, waba_calls })
    }

    /// Why a call may not be made now; `None` if it may. Pauses a scope whose limit is nearly reached.
    pub fn hold(&mut self, target: CallTarget, now: Instant) -> Option<Hold> {
        self.start_quota_pauses(target, now);
        if let Some(pause) = self.pause(target, now) {
            return Some(Hold::Paused(pause));
        }
        let max = self.max_in_flight;
        let is_busy = [&mut self.app, &mut self.token]
            .into_iter()
            .chain(self.wabas.get_mut(&target.waba))
            .chain(target.number.and_then(|number| self.numbers.get_mut(&number)))
            .any(|budget| budget.is_busy(max, now));
        is_busy.then_some(Hold::Busy)
    }

    /// The longest pause of the scopes of a call, if one of them is paused.
    pub fn pause(&mut self, target: CallTarget, now: Instant) -> Option<ScopePause> {
        self.pauses(target, now).max_by_key(|pause| pause.until)
    }

    /// True if Meta throttles a scope of the call, whatever other pauses there are.
    pub fn is_throttled(&mut self, target: CallTarget, now: Instant) -> bool {
        self.pauses(target, now).any(|pause| matches!(pause.cause, PauseCause::Throttled(_)))
    }

    /// The pauses of the scopes of a call.
    fn pauses(&mut self, target: CallTarget, now: Instant) -> impl Iterator<Item = ScopePause> {
        let waba = self.wabas.get_mut(&target.waba).map(|budget| (QuotaScope::Waba(target.waba), budget));
        let number = target.number.and_then(|id| Some((QuotaScope::Number(id), self.numbers.get_mut(&id)?)));
        let scopes = [(QuotaScope::App, &mut self.app), (QuotaScope::Token, &mut self.token)];
        scopes.into_iter().chain(waba).chain(number).filter_map(move |(scope, budget)| {
            budget.pause(now).map(|(cause, until)| ScopePause { scope, cause, until })
        })
    }

    /// What is left of the calls of a WABA; `None` if Meta told nothing of them in the last hour.
    pub fn calls_left(&mut self, waba: WabaId, now: Instant) -> Option<CallsLeft> {
        self.wabas.get_mut(&Some(waba))?.calls_left(now)
    }

    /// Pauses the scopes of a call whose limit is nearly reached.
    fn start_quota_pauses(&mut self, target: CallTarget, now: Instant) {
        let waba = self.wabas.get_mut(&target.waba).map(|budget| (QuotaScope::Waba(target.waba), budget));
        for (scope, budget) in [(QuotaScope::App, &mut self.app)].into_iter().chain(waba) {
            if let Some(until) = budget.start_quota_pause(now) {
                self.started_pauses.push(ScopePause { scope, cause: PauseCause::QuotaUsedUp, until });
            }
        }
    }

    /// The pauses that started or became longer since the last call of this function.
    pub fn take_started_pauses(&mut self) -> Vec<ScopePause> {
        std::mem::take(&mut self.started_pauses)
    }

    /// Records the end of an admitted call.
    pub fn finish(&mut self, ticket: CallTicket, end: CallEnd<'_>, now: Instant) {
        let CallTicket { target, admitted_at, app_calls, waba_calls } = ticket;
        let was_sent = !matches!(end, CallEnd::NotSent);
        let waba = self.wabas.get_mut(&target.waba);
        let number = target.number.and_then(|number| self.numbers.get_mut(&number));
        for budget in [&mut self.app, &mut self.token].into_iter().chain(waba).chain(number) {
            budget.end(was_sent, now);
        }
        let CallEnd::Replied { usage, throttle } = end else { return };
        self.app.report(usage.app_percent, admitted_at, app_calls);
        if let Some(budget) = self.wabas.get_mut(&target.waba) {
            let percent = usage.of_waba(target.waba.as_ref()).map(|entry| entry.percent);
            budget.report(percent, admitted_at, waba_calls);
        }
        match throttle {
            Some(throttle) => self.throttle(target, throttle, usage, admitted_at, now),
            None => self.reopen(target, admitted_at),
        }
    }

    /// Forgets the pause of the access token, because it was replaced.
    pub fn replace_token(&mut self) {
        self.token.reopen_now();
    }

    fn throttle(&mut self, target: CallTarget, throttle: Throttle, usage: &Usage, admitted_at: Instant, now: Instant) {
        let scope = match (throttle.scope, target) {
            (ThrottleScope::App, _) => QuotaScope::App,
            (ThrottleScope::Token, _) => QuotaScope::Token,
            (ThrottleScope::Number, CallTarget { number: Some(number), .. }) => QuotaScope::Number(number),
            (ThrottleScope::Waba | ThrottleScope::Number, _) => QuotaScope::Waba(target.waba),
        };
        let cause = PauseCause::Throttled(throttle.code);
        let budget = match scope {
            QuotaScope::App => &mut self.app,
            QuotaScope::Token => &mut self.token,
            QuotaScope::Waba(waba) => self.waba(waba),
            QuotaScope::Number(number) => self.numbers.entry(number).or_insert_with(Budget::unknown),
        };
        let named_wait = usage.named_wait(target.waba.as_ref());
        if let Some(until) = budget.throttle(cause, named_wait, admitted_at, now) {
            self.started_pauses.push(ScopePause { scope, cause, until });
        }
    }

    /// A call of these scopes succeeded: their probes, if any, are over.
    fn reopen(&mut self, target: CallTarget, admitted_at: Instant) {
        self.app.reopen(admitted_at);
        self.token.reopen(admitted_at);
        if let Some(budget) = self.wabas.get_mut(&target.waba) {
            budget.reopen(admitted_at);
        }
        if let Some(number) = target.number
            && self.numbers.get_mut(&number).is_some_and(|budget| budget.reopen(admitted_at))
        {
            self.numbers.remove(&number);
        }
    }

    fn waba(&mut self, waba: Option<WabaId>) -> &mut Budget {
        // Numbers without a known WABA may be in many WABAs, so the limit of one says nothing about them.
        self.wabas.entry(waba).or_insert_with(if waba.is_some() { Budget::of_waba } else { Budget::unknown })
    }
}

#[cfg(test)]
mod tests;
