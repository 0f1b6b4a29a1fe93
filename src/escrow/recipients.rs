//! The team's keys, and sealing to them.
//!
//! They are taken all or none: with one line dropped, somebody who believes to hold a key would find nothing to open.

use std::collections::HashSet;
use std::io::Write as _;

use crate::config::EscrowSettings;
use crate::domain::change::Change;
use crate::domain::clock::UtcTime;
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::secure_file::{self, FileError};

use super::entry::{Ciphertext, EscrowEntry, PinContext};
use super::recipient_key::{Fingerprint, RecipientKey, RecipientKeyError};

/// More than any team has. A line of the file stays below 110,000 bytes with so many RSA keys of 4,096 bits.
const MAX_RECIPIENTS: usize = 100;

/// The keys that PINs are sealed to: at least one, none of them unusable.
#[derive(Debug, Clone)]
pub struct Recipients {
    /// In the order they were written, each once.
    keys: Vec<RecipientKey>,
}

/// The recipients cannot be used, so none is. Never repeats a line: it may be a private key. Ends the program with
/// [`EXIT_CODE`](crate::config::EXIT_CODE).
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// The file is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of the file or an entry of the config is no key that can be sealed to.
    #[error("{location}: {reason}. Until that is mended no recipient is used, and nothing is sealed")]
    InvalidKey {
        /// The file and the line, or the entry of the config.
        location: CleanText,
        /// What is wrong with it.
        reason: RecipientKeyError,
    },
    /// The file has blank lines and comments only.
    #[error("recipients file {file}: it names no key")]
    NoKeys {
        /// The file.
        file: CleanText,
    },
    /// Too many to seal to.
    #[error("there are more than {MAX_RECIPIENTS} recipients")]
    TooManyKeys,
}

/// Sealing failed, so nothing may be sent.
#[derive(Debug, thiserror::Error)]
#[error("the PIN could not be sealed: {0}")]
pub struct EncryptError(pub CleanText);

impl Recipients {
    /// The recipients of the config and of the recipients file; `None` where neither names any.
    ///
    /// # Errors
    /// When the file cannot be used (unsafe, unreadable, empty), or one line of either is no usable public key: then none is taken.
    pub fn load(settings: &EscrowSettings) -> Result<Option<Self>, RecipientsError> {
        let mut keys = Vec::new();
        for (number, entry) in (1..).zip(&settings.recipients) {
            keys.push(parse_key(entry, || format!("recipients of the config, entry {number}"))?);
        }
        if let Some(path) = &settings.recipients_file {
            let text = secure_file::read_text(&secure_file::RECIPIENTS_FILE, path)?;
            let (file, before) = (redacted_path(path), keys.len());
            for (number, line) in (1..).zip(text.lines()) {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with('#') {
                    keys.push(parse_key(line, || format!("recipients file {file}, line {number}"))?);
                }
            }
            if keys.len() == before {
                return Err(RecipientsError::NoKeys { file: file });
            }
        }
        let mut seen = HashSet::new();
        keys.retain(|key: &RecipientKey| seen.insert(key.fingerprint.clone()));
        if keys.len() > MAX_RECIPIENTS {
            return Err(RecipientsError::TooManyKeys);
        }
        Ok((!keys.is_empty()).then_some(Self { keys }))
    }

    /// Each key's fingerprint, sorted, each once.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let mut fingerprints: Vec<_> = self.keys.iter().map(|key| key.fingerprint.clone()).collect();
        fingerprints.sort_unstable();
        fingerprints
    }

    /// Each key in words for people, in the order they were written: its comment where it has one, and its fingerprint,
    /// shortened.
    #[must_use]
    pub fn labels(&self) -> Vec<CleanText> {
        self.keys.iter().map(RecipientKey::label).collect()
    }

    /// Seals the PIN of a change with its context. Takes 0.2 to 2 ms a key.
    ///
    /// The library keeps the text in a buffer of its own, which it gives back to the allocator without wiping it.
    ///
    /// # Errors
    /// When a key does not take it, or the system has no random numbers.
    pub fn encrypt(&self, of: &Change, at: UtcTime) -> Result<EscrowEntry, EncryptError> {
        let context = PinContext::for_change(of, at);
        let sealed = self.encrypt_bytes(&context.plaintext_with(&of.pin))?;
        let PinContext { change, number, waba, at } = context;
        Ok(EscrowEntry { change, number, waba, at, job: Some(of.job), ciphertext: Ciphertext(sealed) })
    }

    fn encrypt_bytes(&self, text: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let failed = |why: &dyn std::fmt::Display| EncryptError(CleanText::new(&why.to_string()));
        // Where the system has none, the library would end the program.
        getrandom::fill(&mut [0]).map_err(|_| failed(&"the system gives no random numbers"))?;
        let recipients = self.keys.iter().map(RecipientKey::recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| failed(&error))?;
        let mut writer = encryptor.wrap_output(Vec::new()).map_err(|error| failed(&error))?;
        writer.write_all(text).map_err(|error| failed(&error))?;
        writer.finish().map_err(|error| failed(&error))
    }
}

fn parse_key(line: &str, place: impl Fn() -> String) -> Result<RecipientKey, RecipientsError> {
    RecipientKey::parse(line)
        .map_err(|why| RecipientsError::InvalidKey { location: CleanText::new(&place()), reason: why })
}
