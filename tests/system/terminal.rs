//! pindesk on a real terminal: what it draws, which keys it accepts, which PINs it sends, and how it ends.

mod demo;
mod exits;
mod keys;
mod other_processes;
mod output;
mod small_console;
