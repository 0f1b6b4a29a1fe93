//! Loads the team's public keys, and encrypts PINs to them.
//!
//! It uses either all keys or none: if it skipped one, a person who expects to have access could not decrypt anything.
//! It never decrypts.

use std::collections::HashSet;
use std::io::Write as _;

use crate::config::EscrowSettings;
use crate::domain::change::Change;
use crate::domain::clock::UtcTime;
use crate::domain::pin::Pin;
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::secure_file::{self, FileError};

use super::entry::{Ciphertext, EscrowEntry, PinContext};
use super::recipient_key::{Fingerprint, RecipientKey, RecipientKeyError};

/// More than any team needs. With this many RSA keys of 4,096 bits, a line stays below 110,000 bytes.
const MAX_RECIPIENTS: usize = 100;

/// The keys that PINs are encrypted to: at least one, all usable.
#[derive(Debug, Clone)]
pub struct Recipients {
    /// In the order of the config and the file, without duplicates.
    keys: Vec<RecipientKey>,
}

/// Why the recipients cannot be used. Never repeats a line, because it may be a private key.
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// The file is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of the file or an entry of the config is not a usable public key.
    #[error("{location}: {reason}. No PIN is encrypted or sent until this is fixed")]
    InvalidKey {
        /// The file and the line, or the entry of the config.
        location: CleanText,
        /// What is wrong with it.
        reason: RecipientKeyError,
    },
    /// The file has only blank lines and comments.
    #[error("recipients file {file}: it contains no key")]
    NoKeys {
        /// The file.
        file: CleanText,
    },
    /// More recipients than one file may have.
    #[error("there are more than {MAX_RECIPIENTS} recipients")]
    TooManyKeys,
}

/// Why a PIN could not be encrypted, so that it must not be sent.
#[derive(Debug, thiserror::Error)]
#[error("the PIN could not be encrypted: {0}")]
pub struct EncryptError(pub CleanText);

impl Recipients {
    /// Loads the recipients of the config and of the recipients file; `None` if neither names any.
    ///
    /// # Errors
    /// If the file cannot be used (unsafe, unreadable, empty), or if any line or entry is not a usable public key.
    pub fn load(settings: &EscrowSettings) -> Result<Option<Self>, RecipientsError> {
        let mut keys = Vec::new();
        for (number, entry) in (1..).zip(&settings.recipients) {
            keys.push(parse_key(entry, || format!("recipients of the config, entry {number}"))?);
        }
        if let Some(path) = &settings.recipients_file {
            let text = secure_file::read_text(&secure_file::RECIPIENTS_FILE, path)?;
            let (file, count_before) = (redacted_path(path), keys.len());
            for (number, line) in (1..).zip(text.lines()) {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with('#') {
                    keys.push(parse_key(line, || format!("recipients file {file}, line {number}"))?);
                }
            }
            if keys.len() == count_before {
                return Err(RecipientsError::NoKeys { file });
            }
        }
        let mut seen = HashSet::new();
        keys.retain(|key: &RecipientKey| seen.insert(key.fingerprint.clone()));
        if keys.len() > MAX_RECIPIENTS {
            return Err(RecipientsError::TooManyKeys);
        }
        Ok((!keys.is_empty()).then_some(Self { keys }))
    }

    /// Checks one entry of the config.
    ///
    /// # Errors
    /// If it is not a usable public key.
    pub fn check_entry(entry: &str) -> Result<(), RecipientKeyError> {
        RecipientKey::parse(entry).map(|_| ())
    }

    /// The fingerprints of the keys, sorted, without duplicates.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let mut fingerprints: Vec<_> = self.keys.iter().map(|key| key.fingerprint.clone()).collect();
        fingerprints.sort_unstable();
        fingerprints
    }

    /// The keys as people see them, in the order they were written: the comment, if any, and the shortened fingerprint.
    #[must_use]
    pub fn labels(&self) -> Vec<CleanText> {
        self.keys.iter().map(RecipientKey::label).collect()
    }

    /// Encrypts the PIN of a change with its context. Takes 0.2 to 2 ms for each key.
    ///
    /// The library keeps the plaintext in its own buffer, and frees it without wiping it.
    ///
    /// # Errors
    /// If the library refuses a key, or the system has no random numbers.
    pub fn encrypt(&self, change: &Change, at: UtcTime) -> Result<EscrowEntry, EncryptError> {
        let context = PinContext::for_change(change, at);
        let ciphertext = Ciphertext(self.encrypt_bytes(&context.plaintext_with(&change.pin))?);
        let job = Some(change.job);
        let PinContext { change, number, waba, at } = context;
        Ok(EscrowEntry { change, number, waba, at, job, ciphertext })
    }

    /// Encrypts the PIN of an entry again, to these keys. The new entry names the same in the clear, so that both are of
    /// one change. Takes as long as [`Self::encrypt`].
    ///
    /// # Errors
    /// The same as [`Self::encrypt`].
    pub fn re_encrypt(&self, entry: &EscrowEntry, pin: &Pin) -> Result<EscrowEntry, EncryptError> {
        let ciphertext = Ciphertext(self.encrypt_bytes(&entry.context().plaintext_with(pin))?);
        Ok(EscrowEntry { ciphertext, ..entry.clone() })
    }

    fn encrypt_bytes(&self, plaintext: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let to_error = |why: &dyn std::fmt::Display| EncryptError(CleanText::new(&why.to_string()));
        // Without random numbers the library would abort the process.
        getrandom::fill(&mut [0]).map_err(|_| to_error(&"the system gives no random numbers"))?;
        let recipients = self.keys.iter().map(RecipientKey::recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| to_error(&error))?;
        let mut writer = encryptor.wrap_output(Vec::new()).map_err(|error| to_error(&error))?;
        writer.write_all(plaintext).map_err(|error| to_error(&error))?;
        writer.finish().map_err(|error| to_error(&error))
    }
}

fn parse_key(line: &str, location: impl Fn() -> String) -> Result<RecipientKey, RecipientsError> {
    RecipientKey::parse(line)
        .map_err(|reason| RecipientsError::InvalidKey { location: CleanText::new(&location()), reason })
}
