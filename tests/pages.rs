//! The pages of doubt, of the journal and of the hidden screen, on the console's state alone: what happened goes in, and
//! what is asked for and what stands on the screen comes out. No network, no journal, no clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::console::app::{App, Effect, Environment, Msg, RecordingStatus, Screen, Session, Size};
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::{Keymap, Mode};
use pindesk::console::theme::{Glyphs, TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::domain::change::{ChangeId, ChangeState, Completion, InDoubtDetails, Progress, Resolution, SendHistory};
use pindesk::domain::clock::{TimePoint, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::{ApiError, DoubtReason, NotSentReason, ReadFailure};
use pindesk::domain::pin::Pin;
use pindesk::domain::text::CleanText;
use pindesk::journal::HistoryEntry;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

const PIN: &str = "409726";

/// Longer than the quiet time before a question.
const READING_TIME: Duration = Duration::from_secs(2);

const HIDE_AFTER: Duration = Duration::from_mins(10);

/// 2026-11-22 14:03:09 UTC.
const START_TIME: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

fn id(index: usize) -> PhoneNumberId {
    format!("20000000000{index:04}").parse().expect("an id")
}

fn clean(texts: &[&str]) -> Vec<CleanText> {
    texts.iter().map(|text| CleanText::new(text)).collect()
}

fn waba() -> Arc<Waba> {
    Arc::new(Waba { id: "102290129340398".parse().expect("an id"), name: Some(CleanText::new("uk-retail")) })
}

/// Number 1 is on, all others are not set.
fn number(index: usize) -> Number {
    let mut number =
        Number::from_config(id(index), Some(CleanText::new(["Acme Retail UK", "Acme Support"][index % 2])));
    number.waba = Some(waba());
    number.display_number = Some(CleanText::new(&format!("+1 555-010-014{index}")));
    number.two_step = if index == 1 { TwoStep::On } else { TwoStep::NotSet };
    number.read_at = Some(START_TIME);
    number
}

fn records_with_escrow() -> RecordingStatus {
    RecordingStatus::Ready { recipients: clean(&["ops-vault age1qjkbnnxfj", "ana@acme SHA256:x7Vq2cTg"]) }
}

fn records_without_escrow() -> RecordingStatus {
    RecordingStatus::Ready { recipients: Vec::new() }
}

fn records_with_changed_keys() -> RecordingStatus {
    RecordingStatus::RecipientsChanged {
        previous: clean(&["age1ops", "ssh-ed25519 SHA256:gone"]),
        current: clean(&["age1ops", "ssh-ed25519 SHA256:new"]),
    }
}

/// The console on four numbers, and the moment it is at.
struct AppFixture {
    app: App,
    view: View,
    buffer: Buffer,
    now: TimePoint,
    effects: Vec<Effect>,
}

impl AppFixture {
    fn new(size: (u16, u16)) -> Self {
        Self::with_terminal_env(
            size,
            &TerminalEnv { term: Some("xterm-256color".to_owned()), ..TerminalEnv::default() },
        )
    }

    fn with_terminal_env((width, height): (u16, u16), surroundings: &TerminalEnv) -> Self {
        Self::with_options((width, height), surroundings, Duration::from_secs(10))
    }

    fn with_options((width, height): (u16, u16), surroundings: &TerminalEnv, show_pin_for: Duration) -> Self {
        let session = Session {
            profile: Some("acme-prod".to_owned()),
            environment: Environment::Live,
            read_only: false,
            user: "ana".to_owned(),
            host: "graph.example".to_owned(),
            config_paths: Vec::new(),
            token_source: "/etc/pindesk/token".to_owned(),
            wabas: vec![waba()],
            show_pin_for: Some(show_pin_for),
            may_suspend: true,
            bell: false,
            hide_after: Some(HIDE_AFTER),
            initial_message: None,
        };
        let (app, effects) = App::start(session, Ok(()), Keymap::default(), Size { width, height });
        let now = TimePoint { instant: Instant::now(), utc: START_TIME };
        let view = View::new(Theme::new(surroundings, Some(Glyphs::Ascii)));
        let mut stage = Self { app, view, buffer: Buffer::default(), now, effects };
        stage.paint();
        stage
    }

    /// The list is read, and the journal is open.
    fn with_list_and_records(size: (u16, u16), records: RecordingStatus) -> Self {
        let mut stage = Self::new(size);
        stage.read_list().open_records(records, Vec::new(), &[]);
        stage
    }

    fn read_list(&mut self) -> &mut Self {
        let numbers = (0..4).map(number).collect();
        self.update(Msg::PageReceived { refresh_id: 1, numbers });
        self.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) });
        self.update(Msg::RefreshFinished { refresh_id: 1 })
    }

    fn open_records(&mut self, records: RecordingStatus, unresolved: Vec<Progress>, findings: &[&str]) -> &mut Self {
        self.update(Msg::RecordsOpened { status: records, unresolved, findings: clean(findings) })
    }

    fn update(&mut self, msg: Msg) -> &mut Self {
        self.effects = self.app.update(msg, self.now);
        self.paint();
        self
    }

    fn set_change_state(&mut self, index: usize, state: ChangeState) -> &mut Self {
        self.update(Msg::ProgressReceived(vec![Progress { change: Some(ChangeId::new()), number: id(index), state }]))
    }

    fn press(&mut self, key: char) -> &mut Self {
        self.key(Key::Char(key))
    }

    fn key(&mut self, key: Key) -> &mut Self {
        self.update(Msg::KeyPressed(key))
    }

    fn type_text(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|key| {
            self.press(key);
        });
        self
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now.plus(time);
        while let Some(wake) = self.app.next_wake(self.now.instant).filter(|wake| *wake <= end.instant) {
            self.now = self.now.plus(wake.saturating_duration_since(self.now.instant));
            self.update(Msg::TimerFired);
        }
        self.now = end;
        self.paint();
        self
    }

    fn paint(&mut self) {
        self.app.apply_list_updates();
        let Size { width, height } = self.app.size();
        let area = Rect { x: 0, y: 0, width, height };
        self.buffer = Buffer::empty(area);
        let painted = self.view.paint(&self.app, self.now.instant, &mut self.buffer, area);
        assert_eq!(self.app.update(Msg::FrameShown { max_scroll: painted.max_scroll }, self.now), []);
    }

    fn screen(&self) -> String {
        let area = self.buffer.area;
        let row = |y| (0..area.width).map(|x| self.buffer[(x, y)].symbol()).collect::<String>();
        (0..area.height).map(row).flat_map(|row| [row.trim_end().to_owned(), "\n".to_owned()]).collect()
    }

    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        assert!(collapse_whitespace(&self.screen()).contains(text), "no {text:?} on the screen:\n{}", self.screen());
        self
    }

    #[track_caller]
    fn does_not_see(&mut self, text: &str) -> &mut Self {
        assert!(!collapse_whitespace(&self.screen()).contains(text), "{text:?} is on the screen:\n{}", self.screen());
        self
    }

    #[track_caller]
    fn assert_effects(&mut self, effects: &[Effect]) -> &mut Self {
        assert_eq!(self.effects, effects, "\n{}", self.screen());
        self
    }

    /// Opens the page of the number with this place in the list.
    fn open_number(&mut self, index: usize) -> &mut Self {
        self.key(Key::Home);
        for _ in 0..index {
            self.key(Key::Down);
        }
        self.key(Key::Enter)
    }

    /// A PIN typed, and the question answered.
    fn set_pin(&mut self) -> &mut Self {
        self.press('p').type_text(PIN).type_text(PIN).key(Key::Enter).wait(READING_TIME).press('y')
    }

    fn in_doubt_state(&self) -> InDoubtDetails {
        InDoubtDetails {
            send_history: SendHistory::Recorded(Completion { at: self.now.utc, attempts: 4 }),
            reason: DoubtReason::TimedOut { waited: Duration::from_secs(30) },
            two_step_before: TwoStep::NotSet,
            candidate_count: 1,
            is_pin_in_memory: true,
            is_in_escrow: true,
            new_pin_allowed_from: self.now.plus(Duration::from_secs(95)),
        }
    }

    /// As an earlier run left it: its PIN is in the escrow, and not in memory.
    fn recovered_change(&self, index: usize) -> Progress {
        let standing = InDoubtDetails {
            reason: DoubtReason::ProcessEnded,
            is_pin_in_memory: false,
            two_step_before: TwoStep::On,
            candidate_count: 2,
            send_history: SendHistory::Recorded(Completion {
                at: UtcTime::from_unix_seconds(1_795_350_000),
                attempts: 1,
            }),
            ..self.in_doubt_state()
        };
        Progress { change: Some(ChangeId::new()), number: id(index), state: ChangeState::InDoubt(Box::new(standing)) }
    }

    fn set_in_doubt(&mut self, index: usize, change: impl FnOnce(&mut InDoubtDetails)) -> &mut Self {
        let mut standing = self.in_doubt_state();
        change(&mut standing);
        self.set_change_state(index, ChangeState::InDoubt(Box::new(standing)))
    }
}

fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn set_pin_effect(index: usize) -> Effect {
    let pin = Pin::parse(PIN.as_bytes()).expect("a PIN");
    Effect::SetPin { number: id(index), waba: Some(waba()), before: (&number(index)).into(), pin }
}

mod records {
    use super::*;

    #[test]
    fn nothing_is_sent_until_the_journal_is_open() {
        let mut stage = AppFixture::new((80, 24));
        stage.read_list().press('p').sees("The journal is still being opened.");
        assert_eq!(stage.app.mode(), Mode::List);
        stage.open_records(records_with_escrow(), Vec::new(), &[]).set_pin().assert_effects(&[set_pin_effect(0)]);
    }

    #[test]
    fn a_journal_that_cannot_be_used_leaves_the_list_and_refuses_to_set() {
        let why = "the state directory /srv/state cannot be written to: read-only file system.";
        let mut stage = AppFixture::with_list_and_records((80, 24), RecordingStatus::Unusable(CleanText::new(why)));
        stage
            .sees("NO JOURNAL")
            .sees("No PIN can be set: the state directory")
            .sees("+1 555-010-0143")
            .press('p')
            .sees("Nothing can be set")
            .sees(why);
        stage.key(Key::Esc).sees("Showing 4 of 4").press('r').assert_effects(&[Effect::RefreshNumber(id(0))]);
    }

    #[test]
    fn a_journal_that_dies_is_told_for_good_and_nothing_more_is_sent() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.press('p').type_text(PIN).type_text(PIN).key(Key::Enter).wait(READING_TIME);
        let why = "the disk of /srv/state is full, 0 bytes are free.";
        stage.update(Msg::JournalFailed(CleanText::new(why))).sees("JOURNAL FAILED").press('y').assert_effects(&[]);
        stage.sees("The journal failed, so nothing more is sent.").sees(why);
        stage.key(Key::Esc).press('m').sees("Nothing was sent. The journal cannot record it.");
        stage
            .key(Key::Esc)
            .update(Msg::RecipientsAccepted(Ok(records_with_escrow())))
            .press('p')
            .sees("The journal failed");
        stage.key(Key::Esc).sees("JOURNAL FAILED");
    }

    #[test]
    fn changed_keys_are_shown_and_confirmed_by_y_after_a_quiet_time() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_changed_keys());
        stage.sees("KEYS CHANGED").sees("Escrow keys have changed.").press('p');
        stage.sees("1 added, 1 removed, 1 kept.").sees("Added ssh-ed25519 SHA256:new").sees("Removed ssh-ed25519");
        stage.press('y').assert_effects(&[]).sees("Read this first").press('x').wait(READING_TIME);
        stage
            .update(Msg::Pasted(PastedText::new("y".to_owned())))
            .assert_effects(&[])
            .key(Key::Enter)
            .assert_effects(&[]);
        stage.wait(READING_TIME).press('y').assert_effects(&[Effect::AcceptRecipients]);
        stage.press('p').sees("1 added").key(Key::Esc);
        stage.update(Msg::RecipientsAccepted(Ok(records_with_escrow()))).does_not_see("KEYS CHANGED").set_pin();
        stage.assert_effects(&[set_pin_effect(0)]);
    }

    #[test]
    fn keys_below_the_window_are_read_until_they_are_confirmed() {
        let names: Vec<String> = (0..9).map(|key| format!("ssh-ed25519 SHA256:{key}")).collect();
        let now = names.iter().map(|name| CleanText::new(name)).collect();
        let mut stage = AppFixture::with_list_and_records(
            (40, 10),
            RecordingStatus::RecipientsChanged { previous: Vec::new(), current: now },
        );
        stage.press('p').wait(READING_TIME).press('y').assert_effects(&[]).sees("There is more below. Press Down.");
        for _ in 0..9 {
            stage.key(Key::PageDown);
        }
        stage.press('y').assert_effects(&[Effect::AcceptRecipients]);
    }

    #[test]
    fn keys_that_could_not_be_confirmed_still_stop_all_setting() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_changed_keys());
        stage.update(Msg::RecipientsAccepted(Err(CleanText::new("the disk is full")))).sees("were not accepted");
        stage.press('p').sees("1 added");
    }

    #[test]
    fn the_form_and_the_question_say_where_the_pin_will_be() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage
            .press('p')
            .sees("Will be sealed first, in escrow.jsonl, for 2 keys.")
            .type_text(PIN)
            .type_text(PIN)
            .key(Key::Enter);
        stage.sees(
            "Will be sealed first, in escrow.jsonl, for 2 keys. ops-vault age1qjkbnnxfj ana@acme SHA256:x7Vq2cTg",
        );
        stage.sees("Enter does nothing here.");
        let mut stage = AppFixture::with_list_and_records((80, 24), records_without_escrow());
        stage.press('p').sees("No escrow: only your vault has this PIN").type_text(PIN).type_text(PIN).key(Key::Enter);
        stage.sees("No escrow: only your vault has this PIN, and this program until you quit.");
        stage.wait(READING_TIME).press('y').assert_effects(&[set_pin_effect(0)]);
    }
}

mod doubt {
    use super::*;

    #[test]
    fn the_page_says_what_was_on_where_the_pin_is_and_how_many_may_be_in_force() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).assert_effects(&[Effect::ReadHistory(id(0))]);
        stage.sees("not set before; now not set").sees("May be in force 1 PIN, or none");
        stage.sees("in memory, and sealed in escrow.jsonl").sees("No answer: +1 555-010-0140");
        stage.set_in_doubt(0, |standing| (standing.is_in_escrow, standing.candidate_count) = (false, 3));
        stage.sees("in memory only, until you quit: write it down").sees("3 PINs, or none").sees("s same PIN");
        stage.set_in_doubt(0, |standing| (standing.is_pin_in_memory, standing.two_step_before) = (false, TwoStep::On));
        stage.sees("sealed in escrow.jsonl, not in memory").sees("1 PIN, the one before included").sees("on before");
        stage
            .does_not_see("s same PIN")
            .sees("s The same PIN cannot go again")
            .press('s')
            .sees("The PIN is no longer in memory.");
        assert_eq!(stage.app.mode(), Mode::NoAnswer);
    }

    #[test]
    fn the_same_pin_goes_again_after_a_question() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).press('s').sees("Send the same PIN to 1 number again?");
        stage.press('y').assert_effects(&[]).wait(READING_TIME).press('y').assert_effects(&[Effect::ResendPin(id(0))]);
    }

    #[test]
    fn another_pin_can_be_set_only_when_the_last_try_can_land_no_more() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).sees("A new PIN can be set in 1 min 35 s");
        stage.press('p').sees("New PIN in 1 min 35 s. Until then only the same PIN can be sent: s.");
        stage.wait(Duration::from_millis(34_500)).sees("A new PIN can be set in 1 min 1 s");
        stage.wait(Duration::from_millis(60_499)).press('p').sees("New PIN in 1 s.").assert_effects(&[]);
        stage.wait(Duration::from_millis(1)).sees("p Set a new PIN.").press('p').sees("Set PIN");
        stage.assert_effects(&[Effect::RefreshNumber(id(0))]);
    }

    #[test]
    fn the_countdown_wakes_the_screen_once_a_second_and_only_on_its_page() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {});
        let warning = stage.now.instant + HIDE_AFTER.saturating_sub(Duration::from_secs(30));
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(warning), "the list counts nothing");
        stage.open_number(0);
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(stage.now.instant + Duration::from_secs(1)));
        stage.wait(Duration::from_secs(95));
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(warning));
    }

    #[test]
    fn a_recovered_change_has_the_new_pin_as_its_first_way() {
        let mut stage = AppFixture::new((80, 24));
        let unresolved = vec![stage.recovered_change(1)];
        stage
            .read_list()
            .open_records(records_with_escrow(), unresolved, &[])
            .sees("1 number is in doubt")
            .key(Key::Enter);
        stage.wait(Duration::from_secs(95));
        let screen = stage.screen();
        assert!(screen.find("p  Set a new PIN. This is the way") < screen.find("s  The same PIN"), "{screen}");
        stage.sees("pindesk escrow open --identity FILE 200000000000001");
    }

    #[test]
    fn a_check_by_hand_needs_a_note_without_a_pin_and_an_answer() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).press('h').sees("Checked by hand");
        stage.type_text("ok").key(Key::Enter).sees("Write what you found");
        stage.key(Key::Ctrl('u')).type_text("PIN is 409726 now").key(Key::Enter).sees("Leave out the PIN");
        stage.key(Key::Ctrl('u')).type_text("it was 4 0 9-72 6").key(Key::Enter).sees("Leave out the PIN");
        for note in ["set 23.11. 14:05 409726", "ticket 4711 409726", "23.11.2026 409726", "409726 4711"] {
            stage.key(Key::Ctrl('u')).type_text(note).key(Key::Enter).sees("Leave out the PIN");
        }
        stage
            .key(Key::Ctrl('u'))
            .type_text("asked +1 555 555 0100 on 23.11.2026 at 14:05, ticket 47114711")
            .key(Key::Enter);
        stage.sees("Record that").press('n').press('h');
        stage.type_text("registered with the old PIN").key(Key::Enter);
        stage.sees("Record that 1 number was checked by hand?").sees("registered with the old PIN");
        stage.press('y').assert_effects(&[]).key(Key::Enter).assert_effects(&[]).wait(READING_TIME).press('y');
        let note = CleanText::new("registered with the old PIN");
        stage.assert_effects(&[Effect::ResolveManually { number: id(0), note }]);
        let finished = Completion { at: stage.now.utc, attempts: 4 };
        stage
            .set_change_state(0, ChangeState::Resolved(finished, Resolution::Manual))
            .sees("resolved: checked manually.");
        stage.press('/').type_text("request:settled").key(Key::Enter).sees("Showing 1 of 4").sees("- settled");
        stage.key(Key::Enter).sees("Last request settled: checked by hand");
    }

    #[test]
    fn esc_leaves_the_note_and_its_question_and_nothing_is_recorded() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text("abc").key(Key::Esc).sees("No answer:");
        stage
            .press('h')
            .sees("Note:")
            .does_not_see("abc")
            .type_text("abc")
            .key(Key::Enter)
            .wait(READING_TIME)
            .press('n');
        stage.sees("Cancelled. Nothing was recorded.").sees("No answer:").assert_effects(&[]);
    }

    #[test]
    fn a_decision_is_not_recorded_where_the_journal_is_dead() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).open_number(0).press('h').type_text("abc").key(Key::Enter).wait(READING_TIME);
        stage.update(Msg::JournalFailed(CleanText::new("the disk is full."))).press('y').assert_effects(&[]);
        stage.sees("Nothing can be set");
    }

    #[test]
    fn a_refusal_that_comes_later_clears_no_doubt() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let finished = Completion { at: stage.now.utc, attempts: 1 };
        stage
            .set_in_doubt(0, |_| {})
            .set_change_state(0, ChangeState::NotSent(finished, NotSentReason::Stopped))
            .sees("in doubt 1");
        stage.open_number(0).sees("No answer:").sees("The older PIN may have been set");
    }

    #[test]
    fn what_was_stopped_as_no_sure_answers_came_says_so_on_its_row_and_its_page() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let finished = Completion { at: stage.now.utc, attempts: 0 };
        stage
            .set_change_state(0, ChangeState::NotSent(finished, NotSentReason::TooManyInDoubt))
            .sees("- not sent")
            .does_not_see("No connection");
        stage.open_number(0).sees("Not sent:").sees("Too many requests in a row got no sure answer before this");
        stage.sees("Nothing was changed.").sees("Check the network and the proxy of this server.");
    }

    #[test]
    fn a_doubt_of_which_only_less_can_be_done_is_not_told_again() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let (sent, from) = (stage.in_doubt_state().send_history, stage.in_doubt_state().new_pin_allowed_from);
        stage.set_in_doubt(0, |_| {}).wait(READING_TIME);
        stage.set_in_doubt(0, |standing| {
            (standing.send_history, standing.new_pin_allowed_from, standing.is_pin_in_memory) = (sent, from, false);
        });
        assert_eq!(stage.app.messages().newest_first().filter(|told| told.text.contains("no answer")).count(), 1);
    }
}

mod unresolved {
    use super::*;

    fn app_with_two_in_doubt(size: (u16, u16)) -> AppFixture {
        let mut stage = AppFixture::new(size);
        // The second is not configured any more: the list will never hold it.
        let unresolved = vec![stage.recovered_change(1), stage.recovered_change(7)];
        stage.open_records(
            records_with_escrow(),
            unresolved,
            &["The journal is older than the escrow file: it may have been put back."],
        );
        stage
    }

    #[test]
    fn it_comes_before_the_list_and_esc_puts_it_off() {
        let mut stage = app_with_two_in_doubt((80, 24));
        stage.sees("2 numbers are in doubt").sees("The journal is older").sees("200000000000001");
        stage.read_list().sees("2 numbers are in doubt").sees("+1 555-010-0141").sees("2 PINs");
        stage.key(Key::Esc).sees("Showing 4 of 4").sees("in doubt 2 | on 1").press('w').sees("2 numbers are in doubt");
        stage.press('q').sees("Showing 4 of 4");
    }

    #[test]
    fn a_doubt_that_only_the_escrow_file_knew_of_says_when_it_was_sealed_and_of_no_try() {
        const SEALED: UtcTime = UtcTime::from_unix_seconds(1_795_269_789);
        for size in [(80, 24), (60, 16), (40, 10)] {
            let mut stage = AppFixture::new(size);
            let mut left = stage.recovered_change(1);
            let ChangeState::InDoubt(standing) = &mut left.state else { panic!("{left:?}") };
            (standing.send_history, standing.reason) =
                (SendHistory::EscrowOnly { encrypted_at: SEALED }, DoubtReason::EscrowOnly);
            let unresolved = vec![left, stage.recovered_change(7)];
            stage.read_list().open_records(records_with_escrow(), unresolved, &[]);
            stage.sees("sealed 21 Nov 2026").does_not_see("21 Nov 2026 14:03").key(Key::Enter);
            stage
                .sees("Only the escrow file knows of this PIN: whether it was sent, nobody knows.")
                .does_not_see("Tries");
            let told = "Last try not known: the PIN was sealed at 21 Nov 2026 14:03 UTC";
            for _ in 0..20 {
                if !collapse_whitespace(&stage.screen()).contains(told) {
                    stage.key(Key::Down).does_not_see("Tries");
                }
            }
            stage.sees(told);
        }
    }

    #[test]
    fn it_waits_until_what_is_typed_is_done() {
        let mut stage = AppFixture::new((80, 24));
        stage.read_list().press('/').type_text("555");
        let unresolved = vec![stage.recovered_change(1)];
        stage
            .open_records(records_with_escrow(), unresolved, &[])
            .sees("Filter: 555")
            .key(Key::Enter)
            .sees("1 number is in doubt");
    }

    #[test]
    fn a_row_goes_only_by_a_confirmation_or_a_decision() {
        let mut stage = app_with_two_in_doubt((80, 24));
        let finished = Completion { at: START_TIME, attempts: 1 };
        let fault = ApiError {
            http_status: 400,
            code: 100,
            subcode: None,
            message: CleanText::new("no"),
            details: None,
            trace_id: None,
            is_transient: false,
        };
        for state in [
            ChangeState::Queued,
            ChangeState::Sending { attempt: 1 },
            ChangeState::NotSent(finished, NotSentReason::Stopped),
            ChangeState::Failed(finished, fault),
        ] {
            stage.set_change_state(1, state).sees("2 numbers are in doubt").read_list();
        }
        stage.set_change_state(1, ChangeState::Set(finished)).sees("1 number is in doubt");
        stage.set_change_state(7, ChangeState::Resolved(finished, Resolution::NoPinInForce)).sees("To look at");
        stage.key(Key::Esc).does_not_see("in doubt").press('w').sees("The journal is older");
    }

    #[test]
    fn the_cursor_follows_its_number_and_enter_opens_it() {
        let mut stage = app_with_two_in_doubt((80, 24));
        stage.read_list().key(Key::Enter).sees("2 numbers are in doubt").assert_effects(&[]);
        stage.key(Key::Down).key(Key::Down).key(Key::Enter).sees("No answer: 200000000000007");
        stage.assert_effects(&[Effect::ReadHistory(id(7))]).key(Key::Esc).sees("> ! 200000000000007");
        stage.key(Key::Enter).press('h').type_text("gone from Meta").key(Key::Enter).wait(READING_TIME).press('y');
        stage.assert_effects(&[Effect::ResolveManually { number: id(7), note: CleanText::new("gone from Meta") }]);
        stage.sees("2 numbers are in doubt");
        stage
            .set_change_state(7, ChangeState::Resolved(Completion { at: START_TIME, attempts: 1 }, Resolution::Manual))
            .sees("> ! +1 555");
    }

    #[test]
    fn without_anything_w_says_so() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.press('w').sees("No number is in doubt.").sees("Showing 4 of 4");
    }
}

mod remembered {
    use super::*;

    fn cached_number(index: usize) -> Number {
        Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(index) }
    }

    fn waba_read(reading: u32, result: Result<(), ReadFailure>) -> Msg {
        Msg::WabaRead { refresh_id: reading, waba: waba(), result }
    }

    #[test]
    fn numbers_of_an_earlier_run_are_shown_as_old_until_read_afresh() {
        let mut stage = AppFixture::new((80, 24));
        stage
            .open_records(records_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5)]));
        stage.sees("Showing numbers as read 21 Nov 2026 14:03 UTC; reading them afresh: 0 so far.");
        stage.sees("? on").sees("on 0 | not set 0 | unknown 2");
        stage.read_list().sees("Read 4 numbers.").sees("Showing 4 of 4").sees("on 1 | not set 3 | unknown 0");
        stage.sees("+ on").does_not_see("? on").does_not_see("0145");
    }

    #[test]
    fn a_fresh_number_is_never_replaced_by_an_old_one_and_late_old_ones_are_not_shown() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let on = Number { two_step: TwoStep::On, ..cached_number(0) };
        stage
            .update(Msg::CachedNumbersLoaded(vec![on, cached_number(5)]))
            .sees("on 1 | not set 3 | unknown 0")
            .sees("4 of 4");
    }

    #[test]
    fn an_old_status_counts_as_unknown_for_the_question() {
        let mut stage = AppFixture::new((80, 24));
        stage
            .open_records(records_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded(vec![cached_number(0)]));
        stage.press('p').assert_effects(&[Effect::RefreshNumber(id(0))]).sees("Two-step now unknown");
        stage.type_text(PIN).type_text(PIN).key(Key::Enter).sees("Replace the PIN of 1 number?").key(Key::Esc);
        stage.press('p').update(Msg::NumberRead { id: id(0), result: Ok(number(0)) }).sees("Two-step now not set");
        stage.type_text(PIN).type_text(PIN).key(Key::Enter).sees("Set the PIN for 1 number?");
    }

    #[test]
    fn a_question_is_asked_anew_when_the_list_says_otherwise_meanwhile_and_not_when_it_is_older() {
        let page = |number: Number| Msg::PageReceived { refresh_id: 1, numbers: vec![number] };
        let on = || Number { two_step: TwoStep::On, ..number(0) };
        let mut stage = AppFixture::new((80, 24));
        stage.open_records(records_with_escrow(), Vec::new(), &[]).update(page(number(0))).press('p');
        stage.type_text(PIN).type_text(PIN).key(Key::Enter).sees("Set the PIN for 1 number?");
        stage.update(page(Number { read_at: Some(UtcTime::from_unix_seconds(1)), ..on() })).sees("Set the PIN for 1");
        stage.update(page(on())).sees("Replace the PIN of 1 number?").sees("This is its status now");
        stage
            .update(page(Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..on() }))
            .sees("+1 555-010-0199");
    }

    #[test]
    fn numbers_that_could_not_be_read_afresh_go_on_to_be_shown_as_of_then() {
        for size in [(80, 24), (40, 10)] {
            let mut stage = AppFixture::new(size);
            stage
                .open_records(records_with_escrow(), Vec::new(), &[])
                .update(Msg::CachedNumbersLoaded(vec![cached_number(0), cached_number(1)]));
            stage.update(waba_read(1, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 1 });
            stage.sees("as read 21 Nov 2026 14:03 UTC").key(Key::Down).sees("as read 21 Nov 2026 14:03 UTC");
            stage.press('u').update(Msg::PageReceived { refresh_id: 2, numbers: vec![number(0)] });
            stage.update(waba_read(2, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 2 });
            stage.sees("on 0 | not set 1 | unknown 1");
            stage.update(Msg::NumberRead { id: id(1), result: Ok(number(1)) }).does_not_see("as read");
        }
    }

    #[test]
    fn one_number_that_could_not_be_read_afresh_is_told_as_one() {
        let mut stage = AppFixture::new((80, 24));
        stage
            .open_records(records_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded(vec![cached_number(0)]));
        stage.update(waba_read(1, Err(ReadFailure::NoAnswer))).update(Msg::RefreshFinished { refresh_id: 1 });
        stage.sees("-- 1 number as read 21 Nov 2026 14:03 UTC --").press('u');
        stage.update(waba_read(2, Ok(()))).update(Msg::RefreshFinished { refresh_id: 2 }).does_not_see("as read");
    }

    #[test]
    fn a_hidden_screen_says_that_a_list_is_still_being_read_with_the_access_token() {
        let mut stage = AppFixture::new((80, 24));
        stage.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] }).press('z');
        stage.sees("The list is read to its end. Then the access token is dropped").does_not_see("0140");
        stage.update(Msg::RefreshFinished { refresh_id: 1 }).sees("The access token was dropped");
    }

    #[test]
    fn what_is_not_configured_any_more_is_not_shown() {
        let mut stage = AppFixture::new((80, 24));
        let other = Arc::new(Waba { id: "7".parse().expect("an id"), name: None });
        let elsewhere = Number { waba: Some(other), ..cached_number(2) };
        let single = Number { waba: None, ..cached_number(3) };
        stage.update(Msg::CachedNumbersLoaded(vec![elsewhere, single])).sees("Showing 1 of 1");
        let numbers = vec![number(0)];
        stage.update(Msg::PageReceived { refresh_id: 1, numbers }).update(Msg::RefreshFinished { refresh_id: 1 });
        stage.sees("Showing 1 of 1").sees("0140").does_not_see("0143");
    }
}

mod changed_meanwhile {
    use super::*;

    const UNLISTED: &str = "No longer listed by its WABA.";

    /// What a second reading brings, and how its WABA ends.
    fn finish_refresh(
        stage: &mut AppFixture,
        numbers: Vec<Number>,
        result: Result<(), ReadFailure>,
    ) -> &mut AppFixture {
        stage.update(Msg::PageReceived { refresh_id: 2, numbers });
        stage
            .update(Msg::WabaRead { refresh_id: 2, waba: waba(), result })
            .update(Msg::RefreshFinished { refresh_id: 2 })
    }

    /// The list is being read once more.
    fn start_refresh(size: (u16, u16)) -> AppFixture {
        let mut stage = AppFixture::with_list_and_records(size, records_with_escrow());
        stage.press('u').key(Key::Home);
        stage
    }

    #[test]
    fn a_question_about_a_number_that_is_listed_no_more_is_asked_anew_and_more_strongly() {
        for size in [(80, 24), (40, 10)] {
            let mut stage = start_refresh(size);
            stage
                .press('p')
                .type_text(PIN)
                .type_text(PIN)
                .key(Key::Enter)
                .wait(READING_TIME)
                .sees("Set the PIN for 1 number?");
            finish_refresh(&mut stage, vec![number(1)], Ok(())).sees(UNLISTED).press('y').assert_effects(&[]);
            stage.sees("Replace the PIN of 1 number?").sees("unknown (its WABA lists it no more)").wait(READING_TIME);
            stage.type_text("0140").key(Key::Enter);
            let Effect::SetPin { before, .. } = &stage.effects[0] else { panic!("{:?}", stage.effects) };
            assert_eq!(before.two_step, TwoStep::Unknown);
        }
    }

    #[test]
    fn a_question_in_doubt_about_a_number_that_is_listed_no_more_is_asked_anew() {
        let mut stage = start_refresh((80, 24));
        stage
            .set_in_doubt(0, |_| {})
            .open_number(0)
            .press('s')
            .wait(READING_TIME)
            .sees("Send the same PIN to 1 number again?");
        finish_refresh(&mut stage, vec![number(1)], Ok(())).sees(UNLISTED).press('y').assert_effects(&[]);
        stage.wait(READING_TIME).press('y').assert_effects(&[Effect::ResendPin(id(0))]);
    }

    #[test]
    fn a_number_in_doubt_that_is_listed_no_more_is_not_told_as_read_so() {
        let mut stage = start_refresh((80, 24));
        stage.set_in_doubt(0, |standing| standing.two_step_before = TwoStep::On);
        finish_refresh(&mut stage, vec![number(1)], Ok(())).open_number(0);
        stage.sees("on before; now unknown, its WABA lists it no more").does_not_see("Still not set");
        stage.sees("If it is not set 2 minutes after the last try, nothing was");
    }

    #[test]
    fn a_question_stays_as_it_is_where_the_number_came_or_its_waba_was_not_read_to_its_end() {
        for (numbers, result) in
            [(vec![number(0)], Ok(())), (vec![number(1)], Err(ReadFailure::UnexpectedReply { http_status: 200 }))]
        {
            let mut stage = start_refresh((80, 24));
            stage.press('p').type_text(PIN).type_text(PIN).key(Key::Enter).wait(READING_TIME);
            finish_refresh(&mut stage, numbers, result).does_not_see(UNLISTED).sees("Set the PIN for 1 number?");
            stage.press('y').assert_effects(&[set_pin_effect(0)]);
        }
    }

    #[test]
    fn a_form_for_a_number_that_is_listed_no_more_says_so_until_it_is_read() {
        let mut stage = start_refresh((80, 24));
        stage.press('p').type_text(PIN).press('?').sees("Help");
        finish_refresh(&mut stage, vec![number(1)], Ok(())).key(Key::Esc).sees(UNLISTED).sees("Two-step now unknown");
        stage
            .type_text(PIN)
            .sees(UNLISTED)
            .update(Msg::NumberRead { id: id(0), result: Ok(number(0)) })
            .does_not_see(UNLISTED);
        stage.sees("Two-step now not set").key(Key::Enter).sees("Set the PIN for 1 number?").does_not_see(UNLISTED);
    }

    #[test]
    fn a_form_for_a_number_that_was_listed_no_more_when_it_opened_says_so() {
        let mut stage = start_refresh((80, 24));
        stage.key(Key::Enter);
        finish_refresh(&mut stage, vec![number(1)], Ok(())).press('p').sees(UNLISTED);
        stage
            .type_text(PIN)
            .type_text(PIN)
            .key(Key::Enter)
            .sees("Replace the PIN of 1 number?")
            .sees("lists it no more");
    }

    #[test]
    fn a_form_says_that_its_number_is_called_otherwise_now() {
        const RENAMED: &str = "This number's name has changed. Is it still the right one?";
        let display = Some(CleanText::new("+1 555-040-9726"));
        for other in [
            Number { display_number: display, ..number(0) },
            Number { name: Some(CleanText::new("Globex")), ..number(0) },
        ] {
            for news in [
                Msg::NumberRead { id: id(0), result: Ok(other.clone()) },
                Msg::PageReceived { refresh_id: 2, numbers: vec![other.clone()] },
            ] {
                let mut stage = start_refresh((80, 24));
                stage.press('p').update(Msg::NumberRead { id: id(0), result: Ok(number(0)) }).does_not_see(RENAMED);
                stage.type_text("60").update(news).sees(RENAMED).type_text("5814").sees(RENAMED);
                stage.type_text("605814").key(Key::Enter).sees("Set the PIN for 1 number?").sees(RENAMED);
            }
        }
    }

    #[test]
    fn a_pin_that_repeats_the_end_of_the_display_number_that_came_meanwhile_is_refused() {
        let other = Number { display_number: Some(CleanText::new("+1 555-040-9726")), ..number(0) };
        let mut stage = start_refresh((80, 24));
        stage.press('p').type_text(PIN).type_text(PIN).update(Msg::NumberRead { id: id(0), result: Ok(other) });
        stage.key(Key::Enter).does_not_see("Set the PIN for 1 number?");
        assert_eq!(stage.app.mode(), Mode::PinForm);
    }
}

mod forgetting {
    use super::*;

    fn cached_number(index: usize) -> Number {
        Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(index) }
    }

    fn remove_from_cache_effect(indices: &[usize]) -> Effect {
        Effect::RemoveCachedNumbers {
            numbers: indices.iter().map(|index| id(*index)).collect(),
            read_until: START_TIME,
        }
    }

    #[test]
    fn what_a_waba_read_to_its_end_no_longer_lists_is_forgotten_and_nothing_else() {
        let mut stage = AppFixture::new((80, 24));
        let single = Number { waba: None, ..cached_number(6) };
        let elsewhere = Arc::new(Waba { id: "7".parse().expect("an id"), name: None });
        let elsewhere = Number { waba: Some(elsewhere), ..cached_number(7) };
        let unresolved = vec![stage.recovered_change(8)];
        stage.open_records(records_with_escrow(), unresolved, &[]).key(Key::Esc);
        stage.update(Msg::CachedNumbersLoaded(vec![
            cached_number(1),
            cached_number(5),
            single,
            elsewhere,
            cached_number(8),
        ]));
        stage.read_list().assert_effects(&[remove_from_cache_effect(&[5])]);
    }

    #[test]
    fn what_came_too_late_from_the_journal_is_forgotten_as_well() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let single = Number { waba: None, ..cached_number(6) };
        stage
            .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5), single]))
            .assert_effects(&[remove_from_cache_effect(&[5])]);
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_has_nothing_forgotten() {
        let mut stage = AppFixture::new((80, 24));
        stage
            .open_records(records_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded(vec![cached_number(1), cached_number(5)]));
        stage.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
        let result = Err(ReadFailure::NoAnswer);
        stage.update(Msg::WabaRead { refresh_id: 1, waba: waba(), result });
        stage
            .update(Msg::NumbersCached)
            .update(Msg::RefreshFinished { refresh_id: 1 })
            .assert_effects(&[])
            .sees("Showing 3 of 3");
        stage.update(Msg::CachedNumbersLoaded(vec![cached_number(6)])).assert_effects(&[]).sees("Showing 4 of 4");
    }

    #[test]
    fn an_empty_list_has_all_forgotten_that_was_read_until_its_end() {
        let mut stage = AppFixture::new((80, 24));
        stage
            .open_records(records_with_escrow(), Vec::new(), &[])
            .update(Msg::CachedNumbersLoaded((0..300).map(cached_number).collect()));
        stage
            .update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) })
            .update(Msg::RefreshFinished { refresh_id: 1 });
        let (first, second): (Vec<usize>, Vec<usize>) = ((0..256).collect(), (256..300).collect());
        stage
            .assert_effects(&[remove_from_cache_effect(&first), remove_from_cache_effect(&second)])
            .sees("Press r to look again.");
    }
}

mod remembering {
    use super::*;

    /// How many numbers are handed over.
    fn saved_count(stage: &AppFixture) -> usize {
        match &stage.effects[..] {
            [] => 0,
            [Effect::CacheNumbers(numbers)] => numbers.len(),
            other => panic!("{other:?}"),
        }
    }

    /// How many are handed over when these have come.
    fn receive_numbers(stage: &mut AppFixture, from: usize, to: usize) -> usize {
        let numbers = (from..to).map(number).collect();
        saved_count(stage.update(Msg::PageReceived { refresh_id: 1, numbers }))
    }

    #[test]
    fn numbers_are_handed_over_in_full_pages_each_once_the_one_before_is_written() {
        let mut stage = AppFixture::new((80, 24));
        assert_eq!(receive_numbers(&mut stage, 0, 255), 0, "more are coming");
        assert_eq!(receive_numbers(&mut stage, 255, 600), 256);
        assert_eq!(receive_numbers(&mut stage, 600, 601), 0, "the first page is not written yet");
        assert_eq!(saved_count(stage.update(Msg::NumbersCached)), 256);
        assert_eq!(saved_count(stage.update(Msg::NumbersCached)), 0, "89 are no page");
        assert_eq!(saved_count(stage.update(Msg::RefreshFinished { refresh_id: 1 })), 89, "nothing more comes");
        assert_eq!(saved_count(stage.update(Msg::NumbersCached)), 0);
    }

    #[test]
    fn what_came_before_a_waba_was_at_its_end_waits_for_no_other() {
        let mut stage = AppFixture::new((80, 24));
        let end = || Msg::WabaRead { refresh_id: 1, waba: waba(), result: Ok(()) };
        assert_eq!((receive_numbers(&mut stage, 0, 3), saved_count(stage.update(end()))), (0, 3));
        // What comes while the page before is written waits for that, and what comes after the end for a full page.
        assert_eq!(
            (
                receive_numbers(&mut stage, 3, 300),
                saved_count(stage.update(end())),
                receive_numbers(&mut stage, 300, 310)
            ),
            (0, 0, 0)
        );
        assert_eq!(saved_count(stage.update(Msg::NumbersCached)), 256);
        assert_eq!(saved_count(stage.update(Msg::NumbersCached)), 51);
        assert_eq!((receive_numbers(&mut stage, 310, 320), saved_count(stage.update(Msg::NumbersCached))), (0, 0));
    }

    #[test]
    fn a_number_read_by_itself_is_handed_over_as_it_is_listed() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.update(Msg::NumbersCached).assert_effects(&[]);
        let on = Number { two_step: TwoStep::On, waba: None, ..number(0) };
        stage.update(Msg::NumberRead { id: id(0), result: Ok(on.clone()) });
        stage.assert_effects(&[Effect::CacheNumbers(vec![Number { waba: Some(waba()), ..on }])]);
    }
}

mod hiding {
    use super::*;

    fn wait_until_hidden(stage: &mut AppFixture) -> &mut AppFixture {
        stage.wait(HIDE_AFTER)
    }

    #[test]
    fn it_hides_after_the_time_and_warns_30_s_before() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let asked = stage.app.next_wake(stage.now.instant);
        assert_eq!(
            asked,
            Some(stage.now.instant + HIDE_AFTER.saturating_sub(Duration::from_secs(30))),
            "one wake until then"
        );
        stage
            .wait(HIDE_AFTER.saturating_sub(Duration::from_secs(30)))
            .sees("Hiding the screen in 30 s. Press any key.");
        stage.wait(Duration::from_millis(29_999)).sees("0143").wait(Duration::from_millis(1));
        stage.assert_effects(&[Effect::DropSecrets]).sees("Screen hidden").sees("Hidden after 10 min without a key.");
        for word in ["0140", "0143", "Acme", "acme", "2000000", "Read 4"] {
            stage.does_not_see(word);
        }
        assert_eq!(stage.app.next_wake(stage.now.instant), None, "a hidden screen costs nothing");
    }

    #[test]
    fn the_key_that_answers_the_warning_does_nothing_else() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage
            .press('p')
            .type_text(PIN)
            .type_text(PIN)
            .key(Key::Enter)
            .wait(HIDE_AFTER.saturating_sub(Duration::from_secs(10)));
        stage
            .sees("Hiding the screen")
            .press('y')
            .assert_effects(&[])
            .does_not_see("Hiding")
            .sees("Set the PIN for 1 number?");
        stage.press('y').assert_effects(&[set_pin_effect(0)]);
    }

    #[test]
    fn what_was_being_typed_is_dropped_and_nothing_is_sent() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.press('p').type_text(PIN).type_text(PIN).key(Key::Enter);
        wait_until_hidden(&mut stage).sees("Screen hidden").press('y').assert_effects(&[]).key(Key::Enter);
        stage
            .assert_effects(&[Effect::ReadToken])
            .update(Msg::TokenRead(Ok(())))
            .assert_effects(&[Effect::RecordScreenShown]);
        stage.sees("Showing 4 of 4").press('m').sees("Your input was discarded. Nothing was sent.");
    }

    #[test]
    fn keys_before_it_is_drawn_do_nothing() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.app.update(Msg::KeyPressed(Key::Char('z')), stage.now);
        for key in [Key::Enter, Key::Ctrl('c'), Key::Char('q')] {
            assert_eq!(stage.app.update(Msg::KeyPressed(key), stage.now), []);
            assert_eq!(stage.app.mode(), Mode::Hidden);
        }
        stage.paint();
        stage.key(Key::Enter).assert_effects(&[Effect::ReadToken]).key(Key::Enter).assert_effects(&[]);
    }

    #[test]
    fn without_a_token_the_screen_stays_without_numbers() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.press('z').assert_effects(&[Effect::DropSecrets]).key(Key::Enter);
        stage.update(Msg::TokenRead(Err("The file is gone.".to_owned()))).assert_effects(&[]).sees("No access token");
        stage.does_not_see("0140").press('m').sees("No access token").press('?').does_not_see("0140").key(Key::Esc);
        stage.sees("No access token").key(Key::Esc).assert_effects(&[]).sees("Screen hidden").does_not_see("0140");
    }

    #[test]
    fn whoever_stays_after_all_stays_without_numbers() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage
            .set_change_state(0, ChangeState::Sending { attempt: 1 })
            .press('z')
            .key(Key::Ctrl('c'))
            .wait(READING_TIME)
            .press('y');
        stage
            .assert_effects(&[Effect::StopSending])
            .does_not_see("0140")
            .press('n')
            .sees("Screen hidden")
            .does_not_see("0140");
    }

    #[test]
    fn quitting_a_hidden_screen_names_no_number() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_without_escrow());
        stage.set_in_doubt(0, |standing| standing.is_in_escrow = false).press('z');
        stage.sees("PINs in doubt kept in memory: 1. The escrow does not have them.").sees("In doubt: 1.");
        stage.key(Key::Ctrl('c')).sees("Quit while a PIN is in doubt?").does_not_see("0140").does_not_see("2000000");
        stage
            .press('n')
            .sees("Screen hidden")
            .key(Key::Ctrl('c'))
            .wait(READING_TIME)
            .press('y')
            .assert_effects(&[Effect::Quit]);
    }

    #[test]
    fn pins_that_the_escrow_has_leave_memory_and_can_go_again_no_more() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).press('z').does_not_see("kept in memory").key(Key::Enter);
        stage.update(Msg::TokenRead(Ok(()))).open_number(0).sees("sealed in escrow.jsonl, not in memory");
        stage.press('s').assert_effects(&[]).sees("The PIN is no longer in memory.");
    }

    #[test]
    fn work_goes_on_and_only_its_count_is_shown() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage
            .set_change_state(0, ChangeState::Sending { attempt: 1 })
            .press('z')
            .sees("Work goes on: 1 request is on the way.");
        stage.sees("The access token is dropped when that is done: to show the screen, it is read again.");
        stage.set_change_state(1, ChangeState::Queued).sees("Work goes on: 1 request is on the way, 1 more is queued.");
        stage
            .set_change_state(0, ChangeState::Set(Completion { at: START_TIME, attempts: 1 }))
            .sees("1 request is queued: it was not sent yet.");
        stage
            .set_change_state(1, ChangeState::Set(Completion { at: START_TIME, attempts: 1 }))
            .does_not_see("Work goes on")
            .does_not_see("0140");
        stage.sees("The access token was dropped: to show the screen, it is read again.");
    }

    #[test]
    fn neither_a_lost_line_nor_a_repeat_wakes_a_hidden_screen() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        let until = stage.now.instant + Duration::from_secs(8);
        stage.set_change_state(0, ChangeState::Waiting { attempt: 2, until, in_doubt: true });
        stage.update(Msg::NumberRead { id: id(1), result: Err(ReadFailure::NoAnswer) }).sees("OFFLINE").press('z');
        assert_eq!(stage.app.next_wake(stage.now.instant), None);
        assert_eq!(stage.app.update(Msg::TimerFired, stage.now.plus(HIDE_AFTER)), []);
    }

    #[test]
    fn after_showing_the_page_of_what_is_unresolved_is_where_it_was() {
        let mut stage = AppFixture::new((80, 24));
        let unresolved = vec![stage.recovered_change(1)];
        stage
            .read_list()
            .open_records(records_with_escrow(), unresolved, &[])
            .press('z')
            .does_not_see("0141")
            .key(Key::Enter);
        stage.update(Msg::TokenRead(Ok(()))).assert_effects(&[Effect::RecordScreenShown]).sees("1 number is in doubt");
    }
}

mod history {
    use super::*;

    fn history_lines() -> Vec<HistoryEntry> {
        let line = |at, what| HistoryEntry {
            at: UtcTime::from_unix_seconds(at),
            operator_label: CleanText::new("ana"),
            is_request: true,
            description: CleanText::new(what),
        };
        vec![line(1_795_356_189, "set"), line(1_795_269_789, "checked by hand: phoned the shop")]
    }

    #[test]
    fn the_details_hold_the_history_newest_first() {
        let mut stage = AppFixture::with_list_and_records((80, 36), records_with_escrow());
        stage.open_number(0).assert_effects(&[Effect::ReadHistory(id(0))]).does_not_see("History");
        stage.update(Msg::HistoryRead { id: id(0), lines: history_lines() });
        stage.sees("History 22 Nov 2026 14:03 UTC ana set 21 Nov 2026 14:03 UTC ana checked by hand: phoned the shop");
        stage.set_change_state(0, ChangeState::Set(Completion { at: START_TIME, attempts: 1 }));
        stage.assert_effects(&[Effect::RefreshNumber(id(0)), Effect::ReadHistory(id(0))]);
    }

    #[test]
    fn the_last_request_of_an_earlier_run_is_the_one_that_the_journal_knows_of() {
        let opened = HistoryEntry {
            is_request: false,
            description: CleanText::new("opened from escrow"),
            at: UtcTime::from_unix_seconds(1_795_370_000),
            operator_label: CleanText::new("ana"),
        };
        for size in [(80, 36), (120, 36)] {
            let mut stage = AppFixture::with_list_and_records(size, records_with_escrow());
            stage.open_number(0).sees("Last request none since this start");
            stage.update(Msg::HistoryRead { id: id(0), lines: Vec::new() }).sees("Last request none since this start");
            stage.update(Msg::HistoryRead { id: id(0), lines: vec![opened.clone()] });
            stage.sees("Last request none since this start");
            let lines = [opened.clone()].into_iter().chain(history_lines()).collect();
            stage.update(Msg::HistoryRead { id: id(0), lines }).sees("Last request 22 Nov 2026 14:03 UTC: set ");
            stage.set_change_state(0, ChangeState::Sending { attempt: 1 }).sees("Last request sending");
        }
    }

    #[test]
    fn it_is_forgotten_when_the_screen_is_hidden_and_read_again() {
        let mut stage = AppFixture::with_list_and_records((80, 36), records_with_escrow());
        stage.open_number(0).update(Msg::HistoryRead { id: id(0), lines: history_lines() }).sees("phoned the shop");
        stage.press('z').key(Key::Enter).update(Msg::TokenRead(Ok(()))).open_number(0);
        stage.assert_effects(&[Effect::ReadHistory(id(0))]).does_not_see("phoned the shop");
    }

    #[test]
    fn beside_the_list_it_is_read_once_the_cursor_has_rested() {
        let mut stage = AppFixture::with_list_and_records((120, 36), records_with_escrow());
        stage.key(Key::Down).press('d').assert_effects(&[Effect::ReadHistory(id(1))]);
        stage.update(Msg::HistoryRead { id: id(1), lines: history_lines() }).sees("phoned the");
        stage.key(Key::Down).assert_effects(&[]).key(Key::Down).assert_effects(&[]).does_not_see("phoned the");
        stage.wait(Duration::from_millis(499)).assert_effects(&[]);
        stage.wait(Duration::from_millis(1)).assert_effects(&[Effect::ReadHistory(id(3))]);
        stage.wait(Duration::from_mins(1)).press('d').key(Key::Up).wait(READING_TIME);
        assert_eq!(stage.effects, [], "nothing is read for a pane that is closed");
    }
}

mod quitting {
    use super::*;

    #[test]
    fn a_doubt_that_the_escrow_has_is_shown_again_and_is_no_reason_to_insist() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).press('q').sees("1 number in doubt is shown again at the next start.");
        stage.does_not_see("forgotten").wait(READING_TIME).press('y').assert_effects(&[Effect::Quit]);
        let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
        stage.set_in_doubt(0, |_| {}).key(Key::Ctrl('c')).key(Key::Ctrl('c')).assert_effects(&[Effect::Quit]);
    }

    #[test]
    fn a_pin_that_is_only_in_memory_is_asked_about_by_name() {
        let mut stage = AppFixture::with_list_and_records((80, 24), records_without_escrow());
        stage
            .set_in_doubt(0, |standing| standing.is_in_escrow = false)
            .set_in_doubt(2, |standing| standing.is_pin_in_memory = false);
        stage
            .key(Key::Ctrl('c'))
            .key(Key::Ctrl('c'))
            .assert_effects(&[])
            .sees("! +1 555-010-0140")
            .does_not_see("0142");
        stage.sees("1 number in doubt is shown again at the next start.");
    }
}

mod counts {
    use super::*;

    #[test]
    fn one_number_that_was_read_is_told_as_one_whether_all_could_be_read_or_not() {
        for (result, told) in
            [(Ok(()), "Read 1 number."), (Err(ReadFailure::NoAnswer), "Read 1 number; 1 of 1 WABAs could not be read.")]
        {
            let mut stage = AppFixture::new((80, 24));
            stage.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
            stage
                .update(Msg::WabaRead { refresh_id: 1, waba: waba(), result })
                .update(Msg::RefreshFinished { refresh_id: 1 });
            stage.sees(told);
        }
    }

    #[test]
    fn one_try_is_told_as_one() {
        for (tries, told) in [(1, "14:03:09 UTC, 1 try "), (2, "14:03:09 UTC, 2 tries ")] {
            let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
            stage.set_change_state(
                0,
                ChangeState::Set(Completion { at: UtcTime::from_unix_seconds(1_795_356_189), attempts: tries }),
            );
            stage.open_number(0).sees(told);
        }
    }

    #[test]
    fn a_pin_is_shown_for_1_second_or_for_several_seconds() {
        for (seconds, told) in [(1, "show the PIN for 1 second"), (2, "show the PIN for 2 seconds")] {
            let surroundings = TerminalEnv::default();
            let mut stage = AppFixture::with_options((80, 24), &surroundings, Duration::from_secs(seconds));
            stage.read_list().open_records(records_with_escrow(), Vec::new(), &[]).press('p');
            let line = stage.screen().lines().find_map(|line| line.split_once("v  ").map(|(_, told)| told.to_owned()));
            assert_eq!(line.as_deref(), Some(told));
        }
    }
}

mod looks {
    use super::*;

    fn assert_screen_snapshot(name: &str, stage: &AppFixture) {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, stage.screen());
        });
    }

    const SIZES: [(u16, u16); 2] = [(80, 24), (40, 10)];

    #[test]
    fn the_pages_look_as_they_did() {
        for size in SIZES {
            let snap = |page: &str, stage: &AppFixture| {
                assert_screen_snapshot(&format!("{page}-{}x{}", size.0, size.1), stage);
            };
            let mut stage = AppFixture::new(size);
            let unresolved = vec![stage.recovered_change(1), stage.recovered_change(7)];
            let finding = "The journal was missing and is made anew. What the escrow file holds is in doubt.";
            stage.read_list().open_records(records_with_escrow(), unresolved, &[finding]).key(Key::Down);
            snap("unresolved", &stage);
            stage.key(Key::Enter);
            snap("doubt-recovered", &stage);
            stage.key(Key::Esc).key(Key::Esc);
            snap("list-in-doubt", &stage);
            stage.set_in_doubt(0, |_| {}).open_number(0);
            snap("doubt-held", &stage);
            stage.set_in_doubt(0, |standing| standing.is_in_escrow = false);
            snap("doubt-unsealed", &stage);
            stage.press('h').type_text("the shop still registers with the old PIN");
            snap("check-note", &stage);
            stage.key(Key::Enter);
            snap("check-question", &stage);
            stage.key(Key::Esc).key(Key::Esc).press('q');
            snap("quit-in-doubt", &stage);
            stage.key(Key::Esc).press('z');
            snap("hidden", &stage);
            stage.key(Key::Ctrl('c'));
            snap("hidden-quit", &stage);
        }
    }

    #[test]
    fn the_pages_of_the_journal_look_as_they_did() {
        for size in SIZES {
            let snap = |page: &str, stage: &AppFixture| {
                assert_screen_snapshot(&format!("{page}-{}x{}", size.0, size.1), stage);
            };
            let mut stage = AppFixture::with_list_and_records(size, records_with_changed_keys());
            snap("list-keys-changed", &stage);
            stage.press('p');
            snap("keys-changed", &stage);
            let mut stage = AppFixture::with_list_and_records(size, records_with_escrow());
            stage.press('p');
            snap("form-escrow", &stage);
            stage.type_text(PIN).type_text(PIN).key(Key::Enter);
            snap("confirm-escrow", &stage);
            let why = "A sync of /srv/pindesk/journal.db failed: no space left on device. 0 bytes are free there.";
            stage.key(Key::Esc).update(Msg::JournalFailed(CleanText::new(why))).press('p');
            snap("journal-failed", &stage);
            stage.key(Key::Esc);
            snap("list-journal-failed", &stage);
            let mut stage = AppFixture::with_list_and_records(size, records_without_escrow());
            stage.press('p');
            snap("form-no-escrow", &stage);
            stage.type_text(PIN).type_text(PIN).key(Key::Enter);
            snap("confirm-no-escrow", &stage);
            let mut stage = AppFixture::new(size);
            let old = Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(1) };
            stage.open_records(records_with_escrow(), Vec::new(), &[]).update(Msg::CachedNumbersLoaded(vec![old]));
            snap("list-remembered", &stage);
            stage.wait(HIDE_AFTER.saturating_sub(Duration::from_secs(1)));
            snap("list-warning", &stage);
        }
    }

    #[test]
    fn every_page_is_drawn_at_every_size() {
        let doubt = |stage: &mut AppFixture| {
            stage.set_in_doubt(0, |_| {}).open_number(0);
        };
        let pages: [fn(&mut AppFixture); 5] = [
            |stage| {
                stage.press('w');
            },
            |stage| {
                stage.open_number(0);
            },
            |stage| {
                stage.open_number(0).press('h').type_text(&"a long note ".repeat(20));
            },
            |stage| {
                stage.open_number(0).press('h').type_text(&"a long note ".repeat(20)).key(Key::Enter);
            },
            |stage| {
                stage.press('z');
            },
        ];
        let mut stages: Vec<AppFixture> = pages
            .iter()
            .map(|page| {
                let mut stage = AppFixture::with_list_and_records((80, 24), records_with_escrow());
                doubt(&mut stage);
                page(stage.key(Key::Esc));
                stage
            })
            .collect();
        for records in [records_with_changed_keys(), RecordingStatus::Unusable(CleanText::new(&"why ".repeat(90)))] {
            let mut stage = AppFixture::with_list_and_records((80, 24), records);
            stage.press('p');
            stages.push(stage);
        }
        let modes: Vec<_> = stages.iter().map(|stage| stage.app.mode()).collect();
        let expected = [
            Mode::Unresolved,
            Mode::NoAnswer,
            Mode::ResolutionNote,
            Mode::ConfirmResolution,
            Mode::Hidden,
            Mode::Recipients,
            Mode::JournalUnavailable,
        ];
        assert_eq!(modes, expected);
        for stage in &mut stages {
            for width in [1, 2, 9, 39, 40, 41, 59, 60, 79, 80, 99, 100, 121, 199] {
                for height in [1, 2, 5, 9, 10, 11, 15, 16, 24, 60] {
                    stage.update(Msg::Resized(Size { width, height }));
                }
            }
        }
    }

    #[test]
    fn a_question_and_a_form_say_of_which_number_they_are_at_every_size() {
        type OpenPage = fn(&mut AppFixture) -> &mut AppFixture;
        let pages: [(OpenPage, Mode); 6] = [
            (|stage| stage.press('p'), Mode::PinForm),
            (|stage| stage.press('p').type_text(PIN), Mode::PinForm),
            (|stage| stage.press('p').type_text(PIN).type_text(PIN).key(Key::Enter), Mode::ConfirmReplace),
            (|stage| stage.set_in_doubt(1, |_| {}).key(Key::Enter).press('s'), Mode::Confirm),
            (|stage| stage.set_in_doubt(1, |_| {}).key(Key::Enter).press('h'), Mode::ResolutionNote),
            (
                |stage| stage.set_in_doubt(1, |_| {}).key(Key::Enter).press('h').type_text("note").key(Key::Enter),
                Mode::ConfirmResolution,
            ),
        ];
        let clean = |text: &str| Some(CleanText::new(text));
        let numbers = [
            (number(1), "+1 555-010-0141", "[____]"),
            (Number { display_number: None, ..number(1) }, "200000000000001", "[____]"),
            (Number { display_number: clean("none"), ..number(1) }, "none", "ID 200000000000001."),
            (Number { name: clean(&"A long name ".repeat(20)), ..number(1) }, "+1 555-010-0141", "[____]"),
            (Number { display_number: clean(&"+1 555 ".repeat(60)), ..number(1) }, "+1 555 +1 555", "[____]"),
        ];
        for (number, told, asked) in numbers {
            for (page, mode) in pages {
                let mut stage = AppFixture::new((80, 24));
                stage.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number.clone()] });
                stage.update(Msg::RefreshFinished { refresh_id: 1 }).open_records(
                    records_with_escrow(),
                    Vec::new(),
                    &[],
                );
                page(&mut stage);
                assert_eq!(stage.app.mode(), mode);
                let asked = if mode == Mode::ConfirmReplace { asked } else { "" };
                for width in [40, 41, 59, 60, 61, 79, 80, 100, 120] {
                    for height in 10..=40 {
                        stage.update(Msg::Resized(Size { width, height })).sees(told).sees(asked);
                    }
                }
            }
        }
    }

    #[test]
    fn a_question_in_a_small_window_goes_without_blank_lines_before_it_goes_without_words() {
        for size in [(80, 16), (60, 17), (120, 16)] {
            let mut stage = AppFixture::with_list_and_records(size, records_without_escrow());
            stage.key(Key::Down).press('p').type_text(PIN).type_text(PIN).key(Key::Enter);
            stage.sees("The old PIN stops working at once. People who know").sees("This cannot be undone");
        }
    }

    #[test]
    fn without_colour_the_signs_and_words_stay() {
        let plain = TerminalEnv { no_color: true, ..TerminalEnv::default() };
        let mut stage = AppFixture::with_terminal_env((80, 24), &plain);
        let unresolved = vec![stage.recovered_change(1)];
        stage.read_list().open_records(records_with_escrow(), unresolved, &[]).sees("> ! +1 555-010-0141");
        let cells = stage.buffer.content();
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        stage.key(Key::Esc).sees("in doubt 1 | on 1");
        assert!(matches!(stage.app.screen(), Screen::List));
    }
}
