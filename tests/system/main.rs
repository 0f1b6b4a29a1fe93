//! Tests that write a journal or an escrow, or that start pindesk as a process.

mod cli;
mod console;
mod crash;
mod escrow;
mod jobs;
mod journal;
mod memory;
mod process;
mod screenshots;
mod ssh;
mod terminal;

#[path = "../support"]
mod support {
    pub(crate) mod child;
    pub(crate) mod cli_fixture;
    pub(crate) mod console_driver;
    pub(crate) mod crash_fixture;
    pub(crate) mod faulty_graph;
    pub(crate) mod journal_fixture;
    pub(crate) mod pty;
    pub(crate) mod random_graph;
    #[expect(dead_code, reason = "the other crate of tests uses more of it")]
    pub(crate) mod scripted_server;
    pub(crate) mod signals;
    pub(crate) mod simulator_thread;
    pub(crate) mod skip;
    pub(crate) mod state_fixture;
    pub(crate) mod svg;
    pub(crate) mod tampering;
    pub(crate) mod terminal_fixture;
    pub(crate) mod trace;
    pub(crate) mod watchdog;
}
