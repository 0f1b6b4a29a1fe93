//! The team's keys, and encryption to them.
//!
//! All keys are used or none: if one were skipped, a person who believes to hold a key could not decrypt anything. It
//! decrypts nothing.

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

/// More than any team has. With this many RSA keys of 4,096 bits, a line stays below 110,000 bytes.
const MAX_RECIPIENTS: usize = 100;

/// The keys that PINs are encrypted to: at least one, all usable.
#[derive(Debug, Clone)]
pub struct Recipients {
    /// In the order they were written, each once.
    keys: Vec<RecipientKey>,
}

/// The recipients cannot be used, so none is. Never repeats a line, because it may be a private key.
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// The file is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of the file or an entry of the config is not a usable public key.
    #[error("{location}: {reason}. Until that is mended no recipient is used, and nothing is sealed")]
    InvalidKey {
        /// The file and the line, or the entry of the config.
        location: CleanText,
        /// What is wrong with it.
        reason: RecipientKeyError,
    },
    /// The file has only blank lines and comments.
    #[error("recipients file {file}: it names no key")]
    NoKeys {
        /// The file.
        file: CleanText,
    },
    /// More than [`MAX_RECIPIENTS`].
    #[error("there are more than {MAX_RECIPIENTS} recipients")]
    TooManyKeys,
}

/// Encryption failed, so nothing may be sent.
#[derive(Debug, thiserror::Error)]
#[error("the PIN could not be sealed: {0}")]
pub struct EncryptError(pub CleanText);

impl Recipients {
    /// Loads the recipients of the config and of the recipients file; `None` if neither names any.
    ///
    /// # Errors
    /// When the file cannot be used (unsafe, unreadable, empty), or one line of either is not a usable public key: then
    /// none is used.
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

    /// Each key for people, in the order they were written: its comment, if any, and its shortened fingerprint.
    #[must_use]
    pub fn labels(&self) -> Vec<CleanText> {
        self.keys.iter().map(RecipientKey::label).collect()
    }

    /// Encrypts the PIN of a change with its context. Takes 0.2 to 2 ms for each key.
    ///
    /// The library keeps the plaintext in a buffer of its own, which it frees without wiping it.
    ///
    /// # Errors
    /// When a key is not accepted, or the system has no random numbers.
    pub fn encrypt(&self, of: &Change, at: UtcTime) -> Result<EscrowEntry, EncryptError> {
        let context = PinContext::for_change(of, at);
        let sealed = self.encrypt_bytes(&context.plaintext_with(&of.pin))?;
        let PinContext { change, number, waba, at } = context;
        Ok(EscrowEntry { change, number, waba, at, job: Some(of.job), ciphertext: Ciphertext(sealed) })
    }

    fn encrypt_bytes(&self, text: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let failed = |why: &dyn std::fmt::Display| EncryptError(CleanText::new(&why.to_string()));
        // Without random numbers the library would abort the process.
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
