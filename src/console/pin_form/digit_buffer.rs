//! The digits of one field of the PIN form: a fixed buffer that is wiped on drop and when cleared.
//!
//! It is on the heap and never reallocates, so that no copy of a digit stays behind when the form moves. It does not rate the PIN.

use zeroize::Zeroize;

use crate::domain::pin::{PIN_DIGITS, Pin};

/// The digits typed so far.
#[derive(Default)]
pub(super) struct DigitBuffer {
    /// ASCII digits; zero after [`DigitBuffer::len`].
    pub(super) bytes: Box<[u8; PIN_DIGITS]>,
    /// How many digits were typed.
    pub(super) len: usize,
}

impl DigitBuffer {
    /// Adds a digit. False if the buffer is full.
    pub(super) fn push(&mut self, digit: u8) -> bool {
        let fits = self.len < PIN_DIGITS;
        if fits {
            self.bytes[self.len] = digit;
            self.len += 1;
        }
        fits
    }

    /// Deletes the last digit. False if there is none.
    pub(super) fn pop(&mut self) -> bool {
        let has_digit = self.len > 0;
        if has_digit {
            self.len -= 1;
            self.bytes[self.len] = 0;
        }
        has_digit
    }

    /// Wipes all digits.
    pub(super) fn clear(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
    }

    /// Replaces all digits.
    pub(super) fn set(&mut self, bytes: &[u8; PIN_DIGITS]) {
        self.bytes.copy_from_slice(bytes);
        self.len = PIN_DIGITS;
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == PIN_DIGITS
    }

    /// The PIN, if all digits were typed.
    pub(super) fn pin(&self) -> Option<Pin> {
        Pin::parse(&self.bytes[..self.len]).ok()
    }
}

impl Drop for DigitBuffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
