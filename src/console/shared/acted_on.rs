//! The rows that a command works on. They stay in the list, also when they no longer match its filter.
//!
//! It does not know what becomes of them.

use super::Shared;
use crate::console::effect::WorkCommand;

impl Shared {
    /// Keeps the rows in the list that a command works on: those that a PIN is set for, and those that are read by
    /// themselves. The operator waits for the outcome in the row, and a row that vanished with it would hide it.
    pub(in crate::console) fn mark_acted_on(&mut self, command: &WorkCommand) {
        match command {
            WorkCommand::SetPins(plan) | WorkCommand::StartJob { plan, .. } | WorkCommand::ResumeJob { plan, .. } => {
                plan.targets.iter().for_each(|number| self.roster.mark_acted_on(&number.id));
                self.end_selection_of(plan);
            }
            WorkCommand::RefreshNumber(number) | WorkCommand::RefreshNumberAfter { number, .. } => {
                self.roster.mark_acted_on(&number.id);
            }
            WorkCommand::ResendPin(number) | WorkCommand::ResolveManually { number, .. } => {
                self.roster.mark_acted_on(number);
            }
            WorkCommand::RefreshAll { .. }
            | WorkCommand::ReadNumberList(_)
            | WorkCommand::ExportNumbers { .. }
            | WorkCommand::ReportJob { .. }
            | WorkCommand::AcceptRecipients
            | WorkCommand::ReadHistory(_)
            | WorkCommand::ReadCallsLeft(_)
            | WorkCommand::ReadRecentSets { .. }
            | WorkCommand::DropSecrets
            | WorkCommand::RecordScreenShown
            | WorkCommand::StopSending
            | WorkCommand::ReadJobs
            | WorkCommand::ReadLastDrill
            | WorkCommand::ReadJob(_)
            | WorkCommand::PauseJob(_)
            | WorkCommand::ContinueJob(_)
            | WorkCommand::SendHeld(_)
            | WorkCommand::StopJob(_) => {}
        }
    }
}
