//! Starts the `pindesk` program. All of its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pindesk::cli::main()
}
