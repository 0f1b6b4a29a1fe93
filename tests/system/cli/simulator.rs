//! `pindesk simulator`: what it prints, how it ends, and where it listens.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use rustix::process::Signal;

use super::{CliHome, SimulatorProcess, waba_table};

#[test]
fn the_simulator_prints_one_line_and_exits_0_on_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let simulator = SimulatorProcess::start(&["--numbers", "10"]);
        let output = CliHome::new(&simulator.url, &waba_table(1)).run(&["numbers", "list"]);
        assert_eq!(output.code, Some(0));
        assert_eq!(simulator.stop_with(signal), (Some(0), String::new()));
    }
}

#[test]
fn the_wabas_have_the_sizes_that_are_asked_for() {
    let simulator = SimulatorProcess::start(&["--waba-sizes", "3,0,2", "--calls-per-hour", "50"]);
    let wabas: String = (1..=3).map(waba_table).collect();
    let home = CliHome::new(&simulator.url, &wabas);
    let waba_ids: Vec<_> = home.run(&["numbers", "list", "--json"]).json_lines();
    let count = |waba: &str| waba_ids.iter().filter(|number| number["waba_id"] == waba).count();
    assert_eq!(["100000000000001", "100000000000002", "100000000000003"].map(count), [3, 0, 2]);
    let output = CliHome::empty().run(&["simulator", "--waba-sizes", "1,1,1,1,1,1,1,1"]);
    assert!(output.code == Some(2) && output.stderr.contains("there are only 7 WABAs"), "{output:?}");
}

#[test]
fn the_simulator_writes_a_config_that_fits_it() {
    let home = CliHome::empty();
    let dir = home.0.path().join("sim");
    let simulator = SimulatorProcess::start(&["--numbers", "10", "--write-config", dir.to_str().expect("UTF-8")]);
    let mode = |path: &str| fs::metadata(dir.join(path)).expect("it exists").permissions().mode() & 0o7777;
    assert_eq!([mode(""), mode("config.toml"), mode("token"), mode("key.txt")], [0o700, 0o600, 0o600, 0o600]);
    let text = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    let options = [text("config.toml"), text("state"), text("key.txt")];
    let run =
        |arguments: &[&str]| home.run(&[&["--config", &options[0], "--state-dir", &options[1]], arguments].concat());
    let listed = run(&["numbers", "list", "--json", "--two-step", "not-set"]);
    let id = listed.json_lines()[0]["phone_number_id"].as_str().expect("an ID").to_owned();
    home.write_file("ids", 0o600, &id);
    let ids = home.0.path().join("ids");
    let set = run(&["pin", "set", "--from", ids.to_str().expect("UTF-8"), "--random", "--confirm", "1"]);
    assert_eq!(set.code, Some(0), "{set:?}");
    let opened = run(&["escrow", "open", "--identity", &options[2], &id]);
    assert!(opened.code == Some(0) || opened.stderr.contains("--json"), "{opened:?}");
    drop(simulator);
}

#[test]
fn a_later_simulator_uses_the_config_again() {
    let home = CliHome::empty();
    let dir = home.0.path().join("sim");
    let options = ["--numbers", "10", "--write-config", dir.to_str().expect("UTF-8")];
    let files = || ["config.toml", "token", "key.txt"].map(|name| fs::read_to_string(dir.join(name)).expect("a file"));
    let first = SimulatorProcess::start(&options);
    let (url, written) = (first.url.clone(), files());
    let taken = home.run(&[&["simulator"][..], &options].concat());
    let message = format!("pindesk: cannot listen on 127.0.0.1:{}: Address already in use\n", first.port());
    assert!(taken.code == Some(2) && taken.stderr.starts_with(&message), "{taken:?}");
    let other = home.run(&[&["simulator", "--listen", "127.0.0.1:9"][..], &options].concat());
    let expected = format!(
        "pindesk: --listen 127.0.0.1:9: ~/sim/config.toml is for 127.0.0.1:{}\n  \
         Leave out --listen, or name another directory.\n",
        first.port()
    );
    assert_eq!((other.code, other.stderr), (Some(2), expected));
    drop(first);
    for more in [&[][..], &["--listen", "127.0.0.1:0"]] {
        let again = SimulatorProcess::start(&[&options[..], more].concat());
        assert_eq!((&again.url, files()), (&url, written.clone()));
        let mut list = home.command(&["numbers", "list", "--json"]);
        let list = home.output_of(list.env("PINDESK_CONFIG", dir.join("config.toml")));
        assert_eq!((list.code, &list.summary()["total"]), (Some(0), &10.into()), "{list:?}");
    }
}

#[test]
fn the_simulator_says_how_to_use_its_config() {
    let home = CliHome::empty();
    let dir = home.0.path().join("sim");
    let mut printed = Vec::new();
    for _ in 0..2 {
        let mut command = home.command(&["simulator", "--write-config", dir.to_str().expect("UTF-8")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the process starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let is_last = |line: &String| line.starts_with("A restart");
        let mut lines = Vec::new();
        for line in stderr.lines().map(|line| line.expect("text")) {
            lines.push(line.replace(&*home.0.path().to_string_lossy(), "~"));
            if lines.last().is_some_and(is_last) {
                break;
            }
        }
        child.kill().expect("the process exists");
        child.wait().expect("the process ends");
        printed.push(lines);
    }
    let hint = [
        "To use it, in another terminal:",
        "  export PINDESK_CONFIG=~/sim/config.toml",
        "  export PINDESK_STATE_DIR=~/sim/state",
        "  pindesk numbers list",
        "To decrypt the PINs that were set:",
        "  pindesk escrow open --identity ~/sim/key.txt",
        "A restart of the simulator forgets its PINs: its numbers are as at the first start.",
    ];
    let again = [&["~/sim/config.toml is used again."], &hint[..]].concat();
    assert_eq!(printed, [hint.to_vec(), again]);
}

#[test]
fn the_simulator_writes_over_no_file() {
    let home = CliHome::empty();
    home.write_file("sim/token", 0o644, "mine");
    let dir = home.0.path().join("sim");
    let output = home.run(&["simulator", "--write-config", dir.to_str().expect("UTF-8")]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (
            Some(2),
            "",
            "pindesk: ~/sim/token exists, and is not written over\n  \
             Name another directory, or leave out --write-config.\n"
        )
    );
    assert_eq!(fs::read_to_string(dir.join("token")).expect("a file"), "mine");
    assert!(!dir.join("config.toml").exists());
}

#[test]
fn the_simulator_listens_only_on_loopback() {
    let output = CliHome::empty().run(&["simulator", "--listen", "192.0.2.1:0"]);
    assert!(output.code == Some(2) && output.stderr.contains("loopback"), "{output:?}");
}

#[test]
fn a_written_config_has_the_app_secret_of_the_simulator() {
    let home = CliHome::empty();
    let dir = home.0.path().join("sim");
    let options = ["--numbers", "3", "--require-proof", "--write-config", dir.to_str().expect("UTF-8")];
    let with_secret = |secret| [&options[..], &["--app-secret", secret]].concat();
    let simulator = SimulatorProcess::start(&with_secret("made-up"));
    let config = dir.join("config.toml");
    let list = ["--config", config.to_str().expect("UTF-8"), "numbers", "list", "--json"];
    let listed = home.run(&list);
    assert_eq!((listed.code, listed.json_lines().len()), (Some(0), 4), "{listed:?}");
    fs::write(dir.join("app-secret"), "another").expect("a file");
    assert_eq!(home.run(&list).code, Some(8), "another proof is refused");
    drop(simulator);
    let refused = home.run(&[&["simulator"], &with_secret("made-up")[..]].concat());
    assert!(refused.code == Some(2) && refused.stderr.contains("--app-secret"), "{refused:?}");
}
