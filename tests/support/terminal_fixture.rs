//! Everything the real console needs: a simulator, a config file, an access token and a terminal.
//!
//! The simulator runs in this process, so that a test can ask which requests arrived. The console only gets its
//! address.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pindesk::simulator::{self, FaultPlan, Simulator, SimulatorSpec, WorldSpec};
use tempfile::TempDir;

use super::pty::PtySession;
use super::simulator_thread::spawn_simulator;

/// How many numbers the simulator has: enough to scroll.
pub(crate) const NUMBERS: usize = 200;

/// The PIN that tests type.
pub(crate) const PIN: &str = "409726";

/// What only the question about a number without a PIN shows.
pub(crate) const QUESTION: &str = "y  send it";

/// Longer than the pause in typing that a confirmation needs.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// More than the console needs to open its journal on a busy disk.
const JOURNAL_OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// More than the time from the last write of an opening journal until the console handles its report.
const JOURNAL_REPORT_DELAY: Duration = Duration::from_millis(200);

/// Meta may have applied a PIN request that it answers with this error. The console does not retry it.
pub(crate) const AMBIGUOUS_ERROR_FAULT: &str = "[[fault]]\nevery = 1\nanswer = { code = 190, status = 500 }";

/// No PIN request gets an answer.
pub(crate) const TIMEOUT_FAULT: &str = "[[fault]]\nevery = 1\nanswer = \"timeout\"";

/// A simulator and a config that points to it.
pub(crate) struct TerminalFixture {
    simulator: Simulator,
    temp_dir: TempDir,
}

impl TerminalFixture {
    /// Starts a simulator with this latency and this fault file.
    pub(crate) fn new(latency: Duration, faults: &str) -> Self {
        let spec = SimulatorSpec {
            world: WorldSpec::new(NUMBERS, 1),
            latency,
            faults: FaultPlan::parse(faults).expect("a valid fault file"),
        };
        let simulator = spawn_simulator(spec);
        let temp_dir = TempDir::new().expect("a temporary directory");
        let fixture = Self { simulator, temp_dir };
        let token = fixture.path("token");
        fs::write(&token, simulator::FULL_ACCESS_TOKEN).expect("the file is written");
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("the mode is set");
        fs::write(fixture.path("config.toml"), fixture.config_text(&token)).expect("the file is written");
        fixture
    }

    /// A simulator that answers at once and without faults.
    pub(crate) fn without_faults() -> Self {
        Self::new(Duration::ZERO, "")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp_dir.path().join(name)
    }

    fn config_text(&self, token: &Path) -> String {
        let profile = format!(
            "default_profile = \"acme\"\n[profile.acme]\ntoken_file = \"{}\"\ngraph_url = \"{}\"\n",
            token.display(),
            self.simulator.base_url()
        );
        let wabas = simulator::wabas().into_iter().map(|waba| {
            let name = waba.name.as_ref().map_or("", |name| name.as_str());
            format!("[[profile.acme.waba]]\nid = \"{}\"\nname = \"{name}\"\n", waba.id)
        });
        profile + &wabas.collect::<String>()
    }

    /// Makes the console get its access token from this shell script, whose `$1` is the directory of the fixture.
    pub(crate) fn use_token_command(&self, script: &str) {
        let token = self.path("token");
        let command =
            format!("token_command = ['sh', '-c', '''{script}''', 'sh', '{}']", self.temp_dir.path().display());
        let config = self.config_text(&token).replace(&format!("token_file = \"{}\"", token.display()), &command);
        fs::write(self.path("config.toml"), config).expect("the file is written");
    }

    /// Adds lines to the end of the config.
    pub(crate) fn append_to_config(&self, lines: &str) {
        let config = fs::read_to_string(self.path("config.toml")).expect("a config");
        fs::write(self.path("config.toml"), config + lines).expect("the file is written");
    }

    /// How many PIN requests arrived.
    pub(crate) fn pin_requests(&self) -> usize {
        self.simulator.pin_request_count()
    }

    /// On how many numbers [`PIN`] is in force.
    pub(crate) fn pins_in_force(&self) -> usize {
        let ids = (0..NUMBERS).map(|n| format!("{}", 200_000_000_000_001 + n).parse().expect("a phone number ID"));
        let pin = PIN.as_bytes();
        ids.filter(|id| self.simulator.pin_in_force(id).is_some_and(|in_force| in_force == pin)).count()
    }

    /// The directory below which the console writes all its files.
    pub(crate) fn temp_path(&self) -> &Path {
        self.temp_dir.path()
    }

    /// Starts the console with these environment variables besides the default ones, and waits for its numbers.
    pub(crate) fn start_console(&self, env: &[(&str, &str)]) -> PtySession {
        self.start_console_with_script(None, env)
    }

    /// Like [`Self::start_console`], but a shell script runs the console as `"$@"`.
    pub(crate) fn start_console_with_script(&self, script: Option<&str>, env: &[(&str, &str)]) -> PtySession {
        let before = self.journal_open_count();
        let session = self.spawn(script, &[], env);
        self.wait_until_ready(&session, before);
        session
    }

    /// Waits for the numbers on this screen, and until the journal was opened more than `before` times.
    pub(crate) fn wait_until_ready(&self, screen: &PtySession, before: i64) {
        self.wait_until_ready_with(screen, before, &format!("Read {NUMBERS} numbers."));
    }

    /// Like [`Self::wait_until_ready`], where the message about the numbers is this one.
    pub(crate) fn wait_until_ready_with(&self, screen: &PtySession, before: i64, message: &str) {
        screen.wait_for(message);
        // Until the journal is open, no PIN can be set. The list does not show when it is open.
        let deadline = Instant::now() + JOURNAL_OPEN_TIMEOUT;
        while self.journal_open_count() == before && Instant::now() < deadline {
            screen.bytes_within(JOURNAL_OPEN_TIMEOUT / 100);
        }
        screen.wait_until_quiet(JOURNAL_REPORT_DELAY);
    }

    fn journal_path(&self) -> PathBuf {
        self.path(".local/state/pindesk/journal.db")
    }

    /// Asserts that another process can write to the journal and the escrow file without waiting.
    pub(crate) fn assert_journal_writable(&self) {
        let journal = rusqlite::Connection::open(self.journal_path()).expect("a journal");
        journal.busy_timeout(Duration::ZERO).expect("a setting");
        journal.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect("the lock is free");
        let escrow = fs::File::options().append(true).open(self.journal_path().with_file_name("escrow.jsonl"));
        let lock =
            rustix::fs::flock(escrow.expect("an escrow file"), rustix::fs::FlockOperation::NonBlockingLockExclusive);
        lock.expect("the lock is free");
    }

    /// Deletes the database of the journal, as another process could.
    pub(crate) fn delete_journal(&self) {
        fs::remove_file(self.journal_path()).expect("the file exists");
    }

    /// The recorded outcomes, oldest first.
    pub(crate) fn recorded_outcomes(&self) -> Vec<String> {
        let journal = self.open_journal_read_only().expect("a journal");
        let mut outcomes = journal.prepare("SELECT kind FROM outcomes ORDER BY seq").expect("a table");
        let kinds = outcomes.query_map([], |row| row.get(0)).expect("rows");
        kinds.collect::<Result<_, _>>().expect("strings")
    }

    fn open_journal_read_only(&self) -> rusqlite::Result<rusqlite::Connection> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        rusqlite::Connection::open_with_flags(self.journal_path(), flags)
    }

    /// How often processes have opened the journal so far.
    pub(crate) fn journal_open_count(&self) -> i64 {
        let journal = self.open_journal_read_only();
        let runs = |journal: rusqlite::Connection| journal.query_row("SELECT count(*) FROM runs", [], |row| row.get(0));
        journal.and_then(runs).unwrap_or_default()
    }

    /// Sets [`PIN`] on a number with a command, in another process, for the user `ana`.
    pub(crate) fn set_pin_by_command(&self, id: &str, last_four: &str) {
        self.run_command_with_pin(&["pin", "set", id, "--confirm", last_four]);
    }

    /// Runs a command with [`PIN`] in another process, for the user `ana`.
    pub(crate) fn run_command_with_pin(&self, arguments: &[&str]) {
        let pin_file = self.path("pin");
        fs::write(&pin_file, PIN).expect("the file is written");
        fs::set_permissions(&pin_file, fs::Permissions::from_mode(0o600)).expect("the mode is set");
        let pin_path = pin_file.to_str().expect("UTF-8");
        self.run_command(&[arguments, &["--pin-file", pin_path]].concat());
        fs::remove_file(pin_file).expect("it was there");
    }

    /// Runs a command in another process, for the user `ana`, and returns what it printed.
    pub(crate) fn run_command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command.arg("--config").arg(self.path("config.toml")).args(arguments);
        let output = command.env_clear().env("HOME", self.path("")).env("USER", "ana").output();
        let output = output.expect("the command runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Starts the console and does not wait for anything.
    pub(crate) fn spawn(&self, script: Option<&str>, flags: &[&str], env: &[(&str, &str)]) -> PtySession {
        let (home, config) = (self.path(""), self.path("config.toml"));
        let (home, config) = (home.to_str().expect("UTF-8"), config.to_str().expect("UTF-8"));
        let defaults = [
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("HOME", home),
            ("USER", "ana"),
            ("PATH", "/usr/bin:/bin"),
        ];
        let is_overridden = |name: &str| env.iter().any(|(set, _)| *set == name);
        let env: Vec<_> =
            defaults.into_iter().filter(|(name, _)| !is_overridden(name)).chain(env.iter().copied()).collect();
        let program = env!("CARGO_BIN_EXE_pindesk");
        let arguments = ["--config", config];
        let arguments = arguments.iter().chain(flags);
        match script {
            None => PtySession::spawn(program, &arguments.copied().collect::<Vec<_>>(), (80, 24), &env),
            Some(script) => {
                let shell = ["-c", script, "sh", program];
                let words: Vec<_> = shell.iter().chain(arguments).copied().collect();
                PtySession::spawn("/bin/sh", &words, (80, 24), &env)
            }
        }
    }
}

/// The pages of the console. Pages with a field have some text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsolePage {
    List,
    Filter,
    Form,
    Confirm,
    Number,
    Help,
    /// The question whether to quit while a PIN is in doubt.
    Quit,
}

impl ConsolePage {
    pub(crate) const ALL: [Self; 7] =
        [Self::List, Self::Filter, Self::Form, Self::Confirm, Self::Number, Self::Help, Self::Quit];

    /// Opens the page from the list. [`Self::Quit`] needs a fixture with [`AMBIGUOUS_ERROR_FAULT`].
    pub(crate) fn open(self, session: &mut PtySession) {
        match self {
            Self::List => {}
            Self::Filter => type_filter(session, "55"),
            Self::Form => {
                session.send("p");
                session.wait_for("PIN again");
                session.send(&PIN[..4]);
                session.wait_for("[*] [*] [*] [*] [_]");
            }
            Self::Confirm => open_confirmation(session),
            Self::Number => {
                session.send("\r");
                session.wait_for("Last request");
            }
            Self::Help => {
                session.send("?");
                session.wait_for("Help: ");
            }
            Self::Quit => {
                open_confirmation(session);
                confirm(session);
                session.wait_for("no answer");
                // The fault blames the access token, so its page is in front of the list.
                session.wait_for("Access token refused");
                session.send("q");
                session.wait_until_gone("Access token refused");
                session.send("q");
                session.wait_for("Quit while a PIN is in doubt?");
            }
        }
    }
}

/// Opens the filter and types this text.
pub(crate) fn type_filter(session: &mut PtySession, text: &str) {
    session.send("/");
    session.wait_for("Enter apply");
    session.send(text);
    session.wait_for(&format!("/ {text}"));
}

/// Moves the cursor to a number without a PIN.
pub(crate) fn select_unset_number(session: &mut PtySession) {
    type_filter(session, "two-step:not-set");
    session.send("\r");
    session.wait_for("p set PIN");
}

/// Opens the form for a number without a PIN.
pub(crate) fn open_form(session: &mut PtySession) {
    select_unset_number(session);
    session.send("p");
    session.wait_for("PIN again");
}

/// Types a PIN for a number without one, up to the question.
pub(crate) fn open_confirmation(session: &mut PtySession) {
    open_form(session);
    session.send(format!("{PIN}{PIN}"));
    session.wait_for("Ready. Press Enter.");
    session.send("\r");
    session.wait_for(QUESTION);
}

/// Answers the question with yes, after a pause.
pub(crate) fn confirm(session: &mut PtySession) {
    session.wait_until_quiet(QUIET_TIME);
    session.send("y");
    session.wait_until_gone(QUESTION);
}
