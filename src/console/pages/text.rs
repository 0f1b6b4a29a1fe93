//! The pages of text that scroll: help, messages, and why no PIN can be set.
//!
//! They do not know their text: the views do.

use std::time::Instant;

use super::PageBehavior;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{KeyTable, ScrollAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;

/// Which text a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageText {
    /// The keys of the page below.
    Help,
    /// Every message.
    Messages,
    /// Why nothing can be set.
    JournalUnavailable,
    /// Meta does not answer, so nothing can be set now.
    Offline,
}

/// A page of text.
#[derive(Debug)]
pub struct TextPage {
    /// Its text.
    pub text: PageText,
    /// The first line shown.
    pub scroll: u16,
}

impl PageBehavior for TextPage {
    type Action = ScrollAction;
    const ON_INTERRUPT: ScrollAction = ScrollAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ScrollAction> {
        match self.text {
            PageText::Help => &table::HELP_PAGE,
            PageText::Messages => &table::MESSAGES_PAGE,
            PageText::JournalUnavailable | PageText::Offline => &table::JOURNAL_UNAVAILABLE,
        }
    }

    fn on_action(mut self, action: ScrollAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            ScrollAction::Back => Step::back(),
            ScrollAction::HideScreen => Step::reset(Destination::Hidden(None)),
            ScrollAction::Move(motion) => {
                self.scroll = shared.scroll_after(self.scroll, motion);
                Step::stay(self)
            }
        }
    }

    fn on_shown(&mut self, max_scroll: u16, _at: Instant, _shared: &Shared) {
        self.scroll = self.scroll.min(max_scroll);
    }

    fn hides_numbers(&self, below: bool, _shared: &Shared) -> bool {
        match self.text {
            PageText::Help | PageText::Messages => below,
            PageText::JournalUnavailable | PageText::Offline => false,
        }
    }
}
