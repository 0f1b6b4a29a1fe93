//! What the operator sees: the text on the screen, now or as soon as the worker has finished.

use std::time::Instant;

use pindesk::console::app::App;
use pindesk::console::pages::Page;
use pindesk::console::shared::RecordingStatus;
use ratatui::buffer::Buffer;
use rusqlite::{Connection, OpenFlags};

use super::{ConsoleDriver, TIMEOUT};

/// Puts one space between words, so that line breaks do not matter.
fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl ConsoleDriver {
    /// Waits until the screen shows this text. Line breaks do not matter.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> &mut Self {
        let (wanted, deadline) = (collapse_whitespace(text), Instant::now() + TIMEOUT);
        while !collapse_whitespace(&self.screen()).contains(&wanted) {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let Ok(report) = self.worker_events.recv_timeout(remaining) else {
                panic!("the screen never showed {text:?}:\n{}", self.screen());
            };
            self.handle_worker_event(report);
        }
        self
    }

    #[track_caller]
    pub(crate) fn sees_all(&mut self, texts: &[&str]) -> &mut Self {
        for text in texts {
            self.sees(text);
        }
        self
    }

    /// Fails if the screen shows this text now.
    #[track_caller]
    pub(crate) fn does_not_see(&mut self, text: &str) -> &mut Self {
        assert!(
            !collapse_whitespace(&self.screen()).contains(&collapse_whitespace(text)),
            "the screen shows {text:?}:\n{}",
            self.screen()
        );
        self
    }

    /// Waits until the journal is open, or reported as unusable.
    #[track_caller]
    pub(crate) fn wait_until_journal_opens(&mut self) -> &mut Self {
        while *self.app.recording_status() == RecordingStatus::Opening {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("the journal opens");
            self.handle_worker_event(report);
        }
        self
    }

    /// Waits until the newest message has this text, even if a form covers it.
    #[track_caller]
    pub(crate) fn wait_for_message(&mut self, text: &str) -> &mut Self {
        while !self.app.messages().newest_first().next().is_some_and(|message| message.text.contains(text)) {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("the message");
            self.handle_worker_event(report);
        }
        self
    }

    /// Waits until the page or the pane beside the list has the history of its number.
    pub(crate) fn wait_for_history(&mut self) -> &mut Self {
        let is_missing = |app: &App| match app.page_number() {
            Some(id) => app.history(&id).is_none(),
            None => app.has_pane() && app.pane_number() != app.roster().cursor_row().map(|row| row.number.id),
        };
        while is_missing(&self.app) {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("the history");
            self.handle_worker_event(report);
        }
        self
    }

    /// Waits until the history that the page or the pane shows has an entry, and not only that from before its change.
    pub(crate) fn wait_for_history_entry(&mut self) -> &mut Self {
        let Some(id) = self.app.page_number().or_else(|| self.app.pane_number()) else { return self };
        while self.app.history(&id).is_none_or(<[_]>::is_empty) {
            let report = self.worker_events.recv_timeout(TIMEOUT).expect("the history");
            self.handle_worker_event(report);
        }
        self
    }

    /// Waits until exactly this many numbers are cached for the next start. Nothing reports that, because nothing waits
    /// for it, so this counts the rows of the database.
    #[track_caller]
    pub(crate) fn wait_until_cached(&mut self, count: i64) -> &mut Self {
        let (database, deadline) = (self.state.state_path().join("journal.db"), Instant::now() + TIMEOUT);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = Connection::open_with_flags(database, flags).expect("a database");
        let cached = || database.query_row("SELECT count(*) FROM numbers", [], |row| row.get::<_, i64>(0));
        while cached().expect("a count") != count {
            assert!(Instant::now() < deadline, "not cached within {TIMEOUT:?}");
            match self.worker_events.try_recv() {
                Ok(report) => self.handle_worker_event(report),
                Err(_) => std::thread::yield_now(),
            }
        }
        self
    }

    /// The screen as text, one line per row.
    pub(crate) fn screen(&self) -> String {
        let rows = self.rows();
        rows.iter().flat_map(|row| [row.trim_end(), "\n"]).collect()
    }

    /// Every row in its full width.
    pub(crate) fn rows(&self) -> Vec<String> {
        let area = self.buffer.area;
        let row = |y| (0..area.width).map(|x| self.buffer[(x, y)].symbol()).collect();
        (0..area.height).map(row).collect()
    }

    /// The cells of the screen.
    pub(crate) const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The first row with this text.
    #[track_caller]
    pub(crate) fn row(&self, text: &str) -> String {
        let row = self.rows().into_iter().find(|row| row.contains(text));
        row.unwrap_or_else(|| panic!("no row shows {text:?}:\n{}", self.screen()))
    }

    /// The label of the number under the cursor.
    #[track_caller]
    pub(crate) fn cursor(&self) -> String {
        self.app.roster().cursor_row().expect("a row under the cursor").number.label().to_owned()
    }

    /// The digits that the form shows in its first field.
    #[track_caller]
    pub(crate) fn shown_pin(&self) -> String {
        assert!(matches!(self.app.page(), Page::PinForm(_)), "no form:\n{}", self.screen());
        let row = self.row("New PIN");
        let boxes = row.split("hides").next().unwrap_or_default();
        boxes.chars().filter(char::is_ascii_digit).collect()
    }
}
