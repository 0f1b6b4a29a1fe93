//! What happened to a number while a form or a question about it was open.
//!
//! It decides nothing: the page that shows it does.

use crate::domain::change::{ChangeState, LastSet};
use crate::domain::clock::UtcTime;
use crate::domain::text::CleanText;

/// What the operator must know about the number of an open form or question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetNotice {
    /// Its display number or name has changed.
    Renamed,
    /// Its status was read again, and the question has changed.
    Refreshed,
    /// Its WABA no longer lists it.
    Unlisted,
    /// Another process set a PIN.
    SetElsewhere {
        /// When Meta confirmed it.
        at: UtcTime,
        /// Who set it, if the journal names the operator.
        by: Option<CleanText>,
    },
    /// Another process is sending a PIN.
    SendingElsewhere,
    /// Another process sent a PIN, and Meta gave no sure answer.
    InDoubtElsewhere,
}

impl TargetNotice {
    /// What the journal says of a change that another process made; `None` if it changes nothing for the operator.
    #[must_use]
    pub fn about_change_elsewhere(state: &ChangeState, last_set: Option<&LastSet>) -> Option<Self> {
        match state {
            ChangeState::Set(completion) => {
                let by = last_set.filter(|set| set.at == completion.at).map(|set| CleanText::new(&set.by.to_string()));
                Some(Self::SetElsewhere { at: completion.at, by })
            }
            ChangeState::Queued
            | ChangeState::Sending { .. }
            | ChangeState::Waiting { .. }
            | ChangeState::Paused { .. } => Some(Self::SendingElsewhere),
            ChangeState::InDoubt(_) => Some(Self::InDoubtElsewhere),
            ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::Resolved(..) => None,
        }
    }

    /// The notice in a sentence, with what matters most first: a narrow window cuts the end.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Renamed => "This number's name has changed. Is it still the right one?".to_owned(),
            Self::Refreshed => "The number was refreshed. This is its status now.".to_owned(),
            Self::Unlisted => "No longer listed by its WABA.".to_owned(),
            Self::SetElsewhere { at, by } => {
                let by = by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
                format!("Another pindesk set a PIN at {} UTC{by}.", at.format_hour_minute())
            }
            Self::SendingElsewhere => "Another pindesk is sending a PIN now.".to_owned(),
            Self::InDoubtElsewhere => "Another pindesk left a PIN in doubt.".to_owned(),
        }
    }
}
