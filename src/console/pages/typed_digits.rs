//! Digits that confirm a question if they are the right ones: the end of a number, or a count.
//!
//! It does not know what they mean. The guard of the page decides whether they come too early.

use std::time::Instant;

use super::guard::{Guard, TYPED_AHEAD};
use crate::console::input::key::Key;
use crate::domain::digits::ascii_digit;

/// After this many wrong tries the page closes: the operator is at the wrong place.
const MAX_WRONG_TRIES: u8 = 5;

/// The digits so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypedDigits {
    digits: String,
    wrong_tries: u8,
}

/// What Enter makes of the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Submission {
    /// The key does not count. The text says why.
    Ignored(&'static str),
    /// Digits are missing.
    Incomplete,
    /// They are wrong, and were cleared.
    Wrong,
    /// They were wrong too often.
    TooManyWrong,
    /// They are the right ones.
    Right,
}

/// The digit of a key, as ASCII: keyboards of some scripts type digits of their own.
pub(super) fn typed_digit(key: Key) -> Option<char> {
    if let Key::Char(c) = key { ascii_digit(c) } else { None }
}

impl TypedDigits {
    /// The digits, in ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.digits
    }

    /// Adds an ASCII digit, if there is room.
    pub(super) fn push(&mut self, digit: char, max_digits: usize) {
        if self.digits.len() < max_digits {
            self.digits.push(digit);
        }
    }

    /// Adds a digit of a count. `2,433` and `2 433` are 2433. False for a key that belongs to no count.
    pub(super) fn push_of_count(&mut self, key: Key, count: usize) -> bool {
        if let Some(digit) = typed_digit(key) {
            // One digit more than the count has, so that a longer number is not taken for it.
            self.push(digit, count.to_string().len() + 1);
            return true;
        }
        matches!(key, Key::Char(',' | ' '))
    }

    /// Deletes the last digit, or all of them.
    pub(super) fn delete(&mut self, all: bool) {
        self.digits.pop();
        if all {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.digits.clear();
    }

    /// Compares the digits, unless they came together with Enter, as in a paste without marks. Fewer than `min_digits`
    /// are no try.
    pub(super) fn submit(
        &mut self,
        guard: &mut Guard,
        arrived: Instant,
        expected: &str,
        min_digits: usize,
    ) -> Submission {
        let came_at_once = guard.came_at_once(arrived);
        if !guard.accepts_key(arrived) {
            return Submission::Ignored(TYPED_AHEAD);
        }
        if came_at_once && !self.digits.is_empty() {
            self.clear();
            return Submission::Ignored("Too fast: that looked like a paste. Type it again.");
        }
        if self.digits.len() < min_digits {
            return Submission::Incomplete;
        }
        if self.digits == expected {
            return Submission::Right;
        }
        self.clear();
        self.wrong_tries += 1;
        if self.wrong_tries >= MAX_WRONG_TRIES { Submission::TooManyWrong } else { Submission::Wrong }
    }
}
