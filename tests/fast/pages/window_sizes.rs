//! Pages at many window sizes, and without color: every page draws, and none loses what matters.

use pindesk::console::app::Msg;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;
use pindesk::console::shared::{RecordingStatus, Size};
use pindesk::console::theme::TerminalEnv;
use pindesk::domain::change::ChangeState;
use pindesk::domain::number::Number;
use pindesk::domain::text::CleanText;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::support::app_fixture::{
    AppFixture, PIN, READING_TIME, number, recording_with_changed_keys, recording_with_escrow, recording_without_escrow,
};

#[test]
fn every_page_is_drawn_at_every_size() {
    let pages: [fn(&mut AppFixture); 5] = [
        |console| {
            console.press('w');
        },
        |console| {
            console.open_number(0);
        },
        |console| {
            console.open_number(0).press('h').type_text(&"a long note ".repeat(20));
        },
        |console| {
            console.open_number(0).press('h').type_text(&"a long note ".repeat(20)).key(Key::Enter);
        },
        |console| {
            console.press('z');
        },
    ];
    let mut consoles: Vec<AppFixture> = pages
        .iter()
        .map(|page| {
            let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
            page(console.set_in_doubt(0, |_| {}).open_number(0).key(Key::Esc));
            console
        })
        .collect();
    for recording in [recording_with_changed_keys(), RecordingStatus::Unusable(CleanText::new(&"why ".repeat(90)))] {
        let mut console = AppFixture::loaded((80, 24), recording);
        console.press('p');
        consoles.push(console);
    }
    let modes: Vec<_> = consoles.iter().map(|console| console.app.mode()).collect();
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
    for console in &mut consoles {
        for width in [1, 2, 9, 39, 40, 41, 59, 60, 79, 80, 99, 100, 121, 199] {
            for height in [1, 2, 5, 9, 10, 11, 15, 16, 24, 60] {
                console.update(Msg::Resized(Size { width, height }));
            }
        }
    }
}

#[test]
fn forms_and_confirmations_name_their_number_at_every_size() {
    type OpenPage = fn(&mut AppFixture) -> &mut AppFixture;
    let pages: [(OpenPage, Mode); 6] = [
        (|console| console.press('p'), Mode::PinForm),
        (|console| console.press('p').type_text(PIN), Mode::PinForm),
        (|console| console.press('p').enter_pin(), Mode::ConfirmReplace),
        (|console| console.set_in_doubt(1, |_| {}).key(Key::Enter).press('s'), Mode::ConfirmResend),
        (|console| console.set_in_doubt(1, |_| {}).key(Key::Enter).press('h'), Mode::ResolutionNote),
        (
            |console| console.set_in_doubt(1, |_| {}).key(Key::Enter).press('h').type_text("note").key(Key::Enter),
            Mode::ConfirmResolution,
        ),
    ];
    let clean = |text: &str| Some(CleanText::new(text));
    let numbers = [
        (number(1), "+1 555-010-0141", "[____]"),
        (Number { display_number: None, ..number(1) }, "200000000000001", "[____]"),
        (Number { display_number: clean("none"), ..number(1) }, "none", "200 0000 0000 0001"),
        (Number { name: clean(&"A long name ".repeat(20)), ..number(1) }, "+1 555-010-0141", "[____]"),
        (Number { display_number: clean(&"+1 555 ".repeat(60)), ..number(1) }, "+1 555 +1 555", "[____]"),
    ];
    for (number, label, digits) in numbers {
        for (page, mode) in pages {
            let mut console = AppFixture::new((80, 24));
            console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number.clone()] });
            console.update(Msg::RefreshFinished { refresh_id: 1 });
            console.open_recording(recording_with_escrow(), Vec::new(), &[]);
            page(&mut console).wait(READING_TIME);
            assert_eq!(console.app.mode(), mode);
            let digits = if mode == Mode::ConfirmReplace { digits } else { "" };
            for width in [40, 41, 59, 60, 61, 79, 80, 100, 120] {
                for height in 10..=40 {
                    console.update(Msg::Resized(Size { width, height })).sees(label).sees(digits);
                }
            }
        }
    }
}

#[test]
fn a_small_confirmation_drops_blank_lines_before_text() {
    for size in [(80, 16), (60, 17), (119, 16)] {
        let mut console = AppFixture::loaded(size, recording_without_escrow());
        console.key(Key::Down).press('p').enter_pin();
        console.sees("The old PIN stops working at once. People who know").sees("cannot undo this.");
    }
}

#[test]
fn without_color_the_signs_and_words_remain() {
    let terminal_env = TerminalEnv { no_color: true, ..TerminalEnv::default() };
    let mut console = AppFixture::with_terminal_env((80, 24), &terminal_env);
    let unresolved = vec![console.recovered_change(1)];
    console.read_list().open_recording(recording_with_escrow(), unresolved, &[]).sees("> ! +1 555-010-0141");
    let cells = console.buffer.content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    console.key(Key::Esc).sees("in doubt 1");
    assert!(matches!(console.app.page(), Page::List(_)));
}

/// The columns of the highlighted cells of each row that has some, without the badge in the title.
fn highlighted_columns(console: &AppFixture) -> Vec<(u16, Vec<u16>)> {
    let is_highlighted = |cell: &Cell| cell.modifier.contains(Modifier::REVERSED);
    let area = console.buffer.area;
    let columns = |y| (0..area.width).filter(|x| is_highlighted(&console.buffer[(*x, y)])).collect::<Vec<_>>();
    (1..area.height).map(|y| (y, columns(y))).filter(|(_, columns)| !columns.is_empty()).collect()
}

#[test]
fn the_cursor_row_is_highlighted_as_one_run_without_colors() {
    let color = TerminalEnv { term: Some("xterm-256color".to_owned()), ..TerminalEnv::default() };
    let no_color = TerminalEnv { no_color: true, ..color.clone() };
    let plain = TerminalEnv { term: Some("vt100".to_owned()), ..TerminalEnv::default() };
    for (env, size) in [color, no_color, plain].iter().flat_map(|env| [(120, 36), (80, 24), (40, 10)].map(|s| (env, s)))
    {
        let mut console = AppFixture::with_terminal_env(size, env);
        let unresolved = vec![console.recovered_change(1)];
        console.read_list().open_recording(recording_with_escrow(), unresolved, &[]);
        // On the page of open issues, an item has two rows in a small window. The list has a pane if there is room.
        let mut rows = vec![(highlighted_columns(&console), if size.0 == 40 { 2 } else { 1 })];
        console.key(Key::Esc).key(Key::Down).set_change_state(1, ChangeState::Sending { attempt: 1, in_doubt: false });
        rows.push((highlighted_columns(&console), 1));
        let list_row = &rows[1].0[0];
        assert!(console.buffer[(0, list_row.0)].symbol() == ">", "{}", console.screen());
        let styles = list_row.1.iter().map(|x| console.buffer[(*x, list_row.0)].style());
        let reversed = Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED);
        assert!(styles.into_iter().all(|style| style == reversed), "{}", console.screen());
        for (rows, count) in rows {
            assert_eq!(rows.len(), count, "{rows:?}\n{}", console.screen());
            let is_one_run = |columns: &[u16]| (0..).zip(columns).all(|(x, column)| x == *column) && columns.len() > 20;
            assert!(rows.iter().all(|(_, columns)| is_one_run(columns)), "{rows:?}");
            assert!(rows.iter().all(|(_, columns)| columns.len() < 80), "the highlight ends with the text: {rows:?}");
        }
    }
}

#[test]
fn a_window_that_changes_while_a_frame_is_drawn_is_clipped() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    for (width, height) in [(1, 1), (17, 45), (40, 10), (119, 5), (121, 25), (200, 60)] {
        let area = Rect { x: 0, y: 0, width, height };
        for key in [Key::Down, Key::Char('/'), Key::Esc, Key::Char('?'), Key::Esc, Key::Char('p'), Key::Esc] {
            console.key(key);
            let mut buffer = Buffer::empty(area);
            console.view.paint(&console.app, console.now.instant, &mut buffer, area);
        }
    }
}
