//! The escrow: encrypts each PIN to the team's keys before it is sent, and appends it as one line to the escrow file.
//!
//! Encryption needs only public keys, so pindesk cannot decrypt what it wrote. It appends and syncs lines, and never
//! changes them; the stock `age` program can read them. Only an explicit command decrypts, with a key file that the
//! operator names. This module does not use the network or the journal.

mod entry;
mod recipient_key;
mod recipients;
mod scan;
mod lock;
mod file;
mod copy;
mod recipe;
pub mod decrypt;

pub use entry::{Ciphertext, EscrowEntry, PinContext};
pub use file::{AppendReceipt, EscrowContents, EscrowFile, EscrowLock};
pub use lock::{LockError, LockHolder};
pub use recipe::recipe;
pub use recipient_key::{Fingerprint, RecipientKeyError};
pub use recipients::{EncryptError, Recipients, RecipientsError};
pub use scan::{EscrowLine, EscrowPosition, EscrowScan, LinePlace};
