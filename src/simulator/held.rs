//! Answers kept back until somebody lets them go: a program can be looked at while its requests are on their way.
//!
//! What was asked for is carried out and counted when it comes, as ever. It keeps back answers, never requests.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Keeps answers back until it is dropped.
#[derive(Debug)]
pub struct Held(Arc<Keeper>);

/// Keeps back the answers of one kind, once asked to.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    state: Mutex<State>,
    came: Condvar,
    let_go: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_holding: bool,
    /// So many more leave before the first is kept.
    free: usize,
    waiting: usize,
}

impl Keeper {
    pub(super) fn hold(self: &Arc<Self>, after: usize) -> Held {
        let mut state = self.state();
        (state.is_holding, state.free) = (true, after);
        Held(Arc::clone(self))
    }

    /// Returns when an answer may leave.
    pub(super) async fn pass(&self) {
        let let_go = {
            let mut state = self.state();
            if !state.is_holding {
                return;
            }
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return;
            }
            state.waiting += 1;
            self.came.notify_all();
            // Made while nobody can let go: it misses nothing.
            self.let_go.notified()
        };
        let_go.await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Waits until so many answers are kept back at once, for so long at most; false if they are not then. Blocks the thread.
    #[must_use]
    pub fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let waited = self.0.came.wait_timeout_while(self.0.state(), limit, |state| state.waiting < count);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.0.state();
        (state.is_holding, state.waiting) = (false, 0);
        self.0.let_go.notify_waiters();
    }
}
