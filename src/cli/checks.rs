//! What has to be right before a PIN is sent: the PIN is not weak, nothing is replaced unasked, and somebody confirmed.
//!
//! It asks nothing: a command is confirmed by its flags, or not at all.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use crate::cli::output::table;
use crate::cli::{CliError, GlobalArgs};
use crate::config::Profile;
use crate::domain::number::{Number, TwoStep};
use crate::domain::pin::{PinChoice, Weakness};
use crate::domain::text::CleanText;

/// Numbers that are named where a list of them would be long.
const MAX_LISTED_NUMBERS: usize = 5;

/// How the numbers were asked for, which decides what confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// By its ID: the last four digits confirm.
    One,
    /// By a list: the count confirms.
    Many,
}

/// A profile that is for reading changes nothing, and neither does a command that is told so.
pub(crate) fn require_writable(profile: &Profile, flags: &GlobalArgs) -> Result<(), CliError> {
    if flags.read_only {
        return Err(CliError::NotReady("--read-only was given. Nothing was sent.".to_owned()));
    }
    if profile.read_only {
        return Err(CliError::NotReady(format!("the profile {} is read-only. Nothing was sent.", profile.name)));
    }
    Ok(())
}

/// What the operator agreed to by flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfirmFlags<'a> {
    /// `--replace`
    pub(crate) may_replace: bool,
    /// `--confirm`
    pub(crate) confirm: Option<&'a str>,
}

/// Refuses a PIN that is easy to guess on one of these numbers, or on any.
pub(crate) fn check_strength(pins: &PinChoice, numbers: &[Number]) -> Result<(), CliError> {
    let PinChoice::Fixed(pin) = pins else { return Ok(()) };
    if let Some(weakness) = pin.weakness(None).filter(|weakness| weakness.is_refused()) {
        return Err(weak_pin_error(weakness, ""));
    }
    let display = |number: &Number| number.display_number.as_ref().map(CleanText::to_string);
    let weakness = |number: &Number| pin.weakness(display(number).as_deref()).filter(|found| found.is_refused());
    match numbers.iter().find_map(|number| weakness(number).map(|weakness| (number, weakness))) {
        Some((number, weakness)) => Err(weak_pin_error(weakness, &format!(" {}", number.label()))),
        None => Ok(()),
    }
}

/// Random PINs that nobody could ever read again are refused.
pub(crate) fn require_escrow_for_random(pins: &PinChoice, amount: Selection, is_sealed: bool) -> Result<(), CliError> {
    if is_sealed || matches!(pins, PinChoice::Fixed(_)) {
        return Ok(());
    }
    let why = match amount {
        Selection::One => "a random PIN that is sealed to nobody is lost: a command shows no PIN",
        Selection::Many => "different random PINs that are sealed to nobody are lost",
    };
    Err(CliError::NotReady(format!(
        "{why}. Nothing was sent. Name whom PINs are sealed to in the config:\n  \
         [escrow]\n  recipients = [\"age1…\"]\nOr give the PIN by --pin-file."
    )))
}

fn weak_pin_error(weakness: Weakness, of: &str) -> CliError {
    CliError::Usage(format!(
        "this PIN is easy to guess: {}{of}. Choose another one. Nothing was sent.",
        weakness.description()
    ))
}

/// Everything about the numbers as Meta tells them now.
pub(crate) fn check_numbers(
    pins: &PinChoice,
    numbers: &[Number],
    amount: Selection,
    consent: ConfirmFlags<'_>,
) -> Result<(), CliError> {
    check_strength(pins, numbers)?;
    check_replacement(numbers, consent.may_replace)?;
    check_confirmation(amount, numbers, consent.confirm)
}

/// Refuses to replace a PIN unasked. Where nobody knows whether there is one, there may be one.
fn check_replacement(numbers: &[Number], may_replace: bool) -> Result<(), CliError> {
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
        table::numbers_label(numbers.len())
    );
    for number in taken.iter().take(MAX_LISTED_NUMBERS) {
        text.push_str("\n  ");
        text.push_str(&table::row(&[(number.label(), 18), (number.id.as_str(), 18)], number.two_step.label()));
    }
    if let Some(more) = taken.len().checked_sub(MAX_LISTED_NUMBERS).and_then(NonZeroUsize::new) {
        write!(text, "\n  and {more} more").unwrap_or_default();
    }
    text.push_str("\nNothing was sent.");
    Err(CliError::NotConfirmed(text))
}

/// Refuses what nobody confirmed, and says what would confirm it.
fn check_confirmation(amount: Selection, numbers: &[Number], given: Option<&str>) -> Result<(), CliError> {
    let given_word = if given.is_some() { "--confirm does not match" } else { "not confirmed" };
    match (amount, numbers) {
        (Selection::One, [number]) => {
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
            Err(CliError::NotConfirmed(format!(
                "{given_word}, so nothing was sent. To set this PIN, add {whose}: --confirm {digits}"
            )))
        }
        (Selection::One | Selection::Many, _) => {
            let count = numbers.len();
            if given.map(strip_separators) == Some(count.to_string()) {
                return Ok(());
            }
            Err(CliError::NotConfirmed(format!(
                "{given_word}, so nothing was sent. A PIN would be sent to {}. To do it, add: --confirm {count}",
                table::numbers_label(count)
            )))
        }
    }
}

/// `2,433` and `2 433` are 2433.
fn strip_separators(count: &str) -> String {
    count.chars().filter(|c| !matches!(c, ',' | ' ')).collect()
}
