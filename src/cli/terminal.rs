//! The terminal of a command: whether there is one, how wide it is, and whether it shows colors.

use std::io::{self, IsTerminal as _};
use std::os::fd::BorrowedFd;

use crate::console::theme::TerminalEnv;

/// The width of a terminal that does not report one.
const DEFAULT_COLUMNS: usize = 80;

/// The environment variables that the theme depends on.
pub(crate) fn terminal_env(no_color: bool) -> TerminalEnv {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    TerminalEnv {
        term: variable("TERM"),
        locale: variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG")),
        no_color: no_color || variable("NO_COLOR").is_some(),
    }
}

/// The columns of the terminal that standard output is; `None` if it is not a terminal.
pub(crate) fn stdout_columns() -> Option<usize> {
    columns(rustix::stdio::stdout())
}

/// The columns of the terminal that standard error is; `None` if it is not a terminal.
pub(crate) fn stderr_columns() -> Option<usize> {
    columns(rustix::stdio::stderr())
}

fn columns(output: BorrowedFd<'_>) -> Option<usize> {
    output.is_terminal().then(|| {
        let size = rustix::termios::tcgetwinsize(output);
        size.map_or(DEFAULT_COLUMNS, |size| if size.ws_col == 0 { DEFAULT_COLUMNS } else { usize::from(size.ws_col) })
    })
}

/// True if the operator can be asked: both the question and the answer go through a terminal.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
