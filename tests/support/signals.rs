//! The signals that the programs of a test start with.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

use pindesk::process;
use rustix::process::Signal;

/// The signals that suspend a program.
const SUSPEND_SIGNALS: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// Makes every program that a test starts from now on start with no signal ignored that pindesk handles, as a shell
/// starts it.
///
/// The test runner may start with some signals ignored: in a background script, in a service, or under another
/// program's terminal. A child inherits an ignored signal, but not a caught one. So this function catches each ignored
/// signal, which changes nothing for the test itself.
pub(crate) fn reset_ignored_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in process::TERMINATION_SIGNALS
            .into_iter()
            .chain(process::UNUSED_FATAL_SIGNALS)
            .chain(SUSPEND_SIGNALS.map(Signal::as_raw))
        {
            if process::is_ignored(signal) {
                signal_hook::flag::register(signal, Arc::new(AtomicBool::default())).expect("the signal can be caught");
            }
        }
    });
}
