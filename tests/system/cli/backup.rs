//! `backup`, `audit export` and `audit verify --against`: what a copy that is kept elsewhere is good for.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{assert_refused, set_first_pin, set_one_pin};
use crate::support::cli_fixture::{CliFixture, wait_until_held};
use crate::support::skip;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The names of the files in a directory, each with its mode.
fn files(dir: &Path) -> BTreeSet<(String, u32)> {
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("attributes").permissions().mode() & 0o7777;
        (entry.file_name().into_string().expect("UTF-8"), mode)
    };
    fs::read_dir(dir).expect("a directory").map(file).collect()
}

/// The PINs of a state directory by number, as the owner of the key sees them, each with whether it is in force.
fn opened(cli: &CliFixture, state_dir: &str) -> BTreeSet<(String, String, String)> {
    let key = cli.path("key.txt");
    let open = ["escrow", "open", "--json", "--identity", text(&key), "--state-dir", state_dir];
    let pins = cli.run(&open).summary()["records"].as_array().expect("records").clone();
    let field = |pin: &Value, name: &str| pin[name].as_str().expect("a string").to_owned();
    pins.iter().map(|pin| (field(pin, "phone_number_id"), field(pin, "pin"), field(pin, "in_force"))).collect()
}

/// What `audit export` writes, byte for byte.
fn exported(cli: &CliFixture) -> String {
    let output = cli.command(&["audit", "export"]).output().expect("the process starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_backup_is_a_state_directory_of_its_own() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    let dir = cli.path("backup");
    let made = cli.run(&["backup", text(&dir)]);
    assert_eq!((made.code, &*made.stderr), (Some(0), ""), "{made:?}");
    let copied = "4 audit rows and 1 encrypted PIN";
    assert_eq!(made.stdout, format!("Backup made and checked: {copied}, in ~/backup.\n"));
    let expected = ["audit.head", "escrow.jsonl", "journal.db"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(files(&dir), BTreeSet::from(expected));
    assert_eq!(fs::metadata(&dir).expect("the directory").permissions().mode() & 0o777, 0o700);
    let own = cli.state_path("");
    assert_eq!(opened(&cli, text(&dir)), opened(&cli, text(&own)));
    let rows = cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").clone();
    let recorded = rows.iter().find(|row| row["action"] == "backup").expect("the backup is recorded");
    assert_eq!(recorded["note"], json!(format!("{copied}, to ~/backup")));
    // It goes on where the backup was made.
    let next = set_one_pin(&cli, &ids[1], &["--state-dir", text(&dir)]);
    assert_eq!(next.code, Some(0), "{next:?}");
    assert_eq!(cli.run(&["audit", "verify", "--state-dir", text(&dir)]).code, Some(0));
}

#[test]
fn a_backup_replaces_nothing() {
    let cli = CliFixture::without_faults();
    let dir = cli.path("backup");
    let nothing = cli.run(&["backup", text(&dir)]);
    assert!(nothing.code == Some(0) && nothing.stdout.contains("nothing to back up"), "{nothing:?}");
    assert_eq!(set_first_pin(&cli).code, Some(0));
    assert_eq!(cli.run(&["backup", text(&dir)]).code, Some(0));
    let before = files(&dir);
    let message = "~/backup: it is not empty. A backup needs a new or an empty directory";
    assert_refused(&cli, &["backup", text(&dir)], 2, message);
    assert_eq!(files(&dir), before);
}

#[test]
fn a_backup_of_a_running_job_has_its_pins_in_doubt() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 3);
    let held = cli.simulator.hold_changes(0);
    let list = cli.write_id_list(&ids);
    let set = ["pin", "set", "--from", &list, "--random", "--confirm", "3", "--concurrency", "3"];
    let mut child = cli.command(&set).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the process starts");
    wait_until_held(&held, 3);
    let dir = cli.path("backup");
    let made = cli.run(&["backup", text(&dir)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    drop(held);
    assert!(child.wait().expect("the process ends").success());
    // The process that sent them is not known where the copy is restored.
    let restored = opened(&cli, text(&dir));
    let expected: BTreeSet<_> = ids
        .iter()
        .map(|id| (id.clone(), cli.pin_in_force(id).expect("a PIN is in force"), "maybe".to_owned()))
        .collect();
    assert_eq!(restored, expected);
}

#[test]
fn a_backup_of_a_damaged_journal_says_so() {
    let cli = CliFixture::without_faults();
    assert_eq!(set_first_pin(&cli).code, Some(0));
    let db = Connection::open(cli.state_path("journal.db")).expect("the journal");
    db.execute_batch("DROP TRIGGER audit_stays; UPDATE audit SET row = replace(row, '\"set\"', '\"failed\"')")
        .expect("the journal is altered");
    drop(db);
    let dir = cli.path("backup");
    let made = cli.run(&["backup", text(&dir)]);
    assert_eq!(made.code, Some(6), "{made:?}");
    assert!(
        made.stderr.contains("is complete, but the journal that it copies is damaged\n  audit row 4: it was altered")
    );
    assert_eq!(files(&dir).len(), 3);
}

#[test]
fn an_older_directory_is_seen_only_beside_an_export() {
    let cli = CliFixture::without_faults();
    let ids = cli.number_ids("not-set", 2);
    assert_eq!(set_one_pin(&cli, &ids[0], &[]).code, Some(0));
    let old = cli.path("old");
    assert_eq!(cli.run(&["backup", text(&old)]).code, Some(0));
    assert_eq!(set_one_pin(&cli, &ids[1], &[]).code, Some(0));
    let file = cli.write_file("audit.jsonl", 0o600, &exported(&cli));
    let rows = cli.run(&["audit", "show", "--json"]).summary()["rows"].as_array().expect("rows").len();
    let verify = |state_dir: &str| cli.run(&["audit", "verify", "--against", &file, "--state-dir", state_dir]);
    let state = cli.state_path("");
    let same = verify(text(&state));
    assert_eq!(
        same.stdout,
        format!("Audit log intact ({rows} rows). It has all of ~/audit.jsonl ({rows} rows).\n"),
        "{same:?}"
    );
    assert_eq!(cli.run(&["audit", "verify", "--state-dir", text(&old)]).code, Some(0));
    let older = verify(text(&old));
    assert_eq!((older.code, &*older.stdout), (Some(6), ""), "{older:?}");
    let missing = "pindesk: compared with ~/audit.jsonl: audit row 5: it is missing, although the file has it";
    assert!(older.stderr.starts_with(missing), "{older:?}");
    // A chain of the same length that was computed anew.
    assert_eq!(set_one_pin(&cli, &ids[1], &["--replace", "--state-dir", text(&old)]).code, Some(0));
    let other = verify(text(&old));
    assert!(
        other.code == Some(6) && other.stderr.contains("audit row 5: it is not the row that the file has"),
        "{other:?}"
    );
}

#[test]
fn an_altered_export_is_refused_by_line() {
    let cli = CliFixture::without_faults();
    assert_eq!(set_first_pin(&cli).code, Some(0));
    let export = exported(&cli);
    let lines: Vec<&str> = export.lines().collect();
    assert_eq!(lines.len(), 5);
    let without =
        |n: usize| lines.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, line)| *line).collect::<Vec<_>>();
    let twice = [&lines[..], &lines[4..]].concat();
    let altered = export.replace("\\\"set\\\"", "\\\"failed\\\"");
    assert_ne!(altered, export);
    for (content, message) in [
        (altered, "line 4 is not as `pindesk audit export` wrote it"),
        (without(1).join("\n"), "line 2 is not as"),
        (without(4).join("\n"), "it ends without its last line: it was cut off"),
        (twice.join("\n"), "line 6 is not as"),
        (String::new(), "it ends without its last line"),
        ("PINs\n".to_owned(), "line 1 is not as"),
    ] {
        let file = cli.write_file("audit.jsonl", 0o600, &content);
        assert_refused(&cli, &["audit", "verify", "--against", &file], 2, message);
    }
    assert_refused(&cli, &["audit", "verify", "--against", "/none"], 2, "cannot read /none: No such file");
}

#[test]
fn a_missing_syslog_is_told_and_stops_nothing() {
    if Path::new("/dev/log").exists() {
        return skip::not_allowed("a test that needs a machine without /dev/log");
    }
    let cli = CliFixture::without_faults();
    let config = fs::read_to_string(cli.path(".config/pindesk/config.toml")).expect("a config");
    cli.write_file(".config/pindesk/config.toml", 0o600, &format!("{config}\n[audit]\nsyslog = true\n"));
    let line = "pindesk: audit rows do not go to syslog: /dev/log: No such file or directory\n";
    let set = set_first_pin(&cli);
    assert_eq!((set.code, set.stderr.matches(line).count()), (Some(0), 1), "{set:?}");
    let made = cli.run(&["backup", text(&cli.path("backup"))]);
    assert_eq!((made.code, &*made.stderr), (Some(0), line), "{made:?}");
}
