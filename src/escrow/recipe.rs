//! Prints how to read the escrow file without pindesk: with the stock `age` program and a shell. It runs no command.

use std::path::{Path, absolute};

use crate::domain::redact::shell_quote;

use super::file::FILE_NAME;

/// Extracts the time, the change and the ciphertext of every complete line. Torn and damaged lines do not match.
const EXTRACT_FIELDS: &str =
    r#"sed -n 's/.*"change":"\([^"]*\)".*"at":"\([^"]*\)".*"sealed":"\([A-Za-z0-9+/=]*\)"}$/\2 \1 \3/p'"#;

/// Sorts by time, because a repair appends old lines after newer ones; within a second, by change ID. The sort is
/// stable: of two lines of one change, the one that a repair appended stays last.
const SORT_BY_TIME: &str = "sort -s -k 1,2 | cut -d ' ' -f 3";

/// One-line commands that read the escrow file with only the stock `age` program. A comment before each says what it
/// does. They work in any shell, from any directory.
#[must_use]
pub fn recipe(dir: &Path) -> String {
    let file = dir.join(FILE_NAME);
    // Without a current directory there is no absolute path.
    let file = shell_quote(&absolute(&file).unwrap_or(file));
    format!(
        "# Replace FILE with your private key file: an age key file, or an ssh-ed25519\n\
         # or ssh-rsa private key.\n\
         # The escrow file has when each PIN was encrypted (by the clock at that time),\n\
         # but not its outcome: the last PIN may have been refused, or never sent.\n\
         # With the journal, this shows the outcomes: pindesk escrow open\n\
         # In each line, \"sealed\" is the encrypted PIN.\n\
         # The last encrypted PIN, by the times in the file:\n\
         {EXTRACT_FIELDS} {file} | {SORT_BY_TIME} | tail -n 1 | base64 -d | age -d -i FILE\n\
         # The same for one number; replace ID with its phone number ID:\n\
         grep '\"phone_number_id\":\"ID\"' {file} | {EXTRACT_FIELDS} | {SORT_BY_TIME} | tail -n 1 | base64 -d | age -d -i FILE\n\
         # Every PIN, in the order of these times:\n\
         {EXTRACT_FIELDS} {file} | {SORT_BY_TIME} | while read -r line; do echo \"$line\" | base64 -d | age -d -i FILE; echo; done\n"
    )
}
