//! The note of a manual check, being typed.
//!
//! It records nothing: it leads to a question.

use tui_input::Input;

use super::PageBehavior;
use super::text_field::{PASTED_LINE_END, edit_text, insert_text};
use crate::console::go::{ConfirmRequest, Destination, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, ResolutionNoteAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;
use crate::domain::note::{PIN_IN_NOTE, check_note};
use crate::domain::number::PhoneNumberId;
use crate::domain::text::CleanText;

/// The minimum length of a note: a shorter one explains nothing.
const MIN_NOTE_CHARS: usize = 3;

/// The note of a manual check.
#[derive(Debug)]
pub struct ResolutionNotePage {
    /// The number.
    pub id: PhoneNumberId,
    /// The text field.
    pub input: Input,
    /// Why the note was rejected.
    pub note: Option<&'static str>,
}

impl ResolutionNotePage {
    /// An empty note about a number.
    #[must_use]
    pub fn new(id: PhoneNumberId) -> Self {
        Self { id, input: Input::default(), note: None }
    }

    /// The note again, as it was left.
    #[must_use]
    pub fn reopen(id: PhoneNumberId, note: &CleanText) -> Self {
        Self { input: Input::new(note.to_string()), ..Self::new(id) }
    }
}

impl PageBehavior for ResolutionNotePage {
    type Action = ResolutionNoteAction;
    const ON_INTERRUPT: ResolutionNoteAction = ResolutionNoteAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<ResolutionNoteAction> {
        &table::RESOLUTION_NOTE
    }

    fn number(&self) -> Option<PhoneNumberId> {
        Some(self.id)
    }

    fn on_action(mut self, action: ResolutionNoteAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            ResolutionNoteAction::Continue => match validate_note(self.input.value()) {
                Ok(note) => match shared.number(&self.id) {
                    Some(number) => {
                        Step::replace(Destination::Confirm(ConfirmRequest::ResolveManually { number, note }))
                    }
                    None => Step::reset(Destination::List),
                },
                Err(why) => {
                    self.note = Some(why);
                    Step::stay(self)
                }
            },
            ResolutionNoteAction::ClearField => {
                self.input = Input::default();
                Step::stay(self)
            }
            ResolutionNoteAction::Cancel => Step::back(),
        }
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.note = None;
        edit_text(&mut self.input, key);
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.note = insert_text(&mut self.input, text).then_some(PASTED_LINE_END);
        Step::stay(self)
    }

    fn on_hide(&mut self, shared: &mut Shared, now: TimePoint) {
        shared.messages.push(now.utc, "The screen was hidden. Nothing was recorded.");
    }

    fn asks(&self) -> bool {
        true
    }
}

/// Accepts the note of a manual check if it is long enough and contains nothing that could be a PIN, because the
/// journal stores notes unencrypted. The error says what to change.
fn validate_note(text: &str) -> Result<CleanText, &'static str> {
    let text = text.trim();
    if text.chars().count() < MIN_NOTE_CHARS {
        return Err("Write what you found, in 3 letters or more.");
    }
    check_note(text).map_err(|_| PIN_IN_NOTE)?;
    Ok(CleanText::new(text))
}
