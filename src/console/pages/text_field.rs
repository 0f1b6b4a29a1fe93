//! A text field of a page: edits it with the keys of readline, and limits its length.

use tui_input::{Input, InputRequest};

use crate::console::input::key::Key;

/// The maximum length of a filter and of a note.
const MAX_FIELD_CHARS: usize = 200;

/// Inserts pasted text, as far as the field has room. Line ends within it become blanks. True if a line end was dropped
/// or replaced: it may have been an Enter that was typed.
pub(super) fn insert_text(input: &mut Input, text: &str) -> bool {
    let room = MAX_FIELD_CHARS.saturating_sub(input.value().chars().count());
    let is_line_end = |c: char| matches!(c, '\r' | '\n');
    let shown = text.trim_end_matches(is_line_end).replace(is_line_end, " ");
    for c in shown.chars().filter(|c| !c.is_control()).take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
    text.contains(is_line_end)
}

/// What to say if pasted text had a line end.
pub(super) const PASTED_LINE_END: &str = "Too fast: that looked like a paste, so Enter was not taken. Press Enter.";

/// Edits the field. True if the text changed.
pub(super) fn edit_text(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(c) if input.value().chars().count() < MAX_FIELD_CHARS => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        Key::Char(_)
        | Key::Ctrl(_)
        | Key::Enter
        | Key::Esc
        | Key::Tab
        | Key::BackTab
        | Key::Up
        | Key::Down
        | Key::PageUp
        | Key::PageDown => return false,
    };
    input.handle(request).is_some_and(|change| change.value)
}
