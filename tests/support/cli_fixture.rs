//! Everything a command needs to set PINs: a simulator in this process, a config, an access token, a state directory,
//! and a key that PINs are encrypted to. It never touches the operator's own home directory.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use pindesk::simulator::{self, FaultPlan, HoldGuard, Simulator, SimulatorSpec, WorldSpec};
use serde_json::Value;
use tempfile::TempDir;

use super::signals;
use super::simulator_thread::spawn_simulator;
use super::watchdog::wait_with_output;

/// How many numbers the simulator has.
const NUMBERS: usize = 40;

/// Longer than any command takes, even on a busy machine.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(2);

/// The PIN in the PIN file.
pub(crate) const PIN: &str = "409726";

/// A simulator and a home directory with a config that points to it.
pub(crate) struct CliFixture {
    pub(crate) simulator: Simulator,
    home_dir: TempDir,
    recipient: String,
}

/// Waits until the simulator holds back this many answers.
#[track_caller]
pub(crate) fn wait_until_held(held: &HoldGuard, count: usize) {
    assert!(held.wait_for_held(count, COMMAND_TIMEOUT), "fewer than {count} requests arrived");
}

/// The exit code and the output of a command. Each mention of its home directory is replaced by `~`.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CliFixture {
    /// Starts a simulator with this latency and this fault file. The escrow has one recipient.
    pub(crate) fn new(latency: Duration, faults: &str) -> Self {
        let faults = FaultPlan::parse(faults).expect("a valid fault file");
        let simulator = spawn_simulator(SimulatorSpec { world: WorldSpec::new(NUMBERS, 1), latency, faults });
        let key = age::x25519::Identity::generate();
        let recipient = key.to_public().to_string();
        let cli = Self { simulator, home_dir: TempDir::new().expect("a temporary directory"), recipient };
        cli.write_file("key.txt", 0o600, key.to_string().expose_secret());
        cli.write_file("token", 0o600, simulator::FULL_ACCESS_TOKEN);
        cli.write_file("pin", 0o600, PIN);
        cli.write_config("", &[&cli.recipient]);
        cli
    }

    /// A simulator that answers at once and without faults.
    pub(crate) fn without_faults() -> Self {
        Self::new(Duration::ZERO, "")
    }

    /// Writes the config with these lines in the profile and these recipients.
    pub(crate) fn write_config(&self, lines: &str, recipients: &[&str]) {
        let wabas = simulator::wabas();
        let wabas = wabas.iter().map(|waba| format!("[[profile.acme.waba]]\nid = \"{}\"\n", waba.id));
        let escrow =
            if recipients.is_empty() { String::new() } else { format!("[escrow]\nrecipients = {recipients:?}\n") };
        let config = format!(
            "{escrow}[profile.acme]\ntoken_file = \"{}\"\ngraph_url = \"{}\"\n{lines}\n{}",
            self.path("token").display(),
            self.simulator.base_url(),
            wabas.collect::<String>()
        );
        self.write_file(".config/pindesk/config.toml", 0o600, &config);
    }

    /// The public key that PINs are encrypted to at first.
    pub(crate) fn recipient(&self) -> &str {
        &self.recipient
    }

    /// A path below the home directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home_dir.path().join(name)
    }

    /// A path in the state directory, which holds the journal and the escrow file.
    pub(crate) fn state_path(&self, name: &str) -> PathBuf {
        self.path(".local/state/pindesk").join(name)
    }

    /// Writes a file below the home directory and returns its path.
    pub(crate) fn write_file(&self, name: &str, mode: u32, content: &str) -> String {
        let path = self.path(name);
        // Whatever the umask: a directory that the group can write is refused.
        let dirs = path.parent().expect("a parent directory");
        DirBuilder::new().recursive(true).mode(0o700).create(dirs).expect("the directory is created");
        fs::write(&path, content).expect("the file is written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the mode is set");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file of phone number IDs and returns its path.
    pub(crate) fn write_id_list(&self, ids: &[String]) -> String {
        self.write_file("ids.txt", 0o644, &(ids.join("\n") + "\n"))
    }

    /// The first numbers whose two-step verification is in this state.
    pub(crate) fn number_ids(&self, two_step: &str, count: usize) -> Vec<String> {
        let listed = self.run(&["numbers", "list", "--json", "--two-step", two_step]);
        let ids =
            listed.json_lines().into_iter().filter_map(|object| Some(object["phone_number_id"].as_str()?.to_owned()));
        let ids: Vec<String> = ids.take(count).collect();
        assert_eq!(ids.len(), count, "{listed:?}");
        ids
    }

    /// The last four digits of a number, which `--confirm` takes.
    pub(crate) fn last_four_digits(&self, id: &str) -> String {
        let shown = self.run(&["numbers", "show", id, "--json"]).json_lines().remove(0);
        let display = shown["display_phone_number"].as_str().expect("a display number").to_owned();
        let digits: String = display.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len() - 4..].to_owned()
    }

    /// A command that has not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        signals::reset_ignored_signals();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command.args(arguments).env_clear().env("HOME", self.home_dir.path()).env("USER", "ana").stdin(Stdio::null());
        command
    }

    /// Runs a command without input to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = self.command(arguments);
        self.wait_for_output(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts"))
    }

    /// Runs a command to its end and writes this text to its standard input.
    pub(crate) fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> CommandOutput {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the process starts");
        // A command that refuses before it reads closes the pipe.
        child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).ok();
        self.wait_for_output(child)
    }

    /// Waits for the end of a command that was started.
    pub(crate) fn wait_for_output(&self, child: Child) -> CommandOutput {
        CommandOutput::new(&wait_with_output(child), self.home_dir.path())
    }

    /// The PIN in force on a number, if two-step verification is on.
    pub(crate) fn pin_in_force(&self, id: &str) -> Option<String> {
        let pin = self.simulator.pin_in_force(&id.parse().expect("a phone number ID"))?;
        Some(String::from_utf8(pin.to_vec()).expect("digits"))
    }
}

impl CommandOutput {
    /// The output of a command that ran with this home directory.
    pub(crate) fn new(output: &Output, home_dir: &Path) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            text.replace(&*home_dir.to_string_lossy(), "~")
        };
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The lines of standard output, each parsed as JSON.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("one JSON object per line")).collect()
    }

    /// The last line of standard output, parsed as JSON.
    pub(crate) fn summary(&self) -> Value {
        self.json_lines().pop().unwrap_or_else(|| panic!("no summary: {self:?}"))
    }
}
