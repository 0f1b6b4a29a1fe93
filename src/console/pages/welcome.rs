//! The page without a config file.

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{KeyTable, WelcomeAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// The page without a config file.
#[derive(Debug)]
pub struct WelcomePage;

impl PageBehavior for WelcomePage {
    type Action = WelcomeAction;
    const ON_INTERRUPT: WelcomeAction = WelcomeAction::Quit;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<WelcomeAction> {
        &table::WELCOME
    }

    fn on_action(self, action: WelcomeAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            WelcomeAction::StartDemo => Step::stay(self).with(ScreenCommand::OpenDemo),
            WelcomeAction::Help => Step::open(self, Destination::Help),
            WelcomeAction::Quit => Step::ask_to_quit(self, shared),
        }
    }

    fn can_auto_hide(&self) -> bool {
        // It has nothing to hide.
        false
    }
}
