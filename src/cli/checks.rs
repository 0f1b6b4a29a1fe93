//! The last checks before a command sends: the profile may be changed, the PIN is not weak, no PIN is replaced without
//! `--replace`, and the operator confirmed.
//!
//! Flags confirm a command. Without them the operator is asked on a terminal, if that is allowed, and refused elsewhere.

use crate::cli::args::GlobalArgs;
use crate::cli::confirm::{self, QuestionNotes, Selection, may_have_pin};
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::late_arrivals::LateArrivals;
use crate::cli::output::table;
use crate::cli::terminal;
use crate::config::Profile;
use crate::domain::number::Number;
use crate::domain::pin::{PinChoice, Weakness};

/// What the flags permit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfirmFlags<'a> {
    /// `--replace`
    pub(crate) may_replace: bool,
    /// `--confirm`
    pub(crate) confirm: Option<&'a str>,
    /// What happens without `--confirm`.
    pub(crate) unconfirmed: Unconfirmed,
    /// What the question says besides the numbers.
    pub(crate) notes: QuestionNotes<'a>,
}

/// What happens without `--confirm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconfirmed {
    /// A dry run sends nothing, so nothing has to be confirmed.
    Accept,
    /// The operator is asked.
    Ask,
    /// Nobody can be asked.
    Refuse,
}

impl Unconfirmed {
    /// For a command that sends.
    pub(crate) fn for_send(global: &GlobalArgs) -> Self {
        if !global.no_input && terminal::can_ask() { Self::Ask } else { Self::Refuse }
    }
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
    profile: &Profile,
    pins: &PinChoice,
    numbers: &[Number],
    selection: Selection,
    flags: ConfirmFlags<'_>,
) -> Result<(), CliError> {
    check_strength(pins, numbers)?;
    if flags.confirm.is_none() && flags.unconfirmed != Unconfirmed::Accept {
        check_late_arrivals(numbers, flags.notes.late)?;
    }
    check_replacement(numbers, flags.may_replace)?;
    let expected = expected_confirmation(selection, numbers);
    let mismatch = |what: &str, given: &str| {
        let verb = if is_number(given) { "does not match" } else { "is not a number. It must be" };
        CliError::new(ExitCode::NotConfirmed, format!("{what} {verb} {}", confirm::what_confirms(selection, numbers)))
            .nothing_sent()
            .remedy(DRY_RUN_HINT)
    };
    match (flags.confirm, flags.unconfirmed) {
        (Some(given), _) if is_confirmed_by(selection, given, &expected) => Ok(()),
        (None, Unconfirmed::Accept) => Ok(()),
        (None, Unconfirmed::Ask) => {
            let answer = confirm::ask(&confirm::question(profile, pins, selection, numbers, flags.notes))?;
            if is_confirmed_by(selection, &answer, &expected) {
                Ok(())
            } else if answer.is_empty() {
                Err(confirm::canceled())
            } else {
                Err(mismatch("what you typed", &answer))
            }
        }
        (None, Unconfirmed::Refuse) => {
            let them = match selection {
                Selection::One => "it",
                Selection::Many => "them",
            };
            let what = confirm::what_confirms(selection, numbers);
            let hint = format!("To send {them}, add --confirm with {what}.");
            Err(CliError::new(ExitCode::NotConfirmed, "not confirmed").nothing_sent().remedy(hint).remedy(DRY_RUN_HINT))
        }
        (Some(given), _) => Err(mismatch("--confirm", given)),
    }
}

/// True for what can be a number. The right value is never printed: it would be typed without a look at the numbers.
fn is_number(given: &str) -> bool {
    given.chars().any(|c| c.is_ascii_digit()) && given.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' '))
}

/// Refuses to ask for numbers of which the actor would refuse each.
fn check_late_arrivals(numbers: &[Number], late: Option<LateArrivals>) -> Result<(), CliError> {
    let Some(late) = late.filter(|late| late.count == numbers.len()) else { return Ok(()) };
    let what = format!("{}: {}", table::numbers_label(late.count), late.reason());
    Err(CliError::new(ExitCode::NoAnswer, what)
        .nothing_sent()
        .details(confirm::list_numbers(&numbers.iter().collect::<Vec<_>>()))
        .remedy("Run this command again then."))
}

const DRY_RUN_HINT: &str = "To see what would be sent, and the command that sends it, add --dry-run.";

/// What confirms these numbers: the last four digits of one, the count of many.
pub(crate) fn expected_confirmation(selection: Selection, numbers: &[Number]) -> String {
    match (selection, numbers) {
        (Selection::One, [number]) => number.last_four().digits,
        (Selection::One | Selection::Many, _) => numbers.len().to_string(),
    }
}

fn is_confirmed_by(selection: Selection, given: &str, expected: &str) -> bool {
    match selection {
        Selection::One => given == expected,
        Selection::Many => is_same_count(given, expected),
    }
}

/// True if this is the count that confirms so many numbers.
pub(crate) fn is_count(given: &str, count: usize) -> bool {
    is_same_count(given, &count.to_string())
}

/// `2,433` and `2 433` are 2433.
fn is_same_count(given: &str, expected: &str) -> bool {
    given.chars().filter(|c| !matches!(c, ',' | ' ')).eq(expected.chars())
}

/// Refuses to replace a PIN without `--replace`.
fn check_replacement(numbers: &[Number], may_replace: bool) -> Result<(), CliError> {
    let with_pin: Vec<_> = numbers.iter().filter(|number| may_have_pin(number)).collect();
    if may_replace || with_pin.is_empty() {
        return Ok(());
    }
    let what = match numbers.len() {
        1 => "two-step verification is on, or may be, on this number".to_owned(),
        count => {
            format!("two-step verification is on, or may be, on {} of {}", with_pin.len(), table::numbers_label(count))
        }
    };
    Err(CliError::new(ExitCode::NotConfirmed, what)
        .nothing_sent()
        .details(confirm::list_numbers(&with_pin))
        .remedy("To replace the PIN there, add: --replace"))
}
