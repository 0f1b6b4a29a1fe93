//! The commands that change something, from outside: `pin set`, `escrow`, `audit` and `jobs` against a simulator, what
//! arrives there, their output and their exit codes.

mod support {
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
