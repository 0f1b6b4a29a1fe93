//! Checks that journal and escrow are ready and that a request may be sent now. If not, the screen says why.
//!
//! It sends nothing and opens no files.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use super::guard::Guard;
use super::screen::{RecipientsPage, TokenProblem};
use super::{App, Connection, Effect, RecordingStatus, Screen};
use crate::console::input::keymap::{Action, Mode};
use crate::domain::change::{ChangeState, Progress};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::{CleanText, format_count, format_duration};

/// Why pindesk sends nothing now.
pub(super) enum BlockReason {
    /// A sentence for the message line.
    Message(String),
    /// Meta refused the access token. The token page says what to do.
    Token,
    /// The operator must accept the escrow keys first.
    Recipients,
    /// The journal cannot record the request. Its page says why.
    JournalUnavailable,
}

impl BlockReason {
    fn text(&self) -> &str {
        match self {
            Self::Message(text) => text,
            Self::Token => "Meta refused the access token.",
            Self::Recipients => "Escrow keys have changed.",
            Self::JournalUnavailable => "The journal cannot record it.",
        }
    }
}

impl App {
    /// The status of journal and escrow.
    #[must_use]
    pub const fn recording_status(&self) -> &RecordingStatus {
        &self.recording_status
    }

    pub(super) fn records_opened(
        &mut self,
        status: RecordingStatus,
        unresolved: Vec<Progress>,
        findings: Vec<CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        // If the journal has failed meanwhile, it stays failed.
        if self.recording_status != RecordingStatus::Opening {
            return Vec::new();
        }
        for Progress { number, state, .. } in unresolved {
            let state = self.in_doubt_list.apply_state(number, state);
            self.roster.set_change(number, state);
        }
        self.in_doubt_list.set_findings(findings);
        if self.in_doubt_list.number_count() > 0 {
            let numbers = format_count(self.in_doubt_list.number_count());
            self.messages.push(now.utc, format!("Numbers in doubt from an earlier run: {numbers}."));
        }
        match &status {
            RecordingStatus::Opening | RecordingStatus::Ready { .. } => {}
            RecordingStatus::RecipientsChanged { .. } => {
                let key = self.keymap.key_label(Mode::List, Action::SetPin);
                self.messages.push(
                    now.utc,
                    format!("Escrow keys have changed. No PIN can be set until someone accepts them: press {key}."),
                );
            }
            RecordingStatus::Unusable(why) | RecordingStatus::JournalFailed(why) => {
                self.messages.push(now.utc, format!("No PIN can be set: {why}"));
            }
        }
        self.recording_status = status;
        Vec::new()
    }

    pub(super) fn journal_failed(&mut self, why: CleanText, now: TimePoint) -> Vec<Effect> {
        self.messages.push(now.utc, format!("The journal failed, so nothing more is sent: {why}"));
        self.recording_status = RecordingStatus::JournalFailed(why);
        self.session.bell.then_some(Effect::Bell).into_iter().collect()
    }

    pub(super) fn recipients_accepted(
        &mut self,
        result: Result<RecordingStatus, CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        match result {
            Ok(status) if matches!(self.recording_status, RecordingStatus::RecipientsChanged { .. }) => {
                self.recording_status = status;
                self.messages.push(now.utc, "Escrow keys accepted. PINs can be set.");
            }
            // The journal has failed meanwhile, and stays failed.
            Ok(_) => {}
            Err(why) => self.messages.push(now.utc, format!("The escrow keys were not accepted: {why}")),
        }
        Vec::new()
    }

    /// Whether a request for this number may be sent now. If not, the message line or a page says why.
    pub(super) fn may_send(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        match self.block_reason(id, same_pin, now) {
            None => true,
            Some(reason) => {
                self.show_block_reason(reason);
                false
            }
        }
    }

    /// The same as [`App::may_send`] after a confirmation. The refusal also stays on the messages page.
    pub(super) fn may_send_confirmed(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        let reason = self.block_reason(id, same_pin, now);
        if let Some(reason) = &reason {
            self.messages.push(now.utc, format!("Nothing was sent. {}", reason.text()));
        }
        let is_allowed = reason.is_none();
        if let Some(page @ (BlockReason::Token | BlockReason::Recipients | BlockReason::JournalUnavailable)) = reason {
            self.show_block_reason(page);
        }
        is_allowed
    }

    /// Whether a resolution may be recorded now. If not, the message line or a page says why.
    pub(super) fn may_record_resolution(&mut self, id: &PhoneNumberId) -> bool {
        let reason = match &self.recording_status {
            _ if self.session.read_only => Some(BlockReason::Message(READ_ONLY.to_owned())),
            RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => None,
            RecordingStatus::Opening => Some(BlockReason::Message(JOURNAL_OPENING.to_owned())),
            RecordingStatus::Unusable(_) | RecordingStatus::JournalFailed(_) => Some(BlockReason::JournalUnavailable),
        };
        let reason = reason.or_else(|| {
            let is_in_doubt = matches!(self.roster.change(id), Some(ChangeState::InDoubt(_)));
            (!is_in_doubt).then(|| BlockReason::Message(NOT_IN_DOUBT.to_owned()))
        });
        let is_allowed = reason.is_none();
        if let Some(reason) = reason {
            self.show_block_reason(reason);
        }
        is_allowed
    }

    fn show_block_reason(&mut self, reason: BlockReason) {
        match reason {
            BlockReason::Message(text) => self.messages.set_hint(text),
            BlockReason::Token => {
                if let Connection::TokenRefused { code, reason } = self.connection {
                    self.set_screen(Screen::Token(TokenProblem::Refused { code, reason }));
                }
            }
            BlockReason::JournalUnavailable => self.open_overlay(Screen::JournalUnavailable),
            BlockReason::Recipients => {
                let below = Box::new(self.take_screen());
                let page = RecipientsPage {
                    below,
                    scroll: 0,
                    guard: Guard::default(),
                    was_scrolled_to_end: false,
                    note: None,
                };
                self.set_screen(Screen::Recipients(page));
            }
        }
    }

    fn block_reason(&self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> Option<BlockReason> {
        let message = |text: &str| Some(BlockReason::Message(text.to_owned()));
        if self.session.read_only {
            return message(READ_ONLY);
        }
        match &self.recording_status {
            RecordingStatus::Ready { .. } => {}
            RecordingStatus::Opening => return message(JOURNAL_OPENING),
            RecordingStatus::RecipientsChanged { .. } => return Some(BlockReason::Recipients),
            RecordingStatus::Unusable(_) | RecordingStatus::JournalFailed(_) => {
                return Some(BlockReason::JournalUnavailable);
            }
        }
        match self.connection {
            Connection::TokenRefused { .. } => return Some(BlockReason::Token),
            Connection::Offline { .. } => {
                let key = self.keymap.key_label(Mode::List, Action::RefreshNumber);
                let host = &self.session.host;
                return Some(BlockReason::Message(format!("No connection to {host}. Press {key} to retry now.")));
            }
            Connection::Unknown | Connection::Online => {}
        }
        match self.roster.change(id) {
            Some(ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. }) => {
                message("A request for this number is already in progress.")
            }
            Some(ChangeState::InDoubt(details)) if same_pin && !details.is_pin_in_memory => {
                let key = self.keymap.key_label(Mode::NoAnswer, Action::SetPin);
                Some(BlockReason::Message(format!("The PIN is no longer in memory. {key} sets a new one.")))
            }
            Some(ChangeState::InDoubt(details)) if !same_pin && now.instant < details.new_pin_allowed_from.instant => {
                let left = format_duration(details.new_pin_allowed_from.instant.saturating_duration_since(now.instant));
                // The time comes first, because a narrow window cuts the end.
                Some(BlockReason::Message(if details.is_pin_in_memory {
                    format!("New PIN in {left}. Until then only the same PIN can be sent: {}.", self.resend_keys())
                } else {
                    format!("New PIN in {left}. Until then the last request may still arrive.")
                }))
            }
            Some(
                ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::Resolved(..),
            )
            | None
                if same_pin =>
            {
                message(NOT_IN_DOUBT)
            }
            Some(
                ChangeState::InDoubt(_)
                | ChangeState::Set(_)
                | ChangeState::Failed(..)
                | ChangeState::NotSent(..)
                | ChangeState::Resolved(..),
            )
            | None => None,
        }
    }

    /// The keys that send the same PIN again from the current page.
    fn resend_keys(&self) -> String {
        let send = self.keymap.key_label(Mode::NoAnswer, Action::SendSamePin);
        if matches!(self.screen, Screen::List) {
            format!("{}, then {send}", self.keymap.key_label(Mode::List, Action::Open))
        } else {
            send
        }
    }

    pub(super) fn act_on_recipients(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Recipients(mut page) = self.take_screen() else { return Vec::new() };
        let can_accept = matches!(self.recording_status, RecordingStatus::RecipientsChanged { .. });
        page.note = None;
        match action {
            Action::AcceptRecipients if can_accept => {
                if !page.guard.accepts_key(now.instant) {
                    page.note = Some("Read this first: keys typed ahead were dropped.");
                } else if !page.was_scrolled_to_end {
                    page.note = Some("There is more below. Press Down.");
                } else {
                    self.messages.push(now.utc, "Accepting the escrow keys.");
                    self.set_screen(*page.below);
                    return vec![Effect::AcceptRecipients];
                }
            }
            Action::Cancel | Action::AcceptRecipients => {
                self.set_screen(*page.below);
                return Vec::new();
            }
            motion => page.scroll = self.scroll_after(page.scroll, motion),
        }
        self.set_screen(Screen::Recipients(page));
        Vec::new()
    }
}

const READ_ONLY: &str = "This profile is read-only: nothing can be changed.";
const JOURNAL_OPENING: &str = "The journal is still being opened. Try again in a moment.";
const NOT_IN_DOUBT: &str = "This number is no longer in doubt.";
