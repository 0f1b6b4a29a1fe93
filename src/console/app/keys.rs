//! Handles keys and pastes: those of every page here, and all others in the open page.

use std::time::Duration;

use super::App;
use crate::console::effect::{Effect, ScreenCommand};
use crate::console::go::Step;
use crate::console::input::decoder::PastedText;
use crate::console::input::key::Key;
use crate::console::input::keymap::{GlobalAction, TooSmallAction, table};
use crate::console::pages::{Page, quit};
use crate::domain::clock::TimePoint;

/// A second Ctrl-C within this time quits.
const DOUBLE_INTERRUPT_WINDOW: Duration = Duration::from_secs(2);

impl App {
    pub(super) fn key_pressed(&mut self, key: Key, now: TimePoint) -> Vec<Effect> {
        if self.shared.idle_timer.record_activity(now.instant) {
            self.page.on_other_key(now.instant);
            return Vec::new();
        }
        let global_action = self.keymap.global_action(key);
        if global_action.is_none() && self.shared.idle_timer.was_typed_for_refused_page(now.instant) {
            return Vec::new();
        }
        // Drawn again, the screen stays as it is, with a hint that asks something.
        if global_action != Some(GlobalAction::Redraw) {
            self.shared.messages.clear_hint();
        }
        match global_action {
            Some(GlobalAction::Interrupt) => self.interrupt(now),
            Some(GlobalAction::Redraw) => {
                self.page.on_other_key(now.instant);
                vec![ScreenCommand::Redraw.into()]
            }
            Some(GlobalAction::Suspend) => self.suspend(),
            None if self.is_too_small() => match self.keymap.action(&table::TOO_SMALL, key) {
                Some(TooSmallAction::Quit) => self.ask_to_quit(now),
                // The notice has no line for a hint.
                None => Vec::new(),
            },
            None => self.step(now, |page, shared| page.press(key, shared, now)),
        }
    }

    pub(super) fn pasted(&mut self, paste: &PastedText, now: TimePoint) -> Vec<Effect> {
        if self.shared.idle_timer.record_activity(now.instant) {
            self.page.on_other_key(now.instant);
            return Vec::new();
        }
        self.shared.messages.clear_hint();
        if self.is_too_small() {
            self.shared.messages.set_hint("Paste ignored.");
            return Vec::new();
        }
        self.step(now, |page, shared| page.paste(paste.as_str(), shared, now))
    }

    fn suspend(&mut self) -> Vec<Effect> {
        if self.session.may_suspend {
            self.cover();
            return vec![ScreenCommand::Suspend.into()];
        }
        self.shared.messages.set_hint("Ctrl-Z is off here.");
        Vec::new()
    }

    /// Ctrl-C goes back, also from a field. On a first page it acts like `q`. A second one within two seconds quits.
    fn interrupt(&mut self, now: TimePoint) -> Vec<Effect> {
        let is_second = self
            .last_interrupt
            .is_some_and(|before| now.instant.saturating_duration_since(before) < DOUBLE_INTERRUPT_WINDOW);
        self.last_interrupt = Some(now.instant);
        if is_second {
            return self.force_quit(now);
        }
        if self.is_too_small() {
            return self.ask_to_quit(now);
        }
        self.step(now, |page, shared| page.interrupt(shared, now))
    }

    /// A page that is about quitting stays.
    fn ask_to_quit(&mut self, now: TimePoint) -> Vec<Effect> {
        self.step(now, |page, shared| {
            if matches!(page, Page::Quit(_) | Page::ShuttingDown(_)) {
                Step::stay(page)
            } else {
                Step::ask_to_quit(page, shared)
            }
        })
    }

    /// The second Ctrl-C: it still asks if a PIN would be lost. It does not ask about requests in flight, because
    /// pindesk waits for them, or about numbers in doubt, because the next start shows them.
    fn force_quit(&mut self, now: TimePoint) -> Vec<Effect> {
        self.step(now, |page, shared| {
            if shared.pins_only_in_memory().is_empty() {
                quit::begin_quit(Vec::new(), shared)
            } else if let Page::Quit(_) = page {
                Step::stay(page)
            } else {
                Step::ask_to_quit(page, shared)
            }
        })
    }
}
