//! A company with numbers, an escrow and the real program: what the tests of the last line of defence work with.
//!
//! The escrow is opened by the age library alone, not by the program's own code.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use serde_json::Value;
use tempfile::TempDir;

use super::judge::{self, FaultOptions, FaultyGraph};

/// A company: its config, its state directory, and the key that its escrow is sealed to.
pub(crate) struct CrashFixture {
    temp_dir: TempDir,
    key: age::x25519::Identity,
    pub(crate) graph: FaultyGraph,
    /// Lines of the escrow file that were looked at.
    escrow_lines_read: usize,
}

/// What one line of the escrow holds.
pub(crate) struct DecryptedEntry {
    pub(crate) change: String,
    pub(crate) number: String,
    pub(crate) pin: String,
}

impl CrashFixture {
    pub(crate) fn new(manners: FaultOptions) -> Self {
        let dir = TempDir::new().expect("a directory");
        let (key, judge) = (age::x25519::Identity::generate(), FaultyGraph::start(manners));
        let company = Self { temp_dir: dir, key, graph: judge, escrow_lines_read: 0 };
        company.write_file("token", "SIMULATOR", 0o600);
        company.write_file("key.txt", company.key.to_string().expose_secret(), 0o600);
        company
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp_dir.path().join(name)
    }

    fn write_file(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).expect("it is written");
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("its mode is set");
    }

    /// The program, with a config that names this WABA.
    pub(crate) fn command(&self, waba: usize, words: &[&str]) -> Command {
        let config = format!(
            "[profile.acme]\ntoken_file = \"{}\"\ngraph_url = \"{}\"\n[[profile.acme.waba]]\nid = \"{}\"\n[escrow]\nrecipients = [\"{}\"]\n",
            self.path("token").display(),
            self.graph.url(),
            judge::waba_id(waba),
            self.key.to_public(),
        );
        self.write_file("config.toml", &config, 0o600);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command.arg("--config").arg(self.path("config.toml")).arg("--state-dir").arg(self.path("state")).args(words);
        command.env_clear().env("HOME", self.temp_dir.path()).env("PATH", "/usr/bin:/bin");
        command
    }

    /// The command that sets a random PIN on each of the first numbers of a WABA, in JSON.
    pub(crate) fn pin_set_command(&self, waba: usize, count: usize, more: &[&str]) -> Command {
        let list = (0..count).fold(String::new(), |mut list, n| {
            writeln!(list, "{}", judge::number_id(waba, n)).expect("a String takes all");
            list
        });
        self.write_file("numbers.txt", &list, 0o600);
        let count = count.to_string();
        let mut command = self.command(waba, &["pin", "set", "--random", "--json", "--confirm", &count, "--from"]);
        command.arg(self.path("numbers.txt")).args(more);
        command
    }

    /// The lines of the escrow that are new, opened with the key.
    pub(crate) fn new_escrow_entries(&mut self) -> Vec<DecryptedEntry> {
        let file = fs::read_to_string(self.path("state/escrow.jsonl")).unwrap_or_default();
        // A torn last line is one whose PIN was never sent.
        let whole: Vec<&str> = file.lines().filter(|line| line.ends_with('}')).collect();
        let new = whole[self.escrow_lines_read..].iter().map(|line| self.decrypt_line(line)).collect();
        self.escrow_lines_read = whole.len();
        new
    }

    fn decrypt_line(&self, line: &str) -> DecryptedEntry {
        let outer: Value = serde_json::from_str(line).expect("a line of JSON");
        let sealed = outer["sealed"].as_str().expect("a text");
        let sealed = base64::engine::general_purpose::STANDARD.decode(sealed).expect("base64");
        let decryptor = age::Decryptor::new(&sealed[..]).expect("an age file");
        let mut text = String::new();
        let keys = std::iter::once(&self.key as &dyn age::Identity);
        decryptor.decrypt(keys).expect("it is for this key").read_to_string(&mut text).expect("text");
        let inner: Value = serde_json::from_str(&text).expect("JSON");
        for name in ["v", "change", "phone_number_id", "waba_id", "at"] {
            assert_eq!(outer[name], inner[name], "{name} of {line}");
        }
        let text = |name: &str| inner[name].as_str().expect("a text").to_owned();
        DecryptedEntry { change: text("change"), number: text("phone_number_id"), pin: text("pin") }
    }

    /// What the program says of its last job, number by number.
    pub(crate) fn last_job_lines(&self, waba: usize) -> Vec<Value> {
        let listed = self.run_json(waba, &["jobs", "list", "--json"]);
        let Some(last) = listed.iter().filter_map(|job| job["job"].as_u64()).max() else { return Vec::new() };
        self.run_json(waba, &["jobs", "show", &last.to_string(), "--json"])
    }

    pub(crate) fn run_json(&self, waba: usize, words: &[&str]) -> Vec<Value> {
        let output = self.command(waba, words).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || output.status.code() == Some(4), "{words:?}: {} {told}", output.status);
        let lines = String::from_utf8(output.stdout).expect("text");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}
