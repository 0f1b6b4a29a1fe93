//! Decrypts PINs with a private key from a file that the operator names.
//!
//! It accepts age keys and ssh-ed25519 keys. It never decrypts with an RSA key, because the timing leaks the key
//! (<https://rustsec.org/advisories/RUSTSEC-2023-0071.html>); the stock `age` program does. It keeps no key longer than
//! [`Identities`] lives, and never shows a PIN.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use crate::domain::pin::Pin;
use crate::domain::redact::redacted_path;
use crate::domain::text::CleanText;
use crate::domain::text_problem;
use crate::secure_file::{self, FileError};

use super::entry::{EscrowEntry, PinContext};

/// The most bytes that are read of a plaintext, which is far shorter.
const MAX_PLAINTEXT_BYTES: usize = 1 << 10;

/// The most bytes that are read of a key file, which is far shorter.
const MAX_KEY_FILE_BYTES: usize = 64 << 10;

/// The maximum work factor of a passphrase, as a power of 2. It takes 1 GiB of memory and some seconds. The stock `age`
/// program writes 18.
const MAX_WORK_FACTOR: u8 = 20;

/// The private keys of one file.
pub struct Identities {
    keys: Vec<Box<dyn age::Identity + Send + Sync>>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({} redacted)", self.keys.len())
    }
}

/// Why a key file cannot be used. No message repeats any of its content.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content cannot be used.
    #[error("key file {path}: {problem}")]
    InvalidKeyFile {
        /// The file.
        path: CleanText,
        /// What is wrong with it.
        problem: KeyFileProblem,
    },
}

/// What is wrong with a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileProblem {
    /// An RSA key: pindesk does not decrypt with it.
    #[error(
        "pindesk does not decrypt with RSA keys, because its timing could leak the key. Use the age program: `pindesk \
         escrow recipe` prints the command"
    )]
    Rsa,
    /// An ecdsa key, a security key, or an unknown cipher.
    #[error("no PIN can be encrypted to an SSH key of this type. {SUPPORTED_KEY_FILES}")]
    UnsupportedSsh,
    /// A post-quantum or plugin identity, with its line number from 1.
    #[error("line {0}: only the age program can use this type of key: `pindesk escrow recipe` prints the command")]
    UnsupportedAge(usize),
    /// Mistyped, or not a key, with its line number from 1.
    #[error("line {0}: this is not a private key, or it is mistyped or truncated. {SUPPORTED_KEY_FILES}")]
    MalformedLine(usize),
    /// The public half of a key pair.
    #[error("this is a public key. Give the private key (without .pub)")]
    PublicKey,
    /// Truncated, or in another format.
    #[error("this private key cannot be read. {SUPPORTED_KEY_FILES}")]
    Unreadable,
    /// No line holds a key.
    #[error("it contains no private key. {SUPPORTED_KEY_FILES}")]
    NoKey,
    /// The operator gave no passphrase.
    #[error("it is protected by a passphrase, and none was given")]
    NoPassphrase,
    /// The passphrase is wrong.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The file asks for more work than is reasonable.
    #[error("checking its passphrase takes too much work. Decrypt the file with age first: age -d -o NEW.txt FILE")]
    ExcessiveWork,
}

const SUPPORTED_KEY_FILES: &str = "Use an age key file or an ssh-ed25519 private key";

/// A decrypted entry.
#[derive(Debug, PartialEq, Eq)]
pub struct DecryptedPin {
    /// The number and change of the PIN. The entry names the same in the clear.
    pub context: PinContext,
    /// The PIN that was encrypted.
    pub pin: Pin,
}

/// Why an entry cannot be decrypted, or must not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptPinError {
    /// Encrypted to other keys.
    #[error("this key cannot open it")]
    NoMatchingKey,
    /// The ciphertext was changed or truncated.
    #[error("its encrypted content is damaged")]
    Damaged,
    /// Decrypted, but not in our format.
    #[error("its decrypted content is not a PIN of pindesk")]
    InvalidPlaintext,
    /// The plaintext names another number or change than the line.
    #[error(
        "the line was altered: it names number {} and change {}, but its encrypted content names number {} and change \
         {}. Its PIN is not shown", claimed.number, claimed.change, encrypted.number, encrypted.change
    )]
    ContextMismatch {
        /// What the line claims in the clear.
        claimed: Box<PinContext>,
        /// What was encrypted with the PIN.
        encrypted: Box<PinContext>,
    },
}

impl Identities {
    /// Reads a key file: an age identity file (as `age-keygen` writes it, or protected by a passphrase as `age -p`
    /// does) or an OpenSSH private key. `ask` prompts for a passphrase, and returns `None` if the operator gives none.
    ///
    /// # Errors
    /// If the file is missing, others can read it, or it holds no usable key.
    pub fn read(path: &Path, ask: &dyn Fn(&str) -> Option<SecretString>) -> Result<Self, IdentityError> {
        let bytes = secure_file::read_bytes(&secure_file::KEY_FILE, path)?;
        Self::parse(&bytes, &redacted_path(path), ask)
    }

    /// Parses the content of a key file, as [`Identities::read`] does. `name` is where it is from, for messages.
    ///
    /// # Errors
    /// If it holds no usable key.
    pub fn parse(
        bytes: &[u8],
        name: &CleanText,
        ask: &dyn Fn(&str) -> Option<SecretString>,
    ) -> Result<Self, IdentityError> {
        let ask_passphrase = || ask(&format!("Passphrase of {name}: ")).ok_or(KeyFileProblem::NoPassphrase);
        parse_identities(text_problem::without_bom(bytes), &ask_passphrase)
            .map(|keys| Self { keys })
            .map_err(|problem| IdentityError::InvalidKeyFile { path: name.clone(), problem })
    }

    /// Decrypts an entry.
    ///
    /// # Errors
    /// If it was encrypted to other keys, is damaged, or names something else in the clear than in its plaintext.
    pub fn decrypt(&self, entry: &EscrowEntry) -> Result<DecryptedPin, DecryptPinError> {
        let decryptor = Decryptor::new_buffered(&entry.ciphertext.0[..]).map_err(|_| DecryptPinError::Damaged)?;
        let keys = self.keys.iter().map(|key| &**key as &dyn age::Identity);
        let reader = decryptor.decrypt(keys).map_err(|error| {
            let is_for_others = matches!(error, DecryptError::NoMatchingKeys);
            if is_for_others { DecryptPinError::NoMatchingKey } else { DecryptPinError::Damaged }
        })?;
        // One allocation that is large enough: a buffer that grows would leave a copy of the PIN.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(MAX_PLAINTEXT_BYTES));
        reader.take(MAX_PLAINTEXT_BYTES as u64).read_to_end(&mut plaintext).map_err(|_| DecryptPinError::Damaged)?;
        let (context, pin) = PinContext::parse_plaintext(&plaintext).ok_or(DecryptPinError::InvalidPlaintext)?;
        if context != entry.context() {
            return Err(DecryptPinError::ContextMismatch {
                claimed: Box::new(entry.context()),
                encrypted: Box::new(context),
            });
        }
        Ok(DecryptedPin { context, pin })
    }
}

type BoxedIdentities = Vec<Box<dyn age::Identity + Send + Sync>>;
type AskPassphrase<'a> = &'a dyn Fn() -> Result<SecretString, KeyFileProblem>;

fn parse_identities(bytes: &[u8], ask_passphrase: AskPassphrase<'_>) -> Result<BoxedIdentities, KeyFileProblem> {
    const ENCRYPTED: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];
    if ENCRYPTED.iter().any(|start| bytes.trim_ascii_start().starts_with(start)) {
        return parse_age_identities(&decrypt_identity_file(bytes, ask_passphrase)?);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyFileProblem::Unreadable)?.trim_start();
    if text.starts_with("-----BEGIN ") { parse_ssh_identity(text, ask_passphrase) } else { parse_age_identities(text) }
}

/// Parses the keys of an age identity file.
fn parse_age_identities(text: &str) -> Result<BoxedIdentities, KeyFileProblem> {
    let mut keys: BoxedIdentities = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let starts = |prefix: &str| line.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        let key: x25519::Identity = line.parse().map_err(|_| match () {
            () if starts("age1") || starts("ssh-") || starts("ecdsa-") || starts("sk-") => KeyFileProblem::PublicKey,
            () if starts("AGE-PLUGIN-") || starts("AGE-SECRET-KEY-PQ-") => KeyFileProblem::UnsupportedAge(number),
            () => KeyFileProblem::MalformedLine(number),
        })?;
        keys.push(Box::new(key));
    }
    if keys.is_empty() { Err(KeyFileProblem::NoKey) } else { Ok(keys) }
}

/// Decrypts an age identity file that is protected by a passphrase.
fn decrypt_identity_file(bytes: &[u8], ask_passphrase: AskPassphrase<'_>) -> Result<Zeroizing<String>, KeyFileProblem> {
    let decryptor = Decryptor::new(ArmoredReader::new(bytes)).map_err(|_| KeyFileProblem::Unreadable)?;
    if !decryptor.is_scrypt() {
        return Err(KeyFileProblem::Unreadable);
    }
    let mut key = scrypt::Identity::new(ask_passphrase()?);
    key.set_max_work_factor(MAX_WORK_FACTOR);
    let reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { .. } => KeyFileProblem::ExcessiveWork,
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => KeyFileProblem::WrongPassphrase,
        DecryptError::InvalidHeader
        | DecryptError::InvalidMac
        | DecryptError::Io(_)
        | DecryptError::NoMatchingKeys
        | DecryptError::UnknownFormat
        | _ => KeyFileProblem::Unreadable,
    })?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_BYTES));
    let result = reader.take(MAX_KEY_FILE_BYTES as u64).read_to_string(&mut text);
    result.map(|_| text).map_err(|_: io::Error| KeyFileProblem::Unreadable)
}

/// Parses the key of an SSH private key file.
fn parse_ssh_identity(text: &str, ask_passphrase: AskPassphrase<'_>) -> Result<BoxedIdentities, KeyFileProblem> {
    if text.starts_with("-----BEGIN RSA ") {
        return Err(KeyFileProblem::Rsa);
    }
    if text.starts_with("-----BEGIN EC ") || text.starts_with("-----BEGIN DSA ") {
        return Err(KeyFileProblem::UnsupportedSsh);
    }
    let key = ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| KeyFileProblem::Unreadable)?;
    // The public half tells the type of the key before the operator has to type a passphrase.
    match ssh::Recipient::try_from(key.clone()) {
        Ok(ssh::Recipient::SshEd25519(..)) => {}
        Ok(ssh::Recipient::SshRsa(..)) | Err(ssh::ParseRecipientKeyError::RsaModulusTooLarge) => {
            return Err(KeyFileProblem::Rsa);
        }
        Err(_) => return Err(KeyFileProblem::UnsupportedSsh),
    }
    let key = match key {
        ssh::Identity::Encrypted(key) => {
            key.decrypt(ask_passphrase()?).map(ssh::Identity::from).map_err(|_| KeyFileProblem::WrongPassphrase)?
        }
        ssh::Identity::Unencrypted(_) => key,
        ssh::Identity::Unsupported(_) => return Err(KeyFileProblem::UnsupportedSsh),
    };
    Ok(vec![Box::new(key)])
}
