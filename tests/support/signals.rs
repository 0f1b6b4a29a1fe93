//! The signals that the programs of a test start with.

use std::sync::Once;
use std::sync::atomic::AtomicBool;

use pindesk::process;
use rustix::process::Signal;

/// What stops a program.
const STOP_SIGNALS: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// From now on, programs start as a shell starts them: with no signal ignored that they heed.
///
/// Whoever starts the tests may ignore some: a script in the background, a service, another program's terminal. What is
/// ignored is inherited, and what is caught is not: so it is caught here, which changes nothing for the test.
pub(crate) fn reset_ignored_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in process::TERMINATION_SIGNALS
            .into_iter()
            .chain(process::UNUSED_FATAL_SIGNALS)
            .chain(STOP_SIGNALS.map(Signal::as_raw))
        {
            if process::is_ignored(signal) {
                signal_hook::flag::register(signal, AtomicBool::default().into()).expect("it can be caught");
            }
        }
    });
}
