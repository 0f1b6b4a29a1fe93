//! The house rules that no compiler checks: what may know of what, how big a room may be, where secrets come out, and
//! whether the README tells what the program does.
//!
//! `UPDATE_README=1 cargo test --test tidy` writes the tables of keys and exit codes into the README.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pindesk::cli::exit_code;
use pindesk::config::{Env, Overrides};
use pindesk::console::input::keymap;
use pindesk::preflight;
use tempfile::TempDir;

/// A longer file is two rooms.
const MAX_LINES: usize = 450;

const MAX_README_LINES: usize = 200;

/// Where a PIN, an access token or an app secret is taken out of its type. A new place belongs in this list only if
/// the secret must leave there.
const SECRET_EXPOSURES: [&str; 7] = [
    "src/cli/commands/demo.rs",
    "src/cli/commands/escrow.rs",
    "src/config/endpoint.rs",
    "src/console/pin_form.rs",
    "src/escrow/entry.rs",
    "src/graph/secrets.rs",
    "src/simulator/world/access.rs",
];

/// Tests that let time pass, and why nothing else would do.
const ALLOWED_SLEEPS: [(&str, &str); 4] = [
    ("src/jobs/tests.rs", "its clock is paused, so that sleeping is how time passes, and takes none"),
    ("tests/support/faulty_graph.rs", "a server that takes its time, for programs in other processes"),
    ("tests/support/scripted_server.rs", "a server that is slow on purpose, on a clock that tests may pause"),
    ("tests/system/jobs.rs", "its clock is paused, too"),
];

/// A Rust file: where it is, and its text.
struct SourceFile {
    path: String,
    text: String,
}

impl SourceFile {
    /// Everything before the unit tests.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// The code without comments.
    fn code_without_comments(&self) -> String {
        self.code().lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    /// `src/console/app/keys.rs` is the module `console::app::keys`.
    fn module_path(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').map(str::to_owned).collect()
    }

    fn is_unit_tests(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// Every path into this crate that the code names, as modules from the top.
    fn crate_paths(&self) -> BTreeSet<Vec<String>> {
        let (bare, module) = (self.code_without_comments(), self.module_path());
        let mut found = BTreeSet::new();
        for (start, _) in bare.match_indices("crate::").filter(|(at, _)| is_word_start(&bare, *at)) {
            expand_use_tree(&bare[start + "crate::".len()..], &[], &mut found);
        }
        for (start, _) in bare.match_indices("super::").filter(|(at, _)| is_word_start(&bare, *at)) {
            expand_use_tree(&bare[start + "super::".len()..], &module[..module.len() - 1], &mut found);
        }
        found
    }
}

fn is_word_start(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'))
}

/// Follows `a::{b, c::d}` into `a::b` and `a::c::d`, from a prefix on. Returns what comes after it.
fn expand_use_tree<'t>(text: &'t str, prefix: &[String], found: &mut BTreeSet<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand_use_tree(rest, prefix, found).trim_start();
            if let Some(more) = rest.strip_prefix(',') {
                rest = more;
            } else {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return rest.strip_prefix('*').unwrap_or(rest);
    }
    let path: Vec<String> = match word {
        "super" => prefix[..prefix.len() - 1].to_vec(),
        _ => prefix.iter().cloned().chain([word.to_owned()]).collect(),
    };
    match rest.strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '{')) => {
            expand_use_tree(rest, &path, found)
        }
        Some(rest) => {
            found.insert(path);
            rest.trim_start_matches('*')
        }
        None => {
            found.insert(path);
            let renamed = rest.trim_start().strip_prefix("as ");
            renamed.map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file under a directory, by path.
fn sources(dir: &str) -> Vec<SourceFile> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                out.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(dir), &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root").to_str().expect("plain names").to_owned();
        SourceFile { text: read(&name), path: name }
    };
    paths.into_iter().map(source).collect()
}

/// The modules that a file declares, in its order.
fn declared_modules(path: &str) -> Vec<String> {
    let of_line = |line: &str| {
        Some(line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    read(path).lines().filter_map(of_line).collect()
}

/// What of `sources` names a module that stands below its own in `order`; modules are compared at `depth`.
fn order_violations(sources: &[SourceFile], order: &[String], depth: usize) -> Vec<String> {
    let place = |module: &[String]| order.iter().position(|name| module.get(depth) == Some(name));
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !source.is_unit_tests()) {
        let module = source.module_path();
        let Some(own) = place(&module) else { continue };
        for path in source.crate_paths().into_iter().filter(|path| path[..depth] == module[..depth]) {
            match place(&path) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{} uses {}, which stands below it", source.path, path.join("::"))),
                None => wrong.push(format!("{} uses {}, which is no module", source.path, path.join("::"))),
            }
        }
    }
    wrong
}

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

/// This file names what it forbids.
fn all_other_sources() -> Vec<SourceFile> {
    let dirs = ["src", "tests", "benches"];
    dirs.into_iter().flat_map(sources).filter(|source| source.path != "tests/tidy.rs").collect()
}

#[track_caller]
fn assert_no_violations(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_module_imports_only_modules_above_it() {
    let order = declared_modules("src/lib.rs");
    assert!(order.len() > 10, "{order:?}");
    assert_no_violations(&order_violations(&sources("src"), &order, 0));
}

#[test]
fn a_module_of_the_console_imports_only_those_above_it() {
    let order = declared_modules("src/console.rs");
    assert!(order.len() > 8, "{order:?}");
    assert_no_violations(&order_violations(&sources("src/console"), &order, 1));
}

#[test]
fn the_order_is_held_against_every_way_to_name_a_module() {
    let text = "use crate::a::{self, b::C, d as e};\nuse super::{f, super::g::H};\nlet x = crate::i::J::new(super::k);";
    let source = SourceFile { path: "src/console/view/list.rs".to_owned(), text: text.to_owned() };
    let paths: Vec<String> = source.crate_paths().iter().map(|path| path.join("::")).collect();
    let expected = ["a::b::C", "a::d", "a::self", "console::g::H", "console::view::f", "console::view::k", "i::J::new"];
    assert!(expected.iter().all(|path| paths.iter().any(|found| found == path)), "{paths:?}");
    let order = ["f".to_owned(), "view".to_owned(), "app".to_owned()];
    let below = SourceFile { path: "src/console/view.rs".to_owned(), text: "use crate::console::app::App;".to_owned() };
    assert_eq!(order_violations(&[below], &order, 1).len(), 1);
}

#[test]
fn no_file_is_longer_than_a_room() {
    let too_long = |source: &SourceFile| {
        let lines = source.code().lines().count();
        (lines > MAX_LINES && !source.is_unit_tests()).then(|| format!("{}: {lines} lines", source.path))
    };
    assert_no_violations(&sources("src").iter().filter_map(too_long).collect::<Vec<_>>());
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
        if ["thread::sleep", "time::sleep"].iter().any(|sleep| tests.contains(sleep)) {
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
fn the_readme_is_short_and_says_how_to_try_and_how_to_test() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines < MAX_README_LINES, "{lines} lines");
    for command in ["cargo run --release -- --demo", "cargo test"] {
        assert!(readme.lines().any(|line| line.trim() == command), "no line: {command}");
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = read("README.md");
    let linked = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let shown = readme.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let local = linked.chain(shown).filter(|target| !target.contains("://") && !target.starts_with('#'));
    let missing: Vec<String> = local.filter(|target| !root().join(target).exists()).map(str::to_owned).collect();
    assert_no_violations(&missing);
}

/// Compares the part of the README between two markers, or rewrites it where that is asked for.
#[track_caller]
fn assert_readme_part(marker: &str, expected: &str) {
    let (start, end) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let readme = read("README.md");
    let (before, rest) = readme.split_once(&start).expect("the start marker");
    let (listed, after) = rest.split_once(&end).expect("the end marker");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(root().join("README.md"), format!("{before}{start}{expected}{end}{after}")).expect("written");
    } else {
        assert!(listed == expected, "{marker} have changed: UPDATE_README=1 cargo test --test tidy\n{expected}");
    }
}

#[test]
fn the_readme_lists_all_keys_and_exit_codes() {
    // One test, because both parts are in one file.
    assert_readme_part("keys", &keymap::readme_table());
    assert_readme_part("exit codes", &exit_code::readme_table());
}

#[test]
fn the_config_of_the_readme_loads() {
    let readme = read("README.md");
    let block = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a config");
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("config.toml");
    fs::write(&file, block).expect("the file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    if let Err(error) = preflight::load_config(&overrides, &Env::default()) {
        panic!("{error}");
    }
}
