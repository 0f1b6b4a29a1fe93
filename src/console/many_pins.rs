//! The draft of a job for many numbers: what the operator chose in the form, and what was typed.
//!
//! It draws nothing, sends nothing, and decides nothing about single numbers: the plan of the batch does.

use std::cell::OnceCell;

use tui_input::Input;

use crate::console::pin_form::PinForm;
use crate::domain::batch_plan::{Batch, Candidate, FrozenBatch};
use crate::domain::number::WabaId;
use crate::domain::pin::PinChoice;
use crate::domain::text::CleanText;
use crate::policy::quota::CallsLeft;

/// From how many numbers on a job for real numbers first sends one, unless the operator chooses otherwise.
pub const FIRST_ONE_ABOVE: usize = 20;

/// How the PINs are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// A different random PIN for each number.
    Random,
    /// The same PIN for every number.
    Same,
}

/// A row of the form that the operator can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormRow {
    /// How the PINs are chosen.
    Pins,
    /// The PIN, twice.
    Pin,
    /// Whether PINs are replaced.
    Replace,
    /// Whether one number is sent first.
    First,
    /// What the job is for.
    Note,
}

/// The form, with its numbers.
#[derive(Debug)]
pub struct ManyPinsDraft {
    batch: Batch,
    replaces: bool,
    /// The numbers with the present choices. Made when a frame needs it; empty if something has changed since.
    frozen: OnceCell<FrozenBatch>,
    /// How the PINs are chosen.
    pub pin_kind: PinKind,
    /// The fields of the same PIN.
    pub pin_form: PinForm,
    /// One number is sent first, and then the job waits.
    pub sends_first: bool,
    /// What the job is for.
    pub note: Input,
    /// The row that the operator is on.
    pub row: FormRow,
    /// What is left of the calls of each WABA, as far as it was read.
    pub calls_left: Vec<(WabaId, Option<CallsLeft>)>,
}

/// A draft that is complete, with its numbers frozen.
#[derive(Debug)]
pub struct ManyPinsRequest {
    /// The numbers.
    pub frozen: FrozenBatch,
    /// Their PINs.
    pub pins: PinChoice,
    /// The form, to return to.
    pub draft: ManyPinsDraft,
}

impl ManyPinsDraft {
    /// A form in which nothing was chosen yet. `pin_kind` is what is possible, `sends_first` what is careful.
    #[must_use]
    pub fn new(batch: Batch, pin_form: PinForm, pin_kind: PinKind, sends_first: bool) -> Self {
        Self {
            batch,
            replaces: false,
            frozen: OnceCell::new(),
            pin_kind,
            pin_form,
            sends_first,
            note: Input::default(),
            row: FormRow::Pins,
            calls_left: Vec::new(),
        }
    }

    /// The selected numbers.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The numbers with the present choices: which get a PIN, and which do not.
    pub fn frozen(&self) -> &FrozenBatch {
        self.frozen.get_or_init(|| FrozenBatch::new(self.batch.clone(), self.replaces))
    }

    /// True if numbers get a PIN too that have one, or may have one.
    #[must_use]
    pub const fn replaces(&self) -> bool {
        self.replaces
    }

    /// Changes whether PINs are replaced.
    pub fn toggle_replace(&mut self) {
        self.replaces = !self.replaces;
        self.frozen = OnceCell::new();
    }

    /// Replaces what is known of a number.
    pub fn update(&mut self, candidate: Candidate) {
        if self.batch.get(&candidate.number.id).is_some_and(|known| *known != candidate) {
            // Dropped first, so that the numbers are not copied.
            self.frozen = OnceCell::new();
            self.batch.update(candidate);
        }
    }

    /// Replaces all that is known.
    pub fn set_batch(&mut self, batch: Batch) {
        self.batch = batch;
        self.frozen = OnceCell::new();
    }

    /// The rows of the form, from the top.
    #[must_use]
    pub const fn rows(&self) -> &'static [FormRow] {
        match self.pin_kind {
            PinKind::Random => &[FormRow::Pins, FormRow::Replace, FormRow::First, FormRow::Note],
            PinKind::Same => &[FormRow::Pins, FormRow::Pin, FormRow::Replace, FormRow::First, FormRow::Note],
        }
    }

    /// Goes to the next row, or to the one before. After the last comes the first.
    pub fn move_row(&mut self, is_down: bool) {
        let rows = self.rows();
        let at = rows.iter().position(|row| *row == self.row).unwrap_or(0);
        let step = if is_down { 1 } else { rows.len() - 1 };
        self.row = rows[(at + step) % rows.len()];
    }

    /// The note, if one was typed.
    #[must_use]
    pub fn note_text(&self) -> Option<CleanText> {
        let text = self.note.value().trim();
        (!text.is_empty()).then(|| CleanText::new(text))
    }
}

impl ManyPinsRequest {
    /// How many numbers are sent before the job waits; `None` if it does not wait. A single number waits for nothing.
    #[must_use]
    pub fn send_first(&self) -> Option<usize> {
        (self.draft.sends_first && self.frozen.plan().count() > 1).then_some(1)
    }
}
