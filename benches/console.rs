//! How long the console takes from a key press to the drawn frame with 100,000 numbers, and how long it takes to handle
//! much progress at once.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use pindesk::console::app::{App, Msg};
use pindesk::console::go::Destination;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Keymap;
use pindesk::console::shared::{Environment, EscrowCommand, RecordingStatus, Session, Size};
use pindesk::console::theme::{TerminalEnv, Theme};
use pindesk::console::view::View;
use pindesk::domain::change::{ChangeId, ChangeState, JobId, Progress, ProgressSource};
use pindesk::domain::clock::{Clock, UtcTime};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::text::CleanText;
use pindesk::journal::Operator;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const NUMBERS: usize = 100_000;
const PAGE_SIZE: usize = 100;
const PROGRESS_COUNT: usize = 1_000;
const SIZE: Size = Size { width: 120, height: 36 };

/// The id of the first refresh of the lists.
const FIRST_REFRESH: u32 = 1;

fn main() {
    divan::main();
}

fn id(n: usize) -> PhoneNumberId {
    format!("{}", 200_000_000_000_001 + n).parse().expect("an id")
}

/// A number from a range that is reserved for fiction. The range is too small, so the last part has more digits.
fn number(n: usize, waba: &Arc<Waba>) -> Number {
    let mut number = Number::from_config(id(n), Some(CleanText::new(&format!("Acme Stores {}", n % 977))));
    number.display_number = Some(CleanText::new(&format!("+44 7700 900{n:06}")));
    number.read_at = Some(UtcTime::from_unix_seconds(0));
    number.two_step = [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown][n % 3];
    number.waba = Some(Arc::clone(waba));
    number
}

fn session(waba: &Arc<Waba>) -> Session {
    Session {
        profile: Some("demo".to_owned()),
        environment: Environment::Demo,
        read_only: false,
        user: "ana".to_owned(),
        operator: Operator::from_process().name(),
        host: "127.0.0.1".to_owned(),
        config_paths: vec![PathBuf::from("/etc/pindesk/config.toml")],
        token_source: "the demo itself".to_owned(),
        wabas: vec![Arc::clone(waba)],
        show_pin_for: Some(Duration::from_secs(10)),
        may_suspend: true,
        concurrency: 8,
        is_in_multiplexer: true,
        rotation: None,
        bell: false,
        names_warning: None,
        hide_after: None,
        single_numbers: 0,
        escrow_command: EscrowCommand::default(),
        initial_message: None,
        refresh_note: None,
        waba_search: None,
    }
}

/// The console with its screen, as in its event loop.
struct ConsoleBench {
    app: App,
    view: View,
    buffer: Buffer,
}

impl ConsoleBench {
    /// A console that has read and drawn everything once.
    fn loaded() -> RefCell<Self> {
        let id = "100000000000001".parse().expect("an id");
        let waba = Arc::new(Waba { id, name: Some(CleanText::new("uk-retail")) });
        let (app, _) = App::start(session(&waba), Ok(()), Keymap::default(), SIZE);
        let theme = Theme::new(
            &TerminalEnv {
                term: Some("xterm-256color".to_owned()),
                locale: Some("C.UTF-8".to_owned()),
                no_color: false,
            },
            None,
        );
        let area = Rect::new(0, 0, SIZE.width, SIZE.height);
        let mut console = Self { app, view: View::new(theme), buffer: Buffer::empty(area) };
        for page in 0..NUMBERS / PAGE_SIZE {
            let numbers = (page * PAGE_SIZE..(page + 1) * PAGE_SIZE).map(|n| number(n, &waba)).collect();
            console.update(Msg::PageReceived { refresh_id: FIRST_REFRESH, numbers });
        }
        console.update(Msg::WabaRead { refresh_id: FIRST_REFRESH, waba, result: Ok(()) });
        console.update(Msg::RefreshFinished { refresh_id: FIRST_REFRESH });
        console.draw();
        assert_eq!(console.app.roster().visible_len(), NUMBERS);
        RefCell::new(console)
    }

    fn update(&mut self, msg: Msg) {
        divan::black_box(self.app.update(msg, Clock::System.now()));
    }

    fn draw(&mut self) {
        self.buffer.reset();
        self.app.apply_list_updates();
        let now = Clock::System.now();
        let area = self.buffer.area;
        let painted = self.view.paint(&self.app, now.instant, &mut self.buffer, area);
        self.update(Msg::FrameShown { max_scroll: painted.max_scroll });
    }
}

/// A key, and the frame that shows its effect. The second key reverts the first, so that all samples are equal.
#[divan::bench(args = [(Key::Down, Key::Up), (Key::PageDown, Key::PageUp), (Key::End, Key::Home), (Key::Char('/'), Key::Esc)])]
fn key_and_frame(bencher: Bencher<'_, '_>, (key, back): (Key, Key)) {
    let console = ConsoleBench::loaded();
    bencher
        .with_inputs(|| {
            let mut console = console.borrow_mut();
            console.update(Msg::KeyPressed(back));
            console.draw();
        })
        .bench_local_values(|()| {
            let mut console = console.borrow_mut();
            console.update(Msg::KeyPressed(key));
            console.draw();
        });
}

/// A frame without changes.
#[divan::bench]
fn frame(bencher: Bencher<'_, '_>) {
    let console = ConsoleBench::loaded();
    bencher.bench_local(|| console.borrow_mut().draw());
}

/// Progress of a thousand numbers in one message, and the frame after it.
#[divan::bench]
fn progress_and_frame(bencher: Bencher<'_, '_>) {
    let console = ConsoleBench::loaded();
    let changes: Vec<_> = (0..PROGRESS_COUNT).map(|n| (ChangeId::new(), id(n * 97))).collect();
    bencher
        .with_inputs(|| {
            let state = |(change, number): &(ChangeId, PhoneNumberId)| Progress {
                job: Some(JobId::new(1)),
                change: Some(*change),
                number: *number,
                state: ChangeState::Sending { attempt: 1, in_doubt: false },
                source: ProgressSource::Own,
            };
            changes.iter().map(state).collect::<Vec<_>>()
        })
        .bench_local_values(|progress| {
            let mut console = console.borrow_mut();
            console.update(Msg::ProgressReceived(progress));
            console.draw();
        });
}

/// The same progress in a message each, as when the network is not faster than the screen.
#[divan::bench]
fn progress_one_by_one(bencher: Bencher<'_, '_>) {
    let console = ConsoleBench::loaded();
    let change = ChangeId::new();
    bencher
        .with_inputs(|| {
            let state = |attempt| ChangeState::Sending { attempt, in_doubt: false };
            (0..PROGRESS_COUNT)
                .map(|n| Progress {
                    job: Some(JobId::new(1)),
                    change: Some(change),
                    number: id(n * 97),
                    state: state(1),
                    source: ProgressSource::Own,
                })
                .collect::<Vec<_>>()
        })
        .bench_local_values(|all_progress| {
            let mut console = console.borrow_mut();
            for progress in all_progress {
                console.update(Msg::ProgressReceived(vec![progress]));
            }
            console.draw();
        });
}

/// From 12,408 selected numbers to the question about them, with the frames of the form and the question.
#[divan::bench]
fn question_about_many(bencher: Bencher<'_, '_>) {
    let console = ConsoleBench::loaded();
    let status = RecordingStatus::Ready { recipients: vec![CleanText::new("age1ops")] };
    console.borrow_mut().update(Msg::RecordsOpened { status, unresolved: Vec::new(), findings: Vec::new() });
    // Of every third number, two-step verification is not set.
    let ids: Vec<_> = (0..12_408).map(|n| id(n * 3 + 1)).collect();
    bencher
        .with_inputs(|| {
            let mut console = console.borrow_mut();
            console.update(Msg::KeyPressed(Key::Esc));
            console.update(Msg::KeyPressed(Key::Esc));
            ids.clone()
        })
        .bench_local_values(|ids| {
            let mut console = console.borrow_mut();
            divan::black_box(console.app.open(Destination::ManyPinsForm(ids), Clock::System.now()));
            console.draw();
            console.update(Msg::KeyPressed(Key::Enter));
            console.draw();
        });
}
