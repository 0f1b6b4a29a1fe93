//! Alters a closed journal as a program other than pindesk could.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Changes the database without triggers and foreign keys.
pub(crate) fn tamper(state_dir: &Path, sql: &str) {
    without_triggers(&open(state_dir), |db| db.execute_batch(sql).expect("altered"));
}

/// Changes the database, and makes it one of the last version whose audit rows bound no other rows. A journal that is
/// opened next migrates it and binds the rows as they are.
pub(crate) fn rewrite_as_unbound(state_dir: &Path, sql: &str) {
    let db = open(state_dir);
    without_triggers(&db, |db| {
        db.execute_batch(sql).expect("altered");
        relink(state_dir, db, |row| {
            row.as_object_mut().expect("an object").remove("record");
        });
    });
    unbind_schema(&db);
}

/// Removes what the first version with bound rows added, and later ones.
pub(crate) fn unbind_schema(db: &Connection) {
    db.execute_batch(
        "DROP TABLE checkpoints; DROP TABLE escrow_lines; DROP TABLE job_rests; DROP TABLE job_tallies;
        DROP TABLE untallied_jobs; DROP TABLE re_encryptions; DROP INDEX drills; DROP TABLE row_groups; DROP INDEX jobs_of_seq; DROP INDEX recipient_rows; PRAGMA user_version = 4",
    )
    .expect("altered");
}

fn open(state_dir: &Path) -> Connection {
    Connection::open(state_dir.join("journal.db")).expect("a database")
}

/// Runs `change` without triggers and foreign keys.
fn without_triggers(db: &Connection, change: impl FnOnce(&Connection)) {
    let triggers: Vec<(String, String)> = db
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut names| names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("the triggers");
    for (name, _) in &triggers {
        db.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped");
    }
    db.pragma_update(None, "foreign_keys", false).expect("set");
    change(db);
    for (_, sql) in &triggers {
        db.execute_batch(sql).expect("created");
    }
}

/// Changes the text of each audit row, and computes the hash chain again.
fn relink(state_dir: &Path, db: &Connection, change: impl Fn(&mut Value)) {
    let rows: Vec<(i64, String)> = db
        .prepare("SELECT seq, row FROM audit ORDER BY seq")
        .and_then(|mut rows| rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("the rows");
    let mut hash = [0; 32];
    for (sequence, text) in &rows {
        let mut row = serde_json::from_str(text).expect("JSON");
        change(&mut row);
        let text = row.to_string();
        hash = next_hash(hash, &text);
        db.execute("UPDATE audit SET row = ?2, hash = ?3 WHERE seq = ?1", params![sequence, text, hash])
            .expect("altered");
    }
    let mut head = format!("{:020} ", rows.len());
    for byte in hash {
        write!(head, "{byte:02x}").expect("written");
    }
    fs::write(state_dir.join("audit.head"), head + "\n").expect("written");
}

/// Appends audit rows to the log, as if an operator had hidden the screen so often.
pub(crate) fn append_audit_rows(state_dir: &Path, count: usize) {
    let mut db = open(state_dir);
    let last = "SELECT seq, row, hash FROM audit ORDER BY seq DESC LIMIT 1";
    let (last, text, mut hash): (i64, String, [u8; 32]) =
        db.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("a row");
    let mut row: Value = serde_json::from_str(&text).expect("JSON");
    let fields = row.as_object_mut().expect("an object");
    for field in ["record", "phone_number_id", "change", "outcome"] {
        fields.remove(field);
    }
    let tx = db.transaction().expect("a transaction");
    let mut insert = tx.prepare("INSERT INTO audit (seq, row, hash) VALUES (?1, ?2, ?3)").expect("a statement");
    for sequence in (last + 1..).take(count) {
        row["sequence"] = sequence.into();
        row["action"] = "screen-hidden".into();
        let text = row.to_string();
        hash = next_hash(hash, &text);
        insert.execute(params![sequence, text, hash]).expect("inserted");
    }
    drop(insert);
    tx.commit().expect("committed");
}

/// The hash of an audit row after a row with this hash.
pub(crate) fn next_hash(previous: [u8; 32], text: &str) -> [u8; 32] {
    Sha256::new().chain_update(previous).chain_update(text).finalize().into()
}
