//! Unit tests of the renderer, against a model of a terminal.

use std::num::NonZeroU16;

use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};

use super::*;

/// A renderer that draws to memory, and a model of a terminal that receives its bytes.
struct Model {
    renderer: FrameRenderer<Vec<u8>>,
    terminal: vt100::Parser,
}

impl Model {
    fn new(size: Size, capabilities: Capabilities) -> Self {
        let terminal = vt100::Parser::new(non_zero(size.height), non_zero(size.width), 0);
        Self { renderer: FrameRenderer::new(Vec::new(), capabilities), terminal }
    }

    /// Draws a copy of a frame and returns its bytes.
    fn draw(&mut self, frame: &Buffer, cursor: Option<Position>) -> Vec<u8> {
        let is_written = self
            .renderer
            .draw(frame.area.as_size(), |buffer, area| {
                assert_eq!(area, frame.area);
                buffer.content.clone_from(&frame.content);
                cursor
            })
            .expect("writing to memory cannot fail");
        let bytes = std::mem::take(self.renderer.out());
        assert_eq!(is_written, !bytes.is_empty());
        self.terminal.process(&bytes);
        bytes
    }

    fn shows(&self, frame: &Buffer, cursor: Option<Position>) -> Result<(), TestCaseError> {
        let screen = self.terminal.screen();
        let area = frame.area;
        for y in 0..area.height {
            let mut x = 0;
            while x < area.width {
                let expected = &frame[(x, y)];
                let actual = screen.cell(y, x).expect("the model has the size of the frame");
                let text = if actual.contents().is_empty() { " " } else { actual.contents() };
                prop_assert_eq!(text, expected.symbol(), "at {},{}", x, y);
                prop_assert_eq!(actual.inverse(), expected.modifier.contains(Modifier::REVERSED), "at {},{}", x, y);
                let fg = if expected.fg == Color::Red { vt100::Color::Idx(1) } else { vt100::Color::Default };
                // A blank shows no color, and a weight only if it is reversed.
                if text != " " || actual.inverse() {
                    prop_assert_eq!(actual.dim(), expected.modifier.contains(Modifier::DIM), "at {},{}", x, y);
                    prop_assert_eq!(actual.bold(), expected.modifier.contains(Modifier::BOLD), "at {},{}", x, y);
                }
                if text != " " {
                    prop_assert_eq!(actual.fgcolor(), fg, "at {},{}", x, y);
                }
                x += cell_width(expected).max(1);
            }
        }
        prop_assert_eq!(screen.hide_cursor(), cursor.is_none());
        if let Some(cursor) = cursor {
            prop_assert_eq!(screen.cursor_position(), (cursor.y, cursor.x));
        }
        Ok(())
    }
}

fn non_zero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

/// One change of the frame.
#[derive(Debug, Clone)]
enum Step {
    Text {
        x: u16,
        y: u16,
        text: String,
        style: Style,
    },
    /// A different text with a wide character in each row, so that the terminal scrolls when they move.
    List {
        seed: u32,
    },
    Shift {
        first: u16,
        end: u16,
        by: i32,
    },
    Resize(u16, u16),
    Clear,
    Invalidate,
    Cursor(Option<(u16, u16)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let style = prop_oneof![
        Just(Style::new()),
        Just(Style::new().add_modifier(Modifier::REVERSED)),
        Just(Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)),
        Just(Style::new().add_modifier(Modifier::DIM)),
        Just(Style::new().fg(Color::Red)),
        Just(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)),
    ];
    let text = proptest::collection::vec(
        prop_oneof![
            4 => "[a-z0-9 ]{1,12}",
            1 => Just("日本語".to_owned()),
            1 => Just("ｗide한".to_owned()),
            1 => Just("e\u{301}o\u{308}\u{323}".to_owned()),
            1 => Just("日\u{301}".to_owned()),
        ],
        1..6,
    )
    .prop_map(|parts| parts.concat());
    let step = prop_oneof![
        6 => (0..40u16, 0..16u16, text, style).prop_map(|(x, y, text, style)| Step::Text { x, y, text, style }),
        2 => any::<u32>().prop_map(|seed| Step::List { seed }),
        6 => (0..16u16, 0..16u16, -5..=5i32).prop_map(|(first, end, by)| Step::Shift { first, end, by }),
        1 => (1..40u16, 1..16u16).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => Just(Step::Clear),
        1 => Just(Step::Invalidate),
        2 => proptest::option::of((0..40u16, 0..16u16)).prop_map(Step::Cursor),
    ];
    proptest::collection::vec(step, 1..40)
}

fn change(frame: &mut Buffer, step: &Step) {
    let area = frame.area;
    match step {
        Step::Text { x, y, text, style } => {
            if area.contains(Position::new(*x, *y)) {
                // New text must not leave half of a wide character behind, as in a new frame.
                let mut row = Buffer::empty(Rect::new(0, *y, area.width, 1));
                row.set_stringn(*x, *y, text, usize::MAX, *style);
                for column in 0..area.width {
                    frame[(column, *y)] = row[(column, *y)].clone();
                }
            }
        }
        Step::List { seed } => {
            frame.reset();
            for y in 0..area.height {
                let text = seed.wrapping_add(u32::from(y)).wrapping_mul(2_654_435_761);
                frame.set_stringn(y % 3, y, format!("{text:x} 店 {text:032b}"), area.width.into(), Style::new());
            }
        }
        Step::Shift { first, end, by } => {
            let (first, end) = (*first.min(end), (*first.max(end)).min(area.height));
            if i32::from(end) - i32::from(first) > by.abs() {
                RowShift { first, end, by: *by }.apply(frame);
            }
        }
        Step::Resize(width, height) => *frame = Buffer::empty(Rect::new(0, 0, *width, *height)),
        Step::Clear => frame.reset(),
        Step::Invalidate | Step::Cursor(_) => {}
    }
}

fn check(steps: &[Step], capabilities: Capabilities) -> Result<(), TestCaseError> {
    let mut frame = Buffer::empty(Rect::new(0, 0, 40, 16));
    let mut model = Model::new(frame.area.as_size(), capabilities);
    let mut cursor = None;
    for steps in steps.chunks(3) {
        for step in steps {
            change(&mut frame, step);
            match step {
                Step::Resize(width, height) => {
                    model.terminal.screen_mut().set_size(non_zero(*height), non_zero(*width));
                }
                Step::Invalidate => model.renderer.invalidate(),
                Step::Cursor(at) => cursor = at.map(|(x, y)| Position::new(x, y)),
                Step::Text { .. } | Step::List { .. } | Step::Shift { .. } | Step::Clear => {}
            }
        }
        let cursor = cursor.filter(|at| frame.area.contains(*at));
        model.draw(&frame, cursor);
        model.shows(&frame, cursor)?;
        prop_assert_eq!(model.draw(&frame, cursor).len(), 0, "an unchanged frame writes nothing");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_terminal_shows_the_painted_frame(steps in steps()) {
        check(&steps, Capabilities::FULL)?;
        check(&steps, Capabilities::PLAIN)?;
    }
}

/// A page like the real list: title, heading, 33 rows with a marked cursor row that is reversed as a whole, footer.
fn list(first: u16, cursor: u16) -> (Buffer, Option<Position>) {
    let mut frame = Buffer::empty(Rect::new(0, 0, 120, 40));
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    let title = "pindesk  LIVE  profile acme-prod  user ana";
    frame.set_string(0, 0, format!("{title:<120}"), reversed);
    frame.set_string(0, 1, "on 9,911 | not set 2,433 | unknown 64", Style::new());
    frame.set_string(4, 3, "NUMBER            NAME                 WABA         TWO-STEP   REQUEST", Style::new());
    for row in 0..33 {
        let n = first + row;
        let y = 4 + row;
        frame.set_string(4, y, format!("+1 555-010-{n:04}"), Style::new());
        frame.set_string(22, y, format!("Acme {:x}", u64::from(n + 3).pow(5) * 7_919), Style::new());
        frame.set_string(43, y, "uk-retail", Style::new());
        frame.set_string(56, y, "- not set", Style::new());
        if n == cursor {
            frame.set_string(0, y, ">", reversed);
            frame.set_style(Rect::new(0, y, 65, 1), reversed);
        }
    }
    frame.set_string(0, 38, "-".repeat(120), Style::new());
    frame.set_string(0, 39, "? help  / filter  Space select  p set PIN  Enter details  b jobs  q quit", Style::new());
    (frame, Some(Position::new(0, 4 + cursor - first)))
}

#[test]
fn frames_of_a_list_stay_within_their_byte_budgets() {
    let mut model = Model::new(Size::new(120, 40), Capabilities::FULL);
    let mut bytes_of = |first, cursor| {
        let (frame, cursor) = list(first, cursor);
        let bytes = model.draw(&frame, cursor);
        model.shows(&frame, cursor).expect("the terminal shows the list");
        bytes
    };
    let start = bytes_of(100, 110).len();
    let unchanged = bytes_of(100, 110).len();
    let down = bytes_of(100, 111).len();
    let up = bytes_of(100, 110).len();
    bytes_of(100, 132);
    let scrolled_down = bytes_of(101, 133).len();
    bytes_of(101, 101);
    let scrolled_up = bytes_of(100, 100).len();
    let measured = [start, unchanged, down, up, scrolled_down, scrolled_up];
    let budgets = [6_000, 0, 150, 150, 140, 140];
    assert!(measured.iter().zip(budgets).all(|(bytes, budget)| *bytes <= budget), "{measured:?} over {budgets:?}");
}

#[test]
fn a_row_that_was_reversed_is_not_written_blank_by_blank() {
    let row = |style| {
        let mut frame = Buffer::empty(Rect::new(0, 0, 60, 1));
        frame.set_string(0, 0, "> 0140", Style::new());
        frame.set_string(38, 0, "o", Style::new().add_modifier(Modifier::BOLD));
        frame.set_string(40, 0, "not set", Style::new().add_modifier(Modifier::BOLD));
        frame.set_style(Rect::new(0, 0, 47, 1), style);
        frame
    };
    let cases = [
        (Capabilities::FULL, "\x1b[m\r> 0140\x1b[32X\x1b[1m\x1b[32Co not set".to_owned()),
        (Capabilities::PLAIN, format!("\x1b[m\r> 0140{}\x1b[1mo not set", " ".repeat(32))),
    ];
    for (capabilities, expected) in cases {
        let mut model = Model::new(Size::new(60, 1), capabilities);
        let (reversed, plain) = (row(Style::new().add_modifier(Modifier::REVERSED)), row(Style::new()));
        model.draw(&reversed, None);
        let bytes = model.draw(&plain, None);
        model.shows(&plain, None).expect("the terminal shows the row");
        assert_eq!(bytes.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
    }
}

#[test]
fn a_shift_by_several_rows_beside_a_pane_scrolls() {
    let with_pane = |first: u16| {
        let (mut frame, cursor) = list(first, first + 5);
        for y in 4..20 {
            frame.set_string(90, y, format!("| detail {y}"), Style::new());
        }
        (frame, cursor)
    };
    let mut model = Model::new(Size::new(120, 40), Capabilities::FULL);
    let (frame, cursor) = with_pane(100);
    model.draw(&frame, cursor);
    let (frame, cursor) = with_pane(103);
    let bytes = model.draw(&frame, cursor);
    model.shows(&frame, cursor).expect("the terminal shows the list and the pane");
    assert!(bytes.windows(3).any(|part| part == b"[3S"), "{}", bytes.escape_ascii());
    assert!(bytes.len() < 1_200, "{} bytes", bytes.len());
}

#[test]
fn only_large_frames_are_synchronized_updates() {
    let mut model = Model::new(Size::new(120, 40), Capabilities::FULL);
    let mut is_synchronized = |first, cursor| {
        let (frame, cursor) = list(first, cursor);
        model.draw(&frame, cursor).windows(8).any(|part| part == b"\x1b[?2026h")
    };
    assert!(is_synchronized(0, 0));
    assert!(!is_synchronized(0, 1));
    assert!(is_synchronized(1, 2));
}

#[test]
fn no_size_is_too_small() {
    for (width, height) in (0..4).flat_map(|width| (0..4).map(move |height| (width, height))) {
        let mut renderer = FrameRenderer::new(Vec::new(), Capabilities::FULL);
        for text in ["日本", "abc", ""] {
            let paint = |buffer: &mut Buffer, area: Rect| {
                for y in 0..area.height {
                    buffer.set_string(0, y, text, Style::new());
                }
                Some(Position::new(2, 2))
            };
            renderer.draw(Size::new(width, height), paint).expect("writing to memory cannot fail");
        }
    }
}

#[test]
fn a_failed_frame_is_drawn_again_completely() {
    struct Broken;
    impl io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("hung up"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut renderer = FrameRenderer::new(Broken, Capabilities::FULL);
    let size = Size::new(10, 2);
    assert!(renderer.draw(size, |_, _| None).is_err());
    assert!(renderer.draw(size, |_, _| None).is_err(), "the failed frame does not count as shown");
}
