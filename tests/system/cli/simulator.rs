//! `pindesk simulator`: what it prints, how it ends, and where it listens.

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
fn the_simulator_listens_only_on_loopback() {
    let output = CliHome::empty().run(&["simulator", "--listen", "192.0.2.1:0"]);
    assert!(output.code == Some(2) && output.stderr.contains("loopback"), "{output:?}");
}
