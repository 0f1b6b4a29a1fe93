//! Wraps messages at the width of a terminal: between words, and never within a path or a command, so that it can be
//! copied.
//!
//! It cuts nothing: a command that is longer than a line stays whole.

use crate::domain::text::width;

/// Words that start a command, where a message gives one.
const PROGRAMS: [&str; 6] = ["pindesk", "chmod", "chown", "export", "sudo", "printf"];

/// The commands of pindesk. Before any other word, its name is the subject of a sentence.
const COMMANDS: [&str; 8] = ["numbers", "wabas", "pin", "escrow", "jobs", "audit", "config", "simulator"];

/// The text with lines of at most `columns` columns, as far as its longest command allows. A line keeps its indentation.
pub(crate) fn wrap_message(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| wrap_line(line, columns)).collect();
    lines.join("\n")
}

fn wrap_line(line: &str, columns: usize) -> String {
    if width(line) <= columns || is_excerpt(line) {
        return line.to_owned();
    }
    let content = line.trim_start_matches(' ');
    let indent = &line[..line.len() - content.len()];
    let (mut wrapped, mut used) = (indent.to_owned(), indent.len());
    for (position, part) in unbreakable_parts(content).iter().enumerate() {
        let part_width = width(part);
        if position > 0 && (part.is_empty() || used + 1 + part_width <= columns) {
            wrapped.push(' ');
            used += 1;
        } else if position > 0 {
            wrapped.push('\n');
            wrapped.push_str(indent);
            used = indent.len();
        }
        wrapped.push_str(part);
        used += part_width;
    }
    wrapped
}

/// True for a line of a config file with its number, and for the marks below it.
fn is_excerpt(line: &str) -> bool {
    line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
}

/// The words of a line. The words of a command are one part.
fn unbreakable_parts(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut parts: Vec<String> = Vec::new();
    let mut position = 0;
    while position < words.len() {
        let length = if is_command(&words, position) { command_length(&words[position..]) } else { 1 };
        parts.push(words[position..position + length].join(" "));
        position += length;
    }
    parts
}

/// True if a command starts with this word: at the start of a line, or after a colon or "See".
fn is_command(words: &[&str], position: usize) -> bool {
    let is_announced = position == 0 || words[position - 1].ends_with(':') || words[position - 1] == "See";
    let is_known = words[position] != "pindesk"
        || words.get(position + 1).is_none_or(|next| next.starts_with("--") || COMMANDS.contains(next));
    is_announced && is_known && PROGRAMS.contains(&words[position])
}

/// How many words a command has: to the end of the line or of the sentence.
fn command_length(words: &[&str]) -> usize {
    let starts_sentence = |word: Option<&&str>| word.is_some_and(|word| word.starts_with(char::is_uppercase));
    let ends = |position: usize| words[position].ends_with('.') && starts_sentence(words.get(position + 1));
    (0..words.len()).find(|position| ends(*position)).map_or(words.len(), |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_wrapped_between_words_with_its_indentation() {
        let text =
            "pindesk: Meta refused it, and nothing was changed.\n  Make a new access token for the system user.\n";
        let expected = "pindesk: Meta refused it,\nand nothing was changed.\n  \
                        Make a new access token\n  for the system user.\n";
        assert_eq!(wrap_message(text, 26), expected);
        assert_eq!(wrap_message(text, 80), text);
    }

    #[test]
    fn a_path_and_a_command_stay_whole() {
        let cases = [
            ("cannot read /home/ana/a-long-path/token", "cannot read\n/home/ana/a-long-path/token"),
            (
                "To send the rest: pindesk jobs resume 3 --confirm 2",
                "To send the rest:\npindesk jobs resume 3 --confirm 2",
            ),
            (
                "Which ones: pindesk jobs show 1. To resolve them, press w.",
                "Which ones:\npindesk jobs show 1. To\nresolve them, press w.",
            ),
            ("  chmod 600 /etc/pindesk/a-long-name", "  chmod 600 /etc/pindesk/a-long-name"),
            ("here: pindesk waits for an answer", "here: pindesk waits for\nan answer"),
        ];
        for (text, expected) in cases {
            assert_eq!(wrap_message(text, 24), expected);
        }
    }

    #[test]
    fn a_table_and_an_excerpt_keep_their_blanks() {
        assert_eq!(wrap_message("  +1 201  Acme  on", 20), "  +1 201  Acme  on");
        let excerpt = "4 | conccurency = a long value\n  | ^^^^^^^^^^^ unknown";
        assert_eq!(wrap_message(excerpt, 20), excerpt);
        assert_eq!(wrap_message("Type the count: ", 8), "Type the\ncount: ");
    }
}
