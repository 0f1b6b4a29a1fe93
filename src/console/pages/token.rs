//! The page without an access token, or with one that Meta refused.
//!
//! It does not read the token: the runtime does.

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{KeyTable, TokenAction, table};
use crate::console::shared::{Shared, TokenProblem};
use crate::domain::clock::TimePoint;

/// The page without a working access token.
#[derive(Debug)]
pub struct TokenPage {
    /// Why there is none.
    pub problem: TokenProblem,
    /// True if no page is below it.
    pub is_first: bool,
}

impl PageBehavior for TokenPage {
    type Action = TokenAction;
    const ON_INTERRUPT: TokenAction = TokenAction::Leave;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<TokenAction> {
        if self.is_first { &table::TOKEN } else { &table::TOKEN_OVER_PAGE }
    }

    fn on_action(self, action: TokenAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            TokenAction::Retry => Step::stay(self).with(ScreenCommand::ReadToken),
            TokenAction::Cancel if shared.roster.total() == 0 => {
                shared.messages.set_hint("There is no list yet.");
                Step::stay(self)
            }
            TokenAction::Cancel => Step::reset(Destination::Home),
            TokenAction::Help => Step::open(self, Destination::Help),
            // The messages name numbers.
            TokenAction::Messages if shared.idle_timer.is_hiding_recorded => Step::stay(self),
            TokenAction::Messages => Step::open(self, Destination::Messages),
            TokenAction::HideScreen => Step::reset(Destination::Hidden(None)),
            TokenAction::Leave if self.is_first => Step::ask_to_quit(self, shared),
            TokenAction::Leave => Step::back(),
        }
    }

    fn hides_numbers(&self, _below: bool, shared: &Shared) -> bool {
        // The page names no number, and after the hidden screen its message line must not name one either.
        shared.idle_timer.is_hiding_recorded
    }

    fn may_be_interrupted(&self) -> bool {
        self.is_first
    }
}
