//! Every row that decides something is bound by the audit log: each edit, deletion, insertion and exchange is reported by
//! the row that it concerns.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use pindesk::domain::change::Resolution;
use pindesk::domain::standing::Standing;
use pindesk::domain::text::CleanText;
use pindesk::journal::{AuditEvent, AuditProblem, BoundRows, JournalError, JournalReader};
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};

use super::no_answer;
use crate::support::journal_fixture::{JournalFixture, job_plan, new_recipients, number_id, outcome_record};
use crate::support::tampering::{rewrite_as_unbound, tamper};

/// The tables whose rows decide nothing: what Meta listed last, and what can be made again from other records.
const CACHES: [&str; 5] = ["numbers", "escrow_lines", "job_tallies", "job_rests", "untallied_jobs"];

/// Two jobs, with a row in every table and two in most. Returns the fixture with the journal closed.
async fn write_records(fixture: &mut JournalFixture) {
    let (journal, _) = fixture.open();
    let at = fixture.now;
    for (n, standing) in [(1, no_answer()), (2, Standing::Set)] {
        let job = journal.start_job(job_plan(&[n, n + 10])).await.expect("recorded");
        let intent = fixture.intent(job, n, at);
        journal.record_intent(intent.clone()).await.expect("recorded");
        journal.record_retry(intent.change, intent.number, 2).await.expect("recorded");
        journal.record_outcome(outcome_record(&intent, standing, at)).await.expect("recorded");
        // Encrypted again, to the same key.
        let again = intent.escrow_entry.clone().expect("encrypted");
        journal.record_re_encryptions(vec![again]).await.expect("recorded");
        journal.end_job(job).await.expect("recorded");
        journal.resume_job(job, vec![number_id(n + 10)]).await.expect("recorded");
        journal.end_job(job).await.expect("recorded");
        let note = Some(CleanText::new("asked the shop"));
        journal.resolve(number_id(n), vec![intent.change], Resolution::Manual, note).await.expect("recorded");
    }
    journal.record_event(AuditEvent::ScreenHidden).await.expect("recorded");
    journal.close();
    fixture.recipients = Some(new_recipients());
    let (journal, _) = fixture.open();
    journal.accept_recipients().await.expect("recorded");
    // Enough for a checkpoint at each of the next two starts.
    for _ in 0..2 {
        journal.record_events(vec![AuditEvent::ScreenShown; 201]).await.expect("recorded");
        fixture.open().0.close();
    }
    journal.close();
    // Later, no request of these jobs can arrive.
    fixture.now = at.plus(Duration::from_hours(1));
}

/// A closed journal whose file is put back after each alteration.
struct Altered {
    fixture: JournalFixture,
    original: Vec<u8>,
}

impl Altered {
    fn new(fixture: JournalFixture) -> Self {
        let original = fs::read(fixture.state_file("journal.db")).expect("readable");
        Self { fixture, original }
    }

    /// What `verify_audit` reports after these statements. The journal is then as it was.
    fn problems(&self, sql: &str) -> Vec<AuditProblem> {
        tamper(&self.fixture.state_path(), sql);
        let reader = JournalReader::open(&self.fixture.state_dir()).expect("a journal");
        let verified = reader.verify_audit().expect("readable");
        drop(reader);
        for name in ["journal.db-wal", "journal.db-shm"] {
            fs::remove_file(self.fixture.state_file(name)).ok();
        }
        fs::write(self.fixture.state_file("journal.db"), &self.original).expect("written");
        verified.err().unwrap_or_default()
    }

    /// Asserts that damage of this audit row is reported.
    fn assert_reported(&self, row: i64, sql: &str) {
        let problems = self.problems(sql);
        let names_row = |problem: &AuditProblem| (problem.sequence..=problem.until).contains(&row);
        assert!(problems.iter().any(|found| found.is_damage && names_row(found)), "{row}: {sql}: {problems:?}");
    }

    fn tables(&self) -> Vec<String> {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut tables = strings(&self.fixture.open_database(), names);
        tables.retain(|table| !CACHES.contains(&table.as_str()));
        tables
    }

    /// Each column with a value of another kind of row, as SQL. Leaves out what is computed from another column.
    fn columns(&self, table: &str) -> Vec<(String, String)> {
        let db = self.fixture.open_database();
        let mut columns =
            db.prepare("SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden = 0").expect("columns");
        let column = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let columns = columns.query_map([table], column).expect("columns");
        let other = |column: &str, [one, other]: [&str; 2]| format!("iif({column} = '{one}', '{other}', '{one}')");
        let value = |column: &str, kind: &str| match kind {
            _ if column == "pins" => other(column, ["given", "random"]),
            _ if column == "before" => other(column, ["on", "not_set"]),
            _ if column == "kind" => other(column, ["set", "failed"]),
            _ if column == "how" => other(column, ["by_hand", "nothing_in_force"]),
            _ if column == "repeats" => "1 - repeats".to_owned(),
            "INTEGER" => format!("coalesce({column} + 100000, 100000)"),
            "TEXT" => format!("coalesce({column} || 'x', 'x')"),
            "BLOB" => format!("zeroblob(length({column}) + 1)"),
            _ => panic!("{table}.{column} is {kind}"),
        };
        columns
            .map(|found| found.expect("a column"))
            .map(|(name, kind)| (value(&name, &kind), name))
            .map(swap)
            .collect()
    }

    /// The rows of a table: how each is found, and the audit row that binds it.
    fn rows(&self, table: &str) -> Vec<(String, i64)> {
        let bound_to = match table {
            "job_numbers" => {
                "SELECT job || ' AND place = ' || place, (SELECT seq FROM jobs WHERE job = n.job)".to_owned()
            }
            "runs" => "SELECT quote(run), (SELECT min(seq) FROM tries WHERE run = n.run)".to_owned(),
            "row_groups" => "SELECT seq || ' AND first = ' || first, seq".to_owned(),
            "jobs" => "SELECT job, seq".to_owned(),
            _ => "SELECT seq, seq".to_owned(),
        };
        let key = match table {
            "jobs" | "job_numbers" => "job",
            "runs" => "run",
            _ => "seq",
        };
        let db = self.fixture.open_database();
        let mut rows = db.prepare(&format!("{bound_to} FROM {table} n ORDER BY 2, 1")).expect("rows");
        let row = |row: &rusqlite::Row<'_>| {
            let found_by = match row.get_ref(0)?.as_i64() {
                Ok(number) => number.to_string(),
                Err(_) => row.get(0)?,
            };
            Ok((format!("{key} = {found_by}"), row.get::<_, Option<i64>>(1)?))
        };
        let rows = rows.query_map([], row).expect("rows").map(|found| found.expect("a row"));
        // A run that wrote no attempt decides nothing here.
        rows.filter_map(|(key, row)| Some((key, row?))).collect()
    }
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

fn strings(db: &Connection, sql: &str) -> Vec<String> {
    db.prepare(sql).and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect()).expect("readable")
}

/// Alters everything in every table, one by one. Returns the tables that had rows.
fn assert_all_is_bound(altered: &Altered) -> BTreeSet<String> {
    let mut covered = BTreeSet::new();
    for table in altered.tables() {
        let rows = altered.rows(&table);
        let Some((key, row)) = rows.first() else { continue };
        for (column, value) in altered.columns(&table) {
            altered.assert_reported(*row, &format!("UPDATE {table} SET {column} = {value} WHERE {key}"));
        }
        altered.assert_reported(*row, &format!("DELETE FROM {table} WHERE {key}"));
        let last = rows.last().filter(|_| rows.len() > 1);
        if let Some(exchange) = last.and_then(|(other, _)| exchange(&table, key, other)) {
            altered.assert_reported(*row, &exchange);
        }
        covered.insert(table);
    }
    covered
}

/// The statements that give two rows the keys of each other; `None` where the order of rows tells nothing.
fn exchange(table: &str, one: &str, other: &str) -> Option<String> {
    let (key, first, second) = match table {
        "runs" | "row_groups" => return None,
        "job_numbers" => ("job = 1 AND place", "1", "2"),
        _ => (one.split(' ').next()?, one.rsplit(' ').next()?, other.rsplit(' ').next()?),
    };
    let column = key.rsplit(' ').next()?;
    let step = |from: &str, to: &str| format!("UPDATE {table} SET {column} = {to} WHERE {key} = {from};");
    Some([step(first, "77777"), step(second, first), step("77777", second)].concat())
}

#[tokio::test]
async fn every_column_of_every_table_is_bound() {
    let mut fixture = JournalFixture::new();
    write_records(&mut fixture).await;
    let altered = Altered::new(fixture);
    assert_eq!(altered.problems(""), []);
    let mut covered = assert_all_is_bound(&altered);
    // The same after a migration, where the first rows are older, and the last ones are not.
    let Altered { mut fixture, .. } = altered;
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.open().0.close();
    write_records(&mut fixture).await;
    let altered = Altered::new(fixture);
    assert_eq!(altered.problems(""), []);
    covered.extend(assert_all_is_bound(&altered));
    assert_eq!(covered, altered.tables().into_iter().collect());
}

#[tokio::test]
async fn an_inserted_record_is_reported() {
    let mut fixture = JournalFixture::new();
    write_records(&mut fixture).await;
    let altered = Altered::new(fixture);
    let db = altered.fixture.open_database();
    let hidden: i64 = db
        .query_row("SELECT seq FROM audit WHERE row ->> '$.action' = 'screen-hidden'", [], |row| row.get(0))
        .expect("a row");
    drop(db);
    // With the number of a row that has no record, and with one that no row has.
    for row in [hidden, 1_000] {
        for (table, change) in [
            ("jobs", "job = 99"),
            ("resumptions", "job = 1"),
            ("changes", "change = change || 'x'"),
            ("tries", "attempt = 9"),
            ("outcomes", "kind = 'set'"),
            ("settlements", "how = 'by_hand'"),
            ("recipients", "at = 1"),
            ("job_ends", "job = 1"),
        ] {
            let insert = format!(
                "CREATE TEMP TABLE copied AS SELECT * FROM {table} LIMIT 1; UPDATE copied SET seq = {row}, {change};
                INSERT INTO {table} SELECT * FROM copied"
            );
            altered.assert_reported(row, &insert);
        }
    }
    altered.assert_reported(1, "INSERT INTO job_numbers VALUES (1, 99, '200000000000099', NULL)");
    let problems = altered.problems("INSERT INTO job_numbers VALUES (99, 1, '200000000000099', NULL)");
    assert_eq!(problems[0].description.as_str(), "job 99 has numbers, but no row of the log starts it");
}

#[tokio::test]
async fn rows_of_an_older_version_are_bound_by_one_row() {
    let mut fixture = JournalFixture::new();
    write_records(&mut fixture).await;
    rewrite_as_unbound(&fixture.state_path(), "");
    fixture.open().0.close();
    let reader = || JournalReader::open(&fixture.state_dir()).expect("a journal");
    let rows = reader().verify_audit().expect("readable").expect("intact");
    // The last row is a checkpoint.
    assert_eq!(rows.bound, Some(BoundRows { until: rows.rows - 2, by: rows.rows - 1, are_accepted: false }));
    // It binds them once.
    fixture.open().0.close();
    assert_eq!(reader().verify_audit().expect("readable"), Ok(rows));
}

#[tokio::test]
async fn damage_from_before_a_migration_stays_reported() {
    let mut fixture = JournalFixture::new();
    write_records(&mut fixture).await;
    rewrite_as_unbound(&fixture.state_path(), "UPDATE outcomes SET kind = 'failed' WHERE kind = 'set'");
    fixture.open().0.close();
    let verified = JournalReader::open(&fixture.state_dir()).expect("a journal").verify_audit().expect("readable");
    let problems = verified.expect_err("a record was altered");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].description.as_str(), "the record that it describes was deleted or altered");
}

#[tokio::test]
async fn nothing_is_migrated_while_another_process_uses_it() {
    let mut fixture = JournalFixture::new();
    write_records(&mut fixture).await;
    rewrite_as_unbound(&fixture.state_path(), "");
    let run = strings(&fixture.open_database(), "SELECT run FROM runs LIMIT 1").remove(0);
    let path = fixture.state_file(&format!("running.{run}"));
    let file = fs::File::options().create(true).truncate(false).write(true).open(&path).expect("a file");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    flock(&file, FlockOperation::LockExclusive).expect("locked");
    let error = fixture.try_open().expect_err("another process uses it");
    assert!(matches!(error, JournalError::OlderInUse { .. }), "{error:?}");
    let expected = format!(
        "journal ~/state/journal.db: an older pindesk created it, and process {} on desk-1, uid 1000 (ana) still uses it. \
         Nothing was changed. End that process, then try again",
        std::process::id()
    );
    assert_eq!(fixture.without_temp_path(error), expected);
    drop(file);
    fixture.open().0.close();
}
