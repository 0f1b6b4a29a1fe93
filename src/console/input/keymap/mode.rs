//! The keyboard modes, one for each page, and whether each accepts text.
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
    /// No access token, or Meta refused it.
    Token,
    /// The access token works, but there are no numbers.
    NoNumbers,
    /// A window smaller than 40x10.
    TooSmall,
}

/// The printable keys that a mode accepts although the table does not bind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextInput {
    /// It ignores them.
    None,
    /// It accepts digits.
    Digits,
    /// It accepts any text.
    Text,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 25] = [
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
        Self::Copy,
        Self::Copied,
        Self::Messages,
        Self::Help,
        Self::Quit,
        Self::ShuttingDown,
        Self::Welcome,
        Self::Token,
        Self::NoNumbers,
        Self::TooSmall,
    ];

    /// The page's title in the help and in errors.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::List => "number list",
            Self::Filter => "filter line",
            Self::Sort => "sort",
            Self::Details => "details",
            Self::Failed => "failed or not sent",
            Self::NoAnswer => "no answer",
            Self::PinForm => "PIN form",
            Self::ResolutionNote => "note on a manual check",
            Self::ConfirmResolution => "confirmation of a manual check",
            Self::Unresolved => "numbers in doubt",
            Self::Recipients => "changed escrow keys",
            Self::JournalUnavailable => "no PIN can be set",
            Self::Hidden => "hidden screen",
            Self::Confirm => "confirmation",
            Self::ConfirmReplace => "confirmation by digits",
            Self::Copy => "copy",
            Self::Copied => "copied",
            Self::Messages => "messages",
            Self::Help => "help",
            Self::Quit => "quit",
            Self::ShuttingDown => "quitting",
            Self::Welcome => "welcome",
            Self::Token => "no access token, or refused",
            Self::NoNumbers => "no numbers",
            Self::TooSmall => "window too small",
        }
    }

    /// The printable keys that the mode accepts although the table does not bind them.
    #[must_use]
    pub const fn text_input(self) -> TextInput {
        match self {
            Self::Filter | Self::ResolutionNote => TextInput::Text,
            Self::PinForm | Self::ConfirmReplace => TextInput::Digits,
            Self::List
            | Self::Sort
            | Self::Details
            | Self::Failed
            | Self::NoAnswer
            | Self::ConfirmResolution
            | Self::Unresolved
            | Self::Recipients
            | Self::JournalUnavailable
            | Self::Hidden
            | Self::Confirm
            | Self::Copy
            | Self::Copied
            | Self::Messages
            | Self::Help
            | Self::Quit
            | Self::ShuttingDown
            | Self::Welcome
            | Self::Token
            | Self::NoNumbers
            | Self::TooSmall => TextInput::None,
        }
    }
}
