//! The rules of this repository that no compiler checks: who may use whom, how long a file may be, where secrets leave
//! their types, and whether the README says what the program does.
//!
//! `UPDATE_DOCS=1 cargo test --test tidy` writes the tables of the README, and the pages in `docs/` that are made from code.

mod imports;
mod readme;
mod source_file;

use crate::source_file::{SourceFile, all_other_sources, all_sources, read, sources};

/// A longer file is two rooms.
const MAX_LINES: usize = 450;

/// Characters in the name of a test.
const MAX_TEST_NAME: usize = 60;

/// Where a PIN, an access token or an app secret is taken out of its type. A new place belongs in this list only if
/// the secret must leave there.
const SECRET_EXPOSURES: [&str; 8] = [
    "src/cli/commands/demo.rs",
    "src/cli/commands/escrow/print.rs",
    "src/cli/simulator_config.rs",
    "src/config/endpoint.rs",
    "src/console/pin_form.rs",
    "src/escrow/entry.rs",
    "src/graph/secrets.rs",
    "src/simulator/world/access.rs",
];

/// Tests that let time pass, and why nothing else would do.
const ALLOWED_SLEEPS: [(&str, &str); 5] = [
    ("src/jobs/tests.rs", "its clock is paused, so that sleeping is how time passes, and takes none"),
    ("tests/support/faulty_graph.rs", "a server that takes its time, for programs in other processes"),
    ("tests/support/random_graph.rs", "a server that takes its time, too"),
    ("tests/support/scripted_server.rs", "a server that is slow on purpose, on a clock that tests may pause"),
    ("tests/system/jobs.rs", "its clock is paused, too"),
];

/// Lines of `sources` that hold one of `parts`, comments left out.
fn matching_lines(sources: &[SourceFile], parts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in (1..).zip(source.text.lines()) {
            let is_comment = line.trim_start().starts_with("//");
            if !is_comment && parts.iter().any(|part| line.contains(part)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

#[track_caller]
fn assert_no_violations(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_room() {
    let too_long = |source: &SourceFile| {
        let lines = source.code().lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", source.path))
    };
    assert_no_violations(&all_sources().iter().filter_map(too_long).collect::<Vec<_>>());
}

#[test]
fn clippy_warns_of_functions_over_60_lines() {
    assert!(read("clippy.toml").contains("too-many-lines-threshold = 60\n"));
    assert!(read("Cargo.toml").contains("pedantic = { level = \"warn\", priority = -1 }\n"));
}

#[test]
fn nothing_is_left_undone_or_waved_through() {
    let words = ["#[allow(", "#![allow(", "todo!", "unimplemented!", "#[ignore", "dbg!("];
    assert_no_violations(&matching_lines(&all_other_sources(), &words));
}

#[test]
fn no_test_sleeps_without_a_reason() {
    let mut sleeping = Vec::new();
    for source in all_other_sources() {
        let is_test = source.path.starts_with("tests/") || source.is_unit_tests();
        let tests = if is_test { &source.text } else { &source.text[source.code().len()..] };
        if ["thread", "time"].iter().any(|module| tests.contains(&format!("{module}::sleep"))) {
            sleeping.push(source.path);
        }
    }
    assert_eq!(sleeping, ALLOWED_SLEEPS.map(|(path, _)| path));
}

#[test]
fn secrets_come_out_in_few_places() {
    let exposes = |source: &SourceFile| source.code_without_comments().contains(".expose");
    let found: Vec<String> = sources("src").into_iter().filter(exposes).map(|source| source.path).collect();
    assert_eq!(found, SECRET_EXPOSURES);
}

#[test]
fn sql_is_only_in_one_place() {
    let is_outside = |source: &SourceFile| !source.path.starts_with("src/journal/sqlite");
    let outside: Vec<SourceFile> = sources("src").into_iter().filter(is_outside).collect();
    assert_no_violations(&matching_lines(&outside, &["rusqlite", "SELECT ", "INSERT ", "DELETE FROM ", "PRAGMA "]));
}

#[test]
fn the_name_of_a_test_is_a_short_sentence() {
    let mut too_long = Vec::new();
    for source in all_sources() {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim_start) {
            is_test |= ["#[test]", "#[tokio::test"].iter().any(|attribute| line.starts_with(attribute));
            let Some((_, name)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) else {
                continue;
            };
            let name = name.split('(').next().unwrap_or_default();
            if name.len() > MAX_TEST_NAME {
                too_long.push(format!("{}: {name}: {} characters", source.path, name.len()));
            }
            is_test = false;
        }
    }
    assert_no_violations(&too_long);
}
