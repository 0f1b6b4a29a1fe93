//! What the keys of each page do.
//!
//! Each page has its own actions, so it handles all of them and no others. The key table binds keys to them.

/// A motion of a cursor, or of a page that scrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Motion {
    /// Where it leads from an index of a list of this length, in pages of this many rows.
    #[must_use]
    pub const fn target(self, index: usize, page: usize, len: usize) -> usize {
        let last = len.saturating_sub(1);
        let target = match self {
            Self::Up => index.saturating_sub(1),
            Self::Down => index.saturating_add(1),
            Self::PageUp => index.saturating_sub(page),
            Self::PageDown => index.saturating_add(page),
            Self::First => 0,
            Self::Last => last,
        };
        if target < last { target } else { last }
    }
}

/// What a number key of the list filters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum QuickFilter {
    NotSet,
    Failed,
    InDoubt,
    SetToday,
    Due,
}

/// The actions of the number list, also while it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ListAction {
    Move(Motion),
    EditFilter,
    ClearFilter,
    QuickFilter(QuickFilter),
    PickSort,
    ToggleSelected,
    ToggleRange,
    SelectShown,
    InvertShown,
    SelectNone,
    LoadNumbers,
    Export,
    SetPin,
    RefreshNumber,
    RefreshAll,
    ReadToken,
    ShowInDoubt,
    PickCopy,
    Open,
    TogglePane,
    Messages,
    Help,
    HideScreen,
    Quit,
    ShowJobs,
}

/// The actions of the filter line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum FilterAction {
    Apply,
    Restore,
    Complete,
    Clear,
    Move(Motion),
}

/// The actions of the list while its sort column is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum SortAction {
    ByNumber,
    ByName,
    ByWaba,
    ByTwoStep,
    ByRequest,
    Back,
}

/// The actions of the page of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum NumberAction {
    Move(Motion),
    SetPin,
    Refresh,
    SendSamePin,
    MarkResolved,
    PickCopy,
    Messages,
    Help,
    HideScreen,
    Back,
    ShowJobs,
}

/// The actions of the PIN form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum PinFormAction {
    RandomPin,
    ShowPin,
    NextField,
    PreviousField,
    DeleteDigit,
    ClearField,
    Continue,
    HideScreen,
    Cancel,
    Help,
}

/// The actions of the note of a manual check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ResolutionNoteAction {
    Continue,
    ClearField,
    Cancel,
}

/// The actions of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ConfirmAction {
    Yes,
    Submit,
    DeleteDigit,
    ClearField,
    Help,
    Cancel,
    Back,
}

/// The actions of the list of open issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum UnresolvedAction {
    Open,
    Move(Motion),
    Messages,
    Help,
    HideScreen,
    Back,
}

/// The actions of the page of changed escrow keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum RecipientsAction {
    Accept,
    Move(Motion),
    Cancel,
}

/// The actions of the hidden screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum HiddenAction {
    Show,
    Quit,
}

/// The actions of the copy menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum CopyAction {
    Number,
    Id,
    Waba,
    All,
    EscrowCommand,
    HideScreen,
    Back,
}

/// The actions of the copied text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum CopiedAction {
    Move(Motion),
    HideScreen,
    Back,
}

/// The actions of a page of text: help, messages, and why no PIN can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ScrollAction {
    Move(Motion),
    HideScreen,
    Back,
}

/// The actions of the whole list of many numbers, also while its filter is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ManyPinsListAction {
    Move(Motion),
    EditFilter,
    KeepFilter,
    ClearField,
    ShowAll,
    HideScreen,
    Back,
}

/// The actions of the question before quitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum QuitAction {
    Confirm,
    Cancel,
}

/// The actions of the page while requests in flight end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ShuttingDownAction {
    Cancel,
}

/// The actions of the page without a config file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum WelcomeAction {
    StartDemo,
    Help,
    Quit,
}

/// The actions of the page without an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum TokenAction {
    Retry,
    Cancel,
    Help,
    Messages,
    HideScreen,
    Leave,
}

/// The actions of the path of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum PathAction {
    Continue,
    ClearField,
    Cancel,
}

/// The actions of the question about the numbers of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ListedNumbersAction {
    Select,
    Move(Motion),
    Cancel,
}

/// The actions of a window that is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum TooSmallAction {
    Quit,
}

/// The actions of the list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum JobsAction {
    Move(Motion),
    Open,
    Messages,
    Help,
    HideScreen,
    Back,
}

/// The actions of the page of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum JobAction {
    Move(Motion),
    Open,
    PauseOrContinue,
    Stop,
    Resume,
    RefreshInDoubt,
    ToggleFilter,
    Report,
    Messages,
    Help,
    HideScreen,
    Back,
}

/// The actions of the form for the PIN of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum JobPinAction {
    NextField,
    PreviousField,
    Continue,
    ShowPin,
    ShowList,
    DeleteDigit,
    ClearField,
    Cancel,
    Help,
}

/// The actions of the question before a job is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum JobResumeAction {
    Submit,
    ShowList,
    DeleteDigit,
    ClearField,
    Cancel,
}

/// The actions of the question before a job is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum JobStopAction {
    Confirm,
    Cancel,
}

/// The actions of every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum GlobalAction {
    Interrupt,
    Redraw,
    Suspend,
}

/// The actions of the form for many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ManyPinsAction {
    NextField,
    PreviousField,
    Change,
    ShowPin,
    DeleteDigit,
    ClearField,
    ShowList,
    Continue,
    HideScreen,
    Cancel,
    Help,
}

/// The actions of the question about many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table describes each one")]
pub enum ConfirmManyAction {
    Submit,
    DeleteDigit,
    ClearField,
    ShowList,
    Help,
    Back,
}
