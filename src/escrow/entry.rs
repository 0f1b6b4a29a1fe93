//! Defines one line of the escrow file, and the plaintext that is encrypted in it.
//!
//! Both name the number and the change, and no one can alter the plaintext without a key. Only the line names the job,
//! which does not concern the PIN. The parser refuses every text that does not match exactly, and never guesses.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::domain::change::{Change, ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::pin::Pin;

/// The version of both formats, the line and the plaintext.
const FORMAT_VERSION: u8 = 1;

/// Capacity for the longest plaintext (209 bytes): a buffer that grows would leave a copy of the PIN.
const PLAINTEXT_CAPACITY: usize = 256;

/// A PIN with its context, encrypted: a binary age file.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext(pub Vec<u8>);

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({} bytes)", self.0.len())
    }
}

/// One line of the escrow file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowEntry {
    /// The change of the PIN.
    pub change: ChangeId,
    /// The number of the PIN.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// When it was encrypted.
    pub at: UtcTime,
    /// The job of the change, in case the journal is lost before it has the change; `None` in older lines.
    pub job: Option<JobId>,
    /// The encrypted PIN.
    pub ciphertext: Ciphertext,
}

/// What a line names with its PIN, in the clear and again in the plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinContext {
    /// The change of the PIN.
    pub change: ChangeId,
    /// The number of the PIN.
    pub number: PhoneNumberId,
    /// The WABA that listed the number.
    pub waba: Option<WabaId>,
    /// When it was encrypted.
    pub at: UtcTime,
}

/// Either text while it is parsed. The PIN borrows from the input, because a copy would have to be wiped as well.
#[derive(Deserialize)]
struct EntryJson<'a> {
    v: u8,
    #[serde(borrow)]
    change: Cow<'a, str>,
    #[serde(borrow)]
    phone_number_id: Cow<'a, str>,
    waba_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    at: Cow<'a, str>,
    job: Option<u32>,
    sealed: Option<Cow<'a, str>>,
    pin: Option<&'a str>,
}

impl EscrowEntry {
    /// What the line names in the clear.
    #[must_use]
    pub const fn context(&self) -> PinContext {
        PinContext { change: self.change, number: self.number, waba: self.waba, at: self.at }
    }

    /// Parses a line of the file, with or without its line end; `None` if it is not one.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let json: EntryJson<'_> = serde_json::from_slice(text).ok()?;
        let PinContext { change, number, waba, at } = json.context()?;
        let ciphertext = Ciphertext(BASE64_STANDARD.decode(json.sealed?.as_bytes()).ok()?);
        Some(Self { change, number, waba, at, job: json.job.map(JobId::new), ciphertext })
    }

    /// Appends the line, with its line end.
    pub(super) fn write_json_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.context().json_prefix().as_bytes());
        if let Some(job) = self.job {
            out.extend_from_slice(format!(",\"job\":{job}").as_bytes());
        }
        out.extend_from_slice(b",\"sealed\":\"");
        out.extend_from_slice(BASE64_STANDARD.encode(&self.ciphertext.0).as_bytes());
        out.extend_from_slice(b"\"}\n");
    }
}

impl PinContext {
    pub(super) const fn for_change(change: &Change, at: UtcTime) -> Self {
        Self { change: change.id, number: change.number, waba: change.waba, at }
    }

    /// The object up to the ciphertext or the PIN. It needs no escapes: it contains digits, a UUID and a time.
    fn json_prefix(&self) -> String {
        let Self { change, number, waba, at } = self;
        let mut text = format!(r#"{{"v":{FORMAT_VERSION},"change":"{change}","phone_number_id":"{number}","waba_id":"#);
        // Writing to a String cannot fail.
        match waba {
            Some(waba) => write!(text, r#""{waba}""#),
            None => write!(text, "null"),
        }
        .unwrap_or_default();
        write!(text, r#","at":"{}""#, at.to_rfc3339()).unwrap_or_default();
        text
    }

    /// The plaintext to encrypt.
    pub(super) fn plaintext_with(&self, pin: &Pin) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(Vec::with_capacity(PLAINTEXT_CAPACITY));
        text.extend_from_slice(self.json_prefix().as_bytes());
        text.extend_from_slice(b",\"pin\":\"");
        text.extend_from_slice(pin.expose());
        text.extend_from_slice(b"\"}");
        text
    }

    /// Parses a plaintext; `None` if it is not one.
    pub(super) fn parse_plaintext(text: &[u8]) -> Option<(Self, Pin)> {
        // The parser's error may repeat the PIN, so it is dropped here.
        let json: EntryJson<'_> = serde_json::from_slice(text).ok()?;
        Some((json.context()?, Pin::parse(json.pin?.as_bytes()).ok()?))
    }
}

impl EntryJson<'_> {
    fn context(&self) -> Option<PinContext> {
        if self.v != FORMAT_VERSION {
            return None;
        }
        let waba = self.waba_id.as_deref().map(str::parse).transpose().ok()?;
        Some(PinContext {
            change: self.change.parse().ok()?,
            number: self.phone_number_id.parse().ok()?,
            waba,
            at: UtcTime::from_rfc3339(&self.at)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context() -> impl Strategy<Value = PinContext> {
        (any::<[u8; 16]>(), "[0-9]{1,23}", proptest::option::of("[0-9]{1,23}"), any::<u32>()).prop_map(
            |(change, number, waba, at)| PinContext {
                change: uuid::Uuid::from_bytes(change).to_string().parse().expect("a UUID"),
                number: number.parse().expect("an id"),
                waba: waba.map(|waba| waba.parse().expect("an id")),
                at: UtcTime::from_unix_seconds(at),
            },
        )
    }

    #[test]
    fn a_line_and_its_plaintext_have_the_exact_format() {
        let mut entry = EscrowEntry {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: Some("102290129340398".parse().expect("an id")),
            at: UtcTime::from_unix_seconds(1_795_356_302),
            job: Some(JobId::new(12)),
            ciphertext: Ciphertext(vec![0xfb, 0xff, 0xfe, 0x00]),
        };
        let start = r#"{"v":1,"change":"01a2050b-82ce-7672-8d2a-2692b77520df","phone_number_id":"106540352100143","#;
        let mut text = Vec::new();
        entry.write_json_line(&mut text);
        let rest = r#""waba_id":"102290129340398","at":"2026-11-22T14:05:02Z","job":12,"sealed":"+//+AA=="}"#;
        assert_eq!(String::from_utf8(text), Ok(format!("{start}{rest}\n")));

        entry.waba = None;
        let pin = Pin::parse(b"012345").expect("six digits");
        let rest = r#""waba_id":null,"at":"2026-11-22T14:05:02Z","pin":"012345"}"#;
        assert_eq!(*entry.context().plaintext_with(&pin), format!("{start}{rest}").into_bytes());
    }

    #[test]
    fn every_deviation_from_the_format_is_refused() {
        let good = r#"{"v":1,"change":"01a2050b-82ce-7672-8d2a-2692b77520df","phone_number_id":"1","waba_id":null,"at":"2026-11-22T14:05:02Z","sealed":"+//+AA=="}"#;
        assert!(EscrowEntry::parse(good.as_bytes()).is_some());
        let changes = [
            (r#""v":1"#, r#""v":2"#),
            (r#""v":1,"#, ""),
            ("01a2050b", "zza2050b"),
            (r#""phone_number_id":"1""#, r#""phone_number_id":"1a""#),
            (r#""phone_number_id":"1""#, r#""phone_number_id":1"#),
            (r#""phone_number_id":"1","#, ""),
            (r#""waba_id":null"#, r#""waba_id":"x""#),
            ("2026-11-22T", "2026-13-22T"),
            ("AA==", "AA="),
            ("+//", "-__"),
            (r#","sealed":"+//+AA==""#, ""),
            (r#","sealed""#, r#","job":"12","sealed""#),
            ("}", "}}"),
        ];
        for (part, other) in changes {
            assert_eq!(EscrowEntry::parse(good.replacen(part, other, 1).as_bytes()), None, "{part} → {other}");
        }
    }

    proptest! {
        #[test]
        fn any_line_parses_back_unchanged(
            context in context(), job in any::<Option<u32>>(), bytes in any::<Vec<u8>>(),
        ) {
            let PinContext { change, number, waba, at } = context;
            let ciphertext = Ciphertext(bytes);
            let entry = EscrowEntry { change, number, waba, at, job: job.map(JobId::new), ciphertext };
            let mut text = Vec::new();
            entry.write_json_line(&mut text);
            prop_assert_eq!(text.iter().position(|byte| *byte == b'\n'), Some(text.len() - 1));
            prop_assert_eq!(EscrowEntry::parse(&text), Some(entry));
        }

        #[test]
        fn any_plaintext_parses_back_and_fits_its_buffer(context in context(), pin in "[0-9]{6}") {
            let pin = Pin::parse(pin.as_bytes()).expect("six digits");
            let text = context.plaintext_with(&pin);
            prop_assert_eq!(text.capacity(), PLAINTEXT_CAPACITY);
            prop_assert_eq!(PinContext::parse_plaintext(&text), Some((context, pin)));
        }

        #[test]
        fn arbitrary_bytes_never_parse(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(EscrowEntry::parse(&bytes), None);
            prop_assert!(PinContext::parse_plaintext(&bytes).is_none());
        }
    }
}
