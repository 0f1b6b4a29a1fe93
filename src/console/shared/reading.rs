//! What was read of the numbers, and what a failed request says of the connection and the access token.
//!
//! It reads nothing itself, and opens no page: a refused token is noted for the app.

use super::status::RETRY_INTERVAL;
use super::{Connection, RefreshProgress, Shared, TokenProblem};
use crate::console::effect::WorkCommand;
use crate::domain::clock::{TimePoint, UtcTime};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::outcome::{ApiError, ReadFailure};
use crate::domain::standing::NotSentReason;
use crate::domain::token_info::TokenInfo;
use crate::policy::error_catalog::{self, ErrorScope, TOKEN_PERMISSIONS};

impl Shared {
    /// Starts to refresh every list. Numbers that were read before stay in the list, marked with their time. `None` if
    /// the profile names nothing to read.
    pub(in crate::console) fn refresh_all(&mut self) -> Option<WorkCommand> {
        if self.names_no_numbers() {
            return None;
        }
        let RefreshProgress { id, last_complete_at, .. } = self.refresh;
        self.refresh = RefreshProgress { id: id + 1, is_running: true, last_complete_at, ..RefreshProgress::default() };
        self.roster.begin_refresh();
        Some(WorkCommand::RefreshAll { refresh_id: self.refresh.id })
    }

    /// True for a number that was missing when its WABA was last read completely.
    #[must_use]
    pub fn is_unlisted(&self, number: &Number) -> bool {
        number.waba_id().is_some_and(|waba| self.is_fully_read(waba)) && !self.roster.is_seen(&number.id)
    }

    /// True for a configured WABA that was last read completely.
    pub(in crate::console) fn is_fully_read(&self, waba: WabaId) -> bool {
        self.is_refresh_finished() && !self.refresh.unread_wabas.iter().any(|(unread, _)| unread.id == waba)
    }

    pub(in crate::console) const fn is_refresh_finished(&self) -> bool {
        self.refresh.id > 0 && !self.refresh.is_running
    }

    /// The command that refreshes a number, with what the list knows of it.
    pub(in crate::console) fn refresh_number(&self, id: PhoneNumberId) -> WorkCommand {
        WorkCommand::RefreshNumber(self.known_number(id))
    }

    /// The same, and the status is certainly newer than a PIN that was set at this time.
    pub(in crate::console) fn refresh_number_after(&self, id: PhoneNumberId, set_at: UtcTime) -> WorkCommand {
        WorkCommand::RefreshNumberAfter { number: self.known_number(id), set_at }
    }

    fn known_number(&self, id: PhoneNumberId) -> Number {
        self.number(&id).unwrap_or_else(|| Number::from_config(id, None))
    }

    /// The message that a refresh of this number starts.
    pub(in crate::console) fn hint_refresh(&mut self, id: &PhoneNumberId) {
        let label = self.label(id);
        self.messages.set_hint(format!("Refreshing {label}."));
    }

    /// Updates the connection after a failed read.
    pub(in crate::console) fn note_read_failure(&mut self, failure: &ReadFailure, now: TimePoint) {
        match failure {
            ReadFailure::Api(error) => {
                self.note_reply();
                self.note_api_error(error);
            }
            ReadFailure::WrongKind { .. } | ReadFailure::IncompleteList(_) => self.note_reply(),
            ReadFailure::NotSent(failure) if failure.is_without_connection() => self.set_offline(now),
            ReadFailure::NoAnswer => self.set_offline(now),
            ReadFailure::NotSent(_) | ReadFailure::UnexpectedReply { .. } => {}
        }
    }

    /// Meta answered, whatever it said.
    fn note_reply(&mut self) {
        if self.connection == Connection::Unknown {
            self.connection = Connection::Online;
        }
    }

    /// Takes in what Meta says of the access token, and warns of its end.
    pub(in crate::console) fn note_token_info(&mut self, info: TokenInfo, now: TimePoint) {
        for permission in TOKEN_PERMISSIONS.iter().filter(|permission| permission.is_always_needed()) {
            if !info.has_scope(permission.name) {
                self.messages.push(now.utc, format!("The access token lacks the permission {}.", permission.name));
            }
        }
        if let Some(warning) = info.expiry_warning(now.utc) {
            self.messages.push(now.utc, warning);
        }
        self.token_info = Some(info);
    }

    /// `token 58 d`; `None` if Meta did not say when the access token expires.
    #[must_use]
    pub fn token_label(&self) -> Option<String> {
        let label = self.token_info.as_ref()?.expiry_label(self.last_update?.utc)?;
        Some(format!("token {label}"))
    }

    /// Updates the connection after an error that Graph reported.
    pub(in crate::console) fn note_api_error(&mut self, error: &ApiError) {
        if error_catalog::lookup(error).scope == ErrorScope::Token {
            self.connection = Connection::TokenRefused(Box::new(error.clone()));
            self.new_token_problem = Some(TokenProblem::Refused(Box::new(error.clone())));
        }
    }

    /// Updates the connection after a request that was not sent.
    pub(in crate::console) fn note_not_sent(&mut self, why: &NotSentReason, now: TimePoint) {
        if matches!(why, NotSentReason::Failure(failure) if failure.is_without_connection()) {
            self.set_offline(now);
        }
    }

    fn set_offline(&mut self, now: TimePoint) {
        let since = match &self.connection {
            Connection::Offline { since, .. } => *since,
            Connection::Unknown | Connection::Online | Connection::TokenRefused(_) => now.utc,
        };
        let retry_at = now.plus(RETRY_INTERVAL);
        self.connection = Connection::Offline { since, retry_at };
        self.messages
            .push(now.utc, format!("Offline: {} does not answer. Next try at {}.", self.session.host, retry_at.utc));
    }
}
