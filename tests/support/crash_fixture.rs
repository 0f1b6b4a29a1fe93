//! Everything a crash test needs: a fake Graph API with faults, a config, a state directory, and the real program.
//!
//! It decrypts the escrow with the age library alone, never with the code of pindesk.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use serde_json::Value;
use tempfile::TempDir;

use super::faulty_graph::{self, FaultOptions, FaultyGraph};
use super::pty::PtySession;

/// A fake Graph API, a home directory, and the key that PINs are encrypted to.
pub(crate) struct CrashFixture {
    temp_dir: TempDir,
    key: age::x25519::Identity,
    pub(crate) graph: FaultyGraph,
    /// The `graph_url` of the config.
    url: String,
    /// How many lines of the escrow file were read.
    escrow_lines_read: usize,
}

/// One decrypted line of the escrow file.
pub(crate) struct DecryptedEntry {
    pub(crate) change: String,
    pub(crate) number: String,
    pub(crate) pin: String,
}

impl CrashFixture {
    pub(crate) fn new(options: FaultOptions) -> Self {
        let temp_dir = TempDir::new().expect("a temporary directory");
        let (key, graph) = (age::x25519::Identity::generate(), FaultyGraph::start(options));
        let url = graph.url();
        let fixture = Self { temp_dir, key, graph, url, escrow_lines_read: 0 };
        fixture.write_file("token", "SIMULATOR", 0o600);
        fixture.write_file("key.txt", fixture.key.to_string().expose_secret(), 0o600);
        fixture
    }

    /// The same with another server at this URL.
    pub(crate) fn for_server(url: &str) -> Self {
        let latency = Duration::ZERO;
        let options = FaultOptions { min_latency: latency, max_latency: latency, fault_percent: 0, seed: 0 };
        Self { url: url.to_owned(), ..Self::new(options) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp_dir.path().join(name)
    }

    fn write_file(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).expect("the file is written");
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("the mode is set");
    }

    /// A command of pindesk, with a config that names this WABA.
    pub(crate) fn command(&self, waba: usize, arguments: &[&str]) -> Command {
        self.write_config(waba..waba + 1);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command
            .arg("--config")
            .arg(self.path("config.toml"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(arguments);
        command.env_clear().env("HOME", self.temp_dir.path()).env("PATH", "/usr/bin:/bin");
        command
    }

    fn write_config(&self, wabas: Range<usize>) {
        let wabas = wabas.map(|waba| format!("[[profile.acme.waba]]\nid = \"{}\"\n", faulty_graph::waba_id(waba)));
        let config = format!(
            "[profile.acme]\ntoken_file = \"{}\"\ngraph_url = \"{}\"\n{}[escrow]\nrecipients = [\"{}\"]\n",
            self.path("token").display(),
            self.url,
            wabas.collect::<String>(),
            self.key.to_public(),
        );
        self.write_file("config.toml", &config, 0o600);
    }

    /// Starts the console with the numbers of the first WABAs, and waits until it reads them.
    pub(crate) fn start_console(&self, wabas: usize) -> PtySession {
        let session = self.spawn_console(wabas);
        session.wait_for("online");
        session
    }

    /// Starts the console with the numbers of the first WABAs.
    pub(crate) fn spawn_console(&self, wabas: usize) -> PtySession {
        self.write_config(0..wabas);
        let (config, state, home) = (self.path("config.toml"), self.path("state"), self.path(""));
        let [config, state, home] = [&config, &state, &home].map(|path| path.to_str().expect("UTF-8"));
        let env = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("HOME", home), ("PATH", "/usr/bin:/bin")];
        let program = env!("CARGO_BIN_EXE_pindesk");
        PtySession::spawn(program, &["--config", config, "--state-dir", state], (100, 24), &env)
    }

    /// The command that sets a random PIN on each of the first `count` numbers of a WABA, with JSON output.
    pub(crate) fn pin_set_command(&self, waba: usize, count: usize, more: &[&str]) -> Command {
        let list = (0..count).fold(String::new(), |mut list, n| {
            writeln!(list, "{}", faulty_graph::number_id(waba, n)).expect("writing to a String cannot fail");
            list
        });
        self.write_file("numbers.txt", &list, 0o600);
        let count = count.to_string();
        let mut command = self.command(waba, &["pin", "set", "--random", "--json", "--confirm", &count, "--from"]);
        command.arg(self.path("numbers.txt")).args(more);
        command
    }

    /// The lines of the escrow file that are new since the last call, decrypted.
    pub(crate) fn new_escrow_entries(&mut self) -> Vec<DecryptedEntry> {
        let file = fs::read_to_string(self.path("state/escrow.jsonl")).unwrap_or_default();
        // The PIN of a torn last line was never sent.
        let complete: Vec<&str> = file.lines().filter(|line| line.ends_with('}')).collect();
        let new = complete[self.escrow_lines_read..].iter().map(|line| self.decrypt_line(line)).collect();
        self.escrow_lines_read = complete.len();
        new
    }

    fn decrypt_line(&self, line: &str) -> DecryptedEntry {
        let outer: Value = serde_json::from_str(line).expect("a line of JSON");
        let encrypted = outer["sealed"].as_str().expect("a string");
        let encrypted = base64::engine::general_purpose::STANDARD.decode(encrypted).expect("base64");
        let decryptor = age::Decryptor::new(&encrypted[..]).expect("an age file");
        let mut text = String::new();
        let identities = std::iter::once(&self.key as &dyn age::Identity);
        decryptor.decrypt(identities).expect("it is encrypted to this key").read_to_string(&mut text).expect("text");
        let inner: Value = serde_json::from_str(&text).expect("JSON");
        for name in ["v", "change", "phone_number_id", "waba_id", "at"] {
            assert_eq!(outer[name], inner[name], "{name} of {line}");
        }
        let text = |name: &str| inner[name].as_str().expect("a string").to_owned();
        DecryptedEntry { change: text("change"), number: text("phone_number_id"), pin: text("pin") }
    }

    /// What `jobs show` prints for the last job, number by number.
    pub(crate) fn last_job_lines(&self, waba: usize) -> Vec<Value> {
        let listed = self.run_json(waba, &["jobs", "list", "--json"]);
        let Some(last) = listed.iter().filter_map(|job| job["job"].as_u64()).max() else { return Vec::new() };
        self.run_json(waba, &["jobs", "show", &last.to_string(), "--json"])
    }

    /// Runs a command and parses each line of its output. Numbers without an answer (exit code 4) are not an error.
    pub(crate) fn run_json(&self, waba: usize, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(waba, arguments).output().expect("the command runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() || output.status.code() == Some(4),
            "{arguments:?}: {} {stderr}",
            output.status
        );
        parse_lines(output.stdout)
    }

    /// Runs a command and parses each line of its output, whatever its exit code says of the numbers.
    pub(crate) fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        parse_lines(self.command(0, arguments).output().expect("the command runs").stdout)
    }
}

fn parse_lines(output: Vec<u8>) -> Vec<Value> {
    let text = String::from_utf8(output).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
