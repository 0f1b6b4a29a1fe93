//! The modes of the keyboard: one for each page, and what each does with keys that the table does not bind.

/// Which keys count: one mode for each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The number list.
    List,
    /// The filter line being typed.
    Filter,
    /// Picking the column to sort by.
    Sort,
    /// One number's details.
    Details,
    /// What became of a request that failed or never left.
    Failed,
    /// A request nobody can say the outcome of.
    NoAnswer,
    /// Typing a PIN.
    PinForm,
    /// Writing down what a check by hand found.
    ResolutionNote,
    /// Confirming a check by hand.
    ConfirmResolution,
    /// What is in doubt, and what else has to be looked at.
    Unresolved,
    /// Looking at changed keys of the escrow.
    Recipients,
    /// Why nothing can be recorded, and so nothing set.
    JournalUnavailable,
    /// The hidden screen.
    Hidden,
    /// Confirming by `y`.
    Confirm,
    /// Confirming by the last four digits.
    ConfirmReplace,
    /// Picking what to copy.
    Copy,
    /// A copied text, shown as well.
    Copied,
    /// Every message, newest first.
    Messages,
    /// The keys of a page, and what to do about a lost PIN.
    Help,
    /// Quitting while something is unfinished.
    Quit,
    /// Waiting for the requests on their way.
    ShuttingDown,
    /// No config file.
    Welcome,
    /// No access token, or a refused one.
    Token,
    /// The access token works, but there are no numbers.
    NoNumbers,
    /// A window below 40x10.
    TooSmall,
}

/// What a mode does with printable keys that the table does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextInput {
    /// Nothing.
    None,
    /// Takes digits.
    Digits,
    /// Takes any text.
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

    /// The page's name, as the help heads it.
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
            Self::ResolutionNote => "note of a check by hand",
            Self::ConfirmResolution => "confirmation of a check by hand",
            Self::Unresolved => "numbers in doubt",
            Self::Recipients => "changed keys of the escrow",
            Self::JournalUnavailable => "nothing can be set",
            Self::Hidden => "hidden screen",
            Self::Confirm => "confirmation",
            Self::ConfirmReplace => "confirmation by digits",
            Self::Copy => "copy",
            Self::Copied => "copied",
            Self::Messages => "messages",
            Self::Help => "help",
            Self::Quit => "quit",
            Self::ShuttingDown => "leaving",
            Self::Welcome => "welcome",
            Self::Token => "no access token, or refused",
            Self::NoNumbers => "no numbers",
            Self::TooSmall => "window too small",
        }
    }

    /// What becomes of printable keys that are not bound.
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
