//! What comes back: pages of the list, single numbers, the moves of changes, the token, and the time.
//!
//! What was read is handed over to be remembered, but no end waits for that: what was read in the last moment may be missing
//! from what the next start shows first.

use std::sync::Arc;

use super::screen::TokenTrouble;
use super::status::RETRY_EVERY;
use super::{App, Effect, Link, Screen};
use crate::catalogue::{self, Explanation, ErrorScope};
use crate::job::{ChangeState, Progress, Resolution};
use crate::moment::TimePoint;
use crate::number::{Number, PhoneNumberId, Waba, WabaId};
use crate::outcome::{DoubtReason, ApiError, NotSentReason, ReadFailure, NotApplied};
use crate::text::format_count;

/// Numbers remembered or forgotten at once: few enough that a change behind them does not wait for long.
const PAGE: usize = 256;

fn done(label: &str) -> String {
    format!("Set PIN for {label}: done.")
}

impl App {
    pub(super) fn page_arrived(&mut self, reading: u32, numbers: &[Number]) -> Vec<Effect> {
        if reading != self.reading.number {
            return Vec::new();
        }
        // A configured number that could not be read is listed all the same, and proves nothing.
        for number in numbers {
            if number.read_at.is_some() {
                self.link = Link::Online;
                self.reading.count(number);
                self.tell_page_below(number);
            }
            self.roster.upsert(number);
        }
        self.remember_page()
    }

    /// Hands over numbers for the next start, a page at a time: they wait in the list, where they are anyway, and not in a
    /// queue. A page is full, as each costs a sync, unless nothing more is coming or a WABA's list is at its end: another's
    /// may hang.
    fn remember_page(&mut self) -> Vec<Effect> {
        let waits_for_more = self.reading.is_running && self.due == 0;
        let is_due = self.roster.unremembered() >= if waits_for_more { PAGE } else { 1 };
        if self.is_remembering || !is_due {
            return Vec::new();
        }
        self.is_remembering = true;
        self.due = self.due.saturating_sub(PAGE);
        vec![Effect::RememberPage(self.roster.take_unremembered(PAGE))]
    }

    pub(super) fn page_remembered(&mut self) -> Vec<Effect> {
        self.is_remembering = false;
        self.remember_page()
    }

    /// Numbers as an earlier run read them: shown, and never counted as read.
    pub(super) fn numbers_remembered(&mut self, mut numbers: Vec<Number>) -> Vec<Effect> {
        let mut unlisted = Vec::new();
        for number in &mut numbers {
            let of = number.waba_id();
            let waba = self.session.wabas.iter().find(|waba| Some(waba.id) == of).cloned();
            // What is not configured any more, or was read meanwhile and did not come, is not shown.
            let belongs = waba.is_some() || of.is_none();
            let is_late = of.map_or_else(|| self.is_over(), |of| self.is_complete(of));
            if belongs && !is_late {
                number.waba = waba;
                self.roster.remember(number);
            } else if waba.is_some() && self.is_unlisted(number) && !self.roster.is_held(&number.id) {
                unlisted.push(number.id);
            }
        }
        self.forget(&unlisted)
    }

    /// Has numbers forgotten that a WABA, read to its end, no longer lists, a page at a time.
    fn forget(&self, unlisted: &[PhoneNumberId]) -> Vec<Effect> {
        let Some(read_until) = self.reading.since else { return Vec::new() };
        unlisted.chunks(PAGE).map(|page| Effect::ForgetPage { numbers: page.to_vec(), read_until }).collect()
    }

    /// True for a number without which its WABA was last read to its end.
    #[must_use]
    pub fn is_unlisted(&self, number: &Number) -> bool {
        number.waba_id().is_some_and(|waba| self.is_complete(waba)) && !self.roster.is_told_of(&number.id)
    }

    /// True for a WABA of the config that was last read to its end.
    fn is_complete(&self, waba: WabaId) -> bool {
        self.is_over() && !self.reading.unread.iter().any(|(unread, _)| unread.id == waba)
    }

    const fn is_over(&self) -> bool {
        self.reading.number > 0 && !self.reading.is_running
    }

    pub(super) fn waba_read(
        &mut self,
        reading: u32,
        waba: Arc<Waba>,
        result: Result<(), ReadFailure>,
        now: TimePoint,
    ) -> Vec<Effect> {
        if reading != self.reading.number {
            return Vec::new();
        }
        self.reading.wabas_done += 1;
        match result {
            Ok(()) => self.link = Link::Online,
            Err(failure) => {
                let told = Explanation::for_read_failure(&failure);
                self.messages.tell(now.utc, format!("WABA {} could not be read: {}.", waba.label(), told.summary));
                self.note_failure(&failure, now);
                self.reading.unread.push((waba, failure));
            }
        }
        self.due = self.roster.unremembered();
        self.remember_page()
    }

    pub(super) fn list_read(&mut self, reading: u32, now: TimePoint) -> Vec<Effect> {
        if reading != self.reading.number {
            return Vec::new();
        }
        self.reading.is_running = false;
        let wabas = self.session.wabas.iter().map(|waba| waba.id);
        let complete: Vec<_> = wabas.filter(|waba| self.is_complete(*waba)).collect();
        let unread = self.reading.unread.len();
        self.reading.since.get_or_insert(now.utc);
        let unlisted = self.roster.finish_refresh(&complete);
        let noun = if self.reading.read == 1 { "number" } else { "numbers" };
        let read = format!("Read {} {noun}", format_count(self.reading.read));
        if unread == 0 {
            self.messages.tell(now.utc, format!("{read}."));
        } else {
            let all = self.session.wabas.len();
            self.messages.tell(now.utc, format!("{read}; {unread} of {all} WABAs could not be read."));
        }
        self.tell_page_below_if_unlisted();
        let mut effects = self.forget(&unlisted);
        effects.extend(self.remember_page());
        effects
    }

    pub(super) fn number_read(
        &mut self,
        id: PhoneNumberId,
        result: Result<Number, ReadFailure>,
        now: TimePoint,
    ) -> Vec<Effect> {
        match result {
            Ok(number) => {
                let was_offline = matches!(self.link, Link::Offline { .. });
                self.link = Link::Online;
                self.number_renewed(number, now);
                if was_offline && !self.reading.unread.is_empty() {
                    return self.read_all();
                }
                self.remember_page()
            }
            Err(failure) => {
                let told = Explanation::for_read_failure(&failure);
                let label = self.label(&id);
                self.messages.tell(now.utc, format!("{label} could not be read: {}.", told.summary));
                self.note_failure(&failure, now);
                Vec::new()
            }
        }
    }

    fn number_renewed(&mut self, mut number: Number, now: TimePoint) {
        if let Some(known) = self.roster.get(&number.id).map(|row| row.number) {
            // A number read by itself comes without the WABA whose list it was found in.
            number.waba = number.waba.or_else(|| known.waba.clone());
            number.name = number.name.or_else(|| known.name.clone());
        }
        let (id, label, words) = (number.id, number.label(), number.two_step.label());
        let done = done(label);
        // Only the reading that follows the request: a later one has done nothing.
        let follows = self.messages.newest_first().next().is_some_and(|message| message.text == done);
        self.messages.tell(
            now.utc,
            if follows {
                format!("{done} Two-step verification is {words}.")
            } else {
                format!("{label}: two-step verification is {words}.")
            },
        );
        if let Some(asking) = self.screen.asking().filter(|asking| asking.target().id == id) {
            asking.renew(&number);
        }
        self.roster.upsert(&number);
    }

    /// A page that asks about this number says what the list now says of it, unless a later reading of its own did.
    fn tell_page_below(&mut self, number: &Number) {
        let is_news = |known: &Number| known.id == number.id && known.read_at <= number.read_at;
        if let Some(asking) = self.screen.asking().filter(|asking| is_news(asking.target())) {
            asking.renew(number);
        }
    }

    /// The same, where the number did not come any more.
    fn tell_page_below_if_unlisted(&mut self) {
        let Some(target) = self.screen.asking().map(|asking| asking.target().clone()) else { return };
        if self.is_unlisted(&target)
            && let Some(asking) = self.screen.asking()
        {
            asking.miss();
        }
    }

    /// What a failed read says of the line and the token.
    fn note_failure(&mut self, failure: &ReadFailure, now: TimePoint) {
        match failure {
            ReadFailure::Api(fault) => self.note_fault(fault),
            ReadFailure::NotSent(NotSentReason::NoConnection(_) | NotSentReason::Tls(_)) | ReadFailure::NoAnswer => {
                self.went_offline(now);
            }
            ReadFailure::NotSent(_) | ReadFailure::UnexpectedReply { .. } => {}
        }
    }

    fn note_fault(&mut self, fault: &ApiError) {
        let entry = catalogue::lookup(fault);
        if entry.scope != ErrorScope::Token {
            return;
        }
        self.link = Link::TokenRefused { code: fault.code, reason: entry.reason };
        if matches!(self.screen, Screen::List | Screen::Token(_)) {
            self.go(Screen::Token(TokenTrouble::Refused { code: fault.code, reason: entry.reason }));
        }
    }

    /// What a request that never left says of the line.
    fn note_unsent(&mut self, why: &NotSentReason, now: TimePoint) {
        if let NotSentReason::NoConnection(_) | NotSentReason::Tls(_) = why {
            self.went_offline(now);
        }
    }

    fn went_offline(&mut self, now: TimePoint) {
        let since = match &self.link {
            Link::Offline { since, .. } => *since,
            Link::Unknown | Link::Online | Link::TokenRefused { .. } => now.utc,
        };
        let retry = now.plus(RETRY_EVERY);
        self.link = Link::Offline { since, retry };
        self.messages.tell(now.utc, format!("No connection to {}. Next try at {}.", self.session.host, retry.utc));
    }

    pub(super) fn jobs_moved(&mut self, news: Vec<Progress>, now: TimePoint) -> Vec<Effect> {
        let mut effects = Vec::new();
        for Progress { number, state, .. } in news {
            let state = self.review.take_in(number, state);
            if !self.is_known_doubt(&number, &state) {
                effects.extend(self.job_moved(number, &state, now));
            }
            self.roster.set_job(number, state);
        }
        effects.extend(self.leave_when_at_rest());
        effects
    }

    /// True for a doubt that was told of already, and of which only less or more can be done now.
    fn is_known_doubt(&self, id: &PhoneNumberId, state: &ChangeState) -> bool {
        match (self.roster.job(id), state) {
            (Some(ChangeState::InDoubt(before)), ChangeState::InDoubt(standing)) => {
                before.send_history == standing.send_history && before.reason == standing.reason
            }
            (_, _) => false,
        }
    }

    fn job_moved(&mut self, id: PhoneNumberId, state: &ChangeState, now: TimePoint) -> Vec<Effect> {
        let label = self.label(&id);
        let is_bad = match state {
            ChangeState::Queued | ChangeState::Sending { .. } | ChangeState::Waiting { .. } => return Vec::new(),
            ChangeState::Set(_) => {
                self.link = Link::Online;
                self.messages.tell(now.utc, done(&label));
                false
            }
            ChangeState::Failed(_, fault) => {
                let short = catalogue::lookup(fault).summary;
                self.messages.tell(now.utc, format!("{label} failed: {short}."));
                self.note_fault(fault);
                true
            }
            ChangeState::NotSent(_, why) => {
                let short = Explanation::for_not_sent(why).summary;
                self.messages.tell(now.utc, format!("{label} not sent: {short}."));
                self.note_unsent(why, now);
                true
            }
            ChangeState::Resolved(_, how) => {
                let how = match how {
                    Resolution::NoPinInForce => "two-step is still not set, so nothing was applied",
                    Resolution::Manual => "recorded as checked by hand",
                };
                self.messages.tell(now.utc, format!("{label} settled: {how}."));
                false
            }
            ChangeState::InDoubt(standing) => {
                let doubt = &standing.reason;
                let short = Explanation::for_doubt(doubt).summary;
                let is_older = matches!(doubt, DoubtReason::OlderPinInDoubt(_));
                // Short, as the line is cut at 80 columns.
                let kept = match (is_older, standing.is_in_escrow) {
                    (true, true) => "Older PIN sealed.",
                    (true, false) => "Keep the older PIN.",
                    (false, true) => "PIN sealed.",
                    (false, false) => "Keep the PIN.",
                };
                self.messages.tell(now.utc, format!("{label} no answer: {short}. {kept}"));
                match doubt {
                    DoubtReason::ServerError(fault)
                    | DoubtReason::OlderPinInDoubt(NotApplied::Refused(fault))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::Refused(fault), .. } => self.note_fault(fault),
                    DoubtReason::OlderPinInDoubt(NotApplied::NotSent(why))
                    | DoubtReason::EarlierAttemptInDoubt { last: NotApplied::NotSent(why), .. } => self.note_unsent(why, now),
                    DoubtReason::TimedOut { .. }
                    | DoubtReason::ConnectionLost { .. }
                    | DoubtReason::UnexpectedReply { .. }
                    | DoubtReason::SuccessNotTrue
                    | DoubtReason::ProcessEnded
                    | DoubtReason::EscrowOnly => {}
                }
                true
            }
        };
        // Meta's word on the number follows at once: "set" is what this request came to, not what is on now.
        let read = matches!(state, ChangeState::Set(_)).then_some(Effect::ReadNumber(id));
        let bell = (is_bad && self.session.bell).then_some(Effect::Bell);
        let history = self.shows_history_of(&id).then_some(Effect::ReadHistory(id));
        read.into_iter().chain(bell).chain(history).collect()
    }

    pub(super) fn token_read(&mut self, result: Result<(), String>, now: TimePoint) -> Vec<Effect> {
        match result {
            Ok(()) if self.is_read_and_hidden() => {
                self.messages.tell(now.utc, "The screen is shown again.");
                self.go(Screen::List);
                Vec::new()
            }
            Ok(()) => {
                self.link = Link::Unknown;
                self.messages.tell(now.utc, "The access token was read again.");
                if matches!(self.screen, Screen::Token(_) | Screen::Hidden(_)) {
                    self.go(Screen::List);
                }
                self.read_all()
            }
            Err(why) => {
                self.messages.tell(now.utc, "There is still no access token.");
                self.go(Screen::Token(TokenTrouble::Missing(why)));
                Vec::new()
            }
        }
    }

    /// True where only the screen was away: what was read before it was hidden is as good as it was.
    fn is_read_and_hidden(&self) -> bool {
        let is_read = self.reading.number > 0 && self.reading.unread.is_empty();
        matches!(self.screen, Screen::Hidden(_)) && is_read && !matches!(self.link, Link::TokenRefused { .. })
    }
}
