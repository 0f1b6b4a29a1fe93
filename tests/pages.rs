//! The pages of doubt, of the journal and of the hidden screen, on the console's state alone: what happened goes in, and
//! what is asked for and what stands on the screen comes out. No network, no journal, no clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pindesk::console::app::{App, Effect, Msg, Place, Records, Screen, Session, Size};
use pindesk::console::decoder::Pasted;
use pindesk::console::key::Key;
use pindesk::console::keymap::{Keymap, Mode};
use pindesk::console::theme::{Glyphs, Surroundings, Theme};
use pindesk::console::view::View;
use pindesk::job::{ChangeId, Completion, InDoubtDetails, ChangeState, Progress, SendHistory, Resolution};
use pindesk::journal::HistoryLine;
use pindesk::moment::{TimePoint, UtcTime};
use pindesk::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::outcome::{DoubtReason, ApiError, NotSentReason, ReadFailure};
use pindesk::pin::Pin;
use pindesk::text::CleanText;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

const PIN: &str = "409726";

/// Longer than the quiet time before a question.
const READING: Duration = Duration::from_secs(2);

const HIDE_AFTER: Duration = Duration::from_mins(10);

/// 2026-11-22 14:03:09 UTC.
const START: UtcTime = UtcTime::from_unix_seconds(1_795_356_189);

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
    let mut number = Number::from_config(id(index), Some(CleanText::new(["Acme Retail UK", "Acme Support"][index % 2])));
    number.waba = Some(waba());
    number.display_number = Some(CleanText::new(&format!("+1 555-010-014{index}")));
    number.two_step = if index == 1 { TwoStep::On } else { TwoStep::NotSet };
    number.read_at = Some(START);
    number
}

fn escrow() -> Records {
    Records::Ready { recipients: clean(&["ops-vault age1qjkbnnxfj", "ana@acme SHA256:x7Vq2cTg"]) }
}

fn no_escrow() -> Records {
    Records::Ready { recipients: Vec::new() }
}

fn changed_keys() -> Records {
    Records::RecipientsChanged {
        remembered: clean(&["age1ops", "ssh-ed25519 SHA256:gone"]),
        now: clean(&["age1ops", "ssh-ed25519 SHA256:new"]),
    }
}

/// The console on four numbers, and the moment it is at.
struct Stage {
    app: App,
    view: View,
    buffer: Buffer,
    now: TimePoint,
    effects: Vec<Effect>,
}

impl Stage {
    fn new(size: (u16, u16)) -> Self {
        Self::looking(size, &Surroundings { term: Some("xterm-256color".to_owned()), ..Surroundings::default() })
    }

    fn looking((width, height): (u16, u16), surroundings: &Surroundings) -> Self {
        Self::of((width, height), surroundings, Duration::from_secs(10))
    }

    fn of((width, height): (u16, u16), surroundings: &Surroundings, show_pin_for: Duration) -> Self {
        let session = Session {
            profile: Some("acme-prod".to_owned()),
            place: Place::Live,
            read_only: false,
            user: "ana".to_owned(),
            host: "graph.example".to_owned(),
            config_places: Vec::new(),
            token_place: "/etc/pindesk/token".to_owned(),
            wabas: vec![waba()],
            show_pin_for: Some(show_pin_for),
            may_suspend: true,
            bell: false,
            hide_after: Some(HIDE_AFTER),
            start_note: None,
        };
        let (app, effects) = App::start(session, Ok(()), Keymap::default(), Size { width, height });
        let now = TimePoint { instant: Instant::now(), utc: START };
        let view = View::new(Theme::new(surroundings, Some(Glyphs::Ascii)));
        let mut stage = Self { app, view, buffer: Buffer::default(), now, effects };
        stage.paint();
        stage
    }

    /// The list is read, and the journal is open.
    fn ready(size: (u16, u16), records: Records) -> Self {
        let mut stage = Self::new(size);
        stage.reads_the_list().opens(records, Vec::new(), &[]);
        stage
    }

    fn reads_the_list(&mut self) -> &mut Self {
        let numbers = (0..4).map(number).collect();
        self.tell(Msg::PageArrived { reading: 1, numbers });
        self.tell(Msg::WabaRead { reading: 1, waba: waba(), result: Ok(()) });
        self.tell(Msg::ListRead { reading: 1 })
    }

    fn opens(&mut self, records: Records, unresolved: Vec<Progress>, findings: &[&str]) -> &mut Self {
        self.tell(Msg::RecordsOpened { records, unresolved, findings: clean(findings) })
    }

    fn tell(&mut self, msg: Msg) -> &mut Self {
        self.effects = self.app.update(msg, self.now);
        self.paint();
        self
    }

    fn job(&mut self, index: usize, state: ChangeState) -> &mut Self {
        self.tell(Msg::JobsMoved(vec![Progress { change: Some(ChangeId::new()), number: id(index), state }]))
    }

    fn press(&mut self, key: char) -> &mut Self {
        self.key(Key::Char(key))
    }

    fn key(&mut self, key: Key) -> &mut Self {
        self.tell(Msg::KeyPressed(key))
    }

    fn types(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|key| {
            self.press(key);
        });
        self
    }

    fn waits(&mut self, time: Duration) -> &mut Self {
        let end = self.now.plus(time);
        while let Some(wake) = self.app.next_wake(self.now.instant).filter(|wake| *wake <= end.instant) {
            self.now = self.now.plus(wake.saturating_duration_since(self.now.instant));
            self.tell(Msg::Woken);
        }
        self.now = end;
        self.paint();
        self
    }

    fn paint(&mut self) {
        self.app.settle();
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
        assert!(squeezed(&self.screen()).contains(text), "no {text:?} on the screen:\n{}", self.screen());
        self
    }

    #[track_caller]
    fn sees_no(&mut self, text: &str) -> &mut Self {
        assert!(!squeezed(&self.screen()).contains(text), "{text:?} is on the screen:\n{}", self.screen());
        self
    }

    #[track_caller]
    fn asks_for(&mut self, effects: &[Effect]) -> &mut Self {
        assert_eq!(self.effects, effects, "\n{}", self.screen());
        self
    }

    /// Opens the page of the number with this place in the list.
    fn opens_number(&mut self, index: usize) -> &mut Self {
        self.key(Key::Home);
        for _ in 0..index {
            self.key(Key::Down);
        }
        self.key(Key::Enter)
    }

    /// A PIN typed, and the question answered.
    fn sets_a_pin(&mut self) -> &mut Self {
        self.press('p').types(PIN).types(PIN).key(Key::Enter).waits(READING).press('y')
    }

    fn standing(&self) -> InDoubtDetails {
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
    fn recovered(&self, index: usize) -> Progress {
        let standing = InDoubtDetails {
            reason: DoubtReason::ProcessEnded,
            is_pin_in_memory: false,
            two_step_before: TwoStep::On,
            candidate_count: 2,
            send_history: SendHistory::Recorded(Completion { at: UtcTime::from_unix_seconds(1_795_350_000), attempts: 1 }),
            ..self.standing()
        };
        Progress { change: Some(ChangeId::new()), number: id(index), state: ChangeState::InDoubt(Box::new(standing)) }
    }

    fn in_doubt(&mut self, index: usize, change: impl FnOnce(&mut InDoubtDetails)) -> &mut Self {
        let mut standing = self.standing();
        change(&mut standing);
        self.job(index, ChangeState::InDoubt(Box::new(standing)))
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn order(index: usize) -> Effect {
    let pin = Pin::parse(PIN.as_bytes()).expect("a PIN");
    Effect::SetPin { number: id(index), waba: Some(waba()), before: (&number(index)).into(), pin }
}

mod records {
    use super::*;

    #[test]
    fn nothing_is_sent_until_the_journal_is_open() {
        let mut stage = Stage::new((80, 24));
        stage.reads_the_list().press('p').sees("The journal is still being opened.");
        assert_eq!(stage.app.mode(), Mode::List);
        stage.opens(escrow(), Vec::new(), &[]).sets_a_pin().asks_for(&[order(0)]);
    }

    #[test]
    fn a_journal_that_cannot_be_used_leaves_the_list_and_refuses_to_set() {
        let why = "the state directory /srv/state cannot be written to: read-only file system.";
        let mut stage = Stage::ready((80, 24), Records::Unusable(CleanText::new(why)));
        stage
            .sees("NO JOURNAL")
            .sees("Nothing can be set: the state directory")
            .sees("+1 555-010-0143")
            .press('p')
            .sees("Nothing can be set")
            .sees(why);
        stage.key(Key::Esc).sees("Showing 4 of 4").press('r').asks_for(&[Effect::ReadNumber(id(0))]);
    }

    #[test]
    fn a_journal_that_dies_is_told_for_good_and_nothing_more_is_sent() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.press('p').types(PIN).types(PIN).key(Key::Enter).waits(READING);
        let why = "the disk of /srv/state is full, 0 bytes are free.";
        stage.tell(Msg::RecordsDied(CleanText::new(why))).sees("JOURNAL FAILED").press('y').asks_for(&[]);
        stage.sees("The journal failed, so nothing more is sent.").sees(why);
        stage.key(Key::Esc).press('m').sees("Nothing was sent. It cannot be recorded.");
        stage.key(Key::Esc).tell(Msg::RecipientsAcknowledged(Ok(escrow()))).press('p').sees("The journal failed");
        stage.key(Key::Esc).sees("JOURNAL FAILED");
    }

    #[test]
    fn changed_keys_are_shown_and_confirmed_by_y_after_a_quiet_time() {
        let mut stage = Stage::ready((80, 24), changed_keys());
        stage.sees("KEYS CHANGED").sees("The keys of the escrow have changed.").press('p');
        stage.sees("1 added, 1 removed, 1 kept.").sees("Added ssh-ed25519 SHA256:new").sees("Removed ssh-ed25519");
        stage.press('y').asks_for(&[]).sees("Read this first").press('x').waits(READING);
        stage.tell(Msg::Pasted(Pasted::new("y".to_owned()))).asks_for(&[]).key(Key::Enter).asks_for(&[]);
        stage.waits(READING).press('y').asks_for(&[Effect::AcknowledgeRecipients]);
        stage.press('p').sees("1 added").key(Key::Esc);
        stage.tell(Msg::RecipientsAcknowledged(Ok(escrow()))).sees_no("KEYS CHANGED").sets_a_pin();
        stage.asks_for(&[order(0)]);
    }

    #[test]
    fn keys_below_the_window_are_read_until_they_are_confirmed() {
        let names: Vec<String> = (0..9).map(|key| format!("ssh-ed25519 SHA256:{key}")).collect();
        let now = names.iter().map(|name| CleanText::new(name)).collect();
        let mut stage = Stage::ready((40, 10), Records::RecipientsChanged { remembered: Vec::new(), now });
        stage.press('p').waits(READING).press('y').asks_for(&[]).sees("There is more below: read on with Down.");
        for _ in 0..9 {
            stage.key(Key::PageDown);
        }
        stage.press('y').asks_for(&[Effect::AcknowledgeRecipients]);
    }

    #[test]
    fn keys_that_could_not_be_confirmed_still_stop_all_setting() {
        let mut stage = Stage::ready((80, 24), changed_keys());
        stage.tell(Msg::RecipientsAcknowledged(Err(CleanText::new("the disk is full")))).sees("could not be confirmed");
        stage.press('p').sees("1 added");
    }

    #[test]
    fn the_form_and_the_question_say_where_the_pin_will_be() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage
            .press('p')
            .sees("Will be sealed first, in escrow.jsonl, for 2 keys.")
            .types(PIN)
            .types(PIN)
            .key(Key::Enter);
        stage.sees(
            "Will be sealed first, in escrow.jsonl, for 2 keys. ops-vault age1qjkbnnxfj ana@acme SHA256:x7Vq2cTg",
        );
        stage.sees("Enter does nothing here.");
        let mut stage = Stage::ready((80, 24), no_escrow());
        stage.press('p').sees("No escrow: only your vault has this PIN").types(PIN).types(PIN).key(Key::Enter);
        stage.sees("No escrow: only your vault has this PIN, and this program until you quit.");
        stage.waits(READING).press('y').asks_for(&[order(0)]);
    }
}

mod doubt {
    use super::*;

    #[test]
    fn the_page_says_what_was_on_where_the_pin_is_and_how_many_may_be_in_force() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).asks_for(&[Effect::ReadHistory(id(0))]);
        stage.sees("not set before; now not set").sees("May be in force 1 PIN, or none");
        stage.sees("in memory, and sealed in escrow.jsonl").sees("No answer: +1 555-010-0140");
        stage.in_doubt(0, |standing| (standing.is_in_escrow, standing.candidate_count) = (false, 3));
        stage.sees("in memory only, until you quit: write it down").sees("3 PINs, or none").sees("s same PIN");
        stage.in_doubt(0, |standing| (standing.is_pin_in_memory, standing.two_step_before) = (false, TwoStep::On));
        stage.sees("sealed in escrow.jsonl, not in memory").sees("1 PIN, the one before included").sees("on before");
        stage
            .sees_no("s same PIN")
            .sees("s The same PIN cannot go again")
            .press('s')
            .sees("The PIN is not in memory any more.");
        assert_eq!(stage.app.mode(), Mode::NoAnswer);
    }

    #[test]
    fn the_same_pin_goes_again_after_a_question() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).press('s').sees("Send the same PIN to 1 number again?");
        stage.press('y').asks_for(&[]).waits(READING).press('y').asks_for(&[Effect::SendSamePin(id(0))]);
    }

    #[test]
    fn another_pin_can_be_set_only_when_the_last_try_can_land_no_more() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).sees("A new PIN can be set in 1 min 35 s");
        stage.press('p').sees("A new PIN in 1 min 35 s. Until then only the same PIN can go: s.");
        stage.waits(Duration::from_millis(34_500)).sees("A new PIN can be set in 1 min 1 s");
        stage.waits(Duration::from_millis(60_499)).press('p').sees("A new PIN in 1 s.").asks_for(&[]);
        stage.waits(Duration::from_millis(1)).sees("p Set a new PIN.").press('p').sees("Set PIN");
        stage.asks_for(&[Effect::ReadNumber(id(0))]);
    }

    #[test]
    fn the_countdown_wakes_the_screen_once_a_second_and_only_on_its_page() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {});
        let warning = stage.now.instant + HIDE_AFTER.saturating_sub(Duration::from_secs(30));
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(warning), "the list counts nothing");
        stage.opens_number(0);
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(stage.now.instant + Duration::from_secs(1)));
        stage.waits(Duration::from_secs(95));
        assert_eq!(stage.app.next_wake(stage.now.instant), Some(warning));
    }

    #[test]
    fn a_recovered_change_has_the_new_pin_as_its_first_way() {
        let mut stage = Stage::new((80, 24));
        let unresolved = vec![stage.recovered(1)];
        stage.reads_the_list().opens(escrow(), unresolved, &[]).sees("1 number is in doubt").key(Key::Enter);
        stage.waits(Duration::from_secs(95));
        let screen = stage.screen();
        assert!(screen.find("p  Set a new PIN. This is the way") < screen.find("s  The same PIN"), "{screen}");
        stage.sees("pindesk escrow open --identity FILE 200000000000001");
    }

    #[test]
    fn a_check_by_hand_needs_a_note_without_a_pin_and_an_answer() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).press('h').sees("Checked by hand");
        stage.types("ok").key(Key::Enter).sees("Write down what was found");
        stage.key(Key::Ctrl('u')).types("PIN is 409726 now").key(Key::Enter).sees("Leave the PIN out");
        stage.key(Key::Ctrl('u')).types("it was 4 0 9-72 6").key(Key::Enter).sees("Leave the PIN out");
        for note in ["set 23.11. 14:05 409726", "ticket 4711 409726", "23.11.2026 409726", "409726 4711"] {
            stage.key(Key::Ctrl('u')).types(note).key(Key::Enter).sees("Leave the PIN out");
        }
        stage
            .key(Key::Ctrl('u'))
            .types("asked +1 555 555 0100 on 23.11.2026 at 14:05, ticket 47114711")
            .key(Key::Enter);
        stage.sees("Record that").press('n').press('h');
        stage.types("registered with the old PIN").key(Key::Enter);
        stage.sees("Record that 1 number was checked by hand?").sees("registered with the old PIN");
        stage.press('y').asks_for(&[]).key(Key::Enter).asks_for(&[]).waits(READING).press('y');
        let note = CleanText::new("registered with the old PIN");
        stage.asks_for(&[Effect::SettleByHand { number: id(0), note }]);
        let finished = Completion { at: stage.now.utc, attempts: 4 };
        stage.job(0, ChangeState::Resolved(finished, Resolution::Manual)).sees("settled: recorded as checked by hand.");
        stage.press('/').types("request:settled").key(Key::Enter).sees("Showing 1 of 4").sees("- settled");
        stage.key(Key::Enter).sees("Last request settled: checked by hand");
    }

    #[test]
    fn esc_leaves_the_note_and_its_question_and_nothing_is_recorded() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).press('h').types("abc").key(Key::Esc).sees("No answer:");
        stage.press('h').sees("Note:").sees_no("abc").types("abc").key(Key::Enter).waits(READING).press('n');
        stage.sees("Cancelled. Nothing was recorded.").sees("No answer:").asks_for(&[]);
    }

    #[test]
    fn a_decision_is_not_recorded_where_the_journal_is_dead() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).opens_number(0).press('h').types("abc").key(Key::Enter).waits(READING);
        stage.tell(Msg::RecordsDied(CleanText::new("the disk is full."))).press('y').asks_for(&[]);
        stage.sees("Nothing can be set");
    }

    #[test]
    fn a_refusal_that_comes_later_clears_no_doubt() {
        let mut stage = Stage::ready((80, 24), escrow());
        let finished = Completion { at: stage.now.utc, attempts: 1 };
        stage.in_doubt(0, |_| {}).job(0, ChangeState::NotSent(finished, NotSentReason::Stopped)).sees("in doubt 1");
        stage.opens_number(0).sees("No answer:").sees("The older PIN may have been set");
    }

    #[test]
    fn what_was_stopped_as_no_sure_answers_came_says_so_on_its_row_and_its_page() {
        let mut stage = Stage::ready((80, 24), escrow());
        let finished = Completion { at: stage.now.utc, attempts: 0 };
        stage.job(0, ChangeState::NotSent(finished, NotSentReason::TooManyInDoubt)).sees("- not sent").sees_no("No connection");
        stage.opens_number(0).sees("Not sent:").sees("Too many requests in a row got no sure answer before this");
        stage.sees("Nothing was changed.").sees("Check the network and the proxy of this server.");
    }

    #[test]
    fn a_doubt_of_which_only_less_can_be_done_is_not_told_again() {
        let mut stage = Stage::ready((80, 24), escrow());
        let (sent, from) = (stage.standing().send_history, stage.standing().new_pin_allowed_from);
        stage.in_doubt(0, |_| {}).waits(READING);
        stage.in_doubt(0, |standing| {
            (standing.send_history, standing.new_pin_allowed_from, standing.is_pin_in_memory) = (sent, from, false);
        });
        assert_eq!(stage.app.messages().newest_first().filter(|told| told.text.contains("no answer")).count(), 1);
    }
}

mod unresolved {
    use super::*;

    fn with_two(size: (u16, u16)) -> Stage {
        let mut stage = Stage::new(size);
        // The second is not configured any more: the list will never hold it.
        let unresolved = vec![stage.recovered(1), stage.recovered(7)];
        stage.opens(escrow(), unresolved, &["The journal is older than the escrow file: it may have been put back."]);
        stage
    }

    #[test]
    fn it_comes_before_the_list_and_esc_puts_it_off() {
        let mut stage = with_two((80, 24));
        stage.sees("2 numbers are in doubt").sees("The journal is older").sees("200000000000001");
        stage.reads_the_list().sees("2 numbers are in doubt").sees("+1 555-010-0141").sees("2 PINs");
        stage.key(Key::Esc).sees("Showing 4 of 4").sees("in doubt 2 | on 1").press('w').sees("2 numbers are in doubt");
        stage.press('q').sees("Showing 4 of 4");
    }

    #[test]
    fn a_doubt_that_only_the_escrow_file_knew_of_says_when_it_was_sealed_and_of_no_try() {
        const SEALED: UtcTime = UtcTime::from_unix_seconds(1_795_269_789);
        for size in [(80, 24), (60, 16), (40, 10)] {
            let mut stage = Stage::new(size);
            let mut left = stage.recovered(1);
            let ChangeState::InDoubt(standing) = &mut left.state else { panic!("{left:?}") };
            (standing.send_history, standing.reason) = (SendHistory::EscrowOnly { encrypted_at: SEALED }, DoubtReason::EscrowOnly);
            let unresolved = vec![left, stage.recovered(7)];
            stage.reads_the_list().opens(escrow(), unresolved, &[]);
            stage.sees("sealed 21 Nov 2026").sees_no("21 Nov 2026 14:03").key(Key::Enter);
            stage.sees("Only the escrow file knows of this PIN: whether it was sent, nobody knows.").sees_no("Tries");
            let told = "Last try not known: the PIN was sealed at 21 Nov 2026 14:03 UTC";
            for _ in 0..20 {
                if !squeezed(&stage.screen()).contains(told) {
                    stage.key(Key::Down).sees_no("Tries");
                }
            }
            stage.sees(told);
        }
    }

    #[test]
    fn it_waits_until_what_is_typed_is_done() {
        let mut stage = Stage::new((80, 24));
        stage.reads_the_list().press('/').types("555");
        let unresolved = vec![stage.recovered(1)];
        stage.opens(escrow(), unresolved, &[]).sees("Filter: 555").key(Key::Enter).sees("1 number is in doubt");
    }

    #[test]
    fn a_row_goes_only_by_a_confirmation_or_a_decision() {
        let mut stage = with_two((80, 24));
        let finished = Completion { at: START, attempts: 1 };
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
            stage.job(1, state).sees("2 numbers are in doubt").reads_the_list();
        }
        stage.job(1, ChangeState::Set(finished)).sees("1 number is in doubt");
        stage.job(7, ChangeState::Resolved(finished, Resolution::NoPinInForce)).sees("To look at");
        stage.key(Key::Esc).sees_no("in doubt").press('w').sees("The journal is older");
    }

    #[test]
    fn the_cursor_follows_its_number_and_enter_opens_it() {
        let mut stage = with_two((80, 24));
        stage.reads_the_list().key(Key::Enter).sees("2 numbers are in doubt").asks_for(&[]);
        stage.key(Key::Down).key(Key::Down).key(Key::Enter).sees("No answer: 200000000000007");
        stage.asks_for(&[Effect::ReadHistory(id(7))]).key(Key::Esc).sees("> ! 200000000000007");
        stage.key(Key::Enter).press('h').types("gone from Meta").key(Key::Enter).waits(READING).press('y');
        stage.asks_for(&[Effect::SettleByHand { number: id(7), note: CleanText::new("gone from Meta") }]);
        stage.sees("2 numbers are in doubt");
        stage.job(7, ChangeState::Resolved(Completion { at: START, attempts: 1 }, Resolution::Manual)).sees("> ! +1 555");
    }

    #[test]
    fn without_anything_w_says_so() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.press('w').sees("No number is in doubt.").sees("Showing 4 of 4");
    }
}

mod remembered {
    use super::*;

    fn old(index: usize) -> Number {
        Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(index) }
    }

    fn ends(reading: u32, result: Result<(), ReadFailure>) -> Msg {
        Msg::WabaRead { reading, waba: waba(), result }
    }

    #[test]
    fn numbers_of_an_earlier_run_are_shown_as_old_until_read_afresh() {
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old(1), old(5)]));
        stage.sees("Showing numbers as read 21 Nov 2026 14:03 UTC; reading them afresh: 0 so far.");
        stage.sees("? on").sees("on 0 | not set 0 | unknown 2");
        stage.reads_the_list().sees("Read 4 numbers.").sees("Showing 4 of 4").sees("on 1 | not set 3 | unknown 0");
        stage.sees("+ on").sees_no("? on").sees_no("0145");
    }

    #[test]
    fn a_fresh_number_is_never_replaced_by_an_old_one_and_late_old_ones_are_not_shown() {
        let mut stage = Stage::ready((80, 24), escrow());
        let on = Number { two_step: TwoStep::On, ..old(0) };
        stage.tell(Msg::NumbersRemembered(vec![on, old(5)])).sees("on 1 | not set 3 | unknown 0").sees("4 of 4");
    }

    #[test]
    fn an_old_status_counts_as_unknown_for_the_question() {
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old(0)]));
        stage.press('p').asks_for(&[Effect::ReadNumber(id(0))]).sees("Two-step now unknown");
        stage.types(PIN).types(PIN).key(Key::Enter).sees("Replace the PIN of 1 number?").key(Key::Esc);
        stage.press('p').tell(Msg::NumberRead { id: id(0), result: Ok(number(0)) }).sees("Two-step now not set");
        stage.types(PIN).types(PIN).key(Key::Enter).sees("Set the PIN for 1 number?");
    }

    #[test]
    fn a_question_is_asked_anew_when_the_list_says_otherwise_meanwhile_and_not_when_it_is_older() {
        let page = |number: Number| Msg::PageArrived { reading: 1, numbers: vec![number] };
        let on = || Number { two_step: TwoStep::On, ..number(0) };
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(page(number(0))).press('p');
        stage.types(PIN).types(PIN).key(Key::Enter).sees("Set the PIN for 1 number?");
        stage.tell(page(Number { read_at: Some(UtcTime::from_unix_seconds(1)), ..on() })).sees("Set the PIN for 1");
        stage.tell(page(on())).sees("Replace the PIN of 1 number?").sees("this is what Meta says now");
        stage.tell(page(Number { display_number: Some(CleanText::new("+1 555-010-0199")), ..on() })).sees("+1 555-010-0199");
    }

    #[test]
    fn numbers_that_could_not_be_read_afresh_go_on_to_be_shown_as_of_then() {
        for size in [(80, 24), (40, 10)] {
            let mut stage = Stage::new(size);
            stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old(0), old(1)]));
            stage.tell(ends(1, Err(ReadFailure::NoAnswer))).tell(Msg::ListRead { reading: 1 });
            stage.sees("as read 21 Nov 2026 14:03 UTC").key(Key::Down).sees("as read 21 Nov 2026 14:03 UTC");
            stage.press('u').tell(Msg::PageArrived { reading: 2, numbers: vec![number(0)] });
            stage.tell(ends(2, Err(ReadFailure::NoAnswer))).tell(Msg::ListRead { reading: 2 });
            stage.sees("on 0 | not set 1 | unknown 1");
            stage.tell(Msg::NumberRead { id: id(1), result: Ok(number(1)) }).sees_no("as read");
        }
    }

    #[test]
    fn one_number_that_could_not_be_read_afresh_is_told_as_one() {
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old(0)]));
        stage.tell(ends(1, Err(ReadFailure::NoAnswer))).tell(Msg::ListRead { reading: 1 });
        stage.sees("-- 1 number as read 21 Nov 2026 14:03 UTC --").press('u');
        stage.tell(ends(2, Ok(()))).tell(Msg::ListRead { reading: 2 }).sees_no("as read");
    }

    #[test]
    fn a_hidden_screen_says_that_a_list_is_still_being_read_with_the_access_token() {
        let mut stage = Stage::new((80, 24));
        stage.tell(Msg::PageArrived { reading: 1, numbers: vec![number(0)] }).press('z');
        stage.sees("The list is read to its end. Then the access token is dropped").sees_no("0140");
        stage.tell(Msg::ListRead { reading: 1 }).sees("The access token was dropped");
    }

    #[test]
    fn what_is_not_configured_any_more_is_not_shown() {
        let mut stage = Stage::new((80, 24));
        let other = Arc::new(Waba { id: "7".parse().expect("an id"), name: None });
        let elsewhere = Number { waba: Some(other), ..old(2) };
        let single = Number { waba: None, ..old(3) };
        stage.tell(Msg::NumbersRemembered(vec![elsewhere, single])).sees("Showing 1 of 1");
        let numbers = vec![number(0)];
        stage.tell(Msg::PageArrived { reading: 1, numbers }).tell(Msg::ListRead { reading: 1 });
        stage.sees("Showing 1 of 1").sees("0140").sees_no("0143");
    }
}

mod changed_meanwhile {
    use super::*;

    const UNLISTED: &str = "Its WABA lists this number no more.";

    /// What a second reading brings, and how its WABA ends.
    fn reads_again(stage: &mut Stage, numbers: Vec<Number>, result: Result<(), ReadFailure>) -> &mut Stage {
        stage.tell(Msg::PageArrived { reading: 2, numbers });
        stage.tell(Msg::WabaRead { reading: 2, waba: waba(), result }).tell(Msg::ListRead { reading: 2 })
    }

    /// The list is being read once more.
    fn reading(size: (u16, u16)) -> Stage {
        let mut stage = Stage::ready(size, escrow());
        stage.press('u').key(Key::Home);
        stage
    }

    #[test]
    fn a_question_about_a_number_that_is_listed_no_more_is_asked_anew_and_more_strongly() {
        for size in [(80, 24), (40, 10)] {
            let mut stage = reading(size);
            stage.press('p').types(PIN).types(PIN).key(Key::Enter).waits(READING).sees("Set the PIN for 1 number?");
            reads_again(&mut stage, vec![number(1)], Ok(())).sees(UNLISTED).press('y').asks_for(&[]);
            stage.sees("Replace the PIN of 1 number?").sees("unknown (its WABA lists it no more)").waits(READING);
            stage.types("0140").key(Key::Enter);
            let Effect::SetPin { before, .. } = &stage.effects[0] else { panic!("{:?}", stage.effects) };
            assert_eq!(before.two_step, TwoStep::Unknown);
        }
    }

    #[test]
    fn a_question_in_doubt_about_a_number_that_is_listed_no_more_is_asked_anew() {
        let mut stage = reading((80, 24));
        stage
            .in_doubt(0, |_| {})
            .opens_number(0)
            .press('s')
            .waits(READING)
            .sees("Send the same PIN to 1 number again?");
        reads_again(&mut stage, vec![number(1)], Ok(())).sees(UNLISTED).press('y').asks_for(&[]);
        stage.waits(READING).press('y').asks_for(&[Effect::SendSamePin(id(0))]);
    }

    #[test]
    fn a_number_in_doubt_that_is_listed_no_more_is_not_told_as_read_so() {
        let mut stage = reading((80, 24));
        stage.in_doubt(0, |standing| standing.two_step_before = TwoStep::On);
        reads_again(&mut stage, vec![number(1)], Ok(())).opens_number(0);
        stage.sees("on before; now unknown, its WABA lists it no more").sees_no("Still not set");
        stage.sees("If it is not set 2 minutes after the last try, nothing was");
    }

    #[test]
    fn a_question_stays_as_it_is_where_the_number_came_or_its_waba_was_not_read_to_its_end() {
        for (numbers, result) in
            [(vec![number(0)], Ok(())), (vec![number(1)], Err(ReadFailure::UnexpectedReply { http_status: 200 }))]
        {
            let mut stage = reading((80, 24));
            stage.press('p').types(PIN).types(PIN).key(Key::Enter).waits(READING);
            reads_again(&mut stage, numbers, result).sees_no(UNLISTED).sees("Set the PIN for 1 number?");
            stage.press('y').asks_for(&[order(0)]);
        }
    }

    #[test]
    fn a_form_for_a_number_that_is_listed_no_more_says_so_until_it_is_read() {
        let mut stage = reading((80, 24));
        stage.press('p').types(PIN).press('?').sees("Help");
        reads_again(&mut stage, vec![number(1)], Ok(())).key(Key::Esc).sees(UNLISTED).sees("Two-step now unknown");
        stage.types(PIN).sees(UNLISTED).tell(Msg::NumberRead { id: id(0), result: Ok(number(0)) }).sees_no(UNLISTED);
        stage.sees("Two-step now not set").key(Key::Enter).sees("Set the PIN for 1 number?").sees_no(UNLISTED);
    }

    #[test]
    fn a_form_for_a_number_that_was_listed_no_more_when_it_opened_says_so() {
        let mut stage = reading((80, 24));
        stage.key(Key::Enter);
        reads_again(&mut stage, vec![number(1)], Ok(())).press('p').sees(UNLISTED);
        stage.types(PIN).types(PIN).key(Key::Enter).sees("Replace the PIN of 1 number?").sees("lists it no more");
    }

    #[test]
    fn a_form_says_that_its_number_is_called_otherwise_now() {
        const RENAMED: &str = "This number is called otherwise now. Is it the one you mean?";
        let display = Some(CleanText::new("+1 555-040-9726"));
        for other in [Number { display_number: display, ..number(0) }, Number { name: Some(CleanText::new("Globex")), ..number(0) }] {
            for news in [
                Msg::NumberRead { id: id(0), result: Ok(other.clone()) },
                Msg::PageArrived { reading: 2, numbers: vec![other.clone()] },
            ] {
                let mut stage = reading((80, 24));
                stage.press('p').tell(Msg::NumberRead { id: id(0), result: Ok(number(0)) }).sees_no(RENAMED);
                stage.types("60").tell(news).sees(RENAMED).types("5814").sees(RENAMED);
                stage.types("605814").key(Key::Enter).sees("Set the PIN for 1 number?").sees(RENAMED);
            }
        }
    }

    #[test]
    fn a_pin_that_repeats_the_end_of_the_display_number_that_came_meanwhile_is_refused() {
        let other = Number { display_number: Some(CleanText::new("+1 555-040-9726")), ..number(0) };
        let mut stage = reading((80, 24));
        stage.press('p').types(PIN).types(PIN).tell(Msg::NumberRead { id: id(0), result: Ok(other) });
        stage.key(Key::Enter).sees_no("Set the PIN for 1 number?");
        assert_eq!(stage.app.mode(), Mode::PinForm);
    }
}

mod forgetting {
    use super::*;

    fn old(index: usize) -> Number {
        Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(index) }
    }

    fn forgets(indices: &[usize]) -> Effect {
        Effect::ForgetPage { numbers: indices.iter().map(|index| id(*index)).collect(), read_until: START }
    }

    #[test]
    fn what_a_waba_read_to_its_end_no_longer_lists_is_forgotten_and_nothing_else() {
        let mut stage = Stage::new((80, 24));
        let single = Number { waba: None, ..old(6) };
        let elsewhere = Arc::new(Waba { id: "7".parse().expect("an id"), name: None });
        let elsewhere = Number { waba: Some(elsewhere), ..old(7) };
        let unresolved = vec![stage.recovered(8)];
        stage.opens(escrow(), unresolved, &[]).key(Key::Esc);
        stage.tell(Msg::NumbersRemembered(vec![old(1), old(5), single, elsewhere, old(8)]));
        stage.reads_the_list().asks_for(&[forgets(&[5])]);
    }

    #[test]
    fn what_came_too_late_from_the_journal_is_forgotten_as_well() {
        let mut stage = Stage::ready((80, 24), escrow());
        let single = Number { waba: None, ..old(6) };
        stage.tell(Msg::NumbersRemembered(vec![old(1), old(5), single])).asks_for(&[forgets(&[5])]);
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_has_nothing_forgotten() {
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old(1), old(5)]));
        stage.tell(Msg::PageArrived { reading: 1, numbers: vec![number(0)] });
        let result = Err(ReadFailure::NoAnswer);
        stage.tell(Msg::WabaRead { reading: 1, waba: waba(), result });
        stage.tell(Msg::PageRemembered).tell(Msg::ListRead { reading: 1 }).asks_for(&[]).sees("Showing 3 of 3");
        stage.tell(Msg::NumbersRemembered(vec![old(6)])).asks_for(&[]).sees("Showing 4 of 4");
    }

    #[test]
    fn an_empty_list_has_all_forgotten_that_was_read_until_its_end() {
        let mut stage = Stage::new((80, 24));
        stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered((0..300).map(old).collect()));
        stage.tell(Msg::WabaRead { reading: 1, waba: waba(), result: Ok(()) }).tell(Msg::ListRead { reading: 1 });
        let (first, second): (Vec<usize>, Vec<usize>) = ((0..256).collect(), (256..300).collect());
        stage.asks_for(&[forgets(&first), forgets(&second)]).sees("Press r to look again.");
    }
}

mod remembering {
    use super::*;

    /// How many numbers are handed over.
    fn handed_over(stage: &Stage) -> usize {
        match &stage.effects[..] {
            [] => 0,
            [Effect::RememberPage(numbers)] => numbers.len(),
            other => panic!("{other:?}"),
        }
    }

    /// How many are handed over when these have come.
    fn arrive(stage: &mut Stage, from: usize, to: usize) -> usize {
        let numbers = (from..to).map(number).collect();
        handed_over(stage.tell(Msg::PageArrived { reading: 1, numbers }))
    }

    #[test]
    fn numbers_are_handed_over_in_full_pages_each_once_the_one_before_is_written() {
        let mut stage = Stage::new((80, 24));
        assert_eq!(arrive(&mut stage, 0, 255), 0, "more are coming");
        assert_eq!(arrive(&mut stage, 255, 600), 256);
        assert_eq!(arrive(&mut stage, 600, 601), 0, "the first page is not written yet");
        assert_eq!(handed_over(stage.tell(Msg::PageRemembered)), 256);
        assert_eq!(handed_over(stage.tell(Msg::PageRemembered)), 0, "89 are no page");
        assert_eq!(handed_over(stage.tell(Msg::ListRead { reading: 1 })), 89, "nothing more comes");
        assert_eq!(handed_over(stage.tell(Msg::PageRemembered)), 0);
    }

    #[test]
    fn what_came_before_a_waba_was_at_its_end_waits_for_no_other() {
        let mut stage = Stage::new((80, 24));
        let end = || Msg::WabaRead { reading: 1, waba: waba(), result: Ok(()) };
        assert_eq!((arrive(&mut stage, 0, 3), handed_over(stage.tell(end()))), (0, 3));
        // What comes while the page before is written waits for that, and what comes after the end for a full page.
        assert_eq!(
            (arrive(&mut stage, 3, 300), handed_over(stage.tell(end())), arrive(&mut stage, 300, 310)),
            (0, 0, 0)
        );
        assert_eq!(handed_over(stage.tell(Msg::PageRemembered)), 256);
        assert_eq!(handed_over(stage.tell(Msg::PageRemembered)), 51);
        assert_eq!((arrive(&mut stage, 310, 320), handed_over(stage.tell(Msg::PageRemembered))), (0, 0));
    }

    #[test]
    fn a_number_read_by_itself_is_handed_over_as_it_is_listed() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.tell(Msg::PageRemembered).asks_for(&[]);
        let on = Number { two_step: TwoStep::On, waba: None, ..number(0) };
        stage.tell(Msg::NumberRead { id: id(0), result: Ok(on.clone()) });
        stage.asks_for(&[Effect::RememberPage(vec![Number { waba: Some(waba()), ..on }])]);
    }
}

mod hiding {
    use super::*;

    fn asleep(stage: &mut Stage) -> &mut Stage {
        stage.waits(HIDE_AFTER)
    }

    #[test]
    fn it_hides_after_the_time_and_warns_30_s_before() {
        let mut stage = Stage::ready((80, 24), escrow());
        let asked = stage.app.next_wake(stage.now.instant);
        assert_eq!(
            asked,
            Some(stage.now.instant + HIDE_AFTER.saturating_sub(Duration::from_secs(30))),
            "one wake until then"
        );
        stage
            .waits(HIDE_AFTER.saturating_sub(Duration::from_secs(30)))
            .sees("Hiding the screen in 30 s. Press any key.");
        stage.waits(Duration::from_millis(29_999)).sees("0143").waits(Duration::from_millis(1));
        stage.asks_for(&[Effect::DropSecrets]).sees("Screen hidden").sees("Hidden after 10 min without a key.");
        for word in ["0140", "0143", "Acme", "acme", "2000000", "Read 4"] {
            stage.sees_no(word);
        }
        assert_eq!(stage.app.next_wake(stage.now.instant), None, "a hidden screen costs nothing");
    }

    #[test]
    fn the_key_that_answers_the_warning_does_nothing_else() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage
            .press('p')
            .types(PIN)
            .types(PIN)
            .key(Key::Enter)
            .waits(HIDE_AFTER.saturating_sub(Duration::from_secs(10)));
        stage.sees("Hiding the screen").press('y').asks_for(&[]).sees_no("Hiding").sees("Set the PIN for 1 number?");
        stage.press('y').asks_for(&[order(0)]);
    }

    #[test]
    fn what_was_being_typed_is_dropped_and_nothing_is_sent() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.press('p').types(PIN).types(PIN).key(Key::Enter);
        asleep(&mut stage).sees("Screen hidden").press('y').asks_for(&[]).key(Key::Enter);
        stage.asks_for(&[Effect::ReadToken]).tell(Msg::TokenRead(Ok(()))).asks_for(&[Effect::RecordShown]);
        stage.sees("Showing 4 of 4").press('m').sees("What was being typed is cancelled, nothing was sent.");
    }

    #[test]
    fn keys_before_it_is_drawn_do_nothing() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.app.update(Msg::KeyPressed(Key::Char('z')), stage.now);
        for key in [Key::Enter, Key::Ctrl('c'), Key::Char('q')] {
            assert_eq!(stage.app.update(Msg::KeyPressed(key), stage.now), []);
            assert_eq!(stage.app.mode(), Mode::Hidden);
        }
        stage.paint();
        stage.key(Key::Enter).asks_for(&[Effect::ReadToken]).key(Key::Enter).asks_for(&[]);
    }

    #[test]
    fn without_a_token_the_screen_stays_without_numbers() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.press('z').asks_for(&[Effect::DropSecrets]).key(Key::Enter);
        stage.tell(Msg::TokenRead(Err("The file is gone.".to_owned()))).asks_for(&[]).sees("No access token");
        stage.sees_no("0140").press('m').sees("No access token").press('?').sees_no("0140").key(Key::Esc);
        stage.sees("No access token").key(Key::Esc).asks_for(&[]).sees("Screen hidden").sees_no("0140");
    }

    #[test]
    fn whoever_stays_after_all_stays_without_numbers() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.job(0, ChangeState::Sending { attempt: 1 }).press('z').key(Key::Ctrl('c')).waits(READING).press('y');
        stage.asks_for(&[Effect::StopWork]).sees_no("0140").press('n').sees("Screen hidden").sees_no("0140");
    }

    #[test]
    fn quitting_a_hidden_screen_names_no_number() {
        let mut stage = Stage::ready((80, 24), no_escrow());
        stage.in_doubt(0, |standing| standing.is_in_escrow = false).press('z');
        stage.sees("PINs in doubt kept in memory: 1. The escrow does not have them.").sees("In doubt: 1.");
        stage.key(Key::Ctrl('c')).sees("Quit while a PIN is in doubt?").sees_no("0140").sees_no("2000000");
        stage.press('n').sees("Screen hidden").key(Key::Ctrl('c')).waits(READING).press('y').asks_for(&[Effect::Quit]);
    }

    #[test]
    fn pins_that_the_escrow_has_leave_memory_and_can_go_again_no_more() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).press('z').sees_no("kept in memory").key(Key::Enter);
        stage.tell(Msg::TokenRead(Ok(()))).opens_number(0).sees("sealed in escrow.jsonl, not in memory");
        stage.press('s').asks_for(&[]).sees("The PIN is not in memory any more.");
    }

    #[test]
    fn work_goes_on_and_only_its_count_is_shown() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.job(0, ChangeState::Sending { attempt: 1 }).press('z').sees("Work goes on: 1 request is on the way.");
        stage.sees("The access token is dropped when that is done: to show the screen, it is read again.");
        stage.job(1, ChangeState::Queued).sees("Work goes on: 1 request is on the way, 1 more is queued.");
        stage.job(0, ChangeState::Set(Completion { at: START, attempts: 1 })).sees("1 request is queued: it was not sent yet.");
        stage.job(1, ChangeState::Set(Completion { at: START, attempts: 1 })).sees_no("Work goes on").sees_no("0140");
        stage.sees("The access token was dropped: to show the screen, it is read again.");
    }

    #[test]
    fn neither_a_lost_line_nor_a_repeat_wakes_a_hidden_screen() {
        let mut stage = Stage::ready((80, 24), escrow());
        let until = stage.now.instant + Duration::from_secs(8);
        stage.job(0, ChangeState::Waiting { attempt: 2, until, in_doubt: true });
        stage.tell(Msg::NumberRead { id: id(1), result: Err(ReadFailure::NoAnswer) }).sees("OFFLINE").press('z');
        assert_eq!(stage.app.next_wake(stage.now.instant), None);
        assert_eq!(stage.app.update(Msg::Woken, stage.now.plus(HIDE_AFTER)), []);
    }

    #[test]
    fn after_showing_the_page_of_what_is_unresolved_is_where_it_was() {
        let mut stage = Stage::new((80, 24));
        let unresolved = vec![stage.recovered(1)];
        stage.reads_the_list().opens(escrow(), unresolved, &[]).press('z').sees_no("0141").key(Key::Enter);
        stage.tell(Msg::TokenRead(Ok(()))).asks_for(&[Effect::RecordShown]).sees("1 number is in doubt");
    }
}

mod history {
    use super::*;

    fn lines() -> Vec<HistoryLine> {
        let line = |at, what| HistoryLine {
            at: UtcTime::from_unix_seconds(at),
            who: CleanText::new("ana"),
            is_of_request: true,
            what: CleanText::new(what),
        };
        vec![line(1_795_356_189, "set"), line(1_795_269_789, "checked by hand: phoned the shop")]
    }

    #[test]
    fn the_details_hold_the_history_newest_first() {
        let mut stage = Stage::ready((80, 36), escrow());
        stage.opens_number(0).asks_for(&[Effect::ReadHistory(id(0))]).sees_no("History");
        stage.tell(Msg::HistoryRead { id: id(0), lines: lines() });
        stage.sees("History 22 Nov 2026 14:03 UTC ana set 21 Nov 2026 14:03 UTC ana checked by hand: phoned the shop");
        stage.job(0, ChangeState::Set(Completion { at: START, attempts: 1 }));
        stage.asks_for(&[Effect::ReadNumber(id(0)), Effect::ReadHistory(id(0))]);
    }

    #[test]
    fn the_last_request_of_an_earlier_run_is_the_one_that_the_journal_knows_of() {
        let opened = HistoryLine {
            is_of_request: false,
            what: CleanText::new("opened from escrow"),
            at: UtcTime::from_unix_seconds(1_795_370_000),
            who: CleanText::new("ana"),
        };
        for size in [(80, 36), (120, 36)] {
            let mut stage = Stage::ready(size, escrow());
            stage.opens_number(0).sees("Last request none since this start");
            stage.tell(Msg::HistoryRead { id: id(0), lines: Vec::new() }).sees("Last request none since this start");
            stage.tell(Msg::HistoryRead { id: id(0), lines: vec![opened.clone()] });
            stage.sees("Last request none since this start");
            let lines = [opened.clone()].into_iter().chain(lines()).collect();
            stage.tell(Msg::HistoryRead { id: id(0), lines }).sees("Last request 22 Nov 2026 14:03 UTC: set ");
            stage.job(0, ChangeState::Sending { attempt: 1 }).sees("Last request sending");
        }
    }

    #[test]
    fn it_is_forgotten_when_the_screen_is_hidden_and_read_again() {
        let mut stage = Stage::ready((80, 36), escrow());
        stage.opens_number(0).tell(Msg::HistoryRead { id: id(0), lines: lines() }).sees("phoned the shop");
        stage.press('z').key(Key::Enter).tell(Msg::TokenRead(Ok(()))).opens_number(0);
        stage.asks_for(&[Effect::ReadHistory(id(0))]).sees_no("phoned the shop");
    }

    #[test]
    fn beside_the_list_it_is_read_once_the_cursor_has_rested() {
        let mut stage = Stage::ready((120, 36), escrow());
        stage.key(Key::Down).press('d').asks_for(&[Effect::ReadHistory(id(1))]);
        stage.tell(Msg::HistoryRead { id: id(1), lines: lines() }).sees("phoned the");
        stage.key(Key::Down).asks_for(&[]).key(Key::Down).asks_for(&[]).sees_no("phoned the");
        stage.waits(Duration::from_millis(499)).asks_for(&[]);
        stage.waits(Duration::from_millis(1)).asks_for(&[Effect::ReadHistory(id(3))]);
        stage.waits(Duration::from_mins(1)).press('d').key(Key::Up).waits(READING);
        assert_eq!(stage.effects, [], "nothing is read for a pane that is closed");
    }
}

mod quitting {
    use super::*;

    #[test]
    fn a_doubt_that_the_escrow_has_is_shown_again_and_is_no_reason_to_insist() {
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).press('q').sees("1 number in doubt is shown again at the next start.");
        stage.sees_no("forgotten").waits(READING).press('y').asks_for(&[Effect::Quit]);
        let mut stage = Stage::ready((80, 24), escrow());
        stage.in_doubt(0, |_| {}).key(Key::Ctrl('c')).key(Key::Ctrl('c')).asks_for(&[Effect::Quit]);
    }

    #[test]
    fn a_pin_that_is_only_in_memory_is_asked_about_by_name() {
        let mut stage = Stage::ready((80, 24), no_escrow());
        stage.in_doubt(0, |standing| standing.is_in_escrow = false).in_doubt(2, |standing| standing.is_pin_in_memory = false);
        stage.key(Key::Ctrl('c')).key(Key::Ctrl('c')).asks_for(&[]).sees("! +1 555-010-0140").sees_no("0142");
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
            let mut stage = Stage::new((80, 24));
            stage.tell(Msg::PageArrived { reading: 1, numbers: vec![number(0)] });
            stage.tell(Msg::WabaRead { reading: 1, waba: waba(), result }).tell(Msg::ListRead { reading: 1 });
            stage.sees(told);
        }
    }

    #[test]
    fn one_try_is_told_as_one() {
        for (tries, told) in [(1, "14:03:09 UTC, 1 try "), (2, "14:03:09 UTC, 2 tries ")] {
            let mut stage = Stage::ready((80, 24), escrow());
            stage.job(0, ChangeState::Set(Completion { at: UtcTime::from_unix_seconds(1_795_356_189), attempts: tries }));
            stage.opens_number(0).sees(told);
        }
    }

    #[test]
    fn a_pin_is_shown_for_1_second_or_for_several_seconds() {
        for (seconds, told) in [(1, "show the PIN for 1 second"), (2, "show the PIN for 2 seconds")] {
            let surroundings = Surroundings::default();
            let mut stage = Stage::of((80, 24), &surroundings, Duration::from_secs(seconds));
            stage.reads_the_list().opens(escrow(), Vec::new(), &[]).press('p');
            let line = stage.screen().lines().find_map(|line| line.split_once("v  ").map(|(_, told)| told.to_owned()));
            assert_eq!(line.as_deref(), Some(told));
        }
    }
}

mod looks {
    use super::*;

    fn picture(name: &str, stage: &Stage) {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, stage.screen());
        });
    }

    const SIZES: [(u16, u16); 2] = [(80, 24), (40, 10)];

    #[test]
    fn the_pages_look_as_they_did() {
        for size in SIZES {
            let snap = |page: &str, stage: &Stage| picture(&format!("{page}-{}x{}", size.0, size.1), stage);
            let mut stage = Stage::new(size);
            let unresolved = vec![stage.recovered(1), stage.recovered(7)];
            let finding = "The journal was missing and is made anew. What the escrow file holds is in doubt.";
            stage.reads_the_list().opens(escrow(), unresolved, &[finding]).key(Key::Down);
            snap("unresolved", &stage);
            stage.key(Key::Enter);
            snap("doubt-recovered", &stage);
            stage.key(Key::Esc).key(Key::Esc);
            snap("list-in-doubt", &stage);
            stage.in_doubt(0, |_| {}).opens_number(0);
            snap("doubt-held", &stage);
            stage.in_doubt(0, |standing| standing.is_in_escrow = false);
            snap("doubt-unsealed", &stage);
            stage.press('h').types("the shop still registers with the old PIN");
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
            let snap = |page: &str, stage: &Stage| picture(&format!("{page}-{}x{}", size.0, size.1), stage);
            let mut stage = Stage::ready(size, changed_keys());
            snap("list-keys-changed", &stage);
            stage.press('p');
            snap("keys-changed", &stage);
            let mut stage = Stage::ready(size, escrow());
            stage.press('p');
            snap("form-escrow", &stage);
            stage.types(PIN).types(PIN).key(Key::Enter);
            snap("confirm-escrow", &stage);
            let why = "A sync of /srv/pindesk/journal.db failed: no space left on device. 0 bytes are free there.";
            stage.key(Key::Esc).tell(Msg::RecordsDied(CleanText::new(why))).press('p');
            snap("journal-failed", &stage);
            stage.key(Key::Esc);
            snap("list-journal-failed", &stage);
            let mut stage = Stage::ready(size, no_escrow());
            stage.press('p');
            snap("form-no-escrow", &stage);
            stage.types(PIN).types(PIN).key(Key::Enter);
            snap("confirm-no-escrow", &stage);
            let mut stage = Stage::new(size);
            let old = Number { read_at: Some(UtcTime::from_unix_seconds(1_795_269_789)), ..number(1) };
            stage.opens(escrow(), Vec::new(), &[]).tell(Msg::NumbersRemembered(vec![old]));
            snap("list-remembered", &stage);
            stage.waits(HIDE_AFTER.saturating_sub(Duration::from_secs(1)));
            snap("list-warning", &stage);
        }
    }

    #[test]
    fn every_page_is_drawn_at_every_size() {
        let doubt = |stage: &mut Stage| {
            stage.in_doubt(0, |_| {}).opens_number(0);
        };
        let pages: [fn(&mut Stage); 5] = [
            |stage| {
                stage.press('w');
            },
            |stage| {
                stage.opens_number(0);
            },
            |stage| {
                stage.opens_number(0).press('h').types(&"a long note ".repeat(20));
            },
            |stage| {
                stage.opens_number(0).press('h').types(&"a long note ".repeat(20)).key(Key::Enter);
            },
            |stage| {
                stage.press('z');
            },
        ];
        let mut stages: Vec<Stage> = pages
            .iter()
            .map(|page| {
                let mut stage = Stage::ready((80, 24), escrow());
                doubt(&mut stage);
                page(stage.key(Key::Esc));
                stage
            })
            .collect();
        for records in [changed_keys(), Records::Unusable(CleanText::new(&"why ".repeat(90)))] {
            let mut stage = Stage::ready((80, 24), records);
            stage.press('p');
            stages.push(stage);
        }
        let modes: Vec<_> = stages.iter().map(|stage| stage.app.mode()).collect();
        let expected = [
            Mode::Unresolved,
            Mode::NoAnswer,
            Mode::CheckNote,
            Mode::ConfirmCheck,
            Mode::Hidden,
            Mode::Recipients,
            Mode::Unrecorded,
        ];
        assert_eq!(modes, expected);
        for stage in &mut stages {
            for width in [1, 2, 9, 39, 40, 41, 59, 60, 79, 80, 99, 100, 121, 199] {
                for height in [1, 2, 5, 9, 10, 11, 15, 16, 24, 60] {
                    stage.tell(Msg::Resized(Size { width, height }));
                }
            }
        }
    }

    #[test]
    fn a_question_and_a_form_say_of_which_number_they_are_at_every_size() {
        type Page = fn(&mut Stage) -> &mut Stage;
        let pages: [(Page, Mode); 6] = [
            (|stage| stage.press('p'), Mode::PinForm),
            (|stage| stage.press('p').types(PIN), Mode::PinForm),
            (|stage| stage.press('p').types(PIN).types(PIN).key(Key::Enter), Mode::ConfirmReplace),
            (|stage| stage.in_doubt(1, |_| {}).key(Key::Enter).press('s'), Mode::Confirm),
            (|stage| stage.in_doubt(1, |_| {}).key(Key::Enter).press('h'), Mode::CheckNote),
            (
                |stage| stage.in_doubt(1, |_| {}).key(Key::Enter).press('h').types("note").key(Key::Enter),
                Mode::ConfirmCheck,
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
                let mut stage = Stage::new((80, 24));
                stage.tell(Msg::PageArrived { reading: 1, numbers: vec![number.clone()] });
                stage.tell(Msg::ListRead { reading: 1 }).opens(escrow(), Vec::new(), &[]);
                page(&mut stage);
                assert_eq!(stage.app.mode(), mode);
                let asked = if mode == Mode::ConfirmReplace { asked } else { "" };
                for width in [40, 41, 59, 60, 61, 79, 80, 100, 120] {
                    for height in 10..=40 {
                        stage.tell(Msg::Resized(Size { width, height })).sees(told).sees(asked);
                    }
                }
            }
        }
    }

    #[test]
    fn a_question_in_a_small_window_goes_without_blank_lines_before_it_goes_without_words() {
        for size in [(80, 16), (60, 17), (120, 16)] {
            let mut stage = Stage::ready(size, no_escrow());
            stage.key(Key::Down).press('p').types(PIN).types(PIN).key(Key::Enter);
            stage.sees("The old PIN stops working at once. People who know").sees("This cannot be undone");
        }
    }

    #[test]
    fn without_colour_the_signs_and_words_stay() {
        let plain = Surroundings { no_color: true, ..Surroundings::default() };
        let mut stage = Stage::looking((80, 24), &plain);
        let unresolved = vec![stage.recovered(1)];
        stage.reads_the_list().opens(escrow(), unresolved, &[]).sees("> ! +1 555-010-0141");
        let cells = stage.buffer.content();
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        stage.key(Key::Esc).sees("in doubt 1 | on 1");
        assert!(matches!(stage.app.screen(), Screen::List));
    }
}
