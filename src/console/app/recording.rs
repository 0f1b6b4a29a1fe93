//! The status of journal and escrow: without them nothing is sent, and the screen says why.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use super::guard::Guard;
use super::screen::{RecipientsPage, TokenProblem};
use super::{App, Connection, Effect, RecordingStatus, Screen};
use crate::console::input::keymap::{Action, Mode};
use crate::domain::change::{ChangeState, Progress};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::text::{CleanText, format_count, format_duration};

/// Why nothing is sent now.
pub(super) enum BlockReason {
    /// For the message line.
    Message(String),
    /// Meta refused the access token: its page says what to do.
    Token,
    /// The operator must accept the escrow keys first.
    Recipients,
    /// Nothing can be recorded.
    JournalUnavailable,
}

impl BlockReason {
    fn text(&self) -> &str {
        match self {
            Self::Message(words) => words,
            Self::Token => "Meta refused the access token.",
            Self::Recipients => "The keys of the escrow have changed.",
            Self::JournalUnavailable => "It cannot be recorded.",
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
        records: RecordingStatus,
        unresolved: Vec<Progress>,
        findings: Vec<CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        // A journal that failed meanwhile stays failed.
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
            self.messages.push(now.utc, format!("In doubt since an earlier run: {numbers}."));
        }
        match &records {
            RecordingStatus::Opening | RecordingStatus::Ready { .. } => {}
            RecordingStatus::RecipientsChanged { .. } => {
                let key = self.keymap.key_label(Mode::List, Action::SetPin);
                let told = format!("The keys of the escrow have changed. {key} shows them; until then nothing is set.");
                self.messages.push(now.utc, told);
            }
            RecordingStatus::Unusable(why) | RecordingStatus::JournalFailed(why) => {
                self.messages.push(now.utc, format!("Nothing can be set: {why}"));
            }
        }
        self.recording_status = records;
        Vec::new()
    }

    pub(super) fn journal_failed(&mut self, why: CleanText, now: TimePoint) -> Vec<Effect> {
        self.messages.push(now.utc, format!("The journal failed, nothing more is sent: {why}"));
        self.recording_status = RecordingStatus::JournalFailed(why);
        self.session.bell.then_some(Effect::Bell).into_iter().collect()
    }

    pub(super) fn recipients_accepted(
        &mut self,
        result: Result<RecordingStatus, CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        match result {
            Ok(records) if matches!(self.recording_status, RecordingStatus::RecipientsChanged { .. }) => {
                self.recording_status = records;
                self.messages.push(now.utc, "The keys of the escrow are confirmed. PINs can be set.");
            }
            // The journal failed meanwhile, and stays failed.
            Ok(_) => {}
            Err(why) => self.messages.push(now.utc, format!("The keys could not be confirmed: {why}")),
        }
        Vec::new()
    }

    /// Whether a request for this number may be sent now. If not, the message line or a page says why.
    pub(super) fn may_send(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        match self.block_reason(id, same_pin, now) {
            None => true,
            Some(refusal) => {
                self.show_block_reason(refusal);
                false
            }
        }
    }

    /// As [`App::may_send`], after a confirmation: that nothing was sent stays among the messages.
    pub(super) fn may_send_confirmed(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        let refusal = self.block_reason(id, same_pin, now);
        if let Some(refusal) = &refusal {
            self.messages.push(now.utc, format!("Nothing was sent. {}", refusal.text()));
        }
        let may = refusal.is_none();
        if let Some(page @ (BlockReason::Token | BlockReason::Recipients | BlockReason::JournalUnavailable)) = refusal {
            self.show_block_reason(page);
        }
        may
    }

    /// Whether a resolution may be recorded now. If not, the message line or a page says why.
    pub(super) fn may_record_resolution(&mut self, id: &PhoneNumberId) -> bool {
        let refusal = match &self.recording_status {
            _ if self.session.read_only => Some(BlockReason::Message(READ_ONLY.to_owned())),
            RecordingStatus::Ready { .. } | RecordingStatus::RecipientsChanged { .. } => None,
            RecordingStatus::Opening => Some(BlockReason::Message(JOURNAL_OPENING.to_owned())),
            RecordingStatus::Unusable(_) | RecordingStatus::JournalFailed(_) => Some(BlockReason::JournalUnavailable),
        };
        let refusal = refusal.or_else(|| {
            let is_in_doubt = matches!(self.roster.change(id), Some(ChangeState::InDoubt(_)));
            (!is_in_doubt).then(|| BlockReason::Message(NOT_IN_DOUBT.to_owned()))
        });
        let may = refusal.is_none();
        if let Some(refusal) = refusal {
            self.show_block_reason(refusal);
        }
        may
    }

    fn show_block_reason(&mut self, refusal: BlockReason) {
        match refusal {
            BlockReason::Message(words) => self.messages.set_hint(words),
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
        let told = |words: &str| Some(BlockReason::Message(words.to_owned()));
        if self.session.read_only {
            return told(READ_ONLY);
        }
        match &self.recording_status {
            RecordingStatus::Ready { .. } => {}
            RecordingStatus::Opening => return told(JOURNAL_OPENING),
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
                return Some(BlockReason::Message(format!(
                    "There is no connection to {host}. Press {key} to try now."
                )));
            }
            Connection::Unknown | Connection::Online => {}
        }
        match self.roster.change(id) {
            Some(ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. }) => {
                told("A request for this number is on its way already.")
            }
            Some(ChangeState::InDoubt(standing)) if same_pin && !standing.is_pin_in_memory => {
                let key = self.keymap.key_label(Mode::NoAnswer, Action::SetPin);
                Some(BlockReason::Message(format!("The PIN is not in memory any more. {key} sets a new one.")))
            }
            Some(ChangeState::InDoubt(standing))
                if !same_pin && now.instant < standing.new_pin_allowed_from.instant =>
            {
                let left =
                    format_duration(standing.new_pin_allowed_from.instant.saturating_duration_since(now.instant));
                // The time comes first, because a narrow window cuts the end.
                Some(BlockReason::Message(if standing.is_pin_in_memory {
                    format!("A new PIN in {left}. Until then only the same PIN can go: {}.", self.resend_keys())
                } else {
                    format!("A new PIN in {left}: until then the last request may still land.")
                }))
            }
            Some(
                ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::Resolved(..),
            )
            | None
                if same_pin =>
            {
                told(NOT_IN_DOUBT)
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

    /// The keys that send the same PIN again from here.
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
        let is_asked = matches!(self.recording_status, RecordingStatus::RecipientsChanged { .. });
        page.note = None;
        match action {
            Action::AcceptRecipients if is_asked => {
                if !page.guard.accepts_key(now.instant) {
                    page.note = Some("Read this first: keys typed so far were dropped.");
                } else if !page.was_scrolled_to_end {
                    page.note = Some("There is more below: read on with Down.");
                } else {
                    self.messages.push(now.utc, "Confirming the keys of the escrow.");
                    self.set_screen(*page.below);
                    return vec![Effect::AcceptRecipients];
                }
            }
            Action::Cancel | Action::AcceptRecipients => {
                self.set_screen(*page.below);
                return Vec::new();
            }
            moving => page.scroll = self.scroll_after(page.scroll, moving),
        }
        self.set_screen(Screen::Recipients(page));
        Vec::new()
    }
}

const READ_ONLY: &str = "This profile is read-only: nothing can be changed.";
const JOURNAL_OPENING: &str = "The journal is still being opened. Try again in a moment.";
const NOT_IN_DOUBT: &str = "Nothing is in doubt on this number any more.";
