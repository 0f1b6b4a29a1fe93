//! Whether the README and the pages beside it say what the program does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pindesk::cli::{commands_markdown, exit_code};
use pindesk::config::{Env, Overrides, keys};
use pindesk::console::input::keymap;
use pindesk::preflight;
use tempfile::TempDir;

use crate::assert_no_violations;
use crate::source_file::{read, root};

const MAX_README_LINES: usize = 180;

#[test]
fn the_readme_is_short_and_says_how_to_try_and_how_to_test() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= MAX_README_LINES, "{lines} lines");
    for command in ["cargo run --release -- --demo", "cargo test"] {
        assert!(readme.lines().any(|line| line.trim() == command), "no line: {command}");
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = read("README.md");
    let linked = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let shown = ["src=\"", "srcset=\""].map(|attribute| readme.split(attribute).skip(1));
    let shown = shown.into_iter().flatten().filter_map(|rest| rest.split('"').next());
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
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join("README.md"), format!("{before}{start}{expected}{end}{after}")).expect("written");
    } else {
        assert!(listed == expected, "{marker} have changed: UPDATE_DOCS=1 cargo test --test tidy\n{expected}");
    }
}

#[test]
fn the_readme_lists_all_exit_codes() {
    assert_readme_part("exit codes", &exit_code::readme_table());
}

#[test]
fn the_pages_made_from_code_are_up_to_date() {
    let pages = [
        ("docs/config.md", keys::config_markdown()),
        ("docs/keys.md", keymap::keys_markdown()),
        ("docs/commands.md", commands_markdown()),
    ];
    for (path, expected) in pages {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(root().join("docs")).expect("a directory");
            fs::write(root().join(path), expected).expect("written");
        } else {
            assert!(read(path) == expected, "{path} has changed: UPDATE_DOCS=1 cargo test --test tidy");
        }
    }
}

#[test]
fn the_example_of_the_config_page_loads() {
    load_config(&keys::example());
}

#[test]
fn the_config_of_the_readme_loads() {
    let readme = read("README.md");
    let block = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a config");
    load_config(block);
}

#[track_caller]
fn load_config(text: &str) {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("config.toml");
    fs::write(&file, text).expect("the file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    if let Err(error) = preflight::load_config(&overrides, &Env::default()) {
        panic!("{error}");
    }
}
