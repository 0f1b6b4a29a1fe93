//! Reading `escrow.jsonl`: complete, truncated and damaged.

use std::fs;

use pindesk::escrow::{EscrowContents, EscrowFile};

use super::{EscrowFixture, LOCK_TIMEOUT, entries};

#[test]
fn reading_creates_no_escrow_file() {
    let fixture = EscrowFixture::new();
    assert_eq!(fixture.contents(), EscrowContents::default());
    assert!(!fixture.escrow_path().exists());
}

#[test]
fn a_truncated_file_loses_only_its_last_line() {
    let fixture = EscrowFixture::new();
    let all = entries(3);
    fixture.append(&all[..2]);
    let whole = fs::read(fixture.escrow_path()).expect("the file");
    let first_len = whole.iter().position(|byte| *byte == b'\n').expect("an end") + 1;
    let lengths =
        (0..whole.len()).step_by(13).chain([first_len - 1, first_len, first_len + 1, whole.len() - 1, whole.len()]);
    for len in lengths {
        fs::write(fixture.escrow_path(), &whole[..len]).expect("truncated");
        // A last line without its line feed is complete if its text is.
        let complete = usize::from(len >= first_len - 1) + usize::from(len >= whole.len() - 1);
        let is_torn = ![0, first_len - 1, first_len, whole.len() - 1, whole.len()].contains(&len);
        let expected = EscrowContents { entries: all[..complete].to_vec(), unreadable_lines: Vec::new(), is_torn };
        assert_eq!(fixture.contents(), expected, "truncated to {len}");

        fixture.append(&all[2..]);
        let unreadable_lines = if is_torn { vec![complete + 1] } else { Vec::new() };
        let mut entries = all[..complete].to_vec();
        entries.push(all[2].clone());
        let expected = EscrowContents { entries, unreadable_lines, is_torn: false };
        assert_eq!(fixture.contents(), expected, "appended after {len}");
        assert!(fs::read(fixture.escrow_path()).expect("the file").starts_with(&whole[..len]), "altered after {len}");
    }
}

#[test]
fn damaged_lines_are_reported_and_the_others_are_read() {
    let fixture = EscrowFixture::new();
    let entries = entries(2);
    fixture.append(&entries);
    let whole = fs::read_to_string(fixture.escrow_path()).expect("the file");
    let (first, second) = whole.split_once('\n').expect("two lines");
    let endless = "x".repeat(600_000);
    // The part of this line that pindesk reads is a complete entry, but the line goes on.
    let longer = format!("{first}{}x", " ".repeat((256 << 10) - first.len()));
    let text = format!("{first}\r\n{endless}\n\n\u{0}\n{second}{longer}\nnot json\n{endless}");
    fs::write(fixture.escrow_path(), text).expect("damaged");
    assert_eq!(fixture.contents(), EscrowContents { entries, unreadable_lines: vec![2, 4, 6, 7], is_torn: true });
}

#[test]
fn a_hundred_thousand_lines_are_read() {
    let fixture = EscrowFixture::new();
    fixture.append(&entries(1));
    let line = fs::read(fixture.escrow_path()).expect("the file");
    fs::write(fixture.escrow_path(), line.repeat(100_000)).expect("written");
    assert_eq!(fixture.contents().entries.len(), 100_000);
}

#[test]
fn a_torn_line_is_terminated_once() {
    let fixture = EscrowFixture::new();
    let entries = entries(1);
    fixture.append(&entries);
    let whole = fs::read(fixture.escrow_path()).expect("the file");
    fs::write(fixture.escrow_path(), [&whole[..], &whole[..40]].concat()).expect("a torn line");
    let file = EscrowFile::open(&fixture.state_dir).expect("opened");
    for _ in 0..2 {
        file.lock(LOCK_TIMEOUT).expect("locked").terminate_torn_line().expect("terminated");
        assert_eq!(fs::read(fixture.escrow_path()).expect("the file"), [&whole[..], &whole[..40], b"\n"].concat());
    }
    assert_eq!(fixture.contents(), EscrowContents { entries, unreadable_lines: vec![2], is_torn: false });
}
