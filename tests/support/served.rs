//! A simulator in the test's own process, so that a test can ask it what arrived.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use pindesk::simulator::{Simulator, SimulatorSpec};

/// Runs a simulator in a thread of its own, until it is dropped.
pub(crate) fn spawn_simulator(spec: SimulatorSpec) -> Simulator {
    let (sender, started) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let simulator = Simulator::start(listen, spec).await.expect("it listens");
            let stopper = simulator.stop_token();
            sender.send(simulator).expect("the test waits");
            stopper.cancelled().await;
        });
    });
    started.recv().expect("it starts")
}
