//! Opening what was sealed, with a private key from a file that somebody names.
//!
//! It opens with age keys and with ssh-ed25519 keys. It never decrypts with an RSA key: how long that takes tells of the
//! key (<https://rustsec.org/advisories/RUSTSEC-2023-0071.html>), and the stock `age` program does it as well. It keeps no
//! key longer than [`Identities`] lives, and shows no PIN.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use crate::config::{FileError, guarded};
use crate::pin::Pin;
use crate::text::Clean;

use super::line::{Context, Line};

/// Far more than a sealed text has.
const MAX_TEXT_BYTES: usize = 1 << 10;

/// Far more than a key file has.
const MAX_KEYS_BYTES: usize = 64 << 10;

/// The most work that a passphrase may cost: 2 to this power, which takes 1 GiB of memory and some seconds. The stock
/// `age` program writes 18.
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

/// No key can be had from the file. Ends the program with [`EXIT_CODE`](crate::config::EXIT_CODE). Repeats nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it cannot be used.
    #[error("key file {path}: {fault}")]
    Fault {
        /// Which file.
        path: Clean,
        /// What is wrong with it.
        fault: KeyFault,
    },
}

/// What is wrong with a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// RSA is for the stock program.
    #[error(
        "pindesk never opens with an RSA key, as that can give the key away. The age program does: `pindesk escrow \
         recipe` prints the command"
    )]
    Rsa,
    /// ecdsa, a security key, a cipher that is not known.
    #[error("nothing was sealed to an SSH key of this kind. {NEEDED}")]
    OtherSsh,
    /// A post-quantum or plugin identity, by its line.
    #[error("line {0}: keys of this kind are for the age program: `pindesk escrow recipe` prints the command")]
    OtherAge(usize),
    /// Mistyped, or no key at all, by its line.
    #[error("line {0}: this is no private key, or it is mistyped or cut short. {NEEDED}")]
    NotAKey(usize),
    /// The public half.
    #[error("this is a public key, and the private key is needed (without .pub)")]
    Public,
    /// Cut short, or another format.
    #[error("this private key cannot be read. {NEEDED}")]
    Unreadable,
    /// Nothing in it.
    #[error("there is no private key in it. {NEEDED}")]
    NoKey,
    /// Nobody gave the passphrase.
    #[error("it is protected by a passphrase, and none was given")]
    NoPassphrase,
    /// Another passphrase was given.
    #[error("this is not its passphrase")]
    WrongPassphrase,
    /// The file asks for more work than is reasonable.
    #[error(
        "its passphrase costs too much work to check. Decrypt it with the age program first: age -d -o NEW.txt FILE"
    )]
    TooMuchWork,
}

const NEEDED: &str = "An age key file or an ssh-ed25519 private key is needed";

/// What a line held.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// Whose PIN it is; the same as the line says in the clear.
    pub context: Context,
    /// The PIN.
    pub pin: Pin,
}

/// A line could not be opened, or is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed to other keys.
    #[error("it was not sealed to this key")]
    NotForThisKey,
    /// Not what was written.
    #[error("what is sealed in it is damaged")]
    Damaged,
    /// Opened, and then no text of ours.
    #[error("what is sealed in it is no PIN of pindesk")]
    NotAPin,
    /// The sealed text is about something else than the line says.
    #[error(
        "the line was altered: it says number {} and change {}, but what is sealed in it is of number {} and change {}. \
         Its PIN is not shown as that number's", said.number, said.change, sealed.number, sealed.change
    )]
    Altered {
        /// What the line says in the clear.
        said: Box<Context>,
        /// What was sealed with the PIN.
        sealed: Box<Context>,
    },
}

impl Identities {
    /// Reads a key file: an age identity file (as `age-keygen` writes it, or protected by a passphrase as `age -p` does)
    /// or an OpenSSH private key. `ask` gets the words to ask for a passphrase with, and gives `None` if nobody answers.
    ///
    /// # Errors
    /// When the file is missing or not its owner's alone, or holds no key that can be used here.
    pub fn read(path: &Path, ask: &dyn Fn(&str) -> Option<SecretString>) -> Result<Self, IdentityError> {
        let name = Clean::new(&guarded::shown(path));
        let bytes = guarded::read_bytes(&guarded::KEY_FILE, path)?;
        let ask = || ask(&format!("Passphrase of {name}: ")).ok_or(KeyFault::NoPassphrase);
        read(&bytes, &ask).map(|keys| Self { keys }).map_err(|fault| IdentityError::Fault { path: name.clone(), fault })
    }

    /// Opens a line.
    ///
    /// # Errors
    /// When it was sealed to other keys, is damaged, or says something else in the clear than in what is sealed.
    pub fn open(&self, line: &Line) -> Result<Opened, OpenError> {
        let decryptor = Decryptor::new_buffered(&line.sealed.0[..]).map_err(|_| OpenError::Damaged)?;
        let keys = self.keys.iter().map(|key| &**key as &dyn age::Identity);
        let reader = decryptor.decrypt(keys).map_err(|error| {
            let is_for_others = matches!(error, DecryptError::NoMatchingKeys);
            if is_for_others { OpenError::NotForThisKey } else { OpenError::Damaged }
        })?;
        // One allocation that is large enough, so that no copy of the PIN stays behind when it grows.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT_BYTES));
        reader.take(MAX_TEXT_BYTES as u64).read_to_end(&mut text).map_err(|_| OpenError::Damaged)?;
        let (context, pin) = Context::read_with_pin(&text).ok_or(OpenError::NotAPin)?;
        if context != line.context() {
            return Err(OpenError::Altered { said: Box::new(line.context()), sealed: Box::new(context) });
        }
        Ok(Opened { context, pin })
    }
}

type Keys = Vec<Box<dyn age::Identity + Send + Sync>>;
type Ask<'a> = &'a dyn Fn() -> Result<SecretString, KeyFault>;

fn read(bytes: &[u8], ask: Ask<'_>) -> Result<Keys, KeyFault> {
    const ENCRYPTED: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];
    if ENCRYPTED.iter().any(|start| bytes.trim_ascii_start().starts_with(start)) {
        return read_age(&decrypt(bytes, ask)?);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyFault::Unreadable)?.trim_start();
    if text.starts_with("-----BEGIN ") { read_ssh(text, ask) } else { read_age(text) }
}

/// The keys of an age identity file.
fn read_age(text: &str) -> Result<Keys, KeyFault> {
    let mut keys: Keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let starts = |start: &str| line.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
        let key: x25519::Identity = line.parse().map_err(|_| match () {
            () if starts("age1") || starts("ssh-") || starts("ecdsa-") || starts("sk-") => KeyFault::Public,
            () if starts("AGE-PLUGIN-") || starts("AGE-SECRET-KEY-PQ-") => KeyFault::OtherAge(number),
            () => KeyFault::NotAKey(number),
        })?;
        keys.push(Box::new(key));
    }
    if keys.is_empty() { Err(KeyFault::NoKey) } else { Ok(keys) }
}

/// The text of an age identity file that is protected by a passphrase.
fn decrypt(bytes: &[u8], ask: Ask<'_>) -> Result<Zeroizing<String>, KeyFault> {
    let decryptor = Decryptor::new(ArmoredReader::new(bytes)).map_err(|_| KeyFault::Unreadable)?;
    if !decryptor.is_scrypt() {
        return Err(KeyFault::Unreadable);
    }
    let mut key = scrypt::Identity::new(ask()?);
    key.set_max_work_factor(MAX_WORK_FACTOR);
    let reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { .. } => KeyFault::TooMuchWork,
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => KeyFault::WrongPassphrase,
        DecryptError::InvalidHeader
        | DecryptError::InvalidMac
        | DecryptError::Io(_)
        | DecryptError::NoMatchingKeys
        | DecryptError::UnknownFormat
        | _ => KeyFault::Unreadable,
    })?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEYS_BYTES));
    let read = reader.take(MAX_KEYS_BYTES as u64).read_to_string(&mut text);
    read.map(|_| text).map_err(|_: io::Error| KeyFault::Unreadable)
}

/// The key of an SSH private key file.
fn read_ssh(text: &str, ask: Ask<'_>) -> Result<Keys, KeyFault> {
    if text.starts_with("-----BEGIN RSA ") {
        return Err(KeyFault::Rsa);
    }
    if text.starts_with("-----BEGIN EC ") || text.starts_with("-----BEGIN DSA ") {
        return Err(KeyFault::OtherSsh);
    }
    let key = ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| KeyFault::Unreadable)?;
    // The public half says what kind of key it is before anybody is asked for a passphrase.
    match ssh::Recipient::try_from(key.clone()) {
        Ok(ssh::Recipient::SshEd25519(..)) => {}
        Ok(ssh::Recipient::SshRsa(..)) | Err(ssh::ParseRecipientKeyError::RsaModulusTooLarge) => {
            return Err(KeyFault::Rsa);
        }
        Err(_) => return Err(KeyFault::OtherSsh),
    }
    let key = match key {
        ssh::Identity::Encrypted(key) => {
            key.decrypt(ask()?).map(ssh::Identity::from).map_err(|_| KeyFault::WrongPassphrase)?
        }
        ssh::Identity::Unencrypted(_) => key,
        ssh::Identity::Unsupported(_) => return Err(KeyFault::OtherSsh),
    };
    Ok(vec![Box::new(key)])
}
