//! The screen: turns the next frame into the fewest bytes that make the terminal show it, in one write.
//!
//! It keeps what the terminal shows and draws only what differs. It asks the terminal nothing and owns no
//! modes: entering and leaving is `terminal`'s. An unchanged frame writes nothing at all. Not ratatui's `Terminal`: that
//! one sets every look anew in each frame and never scrolls, which costs a slow line several times the bytes.

use std::io;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};

use super::Capabilities;
use super::ansi_writer::{AnsiWriter, SafeCellWidth as _};
use super::scroll_detect::{MIN_CHANGED_ROWS, RowShift};

/// Unchanged cells between two changed ones that are written again instead of jumped over: a jump takes four bytes.
const MAX_REWRITTEN_GAP: u16 = 3;

/// Blanks at the end of a row that are erased instead of written: erasing takes three bytes and a move.
const MIN_ERASED_CELLS: usize = 8;

/// Draws frames to a writer, which must be a terminal in raw mode (or a test's model of one).
#[derive(Debug)]
pub struct FrameRenderer<W> {
    out: W,
    capabilities: Capabilities,
    writer: AnsiWriter,
    /// What the terminal shows; `None` when that is not known.
    displayed: Option<Buffer>,
    next: Buffer,
    cursor_position: Option<Position>,
}

impl<W: io::Write> FrameRenderer<W> {
    /// A screen that assumes nothing: its first frame erases.
    pub fn new(out: W, capabilities: Capabilities) -> Self {
        Self {
            out,
            capabilities,
            writer: AnsiWriter::new(),
            displayed: None,
            next: Buffer::default(),
            cursor_position: None,
        }
    }

    /// Where the bytes go.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Forgets what the terminal shows, so that the next frame is drawn whole.
    pub fn invalidate(&mut self) {
        self.displayed = None;
        self.writer.reset_state();
    }

    /// Lets the caller paint the next frame into a cleared buffer and tell where the cursor sits (`None`
    /// hides it), then writes the difference. False if nothing had to be written.
    ///
    /// # Errors
    /// When the terminal takes no bytes. The next frame is then drawn whole.
    pub fn draw(&mut self, size: Size, paint: impl FnOnce(&mut Buffer, Rect) -> Option<Position>) -> io::Result<bool> {
        let area = Rect::new(0, 0, size.width, size.height);
        if self.next.area == area {
            self.next.reset();
        } else {
            self.next = Buffer::empty(area);
        }
        let cursor = paint(&mut self.next, area).filter(|at| area.contains(*at));
        let mut shown = self.displayed.take().filter(|shown| shown.area == area);

        self.writer.begin_frame(size.width);
        let mut changed = shown.as_ref().map(|shown| changed_rows(shown, &self.next));
        let may_scroll = self.capabilities.scroll_regions
            && changed.as_ref().is_some_and(|rows| rows.iter().filter(|row| **row).count() >= MIN_CHANGED_ROWS);
        let shift = shown.as_ref().filter(|_| may_scroll).and_then(|shown| RowShift::detect(shown, &self.next));
        let is_held = self.capabilities.synchronized_updates && (shown.is_none() || shift.is_some());
        if is_held {
            self.writer.begin_synchronized_update();
        }
        if let (Some(shift), Some(shown)) = (shift, &mut shown) {
            self.writer.scroll(shift.first, shift.end, shift.by);
            shift.apply(shown);
            changed = None;
        }
        let shown = shown.unwrap_or_else(|| {
            self.writer.clear_screen();
            Buffer::empty(area)
        });
        let changed = changed.unwrap_or_else(|| changed_rows(&shown, &self.next));
        draw_difference(&mut self.writer, &shown, &self.next, &changed);
        if !self.writer.bytes().is_empty() || cursor != self.cursor_position {
            self.writer.place_cursor(cursor.map(|at| (at.x, at.y)));
        }
        if is_held {
            self.writer.end_synchronized_update();
        }
        let is_written = !self.writer.bytes().is_empty();
        if is_written && let Err(error) = self.out.write_all(self.writer.bytes()) {
            self.invalidate();
            return Err(error);
        }
        self.cursor_position = cursor;
        self.displayed = Some(std::mem::replace(&mut self.next, shown));
        Ok(is_written)
    }
}

/// For each row, whether it differs. Comparing all cells is half of a small frame's time: it is done once.
fn changed_rows(old: &Buffer, new: &Buffer) -> Vec<bool> {
    let width = usize::from(new.area.width).max(1);
    old.content.chunks_exact(width).zip(new.content.chunks_exact(width)).map(|(old, new)| old != new).collect()
}

fn draw_difference(pen: &mut AnsiWriter, old: &Buffer, new: &Buffer, changed: &[bool]) {
    let width = usize::from(new.area.width).max(1);
    let rows = old.content.chunks_exact(width).zip(new.content.chunks_exact(width));
    for ((y, (old, new)), _) in (0..).zip(rows).zip(changed).filter(|(_, is_changed)| **is_changed) {
        draw_row(pen, y, old, new);
    }
}

fn draw_row(pen: &mut AnsiWriter, y: u16, old: &[Cell], new: &[Cell]) {
    let blank_from = new.iter().rposition(|cell| *cell != Cell::EMPTY).map_or(0, |last| last + 1);
    // Up to here the terminal shows the rest of a wide character that was written over.
    let mut stale_until = 0;
    let mut x = 0;
    while x < new.len() {
        let wide = usize::from(new[x].cell_width_or_zero().max(1)).min(new.len() - x);
        let is_changed = x < stale_until || old[x..x + wide] != new[x..x + wide];
        if !is_changed {
            x += wide;
            continue;
        }
        let column = column(x);
        if x >= blank_from && (x..new.len()).filter(|&i| old[i] != new[i]).count() >= MIN_ERASED_CELLS {
            pen.clear_row_from(column, y);
            return;
        }
        for (i, cell) in (x..).zip(&old[x..x + wide]) {
            stale_until = stale_until.max(i + usize::from(cell.cell_width_or_zero()));
        }
        fill_gap(pen, column, y, new);
        pen.write_cell(column, y, &new[x]);
        x += wide;
    }
}

/// Writes the unchanged cells before a changed one again, where that is shorter than a jump.
fn fill_gap(pen: &mut AnsiWriter, x: u16, y: u16, new: &[Cell]) {
    let Some(gap @ 1..=MAX_REWRITTEN_GAP) = pen.columns_to(x, y) else { return };
    let between = usize::from(x - gap)..usize::from(x);
    // The cursor may have been parked on the right half of a wide character, which must not be written over.
    let is_after_half = between.start > 0 && new[between.start - 1].cell_width_or_zero() > 1;
    if !is_after_half && new[between.clone()].iter().all(|cell| pen.is_single_byte_write(cell)) {
        for i in between {
            pen.write_cell(column(i), y, &new[i]);
        }
    }
}

/// Rows have at most 65,535 columns.
fn column(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;
    use ratatui::style::{Color, Modifier, Style};

    use super::*;

    /// A terminal's model behind a screen that draws to memory.
    struct Model {
        screen: FrameRenderer<Vec<u8>>,
        terminal: vt100::Parser,
    }

    impl Model {
        fn new(size: Size, abilities: Capabilities) -> Self {
            let terminal = vt100::Parser::new(non_zero(size.height), non_zero(size.width), 0);
            Self { screen: FrameRenderer::new(Vec::new(), abilities), terminal }
        }

        /// Draws a copy of a frame and gives the bytes it took.
        fn draw(&mut self, frame: &Buffer, cursor: Option<Position>) -> Vec<u8> {
            let is_written = self
                .screen
                .draw(frame.area.as_size(), |buffer, area| {
                    assert_eq!(area, frame.area);
                    buffer.content.clone_from(&frame.content);
                    cursor
                })
                .expect("memory takes all");
            let bytes = std::mem::take(self.screen.out());
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
                    let wanted = &frame[(x, y)];
                    let seen = screen.cell(y, x).expect("the model is as large");
                    let text = if seen.contents().is_empty() { " " } else { seen.contents() };
                    prop_assert_eq!(text, wanted.symbol(), "at {},{}", x, y);
                    prop_assert_eq!(seen.inverse(), wanted.modifier.contains(Modifier::REVERSED), "at {},{}", x, y);
                    prop_assert_eq!(seen.bold(), wanted.modifier.contains(Modifier::BOLD), "at {},{}", x, y);
                    let fg = if wanted.fg == Color::Red { vt100::Color::Idx(1) } else { vt100::Color::Default };
                    if text != " " {
                        prop_assert_eq!(seen.fgcolor(), fg, "at {},{}", x, y);
                    }
                    x += wanted.cell_width_or_zero().max(1);
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

    /// One change of the picture.
    #[derive(Debug, Clone)]
    enum Step {
        Text { x: u16, y: u16, text: String, style: Style },
        Band { first: u16, end: u16, by: i32 },
        Resize(u16, u16),
        Wipe,
        Forget,
        Cursor(Option<(u16, u16)>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let style = prop_oneof![
            Just(Style::new()),
            Just(Style::new().add_modifier(Modifier::REVERSED)),
            Just(Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)),
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
            3 => (0..16u16, 0..16u16, -5..=5i32).prop_map(|(first, end, by)| Step::Band { first, end, by }),
            1 => (1..40u16, 1..16u16).prop_map(|(width, height)| Step::Resize(width, height)),
            1 => Just(Step::Wipe),
            1 => Just(Step::Forget),
            2 => proptest::option::of((0..40u16, 0..16u16)).prop_map(Step::Cursor),
        ];
        proptest::collection::vec(step, 1..40)
    }

    fn change(frame: &mut Buffer, step: &Step) {
        let area = frame.area;
        match step {
            Step::Text { x, y, text, style } => {
                if area.contains(Position::new(*x, *y)) {
                    // A wide character cut by new text leaves no half behind, as in a frame painted afresh.
                    let mut row = Buffer::empty(Rect::new(0, *y, area.width, 1));
                    row.set_stringn(*x, *y, text, usize::MAX, *style);
                    for column in 0..area.width {
                        frame[(column, *y)] = row[(column, *y)].clone();
                    }
                }
            }
            Step::Band { first, end, by } => {
                let (first, end) = (*first.min(end), (*first.max(end)).min(area.height));
                if i32::from(end) - i32::from(first) > by.abs() {
                    RowShift { first, end, by: *by }.apply(frame);
                }
            }
            Step::Resize(width, height) => *frame = Buffer::empty(Rect::new(0, 0, *width, *height)),
            Step::Wipe => frame.reset(),
            Step::Forget | Step::Cursor(_) => {}
        }
    }

    fn check(steps: &[Step], abilities: Capabilities) -> Result<(), TestCaseError> {
        let mut frame = Buffer::empty(Rect::new(0, 0, 40, 16));
        let mut model = Model::new(frame.area.as_size(), abilities);
        let mut cursor = None;
        for steps in steps.chunks(3) {
            for step in steps {
                change(&mut frame, step);
                match step {
                    Step::Resize(width, height) => {
                        model.terminal.screen_mut().set_size(non_zero(*height), non_zero(*width));
                    }
                    Step::Forget => model.screen.invalidate(),
                    Step::Cursor(at) => cursor = at.map(|(x, y)| Position::new(x, y)),
                    Step::Text { .. } | Step::Band { .. } | Step::Wipe => {}
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
        fn the_terminal_shows_what_was_painted(steps in steps()) {
            check(&steps, Capabilities::FULL)?;
            check(&steps, Capabilities::PLAIN)?;
        }
    }

    /// A page like the real list: title, heading, 30 rows with a marked and reversed cursor row, footer.
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
                frame.set_style(Rect::new(4, y, 15, 1), reversed);
            }
        }
        frame.set_string(0, 38, "-".repeat(120), Style::new());
        frame.set_string(
            0,
            39,
            "? help  / filter  Space select  p set PIN  Enter details  b jobs  q quit",
            Style::new(),
        );
        (frame, Some(Position::new(0, 4 + cursor - first)))
    }

    #[test]
    fn frames_of_a_list_stay_within_their_bytes() {
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
        let budgets = [6_000, 0, 126, 126, 245, 245];
        assert!(measured.iter().zip(budgets).all(|(bytes, budget)| *bytes <= budget), "{measured:?} over {budgets:?}");
    }

    #[test]
    fn a_shift_by_several_rows_beside_a_pane_is_still_scrolled() {
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
    fn small_frames_are_not_held_and_large_ones_are() {
        let mut model = Model::new(Size::new(120, 40), Capabilities::FULL);
        let mut is_held = |first, cursor| {
            let (frame, cursor) = list(first, cursor);
            model.draw(&frame, cursor).windows(8).any(|part| part == b"\x1b[?2026h")
        };
        assert!(is_held(0, 0));
        assert!(!is_held(0, 1));
        assert!(is_held(1, 2));
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in (0..4).flat_map(|width| (0..4).map(move |height| (width, height))) {
            let mut screen = FrameRenderer::new(Vec::new(), Capabilities::FULL);
            for text in ["日本", "abc", ""] {
                let paint = |buffer: &mut Buffer, area: Rect| {
                    for y in 0..area.height {
                        buffer.set_string(0, y, text, Style::new());
                    }
                    Some(Position::new(2, 2))
                };
                screen.draw(Size::new(width, height), paint).expect("memory takes all");
            }
        }
    }

    #[test]
    fn a_terminal_that_takes_nothing_gets_a_whole_frame_later() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("hung up"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut screen = FrameRenderer::new(Broken, Capabilities::FULL);
        let size = Size::new(10, 2);
        assert!(screen.draw(size, |_, _| None).is_err());
        assert!(screen.draw(size, |_, _| None).is_err(), "it is not taken for shown");
    }
}
