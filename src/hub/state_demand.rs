//! Whether anybody wants states. One of thousands of stories costs more than all else that an event costs, and as much memory as the
//! model: it is made while somebody reads states, and when somebody asks for one.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What readers of states want, and what its maker owes them.
#[derive(Default)]
pub struct StateDemand {
    readers: AtomicUsize,
    /// The newest snapshot is not of the newest state: nobody wanted that, or it is being made.
    is_stale: AtomicBool,
    /// Milliseconds for which a snapshot is good enough, because the next one costs much.
    interval: AtomicU64,
    /// Wakes the maker.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl StateDemand {
    /// The maker is woken so when somebody wants a state and the newest snapshot is stale.
    pub fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second one would never be called: there is one maker.
        let _second = self.wake.set(Box::new(wake)).is_err();
    }

    /// Whether somebody reads states.
    pub fn is_wanted(&self) -> bool {
        self.readers.load(Ordering::SeqCst) > 0
    }

    /// A snapshot is due. Returns whether it is to be made; without a reader the newest one is stale from now on.
    pub fn take_due(&self) -> bool {
        // In this order: a reader that comes between the two finds it stale, and wakes the maker.
        let was_stale = self.is_stale.swap(true, Ordering::SeqCst);
        let is_wanted = self.is_wanted();
        // A snapshot that nobody wanted for long stays stale until the newer one is there: until then nobody may take it for the newest.
        if is_wanted && !was_stale {
            self.is_stale.store(false, Ordering::SeqCst);
        }
        is_wanted
    }

    /// The newest snapshot is of the newest state. Only the maker calls it.
    pub(super) fn mark_current(&self) {
        self.is_stale.store(false, Ordering::SeqCst);
    }

    /// Whether somebody waits for a snapshot, because the newest one is stale.
    pub fn is_owed(&self) -> bool {
        self.is_stale() && self.is_wanted()
    }

    /// Until the next snapshot no other is asked for within this time.
    pub fn set_interval(&self, interval: Duration) {
        self.interval.store(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval.load(Ordering::Relaxed))
    }

    pub(super) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for StateDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateDemand").field("readers", &self.readers).field("is_stale", &self.is_stale).finish_non_exhaustive()
    }
}

/// A reader of states: each newer state is made while there is one.
#[derive(Debug)]
pub struct StateReader(Arc<StateDemand>);

impl StateReader {
    pub(super) fn new(demand: Arc<StateDemand>) -> Self {
        demand.readers.fetch_add(1, Ordering::SeqCst);
        if demand.is_stale()
            && let Some(wake) = demand.wake.get()
        {
            wake();
        }
        StateReader(demand)
    }
}

impl Drop for StateReader {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::SeqCst);
    }
}
