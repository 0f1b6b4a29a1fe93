//! Parses the JSON of Graph's replies strictly and completely, as untrusted input.
//!
//! A derived parser reads the keys that it knows and skips the rest, so two parsers may read one text differently. This
//! parser refuses ambiguous text (a duplicate key in an object) and what no reply of Graph contains (deep nesting,
//! hundreds of keys). It does not interpret the values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most keys that one object may have. Graph's objects have about ten. The limit keeps the search for duplicates
/// short.
const MAX_OBJECT_KEYS: usize = 256;

/// One JSON value. Strings borrow from the reply if possible.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is not a 64-bit integer. No requested field contains one.
    OtherNumber,
    String(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Json<'a> {
    /// Parses a whole text: one value and nothing after it. `None` for anything else, for a duplicate key in an object,
    /// and for more than 127 levels (the parser's own limit, which protects the stack).
    ///
    /// An escaped lone surrogate becomes U+FFFD: it remains if a name was cut in the middle of a character. The parser
    /// searches for surrogates only if the text cannot be parsed unchanged.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().or_else(|| {
            let repaired = replace_lone_surrogates(bytes)?;
            serde_json::from_slice::<Json<'_>>(&repaired).ok().map(Json::into_owned)
        })
    }

    fn into_owned<'b>(self) -> Json<'b> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Int(number) => Json::Int(number),
            Self::OtherNumber => Json::OtherNumber,
            Self::String(text) => Json::String(own(text)),
            Self::Array(values) => Json::Array(values.into_iter().map(Self::into_owned).collect()),
            Self::Object(pairs) => {
                Json::Object(pairs.into_iter().map(|(key, value)| (own(key), value.into_owned())).collect())
            }
        }
    }

    /// The value of a key; `None` if it is absent or this is not an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value for a person: `a: 1, b: x, y`. Empty for null, and for what has nothing in it.
    pub(super) fn to_plain_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(number) => number.to_string(),
            Self::OtherNumber => "(a number)".to_owned(),
            Self::String(text) => text.as_ref().to_owned(),
            Self::Array(values) => joined(values.iter().map(Self::to_plain_text)),
            Self::Object(pairs) => joined(pairs.iter().map(|(key, value)| match value.to_plain_text() {
                text if text.is_empty() => text,
                text => format!("{key}: {text}"),
            })),
        }
    }

    /// The keys and values, if it is an object.
    pub(super) fn as_object(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        if let Self::Object(pairs) = self { Some(pairs) } else { None }
    }

    /// The text, if it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is a 64-bit integer.
    pub(super) fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The boolean, if it is one.
    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The elements, if it is a list.
    pub(super) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::OtherNumber, Json::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut pairs: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<Json<'de>, Json<'de>>()? {
            let Json::String(key) = key else { return Err(A::Error::custom("a key that is not a string")) };
            if pairs.len() == MAX_OBJECT_KEYS || pairs.iter().any(|(seen, _)| *seen == key) {
                return Err(A::Error::custom("a duplicate key, or too many keys"));
            }
            pairs.push((key, value));
        }
        Ok(Json::Object(pairs))
    }
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The same text with U+FFFD for each escaped lone surrogate; `None` if there is none.
fn replace_lone_surrogates(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut repaired = bytes.to_vec();
    let (mut position, mut has_changed) = (0, false);
    while let Some(&byte) = bytes.get(position) {
        position += match (byte, unicode_escape_at(bytes, position)) {
            (_, Some(0xd800..0xdc00)) if matches!(unicode_escape_at(bytes, position + 6), Some(0xdc00..0xe000)) => 12,
            (_, Some(0xd800..0xe000)) => {
                repaired[position + 2..position + 6].copy_from_slice(b"fffd");
                has_changed = true;
                6
            }
            (_, Some(_)) => 6,
            // An escaped character does not start an escape.
            (b'\\', None) => 2,
            (_, None) => 1,
        };
    }
    has_changed.then_some(repaired)
}

/// The number after a `\u` at this position.
fn unicode_escape_at(bytes: &[u8], position: usize) -> Option<u16> {
    let digits = bytes.get(position..position + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_makes_the_whole_text_invalid() {
        for text in [
            r#"{"success":true,"success":true}"#,
            r#"{"success":true,"succ\u0065ss":false}"#,
            r#"{"success":true,"x":[{"a":1,"a":2}]}"#,
        ] {
            assert_eq!(Json::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        for open in ["[", r#"{"a":"#] {
            assert_eq!(Json::parse(open.repeat(100_000).as_bytes()), None);
        }
        let inside = format!(r#"{{"success":true,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Json::parse(inside.as_bytes()), None);
    }

    #[test]
    fn too_many_keys_are_refused() {
        let keys: Vec<String> = (0..=MAX_OBJECT_KEYS).map(|n| format!(r#""k{n}":1"#)).collect();
        assert_eq!(Json::parse(format!("{{{}}}", keys.join(",")).as_bytes()), None);
        assert!(Json::parse(format!("{{{}}}", keys[1..].join(",")).as_bytes()).is_some());
    }

    #[test]
    fn every_kind_of_value_is_parsed() {
        let json = Json::parse(
            r#" {"a":null,"b":true,"c":-7,"d":1.0,"e":9223372036854775808,"f":"\u00e9","g":[1]} "#.as_bytes(),
        );
        let pair = |key: &'static str, value| (Cow::Borrowed(key), value);
        let expected = Json::Object(vec![
            pair("a", Json::Null),
            pair("b", Json::Bool(true)),
            pair("c", Json::Int(-7)),
            pair("d", Json::OtherNumber),
            pair("e", Json::OtherNumber),
            pair("f", Json::String(Cow::Borrowed("é"))),
            pair("g", Json::Array(vec![Json::Int(1)])),
        ]);
        assert_eq!(json, Some(expected));
    }
}
