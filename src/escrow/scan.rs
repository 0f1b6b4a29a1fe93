//! Reads the lines of an escrow file, from its start or from a position that was reached before.
//!
//! It keeps one line in memory at a time, and never writes.

use std::io::{self, BufRead, Read as _};

use sha2::{Digest as _, Sha256};

use super::entry::EscrowEntry;

/// No valid line is as long as this. A longer line is damaged, and is not loaded.
pub(super) const MAX_LINE_BYTES: u64 = 256 << 10;

/// How far an escrow file was read: up to the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EscrowPosition {
    /// How many bytes are before it.
    pub bytes: u64,
    /// How many lines are before it.
    pub lines: usize,
    /// The SHA-256 of the digest of an earlier position and of the bytes since then; zeros at the start. Who knows the
    /// positions in between can compute it again from the whole file.
    pub digest: [u8; 32],
}

/// One line that could be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowLine {
    /// Where the line is.
    pub place: LinePlace,
    /// False for a last line that has no line end yet.
    pub is_terminated: bool,
    /// What it says.
    pub entry: EscrowEntry,
}

/// Where a line of the escrow file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePlace {
    /// How many bytes are before it.
    pub offset: u64,
    /// How long it is, with its line end.
    pub bytes: u64,
    /// Its number, from 1.
    pub number: usize,
}

impl LinePlace {
    /// Where the next line begins.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// What a scan found besides the lines that could be parsed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EscrowScan {
    /// The line numbers, from 1, of lines that could not be parsed. A torn last line is not among them.
    pub unreadable_lines: Vec<usize>,
    /// True if the last line is incomplete.
    pub is_torn: bool,
    /// The end of the last complete line.
    pub end: EscrowPosition,
}

impl EscrowScan {
    /// Reads line by line from a position, where the reader is already. A line that is too long is unreadable. `on_line`
    /// gets every line that could be parsed, in the order of the file, and may end the scan with an error.
    ///
    /// # Errors
    /// If the file cannot be read, or the error of `on_line`.
    pub(super) fn read<E: From<io::Error>>(
        mut reader: impl BufRead,
        from: EscrowPosition,
        mut on_line: impl FnMut(EscrowLine) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut scan = Self { end: from, ..Self::default() };
        let mut digest = Sha256::new().chain_update(from.digest);
        let (mut text, mut offset) = (Vec::new(), from.bytes);
        for number in from.lines + 1.. {
            // The bytes of a line without a line end do not count yet.
            let before = digest.clone();
            let mut bytes = read_line_part(&mut reader, &mut text)?;
            if bytes == 0 {
                break;
            }
            digest.update(&text);
            let (is_blank, mut is_terminated) = (text.trim_ascii().is_empty(), text.ends_with(b"\n"));
            let mut entry = EscrowEntry::parse(&text);
            while !is_terminated {
                let more = read_line_part(&mut reader, &mut text)?;
                if more == 0 {
                    break;
                }
                // The line is longer than an entry can be.
                entry = None;
                digest.update(&text);
                bytes += more;
                is_terminated = text.ends_with(b"\n");
            }
            let bytes = bytes as u64;
            let has_entry = entry.is_some();
            if let Some(entry) = entry {
                on_line(EscrowLine { place: LinePlace { offset, bytes, number }, is_terminated, entry })?;
            }
            if !is_terminated {
                scan.is_torn = !(is_blank || has_entry);
                digest = before;
                break;
            }
            if !(is_blank || has_entry) {
                scan.unreadable_lines.push(number);
            }
            offset += bytes;
            (scan.end.bytes, scan.end.lines) = (offset, number);
        }
        if scan.end.bytes > from.bytes {
            scan.end.digest = digest.finalize().into();
        }
        Ok(scan)
    }
}

/// Reads up to the end of the line, but at most [`MAX_LINE_BYTES`].
fn read_line_part(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    text.clear();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::Ciphertext;
    use super::*;
    use crate::domain::clock::UtcTime;

    fn entry(bytes: Vec<u8>) -> EscrowEntry {
        EscrowEntry {
            change: "01a2050b-82ce-7672-8d2a-2692b77520df".parse().expect("a UUID"),
            number: "106540352100143".parse().expect("an id"),
            waba: None,
            at: UtcTime::from_unix_seconds(0),
            job: None,
            ciphertext: Ciphertext(bytes),
        }
    }

    /// Scans from a position in the middle of a text.
    fn scan(text: &[u8], from: EscrowPosition) -> (EscrowScan, Vec<EscrowLine>) {
        let mut lines = Vec::new();
        let rest = &text[usize::try_from(from.bytes).expect("small")..];
        let scan = EscrowScan::read(rest, from, |line| {
            lines.push(line);
            Ok::<_, io::Error>(())
        });
        (scan.expect("readable"), lines)
    }

    proptest! {
        #[test]
        fn every_valid_line_is_read_and_bad_lines_are_numbered(
            lines in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..20), torn in any::<Vec<u8>>(),
        ) {
            let (mut text, mut expected, mut entries) = (Vec::new(), EscrowScan::default(), Vec::new());
            let one_line = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\n').collect::<Vec<u8>>();
            let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
            for (number, (is_entry, bytes)) in (1..).zip(lines) {
                let offset = text.len();
                if is_entry {
                    entry(bytes.clone()).write_json_line(&mut text);
                    let place = LinePlace { offset: offset as u64, bytes: (text.len() - offset) as u64, number };
                    entries.push(EscrowLine { place, is_terminated: true, entry: entry(bytes) });
                } else {
                    let bytes = one_line(&bytes);
                    text.extend_from_slice(&bytes);
                    text.push(b'\n');
                    if !is_blank(&bytes) {
                        expected.unreadable_lines.push(number);
                    }
                }
                (expected.end.bytes, expected.end.lines) = (text.len() as u64, number);
            }
            if !text.is_empty() {
                expected.end.digest = Sha256::new().chain_update([0; 32]).chain_update(&text).finalize().into();
            }
            let torn = one_line(&torn);
            text.extend_from_slice(&torn);
            expected.is_torn = !is_blank(&torn);
            prop_assert_eq!(scan(&text, EscrowPosition::default()), (expected, entries));
        }

        #[test]
        fn a_scan_goes_on_where_another_one_ended(
            counts in (0_usize..5, 0_usize..5), bytes in any::<Vec<u8>>(), torn in "[a-z]{0,9}",
        ) {
            let mut text = Vec::new();
            (0..counts.0).for_each(|_| entry(bytes.clone()).write_json_line(&mut text));
            let (first, mut lines) = scan(&text, EscrowPosition::default());
            (0..counts.1).for_each(|_| entry(bytes.clone()).write_json_line(&mut text));
            text.extend_from_slice(torn.as_bytes());
            let (second, rest) = scan(&text, first.end);
            lines.extend(rest);
            let (whole, all) = scan(&text, EscrowPosition::default());
            prop_assert_eq!(lines, all);
            prop_assert_eq!((second.end.bytes, second.end.lines), (whole.end.bytes, whole.end.lines));
            let is_chained = counts.0 > 0 && counts.1 > 0;
            prop_assert_eq!(second.end.digest == whole.end.digest, !is_chained);
        }
    }

    #[test]
    fn a_scan_ends_with_the_error_of_its_caller() {
        #[derive(Debug, PartialEq)]
        struct Enough;
        impl From<io::Error> for Enough {
            fn from(_: io::Error) -> Self {
                Self
            }
        }
        let mut text = Vec::new();
        entry(vec![1]).write_json_line(&mut text);
        let scanned = EscrowScan::read(&text[..], EscrowPosition::default(), |_| Err(Enough));
        assert_eq!(scanned, Err(Enough));
    }
}
