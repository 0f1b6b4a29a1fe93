//! One line of the escrow file, and the plaintext that is encrypted in it.
//!
//! Both name the number and the change, and without a key nobody can alter the plaintext. Only the line names the job,
//! which does not concern the PIN. A text that does not parse exactly is refused; nothing is guessed.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::domain::change::{Change, ChangeId, JobId};
use crate::domain::clock::UtcTime;
use crate::domain::number::{PhoneNumberId, WabaId};
use crate::domain::pin::Pin;

/// The version of both formats.
const FORMAT_VERSION: u8 = 1;

/// Capacity for the longest plaintext (209 bytes), so that growing leaves no copy of the PIN.
const PLAINTEXT_CAPACITY: usize = 256;

/// A PIN with its context, encrypted: a binary age file.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext(pub Vec<u8>);

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
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
    /// The job of the change, for a journal that was lost before it had the change; `None` in older lines.
    pub job: Option<JobId>,
    /// The encrypted PIN.
    pub ciphertext: Ciphertext,
}

/// What a line says about its PIN, in the clear and again in the plaintext.
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

/// Either text as it is parsed. The PIN borrows from the input, because a copy would have to be wiped as well.
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
    /// What the line claims in the clear.
    #[must_use]
    pub const fn context(&self) -> PinContext {
        PinContext { change: self.change, number: self.number, waba: self.waba, at: self.at }
    }

    /// Parses a line of the file, with or without its line end; `None` if it is not one.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text: EntryJson<'_> = serde_json::from_slice(text).ok()?;
        let PinContext { change, number, waba, at } = text.context()?;
        let sealed = BASE64_STANDARD.decode(text.sealed?.as_bytes()).ok()?;
        Some(Self { change, number, waba, at, job: text.job.map(JobId::new), ciphertext: Ciphertext(sealed) })
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

    /// The object up to the ciphertext or the PIN. Nothing in it needs escapes: digits, a UUID, a time.
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

    /// The plaintext to be encrypted.
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
        let text: EntryJson<'_> = serde_json::from_slice(text).ok()?;
        Some((text.context()?, Pin::parse(text.pin?.as_bytes()).ok()?))
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
    fn a_line_and_its_text_are_written_to_the_letter() {
        let mut line = EscrowEntry {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: Some("102290129340398".parse().expect("an id")),
            at: UtcTime::from_unix_seconds(1_795_356_302),
            job: Some(JobId::new(12)),
            ciphertext: Ciphertext(vec![0xfb, 0xff, 0xfe, 0x00]),
        };
        let start = r#"{"v":1,"change":"01a2050b-82ce-7672-8d2a-2692b77520df","phone_number_id":"106540352100143","#;
        let mut text = Vec::new();
        line.write_json_line(&mut text);
        let rest = r#""waba_id":"102290129340398","at":"2026-11-22T14:05:02Z","job":12,"sealed":"+//+AA=="}"#;
        assert_eq!(String::from_utf8(text), Ok(format!("{start}{rest}\n")));

        line.waba = None;
        let pin = Pin::parse(b"012345").expect("six digits");
        let rest = r#""waba_id":null,"at":"2026-11-22T14:05:02Z","pin":"012345"}"#;
        assert_eq!(*line.context().plaintext_with(&pin), format!("{start}{rest}").into_bytes());
    }

    #[test]
    fn what_is_not_exactly_a_line_is_none() {
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
            assert_eq!(EscrowEntry::parse(good.replacen(part, other, 1).as_bytes()), None, "{part} as {other}");
        }
    }

    proptest! {
        #[test]
        fn any_line_reads_back_as_it_was(
            context in context(), job in any::<Option<u32>>(), sealed in any::<Vec<u8>>(),
        ) {
            let PinContext { change, number, waba, at } = context;
            let line = EscrowEntry { change, number, waba, at, job: job.map(JobId::new), ciphertext: Ciphertext(sealed) };
            let mut text = Vec::new();
            line.write_json_line(&mut text);
            prop_assert_eq!(text.iter().position(|byte| *byte == b'\n'), Some(text.len() - 1));
            prop_assert_eq!(EscrowEntry::parse(&text), Some(line));
        }

        #[test]
        fn any_text_that_is_sealed_reads_back_and_never_outgrows_its_room(context in context(), pin in "[0-9]{6}") {
            let pin = Pin::parse(pin.as_bytes()).expect("six digits");
            let text = context.plaintext_with(&pin);
            prop_assert_eq!(text.capacity(), PLAINTEXT_CAPACITY);
            prop_assert_eq!(PinContext::parse_plaintext(&text), Some((context, pin)));
        }

        #[test]
        fn no_bytes_at_all_upset_the_reader(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(EscrowEntry::parse(&bytes), None);
            prop_assert!(PinContext::parse_plaintext(&bytes).is_none());
        }
    }
}
