//! Draws the state of the console. It cannot change it.
//!
//! Each page has its own file. What a widget remembers between frames (the scroll offset of the list) is in [`View`],
//! not in the state. Every page adapts to the window size; a notice replaces it in windows smaller than 40x10.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::console::app::App;
use crate::console::pages::Page;
use crate::console::pages::text::PageText;
use crate::console::theme::Theme;

mod canvas;
mod confirm;
mod copy;
mod details;
mod meta_words;
mod in_doubt;
mod row_scroll;
mod jobs;
mod job_row;
mod job_head;
mod job_pane;
mod job;
mod job_stop;
mod job_pin;
mod job_resume;
mod pin_form;
mod help;
mod hidden;
mod list_columns;
mod list_head;
mod selection_pane;
mod list;
mod messages;
mod number;
mod number_list;
mod question;
mod quit;
mod recording;
mod sheet;
mod empty_state;
mod status;
mod unresolved;
mod batch;
mod many_pins;
mod many_pins_list;
mod confirm_many;

use canvas::Canvas;
use list::ListScroll;
use row_scroll::RowScroll;
use sheet::Sheet;

/// The result of painting a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaintResult {
    /// The position of the terminal's cursor: on the row or field that has the focus.
    pub cursor: Option<Position>,
    /// The maximum scroll offset of the page, in lines.
    pub max_scroll: u16,
}

/// Draws the console, and remembers what its widgets need between frames.
#[derive(Debug)]
pub struct View {
    theme: Theme,
    list: ListScroll,
    jobs: RowScroll,
    job: RowScroll,
}

impl View {
    /// Creates a view that has drawn nothing yet.
    #[must_use]
    pub const fn new(theme: Theme) -> Self {
        Self { theme, list: ListScroll::new(), jobs: RowScroll::new(), job: RowScroll::new() }
    }

    /// Draws the state at the time `now` into an empty buffer.
    pub fn paint(&mut self, app: &App, now: Instant, buffer: &mut Buffer, area: Rect) -> PaintResult {
        let mut canvas = Canvas::new(buffer, area, self.theme);
        if app.is_too_small() {
            return paint_too_small(app, &mut canvas);
        }
        canvas.draw_title(app);
        let result = self.paint_page(app, now, &mut canvas);
        canvas.draw_footer(app);
        result
    }

    fn paint_page(&mut self, app: &App, now: Instant, canvas: &mut Canvas<'_>) -> PaintResult {
        let page = |canvas: &mut Canvas<'_>, sheet: &Sheet, scroll: u16| {
            if app.has_page_pane() {
                paint_pane(app, canvas);
            }
            sheet.paint(app, canvas, scroll)
        };
        match app.page() {
            Page::List(_) if app.names_no_numbers() => page(canvas, &empty_state::nothing_named(app), 0),
            Page::List(_) if app.has_no_numbers() => page(canvas, &empty_state::no_numbers(app), 0),
            Page::List(_) | Page::Filter(_) | Page::Sort(_) => list::paint(app, now, canvas, &mut self.list),
            Page::Welcome(_) => page(canvas, &empty_state::welcome(app), 0),
            Page::Token(state) => page(canvas, &empty_state::token(app, &state.problem), 0),
            Page::Number(state) => page(canvas, &number::sheet(app, self.theme, state.id, now), state.scroll),
            Page::PinForm(state) => page(canvas, &pin_form::sheet(app, state, self.theme, now), 0),
            Page::Confirm(state) => page(canvas, &confirm::sheet(app, state, self.theme, now), 0),
            Page::ResolutionNote(state) => page(canvas, &in_doubt::resolution_note(app, state), 0),
            Page::Unresolved(_) => page(canvas, &unresolved::sheet(app, self.theme, now), 0),
            Page::Recipients(state) => page(canvas, &recording::recipients(app, state), state.scroll),
            Page::Hidden(state) => page(canvas, &hidden::sheet(app, state), 0),
            Page::Copy(state) => page(canvas, &copy::menu(app, state), 0),
            Page::Copied(state) => page(canvas, &copy::copied(app, state), state.scroll),
            Page::Text(state) => {
                let sheet = match state.text {
                    PageText::Help => help::sheet(app, self.theme),
                    PageText::Messages => messages::sheet(app),
                    PageText::JournalUnavailable => recording::journal_unavailable(app),
                    PageText::Offline => recording::offline(app),
                };
                page(canvas, &sheet, state.scroll)
            }
            Page::Quit(_) => page(canvas, &quit::confirmation(app), 0),
            Page::ManyPins(state) => page(canvas, &many_pins::sheet(app, state, now), 0),
            Page::ConfirmMany(state) => page(canvas, &confirm_many::sheet(app, state, now), 0),
            Page::ManyPinsList(state) => many_pins_list::paint(app, state, canvas),
            Page::ShuttingDown(state) => page(canvas, &quit::waiting(app, &state.reason), 0),
            Page::Path(state) => page(canvas, &number_list::path(app, state), 0),
            Page::ListedNumbers(state) => page(canvas, &number_list::listed_numbers(app, state), state.scroll),
            Page::JobPin(state) => page(canvas, &job_pin::sheet(app, state, now), 0),
            Page::JobResume(state) => page(canvas, &job_resume::sheet(app, state, now), 0),
            Page::JobStop(state) => page(canvas, &job_stop::sheet(app, state), 0),
            Page::Job(state) => job::paint(app, state, now, canvas, &mut self.job),
            Page::Jobs(_) => jobs::paint(app, canvas, &mut self.jobs),
        }
    }
}

/// Draws what belongs beside the page: the history of its number, or its list.
fn paint_pane(app: &App, canvas: &mut Canvas<'_>) {
    if let Page::ManyPins(state) = app.page() {
        batch::paint_pane(app, state.draft.frozen(), canvas);
    } else if let Page::ConfirmMany(state) = app.page() {
        batch::paint_pane(app, &state.request.frozen, canvas);
    } else if let Page::JobPin(state) = app.page() {
        batch::paint_pane(app, state.remainder.frozen(), canvas);
    } else if let Page::JobResume(state) = app.page() {
        batch::paint_pane(app, state.request.remainder.frozen(), canvas);
    } else if let Some(id) = app.page_number() {
        details::paint_page_pane(app, id, canvas);
    }
}

/// The notice that replaces a page in a window that is too small.
fn paint_too_small(app: &App, canvas: &mut Canvas<'_>) -> PaintResult {
    let size = app.size();
    let running = app.running_count();
    let lines = [
        format!("Window too small: {} x {}", size.width, size.height),
        "pindesk needs 40 x 10.".to_owned(),
        "Enlarge it, or press q to quit.".to_owned(),
        String::new(),
        if running > 0 { format!("In progress: {running}") } else { String::new() },
    ];
    for (row, line) in (0..).zip(&lines) {
        canvas.put(0, row, line, crate::console::theme::Role::Plain);
    }
    PaintResult::default()
}
