//! Picking what to copy of a number.
//!
//! It does not write to the clipboard: the runtime does.

use super::PageBehavior;
use crate::console::effect::ScreenCommand;
use crate::console::go::{CopiedText, Destination, Step};
use crate::console::input::keymap::{CopyAction, KeyTable, table};
use crate::console::shared::Shared;
use crate::domain::change::ChangeState;
use crate::domain::clock::TimePoint;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;
use crate::policy::error_catalog::{Explanation, meta_lines};

/// A command that finds nothing would look like a lost PIN.
const NOTHING_RECORDED: &str = "No PIN of this number was set here so far: the command may find none.";

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
        match action {
            CopyAction::Back => return Step::back(),
            CopyAction::HideScreen => return Step::reset(Destination::Hidden(None)),
            CopyAction::Number | CopyAction::Id | CopyAction::Waba | CopyAction::All | CopyAction::EscrowCommand => {}
        }
        let value = |text| CopiedText { text, is_command: false, notes: Vec::new() };
        let number = shared.number(&self.id);
        let copied = number.and_then(|number| match action {
            CopyAction::Number => number.display_number.as_ref().map(|display| value(display.as_str().to_owned())),
            CopyAction::Id => Some(value(number.id.to_string())),
            CopyAction::Waba => number.waba.as_ref().map(|waba| value(waba.id.to_string())),
            CopyAction::All => Some(value(ticket_text(&number, shared.roster.change(&self.id)))),
            CopyAction::EscrowCommand => shared.has_escrow().then(|| escrow_command(&number, shared)),
            CopyAction::HideScreen | CopyAction::Back => None,
        });
        if let Some(copied) = copied {
            let text = copied.text.clone();
            return Step::open(self, Destination::Copied(copied)).with(ScreenCommand::Copy(text));
        }
        shared.messages.set_hint(if action == CopyAction::EscrowCommand {
            "PINs are not saved to an escrow now, so there is no command."
        } else {
            "pindesk does not know this value of the number."
        });
        Step::stay(self)
    }

    fn is_available(&self, action: &CopyAction, shared: &Shared) -> bool {
        *action != CopyAction::EscrowCommand || shared.has_escrow()
    }
}

/// The command that decrypts the PINs of a number.
fn escrow_command(number: &Number, shared: &Shared) -> CopiedText {
    let command = &shared.session.escrow_command;
    let has_record = shared.roster.change(&number.id).is_some()
        || shared.roster.get(&number.id).is_some_and(|row| row.last_set.is_some());
    let nothing_note = (!has_record).then_some(NOTHING_RECORDED);
    let notes = nothing_note.into_iter().chain(command.placeholder_note()).collect();
    CopiedText { text: command.line(&number.id), is_command: true, notes }
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
    let read = number.read_at.map_or_else(|| "not read yet".to_owned(), |at| format!("read {}", at.format_date_time()));
    lines.push(format!("Two-step verification: {}, {read}", number.two_step.label()));
    if let Some((change, why)) = change.and_then(|change| Some((change, Explanation::for_change(change)?))) {
        let at = change.ended_at().map_or_else(String::new, |at| format!(", {}", at.format_date_time()));
        let state = change.keyword().replace('-', " ");
        lines.push(format!("Last request: {state}{at}. {} {}", why.reason, why.applied.sentence()));
        if let Some(error) = change.api_error() {
            lines.extend(meta_lines(error));
        }
    }
    lines.join("\n")
}
