//! A simulator in the test's own process, so that a test can ask which requests arrived.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use pindesk::simulator::{Simulator, SimulatorSpec};

/// Runs a simulator in its own thread until the simulator is dropped.
pub(crate) fn spawn_simulator(spec: SimulatorSpec) -> Simulator {
    let (sender, started) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let simulator = Simulator::start(address, spec).await.expect("the simulator listens");
            let stop_token = simulator.stop_token();
            sender.send(simulator).expect("the test waits for the simulator");
            stop_token.cancelled().await;
        });
    });
    started.recv().expect("the simulator starts")
}
