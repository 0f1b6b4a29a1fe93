//! Parses a public key that PINs are encrypted to, from a line that an operator wrote.
//!
//! It accepts a key only if the stock `age` program can decrypt what is encrypted to it. No message repeats a refused
//! line, because it may be a private key.

use std::fmt;

use age::ssh::ParseRecipientKeyError;
use age::{ssh, x25519};
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};

use crate::domain::text::{CleanText, truncate};
use crate::domain::text_problem::TextProblem;

/// The maximum width of a comment: it names the key, and shares its row with the fingerprint.
const MAX_COMMENT_COLUMNS: usize = 40;

/// Keys that look valid but protect nothing: anyone can decrypt what is encrypted to them. The age library panics if it
/// encrypts to one. Source: <https://cr.yp.to/ecdh.html#validate>, and each with the ignored bit.
const SMALL_ORDER_KEYS: [&str; 14] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhzqqxqejhu",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz8ts72fzt7",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1anllllllllllllllllllllllllllllllllllllllllllllllllls3hcv9z",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllllsh3g6la",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllllsam3fc4",
];

/// Identifies a public key: an age key as `age1…`, an SSH key by its type and `SHA256:…`, as ssh-keygen prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(CleanText);

impl Fingerprint {
    /// Wraps a fingerprint that was stored as text. Does not check its format.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(CleanText::new(text))
    }

    /// The fingerprint as text, in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn from_ssh_blob(kind: &str, blob: &[u8]) -> Self {
        Self::new(&format!("{kind} SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob))))
    }

    /// The start and the end, enough to distinguish the keys of a team. Compare keys by the full fingerprint.
    fn abbreviated(&self) -> String {
        const HEAD: usize = 26;
        const TAIL: usize = 6;
        let text = self.as_str();
        match (text.get(..HEAD), text.len().checked_sub(TAIL).and_then(|from| text.get(from..))) {
            (Some(head), Some(tail)) if text.len() > HEAD + TAIL => format!("{head}…{tail}"),
            _ => text.to_owned(),
        }
    }
}

/// Why a line is not a usable public key. Never repeats the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientKeyError {
    /// An entry of the config without text.
    #[error("it is empty")]
    Empty,
    /// A private key, which must stay with its owner.
    #[error(
        "this is a private key, but a public key belongs here. Consider it leaked: anyone who could read it can \
         decrypt what is encrypted to it. Remove it, create a new key, and stop using this one"
    )]
    PrivateKey,
    /// `age1…`, mistyped or truncated.
    #[error("this age key is mistyped or truncated: its checksum is wrong")]
    BadChecksum,
    /// `age1pq1…` and similar keys.
    #[error(
        "post-quantum age keys are not supported, because the age program of most systems cannot use them yet. \
         {SUPPORTED_KEYS}"
    )]
    PostQuantum,
    /// `age1yubikey1…` and similar keys.
    #[error("keys of age plugins are not supported. {SUPPORTED_KEYS}")]
    Plugin,
    /// `ecdsa-sha2-…`
    #[error("ecdsa keys can only sign, so no PIN can be encrypted to them. {SUPPORTED_KEYS}")]
    Ecdsa,
    /// `sk-ssh-ed25519@openssh.com` and `sk-ecdsa-…`
    #[error("SSH keys on a security key (sk-…) can only sign, so no PIN can be encrypted to them. {SUPPORTED_KEYS}")]
    SecurityKey,
    /// `ssh-dss`
    #[error("ssh-dss keys can only sign, so no PIN can be encrypted to them. {SUPPORTED_KEYS}")]
    Dsa,
    /// An SSH certificate, which holds more than a key.
    #[error("this is an SSH certificate. Give the public key that it certifies")]
    Certificate,
    /// Fewer than 2,048 bits.
    #[error("this RSA key has fewer than 2048 bits, which is too weak. {SUPPORTED_KEYS}")]
    RsaTooSmall,
    /// More than 4,096 bits.
    #[error("this RSA key has more than 4096 bits, which is not supported. {SUPPORTED_KEYS}")]
    RsaTooLarge,
    /// The type of an SSH key, but no valid key after it.
    #[error("this SSH key is mistyped or truncated")]
    MalformedSsh,
    /// Options or a host before the key, as in `authorized_keys` and `known_hosts`.
    #[error(
        "there is text before the SSH key (options or a host, as in authorized_keys or known_hosts). Start the line \
         with the type of the key"
    )]
    TextBeforeKey,
    /// A point of small order.
    #[error("this key protects nothing: anyone could decrypt what is encrypted to it")]
    SmallOrderPoint,
    /// More than one key. The parser would take the second key for a comment.
    #[error("it contains more than one key. Put each key on its own line, or in its own entry")]
    MultipleKeys,
    /// A PEM file, whose lines are not keys.
    #[error("this is a PEM file. Give an SSH public key on one line, as `ssh-keygen -i` and `ssh-keygen -y` print it")]
    Pem,
    /// The key is wrapped into something else.
    #[error(transparent)]
    Wrapped(TextProblem),
    /// An unknown format.
    #[error("this is not a public key that PINs can be encrypted to. {SUPPORTED_KEYS}")]
    UnknownFormat,
}

const SUPPORTED_KEYS: &str = "Use an age key (age1…), or an ssh-ed25519 or ssh-rsa key";

/// A public key, its fingerprint, and its comment.
#[derive(Clone)]
pub(super) struct RecipientKey {
    public: PublicKey,
    pub(super) fingerprint: Fingerprint,
    comment: Option<CleanText>,
}

#[derive(Clone)]
enum PublicKey {
    X25519(x25519::Recipient),
    Ssh(Box<ssh::Recipient>),
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fingerprint.as_str())
    }
}

impl RecipientKey {
    /// Parses one line: a key, and an optional comment after it.
    pub(super) fn parse(line: &str) -> Result<Self, RecipientKeyError> {
        let line = line.trim();
        Self::parse_line(line).map_err(|error| {
            let problem = if error == RecipientKeyError::UnknownFormat {
                TextProblem::of_word(line)
            } else if matches!(error, RecipientKeyError::BadChecksum | RecipientKeyError::MalformedSsh) {
                TextProblem::invisible_in(line)
            } else {
                None
            };
            problem.map_or(error, RecipientKeyError::Wrapped)
        })
    }

    fn parse_line(line: &str) -> Result<Self, RecipientKeyError> {
        if contains_private_key(line) {
            return Err(RecipientKeyError::PrivateKey);
        }
        // An operator who wrote a second key meant that it can decrypt the PINs, too.
        let keys = line.split_whitespace().filter(|word| detect_kind(word.trim_start_matches('#')).is_some());
        if keys.count() > 1 {
            return Err(RecipientKeyError::MultipleKeys);
        }
        let (word, rest) = split_word(line);
        match detect_kind(word) {
            Some(KeyKind::Age) => parse_age_key(word, parse_comment(rest.trim_start_matches('#'))),
            Some(KeyKind::Ed25519 | KeyKind::Rsa) => {
                let (blob, rest) = split_word(rest);
                parse_ssh_key(word, blob, parse_comment(rest))
            }
            Some(KeyKind::Unsupported(why)) => Err(why),
            None if line.is_empty() => Err(RecipientKeyError::Empty),
            None if line.starts_with("---") => Err(RecipientKeyError::Pem),
            None if line.split_whitespace().any(|word| detect_kind(word).is_some_and(|kind| kind.is_ssh())) => {
                Err(RecipientKeyError::TextBeforeKey)
            }
            None => Err(RecipientKeyError::UnknownFormat),
        }
    }

    /// The key as people see it: its comment, if any, and its shortened fingerprint.
    pub(super) fn label(&self) -> CleanText {
        let short = self.fingerprint.abbreviated();
        CleanText::new(&self.comment.as_ref().map_or(short.clone(), |comment| format!("{comment} ({short})")))
    }

    /// The key to encrypt to.
    pub(super) fn recipient(&self) -> &dyn age::Recipient {
        match &self.public {
            PublicKey::X25519(key) => key,
            PublicKey::Ssh(key) => &**key,
        }
    }
}

/// What the first word of a line tells about the rest.
enum KeyKind {
    Age,
    Ed25519,
    Rsa,
    Unsupported(RecipientKeyError),
}

impl KeyKind {
    const fn is_ssh(&self) -> bool {
        match self {
            Self::Ed25519 | Self::Rsa => true,
            Self::Unsupported(why) => {
                matches!(
                    why,
                    RecipientKeyError::Certificate
                        | RecipientKeyError::SecurityKey
                        | RecipientKeyError::Ecdsa
                        | RecipientKeyError::Dsa
                )
            }
            Self::Age => false,
        }
    }
}

fn detect_kind(word: &str) -> Option<KeyKind> {
    let is_age = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("age1"));
    match word {
        "ssh-ed25519" => Some(KeyKind::Ed25519),
        "ssh-rsa" => Some(KeyKind::Rsa),
        "ssh-dss" => Some(KeyKind::Unsupported(RecipientKeyError::Dsa)),
        _ if is_age => Some(KeyKind::Age),
        _ if word.contains("-cert-v01@") => Some(KeyKind::Unsupported(RecipientKeyError::Certificate)),
        _ if word.starts_with("sk-") => Some(KeyKind::Unsupported(RecipientKeyError::SecurityKey)),
        _ if word.starts_with("ecdsa-") => Some(KeyKind::Unsupported(RecipientKeyError::Ecdsa)),
        _ => None,
    }
}

/// Finds a private key anywhere in the line: after a name, in quotes, or in the middle of a file.
fn contains_private_key(line: &str) -> bool {
    const MARKERS: [&str; 4] = [
        "AGE-SECRET-KEY-",
        "AGE-PLUGIN-",
        "PRIVATE KEY",
        // The first bytes of an OpenSSH private key.
        "B3BLBNNZAC1RZXKTDJ",
    ];
    let line = line.to_ascii_uppercase();
    MARKERS.iter().any(|marker| line.contains(marker))
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn parse_comment(text: &str) -> Option<CleanText> {
    let text = CleanText::new(text.trim());
    (!text.as_str().is_empty()).then(|| CleanText::new(&truncate(text.as_str(), MAX_COMMENT_COLUMNS)))
}

fn parse_age_key(word: &str, comment: Option<CleanText>) -> Result<RecipientKey, RecipientKeyError> {
    let key: x25519::Recipient = word.parse().map_err(|_| {
        // The last `1` ends the prefix that names the type of the key.
        let prefix = word.rsplit_once('1').map_or(word, |(prefix, _)| prefix).to_ascii_lowercase();
        match prefix.strip_prefix("age1") {
            Some("pq" | "tagpq") => RecipientKeyError::PostQuantum,
            Some(_) => RecipientKeyError::Plugin,
            None => RecipientKeyError::BadChecksum,
        }
    })?;
    let text = key.to_string();
    if SMALL_ORDER_KEYS.contains(&text.as_str()) {
        return Err(RecipientKeyError::SmallOrderPoint);
    }
    Ok(RecipientKey { public: PublicKey::X25519(key), fingerprint: Fingerprint::new(&text), comment })
}

fn parse_ssh_key(kind: &str, base64: &str, comment: Option<CleanText>) -> Result<RecipientKey, RecipientKeyError> {
    let blob = BASE64_STANDARD.decode(base64).map_err(|_| RecipientKeyError::MalformedSsh)?;
    let key: ssh::Recipient = format!("{kind} {base64}").parse().map_err(|error| match error {
        ParseRecipientKeyError::RsaModulusTooSmall => RecipientKeyError::RsaTooSmall,
        ParseRecipientKeyError::RsaModulusTooLarge => RecipientKeyError::RsaTooLarge,
        ParseRecipientKeyError::Ignore
        | ParseRecipientKeyError::Invalid(_)
        | ParseRecipientKeyError::Unsupported(_)
        | _ => RecipientKeyError::MalformedSsh,
    })?;
    // The library ignores bytes after the key. They would change the name of the key in the ciphertext, so that the
    // private key could not decrypt it.
    let field_count = match &key {
        ssh::Recipient::SshEd25519(_, point) if point.is_small_order() => {
            return Err(RecipientKeyError::SmallOrderPoint);
        }
        ssh::Recipient::SshEd25519(..) => 2,
        ssh::Recipient::SshRsa(..) => 3,
    };
    if !has_exactly_fields(&blob, field_count) {
        return Err(RecipientKeyError::MalformedSsh);
    }
    Ok(RecipientKey {
        public: PublicKey::Ssh(Box::new(key)),
        fingerprint: Fingerprint::from_ssh_blob(kind, &blob),
        comment,
    })
}

/// True if the bytes are exactly this many length-prefixed fields.
fn has_exactly_fields(mut blob: &[u8], count: usize) -> bool {
    for _ in 0..count {
        let Some((len, rest)) = blob.split_first_chunk::<4>() else { return false };
        let len = u32::from_be_bytes(*len);
        let Some(rest) = usize::try_from(len).ok().and_then(|len| rest.get(len..)) else { return false };
        blob = rest;
    }
    blob.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_protects_nothing_is_always_refused() {
        for text in SMALL_ORDER_KEYS {
            let key: x25519::Recipient = text.parse().expect("a well-formed key");
            assert_eq!(key.to_string(), text);
            // The library panics on such a key, so it must never receive one.
            let result = std::panic::catch_unwind(|| age::encrypt(&key, b"text"));
            assert!(result.is_err(), "the library accepts {text}");
            assert_eq!(RecipientKey::parse(text).err(), Some(RecipientKeyError::SmallOrderPoint));
            assert_eq!(RecipientKey::parse(&text.to_uppercase()).err(), Some(RecipientKeyError::SmallOrderPoint));
        }
    }
}
