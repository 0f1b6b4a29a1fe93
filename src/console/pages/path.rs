//! The path of a file, being typed: a list of numbers to select, or a new file for numbers.
//!
//! It reads and writes no file: the worker does, and the page waits for it.

use std::path::{Path, PathBuf};

use tui_input::Input;

use super::PageBehavior;
use super::text_field::{PASTED_LINE_END, edit_text, insert_text};
use crate::console::effect::WorkCommand;
use crate::console::go::{PathPurpose, Step};
use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyTable, PathAction, table};
use crate::console::shared::Shared;
use crate::domain::clock::TimePoint;
use crate::numbers::record::ExportFormat;

/// The path of a file.
#[derive(Debug)]
pub struct PathPage {
    /// What the file is for.
    pub purpose: PathPurpose,
    /// The text field.
    pub input: Input,
    /// Why the last path cannot be used.
    pub note: Option<String>,
    /// The file that the worker has not answered yet. Another path, or leaving the page, means another file.
    pub awaited: Option<PathBuf>,
}

impl PathPage {
    /// An empty path.
    #[must_use]
    pub fn new(purpose: PathPurpose) -> Self {
        Self { purpose, input: Input::default(), note: None, awaited: None }
    }

    /// True if the page waits for this file.
    #[must_use]
    pub fn awaits(&self, path: &Path) -> bool {
        self.awaited.as_deref() == Some(path)
    }

    /// The worker could not use the file.
    pub(in crate::console) fn refuse(&mut self, why: String) {
        (self.awaited, self.note) = (None, Some(why));
    }

    fn continue_with(mut self, text: &str, shared: &Shared) -> Step<Self> {
        let path = PathBuf::from(text);
        if self.awaits(&path) {
            return Step::stay(self);
        }
        match self.command(path.clone(), shared) {
            Ok(command) => {
                (self.note, self.awaited) = (None, Some(path));
                Step::stay(self).with(command)
            }
            Err(why) => {
                self.refuse(why.to_owned());
                Step::stay(self)
            }
        }
    }

    /// What the worker does with the file, or why the path cannot be used.
    fn command(&self, path: PathBuf, shared: &Shared) -> Result<WorkCommand, &'static str> {
        if path.as_os_str().is_empty() {
            return Err("Type the path of a file.");
        }
        let format = ExportFormat::of_path(&path).ok_or("End the path with .csv or .json.");
        match &self.purpose {
            PathPurpose::LoadNumbers => Ok(WorkCommand::ReadNumberList(path)),
            PathPurpose::ReportJob(job) => Ok(WorkCommand::ReportJob { format: format?, path, job: *job }),
            PathPurpose::Export { ids, .. } => {
                let format = format?;
                let numbers = ids.iter().filter_map(|id| shared.number(id)).collect();
                Ok(WorkCommand::ExportNumbers { path, format, numbers })
            }
        }
    }

    fn edited(&mut self) {
        (self.note, self.awaited) = (None, None);
    }
}

impl PageBehavior for PathPage {
    type Action = PathAction;
    const ON_INTERRUPT: PathAction = PathAction::Cancel;

    fn keys(&self, _shared: &Shared) -> &'static KeyTable<PathAction> {
        &table::PATH
    }

    fn on_action(mut self, action: PathAction, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        match action {
            PathAction::Continue => {
                let text = self.input.value().trim().to_owned();
                self.continue_with(&text, shared)
            }
            PathAction::ClearField => {
                self.edited();
                self.input = Input::default();
                Step::stay(self)
            }
            PathAction::Cancel => Step::back(),
        }
    }

    fn on_unbound_key(mut self, key: Key, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        if edit_text(&mut self.input, key) {
            self.edited();
        }
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, _shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.edited();
        if insert_text(&mut self.input, text) {
            self.note = Some(PASTED_LINE_END.to_owned());
        }
        Step::stay(self)
    }

    fn asks(&self) -> bool {
        true
    }
}
