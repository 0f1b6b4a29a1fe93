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
fn the_simulator_listens_only_on_loopback() {
    let output = CliHome::empty().run(&["simulator", "--listen", "192.0.2.1:0"]);
    assert!(output.code == Some(2) && output.stderr.contains("loopback"), "{output:?}");
}
