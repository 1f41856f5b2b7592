//! The connections that wait for a request, oldest first. When there is no room for another one, the oldest of them is closed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{AbortHandle, AbortRegistration};

/// All of them.
#[derive(Debug, Default)]
pub(super) struct IdleConnections {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Rises with each connection that begins to wait.
    last: u64,
    by_age: BTreeMap<u64, AbortHandle>,
}

/// One connection: idle from its beginning, and between two requests.
#[derive(Debug)]
pub(super) struct IdleState {
    all: Arc<IdleConnections>,
    abort: AbortHandle,
    /// Its key among those that wait; [`BUSY`] during a request.
    number: AtomicU64,
}

const BUSY: u64 = 0;

/// A request with its response: the connection is not idle until this is dropped.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<IdleState>);

impl IdleConnections {
    /// A new connection, which waits from now on, and what aborts it.
    pub(super) fn add(self: &Arc<Self>) -> (Arc<IdleState>, AbortRegistration) {
        let (abort, registration) = AbortHandle::new_pair();
        let state = Arc::new(IdleState { all: self.clone(), abort, number: AtomicU64::new(BUSY) });
        state.wait();
        (state, registration)
    }

    /// Returns whether there was one.
    pub(super) fn close_oldest(&self) -> bool {
        let oldest = self.lock().by_age.pop_first();
        oldest.inspect(|(_, connection)| connection.abort()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No holder can panic between two changes.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleState {
    pub(super) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.stop_waiting();
        RequestGuard(self.clone())
    }

    fn wait(&self) {
        let mut waiting = self.all.lock();
        waiting.last += 1;
        let number = waiting.last;
        waiting.by_age.insert(number, self.abort.clone());
        self.number.store(number, Ordering::Relaxed);
    }

    fn stop_waiting(&self) {
        let number = self.number.swap(BUSY, Ordering::Relaxed);
        self.all.lock().by_age.remove(&number);
    }
}

impl Drop for IdleState {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_waits_longest_goes_first_and_a_busy_one_never() {
        let all = Arc::new(IdleConnections::default());
        let connections = [(); 3].map(|()| all.add().0);
        let is_closed = |index: usize| connections[index].abort.is_aborted();
        let request = connections[0].begin_request();
        assert!(all.close_oldest() && is_closed(1) && !is_closed(0) && !is_closed(2));
        drop(request);
        assert!(all.close_oldest() && is_closed(2) && !is_closed(0), "its last request counts, not its age");
        let request = connections[0].begin_request();
        assert!(!all.close_oldest(), "there is no other");
        drop(request);
        drop(connections);
        assert!(!all.close_oldest(), "who is gone waits no more");
    }
}
