//! Phone numbers as the Graph API reports them: their ids, and what Meta last said about each.
//!
//! pindesk parses ids once, at the edge, and keeps them as text: a JavaScript client that turned `12345678901234567890`
//! into a float sent its request to another number. A field that Meta left out is `None` or [`TwoStep::Unknown`], never
//! "off". This module does not send requests or draw screens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::clock::UtcTime;
use crate::domain::digits::ascii_digits;
use crate::domain::text::CleanText;
use crate::domain::text_problem::TextProblem;

/// The maximum number of digits in an id. Graph ids are 64-bit, so they have at most 20 digits. 23 digits and a length
/// fill three machine words, which keeps 100,000 ids off the heap.
const MAX_ID_DIGITS: usize = 23;

/// A Graph object id: 1 to 23 ASCII digits, kept as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct GraphId {
    digits: [u8; MAX_ID_DIGITS],
    len: u8,
}

/// The text is not an id. The error does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// It is something else than digits.
    #[error("an ID has 1 to {MAX_ID_DIGITS} digits and nothing else")]
    NotDigits,
    /// Another program changed or wrapped the id.
    #[error(transparent)]
    Wrapped(TextProblem),
}

impl GraphId {
    fn parse(text: &str) -> Result<Self, ParseIdError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > MAX_ID_DIGITS || !bytes.iter().all(u8::is_ascii_digit) {
            return Err(TextProblem::of_id(text).map_or(ParseIdError::NotDigits, ParseIdError::Wrapped));
        }
        let mut digits = [0; MAX_ID_DIGITS];
        digits[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { digits, len: u8::try_from(bytes.len()).map_err(|_| ParseIdError::NotDigits)? })
    }

    fn as_str(&self) -> &str {
        // Only `parse` builds one, and it accepts only ASCII digits.
        std::str::from_utf8(&self.digits[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl PhoneNumberId {
    /// The id as an integer that no other id has; `None` if it starts with a zero or is too large. It is for sets only:
    /// an id is text everywhere else.
    #[must_use]
    pub fn to_integer(&self) -> Option<u64> {
        let text = self.as_str();
        if text.starts_with('0') { None } else { text.parse().ok() }
    }
}

/// A phone number id in half of its size: two digits in each byte. It sorts as the id does.
///
/// A half byte is a digit plus one, or zero after the last digit, so that it keeps leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackedNumberId([u8; MAX_ID_DIGITS.div_ceil(2)]);

impl PackedNumberId {
    /// Packs an id.
    #[must_use]
    pub fn new(id: &PhoneNumberId) -> Self {
        let mut packed = Self([0; MAX_ID_DIGITS.div_ceil(2)]);
        for (byte, digits) in packed.0.iter_mut().zip(id.as_str().as_bytes().chunks(2)) {
            let half = |at: usize| digits.get(at).map_or(0, |digit| digit - b'0' + 1);
            *byte = half(0) << 4 | half(1);
        }
        packed
    }

    /// The id that was packed.
    #[must_use]
    pub fn unpack(&self) -> PhoneNumberId {
        let mut id = GraphId { digits: [0; MAX_ID_DIGITS], len: 0 };
        let halves = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).take_while(|half| *half > 0);
        for (digit, half) in id.digits.iter_mut().zip(halves) {
            *digit = half - 1 + b'0';
            id.len += 1;
        }
        PhoneNumberId(id)
    }
}

macro_rules! graph_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(GraphId);

        impl $name {
            /// The digits of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            /// # Errors
            /// If the text is not 1 to 23 ASCII digits.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                GraphId::parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

graph_id! {
    /// The id of a business phone number, which requests use. It is not the phone number.
    PhoneNumberId
}
graph_id! {
    /// The id of a WhatsApp Business Account.
    WabaId
}
graph_id! {
    /// The id of a business portfolio.
    BusinessId
}
graph_id! {
    /// The id of a user of a business portfolio, such as a system user.
    BusinessUserId
}

/// A WhatsApp Business Account as the config lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waba {
    /// Its id at Meta.
    pub id: WabaId,
    /// The short name in the config, if any.
    pub name: Option<CleanText>,
}

impl Waba {
    /// The short name, or the id if there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_ref().map_or(self.id.as_str(), CleanText::as_str)
    }
}

/// Whether Meta says that a two-step verification PIN exists (`is_pin_enabled`). Meta never says which PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum TwoStep {
    /// Meta says a PIN is set.
    On,
    /// Meta says none is set.
    NotSet,
    /// Not read yet, or Meta did not say.
    #[default]
    Unknown,
}

impl TwoStep {
    /// Converts `is_pin_enabled`. An absent field is unknown.
    #[must_use]
    pub const fn from_is_pin_enabled(is_pin_enabled: Option<bool>) -> Self {
        match is_pin_enabled {
            Some(true) => Self::On,
            Some(false) => Self::NotSet,
            None => Self::Unknown,
        }
    }

    /// The text on the screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::NotSet => "not set",
            Self::Unknown => "unknown",
        }
    }

    /// The value in the filter.
    #[must_use]
    pub const fn filter_value(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::NotSet => "not-set",
            Self::Unknown => "unknown",
        }
    }

    /// The value in JSON and CSV.
    #[must_use]
    pub const fn json_value(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::NotSet => "not_set",
            Self::Unknown => "unknown",
        }
    }
}

/// What Meta reports about a number besides two-step verification, in Meta's own words. pindesk keeps and shows an
/// unknown word; an absent one is `None`.
///
/// Many numbers have the same details, so a list shares them through one [`Arc`].
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NumberDetails {
    /// `CONNECTED`, `PENDING`, `BANNED`, … A number must be `CONNECTED` to send messages.
    pub status: Option<CleanText>,
    /// `GREEN`, `YELLOW`, `RED`, `NA` or `UNKNOWN`.
    pub quality_rating: Option<CleanText>,
    /// The state of the SMS or voice ownership code, not of the PIN.
    pub code_verification_status: Option<CleanText>,
    /// `APPROVED`, `PENDING_REVIEW`, …
    pub name_status: Option<CleanText>,
    /// `CLOUD_API`, `ON_PREMISE`, `NOT_APPLICABLE`.
    pub platform_type: Option<CleanText>,
    /// `LIVE` or `SANDBOX`.
    pub account_mode: Option<CleanText>,
}

/// A business phone number as Meta last reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The id that requests use.
    pub id: PhoneNumberId,
    /// The WABA that listed it; `None` for a number that the config lists by its own id.
    pub waba: Option<Arc<Waba>>,
    /// `display_phone_number`, normally `+1 631-555-5555`.
    pub display_number: Option<CleanText>,
    /// `verified_name`, or the name in the config. Meta may not have approved it yet.
    pub name: Option<CleanText>,
    /// What Meta reported about two-step verification.
    pub two_step: TwoStep,
    /// The other fields that Meta reported.
    pub details: Arc<NumberDetails>,
    /// When pindesk read it; `None` for a configured number that it has not read yet.
    pub read_at: Option<UtcTime>,
}

impl Number {
    /// Creates a configured number that pindesk has not read yet.
    #[must_use]
    pub fn from_config(id: PhoneNumberId, name: Option<CleanText>) -> Self {
        Self {
            id,
            waba: None,
            display_number: None,
            name,
            two_step: TwoStep::Unknown,
            details: Arc::default(),
            read_at: None,
        }
    }

    /// The id of the WABA that listed it.
    #[must_use]
    pub fn waba_id(&self) -> Option<WabaId> {
        self.waba.as_ref().map(|waba| waba.id)
    }

    /// The display number, or the id if Meta gave none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.display_number.as_ref().map_or(self.id.as_str(), CleanText::as_str)
    }

    /// The display number exactly as Meta sent it, for its digits. It may hold control characters, so it is never shown.
    #[must_use]
    pub fn original_display(&self) -> Option<&str> {
        self.display_number.as_ref().map(CleanText::original)
    }

    /// True if the display number or the name differs, so that an operator could mistake it for another number.
    #[must_use]
    pub fn is_renamed_from(&self, earlier: &Self) -> bool {
        (&self.display_number, &self.name) != (&earlier.display_number, &earlier.name)
    }

    /// The last four digits, which a confirmation asks for: of the display number, or of the id if Meta gave no display
    /// number with four digits.
    #[must_use]
    pub fn last_four(&self) -> LastFour {
        let display_digits = self.original_display().and_then(last_four_digits);
        match display_digits {
            Some(digits) => LastFour { digits, is_from_id: false },
            None => LastFour {
                digits: last_four_digits(self.id.as_str()).unwrap_or_else(|| self.id.to_string()),
                is_from_id: true,
            },
        }
    }
}

/// The digits that a confirmation asks for, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFour {
    /// Four ASCII digits, whatever script the number is in; fewer only if an id is shorter than that.
    pub digits: String,
    /// True if they are the digits of the id, because there is no display number.
    pub is_from_id: bool,
}

fn last_four_digits(text: &str) -> Option<String> {
    let digits = ascii_digits(text);
    digits.len().checked_sub(4).map(|start| digits[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_keeps_every_digit_as_text() {
        let id: PhoneNumberId = "00345678901234567890".parse().expect("20 digits are an id");
        assert_eq!(id.as_str(), "00345678901234567890");
        assert_eq!(format!("{id:>22}"), "  00345678901234567890");
    }

    #[test]
    fn an_id_is_made_of_digits_only() {
        for text in ["", "12a", "+1555", " 1", "１２", "123456789012345678901234", "../1", "1/register"] {
            assert_eq!(text.parse::<PhoneNumberId>(), Err(ParseIdError::NotDigits), "{text:?}");
        }
        assert_eq!("2,00E+14".parse::<PhoneNumberId>(), Err(ParseIdError::Wrapped(TextProblem::Rounded)));
    }

    proptest! {
        #[test]
        fn a_packed_id_is_the_same_id_and_sorts_like_it(a in "[0-9]{1,23}", b in "[0-9]{1,23}") {
            let ids: [PhoneNumberId; 2] = [a, b].map(|digits| digits.parse().expect("an id"));
            let packed = ids.map(|id| PackedNumberId::new(&id));
            prop_assert_eq!(packed.map(|id| id.unpack()), ids);
            prop_assert_eq!(packed[0].cmp(&packed[1]), ids[0].cmp(&ids[1]));
        }
    }

    #[test]
    fn a_packed_id_keeps_leading_zeros_and_the_last_digit() {
        for digits in ["0", "00", "007", "7", "99999999999999999999999", "10000000000000000000000"] {
            let id = digits.parse().expect("an id");
            assert_eq!(PackedNumberId::new(&id).unpack().as_str(), digits);
        }
    }

    #[test]
    fn a_number_takes_96_bytes() {
        assert_eq!(size_of::<Number>(), 96, "there are 100,000 of them");
    }

    #[test]
    fn an_absent_field_is_unknown_and_never_off() {
        assert_eq!(TwoStep::from_is_pin_enabled(None), TwoStep::Unknown);
    }

    #[test]
    fn the_last_four_digits_skip_other_characters() {
        let mut number = Number::from_config("106540352100143".parse().expect("an id"), None);
        assert_eq!(number.last_four(), LastFour { digits: "0143".to_owned(), is_from_id: true });
        number.display_number = Some(CleanText::new("+1 555-010-01 5-1"));
        assert_eq!(number.last_four(), LastFour { digits: "0151".to_owned(), is_from_id: false });
        number.display_number = Some(CleanText::new("\u{202a}+52 1 555 010 \u{2066}0143\u{202c}"));
        assert_eq!(number.last_four(), LastFour { digits: "0143".to_owned(), is_from_id: false });
        number.display_number = Some(CleanText::new("+٢٠ ١٠ ٥٥٥ ٠١٤٧"));
        assert_eq!(number.last_four(), LastFour { digits: "0147".to_owned(), is_from_id: false });
        number.display_number = Some(CleanText::new("n/a"));
        assert!(number.last_four().is_from_id);
    }
}
