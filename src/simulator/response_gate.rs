//! Holds replies until a test releases them, so that the test can examine a program while its requests are in flight.
//!
//! It never holds requests: the simulator applies and counts each request when it arrives.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Holds replies until it is dropped.
#[derive(Debug)]
pub struct HoldGuard(Arc<ResponseGate>);

/// Holds the replies of one kind while a [`HoldGuard`] exists.
#[derive(Debug, Default)]
pub(super) struct ResponseGate {
    state: Mutex<ResponseGateState>,
    response_arrived: Condvar,
    released: Notify,
}

#[derive(Debug, Default)]
struct ResponseGateState {
    is_holding: bool,
    /// How many replies still leave before the gate holds the first.
    free_passes: usize,
    held_count: usize,
}

impl ResponseGate {
    pub(super) fn hold(self: &Arc<Self>, after: usize) -> HoldGuard {
        let mut state = self.lock();
        (state.is_holding, state.free_passes) = (true, after);
        HoldGuard(Arc::clone(self))
    }

    /// Returns when a reply may leave.
    pub(super) async fn wait_until_open(&self) {
        let released = {
            let mut state = self.lock();
            if !state.is_holding {
                return;
            }
            if let Some(free_passes) = state.free_passes.checked_sub(1) {
                state.free_passes = free_passes;
                return;
            }
            state.held_count += 1;
            self.response_arrived.notify_all();
            // Created under the lock, so that it cannot miss a release.
            self.released.notified()
        };
        released.await;
    }

    fn lock(&self) -> MutexGuard<'_, ResponseGateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HoldGuard {
    /// Waits until the gate holds `count` replies at once; false if it does not within `timeout`. Blocks the thread.
    #[must_use]
    pub fn wait_for_held(&self, count: usize, timeout: Duration) -> bool {
        let result =
            self.0.response_arrived.wait_timeout_while(self.0.lock(), timeout, |state| state.held_count < count);
        !result.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.is_holding, state.held_count) = (false, 0);
        self.0.released.notify_waiters();
    }
}
