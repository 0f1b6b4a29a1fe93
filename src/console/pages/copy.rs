//! Picking what to copy of a number.
//!
//! It does not write to the clipboard: the runtime does.

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::{Destination, Step};
use crate::console::input::keymap::{CopyAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::Explanation;

/// The copy menu.
#[derive(Debug)]
pub struct CopyPage {
    /// The number.
    pub id: PhoneNumberId,
}

impl PageBehavior for CopyPage {
    type Action = CopyAction;
    const ON_INTERRUPT: CopyAction = CopyAction::Back;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<CopyAction> {
        &table::COPY_MENU
    }

    fn on_action(self, action: CopyAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if action == CopyAction::Back {
            return Step::back();
        }
        let number = shared.number(&self.id);
        let text = number.and_then(|number| match action {
            CopyAction::Number => number.display_number.as_ref().map(|display| display.as_str().to_owned()),
            CopyAction::Id => Some(number.id.to_string()),
            CopyAction::Waba => number.waba.as_ref().map(|waba| waba.id.to_string()),
            CopyAction::All => Some(ticket_text(&number, shared.roster.change(&self.id))),
            CopyAction::Back => None,
        });
        if let Some(text) = text {
            return Step::open(self, Destination::Copied(text.clone())).with(ScreenCommand::Copy(text));
        }
        shared.messages.set_hint("pindesk does not know this value of the number.");
        Step::stay(self)
    }
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
        lines.push(format!("Last request: {}. {} {}", change.keyword(), why.reason, why.applied.sentence()));
        if let Some(error) = change.api_error() {
            lines.push(format!("Meta said: {} (HTTP {})", error.message, error.http_status));
            lines.push(format!("Trace ID: {}", error.trace_id.as_ref().map_or("-", CleanText::as_str)));
        }
    }
    lines.join("\n")
}
