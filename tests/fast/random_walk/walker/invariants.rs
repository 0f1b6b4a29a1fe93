//! The invariants of the console, as checks on its state, its effects and its frames.

use std::collections::HashSet;
use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::go::QuitReason;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;
use pindesk::console::shared::{Connection, RecordingStatus, Size};
use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{PhoneNumberId, TwoStep};
use pindesk::domain::pin::{Pin, PinChoice};
use pindesk::domain::pin_plan::PinPlan;
use pindesk::journal::JobStatus;
use ratatui::buffer::{Buffer, Cell};

use super::{PIN_SHOWN_FOR, QUIET_TIME, Walker};
use crate::random_walk::samples::{GENERATED_PIN, LABELS, NAMES, PINS};

/// More pages than a walk can open on top of each other.
const MAX_OPEN_PAGES: usize = 16;

/// The PIN of this change exists nowhere but in the memory of the console.
pub(super) fn is_only_in_memory(state: &ChangeState) -> bool {
    match state {
        ChangeState::InDoubt(details) => details.is_pin_in_memory && !details.is_in_escrow,
        ChangeState::Sending { in_doubt, .. }
        | ChangeState::Waiting { in_doubt, .. }
        | ChangeState::Paused { in_doubt, .. } => *in_doubt,
        ChangeState::Queued
        | ChangeState::Set(_)
        | ChangeState::Failed(..)
        | ChangeState::NotSent(..)
        | ChangeState::Resolved(..) => false,
    }
}

fn text_of(buffer: &Buffer) -> String {
    buffer.content().iter().map(Cell::symbol).collect()
}

impl Walker {
    /// The console sends no PIN without a confirmation for that number: shown, read, and answered with the right keys.
    /// `confirmation` is the last four digits and the two-step status on the page that was answered.
    pub(super) fn check_send(
        &mut self,
        number: PhoneNumberId,
        key: Option<Key>,
        confirmation: Option<&(String, TwoStep)>,
        is_resend: bool,
    ) {
        self.check_may_send();
        let question = self.question.take().expect("a confirmation is open");
        assert_eq!(question.numbers, [number], "asked about another number");
        assert!(question.is_read, "sent within the pause");
        let (last_four, two_step) = confirmation.expect("a page asks for confirmation");
        if question.mode == Mode::ConfirmReplace {
            assert_eq!((key, &question.typed), (Some(Key::Enter), last_four), "not the last four digits and Enter");
        } else {
            assert_eq!((key, question.was_quiet), (Some(Key::Char('y')), true), "not y after a quiet time");
        }
        let is_replacement = question.mode == Mode::ConfirmReplace;
        assert!(is_resend || is_replacement || *two_step == TwoStep::NotSet, "a PIN was replaced without its digits");
        assert!(!is_resend || self.in_doubt.contains(&number), "only a PIN in doubt is sent again");
    }

    fn check_may_send(&self) {
        assert!(!self.app.session().read_only, "a read-only profile sent a PIN");
        assert!(matches!(self.app.recording_status(), RecordingStatus::Ready { .. }), "sent without an open journal");
        assert!(!self.has_journal_failed, "sent after the journal failed");
        assert!(!self.app.is_too_small(), "sent from a window that shows no page");
    }

    /// The console sends PINs to many numbers only after their count was typed: to those that were counted, and to no
    /// other. `replaces` if the page said that PINs are replaced.
    pub(super) fn check_job(
        &mut self,
        plan: &PinPlan,
        key: Option<Key>,
        replaces: bool,
        before: &[(PhoneNumberId, ChangeState)],
    ) {
        self.check_counted(Mode::ConfirmMany, plan, key);
        for target in plan.targets.iter() {
            assert!(replaces || target.two_step == TwoStep::NotSet, "a PIN was replaced unasked");
            assert!(!self.in_doubt.contains(&target.id), "a number in doubt got another PIN");
            self.check_no_concurrent_pin(target.id, before);
        }
        assert!(plan.pins != PinChoice::Random || self.has_escrow(), "random PINs were sent that are saved nowhere");
    }

    /// The numbers of a plan are those that the open question named, and their count was typed.
    pub(super) fn check_counted(&mut self, mode: Mode, plan: &PinPlan, key: Option<Key>) -> Vec<PhoneNumberId> {
        self.check_may_send();
        let question = self.question.take().expect("a confirmation is open");
        let numbers: Vec<_> = plan.targets.iter().map(|target| target.id).collect();
        assert_eq!((question.mode, key), (mode, Some(Key::Enter)));
        assert!(question.is_read, "sent within the pause");
        assert_eq!(question.numbers, numbers, "other numbers were counted");
        assert_eq!(question.typed, numbers.len().to_string(), "another count was typed");
        numbers
    }

    /// The walker types no generated PIN: if one is sent, the operator has not seen it, and the escrow has it first.
    pub(super) fn check_unseen_pin(&self, plan: &PinPlan) {
        let generated = Pin::parse(GENERATED_PIN.as_bytes()).expect("a valid PIN");
        let is_unseen = plan.pins == PinChoice::Drawn(generated);
        assert!(!is_unseen || self.has_escrow(), "a random PIN was sent that is saved nowhere");
    }

    pub(super) fn has_escrow(&self) -> bool {
        matches!(self.app.recording_status(), RecordingStatus::Ready { recipients } if !recipients.is_empty())
    }

    /// A generated PIN is shown only if the escrow does not keep it.
    pub(super) fn pin_generated(&mut self) {
        if !self.has_escrow() {
            self.pin_shown_until = Some(self.now.instant + PIN_SHOWN_FOR);
        }
    }

    /// The field for the last four digits waits as long as they do not count, and changes by itself after that.
    pub(super) fn check_pause(&self, buffer: &Buffer) {
        let Some(question) = self.question.as_ref().filter(|question| question.has_digits()) else {
            return;
        };
        let is_waiting = text_of(buffer).contains("[wait]");
        assert_eq!(is_waiting, question.is_pausing(self.now.instant), "{}", text_of(buffer));
    }

    /// The console never sends a second PIN while the first may still arrive.
    pub(super) fn check_no_concurrent_pin(&self, number: PhoneNumberId, before: &[(PhoneNumberId, ChangeState)]) {
        let state = before.iter().find(|(id, _)| *id == number).map(|(_, state)| state);
        assert!(!state.is_some_and(ChangeState::is_running), "two PINs in flight to {number}");
        if let Some(ChangeState::InDoubt(details)) = state {
            assert!(self.now.instant >= details.new_pin_allowed_from.instant, "the earlier PIN may still arrive");
        }
    }

    /// A number in doubt is an open issue until its change is set or resolved.
    pub(super) fn check_in_doubt_list(&self) {
        let listed: HashSet<_> = self.app.in_doubt_list().entries().map(|(id, _)| *id).collect();
        assert_eq!(listed, self.in_doubt, "the list of open issues changed by itself");
    }

    /// While the journal says that the screen is hidden, the screen shows no number and no name.
    pub(super) fn check_hidden_screen(&self, buffer: &Buffer) {
        if !self.is_hidden {
            return;
        }
        let text = text_of(buffer);
        let names = NAMES.iter().filter(|name| name.is_ascii() && name.len() > 3);
        for hidden in LABELS.iter().flatten().chain(names).chain(&["20000000000"]) {
            assert!(!text.contains(hidden), "{hidden} on a hidden screen:\n{text}");
        }
    }

    /// The page of a number in doubt offers no new PIN while the last one may still arrive.
    pub(super) fn check_new_pin_offer(&self, buffer: &Buffer) {
        let Page::Number(page) = self.app.page() else { return };
        let Some(ChangeState::InDoubt(details)) = self.app.roster().change(&page.id) else { return };
        let text = text_of(buffer);
        let may_arrive = self.now.instant < details.new_pin_allowed_from.instant;
        assert!(!(may_arrive && text.contains("Set a new PIN")), "the page offers a new PIN:\n{text}");
    }

    /// The console quits without running requests, and shows each PIN in doubt before it forgets it: long enough to
    /// read, if `y` quits.
    pub(super) fn check_quit(&mut self, key: Option<Key>) {
        self.has_quit = true;
        let read_time = if key == Some(Key::Char('y')) { QUIET_TIME } else { Duration::ZERO };
        assert_eq!(self.app.running_count(), 0, "quit during a request");
        for (id, state) in self.app.roster().changes() {
            let was_shown = self.shown_before_quit.get(&id).is_some_and(|shown| *shown + read_time <= self.now.instant);
            assert!(!is_only_in_memory(state) || was_shown, "quit without showing {id}: {state:?}");
        }
    }

    /// A PIN is on the screen only if the operator asked for it.
    pub(super) fn check_no_pin_shown(&self, buffer: &Buffer) {
        let digits: String = text_of(buffer).chars().filter(|c| !matches!(c, '[' | ']' | ' ')).collect();
        // A note or a filter is text that the operator typed: digits in it are no PIN that the console shows.
        let is_shown = self.has_typed_text() || self.shows_a_pin();
        for pin in PINS.iter().chain(&[GENERATED_PIN]) {
            assert!(is_shown || !digits.contains(pin), "a PIN is on the screen in {:?}", self.app.mode());
        }
    }

    fn has_typed_text(&self) -> bool {
        let note = if let Page::ManyPins(page) = self.app.page() {
            page.draft.note_text()
        } else if let Page::ConfirmMany(page) = self.app.page() {
            page.request.draft.note_text()
        } else {
            None
        };
        let is_filtered = matches!(self.app.page(), Page::ManyPinsList(page) if page.is_typing || page.is_filtered());
        note.is_some() || is_filtered
    }

    fn shows_a_pin(&self) -> bool {
        let form = if let Page::PinForm(page) = self.app.page() {
            &page.form
        } else if let Page::ManyPins(page) = self.app.page() {
            &page.draft.pin_form
        } else if let Page::JobPin(page) = self.app.page() {
            &page.form
        } else {
            return false;
        };
        let was_asked_for = self.pin_shown_until.is_some_and(|until| self.now.instant < until);
        was_asked_for && form.seconds_until_hidden(self.now.instant).is_some()
    }

    pub(super) fn number_under_cursor(&self) -> Option<PhoneNumberId> {
        self.app.roster().cursor_row().map(|row| row.number.id)
    }

    /// No message but a key or a paste changes the number under the cursor, and neither does a row that moves, appears
    /// or stops matching the filter. Only a removed number passes the cursor on. `before` is the number under it after
    /// the key, or before the message.
    pub(super) fn check_cursor(&mut self, before: Option<PhoneNumberId>) {
        self.app.apply_list_updates();
        if let Some(before) = before.filter(|id| self.app.roster().get(id).is_some()) {
            assert_eq!(self.number_under_cursor(), Some(before), "the cursor moved by itself");
        }
    }

    /// No message but a key or a paste changes what is selected. Only a removed number leaves the selection.
    pub(super) fn check_selection(&self, before: &[PhoneNumberId], is_input: bool) {
        let mut after = self.app.roster().selection().ids();
        assert!(after.iter().all(|id| self.app.roster().get(id).is_some()), "a number is selected that is not listed");
        if !is_input {
            let is_listed = |id: &&PhoneNumberId| self.app.roster().get(id).is_some();
            let mut expected: Vec<_> = before.iter().filter(is_listed).copied().collect();
            // The order of the list may be another.
            expected.sort_unstable();
            after.sort_unstable();
            assert_eq!(after, expected, "the selection changed by itself");
        }
    }

    /// The form that opens in the list is about the selected number, if there is one.
    pub(super) fn check_form_of_selection(&self, selected: &[PhoneNumberId]) {
        let Page::PinForm(_) = self.app.page() else { return };
        match selected {
            [] => {}
            [id] => assert_eq!(self.app.page_number(), Some(*id), "the form is about another number"),
            several => panic!("the form of one number opened for {several:?}"),
        }
    }

    /// A timer is set only if something on the screen counts, waits or hides. A paused change shows a time of day, which
    /// does not count; at that time a queued one is no longer shown as paused.
    pub(super) fn check_wake(&self) {
        let has_waiting = self.app.roster().changes().any(|(_, state)| matches!(state, ChangeState::Waiting { .. }));
        let is_offline = matches!(self.app.connection(), Connection::Offline { .. });
        let is_number_page = matches!(self.app.page(), Page::Number(_));
        let wake = self.app.next_wake(self.now.instant);
        // The pane beside the list reads the history once the cursor stops, whatever moved it.
        let is_soon = wake.is_some_and(|wake| wake <= self.now.instant + Duration::from_secs(1));
        let reads_history = self.app.has_pane() && is_soon;
        let is_pausing = self
            .question
            .as_ref()
            .is_some_and(|question| question.has_digits() && question.is_pausing(self.now.instant));
        // The seconds of a change count only where the message line shows them.
        let messages = self.app.messages();
        let counts = messages.counted_change().is_some() && messages.current_hint().is_none() && !self.app.asks();
        // A time of today becomes a date.
        let midnight = self.now.plus(self.now.utc.until_next_day()).instant;
        let is_midnight = wake == Some(midnight) && self.app.roster().is_set_on(self.now.utc.day());
        let is_pause_end = self.app.roster().open_changes().any(|(id, shown)| {
            let is_queued = self.app.roster().changes().any(|change| change == (*id, &ChangeState::Queued));
            is_queued && matches!(shown, ChangeState::Paused { until, .. } if wake == Some(until.instant))
        });
        // The title and the page of a job show its limits, and for how many minutes.
        let has_limits = self.app.own_jobs().is_any_worked_on() && !self.app.own_jobs().limits().is_empty();
        // A killed process writes nothing, so its job is read again while it is shown.
        let is_running = |status: JobStatus| status == JobStatus::Running;
        let mut listed = self.app.job_list().summaries().unwrap_or_default().iter();
        let is_listed = matches!(self.app.page(), Page::Jobs(_)) && listed.any(|job| is_running(job.status));
        let open = self.app.open_job().numbers().filter(|_| matches!(self.app.page(), Page::Job(_)));
        let checks_job = is_listed || open.is_some_and(|job| is_running(job.summary().status));
        let has_reason = is_midnight
            || checks_job
            || has_limits
            || is_pause_end
            || self.shows_a_pin()
            || is_pausing
            || has_waiting
            || is_offline
            || is_number_page
            || reads_history
            || counts;
        let hides = wake.is_some_and(|wake| {
            let idle = wake.saturating_duration_since(self.last_input);
            idle == Duration::from_secs(570) || idle == Duration::from_mins(10)
        });
        assert!(has_reason || wake.is_none() || hides, "a timer without a reason");
        assert!(!self.is_hidden || wake.is_none(), "a timer on a hidden screen");
    }

    /// Each page can be left, at least with Ctrl-C, until the program ends or asks whether to quit.
    pub(in crate::random_walk) fn check_every_page_can_be_left(&mut self) {
        self.update(Msg::Resized(Size { width: 80, height: 24 }), None);
        for _ in 0..MAX_OPEN_PAGES {
            self.paint(true);
            let (before, is_filtered) = (self.app.mode(), self.is_list_filtered());
            // After a signal, keys no longer count: the process ends by itself.
            let is_ending = matches!(self.app.page(), Page::ShuttingDown(page) if page.reason == QuitReason::Signal);
            if self.has_quit || is_ending || before == Mode::Quit {
                return;
            }
            self.now = self.now.plus(Duration::from_secs(3));
            if self.app.hide_warning().is_some() {
                self.press(Key::Ctrl('c'));
            }
            self.press(Key::Ctrl('c'));
            // A filter goes first, once.
            let is_unfiltered = is_filtered && !self.is_list_filtered();
            assert!(self.has_quit || self.app.mode() != before || is_unfiltered, "no key leaves {before:?}");
        }
        panic!("no way out of {:?}", self.app.mode());
    }

    /// The whole list of many numbers shows some of them.
    fn is_list_filtered(&self) -> bool {
        matches!(self.app.page(), Page::ManyPinsList(page) if page.is_filtered())
    }
}
