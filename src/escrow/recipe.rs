//! How to read the escrow file without pindesk: with the stock `age` program and a shell. It runs nothing.

use std::path::{Path, absolute};

use crate::domain::redact::shell_quote;

use super::file::FILE_NAME;

/// Extracts the time, the change and the ciphertext of every complete line. Torn and damaged lines do not match.
const EXTRACT_FIELDS: &str =
    r#"sed -n 's/.*"change":"\([^"]*\)".*"at":"\([^"]*\)".*"sealed":"\([A-Za-z0-9+/=]*\)"}$/\2 \1 \3/p'"#;

/// By time, because a repair appends old lines after newer ones. Within a second, the ids of changes give the order.
/// Lines of one change keep theirs, so that the one that repairs another comes last.
const SORT_BY_TIME: &str = "sort -s -k 1,2 | cut -d ' ' -f 3";

/// The one-line commands that read the escrow file with the stock `age` program alone, each after a line that says what
/// it does. They work in any shell, from any directory.
#[must_use]
pub fn recipe(dir: &Path) -> String {
    let file = dir.join(FILE_NAME);
    // Without a current directory there is no absolute path.
    let file = shell_quote(&absolute(&file).unwrap_or(file));
    format!(
        "# Put your private key file in place of KEY: an age key file, or an ssh-ed25519 or ssh-rsa private key.\n\
         # The file says when each PIN was sealed, by the clock of then, and not what became of it: one that was sealed last\n\
         # may have been refused, or never sent. Where the journal is, this tells more: pindesk escrow open\n\
         # The PIN sealed last, by the times in the file:\n\
         {EXTRACT_FIELDS} {file} | {SORT_BY_TIME} | tail -n 1 | base64 -d | age -d -i KEY\n\
         # The same for one number; put its phone number ID in place of ID:\n\
         grep '\"phone_number_id\":\"ID\"' {file} | {EXTRACT_FIELDS} | {SORT_BY_TIME} | tail -n 1 | base64 -d | age -d -i KEY\n\
         # Every PIN, in the order of these times:\n\
         {EXTRACT_FIELDS} {file} | {SORT_BY_TIME} | while read -r line; do echo \"$line\" | base64 -d | age -d -i KEY; echo; done\n"
    )
}
