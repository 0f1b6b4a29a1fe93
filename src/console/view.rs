//! Draws the console's state; it cannot change it.
//!
//! One file a page. What a widget needs to remember between frames (where the list is scrolled to) lives in
//! [`View`], not in the state. Every page is laid out for any size; below 40x10 a notice takes its place.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::console::app::{App, Screen};
use crate::console::theme::Theme;

mod canvas;
mod confirm;
mod copy;
mod details;
mod in_doubt;
mod pin_form;
mod help;
mod hidden;
mod list;
mod messages;
mod number;
mod quit;
mod recording;
mod sheet;
mod empty_state;
mod status;
mod unresolved;

use canvas::Canvas;
use sheet::Sheet;

/// What a frame came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaintResult {
    /// Where the terminal's own cursor belongs: on the row or the field that keys go to.
    pub cursor: Option<Position>,
    /// How far the page can be scrolled.
    pub max_scroll: u16,
}

/// The console's looks, and what they remember.
#[derive(Debug)]
pub struct View {
    theme: Theme,
    /// The first row of the list that is shown.
    list_offset: usize,
}

impl View {
    /// A view that has shown nothing yet.
    #[must_use]
    pub const fn new(theme: Theme) -> Self {
        Self { theme, list_offset: 0 }
    }

    /// Draws the present state as it looks at `now` into an empty buffer.
    pub fn paint(&mut self, app: &App, now: Instant, buffer: &mut Buffer, area: Rect) -> PaintResult {
        let mut canvas = Canvas::new(buffer, area, self.theme);
        if app.is_too_small() {
            return paint_too_small(app, &mut canvas);
        }
        let page = |canvas: &mut Canvas<'_>, sheet: &Sheet, scroll: u16| {
            canvas.draw_frame(app, sheet.heading());
            sheet.paint(canvas, scroll)
        };
        match app.screen() {
            Screen::List if app.has_no_numbers() => page(&mut canvas, &empty_state::no_numbers(app), 0),
            Screen::List | Screen::Filter(_) | Screen::Sort => {
                list::paint(app, now, &mut canvas, &mut self.list_offset)
            }
            Screen::Welcome => page(&mut canvas, &empty_state::welcome(app), 0),
            Screen::Token(trouble) => page(&mut canvas, &empty_state::token(app, trouble), 0),
            Screen::Number(shown) => page(&mut canvas, &number::sheet(app, shown.id, now), shown.scroll),
            Screen::Form(shown) => page(&mut canvas, &pin_form::sheet(app, shown, now), 0),
            Screen::Confirm(shown) => page(&mut canvas, &confirm::sheet(app, shown), 0),
            Screen::ResolutionNote(shown) => page(&mut canvas, &in_doubt::resolution_note(app, shown), 0),
            Screen::Unresolved(_) => page(&mut canvas, &unresolved::sheet(app, self.theme, now), 0),
            Screen::Recipients(shown) => page(&mut canvas, &recording::recipients(app, shown), shown.scroll),
            Screen::JournalUnavailable(shown) => page(&mut canvas, &recording::journal_unavailable(app), shown.scroll),
            Screen::Hidden(shown) => page(&mut canvas, &hidden::sheet(app, shown), 0),
            Screen::Copy(shown) => page(&mut canvas, &copy::menu(app, shown), 0),
            Screen::Copied(shown) => page(&mut canvas, &copy::copied(app, shown), 0),
            Screen::Messages(shown) => page(&mut canvas, &messages::sheet(app), shown.scroll),
            Screen::Help(shown) => page(&mut canvas, &help::sheet(app, app.mode_of(&shown.below)), shown.scroll),
            Screen::Quit(shown) => page(&mut canvas, &quit::confirmation(app, shown), 0),
            Screen::ShuttingDown(by) => page(&mut canvas, &quit::waiting(app, by), 0),
        }
    }
}

/// The notice in place of a page that would not fit.
fn paint_too_small(app: &App, canvas: &mut Canvas<'_>) -> PaintResult {
    let size = app.size();
    let running = app.running_count();
    let lines = [
        format!("Window too small: {} x {}", size.width, size.height),
        "This needs 40 x 10.".to_owned(),
        "Make it larger, or q to quit.".to_owned(),
        String::new(),
        if running > 0 { format!("On their way: {running}") } else { String::new() },
    ];
    for (row, line) in (0..).zip(&lines) {
        canvas.put(0, row, line, crate::console::theme::Role::Plain);
    }
    PaintResult::default()
}
