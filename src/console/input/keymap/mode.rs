//! The keyboard modes: the states of the pages that have keys of their own.
//!
//! It binds no keys: the table does.

/// A keyboard mode: the keys of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The number list.
    List,
    /// Typing a filter.
    Filter,
    /// Picking the column to sort by.
    Sort,
    /// The details of one number.
    Details,
    /// A request that failed or was not sent.
    Failed,
    /// A request without a sure answer.
    NoAnswer,
    /// Typing a PIN.
    PinForm,
    /// Writing the note of a manual check.
    ResolutionNote,
    /// Confirming that a number is resolved.
    ConfirmResolution,
    /// Numbers in doubt and other open issues.
    Unresolved,
    /// Changed escrow keys, to be accepted.
    Recipients,
    /// Why pindesk can record nothing, and so set no PIN.
    JournalUnavailable,
    /// The hidden screen.
    Hidden,
    /// Confirming with `y`.
    Confirm,
    /// Confirming with the last four digits.
    ConfirmReplace,
    /// Confirming with `y` that the same PIN is sent again.
    ConfirmResend,
    /// Picking what to copy.
    Copy,
    /// The copied text.
    Copied,
    /// Every message, newest first.
    Messages,
    /// The keys of a page, and help with a lost PIN.
    Help,
    /// Confirming to quit while work is unfinished.
    Quit,
    /// Waiting for requests in flight before the program ends.
    ShuttingDown,
    /// The page without a config file.
    Welcome,
    /// No working access token, and no page below to go back to.
    Token,
    /// The access token was refused or could not be read, while another page was open.
    TokenOverPage,
    /// The access token works, but there are no numbers.
    NoNumbers,
    /// The profile names no WABA and no number.
    NothingNamed,
    /// A window smaller than 40x10.
    TooSmall,
    /// Typing the path of a file.
    Path,
    /// Asking whether the numbers of a list are selected.
    ListedNumbers,
    /// The form for many numbers, on a choice.
    ManyPins,
    /// The form for many numbers, on the PIN.
    ManyPinsPin,
    /// The form for many numbers, on the note.
    ManyPinsNote,
    /// Confirming with the count of the numbers.
    ConfirmMany,
    /// The whole list of many numbers.
    ManyPinsList,
    /// The same, while its filter is typed.
    ManyPinsListFilter,
    /// The jobs, newest first.
    Jobs,
    /// One job, number by number.
    Job,
    /// Confirming to stop a job.
    JobStop,
    /// Typing the PIN of a job before it is resumed.
    JobPin,
    /// Confirming with the count that a job is resumed.
    JobResume,
}

/// The printable keys that a mode accepts although the table does not bind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextInput {
    /// It ignores them.
    None,
    /// It accepts digits. The footer says what for.
    Digits(&'static str),
    /// It accepts any text.
    Text,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 41] = [
        Self::List,
        Self::Filter,
        Self::Sort,
        Self::Details,
        Self::Failed,
        Self::NoAnswer,
        Self::PinForm,
        Self::ResolutionNote,
        Self::ConfirmResolution,
        Self::Unresolved,
        Self::Recipients,
        Self::JournalUnavailable,
        Self::Hidden,
        Self::Confirm,
        Self::ConfirmReplace,
        Self::ConfirmResend,
        Self::Copy,
        Self::Copied,
        Self::Messages,
        Self::Help,
        Self::Quit,
        Self::ShuttingDown,
        Self::Welcome,
        Self::Token,
        Self::TokenOverPage,
        Self::NoNumbers,
        Self::NothingNamed,
        Self::TooSmall,
        Self::Path,
        Self::ListedNumbers,
        Self::ManyPins,
        Self::ManyPinsPin,
        Self::ManyPinsNote,
        Self::ConfirmMany,
        Self::ManyPinsList,
        Self::ManyPinsListFilter,
        Self::Jobs,
        Self::Job,
        Self::JobStop,
        Self::JobPin,
        Self::JobResume,
    ];
}
