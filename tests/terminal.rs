//! The program on a real terminal: what it shows, what it sends, and how it leaves.

mod support {
    pub(crate) mod office;
    pub(crate) mod pty;
    pub(crate) mod served;
    pub(crate) mod signals;
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
}

mod session {
    mod bytes;
    mod demo;
    mod exits;
    mod keys;
    mod small_console;
}
