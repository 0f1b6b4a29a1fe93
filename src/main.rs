//! Starts the `pindesk` program. All of its code is in the library.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory when it is freed: the HTTP, TLS and age libraries free buffers that held an access token or a PIN.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    pindesk::cli::main()
}
