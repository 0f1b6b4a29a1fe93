//! The keys of the number list, its filter and sort lines, and the list of open issues.

use super::common::{
    BACK, COPY, DOWN, FILTER_ROWS, FIRST, HELP, HIDE_SCREEN, LAST, MESSAGES, PAGE_DOWN, PAGE_UP, QUIT, REFRESH_NUMBER,
    RETRY, SET_PIN, SHOW_IN_DOUBT, SHOW_JOBS, UP, with_motions,
};
use crate::console::input::key::Key;
use crate::console::input::keymap::actions::{
    FilterAction, ListAction, ListedNumbersAction, Motion, PathAction, QuickFilter, SortAction, UnresolvedAction,
};
use crate::console::input::keymap::mode::{Mode, TextInput};
use crate::console::input::keymap::row::{HelpGroup, KeyRow, KeyTable, Risk, bind};

use HelpGroup::{Act, Find, Look, Move, Tool};
use Key::{Char, Ctrl};
use Risk::ReadsMeta;

/// The keys of [`Mode::List`].
pub static LIST: KeyTable<ListAction> = KeyTable {
    mode: Mode::List,
    title: "number list",
    text_input: TextInput::None,
    bindings: with_motions![
        ListAction::Move;
        bind(ListAction::Help, HELP),
        bind(ListAction::EditFilter, FILTER_ROWS),
        bind(
            ListAction::ToggleSelected,
            KeyRow::new("select", &[Char(' ')], "select: this number, and one row down", Find).footer("select"),
        ),
        bind(
            ListAction::ToggleRange,
            KeyRow::new("select-range", &[Char('v')], "select: a range, again to end it", Find),
        ),
        bind(ListAction::SelectShown, KeyRow::new("select-shown", &[Char('a')], "select: all that the filter shows", Find)),
        bind(
            ListAction::InvertShown,
            KeyRow::new("invert-shown", &[Char('i')], "select: the others of these instead", Find),
        ),
        bind(ListAction::SelectNone, KeyRow::new("select-none", &[Char('n')], "select: none", Find)),
        bind(
            ListAction::LoadNumbers,
            KeyRow::new("load-numbers", &[Char('+')], "select: the numbers of a file", Find),
        ),
        bind(
            ListAction::SetPin,
            KeyRow { description: "set the PINs of the selection, or the PIN of this number", ..SET_PIN },
        ),
        bind(
            ListAction::Open,
            KeyRow::new("details", &[Key::Enter], "details, or the outcome of the last request", Look)
                .footer("details"),
        ),
        bind(ListAction::RefreshNumber, REFRESH_NUMBER),
        bind(ListAction::Quit, QUIT),
        bind(
            ListAction::RefreshAll,
            KeyRow::new("refresh-all", &[Char('u')], "refresh all numbers", Act).footer("refresh all").risk(ReadsMeta),
        ),
        bind(ListAction::PickSort, KeyRow::new("pick-sort", &[Char('o')], "sort", Find).footer("sort")),
        bind(ListAction::ClearFilter, KeyRow::new("clear-filter", &[Key::Esc], "clear the filter, or cancel the range", Find)),
        bind(
            ListAction::QuickFilter(QuickFilter::NotSet),
            KeyRow::new("quick-not-set", &[Char('1')], "quick filter, again to go back: not set", Find),
        ),
        bind(
            ListAction::QuickFilter(QuickFilter::Failed),
            KeyRow::new("quick-failed", &[Char('2')], "quick filter, again to go back: failed", Find),
        ),
        bind(
            ListAction::QuickFilter(QuickFilter::InDoubt),
            KeyRow::new("quick-in-doubt", &[Char('3')], "quick filter, again to go back: in doubt", Find),
        ),
        bind(
            ListAction::QuickFilter(QuickFilter::SetToday),
            KeyRow::new(
                "quick-set-today",
                &[Char('4')],
                "quick filter, again to go back: set today (since 00:00 UTC)",
                Find,
            ),
        ),
        bind(
            ListAction::QuickFilter(QuickFilter::Due),
            KeyRow::new(
                "quick-due",
                &[Char('5')],
                "quick filter, again to go back: due (see rotate_after in the config)",
                Find,
            ),
        ),
        bind(ListAction::PickCopy, COPY),
        bind(
            ListAction::TogglePane,
            KeyRow::new("details-pane", &[Char('d')], "details beside the list (from 120 columns)", Look).footer("details pane"),
        ),
        bind(ListAction::ShowInDoubt, SHOW_IN_DOUBT),
        bind(ListAction::Messages, MESSAGES),
        bind(ListAction::HideScreen, HIDE_SCREEN),
        bind(ListAction::ShowJobs, SHOW_JOBS),
        bind(
            ListAction::Export,
            KeyRow::new("export", &[Char('e')], "export what is selected, or else what is shown", Tool),
        ),
    ],
};

/// The keys of [`Mode::NoNumbers`].
pub static NO_NUMBERS: KeyTable<ListAction> = KeyTable {
    mode: Mode::NoNumbers,
    title: "no numbers",
    text_input: TextInput::None,
    bindings: &[
        bind(ListAction::ReadToken, RETRY),
        bind(ListAction::Help, HELP),
        bind(ListAction::Messages, MESSAGES),
        bind(ListAction::ShowInDoubt, SHOW_IN_DOUBT),
        bind(ListAction::HideScreen, HIDE_SCREEN),
        bind(ListAction::ShowJobs, SHOW_JOBS),
        bind(ListAction::Quit, QUIT),
    ],
};

/// The keys of [`Mode::NothingNamed`].
pub static NOTHING_NAMED: KeyTable<ListAction> = KeyTable {
    mode: Mode::NothingNamed,
    title: "no WABA and no number",
    text_input: TextInput::None,
    bindings: &[
        bind(ListAction::Help, HELP),
        bind(ListAction::Messages, MESSAGES),
        bind(ListAction::ShowInDoubt, SHOW_IN_DOUBT),
        bind(ListAction::HideScreen, HIDE_SCREEN),
        bind(ListAction::ShowJobs, SHOW_JOBS),
        bind(ListAction::Quit, QUIT),
    ],
};

/// The keys of [`Mode::Filter`].
pub static FILTER: KeyTable<FilterAction> = KeyTable {
    mode: Mode::Filter,
    title: "filter line",
    text_input: TextInput::Text,
    bindings: &[
        bind(FilterAction::Apply, KeyRow::new("apply-filter", &[Key::Enter], "apply the filter", Find).footer("apply")),
        bind(
            FilterAction::Restore,
            KeyRow::new("restore-filter", &[Key::Esc], "restore the previous filter", Find)
                .footer("cancel")
                .closes_page(),
        ),
        bind(
            FilterAction::Complete,
            KeyRow::new("complete-word", &[Key::Tab], "complete the word", Find).footer("complete"),
        ),
        bind(
            FilterAction::Clear,
            KeyRow::new("clear-field", &[Ctrl('u')], "clear the line", Find).footer("clear the line"),
        ),
        bind(FilterAction::Move(Motion::Up), KeyRow::new("up", &[Key::Up], "one row up", Move).moves()),
        bind(FilterAction::Move(Motion::Down), KeyRow::new("down", &[Key::Down], "one row down", Move).moves()),
    ],
};

/// The keys of [`Mode::Sort`].
pub static SORT: KeyTable<SortAction> = KeyTable {
    mode: Mode::Sort,
    title: "sort",
    text_input: TextInput::None,
    bindings: &[
        bind(
            SortAction::ByNumber,
            KeyRow::new("sort-by-number", &[Char('n')], "sort, again to reverse: by number", Find).footer("number"),
        ),
        bind(
            SortAction::ByName,
            KeyRow::new("sort-by-name", &[Char('m')], "sort, again to reverse: by name", Find).footer("name"),
        ),
        bind(
            SortAction::ByWaba,
            KeyRow::new("sort-by-waba", &[Char('w')], "sort, again to reverse: by WABA", Find).footer("WABA"),
        ),
        bind(
            SortAction::ByTwoStep,
            KeyRow::new("sort-by-two-step", &[Char('t')], "sort, again to reverse: by two-step", Find)
                .footer("two-step"),
        ),
        bind(
            SortAction::ByRequest,
            KeyRow::new("sort-by-request", &[Char('r')], "sort, again to reverse: by request", Find).footer("request"),
        ),
        bind(SortAction::Back, BACK),
    ],
};

/// The keys of [`Mode::Unresolved`].
pub static UNRESOLVED: KeyTable<UnresolvedAction> = KeyTable {
    mode: Mode::Unresolved,
    title: "numbers in doubt",
    text_input: TextInput::None,
    bindings: with_motions![
        UnresolvedAction::Move;
        bind(
            UnresolvedAction::Open,
            KeyRow::new("details", &[Key::Enter], "details and next steps", Look).footer("open"),
        ),
        bind(UnresolvedAction::Help, HELP),
        bind(
            UnresolvedAction::Back,
            KeyRow::new("back", &[Key::Esc, Char('q')], "continue to the list, decide later", Tool)
                .footer("later")
                .closes_page(),
        ),
        bind(UnresolvedAction::Messages, MESSAGES),
        bind(UnresolvedAction::HideScreen, HIDE_SCREEN),
    ],
};

/// The keys of [`Mode::Path`].
pub static PATH: KeyTable<PathAction> = KeyTable {
    mode: Mode::Path,
    title: "path of a file",
    text_input: TextInput::Text,
    bindings: &[
        bind(PathAction::Continue, KeyRow::new("use-file", &[Key::Enter], "use this file", Find).footer("continue")),
        bind(
            PathAction::ClearField,
            KeyRow::new("clear-field", &[Ctrl('u')], "clear the line", Find).footer("clear the line"),
        ),
        bind(PathAction::Cancel, KeyRow::new("cancel", &[Key::Esc], "cancel", Tool).footer("cancel").closes_page()),
    ],
};

/// The keys of [`Mode::ListedNumbers`].
pub static LISTED_NUMBERS: KeyTable<ListedNumbersAction> = KeyTable {
    mode: Mode::ListedNumbers,
    title: "numbers of a list",
    text_input: TextInput::None,
    bindings: with_motions![
        ListedNumbersAction::Move;
        bind(
            ListedNumbersAction::Select,
            KeyRow::new("select-listed", &[Char('y')], "select these numbers", Find).footer("select them"),
        ),
        bind(
            ListedNumbersAction::Cancel,
            KeyRow::new("cancel", &[Char('n'), Key::Esc], "back, select nothing", Tool).footer("back").closes_page(),
        ),
    ],
};
