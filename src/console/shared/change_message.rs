//! What the one message of a change says, from its confirmation to its outcome.
//!
//! It does not count by itself: the app asks for the seconds when the message line shows them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Shared, next_countdown_change};
use crate::domain::change::{ChangeState, DoubtEnd, Resolution};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::policy::error_catalog::{self, Explanation};

/// When the request in flight of each number was first seen.
#[derive(Debug, Default)]
pub(in crate::console) struct SendTimes(HashMap<PhoneNumberId, SendTime>);

#[derive(Debug)]
struct SendTime {
    attempt: u8,
    since: Instant,
}

impl SendTimes {
    pub(super) fn track(&mut self, id: PhoneNumberId, state: &ChangeState, now: Instant) {
        match state {
            ChangeState::Sending { attempt, .. } => {
                if self.0.get(&id).is_none_or(|sent| sent.attempt != *attempt) {
                    self.0.insert(id, SendTime { attempt: *attempt, since: now });
                }
            }
            ChangeState::Queued
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(_)
            | ChangeState::Resolved(..) => {
                self.0.remove(&id);
            }
        }
    }
}

impl Shared {
    /// When the request in flight of a number was first seen; `None` if none is in flight.
    #[must_use]
    pub fn sending_since(&self, id: &PhoneNumberId) -> Option<Instant> {
        self.send_times.0.get(id).map(|sent| sent.since)
    }

    /// Notes since when the request of a number is in flight.
    pub(in crate::console) fn track_sending(&mut self, id: PhoneNumberId, state: &ChangeState, now: Instant) {
        self.send_times.track(id, state, now);
    }

    /// Updates the message of a change.
    pub(in crate::console) fn report_change(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) {
        self.track_sending(id, state, now.instant);
        let label = self.label(&id);
        let text = match state {
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. } => {
                let text = format!("Setting {label}: {}.", progress_text(state, None));
                return self.messages.update_change(id, now.utc, text);
            }
            ChangeState::Set(completion) => {
                return self.messages.end_change(id, now.utc, format!("{label} set at {}.", completion.at), true);
            }
            ChangeState::Failed(_, error) => format!("{label} failed: {}.", error_catalog::lookup(error).summary()),
            ChangeState::NotSent(_, why) => format!("{label} not sent: {}.", Explanation::for_not_sent(why).summary),
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::NoPinInForce, .. }) => {
                format!("{label} resolved: two-step is still not set, so nothing was applied.")
            }
            ChangeState::Resolved(_, DoubtEnd { how: Resolution::Manual, .. }) => {
                format!("{label} resolved: checked manually.")
            }
            ChangeState::InDoubt(details) => {
                let summary = Explanation::for_number_in_doubt(details).summary;
                let pin_advice = pin_advice(details.newer_pin.is_some(), details.is_in_escrow);
                format!("{label} no answer: {summary}. {pin_advice}")
            }
        };
        self.messages.end_change(id, now.utc, text, false);
    }

    /// Gives the newest message its seconds, if it is that of a change in progress.
    pub(in crate::console) fn update_counter(&mut self, now: Instant) {
        let counted = self.messages.counted_change();
        let seconds = counted.and_then(|id| self.counted_seconds(&id, now).map(|seconds| (id, seconds)));
        let text = seconds.and_then(|(id, seconds)| {
            let state = self.roster.change(&id)?;
            Some(format!("Setting {}: {}.", self.label(&id), progress_text(state, Some(seconds))))
        });
        self.messages.set_counter(text);
    }

    /// When the seconds of the newest message change next; `None` if it counts none.
    pub(in crate::console) fn next_count(&self, now: Instant) -> Option<Instant> {
        let id = self.messages.counted_change()?;
        match self.roster.change(&id)? {
            ChangeState::Sending { .. } => {
                let since = self.sending_since(&id)?;
                let shown_seconds = now.saturating_duration_since(since).as_secs();
                Some(since + Duration::from_secs(shown_seconds + 1))
            }
            ChangeState::Waiting { until, .. } => next_countdown_change(*until, now),
            ChangeState::Queued
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(_)
            | ChangeState::Resolved(..) => None,
        }
    }

    /// For how long the request in flight was seen, or how long the next one waits; `None` for less than a second.
    fn counted_seconds(&self, id: &PhoneNumberId, now: Instant) -> Option<u64> {
        let seconds = match self.roster.change(id)? {
            ChangeState::Sending { .. } => now.saturating_duration_since(self.sending_since(id)?).as_secs(),
            ChangeState::Waiting { until, .. } => {
                let left = until.saturating_duration_since(now).as_millis().div_ceil(1_000);
                u64::try_from(left).unwrap_or(u64::MAX)
            }
            ChangeState::Queued
            | ChangeState::Paused { .. }
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(_)
            | ChangeState::Resolved(..) => return None,
        };
        (seconds > 0).then_some(seconds)
    }
}

/// What happens to a change in progress, with its seconds if they are shown.
fn progress_text(state: &ChangeState, seconds: Option<u64>) -> String {
    match (state, seconds) {
        (ChangeState::Sending { attempt: 1, .. }, None) => "sending".to_owned(),
        (ChangeState::Sending { attempt: 1, .. }, Some(seconds)) => format!("sending {seconds} s"),
        (ChangeState::Sending { attempt, .. }, None) => format!("sending, try {attempt}"),
        (ChangeState::Sending { attempt, .. }, Some(seconds)) => format!("sending {seconds} s, try {attempt}"),
        (ChangeState::Waiting { attempt, in_doubt, .. }, seconds) => {
            let so_far = so_far_text(*in_doubt);
            match seconds {
                Some(seconds) => format!("{so_far}try {attempt} in {seconds} s"),
                None => format!("{so_far}waiting for try {attempt}"),
            }
        }
        (ChangeState::Paused { until, in_doubt }, _) => {
            format!("{}paused until {}", so_far_text(*in_doubt), until.utc)
        }
        (
            ChangeState::Queued
            | ChangeState::Set(_)
            | ChangeState::Failed(..)
            | ChangeState::NotSent(..)
            | ChangeState::InDoubt(_)
            | ChangeState::Resolved(..),
            _,
        ) => "recording, then sending".to_owned(),
    }
}

/// What is known of a change that waits.
const fn so_far_text(is_in_doubt: bool) -> &'static str {
    if is_in_doubt { "no answer yet, " } else { "" }
}

/// Where the PIN of a number in doubt is. Short, because a window of 80 columns cuts the end.
const fn pin_advice(is_older: bool, is_in_escrow: bool) -> &'static str {
    match (is_older, is_in_escrow) {
        (true, true) => "Older PIN in escrow.",
        (true, false) => "Keep the older PIN.",
        (false, true) => "PIN in escrow.",
        (false, false) => "Keep the PIN.",
    }
}
