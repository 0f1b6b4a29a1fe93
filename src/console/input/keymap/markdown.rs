//! Writes `docs/keys.md`, the keys of every page as Markdown.
//!
//! It has no rows of its own: it reads the key table that the dispatcher uses.

use std::fmt::Write as _;

use crate::console::input::key::Key;
use crate::console::input::keymap::{KeyRow, Mode, table};

/// `docs/keys.md`: the keys of every page, with the names that the config gives their actions.
#[must_use]
pub fn keys_markdown() -> String {
    let mut out = KEYS_INTRODUCTION.to_owned();
    for mode in Mode::ALL {
        push_page(&mut out, mode.title(), &table::of(mode).rows());
    }
    let everywhere: Vec<_> = table::GLOBAL.iter().map(|binding| &binding.row).collect();
    push_page(&mut out, "everywhere", &everywhere);
    out
}

const KEYS_INTRODUCTION: &str = "\
# Keys of the console

`?` shows the keys of a page. The first key of a row is the one that the last line of the screen shows. `[keys]` in the
[config](config.md) gives an action another key: `set-pin = \"s\"`. Actions without a name keep their keys.

The code generates this page: run `UPDATE_DOCS=1 cargo test --test tidy`.
";

fn push_page(out: &mut String, title: &str, rows: &[&KeyRow]) {
    if rows.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let mut initial = title.chars();
    let heading: String = initial.next().into_iter().flat_map(char::to_uppercase).chain(initial).collect();
    write!(out, "\n## {heading}\n\n| key | what it does | name |\n|--|--|--|\n").ok();
    for row in rows {
        let name = if row.is_fixed { String::new() } else { format!("`{}`", row.name) };
        writeln!(out, "| {} | {} | {name} |", code_words(&key_names(row)), row.description).ok();
    }
}

/// The built-in keys of a row.
fn key_names(row: &KeyRow) -> String {
    row.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

fn code_words(text: &str) -> String {
    text.split(' ').map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}
