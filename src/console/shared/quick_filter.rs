//! The filters that one key sets. Such a filter replaces the one before, and the same key restores that.

use super::Shared;
use crate::console::input::keymap::QuickFilter;

impl QuickFilter {
    const ALL: [Self; 5] = [Self::NotSet, Self::Failed, Self::InDoubt, Self::SetToday, Self::Due];

    /// The filter as the filter line shows it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotSet => "two-step:not-set",
            Self::Failed => "request:failed",
            Self::InDoubt => "request:no-answer",
            Self::SetToday => "set:today",
            Self::Due => "due:yes",
        }
    }
}

impl Shared {
    /// The quick filter that is active, whether a key set it or the operator typed it.
    #[must_use]
    pub fn quick_filter(&self) -> Option<QuickFilter> {
        QuickFilter::ALL.into_iter().find(|quick| quick.text() == self.filter)
    }

    /// Sets a quick filter, or restores the filter before it if it is active.
    pub(in crate::console) fn toggle_quick_filter(&mut self, quick: QuickFilter) {
        let active = self.quick_filter();
        if quick == QuickFilter::Due && self.session.rotation.is_none() {
            self.messages.set_hint("No PIN is ever due here: the config sets no rotate_after.");
            return;
        }
        if active == Some(quick) {
            let before = std::mem::take(&mut self.filter_before_quick);
            self.restore_filter(&before);
            return;
        }
        // From one quick filter to the next, the filter before both stays.
        if active.is_none() {
            self.filter.clone_into(&mut self.filter_before_quick);
        }
        if let Err(error) = self.set_filter(quick.text()) {
            self.messages.set_hint(error.to_string());
        }
    }
}
