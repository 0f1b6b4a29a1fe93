//! Builds the secret parts of a request: the `Authorization` header, the app secret proof, the body with the PIN.
//!
//! pindesk wipes its own memory that holds a secret before it frees it. It cannot wipe the copies in the buffers of the
//! HTTP and TLS layers below. It never writes anything of this module to a log or an error.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hmac::{Hmac, Mac};
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::endpoint::{AppSecret, Credentials};
use crate::domain::clock::UtcTime;
use crate::domain::outcome::ApiError;
use crate::domain::pin::Pin;
use crate::domain::text::CleanText;

/// The credentials, ready to be sent.
pub(super) struct RequestSecrets {
    authorization: HeaderValue,
    proof: Option<Zeroizing<String>>,
    /// Meta asked for proofs with a time.
    signs_time: AtomicBool,
    credentials: Credentials,
}

impl RequestSecrets {
    /// # Errors
    /// If an HTTP header cannot carry the token. [`crate::config::endpoint::AccessToken`] accepts no such token.
    pub(super) fn new(credentials: Credentials) -> Result<Self, InvalidHeaderValue> {
        let token = credentials.token.expose();
        let mut header = Zeroizing::new(Vec::with_capacity("Bearer ".len() + token.len()));
        header.extend_from_slice(b"Bearer ");
        header.extend_from_slice(token.as_bytes());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(header))?;
        authorization.set_sensitive(true);
        let proof = credentials.app_secret.as_ref().map(|secret| appsecret_proof(secret, token.as_bytes()));
        Ok(Self { authorization, proof, signs_time: AtomicBool::new(false), credentials })
    }

    /// The value of the `Authorization` header, marked as sensitive so that its `Debug` output hides it.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    /// The token itself, for the one call whose URL has to name it.
    pub(super) fn token(&self) -> &str {
        self.credentials.token.expose()
    }

    /// The query parameters that prove the app secret; none without one.
    pub(super) fn proof_parameters(&self, now: UtcTime) -> Vec<(&'static str, Zeroizing<String>)> {
        match (&self.credentials.app_secret, &self.proof) {
            (Some(secret), _) if self.signs_time.load(Ordering::Relaxed) => {
                let time = now.unix_seconds().to_string();
                let message = Zeroizing::new(format!("{}|{time}", self.credentials.token.expose()));
                let proof = appsecret_proof(secret, message.as_bytes());
                vec![("appsecret_proof", proof), ("appsecret_time", Zeroizing::new(time))]
            }
            (_, Some(proof)) => vec![("appsecret_proof", proof.clone())],
            (_, None) => Vec::new(),
        }
    }

    /// After a refusal that names the proof: signs the time as well from now on. Returns false if that changes nothing,
    /// so that repeating the call would be useless.
    ///
    /// Source: developers.facebook.com/docs/facebook-login/security.
    pub(super) fn sign_time_after(&self, refusal: &ApiError) -> bool {
        let names_proof = refusal.message.as_str().contains("appsecret_");
        names_proof && self.proof.is_some() && !self.signs_time.swap(true, Ordering::Relaxed)
    }

    /// Masks the token, the proof and the PIN in a text from Graph, and cleans it: Graph repeats what it received
    /// ("Malformed access token EAAJ…").
    pub(super) fn redact(&self, raw: &str, pin: Option<&Pin>) -> CleanText {
        let mut text = raw.replace(self.credentials.token.expose(), "[token]");
        if self.proof.is_some() {
            text = mask_proofs(&text);
        }
        match pin {
            Some(pin) => CleanText::new(&mask_pin(&text, pin)),
            None => CleanText::new(&text),
        }
    }
}

/// Masks each word of 64 hexadecimal digits: a proof with a time is another one for each request.
fn mask_proofs(text: &str) -> String {
    const PROOF_DIGITS: usize = 64;
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let length = rest[start..].find(|c| !is_digit(c)).unwrap_or(rest.len() - start);
        let (before, word) = (&rest[..start], &rest[start..start + length]);
        out.push_str(before);
        out.push_str(if length == PROOF_DIGITS { "[proof]" } else { word });
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

/// Masks the PIN. Six digits inside a longer number, such as an ID, are not a PIN and stay.
fn mask_pin(text: &str, pin: &Pin) -> String {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut copied_to = 0;
    for start in memchr::memmem::find_iter(bytes, pin.expose()) {
        let end = start + pin.expose().len();
        if is_digit(start.checked_sub(1).and_then(|before| bytes.get(before))) || is_digit(bytes.get(end)) {
            continue;
        }
        out.push_str(&text[copied_to..start]);
        out.push_str("[PIN]");
        copied_to = end;
    }
    out.push_str(&text[copied_to..]);
    out
}

/// `{"pin":"…"}` and nothing else, because other keys at this address change other things. The function writes the body
/// directly to the heap, so that no copy remains on the stack. Dropping the last owner wipes it.
///
/// Source:
/// developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub(super) fn set_pin_body(pin: &Pin) -> Bytes {
    const BEFORE: &[u8] = br#"{"pin":""#;
    const AFTER: &[u8] = br#""}"#;
    let mut body = Zeroizing::new(Vec::with_capacity(BEFORE.len() + pin.expose().len() + AFTER.len()));
    body.extend_from_slice(BEFORE);
    body.extend_from_slice(pin.expose());
    body.extend_from_slice(AFTER);
    Bytes::from_owner(body)
}

/// Lower-case hex of HMAC-SHA256 with the app secret as key and the token, with or without a time, as message.
///
/// Source: developers.facebook.com/docs/graph-api/guides/secure-requests.
fn appsecret_proof(secret: &AppSecret, message: &[u8]) -> Zeroizing<String> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // HMAC accepts keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return Zeroizing::default();
    };
    mac.update(message);
    let digest = mac.finalize().into_bytes();
    let mut hex = Zeroizing::new(String::with_capacity(digest.len() * 2));
    for byte in digest {
        hex.push(char::from(HEX[usize::from(byte >> 4)]));
        hex.push(char::from(HEX[usize::from(byte & 0xf)]));
    }
    hex
}

#[cfg(test)]
mod tests {
    use crate::config::endpoint::AccessToken;

    use super::*;

    fn secrets() -> RequestSecrets {
        RequestSecrets::new(Credentials {
            token: AccessToken::parse("EAAJBfaketoken").expect("a token"),
            app_secret: Some(AppSecret::parse("secret").expect("a secret")),
        })
        .expect("a header can carry it")
    }

    #[test]
    fn the_proof_equals_that_of_other_clients() {
        let (secrets, now) = (secrets(), UtcTime::from_unix_seconds(1_700_000_000));
        let parameters = || -> Vec<(&str, String)> {
            secrets.proof_parameters(now).into_iter().map(|(name, value)| (name, String::clone(&value))).collect()
        };
        let plain = "69c1a75a246cc43d5a292b286dc00b61af871ba1f05b2b8413f5fe9c55e36a3e".to_owned();
        assert_eq!(parameters(), [("appsecret_proof", plain)]);
        secrets.signs_time.store(true, Ordering::Relaxed);
        let timed = "ed9456d907a2858ce3223c32396475b488e1aed5d0852cd7c739f090e7cb664f".to_owned();
        assert_eq!(parameters(), [("appsecret_proof", timed), ("appsecret_time", "1700000000".to_owned())]);
    }

    #[test]
    fn the_body_contains_only_the_pin() {
        let pin = Pin::parse(b"012345").expect("a PIN");
        assert_eq!(&set_pin_body(&pin)[..], br#"{"pin":"012345"}"#);
    }

    #[test]
    fn debug_output_hides_the_header() {
        assert_eq!(format!("{:?}", secrets().authorization()), "Sensitive");
    }

    #[test]
    fn echoed_secrets_are_masked_and_ids_stay() {
        let pin = Pin::parse(b"409726").expect("a PIN");
        let raw = "token EAAJBfaketoken, pin '409726', 409726409726, id 1409726, proof \
                   69c1a75a246cc43d5a292b286dc00b61af871ba1f05b2b8413f5fe9c55e36a3e, é409726";
        assert_eq!(
            secrets().redact(raw, Some(&pin)).as_str(),
            "token [token], pin '[PIN]', 409726409726, id 1409726, proof [proof], é[PIN]"
        );
        assert_eq!(secrets().redact("409726", None).as_str(), "409726");
    }
}
