//! What has to be right before a PIN is sent: the PIN is not weak, nothing is replaced unasked, and somebody confirmed.
//!
//! It asks nothing: a command is confirmed by its flags, or not at all.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use super::{Failure, Global, paint};
use crate::config::Profile;
use crate::number::{Number, TwoStep};
use crate::pin::{PinChoice, Weakness};
use crate::text::CleanText;

/// Numbers that are named where a list of them would be long.
const MAX_NAMED: usize = 5;

/// How the numbers were asked for, which decides what confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// By its ID: the last four digits confirm.
    One,
    /// By a list: the count confirms.
    Many,
}

/// A profile that is for reading changes nothing, and neither does a command that is told so.
pub(super) fn permission(profile: &Profile, flags: &Global) -> Result<(), Failure> {
    if flags.read_only {
        return Err(Failure::NotReady("--read-only was given. Nothing was sent.".to_owned()));
    }
    if profile.read_only {
        return Err(Failure::NotReady(format!("the profile {} is read-only. Nothing was sent.", profile.name)));
    }
    Ok(())
}

/// What the operator agreed to by flags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consent<'a> {
    /// `--replace`
    pub(super) may_replace: bool,
    /// `--confirm`
    pub(super) confirm: Option<&'a str>,
}

/// Refuses a PIN that is easy to guess on one of these numbers, or on any.
pub(super) fn strength(pins: &PinChoice, numbers: &[Number]) -> Result<(), Failure> {
    let PinChoice::Fixed(pin) = pins else { return Ok(()) };
    if let Some(weakness) = pin.weakness(None).filter(|weakness| weakness.is_refused()) {
        return Err(weak(weakness, ""));
    }
    let display = |number: &Number| number.display_number.as_ref().map(CleanText::to_string);
    let weakness = |number: &Number| pin.weakness(display(number).as_deref()).filter(|found| found.is_refused());
    match numbers.iter().find_map(|number| weakness(number).map(|weakness| (number, weakness))) {
        Some((number, weakness)) => Err(weak(weakness, &format!(" {}", number.label()))),
        None => Ok(()),
    }
}

/// Random PINs that nobody could ever read again are refused.
pub(super) fn sealing(pins: &PinChoice, amount: Amount, is_sealed: bool) -> Result<(), Failure> {
    if is_sealed || matches!(pins, PinChoice::Fixed(_)) {
        return Ok(());
    }
    let why = match amount {
        Amount::One => "a random PIN that is sealed to nobody is lost: a command shows no PIN",
        Amount::Many => "different random PINs that are sealed to nobody are lost",
    };
    Err(Failure::NotReady(format!(
        "{why}. Nothing was sent. Name whom PINs are sealed to in the config:\n  \
         [escrow]\n  recipients = [\"age1…\"]\nOr give the PIN by --pin-file."
    )))
}

fn weak(weakness: Weakness, of: &str) -> Failure {
    Failure::Usage(format!(
        "this PIN is easy to guess: {}{of}. Choose another one. Nothing was sent.",
        weakness.description()
    ))
}

/// Everything about the numbers as Meta tells them now.
pub(super) fn numbers(pins: &PinChoice, numbers: &[Number], amount: Amount, consent: Consent<'_>) -> Result<(), Failure> {
    strength(pins, numbers)?;
    replacement(numbers, consent.may_replace)?;
    confirmation(amount, numbers, consent.confirm)
}

/// Refuses to replace a PIN unasked. Where nobody knows whether there is one, there may be one.
fn replacement(numbers: &[Number], may_replace: bool) -> Result<(), Failure> {
    if may_replace {
        return Ok(());
    }
    let is_free = |number: &&Number| match number.two_step {
        TwoStep::NotSet => false,
        TwoStep::On | TwoStep::Unknown => true,
    };
    let taken: Vec<_> = numbers.iter().filter(is_free).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let mut text = format!(
        "two-step verification is on, or may be, on {} of {}. To replace the PIN there, add: --replace",
        taken.len(),
        paint::numbers(numbers.len())
    );
    for number in taken.iter().take(MAX_NAMED) {
        text.push_str("\n  ");
        text.push_str(&paint::row(&[(number.label(), 18), (number.id.as_str(), 18)], number.two_step.label()));
    }
    if let Some(more) = taken.len().checked_sub(MAX_NAMED).and_then(NonZeroUsize::new) {
        write!(text, "\n  and {more} more").unwrap_or_default();
    }
    text.push_str("\nNothing was sent.");
    Err(Failure::NotConfirmed(text))
}

/// Refuses what nobody confirmed, and says what would confirm it.
fn confirmation(amount: Amount, numbers: &[Number], given: Option<&str>) -> Result<(), Failure> {
    let given_word = if given.is_some() { "--confirm does not match" } else { "not confirmed" };
    match (amount, numbers) {
        (Amount::One, [number]) => {
            let wanted = number.last_four();
            if given == Some(&wanted.digits) {
                return Ok(());
            }
            let whose = if wanted.is_from_id {
                format!("the last digits of the phone number ID {}", number.id)
            } else {
                format!("the last digits of {}", number.label())
            };
            let digits = wanted.digits;
            Err(Failure::NotConfirmed(format!(
                "{given_word}, so nothing was sent. To set this PIN, add {whose}: --confirm {digits}"
            )))
        }
        (Amount::One | Amount::Many, _) => {
            let count = numbers.len();
            if given.map(plain_digits) == Some(count.to_string()) {
                return Ok(());
            }
            Err(Failure::NotConfirmed(format!(
                "{given_word}, so nothing was sent. A PIN would be sent to {}. To do it, add: --confirm {count}",
                paint::numbers(count)
            )))
        }
    }
}

/// `2,433` and `2 433` are 2433.
fn plain_digits(count: &str) -> String {
    count.chars().filter(|c| !matches!(c, ',' | ' ')).collect()
}
