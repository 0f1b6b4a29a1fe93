//! A two-step verification PIN: six ASCII digits, checked once, wiped when dropped.
//!
//! A PIN leaves this type only through [`Pin::expose`]. It has no `Display`, no `Serialize`, no `Clone`, and its
//! `Debug` does not show it. This module rates how easy a PIN is to guess. It never asks the operator or refuses a PIN.

use std::fmt;

use zeroize::Zeroize;

use crate::domain::digits::ascii_digits;

/// The number of digits in a PIN.
///
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/two-step-verification.
pub const PIN_DIGITS: usize = 6;

/// Six ASCII digits; a leading zero is kept. They are on the heap, because each move of a value leaves a copy of its bytes
/// behind, which nothing wipes.
#[derive(PartialEq, Eq)]
pub struct Pin(Box<[u8; PIN_DIGITS]>);

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The bytes are not a PIN. The error does not repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN is exactly {PIN_DIGITS} digits")]
pub struct ParsePinError;

/// The system has no random bytes, so no random PIN can be generated.
#[derive(Debug, thiserror::Error)]
#[error("the system provides no random numbers")]
pub struct RandomSourceError;

impl Pin {
    /// Parses exactly six ASCII digits.
    ///
    /// # Errors
    /// If there are other bytes, or more or fewer of them.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePinError> {
        let digits: &[u8; PIN_DIGITS] = bytes.try_into().map_err(|_| ParsePinError)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self::copy_of(digits)) } else { Err(ParsePinError) }
    }

    /// Generates a PIN, all 1,000,000 equally likely, and draws again while [`Pin::weakness`] finds a weakness.
    ///
    /// # Errors
    /// If the random source of the system fails.
    pub fn random(display_number: Option<&str>) -> Result<Self, RandomSourceError> {
        loop {
            let pin = Self::draw_digits()?;
            if pin.weakness(display_number).is_none() {
                return Ok(pin);
            }
        }
    }

    fn draw_digits() -> Result<Self, RandomSourceError> {
        // 250 is the largest multiple of ten in a byte. pindesk discards larger bytes, because low digits would be more
        // likely.
        const BYTE_LIMIT: u8 = 250;
        let mut pin = Self(Box::default());
        for digit in pin.0.iter_mut() {
            *digit = loop {
                let mut byte = [0];
                getrandom::fill(&mut byte).map_err(|_| RandomSourceError)?;
                if byte[0] < BYTE_LIMIT {
                    break b'0' + byte[0] % 10;
                }
            };
        }
        Ok(pin)
    }

    /// Copies the digits to the heap, and nowhere else.
    fn copy_of(digits: &[u8; PIN_DIGITS]) -> Self {
        let mut pin = Self(Box::default());
        pin.0.copy_from_slice(digits);
        pin
    }

    /// Copies the PIN for another number. [`Pin`] is not `Clone`, so that no code copies one by accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(&self.0)
    }

    /// The six digits, for the request body and for a screen that the operator asked to show them. No other method
    /// returns them.
    #[must_use]
    pub fn expose(&self) -> &[u8; PIN_DIGITS] {
        &self.0
    }

    /// Why this PIN is easy to guess, if it is; the strictest reason first.
    #[must_use]
    pub fn weakness(&self, display_number: Option<&str>) -> Option<Weakness> {
        let d = &self.0;
        if d.iter().all(|digit| *digit == d[0]) {
            Some(Weakness::AllSame)
        } else if is_sequence(d) {
            Some(Weakness::Sequence)
        } else if display_number.is_some_and(|number| is_number_suffix(number, d)) {
            Some(Weakness::NumberSuffix)
        } else if is_repeated_pattern(d) {
            Some(Weakness::RepeatedPattern)
        } else if looks_like_date(d) {
            Some(Weakness::LooksLikeDate)
        } else {
            None
        }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(******)")
    }
}

/// How the PINs of numbers are chosen.
#[derive(Debug, PartialEq, Eq)]
pub enum PinChoice {
    /// The same PIN for all.
    Fixed(Pin),
    /// A random PIN of one number that no operator has to know, because the escrow keeps it.
    Drawn(Pin),
    /// A random PIN for each.
    Random,
}

impl PinChoice {
    /// Returns the PIN of one number.
    ///
    /// # Errors
    /// If a PIN must be generated and the random source of the system fails.
    pub fn pin_for(&self, display_number: Option<&str>) -> Result<Pin, RandomSourceError> {
        match self {
            Self::Fixed(pin) | Self::Drawn(pin) => Ok(pin.duplicate()),
            Self::Random => Pin::random(display_number),
        }
    }
}

/// Why a PIN is easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// `111111`.
    AllSame,
    /// `123456`, `654321`, `024680`: the same step between all digits.
    Sequence,
    /// The last six digits of the phone number.
    NumberSuffix,
    /// `121212`, `123123`, `112233`.
    RepeatedPattern,
    /// `311299`, `199912`.
    LooksLikeDate,
}

impl Weakness {
    /// True if pindesk refuses the PIN. With any other weakness the operator can confirm it.
    #[must_use]
    pub const fn is_refused(self) -> bool {
        match self {
            Self::AllSame | Self::Sequence | Self::NumberSuffix => true,
            Self::RepeatedPattern | Self::LooksLikeDate => false,
        }
    }

    /// Describes the weakness, without the PIN.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::AllSame => "all digits are the same",
            Self::Sequence => "the digits count up or down",
            Self::NumberSuffix => "these are the last digits of the number",
            Self::RepeatedPattern => "the digits repeat",
            Self::LooksLikeDate => "this looks like a date",
        }
    }
}

/// True for the same step, modulo ten, between all neighbours: 123456, 654321, 024680, 890123.
fn is_sequence(d: &[u8; PIN_DIGITS]) -> bool {
    let step = |pair: &[u8]| (pair[1] + 10 - pair[0]) % 10;
    let first = step(&d[..2]);
    // Steps of 3, 4, 6 or 7 look random to people.
    matches!(first, 1 | 2 | 8 | 9) && d.windows(2).all(|pair| step(pair) == first)
}

fn is_number_suffix(number: &str, pin: &[u8; PIN_DIGITS]) -> bool {
    ascii_digits(number).as_bytes().ends_with(pin)
}

fn is_repeated_pattern(d: &[u8; PIN_DIGITS]) -> bool {
    let pairs = d[0] == d[1] && d[2] == d[3] && d[4] == d[5];
    let halves = d[..3] == d[3..];
    let thirds = d[..2] == d[2..4] && d[2..4] == d[4..];
    let threes = d[0] == d[1] && d[1] == d[2] && d[3] == d[4] && d[4] == d[5];
    pairs || halves || thirds || threes
}

/// True for DDMMYY, MMDDYY, YYMMDD, or a year of this or the last century with a month.
fn looks_like_date(d: &[u8; PIN_DIGITS]) -> bool {
    let two = |at: usize| (d[at] - b'0') * 10 + (d[at + 1] - b'0');
    let (a, b, c) = (two(0), two(2), two(4));
    let is_day = |n| (1..=31).contains(&n);
    let is_month = |n| (1..=12).contains(&n);
    let is_century = |n| n == 19 || n == 20;
    (is_day(a) && is_month(b))
        || (is_month(a) && is_day(b))
        || (is_month(b) && is_day(c))
        || (is_century(a) && is_month(c))
        || (is_month(a) && is_century(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(digits: &str) -> Pin {
        Pin::parse(digits.as_bytes()).expect("six digits")
    }

    #[test]
    fn only_six_ascii_digits_are_a_pin() {
        assert_eq!(pin("012345").expose(), b"012345");
        for text in ["", "12345", "1234567", "12345a", " 12345", "-12345", "１２"] {
            assert_eq!(Pin::parse(text.as_bytes()), Err(ParsePinError), "{text:?}");
        }
    }

    #[test]
    fn debug_never_shows_the_digits() {
        assert_eq!(format!("{:?}", pin("409726")), "Pin(******)");
    }

    #[test]
    fn each_weakness_is_recognized() {
        let number = Some("+1 555-010-0143");
        let cases = [
            ("111111", Some(Weakness::AllSame)),
            ("123456", Some(Weakness::Sequence)),
            ("654321", Some(Weakness::Sequence)),
            ("024680", Some(Weakness::Sequence)),
            ("100143", Some(Weakness::NumberSuffix)),
            ("121212", Some(Weakness::RepeatedPattern)),
            ("123123", Some(Weakness::RepeatedPattern)),
            ("112233", Some(Weakness::RepeatedPattern)),
            ("311299", Some(Weakness::LooksLikeDate)),
            ("409726", None),
        ];
        for (digits, expected) in cases {
            assert_eq!(pin(digits).weakness(number), expected, "{digits}");
        }
    }

    #[test]
    fn a_random_pin_is_never_a_weak_one() {
        for _ in 0..2_000 {
            let pin = Pin::random(Some("+1 555-010-0143")).expect("random bytes");
            assert_eq!(pin.weakness(Some("+1 555-010-0143")), None);
        }
    }
}
