//! The commands that change something, from outside: `pin set`, `escrow`, `audit` and `jobs` against a simulator, what
//! arrives there, their output and their exit codes.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod pty;
    pub(crate) mod served;
    pub(crate) mod shop;
    pub(crate) mod signals;
    pub(crate) mod skip;
    pub(crate) mod watch;
}

mod changes {
    mod escrow;
    mod pin;
    mod refusals;
    mod jobs;
    mod signals;
    mod stops;
}
