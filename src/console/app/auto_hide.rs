//! Hides the screen after a time without keys: it shows no number, and drops secrets from memory. Changes in progress
//! continue.
//!
//! It does not lock the screen, because pindesk stores no secret that could identify the operator. To show the screen,
//! pindesk reads the access token from its source again, and that is the only check.

use std::time::{Duration, Instant};

use super::screen::HiddenPage;
use super::{App, Effect, Screen};
use crate::console::input::keymap::Action;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;

/// How long before hiding the warning appears; half the time if that is shorter.
const WARNING_TIME: Duration = Duration::from_secs(30);

/// Tracks how long no key was pressed.
#[derive(Debug, Default)]
pub(super) struct IdleTimer {
    /// When the last key or paste arrived; `None` before the first.
    last_input: Option<Instant>,
    is_warned: bool,
    /// The journal has recorded that the screen is hidden, and not yet that it is shown again.
    is_hiding_recorded: bool,
}

impl IdleTimer {
    /// Starts to count, once: the start of the console counts as a key.
    pub(super) fn start(&mut self, now: Instant) {
        self.last_input.get_or_insert(now);
    }

    /// Records a key. True if it only dismisses the warning: an operator who presses "any key" must not confirm or type
    /// anything with it.
    pub(super) fn record_activity(&mut self, now: Instant) -> bool {
        self.last_input = Some(now);
        std::mem::take(&mut self.is_warned)
    }
}

impl App {
    fn warning_time(&self) -> Option<Duration> {
        self.session.hide_after.map(|after| WARNING_TIME.min(after / 2))
    }

    /// The warning before the screen hides; `None` while it is not shown.
    #[must_use]
    pub fn hide_warning(&self) -> Option<String> {
        let seconds = self.warning_time().filter(|_| self.idle_timer.is_warned)?.as_millis().div_ceil(1_000);
        Some(format!("Hiding the screen in {seconds} s. Press any key."))
    }

    /// When the screen hides, if no key is pressed.
    fn hide_at(&self) -> Option<Instant> {
        // A hidden screen and the welcome page have nothing to hide, and shutting down takes at most 35 s.
        let can_hide = !self.hides_numbers() && !matches!(self.screen, Screen::Welcome | Screen::ShuttingDown(_));
        self.idle_timer.last_input.zip(self.session.hide_after).filter(|_| can_hide).map(|(since, after)| since + after)
    }

    /// When the warning appears, and then when the screen hides: the only times that wake an idle screen.
    pub(super) fn next_hide_event(&self) -> Option<Instant> {
        let hides_at = self.hide_at()?;
        if self.idle_timer.is_warned { Some(hides_at) } else { hides_at.checked_sub(self.warning_time()?) }
    }

    /// Warns or hides if it is due.
    pub(super) fn hide_when_idle(&mut self, now: TimePoint) -> Vec<Effect> {
        let Some(hides_at) = self.hide_at() else { return Vec::new() };
        if now.instant >= hides_at {
            return self.hide(self.session.hide_after, now);
        }
        self.idle_timer.is_warned |= self.next_hide_event().is_some_and(|next| now.instant >= next);
        Vec::new()
    }

    /// True while no number may be drawn.
    #[must_use]
    pub fn hides_numbers(&self) -> bool {
        self.hides_numbers_on(&self.screen)
    }

    fn hides_numbers_on(&self, screen: &Screen) -> bool {
        match screen {
            Screen::Hidden(_) => true,
            Screen::Quit(page) => self.hides_numbers_on(&page.below),
            Screen::Messages(page) | Screen::Help(page) => self.hides_numbers_on(&page.below),
            // These pages name no number, and after the hidden screen their message line must not name one either.
            Screen::Token(_) | Screen::ShuttingDown(_) => self.idle_timer.is_hiding_recorded,
            Screen::Welcome
            | Screen::List
            | Screen::Filter(_)
            | Screen::Sort
            | Screen::Number(_)
            | Screen::Form(_)
            | Screen::Confirm(_)
            | Screen::ResolutionNote(_)
            | Screen::Unresolved(_)
            | Screen::Recipients(_)
            | Screen::JournalUnavailable(_)
            | Screen::Copy(_)
            | Screen::Copied(_) => false,
        }
    }

    /// Hides the screen. The open page closes, and pindesk discards what was typed into it.
    pub(super) fn hide(&mut self, after: Option<Duration>, now: TimePoint) -> Vec<Effect> {
        match self.take_screen() {
            Screen::Form(_) | Screen::Confirm(_) => {
                self.messages.push(now.utc, "The screen was hidden. Your input was discarded. Nothing was sent.");
            }
            Screen::Filter(filter) => self.set_filter(&filter.previous),
            Screen::ResolutionNote(_) => self.messages.push(now.utc, "The screen was hidden. Nothing was recorded."),
            Screen::Welcome
            | Screen::Token(_)
            | Screen::List
            | Screen::Sort
            | Screen::Number(_)
            | Screen::Unresolved(_)
            | Screen::Recipients(_)
            | Screen::JournalUnavailable(_)
            | Screen::Hidden(_)
            | Screen::Copy(_)
            | Screen::Copied(_)
            | Screen::Messages(_)
            | Screen::Help(_)
            | Screen::Quit(_)
            | Screen::ShuttingDown(_) => {}
        }
        self.idle_timer.is_warned = false;
        self.idle_timer.is_hiding_recorded = true;
        self.in_doubt_list.drop_encrypted_pins();
        for (id, details) in self.in_doubt_list.entries() {
            if let Some(ChangeState::InDoubt(_)) = self.roster.change(id) {
                self.roster.set_change(*id, ChangeState::InDoubt(Box::new(details.clone())));
            }
        }
        self.history.clear();
        self.set_screen(Screen::Hidden(HiddenPage { idle_time: after, was_drawn: false, is_reading_token: false }));
        vec![Effect::DropSecrets]
    }

    pub(super) fn act_on_hidden(&mut self, action: Action) -> Vec<Effect> {
        let Screen::Hidden(page) = &mut self.screen else { return Vec::new() };
        // A key pressed before the page was drawn was meant for another page.
        if !page.was_drawn {
            return Vec::new();
        }
        if action != Action::ShowScreen {
            return self.ask_to_quit();
        }
        let is_reading = std::mem::replace(&mut page.is_reading_token, true);
        if is_reading { Vec::new() } else { vec![Effect::ReadToken] }
    }

    /// The page below all others: the list, or the hidden screen if the access token was not read since.
    pub(super) fn base_screen(&self) -> Screen {
        if self.idle_timer.is_hiding_recorded {
            Screen::Hidden(HiddenPage { idle_time: None, was_drawn: false, is_reading_token: false })
        } else {
            Screen::List
        }
    }

    /// Records once that numbers are on the screen again.
    pub(super) fn record_screen_shown(&mut self) -> Option<Effect> {
        (!self.hides_numbers() && std::mem::take(&mut self.idle_timer.is_hiding_recorded))
            .then_some(Effect::RecordScreenShown)
    }
}
