//! The journal and the escrow as the screen knows them: without them nothing is sent, and the words say why.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use super::guard::Guard;
use super::screen::{RecipientsPage, TokenTrouble};
use super::{App, Effect, Link, Records, Screen};
use crate::console::keymap::{Action, Mode};
use crate::job::{ChangeState, Progress};
use crate::moment::TimePoint;
use crate::number::PhoneNumberId;
use crate::text::{CleanText, format_count, format_duration};

/// Why nothing is sent now.
pub(super) enum Refusal {
    /// For the message line.
    Told(String),
    /// Meta refused the access token: its page says what to do.
    Token,
    /// Somebody has to look at the keys of the escrow first.
    Recipients,
    /// Nothing can be recorded.
    Unrecorded,
}

impl Refusal {
    fn words(&self) -> &str {
        match self {
            Self::Told(words) => words,
            Self::Token => "Meta refused the access token.",
            Self::Recipients => "The keys of the escrow have changed.",
            Self::Unrecorded => "It cannot be recorded.",
        }
    }
}

impl App {
    /// How the journal and the escrow are.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    pub(super) fn records_opened(
        &mut self,
        records: Records,
        unresolved: Vec<Progress>,
        findings: Vec<CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        // What died since then stays dead.
        if self.records != Records::Opening {
            return Vec::new();
        }
        for Progress { number, state, .. } in unresolved {
            let state = self.review.take_in(number, state);
            self.roster.set_job(number, state);
        }
        self.review.open(findings);
        if self.review.numbers() > 0 {
            let numbers = format_count(self.review.numbers());
            self.messages.tell(now.utc, format!("In doubt since an earlier run: {numbers}."));
        }
        match &records {
            Records::Opening | Records::Ready { .. } => {}
            Records::RecipientsChanged { .. } => {
                let key = self.keymap.key_of(Mode::List, Action::SetPin);
                let told = format!("The keys of the escrow have changed. {key} shows them; until then nothing is set.");
                self.messages.tell(now.utc, told);
            }
            Records::Unusable(why) | Records::Dead(why) => {
                self.messages.tell(now.utc, format!("Nothing can be set: {why}"));
            }
        }
        self.records = records;
        Vec::new()
    }

    pub(super) fn records_died(&mut self, why: CleanText, now: TimePoint) -> Vec<Effect> {
        self.messages.tell(now.utc, format!("The journal failed, nothing more is sent: {why}"));
        self.records = Records::Dead(why);
        self.session.bell.then_some(Effect::Bell).into_iter().collect()
    }

    pub(super) fn recipients_acknowledged(&mut self, result: Result<Records, CleanText>, now: TimePoint) -> Vec<Effect> {
        match result {
            Ok(records) if matches!(self.records, Records::RecipientsChanged { .. }) => {
                self.records = records;
                self.messages.tell(now.utc, "The keys of the escrow are confirmed. PINs can be set.");
            }
            // The journal died meanwhile: that stays.
            Ok(_) => {}
            Err(why) => self.messages.tell(now.utc, format!("The keys could not be confirmed: {why}")),
        }
        Vec::new()
    }

    /// Whether a request for this number may be made now; if not, the message line or a page says why.
    pub(super) fn may_send(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        match self.refusal(id, same_pin, now) {
            None => true,
            Some(refusal) => {
                self.refuse(refusal);
                false
            }
        }
    }

    /// As [`App::may_send`], where somebody has confirmed it already: that nothing was sent stays among the messages.
    pub(super) fn may_still_send(&mut self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> bool {
        let refusal = self.refusal(id, same_pin, now);
        if let Some(refusal) = &refusal {
            self.messages.tell(now.utc, format!("Nothing was sent. {}", refusal.words()));
        }
        let may = refusal.is_none();
        if let Some(page @ (Refusal::Token | Refusal::Recipients | Refusal::Unrecorded)) = refusal {
            self.refuse(page);
        }
        may
    }

    /// Whether a decision may be recorded now; if not, the message line or a page says why.
    pub(super) fn may_record(&mut self, id: &PhoneNumberId) -> bool {
        let refusal = match &self.records {
            _ if self.session.read_only => Some(Refusal::Told(READ_ONLY.to_owned())),
            Records::Ready { .. } | Records::RecipientsChanged { .. } => None,
            Records::Opening => Some(Refusal::Told(OPENING.to_owned())),
            Records::Unusable(_) | Records::Dead(_) => Some(Refusal::Unrecorded),
        };
        let refusal = refusal.or_else(|| {
            let is_in_doubt = matches!(self.roster.job(id), Some(ChangeState::InDoubt(_)));
            (!is_in_doubt).then(|| Refusal::Told(NO_DOUBT.to_owned()))
        });
        let may = refusal.is_none();
        if let Some(refusal) = refusal {
            self.refuse(refusal);
        }
        may
    }

    fn refuse(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Told(words) => self.messages.hint(words),
            Refusal::Token => {
                if let Link::TokenRefused { code, reason } = self.link {
                    self.go(Screen::Token(TokenTrouble::Refused { code, reason }));
                }
            }
            Refusal::Unrecorded => self.cover(Screen::Unrecorded),
            Refusal::Recipients => {
                let below = Box::new(self.take_screen());
                let page = RecipientsPage {
                    below,
                    scroll: 0,
                    guard: Guard::default(),
                    was_read_to_the_end: false,
                    note: None,
                };
                self.go(Screen::Recipients(page));
            }
        }
    }

    fn refusal(&self, id: &PhoneNumberId, same_pin: bool, now: TimePoint) -> Option<Refusal> {
        let told = |words: &str| Some(Refusal::Told(words.to_owned()));
        if self.session.read_only {
            return told(READ_ONLY);
        }
        match &self.records {
            Records::Ready { .. } => {}
            Records::Opening => return told(OPENING),
            Records::RecipientsChanged { .. } => return Some(Refusal::Recipients),
            Records::Unusable(_) | Records::Dead(_) => return Some(Refusal::Unrecorded),
        }
        match self.link {
            Link::TokenRefused { .. } => return Some(Refusal::Token),
            Link::Offline { .. } => {
                let key = self.keymap.key_of(Mode::List, Action::ReadThis);
                let host = &self.session.host;
                return Some(Refusal::Told(format!("There is no connection to {host}. Press {key} to try now.")));
            }
            Link::Unknown | Link::Online => {}
        }
        match self.roster.job(id) {
            Some(ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. }) => {
                told("A request for this number is on its way already.")
            }
            Some(ChangeState::InDoubt(standing)) if same_pin && !standing.is_pin_in_memory => {
                let key = self.keymap.key_of(Mode::NoAnswer, Action::SetPin);
                Some(Refusal::Told(format!("The PIN is not in memory any more. {key} sets a new one.")))
            }
            Some(ChangeState::InDoubt(standing)) if !same_pin && now.instant < standing.new_pin_allowed_from.instant => {
                let left = format_duration(standing.new_pin_allowed_from.instant.saturating_duration_since(now.instant));
                // The time comes first: a narrow window cuts the end.
                Some(Refusal::Told(if standing.is_pin_in_memory {
                    format!("A new PIN in {left}. Until then only the same PIN can go: {}.", self.keys_to_send_again())
                } else {
                    format!("A new PIN in {left}: until then the last request may still land.")
                }))
            }
            Some(ChangeState::Set(_) | ChangeState::Failed(..) | ChangeState::NotSent(..) | ChangeState::Resolved(..)) | None
                if same_pin =>
            {
                told(NO_DOUBT)
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

    /// How the same PIN is sent again from here.
    fn keys_to_send_again(&self) -> String {
        let send = self.keymap.key_of(Mode::NoAnswer, Action::SendSamePin);
        if matches!(self.screen, Screen::List) {
            format!("{}, then {send}", self.keymap.key_of(Mode::List, Action::Open))
        } else {
            send
        }
    }

    pub(super) fn act_on_recipients(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Recipients(mut page) = self.take_screen() else { return Vec::new() };
        let is_asked = matches!(self.records, Records::RecipientsChanged { .. });
        page.note = None;
        match action {
            Action::Acknowledge if is_asked => {
                if !page.guard.admits(now.instant) {
                    page.note = Some("Read this first: keys typed so far were dropped.");
                } else if !page.was_read_to_the_end {
                    page.note = Some("There is more below: read on with Down.");
                } else {
                    self.messages.tell(now.utc, "Confirming the keys of the escrow.");
                    self.go(*page.below);
                    return vec![Effect::AcknowledgeRecipients];
                }
            }
            Action::Cancel | Action::Acknowledge => {
                self.go(*page.below);
                return Vec::new();
            }
            moving => page.scroll = self.scrolled(page.scroll, moving),
        }
        self.go(Screen::Recipients(page));
        Vec::new()
    }
}

const READ_ONLY: &str = "This profile is read-only: nothing can be changed.";
const OPENING: &str = "The journal is still being opened. Try again in a moment.";
const NO_DOUBT: &str = "Nothing is in doubt on this number any more.";
