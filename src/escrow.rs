//! The escrow: each PIN sealed to the team's keys before it is sent, one line a change, in a file of its own.
//!
//! Sealing needs public keys only: a program that runs here cannot open what it sealed. Lines are appended and synced,
//! never altered; the stock `age` program reads them. Opening is for the command that asks for it, with a key file that
//! it names. It knows no network and no journal.

mod entry;
mod recipient_key;
mod recipients;
mod lock;
mod file;
mod recipe;
pub mod decrypt;

pub use entry::{Ciphertext, EscrowEntry, PinContext};
pub use file::{AppendReceipt, EscrowContents, EscrowFile, EscrowLock};
pub use lock::{LockError, LockHolder};
pub use recipe::recipe;
pub use recipient_key::{Fingerprint, RecipientKeyError};
pub use recipients::{EncryptError, Recipients, RecipientsError};
