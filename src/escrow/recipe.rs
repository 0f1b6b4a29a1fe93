//! How to read the escrow file where this program is not to be had: the stock `age` program and a shell.

use std::path::{Path, absolute};

use crate::config::guarded;

use super::file::NAME;

/// Picks what is sealed out of every whole line; a torn end and what is damaged fall through.
const PICK: &str = r#"sed -n 's/.*"sealed":"\([A-Za-z0-9+/=]*\)"}$/\1/p'"#;

/// The one-line commands that read the escrow file with the stock `age` program alone, each behind a line that says
/// what it does. They stand for themselves: any shell, from any directory.
#[must_use]
pub fn recipe(dir: &Path) -> String {
    let file = dir.join(NAME);
    // Only where the present directory is gone is there no absolute path, and then the given one says as much.
    let file = guarded::for_shell(&absolute(&file).unwrap_or(file));
    format!(
        "# Put your private key file in place of KEY: an age key file, or an ssh-ed25519 or ssh-rsa private key.\n\
         # The PIN sealed last:\n\
         {PICK} {file} | tail -n 1 | base64 -d | age -d -i KEY\n\
         # The PIN sealed last for one number; put its phone number ID in place of ID:\n\
         grep '\"phone_number_id\":\"ID\"' {file} | {PICK} | tail -n 1 | base64 -d | age -d -i KEY\n\
         # Every PIN, oldest first:\n\
         {PICK} {file} | while read -r line; do echo \"$line\" | base64 -d | age -d -i KEY; echo; done\n"
    )
}
