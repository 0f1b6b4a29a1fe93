//! pindesk on a real terminal: what it draws, which keys it accepts, which PINs it sends, and how it ends.

mod demo;
mod exits;
mod keys;
mod output;
mod small_console;
