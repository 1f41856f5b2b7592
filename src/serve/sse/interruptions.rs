//! What interrupts a stream that waits for events or states: the shutdown of the server, and the next heartbeat.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::super::Shutdown;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    Shutdown,
    Heartbeat,
}

/// Both in one. A stream polls it after each event, ten thousand streams ten times a second, and polling two futures costs a tenth of
/// what a write to a socket costs. So they are polled once, and again when one of them can be ready.
pub(super) struct Interruptions {
    shutdown: Shutdown,
    requested: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    interval: Duration,
    next_heartbeat: Instant,
    timer: Pin<Box<Sleep>>,
    /// Whom both futures wake; `None` before they are polled.
    waker: Option<Waker>,
}

impl Interruptions {
    /// Heartbeats come one `interval` apart. A client that was too slow for some of them gets one, not all that it missed.
    pub(super) fn new(shutdown: &Shutdown, interval: Duration) -> Self {
        let next_heartbeat = Instant::now() + interval;
        Interruptions {
            shutdown: shutdown.clone(),
            requested: Box::pin(shutdown.clone().requested()),
            interval,
            next_heartbeat,
            timer: Box::pin(sleep_until(next_heartbeat)),
            waker: None,
        }
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Interruption {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Interruption> {
        let will_wake = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if will_wake && !self.shutdown.is_requested() && Instant::now() < self.next_heartbeat {
            return Poll::Pending;
        }
        if self.requested.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Interruption::Shutdown);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            self.next_heartbeat = Instant::now() + self.interval;
            self.timer.as_mut().reset(self.next_heartbeat);
            self.waker = None;
            return Poll::Ready(Interruption::Heartbeat);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::sync::watch;

    use super::*;

    #[derive(Default)]
    struct CountedWaker(AtomicUsize);

    impl Wake for CountedWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_noticed_however_often_it_was_asked_for_before() {
        let (request, shutdown) = watch::channel(false);
        let mut interruptions = Interruptions::new(&Shutdown(shutdown), Duration::from_secs(15));
        let (counted, other) = (Arc::new(CountedWaker::default()), Arc::new(CountedWaker::default()));
        let poll = |interruptions: &mut Interruptions, waker: &Arc<CountedWaker>| {
            interruptions.poll(&mut Context::from_waker(&Waker::from(waker.clone())))
        };
        for round in 1..=3 {
            for _ in 0..3 {
                assert_eq!(poll(&mut interruptions, &counted), Poll::Pending);
            }
            tokio::time::sleep(Duration::from_secs(15)).await;
            assert_eq!(counted.0.load(Ordering::SeqCst), round, "each heartbeat wakes once");
            assert_eq!(poll(&mut interruptions, &counted), Poll::Ready(Interruption::Heartbeat));
        }
        assert_eq!(poll(&mut interruptions, &counted), Poll::Pending);
        // Another task has it now: that one is woken.
        assert_eq!(poll(&mut interruptions, &other), Poll::Pending);
        request.send_replace(true);
        assert_eq!(other.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(&mut interruptions, &other), Poll::Ready(Interruption::Shutdown));
    }
}
