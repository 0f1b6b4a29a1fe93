//! The last checks before a command sends: the profile may be changed, the PIN is not weak, no PIN is replaced without
//! `--replace`, and the operator confirmed.
//!
//! It asks nothing: flags confirm a command, or nothing does.

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::table;
use crate::config::Profile;
use crate::domain::number::{Number, TwoStep};
use crate::domain::pin::{PinChoice, Weakness};

/// How many numbers a message names before it counts the rest.
const MAX_LISTED_NUMBERS: usize = 5;

/// How the operator selected the numbers, which decides what confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// By its ID: the last four digits confirm.
    One,
    /// By a list: the count confirms.
    Many,
}

/// What the flags permit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfirmFlags<'a> {
    /// `--replace`
    pub(crate) may_replace: bool,
    /// `--confirm`
    pub(crate) confirm: Option<&'a str>,
}

/// Refuses to change anything with `--read-only`, or in a profile that is read-only.
pub(crate) fn require_writable(profile: &Profile, global: &GlobalArgs) -> Result<(), CliError> {
    if global.read_only {
        return Err(CliError::not_ready("--read-only refuses every change").nothing_sent());
    }
    if profile.read_only {
        return Err(CliError::not_ready(format!("profile {} is read-only", profile.name)).nothing_sent());
    }
    Ok(())
}

/// Refuses a PIN that is easy to guess, in general or on one of these numbers.
pub(crate) fn check_strength(pins: &PinChoice, numbers: &[Number]) -> Result<(), CliError> {
    let PinChoice::Fixed(pin) = pins else { return Ok(()) };
    if let Some(weakness) = pin.weakness(None).filter(|weakness| weakness.is_refused()) {
        return Err(weak_pin_error(weakness, ""));
    }
    let weakness = |number: &Number| pin.weakness(number.original_display()).filter(|weakness| weakness.is_refused());
    match numbers.iter().find_map(|number| weakness(number).map(|weakness| (number, weakness))) {
        Some((number, weakness)) => Err(weak_pin_error(weakness, &format!(" {}", number.label()))),
        None => Ok(()),
    }
}

fn weak_pin_error(weakness: Weakness, number: &str) -> CliError {
    CliError::usage(format!("this PIN is easy to guess: {}{number}", weakness.description()))
        .nothing_sent()
        .remedy("Choose another PIN.")
}

/// Refuses random PINs that no one could ever read.
pub(crate) fn require_escrow_for_random(
    pins: &PinChoice,
    selection: Selection,
    has_escrow: bool,
) -> Result<(), CliError> {
    if has_escrow || matches!(pins, PinChoice::Fixed(_)) {
        return Ok(());
    }
    let what = match selection {
        Selection::One => "without escrow recipients a random PIN would be lost, because a command shows no PIN",
        Selection::Many => "without escrow recipients random PINs would be lost",
    };
    Err(CliError::not_ready(what)
        .nothing_sent()
        .remedy("Name the keys to encrypt to in the config: [escrow] recipients = [\"age1…\"]")
        .remedy("Or give the PIN: --pin-file FILE"))
}

/// Checks the numbers as Meta reports them now.
pub(crate) fn check_numbers(
    pins: &PinChoice,
    numbers: &[Number],
    selection: Selection,
    flags: ConfirmFlags<'_>,
) -> Result<(), CliError> {
    check_strength(pins, numbers)?;
    check_replacement(numbers, flags.may_replace)?;
    check_confirmation(selection, numbers, flags.confirm)
}

/// Refuses to replace a PIN without `--replace`. A number whose status is unknown may have a PIN.
fn check_replacement(numbers: &[Number], may_replace: bool) -> Result<(), CliError> {
    if may_replace {
        return Ok(());
    }
    let may_have_pin = |number: &&Number| match number.two_step {
        TwoStep::NotSet => false,
        TwoStep::On | TwoStep::Unknown => true,
    };
    let with_pin: Vec<_> = numbers.iter().filter(may_have_pin).collect();
    if with_pin.is_empty() {
        return Ok(());
    }
    let what = format!(
        "two-step verification is on, or may be, on {} of {}",
        with_pin.len(),
        table::numbers_label(numbers.len())
    );
    let rows = with_pin
        .iter()
        .take(MAX_LISTED_NUMBERS)
        .map(|number| table::row(&[(number.label(), 18), (number.id.as_str(), 18)], number.two_step.label()));
    let rest = with_pin.len().saturating_sub(MAX_LISTED_NUMBERS);
    let rest = (rest > 0).then(|| format!("and {rest} more"));
    Err(CliError::new(ExitCode::NotConfirmed, what)
        .nothing_sent()
        .details(rows.chain(rest))
        .remedy("To replace the PIN there, add: --replace"))
}

/// Refuses what the operator did not confirm, and says what confirms it.
fn check_confirmation(selection: Selection, numbers: &[Number], confirm: Option<&str>) -> Result<(), CliError> {
    let what = if confirm.is_some() { "--confirm does not match" } else { "not confirmed" };
    let error = CliError::new(ExitCode::NotConfirmed, what).nothing_sent();
    match (selection, numbers) {
        (Selection::One, [number]) => {
            let expected = number.last_four();
            if confirm == Some(&expected.digits) {
                return Ok(());
            }
            let hint = if expected.is_from_id {
                format!("the last digits of the phone number ID {}", number.id)
            } else {
                format!("the last digits of {}", number.label())
            };
            Err(error.remedy(format!("To set this PIN, add {hint}: --confirm {}", expected.digits)))
        }
        (Selection::One | Selection::Many, _) => {
            let count = numbers.len();
            if confirm.map(strip_separators) == Some(count.to_string()) {
                return Ok(());
            }
            let numbers = table::numbers_label(count);
            Err(error.remedy(format!("A PIN would be sent to {numbers}. To send it, add: --confirm {count}")))
        }
    }
}

/// `2,433` and `2 433` are 2433.
fn strip_separators(count: &str) -> String {
    count.chars().filter(|c| !matches!(c, ',' | ' ')).collect()
}
