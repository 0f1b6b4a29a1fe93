//! The number list: moves, filters, sorts, selects, refreshes and opens pages.
//!
//! Its rows, filter and cursor are shared with the lines on top of it. It sends no PIN: it opens the PIN form.

use zeroize::Zeroizing;

use super::PageBehavior;
use crate::console::effect::{ScreenCommand, WorkCommand};
use crate::console::go::{Destination, PathPurpose, Step};
use crate::console::input::decoder::may_be_cut_off;
use crate::console::input::key::Key;
use crate::console::input::keymap::{FooterKey, KeyTable, ListAction, table};
use crate::console::roster::Roster;
use crate::console::shared::{Connection, ListLayout, ListSource, MIN_PANE_WIDTH, Shared};
use crate::domain::clock::TimePoint;
use crate::domain::number::PhoneNumberId;
use crate::domain::pin::PIN_DIGITS;
use crate::domain::text::format_count;
use crate::numbers::list::NumberList;

/// For a longer list, the first key press only shows how many calls a refresh costs.
const CONFIRM_REFRESH_ABOVE: usize = 1_000;

/// How many numbers one call to Meta returns.
const NUMBERS_PER_CALL: usize = 100;

/// The response to a paste that is no number.
const PASTE_IGNORED: &str = "Paste ignored. Open a field first.";

/// The number list.
#[derive(Debug, Default)]
pub struct ListPage {
    /// The last key asked to refresh a long list: the same key again does it.
    asked_to_refresh_all: bool,
}

impl PageBehavior for ListPage {
    type Action = ListAction;
    const ON_INTERRUPT: ListAction = ListAction::Quit;

    fn keys(&self, shared: &Shared) -> &'static KeyTable<ListAction> {
        if shared.names_no_numbers() {
            &table::NOTHING_NAMED
        } else if shared.has_no_numbers() {
            &table::NO_NUMBERS
        } else {
            &table::LIST
        }
    }

    fn on_action(mut self, action: ListAction, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let asked_to_refresh_all = std::mem::take(&mut self.asked_to_refresh_all);
        if !keeps_range(action) {
            shared.roster.end_range();
        }
        match action {
            ListAction::SetPin => self.open_form(shared, now),
            ListAction::RefreshNumber => self.refresh_number(shared),
            ListAction::RefreshAll => self.refresh_all(asked_to_refresh_all, shared),
            ListAction::ReadToken => Step::stay(self).with(ScreenCommand::ReadToken),
            ListAction::Quit => Step::ask_to_quit(self, shared),
            ListAction::EditFilter => {
                // Where a canceled filter puts the cursor back.
                shared.select_under_cursor();
                Step::open(self, Destination::Filter)
            }
            ListAction::PickSort => Step::open(self, Destination::Sort),
            ListAction::Open => self.open_under_cursor(shared, Destination::Number),
            ListAction::PickCopy => self.open_under_cursor(shared, Destination::Copy),
            ListAction::TogglePane => self.toggle_pane(shared),
            ListAction::Messages => Step::open(self, Destination::Messages),
            ListAction::Help => Step::open(self, Destination::Help),
            ListAction::HideScreen => Step::reset(Destination::Hidden(None)),
            ListAction::ClearFilter => {
                if shared.roster.selection().has_range() {
                    return self.select(shared, Roster::cancel_range);
                }
                shared.restore_filter("");
                Step::stay(self)
            }
            ListAction::QuickFilter(quick) => {
                shared.toggle_quick_filter(quick);
                shared.hint_hidden_selection();
                Step::stay(self)
            }
            ListAction::ShowInDoubt => {
                shared.in_doubt_list.is_due = shared.in_doubt_list.has_items();
                if shared.in_doubt_list.is_due {
                    return Step::stay(self);
                }
                if shared.has_escrow() {
                    // The page says when the last drill was.
                    return Step::open(self, Destination::Unresolved);
                }
                shared.messages.set_hint("No number is in doubt.");
                Step::stay(self)
            }
            ListAction::ShowJobs => Step::open(self, Destination::Jobs),
            ListAction::Move(motion) => {
                shared.move_cursor(motion);
                if shared.roster.selection().has_range() {
                    return self.select(shared, Roster::extend_range);
                }
                Step::stay(self)
            }
            ListAction::ToggleSelected => self.select(shared, toggle_selected),
            ListAction::ToggleRange => self.select(shared, toggle_range),
            ListAction::SelectShown => self.select(shared, Roster::select_shown),
            ListAction::InvertShown => self.select(shared, Roster::invert_shown),
            ListAction::SelectNone => self.select(shared, Roster::clear_selection),
            ListAction::Export => self.export(shared),
            ListAction::LoadNumbers => Step::open(self, Destination::Path(PathPurpose::LoadNumbers)),
        }
    }

    fn on_unbound_key(mut self, key: Key, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.asked_to_refresh_all = false;
        shared.hint_unbound_key(key, self.keys(shared).mode);
        Step::stay(self)
    }

    fn on_paste(mut self, text: &str, shared: &mut Shared, _now: TimePoint) -> Step<Self> {
        self.asked_to_refresh_all = false;
        shared.roster.end_range();
        if shared.names_no_numbers() || shared.has_no_numbers() {
            shared.messages.set_hint("Paste ignored.");
        } else if has_several_lines(text) {
            return self.ask_about_lines(text, shared);
        } else if let Some(digits) = extract_number_digits(text) {
            if shared.set_filter(&digits).is_err() {
                shared.messages.set_hint(PASTE_IGNORED);
            }
        } else if NumberList::has_columns(text) {
            return self.ask_about_lines(text, shared);
        } else {
            shared.messages.set_hint(PASTE_IGNORED);
        }
        Step::stay(self)
    }

    fn on_covered(&mut self) {
        self.asked_to_refresh_all = false;
    }

    fn may_be_interrupted(&self) -> bool {
        true
    }

    fn lets_rows_move(&self) -> bool {
        true
    }

    fn footer(&self, shared: &Shared) -> Vec<FooterKey> {
        let keys = self.keys(shared);
        if keys.mode == table::LIST.mode && !shared.roster.selection().is_empty() {
            return selection_footer(shared);
        }
        // A narrow window has no room for it.
        let has_room = |action: &ListAction| *action != ListAction::ToggleSelected || !shared.is_narrow();
        shared.keymap.footer(keys, has_room).collect()
    }

    fn shows_history_of(&self, id: &PhoneNumberId, shared: &Shared) -> bool {
        shared.has_pane() && shared.pane_number() == Some(*id)
    }
}

impl ListPage {
    /// Opens the PIN form for the selection, or for the number under the cursor if nothing is selected. The form of one
    /// number refreshes it, so that it shows the current status.
    fn open_form(self, shared: &mut Shared, now: TimePoint) -> Step<Self> {
        let selected = shared.roster.selection().ids();
        if selected.len() > 1 {
            return match shared.sending_block_reason() {
                None => Step::open(self, Destination::ManyPinsForm(selected)),
                Some(reason) => Step::blocked(self, reason, shared),
            };
        }
        let Some(id) = selected.first().copied().or_else(|| shared.select_under_cursor()) else {
            shared.messages.set_hint("No number under the cursor.");
            return Step::stay(self);
        };
        match shared.new_pin_targets(&id, &shared.resend_keys_in_list(), now) {
            Ok(targets) => Step::open(self, Destination::PinForm(targets)),
            Err(reason) => Step::blocked(self, reason, shared),
        }
    }

    /// Changes the selection, and says what is selected.
    fn select(self, shared: &mut Shared, change: fn(&mut Roster)) -> Step<Self> {
        change(&mut shared.roster);
        shared.hint_selection();
        Step::stay(self)
    }

    /// Asks for a file for what is selected, or else for what is shown.
    fn export(self, shared: &mut Shared) -> Step<Self> {
        let selected = shared.roster.selection().ids();
        let is_selection = !selected.is_empty();
        let ids = if is_selection { selected } else { shared.roster.shown_ids() };
        if ids.is_empty() {
            shared.messages.set_hint("No number is shown, so there is nothing to export.");
            return Step::stay(self);
        }
        Step::open(self, Destination::Path(PathPurpose::Export { ids, is_selection }))
    }

    /// Asks whether the numbers of a paste are selected.
    fn ask_about_lines(self, text: &str, shared: &mut Shared) -> Step<Self> {
        if may_be_cut_off(text) {
            let key = shared.keymap.key_label(&table::LIST, &ListAction::LoadNumbers);
            let hint = format!("Paste ignored: it is too long, and its end is missing. {key} reads a file.");
            shared.messages.set_hint(hint);
            return Step::stay(self);
        }
        let list = NumberList::parse_paste(&unix_lines(text), shared.roster.numbers());
        let has_numbers = !list.requests().is_empty();
        match shared.find_listed(ListSource::Paste, list) {
            Ok(list) if !list.ids.is_empty() => return Step::open(self, Destination::ListedNumbers(list)),
            Ok(_) if has_numbers => shared.messages.set_hint("Paste ignored. None of its numbers is in this list."),
            Ok(_) | Err(_) => shared.messages.set_hint(PASTE_IGNORED),
        }
        Step::stay(self)
    }

    fn open_under_cursor(self, shared: &mut Shared, page: fn(PhoneNumberId) -> Destination) -> Step<Self> {
        match shared.select_under_cursor() {
            Some(id) => Step::open(self, page(id)),
            None => Step::stay(self),
        }
    }

    fn refresh_number(self, shared: &mut Shared) -> Step<Self> {
        match shared.select_under_cursor() {
            None => Step::stay(self),
            Some(_) if matches!(shared.connection, Connection::TokenRefused(_)) => {
                Step::stay(self).with(ScreenCommand::ReadToken)
            }
            Some(id) => {
                shared.hint_refresh(&id);
                Step::stay(self).with(shared.refresh_number(id))
            }
        }
    }

    fn refresh_all(mut self, has_asked: bool, shared: &mut Shared) -> Step<Self> {
        if let Connection::TokenRefused(_) = shared.connection {
            return Step::stay(self).with(ScreenCommand::ReadToken);
        }
        let total = shared.roster.total();
        if shared.refresh.is_running {
            shared.messages.set_hint("A refresh is already running.");
            return Step::stay(self);
        }
        if total > CONFIRM_REFRESH_ABOVE && !has_asked {
            self.asked_to_refresh_all = true;
            let calls = format_count(total.div_ceil(NUMBERS_PER_CALL));
            let key = shared.keymap.key_label(&table::LIST, &ListAction::RefreshAll);
            shared.messages.set_hint(format!("Refreshing all takes {calls} calls of Meta's quota. Press {key} again."));
            return Step::stay(self);
        }
        match shared.refresh_all() {
            Some(refresh) => Step::stay(self).with(refresh),
            None => Step::stay(self),
        }
    }

    fn toggle_pane(self, shared: &mut Shared) -> Step<Self> {
        shared.layout = match shared.layout {
            ListLayout::ListOnly => ListLayout::ListAndDetails,
            ListLayout::ListAndDetails => ListLayout::ListOnly,
        };
        if shared.size.width < MIN_PANE_WIDTH {
            shared.messages.set_hint(format!("Details beside the list need {MIN_PANE_WIDTH} columns."));
        }
        let shown = if shared.has_pane() { shared.show_cursor_row_in_pane() } else { None };
        match shown {
            Some(id) => Step::stay(self).with(WorkCommand::ReadHistory(id)),
            None => Step::stay(self),
        }
    }
}

/// The end of a range, or one number more or less, with the cursor on the next.
fn toggle_selected(roster: &mut Roster) {
    if roster.selection().has_range() {
        roster.end_range();
    } else {
        roster.toggle_selected();
        roster.move_by(1);
    }
}

fn toggle_range(roster: &mut Roster) {
    if roster.selection().has_range() {
        roster.end_range();
    } else {
        roster.begin_range();
    }
}

/// False for what ends a range, with what that has.
const fn keeps_range(action: ListAction) -> bool {
    match action {
        ListAction::Move(_) | ListAction::ClearFilter | ListAction::ToggleSelected | ListAction::ToggleRange => true,
        ListAction::EditFilter
        | ListAction::QuickFilter(_)
        | ListAction::PickSort
        | ListAction::SelectShown
        | ListAction::InvertShown
        | ListAction::SelectNone
        | ListAction::LoadNumbers
        | ListAction::Export
        | ListAction::SetPin
        | ListAction::RefreshNumber
        | ListAction::RefreshAll
        | ListAction::ReadToken
        | ListAction::ShowInDoubt
        | ListAction::ShowJobs
        | ListAction::PickCopy
        | ListAction::Open
        | ListAction::TogglePane
        | ListAction::Messages
        | ListAction::Help
        | ListAction::HideScreen
        | ListAction::Quit => false,
    }
}

/// The keys for the footer while numbers are selected: what they are selected for comes first.
fn selection_footer(shared: &Shared) -> Vec<FooterKey> {
    let selection = shared.roster.selection();
    let set_pin = (ListAction::SetPin, format!("set PIN for {}", format_count(selection.len())).into());
    let keys = if selection.has_range() {
        vec![
            (ListAction::ToggleRange, "end the range".into()),
            (ListAction::ClearFilter, "cancel the range".into()),
            set_pin,
            (ListAction::Help, "help".into()),
        ]
    } else {
        let mut keys = vec![
            set_pin,
            (ListAction::ToggleSelected, "select".into()),
            (ListAction::SelectShown, "all shown".into()),
            (ListAction::InvertShown, "invert".into()),
            (ListAction::ToggleRange, "range".into()),
            (ListAction::SelectNone, "none".into()),
            (ListAction::Help, "help".into()),
        ];
        if !shared.filter.is_empty() {
            keys.push((ListAction::ClearFilter, "clear the filter".into()));
        }
        keys
    };
    let key =
        |(action, label)| FooterKey { key: shared.keymap.key_label(&table::LIST, &action), label, closes_page: false };
    keys.into_iter().map(key).collect()
}

/// The text with the line ends of a file: terminals paste them as the byte that Enter sends. It may have a PIN.
fn unix_lines(text: &str) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\r' {
            lines.push(c);
        } else if chars.peek() != Some(&'\n') {
            lines.push('\n');
        }
    }
    lines
}

fn has_several_lines(text: &str) -> bool {
    text.split(['\r', '\n']).filter(|line| !line.trim().is_empty()).count() > 1
}

/// The digits of a pasted text, if it is exactly a phone number or an id.
fn extract_number_digits(text: &str) -> Option<String> {
    /// Shorter than any phone number, and longer than a PIN: a PIN pasted on the wrong page must not be shown.
    const MIN_DIGITS: usize = PIN_DIGITS + 1;
    let text = text.trim();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && digits.len() >= MIN_DIGITS && digits.len() <= 23).then_some(digits)
}
