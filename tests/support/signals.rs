//! The signals that the programs of a test start with.

use std::sync::Once;
use std::sync::atomic::AtomicBool;

use pindesk::process;
use rustix::process::Signal;

/// What may be ignored by whoever starts the tests: a script in the background, a service, another program's terminal.
const MAY_BE_IGNORED: [Signal; 7] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// From now on, programs start as a shell starts them: with none of these ignored.
///
/// What is ignored is inherited, and what is caught is not: so it is caught here, which changes nothing for the test.
pub(crate) fn start_as_from_a_shell() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in MAY_BE_IGNORED.map(Signal::as_raw) {
            if process::ignores(signal) {
                signal_hook::flag::register(signal, AtomicBool::default().into()).expect("it can be caught");
            }
        }
    });
}
