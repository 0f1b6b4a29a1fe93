//! The commands of pindesk, run as separate processes: their output, their exit codes, and which requests arrive.

mod arguments;
mod audit;
mod backup;
mod config;
mod daily_work;
mod ends;
mod dry_run;
mod escrow;
mod escrow_keys;
mod escrow_open;
mod job_reports;
mod jobs;
mod json_page;
mod meta_texts;
mod numbers;
mod outcomes;
mod pauses;
mod pin_set;
mod refusals;
mod signals;
mod simulator;
mod startup;
mod state_dir;
mod suspend;
mod terminal;
mod typed_pins;
mod typed_secrets;
mod unsafe_files;
mod wabas;

use std::fs::{self, DirBuilder, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::cli_fixture::{CliFixture, CommandOutput, PIN};
use crate::support::pty::PtySession;
use crate::support::signals::reset_ignored_signals;

/// A URL that refuses every connection.
const UNREACHABLE_URL: &str = "http://127.0.0.1:1";

/// What a command says that creates the state directory of a fixture.
const NEW_STATE_DIR: &str = "pindesk: new state directory: ~/.local/state/pindesk\n";

/// A `pindesk simulator` in its own process. It is killed when dropped.
struct SimulatorProcess {
    child: Child,
    url: String,
}

impl SimulatorProcess {
    fn start(options: &[&str]) -> Self {
        reset_ignored_signals();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pindesk"))
            .arg("simulator")
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("a line");
        child.stdout = Some(stdout.into_inner());
        let url = line.trim_end().strip_prefix("listening on ").expect("the address").to_owned();
        Self { child, url }
    }

    /// The port that it listens on.
    fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }

    /// Sends a signal, and returns the exit code and what else the simulator printed.
    fn stop_with(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process exists");
        let code = self.child.wait().expect("the process ends").code();
        let mut rest = String::new();
        self.child.stdout.take().expect("a pipe").read_to_string(&mut rest).expect("text");
        (code, rest)
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A home directory, with or without a config.
struct CliHome(TempDir);

impl CliHome {
    fn empty() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// A config with the simulator's access token, and with these tables after the keys of the profile.
    fn new(url: &str, tables: &str) -> Self {
        Self::with_token(url, "SIMULATOR", 0o600, tables)
    }

    fn with_token(url: &str, token: &str, mode: u32, tables: &str) -> Self {
        let home = Self::empty();
        home.write_file("token", mode, token);
        let token = home.0.path().join("token");
        let config = format!("[profile.test]\ngraph_url = \"{url}\"\ntoken_file = \"{}\"\n{tables}", token.display());
        home.write_file(".config/pindesk/config.toml", 0o600, &config);
        home
    }

    fn write_file(&self, name: &str, mode: u32, content: &str) {
        let path = self.0.path().join(name);
        // Whatever the umask: a directory that the group can write is refused.
        let dirs = path.parent().expect("a parent directory");
        DirBuilder::new().recursive(true).mode(0o700).create(dirs).expect("the directory is created");
        fs::write(&path, content).expect("the file is written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the mode is set");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command.args(arguments).env_clear().env("HOME", self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.output_of(&mut self.command(arguments))
    }

    fn output_of(&self, command: &mut Command) -> CommandOutput {
        CommandOutput::new(&command.output().expect("the process starts"), self.0.path())
    }
}

/// The config table of the simulator's `n`th WABA.
fn waba_table(n: u32) -> String {
    format!("[[profile.test.waba]]\nid = \"{}\"\nname = \"waba-{n}\"\n", 100_000_000_000_000_u64 + u64::from(n))
}

/// The path of the file that holds [`PIN`].
fn pin_path(cli: &CliFixture) -> String {
    cli.path("pin").to_str().expect("UTF-8").to_owned()
}

/// Runs `pin set` with [`PIN`] for one number, confirmed.
fn set_one_pin(cli: &CliFixture, id: &str, more: &[&str]) -> CommandOutput {
    let (pin, digits) = (pin_path(cli), cli.last_four_digits(id));
    cli.run(&[&["pin", "set", id, "--pin-file", &pin, "--confirm", &digits][..], more].concat())
}

/// Runs `pin set --replace` for the first number without a PIN.
fn set_first_pin(cli: &CliFixture) -> CommandOutput {
    let id = cli.number_ids("not-set", 1).remove(0);
    set_one_pin(cli, &id, &["--replace"])
}

/// Asserts that a command exits with this code, says this on standard error, and neither sends a PIN nor prints one.
#[track_caller]
fn assert_refused(cli: &CliFixture, arguments: &[&str], code: i32, message: &str) {
    let requests = cli.simulator.pin_request_count();
    let output = cli.run(arguments);
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", output.stderr);
    assert!(output.stderr.contains(message), "{arguments:?}: {}", output.stderr);
    assert!(!output.stderr.contains(PIN), "{}", output.stderr);
    assert_eq!(cli.simulator.pin_request_count(), requests);
}

/// The display number and the name of a number, as the simulator reports them.
fn names_of(cli: &CliFixture, id: &str) -> [String; 2] {
    let shown = cli.run(&["numbers", "show", id, "--json"]).json_lines().remove(0);
    ["display_phone_number", "verified_name"].map(|key| shown[key].as_str().expect("a string").to_owned())
}

/// A result of a number with these fields, and null in those of Meta's words that are not among them.
fn expected_result(cli: &CliFixture, id: &str, fields: &Value) -> Value {
    let [display, name] = names_of(cli, id);
    let mut result = json!({"schema": 1, "event": "result", "phone_number_id": id, "display_phone_number": display,
                            "verified_name": name, "message": null, "details": null, "user_title": null, "user_message": null, "subcode": null});
    result.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    result
}

/// Runs a command on a terminal of this many columns to its end, and returns its output, wrapped by no line.
fn run_in_terminal(cli: &CliFixture, arguments: &[&str], columns: u16, env: &[(&str, &str)]) -> String {
    let home = cli.path("");
    let env = [&[("HOME", home.to_str().expect("UTF-8")), ("USER", "ana"), ("TERM", "xterm")][..], env].concat();
    let session = PtySession::spawn(env!("CARGO_BIN_EXE_pindesk"), arguments, (columns, 50), &env);
    session.wait_exit();
    String::from_utf8(session.bytes()).expect("UTF-8").replace("\r\n", "\n")
}

/// A result without the fields that differ in each run.
fn without_volatile_fields(object: &Value) -> Value {
    let mut object = object.clone();
    assert!(
        object["change"].is_null() || object["change"].as_str().is_some_and(|change| change.len() == 36),
        "{object}"
    );
    for key in ["change", "trace_id", "reason", "advice"] {
        object.as_object_mut().expect("an object").remove(key).unwrap_or_else(|| panic!("no {key}"));
    }
    object
}

/// The summary that `pin set --json` ends with.
fn expected_summary(job: u32, set: usize, failed: usize, not_sent: usize, no_answer: usize) -> Value {
    let total = set + failed + not_sent + no_answer;
    json!({"schema": 1, "event": "summary", "job": job, "total": total, "set": set, "failed": failed,
           "not_sent": not_sent, "no_answer": no_answer})
}
