//! The hidden screen: it shows no number, and waits until the access token was read again.
//!
//! It does not lock the screen, because pindesk stores no secret that could identify the operator. To show the screen,
//! pindesk reads the access token from its source again, and that is the only check.

use std::time::{Duration, Instant};

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::Step;
use crate::console::input::keymap::{HiddenAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The hidden screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenPage {
    /// How long no key was pressed; `None` if the operator hid it.
    pub idle_time: Option<Duration>,
    /// True if it reached the terminal: keys before that do not count.
    was_drawn: bool,
    /// True while pindesk reads the access token.
    pub is_reading_token: bool,
}

impl HiddenPage {
    /// Hidden after this time without a key; `None` if the operator hid it.
    #[must_use]
    pub const fn new(idle_time: Option<Duration>) -> Self {
        Self { idle_time, was_drawn: false, is_reading_token: false }
    }
}

impl PageBehavior for HiddenPage {
    type Action = HiddenAction;
    const ON_INTERRUPT: HiddenAction = HiddenAction::Quit;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<HiddenAction> {
        &table::HIDDEN
    }

    fn on_action(mut self, action: HiddenAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            // A key pressed before the page was drawn was meant for another page.
            HiddenAction::Show | HiddenAction::Quit if !self.was_drawn => Step::stay(self),
            HiddenAction::Quit => Step::ask_to_quit(self, shared),
            HiddenAction::Show if self.is_reading_token => Step::stay(self),
            HiddenAction::Show => {
                self.is_reading_token = true;
                Step::stay(self).with(ScreenCommand::ReadToken)
            }
        }
    }

    fn on_shown(&mut self, _max_scroll: u16, _at: Instant, _shared: &Shared) {
        self.was_drawn = true;
    }

    fn on_covered(&mut self) {
        self.was_drawn = false;
    }

    fn hides_numbers(&self, _below: bool, _shared: &Shared) -> bool {
        true
    }

    fn lets_rows_move(&self) -> bool {
        true
    }
}
