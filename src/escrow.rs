//! The escrow: encrypts each PIN to the team's keys before it is sent, one line for each change, in a file of its own.
//!
//! Encryption needs public keys only, so this program cannot decrypt what it wrote. Lines are appended and synced,
//! never altered; the stock `age` program reads them. Only an explicit command decrypts, with a key file that the
//! operator names. This module knows no network and no journal.

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
