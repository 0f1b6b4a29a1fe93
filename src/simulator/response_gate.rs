//! Answers kept back until somebody lets them go: a program can be looked at while its requests are on their way.
//!
//! What was asked for is carried out and counted when it comes, as ever. It keeps back answers, never requests.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Keeps answers back until it is dropped.
#[derive(Debug)]
pub struct HoldGuard(Arc<ResponseGate>);

/// Keeps back the answers of one kind, once asked to.
#[derive(Debug, Default)]
pub(super) struct ResponseGate {
    state: Mutex<ResponseGateState>,
    response_arrived: Condvar,
    released: Notify,
}

#[derive(Debug, Default)]
struct ResponseGateState {
    is_holding: bool,
    /// So many more leave before the first is kept.
    free_passes: usize,
    held_count: usize,
}

impl ResponseGate {
    pub(super) fn hold(self: &Arc<Self>, after: usize) -> HoldGuard {
        let mut state = self.lock();
        (state.is_holding, state.free_passes) = (true, after);
        HoldGuard(Arc::clone(self))
    }

    /// Returns when an answer may leave.
    pub(super) async fn wait_until_open(&self) {
        let let_go = {
            let mut state = self.lock();
            if !state.is_holding {
                return;
            }
            if let Some(free) = state.free_passes.checked_sub(1) {
                state.free_passes = free;
                return;
            }
            state.held_count += 1;
            self.response_arrived.notify_all();
            // Made while nobody can let go: it misses nothing.
            self.released.notified()
        };
        let_go.await;
    }

    fn lock(&self) -> MutexGuard<'_, ResponseGateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HoldGuard {
    /// Waits until so many answers are kept back at once, for so long at most; false if they are not then. Blocks the thread.
    #[must_use]
    pub fn wait_for_held(&self, count: usize, limit: Duration) -> bool {
        let waited = self.0.response_arrived.wait_timeout_while(self.0.lock(), limit, |state| state.held_count < count);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.is_holding, state.held_count) = (false, 0);
        self.0.released.notify_waiters();
    }
}
