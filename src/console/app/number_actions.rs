//! Opens the PIN form of a number, refreshes it, and copies what is known of it.
//!
//! It sends no PIN: the form leads to a question first.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use super::screen::{CopiedPage, PinFormPage};
use super::{App, Connection, Effect, Screen};
use crate::console::input::keymap::Action;
use crate::console::pin_form::{PinForm, PinFormNote};
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::pin::{PIN_DIGITS, Pin};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

impl App {
    /// Opens the PIN form for a number, and refreshes the number, so that the form shows the current status.
    pub(super) fn open_form(&mut self, id: Option<PhoneNumberId>, now: TimePoint) -> Vec<Effect> {
        let Some(target) = id.and_then(|id| self.number(&id)) else {
            self.messages.set_hint("No number under the cursor.");
            return Vec::new();
        };
        let id = target.id;
        if !self.may_send(&id, false, now) {
            return Vec::new();
        }
        let form = PinForm::new(target.display_number.as_ref().map(CleanText::to_string), self.session.show_pin_for);
        self.set_screen(Screen::Form(Box::new(PinFormPage { target, form, notice: None })));
        vec![self.refresh_effect(id)]
    }

    /// The effect that refreshes a number.
    pub(super) fn refresh_effect(&self, id: PhoneNumberId) -> Effect {
        Effect::RefreshNumber(self.number(&id).unwrap_or_else(|| Number::from_config(id, None)))
    }

    /// Refreshes one number. Never sends a PIN.
    pub(super) fn refresh_number(&mut self, id: Option<PhoneNumberId>) -> Vec<Effect> {
        match id {
            Some(_) if matches!(self.connection, Connection::TokenRefused { .. }) => vec![Effect::ReadToken],
            Some(id) => {
                let label = self.label(&id);
                self.messages.set_hint(format!("Refreshing {label}."));
                vec![self.refresh_effect(id)]
            }
            None => Vec::new(),
        }
    }

    pub(super) fn pin_generated(&mut self, pin: Option<Pin>, now: std::time::Instant) {
        if let Screen::Form(page) = &mut self.screen {
            match pin {
                Some(pin) => page.form.fill_random(&pin, now),
                None => page.form.set_note(PinFormNote::NoRandomness),
            }
        }
    }

    pub(super) fn act_on_copy(&mut self, action: Action) -> Vec<Effect> {
        let Screen::Copy(page) = self.take_screen() else { return Vec::new() };
        let change = self.roster.change(&page.id);
        let text = self.number(&page.id).and_then(|number| match action {
            Action::CopyNumber => number.display_number.as_ref().map(|display| display.as_str().to_owned()),
            Action::CopyId => Some(number.id.to_string()),
            Action::CopyWaba => number.waba.as_ref().map(|waba| waba.id.to_string()),
            Action::CopyAll => Some(ticket_text(&number, change)),
            _ => None,
        });
        if let Some(text) = text {
            self.set_screen(Screen::Copied(CopiedPage { text: text.clone(), back: page.back }));
            return vec![Effect::Copy(text)];
        }
        if action != Action::Back {
            self.messages.set_hint("Meta returned no such value for this number.");
        }
        self.set_screen(*page.back);
        Vec::new()
    }
}

/// The digits of a pasted text, if it is exactly a phone number or an id.
pub(super) fn extract_number_digits(text: &str) -> Option<String> {
    /// Shorter than any phone number, and longer than a PIN: a PIN pasted on the wrong page must not be shown.
    const MIN_DIGITS: usize = PIN_DIGITS + 1;
    let text = text.trim();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && digits.len() >= MIN_DIGITS && digits.len() <= 23).then_some(digits)
}

/// The text for a support ticket about a number. It never contains a PIN or the access token.
fn ticket_text(number: &Number, change: Option<&ChangeState>) -> String {
    let mut lines = vec![
        format!("Number: {}", number.label()),
        format!("Name: {}", number.name.as_ref().map_or("-", CleanText::as_str)),
        format!("phone number ID: {}", number.id),
    ];
    if let Some(waba) = &number.waba {
        lines.push(format!("WABA: {} {}", waba.label(), waba.id));
    }
    lines.push(format!("Two-step verification: {}", number.two_step.label()));
    if let Some((change, why)) = change.and_then(|change| Some((change, Explanation::for_change(change)?))) {
        lines.push(format!("Last request: {}. {} {}", change.as_str(), why.reason, why.applied.sentence()));
        if let Some(error) = change.api_error() {
            lines.push(format!("Meta said: {} (HTTP {})", error.message, error.http_status));
            lines.push(format!("Trace ID: {}", error.trace_id.as_ref().map_or("-", CleanText::as_str)));
        }
    }
    lines.join("\n")
}
