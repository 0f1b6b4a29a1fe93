//! Random walks through the whole console: the invariants hold for any keys, pastes, messages and window sizes.
//!
//! A walk never reads a clock or the network: each step says how much time passes and what happens.
//! The invariants do not rely on the code that keeps them: the walker records for itself what was on the screen, when,
//! and which keys followed.

mod samples;
mod step;
mod walker;

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::theme::Glyphs;
use pindesk::domain::number::{Number, TwoStep};
use proptest::prelude::*;
use proptest::sample::select;

use self::samples::{IN_DOUBT, PINS, SENDING, SET, number};
use self::step::{WalkStep, walk};
use self::walker::{QUIET_TIME, Walker};

/// A short run, or as many walks as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 150, ..config } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_invariants_hold_on_random_walks(
        walk in walk(),
        read_only in proptest::bool::weighted(0.05),
        opens_journal in proptest::bool::weighted(0.7),
        glyphs in select(vec![Glyphs::Ascii, Glyphs::Unicode]),
    ) {
        let mut walker = Walker::start(read_only, opens_journal, glyphs);
        for (step, pause, is_shown) in &walk {
            walker.now = walker.now.plus(*pause);
            walker.apply_step(step);
            if walker.has_quit {
                break;
            }
            walker.paint(*is_shown);
        }
        walker.check_every_page_can_be_left();
    }
}

/// Runs a fixed walk. Each step comes after a pause in milliseconds, and each frame is shown.
fn run_steps(steps: impl IntoIterator<Item = (u64, WalkStep)>) -> Walker {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    for (pause, step) in steps {
        walker.now = walker.now.plus(Duration::from_millis(pause));
        walker.apply_step(&step);
        walker.paint(true);
    }
    walker
}

#[test]
fn a_new_doubt_while_quitting_keeps_the_console_open() {
    let press = |key| WalkStep::Press(Key::Char(key));
    let mut walker = run_steps([
        (0, WalkStep::ChangeMoved(0, SENDING)),
        (0, WalkStep::ChangeMoved(1, SENDING)),
        (0, press('q')),
        (500, press('y')),
        (0, WalkStep::ChangeMoved(0, IN_DOUBT)),
        (0, WalkStep::ChangeMoved(1, SET)),
    ]);
    assert!(!walker.has_quit && walker.app.mode() == Mode::Quit, "{:?}", walker.app.mode());
    walker.now = walker.now.plus(QUIET_TIME);
    walker.press(Key::Char('y'));
    assert!(walker.has_quit);
}

#[test]
fn quitting_asks_again_about_a_doubt_it_did_not_name() {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    walker.apply_step(&WalkStep::ChangeMoved(0, IN_DOUBT));
    walker.press(Key::Char('q'));
    walker.paint(true);
    walker.now = walker.now.plus(QUIET_TIME);
    // One number is resolved and another is in doubt: the count is the same, but the number on the screen is not.
    walker.apply_step(&WalkStep::ChangeMoved(0, SET));
    walker.apply_step(&WalkStep::ChangeMoved(1, IN_DOUBT));
    walker.press(Key::Char('y'));
    assert!(!walker.has_quit);
    walker.paint(true);
    walker.now = walker.now.plus(QUIET_TIME);
    walker.press(Key::Char('y'));
    assert!(walker.has_quit, "the second confirmation quits");
}

#[test]
fn quitting_asks_again_about_a_number_that_no_frame_named() {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    walker.apply_step(&WalkStep::ChangeMoved(1, IN_DOUBT));
    walker.press(Key::Char('q'));
    // It is sent again before the page is drawn, so the page does not name it.
    walker.apply_step(&WalkStep::ChangeMoved(1, SENDING));
    walker.paint(true);
    walker.now = walker.now.plus(QUIET_TIME);
    walker.press(Key::Char('y'));
    walker.apply_step(&WalkStep::ChangeMoved(1, IN_DOUBT));
    assert!(!walker.has_quit && walker.app.mode() == Mode::Quit, "{:?}", walker.app.mode());
}

#[test]
fn a_configured_number_without_data_keeps_the_earlier_data() {
    let mut walker = Walker::start(false, true, Glyphs::Ascii);
    let known = Number { read_at: Some(walker.now.utc), ..number(0, TwoStep::On, &walker.wabas) };
    let page = |number: &Number| Msg::PageReceived { refresh_id: 1, numbers: vec![number.clone()] };
    walker.app.update(page(&known), walker.now);
    walker.app.update(page(&Number::from_config(known.id, None)), walker.now);
    assert_eq!(walker.app.roster().get(&known.id).map(|row| row.number).as_ref(), Some(&known));
}

#[test]
fn a_key_right_after_a_paste_confirms_nothing() {
    for (pause, is_sent) in [(399, false), (400, true)] {
        let all_not_set = (0..4).map(|index| (0, WalkStep::NumberRead(index, Ok(TwoStep::NotSet))));
        let walker = run_steps(all_not_set.chain([
            (0, WalkStep::Press(Key::Char('p'))),
            (0, WalkStep::TypePin(PINS[0])),
            (5_000, WalkStep::Paste("y")),
            (pause, WalkStep::Press(Key::Char('y'))),
        ]));
        assert_eq!(walker.app.mode() == Mode::List, is_sent, "{pause} ms after the paste: {:?}", walker.app.mode());
    }
}

#[test]
fn a_walk_sends_the_numbers_that_it_counted() {
    for (last, running) in [(TwoStep::NotSet, 4), (TwoStep::On, 3)] {
        let all_not_set = (0..3).map(|index| (0, WalkStep::NumberRead(index, Ok(TwoStep::NotSet))));
        let walker = run_steps(all_not_set.chain([
            (0, WalkStep::NumberRead(3, Ok(last))),
            (0, WalkStep::OpenManyPins(vec![3, 0, 1, 2])),
            (0, WalkStep::SendMany),
            (500, WalkStep::SendMany),
        ]));
        assert_eq!((walker.app.mode(), walker.app.running_count()), (Mode::List, running), "{last:?}");
    }
}

#[test]
fn a_filtered_list_of_many_numbers_can_be_left() {
    let press = |key| (0, WalkStep::Press(key));
    let keys = [Key::Char('l'), Key::Char('f'), Key::Char('p'), Key::Enter].map(press);
    let mut walker = run_steps([(0, WalkStep::OpenManyPins(vec![0]))].into_iter().chain(keys));
    assert_eq!(walker.app.mode(), Mode::ManyPinsList);
    walker.check_every_page_can_be_left();
}

#[test]
fn a_walk_resumes_what_its_job_left() {
    for is_given in [false, true] {
        // One was set; one failed, one was not sent and one was stopped by a refused token.
        let walker = run_steps([
            (0, WalkStep::JobRecorded { status: 0, states: vec![2, 3, 0, 4], is_given }),
            (0, WalkStep::OpenJob),
            (0, WalkStep::OpenJob),
            (0, WalkStep::TypePin(PINS[0])),
            (500, WalkStep::SendMany),
        ]);
        assert_eq!((walker.app.mode(), walker.app.running_count()), (Mode::Job, 2), "{is_given}");
    }
}

#[test]
fn a_walk_stops_its_job_after_the_question() {
    let press = |key| WalkStep::Press(Key::Char(key));
    for (pause, is_stopped) in [(399, false), (400, true)] {
        let walker = run_steps([
            (0, WalkStep::JobRecorded { status: 2, states: vec![0, 0], is_given: false }),
            (0, WalkStep::JobStarted(vec![0, 1], Some(1))),
            (0, WalkStep::OpenJob),
            (0, press('x')),
            (pause, press('y')),
        ]);
        let expected = if is_stopped { Mode::Job } else { Mode::JobStop };
        assert_eq!(walker.app.mode(), expected, "{pause} ms after the question");
    }
}

#[test]
fn any_key_or_paste_restarts_the_quiet_time() {
    let press = |key| WalkStep::Press(key);
    let early_steps =
        [WalkStep::Paste("y"), press(Key::Backspace), press(Key::Ctrl('u')), press(Key::Char('x')), press(Key::Enter)];
    for early in early_steps {
        let walker = run_steps([
            (0, WalkStep::NumberRead(0, Ok(TwoStep::On))),
            (0, press(Key::Char('p'))),
            (0, WalkStep::TypePin(PINS[0])),
            (399, early.clone()),
            (1, WalkStep::TypeLastFour),
        ]);
        assert_eq!(walker.app.mode(), Mode::ConfirmReplace, "{early:?}");
    }
}
