//! The program from outside: its commands against `pindesk simulator`, their output, and their exit codes.

mod support {
    pub(crate) mod signals;
}

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::signals;
use tempfile::TempDir;

/// A simulator in a process of its own.
struct SimulatorProcess {
    child: Child,
    url: String,
}

impl SimulatorProcess {
    fn start(options: &[&str]) -> Self {
        signals::reset_ignored_signals();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pindesk"))
            .arg("simulator")
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("a line");
        child.stdout = Some(out.into_inner());
        let url = line.trim_end().strip_prefix("listening on ").expect("the one line").to_owned();
        Self { child, url }
    }

    fn stop_with(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
        let code = self.child.wait().expect("it ends").code();
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

/// A home directory with a config in it.
struct CliHome(TempDir);

impl CliHome {
    fn empty() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    /// With the simulator's access token, and these tables after the profile's own keys.
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
        fs::create_dir_all(path.parent().expect("it has one")).expect("its directory");
        fs::write(&path, content).expect("the file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pindesk"));
        command.args(arguments).env_clear().env("HOME", self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> CliOutput {
        CliOutput::from(&self.command(arguments).output().expect("a process"), self)
    }
}

/// How a command ended, without the name of the temporary directory.
#[derive(Debug)]
struct CliOutput {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl CliOutput {
    fn from(output: &Output, home: &CliHome) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            text.replace(&*home.0.path().to_string_lossy(), "~")
        };
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }
}

fn waba_table(n: u32) -> String {
    format!("[[profile.test.waba]]\nid = \"{}\"\nname = \"waba-{n}\"\n", 100_000_000_000_000_u64 + u64::from(n))
}

fn number_table(id: &str) -> String {
    format!("[[profile.test.number]]\nid = \"{id}\"\nname = \"Front desk\"\n")
}

/// Keeps the fault file alive as long as the simulator.
fn simulator_with_faults(faults: &str) -> (TempDir, SimulatorProcess) {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("faults.toml");
    fs::write(&file, faults).expect("a file");
    let simulator = SimulatorProcess::start(&["--numbers", "100", "--faults", file.to_str().expect("UTF-8")]);
    (dir, simulator)
}

const UNREACHABLE_URL: &str = "http://127.0.0.1:1";

#[test]
fn a_list_is_a_table_for_people() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let ended = CliHome::new(&simulator.url, &waba_table(1)).run(&["numbers", "list"]);
    let mut lines = ended.stdout.lines();
    let header = lines.next().expect("a header");
    assert_eq!(
        header.split_whitespace().collect::<Vec<_>>(),
        ["NUMBER", "PHONE", "NUMBER", "ID", "WABA", "TWO-STEP", "STATUS", "NAME"]
    );
    assert!(lines.next().expect("a row").contains("  200000000000001     waba-1  "), "{ended:?}");
    assert_eq!((ended.code, ended.stdout.lines().count(), ended.stderr.as_str()), (Some(0), 1 + 3, ""));
}

#[test]
fn a_list_for_scripts_has_an_object_a_line_and_ends_with_a_summary() {
    let simulator = SimulatorProcess::start(&["--numbers", "1000"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &waba_table(2) + &number_table("200000000000900")));
    let ended = home.run(&["numbers", "list", "--json"]);
    let objects = ended.json_lines();
    assert_eq!((ended.code, ended.stderr.as_str(), objects.len()), (Some(0), "", 280 + 170 + 1 + 1));
    assert_eq!(
        objects.last().expect("a summary"),
        &json!({"schema": 1, "event": "summary", "total": 451, "unread_wabas": []})
    );
    let keys = [
        "schema",
        "phone_number_id",
        "waba_id",
        "waba_name",
        "display_phone_number",
        "verified_name",
        "two_step",
        "status",
        "quality_rating",
        "code_verification_status",
        "name_status",
        "platform_type",
        "account_mode",
    ];
    for object in &objects[..451] {
        let object = object.as_object().expect("an object");
        assert!(object.len() == keys.len() && keys.iter().all(|key| object.contains_key(*key)), "{object:?}");
        assert_eq!(object["schema"], 1);
        assert!(matches!(object["two_step"].as_str(), Some("on" | "not_set" | "unknown")));
    }
    let alone = objects.iter().find(|object| object["phone_number_id"] == "200000000000900").expect("it is listed");
    assert_eq!(alone["waba_id"], Value::Null);
    // The config calls it "Front desk"; Meta verified another name.
    assert_eq!(
        alone["verified_name"],
        home.run(&["numbers", "show", "200000000000900", "--json"]).json_lines()[0]["verified_name"]
    );
    assert!(alone["verified_name"].is_string() && alone["verified_name"] != "Front desk");
}

#[test]
fn csv_has_the_same_columns_and_a_header_even_without_numbers() {
    let simulator = SimulatorProcess::start(&["--numbers", "1"]);
    let ended = CliHome::new(&simulator.url, &waba_table(1)).run(&["numbers", "list", "--csv"]);
    let none = CliHome::new(&simulator.url, &waba_table(7)).run(&["numbers", "list", "--csv"]);
    let header = "schema,phone_number_id,waba_id,waba_name,display_phone_number,verified_name,two_step,status,\
                  quality_rating,code_verification_status,name_status,platform_type,account_mode\n";
    assert!(ended.stdout.starts_with(&format!("{header}1,200000000000001,100000000000001,waba-1,")), "{ended:?}");
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), header));
}

#[test]
fn a_list_is_narrowed_by_waba_and_by_two_step_verification() {
    let simulator = SimulatorProcess::start(&["--numbers", "1000"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &waba_table(2)));
    let all = home.run(&["numbers", "list", "--json", "--waba", "100000000000002"]).json_lines();
    assert!(all.len() == 171 && all[..170].iter().all(|object| object["waba_name"] == "waba-2"));
    let mut sum = 0;
    for (state, word) in [("on", "on"), ("not-set", "not_set"), ("unknown", "unknown")] {
        let some =
            home.run(&["numbers", "list", "--json", "--waba", "100000000000002", "--two-step", state]).json_lines();
        let (summary, rows) = some.split_last().expect("a summary");
        assert!(!rows.is_empty() && rows.iter().all(|object| object["two_step"] == word), "{state}");
        assert_eq!(summary["total"], rows.len());
        sum += rows.len();
    }
    assert_eq!(sum, 170);
}

#[test]
fn a_number_that_is_configured_by_itself_and_listed_too_is_printed_once() {
    let simulator = SimulatorProcess::start(&["--numbers", "100"]);
    let home = CliHome::new(&simulator.url, &(waba_table(1) + &number_table("200000000000003")));
    let objects = home.run(&["numbers", "list", "--json"]).json_lines();
    let found: Vec<_> = objects.iter().filter(|object| object["phone_number_id"] == "200000000000003").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["waba_name"], json!("waba-1"));
    assert_eq!(objects.last().expect("a summary")["total"], 28);
}

#[test]
fn the_id_of_a_waba_without_a_name_is_whole_in_the_table() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, "[[profile.test.waba]]\nid = \"100000000000001\"\n");
    let ended = home.run(&["numbers", "list"]);
    assert!(ended.stdout.contains("  100000000000001  "), "{ended:?}");
}

#[test]
fn hostile_names_come_out_escaped_in_every_form() {
    let simulator = SimulatorProcess::start(&["--numbers", "12000"]);
    let home = CliHome::new(&simulator.url, &(1..=7).map(waba_table).collect::<String>());
    for form in [&["numbers", "list"][..], &["numbers", "list", "--json"], &["numbers", "list", "--csv"]] {
        let ended = home.run(form);
        let is_bad = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{e0000}'..='\u{e007f}')
        };
        let bad: Vec<_> = ended.stdout.lines().filter(|line| line.contains(is_bad)).collect();
        assert!(ended.code == Some(0) && bad.is_empty(), "{form:?}: {bad:?}");
        assert!(
            ended.stdout.contains("u{1b}") || ended.stdout.contains("\\x1b") || ended.stdout.contains("\\u{"),
            "{form:?}"
        );
    }
}

#[test]
fn one_number_is_shown_for_people_and_for_scripts() {
    let simulator = SimulatorProcess::start(&["--numbers", "10"]);
    let home = CliHome::new(&simulator.url, &waba_table(1));
    let shown = home.run(&["numbers", "show", "200000000000001"]);
    assert!(shown.code == Some(0) && shown.stdout.contains("phone number ID  200000000000001\n"), "{shown:?}");
    let object = &home.run(&["numbers", "show", "200000000000001", "--json"]).json_lines()[0];
    assert_eq!((&object["schema"], &object["phone_number_id"]), (&json!(1), &json!("200000000000001")));
    assert_eq!(object["waba_id"], Value::Null);
    let missing = home.run(&["numbers", "show", "200000000000999"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(3), ""));
    assert!(missing.stderr.starts_with("pindesk: number 200000000000999 could not be read. "), "{missing:?}");
}

#[test]
fn the_exit_code_tells_what_failed() {
    let fault = |waba: u32, code: u32, status: u32| {
        format!(
            "[[fault]]\nwaba = \"10000000000000{waba}\"\ncall = \"list\"\nanswer = {{ code = {code}, status = {status} }}\n"
        )
    };
    let (_dir, simulator) =
        simulator_with_faults(&(fault(1, 100, 400) + &fault(2, 131_016, 500) + &fault(3, 200, 403)));
    for (wabas, code) in [
        (&[4][..], 0),
        (&[1], 3),
        (&[2], 7),
        (&[3], 8),
        (&[3, 4], 8),
        (&[2, 3], 7),
        (&[1, 2, 3], 3),
        (&[3, 2, 1, 4], 3),
    ] {
        let home = CliHome::new(&simulator.url, &wabas.iter().copied().map(waba_table).collect::<String>());
        let ended = home.run(&["numbers", "list", "--json"]);
        assert_eq!(ended.code, Some(code), "{wabas:?}: {ended:?}");
        let summary = ended.json_lines().pop().expect("a summary");
        let unread = summary["unread_wabas"].as_array().expect("a list").len();
        assert_eq!(unread, wabas.iter().filter(|n| **n < 4).count(), "{summary}");
        assert_eq!(ended.stderr.lines().count(), unread, "{ended:?}");
        assert_eq!(home.run(&["numbers", "list", "-q"]).stderr, "");
    }
    let expired = CliHome::with_token(&simulator.url, "SIMULATOR-EXPIRED", 0o600, &waba_table(1));
    assert_eq!(expired.run(&["numbers", "list"]).code, Some(8));
    assert_eq!(expired.run(&["numbers", "show", "200000000000001"]).code, Some(8));
    let offline = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    assert_eq!(offline.run(&["numbers", "list"]).code, Some(7));
    assert_eq!(offline.run(&["numbers", "show", "200000000000001"]).code, Some(7));
}

#[test]
fn a_waba_that_is_not_configured_is_wrong_usage() {
    let ended = CliHome::new(UNREACHABLE_URL, &waba_table(1)).run(&["numbers", "list", "--waba", "100000000000009"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), "pindesk: no WABA 100000000000009 in profile test\n"));
}

#[test]
fn without_a_config_it_is_said_where_one_was_looked_for() {
    let home = CliHome::empty();
    let told = "pindesk: no config file found (~/.config/pindesk/config.toml, /etc/pindesk/config.toml)\n  To try pindesk safely: pindesk --demo\n";
    let list = home.run(&["numbers", "list"]);
    assert_eq!((list.code, list.stdout.as_str(), list.stderr.as_str()), (Some(6), "", told));
    let console = home.run(&[]);
    assert_eq!(
        (console.code, console.stderr),
        (Some(6), format!("{told}  Without the screen:   pindesk numbers list --json\n"))
    );
}

#[test]
fn an_access_token_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let ended = CliHome::with_token(UNREACHABLE_URL, "SIMULATOR", 0o644, &waba_table(1)).run(&["numbers", "list"]);
    assert_eq!(ended.code, Some(6));
    assert!(ended.stderr.contains("(mode 0644)") && ended.stderr.contains("chmod 600 ~/token"), "{ended:?}");
    let broken = CliHome::new(UNREACHABLE_URL, "conccurency = 3\n").run(&["numbers", "list"]);
    assert!(broken.code == Some(6) && broken.stderr.contains("conccurency"), "{broken:?}");
}

#[test]
fn the_screen_needs_a_terminal() {
    let home = CliHome::new(UNREACHABLE_URL, &waba_table(1));
    for arguments in [&[][..], &["--demo"]] {
        let ended = home.run(arguments);
        assert!(ended.code == Some(2) && ended.stdout.is_empty(), "{ended:?}");
        let told = "pindesk: the console needs a terminal\n  For scripts: pindesk numbers list, pindesk pin set, pindesk jobs.";
        assert!(ended.stderr.starts_with(told), "{ended:?}");
    }
    let demo = home.run(&["--demo", "numbers", "list"]);
    assert!(demo.code == Some(2) && demo.stderr.contains("--demo"), "{demo:?}");
}

#[test]
fn a_number_that_cannot_be_used_is_refused_with_what_would_be() {
    const LONG: &str = "99999999999999999999999";
    let home = CliHome::empty();
    let whole = |least| format!("expected a whole number, {least} or more\n");
    let (any, some) = (whole(0), whole(1));
    let up_to_64 = "expected a number from 1 to 64\n".to_owned();
    let address = "expected an address and a port, such as 127.0.0.1:8080\n".to_owned();
    let list = ["pin", "set", "--from", "ids.txt", "--random"];
    for (arguments, name, bad, told) in [
        (&list[..], "--first", &["0", "x", "", "1.5"][..], &some),
        (&list, "--concurrency", &["0", "65", "x", "", LONG], &up_to_64),
        (&["jobs", "resume", "1"], "--concurrency", &["0", "65", "x", "", LONG], &up_to_64),
        (&["jobs", "show"], "", &["0", "x", ""], &some),
        (&["jobs", "resume"], "", &["0", "x", ""], &some),
        (&["simulator"], "--numbers", &["x", ""], &any),
        (&["simulator"], "--seed", &["x", ""], &any),
        (&["simulator"], "--latency", &["x", ""], &any),
        (&["simulator"], "--listen", &["x", "", "localhost:1", "127.0.0.1"], &address),
        (&["--demo"], "--demo-numbers", &["x", ""], &any),
        (&["--demo"], "--demo-seed", &["x", ""], &any),
        (&["--demo"], "--demo-latency", &["x", ""], &any),
    ] {
        let run = |value: &str| {
            let name = Some(name).filter(|name| !name.is_empty());
            home.run(&arguments.iter().copied().chain(name).chain([value]).collect::<Vec<_>>())
        };
        for value in bad {
            let ended = run(value);
            assert!(ended.code == Some(2) && ended.stderr.contains(told), "{arguments:?} {name} {value}: {ended:?}");
        }
        let ended = run(LONG);
        assert!(ended.code == Some(2) && !ended.stderr.contains(LONG), "{arguments:?} {name}: {ended:?}");
        let is_number = told == &some || told == &any;
        assert!(!is_number || ended.stderr.contains("the number is too large\n"), "{arguments:?} {name}: {ended:?}");
    }
}

#[test]
fn wrong_arguments_are_refused_without_repeating_a_value() {
    let home = CliHome::empty();
    for arguments in [
        &["--pin", "409726"][..],
        &["--pin=409726"],
        &["numbers", "list", "--pin", "409726"],
        &["numbers", "show", "--pin=409726"],
        &["--token", "EAAJ409726"],
        &["--access-token=EAAJ409726"],
        &["numbers", "list", "--token", "EAAJ409726"],
        &["409726"],
        &["EAAJ409726"],
        &["-p409726"],
        &["numbers", "list", "409726"],
        &["numbers", "show", "EAAJ409726"],
        &["numbers", "list", "--waba", "EAAJ409726"],
        &["numbers", "list", "--two-step", "EAAJ409726"],
        &["--read-only=409726"],
        &["--demo", "--demo-numbers", "EAAJ409726"],
        &["simulator", "--listen", "EAAJ409726"],
    ] {
        let ended = home.run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!ended.stderr.contains("409726") && !ended.stderr.contains("EAAJ"), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("pindesk: "), "{}", ended.stderr);
    }
    let pin = home.run(&["--pin", "409726"]);
    assert!(pin.stderr.starts_with("pindesk: other users can see a PIN on the command line. "), "{pin:?}");
    let token = home.run(&["--token", "EAAJ409726"]);
    assert!(
        token.stderr.starts_with("pindesk: other users can see an access token on the command line. "),
        "{token:?}"
    );
    let typo = home.run(&["--profil", "x"]);
    assert!(typo.stderr.contains("unexpected argument '--profil' (did you mean '--profile'?)"), "{typo:?}");
}

#[test]
fn help_leads_with_examples_and_fits_80_columns() {
    let home = CliHome::empty();
    for arguments in [
        &["--help"][..],
        &["numbers", "--help"],
        &["numbers", "list", "--help"],
        &["pin", "set", "--help"],
        &["escrow", "open", "--help"],
        &["jobs", "resume", "--help"],
        &["audit", "show", "--help"],
        &["simulator", "--help"],
    ] {
        let help = home
            .command(arguments)
            .env("COLUMNS", "200")
            .env("PINDESK_TOKEN_FILE", "/secret/place")
            .output()
            .expect("a process");
        let help = CliOutput::from(&help, &home);
        assert!(help.code == Some(0) && !help.stdout.contains("/secret/place"));
        let long: Vec<_> = help.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{arguments:?}: {long:?}");
    }
    let help = home.run(&["--help"]).stdout;
    assert!(help.find("pindesk --demo ").expect("an example") < help.find("Usage:").expect("a usage line"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let simulator = SimulatorProcess::start(&["--numbers", "12000"]);
    let home = CliHome::new(&simulator.url, &(1..=7).map(waba_table).collect::<String>());
    for form in ["", "--json", "--csv"] {
        let arguments: Vec<_> = ["numbers", "list", form].into_iter().filter(|word| !word.is_empty()).collect();
        let mut child =
            home.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{form}");
    }
}

#[test]
fn the_simulator_prints_one_line_and_ends_well_by_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let simulator = SimulatorProcess::start(&["--numbers", "10"]);
        let ended = CliHome::new(&simulator.url, &waba_table(1)).run(&["numbers", "list"]);
        assert_eq!(ended.code, Some(0));
        assert_eq!(simulator.stop_with(signal), (Some(0), String::new()));
    }
}

#[test]
fn the_simulator_serves_this_machine_only() {
    let ended = CliHome::empty().run(&["simulator", "--listen", "192.0.2.1:0"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("loopback"), "{ended:?}");
}
