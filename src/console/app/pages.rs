//! Opening and leaving the pages that concern one number, and the checks before anything may be sent.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use std::time::Duration;

use super::screen::{CopiedPage, FormPage, TokenTrouble};
use super::{App, Effect, Link, Screen};
use crate::catalogue::Explanation;
use crate::console::keymap::{Action, Mode};
use crate::console::pin_form::{Note, PinForm};
use crate::console::roster::Row;
use crate::job::JobState;
use crate::moment::Moment;
use crate::number::{Number, PhoneNumberId};
use crate::pin::{PIN_DIGITS, Pin};
use crate::text::Clean;

/// A request that may have been applied can land this late; until then no other PIN goes to the number.
const LATE_LANDING: Duration = Duration::from_mins(2);

impl App {
    /// Opens the PIN form for a number, and reads the number again, so that the form says what is on now.
    pub(super) fn open_form(&mut self, id: Option<PhoneNumberId>, now: Moment) -> Vec<Effect> {
        let Some(target) = id.and_then(|id| self.roster.get(&id)).map(|row| row.number.clone()) else {
            self.messages.hint("There is no number under the cursor.");
            return Vec::new();
        };
        let id = target.id;
        if !self.may_send(&id, false, now) {
            return Vec::new();
        }
        let display = target.display.as_ref().map(|display| display.as_str().to_owned());
        let form = PinForm::new(display, self.session.show_pin_for);
        self.go(Screen::Form(Box::new(FormPage { target, form })));
        vec![Effect::ReadNumber(id)]
    }

    /// Whether a request for this number may be made now; if not, the message line says why.
    pub(super) fn may_send(&mut self, id: &PhoneNumberId, same_pin: bool, now: Moment) -> bool {
        if let Link::TokenRefused { code, reason } = self.link {
            self.go(Screen::Token(TokenTrouble::Refused { code, reason }));
            return false;
        }
        let refusal = self.refusal(id, same_pin, now);
        if let Some(why) = &refusal {
            self.messages.hint(why.clone());
        }
        refusal.is_none()
    }

    fn refusal(&self, id: &PhoneNumberId, same_pin: bool, now: Moment) -> Option<String> {
        if self.session.read_only {
            return Some("This profile is read-only: nothing can be changed.".to_owned());
        }
        if let Link::Offline { .. } = self.link {
            let key = self.keymap.key_of(Mode::List, Action::ReadThis);
            return Some(format!("There is no connection to {}. Press {key} to try now.", self.session.host));
        }
        match self.roster.get(id)?.job? {
            JobState::Queued | JobState::Sending { .. } | JobState::Waiting { .. } => {
                Some("A request for this number is on its way already.".to_owned())
            }
            JobState::InDoubt(finished, _) if !same_pin && now.utc < finished.at.plus(LATE_LANDING) => {
                let from = finished.at.plus(LATE_LANDING);
                let keys = self.keys_to_send_again();
                // The time comes first: a narrow window cuts the end.
                Some(format!("Until {from} only the same PIN can go: {keys}. It may still land."))
            }
            JobState::InDoubt(..) | JobState::Set(_) | JobState::Failed(..) | JobState::NotSent(..) => None,
        }
    }

    /// How the same PIN is sent again from here.
    fn keys_to_send_again(&self) -> String {
        let send = self.keymap.key_of(Mode::NoAnswer, Action::SendSamePin);
        if matches!(self.screen, Screen::List) {
            format!("{}, then {send}", self.keymap.key_of(Mode::List, Action::Open))
        } else {
            send
        }
    }

    /// Reads one number again. Never sends a PIN.
    pub(super) fn read_this(&mut self, id: Option<PhoneNumberId>) -> Vec<Effect> {
        match id {
            Some(_) if matches!(self.link, Link::TokenRefused { .. }) => vec![Effect::ReadToken],
            Some(id) => {
                let label = self.label(&id);
                self.messages.hint(format!("Reading {label} again."));
                vec![Effect::ReadNumber(id)]
            }
            None => Vec::new(),
        }
    }

    pub(super) fn pin_drawn(&mut self, pin: Option<Pin>, now: std::time::Instant) {
        if let Screen::Form(page) = &mut self.screen {
            match pin {
                Some(pin) => page.form.take_random(&pin, now),
                None => page.form.say(Note::NoRandomness),
            }
        }
    }

    pub(super) fn act_on_copy(&mut self, action: Action) -> Vec<Effect> {
        let Screen::Copy(page) = self.take_screen() else { return Vec::new() };
        let text = self.roster.get(&page.id).and_then(|Row { number, job }| match action {
            Action::CopyNumber => number.display.as_ref().map(|display| display.as_str().to_owned()),
            Action::CopyId => Some(number.id.to_string()),
            Action::CopyWaba => number.waba.as_ref().map(|waba| waba.id.to_string()),
            Action::CopyAll => Some(ticket(number, job)),
            _ => None,
        });
        if let Some(text) = text {
            self.go(Screen::Copied(CopiedPage { text: text.clone(), back: page.back }));
            return vec![Effect::Copy(text)];
        }
        if action != Action::Back {
            self.messages.hint("Meta gave no such value for this number.");
        }
        self.go(*page.back);
        Vec::new()
    }
}

/// The digits in a pasted text, if it is a phone number or an id and nothing else.
pub(super) fn number_in(text: &str) -> Option<String> {
    /// Shorter than any phone number, and longer than a PIN: one pasted a page too early must not be shown.
    const MIN_DIGITS: usize = PIN_DIGITS + 1;
    let text = text.trim();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && digits.len() >= MIN_DIGITS && digits.len() <= 23).then_some(digits)
}

/// What a ticket needs of a number: no PIN, no token.
fn ticket(number: &Number, job: Option<&JobState>) -> String {
    let mut lines = vec![
        format!("Number: {}", number.label()),
        format!("Name: {}", number.name.as_ref().map_or("-", Clean::as_str)),
        format!("phone number ID: {}", number.id),
    ];
    if let Some(waba) = &number.waba {
        lines.push(format!("WABA: {} {}", waba.label(), waba.id));
    }
    lines.push(format!("Two-step verification: {}", number.two_step.words()));
    if let Some((job, told)) = job.and_then(|job| Some((job, Explanation::of_job(job)?))) {
        lines.push(format!("Last request: {}. {} {}", job.key(), told.reason, told.changed.words()));
        if let Some(fault) = job.fault() {
            lines.push(format!("Meta said: {} (HTTP {})", fault.message, fault.http_status));
            lines.push(format!("Trace ID: {}", fault.trace_id.as_ref().map_or("-", Clean::as_str)));
        }
    }
    lines.join("\n")
}
