//! What `escrow list` and `escrow open` print: tables for people, JSON for scripts.
//!
//! Only `open` prints a PIN. This module decrypts nothing.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::output::names::exact_names;
use crate::cli::output::result_fields::recorded_label;
use crate::cli::output::stdio::{print_json, write_line};
use crate::cli::output::table::{self, Cell, Column, Table, TableStyle, Tone, UNKNOWN};
use crate::domain::clock::UtcTime;
use crate::domain::json_text::{SCHEMA_VERSION, write_json};
use crate::domain::number::{Number, PhoneNumberId, WabaId};
use crate::domain::standing::ChangeResult;
use crate::escrow::EscrowEntry;
use crate::escrow::decrypt::DecryptedPin;
use crate::journal::RecordedState;

use super::in_force::InForce;
use super::store::{Decryption, EscrowSource, EscrowStore, EscrowedChange, JournalStatus};
use super::unopened;

/// An encrypted PIN as scripts see it.
#[derive(Serialize)]
struct EscrowRecord<'a> {
    change: String,
    phone_number_id: &'a str,
    waba_id: Option<&'a str>,
    display_phone_number: Option<&'a str>,
    verified_name: Option<&'a str>,
    at: String,
    /// The outcome of its change, as in a result; null if the journal does not know the change.
    request: Option<ChangeResult>,
    /// True if the change had no answer and is no longer in doubt.
    settled: bool,
    /// Null if it is not known.
    last_try_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<InForce>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<EscrowSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> EscrowRecord<'a> {
    fn new(entry: &'a EscrowEntry, status: Option<JournalStatus>, number: Option<&'a Number>) -> Self {
        let [display_phone_number, verified_name] = exact_names(number);
        let state = status.map(|status| status.state);
        Self {
            change: entry.change.to_string(),
            phone_number_id: entry.number.as_str(),
            waba_id: entry.waba.as_ref().map(WabaId::as_str),
            display_phone_number,
            verified_name,
            at: entry.at.to_rfc3339(),
            request: state.map(RecordedState::counted_as),
            settled: matches!(state, Some(RecordedState::Resolved | RecordedState::NotApplied)),
            last_try_at: status.and_then(|status| status.last_attempt_at).map(UtcTime::to_rfc3339),
            pin: None,
            in_force: None,
            source: None,
            reason: None,
        }
    }
}

pub(super) fn list_json(store: &EscrowStore) -> io::Result<()> {
    #[derive(Serialize)]
    struct EscrowListOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    let records = store.changes.iter().map(|change| {
        let entry = change.first_entry();
        EscrowRecord::new(entry, change.journal_status, store.known.get(entry.number))
    });
    print_json(&EscrowListOutput {
        schema: SCHEMA_VERSION,
        records: records.collect(),
        unreadable_lines: &store.unreadable_lines,
        is_torn: store.is_torn,
    })
}

/// Says why no PIN is listed. A number without one was named before.
fn print_nothing(store: &EscrowStore, out: &mut impl Write) -> io::Result<()> {
    match &store.empty_place {
        Some(place) => writeln!(out, "No encrypted PINs yet in {place}."),
        None if store.changes.is_empty() => Ok(()),
        None => writeln!(out, "No PIN to show."),
    }
}

/// The columns of `escrow list` that fit 80 columns of a terminal.
const LIST_COLUMNS: [Column; 4] = [
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 24, 6),
    Column::fixed("ENCRYPTED (UTC)", 16),
    Column::fixed("ID", 17),
];

/// The column that `--wide` adds to it.
const CHANGE_COLUMN: Column = Column::fixed("CHANGE", 36);

pub(super) fn list_table(store: &EscrowStore, is_wide: bool, style: TableStyle) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if store.changes.is_empty() {
        return print_nothing(store, &mut out);
    }
    let mut columns = LIST_COLUMNS.to_vec();
    columns.extend(is_wide.then_some(CHANGE_COLUMN));
    let mut table = Table::new(&columns);
    let mut entries: Vec<_> = store.changes.iter().rev().map(EscrowedChange::first_entry).collect();
    entries.sort_by_key(|entry| store.known.sort_key(entry.number));
    for entry in &entries {
        let [display, name] = store.known.cells(entry.number);
        let mut cells: Vec<Cell<'_>> =
            vec![display.into(), name.into(), entry.at.format_minute().into(), entry.number.as_str().into()];
        cells.extend(is_wide.then(|| Cell::from(entry.change.to_string())));
        table.push(cells);
    }
    table.print(style, &mut out)?;
    writeln!(out, "{}", total_line("encrypted PIN", entries.iter().map(|entry| entry.number)))
}

/// `3 PINs of 2 numbers.`
fn total_line(noun: &str, numbers: impl Iterator<Item = PhoneNumberId>) -> String {
    // They are sorted, so that equal ones are neighbors.
    let mut numbers: Vec<_> = numbers.collect();
    let count = numbers.len();
    numbers.dedup();
    format!("{} of {}.", table::pluralize(count, noun), table::numbers_label(numbers.len()))
}

pub(super) fn pins_json(store: &EscrowStore, decryptions: &[Decryption<'_>]) -> io::Result<()> {
    #[derive(Serialize)]
    struct EscrowOpenOutput<'a> {
        schema: u8,
        records: Vec<EscrowRecord<'a>>,
        unopened: Vec<EscrowRecord<'a>>,
        unreadable_lines: &'a [usize],
        is_torn: bool,
    }
    /// More than any record without its names.
    const MAX_RECORD_BYTES: usize = 1 << 10;
    /// How much longer JSON can make a byte of a name.
    const MAX_ESCAPE_BYTES: usize = 6;
    let (mut records, mut unopened) = (Vec::new(), Vec::new());
    let mut capacity = MAX_RECORD_BYTES * (store.unreadable_lines.len() + 1);
    for decryption in decryptions {
        let Decryption { entry, journal_status, source, result, .. } = decryption;
        let known = store.known.get(entry.number);
        let record = EscrowRecord { source: Some(*source), ..EscrowRecord::new(entry, *journal_status, known) };
        let names = [record.display_phone_number, record.verified_name].into_iter().flatten();
        // The buffer never grows, which would leave a copy of PINs behind.
        capacity += MAX_RECORD_BYTES + names.map(|name| name.len() * MAX_ESCAPE_BYTES).sum::<usize>();
        match result {
            Ok(decrypted) => {
                let in_force = Some(in_force(store, decryption));
                records.push(EscrowRecord { pin: Some(pin_digits(decrypted)), in_force, ..record });
            }
            Err(error) => unopened.push(EscrowRecord { reason: Some(error.to_string()), ..record }),
        }
    }
    let (unreadable_lines, is_torn) = (&store.unreadable_lines[..], store.is_torn);
    let output = EscrowOpenOutput { schema: SCHEMA_VERSION, records, unopened, unreadable_lines, is_torn };
    let mut text = Zeroizing::new(Vec::with_capacity(capacity));
    write_json(&mut *text, &output)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}

/// Of several PINs of one change, none is known to be the one that was sent.
fn in_force(store: &EscrowStore, decryption: &Decryption<'_>) -> InForce {
    if decryption.is_disputed { InForce::Maybe } else { store.in_force(decryption.entry.change) }
}

/// The columns of `escrow open` that fit 80 columns of a terminal.
const PIN_COLUMNS: [Column; 5] = [
    Column::fixed("NUMBER", 17),
    Column::flexible("NAME", 20, 6),
    Column::fixed("PIN", 6),
    Column::fixed("LAST SET HERE", 13),
    Column::fixed("SET AT (UTC)", 16),
];

/// The columns that `--wide` adds to them.
const WIDE_PIN_COLUMNS: [Column; 4] =
    [Column::fixed("ID", 17), Column::fixed("ENCRYPTED (UTC)", 16), Column::fixed("REQUEST", 26), CHANGE_COLUMN];

pub(super) fn pins_table(
    store: &EscrowStore,
    decryptions: &[Decryption<'_>],
    is_wide: bool,
    style: TableStyle,
) -> io::Result<()> {
    let mut columns = PIN_COLUMNS.to_vec();
    if is_wide {
        columns.extend(WIDE_PIN_COLUMNS);
    }
    unopened::warn(store, decryptions.iter().filter_map(Decryption::error));
    // Of one number, the newest PIN comes first.
    let mut newest_first: Vec<_> = decryptions.iter().enumerate().collect();
    newest_first
        .sort_by_key(|(position, decryption)| (store.known.sort_key(decryption.entry.number), Reverse(*position)));
    let mut table = Table::new(&columns);
    let (mut numbers, mut decisions, mut shown) = (Vec::new(), Vec::new(), HashSet::new());
    for (_, decryption) in newest_first {
        let Decryption { entry, journal_status, source, result, is_disputed } = decryption;
        let Ok(decrypted) = result else { continue };
        let [display, name] = store.known.cells(entry.number);
        // A number that was never listed here has only an ID.
        let display = if display == UNKNOWN { entry.number.as_str() } else { display };
        let decision = in_force(store, decryption);
        let set = in_force_cell(decision, *journal_status);
        let mut cells: Vec<Cell<'_>> =
            vec![display.into(), name.into(), pin_digits(decrypted).into(), set, set_at(*journal_status).into()];
        if is_wide {
            let (encrypted, request) = (entry.at.format_minute(), status_label(*journal_status));
            cells.extend([entry.number.as_str().into(), encrypted.into(), request.into()]);
            cells.push(entry.change.to_string().into());
        }
        decisions.push(decision);
        shown.insert(entry.change);
        table.push_with_note(cells, if *is_disputed { source.label() } else { "" });
        numbers.push(entry.number);
    }
    let mut out = io::stdout().lock();
    if numbers.is_empty() {
        return print_nothing(store, &mut out);
    }
    table.print(style, &mut out)?;
    writeln!(out, "{}", total_line("PIN", numbers.into_iter()))?;
    let notes = [
        (InForce::Yes, CONFIRMED_NOTE),
        (InForce::No, REPLACED_NOTE),
        (InForce::OffSince, OFF_NOTE),
        (InForce::Maybe, store.maybe_note()),
    ];
    for (_, note) in notes.iter().filter(|(decision, _)| decisions.contains(decision)) {
        write_line(&mut out, note)?;
    }
    for (number, at) in store.last_sets_without(&shown) {
        let [display, _] = store.known.cells(number);
        let display = if display == UNKNOWN { number.as_str() } else { display };
        let at = at.map_or_else(String::new, |at| format!(" at {}", at.format_date_time()));
        let why = "it is not in the escrow, or not for this key";
        write_line(&mut out, &format!("{display}: the PIN that was set last{at} is not here: {why}."))?;
    }
    writeln!(out, "{ELSEWHERE_NOTE}")
}

const CONFIRMED_NOTE: &str = "yes: Meta confirmed this PIN last.";
const REPLACED_NOTE: &str = "no: a newer PIN was set after it, or it was never in force.";
const OFF_NOTE: &str = "no, off since: it was set last, and then Meta said that two-step verification is not set.";
const ELSEWHERE_NOTE: &str = "Meta does not reveal changes made elsewhere since.";

/// When the PIN was sent last; unknown if the journal does not know the change.
fn set_at(status: Option<JournalStatus>) -> String {
    let at = status.and_then(|status| status.last_attempt_at);
    at.map_or_else(|| UNKNOWN.to_owned(), UtcTime::format_minute)
}

fn in_force_cell(in_force: InForce, status: Option<JournalStatus>) -> Cell<'static> {
    match (in_force, status.map(|status| status.state)) {
        (InForce::Yes | InForce::OffSince, _) => in_force.label().into(),
        (InForce::Maybe, _) => Cell::new(InForce::Maybe.label(), Tone::Uncertain),
        (InForce::No, Some(RecordedState::Ended(ChangeResult::Failed))) => "no, refused".into(),
        (InForce::No, Some(RecordedState::Ended(ChangeResult::NotSent))) => "no, not sent".into(),
        (InForce::No, Some(RecordedState::NotApplied)) => "no, not applied".into(),
        (InForce::No, _) => InForce::No.label().into(),
    }
}

/// The state of a change in the journal, for people.
fn status_label(status: Option<JournalStatus>) -> String {
    let Some(JournalStatus { state, last_attempt_at, .. }) = status else { return "not known".to_owned() };
    let label = recorded_label(state);
    if last_attempt_at.is_some() { label.to_owned() } else { format!("{label}, time not known") }
}

/// The PIN, for the terminal and for `--json`.
fn pin_digits(decrypted: &DecryptedPin) -> &str {
    std::str::from_utf8(decrypted.pin.expose()).unwrap_or_default()
}
