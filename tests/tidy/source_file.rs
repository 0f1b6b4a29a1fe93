//! The files of the repository as text: what is code, and which modules it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file: where it is, and its text.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Everything before the module of unit tests. Other items that only tests compile count as code.
    pub(crate) fn code(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }

    /// The code without comments.
    pub(crate) fn code_without_comments(&self) -> String {
        self.code().lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    /// `src/console/app/keys.rs` is the module `console::app::keys`.
    pub(crate) fn module_path(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').map(str::to_owned).collect()
    }

    pub(crate) fn is_unit_tests(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// Every path into this crate that the code names, as modules from the top.
    pub(crate) fn crate_paths(&self) -> BTreeSet<Vec<String>> {
        // A visibility names a module and uses nothing of it.
        let (bare, module) = (self.code_without_comments().replace("pub(in crate::", "pub("), self.module_path());
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

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file under a directory, by path.
pub(crate) fn sources(dir: &str) -> Vec<SourceFile> {
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

/// Every Rust file.
pub(crate) fn all_sources() -> Vec<SourceFile> {
    ["src", "tests", "benches", "screenshots"].into_iter().flat_map(sources).collect()
}

/// Every Rust file but those of this crate, which names what it forbids.
pub(crate) fn all_other_sources() -> Vec<SourceFile> {
    all_sources().into_iter().filter(|source| !source.path.starts_with("tests/tidy/")).collect()
}
